//! The programs: one directory each, with a `main` file per language.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// A program that is written in several languages.
#[derive(Clone, Debug)]
pub struct Program {
    /// Name of the directory.
    pub name: String,
    /// What it does, from the comment at the top of the Gene version.
    pub about: String,
    /// The size given to it; `None`: its own.
    pub size: Option<String>,
    dir: PathBuf,
}

impl Program {
    /// The same in the size that a file beside it says, if there is one: `long` takes a
    /// compiler about a second, `short` the interpreter about 10 ms.
    #[must_use]
    pub fn in_size(mut self, file: &str) -> Option<Program> {
        let size = fs::read_to_string(self.dir.join(file)).ok()?;
        self.size = Some(size.trim().to_owned());
        Some(self)
    }

    /// The source for a language, by file extension, if there is one.
    pub fn source(&self, extension: &str) -> Option<PathBuf> {
        let path = self.dir.join(format!("main.{extension}"));
        path.is_file().then_some(path)
    }
}

/// All programs in a directory, by name.
///
/// # Errors
///
/// The directory cannot be read, or holds no program.
pub fn discover(dir: &Path) -> Result<Vec<Program>> {
    let entries = fs::read_dir(dir).with_context(|| format!("cannot read {}", dir.display()))?;
    let mut programs = Vec::new();
    for entry in entries {
        let dir = entry?.path();
        let source = dir.join("main.gene");
        if !source.is_file() {
            continue;
        }
        let text = fs::read_to_string(&source)
            .with_context(|| format!("cannot read {}", source.display()))?;
        let name = dir.file_name().unwrap_or_default().to_string_lossy().into_owned();
        programs.push(Program { name, about: leading_comment(&text), size: None, dir });
    }
    if programs.is_empty() {
        bail!("no programs in {}", dir.display());
    }
    programs.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(programs)
}

/// The programs with the given names, in that order; all if no name is given.
///
/// # Errors
///
/// A name that no program has.
pub fn select(all: Vec<Program>, names: &[String]) -> Result<Vec<Program>> {
    if names.is_empty() {
        return Ok(all);
    }
    names
        .iter()
        .map(|name| {
            all.iter().find(|p| p.name == *name).cloned().with_context(|| {
                let known: Vec<&str> = all.iter().map(|p| p.name.as_str()).collect();
                format!("no program {name}; there are {}", known.join(", "))
            })
        })
        .collect()
}

fn leading_comment(source: &str) -> String {
    let lines: Vec<&str> =
        source.lines().map_while(|line| line.strip_prefix('#')).map(str::trim).collect();
    lines.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comment_ends_at_the_first_other_line() {
        assert_eq!(leading_comment("# One\n# two.\n\n# three\n(f)"), "One two.");
        assert_eq!(leading_comment("(f)"), "");
    }

    #[test]
    fn every_program_says_what_it_does() {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("programs");
        for program in discover(&dir).unwrap() {
            assert!(program.about.ends_with('.'), "{} has no description", program.name);
        }
    }

    #[test]
    fn programs_are_complete() {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("programs");
        for program in discover(&dir).unwrap() {
            // Lua and Ruby have no tasks of their own, so those two go together.
            assert_eq!(program.source("lua").is_some(), program.source("rb").is_some());
            for extension in ["js", "py"] {
                assert!(program.source(extension).is_some(), "{} {extension}", program.name);
            }
        }
    }

    #[test]
    fn selection_keeps_the_order_asked_for() {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("programs");
        let all = discover(&dir).unwrap();
        let names = ["tak".to_owned(), "fib".to_owned()];
        let some = select(all.clone(), &names).unwrap();
        assert_eq!(some.iter().map(|p| p.name.as_str()).collect::<Vec<_>>(), ["tak", "fib"]);
        assert!(select(all, &["nothing".to_owned()]).is_err());
    }
}

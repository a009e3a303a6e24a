//! Instruction counts: `cargo bench --bench count`, held against the counts that are
//! kept in the repository.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;
use std::{env, fs, io};

use anyhow::{Context, Result, bail};

use crate::machine;

/// A count may grow by this many percent without explanation.
const TOLERANCE: f64 = 3.0;

/// What `baseline.txt` begins with.
const HEAD: &str = "\
# Instructions of each case of `cargo bench --bench count`, which `cargo perf counts` compares. A commit
# that makes one grow by more than 3 % says why and moves the baseline: `cargo perf counts --update`.
";

/// Counts by case, and what they depend on besides the sources.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Baseline {
    /// Processor family, compiler, C library, valgrind.
    pub made_with: String,
    /// Instructions by `group.name`.
    pub counts: BTreeMap<String, u64>,
}

/// Counts the cases with `filter` in their names, and compares them with the baseline
/// of the repository, or moves that if `update` says so. Whether all is well.
///
/// # Errors
///
/// The benchmark cannot be built or fails, or a file cannot be written.
pub fn run(repository: &Path, filter: Option<&str>, update: bool) -> Result<bool> {
    let Some(valgrind) = machine::answer("valgrind", &["--version"]) else {
        println!("counts: skipped, valgrind is not installed");
        return Ok(true);
    };
    let runner = env::var("IAI_CALLGRIND_RUNNER").unwrap_or("iai-callgrind-runner".to_owned());
    // It answers nothing by itself; that it can be started is enough.
    if Command::new(&runner).arg("--version").output().is_err() {
        println!("counts: skipped, the runner is not installed (benches/README.md says how)");
        return Ok(true);
    }
    let begin = SystemTime::now();
    let cargo = env::var_os("CARGO").unwrap_or("cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(repository).args(["bench", "--quiet"]);
    // Not by its package: the root package decides about features.
    command.args(["--bench", "count", "--"]).args(filter);
    if !command.status().context("cargo cannot be started")?.success() {
        bail!("cargo bench --bench count has failed");
    }
    let counts = counted_since(&target_dir(repository).join("iai"), begin);
    let now = Baseline { made_with: made_with(&valgrind), counts };
    let path = repository.join("benches/baseline.txt");
    let before = Baseline::load(&path).unwrap_or_default();
    if update {
        let all = now.updating(&before);
        all.save(&path).with_context(|| format!("cannot write {}", path.display()))?;
        println!("counts: {} are in {}", now.counts.len(), path.display());
        return Ok(true);
    }
    let comparison = now.against(&before);
    print!("{}", comparison.text);
    Ok(comparison.passed)
}

/// What counts depend on besides the sources.
fn made_with(valgrind: &str) -> String {
    let word = |text: Option<String>, at: usize| {
        let text = text.unwrap_or_default();
        let line = text.lines().next().unwrap_or_default();
        line.split_whitespace().nth(at).unwrap_or("?").to_owned()
    };
    let rustc = word(machine::answer("rustc", &["--version"]), 1);
    let libc = word(machine::answer("getconf", &["GNU_LIBC_VERSION"]), 1);
    format!("{}, rustc {rustc}, libc {libc}, {valgrind}", env::consts::ARCH)
}

/// Where cargo puts what it builds.
fn target_dir(repository: &Path) -> PathBuf {
    repository.join(env::var_os("CARGO_TARGET_DIR").unwrap_or("target".into()))
}

/// What comes of a comparison.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Comparison {
    /// Lines for the terminal.
    pub text: String,
    /// False if a count has grown too much.
    pub passed: bool,
}

impl Baseline {
    /// Reads one.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub fn load(path: &Path) -> io::Result<Baseline> {
        Ok(Baseline::parse(&fs::read_to_string(path)?))
    }

    fn parse(text: &str) -> Baseline {
        let mut baseline = Baseline::default();
        for line in text.lines() {
            if let Some(made_with) = line.strip_prefix("# made with: ") {
                baseline.made_with = made_with.to_owned();
            } else if let Some((name, count)) = line.split_once(' ')
                && let Ok(count) = count.trim().parse()
            {
                baseline.counts.insert(name.to_owned(), count);
            }
        }
        baseline
    }

    /// Writes it.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn save(&self, path: &Path) -> io::Result<()> {
        fs::write(path, self.text())
    }

    fn text(&self) -> String {
        let mut text = format!("{HEAD}# made with: {}\n", self.made_with);
        for (name, count) in &self.counts {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{name:<32} {count:>12}");
        }
        text
    }

    /// These counts, and of those before the ones that were not counted again.
    #[must_use]
    pub fn updating(&self, before: &Baseline) -> Baseline {
        let mut all = self.clone();
        for (name, count) in &before.counts {
            all.counts.entry(name.clone()).or_insert(*count);
        }
        all
    }

    /// Compares these counts with those before. Counts that were made with something
    /// else are shown and not judged: another compiler or C library changes them all.
    #[must_use]
    pub fn against(&self, before: &Baseline) -> Comparison {
        let judged = self.made_with == before.made_with;
        let mut text = String::new();
        let (mut grown, mut shrunk, mut new) = (0, 0, 0);
        for (name, now) in &self.counts {
            let Some(then) = before.counts.get(name) else {
                new += 1;
                let _ = writeln!(text, "{name}: {now}, not in the baseline");
                continue;
            };
            let change = (*now as f64 - *then as f64) * 100.0 / (*then).max(1) as f64;
            if change.abs() <= TOLERANCE {
                continue;
            }
            if change > 0.0 {
                grown += 1
            } else {
                shrunk += 1
            }
            let _ = writeln!(text, "{name}: {now} instead of {then}, {change:+.1} %");
        }
        let _ = writeln!(
            text,
            "counts: {} cases, {grown} grown and {shrunk} shrunk by more than 3 %, {new} new",
            self.counts.len(),
        );
        if !judged {
            let _ = writeln!(
                text,
                "counts: not judged, made with {} instead of {}",
                self.made_with, before.made_with
            );
        } else if grown > 0 {
            text.push_str("counts: explain it in the commit, and move the baseline:\n");
            text.push_str("    cargo perf counts --update\n");
        }
        Comparison { text, passed: !judged || grown == 0 }
    }
}

/// The counts that the runner of iai-callgrind has written since a time: by the
/// directory `function.case` of the output of callgrind.
fn counted_since(folder: &Path, begin: SystemTime) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for file in outputs(folder) {
        let fresh = fs::metadata(&file).and_then(|m| m.modified()).is_ok_and(|time| time >= begin);
        let name = file.parent().and_then(Path::file_name).map(|name| name.to_string_lossy());
        if let (true, Some(name), Ok(text)) = (fresh, name, fs::read_to_string(&file))
            && let Some(count) = total(&text)
        {
            *counts.entry(name.into_owned()).or_default() += count;
        }
    }
    counts
}

/// Instructions of a file of callgrind, whose first event they are.
fn total(text: &str) -> Option<u64> {
    let line = text.lines().rev().find_map(|line| line.strip_prefix("totals: "))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Files of callgrind below a directory.
fn outputs(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if path.is_dir() {
            files.extend(outputs(&path));
        } else if name.starts_with("callgrind.") && name.ends_with(".out") {
            files.push(path);
        }
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    fn baseline(made_with: &str, counts: &[(&str, u64)]) -> Baseline {
        let counts = counts.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
        Baseline { made_with: made_with.to_owned(), counts }
    }

    #[test]
    fn a_file_holds_it_all() {
        let all = baseline("x, rustc 1", &[("calls.a", 5), ("tasks.bcd", 123_456_789)]);
        assert_eq!(Baseline::parse(&all.text()), all);
    }

    #[test]
    fn three_percent_are_free() {
        let before = baseline("x", &[("a", 1000), ("b", 1000), ("c", 1000)]);
        assert!(baseline("x", &[("a", 1030), ("b", 100)]).against(&before).passed);
        let grown = baseline("x", &[("a", 1031), ("d", 7)]).against(&before);
        assert!(!grown.passed);
        assert!(grown.text.contains("a: 1031 instead of 1000, +3.1 %"), "{}", grown.text);
        assert!(grown.text.contains("d: 7, not in the baseline"), "{}", grown.text);
    }

    #[test]
    fn another_compiler_is_not_judged() {
        let before = baseline("rustc 1", &[("a", 1000)]);
        let now = baseline("rustc 2", &[("a", 2000)]).against(&before);
        assert!(now.passed && now.text.contains("not judged"), "{}", now.text);
    }

    #[test]
    fn what_was_not_counted_stays() {
        let before = baseline("x", &[("a", 1), ("b", 2)]);
        assert_eq!(
            baseline("x", &[("b", 3)]).updating(&before),
            baseline("x", &[("a", 1), ("b", 3)])
        );
    }

    #[test]
    fn totals_are_those_of_callgrind() {
        assert_eq!(total("events: Ir Dr\nfn=(1)\n0 5 6\ntotals: 7250 12\n"), Some(7250));
        assert_eq!(total("events: Ir\n"), None);
    }
}

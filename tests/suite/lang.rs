//! `tests/lang/<topic>/*.gene`: programs that carry their expectations.
//!
//! | Comment | Meaning |
//! |---|---|
//! | `# expect: text` | the next line of stdout is `text` |
//! | `# expect-error: fragment` | exit code 1, and stderr contains `fragment` |
//! | `# expect-warning: text` | stderr has this line after those of the comments before, and no others about types |
//! | `# flags: --max-depth=99` | flags of `gene run`, for every mode |
//! | `# modes: interp` | the only modes the program is run in, with a reason beside it |

use std::{fs, path::Path, time::Duration};

use libtest_mimic::{Failed, Trial};

use super::{
    files_with_extension, folders, is_left_out,
    modes::{self, GC_STRESS, INTERP, JIT_EAGER, JIT_SOON, Mode, VERIFY_HEAP},
    process::{Run, difference},
    root, stem,
};

const TIME_LIMIT: Duration = Duration::from_secs(30);

/// What the comments of a program say about it.
struct Expectations {
    stdout: String,
    errors: Vec<String>,
    warnings: Vec<String>,
    flags: Vec<String>,
    modes: Option<String>,
}

pub fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    for folder in folders(&root().join("tests/lang")) {
        let topic = stem(&folder);
        for program in files_with_extension(&folder, "gene") {
            let source = fs::read_to_string(&program).unwrap_or_default();
            let only = Expectations::read(&source).modes;
            let left_out = is_left_out(&source);
            for mode in modes::selected(&[INTERP, GC_STRESS, VERIFY_HEAP, JIT_EAGER, JIT_SOON]) {
                if only.as_ref().is_some_and(|only| !only.split(' ').any(|name| name == mode.name))
                {
                    continue;
                }
                let name = format!("lang::{topic}::{} [{}]", stem(&program), mode.name);
                let program = program.clone();
                trials.push(
                    Trial::test(name, move || check(&program, mode)).with_ignored_flag(left_out),
                );
            }
        }
    }
    trials
}

fn check(program: &Path, mode: Mode) -> Result<(), Failed> {
    let source = fs::read_to_string(program)?;
    let expectations = Expectations::read(&source);
    modes::check(mode, &source, |flags| check_with(program, &expectations, mode, flags))
}

fn check_with(
    program: &Path,
    expectations: &Expectations,
    mode: Mode,
    flags: &[&str],
) -> Result<(), Failed> {
    let mut arguments = vec!["run".to_owned()];
    arguments.extend(flags.iter().map(|flag| (*flag).to_owned()));
    arguments.extend(expectations.flags.iter().cloned());
    arguments.push(program.to_string_lossy().into_owned());
    let outcome = Run::new(arguments).limit(TIME_LIMIT * mode.patience).finish()?;

    outcome.survived()?.expect_stdout(&expectations.stdout)?;
    if !expectations.warnings.is_empty() {
        let folder = format!("{}/", program.parent().unwrap_or(program).display());
        let warnings: Vec<String> = outcome
            .stderr
            .lines()
            .filter(|line| line.contains("Type error"))
            .map(|line| line.replace(&folder, ""))
            .collect();
        let expected = expectations.warnings.join("\n");
        if warnings.join("\n") != expected {
            return outcome.fail(&difference(&expected, &warnings.join("\n")));
        }
    }
    if expectations.errors.is_empty() {
        outcome.expect_code(0)?;
    } else {
        outcome.expect_code(1)?.expect_diagnostic()?;
        for fragment in &expectations.errors {
            outcome.expect_stderr_contains(fragment)?;
        }
    }
    Ok(())
}

impl Expectations {
    fn read(source: &str) -> Self {
        let mut found = Self {
            stdout: String::new(),
            errors: Vec::new(),
            warnings: Vec::new(),
            flags: Vec::new(),
            modes: None,
        };
        for line in source.lines() {
            if let Some(text) = comment(line, "# expect:") {
                found.stdout.push_str(text);
                found.stdout.push('\n');
            } else if let Some(text) = comment(line, "# expect-error:") {
                found.errors.push(text.to_owned());
            } else if let Some(text) = comment(line, "# expect-warning:") {
                found.warnings.push(text.to_owned());
            } else if let Some(text) = comment(line, "# flags:") {
                found.flags.extend(text.split_whitespace().map(str::to_owned));
            } else if let Some(text) = comment(line, "# modes:") {
                found.modes = Some(text.to_owned());
            }
        }
        found
    }
}

/// The text after a marker, without the one space that separates them.
fn comment<'a>(line: &'a str, marker: &str) -> Option<&'a str> {
    let (_, text) = line.split_once(marker)?;
    Some(text.strip_prefix(' ').unwrap_or(text))
}

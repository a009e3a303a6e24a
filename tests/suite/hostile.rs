//! Malformed and hostile programs. Whatever a file holds, the runtime ends in
//! time and by itself: malformed ones with exit code 1 and a diagnostic,
//! hostile but legal ones with 0, or with 1 and a diagnostic.
//!
//! The inputs lie in `hostile/`; they are written to cargo's folder for
//! temporary files of tests, where a failing one can be found again.

mod depth;
mod malformed;
mod natives;
mod runtime;
mod size;

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use libtest_mimic::{Failed, Trial};

use super::process::Run;

/// Two seconds in an optimised build, many times that otherwise.
const TIME_LIMIT: Duration =
    if cfg!(debug_assertions) { Duration::from_secs(60) } else { Duration::from_secs(2) };

/// What a case must do.
#[derive(Clone)]
enum Verdict {
    /// Exit code 1 with a diagnostic; nothing of the program runs.
    Malformed,
    /// Exit code 1 with a diagnostic after the program has begun.
    Fails,
    /// Exit code 0, or 1 with a diagnostic.
    Survives,
    /// Exit code 0 and this output.
    Prints(String),
    /// This last line of the output; futures that fail may be reported.
    LastLine(&'static str),
}

/// One input and what must come of it.
struct Case {
    name: String,
    source: Box<dyn Fn() -> Vec<u8> + Send>,
    flags: Vec<&'static str>,
    verdict: Verdict,
}

/// Written once: a case without a generator of its own.
fn text(name: impl Into<String>, source: impl Into<String>, verdict: Verdict) -> Case {
    let source = source.into();
    bytes(name, move || source.clone().into_bytes(), verdict)
}

/// A case whose text is made only when the test runs.
fn generated(
    name: impl Into<String>,
    source: impl Fn() -> String + Send + 'static,
    verdict: Verdict,
) -> Case {
    bytes(name, move || source().into_bytes(), verdict)
}

fn bytes(
    name: impl Into<String>,
    source: impl Fn() -> Vec<u8> + Send + 'static,
    verdict: Verdict,
) -> Case {
    Case { name: name.into(), source: Box::new(source), flags: Vec::new(), verdict }
}

impl Case {
    fn with_flags(mut self, flags: &[&'static str]) -> Self {
        self.flags.extend(flags);
        self
    }
}

fn prints(text: &str) -> Verdict {
    Verdict::Prints(format!("{text}\n"))
}

pub fn trials() -> Vec<Trial> {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("hostile");
    let cases = [
        ("malformed", malformed::cases()),
        ("depth", depth::cases()),
        ("size", size::cases()),
        ("runtime", runtime::cases()),
        ("natives", natives::cases()),
    ];
    let mut trials = Vec::new();
    for (group, cases) in cases {
        for case in cases {
            let file = folder.join(group).join(format!("{}.gene", case.name));
            let name = format!("hostile::{group}::{}", case.name);
            trials.push(Trial::test(name, move || check(&case, &file)));
        }
    }
    trials
}

fn check(case: &Case, file: &Path) -> Result<(), Failed> {
    fs::create_dir_all(file.parent().unwrap_or(file))?;
    fs::write(file, (case.source)())?;
    let mut arguments = vec!["run".to_owned()];
    arguments.extend(case.flags.iter().map(|flag| (*flag).to_owned()));
    arguments.push(file.to_string_lossy().into_owned());
    // Some write files.
    let work = file.with_extension("");
    let _ = fs::remove_dir_all(&work);
    fs::create_dir_all(&work)?;
    let outcome = Run::new(arguments).current_dir(&work).limit(TIME_LIMIT).finish()?;

    outcome.survived()?;
    match &case.verdict {
        Verdict::Malformed => {
            outcome.expect_code(1)?.expect_diagnostic()?.expect_stdout("")?;
        }
        Verdict::Fails => {
            outcome.expect_code(1)?.expect_diagnostic()?;
        }
        Verdict::Prints(expected) => {
            outcome.expect_code(0)?.expect_stdout(expected)?;
        }
        Verdict::LastLine(expected) => {
            let last = outcome.stdout.lines().last().unwrap_or_default();
            if last != *expected {
                return outcome.fail(&format!("the last line should be {expected:?}:\n{last}"));
            }
        }
        Verdict::Survives if outcome.code == Some(0) => {}
        Verdict::Survives => {
            outcome.expect_code(1)?.expect_diagnostic()?;
        }
    }
    Ok(())
}

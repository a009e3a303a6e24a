//! `tests/errors`: the whole report of a failing program, word by word.
//!
//! `name.stderr` holds what `gene run [flags] name.gene` writes to stderr;
//! `UPDATE=1 cargo test --test gene errors` rewrites it. A `# flags:` comment
//! gives flags, and each `# expect-error:` names a fragment that the report
//! contains whatever the snapshot says. Machine code reports the same.

use std::{env, fs, path::Path};

use libtest_mimic::{Failed, Trial};

use super::{
    files_with_extension,
    modes::{self, INTERP, JIT_EAGER, Mode},
    process::{Outcome, Run, difference},
    root, stem,
};

pub fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    for program in files_with_extension(&root().join("tests/errors"), "gene") {
        for mode in modes::selected(&[INTERP, JIT_EAGER]) {
            let name = format!("errors::{} [{}]", stem(&program), mode.name);
            let program = program.clone();
            trials.push(Trial::test(name, move || check(&program, mode)));
        }
    }
    trials
}

fn check(program: &Path, mode: Mode) -> Result<(), Failed> {
    let source = String::from_utf8_lossy(&fs::read(program)?).into_owned();
    let marked = |marker: &'static str| {
        source.lines().filter_map(move |line| line.split_once(marker)).map(|(_, text)| text.trim())
    };
    let mut arguments = vec!["run"];
    arguments.extend(mode.flags);
    arguments.extend(marked("# flags:").flat_map(str::split_whitespace));
    let file = format!("{}.gene", stem(program));
    arguments.push(&file);
    let outcome = Run::new(arguments).current_dir(&root().join("tests/errors")).finish()?;

    outcome.expect_code(1)?.expect_diagnostic()?;
    for fragment in marked("# expect-error:") {
        outcome.expect_stderr_contains(fragment)?;
    }
    compare(&outcome, &program.with_extension("stderr"), mode)
}

fn compare(outcome: &Outcome, snapshot: &Path, mode: Mode) -> Result<(), Failed> {
    if env::var_os("UPDATE").is_some() && mode == INTERP {
        return Ok(fs::write(snapshot, &outcome.stderr)?);
    }
    match fs::read_to_string(snapshot) {
        Ok(expected) if expected == outcome.stderr => Ok(()),
        Ok(expected) => outcome.fail(&format!(
            "the report differs from its snapshot: {}",
            difference(&expected, &outcome.stderr)
        )),
        Err(_) => outcome.fail("there is no snapshot; UPDATE=1 writes it"),
    }
}

//! `tests/errors`: the whole report of a failing program, word by word.
//!
//! `name.stderr` holds what `gene run [flags] name.gene` writes to stderr;
//! `UPDATE=1 cargo test --test gene errors` rewrites it. A `# flags:` comment
//! gives flags, and each `# expect-error:` names a fragment that the report
//! contains whatever the snapshot says.

use std::{env, fs, path::Path};

use libtest_mimic::{Failed, Trial};

use super::{
    files_with_extension,
    process::{Outcome, Run, difference},
    root, stem,
};

pub fn trials() -> Vec<Trial> {
    files_with_extension(&root().join("tests/errors"), "gene")
        .into_iter()
        .map(|program| Trial::test(format!("errors::{}", stem(&program)), move || check(&program)))
        .collect()
}

fn check(program: &Path) -> Result<(), Failed> {
    let source = String::from_utf8_lossy(&fs::read(program)?).into_owned();
    let marked = |marker: &'static str| {
        source.lines().filter_map(move |line| line.split_once(marker)).map(|(_, text)| text.trim())
    };
    let mut arguments = vec!["run"];
    arguments.extend(marked("# flags:").flat_map(str::split_whitespace));
    let file = format!("{}.gene", stem(program));
    arguments.push(&file);
    let outcome = Run::new(arguments).current_dir(&root().join("tests/errors")).finish()?;

    outcome.expect_code(1)?.expect_diagnostic()?;
    for fragment in marked("# expect-error:") {
        outcome.expect_stderr_contains(fragment)?;
    }
    compare(&outcome, &program.with_extension("stderr"))
}

fn compare(outcome: &Outcome, snapshot: &Path) -> Result<(), Failed> {
    if env::var_os("UPDATE").is_some() {
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

//! `examples`: every program a newcomer sees runs, on the input beside it.
//!
//! `name.gene` prints `name.out`. A file `data/name.stdin` is its standard
//! input; a comment `# run: gene run examples/name.gene arg...` gives its
//! arguments. The working directory is the package's.

use std::{fs, path::Path, time::Duration};

use libtest_mimic::{Failed, Trial};

use super::{
    files_with_extension,
    modes::{self, INTERP, JIT_EAGER, JIT_SOON, Mode},
    process::Run,
    root, stem,
};

/// Books and game boards take their time in a debug build.
const TIME_LIMIT: Duration = Duration::from_secs(60);

pub fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    for program in files_with_extension(&root().join("examples"), "gene") {
        for mode in modes::selected(&[INTERP, JIT_EAGER, JIT_SOON]) {
            let name = format!("examples::{} [{}]", stem(&program), mode.name);
            let program = program.clone();
            trials.push(Trial::test(name, move || check(&program, mode)));
        }
    }
    trials
}

fn check(program: &Path, mode: Mode) -> Result<(), Failed> {
    let source = fs::read_to_string(program)?;
    let command = source
        .lines()
        .find_map(|line| line.strip_prefix("# run: gene "))
        .ok_or("the header should have a line `# run: gene run examples/...`")?;
    // What follows `<` is the input, which the shell would redirect.
    let mut arguments: Vec<&str> =
        command.split('<').next().unwrap_or_default().split_whitespace().collect();
    // Behind `run`, before the file.
    arguments.splice(1..1, mode.flags.iter().copied());
    let input = program.with_file_name(format!("data/{}.stdin", stem(program)));

    let outcome = Run::new(arguments)
        .stdin(fs::read(input).unwrap_or_default())
        .limit(TIME_LIMIT * mode.patience)
        .finish()?;
    let expected = fs::read_to_string(program.with_extension("out"))?;
    outcome.survived()?.expect_stdout(&expected)?.expect_code(0)?;
    Ok(())
}

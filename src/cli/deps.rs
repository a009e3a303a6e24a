//! `gene deps`: the dependencies of a package.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use super::FAILED;
use super::flags::{DepsArgs, DepsTask};
use super::terminal::Stdout;
use crate::module::{Error, deps};

/// Does the task and says what is there now.
pub fn run(args: &DepsArgs) -> io::Result<ExitCode> {
    match carry_out(args) {
        Ok(text) => Stdout.write_all(text.as_bytes()).map(|()| ExitCode::SUCCESS),
        Err(error) => {
            writeln!(io::stderr(), "gene deps: {error}")?;
            Ok(ExitCode::from(FAILED))
        }
    }
}

fn carry_out(args: &DepsArgs) -> Result<String, Error> {
    let root = deps::root(args.root.as_deref().unwrap_or(Path::new(".")))?;
    let lock = match args.task {
        DepsTask::Install => deps::install(&root)?,
        DepsTask::Update => deps::update(&root)?,
        DepsTask::Verify => deps::verify(&root)?,
        DepsTask::Clean => return deps::clean(&root).map(|()| String::new()),
    };
    Ok(lock.packages.iter().map(|(id, package)| format!("{id} {}\n", package.dir)).collect())
}

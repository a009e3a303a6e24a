//! The sources are formatted.

use std::process::Command;

use libtest_mimic::{Failed, Trial};

use super::root;

pub fn trials() -> Vec<Trial> {
    vec![Trial::test("format::cargo_fmt", check)]
}

fn check() -> Result<(), Failed> {
    let cargo = option_env!("CARGO").unwrap_or("cargo");
    let output =
        Command::new(cargo).args(["fmt", "--all", "--check"]).current_dir(root()).output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!(
        "`cargo fmt --all` would change:\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
    .into())
}

//! The Gene programs in `docs/*.md`: each block runs by itself and prints what
//! its comments say, `# prints a / b` for two lines.

use std::fs;

use libtest_mimic::{Failed, Trial};

use super::{process::Run, root};

/// Documents whose blocks are whole programs.
const DOCUMENTS: &[&str] = &["async.md"];

pub fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    for document in DOCUMENTS {
        let text = fs::read_to_string(root().join("docs").join(document)).unwrap_or_default();
        let blocks: Vec<String> = text.split("```gene\n").skip(1).map(block).collect();
        let count = blocks.len();
        trials.push(Trial::test(format!("documents::{document}::has_programs"), move || {
            if count == 0 { Err("no programs found".into()) } else { Ok(()) }
        }));
        for (index, program) in blocks.into_iter().enumerate() {
            let name = format!("documents::{document}::{:02}", index + 1);
            trials.push(Trial::test(name, move || check(&program)));
        }
    }
    trials
}

/// The text up to the end of the block.
fn block(rest: &str) -> String {
    rest.split_once("```").map_or(rest, |(program, _)| program).to_owned()
}

fn check(program: &str) -> Result<(), Failed> {
    let told = program.lines().filter_map(|line| line.split_once("# prints "));
    let expected: String =
        told.flat_map(|(_, text)| text.split(" / ")).map(|line| format!("{line}\n")).collect();
    let outcome = Run::new(["run", "-"]).stdin(program.as_bytes()).finish()?;
    outcome.expect_code(0)?.expect_stdout(&expected).map(drop)
}

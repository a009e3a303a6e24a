//! What mutations begin with: the programs of the tests and examples.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Programs with these words touch the system, or print what differs from run
/// to run.
const AVOIDED: &[&str] = &[
    "File",
    "Dir",
    "gene/io",
    "gene/os",
    "system/",
    "exec",
    "shell",
    "write_tree",
    "read_tree",
    "today",
    "tomorrow",
    "yesterday",
    "now",
    "rand",
    "stats",
    "exit",
    "env",
    "cwd",
    "vm/gc",
    "http",
    "Http",
    "sqlite",
    "$program",
    "$args",
    "stdin",
    "gets",
    "readline",
];

/// Longer programs take long under stress and share what the others have.
const LONGEST_BYTES: usize = 4000;

/// The programs of the language reference, which seldom change.
pub fn reference() -> Vec<String> {
    load(&["tests/conformance"])
}

/// All programs.
pub fn all() -> Vec<String> {
    load(&["tests/conformance", "tests/lang", "tests/errors", "examples"])
}

/// The texts, in an order that does not depend on the machine.
fn load(folders: &[&str]) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for folder in folders {
        find(&root.join(folder), &mut files);
    }
    files.sort();
    files
        .iter()
        .filter_map(|file| fs::read_to_string(file).ok())
        .filter(|text| text.len() <= LONGEST_BYTES)
        .filter(|text| !AVOIDED.iter().any(|word| text.contains(word)))
        .collect()
}

fn find(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            find(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "gene") {
            files.push(path);
        }
    }
}

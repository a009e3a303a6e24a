//! The suites in reading order: how a program is run and in which modes, then
//! one module for each kind of test.

pub mod modes;
pub mod process;
pub mod tasks;

pub mod bench;
pub mod cli;
pub mod conformance;
pub mod documents;
pub mod errors;
pub mod examples;
pub mod format;
pub mod hostile;
pub mod lang;
pub mod layering;
pub mod modules;
pub mod profile;

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The directory of the package that is tested.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Files with the extension `extension` in `folder` itself, sorted by name.
pub fn files_with_extension(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = entries(folder)
        .into_iter()
        .filter(|path| path.is_file() && path.extension().is_some_and(|found| found == extension))
        .collect();
    files.sort();
    files
}

/// Folders in `folder` itself, sorted by name.
pub fn folders(folder: &Path) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> =
        entries(folder).into_iter().filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

/// The name of a file without its extension, or of a folder.
pub fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

/// Whether a program imports what the Cargo features of this build leave out.
pub fn is_left_out(source: &str) -> bool {
    (!cfg!(feature = "http") && source.contains("genex/http"))
        || (!cfg!(feature = "sqlite") && source.contains("genex/sqlite"))
}

//! Finding modules and packages (chapter 12), and keeping compiled code.
//!
//! - `package`: `package.gene`, what it says
//! - `find`: from the text of an import to a file
//! - `lock`: `package.gene.lock`
//! - `deps`: `gene deps install | update | verify | clean`
//! - `cache`: compiled modules on disk
//!
//! Nothing here runs code or knows the heap: the engine loads what is found.
#![forbid(unsafe_code)]

pub mod cache;
pub mod deps;
mod find;
mod lock;
mod package;

#[cfg(test)]
mod tests;

pub use find::{Finder, Request};
pub use lock::Lock;
pub use package::{Dependency, Package, is_package_name};

/// Why an import cannot be carried out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Error {
    /// One of chapter 12.
    pub code: &'static str,
    /// What is wrong; begins with the code in brackets.
    pub message: String,
}

impl Error {
    /// An error with this code.
    pub fn new(code: &'static str, message: impl std::fmt::Display) -> Error {
        Error { code, message: format!("[{code}] {message}") }
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

/// No file of that name.
pub const NOT_FOUND: &str = "GENE.MODULE.NOT_FOUND";
/// Two files of that name.
pub const AMBIGUOUS: &str = "GENE.MODULE.AMBIGUOUS";
/// Modules import each other.
pub const CYCLE: &str = "GENE.MODULE.CYCLE";
/// A name is not exported.
pub const MISSING: &str = "GENE.IMPORT.MISSING";
/// A name is not in the list of exports.
pub const EXPORT_MISSING: &str = "GENE.IMPORT.EXPORT_MISSING";
/// No such package.
pub const PACKAGE_NOT_FOUND: &str = "GENE.PACKAGE.NOT_FOUND";
/// Several packages of that name.
pub const PACKAGE_AMBIGUOUS: &str = "GENE.PACKAGE.AMBIGUOUS";
/// A path leaves its package.
pub const BOUNDARY: &str = "GENE.PACKAGE.BOUNDARY";
/// The lock file is inconsistent.
pub const INVALID_LOCK: &str = "GENE.PACKAGE.INVALID_LOCK";

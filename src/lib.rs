//! The Gene language runtime.
#![allow(missing_docs)]
pub mod bench;
pub mod cli;
pub mod compiler;
pub mod diag;
pub mod engine;
pub mod heap;
pub mod module;
pub mod object;
pub mod profile;
pub mod reader;
pub mod runtime;
pub mod source;
pub mod stdlib;
pub mod syntax;
#[cfg(feature = "jit")]
pub mod tier;
pub mod value;
pub mod vm;
pub use engine::{Engine, Failure, Options};

/// The examples of the documents run as tests.
#[cfg(doctest)]
mod documents {
    #[doc = include_str!("../docs/embedding.md")]
    mod embedding {}
    #[doc = include_str!("../README.md")]
    mod readme {}
}

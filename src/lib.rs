//! The Gene language runtime.
#![allow(missing_docs)]
pub mod source;
pub mod syntax;

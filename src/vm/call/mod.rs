//! Calls: everything the loop does not do itself.
//!
//! A call is a window of the register stack: the callee in register 0, the receiver in
//! register 1, then the arguments. Either a frame is pushed over the window, or the
//! result is put into register 0.
//!
//! Reading order: [`callee`] (what is called), [`frame`], [`bind`], [`native`], [`method`],
//! [`instance`], [`described`], [`tail`]; [`nested`] is how Rust calls Gene.

mod bind;
mod callee;
mod described;
mod frame;
mod instance;
mod method;
mod native;
mod nested;
mod tail;

pub(super) use method::MethodLike;
pub use native::Request;

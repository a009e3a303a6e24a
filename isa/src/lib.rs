//! What both tiers of the Gene runtime agree on, as plain data.

#![forbid(unsafe_code)]

mod symbol;

pub use symbol::Symbol;

//! The compiled tier: [`Code`](gene_isa::Code) and feedback to machine code.
//!
//! This crate knows `gene-isa` and Cranelift; the runtime reaches it through
//! [`Backend`]. Reading order: [`unit`] puts together what is compiled as one, [`effects`] and
//! [`flow`] say what the bytecode does, [`types`], [`infer`], [`transfer`] and [`solve`] what is known of its registers, [`lower`]
//! makes Cranelift's representation of it, [`machine`] machine code, which lies in [`memory`].

#![deny(unsafe_code)]

mod effects;
mod float_uses;
mod flow;
mod infer;
mod lower;
mod machine;
#[allow(unsafe_code)]
mod memory;
mod solve;
mod transfer;
mod types;
mod unit;

pub use machine::{Dump, Jit, Wanted};
pub use unit::{MAX_INLINED, calls_left, is_inlinable};

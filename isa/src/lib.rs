//! What both tiers of the Gene runtime agree on, as plain data: names, the
//! instruction set, compiled functions, value bits. No heap, no I/O.

#![forbid(unsafe_code)]

mod code;
pub mod datum;
mod insn;
mod intrinsic;
mod symbol;
mod table;

pub use code::{
    CallDesc, CallKind, Check, CheckKind, Code, Env, EnvVar, FnKind, Handler, KeyParam, Module,
    Param, Params, TypeExpr,
};
pub use insn::{Field, Insn, MAX_REGS, NO_SCOPE, Op, Operand, Role};
pub use intrinsic::{Intrinsic, Special};
pub use symbol::Symbol;

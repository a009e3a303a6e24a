//! What both tiers of the Gene runtime agree on, as plain data: names, the
//! instruction set, compiled functions, value bits. No heap, no I/O.

#![forbid(unsafe_code)]

mod asm;
pub mod backend;
mod code;
pub mod datum;
mod disasm;
mod encode;
mod flow;
mod insn;
mod intrinsic;
mod notation;
mod scopes;
mod symbol;
mod table;
pub mod value;
mod verify;
mod wire;

pub use asm::{AsmError, assemble};
pub use code::{
    BENCH_BODY, CallDesc, CallKind, Check, CheckKind, Code, Env, EnvVar, FnKind, Handler, KeyParam,
    Module, Param, Params, TypeExpr,
};
pub use disasm::{Listing, Source, disassemble};
pub use encode::{DecodeError, decode, encode, table_hash};
pub use insn::{Field, Insn, MAX_REGS, NO_SCOPE, Op, Operand, Role};
pub use intrinsic::{Intrinsic, Special};
pub use scopes::verify_scopes;
pub use symbol::Symbol;
pub use verify::{VerifyError, verify, verify_module};
pub use wire::MAX_DEPTH;

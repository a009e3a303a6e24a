//! The seam between the interpreter and a code generator.
//!
//! A [`Backend`] is a function from code and a snapshot of what the interpreter
//! has seen to machine code as plain bytes. It never touches the heap: whoever
//! drives it takes the snapshot before and installs the bytes after, so it can
//! be tested from assembly text and could run on another thread.

use std::borrow::Cow;
use std::fmt;

use crate::Code;

/// Where compiled code is entered.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Entry {
    /// By a call.
    Call,
    /// From the interpreter, at the target of this back edge.
    Loop(u32),
}

/// The kinds of values that an instruction has met, as a set.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Kinds(u8);

impl Kinds {
    /// Nothing: the instruction has not run.
    pub const NONE: Kinds = Kinds(0);
    /// Integers.
    pub const INT: Kinds = Kinds(1);
    /// Floats.
    pub const FLOAT: Kinds = Kinds(2);
    /// Anything else.
    pub const OTHER: Kinds = Kinds(4);

    /// Those of both sets.
    #[must_use]
    pub fn with(self, other: Kinds) -> Kinds {
        Kinds(self.0 | other.0)
    }

    /// Whether all of `other` are among these.
    pub fn contains(self, other: Kinds) -> bool {
        self.0 & other.0 == other.0
    }
}

/// What the interpreter has seen, copied when compilation is asked for.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Feedback {
    /// Kinds of the operands by instruction, rising; others have not run.
    pub operands: Vec<(u32, Kinds)>,
}

impl Feedback {
    /// What the instruction at `pc` has met.
    pub fn operands_at(&self, pc: u32) -> Kinds {
        let found = self.operands.binary_search_by_key(&pc, |(at, _)| *at);
        found.map_or(Kinds::NONE, |i| self.operands[i].1)
    }
}

/// What is to be compiled.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The function, verified.
    pub code: &'a Code,
    /// What is known about it.
    pub feedback: &'a Feedback,
    /// Where it will be entered.
    pub entry: Entry,
}

/// Machine code, not yet in executable memory.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct CompiledCode {
    /// The instructions, which run wherever they are put; entry is at the first byte.
    pub bytes: Vec<u8>,
    /// Where the interpreter goes on after each side exit, by its number.
    pub exits: Vec<u32>,
}

/// Why a function stays interpreted; kept for `--jit-report`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refusal {
    /// In words.
    pub reason: Cow<'static, str>,
}

impl Refusal {
    /// A refusal for this reason.
    pub fn new(reason: impl Into<Cow<'static, str>>) -> Refusal {
        Refusal { reason: reason.into() }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for Refusal {}

/// A code generator.
pub trait Backend {
    /// Compiles a function. What it does stays what the interpreter does.
    ///
    /// # Errors
    /// The reason why the function stays interpreted; the same request would
    /// be refused again.
    fn compile(&self, request: Request) -> Result<CompiledCode, Refusal>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn feedback_is_found_by_instruction() {
        let both = Kinds::INT.with(Kinds::FLOAT);
        let feedback = Feedback { operands: vec![(2, Kinds::INT), (7, both)] };
        assert_eq!(feedback.operands_at(2), Kinds::INT);
        assert_eq!(feedback.operands_at(3), Kinds::NONE);
        assert!(feedback.operands_at(7).contains(Kinds::FLOAT));
        assert!(!feedback.operands_at(7).contains(Kinds::OTHER));
    }
}

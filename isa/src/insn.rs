//! Instructions: fixed 64-bit words, and what their fields mean.

use std::fmt;

use crate::for_each_op;

/// In a `scope` operand: the scope of the running closure.
pub const NO_SCOPE: u16 = u16::MAX;

/// The largest number of registers a function can have.
pub const MAX_REGS: usize = 60_000;

/// What an operand of an instruction means; see the module `table`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(non_camel_case_types, missing_docs)]
pub enum Role {
    dst,
    src,
    var,
    win,
    first,
    count,
    flag,
    imm,
    konst,
    module,
    slot,
    scope,
    depth,
    proto,
    cache,
    keys,
    call,
    check,
    env,
    intrinsic,
    special,
    jump,
}

/// Which bits of an instruction an operand occupies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(non_camel_case_types, missing_docs)]
pub enum Field {
    x,
    a,
    b,
    c,
    bc,
}

/// An operand: where it is and what it means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Operand {
    /// Where.
    pub field: Field,
    /// What.
    pub role: Role,
}

macro_rules! define_ops {
    ($($name:ident $mnemonic:literal ($($field:ident : $role:ident),*) $effect:literal)*) => {
        /// The operation of an instruction.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        #[repr(u8)]
        pub enum Op {
            $(#[doc = $effect] $name),*
        }

        impl Op {
            /// All operations in the order of their numbers.
            pub const ALL: &'static [Op] = &[$(Op::$name),*];

            /// The name in assembly text.
            pub fn mnemonic(self) -> &'static str {
                match self { $(Op::$name => $mnemonic),* }
            }

            /// The operands in the order of assembly text.
            pub fn operands(self) -> &'static [Operand] {
                match self {
                    $(Op::$name => &[$(Operand { field: Field::$field, role: Role::$role }),*]),*
                }
            }

            /// What it does, for the reference.
            pub fn effect(self) -> &'static str {
                match self { $(Op::$name => $effect),* }
            }
        }
    };
}
for_each_op!(define_ops);

impl Op {
    /// The operation with this number.
    pub fn from_u8(number: u8) -> Option<Op> {
        Op::ALL.get(number as usize).copied()
    }
}

/// One instruction. The fields are bytes and half words, which LLVM needs to
/// see to give every handler a dispatch jump of its own (`src/vm/dispatch.rs`).
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(C, align(8))]
pub struct Insn {
    /// The operation.
    pub op: Op,
    /// Small operand.
    pub x: u8,
    /// First operand.
    pub a: u16,
    /// Second operand.
    pub b: u16,
    /// Third operand.
    pub c: u16,
}

impl Insn {
    /// An instruction with the operands `a`, `b`, `c`.
    pub fn abc(op: Op, a: u16, b: u16, c: u16) -> Insn {
        Insn { op, x: 0, a, b, c }
    }

    /// An instruction with `a` and a 32-bit operand.
    pub fn a_bc(op: Op, a: u16, bc: u32) -> Insn {
        Insn { op, x: 0, a, b: bc as u16, c: (bc >> 16) as u16 }
    }

    /// The same with the small operand.
    pub fn with_x(self, x: u8) -> Insn {
        Insn { x, ..self }
    }

    /// The second and third operands as one number.
    #[inline(always)]
    pub fn bc(self) -> u32 {
        self.b as u32 | (self.c as u32) << 16
    }

    /// The second and third operands as one signed number.
    #[inline(always)]
    pub fn sbc(self) -> i32 {
        self.bc() as i32
    }

    /// The second operand as a signed number.
    #[inline(always)]
    pub fn sb(self) -> i16 {
        self.b as i16
    }

    /// The third operand as a signed number.
    #[inline(always)]
    pub fn sc(self) -> i16 {
        self.c as i16
    }

    /// The number in `field`; signed where `role` is.
    pub fn get(self, operand: Operand) -> i64 {
        let signed = matches!(operand.role, Role::imm | Role::jump);
        match operand.field {
            Field::x => self.x as i64,
            Field::a => self.a as i64,
            Field::b if signed => self.sb() as i64,
            Field::b => self.b as i64,
            Field::c if signed => self.sc() as i64,
            Field::c => self.c as i64,
            Field::bc if signed => self.sbc() as i64,
            Field::bc => self.bc() as i64,
        }
    }

    /// Puts `value` into the field of `operand`; `None` if it does not fit.
    #[must_use]
    pub fn set(mut self, operand: Operand, value: i64) -> Option<Insn> {
        let signed = matches!(operand.role, Role::imm | Role::jump);
        let half = || match signed {
            true => i16::try_from(value).ok().map(|v| v as u16),
            false => u16::try_from(value).ok(),
        };
        match operand.field {
            Field::x => self.x = u8::try_from(value).ok()?,
            Field::a => self.a = half()?,
            Field::b => self.b = half()?,
            Field::c => self.c = half()?,
            Field::bc => {
                let bits = match signed {
                    true => i32::try_from(value).ok()? as u32,
                    false => u32::try_from(value).ok()?,
                };
                (self.b, self.c) = (bits as u16, (bits >> 16) as u16);
            }
        }
        Some(self)
    }

    /// The operand that is a jump distance, if the instruction has one.
    pub fn jump(self) -> Option<Operand> {
        self.op.operands().iter().copied().find(|o| o.role == Role::jump)
    }
}

impl fmt::Debug for Insn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.op.mnemonic())?;
        for operand in self.op.operands() {
            write!(f, " {}", self.get(*operand))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instructions_are_one_word() {
        assert_eq!(size_of::<Insn>(), 8);
        assert!(Op::ALL.len() <= 256);
    }

    #[test]
    fn fields_hold_signed_and_unsigned_numbers() {
        let insn = Insn::a_bc(Op::Jump, 0, -3i32 as u32);
        assert_eq!(insn.sbc(), -3);
        assert_eq!(insn.get(insn.jump().unwrap()), -3);
        let wide = insn.set(insn.jump().unwrap(), 1 << 20).unwrap();
        assert_eq!(wide.sbc(), 1 << 20);
    }
}

//! Floats that have been loaded, but not looked at.
//!
//! A word that is no Float is a NaN as a machine float, and arithmetic hands NaNs
//! on. So what a Float is expected in need not be checked when it is loaded: that the
//! sum of two words is a number proves that both were Floats. Sums, products and roots
//! are made of such words first, and the last of them is checked before anything
//! happens that could not be done again. Whatever fails until then goes back to before
//! the first of the loads.

use cranelift_codegen::ir::condcodes::FloatCC;
use cranelift_codegen::ir::{InstBuilder, Value, types};
use gene_isa::Op;
use gene_isa::backend::{KnownNative, Rep};
use gene_isa::value::NAN;

use super::exits::Snapshot;
use super::{Lower, trusted};
use crate::infer::{CallPlan, MAX_SHAPES, Num};

/// What has to be proven, and where failure leads.
pub struct Unproven {
    /// Before the first of the loads.
    pub back: Snapshot,
    /// In the order in which they were made.
    floats: Vec<Float>,
}

struct Float {
    value: Value,
    made: Made,
    proven: bool,
}

enum Made {
    /// Loaded from an address with an offset, for an instruction that expects a Float.
    Loaded(Value, i32, usize),
    /// Computed of floats by number.
    Computed(Vec<usize>),
}

impl Lower<'_, '_> {
    /// A register becomes a float that was loaded for the instruction at `user`.
    pub(super) fn define_unproven(&mut self, register: u16, (at, offset): (Value, i32)) {
        let user = self.infer.float_use(self.pc).expect("loaded as a float");
        if self.unproven.is_none() {
            let back = self.snapshot(self.pc);
            self.unproven = Some(Unproven { back, floats: Vec::new() });
        }
        let value = self.b.ins().load(types::F64, trusted(), at, offset);
        self.note_float(value, Made::Loaded(at, offset, user));
        self.define(register, value, Rep::Float);
    }

    fn note_float(&mut self, value: Value, made: Made) {
        if let Some(unproven) = &mut self.unproven {
            unproven.floats.push(Float { value, made, proven: false });
        }
    }

    /// Notes that a float has been computed of others.
    pub(super) fn computed(&mut self, value: Value, operands: &[Value]) {
        let Some(unproven) = &self.unproven else { return };
        let of = |operand| unproven.floats.iter().position(|f| f.value == operand && !f.proven);
        let all: Vec<usize> = operands.iter().filter_map(|operand| of(*operand)).collect();
        if !all.is_empty() {
            self.note_float(value, Made::Computed(all));
        }
    }

    /// Whether the running instruction can be done again, and takes unproven floats
    /// for what they are.
    pub(super) fn can_wait(&self) -> bool {
        use Op::*;
        let insn = self.unit.code.insns[self.pc];
        let (a, b, c) = (insn.a, insn.b, insn.c);
        let ty = |register: u16| self.state.types[register as usize];
        // What is in the window for others must be true.
        if self.unit.part(self.pc).scope_regs.contains(&a) || self.unit.inlined(self.pc).is_some() {
            return false;
        }
        // The old value would have to be kept until the floats are proven: a sum in a
        // loop would no longer stay in its machine register.
        if self.unproven.as_ref().is_some_and(|u| u.back.writes(a)) {
            return false;
        }
        match insn.op {
            Move | LoadInt | LoadSpecial | GetModule => true,
            LoadConst => self.unit.consts[insn.bc() as usize].is_some(),
            CheckFound | CheckMember => self.state.slots[a as usize].val.is_some(),
            Add | Sub | Mul => {
                let plan = self.infer.numeric(self.pc, (1, ty(b)), (2, ty(c)));
                matches!(plan, Num::Int | Num::Float)
            }
            AddI | SubI | MulI => {
                matches!(self.infer.numeric_imm(self.pc, 1, ty(b)), Num::Int | Num::Float)
            }
            Div => {
                let (l, r) =
                    (self.infer.expect(self.pc, 1, ty(b)), self.infer.expect(self.pc, 2, ty(c)));
                self.infer.quotient(self.pc, l, r) == Num::Float
            }
            Neg => ty(b).is_float() && !self.infer.seen(self.pc).generic,
            GetIndex => self.infer.element(self.pc, (1, ty(b)), Some((2, ty(c)))) == Some(true),
            GetIndexI => self.infer.element(self.pc, (1, ty(b)), None) == Some(true),
            GetProp => {
                let shapes = self.infer.seen(self.pc).shapes.len();
                self.infer.member(self.pc) == Some(true) && shapes <= MAX_SHAPES
            }
            CallModule => {
                let root =
                    matches!(self.infer.call(self.pc), CallPlan::Native(_, KnownNative::Sqrt));
                root && ty(a + 2).is_float()
            }
            _ => false,
        }
    }

    /// Checks what has not been proven, so that others may see it.
    pub(super) fn prove(&mut self) {
        let Some(unproven) = &mut self.unproven else { return };
        let mut floats = std::mem::take(&mut unproven.floats);
        for last in (0..floats.len()).rev() {
            if floats[last].proven {
                continue;
            }
            let loads = prove_from(&mut floats, last);
            self.prove_one(floats[last].value, &loads);
        }
        self.unproven = None;
        self.exit_here = None;
    }

    /// Leaves unless what was loaded for `value` were Floats.
    fn prove_one(&mut self, value: Value, loads: &[(Value, i32, usize)]) {
        let (cold, on) = (self.b.create_block(), self.b.create_block());
        self.b.set_cold_block(cold);
        let proven = self.b.append_block_param(on, types::F64);
        let good = self.b.ins().fcmp(FloatCC::Ordered, value, value);
        self.b.ins().brif(good, on, &[value.into()], cold, &[]);
        self.b.switch_to_block(cold);
        for (at, offset, user) in loads {
            let float = self.b.ins().load(types::F64, trusted(), *at, *offset);
            let exit = self.exit_blaming(self.pc, *user, "a Float was expected");
            let good = self.b.ins().fcmp(FloatCC::Ordered, float, float);
            let next = self.b.create_block();
            self.b.set_cold_block(next);
            self.b.ins().brif(good, next, &[], exit, &[]);
            self.b.switch_to_block(next);
        }
        // Floats that make a NaN, such as the difference of infinities.
        let nan = self.b.ins().f64const(f64::from_bits(NAN));
        self.b.ins().jump(on, &[nan.into()]);
        self.b.switch_to_block(on);
        for slot in &mut self.state.slots {
            if slot.val == Some(value) {
                slot.val = Some(proven);
            }
        }
        self.canonical.push(proven);
    }

    /// Whether a float is a word as it is: no NaN, or the one that words have.
    pub(super) fn is_canonical(&self, float: Value) -> bool {
        self.canonical.contains(&float)
    }
}

/// The loads that a float was made of, which it proves.
fn prove_from(floats: &mut [Float], from: usize) -> Vec<(Value, i32, usize)> {
    let mut loads = Vec::new();
    let mut todo = vec![from];
    while let Some(number) = todo.pop() {
        let float = &mut floats[number];
        if std::mem::replace(&mut float.proven, true) {
            continue;
        }
        match &float.made {
            Made::Loaded(at, offset, user) => loads.push((*at, *offset, *user)),
            Made::Computed(of) => todo.extend(of),
        }
    }
    loads
}

//! Jumps and loops by a condition.

use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Value, types};
use gene_isa::backend::{Kinds, Rep};
use gene_isa::value::INT_BIAS;
use gene_isa::{Insn, Op, Special};

use super::{Lower, special_word};
use crate::infer::{Num, Same};

impl Lower<'_, '_> {
    /// Takes the types after the running instruction, a jump, as known.
    pub(super) fn settle(&mut self) {
        let mut types = self.state.types.clone();
        self.infer.transfer(self.pc, &mut types);
        self.state.types = types;
    }

    /// Jumps if the condition holds, else falls through. `sense`: jumps if it
    /// does not.
    pub(super) fn branch(&mut self, condition: Value, sense: bool) {
        if self.unit.code.insns[self.pc].op.is_back_edge() {
            self.poll();
        }
        self.settle();
        let (go, stay) = (self.way(0), self.way(1));
        let (yes, no) = if sense { (go, stay) } else { (stay, go) };
        self.b.ins().brif(condition, yes, &[], no, &[]);
    }

    /// Leaves to the running instruction, which goes back to a loop header, if somebody wants
    /// attention.
    pub(super) fn poll(&mut self) {
        let exit = self.quiet_exit_to(self.pc);
        let address = self.word(self.run.interrupt);
        let flags = self.b.ins().load(types::I32, MemFlagsData::trusted(), address, 0);
        let on = self.b.create_block();
        self.b.ins().brif(flags, exit, &[], on, &[]);
        self.b.switch_to_block(on);
    }

    pub(super) fn jump_compare(&mut self, insn: Insn) {
        use Op::*;
        let less = matches!(insn.op, JumpLt | JumpNotLt | LoopLt);
        let sense = !matches!(insn.op, JumpNotLt | JumpNotLe);
        match self.compare(less, (0, insn.a), (1, insn.b)) {
            Some(condition) => self.branch(condition, sense),
            None => self.step_jump(),
        }
    }

    pub(super) fn jump_compare_imm(&mut self, insn: Insn) {
        use Op::*;
        let (int, float) = match insn.op {
            JumpLtI | JumpNotLtI | LoopLtI => (IntCC::SignedLessThan, FloatCC::LessThan),
            JumpLeI | JumpNotLeI | LoopLeI => {
                (IntCC::SignedLessThanOrEqual, FloatCC::LessThanOrEqual)
            }
            JumpGtI | JumpNotGtI | LoopGtI => (IntCC::SignedGreaterThan, FloatCC::GreaterThan),
            _ => (IntCC::SignedGreaterThanOrEqual, FloatCC::GreaterThanOrEqual),
        };
        let sense = !matches!(insn.op, JumpNotLtI | JumpNotLeI | JumpNotGtI | JumpNotGeI);
        let k = insn.sb() as i64;
        let ty = self.state.types[insn.a as usize];
        let condition = match self.infer.numeric_imm(self.pc, 0, ty) {
            Num::Int => {
                self.guard(insn.a, Kinds::INT);
                let value = self.int(insn.a);
                self.b.ins().icmp_imm_s(int, value, k)
            }
            Num::Float => {
                self.guard(insn.a, Kinds::FLOAT);
                let value = self.float(insn.a);
                let k = self.b.ins().f64const(k as f64);
                self.b.ins().fcmp(float, value, k)
            }
            _ => return self.step_jump(),
        };
        self.branch(condition, sense);
    }

    pub(super) fn jump_equal(&mut self, insn: Insn) {
        match self.same((0, insn.a), (1, insn.b)) {
            Some(condition) => self.branch(condition, insn.op == Op::JumpEq),
            None => self.step_jump(),
        }
    }

    pub(super) fn jump_equal_imm(&mut self, insn: Insn) {
        let k = insn.sb() as i64;
        let ty = self.state.types[insn.a as usize];
        let condition = match self.infer.same_imm(self.pc, ty) {
            Same::Int => {
                self.guard(insn.a, Kinds::INT);
                let value = self.int(insn.a);
                self.b.ins().icmp_imm_s(IntCC::Equal, value, k)
            }
            Same::Identity => {
                let value = self.boxed(insn.a);
                let wanted = self.word(INT_BIAS.wrapping_add(k as u64));
                self.b.ins().icmp(IntCC::Equal, value, wanted)
            }
            _ => return self.step_jump(),
        };
        self.branch(condition, insn.op == Op::JumpEqI);
    }

    /// Jumps that look at one value.
    pub(super) fn jump_on_value(&mut self, insn: Insn) {
        use Op::*;
        let slot = self.fetched(insn.a);
        let ty = self.state.types[insn.a as usize];
        let word = |lower: &mut Self, special: Special| {
            let value = lower.boxed(insn.a);
            let wanted = lower.word(special_word(special));
            lower.b.ins().icmp(IntCC::Equal, value, wanted)
        };
        let condition = match insn.op {
            JumpIf | JumpIfNot if slot.rep != Rep::Value => self.b.ins().iconst(types::I8, 1),
            JumpIf | JumpIfNot => self.is_truthy(insn.a),
            JumpIfNil => word(self, Special::Nil),
            JumpIfVoid => word(self, Special::Void),
            JumpIfSet => {
                let unset = word(self, Special::Unset);
                self.b.ins().bxor_imm_s(unset, 1)
            }
            _ => {
                let Some(kinds) = self.infer.without_bits(self.pc, 0, ty) else {
                    return self.step_jump();
                };
                self.guard(insn.a, kinds);
                let truthy = self.is_truthy(insn.a);
                let value = self.boxed(insn.a);
                self.settle();
                let go = self.way(0);
                // Behind the jump `||` gives its right operand.
                self.state.falsy.push(value);
                let stay = self.way(1);
                self.b.ins().brif(truthy, go, &[], stay, &[]);
                return;
            }
        };
        self.branch(condition, insn.op != JumpIfNot);
    }
}

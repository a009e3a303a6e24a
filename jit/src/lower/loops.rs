//! Loops over ranges and arrays.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, types};
use gene_isa::backend::{Kinds, Rep};
use gene_isa::{Insn, Op};

use super::{Lower, trusted};

impl Lower<'_, '_> {
    /// Whether the range at `a` has a first turn.
    pub(super) fn range_prep(&mut self, insn: Insn) {
        let a = insn.a;
        for register in a..a + 3 {
            self.guard(register, Kinds::INT);
        }
        let (start, end, step) = (self.int(a), self.int(a + 1), self.int(a + 2));
        self.define(a + 3, start, Rep::Int);
        let ty = self.state.types[a as usize + 2];
        let empty = if ty.lo > 0 {
            self.b.ins().icmp(IntCC::SignedGreaterThan, start, end)
        } else if ty.hi < 0 {
            self.b.ins().icmp(IntCC::SignedLessThan, start, end)
        } else {
            let up = self.b.ins().icmp_imm_s(IntCC::SignedGreaterThan, step, 0);
            let still = self.b.ins().icmp_imm_s(IntCC::Equal, step, 0);
            let above = self.b.ins().icmp(IntCC::SignedGreaterThan, start, end);
            let below = self.b.ins().icmp(IntCC::SignedLessThan, start, end);
            let past = self.b.ins().select(up, above, below);
            self.b.ins().bor(still, past)
        };
        self.branch(empty, true);
    }

    pub(super) fn range_loop(&mut self, insn: Insn) {
        let a = insn.a;
        for register in a..a + 3 {
            self.guard(register, Kinds::INT);
        }
        self.poll();
        let (now, end, step) = (self.int(a), self.int(a + 1), self.int(a + 2));
        let next = self.b.ins().iadd(now, step);
        let ty = self.state.types[a as usize + 2];
        let more = if ty.lo > 0 {
            self.b.ins().icmp(IntCC::SignedLessThanOrEqual, next, end)
        } else if ty.hi <= 0 {
            self.b.ins().icmp(IntCC::SignedGreaterThanOrEqual, next, end)
        } else {
            let up = self.b.ins().icmp_imm_s(IntCC::SignedGreaterThan, step, 0);
            let below = self.b.ins().icmp(IntCC::SignedLessThanOrEqual, next, end);
            let above = self.b.ins().icmp(IntCC::SignedGreaterThanOrEqual, next, end);
            self.b.ins().select(up, below, above)
        };
        // Only a further turn changes the registers.
        let mut after = self.state.types.clone();
        self.infer.transfer(self.pc, &mut after);
        let stay = self.way(1);
        let go = self.b.create_block();
        self.b.ins().brif(more, go, &[], stay, &[]);
        self.b.switch_to_block(go);
        self.state.types = after;
        self.define(a, next, Rep::Int);
        self.define(a + 3, next, Rep::Int);
        let again = self.way(0);
        self.b.ins().jump(again, &[]);
    }

    /// The beginning or end of a loop over an array: it always jumps.
    pub(super) fn array_iteration(&mut self, insn: Insn) {
        if insn.op == Op::IterInit {
            self.guard(insn.b, Kinds::ARRAY);
            let slot = self.fetched(insn.b);
            let zero = self.b.ins().iconst(types::I64, 0);
            self.define_slot(insn.a, slot);
            self.define(insn.a + 1, zero, Rep::Int);
        }
        self.settle();
        let go = self.way(0);
        self.b.ins().jump(go, &[]);
    }

    pub(super) fn iter_next(&mut self, insn: Insn) {
        let a = insn.a;
        if !self.infer.array_loop(self.pc, &self.state.types) {
            self.step_jump();
            return;
        }
        self.guard(a, Kinds::ARRAY);
        self.guard(a + 1, Kinds::INT);
        let index = self.int(a + 1);
        if self.state.types[a as usize + 1].lo < 0 {
            let bad = self.b.ins().icmp_imm_s(IntCC::SignedLessThan, index, 0);
            self.exit_if(bad, "a loop is not over an array");
        }
        self.settle();
        let array = self.array(a);
        let ended = self.b.ins().icmp(IntCC::UnsignedGreaterThanOrEqual, index, array.len);
        let end = self.way(0);
        let on = self.b.create_block();
        self.b.ins().brif(ended, end, &[], on, &[]);
        self.b.switch_to_block(on);
        let offset = self.b.ins().ishl_imm_s(index, 3);
        let at = self.b.ins().iadd(array.data, offset);
        let value = self.b.ins().load(types::I64, trusted(), at, 0);
        let next = self.b.ins().iadd_imm_s(index, 1);
        self.define(a + 1, next, Rep::Int);
        self.define(a + 2, value, Rep::Value);
        self.define(a + 3, index, Rep::Int);
        for register in [a + 4, a + 5] {
            if register < self.unit.code.nregs {
                self.define_in_window(register);
            }
        }
        let item = self.way(1);
        self.b.ins().jump(item, &[]);
    }
}

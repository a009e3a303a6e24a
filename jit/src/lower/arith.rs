//! Numbers, bits, comparisons into registers.

use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::{InstBuilder, Value, types};
use gene_isa::backend::{Kinds, Rep};
use gene_isa::value::{INT_MAX, INT_MIN};
use gene_isa::{Insn, Op, Special};

use super::{Lower, special_word};
use crate::infer::{Logic, Num, Same};
use crate::transfer::int_bounds;
use crate::types::Ty;

impl Lower<'_, '_> {
    fn ty(&self, register: u16) -> Ty {
        self.state.types[register as usize]
    }

    /// Guards both operands as the plan for Floats expects them.
    pub(super) fn guard_numbers(&mut self, l: (usize, u16), r: (usize, u16)) {
        for (operand, register) in [l, r] {
            let kinds = self.infer.expect(self.pc, operand, self.ty(register));
            self.guard(register, kinds);
        }
    }

    pub(super) fn guard_ints(&mut self, l: u16, r: u16) {
        self.guard(l, Kinds::INT);
        self.guard(r, Kinds::INT);
    }

    /// `+ - * %` with two registers or a register and a constant.
    pub(super) fn arithmetic(&mut self, insn: Insn) {
        use Op::*;
        let (a, b, c) = (insn.a, insn.b, insn.c);
        let imm = matches!(insn.op, AddI | SubI | MulI | ModI);
        let k = insn.sc() as i64;
        let plan = match imm {
            true => self.infer.numeric_imm(self.pc, 1, self.ty(b)),
            false => self.infer.numeric(self.pc, (1, self.ty(b)), (2, self.ty(c))),
        };
        match plan {
            Num::Int => {
                self.guard(b, Kinds::INT);
                if !imm {
                    self.guard(c, Kinds::INT);
                }
                let l = self.int(b);
                let r = if imm { self.b.ins().iconst(types::I64, k) } else { self.int(c) };
                let (lt, rt) = (self.ty(b), if imm { Ty::int(k, k) } else { self.ty(c) });
                let value = match insn.op {
                    Mod | ModI => self.int_mod(l, r, lt, rt),
                    op => self.int_arith(op, l, r, lt, rt),
                };
                self.define(a, value, Rep::Int);
            }
            Num::Float if !matches!(insn.op, Mod | ModI) => {
                let (l, r) = if imm {
                    self.guard(b, Kinds::FLOAT);
                    let r = self.b.ins().f64const(k as f64);
                    (self.float(b), r)
                } else {
                    self.guard_numbers((1, b), (2, c));
                    (self.number(b), self.number(c))
                };
                let value = match insn.op {
                    Add | AddI => self.b.ins().fadd(l, r),
                    Sub | SubI => self.b.ins().fsub(l, r),
                    _ => self.b.ins().fmul(l, r),
                };
                self.computed(value, &[l, r]);
                self.define(a, value, Rep::Float);
            }
            _ => drop(self.step()),
        }
    }

    /// A sum, difference or product; leaves if it needs a box.
    fn int_arith(&mut self, op: Op, l: Value, r: Value, lt: Ty, rt: Ty) -> Value {
        let (lo, hi) = int_bounds(op, lt, rt);
        let value = match op {
            Op::Add | Op::AddI => self.b.ins().iadd(l, r),
            Op::Sub | Op::SubI => self.b.ins().isub(l, r),
            _ if lo < i64::MIN as i128 || hi > i64::MAX as i128 => {
                let (value, overflow) = self.b.ins().smul_overflow(l, r);
                self.exit_if(overflow, "a product is too large");
                value
            }
            _ => self.b.ins().imul(l, r),
        };
        self.check_small(value, lo, hi);
        value
    }

    /// Leaves if a number between these bounds does not fit an Int without a
    /// box.
    pub(super) fn check_small(&mut self, value: Value, lo: i128, hi: i128) {
        let low = lo < INT_MIN as i128;
        let high = hi > INT_MAX as i128;
        let bad = match (low, high) {
            (false, false) => return,
            (false, true) => {
                let most = self.b.ins().iconst(types::I64, INT_MAX);
                self.b.ins().icmp(IntCC::SignedGreaterThan, value, most)
            }
            (true, false) => {
                let least = self.b.ins().iconst(types::I64, INT_MIN);
                self.b.ins().icmp(IntCC::SignedLessThan, value, least)
            }
            (true, true) => {
                let shift = self.b.ins().iconst(types::I64, -INT_MIN);
                let offset = self.b.ins().iadd(value, shift);
                let span = self.b.ins().iconst(types::I64, INT_MAX - INT_MIN);
                self.b.ins().icmp(IntCC::UnsignedGreaterThan, offset, span)
            }
        };
        self.exit_if(bad, "an Int becomes too large");
    }

    fn int_mod(&mut self, l: Value, r: Value, lt: Ty, rt: Ty) -> Value {
        if rt.lo <= 0 {
            let bad = self.b.ins().icmp_imm_s(IntCC::SignedLessThanOrEqual, r, 0);
            self.exit_if(bad, "a divisor is not positive");
        }
        let small = |ty: Ty| ty.lo >= 0 && ty.hi <= u32::MAX as i64;
        if small(lt) && rt.hi <= u32::MAX as i64 {
            // Divisions of half words take half the time.
            let (l, r) = (self.b.ins().ireduce(types::I32, l), self.b.ins().ireduce(types::I32, r));
            let value = self.b.ins().urem(l, r);
            return self.b.ins().uextend(types::I64, value);
        }
        match lt.lo >= 0 {
            true => self.b.ins().urem(l, r),
            false => self.b.ins().srem(l, r),
        }
    }

    /// `/`, which always gives a Float.
    pub(super) fn division(&mut self, insn: Insn) {
        let (a, b, c) = (insn.a, insn.b, insn.c);
        let imm = insn.op == Op::DivI;
        let lk = self.infer.expect(self.pc, 1, self.ty(b));
        let rk = if imm { Kinds::INT } else { self.infer.expect(self.pc, 2, self.ty(c)) };
        if self.infer.quotient(self.pc, lk, rk) != Num::Float {
            self.step();
            return;
        }
        self.guard(b, lk);
        let r = if imm {
            self.b.ins().f64const(insn.sc() as f64)
        } else {
            self.guard(c, rk);
            self.number(c)
        };
        let l = self.number(b);
        let value = self.b.ins().fdiv(l, r);
        self.computed(value, &[l, r]);
        self.define(a, value, Rep::Float);
    }

    pub(super) fn negate(&mut self, insn: Insn) {
        let kinds = self.infer.expect(self.pc, 1, self.ty(insn.b));
        match (kinds, self.infer.seen(self.pc).generic) {
            (Kinds::INT, false) => {
                self.guard(insn.b, Kinds::INT);
                let value = self.int(insn.b);
                let value = self.b.ins().ineg(value);
                self.define(insn.a, value, Rep::Int);
            }
            (Kinds::FLOAT, false) => {
                self.guard(insn.b, Kinds::FLOAT);
                let value = self.float(insn.b);
                let negative = self.b.ins().fneg(value);
                self.computed(negative, &[value]);
                self.define(insn.a, negative, Rep::Float);
            }
            _ => drop(self.step()),
        }
    }

    // ---- bits ------------------------------------------------------------------

    /// `&& || &|&` where the left operand does not decide.
    pub(super) fn logic(&mut self, insn: Insn) {
        let (a, b, c) = (insn.a, insn.b, insn.c);
        match self.infer.logic(self.pc, self.ty(b), self.ty(c)) {
            Logic::Bits => {
                self.guard_ints(b, c);
                let (l, r) = (self.int(b), self.int(c));
                let value = match insn.op {
                    Op::And => self.b.ins().band(l, r),
                    Op::Or => self.b.ins().bor(l, r),
                    _ => self.b.ins().bxor(l, r),
                };
                // Complements reach one number more than fits.
                let negative = self.ty(b).lo < 0 || self.ty(c).lo < 0;
                self.check_small(value, if negative { INT_MIN as i128 - 1 } else { 0 }, 0);
                self.define(a, value, Rep::Int);
            }
            Logic::Truth if insn.op == Op::And => {
                self.guard_without_bits(b, c);
                let slot = self.fetched(c);
                self.define_slot(a, slot);
            }
            Logic::Truth => {
                self.guard_without_bits(b, c);
                let (l, r) = (self.boxed(b), self.boxed(c));
                let value = if insn.op == Op::Or && self.state.falsy.contains(&l) {
                    r
                } else if insn.op == Op::Or {
                    let truthy = self.is_truthy(b);
                    self.b.ins().select(truthy, l, r)
                } else {
                    let truthy = self.is_truthy(b);
                    let other = self.is_truthy(c);
                    let differ = self.b.ins().bxor(truthy, other);
                    self.boolean(differ)
                };
                self.define(a, value, Rep::Value);
            }
            _ => drop(self.step()),
        }
    }

    /// Leaves if both operands may be combined bit by bit.
    fn guard_without_bits(&mut self, l: u16, r: u16) {
        match self.infer.without_bits(self.pc, 1, self.ty(l)) {
            Some(kinds) => self.guard(l, kinds),
            None => {
                let kinds = self.infer.without_bits(self.pc, 2, self.ty(r));
                self.guard(r, kinds.unwrap_or(Kinds::ANY));
            }
        }
    }

    pub(super) fn not(&mut self, insn: Insn) {
        match self.infer.not(self.pc, self.ty(insn.b)) {
            Logic::Bits => {
                self.guard(insn.b, Kinds::INT);
                let ty = self.ty(insn.b);
                let value = self.int(insn.b);
                let value = self.b.ins().bnot(value);
                self.check_small(value, -(ty.hi as i128) - 1, 0);
                self.define(insn.a, value, Rep::Int);
            }
            Logic::Truth => {
                if let Some(kinds) = self.infer.without_bits(self.pc, 1, self.ty(insn.b)) {
                    self.guard(insn.b, kinds);
                }
                let truthy = self.is_truthy(insn.b);
                let opposite = self.b.ins().bxor_imm_s(truthy, 1);
                let value = self.boolean(opposite);
                self.define(insn.a, value, Rep::Value);
            }
            _ => drop(self.step()),
        }
    }

    pub(super) fn shift(&mut self, insn: Insn) {
        let (a, b, c) = (insn.a, insn.b, insn.c);
        if self.infer.numeric(self.pc, (1, self.ty(b)), (2, self.ty(c))) != Num::Int {
            self.step();
            return;
        }
        self.guard_ints(b, c);
        let (l, r, count) = (self.int(b), self.int(c), self.ty(c));
        if count.lo < 0 || count.hi > 63 {
            let bad = self.b.ins().icmp_imm_s(IntCC::UnsignedGreaterThan, r, 63);
            self.exit_if(bad, "a shift is too far");
        }
        let value = match insn.op {
            Op::Shr => self.b.ins().sshr(l, r),
            _ => {
                let value = self.b.ins().ishl(l, r);
                self.check_small(value, i64::MIN as i128, i64::MAX as i128);
                value
            }
        };
        self.define(a, value, Rep::Int);
    }

    // ---- comparisons -------------------------------------------------------------

    /// A machine boolean as a value.
    pub(super) fn boolean(&mut self, condition: Value) -> Value {
        let extended = self.b.ins().uextend(types::I64, condition);
        let no = self.word(special_word(Special::False));
        self.b.ins().iadd(extended, no)
    }

    /// `R[l] < R[r]` or `<=`; `None` if the interpreter has to say.
    pub(super) fn compare(
        &mut self,
        less: bool,
        l: (usize, u16),
        r: (usize, u16),
    ) -> Option<Value> {
        match self.infer.numeric(self.pc, (l.0, self.ty(l.1)), (r.0, self.ty(r.1))) {
            Num::Int => {
                self.guard_ints(l.1, r.1);
                let (x, y) = (self.int(l.1), self.int(r.1));
                let cc = if less { IntCC::SignedLessThan } else { IntCC::SignedLessThanOrEqual };
                Some(self.b.ins().icmp(cc, x, y))
            }
            Num::Float => {
                self.guard_numbers(l, r);
                let (x, y) = (self.number(l.1), self.number(r.1));
                let cc = if less { FloatCC::LessThan } else { FloatCC::LessThanOrEqual };
                Some(self.b.ins().fcmp(cc, x, y))
            }
            _ => None,
        }
    }

    pub(super) fn ordered(&mut self, insn: Insn) {
        match self.compare(insn.op == Op::Lt, (1, insn.b), (2, insn.c)) {
            Some(condition) => {
                let value = self.boolean(condition);
                self.define(insn.a, value, Rep::Value);
            }
            None => drop(self.step()),
        }
    }

    /// Whether two registers are equal; `None` if the interpreter has to say.
    pub(super) fn same(&mut self, l: (usize, u16), r: (usize, u16)) -> Option<Value> {
        match self.infer.same(self.pc, (l.0, self.ty(l.1)), (r.0, self.ty(r.1))) {
            Same::Int => {
                self.guard_ints(l.1, r.1);
                let (x, y) = (self.int(l.1), self.int(r.1));
                Some(self.b.ins().icmp(IntCC::Equal, x, y))
            }
            Same::Float => {
                self.guard(l.1, Kinds::FLOAT);
                self.guard(r.1, Kinds::FLOAT);
                let (x, y) = (self.float(l.1), self.float(r.1));
                Some(self.b.ins().fcmp(FloatCC::Equal, x, y))
            }
            Same::Instances => {
                self.guard_epoch();
                if !self.ty(r.1).kinds.within(Kinds::PLAIN) {
                    self.guard(l.1, Kinds::INSTANCE);
                    self.guard(r.1, Kinds::INSTANCE);
                }
                let (x, y) = (self.boxed(l.1), self.boxed(r.1));
                Some(self.b.ins().icmp(IntCC::Equal, x, y))
            }
            Same::Identity => {
                let (x, y) = (self.boxed(l.1), self.boxed(r.1));
                Some(self.b.ins().icmp(IntCC::Equal, x, y))
            }
            _ => None,
        }
    }

    pub(super) fn equal(&mut self, insn: Insn) {
        match self.same((1, insn.b), (2, insn.c)) {
            Some(condition) => {
                let wanted = match insn.op {
                    Op::Eq => condition,
                    _ => self.b.ins().bxor_imm_s(condition, 1),
                };
                let value = self.boolean(wanted);
                self.define(insn.a, value, Rep::Value);
            }
            None => drop(self.step()),
        }
    }
}

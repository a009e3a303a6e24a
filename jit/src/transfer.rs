//! The types behind an instruction, given those before it.

use gene_isa::backend::Kinds;
use gene_isa::value::{INT_MAX, INT_MIN};
use gene_isa::{Op, Special};

use crate::infer::{
    CallPlan, Infer, Logic, MAX_SHAPES, Num, Path, Same, argument_count, is_single,
};
use crate::types::Ty;

impl Infer<'_> {
    /// The types after the instruction; `false` if control does not get there.
    pub fn transfer(&self, pc: usize, types: &mut [Ty]) -> bool {
        use Op::*;
        let insn = self.code.insns[pc];
        let (a, b, c) = (insn.a as usize, insn.b as usize, insn.c as usize);
        if let Some(part) = self.unit.inlined(pc) {
            self.enter_part(pc, part, types);
            return true;
        }
        if self.unit.returns_to(pc).is_some() {
            return self.leave_part(pc, types);
        }
        match insn.op {
            Move => types[a] = types[b],
            LoadInt => types[a] = Ty::int(insn.sbc() as i64, insn.sbc() as i64),
            LoadSpecial => types[a] = special_type(Special::from_u16(insn.b)),
            LoadConst => {
                use gene_isa::datum::Datum;
                types[a] = match &self.code.consts[insn.bc() as usize] {
                    Datum::Int(i) if (INT_MIN..=INT_MAX).contains(i) => Ty::int(*i, *i),
                    Datum::Float(_) => Ty::FLOAT,
                    Datum::Str(_) => Ty::of(Kinds::STRING),
                    _ => Ty::ANY,
                };
            }
            Add | Sub | Mul | AddI | SubI | MulI | Mod | ModI => return self.arithmetic(pc, types),
            Div => {
                let (l, r) = (self.expect(pc, 1, types[b]), self.expect(pc, 2, types[c]));
                match self.quotient(pc, l, r) {
                    Num::Exit => return false,
                    Num::Generic => types[a] = Ty::FLOAT,
                    _ => {
                        types[b] = types[b].narrow(l);
                        types[c] = types[c].narrow(r);
                        types[a] = Ty::FLOAT;
                    }
                }
            }
            DivI => {
                let l = self.expect(pc, 1, types[b]);
                match self.quotient(pc, l, Kinds::INT) {
                    Num::Exit => return false,
                    Num::Generic => types[a] = Ty::FLOAT,
                    _ => {
                        types[b] = types[b].narrow(l);
                        types[a] = Ty::FLOAT;
                    }
                }
            }
            Neg => {
                let kinds = self.expect(pc, 1, types[b]);
                match (kinds, self.seen(pc).generic) {
                    (Kinds::NONE, false) => return false,
                    (Kinds::INT, false) => {
                        types[b] = types[b].narrow(Kinds::INT);
                        types[a] = Ty::int(-types[b].hi, -types[b].lo);
                    }
                    (Kinds::FLOAT, false) => {
                        types[b] = types[b].narrow(Kinds::FLOAT);
                        types[a] = Ty::FLOAT;
                    }
                    _ => types[a] = Ty::ANY,
                }
            }
            And | Or | Xor => match self.logic(pc, types[b], types[c]) {
                Logic::Exit => return false,
                Logic::Bits => {
                    types[b] = types[b].narrow(Kinds::INT);
                    types[c] = types[c].narrow(Kinds::INT);
                    types[a] = bits_type(insn.op, types[b], types[c]);
                }
                Logic::Truth => {
                    match self.without_bits(pc, 1, types[b]) {
                        Some(kinds) => types[b] = types[b].narrow(kinds),
                        None => {
                            let kinds = self.without_bits(pc, 2, types[c]);
                            types[c] = types[c].narrow(kinds.unwrap_or(Kinds::ANY));
                        }
                    }
                    types[a] = match insn.op {
                        And => types[c],
                        Or => types[b].join(types[c]),
                        _ => Ty::BOOL,
                    }
                }
                Logic::Generic => types[a] = Ty::ANY,
            },
            Not => match self.not(pc, types[b]) {
                Logic::Exit => return false,
                Logic::Bits => {
                    types[b] = types[b].narrow(Kinds::INT);
                    types[a] = Ty::int(-types[b].hi - 1, -types[b].lo - 1);
                }
                Logic::Truth => {
                    let kinds = self.without_bits(pc, 1, types[b]).unwrap_or(Kinds::ANY);
                    types[b] = types[b].narrow(kinds);
                    types[a] = Ty::BOOL;
                }
                Logic::Generic => types[a] = Ty::ANY,
            },
            JumpIfOr => {
                if let Some(kinds) = self.without_bits(pc, 0, types[a]) {
                    types[a] = types[a].narrow(kinds);
                }
            }
            Shl | Shr => match self.numeric(pc, (1, types[b]), (2, types[c])) {
                Num::Exit => return false,
                Num::Int => {
                    types[b] = types[b].narrow(Kinds::INT);
                    types[c] = types[c].narrow(Kinds::INT);
                    types[c] = Ty::int(types[c].lo.max(0), types[c].hi.min(63));
                    let l = types[b];
                    types[a] = match insn.op {
                        Shr if l.lo >= 0 => Ty::int(0, l.hi >> types[c].lo),
                        Shr => l,
                        _ => Ty::INT,
                    };
                }
                _ => types[a] = Ty::ANY,
            },
            Lt | Le => {
                if !self.compare(pc, 1, 2, b, c, types) {
                    return false;
                }
                types[a] = Ty::BOOL;
            }
            Eq | Ne => {
                if !self.compare_same(pc, (1, b), (2, c), types) {
                    return false;
                }
                types[a] = Ty::BOOL;
            }
            Concat if self.is_concat(pc, types) => {
                types[b] = types[b].narrow(Kinds::STRING);
                types[c] = types[c].narrow(Kinds::STRING);
                types[a] = Ty::of(Kinds::STRING);
            }
            Is | CatchMatch => types[a] = Ty::BOOL,
            JumpLt | JumpLe | JumpNotLt | JumpNotLe | LoopLt | LoopLe => {
                return self.compare(pc, 0, 1, a, b, types);
            }
            JumpEq | JumpNe => return self.compare_same(pc, (0, a), (1, b), types),
            JumpLtI | JumpLeI | JumpGtI | JumpGeI | JumpNotLtI | JumpNotLeI | JumpNotGtI
            | JumpNotGeI | LoopLtI | LoopLeI | LoopGtI | LoopGeI => {
                match self.numeric_imm(pc, 0, types[a]) {
                    Num::Exit => return false,
                    Num::Int => types[a] = types[a].narrow(Kinds::INT),
                    Num::Float => types[a] = types[a].narrow(Kinds::FLOAT),
                    Num::Generic => {}
                }
            }
            JumpEqI | JumpNeI | LoopNeI => match self.same_imm(pc, types[a]) {
                Same::Exit => return false,
                Same::Int => types[a] = types[a].narrow(Kinds::INT),
                _ => {}
            },
            RangePrep => {
                if !self.seen(pc).ran {
                    return false;
                }
                for bound in &mut types[a..a + 3] {
                    *bound = bound.narrow(Kinds::INT);
                    if !bound.is_int() {
                        return false;
                    }
                }
                types[a + 3] = types[a];
            }
            RangeLoop => {
                let (from, end, step) = (types[a], types[a + 1], types[a + 2]);
                let next = match (step.lo, step.hi) {
                    (lo, _) if lo > 0 => Ty::int(from.lo, end.hi),
                    (_, hi) if hi < 0 => Ty::int(end.lo, from.hi),
                    _ => Ty::INT,
                };
                types[a] = next;
                types[a + 3] = next;
            }
            IterInit if !self.may_go(pc, 1, types) => {
                types[b] = types[b].narrow(Kinds::ARRAY);
                types[a] = types[b];
                types[a + 1] = Ty::int(0, 0);
            }
            IterClose if !self.may_go(pc, 1, types) => {}
            IterNext => {
                if !self.seen(pc).ran {
                    return false;
                }
                if self.array_loop(pc, types) {
                    types[a] = types[a].narrow(Kinds::ARRAY);
                    let index = types[a + 1].narrow(Kinds::INT);
                    types[a + 1] = Ty::int(index.lo.max(0), INT_MAX);
                } else {
                    for register in a + 1..a + 6 {
                        set(types, register, Ty::ANY);
                    }
                }
            }
            GetIndex => match self.element(pc, (1, types[b]), Some((2, types[c]))) {
                None => return false,
                Some(true) => {
                    types[b] = types[b].narrow(Kinds::ARRAY);
                    types[c] = types[c].narrow(Kinds::INT);
                    types[a] = self.loaded(pc);
                }
                Some(false) => types[a] = Ty::ANY,
            },
            GetIndexI => match self.element(pc, (1, types[b]), None) {
                None => return false,
                Some(true) => {
                    types[b] = types[b].narrow(Kinds::ARRAY);
                    types[a] = self.loaded(pc);
                }
                Some(false) => types[a] = Ty::ANY,
            },
            SetIndex => match self.element(pc, (0, types[a]), Some((1, types[b]))) {
                None => return false,
                Some(true) => {
                    types[a] = types[a].narrow(Kinds::ARRAY);
                    types[b] = types[b].narrow(Kinds::INT);
                }
                Some(false) => {}
            },
            SetIndexI => match self.element(pc, (0, types[a]), None) {
                None => return false,
                Some(true) => types[a] = types[a].narrow(Kinds::ARRAY),
                Some(false) => {}
            },
            GetProp => match self.member(pc) {
                None => return false,
                Some(shaped) => {
                    if shaped {
                        self.narrow_record(pc, 1, b, types);
                    }
                    let shaped = shaped && self.seen(pc).shapes.len() <= MAX_SHAPES;
                    types[a] = if shaped { self.loaded(pc) } else { Ty::ANY };
                }
            },
            GetPropVar => {
                if !self.seen(pc).ran {
                    return false;
                }
                match self.path(pc, types[b], types[c]) {
                    Path::Member => self.narrow_record(pc, 1, b, types),
                    Path::Element => {
                        types[b] = types[b].narrow(Kinds::ARRAY);
                        types[c] = types[c].narrow(Kinds::INT);
                    }
                    Path::Generic => {}
                }
                types[a] = Ty::ANY;
            }
            CheckMember | CheckFound => {
                if let Some(kinds) = self.found(pc, types[a]) {
                    types[a] = types[a].narrow(kinds);
                }
            }
            CheckType => {
                let ty = types[a];
                match self.checked(pc, ty) {
                    Some(kinds) => types[a] = ty.narrow(kinds),
                    None => types[a] = Ty::ANY,
                }
            }
            SetProp => match self.member(pc) {
                None => return false,
                Some(true) => self.narrow_record(pc, 0, a, types),
                Some(false) => {}
            },
            GetUp | GetScope => types[a] = self.loaded(pc),
            NewArray => types[a] = Ty::of(Kinds::ARRAY),
            NewMap => types[a] = Ty::of(Kinds::MAP),
            Closure => types[a] = Ty::of(Kinds::FUNCTION),
            NewScope => types[a] = Ty::of(Kinds::SCOPE),
            DropScope => types[a] = Ty::of(Kinds::NIL),
            Call | CallModule | CallWithSelf | CallMethod | CallSuper | New | CallX | TailCallX => {
                let plan = self.call(pc);
                if matches!(plan, CallPlan::Exit) {
                    return false;
                }
                let result = self.call_type(&plan);
                for ty in &mut types[a..] {
                    *ty = Ty::ANY;
                }
                types[a] = result;
            }
            Return | ReturnScoped | Throw | Rethrow | Finish => return false,
            TailCall | TailCallModule | TailCallMethod => return false,
            _ => {
                let e = crate::effects::effects(self.unit, pc);
                for register in e.defs.into_iter().chain(e.clobbers) {
                    types[register as usize] = Ty::ANY;
                }
            }
        }
        true
    }

    /// The types at the first instruction of a part that the call at `pc` has become.
    fn enter_part(&self, pc: usize, part: usize, types: &mut [Ty]) {
        let insn = self.code.insns[pc];
        let a = insn.a as usize;
        let part = &self.unit.parts[part];
        let this = match insn.op {
            Op::CallWithSelf => types[a + 1],
            Op::CallMethod | Op::TailCallMethod => {
                let kinds = self.expect(pc, 1, types[a + 1]);
                if is_single(kinds) { types[a + 1].narrow(kinds) } else { types[a + 1] }
            }
            Op::New => Ty::of(Kinds::INSTANCE),
            _ => Ty::ANY,
        };
        let args = types[a + 2..a + 2 + argument_count(insn) as usize].to_vec();
        let base = part.base as usize;
        types[base..].fill(Ty::ANY);
        types[base] = Ty::of(Kinds::FUNCTION);
        types[base + 1] = this;
        types[base + 2..base + 2 + args.len()].copy_from_slice(&args);
        for register in &part.scope_regs {
            types[*register as usize] = Ty::of(Kinds::NIL);
        }
    }

    /// The types behind the call that has become a part, left at `pc`; `false` if
    /// control does not get there.
    fn leave_part(&self, pc: usize, types: &mut [Ty]) -> bool {
        let insn = self.code.insns[pc];
        let result = match insn.op {
            Op::Return | Op::ReturnScoped => types[insn.a as usize],
            _ => match self.call(pc) {
                CallPlan::Exit | CallPlan::Generic | CallPlan::Function(_) => return false,
                plan => self.call_type(&plan),
            },
        };
        let base = self.unit.part(pc).base as usize;
        types[base..].fill(Ty::ANY);
        types[base] = result;
        true
    }

    fn narrow_record(&self, pc: usize, operand: usize, register: usize, types: &mut [Ty]) {
        let kinds = self.expect(pc, operand, types[register]).and(Kinds::RECORD);
        if !kinds.is_empty() {
            types[register] = types[register].narrow(kinds);
        }
    }

    fn arithmetic(&self, pc: usize, types: &mut [Ty]) -> bool {
        use Op::*;
        let insn = self.code.insns[pc];
        let (a, b, c) = (insn.a as usize, insn.b as usize, insn.c as usize);
        let imm = matches!(insn.op, AddI | SubI | MulI | ModI);
        let (plan, r) = match imm {
            true => {
                let k = insn.sc() as i64;
                (self.numeric_imm(pc, 1, types[b]), Ty::int(k, k))
            }
            false => (self.numeric(pc, (1, types[b]), (2, types[c])), types[c]),
        };
        match plan {
            Num::Exit => return false,
            Num::Int => {
                types[b] = types[b].narrow(Kinds::INT);
                let mut r = r.narrow(Kinds::INT);
                if matches!(insn.op, Mod | ModI) {
                    if r.hi <= 0 {
                        return false;
                    }
                    r = Ty::int(r.lo.max(1), r.hi);
                }
                if !imm {
                    types[c] = r;
                }
                types[a] = int_result(insn.op, types[b], r);
            }
            Num::Float if matches!(insn.op, Mod | ModI) => types[a] = Ty::ANY,
            Num::Float => {
                types[b] = types[b].narrow(self.expect(pc, 1, types[b]));
                if !imm {
                    types[c] = types[c].narrow(self.expect(pc, 2, types[c]));
                }
                types[a] = Ty::FLOAT;
            }
            Num::Generic => types[a] = Ty::ANY,
        }
        true
    }

    fn compare(&self, pc: usize, i: usize, j: usize, l: usize, r: usize, types: &mut [Ty]) -> bool {
        match self.numeric(pc, (i, types[l]), (j, types[r])) {
            Num::Exit => return false,
            Num::Int => {
                types[l] = types[l].narrow(Kinds::INT);
                types[r] = types[r].narrow(Kinds::INT);
            }
            Num::Float => {
                types[l] = types[l].narrow(self.expect(pc, i, types[l]));
                types[r] = types[r].narrow(self.expect(pc, j, types[r]));
            }
            Num::Generic => {}
        }
        true
    }

    fn compare_same(
        &self,
        pc: usize,
        l: (usize, usize),
        r: (usize, usize),
        types: &mut [Ty],
    ) -> bool {
        let kinds = match self.same(pc, (l.0, types[l.1]), (r.0, types[r.1])) {
            Same::Exit => return false,
            Same::Int => Kinds::INT,
            Same::Float => Kinds::FLOAT,
            Same::Instances if types[r.1].kinds.within(Kinds::PLAIN) => return true,
            Same::Instances => Kinds::INSTANCE,
            Same::Identity | Same::Generic => return true,
        };
        types[l.1] = types[l.1].narrow(kinds);
        types[r.1] = types[r.1].narrow(kinds);
        true
    }

    /// What else is known on one of the ways out of the jump at `pc`: the first
    /// one is the jump. Given are the types after it.
    pub fn refine(&self, pc: usize, way: usize, types: &mut [Ty]) {
        use Op::*;
        let insn = self.code.insns[pc];
        let (a, b) = (insn.a as usize, insn.b as usize);
        let jumps = way == 0;
        let both = |t: &[Ty]| t[a].is_int() && t[b].is_int();
        let k = insn.sb() as i64;
        match insn.op {
            JumpLt | LoopLt if both(types) => less(types, a, b, jumps),
            JumpNotLt if both(types) => less(types, a, b, !jumps),
            JumpLe | LoopLe if both(types) => less(types, b, a, !jumps),
            JumpNotLe if both(types) => less(types, b, a, jumps),
            JumpLtI | LoopLtI if types[a].is_int() => bound(types, a, k, jumps),
            JumpNotLtI if types[a].is_int() => bound(types, a, k, !jumps),
            JumpLeI | LoopLeI if types[a].is_int() => bound(types, a, k + 1, jumps),
            JumpNotLeI if types[a].is_int() => bound(types, a, k + 1, !jumps),
            JumpGtI | LoopGtI if types[a].is_int() => bound(types, a, k + 1, !jumps),
            JumpNotGtI if types[a].is_int() => bound(types, a, k + 1, jumps),
            JumpGeI | LoopGeI if types[a].is_int() => bound(types, a, k, !jumps),
            JumpNotGeI if types[a].is_int() => bound(types, a, k, jumps),
            JumpIf | JumpIfNot => {
                let truthy = jumps == (insn.op == JumpIf);
                let never = if truthy { Kinds::NIL } else { Kinds(!0x1C & Kinds::ANY.0) };
                types[a].kinds = Kinds(types[a].kinds.0 & !never.0);
            }
            JumpIfNil if !jumps => types[a].kinds = Kinds(types[a].kinds.0 & !Kinds::NIL.0),
            JumpIfNil => types[a] = types[a].narrow(Kinds::NIL),
            IterNext if self.array_loop(pc, types) && !jumps => {
                let index = types[a + 1];
                types[a + 1] = Ty::int(index.lo + 1, u32::MAX as i64);
                types[a + 2] = Ty::ANY;
                types[a + 3] = Ty::int(index.lo, u32::MAX as i64);
                set(types, a + 4, Ty::ANY);
                set(types, a + 5, Ty::ANY);
            }
            RangeLoop if !jumps => {}
            _ => {}
        }
        // What cannot be is left as it was: such a way is not taken.
        if types[a].kinds.is_empty() {
            types[a].kinds = Kinds::ANY;
        }
    }
}

fn set(types: &mut [Ty], register: usize, ty: Ty) {
    if let Some(slot) = types.get_mut(register) {
        *slot = ty;
    }
}

/// Bounds where `R[l] < R[r]`, or where it is not.
fn less(types: &mut [Ty], l: usize, r: usize, holds: bool) {
    let (x, y) = (types[l], types[r]);
    if holds {
        types[l] = Ty::int(x.lo, x.hi.min(y.hi - 1));
        types[r] = Ty::int(y.lo.max(x.lo + 1), y.hi);
    } else {
        types[l] = Ty::int(x.lo.max(y.lo), x.hi);
        types[r] = Ty::int(y.lo, y.hi.min(x.hi));
    }
    for register in [l, r] {
        if types[register].lo > types[register].hi {
            // Never so: any bounds are right.
            types[register] = Ty::INT;
        }
    }
}

/// Bounds where `R[a] < k`, or where it is not.
fn bound(types: &mut [Ty], a: usize, k: i64, holds: bool) {
    let x = types[a];
    let new = if holds { Ty::int(x.lo, x.hi.min(k - 1)) } else { Ty::int(x.lo.max(k), x.hi) };
    types[a] = if new.lo > new.hi { Ty::INT } else { new };
}

/// The bounds that a result would have without overflow.
pub fn int_bounds(op: Op, l: Ty, r: Ty) -> (i128, i128) {
    let (ll, lh, rl, rh) = (l.lo as i128, l.hi as i128, r.lo as i128, r.hi as i128);
    match op {
        Op::Add | Op::AddI => (ll + rl, lh + rh),
        Op::Sub | Op::SubI => (ll - rh, lh - rl),
        Op::Mod | Op::ModI => {
            let most = rh - 1;
            (if ll >= 0 { 0 } else { -most.min(-ll) }, if lh >= 0 { most.min(lh) } else { 0 })
        }
        _ => {
            let all = [ll * rl, ll * rh, lh * rl, lh * rh];
            (all.into_iter().min().unwrap_or(0), all.into_iter().max().unwrap_or(0))
        }
    }
}

/// The type of a result of which overflow has been excluded.
fn int_result(op: Op, l: Ty, r: Ty) -> Ty {
    let (lo, hi) = int_bounds(op, l, r);
    let (lo, hi) = (lo.max(INT_MIN as i128) as i64, hi.min(INT_MAX as i128) as i64);
    if lo > hi { Ty::INT } else { Ty::int(lo, hi) }
}

fn bits_type(op: Op, l: Ty, r: Ty) -> Ty {
    match op {
        Op::And if l.lo >= 0 && r.lo >= 0 => Ty::int(0, l.hi.min(r.hi)),
        Op::And if l.lo >= 0 => Ty::int(0, l.hi),
        Op::And if r.lo >= 0 => Ty::int(0, r.hi),
        _ if l.lo >= 0 && r.lo >= 0 => {
            let bits = 64 - (l.hi | r.hi).leading_zeros();
            Ty::int(0, (1i64 << bits.min(62)) - 1)
        }
        _ => Ty::INT,
    }
}

fn special_type(special: Option<Special>) -> Ty {
    match special {
        Some(Special::Nil) => Ty::of(Kinds::NIL),
        Some(Special::True | Special::False) => Ty::BOOL,
        _ => Ty::of(Kinds::IMMEDIATE),
    }
}

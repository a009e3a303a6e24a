//! What each instruction will be compiled to, and the types that follow.
//!
//! The interpreter's feedback says which kinds an instruction has met. Where
//! these are few, the instruction becomes a guard and machine arithmetic, and
//! from there on its operands are known to be of these kinds. [`Infer`] decides
//! that for one instruction given the types before it. The solver of types at the
//! entries of blocks and lowering ask the same questions, so both agree.

use gene_isa::backend::{Callee, Direct, Entry, Kinds, KnownNative, Rep, Request, Seen};
use gene_isa::backend::{ClassTarget, Target};
use gene_isa::value::{INT_MAX, INT_MIN};
use gene_isa::{Code, Insn, Op, Special};

use crate::types::Ty;
use crate::unit::Unit;

/// How arithmetic and comparison are done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Num {
    /// Both operands are Ints.
    Int,
    /// Both are numbers, one of them a Float for certain.
    Float,
    /// By the interpreter.
    Generic,
    /// Not at all: it has never run like this.
    Exit,
}

/// How equality is decided.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Same {
    /// Both are Ints.
    Int,
    /// Both are Floats.
    Float,
    /// By the words.
    Identity,
    /// By the words, as long as no class has a method `==`.
    Instances,
    /// By the interpreter.
    Generic,
    /// It has never run like this.
    Exit,
}

/// How logic on values of any kind is done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Logic {
    /// Bit by bit.
    Bits,
    /// By what is truthy.
    Truth,
    /// By the interpreter.
    Generic,
    /// It has never run.
    Exit,
}

/// What a path segment means that is both a member and a variable.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Path {
    /// The member.
    Member,
    /// The element at the index in the variable.
    Element,
    /// The interpreter knows.
    Generic,
}

/// How a call is made.
#[derive(Clone, Debug)]
pub enum CallPlan<'a> {
    /// From machine code to machine code.
    Direct(&'a Callee, Direct),
    /// A function of the program, with the interpreter's help.
    Function(&'a Callee),
    /// A native.
    Native(u64, KnownNative),
    /// A new instance; the constructor is called as the inner plan says.
    New(&'a ClassTarget),
    /// By class of the receiver.
    Methods(Vec<(u32, CallPlan<'a>)>),
    /// By the interpreter.
    Generic,
    /// It has never run.
    Exit,
}

/// The questions, with what they depend on.
pub struct Infer<'a> {
    pub unit: &'a Unit,
    pub code: &'a Code,
    /// Whether no class has a method `==`.
    plain_equality: bool,
    /// The signature of the function itself, if it can be called directly.
    pub own: Option<Direct>,
    /// For each load of a value from memory the instruction soon after that expects a
    /// Float there.
    float_uses: Vec<Option<usize>>,
}

pub(crate) fn is_single(kinds: Kinds) -> bool {
    kinds.0.count_ones() == 1
}

/// Kinds that are worth a guard at the entry of a loop.
pub(crate) const ASSUMED: Kinds =
    Kinds::NUMBER.with(Kinds::ARRAY).with(Kinds::RECORD).with(Kinds::STRING).with(Kinds::FUNCTION);

/// Shapes that one access tells apart.
pub const MAX_SHAPES: usize = 4;

/// Kinds that operators of bits take apart from Ints, and large Ints.
const BITS: Kinds = Kinds::INT.with(Kinds::OBJECT);

impl<'a> Infer<'a> {
    pub fn new(request: &Request, unit: &'a Unit) -> Infer<'a> {
        let code = &unit.code;
        let feedback = request.body.feedback;
        let plain_equality = request.plain_equality;
        let float_uses = (0..code.insns.len()).map(|pc| float_use(unit, pc)).collect();
        let mut infer = Infer { unit, code, plain_equality, own: None, float_uses };
        if request.entry == Entry::Call && code.params.exact().is_some() {
            let rep = |kinds: &Kinds| Ty::of(*kinds).rep();
            let count = code.params.positional.len();
            let params =
                (0..count).map(|i| feedback.params.get(i).map_or(Rep::Value, rep)).collect();
            let (result, uses_self) = (infer.result(request), uses_self(unit));
            infer.own = Some(Direct { cell: 0, params, result, uses_self });
        }
        infer
    }

    /// How most results are handed out.
    fn result(&self, request: &Request) -> Rep {
        let returns = request.body.code.insns.iter().zip(&request.body.feedback.seen);
        let kinds = returns
            .filter(|(insn, seen)| matches!(insn.op, Op::Return | Op::ReturnScoped) && seen.ran)
            .fold(Kinds::NONE, |kinds, (_, seen)| kinds.with(seen.kinds[0]));
        Ty::of(kinds).rep()
    }

    pub fn seen(&self, pc: usize) -> &'a Seen {
        &self.unit.seen[pc]
    }

    /// The kinds to expect of an operand: what it can be, and has been.
    pub fn expect(&self, pc: usize, operand: usize, ty: Ty) -> Kinds {
        match is_single(ty.kinds) {
            true => ty.kinds,
            false => ty.kinds.and(self.seen(pc).kinds[operand]),
        }
    }

    /// How numbers in these operands are combined.
    pub fn numeric(&self, pc: usize, l: (usize, Ty), r: (usize, Ty)) -> Num {
        let (l, r) = (self.expect(pc, l.0, l.1), self.expect(pc, r.0, r.1));
        self.numbers(pc, l, r)
    }

    fn numbers(&self, pc: usize, l: Kinds, r: Kinds) -> Num {
        if self.seen(pc).generic {
            return Num::Generic;
        }
        if l.is_empty() || r.is_empty() {
            return Num::Exit;
        }
        if !l.within(Kinds::NUMBER) || !r.within(Kinds::NUMBER) {
            return Num::Generic;
        }
        match (l, r) {
            (Kinds::INT, Kinds::INT) => Num::Int,
            _ if l == Kinds::FLOAT || r == Kinds::FLOAT => Num::Float,
            _ => Num::Generic,
        }
    }

    /// How a number and a constant are combined.
    pub fn numeric_imm(&self, pc: usize, operand: usize, ty: Ty) -> Num {
        let kinds = self.expect(pc, operand, ty);
        match self.numbers(pc, kinds, Kinds::INT) {
            Num::Float if kinds == Kinds::FLOAT => Num::Float,
            Num::Float => Num::Generic,
            other => other,
        }
    }

    /// How a quotient is made: of numbers of any kind.
    pub fn quotient(&self, pc: usize, l: Kinds, r: Kinds) -> Num {
        if self.seen(pc).generic {
            return Num::Generic;
        }
        if l.is_empty() || r.is_empty() {
            return Num::Exit;
        }
        let numbers = l.within(Kinds::NUMBER) && r.within(Kinds::NUMBER);
        if numbers { Num::Float } else { Num::Generic }
    }

    /// How `==` of two operands is decided.
    pub fn same(&self, pc: usize, l: (usize, Ty), r: (usize, Ty)) -> Same {
        let (lk, rk) = (self.expect(pc, l.0, l.1), self.expect(pc, r.0, r.1));
        if self.seen(pc).generic {
            return Same::Generic;
        }
        if lk.is_empty() || rk.is_empty() {
            return Same::Exit;
        }
        // Words decide where one of them is a value without parts, and the left
        // one cannot have a method `==`.
        let plain = |ty: Ty| ty.kinds.within(Kinds::PLAIN) && !ty.kinds.contains(Kinds::FLOAT);
        match (lk, rk) {
            (Kinds::INT, Kinds::INT) => Same::Int,
            (Kinds::FLOAT, Kinds::FLOAT) => Same::Float,
            _ if plain(l.1) => Same::Identity,
            _ if plain(r.1) && l.1.kinds.and(Kinds::INSTANCE).is_empty() => Same::Identity,
            _ if plain(r.1) && self.plain_equality => Same::Instances,
            _ if lk.and(rk) == Kinds::INSTANCE && lk == rk && self.plain_equality => {
                Same::Instances
            }
            _ => Same::Generic,
        }
    }

    /// How `==` with a constant Int is decided.
    pub fn same_imm(&self, pc: usize, ty: Ty) -> Same {
        let kinds = self.expect(pc, 0, ty);
        if self.seen(pc).generic {
            return Same::Generic;
        }
        if kinds.is_empty() {
            return Same::Exit;
        }
        match kinds {
            Kinds::INT => Same::Int,
            _ if ty.kinds.within(Kinds::PLAIN) => Same::Identity,
            _ => Same::Generic,
        }
    }

    /// How bits of two operands are combined, or what is truthy chosen.
    pub fn logic(&self, pc: usize, l: Ty, r: Ty) -> Logic {
        let (lk, rk) = (self.expect(pc, 1, l), self.expect(pc, 2, r));
        if self.seen(pc).generic {
            return Logic::Generic;
        }
        if lk.is_empty() || rk.is_empty() {
            return Logic::Exit;
        }
        if lk == Kinds::INT && rk == Kinds::INT {
            return Logic::Bits;
        }
        match self.without_bits(pc, 1, l).or(self.without_bits(pc, 2, r)) {
            Some(_) => Logic::Truth,
            None => Logic::Generic,
        }
    }

    /// The kinds to which an operand is guarded so that operators of bits take it
    /// as it is; `None` if that is not possible.
    pub fn without_bits(&self, pc: usize, operand: usize, ty: Ty) -> Option<Kinds> {
        if ty.kinds.and(BITS).is_empty() {
            return Some(ty.kinds);
        }
        let kinds = self.expect(pc, operand, ty);
        (kinds.and(BITS).is_empty() && !kinds.is_empty()).then_some(kinds)
    }

    /// How `!` of an operand is done.
    pub fn not(&self, pc: usize, ty: Ty) -> Logic {
        let kinds = self.expect(pc, 1, ty);
        if self.seen(pc).generic {
            return Logic::Generic;
        }
        match kinds {
            Kinds::NONE => Logic::Exit,
            Kinds::INT => Logic::Bits,
            _ if self.without_bits(pc, 1, ty).is_some() => Logic::Truth,
            _ => Logic::Generic,
        }
    }

    /// Whether an element of an array is accessed; `None`: it has never run.
    pub fn element(
        &self,
        pc: usize,
        object: (usize, Ty),
        index: Option<(usize, Ty)>,
    ) -> Option<bool> {
        let object = self.expect(pc, object.0, object.1);
        let index = index.map_or(Kinds::INT, |(i, ty)| self.expect(pc, i, ty));
        if self.seen(pc).generic {
            return Some(false);
        }
        if object.is_empty() || index.is_empty() {
            return None;
        }
        Some(object == Kinds::ARRAY && index == Kinds::INT)
    }

    /// Whether a member of a record is accessed by shape; `None`: it has never
    /// run.
    pub fn member(&self, pc: usize) -> Option<bool> {
        let seen = self.seen(pc);
        if seen.generic {
            return Some(false);
        }
        seen.ran.then_some(!seen.shapes.is_empty())
    }

    /// Whether an instruction that calls nothing as a rule is left to the
    /// interpreter, given the types before it.
    pub fn steps(&self, pc: usize, types: &[Ty]) -> bool {
        use Op::*;
        let insn = self.code.insns[pc];
        let ty = |register: u16| types[register as usize];
        let (a, b, c) = (insn.a, insn.b, insn.c);
        match insn.op {
            Add | Sub | Mul => self.numeric(pc, (1, ty(b)), (2, ty(c))) == Num::Generic,
            AddI | SubI | MulI => self.numeric_imm(pc, 1, ty(b)) == Num::Generic,
            Mod => !matches!(self.numeric(pc, (1, ty(b)), (2, ty(c))), Num::Int | Num::Exit),
            ModI => !matches!(self.numeric_imm(pc, 1, ty(b)), Num::Int | Num::Exit),
            Div => {
                let (l, r) = (self.expect(pc, 1, ty(b)), self.expect(pc, 2, ty(c)));
                self.quotient(pc, l, r) == Num::Generic
            }
            DivI => {
                let l = self.expect(pc, 1, ty(b));
                self.quotient(pc, l, Kinds::INT) == Num::Generic
            }
            Lt | Le => self.numeric(pc, (1, ty(b)), (2, ty(c))) == Num::Generic,
            JumpLt | JumpLe | JumpNotLt | JumpNotLe | LoopLt | LoopLe => {
                self.numeric(pc, (0, ty(a)), (1, ty(b))) == Num::Generic
            }
            JumpLtI | JumpLeI | JumpGtI | JumpGeI | JumpNotLtI | JumpNotLeI | JumpNotGtI
            | JumpNotGeI | LoopLtI | LoopLeI | LoopGtI | LoopGeI => {
                self.numeric_imm(pc, 0, ty(a)) == Num::Generic
            }
            JumpEqI | JumpNeI | LoopNeI => self.same_imm(pc, ty(a)) == Same::Generic,
            JumpEq | JumpNe => self.same(pc, (0, ty(a)), (1, ty(b))) == Same::Generic,
            Eq | Ne => self.same(pc, (1, ty(b)), (2, ty(c))) == Same::Generic,
            Neg => {
                let known = [Kinds::INT, Kinds::FLOAT, Kinds::NONE];
                self.seen(pc).generic || !known.contains(&self.expect(pc, 1, ty(b)))
            }
            LoadConst => self.unit.consts[insn.bc() as usize].is_none(),
            GetIndex => self.element(pc, (1, ty(b)), Some((2, ty(c)))) == Some(false),
            GetIndexI => self.element(pc, (1, ty(b)), None) == Some(false),
            SetIndex => self.element(pc, (0, ty(a)), Some((1, ty(b)))) == Some(false),
            SetIndexI => self.element(pc, (0, ty(a)), None) == Some(false),
            GetProp => self.member(pc) == Some(false) || self.seen(pc).shapes.len() > MAX_SHAPES,
            // What adds a member changes a shape.
            SetProp => {
                let shapes = &self.seen(pc).shapes;
                self.member(pc) == Some(false)
                    || shapes.len() > MAX_SHAPES
                    || shapes.iter().any(|s| s.next != 0)
            }
            IterNext => !self.array_loop(pc, types),
            IterInit | IterClose => self.may_go(pc, 1, types),
            _ => false,
        }
    }

    // ---- calls -----------------------------------------------------------------

    fn plan(&self, target: &'a Target, count: u16) -> CallPlan<'a> {
        match target {
            Target::None | Target::Many => CallPlan::Generic,
            Target::Native { value, known } => CallPlan::Native(*value, *known),
            Target::Class(class) => CallPlan::New(class),
            Target::Function(callee) => self.plan_callee(callee, count),
        }
    }

    /// How a known function is called.
    pub fn plan_callee(&self, callee: &'a Callee, count: u16) -> CallPlan<'a> {
        if callee.exact != Some(count) {
            return CallPlan::Function(callee);
        }
        match (&callee.direct, &self.own) {
            (_, Some(own)) if callee.is_self => CallPlan::Direct(callee, own.clone()),
            (Some(direct), _) => CallPlan::Direct(callee, direct.clone()),
            _ => CallPlan::Function(callee),
        }
    }

    /// How the call at `pc` is made.
    pub fn call(&self, pc: usize) -> CallPlan<'a> {
        let insn = self.code.insns[pc];
        let seen = self.seen(pc);
        if seen.generic {
            return CallPlan::Generic;
        }
        if !seen.ran {
            return CallPlan::Exit;
        }
        let count = argument_count(insn);
        match insn.op {
            Op::CallMethod | Op::TailCallMethod => {
                let plans: Vec<_> = seen
                    .methods
                    .iter()
                    .map(|(class, target)| (*class, self.plan(target, count)))
                    .filter(|(class, plan)| *class != 0 && !matches!(plan, CallPlan::Generic))
                    .collect();
                if plans.len() != seen.methods.len() || plans.is_empty() {
                    return CallPlan::Generic;
                }
                CallPlan::Methods(plans)
            }
            Op::Call
            | Op::CallModule
            | Op::CallWithSelf
            | Op::TailCall
            | Op::TailCallModule
            | Op::New
            | Op::CallSuper => self.plan(&seen.target, count),
            _ => CallPlan::Generic,
        }
    }

    /// What a call gives.
    pub fn call_type(&self, plan: &CallPlan) -> Ty {
        match plan {
            CallPlan::Direct(_, direct) => Ty::of_rep(direct.result),
            CallPlan::Native(_, known) => match known {
                KnownNative::ArraySize => Ty::int(0, u32::MAX as i64),
                KnownNative::ArrayAdd => Ty::of(Kinds::ARRAY),
                KnownNative::Sqrt => Ty::FLOAT,
                KnownNative::Callable => Ty::of(Kinds::NIL),
                _ => Ty::ANY,
            },
            CallPlan::New(_) => Ty::of(Kinds::INSTANCE),
            CallPlan::Methods(plans) => plans
                .iter()
                .map(|(_, plan)| self.call_type(plan))
                .reduce(Ty::join)
                .unwrap_or(Ty::ANY),
            _ => Ty::ANY,
        }
    }

    /// Whether the two operands of `concat` are strings.
    pub fn is_concat(&self, pc: usize, types: &[Ty]) -> bool {
        let insn = self.code.insns[pc];
        let string = |i, r: u16| self.expect(pc, i, types[r as usize]) == Kinds::STRING;
        !self.seen(pc).generic && string(1, insn.b) && string(2, insn.c)
    }

    /// The instruction that expects a Float in what the one at `pc` loads from memory.
    pub fn float_use(&self, pc: usize) -> Option<usize> {
        self.float_uses[pc]
    }

    /// The type of what is loaded from memory at `pc`.
    fn loaded(&self, pc: usize) -> Ty {
        if self.float_uses[pc].is_some() { Ty::FLOAT } else { Ty::ANY }
    }

    // ---- types -----------------------------------------------------------------

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

    /// What a path segment that names a member and a variable means.
    pub fn path(&self, pc: usize, object: Ty, variable: Ty) -> Path {
        let seen = self.seen(pc);
        let kinds = self.expect(pc, 1, object);
        if seen.generic || kinds.is_empty() {
            return Path::Generic;
        }
        if kinds.within(Kinds::RECORD) && !seen.shapes.is_empty() {
            return Path::Member;
        }
        let element = kinds == Kinds::ARRAY && self.expect(pc, 2, variable) == Kinds::INT;
        if element { Path::Element } else { Path::Generic }
    }

    /// The kinds to which a member that must exist is guarded, if there is a guard
    /// that the next use needs anyway.
    pub fn found(&self, pc: usize, ty: Ty) -> Option<Kinds> {
        let kinds = self.expect(pc, 0, ty);
        (is_single(kinds) && kinds.within(Kinds::NUMBER)).then_some(kinds)
    }

    /// Whether the call at `pc` is one of a native that becomes a few instructions,
    /// which change nothing.
    pub fn is_silent(&self, pc: usize) -> bool {
        let seen = self.seen(pc);
        let silent = |target: &Target| match target {
            Target::Native { known, .. } => {
                matches!(known, KnownNative::Sqrt | KnownNative::ArraySize | KnownNative::Callable)
            }
            _ => false,
        };
        let methods = match &seen.methods[..] {
            [(_, target)] => silent(target),
            _ => false,
        };
        !seen.generic && (silent(&seen.target) || methods)
    }

    /// The kinds that pass the type check at `pc` for certain, among those that
    /// occur.
    pub fn checked(&self, pc: usize, ty: Ty) -> Option<Kinds> {
        let check = &self.code.checks[self.code.insns[pc].bc() as usize];
        let gene_isa::TypeExpr::Name(name) = &check.ty else { return None };
        let passing = match name.as_str() {
            "Int" => Kinds::INT,
            "Float" => Kinds::FLOAT,
            "Bool" => Kinds::BOOL,
            "String" => Kinds::STRING,
            "Array" => Kinds::ARRAY,
            "Map" => Kinds::MAP,
            "Any" => return Some(ty.kinds),
            _ => return None,
        };
        let good = !self.seen(pc).generic && self.expect(pc, 0, ty) == passing;
        good.then_some(passing)
    }

    /// Whether the jump at `pc` may take the `way`-th way out. Given are the
    /// types before it.
    pub fn may_go(&self, pc: usize, way: usize, types: &[Ty]) -> bool {
        let insn = self.code.insns[pc];
        if way == 0 || self.seen(pc).generic {
            return true;
        }
        match insn.op {
            Op::IterInit => self.expect(pc, 1, types[insn.b as usize]) != Kinds::ARRAY,
            Op::IterClose => types[insn.a as usize].kinds != Kinds::ARRAY,
            _ => true,
        }
    }

    fn narrow_record(&self, pc: usize, operand: usize, register: usize, types: &mut [Ty]) {
        let kinds = self.expect(pc, operand, types[register]).and(Kinds::RECORD);
        if !kinds.is_empty() {
            types[register] = types[register].narrow(kinds);
        }
    }

    /// Whether `iter_next` walks over an array.
    pub fn array_loop(&self, pc: usize, types: &[Ty]) -> bool {
        let a = self.code.insns[pc].a as usize;
        !self.seen(pc).generic
            && self.expect(pc, 0, types[a]) == Kinds::ARRAY
            && self.expect(pc, 1, types[a + 1]) == Kinds::INT
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

/// The instruction behind a load, in the same block, that expects a Float in what was
/// loaded.
fn float_use(unit: &Unit, load: usize) -> Option<usize> {
    use Op::*;
    let insn = unit.code.insns[load];
    if !matches!(insn.op, GetIndex | GetIndexI | GetProp | GetUp | GetScope) {
        return None;
    }
    let mut pc = load;
    for _ in 0..FLOAT_USES {
        if unit.ends_block(pc) {
            return None;
        }
        pc = unit.next(pc);
        let user = unit.code.insns[pc];
        let operands: &[u16] = match user.op {
            Add | Sub | Mul | Div | Lt | Le => &[1, 2],
            AddI | SubI | MulI | DivI | Neg => &[1],
            JumpLt | JumpLe | JumpNotLt | JumpNotLe | LoopLt | LoopLe => &[0, 1],
            JumpLtI | JumpLeI | JumpGtI | JumpGeI | JumpNotLtI | JumpNotLeI | JumpNotGtI
            | JumpNotGeI | LoopLtI | LoopLeI | LoopGtI | LoopGeI | CheckMember | CheckFound => &[0],
            _ => &[],
        };
        let registers = [user.a, user.b, user.c];
        let seen = &unit.seen[pc];
        let used = operands.iter().map(|i| *i as usize).find(|i| registers[*i] == insn.a);
        if let Some(operand) = used {
            let float = seen.kinds[operand] == Kinds::FLOAT && seen.ran && !seen.generic;
            return float.then_some(pc);
        }
        let effects = crate::effects::effects(unit, pc);
        let mut touched = effects.uses.iter().chain(&effects.defs).chain(&effects.clobbers);
        if touched.any(|r| *r == insn.a) || effects.kills.is_some_and(|from| from <= insn.a) {
            return None;
        }
    }
    None
}

/// How far behind a load its use is looked for.
const FLOAT_USES: usize = 12;

/// Number of arguments of a plain call.
pub fn argument_count(insn: Insn) -> u16 {
    match insn.op {
        Op::CallModule | Op::TailCallModule => insn.x as u16,
        _ => insn.c,
    }
}

/// Whether the function looks at its receiver anywhere.
fn uses_self(unit: &Unit) -> bool {
    let all = (0..unit.code.insns.len()).flat_map(|pc| crate::effects::effects(unit, pc).uses);
    all.into_iter().any(|register| register == 1)
}

//! What each instruction will be compiled to.
//!
//! The interpreter's feedback says which kinds an instruction has met. Where
//! these are few, the instruction becomes a guard and machine arithmetic, and
//! from there on its operands are known to be of these kinds. [`Infer`] decides
//! that for one instruction given the types before it. The solver of types at the
//! entries of blocks and lowering ask the same questions, so both agree.

use gene_isa::backend::{Callee, Direct, Entry, Kinds, KnownNative, Rep, Request, Seen};
use gene_isa::backend::{ClassTarget, Target};
use gene_isa::{Code, Insn, Op};

use crate::float_uses::float_use;
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
    pub(crate) fn loaded(&self, pc: usize) -> Ty {
        if self.float_uses[pc].is_some() { Ty::FLOAT } else { Ty::ANY }
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

    /// Whether `iter_next` walks over an array.
    pub fn array_loop(&self, pc: usize, types: &[Ty]) -> bool {
        let a = self.code.insns[pc].a as usize;
        !self.seen(pc).generic
            && self.expect(pc, 0, types[a]) == Kinds::ARRAY
            && self.expect(pc, 1, types[a + 1]) == Kinds::INT
    }
}

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

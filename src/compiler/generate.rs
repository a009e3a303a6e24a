//! The back half: resolved forms to instructions. This file: the generator, and
//! expressions by what is wanted of them (the effect, the value returned, the value
//! in a register); the families of forms are in files of their own.

use gene_isa::{FnKind, Insn, Op, Special};
use rustc_hash::FxHashMap;

use super::emit::{Dst, Emit, Exit, Reg};
use super::gen_variables::Loc;
use super::hir::*;
use super::lower::Lower;
use super::scope::{VarKind, Vars};
use crate::diag::Diagnostic;
use crate::source::{FileId, Span};

/// Generates the code of one compilation.
pub(super) struct Gen<'a> {
    pub vars: &'a mut Vars,
    /// Whether each scope exists at run time.
    pub real: Vec<bool>,
    /// How deep such scopes are nested within each function.
    pub most_scopes: FxHashMap<FuncId, u16>,
    pub file: FileId,
    pub type_check: bool,
    pub turns: bool,
    pub e: Emit,
    pub f: FuncInfo,
    pub errors: Vec<Diagnostic>,
}

/// What the generator knows of the current function.
#[derive(Clone)]
pub(super) struct FuncInfo {
    pub kind: FnKind,
    /// Scope around the function.
    pub outside: Option<ScopeId>,
    /// First register for scopes.
    pub scope_base: Reg,
    /// Number of `try` around.
    pub tries: u32,
    pub result_var: Option<VarId>,
    pub result: Option<TypeCheck>,
    /// Number of live scopes in the function's body.
    pub body_scopes: usize,
}

/// What becomes of a value.
#[derive(Clone, Copy)]
pub(super) enum Want {
    Nothing,
    Tail,
    To(Dst),
}

impl<'a> Gen<'a> {
    /// Lays out scopes and module slots.
    pub fn new(lower: &'a mut Lower) -> Gen<'a> {
        let vars = &mut lower.vars;
        let names = &mut *lower.names;
        let count = vars.scopes.len();
        let (mut real, mut depth) = (vec![false; count], vec![0u16; count]);
        let mut most_scopes: FxHashMap<FuncId, u16> = FxHashMap::default();
        for index in 0..count {
            let list = vars.scopes[index].vars.clone();
            let mut slots = 0;
            for id in list {
                if vars.lives_in_scope(id) {
                    vars.get_mut(id).slot = Some(slots);
                    slots += 1;
                    continue;
                }
                let var = vars.get_mut(id);
                if var.kind == VarKind::Module {
                    var.captured |= lower.dynamic;
                    if var.captured && var.slot.is_none() {
                        var.slot = Some(names.slots.len() as u32);
                        names.slots.push(var.name);
                    }
                }
            }
            real[index] = slots > 0;
            let scope = &vars.scopes[index];
            let around = scope.parent.filter(|p| vars.scope(*p).func == scope.func);
            depth[index] = around.map_or(0, |p| depth[p.0 as usize]) + u16::from(slots > 0);
            let most = most_scopes.entry(scope.func).or_default();
            *most = (*most).max(depth[index]);
        }
        Gen {
            vars,
            real,
            most_scopes,
            file: lower.file,
            type_check: lower.options.type_check,
            turns: lower.turns,
            e: Emit::default(),
            f: FuncInfo {
                kind: FnKind::Module,
                outside: None,
                scope_base: 0,
                tries: 0,
                result_var: None,
                result: None,
                body_scopes: 0,
            },
            errors: Vec::new(),
        }
    }

    pub fn span(&self, place: Place) -> Span {
        match place {
            (0, 0) => Span::NONE,
            (start, end) => Span { file: self.file, start, end },
        }
    }

    /// Evaluates for the effect only.
    pub fn effect(&mut self, e: &Expr) {
        let mark = self.e.mark();
        match &e.kind {
            Ek::Special(_) | Ek::Int(_) | Ek::Const(_) | Ek::SelfRef => {}
            Ek::Var(id, false) if matches!(self.loc(*id), Loc::Reg(_)) => {}
            Ek::Do(forms) => forms.iter().for_each(|f| self.effect(f)),
            Ek::Scope(scope, body) => self.in_scope(*scope, |g| g.effect(body)),
            Ek::If(branches, otherwise) => self.if_effect(branches, otherwise.as_deref()),
            Ek::Loop(l) => self.loop_(e.place, l, None),
            Ek::Declare(id, value) => self.set_var(*id, value, true),
            Ek::Assign(id, value) => self.set_var(*id, value, false),
            Ek::Case(case) => self.case(e.place, case, Want::Nothing),
            Ek::SetMember(set) => drop(self.set_member(e.place, set)),
            Ek::Break(..)
            | Ek::Continue(_)
            | Ek::EndFinally(_)
            | Ek::Return(_)
            | Ek::Throw(_)
            | Ek::Rethrow(_) => self.jump_form(e),
            _ => drop(self.any(e)),
        }
        self.e.release(mark);
    }

    /// Evaluates and returns the value.
    pub fn tail(&mut self, e: &Expr) {
        let mark = self.e.mark();
        match &e.kind {
            Ek::Do(forms) if !forms.is_empty() => {
                let (last, before) = forms.split_last().expect("not empty");
                before.iter().for_each(|f| self.effect(f));
                self.tail(last);
            }
            Ek::Scope(scope, body) => {
                let (locals, live) = (self.e.locals, self.e.live.len());
                self.enter(*scope);
                self.tail(body);
                self.e.live.truncate(live);
                self.e.locals = locals;
            }
            Ek::If(branches, otherwise) => self.if_tail(e.place, branches, otherwise.as_deref()),
            Ek::Case(case) => self.case(e.place, case, Want::Tail),
            Ek::Break(..)
            | Ek::Continue(_)
            | Ek::EndFinally(_)
            | Ek::Return(_)
            | Ek::Throw(_)
            | Ek::Rethrow(_) => self.jump_form(e),
            Ek::Call(call) if self.can_tail_call() && self.tail_call(e.place, call) => {}
            _ => {
                let reg = match &e.kind {
                    Ek::Call(call) if self.can_tail_call() => self.call_in_tail(e.place, call),
                    _ => self.any(e),
                };
                self.e.at(e.place);
                self.leave(Exit::Return, Some(reg));
            }
        }
        self.e.release(mark);
    }

    /// The value in some register: variables stay where they are.
    pub fn any(&mut self, e: &Expr) -> Reg {
        match &e.kind {
            Ek::Var(id, check) => {
                self.e.at(e.place);
                let reg = self.read_var(*id, None);
                if *check {
                    self.check_set(reg, *id);
                }
                reg
            }
            Ek::SelfRef => self.e.self_reg,
            Ek::Declare(id, value) | Ek::Assign(id, value) => {
                if matches!(self.loc(*id), Loc::Reg(_)) {
                    self.set_var(*id, value, matches!(e.kind, Ek::Declare(..)));
                    return self.read_var(*id, None);
                }
                let reg = self.any(value);
                self.e.at(e.place);
                self.store(*id, reg);
                reg
            }
            Ek::Do(forms) if !forms.is_empty() => {
                let (last, before) = forms.split_last().expect("not empty");
                before.iter().for_each(|f| self.effect(f));
                self.any(last)
            }
            Ek::Call(call) => self.call(e.place, call, None),
            _ => {
                let reg = self.e.alloc();
                self.to(e, Dst { reg, fresh: true });
                reg
            }
        }
    }

    /// An operand that stays valid while `later` is evaluated.
    pub fn operand(&mut self, e: &Expr, later: bool) -> Reg {
        let reg = self.any(e);
        let variable = u32::from(reg) < self.e.locals && !matches!(e.kind, Ek::SelfRef);
        if !later || !variable {
            return reg;
        }
        let copy = self.e.alloc();
        self.e.mov(copy, reg);
        copy
    }

    /// Values in registers that follow each other; the first one.
    pub fn run<'e>(&mut self, items: impl IntoIterator<Item = &'e Expr>) -> (Reg, usize) {
        let first = self.e.next as Reg;
        let mut count = 0;
        for item in items {
            let reg = self.e.alloc();
            self.to(item, Dst { reg, fresh: true });
            count += 1;
        }
        (first, count)
    }

    /// The value in `dst`.
    pub fn to(&mut self, e: &Expr, dst: Dst) {
        let mark = self.e.mark();
        self.to_inner(e, dst);
        self.e.release(mark);
    }

    fn to_inner(&mut self, e: &Expr, dst: Dst) {
        let reg = dst.reg;
        match &e.kind {
            Ek::Special(value) => {
                self.e.at(e.place);
                self.e.load(reg, *value);
            }
            Ek::Int(value) => {
                self.e.at(e.place);
                self.e.load_int(reg, *value);
            }
            Ek::Const(datum) => {
                self.e.at(e.place);
                self.e.load_const(reg, datum.clone());
            }
            Ek::ModuleSlot(id) => match self.loc(*id) {
                Loc::Module(slot) => self.e.load_int(reg, i64::from(slot)),
                _ => self.e.load(reg, Special::Unset),
            },
            Ek::Var(id, check) => {
                self.e.at(e.place);
                self.read_var(*id, Some(reg));
                if *check {
                    self.check_set(reg, *id);
                }
            }
            Ek::SelfRef => {
                self.e.at(e.place);
                let own = self.e.self_reg;
                self.e.mov(reg, own);
            }
            Ek::Do(forms) => match forms.split_last() {
                None => self.e.load(reg, Special::Nil),
                Some((last, before)) => {
                    before.iter().for_each(|f| self.effect(f));
                    self.to(last, dst);
                }
            },
            Ek::Scope(scope, body) => self.in_scope(*scope, |g| g.to(body, dst)),
            Ek::If(branches, otherwise) => self.if_to(branches, otherwise.as_deref(), dst),
            Ek::Loop(l) => self.loop_(e.place, l, Some(dst)),
            Ek::Break(..)
            | Ek::Continue(_)
            | Ek::EndFinally(_)
            | Ek::Return(_)
            | Ek::Throw(_)
            | Ek::Rethrow(_) => self.jump_form(e),
            Ek::Declare(..) | Ek::Assign(..) => {
                let value = self.any(e);
                self.e.mov(reg, value);
            }
            Ek::Call(call) => {
                let win = self.call(e.place, call, Some(dst));
                self.e.mov(reg, win);
            }
            Ek::Case(case) => self.case(e.place, case, Want::To(dst)),
            Ek::Lambda(func) => self.lambda(e.place, func, reg),
            Ek::Arith(a) => self.arith(&a.0, &a.1, dst),
            Ek::Compare(a) => self.compare(e.place, &a.0, &a.1, dst),
            Ek::Logic(op, items) => self.logic(e.place, *op, items, dst),
            Ek::Not(value) => {
                let value = self.any(value);
                self.e.at(e.place);
                self.e.abc(Op::Not, reg, value, 0);
            }
            Ek::NotTruth(_) => self.truth(e, dst),
            Ek::Neg(value) => {
                let value = self.any(value);
                self.e.at(e.place);
                self.e.abc(Op::Neg, reg, value, 0);
            }
            Ek::Intrinsic(which, args) => {
                let (first, count) = self.window(args, dst);
                self.e.at(e.place);
                let count = self.e.count(count);
                self.e.intrinsic(first, *which, count);
                self.e.mov(reg, first);
            }
            _ => self.to_rest(e, dst),
        }
    }

    /// Operands of an intrinsic, from `dst` on if that is the top register.
    fn window(&mut self, args: &[Expr], dst: Dst) -> (Reg, usize) {
        if !(dst.fresh && self.e.is_top(dst.reg)) || args.is_empty() {
            if args.is_empty() {
                let reg = if dst.fresh { dst.reg } else { self.e.alloc() };
                return (reg, 0);
            }
            return self.run(args);
        }
        self.to(&args[0], dst);
        self.run(&args[1..]);
        (dst.reg, args.len())
    }

    /// Emits an instruction that calls, and takes the result in a coroutine.
    pub fn call_insn(&mut self, insn: Insn) {
        self.e.push(insn);
        if self.f.kind.is_coroutine() {
            self.e.abc(Op::TakeResult, insn.a, 0, 0);
        }
    }
}

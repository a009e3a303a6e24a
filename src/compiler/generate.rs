//! The back half: resolved forms to instructions. This file: functions,
//! scopes, variables, statements, expressions; the families of larger forms
//! are in files of their own.

use std::sync::Arc;

use gene_isa::datum::Datum;
use gene_isa::{
    Check, CheckKind, Code, Env, EnvVar, FnKind, Insn, Intrinsic, KeyParam, NO_SCOPE, Op, Param,
    Params, Special, Symbol, TypeExpr,
};
use rustc_hash::FxHashMap;

use super::emit::{Ctl, Dst, Emit, Exit, Label, Reg};
use super::hir::*;
use super::lower::{Lower, is_any};
use super::scope::{VarKind, Vars};
use crate::diag::Diagnostic;
use crate::diag::compiler as err;
use crate::source::{FileId, Span};

/// Where a variable is, seen from the current function.
pub(super) enum Loc {
    Reg(Reg),
    Scope(Reg, u16),
    Up(u16, u16),
    Module(u32),
}

/// Generates the code of one compilation.
pub(super) struct Gen<'a> {
    pub vars: &'a mut Vars,
    /// Whether each scope exists at run time.
    real: Vec<bool>,
    /// How deep such scopes are nested within each function.
    most_scopes: FxHashMap<FuncId, u16>,
    file: FileId,
    type_check: bool,
    turns: bool,
    pub e: Emit,
    pub f: FuncInfo,
    pub errors: Vec<Diagnostic>,
}

/// What the generator knows of the current function.
#[derive(Clone)]
pub(super) struct FuncInfo {
    pub kind: FnKind,
    /// Scope around the function.
    outside: Option<ScopeId>,
    /// First register for scopes.
    scope_base: Reg,
    /// Number of `try` around.
    pub tries: u32,
    result_var: Option<VarId>,
    pub(super) result: Option<TypeCheck>,
    /// Number of live scopes in the function's body.
    body_scopes: usize,
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

    // ---- functions -----------------------------------------------------

    /// The code of a function.
    pub fn function(&mut self, func: &Func) -> Code {
        let outside = self.vars.scope(func.scope).parent;
        let info = FuncInfo {
            kind: func.kind,
            outside,
            scope_base: 0,
            tries: 0,
            result_var: func.result_var,
            result: None,
            body_scopes: 0,
        };
        let outer_e = std::mem::take(&mut self.e);
        let outer_f = std::mem::replace(&mut self.f, info);
        self.e.self_reg = 1;
        self.e.at(func.place);
        self.e.code.kind = func.kind;
        self.e.code.name = func.name;
        self.e.code.file = self.file.0;
        self.e.code.span = func.place;
        self.e.code.fields = func.fields;
        self.e.code.intent = func.intent.as_deref().map(Arc::from);
        self.e.code.examples = func.examples.clone();
        self.e.code.params = params(self.vars, &func.params);
        self.e.code.result = func.result.as_ref().map(|ty| plain_type(self.vars, ty));
        self.function_body(func);
        let e = std::mem::replace(&mut self.e, outer_e);
        self.f = outer_f;
        let (code, limit) = e.finish();
        if let Some((what, most, place)) = limit {
            let place = if place == (0, 0) { func.place } else { place };
            let span = self.span(place);
            self.errors.push(err::limit(span, what, most));
        }
        code
    }

    fn function_body(&mut self, func: &Func) {
        for _ in 0..2 {
            self.e.alloc();
        }
        let caller = (func.kind == FnKind::Macro).then(|| self.e.alloc());
        let regs: Vec<Reg> = func.params.iter().map(|_| self.e.alloc()).collect();
        let scopes = self.most_scopes.get(&func.id).copied().unwrap_or(0);
        self.f.scope_base = self.e.next as Reg;
        for _ in 0..scopes {
            let reg = self.e.alloc();
            self.e.code.scope_regs.push(reg);
        }
        self.e.keep();
        // Parameters stay in the registers they come in, unless captured.
        let homes = func.params.iter().zip(&regs).filter_map(|(p, reg)| Some((p.var?, *reg)));
        for (var, reg) in homes.chain(func.caller.zip(caller)) {
            if !self.vars.lives_in_scope(var) {
                self.vars.get_mut(var).slot = Some(u32::from(reg));
            }
        }
        self.enter(func.scope);
        if let Some((var, reg)) = func.caller.zip(caller) {
            self.store(var, reg);
        }
        let mut declared: Vec<_> = func.params.iter().zip(&regs).collect();
        declared.sort_by_key(|(param, _)| param.order);
        for (param, reg) in declared {
            self.parameter(param, *reg);
        }
        self.f.body_scopes = self.e.live.len();
        self.contracts(func, &func.pre, None);
        let generator = matches!(func.kind, FnKind::Generator | FnKind::AsyncGenerator);
        if let Some(ty) = func.result.as_ref().filter(|ty| !generator && !is_any(ty)) {
            let name = func.name.unwrap_or_else(|| Symbol::intern("<unnamed>"));
            if self.type_check {
                let kind = CheckKind::Return;
                self.f.result = Some(TypeCheck { ty: ty.clone(), kind, name });
            }
        }
        match func.result_var {
            None => self.tail(&func.body),
            Some(result) => {
                let label = self.e.label();
                self.e.epilogue = Some(label);
                self.tail(&func.body);
                self.e.epilogue = None;
                self.e.place_label(label);
                let mark = self.e.mark();
                let value = self.read_var(result, None);
                self.contracts(func, &func.post, Some(value));
                self.final_return(value);
                self.e.release(mark);
            }
        }
    }

    fn parameter(&mut self, param: &ParamDef, reg: Reg) {
        self.e.at(param.place);
        if let Some(default) = &param.default {
            let given = self.e.label();
            self.e.jump_on(Op::JumpIfSet, reg, given);
            self.to(default, Dst { reg, fresh: false });
            self.e.place_label(given);
        }
        if let Some(ty) = &param.ty
            && self.type_check
            && !matches!(param.kind, ParamKind::Rest | ParamKind::KeywordRest)
            && !is_any(ty)
        {
            self.e.at(param.place);
            self.check(reg, &Lower::param_check(param.name, ty));
        }
        if let Some(var) = param.var {
            self.store(var, reg);
        }
        if param.field {
            let cache = self.e.cache(param.name);
            let object = self.e.self_reg;
            self.e.abc(Op::SetProp, object, reg, cache);
        }
    }

    fn contracts(&mut self, func: &Func, contracts: &[Contract], result: Option<Reg>) {
        for contract in contracts {
            let holds = self.e.label();
            let mark = self.e.mark();
            self.cond(&contract.condition, holds, true);
            self.e.release(mark);
            self.e.at((0, 0));
            let win = self.e.alloc();
            self.e.load_const(win, Datum::Str(contract.text.as_str().into()));
            let names = func.shown.iter().map(|(name, _)| *name).collect::<Vec<_>>();
            let reg = self.e.alloc();
            self.e.load_const(reg, super::forms::symbols(&names));
            let values = self.e.alloc();
            let inner = self.e.mark();
            let first = self.e.next as Reg;
            for (_, var) in &func.shown {
                let reg = self.e.alloc();
                self.read_var(*var, Some(reg));
            }
            self.e.release(inner);
            let count = self.e.count(names.len());
            self.e.abc(Op::NewArray, values, first, count);
            let last = self.e.alloc();
            match result {
                Some(value) => self.e.mov(last, value),
                None => self.e.load(last, Special::Unset),
            }
            self.e.intrinsic(win, Intrinsic::ContractFail, 4);
            self.e.release(mark);
            self.e.place_label(holds);
        }
    }

    // ---- scopes --------------------------------------------------------

    /// Enters a lexical scope: makes it if it exists at run time, and gives
    /// registers to variables that cannot take theirs when they are declared.
    pub fn enter(&mut self, scope: ScopeId) {
        let list = self.vars.scope(scope).vars.clone();
        if self.real[scope.0 as usize] {
            let parent = self.scope_operand();
            let reg = self.f.scope_base + self.e.live.len() as Reg;
            let slots = list.iter().filter(|v| self.vars.lives_in_scope(**v)).count();
            let slots = self.e.count(slots);
            self.e.abc(Op::NewScope, reg, parent, slots);
            self.e.live.push(scope);
        }
        for id in list {
            let var = self.vars.get(id);
            if var.slot.is_some() || matches!(var.kind, VarKind::Outer(..)) {
                continue;
            }
            if var.unsure || !var.direct {
                let unsure = var.unsure;
                let reg = self.e.alloc();
                self.e.keep();
                self.vars.get_mut(id).slot = Some(u32::from(reg));
                if unsure {
                    self.e.load(reg, Special::Unset);
                }
            }
        }
    }

    /// Leaves a lexical scope at its normal end.
    pub fn leave_scope(&mut self, scope: ScopeId) {
        if self.real[scope.0 as usize] {
            self.drop_scopes(self.e.live.len() - 1);
            self.e.live.pop();
        }
    }

    /// Gives back the live scopes from `keep` on, innermost first, in a jump.
    pub fn drop_scopes(&mut self, keep: usize) {
        for index in (keep..self.e.live.len()).rev() {
            let reg = self.f.scope_base + index as Reg;
            self.e.abc(Op::DropScope, reg, 0, 0);
        }
    }

    /// Innermost scope at run time, for an instruction.
    pub fn scope_operand(&self) -> u16 {
        match self.e.live.len() {
            0 => NO_SCOPE,
            n => self.f.scope_base + n as Reg - 1,
        }
    }

    // ---- variables -----------------------------------------------------

    pub fn loc(&mut self, id: VarId) -> Loc {
        let var = self.vars.get(id);
        let slot = var.slot;
        match var.kind {
            VarKind::Module if var.captured => Loc::Module(slot.unwrap_or(0)),
            VarKind::Outer(depth, slot) => {
                Loc::Up(slot, self.hops(self.f.outside, None).saturating_add(depth))
            }
            VarKind::Local if var.captured => {
                let slot = slot.unwrap_or(0) as u16;
                let scope = var.scope;
                match self.e.live.iter().position(|s| *s == scope) {
                    Some(index) => Loc::Scope(self.f.scope_base + index as Reg, slot),
                    None => Loc::Up(slot, self.hops(self.f.outside, Some(scope))),
                }
            }
            _ => match slot {
                Some(reg) => Loc::Reg(reg as Reg),
                None => {
                    let reg = self.e.alloc();
                    self.e.keep();
                    self.vars.get_mut(id).slot = Some(u32::from(reg));
                    Loc::Reg(reg)
                }
            },
        }
    }

    /// How many scopes of the run time lie between `from` and `to`.
    fn hops(&self, from: Option<ScopeId>, to: Option<ScopeId>) -> u16 {
        let mut hops = 0;
        let mut at = from;
        while let Some(scope) = at {
            if Some(scope) == to {
                break;
            }
            hops += u16::from(self.real[scope.0 as usize]);
            at = self.vars.scope(scope).parent;
        }
        hops
    }

    /// The variable in `into`, or wherever it is already.
    pub fn read_var(&mut self, id: VarId, into: Option<Reg>) -> Reg {
        let loc = self.loc(id);
        if let (Loc::Reg(reg), None) = (&loc, into) {
            return *reg;
        }
        let dst = into.unwrap_or_else(|| self.e.alloc());
        match loc {
            Loc::Reg(reg) => self.e.mov(dst, reg),
            Loc::Scope(scope, slot) => drop(self.e.abc(Op::GetScope, dst, scope, slot)),
            Loc::Up(slot, depth) => drop(self.e.abc(Op::GetUp, dst, slot, depth)),
            Loc::Module(slot) => drop(self.e.a_bc(Op::GetModule, dst, slot)),
        }
        dst
    }

    /// Puts a register into a variable.
    pub fn store(&mut self, id: VarId, reg: Reg) {
        match self.loc(id) {
            Loc::Reg(home) => self.e.mov(home, reg),
            Loc::Scope(scope, slot) => drop(self.e.abc(Op::SetScope, reg, scope, slot)),
            Loc::Up(slot, depth) => drop(self.e.abc(Op::SetUp, reg, slot, depth)),
            Loc::Module(slot) => drop(self.e.a_bc(Op::SetModule, reg, slot)),
        }
    }

    /// Lets an uncaptured variable be the register; others get its value.
    pub fn bind(&mut self, id: VarId, reg: Reg) {
        let var = self.vars.get(id);
        if var.captured {
            self.store(id, reg);
        } else {
            self.vars.get_mut(id).slot = Some(u32::from(reg));
        }
    }

    fn check_set(&mut self, reg: Reg, id: VarId) {
        if !matches!(self.loc(id), Loc::Module(_)) {
            let name = self.vars.get(id).name;
            let konst = self.e.konst(Datum::Symbol(name));
            self.e.a_bc(Op::CheckSet, reg, konst);
        }
    }

    // ---- statements and tails ------------------------------------------

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

    /// Forms that never have a value.
    fn jump_form(&mut self, e: &Expr) {
        let mark = self.e.mark();
        match &e.kind {
            Ek::Break(id, value) => {
                let value = value.as_ref().map(|v| self.any(v));
                self.e.at(e.place);
                self.leave(Exit::Break(*id), value);
            }
            Ek::Continue(id) => self.leave(Exit::Continue(*id), None),
            Ek::EndFinally(value) => {
                if let Some(value) = value {
                    self.effect(value);
                }
                self.leave(Exit::EndFinally, None);
            }
            Ek::Return(value) => self.tail(value),
            Ek::Throw(value) | Ek::Rethrow(value) => {
                let reg = self.any(value);
                self.e.at(e.place);
                let again = matches!(e.kind, Ek::Rethrow(_));
                self.e.abc(if again { Op::Rethrow } else { Op::Throw }, reg, 0, 0);
            }
            _ => {}
        }
        self.e.release(mark);
    }

    fn in_scope<T>(&mut self, scope: ScopeId, build: impl FnOnce(&mut Self) -> T) -> T {
        let (mark, locals) = (self.e.mark(), self.e.locals);
        self.enter(scope);
        let result = build(self);
        self.leave_scope(scope);
        self.e.locals = locals;
        self.e.release(mark);
        result
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

    /// Whether nothing remains to be done here after a call in tail position.
    pub fn can_tail_call(&self) -> bool {
        let plain = matches!(self.f.kind, FnKind::Function | FnKind::Block | FnKind::Macro);
        let pending = self.e.ctl.iter().any(|c| !matches!(c, Ctl::Loop { .. }));
        plain && !pending && self.f.tries == 0 && self.e.epilogue.is_none()
    }

    /// Jumps out of the forms around, doing what they want done first.
    pub fn leave(&mut self, exit: Exit, mut value: Option<Reg>) {
        let mut at = self.e.ctl.len();
        while at > 0 {
            at -= 1;
            match &mut self.e.ctl[at] {
                Ctl::Loop { id, exit: out, next, value: home, scopes } => {
                    let (id, out, next, home, scopes) = (*id, *out, *next, *home, *scopes);
                    if exit == Exit::Break(id) {
                        match (home, value) {
                            (Some(home), Some(value)) => self.e.mov(home, value),
                            (Some(home), None) => self.e.load(home, Special::Nil),
                            _ => {}
                        }
                        self.drop_scopes(scopes);
                        return self.e.jump(out);
                    }
                    if exit == Exit::Continue(id) {
                        self.drop_scopes(scopes);
                        return self.e.jump(next);
                    }
                }
                Ctl::Close { state, keep } => {
                    let (state, keep) = (*state, *keep);
                    // The call that closes has its window over the registers
                    // above the state.
                    if let Some(above) = value.filter(|v| *v > state) {
                        self.e.mov(keep, above);
                        value = Some(keep);
                    }
                    self.iter_close(state);
                }
                Ctl::CloseAsync { iterator } => {
                    let iterator = *iterator;
                    self.async_close(iterator);
                }
                Ctl::Finally { entry, kind, value: home, scopes, exits } => {
                    let number = match exits.iter().position(|e| *e == exit) {
                        Some(index) => index,
                        None => {
                            exits.push(exit);
                            exits.len() - 1
                        }
                    };
                    let (entry, kind, home, scopes) = (*entry, *kind, *home, *scopes);
                    match value {
                        Some(value) => self.e.mov(home, value),
                        None => self.e.load(home, Special::Nil),
                    }
                    self.e.load_int(kind, number as i64 + 2);
                    self.drop_scopes(scopes);
                    return self.e.jump(entry);
                }
                Ctl::InFinally { end, scopes } => {
                    let (end, scopes) = (*end, *scopes);
                    if matches!(exit, Exit::EndFinally | Exit::Return) {
                        self.drop_scopes(scopes);
                        return self.e.jump(end);
                    }
                }
            }
        }
        let reg = value.unwrap_or(0);
        match self.e.epilogue {
            Some(label) => {
                if let Some(var) = self.f.result_var {
                    self.store(var, reg);
                }
                self.drop_scopes(self.f.body_scopes);
                self.e.jump(label);
            }
            None => self.final_return(reg),
        }
    }

    /// Leaves the function.
    fn final_return(&mut self, reg: Reg) {
        let mark = self.e.mark();
        let mut reg = reg;
        if let Some(check) = self.f.result.clone() {
            let copy = self.e.alloc();
            self.e.mov(copy, reg);
            reg = copy;
            self.check(reg, &check);
        }
        if self.f.kind == FnKind::Ctor {
            reg = 1;
        }
        let op = match () {
            _ if self.f.kind.is_coroutine() => Op::Finish,
            _ if self.e.live.is_empty() => Op::Return,
            _ => Op::ReturnScoped,
        };
        self.e.abc(op, reg, 0, 0);
        self.e.release(mark);
    }

    fn set_var(&mut self, id: VarId, value: &Expr, declares: bool) {
        match self.loc(id) {
            Loc::Reg(reg) => {
                // A variable that is being declared holds nothing yet; one that
                // is assigned may be read on the way.
                self.to(value, Dst { reg, fresh: declares });
            }
            _ => {
                let reg = self.any(value);
                self.store(id, reg);
            }
        }
    }

    // ---- conditionals --------------------------------------------------

    fn if_effect(&mut self, branches: &[(Expr, Expr)], otherwise: Option<&Expr>) {
        let done = self.e.label();
        for (index, (condition, body)) in branches.iter().enumerate() {
            // `(if c (break))` is one jump.
            if let Some(target) = self.direct_jump(body) {
                let mark = self.e.mark();
                self.cond(condition, target, true);
                self.e.release(mark);
                continue;
            }
            let next = self.e.label();
            self.condition(condition, next);
            self.effect(body);
            if index + 1 < branches.len() || otherwise.is_some() {
                self.e.jump(done);
            }
            self.e.place_label(next);
        }
        if let Some(body) = otherwise {
            self.effect(body);
        }
        self.e.place_label(done);
    }

    /// Where a `break` or `continue` goes that has nothing to do on its way.
    fn direct_jump(&self, body: &Expr) -> Option<Label> {
        let Some(Ctl::Loop { id, exit, next, value: None, scopes }) = self.e.ctl.last() else {
            return None;
        };
        let target = match &body.kind {
            Ek::Break(to, None) if to == id => *exit,
            Ek::Continue(to) if to == id => *next,
            _ => return None,
        };
        (*scopes == self.e.live.len()).then_some(target)
    }

    fn if_tail(&mut self, place: Place, branches: &[(Expr, Expr)], otherwise: Option<&Expr>) {
        for (condition, body) in branches {
            let next = self.e.label();
            self.condition(condition, next);
            self.tail(body);
            self.e.place_label(next);
        }
        match otherwise {
            Some(body) => self.tail(body),
            None => {
                let reg = self.e.alloc();
                self.e.at(place);
                self.e.load(reg, Special::Nil);
                self.leave(Exit::Return, Some(reg));
            }
        }
    }

    fn if_to(&mut self, branches: &[(Expr, Expr)], otherwise: Option<&Expr>, dst: Dst) {
        let done = self.e.label();
        for (condition, body) in branches {
            let next = self.e.label();
            self.condition(condition, next);
            self.to(body, dst);
            self.e.jump(done);
            self.e.place_label(next);
        }
        match otherwise {
            Some(body) => self.to(body, dst),
            None => self.e.load(dst.reg, Special::Nil),
        }
        self.e.place_label(done);
    }

    fn condition(&mut self, condition: &Expr, otherwise: Label) {
        let mark = self.e.mark();
        self.cond(condition, otherwise, false);
        self.e.release(mark);
    }

    // ---- values --------------------------------------------------------

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

    fn lambda(&mut self, place: Place, func: &Func, reg: Reg) {
        let code = self.function(func);
        self.e.at(place);
        let proto = self.e.proto(code);
        let scope = self.scope_operand();
        self.e.abc(Op::Closure, reg, scope, proto);
        self.bind_self(reg);
    }

    /// Functions made where `self` is not R[1] get the right one.
    pub fn bind_self(&mut self, reg: Reg) {
        let own = self.e.self_reg;
        if own != 1 {
            self.e.abc(Op::SetClosureSelf, reg, own, 0);
        }
    }

    /// A register that counts the iterations of a loop of the top level, after
    /// which the event loop runs.
    pub fn turn_counter(&mut self) -> Option<Reg> {
        if !self.turns || self.f.kind != FnKind::Module {
            return None;
        }
        let counter = self.e.alloc();
        self.e.keep();
        self.e.load_int(counter, 100);
        Some(counter)
    }

    /// At the end of an iteration: lets the event loop run when it is due.
    pub fn count_turn(&mut self, counter: Option<Reg>) {
        let Some(counter) = counter else { return };
        let go_on = self.e.label();
        self.e.abc(Op::SubI, counter, counter, 1);
        self.e.jump_insn(Insn::abc(Op::JumpGtI, counter, 0, 0), go_on);
        let mark = self.e.mark();
        let win = self.e.alloc();
        self.e.intrinsic(win, Intrinsic::LoopTurn, 0);
        self.e.load_int(counter, 100);
        self.e.release(mark);
        self.e.place_label(go_on);
    }

    // ---- types and environments ----------------------------------------

    /// Emits a check of `reg`.
    pub fn check(&mut self, reg: Reg, check: &TypeCheck) {
        let mark = self.e.mark();
        let ty = self.type_expr(&check.ty);
        let index = self.e.code.checks.len() as u32;
        self.e.code.checks.push(Check { ty, kind: check.kind, name: check.name });
        self.e.a_bc(Op::CheckType, reg, index);
        self.e.release(mark);
    }

    /// A type for a check here; values of variables are put into registers.
    fn type_expr(&mut self, ty: &Ty) -> TypeExpr {
        match ty {
            Ty::Var(id, name) => match self.loc_of_type(*id) {
                Some(reg) => TypeExpr::Register(reg, *name),
                None => plain_type(self.vars, ty),
            },
            Ty::Path(id, segments) => {
                let reg = self.e.alloc();
                self.read_var(*id, Some(reg));
                for segment in segments {
                    let cache = self.e.cache(*segment);
                    self.e.abc(Op::GetProp, reg, reg, cache);
                }
                TypeExpr::Register(reg, segments[segments.len() - 1])
            }
            Ty::Union(parts) => TypeExpr::Union(parts.iter().map(|t| self.type_expr(t)).collect()),
            Ty::Applied(outer, args) => TypeExpr::Applied(
                Box::new(self.type_expr(outer)),
                args.iter().map(|t| plain_type(self.vars, t)).collect(),
            ),
            _ => plain_type(self.vars, ty),
        }
    }

    fn loc_of_type(&mut self, id: VarId) -> Option<Reg> {
        if self.vars.get(id).kind == VarKind::Module && self.vars.get(id).captured {
            return None;
        }
        Some(self.read_var(id, None))
    }

    /// The environment of a place where data may be evaluated.
    pub fn env(&mut self, site: &EnvSite) -> u16 {
        let mut vars = Vec::with_capacity(site.vars.len());
        let mut caller = None;
        for &id in site.vars.iter().chain(&site.caller) {
            let var = self.vars.get(id);
            let (depth, slot) = match var.kind {
                VarKind::Outer(depth, slot) => (self.hops(Some(site.scope), None) + depth, slot),
                _ => (self.hops(Some(site.scope), Some(var.scope)), var.slot.unwrap_or(0) as u16),
            };
            if site.caller == Some(id) {
                caller = Some((depth, slot));
                continue;
            }
            let ty = var.ty.as_ref().map(|check| plain_type(self.vars, &check.ty));
            vars.push(EnvVar { name: var.name, depth, slot, constant: var.constant, ty });
        }
        let index = self.e.count(self.e.code.envs.len());
        self.e.code.envs.push(Arc::new(Env { vars, caller }));
        index
    }

    /// Emits an instruction that calls, and takes the result in a coroutine.
    pub fn call_insn(&mut self, insn: Insn) {
        self.e.push(insn);
        if self.f.kind.is_coroutine() {
            self.e.abc(Op::TakeResult, insn.a, 0, 0);
        }
    }
}

/// What becomes of a value.
#[derive(Clone, Copy)]
pub(super) enum Want {
    Nothing,
    Tail,
    To(Dst),
}

/// A type without registers.
pub(super) fn plain_type(vars: &Vars, ty: &Ty) -> TypeExpr {
    let many = |list: &[Ty]| list.iter().map(|t| plain_type(vars, t)).collect::<Vec<_>>();
    match ty {
        Ty::Name(name) => TypeExpr::Name(*name),
        Ty::Var(id, name) => {
            let var = vars.get(*id);
            match (var.kind, var.slot) {
                (VarKind::Module, Some(slot)) if var.captured && var.declared => {
                    TypeExpr::Module(slot, *name)
                }
                _ => TypeExpr::Name(*name),
            }
        }
        Ty::Path(_, segments) => TypeExpr::Name(segments[segments.len() - 1]),
        Ty::Union(parts) => TypeExpr::Union(many(parts)),
        Ty::Applied(outer, args) => {
            TypeExpr::Applied(Box::new(plain_type(vars, outer)), many(args))
        }
        Ty::Fn(f) => TypeExpr::Fn {
            params: many(&f.params),
            keywords: f.keywords.iter().map(|(k, t)| (*k, plain_type(vars, t))).collect(),
            rest: f.rest.as_ref().map(|t| Box::new(plain_type(vars, t))),
            result: f.result.as_ref().map(|t| Box::new(plain_type(vars, t))),
        },
    }
}

/// The parameters as calls see them.
fn params(vars: &Vars, list: &[ParamDef]) -> Params {
    let mut params = Params::default();
    for p in list {
        let ty = p.ty.as_ref().map(|t| plain_type(vars, t));
        let (name, optional) = (p.name, p.default.is_some());
        match p.kind {
            ParamKind::Positional => {
                params.positional.push(Param { name, optional, ty, field: p.field });
            }
            ParamKind::Rest => params.rest = Some((params.positional.len(), name, ty)),
            ParamKind::Keyword => params.keywords.push(KeyParam { name, optional, ty }),
            ParamKind::KeywordRest => params.keyword_rest = Some(name),
        }
    }
    params
}

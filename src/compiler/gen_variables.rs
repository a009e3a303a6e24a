//! Code for scopes and variables: where each variable is, seen from a function.

use gene_isa::datum::Datum;
use gene_isa::{NO_SCOPE, Op, Special};

use super::emit::{Dst, Reg};
use super::generate::Gen;
use super::hir::*;
use super::scope::VarKind;

/// Where a variable is, seen from the current function.
pub(super) enum Loc {
    Reg(Reg),
    Scope(Reg, u16),
    Up(u16, u16),
    Module(u32),
}

impl Gen<'_> {
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

    pub(super) fn in_scope<T>(&mut self, scope: ScopeId, build: impl FnOnce(&mut Self) -> T) -> T {
        let (mark, locals) = (self.e.mark(), self.e.locals);
        self.enter(scope);
        let result = build(self);
        self.leave_scope(scope);
        self.e.locals = locals;
        self.e.release(mark);
        result
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
    pub(super) fn hops(&self, from: Option<ScopeId>, to: Option<ScopeId>) -> u16 {
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

    pub(super) fn check_set(&mut self, reg: Reg, id: VarId) {
        if !matches!(self.loc(id), Loc::Module(_)) {
            let name = self.vars.get(id).name;
            let konst = self.e.konst(Datum::Symbol(name));
            self.e.a_bc(Op::CheckSet, reg, konst);
        }
    }

    pub(super) fn set_var(&mut self, id: VarId, value: &Expr, declares: bool) {
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
}

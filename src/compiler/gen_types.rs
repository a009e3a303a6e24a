//! Types in code, checks of them, and the environments in which data is evaluated.

use std::sync::Arc;

use gene_isa::{Check, Env, EnvVar, Op, TypeExpr};

use super::emit::Reg;
use super::generate::Gen;
use super::hir::*;
use super::scope::{VarKind, Vars};

impl Gen<'_> {
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

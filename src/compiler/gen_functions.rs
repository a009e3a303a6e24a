//! Code for functions: registers, parameters, contracts.

use std::sync::Arc;

use gene_isa::datum::Datum;
use gene_isa::{CheckKind, Code, FnKind, Intrinsic, KeyParam, Op, Param, Params, Special, Symbol};

use super::emit::{Dst, Reg};
use super::gen_types::plain_type;
use super::generate::{FuncInfo, Gen};
use super::hir::*;
use super::lower::{Lower, is_any};
use super::scope::Vars;
use crate::diag::compiler as err;

impl Gen<'_> {
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

    pub(super) fn parameter(&mut self, param: &ParamDef, reg: Reg) {
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

    pub(super) fn lambda(&mut self, place: Place, func: &Func, reg: Reg) {
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
}

/// The parameters as calls see them.
pub(super) fn params(vars: &Vars, list: &[ParamDef]) -> Params {
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

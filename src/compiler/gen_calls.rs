//! Code for calls, evaluation of data, coroutines.

use gene_isa::{CallDesc, CallKind, FnKind, Insn, Intrinsic, Op, Symbol};

use super::emit::{Dst, Reg};
use super::generate::Gen;
use super::hir::*;
use super::scope::VarKind;

impl Gen<'_> {
    /// A call; the register of its result is the first of its window.
    pub(super) fn call(&mut self, place: Place, call: &Call, dst: Option<Dst>) -> Reg {
        let win = match dst {
            Some(dst) if dst.fresh && self.e.is_top(dst.reg) => dst.reg,
            _ => self.e.alloc(),
        };
        let mark = self.e.mark();
        let plain = self.is_plain(&call.args) && !self.f.kind.is_coroutine();
        let count = call.args.positional.len();
        let module = self.stable_callee(&call.target).filter(|_| plain && count <= 255);
        if module.is_none() {
            self.callee(&call.target, win, mark);
        } else {
            self.e.alloc();
        }
        self.arguments(&call.args);
        self.e.reserve(self.e.next);
        self.e.at(place);
        let argc = self.e.count(count);
        let insn = match (&call.target, plain) {
            (Target::Function(_), true) => match module {
                Some(slot) => Insn::a_bc(Op::CallModule, win, slot).with_x(count as u8),
                None => Insn::abc(Op::Call, win, 0, argc),
            },
            (Target::Method(_, name), true) => {
                let cache = self.e.cache(*name);
                Insn::abc(Op::CallMethod, win, cache, argc)
            }
            (Target::Super(name), true) => {
                let cache = self.e.cache(*name);
                Insn::abc(Op::CallSuper, win, cache, argc)
            }
            (Target::New(_), true) => Insn::abc(Op::New, win, 0, argc),
            (target, _) => self.general_call(win, target, &call.args),
        };
        self.call_insn(insn);
        self.e.release(mark);
        win
    }

    /// A call in tail position for which only the callee can tell whether it
    /// replaces the frame. If it does not, its result is in the register.
    pub(super) fn call_in_tail(&mut self, place: Place, call: &Call) -> Reg {
        if let Target::New(_) = call.target {
            return self.call(place, call, None);
        }
        let win = self.e.alloc();
        let mark = self.e.mark();
        self.callee(&call.target, win, mark);
        self.arguments(&call.args);
        self.e.reserve(self.e.next);
        self.e.at(place);
        let insn = self.general_call(win, &call.target, &call.args);
        self.e.push(Insn { op: Op::TailCallX, ..insn });
        self.e.release(mark);
        win
    }

    /// A call that replaces the frame; false if there is no such instruction for it.
    pub(super) fn tail_call(&mut self, place: Place, call: &Call) -> bool {
        if !self.is_plain(&call.args) || self.f.result.is_some() {
            return false;
        }
        let count = call.args.positional.len();
        if !matches!(call.target, Target::Function(_) | Target::Method(..)) {
            return false;
        }
        let win = self.e.alloc();
        let mark = self.e.mark();
        let module = self.stable_callee(&call.target).filter(|_| count <= 255);
        if module.is_none() {
            self.callee(&call.target, win, mark);
        } else {
            self.e.alloc();
        }
        self.arguments(&call.args);
        self.e.at(place);
        self.drop_scopes(0);
        let argc = self.e.count(count);
        let insn = match &call.target {
            Target::Method(_, name) => {
                let cache = self.e.cache(*name);
                Insn::abc(Op::TailCallMethod, win, cache, argc)
            }
            _ => match module {
                Some(slot) => Insn::a_bc(Op::TailCallModule, win, slot).with_x(count as u8),
                None => Insn::abc(Op::TailCall, win, 0, argc),
            },
        };
        self.e.push(insn);
        true
    }

    fn is_plain(&self, args: &Args) -> bool {
        args.keywords.is_empty() && args.positional.iter().all(|a| !a.1)
    }

    /// Module slot of a callee that is never assigned after its definition.
    fn stable_callee(&self, target: &Target) -> Option<u32> {
        let Target::Function(Expr { kind: Ek::Var(id, _), .. }) = target else { return None };
        let var = self.vars.get(*id);
        let stable = var.kind == VarKind::Module && var.captured && !var.assigned;
        var.slot.filter(|_| stable)
    }

    /// Puts callee and receiver into `win` and `win + 1`.
    fn callee(&mut self, target: &Target, win: Reg, mark: u32) {
        debug_assert_eq!(mark, self.e.mark());
        let fresh = |reg| Dst { reg, fresh: true };
        match target {
            Target::Function(head) | Target::New(head) => {
                self.to(head, fresh(win));
                self.e.alloc();
            }
            Target::Method(receiver, _) => {
                let reg = self.e.alloc();
                self.to(receiver, fresh(reg));
            }
            Target::Super(_) => {
                let reg = self.e.alloc();
                let own = self.e.self_reg;
                self.e.mov(reg, own);
            }
            Target::Dynamic(receiver, name) => {
                let reg = self.e.alloc();
                self.to(receiver, fresh(reg));
                self.to(name, fresh(win));
            }
        }
    }

    fn arguments(&mut self, args: &Args) {
        self.run(args.keywords.iter().map(|(_, value)| value));
        self.run(args.positional.iter().map(|(value, _)| value));
    }

    fn general_call(&mut self, win: Reg, target: &Target, args: &Args) -> Insn {
        let (kind, method) = match target {
            Target::Function(_) => (CallKind::Function, None),
            Target::Method(_, name) => (CallKind::Method, Some(*name)),
            Target::Super(name) => (CallKind::Super, Some(*name)),
            Target::Dynamic(..) => (CallKind::Dynamic, None),
            Target::New(_) => (CallKind::New, None),
        };
        self.described(win, kind, method, args)
    }

    fn described(&mut self, win: Reg, kind: CallKind, method: Option<Symbol>, args: &Args) -> Insn {
        let desc = CallDesc {
            method,
            keywords: args.keywords.iter().map(|(key, _)| *key).collect(),
            positional: args.positional.iter().map(|(_, spread)| *spread).collect(),
        };
        let index = match self.e.code.calls.iter().take(64).position(|d| *d == desc) {
            Some(index) => index,
            None => {
                self.e.code.calls.push(desc);
                self.e.code.calls.len() - 1
            }
        };
        Insn::a_bc(Op::CallX, win, index as u32).with_x(kind as u8)
    }

    /// Calls the function in `win` without arguments.
    pub(super) fn call_thunk(&mut self, win: Reg) {
        self.e.reserve(u32::from(win) + 2);
        let insn = match self.f.kind.is_coroutine() {
            true => self.described(win, CallKind::Function, None, &Args::default()),
            false => Insn::abc(Op::Call, win, 0, 0),
        };
        self.call_insn(insn);
    }

    /// Calls the function in `win` with the self in `win + 1`, without arguments.
    pub(super) fn call_with_self(&mut self, win: Reg) {
        self.e.reserve(u32::from(win) + 2);
        let insn = match self.f.kind.is_coroutine() {
            true => self.described(win, CallKind::WithSelf, None, &Args::default()),
            false => Insn::abc(Op::CallWithSelf, win, 0, 0),
        };
        self.call_insn(insn);
    }

    /// `name!` calls.
    pub(super) fn macro_call(&mut self, place: Place, call: &MacroCall, dst: Dst) {
        let win = match dst.fresh && self.e.is_top(dst.reg) {
            true => dst.reg,
            false => self.e.alloc(),
        };
        let (plain, done) = (self.e.label(), self.e.label());
        self.to(&call.head, Dst { reg: win, fresh: true });
        self.e.at(place);
        self.e.jump_on(Op::JumpIfNotMacro, win, plain);
        let env_reg = self.e.alloc();
        let mark = self.e.mark();
        let env = self.env(&call.env);
        let scope = self.scope_operand();
        self.e.abc(Op::MakeEnv, env_reg, scope, env);
        self.arguments(&call.data);
        self.e.at(place);
        let insn = self.described(win, CallKind::Macro, None, &call.data);
        self.call_insn(insn);
        self.e.jump(done);
        self.e.release(mark);
        self.e.place_label(plain);
        self.arguments(&call.code);
        self.e.at(place);
        let insn = self.described(win, CallKind::Function, None, &call.code);
        self.call_insn(insn);
        self.e.place_label(done);
        self.e.mov(dst.reg, win);
    }

    /// `eval`, `$render`
    pub(super) fn eval(
        &mut self,
        place: Place,
        data: &Expr,
        site: &EnvSite,
        render: bool,
        dst: Dst,
    ) {
        let win = self.e.alloc();
        self.to(data, Dst { reg: win, fresh: true });
        let env = self.env(site);
        let scope = self.scope_operand();
        self.e.at(place);
        self.e.abc(if render { Op::Render } else { Op::Eval }, win, scope, env);
        self.bind_self(win);
        self.call_thunk(win);
        self.e.mov(dst.reg, win);
    }

    /// `$caller_eval`
    pub(super) fn caller_eval(&mut self, place: Place, data: &Expr, env: &Expr, dst: Dst) {
        let win = self.e.alloc();
        self.to(data, Dst { reg: win, fresh: true });
        let mark = self.e.mark();
        let env = self.any(env);
        self.e.at(place);
        self.e.abc(Op::CallerEval, win, env, 0);
        self.e.release(mark);
        self.call_thunk(win);
        self.e.mov(dst.reg, win);
    }

    /// `await`
    pub(super) fn await_(
        &mut self,
        place: Place,
        timeout: Option<&Expr>,
        items: &[Expr],
        dst: Dst,
    ) {
        // The timeout is evaluated first but stands last.
        let early = timeout.map(|t| {
            let reg = self.e.alloc();
            self.to(t, Dst { reg, fresh: true });
            reg
        });
        let (first, count) = self.run(items);
        if let Some(early) = early {
            let reg = self.e.alloc();
            self.e.mov(reg, early);
        }
        self.e.at(place);
        let count = self.e.count(count);
        let insn = Insn::abc(Op::Await, dst.reg, first, count);
        self.e.push(insn.with_x(u8::from(timeout.is_some())));
    }

    /// Waits for the future in `reg`; the result takes its place.
    pub(super) fn await_reg(&mut self, reg: Reg) {
        self.e.push(Insn::abc(Op::Await, reg, reg, 1));
    }

    /// `(expr ?)`
    pub(super) fn unwrap(&mut self, place: Place, value: &Expr, dst: Dst) {
        let value = self.any(value);
        let test = self.e.alloc();
        self.e.at(place);
        self.e.mov(test, value);
        self.e.intrinsic(test, Intrinsic::Unwrap, 1);
        let go_on = self.e.label();
        self.e.jump_on(Op::JumpIfNot, test, go_on);
        self.leave(super::emit::Exit::Return, Some(value));
        self.e.place_label(go_on);
        self.e.mov(test, value);
        self.e.intrinsic(test, Intrinsic::UnwrapValue, 1);
        self.e.mov(dst.reg, test);
    }

    /// `yield`
    pub(super) fn yield_(&mut self, place: Place, value: &Expr, dst: Dst) {
        let value = self.any(value);
        self.e.at(place);
        if self.f.kind == FnKind::AsyncGenerator {
            // A yielded future is waited for first.
            let reg = self.e.alloc();
            self.e.mov(reg, value);
            self.await_reg(reg);
            self.e.abc(Op::Yield, dst.reg, reg, 0);
        } else {
            self.e.abc(Op::Yield, dst.reg, value, 0);
        }
    }
}

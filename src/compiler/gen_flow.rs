//! Code for loops, `try`, `case`, task scopes.

use gene_isa::{FnKind, Insn, Intrinsic, Op, Special};

use super::emit::{Ctl, Dst, Exit, Label, Reg, Region};
use super::generate::{Gen, Want};
use super::hir::*;

impl Gen<'_> {
    // ---- loops ---------------------------------------------------------

    /// A loop; only `loop` has a value other than nil.
    pub(super) fn loop_(&mut self, place: Place, l: &Loop, dst: Option<Dst>) {
        let exit = self.e.label();
        let value = match (&l.kind, dst) {
            (LoopKind::Forever, Some(dst)) => Some(dst.reg),
            _ => None,
        };
        self.e.at(place);
        let counter = self.turn_counter();
        match &l.kind {
            LoopKind::Forever => {
                let (head, next) = (self.e.label_here(), self.e.label());
                self.loop_body(l, exit, next, value, |g| g.effect(&l.body));
                self.e.place_label(next);
                self.e.at(place);
                self.count_turn(counter);
                self.e.jump_insn(Insn::a_bc(Op::Loop, 0, 0), head);
            }
            LoopKind::While(condition) => {
                let (head, next) = (self.e.label_here(), self.e.label());
                let mark = self.e.mark();
                let test = self.e.pc();
                self.cond(condition, exit, false);
                let test = self.e.only_since(test);
                self.e.release(mark);
                let body = self.e.label_here();
                self.loop_body(l, exit, next, None, |g| g.effect(&l.body));
                self.e.place_label(next);
                self.e.at(place);
                self.count_turn(counter);
                // A condition of one instruction is tested again at the end,
                // which saves a jump in each turn.
                match test.and_then(|(pc, insn)| Some((pc, insn, repeated(insn.op)?))) {
                    Some((pc, insn, op)) if self.e.pc() - pc < 10_000 => {
                        self.e.jump_insn(Insn { op, ..insn }, body);
                    }
                    _ => self.e.jump_insn(Insn::a_bc(Op::Loop, 0, 0), head),
                }
            }
            LoopKind::Repeat(count) => {
                let one = Expr { kind: Ek::Int(1), place, assigns: false };
                self.range_loop(l, (&one, count, None), None, (exit, counter), 1);
            }
            LoopKind::Range(start, end, step, item) => {
                self.range_loop(l, (start, end, Some(step)), *item, (exit, counter), 0);
            }
            LoopKind::Each(each) => self.each(l, each, exit, counter),
            LoopKind::Await(source, item) => self.await_loop(l, source, *item, (exit, counter)),
        }
        if let (Some(dst), None) = (dst, value) {
            // `break` arrives here as well.
            self.e.place_label(exit);
            self.e.load(dst.reg, Special::Nil);
        } else {
            self.e.place_label(exit);
        }
    }

    fn loop_body(
        &mut self,
        l: &Loop,
        exit: Label,
        next: Label,
        value: Option<Reg>,
        body: impl FnOnce(&mut Self),
    ) {
        let scopes = self.e.live.len();
        self.e.ctl.push(Ctl::Loop { id: l.id, exit, next, value, scopes });
        body(self);
        self.e.ctl.pop();
    }

    /// The body of one iteration in its scope.
    fn iteration(&mut self, l: &Loop, bindings: &[(Option<VarId>, Reg)]) {
        let (mark, locals) = (self.e.mark(), self.e.locals);
        for (var, reg) in bindings {
            if let Some(var) = var
                && !self.vars.lives_in_scope(*var)
            {
                self.bind(*var, *reg);
            }
        }
        if let Some(scope) = l.scope {
            self.enter(scope);
        }
        for (var, reg) in bindings {
            if let Some(var) = var
                && self.vars.lives_in_scope(*var)
            {
                self.store(*var, *reg);
            }
        }
        self.effect(&l.body);
        if let Some(scope) = l.scope {
            self.leave_scope(scope);
        }
        self.e.locals = locals;
        self.e.release(mark);
    }

    fn range_loop(
        &mut self,
        l: &Loop,
        (start, end, step): (&Expr, &Expr, Option<&Expr>),
        item: Option<VarId>,
        (exit, counter): (Label, Option<Reg>),
        flag: u8,
    ) {
        let place = l.place;
        let (mark, locals) = (self.e.mark(), self.e.locals);
        let (state, _) = self.run([start, end]);
        let third = self.e.alloc();
        match step {
            Some(step) => self.to(step, Dst { reg: third, fresh: true }),
            None => self.e.load_int(third, 1),
        }
        let value = self.e.alloc();
        self.e.keep();
        self.e.at(place);
        self.e.jump_insn(Insn::a_bc(Op::RangePrep, state, 0).with_x(flag), exit);
        let head = self.e.label_here();
        let next = self.e.label();
        self.loop_body(l, exit, next, None, |g| g.iteration(l, &[(item, value)]));
        self.e.place_label(next);
        self.e.at(place);
        self.count_turn(counter);
        self.e.jump_insn(Insn::a_bc(Op::RangeLoop, state, 0), head);
        self.e.locals = locals;
        self.e.release(mark);
    }

    fn each(&mut self, l: &Loop, each: &Each, exit: Label, counter: Option<Reg>) {
        let place = l.place;
        let (mark, locals) = (self.e.mark(), self.e.locals);
        // Below the state, at whose end calls have their windows.
        let exception = self.e.alloc();
        let state = self.e.alloc();
        for _ in 0..5 {
            self.e.alloc();
        }
        self.e.keep();
        let keys = u8::from(each.with_keys);
        let temp = self.e.mark();
        let source = self.any(&each.source);
        self.e.at(place);
        let (begin, done, broken) = (self.e.label(), self.e.label(), self.e.label());
        let insn = Insn::abc(Op::IterInit, state, source, 0).with_x(keys);
        self.e.jump_insn(insn, begin);
        self.e.release(temp);
        self.call_with_self(state + 4);
        self.e.push(Insn::a_bc(Op::IterWrap, state, 0).with_x(keys));
        self.e.place_label(begin);
        let head = self.e.label_here();
        let skip = if self.f.kind.is_coroutine() { 3 } else { 2 };
        self.e.jump_insn(Insn::a_bc(Op::IterNext, state, 0).with_x(skip), done);
        self.call_with_self(state + 4);
        self.e.jump_insn(Insn::a_bc(Op::IterStep, state, 0).with_x(keys), done);
        let (start, next) = (self.e.here(), self.e.label());
        if each.closes {
            self.e.ctl.push(Ctl::Close { state, keep: exception });
        }
        let out = if each.closes { broken } else { exit };
        self.loop_body(l, out, next, None, |g| {
            g.iteration(l, &[(each.item, state + 2), (each.key, state + 3)]);
        });
        let end = self.e.here();
        self.e.place_label(next);
        self.e.at(place);
        self.count_turn(counter);
        self.e.jump_insn(Insn::a_bc(Op::Loop, 0, 0), head);
        if each.closes {
            self.e.ctl.pop();
            let target = self.e.label();
            let scopes = self.e.live.len() as u16;
            let catches = false;
            self.e.regions.push(Region { start, end, target, exception, scopes, catches });
            self.e.place_label(target);
            self.iter_close(state);
            self.e.abc(Op::Rethrow, exception, 0, 0);
            self.e.place_label(broken);
            self.iter_close(state);
        }
        self.e.place_label(done);
        self.e.locals = locals;
        self.e.release(mark);
    }

    /// Closes a generator that is left early.
    pub(super) fn iter_close(&mut self, state: Reg) {
        let done = self.e.label();
        self.e.jump_insn(Insn::a_bc(Op::IterClose, state, 0), done);
        self.call_with_self(state + 4);
        self.e.place_label(done);
    }

    fn await_loop(
        &mut self,
        l: &Loop,
        source: &Expr,
        item: VarId,
        (exit, counter): (Label, Option<Reg>),
    ) {
        let place = l.place;
        let (mark, locals) = (self.e.mark(), self.e.locals);
        let iterator = self.e.alloc();
        let value = self.e.alloc();
        let exception = self.e.alloc();
        self.e.keep();
        self.to(source, Dst { reg: iterator, fresh: true });
        self.e.at(place);
        self.e.intrinsic(iterator, Intrinsic::AsyncIter, 1);
        let head = self.e.label_here();
        let done = self.e.label();
        self.e.mov(value, iterator);
        self.e.intrinsic(value, Intrinsic::AsyncNext, 1);
        // Cancelled while it waits for an item, it is left early as well.
        let waits = self.e.here();
        self.await_reg(value);
        let waited = self.e.here();
        let test = self.e.alloc();
        self.e.mov(test, value);
        self.e.intrinsic(test, Intrinsic::IsNotFound, 1);
        self.e.jump_on(Op::JumpIf, test, done);
        self.e.release(mark);
        let (start, next, broken) = (self.e.here(), self.e.label(), self.e.label());
        self.e.ctl.push(Ctl::CloseAsync { iterator });
        self.loop_body(l, broken, next, None, |g| g.iteration(l, &[(Some(item), value)]));
        self.e.ctl.pop();
        let end = self.e.here();
        self.e.place_label(next);
        self.e.at(place);
        self.count_turn(counter);
        self.e.jump_insn(Insn::a_bc(Op::Loop, 0, 0), head);
        let target = self.e.label();
        let scopes = self.e.live.len() as u16;
        let catches = false;
        for (start, end) in [(waits, waited), (start, end)] {
            self.e.regions.push(Region { start, end, target, exception, scopes, catches });
        }
        self.e.place_label(target);
        self.async_close(iterator);
        self.e.abc(Op::Rethrow, exception, 0, 0);
        self.e.place_label(broken);
        self.async_close(iterator);
        self.e.jump(exit);
        self.e.place_label(done);
        self.e.locals = locals;
        self.e.release(mark);
    }

    /// Closes an asynchronous iteration that is left early, and waits for that.
    pub(super) fn async_close(&mut self, iterator: Reg) {
        let mark = self.e.mark();
        let reg = self.e.alloc();
        self.e.mov(reg, iterator);
        self.e.intrinsic(reg, Intrinsic::AsyncClose, 1);
        let done = self.e.label();
        self.e.jump_on(Op::JumpIfNil, reg, done);
        self.await_reg(reg);
        self.e.place_label(done);
        self.e.release(mark);
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

    // ---- try -----------------------------------------------------------

    /// `try`; the value of body or catch body goes to `dst`.
    pub(super) fn try_(&mut self, place: Place, t: &Try, dst: Dst) {
        match &t.finally {
            None => self.with_catches(place, t, dst),
            Some(body) => self.protected(
                place,
                dst,
                |g, out| g.with_catches(place, t, out),
                |g, _| {
                    let mark = g.e.mark();
                    g.effect(body);
                    g.e.release(mark);
                },
            ),
        }
    }

    fn with_catches(&mut self, place: Place, t: &Try, dst: Dst) {
        if t.catches.is_empty() {
            return self.guarded(|g| g.to(&t.body, dst));
        }
        let exception = self.e.alloc();
        let result = self.e.alloc();
        let out = Dst { reg: result, fresh: false };
        let (target, done) = (self.e.label(), self.e.label());
        let (start, scopes) = (self.e.here(), self.e.live.len() as u16);
        self.guarded(|g| g.to(&t.body, out));
        let end = self.e.here();
        self.e.jump(done);
        let catches = true;
        self.e.regions.push(Region { start, end, target, exception, scopes, catches });
        self.e.place_label(target);
        for catch in &t.catches {
            let next = self.e.label();
            let (mark, locals) = (self.e.mark(), self.e.locals);
            if let Some(class) = &catch.class {
                let class_reg = self.any(class);
                self.e.at(class.place);
                let test = self.e.alloc();
                self.e.abc(Op::CatchMatch, test, exception, class_reg);
                self.e.jump_on(Op::JumpIfNot, test, next);
                self.e.release(mark);
            }
            for var in [Some(catch.exception), catch.name].into_iter().flatten() {
                if !self.vars.lives_in_scope(var) {
                    self.bind(var, exception);
                }
            }
            // An assignment to the name must not change `$ex`.
            let own =
                catch.name.filter(|n| self.vars.get(*n).assigned && !self.vars.lives_in_scope(*n));
            if let Some(name) = own {
                let reg = self.e.alloc();
                self.e.keep();
                self.e.mov(reg, exception);
                self.bind(name, reg);
            }
            self.enter(catch.scope);
            for var in [Some(catch.exception), catch.name].into_iter().flatten() {
                if self.vars.lives_in_scope(var) {
                    self.store(var, exception);
                }
            }
            self.guarded(|g| g.to(&catch.body, out));
            self.leave_scope(catch.scope);
            self.e.locals = locals;
            self.e.release(mark);
            self.e.jump(done);
            self.e.place_label(next);
        }
        self.e.at(place);
        self.e.abc(Op::Rethrow, exception, 0, 0);
        self.e.place_label(done);
        self.e.mov(dst.reg, result);
    }

    /// Code in which calls in tail position are ordinary calls.
    fn guarded(&mut self, build: impl FnOnce(&mut Self)) {
        self.f.tries += 1;
        build(self);
        self.f.tries -= 1;
    }

    /// `body`, and `after` however it is left. `after` gets the register with
    /// the way: 0 for the normal end, 1 for an exception, more for jumps.
    fn protected(
        &mut self,
        place: Place,
        dst: Dst,
        body: impl FnOnce(&mut Self, Dst),
        after: impl FnOnce(&mut Self, Reg),
    ) {
        let kind = self.e.alloc();
        let value = self.e.alloc();
        let (entry, thrown, end) = (self.e.label(), self.e.label(), self.e.label());
        let scopes = self.e.live.len();
        let exits = Vec::new();
        self.e.ctl.push(Ctl::Finally { entry, kind, value, scopes, exits });
        let start = self.e.here();
        self.guarded(|g| body(g, Dst { reg: value, fresh: false }));
        let region_end = self.e.here();
        let exits = match self.e.ctl.pop() {
            Some(Ctl::Finally { exits, .. }) => exits,
            _ => Vec::new(),
        };
        self.e.at(place);
        self.e.load_int(kind, 0);
        self.e.jump(entry);
        let region = Region {
            start,
            end: region_end,
            target: thrown,
            exception: value,
            scopes: scopes as u16,
            catches: false,
        };
        self.e.regions.push(region);
        self.e.place_label(thrown);
        self.e.load_int(kind, 1);
        self.e.place_label(entry);
        self.e.ctl.push(Ctl::InFinally { end, scopes });
        self.guarded(|g| after(g, kind));
        self.e.ctl.pop();
        self.e.place_label(end);
        self.e.at(place);
        let normal = self.e.label();
        self.e.jump_insn(Insn::abc(Op::JumpEqI, kind, 0, 0), normal);
        for (index, exit) in exits.iter().enumerate() {
            let next = self.e.label();
            let insn = Insn::abc(Op::JumpNeI, kind, index as u16 + 2, 0);
            self.e.jump_insn(insn, next);
            let carried = match exit {
                Exit::Return | Exit::Break(_) => Some(value),
                _ => None,
            };
            self.leave(*exit, carried);
            self.e.place_label(next);
        }
        self.e.abc(Op::Rethrow, value, 0, 0);
        self.e.place_label(normal);
        self.e.mov(dst.reg, value);
    }

    /// `gene/scope`
    pub(super) fn task_scope(&mut self, place: Place, t: &(Expr, VarId, Expr), dst: Dst) {
        let (timeout, handle, body) = t;
        let scope = self.e.alloc();
        self.to(timeout, Dst { reg: scope, fresh: true });
        self.e.at(place);
        self.e.intrinsic(scope, Intrinsic::ScopeEnter, 1);
        self.store(*handle, scope);
        self.protected(
            place,
            dst,
            |g, out| g.to(body, out),
            |g, kind| {
                let mark = g.e.mark();
                let win = g.e.alloc();
                let way = g.e.alloc();
                g.e.at(place);
                g.e.mov(win, scope);
                g.e.mov(way, kind);
                g.e.intrinsic(win, Intrinsic::ScopeExit, 2);
                g.await_reg(win);
                g.e.release(mark);
            },
        );
    }

    // ---- case ----------------------------------------------------------

    /// `case`
    pub(super) fn case(&mut self, place: Place, case: &Case, want: Want) {
        let done = self.e.label();
        let assigned = case
            .arms
            .iter()
            .any(|a| a.body.assigns || matches!(&a.test, ArmTest::Value(e) if e.assigns));
        let target = self.operand(&case.target, assigned);
        let mut open = true;
        for arm in &case.arms {
            let next = self.e.label();
            let (mark, locals) = (self.e.mark(), self.e.locals);
            match &arm.test {
                ArmTest::Any => open = false,
                ArmTest::Value(value) => {
                    match super::gen_ops::small_int(value) {
                        Some(small) => {
                            self.e.at(value.place);
                            let insn = Insn::abc(Op::JumpNeI, target, small as u16, 0);
                            self.e.jump_insn(insn, next);
                        }
                        None => {
                            let reg = self.any(value);
                            self.e.at(value.place);
                            self.e.jump_insn(Insn::abc(Op::JumpNe, target, reg, 0), next);
                        }
                    }
                    self.e.release(mark);
                }
                ArmTest::Variant(variant, binders, bare_unit) => {
                    let win = self.e.alloc();
                    self.e.mov(win, target);
                    let reg = self.e.alloc();
                    self.to(variant, Dst { reg, fresh: true });
                    let count = self.e.alloc();
                    self.e.at(variant.place);
                    match bare_unit {
                        true => self.e.load(count, Special::Nil),
                        false => self.e.load_int(count, binders.len() as i64),
                    }
                    self.e.intrinsic(win, Intrinsic::VariantPattern, 3);
                    self.e.jump_on(Op::JumpIfNot, win, next);
                    self.e.release(mark);
                }
            }
            self.enter(arm.scope);
            if let ArmTest::Variant(_, binders, _) = &arm.test {
                self.payload(target, binders);
            }
            match want {
                Want::Nothing => self.effect(&arm.body),
                Want::Tail => self.tail(&arm.body),
                Want::To(dst) => self.to(&arm.body, dst),
            }
            match want {
                Want::Tail => {
                    // Nothing comes back from the body.
                    let live = self.e.live.iter().position(|s| *s == arm.scope);
                    self.e.live.truncate(live.unwrap_or(self.e.live.len()));
                }
                _ => {
                    self.leave_scope(arm.scope);
                    self.e.jump(done);
                }
            }
            self.e.locals = locals;
            self.e.release(mark);
            self.e.place_label(next);
            if !open {
                break;
            }
        }
        match (&case.otherwise, want) {
            (Some(body), Want::Nothing) => self.effect(body),
            (Some(body), Want::Tail) => self.tail(body),
            (Some(body), Want::To(dst)) => self.to(body, dst),
            (None, Want::Nothing) => {}
            (None, Want::To(dst)) => self.e.load(dst.reg, Special::Nil),
            (None, Want::Tail) => {
                let reg = self.e.alloc();
                self.e.at(place);
                self.e.load(reg, Special::Nil);
                self.leave(Exit::Return, Some(reg));
            }
        }
        self.e.place_label(done);
    }

    fn payload(&mut self, target: Reg, binders: &[Option<VarId>]) {
        for (index, var) in binders.iter().enumerate() {
            let Some(var) = var else { continue };
            let reg = self.e.alloc();
            let second = self.e.alloc();
            self.e.mov(reg, target);
            self.e.load_int(second, index as i64);
            self.e.intrinsic(reg, Intrinsic::VariantField, 2);
            if self.vars.lives_in_scope(*var) {
                self.store(*var, reg);
            } else {
                self.bind(*var, reg);
            }
            self.e.keep();
        }
    }
}

/// The back-edge that goes on where this jump would leave the loop.
fn repeated(leave: Op) -> Option<Op> {
    Some(match leave {
        Op::JumpNotLt => Op::LoopLt,
        Op::JumpNotLe => Op::LoopLe,
        Op::JumpNotLtI => Op::LoopLtI,
        Op::JumpNotLeI => Op::LoopLeI,
        Op::JumpNotGtI => Op::LoopGtI,
        Op::JumpNotGeI => Op::LoopGeI,
        Op::JumpEqI => Op::LoopNeI,
        _ => return None,
    })
}

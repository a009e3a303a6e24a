//! Code that leaves forms and functions: `break`, `return`, `throw`, and what the
//! forms around want done on the way.

use gene_isa::{FnKind, Op, Special};

use super::emit::{Ctl, Exit, Reg};
use super::generate::Gen;
use super::hir::*;

impl Gen<'_> {
    /// Forms that never have a value.
    pub(super) fn jump_form(&mut self, e: &Expr) {
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
    pub(super) fn final_return(&mut self, reg: Reg) {
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
}

//! Code for `if`, by what is wanted of its value.

use gene_isa::Special;

use super::emit::{Ctl, Dst, Exit, Label};
use super::generate::Gen;
use super::hir::*;

impl Gen<'_> {
    pub(super) fn if_effect(&mut self, branches: &[(Expr, Expr)], otherwise: Option<&Expr>) {
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

    pub(super) fn if_tail(
        &mut self,
        place: Place,
        branches: &[(Expr, Expr)],
        otherwise: Option<&Expr>,
    ) {
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

    pub(super) fn if_to(&mut self, branches: &[(Expr, Expr)], otherwise: Option<&Expr>, dst: Dst) {
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
}

//! `try`, `throw`.

use gene_isa::{Special, Symbol};

use super::hir::*;
use super::lower::{Around, Lower, place_of};
use crate::diag::compiler as err;
use crate::syntax::{Gene, Kind, Node};

impl Lower<'_> {
    /// `(try body... catch pattern body... finally body...)`
    pub(super) fn try_form(&mut self, place: Place, c: &[Node]) -> Expr {
        let is_word = |n: &Node| n.is_symbol("catch") || n.is_symbol("finally");
        let end_from = |at: usize| c[at..].iter().position(is_word).map_or(c.len(), |n| at + n);
        let mut at = end_from(0);
        let body = self.maybe(|l| l.body(&c[..at]));
        let mut catches = Vec::new();
        let mut finally = None;
        while at < c.len() {
            let word = place_of(&c[at]);
            if c[at].is_symbol("finally") {
                let end = end_from(at + 1);
                if end < c.len() {
                    self.error(place_of(&c[end]), err::after_finally);
                }
                self.func().around.push(Around::Finally);
                let body = self.maybe(|l| l.body(&c[at + 1..end]));
                self.func().around.pop();
                finally = Some(body);
                break;
            }
            let Some(pattern) = c.get(at + 1).filter(|n| !is_word(n)) else {
                return self.error(word, |s| err::missing(s, "try", "pattern after 'catch'"));
            };
            let end = end_from(at + 2);
            catches.push(self.catch_clause(pattern, &c[at + 2..end]));
            at = end;
        }
        self.make(place, Ek::Try(Box::new(Try { body, catches, finally })))
    }

    fn catch_clause(&mut self, pattern: &Node, body: &[Node]) -> Catch {
        let (class, name) = match &pattern.kind {
            Kind::Symbol(name) => match name.as_str() {
                "*" | "_" => (None, None),
                text if text.starts_with(|c: char| c.is_lowercase()) => (None, Some(*name)),
                _ => (Some(self.expr(pattern)), None),
            },
            _ => (Some(self.expr(pattern)), None),
        };
        let (scope, outer) = self.open_scope();
        let ex = Symbol::intern("$ex");
        let exception = self.new_var(ex);
        self.bind(ex, exception);
        let name = name.map(|name| self.declare(name));
        self.func().exceptions.push(exception);
        let body = self.maybe(|l| l.body(body));
        self.func().exceptions.pop();
        self.close_scope(outer);
        Catch { scope, class, exception, name, body }
    }

    /// `(throw ...)`
    pub(super) fn throw_form(&mut self, place: Place, g: &Gene) -> Expr {
        let c = &g.children;
        if c.is_empty() {
            return match self.func().exceptions.last().copied() {
                Some(var) => {
                    let exception = self.read(place, var);
                    self.make(place, Ek::Rethrow(Box::new(exception)))
                }
                None => {
                    let nil = self.special(place, Special::Nil);
                    self.make(place, Ek::Throw(Box::new(nil)))
                }
            };
        }
        let value = self.expr(&c[0]);
        if c.len() == 1 && g.props.is_empty() {
            return self.make(place, Ek::Throw(Box::new(value)));
        }
        let args = self.args(&g.props, &c[1..]);
        let target = Target::New(value);
        let made = self.make(place, Ek::Call(Box::new(Call { target, args })));
        self.make(place, Ek::Throw(Box::new(made)))
    }
}

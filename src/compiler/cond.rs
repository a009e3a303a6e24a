//! `if`, `ifel`, `if_not`, and conditions with `not` before them.

use super::hir::*;
use super::lower::{Lower, place_of};
use crate::diag::compiler as err;
use crate::syntax::Node;

impl Lower<'_> {
    /// `(if cond then... elif cond ... else ...)`
    pub(super) fn if_form(&mut self, place: Place, c: &[Node]) -> Expr {
        let mut branches = Vec::new();
        let mut at = 0;
        let mut word = "if";
        let outer = self.region;
        loop {
            let Some((condition, used)) = self.condition(place, &c[at..], word) else {
                self.region = outer;
                return self.nil(place);
            };
            at += used;
            if at >= c.len() {
                self.region = outer;
                return self.error(place, |s| err::missing(s, word, "body after condition"));
            }
            if c[at].is_symbol("then") {
                at += 1;
            }
            let end = branch_end(c, at);
            let body = self.scoped_body(&c[at..end]);
            branches.push((condition, body));
            at = end;
            // Conditions after the first may be skipped.
            self.region = self.vars.new_region(self.region);
            match c.get(at) {
                Some(node) if node.is_symbol("elif") => word = "elif",
                _ => break,
            }
            at += 1;
        }
        let otherwise = match c.get(at) {
            Some(_) => {
                let rest = &c[at + 1..];
                if let Some(bad) = rest.iter().find(|n| n.is_symbol("elif") || n.is_symbol("else"))
                {
                    let word = bad.as_symbol().map_or("else", |s| s.as_str());
                    self.error(place_of(bad), |s| err::after_else(s, word));
                }
                Some(Box::new(self.scoped_body(rest)))
            }
            None => None,
        };
        self.region = outer;
        self.make(place, Ek::If(branches, otherwise))
    }

    /// A condition, perhaps with `not` before it, and how many nodes it takes.
    fn condition(&mut self, place: Place, c: &[Node], word: &str) -> Option<(Expr, usize)> {
        let missing = |n: Option<&Node>| {
            n.is_none_or(|n| ["then", "else", "elif"].iter().any(|w| n.is_symbol(w)))
        };
        if missing(c.first()) {
            self.error(place, |s| err::missing(s, word, "condition"));
            return None;
        }
        if !c[0].is_symbol("not") {
            return Some((self.expr(&c[0]), 1));
        }
        if missing(c.get(1)) {
            self.error(place, |s| err::missing(s, word, "condition"));
            return None;
        }
        let condition = self.expr(&c[1]);
        Some((self.not_truth(condition), 2))
    }

    fn not_truth(&mut self, condition: Expr) -> Expr {
        let (place, assigns) = (condition.place, condition.assigns);
        Expr { kind: Ek::NotTruth(Box::new(condition)), place, assigns }
    }

    /// `(ifel c a b)`
    pub(super) fn ifel(&mut self, place: Place, c: &[Node]) -> Expr {
        if !(2..=3).contains(&c.len()) {
            return self.error(place, err::ifel_operands);
        }
        let condition = self.expr(&c[0]);
        let then = self.scoped_body(&c[1..2]);
        let otherwise = c.get(2).map(|_| Box::new(self.scoped_body(&c[2..3])));
        self.make(place, Ek::If(vec![(condition, then)], otherwise))
    }

    /// `(if_not c forms...)`
    pub(super) fn if_not(&mut self, place: Place, c: &[Node]) -> Expr {
        let Some((condition, used)) = self.condition(place, c, "if_not") else {
            return self.nil(place);
        };
        let mut rest = &c[used..];
        if rest.first().is_some_and(|n| n.is_symbol("then")) {
            rest = &rest[1..];
        }
        if let Some(bad) = rest.iter().find(|n| n.is_symbol("elif") || n.is_symbol("else")) {
            return self.error(place_of(bad), err::if_not_else);
        }
        if rest.is_empty() {
            return self.error(place, |s| err::missing(s, "if_not", "body after condition"));
        }
        let condition = self.not_truth(condition);
        let body = self.scoped_body(rest);
        self.make(place, Ek::If(vec![(condition, body)], None))
    }
}

/// Where the branch that starts at `at` ends.
fn branch_end(c: &[Node], at: usize) -> usize {
    let end = c[at..].iter().position(|n| n.is_symbol("elif") || n.is_symbol("else"));
    end.map_or(c.len(), |n| at + n)
}

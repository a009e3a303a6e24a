//! `while`, `loop`, `repeat`, `for`, `break`, `continue`, ranges.

use gene_isa::{FnKind, Intrinsic, Special, Symbol};

use super::hir::*;
use super::lower::{Around, Lower, place_of};
use crate::diag::compiler as err;
use crate::syntax::{Gene, Kind, Node, Prop};

/// The value of property `key`.
pub(super) fn property<'g>(props: &'g [Prop], key: &str) -> Option<&'g Node> {
    props.iter().find(|p| p.key.as_str() == key).map(|p| &p.value)
}

impl Lower<'_> {
    /// Lowers a loop body that `break` and `continue` can name.
    fn in_loop<T>(&mut self, g: &Gene, build: impl FnOnce(&mut Self) -> T) -> (LoopId, T) {
        let id = LoopId(self.next_loop);
        self.next_loop += 1;
        let name = property(&g.props, "name").and_then(Node::as_symbol);
        self.func().around.push(Around::Loop(id, name));
        let result = self.maybe(build);
        self.func().around.pop();
        (id, result)
    }

    pub(super) fn while_form(&mut self, place: Place, g: &Gene) -> Expr {
        let Some((first, rest)) = g.children.split_first() else {
            return self.error(place, |s| err::missing(s, "while", "condition"));
        };
        let negated = first.is_symbol("not") && !rest.is_empty();
        let (first, rest) = if negated { (&rest[0], &rest[1..]) } else { (first, rest) };
        let mut condition = self.expr(first);
        if negated {
            let (place, assigns) = (condition.place, condition.assigns);
            condition = Expr { kind: Ek::NotTruth(Box::new(condition)), place, assigns };
        }
        let (id, body) = self.in_loop(g, |l| l.body(rest));
        let kind = LoopKind::While(condition);
        self.make(place, Ek::Loop(Box::new(Loop { id, place, kind, scope: None, body })))
    }

    pub(super) fn loop_form(&mut self, place: Place, g: &Gene) -> Expr {
        let (id, body) = self.in_loop(g, |l| l.body(&g.children));
        let kind = LoopKind::Forever;
        self.make(place, Ek::Loop(Box::new(Loop { id, place, kind, scope: None, body })))
    }

    pub(super) fn repeat_form(&mut self, place: Place, g: &Gene) -> Expr {
        let Some((count, rest)) = g.children.split_first() else {
            return self.error(place, |s| err::missing(s, "repeat", "count"));
        };
        let count = self.expr(count);
        let (id, (scope, body)) = self.in_loop(g, |l| {
            let (scope, outer) = l.open_scope();
            let body = l.body(rest);
            l.close_scope(outer);
            (scope, body)
        });
        let kind = LoopKind::Repeat(count);
        self.make(place, Ek::Loop(Box::new(Loop { id, place, kind, scope: Some(scope), body })))
    }

    pub(super) fn for_form(&mut self, place: Place, g: &Gene) -> Expr {
        let c = &g.children;
        let Some(at) = c.iter().position(|n| n.is_symbol("in")) else {
            return self.error(place, err::for_without_in);
        };
        let names = &c[..at];
        if names.is_empty() || names.len() > 2 {
            return self.error(place, err::for_names);
        }
        let Some(source) = c.get(at + 1) else {
            return self.error(place, |s| err::missing(s, "for", "source after 'in'"));
        };
        let rest = &c[at + 2..];
        let awaits = property(&g.props, "await").is_some_and(|n| !matches!(n.kind, Kind::Nil));
        let range = if names.len() == 1 && !awaits { self.literal_range(source) } else { None };
        let closes = !matches!(source.kind, Kind::Array(_));
        let source = match range {
            Some(_) => None,
            None => Some(self.expr(source)),
        };
        let (id, (scope, key, item, body)) = self.in_loop(g, |l| {
            let (scope, outer) = l.open_scope();
            let (key, _) = match names {
                [key, _] => l.loop_variable(key),
                _ => (None, None),
            };
            let (item, parts) = l.loop_variable(&names[names.len() - 1]);
            let mut body = l.body(rest);
            if let Some(parts) = parts {
                let assigns = true;
                let place = body.place;
                body = Expr { kind: Ek::Do(vec![parts, body]), place, assigns };
            }
            l.close_scope(outer);
            (scope, key, item, body)
        });
        let kind = match (range, source) {
            (Some((start, end, step)), _) => LoopKind::Range(start, end, step, item),
            (None, Some(source)) if awaits => {
                if names.len() == 2 {
                    return self.error(place, err::for_names);
                }
                let item = item.unwrap_or_else(|| {
                    let outer = std::mem::replace(&mut self.scope, scope);
                    let item = self.hidden_var("%item");
                    self.scope = outer;
                    item
                });
                LoopKind::Await(source, item)
            }
            (None, source) => {
                let source = source.unwrap_or_else(|| self.nil(place));
                let with_keys = names.len() == 2;
                LoopKind::Each(Each { source, key, with_keys, item, closes })
            }
        };
        self.make(place, Ek::Loop(Box::new(Loop { id, place, kind, scope: Some(scope), body })))
    }

    /// The variable of a loop, and the form that takes it apart if a pattern
    /// is given.
    fn loop_variable(&mut self, node: &Node) -> (Option<VarId>, Option<Expr>) {
        match &node.kind {
            Kind::Symbol(name) if name.as_str() == "_" => (None, None),
            Kind::Symbol(name) => {
                let var = self.declare(*name);
                (Some(var), None)
            }
            Kind::Array(_) | Kind::Map(..) => {
                let var = self.hidden_var("%item");
                let place = place_of(node);
                let value = self.make(place, Ek::Var(var, false));
                let direct = std::mem::replace(&mut self.direct, false);
                let parts = self.destructure(node, value, false);
                self.direct = direct;
                (Some(var), Some(parts))
            }
            _ => {
                self.error(place_of(node), err::for_names);
                (None, None)
            }
        }
    }

    /// Start, end and step of a range that is written out.
    fn literal_range(&mut self, source: &Node) -> Option<(Expr, Expr, Expr)> {
        let Kind::Gene(g) = &source.kind else { return None };
        if g.sealed || !g.props.is_empty() {
            return None;
        }
        let c = &g.children;
        let infix = c.len() == 2 && c[0].is_symbol("..");
        let prefix = g.head.is_symbol("..") && c.len() == 2;
        let named = g.head.is_symbol("range")
            && (2..=3).contains(&c.len())
            && self.lookup(Symbol::intern("range")).is_none();
        let (start, end, step) = match () {
            _ if infix => (&g.head, &c[1], None),
            _ if prefix || named => (&c[0], &c[1], c.get(2)),
            _ => return None,
        };
        let (start, end) = (self.expr(start), self.expr(end));
        let step = match step {
            Some(node) => self.expr(node),
            None => self.make(place_of(source), Ek::Int(1)),
        };
        Some((start, end, step))
    }

    /// A range value.
    pub(super) fn range_value(&mut self, place: Place, operands: &[&Node]) -> Expr {
        let mut args: Vec<Expr> = operands.iter().map(|n| self.expr(n)).collect();
        if args.len() == 2 {
            args.push(self.special(place, Special::Unset));
        }
        self.make(place, Ek::Intrinsic(Intrinsic::Range, args))
    }

    /// `(break v)`, `(continue)`
    pub(super) fn break_form(&mut self, place: Place, g: &Gene, is_break: bool) -> Expr {
        let word = if is_break { "break" } else { "continue" };
        let most = usize::from(is_break);
        if g.children.len() > most {
            return self.error(place, |s| err::too_many_operands(s, word, most));
        }
        let value = g.children.first().map(|n| Box::new(self.expr(n)));
        let label = property(&g.props, "from");
        let wanted = label.and_then(Node::as_symbol);
        let mut finally = false;
        let mut found = None;
        for around in self.func().around.iter().rev() {
            match around {
                Around::Loop(id, name) if label.is_none() || (*name == wanted) => {
                    found = Some(*id);
                    break;
                }
                Around::Loop(..) => {}
                Around::Finally => {
                    finally = true;
                    if label.is_none() {
                        break;
                    }
                }
            }
        }
        match (found, wanted) {
            (None, Some(name)) => self.error(place, |s| err::no_loop_named(s, name)),
            (None, None) if label.is_some() => self.error(place, err::label_not_a_name),
            _ if finally => self.make(place, Ek::EndFinally(value)),
            (Some(id), _) if is_break => self.make(place, Ek::Break(id, value)),
            (Some(id), _) => self.make(place, Ek::Continue(id)),
            (None, None) => {
                if self.func().async_body {
                    return self.error(place, |s| err::outside_of_loop(s, word));
                }
                let text = self.string(place, &format!("{word} used outside of a loop"));
                self.make(place, Ek::Intrinsic(Intrinsic::RaiseRuntime, vec![text]))
            }
        }
    }

    /// `(return v)`
    pub(super) fn return_form(&mut self, place: Place, g: &Gene) -> Expr {
        if g.children.len() > 1 {
            return self.error(place, |s| err::too_many_operands(s, "return", 1));
        }
        let value = match g.children.first() {
            Some(node) => self.expr(node),
            None => self.nil(place),
        };
        if self.func().around.iter().any(|a| matches!(a, Around::Finally)) {
            return self.make(place, Ek::EndFinally(Some(Box::new(value))));
        }
        self.make(place, Ek::Return(Box::new(value)))
    }

    /// `(yield v)`
    pub(super) fn yield_form(&mut self, place: Place, c: &[Node]) -> Expr {
        if !matches!(self.func().kind, FnKind::Generator | FnKind::AsyncGenerator) {
            return self.error(place, err::yield_outside);
        }
        if c.len() > 1 {
            return self.error(place, |s| err::too_many_operands(s, "yield", 1));
        }
        let value = match c.first() {
            Some(node) => self.expr(node),
            None => self.nil(place),
        };
        self.make(place, Ek::Yield(Box::new(value)))
    }
}

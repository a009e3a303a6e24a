//! `await`, task scopes, `gene/defer`, `gene/wait_until`, templates.

use gene_isa::{FnKind, Intrinsic, Special, Symbol};

use super::data::datum;
use super::hir::*;
use super::loops::property;
use super::lower::{Lower, place_of};
use crate::diag::compiler as err;
use crate::syntax::{Gene, Kind, Node};

impl Lower<'_> {
    /// `(await ^timeout d e1 e2 ...)`
    pub(super) fn await_form(&mut self, place: Place, g: &Gene) -> Expr {
        if g.children.is_empty() {
            return self.error(place, |s| err::expects_at_least(s, "await"));
        }
        let timeout = property(&g.props, "timeout").map(|n| Box::new(self.expr(n)));
        let items = self.plain_operands(&g.children);
        self.make(place, Ek::Await(timeout, items))
    }

    fn property_or_unset(&mut self, place: Place, g: &Gene, key: &str) -> Expr {
        match property(&g.props, key) {
            Some(node) => self.expr(node),
            None => self.unset(place),
        }
    }

    /// `(gene/scope ^timeout d [s] body...)`
    pub(super) fn task_scope_form(&mut self, place: Place, g: &Gene) -> Expr {
        let timeout = self.property_or_unset(place, g, "timeout");
        let Some((list, rest)) = g.children.split_first() else {
            return self.error(place, err::scope_handle);
        };
        let name = match &list.kind {
            Kind::Array(seq) => match &seq.items[..] {
                [] => None,
                [one] if one.as_symbol().is_some() => one.as_symbol(),
                _ => return self.error(place_of(list), err::scope_handle),
            },
            _ => return self.error(place_of(list), err::scope_handle),
        };
        self.scoped(|l| {
            let handle = match name.filter(|n| n.as_str() != "_") {
                Some(name) => {
                    let var = l.declare(name);
                    l.vars.get_mut(var).direct = false;
                    var
                }
                None => l.hidden_var("%scope"),
            };
            let direct = std::mem::replace(&mut l.direct, false);
            let body = l.maybe(|l| l.body(rest));
            l.direct = direct;
            l.make(place, Ek::TaskScope(Box::new((timeout, handle, body))))
        })
    }

    /// `(gene/defer expr d)`
    pub(super) fn defer_form(&mut self, place: Place, g: &Gene) -> Expr {
        let [body, delay] = &g.children[..] else {
            return self.error(place, |s| err::operands(s, "gene/defer", 2));
        };
        let function = self.thunk(place, std::slice::from_ref(body), FnKind::Async);
        let delay = self.expr(delay);
        self.make(place, Ek::Intrinsic(Intrinsic::Defer, vec![function, delay]))
    }

    /// `(gene/wait_until ^timeout d ^interval i cond)`
    pub(super) fn wait_until_form(&mut self, place: Place, g: &Gene) -> Expr {
        let [condition] = &g.children[..] else {
            return self.error(place, |s| err::operands(s, "gene/wait_until", 1));
        };
        let timeout = self.property_or_unset(place, g, "timeout");
        let interval = self.property_or_unset(place, g, "interval");
        let function = self.thunk(place, std::slice::from_ref(condition), FnKind::Block);
        let args = vec![function, timeout, interval];
        let future = self.make(place, Ek::Intrinsic(Intrinsic::WaitUntil, args));
        self.make(place, Ek::Await(None, vec![future]))
    }

    // ---- templates -----------------------------------------------------

    /// Code that makes a copy of the template with its holes filled.
    pub(super) fn template(&mut self, node: &Node) -> Expr {
        let place = place_of(node);
        if !has_holes(node) {
            return self.constant(place, datum(node));
        }
        match &node.kind {
            Kind::Unquote { form, discard: false } => self.expr(form),
            Kind::Unquote { form, discard: true } => {
                let value = self.expr(form);
                let void = self.special(place, Special::Void);
                self.make(place, Ek::Do(vec![value, void]))
            }
            Kind::Quote(inner) => {
                let inner = self.template(inner);
                let head = self.symbol(place, Symbol::intern("quote"));
                let gene = GeneExpr {
                    head,
                    props: Vec::new(),
                    children: vec![(inner, false)],
                    sealed: false,
                };
                self.make(place, Ek::Gene(Box::new(gene)))
            }
            Kind::Array(seq) => {
                let items = self.template_items(&seq.items);
                self.make(place, Ek::Array(items, seq.sealed))
            }
            Kind::HashMap(seq) => {
                let items = seq.items.iter().map(|n| self.template(n)).collect();
                self.make(place, Ek::HashMap(items, seq.sealed))
            }
            Kind::Map(props, sealed) => {
                let entries =
                    props.iter().map(|p| (Some(p.key), self.template(&p.value))).collect();
                self.make(place, Ek::Map(entries, *sealed))
            }
            Kind::Gene(g) => {
                let head = self.template(&g.head);
                let props =
                    g.props.iter().map(|p| (Some(p.key), self.template(&p.value))).collect();
                let children = self.template_items(&g.children);
                let gene = GeneExpr { head, props, children, sealed: g.sealed };
                self.make(place, Ek::Gene(Box::new(gene)))
            }
            _ => self.constant(place, datum(node)),
        }
    }

    /// Items of a template. A hole that leaves nothing behind is evaluated in
    /// its turn and spreads nil.
    fn template_items(&mut self, nodes: &[Node]) -> Vec<(Expr, bool)> {
        let mut items = Vec::with_capacity(nodes.len());
        for node in nodes {
            match &node.kind {
                Kind::Unquote { form, discard: true } => {
                    let place = place_of(node);
                    let value = self.expr(form);
                    let nil = self.nil(place);
                    items.push((self.make(place, Ek::Do(vec![value, nil])), true));
                }
                _ => items.push((self.template(node), false)),
            }
        }
        items
    }
}

/// Whether a template has something to fill in.
fn has_holes(node: &Node) -> bool {
    match &node.kind {
        Kind::Unquote { .. } => true,
        Kind::Quote(inner) => has_holes(inner),
        Kind::Array(seq) | Kind::HashMap(seq) => seq.items.iter().any(has_holes),
        Kind::Map(props, _) => props.iter().any(|p| has_holes(&p.value)),
        Kind::Gene(g) => {
            has_holes(&g.head)
                || g.props.iter().any(|p| has_holes(&p.value))
                || g.children.iter().any(has_holes)
        }
        _ => false,
    }
}

//! Type expressions (2.8, 2.9).

use gene_isa::{Intrinsic, Symbol};

use super::data::datum;
use super::hir::*;
use super::lower::{Lower, place_of};
use super::scope::{Entry, Known, VarKind};
use crate::diag::compiler as err;
use crate::syntax::{Kind, Node};

impl Lower<'_> {
    /// A type as written; `None` after an error.
    pub(super) fn type_expr(&mut self, node: &Node) -> Option<Ty> {
        let place = place_of(node);
        match &node.kind {
            Kind::Symbol(name) => self.named_type(place, *name),
            Kind::Nil => Some(Ty::Name(Symbol::intern("Nil"))),
            Kind::Path(segments) => {
                let text: Vec<&str> = segments.iter().map(|s| s.as_str()).collect();
                if segments.len() == 2 && text[0] == "gene" {
                    return Some(Ty::Name(segments[1]));
                }
                match self.variable(segments[0]) {
                    Entry::Var(var) if !text[0].is_empty() => {
                        self.touch(var);
                        Some(Ty::Path(var, segments[1..].to_vec()))
                    }
                    _ => Some(Ty::Name(Symbol::intern("Any"))),
                }
            }
            Kind::Gene(g) => {
                if g.head.is_symbol("Fn") {
                    return self.fn_type(place, &g.children);
                }
                let unions = g.children.first().is_some_and(|n| n.is_symbol("|"));
                if unions {
                    let mut parts = vec![self.type_expr(&g.head)?];
                    for pair in g.children.chunks(2) {
                        let [bar, ty] = pair else {
                            self.error(place, err::invalid_type);
                            return None;
                        };
                        if !bar.is_symbol("|") {
                            self.error(place, err::invalid_type);
                            return None;
                        }
                        parts.push(self.type_expr(ty)?);
                    }
                    return Some(Ty::Union(parts));
                }
                let outer = self.type_expr(&g.head)?;
                let args = g.children.iter().map(|n| self.type_expr(n)).collect::<Option<_>>()?;
                Some(Ty::Applied(Box::new(outer), args))
            }
            _ => {
                self.error(place, err::invalid_type);
                None
            }
        }
    }

    fn named_type(&mut self, place: Place, name: Symbol) -> Option<Ty> {
        if self.func().type_params.contains(&name) {
            return Some(Ty::Name(Symbol::intern("Any")));
        }
        if name.as_str() == "Self" {
            return match self.classes.last().copied() {
                Some(class) => {
                    self.touch(class);
                    Some(Ty::Var(class, name))
                }
                None => {
                    self.error(place, err::self_outside);
                    None
                }
            };
        }
        let entry = self.variable(name);
        match entry {
            Entry::Var(var) => {
                self.touch(var);
                Some(Ty::Var(var, name))
            }
            Entry::Member(owner) => {
                self.touch(owner);
                Some(Ty::Path(owner, vec![name]))
            }
        }
    }

    fn fn_type(&mut self, place: Place, c: &[Node]) -> Option<Ty> {
        let Some((params, rest)) = c.split_first() else {
            return Some(Ty::Name(Symbol::intern("Function")));
        };
        let Kind::Array(params) = &params.kind else {
            self.error(place, err::invalid_type);
            return None;
        };
        let mut ty = FnTy::default();
        let mut at = 0;
        let items = &params.items;
        while at < items.len() {
            let key = items[at].as_symbol().and_then(|s| s.as_str().strip_prefix('^'));
            if let Some(key) = key {
                let Some(node) = items.get(at + 1) else {
                    self.error(place, err::invalid_type);
                    return None;
                };
                let key = Symbol::intern(key.trim_end_matches(':'));
                ty.keywords.push((key, self.type_expr(node)?));
                at += 2;
            } else if items.get(at + 1).is_some_and(|n| n.is_symbol("...")) {
                ty.rest = Some(self.type_expr(&items[at])?);
                at += 2;
            } else {
                ty.params.push(self.type_expr(&items[at])?);
                at += 1;
            }
        }
        let rest = match rest {
            [arrow, rest @ ..] if arrow.is_symbol("->") => rest,
            _ => rest,
        };
        ty.result = match rest.first() {
            Some(node) => Some(self.type_expr(node)?),
            None => None,
        };
        Some(Ty::Fn(Box::new(ty)))
    }

    /// The right operand of `is`: `(Array Int)` is a type there, not a call.
    pub(super) fn type_operand(&mut self, node: &Node) -> Expr {
        let applied = match &node.kind {
            Kind::Gene(gene) => gene.head.as_symbol().map_or("", |s| s.as_str()),
            _ => "",
        };
        match applied.starts_with(char::is_uppercase) {
            true => self.type_value(node),
            false => self.expr(node),
        }
    }

    /// The type value of a type expression.
    pub(super) fn type_value(&mut self, node: &Node) -> Expr {
        let place = place_of(node);
        match &node.kind {
            Kind::Symbol(name) if self.func().type_params.contains(name) => {
                self.name(place, Symbol::intern("Any"))
            }
            Kind::Symbol(name) if name.as_str() == "Self" && !self.classes.is_empty() => {
                let class = self.classes[self.classes.len() - 1];
                self.read(place, class)
            }
            Kind::Symbol(_) | Kind::Path(_) => self.expr(node),
            Kind::Gene(_) => self.composed_type(place, node, false),
            Kind::Nil => self.name(place, Symbol::intern("Nil")),
            _ => self.error(place, err::invalid_type),
        }
    }

    /// The type value of an annotation that is kept, of a field for example.
    /// It may name definitions that follow.
    pub(super) fn kept_type(&mut self, node: &Node) -> Expr {
        let place = place_of(node);
        match &node.kind {
            Kind::Symbol(name) if name.as_str() != "Self" && self.may_follow(*name).is_some() => {
                self.composed_type(place, node, true)
            }
            Kind::Gene(_) => self.composed_type(place, node, true),
            _ => self.type_value(node),
        }
    }

    /// The variable of the module that a name means, if it may not be set yet.
    fn may_follow(&mut self, name: Symbol) -> Option<VarId> {
        if self.func().type_params.contains(&name) {
            return None;
        }
        let Entry::Var(var) = self.variable(name) else { return None };
        (self.touch(var) && self.vars.get(var).kind == VarKind::Module).then_some(var)
    }

    /// A type made of its form and of what the names in it mean.
    fn composed_type(&mut self, place: Place, node: &Node, kept: bool) -> Expr {
        let mut args = vec![self.constant(place, datum(node))];
        let mut names = Vec::new();
        type_names(node, &mut names);
        for name in names {
            args.push(self.symbol(place, name));
            match self.may_follow(name).filter(|_| kept) {
                Some(var) => {
                    self.vars.get_mut(var).captured = true;
                    args.push(self.make(place, Ek::ModuleSlot(var)));
                    args.push(self.nil(place));
                }
                None => {
                    args.push(self.nil(place));
                    args.push(self.type_value(&Node { kind: Kind::Symbol(name), span: node.span }));
                }
            }
        }
        self.make(place, Ek::Intrinsic(Intrinsic::TypeValue, args))
    }

    /// `(type Name T)`
    pub(super) fn type_form(&mut self, place: Place, c: &[Node]) -> Expr {
        let [name, ty] = c else {
            return self.error(place, |s| err::operands(s, "type", 2));
        };
        let Some(name) = name.as_symbol() else {
            return self.error(place_of(name), |s| err::requires_a_name(s, "type"));
        };
        let value = self.kept_type(ty);
        let args = vec![self.symbol(place, name), value];
        let alias = self.make(place, Ek::Intrinsic(Intrinsic::SetTypeAlias, args));
        let var = self.declare_definition(name, Known::Definition);
        self.declaration(place, var, alias)
    }
}

/// The names in a type expression that may be variables.
fn type_names(node: &Node, names: &mut Vec<Symbol>) {
    match &node.kind {
        Kind::Symbol(name) => {
            let text = name.as_str();
            let special =
                matches!(text, "|" | "->" | "..." | "Fn" | "Any" | "Numeric" | "Collection");
            if !special && !text.starts_with('^') && !names.contains(name) {
                names.push(*name);
            }
        }
        Kind::Gene(g) => {
            type_names(&g.head, names);
            g.children.iter().for_each(|n| type_names(n, names));
        }
        Kind::Array(seq) => seq.items.iter().for_each(|n| type_names(n, names)),
        _ => {}
    }
}

//! `var`, `let`, assignments, `$with`, `$tap`, `$if_main`.

use std::rc::Rc;

use gene_isa::{CheckKind, Intrinsic, Special, Symbol};

use super::hir::*;
use super::lower::{Lower, place_of};
use super::scope::{Entry, Known};
use crate::diag::compiler as err;
use crate::syntax::{Gene, Kind, Node};

impl Lower<'_> {
    /// `(var name value)`
    pub(super) fn var_form(&mut self, place: Place, g: &Gene, constant: bool) -> Expr {
        let word = if constant { "let" } else { "var" };
        let Some((target, rest)) = g.children.split_first() else {
            return self.error(place, |s| err::requires_a_name(s, word));
        };
        let (name, ty, rest) = match &target.kind {
            Kind::Symbol(name) => {
                let text = name.as_str();
                match text.strip_suffix(':') {
                    Some(base) if !base.is_empty() => {
                        let Some((ty, rest)) = rest.split_first() else {
                            return self.error(place_of(target), |s| err::missing_type(s, base));
                        };
                        (Symbol::intern(base), self.type_expr(ty), rest)
                    }
                    _ => (*name, None, rest),
                }
            }
            Kind::Path(segments) => return self.var_member(place, segments, rest, word),
            Kind::Array(_) | Kind::Map(..) => {
                if rest.len() != 1 {
                    return self.error(place, |s| err::pattern_needs_value(s, word));
                }
                let value = self.expr(&rest[0]);
                return self.destructure(target, value, constant);
            }
            _ => return self.error(place_of(target), |s| err::requires_a_name(s, word)),
        };
        if rest.len() > 1 {
            return self.error(place_of(&rest[1]), |s| err::too_many_values(s, word));
        }
        let text = name.as_str();
        if text == "_" || text == "self" || text == "=" || text.starts_with('^') {
            return self.error(place_of(target), |s| err::requires_a_name(s, word));
        }
        if text.len() > 1 && text.starts_with('$') {
            let value = self.value_or_nil(place, rest);
            return self.set_global(place, text, value);
        }
        let check = ty.map(|ty| Rc::new(TypeCheck { ty, kind: CheckKind::Variable, name }));
        self.declare_with(place, name, rest.first(), constant, check)
    }

    fn value_or_nil(&mut self, place: Place, rest: &[Node]) -> Expr {
        match rest.first() {
            Some(node) => self.expr(node),
            None => self.nil(place),
        }
    }

    /// Declares a name and gives it its first value. Functions in the value
    /// may refer to the new variable if the name means nothing else here; a
    /// literal function is not called before the variable has its value.
    fn declare_with(
        &mut self,
        place: Place,
        name: Symbol,
        node: Option<&Node>,
        constant: bool,
        check: Option<Rc<TypeCheck>>,
    ) -> Expr {
        let is_function = node.is_some_and(is_function_literal);
        let known = self.lookup(name);
        let fresh = match known {
            None => true,
            Some(Entry::Var(v)) => !self.vars.get(v).declared,
            Some(Entry::Member(_)) => false,
        };
        let (var, value) = if fresh && is_function {
            let var = self.declare(name);
            (var, node.map(|n| self.expr(n)))
        } else if fresh && self.scope != self.module_scope && known.is_none() {
            let var = self.new_var(name);
            self.vars.get_mut(var).declared = false;
            let scope = self.scope;
            self.vars.scope_mut(scope).hoisted.insert(name, var);
            let value = node.map(|n| self.expr(n));
            (self.declare(name), value)
        } else {
            let value = node.map(|n| self.expr(n));
            (self.declare(name), value)
        };
        let value = value.unwrap_or_else(|| self.nil(place));
        let v = self.vars.get_mut(var);
        v.constant = constant;
        v.ty = check;
        v.known = Known::Nothing;
        self.declaration(place, var, value)
    }

    fn var_member(&mut self, place: Place, segments: &[Symbol], rest: &[Node], word: &str) -> Expr {
        let Some(name) = segments.last().copied() else { return self.nil(place) };
        let (name, rest) = match name.as_str().strip_suffix(':') {
            Some(base) if !base.is_empty() && !rest.is_empty() => {
                (Symbol::intern(base), &rest[1..])
            }
            _ => (name, rest),
        };
        if rest.len() > 1 {
            return self.error(place_of(&rest[1]), |s| err::too_many_values(s, word));
        }
        let value = self.value_or_nil(place, rest);
        self.bind_member(segments, name);
        self.define_member(place, segments, name, value)
    }

    /// In the body of a namespace or class `/name` is visible as `name`.
    pub(super) fn bind_member(&mut self, segments: &[Symbol], name: Symbol) {
        if segments.len() != 2 || !segments[0].as_str().is_empty() {
            return;
        }
        let scope = self.scope;
        let owner = self.vars.scope(scope).names.get(&Symbol::intern("%owner")).copied();
        if let Some(Entry::Var(owner)) = owner {
            self.vars.scope_mut(scope).names.entry(name).or_insert(Entry::Member(owner));
        }
    }

    fn set_global(&mut self, place: Place, name: &str, value: Expr) -> Expr {
        let args = vec![self.symbol(place, Symbol::intern(&name[1..])), value];
        self.make(place, Ek::Intrinsic(Intrinsic::SetGlobal, args))
    }

    /// `(target = v)`, `(target += v)`
    pub(super) fn assignment(&mut self, place: Place, g: &Gene, op: Option<BinOp>) -> Expr {
        if g.children.len() != 2 {
            let word = g.children[0].as_symbol().map_or("=", |s| s.as_str());
            return self.error(place, |s| err::one_operand(s, word));
        }
        let value = &g.children[1];
        match &g.head.kind {
            Kind::Symbol(name) => {
                let text = name.as_str();
                if text.len() > 1 && text.starts_with('$') {
                    return self.assign_global(place, text, op, value);
                }
                if text == "self" || text == "_" {
                    return self.error(place_of(&g.head), err::bad_target);
                }
                self.assign_name(place, *name, op, value)
            }
            Kind::Path(segments) => self.assign_path(place, segments, op, value),
            Kind::Array(_) | Kind::Map(..) => {
                self.error(place_of(&g.head), err::destructuring_assignment)
            }
            _ => self.error(place_of(&g.head), err::bad_target),
        }
    }

    fn assign_global(&mut self, place: Place, name: &str, op: Option<BinOp>, node: &Node) -> Expr {
        let value = match op {
            None => self.expr(node),
            Some(op) => {
                let key = self.symbol(place, Symbol::intern(&name[1..]));
                let old = self.make(place, Ek::Intrinsic(Intrinsic::GetGlobal, vec![key]));
                let operand = self.expr(node);
                self.make(place, Ek::Arith(Box::new((old, vec![(op, operand, place)]))))
            }
        };
        self.set_global(place, name, value)
    }

    fn assign_name(&mut self, place: Place, name: Symbol, op: Option<BinOp>, node: &Node) -> Expr {
        let target = match self.variable(name) {
            Entry::Var(var) => var,
            Entry::Member(owner) => {
                let object = self.read(place, owner);
                let value = self.expr(node);
                let set = SetMember { object, segment: Segment::Name(name), op, value };
                return self.make(place, Ek::SetMember(Box::new(set)));
            }
        };
        let value = match op {
            None => self.expr(node),
            Some(op) => {
                let old = self.read(place, target);
                let operand = self.expr(node);
                let assigns = operand.assigns;
                let kind = Ek::Arith(Box::new((old, vec![(op, operand, place)])));
                Expr { kind, place, assigns }
            }
        };
        self.assign(place, target, value)
    }

    /// `($with v body...)`, `($tap v :name body...)`
    pub(super) fn with_form(&mut self, place: Place, c: &[Node], tap: bool) -> Expr {
        let Some((value, mut rest)) = c.split_first() else {
            let word = if tap { "$tap" } else { "$with" };
            return self.error(place, |s| err::missing(s, word, "value"));
        };
        let value = self.expr(value);
        let name = match rest.first().and_then(Node::as_symbol).map(|s| s.as_str()) {
            Some(text) if tap && text.len() > 1 && text.starts_with(':') => {
                rest = &rest[1..];
                Some(Symbol::intern(&text[1..]))
            }
            _ => None,
        };
        let other_self = std::mem::replace(&mut self.func().other_self, true);
        let body = match name {
            None => {
                let direct = std::mem::replace(&mut self.direct, false);
                let body = self.body(rest);
                self.direct = direct;
                body
            }
            Some(name) => self.scoped(|l| {
                let receiver = l.make(place, Ek::SelfRef);
                let var = l.declare(name);
                let declared = l.declaration(place, var, receiver);
                let body = l.body(rest);
                l.make(place, Ek::Do(vec![declared, body]))
            }),
        };
        self.func().other_self = other_self;
        self.make(place, Ek::WithSelf(Box::new((value, body)), tap))
    }

    /// `($if_main body...)`
    pub(super) fn if_main(&mut self, place: Place, c: &[Node]) -> Expr {
        let condition = self.name(place, Symbol::intern("__is_main__"));
        let body = self.scoped_body(c);
        self.make(place, Ek::If(vec![(condition, body)], None))
    }

    /// `void`, for results that nobody uses.
    pub(super) fn unset(&self, place: Place) -> Expr {
        self.special(place, Special::Unset)
    }
}

/// Whether a node is `(fn ...)`, a block, or the like: evaluating it calls nothing.
fn is_function_literal(node: &Node) -> bool {
    let Kind::Gene(g) = &node.kind else { return false };
    g.head.is_symbol("fn")
        || g.head.is_symbol("block")
        || (matches!(g.head.kind, Kind::Array(_))
            && g.children.first().is_some_and(|n| n.is_symbol("->")))
}

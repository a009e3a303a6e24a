//! `interface`, `implement`, interceptors (9.7, 9.8).

use std::rc::Rc;

use gene_isa::{FnKind, Intrinsic, Special, Symbol};

use super::data::datum;
use super::functions::Parts;
use super::hir::*;
use super::loops::property;
use super::lower::{Lower, place_of};
use super::scope::{InterfaceInfo, Known};
use crate::diag::compiler as err;
use crate::syntax::{Gene, Kind, Node, Seq};

impl Lower<'_> {
    /// `(interface Name member...)`
    pub(super) fn interface_form(&mut self, place: Place, g: &Gene) -> Expr {
        let Some((first, members)) = g.children.split_first() else {
            return self.error(place, |s| err::requires_a_name(s, "interface"));
        };
        let (full, path) = match &first.kind {
            Kind::Symbol(name) => (*name, None),
            Kind::Path(segments) => (segments[segments.len() - 1], Some(segments.clone())),
            _ => return self.error(place_of(first), |s| err::requires_a_name(s, "interface")),
        };
        let (name, _) = self.split_type_params(place, full);
        let var = match path {
            None => self.declare_definition(name, Known::Definition),
            Some(_) => self.hidden_var("%interface"),
        };
        let args = vec![self.symbol(place, name)];
        let made = self.make(place, Ek::Intrinsic(Intrinsic::NewInterface, args));
        let mut forms = vec![self.declaration(place, var, made)];
        let mut info = InterfaceInfo { name, methods: Vec::new(), fields: Vec::new() };
        for member in members {
            if let Some(form) = self.interface_member(member, var, &mut info) {
                forms.push(form);
            }
        }
        if path.is_none() {
            self.vars.get_mut(var).known = Known::Interface(Rc::new(info));
        }
        forms.push(self.read(place, var));
        let value = self.make(place, Ek::Do(forms));
        match path {
            None => value,
            Some(path) => {
                self.bind_member(&path, name);
                self.define_member(place, &path, name, value)
            }
        }
    }

    fn interface_member(
        &mut self,
        node: &Node,
        var: VarId,
        info: &mut InterfaceInfo,
    ) -> Option<Expr> {
        let place = place_of(node);
        let Kind::Gene(g) = &node.kind else {
            self.error(place, err::interface_member);
            return None;
        };
        let word = g.head.as_symbol().map_or("", |s| s.as_str());
        match word {
            "method" => {
                let name = match g.children.first().map(|n| &n.kind) {
                    Some(Kind::Symbol(name)) => *name,
                    Some(Kind::Str(name)) => Symbol::intern(name),
                    _ => {
                        self.error(place, |s| err::requires_a_name(s, "method"));
                        return None;
                    }
                };
                let (name, _) = self.split_type_params(place, name);
                if !matches!(g.children.get(1).map(|n| &n.kind), Some(Kind::Array(_))) {
                    self.error(place, |s| err::requires_array(s, "method"));
                    return None;
                }
                let body = match &g.children[2..] {
                    [arrow, _, rest @ ..] if arrow.is_symbol("->") => rest,
                    rest => rest,
                };
                if let Some(first) = body.first() {
                    self.error(place_of(first), |s| err::interface_body(s, name));
                }
                info.methods.push(name);
                let args = vec![self.read(place, var), self.symbol(place, name)];
                Some(self.make(place, Ek::Intrinsic(Intrinsic::InterfaceMethod, args)))
            }
            "field" | "prop" => {
                let (name, _) = self.field(place, g)?;
                info.fields.push(name);
                let readonly = property(&g.props, "readonly")
                    .is_some_and(|n| !matches!(n.kind, Kind::Bool(false) | Kind::Nil));
                let flag = if readonly { Special::True } else { Special::False };
                let args = vec![
                    self.read(place, var),
                    self.symbol(place, name),
                    self.special(place, flag),
                ];
                Some(self.make(place, Ek::Intrinsic(Intrinsic::InterfaceField, args)))
            }
            _ => {
                self.error(place, err::interface_member);
                None
            }
        }
    }

    /// `(implement I for C member...)`
    pub(super) fn implement_form(&mut self, place: Place, g: &Gene) -> Expr {
        let [interface, word, class, members @ ..] = &g.children[..] else {
            return self.error(place, err::implement_header);
        };
        if !word.is_symbol("for") {
            return self.error(place_of(word), err::implement_header);
        }
        let args = vec![self.expr(interface), self.expr(class)];
        let made = self.make(place, Ek::Intrinsic(Intrinsic::NewImplementation, args));
        self.scoped(|l| {
            let var = l.hidden_var("%implementation");
            let mut forms = vec![l.declaration(place, var, made)];
            for member in members {
                if let Some(form) = l.implementation_member(member, var) {
                    forms.push(form);
                }
            }
            let args = vec![l.read(place, var)];
            forms.push(l.make(place, Ek::Intrinsic(Intrinsic::RegisterImpl, args)));
            l.make(place, Ek::Do(forms))
        })
    }

    fn implementation_member(&mut self, node: &Node, var: VarId) -> Option<Expr> {
        let place = place_of(node);
        let Kind::Gene(g) = &node.kind else {
            self.error(place, err::implementation_member);
            return None;
        };
        let word = g.head.as_symbol().map_or("", |s| s.as_str());
        match word {
            "method" => {
                let (name, function) = self.method(place, g, "method")?;
                let args = vec![self.read(place, var), self.symbol(place, name), function];
                Some(self.make(place, Ek::Intrinsic(Intrinsic::ImplMethod, args)))
            }
            "ctor" => {
                let function = self.ctor(place, g);
                let args = vec![self.read(place, var), function];
                Some(self.make(place, Ek::Intrinsic(Intrinsic::ImplCtor, args)))
            }
            _ => {
                self.error(place, err::implementation_member);
                None
            }
        }
    }

    /// `(interceptor Name [targets] advice...)`
    pub(super) fn interceptor_form(&mut self, place: Place, g: &Gene, function: bool) -> Expr {
        let word = if function { "fn-interceptor" } else { "interceptor" };
        let [name, targets, advice @ ..] = &g.children[..] else {
            return self.error(place, |s| err::missing(s, word, "name and array of targets"));
        };
        let Some(name) = name.as_symbol() else {
            return self.error(place_of(name), |s| err::requires_a_name(s, word));
        };
        if !matches!(targets.kind, Kind::Array(_)) {
            return self.error(place_of(targets), |s| err::requires_array(s, word));
        }
        let flag = if function { Special::True } else { Special::False };
        let targets = self.constant(place_of(targets), datum(targets));
        let args = vec![self.symbol(place, name), targets, self.special(place, flag)];
        let made = self.make(place, Ek::Intrinsic(Intrinsic::NewInterceptor, args));
        let var = self.declare_definition(name, Known::Definition);
        // The name means the interceptor only once it is complete.
        let hidden = self.hidden_var("%interceptor");
        let mut forms = vec![self.declaration(place, hidden, made)];
        for node in advice {
            if let Some(form) = self.advice(node, hidden) {
                forms.push(form);
            }
        }
        let value = self.read(place, hidden);
        forms.push(self.declaration(place, var, value));
        self.make(place, Ek::Do(forms))
    }

    /// `(before name [params] body...)`, `(before name function)`
    fn advice(&mut self, node: &Node, var: VarId) -> Option<Expr> {
        let place = place_of(node);
        let Kind::Gene(g) = &node.kind else {
            self.error(place, err::advice);
            return None;
        };
        let (Some(kind), Some(target)) =
            (g.head.as_symbol(), g.children.first().and_then(Node::as_symbol))
        else {
            self.error(place, err::advice);
            return None;
        };
        let any = Node {
            kind: Kind::Array(Seq {
                items: vec![Node { kind: Kind::Symbol(Symbol::intern("_...")), span: node.span }],
                sealed: false,
            }),
            span: node.span,
        };
        let params = match g.children.get(1) {
            Some(n) if n.is_symbol("_") => Some(&any),
            Some(n) if matches!(n.kind, Kind::Array(_)) => Some(n),
            Some(_) => None,
            None => {
                self.error(place, err::advice);
                return None;
            }
        };
        let function = match params {
            Some(params) => self.function(Parts {
                word: "advice",
                name: Some(target),
                params,
                rest: &g.children[2..],
                props: &g.props,
                kind: FnKind::Function,
                in_class: false,
                type_params: Vec::new(),
                place,
            }),
            None => self.expr(&g.children[1]),
        };
        let replace = match property(&g.props, "replace_result") {
            Some(Node { kind: Kind::Bool(true), .. }) => Special::True,
            _ => Special::False,
        };
        let args = vec![
            self.read(place, var),
            self.symbol(place, kind),
            self.symbol(place, target),
            function,
            self.special(place, replace),
            self.special(place, if params.is_some() { Special::False } else { Special::True }),
        ];
        Some(self.make(place, Ek::Intrinsic(Intrinsic::AddAdvice, args)))
    }
}

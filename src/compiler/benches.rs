//! `(bench "name" body...)`.
//!
//! The body becomes a function. Who measures does not call it one by one: beside
//! each body stands a loop of its own that does, so that what is measured is
//! called as the program would call it, and machine code of the loop knows its
//! callee.

use gene_isa::{BENCH_BODY, Intrinsic, Symbol};

use super::hir::*;
use super::loops::property;
use super::lower::{Lower, place_of};
use crate::diag::compiler as err;
use crate::source::Span;
use crate::syntax::{Gene, Kind, Node, Prop, Seq};

impl Lower<'_> {
    /// `(bench name ^setup expr ^as x body...)`
    pub(super) fn bench_form(&mut self, place: Place, g: &Gene) -> Expr {
        let Some((name, body)) = g.children.split_first() else {
            return self.error(place, |s| err::missing(s, "bench", "name"));
        };
        if !may_be_text(name) {
            return self.error(place_of(name), err::bench_name);
        }
        if body.is_empty() {
            return self.error(place, |s| err::missing(s, "bench", "body"));
        }
        if let Some(prop) = g.props.iter().find(|p| !matches!(p.key.as_str(), "setup" | "as")) {
            let (start, end) = (prop.key_span.start, prop.key_span.end);
            return self.error((start, end), |s| err::bench_property(s, prop.key.as_str()));
        }
        let input = match (property(&g.props, "setup"), property(&g.props, "as")) {
            (None, None) => None,
            (Some(setup), Some(name)) if name.as_symbol().is_some() => Some((setup, name)),
            (Some(_), Some(name)) => return self.error(place_of(name), err::bench_as),
            _ => return self.error(place, err::bench_setup),
        };
        let build = Build { span: name.span };
        let awaits = body.iter().any(awaits);
        let parameters = input.map(|(_, name)| name.clone());
        let function = build.function(awaits, parameters.into_iter().collect(), body.to_vec());
        let nil = || build.node(Kind::Nil);
        let setup = match input {
            Some((setup, _)) => build.function(false, vec![], vec![setup.clone()]),
            None => nil(),
        };
        let calls = if awaits { nil() } else { build.calls(input.is_some(), false) };
        let inputs = if input.is_some() { build.inputs() } else { nil() };
        let name = self.expr(name);
        let mut body = self.expr(&function);
        if let Ek::Lambda(function) = &mut body.kind {
            function.name = Some(Symbol::intern(BENCH_BODY));
        }
        let rest = [&setup, &calls, &build.calls(input.is_some(), true), &inputs];
        let rest = rest.map(|node| self.expr(node));
        let parts = [name, body].into_iter().chain(rest).collect();
        self.make(place, Ek::Intrinsic(Intrinsic::Bench, parts))
    }
}

/// Whether the value of a form may be a string.
fn may_be_text(node: &Node) -> bool {
    matches!(node.kind, Kind::Str(_) | Kind::Symbol(_) | Kind::Path(_) | Kind::Gene(_))
}

/// Whether evaluating a form may wait, itself and not in a function within it.
fn awaits(node: &Node) -> bool {
    match &node.kind {
        Kind::Array(seq) | Kind::HashMap(seq) => seq.items.iter().any(awaits),
        Kind::Map(props, _) => props.iter().any(|p| awaits(&p.value)),
        Kind::Gene(g) => {
            let head = g.head.as_symbol().map_or("", Symbol::as_str);
            let arrow = g.children.first().is_some_and(|n| n.is_symbol("->"));
            let inside = !arrow && !matches!(head, "fn" | "block" | "async" | "class" | "object");
            let loops = head == "for"
                && property(&g.props, "await").is_some_and(|n| !matches!(n.kind, Kind::Nil));
            head == "await"
                || loops
                || (inside
                    && (awaits(&g.head)
                        || g.props.iter().any(|p| awaits(&p.value))
                        || g.children.iter().any(awaits)))
        }
        _ => false,
    }
}

/// Makes forms that stand where the name of the benchmark stands.
struct Build {
    span: Span,
}

impl Build {
    fn node(&self, kind: Kind) -> Node {
        Node { kind, span: self.span }
    }

    fn symbol(&self, name: &str) -> Node {
        self.node(Kind::Symbol(Symbol::intern(name)))
    }

    fn array(&self, items: Vec<Node>) -> Node {
        self.node(Kind::Array(Seq { items, sealed: false }))
    }

    /// A form of these items, the head first.
    fn form(&self, items: &[&Node]) -> Node {
        let (head, children) = (items[0].clone(), items[1..].iter().map(|n| (*n).clone()));
        let children = children.collect();
        self.node(Kind::Gene(Box::new(Gene { head, props: vec![], children, sealed: false })))
    }

    fn function(&self, is_async: bool, parameters: Vec<Node>, body: Vec<Node>) -> Node {
        let mut children = vec![self.array(parameters)];
        children.extend(body);
        let flag = Prop {
            key: Symbol::intern("async"),
            key_span: self.span,
            value: self.node(Kind::Bool(true)),
        };
        let props = if is_async { vec![flag] } else { vec![] };
        let head = self.symbol("fn");
        self.node(Kind::Gene(Box::new(Gene { head, props, children, sealed: false })))
    }

    /// `(fn [f n] (var last nil) (repeat n (last = (f))) last)`, or with inputs
    /// `(fn [f n] (var last nil) (for x in n (last = (f x))) last)`. The result is
    /// kept, so that the work behind it is done.
    fn calls(&self, with_inputs: bool, is_async: bool) -> Node {
        let [f, n, x, last, set] = ["f", "n", "x", "last", "="].map(|name| self.symbol(name));
        let mut call = match with_inputs {
            true => self.form(&[&f, &x]),
            false => self.form(&[&f]),
        };
        if is_async {
            call = self.form(&[&self.symbol("await"), &call]);
        }
        let step = self.form(&[&last, &set, &call]);
        let all = match with_inputs {
            true => self.form(&[&self.symbol("for"), &x, &self.symbol("in"), &n, &step]),
            false => self.form(&[&self.symbol("repeat"), &n, &step]),
        };
        let start = self.form(&[&self.symbol("var"), &last, &self.node(Kind::Nil)]);
        self.function(is_async, vec![f, n], vec![start, all, last])
    }

    /// `(fn [f n] (var all []) (repeat n (all .add (f))) all)`
    fn inputs(&self) -> Node {
        let [f, n, all] = ["f", "n", "all"].map(|name| self.symbol(name));
        let start = self.form(&[&self.symbol("var"), &all, &self.array(vec![])]);
        let add = self.form(&[&all, &self.symbol(".add"), &self.form(&[&f])]);
        let fill = self.form(&[&self.symbol("repeat"), &n, &add]);
        self.function(false, vec![f, n], vec![start, fill, all])
    }
}

//! What a form means: the rules of 1.11 in their order.

use gene_isa::datum::Datum;
use gene_isa::{Intrinsic, Special, Symbol};

use super::data::datum;
use super::hir::*;
use super::infix::{self, Operator};
use super::lower::{Lower, place_of};
use crate::diag::compiler as err;
use crate::syntax::{Gene, Kind, Node, Prop};

impl Lower<'_> {
    /// Lowers any form.
    pub(super) fn form(&mut self, node: &Node) -> Expr {
        let place = place_of(node);
        match &node.kind {
            Kind::Nil => self.special(place, Special::Nil),
            Kind::Void => self.special(place, Special::Void),
            Kind::NotFound => self.special(place, Special::NotFound),
            Kind::Bool(true) => self.special(place, Special::True),
            Kind::Bool(false) => self.special(place, Special::False),
            Kind::Int(i) => self.make(place, Ek::Int(*i)),
            Kind::Symbol(name) => self.symbol_value(place, *name),
            Kind::Path(segments) => self.path(place, segments),
            Kind::Array(seq) => {
                let items = self.spread_items(&seq.items);
                self.make(place, Ek::Array(items, seq.sealed))
            }
            Kind::Map(props, sealed) => {
                let entries = self.entries(props);
                self.make(place, Ek::Map(entries, *sealed))
            }
            Kind::HashMap(seq) => {
                let items = seq.items.iter().map(|n| self.expr(n)).collect();
                self.make(place, Ek::HashMap(items, seq.sealed))
            }
            Kind::Gene(gene) => self.gene(node, gene),
            Kind::Quote(inner) => self.make(place, Ek::Const(datum(inner))),
            Kind::Unquote { form, discard } => {
                let data = Datum::Unquote(Box::new(datum(form)), *discard);
                self.make(place, Ek::Const(data))
            }
            Kind::Selector(segments) => self.selector_shorthand(place, segments),
            _ => self.make(place, Ek::Const(datum(node))),
        }
    }

    fn symbol_value(&mut self, place: Place, name: Symbol) -> Expr {
        match name.as_str() {
            "self" => self.make(place, Ek::SelfRef),
            "_" => self.special(place, Special::Placeholder),
            "super" => self.error(place, err::super_alone),
            text if text.len() > 1 && text.starts_with('$') => self.global(place, text),
            _ => self.name(place, name),
        }
    }

    fn global(&mut self, place: Place, name: &str) -> Expr {
        match name {
            "$ex" => self.exception(place),
            "$ns" => self.make(place, Ek::Intrinsic(Intrinsic::ModuleNamespace, vec![])),
            // Functions with a dollar in their name.
            "$parse" | "$await_all" => self.name(place, Symbol::intern(name)),
            _ => {
                let name = self.symbol(place, Symbol::intern(&name[1..]));
                self.make(place, Ek::Intrinsic(Intrinsic::GetGlobal, vec![name]))
            }
        }
    }

    /// `$ex`: that of the innermost catch body of the same function.
    pub(super) fn exception(&mut self, place: Place) -> Expr {
        let name = Symbol::intern("$ex");
        let func = self.func_id();
        match self.lookup(name) {
            Some(super::scope::Entry::Var(var))
                if self.vars.get(var).func == func
                    || (self.funcs.len() == 1 && self.is_outer(var)) =>
            {
                self.read(place, var)
            }
            _ => self.nil(place),
        }
    }

    fn is_outer(&self, var: VarId) -> bool {
        matches!(self.vars.get(var).kind, super::scope::VarKind::Outer(..))
    }

    fn gene(&mut self, node: &Node, g: &Gene) -> Expr {
        let place = place_of(node);
        if g.sealed || g.head.is_symbol("_") {
            return self.constructor(place, g);
        }
        if matches!(g.head.kind, Kind::Quote(_)) {
            // A quoted operand or receiver: (`a == x), (`a .to_s).
            let second = g.children.first().filter(|n| is_operation(n));
            let operation = second.and_then(|second| self.by_second(node, g, second));
            return operation.unwrap_or_else(|| self.constructor(place, g));
        }
        let bare = g.children.is_empty() && g.props.is_empty();
        if bare && matches!(g.head.kind, Kind::Int(_) | Kind::Float(_)) {
            return self.form(&g.head);
        }
        if let Some(second) = g.children.first()
            && let Some(expr) = self.by_second(node, g, second)
        {
            return expr;
        }
        match &g.head.kind {
            Kind::Symbol(name) => self.by_name(place, node, g, *name),
            Kind::Path(segments) => self.by_path(place, g, segments),
            // A string with holes.
            Kind::Gene(head) if head.head.is_symbol("#Str") => self.constructor(place, g),
            Kind::Gene(_) | Kind::Selector(_) => self.call(place, g),
            Kind::Unquote { .. } => self.constructor(place, g),
            _ => self.constructor(place, g),
        }
    }

    /// Rules 3 to 7: forms known by their second item.
    fn by_second(&mut self, node: &Node, g: &Gene, second: &Node) -> Option<Expr> {
        let place = place_of(node);
        let count = g.children.len();
        let name = match &second.kind {
            Kind::Symbol(name) => name.as_str(),
            Kind::Path(segments) => return self.by_second_path(place, g, segments),
            _ => return None,
        };
        match name {
            ".." if count == 2 => {
                return Some(self.range_value(place, &[&g.head, &g.children[1]]));
            }
            "->" if matches!(g.head.kind, Kind::Array(_)) => return Some(self.arrow(place, g)),
            "|" if count > 1 => return Some(self.type_value(node)),
            "./" if count == 3 && !infix::is_exempt(&g.head) => {
                let operands = [&g.head, &g.children[1], &g.children[2]];
                return Some(self.get_member(place, &operands));
            }
            _ => {}
        }
        let exempt = infix::is_exempt(&g.head);
        // `field` and the like may be variables: only infix is ruled out then.
        if exempt && g.head.as_symbol().is_none_or(|head| self.lookup(head).is_none()) {
            return None;
        }
        if !exempt && Operator::of(name).is_some() {
            return Some(self.infix(place, g));
        }
        if let Some(method) = name.strip_prefix('.')
            && name != ".."
            && name != "..."
        {
            return Some(self.dotted(place, g, method));
        }
        match name {
            "=" => Some(self.assignment(place, g, None)),
            "+=" => Some(self.assignment(place, g, Some(BinOp::Add))),
            "-=" => Some(self.assignment(place, g, Some(BinOp::Sub))),
            "*=" => Some(self.assignment(place, g, Some(BinOp::Mul))),
            "/=" => Some(self.assignment(place, g, Some(BinOp::Div))),
            "%=" => Some(self.assignment(place, g, Some(BinOp::Mod))),
            "?" if count == 1 => {
                let value = self.expr(&g.head);
                Some(self.make(place, Ek::Unwrap(Box::new(value))))
            }
            _ => None,
        }
    }

    /// `(x ./a/b)`, `(x .@a/b)`
    fn by_second_path(&mut self, place: Place, g: &Gene, segments: &[Symbol]) -> Option<Expr> {
        if infix::is_exempt(&g.head) {
            return None;
        }
        let first = segments[0].as_str();
        if first == "." {
            if segments.len() == 2 && segments[1].as_str().is_empty() {
                return Some(match g.children.len() {
                    3 => self.get_member(place, &[&g.head, &g.children[1], &g.children[2]]),
                    _ => self.infix(place, g),
                });
            }
            return Some(self.member_path(place, g, &segments[1..]));
        }
        if let Some(rest) = first.strip_prefix(".@") {
            let mut all = vec![Symbol::intern(rest)];
            all.extend_from_slice(&segments[1..]);
            return Some(self.apply_selector_shorthand(place, g, &all));
        }
        None
    }

    /// `(x .m args...)`, `(x . name args...)`, `(x .@a)`
    fn dotted(&mut self, place: Place, g: &Gene, method: &str) -> Expr {
        if method.is_empty() {
            return self.dynamic_call(place, g);
        }
        if method == "@" {
            return self.apply_selector(place, g, &g.children[1..]);
        }
        if let Some(rest) = method.strip_prefix('@') {
            let segments = [Symbol::intern(rest)];
            return self.apply_selector_shorthand(place, g, &segments);
        }
        self.method_call(place, g, Symbol::intern(method))
    }

    /// Rule 8 and 10: operators, special forms, calls.
    fn by_name(&mut self, place: Place, node: &Node, g: &Gene, name: Symbol) -> Expr {
        let text = name.as_str();
        if text.len() > 1 && text.starts_with('.') && !text.starts_with("..") && text != "./" {
            return self.self_call(place, g, &text[1..]);
        }
        if let Some(operator) = infix::prefix(text) {
            return self.prefix(place, g, operator);
        }
        let c = &g.children;
        match text {
            "if" => self.if_form(place, c),
            "ifel" => self.ifel(place, c),
            "if_not" => self.if_not(place, c),
            "do" => self.body(c),
            "var" => self.var_form(place, g, false),
            "let" => self.var_form(place, g, true),
            "fn" => self.fn_form(place, g),
            "block" => self.block_form(place, g),
            "Fn" if c.first().is_some_and(|n| matches!(n.kind, Kind::Array(_))) => {
                self.type_value(node)
            }
            "fnx" | "fnx!" | "fnxx" => self.error(place, |s| err::removed(s, text, "fn")),
            "match" => self.error(place, |s| err::removed(s, text, "var` or `case")),
            "while" => self.while_form(place, g),
            "loop" => self.loop_form(place, g),
            "repeat" => self.repeat_form(place, g),
            "for" => self.for_form(place, g),
            "break" => self.break_form(place, g, true),
            "continue" => self.break_form(place, g, false),
            "return" => self.return_form(place, g),
            "case" => self.case_form(place, c),
            "try" => self.try_form(place, c),
            "throw" => self.throw_form(place, g),
            "new" => self.new_form(place, g),
            "super" => self.super_form(place, g),
            "range" => match self.lookup(name) {
                Some(_) => self.call(place, g),
                None if c.len() < 2 || c.len() > 3 => self.error(place, err::range_operands),
                None => self.range_value(place, &c.iter().collect::<Vec<_>>()),
            },
            ".." if c.len() == 2 => self.range_value(place, &[&c[0], &c[1]]),
            "./" => match c.len() {
                2 | 3 => self.get_member(place, &c.iter().collect::<Vec<_>>()),
                _ => self.error(place, err::incomplete_infix),
            },
            "." => match c.split_first() {
                // The receiver is `self`.
                Some(_) => self.dynamic_self_call(place, g),
                None => self.error(place, err::incomplete_infix),
            },
            "@" => self.selector_form(place, c),
            "$set" => self.set_form(place, c),
            "$" => {
                let parts = self.plain_operands(c);
                self.make(place, Ek::Intrinsic(Intrinsic::Join, parts))
            }
            "#Str" => {
                let parts = c.iter().map(|n| self.expr(n)).collect();
                self.interpolation(place, parts)
            }
            "$with" => self.with_form(place, c, false),
            "$tap" => self.with_form(place, c, true),
            "$if_main" => self.if_main(place, c),
            "eval" => self.eval_form(place, c, false),
            "$render" => self.eval_form(place, c, true),
            "$caller_eval" => self.caller_eval_form(place, c),
            "bench" if self.lookup(name).is_none() => self.bench_form(place, g),
            "async" => self.async_form(place, g),
            "await" => self.await_form(place, g),
            "yield" => self.yield_form(place, c),
            "enum" => self.enum_form(place, g),
            "type" => self.type_form(place, c),
            "class" => self.class_form(place, g, false),
            "object" => self.class_form(place, g, true),
            "interface" => self.interface_form(place, g),
            "implement" => self.implement_form(place, g),
            "interceptor" => self.interceptor_form(place, g, false),
            "fn-interceptor" => self.interceptor_form(place, g, true),
            "ns" => self.ns_form(place, c),
            "import" => self.import_form(place, g),
            "export" => self.export_form(place, c),
            "$dep" => self.dep_form(place, g),
            "comptime" => self.comptime_form(place, c),
            "ctor!" => self.error(place, |s| err::macro_like(s, "ctor!")),
            "new!" => self.error(place, |s| err::macro_like(s, "new!")),
            _ if text.ends_with('!') && text.len() > 1 => self.macro_call(place, node, g),
            _ => self.call(place, g),
        }
    }

    fn by_path(&mut self, place: Place, g: &Gene, segments: &[Symbol]) -> Expr {
        let names: Vec<&str> = segments.iter().map(|s| s.as_str()).collect();
        match names[..] {
            ["gene", "scope"] => self.task_scope_form(place, g),
            ["gene", "defer"] => self.defer_form(place, g),
            ["gene", "wait_until"] => self.wait_until_form(place, g),
            ["gene", "serdes", "write_tree"] => self.write_tree_form(place, g),
            [".", ""] => match g.children.len() {
                2 | 3 => self.get_member(place, &g.children.iter().collect::<Vec<_>>()),
                _ => self.error(place, err::incomplete_infix),
            },
            [.., last] if last.len() > 1 && last.ends_with('!') => {
                let head = Node { kind: Kind::Path(segments.into()), span: g.head.span };
                self.macro_call(place, &head, g)
            }
            _ => self.call(place, g),
        }
    }

    /// `(gene/serdes/write_tree path v ^separate [/a/*])`: the patterns are
    /// not evaluated.
    fn write_tree_form(&mut self, place: Place, g: &Gene) -> Expr {
        let mut quoted = g.clone();
        for prop in quoted.props.iter_mut().filter(|p| p.key.as_str() == "separate") {
            if matches!(prop.value.kind, Kind::Array(_)) {
                let patterns = prop.value.clone();
                prop.value.kind = Kind::Quote(Box::new(patterns));
            }
        }
        self.call(place, &quoted)
    }

    // ---- literals ------------------------------------------------------

    /// Operands that spread nothing.
    pub(super) fn plain_operands(&mut self, nodes: &[Node]) -> Vec<Expr> {
        nodes.iter().map(|n| self.expr(n)).collect()
    }

    /// Items with their spreads: `xs...` or `expr ...`.
    pub(super) fn spread_items(&mut self, nodes: &[Node]) -> Vec<(Expr, bool)> {
        let mut items = Vec::with_capacity(nodes.len());
        let mut at = 0;
        while at < nodes.len() {
            let (node, spread, used) = spread_at(nodes, at);
            let expr = match node {
                Some(node) => self.expr(node),
                None => self.spread_name(&nodes[at]),
            };
            items.push((expr, spread));
            at += used;
        }
        items
    }

    /// The `xs` of `xs...`, which may be a path.
    fn spread_name(&mut self, node: &Node) -> Expr {
        let place = place_of(node);
        match unspread(node) {
            Some(kind) => self.expr(&Node { kind, span: node.span }),
            None => self.error(place, err::lone_spread),
        }
    }

    /// Properties whose values are evaluated.
    pub(super) fn entries(&mut self, props: &[Prop]) -> Vec<(Option<Symbol>, Expr)> {
        props
            .iter()
            .map(|p| {
                let key = (!p.key.as_str().starts_with("...")).then_some(p.key);
                (key, self.expr(&p.value))
            })
            .collect()
    }

    /// A Gene value: the head is data if it is `_` or quoted.
    /// A string with holes; one with many is made of strings, so that it needs
    /// few registers.
    fn interpolation(&mut self, place: Place, mut parts: Vec<Expr>) -> Expr {
        const MOST: usize = 250;
        while parts.len() > MOST {
            let mut groups = Vec::new();
            while !parts.is_empty() {
                let rest = parts.split_off(parts.len().min(MOST));
                groups.push(self.make(place, Ek::Interp(parts)));
                parts = rest;
            }
            parts = groups;
        }
        self.make(place, Ek::Interp(parts))
    }

    fn constructor(&mut self, place: Place, g: &Gene) -> Expr {
        let head = match &g.head.kind {
            Kind::Quote(inner) => self.make(place, Ek::Const(datum(inner))),
            Kind::Symbol(_) if g.head.is_symbol("_") => self.special(place, Special::Placeholder),
            _ => self.expr(&g.head),
        };
        let props = self.entries(&g.props);
        let children = self.spread_items(&g.children);
        let gene = GeneExpr { head, props, children, sealed: g.sealed };
        self.make(place, Ek::Gene(Box::new(gene)))
    }
}

/// The item at `at`, whether it is spread, and how many nodes it takes; no
/// node for `xs...`.
pub(super) fn spread_at(nodes: &[Node], at: usize) -> (Option<&Node>, bool, usize) {
    if nodes.get(at + 1).is_some_and(|n| n.is_symbol("...")) {
        return (Some(&nodes[at]), true, 2);
    }
    match unspread(&nodes[at]) {
        Some(_) => (None, true, 1),
        None if nodes[at].is_symbol("...") => (None, true, 1),
        None => (Some(&nodes[at]), false, 1),
    }
}

/// Whether a form with this second item and a quoted head is an operation on
/// the quoted value, rather than a constructor.
fn is_operation(second: &Node) -> bool {
    let Kind::Symbol(name) = &second.kind else { return false };
    let name = name.as_str();
    let method = name.strip_prefix('.').is_some_and(|m| m.starts_with(char::is_alphabetic));
    method || Operator::of(name).is_some()
}

/// `xs...` without the dots.
pub(super) fn unspread(node: &Node) -> Option<Kind> {
    match &node.kind {
        Kind::Symbol(name) => {
            let rest = name.as_str().strip_suffix("...").filter(|r| !r.is_empty())?;
            Some(match rest {
                "nil" => Kind::Nil,
                _ => Kind::Symbol(Symbol::intern(rest)),
            })
        }
        Kind::Path(segments) => {
            let (last, before) = segments.split_last()?;
            let rest = last.as_str().strip_suffix("...").filter(|r| !r.is_empty())?;
            let all = before.iter().copied().chain([Symbol::intern(rest)]);
            Some(Kind::Path(all.collect()))
        }
        _ => None,
    }
}

/// A constant array.
pub(super) fn symbols(names: &[Symbol]) -> Datum {
    Datum::Array(names.iter().map(|n| Datum::Symbol(*n)).collect(), false)
}

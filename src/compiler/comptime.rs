//! `comptime` (13.14): a small evaluator of forms, and forms it emits into
//! the module.

use gene_isa::Symbol;
use rustc_hash::FxHashMap;

use super::hir::*;
use super::lower::Lower;
use crate::diag::Diagnostic;
use crate::diag::compiler as err;
use crate::syntax::{Gene, Kind, Node, Prop, Seq};

/// Evaluates the forms of a block.
#[derive(Default)]
struct Block {
    vars: FxHashMap<Symbol, Node>,
    emitted: Vec<Node>,
}

type Value = Result<Node, Diagnostic>;

/// Heads of forms that become part of the module.
const EMITTED: [&str; 10] =
    ["fn", "class", "ns", "enum", "type", "object", "interface", "implement", "import", "$dep"];

impl Lower<'_> {
    /// The module with the blocks at its top replaced by what they emit.
    pub(super) fn expand_comptime(&mut self, nodes: &[Node]) -> Option<Vec<Node>> {
        if !nodes.iter().any(is_block) {
            return None;
        }
        let mut all = Vec::with_capacity(nodes.len());
        for node in nodes {
            match &node.kind {
                Kind::Gene(g) if is_block(node) => all.extend(self.run_block(&g.children)),
                _ => all.push(node.clone()),
            }
        }
        Some(all)
    }

    /// A block inside an expression.
    pub(super) fn comptime_form(&mut self, place: Place, c: &[Node]) -> Expr {
        let emitted = self.run_block(c);
        let mut forms: Vec<Expr> = emitted.iter().map(|n| self.stmt(n)).collect();
        forms.push(self.nil(place));
        self.make(place, Ek::Do(forms))
    }

    fn run_block(&mut self, c: &[Node]) -> Vec<Node> {
        let mut block = Block::default();
        for node in c {
            if let Err(error) = block.eval(node) {
                self.errors.push(error);
                break;
            }
        }
        block.emitted
    }
}

fn is_block(node: &Node) -> bool {
    matches!(&node.kind, Kind::Gene(g) if g.head.is_symbol("comptime"))
}

impl Block {
    fn all(&mut self, nodes: &[Node]) -> Value {
        let mut last = Node::new(Kind::Nil);
        for node in nodes {
            last = self.eval(node)?;
        }
        Ok(last)
    }

    fn eval(&mut self, node: &Node) -> Value {
        let span = node.span;
        let kind = match &node.kind {
            Kind::Quote(inner) => return Ok((**inner).clone()),
            Kind::Symbol(name) => {
                return match self.vars.get(name) {
                    Some(value) => Ok(value.clone()),
                    None => Err(err::comptime_unknown(span, *name)),
                };
            }
            Kind::Array(seq) => {
                let items = seq.items.iter().map(|n| self.eval(n)).collect::<Result<_, _>>()?;
                Kind::Array(Seq { items, sealed: seq.sealed })
            }
            Kind::Map(props, sealed) => {
                let mut entries = Vec::with_capacity(props.len());
                for p in props {
                    entries.push(Prop { value: self.eval(&p.value)?, ..p.clone() });
                }
                Kind::Map(entries, *sealed)
            }
            Kind::Gene(g) => return self.form(node, g),
            Kind::Path(_) | Kind::Selector(_) | Kind::Unquote { .. } | Kind::HashMap(_) => {
                return Err(err::comptime_unsupported(span));
            }
            _ => return Ok(node.clone()),
        };
        Ok(Node { kind, span })
    }

    fn form(&mut self, node: &Node, g: &Gene) -> Value {
        let c = &g.children;
        let unsupported = || Err(err::comptime_unsupported(node.span));
        let head = g.head.as_symbol().map_or("", |s| s.as_str());
        let second = c.first().and_then(Node::as_symbol).map_or("", |s| s.as_str());
        if EMITTED.contains(&head) {
            self.emitted.push(node.clone());
            return Ok(Node::new(Kind::Nil));
        }
        match head {
            "var" => {
                let (Some(name), 1..=2) = (c.first().and_then(Node::as_symbol), c.len()) else {
                    return unsupported();
                };
                let value = self.all(&c[1..])?;
                self.vars.insert(name, value.clone());
                return Ok(value);
            }
            "do" | "comptime" => return self.all(c),
            "if" => return self.if_form(node, c),
            "ifel" if (2..=3).contains(&c.len()) => {
                return match truthy(&self.eval(&c[0])?) {
                    true => self.eval(&c[1]),
                    false => self.all(&c[2..]),
                };
            }
            "$env" | "get_env" if (1..=2).contains(&c.len()) => {
                let Kind::Str(name) = self.eval(&c[0])?.kind else { return unsupported() };
                return match std::env::var(&*name) {
                    Ok(text) if !text.is_empty() => {
                        Ok(Node { kind: Kind::Str(text.into()), span: node.span })
                    }
                    _ => self.all(&c[1..]),
                };
            }
            "not" | "!" if c.len() == 1 => {
                let value = self.eval(&c[0])?;
                let kind = match value.kind {
                    Kind::Int(i) => Kind::Int(!i),
                    _ => Kind::Bool(!truthy(&value)),
                };
                return Ok(Node { kind, span: node.span });
            }
            "#Str" => {
                let mut text = String::new();
                for part in c {
                    match self.eval(part)?.kind {
                        Kind::Str(s) => text.push_str(&s),
                        other => text.push_str(&super::show::show(&Node::new(other))),
                    }
                }
                return Ok(Node { kind: Kind::Str(text.into()), span: node.span });
            }
            _ => {}
        }
        match second {
            "=" | "+=" | "-=" | "%=" | "*=" if c.len() == 2 => {
                let Some(name) = g.head.as_symbol() else { return unsupported() };
                let right = self.eval(&c[1])?;
                let Some(old) = self.vars.get(&name).cloned() else {
                    return Err(err::comptime_unknown(g.head.span, name));
                };
                let value = match second {
                    "=" => right,
                    op => apply(&op[..1], &old, &right, node)?,
                };
                self.vars.insert(name, value.clone());
                return Ok(value);
            }
            _ => {}
        }
        if c.len() == 1 && matches!(head, "+" | "-") {
            let zero = Node { kind: Kind::Int(0), span: node.span };
            return apply(head, &zero, &self.eval(&c[0])?, node);
        }
        if level_of(head) == COMPARISON && c.len() != 2 {
            return unsupported();
        }
        if is_operator(head) && c.len() >= 2 {
            let mut value = self.eval(&c[0])?;
            for operand in &c[1..] {
                value = self.step(head, value, operand, node)?;
            }
            return Ok(value);
        }
        if is_operator(second) && c.len().is_multiple_of(2) {
            let items: Vec<&Node> = std::iter::once(&g.head).chain(c).collect();
            return self.infix(&items, &mut 0, 1, node);
        }
        unsupported()
    }

    fn if_form(&mut self, node: &Node, c: &[Node]) -> Value {
        let mut rest = c;
        loop {
            let Some((first, after)) = rest.split_first() else {
                return Err(err::missing(node.span, "if", "condition"));
            };
            let (negated, first, after) = match (first.is_symbol("not"), after.split_first()) {
                (true, Some((second, after))) => (true, second, after),
                _ => (false, first, after),
            };
            let holds = truthy(&self.eval(first)?) != negated;
            let end = after.iter().position(|n| n.is_symbol("elif") || n.is_symbol("else"));
            let (branch, others) = after.split_at(end.unwrap_or(after.len()));
            let branch = match branch.split_first() {
                Some((then, branch)) if then.is_symbol("then") => branch,
                _ => branch,
            };
            if holds {
                return self.all(branch);
            }
            match others.split_first() {
                None => return Ok(Node::new(Kind::Nil)),
                Some((word, others)) if word.is_symbol("else") => return self.all(others),
                Some((_, others)) => rest = others,
            }
        }
    }

    fn infix(&mut self, items: &[&Node], at: &mut usize, level: u8, node: &Node) -> Value {
        let Some(first) = items.get(*at) else { return Err(err::incomplete_infix(node.span)) };
        *at += 1;
        let mut value = self.eval(first)?;
        while let Some(op) = items.get(*at).and_then(|n| n.as_symbol()).map(|s| s.as_str()) {
            let own = level_of(op);
            if own < level || own == 0 {
                break;
            }
            *at += 1;
            if is_decided(op, &value) {
                // The operand is passed over.
                skip(items, at, own + 1);
                continue;
            }
            let right = self.infix(items, at, own + 1, node)?;
            let result = apply(op, &value, &right, node)?;
            let chained = own == COMPARISON
                && items.get(*at).and_then(|n| n.as_symbol()).map(|s| level_of(s.as_str()))
                    == Some(COMPARISON);
            value = match chained {
                // The next comparison is with the operand between them.
                true if truthy(&result) => right,
                true => {
                    skip(items, at, COMPARISON);
                    result
                }
                false => result,
            };
        }
        Ok(value)
    }

    fn step(&mut self, op: &str, left: Node, right: &Node, node: &Node) -> Value {
        if is_decided(op, &left) {
            return Ok(left);
        }
        let right = self.eval(right)?;
        apply(op, &left, &right, node)
    }
}

/// Whether the left operand of `&&` or `||` is the result. Ints may be combined
/// bit by bit.
fn is_decided(op: &str, left: &Node) -> bool {
    match op {
        "&&" => !truthy(left),
        "||" => truthy(left) && !matches!(left.kind, Kind::Int(_)),
        _ => false,
    }
}

/// Level of the operators that form chains.
const COMPARISON: u8 = 4;

/// Passes over an operand, or the operator before one, and all that follows
/// with operators of at least `level`.
fn skip(items: &[&Node], at: &mut usize, level: u8) {
    if items.get(*at).and_then(|n| n.as_symbol()).is_none_or(|s| !is_operator(s.as_str())) {
        *at += 1;
    }
    while let Some(op) = items.get(*at).and_then(|n| n.as_symbol()) {
        if level_of(op.as_str()) < level {
            break;
        }
        *at += 2;
    }
}

fn is_operator(name: &str) -> bool {
    level_of(name) > 0
}

fn level_of(name: &str) -> u8 {
    match name {
        "*" | "/" | "%" => 7,
        "+" | "-" | "++" => 6,
        "<" | "<=" | ">" | ">=" | "==" | "!=" => COMPARISON,
        "&&" => 3,
        "||" => 1,
        _ => 0,
    }
}

fn truthy(node: &Node) -> bool {
    !matches!(node.kind, Kind::Nil | Kind::Void | Kind::Bool(false))
}

fn apply(op: &str, left: &Node, right: &Node, node: &Node) -> Value {
    let unsupported = || Err(err::comptime_unsupported(node.span));
    let kind = match (op, &left.kind, &right.kind) {
        ("&&", Kind::Int(a), Kind::Int(b)) => Kind::Int(a & b),
        ("||", Kind::Int(a), Kind::Int(b)) => Kind::Int(a | b),
        ("||", Kind::Int(_), _) => return Ok(left.clone()),
        ("&&" | "||", ..) => return Ok(right.clone()),
        ("==", ..) => Kind::Bool(left.same(right)),
        ("!=", ..) => Kind::Bool(!left.same(right)),
        ("++", Kind::Str(a), Kind::Str(b)) => Kind::Str(format!("{a}{b}").into()),
        ("++", ..) => return unsupported(),
        ("/", Kind::Int(a), Kind::Int(b)) => Kind::Float(*a as f64 / *b as f64),
        ("%", Kind::Int(_), Kind::Int(0)) => {
            return Err(err::comptime_failed(node.span, "Modulo by zero"));
        }
        (_, Kind::Int(a), Kind::Int(b)) => match int(op, *a, *b) {
            Some(kind) => kind,
            None => return Err(err::comptime_failed(node.span, "Integer overflow")),
        },
        (_, Kind::Int(_) | Kind::Float(_), Kind::Int(_) | Kind::Float(_)) => {
            match float(op, number(left), number(right)) {
                Some(kind) => kind,
                None => return unsupported(),
            }
        }
        _ => return unsupported(),
    };
    Ok(Node { kind, span: node.span })
}

fn number(node: &Node) -> f64 {
    match node.kind {
        Kind::Int(i) => i as f64,
        Kind::Float(f) => f,
        _ => f64::NAN,
    }
}

fn int(op: &str, a: i64, b: i64) -> Option<Kind> {
    Some(match op {
        "+" => Kind::Int(a.checked_add(b)?),
        "-" => Kind::Int(a.checked_sub(b)?),
        "*" => Kind::Int(a.checked_mul(b)?),
        "%" => Kind::Int(a.wrapping_rem(b)),
        "<" => Kind::Bool(a < b),
        "<=" => Kind::Bool(a <= b),
        ">" => Kind::Bool(a > b),
        ">=" => Kind::Bool(a >= b),
        _ => return None,
    })
}

fn float(op: &str, a: f64, b: f64) -> Option<Kind> {
    Some(match op {
        "+" => Kind::Float(a + b),
        "-" => Kind::Float(a - b),
        "*" => Kind::Float(a * b),
        "/" => Kind::Float(a / b),
        "%" => Kind::Float(a % b),
        "<" => Kind::Bool(a < b),
        "<=" => Kind::Bool(a <= b),
        ">" => Kind::Bool(a > b),
        ">=" => Kind::Bool(a >= b),
        _ => return None,
    })
}

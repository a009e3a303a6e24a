//! Operators: infix forms with their levels, prefix forms (1.12).

use gene_isa::{Intrinsic, Special};

use super::hir::*;
use super::lower::{Lower, place_of};
use crate::diag::compiler as err;
use crate::syntax::{Gene, Kind, Node};

/// How deep left operands may be nested within one level.
const MAX_NESTED: u32 = 500;

/// An operator.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Operator {
    /// `./`
    Member,
    /// Left-associative instruction.
    Bin(BinOp),
    /// Comparison.
    Cmp(CmpOp),
    /// `&&`, `||`
    Logic(LogicOp),
}

impl Operator {
    /// The infix operator with this name.
    pub fn of(name: &str) -> Option<Operator> {
        use Operator::*;
        Some(match name {
            "./" => Member,
            "*" => Bin(BinOp::Mul),
            "/" => Bin(BinOp::Div),
            "%" => Bin(BinOp::Mod),
            "+" => Bin(BinOp::Add),
            "-" => Bin(BinOp::Sub),
            "++" => Bin(BinOp::Concat),
            "<<" => Bin(BinOp::Shl),
            ">>" => Bin(BinOp::Shr),
            "<" => Cmp(CmpOp::Lt),
            "<=" => Cmp(CmpOp::Le),
            ">" => Cmp(CmpOp::Gt),
            ">=" => Cmp(CmpOp::Ge),
            "==" => Cmp(CmpOp::Eq),
            "!=" => Cmp(CmpOp::Ne),
            "is" => Bin(BinOp::Is),
            "&&" => Logic(LogicOp::And),
            "&|&" => Bin(BinOp::Xor),
            "||" => Logic(LogicOp::Or),
            _ => return None,
        })
    }

    fn level(self) -> u8 {
        match self {
            Operator::Member => 8,
            Operator::Bin(BinOp::Mul | BinOp::Div | BinOp::Mod) => 7,
            Operator::Bin(BinOp::Add | BinOp::Sub | BinOp::Concat) => 6,
            Operator::Bin(BinOp::Shl | BinOp::Shr) => 5,
            Operator::Cmp(_) | Operator::Bin(BinOp::Is) => 4,
            Operator::Logic(LogicOp::And) => 3,
            Operator::Bin(BinOp::Xor) => 2,
            Operator::Logic(LogicOp::Or) => 1,
        }
    }
}

/// Operators in prefix position.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Prefix {
    /// `!`, `not`
    Not,
    /// One that is also infix.
    Infix(Operator),
}

/// The prefix operator with this name.
pub(super) fn prefix(name: &str) -> Option<Prefix> {
    match name {
        "!" | "not" => Some(Prefix::Not),
        "./" => None,
        _ => Operator::of(name).map(Prefix::Infix),
    }
}

/// The infix operator that a node is.
pub(super) fn operator(node: &Node) -> Option<Operator> {
    match &node.kind {
        Kind::Symbol(name) => Operator::of(name.as_str()),
        Kind::Path(p) if p.len() == 2 && p[0].as_str() == "." && p[1].as_str().is_empty() => {
            Some(Operator::Member)
        }
        _ => None,
    }
}

/// Whether the head makes a form that is never infix.
pub(super) fn is_exempt(head: &Node) -> bool {
    const EXEMPT: [&str; 22] = [
        "var",
        "let",
        "if",
        "ifel",
        "fn",
        "do",
        "loop",
        "while",
        "for",
        "ns",
        "class",
        "try",
        "throw",
        "import",
        "export",
        "interface",
        "implement",
        "field",
        "@",
        ".",
        "->",
        "$",
    ];
    head.as_symbol().is_some_and(|name| EXEMPT.contains(&name.as_str()))
}

/// Operands and operators of an infix form, read from left to right.
struct Chain<'n> {
    items: Vec<&'n Node>,
    at: usize,
}

impl Chain<'_> {
    fn next_operator(&self) -> Option<Operator> {
        self.items.get(self.at).and_then(|n| operator(n))
    }
}

impl Lower<'_> {
    /// `(a + b * c)`
    pub(super) fn infix(&mut self, place: Place, g: &Gene) -> Expr {
        let items: Vec<&Node> = std::iter::once(&g.head).chain(&g.children).collect();
        for (index, node) in items.iter().enumerate() {
            match (index % 2 == 1, operator(node).is_some()) {
                (true, false) => return self.error(place_of(node), err::invalid_infix),
                (false, true) => return self.error(place_of(node), err::incomplete_infix),
                _ => {}
            }
        }
        if items.len().is_multiple_of(2) {
            return self.error(place, err::incomplete_infix);
        }
        let mut chain = Chain { items, at: 0 };
        self.level(&mut chain, 1, place)
    }

    /// Everything that binds at least as tightly as `level`.
    fn level(&mut self, chain: &mut Chain, level: u8, place: Place) -> Expr {
        if level > 8 {
            let node = chain.items[chain.at];
            let is_type = chain.at > 0 && chain.items[chain.at - 1].is_symbol("is");
            chain.at += 1;
            return if is_type { self.type_operand(node) } else { self.expr(node) };
        }
        let first = self.level(chain, level + 1, place);
        let here = |c: &Chain| c.next_operator().filter(|o| o.level() == level);
        if here(chain).is_none() {
            return first;
        }
        // What follows `&&` and `||` may be skipped.
        let start = first.place.0;
        let mut acc = Acc::new(first);
        let mut nested = 0;
        while let Some(op) = here(chain) {
            chain.at += 1;
            // Only a change of operator makes the left operand one level deeper.
            nested += u32::from(!acc.takes(op));
            if nested > MAX_NESTED {
                chain.at = chain.items.len();
                return self.error(place, |s| err::too_deep(s, MAX_NESTED));
            }
            let operand = match op {
                Operator::Logic(_) => self.maybe(|l| l.level(chain, level + 1, place)),
                Operator::Cmp(_) if acc.is_comparison() => {
                    self.maybe(|l| l.level(chain, level + 1, place))
                }
                _ => self.level(chain, level + 1, place),
            };
            let span = if start == 0 { place } else { (start, operand.place.1) };
            acc.push(self, op, operand, span);
        }
        acc.finish(self)
    }

    /// `(+ a b c)` and the like.
    pub(super) fn prefix(&mut self, place: Place, g: &Gene, prefix: Prefix) -> Expr {
        let c = &g.children;
        let name = g.head.as_symbol().map_or("", |s| s.as_str());
        let op = match prefix {
            Prefix::Not if c.len() == 1 => {
                let operand = self.expr(&c[0]);
                return self.make(place, Ek::Not(Box::new(operand)));
            }
            Prefix::Not => return self.error(place, |s| err::operands(s, name, 1)),
            Prefix::Infix(op) => op,
        };
        let exactly_two = matches!(op, Operator::Cmp(_))
            || matches!(op, Operator::Bin(BinOp::Is | BinOp::Shl | BinOp::Shr));
        if exactly_two && c.len() != 2 {
            return self.error(place, |s| err::operands(s, name, 2));
        }
        match (op, c.len()) {
            (Operator::Bin(BinOp::Add), 0) => return self.make(place, Ek::Int(0)),
            (Operator::Bin(BinOp::Mul), 0) => return self.make(place, Ek::Int(1)),
            (_, 0) => return self.error(place, |s| err::operands_at_least(s, name, 1)),
            (Operator::Bin(BinOp::Sub), 1) => {
                let operand = self.expr(&c[0]);
                return self.make(place, Ek::Neg(Box::new(operand)));
            }
            (Operator::Bin(BinOp::Div), 1) => {
                let one = self.make(place, Ek::Int(1));
                let operand = self.expr(&c[0]);
                let rest = vec![(BinOp::Div, operand, place)];
                return self.make(place, Ek::Arith(Box::new((one, rest))));
            }
            (Operator::Bin(BinOp::Add | BinOp::Mul), 1) | (Operator::Logic(_), 1) => {
                return self.expr(&c[0]);
            }
            (_, 1) => return self.error(place, |s| err::operands_at_least(s, name, 2)),
            _ => {}
        }
        let first = self.expr(&c[0]);
        let mut acc = Acc::new(first);
        for node in &c[1..] {
            let operand = match op {
                Operator::Logic(_) => self.maybe(|l| l.expr(node)),
                Operator::Bin(BinOp::Is) => self.type_operand(node),
                _ => self.expr(node),
            };
            acc.push(self, op, operand, place);
        }
        acc.finish(self)
    }
}

/// The left operand that grows while a level is read.
enum Acc {
    One(Expr),
    Arith(Expr, Vec<(BinOp, Expr, Place)>),
    Compare(Expr, Vec<(CmpOp, Expr)>, Place),
    Logic(LogicOp, Vec<Expr>, Place),
}

impl Acc {
    fn new(first: Expr) -> Acc {
        Acc::One(first)
    }

    fn is_comparison(&self) -> bool {
        matches!(self, Acc::Compare(..))
    }

    /// Whether the operator continues what has been read.
    fn takes(&self, op: Operator) -> bool {
        match (self, op) {
            (Acc::Arith(..), Operator::Bin(_)) | (Acc::Compare(..), Operator::Cmp(_)) => true,
            (Acc::Logic(own, ..), Operator::Logic(op)) => *own == op,
            _ => false,
        }
    }

    fn push(&mut self, lower: &Lower, op: Operator, operand: Expr, place: Place) {
        let nil = lower.special((0, 0), Special::Nil);
        let old = std::mem::replace(self, Acc::One(nil));
        *self = match (old, op) {
            (Acc::Arith(first, mut rest), Operator::Bin(op)) => {
                rest.push((op, operand, place));
                Acc::Arith(first, rest)
            }
            (Acc::Compare(first, mut rest, _), Operator::Cmp(op)) => {
                rest.push((op, operand));
                Acc::Compare(first, rest, place)
            }
            (Acc::Logic(o, mut items, _), Operator::Logic(op)) if o == op => {
                items.push(operand);
                Acc::Logic(o, items, place)
            }
            (old, op) => {
                let first = old.finish(lower);
                match op {
                    Operator::Bin(op) => Acc::Arith(first, vec![(op, operand, place)]),
                    Operator::Cmp(op) => Acc::Compare(first, vec![(op, operand)], place),
                    Operator::Logic(op) => Acc::Logic(op, vec![first, operand], place),
                    Operator::Member => {
                        let args = vec![first, operand];
                        Acc::One(with_flags(Ek::Intrinsic(Intrinsic::GetMember, args), place))
                    }
                }
            }
        };
    }

    fn finish(self, _: &Lower) -> Expr {
        match self {
            Acc::One(expr) => expr,
            Acc::Arith(first, rest) => {
                let place = rest.last().map_or(first.place, |r| r.2);
                with_flags(Ek::Arith(Box::new((first, rest))), place)
            }
            Acc::Compare(first, rest, place) => {
                with_flags(Ek::Compare(Box::new((first, rest))), place)
            }
            Acc::Logic(op, items, place) => with_flags(Ek::Logic(op, items), place),
        }
    }
}

/// An operator expression; it assigns what its operands assign.
fn with_flags(kind: Ek, place: Place) -> Expr {
    let assigns = match &kind {
        Ek::Arith(a) => a.0.assigns || a.1.iter().any(|r| r.1.assigns),
        Ek::Compare(a) => a.0.assigns || a.1.iter().any(|r| r.1.assigns),
        Ek::Logic(_, items) | Ek::Intrinsic(_, items) => items.iter().any(|e| e.assigns),
        _ => false,
    };
    Expr { kind, place, assigns }
}

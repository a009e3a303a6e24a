//! The syntax tree: what the reader makes and the compiler takes. Plain data,
//! no heap.

#![forbid(unsafe_code)]

pub mod literal;
pub mod number;
mod printer;
mod same;

use std::rc::Rc;

pub use gene_isa::Symbol;
pub use gene_isa::datum::{Date, Regex, Time};

use crate::source::Span;

/// One form with its place.
#[derive(Clone, Debug)]
pub struct Node {
    /// What it is.
    pub kind: Kind,
    /// Where it stands; [`Span::NONE`] for data made at run time.
    pub span: Span,
}

/// The kinds of forms. Shorthands of the text (`;` chains, decorators, `^^k`)
/// are already taken apart by the reader.
#[derive(Clone, Debug)]
pub enum Kind {
    /// `nil`
    Nil,
    /// `void`
    Void,
    /// `not_found`
    NotFound,
    /// `true`, `false`
    Bool(bool),
    /// `42`, `0xff`
    Int(i64),
    /// `1.5`
    Float(f64),
    /// `'c'`
    Char(char),
    /// `"text"`; strings with holes are Gene forms with the head `#Str`.
    Str(Rc<str>),
    /// `name`; escapes are resolved, so the text may hold any character.
    Symbol(Symbol),
    /// `a/b/0`, `/x` (first segment empty), `a/<b/c>/.m`: the unescaped
    /// slashes separate segments, but not within `<...>`. At least two.
    Path(Rc<[Symbol]>),
    /// `[a b]`, sealed `#[a b]`
    Array(Seq),
    /// `{^k v}`, sealed `#{^k v}`; nested shortcuts `^a^b v` are maps already.
    Map(Props, Sealed),
    /// `{{k v k v}}`, sealed `#{{k v}}`: keys and values in turn.
    HashMap(Seq),
    /// `(head ^prop v child)`, sealed `#(...)`
    Gene(Box<Gene>),
    /// `` `form ``
    Quote(Box<Node>),
    /// `%form`; `discard` for `%_form`.
    Unquote {
        /// The form of the hole.
        form: Box<Node>,
        /// Whether the hole leaves nothing behind.
        discard: bool,
    },
    /// `@a/0/b`: the segments of a selector shorthand, as written.
    Selector(Rc<[Symbol]>),
    /// `0#a0ff`
    Bytes(Rc<[u8]>),
    /// `2026-03-09`
    Date(Date),
    /// `08:30:05`
    Time(Time),
    /// `2026-03-09T08:30`
    DateTime(Date, Time),
    /// `#/pattern/flags`
    Regex(Rc<Regex>),
}

/// Whether a literal carries the `#` that seals it.
pub type Sealed = bool;

/// A sequence of forms.
#[derive(Clone, Debug, Default)]
pub struct Seq {
    /// The elements.
    pub items: Vec<Node>,
    /// Whether it is sealed.
    pub sealed: Sealed,
}

/// Properties in the order written; keys are distinct, except for spreads
/// (`^...`, `^...1`), whose keys keep their spelling.
pub type Props = Vec<Prop>;

/// One property.
#[derive(Clone, Debug)]
pub struct Prop {
    /// The key without `^`.
    pub key: Symbol,
    /// Where the key stands.
    pub key_span: Span,
    /// The value.
    pub value: Node,
}

/// A Gene form.
#[derive(Clone, Debug)]
pub struct Gene {
    /// The head, or type; `nil` for `()`.
    pub head: Node,
    /// Properties.
    pub props: Props,
    /// Children.
    pub children: Vec<Node>,
    /// Whether it is sealed.
    pub sealed: Sealed,
}

impl Node {
    /// A node without a place.
    pub fn new(kind: Kind) -> Node {
        Node { kind, span: Span::NONE }
    }

    /// The symbol, if it is one.
    pub fn as_symbol(&self) -> Option<Symbol> {
        match self.kind {
            Kind::Symbol(s) => Some(s),
            _ => None,
        }
    }

    /// Whether it is the symbol `name`.
    pub fn is_symbol(&self, name: &str) -> bool {
        self.as_symbol().is_some_and(|s| s.as_str() == name)
    }
}

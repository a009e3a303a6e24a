//! What is open while reading: the explicit stack of the reader.

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

use super::text::Text;
use crate::source::Span;
use crate::syntax::{Gene, Kind, Node, Prop, Props, Symbol};

/// An open bracket, string, or prefix that waits for its form.
pub(super) struct Frame {
    pub open: Open,
    /// Where it starts.
    pub start: usize,
    /// Height of the tallest node within, see [`super::MAX_DEPTH`].
    pub height: usize,
}

/// The kinds of open things.
pub(super) enum Open {
    Gene(Box<GeneFrame>),
    Array {
        items: Vec<Node>,
        sealed: bool,
    },
    HashMap {
        items: Vec<Node>,
        sealed: bool,
    },
    Map {
        props: PropList,
        pending: Option<Key>,
        sealed: bool,
        complained: bool,
    },
    Quote,
    Unquote {
        discard: bool,
    },
    Decorator {
        function: Option<Node>,
    },
    /// A string with holes.
    Text(Box<Text>),
    /// `#{` in such a string.
    Hole {
        form: Option<Node>,
        complained: bool,
    },
}

impl Open {
    /// The bracket as written, and the one that closes it; `None` for the rest.
    pub fn brackets(&self) -> Option<(&'static str, &'static str)> {
        Some(match self {
            Open::Gene(_) => ("(", ")"),
            Open::Array { .. } => ("[", "]"),
            Open::HashMap { .. } => ("{{", "}}"),
            Open::Map { .. } => ("{", "}"),
            Open::Hole { .. } => ("#{", "}"),
            Open::Quote | Open::Unquote { .. } | Open::Decorator { .. } | Open::Text(_) => {
                return None;
            }
        })
    }

    /// How a prefix is written that waits for a form.
    pub fn prefix(&self) -> Option<&'static str> {
        match self {
            Open::Quote => Some("`"),
            Open::Unquote { discard: false } => Some("%"),
            Open::Unquote { discard: true } => Some("%_"),
            Open::Decorator { .. } => Some("#@"),
            _ => None,
        }
    }
}

/// A Gene form, or the last segment of a `;` chain.
#[derive(Default)]
pub(super) struct GeneFrame {
    pub head: Option<Node>,
    pub children: Vec<Node>,
    pub props: PropList,
    pub pending: Option<Key>,
    pub phase: Phase,
    pub sealed: bool,
}

/// Properties of a form stand together: whether they are yet to come, being
/// read, over, or wrong already.
#[derive(Default, Clone, Copy, PartialEq)]
pub(super) enum Phase {
    #[default]
    Before,
    Within,
    After,
    Complained,
}

impl GeneFrame {
    /// The form without its outer seal.
    pub fn finish(self, span: Span, sealed: bool) -> Node {
        let head = self.head.unwrap_or(Node { kind: Kind::Nil, span });
        let gene = Gene { head, props: self.props.finish(), children: self.children, sealed };
        Node { kind: Kind::Gene(Box::new(gene)), span }
    }
}

/// A property key: `^a^b` has two parts.
pub(super) struct Key {
    pub parts: Vec<Symbol>,
    pub span: Span,
}

impl Key {
    /// As written, without the first `^`.
    pub fn text(&self) -> String {
        let names: Vec<&str> = self.parts.iter().map(|p| p.as_str()).collect();
        names.join("^")
    }
}

/// Properties, with shortcuts merged into maps.
#[derive(Default)]
pub(super) struct PropList {
    entries: Vec<Entry>,
    /// Position by key, once there are many.
    index: Option<HashMap<Symbol, usize, FxBuildHasher>>,
}

struct Entry {
    key: Symbol,
    key_span: Span,
    value: Slot,
}

enum Slot {
    Value(Node),
    /// The map that the shortcuts `^a^b`, `^a^c` fill.
    Shortcut(PropList),
}

/// From this number of properties on, keys are found by hash.
const INDEXED: usize = 16;

impl PropList {
    /// The place of the first key.
    pub fn first(&self) -> Option<Span> {
        self.entries.first().map(|e| e.key_span)
    }

    /// Adds a property.
    ///
    /// # Errors
    /// The place of the key that it would replace.
    pub fn insert(&mut self, key: &Key, value: Node) -> Result<(), Span> {
        let mut list = self;
        let (&last, maps) = key.parts.split_last().expect("a key has a part");
        for &part in maps {
            let at = match list.find(part) {
                Some(at) => at,
                None => list.push(part, key.span, Slot::Shortcut(PropList::default())),
            };
            let entry = &mut list.entries[at];
            match &mut entry.value {
                Slot::Shortcut(inner) => list = inner,
                Slot::Value(_) => return Err(entry.key_span),
            }
        }
        match list.find(last) {
            Some(at) if !(maps.is_empty() && is_spread(last)) => {
                return Err(list.entries[at].key_span);
            }
            _ => {}
        }
        list.push(last, key.span, Slot::Value(value));
        Ok(())
    }

    fn find(&self, key: Symbol) -> Option<usize> {
        match &self.index {
            Some(index) => index.get(&key).copied(),
            None => self.entries.iter().position(|e| e.key == key),
        }
    }

    fn push(&mut self, key: Symbol, key_span: Span, value: Slot) -> usize {
        let at = self.entries.len();
        self.entries.push(Entry { key, key_span, value });
        if let Some(index) = &mut self.index {
            index.insert(key, at);
        } else if self.entries.len() == INDEXED {
            let keys = self.entries.iter().enumerate();
            self.index = Some(keys.map(|(i, e)| (e.key, i)).collect());
        }
        at
    }

    /// The properties as the tree has them. Recursion is bounded by the depth
    /// of shortcuts, which counts as nesting.
    pub fn finish(self) -> Props {
        let finish = |Entry { key, key_span, value }| {
            let value = match value {
                Slot::Value(node) => node,
                Slot::Shortcut(list) => {
                    let last = list.entries.last().map_or(key_span, Entry::span);
                    Node { span: key_span.to(last), kind: Kind::Map(list.finish(), false) }
                }
            };
            Prop { key, key_span, value }
        };
        self.entries.into_iter().map(finish).collect()
    }
}

impl Entry {
    fn span(&self) -> Span {
        match &self.value {
            Slot::Value(node) => self.key_span.to(node.span),
            Slot::Shortcut(_) => self.key_span,
        }
    }
}

/// `...`, `...1`: entries of another map, any number of times.
fn is_spread(key: Symbol) -> bool {
    key.as_str().strip_prefix("...").is_some_and(|n| n.bytes().all(|b| b.is_ascii_digit()))
}

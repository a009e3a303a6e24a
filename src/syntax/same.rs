//! Equality of trees.

use super::{Kind, Node, Props, Seq};

impl Node {
    /// Whether both are the same tree, wherever they stand. Floats are
    /// compared by their bits.
    pub fn same(&self, other: &Node) -> bool {
        use Kind as K;
        match (&self.kind, &other.kind) {
            (K::Nil, K::Nil) | (K::Void, K::Void) | (K::NotFound, K::NotFound) => true,
            (K::Bool(a), K::Bool(b)) => a == b,
            (K::Int(a), K::Int(b)) => a == b,
            (K::Float(a), K::Float(b)) => a.to_bits() == b.to_bits(),
            (K::Char(a), K::Char(b)) => a == b,
            (K::Str(a), K::Str(b)) => a == b,
            (K::Symbol(a), K::Symbol(b)) => a == b,
            (K::Path(a), K::Path(b)) | (K::Selector(a), K::Selector(b)) => a == b,
            (K::Array(a), K::Array(b)) | (K::HashMap(a), K::HashMap(b)) => same_sequence(a, b),
            (K::Map(a, sealed_a), K::Map(b, sealed_b)) => sealed_a == sealed_b && same_props(a, b),
            (K::Gene(a), K::Gene(b)) => {
                a.sealed == b.sealed
                    && a.head.same(&b.head)
                    && same_props(&a.props, &b.props)
                    && same_nodes(&a.children, &b.children)
            }
            (K::Quote(a), K::Quote(b)) => a.same(b),
            (K::Unquote { form: a, discard: x }, K::Unquote { form: b, discard: y }) => {
                x == y && a.same(b)
            }
            (K::Bytes(a), K::Bytes(b)) => a == b,
            (K::Date(a), K::Date(b)) => a == b,
            (K::Time(a), K::Time(b)) => a == b,
            (K::DateTime(a, s), K::DateTime(b, t)) => a == b && s == t,
            (K::Regex(a), K::Regex(b)) => a == b,
            _ => false,
        }
    }
}

fn same_sequence(a: &Seq, b: &Seq) -> bool {
    a.sealed == b.sealed && same_nodes(&a.items, &b.items)
}

fn same_nodes(a: &[Node], b: &[Node]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.same(b))
}

fn same_props(a: &Props, b: &Props) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.key == b.key && a.value.same(&b.value))
}

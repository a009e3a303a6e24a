//! Quoting: forms as data.

use std::sync::Arc;

use gene_isa::Symbol;
use gene_isa::datum::{Datum, GeneDatum};

use crate::syntax::{Kind, Node, Prop};

/// The data that `` `node `` denotes.
pub fn datum(node: &Node) -> Datum {
    match &node.kind {
        Kind::Nil => Datum::Nil,
        Kind::Void => Datum::Void,
        Kind::NotFound => Datum::NotFound,
        Kind::Bool(b) => Datum::Bool(*b),
        Kind::Int(i) => Datum::Int(*i),
        Kind::Float(f) => Datum::Float(*f),
        Kind::Char(c) => Datum::Char(*c),
        Kind::Str(s) => Datum::Str(Arc::from(&**s)),
        Kind::Symbol(s) => Datum::Symbol(*s),
        Kind::Path(segments) => Datum::Path(Arc::from(&**segments)),
        Kind::Array(seq) => Datum::Array(data(&seq.items), seq.sealed),
        Kind::Map(props, sealed) => Datum::Map(entries(props), *sealed),
        Kind::HashMap(seq) => Datum::HashMap(data(&seq.items), seq.sealed),
        Kind::Gene(gene) => Datum::Gene(Box::new(GeneDatum {
            head: datum(&gene.head),
            props: entries(&gene.props),
            children: data(&gene.children),
            sealed: gene.sealed,
        })),
        Kind::Quote(inner) => Datum::Quote(Box::new(datum(inner))),
        Kind::Unquote { form, discard } => Datum::Unquote(Box::new(datum(form)), *discard),
        Kind::Selector(segments) => Datum::Selector(Arc::from(&**segments)),
        Kind::Bytes(bytes) => Datum::Bytes(Arc::from(&**bytes)),
        Kind::Date(date) => Datum::Date(*date),
        Kind::Time(time) => Datum::Time(time.clone()),
        Kind::DateTime(date, time) => Datum::DateTime(*date, time.clone()),
        Kind::Regex(regex) => Datum::Regex(Arc::new((**regex).clone())),
    }
}

fn data(nodes: &[Node]) -> Vec<Datum> {
    nodes.iter().map(datum).collect()
}

fn entries(props: &[Prop]) -> Vec<(Symbol, Datum)> {
    props.iter().map(|p| (p.key, datum(&p.value))).collect()
}

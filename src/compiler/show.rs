//! The display form of code, for messages of contracts.

use std::fmt::Write;

use crate::syntax::literal::{format_date, format_regex, format_time};
use crate::syntax::number::format_float;
use crate::syntax::{Kind, Node, Prop};

/// `node` as data is displayed (2.6).
pub(super) fn show(node: &Node) -> String {
    let mut out = String::new();
    write_node(&mut out, node);
    out
}

fn write_node(out: &mut String, node: &Node) {
    // Writing to a string cannot fail.
    let _ = match &node.kind {
        Kind::Nil => write!(out, "nil"),
        Kind::Void => write!(out, "void"),
        Kind::NotFound => write!(out, "not_found"),
        Kind::Bool(b) => write!(out, "{b}"),
        Kind::Int(i) => write!(out, "{i}"),
        Kind::Float(f) => write!(out, "{}", format_float(*f)),
        Kind::Char(c) => write!(out, "'{c}'"),
        Kind::Str(s) => write!(out, "\"{s}\""),
        Kind::Symbol(s) => write!(out, "{s}"),
        Kind::Path(segments) => write_path(out, "", segments),
        Kind::Selector(segments) => write_path(out, "@", segments),
        Kind::Array(seq) => {
            let open = if seq.sealed { "#[" } else { "[" };
            return write_all(out, open, &[], &seq.items, "]");
        }
        Kind::Map(props, sealed) => {
            return write_all(out, if *sealed { "#{" } else { "{" }, props, &[], "}");
        }
        Kind::HashMap(seq) => {
            let open = if seq.sealed { "#{{" } else { "{{" };
            return write_all(out, open, &[], &seq.items, "}}");
        }
        Kind::Gene(g) => {
            out.push_str(if g.sealed { "#(" } else { "(" });
            write_node(out, &g.head);
            if !g.props.is_empty() || !g.children.is_empty() {
                out.push(' ');
            }
            return write_all(out, "", &g.props, &g.children, ")");
        }
        Kind::Quote(inner) => {
            out.push('`');
            return write_node(out, inner);
        }
        Kind::Unquote { form, discard } => {
            out.push_str(if *discard { "%_" } else { "%" });
            return write_node(out, form);
        }
        Kind::Bytes(bytes) => {
            out.push_str("0#");
            bytes.iter().try_for_each(|b| write!(out, "{b:02x}"))
        }
        Kind::Date(date) => write!(out, "{}", format_date(*date)),
        Kind::Time(time) => write!(out, "{}", format_time(time)),
        Kind::DateTime(date, time) => {
            write!(out, "{}T{}", format_date(*date), format_time(time))
        }
        Kind::Regex(regex) => write!(out, "{}", format_regex(regex)),
    };
}

fn write_path(out: &mut String, mark: &str, segments: &[gene_isa::Symbol]) -> std::fmt::Result {
    out.push_str(mark);
    for (at, segment) in segments.iter().enumerate() {
        let slash = if at > 0 { "/" } else { "" };
        write!(out, "{slash}{segment}")?;
    }
    Ok(())
}

fn write_all(out: &mut String, open: &str, props: &[Prop], items: &[Node], close: &str) {
    out.push_str(open);
    let mut first = true;
    for prop in props {
        if !std::mem::take(&mut first) {
            out.push(' ');
        }
        let _ = write!(out, "^{} ", prop.key);
        write_node(out, &prop.value);
    }
    for item in items {
        if !std::mem::take(&mut first) {
            out.push(' ');
        }
        write_node(out, item);
    }
    out.push_str(close);
}

//! The display forms of values (2.6).

use std::fmt::Write;

use gene_isa::FnKind;

use super::Vm;
use crate::heap::Gc;
use crate::heap::header::{SEALED, VISITED, header_of};
use crate::object::misc::QuoteMark;
use crate::object::record::as_record;
use crate::object::*;
use crate::syntax::number::format_float;
use crate::value::Value;

/// How strings and characters inside something are shown.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Plain,
    Data,
}

/// Collections nested deeper than this are shown as `...`.
const MAX_DEPTH: usize = 2000;

impl Vm {
    /// Plain form, as `println` shows a value: elements of collections plain.
    pub fn display(&self, value: Value) -> String {
        let mut out = String::new();
        self.write(&mut out, value, Form::Plain, 0);
        out
    }

    /// Appends the plain form.
    pub fn display_to(&self, out: &mut String, value: Value) {
        self.write(out, value, Form::Plain, 0);
    }

    /// Data form: strings quoted, but not escaped.
    pub fn display_data(&self, value: Value) -> String {
        let mut out = String::new();
        self.write(&mut out, value, Form::Data, 0);
        out
    }

    /// The form of `to_s`, `$` and `#"..."`: a string or character plain,
    /// elements of collections as data. `nil` is `"nil"` here; where it shall
    /// be empty, the caller leaves it out.
    pub fn display_text(&self, value: Value) -> String {
        let mut out = String::new();
        self.display_text_to(&mut out, value);
        out
    }

    /// Appends the form of `to_s`.
    pub fn display_text_to(&self, out: &mut String, value: Value) {
        match string::text_of(value) {
            Some(text) => out.push_str(text),
            None => match value.as_char() {
                Some(c) => out.push(c),
                None => self.write(out, value, Form::Data, 0),
            },
        }
    }

    fn write(&self, out: &mut String, value: Value, form: Form, depth: usize) {
        let Some(kind) = kind_of(value) else { return self.write_immediate(out, value, form) };
        let header = header_of(value);
        let container = matches!(kind, Kind::Array | Kind::Map | Kind::HashObject | Kind::Gene);
        if container && header.is_some_and(|h| h.has(VISITED) || depth > MAX_DEPTH) {
            out.push_str("...");
            return;
        }
        if let Some(header) = header.filter(|_| container) {
            header.set_flag(VISITED);
            if header.has(SEALED) {
                out.push('#');
            }
            self.write_object(out, value, kind, form, depth + 1);
            header.clear_flag(VISITED);
            return;
        }
        self.write_object(out, value, kind, form, depth);
    }

    fn write_immediate(&self, out: &mut String, value: Value, form: Form) {
        // Writing to a string cannot fail.
        let _ = if let Some(i) = value.as_small_int() {
            out.write_str(itoa::Buffer::new().format(i))
        } else if let Some(f) = value.as_float() {
            write!(out, "{}", format_float(f))
        } else if let Some(s) = value.as_symbol() {
            out.write_str(s.as_str())
        } else if let Some(c) = value.as_char() {
            match form {
                Form::Plain => out.write_char(c),
                Form::Data => write!(out, "'{c}'"),
            }
        } else {
            out.write_str(value.as_special().map_or("?", |s| s.name()))
        };
    }

    fn write_list(
        &self,
        out: &mut String,
        values: impl Iterator<Item = Value>,
        form: Form,
        depth: usize,
    ) {
        for (i, value) in values.enumerate() {
            if i > 0 {
                out.push(' ');
            }
            self.write(out, value, form, depth);
        }
    }

    fn write_props(&self, out: &mut String, map: &Record, form: Form, depth: usize) {
        for (i, (key, value)) in map.entries().into_iter().enumerate() {
            if i > 0 {
                out.push(' ');
            }
            let _ = write!(out, "^{key} ");
            self.write(out, value, form, depth);
        }
    }

    fn write_object(&self, out: &mut String, value: Value, kind: Kind, form: Form, depth: usize) {
        match kind {
            Kind::Str => {
                let text = string::text_of(value).unwrap_or_default();
                match form {
                    Form::Plain => out.push_str(text),
                    Form::Data => {
                        out.push('"');
                        out.push_str(text);
                        out.push('"');
                    }
                }
            }
            Kind::BoxedInt => {
                let _ = write!(out, "{}", misc::int_of(value).unwrap_or_default());
            }
            Kind::Array => {
                out.push('[');
                if let Some(array) = Gc::<Array>::from_value(value) {
                    self.write_list(out, array.to_vec().into_iter(), form, depth);
                }
                out.push(']');
            }
            Kind::Map => {
                out.push('{');
                if let Some(map) = as_record(value) {
                    self.write_props(out, map, form, depth);
                }
                out.push('}');
            }
            Kind::HashObject => self.write_hash(out, value, form, depth),
            Kind::Gene => self.write_gene(out, value, depth),
            Kind::Range => {
                if let Some(r) = Gc::<Range>::from_value(value) {
                    let _ = write!(out, "{}..{}", r.start, r.end);
                    if r.has_step {
                        let _ = write!(out, " step {}", r.step);
                    }
                }
            }
            Kind::PathSymbol => {
                let segments = Gc::<PathSymbol>::from_value(value).map(|p| p.symbols());
                let names = segments.unwrap_or_default().into_iter().map(|s| s.as_str());
                out.push_str(&names.collect::<Vec<_>>().join("/"));
            }
            Kind::Bytes => {
                out.push_str("0#");
                for byte in
                    Gc::<Bytes>::from_value(value).iter().flat_map(|b| b.as_slice().to_vec())
                {
                    let _ = write!(out, "{byte:02x}");
                }
            }
            Kind::Quoted => {
                if let Some(quoted) = Gc::<Quoted>::from_value(value) {
                    out.push_str(match quoted.mark {
                        QuoteMark::Quote => "`",
                        QuoteMark::Unquote => "%",
                        QuoteMark::Discard => "%_",
                    });
                    self.write(out, quoted.form, Form::Data, depth + 1);
                }
            }
            Kind::Enum => {
                let name = Gc::<Enum>::from_value(value).map_or("", |e| e.name.as_str());
                out.push_str(name);
            }
            Kind::Variant => {
                if let Some(v) = Gc::<Variant>::from_value(value) {
                    let _ = write!(out, "{}/{}", v.parent.name, v.name);
                }
            }
            Kind::EnumValue => {
                if let Some(v) = Gc::<EnumValue>::from_value(value) {
                    let _ = write!(out, "({}/{}", v.variant.parent.name, v.variant.name);
                    for part in v.payload().to_vec() {
                        out.push(' ');
                        self.write(out, part, Form::Data, depth + 1);
                    }
                    out.push(')');
                }
            }
            Kind::Function => {
                let block = Gc::<Function>::from_value(value);
                let block = block.is_some_and(|f| f.code.data.kind == FnKind::Block);
                out.push_str(if block { "VkBlock" } else { "VkFunction" });
            }
            Kind::Native => out.push_str("VkNativeFn"),
            Kind::BoundMethod => out.push_str("VkFunction"),
            Kind::Class => out.push_str("VkClass"),
            Kind::Namespace | Kind::Module => out.push_str("VkNamespace"),
            Kind::Coroutine => out.push_str("VkGenerator"),
            Kind::Future => {
                let state = Gc::<Future>::from_value(value).map_or("", |f| f.state().name());
                out.push_str("<Future ");
                out.push_str(state);
                out.push('>');
            }
            Kind::Foreign => {
                let foreign = Gc::<Foreign>::from_value(value);
                let text = foreign.and_then(|f| f.data.display());
                out.push_str(&text.unwrap_or_else(|| "VkInstance".into()));
            }
            Kind::Instance
            | Kind::Free
            | Kind::Storage
            | Kind::Reaction
            | Kind::Dictionary
            | Kind::Code
            | Kind::EnvObject => {
                out.push_str("VkInstance");
            }
        }
    }

    fn write_hash(&self, out: &mut String, value: Value, form: Form, depth: usize) {
        let Some(table) = Gc::<HashObject>::from_value(value) else { return };
        let entries = table.entries();
        if table.is_set() {
            out.push_str("(HashSet");
            for (key, _) in entries {
                out.push(' ');
                self.write(out, key, form, depth);
            }
            out.push(')');
        } else {
            out.push_str("{{");
            self.write_list(out, entries.into_iter().flat_map(|(k, v)| [k, v]), form, depth);
            out.push_str("}}");
        }
    }

    fn write_gene(&self, out: &mut String, value: Value, depth: usize) {
        let Some(gene) = Gc::<Gene>::from_value(value) else { return };
        out.push('(');
        let empty = gene.head.get().is_nil() && gene.props().is_none() && gene.children.is_empty();
        if !empty {
            self.write(out, gene.head.get(), Form::Data, depth);
        }
        if let Some(props) = gene.props() {
            out.push(' ');
            self.write_props(out, &props, Form::Data, depth);
        }
        for child in gene.children.to_vec() {
            out.push(' ');
            self.write(out, child, Form::Data, depth);
        }
        out.push(')');
    }
}

//! Writing JSON.

use gene_isa::Symbol;

use super::{MAX_DEPTH, TAG};
use crate::heap::Gc;
use crate::heap::header::{VISITED, header_of};
use crate::object::misc::{QuoteMark, int_of};
use crate::object::record::as_record;
use crate::object::{Array, Gene, Kind, PathSymbol, Quoted, kind_of, string};
use crate::syntax::number::format_float;
use crate::syntax::{self, Node};
use crate::value::Value;
use crate::vm::{Throw, Vm};

/// Ints beyond this are tagged: readers of JSON may take numbers for floats.
const MAX_EXACT: i64 = (1 << 53) - 1;

/// Plain JSON.
///
/// # Errors
///
/// `ArgumentException` for values that contain themselves.
pub(super) fn plain(vm: &mut Vm, value: Value) -> Result<String, Throw> {
    finish(vm, value, false)
}

/// Tagged JSON.
///
/// # Errors
///
/// `ArgumentException` for values that it cannot express.
pub(super) fn tagged(vm: &mut Vm, value: Value) -> Result<String, Throw> {
    finish(vm, value, true)
}

fn finish(vm: &mut Vm, value: Value, tagged: bool) -> Result<String, Throw> {
    let mut writer = Writer { vm, tagged, out: String::new() };
    let result = writer.value(value, 0);
    let out = writer.out;
    result.map(|()| out).map_err(|problem| vm.arg_error(problem))
}

/// Why a value cannot be written.
type Problem = String;

struct Writer<'v> {
    vm: &'v Vm,
    tagged: bool,
    out: String,
}

impl Writer<'_> {
    fn value(&mut self, value: Value, depth: usize) -> Result<(), Problem> {
        if let Some(text) = string::text_of(value) {
            self.text(text);
        } else if let Some(number) = int_of(value) {
            self.int(number);
        } else if let Some(number) = value.as_float() {
            return self.float(number);
        } else if let Some(b) = value.as_bool() {
            self.out.push_str(if b { "true" } else { "false" });
        } else if value.is_nil() {
            self.out.push_str("null");
        } else if let Some(symbol) = value.as_symbol() {
            match self.tagged {
                true => self.source(syntax::Kind::Symbol(symbol)),
                false => self.quoted(symbol.as_str()),
            }
        } else {
            return self.object(value, depth);
        }
        Ok(())
    }

    fn object(&mut self, value: Value, depth: usize) -> Result<(), Problem> {
        match kind_of(value) {
            Some(Kind::Array) => self.nested(value, depth, |writer| {
                let items = Gc::<Array>::from_value(value).map(Gc::elements).unwrap_or_default();
                writer.array(items, depth + 1)
            }),
            Some(Kind::Map) => self.nested(value, depth, |writer| writer.map(value, depth + 1)),
            Some(Kind::Gene) if self.tagged => self.nested(value, depth, |writer| {
                Gc::<Gene>::from_value(value).map_or(Ok(()), |gene| writer.gene(gene, depth + 1))
            }),
            Some(Kind::Quoted) if self.tagged => match Gc::<Quoted>::from_value(value) {
                // Inside quoted data a quote is the form itself.
                Some(quoted) if quoted.mark == QuoteMark::Quote => self.value(quoted.form, depth),
                _ => Err(self.problem(value)),
            },
            Some(Kind::PathSymbol) if self.tagged => {
                let path = Gc::<PathSymbol>::from_value(value).map(|p| p.symbols());
                self.source(syntax::Kind::Path(path.unwrap_or_default().into()));
                Ok(())
            }
            _ if self.tagged => Err(self.problem(value)),
            _ => {
                let shown = self.vm.display(value);
                self.quoted(&shown);
                Ok(())
            }
        }
    }

    #[cold]
    fn problem(&self, value: Value) -> Problem {
        format!("{} is not serializable to JSON", self.vm.type_name(value))
    }

    /// Writes the inside of a container that must not contain itself.
    fn nested(
        &mut self,
        value: Value,
        depth: usize,
        write: impl FnOnce(&mut Self) -> Result<(), Problem>,
    ) -> Result<(), Problem> {
        let Some(header) = header_of(value) else { return Ok(()) };
        if header.has(VISITED) {
            return Err("a value that contains itself is not serializable to JSON".into());
        }
        if depth >= MAX_DEPTH {
            return Err("value is nested too deeply for JSON".into());
        }
        header.set_flag(VISITED);
        let result = write(self);
        header.clear_flag(VISITED);
        result
    }

    fn array(&mut self, items: &[Value], depth: usize) -> Result<(), Problem> {
        self.out.push('[');
        for (i, item) in items.iter().enumerate() {
            if i > 0 {
                self.out.push(',');
            }
            self.value(*item, depth)?;
        }
        self.out.push(']');
        Ok(())
    }

    fn entry(&mut self, key: &str, value: Value, depth: usize) -> Result<(), Problem> {
        if !self.out.ends_with('{') {
            self.out.push(',');
        }
        self.quoted(key);
        self.out.push(':');
        self.value(value, depth)
    }

    fn map(&mut self, value: Value, depth: usize) -> Result<(), Problem> {
        let Some(record) = as_record(value) else { return Ok(()) };
        let mut entries = record.entries();
        if self.tagged {
            entries.sort_by_key(|(key, _)| key.as_str());
            self.reserved(&entries, &["genetype"], "map")?;
        }
        self.out.push('{');
        for (key, value) in entries {
            self.entry(key.as_str(), value, depth)?;
        }
        self.out.push('}');
        Ok(())
    }

    fn gene(&mut self, gene: Gc<Gene>, depth: usize) -> Result<(), Problem> {
        let props = gene.props().map(|props| props.entries()).unwrap_or_default();
        self.reserved(&props, &["genetype", "children"], "Gene value")?;
        self.out.push('{');
        self.entry("genetype", gene.head.get(), depth)?;
        for (key, value) in props {
            self.entry(key.as_str(), value, depth)?;
        }
        if !gene.children.is_empty() {
            self.out.push_str(",\"children\":");
            self.array(gene.children.elements(), depth)?;
        }
        self.out.push('}');
        Ok(())
    }

    /// Refuses keys that mean something else in tagged JSON.
    fn reserved(
        &self,
        entries: &[(Symbol, Value)],
        reserved: &[&str],
        what: &str,
    ) -> Result<(), Problem> {
        match entries.iter().find(|(key, _)| reserved.contains(&key.as_str())) {
            Some((key, _)) => Err(format!("{what} with the key {key} is not serializable to JSON")),
            None => Ok(()),
        }
    }

    fn text(&mut self, text: &str) {
        match self.tagged && text.starts_with(TAG) {
            true => self.source(syntax::Kind::Str(text.into())),
            false => self.quoted(text),
        }
    }

    fn int(&mut self, number: i64) {
        let mut buffer = itoa::Buffer::new();
        let digits = buffer.format(number);
        match self.tagged && !(-MAX_EXACT..=MAX_EXACT).contains(&number) {
            true => self.source(syntax::Kind::Int(number)),
            false => self.out.push_str(digits),
        }
    }

    fn float(&mut self, number: f64) -> Result<(), Problem> {
        use std::fmt::Write;
        if number.is_finite() {
            // Writing to a string cannot fail.
            let _ = write!(self.out, "{}", format_float(number));
        } else if self.tagged {
            return Err(format!("{} is not serializable to JSON", format_float(number)));
        } else {
            self.out.push_str("null");
        }
        Ok(())
    }

    /// Gene text of a form, as a tagged string.
    fn source(&mut self, form: syntax::Kind) {
        let tagged = format!("{TAG}{}", Node::new(form));
        self.quoted(&tagged);
    }

    /// A JSON string.
    fn quoted(&mut self, text: &str) {
        self.out.push('"');
        let mut begin = 0;
        for (at, byte) in text.bytes().enumerate() {
            if byte >= b' ' && byte != b'"' && byte != b'\\' {
                continue;
            }
            self.out.push_str(&text[begin..at]);
            begin = at + 1;
            self.escape(byte);
        }
        self.out.push_str(&text[begin..]);
        self.out.push('"');
    }

    fn escape(&mut self, byte: u8) {
        use std::fmt::Write;
        let letter = match byte {
            b'\n' => 'n',
            b'\t' => 't',
            b'\r' => 'r',
            0x08 => 'b',
            0x0c => 'f',
            b'"' | b'\\' => byte as char,
            _ => {
                // Writing to a string cannot fail.
                let _ = write!(self.out, "\\u{byte:04x}");
                return;
            }
        };
        self.out.push('\\');
        self.out.push(letter);
    }
}

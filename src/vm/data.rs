//! Constants to values, and values back to syntax for `eval`.

use gene_isa::datum::Datum;
use gene_isa::{Symbol, datum};

use super::Vm;
use crate::heap::Gc;
use crate::heap::header::{SEALED, header_of};
use crate::object::misc::{QuoteMark, int_of};
use crate::object::record::as_record;
use crate::object::*;
use crate::source::Span;
use crate::syntax::{self, Node, Prop, Seq};
use crate::value::Value;

/// As deep as the reader lets forms nest.
const MAX_SYNTAX_DEPTH: usize = 1000;

impl Vm {
    /// The value of a constant. Collections are new each time.
    pub fn value_of(&mut self, datum: &Datum) -> Value {
        let value = match datum {
            Datum::Nil => Value::NIL,
            Datum::Void => Value::VOID,
            Datum::NotFound => Value::NOT_FOUND,
            Datum::Bool(b) => Value::bool(*b),
            Datum::Int(i) => BoxedInt::int(&mut self.heap, *i),
            Datum::Float(f) => Value::float(*f),
            Datum::Char(c) => Value::char(*c),
            Datum::Str(s) => Str::new(&mut self.heap, s).value(),
            Datum::Symbol(s) => Value::symbol(*s),
            Datum::Path(segments) => PathSymbol::new(&mut self.heap, segments).value(),
            Datum::Array(items, _) => self.array_of(items).value(),
            Datum::Map(entries, _) => self.map_of(entries).value(),
            Datum::HashMap(items, _) => {
                let table = HashObject::new(&mut self.heap, false);
                let values: Vec<Value> = items.iter().map(|d| self.value_of(d)).collect();
                for pair in values.chunks_exact(2) {
                    // Keys of quoted hash maps that are not hashable are left out.
                    let _ = self.table_set(table, pair[0], pair[1]);
                }
                table.value()
            }
            Datum::Gene(gene) => {
                let head = self.value_of(&gene.head);
                let props = (!gene.props.is_empty()).then(|| self.map_of(&gene.props));
                let children = self.array_of(&gene.children);
                Gene::new(&mut self.heap, head, props, children).value()
            }
            Datum::Quote(form) => self.quoted(QuoteMark::Quote, form),
            Datum::Unquote(form, false) => self.quoted(QuoteMark::Unquote, form),
            Datum::Unquote(form, true) => self.quoted(QuoteMark::Discard, form),
            Datum::Selector(segments) => super::selector::constant(self, segments),
            Datum::Bytes(bytes) => Bytes::new(&mut self.heap, bytes).value(),
            Datum::Date(date) => self.date_value(*date),
            Datum::Time(time) => self.time_value(time),
            Datum::DateTime(date, time) => self.date_time_value(*date, time),
            Datum::Regex(regex) => self.regex_value(regex),
        };
        let sealed = match datum {
            Datum::Array(_, s) | Datum::Map(_, s) | Datum::HashMap(_, s) => *s,
            Datum::Gene(gene) => gene.sealed,
            _ => false,
        };
        if let Some(header) = header_of(value).filter(|_| sealed) {
            header.set_flag(SEALED);
        }
        value
    }

    fn array_of(&mut self, items: &[Datum]) -> Gc<Array> {
        let values: Vec<Value> = items.iter().map(|d| self.value_of(d)).collect();
        Array::new(&mut self.heap, &values)
    }

    fn map_of(&mut self, entries: &[(Symbol, Datum)]) -> Gc<Map> {
        let map = Map::new(&mut self.heap, entries.len());
        for (key, datum) in entries {
            let value = self.value_of(datum);
            map.set(&mut self.heap, *key, value);
        }
        map
    }

    fn quoted(&mut self, mark: QuoteMark, form: &Datum) -> Value {
        let form = self.value_of(form);
        Quoted::new(&mut self.heap, mark, form).value()
    }

    /// A new copy of constant data, as `load_const` gives it.
    #[cold]
    pub(super) fn copy_data(&mut self, value: Value) -> Value {
        if header_of(value).is_some_and(|h| h.has(SEALED)) {
            return value;
        }
        match kind_of(value) {
            Some(Kind::Array) => {
                let items = Gc::<Array>::from_value(value).map(|a| a.to_vec()).unwrap_or_default();
                let items: Vec<Value> = items.into_iter().map(|v| self.copy_data(v)).collect();
                Array::new(&mut self.heap, &items).value()
            }
            Some(Kind::Map) => self.copy_map(value).map_or(value, Gc::value),
            Some(Kind::Gene) => {
                let Some(gene) = Gc::<Gene>::from_value(value) else { return value };
                let head = self.copy_data(gene.head.get());
                let props = gene.props().and_then(|p| self.copy_map(p.value()));
                let children: Vec<Value> =
                    gene.children.to_vec().into_iter().map(|v| self.copy_data(v)).collect();
                let children = Array::new(&mut self.heap, &children);
                Gene::new(&mut self.heap, head, props, children).value()
            }
            Some(Kind::HashObject) => {
                let Some(table) = Gc::<HashObject>::from_value(value) else { return value };
                let copy = HashObject::new(&mut self.heap, table.is_set());
                for (key, item) in table.entries() {
                    let (key, item) = (self.copy_data(key), self.copy_data(item));
                    let _ = self.table_set(copy, key, item);
                }
                copy.value()
            }
            _ => value,
        }
    }

    fn copy_map(&mut self, value: Value) -> Option<Gc<Map>> {
        let entries = as_record(value)?.entries();
        let map = Map::new(&mut self.heap, entries.len());
        for (key, item) in entries {
            let item = self.copy_data(item);
            map.set(&mut self.heap, key, item);
        }
        Some(map)
    }

    /// The syntax of data, for `eval`. Values that are no data (functions,
    /// instances, ...) become references by `embed`, which gives them a name.
    /// `None` if the data is nested too deeply, or contains itself.
    pub fn syntax_of(
        &mut self,
        value: Value,
        embed: &mut dyn FnMut(&mut Vm, Value) -> Symbol,
    ) -> Option<Node> {
        self.data_depth = 0;
        let node = self.node_of(value, embed);
        (self.data_depth < MAX_SYNTAX_DEPTH).then_some(node)
    }

    fn node_of(&mut self, value: Value, embed: &mut dyn FnMut(&mut Vm, Value) -> Symbol) -> Node {
        // Too deep, or in itself: the depth stays at the limit, which the caller sees.
        if self.data_depth >= MAX_SYNTAX_DEPTH {
            return Node::new(syntax::Kind::Nil);
        }
        self.data_depth += 1;
        let kind = match kind_of(value) {
            None => self.immediate_syntax(value),
            Some(kind) => self.object_syntax(kind, value, embed),
        };
        if self.data_depth < MAX_SYNTAX_DEPTH {
            self.data_depth -= 1;
        }
        Node { kind, span: Span::NONE }
    }

    fn immediate_syntax(&self, value: Value) -> syntax::Kind {
        if let Some(i) = value.as_small_int() {
            syntax::Kind::Int(i)
        } else if let Some(f) = value.as_float() {
            syntax::Kind::Float(f)
        } else if let Some(s) = value.as_symbol() {
            syntax::Kind::Symbol(s)
        } else if let Some(c) = value.as_char() {
            syntax::Kind::Char(c)
        } else {
            match value {
                Value::VOID => syntax::Kind::Void,
                Value::NOT_FOUND => syntax::Kind::NotFound,
                Value::TRUE => syntax::Kind::Bool(true),
                Value::FALSE => syntax::Kind::Bool(false),
                Value::PLACEHOLDER => syntax::Kind::Symbol(Symbol::intern("_")),
                _ => syntax::Kind::Nil,
            }
        }
    }

    fn object_syntax(
        &mut self,
        kind: Kind,
        value: Value,
        embed: &mut dyn FnMut(&mut Vm, Value) -> Symbol,
    ) -> syntax::Kind {
        let sealed = header_of(value).is_some_and(|h| h.has(SEALED));
        match kind {
            Kind::Str => syntax::Kind::Str(string::text_of(value).unwrap_or_default().into()),
            Kind::BoxedInt => syntax::Kind::Int(int_of(value).unwrap_or_default()),
            Kind::Array => {
                let items = Gc::<Array>::from_value(value).map(|a| a.to_vec()).unwrap_or_default();
                syntax::Kind::Array(self.seq(items, sealed, embed))
            }
            Kind::Map => {
                let entries = as_record(value).map(|r| r.entries()).unwrap_or_default();
                syntax::Kind::Map(self.props(entries, embed), sealed)
            }
            Kind::Gene => {
                let Some(gene) = Gc::<Gene>::from_value(value) else { return syntax::Kind::Nil };
                let head = self.node_of(gene.head.get(), embed);
                let props = gene.props().map(|p| p.entries()).unwrap_or_default();
                let props = self.props(props, embed);
                let children = self.seq(gene.children.to_vec(), sealed, embed).items;
                syntax::Kind::Gene(Box::new(syntax::Gene { head, props, children, sealed }))
            }
            Kind::PathSymbol => {
                let symbols = Gc::<PathSymbol>::from_value(value).map(|p| p.symbols());
                syntax::Kind::Path(symbols.unwrap_or_default().into())
            }
            Kind::Quoted => {
                let Some(quoted) = Gc::<Quoted>::from_value(value) else {
                    return syntax::Kind::Nil;
                };
                let form = Box::new(self.node_of(quoted.form, embed));
                match quoted.mark {
                    QuoteMark::Quote => syntax::Kind::Quote(form),
                    QuoteMark::Unquote => syntax::Kind::Unquote { form, discard: false },
                    QuoteMark::Discard => syntax::Kind::Unquote { form, discard: true },
                }
            }
            Kind::Bytes => {
                let bytes = Gc::<Bytes>::from_value(value);
                syntax::Kind::Bytes(bytes.map(|b| b.as_slice().into()).unwrap_or_default())
            }
            _ => syntax::Kind::Symbol(embed(self, value)),
        }
    }

    fn seq(
        &mut self,
        items: Vec<Value>,
        sealed: bool,
        embed: &mut dyn FnMut(&mut Vm, Value) -> Symbol,
    ) -> Seq {
        Seq { items: items.into_iter().map(|v| self.node_of(v, embed)).collect(), sealed }
    }

    fn props(
        &mut self,
        entries: Vec<(Symbol, Value)>,
        embed: &mut dyn FnMut(&mut Vm, Value) -> Symbol,
    ) -> Vec<Prop> {
        let prop = |(key, value): (Symbol, Value)| Prop {
            key,
            key_span: Span::NONE,
            value: self.node_of(value, embed),
        };
        entries.into_iter().map(prop).collect()
    }

    fn date_value(&mut self, date: datum::Date) -> Value {
        time::date(&mut self.heap, date)
    }
    fn time_value(&mut self, value: &datum::Time) -> Value {
        time::time(&mut self.heap, value)
    }
    fn date_time_value(&mut self, date: datum::Date, value: &datum::Time) -> Value {
        time::date_time(&mut self.heap, date, value)
    }
    fn regex_value(&mut self, value: &datum::Regex) -> Value {
        regex::new(&mut self.heap, value)
    }
}

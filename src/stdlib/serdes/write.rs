//! Values to text.

use gene_isa::Symbol;
use rustc_hash::FxHashMap;

use super::{HEADS, MAX_DEPTH};
use crate::heap::Gc;
use crate::heap::header::{SEALED, header_of};
use crate::object::misc::{QuoteMark, int_of};
use crate::object::record::as_record;
use crate::object::string::text_of as str_of;
use crate::object::{
    Array, Bytes, Class, Enum, EnumValue, Foreign, Function, Gene, HashObject, Kind, Native,
    PathSymbol, Quoted, Variant, kind_of,
};
use crate::reader;
use crate::source::{FileId, Span};
use crate::syntax::{self, Kind as Form, Node, Prop, Seq};
use crate::value::Value;
use crate::vm::import::all_exports;
use crate::vm::{Throw, Vm};

/// `(gene/serialization ...)`
pub(super) fn text_of(vm: &mut Vm, value: Value) -> Result<String, Throw> {
    let mark = vm.root_mark();
    vm.root(value);
    let written = Writer { vm, names: None }.node(value, 0);
    vm.unroot(mark);
    let head = ["gene", "serialization"].map(Symbol::intern);
    let head = Node::new(Form::Path(head.as_slice().into()));
    Ok(form(head, Vec::new(), vec![written?]).to_string())
}

fn form(head: Node, props: Vec<Prop>, children: Vec<Node>) -> Node {
    Node::new(Form::Gene(Box::new(syntax::Gene { head, props, children, sealed: false })))
}

fn symbol(name: &str) -> Node {
    Node::new(Form::Symbol(Symbol::intern(name)))
}

fn prop(key: &str, text: &str) -> Prop {
    let value = Node::new(Form::Str(text.into()));
    Prop { key: Symbol::intern(key), key_span: Span::NONE, value }
}

/// Where a definition is: the module (none for what is built in) and its path there.
type Place = (String, String);

struct Writer<'v> {
    vm: &'v mut Vm,
    /// Definitions by identity, collected when the first is asked for.
    names: Option<FxHashMap<u64, Place>>,
}

impl Writer<'_> {
    fn node(&mut self, value: Value, depth: usize) -> Result<Node, Throw> {
        if depth > MAX_DEPTH {
            let message = "data nested too deeply, or in a circle, is not serializable";
            return Err(self.vm.arg_error(message));
        }
        let Some(kind) = kind_of(value) else { return Ok(immediate(value)) };
        let sealed = header_of(value).is_some_and(|h| h.has(SEALED));
        let form = match kind {
            Kind::Str => Form::Str(str_of(value).unwrap_or_default().into()),
            Kind::BoxedInt => Form::Int(int_of(value).unwrap_or_default()),
            Kind::Array => {
                let items = Gc::<Array>::from_value(value).map(|a| a.to_vec()).unwrap_or_default();
                Form::Array(Seq { items: self.nodes(items, depth)?, sealed })
            }
            Kind::Map => Form::Map(self.props(value, depth)?, sealed),
            Kind::HashObject => {
                let table = Gc::<HashObject>::from_value(value).filter(|t| !t.is_set());
                let Some(table) = table else { return Err(self.refuse(value)) };
                let flat = table.entries().into_iter().flat_map(|(k, v)| [k, v]).collect();
                Form::HashMap(Seq { items: self.nodes(flat, depth)?, sealed })
            }
            Kind::Gene => return self.gene(value, sealed, depth),
            Kind::PathSymbol => {
                let symbols = Gc::<PathSymbol>::from_value(value).map(|p| p.symbols());
                Form::Path(symbols.unwrap_or_default().into())
            }
            Kind::Quoted => {
                let Some(quoted) = Gc::<Quoted>::from_value(value) else {
                    return Err(self.refuse(value));
                };
                let form = Box::new(self.node(quoted.form, depth + 1)?);
                match quoted.mark {
                    QuoteMark::Quote => Form::Quote(form),
                    QuoteMark::Unquote => Form::Unquote { form, discard: false },
                    QuoteMark::Discard => Form::Unquote { form, discard: true },
                }
            }
            Kind::Bytes => {
                let bytes = Gc::<Bytes>::from_value(value);
                Form::Bytes(bytes.map(|b| b.as_slice().into()).unwrap_or_default())
            }
            Kind::Foreign => return self.foreign(value),
            Kind::Class => return self.reference("ClassRef", value),
            Kind::Function | Kind::Native => return self.reference("FunctionRef", value),
            Kind::Namespace => return self.reference("NamespaceRef", value),
            Kind::Enum => return self.reference("EnumRef", value),
            Kind::Variant => return self.variant(value),
            Kind::EnumValue => return self.enum_value(value, depth),
            Kind::Instance => return self.instance(value, depth),
            _ => return Err(self.refuse(value)),
        };
        Ok(Node::new(form))
    }

    /// Methods `serialize` may change the collection: what is to be written
    /// stays alive.
    fn nodes(&mut self, values: Vec<Value>, depth: usize) -> Result<Vec<Node>, Throw> {
        let mark = self.vm.root_mark();
        for value in &values {
            self.vm.root(*value);
        }
        let nodes = values.into_iter().map(|v| self.node(v, depth + 1)).collect();
        self.vm.unroot(mark);
        nodes
    }

    fn props(&mut self, map: Value, depth: usize) -> Result<Vec<Prop>, Throw> {
        let entries = as_record(map).map(|r| r.entries()).unwrap_or_default();
        let (keys, values): (Vec<Symbol>, Vec<Value>) = entries.into_iter().unzip();
        let nodes = self.nodes(values, depth)?;
        let prop = |(key, value)| Prop { key, key_span: Span::NONE, value };
        Ok(keys.into_iter().zip(nodes).map(prop).collect())
    }

    fn gene(&mut self, value: Value, sealed: bool, depth: usize) -> Result<Node, Throw> {
        let Some(gene) = Gc::<Gene>::from_value(value) else { return Err(self.refuse(value)) };
        let head = self.node(gene.head.get(), depth + 1)?;
        let props = match gene.props() {
            Some(props) => self.props(props.value(), depth)?,
            None => Vec::new(),
        };
        let children = self.nodes(gene.children.to_vec(), depth)?;
        let reserved = HEADS.iter().any(|name| head.is_symbol(name));
        let node = Node::new(Form::Gene(Box::new(syntax::Gene { head, props, children, sealed })));
        Ok(match reserved {
            true => form(symbol("Data"), Vec::new(), vec![node]),
            false => node,
        })
    }

    /// Dates, times and patterns, whose display form reads back.
    fn foreign(&mut self, value: Value) -> Result<Node, Throw> {
        let Some(data) = Gc::<Foreign>::from_value(value) else { return Err(self.refuse(value)) };
        if matches!(data.data.class(), "Date" | "Time" | "DateTime" | "Regexp") {
            let text = self.vm.display(value);
            if let Ok(node) = reader::read_first(FileId(u32::MAX), &text) {
                return Ok(node);
            }
        }
        Err(self.refuse(value))
    }

    #[cold]
    fn refuse(&mut self, value: Value) -> Throw {
        let name = self.vm.type_name(value);
        self.vm.arg_error(format!("a value of type {name} is not serializable"))
    }

    // ---- references ------------------------------------------------------------

    fn place(&mut self, value: Value) -> Option<Place> {
        let vm = &*self.vm;
        let names = self.names.get_or_insert_with(|| definitions(vm));
        names.get(&value.bits()).cloned()
    }

    fn reference(&mut self, head: &str, value: Value) -> Result<Node, Throw> {
        match self.place(value) {
            Some(place) => Ok(reference(head, &place)),
            None => {
                let name = self.vm.type_name(value);
                let message = format!("a {name} that is not exported is not serializable");
                Err(self.vm.arg_error(message))
            }
        }
    }

    fn variant(&mut self, value: Value) -> Result<Node, Throw> {
        let Some(variant) = Gc::<Variant>::from_value(value) else {
            return Err(self.refuse(value));
        };
        match self.place(variant.parent.value()) {
            Some((module, path)) => {
                Ok(reference("EnumRef", &(module, format!("{path}/{}", variant.name))))
            }
            None => Err(self.refuse(value)),
        }
    }

    fn enum_value(&mut self, value: Value, depth: usize) -> Result<Node, Throw> {
        let Some(made) = Gc::<EnumValue>::from_value(value) else { return Err(self.refuse(value)) };
        let variant = self.variant(made.variant.value())?;
        let items = self.nodes(made.payload().to_vec(), depth)?;
        let payload = Node::new(Form::Array(Seq { items, sealed: false }));
        Ok(form(symbol("EnumValue"), Vec::new(), vec![variant, payload]))
    }

    fn instance(&mut self, value: Value, depth: usize) -> Result<Node, Throw> {
        if let Some(place) = self.place(value) {
            return Ok(reference("InstanceRef", &place));
        }
        let class = self.vm.class_of(value);
        let write = class.find_method(Symbol::intern("serialize"));
        let read = class.find_method(Symbol::intern("deserialize"));
        let (Some(write), Some(_)) = (write, read) else {
            let message = format!(
                "anonymous instances cannot be serialized: an instance of {} is not serializable",
                class.name
            );
            return Err(self.vm.arg_error(message));
        };
        let class = self.reference("ClassRef", class.value())?;
        let payload = self.vm.call_method_value(write, value, &[])?;
        let mark = self.vm.root_mark();
        self.vm.root(payload);
        let payload = self.node(payload, depth + 1);
        self.vm.unroot(mark);
        Ok(form(symbol("Instance"), Vec::new(), vec![class, payload?]))
    }
}

fn immediate(value: Value) -> Node {
    Node::new(if let Some(i) = value.as_small_int() {
        Form::Int(i)
    } else if let Some(f) = value.as_float() {
        Form::Float(f)
    } else if let Some(s) = value.as_symbol() {
        Form::Symbol(s)
    } else if let Some(c) = value.as_char() {
        Form::Char(c)
    } else {
        match value {
            Value::VOID => Form::Void,
            Value::NOT_FOUND => Form::NotFound,
            Value::TRUE => Form::Bool(true),
            Value::FALSE => Form::Bool(false),
            Value::PLACEHOLDER => Form::Symbol(Symbol::intern("_")),
            _ => Form::Nil,
        }
    })
}

fn reference(head: &str, (module, path): &Place) -> Node {
    let mut props = Vec::new();
    if !module.is_empty() {
        props.push(prop("module", module));
    }
    props.push(prop("path", path));
    form(symbol(head), props, Vec::new())
}

/// All definitions that a reference can name: exports of modules and global
/// names, those of namespaces in them included.
fn definitions(vm: &Vm) -> FxHashMap<u64, Place> {
    let mut open: Vec<(Place, Symbol, Value)> = Vec::new();
    for module in vm.modules.iter().filter(|m| !m.path.starts_with("<prelude")) {
        for (name, value) in all_exports(module) {
            open.push(((module.path.clone(), name.as_str().to_owned()), name, value));
        }
    }
    for (name, value) in &vm.builtins {
        if !name.as_str().starts_with(['\0', '_']) {
            open.push(((String::new(), name.as_str().to_owned()), *name, *value));
        }
    }
    let mut found: FxHashMap<u64, Place> = FxHashMap::default();
    while let Some((place, name, value)) = open.pop() {
        let own = match kind_of(value) {
            Some(Kind::Class) => Gc::<Class>::from_value(value).map(|c| c.name),
            Some(Kind::Enum) => Gc::<Enum>::from_value(value).map(|e| e.name),
            Some(Kind::Native) => Gc::<Native>::from_value(value).map(|n| n.name),
            Some(Kind::Function) => {
                Gc::<Function>::from_value(value).and_then(|f| f.code.data.name)
            }
            Some(Kind::Namespace | Kind::Instance) => None,
            _ => continue,
        };
        // The name it was defined with is better than an alias, a shorter or
        // else earlier one better than others.
        let better = |old: &Place| {
            let last = old.1.rsplit('/').next();
            let aliased = own.is_some_and(|own| last != Some(own.as_str()));
            let fits = own == Some(name);
            (aliased && fits) || (aliased != fits && (place.1.len(), &place) < (old.1.len(), old))
        };
        let first = match found.get(&value.bits()) {
            Some(old) if !better(old) => continue,
            old => old.is_none(),
        };
        if first && let Some(namespace) = Gc::<crate::object::Namespace>::from_value(value) {
            for (name, member) in namespace.members.entries() {
                open.push(((place.0.clone(), format!("{}/{name}", place.1)), name, member));
            }
        }
        found.insert(value.bits(), place);
    }
    found
}

//! From a heap into a parcel.

use std::cell::Cell;
use std::ptr::NonNull;

use super::*;
use crate::heap::Scope;
use crate::heap::header::{FROZEN, SEALED, header_of};
use crate::object::interface::{Implementation, Interface};
use crate::object::misc::{BoxedInt, PathSymbol, Quoted, Range, bytes_of, int_of};
use crate::object::string::text_of;
use crate::object::{
    Array, BoundMethod, Class, Code, Enum, EnumValue, Function, Gene, HashObject, Kind, Map,
    Module, Namespace, Native, Variant, kind_of, origin,
};
use gene_isa::{Op, Symbol};

/// What may be packed, and what happens to the rest.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rule {
    /// A message: what it may not contain is refused.
    Message,
    /// Code: what cannot be copied is missing on the other side.
    Code,
}

/// Fills a parcel.
pub struct Packer<'a> {
    vm: &'a mut Vm,
    /// Where the values come from.
    world: Value,
    nodes: Vec<Option<Node>>,
    scopes: Vec<Option<ScopeNode>>,
    slots: Vec<(u32, u32, Item)>,
    roots: Vec<Item>,
    seen: FxHashMap<u64, u32>,
    seen_scopes: FxHashMap<usize, u32>,
    scanned: FxHashSet<(usize, u64)>,
    seen_slots: FxHashSet<(u64, u32)>,
    todo: Vec<(u32, Value, Rule)>,
    is_private: bool,
}

/// The value that may not be in a message.
pub struct NotSendable(pub Value);

impl<'a> Packer<'a> {
    /// An empty parcel for values of a world.
    pub fn new(vm: &'a mut Vm, world: Value) -> Packer<'a> {
        Packer {
            vm,
            world,
            nodes: Vec::new(),
            scopes: Vec::new(),
            slots: Vec::new(),
            roots: Vec::new(),
            seen: FxHashMap::default(),
            seen_scopes: FxHashMap::default(),
            scanned: FxHashSet::default(),
            seen_slots: FxHashSet::default(),
            todo: Vec::new(),
            is_private: false,
        }
    }

    /// Adds a value by the rules for messages (8.16).
    ///
    /// # Errors
    ///
    /// If something in it may not be sent.
    pub fn message(&mut self, value: Value) -> Result<(), NotSendable> {
        self.add(value, Rule::Message)
    }

    /// Adds a function that is going to run elsewhere.
    ///
    /// # Errors
    ///
    /// None; the signature is that of [`Packer::message`].
    pub fn code(&mut self, function: Value) -> Result<(), NotSendable> {
        self.add(function, Rule::Code)
    }

    fn add(&mut self, value: Value, rule: Rule) -> Result<(), NotSendable> {
        let root = self.item(value, rule);
        self.roots.push(root);
        while let Some((at, value, rule)) = self.todo.pop() {
            let node = self.node(value, rule)?;
            self.nodes[at as usize] = Some(node);
        }
        Ok(())
    }

    /// The parcel.
    pub fn finish(self) -> Parcel {
        Parcel {
            nodes: self.nodes.into_iter().map(|n| n.unwrap_or(Node::Missing)).collect(),
            scopes: self.scopes.into_iter().flatten().collect(),
            slots: self.slots,
            roots: self.roots,
            is_private: self.is_private,
        }
    }

    fn item(&mut self, value: Value, rule: Rule) -> Item {
        if header_of(value).is_none() {
            return Item::Word(value.bits());
        }
        if let Some(at) = self.seen.get(&value.bits()) {
            return Item::Node(*at);
        }
        let at = self.nodes.len() as u32;
        self.nodes.push(None);
        self.seen.insert(value.bits(), at);
        self.todo.push((at, value, rule));
        Item::Node(at)
    }

    fn items(&mut self, values: &[Value], rule: Rule) -> Vec<Item> {
        values.iter().map(|v| self.item(*v, rule)).collect()
    }

    fn entries(&mut self, entries: &[(Symbol, Value)], rule: Rule) -> Vec<(Symbol, Item)> {
        entries.iter().map(|(key, v)| (*key, self.item(*v, rule))).collect()
    }

    /// Where an object that has copies is known from now on.
    fn origin_of(&mut self, cell: &Cell<u64>, object: Value) -> u64 {
        let origin = origin(cell);
        if known(self.world, origin).is_none() {
            register(self.vm, self.world, origin, object);
        }
        origin
    }

    fn node(&mut self, value: Value, rule: Rule) -> Result<Node, NotSendable> {
        let Some(header) = header_of(value) else { return Ok(Node::Missing) };
        let flags = header.flags.get() & (SEALED | FROZEN);
        let is_code = rule == Rule::Code || flags & FROZEN != 0;
        let made = match Kind::from_u8(header.kind) {
            Kind::Str => text_of(value).map(|text| Node::Text(text.into())),
            Kind::BoxedInt => Gc::<BoxedInt>::from_value(value).and(int_of(value)).map(Node::Int),
            Kind::Bytes => bytes_of(value).map(|bytes| Node::Bytes(bytes.into())),
            Kind::Range => Gc::<Range>::from_value(value)
                .map(|r| Node::Range(r.start, r.end, r.has_step.then_some(r.step))),
            Kind::PathSymbol => {
                Gc::<PathSymbol>::from_value(value).map(|p| Node::Path(p.symbols()))
            }
            Kind::Quoted => Gc::<Quoted>::from_value(value)
                .map(|q| Node::Quoted(q.mark, self.item(q.form, rule))),
            Kind::Array | Kind::Map | Kind::Gene => self.collection(value, rule, flags),
            Kind::EnumValue => Gc::<EnumValue>::from_value(value).map(|v| {
                let variant = self.item(v.variant.value(), Rule::Code);
                Node::EnumValue { variant, payload: self.items(v.payload(), rule) }
            }),
            Kind::Variant => Gc::<Variant>::from_value(value).map(|v| Node::Variant {
                parent: self.item(v.parent.value(), Rule::Code),
                ordinal: v.ordinal as usize,
            }),
            Kind::Foreign => self.foreign(value, rule),
            Kind::Function if is_code => self.function(value),
            Kind::Native if is_code => Gc::<Native>::from_value(value).map(|n| Node::Native {
                function: n.function.0.expose_provenance(),
                name: n.name,
                arity: (n.min, n.max),
                keywords: n.keywords,
                data: self.item(n.data, Rule::Code),
            }),
            Kind::BoundMethod if is_code => Gc::<BoundMethod>::from_value(value).map(|b| {
                let this = self.item(b.this, Rule::Code);
                Node::BoundMethod { this, method: self.item(b.method, Rule::Code) }
            }),
            Kind::HashObject if rule == Rule::Code => {
                Gc::<HashObject>::from_value(value).map(|hash| {
                    let entries = hash.entries().into_iter();
                    let entries = entries.map(|(k, v)| (self.item(k, rule), self.item(v, rule)));
                    Node::Hash { entries: entries.collect(), set: hash.is_set(), flags }
                })
            }
            Kind::Enum if rule == Rule::Code => {
                Gc::<Enum>::from_value(value).map(|e| self.enumeration(e))
            }
            Kind::Class if rule == Rule::Code => {
                Gc::<Class>::from_value(value).map(|c| self.class(c))
            }
            Kind::Namespace if rule == Rule::Code => {
                Gc::<Namespace>::from_value(value).map(|ns| self.namespace(ns))
            }
            Kind::Module if rule == Rule::Code => {
                Gc::<Module>::from_value(value).map(|m| self.module(m))
            }
            _ => None,
        };
        match made {
            Some(node) => Ok(node),
            None if rule == Rule::Code => Ok(Node::Missing),
            None => Err(NotSendable(value)),
        }
    }

    fn collection(&mut self, value: Value, rule: Rule, flags: u8) -> Option<Node> {
        if let Some(array) = Gc::<Array>::from_value(value) {
            return Some(Node::Array { items: self.items(&array.to_vec(), rule), flags });
        }
        if let Some(map) = Gc::<Map>::from_value(value) {
            return Some(Node::Map { entries: self.entries(&map.entries(), rule), flags });
        }
        let gene = Gc::<Gene>::from_value(value)?;
        let head = self.item(gene.head.get(), rule);
        let props = gene.props().map(|p| p.entries()).unwrap_or_default();
        let props = self.entries(&props, rule);
        let children = self.items(&gene.children.to_vec(), rule);
        Some(Node::Gene { head, props, children, flags })
    }

    fn foreign(&mut self, value: Value, rule: Rule) -> Option<Node> {
        let object = Gc::<Foreign>::from_value(value)?;
        let mut values = Vec::new();
        if let Some(make) = object.data.portable(&mut values) {
            // Classes in a type are code, whatever the type is for.
            let types = object.data.class() == "Type";
            let rule = if types { Rule::Code } else { rule };
            return Some(Node::Foreign { make, values: self.items(&values, rule) });
        }
        if rule == Rule::Message {
            return None;
        }
        if let Some(interface) = foreign::<Interface>(value) {
            let origin = self.origin_of(&interface.origin, value);
            let implementations = interface.implementations().into_iter();
            return Some(Node::Interface(Box::new(InterfaceNode {
                origin,
                name: interface.name,
                methods: interface.methods.borrow().clone(),
                fields: interface.fields.borrow().iter().map(|f| (f.name, f.readonly)).collect(),
                implementations: implementations
                    .map(|(class, i)| (self.item(class.value(), rule), self.item(i, rule)))
                    .collect(),
            })));
        }
        let implementation = foreign::<Implementation>(value)?;
        let methods = pairs(&implementation.methods.borrow());
        Some(Node::Implementation(Box::new(ImplementationNode {
            interface: self.item(implementation.interface, rule),
            class: self.item(implementation.class.value(), rule),
            methods: self.entries(&methods, rule),
            ctor: self.item(implementation.ctor.get(), rule),
        })))
    }

    fn enumeration(&mut self, e: Gc<Enum>) -> Node {
        let origin = self.origin_of(&e.origin, e.value());
        let variants = e.variants.borrow().clone().into_iter();
        let variants = variants.map(|v| VariantNode {
            name: v.name,
            fields: v.fields.to_vec().iter().filter_map(|f| f.as_symbol()).collect(),
            types: self.items(&v.types.to_vec(), Rule::Code),
        });
        Node::Enum { origin, name: e.name, variants: variants.collect() }
    }

    fn class(&mut self, class: Gc<Class>) -> Node {
        if let Some(name) = self.vm.builtin_class_name(class) {
            return Node::BuiltinClass(name);
        }
        let rule = Rule::Code;
        let origin = self.origin_of(&class.origin, class.value());
        let methods = pairs(&class.methods.borrow());
        let fields = class.fields.borrow().as_ref().map(|fields| {
            let types: Vec<_> = fields.iter().map(|(name, f)| (*name, f.ty)).collect();
            types
        });
        let interfaces = class.interfaces.borrow().clone();
        Node::Class(Box::new(ClassNode {
            origin,
            name: class.name,
            parent: class.parent.map(|p| self.item(p.value(), rule)),
            methods: self.entries(&methods, rule),
            ctor: self.item(class.ctor.get(), rule),
            missing: self.item(class.missing.get(), rule),
            fields: fields.map(|fields| self.entries(&fields, rule)),
            closed: class.closed.get(),
            interfaces: self.items(&interfaces, rule),
            members: self.entries(&class.members.entries(), rule),
            room: class.room.get(),
            module: class.module.borrow().clone(),
        }))
    }

    fn namespace(&mut self, ns: Gc<Namespace>) -> Node {
        if let Some(module) = self.vm.modules.iter().copied().find(|m| m.namespace == ns) {
            return Node::Exports(self.item(module.value(), Rule::Code));
        }
        let origin = self.origin_of(&ns.origin, ns.value());
        let members = self.entries(&ns.members.entries(), Rule::Code);
        let missing = self.item(ns.missing.get(), Rule::Code);
        Node::Namespace { origin, name: ns.name, members, missing }
    }

    fn module(&mut self, module: Gc<Module>) -> Node {
        let origin = self.origin_of(&module.origin, module.value());
        let imported = self.item(module.imported.get(), Rule::Code);
        let names = module.names.borrow().clone();
        Node::Module { origin, path: module.path.clone(), names, imported }
    }

    fn function(&mut self, value: Value) -> Option<Node> {
        let f = Gc::<Function>::from_value(value)?;
        let module = self.item(f.code.module.value(), Rule::Code);
        self.scan(f.code, module);
        Some(Node::Function(Box::new(FunctionNode {
            code: f.code.data.clone(),
            module,
            scope: f.scope.and_then(|_| self.scopes_of(f)),
            this: self.item(f.this.get(), Rule::Code),
            home: self.item(f.home.get(), Rule::Code),
            flags: f.header.flags.get() & FROZEN,
        })))
    }

    /// The innermost of the scopes of a function.
    fn scopes_of(&mut self, f: Gc<Function>) -> Option<u32> {
        let scopes: Vec<NonNull<Scope>> = f.scopes().map(NonNull::from).collect();
        let mut parent = None;
        for (scope, address) in f.scopes().zip(&scopes).collect::<Vec<_>>().into_iter().rev() {
            let address = address.as_ptr().addr();
            if let Some(at) = self.seen_scopes.get(&address) {
                parent = Some(*at);
                continue;
            }
            let at = self.scopes.len() as u32;
            self.scopes.push(None);
            self.seen_scopes.insert(address, at);
            let values: Vec<Value> = scope.slots().iter().map(|slot| slot.get()).collect();
            let slots = self.items(&values, Rule::Code);
            let frozen = scope.header.is_frozen();
            self.scopes[at as usize] = Some(ScopeNode { parent, slots, frozen });
            parent = Some(at);
        }
        parent
    }

    /// Adds the variables of its module that code uses.
    fn scan(&mut self, code: Gc<Code>, module: Item) {
        let Item::Node(node) = module else { return };
        if !self
            .scanned
            .insert((std::sync::Arc::as_ptr(&code.data).addr(), code.module.value().bits()))
        {
            return;
        }
        for proto in &code.protos {
            self.scan(*proto, module);
        }
        for insn in &code.data.insns {
            match insn.op {
                Op::GetModule | Op::CallModule | Op::TailCallModule => {}
                Op::SetModule => self.is_private = true,
                _ => continue,
            }
            self.slot(code.module, node, insn.bc());
        }
        for slot in code.data.annotated_slots() {
            self.slot(code.module, node, slot);
        }
    }

    /// Adds a variable of a module.
    fn slot(&mut self, module: Gc<Module>, node: u32, slot: u32) {
        if !self.seen_slots.insert((module.value().bits(), slot)) {
            return;
        }
        let value = module.var(slot as usize);
        let is_code = matches!(
            kind_of(value),
            Some(Kind::Function | Kind::Native | Kind::Class | Kind::Namespace | Kind::Enum)
        );
        self.is_private |= !is_code && !value.is_unset();
        let item = self.item(value, Rule::Code);
        self.slots.push((node, slot, item));
    }
}

fn pairs(map: &FxHashMap<Symbol, Value>) -> Vec<(Symbol, Value)> {
    map.iter().map(|(name, value)| (*name, *value)).collect()
}

//! From a parcel into a heap.

use std::cell::{Cell, RefCell};
use std::ptr::NonNull;

use super::*;
use crate::heap::Scope;
use crate::heap::header::header_of;
use crate::object::class::FieldInfo;
use crate::object::function::NativePtr;
use crate::object::interface::{Implementation, Interface, RequiredField};
use crate::object::misc::{BoxedInt, PathSymbol, Quoted, Range};
use crate::object::{
    Array, BoundMethod, Bytes, Class, Enum, EnumValue, Function, Gene, HashObject, Map, Module,
    Namespace, Native, Str,
};

impl Parcel {
    /// Whether its code needs a world of its own.
    pub fn is_private(&self) -> bool {
        self.is_private
    }

    /// Makes the values in a world of this heap. Nothing is collected meanwhile.
    pub fn unpack(self, vm: &mut Vm, world: Value) -> Vec<Value> {
        let made = vec![Value::UNSET; self.nodes.len()];
        let nodes = self.nodes.into_iter().map(Some).collect();
        let scopes = vec![None; self.scopes.len()];
        let mut unpacker = Unpacker {
            vm,
            world,
            nodes,
            made,
            scopes,
            scope_nodes: self.scopes,
            fills: Vec::new(),
            flags: Vec::new(),
        };
        // Backwards: what a node consists of mostly comes behind it, so that
        // one does not have to wait inside another.
        for at in (0..unpacker.nodes.len() as u32).rev() {
            unpacker.object(at);
        }
        while let Some(fill) = unpacker.fills.pop() {
            unpacker.fill(fill);
        }
        unpacker.fill_scopes();
        for (module, slot, item) in self.slots {
            let value = unpacker.value(item);
            if let Some(module) = Gc::<Module>::from_value(unpacker.object(module))
                && module.world.get() == unpacker.world
                && module.var(slot as usize).is_unset()
            {
                module.set_var(slot as usize, value);
            }
        }
        for (value, flags) in std::mem::take(&mut unpacker.flags) {
            if let Some(header) = header_of(value) {
                header.flags.set(header.flags.get() | flags);
            }
        }
        let roots = self.roots.iter().map(|item| unpacker.value(*item)).collect();
        for scope in unpacker.scopes.into_iter().flatten() {
            unpacker.vm.heap.release_scope(scope);
        }
        roots
    }
}

/// What is still to be put into an object.
enum Fill {
    Items(Gc<Array>, Vec<Item>),
    Entries(Gc<Map>, Vec<(Symbol, Item)>),
    Hash(Gc<HashObject>, Vec<(Item, Item)>),
    Head(Gc<Gene>, Item),
    Function(Gc<Function>, Item, Item),
    Class(Gc<Class>, Box<ClassNode>),
    Missing(Gc<Namespace>, Item),
    Imported(Gc<Module>, Item),
    Interface(Value, Vec<(Item, Item)>),
    Implementation(Value, Vec<(Symbol, Item)>, Item),
}

struct Unpacker<'a> {
    vm: &'a mut Vm,
    world: Value,
    nodes: Vec<Option<Node>>,
    made: Vec<Value>,
    scopes: Vec<Option<NonNull<Scope>>>,
    scope_nodes: Vec<ScopeNode>,
    fills: Vec<Fill>,
    /// Sealing and freezing come last.
    flags: Vec<(Value, u8)>,
}

impl Unpacker<'_> {
    fn value(&mut self, item: Item) -> Value {
        match item {
            Item::Word(bits) => Value::from_bits(bits),
            Item::Node(at) => self.object(at),
        }
    }

    fn values(&mut self, items: &[Item]) -> Vec<Value> {
        items.iter().map(|item| self.value(*item)).collect()
    }

    fn object(&mut self, at: u32) -> Value {
        let at = at as usize;
        if let Some(node) = self.nodes[at].take() {
            let value = self.make(at, node);
            self.made[at] = value;
        }
        self.made[at]
    }

    fn make(&mut self, at: usize, node: Node) -> Value {
        let heap = &mut self.vm.heap;
        match node {
            Node::Missing => Value::UNSET,
            Node::Text(text) => Str::new(heap, &text).value(),
            Node::Int(number) => BoxedInt::int(heap, number),
            Node::Bytes(bytes) => Bytes::new(heap, &bytes).value(),
            Node::Range(start, end, step) => Range::new(heap, start, end, step).value(),
            Node::Path(segments) => PathSymbol::new(heap, &segments).value(),
            Node::Quoted(mark, form) => {
                let form = self.value(form);
                Quoted::new(&mut self.vm.heap, mark, form).value()
            }
            Node::Array { items, flags } => {
                let array = Array::new(heap, &[]);
                self.flag(array.value(), flags);
                self.fills.push(Fill::Items(array, items));
                array.value()
            }
            Node::Map { entries, flags } => {
                let map = Map::new(heap, entries.len());
                self.flag(map.value(), flags);
                self.fills.push(Fill::Entries(map, entries));
                map.value()
            }
            Node::Hash { entries, set, flags } => {
                let hash = HashObject::new(heap, set);
                self.flag(hash.value(), flags);
                self.fills.push(Fill::Hash(hash, entries));
                hash.value()
            }
            Node::Gene { head, props, children, flags } => {
                let array = Array::new(heap, &[]);
                let gene = Gene::new(heap, Value::NIL, None, array);
                self.flag(gene.value(), flags);
                self.fills.push(Fill::Head(gene, head));
                self.fills.push(Fill::Items(array, children));
                if !props.is_empty() {
                    let map = gene.props_mut(&mut self.vm.heap);
                    self.fills.push(Fill::Entries(map, props));
                }
                gene.value()
            }
            Node::EnumValue { variant, payload } => {
                let payload = self.values(&payload);
                match Gc::from_value(self.value(variant)) {
                    Some(variant) => EnumValue::new(&mut self.vm.heap, variant, &payload).value(),
                    None => Value::NIL,
                }
            }
            Node::Variant { parent, ordinal } => {
                let parent = Gc::<Enum>::from_value(self.value(parent));
                let variant = parent.and_then(|p| p.variants.borrow().get(ordinal).copied());
                variant.map_or(Value::NIL, Gc::value)
            }
            Node::Enum { origin, name, variants } => self.enumeration(at, origin, name, variants),
            Node::Foreign { make, values } => {
                let values = self.values(&values);
                Foreign::from_box(&mut self.vm.heap, make(&values)).value()
            }
            Node::Function(node) => self.function(*node),
            Node::Native { function, name, arity, keywords, data } => {
                let data = self.value(data);
                let function = NativePtr(std::ptr::with_exposed_provenance(function));
                Native::new(&mut self.vm.heap, function, name, arity, keywords, data).value()
            }
            Node::BoundMethod { this, method } => {
                let (this, method) = (self.value(this), self.value(method));
                BoundMethod::new(&mut self.vm.heap, this, method).value()
            }
            Node::BuiltinClass(name) => self.vm.builtin_class(name).map_or(Value::UNSET, Gc::value),
            Node::Class(node) => self.class(at, node),
            Node::Namespace { origin, name, members, missing } => {
                if let Some(known) = known(self.world, origin) {
                    return known;
                }
                let ns = Namespace::new(heap, name);
                ns.origin.set(origin);
                register(self.vm, self.world, origin, ns.value());
                self.fills.push(Fill::Entries(ns.members, members));
                self.fills.push(Fill::Missing(ns, missing));
                ns.value()
            }
            Node::Exports(module) => {
                let module = Gc::<Module>::from_value(self.value(module));
                module.map_or(Value::NIL, |m| m.namespace.value())
            }
            Node::Module { origin, path, names, imported } => {
                if let Some(known) = known(self.world, origin) {
                    if let Some(module) = Gc::<Module>::from_value(known)
                        && module.world.get() == self.world
                    {
                        module.grow(&names);
                    }
                    return known;
                }
                let module = self.vm.new_module(&path);
                module.origin.set(origin);
                module.world.set(self.world);
                module.grow(&names);
                register(self.vm, self.world, origin, module.value());
                self.fills.push(Fill::Imported(module, imported));
                module.value()
            }
            Node::Interface(node) => self.interface(*node),
            Node::Implementation(node) => self.implementation(*node),
        }
    }

    fn flag(&mut self, value: Value, flags: u8) {
        if flags != 0 {
            self.flags.push((value, flags));
        }
    }

    fn enumeration(
        &mut self,
        at: usize,
        origin: u64,
        name: Symbol,
        variants: Vec<VariantNode>,
    ) -> Value {
        if let Some(known) = known(self.world, origin) {
            return known;
        }
        let e = Enum::new(&mut self.vm.heap, name);
        e.origin.set(origin);
        self.made[at] = e.value();
        register(self.vm, self.world, origin, e.value());
        for variant in variants {
            let fields: Vec<Value> = variant.fields.into_iter().map(Value::symbol).collect();
            let fields = Array::new(&mut self.vm.heap, &fields);
            let types = Array::new(&mut self.vm.heap, &[]);
            e.add_variant(&mut self.vm.heap, variant.name, fields, types);
            self.fills.push(Fill::Items(types, variant.types));
        }
        e.value()
    }

    fn function(&mut self, node: FunctionNode) -> Value {
        let Some(module) = Gc::<Module>::from_value(self.value(node.module)) else {
            return Value::UNSET;
        };
        let code = self.code(module, &node.code);
        let scope = node.scope.map(|at| self.scope(at));
        let f = Function::new(&mut self.vm.heap, code, scope, Value::NIL, Value::NIL);
        self.flag(f.value(), node.flags);
        self.fills.push(Fill::Function(f, node.this, node.home));
        f.value()
    }

    fn code(&mut self, module: Gc<Module>, data: &Arc<gene_isa::Code>) -> Gc<Code> {
        let address = Arc::as_ptr(data).addr();
        let world = foreign::<World>(self.world);
        if let Some(code) = world.and_then(|w| w.codes.borrow().get(&address).copied()) {
            return code;
        }
        let code = self.vm.load_code(module, data);
        if let Some(world) = world {
            world.codes.borrow_mut().insert(address, code);
        }
        self.barrier(self.world);
        code
    }

    /// A captured scope, whose variables are set at the end.
    fn scope(&mut self, at: u32) -> NonNull<Scope> {
        if let Some(scope) = self.scopes[at as usize] {
            return scope;
        }
        let (parent, slots) = {
            let node = &self.scope_nodes[at as usize];
            (node.parent, node.slots.len() as u16)
        };
        // Outer scopes have been packed before, so this is as deep as the text.
        let parent = parent.map(|parent| self.scope(parent));
        let scope = self.vm.heap.new_scope(parent, slots);
        self.scopes[at as usize] = Some(scope);
        scope
    }

    fn fill_scopes(&mut self) {
        for at in 0..self.scope_nodes.len() {
            let Some(scope) = self.scopes[at] else { continue };
            let slots = std::mem::take(&mut self.scope_nodes[at].slots);
            let values = self.values(&slots);
            self.vm.heap.fill_scope(scope, &values, self.scope_nodes[at].frozen);
        }
    }

    fn class(&mut self, at: usize, node: Box<ClassNode>) -> Value {
        if let Some(known) = known(self.world, node.origin) {
            return known;
        }
        let parent = node.parent.and_then(|p| Gc::<Class>::from_value(self.value(p)));
        // Its parent may have needed it.
        if !self.made[at].is_unset() {
            return self.made[at];
        }
        let parent = parent.unwrap_or_else(|| self.vm.class(crate::vm::ClassName::Object));
        let class = self.vm.define_class(node.name, parent);
        class.origin.set(node.origin);
        self.made[at] = class.value();
        register(self.vm, self.world, node.origin, class.value());
        self.fills.push(Fill::Class(class, node));
        class.value()
    }

    fn interface(&mut self, node: InterfaceNode) -> Value {
        if let Some(known) = known(self.world, node.origin) {
            return known;
        }
        let interface = Interface::new(node.name);
        interface.origin.set(node.origin);
        *interface.methods.borrow_mut() = node.methods;
        let fields = node.fields.into_iter();
        *interface.fields.borrow_mut() =
            fields.map(|(name, readonly)| RequiredField { name, readonly }).collect();
        let value = Foreign::new(&mut self.vm.heap, interface).value();
        register(self.vm, self.world, node.origin, value);
        self.fills.push(Fill::Interface(value, node.implementations));
        value
    }

    fn implementation(&mut self, node: ImplementationNode) -> Value {
        let interface = self.value(node.interface);
        let Some(class) = Gc::<Class>::from_value(self.value(node.class)) else {
            return Value::UNSET;
        };
        let implementation = Implementation {
            interface,
            class,
            methods: RefCell::default(),
            ctor: Cell::new(Value::NIL),
        };
        let value = Foreign::new(&mut self.vm.heap, implementation).value();
        self.fills.push(Fill::Implementation(value, node.methods, node.ctor));
        value
    }

    fn fill(&mut self, fill: Fill) {
        match fill {
            Fill::Items(array, items) => {
                for item in items {
                    let value = self.value(item).or_nil();
                    array.push(&mut self.vm.heap, value);
                }
            }
            Fill::Entries(map, entries) => {
                for (key, item) in entries {
                    let value = self.value(item);
                    if !value.is_unset() {
                        map.set(&mut self.vm.heap, key, value);
                    }
                }
            }
            Fill::Hash(hash, entries) => {
                for (key, value) in entries {
                    let (key, value) = (self.value(key), self.value(value));
                    if !key.is_unset() {
                        // Keys are no instances, so nothing is called.
                        let _ = self.vm.table_set(hash, key, value.or_nil());
                    }
                }
            }
            Fill::Head(gene, head) => {
                let head = self.value(head).or_nil();
                gene.set_head(&mut self.vm.heap, head);
            }
            Fill::Function(f, this, home) => {
                f.this.set(self.value(this).or_nil());
                f.home.set(self.value(home).or_nil());
                self.vm.heap.barrier(f);
            }
            Fill::Class(class, node) => self.fill_class(class, *node),
            Fill::Missing(ns, missing) => {
                ns.missing.set(self.value(missing).or_nil());
                self.vm.heap.barrier(ns);
            }
            Fill::Imported(module, imported) => {
                module.imported.set(self.value(imported).or_nil());
            }
            Fill::Interface(value, implementations) => {
                for (class, implementation) in implementations {
                    let (class, implementation) = (self.value(class), self.value(implementation));
                    if let (Some(interface), Some(class)) =
                        (foreign::<Interface>(value), Gc::<Class>::from_value(class))
                    {
                        interface.register(class, implementation);
                    }
                }
                self.barrier(value);
            }
            Fill::Implementation(value, methods, ctor) => {
                let methods = self.named(methods);
                let ctor = self.value(ctor).or_nil();
                if let Some(implementation) = foreign::<Implementation>(value) {
                    *implementation.methods.borrow_mut() = methods;
                    implementation.ctor.set(ctor);
                }
                self.barrier(value);
            }
        }
    }

    fn fill_class(&mut self, class: Gc<Class>, node: ClassNode) {
        let methods = self.named(node.methods);
        class.closed.set(node.closed);
        class.room.set(node.room);
        *class.module.borrow_mut() = node.module;
        class.ctor.set(self.value(node.ctor).or_nil());
        class.missing.set(self.value(node.missing).or_nil());
        let fields = node.fields.map(|fields| {
            let fields = fields.into_iter();
            fields.map(|(name, ty)| (name, FieldInfo { ty: self.value(ty).or_nil() })).collect()
        });
        *class.fields.borrow_mut() = fields;
        *class.interfaces.borrow_mut() = self.values(&node.interfaces);
        *class.methods.borrow_mut() = methods;
        self.fills.push(Fill::Entries(class.members, node.members));
        self.vm.heap.barrier(class);
    }

    fn named(&mut self, items: Vec<(Symbol, Item)>) -> FxHashMap<Symbol, Value> {
        items.into_iter().map(|(name, item)| (name, self.value(item))).collect()
    }

    fn barrier(&mut self, value: Value) {
        if let Some(object) = Gc::<Foreign>::from_value(value) {
            self.vm.heap.barrier(object);
        }
    }
}

//! Classes and namespaces.

use std::cell::{Cell, RefCell};

use gene_isa::Symbol;
use rustc_hash::FxHashMap;

use super::{Kind, Map, Trace};
use crate::heap::{Gc, Header, Heap, Marker, Shape};
use crate::value::Value;

/// A declared field.
#[derive(Clone, Copy)]
pub struct FieldInfo {
    /// Type value that assignments are checked against; nil for none.
    pub ty: Value,
}

/// A class.
#[repr(C)]
pub struct Class {
    header: Header,
    /// Its name.
    pub name: Symbol,
    /// The parent class; `None` for `Object`.
    pub parent: Option<Gc<Class>>,
    /// Identity for inline caches; changes when a method is replaced.
    pub id: Cell<u32>,
    /// Own methods.
    pub methods: RefCell<FxHashMap<Symbol, Value>>,
    /// Own constructor, nil for none.
    pub ctor: Cell<Value>,
    /// Own `on_method_missing`, nil for none.
    pub missing: Cell<Value>,
    /// Own declared fields; `None` if the class declares none.
    pub fields: RefCell<Option<FxHashMap<Symbol, FieldInfo>>>,
    /// Whether this class or an ancestor declares fields: stores are checked.
    pub closed: Cell<bool>,
    /// Interfaces that the class implements itself.
    pub interfaces: RefCell<Vec<Value>>,
    /// Class members.
    pub members: Gc<Map>,
    /// Shape of instances without fields.
    pub shape: &'static Shape,
    /// Fields to make room for in an instance.
    pub room: Cell<u32>,
    /// Where it was defined, for serialization: module path or empty.
    pub module: RefCell<String>,
    /// See [`origin`](super::origin).
    pub origin: Cell<u64>,
}

impl Class {
    /// A class without members; `id` is its identity.
    pub fn new(heap: &mut Heap, name: Symbol, parent: Option<Gc<Class>>, id: u32) -> Gc<Class> {
        let members = Map::new(heap, 0);
        let shape = heap.shapes.root(Value::NIL.bits(), id);
        let class = heap.alloc(
            Class {
                header: Header::new(Kind::Class as u8),
                name,
                parent,
                id: Cell::new(id),
                methods: RefCell::default(),
                ctor: Cell::new(Value::NIL),
                missing: Cell::new(Value::NIL),
                fields: RefCell::new(None),
                closed: Cell::new(parent.is_some_and(|p| p.closed.get())),
                interfaces: RefCell::default(),
                members,
                shape,
                room: Cell::new(parent.map_or(0, |p| p.room.get())),
                module: RefCell::default(),
                origin: Cell::new(0),
            },
            0,
        );
        shape.for_each(&mut |s| s.class.set(class.value().bits()));
        class
    }

    /// The class and its ancestors.
    pub fn ancestors(self: &Class) -> impl Iterator<Item = &Class> {
        std::iter::successors(Some(self), |c| c.parent.as_deref())
    }

    /// The method of this name, own or inherited.
    pub fn find_method(&self, name: Symbol) -> Option<Value> {
        self.ancestors().find_map(|c| c.methods.borrow().get(&name).copied())
    }

    /// The constructor, own or inherited; nil if there is none.
    pub fn find_ctor(&self) -> Value {
        let mut ctors = self.ancestors().map(|c| c.ctor.get());
        ctors.find(|c| !c.is_nil()).unwrap_or(Value::NIL)
    }

    /// `on_method_missing`, own or inherited; nil if there is none.
    pub fn find_missing(&self) -> Value {
        let mut found = self.ancestors().map(|c| c.missing.get());
        found.find(|c| !c.is_nil()).unwrap_or(Value::NIL)
    }

    /// Declaration of a field, own or inherited.
    pub fn field(&self, name: Symbol) -> Option<FieldInfo> {
        self.ancestors().find_map(|c| c.fields.borrow().as_ref()?.get(&name).copied())
    }

    /// Member of the class, own or inherited.
    pub fn member(&self, name: Symbol) -> Option<Value> {
        self.ancestors().find_map(|c| c.members.get(name))
    }
}

impl Gc<Class> {
    /// Whether it is `other` or one of its descendants.
    pub fn is_a(self, other: Gc<Class>) -> bool {
        std::iter::successors(Some(self), |c| c.parent).any(|c| c == other)
    }

    /// Gives the class another identity, so that no cache matches any more.
    pub fn renew_id(self, id: u32) {
        self.id.set(id);
        self.shape.for_each(&mut |s| s.class_id.set(id));
    }

    /// Adds or replaces a method.
    pub fn add_method(self, heap: &mut Heap, name: Symbol, method: Value) {
        self.methods.borrow_mut().insert(name, method);
        heap.barrier(self);
    }
}

impl Trace for Class {
    fn trace(&self, marker: &mut Marker) {
        if let Some(parent) = self.parent {
            marker.object(parent);
        }
        for method in self.methods.borrow().values() {
            marker.value(*method);
        }
        marker.value(self.ctor.get());
        marker.value(self.missing.get());
        if let Some(fields) = &*self.fields.borrow() {
            for field in fields.values() {
                marker.value(field.ty);
            }
        }
        marker.values(&self.interfaces.borrow());
        marker.object(self.members);
    }
    fn bytes(&self) -> usize {
        size_of::<Class>()
    }
}

/// A namespace.
#[repr(C)]
pub struct Namespace {
    header: Header,
    /// Its name.
    pub name: Symbol,
    /// Its members.
    pub members: Gc<Map>,
    /// Functions registered by `.on_member_missing`: an array, or nil.
    pub missing: Cell<Value>,
    /// See [`origin`](super::origin).
    pub origin: Cell<u64>,
}

impl Namespace {
    /// An empty namespace.
    pub fn new(heap: &mut Heap, name: Symbol) -> Gc<Namespace> {
        let members = Map::new(heap, 0);
        let header = Header::new(Kind::Namespace as u8);
        let missing = Cell::new(Value::NIL);
        heap.alloc(Namespace { header, name, members, missing, origin: Cell::new(0) }, 0)
    }
}

impl Trace for Namespace {
    fn trace(&self, marker: &mut Marker) {
        marker.object(self.members);
        marker.value(self.missing.get());
    }
    fn bytes(&self) -> usize {
        size_of::<Namespace>()
    }
}

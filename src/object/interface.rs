//! Interfaces, their implementations, adapters (9.7).

use std::cell::{Cell, RefCell};

use gene_isa::Symbol;
use rustc_hash::FxHashMap;

use super::{Class, ForeignData, Map};
use crate::heap::{Gc, Marker};
use crate::value::Value;

/// What an adapter calls the value it wraps.
pub const WRAPPED: &str = "_genevalue";
/// What an adapter calls its own store.
pub const STORE: &str = "_geneinternal";

/// A field that an interface requires.
#[derive(Clone, Copy)]
pub struct RequiredField {
    /// Its name.
    pub name: Symbol,
    /// Whether adapters refuse to write it.
    pub readonly: bool,
}

/// An interface.
pub struct Interface {
    /// Its name.
    pub name: Symbol,
    /// Names of the required methods.
    pub methods: RefCell<Vec<Symbol>>,
    /// The required fields.
    pub fields: RefCell<Vec<RequiredField>>,
    /// `(implement I for C)`: classes and the values of [`Implementation`]s.
    implementations: RefCell<Vec<(Gc<Class>, Value)>>,
    /// See [`origin`](super::origin).
    pub origin: Cell<u64>,
}

impl Interface {
    /// An interface without members.
    pub fn new(name: Symbol) -> Interface {
        Interface {
            name,
            methods: RefCell::default(),
            fields: RefCell::default(),
            implementations: RefCell::default(),
            origin: Cell::new(0),
        }
    }

    /// Whether it declares a method.
    pub fn has_method(&self, name: Symbol) -> bool {
        self.methods.borrow().contains(&name)
    }

    /// The declaration of a field.
    pub fn field(&self, name: Symbol) -> Option<RequiredField> {
        self.fields.borrow().iter().find(|f| f.name == name).copied()
    }

    /// Makes an implementation known; it replaces an earlier one for the class.
    /// The caller sees to the barrier.
    pub fn register(&self, class: Gc<Class>, implementation: Value) {
        let mut all = self.implementations.borrow_mut();
        all.retain(|(c, _)| *c != class);
        all.push((class, implementation));
    }

    /// All implementations.
    pub fn implementations(&self) -> Vec<(Gc<Class>, Value)> {
        self.implementations.borrow().clone()
    }

    /// The implementation for exactly this class.
    pub fn implementation(&self, class: &Class) -> Option<Value> {
        let all = self.implementations.borrow();
        all.iter().find(|(c, _)| std::ptr::eq(&**c, class)).map(|(_, i)| *i)
    }
}

impl ForeignData for Interface {
    fn class(&self) -> &'static str {
        "Interface"
    }
    fn type_name(&self) -> &'static str {
        "VkInterface"
    }
    fn display(&self) -> Option<String> {
        Some("VkInterface".into())
    }
    fn trace(&self, marker: &mut Marker) {
        for (class, implementation) in self.implementations.borrow().iter() {
            marker.object(*class);
            marker.value(*implementation);
        }
    }
}

/// What `(implement I for C ...)` defines.
pub struct Implementation {
    /// The interface.
    pub interface: Value,
    /// The class.
    pub class: Gc<Class>,
    /// The methods.
    pub methods: RefCell<FxHashMap<Symbol, Value>>,
    /// The constructor of adapters, nil for none.
    pub ctor: Cell<Value>,
}

impl ForeignData for Implementation {
    fn class(&self) -> &'static str {
        "Interface"
    }
    fn trace(&self, marker: &mut Marker) {
        marker.value(self.interface);
        marker.object(self.class);
        self.methods.borrow().values().for_each(|m| marker.value(*m));
        marker.value(self.ctor.get());
    }
}

/// A value seen through an interface.
pub struct Adapter {
    /// The interface.
    pub interface: Value,
    /// Its implementation for the class of the value.
    pub implementation: Value,
    /// The value.
    pub wrapped: Value,
    /// What the implementation keeps for this adapter.
    pub store: Gc<Map>,
}

impl ForeignData for Adapter {
    fn class(&self) -> &'static str {
        "Adapter"
    }
    fn type_name(&self) -> &'static str {
        "VkAdapter"
    }
    fn display(&self) -> Option<String> {
        Some("VkAdapter".into())
    }
    fn trace(&self, marker: &mut Marker) {
        marker.value(self.interface);
        marker.value(self.implementation);
        marker.value(self.wrapped);
        marker.object(self.store);
    }
}

//! Enums, their variants, and values with a payload.

use std::cell::{Cell, RefCell};

use gene_isa::Symbol;

use super::{Array, Kind, Trace};
use crate::heap::{Gc, Header, Heap, Marker};
use crate::value::Value;

/// An enum.
#[repr(C)]
pub struct Enum {
    header: Header,
    /// Its name.
    pub name: Symbol,
    /// Its variants in order of declaration.
    pub variants: RefCell<Vec<Gc<Variant>>>,
    /// See [`origin`](super::origin).
    pub origin: Cell<u64>,
}

/// A variant; itself the value if it is a unit.
#[repr(C)]
pub struct Variant {
    header: Header,
    /// Its name.
    pub name: Symbol,
    /// The enum.
    pub parent: Gc<Enum>,
    /// Names of the payload fields: an array of symbols.
    pub fields: Gc<Array>,
    /// Their types: type values, nil without.
    pub types: Gc<Array>,
    /// Its number.
    pub ordinal: u32,
}

/// A value of a variant with payload. `header.extra` is the number of fields.
#[repr(C)]
pub struct EnumValue {
    header: Header,
    /// The variant.
    pub variant: Gc<Variant>,
    // The payload follows.
}

impl Enum {
    /// An enum without variants.
    pub fn new(heap: &mut Heap, name: Symbol) -> Gc<Enum> {
        let header = Header::new(Kind::Enum as u8);
        heap.alloc(Enum { header, name, variants: RefCell::default(), origin: Cell::new(0) }, 0)
    }

    /// The variant of this name.
    pub fn variant(&self, name: Symbol) -> Option<Gc<Variant>> {
        self.variants.borrow().iter().copied().find(|v| v.name == name)
    }
}

impl Gc<Enum> {
    /// Adds a variant.
    pub fn add_variant(
        self,
        heap: &mut Heap,
        name: Symbol,
        fields: Gc<Array>,
        types: Gc<Array>,
    ) -> Gc<Variant> {
        let ordinal = self.variants.borrow().len() as u32;
        let header = Header::new(Kind::Variant as u8);
        let variant = heap.alloc(Variant { header, name, parent: self, fields, types, ordinal }, 0);
        self.variants.borrow_mut().push(variant);
        heap.barrier(self);
        variant
    }
}

impl Variant {
    /// Whether it has no payload.
    pub fn is_unit(&self) -> bool {
        self.fields.is_empty()
    }
}

impl EnumValue {
    /// A value with this payload.
    pub fn new(heap: &mut Heap, variant: Gc<Variant>, payload: &[Value]) -> Gc<EnumValue> {
        let header = Header::with(Kind::EnumValue as u8, 0, payload.len() as u32);
        let value = heap.alloc(EnumValue { header, variant }, size_of_val(payload));
        // SAFETY: `alloc` made room for the payload behind the struct.
        unsafe {
            let first = value.as_ptr().add(1).cast::<Value>();
            first.copy_from_nonoverlapping(payload.as_ptr(), payload.len());
        }
        value
    }

    /// The payload.
    pub fn payload(&self) -> &[Value] {
        // SAFETY: as many values as `extra` says follow the struct.
        unsafe {
            let first = (self as *const EnumValue).add(1).cast::<Value>();
            std::slice::from_raw_parts(first, self.header.extra.get() as usize)
        }
    }
}

impl Trace for Enum {
    fn trace(&self, marker: &mut Marker) {
        for variant in self.variants.borrow().iter() {
            marker.object(*variant);
        }
    }
    fn bytes(&self) -> usize {
        size_of::<Enum>()
    }
}

impl Trace for Variant {
    fn trace(&self, marker: &mut Marker) {
        marker.object(self.parent);
        marker.object(self.fields);
        marker.object(self.types);
    }
    fn bytes(&self) -> usize {
        size_of::<Variant>()
    }
}

impl Trace for EnumValue {
    fn trace(&self, marker: &mut Marker) {
        marker.object(self.variant);
        marker.values(self.payload());
    }
    fn bytes(&self) -> usize {
        size_of::<EnumValue>() + size_of_val(self.payload())
    }
}

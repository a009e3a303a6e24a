//! Records: maps and instances, whose properties lie in slots that a shape
//! describes.

use std::cell::Cell;
use std::mem::offset_of;
use std::ptr::NonNull;

use gene_isa::Symbol;
use gene_isa::backend::Layout;

use super::{Dictionary, Kind, Storage, Trace};
use crate::heap::{Gc, Header, Heap, Marker, Shape};
use crate::value::Value;

/// What maps and instances have in common. `header.small` is the number of
/// slots in the object itself, `header.extra` the number of those in `more`.
#[repr(C)]
pub struct Record {
    /// Header of the map or instance.
    pub header: Header,
    shape: Cell<&'static Shape>,
    /// Further slots in a [`Storage`]; a [`Dictionary`] if the shape says so.
    more: Cell<*mut Value>,
    // The slots in the object follow.
}

/// A map with symbol keys.
#[repr(C)]
pub struct Map(Record);

/// An instance of a class.
#[repr(C)]
pub struct Instance(Record);

/// Offset of the slots in the object.
pub const SLOTS: usize = size_of::<Record>();

/// The record, if `value` is a map or an instance.
#[inline(always)]
pub fn as_record<'a>(value: Value) -> Option<&'a Record> {
    let header = crate::heap::header::header_of(value)?;
    (header.kind == Kind::Map as u8 || header.kind == Kind::Instance as u8)
        // SAFETY: both begin with a record and are alive until a safepoint.
        .then(|| unsafe { &*(header as *const Header).cast::<Record>() })
}

impl Record {
    /// Fills in the offsets of records.
    pub(super) fn fill(layout: &mut Layout) {
        layout.record_shape = offset_of!(Record, shape) as i32;
        layout.record_more = offset_of!(Record, more) as i32;
        layout.record_slots = SLOTS as i32;
    }

    /// The shape.
    #[inline(always)]
    pub fn shape(&self) -> &'static Shape {
        self.shape.get()
    }

    /// Whether properties lie in a dictionary.
    #[inline(always)]
    pub fn is_dictionary(&self) -> bool {
        self.shape().is_dictionary()
    }

    fn dictionary(&self) -> Option<Gc<Dictionary>> {
        let at = NonNull::new(self.more.get().cast::<Dictionary>())?;
        // SAFETY: the shape says that `more` is a dictionary.
        self.is_dictionary().then(|| unsafe { Gc::from_ptr(at) })
    }

    /// Number of properties.
    pub fn len(&self) -> usize {
        match self.is_dictionary() {
            true => self.dictionary().map_or(0, |d| d.len()),
            false => self.shape().len(),
        }
    }

    /// Whether there are no properties.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Where a slot is.
    #[inline(always)]
    fn slot_ptr(&self, slot: usize) -> *mut Value {
        let inline = self.header.small.get() as usize;
        // SAFETY: slots below `inline` follow the record, others lie in `more`;
        // the shape only names slots for which there is room.
        unsafe {
            match slot < inline {
                true => (self as *const Record).add(1).cast::<Value>().cast_mut().add(slot),
                false => self.more.get().add(slot - inline),
            }
        }
    }

    /// Value of a slot of the shape.
    #[inline(always)]
    pub fn slot(&self, slot: usize) -> Value {
        debug_assert!(slot < self.shape().len());
        // SAFETY: the slot is one of the shape's, hence initialised.
        unsafe { *self.slot_ptr(slot) }
    }

    /// Sets a slot of the shape.
    #[inline(always)]
    pub fn set_slot(&self, heap: &mut Heap, slot: usize, value: Value) {
        debug_assert!(slot < self.shape().len());
        // SAFETY: the slot is one of the shape's.
        unsafe { *self.slot_ptr(slot) = value };
        heap.barrier_at(&self.header);
    }

    /// Value of a property.
    #[inline]
    pub fn get(&self, key: Symbol) -> Option<Value> {
        match self.is_dictionary() {
            true => self.dictionary()?.get(key),
            false => self.shape().slot(key).map(|slot| self.slot(slot)),
        }
    }

    /// Sets or adds a property.
    pub fn set(&self, heap: &mut Heap, key: Symbol, value: Value) {
        if let Some(dictionary) = self.dictionary() {
            return dictionary.set(heap, key, value);
        }
        if let Some(slot) = self.shape().slot(key) {
            return self.set_slot(heap, slot, value);
        }
        match heap.shapes.with_key(self.shape(), key) {
            Some(next) => self.add_slot(heap, next, value),
            None => self.to_dictionary(heap).set(heap, key, value),
        }
    }

    /// Moves to the shape `next`, which has one key more, with its value.
    #[inline]
    pub fn add_slot(&self, heap: &mut Heap, next: &'static Shape, value: Value) {
        let slot = next.len() - 1;
        let inline = self.header.small.get() as usize;
        let room = inline + self.header.extra.get() as usize;
        if slot >= room {
            self.grow(heap, (room - inline).max(4) * 2);
        }
        // SAFETY: there is room for the slot now.
        unsafe { *self.slot_ptr(slot) = value };
        self.shape.set(next);
        heap.barrier_at(&self.header);
    }

    #[cold]
    fn grow(&self, heap: &mut Heap, capacity: usize) {
        let data = Storage::new(heap, capacity);
        let used = self.header.extra.get() as usize;
        if used > 0 {
            // SAFETY: the old storage has `used` values, the new one more room.
            unsafe { data.as_ptr().copy_from_nonoverlapping(self.more.get(), used) };
        }
        self.more.set(data.as_ptr());
        self.header.extra.set(capacity as u32);
    }

    fn to_dictionary(&self, heap: &mut Heap) -> Gc<Dictionary> {
        let dictionary = Dictionary::new(heap);
        for (key, value) in self.entries() {
            dictionary.set(heap, key, value);
        }
        self.shape.set(self.shape().dictionary());
        self.more.set(dictionary.as_ptr().cast());
        heap.barrier_at(&self.header);
        dictionary
    }

    /// Removes a property; its value.
    pub fn remove(&self, heap: &mut Heap, key: Symbol) -> Option<Value> {
        if !self.is_dictionary() {
            self.shape().slot(key)?;
            self.to_dictionary(heap);
        }
        self.dictionary()?.remove(key)
    }

    /// Removes all properties.
    pub fn clear(&self, heap: &mut Heap) {
        for (key, _) in self.entries() {
            self.remove(heap, key);
        }
    }

    /// Keys and values in order.
    pub fn entries(&self) -> Vec<(Symbol, Value)> {
        match self.dictionary() {
            Some(dictionary) => dictionary.entries(),
            None if self.is_dictionary() => Vec::new(),
            None => {
                let keys = self.shape().keys().iter().enumerate();
                keys.map(|(slot, key)| (*key, self.slot(slot))).collect()
            }
        }
    }

    fn trace(&self, marker: &mut Marker) {
        let class = Value::from_bits(self.shape().class.get());
        marker.value(class);
        if let Some(dictionary) = self.dictionary() {
            marker.object(dictionary);
            return;
        }
        let inline = self.header.small.get() as usize;
        let len = self.shape().len();
        for slot in 0..len.min(inline) {
            marker.value(self.slot(slot));
        }
        Storage::trace(self.more.get(), len.saturating_sub(inline), marker);
    }

    fn bytes(&self) -> usize {
        SLOTS + self.header.small.get() as usize * size_of::<Value>()
    }

    fn blank(kind: Kind, shape: &'static Shape, inline: usize) -> Record {
        let header = Header::new(kind as u8);
        header.small.set(inline as u8);
        Record { header, shape: Cell::new(shape), more: Cell::new(std::ptr::null_mut()) }
    }
}

impl Map {
    /// An empty map with room for `capacity` keys in the object.
    pub fn new(heap: &mut Heap, capacity: usize) -> Gc<Map> {
        let inline = capacity.min(32);
        let record = Record::blank(Kind::Map, heap.shapes.empty(), inline);
        heap.alloc(Map(record), inline * size_of::<Value>())
    }

    /// A map of this shape with these values, as many as the shape has keys.
    #[inline]
    pub fn with_shape(heap: &mut Heap, shape: &'static Shape, values: &[Value]) -> Gc<Map> {
        debug_assert!(values.len() == shape.len() && values.len() < 256);
        let record = Record::blank(Kind::Map, shape, values.len());
        let map = heap.alloc(Map(record), size_of_val(values));
        for (slot, value) in values.iter().enumerate() {
            // SAFETY: `alloc` made room for the slots.
            unsafe { *map.slot_ptr(slot) = *value };
        }
        map
    }

    /// A map of these entries.
    pub fn from_entries(heap: &mut Heap, entries: &[(Symbol, Value)]) -> Gc<Map> {
        let map = Map::new(heap, entries.len());
        for (key, value) in entries {
            map.set(heap, *key, *value);
        }
        map
    }
}

impl Instance {
    /// An instance without fields, with room for `capacity` in the object.
    #[inline]
    pub fn new(heap: &mut Heap, shape: &'static Shape, capacity: usize) -> Gc<Instance> {
        let inline = capacity.min(48);
        let record = Record::blank(Kind::Instance, shape, inline);
        heap.alloc(Instance(record), inline * size_of::<Value>())
    }
}

macro_rules! record_object {
    ($type:ident) => {
        impl std::ops::Deref for $type {
            type Target = Record;
            #[inline(always)]
            fn deref(&self) -> &Record {
                &self.0
            }
        }
        impl Trace for $type {
            const BEFORE_SLOTS: usize = SLOTS;
            fn trace(&self, marker: &mut Marker) {
                self.0.trace(marker);
            }
            fn bytes(&self) -> usize {
                self.0.bytes()
            }
        }
    };
}
record_object!(Map);
record_object!(Instance);

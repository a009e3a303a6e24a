//! Arrays, and the storage of everything that grows.

use std::cell::Cell;
use std::mem::offset_of;
use std::ptr::NonNull;

use gene_isa::backend::Layout;

use super::{Kind, Trace};
use crate::heap::{Gc, Header, Heap, Marker};
use crate::value::Value;

/// Storage of more bytes may grow in place.
const LARGE_BYTES: usize = 4096;

/// Room for values. `header.extra` is its capacity. Whoever owns it knows how
/// many are in use and traces them.
#[repr(C)]
pub struct Storage {
    header: Header,
    // The values follow.
}

impl Storage {
    /// Room for `capacity` values, not initialised.
    pub fn new(heap: &mut Heap, capacity: usize) -> NonNull<Value> {
        let header = Header::with(Kind::Storage as u8, 0, capacity as u32);
        let storage = heap.alloc(Storage { header }, capacity * size_of::<Value>());
        // SAFETY: the values follow the head.
        unsafe { NonNull::new_unchecked(storage.as_ptr().add(1).cast::<Value>()) }
    }

    /// More room for the values at `data`, of which `len` are in use: in place where
    /// the system can do that, which saves copies of large arrays.
    fn grow(
        heap: &mut Heap,
        data: *mut Value,
        len: usize,
        old: usize,
        capacity: usize,
    ) -> NonNull<Value> {
        let bytes = |capacity| size_of::<Storage>() + capacity * size_of::<Value>();
        if bytes(old) > LARGE_BYTES
            && let Some(data) = NonNull::new(data)
        {
            // SAFETY: the head lies before the values.
            let storage = unsafe { data.cast::<Storage>().sub(1) };
            if let Some(grown) = heap.grow_large(storage.cast(), bytes(capacity)) {
                // SAFETY: the object begins with its head, and the values follow.
                unsafe {
                    grown.cast::<Storage>().as_ref().header.extra.set(capacity as u32);
                    return grown.cast::<Storage>().add(1).cast();
                }
            }
        }
        let new = Storage::new(heap, capacity);
        if len > 0 {
            // SAFETY: the new room is larger, and not the old one.
            unsafe { new.as_ptr().copy_from_nonoverlapping(data, len) };
        }
        new
    }

    /// Marks the storage whose values begin at `data`, and the first `len` of
    /// them.
    pub fn trace(data: *mut Value, len: usize, marker: &mut Marker) {
        if let Some(data) = NonNull::new(data) {
            // SAFETY: `data` comes from `Storage::new`, and the owner says that
            // `len` values are in use.
            unsafe {
                let storage = data.cast::<Storage>().sub(1);
                marker.object(Gc::from_ptr(storage));
                marker.values(std::slice::from_raw_parts(data.as_ptr(), len));
            }
        }
    }
}

impl Trace for Storage {
    fn trace(&self, _: &mut Marker) {}
    fn bytes(&self) -> usize {
        size_of::<Storage>() + self.header.extra.get() as usize * size_of::<Value>()
    }
}

/// A growing sequence of values.
#[repr(C)]
pub struct Array {
    header: Header,
    /// The values, in a [`Storage`]; null as long as there is none.
    data: Cell<*mut Value>,
    len: Cell<u32>,
    capacity: Cell<u32>,
}

impl Array {
    /// An empty array with room for `capacity` values.
    pub fn with_capacity(heap: &mut Heap, capacity: usize) -> Gc<Array> {
        let data = match capacity {
            0 => std::ptr::null_mut(),
            n => Storage::new(heap, n).as_ptr(),
        };
        heap.alloc(
            Array {
                header: Header::new(Kind::Array as u8),
                data: Cell::new(data),
                len: Cell::new(0),
                capacity: Cell::new(capacity as u32),
            },
            0,
        )
    }

    /// An array of these values.
    pub fn new(heap: &mut Heap, values: &[Value]) -> Gc<Array> {
        let array = Array::with_capacity(heap, values.len());
        if !values.is_empty() {
            // SAFETY: there is room for the values.
            unsafe { array.data.get().copy_from_nonoverlapping(values.as_ptr(), values.len()) };
            array.len.set(values.len() as u32);
        }
        array
    }

    /// Number of elements.
    #[inline(always)]
    pub fn len(&self) -> usize {
        self.len.get() as usize
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The element at `index`.
    #[inline(always)]
    pub fn get(&self, index: usize) -> Option<Value> {
        // SAFETY: the index is below the length.
        (index < self.len()).then(|| unsafe { *self.data.get().add(index) })
    }

    /// The elements as they are now.
    pub fn to_vec(&self) -> Vec<Value> {
        self.slice().to_vec()
    }

    /// The elements. The slice must not be held across a change of the array.
    pub fn slice(&self) -> &[Value] {
        match self.len() {
            0 => &[],
            // SAFETY: `len` values are initialised.
            n => unsafe { std::slice::from_raw_parts(self.data.get(), n) },
        }
    }
}

impl Array {
    /// Fills in the offsets of arrays.
    pub(super) fn fill(layout: &mut Layout) {
        layout.array_data = offset_of!(Array, data) as i32;
        layout.array_len = offset_of!(Array, len) as i32;
        layout.array_capacity = offset_of!(Array, capacity) as i32;
        layout.array_size = size_of::<Array>() as i32;
    }
}

impl Gc<Array> {
    /// Replaces the element at `index`, which must exist.
    #[inline(always)]
    pub fn set(self, heap: &mut Heap, index: usize, value: Value) -> bool {
        if index >= self.len() {
            return false;
        }
        // SAFETY: the index is below the length.
        unsafe { *self.data.get().add(index) = value };
        heap.barrier(self);
        true
    }

    /// Appends a value.
    #[inline]
    pub fn push(self, heap: &mut Heap, value: Value) {
        let len = self.len();
        if len == self.capacity.get() as usize {
            self.reserve(heap, 1);
        }
        // SAFETY: there is room beyond the length.
        unsafe { *self.data.get().add(len) = value };
        self.len.set(len as u32 + 1);
        heap.barrier(self);
    }

    /// Makes room for `more` values.
    pub fn reserve(self, heap: &mut Heap, more: usize) {
        let (len, old) = (self.len(), self.capacity.get() as usize);
        if len + more <= old {
            return;
        }
        let capacity = (len + more).max(old * 2).max(4);
        let data = Storage::grow(heap, self.data.get(), len, old, capacity);
        self.data.set(data.as_ptr());
        self.capacity.set(capacity as u32);
        heap.barrier(self);
    }

    /// Appends values.
    pub fn extend(self, heap: &mut Heap, values: &[Value]) {
        self.reserve(heap, values.len());
        for value in values {
            self.push(heap, *value);
        }
    }

    /// Removes the last element.
    pub fn pop(self) -> Option<Value> {
        let last = self.len().checked_sub(1)?;
        let value = self.get(last);
        self.len.set(last as u32);
        value
    }

    /// Inserts before `index`, at most the length.
    pub fn insert(self, heap: &mut Heap, index: usize, value: Value) {
        debug_assert!(index <= self.len());
        self.push(heap, value);
        // SAFETY: `index` and everything up to the new last element is in range.
        unsafe {
            let at = self.data.get().add(index);
            std::ptr::copy(at, at.add(1), self.len() - 1 - index);
            *at = value;
        }
    }

    /// Removes the element at `index`, if it exists.
    pub fn remove(self, index: usize) -> Option<Value> {
        let value = self.get(index)?;
        // SAFETY: everything behind `index` is in range.
        unsafe {
            let at = self.data.get().add(index);
            std::ptr::copy(at.add(1), at, self.len() - 1 - index);
        }
        self.len.set(self.len() as u32 - 1);
        Some(value)
    }

    /// Removes all elements.
    pub fn clear(self) {
        self.len.set(0);
    }

    /// The elements, valid until the array changes or a safepoint.
    pub fn elements<'a>(self) -> &'a [Value] {
        // SAFETY: the object is alive until the next safepoint, see `Gc`.
        unsafe { &*(self.slice() as *const [Value]) }
    }
}

impl Trace for Array {
    fn trace(&self, marker: &mut Marker) {
        Storage::trace(self.data.get(), self.len(), marker);
    }
    fn bytes(&self) -> usize {
        size_of::<Array>()
    }
}

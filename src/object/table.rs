//! Hash tables in insertion order: hash maps, hash sets, and the dictionaries
//! of maps with many keys.

use std::cell::RefCell;

use gene_isa::Symbol;
use hashbrown::HashTable;

use super::{Kind, Trace};
use crate::heap::{Gc, Header, Heap, Marker};
use crate::value::Value;

/// An entry with the hash of its key.
#[derive(Clone, Copy)]
pub struct Entry {
    /// Hash of the key.
    pub hash: u64,
    /// The key; unset in an entry that was removed.
    pub key: Value,
    /// The value; of sets the key again.
    pub value: Value,
}

/// Entries in insertion order with an index by hash. Removed entries stay as
/// gaps until there are more gaps than entries.
#[derive(Default)]
pub struct OrderedTable {
    entries: Vec<Entry>,
    index: HashTable<u32>,
}

impl OrderedTable {
    /// Number of entries.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// Position of the entry whose key has this hash and satisfies `same`.
    #[inline]
    pub fn find(&self, hash: u64, mut same: impl FnMut(Value) -> bool) -> Option<usize> {
        let entries = &self.entries;
        let found = self.index.find(hash, |&i| {
            let entry = &entries[i as usize];
            entry.hash == hash && same(entry.key)
        });
        found.map(|&i| i as usize)
    }

    /// Positions and keys of the entries with this hash.
    pub fn candidates(&self, hash: u64) -> Vec<(usize, Value)> {
        let entries = self.index.iter_hash(hash).map(|&i| (i as usize, self.entries[i as usize]));
        entries.filter(|(_, e)| e.hash == hash).map(|(i, e)| (i, e.key)).collect()
    }

    /// The entry at a position that [`OrderedTable::find`] gave; without key
    /// if it has been removed since.
    #[inline]
    pub fn at(&self, position: usize) -> Entry {
        let removed = Entry { hash: 0, key: Value::UNSET, value: Value::NIL };
        self.entries.get(position).copied().unwrap_or(removed)
    }

    /// Replaces the value at a position.
    pub fn set_at(&mut self, position: usize, value: Value) {
        if let Some(entry) = self.entries.get_mut(position) {
            entry.value = value;
        }
    }

    /// Appends an entry whose key is not in the table.
    pub fn push(&mut self, hash: u64, key: Value, value: Value) {
        let position = self.entries.len() as u32;
        self.entries.push(Entry { hash, key, value });
        let entries = &self.entries;
        self.index.insert_unique(hash, position, |&i| entries[i as usize].hash);
    }

    /// Removes the entry at a position; its value.
    pub fn remove_at(&mut self, position: usize) -> Value {
        let entry = self.at(position);
        if entry.key.is_unset() {
            return Value::NIL;
        }
        if let Ok(slot) = self.index.find_entry(entry.hash, |&i| i as usize == position) {
            slot.remove();
        }
        self.entries[position].key = Value::UNSET;
        self.entries[position].value = Value::NIL;
        if self.entries.len() > 16 && self.len() * 2 < self.entries.len() {
            self.compact();
        }
        entry.value
    }

    fn compact(&mut self) {
        self.entries.retain(|e| !e.key.is_unset());
        self.index.clear();
        for (position, entry) in self.entries.iter().enumerate() {
            let entries = &self.entries;
            self.index.insert_unique(entry.hash, position as u32, |&i| entries[i as usize].hash);
        }
    }

    /// Removes everything.
    pub fn clear(&mut self) {
        self.entries.clear();
        self.index.clear();
    }

    /// The entries in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.entries.iter().filter(|e| !e.key.is_unset())
    }

    fn trace(&self, marker: &mut Marker) {
        for entry in &self.entries {
            marker.value(entry.key);
            marker.value(entry.value);
        }
    }

    fn bytes(&self) -> usize {
        self.entries.capacity() * size_of::<Entry>() + self.index.capacity() * 5
    }
}

/// The properties of a map or instance that has too many for a shape.
#[repr(C)]
pub struct Dictionary {
    header: Header,
    table: RefCell<OrderedTable>,
}

fn symbol_hash(key: Symbol) -> u64 {
    // Fibonacci hashing: the upper bits, which the index uses, depend on all.
    (key.id() as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

impl Dictionary {
    /// An empty dictionary.
    pub fn new(heap: &mut Heap) -> Gc<Dictionary> {
        let header = Header::new(Kind::Dictionary as u8);
        heap.alloc(Dictionary { header, table: RefCell::default() }, 0)
    }

    fn find(&self, key: Symbol) -> Option<usize> {
        let key = Value::symbol(key);
        self.table.borrow().find(symbol_hash(key.as_symbol()?), |k| k == key)
    }

    /// Value of a key.
    pub fn get(&self, key: Symbol) -> Option<Value> {
        let table = self.table.borrow();
        let wanted = Value::symbol(key);
        table.find(symbol_hash(key), |k| k == wanted).map(|at| table.at(at).value)
    }

    /// Number of keys.
    pub fn len(&self) -> usize {
        self.table.borrow().len()
    }

    /// Whether there are no keys.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Removes a key; its value.
    pub fn remove(&self, key: Symbol) -> Option<Value> {
        let at = self.find(key)?;
        Some(self.table.borrow_mut().remove_at(at))
    }

    /// Keys and values in order.
    pub fn entries(&self) -> Vec<(Symbol, Value)> {
        let table = self.table.borrow();
        table.iter().filter_map(|e| Some((e.key.as_symbol()?, e.value))).collect()
    }
}

impl Gc<Dictionary> {
    /// Sets a key.
    pub fn set(self, heap: &mut Heap, key: Symbol, value: Value) {
        let found = self.find(key);
        let mut table = self.table.borrow_mut();
        match found {
            Some(at) => table.set_at(at, value),
            None => {
                heap.count_external(size_of::<Entry>() + 8);
                table.push(symbol_hash(key), Value::symbol(key), value);
            }
        }
        drop(table);
        heap.barrier(self);
    }
}

impl Trace for Dictionary {
    fn trace(&self, marker: &mut Marker) {
        let table = self.table.borrow();
        marker.external(table.bytes());
        table.trace(marker);
    }
    fn bytes(&self) -> usize {
        size_of::<Dictionary>()
    }
}

/// A hash map or hash set; `header.small` is 1 for a set.
#[repr(C)]
pub struct HashObject {
    header: Header,
    /// The entries.
    pub table: RefCell<OrderedTable>,
}

impl HashObject {
    /// An empty hash map, or set.
    pub fn new(heap: &mut Heap, set: bool) -> Gc<HashObject> {
        let header = Header::new(Kind::HashObject as u8);
        header.small.set(set as u8);
        heap.alloc(HashObject { header, table: RefCell::default() }, 0)
    }

    /// Whether it is a set.
    pub fn is_set(&self) -> bool {
        self.header.small.get() == 1
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.table.borrow().len()
    }

    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Keys and values in order.
    pub fn entries(&self) -> Vec<(Value, Value)> {
        self.table.borrow().iter().map(|e| (e.key, e.value)).collect()
    }
}

impl Trace for HashObject {
    fn trace(&self, marker: &mut Marker) {
        let table = self.table.borrow();
        marker.external(table.bytes());
        table.trace(marker);
    }
    fn bytes(&self) -> usize {
        size_of::<HashObject>()
    }
}

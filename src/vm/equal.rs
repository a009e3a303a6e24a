//! Equality (2.4) and hashes of values.

use std::hash::{BuildHasher, Hash, Hasher};

use rustc_hash::FxBuildHasher;

use super::Vm;
use super::error::Throw;
use crate::heap::Gc;
use crate::object::record::as_record;
use crate::object::*;
use crate::value::Value;

/// Structures nested deeper than this cannot be compared or hashed.
const MAX_DEPTH: usize = 2000;

impl Vm {
    /// `a == b`. Calls methods `==` of instances on the left.
    ///
    /// # Errors
    ///
    /// What such a method raises; `RuntimeException` for structures that are
    /// nested too deeply, or contain themselves.
    pub fn equal(&mut self, a: Value, b: Value) -> Result<bool, Throw> {
        self.equal_at(a, b, 0)
    }

    fn equal_at(&mut self, a: Value, b: Value, depth: usize) -> Result<bool, Throw> {
        if a == b {
            return self.equal_identical(a, b);
        }
        if let (Some(x), Some(y)) = (a.as_float(), b.as_float()) {
            return Ok(x == y);
        }
        let Some(kind) = kind_of(a) else { return Ok(false) };
        if kind == Kind::Instance {
            return self.equal_instance(a, b);
        }
        if kind_of(b) != Some(kind) {
            return Ok(false);
        }
        if depth > MAX_DEPTH {
            return Err(self.runtime_error("values are nested too deeply to compare"));
        }
        use Kind::*;
        if !matches!(kind, Array | Map | HashObject | Gene | EnumValue | Quoted) {
            return self.equal_objects(kind, a, b, depth + 1);
        }
        // A method `==` of an element may take the containers apart.
        let mark = self.root_mark();
        self.root(a);
        self.root(b);
        let result = self.equal_objects(kind, a, b, depth + 1);
        self.unroot(mark);
        result
    }

    fn equal_identical(&mut self, a: Value, b: Value) -> Result<bool, Throw> {
        match a.as_float() {
            Some(f) => Ok(!f.is_nan()),
            None if kind_of(a) == Some(Kind::Instance) => self.equal_instance(a, b),
            None => Ok(true),
        }
    }

    fn equal_instance(&mut self, a: Value, b: Value) -> Result<bool, Throw> {
        match self.class_of(a).find_method(self.names.equal) {
            Some(method) => Ok(self.call_method_value(method, a, &[b])?.is_truthy()),
            None => Ok(a == b),
        }
    }

    /// Elements are fetched one by one: a method `==` may change the arrays.
    fn equal_arrays(&mut self, a: Gc<Array>, b: Gc<Array>, depth: usize) -> Result<bool, Throw> {
        let mut index = 0;
        while let (Some(x), Some(y)) = (a.get(index), b.get(index)) {
            if a.len() != b.len() || !self.equal_at(x, y, depth)? {
                return Ok(false);
            }
            index += 1;
        }
        Ok(a.len() == b.len())
    }

    fn equal_lists(&mut self, a: &[Value], b: &[Value], depth: usize) -> Result<bool, Throw> {
        if a.len() != b.len() {
            return Ok(false);
        }
        for (x, y) in a.iter().zip(b) {
            if !self.equal_at(*x, *y, depth)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn equal_maps(&mut self, a: &Record, b: &Record, depth: usize) -> Result<bool, Throw> {
        if a.len() != b.len() {
            return Ok(false);
        }
        for (key, _) in a.entries() {
            match (a.get(key), b.get(key)) {
                (Some(x), Some(y)) if self.equal_at(x, y, depth)? => {}
                _ => return Ok(false),
            }
        }
        Ok(true)
    }

    fn equal_objects(
        &mut self,
        kind: Kind,
        a: Value,
        b: Value,
        depth: usize,
    ) -> Result<bool, Throw> {
        macro_rules! both {
            ($type:ty, |$x:ident, $y:ident| $body:expr) => {
                match (Gc::<$type>::from_value(a), Gc::<$type>::from_value(b)) {
                    (Some($x), Some($y)) => $body,
                    _ => false,
                }
            };
        }
        Ok(match kind {
            Kind::Str => both!(Str, |x, y| x.as_str() == y.as_str()),
            Kind::BoxedInt => both!(BoxedInt, |x, y| x.number == y.number),
            Kind::Array => {
                both!(Array, |x, y| self.equal_arrays(x, y, depth)?)
            }
            Kind::Map => match (as_record(a), as_record(b)) {
                (Some(x), Some(y)) => self.equal_maps(x, y, depth)?,
                _ => false,
            },
            Kind::HashObject => both!(HashObject, |x, y| self.equal_tables(x, y, depth)?),
            Kind::Gene => both!(Gene, |x, y| {
                self.equal_at(x.head.get(), y.head.get(), depth)?
                    && match (x.props(), y.props()) {
                        (Some(p), Some(q)) => self.equal_maps(&p, &q, depth)?,
                        (None, None) => true,
                        _ => false,
                    }
                    && self.equal_arrays(x.children, y.children, depth)?
            }),
            Kind::Range => {
                both!(Range, |x, y| (x.start, x.end, x.step) == (y.start, y.end, y.step))
            }
            Kind::PathSymbol => both!(PathSymbol, |x, y| x.symbols() == y.symbols()),
            Kind::Bytes => both!(Bytes, |x, y| x.as_slice() == y.as_slice()),
            Kind::Quoted => {
                both!(Quoted, |x, y| x.mark == y.mark && self.equal_at(x.form, y.form, depth)?)
            }
            Kind::EnumValue => both!(EnumValue, |x, y| {
                x.variant == y.variant && self.equal_lists(x.payload(), y.payload(), depth)?
            }),
            Kind::Foreign => both!(Foreign, |x, y| x.data.same(&*y.data)),
            _ => false,
        })
    }

    fn equal_tables(
        &mut self,
        a: Gc<HashObject>,
        b: Gc<HashObject>,
        depth: usize,
    ) -> Result<bool, Throw> {
        if a.len() != b.len() || a.is_set() != b.is_set() {
            return Ok(false);
        }
        let entries = a.entries();
        for (key, value) in &entries {
            self.root(*key);
            self.root(*value);
        }
        for (key, x) in entries {
            let hash = self.hash(key)?;
            match self.table_find(b, hash, key)? {
                Some(at) => {
                    let y = b.table.borrow().at(at).value;
                    if !a.is_set() && !self.equal_at(x, y, depth)? {
                        return Ok(false);
                    }
                }
                None => return Ok(false),
            }
        }
        Ok(true)
    }

    /// Hash of a value, equal for equal values.
    ///
    /// # Errors
    ///
    /// `TypeException` for values that are not hashable.
    pub fn hash(&mut self, value: Value) -> Result<u64, Throw> {
        if let Some(text) = Gc::<Str>::from_value(value) {
            return Ok(spread(text.hash()));
        }
        self.hash_at(value, 0)
    }

    fn hash_at(&mut self, value: Value, depth: usize) -> Result<u64, Throw> {
        let Some(kind) = kind_of(value) else {
            let bits =
                if value == Value::float(-0.0) { Value::float(0.0).bits() } else { value.bits() };
            return Ok(FxBuildHasher.hash_one(bits));
        };
        if depth > MAX_DEPTH {
            return Err(self.runtime_error("value is nested too deeply to be a key"));
        }
        let mark = self.root_mark();
        if matches!(kind, Kind::Array | Kind::Map | Kind::EnumValue) {
            // A method `hash` of an element may take the containers apart.
            self.root(value);
        }
        let hash = self.hash_object(kind, value, depth);
        self.unroot(mark);
        hash
    }

    fn hash_object(&mut self, kind: Kind, value: Value, depth: usize) -> Result<u64, Throw> {
        let mut hasher = FxBuildHasher.build_hasher();
        (kind as u8).hash(&mut hasher);
        match kind {
            Kind::Str => {
                return Ok(Gc::<Str>::from_value(value).map_or(0, |s| spread(s.hash())));
            }
            Kind::BoxedInt => misc::int_of(value).hash(&mut hasher),
            Kind::Array => {
                let (mut index, array) = (0, Gc::<Array>::from_value(value));
                while let Some(item) = array.and_then(|a| a.get(index)) {
                    self.hash_at(item, depth + 1)?.hash(&mut hasher);
                    index += 1;
                }
            }
            Kind::Map => {
                // In any order: equal maps may have other orders.
                let mut sum = 0u64;
                for (key, _) in as_record(value).map(|m| m.entries()).unwrap_or_default() {
                    let item = as_record(value).and_then(|m| m.get(key)).unwrap_or(Value::NIL);
                    let pair = (key.id(), self.hash_at(item, depth + 1)?);
                    sum = sum.wrapping_add(FxBuildHasher.hash_one(pair));
                }
                sum.hash(&mut hasher);
            }
            Kind::Bytes => {
                Gc::<Bytes>::from_value(value).map(|b| b.as_slice().to_vec()).hash(&mut hasher);
            }
            Kind::PathSymbol => {
                let symbols = Gc::<PathSymbol>::from_value(value).map(|p| p.symbols());
                for symbol in symbols.unwrap_or_default() {
                    symbol.id().hash(&mut hasher);
                }
            }
            Kind::Variant => value.bits().hash(&mut hasher),
            Kind::EnumValue => {
                if let Some(v) = Gc::<EnumValue>::from_value(value) {
                    v.variant.value().bits().hash(&mut hasher);
                    for item in v.payload().to_vec() {
                        self.hash_at(item, depth + 1)?.hash(&mut hasher);
                    }
                }
            }
            Kind::Instance => return self.hash_instance(value),
            Kind::Foreign => match Gc::<Foreign>::from_value(value).and_then(|f| f.data.hash()) {
                Some(hash) => hash.hash(&mut hasher),
                None => return Err(self.not_hashable(value)),
            },
            _ => return Err(self.not_hashable(value)),
        }
        Ok(hasher.finish())
    }

    #[cold]
    fn not_hashable(&mut self, value: Value) -> Throw {
        let name = self.type_name(value);
        self.type_error(format!("{name} is not hashable for HashMap"))
    }

    fn hash_instance(&mut self, value: Value) -> Result<u64, Throw> {
        let Some(method) = self.class_of(value).find_method(self.names.hash) else {
            return Err(self.not_hashable(value));
        };
        let hash = self.call_method_value(method, value, &[])?;
        match misc::int_of(hash) {
            Some(i) => Ok(FxBuildHasher.hash_one(i)),
            None => Err(self.type_error("method hash must give an Int")),
        }
    }

    /// Position of a key in a hash map or set.
    ///
    /// # Errors
    ///
    /// What a method `==` of a key raises.
    pub fn table_find(
        &mut self,
        table: Gc<HashObject>,
        hash: u64,
        key: Value,
    ) -> Result<Option<usize>, Throw> {
        // Keys that compare without calls are looked up in place.
        if kind_of(key).is_none() && key.as_float().is_none() {
            return Ok(table.table.borrow().find(hash, |k| k == key));
        }
        if let Some(text) = string::text_of(key) {
            let same = |k| k == key || string::text_of(k) == Some(text);
            return Ok(table.table.borrow().find(hash, same));
        }
        let candidates = table.table.borrow().candidates(hash);
        let mark = self.root_mark();
        self.roots.extend(candidates.iter().map(|(_, candidate)| candidate));
        let mut found = Ok(None);
        for (at, candidate) in candidates {
            found = self.equal(candidate, key).map(|equal| equal.then_some(at));
            if !matches!(found, Ok(None)) {
                break;
            }
        }
        self.unroot(mark);
        found
    }

    /// Value of a key in a hash map.
    ///
    /// # Errors
    ///
    /// `TypeException` if the key is not hashable; what methods raise.
    pub fn table_get(&mut self, table: Gc<HashObject>, key: Value) -> Result<Option<Value>, Throw> {
        let hash = self.hash(key)?;
        let at = self.table_find(table, hash, key)?;
        Ok(at.map(|at| table.table.borrow().at(at).value))
    }

    /// Sets a key of a hash map; for a set, value and key are the same.
    ///
    /// # Errors
    ///
    /// As [`Vm::table_get`].
    pub fn table_set(
        &mut self,
        table: Gc<HashObject>,
        key: Value,
        value: Value,
    ) -> Result<(), Throw> {
        let hash = self.hash(key)?;
        match self.table_find(table, hash, key)? {
            Some(at) => table.table.borrow_mut().set_at(at, value),
            None => self.table_push(table, hash, key, value),
        }
        self.heap.barrier(table);
        Ok(())
    }

    /// Adds a key with its hash that the table does not have.
    pub fn table_push(&mut self, table: Gc<HashObject>, hash: u64, key: Value, value: Value) {
        self.heap.count_external(size_of::<table::Entry>() + 8);
        table.table.borrow_mut().push(hash, key, value);
        self.heap.barrier(table);
    }

    /// Removes a key; its value.
    ///
    /// # Errors
    ///
    /// As [`Vm::table_get`].
    pub fn table_remove(
        &mut self,
        table: Gc<HashObject>,
        key: Value,
    ) -> Result<Option<Value>, Throw> {
        let hash = self.hash(key)?;
        let at = self.table_find(table, hash, key)?;
        Ok(at.map(|at| table.table.borrow_mut().remove_at(at)))
    }
}

/// Fibonacci hashing: the upper bits, which tables use, depend on all.
fn spread(hash: u32) -> u64 {
    (hash as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

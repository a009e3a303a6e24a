//! Interned names.
//!
//! A [`Symbol`] is an index into one table for the whole process, so that the
//! reader, the compiler, every heap and every worker thread mean the same name
//! by the same number. Entries are never removed: [`Symbol::as_str`] hands out
//! `&'static str` without taking a lock for longer than a table lookup.

use std::fmt;
use std::hash::BuildHasher;
use std::sync::{LazyLock, RwLock};

use hashbrown::HashTable;
use rustc_hash::FxBuildHasher;

/// An interned name; equal names have equal symbols.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Symbol(u32);

#[derive(Default)]
struct Table {
    names: Vec<&'static str>,
    index: HashTable<u32>,
}

static TABLE: LazyLock<RwLock<Table>> = LazyLock::new(RwLock::default);

fn hash(name: &str) -> u64 {
    FxBuildHasher.hash_one(name)
}

impl Symbol {
    /// The symbol of `name`, entered into the table if it is new.
    pub fn intern(name: &str) -> Symbol {
        let hash = hash(name);
        if let Some(found) = Symbol::find(name, hash) {
            return found;
        }
        let mut table = TABLE.write().unwrap_or_else(|e| e.into_inner());
        let table = &mut *table;
        if let Some(&id) = table.index.find(hash, |&id| table.names[id as usize] == name) {
            return Symbol(id);
        }
        let id = u32::try_from(table.names.len()).expect("fewer than 2^32 names");
        table.names.push(Box::leak(name.to_owned().into_boxed_str()));
        let names = &table.names;
        table.index.insert_unique(hash, id, |&id| self::hash(names[id as usize]));
        Symbol(id)
    }

    fn find(name: &str, hash: u64) -> Option<Symbol> {
        let table = TABLE.read().unwrap_or_else(|e| e.into_inner());
        table.index.find(hash, |&id| table.names[id as usize] == name).map(|&id| Symbol(id))
    }

    /// The symbol of `name` if it has been interned before; a lookup that must
    /// not grow the table.
    pub fn get(name: &str) -> Option<Symbol> {
        Symbol::find(name, hash(name))
    }

    /// The name.
    pub fn as_str(self) -> &'static str {
        TABLE.read().unwrap_or_else(|e| e.into_inner()).names[self.0 as usize]
    }

    /// The number, below 2^32.
    pub fn id(self) -> u32 {
        self.0
    }

    /// The symbol with this number, which must come from [`Symbol::id`].
    pub fn from_id(id: u32) -> Symbol {
        Symbol(id)
    }
}

impl fmt::Display for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}", self.as_str())
    }
}

impl From<&str> for Symbol {
    fn from(name: &str) -> Symbol {
        Symbol::intern(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_names_are_equal_symbols() {
        let a = Symbol::intern("alpha");
        assert_eq!(a, Symbol::intern(&String::from("alpha")));
        assert_ne!(a, Symbol::intern("beta"));
        assert_eq!(a.as_str(), "alpha");
        assert_eq!(Symbol::get("never interned before"), None);
    }
}

//! Strings: immutable UTF-8 text behind a header.

use std::cell::Cell;
use std::hash::BuildHasher;

use gene_isa::Symbol;
use rustc_hash::FxBuildHasher;

use super::{Kind, Trace};
use crate::heap::header::ASCII;
use crate::heap::{Gc, Header, Heap, Marker};
use crate::value::Value;

/// A string. `header.extra` is its length in bytes.
#[repr(C)]
pub struct Str {
    header: Header,
    hash: Cell<u32>,
    /// Number of the symbol of this name plus 1, once it was asked for.
    symbol: Cell<u32>,
    // The bytes follow.
}

impl Str {
    /// A string with this text.
    pub fn new(heap: &mut Heap, text: &str) -> Gc<Str> {
        Str::concat(heap, &[text])
    }

    /// The text of two strings.
    #[inline]
    pub fn join(heap: &mut Heap, a: Gc<Str>, b: Gc<Str>) -> Gc<Str> {
        let len = a.len() + b.len();
        let flags = a.header.flags.get() & b.header.flags.get() & ASCII;
        let header = Header::with(Kind::Str as u8, flags, len as u32);
        let str = heap.alloc(Str { header, hash: Cell::new(0), symbol: Cell::new(0) }, len);
        let at = str.bytes_ptr();
        // SAFETY: `alloc` made room for the bytes of both.
        unsafe {
            at.copy_from_nonoverlapping(a.bytes_ptr(), a.len());
            at.add(a.len()).copy_from_nonoverlapping(b.bytes_ptr(), b.len());
        }
        str
    }

    /// A string of several pieces.
    pub fn concat(heap: &mut Heap, pieces: &[&str]) -> Gc<Str> {
        let len: usize = pieces.iter().map(|p| p.len()).sum();
        let ascii = pieces.iter().all(|p| p.is_ascii());
        let flags = if ascii { ASCII } else { 0 };
        let header = Header::with(Kind::Str as u8, flags, len as u32);
        let str = heap.alloc(Str { header, hash: Cell::new(0), symbol: Cell::new(0) }, len);
        let mut at = str.bytes_ptr();
        for piece in pieces {
            // SAFETY: `alloc` made room for the bytes of all pieces.
            unsafe {
                at.copy_from_nonoverlapping(piece.as_ptr(), piece.len());
                at = at.add(piece.len());
            }
        }
        str
    }

    fn bytes_ptr(&self) -> *mut u8 {
        let head = self as *const Str as *mut u8;
        // SAFETY: the bytes follow the head in the same cell.
        unsafe { head.add(size_of::<Str>()) }
    }

    /// Number of bytes.
    pub fn len(&self) -> usize {
        self.header.extra.get() as usize
    }

    /// Whether there is no text.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether positions in characters are positions in bytes.
    pub fn is_ascii(&self) -> bool {
        self.header.has(ASCII)
    }

    /// The text.
    #[inline]
    pub fn as_str(&self) -> &str {
        // SAFETY: strings are made of `&str` pieces only and never change.
        unsafe {
            let bytes = std::slice::from_raw_parts(self.bytes_ptr(), self.len());
            std::str::from_utf8_unchecked(bytes)
        }
    }

    /// Number of characters.
    pub fn chars(&self) -> usize {
        if self.is_ascii() { self.len() } else { self.as_str().chars().count() }
    }

    /// Hash of the text, computed once.
    pub fn hash(&self) -> u32 {
        if self.hash.get() == 0 {
            let hash = FxBuildHasher.hash_one(self.as_str());
            self.hash.set((hash >> 32) as u32 | 1);
        }
        self.hash.get()
    }

    /// The symbol of this name, looked up once.
    pub fn symbol(&self) -> Symbol {
        if self.symbol.get() == 0 {
            self.symbol.set(Symbol::intern(self.as_str()).id().wrapping_add(1));
        }
        Symbol::from_id(self.symbol.get().wrapping_sub(1))
    }
}

impl Gc<Str> {
    /// The text, valid until the next safepoint.
    pub fn text<'a>(self) -> &'a str {
        // SAFETY: the object is alive until the next safepoint, see `Gc`.
        unsafe { &*(self.as_str() as *const str) }
    }
}

/// The text of a string value, valid until the next safepoint.
#[inline]
pub fn text_of<'a>(value: Value) -> Option<&'a str> {
    Gc::<Str>::from_value(value).map(Gc::text)
}

impl Trace for Str {
    fn trace(&self, _: &mut Marker) {}
    fn bytes(&self) -> usize {
        size_of::<Str>() + self.len()
    }
}

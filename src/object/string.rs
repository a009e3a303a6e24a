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
            copy_bytes(a.bytes_ptr(), at, a.len());
            copy_bytes(b.bytes_ptr(), at.add(a.len()), b.len());
        }
        str
    }

    /// A string of several pieces.
    pub fn concat(heap: &mut Heap, pieces: &[&str]) -> Gc<Str> {
        let ascii = pieces.iter().all(|p| p.is_ascii());
        Str::concat_as(heap, pieces.iter().copied(), ascii)
    }

    /// A string of several pieces, of which it is known whether all are ASCII.
    pub fn concat_as<'a>(
        heap: &mut Heap,
        pieces: impl Iterator<Item = &'a str> + Clone,
        ascii: bool,
    ) -> Gc<Str> {
        let len: usize = pieces.clone().map(str::len).sum();
        let flags = if ascii { ASCII } else { 0 };
        let header = Header::with(Kind::Str as u8, flags, len as u32);
        let str = heap.alloc(Str { header, hash: Cell::new(0), symbol: Cell::new(0) }, len);
        let mut at = str.bytes_ptr();
        for piece in pieces {
            // SAFETY: `alloc` made room for the bytes of all pieces.
            unsafe {
                copy_bytes(piece.as_ptr(), at, piece.len());
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

/// Copies bytes; few of them without a call, which costs more than the copy.
///
/// # Safety
///
/// As `copy_nonoverlapping`.
#[inline(always)]
unsafe fn copy_bytes(from: *const u8, to: *mut u8, len: usize) {
    /// The first and the last word of the bytes, which may overlap.
    #[inline(always)]
    unsafe fn ends<T: Copy>(from: *const u8, to: *mut u8, len: usize) {
        let last = len - size_of::<T>();
        // SAFETY: the caller has at least a word of bytes.
        unsafe {
            let words =
                (from.cast::<T>().read_unaligned(), from.add(last).cast::<T>().read_unaligned());
            to.cast::<T>().write_unaligned(words.0);
            to.add(last).cast::<T>().write_unaligned(words.1);
        }
    }
    // SAFETY: the caller says so; each arm has as many bytes as its words.
    unsafe {
        match len {
            0 => {}
            1 => *to = *from,
            2..=3 => ends::<u16>(from, to, len),
            4..=7 => ends::<u32>(from, to, len),
            8..=15 => ends::<u64>(from, to, len),
            16..=32 => ends::<u128>(from, to, len),
            _ => to.copy_from_nonoverlapping(from, len),
        }
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

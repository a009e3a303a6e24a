//! What dead cells are overwritten with where speed does not matter: in debug
//! builds, and in the modes that shake the collector. A pointer that was not a
//! root then finds kind 0, which debug builds and `Heap::verify` look for, or
//! leads nowhere.
//!
//! Cells lie in blocks, so AddressSanitizer by itself sees one allocation and no
//! use after it was freed. Builds with `--cfg gene_asan`, which
//! `tests/sanitize.sh` makes, tell it about cells.

use std::ptr::NonNull;

use super::header::Header;
use crate::value::Value;

/// As a value it refers to memory that nobody maps, as an address it is none.
const DEAD: Value = Value::pointer(0x6bad_6bad_6ba0);

/// Whether cells are always overwritten.
pub const ALWAYS: bool = cfg!(any(debug_assertions, gene_asan));

/// Overwrites a dead cell of `size` bytes; the header says kind 0.
///
/// # Safety
///
/// The cell must be dead, and `size` its size, a multiple of 16.
pub unsafe fn bury(cell: NonNull<Header>, size: usize) {
    // SAFETY: the caller promises memory that nobody uses; it may have been
    // buried before.
    unsafe {
        revive(cell, size);
        let words = cell.cast::<u64>();
        words.write(0);
        for i in 1..size / 8 {
            words.add(i).write(DEAD.bits());
        }
    }
    sanitizer::forbid(cell, size);
}

/// Makes a cell usable again, before an object is written to it.
///
/// # Safety
///
/// The memory must be `size` bytes of a block.
#[inline(always)]
pub unsafe fn revive(cell: NonNull<Header>, size: usize) {
    sanitizer::allow(cell, size);
}

/// The header of a dead cell stays readable: sweeping asks for its kind.
#[cfg(gene_asan)]
mod sanitizer {
    use super::*;

    unsafe extern "C" {
        fn __asan_poison_memory_region(start: *const u8, bytes: usize);
        fn __asan_unpoison_memory_region(start: *const u8, bytes: usize);
    }

    pub fn forbid(cell: NonNull<Header>, size: usize) {
        let (start, head) = (cell.as_ptr().cast::<u8>(), size_of::<Header>());
        // SAFETY: changes nothing but the sanitizer's notes about the range.
        unsafe { __asan_poison_memory_region(start.wrapping_add(head), size - head) };
    }

    pub fn allow(start: NonNull<Header>, size: usize) {
        // SAFETY: as above.
        unsafe { __asan_unpoison_memory_region(start.as_ptr().cast(), size) };
    }
}

#[cfg(not(gene_asan))]
mod sanitizer {
    use super::*;

    #[inline(always)]
    pub fn forbid(_: NonNull<Header>, _: usize) {}
    #[inline(always)]
    pub fn allow(_: NonNull<Header>, _: usize) {}
}

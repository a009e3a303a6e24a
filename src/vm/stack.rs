//! The register stack and the frame stack: address space reserved once, so
//! that windows never move and growing costs nothing.

use std::ptr::NonNull;

use crate::heap::Gc;
use crate::object::Code;
use crate::value::Value;
use gene_isa::Insn;

/// One activation. The running frame's `pc` is in the interpreter loop and
/// stored here whenever something may look.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Frame {
    /// Next instruction.
    pub pc: *const Insn,
    /// First register of the window.
    pub base: *mut Value,
    /// What runs.
    pub code: Gc<Code>,
    /// Of a coroutine: where windows of its callees begin on the register
    /// stack; null of all others.
    pub top: *mut Value,
}

/// Address space for `T`s, zeroed, committed by the system when touched.
pub struct Region<T> {
    start: NonNull<T>,
    len: usize,
}

impl<T> Region<T> {
    /// Room for `len` items; `None` if the system refuses to reserve the address space.
    pub fn new(len: usize) -> Option<Region<T>> {
        // SAFETY: an anonymous private mapping at an address of the system's
        // choosing affects no other memory.
        let memory = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                len * size_of::<T>(),
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
                -1,
                0,
            )
        };
        let start = NonNull::new(memory.cast()).filter(|_| memory != libc::MAP_FAILED)?;
        Some(Region { start, len })
    }

    /// First item.
    pub fn start(&self) -> *mut T {
        self.start.as_ptr()
    }

    /// One past the last item.
    pub fn end(&self) -> *mut T {
        // SAFETY: one past the end of the mapping.
        unsafe { self.start.as_ptr().add(self.len) }
    }

    /// Zeroes everything from `from` on and gives its memory back.
    pub fn clear_from(&self, from: *mut T) {
        const PAGE: usize = 64 << 10;
        let (from, end) = (from as usize, self.end() as usize);
        debug_assert!(from >= self.start() as usize && from <= end);
        let aligned = from.next_multiple_of(PAGE).min(end);
        // SAFETY: the range lies in the mapping; `MADV_DONTNEED` zeroes private
        // anonymous pages.
        unsafe {
            std::ptr::write_bytes(from as *mut u8, 0, aligned - from);
            if aligned < end {
                libc::madvise(aligned as *mut libc::c_void, end - aligned, libc::MADV_DONTNEED);
            }
        }
    }
}

impl<T> Drop for Region<T> {
    fn drop(&mut self) {
        // SAFETY: mapped by `new` with this length.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.len * size_of::<T>()) };
    }
}

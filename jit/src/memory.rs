//! Memory for machine code: one range of address space, filled from its beginning.
//!
//! A page is writable or executable, never both. What is written next begins on the page
//! on which the last function ended, so that page is made writable again while something
//! is compiled. That is possible because machine code belongs to one thread, which is busy
//! compiling. Cranelift's own arena begins a new page each time: where pages have 64 KiB,
//! as on some aarch64 systems, 2048 functions would use up [`CODE_BYTES`].

use std::io;
use std::mem::ManuallyDrop;
use std::ops::Range;

use cranelift_jit::{BranchProtection, JITMemoryKind, JITMemoryProvider};
use cranelift_module::ModuleResult;
use region::{Allocation, Protection};

/// Address space for machine code: within reach of relative calls.
const CODE_BYTES: usize = 128 << 20;
/// Functions begin at cache lines.
const ALIGNMENT: usize = 64;

/// Memory for the machine code of one thread. It is never given back: addresses of what
/// is finished may be anywhere.
pub struct CodeMemory {
    space: ManuallyDrop<Allocation>,
    /// Bytes that are taken, and those of them that may be run, from the beginning.
    used: usize,
    finished: usize,
    /// The pages that are writable, as offsets.
    writable: Range<usize>,
}

// SAFETY: the address space is its own; only the thread that has it runs what lies there.
unsafe impl Send for CodeMemory {}

impl CodeMemory {
    /// Reserves address space.
    ///
    /// # Errors
    ///
    /// If the system refuses that, or lets no memory that was written become executable.
    pub fn new() -> region::Result<CodeMemory> {
        let space = ManuallyDrop::new(region::alloc(CODE_BYTES, Protection::NONE)?);
        let mut memory = CodeMemory { space, used: 0, finished: 0, writable: 0..0 };
        // A system that forbids it does so now, rather than when there is machine code
        // that could not go on.
        memory.make_writable(1)?;
        memory.make_executable()?;
        Ok(memory)
    }

    fn address(&self, offset: usize) -> *const u8 {
        self.space.as_ptr::<u8>().wrapping_add(offset)
    }

    fn protect(&self, pages: Range<usize>, protection: Protection) -> region::Result<()> {
        // SAFETY: the range lies in `space`. Nothing in it is referred to, and nothing in
        // it runs: see the head of this file.
        unsafe { region::protect(self.address(pages.start), pages.len(), protection) }
    }

    /// Makes everything writable from what is finished to `end`.
    fn make_writable(&mut self, end: usize) -> region::Result<()> {
        let page = region::page::size();
        if self.writable.is_empty() {
            let start = self.finished - self.finished % page;
            self.writable = start..start;
        }
        let more = self.writable.end..end.next_multiple_of(page);
        if !more.is_empty() {
            self.protect(more.clone(), Protection::READ_WRITE)?;
            self.writable.end = more.end;
        }
        Ok(())
    }

    fn make_executable(&mut self) -> region::Result<()> {
        publish(self.address(self.finished).addr()..self.address(self.used).addr());
        if !self.writable.is_empty() {
            self.protect(self.writable.clone(), Protection::READ_EXECUTE)?;
        }
        self.writable = 0..0;
        self.finished = self.used;
        Ok(())
    }
}

impl JITMemoryProvider for CodeMemory {
    fn allocate(&mut self, size: usize, align: u64, kind: JITMemoryKind) -> io::Result<*mut u8> {
        if !matches!(kind, JITMemoryKind::Executable) {
            return Err(io::ErrorKind::Unsupported.into());
        }
        let start = self.used.next_multiple_of(ALIGNMENT.max(align as usize));
        let end = start.saturating_add(size);
        if end > self.space.len() {
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        self.make_writable(end).map_err(io::Error::other)?;
        self.used = end;
        Ok(self.space.as_mut_ptr::<u8>().wrapping_add(start))
    }

    /// # Panics
    ///
    /// If the system takes back what it allowed before: there may be machine code on the
    /// same page, which could not go on.
    fn finalize(&mut self, _: BranchProtection) -> ModuleResult<()> {
        self.make_executable().expect("memory that was executable becomes so again");
        Ok(())
    }

    /// Does nothing.
    unsafe fn free_memory(&mut self) {}
}

/// Has this thread run what it has written, not what caches for instructions held there
/// before. The kernel does that for pages that become executable for the first time only.
/// Other threads run none of it, and the system synchronises a processor that this one
/// moves to.
#[cfg(target_arch = "aarch64")]
fn publish(written: Range<usize>) {
    use std::arch::asm;

    // Lines of caches are not shorter; `CTR_EL0` cannot be read on every system.
    const LINE: usize = 16;
    let lines = || (written.start & !(LINE - 1)..written.end).step_by(LINE);
    for line in lines() {
        // SAFETY: writes back what a cache holds of readable memory.
        unsafe { asm!("dc cvau, {}", in(reg) line, options(nostack, preserves_flags)) };
    }
    // SAFETY: waits.
    unsafe { asm!("dsb ish", options(nostack, preserves_flags)) };
    for line in lines() {
        // SAFETY: forgets what a cache holds of readable memory.
        unsafe { asm!("ic ivau, {}", in(reg) line, options(nostack, preserves_flags)) };
    }
    // SAFETY: waits, and fetches instructions again.
    unsafe { asm!("dsb ish", "isb", options(nostack, preserves_flags)) };
}

/// Processors for x86-64 see to that.
#[cfg(not(target_arch = "aarch64"))]
fn publish(_: Range<usize>) {}

#[cfg(test)]
mod tests {
    use super::*;

    /// A function that returns.
    const RETURN: &[u8] =
        if cfg!(target_arch = "aarch64") { &[0xC0, 0x03, 0x5F, 0xD6] } else { &[0xC3] };

    fn write(memory: &mut CodeMemory, size: usize) -> *mut u8 {
        let at = memory.allocate(size, 16, JITMemoryKind::Executable).unwrap();
        // SAFETY: so much has been allocated.
        unsafe { at.copy_from(RETURN.as_ptr(), RETURN.len()) };
        at
    }

    fn run(at: *mut u8) {
        // SAFETY: `write` has put a function there.
        unsafe { std::mem::transmute::<*mut u8, extern "C" fn()>(at)() };
    }

    fn protections(at: *mut u8) -> (bool, bool) {
        let region = region::query(at).unwrap();
        (region.is_writable(), region.is_executable())
    }

    #[test]
    fn functions_share_pages_that_are_writable_or_executable() {
        let mut memory = CodeMemory::new().unwrap();
        let mut made = Vec::new();
        for size in 0..300 {
            let at = write(&mut memory, 8 + size * 7);
            assert_eq!(protections(at), (true, false));
            memory.finalize(BranchProtection::None).unwrap();
            made.push(at);
            for at in &made {
                run(*at);
            }
            assert_eq!(protections(at), (false, true));
        }
        let bytes = made[299].addr() - made[0].addr();
        assert!(bytes <= (0..299).map(|size| 8 + size * 7 + ALIGNMENT).sum());
        assert!(made.iter().all(|at| at.addr().is_multiple_of(ALIGNMENT)));
    }

    #[test]
    fn what_does_not_fit_is_refused_and_the_rest_goes_on() {
        let mut memory = CodeMemory::new().unwrap();
        let first = write(&mut memory, 100);
        memory.finalize(BranchProtection::None).unwrap();
        for size in [CODE_BYTES, usize::MAX] {
            assert!(memory.allocate(size, 16, JITMemoryKind::Executable).is_err());
        }
        assert!(memory.allocate(8, 16, JITMemoryKind::Writable).is_err());
        let second = write(&mut memory, 100);
        memory.finalize(BranchProtection::None).unwrap();
        run(first);
        run(second);
    }
}

//! Blocks: 32 KiB of cells of one size.

use std::ptr::NonNull;

use super::header::Header;
use super::poison;

/// Size and alignment of a block in bytes.
pub const BLOCK_BYTES: usize = 32 << 10;
/// Cells are multiples of this many bytes.
pub const GRANULE: usize = 16;
const WORDS: usize = BLOCK_BYTES / GRANULE / 64;

/// Head of a block; the cells follow.
#[repr(C, align(16))]
pub struct Block {
    /// Bytes of a cell.
    pub cell: u32,
    /// One past the last cell, as offset from the block.
    limit: u32,
    /// Whether objects in it are finalized.
    pub finalize: bool,
    /// One bit a granule, set for the first granule of a marked cell.
    marks: [u64; WORDS],
}

/// Offset of the first cell.
const FIRST: usize = size_of::<Block>().next_multiple_of(GRANULE);

impl Block {
    /// Sets up zeroed memory as a block of cells of `cell` bytes.
    ///
    /// # Safety
    ///
    /// `memory` must be `BLOCK_BYTES` of exclusive memory, aligned to as much.
    pub unsafe fn format(memory: NonNull<u8>, cell: usize, finalize: bool) -> NonNull<Block> {
        let count = (BLOCK_BYTES - FIRST) / cell;
        let block = memory.cast::<Block>();
        // SAFETY: the caller gives us the memory. Cells of blocks with
        // finalizers start out free, which kind 0 says.
        unsafe {
            poison::revive(memory.cast(), BLOCK_BYTES);
            block.write(Block {
                cell: cell as u32,
                limit: (FIRST + count * cell) as u32,
                finalize,
                marks: [0; WORDS],
            });
            if finalize {
                memory.add(FIRST).write_bytes(0, BLOCK_BYTES - FIRST);
            }
        }
        block
    }

    /// The block that the cell at `address` lies in.
    ///
    /// # Safety
    ///
    /// `address` must lie in a block that nobody else is borrowing.
    #[inline(always)]
    pub unsafe fn of<'a>(address: usize) -> &'a mut Block {
        // SAFETY: blocks are aligned to their size.
        unsafe { &mut *((address & !(BLOCK_BYTES - 1)) as *mut Block) }
    }

    #[inline(always)]
    fn index(address: usize) -> (usize, u64) {
        let granule = (address & (BLOCK_BYTES - 1)) / GRANULE;
        (granule / 64, 1 << (granule % 64))
    }

    /// Marks the cell at `address`.
    #[inline(always)]
    pub fn mark(&mut self, address: usize) {
        let (word, bit) = Block::index(address);
        self.marks[word] |= bit;
    }

    /// Whether the cell at `address` is marked.
    #[inline(always)]
    pub fn is_marked(&self, address: usize) -> bool {
        let (word, bit) = Block::index(address);
        self.marks[word] & bit != 0
    }

    /// Whether no cell is marked.
    pub fn is_empty(&self) -> bool {
        self.marks.iter().all(|w| *w == 0)
    }

    /// Clears all marks.
    pub fn clear(&mut self) {
        self.marks = [0; WORDS];
    }

    fn base(&self) -> usize {
        self as *const Block as usize
    }

    /// Address of the first cell.
    pub fn first(&self) -> usize {
        self.base() + FIRST
    }

    /// One past the last cell.
    pub fn end(&self) -> usize {
        self.base() + self.limit as usize
    }

    /// The next run of unmarked cells at or after `from`: first and one past
    /// the last address.
    pub fn next_run(&self, from: usize) -> Option<(usize, usize)> {
        let (cell, end) = (self.cell as usize, self.end());
        let mut start = from;
        while start < end && self.is_marked(start) {
            start += cell;
        }
        if start >= end {
            return None;
        }
        let mut stop = start + cell;
        while stop < end && !self.is_marked(stop) {
            stop += cell;
        }
        Some((start, stop))
    }

    /// All cells as headers.
    pub fn cells(&self) -> impl Iterator<Item = NonNull<Header>> + use<> {
        let (first, end, cell) = (self.first(), self.end(), self.cell as usize);
        (first..end).step_by(cell).filter_map(|a| NonNull::new(a as *mut Header))
    }
}

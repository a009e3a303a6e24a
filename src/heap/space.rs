//! Where objects lie: blocks by cell size, and large objects one by one.

use std::alloc::Layout;
use std::ptr::NonNull;

use bumpalo::Bump;

use super::block::{BLOCK_BYTES, Block, GRANULE};
use super::header::Header;
use super::poison;

/// Largest object that lies in a block, in bytes.
pub(super) const SMALL_BYTES: usize = 512;
const CLASSES: usize = SMALL_BYTES / GRANULE;

/// Cells of one size, with or without finalizers.
struct Class {
    cell: usize,
    finalize: bool,
    /// Where the next object goes, and where the current run ends.
    cursor: usize,
    limit: usize,
    /// Start of the current run.
    start: usize,
    blocks: Vec<NonNull<Block>>,
    /// Blocks that may have free runs: indices into `blocks`.
    candidates: Vec<u32>,
    /// The block of the current run.
    current: Option<u32>,
    /// Blocks that were allocated from since the last collection.
    used: Vec<u32>,
    /// Objects allocated since the last collection in runs that are full.
    objects: usize,
}

/// An object that lies alone.
struct Large {
    memory: NonNull<Header>,
    layout: Layout,
}

/// All memory of objects.
pub struct Space {
    arena: Bump,
    /// Blocks without a size at the moment.
    free: Vec<NonNull<Block>>,
    classes: Box<[Class; 2 * CLASSES]>,
    young_large: Vec<Large>,
    old_large: Vec<Large>,
    large_bytes: usize,
    block_bytes: usize,
    /// Whether dead cells are overwritten.
    pub poison: bool,
    /// Bytes allocated since the last collection, counted a run at a time.
    pub since_collection: usize,
    /// Who wants to know of allocations.
    pub watch: Option<Watch>,
}

/// Tells a profiler of allocations.
pub struct Watch {
    /// Bytes between two calls, in the mean.
    every: usize,
    /// Bytes since the last call, and at the next.
    since: usize,
    next: usize,
    /// Is told of so many bytes.
    tell: Box<dyn FnMut(usize)>,
}

impl Watch {
    /// Calls `tell` about every `every` bytes.
    pub fn new(every: usize, tell: Box<dyn FnMut(usize)>) -> Watch {
        Watch { every, since: 0, next: every, tell }
    }

    #[cold]
    fn count(&mut self, bytes: usize) {
        self.since += bytes;
        if self.since >= self.next {
            // Not at equal distances: runs of a size may come at equal distances.
            self.next = self.every / 2 + fastrand::usize(0..=self.every);
            (self.tell)(std::mem::take(&mut self.since));
        }
    }
}

impl Space {
    /// Offset of the pointer to the classes.
    pub(super) const CLASSES: usize = std::mem::offset_of!(Space, classes);

    /// Fills in the offsets of allocation classes.
    pub(super) fn fill(layout: &mut gene_isa::backend::Layout) {
        layout.class_size = size_of::<Class>() as i32;
        layout.class_cursor = std::mem::offset_of!(Class, cursor) as i32;
        layout.class_limit = std::mem::offset_of!(Class, limit) as i32;
    }

    /// Memory for no objects yet.
    pub fn new() -> Space {
        let class = |i: usize| Class {
            cell: (i % CLASSES + 1) * GRANULE,
            finalize: i >= CLASSES,
            cursor: 0,
            limit: 0,
            start: 0,
            blocks: Vec::new(),
            candidates: Vec::new(),
            current: None,
            used: Vec::new(),
            objects: 0,
        };
        Space {
            arena: Bump::new(),
            free: Vec::new(),
            classes: Box::new(std::array::from_fn(class)),
            young_large: Vec::new(),
            old_large: Vec::new(),
            large_bytes: 0,
            block_bytes: 0,
            poison: poison::ALWAYS,
            since_collection: 0,
            watch: None,
        }
    }

    /// Memory for an object of `size` bytes.
    #[inline(always)]
    pub fn alloc(&mut self, size: usize, finalize: bool) -> NonNull<Header> {
        if size > SMALL_BYTES {
            return self.alloc_large(size);
        }
        let index = (size - 1) / GRANULE + if finalize { CLASSES } else { 0 };
        let class = &mut self.classes[index];
        let cell = class.cursor;
        let next = cell + class.cell;
        if next <= class.limit {
            class.cursor = next;
            // SAFETY: a run never begins at address 0, and its cells are free.
            return unsafe {
                let cell = NonNull::new_unchecked(cell as *mut Header);
                poison::revive(cell, class.cell);
                cell
            };
        }
        self.alloc_slow(index)
    }

    #[cold]
    #[inline(never)]
    fn alloc_slow(&mut self, index: usize) -> NonNull<Header> {
        self.next_run(index);
        let class = &mut self.classes[index];
        let cell = class.cursor;
        class.cursor += class.cell;
        // SAFETY: `next_run` made room; a run never begins at address 0.
        unsafe {
            let cell = NonNull::new_unchecked(cell as *mut Header);
            poison::revive(cell, class.cell);
            cell
        }
    }

    /// Counts bytes that were allocated: a run, or a large object.
    pub fn count(&mut self, bytes: usize) {
        self.since_collection += bytes;
        if let Some(watch) = &mut self.watch {
            watch.count(bytes);
        }
    }

    /// Gives the class a run of at least one free cell.
    fn next_run(&mut self, index: usize) {
        let class = &mut self.classes[index];
        class.objects += (class.cursor - class.start) / class.cell;
        let mut from = class.limit;
        loop {
            let current = match class.current {
                Some(current) => current,
                None => match class.candidates.pop() {
                    Some(next) => {
                        // SAFETY: blocks live as long as the space.
                        from = unsafe { class.blocks[next as usize].as_ref() }.first();
                        next
                    }
                    None => break,
                },
            };
            // SAFETY: blocks live as long as the space.
            let run = unsafe { class.blocks[current as usize].as_ref() }.next_run(from);
            match run {
                Some((start, stop)) => {
                    if class.current != Some(current) {
                        class.used.push(current);
                    }
                    class.current = Some(current);
                    (class.start, class.cursor, class.limit) = (start, start, stop);
                    self.count(stop - start);
                    return;
                }
                None => class.current = None,
            }
        }
        let (cell, finalize) = (class.cell, class.finalize);
        let block = self.new_block(cell, finalize);
        let class = &mut self.classes[index];
        let number = class.blocks.len() as u32;
        class.blocks.push(block);
        class.used.push(number);
        class.current = Some(number);
        // SAFETY: blocks live as long as the space.
        let block = unsafe { block.as_ref() };
        (class.start, class.cursor, class.limit) = (block.first(), block.first(), block.end());
        self.count(block.end() - block.first());
    }

    fn new_block(&mut self, cell: usize, finalize: bool) -> NonNull<Block> {
        let memory = match self.free.pop() {
            Some(block) => block.cast::<u8>(),
            None => {
                let layout = Layout::from_size_align(BLOCK_BYTES, BLOCK_BYTES);
                self.block_bytes += BLOCK_BYTES;
                self.arena.alloc_layout(layout.expect("a constant power of two"))
            }
        };
        // SAFETY: the memory is a block's, fresh from the arena or given back.
        unsafe { Block::format(memory, cell, finalize) }
    }

    #[cold]
    #[inline(never)]
    fn alloc_large(&mut self, size: usize) -> NonNull<Header> {
        let layout = Layout::from_size_align(size, GRANULE).expect("object sizes fit isize");
        // SAFETY: the size is not 0.
        let memory = unsafe { std::alloc::alloc(layout) };
        let Some(memory) = NonNull::new(memory.cast::<Header>()) else {
            std::alloc::handle_alloc_error(layout)
        };
        self.large_bytes += size;
        self.count(size);
        self.young_large.push(Large { memory, layout });
        memory
    }

    /// Gives a large object more bytes, which may move it: where it is, how many more
    /// they are, and whether it was there at the last collection. `None` if it is
    /// none. Nobody but the caller may refer to it.
    #[cold]
    pub fn grow_large(
        &mut self,
        object: NonNull<Header>,
        size: usize,
    ) -> Option<(NonNull<Header>, usize, bool)> {
        let all = self
            .old_large
            .iter_mut()
            .map(|large| (large, true))
            .chain(self.young_large.iter_mut().map(|large| (large, false)));
        // What grows is young as a rule, and was made last.
        let (large, old) = all.rev().find(|(large, _)| large.memory == object)?;
        let layout = Layout::from_size_align(size, GRANULE).expect("object sizes fit isize");
        // SAFETY: it was allocated with this layout; the new size is not 0.
        let memory = unsafe {
            std::alloc::realloc(large.memory.as_ptr().cast(), large.layout, layout.size())
        };
        let Some(memory) = NonNull::new(memory.cast::<Header>()) else {
            std::alloc::handle_alloc_error(layout)
        };
        let more = size - large.layout.size();
        (large.memory, large.layout) = (memory, layout);
        self.large_bytes += more;
        self.count(more);
        Some((memory, more, old))
    }

    /// Objects allocated since the last collection.
    pub fn allocated_objects(&self) -> usize {
        let small = self.classes.iter().map(|c| c.objects + (c.cursor - c.start) / c.cell);
        small.sum::<usize>() + self.young_large.len()
    }

    /// Bytes obtained from the system.
    pub fn reserved_bytes(&self) -> usize {
        self.block_bytes + self.large_bytes
    }

    /// Before a full collection: forgets what earlier ones found.
    pub fn clear_marks(&mut self) {
        for class in self.classes.iter_mut() {
            for block in &mut class.blocks {
                // SAFETY: blocks live as long as the space, and nobody else
                // looks at them now.
                unsafe { block.as_mut() }.clear();
            }
        }
        self.young_large.append(&mut self.old_large);
    }

    /// After marking: finalizes the dead and makes their cells available.
    pub fn sweep(&mut self, full: bool, epoch: u8, finalize: &mut dyn FnMut(&Header)) {
        self.since_collection = 0;
        for class in self.classes.iter_mut() {
            class.sweep(full, self.poison, &mut self.free, finalize);
        }
        self.young_large.retain(|large| {
            // SAFETY: large objects are freed here only.
            let header = unsafe { large.memory.as_ref() };
            let marked = header.is_marked(epoch);
            if !marked {
                finalize(header);
                self.large_bytes -= large.layout.size();
                // SAFETY: allocated with this layout, and unreachable.
                unsafe { std::alloc::dealloc(large.memory.cast().as_ptr(), large.layout) };
            }
            marked
        });
        self.old_large.append(&mut self.young_large);
    }

    /// Checks that cells in blocks with finalizers have a kind or are free.
    pub fn verify(&self, kinds: usize) {
        for class in self.classes.iter().filter(|c| c.finalize) {
            for block in &class.blocks {
                // SAFETY: blocks live as long as the space.
                let block = unsafe { block.as_ref() };
                assert_eq!(block.cell as usize, class.cell, "block of another size");
                for cell in block.cells() {
                    // SAFETY: cells of such blocks are initialised.
                    let kind = unsafe { cell.as_ref() }.kind as usize;
                    assert!(kind < kinds, "cell with kind {kind}");
                }
            }
        }
    }
}

impl Class {
    fn sweep(
        &mut self,
        full: bool,
        poison: bool,
        free: &mut Vec<NonNull<Block>>,
        finalize: &mut dyn FnMut(&Header),
    ) {
        (self.cursor, self.limit, self.start, self.objects) = (0, 0, 0, 0);
        self.current = None;
        if full {
            self.used.clear();
            self.candidates.clear();
            let mut kept = Vec::with_capacity(self.blocks.len());
            for block in std::mem::take(&mut self.blocks) {
                if self.finalize {
                    sweep_block(block, finalize);
                }
                if poison {
                    bury_dead(block);
                }
                // SAFETY: blocks live as long as the space.
                if unsafe { block.as_ref() }.is_empty() {
                    free.push(block);
                } else {
                    self.candidates.push(kept.len() as u32);
                    kept.push(block);
                }
            }
            self.blocks = kept;
        } else {
            if self.finalize {
                for used in &self.used {
                    sweep_block(self.blocks[*used as usize], finalize);
                }
            }
            if poison {
                for used in &self.used {
                    bury_dead(self.blocks[*used as usize]);
                }
            }
            self.candidates.append(&mut self.used);
        }
    }
}

/// Finalizes the dead objects of a block.
fn sweep_block(block: NonNull<Block>, finalize: &mut dyn FnMut(&Header)) {
    // SAFETY: blocks live as long as the space.
    let block = unsafe { block.as_ref() };
    for mut cell in block.cells() {
        // SAFETY: cells of blocks with finalizers are initialised: zeroed when
        // the block was made, or objects.
        let header = unsafe { cell.as_mut() };
        if header.kind != 0 && !block.is_marked(cell.as_ptr() as usize) {
            finalize(header);
            header.kind = 0;
        }
    }
}

/// Overwrites the dead cells of a block, which have been finalized.
fn bury_dead(block: NonNull<Block>) {
    // SAFETY: blocks live as long as the space.
    let (block, cell_bytes) = unsafe { (block.as_ref(), block.as_ref().cell as usize) };
    for cell in block.cells() {
        if !block.is_marked(cell.as_ptr() as usize) {
            // SAFETY: what was not marked is dead.
            unsafe { poison::bury(cell, cell_bytes) };
        }
    }
}

impl Drop for Space {
    fn drop(&mut self) {
        for large in self.young_large.drain(..).chain(self.old_large.drain(..)) {
            // SAFETY: allocated with this layout; nothing refers to it any more.
            unsafe { std::alloc::dealloc(large.memory.cast().as_ptr(), large.layout) };
        }
    }
}

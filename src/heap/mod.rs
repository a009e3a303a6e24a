//! The heap: arenas of objects and scopes, and the collector.
//!
//! Invariants
//! - A collection happens only when [`Heap::collect`] is called, which the
//!   interpreter does at safepoints. Allocation never collects: code between
//!   two safepoints can hold plain [`Value`]s and [`Gc`] pointers.
//! - Objects do not move.
//! - Every store of a value into an object or scope that exists already goes
//!   through [`Heap::barrier`] of that object.
//!
//! The collector marks and sweeps, generational by sticky marks: a minor
//! collection leaves the marks of earlier ones in place, so that it only
//! traces what is new, starting from the roots and from old objects that were
//! written to (Demers et al., *Combining generational and conservative garbage
//! collection*, POPL 1990). Sweeping is a search for runs of unmarked cells in
//! which allocation then bumps a pointer, after Immix (Blackburn and McKinley,
//! PLDI 2008), but within blocks of one cell size.
//!
//! Reading order: [`header`], [`block`], [`space`], [`scope`], [`marker`], this file,
//! [`shape`].

pub mod block;
pub mod header;
pub mod layout;
pub mod marker;
mod poison;
pub mod scope;
pub mod shape;
pub mod space;

use std::ops::RangeInclusive;
use std::ptr::NonNull;

pub use header::{Gc, Header, KindInfo, Object};
pub use marker::Marker;
pub use scope::Scope;
pub use shape::{Shape, Shapes};
use space::Space;
pub use space::Watch;

use crate::value::Value;

/// Bytes allocated between two collections: few while little is alive, so that they stay in
/// the caches of the processor; more when much is alive, of which each collection finds
/// a part that has not died yet.
const NURSERY_BYTES: RangeInclusive<usize> = 4 << 20..=16 << 20;
/// Under stress, every so many collections are full: the others leave what is
/// old alone.
const STRESS_FULL: u64 = 16;
/// A full collection when the old objects have grown by this factor...
const GROWTH: usize = 2;
/// ... and by at least this many bytes.
const GROWTH_BYTES: usize = 16 << 20;

/// Counters of the collector; see `gene/vm/stats`.
#[derive(Clone, Copy, Default, Debug)]
pub struct GcStats {
    /// Collections so far.
    pub runs: u64,
    /// Of these, the ones that traced everything.
    pub full_runs: u64,
    /// Objects freed so far.
    pub freed: u64,
    /// Time spent, in nanoseconds.
    pub pause_ns: u64,
    /// Longest pause, in nanoseconds.
    pub max_pause_ns: u64,
}

/// An arena heap for one thread.
pub struct Heap {
    space: Space,
    scopes: scope::Scopes,
    /// Hidden classes.
    pub shapes: Shapes,
    kinds: &'static [KindInfo],
    /// 1 or 2: what a mark of the current cycle looks like.
    epoch: u8,
    remembered: Vec<NonNull<Header>>,
    stack: Vec<NonNull<Header>>,
    /// Set when enough has been allocated; looked at by safepoints.
    requested: bool,
    /// Bytes to be allocated until the next collection.
    nursery: usize,
    /// Marked objects and their bytes after the last collection.
    old_objects: usize,
    old_bytes: usize,
    /// Bytes that survived the last full collection.
    full_bytes: usize,
    /// Counters.
    pub stats: GcStats,
    /// Collect at every safepoint.
    pub stress: bool,
}

impl Heap {
    /// An empty heap for objects of these kinds.
    pub fn new(kinds: &'static [KindInfo]) -> Heap {
        Heap {
            space: Space::new(),
            scopes: scope::Scopes::default(),
            shapes: Shapes::new(),
            kinds,
            epoch: 1,
            remembered: Vec::new(),
            stack: Vec::new(),
            requested: false,
            nursery: *NURSERY_BYTES.start(),
            old_objects: 0,
            old_bytes: 0,
            full_bytes: 0,
            stats: GcStats::default(),
            stress: false,
        }
    }

    /// Whether a safepoint should collect.
    #[inline(always)]
    pub fn wants_collection(&self) -> bool {
        self.requested
    }

    /// Overwrites dead objects from now on, so that what still refers to one
    /// is found; debug builds always do.
    pub fn poison_dead_objects(&mut self) {
        self.space.poison = true;
    }

    /// Makes the next safepoint collect.
    pub fn request_collection(&mut self) {
        self.requested = true;
    }

    /// Allocates `object` with `extra` bytes behind it, which the caller has to
    /// initialise before they are read or traced.
    #[inline]
    pub fn alloc<T: Object>(&mut self, object: T, extra: usize) -> Gc<T> {
        let size = size_of::<T>() + extra;
        let cell = self.space.alloc(size, T::FINALIZE);
        if self.space.since_collection > self.nursery {
            self.requested = true;
        }
        // SAFETY: the cell is exclusively ours, at least `size` bytes, and
        // aligned to 16, which no object's alignment exceeds (asserted).
        unsafe {
            const { assert!(align_of::<T>() <= 16) };
            cell.cast::<T>().write(object);
            Gc::from_ptr(cell.cast())
        }
    }

    /// Memory for an object of `size` bytes, which the caller has to initialise
    /// before the next safepoint.
    pub fn alloc_raw(&mut self, size: usize, finalize: bool) -> NonNull<Header> {
        let cell = self.space.alloc(size, finalize);
        if self.space.since_collection > self.nursery {
            self.requested = true;
        }
        cell
    }

    /// Gives a large object, to which only the caller refers, `size` bytes; it may
    /// move. `None` if the object is not large.
    pub fn grow_large(&mut self, object: NonNull<Header>, size: usize) -> Option<NonNull<Header>> {
        let (grown, more, old) = self.space.grow_large(object, size)?;
        if old {
            // A minor collection does not count it again.
            self.old_bytes += more;
            self.space.since_collection -= more;
        }
        self.requested |= more > self.nursery || self.space.since_collection > self.nursery;
        Some(grown)
    }

    /// Counts memory that an object holds outside the heap, in bytes.
    pub fn count_external(&mut self, bytes: usize) {
        self.space.count(bytes);
        if self.space.since_collection > self.nursery {
            self.requested = true;
        }
    }

    /// Has `watch` told of allocations from now on.
    pub fn watch_allocations(&mut self, watch: Option<Watch>) {
        self.space.watch = watch;
    }

    /// Must follow every store into `object`, which may be older than what
    /// was stored.
    #[inline(always)]
    pub fn barrier<T: Object>(&mut self, object: Gc<T>) {
        self.barrier_at(object.header());
    }

    /// The same for an object known by its header.
    #[inline(always)]
    pub fn barrier_at(&mut self, header: &Header) {
        if header.is_old_and_clean() {
            self.remember(header);
        }
    }

    #[cold]
    fn remember(&mut self, header: &Header) {
        header.set_remembered();
        self.remembered.push(NonNull::from(header));
    }

    // ---- scopes ----------------------------------------------------------

    /// A scope with `slots` unset variables and one count. Holds a count on
    /// `parent`.
    #[inline]
    pub fn new_scope(&mut self, parent: Option<NonNull<Scope>>, slots: u16) -> NonNull<Scope> {
        self.scopes.alloc(parent, slots)
    }

    /// Takes one more count.
    #[inline(always)]
    pub fn retain_scope(&mut self, scope: NonNull<Scope>) {
        // SAFETY: whoever passes a scope holds a count on it, so it is alive.
        unsafe { scope.as_ref() }.retain();
    }

    /// Gives a count back; at 0 the scope is freed and its parent released.
    #[inline]
    pub fn release_scope(&mut self, scope: NonNull<Scope>) {
        self.scopes.release(scope);
    }

    /// Gives all variables of a new scope their values, and freezes it.
    pub fn fill_scope(&mut self, scope: NonNull<Scope>, values: &[Value], frozen: bool) {
        // SAFETY: whoever passes a scope holds a count on it, so it is alive.
        let scope = unsafe { scope.as_ref() };
        for (slot, value) in values.iter().enumerate().take(scope.len()) {
            // It is new, so not frozen.
            let _ = self.set_scope_slot(scope, slot, *value);
        }
        if frozen {
            scope.header.set_flag(header::FROZEN);
        }
    }

    /// Stores a variable of a scope. `Err` if the scope is frozen.
    #[inline(always)]
    pub fn set_scope_slot(
        &mut self,
        scope: &Scope,
        slot: usize,
        value: Value,
    ) -> Result<(), Frozen> {
        if scope.header.needs_attention() {
            self.attend_scope(scope)?;
        }
        scope.set(slot, value);
        Ok(())
    }

    #[cold]
    fn attend_scope(&mut self, scope: &Scope) -> Result<(), Frozen> {
        if scope.header.is_frozen() {
            return Err(Frozen);
        }
        if scope.header.is_old_and_clean() {
            self.remember(&scope.header);
        }
        Ok(())
    }

    /// Scopes not yet released.
    pub fn live_scopes(&self) -> usize {
        self.scopes.live
    }

    /// Objects not yet reclaimed.
    pub fn live_objects(&self) -> usize {
        self.old_objects + self.space.allocated_objects()
    }

    /// Bytes in use by objects after the last collection, and allocated since.
    pub fn live_bytes(&self) -> usize {
        self.old_bytes + self.space.since_collection
    }

    /// Bytes obtained from the system for blocks and large objects.
    pub fn reserved_bytes(&self) -> usize {
        self.space.reserved_bytes() + self.scopes.reserved_bytes()
    }

    // ---- collection ------------------------------------------------------

    /// Collects: minor if that is enough, else full. `roots` marks every value
    /// that is reachable from outside the heap.
    pub fn collect(&mut self, full: bool, roots: &mut dyn FnMut(&mut Marker)) -> usize {
        let start = std::time::Instant::now();
        let due = self.old_bytes > self.full_bytes * GROWTH + GROWTH_BYTES;
        let full = full || due || (self.stress && self.stats.runs.is_multiple_of(STRESS_FULL));
        let before = self.live_objects();
        if full {
            self.epoch = 3 - self.epoch;
            self.space.clear_marks();
            (self.old_objects, self.old_bytes) = (0, 0);
        }
        let remembered = std::mem::take(&mut self.remembered);
        let mut marker = Marker::new(self.epoch, self.kinds, std::mem::take(&mut self.stack));
        roots(&mut marker);
        for header in remembered {
            // SAFETY: remembered objects are old, hence not freed by anything
            // but a full collection, which empties the list; freed scopes stay
            // in limbo until `Scopes::after_marking`.
            let header = unsafe { header.as_ref() };
            header.clear_remembered();
            if !full && !header.is_free() {
                marker.trace_again(header);
            }
        }
        marker.drain();
        self.old_objects += marker.objects;
        self.old_bytes += marker.bytes;
        self.stack = marker.into_stack();
        self.sweep(full);
        self.requested = self.stress;
        self.nursery = (self.old_bytes / 2).clamp(*NURSERY_BYTES.start(), *NURSERY_BYTES.end());
        if full {
            self.full_bytes = self.old_bytes;
        }
        let freed = before - self.live_objects();
        let pause = start.elapsed().as_nanos() as u64;
        self.stats.runs += 1;
        self.stats.full_runs += full as u64;
        self.stats.freed += freed as u64;
        self.stats.pause_ns += pause;
        self.stats.max_pause_ns = self.stats.max_pause_ns.max(pause);
        freed
    }

    fn sweep(&mut self, full: bool) {
        let Heap { space, scopes, kinds, epoch, .. } = self;
        space.sweep(full, *epoch, &mut |header| {
            let info = &kinds[header.kind as usize];
            if let Some(finalize) = info.finalize {
                // SAFETY: the object is dead and finalized once: the cell is
                // marked free right after.
                unsafe { finalize(NonNull::from(header), scopes) };
            }
        });
        scopes.after_collection();
    }

    /// Checks the invariants of blocks, marks and reachable objects.
    ///
    /// # Panics
    ///
    /// If one does not hold, which is a bug of the runtime.
    pub fn verify(&mut self, roots: &mut dyn FnMut(&mut Marker)) {
        self.space.verify(self.kinds.len());
        let mut marker = Marker::verifying(self.kinds);
        roots(&mut marker);
        marker.drain();
    }
}

impl Drop for Heap {
    fn drop(&mut self) {
        self.space.clear_marks();
        self.epoch = 3;
        self.sweep(true);
    }
}

/// A variable of a frozen scope was assigned.
#[derive(Debug, Clone, Copy)]
pub struct Frozen;

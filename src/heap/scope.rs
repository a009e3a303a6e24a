//! Scopes: captured variables in an arena of their own, with explicit counts.

use std::alloc::Layout;
use std::cell::Cell;
use std::ptr::NonNull;

use bumpalo::Bump;

use super::header::Header;
use super::marker::Marker;
use crate::value::Value;

/// Kind of scopes in headers; above every kind of objects.
pub const SCOPE_KIND: u8 = u8::MAX;

/// The captured variables of one activation of a lexical scope. Frames,
/// closures, suspended tasks, generators and inner scopes hold a count each.
#[repr(C)]
pub struct Scope {
    /// `extra` is the number of slots.
    pub header: Header,
    count: Cell<u32>,
    class: u32,
    parent: Cell<Option<NonNull<Scope>>>,
    // The slots follow.
}

const HEAD: usize = size_of::<Scope>();

impl Scope {
    /// Offset of the count, which the class follows.
    pub const COUNT: usize = std::mem::offset_of!(Scope, count);
    /// Offset of the pointer to the enclosing scope.
    pub const PARENT: usize = std::mem::offset_of!(Scope, parent);
    /// Offset of the variables.
    pub const SLOTS: usize = HEAD;

    /// Number of variables.
    pub fn len(&self) -> usize {
        self.header.extra.get() as usize
    }

    /// Whether it has no variables.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The enclosing scope.
    #[inline(always)]
    pub fn parent(&self) -> Option<NonNull<Scope>> {
        self.parent.get()
    }

    /// The variables.
    pub fn slots(&self) -> &[Cell<Value>] {
        // SAFETY: `len` values follow the head, initialised by `alloc`.
        unsafe {
            let first = (self as *const Scope).cast::<u8>().add(HEAD).cast::<Cell<Value>>();
            std::slice::from_raw_parts(first, self.len())
        }
    }

    /// A variable.
    #[inline(always)]
    pub fn get(&self, slot: usize) -> Value {
        debug_assert!(slot < self.len());
        // SAFETY: verified code only names slots that exist.
        unsafe { self.slots().get_unchecked(slot) }.get()
    }

    /// Sets a variable; the caller takes care of the barrier.
    #[inline(always)]
    pub(super) fn set(&self, slot: usize, value: Value) {
        debug_assert!(slot < self.len());
        // SAFETY: as in `get`.
        unsafe { self.slots().get_unchecked(slot) }.set(value);
    }

    #[inline(always)]
    pub(super) fn retain(&self) {
        self.count.set(self.count.get() + 1);
    }

    /// The count, for tests and dumps.
    pub fn count(&self) -> u32 {
        self.count.get()
    }

    pub(super) fn trace(&self, marker: &mut Marker) {
        marker.external(layout(self.len()).size());
        marker.cells(self.slots());
        if let Some(parent) = self.parent() {
            marker.scope(parent);
        }
    }
}

/// Scopes of more slots are allocated one by one.
const CLASSES: usize = 32;
const ALONE: u32 = u32::MAX;

/// The arena of scopes: free lists by number of slots.
pub struct Scopes {
    arena: Bump,
    free: [Option<NonNull<Scope>>; CLASSES],
    /// Released while in the remembered set: usable after the next collection.
    limbo: Vec<NonNull<Scope>>,
    /// Scopes not yet released.
    pub live: usize,
}

impl Default for Scopes {
    fn default() -> Scopes {
        Scopes { arena: Bump::new(), free: [None; CLASSES], limbo: Vec::new(), live: 0 }
    }
}

fn layout(slots: usize) -> Layout {
    let bytes = HEAD + slots * size_of::<Value>();
    Layout::from_size_align(bytes, 16).expect("at most 65535 slots")
}

impl Scopes {
    /// Number of lists of free scopes.
    pub const CLASSES: usize = CLASSES;
    /// Offset of the first of them.
    pub(super) const FREE: usize = std::mem::offset_of!(Scopes, free);
    /// Offset of the number of scopes that are alive.
    pub(super) const LIVE: usize = std::mem::offset_of!(Scopes, live);

    /// See [`Heap::new_scope`](super::Heap::new_scope).
    #[inline]
    pub fn alloc(&mut self, parent: Option<NonNull<Scope>>, slots: u16) -> NonNull<Scope> {
        let slots = slots as usize;
        if let Some(parent) = parent {
            // SAFETY: the caller holds a count on the parent.
            unsafe { parent.as_ref() }.retain();
        }
        self.live += 1;
        let (memory, class) = match self.free.get_mut(slots) {
            Some(free) => match *free {
                Some(scope) => {
                    // SAFETY: free scopes link to the next one by `parent`.
                    *free = unsafe { scope.as_ref() }.parent.get();
                    (scope, slots as u32)
                }
                None => (self.arena.alloc_layout(layout(slots)).cast(), slots as u32),
            },
            None => {
                // SAFETY: the layout has a size.
                let memory = unsafe { std::alloc::alloc(layout(slots)) };
                let memory = NonNull::new(memory.cast::<Scope>());
                (memory.unwrap_or_else(|| std::alloc::handle_alloc_error(layout(slots))), ALONE)
            }
        };
        // SAFETY: the memory has room for the head and the slots.
        unsafe {
            memory.write(Scope {
                header: Header::with(SCOPE_KIND, 0, slots as u32),
                count: Cell::new(1),
                class,
                parent: Cell::new(parent),
            });
            let first = memory.cast::<u8>().add(HEAD).cast::<Value>();
            for slot in 0..slots {
                first.add(slot).write(Value::UNSET);
            }
        }
        memory
    }

    /// See [`Heap::release_scope`](super::Heap::release_scope).
    #[inline]
    pub fn release(&mut self, scope: NonNull<Scope>) {
        // SAFETY: the caller holds the count that it gives back.
        let count = unsafe { &scope.as_ref().count };
        count.set(count.get() - 1);
        if count.get() == 0 {
            self.free(scope);
        }
    }

    fn free(&mut self, mut scope: NonNull<Scope>) {
        loop {
            // SAFETY: the count is 0: nobody else refers to the scope.
            let dead = unsafe { scope.as_mut() };
            let parent = dead.parent.take();
            self.live -= 1;
            dead.header.kind = 0;
            if dead.header.is_remembered() {
                self.limbo.push(scope);
            } else {
                self.recycle(scope);
            }
            let Some(next) = parent else { return };
            // SAFETY: the dead scope held a count on its parent.
            let count = unsafe { &next.as_ref().count };
            count.set(count.get() - 1);
            if count.get() > 0 {
                return;
            }
            scope = next;
        }
    }

    fn recycle(&mut self, scope: NonNull<Scope>) {
        // SAFETY: the scope is dead and its head still readable.
        let dead = unsafe { scope.as_ref() };
        match dead.class {
            // SAFETY: it was allocated with this layout.
            ALONE => unsafe { std::alloc::dealloc(scope.cast().as_ptr(), layout(dead.len())) },
            class => {
                dead.parent.set(self.free[class as usize]);
                self.free[class as usize] = Some(scope);
            }
        }
    }

    /// The remembered set is empty now: scopes in limbo can be used again.
    pub(super) fn after_collection(&mut self) {
        for scope in std::mem::take(&mut self.limbo) {
            self.recycle(scope);
        }
    }

    /// Bytes obtained from the system.
    pub fn reserved_bytes(&self) -> usize {
        self.arena.allocated_bytes()
    }
}

//! Marking: what is reachable.

use std::cell::Cell;
use std::ptr::NonNull;

use super::block::Block;
use super::header::{Gc, Header, KindInfo, Object};
use super::scope::{SCOPE_KIND, Scope};
use crate::value::Value;

/// Marks objects and scopes; what has been found but not yet traced waits on a
/// stack, so that deep structures need no recursion.
pub struct Marker {
    epoch: u8,
    kinds: &'static [KindInfo],
    stack: Vec<NonNull<Header>>,
    /// Objects marked.
    pub objects: usize,
    /// Their bytes.
    pub bytes: usize,
    verifying: Option<std::collections::HashSet<usize>>,
}

/// Objects above this size lie alone and have no mark bit in a block.
const SMALL_BYTES: usize = 512;

impl Marker {
    pub(super) fn new(
        epoch: u8,
        kinds: &'static [KindInfo],
        stack: Vec<NonNull<Header>>,
    ) -> Marker {
        Marker { epoch, kinds, stack, objects: 0, bytes: 0, verifying: None }
    }

    /// A marker that only checks what it reaches.
    pub(super) fn verifying(kinds: &'static [KindInfo]) -> Marker {
        let verifying = Some(std::collections::HashSet::new());
        Marker { epoch: 0, kinds, stack: Vec::new(), objects: 0, bytes: 0, verifying }
    }

    /// Marks what `value` refers to.
    #[inline(always)]
    pub fn value(&mut self, value: Value) {
        if value.is_pointer() {
            self.header(value.address_unchecked());
        } else if value.is_scope() {
            self.scope_at(value.address_unchecked());
        }
    }

    /// Marks the values of a slice.
    pub fn values(&mut self, values: &[Value]) {
        for value in values {
            self.value(*value);
        }
    }

    /// Marks the values in cells.
    pub fn cells(&mut self, values: &[Cell<Value>]) {
        for value in values {
            self.value(value.get());
        }
    }

    /// Marks an object.
    pub fn object<T: Object>(&mut self, object: Gc<T>) {
        self.header(object.as_ptr() as usize);
    }

    /// Counts memory that the object being traced holds outside the heap.
    pub fn external(&mut self, bytes: usize) {
        self.bytes += bytes;
    }

    /// Marks a scope that somebody holds.
    pub fn scope(&mut self, scope: NonNull<Scope>) {
        self.scope_at(scope.as_ptr() as usize);
    }

    #[inline(always)]
    fn header(&mut self, address: usize) {
        // SAFETY: values refer to live objects, which begin with a header.
        let header = unsafe { &*(address as *const Header) };
        if header.is_marked(self.epoch) {
            return;
        }
        self.push_object(header);
    }

    fn push_object(&mut self, header: &Header) {
        if let Some(seen) = &mut self.verifying {
            let kind = header.kind as usize;
            assert!(kind != 0 && kind < self.kinds.len(), "reachable cell of kind {kind}");
            if seen.insert(header as *const Header as usize) {
                self.stack.push(NonNull::from(header));
            }
            return;
        }
        debug_assert!(!header.is_free(), "reachable object in a free cell");
        header.set_mark(self.epoch);
        let info = &self.kinds[header.kind as usize];
        let size = match info.before_slots {
            // SAFETY: the kind's functions take objects of the kind.
            0 => unsafe { (info.size)(NonNull::from(header)) },
            before => before + header.small.get() as usize * size_of::<Value>(),
        };
        if size <= SMALL_BYTES {
            let address = header as *const Header as usize;
            // SAFETY: small objects lie in blocks, and only the marker touches
            // block heads during a collection.
            unsafe { Block::of(address) }.mark(address);
        }
        self.objects += 1;
        self.bytes += size;
        self.stack.push(NonNull::from(header));
    }

    fn scope_at(&mut self, address: usize) {
        // SAFETY: scopes that are referred to are alive: the referrer holds a count.
        let header = unsafe { &*(address as *const Header) };
        debug_assert_eq!(header.kind, SCOPE_KIND);
        if let Some(seen) = &mut self.verifying {
            assert_eq!(header.kind, SCOPE_KIND, "reachable scope that was released");
            if seen.insert(address) {
                self.stack.push(NonNull::from(header));
            }
        } else if !header.is_marked(self.epoch) {
            header.set_mark(self.epoch);
            self.stack.push(NonNull::from(header));
        }
    }

    /// Traces an old object that was written to.
    pub(super) fn trace_again(&mut self, header: &Header) {
        self.stack.push(NonNull::from(header));
    }

    /// Traces until nothing is left.
    pub(super) fn drain(&mut self) {
        while let Some(next) = self.stack.pop() {
            // SAFETY: what is on the stack is alive.
            let kind = unsafe { next.as_ref() }.kind;
            if kind == SCOPE_KIND {
                // SAFETY: the kind says that it is a scope.
                unsafe { next.cast::<Scope>().as_ref() }.trace(self);
            } else {
                // SAFETY: the kind's functions take objects of the kind.
                unsafe { (self.kinds[kind as usize].trace)(next, self) };
            }
        }
    }

    pub(super) fn into_stack(self) -> Vec<NonNull<Header>> {
        self.stack
    }
}

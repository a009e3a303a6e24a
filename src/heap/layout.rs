//! The parts of the heap that machine code knows.

use std::mem::offset_of;

use gene_isa::backend::Layout;

use super::block::GRANULE;
use super::header::{FROZEN, Header, SEALED};
use super::scope::{SCOPE_KIND, Scopes};
use super::space::{SMALL_BYTES, Space};
use super::{Heap, Scope, Shape};

impl Heap {
    /// Offset of the flag that asks for a collection.
    pub const REQUESTED: usize = offset_of!(Heap, requested);
    /// Offset of the pointer to the allocation classes.
    pub const CLASSES: usize = offset_of!(Heap, space) + Space::CLASSES;
    /// Offset of the lists of free scopes.
    pub const FREE_SCOPES: usize = offset_of!(Heap, scopes) + Scopes::FREE;
    /// Offset of the number of scopes that are alive.
    pub const LIVE_SCOPES: usize = offset_of!(Heap, scopes) + Scopes::LIVE;
}

/// Fills in the offsets of headers, scopes and shapes.
pub fn fill(layout: &mut Layout) {
    Space::fill(layout);
    layout.granule = GRANULE as i32;
    // Machine code would not tell AddressSanitizer which cells it takes.
    layout.small_bytes = if cfg!(gene_asan) { 0 } else { SMALL_BYTES as i32 };
    layout.immutable_flags = (SEALED | FROZEN) as i32;
    layout.frozen_flag = FROZEN as i32;
    layout.header_kind = offset_of!(Header, kind) as i32;
    layout.header_mark = Header::MARK as i32;
    layout.header_flags = offset_of!(Header, flags) as i32;
    layout.header_small = offset_of!(Header, small) as i32;
    layout.header_extra = offset_of!(Header, extra) as i32;
    layout.kind_scope = SCOPE_KIND as i32;
    layout.scope_classes = Scopes::CLASSES as i32;
    layout.scope_count = Scope::COUNT as i32;
    layout.scope_parent = Scope::PARENT as i32;
    layout.scope_slots = Scope::SLOTS as i32;
    layout.shape_class_id = offset_of!(Shape, class_id) as i32;
}

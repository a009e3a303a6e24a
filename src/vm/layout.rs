//! The parts of the vm that machine code knows.

use std::mem::offset_of;

use gene_isa::backend::Layout;

use super::Vm;
use super::stack::Frame;
use crate::heap::Heap;

/// Fills in the offsets of the vm and its frames.
pub fn fill(layout: &mut Layout) {
    let heap = offset_of!(Vm, heap);
    layout.vm_fp = offset_of!(Vm, fp) as i32;
    layout.vm_stack_limit = offset_of!(Vm, stack_limit) as i32;
    layout.small_window = super::SMALL_WINDOW as i32;
    layout.vm_native_limit = offset_of!(Vm, native_limit) as i32;
    layout.vm_int_unbias = offset_of!(Vm, int_unbias) as i32;
    layout.vm_pointer_tag = offset_of!(Vm, pointer_tag) as i32;
    layout.vm_exit_values = offset_of!(Vm, exit_values) as i32;
    layout.vm_result = offset_of!(Vm, native_result) as i32;
    layout.vm_cache_epoch = offset_of!(Vm, cache_epoch) as i32;
    layout.vm_gc_requested = (heap + Heap::REQUESTED) as i32;
    layout.vm_classes = (heap + Heap::CLASSES) as i32;
    layout.vm_free_scopes = (heap + Heap::FREE_SCOPES) as i32;
    layout.vm_live_scopes = (heap + Heap::LIVE_SCOPES) as i32;
    layout.frame_pc = offset_of!(Frame, pc) as i32;
    layout.frame_base = offset_of!(Frame, base) as i32;
    layout.frame_code = offset_of!(Frame, code) as i32;
    layout.frame_top = offset_of!(Frame, top) as i32;
    layout.frame_size = size_of::<Frame>() as i32;
}

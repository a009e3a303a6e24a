//! The parts of objects that machine code knows.

use std::mem::offset_of;

use gene_isa::backend::Layout;

use super::{Array, Code, Function, Record, Storage};

/// Fills in the offsets of arrays, records and functions.
pub fn fill(layout: &mut Layout) {
    Array::fill(layout);
    Record::fill(layout);
    layout.storage_head = size_of::<Storage>() as i32;
    layout.function_code = offset_of!(Function, code) as i32;
    layout.function_scope = offset_of!(Function, scope) as i32;
    layout.function_this = offset_of!(Function, this) as i32;
    layout.function_home = offset_of!(Function, home) as i32;
    layout.function_size = size_of::<Function>() as i32;
    layout.code_entry = offset_of!(Code, entry) as i32;
}

//! Where machine code finds things in the runtime's structs.

use gene_isa::backend::Layout;

use crate::heap;
use crate::object::{self, Kind};
use crate::vm;

/// Offsets and numbers as this build has them.
pub fn layout() -> Layout {
    let mut layout = Layout::default();
    vm::layout::fill(&mut layout);
    heap::layout::fill(&mut layout);
    object::layout::fill(&mut layout);
    layout.kind_string = Kind::Str as i32;
    layout.kind_array = Kind::Array as i32;
    layout.kind_storage = Kind::Storage as i32;
    layout.kind_map = Kind::Map as i32;
    layout.kind_instance = Kind::Instance as i32;
    layout.kind_function = Kind::Function as i32;
    layout
}

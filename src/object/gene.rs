//! Gene values: a head, properties and children.

use std::cell::Cell;

use super::{Array, Kind, Map, Trace};
use crate::heap::{Gc, Header, Heap, Marker};
use crate::value::Value;

/// A Gene value.
#[repr(C)]
pub struct Gene {
    header: Header,
    /// The head, or type.
    pub head: Cell<Value>,
    /// The properties; `None` as long as there are none.
    props: Cell<Option<Gc<Map>>>,
    /// The children.
    pub children: Gc<Array>,
}

impl Gene {
    /// A Gene value of these parts, which nobody else uses.
    pub fn new(
        heap: &mut Heap,
        head: Value,
        props: Option<Gc<Map>>,
        children: Gc<Array>,
    ) -> Gc<Gene> {
        let header = Header::new(Kind::Gene as u8);
        heap.alloc(Gene { header, head: Cell::new(head), props: Cell::new(props), children }, 0)
    }

    /// The properties, if there are any.
    pub fn props(&self) -> Option<Gc<Map>> {
        self.props.get().filter(|p| !p.is_empty())
    }
}

impl Gc<Gene> {
    /// The properties, made if there were none.
    pub fn props_mut(self, heap: &mut Heap) -> Gc<Map> {
        self.props.get().unwrap_or_else(|| {
            let map = Map::new(heap, 2);
            self.props.set(Some(map));
            heap.barrier(self);
            map
        })
    }

    /// Replaces the head.
    pub fn set_head(self, heap: &mut Heap, head: Value) {
        self.head.set(head);
        heap.barrier(self);
    }
}

impl Trace for Gene {
    fn trace(&self, marker: &mut Marker) {
        marker.value(self.head.get());
        if let Some(props) = self.props.get() {
            marker.object(props);
        }
        marker.object(self.children);
    }
    fn bytes(&self) -> usize {
        size_of::<Gene>()
    }
}

//! Objects whose data is a Rust value: patterns, dates, files, interfaces, ...

use std::any::Any;
use std::cell::Cell;
use std::cmp::Ordering;

use gene_isa::Symbol;

use super::{Kind, Trace};
use crate::heap::{Gc, Header, Heap, Marker};
use crate::value::Value;

/// Makes data in another heap.
pub type Portable = Box<dyn FnOnce(&[Value]) -> Box<dyn ForeignData> + Send>;

/// Rust data that lives in a Gene object.
pub trait ForeignData: Any {
    /// Name of the builtin class.
    fn class(&self) -> &'static str;

    /// What `typeof` gives.
    fn type_name(&self) -> &'static str {
        self.class()
    }

    /// The display form, if it is not `VkInstance`.
    fn display(&self) -> Option<String> {
        None
    }

    /// Whether it is equal to other data.
    fn same(&self, _other: &dyn ForeignData) -> bool {
        false
    }

    /// Hash for use as a key; `None` if it is not hashable.
    fn hash(&self) -> Option<u64> {
        None
    }

    /// Order relative to other data of its kind; `None` if there is none.
    fn compare(&self, _other: &dyn ForeignData) -> Option<Ordering> {
        None
    }

    /// A property that is found out when it is read.
    fn member(&self, _heap: &mut Heap, _name: Symbol) -> Option<Value> {
        None
    }

    /// Whether `freeze` accepts it: it never changes.
    fn is_constant(&self) -> bool {
        false
    }

    /// What makes the same data in another heap, out of the counterparts of the
    /// values that are pushed to `values`; `None` if it has to stay here.
    fn portable(&self, _values: &mut Vec<Value>) -> Option<Portable> {
        None
    }

    /// Marks the values in it. Values that change later need
    /// [`Heap::barrier`].
    fn trace(&self, _marker: &mut Marker) {}
}

impl dyn ForeignData {
    /// The data, if it is a `T`.
    pub fn get<T: ForeignData>(&self) -> Option<&T> {
        (self as &dyn Any).downcast_ref()
    }
}

/// An object with Rust data.
#[repr(C)]
pub struct Foreign {
    header: Header,
    /// The data.
    pub data: Box<dyn ForeignData>,
    /// Properties that a program may read: a map, or nil.
    pub props: Cell<Value>,
}

impl Foreign {
    /// An object with this data.
    pub fn new(heap: &mut Heap, data: impl ForeignData) -> Gc<Foreign> {
        Foreign::from_box(heap, Box::new(data))
    }

    /// The same where the type of the data is not known.
    pub fn from_box(heap: &mut Heap, data: Box<dyn ForeignData>) -> Gc<Foreign> {
        heap.count_external(size_of_val(&*data));
        let header = Header::new(Kind::Foreign as u8);
        heap.alloc(Foreign { header, data, props: Cell::new(Value::NIL) }, 0)
    }
}

/// The data of `value`, if it is a `T`, valid until the next safepoint.
pub fn foreign<'a, T: ForeignData>(value: Value) -> Option<&'a T> {
    let object = Gc::<Foreign>::from_value(value)?;
    // SAFETY: the object is alive until the next safepoint, see `Gc`.
    let data = unsafe { &*(&*object.data as *const dyn ForeignData) };
    data.get::<T>()
}

impl Trace for Foreign {
    fn trace(&self, marker: &mut Marker) {
        self.data.trace(marker);
        marker.value(self.props.get());
    }
    fn bytes(&self) -> usize {
        size_of::<Foreign>()
    }
}

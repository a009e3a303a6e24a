//! Small immutable kinds.

use gene_isa::Symbol;

use super::{Array, Kind, Trace};
use crate::heap::{Gc, Header, Heap, Marker};
use crate::value::Value;

/// An Int beyond the immediate range.
#[repr(C)]
pub struct BoxedInt {
    header: Header,
    /// The number.
    pub number: i64,
}

impl BoxedInt {
    /// The value of any 64-bit Int, boxed if it has to be.
    #[inline]
    pub fn int(heap: &mut Heap, number: i64) -> Value {
        match Value::try_small_int(number) {
            Some(value) => value,
            None => {
                let header = Header::new(Kind::BoxedInt as u8);
                heap.alloc(BoxedInt { header, number }, 0).value()
            }
        }
    }
}

/// The number of an Int, boxed or not.
#[inline]
pub fn int_of(value: Value) -> Option<i64> {
    value.as_small_int().or_else(|| Gc::<BoxedInt>::from_value(value).map(|b| b.number))
}

/// A range. Bounds are Ints.
#[repr(C)]
pub struct Range {
    header: Header,
    /// First number.
    pub start: i64,
    /// Last number, included.
    pub end: i64,
    /// Distance.
    pub step: i64,
    /// Whether the step was written.
    pub has_step: bool,
}

impl Range {
    /// A range.
    pub fn new(heap: &mut Heap, start: i64, end: i64, step: Option<i64>) -> Gc<Range> {
        let header = Header::new(Kind::Range as u8);
        let (step, has_step) = (step.unwrap_or(1), step.is_some());
        heap.alloc(Range { header, start, end, step, has_step }, 0)
    }

    /// Number of steps.
    pub fn len(&self) -> u64 {
        let (distance, step) = match self.step {
            0 => return 0,
            s if s > 0 => (self.end as i128 - self.start as i128, s as i128),
            s => (self.start as i128 - self.end as i128, -(s as i128)),
        };
        if distance < 0 { 0 } else { u64::try_from(distance / step + 1).unwrap_or(u64::MAX) }
    }

    /// Whether it leads nowhere.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A path symbol: `` `a/b ``. The segments are an array of symbols.
#[repr(C)]
pub struct PathSymbol {
    header: Header,
    /// Array of symbols.
    pub segments: Gc<Array>,
}

impl PathSymbol {
    /// A path of these segments.
    pub fn new(heap: &mut Heap, segments: &[Symbol]) -> Gc<PathSymbol> {
        let values: Vec<Value> = segments.iter().map(|s| Value::symbol(*s)).collect();
        let segments = Array::new(heap, &values);
        heap.alloc(PathSymbol { header: Header::new(Kind::PathSymbol as u8), segments }, 0)
    }

    /// The segments.
    pub fn symbols(&self) -> Vec<Symbol> {
        self.segments.slice().iter().filter_map(|s| s.as_symbol()).collect()
    }
}

/// Immutable bytes. `header.extra` is their number.
#[repr(C)]
pub struct Bytes {
    header: Header,
    // The bytes follow.
}

impl Bytes {
    /// These bytes.
    pub fn new(heap: &mut Heap, bytes: &[u8]) -> Gc<Bytes> {
        let header = Header::with(Kind::Bytes as u8, 0, bytes.len() as u32);
        let object = heap.alloc(Bytes { header }, bytes.len());
        // SAFETY: `alloc` made room for the bytes behind the struct.
        unsafe {
            let first = object.as_ptr().add(1).cast::<u8>();
            first.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
        }
        object
    }

    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        // SAFETY: as many bytes as `extra` says follow the struct.
        unsafe {
            let first = (self as *const Bytes).add(1).cast::<u8>();
            std::slice::from_raw_parts(first, self.header.extra.get() as usize)
        }
    }
}

/// The bytes of a bytes value, valid until the next safepoint.
pub fn bytes_of<'a>(value: Value) -> Option<&'a [u8]> {
    let bytes = Gc::<Bytes>::from_value(value)?;
    // SAFETY: the object is alive until the next safepoint, see `Gc`.
    Some(unsafe { &*(bytes.as_slice() as *const [u8]) })
}

/// A quotation or hole inside data.
#[repr(C)]
pub struct Quoted {
    header: Header,
    /// The form.
    pub form: Value,
    /// What stands before it.
    pub mark: QuoteMark,
}

/// What stands before a form.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum QuoteMark {
    /// `` ` ``
    Quote,
    /// `%`
    Unquote,
    /// `%_`
    Discard,
}

impl Quoted {
    /// A quotation or hole.
    pub fn new(heap: &mut Heap, mark: QuoteMark, form: Value) -> Gc<Quoted> {
        heap.alloc(Quoted { header: Header::new(Kind::Quoted as u8), form, mark }, 0)
    }
}

macro_rules! leaf {
    ($type:ident, |$object:ident| $bytes:expr) => {
        impl Trace for $type {
            fn trace(&self, _: &mut Marker) {}
            fn bytes(&self) -> usize {
                let $object = self;
                size_of::<$type>() + $bytes
            }
        }
    };
}
leaf!(BoxedInt, |_b| 0);
leaf!(Range, |_r| 0);
leaf!(Bytes, |b| b.as_slice().len());

impl Trace for PathSymbol {
    fn trace(&self, marker: &mut Marker) {
        marker.object(self.segments);
    }
    fn bytes(&self) -> usize {
        size_of::<PathSymbol>()
    }
}

impl Trace for Quoted {
    fn trace(&self, marker: &mut Marker) {
        marker.value(self.form);
    }
    fn bytes(&self) -> usize {
        size_of::<Quoted>()
    }
}

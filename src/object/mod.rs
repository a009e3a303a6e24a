//! The kinds of objects on the heap.
//!
//! Reading order: [`string`], [`array`], [`record`] (maps and instances),
//! [`table`] (hash maps and sets, dictionaries), [`gene`], [`function`], [`future`],
//! [`class`], [`enums`], [`misc`], [`foreign`], [`interface`], [`interception`], [`iterator`], [`regex`], [`time`]. This file has the table of
//! kinds; every object begins with a header whose `kind` is an index into it.

pub mod array;
pub mod class;
pub mod coroutine;
pub mod enums;
pub mod feedback;
pub mod foreign;
pub mod function;
pub mod future;
pub mod gene;
pub mod interception;
pub mod interface;
pub mod iterator;
pub mod layout;
pub mod misc;
pub mod record;
pub mod regex;
pub mod string;
pub mod table;
pub mod time;

use std::cell::Cell;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};

pub use array::{Array, Storage};
pub use class::{Class, Namespace};
pub use coroutine::Coroutine;
pub use enums::{Enum, EnumValue, Variant};
pub use foreign::{Foreign, ForeignData};
pub use function::{BoundMethod, Cache, Code, EnvObject, Function, Module, Native, NativePtr};
pub use future::{Future, Reaction};
pub use gene::Gene;
pub use interception::{Advice, AdviceKind, Interception, Interceptor};
pub use interface::{Adapter, Implementation, Interface};
pub use iterator::Iter;
pub use misc::{BoxedInt, Bytes, PathSymbol, Quoted, Range};
pub use record::{Instance, Map, Record};
pub use string::Str;
pub use table::{Dictionary, HashObject};

use crate::heap::scope::Scopes;
use crate::heap::{Gc, Header, KindInfo, Marker, Object};
use crate::value::Value;

/// The number that a class, enum, namespace, module or interface has in all
/// heaps it is copied to; `cell` is that of the object, 0 until it is needed.
pub fn origin(cell: &Cell<u64>) -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    if cell.get() == 0 {
        cell.set(LAST.fetch_add(1, Ordering::Relaxed) + 1);
    }
    cell.get()
}

/// What an object can do for the collector.
pub(crate) trait Trace: Object {
    /// See [`KindInfo::before_slots`].
    const BEFORE_SLOTS: usize = 0;
    /// Marks everything it refers to.
    fn trace(&self, marker: &mut Marker);
    /// Bytes of the object, those behind the struct included.
    fn bytes(&self) -> usize;
    /// Gives back counts on scopes before the object is dropped.
    fn release(&self, _scopes: &mut Scopes) {}
}

unsafe fn trace_of<T: Trace>(object: NonNull<Header>, marker: &mut Marker) {
    // SAFETY: the caller passes an object of this kind.
    unsafe { object.cast::<T>().as_ref() }.trace(marker);
}

unsafe fn size_of_object<T: Trace>(object: NonNull<Header>) -> usize {
    // SAFETY: the caller passes an object of this kind.
    unsafe { object.cast::<T>().as_ref() }.bytes()
}

unsafe fn finalize_of<T: Trace>(object: NonNull<Header>, scopes: &mut Scopes) {
    // SAFETY: the caller passes a dead object of this kind, once.
    unsafe {
        object.cast::<T>().as_ref().release(scopes);
        object.cast::<T>().drop_in_place();
    }
}

macro_rules! kinds {
    ($($number:literal $kind:ident $finalize:literal)*) => {
        /// Kinds of objects: the number in their headers.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[repr(u8)]
        #[allow(missing_docs)]
        pub enum Kind { Free = 0, $($kind = $number),* }

        /// What the heap knows of each kind.
        pub static KINDS: &[KindInfo] = &[
            KindInfo { name: "free", trace: |_, _| {}, size: |_| 0, before_slots: 0, finalize: None },
            $(KindInfo {
                name: stringify!($kind),
                trace: trace_of::<$kind>,
                size: size_of_object::<$kind>,
                before_slots: <$kind as Trace>::BEFORE_SLOTS,
                finalize: if $finalize { Some(finalize_of::<$kind>) } else { None },
            }),*
        ];

        $(
            // SAFETY: the struct is `repr(C)` and begins with a header; the
            // table of kinds has a finalizer exactly if the flag says so.
            unsafe impl Object for $kind {
                const KIND: u8 = $number;
                const FINALIZE: bool = $finalize;
            }
        )*

        impl Kind {
            /// The kind with this number.
            #[inline]
            pub fn from_u8(number: u8) -> Kind {
                match number { $($number => Kind::$kind,)* _ => Kind::Free }
            }
        }
    };
}

kinds! {
    1 Str false
    2 BoxedInt false
    3 Array false
    4 Storage false
    5 Map false
    6 Instance false
    7 Dictionary true
    8 HashObject true
    9 Gene false
    10 Function true
    11 Native false
    12 BoundMethod false
    13 Class true
    14 Namespace false
    15 Enum true
    16 Variant false
    17 EnumValue false
    18 Range false
    19 PathSymbol false
    20 Bytes false
    21 Quoted false
    22 Code true
    23 Module true
    24 Coroutine true
    25 Foreign true
    26 EnvObject true
    27 Future false
    28 Reaction false
}

/// Kind of the object that `value` refers to.
#[inline(always)]
pub fn kind_of(value: Value) -> Option<Kind> {
    crate::heap::header::header_of(value).map(|h| Kind::from_u8(h.kind))
}

/// The object of type `T`, if `value` is one.
#[inline(always)]
pub fn as_object<T: Object>(value: Value) -> Option<Gc<T>> {
    Gc::from_value(value)
}

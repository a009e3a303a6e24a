//! The first word of every object, and pointers to objects.

use std::cell::Cell;
use std::marker::PhantomData;
use std::ops::Deref;
use std::ptr::NonNull;

use super::marker::Marker;
use super::scope::Scopes;
use crate::value::Value;

/// First word of every object and scope.
#[repr(C)]
pub struct Header {
    /// Index into the table of kinds; 0 for a free cell.
    pub kind: u8,
    /// 0: young; 1, 2: marked in the cycle of that epoch; with bit 7: also in
    /// the remembered set.
    mark: Cell<u8>,
    /// Bits that the kind uses, see the constants.
    pub flags: Cell<u8>,
    /// One byte for the kind.
    pub small: Cell<u8>,
    /// Half a word for the kind.
    pub extra: Cell<u32>,
}

/// Flag: the literal was written with `#`; its elements cannot be changed.
pub const SEALED: u8 = 1;
/// Flag: frozen by `(freeze v)`.
pub const FROZEN: u8 = 2;
/// Flag of strings: all characters are ASCII.
pub const ASCII: u8 = 4;
/// Flag: being visited, for cycles in display and comparison.
pub const VISITED: u8 = 8;

const REMEMBERED: u8 = 0x80;

impl Header {
    /// Offset of the mark.
    pub(super) const MARK: usize = std::mem::offset_of!(Header, mark);

    /// A header of a new object.
    #[inline(always)]
    pub const fn new(kind: u8) -> Header {
        Header {
            kind,
            mark: Cell::new(0),
            flags: Cell::new(0),
            small: Cell::new(0),
            extra: Cell::new(0),
        }
    }

    /// The same with flags and extra.
    #[inline(always)]
    pub const fn with(kind: u8, flags: u8, extra: u32) -> Header {
        Header {
            kind,
            mark: Cell::new(0),
            flags: Cell::new(flags),
            small: Cell::new(0),
            extra: Cell::new(extra),
        }
    }

    /// Whether a flag is set.
    #[inline(always)]
    pub fn has(&self, flag: u8) -> bool {
        self.flags.get() & flag != 0
    }

    /// Sets a flag.
    pub fn set_flag(&self, flag: u8) {
        self.flags.set(self.flags.get() | flag);
    }

    /// Clears a flag.
    pub fn clear_flag(&self, flag: u8) {
        self.flags.set(self.flags.get() & !flag);
    }

    /// Whether the program may not change the object.
    #[inline(always)]
    pub fn is_immutable(&self) -> bool {
        self.has(SEALED | FROZEN)
    }

    /// Whether it is frozen.
    pub fn is_frozen(&self) -> bool {
        self.has(FROZEN)
    }

    #[inline(always)]
    pub(super) fn is_old_and_clean(&self) -> bool {
        (self.mark.get() as i8) > 0
    }

    /// Old and clean, or frozen: what a store into a scope has to look at.
    #[inline(always)]
    pub(super) fn needs_attention(&self) -> bool {
        self.is_old_and_clean() | self.is_frozen()
    }

    pub(super) fn is_free(&self) -> bool {
        self.kind == 0
    }

    pub(super) fn set_remembered(&self) {
        self.mark.set(self.mark.get() | REMEMBERED);
    }

    pub(super) fn clear_remembered(&self) {
        self.mark.set(self.mark.get() & !REMEMBERED);
    }

    pub(super) fn is_remembered(&self) -> bool {
        self.mark.get() & REMEMBERED != 0
    }

    #[inline(always)]
    pub(super) fn is_marked(&self, epoch: u8) -> bool {
        self.mark.get() & !REMEMBERED == epoch
    }

    #[inline(always)]
    pub(super) fn set_mark(&self, epoch: u8) {
        self.mark.set(epoch);
    }
}

/// What the heap must know of a kind of objects.
pub struct KindInfo {
    /// Name for dumps.
    pub name: &'static str,
    /// Marks everything the object refers to.
    ///
    /// # Safety
    ///
    /// The pointer must be to a live object of the kind.
    pub trace: unsafe fn(NonNull<Header>, &mut Marker),
    /// Size of the object in bytes, for the counters.
    ///
    /// # Safety
    ///
    /// The pointer must be to a live object of the kind.
    pub size: unsafe fn(NonNull<Header>) -> usize,
    /// Size of an object without its slots, if each has one for each of `small` in the header
    /// and is never large; else 0.
    pub before_slots: usize,
    /// Gives back what the object holds outside the heap.
    ///
    /// # Safety
    ///
    /// The pointer must be to a dead object of the kind that has not been
    /// finalized.
    pub finalize: Option<unsafe fn(NonNull<Header>, &mut Scopes)>,
}

/// A type that lives on the heap.
///
/// # Safety
///
/// The type must be `repr(C)` with a [`Header`] of kind `KIND` as its first
/// field, and `FINALIZE` must be true if its entry in the table of kinds has a
/// finalizer.
pub unsafe trait Object {
    /// Index into the table of kinds.
    const KIND: u8;
    /// Whether dead objects are finalized.
    const FINALIZE: bool;
}

/// A pointer to an object, valid until a collection finds it unreachable.
/// Since collections happen at safepoints only, code between two safepoints may
/// hold it freely; what survives a safepoint must be reachable from a root.
#[repr(transparent)]
pub struct Gc<T>(NonNull<T>, PhantomData<T>);

impl<T> Clone for Gc<T> {
    fn clone(&self) -> Gc<T> {
        *self
    }
}
impl<T> Copy for Gc<T> {}

impl<T> PartialEq for Gc<T> {
    fn eq(&self, other: &Gc<T>) -> bool {
        self.0 == other.0
    }
}
impl<T> Eq for Gc<T> {}

impl<T: Object> Gc<T> {
    /// A typed pointer.
    ///
    /// # Safety
    ///
    /// It must point to a live object of the type.
    #[inline(always)]
    pub unsafe fn from_ptr(ptr: NonNull<T>) -> Gc<T> {
        Gc(ptr, PhantomData)
    }

    /// The object, if `value` is one of this type.
    #[inline(always)]
    pub fn from_value(value: Value) -> Option<Gc<T>> {
        let address = value.as_address()?;
        let header = address as *const Header;
        // SAFETY: a pointer value refers to a live object (the collector frees
        // only what no reachable value refers to), which begins with a header.
        unsafe {
            ((*header).kind == T::KIND)
                .then(|| Gc(NonNull::new_unchecked(address as *mut T), PhantomData))
        }
    }

    /// The value that refers to it.
    #[inline(always)]
    pub fn value(self) -> Value {
        Value::pointer(self.0.as_ptr() as usize)
    }

    /// Its header.
    #[inline(always)]
    pub fn header<'a>(self) -> &'a Header {
        // SAFETY: objects begin with a header and are alive between safepoints.
        unsafe { self.0.cast().as_ref() }
    }

    /// The address.
    #[inline(always)]
    pub fn as_ptr(self) -> *mut T {
        self.0.as_ptr()
    }
}

impl<T: Object> Deref for Gc<T> {
    type Target = T;
    #[inline(always)]
    fn deref(&self) -> &T {
        debug_assert_eq!(self.header().kind, T::KIND, "object of another kind, or dead");
        // SAFETY: the object is alive between safepoints, see the type. Fields
        // that change are cells.
        unsafe { self.0.as_ref() }
    }
}

/// Header of the object that `value` refers to.
#[inline(always)]
pub fn header_of<'a>(value: Value) -> Option<&'a Header> {
    let address = value.as_address()?;
    // SAFETY: as in `Gc::from_value`.
    Some(unsafe { &*(address as *const Header) })
}

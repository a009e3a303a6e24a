//! Values: one word, `Copy`, no reference count.

use gene_isa::value::{
    INT_BIAS, INT_FLOOR, INT_MAX, INT_MIN, NAN, PAYLOAD, TAG_CHAR, TAG_POINTER, TAG_SCOPE,
    TAG_SPECIAL, TAG_SYMBOL,
};
use gene_isa::{Special, Symbol};

/// A value of a program. Equality of words is identity, not `==`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct Value(u64);

impl Value {
    /// `nil`
    pub const NIL: Value = Value::special(Special::Nil);
    /// `void`
    pub const VOID: Value = Value::special(Special::Void);
    /// `false`
    pub const FALSE: Value = Value::special(Special::False);
    /// `true`
    pub const TRUE: Value = Value::special(Special::True);
    /// `not_found`
    pub const NOT_FOUND: Value = Value::special(Special::NotFound);
    /// No value at all; never visible to a program.
    pub const UNSET: Value = Value::special(Special::Unset);
    /// `_`
    pub const PLACEHOLDER: Value = Value::special(Special::Placeholder);

    /// A special value.
    #[inline(always)]
    pub const fn special(special: Special) -> Value {
        Value(TAG_SPECIAL | special as u64)
    }

    /// The special value, if it is one.
    #[inline]
    pub fn as_special(self) -> Option<Special> {
        (self.tag() == TAG_SPECIAL).then(|| Special::from_u16(self.0 as u16)).flatten()
    }

    /// The word.
    #[inline(always)]
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// The value of a word made by [`Value::bits`].
    #[inline(always)]
    pub const fn from_bits(bits: u64) -> Value {
        Value(bits)
    }

    #[inline(always)]
    fn tag(self) -> u64 {
        self.0 & !PAYLOAD
    }

    /// An Int that fits without a box.
    #[inline(always)]
    pub fn small_int(i: i64) -> Value {
        debug_assert!((INT_MIN..=INT_MAX).contains(&i));
        Value(INT_BIAS.wrapping_add(i as u64))
    }

    /// The same, or `None` beyond 52 bits.
    #[inline(always)]
    pub fn try_small_int(i: i64) -> Option<Value> {
        (INT_MIN..=INT_MAX).contains(&i).then(|| Value::small_int(i))
    }

    /// Whether it is an Int without a box.
    #[inline(always)]
    pub fn is_small_int(self) -> bool {
        self.0 > INT_FLOOR
    }

    /// The number of an Int without a box.
    #[inline(always)]
    pub fn as_small_int(self) -> Option<i64> {
        self.is_small_int().then(|| self.small_int_unchecked())
    }

    /// The number; meaningless unless [`Value::is_small_int`].
    #[inline(always)]
    pub fn small_int_unchecked(self) -> i64 {
        self.0.wrapping_sub(INT_BIAS) as i64
    }

    /// A Float.
    #[inline(always)]
    pub fn float(f: f64) -> Value {
        if f.is_nan() { Value(NAN) } else { Value(f.to_bits()) }
    }

    /// Whether it is a Float.
    #[inline(always)]
    pub fn is_float(self) -> bool {
        self.0 <= NAN || self.0.wrapping_sub(1 << 63) <= (INT_FLOOR - (1 << 63))
    }

    /// The number of a Float.
    #[inline(always)]
    pub fn as_float(self) -> Option<f64> {
        self.is_float().then(|| f64::from_bits(self.0))
    }

    /// The word read as a Float: NaN for everything that is none.
    #[inline(always)]
    pub fn raw_float(self) -> f64 {
        f64::from_bits(self.0)
    }

    /// A boolean.
    #[inline(always)]
    pub const fn bool(b: bool) -> Value {
        Value(TAG_SPECIAL | (Special::False as u64 + b as u64))
    }

    /// The boolean, if it is one.
    #[inline(always)]
    pub fn as_bool(self) -> Option<bool> {
        match self {
            Value::TRUE => Some(true),
            Value::FALSE => Some(false),
            _ => None,
        }
    }

    /// Everything but `false`, `nil` and `void`.
    #[inline(always)]
    pub fn is_truthy(self) -> bool {
        self.0.wrapping_sub(TAG_SPECIAL) > Special::False as u64
    }

    /// Whether it is `nil`.
    #[inline(always)]
    pub fn is_nil(self) -> bool {
        self == Value::NIL
    }

    /// Whether it is `void`.
    #[inline(always)]
    pub fn is_void(self) -> bool {
        self == Value::VOID
    }

    /// Whether there is no value.
    #[inline(always)]
    pub fn is_unset(self) -> bool {
        self == Value::UNSET
    }

    /// `nil` for an unset value, else the value.
    pub fn or_nil(self) -> Value {
        if self.is_unset() { Value::NIL } else { self }
    }

    /// A symbol.
    #[inline(always)]
    pub fn symbol(symbol: Symbol) -> Value {
        Value(TAG_SYMBOL | symbol.id() as u64)
    }

    /// The symbol, if it is one.
    #[inline(always)]
    pub fn as_symbol(self) -> Option<Symbol> {
        (self.tag() == TAG_SYMBOL).then(|| Symbol::from_id(self.0 as u32))
    }

    /// A character.
    pub fn char(c: char) -> Value {
        Value(TAG_CHAR | c as u64)
    }

    /// The character, if it is one.
    pub fn as_char(self) -> Option<char> {
        if self.tag() == TAG_CHAR { char::from_u32(self.0 as u32) } else { None }
    }

    /// A pointer to a heap object.
    #[inline(always)]
    pub const fn pointer(address: usize) -> Value {
        debug_assert!(address as u64 <= PAYLOAD && address != 0);
        Value(TAG_POINTER | address as u64)
    }

    /// Whether it points to a heap object.
    #[inline(always)]
    pub fn is_pointer(self) -> bool {
        // A shift and a short constant: LLVM hoists 64-bit constants out of the
        // interpreter loop and runs out of registers.
        (self.0 >> 48) as u32 == (TAG_POINTER >> 48) as u32
    }

    /// Address of the heap object.
    #[inline(always)]
    pub fn as_address(self) -> Option<usize> {
        self.is_pointer().then_some(self.address_unchecked())
    }

    /// The address bits; meaningless unless it is a pointer or a scope.
    #[inline(always)]
    pub fn address_unchecked(self) -> usize {
        // Shifts rather than a mask, for the same reason as in `is_pointer`.
        (self.0 << 16 >> 16) as usize
    }

    /// A scope in a register.
    #[inline(always)]
    pub fn scope(address: usize) -> Value {
        Value(TAG_SCOPE | address as u64)
    }

    /// Whether it is a scope.
    #[inline(always)]
    pub fn is_scope(self) -> bool {
        (self.0 >> 48) as u32 == (TAG_SCOPE >> 48) as u32
    }
}

impl std::fmt::Debug for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(i) = self.as_small_int() {
            write!(f, "{i}")
        } else if let Some(x) = self.as_float() {
            write!(f, "{x:?}")
        } else if let Some(s) = self.as_special() {
            write!(f, "{s:?}")
        } else if let Some(s) = self.as_symbol() {
            write!(f, "{s:?}")
        } else if let Some(c) = self.as_char() {
            write!(f, "{c:?}")
        } else {
            write!(f, "{:#x}", self.0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_do_not_overlap() {
        let values = [
            Value::NIL,
            Value::TRUE,
            Value::UNSET,
            Value::small_int(0),
            Value::small_int(INT_MAX),
            Value::small_int(INT_MIN),
            Value::float(0.0),
            Value::float(-0.0),
            Value::float(f64::NAN),
            Value::float(f64::INFINITY),
            Value::float(f64::NEG_INFINITY),
            Value::float(-f64::NAN),
            Value::symbol(Symbol::intern("x")),
            Value::char('x'),
            Value::pointer(0x7000_1000),
        ];
        for v in values {
            let kinds = [
                v.is_small_int(),
                v.is_float(),
                v.as_special().is_some(),
                v.as_symbol().is_some(),
                v.as_char().is_some(),
                v.is_pointer(),
            ];
            assert_eq!(kinds.iter().filter(|k| **k).count(), 1, "{v:?}");
            if !v.is_float() {
                assert!(v.raw_float().is_nan());
            }
        }
        assert!(Value::float(0.0).is_truthy() && Value::small_int(0).is_truthy());
        assert!(!Value::NIL.is_truthy() && !Value::VOID.is_truthy() && !Value::FALSE.is_truthy());
        assert!(Value::TRUE.is_truthy() && Value::NOT_FOUND.is_truthy());
    }
}

//! The bits of a value: one 64-bit word for every value of a program.
//!
//! | bits | value |
//! |---|---|
//! | `0x0000...` to `0x7FF8_0000_0000_0000`, `0x8000...` to `0xFFF0_0000_0000_0000` | Float; NaN is `0x7FF8_0000_0000_0000` only |
//! | above `0xFFF0_0000_0000_0000` | Int: `INT_BIAS + i` with `INT_MIN <= i <= INT_MAX` |
//! | `0x7FFA` in the upper 16 bits | a [`Special`](crate::Special) |
//! | `0x7FFB` | symbol number |
//! | `0x7FFC` | character |
//! | `0x7FFD` | scope pointer; only in registers of the compiler's choosing |
//! | `0x7FFE` | pointer to a heap object |
//!
//! Everything that is not a Float is a NaN to the floating-point unit, so
//! arithmetic may operate first and look at the result for NaN. Which NaN that is
//! depends on the processor and never reaches a program. Biased Ints order as raw
//! words, and their sum needs one subtraction.

/// What is added to an Int.
pub const INT_BIAS: u64 = 0xFFF8_0000_0000_0000;
/// Words above this are Ints.
pub const INT_FLOOR: u64 = 0xFFF0_0000_0000_0000;
/// The least Int that is not boxed.
pub const INT_MIN: i64 = -(1 << 51) + 1;
/// The greatest Int that is not boxed.
pub const INT_MAX: i64 = (1 << 51) - 1;
/// The only NaN.
pub const NAN: u64 = 0x7FF8_0000_0000_0000;
/// Upper bits of special values.
pub const TAG_SPECIAL: u64 = 0x7FFA << 48;
/// Upper bits of symbols.
pub const TAG_SYMBOL: u64 = 0x7FFB << 48;
/// Upper bits of characters.
pub const TAG_CHAR: u64 = 0x7FFC << 48;
/// Upper bits of scopes.
pub const TAG_SCOPE: u64 = 0x7FFD << 48;
/// Upper bits of heap pointers.
pub const TAG_POINTER: u64 = 0x7FFE << 48;
/// The bits that hold a number or an address.
pub const PAYLOAD: u64 = (1 << 48) - 1;

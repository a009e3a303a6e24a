//! Arithmetic, comparison, bits and text operators.

use std::cmp::Ordering;

use super::dispatch::{BIAS, FLOOR};
use super::error::Throw;
use super::{ClassName, Vm};
use crate::heap::Gc;
use crate::object::misc::int_of;
use crate::object::{BoxedInt, Bytes, Kind, Str, kind_of};
use crate::value::Value;

/// A number of either kind.
#[derive(Clone, Copy)]
pub enum Number {
    /// Int
    Int(i64),
    /// Float
    Float(f64),
}

impl Number {
    fn float(self) -> f64 {
        match self {
            Number::Int(i) => i as f64,
            Number::Float(f) => f,
        }
    }
}

/// The number, if it is one.
pub fn number_of(value: Value) -> Option<Number> {
    match value.as_float() {
        Some(f) => Some(Number::Float(f)),
        None => int_of(value).map(Number::Int),
    }
}

#[inline(always)]
fn checked(bits: u64) -> Option<Value> {
    (bits > FLOOR).then_some(Value::from_bits(bits))
}

/// Sum of two small Ints, if it is one.
#[inline(always)]
pub fn add_small(l: Value, r: Value) -> Option<Value> {
    checked(l.bits().wrapping_add(r.bits()).wrapping_sub(BIAS))
}

/// Difference of two small Ints, if it is one.
#[inline(always)]
pub fn sub_small(l: Value, r: Value) -> Option<Value> {
    checked(l.bits().wrapping_sub(r.bits()).wrapping_add(BIAS))
}

/// Product of two small Ints, if it is one.
#[inline(always)]
pub fn mul_small(l: Value, r: Value) -> Option<Value> {
    let product = l.small_int_unchecked().checked_mul(r.small_int_unchecked())?;
    Value::try_small_int(product)
}

/// Remainder of two small Ints with a divisor that is not 0 or -1.
#[inline(always)]
pub fn mod_small(l: Value, r: Value) -> Option<Value> {
    let divisor = r.small_int_unchecked();
    (l.is_small_int() & r.is_small_int() & (divisor > 0))
        .then(|| Value::small_int(l.small_int_unchecked() % divisor))
}

/// Sum of a small Int and a constant.
#[inline(always)]
pub fn add_small_imm(l: Value, imm: i16) -> Option<Value> {
    checked(l.bits().wrapping_add(imm as i64 as u64))
}

/// Difference of a small Int and a constant.
#[inline(always)]
pub fn sub_small_imm(l: Value, imm: i16) -> Option<Value> {
    checked(l.bits().wrapping_sub(imm as i64 as u64))
}

/// Product of a small Int and a constant.
#[inline(always)]
pub fn mul_small_imm(l: Value, imm: i16) -> Option<Value> {
    let product = l.small_int_unchecked().checked_mul(imm as i64)?;
    Value::try_small_int(product)
}

impl Vm {
    fn numbers(&mut self, verb: &str, l: Value, r: Value) -> Result<(Number, Number), Throw> {
        match (number_of(l), number_of(r)) {
            (Some(l), Some(r)) => Ok((l, r)),
            _ => Err(self.bad_operands(verb, l, r)),
        }
    }

    #[cold]
    fn bad_operands(&mut self, verb: &str, l: Value, r: Value) -> Throw {
        let (l, r) = (self.type_name(l), self.type_name(r));
        self.operand_error(format!("Cannot {verb} {l} and {r}"))
    }

    fn int_or_overflow(&mut self, result: Option<i64>, operation: &str) -> Result<Value, Throw> {
        match result {
            Some(i) => Ok(BoxedInt::int(&mut self.heap, i)),
            None => Err(self.overflow_error(format!("Integer overflow in {operation}"))),
        }
    }

    /// `l + r`
    ///
    /// # Errors
    ///
    /// `TypeException` for other values than numbers, overflow.
    #[cold]
    #[inline(never)]
    pub fn add_slow(&mut self, l: Value, r: Value) -> Result<Value, Throw> {
        match self.numbers("add", l, r)? {
            (Number::Int(l), Number::Int(r)) => self.int_or_overflow(l.checked_add(r), "addition"),
            (l, r) => Ok(Value::float(l.float() + r.float())),
        }
    }

    /// `l - r`; errors as for [`Vm::add_slow`].
    #[cold]
    #[inline(never)]
    pub fn sub_slow(&mut self, l: Value, r: Value) -> Result<Value, Throw> {
        match self.numbers("subtract", l, r)? {
            (Number::Int(l), Number::Int(r)) => {
                self.int_or_overflow(l.checked_sub(r), "subtraction")
            }
            (l, r) => Ok(Value::float(l.float() - r.float())),
        }
    }

    /// `l * r`; errors as for [`Vm::add_slow`].
    #[cold]
    #[inline(never)]
    pub fn mul_slow(&mut self, l: Value, r: Value) -> Result<Value, Throw> {
        match self.numbers("multiply", l, r)? {
            (Number::Int(l), Number::Int(r)) => {
                self.int_or_overflow(l.checked_mul(r), "multiplication")
            }
            (l, r) => Ok(Value::float(l.float() * r.float())),
        }
    }

    /// `l / r`, always a Float; errors as for [`Vm::add_slow`].
    #[cold]
    #[inline(never)]
    pub fn div_slow(&mut self, l: Value, r: Value) -> Result<Value, Throw> {
        let (l, r) = self.numbers("divide", l, r)?;
        Ok(Value::float(l.float() / r.float()))
    }

    /// `l % r`, with the sign of `l`; errors as for [`Vm::add_slow`].
    #[inline(never)]
    pub fn mod_slow(&mut self, l: Value, r: Value) -> Result<Value, Throw> {
        match self.numbers("modulo", l, r)? {
            (Number::Int(_), Number::Int(0)) => Err(self.error(
                ClassName::RuntimeException,
                "GENE.ARITH.DIV_ZERO",
                "Modulo by zero",
            )),
            (Number::Int(l), Number::Int(r)) => {
                Ok(BoxedInt::int(&mut self.heap, l.wrapping_rem(r)))
            }
            (l, r) => Ok(Value::float(l.float() % r.float())),
        }
    }

    /// `- v`; errors as for [`Vm::add_slow`].
    pub fn negate(&mut self, v: Value) -> Result<Value, Throw> {
        match number_of(v) {
            Some(Number::Int(i)) => self.int_or_overflow(i.checked_neg(), "negation"),
            Some(Number::Float(f)) => Ok(Value::float(-f)),
            None => {
                let name = self.type_name(v);
                Err(self.operand_error(format!("Cannot negate {name}")))
            }
        }
    }

    /// How two values are ordered; `None` with NaN.
    ///
    /// # Errors
    ///
    /// `TypeException` for values without an order.
    pub fn compare(&mut self, l: Value, r: Value) -> Result<Option<Ordering>, Throw> {
        match (number_of(l), number_of(r)) {
            (Some(Number::Int(l)), Some(Number::Int(r))) => Ok(Some(l.cmp(&r))),
            (Some(Number::Int(l)), Some(Number::Float(r))) => Ok(compare_int_float(l, r)),
            (Some(Number::Float(l)), Some(Number::Int(r))) => {
                Ok(compare_int_float(r, l).map(Ordering::reverse))
            }
            (Some(Number::Float(l)), Some(Number::Float(r))) => Ok(l.partial_cmp(&r)),
            _ => match self.compare_times(l, r) {
                Some(result) => result.map(Some),
                None => Err(self.bad_operands("compare", l, r)),
            },
        }
    }

    /// `l < r`; errors as for [`Vm::compare`].
    #[cold]
    #[inline(never)]
    pub fn lt_slow(&mut self, l: Value, r: Value) -> Result<bool, Throw> {
        Ok(self.compare(l, r)? == Some(Ordering::Less))
    }

    /// `l <= r`; errors as for [`Vm::compare`].
    #[cold]
    #[inline(never)]
    pub fn le_slow(&mut self, l: Value, r: Value) -> Result<bool, Throw> {
        Ok(matches!(self.compare(l, r)?, Some(Ordering::Less | Ordering::Equal)))
    }

    /// `l > r`; errors as for [`Vm::compare`].
    #[cold]
    #[inline(never)]
    pub fn gt_slow(&mut self, l: Value, r: Value) -> Result<bool, Throw> {
        Ok(self.compare(l, r)? == Some(Ordering::Greater))
    }

    /// `l >= r`; errors as for [`Vm::compare`].
    #[cold]
    #[inline(never)]
    pub fn ge_slow(&mut self, l: Value, r: Value) -> Result<bool, Throw> {
        Ok(matches!(self.compare(l, r)?, Some(Ordering::Greater | Ordering::Equal)))
    }

    // ---- text ----------------------------------------------------------------

    /// `l ++ r`
    ///
    /// # Errors
    ///
    /// `TypeException` for other values than strings.
    pub fn concat(&mut self, l: Value, r: Value) -> Result<Value, Throw> {
        match (Gc::<Str>::from_value(l), Gc::<Str>::from_value(r)) {
            (Some(a), Some(b)) => Ok(Str::join(&mut self.heap, a, b).value()),
            _ => Err(self.operand_error("++ expects String arguments")),
        }
    }

    /// `#"..."`: the display forms of the parts, joined.
    ///
    /// # Errors
    ///
    /// `RuntimeException` if the text is larger than all objects may be.
    pub fn interpolate(&mut self, parts: &[Value]) -> Result<Value, Throw> {
        if let Some(text) = self.interpolate_simple(parts) {
            return Ok(text);
        }
        let mut text = std::mem::take(&mut self.buffer);
        text.clear();
        for part in parts {
            self.display_text_to(&mut text, *part);
            if text.len() > self.limits.heap_bytes {
                return Err(self.heap_exhausted());
            }
        }
        let value = Str::new(&mut self.heap, &text).value();
        self.buffer = text;
        Ok(value)
    }

    /// The same for few strings and Ints, copied once.
    fn interpolate_simple(&mut self, parts: &[Value]) -> Option<Value> {
        const MOST: usize = 8;
        let mut digits = [itoa::Buffer::new(); MOST];
        let mut pieces = [""; MOST];
        let mut ascii = true;
        if parts.len() > MOST {
            return None;
        }
        let mut len = 0;
        for ((part, piece), digits) in parts.iter().zip(&mut pieces).zip(&mut digits) {
            *piece = match part.as_small_int() {
                Some(int) => digits.format(int),
                None => {
                    let text = Gc::<Str>::from_value(*part)?;
                    ascii &= text.is_ascii();
                    text.text()
                }
            };
            len += piece.len();
        }
        let fits = len <= self.limits.heap_bytes;
        fits.then(|| {
            Str::concat_as(&mut self.heap, pieces[..parts.len()].iter().copied(), ascii).value()
        })
    }

    // ---- bits ------------------------------------------------------------------

    fn two_ints(&self, l: Value, r: Value) -> Option<(i64, i64)> {
        Some((int_of(l)?, int_of(r)?))
    }

    fn two_bytes(
        &mut self,
        l: Value,
        r: Value,
        f: fn(u8, u8) -> u8,
    ) -> Option<Result<Value, Throw>> {
        let (l, r) = (Gc::<Bytes>::from_value(l)?, Gc::<Bytes>::from_value(r)?);
        if l.as_slice().len() != r.as_slice().len() {
            return Some(Err(self.arg_error("Bytes operands must have the same size")));
        }
        let bytes: Vec<u8> =
            l.as_slice().iter().zip(r.as_slice()).map(|(l, r)| f(*l, *r)).collect();
        Some(Ok(Bytes::new(&mut self.heap, &bytes).value()))
    }

    /// `l && r` where `l` is truthy.
    ///
    /// # Errors
    ///
    /// `ArgumentException` for Bytes of different size.
    pub fn bit_and(&mut self, l: Value, r: Value) -> Result<Value, Throw> {
        if l == Value::TRUE {
            return Ok(r);
        }
        if let Some((l, r)) = self.two_ints(l, r) {
            return Ok(BoxedInt::int(&mut self.heap, l & r));
        }
        self.two_bytes(l, r, |l, r| l & r).unwrap_or(Ok(r))
    }

    /// `l || r`; errors as for [`Vm::bit_and`].
    pub fn bit_or(&mut self, l: Value, r: Value) -> Result<Value, Throw> {
        if !l.is_truthy() {
            return Ok(r);
        }
        if let Some((l, r)) = self.two_ints(l, r) {
            return Ok(BoxedInt::int(&mut self.heap, l | r));
        }
        let other = if l.is_truthy() { l } else { r };
        self.two_bytes(l, r, |l, r| l | r).unwrap_or(Ok(other))
    }

    /// `l &|& r`; errors as for [`Vm::bit_and`].
    pub fn bit_xor(&mut self, l: Value, r: Value) -> Result<Value, Throw> {
        if let Some((l, r)) = self.two_ints(l, r) {
            return Ok(BoxedInt::int(&mut self.heap, l ^ r));
        }
        let other = Value::bool(l.is_truthy() != r.is_truthy());
        self.two_bytes(l, r, |l, r| l ^ r).unwrap_or(Ok(other))
    }

    /// `! v`
    pub fn not(&mut self, v: Value) -> Value {
        if let Some(i) = int_of(v) {
            return BoxedInt::int(&mut self.heap, !i);
        }
        match Gc::<Bytes>::from_value(v) {
            Some(bytes) => {
                let bytes: Vec<u8> = bytes.as_slice().iter().map(|b| !b).collect();
                Bytes::new(&mut self.heap, &bytes).value()
            }
            None => Value::bool(!v.is_truthy()),
        }
    }

    /// `v << n`, `v >> n`
    ///
    /// # Errors
    ///
    /// `TypeException` for other operands, `ArgumentException` for a count
    /// out of range.
    pub fn shift(&mut self, v: Value, n: Value, left: bool) -> Result<Value, Throw> {
        let shiftable = int_of(v).is_some() || kind_of(v) == Some(Kind::Bytes);
        let (true, Some(count)) = (shiftable, int_of(n)) else {
            let (v, n) = (self.type_name(v), self.type_name(n));
            return Err(self.operand_error(format!("Cannot shift {v} by {n}")));
        };
        if count < 0 || (count > 63 && int_of(v).is_some()) {
            return Err(self.arg_error(format!("Invalid shift amount: {count}")));
        }
        if let Some(i) = int_of(v) {
            let shifted = if left { i.wrapping_shl(count as u32) } else { i >> count };
            return Ok(BoxedInt::int(&mut self.heap, shifted));
        }
        let bytes = Gc::<Bytes>::from_value(v).map(|b| b.as_slice().to_vec()).unwrap_or_default();
        let shifted = shift_bytes(&bytes, count as u64, left);
        Ok(Bytes::new(&mut self.heap, &shifted).value())
    }
}

/// An Int and a Float by value, exactly.
fn compare_int_float(i: i64, f: f64) -> Option<Ordering> {
    if f.is_nan() {
        return None;
    }
    // Beyond the range of i64 the sign decides; within, both sides truncate
    // exactly and the fraction decides ties.
    if f >= 9_223_372_036_854_775_808.0 {
        return Some(Ordering::Less);
    }
    if f < -9_223_372_036_854_775_808.0 {
        return Some(Ordering::Greater);
    }
    let whole = f.trunc();
    Some(
        i.cmp(&(whole as i64))
            .then_with(|| 0.0f64.partial_cmp(&(f - whole)).unwrap_or(Ordering::Equal)),
    )
}

/// Shifts across byte borders; the size stays.
fn shift_bytes(bytes: &[u8], count: u64, left: bool) -> Vec<u8> {
    let (whole, bits) = ((count / 8) as usize, (count % 8) as u32);
    let n = bytes.len();
    let at = |i: isize| if i >= 0 && (i as usize) < n { bytes[i as usize] as u16 } else { 0 };
    (0..n as isize)
        .map(|i| {
            let whole = whole.min(n) as isize;
            if left {
                let pair = at(i + whole) << 8 | at(i + whole + 1);
                (pair << bits >> 8) as u8
            } else {
                let pair = at(i - whole - 1) << 8 | at(i - whole);
                (pair >> bits) as u8
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_sums_overflow_into_none() {
        let max = Value::small_int(gene_isa::value::INT_MAX);
        let min = Value::small_int(gene_isa::value::INT_MIN);
        let one = Value::small_int(1);
        assert_eq!(add_small(max, one), None);
        assert_eq!(sub_small(min, one), None);
        assert_eq!(add_small(min, max), Some(Value::small_int(0)));
        assert_eq!(add_small_imm(max, 1), None);
        assert_eq!(sub_small_imm(max, 1), Some(Value::small_int(gene_isa::value::INT_MAX - 1)));
        assert_eq!(add_small_imm(one, -3), Some(Value::small_int(-2)));
    }

    #[test]
    fn ints_and_floats_compare_exactly() {
        assert_eq!(compare_int_float(i64::MAX, i64::MAX as f64), Some(Ordering::Less));
        assert_eq!(compare_int_float(1, 1.5), Some(Ordering::Less));
        assert_eq!(compare_int_float(-1, -1.5), Some(Ordering::Greater));
        assert_eq!(compare_int_float(2, 2.0), Some(Ordering::Equal));
    }

    #[test]
    fn bytes_shift_across_borders() {
        assert_eq!(shift_bytes(&[0x01, 0x00], 8, false), [0x00, 0x01]);
        assert_eq!(shift_bytes(&[0xF0], 4, false), [0x0F]);
        assert_eq!(shift_bytes(&[0x01, 0x80], 1, true), [0x03, 0x00]);
    }
}

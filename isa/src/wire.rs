//! How each type of compiled code stands in bytes; see `encode`.

use std::sync::Arc;

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

use crate::datum::{Date, Datum, GeneDatum, Regex, Time};
use crate::{
    CallDesc, Check, CheckKind, Code, Env, EnvVar, FnKind, Handler, Insn, KeyParam, Module, Op,
    Param, Params, Symbol, TypeExpr,
};

/// How deep functions, constants and types may be nested in bytes that are
/// decoded. Deeper ones can be written, but not read again.
pub const MAX_DEPTH: usize = 128;

/// Bytes that are being written.
#[derive(Default)]
pub struct Writer {
    pub out: Vec<u8>,
    /// The names met so far, by number.
    pub symbols: Vec<Symbol>,
    numbers: HashMap<Symbol, usize, FxBuildHasher>,
}

impl Writer {
    fn number(&mut self, mut n: u64) {
        while n >= 0x80 {
            self.out.push(n as u8 | 0x80);
            n >>= 7;
        }
        self.out.push(n as u8);
    }

    pub fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.out.extend(bytes);
    }

    pub fn list<T>(&mut self, items: &[T], mut put: impl FnMut(&mut Writer, &T)) {
        self.number(items.len() as u64);
        items.iter().for_each(|item| put(self, item));
    }
}

/// What reading gives; errors are in words.
pub type Read<T> = Result<T, &'static str>;

/// Bytes that are being read.
pub struct Reader<'a> {
    pub bytes: &'a [u8],
    /// The names, by number.
    pub symbols: Vec<Symbol>,
    depth: usize,
}

/// Takes the first bytes off.
pub fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (head, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*head)
}

const SHORT: &str = "it ends too early";

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { bytes, symbols: Vec::new(), depth: 0 }
    }

    fn byte(&mut self) -> Read<u8> {
        let [byte] = take(&mut self.bytes).ok_or(SHORT)?;
        Ok(byte)
    }

    fn number(&mut self) -> Read<u64> {
        let mut n = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = (byte & 0x7f) as u64;
            if bits << shift >> shift != bits {
                break;
            }
            n |= bits << shift;
            if byte < 0x80 {
                return Ok(n);
            }
        }
        Err("a number is too large")
    }

    /// A length; as each element takes a byte at least, it is bounded by what is left.
    fn length(&mut self) -> Read<usize> {
        let len = usize::try_from(self.number()?).map_err(|_| SHORT)?;
        if len <= self.bytes.len() { Ok(len) } else { Err(SHORT) }
    }

    fn run(&mut self) -> Read<&[u8]> {
        let len = self.length()?;
        let (head, rest) = self.bytes.split_at(len);
        self.bytes = rest;
        Ok(head)
    }

    fn nested<T>(&mut self, get: impl FnOnce(&mut Self) -> Read<T>) -> Read<T> {
        if self.depth == MAX_DEPTH {
            return Err("nested too deeply");
        }
        self.depth += 1;
        let value = get(self);
        self.depth -= 1;
        value
    }
}

/// A type with a form in bytes, at least one byte long.
pub trait Wire: Sized {
    fn put(&self, w: &mut Writer);
    fn get(r: &mut Reader) -> Read<Self>;
}

// ---- building blocks -------------------------------------------------------

macro_rules! wire_number {
    ($($ty:ty),*) => {$(
        impl Wire for $ty {
            fn put(&self, w: &mut Writer) {
                w.number(*self as u64);
            }
            fn get(r: &mut Reader) -> Read<$ty> {
                r.number()?.try_into().map_err(|_| "a number is too large")
            }
        }
    )*};
}
wire_number!(u8, u16, u32, u64, usize);

impl Wire for i64 {
    fn put(&self, w: &mut Writer) {
        w.number((self << 1 ^ self >> 63) as u64);
    }
    fn get(r: &mut Reader) -> Read<i64> {
        let n = r.number()?;
        Ok((n >> 1) as i64 ^ -((n & 1) as i64))
    }
}

impl Wire for i16 {
    fn put(&self, w: &mut Writer) {
        (*self as i64).put(w);
    }
    fn get(r: &mut Reader) -> Read<i16> {
        i64::get(r)?.try_into().map_err(|_| "a number is too large")
    }
}

impl Wire for bool {
    fn put(&self, w: &mut Writer) {
        w.out.push(*self as u8);
    }
    fn get(r: &mut Reader) -> Read<bool> {
        match r.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err("neither true nor false"),
        }
    }
}

impl Wire for f64 {
    fn put(&self, w: &mut Writer) {
        w.out.extend(self.to_bits().to_le_bytes());
    }
    /// There is one NaN: other bits of it would mean something to values.
    fn get(r: &mut Reader) -> Read<f64> {
        let number = f64::from_le_bytes(take(&mut r.bytes).ok_or(SHORT)?);
        Ok(if number.is_nan() { f64::NAN } else { number })
    }
}

impl Wire for char {
    fn put(&self, w: &mut Writer) {
        w.number(*self as u64);
    }
    fn get(r: &mut Reader) -> Read<char> {
        char::from_u32(u32::get(r)?).ok_or("no character")
    }
}

impl Wire for String {
    fn put(&self, w: &mut Writer) {
        w.bytes(self.as_bytes());
    }
    fn get(r: &mut Reader) -> Read<String> {
        String::from_utf8(r.run()?.to_vec()).map_err(|_| "text is not UTF-8")
    }
}

impl Wire for Arc<str> {
    fn put(&self, w: &mut Writer) {
        w.bytes(self.as_bytes());
    }
    fn get(r: &mut Reader) -> Read<Arc<str>> {
        String::get(r).map(Arc::from)
    }
}

impl Wire for Arc<[u8]> {
    fn put(&self, w: &mut Writer) {
        w.bytes(self);
    }
    fn get(r: &mut Reader) -> Read<Arc<[u8]>> {
        r.run().map(Arc::from)
    }
}

impl Wire for Symbol {
    fn put(&self, w: &mut Writer) {
        let next = w.numbers.len();
        let number = *w.numbers.entry(*self).or_insert(next);
        if number == next {
            w.symbols.push(*self);
        }
        w.number(number as u64);
    }
    fn get(r: &mut Reader) -> Read<Symbol> {
        let number = usize::get(r)?;
        r.symbols.get(number).copied().ok_or("no such name")
    }
}

impl Wire for Insn {
    fn put(&self, w: &mut Writer) {
        w.out.extend([self.op as u8, self.x]);
        [self.a, self.b, self.c].iter().for_each(|n| w.out.extend(n.to_le_bytes()));
    }
    fn get(r: &mut Reader) -> Read<Insn> {
        let [op, x, fields @ ..] = take::<8>(&mut r.bytes).ok_or(SHORT)?;
        let op = Op::from_u8(op).ok_or("no such instruction")?;
        let [a, b, c] = [0, 2, 4].map(|i| u16::from_le_bytes([fields[i], fields[i + 1]]));
        Ok(Insn { op, x, a, b, c })
    }
}

impl<T: Wire> Wire for Vec<T> {
    fn put(&self, w: &mut Writer) {
        w.list(self, |w, item| item.put(w));
    }
    fn get(r: &mut Reader) -> Read<Vec<T>> {
        let mut items = Vec::new();
        for _ in 0..r.length()? {
            items.push(T::get(r)?);
        }
        Ok(items)
    }
}

macro_rules! wire_symbols {
    ($($ty:ty),*) => {$(
        impl Wire for $ty {
            fn put(&self, w: &mut Writer) {
                w.list(self, |w, item| item.put(w));
            }
            fn get(r: &mut Reader) -> Read<$ty> {
                Vec::get(r).map(<$ty>::from)
            }
        }
    )*};
}
wire_symbols!(Box<[Symbol]>, Arc<[Symbol]>);

impl<T: Wire> Wire for Option<T> {
    fn put(&self, w: &mut Writer) {
        self.is_some().put(w);
        if let Some(value) = self {
            value.put(w);
        }
    }
    fn get(r: &mut Reader) -> Read<Option<T>> {
        if bool::get(r)? { T::get(r).map(Some) } else { Ok(None) }
    }
}

macro_rules! wire_pointer {
    ($($pointer:ident),*) => {$(
        impl<T: Wire> Wire for $pointer<T> {
            fn put(&self, w: &mut Writer) {
                (**self).put(w);
            }
            /// What is behind a pointer may be what contains it.
            fn get(r: &mut Reader) -> Read<$pointer<T>> {
                r.nested(T::get).map($pointer::new)
            }
        }
    )*};
}
wire_pointer!(Box, Arc);

macro_rules! wire_tuple {
    ($($name:ident),*) => {
        impl<$($name: Wire),*> Wire for ($($name,)*) {
            #[allow(non_snake_case)]
            fn put(&self, w: &mut Writer) {
                let ($($name,)*) = self;
                $($name.put(w);)*
            }
            fn get(r: &mut Reader) -> Read<Self> {
                Ok(($($name::get(r)?,)*))
            }
        }
    };
}
wire_tuple!(A, B);
wire_tuple!(A, B, C);

macro_rules! wire_struct {
    ($ty:ident: $($field:ident),*) => {
        impl Wire for $ty {
            fn put(&self, w: &mut Writer) {
                let $ty { $($field),* } = self;
                $($field.put(w);)*
            }
            fn get(r: &mut Reader) -> Read<$ty> {
                Ok($ty { $($field: Wire::get(r)?),* })
            }
        }
    };
}

macro_rules! wire_enum {
    ($ty:ident: $($tag:literal $variant:ident $(($($field:ident),*))? $({$($named:ident),*})?)*) => {
        impl Wire for $ty {
            fn put(&self, w: &mut Writer) {
                match self {
                    $($ty::$variant $(($($field),*))? $({$($named),*})? => {
                        w.out.push($tag);
                        $($($field.put(w);)*)?
                        $($($named.put(w);)*)?
                    })*
                }
            }
            fn get(r: &mut Reader) -> Read<$ty> {
                r.nested(|r| match r.byte()? {
                    $($tag => {
                        $($(let $field = Wire::get(r)?;)*)?
                        $($(let $named = Wire::get(r)?;)*)?
                        Ok($ty::$variant $(($($field),*))? $({$($named),*})?)
                    })*
                    _ => Err(concat!("no such ", stringify!($ty))),
                })
            }
        }
    };
}

// ---- the types -------------------------------------------------------------

wire_struct!(Date: year, month, day);
wire_struct!(Time: hour, minute, second, microsecond, offset, zone, utc);
wire_struct!(Regex: pattern, ignore_case, multiline, replacement);
wire_struct!(GeneDatum: head, props, children, sealed);
wire_enum!(Datum:
    0 Nil
    1 Void
    2 NotFound
    3 Bool(value)
    4 Int(value)
    5 Float(value)
    6 Char(value)
    7 Str(value)
    8 Symbol(value)
    9 Path(value)
    10 Array(items, sealed)
    11 Map(entries, sealed)
    12 HashMap(items, sealed)
    13 Gene(value)
    14 Quote(value)
    15 Unquote(value, discard)
    16 Selector(value)
    17 Bytes(value)
    18 Date(value)
    19 Time(value)
    20 DateTime(date, time)
    21 Regex(value)
);
wire_enum!(TypeExpr:
    0 Name(name)
    1 Module(slot, name)
    2 Register(register, name)
    3 Union(types)
    4 Applied(outer, args)
    5 Fn { params, keywords, rest, result }
);
wire_enum!(FnKind:
    0 Module
    1 Function
    2 Block
    3 Ctor
    4 Macro
    5 Async
    6 Generator
    7 AsyncGenerator
);
wire_enum!(CheckKind: 0 Param 1 Return 2 Variable 3 Field 4 Payload);
wire_struct!(Param: name, optional, ty, field);
wire_struct!(KeyParam: name, optional, ty);
wire_struct!(Params: positional, rest, keywords, keyword_rest);
wire_struct!(Check: ty, kind, name);
wire_struct!(CallDesc: method, keywords, positional);
wire_struct!(Handler: start, end, target, exception, scopes, catches);
wire_struct!(EnvVar: name, depth, slot, constant, ty);
wire_struct!(Env: vars, caller);
wire_struct!(Code:
    name, kind, params, nregs, insns, consts, protos, caches, keysets, calls, checks, envs,
    handlers, scope_regs, file, span, spans, result, intent, examples, fields);
wire_struct!(Module: main, slots, exports, explicit_exports);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn not_a_number_has_one_form() {
        let mut w = Writer::default();
        f64::from_bits(0xffff_0000_1234_5678).put(&mut w);
        let mut r = Reader::new(&w.out);
        assert_eq!(f64::get(&mut r).unwrap().to_bits(), f64::NAN.to_bits());
    }

    #[test]
    fn numbers_come_back() {
        for n in [0, 1, -1, 63, -64, 64, i64::MAX, i64::MIN] {
            let mut w = Writer::default();
            n.put(&mut w);
            (n as u64).put(&mut w);
            let mut r = Reader::new(&w.out);
            assert_eq!((i64::get(&mut r), u64::get(&mut r)), (Ok(n), Ok(n as u64)));
        }
        let mut r = Reader::new(&[0xff; 12]);
        assert!(r.number().is_err());
    }
}

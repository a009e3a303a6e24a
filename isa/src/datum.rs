//! Constant data: what a quoted form denotes, without places.

use std::sync::Arc;

use crate::Symbol;

/// A calendar date; always a valid one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Date {
    /// Year, 0 to 9999.
    pub year: u16,
    /// Month, 1 to 12.
    pub month: u8,
    /// Day of the month from 1.
    pub day: u8,
}

/// A time of day, with an offset and a zone name if they were written.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Time {
    /// Hour, 0 to 23.
    pub hour: u8,
    /// Minute, 0 to 59.
    pub minute: u8,
    /// Second, 0 to 59.
    pub second: u8,
    /// Microsecond, 0 to 999 999.
    pub microsecond: u32,
    /// Minutes east of UTC; 0 for `Z`.
    pub offset: Option<i16>,
    /// The name in brackets.
    pub zone: Option<Arc<str>>,
    /// Whether the offset was written as `Z`.
    pub utc: bool,
}

/// A pattern literal.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Regex {
    /// The pattern; `\/` is a slash and `\\` one backslash already.
    pub pattern: String,
    /// `i`: case does not matter.
    pub ignore_case: bool,
    /// `m`: `.` matches line breaks.
    pub multiline: bool,
    /// The replacement of `#/pattern/replacement/`.
    pub replacement: Option<String>,
}

/// A constant. The kinds are those of the syntax tree.
#[derive(Clone, PartialEq, Debug)]
pub enum Datum {
    /// `nil`
    Nil,
    /// `void`
    Void,
    /// `not_found`
    NotFound,
    /// `true`, `false`
    Bool(bool),
    /// Integer.
    Int(i64),
    /// Float.
    Float(f64),
    /// Character.
    Char(char),
    /// String.
    Str(Arc<str>),
    /// Symbol.
    Symbol(Symbol),
    /// Path symbol: its segments.
    Path(Arc<[Symbol]>),
    /// Array; the flag says whether it is sealed.
    Array(Vec<Datum>, bool),
    /// Map with its entries in order; sealed?
    Map(Vec<(Symbol, Datum)>, bool),
    /// Hash map as quoted: keys and values in turn; sealed?
    HashMap(Vec<Datum>, bool),
    /// Gene value.
    Gene(Box<GeneDatum>),
    /// A quotation inside quoted data.
    Quote(Box<Datum>),
    /// A hole; the flag is set for `%_form`.
    Unquote(Box<Datum>, bool),
    /// Selector shorthand inside quoted data.
    Selector(Arc<[Symbol]>),
    /// Bytes.
    Bytes(Arc<[u8]>),
    /// Date.
    Date(Date),
    /// Time.
    Time(Time),
    /// Date with time.
    DateTime(Date, Time),
    /// Pattern.
    Regex(Arc<Regex>),
}

/// A Gene value as a constant.
#[derive(Clone, PartialEq, Debug)]
pub struct GeneDatum {
    /// The head.
    pub head: Datum,
    /// Properties in order.
    pub props: Vec<(Symbol, Datum)>,
    /// Children.
    pub children: Vec<Datum>,
    /// Whether it is sealed.
    pub sealed: bool,
}

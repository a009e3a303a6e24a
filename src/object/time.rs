//! Dates, times, and dates with a time.

use std::cmp::Ordering;
use std::hash::BuildHasher;

use gene_isa::datum::{Date, Time};
use rustc_hash::FxBuildHasher;

use super::foreign::Portable;
use super::{Foreign, ForeignData};
use crate::heap::{Gc, Heap};
use crate::syntax::literal::{format_date, format_time};
use crate::value::Value;

/// A date.
#[derive(Clone)]
pub struct DateData(pub Date);

/// A time of day.
#[derive(Clone)]
pub struct TimeData(pub Time);

/// A date with a time of day.
#[derive(Clone)]
pub struct DateTimeData(pub Date, pub Time);

impl DateTimeData {
    /// Microseconds since 1970; a date-time without an offset counts as UTC.
    pub fn epoch_us(&self) -> i64 {
        let DateTimeData(date, time) = self;
        let day = jiff::civil::date(date.year as i16, date.month as i8, date.day as i8);
        let epoch = jiff::civil::date(1970, 1, 1);
        let days = day.duration_since(epoch).as_secs();
        days * 1_000_000 + time_us(time)
    }
}

/// Microseconds since midnight UTC; without an offset, of the time as it is.
fn time_us(time: &Time) -> i64 {
    let minutes = time.hour as i64 * 60 + time.minute as i64 - time.offset.unwrap_or(0) as i64;
    (minutes * 60 + time.second as i64) * 1_000_000 + time.microsecond as i64
}

/// The zone name of a time: the one in brackets, else `UTC` for `Z`.
pub fn zone_name(time: &Time) -> Option<&str> {
    time.zone.as_deref().or(time.utc.then_some("UTC"))
}

macro_rules! constant_data {
    ($type:ident, $class:literal, $type_name:literal, |$this:ident| $fields:expr, $display:expr, $order:expr) => {
        impl ForeignData for $type {
            fn class(&self) -> &'static str {
                $class
            }

            fn type_name(&self) -> &'static str {
                $type_name
            }

            fn display(&self) -> Option<String> {
                let $this = self;
                Some($display)
            }

            fn same(&self, other: &dyn ForeignData) -> bool {
                let fields = |$this: &$type| $fields.clone();
                other.get::<$type>().is_some_and(|other| fields(other) == fields(self))
            }

            fn compare(&self, other: &dyn ForeignData) -> Option<Ordering> {
                let order: fn(&$type, &$type) -> Option<Ordering> = $order;
                order(self, other.get::<$type>()?)
            }

            fn hash(&self) -> Option<u64> {
                let $this = self;
                Some(FxBuildHasher.hash_one(&$fields))
            }

            fn is_constant(&self) -> bool {
                true
            }

            fn portable(&self, _: &mut Vec<Value>) -> Option<Portable> {
                let copy = self.clone();
                Some(Box::new(move |_| Box::new(copy)))
            }
        }
    };
}

constant_data!(DateData, "Date", "VkDate", |d| d.0, format_date(d.0).to_string(), |a, b| Some(
    a.0.cmp(&b.0)
));
constant_data!(TimeData, "Time", "VkTime", |t| t.0, format_time(&t.0).to_string(), |a, b| {
    comparable(&a.0, &b.0).then(|| time_us(&a.0).cmp(&time_us(&b.0)))
});
constant_data!(
    DateTimeData,
    "DateTime",
    "VkDateTime",
    |d| (d.0, d.1.clone()),
    format!("{}T{}", format_date(d.0), format_time(&d.1)),
    |a, b| comparable(&a.1, &b.1).then(|| a.epoch_us().cmp(&b.epoch_us()))
);

/// Whether both times have an offset, or neither.
fn comparable(a: &Time, b: &Time) -> bool {
    a.offset.is_some() == b.offset.is_some()
}

/// The value of a date literal.
pub fn date(heap: &mut Heap, date: Date) -> Value {
    Foreign::new(heap, DateData(date)).value()
}

/// The value of a time literal.
pub fn time(heap: &mut Heap, time: &Time) -> Value {
    Foreign::new(heap, TimeData(time.clone())).value()
}

/// The value of a literal of a date with a time.
pub fn date_time(heap: &mut Heap, date: Date, time: &Time) -> Value {
    Foreign::new(heap, DateTimeData(date, time.clone())).value()
}

/// Orders two dates, two times or two date-times; `None` for other values.
/// With offsets they are ordered as instants.
///
/// # Errors
///
/// The message of the `TypeException` if only one of them has an offset.
pub fn compare(a: Value, b: Value) -> Option<Result<Ordering, &'static str>> {
    let (a, b) = (Gc::<Foreign>::from_value(a)?, Gc::<Foreign>::from_value(b)?);
    match a.data.compare(&*b.data) {
        Some(order) => Some(Ok(order)),
        None if a.data.get::<DateTimeData>().is_some()
            && b.data.get::<DateTimeData>().is_some() =>
        {
            Some(Err("Cannot compare naive and offset-aware datetimes"))
        }
        None if a.data.get::<TimeData>().is_some() && b.data.get::<TimeData>().is_some() => {
            Some(Err("Cannot compare naive and offset-aware times"))
        }
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::KINDS;

    fn clock(hour: u8, offset: Option<i16>) -> Time {
        Time { hour, minute: 0, second: 0, microsecond: 0, offset, zone: None, utc: false }
    }

    #[test]
    fn date_times_are_ordered_as_instants() {
        let heap = &mut Heap::new(KINDS);
        let day = Date { year: 2024, month: 1, day: 1 };
        let utc = date_time(heap, day, &clock(10, Some(0)));
        let east = date_time(heap, day, &clock(12, Some(120)));
        let naive = date_time(heap, day, &clock(10, None));
        assert_eq!(compare(utc, east), Some(Ok(Ordering::Equal)));
        assert!(compare(utc, naive).is_some_and(|c| c.is_err()));
        assert_eq!(compare(naive, naive), Some(Ok(Ordering::Equal)));
        assert_eq!(compare(naive, date(heap, day)), None);
        let first = DateTimeData(day, clock(0, Some(0)));
        assert_eq!(first.epoch_us(), 1_704_067_200_000_000);
        assert!(!first.same(&DateTimeData(day, clock(2, Some(120)))));
        assert!(first.same(&DateTimeData(day, clock(0, Some(0)))));
    }
}

//! Iteration over built-in collections: of iterator objects, and of `for`.

use std::cell::Cell;

use super::record::as_record;
use super::{Array, BoxedInt, Foreign, ForeignData, HashObject, Kind, Range, kind_of};
use crate::heap::{Gc, Heap, Marker};
use crate::value::Value;

/// A place in a built-in collection. Arrays are visited as they are when an
/// element is asked for; maps, hash maps and sets as they were at the start.
pub struct Iter {
    source: Source,
    /// Number of elements given so far.
    at: Cell<u64>,
}

enum Source {
    /// An array, or the members of a set.
    Elements(Gc<Array>),
    /// Keys and values in turn.
    Entries(Gc<Array>),
    /// The first number, the step, and how many numbers there are.
    Range(i64, i64, u64),
}

impl Iter {
    /// The beginning of `value`, if it is a collection or range.
    pub fn new(heap: &mut Heap, value: Value) -> Option<Iter> {
        let source = match kind_of(value)? {
            Kind::Array => Source::Elements(Gc::from_value(value)?),
            Kind::Map => {
                let entries = as_record(value)?.entries().into_iter();
                let items: Vec<Value> = entries.flat_map(|(k, v)| [Value::symbol(k), v]).collect();
                Source::Entries(Array::new(heap, &items))
            }
            Kind::HashObject => {
                let table = Gc::<HashObject>::from_value(value)?;
                let entries = table.entries().into_iter();
                if table.is_set() {
                    let items: Vec<Value> = entries.map(|(k, _)| k).collect();
                    Source::Elements(Array::new(heap, &items))
                } else {
                    let items: Vec<Value> = entries.flat_map(|(k, v)| [k, v]).collect();
                    Source::Entries(Array::new(heap, &items))
                }
            }
            Kind::Range => {
                let range = Gc::<Range>::from_value(value)?;
                Source::Range(range.start, range.step, range.len())
            }
            _ => return None,
        };
        Some(Iter { source, at: Cell::new(0) })
    }

    /// An iterator object over `value`, if it is a collection or range.
    pub fn object(heap: &mut Heap, value: Value) -> Option<Gc<Foreign>> {
        let iter = Iter::new(heap, value)?;
        Some(Foreign::new(heap, iter))
    }

    /// Whether there is another element.
    pub fn has_next(&self) -> bool {
        let at = self.at.get();
        match &self.source {
            Source::Elements(items) => at < items.len() as u64,
            Source::Entries(items) => at * 2 < items.len() as u64,
            Source::Range(_, _, len) => at < *len,
        }
    }

    /// The next key and element: position and element of arrays, sets and
    /// ranges.
    #[inline]
    pub fn next(&self, heap: &mut Heap) -> Option<(Value, Value)> {
        let at = self.at.get();
        let pair = match &self.source {
            Source::Elements(items) => (Value::small_int(at as i64), items.get(at as usize)?),
            Source::Entries(items) => {
                let key = items.get(at as usize * 2)?;
                (key, items.get(at as usize * 2 + 1)?)
            }
            Source::Range(start, step, len) => {
                if at >= *len {
                    return None;
                }
                // Below `len` the number lies between the bounds: wrapping
                // intermediate results cancel out.
                let number = start.wrapping_add(step.wrapping_mul(at as i64));
                (BoxedInt::int(heap, at as i64), BoxedInt::int(heap, number))
            }
        };
        self.at.set(at + 1);
        Some(pair)
    }
}

impl ForeignData for Iter {
    fn class(&self) -> &'static str {
        match self.source {
            Source::Elements(_) => "ArrayIterator",
            Source::Entries(_) => "MapIterator",
            Source::Range(..) => "RangeIterator",
        }
    }

    fn trace(&self, marker: &mut Marker) {
        match self.source {
            Source::Elements(items) | Source::Entries(items) => marker.object(items),
            Source::Range(..) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::{KINDS, Map};

    fn numbers(heap: &mut Heap, value: Value) -> Vec<(i64, i64)> {
        let iter = Iter::new(heap, value).expect("a source");
        std::iter::from_fn(|| iter.next(heap))
            .map(|(k, v)| (k.as_small_int().unwrap_or(-1), v.as_small_int().unwrap_or(-1)))
            .collect()
    }

    #[test]
    fn arrays_are_live_and_maps_are_not() {
        let heap = &mut Heap::new(KINDS);
        let array = Array::new(heap, &[Value::small_int(7)]);
        let iter = Iter::new(heap, array.value()).expect("an array");
        assert!(iter.next(heap).is_some() && !iter.has_next());
        array.push(heap, Value::small_int(8));
        assert_eq!(iter.next(heap), Some((Value::small_int(1), Value::small_int(8))));
        let map = Map::from_entries(heap, &[("a".into(), Value::TRUE)]);
        let iter = Iter::new(heap, map.value()).expect("a map");
        map.set(heap, "b".into(), Value::TRUE);
        assert!(iter.next(heap).is_some() && iter.next(heap).is_none());
    }

    #[test]
    fn ranges_end_at_their_bounds() {
        let heap = &mut Heap::new(KINDS);
        let down = Range::new(heap, 5, 1, Some(-2)).value();
        assert_eq!(numbers(heap, down), [(0, 5), (1, 3), (2, 1)]);
        let empty = Range::new(heap, 3, 1, None).value();
        assert_eq!(numbers(heap, empty), []);
        let wide = Range::new(heap, i64::MIN, i64::MAX, Some(i64::MAX)).value();
        let iter = Iter::new(heap, wide).expect("a range");
        assert_eq!(std::iter::from_fn(|| iter.next(heap)).count(), 3);
    }
}

//! `for`: built-in sources here, everything else by calling `iter` and `next`.
//!
//! State is two registers. Arrays: the array and the next index. Ranges: the
//! range and the next number, unset at the end. Maps, hash maps and sets: a
//! snapshot (array of keys and values in turn) and minus the next position
//! minus one. User iterators: the iterator and whether pairs are asked for.

use gene_isa::Symbol;

use super::Vm;
use super::error::Throw;
use crate::heap::Gc;
use crate::object::coroutine::CoState;
use crate::object::misc::int_of;
use crate::object::record::as_record;
use crate::object::*;
use crate::value::Value;

/// What the loop does next.
pub(super) enum Step {
    /// There is an element.
    Item,
    /// There is none left.
    End,
    /// A call that gives it has been prepared.
    Call,
}

impl Vm {
    /// Checks the numbers of a range loop; whether there is a first turn.
    pub(super) fn range_prep(&mut self, at: *mut Value, repeat: bool) -> Result<bool, Throw> {
        // SAFETY: the four registers lie in the window.
        unsafe {
            for i in 0..3 {
                let value = *at.add(i);
                if value.as_small_int().is_none() {
                    let name = self.type_name(value);
                    let large = int_of(value).is_some();
                    let message = match (repeat, large) {
                        (_, true) => "loop bounds beyond 52 bits are not supported".to_string(),
                        (true, _) => format!("repeat needs an Int, got {name}"),
                        (false, _) => format!("range bounds must be Ints, got {name}"),
                    };
                    return Err(self.type_error(message));
                }
            }
            let (start, end, step) = (
                (*at).small_int_unchecked(),
                (*at.add(1)).small_int_unchecked(),
                (*at.add(2)).small_int_unchecked(),
            );
            *at.add(3) = *at;
            Ok(match step {
                0 => false,
                s if s > 0 => start <= end,
                _ => start >= end,
            })
        }
    }

    /// Begins to iterate; `false` if a call of `iter` has been prepared.
    pub(super) fn iter_init(
        &mut self,
        at: *mut Value,
        source: Value,
        pairs: bool,
    ) -> Result<bool, Throw> {
        let state = match kind_of(source) {
            Some(Kind::Array) => (source, Value::small_int(0)),
            Some(Kind::Range) => {
                let range = Gc::<Range>::from_value(source);
                let first =
                    range.filter(|r| !r.is_empty()).map(|r| BoxedInt::int(&mut self.heap, r.start));
                (source, first.unwrap_or(Value::UNSET))
            }
            Some(Kind::Map) => {
                let entries = as_record(source).map(|m| m.entries()).unwrap_or_default();
                let flat: Vec<Value> =
                    entries.into_iter().flat_map(|(k, v)| [Value::symbol(k), v]).collect();
                (Array::new(&mut self.heap, &flat).value(), Value::small_int(-1))
            }
            Some(Kind::HashObject) => {
                let Some(table) = Gc::<HashObject>::from_value(source) else { return Ok(true) };
                let entries = table.entries().into_iter().enumerate();
                let set = table.is_set();
                let flat: Vec<Value> = entries
                    .flat_map(|(i, (k, v))| {
                        [if set { Value::small_int(i as i64) } else { k }, if set { k } else { v }]
                    })
                    .collect();
                (Array::new(&mut self.heap, &flat).value(), Value::small_int(-1))
            }
            None if source.is_nil() => (Value::NIL, Value::NIL),
            Some(Kind::Coroutine) if self.type_name(source) == "AsyncGenerator" => {
                return Err(self.type_error("an async generator needs for ^^await"));
            }
            Some(Kind::Coroutine) => (source, Value::bool(pairs)),
            _ => {
                let method = self.class_of(source).find_method(self.names.iter);
                let iterable = matches!(kind_of(source), Some(Kind::Instance | Kind::Foreign));
                let Some(method) = method.filter(|_| iterable) else {
                    let name = self.type_name(source);
                    let name = name.strip_prefix("Vk").unwrap_or(&name);
                    return Err(self.type_error(format!("{name} is not iterable")));
                };
                // SAFETY: the iteration window has six registers.
                unsafe {
                    *at.add(4) = method;
                    *at.add(5) = source;
                }
                return Ok(false);
            }
        };
        // SAFETY: as above.
        unsafe { (*at, *at.add(1)) = state };
        Ok(true)
    }

    /// Second register of the state for a user iterator.
    pub(super) fn iter_wrap(&mut self, iterator: Value, pairs: bool) -> Result<Value, Throw> {
        let with_pairs =
            pairs && self.class_of(iterator).find_method(self.names.next_pair).is_some();
        Ok(Value::bool(with_pairs))
    }

    /// The next element, or a prepared call of `next`.
    pub(super) fn iter_next(&mut self, at: *mut Value) -> Result<Step, Throw> {
        // SAFETY: the six registers of the iteration lie in the window.
        unsafe {
            let (source, position) = (*at, *at.add(1));
            match kind_of(source) {
                Some(Kind::Array) => {
                    let index = (-position.small_int_unchecked() - 1) as usize;
                    let Some(entries) = Gc::<Array>::from_value(source) else {
                        return Ok(Step::End);
                    };
                    let Some(value) = entries.get(index * 2 + 1) else { return Ok(Step::End) };
                    *at.add(2) = value;
                    *at.add(3) = entries.get(index * 2).unwrap_or(Value::NIL);
                    *at.add(1) = Value::small_int(-(index as i64) - 2);
                    Ok(Step::Item)
                }
                Some(Kind::Range) => {
                    let (Some(range), Some(now)) =
                        (Gc::<Range>::from_value(source), int_of(position))
                    else {
                        return Ok(Step::End);
                    };
                    *at.add(2) = position;
                    let distance = now as i128 - range.start as i128;
                    *at.add(3) = Value::small_int((distance / range.step as i128) as i64);
                    let next = now.checked_add(range.step);
                    let within =
                        |n: &i64| if range.step > 0 { *n <= range.end } else { *n >= range.end };
                    *at.add(1) = match next.filter(within) {
                        Some(next) => BoxedInt::int(&mut self.heap, next),
                        None => Value::UNSET,
                    };
                    Ok(Step::Item)
                }
                None if source.is_nil() => Ok(Step::End),
                _ => {
                    let pairs = position == Value::TRUE;
                    let name = if pairs { self.names.next_pair } else { self.names.next };
                    let Some(method) = self.class_of(source).find_method(name) else {
                        return Err(self.no_method(source, name));
                    };
                    *at.add(4) = method;
                    *at.add(5) = source;
                    Ok(Step::Call)
                }
            }
        }
    }

    /// Takes the result of `next` apart; `false` at the end.
    pub(super) fn iter_step(&mut self, at: *mut Value, pairs: bool) -> Result<bool, Throw> {
        // SAFETY: as in `iter_next`.
        unsafe {
            let value = *at.add(4);
            if value == Value::NOT_FOUND {
                return Ok(false);
            }
            if !pairs {
                *at.add(2) = value;
                return Ok(true);
            }
            let Some(pair) = Gc::<Array>::from_value(value).filter(|p| p.len() == 2) else {
                return Err(
                    self.type_error("an iteration with two names needs arrays of two elements")
                );
            };
            *at.add(3) = pair.get(0).unwrap_or(Value::NIL);
            *at.add(2) = pair.get(1).unwrap_or(Value::NIL);
            Ok(true)
        }
    }

    /// Prepares the call of `close` if the source is an unfinished generator.
    pub(super) fn iter_close(&mut self, at: *mut Value) -> bool {
        // SAFETY: as in `iter_next`.
        unsafe {
            let Some(generator) = Gc::<Coroutine>::from_value(*at) else { return false };
            if generator.state.get() != CoState::Suspended {
                return false;
            }
            let close = self.class_of(*at).find_method(Symbol::intern("close"));
            let Some(close) = close else { return false };
            *at.add(4) = close;
            *at.add(5) = *at;
            true
        }
    }
}

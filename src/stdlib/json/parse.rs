//! Reading JSON: serde_json's events become values directly, without a tree in
//! between.

use std::fmt;

use gene_isa::Symbol;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::{MAX_DEPTH, TAG};
use crate::heap::{Gc, Shape};
use crate::object::{Array, BoxedInt, Gene, Map, Str};
use crate::stdlib::Outcome;
use crate::value::Value;
use crate::vm::{Throw, Vm};

/// The value of JSON text; `tagged` text as `serialize` writes it.
///
/// # Errors
///
/// `ParseException` for unreadable text. `text` stays valid: nothing here runs
/// a program, so nothing is collected.
pub(super) fn parse(vm: &mut Vm, text: &str, tagged: bool) -> Outcome {
    let mut reader = Reader {
        vm,
        tagged,
        keys: Vec::new(),
        values: Vec::new(),
        guesses: Vec::new(),
        depth: 0,
        thrown: None,
    };
    let mut json = serde_json::Deserializer::from_str(text);
    // Depth is limited by `Reader::nested`.
    json.disable_recursion_limit();
    let value = Item(&mut reader).deserialize(&mut json);
    let value = value.and_then(|value| json.end().map(|()| value));
    let thrown = reader.thrown;
    value
        .map_err(|error| thrown.unwrap_or_else(|| vm.parse_error(format!("Invalid JSON: {error}"))))
}

struct Reader<'v> {
    vm: &'v mut Vm,
    tagged: bool,
    /// Keys of the objects being read, the outer ones first.
    keys: Vec<Symbol>,
    /// Elements and property values of what is being read.
    values: Vec<Value>,
    /// For each depth, the last object: the next one is likely to be alike.
    guesses: Vec<Option<Guess>>,
    depth: usize,
    /// An exception that ended the reading.
    thrown: Option<Throw>,
}

/// The keys of an object read before.
#[derive(Clone)]
struct Guess {
    shape: &'static Shape,
    names: Vec<&'static str>,
}

impl Reader<'_> {
    /// Reads something inside.
    fn nested<T, E: Error>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        if self.depth == MAX_DEPTH {
            return Err(E::custom("nested too deeply"));
        }
        self.depth += 1;
        let result = read(self);
        self.depth -= 1;
        result
    }

    /// Ends the reading with an exception.
    fn throw<E: Error>(&mut self, thrown: Throw) -> E {
        self.thrown = Some(thrown);
        E::custom("")
    }

    /// The next key, which probably is what the guess has at `position`.
    fn key(&self, text: &str, position: usize) -> Symbol {
        let guess = self.guesses.get(self.depth).and_then(Option::as_ref);
        match guess.and_then(|g| Some((g.shape.keys()[position..].first()?, g.names[position]))) {
            Some((key, name)) if name == text => *key,
            _ => Symbol::intern(text),
        }
    }

    /// A map of these keys and values. Like keys make it without lookups.
    fn map(&mut self, first_key: usize, first_value: usize) -> Gc<Map> {
        let (keys, values) = (&self.keys[first_key..], &self.values[first_value..]);
        let heap = &mut self.vm.heap;
        if let Some(Some(guess)) = self.guesses.get(self.depth)
            && guess.shape.keys() == keys
        {
            return Map::with_shape(heap, guess.shape, values);
        }
        let map = Map::new(heap, keys.len());
        for (key, value) in keys.iter().zip(values) {
            map.set(heap, *key, *value);
        }
        if !map.is_dictionary() {
            let shape = map.shape();
            let names = shape.keys().iter().map(|key| key.as_str()).collect();
            self.guesses.resize(self.guesses.len().max(self.depth + 1), None);
            self.guesses[self.depth] = Some(Guess { shape, names });
        }
        map
    }
}

/// Reads one value.
struct Item<'r, 'v>(&'r mut Reader<'v>);

impl<'de> DeserializeSeed<'de> for Item<'_, '_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Value, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Item<'_, '_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::NIL)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::bool(value))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(BoxedInt::int(&mut self.0.vm.heap, number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(match i64::try_from(number) {
            Ok(number) => BoxedInt::int(&mut self.0.vm.heap, number),
            Err(_) => Value::float(number as f64),
        })
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(Value::float(number))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        let reader = self.0;
        match text.strip_prefix(TAG).filter(|_| reader.tagged) {
            Some(source) => read_one(reader.vm, source).map_err(|thrown| reader.throw(thrown)),
            None => Ok(Str::new(&mut reader.vm.heap, text).value()),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        self.0.nested(|reader| {
            let first = reader.values.len();
            while let Some(value) = items.next_element_seed(Item(reader))? {
                reader.values.push(value);
            }
            let array = Array::new(&mut reader.vm.heap, &reader.values[first..]);
            reader.values.truncate(first);
            Ok(array.value())
        })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        self.0.nested(|reader| {
            let (first_key, first_value) = (reader.keys.len(), reader.values.len());
            loop {
                let position = reader.keys.len() - first_key;
                let Some(key) = entries.next_key_seed(Key { reader, position })? else { break };
                reader.keys.push(key);
                let value = entries.next_value_seed(Item(reader))?;
                reader.values.push(value);
            }
            let map = reader.map(first_key, first_value);
            reader.keys.truncate(first_key);
            reader.values.truncate(first_value);
            match reader.tagged {
                true => gene(reader.vm, map).map_err(|thrown| reader.throw(thrown)),
                false => Ok(map.value()),
            }
        })
    }
}

/// The value that Gene text denotes; it must be exactly one.
fn read_one(vm: &mut Vm, source: &str) -> Outcome {
    match vm.read_data(source)?[..] {
        [value] => Ok(value),
        _ => Err(vm.parse_error(format!("Invalid JSON: {TAG} must be followed by one value"))),
    }
}

/// The Gene value that an object with the key `genetype` stands for; else the
/// map itself.
fn gene(vm: &mut Vm, map: Gc<Map>) -> Outcome {
    let Some(head) = map.get(Symbol::intern("genetype")) else { return Ok(map.value()) };
    let children = match map.get(Symbol::intern("children")) {
        None => Array::with_capacity(&mut vm.heap, 0),
        Some(children) => match Gc::from_value(children) {
            Some(array) => array,
            None => return Err(vm.parse_error("Invalid JSON: children must be an array")),
        },
    };
    let own = |name: &str| name == "genetype" || name == "children";
    let props: Vec<_> = map.entries().into_iter().filter(|(k, _)| !own(k.as_str())).collect();
    let props = (!props.is_empty()).then(|| Map::from_entries(&mut vm.heap, &props));
    Ok(Gene::new(&mut vm.heap, head, props, children).value())
}

/// Reads a key of an object.
struct Key<'r, 'v> {
    reader: &'r Reader<'v>,
    position: usize,
}

impl<'de> DeserializeSeed<'de> for Key<'_, '_> {
    type Value = Symbol;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Symbol, D::Error> {
        json.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key<'_, '_> {
    type Value = Symbol;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, text: &str) -> Result<Symbol, E> {
        Ok(self.reader.key(text, self.position))
    }
}

//! Selector values (7.5, 7.6).
//!
//! What a selector carries while it is applied lies on the stack of roots:
//! callables may collect garbage. A segment appends what it makes and then
//! drops what it was made from.
#![forbid(unsafe_code)]

use gene_isa::Symbol;

use super::error::{Throw, is_hidden};
use super::{Args, ClassName, Vm};
use crate::heap::{Gc, Marker};
use crate::object::foreign::{Portable, foreign};
use crate::object::iterator::Iter;
use crate::object::record::as_record;
use crate::object::*;
use crate::value::Value;

/// The data of a selector.
struct Selector {
    segments: Box<[Segment]>,
    /// Display form.
    text: Box<str>,
}

/// One segment.
#[derive(Clone, Copy)]
enum Segment {
    /// A name or Int: a member.
    Member(Value),
    /// `*`
    Elements,
    /// `**`
    Entries,
    /// `@`
    Collect,
    /// `@@`
    CollectMap,
    /// `!`
    Something,
    /// A function or other value that is called.
    Callable(Value),
}

impl Segment {
    /// How to make the same segment out of the counterpart of the value that is
    /// pushed to `values`.
    fn portable(self, values: &mut Vec<Value>) -> fn(Value) -> Segment {
        let (value, kind): (Value, fn(Value) -> Segment) = match self {
            Segment::Member(value) => (value, Segment::Member),
            Segment::Callable(value) => (value, Segment::Callable),
            Segment::Elements => (Value::NIL, |_| Segment::Elements),
            Segment::Entries => (Value::NIL, |_| Segment::Entries),
            Segment::Collect => (Value::NIL, |_| Segment::Collect),
            Segment::CollectMap => (Value::NIL, |_| Segment::CollectMap),
            Segment::Something => (Value::NIL, |_| Segment::Something),
        };
        values.push(value);
        kind
    }
}

impl ForeignData for Selector {
    fn class(&self) -> &'static str {
        "Selector"
    }
    fn type_name(&self) -> &'static str {
        "VkSelector"
    }
    fn display(&self) -> Option<String> {
        Some(self.text.to_string())
    }
    fn is_constant(&self) -> bool {
        self.segments.iter().all(|s| !matches!(s, Segment::Callable(_)))
    }
    fn portable(&self, values: &mut Vec<Value>) -> Option<Portable> {
        let text = self.text.clone();
        let kinds: Vec<fn(Value) -> Segment> =
            self.segments.iter().map(|segment| segment.portable(values)).collect();
        Some(Box::new(move |values| {
            let segments = kinds.iter().zip(values).map(|(kind, value)| kind(*value)).collect();
            Box::new(Selector { segments, text })
        }))
    }
    fn trace(&self, marker: &mut Marker) {
        for segment in &self.segments {
            if let Segment::Member(value) | Segment::Callable(value) = segment {
                marker.value(*value);
            }
        }
    }
}

/// Makes selectors callable.
pub(super) fn install(vm: &mut Vm) {
    vm.method(ClassName::Selector, &["call"], 1, 2, call);
}

/// A selector of evaluated segments.
pub(super) fn new(vm: &mut Vm, segments: &[Value]) -> Result<Value, Throw> {
    let mut parts = Vec::with_capacity(segments.len());
    for value in segments {
        let Some(segment) = segment(vm, *value) else {
            return Err(vm.type_error("Invalid selector segment"));
        };
        parts.push(segment);
    }
    let texts: Vec<String> = segments.iter().map(|s| vm.display(*s)).collect();
    let text = format!("@({})", texts.join("/")).into();
    let selector = Selector { segments: parts.into(), text };
    Ok(Foreign::new(&mut vm.heap, selector).value())
}

fn segment(vm: &Vm, value: Value) -> Option<Segment> {
    if let Some(name) = value.as_symbol() {
        return Some(match name.as_str() {
            "*" => Segment::Elements,
            "**" => Segment::Entries,
            "@" => Segment::Collect,
            "@@" => Segment::CollectMap,
            "!" => Segment::Something,
            _ => Segment::Member(value),
        });
    }
    if misc::int_of(value).is_some() {
        return Some(Segment::Member(value));
    }
    match vm.name_of(value) {
        Some(name) => Some(Segment::Member(Value::symbol(name))),
        None => vm.is_callable(value).then_some(Segment::Callable(value)),
    }
}

/// A selector of literal segments, in quoted data.
pub(super) fn constant(vm: &mut Vm, segments: &[Symbol]) -> Value {
    let mut values = Vec::with_capacity(segments.len());
    for segment in segments {
        values.push(match segment.as_str().parse::<i64>() {
            Ok(index) => BoxedInt::int(&mut vm.heap, index),
            Err(_) => Value::symbol(*segment),
        });
    }
    // Names and Ints are segments, so this cannot fail.
    new(vm, &values).unwrap_or(Value::NIL)
}

/// `(selector value default)`
fn call(vm: &mut Vm, args: Args) -> Result<Value, Throw> {
    let Some(count) = foreign::<Selector>(args.this()).map(|s| s.segments.len()) else {
        return Err(vm.type_error("call needs a selector as its receiver"));
    };
    let mark = vm.root_mark();
    vm.root(args.get(0));
    let mut state = State { shape: Shape::Single, start: mark };
    let mut result = Ok(());
    for index in 0..count {
        // The receiver is a root: the data stays where it is.
        let segment = foreign::<Selector>(args.this()).map(|s| s.segments[index]);
        let Some(segment) = segment else { break };
        result = state.step(vm, segment);
        if result.is_err() {
            break;
        }
    }
    let value = result.map(|()| state.finish(vm, args.opt(1)));
    vm.unroot(mark);
    value
}

/// What a selector carries.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Single,
    Values,
    /// Keys and values in turn.
    Entries,
}

/// The values carried: the roots from `start`.
struct State {
    shape: Shape,
    start: usize,
}

impl State {
    fn step(&mut self, vm: &mut Vm, segment: Segment) -> Result<(), Throw> {
        let end = vm.roots.len();
        // Distance between the values, and where the first one is.
        let (first, stride) = match self.shape {
            Shape::Entries => (self.start + 1, 2),
            _ => (self.start, 1),
        };
        let values = (first..end).step_by(stride);
        match segment {
            Segment::Member(name) => {
                for at in values {
                    let value = vm.roots[at];
                    let found = vm.get_index_slow(value, name)?;
                    self.push(vm, at, found);
                }
            }
            Segment::Callable(callee) => {
                for at in values {
                    self.call(vm, callee, at)?;
                }
            }
            Segment::Elements => {
                for at in values {
                    each(vm, vm.roots[at], false)?;
                }
                self.shape = Shape::Values;
            }
            Segment::Entries => {
                for at in values {
                    each(vm, vm.roots[at], true)?;
                }
                self.shape = Shape::Entries;
            }
            Segment::Collect => {
                let array = match self.shape {
                    Shape::Single if vm.roots[self.start].is_void() => {
                        Array::new(&mut vm.heap, &[]).value()
                    }
                    _ => self.array(vm),
                };
                vm.roots.push(array);
                self.shape = Shape::Single;
            }
            Segment::CollectMap => {
                if self.shape != Shape::Entries {
                    return Err(vm.type_error("@@ requires an entry stream"));
                }
                let map = Map::new(&mut vm.heap, (end - self.start) / 2).value();
                for at in (self.start..end).step_by(2) {
                    let (key, value) = (vm.roots[at], vm.roots[at + 1]);
                    let key = match vm.name_of(key) {
                        Some(key) => key,
                        None => Symbol::intern(&vm.display(key)),
                    };
                    if let Some(map) = as_record(map) {
                        map.set(&mut vm.heap, key, value);
                    }
                }
                vm.roots.push(map);
                self.shape = Shape::Single;
            }
            Segment::Something => return self.check(vm),
        }
        vm.roots.drain(self.start..end);
        Ok(())
    }

    /// Takes over a new value for the one at `at`: with its key in an entry
    /// stream; not at all into a stream if it is void.
    fn push(&self, vm: &mut Vm, at: usize, value: Value) {
        match self.shape {
            Shape::Single => vm.roots.push(value),
            _ if value.is_void() => {}
            Shape::Values => vm.roots.push(value),
            Shape::Entries => {
                let key = vm.roots[at - 1];
                vm.roots.extend([key, value]);
            }
        }
    }

    fn call(&self, vm: &mut Vm, callee: Value, at: usize) -> Result<(), Throw> {
        let value = vm.roots[at];
        if self.shape != Shape::Entries {
            let made = match value.is_void() {
                true => value,
                false => vm.call(callee, &[value])?,
            };
            self.push(vm, at, made);
            return Ok(());
        }
        let made = vm.call(callee, &[vm.roots[at - 1], value])?;
        match Gc::<Array>::from_value(made).filter(|pair| pair.len() == 2) {
            Some(pair) => {
                let pair = pair.to_vec();
                if !pair[1].is_void() {
                    vm.roots.extend(pair);
                }
            }
            None => self.push(vm, at, made),
        }
        Ok(())
    }

    /// `!`
    fn check(&self, vm: &mut Vm) -> Result<(), Throw> {
        let carried = &vm.roots[self.start..];
        let (first, stride) = if self.shape == Shape::Entries { (1, 2) } else { (0, 1) };
        let mut values = carried.iter().skip(first).step_by(stride).copied();
        if carried.is_empty() {
            let message = "Selector did not match (empty)";
            return Err(vm.error(ClassName::RuntimeException, "GENE.SELECTOR.NO_MATCH", message));
        }
        match values.find(|v| v.is_nil() || v.is_void()) {
            Some(value) => Err(vm.not_found_error(value)),
            None => Ok(()),
        }
    }

    /// An array of the values, or of the pairs.
    fn array(&self, vm: &mut Vm) -> Value {
        let carried = vm.roots[self.start..].to_vec();
        if self.shape != Shape::Entries {
            return Array::new(&mut vm.heap, &carried).value();
        }
        let pairs = carried.chunks_exact(2);
        let pairs: Vec<Value> = pairs.map(|pair| Array::new(&mut vm.heap, pair).value()).collect();
        Array::new(&mut vm.heap, &pairs).value()
    }

    fn finish(&self, vm: &mut Vm, default: Option<Value>) -> Value {
        let carried = &vm.roots[self.start..];
        let (nothing, single) = match self.shape {
            Shape::Single => (carried.first().is_none_or(|v| v.is_void()), carried.first()),
            _ => (carried.is_empty(), None),
        };
        match (default, single) {
            (Some(default), _) if nothing => default,
            (_, Some(value)) => *value,
            _ => self.array(vm),
        }
    }
}

/// Appends the elements of a value, or its entries, to the roots.
fn each(vm: &mut Vm, source: Value, entries: bool) -> Result<(), Throw> {
    let Some(kind) = kind_of(source) else { return Ok(()) };
    let members = |record: Option<&Record>| {
        let all = record.map(|r| r.entries()).unwrap_or_default().into_iter();
        all.filter(|(k, _)| !is_hidden(*k)).map(|(k, v)| (Value::symbol(k), v)).collect::<Vec<_>>()
    };
    let found = match kind {
        Kind::Array | Kind::Range => builtin(vm, source),
        Kind::HashObject => {
            let set = Gc::<HashObject>::from_value(source).is_some_and(|t| t.is_set());
            match set {
                true => builtin(vm, source),
                false => Gc::<HashObject>::from_value(source)
                    .map(|t| t.entries().into_iter().collect())
                    .unwrap_or_default(),
            }
        }
        Kind::Map => members(as_record(source)),
        Kind::Gene => match Gc::<Gene>::from_value(source) {
            Some(gene) if entries => members(gene.props().as_deref().map(|p| &**p)),
            Some(gene) => gene.children.to_vec().into_iter().map(|v| (Value::NIL, v)).collect(),
            None => Vec::new(),
        },
        Kind::Instance if entries => members(as_record(source)),
        Kind::Namespace if entries => {
            members(Gc::<Namespace>::from_value(source).as_deref().map(|n| &**n.members))
        }
        Kind::Module if entries => {
            members(Gc::<Module>::from_value(source).as_deref().map(|m| &**m.namespace.members))
        }
        Kind::Class if entries => {
            members(Gc::<Class>::from_value(source).as_deref().map(|c| &**c.members))
        }
        Kind::Instance | Kind::Foreign | Kind::Coroutine => {
            return iterate(vm, source, entries);
        }
        _ => Vec::new(),
    };
    for (key, value) in found {
        append(vm, entries, key, value);
    }
    Ok(())
}

fn append(vm: &mut Vm, entries: bool, key: Value, value: Value) {
    if value.is_void() {
        return;
    }
    if entries {
        vm.roots.push(key);
    }
    vm.roots.push(value);
}

/// Positions and elements of a built-in collection.
fn builtin(vm: &mut Vm, source: Value) -> Vec<(Value, Value)> {
    let Some(iter) = Iter::new(&mut vm.heap, source) else { return Vec::new() };
    std::iter::from_fn(|| iter.next(&mut vm.heap)).collect()
}

/// Appends what an iterator gives; nothing if the value has none.
fn iterate(vm: &mut Vm, source: Value, entries: bool) -> Result<(), Throw> {
    let mark = vm.root_mark();
    let iterator = match kind_of(source) {
        Some(Kind::Coroutine) => source,
        _ => match vm.class_of(source).find_method(vm.names.iter) {
            Some(method) => vm.call_method_value(method, source, &[])?,
            None => return Ok(()),
        },
    };
    vm.root(iterator);
    let class = vm.class_of(iterator);
    let pair = class.find_method(vm.names.next_pair).filter(|_| entries);
    let name = if pair.is_some() { vm.names.next_pair } else { vm.names.next };
    for index in 0.. {
        let next = vm.call_method(iterator, name, &[])?;
        if next == Value::NOT_FOUND {
            break;
        }
        match Gc::<Array>::from_value(next).filter(|p| pair.is_some() && p.len() == 2) {
            Some(parts) => {
                let parts = parts.to_vec();
                append(vm, entries, parts[0], parts[1]);
            }
            None if pair.is_some() => {
                let message = "an iteration with two names needs arrays of two elements";
                return Err(vm.type_error(message));
            }
            None => append(vm, entries, Value::small_int(index), next),
        }
    }
    vm.roots.remove(mark);
    Ok(())
}

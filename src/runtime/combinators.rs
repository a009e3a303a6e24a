//! Many futures at once (8.9).

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use gene_isa::Symbol;

use super::Runtime;
use crate::heap::{Gc, Marker};
use crate::object::coroutine::flag;
use crate::object::foreign::{Foreign, ForeignData, foreign};
use crate::object::future::{Origin, Reacts, State};
use crate::object::record::as_record;
use crate::object::{Array, Future, Iter, Map, Reaction};
use crate::value::Value;
use crate::vm::{Args, ClassName, Request, Throw, Vm};

type Outcome = Result<Value, Throw>;

/// What a future is settled with.
type Settlement = (Gc<Future>, State, Value);

pub(super) fn install(vm: &mut Vm) {
    vm.define_fn_in("gene/all", 1, 1, |vm, args| combine(vm, args, Reacts::All));
    vm.define_fn_in("gene/any", 1, 1, |vm, args| combine(vm, args, Reacts::Any));
    vm.define_fn_in("gene/race", 1, 1, |vm, args| combine(vm, args, Reacts::Race));
    vm.define_fn_in("gene/all_settled", 1, 1, |vm, args| combine(vm, args, Reacts::AllSettled));
    vm.define_fn_in("gene/as_completed", 1, 1, as_completed);
    vm.define("$await_all", 0, 1, await_all);
}

/// The elements of an array or any other iterable.
fn inputs(vm: &mut Vm, source: Value) -> Result<Vec<Value>, Throw> {
    if let Some(array) = Gc::<Array>::from_value(source) {
        return Ok(array.to_vec());
    }
    if source.is_nil() {
        return Ok(Vec::new());
    }
    if let Some(iter) = Iter::new(&mut vm.heap, source) {
        return Ok(std::iter::from_fn(|| iter.next(&mut vm.heap)).map(|(_, v)| v).collect());
    }
    let mark = vm.root_mark();
    let result = all_of(vm, source);
    vm.unroot(mark);
    result
}

/// The elements of an iterator or of what has one; they are roots.
fn all_of(vm: &mut Vm, source: Value) -> Result<Vec<Value>, Throw> {
    let iterator = iterator(vm, source)?;
    vm.root(iterator);
    let mut values = Vec::new();
    loop {
        let next = vm.call_method(iterator, vm.names.next, &[])?;
        if next == Value::NOT_FOUND {
            return Ok(values);
        }
        values.push(vm.root(next));
    }
}

/// An object with a method `next` for a source that a program defines.
pub(super) fn iterator(vm: &mut Vm, source: Value) -> Outcome {
    let class = vm.class_of(source);
    if class.find_method(vm.names.iter).is_some() {
        return vm.call_method(source, vm.names.iter, &[]);
    }
    if class.find_method(vm.names.next).is_some() {
        return Ok(source);
    }
    let name = vm.type_name(source);
    Err(vm.type_error(format!("{name} is not iterable")))
}

fn combine(vm: &mut Vm, args: Args, reacts: Reacts) -> Outcome {
    let values = inputs(vm, args.get(0))?;
    let runtime = Runtime::of(vm)?;
    if values.is_empty() && reacts == Reacts::Race {
        return Err(vm.arg_error("gene/race needs at least one future"));
    }
    let result = Future::new(&mut vm.heap, Origin::Combinator, Value::NIL);
    let slots = vec![Value::NIL; values.len()];
    let slots = Array::new(&mut vm.heap, &slots).value();
    let count = values.len() as u32;
    let group = Reaction::new(&mut vm.heap, reacts, result.value(), slots, count);
    // Those that are settled already come first, in the order of the inputs.
    for (place, value) in values.iter().enumerate() {
        let (state, value) = match Gc::<Future>::from_value(*value) {
            Some(future) => {
                runtime.observe_failure(future);
                (future.state(), future.value_inside())
            }
            None => (State::Success, *value),
        };
        if state != State::Pending
            && let Some((future, state, value)) = settle_input(vm, group, place, state, value)
        {
            runtime.settle(vm, future, state, value);
        }
    }
    if count == 0
        && let Some((future, state, value)) = decided(vm, group)
    {
        runtime.settle(vm, future, state, value);
    }
    for (place, value) in values.iter().enumerate() {
        if result.is_pending()
            && let Some(future) = Gc::<Future>::from_value(*value).filter(|f| f.is_pending())
        {
            let input =
                Reaction::new(&mut vm.heap, Reacts::Input, group.value(), Value::NIL, place as u32);
            future.add_waiter(&mut vm.heap, input.value());
        }
    }
    Ok(result.value())
}

/// An input is settled: what that decides, if anything.
fn settle_input(
    vm: &mut Vm,
    group: Gc<Reaction>,
    place: usize,
    state: State,
    value: Value,
) -> Option<Settlement> {
    let result = Gc::<Future>::from_value(group.a.get())?;
    let slots = Gc::<Array>::from_value(group.b.get())?;
    let succeeded = state == State::Success;
    match group.reacts() {
        Reacts::All if !succeeded => return Some((result, State::Failure, value)),
        Reacts::Any if succeeded => return Some((result, State::Success, value)),
        Reacts::Race => {
            let state = if succeeded { state } else { State::Failure };
            return Some((result, state, value));
        }
        Reacts::AllSettled => {
            let entry = Map::new(&mut vm.heap, 2);
            let name = Value::symbol(Symbol::intern(state.name()));
            entry.set(&mut vm.heap, "state".into(), name);
            let key = if succeeded { "value" } else { "error" };
            entry.set(&mut vm.heap, key.into(), value);
            slots.set(&mut vm.heap, place, entry.value());
        }
        _ => {
            slots.set(&mut vm.heap, place, value);
        }
    }
    match group.count_down() {
        0 => decided(vm, group),
        _ => None,
    }
}

/// The outcome of a combinator all of whose inputs are settled.
fn decided(vm: &mut Vm, group: Gc<Reaction>) -> Option<Settlement> {
    let result = Gc::<Future>::from_value(group.a.get())?;
    if group.reacts() != Reacts::Any {
        return Some((result, State::Success, group.b.get()));
    }
    let class = ClassName::ConcurrencyException;
    let message = "GENE.ASYNC.ALL_FAILED: no future succeeded";
    let exception = vm.error(class, "GENE.ASYNC.ALL_FAILED", message).0;
    if let Some(record) = as_record(exception) {
        record.set(&mut vm.heap, "errors".into(), group.b.get());
    }
    Some((result, State::Failure, exception))
}

impl Runtime {
    /// An input of a combinator is settled: what that decides, if anything.
    pub fn input_settled(
        &self,
        vm: &mut Vm,
        future: Gc<Future>,
        input: Gc<Reaction>,
    ) -> Option<Settlement> {
        let group = Gc::<Reaction>::from_value(input.a.get())?;
        if !Gc::<Future>::from_value(group.a.get())?.is_pending() {
            return None;
        }
        let (state, value) = (future.state(), future.value_inside());
        settle_input(vm, group, input.count() as usize, state, value)
    }
}

/// `($await_all)`, `($await_all fs)`: suspends a task that calls it, which then
/// calls it again; drives the loop elsewhere.
fn await_all(vm: &mut Vm, args: Args) -> Outcome {
    let runtime = Runtime::of(vm)?;
    let task = vm.running_task();
    let flags = task.map_or(0, |t| t.flags.get());
    if let Some(task) = task {
        task.flags.set(flags & !flag::WOKEN);
    }
    let Some(source) = args.opt(0) else {
        return match flags & flag::WOKEN {
            0 => await_idle(vm, &runtime, task.is_some()),
            _ => Ok(Value::NIL),
        };
    };
    let values = inputs(vm, source)?;
    let pending = |v: &Value| Gc::<Future>::from_value(*v).is_some_and(|f| f.is_pending());
    let waits = values.iter().any(pending);
    if waits && task.is_some() && Gc::<Array>::from_value(source).is_some() {
        return vm.request(Request::Again { operands: values });
    }
    // The values are roots: programs may change the array meanwhile.
    let all = Array::new(&mut vm.heap, &values).value();
    vm.await_now(all)
}

fn await_idle(vm: &mut Vm, runtime: &Rc<Runtime>, in_task: bool) -> Outcome {
    if in_task {
        if !runtime.is_outstanding(vm) {
            return Ok(Value::NIL);
        }
        let idle = Future::new(&mut vm.heap, Origin::Hand, Value::NIL);
        runtime.idlers.borrow_mut().push(idle);
        return vm.request(Request::Again { operands: vec![idle.value()] });
    }
    let inner = runtime.clone();
    runtime.drive_until(vm, &mut |vm| Ok(!inner.is_outstanding(vm)))?;
    Ok(Value::NIL)
}

// ---- gene/as_completed -----------------------------------------------------

const STREAM: &str = "CompletionStream";

/// Futures in the order in which they are settled.
struct Stream {
    /// Settled ones that nobody has taken.
    settled: RefCell<VecDeque<Gc<Future>>>,
    /// Those who wait for the next one.
    receivers: RefCell<VecDeque<Gc<Future>>>,
    pending: Cell<usize>,
}

impl ForeignData for Stream {
    fn class(&self) -> &'static str {
        STREAM
    }
    fn trace(&self, marker: &mut Marker) {
        for future in self.settled.borrow().iter().chain(self.receivers.borrow().iter()) {
            marker.object(*future);
        }
    }
}

fn as_completed(vm: &mut Vm, args: Args) -> Outcome {
    let values = inputs(vm, args.get(0))?;
    let runtime = Runtime::of(vm)?;
    let (mut settled, mut pending) = (VecDeque::new(), Vec::new());
    for value in values {
        match Gc::<Future>::from_value(value) {
            Some(future) => {
                runtime.observe_failure(future);
                match future.is_pending() {
                    true => pending.push(future),
                    false => settled.push_back(future),
                }
            }
            None => settled.push_back(Future::done(&mut vm.heap, value)),
        }
    }
    let stream = Stream {
        settled: RefCell::new(settled),
        receivers: RefCell::default(),
        pending: Cell::new(pending.len()),
    };
    let stream = Foreign::new(&mut vm.heap, stream).value();
    for future in pending {
        let input = Reaction::new(&mut vm.heap, Reacts::Stream, stream, future.value(), 0);
        future.add_waiter(&mut vm.heap, input.value());
    }
    Ok(stream)
}

/// Whether somebody waits for the next item of a stream.
pub(super) fn stream_is_wanted(stream: Value) -> bool {
    foreign::<Stream>(stream).is_some_and(|s| !s.receivers.borrow().is_empty())
}

impl Runtime {
    /// The next item of a stream: a future, or `not_found`. `None` if the
    /// value is no stream.
    pub fn stream_next(&self, vm: &mut Vm, value: Value) -> Option<Value> {
        let stream = foreign::<Stream>(value)?;
        if let Some(future) = stream.settled.borrow_mut().pop_front() {
            return Some(future.value());
        }
        if stream.pending.get() == 0 {
            return Some(Value::NOT_FOUND);
        }
        let next = Future::new(&mut vm.heap, Origin::Combinator, Value::NIL);
        stream.receivers.borrow_mut().push_back(next);
        if let Some(object) = Gc::<Foreign>::from_value(value) {
            vm.heap.barrier(object);
        }
        Some(next.value())
    }

    /// Whether a value is a stream of completions.
    pub fn is_stream(&self, value: Value) -> bool {
        foreign::<Stream>(value).is_some()
    }

    /// An input of a stream is settled: who gets it, if somebody waits.
    pub fn stream_settled(
        &self,
        vm: &mut Vm,
        future: Gc<Future>,
        input: Gc<Reaction>,
    ) -> Option<Settlement> {
        let handle = input.a.get();
        let stream = foreign::<Stream>(handle)?;
        let left = stream.pending.get().saturating_sub(1);
        stream.pending.set(left);
        let mut receivers = stream.receivers.borrow_mut();
        while let Some(next) = receivers.pop_front() {
            if !next.is_pending() {
                continue;
            }
            let rest = if left == 0 { std::mem::take(&mut *receivers) } else { VecDeque::new() };
            drop(receivers);
            for other in rest {
                self.settle(vm, other, State::Success, Value::NOT_FOUND);
            }
            return Some((next, future.state(), future.value_inside()));
        }
        stream.settled.borrow_mut().push_back(future);
        if let Some(object) = Gc::<Foreign>::from_value(handle) {
            vm.heap.barrier(object);
        }
        None
    }
}

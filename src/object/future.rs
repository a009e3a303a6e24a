//! Futures: boxes that are filled once, and those who wait for that.
//!
//! A future is four words. Most have no waiter or one, so the list of waiters
//! is a value: nil, the waiter, or an array of them. Waiters are tasks
//! ([`Coroutine`](super::Coroutine)), futures that follow, and [`Reaction`]s.

use std::cell::Cell;

use super::{Array, Kind, Trace};
use crate::heap::{Gc, Header, Heap, Marker};
use crate::value::Value;

/// What became of a future.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum State {
    /// Not settled.
    Pending,
    /// Settled with a result.
    Success,
    /// Settled with an exception.
    Failure,
    /// Settled by `.cancel`, with a `CancellationException`.
    Cancelled,
}

impl State {
    /// The name that programs see.
    pub fn name(self) -> &'static str {
        match self {
            State::Pending => "pending",
            State::Success => "success",
            State::Failure => "failure",
            State::Cancelled => "cancelled",
        }
    }
}

/// What is going to settle a pending future.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Origin {
    /// The program.
    Hand,
    /// A task; the source is its coroutine.
    Task,
    /// Another future, the source.
    Follow,
    /// A timer.
    Timer,
    /// An I/O operation.
    Io,
    /// A channel operation; the source is the channel.
    Channel,
    /// A combinator.
    Combinator,
    /// The end of a task scope, the source.
    Scope,
    /// The reply of an actor.
    Reply,
    /// `gene/defer`; the source is the reaction that begins it.
    Deferred,
    /// `gene/wait_until`; the source is the condition.
    Watch,
}

impl Origin {
    fn from_u8(number: u8) -> Origin {
        use Origin::*;
        let all =
            [Hand, Task, Follow, Timer, Io, Channel, Combinator, Scope, Reply, Deferred, Watch];
        all.get(number as usize).copied().unwrap_or(Hand)
    }

    /// Whether cancelling the only one who waits cancels the operation (8.10).
    pub fn is_primitive(self) -> bool {
        matches!(self, Origin::Timer | Origin::Io | Origin::Channel | Origin::Watch)
    }
}

/// Bit of `extra`: somebody looked at the failure, or will.
const OBSERVED: u32 = 1 << 8;
/// Bit of `extra`: the failure is on the list of those nobody looked at; the
/// source is its number there.
const LISTED: u32 = 1 << 9;

/// A future. `header.small` is the state, `header.extra` origin and bits.
#[repr(C)]
pub struct Future {
    header: Header,
    value: Cell<Value>,
    source: Cell<Value>,
    waiters: Cell<Value>,
}

impl Future {
    /// A pending future.
    #[inline]
    pub fn new(heap: &mut Heap, origin: Origin, source: Value) -> Gc<Future> {
        let header = Header::with(Kind::Future as u8, 0, origin as u32);
        heap.alloc(
            Future {
                header,
                value: Cell::new(Value::NIL),
                source: Cell::new(source),
                waiters: Cell::new(Value::NIL),
            },
            0,
        )
    }

    /// A future that has succeeded.
    pub fn done(heap: &mut Heap, value: Value) -> Gc<Future> {
        let future = Future::new(heap, Origin::Hand, Value::NIL);
        future.fill(heap, State::Success, value);
        future
    }

    /// What became of it.
    #[inline(always)]
    pub fn state(&self) -> State {
        match self.header.small.get() {
            0 => State::Pending,
            1 => State::Success,
            2 => State::Failure,
            _ => State::Cancelled,
        }
    }

    /// Whether it is not settled.
    #[inline(always)]
    pub fn is_pending(&self) -> bool {
        self.header.small.get() == 0
    }

    /// The result or exception; nil while pending.
    #[inline(always)]
    pub fn value_inside(&self) -> Value {
        self.value.get()
    }

    /// What is going to settle it.
    pub fn origin(&self) -> Origin {
        Origin::from_u8(self.header.extra.get() as u8)
    }

    /// What that refers to.
    pub fn source(&self) -> Value {
        self.source.get()
    }

    /// Whether there is anybody to tell.
    #[inline(always)]
    pub fn has_waiters(&self) -> bool {
        !self.waiters.get().is_nil()
    }

    /// The only waiter, if there is exactly one.
    pub fn single_waiter(&self) -> Option<Value> {
        let present = self.waiters.get();
        let single = !present.is_nil() && Gc::<Array>::from_value(present).is_none();
        single.then_some(present)
    }

    /// Whether a failure counts as observed.
    pub fn is_observed(&self) -> bool {
        self.header.extra.get() & OBSERVED != 0
    }

    /// Notes that somebody looks at a failure; the number under which it is
    /// listed, if it is.
    pub fn observe(&self) -> Option<i64> {
        let extra = self.header.extra.get();
        self.header.extra.set((extra | OBSERVED) & !LISTED);
        (extra & LISTED != 0).then(|| self.source.get().as_small_int()).flatten()
    }

    /// Notes the number under which an unobserved failure is listed.
    pub fn set_listed(&self, number: i64) {
        self.header.extra.set(self.header.extra.get() | LISTED);
        self.source.set(Value::small_int(number));
    }
}

impl Gc<Future> {
    /// Settles it without telling anybody.
    #[inline]
    pub fn fill(self, heap: &mut Heap, state: State, value: Value) {
        self.header().small.set(state as u8);
        self.header().extra.set(self.header().extra.get() & OBSERVED);
        self.value.set(value);
        self.source.set(Value::NIL);
        heap.barrier(self);
    }

    /// Sets what is going to settle it.
    pub fn set_origin(self, heap: &mut Heap, origin: Origin, source: Value) {
        let bits = self.header().extra.get() & !0xFF;
        self.header().extra.set(bits | origin as u32);
        self.source.set(source);
        heap.barrier(self);
    }

    /// Adds somebody who waits.
    #[inline]
    pub fn add_waiter(self, heap: &mut Heap, waiter: Value) {
        let present = self.waiters.get();
        if present.is_nil() {
            self.waiters.set(waiter);
            heap.barrier(self);
        } else if let Some(list) = Gc::<Array>::from_value(present) {
            list.push(heap, waiter);
        } else {
            let list = Array::new(heap, &[present, waiter]);
            self.waiters.set(list.value());
            heap.barrier(self);
        }
    }

    /// Removes somebody who no longer waits.
    pub fn remove_waiter(self, waiter: Value) {
        let present = self.waiters.get();
        if present == waiter {
            self.waiters.set(Value::NIL);
        } else if let Some(list) = Gc::<Array>::from_value(present) {
            if let Some(at) = list.elements().iter().position(|w| *w == waiter) {
                list.remove(at);
            }
            if list.is_empty() {
                self.waiters.set(Value::NIL);
            }
        }
    }

    /// Those who wait, in order of registration.
    pub fn waiters(self) -> Vec<Value> {
        let present = self.waiters.get();
        match Gc::<Array>::from_value(present) {
            Some(list) => list.to_vec(),
            None if present.is_nil() => Vec::new(),
            None => vec![present],
        }
    }

    /// Takes the only waiter, if there is exactly one.
    #[inline]
    pub fn take_single(self) -> Option<Value> {
        let single = self.single_waiter();
        if single.is_some() {
            self.waiters.set(Value::NIL);
        }
        single
    }

    /// Takes all waiters.
    pub fn take_waiters(self) -> Vec<Value> {
        let waiters = self.waiters();
        self.waiters.set(Value::NIL);
        waiters
    }
}

impl Trace for Future {
    fn trace(&self, marker: &mut Marker) {
        marker.value(self.value.get());
        marker.value(self.source.get());
        marker.value(self.waiters.get());
    }
    fn bytes(&self) -> usize {
        size_of::<Future>()
    }
}

/// What a waiter that is not a task or future does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Reacts {
    /// Calls the function `a` with the result.
    OnSuccess,
    /// Calls the function `a` with the exception.
    OnFailure,
    /// An `await` of several futures, or in synchronous code, or with a
    /// timeout: `a` is the task or nil, `b` the array of operands, the count
    /// how many are pending.
    Join,
    /// An input of the combinator `a` (a `Reaction` too); the count is its
    /// place among the inputs.
    Input,
    /// A combinator: `a` is the future of the result, `b` an array; the count
    /// is how many inputs are pending.
    All,
    /// The same.
    Any,
    /// The same.
    Race,
    /// The same.
    AllSettled,
    /// An input, `b`, of the stream `a`.
    Stream,
    /// `gene/defer`: `a` is an array of function and task scope, `b` the future.
    Defer,
}

/// Bit of `flags`: the reaction has done what it was for.
const SPENT: u8 = 16;
/// Bit of `flags`: there is a timer.
const TIMED: u8 = 32;

/// A waiter that is not a task or future.
#[repr(C)]
pub struct Reaction {
    header: Header,
    /// See [`Reacts`].
    pub a: Cell<Value>,
    /// See [`Reacts`].
    pub b: Cell<Value>,
}

impl Reaction {
    /// A reaction.
    pub fn new(heap: &mut Heap, reacts: Reacts, a: Value, b: Value, count: u32) -> Gc<Reaction> {
        let header = Header::with(Kind::Reaction as u8, 0, count);
        header.small.set(reacts as u8);
        heap.alloc(Reaction { header, a: Cell::new(a), b: Cell::new(b) }, 0)
    }

    /// What it does.
    pub fn reacts(&self) -> Reacts {
        use Reacts::*;
        let all = [OnSuccess, OnFailure, Join, Input, All, Any, Race, AllSettled, Stream, Defer];
        all.get(self.header.small.get() as usize).copied().unwrap_or(Join)
    }

    /// A number, see [`Reacts`].
    pub fn count(&self) -> u32 {
        self.header.extra.get()
    }

    /// Counts down; what is left.
    pub fn count_down(&self) -> u32 {
        let left = self.count().saturating_sub(1);
        self.header.extra.set(left);
        left
    }

    /// Whether it has done what it was for.
    pub fn is_spent(&self) -> bool {
        self.header.has(SPENT)
    }

    /// It has done what it was for.
    pub fn spend(&self) {
        self.header.set_flag(SPENT);
    }

    /// Whether a timer refers to it.
    pub fn is_timed(&self) -> bool {
        self.header.has(TIMED)
    }

    /// A timer refers to it.
    pub fn set_timed(&self) {
        self.header.set_flag(TIMED);
    }

    /// The timer is gone.
    pub fn clear_timed(&self) {
        self.header.clear_flag(TIMED);
    }
}

impl Trace for Reaction {
    fn trace(&self, marker: &mut Marker) {
        marker.value(self.a.get());
        marker.value(self.b.get());
    }
    fn bytes(&self) -> usize {
        size_of::<Reaction>()
    }
}

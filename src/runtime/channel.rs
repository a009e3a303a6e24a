//! Channels (8.13).

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

use super::Runtime;
use crate::heap::{Gc, Marker};
use crate::object::Future;
use crate::object::foreign::{Foreign, ForeignData, foreign};
use crate::object::future::{Origin, State};
use crate::object::misc::int_of;
use crate::value::Value;
use crate::vm::{Args, ClassName, NativeFn, Throw, Vm};

type Outcome = Result<Value, Throw>;

const CLASS: &str = "Channel";

pub(super) fn install(vm: &mut Vm) {
    let class = vm.make_class(CLASS, ClassName::Object);
    let ctor = vm.native("new", 0, 1, construct);
    class.ctor.set(ctor);
    vm.heap.barrier(class);
    let methods: [(&str, u16, NativeFn); 8] = [
        ("send", 1, send),
        ("recv", 0, recv),
        ("try_send", 1, try_send),
        ("try_recv", 0, try_recv),
        ("close", 0, close),
        ("closed?", 0, |vm, args| Ok(Value::bool(this(vm, args)?.closed.get()))),
        ("size", 0, |vm, args| {
            let size = this(vm, args)?.buffer.borrow().len();
            Ok(Value::small_int(size as i64))
        }),
        ("capacity", 0, |vm, args| Ok(Value::small_int(this(vm, args)?.capacity as i64))),
    ];
    for (name, count, function) in methods {
        let native = vm.native(name, count, count, function);
        class.add_method(&mut vm.heap, name.into(), native);
    }
}

/// A channel. There are waiting senders only while the buffer is full, and
/// waiting receivers only while it is empty. Those whose future has been
/// settled by somebody else have been withdrawn and are passed over.
struct Channel {
    capacity: usize,
    closed: Cell<bool>,
    buffer: RefCell<VecDeque<Value>>,
    senders: RefCell<VecDeque<(Gc<Future>, Value)>>,
    receivers: RefCell<VecDeque<Gc<Future>>>,
}

impl ForeignData for Channel {
    fn class(&self) -> &'static str {
        CLASS
    }
    fn trace(&self, marker: &mut Marker) {
        for value in self.buffer.borrow().iter() {
            marker.value(*value);
        }
        for (future, value) in self.senders.borrow().iter() {
            marker.object(*future);
            marker.value(*value);
        }
        for future in self.receivers.borrow().iter() {
            marker.object(*future);
        }
    }
}

impl Channel {
    /// The receiver that has waited longest.
    fn next_receiver(&self) -> Option<Gc<Future>> {
        let mut receivers = self.receivers.borrow_mut();
        std::iter::from_fn(|| receivers.pop_front()).find(|f| f.is_pending())
    }

    /// The sender that has waited longest.
    fn next_sender(&self) -> Option<(Gc<Future>, Value)> {
        let mut senders = self.senders.borrow_mut();
        std::iter::from_fn(|| senders.pop_front()).find(|(f, _)| f.is_pending())
    }
}

fn construct(vm: &mut Vm, args: Args) -> Outcome {
    let capacity = match args.opt(0) {
        None => Some(0),
        Some(given) => int_of(given).and_then(|n| usize::try_from(n).ok()),
    };
    let Some(capacity) = capacity else {
        return Err(vm.arg_error("the capacity of a channel is an Int, at least 0"));
    };
    let channel = Channel {
        capacity,
        closed: Cell::new(false),
        buffer: RefCell::default(),
        senders: RefCell::default(),
        receivers: RefCell::default(),
    };
    Ok(Foreign::new(&mut vm.heap, channel).value())
}

fn this<'a>(vm: &mut Vm, args: Args) -> Result<&'a Channel, Throw> {
    match foreign::<Channel>(args.this()) {
        Some(channel) => Ok(channel),
        None => Err(vm.type_error("this method is for channels")),
    }
}

fn barrier(vm: &mut Vm, channel: Value) {
    if let Some(object) = Gc::<Foreign>::from_value(channel) {
        vm.heap.barrier(object);
    }
}

fn closed(vm: &mut Vm) -> Throw {
    let code = "GENE.ASYNC.CHANNEL_CLOSED";
    let message = "GENE.ASYNC.CHANNEL_CLOSED: the channel is closed";
    vm.error(ClassName::ConcurrencyException, code, message)
}

fn check_value(vm: &mut Vm, value: Value) -> Result<(), Throw> {
    match value == Value::NOT_FOUND {
        true => Err(vm.arg_error("not_found cannot be sent: it marks the end")),
        false => Ok(()),
    }
}

/// Hands a value over at once, if that is possible.
fn hand_over(vm: &mut Vm, runtime: &Runtime, args: Args, channel: &Channel) -> bool {
    let value = args.get(0);
    if let Some(receiver) = channel.next_receiver() {
        runtime.complete(vm, receiver, value);
        return true;
    }
    if channel.buffer.borrow().len() < channel.capacity {
        channel.buffer.borrow_mut().push_back(value);
        barrier(vm, args.this());
        return true;
    }
    false
}

fn send(vm: &mut Vm, args: Args) -> Outcome {
    let channel = this(vm, args)?;
    check_value(vm, args.get(0))?;
    let runtime = Runtime::of(vm)?;
    if channel.closed.get() {
        let exception = closed(vm).0;
        let future = Future::new(&mut vm.heap, Origin::Hand, Value::NIL);
        runtime.settle(vm, future, State::Failure, exception);
        return Ok(future.value());
    }
    if hand_over(vm, &runtime, args, channel) {
        return Ok(Future::done(&mut vm.heap, Value::NIL).value());
    }
    let future = Future::new(&mut vm.heap, Origin::Channel, args.this());
    channel.senders.borrow_mut().push_back((future, args.get(0)));
    barrier(vm, args.this());
    Ok(future.value())
}

fn try_send(vm: &mut Vm, args: Args) -> Outcome {
    let channel = this(vm, args)?;
    check_value(vm, args.get(0))?;
    if channel.closed.get() {
        return Err(closed(vm));
    }
    let runtime = Runtime::of(vm)?;
    Ok(Value::bool(hand_over(vm, &runtime, args, channel)))
}

/// A value that is there, or the mark of the end.
fn take(vm: &mut Vm, runtime: &Runtime, handle: Value, channel: &Channel) -> Option<Value> {
    let first = channel.buffer.borrow_mut().pop_front();
    if let Some(value) = first {
        if let Some((sender, next)) = channel.next_sender() {
            channel.buffer.borrow_mut().push_back(next);
            barrier(vm, handle);
            runtime.settle(vm, sender, State::Success, Value::NIL);
        }
        return Some(value);
    }
    if let Some((sender, value)) = channel.next_sender() {
        runtime.settle(vm, sender, State::Success, Value::NIL);
        return Some(value);
    }
    channel.closed.get().then_some(Value::NOT_FOUND)
}

/// The next item for `for ^^await`: a value that is there needs no future.
/// `None` if the value is no channel.
pub(super) fn next(runtime: &Runtime, vm: &mut Vm, handle: Value) -> Option<Value> {
    let channel = foreign::<Channel>(handle)?;
    if let Some(value) = take(vm, runtime, handle, channel) {
        return Some(value);
    }
    let future = Future::new(&mut vm.heap, Origin::Channel, handle);
    channel.receivers.borrow_mut().push_back(future);
    barrier(vm, handle);
    Some(future.value())
}

fn recv(vm: &mut Vm, args: Args) -> Outcome {
    this(vm, args)?;
    let runtime = Runtime::of(vm)?;
    let Some(value) = next(&runtime, vm, args.this()) else { return Ok(Value::NIL) };
    if let Some(future) = Gc::<Future>::from_value(value)
        && future.is_pending()
        && future.origin() == Origin::Channel
        && future.source() == args.this()
    {
        return Ok(value);
    }
    let future = Future::new(&mut vm.heap, Origin::Hand, Value::NIL);
    runtime.complete(vm, future, value);
    Ok(future.value())
}

fn try_recv(vm: &mut Vm, args: Args) -> Outcome {
    let channel = this(vm, args)?;
    let runtime = Runtime::of(vm)?;
    Ok(take(vm, &runtime, args.this(), channel).unwrap_or(Value::NOT_FOUND))
}

fn close(vm: &mut Vm, args: Args) -> Outcome {
    let channel = this(vm, args)?;
    if channel.closed.replace(true) {
        return Ok(Value::NIL);
    }
    let runtime = Runtime::of(vm)?;
    while let Some((sender, _)) = channel.next_sender() {
        let exception = closed(vm).0;
        runtime.settle(vm, sender, State::Failure, exception);
    }
    while let Some(receiver) = channel.next_receiver() {
        runtime.settle(vm, receiver, State::Success, Value::NOT_FOUND);
    }
    Ok(Value::NIL)
}

/// Whether a value is a channel.
pub(super) fn is_channel(value: Value) -> bool {
    foreign::<Channel>(value).is_some()
}

/// The future of a channel operation is about to be settled by somebody else:
/// it is taken off the list, lest lists grow where many give up.
pub(super) fn withdrawn(_: &mut Vm, future: Gc<Future>) {
    let Some(channel) = foreign::<Channel>(future.source()) else { return };
    channel.receivers.borrow_mut().retain(|f| *f != future);
    channel.senders.borrow_mut().retain(|(f, _)| *f != future);
}

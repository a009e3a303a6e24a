//! Actors (8.16). The event loop gives them their turns.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

use super::freeze::freeze;
use super::*;
use crate::diag::Stage;
use crate::heap::Marker;
use crate::heap::header::{FROZEN, SEALED, header_of};
use crate::object::foreign::{Foreign, ForeignData, foreign};
use crate::object::future::{Reacts, State};
use crate::object::misc::int_of;
use crate::object::{BoundMethod, Code, Function, Future, Gene, Kind, Map, Reaction, kind_of};
use crate::runtime::Runtime;
use gene_isa::Op;
use rustc_hash::FxHashMap;

/// Messages that a mailbox holds; as many again may be parked by handlers.
const MAILBOX: usize = 10_000;
/// How long `.send_expect_reply_sync` waits unless it is told.
const REPLY_MS: i64 = 2000;

pub(super) fn install(vm: &mut Vm) {
    let enable = vm.native_kw("enable", 0, 0, enable);
    vm.define_in("gene/actor/enable", enable);
    let spawn = vm.native_kw("spawn", 1, 1, spawn);
    vm.define_in("gene/actor/spawn", spawn);
    let class = vm.make_class(ACTOR, ClassName::Object);
    class_methods(
        vm,
        class,
        &[
            (&["send"], 1, 1, send),
            (&["send_expect_reply"], 1, 1, send_expect_reply),
            (&["stop"], 0, 0, |vm, args| stop(vm, args.this())),
        ],
    );
    let sync = vm.native_kw("send_expect_reply_sync", 1, 1, send_expect_reply_sync);
    class.add_method(&mut vm.heap, "send_expect_reply_sync".into(), sync);
    let class = vm.make_class(CONTEXT, ClassName::Object);
    class_methods(
        vm,
        class,
        &[
            (&["actor"], 0, 0, |_, args| Ok(context(args).map_or(Value::NIL, |c| c.actor))),
            (&["reply"], 1, 1, reply),
            (&["stop"], 0, 0, |vm, args| {
                let actor = context(args).map_or(Value::NIL, |c| c.actor);
                stop(vm, actor)
            }),
        ],
    );
}

const ACTOR: &str = "Actor";
const CONTEXT: &str = "ActorContext";

/// A message, or what a handler needs to know of the one it is given.
#[derive(Clone, Copy)]
struct Message {
    value: Value,
    reply: Option<Gc<Future>>,
}

struct Actor {
    handler: Value,
    state: Cell<Value>,
    mailbox: RefCell<VecDeque<Message>>,
    /// Context of the turn in progress, or nil.
    turn: Cell<Value>,
    /// A turn has been asked for.
    due: Cell<bool>,
    stopped: Cell<bool>,
}

impl ForeignData for Actor {
    fn class(&self) -> &'static str {
        ACTOR
    }
    fn is_constant(&self) -> bool {
        true
    }
    fn trace(&self, marker: &mut Marker) {
        marker.value(self.handler);
        marker.value(self.state.get());
        marker.value(self.turn.get());
        for message in self.mailbox.borrow().iter() {
            marker.value(message.value);
            if let Some(reply) = message.reply {
                marker.object(reply);
            }
        }
    }
}

/// What a handler gets as its first argument.
struct Context {
    actor: Value,
    reply: Option<Gc<Future>>,
    replied: Cell<bool>,
}

impl ForeignData for Context {
    fn class(&self) -> &'static str {
        CONTEXT
    }
    fn trace(&self, marker: &mut Marker) {
        marker.value(self.actor);
        if let Some(reply) = self.reply {
            marker.object(reply);
        }
    }
}

fn context<'a>(args: Args) -> Option<&'a Context> {
    foreign::<Context>(args.this())
}

fn barrier(vm: &mut Vm, object: Value) {
    if let Some(object) = Gc::<Foreign>::from_value(object) {
        vm.heap.barrier(object);
    }
}

#[cold]
fn error(vm: &mut Vm, code: &str, message: &str) -> Throw {
    vm.error(ClassName::ConcurrencyException, code, message)
}

#[cold]
fn is_stopped(vm: &mut Vm) -> Throw {
    error(vm, "GENE.ACTOR.STOPPED", "Actor is stopped")
}

// ---- enabling and spawning -----------------------------------------------

fn enable(vm: &mut Vm, _: Args) -> Outcome {
    let workers = vm.keyword("workers")?;
    if workers.is_some_and(|w| int_of(w).is_none_or(|n| n < 1)) {
        return Err(vm.arg_error("gene/actor/enable: ^workers must be a positive Int"));
    }
    if !Runtime::of(vm)?.enable_actors() {
        return Err(error(vm, "GENE.ACTOR.ALREADY_ENABLED", "actors are enabled already"));
    }
    Ok(Value::NIL)
}

fn spawn(vm: &mut Vm, args: Args) -> Outcome {
    let state = vm.keyword("state")?.unwrap_or(Value::NIL);
    if !Runtime::of(vm)?.has_actors() {
        let message = "actors are not enabled: call gene/actor/enable first";
        return Err(error(vm, "GENE.ACTOR.NOT_ENABLED", message));
    }
    let handler = args.get(0);
    if !vm.is_callable(handler) || Gc::<Class>::from_value(handler).is_some() {
        return Err(vm.wrong_arg(args, 0, "a function"));
    }
    freeze(vm, handler)?;
    freeze_variables(vm, handler)?;
    let state = Cell::new(sent(vm, state)?);
    let actor = Actor {
        handler,
        state,
        mailbox: RefCell::default(),
        turn: Cell::new(Value::NIL),
        due: Cell::new(false),
        stopped: Cell::new(false),
    };
    Ok(Foreign::new(&mut vm.heap, actor).value())
}

/// Freezes the data in variables of the module that a handler uses, directly or
/// through functions of the module.
fn freeze_variables(vm: &mut Vm, handler: Value) -> Result<(), Throw> {
    let mut todo: Vec<Gc<Code>> =
        Gc::<Function>::from_value(handler).map(|f| f.code).into_iter().collect();
    let mut seen: Vec<Gc<Code>> = Vec::new();
    while let Some(code) = todo.pop() {
        if seen.contains(&code) {
            continue;
        }
        seen.push(code);
        todo.extend(code.protos.iter().copied());
        for insn in &code.data.insns {
            if !matches!(insn.op, Op::GetModule | Op::CallModule | Op::TailCallModule) {
                continue;
            }
            let value = code.module.var(insn.bc() as usize);
            match kind_of(value) {
                Some(Kind::Array | Kind::Map | Kind::Gene | Kind::HashObject) => {
                    freeze(vm, value)?;
                }
                Some(Kind::Function) => todo.extend(Gc::from_value(value).map(code_of)),
                _ => {}
            }
        }
    }
    Ok(())
}

fn code_of(function: Gc<Function>) -> Gc<Code> {
    function.code
}

// ---- sending ---------------------------------------------------------------

fn send(vm: &mut Vm, args: Args) -> Outcome {
    deliver(vm, args, false)?;
    Ok(Value::NIL)
}

fn send_expect_reply(vm: &mut Vm, args: Args) -> Outcome {
    let reply = deliver(vm, args, true)?;
    Ok(reply.map_or(Value::NIL, Gc::value))
}

fn send_expect_reply_sync(vm: &mut Vm, args: Args) -> Outcome {
    let timeout = vm.keyword("timeout")?.unwrap_or(Value::small_int(REPLY_MS));
    let Some(reply) = deliver(vm, args, true)? else { return Ok(Value::NIL) };
    let mark = vm.root_mark();
    vm.root(reply.value());
    let result = vm.await_within(reply, timeout);
    vm.unroot(mark);
    result
}

/// Puts a message into the mailbox of the receiver.
fn deliver(vm: &mut Vm, args: Args, expects_reply: bool) -> Result<Option<Gc<Future>>, Throw> {
    let handle = args.this();
    let Some(actor) = foreign::<Actor>(handle) else {
        return Err(vm.type_error("this method is for actors"));
    };
    if actor.stopped.get() {
        return Err(is_stopped(vm));
    }
    let value = sent(vm, args.get(0))?;
    let runtime = Runtime::of(vm)?;
    if actor.mailbox.borrow().len() >= MAILBOX {
        let mark = vm.root_mark();
        vm.root(value);
        let made_room = make_room(vm, &runtime, actor);
        vm.unroot(mark);
        made_room?;
    }
    let reply = expects_reply.then(|| runtime.reply_future(vm));
    actor.mailbox.borrow_mut().push_back(Message { value, reply });
    barrier(vm, handle);
    ask_for_turn(vm, &runtime, handle, actor);
    Ok(reply)
}

/// The mailbox is full: waits outside of handlers, which may park a message.
fn make_room(vm: &mut Vm, runtime: &Runtime, actor: &Actor) -> Result<(), Throw> {
    let held = || actor.mailbox.borrow().len();
    if !runtime.is_in_job(vm) {
        runtime.drive_until(vm, &mut |_| Ok(held() < MAILBOX || actor.stopped.get()))?;
        return if actor.stopped.get() { Err(is_stopped(vm)) } else { Ok(()) };
    }
    match held() < 2 * MAILBOX {
        true => Ok(()),
        false => Err(error(vm, "GENE.ACTOR.MAILBOX_FULL", "the mailbox of the actor is full")),
    }
}

/// Sees to it that the next message is handled.
fn ask_for_turn(vm: &mut Vm, runtime: &Runtime, handle: Value, actor: &Actor) {
    let idle = actor.turn.get().is_nil() && !actor.due.get();
    if idle && !actor.mailbox.borrow().is_empty() {
        actor.due.set(true);
        let function = vm.native("turn", 1, 1, turn);
        runtime.actor_due(function, handle);
    }
}

fn stop(vm: &mut Vm, handle: Value) -> Outcome {
    let Some(actor) = foreign::<Actor>(handle) else { return Ok(Value::NIL) };
    if actor.stopped.replace(true) {
        return Ok(Value::NIL);
    }
    let dropped = actor.mailbox.take();
    for message in dropped {
        no_answer(vm, message.reply)?;
    }
    Ok(Value::NIL)
}

/// The reply will not come: the actor is stopped.
fn no_answer(vm: &mut Vm, reply: Option<Gc<Future>>) -> Result<(), Throw> {
    if let Some(reply) = reply {
        let exception = is_stopped(vm).0;
        Runtime::of(vm)?.reply(vm, reply, State::Failure, exception);
    }
    Ok(())
}

// ---- turns -----------------------------------------------------------------

/// The job of one turn.
fn turn(vm: &mut Vm, args: Args) -> Outcome {
    let handle = args.get(0);
    let Some(actor) = foreign::<Actor>(handle) else { return Ok(Value::NIL) };
    actor.due.set(false);
    let Some(message) = actor.mailbox.borrow_mut().pop_front() else { return Ok(Value::NIL) };
    let context = Context { actor: handle, reply: message.reply, replied: Cell::new(false) };
    let context = Foreign::new(&mut vm.heap, context).value();
    actor.turn.set(context);
    barrier(vm, handle);
    let result = vm.call(actor.handler, &[context, message.value, actor.state.get()]);
    let pending = match result {
        Ok(value) => Gc::<Future>::from_value(value),
        Err(_) => None,
    };
    let Some(future) = pending else {
        end_turn(vm, handle, result)?;
        return Ok(Value::NIL);
    };
    // An async handler: the turn lasts until its future is settled.
    let runtime = Runtime::of(vm)?;
    match future.state() {
        State::Pending => {
            for (reacts, end) in
                [(Reacts::OnSuccess, succeeded as NativeFn), (Reacts::OnFailure, failed)]
            {
                let method = vm.native("end_turn", 1, 1, end);
                let bound = BoundMethod::new(&mut vm.heap, handle, method).value();
                let reaction = Reaction::new(&mut vm.heap, reacts, bound, Value::NIL, 0);
                future.add_waiter(&mut vm.heap, reaction.value());
            }
        }
        State::Success => end_turn(vm, handle, Ok(future.value_inside()))?,
        State::Failure | State::Cancelled => {
            runtime.observe_failure(future);
            end_turn(vm, handle, Err(Throw(future.value_inside())))?;
        }
    }
    Ok(Value::NIL)
}

fn succeeded(vm: &mut Vm, args: Args) -> Outcome {
    end_turn(vm, args.this(), Ok(args.get(0)))?;
    Ok(Value::NIL)
}

fn failed(vm: &mut Vm, args: Args) -> Outcome {
    end_turn(vm, args.this(), Err(Throw(args.get(0))))?;
    Ok(Value::NIL)
}

/// The handler has ended.
fn end_turn(vm: &mut Vm, handle: Value, result: Outcome) -> Result<(), Throw> {
    let Some(actor) = foreign::<Actor>(handle) else { return Ok(()) };
    let runtime = Runtime::of(vm)?;
    let context = actor.turn.replace(Value::NIL);
    let reply = foreign::<Context>(context).and_then(|c| {
        let open = !c.replied.replace(true);
        c.reply.filter(|_| open)
    });
    let expected = foreign::<Context>(context).is_some_and(|c| c.reply.is_some());
    match result {
        Ok(state) => {
            actor.state.set(state);
            barrier(vm, handle);
            match reply {
                Some(_) if actor.stopped.get() => no_answer(vm, reply)?,
                Some(reply) => runtime.reply(vm, reply, State::Success, Value::NIL),
                None => {}
            }
        }
        Err(Throw(exception)) if expected => {
            let message = vm.exception_message(exception);
            let class = ClassName::ThreadException;
            let failure = vm.error(class, "GENE.ACTOR.HANDLER_FAILED", &message).0;
            if let Some(reply) = reply {
                runtime.reply(vm, reply, State::Failure, failure);
            }
        }
        Err(Throw(exception)) => runtime.report(vm, exception, Stage::Actor),
    }
    if !actor.stopped.get() {
        ask_for_turn(vm, &runtime, handle, actor);
    }
    Ok(())
}

fn reply(vm: &mut Vm, args: Args) -> Outcome {
    let Some(context) = context(args) else {
        return Err(vm.type_error("this method is for the context of an actor"));
    };
    let Some(future) = context.reply else {
        let message = "no reply is expected to this message";
        return Err(error(vm, "GENE.ACTOR.NO_REPLY_EXPECTED", message));
    };
    if context.replied.get() {
        let message = "this message has been replied to";
        return Err(error(vm, "GENE.ACTOR.ALREADY_REPLIED", message));
    }
    let value = sent(vm, args.get(0))?;
    context.replied.set(true);
    Runtime::of(vm)?.reply(vm, future, State::Success, value);
    Ok(Value::NIL)
}

// ---- what is passed ----------------------------------------------------------

/// Copies of one message; shared parts and cycles are kept.
#[derive(Default)]
struct Copies {
    made: FxHashMap<u64, Value>,
    /// Copies that have to be filled: the original and the copy.
    open: Vec<(Value, Value)>,
}

/// A value as the receiver gets it.
fn sent(vm: &mut Vm, value: Value) -> Outcome {
    let mut copies = Copies::default();
    let result = part(vm, value, &mut copies)?;
    while let Some((from, to)) = copies.open.pop() {
        if let (Some(from), Some(to)) = (Gc::<Array>::from_value(from), Gc::from_value(to)) {
            fill_array(vm, from, to, &mut copies)?;
        } else if let (Some(from), Some(to)) = (Gc::<Map>::from_value(from), Gc::from_value(to)) {
            fill_map(vm, from, to, &mut copies)?;
        } else if let (Some(from), Some(to)) =
            (Gc::<Gene>::from_value(from), Gc::<Gene>::from_value(to))
        {
            let head = part(vm, from.head.get(), &mut copies)?;
            to.head.set(head);
            vm.heap.barrier(to);
            fill_array(vm, from.children, to.children, &mut copies)?;
            if let Some(props) = from.props() {
                let copy = to.props_mut(&mut vm.heap);
                fill_map(vm, props, copy, &mut copies)?;
            }
        }
        // Copies of sealed literals are sealed again once they are full.
        if let (Some(from), Some(to)) = (header_of(from), header_of(to))
            && from.has(SEALED)
        {
            to.set_flag(SEALED);
        }
    }
    Ok(result)
}

fn fill_array(
    vm: &mut Vm,
    from: Gc<Array>,
    to: Gc<Array>,
    copies: &mut Copies,
) -> Result<(), Throw> {
    for value in from.to_vec() {
        let value = part(vm, value, copies)?;
        to.push(&mut vm.heap, value);
    }
    Ok(())
}

fn fill_map(vm: &mut Vm, from: Gc<Map>, to: Gc<Map>, copies: &mut Copies) -> Result<(), Throw> {
    for (key, value) in from.entries() {
        let value = part(vm, value, copies)?;
        to.set(&mut vm.heap, key, value);
    }
    Ok(())
}

/// A part of a message: the value itself, or a copy that is filled later.
fn part(vm: &mut Vm, value: Value, copies: &mut Copies) -> Outcome {
    let Some(header) = header_of(value) else { return Ok(value) };
    let copy = match Kind::from_u8(header.kind) {
        Kind::Str
        | Kind::BoxedInt
        | Kind::Bytes
        | Kind::Range
        | Kind::PathSymbol
        | Kind::Quoted
        | Kind::EnumValue
        | Kind::Variant => return Ok(value),
        Kind::Foreign if Gc::<Foreign>::from_value(value).is_some_and(|f| f.data.is_constant()) => {
            return Ok(value);
        }
        Kind::Array | Kind::Map | Kind::Gene | Kind::Function if header.has(FROZEN) => {
            return Ok(value);
        }
        Kind::Array | Kind::Map | Kind::Gene => match copies.made.get(&value.bits()) {
            Some(copy) => return Ok(*copy),
            None => empty_copy(vm, value),
        },
        _ => {
            let name = vm.type_name(value);
            let message = format!("a value of type {name} cannot be sent to an actor");
            return Err(error(vm, "GENE.ACTOR.NOT_SENDABLE", &message));
        }
    };
    copies.made.insert(value.bits(), copy);
    copies.open.push((value, copy));
    Ok(copy)
}

fn empty_copy(vm: &mut Vm, value: Value) -> Value {
    match kind_of(value) {
        Some(Kind::Array) => Array::new(&mut vm.heap, &[]).value(),
        Some(Kind::Map) => Map::new(&mut vm.heap, 0).value(),
        _ => {
            let children = Array::new(&mut vm.heap, &[]);
            Gene::new(&mut vm.heap, Value::NIL, None, children).value()
        }
    }
}

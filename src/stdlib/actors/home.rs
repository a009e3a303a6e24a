//! Where actors live: mailboxes and turns, on the thread of a home.

use std::cell::RefCell;
use std::collections::VecDeque;

use super::*;
use crate::diag::Stage;
use crate::heap::Marker;
use crate::object::future::Reacts;
use crate::object::{BoundMethod, Reaction};
use crate::runtime::parcel::World;
use crate::source::SourceMap;
use crate::vm::Job;

const CONTEXT: &str = "ActorContext";

pub(super) fn install(vm: &mut Vm) {
    let class = vm.make_class(CONTEXT, ClassName::Object);
    class_methods(
        vm,
        class,
        &[
            (&["actor"], 0, 0, |vm, args| {
                let shared = this_context(vm, args)?.shared.clone();
                Ok(Foreign::new(&mut vm.heap, Handle::new(&shared)).value())
            }),
            (&["reply"], 1, 1, reply),
            (&["stop"], 0, 0, |vm, args| {
                let shared = this_context(vm, args)?.shared.clone();
                let handle = Foreign::new(&mut vm.heap, Handle::new(&shared)).value();
                stop(handle)
            }),
        ],
    );
}

/// A message in a mailbox.
pub struct Message {
    pub parcel: Parcel,
    pub reply: Option<Reply>,
}

/// Where a reply goes. Dropped without one, it says that the actor is stopped.
pub struct Reply {
    to: Option<(Post, u64)>,
}

/// What is said in a reply.
enum Said {
    Value(Parcel),
    Nothing,
    /// The handler has thrown an exception with this message.
    Failed(String),
    Stopped,
}

impl Reply {
    pub fn new(post: Post, number: u64) -> Reply {
        Reply { to: Some((post, number)) }
    }

    fn say(mut self, said: Said) {
        self.send(said);
    }

    fn send(&mut self, said: Said) {
        let Some((post, number)) = self.to.take() else { return };
        post.send(move |vm| {
            Runtime::of(vm)?.replied(vm, number, |vm, world| match said {
                Said::Value(parcel) => {
                    Ok(parcel.unpack(vm, world).first().copied().unwrap_or(Value::NIL))
                }
                Said::Nothing => Ok(Value::NIL),
                Said::Failed(message) => {
                    let class = ClassName::ThreadException;
                    Err(vm.error(class, "GENE.ACTOR.HANDLER_FAILED", &message).0)
                }
                Said::Stopped => Err(is_stopped(vm).0),
            });
            Ok(())
        });
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        self.send(Said::Stopped);
    }
}

/// An actor at home.
struct Actor {
    shared: Arc<Shared>,
    /// Where its code and messages are unpacked.
    world: Value,
    handler: Value,
    state: Cell<Value>,
    mailbox: RefCell<VecDeque<Message>>,
    /// Context of the turn in progress, or nil.
    turn: Cell<Value>,
    /// A turn has been asked for.
    due: Cell<bool>,
}

impl ForeignData for Actor {
    fn class(&self) -> &'static str {
        "Object"
    }
    fn trace(&self, marker: &mut Marker) {
        for value in [self.world, self.handler, self.state.get(), self.turn.get()] {
            marker.value(value);
        }
    }
}

/// What a handler gets as its first argument.
struct Context {
    shared: Arc<Shared>,
    world: Value,
    reply: RefCell<Option<Reply>>,
    expects_reply: bool,
}

impl ForeignData for Context {
    fn class(&self) -> &'static str {
        CONTEXT
    }
    fn trace(&self, marker: &mut Marker) {
        marker.value(self.world);
    }
}

fn this_context<'a>(vm: &mut Vm, args: Args) -> Result<&'a Context, Throw> {
    match foreign::<Context>(args.this()) {
        Some(context) => Ok(context),
        None => Err(vm.type_error("this method is for the context of an actor")),
    }
}

fn barrier(vm: &mut Vm, object: Value) {
    if let Some(object) = Gc::<Foreign>::from_value(object) {
        vm.heap.barrier(object);
    }
}

// ---- what arrives ----------------------------------------------------------

/// A new actor, with its handler and first state.
pub fn move_in(
    vm: &mut Vm,
    shared: Arc<Shared>,
    parcel: Parcel,
    sources: SourceMap,
) -> Result<(), Throw> {
    let runtime = Runtime::of(vm)?;
    vm.sources.extend_to(sources);
    let world = match parcel.is_private() {
        true => World::create(vm),
        false => runtime.shared_world(vm),
    };
    let values = parcel.unpack(vm, world);
    let [handler, state] = values[..] else { return Ok(()) };
    let id = shared.id;
    let actor = Actor {
        shared,
        world,
        handler,
        state: Cell::new(state),
        mailbox: RefCell::default(),
        turn: Cell::new(Value::NIL),
        due: Cell::new(false),
    };
    let actor = Foreign::new(&mut vm.heap, actor).value();
    runtime.settle_actor(id, actor);
    Ok(())
}

/// A message for an actor. If it is stopped, the message is dropped.
pub fn arrive(vm: &mut Vm, id: u64, message: Message) -> Result<(), Throw> {
    let Some(handle) = Runtime::of(vm)?.actor(id) else { return Ok(()) };
    if let Some(actor) = foreign::<Actor>(handle) {
        actor.mailbox.borrow_mut().push_back(message);
        ask_for_turn(vm, handle, actor)?;
    }
    Ok(())
}

/// An actor has been stopped.
pub fn stopped(vm: &mut Vm, id: u64) -> Result<(), Throw> {
    let Some(handle) = Runtime::of(vm)?.actor(id) else { return Ok(()) };
    if let Some(actor) = foreign::<Actor>(handle) {
        drop(actor.mailbox.take());
        actor.shared.made_room();
    }
    look_whether_used(vm, id)
}

/// An actor to which nobody can send any more is gone.
pub fn look_whether_used(vm: &mut Vm, id: u64) -> Result<(), Throw> {
    let runtime = Runtime::of(vm)?;
    let Some(handle) = runtime.actor(id) else { return Ok(()) };
    let Some(actor) = foreign::<Actor>(handle) else { return Ok(()) };
    let idle = actor.turn.get().is_nil() && actor.mailbox.borrow().is_empty();
    let reachable = actor.shared.handles.load(Ordering::Acquire) > 0
        && !actor.shared.stopped.load(Ordering::Acquire);
    if idle && !reachable {
        runtime.forget_actor(id);
        if actor.world != runtime.shared_world(vm) {
            World::forget(vm, actor.world);
        }
    }
    Ok(())
}

/// Sees to it that the next message is handled.
fn ask_for_turn(vm: &mut Vm, handle: Value, actor: &Actor) -> Result<(), Throw> {
    let idle = actor.turn.get().is_nil() && !actor.due.get();
    if idle && !actor.mailbox.borrow().is_empty() && Runtime::of(vm)?.may_begin_turn() {
        actor.due.set(true);
        let function = vm.native("turn", 1, 1, turn);
        vm.tasks.ready.push_back(Job::Call { function, argument: handle });
    }
    Ok(())
}

// ---- turns -----------------------------------------------------------------

/// The job of one turn.
fn turn(vm: &mut Vm, args: Args) -> Outcome {
    let handle = args.get(0);
    let Some(actor) = foreign::<Actor>(handle) else { return Ok(Value::NIL) };
    actor.due.set(false);
    if actor.shared.stopped.load(Ordering::Acquire) {
        drop(actor.mailbox.take());
        return Ok(Value::NIL);
    }
    let Some(message) = actor.mailbox.borrow_mut().pop_front() else { return Ok(Value::NIL) };
    if actor.shared.queued.fetch_sub(1, Ordering::AcqRel) == MAILBOX {
        actor.shared.made_room();
    }
    let expects_reply = message.reply.is_some();
    let value = message.parcel.unpack(vm, actor.world).first().copied().unwrap_or(Value::NIL);
    let context = Context {
        shared: actor.shared.clone(),
        world: actor.world,
        reply: RefCell::new(message.reply),
        expects_reply,
    };
    let context = Foreign::new(&mut vm.heap, context).value();
    actor.turn.set(context);
    barrier(vm, handle);
    let result = vm.call(actor.handler, &[context, value, actor.state.get()]);
    let pending = match result {
        Ok(value) => Gc::<Future>::from_value(value),
        Err(_) => None,
    };
    let Some(future) = pending else {
        end_turn(vm, handle, result)?;
        return Ok(Value::NIL);
    };
    // An async handler: the turn lasts until its future is settled.
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
            Runtime::of(vm)?.observe_failure(future);
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
    let context = actor.turn.replace(Value::NIL);
    let Some(context) = foreign::<Context>(context) else { return Ok(()) };
    let reply = context.reply.take();
    // What it printed is seen before its reply.
    vm.flush();
    match result {
        Ok(state) => {
            actor.state.set(state);
            barrier(vm, handle);
            if let Some(reply) = reply {
                reply.say(match actor.shared.stopped.load(Ordering::Acquire) {
                    true => Said::Stopped,
                    false => Said::Nothing,
                });
            }
        }
        Err(Throw(exception)) if context.expects_reply => {
            if let Some(reply) = reply {
                reply.say(Said::Failed(vm.exception_message(exception)));
            }
        }
        Err(Throw(exception)) => {
            let runtime = Runtime::of(vm)?;
            // What the end of the program cancels has not failed.
            let cancelled = vm.class(ClassName::CancellationException);
            if !runtime.is_ending() || !vm.class_of(exception).is_a(cancelled) {
                runtime.report(vm, exception, Stage::Actor);
            }
        }
    }
    ask_for_turn(vm, handle, actor)?;
    look_whether_used(vm, actor.shared.id)
}

fn reply(vm: &mut Vm, args: Args) -> Outcome {
    let context = this_context(vm, args)?;
    if !context.expects_reply {
        let message = "no reply is expected to this message";
        return Err(error(vm, "GENE.ACTOR.NO_REPLY_EXPECTED", message));
    }
    if context.reply.borrow().is_none() {
        let message = "this message has been replied to";
        return Err(error(vm, "GENE.ACTOR.ALREADY_REPLIED", message));
    }
    let parcel = packed(vm, context.world, args.get(0))?;
    vm.flush();
    if let Some(reply) = context.reply.take() {
        reply.say(Said::Value(parcel));
    }
    Ok(Value::NIL)
}

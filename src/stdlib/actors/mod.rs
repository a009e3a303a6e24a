//! Actors (8.16).
//!
//! [`home`] is where an actor lives and gets its turns, [`team`] the threads
//! with homes; here is what programs call. What is passed between heaps is
//! [packed](crate::runtime::parcel).

mod home;
mod team;

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use super::freeze::freeze;
use super::*;
use crate::object::foreign::{Foreign, ForeignData, Portable, foreign};
use crate::object::future::State;
use crate::object::interface::Interface;
use crate::object::misc::int_of;
use crate::object::{Code, Function, Future, Kind, Module, kind_of, origin};
use crate::runtime::parcel::{Packer, Parcel};
use crate::runtime::{Post, Runtime};
use gene_isa::Op;
use home::Message;
use team::Workers;

/// Messages that a mailbox holds; as many again may be parked by handlers.
const MAILBOX: usize = 10_000;
/// How long `.send_expect_reply_sync` waits unless it is told.
const REPLY_MS: i64 = 2000;

const ACTOR: &str = "Actor";

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
            (&["stop"], 0, 0, |_, args| stop(args.this())),
        ],
    );
    let sync = vm.native_kw("send_expect_reply_sync", 1, 1, send_expect_reply_sync);
    class.add_method(&mut vm.heap, "send_expect_reply_sync".into(), sync);
    home::install(vm);
}

/// What every thread knows of an actor.
struct Shared {
    id: u64,
    home: Post,
    stopped: AtomicBool,
    /// Messages delivered and not handled yet.
    queued: AtomicUsize,
    /// Handles in all heaps, and those on their way.
    handles: AtomicUsize,
    /// Those who wait for room in the mailbox.
    waiting: Mutex<Vec<Post>>,
}

impl Shared {
    /// Wakes those who wait for room.
    fn made_room(&self) {
        if let Ok(mut waiting) = self.waiting.lock() {
            for post in waiting.drain(..) {
                post.send(|_| Ok(()));
            }
        }
    }
}

/// A value of class `Actor`.
struct Handle(Arc<Shared>);

impl Handle {
    fn new(shared: &Arc<Shared>) -> Handle {
        shared.handles.fetch_add(1, Ordering::Relaxed);
        Handle(shared.clone())
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        if self.0.handles.fetch_sub(1, Ordering::AcqRel) == 1 {
            let id = self.0.id;
            self.0.home.send(move |vm| home::look_whether_used(vm, id));
        }
    }
}

impl ForeignData for Handle {
    fn class(&self) -> &'static str {
        ACTOR
    }
    fn is_constant(&self) -> bool {
        true
    }
    fn same(&self, other: &dyn ForeignData) -> bool {
        other.get::<Handle>().is_some_and(|other| Arc::ptr_eq(&self.0, &other.0))
    }
    fn hash(&self) -> Option<u64> {
        Some(self.0.id)
    }
    fn portable(&self, _: &mut Vec<Value>) -> Option<Portable> {
        let handle = Handle::new(&self.0);
        Some(Box::new(move |_| Box::new(handle)))
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
    let count = match workers.map(int_of) {
        None => std::thread::available_parallelism().map_or(1, usize::from),
        Some(Some(count)) if count >= 1 => count as usize,
        Some(_) => {
            return Err(vm.arg_error("gene/actor/enable: ^workers must be a positive Int"));
        }
    };
    let runtime = Runtime::of(vm)?;
    if runtime.team().is_some() {
        return Err(error(vm, "GENE.ACTOR.ALREADY_ENABLED", "actors are enabled already"));
    }
    let threads = !runtime.is_repeatable();
    let team = match threads {
        true => Workers::start(vm, &runtime, count)?,
        false => Workers::here(vm, &runtime)?,
    };
    runtime.set_team(team, threads);
    Ok(Value::NIL)
}

fn spawn(vm: &mut Vm, args: Args) -> Outcome {
    let state = vm.keyword("state")?.unwrap_or(Value::NIL);
    let runtime = Runtime::of(vm)?;
    let workers = runtime.team().and_then(|team| team.as_any().downcast::<Workers>().ok());
    let Some(workers) = workers else {
        let message = "actors are not enabled: call gene/actor/enable first";
        return Err(error(vm, "GENE.ACTOR.NOT_ENABLED", message));
    };
    let handler = args.get(0);
    if !vm.is_callable(handler) || kind_of(handler) == Some(Kind::Class) {
        return Err(vm.wrong_arg(args, 0, "a function"));
    }
    freeze(vm, handler)?;
    freeze_variables(vm, handler)?;
    let world = world_of_caller(vm, &runtime);
    let mut packer = Packer::new(vm, world);
    let packed = packer.code(handler).and_then(|()| packer.message(state));
    let parcel = packer.finish();
    packed.map_err(|refused| not_sendable(vm, refused.0))?;
    let id = origin(&Cell::new(0));
    let shared = Arc::new(Shared {
        id,
        home: workers.next_home(),
        stopped: AtomicBool::new(false),
        queued: AtomicUsize::new(0),
        handles: AtomicUsize::new(0),
        waiting: Mutex::default(),
    });
    let handle = Foreign::new(&mut vm.heap, Handle::new(&shared)).value();
    let sources = vm.sources.clone();
    let actor = shared.clone();
    shared.home.send(move |vm| home::move_in(vm, actor, parcel, sources));
    Ok(handle)
}

/// Freezes the data in variables of the module that a handler uses, directly or
/// through functions of the module.
fn freeze_variables(vm: &mut Vm, handler: Value) -> Result<(), Throw> {
    let code = Gc::<Function>::from_value(handler).map(|f| f.code);
    let mut todo: Vec<(Gc<Code>, bool)> = code.into_iter().map(|code| (code, true)).collect();
    let mut seen: Vec<Gc<Code>> = Vec::new();
    while let Some((code, direct)) = todo.pop() {
        if seen.contains(&code) {
            continue;
        }
        seen.push(code);
        todo.extend(code.protos.iter().map(|proto| (*proto, direct)));
        for insn in &code.data.insns {
            if !matches!(insn.op, Op::GetModule | Op::CallModule | Op::TailCallModule) {
                continue;
            }
            let value = code.module.var(insn.bc() as usize);
            match kind_of(value) {
                Some(Kind::Array | Kind::Map | Kind::Gene | Kind::HashObject) => {
                    freeze(vm, value)?;
                }
                Some(Kind::Function) => {
                    todo.extend(Gc::<Function>::from_value(value).map(|f| (f.code, false)));
                }
                Some(Kind::Instance | Kind::Future | Kind::Coroutine) if direct => {
                    freeze(vm, value)?;
                }
                Some(Kind::Foreign) if direct && foreign::<Interface>(value).is_none() => {
                    freeze(vm, value)?;
                }
                _ => {}
            }
        }
    }
    Ok(())
}

// ---- sending ---------------------------------------------------------------

/// The world of the code that has called the running native.
fn world_of_caller(vm: &mut Vm, runtime: &Runtime) -> Value {
    match vm.calling_module().map(|m: Gc<Module>| m.world.get()) {
        Some(world) if !world.is_nil() => world,
        _ => runtime.own_world(vm),
    }
}

#[cold]
fn not_sendable(vm: &mut Vm, value: Value) -> Throw {
    let name = vm.type_name(value);
    let message = format!("a value of type {name} cannot be sent to an actor");
    error(vm, "GENE.ACTOR.NOT_SENDABLE", &message)
}

/// A value as a message.
fn packed(vm: &mut Vm, world: Value, value: Value) -> Result<Parcel, Throw> {
    let mut packer = Packer::new(vm, world);
    let result = packer.message(value);
    let parcel = packer.finish();
    result.map_err(|refused| not_sendable(vm, refused.0))?;
    Ok(parcel)
}

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
    let Some(handle) = foreign::<Handle>(args.this()) else {
        return Err(vm.type_error("this method is for actors"));
    };
    let shared = &handle.0;
    if shared.stopped.load(Ordering::Acquire) {
        return Err(is_stopped(vm));
    }
    let runtime = Runtime::of(vm)?;
    let world = world_of_caller(vm, &runtime);
    let parcel = packed(vm, world, args.get(0))?;
    if shared.queued.load(Ordering::Acquire) >= MAILBOX {
        make_room(vm, &runtime, shared)?;
    }
    let mut future = None;
    let mut reply = None;
    if expects_reply {
        let post = runtime.post(vm)?;
        let (number, promised) = runtime.reply_future(vm, world);
        future = Some(promised);
        reply = Some(home::Reply::new(post, number));
    }
    shared.queued.fetch_add(1, Ordering::AcqRel);
    let id = shared.id;
    shared.home.send(move |vm| home::arrive(vm, id, Message { parcel, reply }));
    Ok(future)
}

/// The mailbox is full: waits outside of handlers, which may park a message.
fn make_room(vm: &mut Vm, runtime: &Runtime, shared: &Shared) -> Result<(), Throw> {
    let held = || shared.queued.load(Ordering::Acquire);
    let in_handler = vm.calling_module().is_some_and(|m| !m.world.get().is_nil());
    if in_handler {
        return match held() < 2 * MAILBOX {
            true => Ok(()),
            false => Err(error(vm, "GENE.ACTOR.MAILBOX_FULL", "the mailbox of the actor is full")),
        };
    }
    // Something is outstanding until there is room.
    let _hold = runtime.hold(vm)?;
    let post = runtime.post(vm)?;
    runtime.drive_until(vm, &mut |_| {
        if let Ok(mut waiting) = shared.waiting.lock() {
            waiting.push(post.clone());
        }
        Ok(held() < MAILBOX || shared.stopped.load(Ordering::Acquire))
    })?;
    match shared.stopped.load(Ordering::Acquire) {
        true => Err(is_stopped(vm)),
        false => Ok(()),
    }
}

fn stop(actor: Value) -> Outcome {
    if let Some(handle) = foreign::<Handle>(actor)
        && !handle.0.stopped.swap(true, Ordering::AcqRel)
    {
        let id = handle.0.id;
        handle.0.home.send(move |vm| home::stopped(vm, id));
        handle.0.made_room();
    }
    Ok(Value::NIL)
}

//! The event loop: who runs when (chapter 8).
//!
//! The vm knows how to begin, suspend and resume a task
//! (`src/vm/coroutine.rs`) and keeps the ready queue; everything else about
//! futures and time is here. Order is deterministic: jobs run in the order in
//! which they were queued, timers settle by due time and then creation.
//! Nothing polls: a loop that has nothing to do sleeps until the next timer or
//! completion.
//!
//! Reading order: [`settle`], [`timers`], [`scheduler`] (turns, driving),
//! [`cancel`], [`end`] (failures nobody observed, end of the program); then what
//! programs call: [`futures`], [`time`], [`combinators`], [`scope`],
//! [`generators`], [`channel`], [`pubsub`], [`actors`] with [`parcel`], [`io`],
//! [`services`].
#![forbid(unsafe_code)]

mod actors;
mod cancel;
mod channel;
mod combinators;
mod end;
mod futures;
mod generators;
mod io;
pub mod parcel;
mod pubsub;
mod scheduler;
mod scope;
mod services;
mod settle;
mod time;
mod timers;

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::SystemTime;

use gene_isa::Intrinsic;

pub use actors::Team;
pub use end::{Failures, report_of};
pub use io::future_of;
pub use services::{Hold, Post};
use timers::{Clock, Timers};

use crate::heap::{Gc, Marker};
use crate::object::{Code, Coroutine, Future};
use crate::value::Value;
use crate::vm::{EventLoop, Throw, Vm};

/// How the loop behaves.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// The clock stands still while anything is ready and then jumps to the
    /// next timer.
    pub virtual_time: bool,
    /// Jobs of a turn run in an order that depends on this number.
    pub seed: Option<u64>,
}

/// The event loop of one machine.
pub struct Runtime {
    clock: Clock,
    timers: RefCell<Timers>,
    /// Jobs of the present turn that have not run.
    turn_left: Cell<usize>,
    /// Jobs that are running, one inside the other.
    jobs_running: Cell<u32>,
    /// Drives of the loop, one inside the other.
    drives: Cell<u32>,
    /// `(stop_scheduler)` was called.
    stopped: Cell<bool>,
    random: Option<RefCell<fastrand::Rng>>,
    failures: RefCell<end::Log>,
    scopes: RefCell<scope::Failed>,
    watchers: RefCell<Vec<time::Watcher>>,
    /// Futures of `$await_all` without operands.
    idlers: RefCell<Vec<Gc<Future>>>,
    events: RefCell<pubsub::Events>,
    actors: actors::Actors,
    io: io::Reactor,
}

impl Runtime {
    /// The loop of a machine.
    ///
    /// # Errors
    ///
    /// `RuntimeException` if it has none.
    pub fn of(vm: &mut Vm) -> Result<Rc<Runtime>, Throw> {
        let found = vm.event_loop()?.as_any().downcast::<Runtime>();
        found.map_err(|_| vm.runtime_error("this interpreter has another event loop"))
    }
}

/// Date and time by the clock of a machine's loop, which may be virtual.
pub fn date(vm: &mut Vm) -> SystemTime {
    Runtime::of(vm).map_or_else(|_| SystemTime::now(), |runtime| runtime.clock.date())
}

/// Gives a machine an event loop, and defines what belongs to it.
pub fn install(vm: &mut Vm, options: Options) {
    let random = options.seed.map(|seed| RefCell::new(fastrand::Rng::with_seed(seed)));
    vm.event_loop = Some(Rc::new(Runtime {
        clock: Clock::new(options.virtual_time),
        timers: RefCell::default(),
        turn_left: Cell::new(0),
        jobs_running: Cell::new(0),
        drives: Cell::new(0),
        stopped: Cell::new(false),
        random,
        failures: RefCell::default(),
        scopes: RefCell::default(),
        watchers: RefCell::default(),
        idlers: RefCell::default(),
        events: RefCell::default(),
        actors: actors::Actors::default(),
        io: io::Reactor::default(),
    }));
    futures::install(vm);
    time::install(vm);
    combinators::install(vm);
    scope::install(vm);
    generators::install(vm);
    channel::install(vm);
    pubsub::install(vm);
    io::install(vm);
}

impl EventLoop for Runtime {
    fn as_any(self: Rc<Self>) -> Rc<dyn Any> {
        self
    }

    fn trace(&self, marker: &mut Marker) {
        self.timers.borrow_mut().trace(marker);
        self.failures.borrow().trace(marker);
        self.scopes.borrow().trace(marker);
        for watcher in self.watchers.borrow().iter() {
            watcher.trace(marker);
        }
        for future in self.idlers.borrow().iter() {
            marker.object(*future);
        }
        self.events.borrow().trace(marker);
        self.actors.trace(marker);
        self.io.trace(marker);
    }

    fn wait(
        &self,
        vm: &mut Vm,
        task: Gc<Coroutine>,
        operands: &[Value],
        timeout: Option<Value>,
    ) -> Result<(), Throw> {
        self.join(vm, Some(task), operands, timeout).map(drop)
    }

    fn drive(&self, vm: &mut Vm, operands: &[Value], timeout: Option<Value>) -> Result<(), Throw> {
        self.drive_await(vm, operands, timeout)
    }

    fn observe(&self, future: Gc<Future>) {
        self.observe_failure(future);
    }

    fn task_started(&self, vm: &mut Vm, task: Gc<Coroutine>) {
        self.child_started(vm, task);
    }

    fn task_ended(&self, vm: &mut Vm, task: Gc<Coroutine>, outcome: Result<Value, Value>) {
        self.end_task(vm, task, outcome);
    }

    fn intrinsic(
        &self,
        vm: &mut Vm,
        which: Intrinsic,
        args: &[Value],
        code: Gc<Code>,
    ) -> Result<Value, Throw> {
        let a = |i: usize| args.get(i).copied().unwrap_or(Value::UNSET);
        match which {
            Intrinsic::AsyncIter => self.async_iter(vm, a(0)),
            Intrinsic::AsyncNext => self.async_next(vm, a(0)),
            Intrinsic::AsyncClose => self.async_close(vm, a(0)),
            Intrinsic::ScopeEnter => self.enter_scope(vm, a(0)),
            Intrinsic::ScopeExit => self.exit_scope(vm, a(0), a(1)),
            Intrinsic::Defer => self.defer(vm, a(0), a(1)),
            Intrinsic::WaitUntil => self.wait_until(vm, a(0), a(1), a(2)),
            Intrinsic::TopLevelTurn => self.top_level_turn(vm, code),
            Intrinsic::LoopTurn => self.loop_turn(vm, code),
            _ => Err(vm.runtime_error(format!("{} is not for the loop", which.name()))),
        }
    }
}

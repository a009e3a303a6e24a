//! What the loop does for actors (8.16); `src/stdlib/actors` has actors
//! themselves.
//!
//! An actor lives in the machine of a worker thread, its *home*. Homes and the
//! main program know each other by [`Post`]: messages and replies are events of
//! the receiver's loop. With a virtual clock or a seed the main program is the
//! only home, so that a run can be repeated; nothing else is different.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

use rustc_hash::FxHashMap;

use super::parcel::World;
use super::{Failures, Post, Runtime, end};
use crate::heap::{Gc, Marker};
use crate::object::Future;
use crate::object::future::{Origin, State};
use crate::value::Value;
use crate::vm::{Throw, Vm};

/// The workers of a program.
pub trait Team {
    /// The workers themselves.
    fn as_any(self: Rc<Self>) -> Rc<dyn Any>;
    /// Waits until all actors have ended their turns; `abandon`: tasks are
    /// cancelled.
    fn stop(&self, abandon: bool);
}

/// How a worker ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Closing {
    /// Turns go on to their end.
    Finish,
    /// Tasks are cancelled.
    Abandon,
}

/// Actors as the loop knows them.
#[derive(Default)]
pub struct Actors {
    team: RefCell<Option<Rc<dyn Team>>>,
    /// Whether actors are on other threads than this one, or this one is theirs.
    threads: Cell<bool>,
    /// Whether this is the loop of a worker.
    worker: Cell<bool>,
    /// Actors that live here.
    homes: RefCell<FxHashMap<u64, Value>>,
    /// Replies that have not come.
    replies: RefCell<FxHashMap<u64, Gc<Future>>>,
    next_reply: Cell<u64>,
    /// The world of the program, and that of actors that can share one.
    worlds: [Cell<Option<Value>>; 2],
    /// No further turns begin, but for replies that somebody waits for.
    ending: Cell<bool>,
    /// A worker has been told to end.
    closing: Cell<Option<Closing>>,
}

impl Actors {
    pub fn trace(&self, marker: &mut Marker) {
        for value in self.homes.borrow().values() {
            marker.value(*value);
        }
        for reply in self.replies.borrow().values() {
            marker.object(*reply);
        }
        for world in &self.worlds {
            marker.value(world.get().unwrap_or(Value::NIL));
        }
    }

    /// Whether events may come from actors, or for them.
    pub fn are_enabled(&self) -> bool {
        self.team.borrow().is_some()
    }

    /// Whether a reply is outstanding that this thread has not to make itself.
    pub fn may_reply(&self) -> bool {
        self.threads.get() && self.replies.borrow().values().any(|f| f.is_pending())
    }

    /// Whether a worker waits for its next message.
    pub fn is_waiting_for_messages(&self) -> bool {
        self.worker.get() && !self.ending.get()
    }

    /// Whether somebody waits for a reply.
    pub fn is_reply_wanted(&self) -> bool {
        let replies = self.replies.borrow();
        replies.values().any(|f| f.is_pending() && end::is_wanted(f.value()))
    }
}

impl Runtime {
    /// The workers; `None` if actors have not been enabled.
    pub fn team(&self) -> Option<Rc<dyn Team>> {
        self.actors.team.borrow().clone()
    }

    /// Enables actors; `threads`: on threads of their own.
    pub fn set_team(&self, team: Rc<dyn Team>, threads: bool) {
        *self.actors.team.borrow_mut() = Some(team);
        self.actors.threads.set(threads);
    }

    /// Whether actors have to be on this thread, so that a run can be repeated.
    pub fn is_repeatable(&self) -> bool {
        self.clock.is_virtual() || self.random.is_some()
    }

    /// How others reach this loop.
    ///
    /// # Errors
    ///
    /// If there can be no background operations.
    pub fn post(&self, vm: &mut Vm) -> Result<Post, Throw> {
        self.io.with_pool(vm, |pool| Post::of(&pool.sender))
    }

    /// The loop of a worker, until it is told to end and all turns have ended.
    pub fn work(&self, vm: &mut Vm) -> Failures {
        self.actors.worker.set(true);
        while self.actors.closing.get().is_none() {
            // A turn may be interrupted: the actors whose turn it was know.
            let _ = self.turn(vm, true);
        }
        match self.actors.closing.get() {
            Some(Closing::Finish) => self.finish(vm).unwrap_or_default(),
            _ => {
                self.abandon_all(vm);
                Failures::default()
            }
        }
    }

    /// Tells a worker to end; `abandon`: its tasks are cancelled.
    pub fn close(&self, abandon: bool) {
        self.actors.closing.set(Some(if abandon { Closing::Abandon } else { Closing::Finish }));
        self.actors.ending.set(true);
    }

    /// Whether no further turns begin.
    pub fn is_ending(&self) -> bool {
        self.actors.ending.get()
    }

    // ---- homes -------------------------------------------------------------

    /// An actor lives here from now on.
    pub fn settle_actor(&self, id: u64, actor: Value) {
        self.actors.homes.borrow_mut().insert(id, actor);
    }

    /// The actor of this number, if it lives here.
    pub fn actor(&self, id: u64) -> Option<Value> {
        self.actors.homes.borrow().get(&id).copied()
    }

    /// An actor is gone.
    pub fn forget_actor(&self, id: u64) {
        self.actors.homes.borrow_mut().remove(&id);
    }

    /// Whether a further turn may begin.
    pub fn may_begin_turn(&self) -> bool {
        !self.actors.ending.get() || self.actors.is_reply_wanted()
    }

    /// The world of the main program, or of code that belongs to no actor.
    pub fn own_world(&self, vm: &mut Vm) -> Value {
        self.world(vm, 0)
    }

    /// The world of actors whose code uses no data of its module.
    pub fn shared_world(&self, vm: &mut Vm) -> Value {
        self.world(vm, 1)
    }

    fn world(&self, vm: &mut Vm, which: usize) -> Value {
        let cell = &self.actors.worlds[which];
        let world = cell.get().unwrap_or_else(|| World::create(vm));
        cell.set(Some(world));
        world
    }

    // ---- replies -------------------------------------------------------------

    /// A future of a reply, which is for `world`, and its number.
    pub fn reply_future(&self, vm: &mut Vm, world: Value) -> (u64, Gc<Future>) {
        let future = Future::new(&mut vm.heap, Origin::Reply, world);
        let number = self.actors.next_reply.get();
        self.actors.next_reply.set(number + 1);
        self.actors.replies.borrow_mut().insert(number, future);
        (number, future)
    }

    /// The reply has come: `make` makes it, in the world of those who asked.
    pub fn replied(
        &self,
        vm: &mut Vm,
        number: u64,
        make: impl FnOnce(&mut Vm, Value) -> Result<Value, Value>,
    ) {
        let Some(future) = self.actors.replies.borrow_mut().remove(&number) else { return };
        if !future.is_pending() {
            return;
        }
        match make(vm, future.source()) {
            Ok(value) => self.settle(vm, future, State::Success, value),
            Err(exception) => self.settle(vm, future, State::Failure, exception),
        }
    }

    // ---- the end -------------------------------------------------------------

    /// The main program is over.
    pub(super) fn end_actors(&self) {
        self.actors.ending.set(true);
    }

    /// Ends the workers, and carries out what they had still to say.
    pub(super) fn stop_team(&self, vm: &mut Vm, abandon: bool) {
        let team = self.actors.team.take();
        if let Some(team) = team {
            team.stop(abandon);
            self.io.settle(self, vm);
            *self.actors.team.borrow_mut() = Some(team);
        }
    }
}

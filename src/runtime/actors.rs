//! When actors get their turns (8.16).
//!
//! Actors have a heap of their own in all that a program can observe: messages
//! are copied, handlers and what they captured are frozen. They share the
//! thread of the program: between two turns of the loop each actor that has a
//! message gets one turn. `src/stdlib/actors.rs` has actors themselves.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

use super::{Runtime, end};
use crate::heap::{Gc, Marker};
use crate::object::Future;
use crate::object::future::{Origin, State};
use crate::value::Value;
use crate::vm::{Job, Vm};

/// Actors with something to do.
#[derive(Default)]
pub struct Actors {
    /// Whether there may be any.
    pub enabled: Cell<bool>,
    /// Calls that begin a turn: function and actor.
    due: RefCell<VecDeque<(Value, Value)>>,
    /// Replies that have not come.
    replies: RefCell<Vec<Gc<Future>>>,
    /// The main program is over: actors go on only for replies that somebody
    /// waits for.
    ending: Cell<bool>,
}

impl Actors {
    pub fn trace(&self, marker: &mut Marker) {
        for (function, actor) in self.due.borrow().iter() {
            marker.value(*function);
            marker.value(*actor);
        }
        for reply in self.replies.borrow().iter() {
            marker.object(*reply);
        }
    }
}

impl Runtime {
    /// Whether actors have been enabled; they are now. Once.
    pub fn enable_actors(&self) -> bool {
        !self.actors.enabled.replace(true)
    }

    /// Whether actors may be spawned.
    pub fn has_actors(&self) -> bool {
        self.actors.enabled.get()
    }

    /// An actor has a message: `function` is to be called with it.
    pub fn actor_due(&self, function: Value, actor: Value) {
        self.actors.due.borrow_mut().push_back((function, actor));
    }

    /// A future of a reply.
    pub fn reply_future(&self, vm: &mut Vm) -> Gc<Future> {
        let future = Future::new(&mut vm.heap, Origin::Reply, Value::NIL);
        let mut replies = self.actors.replies.borrow_mut();
        if replies.len() == replies.capacity() {
            replies.retain(|f| f.is_pending());
        }
        replies.push(future);
        future
    }

    /// The reply has come, or will not.
    pub fn reply(&self, vm: &mut Vm, future: Gc<Future>, state: State, value: Value) {
        self.settle(vm, future, state, value);
    }

    /// The main program is over.
    pub(super) fn end_actors(&self) {
        self.actors.ending.set(true);
    }

    /// Whether actors go on.
    pub(super) fn actors_are_busy(&self) -> bool {
        !self.actors.due.borrow().is_empty()
            && (!self.actors.ending.get() || self.is_reply_wanted())
    }

    fn is_reply_wanted(&self) -> bool {
        let replies = self.actors.replies.borrow();
        replies.iter().any(|f| f.is_pending() && end::is_wanted(f.value()))
    }

    /// Each actor that has a message gets a turn.
    pub(super) fn begin_actor_turns(&self, vm: &mut Vm) {
        if !self.actors_are_busy() {
            return;
        }
        for (function, argument) in self.actors.due.take() {
            vm.tasks.ready.push_back(Job::Call { function, argument });
        }
    }
}

//! Cancellation (8.10).

use super::Runtime;
use super::settle::{raise_on_resumption, wake};
use crate::heap::Gc;
use crate::object::coroutine::{CoState, flag};
use crate::object::future::{Origin, State};
use crate::object::{Array, Coroutine, Future, Reaction, string};
use crate::value::Value;
use crate::vm::{ClassName, Job, Vm};

impl Runtime {
    /// A `CancellationException`, for a reason.
    pub fn cancellation(&self, vm: &mut Vm, reason: Option<Value>) -> Value {
        let class = ClassName::CancellationException;
        let code = "GENE.ASYNC.CANCELLED";
        let Some(reason) = reason else {
            return vm.error(class, code, "Future cancelled").0;
        };
        if let Some(text) = string::text_of(reason) {
            return vm.error(class, code, text).0;
        }
        let shown = match vm.class_of(reason).is_a(vm.class(ClassName::Exception)) {
            true => vm.exception_message(reason),
            false => vm.display_data(reason),
        };
        let exception = vm.error(class, code, &shown).0;
        if let Some(record) = crate::object::record::as_record(exception) {
            record.set(&mut vm.heap, vm.names.cause, reason);
        }
        exception
    }

    /// Cancels a pending future.
    pub fn cancel(&self, vm: &mut Vm, future: Gc<Future>, exception: Value) {
        let task = self.withdraw(vm, future);
        self.settle(vm, future, State::Cancelled, exception);
        if let Some(task) = task {
            self.stop_task(vm, task, exception);
        }
    }

    /// A pending future is about to be settled by somebody else than what was
    /// going to: timers and channel operations are taken back, a follower stops
    /// following. The task, if it is that of one.
    pub fn withdraw(&self, vm: &mut Vm, future: Gc<Future>) -> Option<Gc<Coroutine>> {
        match future.origin() {
            Origin::Task => return Gc::from_value(future.source()),
            Origin::Follow => {
                if let Some(followed) = Gc::<Future>::from_value(future.source()) {
                    followed.remove_waiter(future.value());
                    self.abandon(vm, followed);
                }
            }
            // The timer sees that the future is settled.
            Origin::Timer => self.timer_removed_with(vm, future.value()),
            // Nobody serves a settled future.
            Origin::Channel => super::channel::withdrawn(vm, future),
            Origin::Deferred => self.defer_withdrawn(vm, future),
            Origin::Watch => self.watch_ends(vm, future.source()),
            Origin::Scope | Origin::Hand | Origin::Io | Origin::Combinator | Origin::Reply => {}
        }
        None
    }

    /// Somebody waits no longer for a future: if it is a timer, an I/O or a
    /// channel operation and nobody else waits for it, it is cancelled.
    fn abandon(&self, vm: &mut Vm, future: Gc<Future>) {
        if future.is_pending() && future.origin().is_primitive() && !future.has_waiters() {
            let exception = self.cancellation(vm, None);
            self.cancel(vm, future, exception);
        }
    }

    /// Makes a task raise an exception: at its `await` if it is suspended
    /// there, else at the next one.
    pub fn stop_task(&self, vm: &mut Vm, task: Gc<Coroutine>, exception: Value) {
        if task.state.get() == CoState::Done {
            return;
        }
        task.flags.set(task.flags.get() | flag::STOPPED);
        let waiting = task.waiting.get();
        if task.state.get() == CoState::Suspended && !waiting.is_nil() {
            if self.stop_scope_end(vm, task, waiting, exception) {
                return;
            }
            self.stop_waiting(vm, task);
            raise_on_resumption(vm, task, exception);
            vm.tasks.ready.push_back(Job::Resume(task));
            return;
        }
        if task.flags.get() & flag::RAISE == 0 {
            task.thrown.set(exception);
            task.flags.set(task.flags.get() | flag::CANCEL);
            vm.heap.barrier(task);
        }
    }

    /// Takes a suspended task off the lists of those it waits for.
    fn stop_waiting(&self, vm: &mut Vm, task: Gc<Coroutine>) {
        let waiting = task.waiting.replace(Value::NIL);
        if let Some(future) = Gc::<Future>::from_value(waiting) {
            future.remove_waiter(task.value());
            self.abandon(vm, future);
        } else if let Some(join) = Gc::<Reaction>::from_value(waiting) {
            self.dissolve(vm, join);
        }
    }

    /// Ends a join before its time.
    pub fn dissolve(&self, vm: &mut Vm, join: Gc<Reaction>) {
        self.end_join(vm, join);
        let operands = Gc::<Array>::from_value(join.b.get()).map(|a| a.to_vec());
        for operand in operands.unwrap_or_default() {
            if let Some(future) = Gc::<Future>::from_value(operand) {
                future.remove_waiter(join.value());
                self.abandon(vm, future);
            }
        }
    }

    /// Resumes a task that is suspended at something that will not come.
    pub fn wake_with(&self, vm: &mut Vm, task: Gc<Coroutine>, exception: Value) {
        raise_on_resumption(vm, task, exception);
        wake(vm, task);
    }
}

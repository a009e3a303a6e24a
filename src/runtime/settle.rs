//! Settling futures: whoever waits gets a job, followers settle at once.

use super::Runtime;
use crate::heap::Gc;
use crate::object::coroutine::flag;
use crate::object::future::{Origin, Reacts, State};
use crate::object::{Array, Coroutine, Future, Reaction};
use crate::value::Value;
use crate::vm::{ClassName, Job, Throw, Vm};

/// A future, and a waiter that has still to be told of it.
type Step = (Gc<Future>, Value);

/// What is to be told, in reverse. The only waiter of a future is not put there
/// but returned: this is the usual case, and needs no memory.
type Work = Vec<Step>;

impl Runtime {
    /// Settles a pending future and tells those who wait, in the order of
    /// their registration; waiters of a follower come at its place.
    pub fn settle(&self, vm: &mut Vm, future: Gc<Future>, state: State, value: Value) {
        if !future.is_pending() {
            return;
        }
        let mut work = Work::new();
        let mut next = self.fill(vm, future, state, value, &mut work);
        while let Some((future, waiter)) = next.or_else(|| work.pop()) {
            next = self.tell(vm, future, waiter, &mut work);
        }
    }

    fn fill(
        &self,
        vm: &mut Vm,
        future: Gc<Future>,
        state: State,
        value: Value,
        work: &mut Work,
    ) -> Option<Step> {
        let single = future.take_single();
        let several = match single {
            None if future.has_waiters() => future.take_waiters(),
            _ => Vec::new(),
        };
        let task = Gc::<Coroutine>::from_value(future.source());
        future.fill(&mut vm.heap, state, value);
        if state == State::Failure && !future.is_observed() {
            let mut waiters = single.iter().chain(&several);
            match waiters.any(|w| observes(*w)) {
                true => drop(future.observe()),
                false => self.failures.borrow_mut().add(future, task, value),
            }
        }
        work.extend(several.into_iter().rev().map(|w| (future, w)));
        single.map(|waiter| (future, waiter))
    }

    fn tell(
        &self,
        vm: &mut Vm,
        future: Gc<Future>,
        waiter: Value,
        work: &mut Work,
    ) -> Option<Step> {
        if let Some(task) = Gc::<Coroutine>::from_value(waiter) {
            wake(vm, task);
        } else if let Some(follower) = Gc::<Future>::from_value(waiter) {
            if follower.is_pending() {
                let (state, value) = (future.state(), future.value_inside());
                return self.fill(vm, follower, state, value, work);
            }
        } else if let Some(reaction) = Gc::<Reaction>::from_value(waiter) {
            return self.react(vm, future, reaction, work);
        }
        None
    }

    fn react(
        &self,
        vm: &mut Vm,
        future: Gc<Future>,
        reaction: Gc<Reaction>,
        work: &mut Work,
    ) -> Option<Step> {
        if reaction.is_spent() {
            return None;
        }
        let succeeded = future.state() == State::Success;
        match reaction.reacts() {
            Reacts::OnSuccess if succeeded => call_back(vm, reaction, future),
            Reacts::OnFailure if !succeeded => call_back(vm, reaction, future),
            Reacts::Join if reaction.count_down() == 0 => {
                self.end_join(vm, reaction);
                if let Some(task) = Gc::<Coroutine>::from_value(reaction.a.get()) {
                    wake(vm, task);
                }
            }
            Reacts::Input => {
                if let Some((result, state, value)) = self.input_settled(vm, future, reaction)
                    && result.is_pending()
                {
                    return self.fill(vm, result, state, value, work);
                }
            }
            Reacts::Stream => {
                if let Some((next, state, value)) = self.stream_settled(vm, future, reaction) {
                    return self.fill(vm, next, state, value, work);
                }
            }
            _ => {}
        }
        None
    }

    /// A join waits no longer.
    pub fn end_join(&self, vm: &mut Vm, join: Gc<Reaction>) {
        join.spend();
        if join.is_timed() {
            join.clear_timed();
            self.timer_removed(vm);
        }
    }

    /// Completes a pending future with a value; a future is followed.
    pub fn complete(&self, vm: &mut Vm, future: Gc<Future>, value: Value) {
        match Gc::<Future>::from_value(value) {
            Some(followed) => self.follow(vm, future, followed),
            None => self.settle(vm, future, State::Success, value),
        }
    }

    fn follow(&self, vm: &mut Vm, future: Gc<Future>, followed: Gc<Future>) {
        // A cycle closes only at a future that somebody follows already; without
        // this, a long chain would be walked for each of its links.
        let mut at = followed;
        loop {
            if at == future {
                let message = "GENE.ASYNC.CYCLE: a future cannot follow itself";
                let class = ClassName::ConcurrencyException;
                let throw = vm.error(class, "GENE.ASYNC.CYCLE", message);
                return self.settle(vm, future, State::Failure, throw.0);
            }
            match Gc::<Future>::from_value(at.source()) {
                Some(next)
                    if future.has_waiters() && at.is_pending() && at.origin() == Origin::Follow =>
                {
                    at = next;
                }
                _ => break,
            }
        }
        if followed.is_pending() {
            future.set_origin(&mut vm.heap, Origin::Follow, followed.value());
            followed.add_waiter(&mut vm.heap, future.value());
            return;
        }
        self.observe_failure(followed);
        self.settle(vm, future, followed.state(), followed.value_inside());
    }

    /// A task, or a step of an async generator, has ended.
    pub fn end_task(&self, vm: &mut Vm, task: Gc<Coroutine>, outcome: Result<Value, Value>) {
        let Some(future) = Gc::<Future>::from_value(task.slot.get()) else { return };
        let own = future.is_pending() && future.source() == task.value();
        match outcome {
            Ok(value) if own => self.complete(vm, future, value),
            Err(exception) if own => self.settle(vm, future, State::Failure, exception),
            Err(exception)
                if task.flags.get() & flag::STOPPED != 0 && !self.is_in_aborted_scope(task) =>
            {
                let class = vm.class(ClassName::CancellationException);
                if !vm.class_of(exception).is_a(class) {
                    self.failures.borrow_mut().add_exception(exception);
                }
            }
            _ => {}
        }
        self.child_ended(vm, task, future);
        if task.code.data.kind == gene_isa::FnKind::AsyncGenerator {
            self.step_ended(vm, task);
        }
    }

    /// An `await` of these operands, some of which are pending: registered
    /// with all of them, as often as they stand there.
    pub fn join(
        &self,
        vm: &mut Vm,
        task: Option<Gc<Coroutine>>,
        operands: &[Value],
        timeout: Option<Value>,
    ) -> Result<Gc<Reaction>, Throw> {
        let timeout = match timeout {
            Some(duration) => Some(crate::vm::tasks::milliseconds(vm, duration)?),
            None => None,
        };
        let mut pending: Vec<Gc<Future>> = Vec::with_capacity(operands.len());
        for operand in operands {
            if let Some(future) = Gc::<Future>::from_value(*operand)
                && future.is_pending()
            {
                pending.push(future);
            }
        }
        let heap = &mut vm.heap;
        let values: Vec<Value> = pending.iter().map(|f| f.value()).collect();
        let all = Array::new(heap, &values).value();
        let waiter = task.map_or(Value::NIL, Gc::value);
        let join = Reaction::new(heap, Reacts::Join, waiter, all, pending.len() as u32);
        if timeout == Some(0.0) {
            let throw = self.timeout_exception(vm, "await timed out");
            self.fail_operands(vm, join, throw.0);
            return Err(throw);
        }
        for future in &pending {
            future.add_waiter(&mut vm.heap, join.value());
        }
        if let Some(task) = task {
            task.waiting.set(join.value());
            vm.heap.barrier(task);
        }
        if let Some(ms) = timeout.filter(|ms| ms.is_finite()) {
            join.set_timed();
            self.set_timer(vm, ms, join.value());
        }
        Ok(join)
    }

    /// A `TimeoutException`.
    pub fn timeout_exception(&self, vm: &mut Vm, message: &str) -> Throw {
        vm.error(ClassName::TimeoutException, "GENE.ASYNC.TIMEOUT", message)
    }

    /// The time of an `await` is up: what is pending fails. The task is then
    /// resumed by raising the exception; synchronous code finds it in the join.
    pub fn time_out(&self, vm: &mut Vm, join: Gc<Reaction>) {
        let exception = self.timeout_exception(vm, "await timed out").0;
        match Gc::<Coroutine>::from_value(join.a.get()) {
            Some(task) => raise_on_resumption(vm, task, exception),
            None => {
                join.a.set(exception);
                vm.heap.barrier(join);
            }
        }
        self.fail_operands(vm, join, exception);
    }

    fn fail_operands(&self, vm: &mut Vm, join: Gc<Reaction>, exception: Value) {
        let operands = Gc::<Array>::from_value(join.b.get()).map(|a| a.to_vec());
        let mut tasks = Vec::new();
        for operand in operands.unwrap_or_default() {
            let Some(future) = Gc::<Future>::from_value(operand) else { continue };
            if future.is_pending() {
                future.observe();
                tasks.extend(self.withdraw(vm, future));
                self.settle(vm, future, State::Failure, exception);
            }
        }
        for task in tasks {
            let exception = self.cancellation(vm, None);
            self.stop_task(vm, task, exception);
        }
    }
}

/// Makes a suspended task go on by raising.
pub(super) fn raise_on_resumption(vm: &mut Vm, task: Gc<Coroutine>, exception: Value) {
    task.thrown.set(exception);
    task.flags.set(task.flags.get() | flag::RAISE);
    vm.heap.barrier(task);
}

/// Whether a waiter counts as somebody who looks at a failure.
fn observes(waiter: Value) -> bool {
    Gc::<Reaction>::from_value(waiter)
        .is_none_or(|r| !r.is_spent() && r.reacts() != Reacts::OnSuccess)
}

/// Queues the job that resumes a task.
pub(super) fn wake(vm: &mut Vm, task: Gc<Coroutine>) {
    task.waiting.set(Value::NIL);
    task.flags.set(task.flags.get() | flag::WOKEN);
    vm.tasks.ready.push_back(Job::Resume(task));
}

fn call_back(vm: &mut Vm, reaction: Gc<Reaction>, future: Gc<Future>) {
    let (function, argument) = (reaction.a.get(), future.value_inside());
    vm.tasks.ready.push_back(Job::Call { function, argument });
}

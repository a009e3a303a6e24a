//! Turns of the loop, and driving it from synchronous code (8.7).

use super::timers::Timer;
use super::{Runtime, end};
use crate::heap::Gc;
use crate::object::future::{Reacts, State};
use crate::object::{Code, Future, Reaction, foreign::foreign};
use crate::value::Value;
use crate::vm::{ClassName, Context, Job, Throw, Vm};

/// Drives of the loop inside each other, at most.
const MAX_DRIVES: u32 = 100;
/// How long a virtual clock waits for a service before it jumps.
const VIRTUAL_GRACE: std::time::Duration = std::time::Duration::from_millis(10);
/// Jobs that run between two forms of the top level, at most.
const JOBS_BETWEEN_FORMS: usize = 1000;

/// What a turn came to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Jobs ran.
    Ran,
    /// Something happened, but there was no job.
    Idle,
    /// There is nothing to do and nothing to wait for.
    Nothing,
}

/// Whether the target of a timer is still interested.
pub(super) fn is_live(target: Value) -> bool {
    if let Some(future) = Gc::<Future>::from_value(target) {
        return future.is_pending();
    }
    if let Some(reaction) = Gc::<Reaction>::from_value(target) {
        return !reaction.is_spent();
    }
    match foreign::<super::scope::TaskScope>(target) {
        Some(scope) => scope.is_timed(),
        None => foreign::<super::time::Watch>(target).is_some_and(|w| !w.is_over()),
    }
}

impl Runtime {
    // ---- timers ----------------------------------------------------------

    /// Sets a timer that is due in `ms` milliseconds; never, if that is
    /// infinite.
    pub fn set_timer(&self, vm: &mut Vm, ms: f64, target: Value) {
        if !ms.is_finite() {
            return;
        }
        let due = self.clock.now().saturating_add((ms * 1e6) as u64);
        let mut timers = self.timers.borrow_mut();
        timers.set(due, target);
        vm.live_timers = timers.live();
    }

    /// A timer has been removed: its target is not live any more.
    pub fn timer_removed(&self, vm: &mut Vm) {
        let mut timers = self.timers.borrow_mut();
        timers.removed(is_live);
        vm.live_timers = timers.live();
    }

    /// The same where the target is about to be settled.
    pub fn timer_removed_with(&self, vm: &mut Vm, removed: Value) {
        let mut timers = self.timers.borrow_mut();
        timers.removed(|target| target != removed && is_live(target));
        vm.live_timers = timers.live();
    }

    fn take_due(&self, vm: &mut Vm, now: u64) -> Option<Timer> {
        let mut timers = self.timers.borrow_mut();
        let timer = timers.take_due(now, is_live);
        vm.live_timers = timers.live();
        timer
    }

    fn next_due(&self) -> Option<u64> {
        self.timers.borrow_mut().next_due(is_live)
    }

    /// Settles what is due; whether there was anything.
    fn settle_due(&self, vm: &mut Vm) -> bool {
        if self.timers.borrow().live() == 0 {
            return false;
        }
        let now = self.clock.now();
        let mut any = false;
        while let Some(timer) = self.take_due(vm, now) {
            any = true;
            let target = timer.target;
            if let Some(future) = Gc::<Future>::from_value(target) {
                self.settle(vm, future, State::Success, Value::NIL);
            } else if let Some(reaction) = Gc::<Reaction>::from_value(target) {
                reaction.clear_timed();
                match reaction.reacts() {
                    Reacts::Defer => self.start_deferred(vm, reaction),
                    _ => self.time_out(vm, reaction),
                }
            } else if !self.scope_timed_out(vm, target) {
                self.watch_due(vm, target);
            }
        }
        any
    }

    // ---- turns -----------------------------------------------------------

    /// One turn; `sleep`: if nothing is ready, until the next timer or
    /// completion, which then are for the turn after this one.
    ///
    /// # Errors
    ///
    /// `CancellationException` if the user interrupted it.
    pub fn turn(&self, vm: &mut Vm, sleep: bool) -> Result<Turn, Throw> {
        self.check_scopes(vm);
        // What synchronous code waits for may be settled without a job.
        let due = self.settle_due(vm);
        let arrived = self.is_listening() && self.io.settle(self, vm);
        let settled = due || arrived;
        self.deliver_events(vm);
        if vm.tasks.ready.is_empty() {
            self.settle_idlers(vm);
        }
        if vm.tasks.ready.is_empty() {
            if settled {
                return Ok(Turn::Idle);
            }
            if !sleep {
                return Ok(Turn::Nothing);
            }
            return self.sleep(vm);
        }
        self.turn_left.set(vm.tasks.ready.len());
        self.run_turn(vm)?;
        self.look_again(vm)?;
        Ok(Turn::Ran)
    }

    /// Runs the jobs of the present turn.
    fn run_turn(&self, vm: &mut Vm) -> Result<(), Throw> {
        loop {
            let left = self.turn_left.get();
            if left == 0 {
                return Ok(());
            }
            vm.safepoint_between_jobs()?;
            self.turn_left.set(left - 1);
            let Some(job) = self.next_job(vm, left) else { return Ok(()) };
            self.run_job(vm, job)?;
        }
    }

    /// The next job among the first `count`.
    fn next_job(&self, vm: &mut Vm, count: usize) -> Option<Job> {
        let ready = &mut vm.tasks.ready;
        match &self.random {
            None => ready.pop_front(),
            Some(random) => {
                let among = count.min(ready.len()).max(1);
                let at = random.borrow_mut().usize(..among);
                ready.remove(at)
            }
        }
    }

    fn run_job(&self, vm: &mut Vm, job: Job) -> Result<(), Throw> {
        self.jobs_running.set(self.jobs_running.get() + 1);
        let result = match job {
            Job::Resume(task) => vm.resume_task(task),
            Job::Call { function, argument } => {
                self.call_back(vm, function, argument);
                Ok(())
            }
            Job::Event { subscription, payload } => {
                self.call_subscriber(vm, subscription, payload);
                Ok(())
            }
            Job::Start { function, future, scope } => {
                self.run_deferred(vm, function, future, scope)
            }
        };
        self.jobs_running.set(self.jobs_running.get() - 1);
        result
    }

    /// Calls a function outside of all tasks and scopes; what it raises is
    /// reported.
    pub fn call_back(&self, vm: &mut Vm, function: Value, argument: Value) {
        let args = [argument];
        let args = if takes_argument(vm, function) { &args[..] } else { &[] };
        vm.tasks.enter(Context::EMPTY);
        let result = vm.call(function, args);
        vm.tasks.leave();
        if let Err(throw) = result {
            self.report(vm, throw.0, crate::diag::Stage::Callback);
        }
    }

    /// Waits for the next timer or completion.
    fn sleep(&self, vm: &mut Vm) -> Result<Turn, Throw> {
        let due = self.next_due();
        let next_message = self.drives.get() == 0 && self.actors.is_waiting_for_messages();
        if due.is_none() && !self.is_busy() && !next_message {
            return Ok(Turn::Nothing);
        }
        vm.flush();
        if self.clock.is_virtual() {
            match due {
                Some(due) if !self.io.is_working() => self.clock.advance_to(due),
                // The program may be talking to itself: what comes next may be
                // the timer.
                Some(due) if self.io.services.are_running() => {
                    if !vm.waiting(|vm| self.io.wait(&vm.interrupt, Some(VIRTUAL_GRACE), true)) {
                        self.clock.advance_to(due);
                    }
                }
                _ => {
                    vm.waiting(|vm| self.io.wait(&vm.interrupt, None, true));
                }
            }
        } else {
            let limit = due.map(|due| self.clock.until(due));
            vm.waiting(|vm| self.io.wait(&vm.interrupt, limit, self.is_listening()));
        }
        self.check_interrupt(vm)?;
        Ok(Turn::Idle)
    }

    /// Whether something may happen besides timers that a program could wait
    /// for.
    fn is_busy(&self) -> bool {
        self.io.is_busy() || self.actors.may_reply()
    }

    /// Whether something may happen besides timers.
    fn is_listening(&self) -> bool {
        self.io.is_busy() || self.actors.are_enabled()
    }

    /// Turns until `done`, in a task of a host's Tokio runtime, which runs
    /// meanwhile. False if that cannot happen.
    ///
    /// # Errors
    ///
    /// If it is interrupted.
    pub async fn drive_in_host(
        &self,
        vm: &mut Vm,
        done: &mut dyn FnMut(&Runtime, &mut Vm) -> bool,
    ) -> Result<bool, Throw> {
        self.io.use_host(tokio::runtime::Handle::current());
        while !done(self, vm) {
            if self.turn(vm, false)? != Turn::Nothing || !vm.tasks.ready.is_empty() {
                // Tasks of the host are not to wait longer than a turn.
                tokio::task::yield_now().await;
                continue;
            }
            let due = self.next_due();
            if due.is_none() && !self.is_busy() {
                return Ok(false);
            }
            vm.flush();
            match due {
                Some(due) if self.clock.is_virtual() && !self.io.is_working() => {
                    self.clock.advance_to(due);
                }
                _ => {
                    let limit = due.map(|due| self.clock.until(due));
                    self.io.wait_in_host(&vm.interrupt, limit).await;
                }
            }
            self.check_interrupt(vm)?;
        }
        Ok(true)
    }

    fn check_interrupt(&self, vm: &mut Vm) -> Result<(), Throw> {
        if vm.interrupt.take() & crate::vm::interrupt::CANCEL != 0 {
            let class = ClassName::CancellationException;
            return Err(vm.error(class, "GENE.ASYNC.CANCELLED", "interrupted"));
        }
        Ok(())
    }

    /// Runs jobs between two forms of the top level of the main program.
    pub fn top_level_turn(&self, vm: &mut Vm, code: Gc<Code>) -> Result<Value, Throw> {
        if !self.is_main(vm, code) {
            return Ok(Value::NIL);
        }
        let mut run = 0;
        while run < JOBS_BETWEEN_FORMS && !vm.tasks.ready.is_empty() {
            vm.safepoint_between_jobs()?;
            let Some(job) = self.next_job(vm, 1) else { break };
            self.run_job(vm, job)?;
            run += 1;
        }
        if run > 0 {
            self.look_again(vm)?;
        }
        Ok(Value::NIL)
    }

    /// A turn within a loop of the top level of the main program.
    pub fn loop_turn(&self, vm: &mut Vm, code: Gc<Code>) -> Result<Value, Throw> {
        if self.is_main(vm, code) {
            self.turn(vm, false)?;
        }
        Ok(Value::NIL)
    }

    fn is_main(&self, vm: &Vm, code: Gc<Code>) -> bool {
        vm.modules.first() == Some(&code.module) && !self.is_in_job(vm)
    }

    /// Whether a job or a task is running.
    pub fn is_in_job(&self, vm: &Vm) -> bool {
        self.jobs_running.get() > 0 || vm.tasks.context.task.is_some()
    }

    // ---- driving ---------------------------------------------------------

    /// Runs turns until `done`, which is asked before the first and after
    /// each.
    ///
    /// # Errors
    ///
    /// `ConcurrencyException` if that cannot happen, and what `done` raises.
    pub fn drive_until(
        &self,
        vm: &mut Vm,
        done: &mut dyn FnMut(&mut Vm) -> Result<bool, Throw>,
    ) -> Result<(), Throw> {
        if done(vm)? {
            return Ok(());
        }
        if self.drives.get() >= MAX_DRIVES {
            let message = format!(
                "GENE.ASYNC.NESTING: more than {MAX_DRIVES} drives of the event loop inside each other"
            );
            return Err(self.concurrency(vm, "GENE.ASYNC.NESTING", &message));
        }
        self.drives.set(self.drives.get() + 1);
        let result = self.drive_turns(vm, done);
        self.drives.set(self.drives.get() - 1);
        result
    }

    fn drive_turns(
        &self,
        vm: &mut Vm,
        done: &mut dyn FnMut(&mut Vm) -> Result<bool, Throw>,
    ) -> Result<(), Throw> {
        loop {
            let turn = self.turn(vm, true)?;
            if done(vm)? {
                return Ok(());
            }
            if turn == Turn::Nothing && vm.tasks.ready.is_empty() {
                return Err(self.deadlock(vm));
            }
            self.raise_abort(vm)?;
        }
    }

    /// The exception for waiting for what cannot happen.
    pub fn deadlock(&self, vm: &mut Vm) -> Throw {
        let message = "GENE.ASYNC.DEADLOCK: this can never be settled: \
                       no job is ready, no timer set, nothing outstanding";
        self.concurrency(vm, "GENE.ASYNC.DEADLOCK", message)
    }

    /// A `ConcurrencyException`.
    pub fn concurrency(&self, vm: &mut Vm, code: &str, message: &str) -> Throw {
        vm.error(ClassName::ConcurrencyException, code, message)
    }

    /// An `await` in synchronous code.
    pub fn drive_await(
        &self,
        vm: &mut Vm,
        operands: &[Value],
        timeout: Option<Value>,
    ) -> Result<(), Throw> {
        let join = self.join(vm, None, operands, timeout)?;
        let mark = vm.root_mark();
        vm.root(join.value());
        let mut result = self.drive_until(vm, &mut |_| Ok(join.is_spent()));
        if let Err(throw) = result
            && !join.is_spent()
        {
            result = self.leave_await(vm, join, operands, throw);
        }
        vm.unroot(mark);
        result?;
        match join.a.get() {
            exception if exception.is_nil() => Ok(()),
            exception => Err(Throw(exception)),
        }
    }

    /// An `await` in synchronous code ends without its futures. The children
    /// of a task scope are cancelled and waited for all the same.
    fn leave_await(
        &self,
        vm: &mut Vm,
        join: Gc<Reaction>,
        operands: &[Value],
        throw: Throw,
    ) -> Result<(), Throw> {
        let mark = vm.root_mark();
        vm.root(throw.0);
        if let [one] = operands
            && self.cancel_children_of(vm, *one)
        {
            let ended = self.drive_until(vm, &mut |_| Ok(join.is_spent()));
            if ended.is_err() {
                self.dissolve(vm, join);
            }
        } else if vm.class_of(throw.0).is_a(vm.class(ClassName::CancellationException)) {
            self.dissolve(vm, join);
        } else {
            // It is not given up on purpose: the operands keep going.
            self.end_join(vm, join);
            for operand in operands {
                if let Some(future) = Gc::<Future>::from_value(*operand) {
                    future.remove_waiter(join.value());
                }
            }
        }
        vm.unroot(mark);
        Err(throw)
    }

    // ---- the end ---------------------------------------------------------

    /// Whether something is ready, or is going to be that somebody waits for
    /// (8.15, step 1).
    pub fn is_outstanding(&self, vm: &Vm) -> bool {
        !vm.tasks.ready.is_empty()
            || self.events.borrow().is_queued()
            || self.actors.is_reply_wanted()
            || self.io.is_wanted(end::is_wanted)
            || self.timers.borrow().targets().any(|t| is_live(t) && end::is_wanted(t))
    }

    fn settle_idlers(&self, vm: &mut Vm) {
        if self.idlers.borrow().is_empty() || self.is_outstanding(vm) {
            return;
        }
        for future in self.idlers.take() {
            self.settle(vm, future, State::Success, Value::NIL);
        }
    }
}

/// Whether a callback takes an argument.
fn takes_argument(vm: &Vm, function: Value) -> bool {
    use crate::object::{BoundMethod, Function, Native};
    if let Some(f) = Gc::<Function>::from_value(function) {
        let params = &f.code.data.params;
        return !params.positional.is_empty() || params.rest.is_some();
    }
    if let Some(native) = Gc::<Native>::from_value(function) {
        return native.max > 0;
    }
    if let Some(bound) = Gc::<BoundMethod>::from_value(function) {
        return takes_argument(vm, bound.method);
    }
    match vm.class_of(function).find_method(vm.names.call) {
        Some(method) if Gc::<crate::object::Class>::from_value(function).is_none() => {
            takes_argument(vm, method)
        }
        _ => true,
    }
}

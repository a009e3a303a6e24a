//! Failures that nobody observed, reports, and the end of a program (8.15).

use std::collections::BTreeMap;

use super::Runtime;
use super::scheduler::Turn;
use crate::diag::{Diagnostic, Stage, Style};
use crate::heap::{Gc, Marker};
use crate::object::coroutine::{CoState, flag};
use crate::object::future::Reacts;
use crate::object::{Coroutine, Future, Reaction};
use crate::value::Value;
use crate::vm::{Throw, Vm};

/// Failures kept with exception and trace; more are only counted.
const KEPT: usize = 100;

struct Unobserved {
    exception: Value,
    /// The task failed before its first suspension.
    early: bool,
}

/// Failures that nobody has observed yet.
#[derive(Default)]
pub struct Log {
    kept: BTreeMap<i64, Unobserved>,
    /// How many more there are.
    more: u64,
    next: i64,
    /// Whether a callback or an actor has failed, which has been reported.
    reported: bool,
}

impl Log {
    /// A future, that of a task perhaps, has failed unobserved.
    pub fn add(&mut self, future: Gc<Future>, task: Option<Gc<Coroutine>>, exception: Value) {
        let early = task.is_some_and(|t| t.flags.get() & flag::LISTED == 0);
        let number = self.list(Unobserved { exception, early });
        future.set_listed(number);
    }

    /// A task has failed whose future says something else.
    pub fn add_exception(&mut self, exception: Value) {
        self.list(Unobserved { exception, early: false });
    }

    fn list(&mut self, failure: Unobserved) -> i64 {
        self.next += 1;
        match self.kept.len() < KEPT {
            true => drop(self.kept.insert(self.next, failure)),
            false => self.more += 1,
        }
        self.next
    }

    fn remove(&mut self, number: i64) {
        if self.kept.remove(&number).is_none() {
            self.more = self.more.saturating_sub(1);
        }
    }

    pub fn trace(&self, marker: &mut Marker) {
        for failure in self.kept.values() {
            marker.value(failure.exception);
        }
    }
}

/// What went wrong in a program besides an uncaught exception.
#[derive(Default, Debug)]
pub struct Failures {
    /// Exceptions of futures that nobody observed, in order of failing.
    pub unobserved: Vec<Value>,
    /// How many of these are only worth a warning: the future was failed already
    /// when the program got it.
    pub warnings: usize,
    /// How many more there were.
    pub more: u64,
    /// Whether something else failed that has been reported already.
    pub reported: bool,
}

impl Failures {
    /// Whether the program failed by them.
    pub fn are_serious(&self) -> bool {
        self.unobserved.len() > self.warnings || self.more > 0 || self.reported
    }
}

impl Runtime {
    /// Somebody looks at the failure of a future.
    pub fn observe_failure(&self, future: Gc<Future>) {
        if let Some(number) = future.observe() {
            self.failures.borrow_mut().remove(number);
        }
    }

    /// Reports an exception that cannot go anywhere, on standard error.
    pub fn report(&self, vm: &mut Vm, exception: Value, stage: Stage) {
        self.report_only(vm, exception, stage);
        self.failures.borrow_mut().reported = true;
    }

    /// Something has failed that has been reported.
    pub fn has_failed(&self) {
        self.failures.borrow_mut().reported = true;
    }

    /// The same where the program does not fail by it.
    pub fn report_only(&self, vm: &mut Vm, exception: Value, stage: Stage) {
        vm.flush();
        let text = report_of(vm, exception, stage).render(&vm.sources, Style::Plain);
        let _ = vm.err.write_all(text.as_bytes());
    }

    /// The loop's part of the end of a program that ended normally: runs what
    /// is still to run, and stops what cannot go on.
    ///
    /// # Errors
    ///
    /// What a turn of the loop raises.
    pub fn finish(&self, vm: &mut Vm) -> Result<Failures, Throw> {
        self.end_actors();
        self.run_out(vm)?;
        self.cancel_suspended(vm);
        self.run_out(vm)?;
        self.stop_team(vm, false);
        self.drain_services();
        Ok(self.take_failures())
    }

    /// The same after an uncaught exception: tasks are cancelled so that their
    /// `finally` blocks run; timers are not waited for.
    pub fn abandon_all(&self, vm: &mut Vm) {
        self.cancel_suspended(vm);
        while let Ok(Turn::Ran) = self.turn(vm, false) {}
        self.stop_team(vm, true);
    }

    /// The failures that nobody has observed until now.
    pub fn take_failures(&self) -> Failures {
        let mut log = self.failures.borrow_mut();
        let kept = std::mem::take(&mut log.kept);
        let warnings = kept.values().filter(|f| f.early).count();
        let unobserved = kept.into_values().map(|f| f.exception).collect();
        let more = std::mem::take(&mut log.more);
        let reported = std::mem::take(&mut log.reported);
        Failures { unobserved, warnings, more, reported }
    }

    /// Runs the loop as long as something is outstanding.
    fn run_out(&self, vm: &mut Vm) -> Result<(), Throw> {
        loop {
            self.check_scopes(vm);
            if !self.is_outstanding(vm) {
                // Those in `$await_all` may make more.
                if self.turn(vm, false)? != Turn::Ran {
                    return Ok(());
                }
                continue;
            }
            self.turn(vm, true)?;
        }
    }

    /// Cancels all tasks that are suspended, in the order of their start.
    fn cancel_suspended(&self, vm: &mut Vm) {
        for task in vm.tasks.suspended() {
            if task.state.get() != CoState::Suspended || task.waiting.get().is_nil() {
                continue;
            }
            match Gc::<Future>::from_value(task.slot.get()).filter(|f| f.is_pending()) {
                Some(future) => {
                    let exception = self.cancellation(vm, None);
                    // The task may have ended and its future follow another one.
                    self.cancel(vm, future, exception);
                    self.stop_unless_stopped(vm, task, exception);
                }
                None => {
                    let exception = self.cancellation(vm, None);
                    self.stop_task(vm, task, exception);
                }
            }
        }
    }

    fn stop_unless_stopped(&self, vm: &mut Vm, task: Gc<Coroutine>, exception: Value) {
        if !task.waiting.get().is_nil() {
            self.stop_task(vm, task, exception);
        }
    }
}

/// An exception as a diagnostic of a stage.
pub fn report_of(vm: &Vm, exception: Value, stage: Stage) -> Diagnostic {
    let message = vm.exception_message(exception);
    let code = vm.exception_code(exception).unwrap_or_else(|| "GENE.RUNTIME.ERROR".into());
    let span = match message.starts_with("ContractViolation: ") {
        true => crate::source::Span::NONE,
        false => vm.exception_span(exception),
    };
    Diagnostic::error(stage, code, span, &message)
}

/// Whether a task or callback waits for a future or for what a timer is for,
/// directly or through followers and combinators (8.15).
pub fn is_wanted(target: Value) -> bool {
    let mut todo = vec![target];
    while let Some(next) = todo.pop() {
        if let Some(future) = Gc::<Future>::from_value(next) {
            for waiter in future.waiters() {
                if Gc::<Coroutine>::from_value(waiter).is_some() {
                    return true;
                }
                todo.push(waiter);
            }
        } else if let Some(reaction) = Gc::<Reaction>::from_value(next) {
            if reaction.is_spent() {
                continue;
            }
            match reaction.reacts() {
                Reacts::OnSuccess | Reacts::OnFailure | Reacts::Join | Reacts::Defer => {
                    return true;
                }
                Reacts::Input => match Gc::<Reaction>::from_value(reaction.a.get()) {
                    Some(group) => todo.push(group.a.get()),
                    None => continue,
                },
                Reacts::Stream if super::combinators::stream_is_wanted(reaction.a.get()) => {
                    return true;
                }
                _ => {}
            }
        } else if !next.is_nil() {
            // A task scope or a condition: somebody waits for its end.
            return true;
        }
    }
    false
}

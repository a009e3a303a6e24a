//! Sleeping, deferring, waiting for conditions (8.8), and running the loop by
//! hand.

use std::cell::Cell;
use std::time::Duration;

use super::Runtime;
use crate::heap::{Gc, Marker};
use crate::object::foreign::{Foreign, ForeignData, foreign};
use crate::object::future::{Origin, Reacts, State};
use crate::object::{Array, Future, Reaction};
use crate::value::Value;
use crate::vm::tasks::milliseconds;
use crate::vm::{Args, Context, Job, Throw, Vm};

type Outcome = Result<Value, Throw>;

pub(super) fn install(vm: &mut Vm) {
    vm.define_fn_in("gene/sleep", 1, 1, sleep);
    vm.define("sleep", 1, 1, sleep);
    vm.define_fn_in("gene/sleep_async", 1, 1, sleep_async);
    vm.define_fn_in("gene/poll_event_loop", 0, 0, poll);
    vm.define("run_forever", 0, 0, run_forever);
    vm.define("stop_scheduler", 0, 0, stop_scheduler);
}

/// Blocks the thread.
fn sleep(vm: &mut Vm, args: Args) -> Outcome {
    let ms = milliseconds(vm, args.get(0))?;
    let runtime = Runtime::of(vm)?;
    vm.flush();
    let duration = match ms.is_finite() {
        true => Duration::from_nanos((ms * 1e6) as u64),
        false => Duration::MAX,
    };
    match runtime.clock.is_virtual() {
        true => {
            let now = runtime.clock.now();
            runtime.clock.advance_to(now.saturating_add(duration.as_nanos() as u64));
        }
        false => vm.waiting(|vm| vm.interrupt.sleep(duration)),
    }
    Ok(Value::NIL)
}

fn sleep_async(vm: &mut Vm, args: Args) -> Outcome {
    let ms = milliseconds(vm, args.get(0))?;
    let runtime = Runtime::of(vm)?;
    let origin = if ms.is_finite() { Origin::Timer } else { Origin::Hand };
    let future = Future::new(&mut vm.heap, origin, Value::NIL);
    runtime.set_timer(vm, ms, future.value());
    Ok(future.value())
}

fn poll(vm: &mut Vm, _: Args) -> Outcome {
    let runtime = Runtime::of(vm)?;
    if !runtime.is_in_job(vm) {
        runtime.turn(vm, false)?;
    }
    Ok(Value::NIL)
}

fn run_forever(vm: &mut Vm, _: Args) -> Outcome {
    let runtime = Runtime::of(vm)?;
    runtime.stopped.set(false);
    let inner = runtime.clone();
    runtime.drive_until(vm, &mut |_| Ok(inner.stopped.get()))?;
    Ok(Value::NIL)
}

fn stop_scheduler(vm: &mut Vm, _: Args) -> Outcome {
    Runtime::of(vm)?.stopped.set(true);
    Ok(Value::NIL)
}

/// A condition of `gene/wait_until`.
pub struct Watch {
    /// A function without parameters.
    condition: Value,
    future: Gc<Future>,
    context: Value,
    interval: f64,
    /// Due time of the timeout, `u64::MAX` for none.
    until: u64,
    /// Timers set.
    timers: Cell<u32>,
}

impl Watch {
    /// Whether it waits no longer.
    pub fn is_over(&self) -> bool {
        !self.future.is_pending()
    }
}

impl ForeignData for Watch {
    fn class(&self) -> &'static str {
        "Object"
    }
    fn trace(&self, marker: &mut Marker) {
        marker.value(self.condition);
        marker.object(self.future);
        marker.value(self.context);
    }
}

/// The object with a [`Watch`].
pub struct Watcher(Gc<Foreign>);

impl Watcher {
    pub fn trace(&self, marker: &mut Marker) {
        marker.object(self.0);
    }
}

impl Runtime {
    /// `gene/defer`
    pub fn defer(&self, vm: &mut Vm, function: Value, duration: Value) -> Outcome {
        let ms = milliseconds(vm, duration)?;
        let scope = vm.tasks.context.scope;
        let heap = &mut vm.heap;
        let future = Future::new(heap, Origin::Hand, Value::NIL);
        let what = Array::new(heap, &[function, scope]).value();
        let reaction = Reaction::new(heap, Reacts::Defer, what, future.value(), 0);
        future.set_origin(heap, Origin::Deferred, reaction.value());
        self.add_child(vm, scope, future.value());
        self.set_timer(vm, ms, reaction.value());
        Ok(future.value())
    }

    /// The time of a deferred expression has come.
    pub fn start_deferred(&self, vm: &mut Vm, reaction: Gc<Reaction>) {
        reaction.spend();
        let Some(future) = Gc::<Future>::from_value(reaction.b.get()) else { return };
        let (function, scope) = deferred(reaction);
        vm.tasks.ready.push_back(Job::Start { function, future, scope });
    }

    /// The job of a deferred expression: it becomes the task of its future.
    pub fn run_deferred(
        &self,
        vm: &mut Vm,
        function: Value,
        future: Gc<Future>,
        scope: Value,
    ) -> Result<(), Throw> {
        if !future.is_pending() {
            self.remove_child(vm, scope, None);
            return Ok(());
        }
        vm.run_task(function, future, scope)
    }

    /// A deferred expression is not to be evaluated.
    pub fn defer_withdrawn(&self, vm: &mut Vm, future: Gc<Future>) {
        let Some(reaction) = Gc::<Reaction>::from_value(future.source()) else { return };
        if !reaction.is_spent() {
            reaction.spend();
            self.timer_removed(vm);
            self.remove_child(vm, deferred(reaction).1, None);
        }
    }

    /// `gene/wait_until`
    pub fn wait_until(
        &self,
        vm: &mut Vm,
        condition: Value,
        timeout: Value,
        interval: Value,
    ) -> Outcome {
        let given = |vm: &mut Vm, v: Value| match v.is_unset() {
            true => Ok(f64::INFINITY),
            false => milliseconds(vm, v),
        };
        let (timeout, interval) = (given(vm, timeout)?, given(vm, interval)?);
        if vm.call(condition, &[])?.is_truthy() {
            return Ok(Value::TRUE);
        }
        if timeout == 0.0 {
            return Ok(Value::FALSE);
        }
        let future = Future::new(&mut vm.heap, Origin::Hand, Value::NIL);
        let until = match timeout.is_finite() {
            true => self.clock.now().saturating_add((timeout * 1e6) as u64),
            false => u64::MAX,
        };
        let context = vm.tasks.context.scope;
        let timers = Cell::new(timeout.is_finite() as u32 + interval.is_finite() as u32);
        let watch = Watch { condition, future, context, interval, until, timers };
        let watcher = Foreign::new(&mut vm.heap, watch);
        future.set_origin(&mut vm.heap, Origin::Watch, watcher.value());
        self.watchers.borrow_mut().push(Watcher(watcher));
        self.set_timer(vm, timeout, watcher.value());
        self.set_timer(vm, interval, watcher.value());
        Ok(future.value())
    }

    /// The timer of a condition is due: its interval, or the timeout.
    pub fn watch_due(&self, vm: &mut Vm, target: Value) {
        let Some(watch) = foreign::<Watch>(target) else { return };
        let is_last = watch.until <= self.clock.now();
        if is_last || !watch.interval.is_finite() {
            watch.timers.set(watch.timers.get().saturating_sub(1));
        } else {
            self.set_timer(vm, watch.interval, target);
        }
        self.look(vm, target, is_last);
    }

    /// Evaluates a condition.
    fn look(&self, vm: &mut Vm, target: Value, is_last: bool) {
        let Some(watch) = foreign::<Watch>(target).filter(|w| !w.is_over()) else { return };
        let (future, condition) = (watch.future, watch.condition);
        let mark = vm.root_mark();
        vm.root(target);
        vm.tasks.enter(Context { task: None, scope: watch.context });
        let result = vm.call(condition, &[]);
        vm.tasks.leave();
        vm.unroot(mark);
        let (state, value) = match result {
            Ok(value) if value.is_truthy() => (State::Success, Value::TRUE),
            Ok(_) if is_last => (State::Success, Value::FALSE),
            Ok(_) => return,
            Err(throw) => (State::Failure, throw.0),
        };
        if future.is_pending() {
            let source = future.source();
            self.settle(vm, future, state, value);
            self.watch_ends(vm, source);
        }
    }

    /// A condition is not looked at any more: its future is, or is about to be,
    /// settled.
    pub fn watch_ends(&self, vm: &mut Vm, target: Value) {
        let Some(watch) = foreign::<Watch>(target) else { return };
        for _ in 0..watch.timers.take() {
            self.timer_removed_with(vm, target);
        }
    }

    /// After a turn in which a job ran: all conditions are evaluated.
    ///
    /// # Errors
    ///
    /// None of its own; conditions that raise settle their futures.
    pub fn look_again(&self, vm: &mut Vm) -> Result<(), Throw> {
        if self.watchers.borrow().is_empty() {
            return Ok(());
        }
        self.watchers
            .borrow_mut()
            .retain(|w| foreign::<Watch>(w.0.value()).is_some_and(|watch| !watch.is_over()));
        let present: Vec<Value> = self.watchers.borrow().iter().map(|w| w.0.value()).collect();
        let mark = vm.root_mark();
        for watcher in &present {
            vm.root(*watcher);
        }
        for watcher in present {
            self.look(vm, watcher, false);
        }
        vm.unroot(mark);
        Ok(())
    }
}

/// The function and the task scope of a deferred expression.
fn deferred(reaction: Gc<Reaction>) -> (Value, Value) {
    let what = Gc::<Array>::from_value(reaction.a.get());
    let part = |i| what.and_then(|w| w.get(i)).unwrap_or(Value::NIL);
    (part(0), part(1))
}

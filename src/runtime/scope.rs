//! Scopes for tasks (8.11).

use std::cell::{Cell, RefCell};

use super::Runtime;
use crate::heap::{Gc, Marker};
use crate::object::coroutine::{CoState, flag};
use crate::object::foreign::{Foreign, ForeignData, foreign};
use crate::object::future::{Origin, State};
use crate::object::misc::int_of;
use crate::object::{Coroutine, Future};
use crate::value::Value;
use crate::vm::tasks::milliseconds;
use crate::vm::{Args, ClassName, Throw, Vm};

type Outcome = Result<Value, Throw>;

const CLASS: &str = "TaskScope";

pub(super) fn install(vm: &mut Vm) {
    let class = vm.make_class(CLASS, ClassName::Object);
    for (name, function) in [("cancel", cancel as crate::vm::NativeFn), ("size", size)] {
        let native = vm.native(name, 0, 0, function);
        class.add_method(&mut vm.heap, name.into(), native);
    }
}

/// A `gene/scope` that has been entered.
pub struct TaskScope {
    /// The scope around it, or nil.
    outer: Value,
    /// The task whose frame runs the body; `None` in synchronous code.
    owner: Option<Gc<Coroutine>>,
    /// How many contexts were on the stack when it was entered.
    depth: usize,
    /// Children that have not ended.
    live: Cell<usize>,
    /// Children: tasks, and futures of deferred expressions. Some may have
    /// ended.
    children: RefCell<Vec<Value>>,
    /// The body is over.
    body_ended: Cell<bool>,
    /// The scope has ended: failures of its children are no business of its own.
    over: Cell<bool>,
    /// Future of the end, once somebody waits for it; nil before.
    end: Cell<Value>,
    /// Exception that aborted it, or nil.
    abort: Cell<Value>,
    /// Exception that the body was given then, or nil.
    told: Cell<Value>,
    /// Cancellation of the task while it waited for the end, or nil.
    cancelled: Cell<Value>,
    timed: Cell<bool>,
}

impl TaskScope {
    /// Whether its timer is set.
    pub fn is_timed(&self) -> bool {
        self.timed.get()
    }

    fn is_stopping(&self) -> bool {
        !self.abort.get().is_nil()
    }
}

impl ForeignData for TaskScope {
    fn class(&self) -> &'static str {
        CLASS
    }
    fn trace(&self, marker: &mut Marker) {
        marker.value(self.outer);
        if let Some(owner) = self.owner {
            marker.object(owner);
        }
        marker.values(&self.children.borrow());
        for value in [&self.end, &self.abort, &self.told, &self.cancelled] {
            marker.value(value.get());
        }
    }
}

/// Children that failed, with their scopes: looked at when a turn begins.
#[derive(Default)]
pub struct Failed(Vec<(Value, Gc<Future>)>);

impl Failed {
    pub fn trace(&self, marker: &mut Marker) {
        for (scope, future) in &self.0 {
            marker.value(*scope);
            marker.object(*future);
        }
    }
}

fn barrier(vm: &mut Vm, scope: Value) {
    if let Some(object) = Gc::<Foreign>::from_value(scope) {
        vm.heap.barrier(object);
    }
}

fn cancel(vm: &mut Vm, args: Args) -> Outcome {
    let runtime = Runtime::of(vm)?;
    runtime.cancel_children(vm, args.this());
    Ok(Value::NIL)
}

fn size(_: &mut Vm, args: Args) -> Outcome {
    let live = foreign::<TaskScope>(args.this()).map_or(0, |s| s.live.get());
    Ok(Value::small_int(live as i64))
}

impl Runtime {
    /// `ScopeEnter`
    pub fn enter_scope(&self, vm: &mut Vm, timeout: Value) -> Outcome {
        let timeout = match timeout.is_unset() {
            true => f64::INFINITY,
            false => milliseconds(vm, timeout)?,
        };
        let nil = || Cell::new(Value::NIL);
        let scope = TaskScope {
            outer: vm.tasks.context.scope,
            owner: vm.running_task(),
            depth: vm.tasks.contexts.len(),
            live: Cell::new(0),
            children: RefCell::default(),
            body_ended: Cell::new(false),
            over: Cell::new(false),
            end: nil(),
            abort: nil(),
            told: nil(),
            cancelled: nil(),
            timed: Cell::new(timeout.is_finite()),
        };
        let scope = Foreign::new(&mut vm.heap, scope).value();
        self.set_scope(vm, scope);
        self.set_timer(vm, timeout, scope);
        Ok(scope)
    }

    fn set_scope(&self, vm: &mut Vm, scope: Value) {
        vm.tasks.context.scope = scope;
        if let Some(task) = vm.tasks.context.task {
            task.inner_scope.set(scope);
            vm.heap.barrier(task);
        }
    }

    /// `ScopeExit`: the body is over, by an exception or jump unless `kind` is
    /// 0. What is to be awaited.
    pub fn exit_scope(&self, vm: &mut Vm, handle: Value, kind: Value) -> Outcome {
        let Some(scope) = foreign::<TaskScope>(handle) else { return Ok(Value::NIL) };
        self.set_scope(vm, scope.outer);
        scope.body_ended.set(true);
        if let Some(owner) = scope.owner
            && owner.flags.get() & flag::CANCEL != 0
        {
            // What the abort gave the body came too late; what cancelled the
            // task is raised when the children have ended.
            owner.flags.set(owner.flags.get() & !flag::CANCEL);
            let exception = owner.thrown.replace(Value::NIL);
            if exception != scope.told.get() {
                scope.cancelled.set(exception);
                barrier(vm, handle);
            }
        }
        // An exception of the body is what the scope raises if no child runs.
        scope.over.set(scope.live.get() == 0 && int_of(kind) == Some(1));
        self.check_children(vm, handle);
        if int_of(kind) != Some(0) || !scope.cancelled.get().is_nil() {
            self.cancel_children(vm, handle);
        }
        let Some(scope) = foreign::<TaskScope>(handle) else { return Ok(Value::NIL) };
        if scope.live.get() > 0 {
            let end = Future::new(&mut vm.heap, Origin::Scope, handle);
            scope.end.set(end.value());
            barrier(vm, handle);
            return Ok(end.value());
        }
        self.stop_timer(vm, handle);
        scope.over.set(true);
        match outcome(scope) {
            Some(exception) => Err(Throw(exception)),
            None => Ok(Value::NIL),
        }
    }

    fn stop_timer(&self, vm: &mut Vm, handle: Value) {
        if foreign::<TaskScope>(handle).is_some_and(|s| s.timed.replace(false)) {
            self.timer_removed(vm);
        }
    }

    // ---- children ----------------------------------------------------------

    /// A task has begun in a scope.
    pub fn child_started(&self, vm: &mut Vm, task: Gc<Coroutine>) {
        self.add_child(vm, task.scope.get(), task.value());
    }

    /// A task, or the future of a deferred expression, is a child now.
    pub fn add_child(&self, vm: &mut Vm, handle: Value, child: Value) {
        let Some(scope) = foreign::<TaskScope>(handle) else { return };
        scope.live.set(scope.live.get() + 1);
        let mut children = scope.children.borrow_mut();
        if children.len() == children.capacity() {
            children.retain(|c| is_running(*c));
        }
        children.push(child);
        drop(children);
        barrier(vm, handle);
    }

    /// A task has ended.
    pub fn child_ended(&self, vm: &mut Vm, task: Gc<Coroutine>, future: Gc<Future>) {
        let scope = task.scope.replace(Value::NIL);
        if !scope.is_nil() {
            self.remove_child(vm, scope, Some(future));
        }
    }

    /// A child has ended, with this outcome.
    pub fn remove_child(&self, vm: &mut Vm, handle: Value, future: Option<Gc<Future>>) {
        let Some(scope) = foreign::<TaskScope>(handle) else { return };
        scope.live.set(scope.live.get().saturating_sub(1));
        if let Some(future) = future.filter(|f| f.state() == State::Failure && !f.is_observed()) {
            match scope.is_stopping() {
                true => self.observe_failure(future),
                false => self.scopes.borrow_mut().0.push((handle, future)),
            }
        }
        if scope.live.get() == 0 && scope.body_ended.get() {
            self.check_children(vm, handle);
            self.end_scope(vm, handle);
        }
    }

    /// All children have ended: whoever waits for the end goes on.
    fn end_scope(&self, vm: &mut Vm, handle: Value) {
        let Some(scope) = foreign::<TaskScope>(handle) else { return };
        let Some(end) = Gc::<Future>::from_value(scope.end.get()) else { return };
        let result = outcome(scope);
        scope.over.set(true);
        self.stop_timer(vm, handle);
        match result {
            Some(exception) => {
                end.observe();
                self.settle(vm, end, State::Failure, exception);
            }
            None => self.settle(vm, end, State::Success, Value::NIL),
        }
    }

    /// Cancels the children that have not ended, in the order of their start.
    pub fn cancel_children(&self, vm: &mut Vm, handle: Value) {
        let Some(scope) = foreign::<TaskScope>(handle) else { return };
        let mut children: Vec<Value> = scope.children.borrow().clone();
        children.retain(|c| {
            is_running(*c)
                && Gc::<Coroutine>::from_value(*c).is_none_or(|t| t.scope.get() == handle)
        });
        for child in children {
            let exception = self.cancellation(vm, None);
            let task = Gc::<Coroutine>::from_value(child);
            let future = task.map_or(child, |t| t.slot.get());
            let future = Gc::<Future>::from_value(future).filter(|f| f.is_pending());
            match (future, task) {
                (Some(future), _) => self.cancel(vm, future, exception),
                // It was told to stop before, or its future settled by hand.
                (None, Some(task)) if task.flags.get() & flag::STOPPED == 0 => {
                    self.stop_task(vm, task, exception);
                }
                _ => {}
            }
        }
    }

    /// The same for the scope whose end this future is; whether it is one.
    pub fn cancel_children_of(&self, vm: &mut Vm, end: Value) -> bool {
        let end = Gc::<Future>::from_value(end);
        let Some(end) = end.filter(|f| f.is_pending() && f.origin() == Origin::Scope) else {
            return false;
        };
        self.cancel_children(vm, end.source());
        true
    }

    /// A task is cancelled that waits for the end of a scope: the exception is
    /// raised when the children have ended. `false` if it waits for something
    /// else.
    pub fn stop_scope_end(
        &self,
        vm: &mut Vm,
        task: Gc<Coroutine>,
        waiting: Value,
        exception: Value,
    ) -> bool {
        let end = Gc::<Future>::from_value(waiting);
        let Some(end) = end.filter(|f| f.is_pending() && f.origin() == Origin::Scope) else {
            return false;
        };
        let handle = end.source();
        let Some(scope) = foreign::<TaskScope>(handle) else { return false };
        if scope.owner != Some(task) {
            return false;
        }
        scope.cancelled.set(exception);
        barrier(vm, handle);
        self.cancel_children(vm, handle);
        true
    }

    // ---- aborting ----------------------------------------------------------

    /// When a turn begins: scopes are aborted whose children failed and nobody
    /// has observed it.
    pub fn check_scopes(&self, vm: &mut Vm) {
        if self.scopes.borrow().0.is_empty() {
            return;
        }
        let failed = std::mem::take(&mut self.scopes.borrow_mut().0);
        for (scope, future) in failed {
            self.check_child(vm, scope, future);
        }
    }

    /// The same for one scope, which is about to end.
    fn check_children(&self, vm: &mut Vm, handle: Value) {
        let own = |(scope, _): &(Value, Gc<Future>)| *scope == handle;
        let failed: Vec<_> = self.scopes.borrow_mut().0.extract_if(.., |f| own(f)).collect();
        for (scope, future) in failed {
            self.check_child(vm, scope, future);
        }
    }

    fn check_child(&self, vm: &mut Vm, handle: Value, future: Gc<Future>) {
        if future.is_observed() {
            return;
        }
        let Some(scope) = foreign::<TaskScope>(handle) else { return };
        if scope.over.get() {
            return;
        }
        self.observe_failure(future);
        self.abort(vm, handle, future.value_inside());
    }

    /// The timer of a scope is due; `false` if the target is none.
    pub fn scope_timed_out(&self, vm: &mut Vm, target: Value) -> bool {
        let Some(scope) = foreign::<TaskScope>(target) else { return false };
        scope.timed.set(false);
        let throw = self.timeout_exception(vm, "scope timed out");
        self.abort(vm, target, throw.0);
        true
    }

    fn abort(&self, vm: &mut Vm, handle: Value, exception: Value) {
        let Some(scope) = foreign::<TaskScope>(handle) else { return };
        if scope.is_stopping() {
            return;
        }
        scope.abort.set(exception);
        barrier(vm, handle);
        self.cancel_children(vm, handle);
        if scope.body_ended.get() {
            return;
        }
        let told = self.cancellation(vm, None);
        scope.told.set(told);
        barrier(vm, handle);
        if let Some(owner) = scope.owner {
            let stopped = owner.flags.get() & flag::STOPPED;
            self.stop_task(vm, owner, told);
            // The task itself has not been told to stop.
            owner.flags.set(owner.flags.get() & !flag::STOPPED | stopped);
        }
    }

    /// Raises in synchronous code what an aborted scope has for its body.
    ///
    /// # Errors
    ///
    /// That.
    pub fn raise_abort(&self, vm: &mut Vm) -> Result<(), Throw> {
        let mut at = vm.tasks.context.scope;
        while let Some(scope) = foreign::<TaskScope>(at) {
            if scope.depth != vm.tasks.contexts.len() || scope.owner.is_some() {
                break;
            }
            if !scope.body_ended.get() && !scope.told.get().is_nil() {
                return Err(Throw(scope.told.replace(Value::NIL)));
            }
            at = scope.outer;
        }
        Ok(())
    }

    /// Whether a task belongs to a scope that was aborted: further failures
    /// are dropped.
    pub fn is_in_aborted_scope(&self, task: Gc<Coroutine>) -> bool {
        foreign::<TaskScope>(task.scope.get()).is_some_and(|s| s.is_stopping())
    }
}

/// What a scope raises at its end.
fn outcome(scope: &TaskScope) -> Option<Value> {
    let candidates = [scope.cancelled.get(), scope.abort.get()];
    candidates.into_iter().find(|e| !e.is_nil())
}

/// Whether a child has not ended.
fn is_running(child: Value) -> bool {
    match Gc::<Coroutine>::from_value(child) {
        Some(task) => task.state.get() != CoState::Done,
        None => Gc::<Future>::from_value(child)
            .is_some_and(|f| f.is_pending() && f.origin() == Origin::Deferred),
    }
}

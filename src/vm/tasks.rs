//! What the vm knows of tasks: the ready queue, who runs, and what it asks of
//! the event loop above it.

use std::any::Any;
use std::collections::VecDeque;
use std::rc::Rc;

use gene_isa::Intrinsic;

use super::{Throw, Vm};
use crate::heap::{Gc, Marker};
use crate::object::coroutine::CoState;
use crate::object::misc::int_of;
use crate::object::{Code, Coroutine, Future};
use crate::value::Value;

/// A unit of work for the event loop.
#[derive(Clone, Copy)]
pub enum Job {
    /// Resume a task.
    Resume(Gc<Coroutine>),
    /// Call a callback, with an argument if it takes one.
    Call { function: Value, argument: Value },
    /// Call a function as a task whose outcome this future gets.
    Start { function: Value, future: Gc<Future>, scope: Value },
    /// Deliver an event to a subscriber.
    Event { subscription: Value, payload: Value },
}

/// What runs: decides who a new task belongs to.
#[derive(Clone, Copy)]
pub struct Context {
    /// The task, or nil for synchronous code.
    pub task: Option<Gc<Coroutine>>,
    /// The innermost task scope, or nil.
    pub scope: Value,
}

impl Context {
    /// Synchronous code outside of task scopes.
    pub const EMPTY: Context = Context { task: None, scope: Value::NIL };
}

/// The state of tasks that vm and event loop share.
pub struct Tasks {
    /// Jobs that are ready, first in first out.
    pub ready: VecDeque<Job>,
    /// What runs.
    pub context: Context,
    /// What is below it on the stack.
    pub contexts: Vec<Context>,
    /// Tasks that have been suspended at least once; some may have ended.
    listed: Vec<Gc<Coroutine>>,
    /// Number of the next task.
    next_number: u32,
}

impl Default for Tasks {
    fn default() -> Tasks {
        Tasks {
            ready: VecDeque::new(),
            context: Context::EMPTY,
            contexts: Vec::new(),
            listed: Vec::new(),
            next_number: 0,
        }
    }
}

impl Tasks {
    /// Begins something else; [`Tasks::leave`] ends it.
    #[inline]
    pub fn enter(&mut self, context: Context) {
        self.contexts.push(std::mem::replace(&mut self.context, context));
    }

    /// Goes back to what was going on before.
    #[inline]
    pub fn leave(&mut self) {
        self.context = self.contexts.pop().unwrap_or(Context::EMPTY);
    }

    /// The number of a task that begins.
    #[inline]
    pub fn number(&mut self) -> u32 {
        self.next_number = self.next_number.wrapping_add(1);
        self.next_number
    }

    /// Remembers a task that is suspended for the first time.
    pub fn list(&mut self, task: Gc<Coroutine>) {
        if self.listed.len() == self.listed.capacity() {
            self.purge();
        }
        self.listed.push(task);
    }

    fn purge(&mut self) {
        self.listed.retain(|t| t.state.get() != CoState::Done);
    }

    /// Tasks that have been suspended and not ended, in the order in which
    /// they were started.
    pub fn suspended(&mut self) -> Vec<Gc<Coroutine>> {
        self.purge();
        let mut tasks = self.listed.clone();
        // Numbers wrap; the age does not, unless four thousand million tasks
        // have been started since.
        tasks.sort_by_key(|t| u32::MAX - self.next_number.wrapping_sub(t.number.get()));
        tasks
    }

    /// Marks everything that is waiting to run.
    pub(super) fn trace(&mut self, marker: &mut Marker) {
        self.purge();
        for task in &self.listed {
            marker.object(*task);
        }
        for context in self.contexts.iter().chain([&self.context]) {
            if let Some(task) = context.task {
                marker.object(task);
            }
            marker.value(context.scope);
        }
        for job in &self.ready {
            job.trace(marker);
        }
    }
}

impl Job {
    fn trace(&self, marker: &mut Marker) {
        match self {
            Job::Resume(task) => marker.object(*task),
            Job::Call { function, argument: other }
            | Job::Event { subscription: function, payload: other } => {
                marker.value(*function);
                marker.value(*other);
            }
            Job::Start { function, future, scope } => {
                marker.value(*function);
                marker.object(*future);
                marker.value(*scope);
            }
        }
    }
}

/// The event loop, which the vm asks for what it cannot do alone.
pub trait EventLoop {
    /// The loop itself, for natives that belong to it.
    fn as_any(self: Rc<Self>) -> Rc<dyn Any>;

    /// Marks everything the loop holds.
    fn trace(&self, marker: &mut Marker);

    /// Operands of an `await` in a task are pending: registers the task with
    /// them.
    ///
    /// # Errors
    ///
    /// `ArgumentException` for a timeout that is none, `TimeoutException` if
    /// it is 0.
    fn wait(
        &self,
        vm: &mut Vm,
        task: Gc<Coroutine>,
        operands: &[Value],
        timeout: Option<Value>,
    ) -> Result<(), Throw>;

    /// The same in synchronous code: runs the loop until all are settled.
    ///
    /// # Errors
    ///
    /// As [`EventLoop::wait`]; `ConcurrencyException` if that cannot happen.
    fn drive(&self, vm: &mut Vm, operands: &[Value], timeout: Option<Value>) -> Result<(), Throw>;

    /// Somebody looks at a failed future.
    fn observe(&self, future: Gc<Future>);

    /// A task of a task scope has begun.
    fn task_started(&self, vm: &mut Vm, task: Gc<Coroutine>);

    /// A task, or a step of an async generator, has ended.
    fn task_ended(&self, vm: &mut Vm, task: Gc<Coroutine>, outcome: Result<Value, Value>);

    /// Carries out an intrinsic that concerns the loop.
    ///
    /// # Errors
    ///
    /// As the forms behind them say.
    fn intrinsic(
        &self,
        vm: &mut Vm,
        which: Intrinsic,
        args: &[Value],
        code: Gc<Code>,
    ) -> Result<Value, Throw>;
}

impl Vm {
    /// The event loop.
    ///
    /// # Errors
    ///
    /// `RuntimeException` if there is none.
    pub fn event_loop(&mut self) -> Result<Rc<dyn EventLoop>, Throw> {
        match &self.event_loop {
            Some(event_loop) => Ok(event_loop.clone()),
            None => Err(self.runtime_error("this interpreter has no event loop")),
        }
    }
}

/// A duration in milliseconds (8.2).
///
/// # Errors
///
/// `ArgumentException` if it is none.
pub fn milliseconds(vm: &mut Vm, duration: Value) -> Result<f64, Throw> {
    let number = duration.as_float().or_else(|| int_of(duration).map(|i| i as f64));
    match number {
        Some(ms) if ms > 0.0 => Ok(ms),
        Some(_) => Ok(0.0),
        None => {
            let name = vm.type_name(duration);
            Err(vm.arg_error(format!("a duration is a number of milliseconds, got {name}")))
        }
    }
}

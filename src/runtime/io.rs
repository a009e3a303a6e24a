//! Operations in the background, and sleeping until something happens.
//!
//! They run on Tokio: blocking ones on its pool, others as its tasks on this
//! thread. A program that has none never starts it.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Poll, Wake};
use std::time::{Duration, Instant};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::Runtime;
use super::services::Services;
use crate::diag::Stage;
use crate::heap::{Gc, Marker};
use crate::object::Future;
use crate::object::future::{Origin, State};
use crate::value::Value;
use crate::vm::{Args, Interrupt, Job, Throw, Vm};

/// Makes the result of an operation a value, on the thread of the loop.
pub type Finish = Box<dyn FnOnce(&mut Vm) -> Result<Value, Throw> + Send>;

/// An operation that is done: its number and result.
pub type Completion = (u64, Finish);

/// Stands for the signal INT where operations have their numbers.
const INT: u64 = u64::MAX;
/// Stands for an event of a service.
pub const EVENT: u64 = u64::MAX - 1;

pub(super) fn install(vm: &mut Vm) {
    vm.define("on_signal", 2, 2, on_signal);
}

/// `(on_signal "INT" fn)`
fn on_signal(vm: &mut Vm, args: Args) -> Result<Value, Throw> {
    if vm.str_arg(args, 0)? != "INT" {
        return Err(vm.arg_error("on_signal: only \"INT\" is supported"));
    }
    if !vm.is_callable(args.get(1)) {
        return Err(vm.wrong_arg(args, 1, "a function"));
    }
    let runtime = Runtime::of(vm)?;
    let is_first = runtime.io.handlers.borrow().is_empty();
    if is_first {
        runtime.io.with_pool(vm, |pool| {
            let sender = pool.sender.clone();
            pool.tokio.handle().spawn(async move {
                while tokio::signal::ctrl_c().await.is_ok() {
                    let nothing: Finish = Box::new(|_| Ok(Value::NIL));
                    if sender.send((INT, nothing)).is_err() {
                        return;
                    }
                }
            });
        })?;
        // From now on the signal is ours.
        runtime.io.let_tasks_run();
        vm.interrupt.ignore_users();
    }
    runtime.io.handlers.borrow_mut().push(args.get(1));
    Ok(Value::NIL)
}

/// What operations run on.
pub(super) enum Tokio {
    /// A runtime of our own, whose tasks go on while the loop sleeps.
    Own(tokio::runtime::Runtime),
    /// That of the host, in one of whose tasks the program runs.
    Host(tokio::runtime::Handle),
}

impl Tokio {
    pub fn handle(&self) -> &tokio::runtime::Handle {
        match self {
            Tokio::Own(runtime) => runtime.handle(),
            Tokio::Host(handle) => handle,
        }
    }
}

pub(super) struct Pool {
    pub tokio: Tokio,
    pub sender: UnboundedSender<Completion>,
    receiver: UnboundedReceiver<Completion>,
}

impl Pool {
    fn new(tokio: Tokio) -> Pool {
        let (sender, receiver) = unbounded_channel();
        Pool { tokio, sender, receiver }
    }
}

/// The next completion; `None` if somebody interrupts.
fn poll_arrival(
    receiver: &mut UnboundedReceiver<Completion>,
    interrupt: &Interrupt,
    cx: &mut std::task::Context<'_>,
) -> Poll<Option<Completion>> {
    match interrupt.poll_cancelled(cx.waker()) {
        true => Poll::Ready(None),
        false => receiver.poll_recv(cx),
    }
}

/// Wakes a thread.
struct Unpark(std::thread::Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Waits on this thread without a runtime.
fn park_until<T>(
    future: impl std::future::Future<Output = Option<T>>,
    limit: Option<Duration>,
) -> Option<T> {
    let mut future = std::pin::pin!(future);
    let waker = Arc::new(Unpark(std::thread::current())).into();
    let mut cx = std::task::Context::from_waker(&waker);
    let until = limit.map(|limit| Instant::now() + limit);
    loop {
        if let Poll::Ready(result) = future.as_mut().poll(&mut cx) {
            return result;
        }
        match until.map(|until| until.saturating_duration_since(Instant::now())) {
            Some(Duration::ZERO) => return None,
            Some(left) => std::thread::park_timeout(left),
            None => std::thread::park(),
        }
    }
}

/// Operations in progress.
#[derive(Default)]
pub struct Reactor {
    pool: RefCell<Option<Pool>>,
    /// Number and future of each operation, in the order of their start.
    pending: RefCell<Vec<(u64, Gc<Future>)>>,
    next: Cell<u64>,
    /// Completions that came while the loop slept.
    arrived: RefCell<Vec<Completion>>,
    /// Functions that the signal INT calls.
    handlers: RefCell<Vec<Value>>,
    pub(super) services: Services,
}

impl Reactor {
    /// Whether an operation is in progress that a program could wait for.
    pub fn is_working(&self) -> bool {
        !self.pending.borrow().is_empty()
    }

    /// Whether something may happen besides timers.
    pub fn is_busy(&self) -> bool {
        self.is_working() || !self.handlers.borrow().is_empty() || self.services.are_busy()
    }

    /// Whether somebody waits for an operation.
    pub fn is_wanted(&self, wanted: impl Fn(Value) -> bool) -> bool {
        self.pending.borrow().iter().any(|(_, f)| f.is_pending() && wanted(f.value()))
    }

    pub fn trace(&self, marker: &mut Marker) {
        self.services.trace(marker);
        marker.values(&self.handlers.borrow());
        for (_, future) in self.pending.borrow().iter() {
            marker.object(*future);
        }
    }

    /// Sleeps until a completion arrives (if it is `listening`), the time is up,
    /// or somebody interrupts; whether a completion arrived.
    pub fn wait(&self, interrupt: &Interrupt, limit: Option<Duration>, listening: bool) -> bool {
        let mut pool = self.pool.borrow_mut();
        match pool.as_mut().filter(|_| listening) {
            Some(Pool { tokio, receiver, .. }) => {
                let arrives = poll_fn(|cx| poll_arrival(receiver, interrupt, cx));
                let arrived = match tokio {
                    Tokio::Own(runtime) => runtime.block_on(async {
                        match limit {
                            Some(limit) => tokio::time::timeout(limit, arrives).await.ok()?,
                            None => arrives.await,
                        }
                    }),
                    // Its runtime has to go on on other threads.
                    Tokio::Host(_) => park_until(arrives, limit),
                };
                let any = arrived.is_some();
                self.arrived.borrow_mut().extend(arrived);
                any
            }
            None => {
                interrupt.sleep(limit.unwrap_or_default());
                false
            }
        }
    }

    /// Settles what has arrived, in order of arrival; whether there was
    /// anything.
    pub fn settle(&self, runtime: &Runtime, vm: &mut Vm) -> bool {
        let mut arrived = self.arrived.take();
        if let Some(pool) = self.pool.borrow_mut().as_mut() {
            if let Tokio::Own(runtime) = &pool.tokio {
                // Lets tasks on this thread go on.
                runtime.block_on(tokio::task::yield_now());
            }
            while let Ok(completion) = pool.receiver.try_recv() {
                arrived.push(completion);
            }
        }
        let any = !arrived.is_empty();
        for (number, finish) in arrived {
            if number == INT {
                for handler in self.handlers.borrow().iter() {
                    let argument = Value::NIL;
                    vm.tasks.ready.push_back(Job::Call { function: *handler, argument });
                }
                continue;
            }
            if number == EVENT {
                if let Err(throw) = finish(vm) {
                    runtime.report(vm, throw.0, Stage::Callback);
                }
                continue;
            }
            let mut pending = self.pending.borrow_mut();
            let Some(at) = pending.iter().position(|(n, _)| *n == number) else { continue };
            let (_, future) = pending.remove(at);
            drop(pending);
            if !future.is_pending() {
                continue;
            }
            match finish(vm) {
                Ok(value) => runtime.complete(vm, future, value),
                Err(throw) => runtime.settle(vm, future, State::Failure, throw.0),
            }
        }
        any
    }

    /// Lets tasks on this thread go on as far as they can.
    pub(super) fn let_tasks_run(&self) {
        self.block_on(tokio::task::yield_now());
    }

    /// Runs something of Tokio's, if it has been started and is ours: the tasks
    /// of a host's runtime go on by themselves.
    pub(super) fn block_on(&self, work: impl IntoFuture<Output = ()>) {
        if let Some(Pool { tokio: Tokio::Own(runtime), .. }) = self.pool.borrow().as_ref() {
            runtime.block_on(work.into_future());
        }
    }

    /// Waits in a task of the host until a completion arrives, the time is up or
    /// somebody interrupts.
    pub(super) async fn wait_in_host(&self, interrupt: &Interrupt, limit: Option<Duration>) {
        let arrives = poll_fn(|cx| match self.pool.borrow_mut().as_mut() {
            Some(pool) => poll_arrival(&mut pool.receiver, interrupt, cx),
            None => Poll::Pending,
        });
        let arrived = match limit {
            Some(limit) => tokio::time::timeout(limit, arrives).await.ok().flatten(),
            None => arrives.await,
        };
        self.arrived.borrow_mut().extend(arrived);
    }

    /// Has operations run on the runtime of a host.
    pub(super) fn use_host(&self, handle: tokio::runtime::Handle) {
        let mut pool = self.pool.borrow_mut();
        match pool.as_mut() {
            // What has been begun on our own goes on there.
            Some(pool) if matches!(pool.tokio, Tokio::Own(_)) => {
                let own = std::mem::replace(&mut pool.tokio, Tokio::Host(handle));
                if let Tokio::Own(runtime) = own {
                    std::thread::spawn(move || runtime.block_on(std::future::pending::<()>()));
                }
            }
            Some(_) => {}
            None => *pool = Some(Pool::new(Tokio::Host(handle))),
        }
    }

    pub(super) fn with_pool<T>(
        &self,
        vm: &mut Vm,
        act: impl FnOnce(&mut Pool) -> T,
    ) -> Result<T, Throw> {
        let mut pool = self.pool.borrow_mut();
        if pool.is_none() {
            let tokio = match tokio::runtime::Handle::try_current() {
                Ok(handle) => Ok(Tokio::Host(handle)),
                Err(_) => {
                    let mut builder = tokio::runtime::Builder::new_current_thread();
                    builder.enable_all().build().map(Tokio::Own)
                }
            };
            match tokio {
                Ok(tokio) => *pool = Some(Pool::new(tokio)),
                Err(error) => {
                    return Err(vm.runtime_error(format!("no background operations: {error}")));
                }
            }
        }
        match pool.as_mut() {
            Some(pool) => Ok(act(pool)),
            None => Err(vm.runtime_error("no background operations")),
        }
    }
}

/// The future of an asynchronous operation in Rust, which runs on Tokio:
/// `finish` makes a value of its result, on the thread of the interpreter.
///
/// # Errors
///
/// `RuntimeException` if there can be no background operations.
pub fn future_of<T: Send + 'static>(
    vm: &mut Vm,
    work: impl std::future::Future<Output = T> + Send + 'static,
    finish: impl FnOnce(&mut Vm, T) -> Result<Value, Throw> + Send + 'static,
) -> Result<Value, Throw> {
    Runtime::of(vm)?.run_async(vm, work, finish).map(Gc::value)
}

impl Runtime {
    fn operation(&self, vm: &mut Vm) -> (u64, Gc<Future>) {
        let future = Future::new(&mut vm.heap, Origin::Io, Value::NIL);
        let number = self.io.next.get();
        self.io.next.set(number + 1);
        self.io.pending.borrow_mut().push((number, future));
        (number, future)
    }

    /// Runs `work` on a thread of the pool; `finish` makes a value of what it
    /// gives. The future of that.
    ///
    /// # Errors
    ///
    /// If there can be no pool.
    pub fn run_blocking<T: Send + 'static>(
        &self,
        vm: &mut Vm,
        work: impl FnOnce() -> T + Send + 'static,
        finish: impl FnOnce(&mut Vm, T) -> Result<Value, Throw> + Send + 'static,
    ) -> Result<Gc<Future>, Throw> {
        let sender = self.io.with_pool(vm, |pool| pool.sender.clone())?;
        let (number, future) = self.operation(vm);
        self.io.with_pool(vm, |pool| {
            pool.tokio.handle().spawn_blocking(move || {
                let result = work();
                let finish: Finish = Box::new(move |vm| finish(vm, result));
                // A loop that is gone needs no result.
                let _ = sender.send((number, finish));
            });
        })?;
        Ok(future)
    }

    /// The same for an asynchronous operation of Tokio.
    ///
    /// # Errors
    ///
    /// As [`Runtime::run_blocking`].
    pub fn run_async<T: Send + 'static>(
        &self,
        vm: &mut Vm,
        work: impl std::future::Future<Output = T> + Send + 'static,
        finish: impl FnOnce(&mut Vm, T) -> Result<Value, Throw> + Send + 'static,
    ) -> Result<Gc<Future>, Throw> {
        let sender = self.io.with_pool(vm, |pool| pool.sender.clone())?;
        let (number, future) = self.operation(vm);
        self.io.with_pool(vm, |pool| {
            pool.tokio.handle().spawn(async move {
                let result = work.await;
                let finish: Finish = Box::new(move |vm| finish(vm, result));
                // A loop that is gone needs no result.
                let _ = sender.send((number, finish));
            });
        })?;
        Ok(future)
    }
}

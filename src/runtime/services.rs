//! Services: tasks of Tokio that go on by themselves and tell the loop of
//! events, such as a server of its requests.
//!
//! A service cannot hold values. It knows the number under which the loop keeps
//! one for it ([`Runtime::keep`]); as long as that lasts, something is
//! outstanding (8.7).

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;
use tokio::task::AbortHandle;

use super::Runtime;
use super::io::{Completion, EVENT};
use crate::heap::Marker;
use crate::value::Value;
use crate::vm::{Throw, Vm};

/// How long the end of a program waits for what is being written.
const DRAIN: Duration = Duration::from_millis(500);

/// Sends events to the loop.
#[derive(Clone)]
pub struct Post(UnboundedSender<Completion>);

impl Post {
    pub(super) fn of(sender: &UnboundedSender<Completion>) -> Post {
        Post(sender.clone())
    }

    /// Has the loop call `event` in a turn; what that raises is reported.
    pub fn send(&self, event: impl FnOnce(&mut Vm) -> Result<(), Throw> + Send + 'static) {
        // A loop that is gone needs no events.
        let _ = self.0.send((EVENT, Box::new(move |vm| event(vm).map(|()| Value::NIL))));
    }
}

/// Something to be finished that no future stands for, while this exists.
pub struct Hold {
    count: Arc<AtomicUsize>,
    post: Post,
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.count.fetch_sub(1, Ordering::Relaxed);
        // A loop that sleeps has to look whether anything is left.
        self.post.send(|_| Ok(()));
    }
}

/// What the loop knows of services.
#[derive(Default)]
pub struct Services {
    kept: RefCell<Vec<(u64, Value)>>,
    next: Cell<u64>,
    holds: Arc<AtomicUsize>,
}

impl Services {
    /// Whether one is running.
    pub fn are_running(&self) -> bool {
        !self.kept.borrow().is_empty()
    }

    /// Whether one is running or has something to finish.
    pub fn are_busy(&self) -> bool {
        self.are_running() || self.are_finishing()
    }

    fn are_finishing(&self) -> bool {
        self.holds.load(Ordering::Relaxed) > 0
    }

    pub fn trace(&self, marker: &mut Marker) {
        for (_, value) in self.kept.borrow().iter() {
            marker.value(*value);
        }
    }
}

impl Runtime {
    /// Keeps the value of a service that runs from now on; its number.
    pub fn keep(&self, value: Value) -> u64 {
        let services = &self.io.services;
        let number = services.next.get() + 1;
        services.next.set(number);
        services.kept.borrow_mut().push((number, value));
        number
    }

    /// The value kept under a number, if it still is.
    pub fn kept(&self, number: u64) -> Option<Value> {
        let kept = self.io.services.kept.borrow();
        kept.iter().find(|(n, _)| *n == number).map(|(_, value)| *value)
    }

    /// The service has ended: its task is stopped.
    pub fn release(&self, number: u64, task: Option<&AbortHandle>) {
        self.io.services.kept.borrow_mut().retain(|(n, _)| *n != number);
        if let Some(task) = task {
            task.abort();
            // What it holds is closed when Tokio runs next: now.
            self.io.let_tasks_run();
        }
    }

    /// Begins a task of a service. `start` runs where Tokio's handles can be
    /// made.
    ///
    /// # Errors
    ///
    /// If there can be no background operations, and those of `start`.
    pub fn serve<E, F: Future<Output = ()> + Send + 'static>(
        &self,
        vm: &mut Vm,
        start: impl FnOnce(Post) -> Result<F, E>,
    ) -> Result<Result<AbortHandle, E>, Throw> {
        self.io.with_pool(vm, |pool| {
            let tokio = pool.tokio.handle();
            let _inside = tokio.enter();
            let task = start(Post(pool.sender.clone()))?;
            Ok(tokio.spawn(task).abort_handle())
        })
    }

    /// Something that has still to be finished.
    ///
    /// # Errors
    ///
    /// If there can be no background operations.
    pub fn hold(&self, vm: &mut Vm) -> Result<Hold, Throw> {
        let post = self.io.with_pool(vm, |pool| Post(pool.sender.clone()))?;
        let count = self.io.services.holds.clone();
        count.fetch_add(1, Ordering::Relaxed);
        Ok(Hold { count, post })
    }

    /// At the end of the program: lets services finish what they have begun.
    pub(super) fn drain_services(&self) {
        let services = &self.io.services;
        if !services.are_busy() {
            return;
        }
        self.io.block_on(async {
            let finished = async {
                tokio::task::yield_now().await;
                while services.are_finishing() {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            };
            // What takes longer is given up.
            let _ = tokio::time::timeout(DRAIN, finished).await;
        });
    }
}

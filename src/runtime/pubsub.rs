//! Publish and subscribe (8.17).

use std::cell::Cell;

use super::Runtime;
use crate::heap::{Gc, Marker};
use crate::object::PathSymbol;
use crate::object::foreign::{Foreign, ForeignData, foreign};
use crate::value::Value;
use crate::vm::{Args, ClassName, Job, Throw, Vm};

type Outcome = Result<Value, Throw>;

const CLASS: &str = "Subscription";

pub(super) fn install(vm: &mut Vm) {
    let class = vm.make_class(CLASS, ClassName::Object);
    let method = vm.native("unsub", 0, 0, |_, args| Ok(unsubscribe(args.this())));
    class.add_method(&mut vm.heap, "unsub".into(), method);
    vm.define_fn_in("genex/sub", 2, 2, subscribe);
    vm.define_fn_in("genex/unsub", 1, 1, |_, args| Ok(unsubscribe(args.get(0))));
    let publish = vm.native_kw("pub", 1, 2, publish);
    vm.define_in("genex/pub", publish);
}

struct Subscription {
    event: String,
    function: Value,
    ended: Cell<bool>,
}

impl ForeignData for Subscription {
    fn class(&self) -> &'static str {
        CLASS
    }
    fn trace(&self, marker: &mut Marker) {
        marker.value(self.function);
    }
}

struct Event {
    name: String,
    payload: Option<Value>,
    combine: bool,
}

/// Subscriptions in their order, and events of this turn.
#[derive(Default)]
pub struct Events {
    subscriptions: Vec<Gc<Foreign>>,
    queue: Vec<Event>,
}

impl Events {
    /// Whether an event is to be delivered.
    pub fn is_queued(&self) -> bool {
        !self.queue.is_empty()
    }

    pub fn trace(&self, marker: &mut Marker) {
        for subscription in &self.subscriptions {
            marker.object(*subscription);
        }
        for event in &self.queue {
            marker.value(event.payload.unwrap_or(Value::NIL));
        }
    }
}

/// The name of an event: a symbol or path symbol.
fn event_name(vm: &mut Vm, args: Args) -> Result<String, Throw> {
    let event = args.get(0);
    if event.as_symbol().is_some() || Gc::<PathSymbol>::from_value(event).is_some() {
        return Ok(vm.display(event));
    }
    Err(vm.wrong_arg(args, 0, "a symbol"))
}

fn subscribe(vm: &mut Vm, args: Args) -> Outcome {
    let event = event_name(vm, args)?;
    let function = args.get(1);
    if !vm.is_callable(function) {
        return Err(vm.wrong_arg(args, 1, "a function"));
    }
    let runtime = Runtime::of(vm)?;
    let subscription = Subscription { event, function, ended: Cell::new(false) };
    let object = Foreign::new(&mut vm.heap, subscription);
    let mut events = runtime.events.borrow_mut();
    events.subscriptions.retain(|s| !is_ended(*s));
    events.subscriptions.push(object);
    Ok(object.value())
}

fn is_ended(subscription: Gc<Foreign>) -> bool {
    foreign::<Subscription>(subscription.value()).is_none_or(|s| s.ended.get())
}

fn unsubscribe(subscription: Value) -> Value {
    if let Some(subscription) = foreign::<Subscription>(subscription) {
        subscription.ended.set(true);
    }
    Value::NIL
}

fn publish(vm: &mut Vm, args: Args) -> Outcome {
    let combine = vm.keyword("combine")?.is_some_and(Value::is_truthy);
    let name = event_name(vm, args)?;
    let payload = args.opt(1);
    let runtime = Runtime::of(vm)?;
    // Comparing may run methods of the program: nothing is borrowed meanwhile.
    let queued: Vec<(Option<Value>, bool)> = {
        let events = runtime.events.borrow();
        let same = events.queue.iter().filter(|e| e.name == name);
        same.map(|e| (e.payload, e.combine)).collect()
    };
    let mark = vm.root_mark();
    for (payload, _) in &queued {
        vm.root(payload.unwrap_or(Value::NIL));
    }
    let mut merged = Ok(false);
    for (other, other_combine) in queued {
        let same = match (payload, other) {
            (None, None) => Ok(true),
            (Some(a), Some(b)) if combine && other_combine => vm.equal(a, b),
            _ => Ok(false),
        };
        if !matches!(same, Ok(false)) {
            merged = same;
            break;
        }
    }
    vm.unroot(mark);
    if !merged? {
        runtime.events.borrow_mut().queue.push(Event { name, payload, combine });
    }
    Ok(Value::NIL)
}

impl Runtime {
    /// Published events become jobs.
    pub fn deliver_events(&self, vm: &mut Vm) {
        if !self.events.borrow().is_queued() {
            return;
        }
        let mut events = self.events.borrow_mut();
        let queue = std::mem::take(&mut events.queue);
        for event in queue {
            for object in &events.subscriptions {
                let Some(subscription) = foreign::<Subscription>(object.value()) else { continue };
                if !subscription.ended.get() && subscription.event == event.name {
                    let payload = event.payload.unwrap_or(Value::NIL);
                    let subscription = object.value();
                    vm.tasks.ready.push_back(Job::Event { subscription, payload });
                }
            }
        }
    }

    /// The job of an event for one subscriber.
    pub fn call_subscriber(&self, vm: &mut Vm, subscription: Value, payload: Value) {
        if let Some(subscription) = foreign::<Subscription>(subscription)
            && !subscription.ended.get()
        {
            self.call_back(vm, subscription.function, payload);
        }
    }
}

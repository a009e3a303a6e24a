//! Async generators, and `for ^^await` (8.12).

use std::cell::RefCell;
use std::collections::VecDeque;

use super::{Runtime, channel, combinators};
use crate::heap::{Gc, Marker};
use crate::object::coroutine::CoState;
use crate::object::foreign::{Foreign, ForeignData, foreign};
use crate::object::future::{Origin, State};
use crate::object::{Coroutine, Future, Iter};
use crate::value::Value;
use crate::vm::coroutine::mode;
use crate::vm::{Args, ClassName, Request, Throw, Vm};
use gene_isa::FnKind;

type Outcome = Result<Value, Throw>;

pub(super) fn install(vm: &mut Vm) {
    vm.method(ClassName::AsyncGenerator, &["next"], 0, 0, |vm, args| step(vm, args, mode::NEXT));
    vm.method(ClassName::AsyncGenerator, &["close"], 0, 0, |vm, args| step(vm, args, mode::CLOSE));
}

/// A step that has been asked for while another one was unfinished.
struct Step {
    future: Gc<Future>,
    mode: u8,
    scope: Value,
}

/// The steps that wait.
#[derive(Default)]
struct Steps(RefCell<VecDeque<Step>>);

impl ForeignData for Steps {
    fn class(&self) -> &'static str {
        "Object"
    }
    fn trace(&self, marker: &mut Marker) {
        for step in self.0.borrow().iter() {
            marker.object(step.future);
            marker.value(step.scope);
        }
    }
}

fn is_async_generator(value: Value) -> Option<Gc<Coroutine>> {
    let generator = Gc::<Coroutine>::from_value(value)?;
    (generator.code.data.kind == FnKind::AsyncGenerator).then_some(generator)
}

/// `.next` and `.close`
fn step(vm: &mut Vm, args: Args, mode: u8) -> Outcome {
    let Some(generator) = is_async_generator(args.this()) else {
        return Err(vm.type_error("this method is for async generators"));
    };
    match begin(vm, generator, mode) {
        Begun::Run => {
            vm.request(Request::Step { coroutine: generator, close: mode == mode::CLOSE })
        }
        Begun::Future(future) => Ok(future.value()),
    }
}

enum Begun {
    /// The step is to be run; its future is in the slot.
    Run,
    /// It waits, or there is nothing to run.
    Future(Gc<Future>),
}

fn begin(vm: &mut Vm, generator: Gc<Coroutine>, mode: u8) -> Begun {
    let close = mode == mode::CLOSE;
    let state = generator.state.get();
    let busy = !generator.slot.get().is_unset();
    if !busy && (state == CoState::Done || (state == CoState::Created && close)) {
        generator.state.set(CoState::Done);
        let result = if close { Value::NIL } else { Value::NOT_FOUND };
        return Begun::Future(Future::done(&mut vm.heap, result));
    }
    let future = Future::new(&mut vm.heap, Origin::Task, generator.value());
    if busy {
        // What settles it is the generator, but it is no task before it begins.
        future.set_origin(&mut vm.heap, Origin::Combinator, Value::NIL);
        let scope = vm.tasks.context.scope;
        queue(vm, generator, Step { future, mode, scope });
        return Begun::Future(future);
    }
    generator.slot.set(future.value());
    generator.mode.set(mode);
    vm.heap.barrier(generator);
    Begun::Run
}

fn queue(vm: &mut Vm, generator: Gc<Coroutine>, step: Step) {
    if foreign::<Steps>(generator.queue.get()).is_none() {
        let steps = Foreign::new(&mut vm.heap, Steps::default()).value();
        generator.queue.set(steps);
        vm.heap.barrier(generator);
    }
    if let Some(steps) = foreign::<Steps>(generator.queue.get()) {
        steps.0.borrow_mut().push_back(step);
    }
    if let Some(object) = Gc::<Foreign>::from_value(generator.queue.get()) {
        vm.heap.barrier(object);
    }
}

impl Runtime {
    /// A step of an async generator has ended: the next one is put into its
    /// slot; all of them are settled if the generator has ended.
    pub fn step_ended(&self, vm: &mut Vm, generator: Gc<Coroutine>) {
        generator.slot.set(Value::UNSET);
        generator.flags.set(generator.flags.get() & crate::object::coroutine::flag::LISTED);
        generator.thrown.set(Value::NIL);
        loop {
            let next = foreign::<Steps>(generator.queue.get())
                .and_then(|steps| steps.0.borrow_mut().pop_front());
            let Some(next) = next else { return };
            if generator.state.get() != CoState::Done {
                // A step that was cancelled before it began runs all the same:
                // its value is dropped.
                let Step { future, mode, scope } = next;
                if future.is_pending() {
                    future.set_origin(&mut vm.heap, Origin::Task, generator.value());
                }
                generator.slot.set(future.value());
                generator.mode.set(mode);
                generator.number.set(vm.tasks.number());
                generator.scope.set(scope);
                generator.inner_scope.set(scope);
                vm.heap.barrier(generator);
                if !scope.is_nil() {
                    self.child_started(vm, generator);
                }
                return;
            }
            let result = if next.mode == mode::CLOSE { Value::NIL } else { Value::NOT_FOUND };
            self.settle(vm, next.future, State::Success, result);
        }
    }

    /// `AsyncIter`
    pub fn async_iter(&self, vm: &mut Vm, source: Value) -> Outcome {
        if is_async_generator(source).is_some()
            || channel::is_channel(source)
            || self.is_stream(source)
        {
            return Ok(source);
        }
        if let Some(iter) = Iter::object(&mut vm.heap, source) {
            return Ok(iter.value());
        }
        if source.is_nil() || Gc::<Coroutine>::from_value(source).is_some() {
            return Ok(source);
        }
        let class = vm.class_of(source);
        if class.find_method(vm.names.iter).is_some() {
            return vm.call_method(source, vm.names.iter, &[]);
        }
        let name = vm.type_name(source);
        Err(vm.type_error(format!("for ^^await cannot iterate over {name}")))
    }

    /// `AsyncNext`: what is to be awaited.
    pub fn async_next(&self, vm: &mut Vm, iterator: Value) -> Outcome {
        if let Some(generator) = is_async_generator(iterator) {
            return match begin(vm, generator, mode::NEXT) {
                Begun::Run => self.run_step(vm, generator),
                Begun::Future(future) => Ok(future.value()),
            };
        }
        if let Some(next) = channel::next(self, vm, iterator) {
            return Ok(next);
        }
        if let Some(next) = self.stream_next(vm, iterator) {
            return Ok(next);
        }
        if let Some(iter) = foreign::<Iter>(iterator) {
            return Ok(iter.next(&mut vm.heap).map_or(Value::NOT_FOUND, |(_, v)| v));
        }
        if iterator.is_nil() {
            return Ok(Value::NOT_FOUND);
        }
        let iterator = combinators::iterator(vm, iterator)?;
        vm.call_method(iterator, vm.names.next, &[])
    }

    /// `AsyncClose`: what is to be awaited, or nil.
    pub fn async_close(&self, vm: &mut Vm, iterator: Value) -> Outcome {
        if let Some(generator) = is_async_generator(iterator) {
            return match begin(vm, generator, mode::CLOSE) {
                Begun::Run => self.run_step(vm, generator),
                Begun::Future(future) => Ok(future.value()),
            };
        }
        if let Some(generator) = Gc::<Coroutine>::from_value(iterator)
            && generator.state.get() == CoState::Suspended
        {
            vm.call_method(iterator, gene_isa::Symbol::intern("close"), &[])?;
        }
        Ok(Value::NIL)
    }

    /// Runs the step in the slot to its first suspension.
    fn run_step(&self, vm: &mut Vm, generator: Gc<Coroutine>) -> Outcome {
        let future = generator.slot.get();
        vm.run_step(generator)?;
        Ok(future)
    }
}

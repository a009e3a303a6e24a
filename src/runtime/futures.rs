//! Futures as programs use them (8.3), and `gene/check_cancelled`.

use gene_isa::Symbol;

use super::Runtime;
use crate::heap::Gc;
use crate::object::coroutine::flag;
use crate::object::future::{Origin, Reacts, State};
use crate::object::{Future, Reaction};
use crate::value::Value;
use crate::vm::{Args, ClassName, Job, Throw, Vm};

type Outcome = Result<Value, Throw>;

pub(super) fn install(vm: &mut Vm) {
    let class = vm.class(ClassName::Future);
    let ctor = vm.native("new", 0, 1, construct);
    class.ctor.set(ctor);
    vm.heap.barrier(class);
    vm.define_in("gene/Future", class.value());
    vm.method(ClassName::Future, &["state"], 0, 0, state);
    vm.method(ClassName::Future, &["value"], 0, 0, value);
    vm.method(ClassName::Future, &["complete"], 0, 1, complete);
    vm.method(ClassName::Future, &["fail"], 0, 1, fail);
    vm.method(ClassName::Future, &["cancel"], 0, 1, cancel);
    vm.method(ClassName::Future, &["on_success"], 1, 1, on_success);
    vm.method(ClassName::Future, &["on_failure"], 1, 1, on_failure);
    vm.define_fn_in("gene/check_cancelled", 0, 0, check_cancelled);
}

fn this(vm: &mut Vm, args: Args) -> Result<Gc<Future>, Throw> {
    match Gc::from_value(args.this()) {
        Some(future) => Ok(future),
        None => Err(vm.type_error("this method is for futures")),
    }
}

fn construct(vm: &mut Vm, args: Args) -> Outcome {
    let runtime = Runtime::of(vm)?;
    let future = Future::new(&mut vm.heap, Origin::Hand, Value::NIL);
    if let Some(value) = args.opt(0) {
        runtime.complete(vm, future, value);
    }
    Ok(future.value())
}

fn state(vm: &mut Vm, args: Args) -> Outcome {
    Ok(Value::symbol(Symbol::intern(this(vm, args)?.state().name())))
}

fn value(vm: &mut Vm, args: Args) -> Outcome {
    let future = this(vm, args)?;
    if future.state() == State::Failure {
        Runtime::of(vm)?.observe_failure(future);
    }
    Ok(future.value_inside())
}

/// The receiver, if it can still be settled by this method.
fn unsettled(vm: &mut Vm, args: Args, verb: &str) -> Result<Gc<Future>, Throw> {
    let future = this(vm, args)?;
    if future.is_pending() && (verb == "cancel" || future.origin() != Origin::Follow) {
        return Ok(future);
    }
    let code = "GENE.ASYNC.ALREADY_TERMINAL";
    let state = future.state().name();
    let message = format!("{code}: cannot {verb} a future in state {state}");
    Err(vm.error(ClassName::ConcurrencyException, code, &message))
}

fn complete(vm: &mut Vm, args: Args) -> Outcome {
    let future = unsettled(vm, args, "complete")?;
    let runtime = Runtime::of(vm)?;
    runtime.withdraw(vm, future);
    future.set_origin(&mut vm.heap, Origin::Hand, Value::NIL);
    runtime.complete(vm, future, args.get(0));
    Ok(args.this())
}

fn fail(vm: &mut Vm, args: Args) -> Outcome {
    let future = unsettled(vm, args, "fail")?;
    let runtime = Runtime::of(vm)?;
    let exception = vm.throw_value(args.get(0))?;
    if !future.is_pending() {
        return Ok(args.this());
    }
    runtime.withdraw(vm, future);
    runtime.settle(vm, future, State::Failure, exception);
    Ok(args.this())
}

fn cancel(vm: &mut Vm, args: Args) -> Outcome {
    let future = unsettled(vm, args, "cancel")?;
    let runtime = Runtime::of(vm)?;
    let exception = runtime.cancellation(vm, args.opt(0));
    runtime.cancel(vm, future, exception);
    Ok(args.this())
}

fn on_success(vm: &mut Vm, args: Args) -> Outcome {
    register(vm, args, Reacts::OnSuccess)
}

fn on_failure(vm: &mut Vm, args: Args) -> Outcome {
    register(vm, args, Reacts::OnFailure)
}

fn register(vm: &mut Vm, args: Args, reacts: Reacts) -> Outcome {
    let future = this(vm, args)?;
    let function = args.get(0);
    if !vm.is_callable(function) {
        return Err(vm.wrong_arg(args, 0, "a function"));
    }
    let for_success = reacts == Reacts::OnSuccess;
    match future.state() {
        State::Pending => {
            let reaction = Reaction::new(&mut vm.heap, reacts, function, Value::NIL, 0);
            future.add_waiter(&mut vm.heap, reaction.value());
        }
        state if (state == State::Success) == for_success => {
            if !for_success {
                Runtime::of(vm)?.observe_failure(future);
            }
            let argument = future.value_inside();
            vm.tasks.ready.push_back(Job::Call { function, argument });
        }
        _ => {}
    }
    Ok(args.this())
}

fn check_cancelled(vm: &mut Vm, _: Args) -> Outcome {
    let Some(task) = vm.tasks.context.task else { return Ok(Value::NIL) };
    let flags = task.flags.get();
    if flags & flag::CANCEL == 0 {
        return Ok(Value::NIL);
    }
    task.flags.set(flags & !flag::CANCEL);
    Err(Throw(task.thrown.replace(Value::NIL)))
}

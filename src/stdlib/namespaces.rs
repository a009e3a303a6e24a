//! Methods of namespaces (12.1).

use super::{Natives, Outcome, methods, this};
use crate::heap::Gc;
use crate::object::{Array, Namespace};
use crate::value::Value;
use crate::vm::{Args, ClassName, Vm};

const METHODS: &Natives = &[(&["on_member_missing"], 1, 1, on_member_missing)];

pub(super) fn install(vm: &mut Vm) {
    methods(vm, ClassName::Namespace, METHODS);
}

/// `(.on_member_missing f)`: asked for members that do not exist, after those
/// registered before.
fn on_member_missing(vm: &mut Vm, args: Args) -> Outcome {
    let namespace = this::<Namespace>(vm, args)?;
    let function = args.get(0);
    if !vm.is_callable(function) {
        return Err(vm.wrong_arg(args, 0, "a function"));
    }
    match Gc::<Array>::from_value(namespace.missing.get()) {
        Some(all) => all.push(&mut vm.heap, function),
        None => {
            let all = Array::new(&mut vm.heap, &[function]).value();
            namespace.missing.set(all);
            vm.heap.barrier(namespace);
        }
    }
    Ok(Value::NIL)
}

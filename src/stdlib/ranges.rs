//! Ranges (5.4). Calls of `range` by its name are instructions; this is the
//! function as a value.

use super::*;
use crate::object::{Range, misc};

pub(super) fn install(vm: &mut Vm) {
    vm.define("range", 2, 3, range);
}

fn range(vm: &mut Vm, args: Args) -> Outcome {
    let mut numbers = [0, 0, 1];
    for (index, number) in numbers.iter_mut().enumerate().take(args.len()) {
        match misc::int_of(args.get(index)) {
            Some(value) => *number = value,
            None => {
                let kind = vm.type_name(args.get(index));
                return Err(vm.type_error(format!("range bounds must be Ints, got {kind}")));
            }
        }
    }
    let [start, end, step] = numbers;
    let step = (args.len() == 3).then_some(step);
    Ok(Range::new(&mut vm.heap, start, end, step).value())
}

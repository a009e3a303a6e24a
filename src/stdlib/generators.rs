//! Methods of generators (11.2).

use super::*;
use crate::object::Coroutine;
use crate::vm::Request;
use crate::vm::coroutine::mode;

pub(super) fn install(vm: &mut Vm) {
    methods(vm, ClassName::Generator, GENERATOR);
}

const GENERATOR: &Natives = &[
    (&["next"], 0, 0, |vm, args| resume(vm, args, mode::NEXT)),
    (&["has_next"], 0, 0, |vm, args| resume(vm, args, mode::HAS_NEXT)),
    (&["next_pair"], 0, 0, |vm, args| resume(vm, args, mode::NEXT_PAIR)),
    (&["close"], 0, 0, |vm, args| resume(vm, args, mode::CLOSE)),
    (&["iter"], 0, 0, |_, args| Ok(args.this())),
];

fn resume(vm: &mut Vm, args: Args, mode: u8) -> Outcome {
    let coroutine = this::<Coroutine>(vm, args)?;
    vm.request(Request::Resume { coroutine, mode })
}

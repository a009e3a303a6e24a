//! Files in the background (8.14).

use super::files::io_error;
use super::*;
use crate::runtime::Runtime;

pub(super) fn install(vm: &mut Vm) {
    vm.define_fn_in("gene/io/read_async", 1, 1, read);
    vm.define_fn_in("gene/io/write_async", 2, 2, write);
}

fn read(vm: &mut Vm, args: Args) -> Outcome {
    let path = vm.str_arg(args, 0)?.to_owned();
    let work = move || (std::fs::read_to_string(&path), path);
    let future = Runtime::of(vm)?.run_blocking(vm, work, |vm, (result, path)| match result {
        Ok(content) => Ok(text(vm, &content)),
        Err(error) => Err(io_error(vm, "read file", &path, &error)),
    })?;
    Ok(future.value())
}

fn write(vm: &mut Vm, args: Args) -> Outcome {
    let path = vm.str_arg(args, 0)?.to_owned();
    let content = vm.str_arg(args, 1)?.to_owned();
    let work = move || (std::fs::write(&path, content), path);
    let future = Runtime::of(vm)?.run_blocking(vm, work, |vm, (result, path)| match result {
        Ok(()) => Ok(Value::NIL),
        Err(error) => Err(io_error(vm, "write file", &path, &error)),
    })?;
    Ok(future.value())
}

//! Reading Gene text as data (13.11).

use super::files::io_error;
use super::{Outcome, array};
use crate::diag::reader::nothing_to_read;
use crate::source::Span;
use crate::vm::{Args, Vm};

pub(super) fn install(vm: &mut Vm) {
    vm.define("$parse", 1, 1, parse);
    vm.define_fn_in("gene/parse", 1, 1, parse);
    vm.define_fn_in("gene/parse_file", 1, 1, parse_file);
}

fn parse(vm: &mut Vm, args: Args) -> Outcome {
    let text = vm.str_arg(args, 0)?;
    match vm.read_data(text)?.first() {
        Some(first) => Ok(*first),
        None => Err(vm.parse_error(nothing_to_read(Span::NONE).message)),
    }
}

fn parse_file(vm: &mut Vm, args: Args) -> Outcome {
    let path = vm.str_arg(args, 0)?;
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => return Err(io_error(vm, "read file", path, &error)),
    };
    let values = vm.read_data(&text)?;
    Ok(array(vm, &values))
}

//! Serialization (13.10): values as text that reads back, with references to
//! what programs define.
//!
//! - `write`: values to syntax
//! - `read`: data to values
//! - `tree`: trees of files

mod read;
mod tree;
mod write;

use super::{Natives, Outcome, text};
use crate::vm::{Args, Vm};

/// Heads of forms that stand for something else than themselves. Data with
/// such a head is put into a `Data` form.
const HEADS: [&str; 8] = [
    "ClassRef",
    "FunctionRef",
    "NamespaceRef",
    "EnumRef",
    "InstanceRef",
    "EnumValue",
    "Instance",
    "Data",
];

/// Deepest nesting of data that is taken.
const MAX_DEPTH: usize = 1000;

const FUNCTIONS: &Natives =
    &[(&["serialize"], 1, 1, serialize), (&["deserialize"], 1, 1, read_text)];

pub(super) fn install(vm: &mut Vm) {
    for (names, min, max, function) in FUNCTIONS {
        for name in *names {
            vm.define_fn_in(&format!("gene/serdes/{name}"), *min, *max, *function);
        }
    }
    tree::install(vm);
}

fn serialize(vm: &mut Vm, args: Args) -> Outcome {
    let made = write::text_of(vm, args.get(0))?;
    Ok(text(vm, &made))
}

fn read_text(vm: &mut Vm, args: Args) -> Outcome {
    let source = vm.str_arg(args, 0)?;
    read::value_of(vm, source)
}

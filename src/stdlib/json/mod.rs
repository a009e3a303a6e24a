//! JSON (13.9): plain, and tagged so that Gene's own kinds survive.

mod parse;
mod write;

use super::{Natives, Outcome, methods, text};
use crate::vm::{Args, ClassName, Vm};
#[cfg(feature = "http")]
use crate::{value::Value, vm::Throw};

/// Values nested deeper than this are neither read nor written.
const MAX_DEPTH: usize = 1000;

/// What begins a string that stands for a Gene value.
const TAG: &str = "#GENE#";

pub(super) fn install(vm: &mut Vm) {
    vm.define_fn_in("gene/json/parse", 1, 1, |vm, args| parse(vm, args, false));
    vm.define_fn_in("gene/json/deserialize", 1, 1, |vm, args| parse(vm, args, true));
    vm.define_fn_in("gene/json/stringify", 1, 1, |vm, args| {
        let json = write::plain(vm, args.get(0))?;
        Ok(text(vm, &json))
    });
    vm.define_fn_in("gene/json/serialize", 1, 1, |vm, args| {
        let json = write::tagged(vm, args.get(0))?;
        Ok(text(vm, &json))
    });
    methods(vm, ClassName::Array, TO_JSON);
    methods(vm, ClassName::Map, TO_JSON);
}

const TO_JSON: &Natives = &[(&["to_json"], 0, 0, |vm, args| {
    let json = write::plain(vm, args.this())?;
    Ok(text(vm, &json))
})];

/// A value as plain JSON.
///
/// # Errors
///
/// As `gene/json/stringify`.
#[cfg(feature = "http")]
pub(super) fn to_text(vm: &mut Vm, value: Value) -> Result<String, Throw> {
    write::plain(vm, value)
}

/// The value of a text in plain JSON.
///
/// # Errors
///
/// `ParseException` if it is none.
#[cfg(feature = "http")]
pub(super) fn parse_text(vm: &mut Vm, json: &str) -> Outcome {
    parse::parse(vm, json, false)
}

fn parse(vm: &mut Vm, args: Args, tagged: bool) -> Outcome {
    let json = vm.str_arg(args, 0)?;
    parse::parse(vm, json, tagged)
}

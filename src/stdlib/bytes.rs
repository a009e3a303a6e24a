//! Bytes (13.8).

use super::{Natives, Outcome, array, methods, text, wrong_receiver};
use crate::object::Bytes;
use crate::object::misc::bytes_of;
use crate::value::Value;
use crate::vm::{Args, ClassName, Throw, Vm};

pub(super) fn install(vm: &mut Vm) {
    methods(vm, ClassName::Bytes, BYTES);
}

const BYTES: &Natives = &[
    (&["size", "length"], 0, 0, |vm, args| Ok(Value::small_int(this(vm, args)?.len() as i64))),
    (&["get"], 1, 1, get),
    (&["to_array"], 0, 0, to_array),
    (&["slice"], 2, 2, slice),
    (&["concat"], 1, 1, concat),
    (&["to_string"], 0, 0, to_string),
];

fn this<'a>(vm: &mut Vm, args: Args) -> Result<&'a [u8], Throw> {
    bytes_of(args.this()).ok_or_else(|| wrong_receiver(vm, args))
}

fn get(vm: &mut Vm, args: Args) -> Outcome {
    let bytes = this(vm, args)?;
    let index = vm.int_arg(args, 0)?;
    match usize::try_from(index).ok().and_then(|i| bytes.get(i..=i)) {
        Some(byte) => Ok(Bytes::new(&mut vm.heap, byte).value()),
        None => {
            let size = bytes.len();
            Err(vm.arg_error(format!("Bytes index out of bounds: {index} (size: {size})")))
        }
    }
}

fn to_array(vm: &mut Vm, args: Args) -> Outcome {
    let numbers = this(vm, args)?.iter().map(|b| Value::small_int(*b as i64));
    let numbers: Vec<Value> = numbers.collect();
    Ok(array(vm, &numbers))
}

fn slice(vm: &mut Vm, args: Args) -> Outcome {
    let bytes = this(vm, args)?;
    let (start, end) = (vm.int_arg(args, 0)?, vm.int_arg(args, 1)?);
    let range = usize::try_from(start).ok().zip(usize::try_from(end).ok());
    match range.and_then(|(start, end)| bytes.get(start..end)) {
        Some(part) => Ok(Bytes::new(&mut vm.heap, part).value()),
        None => {
            let size = bytes.len();
            let message = format!("Bytes slice out of bounds: {start}..{end} (size: {size})");
            Err(vm.arg_error(message))
        }
    }
}

fn concat(vm: &mut Vm, args: Args) -> Outcome {
    let this = this(vm, args)?;
    let Some(other) = bytes_of(args.get(0)) else { return Err(vm.wrong_arg(args, 0, "Bytes")) };
    Ok(Bytes::new(&mut vm.heap, &[this, other].concat()).value())
}

fn to_string(vm: &mut Vm, args: Args) -> Outcome {
    match std::str::from_utf8(this(vm, args)?) {
        Ok(decoded) => Ok(text(vm, decoded)),
        Err(_) => Err(vm.parse_error("Bytes are not valid UTF-8")),
    }
}

//! Base64 (13.8).

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use super::{Outcome, text};
use crate::object::misc::bytes_of;
use crate::object::string;
use crate::vm::{Args, Vm};

pub(super) fn install(vm: &mut Vm) {
    for (global, member) in [("base64", "base64_encode"), ("base64_encode", "base64_encode")] {
        let native = vm.native(member, 1, 1, encode);
        vm.define_value(global, native);
        vm.define_in(&format!("gene/{member}"), native);
    }
    let native = vm.native("base64_decode", 1, 1, decode);
    vm.define_value("base64_decode", native);
    vm.define_in("gene/base64_decode", native);
}

fn encode(vm: &mut Vm, args: Args) -> Outcome {
    let plain = string::text_of(args.get(0)).map(str::as_bytes);
    let Some(plain) = plain.or_else(|| bytes_of(args.get(0))) else {
        return Err(vm.wrong_arg(args, 0, "a string or Bytes"));
    };
    Ok(text(vm, &BASE64_STANDARD.encode(plain)))
}

fn decode(vm: &mut Vm, args: Args) -> Outcome {
    let encoded = vm.str_arg(args, 0)?;
    let decoded = BASE64_STANDARD.decode(encoded).ok().and_then(|d| String::from_utf8(d).ok());
    match decoded {
        Some(plain) => Ok(text(vm, &plain)),
        None => Err(vm.parse_error("Invalid base64 string")),
    }
}

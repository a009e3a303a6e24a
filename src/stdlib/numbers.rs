//! Numbers (13.5).

use std::cmp::Ordering;

use gene_isa::backend::KnownNative;

use super::{Natives, Outcome, int, methods};
use crate::object::misc::int_of;
use crate::value::Value;
use crate::vm::{ANY, Args, ClassName, NativeFn, Vm};

pub(super) fn install(vm: &mut Vm) {
    for (names, min, max, function) in GLOBAL {
        for name in *names {
            let native = vm.native(name, *min, *max, *function);
            vm.define_value(name, native);
            vm.define_in(&format!("math/{name}"), native);
        }
    }
    for (names, min, max, function) in MATH {
        for name in *names {
            vm.define_fn_in(&format!("math/{name}"), *min, *max, *function);
        }
    }
    vm.define_in("math/PI", Value::float(std::f64::consts::PI));
    vm.define_in("math/E", Value::float(std::f64::consts::E));
    methods(vm, ClassName::Int, NUMBER);
    methods(vm, ClassName::Float, NUMBER);
}

/// Global functions that are in `math` as well.
const GLOBAL: &Natives = &[
    (&["abs"], 1, 1, abs),
    (&["min"], 1, ANY, |vm, args| extreme(vm, args, Ordering::Less)),
    (&["max"], 1, ANY, |vm, args| extreme(vm, args, Ordering::Greater)),
    (&["floor"], 1, 1, |vm, args| rounded(vm, args, f64::floor)),
    (&["ceil"], 1, 1, |vm, args| rounded(vm, args, f64::ceil)),
    (&["round"], 1, 1, |vm, args| rounded(vm, args, f64::round)),
    (&["sqrt"], 1, 1, sqrt),
    (&["pow"], 2, 2, pow),
    (&["random"], 0, 0, |_, _| Ok(Value::float(fastrand::f64()))),
    (&["random_int"], 1, 2, random_int),
];

/// Natives that machine code can do without.
pub(super) const KNOWN: [(NativeFn, KnownNative); 1] = [(sqrt, KnownNative::Sqrt)];

fn sqrt(vm: &mut Vm, args: Args) -> Outcome {
    float(vm, args, f64::sqrt)
}

const MATH: &Natives = &[
    (&["sin"], 1, 1, |vm, args| float(vm, args, f64::sin)),
    (&["cos"], 1, 1, |vm, args| float(vm, args, f64::cos)),
    (&["tan"], 1, 1, |vm, args| float(vm, args, f64::tan)),
    (&["log"], 1, 1, |vm, args| float(vm, args, f64::ln)),
    (&["log10"], 1, 1, |vm, args| float(vm, args, f64::log10)),
];

const NUMBER: &Natives = &[(&["to_i"], 0, 0, to_i), (&["to_f"], 0, 0, to_f)];

fn abs(vm: &mut Vm, args: Args) -> Outcome {
    if let Some(f) = args.get(0).as_float() {
        return Ok(Value::float(f.abs()));
    }
    let Some(i) = int_of(args.get(0)) else { return Err(vm.wrong_arg(args, 0, "a number")) };
    match i.checked_abs() {
        Some(i) => Ok(int(vm, i)),
        None => Err(vm.overflow_error("Integer overflow in negation")),
    }
}

/// Orders two numbers by value; `None` with NaN.
fn compare(a: Value, b: Value) -> Option<Ordering> {
    match (int_of(a), int_of(b)) {
        (Some(a), Some(b)) => Some(a.cmp(&b)),
        (a_int, b_int) => {
            let a = a_int.map_or(a.raw_float(), |i| i as f64);
            a.partial_cmp(&b_int.map_or(b.raw_float(), |i| i as f64))
        }
    }
}

/// The first argument that is the smallest or largest.
fn extreme(vm: &mut Vm, args: Args, wanted: Ordering) -> Outcome {
    vm.float_arg(args, 0)?;
    let mut best = args.get(0);
    for i in 1..args.len() {
        vm.float_arg(args, i)?;
        if compare(args.get(i), best) == Some(wanted) {
            best = args.get(i);
        }
    }
    Ok(best)
}

fn rounded(vm: &mut Vm, args: Args, round: fn(f64) -> f64) -> Outcome {
    if int_of(args.get(0)).is_some() {
        return Ok(args.get(0));
    }
    float(vm, args, round)
}

fn float(vm: &mut Vm, args: Args, function: fn(f64) -> f64) -> Outcome {
    Ok(Value::float(function(vm.float_arg(args, 0)?)))
}

fn pow(vm: &mut Vm, args: Args) -> Outcome {
    let (base, exponent) = (vm.float_arg(args, 0)?, vm.float_arg(args, 1)?);
    Ok(Value::float(base.powf(exponent)))
}

fn random_int(vm: &mut Vm, args: Args) -> Outcome {
    let max = vm.int_arg(args, 0)?;
    let min = if args.len() > 1 { vm.int_arg(args, 1)? } else { 0 };
    if min > max {
        return Err(vm.arg_error(format!("random_int: {min} is greater than {max}")));
    }
    Ok(int(vm, fastrand::i64(min..=max)))
}

fn to_i(vm: &mut Vm, args: Args) -> Outcome {
    let Some(f) = args.this().as_float() else { return Ok(args.this()) };
    let truncated = f.trunc();
    // Both limits are exact as floats; the upper one is beyond the last Int.
    if (-(2f64.powi(63))..2f64.powi(63)).contains(&truncated) {
        return Ok(int(vm, truncated as i64));
    }
    let shown = vm.display(args.this());
    Err(vm.runtime_error(format!("Float {shown} is out of range for Int")))
}

fn to_f(_: &mut Vm, args: Args) -> Outcome {
    Ok(int_of(args.this()).map_or(args.this(), |i| Value::float(i as f64)))
}

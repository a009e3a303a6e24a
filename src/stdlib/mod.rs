//! The standard library: a file for each family of types and functions.
//!
//! What calls back into a program is written in Gene ([`PRELUDE`]), so that a
//! callback needs no nested interpreter; everything else is native. Names that
//! begin with `__` are for the prelude only.
#![forbid(unsafe_code)]

mod arrays;
mod base64;
mod bytes;
mod files;
mod freeze;
mod genes;
mod hashes;
mod iterators;
mod maps;
mod numbers;
mod objects;
mod output;
mod patterns;
mod process;
mod regex;
mod strings;
mod system;
mod time;
mod vm_stats;

use freeze::check_mutable;
pub use freeze::freeze;

use crate::heap::{Gc, Object};
use crate::object::{Array, BoxedInt, Class, Str};
use crate::value::Value;
use crate::vm::{ANY, Args, ClassName, NativeFn, Throw, Vm};
use gene_isa::Symbol;

/// Methods written in Gene: a module that the engine runs at every start.
pub const PRELUDE: &str = include_str!("prelude.gene");

/// Defines all native functions and methods.
pub fn install(vm: &mut Vm) {
    arrays::install(vm);
    base64::install(vm);
    bytes::install(vm);
    files::install(vm);
    freeze::install(vm);
    genes::install(vm);
    hashes::install(vm);
    iterators::install(vm);
    maps::install(vm);
    numbers::install(vm);
    objects::install(vm);
    output::install(vm);
    patterns::install(vm);
    process::install(vm);
    regex::install(vm);
    strings::install(vm);
    system::install(vm);
    time::install(vm);
    vm_stats::install(vm);
}

/// Names, least and greatest number of arguments, and function of natives.
type Natives = [(&'static [&'static str], u16, u16, NativeFn)];

/// Result of a native.
type Outcome = Result<Value, Throw>;

/// Defines methods of a built-in class.
fn methods(vm: &mut Vm, class: ClassName, table: &Natives) {
    class_methods(vm, vm.class(class), table);
}

/// Defines methods of any class.
fn class_methods(vm: &mut Vm, class: Gc<Class>, table: &Natives) {
    for (names, min, max, function) in table {
        for name in *names {
            let native = vm.native(name, *min, *max, *function);
            class.add_method(&mut vm.heap, Symbol::intern(name), native);
        }
    }
}

/// Defines global functions.
fn functions(vm: &mut Vm, table: &Natives) {
    for (names, min, max, function) in table {
        for name in *names {
            vm.define(name, *min, *max, *function);
        }
    }
}

/// Sets what `(new Class a...)` calls for a built-in class: a function that
/// gets the class as its receiver and gives the new value.
fn constructor(vm: &mut Vm, class: ClassName, min: u16, max: u16, function: NativeFn) {
    let native = vm.native_kw("new", min, max, function);
    let class = vm.class(class);
    class.ctor.set(native);
    vm.heap.barrier(class);
}

/// The receiver as an object of type `T`.
fn this<T: Object>(vm: &mut Vm, args: Args) -> Result<Gc<T>, Throw> {
    match Gc::from_value(args.this()) {
        Some(object) => Ok(object),
        None => Err(wrong_receiver(vm, args)),
    }
}

#[cold]
fn wrong_receiver(vm: &mut Vm, args: Args) -> Throw {
    let name = native_name(args);
    let kind = vm.type_name(args.this());
    vm.type_error(format!("{name} cannot be used on {kind}"))
}

/// Name of the running native.
fn native_name(args: Args) -> &'static str {
    Gc::<crate::object::Native>::from_value(args.callee()).map_or("function", |n| n.name.as_str())
}

/// An array of these values.
fn array(vm: &mut Vm, values: &[Value]) -> Value {
    Array::new(&mut vm.heap, values).value()
}

/// A string.
fn text(vm: &mut Vm, text: &str) -> Value {
    Str::new(&mut vm.heap, text).value()
}

/// An Int.
fn int(vm: &mut Vm, number: i64) -> Value {
    BoxedInt::int(&mut vm.heap, number)
}

/// The position that an index names, negative ones counted from the end:
/// `None` if it lies outside.
fn position(index: i64, len: usize) -> Option<usize> {
    let index = if index < 0 { index.checked_add(len as i64)? } else { index };
    usize::try_from(index).ok().filter(|i| *i < len)
}

/// The same for a bound: out of range is limited to 0 ... `len`.
fn bound(index: i64, len: usize) -> usize {
    let index = if index < 0 { index.saturating_add(len as i64) } else { index };
    index.clamp(0, len as i64) as usize
}

#[cfg(test)]
mod tests {
    use super::install;
    use crate::heap::Gc;
    use crate::object::{Native, Str, regex};
    use crate::value::Value;
    use crate::vm::{Limits, Vm};
    use gene_isa::{Symbol, datum};

    /// Calls a built-in method; the display of its value, or of what it raised.
    fn call(vm: &mut Vm, this: Value, name: &str, args: &[Value]) -> String {
        let method = vm.class_of(this).find_method(Symbol::intern(name)).expect(name);
        let native = Gc::<Native>::from_value(method).expect(name);
        match vm.call_native(native, this, args) {
            Ok(value) => vm.display_data(value),
            Err(thrown) => format!("! {}", vm.exception_message(thrown.0)),
        }
    }

    #[test]
    fn methods_of_strings() {
        let vm = &mut Vm::new(Limits::default());
        install(vm);
        let regex = |vm: &mut Vm, pattern: &str, replacement: Option<&str>| {
            let source = datum::Regex {
                pattern: pattern.into(),
                ignore_case: false,
                multiline: false,
                replacement: replacement.map(Into::into),
            };
            regex::new(&mut vm.heap, &source)
        };
        let digits = regex(vm, r"\d+", None);
        let wrapped = regex(vm, r"(\d)", Some(r"<\1>"));
        let empty = regex(vm, "", None);
        let broken = regex(vm, "(", None);
        let int = Value::small_int;
        let mut text = |text: &str| Str::new(&mut vm.heap, text).value();
        let (a, x, e, comma) = (text("a"), text("X"), text("é"), text(","));
        let cases: Vec<(Value, &str, Vec<Value>, &str)> = vec![
            (text("héllo"), "length", vec![], "5"),
            (text("öLAF"), "capitalize", vec![], "\"Ölaf\""),
            (text("k水m"), "reverse", vec![], "\"m水k\""),
            (text("k水m"), "substr", vec![int(1)], "\"水m\""),
            (text("k水m"), "substr", vec![int(-2), int(-2)], "\"水\""),
            (a, "append", vec![int(1), Value::NIL, Value::TRUE], "\"a1true\""),
            (text("héé"), "index", vec![e], "1"),
            (text("héé"), "rindex", vec![e], "2"),
            (text("héé"), "rindex", vec![e, int(1)], "1"),
            (text("x7y8"), "index", vec![digits, int(2)], "3"),
            (text("x7y88"), "rindex", vec![digits], "4"),
            (text("a,b,c"), "split", vec![comma, int(2)], "[\"a\" \"b,c\"]"),
            (text(""), "split", vec![comma], "[\"\"]"),
            (text("ab"), "split", vec![empty], "[\"a\" \"b\"]"),
            (text("x7y88z"), "split", vec![digits], "[\"x\" \"y\" \"z\"]"),
            (text("aXbXc"), "replace", vec![x, a], "\"aabXc\""),
            (text("aXbXc"), "replace_all", vec![x, comma], "\"a,b,c\""),
            (text("x7y8"), "replace_all", vec![wrapped], "\"x<7>y<8>\""),
            (text("x7y8"), "replace", vec![digits], "! Replacement string is required"),
            (text("x7"), "match", vec![broken], "! Invalid regex: unclosed group"),
            (text("x7y88"), "scan", vec![digits], "[\"7\" \"88\"]"),
            (text("ab"), "match", vec![a], "! match expects a regex as argument 1, got String"),
            (text("4x"), "to_i", vec![], "! to_i requires a numeric string"),
            (text(" -7 "), "to_i", vec![], "-7"),
            (text("inf"), "to_f", vec![], "! to_f requires a numeric string"),
        ];
        for (this, name, args, expected) in cases {
            assert_eq!(call(vm, this, name, &args), expected, "{name}");
        }
    }
}

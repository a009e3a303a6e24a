//! The standard library: a file for each family of types and functions.
//!
//! What calls back into a program is written in Gene ([`PRELUDE`]), so that a
//! callback needs no nested interpreter; everything else is native. Names that
//! begin with `__` are for the prelude only.
#![forbid(unsafe_code)]

mod actors;
mod arrays;
mod base64;
mod bytes;
mod classes;
mod files;
mod files_async;
mod freeze;
mod generators;
mod genes;
mod hashes;
#[cfg(feature = "http")]
mod http;
mod interceptors;
mod iterators;
mod json;
mod maps;
mod namespaces;
mod numbers;
mod objects;
mod output;
mod patterns;
mod process;
mod ranges;
mod reading;
mod regex;
mod serdes;
#[cfg(feature = "sqlite")]
mod sqlite;
mod strings;
mod system;
#[cfg(test)]
mod tests;
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
    actors::install(vm);
    arrays::install(vm);
    base64::install(vm);
    bytes::install(vm);
    classes::install(vm);
    files::install(vm);
    files_async::install(vm);
    freeze::install(vm);
    generators::install(vm);
    genes::install(vm);
    hashes::install(vm);
    #[cfg(feature = "http")]
    http::install(vm);
    interceptors::install(vm);
    iterators::install(vm);
    json::install(vm);
    maps::install(vm);
    namespaces::install(vm);
    numbers::install(vm);
    objects::install(vm);
    output::install(vm);
    patterns::install(vm);
    process::install(vm);
    ranges::install(vm);
    reading::install(vm);
    regex::install(vm);
    serdes::install(vm);
    #[cfg(feature = "sqlite")]
    sqlite::install(vm);
    strings::install(vm);
    system::install(vm);
    time::install(vm);
    vm_stats::install(vm);
    let all = arrays::KNOWN.into_iter().chain(numbers::KNOWN).chain(objects::KNOWN);
    for (native, known) in all {
        vm.known_natives.insert(crate::object::NativePtr::from_fn(native).0, known);
    }
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

//! What every value can do (2.7, 2.8), classes, functions, namespaces, and
//! the natives that the prelude is written with.

use gene_isa::backend::KnownNative;

use super::*;
use crate::object::{BoundMethod, Function, Interception, Kind, Namespace};
use crate::object::{foreign, kind_of, misc, string};

pub(super) fn install(vm: &mut Vm) {
    methods(vm, ClassName::Object, OBJECT);
    methods(vm, ClassName::Class, CLASS);
    methods(vm, ClassName::Namespace, NAMESPACE);
    methods(vm, ClassName::Function, FUNCTION);
    functions(vm, FUNCTIONS);
    for (class, name, _) in ClassName::ALL {
        let class = vm.class(*class).value();
        vm.define_in(&format!("gene/{name}"), class);
    }
}

const OBJECT: &Natives = &[
    (&["class"], 0, 0, |vm, args| Ok(vm.class_of(args.this()).value())),
    (&["is"], 1, 1, is),
    (&["to_s"], 0, 0, to_s),
    (&["to"], 1, 1, to),
];

const CLASS: &Natives = &[
    (&["name"], 0, 0, class_name),
    (&["parent"], 0, 0, parent),
    (&["method_intent"], 1, 1, method_intent),
    (&["method_examples"], 1, 1, method_examples),
];

const NAMESPACE: &Natives = &[
    (&["name"], 0, 0, namespace_name),
    (&["empty?"], 0, 0, |vm, args| namespace_empty(vm, args, true)),
    (&["not_empty?"], 0, 0, |vm, args| namespace_empty(vm, args, false)),
];

const FUNCTION: &Natives = &[
    (&["intent"], 0, 0, |vm, args| intent(vm, args.this())),
    (&["examples"], 0, 0, |vm, args| examples(vm, args.this())),
];

const FUNCTIONS: &Natives = &[
    (&["typeof"], 1, 1, type_of),
    (&["assert"], 1, 2, assert),
    (&["function_intent"], 1, 1, |vm, args| intent(vm, args.get(0))),
    (&["function_examples"], 1, 1, |vm, args| examples(vm, args.get(0))),
    (&["__method"], 3, 3, add_method),
    (&["__member"], 3, 3, add_member),
    (&["__callable"], 2, 2, check_callable),
    (&["__answer"], 1, 1, answer),
];

// ---- every value ---------------------------------------------------------

fn type_of(vm: &mut Vm, args: Args) -> Outcome {
    let name = vm.type_name(args.get(0));
    Ok(text(vm, &name))
}

fn to_s(vm: &mut Vm, args: Args) -> Outcome {
    let value = args.this();
    if value.is_nil() {
        return Ok(text(vm, ""));
    }
    if string::text_of(value).is_some() {
        return Ok(value);
    }
    let shown = vm.display_text(value);
    Ok(text(vm, &shown))
}

fn is(vm: &mut Vm, args: Args) -> Outcome {
    Ok(Value::bool(vm.is_type(args.this(), args.get(0))?))
}

fn to(vm: &mut Vm, args: Args) -> Outcome {
    let (value, ty) = (args.this(), args.get(0));
    if vm.is_type(value, ty)? {
        return Ok(value);
    }
    let class = Gc::<Class>::from_value(ty).map(|c| c.name);
    let wanted = class.or_else(|| vm.name_of(ty));
    let wanted = wanted.map_or_else(|| vm.display_data(ty), |name| name.to_string());
    match (wanted.as_str(), misc::int_of(value), value.as_float()) {
        ("Float", Some(number), _) => Ok(Value::float(number as f64)),
        ("Int", _, Some(number)) => truncate(vm, number),
        _ => {
            let kind = vm.type_name(value);
            Err(vm.type_error(format!("cannot convert {kind} to {wanted}")))
        }
    }
}

fn truncate(vm: &mut Vm, number: f64) -> Outcome {
    let whole = number.trunc();
    if !(-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&whole) {
        let shown = vm.display(Value::float(number));
        return Err(vm.type_error(format!("cannot convert Float to Int: {shown} is out of range")));
    }
    if whole != number {
        vm.warn_lossy(number, whole as i64, "value");
    }
    Ok(int(vm, whole as i64))
}

fn assert(vm: &mut Vm, args: Args) -> Outcome {
    if args.get(0).is_truthy() {
        return Ok(Value::NIL);
    }
    let message = args.opt(1).map_or_else(|| "Assertion failed".into(), |m| vm.display(m));
    Err(vm.error(ClassName::AssertionException, "GENE.RUNTIME.ERROR", &message))
}

// ---- classes and namespaces ----------------------------------------------

fn class_name(vm: &mut Vm, args: Args) -> Outcome {
    let name = this::<Class>(vm, args)?.name;
    Ok(text(vm, name.as_str()))
}

fn parent(vm: &mut Vm, args: Args) -> Outcome {
    Ok(this::<Class>(vm, args)?.parent.map_or(Value::NIL, Gc::value))
}

fn method_arg(vm: &mut Vm, args: Args) -> Result<Option<Value>, Throw> {
    let class = this::<Class>(vm, args)?;
    let name = vm.name_arg(args, 0)?;
    Ok(class.find_method(name))
}

fn method_intent(vm: &mut Vm, args: Args) -> Outcome {
    match method_arg(vm, args)? {
        Some(method) => intent(vm, method),
        None => Ok(Value::NIL),
    }
}

fn method_examples(vm: &mut Vm, args: Args) -> Outcome {
    match method_arg(vm, args)? {
        Some(method) => examples(vm, method),
        None => Ok(Value::NIL),
    }
}

fn namespace_name(vm: &mut Vm, args: Args) -> Outcome {
    let name = this::<Namespace>(vm, args)?.name;
    Ok(text(vm, name.as_str()))
}

fn namespace_empty(vm: &mut Vm, args: Args, wanted: bool) -> Outcome {
    let namespace = this::<Namespace>(vm, args)?;
    Ok(Value::bool(namespace.members.is_empty() == wanted))
}

// ---- functions -----------------------------------------------------------

/// The function behind a method with a receiver, or behind advice.
fn unbound(mut value: Value) -> Value {
    loop {
        if let Some(bound) = Gc::<BoundMethod>::from_value(value) {
            value = bound.method;
        } else if let Some(wrapper) = foreign::foreign::<Interception>(value) {
            value = wrapper.original;
        } else {
            return value;
        }
    }
}

fn metadata(vm: &mut Vm, value: Value) -> Result<Option<Gc<Function>>, Throw> {
    let value = unbound(value);
    match kind_of(value) {
        Some(Kind::Function) => Ok(Gc::from_value(value)),
        Some(Kind::Native) => Ok(None),
        _ => {
            let kind = vm.type_name(value);
            Err(vm.type_error(format!("expected a function, got {kind}")))
        }
    }
}

fn intent(vm: &mut Vm, function: Value) -> Outcome {
    let intent = metadata(vm, function)?.and_then(|f| f.code.data.intent.clone());
    Ok(text(vm, &intent.unwrap_or_default()))
}

fn examples(vm: &mut Vm, function: Value) -> Outcome {
    let code = metadata(vm, function)?.map(|f| f.code.data.clone());
    match code.as_ref().and_then(|c| c.examples.as_ref()) {
        Some(datum) => Ok(vm.value_of(datum)),
        None => Ok(array(vm, &[])),
    }
}

// ---- for the prelude -----------------------------------------------------

/// `(__method class name function)`
fn add_method(vm: &mut Vm, args: Args) -> Outcome {
    let Some(class) = Gc::<Class>::from_value(args.get(0)) else {
        return Err(vm.wrong_arg(args, 0, "a class"));
    };
    let name = vm.name_arg(args, 1)?;
    if let Some(function) = Gc::<Function>::from_value(args.get(2)) {
        function.home.set(class.value());
        vm.heap.barrier(function);
    }
    class.add_method(&mut vm.heap, name, args.get(2));
    Ok(Value::NIL)
}

/// `(__member class name value)`
fn add_member(vm: &mut Vm, args: Args) -> Outcome {
    let Some(class) = Gc::<Class>::from_value(args.get(0)) else {
        return Err(vm.wrong_arg(args, 0, "a class"));
    };
    let name = vm.name_arg(args, 1)?;
    class.members.set(&mut vm.heap, name, args.get(2));
    Ok(Value::NIL)
}

/// Natives that machine code can do without.
pub(super) const KNOWN: [(NativeFn, KnownNative); 1] = [(check_callable, KnownNative::Callable)];

/// `(__callable f "map")`
fn check_callable(vm: &mut Vm, args: Args) -> Outcome {
    if vm.is_callable(args.get(0)) {
        return Ok(Value::NIL);
    }
    let name = vm.str_arg(args, 1)?;
    Err(vm.not_callable_error(format!("{name} callback must be callable")))
}

/// Whether the answer of a function for `.sort` puts its first argument first,
/// or leaves the order as it is.
fn answer(vm: &mut Vm, args: Args) -> Outcome {
    let value = args.get(0);
    match (value.as_bool(), misc::int_of(value)) {
        (Some(first), _) => Ok(Value::bool(first)),
        (_, Some(number)) => Ok(Value::bool(number <= 0)),
        _ => {
            let kind = vm.type_name(value);
            Err(vm.type_error(format!("sort callback must give an Int or a boolean, got {kind}")))
        }
    }
}

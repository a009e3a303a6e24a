//! Methods of interceptors, and what the prelude runs advice with (9.8).

use super::*;
use crate::object::foreign::foreign;
use crate::object::{
    Advice, AdviceKind, Foreign, Function, Interception, Interceptor, Map, Native,
};
use crate::vm::{Request, intercept};

pub(super) fn install(vm: &mut Vm) {
    methods(vm, ClassName::Interceptor, INTERCEPTOR);
    methods(vm, ClassName::Interception, INTERCEPTION);
    functions(vm, FUNCTIONS);
    for form in intercept::FORMS {
        vm.define(form, 0, ANY, |vm, args| {
            let name = native_name(args);
            Err(vm.type_error(format!("{name} is a form; its value cannot be called")))
        });
    }
}

const INTERCEPTOR: &Natives = &[
    (&["enable"], 0, 0, |vm, args| switch_all(vm, args, true)),
    (&["disable"], 0, 0, |vm, args| switch_all(vm, args, false)),
];

const INTERCEPTION: &Natives = &[
    (&["enable"], 0, 0, |vm, args| switch(vm, args, true)),
    (&["disable"], 0, 0, |vm, args| switch(vm, args, false)),
];

const FUNCTIONS: &Natives = &[
    (&["__global"], 2, 2, global),
    (&["__original"], 1, 1, original),
    (&["__advice"], 2, 2, advice),
    (&["__advise"], 3, 4, advise),
    (&["__call"], 4, 4, call),
    (&["__keywords"], 2, 2, keywords),
];

fn switch_all(vm: &mut Vm, args: Args, on: bool) -> Outcome {
    match foreign::<Interceptor>(args.this()) {
        Some(interceptor) => interceptor.enabled.set(on),
        None => return Err(wrong_receiver(vm, args)),
    }
    Ok(Value::NIL)
}

fn switch(vm: &mut Vm, args: Args, on: bool) -> Outcome {
    match foreign::<Interception>(args.this()) {
        Some(interception) => interception.enabled.set(on),
        None => return Err(wrong_receiver(vm, args)),
    }
    Ok(Value::NIL)
}

// ---- for the prelude -----------------------------------------------------

/// `(__global name value)`
fn global(vm: &mut Vm, args: Args) -> Outcome {
    let name = vm.name_arg(args, 0)?;
    vm.define_value(name.as_str(), args.get(1));
    Ok(Value::NIL)
}

/// `(__original interception)`
fn original(_: &mut Vm, args: Args) -> Outcome {
    Ok(foreign::<Interception>(args.get(0)).map_or(Value::NIL, |i| i.original))
}

/// A piece of advice as a value of the prelude.
struct AdviceValue(Advice);

impl crate::object::ForeignData for AdviceValue {
    fn class(&self) -> &'static str {
        "Object"
    }
    fn trace(&self, marker: &mut crate::heap::Marker) {
        marker.value(self.0.function);
    }
}

/// `(__advice interception "before")`: array of pairs of advice of this kind
/// and whether it replaces the result.
fn advice(vm: &mut Vm, args: Args) -> Outcome {
    let kind = AdviceKind::parse(vm.str_arg(args, 1)?);
    let Some(interception) = foreign::<Interception>(args.get(0)) else {
        return Err(vm.wrong_arg(args, 0, "an interception"));
    };
    let all = foreign::<Interceptor>(interception.interceptor).map(|i| i.advice.borrow().clone());
    let mut found = Vec::new();
    for advice in all.unwrap_or_default() {
        if advice.target == interception.target && Some(advice.kind) == kind {
            let value = Foreign::new(&mut vm.heap, AdviceValue(advice)).value();
            found.push(array(vm, &[value, Value::bool(advice.replaces)]));
        }
    }
    Ok(array(vm, &found))
}

/// `(__advise advice self args)`, `(__advise advice self args last)`: calls
/// advice; `last` is the wrapped callable, or the result if it takes that.
fn advise(vm: &mut Vm, args: Args) -> Outcome {
    let Some(AdviceValue(advice)) = foreign::<AdviceValue>(args.get(0)) else {
        return Err(vm.wrong_arg(args, 0, "advice"));
    };
    let this = Some(args.get(1)).filter(|this| !this.is_void());
    let given = Gc::<Array>::from_value(args.get(2)).map(|a| a.to_vec()).unwrap_or_default();
    let mut all = Vec::new();
    if advice.named {
        all.push(this.unwrap_or(Value::NIL));
    }
    all.extend(given);
    if let Some(last) = args.opt(3)
        && (advice.kind == AdviceKind::Around || takes(advice.function, all.len() + 1))
    {
        all.push(last);
    }
    let this = this.filter(|_| !advice.named);
    vm.request(Request::Call { callee: advice.function, this, args: all, keywords: None })
}

/// Whether a function takes this many positional arguments; natives always do.
fn takes(function: Value, count: usize) -> bool {
    if Gc::<Native>::from_value(function).is_some() {
        return true;
    }
    Gc::<Function>::from_value(function).is_some_and(|f| {
        let params = &f.code.data.params;
        params.rest.is_some() || params.positional.len() >= count
    })
}

/// `(__call f self args keywords)`
fn call(vm: &mut Vm, args: Args) -> Outcome {
    let list = Gc::<Array>::from_value(args.get(2)).map(|a| a.to_vec()).unwrap_or_default();
    let this = Some(args.get(1)).filter(|this| !this.is_void());
    let keywords = Gc::<Map>::from_value(args.get(3)).filter(|k| !k.is_empty());
    vm.request(Request::Call { callee: args.get(0), this, args: list, keywords })
}

/// `(__keywords given more)`: the keywords of a call, with those that advice
/// gives in their place.
fn keywords(vm: &mut Vm, args: Args) -> Outcome {
    let map = Map::new(&mut vm.heap, 4);
    for source in args.iter().filter_map(Gc::<Map>::from_value) {
        for (key, value) in source.entries() {
            map.set(&mut vm.heap, key, value);
        }
    }
    Ok(map.value())
}

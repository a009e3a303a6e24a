//! Classes made at run time (9.5).

use super::*;
use crate::object::{Function, Map};

pub(super) fn install(vm: &mut Vm) {
    constructor(vm, ClassName::Class, 0, 0, new_class);
}

/// `(Class ^name "N" ^parent P ^methods {^m fn ...})`
fn new_class(vm: &mut Vm, _: Args) -> Outcome {
    let given = vm.keywords().map(|k| k.entries()).unwrap_or_default();
    let (mut name, mut parent, mut methods) = (None, None, Vec::new());
    for (key, value) in given {
        match key.as_str() {
            "name" => name = vm.name_of(value),
            "parent" => {
                parent = Gc::<Class>::from_value(value);
                if parent.is_none() {
                    let got = vm.type_name(value);
                    return Err(vm.type_error(format!("parent must be a class, got {got}")));
                }
            }
            "methods" => match Gc::<Map>::from_value(value) {
                Some(map) => methods = map.entries(),
                None => return Err(vm.arg_error("Class expects a map as ^methods")),
            },
            _ => return Err(vm.args_mismatch(format!("Unexpected keyword argument: {key}"))),
        }
    }
    let Some(name) = name else {
        return Err(vm.arg_error("Class expects a string as ^name"));
    };
    for (method, function) in &methods {
        if !vm.is_callable(*function) {
            let got = vm.type_name(*function);
            return Err(vm.arg_error(format!("method {method} must be a function, got {got}")));
        }
    }
    let parent = parent.unwrap_or(vm.class(ClassName::Object));
    let class = vm.define_class(name, parent).value();
    for (method, function) in methods {
        // A copy: the function may be a method of other classes too.
        let own = Gc::<Function>::from_value(function).map(|f| {
            Function::new(&mut vm.heap, f.code, f.scope, f.this.get(), Value::NIL).value()
        });
        vm.add_method(class, Value::symbol(method), own.unwrap_or(function))?;
    }
    Ok(class)
}

//! Maps (5.2). Methods with callbacks are in the prelude.

use super::*;
use crate::object::Map;

pub(super) fn install(vm: &mut Vm) {
    methods(vm, ClassName::Map, METHODS);
}

const METHODS: &Natives = &[
    (&["size"], 0, 0, size),
    (&["get"], 1, 2, get),
    (&["set"], 2, 2, set),
    (&["has", "contains"], 1, 1, has),
    (&["del"], 1, ANY, del),
    (&["merge"], 1, 1, merge),
    (&["clear"], 0, 0, clear),
    (&["empty?", "empty"], 0, 0, is_empty),
    (&["not_empty?"], 0, 0, not_empty),
    (&["keys"], 0, 0, keys),
    (&["values"], 0, 0, values),
    (&["pairs"], 0, 0, pairs),
];

/// An argument that is a key: a string or a symbol.
pub(super) fn key_arg(vm: &mut Vm, args: Args, index: usize) -> Result<Symbol, Throw> {
    match vm.name_of(args.get(index)) {
        Some(key) => Ok(key),
        None => {
            let name = native_name(args);
            let got = vm.type_name(args.get(index));
            Err(vm.arg_error(format!("{name} key must be a string or symbol, got {got}")))
        }
    }
}

fn size(vm: &mut Vm, args: Args) -> Outcome {
    let map = this::<Map>(vm, args)?;
    Ok(int(vm, map.len() as i64))
}

fn get(vm: &mut Vm, args: Args) -> Outcome {
    let map = this::<Map>(vm, args)?;
    let key = key_arg(vm, args, 0)?;
    Ok(map.get(key).unwrap_or(args.get(1)))
}

fn set(vm: &mut Vm, args: Args) -> Outcome {
    let map = this::<Map>(vm, args)?;
    check_mutable(vm, args.this(), "set item on")?;
    let key = key_arg(vm, args, 0)?;
    map.set(&mut vm.heap, key, args.get(1));
    Ok(args.this())
}

fn has(vm: &mut Vm, args: Args) -> Outcome {
    let map = this::<Map>(vm, args)?;
    let key = key_arg(vm, args, 0)?;
    Ok(Value::bool(map.get(key).is_some()))
}

fn del(vm: &mut Vm, args: Args) -> Outcome {
    let map = this::<Map>(vm, args)?;
    check_mutable(vm, args.this(), "delete from")?;
    delete(vm, args, &map)
}

/// Removes the keys that are the arguments; the last value found.
pub(super) fn delete(vm: &mut Vm, args: Args, map: &Map) -> Outcome {
    let mut last = Value::NIL;
    for index in 0..args.len() {
        let key = key_arg(vm, args, index)?;
        last = map.remove(&mut vm.heap, key).unwrap_or(last);
    }
    Ok(last)
}

fn merge(vm: &mut Vm, args: Args) -> Outcome {
    let map = this::<Map>(vm, args)?;
    check_mutable(vm, args.this(), "merge into")?;
    let Some(other) = Gc::<Map>::from_value(args.get(0)) else {
        return Err(vm.arg_error("Map.merge argument must be a map"));
    };
    for (key, value) in other.entries() {
        map.set(&mut vm.heap, key, value);
    }
    Ok(args.this())
}

fn clear(vm: &mut Vm, args: Args) -> Outcome {
    let map = this::<Map>(vm, args)?;
    check_mutable(vm, args.this(), "clear")?;
    map.clear(&mut vm.heap);
    Ok(args.this())
}

fn is_empty(vm: &mut Vm, args: Args) -> Outcome {
    Ok(Value::bool(this::<Map>(vm, args)?.is_empty()))
}

fn not_empty(vm: &mut Vm, args: Args) -> Outcome {
    Ok(Value::bool(!this::<Map>(vm, args)?.is_empty()))
}

fn keys(vm: &mut Vm, args: Args) -> Outcome {
    let entries = this::<Map>(vm, args)?.entries();
    let keys: Vec<Value> = entries.iter().map(|(k, _)| text(vm, k.as_str())).collect();
    Ok(array(vm, &keys))
}

fn values(vm: &mut Vm, args: Args) -> Outcome {
    let entries = this::<Map>(vm, args)?.entries();
    let values: Vec<Value> = entries.iter().map(|(_, v)| *v).collect();
    Ok(array(vm, &values))
}

fn pairs(vm: &mut Vm, args: Args) -> Outcome {
    let entries = this::<Map>(vm, args)?.entries();
    let mut pair = |key: &str, value| {
        let key = text(vm, key);
        array(vm, &[key, value])
    };
    let pairs: Vec<Value> = entries.iter().map(|(k, v)| pair(k.as_str(), *v)).collect();
    Ok(array(vm, &pairs))
}

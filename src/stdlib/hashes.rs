//! Hash maps and hash sets (5.3).

use super::*;
use crate::object::HashObject;

pub(super) fn install(vm: &mut Vm) {
    methods(vm, ClassName::HashMap, MAP);
    methods(vm, ClassName::HashSet, SET);
    constructor(vm, ClassName::HashMap, new_map);
    constructor(vm, ClassName::HashSet, new_set);
}

/// Constructors of built-in classes get the class as their receiver and give
/// the new value.
fn constructor(vm: &mut Vm, class: ClassName, function: NativeFn) {
    let native = vm.native("ctor", 0, ANY, function);
    let class = vm.class(class);
    class.ctor.set(native);
    vm.heap.barrier(class);
}

const MAP: &Natives = &[
    (&["get"], 1, 2, get),
    (&["set"], 2, 2, set),
    (&["has", "contains"], 1, 1, has),
    (&["size"], 0, 0, size),
    (&["clear"], 0, 0, clear),
    (&["delete", "del"], 1, ANY, delete),
    (&["keys"], 0, 0, |vm, args| entries(vm, args, |_, key, _| key)),
    (&["values"], 0, 0, |vm, args| entries(vm, args, |_, _, value| value)),
    (&["pairs"], 0, 0, |vm, args| entries(vm, args, |vm, key, value| array(vm, &[key, value]))),
];

const SET: &Natives = &[
    (&["add"], 0, ANY, add),
    (&["delete", "del"], 1, ANY, delete),
    (&["has", "contains"], 1, 1, has),
    (&["size"], 0, 0, size),
    (&["clear"], 0, 0, clear),
    (&["to_array"], 0, 0, |vm, args| entries(vm, args, |_, key, _| key)),
    (&["union"], 1, 1, union),
    (&["intersect"], 1, 1, |vm, args| select(vm, args, true)),
    (&["diff"], 1, 1, |vm, args| select(vm, args, false)),
    (&["subset?"], 1, 1, is_subset),
];

fn new_map(vm: &mut Vm, args: Args) -> Outcome {
    if args.len() % 2 == 1 {
        return Err(vm.arg_error("HashMap literals expect alternating key/value entries"));
    }
    let table = HashObject::new(&mut vm.heap, false);
    rooted(vm, table, |vm| {
        for index in (0..args.len()).step_by(2) {
            vm.table_set(table, args.get(index), args.get(index + 1))?;
        }
        Ok(())
    })
}

fn new_set(vm: &mut Vm, args: Args) -> Outcome {
    let set = HashObject::new(&mut vm.heap, true);
    rooted(vm, set, |vm| insert(vm, set, args))
}

/// Keeps a new table alive while methods of keys may be called; its value.
fn rooted(
    vm: &mut Vm,
    table: Gc<HashObject>,
    fill: impl FnOnce(&mut Vm) -> Result<(), Throw>,
) -> Outcome {
    let mark = vm.root_mark();
    vm.root(table.value());
    let result = fill(vm);
    vm.unroot(mark);
    result.map(|()| table.value())
}

fn insert(vm: &mut Vm, set: Gc<HashObject>, members: Args) -> Result<(), Throw> {
    for member in members.iter() {
        put(vm, set, member)?;
    }
    Ok(())
}

/// Adds a member; an equal one stays as it is.
fn put(vm: &mut Vm, set: Gc<HashObject>, member: Value) -> Result<(), Throw> {
    let hash = vm.hash(member)?;
    if vm.table_find(set, hash, member)?.is_none() {
        vm.table_push(set, hash, member, member);
    }
    Ok(())
}

fn get(vm: &mut Vm, args: Args) -> Outcome {
    let table = this::<HashObject>(vm, args)?;
    Ok(vm.table_get(table, args.get(0))?.unwrap_or(args.get(1)))
}

fn set(vm: &mut Vm, args: Args) -> Outcome {
    let table = this::<HashObject>(vm, args)?;
    check_mutable(vm, args.this(), "set item on")?;
    vm.table_set(table, args.get(0), args.get(1))?;
    Ok(args.this())
}

fn has(vm: &mut Vm, args: Args) -> Outcome {
    let table = this::<HashObject>(vm, args)?;
    Ok(Value::bool(vm.table_get(table, args.get(0))?.is_some()))
}

fn size(vm: &mut Vm, args: Args) -> Outcome {
    let table = this::<HashObject>(vm, args)?;
    Ok(int(vm, table.len() as i64))
}

fn clear(vm: &mut Vm, args: Args) -> Outcome {
    let table = this::<HashObject>(vm, args)?;
    check_mutable(vm, args.this(), "clear")?;
    table.table.borrow_mut().clear();
    Ok(args.this())
}

/// Removes the keys or members that are the arguments; of a map the value of
/// the last one found, of a set that member.
fn delete(vm: &mut Vm, args: Args) -> Outcome {
    let table = this::<HashObject>(vm, args)?;
    check_mutable(vm, args.this(), "delete from")?;
    let mark = vm.root_mark();
    let mut last = Value::NIL;
    for key in args.iter() {
        match vm.table_remove(table, key) {
            Ok(Some(value)) => last = vm.root(value),
            Ok(None) => {}
            Err(throw) => {
                vm.unroot(mark);
                return Err(throw);
            }
        }
    }
    vm.unroot(mark);
    Ok(last)
}

fn entries(vm: &mut Vm, args: Args, part: fn(&mut Vm, Value, Value) -> Value) -> Outcome {
    let entries = this::<HashObject>(vm, args)?.entries();
    let parts: Vec<Value> = entries.iter().map(|(k, v)| part(vm, *k, *v)).collect();
    Ok(array(vm, &parts))
}

fn add(vm: &mut Vm, args: Args) -> Outcome {
    let set = this::<HashObject>(vm, args)?;
    check_mutable(vm, args.this(), "append to")?;
    insert(vm, set, args)?;
    Ok(args.this())
}

/// The argument as a set.
fn other(vm: &mut Vm, args: Args) -> Result<Gc<HashObject>, Throw> {
    match Gc::<HashObject>::from_value(args.get(0)).filter(|t| t.is_set()) {
        Some(set) => Ok(set),
        None => {
            let (name, kind) = (native_name(args), vm.type_name(args.get(0)));
            Err(vm.type_error(format!("HashSet.{name} expects a HashSet, got {kind}")))
        }
    }
}

fn union(vm: &mut Vm, args: Args) -> Outcome {
    let (set, other) = (this::<HashObject>(vm, args)?, other(vm, args)?);
    let result = HashObject::new(&mut vm.heap, true);
    rooted(vm, result, |vm| {
        for source in [set, other] {
            each(vm, source, |vm, member| put(vm, result, member))?;
        }
        Ok(())
    })
}

/// New set of the members that are, or are not, in the other one.
fn select(vm: &mut Vm, args: Args, wanted: bool) -> Outcome {
    let (set, other) = (this::<HashObject>(vm, args)?, other(vm, args)?);
    let result = HashObject::new(&mut vm.heap, true);
    rooted(vm, result, |vm| {
        each(vm, set, |vm, member| match vm.table_get(other, member)?.is_some() == wanted {
            true => put(vm, result, member),
            false => Ok(()),
        })
    })
}

fn is_subset(vm: &mut Vm, args: Args) -> Outcome {
    let (set, other) = (this::<HashObject>(vm, args)?, other(vm, args)?);
    let mut all = true;
    each(vm, set, |vm, member| {
        all = all && vm.table_get(other, member)?.is_some();
        Ok(())
    })?;
    Ok(Value::bool(all))
}

/// Calls `visit` with the members as they are now, kept alive even if a method
/// of a member removes some.
fn each(
    vm: &mut Vm,
    set: Gc<HashObject>,
    mut visit: impl FnMut(&mut Vm, Value) -> Result<(), Throw>,
) -> Result<(), Throw> {
    let members: Vec<Value> = set.entries().iter().map(|(key, _)| *key).collect();
    let mark = vm.root_mark();
    let kept = array(vm, &members);
    vm.root(kept);
    let result = members.into_iter().try_for_each(|member| visit(vm, member));
    vm.unroot(mark);
    result
}

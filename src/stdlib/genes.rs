//! Gene values (5.6).

use super::maps::key_arg;
use super::*;
use crate::object::{Gene, Map};

pub(super) fn install(vm: &mut Vm) {
    methods(vm, ClassName::Gene, METHODS);
}

const METHODS: &Natives = &[
    (&["type", "genetype"], 0, 0, |vm, args| Ok(this::<Gene>(vm, args)?.head.get())),
    (&["set_genetype"], 1, 1, set_head),
    (&["props"], 0, 0, props),
    (&["children"], 0, 0, children),
    (&["has"], 1, 1, has),
    (&["get"], 1, 2, get),
    (&["set"], 2, 2, set),
    (&["del"], 1, ANY, del),
    (&["has_child"], 1, 1, has_child),
    (&["get_child"], 1, 2, get_child),
    (&["set_child"], 2, 2, set_child),
    (&["add_child"], 1, 1, add_child),
    (&["ins_child"], 2, 2, ins_child),
    (&["del_child"], 1, 1, del_child),
    (&["contains"], 1, 1, contains),
];

/// The receiver, which is about to be changed.
fn mutable(vm: &mut Vm, args: Args, action: &str) -> Result<Gc<Gene>, Throw> {
    let gene = this::<Gene>(vm, args)?;
    check_mutable(vm, args.this(), action)?;
    Ok(gene)
}

/// A child index from 0.
fn child_arg(vm: &mut Vm, args: Args) -> Result<Option<usize>, Throw> {
    Ok(usize::try_from(vm.int_arg(args, 0)?).ok())
}

fn out_of_bounds(vm: &mut Vm, args: Args) -> Throw {
    let name = native_name(args);
    vm.arg_error(format!("{name} index out of bounds"))
}

fn set_head(vm: &mut Vm, args: Args) -> Outcome {
    mutable(vm, args, "set type of")?.set_head(&mut vm.heap, args.get(0));
    Ok(args.this())
}

fn props(vm: &mut Vm, args: Args) -> Outcome {
    let entries = this::<Gene>(vm, args)?.props().map(|p| p.entries()).unwrap_or_default();
    Ok(Map::from_entries(&mut vm.heap, &entries).value())
}

fn children(vm: &mut Vm, args: Args) -> Outcome {
    let children = this::<Gene>(vm, args)?.children;
    Ok(array(vm, children.elements()))
}

fn prop(vm: &mut Vm, args: Args) -> Result<Option<Value>, Throw> {
    let gene = this::<Gene>(vm, args)?;
    let key = key_arg(vm, args, 0)?;
    Ok(gene.props().and_then(|p| p.get(key)))
}

fn has(vm: &mut Vm, args: Args) -> Outcome {
    Ok(Value::bool(prop(vm, args)?.is_some()))
}

fn get(vm: &mut Vm, args: Args) -> Outcome {
    Ok(prop(vm, args)?.unwrap_or(args.get(1)))
}

fn set(vm: &mut Vm, args: Args) -> Outcome {
    let gene = mutable(vm, args, "set property on")?;
    let key = key_arg(vm, args, 0)?;
    gene.props_mut(&mut vm.heap).set(&mut vm.heap, key, args.get(1));
    Ok(args.this())
}

fn del(vm: &mut Vm, args: Args) -> Outcome {
    let gene = mutable(vm, args, "delete from")?;
    let props = gene.props_mut(&mut vm.heap);
    maps::delete(vm, args, &props)
}

fn child(vm: &mut Vm, args: Args) -> Result<Option<Value>, Throw> {
    let gene = this::<Gene>(vm, args)?;
    Ok(child_arg(vm, args)?.and_then(|i| gene.children.get(i)))
}

fn has_child(vm: &mut Vm, args: Args) -> Outcome {
    Ok(Value::bool(child(vm, args)?.is_some()))
}

fn get_child(vm: &mut Vm, args: Args) -> Outcome {
    Ok(child(vm, args)?.unwrap_or(args.get(1)))
}

fn set_child(vm: &mut Vm, args: Args) -> Outcome {
    let gene = mutable(vm, args, "set child on")?;
    let index = child_arg(vm, args)?;
    if !index.is_some_and(|i| gene.children.set(&mut vm.heap, i, args.get(1))) {
        return Err(out_of_bounds(vm, args));
    }
    Ok(args.this())
}

fn add_child(vm: &mut Vm, args: Args) -> Outcome {
    mutable(vm, args, "append to")?.children.push(&mut vm.heap, args.get(0));
    Ok(args.this())
}

fn ins_child(vm: &mut Vm, args: Args) -> Outcome {
    let gene = mutable(vm, args, "insert into")?;
    let index = child_arg(vm, args)?.filter(|i| *i <= gene.children.len());
    let Some(index) = index else { return Err(out_of_bounds(vm, args)) };
    gene.children.insert(&mut vm.heap, index, args.get(1));
    Ok(args.this())
}

fn del_child(vm: &mut Vm, args: Args) -> Outcome {
    let gene = mutable(vm, args, "delete from")?;
    match child_arg(vm, args)?.and_then(|i| gene.children.remove(i)) {
        Some(value) => Ok(value),
        None => Err(out_of_bounds(vm, args)),
    }
}

fn contains(vm: &mut Vm, args: Args) -> Outcome {
    let children = this::<Gene>(vm, args)?.children;
    Ok(Value::bool(arrays::find(vm, children, args.get(0))?.is_some()))
}

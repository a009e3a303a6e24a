//! Iterators of built-in collections (5.5).

use super::*;
use crate::object::Iter;
use crate::object::foreign::foreign;

pub(super) fn install(vm: &mut Vm) {
    let sources = [
        ClassName::Array,
        ClassName::Map,
        ClassName::HashMap,
        ClassName::HashSet,
        ClassName::Range,
    ];
    for class in sources {
        vm.method(class, &["iter"], 0, 0, iter);
    }
    for class in [ClassName::ArrayIterator, ClassName::MapIterator, ClassName::RangeIterator] {
        vm.method(class, &["iter"], 0, 0, |_, args| Ok(args.this()));
        vm.method(class, &["next"], 0, 0, next);
        vm.method(class, &["next_pair"], 0, 0, next_pair);
        vm.method(class, &["has_next"], 0, 0, has_next);
    }
}

fn iter(vm: &mut Vm, args: Args) -> Outcome {
    match Iter::object(&mut vm.heap, args.this()) {
        Some(iterator) => Ok(iterator.value()),
        None => Err(wrong_receiver(vm, args)),
    }
}

fn this_iter<'a>(vm: &mut Vm, args: Args) -> Result<&'a Iter, Throw> {
    foreign::<Iter>(args.this()).ok_or_else(|| wrong_receiver(vm, args))
}

fn next(vm: &mut Vm, args: Args) -> Outcome {
    let next = this_iter(vm, args)?.next(&mut vm.heap);
    Ok(next.map_or(Value::NOT_FOUND, |(_, element)| element))
}

fn next_pair(vm: &mut Vm, args: Args) -> Outcome {
    match this_iter(vm, args)?.next(&mut vm.heap) {
        Some((key, element)) => Ok(array(vm, &[key, element])),
        None => Ok(Value::NOT_FOUND),
    }
}

fn has_next(vm: &mut Vm, args: Args) -> Outcome {
    Ok(Value::bool(this_iter(vm, args)?.has_next()))
}

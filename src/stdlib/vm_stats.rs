//! Counters of the machine, and collections on demand (8.18).

use super::*;
use crate::object::Map;

pub(super) fn install(vm: &mut Vm) {
    vm.define_fn_in("gene/vm/stats", 0, 1, stats);
    vm.define_fn_in("gene/vm/gc", 0, 0, |vm, _| {
        let freed = vm.collect_garbage();
        Ok(int(vm, freed as i64))
    });
}

fn counters(vm: &Vm) -> [(&'static str, u64); 6] {
    [
        ("live_scopes", vm.heap.live_scopes() as u64),
        ("live_objects", vm.heap.live_objects() as u64),
        ("live_tasks", vm.live_tasks as u64),
        ("live_timers", vm.live_timers as u64),
        ("gc_runs", vm.heap.stats.runs),
        ("gc_freed", vm.heap.stats.freed),
    ]
}

fn stats(vm: &mut Vm, args: Args) -> Outcome {
    // What is garbage already does not count: a number that depends on when the
    // last collection happened to be says nothing.
    let name = args.opt(0).and_then(|name| vm.name_of(name));
    if name.is_none_or(|name| matches!(name.as_str(), "live_scopes" | "live_objects")) {
        vm.collect_garbage();
    }
    let counters = counters(vm);
    if args.is_empty() {
        let map = Map::new(&mut vm.heap, counters.len());
        for (name, count) in counters {
            let count = int(vm, count as i64);
            map.set(&mut vm.heap, name.into(), count);
        }
        return Ok(map.value());
    }
    let name = vm.name_arg(args, 0)?;
    match counters.iter().find(|(n, _)| *n == name.as_str()) {
        Some((_, count)) => Ok(int(vm, *count as i64)),
        None => Err(vm.arg_error(format!("gene/vm/stats: unknown counter {name}"))),
    }
}

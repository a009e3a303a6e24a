//! `(bench "name" body...)`: runs of the body, one by one or for somebody who
//! measures.

use super::{Throw, Vm};
use crate::heap::Gc;
use crate::object::{Future, Str};
use crate::value::Value;

/// Who carries out benchmarks; without one the body runs once.
pub trait Bencher {
    /// A program has come to a benchmark.
    ///
    /// # Errors
    ///
    /// What the body raises; `ArgumentException` for a name that was used before.
    fn bench(&self, vm: &mut Vm, bench: &Bench) -> Result<(), Throw>;
}

/// A benchmark of a program.
pub struct Bench {
    /// Its name.
    pub name: String,
    body: Value,
    /// A function that makes the input of a run; nil if there is none.
    setup: Value,
    /// A function that calls the body again and again; nil if the body awaits.
    calls: Value,
    /// The same, which awaits what the body gives.
    awaits: Value,
    /// A function that makes an array of inputs.
    inputs: Value,
}

/// What runs of a body take one by one.
#[derive(Clone, Copy)]
pub enum Input {
    /// Nothing: that many runs.
    None(u32),
    /// An element each of this array, which the caller holds as a root.
    Each(Value),
}

/// Whether results have to be awaited.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    /// They are values.
    Calls,
    /// They are futures.
    Awaits,
}

impl Bench {
    /// Whether each run of the body gets an input of its own.
    pub fn has_setup(&self) -> bool {
        !self.setup.is_nil()
    }

    /// Inputs for that many runs; nothing without a setup. The caller roots an array.
    ///
    /// # Errors
    ///
    /// What the setup raises.
    pub fn inputs(&self, vm: &mut Vm, count: u32) -> Result<Input, Throw> {
        if !self.has_setup() {
            return Ok(Input::None(count));
        }
        let count = Value::small_int(count.into());
        vm.call(self.inputs, &[self.setup, count]).map(Input::Each)
    }

    /// Runs the body once, and says how it has to be run.
    ///
    /// # Errors
    ///
    /// What setup and body raise.
    pub fn first(&self, vm: &mut Vm) -> Result<Way, Throw> {
        let mark = vm.root_mark();
        let result = self.first_rooted(vm);
        vm.unroot(mark);
        result
    }

    fn first_rooted(&self, vm: &mut Vm) -> Result<Way, Throw> {
        let input = self.inputs(vm, 1)?;
        if let Input::Each(inputs) = input {
            vm.root(inputs);
        }
        if self.calls.is_nil() {
            self.run(vm, Way::Awaits, input)?;
            return Ok(Way::Awaits);
        }
        let result = self.run(vm, Way::Calls, input)?;
        if Gc::<Future>::from_value(result).is_none() {
            return Ok(Way::Calls);
        }
        settle(vm, result)?;
        Ok(Way::Awaits)
    }

    /// Runs the body with these inputs; the last result.
    ///
    /// # Errors
    ///
    /// What it raises.
    pub fn run(&self, vm: &mut Vm, way: Way, input: Input) -> Result<Value, Throw> {
        let input = match input {
            Input::None(count) => Value::small_int(count.into()),
            Input::Each(inputs) => inputs,
        };
        match way {
            Way::Calls => vm.call(self.calls, &[self.body, input]),
            Way::Awaits => {
                let future = vm.call(self.awaits, &[self.body, input])?;
                settle(vm, future)
            }
        }
    }
}

/// Waits for a future as an `await` in synchronous code does.
fn settle(vm: &mut Vm, future: Value) -> Result<Value, Throw> {
    if Gc::<Future>::from_value(future).is_some_and(|f| f.is_pending()) {
        let mark = vm.root_mark();
        vm.root(future);
        let driven = vm.event_loop().and_then(|l| l.drive(vm, &[future], None));
        vm.unroot(mark);
        driven?;
    }
    vm.settled_value(future)
}

/// The intrinsic: name, body, setup, loops.
pub(super) fn intrinsic(vm: &mut Vm, args: &[Value]) -> Result<Value, Throw> {
    let &[name, body, setup, calls, awaits, inputs] = args else {
        return Err(vm.runtime_error("bench: wrong code"));
    };
    let name = match Gc::<Str>::from_value(name) {
        Some(name) => name.as_str().to_owned(),
        None => {
            let kind = vm.type_name(name);
            return Err(vm.type_error(format!("bench: a name is a String, not {kind}")));
        }
    };
    let bench = Bench { name, body, setup, calls, awaits, inputs };
    // As in a native: jobs of the event loop collect with what is in use here.
    let (mark, saved_top) = (vm.root_mark(), vm.top);
    vm.top = vm.top.max(vm.frame_top());
    for function in [body, setup, calls, awaits, inputs] {
        vm.root(function);
    }
    let result = match vm.bencher.clone() {
        Some(bencher) => bencher.bench(vm, &bench),
        None => bench.first(vm).map(drop),
    };
    vm.unroot(mark);
    vm.top = saved_top;
    result.map(|()| Value::NIL)
}

//! `gene bench`: how long the bodies of a program's benchmarks take.
//!
//! - `measure`: warm-up and samples of one benchmark
//! - `stats`: medians, spreads, intervals
//! - `record`: what is kept of a run, and the comparison of two
//!
//! A [`Session`] is what the vm calls when the program comes to a `(bench ...)`;
//! it is measured there and then, so a benchmark sees the program as it is at
//! that point.
#![forbid(unsafe_code)]

mod measure;
pub mod record;
pub mod stats;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use crate::vm::bench::{Bench, Bencher};
use crate::vm::{Throw, Vm};
use record::Measured;

/// How benchmarks are measured.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Only benchmarks with this in their names.
    pub filter: Option<String>,
    /// How long one is measured, about.
    pub time: Duration,
    /// How long one is run before, at least.
    pub warm_up: Duration,
}

/// What a session is doing.
pub enum Progress<'a> {
    /// A benchmark begins.
    Begins(&'a str),
    /// It has been measured.
    Ends,
}

/// Measures the benchmarks of one program.
pub struct Session {
    settings: Settings,
    progress: Box<dyn Fn(Progress<'_>)>,
    measured: RefCell<Vec<Measured>>,
    /// Names of all benchmarks, those that were left out too.
    names: RefCell<Vec<String>>,
    running: Cell<bool>,
}

impl Session {
    /// A session that tells `progress` what it does.
    pub fn new(settings: Settings, progress: impl Fn(Progress<'_>) + 'static) -> Rc<Session> {
        Rc::new(Session {
            settings,
            progress: Box::new(progress),
            measured: RefCell::default(),
            names: RefCell::default(),
            running: Cell::new(false),
        })
    }

    /// What has been measured so far, in the order of the program.
    pub fn measured(&self) -> Vec<Measured> {
        self.measured.borrow().clone()
    }

    /// Names of all benchmarks the program came to.
    pub fn names(&self) -> Vec<String> {
        self.names.borrow().clone()
    }
}

impl Bencher for Session {
    fn bench(&self, vm: &mut Vm, bench: &Bench) -> Result<(), Throw> {
        if self.running.get() {
            let name = &bench.name;
            let message = format!("bench: `{name}` stands in the body of another benchmark");
            return Err(vm.runtime_error(message));
        }
        if self.names.borrow().contains(&bench.name) {
            return Err(vm.arg_error(format!("bench: there are two named `{}`", bench.name)));
        }
        self.names.borrow_mut().push(bench.name.clone());
        if self.settings.filter.as_ref().is_some_and(|word| !bench.name.contains(word.as_str())) {
            return Ok(());
        }
        (self.progress)(Progress::Begins(&bench.name));
        self.running.set(true);
        let result = measure::measure(vm, bench, &self.settings);
        self.running.set(false);
        (self.progress)(Progress::Ends);
        self.measured.borrow_mut().push(result?);
        Ok(())
    }
}

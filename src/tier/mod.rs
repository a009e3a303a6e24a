//! The compiled tier: what is compiled when, and what has become of it.
//!
//! The vm counts calls and rounds of loops and notes what instructions meet; it
//! tells [`Cranelift`] when something is hot. That takes a [`snapshot`],
//! has the backend compile it, and installs the machine code. Functions that a
//! hot one calls are compiled first, so that they can be called directly.
//!
//! This is the only module that names `gene_jit`.

mod layout;
pub mod report;
mod snapshot;

use std::cell::RefCell;
use std::io::Write;
use std::rc::Rc;
use std::time::{Duration, Instant};

use gene_isa::backend::{Backend, Direct, Entry, Exit, Helper, Refusal, Request};
use gene_jit::{Jit, Wanted};
use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

use crate::heap::Gc;
use crate::object::Code;
use crate::value::Value;
use crate::vm::tiering::{Tier, code_at};
use crate::vm::{Vm, helpers};
use report::{Event, Report};
use snapshot::Snapshot;

pub use gene_jit::Dump;

/// How the compiled tier behaves.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Everything is compiled at its first call or round.
    pub eager: bool,
    /// Calls before a function is hot.
    pub calls: u32,
    /// Rounds before a loop is hot.
    pub rounds: u32,
    /// See [`Tier::warm_up`].
    pub warm_up: Duration,
    /// Stages that are written to standard error.
    pub dump: Dump,
    /// The vm is told which instruction each piece of machine code belongs to.
    pub places: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            eager: false,
            calls: 3000,
            rounds: 20_480,
            warm_up: Duration::from_millis(10),
            dump: Dump::default(),
            places: false,
        }
    }
}

/// Instructions that are noted before something is compiled.
const WATCHED: u32 = 6000;
/// How often one function or loop is compiled.
const MAX_VERSIONS: u32 = 12;
/// How often compiled code may leave at one place before it is compiled anew.
const MAX_EXITS: u32 = 30;
/// Functions that are compiled because a hot one calls them: how deeply.
const MAX_NESTING: u32 = 4;
/// Bytes of machine code, at most.
const MAX_BYTES: usize = 32 << 20;

type Map<K, V> = HashMap<K, V, FxBuildHasher>;
/// A function by the address of its code object, which stays alive.
type Id = usize;

fn id(code: Gc<Code>) -> Id {
    code.as_ptr() as Id
}

/// The machine code there is.
#[derive(Default)]
pub(crate) struct Compiled {
    directs: Map<Id, Direct>,
}

impl Compiled {
    fn direct(&self, code: Gc<Code>) -> Option<Direct> {
        self.directs.get(&id(code)).cloned()
    }
}

#[derive(Default)]
struct State {
    compiled: Compiled,
    /// How often each was compiled.
    versions: Map<(Id, Entry), u32>,
    /// How often each was left, by instruction.
    exits: Map<(Id, u32), u32>,
    /// What is being compiled.
    active: Vec<Id>,
    report: Report,
    bytes: usize,
}

/// The compiler of hot functions.
pub struct Cranelift {
    /// Made when something is hot: most programs end before.
    jit: RefCell<Option<Jit>>,
    options: Options,
    state: RefCell<State>,
}

impl Cranelift {
    /// A compiler, to be given to [`Vm::set_tier`] of one machine. On processors that it does not
    /// know it refuses everything.
    pub fn new(options: Options) -> Rc<Cranelift> {
        Rc::new(Cranelift { jit: RefCell::default(), options, state: RefCell::default() })
    }

    fn start(&self, vm: &Vm) -> Result<Jit, Refusal> {
        let helpers = Helper::ALL.iter().map(|h| helpers::address(*h) as u64).collect();
        let (word, limit) = vm.interrupt_addresses();
        let wanted = Wanted { dump: self.options.dump, places: self.options.places };
        Jit::new(layout::layout(), helpers, (word as u64, limit as u64), wanted)
    }

    /// What has been compiled so far.
    pub fn report<T>(&self, f: impl FnOnce(&Report) -> T) -> T {
        f(&self.state.borrow().report)
    }

    fn compile_now(&self, vm: &mut Vm, code: Gc<Code>, entry: Entry, depth: u32) {
        let key = (id(code), entry);
        let version = {
            let mut state = self.state.borrow_mut();
            let versions = state.versions.entry(key).or_default();
            *versions += 1;
            *versions
        };
        let start = Instant::now();
        self.state.borrow_mut().active.push(id(code));
        let result = match version > MAX_VERSIONS || self.state.borrow().bytes > MAX_BYTES {
            true => Err(Refusal::new("it was compiled too often")),
            false => self.build(vm, code, entry, depth),
        };
        self.state.borrow_mut().active.pop();
        let nanos = start.elapsed().as_nanos() as u64;
        let event = match result {
            Ok((native, bytes)) => {
                vm.install(code, entry, native);
                self.state.borrow_mut().bytes += bytes;
                Event::Compiled { bytes, nanos, version }
            }
            Err(refusal) => {
                vm.refuse(code, entry);
                Event::Refused(refusal)
            }
        };
        self.state.borrow_mut().report.add(vm, code, entry, event);
    }

    /// Compiles what machine code of a function will call, as far as it has been seen.
    fn compile_callees(&self, vm: &mut Vm, code: Gc<Code>, entry: Entry, depth: u32) {
        if depth >= MAX_NESTING {
            return;
        }
        let (callees, _) = self.request(vm, code, entry, |request| gene_jit::calls_left(&request));
        for callee in callees {
            let callee = code_at(callee);
            let known = {
                let state = self.state.borrow();
                state.active.contains(&id(callee))
                    || state.versions.contains_key(&(id(callee), Entry::Call))
            };
            let noted = callee.tiering.notes.borrow().is_some();
            let plain = !callee.data.kind.is_coroutine() && callee.data.params.exact().is_some();
            if !known && noted && plain {
                self.compile_now(vm, callee, Entry::Call, depth + 1);
            }
        }
    }

    /// Asks something about a function as it is known now: the answer, and values that must
    /// live as long as it.
    fn request<T>(
        &self,
        vm: &mut Vm,
        code: Gc<Code>,
        entry: Entry,
        f: impl FnOnce(Request) -> T,
    ) -> (T, Vec<Value>) {
        let state = self.state.borrow();
        let compiled = &state.compiled;
        let mut snapshot =
            Snapshot { vm, compiled, code, constants: Vec::new(), inlinable: Vec::new() };
        let body = snapshot.body(code);
        let inlinable = snapshot.inlinable();
        let constants = snapshot.constants;
        let inlinable: Vec<_> = inlinable.iter().map(|body| body.borrow()).collect();
        let answer = f(Request {
            body: body.borrow(),
            inlinable: &inlinable,
            epoch: vm.cache_epoch,
            plain_equality: vm.has_plain_equality(),
            entry,
            first_exit: state.report.exits_made(),
        });
        (answer, constants)
    }

    fn build(
        &self,
        vm: &mut Vm,
        code: Gc<Code>,
        entry: Entry,
        depth: u32,
    ) -> Result<(usize, usize), Refusal> {
        self.compile_callees(vm, code, entry, depth);
        let mut jit = self.jit.borrow_mut();
        let jit = match &mut *jit {
            Some(jit) => jit,
            none => none.insert(self.start(vm)?),
        };
        let (made, constants) = self.request(vm, code, entry, |request| jit.compile(request));
        let made = made?;
        vm.tiers.constants.extend(constants);
        if self.options.places {
            vm.add_machine_code(code, entry, made.parts);
        }
        let mut state = self.state.borrow_mut();
        if let Some(direct) = made.direct {
            state.install(id(code), direct);
        }
        state.report.exits(id(code), entry, made.exits);
        state.report.inlined(vm, code, entry, &made.inlined);
        state.report.steps(vm, code, entry, made.steps);
        if let Some(listing) = made.listing {
            // Nobody to show it to is no reason to stop.
            let _ = writeln!(vm.err, "; {} ({entry:?})\n{listing}", code.name());
        }
        Ok((made.entry as usize, made.bytes))
    }
}

impl State {
    /// Makes direct calls go to new code. Callers hold the address of a cell; they
    /// keep the old code if the signature has changed.
    fn install(&mut self, code: Id, new: Direct) {
        if let Some(old) = self.compiled.directs.get(&code) {
            let same = (&old.params, old.result, old.uses_self);
            if same == (&new.params, new.result, new.uses_self) {
                // SAFETY: a cell is never freed, and written here only.
                unsafe { *(old.cell as *mut u64) = new.cell };
                return;
            }
        }
        let cell = Box::leak(Box::new(new.cell)) as *mut u64 as u64;
        self.compiled.directs.insert(code, Direct { cell, ..new });
    }
}

impl Tier for Cranelift {
    fn compile(&self, vm: &mut Vm, code: Gc<Code>, entry: Entry) {
        self.compile_now(vm, code, entry, 0);
    }

    fn left(&self, code: Gc<Code>, entry: Entry, at: (Gc<Code>, u32), exit: usize) -> bool {
        let mut state = self.state.borrow_mut();
        let (inner, pc) = at;
        let pc = state.report.left(exit).unwrap_or(pc);
        let limit = if self.options.eager { 2 } else { MAX_EXITS };
        let count = state.exits.entry((id(inner), pc)).or_default();
        *count += 1;
        if *count < limit {
            return false;
        }
        *count = 0;
        if let Some(notes) = &mut *inner.tiering.notes.borrow_mut()
            && let Some(note) = notes.insns.get_mut(pc as usize)
        {
            note.trouble = note.trouble.saturating_add(1);
        }
        state.versions.get(&(id(code), entry)).is_none_or(|v| *v < MAX_VERSIONS)
    }

    fn exit(&self, number: usize) -> Option<Rc<Exit>> {
        self.state.borrow().report.exit(number)
    }

    fn thresholds(&self) -> (u32, u32) {
        match self.options.eager {
            true => (0, 0),
            false => (self.options.calls, self.options.rounds),
        }
    }

    fn warm_up(&self) -> Duration {
        if self.options.eager { Duration::ZERO } else { self.options.warm_up }
    }

    fn watched(&self) -> u32 {
        if self.options.eager { 0 } else { WATCHED }
    }

    fn compiling_ns(&self) -> u64 {
        self.report(|report| report.totals().2)
    }
}

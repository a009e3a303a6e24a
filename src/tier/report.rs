//! `--jit-report`: what was compiled, what was refused, where compiled code was
//! left and why.

use std::fmt::Write;

use gene_isa::backend::{Entry, Exit, Refusal};
use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

use super::{Id, code_at, id};
use crate::heap::Gc;
use crate::object::Code;
use crate::vm::Vm;

/// What became of one function or loop.
pub enum Event {
    /// It is machine code now.
    Compiled {
        /// Bytes of machine code.
        bytes: usize,
        /// Nanoseconds that took.
        nanos: u64,
        /// How often it has been compiled.
        version: u32,
    },
    /// It stays interpreted.
    Refused(Refusal),
}

struct Line {
    name: String,
    place: String,
    entry: Entry,
    bytes: usize,
    nanos: u64,
    versions: u32,
    refusal: Option<String>,
}

/// Everything that happened.
#[derive(Default)]
pub struct Report {
    lines: Vec<((Id, Entry), Line)>,
    exits: HashMap<(Id, Entry), Vec<(Exit, u64)>, FxBuildHasher>,
    places: HashMap<(Id, u32), String, FxBuildHasher>,
    /// Instructions that the interpreter runs for compiled code, with places.
    steps: HashMap<(Id, Entry), Vec<String>, FxBuildHasher>,
}

impl Report {
    pub(super) fn add(&mut self, vm: &Vm, code: Gc<Code>, entry: Entry, event: Event) {
        let key = (id(code), entry);
        let at = match entry {
            Entry::Call => 0,
            Entry::Loop(pc) => pc,
        };
        for (exit, _) in self.exits.get(&key).into_iter().flatten() {
            let place = vm.place_of(code_at(exit.code), exit.pc);
            self.places.insert((exit.code as Id, exit.pc), place.unwrap_or_default());
        }
        if !self.lines.iter().any(|(k, _)| *k == key) {
            let place = vm.place_of(code, at).unwrap_or_default();
            let name = code.name().to_owned();
            let line = Line { name, place, entry, bytes: 0, nanos: 0, versions: 0, refusal: None };
            self.lines.push((key, line));
        }
        let Some((_, line)) = self.lines.iter_mut().find(|(k, _)| *k == key) else { return };
        match event {
            Event::Compiled { bytes, nanos, version } => {
                line.bytes += bytes;
                line.nanos += nanos;
                line.versions = version;
            }
            Event::Refused(refusal) => line.refusal = Some(refusal.to_string()),
        }
    }

    /// The exits of new machine code; counts of places that stay are kept.
    pub(super) fn exits(&mut self, code: Id, entry: Entry, exits: Vec<Exit>) {
        let old = self.exits.remove(&(code, entry)).unwrap_or_default();
        let mut all: Vec<(Exit, u64)> = exits.into_iter().map(|exit| (exit, 0)).collect();
        for (exit, count) in old.into_iter().filter(|(_, count)| *count > 0) {
            match all.iter_mut().find(|(e, _)| *e == exit) {
                Some((_, known)) => *known += count,
                None => all.push((exit, count)),
            }
        }
        self.exits.insert((code, entry), all);
    }

    /// Notes which instructions are left to the interpreter.
    pub(super) fn steps(&mut self, vm: &Vm, code: Gc<Code>, entry: Entry, steps: Vec<(u64, u32)>) {
        let describe = |(inner, pc): (u64, u32)| {
            let inner = code_at(inner);
            let place = vm.place_of(inner, pc).unwrap_or_default();
            format!("{} at {place}", inner.data.insns[pc as usize].op.mnemonic())
        };
        let lines = steps.into_iter().map(describe).collect();
        self.steps.insert((id(code), entry), lines);
    }

    /// Counts an exit of some code, by its index, that went on at this instruction; the
    /// one to blame, in the same function.
    pub(super) fn left(&mut self, key: (Id, Entry), at: (Id, u32), exit: usize) -> u32 {
        let exits = self.exits.get_mut(&key);
        match exits.and_then(|exits| exits.get_mut(exit)) {
            Some((exit, count)) if (exit.code as Id, exit.pc) == at => {
                *count += 1;
                exit.blamed
            }
            // Of code that was compiled anew meanwhile.
            _ => at.1,
        }
    }

    /// Functions and loops compiled, bytes of machine code, nanoseconds.
    pub fn totals(&self) -> (usize, usize, u64) {
        let compiled = self.lines.iter().filter(|(_, line)| line.versions > 0);
        compiled.fold((0, 0, 0), |(n, bytes, nanos), (_, line)| {
            (n + 1, bytes + line.bytes, nanos + line.nanos)
        })
    }

    /// The report as text.
    pub fn text(&self) -> String {
        let mut out = String::new();
        for (key, line) in &self.lines {
            let what = match line.entry {
                Entry::Call => format!("{} ({})", line.name, line.place),
                Entry::Loop(_) => format!("loop in {} ({})", line.name, line.place),
            };
            let times = match line.versions {
                0 | 1 => String::new(),
                n => format!(", {n} times"),
            };
            let micros = line.nanos / 1000;
            let _ = match &line.refusal {
                Some(reason) => writeln!(out, "refused   {what}: {reason}"),
                None => writeln!(out, "compiled  {what}{times}: {} bytes, {micros} us", line.bytes),
            };
            for step in self.steps.get(key).into_iter().flatten() {
                let _ = writeln!(out, "  interprets {step}");
            }
            for (exit, count) in self.exits.get(key).into_iter().flatten() {
                if *count > 0 {
                    let place = self.places.get(&(exit.code as Id, exit.pc));
                    let place = place.map_or("", String::as_str);
                    let _ = writeln!(out, "  left {count} times at {place}: {}", exit.reason);
                }
            }
        }
        out
    }
}

//! `--jit-report`: what was compiled, what was refused, where compiled code was
//! left and why.

use std::fmt::Write;
use std::rc::Rc;

use gene_isa::backend::{Entry, Exit, Refusal};
use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

use super::{Id, id};
use crate::heap::Gc;
use crate::object::Code;
use crate::vm::Vm;
use crate::vm::tiering::code_at;

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

/// An exit of some machine code, and how often it was taken.
struct Taken {
    of: (Id, Entry),
    exit: Rc<Exit>,
    count: u64,
}

/// Everything that happened.
#[derive(Default)]
pub struct Report {
    lines: Vec<((Id, Entry), Line)>,
    /// By number, with how often each was taken.
    exits: Vec<Taken>,
    places: HashMap<(Id, u32), String, FxBuildHasher>,
    /// Functions that have become part of others.
    inlined: HashMap<(Id, Entry), Vec<String>, FxBuildHasher>,
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
        for Taken { exit, .. } in self.exits.iter().filter(|taken| taken.of == key) {
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

    /// The number of the next exit.
    pub(super) fn exits_made(&self) -> usize {
        self.exits.len()
    }

    /// The exits of new machine code.
    pub(super) fn exits(&mut self, code: Id, entry: Entry, exits: Vec<Exit>) {
        let new = exits.into_iter().map(Rc::new);
        self.exits.extend(new.map(|exit| Taken { of: (code, entry), exit, count: 0 }));
    }

    /// The exit with this number.
    pub(super) fn exit(&self, number: usize) -> Option<Rc<Exit>> {
        self.exits.get(number).map(|taken| taken.exit.clone())
    }

    /// Notes which functions have become part of one, and how often.
    pub(super) fn inlined(&mut self, vm: &Vm, code: Gc<Code>, entry: Entry, parts: &[u64]) {
        let mut counts: Vec<(u64, usize)> = Vec::new();
        for part in parts {
            match counts.iter_mut().find(|(known, _)| known == part) {
                Some((_, count)) => *count += 1,
                None => counts.push((*part, 1)),
            }
        }
        let describe = |(part, count): (u64, usize)| {
            let part = code_at(part);
            let place = vm.place_of(part, 0).unwrap_or_default();
            let times = if count == 1 { String::new() } else { format!(", {count} times") };
            format!("{} ({place}){times}", part.name())
        };
        let lines = counts.into_iter().map(describe).collect();
        self.inlined.insert((id(code), entry), lines);
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

    /// Counts an exit; the instruction to blame, in the function in which the exit lies.
    pub(super) fn left(&mut self, number: usize) -> Option<u32> {
        let taken = self.exits.get_mut(number)?;
        taken.count += 1;
        Some(taken.exit.blamed)
    }

    /// What has been left in some machine code and its earlier versions: places and
    /// reasons, with counts.
    fn taken(&self, key: (Id, Entry)) -> Vec<(&Exit, u64)> {
        let mut all: Vec<(&Exit, u64)> = Vec::new();
        for taken in self.exits.iter().filter(|taken| taken.of == key && taken.count > 0) {
            let place = |exit: &Exit| (exit.code, exit.pc, exit.reason);
            match all.iter_mut().find(|(exit, _)| place(exit) == place(&taken.exit)) {
                Some((_, count)) => *count += taken.count,
                None => all.push((&taken.exit, taken.count)),
            }
        }
        all
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
            for part in self.inlined.get(key).into_iter().flatten() {
                let _ = writeln!(out, "  includes {part}");
            }
            for step in self.steps.get(key).into_iter().flatten() {
                let _ = writeln!(out, "  interprets {step}");
            }
            for (exit, count) in self.taken(*key) {
                let place = self.places.get(&(exit.code as Id, exit.pc));
                let place = place.map_or("", String::as_str);
                let _ = writeln!(out, "  left {count} times at {place}: {}", exit.reason);
            }
        }
        out
    }
}

//! Profiles: what samples of a program tell, and the files they are written to.
//!
//! - `mod.rs`: functions and stacks, with their names and places
//! - [`summary`]: the table that a person reads first
//! - [`svg`]: a flame graph
//! - [`folded`], [`speedscope`], [`pprof`]: for other tools
//! - [`perf`]: names of machine code for the `perf` of Linux
#![deny(unsafe_code)]

pub mod folded;
pub mod perf;
pub mod pprof;
pub mod speedscope;
pub mod summary;
pub mod svg;

use std::cmp::Reverse;
use std::time::Duration;

use gene_isa::FnKind;
use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

use crate::heap::Gc;
use crate::object::Code;
use crate::source::{FileId, Span};
use crate::vm::Vm;
use crate::vm::sampling::{Activity, Samples, Sampling, StackFrame};

/// Who did something, which decides the colour.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Kind {
    /// A function of the program, in the interpreter.
    Interpreted,
    /// A function of the program, as machine code.
    Compiled,
    /// A function of the standard library that is written in Rust.
    Native,
    /// The collector.
    Collector,
    /// Nobody: the program waits.
    Waiting,
    /// The runtime itself: it compiles or prepares to run.
    Runtime,
}

impl Kind {
    /// All, in the order of legends.
    pub const ALL: [Kind; 6] = [
        Kind::Interpreted,
        Kind::Compiled,
        Kind::Native,
        Kind::Collector,
        Kind::Runtime,
        Kind::Waiting,
    ];

    /// A word for it.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Interpreted => "interpreted",
            Kind::Compiled => "compiled",
            Kind::Native => "native",
            Kind::Collector => "GC",
            Kind::Waiting => "waiting",
            Kind::Runtime => "runtime",
        }
    }
}

/// A function as a profile shows it; one that was interpreted and compiled is two.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// Its file; empty if it is written in Rust.
    pub file: String,
    /// The line where it begins; 0 if it is written in Rust.
    pub line: u32,
    /// Who runs it.
    pub kind: Kind,
}

impl Function {
    fn of_runtime(name: &str, kind: Kind) -> Function {
        Function { name: name.into(), file: String::new(), line: 0, kind }
    }

    /// `file:line` with the last part of the path only; empty if it has none.
    pub fn place(&self) -> String {
        match self.line {
            0 => String::new(),
            line => format!("{}:{line}", self.file.rsplit('/').next().unwrap_or(&self.file)),
        }
    }

    /// Name, place and kind in one line.
    pub fn label(&self) -> String {
        let (name, place, kind) = (&self.name, self.place(), self.kind.word());
        match place.is_empty() {
            true => format!("{name} [{kind}]"),
            false => format!("{name} ({place}) [{kind}]"),
        }
    }
}

/// A place in a stack.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Frame {
    /// Index into the functions.
    pub function: usize,
    /// The line that ran, or called; 0 if it is not known.
    pub line: u32,
}

/// Samples that were equal.
#[derive(Clone, Debug)]
pub struct Stack {
    /// Outermost first.
    pub frames: Vec<Frame>,
    /// Nanoseconds or bytes.
    pub weight: u64,
    /// Samples.
    pub count: u64,
}

/// What was measured.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unit {
    /// Time that passed.
    Nanoseconds,
    /// Memory for objects.
    Bytes,
}

/// A profile of one run.
#[derive(Debug)]
pub struct Profile {
    /// The program, as it was named.
    pub program: String,
    /// Functions that were seen.
    pub functions: Vec<Function>,
    /// Stacks, those with the greatest weight first.
    pub stacks: Vec<Stack>,
    /// What the weights are.
    pub unit: Unit,
    /// How it was measured, for titles: `at 1000 Hz`.
    pub manner: String,
    /// How long the program ran.
    pub elapsed: Duration,
    /// Weight of samples for which there was no room.
    pub lost: u64,
}

struct Builder<'a> {
    vm: &'a Vm,
    functions: Vec<Function>,
    known: HashMap<Function, usize, FxBuildHasher>,
    /// What was sampled, and the frames of that.
    sampled: Vec<StackFrame>,
    frames: Vec<Frame>,
}

impl Profile {
    /// Gives samples names and places. The vm must be the one that was sampled, and
    /// not have run since.
    pub fn new(
        vm: &Vm,
        program: &str,
        sampling: Sampling,
        samples: Samples,
        elapsed: Duration,
    ) -> Profile {
        let mut builder = Builder::new(vm, samples.frames);
        let mut merged: HashMap<Vec<Frame>, (u64, u64), FxBuildHasher> = HashMap::default();
        for (frames, weight, count) in samples.stacks {
            let sum = merged.entry(builder.stack(&frames)).or_default();
            *sum = (sum.0 + weight, sum.1 + count);
        }
        let stacks = merged.into_iter();
        let mut stacks: Vec<Stack> =
            stacks.map(|(frames, (weight, count))| Stack { frames, weight, count }).collect();
        stacks.sort_by_key(|stack| Reverse(stack.weight));
        let functions = builder.functions;
        let (unit, manner) = match sampling {
            Sampling::Time { hertz } => (Unit::Nanoseconds, format!("at {hertz} Hz")),
            Sampling::Bytes { every } => {
                (Unit::Bytes, format!("every {} of objects", quantity(Unit::Bytes, every as u64)))
            }
        };
        let (program, lost) = (program.to_owned(), samples.lost);
        Profile { program, functions, stacks, unit, manner, elapsed, lost }
    }

    /// The sum of all weights.
    pub fn total(&self) -> u64 {
        self.stacks.iter().map(|s| s.weight).sum()
    }

    /// The number of samples.
    pub fn count(&self) -> u64 {
        self.stacks.iter().map(|s| s.count).sum()
    }

    /// One line on what was measured.
    pub fn title(&self) -> String {
        let program = self.program.rsplit('/').next().unwrap_or(&self.program);
        let (total, count) = (quantity(self.unit, self.total()), self.count());
        let what = match self.unit {
            Unit::Nanoseconds => total,
            Unit::Bytes => format!("{total} allocated"),
        };
        format!("{program}: {what}, {count} samples {}", self.manner)
    }
}

/// A number with a unit, with three digits or so.
pub fn quantity(unit: Unit, amount: u64) -> String {
    let (base, units): (f64, &[&str]) = match unit {
        Unit::Nanoseconds => (1000.0, &["ns", "us", "ms", "s"]),
        Unit::Bytes => (1024.0, &["bytes", "KiB", "MiB", "GiB", "TiB"]),
    };
    let mut amount = amount as f64;
    let mut at = 0;
    while amount >= base && at + 1 < units.len() {
        amount /= base;
        at += 1;
    }
    let digits = match amount {
        _ if at == 0 || amount.fract() == 0.0 => 0,
        a if a < 10.0 => 2,
        a if a < 100.0 => 1,
        _ => 0,
    };
    format!("{amount:.digits$} {}", units[at])
}

impl Builder<'_> {
    fn new(vm: &Vm, sampled: Vec<StackFrame>) -> Builder<'_> {
        let (functions, known) = (Vec::new(), HashMap::default());
        let mut builder = Builder { vm, functions, known, sampled, frames: Vec::new() };
        for i in 0..builder.sampled.len() {
            let (function, line) = builder.function(builder.sampled[i]);
            let frame = builder.frame(function, line);
            builder.frames.push(frame);
        }
        builder
    }

    /// A stack with names, outermost first.
    fn stack(&mut self, frames: &[u32]) -> Vec<Frame> {
        let sampled = |at: usize| frames.get(at).map(|i| self.sampled[*i as usize]);
        let waits = sampled(0) == Some(StackFrame::Activity(Activity::Waiting));
        let mut stack: Vec<Frame> = frames.iter().rev().map(|i| self.frames[*i as usize]).collect();
        match sampled(1) {
            // A native that waits is where it is called; the event loop stands apart.
            Some(StackFrame::Native(name)) if waits => {
                stack.truncate(stack.len() - 2);
                let name = name.as_str();
                stack.push(self.frame(Function::of_runtime(name, Kind::Waiting), 0));
            }
            _ if waits => {
                let name = "waiting in the event loop";
                stack = vec![self.frame(Function::of_runtime(name, Kind::Waiting), 0)];
            }
            _ => {}
        }
        // The `pc` of an interpreted frame that has called nothing is an old one.
        if let Some(last) = stack.last_mut()
            && self.functions[last.function].kind == Kind::Interpreted
        {
            last.line = 0;
        }
        stack
    }

    fn frame(&mut self, function: Function, line: u32) -> Frame {
        let next = self.functions.len();
        let index = *self.known.entry(function).or_insert_with_key(|function| {
            self.functions.push(function.clone());
            next
        });
        Frame { function: index, line }
    }

    fn function(&self, frame: StackFrame) -> (Function, u32) {
        match frame {
            StackFrame::Code { code, at, compiled } => {
                let kind = if compiled { Kind::Compiled } else { Kind::Interpreted };
                let (start, end) = code.0.data.span;
                let file = FileId(code.0.data.file);
                let (file, line) = self.place(Span { file, start, end });
                let now = at.map_or(0, |at| self.place(self.vm.span_of(code.0, at)).1);
                (Function { name: name_of(code.0), file, line, kind }, now)
            }
            StackFrame::Native(name) => (Function::of_runtime(name.as_str(), Kind::Native), 0),
            StackFrame::Activity(activity) => {
                let (name, kind) = match activity {
                    Activity::Starting => ("reading and compiling", Kind::Runtime),
                    Activity::Collecting => ("garbage collection", Kind::Collector),
                    Activity::Compiling => ("making machine code", Kind::Runtime),
                    Activity::Waiting => ("waiting", Kind::Waiting),
                    Activity::Deeper => ("(frames left out)", Kind::Runtime),
                };
                (Function::of_runtime(name, kind), 0)
            }
        }
    }

    fn place(&self, span: Span) -> (String, u32) {
        match self.vm.sources.get(span.file) {
            Some(source) if !span.is_none() => {
                (source.name.clone(), source.position(span.start).line)
            }
            _ => (String::new(), 0),
        }
    }
}

/// What a function is called where it has no name.
fn name_of(code: Gc<Code>) -> String {
    match (code.data.name, code.data.kind) {
        (Some(name), _) => name.as_str().to_owned(),
        (None, FnKind::Module) => "(module)".into(),
        (None, FnKind::Async | FnKind::AsyncGenerator) => "(async)".into(),
        (None, FnKind::Ctor) => "(ctor)".into(),
        (None, _) => "(fn)".into(),
    }
}

#[cfg(test)]
mod tests;

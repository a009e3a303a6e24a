//! Looking at a running program: the part of a profiler that lies in the vm.
//!
//! A timer interrupts the thread of the vm (see [`timer`]). Its handler notes,
//! without allocating, which frames there are (see [`walk`]); what they mean is
//! found out at the next safepoint after the buffer is half full, and before every
//! collection, while all code that was seen is alive. No sample waits for a
//! safepoint, so none is moved to one.
//!
//! Whoever does something that is not the running function's own work says so:
//! the collector, the compiled tier, the event loop when it waits. The timer stands
//! still while the program waits, and the time of waiting is measured.
//!
//! Without a sampler all this costs a store at each call of a native and two when
//! machine code is entered.

pub(super) mod timer;
pub(super) mod walk;

use std::cell::Cell;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering, compiler_fence};

use gene_isa::backend::{Entry, Part};
use gene_isa::{Insn, Symbol};
use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

use super::{Frame, Interrupt, Vm};
use crate::heap::{Gc, Marker, Watch};
use crate::object::{Code, Native};
use timer::Timer;
use walk::{Raw, Walk};

/// What is sampled.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sampling {
    /// Time, so many times a second.
    Time {
        /// Samples a second.
        hertz: u32,
    },
    /// Memory for objects, whenever so many bytes have been allocated.
    Bytes {
        /// Bytes between two samples.
        every: usize,
    },
}

/// One entry of a sampled stack.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum StackFrame {
    /// A function of the program.
    Code {
        /// Its code.
        code: CodeRef,
        /// The instruction that runs, or called; `None` if that is not known.
        at: Option<u32>,
        /// Whether it was machine code.
        compiled: bool,
    },
    /// A function written in Rust.
    Native(Symbol),
    /// Something else that the runtime does.
    Activity(Activity),
}

/// Code that was seen, which is alive as long as the sampler.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct CodeRef(pub Gc<Code>);

impl CodeRef {
    /// The code object at an address that machine code was made for.
    pub(crate) fn at(address: u64) -> CodeRef {
        let pointer = NonNull::new(address as *mut Code).unwrap_or(NonNull::dangling());
        // SAFETY: whatever machine code was made of stays alive (`Tiers::constants`).
        CodeRef(unsafe { Gc::from_ptr(pointer) })
    }
}

impl std::fmt::Debug for CodeRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.name())
    }
}

impl std::hash::Hash for CodeRef {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.as_ptr().hash(state);
    }
}

/// What the runtime does on its own.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum Activity {
    /// It reads and compiles source text, or prepares to run.
    Starting,
    /// It collects garbage.
    Collecting,
    /// It makes machine code.
    Compiling,
    /// It waits for a timer or for something outside of the program.
    Waiting,
    /// Frames were left out because there were too many.
    Deeper,
}

impl Activity {
    const ALL: [Activity; 5] = [
        Activity::Starting,
        Activity::Collecting,
        Activity::Compiling,
        Activity::Waiting,
        Activity::Deeper,
    ];
}

/// What was seen.
#[derive(Default)]
pub struct Samples {
    /// Frames that occur.
    pub frames: Vec<StackFrame>,
    /// Stacks, innermost frame first, as indices into `frames`, with nanoseconds or
    /// bytes and the number of samples.
    pub stacks: Vec<(Box<[u32]>, u64, u64)>,
    /// Nanoseconds or bytes for which there was no room.
    pub lost: u64,
}

/// Machine code of one function or loop.
pub struct MachineCode<'a> {
    /// What was compiled.
    pub code: Gc<Code>,
    /// A function or a loop.
    pub entry: Entry,
    /// Where it lies.
    pub part: &'a Part,
}

/// Is told of new machine code.
pub type Listener = Box<dyn FnMut(&Vm, MachineCode)>;

/// How the handler of the timer finds things, and where it puts them. It runs on
/// the thread of the vm, between any two of its instructions.
pub(super) struct Shared {
    /// The vm, which does not move.
    vm: *const Vm,
    /// Words of samples.
    buffer: Box<[Cell<u64>]>,
    used: Cell<usize>,
    /// What is lost because the buffer is full.
    lost: Cell<u64>,
    /// One of the constants of [`doing`].
    doing: AtomicU8,
    /// Time that belongs to what is being done.
    apart_ns: AtomicU64,
    /// Asks for a safepoint.
    interrupt: Interrupt,
    /// Below the first frame.
    frames: *const Frame,
    /// Beyond the native stack; 0 if that is not known.
    stack_end: usize,
    /// Where machine code lies.
    machine: (AtomicUsize, AtomicUsize),
}

/// What the thread does, for the handler.
mod doing {
    /// It runs the program: the stack is noted.
    pub const RUNNING: u8 = 0;
    /// Something that will record its time itself.
    pub const APART: u8 = 1;
    /// Samples are being taken apart: nothing is noted.
    pub const NOTHING: u8 = 2;
    /// It waits: the timer stands still.
    pub const WAITING: u8 = 3;
}

/// Words for samples: those of some seconds.
const BUFFER_WORDS: usize = 256 << 10;

/// What was written before is in memory before what is written from here on: frames and
/// links are looked at between any two instructions. It is none itself.
#[inline(always)]
pub(super) fn publish() {
    compiler_fence(Ordering::Release);
}

/// Takes samples of one vm.
pub struct Sampler {
    shared: Box<Shared>,
    timer: Option<Timer>,
    sampling: Sampling,
    seen: Seen,
}

/// What the samples meant so far.
#[derive(Default)]
struct Seen {
    /// Frames by number; their code is a root.
    frames: Vec<StackFrame>,
    numbers: HashMap<StackFrame, u32, FxBuildHasher>,
    /// Numbers of frames as they are noted: several of inlined calls, none of what is
    /// not the program's.
    raw: HashMap<(u64, u64), Box<[u32]>, FxBuildHasher>,
    stacks: HashMap<Box<[u32]>, (u64, u64), FxBuildHasher>,
}

impl Seen {
    /// Adds the numbers of a frame, or of the frames in one, to a stack.
    fn add(&mut self, vm: &Vm, raw: Raw, stack: &mut Vec<u32>) {
        let key = (raw.word, raw.at);
        if let Some(known) = self.raw.get(&key) {
            stack.extend_from_slice(known);
            return;
        }
        let start = stack.len();
        for frame in vm.meaning(raw) {
            let next = self.frames.len() as u32;
            stack.push(*self.numbers.entry(frame).or_insert_with(|| {
                self.frames.push(frame);
                next
            }));
        }
        // A native may be collected, and another object lie there.
        if !raw.is_native() {
            self.raw.insert(key, stack[start..].into());
        }
    }
}

/// Compiled code between two runs of the interpreter, of which the lower has
/// entered it. They are linked on the native stack.
pub(super) struct Suspended {
    /// The frames of compiled code.
    first: *mut Frame,
    end: *mut Frame,
    native: *const Native,
    below: *const Suspended,
}

impl Sampler {
    /// Marks the code that was seen.
    pub(super) fn trace(&self, marker: &mut Marker) {
        for frame in &self.seen.frames {
            if let StackFrame::Code { code, .. } = frame {
                marker.object(code.0);
            }
        }
    }
}

impl Vm {
    /// Begins to take samples. The vm must not move any more, and belong to this
    /// thread.
    ///
    /// # Errors
    ///
    /// If samples are taken already in this process, or the system has no timer.
    pub fn start_sampling(&mut self, sampling: Sampling) -> Result<(), String> {
        let buffer = std::iter::repeat_n(Cell::new(0), BUFFER_WORDS).collect();
        let shared = Box::new(Shared {
            vm: self,
            buffer,
            used: Cell::new(0),
            lost: Cell::new(0),
            doing: AtomicU8::new(doing::RUNNING),
            apart_ns: AtomicU64::new(0),
            interrupt: self.interrupt.clone(),
            frames: self.frame_stack.start(),
            stack_end: timer::stack_end().unwrap_or(0),
            machine: (AtomicUsize::new(usize::MAX), AtomicUsize::new(0)),
        });
        for part in self.tiers.parts.values() {
            shared.add_machine_code(&part.part);
        }
        let timer = match sampling {
            Sampling::Time { hertz } => Some(Timer::start(&shared, hertz)?),
            Sampling::Bytes { every } => {
                let shared: *const Shared = &*shared;
                let tell = move |bytes| {
                    let here = 0u8;
                    let walk = Walk::from_rust(std::ptr::from_ref(&here) as usize);
                    // SAFETY: the sampler ends the watch before it goes.
                    unsafe { &*shared }.note(bytes as u64, Some(walk), None);
                };
                self.heap.watch_allocations(Some(Watch::new(every, Box::new(tell))));
                None
            }
        };
        let seen = Seen::default();
        self.sampler = Some(Box::new(Sampler { shared, timer, sampling, seen }));
        Ok(())
    }

    /// Ends that: what was seen. The code in it is alive until the next collection.
    pub fn stop_sampling(&mut self) -> Option<Samples> {
        self.sampler.as_ref()?;
        if let Some(sampler) = &mut self.sampler {
            drop(sampler.timer.take());
        }
        self.heap.watch_allocations(None);
        self.take_samples();
        let Sampler { shared, seen, .. } = *self.sampler.take()?;
        let stacks = seen.stacks.into_iter();
        let stacks = stacks.map(|(stack, (weight, count))| (stack, weight, count)).collect();
        Some(Samples { frames: seen.frames, stacks, lost: shared.lost.get() })
    }

    /// What is being sampled.
    pub fn sampling(&self) -> Option<Sampling> {
        self.sampler.as_ref().map(|s| s.sampling)
    }

    /// Does something whose time is not that of the running function. The frames'
    /// `pc`s must be up to date.
    #[inline]
    pub(super) fn apart<T>(&mut self, what: Activity, f: impl FnOnce(&mut Vm) -> T) -> T {
        match self.sampler {
            None => f(self),
            Some(_) => self.sampled_apart(what, f),
        }
    }

    #[cold]
    fn sampled_apart<T>(&mut self, what: Activity, f: impl FnOnce(&mut Vm) -> T) -> T {
        let outer = self.do_now(doing::APART);
        let result = f(self);
        if outer == doing::RUNNING {
            if let Some(sampler) = &self.sampler {
                let shared = &sampler.shared;
                let time_ns = shared.apart_ns.swap(0, Ordering::Relaxed);
                if time_ns > 0 {
                    shared.note(time_ns, None, Some(what));
                }
            }
            self.do_now(outer);
        }
        result
    }

    /// Waits, which `f` does: the time is that of the event loop, not of the running
    /// function.
    pub fn waiting<T>(&mut self, f: impl FnOnce(&mut Vm) -> T) -> T {
        if self.sampler.as_ref().is_none_or(|s| s.timer.is_none()) {
            return f(self);
        }
        let outer = self.do_now(doing::WAITING);
        let pause = self.sampler.as_ref().and_then(|s| s.timer.as_ref()).map(Timer::pause);
        let result = f(self);
        if let Some(sampler) = &self.sampler
            && let (Some(timer), Some(pause)) = (&sampler.timer, pause)
        {
            let waited_ns = timer.waited(&pause);
            sampler.shared.note(waited_ns, None, Some(Activity::Waiting));
            // Before the next tick: while the program waits there is none after it.
            self.do_now(outer);
            timer.go_on(pause);
        }
        result
    }

    fn do_now(&self, what: u8) -> u8 {
        let sampler = self.sampler.as_ref();
        sampler.map_or(what, |s| s.shared.doing.swap(what, Ordering::Relaxed))
    }

    /// Finds out what the noted samples mean.
    #[cold]
    pub(super) fn take_samples(&mut self) {
        let Some(mut sampler) = self.sampler.take() else { return };
        let outer = sampler.shared.doing.swap(doing::NOTHING, Ordering::Relaxed);
        let words = sampler.shared.used.replace(0);
        let mut buffer = sampler.shared.buffer[..words].iter().map(Cell::get);
        let mut stack = Vec::new();
        while let Some(weight) = buffer.next() {
            let frames = buffer.next().unwrap_or(0);
            stack.clear();
            for _ in 0..frames {
                let (word, at) = (buffer.next().unwrap_or(0), buffer.next().unwrap_or(0));
                sampler.seen.add(self, Raw { word, at }, &mut stack);
            }
            let stacks = &mut sampler.seen.stacks;
            let sum = match stacks.get_mut(&stack[..]) {
                Some(known) => known,
                None => stacks.entry(stack[..].into()).or_default(),
            };
            *sum = (sum.0 + weight, sum.1 + 1);
        }
        sampler.shared.doing.store(outer, Ordering::Relaxed);
        self.sampler = Some(sampler);
    }

    /// The frames that were noted as `raw`, innermost first: one, none of what is not
    /// the program's, several where calls have been inlined.
    fn meaning(&self, raw: Raw) -> Vec<StackFrame> {
        let frame = match raw.parts() {
            walk::Kind::Code { code, pc, compiled } => {
                // The `pc` of a frame that has called nothing is an old one.
                let next = (pc as usize).wrapping_sub(code.insns as usize) / size_of::<Insn>();
                let inside = next > 0 && next <= code.data.insns.len();
                let at = inside.then(|| next as u32 - 1);
                StackFrame::Code { code: CodeRef(code), at, compiled }
            }
            walk::Kind::Task { code, at } => {
                StackFrame::Code { code: CodeRef(code), at: Some(at), compiled: false }
            }
            walk::Kind::Machine(address) => return self.machine_frames(address),
            walk::Kind::Native(native) => StackFrame::Native(native.name),
            walk::Kind::Activity(number) => match Activity::ALL.get(number) {
                Some(activity) => StackFrame::Activity(*activity),
                None => return Vec::new(),
            },
        };
        vec![frame]
    }

    /// What runs at an address of machine code.
    fn machine_frames(&self, address: u64) -> Vec<StackFrame> {
        let Some((_, known)) = self.tiers.parts.range(..=address).next_back() else {
            return Vec::new();
        };
        let offset = address - known.part.address;
        if known.part.is_wrapper || offset >= known.part.bytes as u64 {
            return Vec::new();
        }
        let places = &known.part.places;
        let after = places.partition_point(|place| u64::from(place.offset) <= offset);
        let stack = after.checked_sub(1).map(|i| &places[i].stack);
        let stack = stack.into_iter().flatten().map(|(code, at)| StackFrame::Code {
            code: CodeRef::at(*code),
            at: Some(*at),
            compiled: true,
        });
        let mut stack: Vec<StackFrame> = stack.collect();
        if stack.is_empty() {
            let code = CodeRef(known.code);
            stack.push(StackFrame::Code { code, at: None, compiled: true });
        }
        stack
    }

    // ---- machine code ------------------------------------------------------------

    /// Machine code has been made.
    pub fn add_machine_code(&mut self, code: Gc<Code>, entry: Entry, parts: Vec<Part>) {
        for part in parts {
            if let Some(mut listener) = self.tiers.listener.take() {
                listener(self, MachineCode { code, entry, part: &part });
                self.tiers.listener = Some(listener);
            }
            if let Some(sampler) = &self.sampler {
                sampler.shared.add_machine_code(&part);
            }
            self.tiers.parts.insert(part.address, Known { code, part });
        }
    }

    /// A run of the interpreter begins above the stub at `stub`; [`Vm::leave_run`]
    /// ends it.
    pub(super) fn suspended(&self, stub: *mut Frame) -> Suspended {
        Suspended { first: self.machine, end: stub, native: self.native, below: self.suspended }
    }

    /// What is suspended lies below from now on. It must be left before `link` moves.
    #[inline(always)]
    pub(super) fn enter_run(&mut self, link: &Suspended) {
        publish();
        self.suspended = link;
        self.machine = std::ptr::null_mut();
    }

    /// Goes on with what was suspended.
    #[inline(always)]
    pub(super) fn leave_run(&mut self, link: &Suspended) {
        (self.machine, self.native, self.suspended) = (link.first, link.native, link.below);
        // Before the link's memory is used for something else.
        publish();
    }
}

/// Machine code that there is.
pub(super) struct Known {
    code: Gc<Code>,
    part: Part,
}

impl Shared {
    fn add_machine_code(&self, part: &Part) {
        self.machine.0.fetch_min(part.address as usize, Ordering::Relaxed);
        self.machine.1.fetch_max(part.address as usize + part.bytes, Ordering::Relaxed);
    }

    /// Notes a sample: of what runs, or of what the vm does on its own.
    fn note(&self, weight: u64, walk: Option<Walk>, activity: Option<Activity>) {
        let start = self.used.get();
        let walk = walk.unwrap_or(Walk::exact());
        match walk.write(self, start + 2, activity) {
            Some(frames) => {
                self.buffer[start].set(weight);
                self.buffer[start + 1].set(frames as u64);
                self.used.set(start + 2 + 2 * frames);
            }
            None => self.lost.set(self.lost.get() + weight),
        }
        if self.used.get() > self.buffer.len() / 2 {
            self.interrupt.ask_to_look();
        }
    }

    /// Whether the timer should stand still.
    fn is_waiting(&self) -> bool {
        self.doing.load(Ordering::Relaxed) == doing::WAITING
    }

    /// What the handler of the timer does: a tick that stands for `time_ns`.
    fn tick(&self, time_ns: u64, walk: Walk) {
        match self.doing.load(Ordering::Relaxed) {
            doing::RUNNING => self.note(time_ns, Some(walk), None),
            doing::APART => drop(self.apart_ns.fetch_add(time_ns, Ordering::Relaxed)),
            _ => {}
        }
    }
}

//! Where the interpreter meets machine code: when it is asked for, how it is
//! entered, and what it leaves behind.
//!
//! Frames of compiled code lie on the frame stack like others. Between a frame
//! of compiled code and a run of the interpreter above it lies a stub, as below
//! any run; it does not count as a nested call.

use std::rc::Rc;
use std::time::{Duration, Instant};

use gene_isa::backend::{Entry, Exit, status};
use gene_isa::{Insn, Op};

use super::Vm;
use super::dispatch::{EXIT, mode};
use super::error::Throw;
use super::sampling::{Activity, Known, Listener, publish};
use super::stack::Frame;
use crate::heap::Gc;
use crate::object::Code;
use crate::object::feedback::HotLoop;
use crate::value::Value;

/// Machine code as the interpreter calls it: vm, frame, window; a status.
pub type Entrance = unsafe extern "C" fn(*mut Vm, *mut Frame, *mut Value) -> u64;

/// Back edges between two looks at counters and interrupts.
pub const BUDGET: i32 = 256;

/// How often a hot loop is polled between two looks at the clock, before a program is warm.
const POLLS_BETWEEN_LOOKS: u32 = 8;

/// Back edges for which an outer loop is waited for.
const PATIENCE: u32 = 30_000;

/// Where calls of functions begin that are counted.
static COUNT: [Insn; 1] = [Insn { op: Op::Count, x: 0, a: 0, b: 0, c: 0 }];
/// Where calls of functions begin that are machine code.
static ENTER: [Insn; 1] = [Insn { op: Op::Enter, x: 0, a: 0, b: 0, c: 0 }];

/// Decides what is compiled, and compiles it.
pub trait Tier {
    /// A function or loop is hot, and what it does has been noted. Whoever
    /// implements this installs machine code, or says that there will be none.
    fn compile(&self, vm: &mut Vm, code: Gc<Code>, entry: Entry);

    /// Compiled code went back to the interpreter because an assumption failed, at an
    /// instruction of the function itself or of one that is part of it; whether
    /// it should be watched and compiled again.
    fn left(&self, code: Gc<Code>, entry: Entry, at: (Gc<Code>, u32), exit: usize) -> bool;

    /// The exit of compiled code with this number.
    fn exit(&self, number: usize) -> Option<Rc<Exit>>;

    /// Calls and rounds of loops before something is hot.
    fn thresholds(&self) -> (u32, u32);

    /// How long a program has to run before anything is hot.
    fn warm_up(&self) -> Duration;

    /// Instructions that are noted before something is compiled.
    fn watched(&self) -> u32;

    /// Nanoseconds of compiling so far: as long as they grow, things become faster.
    fn compiling_ns(&self) -> u64;
}

/// What the vm keeps for the compiled tier.
#[derive(Default)]
pub struct Tiers {
    /// The compiler; `None`: everything is interpreted.
    pub tier: Option<Rc<dyn Tier>>,
    /// Values that machine code refers to.
    pub constants: Vec<Value>,
    /// When the tier was set.
    begun: Option<Instant>,
    /// Whether the program has run for long enough that compiling can pay.
    warm: bool,
    /// Functions that have been called often before that.
    early: Vec<Gc<Code>>,
    /// What is being watched.
    pending: Option<(Gc<Code>, Entry)>,
    /// Instructions to be noted before that is compiled.
    watch_left: u32,
    /// All machine code by address, for profilers; noted if `notes_places`.
    pub(super) parts: std::collections::BTreeMap<u64, Known>,
    /// Is told of new machine code.
    pub listener: Option<Listener>,
    /// A hot loop, the loop around it that shall be compiled instead, and back
    /// edges until it is given up waiting for that one.
    awaited: Option<(Gc<Code>, u32, u32, u32)>,
}

impl Tiers {
    /// Code that is being watched, a root.
    pub(super) fn watched(&self) -> impl Iterator<Item = Gc<Code>> {
        let awaited = self.awaited.map(|(code, ..)| code);
        let pending = self.pending.map(|(code, _)| code);
        pending.into_iter().chain(awaited).chain(self.early.iter().copied())
    }
}

impl Vm {
    /// Compiles what becomes hot from now on. The vm must not move any more.
    /// Machine code uses half of what is left of the stack of this thread.
    pub fn set_tier(&mut self, tier: Rc<dyn Tier>) {
        let here = std::ptr::from_ref(&tier) as usize;
        let left = stacker::remaining_stack().unwrap_or(1 << 20);
        self.native_limit = here.saturating_sub(left / 2);
        if tier.watched() == 0 {
            self.mode = mode::RECORD;
        }
        self.tiers.warm = tier.warm_up().is_zero();
        self.tiers.begun = Some(Instant::now());
        self.tiers.tier = Some(tier);
        self.budget = self.poll_budget();
    }

    /// The addresses of the word that says whether somebody wants attention, and of
    /// the one with the limit of the frame stack.
    pub fn interrupt_addresses(&self) -> (usize, usize) {
        (self.interrupt.address(), self.interrupt.limit_address())
    }

    fn is_eager(&self) -> bool {
        self.tiers.tier.as_ref().is_some_and(|tier| tier.watched() == 0)
    }

    fn poll_budget(&self) -> i32 {
        if self.is_eager() { 0 } else { BUDGET }
    }

    /// Prepares newly loaded code to be counted.
    pub(super) fn count_calls(&self, code: Gc<Code>) {
        let Some(tier) = &self.tiers.tier else { return };
        if !code.data.kind.is_coroutine() {
            code.tiering.calls_left.set(tier.thresholds().0);
            code.tiering.start.set(COUNT.as_ptr());
        }
    }

    /// A counted function is called.
    #[cold]
    #[inline(never)]
    pub(super) fn counted(&mut self, code: Gc<Code>) {
        let left = code.tiering.calls_left.get();
        if left > 0 {
            code.tiering.calls_left.set(left - 1);
            return;
        }
        code.tiering.start.set(code.insns);
        if self.is_warm() {
            self.watch_for(code, Entry::Call);
            return;
        }
        // It is not counted any further, which a program that ends soon would pay for.
        self.tiers.early.push(code);
        if self.tiers.early.len() == 1 {
            self.wake_when_warm();
        }
    }

    /// Whether the program has run for long enough that compiling can pay: one that
    /// ends soon is not slowed. Functions that have been called often until then are counted
    /// again, so that the loops they are called in have a chance to make them part of
    /// themselves before.
    fn is_warm(&mut self) -> bool {
        if self.tiers.warm {
            return true;
        }
        let Some(left) = self.until_warm() else { return false };
        self.tiers.warm = left.is_zero();
        if self.tiers.warm {
            let calls = self.tiers.tier.as_ref().map_or(0, |tier| tier.thresholds().0);
            for code in std::mem::take(&mut self.tiers.early) {
                code.tiering.calls_left.set(calls);
                code.tiering.start.set(COUNT.as_ptr());
            }
        }
        self.tiers.warm
    }

    /// What is left of the time to warm up.
    fn until_warm(&self) -> Option<Duration> {
        let (tier, begun) = (self.tiers.tier.as_ref()?, self.tiers.begun?);
        Some(tier.warm_up().saturating_sub(begun.elapsed()))
    }

    /// Lets one of the calls look whether the program is warm when it should be. Loops look by
    /// themselves.
    fn wake_when_warm(&self) {
        let Some(left) = self.until_warm() else { return };
        let interrupt = self.interrupt.clone();
        // Without another thread recursion without loops stays interpreted, which is slow
        // and nothing else.
        let _ = std::thread::Builder::new().stack_size(16 << 10).spawn(move || {
            std::thread::sleep(left);
            interrupt.stop_next_call();
        });
    }

    /// A call looks up.
    pub(super) fn look_if_warm(&mut self) {
        if !self.tiers.early.is_empty() && !self.is_warm() {
            self.wake_when_warm();
        }
    }

    /// Watches what happens, and then compiles this.
    fn watch_for(&mut self, code: Gc<Code>, entry: Entry) {
        let Some(tier) = self.tiers.tier.clone() else { return };
        if self.is_eager() {
            self.apart(Activity::Compiling, |vm| tier.compile(vm, code, entry));
            return;
        }
        if self.tiers.pending.is_some() {
            // One thing at a time: this will be counted again.
            match entry {
                Entry::Call => {
                    code.tiering.calls_left.set(tier.thresholds().0 / 4);
                    code.tiering.start.set(COUNT.as_ptr());
                }
                Entry::Loop(pc) => self.change_loop(code, pc, |l| l.polls_left = 4),
            }
            return;
        }
        self.tiers.pending = Some((code, entry));
        self.tiers.watch_left = tier.watched();
        if self.mode == mode::NORMAL {
            self.mode = mode::RECORD;
        }
    }

    /// One more instruction has been noted; whether there shall be more.
    #[inline(always)]
    pub(super) fn watch(&mut self) -> bool {
        if self.tiers.watch_left > 1 {
            self.tiers.watch_left -= 1;
            return true;
        }
        self.watched()
    }

    #[cold]
    fn watched(&mut self) -> bool {
        if self.is_eager() {
            return true;
        }
        if self.mode == mode::RECORD {
            self.mode = mode::NORMAL;
        }
        if let (Some((code, entry)), Some(tier)) =
            (self.tiers.pending.take(), self.tiers.tier.clone())
        {
            self.apart(Activity::Compiling, |vm| tier.compile(vm, code, entry));
        }
        // The next back edge looks whether its loop can be entered.
        self.budget = 0;
        false
    }

    fn change_loop(&self, code: Gc<Code>, pc: u32, change: impl FnOnce(&mut HotLoop)) {
        let mut loops = code.tiering.loops.borrow_mut();
        if let Some(found) = loops.iter_mut().find(|l| l.pc == pc) {
            change(found);
        }
    }

    /// Makes calls and rounds go to machine code.
    pub fn install(&mut self, code: Gc<Code>, entry: Entry, native: usize) {
        match entry {
            Entry::Call => {
                code.tiering.native.set(native);
                code.tiering.start.set(ENTER.as_ptr());
            }
            Entry::Loop(pc) => self.change_loop(code, pc, |l| l.native = native),
        }
    }

    /// Leaves the function or loop to the interpreter for good.
    pub fn refuse(&mut self, code: Gc<Code>, entry: Entry) {
        match entry {
            Entry::Call => code.tiering.start.set(code.insns),
            Entry::Loop(pc) => self.change_loop(code, pc, |l| {
                l.polls_left = u32::MAX;
                l.native = 0;
            }),
        }
    }

    /// A loop was polled in: machine code that goes on at `pc`, if there is any.
    pub(super) fn loop_polled(&mut self) -> Option<(u32, Entrance)> {
        self.budget = self.poll_budget();
        let tier = self.tiers.tier.clone()?;
        // SAFETY: `fp` is the running frame, `pc` in its code.
        let (code, at, plain) = unsafe {
            let frame = &*self.fp;
            (frame.code, frame.pc.offset_from(frame.code.insns), frame.top.is_null())
        };
        let watching = self.tiers.pending.is_some();
        // The poll of a tail call stands at the stub of the function called.
        let inside = at >= 0 && (at as usize) < code.data.insns.len();
        if !inside || !plain || code.data.kind.is_coroutine() || !self.has_stack() || watching {
            return None;
        }
        let pc = at as u32;
        let rounds = (tier.thresholds().1 / BUDGET as u32).max(1);
        if let Some((awaited, inner, outer, left)) = self.tiers.awaited {
            // Every back edge is looked at, until the outer loop goes round.
            self.budget = 0;
            if awaited == code && pc == outer {
                self.tiers.awaited = None;
                return self.loop_is_hot(code, pc, rounds);
            }
            self.tiers.awaited = Some((awaited, inner, outer, left.saturating_sub(1)));
            if awaited == code && pc == inner && left == 0 {
                self.tiers.awaited = None;
                return self.loop_is_hot(code, pc, rounds);
            }
            if left == 0 {
                self.tiers.awaited = None;
            }
            return None;
        }
        let warm = self.tiers.warm;
        let known = code.tiering.loops.borrow().iter().find(|l| l.pc == pc).map(|l| l.outer);
        let outer = match known {
            Some(outer) => outer.filter(|_| !self.is_eager()),
            None => {
                code.tiering.loops.borrow_mut().push(new_loop(&code.data, pc, rounds));
                return None;
            }
        };
        let hot = {
            let mut loops = code.tiering.loops.borrow_mut();
            let known = |pc| loops.iter().any(|l| l.pc == pc && l.native != 0);
            if let Some(outer) = outer
                && known(outer)
                && !known(pc)
            {
                self.tiers.awaited = Some((code, pc, outer, PATIENCE));
                self.budget = 0;
                return None;
            }
            match loops.iter_mut().find(|l| l.pc == pc) {
                Some(l) if l.native != 0 => return Some((pc, entrance(l.native))),
                Some(l) if l.polls_left == 1 && !warm => {
                    l.polls_left = POLLS_BETWEEN_LOOKS;
                    drop(loops);
                    self.is_warm();
                    false
                }
                Some(l) => {
                    l.polls_left = l.polls_left.saturating_sub((l.polls_left < u32::MAX) as u32);
                    l.polls_left == 0
                }
                None => false,
            }
        };
        if hot && self.trace_exec {
            return None;
        }
        if !hot {
            return None;
        }
        match outer {
            Some(outer) => {
                // Machine code is better that is entered at the loop around this one.
                self.change_loop(code, pc, |l| l.polls_left = rounds);
                self.tiers.awaited = Some((code, pc, outer, PATIENCE));
                self.budget = 0;
                None
            }
            _ => self.loop_is_hot(code, pc, rounds),
        }
    }

    /// The loop at `pc` is hot: machine code, if there is some at once.
    fn loop_is_hot(&mut self, code: Gc<Code>, pc: u32, rounds: u32) -> Option<(u32, Entrance)> {
        {
            let mut loops = code.tiering.loops.borrow_mut();
            match loops.iter_mut().find(|l| l.pc == pc) {
                Some(known) if known.native != 0 => return Some((pc, entrance(known.native))),
                Some(known) if known.polls_left == u32::MAX => return None,
                Some(known) => known.polls_left = rounds,
                None => loops.push(new_loop(&code.data, pc, rounds)),
            }
        }
        // The function as a whole is worth it at one of its next calls.
        let calls_left = &code.tiering.calls_left;
        calls_left.set(calls_left.get().min(2));
        self.watch_for(code, Entry::Loop(pc));
        let loops = code.tiering.loops.borrow();
        let native = loops.iter().find(|l| l.pc == pc).map_or(0, |l| l.native);
        (native != 0).then(|| (pc, entrance(native)))
    }

    /// Whether machine code may be entered: not while the interpreter is watched.
    #[inline(always)]
    pub(super) fn may_enter(&self) -> bool {
        self.has_stack() && self.tiers.pending.is_none()
    }

    /// Whether enough of the native stack is left for machine code.
    #[inline(always)]
    fn has_stack(&self) -> bool {
        let here = 0u8;
        std::ptr::from_ref(&here) as usize > self.native_limit
    }

    /// What follows when machine code has ended with this status; `fp` and its
    /// `pc` are what the interpreter goes on with.
    ///
    /// # Errors
    ///
    /// An exception that has left the frame.
    #[inline(always)]
    pub(super) fn native_ended(
        &mut self,
        code: Gc<Code>,
        entry: Entry,
        ended: u64,
        frame: *mut Frame,
        base: *mut Value,
    ) -> Result<(), Throw> {
        if ended == status::DONE {
            self.fp = frame.wrapping_sub(1);
            return Ok(());
        }
        match status::split(ended) {
            (status::INTERPRET, None) => {
                self.budget = 0;
                Ok(())
            }
            (status::INTERPRET, Some(exit)) => {
                // SAFETY: the frame that was entered is still there.
                unsafe { self.left(frame, (code, entry), exit) };
                Ok(())
            }
            (status::VALUE, _) => {
                // SAFETY: the frame's window lies on the stack.
                unsafe { *base = self.native_result };
                self.fp = frame.wrapping_sub(1);
                Ok(())
            }
            _ => Err(Throw(self.raised)),
        }
    }

    /// Compiled code left at the running frame; those of functions that were part of
    /// it lie from `first` on.
    ///
    /// # Safety
    ///
    /// The frames must be written.
    #[cold]
    pub(super) unsafe fn left(
        &mut self,
        first: *mut Frame,
        entered: (Gc<Code>, Entry),
        exit: usize,
    ) {
        self.budget = 0;
        let Some(tier) = self.tiers.tier.clone() else { return };
        // SAFETY: the caller says so; the `pc` lies in its code.
        let (now, at) = unsafe {
            if let Some(exit) = tier.exit(exit) {
                self.rebuild((*first).base, &exit);
                if exit.reason.is_empty() {
                    return;
                }
            }
            let frame = *self.fp;
            ((*first).code, (frame.code, frame.pc.offset_from(frame.code.insns) as u32))
        };
        // A tail call has put another function into the frame.
        let entry = if now == entered.0 { entered.1 } else { Entry::Call };
        if tier.left(now, entry, at, exit) {
            self.watch_for(now, entry);
        }
    }

    // ---- stubs -----------------------------------------------------------------

    /// Runs `f` with a stub below the frame at `frame`, which moves up by one
    /// meanwhile. The frame lies at its place again, if it still exists.
    ///
    /// # Safety
    ///
    /// `frame` must be the topmost frame.
    pub(super) unsafe fn over_stub<T>(
        &mut self,
        frame: *mut Frame,
        f: impl FnOnce(&mut Vm, *mut Frame) -> T,
    ) -> T {
        let moved = frame.wrapping_add(1);
        // SAFETY: the frame stack has room for two stubs above each frame: of an
        // instruction that the interpreter runs for machine code, and of its callee.
        unsafe {
            let (code, base) = ((*frame).code, (*frame).base);
            *moved = *frame;
            *frame = Frame { pc: EXIT.as_ptr(), base: std::ptr::null_mut(), code, top: base };
            let below = self.suspended(frame);
            // The frame lies above the stub now, but is compiled code's if that
            // goes on.
            publish();
            self.fp = moved;
            self.enter_run(&below);
            self.move_frame_limit(1);
            let result = f(self, moved);
            self.move_frame_limit(-1);
            self.leave_run(&below);
            if self.fp == moved {
                *frame = *moved;
                self.fp = frame;
            }
            result
        }
    }

    /// Stubs do not count as nested calls.
    fn move_frame_limit(&mut self, frames: isize) {
        let limit = self.frame_limit.wrapping_offset(frames);
        self.interrupt.move_frame_limit(self.frame_limit, limit);
        self.frame_limit = limit;
    }

    /// Interprets the topmost frame, at `frame`, until it returns.
    ///
    /// # Errors
    ///
    /// What it raises.
    ///
    /// # Safety
    ///
    /// As [`Vm::over_stub`].
    pub(super) unsafe fn interpret(&mut self, frame: *mut Frame) -> Result<Value, Throw> {
        // SAFETY: the caller says so.
        unsafe { self.over_stub(frame, |vm, _| vm.run()) }
    }

    /// Interprets the frames above this one until the first of them returns.
    ///
    /// # Errors
    ///
    /// What they raise.
    ///
    /// # Safety
    ///
    /// `fp` must lie above, and all frames be written.
    pub(super) unsafe fn interpret_above(&mut self, frame: *mut Frame) -> Result<Value, Throw> {
        let below = self.suspended(frame.wrapping_add(1));
        // SAFETY: as in `over_stub`, for several frames.
        unsafe {
            let first = frame.add(1);
            let stub = Frame {
                pc: EXIT.as_ptr(),
                base: std::ptr::null_mut(),
                code: (*first).code,
                top: (*first).base,
            };
            std::ptr::copy(first, first.add(1), self.fp.offset_from(frame) as usize);
            *first = stub;
            publish();
            self.fp = self.fp.add(1);
        }
        self.enter_run(&below);
        self.move_frame_limit(1);
        let result = self.run();
        self.move_frame_limit(-1);
        self.leave_run(&below);
        result
    }

    /// Looks for a handler in the topmost frame only, which is at `frame`: a status.
    ///
    /// # Safety
    ///
    /// As [`Vm::over_stub`].
    #[cold]
    pub(super) unsafe fn raise_in(&mut self, frame: *mut Frame, throw: Throw) -> u64 {
        // SAFETY: the caller says so.
        let unwound = unsafe { self.over_stub(frame, |vm, _| vm.unwind(throw)) };
        match unwound {
            Ok(()) => status::INTERPRET,
            Err(throw) => {
                self.raised = throw.0;
                status::RAISED
            }
        }
    }
}

/// A loop that has been polled for the first time.
fn new_loop(code: &gene_isa::Code, pc: u32, rounds: u32) -> HotLoop {
    HotLoop { pc, polls_left: rounds, native: 0, outer: outer_loop(code, pc) }
}

/// The target of the innermost back edge around the loop at `pc`.
fn outer_loop(code: &gene_isa::Code, pc: u32) -> Option<u32> {
    let edges = code.insns.iter().enumerate().filter(|(_, insn)| insn.op.is_back_edge());
    let edges: Vec<(u32, u32)> =
        edges.filter_map(|(at, insn)| Some((insn.jump_target(at)? as u32, at as u32))).collect();
    let end = edges.iter().filter(|(target, _)| *target == pc).map(|(_, at)| *at).max()?;
    let around = edges.iter().filter(|(target, at)| *target < pc && *at > end);
    around.min_by_key(|(target, at)| at - target).map(|(target, _)| *target)
}

/// The code object at an address that machine code knows.
pub fn code_at(address: u64) -> Gc<Code> {
    let address = std::ptr::NonNull::new(address as *mut Code).expect("code has an address");
    // SAFETY: the code generator only knows addresses from snapshots, whose code is
    // kept alive as a constant of the machine code.
    unsafe { Gc::from_ptr(address) }
}

fn entrance(native: usize) -> Entrance {
    // SAFETY: only addresses of machine code of this signature are installed.
    unsafe { std::mem::transmute::<usize, Entrance>(native) }
}

/// Machine code of a function that is entered by a call.
#[inline(always)]
pub(super) fn call_entrance(code: Gc<Code>) -> Entrance {
    entrance(code.tiering.native.get())
}

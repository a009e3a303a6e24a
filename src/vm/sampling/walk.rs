//! The frames of a moment, wherever the vm is.
//!
//! Nothing here allocates, and nothing is read but what stays mapped: frames, the
//! native stack, objects that running frames refer to.
//!
//! - In the interpreter, `fp` is the running frame.
//! - A native runs if `top` lies above the windows of the running frame; then all
//!   frames are written.
//! - Of machine code the frame that runs is not written, and `fp` may be another
//!   one. But each has a native frame with a frame pointer, and its return address
//!   says which function it is, and where. Below the frame at which the interpreter
//!   has entered machine code (`Vm::machine`), frames are written.
//! - In Rust code that machine code called, frame pointers are lost on x86-64. The return
//!   address and the saved frame pointer of the caller are looked for on the stack. On
//!   aarch64 there are frame pointers, and a register for the return address, in which it
//!   stays until a function calls another.
//!
//! Calls that are inlined have no native frame: places of machine code say which they
//! are (`Place::stack`), and `Vm::meaning` puts them in.

use std::ptr::NonNull;

use gene_isa::{FnKind, Insn};

use super::{Activity, Shared, Suspended};
use crate::heap::{Gc, Object};
use crate::object::{Code, Coroutine, Native};
use crate::value::Value;
use crate::vm::error::Awaiting;
use crate::vm::stack::Frame;

/// Frames of a sample, at most; those below are left out.
const MAX_FRAMES: usize = 512;
/// Words of the native stack that are searched for a return address to machine code.
const SEARCHED_WORDS: usize = 1024;

/// A frame as it is noted.
#[derive(Clone, Copy)]
pub(super) struct Raw {
    /// An address with a tag in its low bits.
    pub word: u64,
    /// The place in it.
    pub at: u64,
}

const TAG: u64 = 7;
const INTERPRETED: u64 = 0;
const COMPILED: u64 = 1;
const TASK: u64 = 2;
const MACHINE: u64 = 3;
const NATIVE: u64 = 4;
const ACTIVITY: u64 = 5;

/// What was noted.
pub(super) enum Kind {
    Code { code: Gc<Code>, pc: *const Insn, compiled: bool },
    Task { code: Gc<Code>, at: u32 },
    Machine(u64),
    Native(Gc<Native>),
    Activity(usize),
}

fn object<T: Object>(word: u64) -> Gc<T> {
    let pointer = NonNull::new((word & !TAG) as *mut T).unwrap_or(NonNull::dangling());
    // SAFETY: `Walk` has written the address of such an object, which nothing has
    // freed since.
    unsafe { Gc::from_ptr(pointer) }
}

impl Raw {
    pub fn is_native(self) -> bool {
        self.word & TAG == NATIVE
    }

    pub fn parts(self) -> Kind {
        match self.word & TAG {
            TASK => Kind::Task { code: object(self.word), at: self.at as u32 },
            MACHINE => Kind::Machine(self.at),
            NATIVE => Kind::Native(object(self.word)),
            ACTIVITY => Kind::Activity(self.at as usize),
            tag => Kind::Code {
                code: object(self.word),
                pc: self.at as *const Insn,
                compiled: tag == COMPILED,
            },
        }
    }
}

/// Where the thread is.
#[derive(Clone, Copy)]
pub(super) struct Walk {
    /// Next instruction of the processor; 0 if it is Rust code for certain.
    pub ip: usize,
    /// Frame pointer.
    pub bp: usize,
    /// Stack pointer; 0: all frames are written, and `fp` is the running one.
    pub sp: usize,
    /// Where a function that has no frame yet returns to, on processors that have a
    /// register for it; else 0.
    pub link: usize,
}

/// Frames on their way into the buffer.
struct Writer<'a> {
    shared: &'a Shared,
    at: usize,
    frames: usize,
}

impl Writer<'_> {
    /// False if there is no room.
    fn push(&mut self, word: u64, at: u64) -> bool {
        let [Some(first), Some(second)] =
            [self.shared.buffer.get(self.at), self.shared.buffer.get(self.at + 1)]
        else {
            return false;
        };
        first.set(word);
        second.set(at);
        self.at += 2;
        self.frames += 1;
        true
    }

    fn activity(&mut self, activity: Activity) -> bool {
        self.push(ACTIVITY, activity as u64)
    }

    fn is_full(&self) -> bool {
        self.frames >= MAX_FRAMES
    }
}

macro_rules! field {
    ($shared:expr, $name:ident) => {
        // SAFETY: the vm outlives its sampler and belongs to this thread. The field is a
        // plain word, read in one go.
        unsafe { (&raw const (*$shared.vm).$name).read_volatile() }
    };
}

impl Walk {
    /// In a function of the vm that other parts of it call with all frames written.
    pub fn exact() -> Walk {
        Walk { ip: 0, bp: 0, sp: 0, link: 0 }
    }

    /// In Rust code.
    pub fn from_rust(sp: usize) -> Walk {
        Walk { ip: 0, bp: 0, sp, link: 0 }
    }

    /// Writes the frames to the buffer from `start` on: how many they are. `None` if
    /// there is no room.
    pub fn write(self, shared: &Shared, start: usize, activity: Option<Activity>) -> Option<usize> {
        let mut out = Writer { shared, at: start, frames: 0 };
        let (fp, machine) = (field!(shared, fp), field!(shared, machine));
        let first = fp.cast_const() > shared.frames;
        if let Some(activity) = activity {
            out.activity(activity).then_some(())?;
        }
        let mut from = fp;
        if shared.has_machine_code(self.ip) {
            from = self.write_machine(&mut out, machine)?;
        } else if first && native_runs(shared, fp) {
            let native = field!(shared, native) as u64;
            out.push(native | NATIVE, 0).then_some(())?;
        } else if !machine.is_null() && self.sp != 0 {
            from = self.write_callers(&mut out, machine)?;
        }
        write_frames(&mut out, from, machine)?;
        if out.frames == 0 {
            out.activity(Activity::Starting).then_some(())?;
        }
        Some(out.frames)
    }

    /// In machine code: notes its frames. Where those below begin.
    fn write_machine(self, out: &mut Writer, entry: *mut Frame) -> Option<*mut Frame> {
        out.push(MACHINE, self.ip as u64).then_some(())?;
        let caller = self.unframed_return(out.shared);
        if caller != 0 {
            out.push(MACHINE, caller as u64 - 1).then_some(())?;
        }
        write_chain(out, self.bp)?;
        Some(below(entry))
    }

    /// The return address of a function that has no frame of its own, not yet or not
    /// any more; else 0.
    fn unframed_return(self, shared: &Shared) -> usize {
        let code = |offset: usize| {
            // SAFETY: machine code is readable, and followed by more of its block.
            unsafe { ((self.ip + offset) as *const u8).read() }
        };
        let word = |at: usize| read_stack(shared, at).unwrap_or(0);
        let found = if cfg!(target_arch = "x86_64") {
            match [code(0), code(1), code(2)] {
                // push rbp; ret; ret n
                [0x55, ..] | [0xC3, ..] | [0xC2, ..] => word(self.sp),
                // mov rbp, rsp
                [0x48, 0x89, 0xE5] => word(self.sp + 8),
                _ => 0,
            }
        } else {
            match [code(0), code(1), code(2), code(3)] {
                // stp x29, x30, [sp, #-16]!; mov x29, sp; ret
                [0xFD, 0x7B, 0xBF, 0xA9] | [0xFD, 0x03, 0x00, 0x91] | [0xC0, 0x03, 0x5F, 0xD6] => {
                    self.link
                }
                _ => 0,
            }
        };
        if shared.has_machine_code(found) { found } else { 0 }
    }

    /// In Rust code that machine code called: notes the frames of that.
    fn write_callers(self, out: &mut Writer, entry: *mut Frame) -> Option<*mut Frame> {
        let shared = out.shared;
        let Some((caller, bp)) = self.linked_caller(shared).or_else(|| self.find_caller(shared))
        else {
            return Some(entry);
        };
        out.push(MACHINE, caller as u64 - 1).then_some(())?;
        write_chain(out, bp)?;
        Some(below(entry))
    }

    /// Where machine code called, and its frame pointer, on processors with a register for
    /// return addresses: there all functions that call others have a frame.
    fn linked_caller(self, shared: &Shared) -> Option<(usize, usize)> {
        if self.link == 0 {
            return None;
        }
        let mut bp = self.bp;
        if shared.has_machine_code(self.link)
            && read_stack(shared, bp.wrapping_add(8)) != Some(self.link)
        {
            // What runs has no frame, not yet or not any more.
            return Some((self.link, bp));
        }
        for _ in 0..MAX_FRAMES {
            let (next, caller) = (read_stack(shared, bp)?, read_stack(shared, bp + 8)?);
            if shared.has_machine_code(caller) {
                return Some((caller, next));
            }
            if next <= bp {
                break;
            }
            bp = next;
        }
        None
    }

    /// The same, looked for on the stack. Calls that have ended may have left addresses there: what
    /// the register for frame pointers holds is more certain, as long as nothing else is in it.
    fn find_caller(self, shared: &Shared) -> Option<(usize, usize)> {
        if self.bp > self.sp && is_frame(shared, self.bp) {
            let words =
                (1..SEARCHED_WORDS).map(|i| self.bp - 8 * i).take_while(|at| *at >= self.sp);
            let mut found = words.filter_map(|at| read_stack(shared, at));
            let caller = found.find(|word| shared.has_machine_code(*word));
            return caller.map(|caller| (caller, self.bp));
        }
        let mut caller = None;
        for i in 0..SEARCHED_WORDS {
            let at = self.sp.next_multiple_of(8) + 8 * i;
            let word = read_stack(shared, at)?;
            match caller {
                Some(caller) if is_frame(shared, at) => return Some((caller, at)),
                // The last before the frame: it called.
                _ if shared.has_machine_code(word) => caller = Some(word),
                _ => {}
            }
        }
        None
    }
}

/// Whether a frame of machine code begins here: with the frame pointer of its own caller, and
/// the return address into that.
fn is_frame(shared: &Shared, at: usize) -> bool {
    let linked =
        read_stack(shared, at).is_some_and(|word| word > at && read_stack(shared, word).is_some());
    linked && read_stack(shared, at + 8).is_some_and(|word| shared.has_machine_code(word))
}

/// Notes who called, from the frame pointer `bp` on.
fn write_chain(out: &mut Writer, mut bp: usize) -> Option<()> {
    while !out.is_full()
        && let (Some(next), Some(caller)) =
            (read_stack(out.shared, bp), read_stack(out.shared, bp + 8))
        && out.shared.has_machine_code(caller)
    {
        out.push(MACHINE, caller as u64 - 1).then_some(())?;
        if next <= bp {
            break;
        }
        bp = next;
    }
    Some(())
}

fn below(frame: *mut Frame) -> *mut Frame {
    frame.wrapping_sub(1)
}

/// A word of the native stack.
fn read_stack(shared: &Shared, at: usize) -> Option<usize> {
    let here = 0u8;
    let inside = at > std::ptr::from_ref(&here) as usize && at < shared.stack_end;
    // SAFETY: everything between here and the end of the stack is mapped.
    (inside && at.is_multiple_of(8)).then(|| unsafe { (at as *const usize).read_volatile() })
}

/// Whether the innermost thing that runs is a native.
fn native_runs(shared: &Shared, fp: *mut Frame) -> bool {
    // SAFETY: `fp` is above the first frame, hence one.
    let frame = unsafe { fp.read_volatile() };
    let floor = if frame.top.is_null() { frame.base } else { frame.top };
    field!(shared, top) > floor && !field!(shared, native).is_null()
}

/// Notes the frames from `from` down, all of which are written. Below a task that the
/// event loop resumed come those who await it, and what drives the loop only if it
/// awaits the last of them.
fn write_frames(out: &mut Writer, from: *mut Frame, machine: *mut Frame) -> Option<()> {
    let shared = out.shared;
    let mut segments = Segments { first: machine, end: None, next: field!(shared, suspended) };
    let mut at = from;
    while at.cast_const() > shared.frames {
        if out.is_full() {
            out.activity(Activity::Deeper).then_some(())?;
            return Some(());
        }
        // SAFETY: frames between the first and the running one are initialised, and
        // there is one more below the first.
        let (frame, lower) = unsafe { (at.read_volatile(), at.sub(1).read_volatile()) };
        let compiled = segments.contain(at);
        at = below(at);
        if frame.base.is_null() {
            continue;
        }
        let tag = if compiled { COMPILED } else { INTERPRETED };
        out.push(frame.code.as_ptr() as u64 | tag, frame.pc as u64).then_some(())?;
        let suspends = matches!(frame.code.data.kind, FnKind::Async | FnKind::AsyncGenerator);
        if !suspends || frame.top.is_null() || !lower.base.is_null() {
            continue;
        }
        // SAFETY: the register below the windows of callees holds the coroutine.
        let task = unsafe { frame.top.sub(1).read_volatile() };
        if !write_awaiting(out, task)? {
            return Some(());
        }
    }
    Some(())
}

/// Notes the tasks that await a task; whether what drives the event loop awaits the
/// last one.
fn write_awaiting(out: &mut Writer, task: Value) -> Option<bool> {
    let Some(mut task) = Gc::<Coroutine>::from_value(task) else { return Some(true) };
    while !out.is_full() {
        match Awaiting::of(task) {
            Awaiting::Task(next) => {
                let at = next.position() as u64;
                out.push(next.code.as_ptr() as u64 | TASK, at).then_some(())?;
                task = next;
            }
            Awaiting::Driver => return Some(true),
            Awaiting::Nobody => return Some(false),
        }
    }
    Some(false)
}

/// The ranges of frames that are compiled code's, from the highest down.
struct Segments {
    first: *mut Frame,
    /// One past the last; `None`: the range is open.
    end: Option<*mut Frame>,
    next: *const Suspended,
}

impl Segments {
    /// Whether a frame lies in one; to be asked from the highest frame down.
    fn contain(&mut self, frame: *mut Frame) -> bool {
        while self.first.is_null() || frame < self.first {
            if self.next.is_null() {
                return false;
            }
            // SAFETY: links are alive while they are linked: those who made them have
            // not returned.
            let link = unsafe { &*self.next };
            (self.first, self.end, self.next) = (link.first, Some(link.end), link.below);
        }
        self.end.is_none_or(|end| frame < end)
    }
}

impl Shared {
    fn has_machine_code(&self, address: usize) -> bool {
        let (start, end) = &self.machine;
        let order = std::sync::atomic::Ordering::Relaxed;
        start.load(order) <= address && address < end.load(order)
    }
}

// AddressSanitizer puts variables elsewhere than on the stack.
#[cfg(all(test, target_os = "linux", not(gene_asan)))]
mod tests {
    use std::ptr::{null, null_mut};

    use super::super::timer::stack_end;
    use super::*;

    /// Machine code, for the tests.
    const MACHINE_CODE: std::ops::Range<usize> = 0x1000..0x2000;

    fn shared() -> Shared {
        Shared {
            vm: null(),
            buffer: vec![Default::default(); 64].into(),
            used: Default::default(),
            lost: Default::default(),
            doing: Default::default(),
            apart_ns: Default::default(),
            interrupt: Default::default(),
            frames: null(),
            stack_end: stack_end().unwrap(),
            machine: (MACHINE_CODE.start.into(), MACHINE_CODE.end.into()),
        }
    }

    /// The addresses of machine code that are found with these registers; `sp` and `bp` are
    /// indices of words on the stack.
    fn callers(stack: &[usize], sp: usize, bp: usize, link: usize) -> Vec<u64> {
        let shared = shared();
        let mut out = Writer { shared: &shared, at: 0, frames: 0 };
        let [sp, bp] = [sp, bp].map(|word| std::ptr::from_ref(&stack[word]).addr());
        let walk = Walk { ip: 0x9000, bp, sp, link };
        walk.write_callers(&mut out, null_mut()).unwrap();
        (0..out.frames).map(|i| shared.buffer[2 * i + 1].get() + 1).collect()
    }

    #[test]
    fn who_called_rust_is_found() {
        let mut stack = [0; 20];
        let at = |word: &usize| std::ptr::from_ref(word).addr();
        // Two frames of Rust code as on aarch64; machine code, twice; others.
        (stack[0], stack[1]) = (at(&stack[2]), 0x9100);
        (stack[2], stack[3]) = (at(&stack[8]), 0x1010);
        (stack[8], stack[9]) = (at(&stack[12]), 0x1100);
        (stack[12], stack[13]) = (at(&stack[16]), 0x1200);
        (stack[16], stack[17]) = (0, 0x9000);
        let all = [0x1010, 0x1100, 0x1200];
        // Without frame pointers or such a register.
        assert_eq!(callers(&stack, 2, 19, 0), all);
        // What was left on the stack by calls that have ended does not matter with them.
        (stack[4], stack[5]) = (at(&stack[12]), 0x1100);
        assert_eq!(callers(&stack, 0, 0, 0x9200), all);
        assert_eq!(callers(&stack, 2, 2, 0x9100), all);
        // Nothing has been called yet: the frame is there, half there, or not at all.
        assert_eq!(callers(&stack, 2, 2, 0x1010), all);
        assert_eq!(callers(&stack, 2, 8, 0x1010), all);
        assert_eq!(callers(&stack, 4, 8, 0x1010), all);
    }
}

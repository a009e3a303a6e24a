//! The virtual machine: interpreter, frames, calls, exceptions.
//!
//! The interpreter returns an [`Outcome`] to whoever drives it and never calls
//! upward; what it needs from above (compiling data for `eval`, waiting for a
//! future in synchronous code) comes through [`Host`].
//!
//! Reading order: [`stack`], [`dispatch`] (the loop), [`call`], [`unwind`],
//! [`arith`], [`member`], [`iterate`], [`coroutine`]; [`native`] is what the standard library
//! is written against.

mod adapter;
pub mod arith;
pub mod bench;
pub mod call;
pub mod classes;
mod construct;
pub mod coroutine;
mod data;
mod dispatch;
pub mod display;
pub mod equal;
pub mod error;
pub mod eval;
pub mod helpers;
pub mod import;
pub mod intercept;
mod interfaces;
mod intrinsics;
mod iterate;
pub mod layout;
mod load;
pub mod member;
pub mod native;
mod operate;
mod rebuild;
mod record;
pub mod sampling;
mod selector;
pub mod stack;
pub mod tasks;
pub mod tiering;
pub mod types;
mod unwind;

use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering, fence};
use std::sync::{Arc, Mutex, OnceLock};
use std::task::Waker;
use std::thread::Thread;
use std::time::{Duration, Instant};

use gene_isa::backend::{EXIT_VALUES, KnownNative};
use gene_isa::{FnKind, Symbol};
use rustc_hash::FxHashMap;

pub use call::Request;
pub use classes::ClassName;
pub use error::Throw;
pub use eval::{Host, Work};
pub use native::{ANY, Args, NativeFn};
use sampling::Activity;
use stack::{Frame, Region};
pub use tasks::{Context, EventLoop, Job, Tasks};

use crate::heap::{Gc, GcStats, Heap, Marker};
use crate::object::{Class, Code, Coroutine, KINDS, Module, Namespace};
use crate::source::SourceMap;
use crate::value::Value;

/// Names that the runtime looks up often.
#[allow(missing_docs)]
pub struct Names {
    pub message: Symbol,
    pub code: Symbol,
    pub cause: Symbol,
    pub call: Symbol,
    pub ctor: Symbol,
    pub iter: Symbol,
    pub next: Symbol,
    pub next_pair: Symbol,
    pub hash: Symbol,
    pub equal: Symbol,
}

impl Names {
    fn new() -> Names {
        let name = Symbol::intern;
        Names {
            message: name("message"),
            code: name("code"),
            cause: name("cause"),
            call: name("call"),
            ctor: name("ctor"),
            iter: name("iter"),
            next: name("next"),
            next_pair: name("next_pair"),
            hash: name("hash"),
            equal: name("=="),
        }
    }
}

/// What a program may use, and how it behaves.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Most nested calls.
    pub depth: usize,
    /// Most bytes of objects.
    pub heap_bytes: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { depth: 1_100_000, heap_bytes: usize::MAX }
    }
}

/// Most registers of all frames together: 1 GiB of address space.
const STACK_REGISTERS: usize = 128 << 20;

/// Windows of machine code that are not larger are not checked against the limit:
/// there is room for as many as there may be calls.
pub const SMALL_WINDOW: usize = 24;

/// Nested calls for which there is room in any case.
const FEW_CALLS: usize = 1000;

/// Address space for registers and frames, and the limits with the depth it is enough for.
fn reserve_stacks(mut limits: Limits) -> (Limits, Region<Value>, Region<Frame>) {
    let mut registers = STACK_REGISTERS;
    // Whether the system has refused more, so that a part has to be left for objects.
    let mut scarce = false;
    loop {
        let all = registers + limits.depth * SMALL_WINDOW;
        // Stubs below runs of the interpreter that machine code began do not count.
        let frames = 3 * limits.depth + 64;
        let reserved = Region::new(all).zip(Region::new(frames));
        match reserved {
            Some((all, frames)) if !scarce => return (limits, all, frames),
            _ => scarce = reserved.is_none(),
        }
        assert!(registers > FEW_CALLS * SMALL_WINDOW, "there is no address space for a stack");
        registers /= 2;
        limits.depth = (limits.depth / 2).max(FEW_CALLS.min(limits.depth));
    }
}

/// Bits of [`Interrupt`]: why the interpreter should leave its loop.
pub mod interrupt {
    /// The user pressed Ctrl-C.
    pub const CANCEL: u32 = 1;
    /// The samples that were taken have to be looked at.
    pub const SAMPLED: u32 = 2;
}

/// Stack of a thread that programs run on; only what is used takes memory.
/// Natives that call back into Gene nest on it, and so do the walks over a
/// syntax tree; machine code nests on half of it. The frames of a sanitized build are several times larger.
pub const STACK_BYTES: usize = if cfg!(gene_asan) { 4 << 30 } else { 384 << 20 };

/// Asks a running interpreter to look up, from any thread.
#[derive(Clone, Default)]
pub struct Interrupt(Arc<Signal>);

#[derive(Default)]
struct Signal {
    bits: AtomicU32,
    /// Address of the first frame that a call may not push without a look: the
    /// limit of the frame stack, 0 when bits have been set. Calls compare with
    /// it anyway, so that looking up costs them no test of its own.
    frame_limit: AtomicUsize,
    /// The thread of the interpreter, once it has slept.
    sleeper: OnceLock<Thread>,
    /// The task that waits for the interpreter.
    waiter: Mutex<Option<Waker>>,
    /// The program itself decides what the user's interruptions mean.
    ignores_users: AtomicBool,
}

impl Interrupt {
    /// Sets bits of [`interrupt`]. A sleeping interpreter wakes up.
    pub fn set(&self, bits: u32) {
        // In this order: who restores the limit and then takes the bits misses none.
        self.0.bits.fetch_or(bits, Ordering::SeqCst);
        self.0.frame_limit.store(0, Ordering::SeqCst);
        // With the one in `sleep`: either the sleeper is seen here, or the bits there.
        fence(Ordering::SeqCst);
        if let Some(sleeper) = self.0.sleeper.get() {
            sleeper.unpark();
        }
        if let Ok(waiter) = self.0.waiter.lock()
            && let Some(waiter) = &*waiter
        {
            waiter.wake_by_ref();
        }
    }

    /// Sets [`interrupt::SAMPLED`]; a sleeping interpreter sleeps on. Handlers of
    /// signals may call this.
    fn ask_to_look(&self) {
        self.0.bits.fetch_or(interrupt::SAMPLED, Ordering::SeqCst);
        self.0.frame_limit.store(0, Ordering::SeqCst);
    }

    /// The next call looks up, for no other reason.
    fn stop_next_call(&self) {
        self.0.frame_limit.store(0, Ordering::SeqCst);
    }

    /// Cancels the program for its user, unless it takes care of that itself.
    /// Whether it is told.
    pub fn cancel_for_user(&self) -> bool {
        let told = !self.0.ignores_users.load(Ordering::Relaxed);
        if told {
            self.set(interrupt::CANCEL);
        }
        told
    }

    /// From now on [`Interrupt::cancel_for_user`] does nothing.
    pub fn ignore_users(&self) {
        self.0.ignores_users.store(true, Ordering::Relaxed);
    }

    /// Whether [`interrupt::CANCEL`] is set; if not, `waker` is woken when it
    /// is.
    pub fn poll_cancelled(&self, waker: &Waker) -> bool {
        if let Ok(mut waiter) = self.0.waiter.lock()
            && !waiter.as_ref().is_some_and(|w| w.will_wake(waker))
        {
            *waiter = Some(waker.clone());
        }
        self.is_cancelled()
    }

    /// Takes the bits that are set.
    pub fn take(&self) -> u32 {
        self.0.bits.swap(0, Ordering::SeqCst)
    }

    /// Address of the limit of the frame stack as calls see it, for machine code.
    fn limit_address(&self) -> usize {
        self.0.frame_limit.as_ptr() as usize
    }

    /// Moves the limit of the frame stack, unless somebody asks to look up.
    fn move_frame_limit(&self, from: *mut Frame, to: *mut Frame) {
        let (from, to) = (from as usize, to as usize);
        let limit = &self.0.frame_limit;
        // If it is another one it is 0, and will be restored.
        let _ = limit.compare_exchange(from, to, Ordering::SeqCst, Ordering::SeqCst);
    }

    /// Calls may push frames below `limit` again.
    fn set_frame_limit(&self, limit: *mut Frame) {
        self.0.frame_limit.store(limit as usize, Ordering::SeqCst);
    }

    /// Whether a call that pushes `frame` has to look up first: somebody asked,
    /// or the stack is full.
    #[inline(always)]
    fn stops(&self, frame: *mut Frame) -> bool {
        frame as usize >= self.0.frame_limit.load(Ordering::Relaxed)
    }

    /// Sleeps until the time is up or [`interrupt::CANCEL`] is set.
    pub fn sleep(&self, limit: Duration) {
        self.0.sleeper.get_or_init(std::thread::current);
        fence(Ordering::SeqCst);
        let start = Instant::now();
        while self.0.bits.load(Ordering::Relaxed) & interrupt::CANCEL == 0
            && let Some(left) = limit.checked_sub(start.elapsed())
            && !left.is_zero()
        {
            std::thread::park_timeout(left);
        }
    }

    /// Whether the program should end, for operations that take long.
    pub fn is_cancelled(&self) -> bool {
        self.0.bits.load(Ordering::Relaxed) & interrupt::CANCEL != 0
    }

    /// Address of the word that holds the bits, for machine code.
    fn address(&self) -> usize {
        self.0.bits.as_ptr() as usize
    }

    #[inline(always)]
    fn is_set(&self) -> bool {
        self.0.bits.load(Ordering::Relaxed) != 0
    }
}

/// One interpreter with its heap. Belongs to one thread.
pub struct Vm {
    /// The objects.
    pub heap: Heap,
    registers: Region<Value>,
    frame_stack: Region<Frame>,
    /// The running frame.
    fp: *mut Frame,
    /// One past the last frame that may be pushed.
    frame_limit: *mut Frame,
    /// One past the last register that a window may use.
    stack_limit: *mut Value,
    /// First register above those in use, while a native runs.
    top: *mut Value,
    /// The native that runs, or ran last.
    native: *const crate::object::Native,
    /// The frame at which the running machine code was entered; null if the
    /// interpreter runs.
    machine: *mut Frame,
    /// Machine code below the present run of the interpreter.
    suspended: *const sampling::Suspended,
    /// Takes samples.
    sampler: Option<Box<sampling::Sampler>>,
    /// Nested runs of the interpreter.
    nesting: u32,
    /// How the loop runs, see [`dispatch::mode`].
    mode: u8,
    /// Back edges until the loop looks up.
    budget: i32,
    /// Machine code is not entered with the native stack below this address.
    native_limit: usize,
    /// Constants that machine code loads where it shall not compute them again.
    int_unbias: u64,
    pointer_tag: u64,
    /// The result of compiled code that is not of the representation promised.
    native_result: Value,
    /// What an exit of compiled code hands over for objects that are made there.
    exit_values: [Value; EXIT_VALUES],
    /// The exception that has left compiled code.
    raised: Value,
    /// The compiled tier.
    pub tiers: tiering::Tiers,
    /// Natives that machine code can do without, by address.
    pub known_natives: FxHashMap<*const (), KnownNative>,
    /// How much of the thread's stack they may not take, in bytes.
    stack_reserve: usize,
    /// The built-in classes by [`ClassName`].
    classes: Vec<Gc<Class>>,
    other_classes: FxHashMap<Symbol, Gc<Class>>,
    /// Those of objects with Rust data, by the address of their names.
    foreign_classes: std::cell::RefCell<FxHashMap<(usize, usize), Gc<Class>>>,
    next_class_id: u32,
    /// Global names: functions and classes.
    pub builtins: FxHashMap<Symbol, Value>,
    /// Variables whose names begin with `$`, without it.
    pub globals: FxHashMap<Symbol, Value>,
    /// Globals that are computed when they are read, unless a program has set
    /// them.
    pub computed_globals: FxHashMap<Symbol, fn(&mut Vm) -> Result<Value, Throw>>,
    /// All modules that have been loaded; their variables are roots.
    pub modules: Vec<Gc<Module>>,
    /// Names the runtime looks up often.
    pub names: Names,
    /// Texts of all code.
    pub sources: SourceMap,
    /// Values that Rust code holds.
    roots: Vec<Value>,
    /// Keyword arguments of the native call that is about to run.
    kwargs: Value,
    /// Standard output.
    pub out: Box<dyn Write>,
    /// Standard error.
    pub err: Box<dyn Write>,
    /// Asks the interpreter to look up.
    pub interrupt: Interrupt,
    /// Has the process ended from a thread that is not its main one.
    pub on_exit: Option<Box<dyn Fn(i32)>>,
    /// Is done before the process ends because the program says so; whether it went
    /// well.
    pub before_exit: Option<Box<dyn FnOnce(&mut Vm) -> bool>>,
    /// What a program may use.
    pub limits: Limits,
    /// Check the heap at each collection.
    pub verify_heap: bool,
    /// Tell of each collection on standard error.
    pub trace_gc: bool,
    /// Write a line to standard error for each instruction.
    pub trace_exec: bool,
    /// Tasks that have not ended; counted by who runs them.
    pub live_tasks: usize,
    /// Timers set.
    pub live_timers: usize,
    /// `nil` passes only annotations that admit it.
    pub strict_nil: bool,
    /// Annotations are not checked.
    pub no_type_check: bool,
    /// The compiler and the module loader.
    pub host: Option<std::rc::Rc<dyn Host>>,
    /// The event loop.
    pub event_loop: Option<std::rc::Rc<dyn EventLoop>>,
    /// Who measures benchmarks.
    pub bencher: Option<std::rc::Rc<dyn bench::Bencher>>,
    /// The ready queue, and what runs.
    pub tasks: Tasks,
    /// Tasks that have ended and that nothing refers to, for the next ones.
    spare_tasks: Vec<Gc<Coroutine>>,
    /// Any code, for stub frames.
    any_code: Option<Gc<Code>>,
    /// What the native that just returned asks for.
    pending: Option<Request>,
    /// Frame of a method call that the slow path has begun.
    odd_caller: *mut Frame,
    /// `return` instructions by register, for tail calls that had to nest.
    returns: FxHashMap<u16, Box<[gene_isa::Insn; 2]>>,
    /// Identities of built-in classes by kind; see `class_id`.
    kind_ids: [u32; 32],
    float_id: u32,
    hash_ids: [u32; 2],
    /// Classes made by programs.
    user_classes: Vec<Gc<Class>>,
    /// How often all inline caches were invalidated.
    pub cache_epoch: u32,
    /// A native that does nothing.
    do_nothing: Value,
    /// Reused for building strings.
    buffer: String,
    /// Nesting of the data that is being turned into syntax.
    data_depth: usize,
}

impl Vm {
    /// A machine with the built-in classes and nothing else: no functions. Where address space is
    /// limited, fewer calls may be nested than the limits say.
    ///
    /// # Panics
    ///
    /// If the system gives no address space for even a few calls.
    pub fn new(limits: Limits) -> Vm {
        let heap = Heap::new(KINDS);
        let (limits, registers, frame_stack) = reserve_stacks(limits);
        let unchecked = limits.depth * SMALL_WINDOW;
        let mut vm = Vm {
            heap,
            fp: frame_stack.start(),
            // SAFETY: the region has room for 64 frames more than the limit.
            frame_limit: unsafe { frame_stack.start().add(limits.depth) },
            top: registers.start(),
            // SAFETY: the region has that many registers more.
            stack_limit: unsafe { registers.end().sub(unchecked) },
            registers,
            frame_stack,
            native: std::ptr::null(),
            machine: std::ptr::null_mut(),
            suspended: std::ptr::null(),
            sampler: None,
            nesting: 0,
            mode: dispatch::mode::NORMAL,
            budget: tiering::BUDGET,
            native_limit: usize::MAX,
            int_unbias: gene_isa::value::INT_BIAS.wrapping_neg(),
            pointer_tag: gene_isa::value::TAG_POINTER,
            native_result: Value::NIL,
            exit_values: [Value::NIL; EXIT_VALUES],
            raised: Value::NIL,
            tiers: tiering::Tiers::default(),
            known_natives: FxHashMap::default(),
            stack_reserve: 0,
            classes: Vec::new(),
            other_classes: FxHashMap::default(),
            foreign_classes: Default::default(),
            next_class_id: 0,
            builtins: FxHashMap::default(),
            globals: FxHashMap::default(),
            computed_globals: FxHashMap::default(),
            modules: Vec::new(),
            names: Names::new(),
            sources: SourceMap::default(),
            roots: Vec::new(),
            kwargs: Value::NIL,
            out: Box::new(std::io::BufWriter::with_capacity(64 << 10, std::io::stdout())),
            err: Box::new(std::io::stderr()),
            interrupt: Interrupt::default(),
            on_exit: None,
            before_exit: None,
            limits,
            verify_heap: false,
            trace_gc: false,
            trace_exec: false,
            live_tasks: 0,
            live_timers: 0,
            strict_nil: false,
            no_type_check: false,
            host: None,
            event_loop: None,
            bencher: None,
            tasks: Tasks::default(),
            any_code: None,
            pending: None,
            odd_caller: std::ptr::null_mut(),
            returns: FxHashMap::default(),
            kind_ids: [0; 32],
            float_id: 0,
            hash_ids: [0; 2],
            user_classes: Vec::new(),
            spare_tasks: Vec::new(),
            cache_epoch: 0,
            do_nothing: Value::NIL,
            buffer: String::new(),
            data_depth: 0,
        };
        vm.make_classes();
        vm.make_builtin_enums();
        vm.make_builtin_types();
        selector::install(&mut vm);
        vm.do_nothing = vm.native("ctor", 0, ANY, |_, _| Ok(Value::NIL));
        let ctor = vm.native_kw("Exception", 0, 1, construct_exception);
        vm.class(ClassName::Exception).ctor.set(ctor);
        vm.refresh_class_ids();
        vm
    }

    /// The built-in namespace at `path`, made if it does not exist; the first
    /// part is a global name.
    pub fn builtin_namespace(&mut self, path: &str) -> Gc<Namespace> {
        let mut parts = path.split('/').map(Symbol::intern);
        let first = parts.next().expect("split gives at least one part");
        let found = self.builtins.get(&first).copied().and_then(Gc::<Namespace>::from_value);
        let mut namespace = found.unwrap_or_else(|| {
            let made = Namespace::new(&mut self.heap, first);
            self.builtins.insert(first, made.value());
            made
        });
        for part in parts {
            let found = namespace.members.get(part).and_then(Gc::<Namespace>::from_value);
            namespace = found.unwrap_or_else(|| {
                let made = Namespace::new(&mut self.heap, part);
                namespace.members.set(&mut self.heap, part, made.value());
                made
            });
        }
        namespace
    }

    // ---- roots -------------------------------------------------------------

    /// Keeps a value alive until [`Vm::unroot`] with what [`Vm::root_mark`]
    /// gave before.
    pub fn root(&mut self, value: Value) -> Value {
        self.roots.push(value);
        value
    }

    /// The present number of roots.
    pub fn root_mark(&self) -> usize {
        self.roots.len()
    }

    /// Forgets the roots added since `mark`.
    pub fn unroot(&mut self, mark: usize) {
        self.roots.truncate(mark);
    }

    /// Frames, innermost first: code and index of the instruction that runs; and
    /// the task, if it is the frame of one that the event loop resumed. Their
    /// `pc`s must be up to date.
    fn frames_with_tasks(
        &self,
    ) -> impl Iterator<Item = ((Gc<Code>, u32), Option<Gc<Coroutine>>)> + use<> {
        let (mut frame, start) = (self.fp, self.frame_stack.start());
        std::iter::from_fn(move || {
            loop {
                if frame <= start {
                    return None;
                }
                // SAFETY: frames between the start and `fp` are initialised, and
                // the region extends below, as checked.
                let (current, below) = unsafe { (*frame, *frame.sub(1)) };
                // SAFETY: as above.
                frame = unsafe { frame.sub(1) };
                if current.base.is_null() {
                    continue;
                }
                let kind = current.code.data.kind;
                let task = matches!(kind, FnKind::Async | FnKind::AsyncGenerator)
                    && !current.top.is_null()
                    && below.base.is_null();
                // SAFETY: the register below the windows of callees holds the
                // coroutine.
                let task = task.then(|| Gc::from_value(unsafe { *current.top.sub(1) })).flatten();
                // SAFETY: `pc` points into the code or one past it.
                let at = unsafe { current.pc.offset_from(current.code.insns) };
                return Some(((current.code, (at - 1).max(0) as u32), task));
            }
        })
    }

    /// Collects garbage. `top` is the first register that is not in use.
    #[cold]
    #[inline(never)]
    fn collect(&mut self, top: *mut Value, full: bool) -> usize {
        if self.sampler.is_some() {
            // While all code that was seen is alive.
            self.take_samples();
        }
        self.apart(Activity::Collecting, |vm| vm.collect_now(top, full))
    }

    fn collect_now(&mut self, top: *mut Value, full: bool) -> usize {
        // Nothing else keeps them.
        self.spare_tasks.clear();
        self.registers.clear_from(top);
        let start = self.registers.start();
        // SAFETY: both lie in the region, `top` above the start. Every register
        // in use holds a value that was valid at the last collection or stored
        // since, and freed objects are only those found by a collection.
        let registers =
            unsafe { std::slice::from_raw_parts(start, top.offset_from(start) as usize) };
        let (first, last) = (self.frame_stack.start(), self.fp);
        let Vm { heap, roots, classes, other_classes, builtins, globals, modules, kwargs, .. } =
            self;
        let (raised, native_result, tiers) = (self.raised, self.native_result, &self.tiers);
        let (tasks, event_loop) = (&mut self.tasks, &self.event_loop);
        let sampler = &self.sampler;
        let (user_classes, do_nothing, any_code) =
            (&self.user_classes, self.do_nothing, self.any_code);
        let mut mark = |marker: &mut Marker| {
            marker.values(registers);
            let mut frame = last;
            while frame > first {
                // SAFETY: frames between the start and `fp` are initialised.
                let current = unsafe { *frame };
                // SAFETY: as above.
                frame = unsafe { frame.sub(1) };
                if current.base.is_null() {
                    continue;
                }
                marker.object(current.code);
                if !current.top.is_null() {
                    // A running coroutine may be older than what it stored.
                    // SAFETY: its window has as many registers as the code says.
                    marker.values(unsafe {
                        std::slice::from_raw_parts(current.base, current.code.nregs as usize)
                    });
                }
            }
            marker.values(roots);
            tasks.trace(marker);
            if let Some(event_loop) = event_loop {
                event_loop.trace(marker);
            }
            marker.value(*kwargs);
            marker.value(raised);
            marker.value(native_result);
            marker.values(&tiers.constants);
            if let Some(sampler) = sampler {
                sampler.trace(marker);
            }
            for code in tiers.watched() {
                marker.object(code);
            }
            marker.value(do_nothing);
            if let Some(code) = any_code {
                marker.object(code);
            }
            for class in user_classes {
                marker.object(*class);
            }
            for class in classes.iter().chain(other_classes.values()) {
                marker.object(*class);
            }
            for value in builtins.values().chain(globals.values()) {
                marker.value(*value);
            }
            for module in modules.iter() {
                marker.object(*module);
                module.trace_vars(marker);
            }
        };
        let before = heap.stats;
        let freed = heap.collect(full, &mut mark);
        if self.verify_heap {
            heap.verify(&mut mark);
        }
        if self.trace_gc {
            self.tell_of_collection(before, freed);
        }
        freed
    }

    /// A line for `--trace=gc`.
    #[cold]
    fn tell_of_collection(&mut self, before: GcStats, freed: usize) {
        let stats = self.heap.stats;
        let kind = if stats.full_runs > before.full_runs { "full" } else { "minor" };
        let pause_us = (stats.pause_ns - before.pause_ns) / 1000;
        let (objects, kib) = (self.heap.live_objects(), self.heap.live_bytes() / 1024);
        // Nobody to tell it to is no reason to stop.
        let _ = writeln!(
            self.err,
            "gc {}: {kind}, {freed} freed, {objects} live, {kib} KiB, {pause_us} us",
            stats.runs
        );
    }

    /// Runs a full collection from a native function; the number of objects
    /// freed.
    pub fn collect_garbage(&mut self) -> usize {
        self.collect(self.top, true)
    }

    /// Writes out what is buffered for standard output. Errors are dropped:
    /// a closed pipe is no reason to stop.
    pub fn flush(&mut self) {
        let _ = self.out.flush();
    }
}

/// `(new Exception "text" ^cause c ^code k)`, also for subclasses.
fn construct_exception(vm: &mut Vm, args: Args) -> Result<Value, Throw> {
    let keywords = vm.keywords().map(|k| k.entries()).unwrap_or_default();
    let class = match Gc::<Class>::from_value(args.this()) {
        Some(class) => class,
        // `super .ctor`: the instance is there already.
        None => vm.class_of(args.this()),
    };
    let message = args.opt(0).map(|m| vm.display_text(m)).unwrap_or_default();
    let made = vm.new_exception(class, &message, None);
    for (key, value) in keywords {
        if key != vm.names.cause && key != vm.names.code {
            return Err(vm.args_mismatch(format!("Unexpected keyword argument: {key}")));
        }
        made.set(&mut vm.heap, key, value);
    }
    if let Some(instance) = crate::object::record::as_record(args.this()) {
        for (key, value) in made.entries() {
            instance.set(&mut vm.heap, key, value);
        }
        return Ok(args.this());
    }
    Ok(made.value())
}

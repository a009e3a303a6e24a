//! Generators and tasks: frames that suspend.
//!
//! A coroutine's window is in the coroutine; its frame has `top` set to where
//! callees' windows go, two registers above the window of the call that
//! resumed it, so that its result is delivered to `top - 2`. The result of the
//! call that begins a task is its future, which is put there at once.

use gene_isa::FnKind;

use super::dispatch::EXIT;
use super::error::Throw;
use super::sampling::publish;
use super::stack::Frame;
use super::{Context, Vm};
use crate::heap::Gc;
use crate::object::coroutine::{CoState, flag};
use crate::object::future::{Origin, State};
use crate::object::{Array, Coroutine, Function, Future, Kind, kind_of};
use crate::value::Value;

/// Tasks that are kept for the next ones, at most.
const SPARE_TASKS: usize = 16;

/// Why a generator is resumed.
pub mod mode {
    /// `.next`: the yielded value, or `not_found`.
    pub const NEXT: u8 = 0;
    /// `.has_next`: whether there is one, which is kept.
    pub const HAS_NEXT: u8 = 1;
    /// `.close`: runs `finally` blocks.
    pub const CLOSE: u8 = 2;
    /// `.next_pair`: as `NEXT`; the value must be an array of two elements.
    pub const NEXT_PAIR: u8 = 3;
}

impl Vm {
    /// Makes the coroutine of a call whose arguments are bound in `win`. A task
    /// begins to run at once.
    pub(super) fn start_coroutine(
        &mut self,
        f: Gc<Function>,
        win: *mut Value,
    ) -> Result<(), Throw> {
        let coroutine = match self.spare_tasks.last() {
            Some(spare) if spare.code == f.code => self.reuse_task(f),
            _ => Coroutine::new(&mut self.heap, f),
        };
        let used = 2 + f.code.data.params.registers();
        // There are few: calling `memmove` takes longer than this.
        for register in 0..used {
            // SAFETY: both windows have that many registers.
            unsafe { *coroutine.window().add(register) = *win.add(register) };
        }
        if f.code.data.kind != FnKind::Async {
            // SAFETY: the window lies on the stack.
            unsafe { *win = coroutine.value() };
            return Ok(());
        }
        let future = Future::new(&mut self.heap, Origin::Task, coroutine.value());
        coroutine.slot.set(future.value());
        self.begin_task(coroutine, win)
    }

    /// The last task that has ended is the one that begins, for a function with
    /// the same code: calls that are awaited at once need no memory each.
    #[inline]
    fn reuse_task(&mut self, f: Gc<Function>) -> Gc<Coroutine> {
        match self.spare_tasks.pop() {
            Some(spare) => {
                spare.renew(f);
                self.heap.barrier(spare);
                spare
            }
            None => Coroutine::new(&mut self.heap, f),
        }
    }

    /// Begins, or goes on with, the step of an async generator whose future is
    /// in its slot.
    pub(super) fn begin_step(
        &mut self,
        generator: Gc<Coroutine>,
        close: bool,
        win: *mut Value,
    ) -> Result<(), Throw> {
        self.begin_task(generator, win)?;
        if close { self.unwind(Throw(Vm::CLOSING)) } else { Ok(()) }
    }

    /// Runs a task from a call with this window, whose result is the future.
    fn begin_task(&mut self, task: Gc<Coroutine>, win: *mut Value) -> Result<(), Throw> {
        let scope = self.tasks.context.scope;
        task.number.set(self.tasks.number());
        task.scope.set(scope);
        task.inner_scope.set(scope);
        // SAFETY: the window lies on the stack. Nobody writes to its first
        // register before the caller reads it: windows of callees begin above.
        unsafe { *win = task.slot.get() };
        self.push_task(task, win)?;
        self.live_tasks += 1;
        if !scope.is_nil() {
            self.heap.barrier(task);
            self.event_loop()?.task_started(self, task);
        }
        Ok(())
    }

    /// Pushes the frame of a task.
    fn push_task(&mut self, task: Gc<Coroutine>, win: *mut Value) -> Result<(), Throw> {
        let frame = self.fp.wrapping_add(1);
        self.ensure_room(win, 8)?;
        if self.interrupt.stops(frame) {
            self.look_before_call(frame, win)?;
        }
        task.state.set(CoState::Running);
        // SAFETY: there is room for the frame. The task stays reachable in
        // `win[1]`, below `top`.
        unsafe {
            *win.add(1) = task.value();
            *frame =
                Frame { pc: task.pc.get(), base: task.window(), code: task.code, top: win.add(2) };
        }
        publish();
        self.fp = frame;
        self.tasks.enter(Context { task: Some(task), scope: task.inner_scope.get() });
        Ok(())
    }

    /// Resumes a task from the event loop and runs it until it is suspended
    /// again or has ended.
    ///
    /// # Errors
    ///
    /// If there is no room for its frame.
    pub fn resume_task(&mut self, task: Gc<Coroutine>) -> Result<(), Throw> {
        if task.state.get() != CoState::Suspended {
            return Ok(());
        }
        let window = self.free_window();
        self.ensure_room(window, 8)?;
        let stub = self.fp.wrapping_add(1);
        if stub >= self.frame_limit || !self.may_nest() {
            return Err(self.stack_overflow());
        }
        // SAFETY: there is room for the frame and the window, as checked.
        unsafe {
            *stub = Frame {
                pc: EXIT.as_ptr(),
                base: std::ptr::null_mut(),
                code: task.code,
                top: window,
            };
            *window = Value::NIL;
        }
        let below = self.suspended(stub);
        publish();
        self.fp = stub;
        if let Err(throw) = self.push_task(task, window) {
            self.fp = stub.wrapping_sub(1);
            return Err(throw);
        }
        self.enter_run(&below);
        let saved_top = self.top;
        self.nesting += 1;
        let flags = task.flags.get();
        task.flags.set(flags & !flag::RAISE);
        let mut result = Ok(());
        if flags & flag::RAISE != 0 {
            let exception = task.thrown.replace(Value::NIL);
            // SAFETY: the task stands before its `await`; handlers are found
            // by the instruction before `pc`.
            unsafe { (*self.fp).pc = (*self.fp).pc.add(1) };
            result = self.unwind(Throw(exception));
        }
        if result.is_ok() {
            result = self.run().map(drop);
        }
        self.nesting -= 1;
        self.top = saved_top;
        self.leave_run(&below);
        result
    }

    /// Runs a function without parameters as the task of a pending future.
    ///
    /// # Errors
    ///
    /// If there is no room for its frame.
    pub fn run_task(
        &mut self,
        function: Value,
        future: Gc<Future>,
        scope: Value,
    ) -> Result<(), Throw> {
        let Some(f) = Gc::<Function>::from_value(function) else {
            return Err(self.not_callable_error("a task needs a function"));
        };
        let task = Coroutine::new(&mut self.heap, f);
        // SAFETY: a window has a register for self.
        unsafe { *task.window().add(1) = f.this.get() };
        task.number.set(self.tasks.number());
        task.slot.set(future.value());
        task.scope.set(scope);
        task.inner_scope.set(scope);
        task.state.set(CoState::Suspended);
        future.set_origin(&mut self.heap, Origin::Task, task.value());
        self.live_tasks += 1;
        self.resume_task(task)
    }

    /// Runs the step of an async generator whose future is in its slot, to its
    /// first suspension.
    ///
    /// # Errors
    ///
    /// If there is no room for its frame.
    pub fn run_step(&mut self, generator: Gc<Coroutine>) -> Result<(), Throw> {
        let scope = self.tasks.context.scope;
        generator.number.set(self.tasks.number());
        generator.scope.set(scope);
        generator.inner_scope.set(scope);
        self.heap.barrier(generator);
        self.live_tasks += 1;
        if !scope.is_nil() {
            self.event_loop()?.task_started(self, generator);
        }
        if generator.mode.get() == mode::CLOSE {
            // Its frame stands after a `yield`: `pc` is moved for an `await`.
            generator.pc.set(generator.pc.get().wrapping_sub(1));
            generator.thrown.set(Vm::CLOSING);
            generator.flags.set(generator.flags.get() | flag::RAISE);
        }
        generator.state.set(CoState::Suspended);
        self.resume_task(generator)
    }

    /// Waits for all futures of an array, from a native: drives the loop.
    ///
    /// # Errors
    ///
    /// As `await`.
    pub fn await_now(&mut self, futures: Value) -> Result<Value, Throw> {
        let mark = self.root_mark();
        self.root(futures);
        let operands = Gc::<crate::object::Array>::from_value(futures).map(|a| a.to_vec());
        let operands = operands.unwrap_or_default();
        let pending = |v: &Value| Gc::<Future>::from_value(*v).is_some_and(|f| f.is_pending());
        let mut result = Ok(());
        if operands.iter().any(pending) {
            result = self.event_loop().and_then(|l| l.drive(self, &operands, None));
        }
        self.unroot(mark);
        result?;
        self.settled_values(&operands)
    }

    /// Waits for one future for a limited time, from a native: drives the loop.
    /// The future must be a root.
    ///
    /// # Errors
    ///
    /// As `await ^timeout`.
    pub fn await_within(&mut self, future: Gc<Future>, timeout: Value) -> Result<Value, Throw> {
        let operand = future.value();
        if future.is_pending() {
            self.event_loop()?.drive(self, &[operand], Some(timeout))?;
        }
        self.settled_value(operand)
    }

    /// The module of the code that called the running native.
    pub fn calling_module(&self) -> Option<Gc<crate::object::Module>> {
        // SAFETY: above the start of the stack are frames.
        (self.fp > self.frame_stack.start()).then(|| unsafe { *self.fp }.code.module)
    }

    /// A safepoint between two jobs of the event loop: callbacks may be too
    /// short to have one.
    ///
    /// # Errors
    ///
    /// If more is alive than the limit allows.
    #[inline]
    pub fn safepoint_between_jobs(&mut self) -> Result<(), Throw> {
        match self.heap.wants_collection() {
            true => self.collect_above(self.free_window()),
            false => Ok(()),
        }
    }

    /// First register above those in use, from a native or an instruction.
    fn free_window(&self) -> *mut Value {
        match self.fp > self.frame_stack.start() {
            true => self.top.max(self.frame_top()),
            false => self.top,
        }
    }

    /// Resumes a generator for a call with this window: pushes its frame, or
    /// puts the result into `*win`.
    pub(super) fn resume(
        &mut self,
        generator: Gc<Coroutine>,
        mode: u8,
        win: *mut Value,
    ) -> Result<(), Throw> {
        let done = |value: Value| {
            // SAFETY: the window lies on the stack.
            unsafe { *win = value };
            Ok(())
        };
        let state = generator.state.get();
        if state == CoState::Running {
            let class = super::ClassName::RuntimeException;
            return Err(self.error(
                class,
                "GENE.GENERATOR.RUNNING",
                "generator is already running",
            ));
        }
        let ahead = generator.slot.get();
        if !ahead.is_unset() {
            match mode {
                mode::HAS_NEXT => return done(Value::TRUE),
                mode::NEXT | mode::NEXT_PAIR => {
                    generator.slot.set(Value::UNSET);
                    self.check_pair(mode, ahead)?;
                    return done(ahead);
                }
                _ => generator.slot.set(Value::UNSET),
            }
        }
        if state == CoState::Done || (state == CoState::Created && mode == mode::CLOSE) {
            generator.state.set(CoState::Done);
            return done(ended(mode));
        }
        let frame = self.fp.wrapping_add(1);
        self.ensure_room(win, 8)?;
        if self.interrupt.stops(frame) {
            self.look_before_call(frame, win)?;
        }
        generator.mode.set(mode);
        generator.state.set(CoState::Running);
        // SAFETY: there is room for the frame. The generator stays reachable in
        // `win[1]`, below `top`.
        unsafe {
            *win.add(1) = generator.value();
            *frame = Frame {
                pc: generator.pc.get(),
                base: generator.window(),
                code: generator.code,
                top: win.add(2),
            };
        }
        publish();
        self.fp = frame;
        // Closing is an exception at the `yield`, which has to be raised here:
        // to the caller it would look like one of the call.
        if mode == mode::CLOSE { self.unwind(Throw(Vm::CLOSING)) } else { Ok(()) }
    }

    fn check_pair(&mut self, mode: u8, value: Value) -> Result<(), Throw> {
        let is_pair = Gc::<Array>::from_value(value).is_some_and(|a| a.len() == 2);
        match mode == mode::NEXT_PAIR && !is_pair {
            true => Err(self.type_error("next_pair needs yielded arrays of two elements")),
            false => Ok(()),
        }
    }

    /// The coroutine of the running frame.
    fn running_coroutine(&self) -> (Gc<Coroutine>, *mut Value) {
        // SAFETY: `fp` is the frame of a coroutine: `resume` put the coroutine
        // one register below `top`.
        unsafe {
            let top = (*self.fp).top;
            let coroutine = (*top.sub(1)).address_unchecked() as *mut Coroutine;
            (Gc::from_ptr(std::ptr::NonNull::new_unchecked(coroutine)), top.sub(2))
        }
    }

    fn leave_coroutine(&mut self, win: *mut Value, value: Value) {
        // SAFETY: the window of the resuming call lies on the stack, and the
        // frame of that call below this one.
        unsafe {
            *win = value;
            self.fp = self.fp.sub(1);
        }
    }

    /// The task whose frame is the running one, or called the running native.
    pub fn running_task(&self) -> Option<Gc<Coroutine>> {
        // SAFETY: `fp` is a frame.
        let frame = unsafe { &*self.fp };
        let suspends = matches!(frame.code.data.kind, FnKind::Async | FnKind::AsyncGenerator);
        (suspends && !frame.top.is_null()).then(|| self.running_coroutine().0)
    }

    /// Pops the frame of a task.
    fn leave_task(&mut self) {
        self.tasks.leave();
        // SAFETY: below the frame of a task is another one.
        self.fp = unsafe { self.fp.sub(1) };
    }

    /// `yield`: suspends the running generator. The frame's `pc` must be up to
    /// date; `Err` may leave the frame of another function on top.
    pub(super) fn yield_value(&mut self, value: Value) -> Result<(), Throw> {
        if value == Value::NOT_FOUND {
            return Err(self.arg_error("not_found cannot be yielded: it marks the end"));
        }
        let (generator, win) = self.running_coroutine();
        let mode = generator.mode.get();
        if mode == mode::CLOSE {
            // A `finally` block yields: there is nobody to take the value, and
            // the rest of the block has to run.
            return Ok(());
        }
        // SAFETY: `fp` is the frame of the generator.
        generator.pc.set(unsafe { (*self.fp).pc });
        self.heap.barrier(generator);
        if generator.code.data.kind == FnKind::AsyncGenerator {
            return self.end_step(generator, Ok(value));
        }
        generator.state.set(CoState::Suspended);
        if mode == mode::HAS_NEXT {
            generator.slot.set(value);
            self.leave_coroutine(win, Value::TRUE);
            return Ok(());
        }
        self.leave_coroutine(win, value);
        self.check_pair(mode, value)
    }

    /// A step of an async generator has ended: the next one begins in the same
    /// frame, if there is one.
    fn end_step(
        &mut self,
        generator: Gc<Coroutine>,
        outcome: Result<Value, Value>,
    ) -> Result<(), Throw> {
        self.live_tasks -= 1;
        self.event_loop()?.task_ended(self, generator, outcome);
        if generator.slot.get().is_unset() {
            generator.state.set(CoState::Suspended);
            self.leave_task();
            return Ok(());
        }
        self.live_tasks += 1;
        self.tasks.context.scope = generator.inner_scope.get();
        match generator.mode.get() {
            mode::CLOSE => Err(Throw(Vm::CLOSING)),
            _ => Ok(()),
        }
    }

    /// The body of the running coroutine has ended.
    pub(super) fn finish_coroutine(&mut self, value: Value) {
        let (coroutine, win) = self.running_coroutine();
        coroutine.state.set(CoState::Done);
        self.heap.barrier(coroutine);
        match coroutine.code.data.kind {
            FnKind::Async => self.end_task(coroutine, Ok(value)),
            FnKind::AsyncGenerator => self.end_task(coroutine, Ok(Value::NOT_FOUND)),
            _ => self.leave_coroutine(win, ended(coroutine.mode.get())),
        }
    }

    /// The body of a task has ended.
    fn end_task(&mut self, task: Gc<Coroutine>, outcome: Result<Value, Value>) {
        self.leave_task();
        self.live_tasks -= 1;
        if let Ok(value) = outcome
            && let Some(future) = Gc::<Future>::from_value(task.slot.get())
            && future.is_pending()
            && !future.has_waiters()
            && task.scope.get().is_nil()
            && task.code.data.kind == FnKind::Async
            && kind_of(value) != Some(Kind::Future)
        {
            future.fill(&mut self.heap, State::Success, value);
            // It was never suspended, so nothing refers to it any more.
            if task.is_pristine() && self.spare_tasks.len() < SPARE_TASKS {
                self.spare_tasks.push(task);
            }
            return;
        }
        if let Some(event_loop) = self.event_loop.clone() {
            event_loop.task_ended(self, task, outcome);
        }
    }

    /// An exception leaves the body of the running coroutine: its frame is
    /// popped. Whether that settles the matter; else the exception goes on in
    /// the frame that resumed it.
    pub(super) fn coroutine_raised(&mut self, throw: Throw) -> bool {
        let (coroutine, win) = self.running_coroutine();
        coroutine.state.set(CoState::Done);
        self.heap.barrier(coroutine);
        if coroutine.code.data.kind == FnKind::Generator {
            self.leave_coroutine(win, Value::NIL);
            return throw.0 == Vm::CLOSING;
        }
        let outcome = match throw.0 == Vm::CLOSING {
            true => Ok(Value::NIL),
            false => Err(throw.0),
        };
        self.end_task(coroutine, outcome);
        true
    }

    /// `await`: the results of `count` operands from `first` go to `dst`. A
    /// task that has to wait runs the instruction again when it is woken.
    pub(super) fn await_values(
        &mut self,
        dst: u16,
        first: *mut Value,
        count: u16,
        timed: bool,
    ) -> Result<(), Throw> {
        let task = self.running_task();
        if let Some(task) = task {
            let flags = task.flags.get();
            if flags & (flag::WOKEN | flag::CANCEL) != 0 {
                task.flags.set(flags & !flag::WOKEN);
                if flags & flag::WOKEN == 0 {
                    task.flags.set(flags & !flag::CANCEL);
                    return Err(Throw(task.thrown.replace(Value::NIL)));
                }
            }
        }
        if count == 1 && !timed {
            // SAFETY: the operand lies in the running frame's window, and so does
            // the destination.
            unsafe {
                if let Some(future) = Gc::<Future>::from_value(*first)
                    && future.state() == State::Success
                {
                    *(*self.fp).base.add(dst as usize) = future.value_inside();
                    return Ok(());
                }
            }
        }
        let count = count as usize;
        // SAFETY: the operands lie in the running frame's window.
        let (operands, timeout) = unsafe {
            let operands = std::slice::from_raw_parts(first, count);
            (operands, timed.then(|| *first.add(count)))
        };
        let pending = |v: &Value| Gc::<Future>::from_value(*v).is_some_and(|f| f.is_pending());
        if operands.iter().any(pending) {
            match task {
                Some(task) => return self.suspend(task, operands, timeout),
                None => self.event_loop()?.drive(self, operands, timeout)?,
            }
        } else if let Some(timeout) = timeout {
            // It must be one all the same.
            crate::vm::tasks::milliseconds(self, timeout)?;
        }
        let result = match operands {
            [one] => self.settled_value(*one)?,
            many => self.settled_values(many)?,
        };
        // SAFETY: `fp` is the same frame as before.
        unsafe { *(*self.fp).base.add(dst as usize) = result };
        Ok(())
    }

    /// Takes the running task off the stack until its operands are settled.
    pub(super) fn suspend(
        &mut self,
        task: Gc<Coroutine>,
        operands: &[Value],
        timeout: Option<Value>,
    ) -> Result<(), Throw> {
        match (operands, timeout) {
            ([one], None) => {
                if let Some(future) = Gc::<Future>::from_value(*one) {
                    future.add_waiter(&mut self.heap, task.value());
                }
                task.waiting.set(*one);
            }
            _ => self.event_loop()?.wait(self, task, operands, timeout)?,
        }
        // SAFETY: `fp` is the frame of the task, whose `pc` is up to date.
        task.pc.set(unsafe { (*self.fp).pc.sub(1) });
        task.state.set(CoState::Suspended);
        self.heap.barrier(task);
        if task.flags.get() & flag::LISTED == 0 {
            task.flags.set(task.flags.get() | flag::LISTED);
            self.tasks.list(task);
        }
        self.leave_task();
        Ok(())
    }

    /// What an `await` of a settled operand gives.
    ///
    /// # Errors
    ///
    /// The exception of a future that has failed.
    #[inline]
    pub fn settled_value(&mut self, operand: Value) -> Result<Value, Throw> {
        let Some(future) = Gc::<Future>::from_value(operand) else { return Ok(operand) };
        match future.state() {
            State::Success => Ok(future.value_inside()),
            State::Pending => Err(self.runtime_error("await went on too early")),
            State::Failure | State::Cancelled => {
                self.event_loop()?.observe(future);
                Err(Throw(future.value_inside()))
            }
        }
    }

    /// What an `await` of several operands gives.
    fn settled_values(&mut self, operands: &[Value]) -> Result<Value, Throw> {
        let mut values = Vec::with_capacity(operands.len());
        let mut first_failure = None;
        for operand in operands {
            match self.settled_value(*operand) {
                Ok(value) => values.push(value),
                Err(throw) => first_failure = first_failure.or(Some(throw)),
            }
        }
        match first_failure {
            Some(throw) => Err(throw),
            None => Ok(crate::object::Array::new(&mut self.heap, &values).value()),
        }
    }
}

/// What a call gives whose generator has nothing more.
fn ended(mode: u8) -> Value {
    match mode {
        mode::NEXT | mode::NEXT_PAIR => Value::NOT_FOUND,
        mode::HAS_NEXT => Value::FALSE,
        _ => Value::NIL,
    }
}

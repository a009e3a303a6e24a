//! Generators: frames that suspend.
//!
//! A coroutine's window is in the coroutine; its frame has `top` set to where
//! callees' windows go, two registers above the window of the call that
//! resumed it, so that its result is delivered to `top - 2`.

use super::Vm;
use super::error::Throw;
use super::stack::Frame;
use crate::heap::Gc;
use crate::object::coroutine::CoState;
use crate::object::{Array, Coroutine, Function};
use crate::value::Value;

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
    /// Makes the coroutine of a call whose arguments are bound in `win`.
    pub(super) fn start_coroutine(
        &mut self,
        f: Gc<Function>,
        win: *mut Value,
    ) -> Result<(), Throw> {
        let kind = f.code.data.kind;
        if kind != gene_isa::FnKind::Generator {
            return Err(
                self.runtime_error("async functions need the event loop, which is not built in")
            );
        }
        let coroutine = Coroutine::new(&mut self.heap, f);
        let used = 2 + f.code.data.params.registers();
        // SAFETY: both windows have that many registers.
        unsafe {
            std::ptr::copy_nonoverlapping(win, coroutine.window(), used);
            *win = coroutine.value();
        }
        Ok(())
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
        if frame >= self.frame_limit {
            return Err(self.stack_overflow());
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
        generator.state.set(CoState::Suspended);
        self.heap.barrier(generator);
        if mode == mode::HAS_NEXT {
            generator.slot.set(value);
            self.leave_coroutine(win, Value::TRUE);
            return Ok(());
        }
        self.leave_coroutine(win, value);
        self.check_pair(mode, value)
    }

    /// The body of the running coroutine has ended.
    pub(super) fn finish_coroutine(&mut self, _value: Value) {
        let (generator, win) = self.running_coroutine();
        generator.state.set(CoState::Done);
        self.leave_coroutine(win, ended(generator.mode.get()));
    }

    /// An exception leaves the body of the running coroutine: its frame is
    /// popped. Whether that settles the matter; else the exception goes on in
    /// the frame that resumed it.
    pub(super) fn coroutine_raised(&mut self, throw: Throw) -> bool {
        let (generator, win) = self.running_coroutine();
        generator.state.set(CoState::Done);
        self.leave_coroutine(win, Value::NIL);
        throw.0 == Vm::CLOSING
    }

    /// `await`.
    pub(super) fn await_values(
        &mut self,
        dst: u16,
        first: *mut Value,
        count: u16,
        timeout: bool,
    ) -> Result<(), Throw> {
        // SAFETY: the operands lie in the running frame's window.
        unsafe {
            let base = (*self.fp).base;
            let values = std::slice::from_raw_parts(first, count as usize + timeout as usize);
            let values = &values[..count as usize];
            let result = match values {
                [one] => *one,
                many => crate::object::Array::new(&mut self.heap, many).value(),
            };
            *base.add(dst as usize) = result;
        }
        Ok(())
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

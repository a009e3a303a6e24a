//! Calls of natives, and what these ask for in the place of a value.

use crate::heap::Gc;
use crate::object::{Coroutine, Map, Native};
use crate::value::Value;
use crate::vm::Vm;
use crate::vm::error::Throw;
use crate::vm::native::{ANY, Args};

/// What a native asks the vm to do instead of giving a value: it returns
/// [`Vm::request`], and the vm acts when the native has returned, without
/// nesting.
#[derive(Debug)]
pub enum Request {
    /// Call `callee` with these arguments; the receiver may be given.
    Call { callee: Value, this: Option<Value>, args: Vec<Value>, keywords: Option<Gc<Map>> },
    /// Resume a generator; see `coroutine.rs`.
    Resume { coroutine: Gc<Coroutine>, mode: u8 },
    /// Begin the step of an async generator whose future is in its slot.
    Step { coroutine: Gc<Coroutine>, close: bool },
    /// Suspend the calling task until these are settled, then call the native
    /// again. Only where [`Vm::running_task`] gives one.
    Again { operands: Vec<Value> },
}

impl std::fmt::Debug for Gc<Map> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.value().fmt(f)
    }
}
impl std::fmt::Debug for Gc<Coroutine> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.value().fmt(f)
    }
}

/// Stands in a [`Throw`] for "there is a request"; no program sees it.
const REQUEST: Value = Value::from_bits(gene_isa::value::TAG_SPECIAL | 0xFFFF);

impl Vm {
    /// Asks the vm to do something when the running native has returned; the
    /// native returns what this gives.
    pub fn request(&mut self, request: Request) -> Result<Value, Throw> {
        self.pending = Some(request);
        Err(Throw(REQUEST))
    }

    /// Calls a native; its result goes to `*win`. Frames may have been pushed.
    pub(in crate::vm) fn call_native(
        &mut self,
        native: Gc<Native>,
        win: *mut Value,
        count: u32,
    ) -> Result<(), Throw> {
        if count < native.min as u32 || (count > native.max as u32 && native.max != ANY) {
            return Err(self.wrong_count(native.min as usize, native.max as usize, count as usize));
        }
        let saved = std::mem::replace(&mut self.top, win.wrapping_add(2 + count as usize));
        // SAFETY: the window has `count` arguments and stays in place.
        let args = unsafe { Args::new(win, count) };
        self.native = native.as_ptr();
        let result = native.function.to_fn()(self, args);
        self.top = saved;
        match result {
            Ok(value) => {
                // SAFETY: the window lies on the stack.
                unsafe { *win = value };
                Ok(())
            }
            Err(Throw(REQUEST)) => self.grant(win),
            Err(throw) => Err(throw),
        }
    }

    /// A native gave an exception, or a request, instead of a value.
    #[cold]
    #[inline(never)]
    pub(in crate::vm) fn native_failed(
        &mut self,
        throw: Throw,
        win: *mut Value,
    ) -> Result<(), Throw> {
        match throw {
            Throw(REQUEST) => self.grant(win),
            throw => Err(throw),
        }
    }

    #[cold]
    pub(super) fn wrong_count(&mut self, min: usize, max: usize, got: usize) -> Throw {
        let wanted = if got < min { min } else { max };
        let s = if wanted == 1 { "" } else { "s" };
        self.args_mismatch(format!("Expected {wanted} argument{s}, got {got}"))
    }

    /// Does what a native asked for, with its window.
    fn grant(&mut self, win: *mut Value) -> Result<(), Throw> {
        match self.pending.take() {
            Some(Request::Call { callee, this, args, keywords }) => {
                self.ensure_room(win, args.len() + 2)?;
                // SAFETY: there is room, as checked.
                unsafe {
                    *win = callee;
                    *win.add(1) = this.unwrap_or(Value::NIL);
                    for (i, arg) in args.iter().enumerate() {
                        *win.add(2 + i) = *arg;
                    }
                }
                self.enter_call(win, args.len() as u32, this.is_some(), keywords)
            }
            Some(Request::Resume { coroutine, mode }) => self.resume(coroutine, mode, win),
            Some(Request::Step { coroutine, close }) => self.begin_step(coroutine, close, win),
            Some(Request::Again { operands }) => match self.running_task() {
                Some(task) => self.suspend(task, &operands, None),
                None => Err(self.runtime_error("only a task can be suspended")),
            },
            None => Err(self.runtime_error("a native asked for nothing")),
        }
    }
}

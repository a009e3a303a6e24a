//! Exceptions find their handlers.

use super::error::Throw;
use super::{ClassName, Vm, interrupt};
use crate::heap::Gc;
use crate::object::{Array, Class, Instance};
use crate::value::Value;

impl Vm {
    /// Moves to the handler of a raised exception: `fp` and its `pc` are set.
    /// `Err` when the stub frame of the running loop is reached, which is
    /// popped. The `pc` of the running frame must be up to date.
    #[cold]
    #[inline(never)]
    pub(super) fn unwind(&mut self, throw: Throw) -> Result<(), Throw> {
        let exception = throw.0;
        let closing = exception == Vm::CLOSING;
        if !closing {
            self.note_trace(exception);
        }
        loop {
            // SAFETY: `fp` is a frame; below the first frame of a run is its
            // stub, where this ends.
            unsafe {
                let frame = *self.fp;
                if frame.base.is_null() {
                    self.fp = self.fp.sub(1);
                    return Err(throw);
                }
                let code = frame.code;
                let pc = frame.pc.offset_from(code.insns) - 1;
                let handlers = code.data.handlers.iter();
                let mut covering = handlers.filter(|h| {
                    (h.start as isize) <= pc && pc < h.end as isize && !(closing && h.catches)
                });
                if let Some(handler) = covering.next() {
                    self.drop_scopes(code, frame.base, handler.scopes as usize);
                    *frame.base.add(handler.exception as usize) = exception;
                    (*self.fp).pc = code.insns.add(handler.target as usize);
                    return Ok(());
                }
                self.drop_scopes(code, frame.base, 0);
                if frame.top.is_null() {
                    self.fp = self.fp.sub(1);
                } else if self.coroutine_raised(throw) {
                    return Ok(());
                }
            }
        }
    }

    /// Stands for an exception while a generator is being closed.
    pub(super) const CLOSING: Value = Value::from_bits(gene_isa::value::TAG_SPECIAL | 0xFFFE);

    /// What happens at a safepoint when somebody asked the interpreter to look.
    #[cold]
    pub(super) fn interrupted(&mut self) -> Result<(), Throw> {
        let bits = self.interrupt.take();
        if bits & interrupt::SAMPLED != 0 {
            self.take_samples();
        }
        if bits & interrupt::CANCEL != 0 {
            let class = ClassName::CancellationException;
            return Err(self.error(class, "GENE.ASYNC.CANCELLED", "interrupted"));
        }
        Ok(())
    }

    /// The exception that `(throw v)` raises (10.2).
    ///
    /// # Errors
    ///
    /// What the constructor of an exception class raises.
    pub fn throw_value(&mut self, value: Value) -> Result<Value, Throw> {
        if let Some(class) = Gc::<Class>::from_value(value)
            && class.is_a(self.class(ClassName::Exception))
        {
            return self.call(value, &[]);
        }
        Ok(self.to_exception(value))
    }

    /// Whether a catch clause takes the exception.
    pub(super) fn catch_match(&mut self, exception: Value, pattern: Value) -> Result<bool, Throw> {
        if exception == Vm::CLOSING {
            return Ok(false);
        }
        if let Some(class) = Gc::<Class>::from_value(pattern) {
            return Ok(Gc::<Instance>::from_value(exception).is_some()
                && self.class_of(exception).is_a(class));
        }
        if let Some(classes) = Gc::<Array>::from_value(pattern) {
            for class in classes.to_vec() {
                if self.catch_match(exception, class)? {
                    return Ok(true);
                }
            }
            return Ok(false);
        }
        let name = self.type_name(pattern);
        Err(self.type_error(format!("catch requires a class, got {name}")))
    }
}

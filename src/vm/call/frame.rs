//! Frames of functions, and whether there is room for them.

use gene_isa::FnKind;

use crate::heap::Gc;
use crate::object::{Function, Map};
use crate::value::Value;
use crate::vm::error::Throw;
use crate::vm::sampling::publish;
use crate::vm::stack::Frame;
use crate::vm::{ClassName, Vm};

impl Vm {
    /// Binds arguments and pushes a frame (of a coroutine function: makes the
    /// coroutine). `env` is the environment value for a macro.
    pub(in crate::vm) fn enter_function(
        &mut self,
        f: Gc<Function>,
        win: *mut Value,
        count: u32,
        keywords: Option<Gc<Map>>,
        env: Option<Value>,
    ) -> Result<(), Throw> {
        let code = f.code;
        self.ensure_room(win, code.nregs as usize + 2)?;
        let exact = code.data.params.exact().is_some_and(|n| n as u32 == count);
        if !exact || keywords.is_some() || code.data.kind == FnKind::Macro {
            self.bind(f, win, count, keywords, env)?;
        }
        if code.data.kind.is_coroutine() {
            return self.start_coroutine(f, win);
        }
        self.push_frame(f, win)
    }

    /// Pushes a frame whose arguments are bound.
    pub(super) fn push_frame(&mut self, f: Gc<Function>, win: *mut Value) -> Result<(), Throw> {
        let code = f.code;
        let frame = self.fp.wrapping_add(1);
        let end = win.wrapping_add(code.nregs as usize);
        if self.interrupt.stops(frame) || end > self.stack_limit {
            self.look_before_call(frame, end)?;
        }
        // SAFETY: there is room for the frame and the window, as checked.
        unsafe {
            for register in &code.data.scope_regs {
                *win.add(*register as usize) = Value::NIL;
            }
            let pc = code.tiering.start.get();
            *frame = Frame { pc, base: win, code, top: std::ptr::null_mut() };
        }
        publish();
        self.fp = frame;
        Ok(())
    }

    /// `Err` if `count` registers from `window` do not fit.
    pub(in crate::vm) fn ensure_room(
        &mut self,
        window: *mut Value,
        count: usize,
    ) -> Result<(), Throw> {
        if window.wrapping_add(count + 16) >= self.stack_limit {
            return Err(self.stack_overflow());
        }
        Ok(())
    }

    /// A call is about to push `frame`, whose window ends before `end`, and
    /// either there is no room or somebody asked the interpreter to look.
    #[cold]
    #[inline(never)]
    pub(in crate::vm) fn look_before_call(
        &mut self,
        frame: *mut Frame,
        end: *mut Value,
    ) -> Result<(), Throw> {
        self.interrupt.set_frame_limit(self.frame_limit);
        self.look_if_warm();
        self.interrupted()?;
        if frame >= self.frame_limit || end > self.stack_limit {
            return Err(self.stack_overflow());
        }
        Ok(())
    }

    #[cold]
    pub(in crate::vm) fn stack_overflow(&mut self) -> Throw {
        let message = format!("stack overflow: more than {} nested calls", self.limits.depth);
        self.error(ClassName::RuntimeException, "GENE.VM.STACK_OVERFLOW", &message)
    }
}

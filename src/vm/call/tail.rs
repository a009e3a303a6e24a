//! Calls in tail position, which give up the frame of the caller.

use gene_isa::{FnKind, TypeExpr};

use crate::heap::Gc;
use crate::object::{Code, Function};
use crate::value::Value;
use crate::vm::Vm;
use crate::vm::error::Throw;
use crate::vm::stack::Frame;

impl Vm {
    /// Calls `*win`, giving the running frame up if the callee is a plain
    /// function.
    pub(in crate::vm) fn tail_call(
        &mut self,
        win: *mut Value,
        count: u32,
        with_self: bool,
    ) -> Result<(), Throw> {
        // SAFETY: the window lies on the stack, the frame is the running one.
        unsafe {
            let base = (*self.fp).base;
            let f = Gc::<Function>::from_value(*win);
            let Some(f) = f.filter(|f| !f.code.data.kind.is_coroutine()) else {
                let depth = self.fp;
                self.enter_call(win, count, with_self, None)?;
                if self.fp == depth {
                    *base = *win;
                    self.fp = depth.sub(1);
                } else if !self.reuse_frame(depth) {
                    self.forward_result(depth, win);
                }
                return self.collect_if_wanted();
            };
            if !with_self {
                *win.add(1) = f.this.get();
            }
            self.ensure_room(win, f.code.nregs as usize + 2)?;
            let exact = f.code.data.params.exact() == Some(count as u16)
                && f.code.data.kind != FnKind::Macro;
            if !exact {
                self.bind(f, win, count, None, None)?;
            }
            let used =
                2 + f.code.data.params.registers() + (f.code.data.kind == FnKind::Macro) as usize;
            std::ptr::copy(win, base, used);
            self.fp = self.fp.sub(1);
            self.push_frame(f, base)?;
            // Binding allocates, and there may be no other safepoint on the way back here.
            if exact { Ok(()) } else { self.collect_if_wanted() }
        }
    }

    /// `tail_call_x`, apart from looking up.
    #[cold]
    #[inline(never)]
    pub(in crate::vm) fn tail_call_x(
        &mut self,
        win: *mut Value,
        kind: u8,
        desc: u32,
    ) -> Result<(), Throw> {
        let frame = self.fp;
        self.call_x(win, kind, desc)?;
        self.reuse_frame(frame);
        self.collect_if_wanted()
    }

    /// A safepoint of the frame that runs now.
    fn collect_if_wanted(&mut self) -> Result<(), Throw> {
        if self.heap.wants_collection() { self.collect_here() } else { Ok(()) }
    }

    /// After a call in tail position from `frame`: lets the frame of the callee
    /// take its place, if one has been pushed, runs a plain function, and its
    /// result needs no other check than that of `frame`.
    pub(in crate::vm) fn reuse_frame(&mut self, frame: *mut Frame) -> bool {
        if self.fp != frame.wrapping_add(1) {
            return false;
        }
        // SAFETY: both are frames of the stack, `frame` that of a function (not of a
        // coroutine: those have no tail calls), and the windows have as many
        // registers as their code says.
        unsafe {
            let (caller, callee) = (*frame, *self.fp);
            let begins = callee.top.is_null() && callee.pc == callee.code.tiering.start.get();
            if !begins || !self.checks_same_result(caller.code, callee.code) {
                return false;
            }
            self.drop_scopes(caller.code, caller.base, 0);
            std::ptr::copy(callee.base, caller.base, callee.code.nregs as usize);
            *frame = Frame { base: caller.base, ..callee };
            self.fp = frame;
            true
        }
    }

    /// Whether what `callee` returns has passed the check of `caller`.
    fn checks_same_result(&self, caller: Gc<Code>, callee: Gc<Code>) -> bool {
        if caller == callee || self.no_type_check {
            return true;
        }
        match (&caller.data.result, &callee.data.result) {
            (None, _) => true,
            (Some(TypeExpr::Name(a)), _) if a.as_str() == "Any" => true,
            (Some(TypeExpr::Name(a)), Some(TypeExpr::Name(b))) => {
                a == b && self.builtins.contains_key(a)
            }
            (Some(TypeExpr::Module(a, _)), Some(TypeExpr::Module(b, _))) => {
                a == b && caller.module == callee.module
            }
            _ => false,
        }
    }

    /// A tail call pushed frames above the running one, which has nothing left
    /// to do but to return their result.
    ///
    /// # Safety
    ///
    /// `frame` must be a frame of the stack whose window `win` belongs to.
    unsafe fn forward_result(&mut self, frame: *mut Frame, win: *mut Value) {
        // SAFETY: the caller says so. `RETURN[k]` returns register k for the
        // windows that tail calls use; the window register is found from it.
        unsafe {
            let register = win.offset_from((*frame).base) as u16;
            (*frame).pc = self.return_insn(register);
        }
    }

    /// After a tail method call that the slow path has already begun.
    pub(in crate::vm) fn finish_odd_tail_call(&mut self, win: *mut Value) -> Result<(), Throw> {
        // SAFETY: either the running frame is the one that made the call, and
        // the result is in `*win`, or one above it is.
        unsafe {
            let caller = self.odd_caller;
            if self.fp == caller {
                let base = (*caller).base;
                *base = *win;
                self.fp = caller.sub(1);
            } else if !self.reuse_frame(caller) {
                self.forward_result(caller, win);
            }
        }
        Ok(())
    }

    /// An instruction that returns this register, alive as long as the vm.
    fn return_insn(&mut self, register: u16) -> *const gene_isa::Insn {
        let insns = self.returns.entry(register).or_insert_with(|| {
            let insn = gene_isa::Insn::abc(gene_isa::Op::Return, register, 0, 0);
            Box::new([insn, insn])
        });
        insns.as_ptr()
    }
}

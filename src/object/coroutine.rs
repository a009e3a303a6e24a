//! Suspended frames: generators and tasks own their register window.

use std::cell::Cell;

use gene_isa::Insn;

use super::{Code, Function, Kind, Trace};
use crate::heap::scope::Scopes;
use crate::heap::{Gc, Header, Heap, Marker};
use crate::value::Value;

/// Where a coroutine stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum CoState {
    /// Not begun.
    Created,
    /// At a `yield` or `await`.
    Suspended,
    /// On the frame stack.
    Running,
    /// Ended.
    Done,
}

/// Bits of [`Coroutine::flags`].
pub mod flag {
    /// It has been woken: the `await` it stands at runs again.
    pub const WOKEN: u8 = 1;
    /// `thrown` is to be raised at the next `await`.
    pub const CANCEL: u8 = 2;
    /// `thrown` is to be raised where it stands when it is resumed.
    pub const RAISE: u8 = 4;
    /// It has been told to stop.
    pub const STOPPED: u8 = 8;
    /// It is on the list of tasks.
    pub const LISTED: u8 = 16;
}

/// An activation of a generator or async function, with its registers behind
/// it: it is suspended by leaving it alone, and resumed in place.
#[repr(C)]
pub struct Coroutine {
    /// `extra` is the number of registers.
    pub header: Header,
    /// What it runs.
    pub code: Gc<Code>,
    /// Where it goes on.
    pub pc: Cell<*const Insn>,
    /// Where it stands.
    pub state: Cell<CoState>,
    /// What resuming it means for the one who resumes; see the vm.
    pub mode: Cell<u8>,
    /// Bits of a task, see [`flag`].
    pub flags: Cell<u8>,
    /// Counts tasks in the order in which they were started.
    pub number: Cell<u32>,
    /// A generator: value produced ahead by `has_next`, unset if none. A task: its future.
    pub slot: Cell<Value>,
    /// A suspended task: the future, or `Reaction`, it waits for; else nil.
    pub waiting: Cell<Value>,
    /// A task: the task scope it is a child of, or nil.
    pub scope: Cell<Value>,
    /// A task: the task scope that tasks it starts are children of, or nil.
    pub inner_scope: Cell<Value>,
    /// A task: exception to be raised when it goes on, see [`flag`].
    pub thrown: Cell<Value>,
    /// An async generator: steps that wait for the present one.
    pub queue: Cell<Value>,
    // The registers follow.
}

impl Coroutine {
    /// A coroutine for a call of `function`; all registers are nil but R[0].
    pub fn new(heap: &mut Heap, function: Gc<Function>) -> Gc<Coroutine> {
        let code = function.code;
        let nregs = code.nregs as usize;
        let header = Header::with(Kind::Coroutine as u8, 0, nregs as u32);
        let coroutine = heap.alloc(
            Coroutine {
                header,
                code,
                pc: Cell::new(code.insns),
                state: Cell::new(CoState::Created),
                mode: Cell::new(0),
                flags: Cell::new(0),
                number: Cell::new(0),
                slot: Cell::new(Value::UNSET),
                waiting: Cell::new(Value::NIL),
                scope: Cell::new(Value::NIL),
                inner_scope: Cell::new(Value::NIL),
                thrown: Cell::new(Value::NIL),
                queue: Cell::new(Value::NIL),
            },
            nregs * size_of::<Value>(),
        );
        for register in 0..nregs {
            // SAFETY: the registers follow the struct.
            unsafe { coroutine.window().add(register).write(Value::NIL) };
        }
        // SAFETY: there are at least two registers.
        unsafe { coroutine.window().write(function.value()) };
        coroutine
    }

    /// Whether a task that has ended was never suspended, told to stop, or in a
    /// task scope.
    #[inline]
    pub fn is_pristine(&self) -> bool {
        self.flags.get() == 0
            && self.scope.get().is_nil()
            && self.inner_scope.get().is_nil()
            && self.thrown.get().is_nil()
    }

    /// Makes a pristine task that has ended one of `function`, which has the same
    /// code, as [`Coroutine::new`] does.
    #[inline]
    pub fn renew(&self, function: Gc<Function>) {
        debug_assert!(self.code == function.code && self.state.get() == CoState::Done);
        self.pc.set(self.code.insns);
        self.state.set(CoState::Created);
        for register in 1..self.header.extra.get() as usize {
            // SAFETY: the registers follow the struct.
            unsafe { self.window().add(register).write(Value::NIL) };
        }
        // SAFETY: there are at least two registers.
        unsafe { self.window().write(function.value()) };
    }

    /// The first register.
    pub fn window(&self) -> *mut Value {
        // SAFETY: the registers follow the struct in the same cell.
        unsafe { (self as *const Coroutine).add(1).cast::<Value>().cast_mut() }
    }

    /// Index of the instruction at which it goes on.
    pub fn position(&self) -> u32 {
        // SAFETY: `pc` points into the instructions of the code.
        unsafe { self.pc.get().offset_from(self.code.insns) as u32 }
    }

    fn registers(&self) -> &[Value] {
        // SAFETY: as many as `extra` says are initialised by `new`.
        unsafe { std::slice::from_raw_parts(self.window(), self.header.extra.get() as usize) }
    }
}

impl Trace for Coroutine {
    fn trace(&self, marker: &mut Marker) {
        marker.object(self.code);
        for value in [&self.slot, &self.waiting, &self.scope, &self.inner_scope] {
            marker.value(value.get());
        }
        marker.value(self.thrown.get());
        marker.value(self.queue.get());
        // What has ended keeps nothing, and stores into it had no barrier.
        if self.state.get() != CoState::Done {
            marker.values(self.registers());
        }
    }
    fn bytes(&self) -> usize {
        size_of::<Coroutine>() + size_of_val(self.registers())
    }
    fn release(&self, scopes: &mut Scopes) {
        for register in &self.code_scope_regs() {
            let value = self.registers()[*register as usize];
            if value.is_scope()
                && let Some(scope) = std::ptr::NonNull::new(value.address_unchecked() as *mut _)
            {
                scopes.release(scope);
            }
        }
    }
}

impl Coroutine {
    fn code_scope_regs(&self) -> Vec<u16> {
        // The code may have been reclaimed in the same collection; only what
        // ended properly has given its scopes back itself.
        if self.state.get() == CoState::Done { Vec::new() } else { self.scope_registers() }
    }

    fn scope_registers(&self) -> Vec<u16> {
        let registers = self.registers().iter().enumerate();
        registers.filter(|(_, v)| v.is_scope()).map(|(i, _)| i as u16).collect()
    }
}

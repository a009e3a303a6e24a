//! What machine code calls. The names and arguments are those of
//! [`gene_isa::backend::Helper`].
//!
//! A helper that may look at frames gets the caller's: it is the topmost one,
//! and written. What a helper gives back is described there.

use std::ptr::NonNull;

use gene_isa::backend::{Entry, Helper, status};

use super::Vm;
use super::dispatch::mode;
use super::error::Throw;
use super::native::Args;
use super::stack::Frame;
use crate::heap::header::Header;
use crate::heap::{Gc, Scope, Shape};
use crate::object::record::Record;
use crate::object::{Array, Native, Str};
use crate::value::Value;

/// The address of a helper.
pub fn address(helper: Helper) -> usize {
    match helper {
        Helper::step => step as *const () as usize,
        Helper::after_call => after_call as *const () as usize,
        Helper::look_before_call => look_before_call as *const () as usize,
        Helper::call_native => call_native as *const () as usize,
        Helper::safepoint => safepoint as *const () as usize,
        Helper::remember => remember as *const () as usize,
        Helper::allocate => allocate as *const () as usize,
        Helper::array_push => array_push as *const () as usize,
        Helper::concat => concat as *const () as usize,
        Helper::add_slot => add_slot as *const () as usize,
        Helper::new_scope => new_scope as *const () as usize,
        Helper::drop_scope => drop_scope as *const () as usize,
    }
}

/// Runs one instruction in the interpreter.
///
/// # Safety
///
/// This and all others here: called by machine code that was compiled for this
/// vm, which runs no other reference to it meanwhile.
unsafe extern "C" fn step(vm: *mut Vm, frame: *mut Frame) -> u64 {
    // SAFETY: see above; `frame` is topmost and written.
    unsafe {
        let vm = &mut *vm;
        if let Some(ended) = vm.operate(frame) {
            return ended;
        }
        let (code, pc) = ((*frame).code, (*frame).pc);
        let base = (*frame).base;
        let ended = vm.over_stub(frame, |vm, moved| {
            let mut ended = vm.run_loop::<{ mode::STEP }>();
            if ended.is_ok() && vm.fp == moved.wrapping_add(1) {
                // A callee: it is run to its end.
                ended = vm.interpret(vm.fp);
                if let Err(throw) = ended {
                    // Its exception may find a handler here.
                    ended = vm.unwind(throw).map(|()| Value::NIL);
                }
            }
            ended
        });
        if let Err(throw) = ended {
            vm.raised = throw.0;
            return status::RAISED;
        }
        if vm.fp < frame || (*vm.fp).base.is_null() {
            // It has returned.
            vm.fp = frame.wrapping_sub(1);
            vm.native_result = *base;
            return status::VALUE;
        }
        let insn = *pc;
        let skipped = insn.op.takes_ext() as usize + insn.skip().unwrap_or(0) as usize;
        let next = pc.add(1 + skipped);
        if (*frame).code != code {
            return status::INTERPRET;
        }
        match (*frame).pc {
            now if now == next && !insn.op.ends_path() => status::DONE,
            now => match insn.jump() {
                Some(jump) if now == pc.offset(1 + insn.get(jump) as isize) => status::JUMPED,
                _ => status::INTERPRET,
            },
        }
    }
}

/// Finishes a call of compiled code that did not end with `DONE`.
unsafe extern "C" fn after_call(vm: *mut Vm, frame: *mut Frame, ended: u64) -> u64 {
    // SAFETY: see `step`.
    unsafe {
        let vm = &mut *vm;
        let throw = match status::split(ended) {
            (status::VALUE, _) => return status::DONE,
            (status::INTERPRET, exit) => {
                if let Some(exit) = exit {
                    let first = frame.add(1);
                    vm.left(first, ((*first).code, Entry::Call), exit);
                }
                match vm.interpret_above(frame) {
                    Ok(value) => {
                        vm.fp = frame;
                        vm.native_result = value;
                        return status::DONE;
                    }
                    Err(throw) => throw,
                }
            }
            _ => Throw(vm.raised),
        };
        vm.fp = frame;
        vm.raise_in(frame, throw)
    }
}

/// Before a frame is pushed at the limit: there is no room, or somebody asked to
/// look. An exception is raised on behalf of the frame below.
unsafe extern "C" fn look_before_call(vm: *mut Vm, frame: *mut Frame, end: *mut Value) -> u64 {
    // SAFETY: see `step`; the caller's frame is written, this one is not.
    let vm = unsafe { &mut *vm };
    vm.fp = frame.wrapping_sub(1);
    match vm.look_before_call(frame, end) {
        Ok(()) => status::DONE,
        Err(throw) => {
            vm.raised = throw.0;
            status::RAISED
        }
    }
}

/// Calls a native function.
unsafe extern "C" fn call_native(
    vm: *mut Vm,
    frame: *mut Frame,
    window: *mut Value,
    count: u64,
    native: u64,
) -> u64 {
    // SAFETY: see `step`; the value is that of a native, and the window has the arguments.
    unsafe {
        let vm = &mut *vm;
        let count = count as u32;
        let Some(native) = Gc::<Native>::from_value(Value::from_bits(native)) else {
            return status::INTERPRET;
        };
        if native.keywords {
            vm.kwargs = Value::NIL;
        }
        if count < native.min as u32 || count > native.max as u32 {
            return match vm.call_native(native, window, count) {
                Ok(()) => status::DONE,
                Err(throw) => vm.raise_in(frame, throw),
            };
        }
        let top = std::mem::replace(&mut vm.top, window.add(2 + count as usize));
        vm.native = native.as_ptr();
        let result = native.function.to_fn()(vm, Args::new(window, count));
        vm.top = top;
        match result {
            Ok(value) => *window = value,
            Err(throw) => {
                if let Err(throw) = vm.native_failed(throw, window) {
                    return vm.raise_in(frame, throw);
                }
                if vm.fp != frame {
                    // It asked for a call.
                    let callee = vm.fp;
                    match vm.interpret(callee) {
                        Ok(_) => vm.fp = frame,
                        Err(throw) => {
                            vm.fp = frame;
                            return vm.raise_in(frame, throw);
                        }
                    }
                }
            }
        }
        match vm.heap.wants_collection() {
            true => vm.collect_for(frame),
            false => status::DONE,
        }
    }
}

/// Collects garbage if it is time.
unsafe extern "C" fn safepoint(vm: *mut Vm, frame: *mut Frame) -> u64 {
    // SAFETY: see `step`.
    unsafe { (*vm).collect_for(frame) }
}

impl Vm {
    /// Collects on behalf of compiled code.
    ///
    /// # Safety
    ///
    /// `frame` must be the topmost frame, and written.
    pub(super) unsafe fn collect_for(&mut self, frame: *mut Frame) -> u64 {
        match self.collect_here() {
            Ok(()) => status::DONE,
            // SAFETY: the caller says so.
            Err(throw) => unsafe { self.raise_in(frame, throw) },
        }
    }
}

/// Remembers an old object that was written to.
unsafe extern "C" fn remember(vm: *mut Vm, header: *const Header) -> u64 {
    // SAFETY: see `step`; it is the header of an object or scope.
    unsafe { (*vm).heap.barrier_at(&*header) };
    0
}

/// Memory for a new object.
unsafe extern "C" fn allocate(vm: *mut Vm, size: u64, finalize: u64) -> u64 {
    // SAFETY: see `step`.
    unsafe { (*vm).heap.alloc_raw(size as usize, finalize != 0).as_ptr() as u64 }
}

/// Appends to an array.
unsafe extern "C" fn array_push(vm: *mut Vm, array: *mut Array, value: Value) -> u64 {
    // SAFETY: see `step`; the array is alive.
    unsafe { Gc::from_ptr(NonNull::new_unchecked(array)).push(&mut (*vm).heap, value) };
    0
}

/// Joins two strings.
unsafe extern "C" fn concat(vm: *mut Vm, left: Value, right: Value) -> u64 {
    match (Gc::<Str>::from_value(left), Gc::<Str>::from_value(right)) {
        // SAFETY: see `step`.
        (Some(l), Some(r)) => Str::join(unsafe { &mut (*vm).heap }, l, r).value().bits(),
        _ => unreachable!("machine code has looked at the kinds"),
    }
}

/// Adds a slot to a record.
unsafe extern "C" fn add_slot(
    vm: *mut Vm,
    record: *const Record,
    shape: *const Shape,
    value: Value,
) -> u64 {
    // SAFETY: see `step`; shapes live as long as the heap.
    unsafe { (*record).add_slot(&mut (*vm).heap, &*shape, value) };
    0
}

/// A new scope.
unsafe extern "C" fn new_scope(vm: *mut Vm, parent: *mut Scope, slots: u64) -> u64 {
    // SAFETY: see `step`; the frame holds a count of the parent.
    unsafe { (*vm).heap.new_scope(NonNull::new(parent), slots as u16).as_ptr() as u64 }
}

/// Gives a count of a scope back.
unsafe extern "C" fn drop_scope(vm: *mut Vm, scope: *mut Scope) -> u64 {
    if let Some(scope) = NonNull::new(scope) {
        // SAFETY: see `step`; the frame holds a count.
        unsafe { (*vm).heap.release_scope(scope) };
    }
    0
}

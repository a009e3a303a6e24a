//! Calls from Rust, in a nested run of the interpreter, and how many of those the
//! stack of the thread has room for.

use gene_isa::Symbol;

use super::method::MethodLike;
use crate::heap::Gc;
use crate::object::Map;
use crate::value::Value;
use crate::vm::dispatch::EXIT;
use crate::vm::error::Throw;
use crate::vm::sampling::publish;
use crate::vm::stack::Frame;
use crate::vm::{ClassName, Vm, adapter};

/// Most nested runs of the interpreter where nothing is known of the stack.
const MAX_NESTING: u32 = 200;

impl Vm {
    /// Calls a callable value with positional arguments, in a nested run of
    /// the interpreter.
    ///
    /// # Errors
    ///
    /// What the callee raises.
    pub fn call(&mut self, callee: Value, args: &[Value]) -> Result<Value, Throw> {
        self.call_nested(callee, None, args, None)
    }

    /// Calls `method` with `this` as its receiver.
    ///
    /// # Errors
    ///
    /// What the method raises.
    pub fn call_method_value(
        &mut self,
        method: Value,
        this: Value,
        args: &[Value],
    ) -> Result<Value, Throw> {
        self.call_nested(method, Some(this), args, None)
    }

    /// Calls the method `name` of `this`.
    ///
    /// # Errors
    ///
    /// What the method raises; `TypeException` if there is none.
    pub fn call_method(
        &mut self,
        this: Value,
        name: Symbol,
        args: &[Value],
    ) -> Result<Value, Throw> {
        match adapter::method(this, name) {
            Some(MethodLike::Call(method, this)) => {
                return self.call_method_value(method, this, args);
            }
            Some(MethodLike::Send(wrapped)) => return self.call_method(wrapped, name, args),
            Some(MethodLike::Value(_)) | None => {}
        }
        match self.class_of(this).find_method(name) {
            Some(method) => self.call_method_value(method, this, args),
            None => Err(self.no_method(this, name)),
        }
    }

    /// Whether the stack of the thread has room for another run of the
    /// interpreter (natives that call back, methods `==` and `hash`, ...). A
    /// quarter of what there was at the outermost run is left for walks over
    /// values and forms, which only count how deep they are.
    pub(in crate::vm) fn may_nest(&mut self) -> bool {
        let Some(left) = stacker::remaining_stack() else { return self.nesting < MAX_NESTING };
        if self.nesting == 0 {
            self.stack_reserve = left / 4;
        }
        left > self.stack_reserve
    }

    /// The general form of [`Vm::call`].
    ///
    /// # Errors
    ///
    /// What the callee raises.
    pub fn call_nested(
        &mut self,
        callee: Value,
        this: Option<Value>,
        args: &[Value],
        keywords: Option<Gc<Map>>,
    ) -> Result<Value, Throw> {
        if !self.may_nest() {
            let message = "stack overflow: too many nested calls from native functions";
            return Err(self.error(ClassName::RuntimeException, "GENE.VM.STACK_OVERFLOW", message));
        }
        // An instruction may call (a method `hash` or `==`) as well as a native:
        // `top` is only kept up to date for the latter.
        let window = match self.fp > self.frame_stack.start() {
            true => self.top.max(self.frame_top()),
            false => self.top,
        };
        self.ensure_room(window, args.len() + 2)?;
        let stub = self.fp.wrapping_add(1);
        if stub >= self.frame_limit {
            return Err(self.stack_overflow());
        }
        // SAFETY: there is room for the frame and the window, as checked.
        unsafe {
            let code = match self.any_code {
                Some(code) => code,
                None => return Err(self.runtime_error("nothing has been loaded")),
            };
            *stub = Frame { pc: EXIT.as_ptr(), base: std::ptr::null_mut(), code, top: window };
            *window = callee;
            *window.add(1) = this.unwrap_or(Value::NIL);
            for (i, arg) in args.iter().enumerate() {
                *window.add(2 + i) = *arg;
            }
        }
        let saved_top = self.top;
        let below = self.suspended(stub);
        self.enter_run(&below);
        publish();
        self.fp = stub;
        self.nesting += 1;
        let result = self.run_call(window, args.len() as u32, this.is_some(), keywords);
        self.nesting -= 1;
        self.leave_run(&below);
        self.top = saved_top;
        if result.is_err() && self.fp >= stub {
            self.fp = stub.wrapping_sub(1);
        }
        result
    }

    fn run_call(
        &mut self,
        window: *mut Value,
        count: u32,
        with_self: bool,
        keywords: Option<Gc<Map>>,
    ) -> Result<Value, Throw> {
        let stub = self.fp;
        self.enter_call(window, count, with_self, keywords)?;
        if self.fp == stub {
            // A native has put its result into the window.
            self.fp = stub.wrapping_sub(1);
            // SAFETY: the window lies on the stack.
            return Ok(unsafe { *window });
        }
        self.run()
    }
}

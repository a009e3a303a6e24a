//! The kinds of callees: what a call means by the value that is called.

use gene_isa::{FnKind, Symbol};

use crate::heap::Gc;
use crate::object::foreign::foreign;
use crate::object::*;
use crate::value::Value;
use crate::vm::error::Throw;
use crate::vm::intercept::ADVISED;
use crate::vm::{Vm, interfaces};

impl Vm {
    /// Calls `*win` with `count` arguments: pushes a frame, or puts the result
    /// into `*win`. `with_self`: the receiver is in `win[1]`.
    #[cold]
    #[inline(never)]
    pub(in crate::vm) fn call_slow(
        &mut self,
        win: *mut Value,
        count: u32,
        with_self: bool,
    ) -> Result<(), Throw> {
        self.enter_call(win, count, with_self, None)
    }

    /// The general form of [`Vm::call_slow`].
    pub(in crate::vm) fn enter_call(
        &mut self,
        win: *mut Value,
        count: u32,
        with_self: bool,
        keywords: Option<Gc<Map>>,
    ) -> Result<(), Throw> {
        // SAFETY: the window lies on the stack.
        let callee = unsafe { *win };
        match kind_of(callee) {
            Some(Kind::Function) => {
                let Some(f) = Gc::<Function>::from_value(callee) else { return Ok(()) };
                if !with_self {
                    // SAFETY: as above.
                    unsafe { *win.add(1) = f.this.get() };
                }
                self.enter_function(f, win, count, keywords, None)
            }
            Some(Kind::Native) => {
                let Some(native) = Gc::<Native>::from_value(callee) else { return Ok(()) };
                if !native.keywords
                    && let Some((key, _)) = keywords.and_then(|k| k.entries().first().copied())
                {
                    return Err(self.args_mismatch(format!("Unexpected keyword argument: {key}")));
                }
                self.kwargs = keywords.map_or(Value::NIL, Gc::value);
                if !with_self {
                    // SAFETY: as above.
                    unsafe { *win.add(1) = Value::NIL };
                }
                self.call_native(native, win, count)
            }
            Some(Kind::BoundMethod) => {
                let Some(bound) = Gc::<BoundMethod>::from_value(callee) else { return Ok(()) };
                // SAFETY: as above.
                unsafe {
                    *win = bound.method;
                    *win.add(1) = bound.this;
                }
                self.enter_call(win, count, true, keywords)
            }
            Some(Kind::Class) => self.construct_with(win, count, keywords),
            Some(Kind::Variant) => {
                let args = self.window_args(win, count);
                let variant = Gc::<Variant>::from_value(callee);
                let value = match variant {
                    Some(variant) => self.make_variant(variant, &args, keywords)?,
                    None => Value::NIL,
                };
                // SAFETY: as above.
                unsafe { *win = value };
                Ok(())
            }
            Some(Kind::Foreign) => self.call_foreign(win, count, with_self, keywords),
            _ => self.call_other(win, count, keywords),
        }
    }

    /// Interfaces, interceptors, what they have wrapped, selectors.
    fn call_foreign(
        &mut self,
        win: *mut Value,
        count: u32,
        with_self: bool,
        keywords: Option<Gc<Map>>,
    ) -> Result<(), Throw> {
        // SAFETY: the window lies on the stack.
        let callee = unsafe { *win };
        let args = self.window_args(win, count);
        if let Some(interception) = foreign::<Interception>(callee) {
            if let Some(original) = self.disabled_original(interception) {
                // SAFETY: as above.
                unsafe { *win = original };
                return self.enter_call(win, count, with_self, keywords);
            }
            let Some(advised) = self.builtins.get(&Symbol::intern(ADVISED)).copied() else {
                return Err(self.runtime_error("interception needs the prelude"));
            };
            self.ensure_room(win, 8)?;
            let args = Array::new(&mut self.heap, &args).value();
            // SAFETY: there is room, as checked.
            unsafe {
                let this = if with_self { *win.add(1) } else { Value::VOID };
                *win = advised;
                *win.add(2) = callee;
                *win.add(3) = this;
                *win.add(4) = args;
                *win.add(5) = keywords.map_or(Value::NIL, Gc::value);
            }
            return self.enter_call(win, 4, false, None);
        }
        if foreign::<Interceptor>(callee).is_some() {
            let applied = self.apply_interceptor(callee, &args, keywords.is_some())?;
            // SAFETY: as above.
            unsafe { *win = applied };
            return Ok(());
        }
        if foreign::<Interface>(callee).is_none() {
            return self.call_other(win, count, keywords);
        }
        let (adapted, ctor) = interfaces::adapt(self, callee, &args, keywords)?;
        // SAFETY: as above. Only calls with arguments get here.
        unsafe {
            if ctor.is_nil() {
                *win = adapted;
                return Ok(());
            }
            // The constructor gives its self.
            *win = ctor;
            *win.add(1) = adapted;
            std::ptr::copy(win.add(3), win.add(2), count as usize - 1);
        }
        self.enter_call(win, count - 1, true, keywords)
    }

    /// Instances with a method `call`, selectors, interfaces.
    fn call_other(
        &mut self,
        win: *mut Value,
        count: u32,
        keywords: Option<Gc<Map>>,
    ) -> Result<(), Throw> {
        // SAFETY: the window lies on the stack.
        let callee = unsafe { *win };
        let class = self.class_of(callee);
        let callable = matches!(kind_of(callee), Some(Kind::Instance | Kind::Foreign));
        if callable && let Some(method) = class.find_method(self.names.call) {
            // SAFETY: as above.
            unsafe {
                *win = method;
                *win.add(1) = callee;
            }
            return self.enter_call(win, count, true, keywords);
        }
        Err(self.not_callable(callee))
    }

    #[cold]
    pub(super) fn not_callable(&mut self, callee: Value) -> Throw {
        if kind_of(callee) == Some(Kind::Instance) {
            let class = self.class_of(callee).name;
            let message = format!("Instance of {class} is not callable (no 'call' method)");
            return self.not_callable_error(message);
        }
        let name = self.type_name(callee);
        self.not_callable_error(format!("value of type {name} is not callable"))
    }

    /// Whether a value can be called.
    pub fn is_callable(&self, value: Value) -> bool {
        match kind_of(value) {
            Some(
                Kind::Function | Kind::Native | Kind::BoundMethod | Kind::Class | Kind::Variant,
            ) => true,
            Some(Kind::Foreign) if is_callable_foreign(value) => true,
            Some(Kind::Instance | Kind::Foreign) => {
                self.class_of(value).find_method(self.names.call).is_some()
            }
            _ => false,
        }
    }

    /// Whether a value is a macro.
    pub(in crate::vm) fn is_macro(&self, value: Value) -> bool {
        Gc::<Function>::from_value(value).is_some_and(|f| f.code.data.kind == FnKind::Macro)
    }
}

/// Whether data of Rust can be called without a method `call`.
fn is_callable_foreign(value: Value) -> bool {
    foreign::<Interface>(value).is_some()
        || foreign::<Interceptor>(value).is_some()
        || foreign::<Interception>(value).is_some()
}

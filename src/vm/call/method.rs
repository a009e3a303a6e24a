//! Which method a name means for a receiver: classes as caches know them, and what
//! happens where a class has no such method.

use gene_isa::Symbol;

use crate::heap::Gc;
use crate::heap::header::header_of;
use crate::object::function::Cache;
use crate::object::record::as_record;
use crate::object::*;
use crate::value::Value;
use crate::vm::error::Throw;
use crate::vm::{ClassName, Vm, adapter};

/// What a name that is no method means as one.
pub(in crate::vm) enum MethodLike {
    /// The value of an accessor.
    Value(Value),
    /// This is to be called with that receiver.
    Call(Value, Value),
    /// The method of the same name of this value.
    Send(Value),
}

impl Vm {
    /// Identity of the class of a value for inline caches; 0 where methods are
    /// not found by class alone.
    #[inline(always)]
    pub(in crate::vm) fn class_id(&self, value: Value) -> u32 {
        if let Some(header) = header_of(value) {
            if header.kind == Kind::Instance as u8 {
                return as_record(value).map_or(0, |r| r.shape().class_id.get());
            }
            if header.kind == Kind::HashObject as u8 {
                return self.hash_ids[header.small.get() as usize & 1];
            }
            return self.kind_ids[header.kind as usize & 31];
        }
        if value.is_small_int() {
            return self.kind_ids[Kind::BoxedInt as usize];
        }
        if value.is_float() { self.float_id } else { 0 }
    }

    /// Brings the identities of built-in classes up to date.
    pub fn refresh_class_ids(&mut self) {
        let pairs = [
            (Kind::Str, ClassName::String),
            (Kind::BoxedInt, ClassName::Int),
            (Kind::Array, ClassName::Array),
            (Kind::Map, ClassName::Map),
            (Kind::Gene, ClassName::Gene),
            (Kind::Range, ClassName::Range),
            (Kind::Bytes, ClassName::Bytes),
            (Kind::Future, ClassName::Future),
        ];
        for (kind, class) in pairs {
            self.kind_ids[kind as usize] = self.class(class).id.get();
        }
        self.float_id = self.class(ClassName::Float).id.get();
        self.hash_ids =
            [ClassName::HashMap, ClassName::HashSet].map(|class| self.class(class).id.get());
    }

    /// The method of a call that the cache did not know: put into `*win`, or
    /// the call is made another way (accessors, `on_method_missing`) and `false`
    /// returned.
    #[cold]
    #[inline(never)]
    pub(in crate::vm) fn find_method_slow(
        &mut self,
        win: *mut Value,
        cache: &mut Cache,
        id: u32,
        count: u32,
    ) -> Result<bool, Throw> {
        // SAFETY: the window lies on the stack.
        let receiver = unsafe { *win.add(1) };
        let class = self.class_of(receiver);
        let adapted = adapter::method(receiver, cache.name).is_some();
        if let Some(method) = class.find_method(cache.name).filter(|_| !adapted) {
            if id != 0 {
                (cache.class_id, cache.method) = (id, method);
            }
            // SAFETY: as above.
            unsafe { *win = method };
            return Ok(true);
        }
        self.odd_caller = self.fp;
        self.odd_method(win, cache.name, count, None)?;
        Ok(false)
    }

    /// Calls the method `name` of `win[1]`.
    pub(in crate::vm) fn enter_method(
        &mut self,
        win: *mut Value,
        name: Symbol,
        count: u32,
        keywords: Option<Gc<Map>>,
    ) -> Result<(), Throw> {
        // SAFETY: the window lies on the stack.
        let receiver = unsafe { *win.add(1) };
        let adapted = adapter::method(receiver, name).is_some();
        match self.class_of(receiver).find_method(name).filter(|_| !adapted) {
            Some(method) => {
                // SAFETY: as above.
                unsafe { *win = method };
                self.enter_call(win, count, true, keywords)
            }
            None => self.odd_method(win, name, count, keywords),
        }
    }

    /// A method call by name where the class has no such method.
    fn odd_method(
        &mut self,
        win: *mut Value,
        name: Symbol,
        count: u32,
        keywords: Option<Gc<Map>>,
    ) -> Result<(), Throw> {
        // SAFETY: the window lies on the stack.
        let receiver = unsafe { *win.add(1) };
        if receiver.is_nil() {
            // SAFETY: as above.
            unsafe { *win = Value::NIL };
            return Ok(());
        }
        if let Some(value) = self.method_like(receiver, name, count)? {
            match value {
                MethodLike::Value(value) => {
                    // SAFETY: as above.
                    unsafe { *win = value };
                    return Ok(());
                }
                MethodLike::Send(wrapped) => {
                    // SAFETY: as above.
                    unsafe { *win.add(1) = wrapped };
                    return self.enter_method(win, name, count, keywords);
                }
                MethodLike::Call(callee, this) => {
                    // SAFETY: as above.
                    unsafe {
                        *win = callee;
                        *win.add(1) = this;
                    }
                    return self.enter_call(win, count, true, keywords);
                }
            }
        }
        let missing = self.class_of(receiver).find_missing();
        if missing.is_nil() || self.in_missing(receiver, missing) {
            return Err(self.no_method(receiver, name));
        }
        self.ensure_room(win, count as usize + 4)?;
        let text = Str::new(&mut self.heap, name.as_str()).value();
        // SAFETY: there is room for one more argument.
        unsafe {
            std::ptr::copy(win.add(2), win.add(3), count as usize);
            *win.add(2) = text;
            *win = missing;
        }
        self.enter_call(win, count + 1, true, keywords)
    }

    /// Whether the running function is the `on_method_missing` of the receiver:
    /// a missing method it calls on `self` is an error, not another dispatch.
    fn in_missing(&self, receiver: Value, missing: Value) -> bool {
        // SAFETY: `fp` is a frame; its window has the function and self.
        unsafe {
            let base = (*self.fp).base;
            !base.is_null() && *base == missing && *base.add(1) == receiver
        }
    }

    #[cold]
    pub(in crate::vm) fn no_method(&mut self, receiver: Value, name: Symbol) -> Throw {
        let class = match kind_of(receiver) {
            Some(Kind::EnumValue) => {
                let variant = Gc::<EnumValue>::from_value(receiver).map(|v| v.variant.name);
                let variant = variant.map_or("", Symbol::as_str);
                let message = format!("Variant {variant} has no field {name}");
                return self.method_error(message);
            }
            Some(Kind::Variant | Kind::Enum) => self.type_name(receiver),
            _ => self.class_of(receiver).name.as_str().to_owned(),
        };
        self.method_error(format!("Method {name} not found on {class}"))
    }

    /// Puts the method that `super` means into `*win` and self into `win[1]`.
    pub(in crate::vm) fn find_super(
        &mut self,
        running: Value,
        win: *mut Value,
        name: Symbol,
    ) -> Result<(), Throw> {
        let home = Gc::<Function>::from_value(running).map_or(Value::NIL, |f| f.home.get());
        let parent = Gc::<Class>::from_value(home).and_then(|c| c.parent);
        let method = match (parent, name) {
            (Some(parent), name) if name == self.names.ctor => {
                Some(parent.find_ctor()).filter(|c| !c.is_nil())
            }
            (Some(parent), name) if name.as_str() == "on_method_missing" => {
                Some(parent.find_missing()).filter(|c| !c.is_nil())
            }
            (Some(parent), name) => parent.find_method(name),
            (None, _) => None,
        };
        match method {
            Some(method) => {
                // SAFETY: the window lies on the stack.
                unsafe { *win = method };
                Ok(())
            }
            // An exception class without a constructor: there is nothing to do.
            None if name == self.names.ctor && parent.is_some() => {
                let nothing = self.do_nothing;
                // SAFETY: as above.
                unsafe { *win = nothing };
                Ok(())
            }
            None => {
                let message = format!("Method '{name}' not found in super class hierarchy");
                Err(self.method_error(message))
            }
        }
    }
}

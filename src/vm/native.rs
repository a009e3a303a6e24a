//! Functions written in Rust.

use gene_isa::Symbol;

use super::error::Throw;
use super::{Vm, classes::ClassName};
use crate::heap::Gc;
use crate::object::{Map, Native, NativePtr, misc};
use crate::value::Value;

/// What a native function does: takes its arguments, gives a value or raises.
/// A value that must survive a call back into Gene ([`Vm::call`]) has to be an
/// argument, or be given to [`Vm::root`].
pub type NativeFn = fn(&mut Vm, Args) -> Result<Value, Throw>;

/// Any number of arguments.
pub const ANY: u16 = u16::MAX;

/// The arguments of a native call: a window of the register stack, which is a
/// root for the collector and stays in place during the call.
#[derive(Clone, Copy)]
pub struct Args {
    window: *const Value,
    count: u32,
}

impl Args {
    /// The arguments in a call window (callee, self, arguments...).
    ///
    /// # Safety
    ///
    /// `window` must have `count + 2` values that stay valid for the call.
    pub unsafe fn new(window: *const Value, count: u32) -> Args {
        Args { window, count }
    }

    /// Number of positional arguments.
    #[inline]
    pub fn len(self) -> usize {
        self.count as usize
    }

    /// Whether there are none.
    #[inline]
    pub fn is_empty(self) -> bool {
        self.count == 0
    }

    /// The receiver of a method call.
    #[inline]
    pub fn this(self) -> Value {
        // SAFETY: windows have a self slot, see `new`.
        unsafe { *self.window.add(1) }
    }

    /// The function that is running.
    #[inline]
    pub fn callee(self) -> Value {
        // SAFETY: windows have a callee slot, see `new`.
        unsafe { *self.window }
    }

    /// An argument, `nil` if it was not given.
    #[inline]
    pub fn get(self, index: usize) -> Value {
        self.opt(index).unwrap_or(Value::NIL)
    }

    /// An argument, if it was given.
    #[inline]
    pub fn opt(self, index: usize) -> Option<Value> {
        // SAFETY: the index is below the count.
        (index < self.len()).then(|| unsafe { *self.window.add(2 + index) })
    }

    /// All arguments.
    pub fn iter(self) -> impl ExactSizeIterator<Item = Value> {
        (0..self.len()).map(move |i| self.get(i))
    }

    /// All arguments in a vector.
    pub fn to_vec(self) -> Vec<Value> {
        self.iter().collect()
    }
}

impl NativePtr {
    /// The pointer to a native function.
    pub fn from_fn(function: NativeFn) -> NativePtr {
        NativePtr(function as *const ())
    }

    /// The function.
    #[inline(always)]
    pub fn to_fn(self) -> NativeFn {
        // SAFETY: `from_fn` is the only way to make one.
        unsafe { std::mem::transmute::<*const (), NativeFn>(self.0) }
    }
}

#[cfg(test)]
impl Vm {
    /// Calls a native method; the arguments are no roots, so it must not call
    /// back into Gene.
    pub(crate) fn call_native_test(
        &mut self,
        method: Gc<Native>,
        this: Value,
        args: &[Value],
    ) -> Result<Value, Throw> {
        let window: Vec<Value> = [method.value(), this].into_iter().chain(args.to_vec()).collect();
        // SAFETY: the window has a callee, a receiver and the arguments.
        let args = unsafe { Args::new(window.as_ptr(), args.len() as u32) };
        (method.function.to_fn())(self, args)
    }
}

impl Vm {
    /// A value for a native function that takes `min` to `max` arguments.
    pub fn native(&mut self, name: &str, min: u16, max: u16, function: NativeFn) -> Value {
        let name = Symbol::intern(name);
        let pointer = NativePtr::from_fn(function);
        Native::new(&mut self.heap, pointer, name, (min, max), false, Value::NIL).value()
    }

    /// The same for a function that looks at [`Vm::keywords`].
    pub fn native_kw(&mut self, name: &str, min: u16, max: u16, function: NativeFn) -> Value {
        let name = Symbol::intern(name);
        let pointer = NativePtr::from_fn(function);
        Native::new(&mut self.heap, pointer, name, (min, max), true, Value::NIL).value()
    }

    /// Defines a global function.
    pub fn define(&mut self, name: &str, min: u16, max: u16, function: NativeFn) {
        let native = self.native(name, min, max, function);
        self.define_value(name, native);
    }

    /// Defines a global function that takes keywords.
    pub fn define_kw(&mut self, name: &str, min: u16, max: u16, function: NativeFn) {
        let native = self.native_kw(name, min, max, function);
        self.define_value(name, native);
    }

    /// Defines a global name.
    pub fn define_value(&mut self, name: &str, value: Value) {
        self.builtins.insert(Symbol::intern(name), value);
    }

    /// Defines a member of a built-in namespace: `"gene/io/read"`, `"math/PI"`.
    /// Namespaces on the way are made.
    pub fn define_in(&mut self, path: &str, value: Value) {
        let (namespace, name) = path.rsplit_once('/').unwrap_or(("gene", path));
        let namespace = self.builtin_namespace(namespace);
        namespace.members.set(&mut self.heap, Symbol::intern(name), value);
    }

    /// Defines a function in a built-in namespace.
    pub fn define_fn_in(&mut self, path: &str, min: u16, max: u16, function: NativeFn) {
        let name = path.rsplit('/').next().unwrap_or(path);
        let native = self.native(name, min, max, function);
        self.define_in(path, native);
    }

    /// Defines a method of a built-in class, under several names.
    pub fn method(
        &mut self,
        class: ClassName,
        names: &[&str],
        min: u16,
        max: u16,
        function: NativeFn,
    ) {
        let class = self.class(class);
        for name in names {
            let native = self.native(name, min, max, function);
            class.add_method(&mut self.heap, Symbol::intern(name), native);
        }
    }

    /// The keyword arguments of the running native call: a map, or `None`.
    /// Read them before anything else: the next call replaces them.
    pub fn keywords(&mut self) -> Option<Gc<Map>> {
        Gc::from_value(std::mem::replace(&mut self.kwargs, Value::NIL))
    }

    /// The same for a function that takes only keywords of these names.
    ///
    /// # Errors
    ///
    /// `ArgumentException` for any other.
    pub fn keywords_of(&mut self, names: &[&str]) -> Result<Option<Gc<Map>>, Throw> {
        let keywords = self.keywords();
        let given = keywords.map(|k| k.entries()).unwrap_or_default();
        match given.iter().find(|(key, _)| !names.contains(&key.as_str())) {
            Some((key, _)) => {
                Err(self.args_mismatch(format!("Unexpected keyword argument: {key}")))
            }
            None => Ok(keywords),
        }
    }

    /// The only keyword argument that the running native takes.
    ///
    /// # Errors
    ///
    /// `ArgumentException` if there are others.
    pub fn keyword(&mut self, name: &str) -> Result<Option<Value>, Throw> {
        let keywords = self.keywords_of(&[name])?;
        Ok(keywords.and_then(|k| k.get(Symbol::intern(name))))
    }

    // ---- arguments ---------------------------------------------------------

    /// The argument as an Int.
    ///
    /// # Errors
    ///
    /// `ArgumentException` that names the function and the position.
    pub fn int_arg(&mut self, args: Args, index: usize) -> Result<i64, Throw> {
        match misc::int_of(args.get(index)) {
            Some(i) => Ok(i),
            None => Err(self.wrong_arg(args, index, "an Int")),
        }
    }

    /// The argument as a number.
    ///
    /// # Errors
    ///
    /// As [`Vm::int_arg`].
    pub fn float_arg(&mut self, args: Args, index: usize) -> Result<f64, Throw> {
        let value = args.get(index);
        match value.as_float().or_else(|| misc::int_of(value).map(|i| i as f64)) {
            Some(f) => Ok(f),
            None => Err(self.wrong_arg(args, index, "a number")),
        }
    }

    /// The argument as the text of a string, valid until the next safepoint
    /// (the next call back into Gene).
    ///
    /// # Errors
    ///
    /// As [`Vm::int_arg`].
    pub fn str_arg<'a>(&mut self, args: Args, index: usize) -> Result<&'a str, Throw> {
        match crate::object::string::text_of(args.get(index)) {
            Some(text) => Ok(text),
            None => Err(self.wrong_arg(args, index, "a string")),
        }
    }

    /// The argument as a name: a string or a symbol.
    ///
    /// # Errors
    ///
    /// As [`Vm::int_arg`].
    pub fn name_arg(&mut self, args: Args, index: usize) -> Result<Symbol, Throw> {
        match self.name_of(args.get(index)) {
            Some(name) => Ok(name),
            None => Err(self.wrong_arg(args, index, "a string or symbol")),
        }
    }

    /// The symbol of a string or symbol.
    pub fn name_of(&self, value: Value) -> Option<Symbol> {
        value
            .as_symbol()
            .or_else(|| Gc::<crate::object::Str>::from_value(value).map(|s| s.symbol()))
    }

    /// `ArgumentException` for an argument of the wrong kind.
    #[cold]
    pub fn wrong_arg(&mut self, args: Args, index: usize, wanted: &str) -> Throw {
        let name = Gc::<Native>::from_value(args.callee()).map_or("function", |n| n.name.as_str());
        let got = self.type_name(args.get(index));
        let position = index + 1;
        self.arg_error(format!("{name} expects {wanted} as argument {position}, got {got}"))
    }
}

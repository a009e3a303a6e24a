//! Calls: everything the loop does not do itself.

use gene_isa::{CallDesc, CallKind, FnKind, Symbol, TypeExpr};

use super::adapter;
use super::dispatch::EXIT;
use super::error::Throw;
use super::intercept::ADVISED;
use super::native::{ANY, Args};
use super::sampling::publish;
use super::stack::Frame;
use super::{ClassName, Vm};
use crate::heap::Gc;
use crate::heap::header::header_of;
use crate::object::foreign::foreign;
use crate::object::function::Cache;
use crate::object::record::as_record;
use crate::object::*;
use crate::value::Value;

/// Most nested runs of the interpreter where nothing is known of the stack.
const MAX_NESTING: u32 = 200;

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
    pub(super) fn may_nest(&mut self) -> bool {
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

    /// `Err` if `count` registers from `window` do not fit.
    pub(super) fn ensure_room(&mut self, window: *mut Value, count: usize) -> Result<(), Throw> {
        if window.wrapping_add(count + 16) >= self.stack_limit {
            return Err(self.stack_overflow());
        }
        Ok(())
    }

    /// A call is about to push `frame`, whose window ends before `end`, and
    /// either there is no room or somebody asked the interpreter to look.
    #[cold]
    #[inline(never)]
    pub(super) fn look_before_call(
        &mut self,
        frame: *mut Frame,
        end: *mut Value,
    ) -> Result<(), Throw> {
        self.interrupt.set_frame_limit(self.frame_limit);
        self.interrupted()?;
        if frame >= self.frame_limit || end > self.stack_limit {
            return Err(self.stack_overflow());
        }
        Ok(())
    }

    #[cold]
    pub(super) fn stack_overflow(&mut self) -> Throw {
        let message = format!("stack overflow: more than {} nested calls", self.limits.depth);
        self.error(ClassName::RuntimeException, "GENE.VM.STACK_OVERFLOW", &message)
    }

    /// Asks the vm to do something when the running native has returned; the
    /// native returns what this gives.
    pub fn request(&mut self, request: Request) -> Result<Value, Throw> {
        self.pending = Some(request);
        Err(Throw(REQUEST))
    }

    // ---- natives -------------------------------------------------------------

    /// Calls a native; its result goes to `*win`. Frames may have been pushed.
    pub(super) fn call_native(
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
    pub(super) fn native_failed(&mut self, throw: Throw, win: *mut Value) -> Result<(), Throw> {
        match throw {
            Throw(REQUEST) => self.grant(win),
            throw => Err(throw),
        }
    }

    #[cold]
    fn wrong_count(&mut self, min: usize, max: usize, got: usize) -> Throw {
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

    // ---- functions -----------------------------------------------------------

    /// Calls `*win` with `count` arguments: pushes a frame, or puts the result
    /// into `*win`. `with_self`: the receiver is in `win[1]`.
    #[cold]
    #[inline(never)]
    pub(super) fn call_slow(
        &mut self,
        win: *mut Value,
        count: u32,
        with_self: bool,
    ) -> Result<(), Throw> {
        self.enter_call(win, count, with_self, None)
    }

    /// The general form of [`Vm::call_slow`].
    pub(super) fn enter_call(
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
        let (adapted, ctor) = super::interfaces::adapt(self, callee, &args, keywords)?;
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
    fn not_callable(&mut self, callee: Value) -> Throw {
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
    pub(super) fn is_macro(&self, value: Value) -> bool {
        Gc::<Function>::from_value(value).is_some_and(|f| f.code.data.kind == FnKind::Macro)
    }

    fn window_args(&self, win: *mut Value, count: u32) -> Vec<Value> {
        // SAFETY: the window has that many arguments.
        unsafe { std::slice::from_raw_parts(win.add(2), count as usize) }.to_vec()
    }

    /// Binds arguments and pushes a frame (of a coroutine function: makes the
    /// coroutine). `env` is the environment value for a macro.
    pub(super) fn enter_function(
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
    fn push_frame(&mut self, f: Gc<Function>, win: *mut Value) -> Result<(), Throw> {
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

    /// Puts arguments into the registers of the parameters (4.2).
    fn bind(
        &mut self,
        f: Gc<Function>,
        win: *mut Value,
        count: u32,
        keywords: Option<Gc<Map>>,
        env: Option<Value>,
    ) -> Result<(), Throw> {
        let data = f.code.data.clone();
        let params = &data.params;
        let mut given = self.window_args(win, count);
        let mut named: Vec<(Symbol, Value)> = keywords.map(|k| k.entries()).unwrap_or_default();
        // `/x` parameters may come by keyword.
        let mut fields: Vec<Option<Value>> = vec![None; params.positional.len()];
        for (i, param) in params.positional.iter().enumerate() {
            if param.field
                && let Some(at) = named.iter().position(|(k, _)| *k == param.name)
            {
                fields[i] = Some(named.remove(at).1);
            }
        }
        let needed: Vec<bool> = fields.iter().map(|f| f.is_none()).collect();
        let open = needed.iter().filter(|n| **n).count();
        let required =
            params.positional.iter().zip(&needed).filter(|(p, n)| **n && !p.optional).count();
        if given.len() < required || (given.len() > open && params.rest.is_none()) {
            return Err(self.wrong_count(required, open, given.len()));
        }
        let mut spare = given.len() - required;
        let extra = given.len().saturating_sub(open);
        let mut bound = Vec::with_capacity(params.registers() + 1);
        if data.kind == FnKind::Macro {
            bound.push(env.unwrap_or(Value::NIL));
        }
        given.reverse();
        for (i, param) in params.positional.iter().enumerate() {
            if params.rest.as_ref().is_some_and(|(at, ..)| *at == i) {
                bound.push(self.rest_array(&mut given, extra));
            }
            let value = match fields[i] {
                Some(value) => value,
                None if !param.optional => given.pop().unwrap_or(Value::NIL),
                None if spare > 0 => {
                    spare -= 1;
                    given.pop().unwrap_or(Value::NIL)
                }
                None => Value::UNSET,
            };
            bound.push(value);
        }
        if params.rest.as_ref().is_some_and(|(at, ..)| *at >= params.positional.len()) {
            bound.push(self.rest_array(&mut given, extra));
        }
        for param in &params.keywords {
            match named.iter().position(|(k, _)| *k == param.name) {
                Some(at) => bound.push(named.remove(at).1),
                None if param.optional => bound.push(Value::UNSET),
                None => {
                    return Err(
                        self.args_mismatch(format!("Missing keyword argument: {}", param.name))
                    );
                }
            }
        }
        if params.keyword_rest.is_some() {
            bound.push(Map::from_entries(&mut self.heap, &named).value());
        } else if let Some((key, _)) = named.first() {
            return Err(self.args_mismatch(format!("Unexpected keyword argument: {key}")));
        }
        for (i, value) in bound.into_iter().enumerate() {
            // SAFETY: parameters lie in the window, for which there is room.
            unsafe { *win.add(2 + i) = value };
        }
        Ok(())
    }

    fn rest_array(&mut self, given: &mut Vec<Value>, extra: usize) -> Value {
        let rest: Vec<Value> = (0..extra).filter_map(|_| given.pop()).collect();
        Array::new(&mut self.heap, &rest).value()
    }

    // ---- tail calls ------------------------------------------------------------

    /// Calls `*win`, giving the running frame up if the callee is a plain
    /// function.
    pub(super) fn tail_call(
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
    pub(super) fn tail_call_x(
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
    pub(super) fn reuse_frame(&mut self, frame: *mut Frame) -> bool {
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
    pub(super) fn finish_odd_tail_call(&mut self, win: *mut Value) -> Result<(), Throw> {
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

    // ---- methods ---------------------------------------------------------------

    /// Identity of the class of a value for inline caches; 0 where methods are
    /// not found by class alone.
    #[inline(always)]
    pub(super) fn class_id(&self, value: Value) -> u32 {
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
    pub(super) fn find_method_slow(
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
    pub(super) fn no_method(&mut self, receiver: Value, name: Symbol) -> Throw {
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
    pub(super) fn find_super(
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

    // ---- construction ------------------------------------------------------------

    /// `(new C ...)`: the class is in `*win`.
    pub(super) fn construct(
        &mut self,
        win: *mut Value,
        count: u32,
        strict: bool,
    ) -> Result<(), Throw> {
        // SAFETY: the window lies on the stack.
        let class = unsafe { *win };
        if strict && Gc::<Class>::from_value(class).is_none() {
            let name = self.type_name(class);
            return Err(self.type_error(format!("new requires a class, got {name}")));
        }
        self.construct_with(win, count, None)
    }

    fn construct_with(
        &mut self,
        win: *mut Value,
        count: u32,
        keywords: Option<Gc<Map>>,
    ) -> Result<(), Throw> {
        // SAFETY: the window lies on the stack.
        let callee = unsafe { *win };
        let Some(class) = Gc::<Class>::from_value(callee) else {
            return Err(self.not_callable(callee));
        };
        let ctor = class.find_ctor();
        if Gc::<Native>::from_value(ctor).is_some() {
            // Native constructors get the class as self and give the object.
            // SAFETY: as above.
            unsafe {
                *win = ctor;
                *win.add(1) = callee;
            }
            return self.enter_call(win, count, true, keywords);
        }
        if !self.is_instantiable(class) {
            return Err(self.type_error(format!("{} cannot be constructed with new", class.name)));
        }
        let instance =
            Instance::new(&mut self.heap, class.shape, class.room.get() as usize).value();
        // SAFETY: as above.
        unsafe {
            if ctor.is_nil() {
                *win = instance;
                return Ok(());
            }
            *win = ctor;
            *win.add(1) = instance;
        }
        self.enter_call(win, count, true, keywords)
    }

    /// The constructor of a class of which `new` makes plain instances, nil if it
    /// has none; `None` for other classes.
    pub fn plain_ctor(&self, class: Gc<Class>) -> Option<Value> {
        let ctor = class.find_ctor();
        let plain = Gc::<Native>::from_value(ctor).is_none() && self.is_instantiable(class);
        plain.then_some(ctor)
    }

    /// The code that runs when this value is called or instantiated, if it is a
    /// plain function; code stands for functions of it.
    pub fn code_called(&self, callee: Value) -> Option<Gc<Code>> {
        let callee = match Gc::<Class>::from_value(callee) {
            Some(class) => self.plain_ctor(class)?,
            None => callee,
        };
        Gc::<Function>::from_value(callee).map(|f| f.code).or_else(|| Gc::from_value(callee))
    }

    /// Whether loading a constant gives the constant itself, and no copy.
    pub fn is_shared(&self, value: Value) -> bool {
        let copied = Some(Kind::Array) == kind_of(value)
            || matches!(kind_of(value), Some(Kind::Map | Kind::Gene | Kind::HashObject));
        !copied
    }

    /// Whether `new` makes plain instances: of user classes and `Object`.
    fn is_instantiable(&self, class: Gc<Class>) -> bool {
        let builtin = self.classes.iter().chain(self.other_classes.values());
        class == self.class(ClassName::Object) || !builtin.into_iter().any(|c| *c == class)
    }

    // ---- described calls ------------------------------------------------------------

    /// `call_x`: keywords, spreads, calls in coroutines.
    pub(super) fn call_x(&mut self, window: *mut Value, kind: u8, desc: u32) -> Result<(), Throw> {
        // SAFETY: `fp` is the running frame.
        let frame = unsafe { *self.fp };
        let code = frame.code;
        let desc: &CallDesc = &code.data.calls[desc as usize];
        // In a coroutine the window of the callee goes to the stack.
        let win = if frame.top.is_null() { window } else { frame.top };
        let (count, keywords) = match desc.keywords.is_empty() && !desc.positional.contains(&true) {
            true => {
                let count = desc.positional.len();
                self.ensure_room(win, count + 4)?;
                // SAFETY: both windows have that many registers.
                unsafe { std::ptr::copy(window, win, count + 2) };
                (count as u32, None)
            }
            false => self.spread_args(window, win, desc)?,
        };
        // SAFETY: the window lies on the stack.
        let (callee, this) = unsafe { (*win, *win.add(1)) };
        match CallKind::from_u8(kind) {
            Some(CallKind::Function) | None => self.enter_call(win, count, false, keywords),
            Some(CallKind::WithSelf) => self.enter_call(win, count, true, keywords),
            Some(CallKind::Method) => {
                let name = desc.method.unwrap_or(self.names.call);
                self.enter_method(win, name, count, keywords)
            }
            Some(CallKind::Dynamic) => match self.name_of(callee) {
                Some(name) => self.enter_method(win, name, count, keywords),
                None => Err(self.type_error("Dynamic method name must be string or symbol")),
            },
            Some(CallKind::Super) => {
                let name = desc.method.unwrap_or(self.names.call);
                // SAFETY: register 0 is the running function.
                let running = unsafe { *frame.base };
                self.find_super(running, win, name)?;
                self.enter_call(win, count, true, keywords)
            }
            Some(CallKind::New) => {
                if Gc::<Class>::from_value(callee).is_none() {
                    let name = self.type_name(callee);
                    return Err(self.type_error(format!("new requires a class, got {name}")));
                }
                self.construct_with(win, count, keywords)
            }
            Some(CallKind::Macro) => match Gc::<Function>::from_value(callee) {
                Some(f) => {
                    // SAFETY: as above.
                    unsafe { *win.add(1) = f.this.get() };
                    self.enter_function(f, win, count, keywords, Some(this))
                }
                None => Err(self.not_callable(callee)),
            },
        }
    }

    /// Puts the arguments of a call with keywords or spreads into the window of
    /// the callee; their number, and the keywords.
    fn spread_args(
        &mut self,
        window: *mut Value,
        win: *mut Value,
        desc: &CallDesc,
    ) -> Result<(u32, Option<Gc<Map>>), Throw> {
        // SAFETY: the window has the registers that the description says.
        let (callee, this, values) = unsafe {
            let values = std::slice::from_raw_parts(window.add(2), desc.registers()).to_vec();
            (*window, *window.add(1), values)
        };
        let (keyword_values, positional_values) = values.split_at(desc.keywords.len());
        let keywords = self.collect_keywords(desc, keyword_values)?;
        let mut args = Vec::with_capacity(positional_values.len());
        for (value, spread) in positional_values.iter().zip(&desc.positional) {
            if *spread {
                args.extend(self.spread(*value)?);
            } else {
                args.push(*value);
            }
        }
        self.ensure_room(win, args.len() + 4)?;
        // SAFETY: there is room, as checked.
        unsafe {
            *win = callee;
            *win.add(1) = this;
            for (i, arg) in args.iter().enumerate() {
                *win.add(2 + i) = *arg;
            }
        }
        Ok((args.len() as u32, keywords))
    }

    /// Calls the method `name` of `win[1]`.
    pub(super) fn enter_method(
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

    fn collect_keywords(
        &mut self,
        desc: &CallDesc,
        values: &[Value],
    ) -> Result<Option<Gc<Map>>, Throw> {
        if desc.keywords.is_empty() {
            return Ok(None);
        }
        let map = Map::new(&mut self.heap, values.len());
        for (key, value) in desc.keywords.iter().zip(values) {
            match key {
                Some(key) => map.set(&mut self.heap, *key, *value),
                None => self.map_spread(map.value(), *value)?,
            }
        }
        Ok(Some(map).filter(|m| !m.is_empty()))
    }

    /// The elements that `value...` stands for.
    pub(super) fn spread(&mut self, value: Value) -> Result<Vec<Value>, Throw> {
        match Gc::<Array>::from_value(value) {
            Some(array) => Ok(array.to_vec()),
            None if value.is_nil() => Ok(Vec::new()),
            None => Err(self.type_error("... can only spread arrays")),
        }
    }
}

/// What a name that is no method means as one.
pub(super) enum MethodLike {
    /// The value of an accessor.
    Value(Value),
    /// This is to be called with that receiver.
    Call(Value, Value),
    /// The method of the same name of this value.
    Send(Value),
}

/// Whether data of Rust can be called without a method `call`.
fn is_callable_foreign(value: Value) -> bool {
    foreign::<Interface>(value).is_some()
        || foreign::<Interceptor>(value).is_some()
        || foreign::<Interception>(value).is_some()
}

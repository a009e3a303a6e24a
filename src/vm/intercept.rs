//! Interceptors (9.8): defining and applying them. An application stands in
//! the place of what it wraps and is called instead; the order of advice is
//! written in the prelude, so that no native frame lies between a program and
//! what it calls.

use std::cell::{Cell, RefCell};

use gene_isa::{FnKind, Intrinsic, Symbol};

use super::Vm;
use super::classes::ClassName;
use super::error::Throw;
use crate::heap::Gc;
use crate::object::foreign::foreign;
use crate::object::*;
use crate::value::Value;

/// Name of the function of the prelude that runs advice.
pub const ADVISED: &str = "__advised";
/// The forms that exist as values too, and count as macros.
pub const FORMS: [&str; 2] = ["interceptor", "fn-interceptor"];

/// Intrinsics of interceptors.
pub(super) fn intrinsic(vm: &mut Vm, which: Intrinsic, args: &[Value]) -> Result<Value, Throw> {
    let a = |i: usize| args.get(i).copied().unwrap_or(Value::NIL);
    match which {
        Intrinsic::NewInterceptor => {
            let name = vm.name_of(a(0)).unwrap_or(vm.names.call);
            let targets = Gc::<Array>::from_value(a(1)).map(|t| t.to_vec()).unwrap_or_default();
            let interceptor = Interceptor {
                name,
                targets: targets.iter().filter_map(|t| vm.name_of(*t)).collect(),
                is_function: a(2).is_truthy(),
                advice: RefCell::default(),
                enabled: Cell::new(true),
            };
            if interceptor.targets.len() != targets.len() {
                return Err(vm.arg_error(format!("{name}: targets must be names")));
            }
            if interceptor.is_function && targets.len() != 1 {
                return Err(vm.arg_error(format!("{name}: a function has exactly one name")));
            }
            Ok(Foreign::new(&mut vm.heap, interceptor).value())
        }
        Intrinsic::AddAdvice => add_advice(vm, args),
        _ => Err(vm.runtime_error(format!("{} is not an intrinsic of interfaces", which.name()))),
    }
}

/// Arguments: interceptor, kind, name, function, whether it replaces the
/// result, whether the function was named.
fn add_advice(vm: &mut Vm, args: &[Value]) -> Result<Value, Throw> {
    let a = |i: usize| args.get(i).copied().unwrap_or(Value::NIL);
    let Some(interceptor) = foreign::<Interceptor>(a(0)) else { return Ok(Value::NIL) };
    let name = interceptor.name;
    let (word, target) = (vm.display(a(1)), vm.display(a(2)));
    let Some(kind) = AdviceKind::parse(&word) else {
        return Err(vm.arg_error(format!("{name}: unknown kind of advice {word}")));
    };
    let Some(index) = interceptor.targets.iter().position(|t| t.as_str() == target) else {
        return Err(vm.arg_error(format!("{name}: advice for {target}, which is not listed")));
    };
    let advice = Advice {
        kind,
        target: index,
        function: a(3),
        named: a(5).is_truthy(),
        replaces: a(4).is_truthy(),
    };
    if advice.replaces && kind != AdviceKind::After {
        return Err(vm.arg_error(format!("{name}: ^^replace_result belongs to after advice")));
    }
    if !vm.is_callable(advice.function) {
        let got = vm.type_name(advice.function);
        return Err(vm.arg_error(format!("{name}: advice must be a function, got {got}")));
    }
    if kind == AdviceKind::Around {
        let mut all = interceptor.advice.borrow().clone().into_iter();
        if all.any(|other| other.kind == kind && other.target == index) {
            return Err(vm.arg_error(format!("{name}: a second around advice for {target}")));
        }
        let params = Gc::<Function>::from_value(advice.function);
        if params.is_some_and(|f| f.code.data.params.positional.is_empty()) && !advice.named {
            return Err(vm.arg_error(format!(
                "{name}: around advice takes the wrapped callable as its last parameter"
            )));
        }
    }
    interceptor.advice.borrow_mut().push(advice);
    if let Some(object) = Gc::<Foreign>::from_value(a(0)) {
        vm.heap.barrier(object);
    }
    Ok(Value::NIL)
}

impl Vm {
    #[cold]
    fn intercept_error(&mut self, code: &str, message: &str) -> Throw {
        let code = format!("GENE.INTERCEPT.{code}");
        self.error(ClassName::ArgumentException, &code, &format!("[{code}] {message}"))
    }

    /// `(Interceptor target ...)`
    pub(super) fn apply_interceptor(
        &mut self,
        interceptor: Value,
        args: &[Value],
        keywords: bool,
    ) -> Result<Value, Throw> {
        let Some(info) = foreign::<Interceptor>(interceptor) else { return Ok(Value::NIL) };
        let name = info.name;
        if keywords {
            let message = format!("{name} takes no keyword arguments");
            return Err(self.intercept_error("KEYWORD_UNSUPPORTED", &message));
        }
        if args.first().is_some_and(|target| self.is_macro_like(*target)) {
            let message = format!("{name} cannot be applied to a macro");
            return Err(self.intercept_error("MACRO_UNSUPPORTED", &message));
        }
        if info.is_function {
            return self.wrap_function(interceptor, name, args);
        }
        let Some(class) = args.first().copied().and_then(Gc::<Class>::from_value) else {
            let message = format!("{name} must be applied to a class");
            return Err(self.intercept_error("CLASS_TARGET", &message));
        };
        self.wrap_methods(interceptor, info, class, &args[1..])
    }

    fn wrap_methods(
        &mut self,
        interceptor: Value,
        info: &Interceptor,
        class: Gc<Class>,
        names: &[Value],
    ) -> Result<Value, Throw> {
        let name = info.name;
        if names.len() != info.targets.len() {
            let (wanted, got) = (info.targets.len(), names.len());
            let message = format!("{name} expects {wanted} method names, got {got}");
            return Err(self.intercept_error("MAPPING_ARITY", &message));
        }
        let mut methods = Vec::new();
        for value in names {
            let Some(method) = self.name_of(*value) else {
                let got = self.type_name(*value);
                let message =
                    format!("{name} expects method names as strings or symbols, got {got}");
                return Err(self.intercept_error("MAPPING_NAME", &message));
            };
            methods.push(method);
        }
        for method in &methods {
            let Some(found) = class.find_method(*method) else {
                let message = format!("class {} has no method {method}", class.name);
                return Err(self.intercept_error("MISSING_METHOD", &message));
            };
            if is_async(found) {
                let message = format!("method {method} of class {} is async", class.name);
                return Err(self.intercept_error("ASYNC_UNSUPPORTED", &message));
            }
        }
        let mut made = Vec::new();
        for (target, method) in methods.into_iter().enumerate() {
            // Looked up again: the same method may be named twice.
            let original = class.find_method(method).unwrap_or(Value::NIL);
            let wrapper = self.interception(interceptor, target, original);
            class.add_method(&mut self.heap, method, wrapper);
            made.push(wrapper);
        }
        self.renew_class_ids();
        Ok(Array::new(&mut self.heap, &made).value())
    }

    fn wrap_function(
        &mut self,
        interceptor: Value,
        name: Symbol,
        args: &[Value],
    ) -> Result<Value, Throw> {
        let [target] = args else {
            let message = format!("{name} expects one function, got {} arguments", args.len());
            return Err(self.intercept_error("FN_ARITY", &message));
        };
        let function = wrapped(*target);
        match kind_of(function) {
            Some(Kind::Function | Kind::Native) => {}
            _ => {
                let got = self.type_name(*target);
                let message = format!("{name} must be applied to a function, got {got}");
                return Err(self.intercept_error("FN_TARGET", &message));
            }
        }
        if is_async(function) {
            let message = format!("{name} cannot be applied to an async function");
            return Err(self.intercept_error("ASYNC_UNSUPPORTED", &message));
        }
        let params = Gc::<Function>::from_value(function).map(|f| f.code.data.clone());
        if params.is_some_and(|d| !d.params.keywords.is_empty() || d.params.keyword_rest.is_some())
        {
            let message = format!("{name} cannot be applied to a function with keyword parameters");
            return Err(self.intercept_error("KEYWORD_UNSUPPORTED", &message));
        }
        Ok(self.interception(interceptor, 0, *target))
    }

    fn interception(&mut self, interceptor: Value, target: usize, original: Value) -> Value {
        let enabled = Cell::new(true);
        let made = Interception { interceptor, target, original, enabled };
        Foreign::new(&mut self.heap, made).value()
    }

    fn is_macro_like(&self, value: Value) -> bool {
        let form = Gc::<Native>::from_value(value).is_some_and(|n| {
            // Other natives of these names do not exist.
            FORMS.contains(&n.name.as_str())
        });
        form || self.is_macro(value)
    }

    /// What runs when an interception is called: the wrapped callable if it or
    /// its interceptor is disabled, else `None`.
    pub(super) fn disabled_original(&self, interception: &Interception) -> Option<Value> {
        let on = foreign::<Interceptor>(interception.interceptor).is_some_and(|i| i.enabled.get());
        (!on || !interception.enabled.get()).then_some(interception.original)
    }
}

/// The function inside wrappers and bound methods.
fn wrapped(mut value: Value) -> Value {
    loop {
        if let Some(interception) = foreign::<Interception>(value) {
            value = interception.original;
        } else if let Some(bound) = Gc::<BoundMethod>::from_value(value) {
            value = bound.method;
        } else {
            return value;
        }
    }
}

fn is_async(value: Value) -> bool {
    let Some(function) = Gc::<Function>::from_value(wrapped(value)) else { return false };
    let is = |kind| matches!(kind, FnKind::Async | FnKind::AsyncGenerator);
    // Where binding needs code, a plain function starts the coroutine.
    let data = &function.code.data;
    let starts = |inner: &gene_isa::Code| {
        is(inner.kind) && inner.name == data.name && inner.span == data.span
    };
    is(data.kind) || data.protos.iter().any(|proto| starts(proto))
}

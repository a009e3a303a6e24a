//! Data as code: `eval`, `$render`, macros' `$caller_eval`.

use std::ptr::NonNull;
use std::sync::Arc;

use gene_isa::Env;

use super::error::Throw;
use super::{ClassName, Vm};
use crate::heap::scope::Scopes;
use crate::heap::{Gc, Header, Marker, Scope};
use crate::object::{Code, EnvObject, Function, Kind, Module};
use crate::value::Value;

/// What the vm needs from above: compiling and reading at run time.
pub trait Host {
    /// Compiles data that is evaluated, or rendered, in an environment.
    ///
    /// # Errors
    ///
    /// A `RuntimeException` with code `GENE.COMPILE.ERROR`.
    fn compile(
        &self,
        vm: &mut Vm,
        module: Gc<Module>,
        data: Value,
        env: &Env,
        render: bool,
    ) -> Result<Arc<gene_isa::Code>, Throw>;

    /// Reads the forms of a text as data.
    ///
    /// # Errors
    ///
    /// A `ParseException`.
    fn read(&self, vm: &mut Vm, text: &str) -> Result<Vec<Value>, Throw>;

    /// The module an import names, loaded and run if necessary.
    ///
    /// # Errors
    ///
    /// `RuntimeException` of chapter 12, and what the module raises.
    fn import(&self, vm: &mut Vm, from: Gc<Module>, descriptor: Value) -> Result<Value, Throw>;
}

impl Vm {
    fn host(&mut self) -> Result<std::rc::Rc<dyn Host>, Throw> {
        match &self.host {
            Some(host) => Ok(host.clone()),
            None => Err(self.runtime_error("this interpreter has no compiler")),
        }
    }

    /// Reads the forms of a text as data.
    ///
    /// # Errors
    ///
    /// `ParseException` for text that cannot be read.
    pub fn read_data(&mut self, text: &str) -> Result<Vec<Value>, Throw> {
        self.host()?.read(self, text)
    }

    /// The module that an import names; its namespace or module value.
    pub(super) fn import(&mut self, code: Gc<Code>, descriptor: Value) -> Result<Value, Throw> {
        self.host()?.import(self, code.module, descriptor)
    }

    /// A function without parameters that evaluates, or renders, data.
    pub(super) fn eval_function(
        &mut self,
        data: Value,
        scope: Option<NonNull<Scope>>,
        env: &Env,
        running: Value,
        this: Value,
        render: bool,
    ) -> Result<Value, Throw> {
        let Some(f) = Gc::<Function>::from_value(running) else {
            return Err(self.runtime_error("nothing is running"));
        };
        let module = f.code.module;
        let compiled = self.host()?.compile(self, module, data, env, render)?;
        let code = self.load_code(module, &compiled);
        Ok(Function::new(&mut self.heap, code, scope, this, f.home.get()).value())
    }

    /// The environment of a macro call.
    pub(super) fn make_env(
        &mut self,
        scope: Option<NonNull<Scope>>,
        env: u16,
        running: Value,
        this: Value,
    ) -> Value {
        if let Some(scope) = scope {
            self.heap.retain_scope(scope);
        }
        let header = Header::new(Kind::EnvObject as u8);
        self.heap.alloc(EnvObject { header, function: running, scope, this, env }, 0).value()
    }

    /// A function that evaluates data in the environment of a macro's caller.
    pub(super) fn caller_eval(&mut self, data: Value, env: Value) -> Result<Value, Throw> {
        let Some(env) = Gc::<EnvObject>::from_value(env) else {
            let message = "$caller_eval can only be used within macros";
            return Err(self.error(ClassName::RuntimeException, "GENE.RUNTIME.ERROR", message));
        };
        let Some(f) = Gc::<Function>::from_value(env.function) else {
            return Err(self.runtime_error("nothing is running"));
        };
        let names = f.code.data.envs[env.env as usize].clone();
        self.eval_function(data, env.scope, &names, env.function, env.this, false)
    }
}

impl crate::object::Trace for EnvObject {
    fn trace(&self, marker: &mut Marker) {
        marker.value(self.function);
        marker.value(self.this);
        if let Some(scope) = self.scope {
            marker.scope(scope);
        }
    }
    fn bytes(&self) -> usize {
        size_of::<EnvObject>()
    }
    fn release(&self, scopes: &mut Scopes) {
        if let Some(scope) = self.scope {
            scopes.release(scope);
        }
    }
}

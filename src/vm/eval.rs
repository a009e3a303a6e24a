//! Data as code: `eval`, `$render`, macros' `$caller_eval`.

use std::ptr::NonNull;
use std::sync::Arc;

use gene_isa::Env;

use super::error::Throw;
use super::{ClassName, Vm};
use crate::heap::scope::Scopes;
use crate::heap::{Gc, Header, Marker, Scope};
use crate::object::{EnvObject, Function, Kind, Module};
use crate::value::Value;

/// What is done with a machine of its own.
pub type Work = Box<dyn FnOnce(&mut Vm) + Send>;

/// What the vm needs from above: compiling and reading at run time, loading
/// modules, further machines.
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

    /// A function that runs the module which an import names;
    /// [`Vm::loaded_module`] if it has run.
    ///
    /// # Errors
    ///
    /// `RuntimeException` of chapter 12, and those of compiling.
    fn import(&self, vm: &mut Vm, from: Gc<Module>, descriptor: Value) -> Result<Value, Throw>;

    /// Called when the function that [`Host::import`] gave has returned.
    fn imported(&self, module: Gc<Module>);

    /// The module in a file, run if necessary, in a nested interpreter; `path`
    /// is that of the module object.
    ///
    /// # Errors
    ///
    /// As [`Host::import`], and what the module raises.
    fn module(&self, vm: &mut Vm, path: &str) -> Result<Gc<Module>, Throw>;

    /// Carries out a `$dep` in a module.
    ///
    /// # Errors
    ///
    /// `RuntimeException` of chapter 12.
    fn dependency(&self, vm: &mut Vm, from: Gc<Module>, descriptor: Value) -> Result<(), Throw>;

    /// What makes another machine with the same options on the thread that calls
    /// it, for as long as the work goes on.
    fn another_machine(&self) -> Box<dyn FnOnce(Work) + Send>;

    /// The package of a module.
    ///
    /// # Errors
    ///
    /// `RuntimeException` if its `package.gene` is not usable.
    fn package(&self, vm: &mut Vm, module: Gc<Module>) -> Result<Value, Throw>;
}

impl Vm {
    pub(super) fn host(&mut self) -> Result<std::rc::Rc<dyn Host>, Throw> {
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

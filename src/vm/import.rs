//! Imports: what the module loader gives, and the exports of modules (12.2,
//! 12.3).
#![forbid(unsafe_code)]

use gene_isa::Symbol;

use super::error::Throw;
use super::{ClassName, Vm};
use crate::heap::Gc;
use crate::object::record::as_record;
use crate::object::*;
use crate::value::Value;

impl Vm {
    /// A function that runs the module which an import names; it does nothing
    /// if that has run.
    pub(super) fn import(&mut self, code: Gc<Code>, descriptor: Value) -> Result<Value, Throw> {
        self.host()?.import(self, code.module, descriptor)
    }

    /// A value for [`crate::vm::Host::import`] to give for a module that has run.
    pub fn loaded_module(&mut self, module: Gc<Module>) -> Value {
        BoundMethod::new(&mut self.heap, module.value(), self.do_nothing).value()
    }

    /// After the call of what [`Vm::import`] gave: the module.
    pub(super) fn imported(&mut self, function: Value) -> Result<Value, Throw> {
        if let Some(bound) = Gc::<BoundMethod>::from_value(function) {
            return Ok(bound.this);
        }
        let Some(function) = Gc::<Function>::from_value(function) else { return Ok(Value::NIL) };
        let module = function.code.module;
        self.host()?.imported(module);
        Ok(module.value())
    }

    /// The value of a built-in path: `{^name [genex http]}`.
    pub(super) fn import_builtin(&mut self, descriptor: Value) -> Result<Value, Throw> {
        let path = as_record(descriptor).and_then(|d| d.get(Symbol::intern("name")));
        let path = names(path.unwrap_or(Value::NIL));
        let Some((first, rest)) = path.split_first() else { return Ok(Value::NIL) };
        let Some(mut value) = self.builtins.get(first).copied() else {
            return Err(self.missing_export(*first));
        };
        for name in rest {
            value = self.get_member(value, *name)?;
            if value.is_void() {
                return Err(self.missing_export(*name));
            }
        }
        Ok(value)
    }

    /// The export that a path of names leads to.
    pub(super) fn import_name(&mut self, module: Value, path: Value) -> Result<Value, Throw> {
        let path = names(path);
        let (Some(module), Some((first, rest))) =
            (Gc::<Module>::from_value(module), path.split_first())
        else {
            return Ok(Value::NIL);
        };
        let Some(mut value) = exported(&module, *first) else {
            let listed = module.exports.borrow().iter().any(|(name, _)| name == first);
            if module.explicit_exports.get() && !listed {
                let code = "GENE.IMPORT.EXPORT_MISSING";
                let message = format!("[{code}] '{first}' is not exported by {}", module.path);
                return Err(self.error(ClassName::RuntimeException, code, &message));
            }
            return Err(self.missing_export(*first));
        };
        for name in rest {
            value = self.get_member(value, *name)?;
            if value.is_void() {
                return Err(self.missing_export(*name));
            }
        }
        Ok(value)
    }

    #[cold]
    fn missing_export(&mut self, name: Symbol) -> Throw {
        let code = "GENE.IMPORT.MISSING";
        let message = format!("[{code}] Symbol '{name}' not found in namespace");
        self.error(ClassName::RuntimeException, code, &message)
    }

    /// Makes all exports of a module visible in another, as they are now.
    pub(super) fn import_all(&mut self, into: Gc<Module>, module: Value) {
        let Some(module) = Gc::<Module>::from_value(module) else { return };
        let map = match Gc::<Map>::from_value(into.imported.get()) {
            Some(map) => map,
            None => {
                let map = Map::new(&mut self.heap, 0);
                into.imported.set(map.value());
                self.heap.barrier(into);
                map
            }
        };
        for (name, value) in all_exports(&module) {
            map.set(&mut self.heap, name, value);
        }
    }

    /// `$dep`
    pub(super) fn dependency(&mut self, code: Gc<Code>, descriptor: Value) -> Result<Value, Throw> {
        self.host()?.dependency(self, code.module, descriptor)?;
        Ok(Value::NIL)
    }

    /// The module in a file, run if it has not been; `path` as in
    /// [`Module::path`].
    ///
    /// # Errors
    ///
    /// `RuntimeException` if there is none, and what it raises.
    pub fn load_module(&mut self, path: &str) -> Result<Gc<Module>, Throw> {
        self.host()?.module(self, path)
    }

    /// `$pkg` in a module.
    ///
    /// # Errors
    ///
    /// If the `package.gene` is not usable.
    pub fn package(&mut self, module: Gc<Module>) -> Result<Value, Throw> {
        self.host()?.package(self, module)
    }
}

/// Value of an export.
pub fn exported(module: &Module, name: Symbol) -> Option<Value> {
    let slot = module.exports.borrow().iter().find(|(n, _)| *n == name).map(|(_, slot)| *slot);
    if slot.is_none() && module.explicit_exports.get() {
        return None;
    }
    let variable = slot.map(|slot| module.var(slot as usize)).filter(|v| !v.is_unset());
    variable.or_else(|| module.namespace.members.get(name))
}

/// All exports of a module with their values.
pub fn all_exports(module: &Module) -> Vec<(Symbol, Value)> {
    let listed: Vec<Symbol> = module.exports.borrow().iter().map(|(name, _)| *name).collect();
    let mut all: Vec<(Symbol, Value)> =
        listed.into_iter().filter_map(|name| Some((name, exported(module, name)?))).collect();
    if !module.explicit_exports.get() {
        all.extend(module.namespace.members.entries());
    }
    all
}

/// The symbols of an array.
fn names(path: Value) -> Vec<Symbol> {
    let path = Gc::<Array>::from_value(path).map(|p| p.to_vec()).unwrap_or_default();
    path.into_iter().filter_map(Value::as_symbol).collect()
}

//! Compiled code made ready to run.

use std::sync::Arc;

use gene_isa::Symbol;
use rustc_hash::FxHashSet;

use super::Vm;
use super::error::Throw;
use crate::heap::{Gc, Shape};
use crate::object::{Code, Function, Module, Namespace};
use crate::value::Value;

impl Vm {
    /// A new module without variables; it is a root from now on.
    pub fn new_module(&mut self, path: &str) -> Gc<Module> {
        let name = std::path::Path::new(path).file_stem();
        let name = name.map_or(path.into(), |n| n.to_string_lossy());
        let namespace = Namespace::new(&mut self.heap, Symbol::intern(&name));
        let module = Module::new(&mut self.heap, path, namespace);
        self.modules.push(module);
        module
    }

    /// Takes the variables and exports of newly compiled code into a module.
    pub fn extend_module(&mut self, module: Gc<Module>, compiled: &gene_isa::Module) {
        module.grow(&compiled.slots);
        let mut exports = module.exports.borrow_mut();
        if !exports.is_empty() {
            let new: FxHashSet<Symbol> = compiled.exports.iter().map(|(name, _)| *name).collect();
            exports.retain(|(name, _)| !new.contains(name));
        }
        exports.extend(&compiled.exports);
        module.explicit_exports.set(compiled.explicit_exports);
    }

    /// Code in a form that can run. The code must have been verified.
    pub fn load_code(&mut self, module: Gc<Module>, data: &Arc<gene_isa::Code>) -> Gc<Code> {
        let protos: Box<[Gc<Code>]> =
            data.protos.iter().map(|proto| self.load_code(module, proto)).collect();
        let consts: Box<[Value]> = data.consts.iter().map(|datum| self.value_of(datum)).collect();
        let keysets = data.keysets.iter().map(|keys| self.shape_of(keys)).collect();
        let code = Code::new(&mut self.heap, module, data.clone(), consts, protos, keysets);
        self.any_code = Some(code);
        self.count_calls(code);
        code
    }

    /// The shape of a map with these keys; `None` if it would be a dictionary.
    fn shape_of(&mut self, keys: &[Symbol]) -> Option<&'static Shape> {
        keys.iter()
            .try_fold(self.heap.shapes.empty(), |shape, key| self.heap.shapes.with_key(shape, *key))
    }

    /// Runs the top level of compiled code in a module; the value of its last
    /// form.
    ///
    /// # Errors
    ///
    /// What the code raises.
    pub fn run_code(
        &mut self,
        module: Gc<Module>,
        data: &Arc<gene_isa::Code>,
    ) -> Result<Value, Throw> {
        let code = self.load_code(module, data);
        let this = module.namespace.value();
        let main = Function::new(&mut self.heap, code, None, this, Value::NIL);
        self.call(main.value(), &[])
    }
}

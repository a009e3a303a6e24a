//! The words that a machine knows at the moment.

use gene_isa::Symbol;

use super::complete::Vocabulary;
use crate::heap::Gc;
use crate::object::{Class, Module, Namespace};
use crate::value::Value;
use crate::vm::Vm;
use crate::vm::error::is_hidden;

/// Namespaces within namespaces that are looked into.
const DEPTH: usize = 4;

/// Collects the names that are visible at the prompt. `module` has the
/// variables of the entries so far.
pub fn vocabulary(vm: &Vm, module: Option<Gc<Module>>) -> Vocabulary {
    let mut words = Vocabulary::default();
    for (name, value) in &vm.builtins {
        words.add(*name, *value);
    }
    for name in vm.globals.keys() {
        words.names.insert(format!("${name}"));
    }
    if let Some(module) = module {
        for name in module.names.borrow().iter() {
            // A name may be used without being defined.
            if let Some(value) = module.lookup(*name) {
                words.add(*name, value);
            }
        }
    }
    words
}

impl Vocabulary {
    fn add(&mut self, name: Symbol, value: Value) {
        if is_hidden(name) {
            return;
        }
        self.names.insert(name.to_string());
        self.look_into(name.as_str(), value, DEPTH);
    }

    fn look_into(&mut self, path: &str, value: Value, depth: usize) {
        let members = if let Some(class) = Gc::<Class>::from_value(value) {
            let methods = class.methods.borrow();
            self.methods.extend(methods.keys().map(Symbol::to_string));
            class.members.entries()
        } else if let Some(namespace) = Gc::<Namespace>::from_value(value) {
            namespace.members.entries()
        } else {
            return;
        };
        if depth == 0 || members.is_empty() || self.members.contains_key(path) {
            return;
        }
        let names = members.iter().map(|(name, _)| name.to_string()).collect();
        self.members.insert(path.to_owned(), names);
        for (name, value) in members {
            self.look_into(&format!("{path}/{name}"), value, depth - 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vm::Limits;

    #[test]
    fn builtin_names_are_known() {
        let mut vm = Vm::new(Limits::default());
        vm.define("shout", 0, 0, |_, _| Ok(Value::NIL));
        vm.define_in("gene/io/read", Value::TRUE);
        let words = vocabulary(&vm, None);
        assert!(words.names.contains("shout") && words.names.contains("gene"));
        assert!(words.members["gene"].contains("io"));
        assert!(words.members["gene/io"].contains("read"));
    }
}

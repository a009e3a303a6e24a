//! `freeze`, and what sealed and frozen values refuse (5.7).

use std::fmt::Write;

use rustc_hash::FxHashSet;

use super::*;
use crate::heap::header::{FROZEN, header_of};
use crate::object::foreign::{Foreign, foreign};
use crate::object::record::as_record;
use crate::object::{
    BoundMethod, Code, EnumValue, Function, Gene, HashObject, Interface, Kind, Quoted, kind_of,
};
use gene_isa::Op;

pub(super) fn install(vm: &mut Vm) {
    vm.define("freeze", 1, 1, |vm, args| {
        freeze(vm, args.get(0))?;
        Ok(args.get(0))
    });
}

/// Makes a value and everything reachable from it unchangeable.
///
/// # Errors
///
/// `TypeException` if something reachable cannot be frozen; then nothing is.
pub fn freeze(vm: &mut Vm, value: Value) -> Result<(), Throw> {
    let mut walk = Walk::default();
    walk.visit(value, 0, Step::Start);
    let mut next = 0;
    while next < walk.found.len() {
        if !walk.examine(next) {
            return Err(refuse(vm, &walk, next));
        }
        next += 1;
    }
    for found in &walk.found {
        if let Some(header) = header_of(found.value) {
            header.set_flag(FROZEN);
        }
        if let Some(function) = Gc::<Function>::from_value(found.value) {
            for scope in function.scopes() {
                scope.header.set_flag(FROZEN);
            }
        }
    }
    Ok(())
}

/// Raises if a collection or Gene value may not be changed; `action` completes
/// `Cannot ... sealed array`.
#[inline]
pub(super) fn check_mutable(vm: &mut Vm, value: Value, action: &str) -> Result<(), Throw> {
    match header_of(value) {
        Some(header) if header.is_immutable() => Err(vm.immutable(value, action)),
        _ => Ok(()),
    }
}

/// How a value is reached from the one before.
enum Step {
    Start,
    Index(usize),
    Key(Symbol),
    Entry(Value),
    Inside(&'static str),
}

struct Found {
    value: Value,
    /// Index of the value that contains it.
    from: usize,
    step: Step,
}

/// Everything reachable, found breadth first.
#[derive(Default)]
struct Walk {
    found: Vec<Found>,
    seen: FxHashSet<u64>,
}

impl Walk {
    fn visit(&mut self, value: Value, from: usize, step: Step) {
        if value.is_pointer() && self.seen.insert(value.bits()) {
            self.found.push(Found { value, from, step });
        }
    }

    fn visit_list(&mut self, values: &[Value], from: usize) {
        for (index, value) in values.iter().enumerate() {
            self.visit(*value, from, Step::Index(index));
        }
    }

    /// Visits what the value at `at` contains; false if it cannot be frozen.
    fn examine(&mut self, at: usize) -> bool {
        let value = self.found[at].value;
        let Some(kind) = kind_of(value) else { return true };
        match kind {
            Kind::Str
            | Kind::BoxedInt
            | Kind::Range
            | Kind::PathSymbol
            | Kind::Bytes
            | Kind::Native
            | Kind::Enum
            | Kind::Variant => {}
            Kind::Array => {
                let array = Gc::<Array>::from_value(value);
                self.visit_list(array.map_or(&[], Gc::elements), at);
            }
            Kind::Map => {
                for (key, item) in as_record(value).map(|m| m.entries()).unwrap_or_default() {
                    self.visit(item, at, Step::Key(key));
                }
            }
            Kind::HashObject => {
                let table = Gc::<HashObject>::from_value(value);
                for (key, item) in table.map(|t| t.entries()).unwrap_or_default() {
                    self.visit(key, at, Step::Entry(key));
                    self.visit(item, at, Step::Entry(key));
                }
            }
            Kind::Gene => {
                let Some(gene) = Gc::<Gene>::from_value(value) else { return false };
                self.visit(gene.head.get(), at, Step::Inside("type"));
                for (key, item) in gene.props().map(|p| p.entries()).unwrap_or_default() {
                    self.visit(item, at, Step::Key(key));
                }
                self.visit_list(gene.children.elements(), at);
            }
            Kind::Quoted => {
                if let Some(quoted) = Gc::<Quoted>::from_value(value) {
                    self.visit(quoted.form, at, Step::Inside("quoted form"));
                }
            }
            Kind::EnumValue => {
                let payload = Gc::<EnumValue>::from_value(value).map(|v| v.payload().to_vec());
                self.visit_list(&payload.unwrap_or_default(), at);
            }
            Kind::BoundMethod => {
                let Some(bound) = Gc::<BoundMethod>::from_value(value) else { return false };
                self.visit(bound.this, at, Step::Inside("receiver"));
                self.visit(bound.method, at, Step::Inside("method"));
            }
            Kind::Function => self.examine_function(value, at),
            Kind::Foreign => {
                return Gc::<Foreign>::from_value(value).is_some_and(|f| f.data.is_constant());
            }
            _ => return false,
        }
        true
    }

    fn examine_function(&mut self, value: Value, at: usize) {
        let Some(function) = Gc::<Function>::from_value(value) else { return };
        self.examine_module_variables(function.code, at);
        for scope in function.scopes() {
            // An inner function shares the scopes of the outer ones.
            if !self.seen.insert(std::ptr::from_ref(scope) as u64) {
                return;
            }
            for slot in scope.slots() {
                self.visit(slot.get(), at, Step::Inside("captured variable"));
            }
        }
    }

    /// Visits the values of the variables of its module that code uses itself.
    /// Definitions are code, not data.
    fn examine_module_variables(&mut self, code: Gc<Code>, at: usize) {
        for proto in &code.protos {
            self.examine_module_variables(*proto, at);
        }
        for insn in code.data.insns.iter().filter(|insn| insn.op == Op::GetModule) {
            let value = code.module.var(insn.bc() as usize);
            let code = [Kind::Function, Kind::Native, Kind::Class, Kind::Namespace, Kind::Enum];
            let interface = foreign::<Interface>(value).is_some();
            if !interface && kind_of(value).is_some_and(|kind| !code.contains(&kind)) {
                self.visit(value, at, Step::Inside("captured variable"));
            }
        }
    }

    /// Where the value at `at` was found.
    fn path(&self, vm: &Vm, at: usize) -> String {
        let mut steps = Vec::new();
        let mut found = &self.found[at];
        while !matches!(found.step, Step::Start) {
            steps.push(&found.step);
            found = &self.found[found.from];
        }
        let mut path = String::new();
        for step in steps.into_iter().rev() {
            // Writing to a string cannot fail.
            let _ = match step {
                Step::Start => Ok(()),
                Step::Index(index) => write!(path, "/{index}"),
                Step::Key(key) => write!(path, "/{key}"),
                Step::Entry(key) => write!(path, "/<{}>", vm.display_data(*key)),
                Step::Inside(part) => write!(path, "/({part})"),
            };
        }
        path
    }
}

#[cold]
fn refuse(vm: &mut Vm, walk: &Walk, at: usize) -> Throw {
    let kind = vm.type_name(walk.found[at].value);
    let path = walk.path(vm, at);
    let place = if path.is_empty() { path } else { format!(" at {path}") };
    vm.type_error(format!("Cannot freeze {kind}{place}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::{Instance, Map};
    use crate::vm::Limits;

    #[test]
    fn nothing_is_frozen_if_something_cannot_be() {
        let mut vm = Vm::new(Limits::default());
        let inner = array(&mut vm, &[]);
        let shape = vm.class(ClassName::Object).shape;
        let instance = Instance::new(&mut vm.heap, shape, 0).value();
        let map = Map::from_entries(&mut vm.heap, &[("a".into(), inner), ("b".into(), instance)]);
        let outer = array(&mut vm, &[map.value()]);
        let error = freeze(&mut vm, outer).expect_err("an instance");
        assert_eq!(vm.exception_message(error.0), "Cannot freeze Object at /0/b");
        assert!(!map.header().is_immutable());
        map.set(&mut vm.heap, "b".into(), outer);
        freeze(&mut vm, outer).expect("a cycle of collections");
        assert!(header_of(inner).is_some_and(|h| h.is_immutable()));
    }
}

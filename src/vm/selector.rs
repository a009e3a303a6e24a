//! Selector values (7.5, 7.6).

use super::Vm;
use super::error::Throw;
use crate::value::Value;

/// A selector of evaluated segments.
pub(super) fn new(vm: &mut Vm, _segments: &[Value]) -> Result<Value, Throw> {
    Err(vm.runtime_error("selectors are not built in"))
}

/// A selector of literal segments; nil if there is none.
pub(super) fn constant(vm: &mut Vm, segments: &[gene_isa::Symbol]) -> Value {
    let segments: Vec<Value> = segments.iter().map(|s| Value::symbol(*s)).collect();
    new(vm, &segments).unwrap_or(Value::NIL)
}

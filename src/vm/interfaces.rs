//! Interfaces (9.7).

use super::Vm;
use crate::value::Value;

/// Whether `(value is interface)`.
pub(super) fn accepts(_vm: &mut Vm, _interface: Value, _value: Value) -> bool {
    false
}

/// Intrinsics of interfaces and interceptors.
pub(super) fn intrinsic(
    vm: &mut Vm,
    which: gene_isa::Intrinsic,
    _args: &[Value],
) -> Result<Value, super::Throw> {
    Err(vm.runtime_error(format!("{} is not built in", which.name())))
}

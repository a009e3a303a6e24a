//! Adapters of interfaces: members and methods of a wrapped value (9.7).

use gene_isa::Symbol;

use super::Vm;
use super::call::MethodLike;
use super::error::Throw;
use crate::value::Value;

/// Member of an adapter; `None` if `object` is none.
pub(super) fn member(_vm: &mut Vm, _object: Value, _name: Symbol) -> Option<Result<Value, Throw>> {
    None
}

/// Sets a member of an adapter; `None` if `object` is none.
pub(super) fn set_member(
    _vm: &mut Vm,
    _object: Value,
    _name: Symbol,
    _value: Value,
) -> Option<Result<(), Throw>> {
    None
}

/// Method of an adapter.
pub(super) fn method(
    _vm: &mut Vm,
    _receiver: Value,
    _name: Symbol,
) -> Result<Option<MethodLike>, Throw> {
    Ok(None)
}

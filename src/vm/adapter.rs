//! Adapters of interfaces: members and methods of a wrapped value (9.7).

use gene_isa::Symbol;

use super::Vm;
use super::call::MethodLike;
use super::error::Throw;
use crate::object::foreign::foreign;
use crate::object::interface::{STORE, WRAPPED};
use crate::object::*;
use crate::value::Value;

/// Adapter and interface, if a value is an adapter.
fn parts<'a>(value: Value) -> Option<(&'a Adapter, &'a Interface)> {
    let adapter = foreign::<Adapter>(value)?;
    Some((adapter, foreign::<Interface>(adapter.interface)?))
}

/// The method of the implementation.
fn own_method(adapter: &Adapter, name: Symbol) -> Option<Value> {
    let implementation = foreign::<Implementation>(adapter.implementation)?;
    implementation.methods.borrow().get(&name).copied()
}

/// Member of an adapter; `None` if `object` is none.
pub(super) fn member(vm: &mut Vm, object: Value, name: Symbol) -> Option<Result<Value, Throw>> {
    let (adapter, interface) = parts(object)?;
    Some(match name.as_str() {
        WRAPPED => Ok(adapter.wrapped),
        STORE => Ok(adapter.store.value()),
        _ if interface.has_method(name) => bound_method(vm, object, adapter, name),
        _ if interface.field(name).is_some() => vm.get_member(adapter.wrapped, name),
        _ => Ok(Value::VOID),
    })
}

fn bound_method(
    vm: &mut Vm,
    object: Value,
    adapter: &Adapter,
    name: Symbol,
) -> Result<Value, Throw> {
    let (this, method) = match own_method(adapter, name) {
        Some(method) => (object, method),
        None => {
            let this = adapter.wrapped;
            match vm.class_of(this).find_method(name) {
                Some(method) => (this, method),
                None => return Err(vm.no_method(this, name)),
            }
        }
    };
    Ok(BoundMethod::new(&mut vm.heap, this, method).value())
}

/// Sets a member of an adapter; `None` if `object` is none.
pub(super) fn set_member(
    vm: &mut Vm,
    object: Value,
    name: Symbol,
    value: Value,
) -> Option<Result<(), Throw>> {
    let (adapter, interface) = parts(object)?;
    Some(match interface.field(name) {
        Some(field) if field.readonly => Err(vm.type_error(format!("Property {name} is readonly"))),
        Some(_) => vm.set_member(adapter.wrapped, name, value),
        None => {
            let interface = interface.name;
            Err(vm.type_error(format!("Property {name} is not declared on interface {interface}")))
        }
    })
}

/// Method of an adapter, which comes before those of its class: an interface
/// may declare `to_s`.
pub(super) fn method(receiver: Value, name: Symbol) -> Option<MethodLike> {
    let (adapter, interface) = parts(receiver)?;
    match own_method(adapter, name) {
        Some(method) => Some(MethodLike::Call(method, receiver)),
        None if interface.has_method(name) => Some(MethodLike::Send(adapter.wrapped)),
        None => None,
    }
}

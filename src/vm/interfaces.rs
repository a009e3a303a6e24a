//! Interfaces and their implementations (9.7).

use gene_isa::{Intrinsic, Symbol};

use super::Vm;
use super::error::Throw;
use crate::heap::Gc;
use crate::object::foreign::foreign;
use crate::object::interface::RequiredField;
use crate::object::*;
use crate::value::Value;

/// Whether `(value is interface)`: adapters of it, and instances whose class
/// says `implements`.
pub(super) fn accepts(vm: &Vm, interface: Value, value: Value) -> bool {
    match foreign::<Adapter>(value) {
        Some(adapter) => adapter.interface == interface,
        None => promises(vm.class_of(value), interface),
    }
}

/// Whether a class or an ancestor says `implements`.
fn promises(class: Gc<Class>, interface: Value) -> bool {
    class.ancestors().any(|c| c.interfaces.borrow().contains(&interface))
}

/// Intrinsics of interfaces.
pub(super) fn intrinsic(vm: &mut Vm, which: Intrinsic, args: &[Value]) -> Result<Value, Throw> {
    let a = |i: usize| args.get(i).copied().unwrap_or(Value::NIL);
    let name = |i: usize| a(i).as_symbol().unwrap_or_else(|| Symbol::intern("_"));
    match which {
        Intrinsic::NewInterface => {
            return Ok(Foreign::new(&mut vm.heap, Interface::new(name(0))).value());
        }
        Intrinsic::InterfaceMethod => {
            if let Some(interface) = foreign::<Interface>(a(0)) {
                interface.methods.borrow_mut().push(name(1));
            }
        }
        Intrinsic::InterfaceField => {
            if let Some(interface) = foreign::<Interface>(a(0)) {
                let field = RequiredField { name: name(1), readonly: a(2).is_truthy() };
                interface.fields.borrow_mut().push(field);
            }
        }
        Intrinsic::Implement => implement(vm, a(0), a(1))?,
        Intrinsic::NewImplementation => return new_implementation(vm, a(0), a(1)),
        Intrinsic::ImplMethod => add_method(vm, a(0), name(1), a(2))?,
        Intrinsic::ImplCtor => {
            if let Some(implementation) = foreign::<Implementation>(a(0)) {
                implementation.ctor.set(a(1));
                barrier(vm, a(0));
            }
        }
        Intrinsic::RegisterImpl => {
            if let Some(implementation) = foreign::<Implementation>(a(0))
                && let Some(interface) = foreign::<Interface>(implementation.interface)
            {
                interface.register(implementation.class, a(0));
                barrier(vm, implementation.interface);
            }
        }
        _ => return super::intercept::intrinsic(vm, which, args),
    }
    Ok(Value::NIL)
}

fn barrier(vm: &mut Vm, object: Value) {
    if let Some(object) = Gc::<Foreign>::from_value(object) {
        vm.heap.barrier(object);
    }
}

fn interface_of(vm: &mut Vm, value: Value) -> Result<&'static Interface, Throw> {
    match foreign::<Interface>(value) {
        Some(interface) => Ok(interface),
        None => {
            let got = vm.type_name(value);
            Err(vm.type_error(format!("implement requires an interface, got {got}")))
        }
    }
}

/// `implements I`: the compiler has checked what it knows; parents and
/// interfaces of other modules are known only now.
fn implement(vm: &mut Vm, class: Value, interface: Value) -> Result<(), Throw> {
    let info = interface_of(vm, interface)?;
    let Some(class) = Gc::<Class>::from_value(class) else { return Ok(()) };
    let methods = info.methods.borrow();
    let lacking = methods.iter().find(|m| class.find_method(**m).is_none()).map(|m| ("method", *m));
    let fields = info.fields.borrow();
    let lacking = lacking.or_else(|| {
        let field = fields.iter().find(|f| class.field(f.name).is_none());
        field.map(|f| ("field", f.name))
    });
    if let Some((what, member)) = lacking {
        return Err(vm.type_error(format!(
            "class {} does not implement {what} {member} required by interface {}",
            class.name, info.name
        )));
    }
    class.interfaces.borrow_mut().push(interface);
    vm.heap.barrier(class);
    Ok(())
}

fn new_implementation(vm: &mut Vm, interface: Value, class: Value) -> Result<Value, Throw> {
    interface_of(vm, interface)?;
    let Some(class) = Gc::<Class>::from_value(class) else {
        let got = vm.type_name(class);
        return Err(vm.type_error(format!("implement requires a class, got {got}")));
    };
    let implementation = Implementation {
        interface,
        class,
        methods: Default::default(),
        ctor: std::cell::Cell::new(Value::NIL),
    };
    Ok(Foreign::new(&mut vm.heap, implementation).value())
}

fn add_method(
    vm: &mut Vm,
    implementation: Value,
    name: Symbol,
    function: Value,
) -> Result<(), Throw> {
    let Some(info) = foreign::<Implementation>(implementation) else { return Ok(()) };
    let Some(interface) = foreign::<Interface>(info.interface) else { return Ok(()) };
    if !interface.has_method(name) {
        let interface = interface.name;
        return Err(
            vm.type_error(format!("Method {name} is not declared on interface {interface}"))
        );
    }
    info.methods.borrow_mut().insert(name, function);
    barrier(vm, implementation);
    Ok(())
}

/// `(I value args...)`: the value itself if its class implements the
/// interface, else an adapter, and the constructor that is to be called with
/// the other arguments, nil for none.
pub(super) fn adapt(
    vm: &mut Vm,
    interface: Value,
    args: &[Value],
    keywords: Option<Gc<Map>>,
) -> Result<(Value, Value), Throw> {
    let (Some(given), Some(info)) = (args.first().copied(), foreign::<Interface>(interface)) else {
        return Err(vm.args_mismatch("Expected 1 argument, got 0"));
    };
    let value = foreign::<Adapter>(given).map_or(given, |adapter| adapter.wrapped);
    let class = vm.class_of(value);
    let found = class.ancestors().find_map(|c| match c.interfaces.borrow().contains(&interface) {
        true => Some(None),
        false => info.implementation(c).map(Some),
    });
    let Some(found) = found else {
        let (interface, class) = (info.name, class.name);
        return Err(vm.type_error(format!(
            "No implementation found for interface {interface} on type {class}"
        )));
    };
    let ctor = found.and_then(foreign::<Implementation>).map_or(Value::NIL, |i| i.ctor.get());
    if ctor.is_nil() {
        if let Some((key, _)) = keywords.and_then(|k| k.entries().first().copied()) {
            return Err(vm.args_mismatch(format!("Unexpected keyword argument: {key}")));
        }
        if args.len() > 1 {
            return Err(vm.args_mismatch(format!("Expected 1 argument, got {}", args.len())));
        }
    }
    let adapted = match found {
        None => value,
        Some(implementation) => {
            let store = Map::new(&mut vm.heap, 0);
            let adapter = Adapter { interface, implementation, wrapped: value, store };
            Foreign::new(&mut vm.heap, adapter).value()
        }
    };
    Ok((adapted, ctor))
}

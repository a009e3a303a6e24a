//! HTTP/1.1: `genex/http` (13.12).
//!
//! [`wire`] speaks the protocol, on Tokio; [`client`] and [`server`] are what
//! programs see of it.

mod client;
mod server;
mod wire;

use super::*;
use crate::object::Map;
use crate::object::foreign::{Foreign, ForeignData};
use crate::object::string::text_of;
use wire::Headers;

pub(super) fn install(vm: &mut Vm) {
    client::install(vm);
    server::install(vm);
}

/// Defines a function by its name alone and as a member of `genex/http`.
fn define(vm: &mut Vm, name: &str, native: Value) {
    vm.define_value(name, native);
    vm.define_in(&format!("genex/http/{name}"), native);
}

#[cold]
fn net_error(vm: &mut Vm, message: impl AsRef<str>) -> Throw {
    vm.error(ClassName::NetworkException, "GENE.NET.ERROR", message.as_ref())
}

/// An object with these fields.
fn object(vm: &mut Vm, data: impl ForeignData, fields: &[(&str, Value)]) -> Value {
    let fields: Vec<_> = fields.iter().map(|(name, v)| (Symbol::intern(name), *v)).collect();
    let props = Map::from_entries(&mut vm.heap, &fields).value();
    let object = Foreign::new(&mut vm.heap, data);
    object.props.set(props);
    vm.heap.barrier(object);
    object.value()
}

/// A field of such an object.
fn field(object: Value, name: &str) -> Value {
    let props = Gc::<Foreign>::from_value(object).map_or(Value::NIL, |o| o.props.get());
    let props = Gc::<Map>::from_value(props);
    props.and_then(|p| p.get(Symbol::intern(name))).unwrap_or(Value::NIL)
}

/// Headers as a program gives them: a map, or nil. Arrays stand for headers
/// that are repeated.
fn headers_arg(vm: &mut Vm, headers: Value) -> Result<Headers, Throw> {
    let mut all = Headers::new();
    if headers.is_nil() {
        return Ok(all);
    }
    let Some(map) = Gc::<Map>::from_value(headers) else {
        let kind = vm.type_name(headers);
        return Err(vm.arg_error(format!("headers must be a map, got {kind}")));
    };
    for (name, value) in map.entries() {
        let values = Gc::<Array>::from_value(value).map_or_else(|| vec![value], |a| a.to_vec());
        for value in values {
            all.push((name.as_str().to_owned(), vm.display_text(value)));
        }
    }
    wire::check_headers(&all).map_err(|error| vm.arg_error(error))?;
    Ok(all)
}

/// Headers as a program sees them.
fn headers_map(vm: &mut Vm, headers: &Headers) -> Value {
    let map = Map::new(&mut vm.heap, headers.len());
    for (name, value) in headers {
        let name = Symbol::intern(name);
        let value = text(vm, value);
        let value = match map.get(name) {
            None => value,
            Some(first) => match Gc::<Array>::from_value(first) {
                Some(all) => {
                    all.push(&mut vm.heap, value);
                    continue;
                }
                None => array(vm, &[first, value]),
            },
        };
        map.set(&mut vm.heap, name, value);
    }
    map.value()
}

/// A body as a program gives it; a map or an array is sent as JSON, which the
/// headers then say.
fn body_arg(vm: &mut Vm, body: Value, headers: &mut Headers) -> Result<String, Throw> {
    if let Some(body) = text_of(body) {
        return Ok(body.to_owned());
    }
    if body.is_nil() {
        return Ok(String::new());
    }
    if Gc::<Map>::from_value(body).is_none() && Gc::<Array>::from_value(body).is_none() {
        return Ok(vm.display_text(body));
    }
    let json = super::json::to_text(vm, body)?;
    if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
        headers.push(("content-type".into(), "application/json".into()));
    }
    Ok(json)
}

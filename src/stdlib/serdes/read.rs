//! Text to values.

use gene_isa::Symbol;

use super::{HEADS, MAX_DEPTH};
use crate::heap::Gc;
use crate::object::record::as_record;
use crate::object::string::text_of;
use crate::object::{Array, Class, Gene, HashObject, Kind, PathSymbol, Variant, kind_of};
use crate::value::Value;
use crate::vm::import::exported;
use crate::vm::{Throw, Vm};

/// The value of a serialized text, or of one of plain data.
pub(super) fn value_of(vm: &mut Vm, text: &str) -> Result<Value, Throw> {
    let values = vm.read_data(text)?;
    let &[value] = &values[..] else {
        return Err(vm.parse_error("serialized text is one value"));
    };
    let Some(gene) = Gc::<Gene>::from_value(value) else { return Ok(value) };
    let head = Gc::<PathSymbol>::from_value(gene.head.get()).map(|p| p.symbols());
    let head: Vec<&str> = head.iter().flatten().map(|s| s.as_str()).collect();
    if head != ["gene", "serialization"] {
        return Ok(value);
    }
    let Some(inner) = gene.children.get(0).filter(|_| gene.children.len() == 1) else {
        return Err(vm.parse_error("gene/serialization has one value"));
    };
    let mark = vm.root_mark();
    // All that has been read stays alive: parts are replaced in place.
    vm.root(value);
    let read = decode(vm, inner, 0);
    vm.unroot(mark);
    read
}

/// The value that data stands for: references within are replaced.
fn decode(vm: &mut Vm, value: Value, depth: usize) -> Result<Value, Throw> {
    if depth > MAX_DEPTH {
        return Err(vm.parse_error("serialized data is nested too deeply"));
    }
    match kind_of(value) {
        Some(Kind::Array) => {
            if let Some(array) = Gc::<Array>::from_value(value) {
                decode_items(vm, array, depth)?;
            }
        }
        Some(Kind::Map) => decode_entries(vm, value, depth)?,
        Some(Kind::HashObject) => {
            let Some(table) = Gc::<HashObject>::from_value(value) else { return Ok(value) };
            for (key, item) in table.entries() {
                let (new_key, new_item) =
                    (decode(vm, key, depth + 1)?, decode(vm, item, depth + 1)?);
                if new_key != key {
                    let message = "references as keys of hash maps cannot be read";
                    return Err(vm.runtime_error(message));
                }
                if new_item != item {
                    vm.table_set(table, key, new_item)?;
                }
            }
        }
        Some(Kind::Gene) => return decode_gene(vm, value, depth),
        _ => {}
    }
    Ok(value)
}

fn decode_items(vm: &mut Vm, array: Gc<Array>, depth: usize) -> Result<(), Throw> {
    for index in 0..array.len() {
        let Some(item) = array.get(index) else { break };
        let made = decode(vm, item, depth + 1)?;
        if made != item {
            array.set(&mut vm.heap, index, made);
        }
    }
    Ok(())
}

fn decode_entries(vm: &mut Vm, map: Value, depth: usize) -> Result<(), Throw> {
    let entries = as_record(map).map(|m| m.entries()).unwrap_or_default();
    for (key, item) in entries {
        let made = decode(vm, item, depth + 1)?;
        if made != item
            && let Some(map) = as_record(map)
        {
            map.set(&mut vm.heap, key, made);
        }
    }
    Ok(())
}

fn decode_gene(vm: &mut Vm, value: Value, depth: usize) -> Result<Value, Throw> {
    let Some(gene) = Gc::<Gene>::from_value(value) else { return Ok(value) };
    let head = gene.head.get().as_symbol().map_or("", |s| s.as_str());
    match head {
        "Data" => match gene.children.get(0) {
            Some(inner) => {
                if let Some(inner) = Gc::<Gene>::from_value(inner) {
                    decode_parts(vm, inner, depth)?;
                }
                Ok(inner)
            }
            None => Err(unresolved(vm, value)),
        },
        "EnumValue" => {
            decode_items(vm, gene.children, depth)?;
            let payload = gene.children.get(1).and_then(Gc::<Array>::from_value);
            match (gene.children.get(0), payload) {
                (Some(variant), Some(payload)) if is_variant(variant) => {
                    let payload = payload.to_vec();
                    vm.call(variant, &payload)
                }
                _ => Err(unresolved(vm, value)),
            }
        }
        "Instance" => {
            decode_items(vm, gene.children, depth)?;
            let class = gene.children.get(0).and_then(Gc::<Class>::from_value);
            let method = class.and_then(|c| c.find_method(Symbol::intern("deserialize")));
            match (class, method, gene.children.get(1)) {
                (Some(class), Some(method), Some(payload)) => {
                    vm.call_method_value(method, class.value(), &[payload])
                }
                _ => Err(unresolved(vm, value)),
            }
        }
        _ if HEADS.contains(&head) => resolve(vm, value, gene, head),
        _ => {
            decode_parts(vm, gene, depth)?;
            Ok(value)
        }
    }
}

fn decode_parts(vm: &mut Vm, gene: Gc<Gene>, depth: usize) -> Result<(), Throw> {
    let head = decode(vm, gene.head.get(), depth + 1)?;
    if head != gene.head.get() {
        gene.set_head(&mut vm.heap, head);
    }
    if let Some(props) = gene.props() {
        decode_entries(vm, props.value(), depth)?;
    }
    decode_items(vm, gene.children, depth)
}

fn is_variant(value: Value) -> bool {
    Gc::<Variant>::from_value(value).is_some()
}

/// What a reference names; its module is loaded if necessary.
fn resolve(vm: &mut Vm, value: Value, gene: Gc<Gene>, head: &str) -> Result<Value, Throw> {
    let field = |name: &str| text_of(gene.props()?.get(Symbol::intern(name))?).map(str::to_owned);
    let Some(path) = field("path") else { return Err(unresolved(vm, value)) };
    let mut names = path.split('/').map(Symbol::intern);
    let first = names.next();
    let mut found = match (field("module"), first) {
        (Some(module), Some(name)) => {
            let module = vm.load_module(&module)?;
            exported(&module, name)
        }
        (None, Some(name)) => vm.builtins.get(&name).copied(),
        (_, None) => None,
    };
    for name in names {
        let Some(outer) = found else { break };
        found = Some(vm.get_member(outer, name)?).filter(|v| !v.is_void());
    }
    let kind = found.and_then(kind_of);
    let fits = match head {
        "ClassRef" => kind == Some(Kind::Class),
        "FunctionRef" => matches!(kind, Some(Kind::Function | Kind::Native)),
        "NamespaceRef" => kind == Some(Kind::Namespace),
        "EnumRef" => matches!(kind, Some(Kind::Enum | Kind::Variant)),
        _ => kind == Some(Kind::Instance),
    };
    match found {
        Some(found) if fits => Ok(found),
        _ => Err(unresolved(vm, value)),
    }
}

#[cold]
fn unresolved(vm: &mut Vm, value: Value) -> Throw {
    let shown = vm.display(value);
    vm.runtime_error(format!("the reference {shown} cannot be resolved"))
}

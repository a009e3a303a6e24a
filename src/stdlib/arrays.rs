//! Arrays (5.1), and `len`. Methods with callbacks are in the prelude.

use std::cmp::Ordering;

use gene_isa::backend::KnownNative;

use super::*;
use crate::heap::header::header_of;
use crate::object::foreign::Foreign;
use crate::object::{Bytes, Gene, HashObject, Map, Range, misc, string};

pub(super) fn install(vm: &mut Vm) {
    methods(vm, ClassName::Array, METHODS);
    functions(vm, FUNCTIONS);
    for class in [ClassName::Array, ClassName::Map, ClassName::HashMap, ClassName::HashSet] {
        vm.method(class, &["immutable?"], 0, 0, immutable);
    }
    vm.method(ClassName::Gene, &["immutable?"], 0, 0, immutable);
}

const METHODS: &Natives = &[
    (&["size", "length"], 0, 0, size),
    (&["get"], 1, 2, get),
    (&["first"], 0, 0, first),
    (&["last"], 0, 0, last),
    (&["add", "append"], 1, 1, add),
    (&["push"], 1, 1, push),
    (&["pop"], 0, 0, pop),
    (&["set"], 2, 2, set),
    (&["del"], 1, 1, del),
    (&["clear"], 0, 0, clear),
    (&["empty?", "empty"], 0, 0, is_empty),
    (&["not_empty?"], 0, 0, not_empty),
    (&["contains"], 1, 1, contains),
    (&["index_of"], 1, 1, index_of),
    (&["take"], 1, 1, take),
    (&["skip"], 1, 1, skip),
    (&["slice"], 1, 2, slice),
    (&["reverse"], 0, 0, reverse),
    (&["zip"], 1, 1, zip),
    (&["pairs"], 0, 0, pairs),
    (&["join"], 0, 1, join),
    (&["to_map"], 0, 0, to_map),
];

/// Natives that machine code can do without.
pub(super) const KNOWN: [(NativeFn, KnownNative); 2] =
    [(add, KnownNative::ArrayAdd), (size, KnownNative::ArraySize)];

const FUNCTIONS: &Natives = &[(&["len"], 1, 1, len), (&["__sort"], 1, 1, sort)];

/// Number of elements, entries, children, characters, bytes or steps.
fn len(vm: &mut Vm, args: Args) -> Outcome {
    let value = args.get(0);
    let len = if let Some(array) = Gc::<Array>::from_value(value) {
        array.len()
    } else if let Some(map) = Gc::<Map>::from_value(value) {
        map.len()
    } else if let Some(string) = Gc::<Str>::from_value(value) {
        string.chars()
    } else if let Some(table) = Gc::<HashObject>::from_value(value) {
        table.len()
    } else if let Some(gene) = Gc::<Gene>::from_value(value) {
        gene.children.len()
    } else if let Some(bytes) = Gc::<Bytes>::from_value(value) {
        bytes.as_slice().len()
    } else if let Some(range) = Gc::<Range>::from_value(value) {
        return Ok(int(vm, i64::try_from(range.len()).unwrap_or(i64::MAX)));
    } else {
        0
    };
    Ok(int(vm, len as i64))
}

fn immutable(_: &mut Vm, args: Args) -> Outcome {
    Ok(Value::bool(header_of(args.this()).is_some_and(|h| h.is_immutable())))
}

fn size(vm: &mut Vm, args: Args) -> Outcome {
    let array = this::<Array>(vm, args)?;
    Ok(int(vm, array.len() as i64))
}

fn get(vm: &mut Vm, args: Args) -> Outcome {
    let array = this::<Array>(vm, args)?;
    let index = vm.int_arg(args, 0)?;
    let found = position(index, array.len()).and_then(|i| array.get(i));
    Ok(found.unwrap_or(args.get(1)))
}

fn first(vm: &mut Vm, args: Args) -> Outcome {
    Ok(this::<Array>(vm, args)?.get(0).unwrap_or(Value::NIL))
}

fn last(vm: &mut Vm, args: Args) -> Outcome {
    Ok(this::<Array>(vm, args)?.slice().last().copied().unwrap_or(Value::NIL))
}

fn add(vm: &mut Vm, args: Args) -> Outcome {
    push_to(vm, args)?;
    Ok(args.this())
}

fn push(vm: &mut Vm, args: Args) -> Outcome {
    let len = push_to(vm, args)?;
    Ok(int(vm, len as i64))
}

#[inline]
fn push_to(vm: &mut Vm, args: Args) -> Result<usize, Throw> {
    let array = this::<Array>(vm, args)?;
    check_mutable(vm, args.this(), "append to")?;
    array.push(&mut vm.heap, args.get(0));
    Ok(array.len())
}

fn pop(vm: &mut Vm, args: Args) -> Outcome {
    let array = this::<Array>(vm, args)?;
    check_mutable(vm, args.this(), "pop from")?;
    Ok(array.pop().unwrap_or(Value::NIL))
}

fn set(vm: &mut Vm, args: Args) -> Outcome {
    let array = this::<Array>(vm, args)?;
    check_mutable(vm, args.this(), "set item on")?;
    let index = vm.int_arg(args, 0)?;
    match position(index, array.len()) {
        Some(index) => array.set(&mut vm.heap, index, args.get(1)),
        None => return Err(vm.arg_error("set index out of bounds")),
    };
    Ok(args.this())
}

fn del(vm: &mut Vm, args: Args) -> Outcome {
    let array = this::<Array>(vm, args)?;
    check_mutable(vm, args.this(), "delete from")?;
    let index = vm.int_arg(args, 0)?;
    match position(index, array.len()).and_then(|i| array.remove(i)) {
        Some(value) => Ok(value),
        None => Err(vm.arg_error("del index out of bounds")),
    }
}

fn clear(vm: &mut Vm, args: Args) -> Outcome {
    let array = this::<Array>(vm, args)?;
    check_mutable(vm, args.this(), "clear")?;
    array.clear();
    Ok(args.this())
}

fn is_empty(vm: &mut Vm, args: Args) -> Outcome {
    Ok(Value::bool(this::<Array>(vm, args)?.is_empty()))
}

fn not_empty(vm: &mut Vm, args: Args) -> Outcome {
    Ok(Value::bool(!this::<Array>(vm, args)?.is_empty()))
}

/// First position of an equal element. The array is looked at anew after
/// each comparison, which may call a method that changes it.
pub(super) fn find(vm: &mut Vm, array: Gc<Array>, value: Value) -> Result<Option<usize>, Throw> {
    let mut index = 0;
    while let Some(element) = array.get(index) {
        if vm.equal(element, value)? {
            return Ok(Some(index));
        }
        index += 1;
    }
    Ok(None)
}

fn contains(vm: &mut Vm, args: Args) -> Outcome {
    let array = this::<Array>(vm, args)?;
    Ok(Value::bool(find(vm, array, args.get(0))?.is_some()))
}

fn index_of(vm: &mut Vm, args: Args) -> Outcome {
    let array = this::<Array>(vm, args)?;
    let found = find(vm, array, args.get(0))?;
    Ok(int(vm, found.map_or(-1, |i| i as i64)))
}

fn take(vm: &mut Vm, args: Args) -> Outcome {
    let elements = this::<Array>(vm, args)?.elements();
    let n = vm.int_arg(args, 0)?.clamp(0, elements.len() as i64) as usize;
    Ok(array(vm, &elements[..n]))
}

fn skip(vm: &mut Vm, args: Args) -> Outcome {
    let elements = this::<Array>(vm, args)?.elements();
    let n = vm.int_arg(args, 0)?.clamp(0, elements.len() as i64) as usize;
    Ok(array(vm, &elements[n..]))
}

fn slice(vm: &mut Vm, args: Args) -> Outcome {
    let elements = this::<Array>(vm, args)?.elements();
    let from = bound(vm.int_arg(args, 0)?, elements.len());
    let to = match args.len() {
        1 => elements.len(),
        _ => bound(vm.int_arg(args, 1)?, elements.len()),
    };
    Ok(array(vm, elements.get(from..to).unwrap_or_default()))
}

fn reverse(vm: &mut Vm, args: Args) -> Outcome {
    let mut elements = this::<Array>(vm, args)?.to_vec();
    elements.reverse();
    Ok(array(vm, &elements))
}

fn zip(vm: &mut Vm, args: Args) -> Outcome {
    let elements = this::<Array>(vm, args)?.elements();
    let Some(others) = Gc::<Array>::from_value(args.get(0)) else {
        return Err(vm.wrong_arg(args, 0, "an array"));
    };
    let pairs = elements.iter().zip(others.elements());
    let pairs: Vec<Value> = pairs.map(|(a, b)| array(vm, &[*a, *b])).collect();
    Ok(array(vm, &pairs))
}

fn pairs(vm: &mut Vm, args: Args) -> Outcome {
    let elements = this::<Array>(vm, args)?.elements().iter().enumerate();
    let pairs: Vec<Value> =
        elements.map(|(i, v)| array(vm, &[Value::small_int(i as i64), *v])).collect();
    Ok(array(vm, &pairs))
}

fn join(vm: &mut Vm, args: Args) -> Outcome {
    let elements = this::<Array>(vm, args)?.elements();
    let separator = match args.len() {
        0 => String::new(),
        _ => match args.get(0).as_char() {
            Some(c) => c.to_string(),
            None => vm.str_arg(args, 0)?.to_owned(),
        },
    };
    if let Some(texts) = strings(elements) {
        let ascii = separator.is_ascii() && texts.clone().all(|text| text.is_ascii());
        let pieces = texts.enumerate().flat_map(|(i, text)| {
            let before = if i > 0 { separator.as_str() } else { "" };
            [before, text.text()]
        });
        return Ok(Str::concat_as(&mut vm.heap, pieces, ascii).value());
    }
    let mut out = String::new();
    for (i, element) in elements.iter().enumerate() {
        if i > 0 {
            out.push_str(&separator);
        }
        // As `.to_s`: nil is empty.
        if !element.is_nil() {
            vm.display_text_to(&mut out, *element);
        }
    }
    Ok(text(vm, &out))
}

/// The elements, if all are strings.
fn strings(elements: &[Value]) -> Option<impl Iterator<Item = Gc<Str>> + Clone> {
    let all = elements.iter().all(|element| Gc::<Str>::from_value(*element).is_some());
    all.then(|| elements.iter().filter_map(|element| Gc::<Str>::from_value(*element)))
}

fn to_map(vm: &mut Vm, args: Args) -> Outcome {
    let elements = this::<Array>(vm, args)?.elements();
    let map = Map::new(&mut vm.heap, elements.len());
    for element in elements {
        let entry = Gc::<Array>::from_value(*element).and_then(|pair| match *pair.elements() {
            [key, value] => {
                let number = || misc::int_of(key).map(|i| Symbol::intern(&i.to_string()));
                Some((vm.name_of(key).or_else(number)?, value))
            }
            _ => None,
        });
        match entry {
            Some((key, value)) => map.set(&mut vm.heap, key, value),
            None => return Err(vm.arg_error("to_map expects [key value] pairs")),
        }
    }
    Ok(map.value())
}

/// `.sort` without a function.
fn sort(vm: &mut Vm, args: Args) -> Outcome {
    let Some(source) = Gc::<Array>::from_value(args.get(0)) else {
        return Err(vm.wrong_arg(args, 0, "an array"));
    };
    let mut values = source.to_vec();
    let comparable =
        values.iter().all(|v| order(*v, *v).is_some() && order(values[0], *v).is_some());
    let mut failed = !comparable;
    if comparable {
        values.sort_by(|a, b| {
            order(*a, *b).unwrap_or_else(|| {
                failed = true;
                Ordering::Equal
            })
        });
    }
    if failed {
        return Err(vm.type_error(
            "sort without a function compares numbers, strings, symbols, dates or times, all of one kind",
        ));
    }
    Ok(array(vm, &values))
}

/// Total order of values of one kind, NaN behind all numbers; `None` for
/// values that have none.
fn order(a: Value, b: Value) -> Option<Ordering> {
    if let (Some(a), Some(b)) = (misc::int_of(a), misc::int_of(b)) {
        return Some(a.cmp(&b));
    }
    if let (Some(a), Some(b)) = (string::text_of(a), string::text_of(b)) {
        // Byte order of UTF-8 is the order of code points.
        return Some(a.cmp(b));
    }
    if let (Some(a), Some(b)) = (a.as_symbol(), b.as_symbol()) {
        return Some(a.as_str().cmp(b.as_str()));
    }
    if let (Some(a), Some(b)) = (Gc::<Foreign>::from_value(a), Gc::<Foreign>::from_value(b)) {
        return a.data.compare(&*b.data);
    }
    order_numbers(a, b)
}

fn order_numbers(a: Value, b: Value) -> Option<Ordering> {
    let mixed = |float: f64, int: i64| compare_mixed(float, int);
    match (a.as_float(), b.as_float()) {
        (Some(a), Some(b)) => {
            Some(a.partial_cmp(&b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan())))
        }
        (Some(a), None) => Some(mixed(a, misc::int_of(b)?)),
        (None, Some(b)) => Some(mixed(b, misc::int_of(a)?).reverse()),
        (None, None) => None,
    }
}

/// Exact comparison: an Int beyond 53 bits has no Float of the same value.
fn compare_mixed(float: f64, int: i64) -> Ordering {
    if float.is_nan() || float >= 9_223_372_036_854_775_808.0 {
        return Ordering::Greater;
    }
    if float < -9_223_372_036_854_775_808.0 {
        return Ordering::Less;
    }
    let whole = float.trunc();
    (whole as i64).cmp(&int).then(float.partial_cmp(&whole).unwrap_or(Ordering::Equal))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_compare_exactly() {
        assert_eq!(compare_mixed(9_007_199_254_740_992.0, 9_007_199_254_740_993), Ordering::Less);
        assert_eq!(compare_mixed(-1.5, -1), Ordering::Less);
        assert_eq!(compare_mixed(f64::INFINITY, i64::MAX), Ordering::Greater);
        assert_eq!(compare_mixed(f64::NAN, i64::MAX), Ordering::Greater);
    }

    #[test]
    fn positions_count_from_the_end() {
        assert_eq!((position(-1, 3), position(-4, 3), position(3, 3)), (Some(2), None, None));
        assert_eq!((bound(-1, 3), bound(-9, 3), bound(9, 3)), (2, 0, 3));
        assert_eq!(position(i64::MIN, 3), None);
    }
}

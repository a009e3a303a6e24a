//! Strings (13.3), but for what searches in them: that is in
//! [`patterns`](super::patterns).

use super::{Natives, Outcome, array, constructor, int, methods, text};
use crate::heap::Gc;
use crate::object::{Bytes, Str, string};
use crate::value::Value;
use crate::vm::{ANY, Args, ClassName, Throw, Vm};

pub(super) fn install(vm: &mut Vm) {
    methods(vm, ClassName::String, STRING);
    methods(vm, ClassName::Nil, NOTHING);
    methods(vm, ClassName::Void, NOTHING);
    constructor(vm, ClassName::String, 0, ANY, new);
}

const STRING: &Natives = &[
    (&["length", "size"], 0, 0, length),
    (&["bytesize"], 0, 0, |vm, args| Ok(Value::small_int(this(vm, args)?.len() as i64))),
    (&["empty?"], 0, 0, |vm, args| Ok(Value::bool(this(vm, args)?.is_empty()))),
    (&["not_empty?"], 0, 0, |vm, args| Ok(Value::bool(!this(vm, args)?.is_empty()))),
    (&["to_upper", "upper", "upcase", "to_uppercase"], 0, 0, to_upper),
    (&["to_lower", "lower", "downcase", "to_lowercase"], 0, 0, to_lower),
    (&["capitalize"], 0, 0, capitalize),
    (&["reverse"], 0, 0, reverse),
    (&["append"], 0, ANY, append),
    (&["substr"], 1, 2, substr),
    (&["char_at"], 1, 1, char_at),
    (&["chars", "each_char"], 0, 0, chars),
    (&["bytes", "to_bytes"], 0, 0, bytes),
    (&["each_byte"], 0, 0, each_byte),
    (&["byte_at"], 1, 1, byte_at),
    (&["byteslice", "byte_slice"], 1, 2, byteslice),
    (&["trim", "strip"], 0, 0, |vm, args| trimmed(vm, args, str::trim)),
    (&["lstrip"], 0, 0, |vm, args| trimmed(vm, args, str::trim_start)),
    (&["rstrip"], 0, 0, |vm, args| trimmed(vm, args, str::trim_end)),
    (&["starts_with", "start_with?"], 1, 1, starts_with),
    (&["ends_with", "end_with?"], 1, 1, ends_with),
    (&["to_i"], 0, 0, to_i),
    (&["to_f"], 0, 0, to_f),
];

/// `nil` and `void` are empty (2.3).
const NOTHING: &Natives = &[
    (&["empty?"], 0, 0, |_, _| Ok(Value::TRUE)),
    (&["not_empty?"], 0, 0, |_, _| Ok(Value::FALSE)),
];

/// The receiver.
fn this(vm: &mut Vm, args: Args) -> Result<Gc<Str>, Throw> {
    super::this(vm, args)
}

/// `part` of the string `whole`, which is used again if nothing was cut off.
pub(super) fn part_of(vm: &mut Vm, whole: Gc<Str>, part: &str) -> Value {
    if part.len() == whole.len() { whole.value() } else { text(vm, part) }
}

fn length(vm: &mut Vm, args: Args) -> Outcome {
    Ok(Value::small_int(this(vm, args)?.chars() as i64))
}

fn to_upper(vm: &mut Vm, args: Args) -> Outcome {
    let this = this(vm, args)?;
    let upper =
        if this.is_ascii() { this.text().to_ascii_uppercase() } else { this.text().to_uppercase() };
    Ok(text(vm, &upper))
}

fn to_lower(vm: &mut Vm, args: Args) -> Outcome {
    let this = this(vm, args)?;
    let lower =
        if this.is_ascii() { this.text().to_ascii_lowercase() } else { this.text().to_lowercase() };
    Ok(text(vm, &lower))
}

fn capitalize(vm: &mut Vm, args: Args) -> Outcome {
    let this = this(vm, args)?.text();
    let mut chars = this.chars();
    let mut result: String = chars.next().into_iter().flat_map(char::to_uppercase).collect();
    result.push_str(&chars.as_str().to_lowercase());
    Ok(text(vm, &result))
}

fn reverse(vm: &mut Vm, args: Args) -> Outcome {
    let reversed: String = this(vm, args)?.text().chars().rev().collect();
    Ok(text(vm, &reversed))
}

/// Appends the display forms of values; `nil` appends nothing.
fn append_all(vm: &Vm, out: &mut String, values: impl Iterator<Item = Value>) {
    for value in values.filter(|v| !v.is_nil()) {
        vm.display_text_to(out, value);
    }
}

fn append(vm: &mut Vm, args: Args) -> Outcome {
    let this = this(vm, args)?;
    if let (1, Some(tail)) = (args.len(), string::text_of(args.get(0))) {
        return Ok(Str::concat(&mut vm.heap, &[this.text(), tail]).value());
    }
    let mut result = this.text().to_owned();
    append_all(vm, &mut result, args.iter());
    Ok(text(vm, &result))
}

fn new(vm: &mut Vm, args: Args) -> Outcome {
    vm.keywords_of(&[])?;
    let mut result = String::new();
    append_all(vm, &mut result, args.iter());
    Ok(text(vm, &result))
}

/// The half-open range of positions that `i` to `j` (inclusive) means in
/// something of `len` elements: negative ones count from the end, what lies
/// outside is cut.
fn inclusive(len: usize, i: i64, j: Option<i64>) -> std::ops::Range<usize> {
    let len = len as i64;
    let from_end = |p: i64| if p < 0 { p.saturating_add(len) } else { p };
    let start = from_end(i).clamp(0, len);
    let end = from_end(j.unwrap_or(len)).saturating_add(1).clamp(start, len);
    start as usize..end as usize
}

fn bounds(vm: &mut Vm, args: Args) -> Result<(i64, Option<i64>), Throw> {
    let start = vm.int_arg(args, 0)?;
    let end = if args.len() > 1 { Some(vm.int_arg(args, 1)?) } else { None };
    Ok((start, end))
}

fn substr(vm: &mut Vm, args: Args) -> Outcome {
    let this = this(vm, args)?;
    let (i, j) = bounds(vm, args)?;
    let range = inclusive(this.chars(), i, j);
    let whole = this.text();
    let part = match this.is_ascii() {
        true => &whole[range],
        false => {
            let start = byte_position(whole, range.start);
            let len = byte_position(&whole[start..], range.len());
            &whole[start..start + len]
        }
    };
    Ok(part_of(vm, this, part))
}

/// Byte position of the character at `index`, or the end.
pub(super) fn byte_position(text: &str, index: usize) -> usize {
    text.char_indices().nth(index).map_or(text.len(), |(at, _)| at)
}

fn char_at(vm: &mut Vm, args: Args) -> Outcome {
    let this = this(vm, args)?;
    let index = vm.int_arg(args, 0)?;
    let found = usize::try_from(index).ok().and_then(|i| match this.is_ascii() {
        true => this.text().as_bytes().get(i).map(|b| *b as char),
        false => this.text().chars().nth(i),
    });
    match found {
        Some(c) => Ok(Value::char(c)),
        None => {
            let size = this.chars();
            let message = format!("String index out of bounds: {index} (size: {size})");
            Err(vm.arg_error(message))
        }
    }
}

fn chars(vm: &mut Vm, args: Args) -> Outcome {
    let chars: Vec<Value> = this(vm, args)?.text().chars().map(Value::char).collect();
    Ok(array(vm, &chars))
}

fn bytes(vm: &mut Vm, args: Args) -> Outcome {
    let this = this(vm, args)?;
    Ok(Bytes::new(&mut vm.heap, this.text().as_bytes()).value())
}

fn each_byte(vm: &mut Vm, args: Args) -> Outcome {
    let this = this(vm, args)?.text();
    let bytes: Vec<Value> = this.bytes().map(|b| Value::small_int(b as i64)).collect();
    Ok(array(vm, &bytes))
}

fn byte_at(vm: &mut Vm, args: Args) -> Outcome {
    let bytes = this(vm, args)?.text().as_bytes();
    let index = vm.int_arg(args, 0)?;
    let at = if index < 0 { index.saturating_add(bytes.len() as i64) } else { index };
    match usize::try_from(at).ok().and_then(|at| bytes.get(at)) {
        Some(byte) => Ok(Value::small_int(*byte as i64)),
        None => {
            let message = format!("String index out of bounds: {index} (size: {})", bytes.len());
            Err(vm.arg_error(message))
        }
    }
}

fn byteslice(vm: &mut Vm, args: Args) -> Outcome {
    let bytes = this(vm, args)?.text().as_bytes();
    let (i, j) = bounds(vm, args)?;
    let part = &bytes[inclusive(bytes.len(), i, j)];
    Ok(Bytes::new(&mut vm.heap, part).value())
}

fn trimmed(vm: &mut Vm, args: Args, trim: fn(&str) -> &str) -> Outcome {
    let this = this(vm, args)?;
    Ok(part_of(vm, this, trim(this.text())))
}

fn starts_with(vm: &mut Vm, args: Args) -> Outcome {
    let this = this(vm, args)?;
    Ok(Value::bool(this.text().starts_with(vm.str_arg(args, 0)?)))
}

fn ends_with(vm: &mut Vm, args: Args) -> Outcome {
    let this = this(vm, args)?;
    Ok(Value::bool(this.text().ends_with(vm.str_arg(args, 0)?)))
}

fn to_i(vm: &mut Vm, args: Args) -> Outcome {
    let digits = this(vm, args)?.text().trim();
    match digits.parse() {
        Ok(number) => Ok(int(vm, number)),
        Err(_) => Err(vm.arg_error("to_i requires a numeric string")),
    }
}

fn to_f(vm: &mut Vm, args: Args) -> Outcome {
    let digits = this(vm, args)?.text().trim();
    // `parse` also reads `inf`, `infinity` and `nan`, which are no numbers.
    let word = digits.bytes().any(|b| b.is_ascii_alphabetic() && !b.eq_ignore_ascii_case(&b'e'));
    match digits.parse() {
        Ok(number) if !word => Ok(Value::float(number)),
        _ => Err(vm.arg_error("to_f requires a numeric string")),
    }
}

#[cfg(test)]
mod tests {
    use super::inclusive;

    #[test]
    fn positions_outside_are_cut() {
        assert_eq!(inclusive(6, 2, None), 2..6);
        assert_eq!(inclusive(6, 1, Some(3)), 1..4);
        assert_eq!(inclusive(6, -2, None), 4..6);
        assert_eq!(inclusive(6, 1, Some(-2)), 1..5);
        assert!(inclusive(6, 4, Some(1)).is_empty());
        assert!(inclusive(3, 9, None).is_empty());
        assert_eq!(inclusive(3, i64::MIN, Some(i64::MAX)), 0..3);
        assert!(inclusive(3, i64::MAX, Some(i64::MIN)).is_empty());
    }
}

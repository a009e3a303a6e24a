//! Searching, splitting and replacing, by strings and regexes. The methods that
//! both strings and regexes have are one function here: either is the receiver
//! and the other one the first argument.

use memchr::{memchr_iter, memmem};

use super::regex::{self, Template};
use super::strings::{byte_position, part_of};
use super::{Outcome, array, this};
use crate::heap::Gc;
use crate::object::foreign::foreign;
use crate::object::regex::RegexData;
use crate::object::{Str, string};
use crate::value::Value;
use crate::vm::{Args, ClassName, Throw, Vm};

/// What is searched for, valid until the next safepoint.
#[derive(Clone, Copy)]
pub(super) enum Pattern<'a> {
    Text(&'a str),
    Regex(&'a RegexData, &'a ::regex::Regex),
}

/// The string and the pattern of a method call; further arguments begin at 1.
struct Call<'a> {
    subject: Gc<Str>,
    text: &'a str,
    pattern: Pattern<'a>,
    args: Args,
}

pub(super) fn install(vm: &mut Vm) {
    macro_rules! on_both {
        ($names:expr, $min:literal, $max:literal, $function:expr) => {
            vm.method(ClassName::String, $names, $min, $max, |vm, args| {
                let call = Call::of_string(vm, args)?;
                $function(vm, call)
            });
            vm.method(ClassName::Regexp, $names, $min, $max, |vm, args| {
                let call = Call::of_regex(vm, args)?;
                $function(vm, call)
            });
        };
    }
    macro_rules! on_string {
        ($names:expr, $min:literal, $max:literal, $function:expr) => {
            vm.method(ClassName::String, $names, $min, $max, |vm, args| {
                let call = Call::of_string(vm, args)?;
                $function(vm, call)
            });
        };
    }
    on_both!(&["split"], 1, 2, split);
    on_both!(&["find"], 1, 1, find);
    on_both!(&["find_all", "scan"], 1, 1, find_all);
    on_both!(&["replace", "sub"], 1, 2, |vm, call| replace(vm, call, false));
    on_both!(&["replace_all", "gsub"], 1, 2, |vm, call| replace(vm, call, true));
    on_both!(&["match?"], 1, 1, is_match);
    on_both!(&["match"], 1, 1, match_object);
    vm.method(ClassName::Regexp, &["process"], 1, 1, |vm, args| {
        let call = Call::of_regex(vm, args)?;
        match_object(vm, call)
    });
    on_string!(&["contain", "include?", "contains"], 1, 1, contain);
    on_string!(&["index"], 1, 2, index);
    on_string!(&["rindex"], 1, 2, rindex);
}

impl<'a> Call<'a> {
    fn of_string(vm: &mut Vm, args: Args) -> Result<Call<'a>, Throw> {
        let subject = this::<Str>(vm, args)?;
        let pattern = match (string::text_of(args.get(0)), foreign::<RegexData>(args.get(0))) {
            (Some(text), _) => Pattern::Text(text),
            (_, Some(data)) => Pattern::Regex(data, regex::compiled(vm, data)?),
            _ => return Err(vm.wrong_arg(args, 0, "a string or regex")),
        };
        Ok(Call { subject, text: subject.text(), pattern, args })
    }

    fn of_regex(vm: &mut Vm, args: Args) -> Result<Call<'a>, Throw> {
        let Some(subject) = Gc::<Str>::from_value(args.get(0)) else {
            return Err(vm.wrong_arg(args, 0, "a string"));
        };
        let data = regex::this(vm, args)?;
        let pattern = Pattern::Regex(data, regex::compiled(vm, data)?);
        Ok(Call { subject, text: subject.text(), pattern, args })
    }

    /// The regex, for methods that need one.
    fn regex(&self, vm: &mut Vm) -> Result<&'a ::regex::Regex, Throw> {
        match self.pattern {
            Pattern::Regex(_, regex) => Ok(regex),
            Pattern::Text(_) => Err(vm.wrong_arg(self.args, 0, "a regex")),
        }
    }

    /// Position in characters of a position in bytes.
    fn char_position(&self, byte: usize) -> usize {
        if self.subject.is_ascii() { byte } else { self.text[..byte].chars().count() }
    }

    /// The optional position in argument 1, in bytes: negative ones count from
    /// the end. `Err` holds on which side it lies outside.
    fn byte_position(&self, vm: &mut Vm) -> Result<Option<Result<usize, Outside>>, Throw> {
        if self.args.len() < 2 {
            return Ok(None);
        }
        let chars = self.subject.chars() as i64;
        let position = vm.int_arg(self.args, 1)?;
        let position = if position < 0 { position.saturating_add(chars) } else { position };
        Ok(Some(match position {
            p if p < 0 => Err(Outside::Before),
            p if p > chars => Err(Outside::Behind),
            p if self.subject.is_ascii() => Ok(p as usize),
            p => Ok(byte_position(self.text, p as usize)),
        }))
    }
}

/// Where a position lies that is not in the string.
enum Outside {
    Before,
    Behind,
}

impl Pattern<'_> {
    fn is_in(self, text: &str) -> bool {
        match self {
            Pattern::Text(needle) => memmem::find(text.as_bytes(), needle.as_bytes()).is_some(),
            Pattern::Regex(_, regex) => regex.is_match(text),
        }
    }

    /// The first match that starts at byte `from` or later.
    fn find_at(self, text: &str, from: usize) -> Option<(usize, usize)> {
        match self {
            Pattern::Text(needle) => {
                let at = memmem::find(&text.as_bytes()[from..], needle.as_bytes())? + from;
                Some((at, at + needle.len()))
            }
            Pattern::Regex(_, regex) => regex.find_at(text, from).map(|m| (m.start(), m.end())),
        }
    }

    /// Calls `f` with start and end of each match until it says `false`.
    /// Matches do not overlap.
    fn each(self, text: &str, mut f: impl FnMut(usize, usize) -> bool) {
        match self {
            Pattern::Text("") => {
                let ends = std::iter::once(text.len());
                text.char_indices().map(|(at, _)| at).chain(ends).all(|at| f(at, at));
            }
            Pattern::Text(needle) => match needle.as_bytes() {
                [byte] => {
                    memchr_iter(*byte, text.as_bytes()).all(|at| f(at, at + 1));
                }
                bytes => {
                    let len = bytes.len();
                    memmem::find_iter(text.as_bytes(), bytes).all(|at| f(at, at + len));
                }
            },
            Pattern::Regex(_, regex) => {
                regex.find_iter(text).all(|m| f(m.start(), m.end()));
            }
        }
    }
}

fn split(vm: &mut Vm, call: Call) -> Outcome {
    let limit = match call.args.len() {
        2 => usize::try_from(vm.int_arg(call.args, 1)?).ok().filter(|l| *l > 0),
        _ => None,
    };
    let limit = limit.unwrap_or(usize::MAX);
    let text = call.text;
    let (mut parts, mut begin) = (Vec::new(), 0);
    if limit > 1 {
        let heap = &mut vm.heap;
        call.pattern.each(text, |start, end| {
            // Empty matches separate characters, but not at the edges; an
            // empty string separates nothing.
            let skip = start == end && (start == 0 || start == text.len());
            if !skip && !matches!(call.pattern, Pattern::Text("")) {
                parts.push(Str::new(heap, &text[begin..start]).value());
                begin = end;
            }
            parts.len() + 1 < limit
        });
    }
    parts.push(part_of(vm, call.subject, &text[begin..]));
    Ok(array(vm, &parts))
}

fn find(vm: &mut Vm, call: Call) -> Outcome {
    Ok(match call.pattern.find_at(call.text, 0) {
        Some((start, end)) => part_of(vm, call.subject, &call.text[start..end]),
        None => Value::NIL,
    })
}

fn find_all(vm: &mut Vm, call: Call) -> Outcome {
    let mut found = Vec::new();
    let heap = &mut vm.heap;
    call.pattern.each(call.text, |start, end| {
        found.push(Str::new(heap, &call.text[start..end]).value());
        true
    });
    Ok(array(vm, &found))
}

fn contain(_: &mut Vm, call: Call) -> Outcome {
    Ok(Value::bool(call.pattern.is_in(call.text)))
}

fn is_match(vm: &mut Vm, call: Call) -> Outcome {
    Ok(Value::bool(call.regex(vm)?.is_match(call.text)))
}

fn match_object(vm: &mut Vm, call: Call) -> Outcome {
    let regex = call.regex(vm)?;
    Ok(regex::match_object(vm, regex, call.subject))
}

/// A position in bytes as the result of `index` and `rindex`.
fn position(call: &Call, found: Option<usize>) -> Value {
    Value::small_int(found.map_or(-1, |at| call.char_position(at) as i64))
}

fn index(vm: &mut Vm, call: Call) -> Outcome {
    let from = match call.byte_position(vm)? {
        None | Some(Err(Outside::Before)) => 0,
        Some(Ok(from)) => from,
        Some(Err(Outside::Behind)) => return Ok(Value::small_int(-1)),
    };
    let found = call.pattern.find_at(call.text, from);
    Ok(position(&call, found.map(|(start, _)| start)))
}

fn rindex(vm: &mut Vm, call: Call) -> Outcome {
    let text = call.text;
    let upto = match call.byte_position(vm)? {
        None | Some(Err(Outside::Behind)) => text.len(),
        Some(Ok(upto)) => upto,
        Some(Err(Outside::Before)) => return Ok(Value::small_int(-1)),
    };
    let found = match call.pattern {
        Pattern::Text(needle) => {
            let end = (upto + needle.len()).min(text.len());
            memmem::rfind(&text.as_bytes()[..end], needle.as_bytes())
        }
        Pattern::Regex(..) => last_start(call.pattern, text, upto),
    };
    Ok(position(&call, found))
}

/// The last position up to `upto` where a match starts; matches may overlap.
fn last_start(pattern: Pattern, text: &str, upto: usize) -> Option<usize> {
    let (mut last, mut from) = (None, 0);
    while let Some((start, _)) = pattern.find_at(text, from).filter(|(start, _)| *start <= upto) {
        last = Some(start);
        from = match text[start..].chars().next() {
            Some(c) => start + c.len_utf8(),
            None => break,
        };
    }
    last
}

fn replace(vm: &mut Vm, call: Call, all: bool) -> Outcome {
    let own = match call.pattern {
        Pattern::Regex(data, _) => data.source.replacement.as_deref(),
        Pattern::Text(_) => None,
    };
    let replacement = match (call.args.len(), own) {
        (2, _) => vm.str_arg(call.args, 1)?,
        (_, Some(own)) => own,
        _ => return Err(vm.arg_error("Replacement string is required")),
    };
    let text = call.text;
    let (mut result, mut begin) = (String::new(), 0);
    let mut replace = |start: usize, end: usize, by: &mut dyn FnMut(&mut String)| {
        if result.is_empty() {
            result.reserve(text.len() + replacement.len());
        }
        result.push_str(&text[begin..start]);
        by(&mut result);
        begin = end;
        all
    };
    let template = match call.pattern {
        Pattern::Regex(_, regex) => Template::of(replacement, regex),
        Pattern::Text(_) => None,
    };
    let mut found = false;
    match (template, call.pattern) {
        (Some(template), Pattern::Regex(_, regex)) => {
            regex::each_capture(regex, text, |groups| {
                found = true;
                let (start, end) = groups.get(0).unwrap_or_default();
                replace(start, end, &mut |out| template.expand(out, text, groups))
            });
        }
        _ => call.pattern.each(text, |start, end| {
            found = true;
            replace(start, end, &mut |out| out.push_str(replacement))
        }),
    }
    if !found {
        return Ok(call.subject.value());
    }
    Ok(Str::concat(&mut vm.heap, &[&result, &text[begin..]]).value())
}

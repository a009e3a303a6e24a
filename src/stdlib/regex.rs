//! Regexes (13.4): construction, match objects, replacements. What they have in
//! common with strings is in [`patterns`](super::patterns).

use std::sync::LazyLock;

use gene_isa::{Symbol, datum};
use regex::{CaptureLocations, Regex};

use super::strings::part_of;
use super::{Outcome, array, constructor, wrong_receiver};
use crate::heap::Gc;
use crate::object::foreign::foreign;
use crate::object::regex::{MatchData, RegexData};
use crate::object::{Foreign, Map, Str};
use crate::value::Value;
use crate::vm::{Args, ClassName, Throw, Vm};

pub(super) fn install(vm: &mut Vm) {
    constructor(vm, ClassName::Regexp, 1, 2, new);
    let class = vm.class(ClassName::Regexp).value();
    vm.define_in("gene/Regexp", class);
}

fn new(vm: &mut Vm, args: Args) -> Outcome {
    let flags = vm.keywords_of(&["i", "m"])?;
    let flag = |name| flags.and_then(|f| f.get(Symbol::intern(name))).is_some_and(Value::is_truthy);
    let (ignore_case, multiline) = (flag("i"), flag("m"));
    let pattern = vm.str_arg(args, 0)?.to_owned();
    let replacement = match args.get(1) {
        Value::NIL => None,
        _ => Some(vm.str_arg(args, 1)?.to_owned()),
    };
    let data = RegexData::new(datum::Regex { pattern, ignore_case, multiline, replacement });
    compiled(vm, &data)?;
    Ok(Foreign::new(&mut vm.heap, data).value())
}

/// The compiled form of a regex.
pub(super) fn compiled<'a>(vm: &mut Vm, data: &'a RegexData) -> Result<&'a Regex, Throw> {
    data.compiled().map_err(|reason| vm.parse_error(format!("Invalid regex: {reason}")))
}

/// The receiver of a method of regexes.
pub(super) fn this<'a>(vm: &mut Vm, args: Args) -> Result<&'a RegexData, Throw> {
    foreign(args.this()).ok_or_else(|| wrong_receiver(vm, args))
}

// ---- match objects ---------------------------------------------------------

/// Properties of match objects, in the order of [`match_object`].
static PROPERTIES: LazyLock<[Symbol; 7]> = LazyLock::new(|| {
    ["value", "captures", "named_captures", "start", "end", "pre_match", "post_match"]
        .map(Symbol::intern)
});

/// The first match as an object, or `nil`.
pub(super) fn match_object(vm: &mut Vm, regex: &Regex, subject: Gc<Str>) -> Value {
    let text = subject.text();
    let Some(found) = regex.captures(text) else { return Value::NIL };
    let groups: Vec<Value> = found
        .iter()
        .map(|group| part_of(vm, subject, group.map_or("", |group| group.as_str())))
        .collect();
    let named: Vec<(Symbol, Value)> = regex
        .capture_names()
        .zip(&groups)
        .filter_map(|(name, group)| Some((Symbol::intern(name?), *group)))
        .collect();
    let named = Map::from_entries(&mut vm.heap, &named).value();
    let captures = array(vm, &groups[1..]);
    let range = found.get(0).map_or(0..0, |whole| whole.range());
    let (start, end) = match subject.is_ascii() {
        true => (range.start, range.end),
        false => {
            let start = text[..range.start].chars().count();
            (start, start + text[range.clone()].chars().count())
        }
    };
    let (before, behind) = (&text[..range.start], &text[range.end..]);
    let values = [
        groups[0],
        captures,
        named,
        Value::small_int(start as i64),
        Value::small_int(end as i64),
        part_of(vm, subject, before),
        part_of(vm, subject, behind),
    ];
    let entries: Vec<_> = PROPERTIES.iter().copied().zip(values).collect();
    let props = Map::from_entries(&mut vm.heap, &entries).value();
    let object = Foreign::new(&mut vm.heap, MatchData);
    object.props.set(props);
    object.value()
}

// ---- replacements ----------------------------------------------------------

/// Start and end of the groups of a match.
pub(super) struct Groups<'a>(&'a CaptureLocations);

impl Groups<'_> {
    /// A group that took part in the match.
    pub(super) fn get(&self, group: usize) -> Option<(usize, usize)> {
        self.0.get(group)
    }
}

/// Calls `f` with the groups of each match until it says `false`.
pub(super) fn each_capture(regex: &Regex, text: &str, mut f: impl FnMut(&Groups) -> bool) {
    let mut locations = regex.capture_locations();
    let (mut from, mut last_end) = (0, None);
    while let Some(found) = regex.captures_read_at(&mut locations, text, from) {
        // An empty match right behind another one is none: search from the
        // next character.
        if found.is_empty() && last_end == Some(found.end()) {
            match text[found.end()..].chars().next() {
                Some(c) => from = found.end() + c.len_utf8(),
                None => return,
            }
            continue;
        }
        (from, last_end) = (found.end(), Some(found.end()));
        if !f(&Groups(&locations)) {
            return;
        }
    }
}

/// A replacement text that refers to groups.
pub(super) struct Template<'a>(Vec<Piece<'a>>);

enum Piece<'a> {
    Text(&'a str),
    /// A group; one that does not exist stands for nothing.
    Group(Option<usize>),
}

impl<'a> Template<'a> {
    /// Takes a replacement apart: `\0`, `\1`, `\k<name>`, `\g<name>`, `\\`; any
    /// other backslash is kept. `None` if there are no backslashes.
    pub(super) fn of(text: &'a str, regex: &Regex) -> Option<Template<'a>> {
        let mut pieces = Vec::new();
        let (mut begin, mut at) = (0, memchr::memchr(b'\\', text.as_bytes())?);
        loop {
            if let Some((piece, len)) = Piece::after_backslash(&text[at + 1..], regex) {
                pieces.push(Piece::Text(&text[begin..at]));
                pieces.push(piece);
                begin = at + 1 + len;
                at = begin;
            } else {
                at += 1;
            }
            match memchr::memchr(b'\\', &text.as_bytes()[at..]) {
                Some(next) => at += next,
                None => break,
            }
        }
        pieces.push(Piece::Text(&text[begin..]));
        Some(Template(pieces))
    }

    /// Appends the replacement of one match.
    pub(super) fn expand(&self, out: &mut String, text: &str, groups: &Groups) {
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Group(group) => {
                    if let Some((start, end)) = group.and_then(|g| groups.get(g)) {
                        out.push_str(&text[start..end]);
                    }
                }
            }
        }
    }
}

impl<'a> Piece<'a> {
    /// What a backslash before `rest` means, and how much of `rest` it takes.
    fn after_backslash(rest: &'a str, regex: &Regex) -> Option<(Piece<'a>, usize)> {
        let first = rest.chars().next()?;
        if first == '\\' {
            return Some((Piece::Text("\\"), 1));
        }
        if first.is_ascii_digit() {
            // As many digits as make the number of a group, at least one.
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count().min(3);
            let number =
                |len: usize| rest[..len].parse().ok().filter(|n| *n < regex.captures_len());
            let len = (1..=digits).rev().find(|len| number(*len).is_some()).unwrap_or(1);
            return Some((Piece::Group(number(len)), len));
        }
        let named = rest.strip_prefix("k<").or_else(|| rest.strip_prefix("g<"))?;
        let (name, _) = named.split_once('>')?;
        let group = match name.parse::<usize>() {
            Ok(number) => Some(number),
            Err(_) => regex.capture_names().position(|n| n == Some(name)),
        };
        Some((Piece::Group(group), name.len() + 3))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replace(pattern: &str, text: &str, by: &str) -> String {
        let regex = Regex::new(pattern).unwrap();
        let template = Template::of(by, &regex).unwrap();
        let mut out = String::new();
        each_capture(&regex, text, |groups| {
            template.expand(&mut out, text, groups);
            true
        });
        out
    }

    #[test]
    fn replacements_refer_to_groups() {
        assert_eq!(replace(r"(\d)", "x7y8", r"<\1>"), "<7><8>");
        assert_eq!(replace(r"(?<y>\d+)-(?<m>\d+)", "2024-01", r"\k<m>/\g<y>"), "01/2024");
        assert_eq!(replace("b", "ab", r"[\0\\]"), r"[b\]");
        assert_eq!(replace("(b)", "ab", r"\10\2\q\k<x"), r"b0\q\k<x");
        assert_eq!(replace("a*", "baac", r"<\0>"), "<><aa><>");
    }
}

//! Every error of the reader.

use super::{Diagnostic, PARSE_ERROR, Quoted, Stage};
use crate::source::{BadEncoding, Span};

fn error(span: Span, message: impl Into<String>) -> Diagnostic {
    Diagnostic::error(Stage::Parse, PARSE_ERROR, span, message)
}

/// Longest piece of source that a message repeats, in characters.
const QUOTED_LENGTH: usize = 40;

/// The text between backquotes, cut if it is long.
fn code(text: &str) -> String {
    match text.char_indices().nth(QUOTED_LENGTH) {
        Some((end, _)) => format!("`{}...`", &text[..end]),
        None => format!("`{text}`"),
    }
}

fn incomplete(span: Span, message: String) -> Diagnostic {
    Diagnostic { incomplete: true, ..error(span, message) }
}

// Structure.

/// The text ends while a bracket is open. `suspect` is the bracket that an
/// opening bracket in the first column found open.
pub fn unclosed(end: Span, open: Span, bracket: &str, suspect: Option<Span>) -> Diagnostic {
    let d = incomplete(end, format!("unexpected EOF: {} is not closed", code(bracket)))
        .note(open, "opened here");
    match suspect {
        Some(place) if place != open => {
            d.note(place, "perhaps this one should end before the next top-level form")
        }
        _ => d,
    }
}

/// The text ends, or the bracket closes, where a form must follow `before`.
pub fn form_expected(span: Span, before: &str, eof: bool) -> Diagnostic {
    if eof {
        incomplete(span, format!("unexpected EOF: expected a form after {}", code(before)))
    } else {
        error(span, format!("expected a form after {}", code(before)))
    }
}

/// A closing bracket that no bracket opened.
pub fn unmatched(span: Span, bracket: &str) -> Diagnostic {
    error(span, format!("Unmatched delimiter {}: nothing is open here", code(bracket)))
}

/// A closing bracket of the wrong kind.
pub fn mismatched(span: Span, bracket: &str, open: Span, wanted: &str) -> Diagnostic {
    error(span, format!("Unmatched delimiter {}: expected {}", code(bracket), code(wanted)))
        .note(open, "opened here")
}

/// A block comment without its end.
pub fn unclosed_comment(open: Span, end: &str) -> Diagnostic {
    incomplete(open, format!("unexpected EOF: block comment is not closed by {}", code(end)))
}

/// A `;` that is not directly in a Gene form, or that follows nothing.
pub fn stray_semicolon(span: Span) -> Diagnostic {
    error(span, "unexpected `;`: it chains calls within parentheses, as in `(a x; b y)`")
        .hint("comments start with `#`")
}

/// Nesting beyond what the compiler can take.
pub fn too_deep(span: Span, limit: usize) -> Diagnostic {
    error(span, format!("forms are nested too deeply (more than {limit} levels)"))
}

/// `$parse` of a text without a form.
pub fn nothing_to_read(span: Span) -> Diagnostic {
    incomplete(span, "unexpected EOF: there is no form to read".into())
}

/// A text that spans cannot address.
pub fn too_large(span: Span) -> Diagnostic {
    error(span, "source text is too large (4 GiB or more)")
}

/// Bytes that are not UTF-8.
pub fn bad_encoding(span: Span, bad: &BadEncoding) -> Diagnostic {
    error(
        span,
        format!(
            "source text is not UTF-8: invalid byte 0x{:02x} at offset {}",
            bad.byte, bad.offset
        ),
    )
}

/// A control character outside strings and comments.
pub fn control_character(span: Span, c: char) -> Diagnostic {
    error(span, format!("unexpected control character U+{:04X}", c as u32))
}

// Properties.

/// Properties in two places of one form.
pub fn properties_apart(span: Span, first: Span) -> Diagnostic {
    error(span, "properties must stand together").note(first, "the others stand here")
}

/// A key given twice, or a key and a shortcut through it.
pub fn duplicate_property(span: Span, key: &str, first: Span) -> Diagnostic {
    error(span, format!("duplicate property {key}")).note(first, "first given here")
}

/// A key without a value.
pub fn missing_value(span: Span, key: &str) -> Diagnostic {
    error(span, format!("expected a value for property {key}"))
        .hint(format!("`^^{key}` gives it the value true, `^!{key}` nil"))
}

/// A key such as `^^a^b` or `^a^`.
pub fn bad_key(span: Span, key: &str) -> Diagnostic {
    error(span, format!("invalid property key {}", code(key)))
}

/// Something else than a property in a map; `name` if it is a symbol.
pub fn key_expected(span: Span, name: Option<&str>) -> Diagnostic {
    let d = error(span, "expected a property key");
    match name.map(|n| n.trim_matches(':')) {
        Some(name) if !name.is_empty() => d.hint(format!("did you mean `^{name}`?")),
        _ => d.hint("maps with keys of any kind are written {{key value}}"),
    }
}

// Strings and characters.

/// A string without its closing quote.
pub fn unterminated_string(open: Span) -> Diagnostic {
    incomplete(open, "unexpected EOF: unterminated string".into())
}

/// `\u` without four hexadecimal digits.
pub fn bad_unicode_escape(span: Span) -> Diagnostic {
    error(span, "`\\u` must be followed by four hexadecimal digits")
}

/// Half of a surrogate pair.
pub fn lone_surrogate(span: Span) -> Diagnostic {
    error(span, "unpaired surrogate: a pair of `\\u` escapes makes one character")
}

/// `#{}`.
pub fn empty_hole(span: Span) -> Diagnostic {
    error(span, "empty hole in string: `#{` must be followed by a form")
        .hint("write `\\#{` for the characters themselves")
}

/// `#{a b}`.
pub fn crowded_hole(span: Span) -> Diagnostic {
    error(span, "more than one form in a hole of a string").hint("a call is written #{(f x)}")
}

/// Not exactly one character between the quotes.
pub fn bad_char(span: Span, text: &str) -> Diagnostic {
    let d = error(span, "bad character literal: exactly one character must stand between quotes");
    match text.strip_prefix('\'').and_then(|t| t.strip_suffix('\'')) {
        Some(inner) if !inner.contains(['\\', '"']) => {
            d.hint(format!("strings are written with double quotes: {}", Quoted(inner)))
        }
        _ => d,
    }
}

// Numbers, bytes, dates, patterns.

/// An integer beyond 64 bits.
pub fn integer_range(span: Span, text: &str) -> Diagnostic {
    error(span, format!("integer out of range: {}", code(text)))
        .hint("integers have 64 bits: -9223372036854775808 to 9223372036854775807")
}

/// A token that begins like a number.
pub fn bad_number(span: Span, text: &str) -> Diagnostic {
    let d = error(span, format!("malformed number {}", code(text)));
    let digits = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
    let plain = text.replace('_', "");
    match text.split_once('/') {
        _ if text.len() > QUOTED_LENGTH => d,
        Some((a, b)) if digits(a) && digits(b) => d.hint(format!("did you mean `({a} / {b})`?")),
        _ if text.contains('_') && digits(&plain) => d.hint(format!("did you mean `{plain}`?")),
        _ => d,
    }
}

/// A number with a string, a quote or an unquote directly after it.
pub fn number_not_separated(span: Span) -> Diagnostic {
    error(span, "a number must be followed by a separator or bracket")
}

/// `0#`, `0!`, `0*` without digits.
pub fn no_bytes(span: Span, prefix: &str) -> Diagnostic {
    error(span, format!("expected digits after `{prefix}`"))
}

/// A character that is no digit of the notation.
pub fn bad_bytes_digit(span: Span, c: char, prefix: &str) -> Diagnostic {
    error(span, format!("invalid digit {c:?} in a bytes literal `{prefix}...`"))
}

/// Base64 of an impossible length, or with characters after its padding.
pub fn bad_base64(span: Span) -> Diagnostic {
    error(span, "invalid base64 in a bytes literal")
}

/// A field of a date or time that is out of range.
pub fn bad_field(span: Span, field: &str, value: u32) -> Diagnostic {
    error(span, format!("Invalid {field}: {value}"))
}

/// A date or time of the wrong shape.
pub fn bad_date(span: Span, text: &str) -> Diagnostic {
    error(span, format!("malformed date or time {}", code(text)))
        .hint("dates and times look like 2026-03-09, 08:30:05 and 2026-03-09T08:30:05.25Z")
}

/// A zone name that is none.
pub fn bad_zone(span: Span, zone: &str) -> Diagnostic {
    error(span, format!("invalid zone name {}: expected a name such as `Europe/Oslo`", code(zone)))
}

/// A date with time that has a zone name but no offset.
pub fn zone_without_offset(span: Span) -> Diagnostic {
    error(span, "a date-time with a zone name needs an offset as well")
        .hint("write it as in 2026-03-09T08:30+01:00[Europe/Oslo]")
}

/// A pattern without its closing slash.
pub fn unterminated_regex(open: Span) -> Diagnostic {
    incomplete(open, "unexpected EOF: unterminated pattern".into())
}

/// A letter other than `i` and `m` after a pattern.
pub fn bad_regex_flag(span: Span, flag: char) -> Diagnostic {
    error(span, format!("Invalid regex flag: {flag}"))
        .hint("the flags are `i` (ignore case) and `m` (`.` matches line breaks)")
}

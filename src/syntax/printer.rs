//! Syntax trees as text. What is printed reads back as the same tree.

use std::fmt::{self, Display, Formatter, Write};

use super::literal::{format_date, format_regex, format_time};
use super::number::format_float;
use super::{Kind, Node, Prop};

impl Display for Node {
    /// One line, with shorthands taken apart: `(a; b)` is printed as `((a) b)`.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        node(f, self, Place::Free)
    }
}

/// Whether `^k` would be read as a property key.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Free,
    InForm,
}

fn node(f: &mut Formatter<'_>, n: &Node, place: Place) -> fmt::Result {
    match &n.kind {
        Kind::Nil => f.write_str("nil"),
        Kind::Void => f.write_str("void"),
        Kind::NotFound => f.write_str("not_found"),
        Kind::Bool(b) => write!(f, "{b}"),
        Kind::Int(i) => write!(f, "{i}"),
        // Too large a number is read as infinity, which has no literal.
        Kind::Float(x) if x.is_infinite() => f.write_str(if *x > 0.0 { "1e999" } else { "-1e999" }),
        Kind::Float(x) => write!(f, "{}", format_float(*x)),
        Kind::Char(c) => character(f, *c),
        Kind::Str(s) => string(f, s),
        Kind::Symbol(s) => symbol(f, s.as_str(), place),
        Kind::Path(segments) => {
            for (i, segment) in segments.iter().enumerate() {
                let whole = segments.len() == 2 && segments[1].as_str().is_empty();
                if i == 0
                    && (matches!(segment.as_str(), "@" | "^") || whole && segment.as_str() == ".")
                {
                    // Alone, these are symbols, and so is `./`.
                    f.write_char('\\')?;
                } else if i == 0 {
                    start_of_token(f, segment.as_str(), place)?;
                } else {
                    f.write_char('/')?;
                    // `/=` is a symbol.
                    let bare = segments[0].as_str().is_empty() && segments.len() == 2;
                    f.write_str(if bare && segment.as_str() == "=" { "\\" } else { "" })?;
                }
                path_segment(f, segment.as_str())?;
            }
            Ok(())
        }
        Kind::Selector(segments) => {
            for (i, segment) in segments.iter().enumerate() {
                f.write_char(if i == 0 { '@' } else { '/' })?;
                if i == 0 && segments.len() == 1 && segment.as_str() == "@" {
                    // `@@` is a symbol.
                    f.write_char('\\')?;
                }
                path_segment(f, segment.as_str())?;
            }
            Ok(())
        }
        Kind::Array(seq) => sequence(f, seq.sealed, "[", &seq.items, "]"),
        Kind::HashMap(seq) => sequence(f, seq.sealed, "{{", &seq.items, "}}"),
        Kind::Map(props, sealed) => {
            f.write_str(if *sealed { "#{" } else { "{" })?;
            for (i, prop) in props.iter().enumerate() {
                f.write_str(if i > 0 { " " } else { "" })?;
                property(f, prop)?;
            }
            f.write_char('}')
        }
        Kind::Gene(gene) => {
            f.write_str(if gene.sealed { "#(" } else { "(" })?;
            let empty = gene.props.is_empty() && gene.children.is_empty();
            if !(empty && matches!(gene.head.kind, Kind::Nil)) {
                node(f, &gene.head, Place::InForm)?;
            }
            for prop in &gene.props {
                f.write_char(' ')?;
                property(f, prop)?;
            }
            for child in &gene.children {
                f.write_char(' ')?;
                node(f, child, Place::InForm)?;
            }
            f.write_char(')')
        }
        Kind::Quote(form) => {
            f.write_char('`')?;
            node(f, form, Place::Free)
        }
        Kind::Unquote { form, discard } => {
            f.write_str(if *discard { "%_" } else { "%" })?;
            let first = match &form.kind {
                Kind::Symbol(s) => Some(s),
                Kind::Path(segments) => segments.first(),
                _ => None,
            };
            // `%=` is a symbol and `%_x` discards.
            if !discard && first.is_some_and(|s| s.as_str().starts_with(['=', '_'])) {
                f.write_char('\\')?;
            }
            node(f, form, Place::Free)
        }
        Kind::Bytes(bytes) => {
            f.write_str("0#")?;
            bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
        }
        Kind::Date(date) => write!(f, "{}", format_date(*date)),
        Kind::Time(time) => write!(f, "{}", format_time(time)),
        Kind::DateTime(date, time) => {
            write!(f, "{}T{}", format_date(*date), format_time(time))
        }
        Kind::Regex(regex) => write!(f, "{}", format_regex(regex)),
    }
}

fn sequence(
    f: &mut Formatter<'_>,
    sealed: bool,
    open: &str,
    items: &[Node],
    close: &str,
) -> fmt::Result {
    f.write_str(if sealed { "#" } else { "" })?;
    f.write_str(open)?;
    for (i, item) in items.iter().enumerate() {
        f.write_str(if i > 0 { " " } else { "" })?;
        node(f, item, Place::Free)?;
    }
    f.write_str(close)
}

fn property(f: &mut Formatter<'_>, prop: &Prop) -> fmt::Result {
    let key = prop.key.as_str();
    f.write_char('^')?;
    f.write_str(if key.starts_with('!') { "\\" } else { "" })?;
    for c in key.chars() {
        f.write_str(if ends_or_splits(c) || c == '^' { "\\" } else { "" })?;
        f.write_char(c)?;
    }
    f.write_char(' ')?;
    node(f, &prop.value, Place::InForm)
}

/// Whether a character must be escaped wherever it stands in a token.
fn ends_or_splits(c: char) -> bool {
    matches!(c, ' ' | ',' | '(' | ')' | '[' | ']' | '{' | '}' | '"' | '`' | '%' | ';' | '\\' | '/')
        || c.is_ascii_control()
}

fn symbol(f: &mut Formatter<'_>, name: &str, place: Place) -> fmt::Result {
    match name {
        "/" | "/=" | "./" | "%" | "%=" | "@@" => return f.write_str(name),
        "nil" | "void" | "true" | "false" | "not_found" => f.write_char('\\')?,
        _ => start_of_token(f, name, place)?,
    }
    path_segment(f, name)
}

/// A backslash before a token that would otherwise be read as something else.
fn start_of_token(f: &mut Formatter<'_>, token: &str, place: Place) -> fmt::Result {
    let mut chars = token.chars();
    let special = match (chars.next(), chars.next()) {
        (Some('0'..='9' | '\''), _) | (Some('+' | '-'), Some('0'..='9')) => true,
        // `#x` is a symbol, but `#` before these is not.
        (Some('#'), second) => matches!(second, None | Some('#' | '!' | '<' | '@')),
        (Some('@'), second) => second.is_some(),
        (Some('^'), second) => second.is_some() && place == Place::InForm,
        _ => false,
    };
    f.write_str(if special { "\\" } else { "" })
}

/// A segment of a path, or a whole symbol.
fn path_segment(f: &mut Formatter<'_>, name: &str) -> fmt::Result {
    // Slashes within `<...>` do not separate.
    let dynamic = name.strip_prefix('.').unwrap_or(name);
    let dynamic = dynamic.strip_prefix('<').and_then(|n| n.strip_suffix('>'));
    let keep_slashes = dynamic.is_some_and(|inner| !inner.contains(['<', '>', '\\']));
    for c in name.chars() {
        let escape = ends_or_splits(c) && !(c == '/' && keep_slashes);
        f.write_str(if escape { "\\" } else { "" })?;
        f.write_char(c)?;
    }
    Ok(())
}

fn string(f: &mut Formatter<'_>, text: &str) -> fmt::Result {
    f.write_char('"')?;
    for c in text.chars() {
        match escape_letter(c) {
            Some(letter) => write!(f, "\\{letter}")?,
            None if c.is_control() => write!(f, "\\u{:04x}", c as u32)?,
            None => f.write_char(c)?,
        }
    }
    f.write_char('"')
}

fn character(f: &mut Formatter<'_>, c: char) -> fmt::Result {
    match escape_letter(c) {
        Some('"') => f.write_str("'\"'"),
        Some(letter) => write!(f, "'\\{letter}'"),
        None if c == '\'' => f.write_str("'\\''"),
        None => write!(f, "'{c}'"),
    }
}

/// The letter of an escape sequence.
fn escape_letter(c: char) -> Option<char> {
    Some(match c {
        '\n' => 'n',
        '\t' => 't',
        '\r' => 'r',
        '\u{8}' => 'b',
        '\u{c}' => 'f',
        '"' | '\\' => c,
        _ => return None,
    })
}

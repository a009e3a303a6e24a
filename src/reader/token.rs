//! Symbols, paths, selectors and property keys: taking a token apart.

use std::rc::Rc;

use super::Reader;
use super::chars::{CLASS, CONTROL, END, ESCAPE, SLASH, width};
use super::frame::Key;
use crate::diag::reader as errors;
use crate::syntax::{Kind, Node, Symbol};

/// A key with what the shortcuts `^^k` and `^!k` say about its value.
pub(super) struct KeyToken {
    pub key: Key,
    pub value: Option<Kind>,
}

impl<'a> Reader<'a> {
    /// Moves over a token and tells which classes of characters it has. At
    /// least one byte is taken.
    pub(super) fn scan_token(&mut self) -> (&'a str, u8) {
        let (start, bytes) = (self.at, self.bytes);
        let (mut at, mut flags) = (start, 0);
        while let Some(&byte) = bytes.get(at) {
            let class = CLASS[byte as usize];
            if class & END != 0 && at > start {
                break;
            }
            flags |= class;
            at += 1;
            // What follows a backslash belongs to the token, whatever it is.
            if class & ESCAPE != 0
                && let Some(&next) = bytes.get(at)
            {
                at += width(next);
            }
        }
        self.at = at;
        (&self.text[start..at], flags)
    }

    /// A symbol, path, selector or word such as `nil`.
    pub(super) fn symbol(&mut self) -> Node {
        let start = self.at;
        let (token, flags) = self.scan_token();
        let span = self.span_from(start);
        if flags & CONTROL != 0 {
            self.complain_about_control(token, start);
        }
        let kind = match token.strip_prefix('@') {
            Some(segments) if !segments.is_empty() && token != "@@" => {
                Kind::Selector(path(segments, flags).into())
            }
            _ if flags & (ESCAPE | SLASH) == 0 => word(token),
            _ if matches!(token, "/" | "/=" | "./") => Kind::Symbol(Symbol::intern(token)),
            _ => match path(token, flags).as_slice() {
                [name] => Kind::Symbol(*name),
                segments => Kind::Path(Rc::from(segments)),
            },
        };
        Node { kind, span }
    }

    fn complain_about_control(&mut self, token: &str, start: usize) {
        let mut escaped = false;
        for (i, c) in token.char_indices() {
            if !escaped && c.is_ascii_control() {
                let span = self.span(start + i, start + i + 1);
                return self.report(errors::control_character(span, c));
            }
            escaped = !escaped && c == '\\';
        }
    }

    /// A property key; the text is at `^`.
    pub(super) fn key(&mut self) -> Option<KeyToken> {
        let start = self.at;
        let (token, flags) = self.scan_token();
        let span = self.span_from(start);
        if flags & CONTROL != 0 {
            self.complain_about_control(token, start);
        }
        let Some((parts, value)) = key_parts(&token[1..]) else {
            self.report(errors::bad_key(span, token));
            return None;
        };
        let parts = parts.iter().map(|p| Symbol::intern(&unescape(p))).collect();
        Some(KeyToken { key: Key { parts, span }, value })
    }
}

/// The parts of a key without its first `^`, still with escapes.
fn key_parts(token: &str) -> Option<(Vec<&str>, Option<Kind>)> {
    if let Some(name) = token.strip_prefix('^') {
        return plain_key(name).map(|n| (vec![n], Some(Kind::Bool(true))));
    }
    if let Some(name) = token.strip_prefix('!') {
        return plain_key(name).map(|n| (vec![n], Some(Kind::Nil)));
    }
    let mut parts = split(token, b'^');
    let mut value = None;
    if let [_, .., "", name] = parts[..] {
        parts.truncate(parts.len() - 2);
        parts.push(name);
        value = Some(Kind::Bool(true));
    } else if let [_, .., last] = parts[..]
        && let Some(name) = last.strip_prefix('!')
    {
        parts.pop();
        parts.push(name);
        value = Some(Kind::Bool(false));
    }
    parts.iter().all(|p| !p.is_empty()).then_some((parts, value))
}

/// A key of one part.
fn plain_key(name: &str) -> Option<&str> {
    (!name.is_empty() && split(name, b'^').len() == 1).then_some(name)
}

/// The pieces between unescaped separators.
fn split(token: &str, separator: u8) -> Vec<&str> {
    let (bytes, mut parts) = (token.as_bytes(), Vec::new());
    let (mut start, mut at) = (0, 0);
    while at < bytes.len() {
        if bytes[at] == b'\\' {
            at += 1;
        } else if bytes[at] == separator {
            parts.push(&token[start..at]);
            start = at + 1;
        }
        at += 1;
    }
    parts.push(&token[start..]);
    parts
}

/// A token without escapes and slashes.
fn word(token: &str) -> Kind {
    match token {
        "nil" => Kind::Nil,
        "void" => Kind::Void,
        "true" => Kind::Bool(true),
        "false" => Kind::Bool(false),
        "not_found" => Kind::NotFound,
        _ => Kind::Symbol(Symbol::intern(token)),
    }
}

/// The text that a token with backslashes stands for.
fn unescape(token: &str) -> String {
    let mut text = String::with_capacity(token.len());
    let mut chars = token.chars();
    while let Some(c) = chars.next() {
        // A backslash at the very end of the source stands for itself.
        text.push(if c == '\\' { chars.next().unwrap_or(c) } else { c });
    }
    text
}

/// The segments between slashes. `<...>` that makes up a whole segment, or
/// all of it but a leading `.`, keeps its slashes.
fn path(token: &str, flags: u8) -> Vec<Symbol> {
    let intern = |segment: &str| {
        if flags & ESCAPE == 0 {
            Symbol::intern(segment)
        } else {
            Symbol::intern(&unescape(segment))
        }
    };
    if flags & SLASH == 0 {
        return vec![intern(token)];
    }
    let bytes = token.as_bytes();
    let closing = angle_brackets(bytes);
    let (mut segments, mut start, mut at) = (Vec::new(), 0, 0);
    while at < bytes.len() {
        if at == start {
            let bracket = at + usize::from(bytes[at] == b'.');
            if let Ok(pair) = closing.binary_search_by_key(&bracket, |(open, _)| *open)
                && let (_, close) = closing[pair]
                && matches!(bytes.get(close + 1), None | Some(b'/'))
            {
                at = close;
            }
        }
        match bytes[at] {
            b'\\' => at += 1,
            b'/' => {
                segments.push(intern(&token[start..at]));
                start = at + 1;
            }
            _ => {}
        }
        at += 1;
    }
    segments.push(intern(&token[start..]));
    segments
}

/// Pairs of matching unescaped `<` and `>`, in order.
fn angle_brackets(bytes: &[u8]) -> Vec<(usize, usize)> {
    let (mut open, mut pairs, mut at) = (Vec::new(), Vec::new(), 0);
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 1,
            b'<' => open.push(at),
            b'>' => pairs.extend(open.pop().map(|start| (start, at))),
            _ => {}
        }
        at += 1;
    }
    pairs.sort_unstable();
    pairs
}

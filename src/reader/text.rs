//! Strings, with and without holes, characters and patterns.

use std::rc::Rc;

use super::Reader;
use super::chars::{CLASS, END, nothing_follows, width};
use super::frame::{Frame, GeneFrame, Open};
use crate::diag::reader as errors;
use crate::syntax::{Kind, Node, Regex, Symbol};

/// A string while it is read.
#[derive(Default)]
pub(super) struct Text {
    /// What was read before the current piece of text.
    pub parts: Vec<Node>,
    /// The current piece of text,
    piece: String,
    /// and where it starts.
    piece_start: usize,
    /// Whether `"""` ends it.
    triple: bool,
    /// Whether `#` may open a hole.
    holes: bool,
    /// Length of `piece` at the last line break, if only blanks followed.
    blank_line: Option<usize>,
}

/// Why the scan of a text stopped.
enum Stop {
    Closed,
    Hole(u8),
    Eof,
}

impl Reader<'_> {
    /// A string without holes; the text is at the quote.
    pub(super) fn string(&mut self) -> Node {
        let start = self.at;
        let mut text = self.open_quotes(false);
        // Most strings are a single slice of the source.
        if !text.triple
            && let Some(length) = self.bytes[self.at..].iter().position(|b| b"\"\\".contains(b))
            && self.bytes[self.at + length] == b'"'
        {
            let kind = Kind::Str(Rc::from(&self.text[self.at..self.at + length]));
            self.at += length + 1;
            return Node { kind, span: self.span_from(start) };
        }
        if let Stop::Eof = self.scan_text(&mut text) {
            self.unterminated_string(start, text.triple);
        }
        Node { kind: Kind::Str(text.piece.into()), span: self.span_from(start) }
    }

    /// Opens a string with holes; the text is at `#"`.
    pub(super) fn open_interpolation(&mut self) {
        let start = self.at;
        self.at += 1;
        let text = self.open_quotes(true);
        self.push(Open::Text(Box::new(text)), start);
    }

    /// Goes on with the string on top of the stack.
    pub(super) fn resume_interpolation(&mut self) {
        let Some(Frame { open: Open::Text(mut text), start, height }) = self.stack.pop() else {
            unreachable!("called with a string on top");
        };
        text.piece_start = self.at;
        let stop = self.scan_text(&mut text);
        let end = match stop {
            Stop::Closed => self.at - if text.triple { 3 } else { 1 },
            Stop::Hole(_) => self.at - 1,
            Stop::Eof => self.at,
        };
        let span = self.span(text.piece_start, end.max(text.piece_start));
        if !text.piece.is_empty() {
            let kind = Kind::Str(std::mem::take(&mut text.piece).into());
            text.parts.push(Node { kind, span });
        }
        text.blank_line = None;
        let triple = text.triple;
        match stop {
            Stop::Hole(bracket) => {
                let hole = self.at - 1;
                self.stack.push(Frame { open: Open::Text(text), start, height });
                self.at += 1;
                self.push(
                    match bracket {
                        b'{' => Open::Hole { form: None, complained: false },
                        b'[' => Open::Array { items: Vec::new(), sealed: false },
                        _ => Open::Gene(Box::<GeneFrame>::default()),
                    },
                    hole,
                );
            }
            Stop::Closed | Stop::Eof => {
                if let Stop::Eof = stop {
                    self.unterminated_string(start, triple);
                }
                let span = self.span_from(start);
                let node = match &mut text.parts[..] {
                    [] => Node { kind: Kind::Str("".into()), span },
                    [Node { kind: Kind::Str(only), .. }] if height == 0 => {
                        Node { kind: Kind::Str(only.clone()), span }
                    }
                    _ => {
                        let str = Kind::Symbol(Symbol::intern("#Str"));
                        let head = Node { kind: str, span: self.span(start, start + 1) };
                        let children = std::mem::take(&mut text.parts);
                        let form = GeneFrame { head: Some(head), children, ..Default::default() };
                        form.finish(span, false)
                    }
                };
                self.deliver(node, height + 1);
            }
        }
    }

    fn unterminated_string(&mut self, start: usize, triple: bool) {
        let quote = start + usize::from(self.bytes[start] == b'#');
        let end = (quote + if triple { 3 } else { 1 }).min(self.bytes.len());
        self.report_end(errors::unterminated_string(self.span(start, end)));
    }

    /// Moves over the opening quotes.
    fn open_quotes(&mut self, holes: bool) -> Text {
        let triple = self.bytes[self.at..].starts_with(b"\"\"\"");
        self.at += if triple { 3 } else { 1 };
        if triple {
            let blanks =
                self.bytes[self.at..].iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
            let rest = &self.bytes[self.at + blanks..];
            if rest.starts_with(b"\n") || rest.starts_with(b"\r\n") {
                self.at += blanks;
            }
        }
        Text { holes, triple, ..Text::default() }
    }

    /// Reads text up to the closing quotes, a hole or the end of the source.
    fn scan_text(&mut self, text: &mut Text) -> Stop {
        loop {
            let run = self.at;
            while let Some(&byte) = self.bytes.get(self.at)
                && !matches!(byte, b'"' | b'\\' | b'#' | b'\n')
            {
                if !matches!(byte, b' ' | b'\t') {
                    text.blank_line = None;
                }
                self.at += 1;
            }
            text.piece.push_str(&self.text[run..self.at]);
            let Some(byte) = self.peek(0) else { return Stop::Eof };
            match byte {
                b'\n' => {
                    text.piece.push('\n');
                    text.blank_line = Some(text.piece.len());
                    self.at += 1;
                    continue;
                }
                b'"' if !text.triple => {
                    self.at += 1;
                    return Stop::Closed;
                }
                b'"' if self.bytes[self.at..].starts_with(b"\"\"\"") => {
                    self.at += 3;
                    if let Some(length) = text.blank_line {
                        text.piece.truncate(length);
                    }
                    return Stop::Closed;
                }
                b'\\' => self.escape(&mut text.piece),
                b'#' if text.holes => match self.peek(1) {
                    Some(bracket @ (b'{' | b'(' | b'[')) => {
                        self.at += 1;
                        return Stop::Hole(bracket);
                    }
                    Some(b'<') => self.block_comment(),
                    _ => {
                        text.piece.push('#');
                        self.at += 1;
                    }
                },
                _ => {
                    text.piece.push(byte as char);
                    self.at += 1;
                }
            }
            text.blank_line = None;
        }
    }

    /// An escape sequence of a string; the text is at the backslash.
    fn escape(&mut self, piece: &mut String) {
        let start = self.at;
        self.at += 1;
        let Some(c) = self.text[self.at..].chars().next() else { return };
        self.at += c.len_utf8();
        if c != 'u' {
            return piece.push(simple_escape(c));
        }
        let Some(unit) = self.hex4() else {
            return self.report(errors::bad_unicode_escape(self.span_from(start)));
        };
        if let Some(c) = char::from_u32(unit) {
            return piece.push(c);
        }
        if unit < 0xdc00 && self.bytes[self.at..].starts_with(b"\\u") {
            let second = self.at;
            self.at += 2;
            match self.hex4() {
                Some(low @ 0xdc00..0xe000) => {
                    let code = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
                    return piece.extend(char::from_u32(code));
                }
                _ => self.at = second,
            }
        }
        self.report(errors::lone_surrogate(self.span_from(start)));
    }

    fn hex4(&mut self) -> Option<u32> {
        let digits = self.bytes.get(self.at..self.at + 4)?;
        let value = digits.iter().try_fold(0, |v, &d| Some(v << 4 | (d as char).to_digit(16)?))?;
        self.at += 4;
        Some(value)
    }

    /// A character; the text is at the quote.
    pub(super) fn character(&mut self) -> Node {
        let start = self.at;
        self.at += 1;
        let mut chars = self.text[self.at..].chars();
        let c = match chars.next() {
            Some('\\') => chars.next().map(simple_escape),
            Some('\'') | None => None,
            c => c,
        };
        if let Some(c) = c
            && chars.next() == Some('\'')
        {
            self.at = self.bytes.len() - chars.as_str().len();
            return Node { kind: Kind::Char(c), span: self.span_from(start) };
        }
        self.skip_bad_character();
        let span = self.span_from(start);
        self.report(errors::bad_char(span, &self.text[start..self.at]));
        Node { kind: Kind::Nil, span }
    }

    /// Goes behind the quote that was meant to close a character, if it is
    /// near and on this line, else to the end of the token.
    fn skip_bad_character(&mut self) {
        const NEAR: usize = 40;
        let (start, mut at, mut token_end) = (self.at, self.at, None);
        while let Some(&byte) = self.bytes.get(at) {
            if byte == b'\'' {
                self.at = at + 1;
                return;
            }
            if token_end.is_none() && CLASS[byte as usize] & END != 0 {
                token_end = Some(at);
            }
            let brackets = matches!(byte, b'\n' | b'(' | b')' | b'[' | b']' | b'{' | b'}');
            if token_end.is_some() && (brackets || at > start + NEAR) {
                break;
            }
            at += if byte == b'\\' { 1 } else { 0 };
            at += self.bytes.get(at).map_or(0, |&b| width(b));
        }
        self.at = token_end.unwrap_or(at).min(self.bytes.len());
    }

    /// A pattern; the text is at `#/`.
    pub(super) fn regex(&mut self) -> Node {
        let start = self.at;
        self.at += 2;
        let pattern = self.regex_part(start);
        let mut replacement = None;
        if !self.ended && self.has_replacement() {
            replacement = Some(self.regex_part(start));
        }
        let (mut ignore_case, mut multiline) = (false, false);
        while let Some(byte) = self.peek(0)
            && CLASS[byte as usize] & END == 0
        {
            let flag = self.text[self.at..].chars().next().unwrap_or_default();
            let span = self.span(self.at, self.at + flag.len_utf8());
            self.at += flag.len_utf8();
            match flag {
                'i' => ignore_case = true,
                'm' => multiline = true,
                _ => {
                    self.report(errors::bad_regex_flag(span, flag));
                    self.scan_rest_of_token();
                }
            }
        }
        let regex = Regex { pattern, ignore_case, multiline, replacement };
        Node { kind: Kind::Regex(Rc::new(regex)), span: self.span_from(start) }
    }

    fn scan_rest_of_token(&mut self) {
        if self.peek(0).is_some_and(|b| CLASS[b as usize] & END == 0) {
            self.scan_token();
        }
    }

    /// Text up to an unescaped slash. `\/` is a slash, `\\` a backslash, any
    /// other escape is kept for the pattern.
    fn regex_part(&mut self, open: usize) -> String {
        let mut part = String::new();
        loop {
            let run = self.at;
            while self.peek(0).is_some_and(|b| !matches!(b, b'/' | b'\\')) {
                self.at += 1;
            }
            part.push_str(&self.text[run..self.at]);
            match (self.peek(0), self.peek(1)) {
                (Some(b'/'), _) => {
                    self.at += 1;
                    return part;
                }
                (Some(_), Some(escaped @ (b'/' | b'\\'))) => {
                    part.push(escaped as char);
                    self.at += 2;
                }
                (Some(_), Some(_)) => {
                    part.push('\\');
                    self.at += 1;
                }
                _ => {
                    self.at = self.bytes.len();
                    self.report_end(errors::unterminated_regex(self.span(open, open + 2)));
                    return part;
                }
            }
        }
    }

    /// Whether a replacement follows the slash after a pattern: not if there
    /// are only letters up to the end of the token. Letters that are no flags
    /// may still begin a replacement with blanks, `#/,/ and/`: then a slash
    /// must follow on this line that ends the literal.
    fn has_replacement(&self) -> bool {
        let rest = &self.bytes[self.at..];
        let letters = rest.iter().take_while(|b| b.is_ascii_alphabetic()).count();
        if !nothing_follows(rest.get(letters).copied()) {
            return true;
        }
        if letters == 0 || rest[..letters].iter().all(|b| matches!(b, b'i' | b'm')) {
            return false;
        }
        let mut at = letters;
        while let Some(&byte) = rest.get(at)
            && byte != b'/'
        {
            if b"()[]{}\"#\n".contains(&byte) {
                return false;
            }
            at += if byte == b'\\' { 2 } else { 1 };
        }
        let Some(after) = rest.get(at + 1..) else { return false };
        let flags = after.iter().take_while(|b| matches!(b, b'i' | b'm')).count();
        nothing_follows(after.get(flags).copied())
    }
}

/// What `\c` stands for in strings and characters.
fn simple_escape(c: char) -> char {
    match c {
        'n' => '\n',
        't' => '\t',
        'r' => '\r',
        'b' => '\u{8}',
        'f' => '\u{c}',
        c => c,
    }
}

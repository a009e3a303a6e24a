//! Text to syntax tree (chapter 1 of the language reference).
//!
//! - `mod.rs`: the loop over forms and brackets, and recovery from errors
//! - `frame`: what is open
//! - `token`: symbols, paths, selectors, property keys
//! - `number`: numbers, bytes, dates and times
//! - `text`: strings, characters, patterns
//! - `chars`: character classes
//!
//! One pass over the bytes with an explicit stack, so nesting takes no
//! machine stack. After an error the reader goes on with the most likely
//! intention, and says nothing about what only follows from it; a text with
//! diagnostics must not be run.
#![forbid(unsafe_code)]

mod chars;
mod frame;
mod number;
#[cfg(test)]
mod tests;
mod text;
mod token;

use crate::diag::Diagnostic;
use crate::diag::reader as errors;
use crate::source::{FileId, Span};
use crate::syntax::{Kind, Node, Seq, Symbol};

use chars::{is_separator, nothing_follows};
use frame::{Frame, GeneFrame, Key, Open, Phase, PropList};

/// Most levels of forms within forms. The tree is recursive, and so are all
/// who walk it: dropping, printing and compiling must fit a stack of 2 MiB.
/// A `;` segment and a part of a shortcut `^a^b` count as levels.
pub const MAX_DEPTH: usize = 1000;

/// Most diagnostics of one text.
pub const MAX_DIAGNOSTICS: usize = 20;

/// Reads all forms of a text. If there are diagnostics, the forms are those
/// that could be made out; they may be incomplete.
pub fn read(file: FileId, text: &str) -> (Vec<Node>, Vec<Diagnostic>) {
    let mut reader = Reader::new(file, text);
    reader.run(false);
    (reader.forms, reader.diagnostics)
}

/// Reads the first form of a text; what follows it is not looked at.
///
/// # Errors
/// The first error of the form, or that there is none.
pub fn read_first(file: FileId, text: &str) -> Result<Node, Diagnostic> {
    let mut reader = Reader::new(file, text);
    reader.run(true);
    if !reader.diagnostics.is_empty() {
        return Err(reader.diagnostics.swap_remove(0));
    }
    let end = reader.at;
    reader.forms.pop().ok_or_else(|| errors::nothing_to_read(reader.span(end, end)))
}

/// The state of reading one text.
struct Reader<'a> {
    file: FileId,
    text: &'a str,
    bytes: &'a [u8],
    /// The next byte.
    at: usize,
    stack: Vec<Frame>,
    forms: Vec<Node>,
    diagnostics: Vec<Diagnostic>,
    /// Whether to read no further: at the end, or after too many errors.
    ended: bool,
    /// Whether superfluous closing brackets follow from an error reported already.
    forgiving: bool,
    /// The innermost bracket that was open when a bracket in the first column
    /// was met: perhaps its end is missing.
    suspect: Option<Span>,
    /// Closing brackets that did not fit, reported or not.
    misfits: usize,
}

impl<'a> Reader<'a> {
    fn new(file: FileId, text: &'a str) -> Reader<'a> {
        let mut reader = Reader {
            file,
            text,
            bytes: text.as_bytes(),
            at: if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 },
            stack: Vec::new(),
            forms: Vec::new(),
            diagnostics: Vec::new(),
            ended: false,
            forgiving: false,
            suspect: None,
            misfits: 0,
        };
        if u32::try_from(text.len()).is_err() {
            reader.report_end(errors::too_large(Span { file, start: 0, end: 0 }));
        }
        reader
    }

    fn span(&self, start: usize, end: usize) -> Span {
        Span { file: self.file, start: start as u32, end: end as u32 }
    }

    /// From `start` to the next byte.
    fn span_from(&self, start: usize) -> Span {
        self.span(start, self.at)
    }

    /// The byte `ahead` of the next one.
    fn peek(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.at + ahead).copied()
    }

    fn report(&mut self, diagnostic: Diagnostic) {
        if self.diagnostics.len() < MAX_DIAGNOSTICS {
            self.diagnostics.push(diagnostic);
        }
        self.ended |= self.diagnostics.len() == MAX_DIAGNOSTICS;
    }

    /// Reports an error after which reading makes no sense.
    fn report_end(&mut self, diagnostic: Diagnostic) {
        self.report(diagnostic);
        self.ended = true;
    }

    fn run(&mut self, only_first: bool) {
        while !self.ended && (!only_first || self.forms.is_empty()) {
            if matches!(self.stack.last(), Some(Frame { open: Open::Text(_), .. })) {
                self.resume_interpolation();
            } else {
                self.step();
            }
        }
    }

    /// Reads up to the end of a simple form, or over a bracket or prefix.
    fn step(&mut self) {
        while self.peek(0).is_some_and(is_separator) {
            self.at += 1;
        }
        let start = self.at;
        let Some(byte) = self.peek(0) else { return self.end_of_text() };
        match byte {
            b'(' => self.open(1, Open::Gene(Box::<GeneFrame>::default())),
            b'[' => self.open(1, Open::Array { items: Vec::new(), sealed: false }),
            b'{' => self.open_brace(0),
            b')' | b']' | b'}' => self.close(byte),
            b';' => self.semicolon(),
            b'"' => {
                let node = self.string();
                self.deliver(node, 1);
            }
            b'\'' => {
                let node = self.character();
                self.deliver(node, 1);
            }
            b'`' => {
                self.at += 1;
                self.push(Open::Quote, start);
            }
            b'%' => self.percent(),
            b'#' => self.hash(),
            b'^' if self.takes_keys() && self.peek(1).is_some_and(|b| !is_token_end(b)) => {
                self.property_key();
            }
            b'0'..=b'9' => {
                let node = self.number();
                self.deliver(node, 1);
            }
            b'+' | b'-' if self.peek(1).is_some_and(|b| b.is_ascii_digit()) => {
                let node = self.number();
                self.deliver(node, 1);
            }
            _ => {
                let node = self.symbol();
                self.deliver(node, 1);
            }
        }
    }

    /// What begins with `#`.
    fn hash(&mut self) {
        let start = self.at;
        match self.peek(1) {
            None | Some(b' ' | b'\t' | b'#' | b'!' | b'\n' | b'\r') => {
                let rest = &self.bytes[start..];
                let length = rest.iter().position(|&b| matches!(b, b'\n' | b'\r'));
                self.at += length.unwrap_or(rest.len());
            }
            Some(b'<') => self.block_comment(),
            Some(b'"') => self.open_interpolation(),
            Some(b'(') => {
                let gene = GeneFrame { sealed: true, ..GeneFrame::default() };
                self.open(2, Open::Gene(Box::new(gene)));
            }
            Some(b'[') => self.open(2, Open::Array { items: Vec::new(), sealed: true }),
            Some(b'{') => self.open_brace(1),
            Some(b'@') => {
                self.at += 2;
                self.push(Open::Decorator { function: None }, start);
            }
            Some(b'/') => {
                let node = self.regex();
                self.deliver(node, 1);
            }
            _ => {
                let node = self.symbol();
                self.deliver(node, 1);
            }
        }
    }

    /// `#<` ... `>#` with any number of `<`; the text is at `#`.
    fn block_comment(&mut self) {
        let start = self.at;
        let run = |at: usize, b: u8| self.bytes[at..].iter().take_while(|&&x| x == b).count();
        let level = run(start + 1, b'<');
        let mut at = start + 1 + level;
        while at < self.bytes.len() {
            let closing = run(at, b'>');
            at += closing;
            if closing == level && self.bytes.get(at) == Some(&b'#') {
                self.at = at + 1;
                return;
            }
            at += usize::from(closing == 0);
        }
        self.at = at;
        // The mark of a comment opened with very many brackets is cut.
        let end = format!("{}#", ">".repeat(level.min(8)));
        let span = self.span(start, start + 1 + level);
        self.report_end(errors::unclosed_comment(span, &end));
    }

    /// `%`: a symbol, or an unquote.
    fn percent(&mut self) {
        let start = self.at;
        let length = if nothing_follows(self.peek(1)) {
            1
        } else if self.peek(1) == Some(b'=') && nothing_follows(self.peek(2)) {
            2
        } else {
            // `%_` alone is a hole for `_`.
            let discard = self.peek(1) == Some(b'_') && !nothing_follows(self.peek(2));
            self.at += if discard { 2 } else { 1 };
            return self.push(Open::Unquote { discard }, start);
        };
        self.at += length;
        let name = Symbol::intern(&self.text[start..self.at]);
        self.deliver(Node { kind: Kind::Symbol(name), span: self.span_from(start) }, 1);
    }

    // Opening and closing.

    fn open_brace(&mut self, hash: usize) {
        let sealed = hash == 1;
        if self.peek(hash + 1) == Some(b'{') {
            self.open(hash + 2, Open::HashMap { items: Vec::new(), sealed });
        } else {
            let (props, pending) = (PropList::default(), None);
            self.open(hash + 1, Open::Map { props, pending, sealed, complained: false });
        }
    }

    /// Opens a bracket of `length` bytes.
    fn open(&mut self, length: usize, open: Open) {
        let start = self.at;
        if start == 0 || self.bytes[start - 1] == b'\n' {
            if self.stack.is_empty() {
                self.forgiving = false;
            } else if self.suspect.is_none() {
                self.suspect = self.innermost_bracket().map(|frame| self.bracket_span(frame));
            }
        }
        self.at += length;
        self.push(open, start);
    }

    fn push(&mut self, open: Open, start: usize) {
        if self.stack.len() >= MAX_DEPTH {
            return self.report_end(errors::too_deep(self.span_from(start), MAX_DEPTH));
        }
        self.stack.push(Frame { open, start, height: 0 });
    }

    fn innermost_bracket(&self) -> Option<&Frame> {
        self.stack.iter().rev().find(|f| f.open.brackets().is_some())
    }

    fn bracket_span(&self, frame: &Frame) -> Span {
        let length = frame.open.brackets().map_or(0, |(open, _)| open.len());
        let hash = self.bytes[frame.start] == b'#' && !matches!(frame.open, Open::Hole { .. });
        self.span(frame.start, frame.start + length + usize::from(hash))
    }

    fn end_of_text(&mut self) {
        self.ended = true;
        let Some(frame) = self.stack.last() else { return };
        // Behind the last word rather than on an empty line.
        let last = self.text.trim_end().len();
        let end = self.span(last, last);
        let diagnostic = if let Some(prefix) = frame.open.prefix() {
            errors::form_expected(end, prefix, true)
        } else if let Some((bracket, _)) = frame.open.brackets() {
            errors::unclosed(end, self.bracket_span(frame), bracket, self.suspect)
        } else {
            return;
        };
        self.report(diagnostic);
    }

    /// Prefixes without a form before a closing bracket or `;`.
    fn drop_prefixes(&mut self) {
        let mut reported = false;
        while let Some(frame) = self.stack.last()
            && let Some(prefix) = frame.open.prefix()
        {
            let span = self.span(frame.start, frame.start + prefix.len());
            self.stack.pop();
            if !reported {
                self.report(errors::form_expected(span, prefix, false));
                reported = true;
            }
        }
        if reported {
            // In place of the form: nothing more to complain about.
            let nil = Node { kind: Kind::Nil, span: self.span(self.at, self.at) };
            self.deliver(nil, 1);
        }
    }

    /// A closing bracket.
    fn close(&mut self, byte: u8) {
        let start = self.at;
        let bracket = &self.text[start..start + 1];
        // A string with holes is a barrier: brackets within it do not match those around it.
        let mut open = self.stack.iter().rev().take_while(|f| !matches!(f.open, Open::Text(_)));
        let fits = |f: &Frame| f.open.brackets().is_some_and(|(_, c)| c.as_bytes()[0] == byte);
        let Some(innermost) = open.clone().find(|f| f.open.brackets().is_some()) else {
            self.at += 1;
            return self.misfit(|r| errors::unmatched(r.span_from(start), bracket));
        };
        if fits(innermost) {
            self.drop_prefixes();
        } else {
            let wanted = innermost.open.brackets().map_or("", |(_, close)| close);
            let place = self.bracket_span(innermost);
            // Either brackets are missing before this one, or it is of the
            // wrong kind and meant for the innermost.
            let depth = match open.position(fits) {
                Some(from_top) => self.stack.len() - from_top,
                None => {
                    1 + self.stack.iter().rposition(|f| f.open.brackets().is_some()).unwrap_or(0)
                }
            };
            let span = self.span(start, start + 1);
            self.misfit(|_| errors::mismatched(span, bracket, place, wanted));
            self.forgiving = true;
            if depth < self.stack.len() {
                self.stack.truncate(depth);
                self.deliver(Node { kind: Kind::Nil, span }, 1);
            }
        }
        self.at += 1;
        self.close_innermost(byte);
    }

    /// Reports a closing bracket that does not fit, unless it follows from another.
    fn misfit(&mut self, diagnostic: impl FnOnce(&Self) -> Diagnostic) {
        // Each one looks through the stack, so there is a limit on the silent ones too.
        self.misfits += 1;
        self.ended |= self.misfits > 10 * MAX_DIAGNOSTICS;
        if !self.forgiving {
            let diagnostic = diagnostic(self);
            self.report(diagnostic);
        }
    }

    /// Closes the frame on top, whose closing bracket has been read.
    fn close_innermost(&mut self, byte: u8) {
        let Some(Frame { open, start, height }) = self.stack.pop() else { return };
        let node = match open {
            Open::Gene(mut gene) => {
                if let Some(key) = gene.pending.take() {
                    self.missing_value(&key);
                }
                let sealed = gene.sealed;
                gene.finish(self.span_from(start), sealed)
            }
            Open::Array { items, sealed } => self.node(start, Kind::Array(Seq { items, sealed })),
            Open::HashMap { items, sealed } => {
                if byte == b'}' && self.peek(0) == Some(b'}') {
                    self.at += 1;
                } else if !self.forgiving {
                    let place = self.span(start, start + 2 + usize::from(sealed));
                    let span = self.span(self.at - 1, self.at);
                    self.report(errors::mismatched(span, "}", place, "}}"));
                }
                self.node(start, Kind::HashMap(Seq { items, sealed }))
            }
            Open::Map { props, pending, sealed, .. } => {
                if let Some(key) = pending {
                    self.missing_value(&key);
                }
                self.node(start, Kind::Map(props.finish(), sealed))
            }
            Open::Hole { form, .. } => match form {
                Some(node) => return self.deliver(node, height),
                None => return self.report(errors::empty_hole(self.span_from(start))),
            },
            Open::Quote | Open::Unquote { .. } | Open::Decorator { .. } | Open::Text(_) => return,
        };
        self.deliver(node, height + 1);
    }

    fn node(&self, start: usize, kind: Kind) -> Node {
        Node { kind, span: self.span_from(start) }
    }

    /// `;` between the segments of a chain.
    fn semicolon(&mut self) {
        self.drop_prefixes();
        self.at += 1;
        let mark = self.span(self.at - 1, self.at);
        let Some(Frame { open: Open::Gene(gene), start, height }) = self.stack.last_mut() else {
            return self.report(errors::stray_semicolon(mark));
        };
        if gene.head.is_none() && gene.pending.is_none() {
            return self.report(errors::stray_semicolon(mark));
        }
        *height += 1;
        let (start, height) = (*start, *height);
        let mut segment = std::mem::take(&mut **gene);
        gene.sealed = segment.sealed;
        let pending = segment.pending.take();
        gene.head =
            Some(segment.finish(Span { start: start as u32, end: mark.start, ..mark }, false));
        if let Some(key) = pending {
            self.missing_value(&key);
        }
        if height > MAX_DEPTH {
            self.report_end(errors::too_deep(mark, MAX_DEPTH));
        }
    }

    // Forms within forms.

    /// Hands a finished node to what is open. `height` counts the levels of
    /// the node, itself included.
    fn deliver(&mut self, mut node: Node, mut height: usize) {
        loop {
            if height + self.stack.len() > MAX_DEPTH {
                return self.report_end(errors::too_deep(node.span, MAX_DEPTH));
            }
            let Some(frame) = self.stack.last_mut() else { return self.forms.push(node) };
            frame.height = frame.height.max(height);
            let whole = Span { start: frame.start as u32, ..node.span };
            let kind = match &mut frame.open {
                Open::Quote => Kind::Quote(Box::new(node)),
                Open::Unquote { discard } => {
                    Kind::Unquote { form: Box::new(node), discard: *discard }
                }
                Open::Decorator { function: function @ None } => {
                    *function = Some(node);
                    return;
                }
                Open::Decorator { function } => {
                    let (head, children) = (function.take(), vec![node]);
                    GeneFrame { head, children, ..GeneFrame::default() }.finish(whole, false).kind
                }
                _ => return self.add(node, height),
            };
            height = frame.height + 1;
            node = Node { kind, span: whole };
            self.stack.pop();
        }
    }

    /// Puts a node into the collection on top of the stack.
    fn add(&mut self, node: Node, height: usize) {
        let Some(frame) = self.stack.last_mut() else { return };
        match &mut frame.open {
            Open::Array { items, .. } | Open::HashMap { items, .. } => items.push(node),
            Open::Text(text) => text.parts.push(node),
            Open::Gene(gene) => match gene.pending.take() {
                Some(key) => self.property(key, node, height),
                None => {
                    if gene.phase == Phase::Within {
                        gene.phase = Phase::After;
                    }
                    if gene.head.is_none() {
                        gene.head = Some(node);
                    } else {
                        gene.children.push(node);
                    }
                }
            },
            Open::Map { pending, complained, .. } => match pending.take() {
                Some(key) => self.property(key, node, height),
                None if *complained => {}
                None => {
                    *complained = true;
                    let name = node.as_symbol().map(|s| s.as_str());
                    self.report(errors::key_expected(node.span, name));
                }
            },
            Open::Hole { form: form @ None, .. } => *form = Some(node),
            Open::Hole { complained, .. } => {
                if !std::mem::replace(complained, true) {
                    self.report(errors::crowded_hole(node.span));
                }
            }
            Open::Quote | Open::Unquote { .. } | Open::Decorator { .. } => {}
        }
    }

    // Properties.

    /// Whether `^k` is a property key here.
    fn takes_keys(&self) -> bool {
        self.stack.last().is_some_and(|f| matches!(f.open, Open::Gene(_) | Open::Map { .. }))
    }

    /// A property key directly within a Gene form or map.
    fn property_key(&mut self) {
        let pending = match self.stack.last_mut() {
            Some(Frame { open: Open::Gene(gene), .. }) => gene.pending.take(),
            Some(Frame { open: Open::Map { pending, .. }, .. }) => pending.take(),
            _ => None,
        };
        if let Some(key) = pending {
            self.missing_value(&key);
        }
        let start = self.at;
        let token = self.key();
        let span = self.span_from(start);
        let mut apart = None;
        if let Some(Frame { open: Open::Gene(gene), .. }) = self.stack.last_mut() {
            match gene.phase {
                Phase::Before => gene.phase = Phase::Within,
                Phase::After => {
                    gene.phase = Phase::Complained;
                    apart = Some(gene.props.first().unwrap_or(span));
                }
                Phase::Within | Phase::Complained => {}
            }
        }
        if let Some(first) = apart {
            self.report(errors::properties_apart(span, first));
        }
        let Some(token) = token else { return };
        match token.value {
            Some(kind) => self.property(token.key, Node { kind, span }, 1),
            None => match self.stack.last_mut() {
                Some(Frame { open: Open::Gene(gene), .. }) => gene.pending = Some(token.key),
                Some(Frame { open: Open::Map { pending, .. }, .. }) => *pending = Some(token.key),
                _ => {}
            },
        }
    }

    /// Adds a property to the form or map on top of the stack.
    fn property(&mut self, key: Key, value: Node, height: usize) {
        let levels = self.stack.len();
        let Some(frame) = self.stack.last_mut() else { return };
        let height = height + key.parts.len() - 1;
        if height + levels > MAX_DEPTH {
            return self.report_end(errors::too_deep(key.span, MAX_DEPTH));
        }
        frame.height = frame.height.max(height);
        let props = match &mut frame.open {
            Open::Gene(gene) => &mut gene.props,
            Open::Map { props, .. } => props,
            _ => return,
        };
        if let Err(first) = props.insert(&key, value) {
            self.report(errors::duplicate_property(key.span, &key.text(), first));
        }
    }

    fn missing_value(&mut self, key: &Key) {
        self.report(errors::missing_value(key.span, &key.text()));
    }
}

fn is_token_end(byte: u8) -> bool {
    chars::CLASS[byte as usize] & chars::END != 0
}

//! Source texts, and places in them.
#![forbid(unsafe_code)]

use std::ops::Range;
use std::sync::Arc;

/// Number of a [`Source`] in its [`SourceMap`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
pub struct FileId(pub u32);

/// A range of bytes of one source: `start` inclusive, `end` exclusive.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Span {
    /// The source.
    pub file: FileId,
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// The span of data that comes from no text, such as code built at run time.
    pub const NONE: Span = Span { file: FileId(u32::MAX), start: 0, end: 0 };

    /// Whether this is [`Span::NONE`].
    pub fn is_none(self) -> bool {
        self.file == Span::NONE.file
    }

    /// The smallest span that covers both; both must be of one source.
    pub fn to(self, end: Span) -> Span {
        Span { end: self.end.max(end.end), start: self.start.min(end.start), ..self }
    }
}

/// One text with its name and the beginnings of its lines.
#[derive(Debug)]
pub struct Source {
    /// Path as given by the user, or a name such as `<eval>`.
    pub name: String,
    /// The whole text.
    pub text: String,
    /// Byte offset of the first character of each line.
    lines: Vec<u32>,
}

/// Line and column, both counted from 1; columns count characters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Position {
    /// Line number from 1.
    pub line: u32,
    /// Column in characters from 1.
    pub column: u32,
}

impl Source {
    /// A source with its line index.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Source {
        let text = text.into();
        let lines = std::iter::once(0)
            .chain(text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(i, _)| i as u32 + 1))
            .collect();
        Source { name: name.into(), text, lines }
    }

    /// The bytes of a line, counted from 1, without its line break; empty beyond the end.
    pub fn line_range(&self, line: u32) -> Range<usize> {
        let line = line as usize;
        let Some(&start) = line.checked_sub(1).and_then(|l| self.lines.get(l)) else {
            return self.text.len()..self.text.len();
        };
        let end = self.lines.get(line).map_or(self.text.len(), |&next| next as usize - 1);
        let text = &self.text[start as usize..end];
        start as usize..end - usize::from(text.ends_with('\r'))
    }

    /// Where the byte `offset` stands; offsets beyond the end count as the end.
    pub fn position(&self, offset: u32) -> Position {
        let offset = (offset as usize).min(self.text.len());
        let line = self.lines.partition_point(|&start| start as usize <= offset) - 1;
        let start = self.lines[line] as usize;
        let column = self.text.as_bytes()[start..offset].iter().filter(|&&b| b & 0xC0 != 0x80);
        Position { line: line as u32 + 1, column: column.count() as u32 + 1 }
    }
}

/// The first byte that is not UTF-8.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BadEncoding {
    /// Its value.
    pub byte: u8,
    /// Its offset from 0.
    pub offset: usize,
    /// The text before it, for a [`Source`] to point into.
    pub before: String,
}

impl BadEncoding {
    /// Its place, if `before` is (the beginning of) the text of `file`.
    pub fn span(&self, file: FileId) -> Span {
        let at = u32::try_from(self.offset).unwrap_or(u32::MAX);
        Span { file, start: at, end: at }
    }
}

/// The text that the bytes of a file encode.
///
/// # Errors
/// The place of the first byte that is not UTF-8.
pub fn decode(bytes: Vec<u8>) -> Result<String, BadEncoding> {
    String::from_utf8(bytes).map_err(|error| {
        let offset = error.utf8_error().valid_up_to();
        let mut bytes = error.into_bytes();
        let byte = bytes[offset];
        bytes.truncate(offset);
        BadEncoding { byte, offset, before: String::from_utf8_lossy(&bytes).into_owned() }
    })
}

/// All sources of a process, shared by everything that reports places.
#[derive(Debug, Default, Clone)]
pub struct SourceMap {
    sources: Vec<Arc<Source>>,
}

impl SourceMap {
    /// Adds a source.
    pub fn add(&mut self, source: Source) -> FileId {
        self.sources.push(Arc::new(source));
        FileId(self.sources.len() as u32 - 1)
    }

    /// Takes over the sources of a map that this one is the beginning of.
    pub fn extend_to(&mut self, longer: SourceMap) {
        if longer.sources.len() > self.sources.len() {
            *self = longer;
        }
    }

    /// The source with this number; `None` for [`Span::NONE`].
    pub fn get(&self, id: FileId) -> Option<&Arc<Source>> {
        self.sources.get(id.0 as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decoding_finds_the_bad_byte() {
        assert_eq!(decode("aé".into()).as_deref(), Ok("aé"));
        let bad = decode(b"a\xc3\xa9\xff..".to_vec()).unwrap_err();
        assert_eq!((bad.byte, bad.offset, bad.before.as_str()), (0xff, 3, "aé"));
    }

    #[test]
    fn lines_have_ranges() {
        let s = Source::new("a.gene", "ab\r\n\ncd");
        assert_eq!([s.line_range(1), s.line_range(2), s.line_range(3)], [0..2, 4..4, 5..7]);
        assert_eq!((s.line_range(0), s.line_range(4)), (7..7, 7..7));
    }

    #[test]
    fn positions_count_characters() {
        let s = Source::new("a.gene", "é1\nxy\n");
        assert_eq!(s.position(2), Position { line: 1, column: 2 });
        assert_eq!(s.position(4), Position { line: 2, column: 1 });
        assert_eq!(s.position(99), Position { line: 3, column: 1 });
    }
}

//! The words and brackets of a text, for colours and `--dump=tokens`.
//!
//! The reader makes a tree in one pass and has no tokens to share; this is a
//! forgiving second look that never fails, whatever stands under the cursor.
//! Every byte of the text belongs to exactly one token.

use std::ops::Range;

/// What a token is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Token {
    /// Blanks, line breaks, commas.
    Blank,
    /// A comment.
    Comment,
    /// Text of a string or character, with its quotes and prefix; its holes are
    /// tokens of their own.
    Text,
    /// A number, date, time or bytes.
    Number,
    /// A pattern.
    Regex,
    /// `nil`, `true`, ...
    Constant,
    /// A symbol or path.
    Symbol,
    /// `^key`
    Key,
    /// `(`, `#[`, `{`, ...
    Open,
    /// `)`, `]`, `}`
    Close,
    /// Quote, unquote, `;`, `#@`
    Mark,
}

impl Token {
    /// A word for listings.
    pub fn name(self) -> &'static str {
        match self {
            Token::Blank => "blank",
            Token::Comment => "comment",
            Token::Text => "text",
            Token::Number => "number",
            Token::Regex => "regex",
            Token::Constant => "constant",
            Token::Symbol => "symbol",
            Token::Key => "key",
            Token::Open => "open",
            Token::Close => "close",
            Token::Mark => "mark",
        }
    }
}

/// Takes a text apart.
pub fn tokens(text: &str) -> Vec<(Token, Range<usize>)> {
    let mut lexer = Lexer { text, bytes: text.as_bytes(), at: 0, holes: Vec::new() };
    let mut tokens = Vec::new();
    while lexer.at < text.len() {
        let start = lexer.at;
        let token = lexer.next();
        debug_assert!(lexer.at > start);
        tokens.push((token, start..lexer.at));
    }
    tokens
}

/// A string that is interrupted by a hole.
struct Hole {
    /// Brackets open within the hole.
    depth: usize,
    /// The quotes that end the string.
    quotes: &'static str,
}

struct Lexer<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    holes: Vec<Hole>,
}

impl Lexer<'_> {
    fn rest(&self) -> &[u8] {
        &self.bytes[self.at..]
    }

    fn take(&mut self, bytes: usize, token: Token) -> Token {
        self.at = self.text.ceil_char_boundary((self.at + bytes).min(self.text.len()));
        token
    }

    /// Takes bytes as long as they belong to the token.
    fn take_while(&mut self, token: Token, belongs: impl Fn(u8) -> bool) -> Token {
        let length = self.rest().iter().position(|b| !belongs(*b)).unwrap_or(self.rest().len());
        self.take(length, token)
    }

    fn next(&mut self) -> Token {
        if self.holes.last().is_some_and(|hole| hole.depth == 0) {
            return self.string_with_holes(self.at);
        }
        match self.rest() {
            [b, ..] if is_blank(*b) => self.take_while(Token::Blank, is_blank),
            [b'(' | b'[' | b'{', ..] => self.open(1),
            [b'#', b'(' | b'[' | b'{', ..] => self.open(2),
            [b')' | b']' | b'}', ..] => {
                if let Some(hole) = self.holes.last_mut() {
                    hole.depth -= 1;
                }
                self.take(1, Token::Close)
            }
            [b'"', ..] => self.string(),
            [b'\'', ..] => self.quoted(1, b'\'', Token::Text),
            [b'`' | b';', ..] => self.take(1, Token::Mark),
            [b'%'] | [b'%', b'=', ..] => self.word(Token::Symbol),
            [b'%', next, ..] if is_end(*next) && !matches!(next, b'(' | b'[' | b'{' | b'"') => {
                self.take(1, Token::Symbol)
            }
            [b'%', ..] => self.take(1, Token::Mark),
            [b'#'] | [b'#', b' ' | b'\t' | b'#' | b'!' | b'\n' | b'\r', ..] => {
                self.take_while(Token::Comment, |b| !matches!(b, b'\n' | b'\r'))
            }
            [b'#', b'<', ..] => self.block_comment(),
            [b'#', b'"', ..] => {
                let quotes = if self.rest()[1..].starts_with(b"\"\"\"") { "\"\"\"" } else { "\"" };
                let start = self.at;
                self.at += 1 + quotes.len();
                self.holes.push(Hole { depth: 0, quotes });
                self.string_with_holes(start)
            }
            [b'#', b'@', ..] => self.take(2, Token::Mark),
            [b'#', b'/', ..] => self.regex(),
            [b'^', next, ..] if !is_end(*next) => self.word(Token::Key),
            [b'0'..=b'9', ..] | [b'+' | b'-', b'0'..=b'9', ..] => self.word(Token::Number),
            _ => {
                let start = self.at;
                self.word(Token::Symbol);
                match &self.text[start..self.at] {
                    "nil" | "void" | "true" | "false" | "not_found" => Token::Constant,
                    _ => Token::Symbol,
                }
            }
        }
    }

    fn open(&mut self, bytes: usize) -> Token {
        if let Some(hole) = self.holes.last_mut() {
            hole.depth += 1;
        }
        self.take(bytes, Token::Open)
    }

    /// A token up to what ends one; `\` takes the next character along.
    fn word(&mut self, token: Token) -> Token {
        let mut length = 0;
        while let Some(&byte) = self.rest().get(length) {
            if is_end(byte) && length > 0 {
                break;
            }
            length += 1 + usize::from(byte == b'\\');
        }
        self.take(length, token)
    }

    fn string(&mut self) -> Token {
        if !self.rest().starts_with(b"\"\"\"") {
            return self.quoted(1, b'"', Token::Text);
        }
        let end = self.text[self.at + 3..].find("\"\"\"");
        self.take(end.map_or(usize::MAX - self.at, |end| end + 6), Token::Text)
    }

    /// Up to a closing byte that has no `\` before it.
    fn quoted(&mut self, start: usize, close: u8, token: Token) -> Token {
        let mut length = start;
        while let Some(&byte) = self.rest().get(length) {
            length += 1 + usize::from(byte == b'\\');
            if byte == close {
                break;
            }
        }
        self.take(length, token)
    }

    /// Text of an interpolated string from `start` up to its end or the next
    /// hole, or the bracket that opens one.
    fn string_with_holes(&mut self, start: usize) -> Token {
        let quotes = self.holes.last().map_or("\"", |hole| hole.quotes);
        while let Some(&byte) = self.bytes.get(self.at) {
            if self.rest().starts_with(quotes.as_bytes()) {
                self.holes.pop();
                return self.take(quotes.len(), Token::Text);
            }
            match self.rest() {
                [b'#', b'{' | b'(' | b'[', ..] if self.at > start => return Token::Text,
                [b'#', b'{' | b'(' | b'[', ..] => return self.open(2),
                [b'#', b'<', ..] => {
                    self.block_comment();
                }
                _ => {
                    self.take(1 + usize::from(byte == b'\\'), Token::Text);
                }
            }
        }
        Token::Text
    }

    fn block_comment(&mut self) -> Token {
        let run = |from: usize, b: u8| self.bytes[from..].iter().take_while(|x| **x == b).count();
        let level = run(self.at + 1, b'<');
        let mut at = self.at + 1 + level;
        while at < self.bytes.len() {
            let closing = run(at, b'>');
            at += closing;
            if closing == level && self.bytes.get(at) == Some(&b'#') {
                return self.take(at + 1 - self.at, Token::Comment);
            }
            at += usize::from(closing == 0);
        }
        self.take(at - self.at, Token::Comment)
    }

    /// `#/pattern/flags`, `#/pattern/replacement/flags`
    fn regex(&mut self) -> Token {
        self.quoted(2, b'/', Token::Regex);
        let ended = |byte: &u8| byte.is_ascii_alphabetic();
        let line = self.rest().split(|b| *b == b'\n').next().unwrap_or_default();
        if !line.iter().take_while(|b| !is_end(**b)).any(|b| *b == b'/') {
            return self.take_while(Token::Regex, |b| ended(&b));
        }
        self.quoted(0, b'/', Token::Regex);
        self.take_while(Token::Regex, |b| ended(&b))
    }
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b',')
}

fn is_end(byte: u8) -> bool {
    is_blank(byte)
        || matches!(byte, b'(' | b')' | b'[' | b']' | b'{' | b'}' | b'"' | b'`' | b'%' | b';')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tokens but blanks, as `kind:text`.
    fn shown(text: &str) -> Vec<String> {
        let tokens = tokens(text);
        let pieces: String = tokens.iter().map(|(_, range)| &text[range.clone()]).collect();
        assert_eq!(pieces, text, "the tokens should cover the text");
        let words = tokens.iter().filter(|(token, _)| *token != Token::Blank);
        words.map(|(token, range)| format!("{}:{}", token.name(), &text[range.clone()])).collect()
    }

    #[test]
    fn forms() {
        assert_eq!(
            shown("(f -1 ^k a/b, nil)#[]"),
            ["open:(", "symbol:f", "number:-1", "key:^k", "symbol:a/b", "constant:nil", "close:)"]
                .into_iter()
                .chain(["open:#[", "close:]"])
                .collect::<Vec<_>>()
        );
        assert_eq!(shown("`x %y (a % b)")[..4], ["mark:`", "symbol:x", "mark:%", "symbol:y"]);
        assert_eq!(shown("(a % b)")[2], "symbol:%");
        assert_eq!(shown("a\\ b"), ["symbol:a\\ b"]);
        assert_eq!(
            shown("#@f #/a b\\/c/i x"),
            ["mark:#@", "symbol:f", "regex:#/a b\\/c/i", "symbol:x"]
        );
    }

    #[test]
    fn comments() {
        assert_eq!(shown("1 # a (\n2"), ["number:1", "comment:# a (", "number:2"]);
        assert_eq!(shown("#<< a >#\n >>#b"), ["comment:#<< a >#\n >>#", "symbol:b"]);
        assert_eq!(shown("#<< a >#"), ["comment:#<< a >#"]);
        assert_eq!(shown("#x"), ["symbol:#x"]);
    }

    #[test]
    fn strings() {
        assert_eq!(shown(r#""a\"(" b"#), [r#"text:"a\"(""#, "symbol:b"]);
        assert_eq!(shown("\"\"\"a\"b\"\"\"c"), ["text:\"\"\"a\"b\"\"\"", "symbol:c"]);
        assert_eq!(shown(r"'\'' 'é'"), [r"text:'\''", "text:'é'"]);
        assert_eq!(
            shown("#\"n=#{(f \"x\")} #[1]\" z"),
            ["text:#\"n=", "open:#{", "open:(", "symbol:f", "text:\"x\"", "close:)", "close:}"]
                .into_iter()
                .chain(["text: ", "open:#[", "number:1", "close:]", "text:\"", "symbol:z"])
                .collect::<Vec<_>>()
        );
    }

    #[test]
    fn whatever_is_typed() {
        for text in
            ["\"a", "#\"a #{", "#\"\\", "'", "\\", "#<", "#/a", ")", "]}", "%", "^", "a\\é", "#"]
        {
            shown(text);
            shown(&format!("#\"#({text}"));
            shown(&format!("é{text}é"));
        }
    }
}

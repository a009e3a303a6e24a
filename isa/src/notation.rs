//! Names, constants and types as they stand in listings: printer and parser.
//!
//! ```text
//! name     word | "any text"
//! datum    nil void not_found true false 42 1.5 inf nan 'c' "text" `name
//!          [datum...] {name datum...} (hash_map datum...) (gene datum {...} [...])
//!          (path name...) (selector name...) (quote datum) (unquote datum) (discard datum)
//!          (bytes 00ff) (date y m d) (time h m s us offset zone utc) (date_time date time)
//!          (regex "pattern" ignore_case multiline replacement); sealed: # before it
//! type     name | (module slot name) | (register r1 name) | (| type...) | (of type type...)
//!          | (fn [type...] {name type...} (rest type) (result type))
//! ```

use std::fmt::Write;
use std::sync::Arc;

use crate::datum::{Date, Datum, GeneDatum, Regex, Time};
use crate::{Symbol, TypeExpr};

/// Nesting that the parser accepts: it recurses.
const MAX_DEPTH: usize = 200;

/// The name as a word, or quoted if it could be taken for something else.
pub fn name(symbol: Symbol) -> String {
    let text = symbol.as_str();
    let plain = |c: char| c.is_alphanumeric() || "_!?*+-/<>=&|$%.@~^:".contains(c);
    match !text.is_empty() && text != "..." && text.chars().all(plain) {
        true => text.to_string(),
        false => format!("{text:?}"),
    }
}

pub fn names(symbols: &[Symbol]) -> String {
    symbols.iter().map(|s| name(*s)).collect::<Vec<_>>().join(" ")
}

/// The text of a constant.
pub fn datum(value: &Datum) -> String {
    let mut out = String::new();
    put_datum(&mut out, value);
    out
}

fn put_datum(out: &mut String, value: &Datum) {
    // Writing to a string cannot fail.
    let _ = match value {
        Datum::Nil => write!(out, "nil"),
        Datum::Void => write!(out, "void"),
        Datum::NotFound => write!(out, "not_found"),
        Datum::Bool(b) => write!(out, "{b}"),
        Datum::Int(i) => write!(out, "{i}"),
        Datum::Float(f) if f.is_nan() => write!(out, "nan"),
        Datum::Float(f) => write!(out, "{f:?}"),
        Datum::Char(c) => write!(out, "{c:?}"),
        Datum::Str(s) => write!(out, "{s:?}"),
        Datum::Symbol(s) => write!(out, "`{}", name(*s)),
        Datum::Path(p) => write!(out, "(path {})", names(p)),
        Datum::Selector(p) => write!(out, "(selector {})", names(p)),
        Datum::Array(items, sealed) => {
            put_sealed(out, *sealed);
            put_items(out, "[", items, "]");
            Ok(())
        }
        Datum::Map(entries, sealed) => {
            put_sealed(out, *sealed);
            put_entries(out, entries);
            Ok(())
        }
        Datum::HashMap(items, sealed) => {
            put_sealed(out, *sealed);
            put_items(out, "(hash_map ", items, ")");
            Ok(())
        }
        Datum::Gene(gene) => {
            put_sealed(out, gene.sealed);
            out.push_str("(gene ");
            put_datum(out, &gene.head);
            out.push(' ');
            put_entries(out, &gene.props);
            out.push(' ');
            put_items(out, "[", &gene.children, "]");
            out.push(')');
            Ok(())
        }
        Datum::Quote(inner) => {
            put_items(out, "(quote ", std::slice::from_ref(&**inner), ")");
            Ok(())
        }
        Datum::Unquote(inner, discard) => {
            let head = if *discard { "(discard " } else { "(unquote " };
            put_items(out, head, std::slice::from_ref(&**inner), ")");
            Ok(())
        }
        Datum::Bytes(bytes) => {
            out.push_str("(bytes ");
            bytes.iter().for_each(|b| {
                let _ = write!(out, "{b:02x}");
            });
            write!(out, ")")
        }
        Datum::Date(date) => write!(out, "{}", date_text(date)),
        Datum::Time(time) => write!(out, "{}", time_text(time)),
        Datum::DateTime(date, time) => {
            write!(out, "(date_time {} {})", date_text(date), time_text(time))
        }
        Datum::Regex(regex) => {
            let Regex { pattern, ignore_case, multiline, replacement } = &**regex;
            let replacement = optional(replacement.as_ref().map(|r| format!("{r:?}")));
            write!(out, "(regex {pattern:?} {ignore_case} {multiline} {replacement})")
        }
    };
}

fn put_sealed(out: &mut String, sealed: bool) {
    if sealed {
        out.push('#');
    }
}

fn put_items(out: &mut String, open: &str, items: &[Datum], close: &str) {
    out.push_str(open);
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            out.push(' ');
        }
        put_datum(out, item);
    }
    out.push_str(close);
}

fn put_entries(out: &mut String, entries: &[(Symbol, Datum)]) {
    out.push('{');
    for (i, (key, value)) in entries.iter().enumerate() {
        let _ = write!(out, "{}{} ", if i > 0 { " " } else { "" }, name(*key));
        put_datum(out, value);
    }
    out.push('}');
}

fn optional(text: Option<String>) -> String {
    text.unwrap_or_else(|| "nil".into())
}

fn date_text(date: &Date) -> String {
    format!("(date {} {} {})", date.year, date.month, date.day)
}

fn time_text(time: &Time) -> String {
    let Time { hour, minute, second, microsecond, offset, zone, utc } = time;
    let offset = optional(offset.map(|o| o.to_string()));
    let zone = optional(zone.as_ref().map(|z| format!("{z:?}")));
    format!("(time {hour} {minute} {second} {microsecond} {offset} {zone} {utc})")
}

/// The text of a type.
pub fn ty(value: &TypeExpr) -> String {
    let list = |types: &[TypeExpr]| types.iter().map(ty).collect::<Vec<_>>().join(" ");
    match value {
        TypeExpr::Name(n) => name(*n),
        TypeExpr::Module(slot, n) => format!("(module {slot} {})", name(*n)),
        TypeExpr::Register(r, n) => format!("(register r{r} {})", name(*n)),
        TypeExpr::Union(types) => format!("(| {})", list(types)),
        TypeExpr::Applied(outer, args) => format!("(of {} {})", ty(outer), list(args)),
        TypeExpr::Fn { params, keywords, rest, result } => {
            let keywords: Vec<_> =
                keywords.iter().map(|(k, t)| format!("{} {}", name(*k), ty(t))).collect();
            let mut out = format!("(fn [{}] {{{}}}", list(params), keywords.join(" "));
            for (word, part) in [("rest", rest), ("result", result)] {
                if let Some(part) = part {
                    let _ = write!(out, " ({word} {})", ty(part));
                }
            }
            out + ")"
        }
    }
}

/// A token of a line.
#[derive(Clone, PartialEq, Debug)]
pub enum Token {
    /// A run of characters that stand for themselves.
    Word(String),
    /// A string.
    Str(String),
    /// A character.
    Char(char),
    /// Backquote or bracket.
    Mark(char),
}

/// What went wrong, in words.
pub type Problem = String;

/// Splits a line into tokens; `;` starts a comment.
pub fn tokens(line: &str) -> Result<Vec<Token>, Problem> {
    let mut out = Vec::new();
    let mut chars = line.chars().peekable();
    while let Some(&c) = chars.peek() {
        match c {
            ';' => break,
            c if c.is_whitespace() => {
                chars.next();
            }
            '`' | '[' | ']' | '{' | '}' | '(' | ')' | '#' => {
                chars.next();
                out.push(Token::Mark(c));
            }
            '"' | '\'' => {
                chars.next();
                let text = quoted(&mut chars, c)?;
                out.push(match c {
                    '"' => Token::Str(text),
                    _ => {
                        let mut chars = text.chars();
                        match (chars.next(), chars.next()) {
                            (Some(c), None) => Token::Char(c),
                            _ => return Err("a character literal holds one character".into()),
                        }
                    }
                });
            }
            _ => {
                let mut word = String::new();
                while let Some(c) = chars.next_if(|c| {
                    !c.is_whitespace()
                        && !matches!(
                            c,
                            ';' | '`' | '"' | '\'' | '#' | '[' | ']' | '{' | '}' | '(' | ')'
                        )
                }) {
                    word.push(c);
                }
                out.push(Token::Word(word));
            }
        }
    }
    Ok(out)
}

fn quoted(chars: &mut impl Iterator<Item = char>, end: char) -> Result<String, Problem> {
    let mut out = String::new();
    let unclosed = || format!("missing {end}");
    loop {
        match chars.next().ok_or_else(unclosed)? {
            c if c == end => return Ok(out),
            '\\' => out.push(match chars.next().ok_or_else(unclosed)? {
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                '0' => '\0',
                'u' => {
                    let digits: String =
                        chars.by_ref().skip(1).take_while(|c| *c != '}').take(9).collect();
                    let code = u32::from_str_radix(&digits, 16).ok();
                    code.and_then(char::from_u32).ok_or("no such character in \\u{...}")?
                }
                c @ ('\\' | '"' | '\'') => c,
                c => return Err(format!("unknown escape \\{c}")),
            }),
            c => out.push(c),
        }
    }
}

/// Reads the tokens of one line.
pub struct Parser {
    tokens: std::iter::Peekable<std::vec::IntoIter<Token>>,
    depth: usize,
}

impl Parser {
    pub fn new(line: &str) -> Result<Parser, Problem> {
        Ok(Parser { tokens: tokens(line)?.into_iter().peekable(), depth: 0 })
    }

    pub fn peek(&mut self) -> Option<&Token> {
        self.tokens.peek()
    }

    pub fn at_end(&mut self) -> bool {
        self.peek().is_none()
    }

    /// Takes the next token.
    pub fn advance(&mut self) -> Result<Token, Problem> {
        self.tokens.next().ok_or_else(|| "the line ends too early".into())
    }

    /// Takes the next token if it is this word.
    pub fn accept(&mut self, word: &str) -> bool {
        self.tokens.next_if(|t| matches!(t, Token::Word(w) if w == word)).is_some()
    }

    /// Takes the next token if it is this mark.
    pub fn accept_mark(&mut self, mark: char) -> bool {
        self.tokens.next_if(|t| *t == Token::Mark(mark)).is_some()
    }

    pub fn expect_mark(&mut self, mark: char) -> Result<(), Problem> {
        match self.accept_mark(mark) {
            true => Ok(()),
            false => Err(format!("expected {mark}")),
        }
    }

    /// Takes `prefix` off the next word, which starts with it; what is left of
    /// the word, if anything, stays.
    pub fn strip(&mut self, prefix: char) {
        if let Some(Token::Word(word)) = self.tokens.peek_mut() {
            word.drain(..prefix.len_utf8());
            if word.is_empty() {
                self.tokens.next();
            }
        }
    }

    pub fn word(&mut self) -> Result<String, Problem> {
        match self.advance()? {
            Token::Word(word) => Ok(word),
            other => Err(format!("expected a word, not {other:?}")),
        }
    }

    /// A number after `prefix`, as in `r3`.
    pub fn number<T: std::str::FromStr>(&mut self, prefix: &str) -> Result<T, Problem> {
        let word = self.word()?;
        word.strip_prefix(prefix)
            .and_then(|digits| digits.parse().ok())
            .ok_or_else(|| format!("expected {prefix}<number>, not `{word}`"))
    }

    pub fn name(&mut self) -> Result<Symbol, Problem> {
        match self.advance()? {
            Token::Word(text) | Token::Str(text) => Ok(Symbol::intern(&text)),
            other => Err(format!("expected a name, not {other:?}")),
        }
    }

    /// `item`s up to the closing mark.
    fn until<T>(
        &mut self,
        close: char,
        mut item: impl FnMut(&mut Parser) -> Result<T, Problem>,
    ) -> Result<Vec<T>, Problem> {
        let mut items = Vec::new();
        while !self.accept_mark(close) {
            items.push(item(self)?);
        }
        Ok(items)
    }

    pub fn list<T>(
        &mut self,
        open: char,
        close: char,
        item: impl FnMut(&mut Parser) -> Result<T, Problem>,
    ) -> Result<Vec<T>, Problem> {
        self.expect_mark(open)?;
        self.until(close, item)
    }

    fn nested<T>(
        &mut self,
        parse: impl FnOnce(&mut Parser) -> Result<T, Problem>,
    ) -> Result<T, Problem> {
        if self.depth == MAX_DEPTH {
            return Err("nested too deeply".into());
        }
        self.depth += 1;
        let result = parse(self);
        self.depth -= 1;
        result
    }

    /// A constant.
    pub fn datum(&mut self) -> Result<Datum, Problem> {
        self.nested(Parser::datum_inside)
    }

    fn datum_inside(&mut self) -> Result<Datum, Problem> {
        let sealed = self.accept_mark('#');
        let value = match self.advance()? {
            Token::Str(text) => Datum::Str(text.into()),
            Token::Char(c) => Datum::Char(c),
            Token::Mark('`') => Datum::Symbol(self.name()?),
            Token::Mark('[') => Datum::Array(self.until(']', Parser::datum)?, sealed),
            Token::Mark('{') => Datum::Map(self.until('}', Parser::entry)?, sealed),
            Token::Mark('(') => self.compound(sealed)?,
            Token::Mark(mark) => return Err(format!("unexpected {mark}")),
            Token::Word(word) => atom(&word)?,
        };
        let may_be_sealed = matches!(
            value,
            Datum::Array(..) | Datum::Map(..) | Datum::HashMap(..) | Datum::Gene(..)
        );
        match sealed && !may_be_sealed {
            true => Err("# stands before collections only".into()),
            false => Ok(value),
        }
    }

    fn entry(&mut self) -> Result<(Symbol, Datum), Problem> {
        Ok((self.name()?, self.datum()?))
    }

    fn compound(&mut self, sealed: bool) -> Result<Datum, Problem> {
        let head = self.word()?;
        let value = match head.as_str() {
            "hash_map" => return Ok(Datum::HashMap(self.until(')', Parser::datum)?, sealed)),
            "path" => return Ok(Datum::Path(self.until(')', Parser::name)?.into())),
            "selector" => return Ok(Datum::Selector(self.until(')', Parser::name)?.into())),
            "gene" => Datum::Gene(Box::new(GeneDatum {
                head: self.datum()?,
                props: self.list('{', '}', Parser::entry)?,
                children: self.list('[', ']', Parser::datum)?,
                sealed,
            })),
            "quote" => Datum::Quote(Box::new(self.datum()?)),
            "unquote" => Datum::Unquote(Box::new(self.datum()?), false),
            "discard" => Datum::Unquote(Box::new(self.datum()?), true),
            "bytes" => {
                let digits = match self.peek() {
                    Some(Token::Word(_)) => self.word()?,
                    _ => String::new(),
                };
                Datum::Bytes(hex(&digits).ok_or("expected pairs of hexadecimal digits")?.into())
            }
            "date" => Datum::Date(self.date()?),
            "time" => Datum::Time(self.time()?),
            "date_time" => {
                let date = self.part("date", Parser::date)?;
                Datum::DateTime(date, self.part("time", Parser::time)?)
            }
            "regex" => {
                let Token::Str(pattern) = self.advance()? else {
                    return Err("expected the pattern".into());
                };
                let (ignore_case, multiline) = (self.number("")?, self.number("")?);
                let replacement = self.optional_text()?;
                Datum::Regex(Arc::new(Regex { pattern, ignore_case, multiline, replacement }))
            }
            _ => return Err(format!("unknown constant ({head} ...)")),
        };
        self.expect_mark(')')?;
        Ok(value)
    }

    fn part<T>(
        &mut self,
        word: &str,
        parse: impl FnOnce(&mut Parser) -> Result<T, Problem>,
    ) -> Result<T, Problem> {
        self.expect_mark('(')?;
        if !self.accept(word) {
            return Err(format!("expected ({word} ...)"));
        }
        let value = parse(self)?;
        self.expect_mark(')')?;
        Ok(value)
    }

    fn optional_text(&mut self) -> Result<Option<String>, Problem> {
        match self.advance()? {
            Token::Str(text) => Ok(Some(text)),
            Token::Word(word) if word == "nil" => Ok(None),
            other => Err(format!("expected a string or nil, not {other:?}")),
        }
    }

    fn date(&mut self) -> Result<Date, Problem> {
        Ok(Date { year: self.number("")?, month: self.number("")?, day: self.number("")? })
    }

    fn time(&mut self) -> Result<Time, Problem> {
        Ok(Time {
            hour: self.number("")?,
            minute: self.number("")?,
            second: self.number("")?,
            microsecond: self.number("")?,
            offset: match self.accept("nil") {
                true => None,
                false => Some(self.number("")?),
            },
            zone: self.optional_text()?.map(Arc::from),
            utc: self.number("")?,
        })
    }

    /// A type.
    pub fn ty(&mut self) -> Result<TypeExpr, Problem> {
        self.nested(Parser::ty_inside)
    }

    fn ty_inside(&mut self) -> Result<TypeExpr, Problem> {
        if !self.accept_mark('(') {
            return Ok(TypeExpr::Name(self.name()?));
        }
        let head = self.word()?;
        let value = match head.as_str() {
            "|" => return Ok(TypeExpr::Union(self.until(')', Parser::ty)?)),
            "of" => {
                let outer = Box::new(self.ty()?);
                return Ok(TypeExpr::Applied(outer, self.until(')', Parser::ty)?));
            }
            "module" => TypeExpr::Module(self.number("")?, self.name()?),
            "register" => TypeExpr::Register(self.number("r")?, self.name()?),
            "fn" => {
                let params = self.list('[', ']', Parser::ty)?;
                let keywords = self.list('{', '}', |p| Ok((p.name()?, p.ty()?)))?;
                let (mut rest, mut result) = (None, None);
                while self.accept_mark('(') {
                    let part = match self.word()?.as_str() {
                        "rest" => &mut rest,
                        "result" => &mut result,
                        other => return Err(format!("unknown part ({other} ...)")),
                    };
                    *part = Some(Box::new(self.ty()?));
                    self.expect_mark(')')?;
                }
                TypeExpr::Fn { params, keywords, rest, result }
            }
            _ => return Err(format!("unknown type ({head} ...)")),
        };
        self.expect_mark(')')?;
        Ok(value)
    }
}

fn atom(word: &str) -> Result<Datum, Problem> {
    Ok(match word {
        "nil" => Datum::Nil,
        "void" => Datum::Void,
        "not_found" => Datum::NotFound,
        "true" => Datum::Bool(true),
        "false" => Datum::Bool(false),
        "nan" => Datum::Float(f64::NAN),
        "inf" => Datum::Float(f64::INFINITY),
        "-inf" => Datum::Float(f64::NEG_INFINITY),
        _ => match (word.parse(), word.parse()) {
            (Ok(int), _) => Datum::Int(int),
            (_, Ok(float)) => Datum::Float(float),
            _ => return Err(format!("unknown constant `{word}`")),
        },
    })
}

fn hex(digits: &str) -> Option<Vec<u8>> {
    let digits: Vec<u32> = digits.chars().map(|c| c.to_digit(16)).collect::<Option<_>>()?;
    let (pairs, rest) = digits.as_chunks::<2>();
    rest.is_empty().then(|| pairs.iter().map(|[high, low]| (high << 4 | low) as u8).collect())
}

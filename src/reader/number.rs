//! Tokens that begin with a digit: numbers, bytes, dates and times.

use super::Reader;
use super::chars::{CLASS, END, is_separator};
use crate::diag::Diagnostic;
use crate::diag::reader as errors;
use crate::source::Span;
use crate::syntax::{Date, Kind, Node, Time};

impl Reader<'_> {
    /// A literal that begins with a digit, or a sign and a digit.
    pub(super) fn number(&mut self) -> Node {
        let start = self.at;
        if self.peek(0) == Some(b'0')
            && let Some(notation @ (b'#' | b'!' | b'*')) = self.peek(1)
        {
            return self.bytes_literal(notation);
        }
        let (token, _) = self.scan_token();
        let span = self.span_from(start);
        let bytes = token.as_bytes();
        let result = if bytes.get(4) == Some(&b'-') && all_digits(&bytes[..4]) {
            self.date_literal(token, span)
        } else if bytes.get(2) == Some(&b':') && all_digits(&bytes[..2]) {
            self.time_literal(token, span)
        } else {
            number(token, span)
        };
        if matches!(self.peek(0), Some(b'"' | b'`' | b'%')) {
            self.report(errors::number_not_separated(self.span_from(start)));
        }
        let kind = result.unwrap_or_else(|error| {
            self.report(error);
            Kind::Int(0)
        });
        Node { kind, span: self.span_from(start) }
    }

    fn date_literal(&mut self, token: &str, span: Span) -> Result<Kind, Diagnostic> {
        let mut fields = Fields { text: token, rest: token.as_bytes(), span };
        let date = fields.date()?;
        if fields.rest.is_empty() {
            return Ok(Kind::Date(date));
        }
        fields.expect(b'T')?;
        let mut time = fields.time()?;
        self.zone(&mut time)?;
        if time.zone.is_some() && time.offset.is_none() {
            return Err(errors::zone_without_offset(self.span(span.start as usize, self.at)));
        }
        Ok(Kind::DateTime(date, time))
    }

    fn time_literal(&mut self, token: &str, span: Span) -> Result<Kind, Diagnostic> {
        let mut time = Fields { text: token, rest: token.as_bytes(), span }.time()?;
        self.zone(&mut time)?;
        Ok(Kind::Time(time))
    }

    /// `[Area/City]` directly after a time.
    fn zone(&mut self, time: &mut Time) -> Result<(), Diagnostic> {
        if self.peek(0) != Some(b'[') {
            return Ok(());
        }
        let start = self.at;
        let name_length = self.bytes[start + 1..]
            .iter()
            .position(|b| !(b.is_ascii_alphanumeric() || b"_-+/".contains(b)))
            .unwrap_or(self.bytes.len() - start - 1);
        let end = start + 1 + name_length;
        let name = &self.text[start + 1..end];
        let closed = self.bytes.get(end) == Some(&b']');
        if !closed {
            // What stands here is not a name: leave the bracket to be read as one.
            return Err(errors::bad_zone(self.span(start, end), name));
        }
        self.at = end + 1;
        if name.split('/').count() < 2 || name.split('/').any(str::is_empty) {
            return Err(errors::bad_zone(self.span_from(start), name));
        }
        time.zone = Some(name.into());
        Ok(())
    }

    /// `0#a0ff`, `0!1010`, `0*AQID`; the text is at the zero.
    fn bytes_literal(&mut self, notation: u8) -> Node {
        let start = self.at;
        self.at += 2;
        let prefix = &self.text[start..self.at];
        let mut digits = Vec::new();
        let mut bad = None;
        while let Some(byte) = self.peek(0) {
            if byte == b'~' {
                self.at += 1;
                while self.peek(0).is_some_and(is_separator) && self.peek(0) != Some(b',') {
                    self.at += 1;
                }
                continue;
            }
            if CLASS[byte as usize] & END != 0 {
                break;
            }
            match digit(byte, notation) {
                Some(value) => digits.push(value),
                None if bad.is_none() => bad = Some(self.at),
                None => {}
            }
            self.at += 1;
        }
        let span = self.span_from(start);
        let result = if let Some(at) = bad {
            let c = self.text[at..].chars().next().unwrap_or_default();
            Err(errors::bad_bytes_digit(self.span(at, at + c.len_utf8()), c, prefix))
        } else if digits.is_empty() {
            Err(errors::no_bytes(span, prefix))
        } else {
            match notation {
                b'#' => Ok(pack(&digits, 4)),
                b'!' => Ok(pack(&digits, 1)),
                _ => base64(&digits).ok_or_else(|| errors::bad_base64(span)),
            }
        };
        let bytes = result.unwrap_or_else(|error| {
            self.report(error);
            Vec::new()
        });
        Node { kind: Kind::Bytes(bytes.into()), span }
    }
}

fn all_digits(bytes: &[u8]) -> bool {
    bytes.iter().all(u8::is_ascii_digit)
}

/// An Int or Float.
fn number(token: &str, span: Span) -> Result<Kind, Diagnostic> {
    if let Some(hex) = token.strip_prefix("0x") {
        return hexadecimal(hex, token, span);
    }
    let bytes = token.as_bytes();
    let digits =
        |from: usize| from + bytes[from..].iter().take_while(|b| b.is_ascii_digit()).count();
    let mut at = digits(usize::from(!bytes[0].is_ascii_digit()));
    if at == bytes.len() {
        return token.parse().map(Kind::Int).map_err(|_| errors::integer_range(span, token));
    }
    if bytes[at] == b'.' {
        at = digits(at + 1);
    }
    if let Some(b'e' | b'E') = bytes.get(at) {
        let sign = usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
        let exponent = at + 1 + sign;
        at = digits(exponent.min(bytes.len()));
        if at == exponent {
            return Err(errors::bad_number(span, token));
        }
    }
    if at < bytes.len() {
        return Err(errors::bad_number(span, token));
    }
    token.parse().map(Kind::Float).map_err(|_| errors::bad_number(span, token))
}

/// Digits of a hexadecimal Int, with `_` between them.
fn hexadecimal(hex: &str, token: &str, span: Span) -> Result<Kind, Diagnostic> {
    let valid = hex.bytes().all(|b| b.is_ascii_hexdigit() || b == b'_');
    if !valid || hex.is_empty() || hex.starts_with('_') || hex.ends_with('_') {
        return Err(errors::bad_number(span, token));
    }
    i64::from_str_radix(&hex.replace('_', ""), 16)
        .map(Kind::Int)
        .map_err(|_| errors::integer_range(span, token))
}

/// The value of a digit of a bytes literal; 64 is the padding of base64.
fn digit(byte: u8, notation: u8) -> Option<u8> {
    match notation {
        b'#' => (byte as char).to_digit(16).map(|d| d as u8),
        b'!' => (byte as char).to_digit(2).map(|d| d as u8),
        _ => Some(match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'=' => 64,
            _ => return None,
        }),
    }
}

/// Bytes from digits of `bits` bits; a short last byte has its zeros on the left.
fn pack(digits: &[u8], bits: usize) -> Vec<u8> {
    digits.chunks(8 / bits).map(|c| c.iter().fold(0, |byte, d| byte << bits | d)).collect()
}

fn base64(digits: &[u8]) -> Option<Vec<u8>> {
    let data = &digits[..digits.iter().position(|&d| d == 64).unwrap_or(digits.len())];
    let padding = &digits[data.len()..];
    let padded = padding.is_empty() || (padding.len() <= 2 && digits.len().is_multiple_of(4));
    if !padded || padding.iter().any(|&d| d != 64) || data.len() % 4 == 1 {
        return None;
    }
    let mut bytes = Vec::with_capacity(data.len() * 3 / 4);
    for chunk in data.chunks(4) {
        let word =
            chunk.iter().fold(0u32, |w, &d| w << 6 | u32::from(d)) << (6 * (4 - chunk.len()));
        bytes.extend_from_slice(&word.to_be_bytes()[1..chunk.len()]);
    }
    Some(bytes)
}

/// The rest of a date or time while it is taken apart.
struct Fields<'t> {
    text: &'t str,
    rest: &'t [u8],
    span: Span,
}

impl Fields<'_> {
    fn malformed(&self) -> Diagnostic {
        errors::bad_date(self.span, self.text)
    }

    fn accept(&mut self, byte: u8) -> bool {
        let found = self.rest.first() == Some(&byte);
        if found {
            self.rest = &self.rest[1..];
        }
        found
    }

    fn expect(&mut self, byte: u8) -> Result<(), Diagnostic> {
        if self.accept(byte) { Ok(()) } else { Err(self.malformed()) }
    }

    /// A number of exactly `digits` digits within the range.
    fn field(&mut self, name: &str, digits: usize, range: [u32; 2]) -> Result<u32, Diagnostic> {
        let at = self.span.start + (self.text.len() - self.rest.len()) as u32;
        let Some((field, rest)) = self.rest.split_at_checked(digits).filter(|f| all_digits(f.0))
        else {
            return Err(self.malformed());
        };
        self.rest = rest;
        let value = field.iter().fold(0, |value, d| value * 10 + u32::from(d - b'0'));
        if (range[0]..=range[1]).contains(&value) {
            return Ok(value);
        }
        let span = Span { start: at, end: at + digits as u32, ..self.span };
        Err(errors::bad_field(span, name, value))
    }

    fn date(&mut self) -> Result<Date, Diagnostic> {
        let year = self.field("year", 4, [0, 9999])?;
        self.expect(b'-')?;
        let month = self.field("month", 2, [1, 12])?;
        self.expect(b'-')?;
        let day = self.field("day", 2, [1, days_in_month(year, month)])?;
        Ok(Date { year: year as u16, month: month as u8, day: day as u8 })
    }

    fn time(&mut self) -> Result<Time, Diagnostic> {
        let hour = self.field("hour", 2, [0, 23])? as u8;
        self.expect(b':')?;
        let minute = self.field("minute", 2, [0, 59])? as u8;
        let (mut second, mut microsecond) = (0, 0);
        if self.accept(b':') {
            second = self.field("second", 2, [0, 59])? as u8;
            if self.accept(b'.') {
                let digits = self.rest.iter().take_while(|b| b.is_ascii_digit()).count();
                if !(1..=6).contains(&digits) {
                    return Err(self.malformed());
                }
                microsecond = self.field("fraction", digits, [0, 999_999])?;
                microsecond *= 10u32.pow(6 - digits as u32);
            }
        }
        let utc = self.accept(b'Z');
        let offset = if utc { Some(0) } else { self.offset()? };
        if !self.rest.is_empty() {
            return Err(self.malformed());
        }
        Ok(Time { hour, minute, second, microsecond, offset, zone: None, utc })
    }

    fn offset(&mut self) -> Result<Option<i16>, Diagnostic> {
        let west = self.accept(b'-');
        if !west && !self.accept(b'+') {
            return Ok(None);
        }
        let hour = self.field("hour", 2, [0, 23])? as i16;
        self.expect(b':')?;
        let minute = self.field("minute", 2, [0, 59])? as i16;
        let minutes = 60 * hour + minute;
        Ok(Some(if west { -minutes } else { minutes }))
    }
}

/// Days of a month of the Gregorian calendar.
fn days_in_month(year: u32, month: u32) -> u32 {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 => 28 + u32::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

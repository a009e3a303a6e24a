//! Dates, times and patterns as literals. Displays are the same at run time.

use std::fmt::{self, Display, Formatter, Write, from_fn};

use super::{Date, Regex, Time};

/// `2026-03-09`
pub fn format_date(date: Date) -> impl Display {
    from_fn(move |f| write!(f, "{:04}-{:02}-{:02}", date.year, date.month, date.day))
}

/// `08:30`, `08:30:05.25-03:00[Area/City]`: seconds are written if they are
/// not 0 or an offset or a zone follows, fractions without trailing zeros.
pub fn format_time(time: &Time) -> impl Display {
    from_fn(move |f| write_time(f, time))
}

/// `#/pattern/replacement/im`
pub fn format_regex(regex: &Regex) -> impl Display {
    from_fn(move |f| write_regex(f, regex))
}

fn write_time(f: &mut Formatter<'_>, time: &Time) -> fmt::Result {
    write!(f, "{:02}:{:02}", time.hour, time.minute)?;
    let bare = time.offset.is_none() && time.zone.is_none();
    if time.second != 0 || time.microsecond != 0 || !bare {
        write!(f, ":{:02}", time.second)?;
    }
    if time.microsecond != 0 {
        let fraction = format!("{:06}", time.microsecond);
        write!(f, ".{}", fraction.trim_end_matches('0'))?;
    }
    match time.offset {
        Some(_) if time.utc => f.write_char('Z')?,
        Some(offset) => {
            let sign = if offset < 0 { '-' } else { '+' };
            let minutes = offset.unsigned_abs();
            write!(f, "{sign}{:02}:{:02}", minutes / 60, minutes % 60)?;
        }
        None => {}
    }
    match &time.zone {
        Some(zone) => write!(f, "[{zone}]"),
        None => Ok(()),
    }
}

fn write_regex(f: &mut Formatter<'_>, regex: &Regex) -> fmt::Result {
    f.write_str("#/")?;
    regex_part(f, &regex.pattern)?;
    if let Some(replacement) = &regex.replacement {
        regex_part(f, replacement)?;
    }
    f.write_str(if regex.ignore_case { "i" } else { "" })?;
    f.write_str(if regex.multiline { "m" } else { "" })
}

/// Escapes slashes, and backslashes where they would escape what follows.
fn regex_part(f: &mut Formatter<'_>, part: &str) -> fmt::Result {
    let mut chars = part.chars().peekable();
    while let Some(c) = chars.next() {
        let escape = match c {
            '/' => true,
            '\\' => matches!(chars.peek(), None | Some('/' | '\\')),
            _ => false,
        };
        f.write_str(if escape { "\\" } else { "" })?;
        f.write_char(c)?;
    }
    f.write_char('/')
}

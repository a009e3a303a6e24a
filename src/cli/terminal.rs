//! Standard output and error: colours, and readers that go away.

use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use super::flags::Color;
use crate::diag::Style;

/// The exit code when the reader of standard output has gone away, as for a
/// program that the signal SIGPIPE ended.
const BROKEN_PIPE: i32 = 128 + 13;

/// How to write to a stream.
pub fn style(color: Color, stream: &impl IsTerminal) -> Style {
    let coloured = match color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => {
            let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
            let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
            stream.is_terminal() && !set("NO_COLOR") && !dumb
        }
    };
    if coloured { Style::Coloured } else { Style::Plain }
}

/// Standard output without a buffer. When nobody reads it any more, the
/// process ends at once and says nothing: that is how `gene f | head` stops.
pub struct Stdout;

/// Whether the last byte that [`Stdout`] took was no line break.
static WITHIN_LINE: AtomicBool = AtomicBool::new(false);

impl Stdout {
    /// Ends a line that a program has begun, so that a prompt does not write over it.
    pub fn end_line(&mut self) -> io::Result<()> {
        if WITHIN_LINE.load(Ordering::Relaxed) { self.write_all(b"\n") } else { Ok(()) }
    }
}

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = or_leave(io::stdout().write(bytes))?;
        if let Some(last) = bytes[..written].last() {
            WITHIN_LINE.store(*last != b'\n', Ordering::Relaxed);
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        or_leave(io::stdout().flush())
    }
}

fn or_leave<T>(result: io::Result<T>) -> io::Result<T> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => std::process::exit(BROKEN_PIPE),
        result => result,
    }
}

/// Standard output for a command that writes much.
pub fn buffered() -> io::BufWriter<Stdout> {
    io::BufWriter::with_capacity(64 << 10, Stdout)
}

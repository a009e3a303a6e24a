//! What the line editor asks while a line is typed.

use std::borrow::Cow;
use std::cell::Cell;

use rustyline::completion::Completer;
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::Hinter;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{Context, Helper};

use super::command;
use super::complete::Vocabulary;
use super::highlight::highlight;
use crate::diag::Style;
use crate::reader;
use crate::source::FileId;

/// Completion, colours, and whether an entry is finished.
pub struct Assistant {
    /// What can be completed.
    pub vocabulary: Vocabulary,
    /// Whether to colour.
    pub style: Style,
    /// Whether the line has been finished: what is drawn now stays.
    finished: Cell<bool>,
}

impl Assistant {
    /// One for the beginning.
    pub fn new(vocabulary: Vocabulary, style: Style) -> Assistant {
        Assistant { vocabulary, style, finished: Cell::new(false) }
    }
}

impl Helper for Assistant {}

impl Hinter for Assistant {
    type Hint = String;
}

impl Completer for Assistant {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        cursor: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        Ok(self.vocabulary.complete(line, cursor))
    }
}

impl Validator for Assistant {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        Ok(match is_unfinished(context.input()) {
            true => ValidationResult::Incomplete,
            false => ValidationResult::Valid(None),
        })
    }
}

impl Highlighter for Assistant {
    fn highlight<'l>(&self, line: &'l str, cursor: usize) -> Cow<'l, str> {
        match self.style {
            Style::Plain => Cow::Borrowed(line),
            // Nothing is marked beside a cursor that is gone.
            Style::Coloured if self.finished.get() => Cow::Owned(highlight(line, usize::MAX)),
            Style::Coloured => Cow::Owned(highlight(line, cursor)),
        }
    }

    fn highlight_char(&self, _: &str, _: usize, kind: CmdKind) -> bool {
        self.finished.set(kind == CmdKind::ForcedRefresh);
        // Any character may change the meaning of those after it.
        self.style == Style::Coloured
    }
}

/// Whether an entry ends too early: it has no error but that.
pub fn is_unfinished(entry: &str) -> bool {
    let (_, diagnostics) = reader::read(FileId::default(), command::forms(entry));
    !diagnostics.is_empty() && diagnostics.iter().all(|d| d.incomplete)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_brackets_and_strings_go_on() {
        for entry in ["(f", "(f \"a", "#< a", "[1 2", ":time (f", "`", "(f #\"a #{"] {
            assert!(is_unfinished(entry), "{entry}");
        }
        for entry in ["(f)", "", ")", "(f]", ":help", ":code", "(f) (g \"a\")", "1_0 "] {
            assert!(!is_unfinished(entry), "{entry}");
        }
    }
}

//! Errors about a program as a whole.

use std::io::{self, ErrorKind};

use super::{Diagnostic, Stage};
use crate::source::Span;

/// The text of a program cannot be had.
pub fn unreadable(name: &str, error: &io::Error) -> Diagnostic {
    let (code, reason) = match error.kind() {
        ErrorKind::NotFound => ("GENE.IO.NOT_FOUND", "there is no such file".to_owned()),
        ErrorKind::PermissionDenied => ("GENE.IO.DENIED", "permission denied".to_owned()),
        ErrorKind::IsADirectory => ("GENE.IO.ERROR", "it is a directory".to_owned()),
        _ => ("GENE.IO.ERROR", error.to_string()),
    };
    Diagnostic::error(Stage::Parse, code, Span::NONE, format!("cannot read {name}: {reason}"))
}

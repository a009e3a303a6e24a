//! Diagnostics: what is wrong with a program, where, and what may help.
//!
//! - `mod.rs`: the type and its one-line form
//! - `render`: the report with an excerpt of the source
//! - `reader`: one constructor for every error of the reader
//! - `program`: errors about a program as a whole
//!
//! Constructors are kept together, a file a stage, so that all messages can
//! be read side by side.
#![forbid(unsafe_code)]

pub mod compiler;
pub mod program;
pub mod reader;
mod render;

use std::borrow::Cow;
use std::fmt::{self, Write};

use crate::source::{Position, SourceMap, Span};

pub use render::Style;

/// One problem, with its place and what may help.
#[derive(Clone, Debug, PartialEq)]
pub struct Diagnostic {
    /// Such as `GENE.PARSE.ERROR`.
    pub code: Cow<'static, str>,
    /// The problem in one sentence, without place and code.
    pub message: String,
    /// Where it is; [`Span::NONE`] if there is no text to point at.
    pub span: Span,
    /// Other places that belong to it, each with a few words.
    pub notes: Vec<(Span, String)>,
    /// Suggestions, such as ``did you mean `^name`?``.
    pub hints: Vec<String>,
    /// What found it.
    pub stage: Stage,
    /// How bad it is.
    pub severity: Severity,
    /// Whether the text merely ended too early: a prompt may ask for more.
    pub incomplete: bool,
}

/// What was at work when a problem was found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stage {
    /// The reader.
    Parse,
    /// The compiler.
    Compile,
    /// The running program.
    Runtime,
    /// A future that nobody observed.
    Async,
    /// A callback.
    Callback,
    /// An actor.
    Actor,
    /// A handler of HTTP requests.
    Http,
}

impl Stage {
    /// The name used in reports.
    pub fn name(self) -> &'static str {
        match self {
            Stage::Parse => "parse",
            Stage::Compile => "compile",
            Stage::Runtime => "runtime",
            Stage::Async => "async",
            Stage::Callback => "callback",
            Stage::Actor => "actor",
            Stage::Http => "http",
        }
    }
}

/// How bad a problem is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Severity {
    /// The program cannot run, or did not end well.
    Error,
    /// The program runs.
    Warning,
}

impl Severity {
    /// The name used in reports.
    pub fn name(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        }
    }
}

/// Code of all errors of the reader.
pub const PARSE_ERROR: &str = "GENE.PARSE.ERROR";
/// Code of all errors of the compiler.
pub const COMPILE_ERROR: &str = "GENE.COMPILE.ERROR";

impl Diagnostic {
    /// An error of `stage` without notes and hints.
    pub fn error(
        stage: Stage,
        code: impl Into<Cow<'static, str>>,
        span: Span,
        message: impl Into<String>,
    ) -> Diagnostic {
        Diagnostic {
            code: code.into(),
            message: message.into(),
            span,
            notes: Vec::new(),
            hints: Vec::new(),
            stage,
            severity: Severity::Error,
            incomplete: false,
        }
    }

    /// The same with one more hint.
    pub fn hint(mut self, hint: impl Into<String>) -> Diagnostic {
        self.hints.push(hint.into());
        self
    }

    /// The same with one more place.
    pub fn note(mut self, span: Span, text: impl Into<String>) -> Diagnostic {
        self.notes.push((span, text.into()));
        self
    }

    /// The first line of a report, without its end: `Error: {^message ...}`.
    pub fn headline(&self, sources: &SourceMap) -> String {
        let place = Place::of(self.span, sources);
        let mut line = String::from(match self.severity {
            Severity::Error => "Error: ",
            Severity::Warning => "Warning: ",
        });
        let stage = self.stage.name();
        let (severity, Position { line: at, column }) = (self.severity.name(), place.position);
        // Writing to a string cannot fail.
        let _ = write!(
            line,
            "{{^message {} ^code {} ^severity \"{severity}\" ^stage \"{stage}\" ^span {{^file {} \
             ^line {at} ^column {column}}} ^hints [",
            Quoted(&self.message),
            Quoted(&self.code),
            Quoted(place.file),
        );
        for (i, hint) in self.hints.iter().enumerate() {
            let _ = write!(line, "{}{}", if i > 0 { " " } else { "" }, Quoted(hint));
        }
        let _ = write!(line, "] ^repair_tags [\"{stage}\"]}}");
        line
    }
}

/// A span as people read it.
struct Place<'a> {
    file: &'a str,
    position: Position,
}

impl<'a> Place<'a> {
    fn of(span: Span, sources: &'a SourceMap) -> Place<'a> {
        match sources.get(span.file) {
            Some(source) => Place { file: &source.name, position: source.position(span.start) },
            None => Place { file: "", position: Position { line: 0, column: 0 } },
        }
    }
}

/// Displays a text as a Gene string literal on one line.
pub struct Quoted<'a>(pub &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for c in self.0.chars() {
            match c {
                '"' => f.write_str("\\\"")?,
                '\\' => f.write_str("\\\\")?,
                '\n' => f.write_str("\\n")?,
                '\t' => f.write_str("\\t")?,
                '\r' => f.write_str("\\r")?,
                '\u{8}' => f.write_str("\\b")?,
                '\u{c}' => f.write_str("\\f")?,
                // The line and paragraph separators break lines in some viewers.
                c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') => {
                    write!(f, "\\u{:04x}", c as u32)?
                }
                c => f.write_char(c)?,
            }
        }
        f.write_char('"')
    }
}

/// The candidate most like `word`, if one is near enough to be a typing error.
pub fn suggest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // The distance takes time in the product of the lengths.
    const LONGEST: usize = 60;
    if word.len() > LONGEST {
        return None;
    }
    // A third of the characters may differ; a word of one or two must be a transposition away.
    let limit = (word.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .filter(|c| {
            *c != word && c.len() <= 2 * LONGEST && c.len().abs_diff(word.len()) <= 4 * limit
        })
        .map(|c| (strsim::osa_distance(word, c), c))
        .filter(|(distance, c)| *distance <= limit && *distance < c.chars().count())
        .min()
        .map(|(_, c)| c)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{FileId, Source};

    #[test]
    fn the_headline_is_one_line_of_gene() {
        let mut sources = SourceMap::default();
        let file = sources.add(Source::new("a.gene", "(f)\n(g \"x)\n"));
        let span = Span { file, start: 7, end: 8 };
        let d = Diagnostic::error(Stage::Parse, PARSE_ERROR, span, "say \"hi\"\n").hint("h");
        assert_eq!(
            d.headline(&sources),
            "Error: {^message \"say \\\"hi\\\"\\n\" ^code \"GENE.PARSE.ERROR\" ^severity \"error\" \
             ^stage \"parse\" ^span {^file \"a.gene\" ^line 2 ^column 4} ^hints [\"h\"] \
             ^repair_tags [\"parse\"]}"
        );
        let d = Diagnostic { span: Span::NONE, ..d };
        assert!(d.headline(&sources).contains("^span {^file \"\" ^line 0 ^column 0}"));
        let d = Diagnostic { span: Span { file: FileId(9), start: 3, end: 9 }, ..d };
        assert!(d.headline(&sources).contains("^file \"\""));
    }

    #[test]
    fn suggestions_are_near() {
        let names = ["println", "print", "parse", "x"];
        assert_eq!(suggest("printn", names), Some("print"));
        assert_eq!(suggest("prnitln", names), Some("println"));
        assert_eq!(suggest("y", names), None);
        assert_eq!(suggest("something", names), None);
    }
}

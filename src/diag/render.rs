//! The report of a diagnostic: headline, excerpt, hints.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use super::{Diagnostic, Severity};
use crate::source::{Source, SourceMap, Span};

/// How a report looks. The caller decides: rendering never asks the terminal.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Style {
    /// Plain text.
    #[default]
    Plain,
    /// With colours.
    Coloured,
}

/// Longest part of a line that an excerpt shows, in bytes to either side of
/// the place; a line of generated data can have megabytes.
const REACH: usize = 70;

impl Diagnostic {
    /// The whole report, ending in a line break: the headline, the marked
    /// excerpt and the hints, all but the first line indented.
    pub fn render(&self, sources: &SourceMap, style: Style) -> String {
        let mut report = self.headline(sources);
        report.push('\n');
        let excerpts = self.excerpts(sources);
        if !excerpts.is_empty() {
            let renderer = match style {
                Style::Plain => Renderer::plain(),
                Style::Coloured => Renderer::styled(),
            };
            let level = match self.severity {
                Severity::Error => Level::ERROR,
                Severity::Warning => Level::WARNING,
            };
            let mut group = Group::with_level(level);
            for excerpt in &excerpts {
                group = group.element(excerpt.snippet());
            }
            for line in renderer.render(&[group]).lines() {
                report.push_str("  ");
                report.push_str(line);
                report.push('\n');
            }
        }
        for hint in &self.hints {
            report.push_str("  hint: ");
            report.push_str(&hint.replace('\n', "\n  "));
            report.push('\n');
        }
        report
    }

    /// One excerpt for every line that has a mark, other files last.
    fn excerpts(&self, sources: &SourceMap) -> Vec<Excerpt> {
        let mut excerpts: Vec<Excerpt> = Vec::new();
        let marks = std::iter::once((self.span, "", AnnotationKind::Primary))
            .chain(self.notes.iter().map(|(s, t)| (*s, t.as_str(), AnnotationKind::Context)));
        for (span, text, kind) in marks {
            let Some(source) = sources.get(span.file) else { continue };
            let path = (span.file != self.span.file).then(|| source.name.clone());
            let same = excerpts.iter_mut().find(|e| e.path == path && e.covers(span));
            match same {
                Some(excerpt) => excerpt.mark(span, text, kind),
                None => {
                    let mut excerpt = Excerpt::around(span, source, path);
                    excerpt.mark(span, text, kind);
                    excerpts.push(excerpt);
                }
            }
        }
        excerpts.sort_by_key(|e| (e.path.is_some(), e.line));
        excerpts
    }
}

/// Part of one line, with marks.
struct Excerpt {
    /// The name of the source, if it is another one than the problem's.
    path: Option<String>,
    line: usize,
    /// The bytes of the source that it shows.
    shown: Range<usize>,
    /// The text shown: `…` stands for what is left out.
    text: String,
    /// Bytes of `text` before the shown ones.
    lead: usize,
    marks: Vec<(Range<usize>, String, AnnotationKind)>,
}

impl Excerpt {
    fn around(span: Span, source: &Source, path: Option<String>) -> Excerpt {
        let at = (span.start as usize).min(source.text.len());
        let position = source.position(at as u32);
        let line = source.line_range(position.line);
        let mut shown = line.clone();
        if line.len() > 2 * REACH {
            shown.start = source.text.floor_char_boundary(at.saturating_sub(REACH)).max(line.start);
            shown.end = source.text.ceil_char_boundary(at + REACH).min(line.end);
        }
        let mut text = String::new();
        if shown.start > line.start {
            text.push('…');
        }
        let lead = text.len();
        text.push_str(&source.text[shown.clone()]);
        if shown.end < line.end {
            text.push('…');
        }
        Excerpt { path, line: position.line as usize, shown, text, lead, marks: Vec::new() }
    }

    fn covers(&self, span: Span) -> bool {
        (self.shown.start..=self.shown.end).contains(&(span.start as usize))
    }

    /// Marks a span that starts in this excerpt; what lies beyond is cut off.
    fn mark(&mut self, span: Span, text: &str, kind: AnnotationKind) {
        let within = |offset: u32| {
            let inside = (offset as usize).clamp(self.shown.start, self.shown.end);
            inside - self.shown.start + self.lead
        };
        let (start, end) = (within(span.start), within(span.end.max(span.start)));
        let (start, end) =
            (self.text.floor_char_boundary(start), self.text.ceil_char_boundary(end));
        self.marks.push((start..end, text.to_owned(), kind));
    }

    fn snippet(&self) -> Snippet<'_, annotate_snippets::Annotation<'_>> {
        let mut snippet =
            Snippet::source(self.text.as_str()).line_start(self.line).path(self.path.as_deref());
        for (range, text, kind) in &self.marks {
            let mut annotation = kind.span(range.clone());
            if !text.is_empty() {
                annotation = annotation.label(text.as_str());
            }
            snippet = snippet.annotation(annotation);
        }
        snippet
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::{PARSE_ERROR, Stage};

    fn report(text: &str, start: u32, end: u32, note: Option<(u32, u32)>) -> String {
        let mut sources = SourceMap::default();
        let file = sources.add(Source::new("a.gene", text));
        let span = Span { file, start, end };
        let mut d = Diagnostic::error(Stage::Parse, PARSE_ERROR, span, "bad").hint("try less");
        if let Some((start, end)) = note {
            d = d.note(Span { file, start, end }, "opened here");
        }
        d.render(&sources, Style::Plain)
    }

    #[test]
    fn the_place_is_underlined() {
        let text = report("(a)\n(b\tcéd xyz)\n", 12, 15, None);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].starts_with("Error: {^message \"bad\""), "{text}");
        assert!(lines.iter().skip(1).all(|l| l.starts_with("  ")), "{text}");
        assert!(text.contains("2 | (b    céd xyz)"), "{text}");
        assert!(text.contains("^^^"), "{text}");
        assert!(text.ends_with("  hint: try less\n"), "{text}");
    }

    #[test]
    fn notes_on_other_lines_have_their_own_excerpt() {
        let text = report("(a\n\n\n\n\n\n\n\n\nb\n", 11, 12, Some((0, 1)));
        assert!(text.contains("1 | (a"), "{text}");
        assert!(text.contains("opened here"), "{text}");
        assert!(text.contains("10 | b") || text.contains("11 |"), "{text}");
    }

    #[test]
    fn long_lines_are_cut() {
        let text = "é".repeat(5_000_000);
        for at in [0, 2, 5_000_000, 9_999_998, 10_000_000] {
            let shown = report(&text, at, at + 2, Some((4, 6)));
            assert!(shown.len() < 2000, "{}", shown.len());
            assert!(shown.contains('^'));
        }
    }

    #[test]
    fn colours_only_on_request() {
        let mut sources = SourceMap::default();
        let file = sources.add(Source::new("a.gene", "(a"));
        let span = Span { file, start: 1, end: 2 };
        let d = Diagnostic::error(Stage::Parse, PARSE_ERROR, span, "bad");
        assert!(!d.render(&sources, Style::Plain).contains('\u{1b}'));
        assert!(d.render(&sources, Style::Coloured).contains('\u{1b}'));
    }

    #[test]
    fn odd_places_render() {
        report("", 0, 0, None);
        report("", 7, 3, Some((99, 1)));
        report("a\nb", u32::MAX - 1, u32::MAX, None);
    }
}

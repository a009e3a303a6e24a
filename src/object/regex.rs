//! Patterns: the data of regex values.

use std::cell::OnceCell;
use std::hash::BuildHasher;

use gene_isa::datum;
use rustc_hash::FxBuildHasher;

use super::foreign::Portable;
use super::{Foreign, ForeignData};
use crate::heap::Heap;
use crate::syntax::literal::format_regex;
use crate::value::Value;

/// A pattern, compiled when it is first used.
pub struct RegexData {
    /// What was written.
    pub source: datum::Regex,
    compiled: OnceCell<Result<regex::Regex, String>>,
}

impl RegexData {
    /// A pattern that is not compiled yet.
    pub fn new(source: datum::Regex) -> RegexData {
        RegexData { source, compiled: OnceCell::new() }
    }

    /// The compiled pattern.
    ///
    /// # Errors
    ///
    /// Why it cannot be read, in one line.
    pub fn compiled(&self) -> Result<&regex::Regex, &str> {
        let compiled = self.compiled.get_or_init(|| {
            regex::RegexBuilder::new(&self.source.pattern)
                .case_insensitive(self.source.ignore_case)
                .dot_matches_new_line(self.source.multiline)
                .build()
                .map_err(|error| reason(&error))
        });
        compiled.as_ref().map_err(String::as_str)
    }
}

/// The last line of a syntax error, which names the reason; the lines before
/// show the pattern.
fn reason(error: &regex::Error) -> String {
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default();
    last.strip_prefix("error: ").unwrap_or(last).trim().to_owned()
}

impl ForeignData for RegexData {
    fn class(&self) -> &'static str {
        "Regexp"
    }

    fn type_name(&self) -> &'static str {
        "VkRegex"
    }

    fn display(&self) -> Option<String> {
        Some(format_regex(&self.source).to_string())
    }

    fn same(&self, other: &dyn ForeignData) -> bool {
        other.get::<RegexData>().is_some_and(|other| other.source == self.source)
    }

    fn hash(&self) -> Option<u64> {
        Some(FxBuildHasher.hash_one(&self.source))
    }

    fn is_constant(&self) -> bool {
        true
    }

    fn portable(&self, _: &mut Vec<Value>) -> Option<Portable> {
        let source = self.source.clone();
        Some(Box::new(move |_| Box::new(RegexData::new(source))))
    }
}

/// The value of a pattern literal.
pub fn new(heap: &mut Heap, source: &datum::Regex) -> Value {
    Foreign::new(heap, RegexData::new(source.clone())).value()
}

/// What a successful match gives; its properties are in [`Foreign::props`].
pub struct MatchData;

impl ForeignData for MatchData {
    fn class(&self) -> &'static str {
        "RegexpMatch"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(pattern: &str) -> RegexData {
        RegexData::new(datum::Regex {
            pattern: pattern.into(),
            ignore_case: true,
            multiline: false,
            replacement: Some("a/b".into()),
        })
    }

    #[test]
    fn patterns_compare_by_text_and_say_what_is_wrong() {
        assert!(data("a+").same(&data("a+")) && !data("a+").same(&data("a")));
        assert_eq!(data("a/").display().unwrap(), r"#/a\//a\/b/i");
        assert!(data("x").compiled().unwrap().is_match("aXb"));
        assert_eq!(data("(").compiled().unwrap_err(), "unclosed group");
        assert!(data(r"(a)\1").compiled().unwrap_err().contains("backreferences"));
    }
}

//! What the word before the cursor may become.

use std::collections::{BTreeMap, BTreeSet};

use super::command::COMMANDS;
use crate::cli::lexer::{self, Token};

/// Special forms: names that mean something as the head of a form.
pub const SPECIAL_FORMS: &[&str] = &[
    "$caller_eval",
    "$dep",
    "$if_main",
    "$render",
    "$set",
    "$tap",
    "$with",
    "async",
    "await",
    "block",
    "break",
    "case",
    "catch",
    "class",
    "comptime",
    "continue",
    "ctor",
    "ctor!",
    "defer",
    "do",
    "elif",
    "else",
    "enum",
    "eval",
    "export",
    "field",
    "finally",
    "fn",
    "for",
    "if",
    "if_not",
    "ifel",
    "implement",
    "import",
    "interceptor",
    "interface",
    "let",
    "loop",
    "match",
    "method",
    "new",
    "new!",
    "ns",
    "object",
    "range",
    "repeat",
    "return",
    "scope",
    "super",
    "throw",
    "try",
    "type",
    "var",
    "wait_until",
    "when",
    "while",
    "yield",
];

/// The names that a program can use at the prompt.
#[derive(Clone, Debug, Default)]
pub struct Vocabulary {
    /// Variables, functions, classes.
    pub names: BTreeSet<String>,
    /// Methods of any class, without `.`.
    pub methods: BTreeSet<String>,
    /// Members of namespaces by path.
    pub members: BTreeMap<String, BTreeSet<String>>,
}

impl Vocabulary {
    /// Where the word before the cursor begins, and what it may become.
    pub fn complete(&self, line: &str, cursor: usize) -> (usize, Vec<String>) {
        let before = &line[..line.floor_char_boundary(cursor)];
        if before.starts_with(':') && !before.contains(' ') {
            let commands = COMMANDS.iter().map(|command| command.name);
            return (0, matches(commands, before));
        }
        let nothing = (cursor, Vec::new());
        let Some((Token::Symbol | Token::Constant, range)) = lexer::tokens(before).pop() else {
            return nothing;
        };
        let (word, start) = (&before[range.clone()], range.start);
        if let Some(at) = word.rfind("/.") {
            return (start + at + 2, prefixed(&self.methods, &word[at + 2..]));
        }
        if let Some(method) = word.strip_prefix('.') {
            return (start + 1, prefixed(&self.methods, method));
        }
        if let Some((path, member)) = word.rsplit_once('/') {
            let members = self.members.get(path);
            let from = start + path.len() + 1;
            return (from, members.map_or_else(Vec::new, |m| prefixed(m, member)));
        }
        let names = self.names.iter().map(String::as_str).chain(SPECIAL_FORMS.iter().copied());
        (start, matches(names, word))
    }
}

/// Those that begin with `prefix`; the set is sorted, so that only they are looked at.
fn prefixed(names: &BTreeSet<String>, prefix: &str) -> Vec<String> {
    let from =
        names.range::<str, _>((std::ops::Bound::Included(prefix), std::ops::Bound::Unbounded));
    from.take_while(|name| name.starts_with(prefix)).cloned().collect()
}

fn matches<'a>(names: impl Iterator<Item = &'a str>, prefix: &str) -> Vec<String> {
    let found: BTreeSet<&str> = names.filter(|name| name.starts_with(prefix)).collect();
    found.into_iter().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vocabulary() -> Vocabulary {
        let set = |names: &[&str]| names.iter().map(|n| n.to_string()).collect::<BTreeSet<_>>();
        Vocabulary {
            names: set(&["print", "println", "math", "$args", "whiskey"]),
            methods: set(&["size", "split", "map"]),
            members: BTreeMap::from([
                ("math".into(), set(&["sin", "sqrt"])),
                ("gene/io".into(), set(&["read"])),
            ]),
        }
    }

    /// Completes at `|`.
    fn complete(line: &str) -> (usize, Vec<String>) {
        let cursor = line.find('|').unwrap();
        vocabulary().complete(&line.replace('|', ""), cursor)
    }

    fn names(line: &str) -> Vec<String> {
        complete(line).1
    }

    #[test]
    fn names_and_special_forms() {
        assert_eq!(complete("(pri|)"), (1, vec!["print".into(), "println".into()]));
        assert_eq!(names("(whi|"), ["while", "whiskey"]);
        assert_eq!(names("$ar|"), ["$args"]);
        assert_eq!(names("(f \"é\" pri|ntx)"), ["print", "println"]);
    }

    #[test]
    fn methods_behind_a_dot() {
        assert_eq!(complete("(\"a\" .s|)"), (6, vec!["size".into(), "split".into()]));
        assert_eq!(complete("x/.ma|"), (3, vec!["map".into()]));
        assert_eq!(names("(x .|)").len(), 3);
    }

    #[test]
    fn members_behind_a_slash() {
        assert_eq!(complete("(math/s|)"), (6, vec!["sin".into(), "sqrt".into()]));
        assert_eq!(complete("gene/io/|"), (8, vec!["read".into()]));
        assert!(names("nowhere/s|").is_empty());
    }

    #[test]
    fn nothing_within_texts_and_comments() {
        for line in ["\"pri|", "# pri|", "(|", "|", "12|", "'p|", "^pri|"] {
            assert!(names(line).is_empty(), "{line}");
        }
        assert_eq!(names("#\"a #{pri|"), ["print", "println"]);
    }

    #[test]
    fn commands() {
        assert_eq!(complete(":ti|"), (0, vec![":time".into()]));
        assert_eq!(names(":time pri|"), ["print", "println"]);
    }
}

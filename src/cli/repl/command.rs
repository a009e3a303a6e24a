//! Entries that are for the prompt itself: `:help`, `:time FORM`.

/// What an entry asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Entry<'a> {
    /// Nothing was typed.
    Empty,
    /// Forms to evaluate.
    Forms(&'a str),
    /// `:help`
    Help,
    /// `:quit`
    Quit,
    /// `:time FORM`
    Time(&'a str),
    /// `:type FORM`
    Type(&'a str),
    /// `:code FORM`
    Code(&'a str),
    /// A command without its form.
    FormExpected(&'a str),
    /// Something else behind a colon.
    Unknown(&'a str),
}

/// A line of `:help`.
pub struct Command {
    /// With its colon.
    pub name: &'static str,
    /// How to write it.
    pub usage: &'static str,
    /// What it does.
    pub about: &'static str,
    make: fn(&str) -> Entry<'_>,
    needs_form: bool,
}

/// All commands.
pub const COMMANDS: &[Command] = &[
    Command {
        name: ":help",
        usage: ":help",
        about: "show this list",
        make: |_| Entry::Help,
        needs_form: false,
    },
    Command {
        name: ":time",
        usage: ":time FORM",
        about: "evaluate, and say how long it took",
        make: |form| Entry::Time(form),
        needs_form: true,
    },
    Command {
        name: ":type",
        usage: ":type FORM",
        about: "evaluate, and print the class of the value",
        make: |form| Entry::Type(form),
        needs_form: true,
    },
    Command {
        name: ":code",
        usage: ":code FORM",
        about: "print the bytecode without running it",
        make: |form| Entry::Code(form),
        needs_form: true,
    },
    Command {
        name: ":quit",
        usage: ":quit",
        about: "leave (also Ctrl-D)",
        make: |_| Entry::Quit,
        needs_form: false,
    },
];

/// Understands an entry.
pub fn parse(text: &str) -> Entry<'_> {
    let text = text.trim();
    if text.is_empty() {
        return Entry::Empty;
    }
    // `:a` is a symbol of the language; one of its own makes little sense at a prompt.
    if !text.starts_with(':') {
        return Entry::Forms(text);
    }
    let (name, form) = match text.find([' ', '\n', '\t', '(', '[', '"']) {
        Some(end) => (&text[..end], text[end..].trim()),
        None => (text, ""),
    };
    match COMMANDS.iter().find(|command| command.name == name) {
        Some(command) if command.needs_form && form.is_empty() => {
            Entry::FormExpected(command.usage)
        }
        Some(command) => (command.make)(form),
        None if matches!(name, ":q" | ":exit") => Entry::Quit,
        None if matches!(name, ":h" | ":?") => Entry::Help,
        None => Entry::Unknown(name),
    }
}

/// The part of an entry that the language reads.
pub fn forms(text: &str) -> &str {
    match parse(text) {
        Entry::Forms(forms) | Entry::Time(forms) | Entry::Type(forms) | Entry::Code(forms) => forms,
        _ => "",
    }
}

/// The text of `:help`.
pub fn help() -> String {
    let lines = COMMANDS.iter().map(|command| format!("{:<12} {}\n", command.usage, command.about));
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries() {
        assert_eq!(parse(" \n"), Entry::Empty);
        assert_eq!(parse("(f)\n"), Entry::Forms("(f)"));
        assert_eq!(parse(":time (f\n 1)"), Entry::Time("(f\n 1)"));
        assert_eq!(parse(":type(f)"), Entry::Type("(f)"));
        assert_eq!(parse(":code"), Entry::FormExpected(":code FORM"));
        assert_eq!(parse(":q"), Entry::Quit);
        assert_eq!(parse(":nonsense 1"), Entry::Unknown(":nonsense"));
        assert_eq!(forms(":time (f"), "(f");
        assert_eq!(forms(":help"), "");
    }

    #[test]
    fn help_names_all() {
        for command in COMMANDS {
            assert!(help().contains(command.usage));
        }
    }
}

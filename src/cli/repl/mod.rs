//! The prompt.
//!
//! - `mod.rs`: reading entries and showing results
//! - `command`: entries such as `:help`
//! - `complete`, `words`, `highlight`: words and colours while typing
//! - `helper`: what connects them with the line editor
//! - `history`: where the entries are kept

mod command;
mod complete;
mod helper;
mod highlight;
mod history;
mod words;

use std::io::{self, BufRead, IsTerminal, Write};

use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::{CompletionType, Config, Editor};

use super::flags::Color;
use super::stats::{Clock, shown};
use super::terminal::{self, Stdout};
use crate::diag::Style;
use command::Entry;
pub use complete::Vocabulary;
use helper::{Assistant, is_unfinished};
pub use words::vocabulary;

const PROMPT: &str = "gene> ";

/// What the prompt talks to.
pub trait Evaluator {
    /// Evaluates forms.
    ///
    /// # Errors
    /// The report of what went wrong, ready to be printed.
    fn evaluate(&mut self, forms: &str) -> Result<Answer, String>;

    /// The bytecode of forms.
    ///
    /// # Errors
    /// As [`Evaluator::evaluate`].
    fn listing(&mut self, forms: &str) -> Result<String, String>;

    /// The words that can be completed.
    fn vocabulary(&self) -> Vocabulary;

    /// Something that stops an evaluation from another thread.
    fn stopper(&self) -> Box<dyn Fn() + Send>;
}

/// The value of an entry.
pub struct Answer {
    /// In data form; `None` for values that say nothing, such as `nil`.
    pub shown: Option<String>,
    /// The name of its class.
    pub class: String,
}

/// Reads entries and answers them until the end of input.
///
/// # Errors
/// Those of the terminal.
pub fn run(evaluator: &mut dyn Evaluator, color: Color) -> io::Result<()> {
    let styles = Styles {
        out: terminal::style(color, &io::stdout()),
        err: terminal::style(color, &io::stderr()),
    };
    if is_interactive() {
        interactive(evaluator, styles)
    } else {
        piped(evaluator, io::stdin().lock(), styles)
    }
}

/// Whether somebody sits at a terminal.
pub fn is_interactive() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal()
}

#[derive(Clone, Copy)]
struct Styles {
    out: Style,
    err: Style,
}

/// Reads from a terminal with a line editor.
fn interactive(evaluator: &mut dyn Evaluator, styles: Styles) -> io::Result<()> {
    let config = Config::builder()
        .completion_type(CompletionType::List)
        .completion_show_all_if_ambiguous(true)
        .history_ignore_space(true)
        .history_ignore_dups(true)
        .and_then(|config| config.max_history_size(10_000))
        .map_err(into_io)?
        .build();
    let mut editor = Editor::<Assistant, FileHistory>::with_config(config).map_err(into_io)?;
    editor.set_helper(Some(Assistant::new(evaluator.vocabulary(), styles.out)));
    let history = history::file();
    if let Some(file) = &history {
        // There is none at the first start.
        let _ = editor.load_history(file);
    }
    // While the editor reads, Ctrl-C is a key; otherwise it is this signal.
    // Without it Ctrl-C would end the process: worse, but no reason not to start.
    let _ = ctrlc::set_handler(evaluator.stopper());
    writeln!(Stdout, "Gene {}, :help for help", env!("CARGO_PKG_VERSION"))?;

    let mut prompt = PROMPT.to_owned();
    if styles.out == Style::Coloured {
        prompt = format!("\x1b[1;32m{PROMPT}\x1b[0m");
    }
    loop {
        Stdout.end_line()?;
        let entry = match editor.readline(&(PROMPT, prompt.as_str())) {
            Ok(entry) => entry,
            Err(ReadlineError::Interrupted) => continue,
            Err(ReadlineError::Eof) => return Ok(()),
            Err(error) => return Err(into_io(error)),
        };
        if command::parse(&entry) != Entry::Empty && editor.add_history_entry(&entry).is_ok() {
            // Kept at once, so that what follows cannot lose it.
            if let Some(file) = &history {
                let _ = editor.append_history(file);
            }
        }
        if answer(evaluator, &entry, styles)? == Next::Leave {
            return Ok(());
        }
        if let Some(assistant) = editor.helper_mut() {
            assistant.vocabulary = evaluator.vocabulary();
        }
    }
}

/// Reads entries from a file or pipe: lines until their forms are finished.
fn piped(evaluator: &mut dyn Evaluator, mut input: impl BufRead, styles: Styles) -> io::Result<()> {
    let mut entry = String::new();
    loop {
        let ended = input.read_line(&mut entry)? == 0;
        if !ended && is_unfinished(&entry) {
            continue;
        }
        if answer(evaluator, &entry, styles)? == Next::Leave || ended {
            return Ok(());
        }
        entry.clear();
    }
}

/// Whether to read another entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Next {
    Entry,
    Leave,
}

/// Does what an entry asks for.
fn answer(evaluator: &mut dyn Evaluator, entry: &str, styles: Styles) -> io::Result<Next> {
    let result = match command::parse(entry) {
        Entry::Empty => return Ok(Next::Entry),
        Entry::Quit => return Ok(Next::Leave),
        Entry::Help => Ok(command::help()),
        Entry::FormExpected(usage) => Err(format!("usage: {usage}\n")),
        Entry::Unknown(name) => Err(format!("there is no command {name}: see :help\n")),
        Entry::Forms(forms) => evaluator.evaluate(forms).map(|value| result(value, styles.out)),
        Entry::Code(forms) => evaluator.listing(forms),
        Entry::Type(forms) => evaluator.evaluate(forms).map(|value| format!("{}\n", value.class)),
        Entry::Time(forms) => {
            let clock = Clock::start();
            evaluator.evaluate(forms).map(|value| {
                let times = clock.elapsed();
                let cpu = times.user + times.system;
                let times = format!("{}, CPU {}\n", shown(times.wall), shown(cpu));
                result(value, styles.out) + &times
            })
        }
    };
    match result {
        Ok(text) => Stdout.write_all(text.as_bytes())?,
        Err(report) => {
            let mut text = String::new();
            match styles.err {
                // The rest has its own colours.
                Style::Coloured => {
                    let (line, rest) = report.split_once('\n').unwrap_or((&report, ""));
                    highlight::paint(&mut text, highlight::RED, line);
                    text.push('\n');
                    text.push_str(rest);
                }
                Style::Plain => text.push_str(&report),
            }
            io::stderr().write_all(text.as_bytes())?;
        }
    }
    Ok(Next::Entry)
}

/// The line that shows a value.
fn result(value: Answer, style: Style) -> String {
    match (value.shown, style) {
        (None, _) => String::new(),
        (Some(text), Style::Plain) => text + "\n",
        (Some(text), Style::Coloured) => highlight::highlight(&text, usize::MAX) + "\n",
    }
}

fn into_io(error: ReadlineError) -> io::Error {
    match error {
        ReadlineError::Io(error) => error,
        error => io::Error::other(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Remembers what it was asked.
    #[derive(Default)]
    struct Recorder(Vec<String>);

    impl Evaluator for Recorder {
        fn evaluate(&mut self, forms: &str) -> Result<Answer, String> {
            self.0.push(forms.to_owned());
            Ok(Answer { shown: None, class: "Nil".into() })
        }

        fn listing(&mut self, forms: &str) -> Result<String, String> {
            self.0.push(format!("code of {forms}"));
            Ok(String::new())
        }

        fn vocabulary(&self) -> Vocabulary {
            Vocabulary::default()
        }

        fn stopper(&self) -> Box<dyn Fn() + Send> {
            Box::new(|| {})
        }
    }

    fn asked(input: &str) -> Vec<String> {
        let mut recorder = Recorder::default();
        let plain = Styles { out: Style::Plain, err: Style::Plain };
        piped(&mut recorder, input.as_bytes(), plain).unwrap();
        recorder.0
    }

    #[test]
    fn entries_end_when_their_forms_do() {
        assert_eq!(asked("1\n\n(f\n 2)\n3"), ["1", "(f\n 2)", "3"]);
        assert_eq!(asked("(f\n"), ["(f"]);
        assert_eq!(asked(")\n1\n"), [")", "1"]);
    }

    #[test]
    fn commands_are_obeyed() {
        assert_eq!(asked(":code (f\n)\n:type 1\n:nonsense\n:quit\n2\n"), ["code of (f\n)", "1"]);
    }

    #[test]
    fn results_are_lines() {
        let value = |shown| Answer { shown, class: String::new() };
        assert_eq!(result(value(None), Style::Coloured), "");
        assert_eq!(result(value(Some("[1 \"a\"]".into())), Style::Plain), "[1 \"a\"]\n");
    }
}

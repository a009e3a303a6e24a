//! The command line.
//!
//! - `flags`: the table of commands and flags
//! - `mod.rs`: which command does what
//! - `run`: programs, texts, and what the prompt talks to
//! - `profile`: programs that are sampled
//! - `repl`: the prompt
//! - `bench`: benchmarks of a program
//! - `stats`: times and counters
//! - `inspect`: what the stages make of a program, without running it
//! - `lexer`: the words and brackets of a text, for colours and listings
//! - `deps`: dependencies of packages
//! - `terminal`: output, colours, readers that go away
//! - `documents`: manual page and completions
#![forbid(unsafe_code)]

mod bench;
mod deps;
mod documents;
pub mod flags;
mod inspect;
pub mod lexer;
mod profile;
mod repl;
mod run;
mod stats;
mod terminal;

use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, error::ErrorKind};

use crate::compiler;
use crate::diag::suggest;
use crate::vm::STACK_BYTES;
use flags::{Cli, Color, Command, LanguageFlags, RunArgs, Switch};
use inspect::Inspection;

/// The program failed before or while it ran.
const FAILED: u8 = 1;
/// The user interrupted the program.
const INTERRUPTED: u8 = 130;
/// Wrong use of the command line.
const USAGE: u8 = 2;

/// The `gene` program.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let run = move || {
        execute(cli).unwrap_or_else(|error| {
            let _ = writeln!(io::stderr(), "gene: cannot write: {error}");
            ExitCode::from(FAILED)
        })
    };
    let thread = std::thread::Builder::new().stack_size(STACK_BYTES).name("gene".into());
    match thread.spawn(run).map(std::thread::JoinHandle::join) {
        Ok(Ok(code)) => code,
        // The panic has been reported.
        Ok(Err(_)) => ExitCode::from(101),
        Err(error) => {
            let _ = writeln!(io::stderr(), "gene: cannot start a thread: {error}");
            ExitCode::from(FAILED)
        }
    }
}

/// Runs what was asked for. Errors are those of writing the result.
fn execute(cli: Cli) -> io::Result<ExitCode> {
    let color = cli.color;
    match cli.command {
        Some(Command::Parse(args)) => {
            let mut program = Inspection::load(&args.file);
            let nodes = program.read();
            if !args.check {
                let mut out = terminal::buffered();
                inspect::write_forms(&nodes, &mut out)?;
                out.flush()?;
            }
            Ok(report(&program, color))
        }
        Some(Command::Compile(args)) => {
            let mut program = Inspection::load(&args.file);
            let nodes = program.read();
            let listing = program.compile(&nodes, &compiler_options(&args.language));
            if !args.check {
                let mut out = terminal::buffered();
                out.write_all(listing.as_bytes())?;
                out.flush()?;
            }
            Ok(report(&program, color))
        }
        Some(Command::Deps(args)) => deps::run(&args),
        Some(Command::Man(args)) => {
            let mut out = terminal::buffered();
            match documents::man(args.command.as_deref(), &mut out)? {
                true => out.flush().map(|()| ExitCode::SUCCESS),
                false => usage(ErrorKind::InvalidValue, "there is no such command"),
            }
        }
        Some(Command::Completions(args)) => {
            let mut text = Vec::new();
            documents::completions(args.shell, &mut text);
            terminal::Stdout.write_all(&text)?;
            Ok(ExitCode::SUCCESS)
        }
        Some(Command::Run(args)) => run_program(&args, color, false),
        Some(Command::Profile(args)) => match args.program.split_first() {
            Some((file, rest)) => run::profiled(&args, Path::new(file), rest, color),
            None => usage(ErrorKind::MissingRequiredArgument, "FILE is missing"),
        },
        Some(Command::Eval(args)) => match args.program.split_first() {
            Some((text, rest)) => run::text(&args.flags, &text.to_string_lossy(), rest, color),
            None => usage(ErrorKind::MissingRequiredArgument, "TEXT is missing"),
        },
        Some(Command::Bench(args)) => bench::run(&args, color),
        Some(Command::Repl(args)) => run::prompt(&args.flags, color),
        None => run_program(&cli.run, color, true),
    }
}

fn compiler_options(flags: &LanguageFlags) -> compiler::Options {
    compiler::Options {
        contracts: flags.contracts == Switch::On,
        type_check: !flags.no_type_check,
        ..compiler::Options::default()
    }
}

/// `gene run` and `gene` without a command, which starts a prompt if there is
/// nothing to run.
fn run_program(args: &RunArgs, color: Color, bare: bool) -> io::Result<ExitCode> {
    let Some((file, rest)) = args.program.split_first() else {
        return match (io::stdin().is_terminal(), bare) {
            (true, true) => run::prompt(&args.flags, color),
            (true, false) => usage(ErrorKind::MissingRequiredArgument, "FILE is missing"),
            (false, _) => run::file(&args.flags, Path::new("-"), &[], color),
        };
    };
    let path = Path::new(file);
    if bare && file != "-" && path.extension().is_none() && !path.exists() {
        return unknown_command(&file.to_string_lossy());
    }
    run::file(&args.flags, path, rest, color)
}

/// Reports a word that is neither a command nor a file.
fn unknown_command(word: &str) -> io::Result<ExitCode> {
    let table = Cli::command();
    let commands = table.get_subcommands().map(clap::Command::get_name);
    let mut message = format!("there is no command or file `{word}`");
    if let Some(near) = suggest(word, commands) {
        message += &format!(": did you mean `{near}`?");
    }
    usage(ErrorKind::InvalidSubcommand, &message)
}

/// Reports what is wrong with a program that was looked at.
fn report(program: &Inspection, color: Color) -> ExitCode {
    let style = terminal::style(color, &io::stderr());
    for diagnostic in &program.diagnostics {
        eprint!("{}", diagnostic.render(&program.sources, style));
    }
    if program.diagnostics.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(FAILED) }
}

/// Reports a wrong use of the command line.
fn usage(kind: ErrorKind, message: &str) -> io::Result<ExitCode> {
    let error = Cli::command().error(kind, message);
    error.print()?;
    Ok(ExitCode::from(USAGE))
}

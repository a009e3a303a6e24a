//! The table of commands and flags. The parser, `--help`, the man page and the
//! completions all derive from it.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};

use super::profile::ALLOC_BYTES;
use crate::vm::Limits;

/// Runs programs in the Gene language.
#[derive(Debug, Parser)]
#[command(
    name = "gene",
    version,
    max_term_width = 100,
    args_conflicts_with_subcommands = true,
    override_usage = "gene [OPTIONS] [FILE [ARG]...]\n       gene COMMAND ...",
    after_help = "\
Without a command, `gene FILE` runs the file. Without a file either, it starts a prompt if standard
input is a terminal, and otherwise runs what it reads there.

Exit code: 0 if the program ended well, 1 if it failed before or while it ran, 2 for a wrong use of
the command line. `(exit n)` in a program ends it with n.",
    after_long_help = AFTER_LONG_HELP
)]
pub struct Cli {
    /// What to do; `None` to run or to prompt.
    #[command(subcommand)]
    pub command: Option<Command>,

    /// What to run without a command.
    #[command(flatten)]
    pub run: RunArgs,

    /// When to colour reports and the prompt
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value_t)]
    pub color: Color,
}

const AFTER_LONG_HELP: &str = "\
Without a command, `gene FILE` runs the file. Without a file either, it starts a prompt if standard
input is a terminal, and otherwise runs what it reads there.

Options stand before the file; everything behind it goes to the program as `$args`. With
`#!/usr/bin/env gene` on its first line, an executable file is a program of its own.

Exit code:
  0    the program ended well
  1    it failed before or while it ran
  2    wrong use of the command line
  130  Ctrl-C cancelled the program
  141  the reader of standard output went away
  `(exit n)` in a program ends it with n.

Environment:
  NO_COLOR             no colours, if it is set and not empty
  GENE_WORKSPACE_PATH  directories whose `src` is searched for modules, separated by `:`
  GENE_PACKAGE_PATH    directories that are searched for packages, separated by `:`
  GENE_CACHE           directory for compiled modules, or `off` (default: gene in the cache directory)
  XDG_CACHE_HOME       the cache directory (default: ~/.cache)
  XDG_STATE_HOME       where the history of the prompt is kept (default: ~/.local/state)";

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a program
    ///
    /// FILE is `-`, or left out, for standard input.
    #[command(override_usage = "gene run [OPTIONS] [FILE [ARG]...]")]
    Run(RunArgs),
    /// Run a program and show what takes its time, or its memory
    ///
    /// A table goes to standard error, and a flame graph or another format to a file. The
    /// exit code is that of the program.
    #[command(override_usage = "gene profile [OPTIONS] FILE [ARG]...")]
    Profile(ProfileArgs),
    /// Run a text and print its value
    Eval(EvalArgs),
    /// Measure the benchmarks of a program
    ///
    /// A benchmark is written (bench "name" body...). FILE is `-` for standard input.
    #[command(override_usage = "gene bench [OPTIONS] FILE [ARG]...")]
    Bench(BenchArgs),
    /// Start a prompt
    Repl(ReplArgs),
    /// Print the syntax tree of a program, a line for each form
    Parse(ParseArgs),
    /// Print the bytecode of a program, beside its source
    Compile(CompileArgs),
    /// Manage the copies of a package's dependencies
    Deps(DepsArgs),
    /// Print the manual page
    Man(ManArgs),
    /// Print the completions for a shell
    Completions(CompletionsArgs),
}

/// `gene run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// How the program runs.
    #[command(flatten)]
    pub flags: ProgramFlags,

    /// The program, and what it finds in `$args`
    #[arg(value_names = ["FILE", "ARG"], num_args = 1.., trailing_var_arg = true)]
    #[arg(value_hint = ValueHint::FilePath)]
    pub program: Vec<OsString>,
}

/// `gene bench`.
#[derive(Debug, Args)]
pub struct BenchArgs {
    /// Measure only benchmarks with this in their names
    #[arg(long, value_name = "TEXT", help_heading = "Measuring")]
    pub filter: Option<String>,

    /// How long each is measured
    #[arg(long, value_name = "SECONDS", value_parser = parse_seconds, default_value = "1")]
    #[arg(help_heading = "Measuring")]
    pub time: f64,

    /// How long each runs before, at least: until nothing more becomes machine code
    #[arg(long, value_name = "SECONDS", value_parser = parse_seconds, default_value = "0.5")]
    #[arg(help_heading = "Measuring")]
    pub warm_up: f64,

    /// Keep the run by this name, beside the program
    #[arg(long, value_name = "NAME", help_heading = "Comparing")]
    pub save: Option<String>,

    /// Compare with a run that was kept, by its name or its file
    #[arg(long, value_name = "NAME", help_heading = "Comparing")]
    pub compare: Option<String>,

    /// Changes up to this many percent are noise
    #[arg(long, value_name = "PERCENT", value_parser = parse_percent, default_value = "5")]
    #[arg(help_heading = "Comparing")]
    pub noise: f64,

    /// Write the run to this file
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Comparing")]
    pub json: Option<PathBuf>,

    /// How the program runs.
    #[command(flatten)]
    pub flags: ProgramFlags,

    /// The program, and what it finds in `$args`
    #[arg(value_names = ["FILE", "ARG"], num_args = 1.., trailing_var_arg = true, required = true)]
    #[arg(value_hint = ValueHint::FilePath)]
    pub program: Vec<OsString>,
}

/// `gene profile`.
#[derive(Clone, Debug, Args)]
pub struct ProfileArgs {
    /// Where the profile goes [default: profile.svg, or as the format wants]
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    #[arg(help_heading = "Profile")]
    pub output: Option<PathBuf>,

    /// What is written [default: as the name of the output wants, else svg]
    #[arg(long, value_name = "FORMAT", value_enum, help_heading = "Profile")]
    pub format: Option<ProfileFormat>,

    /// Samples a second
    #[arg(long, value_name = "HZ", default_value_t = 1000, help_heading = "Profile")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=20_000))]
    pub rate: u32,

    /// Sample memory instead of time: allocations, every so many bytes
    #[arg(long, value_name = "SIZE", value_parser = parse_size, help_heading = "Profile")]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = ALLOC_BYTES)]
    pub alloc: Option<usize>,

    /// How the program runs.
    #[command(flatten)]
    pub flags: ProgramFlags,

    /// The program, `-` for standard input, and what it finds in `$args`
    #[arg(value_names = ["FILE", "ARG"], num_args = 1.., trailing_var_arg = true, required = true)]
    #[arg(value_hint = ValueHint::FilePath)]
    pub program: Vec<OsString>,
}

/// What `gene profile` writes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum ProfileFormat {
    /// A flame graph for browsers
    Svg,
    /// A line for each stack, for tools that draw flame graphs
    Folded,
    /// JSON for speedscope.app
    Speedscope,
    /// Compressed protocol buffer for pprof
    Pprof,
}

/// What is written for `perf`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Perf {
    /// /tmp/perf-PID.map, which perf report reads by itself
    Map,
    /// jit-PID.dump in the working directory, with lines, for perf inject --jit
    Jitdump,
}

/// `gene deps`.
#[derive(Debug, Args)]
pub struct DepsArgs {
    /// What to do
    #[arg(value_name = "TASK", value_enum)]
    pub task: DepsTask,

    /// Directory of the package [default: that of the working directory]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub root: Option<PathBuf>,
}

/// What `gene deps` does.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum DepsTask {
    /// Copy what the lock file lists, or find it if there is no lock file that fits
    Install,
    /// Find all dependencies anew, copy them, and write the lock file
    Update,
    /// Compare the copies with the lock file
    Verify,
    /// Remove the copies
    Clean,
}

/// `gene eval`.
#[derive(Debug, Args)]
#[command(override_usage = "gene eval [OPTIONS] TEXT [ARG]...")]
pub struct EvalArgs {
    /// How the program runs.
    #[command(flatten)]
    pub flags: ProgramFlags,

    /// The program text, and what it finds in `$args`
    #[arg(value_names = ["TEXT", "ARG"], num_args = 1.., trailing_var_arg = true, required = true)]
    pub program: Vec<OsString>,
}

/// `gene repl`.
#[derive(Debug, Args)]
pub struct ReplArgs {
    /// How entries run.
    #[command(flatten)]
    pub flags: ProgramFlags,
}

/// `gene parse`.
#[derive(Debug, Args)]
pub struct ParseArgs {
    /// Print errors only
    #[arg(long)]
    pub check: bool,

    /// The program; `-` for standard input
    #[arg(value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
}

/// `gene compile`.
#[derive(Debug, Args)]
pub struct CompileArgs {
    /// What the compiler decides.
    #[command(flatten)]
    pub language: LanguageFlags,

    /// Print errors only
    #[arg(long)]
    pub check: bool,

    /// The program; `-` for standard input
    #[arg(value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
}

/// `gene man`.
#[derive(Debug, Args)]
pub struct ManArgs {
    /// The command to describe; without it, `gene` itself
    pub command: Option<String>,
}

/// `gene completions`.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}

/// Flags that change what a program means (chapter 12.6).
#[derive(Clone, Debug, Args)]
pub struct LanguageFlags {
    /// Let nil pass only annotations that admit it
    #[arg(long, help_heading = "Language")]
    pub strict_nil: bool,

    /// Ignore type annotations
    #[arg(long, help_heading = "Language")]
    pub no_type_check: bool,

    /// Check contracts, or skip them
    #[arg(long, value_name = "SWITCH", value_enum, default_value_t, help_heading = "Language")]
    pub contracts: Switch,
}

/// Flags of every command that runs a program.
#[derive(Clone, Debug, Args)]
pub struct ProgramFlags {
    /// What the program means.
    #[command(flatten)]
    pub language: LanguageFlags,

    /// Show the trace of an uncaught exception
    #[arg(long, help_heading = "Seeing what it does")]
    pub backtrace: bool,

    /// Print times, counts of objects and collections, and memory at the end
    ///
    /// They go to standard error.
    #[arg(long, help_heading = "Seeing what it does")]
    pub stats: bool,

    /// Print what happens, on standard error
    #[arg(long, value_name = "WHAT", value_enum, value_delimiter = ',')]
    #[arg(help_heading = "Seeing what it does")]
    pub trace: Vec<Trace>,

    /// Print what a stage makes of the program before it runs
    #[arg(long, value_name = "STAGE", value_enum, value_delimiter = ',')]
    #[arg(help_heading = "Seeing what it does")]
    pub dump: Vec<Dump>,

    /// Machine code for hot functions, for none, or for all
    #[arg(long, value_name = "WHEN", value_enum, default_value_t)]
    #[arg(help_heading = "Machine code")]
    pub jit: Jit,

    /// The same as --jit=on
    #[arg(long, conflicts_with = "jit", help_heading = "Machine code")]
    pub native_code: bool,

    /// Calls after which a function is hot [default: 3000, after about 10 ms]
    #[arg(long, value_name = "N", help_heading = "Machine code")]
    pub jit_calls: Option<u32>,

    /// Rounds after which a loop is hot [default: 20480, after about 10 ms]
    #[arg(long, value_name = "N", help_heading = "Machine code")]
    pub jit_loops: Option<u32>,

    /// Print what was compiled, what was not, and where compiled code was left
    ///
    /// It goes to standard error.
    #[arg(long, help_heading = "Machine code")]
    pub jit_report: bool,

    /// Write names of machine code for the perf of Linux
    #[arg(long, value_name = "STYLE", value_enum, help_heading = "Machine code")]
    pub perf: Option<Perf>,

    /// Nested calls before a stack overflow is raised
    #[arg(long, value_name = "N", default_value_t = Limits::default().depth as u64)]
    #[arg(help_heading = "Limits", value_parser = clap::value_parser!(u64).range(1..=16_000_000))]
    pub max_depth: u64,

    /// Memory for objects before an error is raised, such as 64m or 2g
    #[arg(long, value_name = "SIZE", value_parser = parse_size, help_heading = "Limits")]
    pub max_heap: Option<usize>,

    /// Let time pass only while everything waits, and then at once
    #[arg(long, help_heading = "Testing")]
    pub virtual_time: bool,

    /// Choose among tasks that are ready by this number instead of in order
    #[arg(long, value_name = "N", help_heading = "Testing")]
    pub seed: Option<u64>,

    /// Collect garbage wherever it may happen
    #[arg(long, help_heading = "Testing")]
    pub gc_stress: bool,

    /// Check the heap at each collection
    #[arg(long, help_heading = "Testing")]
    pub verify_heap: bool,
}

/// `on` or `off`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
#[allow(missing_docs)]
pub enum Switch {
    #[default]
    On,
    Off,
}

/// When to compile to machine code.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
pub enum Jit {
    /// When a function is hot
    #[default]
    On,
    /// Never
    Off,
    /// At the first call
    Eager,
}

/// When to write colours.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
pub enum Color {
    /// On a terminal
    #[default]
    Auto,
    /// Also into a file or pipe
    Always,
    /// Not at all
    Never,
}

/// What `--trace` shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Trace {
    /// Each instruction that is carried out
    Exec,
    /// Each collection
    Gc,
}

/// What `--dump` shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Dump {
    /// The words and brackets of the text with their places
    Tokens,
    /// The syntax tree
    Syntax,
    /// The bytecode
    Code,
    /// Cranelift's representation of what is compiled
    Clif,
    /// Machine code of what is compiled
    Asm,
}

/// A number of seconds, from a thousandth to an hour.
fn parse_seconds(text: &str) -> Result<f64, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    match (0.001..=3600.0).contains(&seconds) {
        true => Ok(seconds),
        false => Err("not between 0.001 and 3600".to_owned()),
    }
}

/// Percent.
fn parse_percent(text: &str) -> Result<f64, String> {
    let percent: f64 = text.parse().map_err(|_| "not a number of percent".to_owned())?;
    match (0.0..=1000.0).contains(&percent) {
        true => Ok(percent),
        false => Err("not between 0 and 1000".to_owned()),
    }
}

/// A number of bytes: digits, and `k`, `m` or `g` for powers of 1024.
fn parse_size(text: &str) -> Result<usize, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let factor: usize = match text[digits.len()..].to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" | "kib" => 1 << 10,
        "m" | "mb" | "mib" => 1 << 20,
        "g" | "gb" | "gib" => 1 << 30,
        unit => return Err(format!("unknown unit `{unit}`: use k, m or g")),
    };
    let number: usize = digits.parse().map_err(|_| "not a size such as 64m".to_owned())?;
    number.checked_mul(factor).filter(|n| *n > 0).ok_or_else(|| "out of range".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parse(words: &[&str]) -> Cli {
        try_parse(words).unwrap_or_else(|error| panic!("{error}"))
    }

    fn try_parse(words: &[&str]) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(std::iter::once(&"gene").chain(words))
    }

    fn program(run: &RunArgs) -> Vec<&str> {
        run.program.iter().map(|word| word.to_str().unwrap()).collect()
    }

    #[test]
    fn the_table_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn nothing_is_a_prompt() {
        let cli = parse(&[]);
        assert!(cli.command.is_none() && cli.run.program.is_empty());
    }

    #[test]
    fn a_file_needs_no_command() {
        let cli = parse(&["--stats", "a.gene", "--stats", "-x", "--", "run"]);
        assert!(cli.command.is_none() && cli.run.flags.stats);
        assert_eq!(program(&cli.run), ["a.gene", "--stats", "-x", "--", "run"]);
    }

    #[test]
    fn flags_behind_the_file_belong_to_the_program() {
        let cli = parse(&["run", "--jit=off", "a.gene", "--jit=eager", "--help"]);
        let Some(Command::Run(run)) = &cli.command else { panic!("{cli:?}") };
        assert_eq!(run.flags.jit, Jit::Off);
        assert_eq!(program(run), ["a.gene", "--jit=eager", "--help"]);
    }

    #[test]
    fn standard_input_is_a_dash() {
        let cli = parse(&["run", "-", "x"]);
        let Some(Command::Run(run)) = &cli.command else { panic!("{cli:?}") };
        assert_eq!(program(run), ["-", "x"]);
    }

    #[test]
    fn colours_may_be_asked_for_anywhere_before_the_file() {
        assert_eq!(parse(&["--color=never", "a.gene"]).color, Color::Never);
        assert_eq!(parse(&["run", "--color=always", "a.gene"]).color, Color::Always);
        assert_eq!(parse(&["parse", "--color", "always", "a.gene"]).color, Color::Always);
    }

    #[test]
    fn flags_take_what_they_say() {
        let words = ["--trace=gc", "--dump=code", "--max-heap=64m", "--max-depth=9", "f"];
        let flags = parse(&words).run.flags;
        assert_eq!(flags.trace, [Trace::Gc]);
        assert_eq!(flags.dump, [Dump::Code]);
        assert_eq!((flags.max_heap, flags.max_depth), (Some(64 << 20), 9));
        for bad in ["--jit=maybe", "--max-heap=9x", "--max-depth=0", "--seed=a", "--nonsense"] {
            assert_eq!(try_parse(&["run", bad, "f"]).unwrap_err().exit_code(), 2, "{bad}");
        }
        assert!(try_parse(&["run", "--jit=off", "--native-code", "f"]).is_err());
        assert!(try_parse(&["eval"]).is_err());
    }

    #[test]
    fn sizes_have_units() {
        assert_eq!(parse_size("512"), Ok(512));
        assert_eq!(parse_size("4K"), Ok(4096));
        assert_eq!(parse_size("2g"), Ok(2 << 30));
        for bad in ["", "m", "0", "-1k", "1.5m", "99999999999999999999", "17179869184g", "1é"] {
            assert!(parse_size(bad).is_err(), "{bad}");
        }
    }
}

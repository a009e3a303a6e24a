//! Running programs: `gene run`, `gene eval`, and the machine behind the prompt.

use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::flags::{Color, Dump, Jit, Perf, ProfileArgs, ProgramFlags, Switch, Trace};
use super::inspect::{self, Inspection};
use super::repl::{self, Answer, Evaluator, Vocabulary};
use super::stats::{self, Clock};
use super::terminal::{self, Stdout};
use super::{FAILED, INTERRUPTED, inspect::listing, profile};
use crate::diag::{Diagnostic, Style};
use crate::engine::{Engine, Failure, JitMode, JitOptions, Options};
use crate::profile::perf::{Style as PerfStyle, tell_perf};
use crate::source::{FileId, SourceMap};
use crate::value::Value;
use crate::vm::{Limits, interrupt};

/// Runs a file, or standard input for `-`.
///
/// # Errors
/// Those of writing to standard output, here and below.
pub fn file(
    flags: &ProgramFlags,
    path: &Path,
    args: &[OsString],
    color: Color,
) -> io::Result<ExitCode> {
    file_with(flags, path, args, color, |_| ())
}

/// The same with an engine that is prepared.
pub fn file_with(
    flags: &ProgramFlags,
    path: &Path,
    args: &[OsString],
    color: Color,
    before: impl FnOnce(&mut Engine),
) -> io::Result<ExitCode> {
    let way = Way { color, strict: true, profile: None };
    program(flags, way, Inspection::load(path), args, before, |_, _| Ok(()))
}

/// Runs a file, or standard input for `-`, and writes a profile.
pub fn profiled(
    profile: &ProfileArgs,
    path: &Path,
    args: &[OsString],
    color: Color,
) -> io::Result<ExitCode> {
    let way = Way { color, strict: true, profile: Some(profile) };
    program(&profile.flags, way, Inspection::load(path), args, |_| (), |_, _| Ok(()))
}

/// Runs a text and prints its value.
pub fn text(
    flags: &ProgramFlags,
    text: &str,
    args: &[OsString],
    color: Color,
) -> io::Result<ExitCode> {
    let way = Way { color, strict: false, profile: None };
    let loaded = Inspection::of_text("<eval>", text);
    program(
        flags,
        way,
        loaded,
        args,
        |_| (),
        |engine, value| match shown(engine, value) {
            Some(text) => writeln!(engine.vm.out, "{text}"),
            None => Ok(()),
        },
    )
}

/// Starts a prompt.
pub fn prompt(flags: &ProgramFlags, color: Color) -> io::Result<ExitCode> {
    let clock = Clock::start();
    let look = Look { brief: repl::is_interactive(), ..Look::of(flags, color) };
    let mut session = Session { engine: engine(flags, false), look };
    repl::run(&mut session, color)?;
    finish(&mut session.engine, flags, &clock)?;
    Ok(ExitCode::SUCCESS)
}

/// How a program is run, besides its own flags.
struct Way<'a> {
    color: Color,
    /// Failures that nobody observed make the exit code 1.
    strict: bool,
    profile: Option<&'a ProfileArgs>,
}

/// Runs a program to its end.
fn program(
    flags: &ProgramFlags,
    way: Way,
    mut program: Inspection,
    args: &[OsString],
    before: impl FnOnce(&mut Engine),
    then: impl FnOnce(&mut Engine, Value) -> io::Result<()>,
) -> io::Result<ExitCode> {
    let clock = Clock::start();
    dump(flags, &mut program)?;
    if !program.diagnostics.is_empty() {
        return Ok(super::report(&program, way.color));
    }
    let args: Vec<String> = args.iter().map(|a| a.to_string_lossy().into_owned()).collect();
    let mut engine = engine(flags, way.profile.is_some());
    before(&mut engine);
    let look = Look::of(flags, way.color);
    let interrupted = watch_for_user(&engine);
    if let Some(style) = flags.perf
        && let Err((path, error)) = tell_perf(&mut engine.vm, style_of(style))
    {
        writeln!(io::stderr(), "gene: cannot write {}: {error}", path.display())?;
        return Ok(ExitCode::from(FAILED));
    }
    if let Some(args) = way.profile
        && let Err(error) = profile::begin(&mut engine, args, program.name())
    {
        writeln!(io::stderr(), "gene: cannot profile: {error}")?;
        return Ok(ExitCode::from(FAILED));
    }
    let end = match engine.run(program.name(), program.text(), &args) {
        Ok(value) => {
            then(&mut engine, value)?;
            engine.finish()
        }
        Err(failure) => Err(failure),
    };
    // What was printed before stands before the reports.
    engine.vm.flush();
    let code = match end {
        Ok(failures) => {
            let reports = engine.render_failures(&failures, look.style);
            io::stderr().write_all(reports.as_bytes())?;
            let failed = way.strict && failures.are_serious();
            if failed { ExitCode::from(FAILED) } else { ExitCode::SUCCESS }
        }
        Err(failure) => {
            io::stderr().write_all(report(&engine, &failure, look).as_bytes())?;
            engine.abandon();
            let interrupted = interrupted.load(Ordering::SeqCst);
            ExitCode::from(if interrupted { INTERRUPTED } else { FAILED })
        }
    };
    let written = profile::finish(&mut engine.vm);
    finish(&mut engine, flags, &clock)?;
    Ok(if written || code != ExitCode::SUCCESS { code } else { ExitCode::from(FAILED) })
}

fn style_of(flag: Perf) -> PerfStyle {
    match flag {
        Perf::Map => PerfStyle::Map,
        Perf::Jitdump => PerfStyle::JitDump,
    }
}

/// Has Ctrl-C cancel the program, so that its `finally` blocks run, and end the
/// process the second time. Whether it did is noted.
fn watch_for_user(engine: &Engine) -> Arc<AtomicBool> {
    let interrupted = Arc::new(AtomicBool::new(false));
    let (interrupt, told) = (engine.vm.interrupt.clone(), interrupted.clone());
    // Without a handler the signal ends the process, as everywhere.
    let _ = ctrlc::set_handler(move || {
        // Noted first: the program may end before this thread goes on.
        if told.swap(true, Ordering::SeqCst) {
            std::process::exit(i32::from(INTERRUPTED));
        }
        if !interrupt.cancel_for_user() {
            told.store(false, Ordering::SeqCst);
        }
    });
    interrupted
}

/// An engine as the flags want it, which writes to standard output.
fn engine(flags: &ProgramFlags, profiled: bool) -> Engine {
    let mut engine = Engine::new(Options {
        contracts: flags.language.contracts == Switch::On,
        type_check: !flags.language.no_type_check,
        strict_nil: flags.language.strict_nil,
        limits: Limits {
            depth: flags.max_depth as usize,
            heap_bytes: flags.max_heap.unwrap_or(usize::MAX),
        },
        gc_stress: flags.gc_stress,
        verify_heap: flags.verify_heap,
        virtual_time: flags.virtual_time,
        seed: flags.seed,
        jit: JitOptions {
            mode: match flags.jit {
                Jit::On => JitMode::On,
                Jit::Off => JitMode::Off,
                Jit::Eager => JitMode::Eager,
            },
            calls: flags.jit_calls,
            rounds: flags.jit_loops,
            dump_clif: flags.dump.contains(&Dump::Clif),
            dump_asm: flags.dump.contains(&Dump::Asm),
            places: profiled || flags.perf.is_some(),
        },
    });
    engine.vm.trace_gc = flags.trace.contains(&Trace::Gc);
    engine.vm.trace_exec = flags.trace.contains(&Trace::Exec);
    engine.vm.out = match io::stdout().is_terminal() {
        true => Box::new(io::LineWriter::new(Stdout)),
        false => Box::new(terminal::buffered()),
    };
    engine
}

/// Writes out what is still buffered, and the counters if they are wanted.
fn finish(engine: &mut Engine, flags: &ProgramFlags, clock: &Clock) -> io::Result<()> {
    engine.vm.out.flush()?;
    if flags.jit_report {
        let report = match engine.jit_report() {
            None => "nothing is compiled\n".into(),
            Some(report) if report.is_empty() => {
                "nothing was hot; thresholds hold after 10 ms, or from the start where \
                 --jit-calls or --jit-loops sets one\n"
                    .into()
            }
            Some(report) => report,
        };
        io::stderr().write_all(report.as_bytes())?;
    }
    if flags.stats {
        let table = stats::report(clock.elapsed(), engine);
        io::stderr().write_all(table.as_bytes())?;
    }
    Ok(())
}

/// Writes what `--dump` asks for.
fn dump(flags: &ProgramFlags, program: &mut Inspection) -> io::Result<()> {
    if flags.dump.is_empty() {
        return Ok(());
    }
    let mut err = io::BufWriter::new(io::stderr());
    if flags.dump.contains(&Dump::Tokens) {
        program.write_tokens(&mut err)?;
    }
    let nodes = program.read();
    if flags.dump.contains(&Dump::Syntax) {
        inspect::write_forms(&nodes, &mut err)?;
    }
    if flags.dump.contains(&Dump::Code) {
        let options = super::compiler_options(&flags.language);
        err.write_all(program.compile(&nodes, &options).as_bytes())?;
    }
    err.flush()
}

/// How reports look.
#[derive(Clone, Copy)]
struct Look {
    style: Style,
    backtrace: bool,
    /// Whether the first line is the message alone, because only people read it.
    brief: bool,
}

impl Look {
    fn of(flags: &ProgramFlags, color: Color) -> Look {
        let style = terminal::style(color, &io::stderr());
        Look { style, backtrace: flags.backtrace, brief: false }
    }

    fn diagnostic(self, diagnostic: &Diagnostic, sources: &SourceMap) -> String {
        let report = diagnostic.render(sources, self.style);
        match report.split_once('\n') {
            Some((_, details)) if self.brief => {
                format!("Error: {}\n{details}", diagnostic.message)
            }
            _ => report,
        }
    }
}

/// The report of a failure, with the trace if it is wanted.
fn report(engine: &Engine, failure: &Failure, look: Look) -> String {
    let sources = &engine.vm.sources;
    match failure {
        Failure::Rejected(diagnostics) => {
            diagnostics.iter().map(|d| look.diagnostic(d, sources)).collect()
        }
        Failure::Raised(thrown) => {
            let mut text = look.diagnostic(&engine.exception_report(thrown.0), sources);
            if look.backtrace {
                for frame in engine.trace(thrown.0) {
                    text += &format!("  at {frame}\n");
                }
            }
            text
        }
    }
}

/// The data form of a value that says something.
fn shown(engine: &Engine, value: Value) -> Option<String> {
    (value != Value::NIL && value != Value::VOID).then(|| engine.vm.display_data(value))
}

/// What the prompt talks to.
struct Session {
    engine: Engine,
    look: Look,
}

/// What entries are called in reports.
const ENTRY: &str = "<repl>";

impl Evaluator for Session {
    fn evaluate(&mut self, forms: &str) -> Result<Answer, String> {
        // A signal that came while nothing ran is not for this evaluation.
        self.engine.vm.interrupt.take();
        let result = self.engine.eval_named(ENTRY, forms);
        self.engine.vm.flush();
        let failures = self.engine.failures();
        let reports = self.engine.render_failures(&failures, self.look.style);
        io::stderr().write_all(reports.as_bytes()).map_err(|e| e.to_string())?;
        match result {
            Ok(value) => Ok(Answer {
                shown: shown(&self.engine, value),
                class: self.engine.vm.type_name(value),
            }),
            Err(failure) => Err(report(&self.engine, &failure, self.look)),
        }
    }

    fn listing(&mut self, forms: &str) -> Result<String, String> {
        let module = self.engine.compile(ENTRY, forms);
        let sources = &self.engine.vm.sources;
        match module {
            Ok(module) => {
                let source = sources.get(FileId(module.main.file));
                Ok(listing(&module, source.map(|source| &**source)))
            }
            Err(diagnostics) => {
                Err(diagnostics.iter().map(|d| self.look.diagnostic(d, sources)).collect())
            }
        }
    }

    fn vocabulary(&self) -> Vocabulary {
        repl::vocabulary(&self.engine.vm, self.engine.vm.modules.first().copied())
    }

    fn stopper(&self) -> Box<dyn Fn() + Send> {
        let interrupt = self.engine.vm.interrupt.clone();
        Box::new(move || interrupt.set(interrupt::CANCEL))
    }
}

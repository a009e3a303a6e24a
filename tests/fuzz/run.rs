//! One run of a program in this process.

use std::{
    cell::RefCell,
    io::{self, Write},
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::{Duration, Instant},
};

use gene::{
    diag::Style,
    engine::{Engine, Failure, JitOptions, Options},
    vm::{Interrupt, Limits, interrupt},
};
use nix::time::{ClockId, clock_gettime};

/// Names that a program must not find: they touch the system, or differ from
/// run to run.
const FORBIDDEN: &[&str] = &[
    "File",
    "FileReader",
    "Dir",
    "system",
    "get_env",
    "set_env",
    "has_env",
    "cwd",
    "exit",
    "quit",
    "time",
    "random",
    "random_int",
    "rand",
    "http",
    "genex",
];

/// Natives of `gene` that a program must not find.
const FORBIDDEN_BELOW: &[&str] = &["io", "os", "vm", "now", "today", "tomorrow", "yesterday"];

/// What a program may print before the rest is dropped.
const OUTPUT_LIMIT_BYTES: usize = 1 << 20;

/// How a program is run.
#[derive(Clone, Copy)]
pub struct Mode {
    pub gc_stress: bool,
    pub verify_heap: bool,
    pub jit: JitOptions,
    /// It is interrupted after this much processor time.
    pub limit: Duration,
}

/// What became of a program.
pub struct Outcome {
    /// Output and report.
    pub text: String,
    /// What the compiled tier did that it never should.
    pub fault: Option<String>,
    /// Whether it ran into a limit that depends on the mode.
    pub limited: bool,
    /// Whether it was not run at all: it does not read or compile.
    pub rejected: bool,
    /// Processor time.
    pub elapsed: Duration,
}

/// Runs a program to its end, or interrupts it.
pub fn program(text: &str, mode: Mode, watchdog: &Watchdog) -> Outcome {
    let output = Output::default();
    let mut engine = Engine::new(Options {
        limits: Limits { depth: 1000, heap_bytes: 256 << 20 },
        gc_stress: mode.gc_stress,
        verify_heap: mode.verify_heap,
        virtual_time: true,
        jit: mode.jit,
        ..Options::default()
    });
    engine.vm.out = Box::new(output.clone());
    engine.vm.err = Box::new(output.clone());
    restrict(&mut engine);
    let started = cpu_time();
    watchdog.begin(engine.vm.interrupt.clone(), mode.limit);
    let end = match engine.run("<fuzz>", text, &[]) {
        Ok(_) => engine.finish(),
        Err(failure) => Err(failure),
    };
    let rejected = matches!(end, Err(Failure::Rejected(_)));
    let report = match end {
        Ok(failures) => engine.render_failures(&failures, Style::Plain),
        Err(failure) => {
            let mut report = engine.render(&failure, Style::Plain);
            if let Failure::Raised(thrown) = &failure {
                report += &engine.trace(thrown.0).join("\n");
            }
            engine.abandon();
            report
        }
    };
    let interrupted = watchdog.end();
    // The only refusals of a backend that are not about the program.
    let fault = engine.jit_report().and_then(|report| {
        report.lines().find(|line| line.contains("Cranelift:")).map(str::to_owned)
    });
    drop(engine);
    let mut text = output.text();
    text += &report;
    let limited = interrupted
        || text.len() >= OUTPUT_LIMIT_BYTES
        || text.contains("out of memory")
        || text.contains("stack overflow");
    Outcome { text, fault, limited, rejected, elapsed: cpu_time() - started }
}

fn restrict(engine: &mut Engine) {
    let names: Vec<_> = engine.vm.builtins.keys().copied().collect();
    for name in names {
        if FORBIDDEN.contains(&name.as_str()) {
            engine.vm.builtins.remove(&name);
        }
    }
    let namespace = engine.vm.builtin_namespace("gene");
    for name in FORBIDDEN_BELOW {
        let name = gene_isa::Symbol::intern(name);
        namespace.members.set(&mut engine.vm.heap, name, gene::value::Value::NIL);
    }
}

/// Standard output and standard error of a program.
#[derive(Clone, Default)]
struct Output(Rc<RefCell<Vec<u8>>>);

impl Output {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.borrow()).into_owned()
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut kept = self.0.borrow_mut();
        let room = OUTPUT_LIMIT_BYTES.saturating_sub(kept.len());
        kept.extend_from_slice(&bytes[..bytes.len().min(room)]);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Interrupts programs that run too long, and ends the process if one does not
/// stop then.
pub struct Watchdog {
    runs: mpsc::Sender<Option<(Interrupt, Duration)>>,
    barked: Arc<AtomicBool>,
}

/// How long a program may go on after it was interrupted, as long as it catches
/// that again and again.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long the interpreter may take to look at an interrupt: with a collection
/// at every safepoint and a check at each, one native may take seconds.
const GRACE: Duration = Duration::from_secs(30);

/// A program that waits, for what will never come, takes no processor time: so
/// much time of the clock counts as one of processor time.
const WAITING: u32 = 20;

/// Exit code when a program could not be interrupted.
const HANGS: i32 = 3;

/// Exit code when a program catches whatever interrupts it, as it may.
pub const STUBBORN: i32 = 5;

impl Watchdog {
    pub fn start() -> Watchdog {
        let (runs, orders) = mpsc::channel::<Option<(Interrupt, Duration)>>();
        let barked = Arc::new(AtomicBool::new(false));
        let bark = barked.clone();
        thread::spawn(move || {
            while let Ok(order) = orders.recv() {
                let Some((interrupt, limit)) = order else { continue };
                let began = Span::begin();
                let mut asked = None;
                while let Err(RecvTimeoutError::Timeout) =
                    orders.recv_timeout(Duration::from_millis(10))
                {
                    if began.elapsed() < limit {
                        continue;
                    }
                    bark.store(true, Ordering::SeqCst);
                    match &asked {
                        Some(asked) if interrupt.is_cancelled() => {
                            if Span::elapsed(asked) > GRACE {
                                eprintln!("cannot be interrupted");
                                std::process::exit(HANGS);
                            }
                        }
                        Some(_) if began.elapsed() > limit + PATIENCE => {
                            std::process::exit(STUBBORN);
                        }
                        _ => {
                            asked = Some(Span::begin());
                            interrupt.set(interrupt::CANCEL);
                        }
                    }
                }
            }
        });
        Watchdog { runs, barked }
    }

    fn begin(&self, interrupt: Interrupt, limit: Duration) {
        self.barked.store(false, Ordering::SeqCst);
        let _ = self.runs.send(Some((interrupt, limit)));
    }

    /// Whether the program was interrupted.
    fn end(&self) -> bool {
        let _ = self.runs.send(None);
        self.barked.load(Ordering::SeqCst)
    }
}

/// A span of processor time, which does not pass while other processes run.
struct Span {
    cpu: Duration,
    clock: Instant,
}

impl Span {
    fn begin() -> Span {
        Span { cpu: cpu_time(), clock: Instant::now() }
    }

    fn elapsed(&self) -> Duration {
        (cpu_time() - self.cpu).max(self.clock.elapsed() / WAITING)
    }
}

/// Processor time of this process.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID);
    time.map(Duration::from).unwrap_or_default()
}

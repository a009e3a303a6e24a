//! A fuzzer for the whole runtime: programs of the test corpus, mutated, run
//! by the interpreter, with a collection at every safepoint, and as machine code.
//! Others are made up for the compiled tier. Whatever the program says, it ends or
//! can be interrupted, nothing panics or is ended by a signal, and all runs print
//! the same.
//!
//! `cargo test --test fuzz` tries a fixed number of a fixed sequence, made from
//! the programs of the language reference, so that it finds the same on every
//! machine; time is counted in processor time. More of it:
//!
//! | Variable | Effect |
//! |---|---|
//! | `GENE_FUZZ_SECONDS=600` | for so long, from the programs of all tests |
//! | `GENE_FUZZ_SEED=7` | another sequence; each number is one, `random` picks it |
//! | `GENE_FUZZ_TIER=1` | one program in so many is made for the compiled tier, of 32 unless set |
//! | `GENE_FUZZ_REPLAY=file.gene` | runs this program only, as the fuzzer would |
//!
//! Programs that fail are kept in cargo's folder for temporary files of tests,
//! each with what was found as its first lines. The programs run in processes of
//! their own, which this one starts and, when one dies, replaces.

#![forbid(unsafe_code)]

mod corpus;
mod mutate;
mod run;
mod tier;
mod worker;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
    thread,
    time::{Duration, Instant},
};

/// What `cargo test` tries.
const PROGRAMS: u64 = 2000;
/// Processes at the same time.
const WORKERS: u64 = 2;
/// A worker is replaced after so many programs: names and reserved memory are
/// never given back within a process.
const BATCH: u64 = 400;
/// One program in so many is made for the compiled tier.
const FOR_THE_TIER: u64 = 32;
/// After so many findings it is time to mend.
const ENOUGH: usize = 20;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == "--list") {
        println!("fuzz: test");
        return ExitCode::SUCCESS;
    }
    if let Some(task) = worker::Task::from_env() {
        return with_stack(move || task.perform());
    }
    // `cargo test WORD` means other tests unless WORD is ours.
    let filters = || arguments.iter().filter(|argument| !argument.starts_with('-'));
    if filters().count() > 0 && !filters().any(|word| "fuzz".contains(word.as_str())) {
        return ExitCode::SUCCESS;
    }
    if let Some(file) = env::var_os("GENE_FUZZ_REPLAY") {
        return with_stack(move || worker::replay(Path::new(&file)));
    }

    let number = |name: &str| env::var(name).ok().and_then(|text| text.parse().ok());
    let seed = match env::var("GENE_FUZZ_SEED").as_deref() {
        Ok("random") => fastrand::u64(..1 << 32),
        _ => number("GENE_FUZZ_SEED").unwrap_or(1),
    };
    let seconds = number("GENE_FUZZ_SECONDS");
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("fuzz");
    let bounds = Bounds {
        deadline: seconds.map(|seconds| Instant::now() + Duration::from_secs(seconds)),
        tier: number("GENE_FUZZ_TIER").unwrap_or(FOR_THE_TIER),
        programs: if seconds.is_some() { u64::MAX } else { PROGRAMS },
    };
    let supervisors: Vec<_> = (0..WORKERS)
        .map(|worker| {
            let folder = folder.join(format!("{worker}"));
            thread::spawn(move || supervise(&folder, seed, worker, bounds))
        })
        .collect();
    let (mut programs, mut ran) = (0, 0);
    let mut findings = Vec::new();
    for supervisor in supervisors {
        match supervisor.join() {
            Ok(Ok((tried, ran_of_these, found))) => {
                programs += tried;
                ran += ran_of_these;
                findings.extend(found);
            }
            Ok(Err(error)) => findings.push(PathBuf::from(error.to_string())),
            Err(_) => findings.push(PathBuf::from("(the fuzzer itself failed)")),
        }
    }
    for finding in &findings {
        println!("fuzz: see {}", finding.display());
    }
    println!("fuzz: {programs} programs, {ran} ran, {} findings, seed {seed}", findings.len());
    if findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs on a thread with as much stack as `gene` gives to programs.
fn with_stack(body: impl FnOnce() -> ExitCode + Send + 'static) -> ExitCode {
    const STACK_BYTES: usize = if cfg!(gene_asan) { 4 << 30 } else { 256 << 20 };
    let thread = thread::Builder::new().stack_size(STACK_BYTES).spawn(body);
    // A panic has been reported by its own message.
    thread.map_or(ExitCode::FAILURE, |running| running.join().unwrap_or(ExitCode::from(101)))
}

/// When it is enough.
#[derive(Clone, Copy)]
struct Bounds {
    deadline: Option<Instant>,
    /// The first number that is not tried.
    programs: u64,
    /// One program in so many is made for the compiled tier.
    tier: u64,
}

impl Bounds {
    fn left(&self) -> Option<Duration> {
        self.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()))
    }
}

/// Keeps one worker busy within the bounds; the number of programs, of those
/// that were run and not rejected, and the files of those that failed.
fn supervise(
    folder: &Path,
    seed: u64,
    worker: u64,
    bounds: Bounds,
) -> std::io::Result<(u64, u64, Vec<PathBuf>)> {
    // What it writes lies outside of where it runs.
    let (scratch, current) = (folder.join("scratch"), folder.join("current.gene"));
    fs::create_dir_all(&scratch)?;
    let mut findings = Vec::new();
    let mut ran = 0;
    // Workers take every other number, so that the sequence is the same for any time.
    let mut next = worker;
    while next < bounds.programs
        && bounds.left().is_none_or(|left| !left.is_zero())
        && findings.len() < ENOUGH
    {
        let task = worker::Task {
            seed,
            first: next,
            step: WORKERS,
            count: BATCH.min((bounds.programs - next).div_ceil(WORKERS)),
            tier: bounds.tier,
            time: bounds.left(),
            current: current.clone(),
        };
        let output = task
            .configure(&mut Command::new(env::current_exe()?))
            .current_dir(&scratch)
            .stdin(Stdio::null())
            .output()?;
        let (at, ran_before) = worker::progress(&current).unwrap_or((next, 0));
        next = at + WORKERS;
        ran += ran_before;
        // A program that catches whatever interrupts it takes its process along.
        if !output.status.success() && output.status.code() != Some(run::STUBBORN) {
            let finding = folder.join(format!("finding-{seed}-{at}.gene"));
            let mut text = format!("# {}\n", output.status);
            for line in String::from_utf8_lossy(&output.stderr).lines().take(60) {
                text += &format!("# {line}\n");
            }
            text += &fs::read_to_string(&current)?;
            fs::write(&finding, text)?;
            println!("fuzz: {} {}", output.status, finding.display());
            findings.push(finding);
        }
    }
    Ok(((next - worker) / WORKERS, ran, findings))
}

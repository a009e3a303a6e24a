//! The process in which programs run: what it tries is known to the one that
//! started it even if it dies.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    time::{Duration, Instant},
};

use fastrand::Rng;

use super::{
    corpus, mutate,
    run::{self, Mode, Watchdog},
};

/// Exit code of a worker whose program printed different things.
const DIFFERS: u8 = 4;
/// Memory of a worker: a program that asks for more must have been refused.
const DATA_LIMIT_BYTES: u64 = 6 << 30;
/// Programs that take longer are not run under stress.
const QUICK: Duration = Duration::from_millis(100);

const PLAIN: Mode =
    Mode { gc_stress: false, verify_heap: false, limit: Duration::from_millis(500) };
const STRESS: Mode = Mode { gc_stress: true, verify_heap: false, limit: Duration::from_secs(2) };
/// Looks at the whole heap each time, so not every program gets it.
const VERIFIED: Mode = Mode { gc_stress: true, verify_heap: true, limit: Duration::from_secs(3) };

/// What a worker is to do.
pub struct Task {
    pub seed: u64,
    pub first: u64,
    pub step: u64,
    pub count: u64,
    /// None: as long as it takes, with programs that do not change from commit to
    /// commit.
    pub time: Option<Duration>,
    /// Where the present program is kept.
    pub current: PathBuf,
}

const VARIABLE: &str = "GENE_FUZZ_TASK";

impl Task {
    /// The task of this process, if it is a worker.
    pub fn from_env() -> Option<Task> {
        let text = env::var(VARIABLE).ok()?;
        let mut parts = text.splitn(6, ' ');
        let mut number = || parts.next()?.parse::<u64>().ok();
        Some(Task {
            seed: number()?,
            first: number()?,
            step: number()?,
            count: number()?,
            time: match number()? {
                0 => None,
                time => Some(Duration::from_millis(time)),
            },
            current: PathBuf::from(parts.next()?),
        })
    }

    /// Gives the task to a process that is about to start.
    pub fn configure<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        let Task { seed, first, step, count, time, current } = self;
        let time = time.map_or(0, |time| time.as_millis().max(1));
        let current = current.display();
        command
            .env_clear()
            .env("GENE_CACHE", "off")
            .env("TZ", "UTC")
            .env("ASAN_OPTIONS", env::var_os("ASAN_OPTIONS").unwrap_or_default())
            .env(VARIABLE, format!("{seed} {first} {step} {count} {time} {current}"))
    }

    pub fn perform(&self) -> ExitCode {
        limit_memory();
        let corpus = match self.time {
            None => corpus::reference(),
            Some(_) => corpus::all(),
        };
        let watchdog = Watchdog::start();
        let deadline = self.time.map(|time| Instant::now() + time);
        let mut ran = 0;
        for i in 0..self.count {
            if deadline.is_some_and(|deadline| Instant::now() > deadline) {
                break;
            }
            let number = self.first + i * self.step;
            let mut rng = Rng::with_seed(self.seed << 32 ^ number);
            let text = mutate::program(&corpus, &mut rng);
            if let Err(error) =
                fs::write(&self.current, format!("# number {number} after {ran}\n{text}\n"))
            {
                eprintln!("{}: {error}", self.current.display());
                return ExitCode::FAILURE;
            }
            match compare(&text, number % 8 == 0, &watchdog) {
                Ok(rejected) => ran += u64::from(!rejected),
                Err(difference) => {
                    eprintln!("{difference}");
                    return ExitCode::from(DIFFERS);
                }
            }
        }
        ExitCode::SUCCESS
    }
}

/// The number of the program that a worker tried last, and how many it had run
/// before.
pub fn progress(current: &Path) -> Option<(u64, u64)> {
    let text = fs::read_to_string(current).ok()?;
    let (number, ran) = text.lines().next()?.strip_prefix("# number ")?.split_once(" after ")?;
    Some((number.parse().ok()?, ran.parse().ok()?))
}

/// Runs one program in all ways and says what became of it.
pub fn replay(file: &Path) -> ExitCode {
    limit_memory();
    let Ok(text) = fs::read_to_string(file) else {
        eprintln!("cannot read {}", file.display());
        return ExitCode::FAILURE;
    };
    match compare(&text, true, &Watchdog::start()) {
        Ok(_) => ExitCode::SUCCESS,
        Err(difference) => {
            eprintln!("{difference}");
            ExitCode::from(DIFFERS)
        }
    }
}

/// Runs a program plainly and under stress; whether it was rejected.
fn compare(text: &str, verified: bool, watchdog: &Watchdog) -> Result<bool, String> {
    let plain = run::program(text, PLAIN, watchdog);
    if plain.rejected || plain.elapsed > QUICK {
        return Ok(plain.rejected);
    }
    let modes: &[(&str, Mode)] = match verified {
        true => &[("stress", STRESS), ("stress and verify", VERIFIED)],
        false => &[("stress", STRESS)],
    };
    for (name, mode) in modes {
        let other = run::program(text, *mode, watchdog);
        if !plain.limited && !other.limited && plain.text != other.text {
            return Err(format!(
                "output differs\n-- plain:\n{}\n-- {name}:\n{}",
                plain.text, other.text
            ));
        }
    }
    Ok(false)
}

/// A sanitizer reserves more than any limit: `tests/sanitize.sh` lifts it.
fn limit_memory() {
    #[cfg(unix)]
    if !cfg!(gene_asan) {
        use nix::sys::resource::{Resource, setrlimit};
        let _ = setrlimit(Resource::RLIMIT_DATA, DATA_LIMIT_BYTES, DATA_LIMIT_BYTES);
    }
}

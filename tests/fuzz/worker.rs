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
    run::{self, Mode, Outcome, Watchdog},
    tier,
};
use gene::engine::{JitMode, JitOptions};

/// Exit code of a worker whose program printed different things.
const DIFFERS: u8 = 4;
/// Memory of a worker: a program that asks for more must have been refused.
const DATA_LIMIT_BYTES: u64 = 6 << 30;
/// Programs that take longer are not run under stress.
const QUICK: Duration = Duration::from_millis(100);

/// One program in so many is looked at in the slower ways.
const THOROUGH: u64 = 8;

/// The interpreter defines what is right.
const PLAIN: Mode = Mode {
    gc_stress: false,
    verify_heap: false,
    jit: JitOptions {
        mode: JitMode::Off,
        calls: None,
        rounds: None,
        dump_clif: false,
        dump_asm: false,
        places: false,
    },
    limit: Duration::from_millis(500),
};
const STRESS: Mode = Mode { gc_stress: true, limit: Duration::from_secs(2), ..PLAIN };
/// Looks at the whole heap each time, so not every program gets it.
const VERIFIED: Mode =
    Mode { gc_stress: true, verify_heap: true, limit: Duration::from_secs(3), ..PLAIN };
/// Everything is compiled, knowing nothing.
const EAGER: Mode = Mode {
    jit: JitOptions { mode: JitMode::Eager, ..PLAIN.jit },
    limit: Duration::from_secs(4),
    ..PLAIN
};
/// Something is compiled soon, from what was seen.
const SOON: Mode = Mode {
    jit: JitOptions { mode: JitMode::On, calls: Some(20), rounds: Some(200), ..PLAIN.jit },
    limit: Duration::from_secs(4),
    ..PLAIN
};
const EAGER_STRESS: Mode = Mode { jit: EAGER.jit, ..STRESS };
const SOON_STRESS: Mode = Mode { jit: SOON.jit, ..STRESS };

/// What a worker is to do.
pub struct Task {
    pub seed: u64,
    pub first: u64,
    pub step: u64,
    pub count: u64,
    /// One program in so many is made for the compiled tier.
    pub tier: u64,
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
        let mut parts = text.splitn(7, ' ');
        let mut number = || parts.next()?.parse::<u64>().ok();
        Some(Task {
            seed: number()?,
            first: number()?,
            step: number()?,
            count: number()?,
            tier: number()?.max(1),
            time: match number()? {
                0 => None,
                time => Some(Duration::from_millis(time)),
            },
            current: PathBuf::from(parts.next()?),
        })
    }

    /// Gives the task to a process that is about to start.
    pub fn configure<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        let Task { seed, first, step, count, tier, time, current } = self;
        let time = time.map_or(0, |time| time.as_millis().max(1));
        let current = current.display();
        command
            .env_clear()
            .env("GENE_CACHE", "off")
            .env("TZ", "UTC")
            .env("ASAN_OPTIONS", env::var_os("ASAN_OPTIONS").unwrap_or_default())
            .env(VARIABLE, format!("{seed} {first} {step} {count} {tier} {time} {current}"))
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
            let made = (number / self.step).is_multiple_of(self.tier);
            let text = match made {
                true => tier::program(&mut rng),
                false => mutate::program(&corpus, &mut rng),
            };
            if let Err(error) =
                fs::write(&self.current, format!("# number {number} after {ran}\n{text}\n"))
            {
                eprintln!("{}: {error}", self.current.display());
                return ExitCode::FAILURE;
            }
            let thorough = match made {
                true => rng.u64(..THOROUGH) == 0,
                false => number.is_multiple_of(THOROUGH),
            };
            match compare(&text, made, thorough, &watchdog) {
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
    match compare(&text, true, true, &Watchdog::start()) {
        Ok(_) => ExitCode::SUCCESS,
        Err(difference) => {
            eprintln!("{difference}");
            ExitCode::from(DIFFERS)
        }
    }
}

/// Runs a program in the interpreter and in other ways; whether it was rejected.
/// Those that are `hot` are about the compiled tier.
fn compare(text: &str, hot: bool, thorough: bool, watchdog: &Watchdog) -> Result<bool, String> {
    let plain = run::program(text, PLAIN, watchdog);
    let quick = plain.elapsed <= QUICK;
    if plain.rejected || !(quick || hot) {
        return Ok(plain.rejected);
    }
    let modes: [(&str, Mode, bool); 6] = [
        ("stress", STRESS, quick && (!hot || thorough)),
        ("stress and verify", VERIFIED, quick && thorough),
        ("eager", EAGER, hot || (quick && thorough)),
        ("soon", SOON, hot),
        ("eager and stress", EAGER_STRESS, quick && thorough && hot),
        ("soon and stress", SOON_STRESS, quick && thorough && hot),
    ];
    for (name, mode, _) in modes.into_iter().filter(|(_, _, wanted)| *wanted) {
        let other = run::program(text, mode, watchdog);
        differ(&plain, &other).map_err(|what| format!("-- {name}: {what}"))?;
    }
    Ok(false)
}

/// What is wrong with the other run of a program.
fn differ(plain: &Outcome, other: &Outcome) -> Result<(), String> {
    if let Some(fault) = &other.fault {
        return Err(format!("the compiled tier failed: {fault}"));
    }
    if plain.limited || other.limited || plain.text == other.text {
        return Ok(());
    }
    Err(format!("output differs:\n{}\n-- plain:\n{}", other.text, plain.text))
}

/// A sanitizer reserves more than any limit: `tests/sanitize.sh` lifts it.
fn limit_memory() {
    #[cfg(unix)]
    if !cfg!(gene_asan) {
        use nix::sys::resource::{Resource, setrlimit};
        let _ = setrlimit(Resource::RLIMIT_DATA, DATA_LIMIT_BYTES, DATA_LIMIT_BYTES);
    }
}

//! `--stats`: what a run took.

use std::fmt::Write;
use std::time::{Duration, Instant};

use nix::sys::resource::{Usage, UsageWho, getrusage};
use nix::sys::time::TimeVal;

use crate::engine::Engine;

/// The beginning of a measurement.
pub struct Clock {
    started: Instant,
    usage: Option<Usage>,
}

/// Time that has passed, and what the processor spent on this process in it.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// On the clock on the wall.
    pub wall: Duration,
    /// In the program itself, all threads together.
    pub user: Duration,
    /// In the kernel on its behalf.
    pub system: Duration,
}

impl Clock {
    /// Begins to measure.
    pub fn start() -> Clock {
        Clock { started: Instant::now(), usage: usage() }
    }

    /// What has passed since.
    pub fn elapsed(&self) -> Times {
        let wall = self.started.elapsed();
        let spent = |time: fn(&Usage) -> TimeVal| {
            let since = self.usage.as_ref().map_or(Duration::ZERO, |u| duration(time(u)));
            usage().map_or(Duration::ZERO, |u| duration(time(&u))).saturating_sub(since)
        };
        Times { wall, user: spent(Usage::user_time), system: spent(Usage::system_time) }
    }
}

/// What the system counts for this process; it has no reason to refuse.
fn usage() -> Option<Usage> {
    getrusage(UsageWho::RUSAGE_SELF).ok()
}

fn duration(time: TimeVal) -> Duration {
    let micros = time.tv_sec() as u64 * 1_000_000 + time.tv_usec() as u64;
    Duration::from_micros(micros)
}

/// The table that is printed at the end.
pub fn report(times: Times, engine: &Engine) -> String {
    let heap = &engine.vm.heap;
    let gc = &heap.stats;
    let (compiled, code_bytes, compile_ns) = engine.jit_totals();
    let pauses = [gc.pause_ns, gc.max_pause_ns].map(|ns| shown(Duration::from_nanos(ns)));
    // The kernel counts in KiB.
    let resident = usage().map_or(0, |u| u.max_rss() as usize * 1024);
    let rows = [
        ("wall time", shown(times.wall)),
        ("CPU time", format!("{} user, {} system", shown(times.user), shown(times.system))),
        ("memory", format!("{} resident at most", size(resident))),
        (
            "heap",
            format!("{} live, {} reserved", size(heap.live_bytes()), size(heap.reserved_bytes())),
        ),
        ("objects", format!("{} live, {} freed", heap.live_objects(), gc.freed)),
        ("scopes", format!("{} live", heap.live_scopes())),
        ("collections", format!("{}, of these {} full", gc.runs, gc.full_runs)),
        ("pauses", format!("{}, longest {}", pauses[0], pauses[1])),
        (
            "machine code",
            format!(
                "{} in {compiled} functions and loops, {} of compiling",
                size(code_bytes),
                shown(Duration::from_nanos(compile_ns))
            ),
        ),
    ];
    let mut table = String::new();
    for (name, value) in rows {
        // Writing to a string cannot fail.
        let _ = writeln!(table, "{name:<12} {value}");
    }
    table
}

/// A duration with a unit that fits.
pub fn shown(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    match seconds {
        ..1e-3 => format!("{:.1} µs", seconds * 1e6),
        ..1.0 => format!("{:.2} ms", seconds * 1e3),
        _ => format!("{seconds:.3} s"),
    }
}

fn size(bytes: usize) -> String {
    match bytes {
        ..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{:.1} KiB", bytes as f64 / 1024.0),
        _ => format!("{:.1} MiB", bytes as f64 / 1_048_576.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_fit() {
        assert_eq!(shown(Duration::from_nanos(1500)), "1.5 µs");
        assert_eq!(shown(Duration::from_millis(12)), "12.00 ms");
        assert_eq!(shown(Duration::from_secs(61)), "61.000 s");
        assert_eq!((size(12), size(2048)), ("12 B".into(), "2.0 KiB".into()));
    }

    #[test]
    fn processor_time_passes() {
        let clock = Clock::start();
        let mut sum = 0_u64;
        while clock.elapsed().user.is_zero() && clock.elapsed().wall < Duration::from_secs(5) {
            sum = (0..100_000).fold(sum, |a, b: u64| a.wrapping_mul(31).wrapping_add(b));
        }
        assert!(!clock.elapsed().user.is_zero(), "{sum}");
    }
}

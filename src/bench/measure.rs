//! Warm-up and samples of one benchmark.

use std::time::{Duration, Instant};

use super::Settings;
use super::record::Measured;
use crate::vm::bench::{Bench, Input, Way};
use crate::vm::{Throw, Vm};

/// Samples that are taken if there is time.
const MOST_SAMPLES: u32 = 100;
/// Samples that are taken however long they take: the median of fewer says little.
const LEAST_SAMPLES: u32 = 10;
/// A sample is at least this long if the body is short: then two readings of the clock
/// and a call from Rust are less than a thousandth of it.
const LEAST_SAMPLE: Duration = Duration::from_millis(1);
/// Nothing may be compiled for this part of the warm-up before its end.
const SETTLED: f64 = 0.5;
/// The warm-up ends after this many times what was asked for, settled or not.
const PATIENCE: u32 = 10;
/// Inputs of a sample are fewer if making them takes this many times the sample.
const SETUP_SHARE: f64 = 20.0;
/// Inputs of a sample at most.
const MOST_INPUTS: f64 = 10_000.0;
/// Runs of a sample at most, which a small Int holds by far.
const MOST_RUNS: f64 = 1e9;

/// What one sample took.
#[derive(Clone, Copy)]
struct Sample {
    /// The runs together.
    run: Duration,
    /// Making their inputs.
    setup: Duration,
}

/// Runs a benchmark until it is warm, and takes samples.
///
/// # Errors
///
/// What its body raises.
pub fn measure(vm: &mut Vm, bench: &Bench, settings: &Settings) -> Result<Measured, Throw> {
    // Garbage of what ran before is not to be collected in this measurement.
    vm.collect_garbage();
    let way = bench.first(vm)?;
    let (runs, settled) = warm_up(vm, bench, way, settings)?;
    let begin = Instant::now();
    let mut times: Vec<f64> = Vec::new();
    let limit = settings.time.as_secs_f64();
    while (times.len() as u32) < MOST_SAMPLES {
        let enough = times.len() as u32 >= LEAST_SAMPLES;
        if enough && begin.elapsed().as_secs_f64() >= limit {
            break;
        }
        let sample = sample(vm, bench, way, runs)?;
        times.push(sample.run.as_secs_f64() * 1e9 / f64::from(runs));
    }
    Ok(Measured::new(&bench.name, runs, times, settled))
}

/// Runs a benchmark until machine code has settled. Gives the runs of a sample, and
/// whether it has.
fn warm_up(
    vm: &mut Vm,
    bench: &Bench,
    way: Way,
    settings: &Settings,
) -> Result<(u32, bool), Throw> {
    let target = (settings.time / MOST_SAMPLES).max(LEAST_SAMPLE).as_secs_f64();
    let begin = Instant::now();
    let mut compiled = compiling_ns(vm);
    let mut quiet_since = begin;
    let mut runs = 1;
    loop {
        let sample = sample(vm, bench, way, runs)?;
        runs = runs_for(target, runs, sample);
        let now = Instant::now();
        if compiling_ns(vm) != compiled {
            compiled = compiling_ns(vm);
            quiet_since = now;
        }
        let passed = now - begin;
        let settled = now - quiet_since >= settings.warm_up.mul_f64(SETTLED);
        if passed >= settings.warm_up && (settled || passed >= settings.warm_up * PATIENCE) {
            return Ok((runs, settled));
        }
    }
}

/// How many runs make a sample of that many seconds, as far as one of `runs` tells.
fn runs_for(target: f64, runs: u32, sample: Sample) -> u32 {
    let runs = f64::from(runs);
    let of_one = (sample.run.as_secs_f64() / runs).max(1e-10);
    let mut wanted = target / of_one;
    if !sample.setup.is_zero() {
        let of_setup = (sample.setup.as_secs_f64() / runs).max(1e-10);
        wanted = wanted.min(SETUP_SHARE * target / of_setup).min(MOST_INPUTS);
    }
    // A first guess from a cold run may be far off.
    wanted.min(runs * 10.0).clamp(1.0, MOST_RUNS) as u32
}

fn sample(vm: &mut Vm, bench: &Bench, way: Way, runs: u32) -> Result<Sample, Throw> {
    let mark = vm.root_mark();
    let begin = Instant::now();
    let input = bench.inputs(vm, runs)?;
    let setup = if bench.has_setup() { begin.elapsed() } else { Duration::ZERO };
    if let Input::Each(inputs) = input {
        vm.root(inputs);
    }
    let begin = Instant::now();
    let result = bench.run(vm, way, input);
    let run = begin.elapsed();
    vm.unroot(mark);
    result.map(|_| Sample { run, setup })
}

/// Nanoseconds that have gone into machine code.
fn compiling_ns(vm: &Vm) -> u64 {
    vm.tiers.tier.as_ref().map_or(0, |tier| tier.compiling_ns())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn took(run_us: u64, setup_us: u64) -> Sample {
        Sample { run: Duration::from_micros(run_us), setup: Duration::from_micros(setup_us) }
    }

    #[test]
    fn runs_fill_a_sample() {
        assert_eq!(runs_for(0.01, 10, took(1000, 0)), 100);
        assert_eq!(runs_for(0.01, 10, took(1, 0)), 100, "no more than tenfold");
        assert_eq!(runs_for(0.01, 1, took(50_000, 0)), 1);
        assert_eq!(
            runs_for(0.01, u32::MAX, took(1, 0)),
            100_000_000,
            "a run takes at least 0.1 ns"
        );
    }

    #[test]
    fn costly_inputs_are_few() {
        assert_eq!(runs_for(0.01, 100, took(100, 0)), 1000);
        assert_eq!(runs_for(0.01, 100, took(100, 100_000)), 200);
    }
}

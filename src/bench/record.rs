//! What is kept of a run, and the comparison of two.

use std::path::Path;
use std::{fs, io};

use serde::{Deserialize, Serialize};

use super::stats::{self, Interval};

/// Number of the layout; a reader refuses others.
const FORMAT: u32 = 1;

/// One benchmark.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Measured {
    /// Its name.
    pub name: String,
    /// Median nanoseconds of one run of the body.
    pub median_ns: f64,
    /// Median absolute deviation of the samples, per run.
    pub mad_ns: f64,
    /// Where the true median lies, with a probability of 95 %.
    pub interval_ns: Interval,
    /// Samples that lie far from the others.
    pub outliers: usize,
    /// Runs in each sample.
    pub runs: u32,
    /// Whether nothing was compiled any more when it was measured.
    pub settled: bool,
    /// Nanoseconds per run, a number a sample, in the order in which they were taken.
    pub samples_ns: Vec<f64>,
}

impl Measured {
    /// Computes what follows from the samples.
    pub fn new(name: &str, runs: u32, samples_ns: Vec<f64>, settled: bool) -> Measured {
        Measured {
            name: name.to_owned(),
            median_ns: stats::median(&samples_ns),
            mad_ns: stats::mad(&samples_ns),
            interval_ns: stats::median_interval(&samples_ns),
            outliers: stats::outliers(&samples_ns),
            runs,
            settled,
            samples_ns,
        }
    }
}

/// The benchmarks of a program.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Record {
    format: u32,
    /// The version of gene.
    pub gene: String,
    /// When it was made, in UTC.
    pub created: String,
    /// The program, as it was named.
    pub program: String,
    /// The benchmarks in the order of the program.
    pub benchmarks: Vec<Measured>,
}

impl Record {
    /// A record of what has been measured now.
    pub fn new(program: &str, benchmarks: Vec<Measured>) -> Record {
        Record {
            format: FORMAT,
            gene: env!("CARGO_PKG_VERSION").to_owned(),
            created: jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            program: program.to_owned(),
            benchmarks,
        }
    }

    /// Writes it as JSON; directories are made.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn save(&self, path: &Path) -> io::Result<()> {
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        fs::write(path, text)
    }

    /// Reads one.
    ///
    /// # Errors
    ///
    /// A text that says why the file is none.
    pub fn load(path: &Path) -> Result<Record, String> {
        let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
        let record: Record = serde_json::from_str(&text).map_err(|e| format!("no record: {e}"))?;
        if record.format != FORMAT {
            return Err(format!("a record of format {}, not {FORMAT}", record.format));
        }
        if record.benchmarks.iter().any(|b| b.samples_ns.is_empty()) {
            return Err("a benchmark without samples".to_owned());
        }
        Ok(record)
    }

    /// The benchmark of that name.
    pub fn of(&self, name: &str) -> Option<&Measured> {
        self.benchmarks.iter().find(|b| b.name == name)
    }
}

/// What became of a benchmark.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// It takes less time, certainly.
    Faster,
    /// It takes more time, certainly.
    Slower,
    /// The difference is smaller than what can be told apart.
    WithinNoise,
}

/// A benchmark now and before.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Change {
    /// Time now divided by the time before.
    pub quotient: f64,
    /// Where the true quotient lies, with a probability of 95 %.
    pub interval: Interval,
    /// What that means.
    pub verdict: Verdict,
}

/// Compares two measurements of a benchmark. Differences below `noise` (0.05 for 5 %)
/// do not count, however narrow the intervals: two processes differ by that much for
/// reasons outside of the program. Nor do those below the deviations of the samples:
/// a machine that disturbs one measurement so much has hardly left the other alone.
pub fn compare(before: &Measured, now: &Measured, noise: f64) -> Change {
    let quotient = now.median_ns / before.median_ns.max(f64::MIN_POSITIVE);
    let interval = stats::quotient_interval(&before.samples_ns, &now.samples_ns);
    let deviation = |m: &Measured| m.mad_ns / m.median_ns.max(f64::MIN_POSITIVE);
    let least = noise.max(deviation(before) + deviation(now));
    let verdict = match () {
        () if interval.high < 1.0 && quotient < 1.0 - least => Verdict::Faster,
        () if interval.low > 1.0 && quotient > 1.0 + least => Verdict::Slower,
        () => Verdict::WithinNoise,
    };
    Change { quotient, interval, verdict }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn around(middle: f64, spread: f64) -> Measured {
        let mut random = fastrand::Rng::with_seed(middle as u64);
        let samples = (0..60).map(|_| middle + spread * (random.f64() - 0.5)).collect();
        Measured::new("a", 10, samples, true)
    }

    #[test]
    fn verdicts() {
        let verdict = |a, b| compare(&a, &b, 0.05).verdict;
        assert_eq!(verdict(around(100.0, 4.0), around(80.0, 4.0)), Verdict::Faster);
        assert_eq!(verdict(around(100.0, 4.0), around(120.0, 4.0)), Verdict::Slower);
        // Narrow, but small.
        assert_eq!(verdict(around(100.0, 0.1), around(102.0, 0.1)), Verdict::WithinNoise);
        // Large, but wide; far apart, but in leaps.
        let leaps = |low: f64| {
            Measured::new("a", 1, (0..60).map(|i| low + f64::from(i % 2) * 60.0).collect(), true)
        };
        assert_eq!(verdict(leaps(100.0), leaps(120.0)), Verdict::WithinNoise);
        assert_eq!(verdict(around(100.0, 300.0), around(110.0, 300.0)), Verdict::WithinNoise);
    }

    #[test]
    fn records_survive_a_file() {
        let record = Record::new("a.gene", vec![around(12.5, 1.0)]);
        let folder = std::env::temp_dir().join(format!("gene-bench-{}", std::process::id()));
        let path = folder.join("deep/record.json");
        record.save(&path).unwrap();
        assert_eq!(Record::load(&path).unwrap(), record);
        fs::write(&path, "{\"format\": 1}").unwrap();
        assert!(Record::load(&path).unwrap_err().starts_with("no record"));
        fs::remove_dir_all(&folder).unwrap();
        assert!(Record::load(&path).is_err());
    }
}

//! Two ways of running the same programs with the same gene, as pairs: what a mode or
//! a tool costs.
//!
//! The rounds are those of [`compare`](crate::compare) with two peers, so the two runs
//! of a pair follow each other, and take turns in going first. Each pair gives a ratio
//! of CPU times; the median of these is less disturbed by a machine that changes its
//! speed than the ratio of two medians.

use crate::gate::Verdict;
use crate::program::Program;
use crate::record::{ProgramResult, Record};
use crate::stats::{self, Quartiles};
use crate::table;

/// What a program has come to.
struct Row<'a> {
    program: &'a str,
    /// Median milliseconds of both ways.
    times_ms: [f64; 2],
    /// First way divided by second, over the pairs.
    ratios: Quartiles,
}

/// The programs in the sizes of a file beside them, such as `long`, without those that have
/// none; names say the size.
pub fn in_size(programs: &[Program], file: &str) -> Vec<Program> {
    programs
        .iter()
        .filter_map(|program| {
            let mut program = program.clone().in_size(file)?;
            program.name = format!("{} {}", program.name, program.size.as_deref().unwrap_or(""));
            Some(program)
        })
        .collect()
}

/// A table of a record with two peers, the first divided by the second, and which
/// programs are above a bar. A program that failed is above it.
pub fn judge(record: &Record, bar: f64) -> (String, Verdict) {
    let [first, second] = [0, 1].map(|i| record.peers.get(i).map_or("", |peer| &peer.name));
    let mut cells =
        vec![["program", first, second, "ratio", "middle half"].map(str::to_owned).to_vec()];
    let (mut ratios, mut misses) = (Vec::new(), Vec::new());
    for program in &record.programs {
        let Some(row) = Row::of(program, first, second) else {
            misses.push(format!("{}: failed", program.name));
            cells.push(vec![program.name.clone(), "FAILED".to_owned()]);
            continue;
        };
        ratios.push(row.ratios.median);
        if row.ratios.median > bar {
            misses
                .push(format!("{}: {:.3}, at most {bar} allowed", row.program, row.ratios.median));
        }
        cells.push(row.cells());
    }
    let mean = stats::geomean(&ratios).map_or("none".to_owned(), |mean| format!("{mean:.3}"));
    let summary = format!(
        "{first}/{second}: geometric mean {mean} over {} programs, {} above {bar}; rounds: {}",
        ratios.len(),
        misses.len(),
        record.rounds
    );
    (table::align(&cells), Verdict { summary, misses })
}

impl<'a> Row<'a> {
    /// `None` if one of the ways has failed or done nothing.
    fn of(program: &'a ProgramResult, first: &str, second: &str) -> Option<Row<'a>> {
        let (first, second) = (program.of(first)?, program.of(second)?);
        if first.failure.is_some() || second.failure.is_some() {
            return None;
        }
        let times = [first, second].map(|r| r.samples.iter().map(|s| s.cpu_ms()).collect());
        let [first, second]: [Vec<f64>; 2] = times;
        let pairs = first.iter().zip(&second).filter(|(_, b)| **b > 0.0);
        let ratios: Vec<f64> = pairs.map(|(a, b)| a / b).collect();
        Some(Row {
            program: &program.name,
            times_ms: [stats::median(&first)?, stats::median(&second)?],
            ratios: Quartiles::of(&ratios)?,
        })
    }

    fn cells(&self) -> Vec<String> {
        let Quartiles { lower, median, upper } = self.ratios;
        vec![
            self.program.to_owned(),
            format!("{:.1}", self.times_ms[0]),
            format!("{:.1}", self.times_ms[1]),
            format!("{median:.3}"),
            format!("{lower:.3}..{upper:.3}"),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Sample, sample_record};

    /// A record in which program `a` has these CPU milliseconds.
    fn record(first: &[f64], second: &[f64]) -> Record {
        let mut record = sample_record(&["on", "off"], &[("a", &[1.0, 1.0])]);
        for (result, times) in record.programs[0].results.iter_mut().zip([first, second]) {
            let sample = |ms: &f64| Sample { user_ms: *ms, ..result.samples[0] };
            result.samples = times.iter().map(sample).collect();
        }
        record
    }

    #[test]
    fn ratios_are_those_of_pairs() {
        // The machine was slow in the second round: ratios 1.1, 1.1 and 1.2, medians 1.2.
        let (text, verdict) = judge(&record(&[11.0, 110.0, 12.0], &[10.0, 100.0, 10.0]), 1.15);
        assert!(text.contains("1.100  1.100..1.150"), "{text}");
        assert!(verdict.misses.is_empty(), "{:?}", verdict.misses);
        let summary = "on/off: geometric mean 1.100 over 1 programs, 0 above 1.15; rounds: 3";
        assert_eq!(verdict.summary, summary);
    }

    #[test]
    fn what_is_above_the_bar_is_named() {
        let (_, verdict) = judge(&record(&[11.0, 11.0], &[10.0, 10.0]), 1.03);
        assert_eq!(verdict.misses, ["a: 1.100, at most 1.03 allowed"]);
    }

    #[test]
    fn a_failure_is_a_miss() {
        let mut record = record(&[1.0], &[1.0]);
        record.programs[0].results[1].failure = Some("stopped".to_owned());
        let (text, verdict) = judge(&record, 2.0);
        assert_eq!(verdict.misses, ["a: failed"]);
        assert!(text.contains("FAILED"), "{text}");
    }
}

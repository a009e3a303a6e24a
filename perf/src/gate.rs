//! Holds a record against bars that a release has to clear.

use anyhow::{Result, ensure};

use crate::record::{Measure, Record};

/// What is demanded of Gene's CPU time divided by a peer's.
pub struct Bars {
    pub against: String,
    /// For the geometric mean over the programs.
    pub geomean: Option<f64>,
    /// For each program.
    pub max: Option<f64>,
}

/// Whether the bars were cleared.
pub struct Verdict {
    pub summary: String,
    /// One line for each bar that was missed.
    pub misses: Vec<String>,
}

/// Compares a record with bars. Programs the peer has no version of do not
/// count; a program that failed in Gene or in the peer is a miss.
///
/// # Errors
///
/// The record has no Gene, not the peer, or no program that both ran.
pub fn judge(record: &Record, bars: &Bars) -> Result<Verdict> {
    let peer = bars.against.as_str();
    for name in ["gene", peer] {
        ensure!(record.peers.iter().any(|p| p.name == name), "the record has no {name}");
    }
    let ratios = record.ratios(Measure::Cpu, "gene", peer);
    let mut misses = failures(record, peer);
    ensure!(!ratios.is_empty() || !misses.is_empty(), "gene and {peer} have no program in common");
    if let Some(max) = bars.max {
        for (program, ratio) in ratios.iter().filter(|(_, ratio)| *ratio > max) {
            misses.push(format!("{program}: {ratio:.3} of {peer}, at most {max} allowed"));
        }
    }
    let geomean = record.geomean(Measure::Cpu, "gene", peer);
    if let (Some(limit), Some(geomean)) = (bars.geomean, geomean)
        && geomean > limit
    {
        misses.push(format!("geometric mean: {geomean:.3} of {peer}, at most {limit} allowed"));
    }
    let mean = geomean.map_or("none".to_owned(), |mean| format!("{mean:.3}"));
    let summary = format!("gene/{peer}: geometric mean {mean} over {} programs", ratios.len());
    Ok(Verdict { summary, misses })
}

fn failures(record: &Record, peer: &str) -> Vec<String> {
    let mut failures = Vec::new();
    for program in record.programs.iter().filter(|program| program.of(peer).is_some()) {
        for result in ["gene", peer].iter().filter_map(|name| program.of(name)) {
            if let Some(reason) = &result.failure {
                failures.push(format!("{}: {} failed, {reason}", program.name, result.peer));
            }
        }
    }
    failures
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::sample_record;

    fn record() -> Record {
        sample_record(&["gene", "lua"], &[("a", &[10.0, 20.0]), ("b", &[30.0, 20.0])])
    }

    fn bars(geomean: Option<f64>, max: Option<f64>) -> Bars {
        Bars { against: "lua".to_owned(), geomean, max }
    }

    #[test]
    fn cleared_bars() {
        let verdict = judge(&record(), &bars(Some(0.9), Some(1.5))).unwrap();
        assert!(verdict.misses.is_empty(), "{:?}", verdict.misses);
        assert_eq!(verdict.summary, "gene/lua: geometric mean 0.866 over 2 programs");
    }

    #[test]
    fn each_missed_bar_is_named() {
        let verdict = judge(&record(), &bars(Some(0.5), Some(1.0))).unwrap();
        assert_eq!(
            verdict.misses,
            [
                "b: 1.500 of lua, at most 1 allowed",
                "geometric mean: 0.866 of lua, at most 0.5 allowed"
            ]
        );
    }

    #[test]
    fn failed_programs_are_misses() {
        let mut record = record();
        record.programs[1].results[0].failure = Some("stopped".to_owned());
        let verdict = judge(&record, &bars(Some(2.0), None)).unwrap();
        assert_eq!(verdict.misses, ["b: gene failed, stopped"]);
    }

    #[test]
    fn peers_have_to_be_in_the_record() {
        let other = Bars { against: "node".to_owned(), geomean: None, max: Some(1.0) };
        assert!(judge(&record(), &other).is_err());
    }
}

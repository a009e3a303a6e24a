//! The results of a comparison, as kept in `perf/records` and read by the
//! reports.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use crate::stats::{self, Summary};

/// Number of the layout below; a reader refuses other ones.
pub const FORMAT: u32 = 1;

/// Everything that one `compare` found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    pub format: u32,
    /// When it was made, in UTC.
    pub created: String,
    pub rounds: usize,
    pub machine: Machine,
    /// In the order in which reports show them.
    pub peers: Vec<PeerInfo>,
    pub programs: Vec<ProgramResult>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    pub cpu: String,
    pub cores: usize,
    /// System, release and architecture.
    pub os: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PeerInfo {
    /// `gene`, `baseline`, `lua`, ...
    pub name: String,
    pub version: String,
    /// Options it was run with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub arguments: Vec<String>,
    /// The commit that a gene was built from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProgramResult {
    pub name: String,
    pub about: String,
    /// What the peers printed, by majority.
    pub output: Option<String>,
    /// One for each peer that has a version of the program.
    pub results: Vec<PeerResult>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PeerResult {
    pub peer: String,
    /// One a round; none of them counts if there is a failure.
    pub samples: Vec<Sample>,
    /// Why the peer has no result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

/// What one run used.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    pub user_ms: f64,
    pub system_ms: f64,
    pub wall_ms: f64,
    /// Most memory that was resident at once.
    pub rss_bytes: u64,
}

impl Sample {
    /// User and system time together.
    pub fn cpu_ms(&self) -> f64 {
        self.user_ms + self.system_ms
    }
}

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// User and system time, in milliseconds.
    Cpu,
    /// Time on the clock, in milliseconds.
    Wall,
    /// Most memory that was resident, in megabytes.
    Memory,
}

impl Measure {
    /// All of them, the most telling first.
    pub const ALL: [Measure; 3] = [Measure::Cpu, Measure::Wall, Measure::Memory];

    /// What it is called.
    pub fn title(self) -> &'static str {
        match self {
            Measure::Cpu => "CPU time",
            Measure::Wall => "Wall time",
            Measure::Memory => "Peak memory",
        }
    }

    /// What numbers of it are in.
    pub fn unit(self) -> &'static str {
        match self {
            Measure::Cpu | Measure::Wall => "ms",
            Measure::Memory => "MB",
        }
    }

    fn of(self, sample: &Sample) -> f64 {
        match self {
            Measure::Cpu => sample.cpu_ms(),
            Measure::Wall => sample.wall_ms,
            Measure::Memory => sample.rss_bytes as f64 / 1e6,
        }
    }
}

impl PeerResult {
    /// A measure over the rounds; `None` after a failure.
    pub fn summary(&self, measure: Measure) -> Option<Summary> {
        if self.failure.is_some() {
            return None;
        }
        Summary::of(&self.samples.iter().map(|s| measure.of(s)).collect::<Vec<_>>())
    }
}

impl ProgramResult {
    /// The result of a peer, if it has a version of the program.
    pub fn of(&self, peer: &str) -> Option<&PeerResult> {
        self.results.iter().find(|result| result.peer == peer)
    }

    /// Median of one peer divided by that of another.
    pub fn ratio(&self, measure: Measure, subject: &str, other: &str) -> Option<f64> {
        let subject = self.of(subject)?.summary(measure)?.median;
        let other = self.of(other)?.summary(measure)?.median;
        (other > 0.0).then(|| subject / other)
    }
}

impl Record {
    /// The peer that the others are held against: gene, or the first one.
    pub fn subject(&self) -> &str {
        let gene = self.peers.iter().find(|peer| peer.name == "gene");
        gene.or(self.peers.first()).map_or("gene", |peer| &peer.name)
    }

    /// Names of the other peers.
    pub fn others(&self) -> impl Iterator<Item = &str> {
        let subject = self.subject();
        self.peers.iter().map(|peer| peer.name.as_str()).filter(move |name| *name != subject)
    }

    /// The ratios of the programs that both peers completed, with their names.
    pub fn ratios(&self, measure: Measure, subject: &str, other: &str) -> Vec<(&str, f64)> {
        let ratio = |p: &ProgramResult| p.ratio(measure, subject, other);
        self.programs.iter().filter_map(|p| Some((p.name.as_str(), ratio(p)?))).collect()
    }

    /// The geometric mean of [`Record::ratios`].
    pub fn geomean(&self, measure: Measure, subject: &str, other: &str) -> Option<f64> {
        let ratios: Vec<f64> =
            self.ratios(measure, subject, other).iter().map(|(_, r)| *r).collect();
        stats::geomean(&ratios)
    }

    /// Every failure as `program, peer: reason`.
    pub fn failures(&self) -> Vec<String> {
        let mut failures = Vec::new();
        for program in &self.programs {
            for result in &program.results {
                if let Some(reason) = &result.failure {
                    failures.push(format!("{}, {}: {reason}", program.name, result.peer));
                }
            }
        }
        failures
    }

    /// Writes the record as JSON.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn save(&self, path: &Path) -> Result<()> {
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
    }

    /// Reads a record.
    ///
    /// # Errors
    ///
    /// The file cannot be read, is no record, or is one of another format.
    pub fn load(path: &Path) -> Result<Record> {
        let text =
            fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let record: Record = serde_json::from_str(&text)
            .with_context(|| format!("{} is not a record", path.display()))?;
        ensure!(
            record.format == FORMAT,
            "{} has format {}, expected {FORMAT}",
            path.display(),
            record.format
        );
        Ok(record)
    }
}

/// A record for tests: the CPU milliseconds of each peer, per program.
#[cfg(test)]
pub fn sample_record(peers: &[&str], programs: &[(&str, &[f64])]) -> Record {
    let sample =
        |ms: f64| Sample { user_ms: ms, system_ms: 0.0, wall_ms: ms * 1.5, rss_bytes: 3 << 20 };
    let info = |name: &&str| PeerInfo {
        name: (*name).to_owned(),
        version: format!("{name} 1.0"),
        arguments: Vec::new(),
        commit: None,
    };
    let program = |(name, times): &(&str, &[f64])| ProgramResult {
        name: (*name).to_owned(),
        about: "Does <something>.".to_owned(),
        output: Some("42".to_owned()),
        results: std::iter::zip(peers, *times)
            .map(|(peer, ms)| PeerResult {
                peer: (*peer).to_owned(),
                samples: vec![sample(*ms), sample(*ms * 1.1), sample(*ms * 0.9)],
                failure: None,
            })
            .collect(),
    };
    Record {
        format: FORMAT,
        created: "2026-01-02T03:04:05Z".to_owned(),
        rounds: 3,
        machine: Machine { cpu: "CPU & co".to_owned(), cores: 4, os: "Linux 6".to_owned() },
        peers: peers.iter().map(info).collect(),
        programs: programs.iter().map(program).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_round_trip() {
        let mut record = sample_record(&["gene", "lua"], &[("fib", &[10.5, 20.25])]);
        record.peers[0].commit = Some("abc1234-dirty".to_owned());
        record.peers[0].arguments = vec!["--jit=off".to_owned()];
        record.programs[0].results[1].failure = Some("exit status: 1: \"no\"".to_owned());
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("record.json");
        record.save(&path).unwrap();
        assert_eq!(Record::load(&path).unwrap(), record);
    }

    #[test]
    fn other_formats_are_refused() {
        let mut record = sample_record(&["gene"], &[]);
        record.format = FORMAT + 1;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("record.json");
        record.save(&path).unwrap();
        assert!(Record::load(&path).unwrap_err().to_string().contains("format"));
    }

    #[test]
    fn ratios_leave_out_what_failed() {
        let mut record = sample_record(
            &["gene", "lua"],
            &[("a", &[10.0, 20.0]), ("b", &[20.0, 10.0]), ("c", &[8.0, 1.0])],
        );
        record.programs[2].results[0].failure = Some("stopped".to_owned());
        assert_eq!(record.ratios(Measure::Cpu, "gene", "lua"), [("a", 0.5), ("b", 2.0)]);
        assert!((record.geomean(Measure::Cpu, "gene", "lua").unwrap() - 1.0).abs() < 1e-12);
        assert_eq!(record.failures(), ["c, gene: stopped"]);
        assert_eq!(record.geomean(Measure::Cpu, "gene", "node"), None);
    }

    #[test]
    fn the_first_peer_stands_in_for_gene() {
        assert_eq!(sample_record(&["lua", "gene"], &[]).subject(), "gene");
        assert_eq!(sample_record(&["lua", "node"], &[]).subject(), "lua");
    }
}

//! The comparison: rounds in which every peer runs every program once.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use jiff::Timestamp;

use crate::peer::Peer;
use crate::program::Program;
use crate::record::{FORMAT, PeerResult, ProgramResult, Record};
use crate::{agreement, machine, measure};

/// What to run and how often.
pub struct Plan {
    pub programs: Vec<Program>,
    pub peers: Vec<Peer>,
    pub rounds: usize,
    /// Limit for a single run.
    pub timeout: Duration,
}

/// A program and what its peers have done so far.
struct Entry<'a> {
    program: &'a Program,
    /// Parallel to the peers of the plan; `None` without a source.
    lanes: Vec<Option<Lane>>,
}

/// One peer on one program.
struct Lane {
    result: PeerResult,
    output: Option<String>,
}

/// Carries out a plan. Whatever fails is told at once and kept in the record;
/// that peer does not run that program again.
///
/// A round goes through all programs before the next begins, and the peers
/// take turns in going first. So a change of the machine's speed, or a peer
/// that heats it up, does not hit the same pair every time.
pub fn run(plan: &Plan) -> Record {
    let mut entries: Vec<Entry> =
        plan.programs.iter().map(|program| Entry::new(program, &plan.peers)).collect();
    let bar = progress_bar(plan, &entries);
    for round in 0..plan.rounds {
        for (position, entry) in entries.iter_mut().enumerate() {
            for peer in rotated(plan.peers.len(), round + position) {
                entry.measure(peer, plan, &bar);
            }
            if round == 0 {
                entry.report_mismatches(&bar);
            }
        }
    }
    bar.finish_and_clear();
    Record {
        format: FORMAT,
        created: Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        rounds: plan.rounds,
        machine: machine::describe(),
        peers: plan.peers.iter().map(|peer| peer.info.clone()).collect(),
        programs: entries.into_iter().map(Entry::finish).collect(),
    }
}

impl<'a> Entry<'a> {
    fn new(program: &'a Program, peers: &[Peer]) -> Self {
        let lane = |peer: &Peer| {
            program.source(peer.extension).map(|_| Lane {
                result: PeerResult {
                    peer: peer.info.name.clone(),
                    samples: Vec::new(),
                    failure: None,
                },
                output: None,
            })
        };
        Entry { program, lanes: peers.iter().map(lane).collect() }
    }

    fn measure(&mut self, peer: usize, plan: &Plan, bar: &ProgressBar) {
        let Some(lane) = &mut self.lanes[peer] else { return };
        bar.set_message(format!("{} {}", self.program.name, lane.result.peer));
        bar.inc(1);
        let Some(source) = self.program.source(plan.peers[peer].extension) else { return };
        if lane.result.failure.is_some() {
            return;
        }
        let failure = match measure::run(
            plan.peers[peer].command(&source, self.program.size.as_deref()),
            plan.timeout,
        ) {
            Ok(run) => {
                lane.result.samples.push(run.sample);
                let first = lane.output.get_or_insert_with(|| run.output.clone());
                (*first != run.output)
                    .then(|| format!("printed {:?} after {:?}", run.output.trim(), first.trim()))
            }
            Err(reason) => Some(reason),
        };
        if let Some(reason) = failure {
            lane.fail(self.program, reason, bar);
        }
    }

    /// Marks the peers that disagree with the majority as failed.
    fn report_mismatches(&mut self, bar: &ProgressBar) {
        for mismatch in agreement::check(&self.outputs()).1 {
            let lanes = self.lanes.iter_mut().flatten();
            for lane in lanes.filter(|lane| lane.result.peer == mismatch.peer) {
                lane.fail(self.program, mismatch.message.clone(), bar);
            }
        }
    }

    fn outputs(&self) -> Vec<(&str, &str)> {
        let lanes = self.lanes.iter().flatten();
        lanes
            .filter(|lane| lane.result.failure.is_none())
            .filter_map(|lane| Some((lane.result.peer.as_str(), lane.output.as_deref()?)))
            .collect()
    }

    fn finish(self) -> ProgramResult {
        ProgramResult {
            name: self.program.name.clone(),
            about: self.program.about.clone(),
            output: agreement::check(&self.outputs()).0,
            results: self.lanes.into_iter().flatten().map(|lane| lane.result).collect(),
        }
    }
}

impl Lane {
    fn fail(&mut self, program: &Program, reason: String, bar: &ProgressBar) {
        bar.suspend(|| eprintln!("ERROR {}, {}: {reason}", program.name, self.result.peer));
        self.result.failure = Some(reason);
    }
}

/// `0..count`, beginning with another one each time.
fn rotated(count: usize, by: usize) -> impl Iterator<Item = usize> {
    (0..count).map(move |i| (i + by) % count)
}

/// A bar on a terminal, nothing elsewhere.
fn progress_bar(plan: &Plan, entries: &[Entry]) -> ProgressBar {
    let lanes: usize = entries.iter().map(|entry| entry.lanes.iter().flatten().count()).sum();
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {eta:>4} {msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new((lanes * plan.rounds) as u64).with_style(style)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rotation_visits_everyone_once() {
        assert_eq!(rotated(3, 0).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(rotated(3, 4).collect::<Vec<_>>(), [1, 2, 0]);
        assert_eq!(rotated(0, 1).count(), 0);
    }
}

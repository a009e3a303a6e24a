//! The table that a person reads first.
#![forbid(unsafe_code)]

use std::fmt::Write;

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

use super::{Kind, Profile, quantity};

/// Functions that are listed, at most.
const LINES: usize = 20;
/// Shares below this are not listed, in percent.
const LEAST_PERCENT: f64 = 0.1;

/// What a function has taken, whoever ran it.
#[derive(Default)]
pub struct Share {
    /// Name.
    pub name: String,
    /// `file:line`, or empty.
    pub place: String,
    /// Weight of stacks in which it is the innermost.
    pub own: u64,
    /// Weight of stacks in which it is.
    pub total: u64,
    /// The total by kind.
    kinds: Vec<(Kind, u64)>,
}

impl Share {
    /// Who ran it: one word, with a percentage if others did too.
    fn kind(&self) -> String {
        let most = self.kinds.iter().max_by_key(|(_, weight)| *weight);
        let Some((kind, weight)) = most else { return String::new() };
        let all: u64 = self.kinds.iter().map(|(_, weight)| weight).sum();
        match (*weight as f64 * 100.0 / all.max(1) as f64).round() as u64 {
            100.. => kind.word().into(),
            percent => format!("{} {percent} %", kind.word()),
        }
    }
}

impl Profile {
    /// Functions by what they have taken themselves, the most first.
    pub fn shares(&self) -> Vec<Share> {
        let mut shares: Vec<Share> = Vec::new();
        let mut known: HashMap<(&str, String, bool), usize, FxBuildHasher> = HashMap::default();
        let index: Vec<usize> = self
            .functions
            .iter()
            .map(|function| {
                let apart = function.kind == Kind::Waiting;
                *known.entry((&function.name, function.place(), apart)).or_insert_with(|| {
                    let (name, place) = (function.name.clone(), function.place());
                    shares.push(Share { name, place, ..Share::default() });
                    shares.len() - 1
                })
            })
            .collect();
        let mut seen = Vec::new();
        for stack in &self.stacks {
            seen.clear();
            for (i, frame) in stack.frames.iter().rev().enumerate() {
                let (at, kind) = (index[frame.function], self.functions[frame.function].kind);
                let share = &mut shares[at];
                if i == 0 {
                    share.own += stack.weight;
                }
                if seen.contains(&at) {
                    continue;
                }
                seen.push(at);
                share.total += stack.weight;
                match share.kinds.iter_mut().find(|(k, _)| *k == kind) {
                    Some((_, weight)) => *weight += stack.weight,
                    None => share.kinds.push((kind, stack.weight)),
                }
            }
        }
        shares.sort_by(|a, b| (b.own, b.total, &a.name).cmp(&(a.own, a.total, &b.name)));
        shares
    }

    /// The table.
    pub fn summary(&self) -> String {
        let mut out = format!("{}\n", self.title());
        let total = self.total();
        if total == 0 {
            return out;
        }
        let percent = |weight: u64| weight as f64 * 100.0 / total as f64;
        let shares = self.shares();
        let listed: Vec<&Share> =
            shares.iter().filter(|s| percent(s.total) >= LEAST_PERCENT).take(LINES).collect();
        let width = |texts: &dyn Fn(&Share) -> usize| listed.iter().map(|s| texts(s)).max();
        let name = width(&|s| s.name.chars().count()).unwrap_or(0).clamp(8, 40);
        let kind = width(&|s| s.kind().len()).unwrap_or(0).max(4);
        let _ = writeln!(out, "   self   total  {:kind$}  {:name$}  place", "kind", "function");
        for share in &listed {
            let line = format!(
                "{:5.1} % {:5.1} %  {:kind$}  {:name$}  {}",
                percent(share.own),
                percent(share.total),
                share.kind(),
                share.name,
                share.place,
            );
            let _ = writeln!(out, "{}", line.trim_end());
        }
        if shares.len() > listed.len() {
            let _ = writeln!(out, "and {} functions more", shares.len() - listed.len());
        }
        if self.lost > 0 {
            let lost = quantity(self.unit, self.lost);
            let _ = writeln!(out, "{lost} are missing: samples came faster than they were read");
        }
        out
    }
}

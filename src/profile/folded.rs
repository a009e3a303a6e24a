//! Folded stacks: a line for each, its frames from the outermost on, separated by
//! semicolons, then a space and the weight. Brendan Gregg's `flamegraph.pl`, and many
//! others, read that.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;

use super::{Profile, Unit};

impl Profile {
    /// The lines; weights are microseconds or bytes.
    pub fn folded(&self) -> Vec<String> {
        let labels: Vec<String> =
            self.functions.iter().map(|f| f.label().replace(';', ",")).collect();
        let mut lines: BTreeMap<String, u64> = BTreeMap::new();
        for stack in &self.stacks {
            let labels: Vec<&str> =
                stack.frames.iter().map(|f| labels[f.function].as_str()).collect();
            *lines.entry(labels.join(";")).or_default() += stack.weight;
        }
        let divisor = match self.unit {
            Unit::Nanoseconds => 1000,
            Unit::Bytes => 1,
        };
        let lines = lines.into_iter().map(|(stack, weight)| (stack, weight / divisor));
        lines.filter(|(_, weight)| *weight > 0).map(|(s, w)| format!("{s} {w}")).collect()
    }
}

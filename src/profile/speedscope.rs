//! The file format of <https://www.speedscope.app>.
#![forbid(unsafe_code)]

use serde_json::{Value, json};

use super::{Profile, Unit};

impl Profile {
    /// The profile as JSON.
    pub fn speedscope(&self) -> Value {
        let frames: Vec<Value> = self
            .functions
            .iter()
            .map(|f| match f.line {
                0 => json!({ "name": format!("{} [{}]", f.name, f.kind.word()) }),
                line => json!({
                    "name": format!("{} [{}]", f.name, f.kind.word()),
                    "file": f.file,
                    "line": line,
                }),
            })
            .collect();
        let stacks = self.stacks.iter();
        let samples: Vec<Vec<usize>> =
            stacks.map(|s| s.frames.iter().map(|f| f.function).collect()).collect();
        let weights: Vec<u64> = self.stacks.iter().map(|s| s.weight).collect();
        let unit = match self.unit {
            Unit::Nanoseconds => "nanoseconds",
            Unit::Bytes => "bytes",
        };
        json!({
            "$schema": "https://www.speedscope.app/file-format-schema.json",
            "exporter": concat!("gene ", env!("CARGO_PKG_VERSION")),
            "name": self.title(),
            "activeProfileIndex": 0,
            "shared": { "frames": frames },
            "profiles": [{
                "type": "sampled",
                "name": self.program,
                "unit": unit,
                "startValue": 0,
                "endValue": self.total(),
                "samples": samples,
                "weights": weights,
            }],
        })
    }
}

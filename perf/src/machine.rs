//! What is known about the machine, for the record.

use std::ffi::OsStr;
use std::fs;
use std::process::{Command, Stdio};
use std::thread;

use crate::record::Machine;

/// Describes this machine; what cannot be found out is `unknown`.
pub fn describe() -> Machine {
    Machine {
        cpu: cpu_model().unwrap_or_else(unknown),
        cores: thread::available_parallelism().map_or(1, usize::from),
        os: answer("uname", &["-srm"]).unwrap_or_else(unknown),
    }
}

/// The first output of a command, trimmed; `None` if it cannot be run or
/// fails. Some programs print their version to stderr, so that counts too.
pub fn answer(program: impl AsRef<OsStr>, args: &[impl AsRef<OsStr>]) -> Option<String> {
    let output = Command::new(program).args(args).stdin(Stdio::null()).output().ok()?;
    if !output.status.success() {
        return None;
    }
    [output.stdout, output.stderr]
        .iter()
        .map(|bytes| String::from_utf8_lossy(bytes).trim().to_owned())
        .find(|text| !text.is_empty())
}

fn cpu_model() -> Option<String> {
    if let Ok(text) = fs::read_to_string("/proc/cpuinfo") {
        let line = text.lines().find(|line| line.starts_with("model name"))?;
        return Some(line.split_once(':')?.1.trim().to_owned());
    }
    answer("sysctl", &["-n", "machdep.cpu.brand_string"])
}

fn unknown() -> String {
    "unknown".to_owned()
}

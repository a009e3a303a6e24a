//! `cargo perf http`: an echo service in Gene and in Node under the load of wrk,
//! in interleaved rounds.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::stats::Summary;

/// What is measured.
pub struct Load {
    pub rounds: usize,
    pub seconds: u64,
    pub connections: u64,
}

/// One service during one round.
struct Sample {
    per_second: f64,
    requests: u64,
    /// Errors that wrk tells of: sockets, and answers that are no 2xx.
    failed: bool,
    resident_kb: u64,
}

/// A running service, ended when this is dropped.
struct Service(Child);

impl Drop for Service {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs the rounds; the table, and whether Gene lost requests or was slower.
pub fn run(gene: &Path, scripts: &Path, load: &Load) -> Result<(String, bool)> {
    let services = [("gene", gene, "echo.gene"), ("node", Path::new("node"), "echo.js")];
    let mut samples: [Vec<Sample>; 2] = Default::default();
    for round in 0..load.rounds {
        for turn in 0..services.len() {
            let which = (round + turn) % services.len();
            let (name, program, script) = services[which];
            let sample = measure(program, &scripts.join(script), scripts, load)
                .with_context(|| format!("{name}, round {}", round + 1))?;
            samples[which].push(sample);
        }
    }
    let mut table = String::new();
    let mut medians = Vec::new();
    for ((name, ..), samples) in services.iter().zip(&samples) {
        let speeds: Vec<f64> = samples.iter().map(|s| s.per_second).collect();
        let Some(speed) = Summary::of(&speeds) else { bail!("no rounds") };
        let requests: u64 = samples.iter().map(|s| s.requests).sum();
        let resident = samples.iter().map(|s| s.resident_kb).max().unwrap_or(0);
        let failed = samples.iter().filter(|s| s.failed).count();
        table += &format!(
            "{name:6} {:8.0} requests/s ({:.0}..{:.0})  {requests} requests, rounds with failures: \
             {failed}, resident at most {resident} kB\n",
            speed.median, speed.min, speed.max
        );
        medians.push(speed.median);
    }
    let ratio = medians[0] / medians[1];
    table += &format!("gene / node: {ratio:.2}\n");
    let missed = ratio < 1.0 || samples[0].iter().any(|s| s.failed);
    Ok((table, missed))
}

fn measure(program: &Path, script: &Path, scripts: &Path, load: &Load) -> Result<Sample> {
    let child = Command::new(program).arg(script).stdout(Stdio::piped()).spawn();
    let mut service = Service(child.with_context(|| format!("cannot run {}", program.display()))?);
    let mut port = String::new();
    let output = service.0.stdout.take().context("no output")?;
    BufReader::new(output).read_line(&mut port)?;
    let wrk = Command::new("wrk")
        .args(["-t1", &format!("-c{}", load.connections), &format!("-d{}", load.seconds), "-s"])
        .arg(scripts.join("post.lua"))
        .arg(format!("http://127.0.0.1:{}/", port.trim()))
        .output()
        .context("cannot run wrk")?;
    let report = String::from_utf8_lossy(&wrk.stdout).into_owned();
    let status = fs::read_to_string(format!("/proc/{}/status", service.0.id()))?;
    let figure = |text: &str, words: &str| {
        let line = text.lines().find(|line| line.contains(words))?;
        line.replace(words, " ").split_whitespace().next()?.parse::<f64>().ok()
    };
    Ok(Sample {
        per_second: figure(&report, "Requests/sec:").context("wrk gives no figure")?,
        requests: figure(&report, " requests in").unwrap_or(0.0) as u64,
        failed: report.contains("Socket errors") || report.contains("Non-2xx"),
        resident_kb: figure(&status, "VmRSS:").unwrap_or(0.0) as u64,
    })
}

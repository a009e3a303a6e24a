//! One run: a child process, its output and what it used.

use std::io::Read;
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use wait4::Wait4;

use crate::record::Sample;

/// A run that ended well.
pub struct Run {
    pub sample: Sample,
    /// Standard output.
    pub output: String,
}

/// Runs a command to its end, or for at most `timeout`.
///
/// The CPU time is that of this child alone (and of children it waited for),
/// as the kernel counts it, so other programs on the machine disturb it less
/// than they disturb the wall time. The peak memory cannot be less than that of
/// this process, which the kernel counts until the child has replaced its
/// image; so keep this process small.
///
/// # Errors
///
/// A text that says why the run does not count: the command cannot be
/// started, ran out of time, or ended with a failure.
pub fn run(mut command: Command, timeout: Duration) -> Result<Run, String> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let started = Instant::now();
    let mut child = command.spawn().map_err(|e| format!("cannot be started: {e}"))?;
    let output = drain(child.stdout.take());
    let errors = drain(child.stderr.take());
    // The pipe closes when the child ends, so waiting for its end of file with
    // a limit is waiting for the child with a limit, without polling.
    let output = match output.recv_timeout(timeout) {
        Ok(bytes) => bytes,
        Err(_) => {
            child.kill().and_then(|()| child.wait()).map_err(|e| e.to_string())?;
            return Err(format!("stopped after {} s", timeout.as_secs_f64()));
        }
    };
    let used = child.wait4().map_err(|e| format!("cannot be waited for: {e}"))?;
    let wall = started.elapsed();
    if !used.status.success() {
        let errors = errors.recv_timeout(Duration::from_secs(1)).unwrap_or_default();
        let first = String::from_utf8_lossy(&errors).lines().next().unwrap_or_default().to_owned();
        return Err(format!("{}: {first}", used.status));
    }
    Ok(Run {
        sample: Sample {
            user_ms: milliseconds(used.rusage.utime),
            system_ms: milliseconds(used.rusage.stime),
            wall_ms: milliseconds(wall),
            rss_bytes: used.rusage.maxrss,
        },
        output: String::from_utf8_lossy(&output).into_owned(),
    })
}

/// Reads a pipe to its end on a thread, so that a full pipe never blocks the
/// child.
fn drain(pipe: Option<impl Read + Send + 'static>) -> Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    if let Some(mut pipe) = pipe {
        thread::spawn(move || {
            let mut bytes = Vec::new();
            // An unreadable pipe shows as wrong output; nothing more is known.
            let _ = pipe.read_to_end(&mut bytes);
            let _ = sender.send(bytes);
        });
    }
    receiver
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    const LIMIT: Duration = Duration::from_secs(20);

    #[test]
    fn output_and_usage_are_those_of_the_child() {
        let run = run(shell("echo hello"), LIMIT).unwrap();
        assert_eq!(run.output, "hello\n");
        assert!(run.sample.rss_bytes > 0);
        assert!(run.sample.wall_ms > 0.0);
    }

    #[test]
    fn failures_carry_the_first_line_of_stderr() {
        let error = run(shell("echo broken >&2; exit 3"), LIMIT).err().unwrap();
        assert!(error.contains('3') && error.contains("broken"), "{error}");
    }

    #[test]
    fn a_run_that_takes_too_long_is_stopped() {
        let started = Instant::now();
        let error = run(shell("exec sleep 60"), Duration::from_millis(50)).err().unwrap();
        assert!(error.contains("stopped"), "{error}");
        assert!(started.elapsed() < Duration::from_secs(20));
    }
}

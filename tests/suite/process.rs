//! Running the built binary with a time limit, and judging what came out.

use std::{
    ffi::OsStr,
    io::{Read, Write},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use libtest_mimic::Failed;
use wait_timeout::ChildExt;

/// What a program may write before the rest of it is dropped: enough for any
/// honest test, little enough that an endless printer cannot fill the memory.
const OUTPUT_LIMIT_BYTES: u64 = 64 << 20;

/// The memory a tested program may allocate, in KiB (`ulimit -d`). One that
/// asks for more dies instead of taking the machine with it.
const DATA_LIMIT_KIB: u64 = 6 << 20;

/// One run of the `gene` binary.
pub struct Run {
    command: Command,
    stdin: Vec<u8>,
    limit: Duration,
}

/// What a finished run left behind.
pub struct Outcome {
    pub stdout: String,
    pub stderr: String,
    /// `None` if a signal ended the program.
    pub code: Option<i32>,
    /// Whether the program had to be killed at the time limit.
    pub timed_out: bool,
    pub elapsed: Duration,
}

impl Run {
    /// A run with these arguments, in the directory of the package.
    pub fn new<I: AsRef<OsStr>>(arguments: impl IntoIterator<Item = I>) -> Self {
        let mut command = limited_command();
        command
            .args(arguments)
            .current_dir(super::root())
            .env_remove("RUST_BACKTRACE")
            .env("NO_COLOR", "1")
            .env("TZ", "UTC")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Self { command, stdin: Vec::new(), limit: Duration::from_secs(30) }
    }

    pub fn current_dir(mut self, folder: &Path) -> Self {
        self.command.current_dir(folder);
        self
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    pub fn stdin(mut self, text: impl Into<Vec<u8>>) -> Self {
        self.stdin = text.into();
        self
    }

    /// The time after which the program is killed; 30 s unless set.
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Runs to the end or to the time limit.
    pub fn finish(mut self) -> Result<Outcome, Failed> {
        self.limit *= patience();
        let started = Instant::now();
        let mut child = self.command.spawn().map_err(|error| format!("cannot start: {error}"))?;
        let stdout = collect(child.stdout.take());
        let stderr = collect(child.stderr.take());
        let mut input = child.stdin.take();
        let text = std::mem::take(&mut self.stdin);
        // A program that does not read its input closes the pipe early.
        let writer = thread::spawn(move || {
            input.take().map(|mut pipe| pipe.write_all(&text));
        });

        let status = child.wait_timeout(self.limit).map_err(|error| error.to_string())?;
        let elapsed = started.elapsed();
        let timed_out = status.is_none();
        let status = match status {
            Some(status) => status,
            None => {
                kill_with_descendants(&mut child);
                child.wait().map_err(|error| error.to_string())?
            }
        };
        let _ = writer.join();
        Ok(Outcome {
            stdout: stdout.join().unwrap_or_default(),
            stderr: stderr.join().unwrap_or_default(),
            code: status.code(),
            timed_out,
            elapsed,
        })
    }
}

impl Outcome {
    /// Fails if the program hung, panicked or was ended by a signal: that is
    /// never the answer to any input.
    pub fn survived(&self) -> Result<&Self, Failed> {
        if self.timed_out {
            return self.fail("did not end within the time limit");
        }
        if self.stderr.contains("panicked at") || self.code == Some(101) {
            return self.fail("panicked");
        }
        match self.code {
            // `gene run` says that the user interrupted it.
            Some(130) => Ok(self),
            None | Some(128..) => self.fail("was ended by a signal"),
            Some(_) => Ok(self),
        }
    }

    pub fn expect_code(&self, code: i32) -> Result<&Self, Failed> {
        self.survived()?;
        if self.code != Some(code) {
            return self.fail(&format!("the exit code should be {code}"));
        }
        Ok(self)
    }

    pub fn expect_stdout(&self, expected: &str) -> Result<&Self, Failed> {
        if self.stdout == expected {
            return Ok(self);
        }
        self.fail(&format!("stdout differs:\n{}", difference(expected, &self.stdout)))
    }

    pub fn expect_stdout_contains(&self, fragment: &str) -> Result<&Self, Failed> {
        if self.stdout.contains(fragment) {
            return Ok(self);
        }
        self.fail(&format!("stdout should contain {fragment:?}:\n{}", excerpt(&self.stdout)))
    }

    pub fn expect_stderr_contains(&self, fragment: &str) -> Result<&Self, Failed> {
        if self.stderr.contains(fragment) {
            return Ok(self);
        }
        self.fail(&format!("stderr should contain {fragment:?}"))
    }

    /// Whether the report begins with the line that chapter 10.5 describes.
    /// Only warnings may come before it.
    pub fn expect_diagnostic(&self) -> Result<&Self, Failed> {
        let first = self.stderr.lines().find(|line| !line.starts_with("Warning: "));
        if first.is_some_and(|line| line.starts_with("Error: ")) {
            return Ok(self);
        }
        self.fail("the first line of stderr should begin with `Error: `")
    }

    /// A failure with this reason and the facts that explain it.
    pub fn fail<T>(&self, reason: &str) -> Result<T, Failed> {
        let code = self.code.map_or("none".into(), |code| code.to_string());
        Err(format!(
            "{reason}\nexit code {code} after {:.2} s\nstderr:\n{}",
            self.elapsed.as_secs_f64(),
            excerpt(&self.stderr),
        )
        .into())
    }
}

/// How much longer everything may take, as `GENE_TEST_PATIENCE` says: a
/// sanitizer slows programs down.
fn patience() -> u32 {
    std::env::var("GENE_TEST_PATIENCE").ok().and_then(|text| text.parse().ok()).unwrap_or(1)
}

/// Kills a program and whatever it started, which would otherwise keep the
/// pipes open. An error means that they ended by themselves meanwhile.
fn kill_with_descendants(child: &mut Child) {
    if cfg!(unix) {
        let group = format!("-{}", child.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).stderr(Stdio::null()).status();
    }
    let _ = child.kill();
}

/// The words that run `gene`, for a shell: the built binary, or what `GENE_TEST_COMMAND`
/// says, such as an emulator and a binary for another processor.
pub fn gene() -> String {
    let built = || format!("'{}'", env!("CARGO_BIN_EXE_gene"));
    std::env::var("GENE_TEST_COMMAND").unwrap_or_else(|_| built())
}

/// `gene` behind a shell that limits its memory where there is one. A
/// sanitizer reserves more than any limit: `tests/sanitize.sh` lifts it.
fn limited_command() -> Command {
    if !cfg!(unix) {
        return Command::new(env!("CARGO_BIN_EXE_gene"));
    }
    let limit = match std::env::var_os("GENE_TEST_NO_LIMIT") {
        Some(_) => String::new(),
        None => format!("ulimit -d {DATA_LIMIT_KIB} 2>/dev/null; "),
    };
    let mut command = Command::new("sh");
    command.arg("-c").arg(format!("{limit}exec {} \"$@\"", gene())).arg("gene");
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    command
}

/// Reads a pipe to its end on a thread of its own, so that neither pipe can
/// block the program, and keeps the beginning.
fn collect(pipe: Option<impl Read + Send + 'static>) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let Some(mut pipe) = pipe else { return String::new() };
        let mut kept = Vec::new();
        // A pipe that breaks has nothing more to give.
        let _ = pipe.by_ref().take(OUTPUT_LIMIT_BYTES).read_to_end(&mut kept);
        let _ = std::io::copy(&mut pipe, &mut std::io::sink());
        String::from_utf8_lossy(&kept).into_owned()
    })
}

/// The first line in which two texts differ, with its number.
pub fn difference(expected: &str, actual: &str) -> String {
    let mut expected_lines = expected.split('\n');
    let mut actual_lines = actual.split('\n');
    for number in 1.. {
        match (expected_lines.next(), actual_lines.next()) {
            (None, None) => break,
            (left, right) if left == right => {}
            (left, right) => {
                let show = |line: Option<&str>| line.map_or("(end)".into(), excerpt);
                return format!(
                    "line {number}\n  expected: {}\n  actual:   {}",
                    show(left),
                    show(right)
                );
            }
        }
    }
    "(nothing)".into()
}

/// The beginning of a text that may be megabytes long.
fn excerpt(text: &str) -> String {
    const SHOWN_BYTES: usize = 1500;
    match text.char_indices().nth(SHOWN_BYTES) {
        Some((end, _)) => format!("{} ... ({} bytes)", &text[..end], text.len()),
        None => text.to_owned(),
    }
}

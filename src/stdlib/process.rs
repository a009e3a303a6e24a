//! Programs that run beside ours: `system/Process` (13.6).
//!
//! Threads move the data between the pipes and buffers, so that a program that
//! does not read or write cannot block this one for longer than a timeout.

use std::cell::{Cell, RefCell};
use std::io::{self, Read, Write};
use std::process::Stdio;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use shared_child::SharedChild;
use shared_child::unix::SharedChildExt;

use super::files::io_error;
use super::system::{command, exit_code};
use super::*;
use crate::heap::Heap;
use crate::object::foreign::{Foreign, ForeignData, foreign};
use crate::object::{Map, misc, string};

pub(super) fn install(vm: &mut Vm) {
    let class = vm.make_class("Process", ClassName::Object);
    vm.define_in("system/Process", class.value());
    class_methods(vm, class, METHODS);
    for (name, count, function) in TIMED {
        let native = vm.native_kw(name, *count, *count, *function);
        class.add_method(&mut vm.heap, Symbol::intern(name), native);
    }
    let start = vm.native_kw("start", 1, ANY, start);
    class.members.set(&mut vm.heap, Symbol::intern("start"), start);
    let ctor = vm.native("ctor", 0, ANY, |vm, _| {
        Err(vm.type_error("system/Process cannot be created with new: use system/Process/start"))
    });
    class.ctor.set(ctor);
    vm.heap.barrier(class);
}

const METHODS: &Natives = &[
    (&["write"], 1, 1, |vm, args| write(vm, args, "")),
    (&["write_line"], 1, 1, |vm, args| write(vm, args, "\n")),
    (&["close_stdin"], 0, 0, close_stdin),
    (&["read_available"], 0, 0, read_available),
    (&["alive?"], 0, 0, is_alive),
    (&["signal"], 1, 1, signal),
];

/// Methods with a `^timeout`, and how many arguments they take besides.
const TIMED: &[(&str, u16, NativeFn)] = &[
    ("read_line", 0, read_line),
    ("read_until", 1, read_until),
    ("read_stderr", 0, read_stderr),
    ("wait", 0, wait),
    ("shutdown", 0, shutdown),
];

// ---- pipes ---------------------------------------------------------------

/// What a program has written and nobody has read yet.
#[derive(Default)]
struct Pipe {
    state: Mutex<PipeState>,
    changed: Condvar,
}

#[derive(Default)]
struct PipeState {
    bytes: Vec<u8>,
    ended: bool,
}

impl Pipe {
    /// Collects what comes from `source` on a thread of its own.
    fn start(mut source: impl Read + Send + 'static) -> io::Result<Arc<Pipe>> {
        let pipe = Arc::new(Pipe::default());
        let filled = pipe.clone();
        start_thread(move || {
            let mut chunk = [0; 8192];
            loop {
                let read = match source.read(&mut chunk) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    other => other.unwrap_or(0),
                };
                let mut state = filled.lock();
                state.bytes.extend_from_slice(&chunk[..read]);
                state.ended = read == 0;
                filled.changed.notify_all();
                if read == 0 {
                    return;
                }
            }
        })?;
        Ok(pipe)
    }

    fn lock(&self) -> MutexGuard<'_, PipeState> {
        // Whoever panicked left complete bytes behind.
        self.state.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// Waits until `ready` says how many bytes to take, given the bytes and
    /// whether they are the last ones. `None` after the timeout.
    fn take(
        &self,
        timeout: Option<Duration>,
        ready: impl Fn(&[u8], bool) -> Option<usize>,
    ) -> Option<String> {
        let deadline = timeout.and_then(|t| Instant::now().checked_add(t));
        let mut state = self.lock();
        loop {
            if let Some(count) = ready(&state.bytes, state.ended) {
                let rest = state.bytes.split_off(count);
                let taken = std::mem::replace(&mut state.bytes, rest);
                return Some(String::from_utf8_lossy(&taken).into_owned());
            }
            if state.ended {
                return None;
            }
            state = match deadline {
                None => self.changed.wait(state).unwrap_or_else(|e| e.into_inner()),
                Some(deadline) => {
                    let left = deadline.checked_duration_since(Instant::now())?;
                    let waited = self.changed.wait_timeout(state, left);
                    waited.unwrap_or_else(|e| e.into_inner()).0
                }
            };
        }
    }
}

/// Number of bytes that are whole characters.
fn whole_chars(bytes: &[u8]) -> usize {
    match std::str::from_utf8(bytes) {
        Err(error) if error.error_len().is_none() => error.valid_up_to(),
        _ => bytes.len(),
    }
}

// ---- processes -----------------------------------------------------------

struct Process {
    child: SharedChild,
    /// Texts for its standard input; `None` once that is closed.
    stdin: RefCell<Option<Sender<String>>>,
    stdout: Arc<Pipe>,
    /// `None` if it goes to `stdout`.
    stderr: Option<Arc<Pipe>>,
    code: Cell<Option<i64>>,
}

impl Process {
    /// The exit code, if it has ended.
    fn poll(&self) -> Option<i64> {
        if self.code.get().is_none() {
            let status = self.child.try_wait().ok().flatten();
            self.code.set(status.map(exit_code));
        }
        self.code.get()
    }

    fn wait(&self, timeout: Option<Duration>) -> Option<i64> {
        if self.poll().is_none() {
            let status = match timeout {
                Some(timeout) => self.child.wait_timeout(timeout),
                None => self.child.wait().map(Some),
            };
            self.code.set(status.ok().flatten().map(exit_code));
        }
        self.code.get()
    }

    /// Sends a signal; a process that has ended gets none.
    fn signal(&self, signal: i32) {
        if self.poll().is_none() {
            // The only failure is that it has ended since.
            let _ = self.child.send_signal(signal);
        }
    }
}

impl ForeignData for Process {
    fn class(&self) -> &'static str {
        "Process"
    }

    fn member(&self, heap: &mut Heap, name: Symbol) -> Option<Value> {
        match name.as_str() {
            "pid" => Some(BoxedInt::int(heap, i64::from(self.child.id()))),
            "exit_code" => Some(self.poll().map_or(Value::NIL, |code| BoxedInt::int(heap, code))),
            _ => None,
        }
    }
}

fn start(vm: &mut Vm, args: Args) -> Outcome {
    let keywords = vm.keywords_of(&["cwd", "env", "stderr_to_stdout"])?;
    let option = |name: &str| keywords.and_then(|k| k.get(Symbol::intern(name)));
    let program = vm.str_arg(args, 0)?.to_owned();
    let mut command = command(vm, &program);
    command.args(args.iter().skip(1).map(|a| vm.display_text(a)));
    if let Some(path) = option("cwd").filter(|p| !p.is_nil()) {
        let Some(path) = string::text_of(path) else {
            return Err(vm.arg_error("start expects a string as ^cwd"));
        };
        command.current_dir(path);
    }
    if let Some(env) = option("env").filter(|e| !e.is_nil()) {
        let Some(env) = Gc::<Map>::from_value(env) else {
            return Err(vm.arg_error("start expects a map as ^env"));
        };
        command.envs(env.entries().into_iter().map(|(k, v)| (k.as_str(), vm.display_text(v))));
    }
    vm.flush();
    let merged = option("stderr_to_stdout").is_some_and(Value::is_truthy);
    match spawn(command, merged) {
        Ok(process) => Ok(Foreign::new(&mut vm.heap, process).value()),
        Err(error) => Err(io_error(vm, "start process", &program, &error)),
    }
}

fn spawn(mut command: std::process::Command, merged: bool) -> io::Result<Process> {
    let (output, writer) = io::pipe()?;
    command.stdin(Stdio::piped());
    match merged {
        true => command.stderr(writer.try_clone()?),
        false => command.stderr(Stdio::piped()),
    };
    command.stdout(writer);
    let child = SharedChild::spawn(&mut command)?;
    // Our ends for writing would keep the pipe open.
    drop(command);
    let connected = connect(&child, output);
    if connected.is_err() {
        // It may have ended by itself.
        let _ = child.kill();
        let _ = child.wait();
    }
    let (stdin, stdout, stderr) = connected?;
    Ok(Process { stdin: RefCell::new(Some(stdin)), stdout, stderr, code: Cell::new(None), child })
}

/// What writes to a program, and what it writes: its output and its errors.
type Connections = (Sender<String>, Arc<Pipe>, Option<Arc<Pipe>>);

/// Starts what writes to the program and reads from it.
fn connect(child: &SharedChild, output: io::PipeReader) -> io::Result<Connections> {
    let (sender, texts) = channel::<String>();
    if let Some(mut stdin) = child.take_stdin() {
        start_thread(move || {
            for text in texts {
                if stdin.write_all(text.as_bytes()).and_then(|()| stdin.flush()).is_err() {
                    return;
                }
            }
        })?;
    }
    let stderr = child.take_stderr().map(Pipe::start).transpose()?;
    Ok((sender, Pipe::start(output)?, stderr))
}

/// A thread that only copies bytes.
fn start_thread(work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    const STACK_BYTES: usize = 128 << 10;
    thread::Builder::new().name("pipe".into()).stack_size(STACK_BYTES).spawn(work).map(drop)
}

fn this_process<'a>(vm: &mut Vm, args: Args) -> Result<&'a Process, Throw> {
    foreign::<Process>(args.this()).ok_or_else(|| wrong_receiver(vm, args))
}

/// The `^timeout` in seconds; `None` waits for ever.
fn timeout(vm: &mut Vm, args: Args) -> Result<Option<Duration>, Throw> {
    let value = vm.keyword("timeout")?;
    let seconds = value.and_then(|v| v.as_float().or(misc::int_of(v).map(|i| i as f64)));
    match seconds {
        Some(seconds) => Ok(Duration::try_from_secs_f64(seconds.max(0.0)).ok()),
        None => {
            let name = native_name(args);
            Err(vm.arg_error(format!("{name} requires ^timeout in seconds")))
        }
    }
}

fn optional_text(vm: &mut Vm, value: Option<String>) -> Outcome {
    Ok(value.map_or(Value::NIL, |t| text(vm, &t)))
}

fn optional_code(vm: &mut Vm, code: Option<i64>) -> Outcome {
    Ok(code.map_or(Value::NIL, |c| int(vm, c)))
}

fn write(vm: &mut Vm, args: Args, end: &str) -> Outcome {
    let process = this_process(vm, args)?;
    let line = vm.display(args.get(0)) + end;
    let sent = process.stdin.borrow().as_ref().is_some_and(|stdin| stdin.send(line).is_ok());
    match sent {
        true => Ok(Value::NIL),
        false => {
            let message = "Failed to write to process: its standard input is closed";
            Err(vm.error(ClassName::IOError, "GENE.IO.ERROR", message))
        }
    }
}

fn close_stdin(vm: &mut Vm, args: Args) -> Outcome {
    *this_process(vm, args)?.stdin.borrow_mut() = None;
    Ok(Value::NIL)
}

fn read_line(vm: &mut Vm, args: Args) -> Outcome {
    let timeout = timeout(vm, args)?;
    let line = this_process(vm, args)?.stdout.take(timeout, |bytes, ended| {
        let rest = || (ended && !bytes.is_empty()).then_some(bytes.len());
        bytes.iter().position(|b| *b == b'\n').map(|at| at + 1).or_else(rest)
    });
    optional_text(vm, line.map(|l| output::without_break(&l).to_owned()))
}

fn read_until(vm: &mut Vm, args: Args) -> Outcome {
    let timeout = timeout(vm, args)?;
    let wanted = vm.str_arg(args, 0)?.as_bytes();
    let found = this_process(vm, args)?.stdout.take(timeout, |bytes, _| {
        let mut places = 0..(bytes.len() + 1).saturating_sub(wanted.len());
        places.find(|at| bytes[*at..].starts_with(wanted)).map(|at| at + wanted.len())
    });
    optional_text(vm, found)
}

fn read_available(vm: &mut Vm, args: Args) -> Outcome {
    let available = this_process(vm, args)?.stdout.take(Some(Duration::ZERO), |bytes, ended| {
        Some(if ended { bytes.len() } else { whole_chars(bytes) })
    });
    Ok(text(vm, &available.unwrap_or_default()))
}

fn read_stderr(vm: &mut Vm, args: Args) -> Outcome {
    let timeout = timeout(vm, args)?;
    let Some(stderr) = &this_process(vm, args)?.stderr else {
        let message = "Failed to read from stderr: it is merged into stdout";
        return Err(vm.error(ClassName::IOError, "GENE.IO.ERROR", message));
    };
    let read = stderr.take(timeout, |bytes, ended| match whole_chars(bytes) {
        _ if ended => Some(bytes.len()),
        0 => None,
        count => Some(count),
    });
    Ok(text(vm, &read.unwrap_or_default()))
}

fn wait(vm: &mut Vm, args: Args) -> Outcome {
    let timeout = timeout(vm, args)?;
    let code = this_process(vm, args)?.wait(timeout);
    optional_code(vm, code)
}

fn is_alive(vm: &mut Vm, args: Args) -> Outcome {
    Ok(Value::bool(this_process(vm, args)?.poll().is_none()))
}

fn signal(vm: &mut Vm, args: Args) -> Outcome {
    let process = this_process(vm, args)?;
    let name = vm.name_arg(args, 0)?;
    let signal = match name.as_str() {
        "INT" => libc::SIGINT,
        "TERM" => libc::SIGTERM,
        "KILL" => libc::SIGKILL,
        other => return Err(vm.arg_error(format!("signal: {other} is not INT, TERM or KILL"))),
    };
    process.signal(signal);
    Ok(Value::NIL)
}

/// Asks the process to end, ever more firmly.
fn shutdown(vm: &mut Vm, args: Args) -> Outcome {
    let half = timeout(vm, args)?.map(|t| t / 2);
    let process = this_process(vm, args)?;
    *process.stdin.borrow_mut() = None;
    for signal in [libc::SIGTERM, libc::SIGKILL] {
        if process.wait(half).is_none() {
            process.signal(signal);
        }
    }
    let code = process.wait(None);
    optional_code(vm, code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_killed_process_has_a_code() {
        let mut command = std::process::Command::new("sh");
        command.args(["-c", "echo 1; echo 2 >&2; exec sleep 30"]);
        let process = spawn(command, true).expect("there is a shell");
        let second = Some(Duration::from_secs(10));
        let both = process.stdout.take(second, |bytes, _| (bytes.len() == 4).then_some(4));
        assert_eq!(both.as_deref(), Some("1\n2\n"));
        assert_eq!(process.wait(Some(Duration::ZERO)), None);
        process.signal(libc::SIGKILL);
        assert_eq!(process.wait(second), Some(137));
        assert_eq!(process.stdout.take(second, |_, _| None), None);
    }

    #[test]
    fn characters_are_not_torn() {
        assert_eq!(whole_chars("aä".as_bytes()), 3);
        assert_eq!(whole_chars(&"aä".as_bytes()[..2]), 1);
        assert_eq!(whole_chars(&[b'a', 0xff]), 2);
    }
}

//! Standard streams and the end of the process (13.1).

use std::cell::Cell;
use std::io::{self, BufRead, IsTerminal, Read, Write};
use std::sync::OnceLock;

use super::*;
use crate::object::foreign::{Foreign, ForeignData, foreign};

pub(super) fn install(vm: &mut Vm) {
    for (name, function) in [("print", print as NativeFn), ("println", println)] {
        vm.define_kw(name, 0, ANY, function);
        let native = vm.builtins[&Symbol::intern(name)];
        vm.define_in(&format!("gene/{name}"), native);
    }
    functions(vm, FUNCTIONS);
    let class = vm.make_class("Stream", ClassName::Object);
    class_methods(vm, class, METHODS);
    for (name, stream) in
        [("stdin", Stream::Input), ("stdout", Stream::Output), ("stderr", Stream::Error)]
    {
        let handle = Foreign::new(&mut vm.heap, stream).value();
        vm.define_value(name, handle);
    }
}

const FUNCTIONS: &Natives = &[
    (&["flush"], 0, 1, flush),
    (&["readline"], 0, 0, |vm, _| read_line(vm)),
    (&["exit"], 0, 1, exit),
];

const METHODS: &Natives = &[
    (&["read"], 0, 0, handle_read),
    (&["read_line"], 0, 0, handle_read_line),
    (&["write"], 1, 1, |vm, args| handle_write(vm, args, "")),
    (&["write_line"], 1, 1, |vm, args| handle_write(vm, args, "\n")),
    (&["flush"], 0, 0, |vm, args| flush_stream(vm, args, args.this())),
    (&["isatty?"], 0, 0, is_a_tty),
];

/// A standard stream.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stream {
    Input,
    Output,
    Error,
}

impl ForeignData for Stream {
    fn class(&self) -> &'static str {
        "Stream"
    }

    fn is_constant(&self) -> bool {
        true
    }
}

impl Stream {
    fn name(self) -> &'static str {
        match self {
            Stream::Input => "stdin",
            Stream::Output => "stdout",
            Stream::Error => "stderr",
        }
    }
}

thread_local! {
    /// Keeps its room from one line to the next.
    static LINE: Cell<String> = const { Cell::new(String::new()) };
}

/// Whether somebody watches standard output line by line.
fn interactive() -> bool {
    static TERMINAL: OnceLock<bool> = OnceLock::new();
    *TERMINAL.get_or_init(|| io::stdout().is_terminal())
}

impl Vm {
    /// Writes to standard output. Errors are dropped: a closed pipe is no
    /// reason to stop.
    pub fn write_out(&mut self, text: &str) {
        let _ = self.out.write_all(text.as_bytes());
        if interactive() {
            self.flush();
        }
    }

    /// Writes to standard error, after all that was written to standard output.
    pub fn write_err(&mut self, text: &str) {
        self.flush();
        let _ = self.err.write_all(text.as_bytes());
        let _ = self.err.flush();
    }

    /// Ends the process.
    pub fn exit(&mut self, code: i32) -> ! {
        self.flush();
        let _ = self.err.flush();
        if let Some(before) = self.before_exit.take() {
            before(self);
        }
        if let Some(end) = &self.on_exit {
            end(code);
            loop {
                std::thread::park();
            }
        }
        std::process::exit(code)
    }
}

fn print(vm: &mut Vm, args: Args) -> Outcome {
    show(vm, args, "")
}

fn println(vm: &mut Vm, args: Args) -> Outcome {
    show(vm, args, "\n")
}

fn show(vm: &mut Vm, args: Args, end: &str) -> Outcome {
    let to_stderr = vm.keyword("stderr")?.is_some_and(Value::is_truthy);
    let mut line = LINE.take();
    line.clear();
    for (i, value) in args.iter().enumerate() {
        if i > 0 {
            line.push(' ');
        }
        vm.display_to(&mut line, value);
    }
    line.push_str(end);
    if to_stderr {
        vm.write_err(&line)
    } else {
        vm.write_out(&line)
    }
    LINE.set(line);
    Ok(Value::NIL)
}

fn flush(vm: &mut Vm, args: Args) -> Outcome {
    match args.opt(0) {
        Some(handle) => flush_stream(vm, args, handle),
        None => {
            vm.flush();
            Ok(Value::NIL)
        }
    }
}

fn flush_stream(vm: &mut Vm, args: Args, handle: Value) -> Outcome {
    match foreign::<Stream>(handle) {
        Some(Stream::Output) => vm.flush(),
        Some(Stream::Error) => {
            let _ = vm.err.flush();
        }
        Some(Stream::Input) => return Err(wrong_direction(vm, Stream::Input, "write to")),
        None => return Err(vm.wrong_arg(args, 0, "a handle")),
    }
    Ok(Value::NIL)
}

#[cold]
fn wrong_direction(vm: &mut Vm, stream: Stream, action: &str) -> Throw {
    let message = format!("Cannot {action} {}", stream.name());
    vm.error(ClassName::IOError, "GENE.IO.ERROR", &message)
}

#[cold]
fn input_error(vm: &mut Vm, error: &io::Error) -> Throw {
    let message = format!("Failed to read from stdin: {error}");
    vm.error(ClassName::IOError, "GENE.IO.ERROR", &message)
}

fn this_stream(vm: &mut Vm, args: Args) -> Result<Stream, Throw> {
    foreign::<Stream>(args.this()).copied().ok_or_else(|| wrong_receiver(vm, args))
}

fn handle_read(vm: &mut Vm, args: Args) -> Outcome {
    match this_stream(vm, args)? {
        Stream::Input => {}
        other => return Err(wrong_direction(vm, other, "read from")),
    }
    vm.flush();
    let mut content = String::new();
    match io::stdin().lock().read_to_string(&mut content) {
        Ok(_) => Ok(text(vm, &content)),
        Err(error) => Err(input_error(vm, &error)),
    }
}

fn handle_read_line(vm: &mut Vm, args: Args) -> Outcome {
    match this_stream(vm, args)? {
        Stream::Input => read_line(vm),
        other => Err(wrong_direction(vm, other, "read from")),
    }
}

fn read_line(vm: &mut Vm) -> Outcome {
    vm.flush();
    let mut line = String::new();
    match io::stdin().lock().read_line(&mut line) {
        Ok(0) => Ok(Value::NIL),
        Ok(_) => Ok(text(vm, without_break(&line))),
        Err(error) => Err(input_error(vm, &error)),
    }
}

/// A line without its line break.
pub(super) fn without_break(line: &str) -> &str {
    let line = line.strip_suffix('\n').unwrap_or(line);
    line.strip_suffix('\r').unwrap_or(line)
}

fn handle_write(vm: &mut Vm, args: Args, end: &str) -> Outcome {
    let stream = this_stream(vm, args)?;
    let line = vm.display(args.get(0)) + end;
    match stream {
        Stream::Output => vm.write_out(&line),
        Stream::Error => vm.write_err(&line),
        Stream::Input => return Err(wrong_direction(vm, stream, "write to")),
    }
    Ok(Value::NIL)
}

fn is_a_tty(vm: &mut Vm, args: Args) -> Outcome {
    Ok(Value::bool(match this_stream(vm, args)? {
        Stream::Input => io::stdin().is_terminal(),
        Stream::Output => io::stdout().is_terminal(),
        Stream::Error => io::stderr().is_terminal(),
    }))
}

fn exit(vm: &mut Vm, args: Args) -> Outcome {
    let code = match args.len() {
        0 => 0,
        _ => vm.int_arg(args, 0)?,
    };
    vm.exit(i32::try_from(code).unwrap_or(1))
}

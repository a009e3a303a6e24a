//! Exceptions: making them, and where they were raised.

use gene_isa::Symbol;

use super::Vm;
use super::classes::ClassName;
use crate::heap::Gc;
use crate::object::future::Reacts;
use crate::object::record::{Record, as_record};
use crate::object::{Array, Class, Code, Coroutine, Future, Instance, Reaction, Str, string};
use crate::source::{FileId, Span};
use crate::value::Value;

/// A raised exception, on its way to a handler. One word: success pays
/// nothing for it.
#[derive(Clone, Copy, Debug, PartialEq)]
#[must_use]
pub struct Throw(pub Value);

/// Frames kept in a trace: (code, instruction) pairs, innermost first.
const TRACE_FRAMES: usize = 100;

/// Name of the hidden field that holds the raw trace; no program can write it.
const TRACE: &str = "\u{0}trace";

/// Who awaits a task.
pub(super) enum Awaiting {
    /// One other task.
    Task(Gc<Coroutine>),
    /// What drives the event loop.
    Driver,
    /// Nobody, or several.
    Nobody,
}

impl Awaiting {
    /// Who awaits `task`. It allocates nothing.
    pub fn of(task: Gc<Coroutine>) -> Awaiting {
        let mut waiter = task.slot.get();
        while let Some(future) = Gc::<Future>::from_value(waiter) {
            // A follower hands on to its own waiter.
            waiter = future.single_waiter().unwrap_or(Value::NIL);
        }
        let joined = Gc::<Reaction>::from_value(waiter)
            .filter(|r| r.reacts() == Reacts::Join)
            .map(|r| r.a.get());
        match Gc::<Coroutine>::from_value(joined.unwrap_or(waiter)) {
            Some(next) => Awaiting::Task(next),
            None if joined == Some(Value::NIL) => Awaiting::Driver,
            None => Awaiting::Nobody,
        }
    }
}

macro_rules! constructors {
    ($($name:ident $class:ident $code:literal $doc:literal)*) => {
        impl Vm {$(
            #[doc = $doc]
            #[cold]
            pub fn $name(&mut self, message: impl AsRef<str>) -> Throw {
                self.error(ClassName::$class, $code, message.as_ref())
            }
        )*}
    };
}

constructors! {
    runtime_error RuntimeException "GENE.RUNTIME.ERROR" "A `RuntimeException`."
    type_error TypeException "GENE.TYPE.MISMATCH" "A `TypeException` for a value of the wrong type."
    operand_error TypeException "GENE.TYPE.OPERAND" "A `TypeException` for operands that an operator does not take."
    arg_error ArgumentException "GENE.ARGS.INVALID" "An `ArgumentException` for an unsuitable argument of a built-in."
    args_mismatch ArgumentException "GENE.ARGS.MISMATCH" "An `ArgumentException` for a wrong number of arguments or keywords."
    parse_error ParseException "GENE.PARSE.ERROR" "A `ParseException`."
    overflow_error RuntimeException "GENE.ARITH.OVERFLOW" "Integer overflow."
    immutable_error TypeException "GENE.TYPE.IMMUTABLE" "A write to a sealed or frozen value."
    method_error TypeException "GENE.OOP.METHOD_NOT_FOUND" "A method that does not exist."
    not_callable_error TypeException "GENE.TYPE.NOT_CALLABLE" "A call of a value that is not callable."
}

impl Vm {
    /// An exception of a built-in class.
    #[cold]
    pub fn error(&mut self, class: ClassName, code: &str, message: &str) -> Throw {
        let class = self.class(class);
        let exception = self.new_exception(class, message, Some(code));
        Throw(exception.value())
    }

    /// An instance of an exception class with the usual fields.
    pub fn new_exception(
        &mut self,
        class: Gc<Class>,
        message: &str,
        code: Option<&str>,
    ) -> Gc<Instance> {
        let instance = Instance::new(&mut self.heap, class.shape, 4);
        let message = Str::new(&mut self.heap, message).value();
        instance.set(&mut self.heap, self.names.message, message);
        if let Some(code) = code {
            let code = Str::new(&mut self.heap, code).value();
            instance.set(&mut self.heap, self.names.code, code);
        }
        instance
    }

    /// Whether a value is an instance of `Exception`.
    pub fn is_exception(&self, value: Value) -> bool {
        Gc::<Instance>::from_value(value).is_some()
            && self.class_of(value).is_a(self.class(ClassName::Exception))
    }

    /// Makes an exception of any value, as `throw` does (10.2).
    pub fn to_exception(&mut self, value: Value) -> Value {
        if self.is_exception(value) {
            return value;
        }
        let class = self.class(ClassName::Exception);
        if let Some(text) = string::text_of(value) {
            return self.new_exception(class, text, None).value();
        }
        let message = self.display_data(value);
        let exception = self.new_exception(class, &message, None);
        exception.set(&mut self.heap, self.names.cause, value);
        exception.value()
    }

    /// Notes where an exception is raised, unless it has been raised before.
    /// The frames' `pc`s must be up to date.
    pub(super) fn note_trace(&mut self, exception: Value) {
        let key = Symbol::intern(TRACE);
        let Some(record) = as_record(exception) else { return };
        if record.get(key).is_some() {
            return;
        }
        let mut trace = Vec::new();
        for (code, pc) in self.trace_frames() {
            trace.push(code.value());
            trace.push(Value::small_int(pc as i64));
        }
        let trace = Array::new(&mut self.heap, &trace).value();
        record.set(&mut self.heap, key, trace);
    }

    /// The frames for a trace, innermost first. Below a task that the event loop
    /// resumed come the tasks that await it, as far as there is one for each,
    /// and only then what drives the loop, if that awaits the last of them.
    fn trace_frames(&self) -> Vec<(Gc<Code>, u32)> {
        let mut found = Vec::new();
        for (frame, resumed) in self.frames_with_tasks() {
            if found.len() >= TRACE_FRAMES {
                break;
            }
            found.push(frame);
            let Some(mut task) = resumed else { continue };
            loop {
                match Awaiting::of(task) {
                    Awaiting::Task(next) if found.len() < TRACE_FRAMES => {
                        found.push((next.code, next.position()));
                        task = next;
                    }
                    Awaiting::Driver => break,
                    _ => return found,
                }
            }
        }
        found
    }

    fn raw_trace(&self, exception: Value) -> Vec<(Gc<Code>, u32)> {
        let record = as_record(exception);
        let trace = record.and_then(|r| r.get(Symbol::intern(TRACE)));
        let Some(trace) = trace.and_then(Gc::<Array>::from_value) else { return Vec::new() };
        let pairs = trace.elements().chunks_exact(2);
        pairs
            .filter_map(|p| Some((Gc::<Code>::from_value(p[0])?, p[1].as_small_int()? as u32)))
            .collect()
    }

    /// Place of an instruction.
    pub fn span_of(&self, code: Gc<Code>, pc: u32) -> Span {
        match code.data.span_at(pc) {
            Some((start, end)) => Span { file: FileId(code.data.file), start, end },
            None => Span::NONE,
        }
    }

    /// Where an exception was raised; [`Span::NONE`] if that is not known.
    pub fn exception_span(&self, exception: Value) -> Span {
        let trace = self.raw_trace(exception);
        let spans = trace.iter().map(|(code, pc)| self.span_of(*code, *pc));
        spans.clone().find(|s| !s.is_none() && !self.is_internal(*s)).unwrap_or(Span::NONE)
    }

    /// Whether a place lies in code of ours, which traces do not show.
    fn is_internal(&self, span: Span) -> bool {
        self.sources.get(span.file).is_some_and(|s| s.name.starts_with("<prelude"))
    }

    /// `file:line:column` of an instruction.
    /// `file:line:column` of an instruction.
    pub fn place_of(&self, code: Gc<Code>, pc: u32) -> Option<String> {
        self.place(self.span_of(code, pc))
    }

    fn place(&self, span: Span) -> Option<String> {
        let source = self.sources.get(span.file)?;
        let position = source.position(span.start);
        Some(format!("{}:{}:{}", source.name, position.line, position.column))
    }

    /// `file:line:column` of the raising expression.
    pub fn exception_location(&self, exception: Value) -> Option<String> {
        self.place(self.exception_span(exception))
    }

    /// The frames of the trace as text, innermost first.
    pub fn exception_trace(&self, exception: Value) -> Vec<String> {
        let frames = self.raw_trace(exception).into_iter();
        let frames = frames.filter(|(code, pc)| !self.is_internal(self.span_of(*code, *pc)));
        frames
            .map(|(code, pc)| {
                let place = self.place(self.span_of(code, pc)).unwrap_or_else(|| "?".into());
                format!("{} ({place})", code.name())
            })
            .collect()
    }

    /// `location` and `trace`, which are made when they are asked for.
    pub(super) fn exception_field(
        &mut self,
        record: &Record,
        value: Value,
        name: Symbol,
    ) -> Option<Value> {
        record.get(Symbol::intern(TRACE))?;
        match name.as_str() {
            "location" => {
                let location = self.exception_location(value)?;
                Some(Str::new(&mut self.heap, &location).value())
            }
            "trace" => {
                let lines = self.exception_trace(value);
                let lines: Vec<Value> =
                    lines.iter().map(|l| Str::new(&mut self.heap, l).value()).collect();
                Some(Array::new(&mut self.heap, &lines).value())
            }
            _ => None,
        }
    }

    /// The message of an exception.
    pub fn exception_message(&self, exception: Value) -> String {
        let message = as_record(exception).and_then(|r| r.get(self.names.message));
        message.map(|m| self.display(m)).unwrap_or_default()
    }

    /// The code of an exception, if it is set.
    pub fn exception_code(&self, exception: Value) -> Option<String> {
        let code = as_record(exception).and_then(|r| r.get(self.names.code))?;
        string::text_of(code).map(str::to_owned)
    }
}

/// Whether a field is one of ours that programs must not see.
pub fn is_hidden(name: Symbol) -> bool {
    name.as_str().starts_with('\u{0}')
}

//! The format of `pprof`: a protocol buffer, compressed.
//!
//! The messages are those of `profile.proto` in <https://github.com/google/pprof>. They
//! are few, and written by hand: a field is its number with the kind of its value, then
//! the value.
#![forbid(unsafe_code)]

use std::io::{self, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

use super::{Frame, Profile, Unit};

/// A message that is being written.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    /// A number; 0 is what a field that is missing has.
    fn number(&mut self, field: u64, value: u64) {
        if value != 0 {
            self.varint(field << 3);
            self.varint(value);
        }
    }

    fn bytes(&mut self, field: u64, bytes: &[u8]) {
        self.varint(field << 3 | 2);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    fn message(&mut self, field: u64, message: Message) {
        self.bytes(field, &message.0);
    }

    fn numbers(&mut self, field: u64, values: impl Iterator<Item = u64>) {
        let mut packed = Message::default();
        values.for_each(|value| packed.varint(value));
        self.message(field, packed);
    }
}

/// Strings by number; the first is empty.
struct Strings {
    all: Vec<String>,
    known: HashMap<String, u64, FxBuildHasher>,
}

impl Strings {
    fn number(&mut self, text: &str) -> u64 {
        if let Some(known) = self.known.get(text) {
            return *known;
        }
        let number = self.all.len() as u64;
        self.all.push(text.to_owned());
        self.known.insert(text.to_owned(), number);
        number
    }

    /// The message `ValueType`.
    fn value_type(&mut self, kind: &str, unit: &str) -> Message {
        let mut message = Message::default();
        message.number(1, self.number(kind));
        message.number(2, self.number(unit));
        message
    }
}

impl Profile {
    /// The profile as `pprof` reads it.
    ///
    /// # Errors
    ///
    /// None but those of the compressor, which writes to memory.
    pub fn pprof(&self) -> io::Result<Vec<u8>> {
        let mut packed = GzEncoder::new(Vec::new(), Compression::default());
        packed.write_all(&self.message().0)?;
        packed.finish()
    }

    fn message(&self) -> Message {
        let mut strings = Strings { all: Vec::new(), known: HashMap::default() };
        strings.number("");
        let (kind, unit) = match self.unit {
            Unit::Nanoseconds => ("time", "nanoseconds"),
            Unit::Bytes => ("space", "bytes"),
        };
        let mut out = Message::default();
        out.message(1, strings.value_type("samples", "count"));
        out.message(1, strings.value_type(kind, unit));
        let mut locations: Vec<Frame> = Vec::new();
        let mut known: HashMap<Frame, u64, FxBuildHasher> = HashMap::default();
        for stack in &self.stacks {
            let mut sample = Message::default();
            let ids = stack.frames.iter().rev().map(|frame| {
                *known.entry(*frame).or_insert_with(|| {
                    locations.push(*frame);
                    locations.len() as u64
                })
            });
            sample.numbers(1, ids);
            sample.numbers(2, [stack.count, stack.weight].into_iter());
            out.message(2, sample);
        }
        for (i, frame) in locations.iter().enumerate() {
            let function = &self.functions[frame.function];
            let mut line = Message::default();
            line.number(1, frame.function as u64 + 1);
            line.number(2, u64::from(if frame.line == 0 { function.line } else { frame.line }));
            let mut location = Message::default();
            location.number(1, i as u64 + 1);
            location.message(4, line);
            out.message(4, location);
        }
        for (i, function) in self.functions.iter().enumerate() {
            let mut message = Message::default();
            message.number(1, i as u64 + 1);
            let name = format!("{} [{}]", function.name, function.kind.word());
            message.number(2, strings.number(&name));
            message.number(3, strings.number(&function.name));
            message.number(4, strings.number(&function.file));
            message.number(5, u64::from(function.line));
            out.message(5, message);
        }
        out.number(10, self.elapsed.as_nanos() as u64);
        if self.unit == Unit::Nanoseconds {
            out.message(11, strings.value_type(kind, unit));
            out.number(12, self.total() / self.count().max(1));
        }
        let shown = strings.number(kind);
        let comment = strings.number(&self.title());
        out.numbers(13, [comment].into_iter());
        out.number(14, shown);
        // The table comes last, when it is complete.
        strings.all.iter().for_each(|text| out.bytes(6, text.as_bytes()));
        out
    }
}

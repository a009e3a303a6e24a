//! Names of machine code for the `perf` of Linux.
//!
//! - `perf-PID.map` in `/tmp`: a line for each function. `perf report` reads it by itself.
//! - `jit-PID.dump`: also the code and its lines, in the format that `perf inject --jit`
//!   reads (`tools/perf/Documentation/jitdump-specification.txt` of Linux). `perf record`
//!   learns of the file because the process maps it, executable.
#![allow(unsafe_code)]

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use gene_isa::backend::Entry;
use memmap2::{Mmap, MmapOptions};
use nix::time::{ClockId, clock_gettime};

use super::name_of;
use crate::vm::Vm;
use crate::vm::sampling::{CodeRef, MachineCode};

/// What is written for `perf`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Style {
    /// `/tmp/perf-PID.map`
    Map,
    /// `jit-PID.dump` in the working directory.
    JitDump,
}

/// Writes names of all machine code that `vm` will have from now on. Its compiled tier
/// must have been asked for places.
///
/// # Errors
///
/// If the file cannot be written: its name, and why.
pub fn tell_perf(vm: &mut Vm, style: Style) -> Result<(), (PathBuf, io::Error)> {
    let pid = std::process::id();
    let path = match style {
        Style::Map => PathBuf::from(format!("/tmp/perf-{pid}.map")),
        Style::JitDump => match std::env::current_dir() {
            Ok(folder) => folder.join(format!("jit-{pid}.dump")),
            Err(error) => return Err((PathBuf::from("."), error)),
        },
    };
    let file = open(&path).map_err(|error| (path.clone(), error))?;
    match style {
        Style::Map => {
            let mut out = BufWriter::new(file);
            vm.tiers.listener = Some(Box::new(move |vm, machine| {
                let line = map_line(vm, &machine);
                // Names that cannot be written are no reason to stop.
                let _ = out.write_all(line.as_bytes()).and_then(|()| out.flush());
            }));
        }
        Style::JitDump => {
            let mut dump = JitDump::begin(file).map_err(|error| (path, error))?;
            vm.tiers.listener = Some(Box::new(move |vm, machine| {
                let _ = dump.add(vm, &machine);
            }));
        }
    }
    Ok(())
}

fn open(path: &Path) -> io::Result<File> {
    File::options().read(true).write(true).create(true).truncate(true).open(path)
}

/// What a piece of machine code is called.
fn symbol(vm: &Vm, machine: &MachineCode) -> String {
    let name = name_of(machine.code);
    let span = vm.span_of(machine.code, 0);
    let place = vm.sources.get(span.file).filter(|_| !span.is_none()).map(|source| {
        let file = source.name.rsplit('/').next().unwrap_or(&source.name);
        format!(" {file}:{}", source.position(span.start).line)
    });
    let what = match (machine.part.is_wrapper, machine.entry) {
        (true, _) => " [entry]",
        (false, Entry::Loop(_)) => " [loop]",
        (false, Entry::Call) => "",
    };
    format!("gene:{name}{}{what}", place.unwrap_or_default())
}

fn map_line(vm: &Vm, machine: &MachineCode) -> String {
    let part = machine.part;
    format!("{:x} {:x} {}\n", part.address, part.bytes, symbol(vm, machine))
}

/// Machine of an ELF file.
const MACHINE: u32 = if cfg!(target_arch = "aarch64") { 183 } else { 62 };
const MAGIC: u32 = 0x4A69_5444;
const VERSION: u32 = 1;
const HEADER_BYTES: u32 = 40;
const RECORD_BYTES: usize = 16;
const CODE_LOAD: u32 = 0;
const DEBUG_INFO: u32 = 2;

/// A file in the format jitdump.
struct JitDump {
    out: BufWriter<File>,
    pid: u32,
    pieces: u64,
    /// Only there for `perf` to see that it was made.
    _mark: Mmap,
}

fn now_ns() -> u64 {
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC);
    now.map_or(0, |now| now.tv_sec() as u64 * 1_000_000_000 + now.tv_nsec() as u64)
}

impl JitDump {
    fn begin(file: File) -> io::Result<JitDump> {
        let pid = std::process::id();
        let mut header = Vec::new();
        for word in [MAGIC, VERSION, HEADER_BYTES, MACHINE, 0, pid] {
            header.extend_from_slice(&word.to_ne_bytes());
        }
        for word in [now_ns(), 0] {
            header.extend_from_slice(&word.to_ne_bytes());
        }
        let mut out = BufWriter::new(file);
        out.write_all(&header)?;
        out.flush()?;
        // SAFETY: nobody reads the mapping, so whatever happens to the file is all
        // the same.
        let mark =
            unsafe { MmapOptions::new().len(HEADER_BYTES as usize).map_exec(out.get_ref())? };
        Ok(JitDump { out, pid, pieces: 0, _mark: mark })
    }

    fn record(&mut self, id: u32, body: &[u8]) -> io::Result<()> {
        self.out.write_all(&id.to_ne_bytes())?;
        self.out.write_all(&((RECORD_BYTES + body.len()) as u32).to_ne_bytes())?;
        self.out.write_all(&now_ns().to_ne_bytes())?;
        self.out.write_all(body)
    }

    fn add(&mut self, vm: &Vm, machine: &MachineCode) -> io::Result<()> {
        let part = machine.part;
        let lines = lines(vm, machine);
        if !lines.is_empty() {
            let mut body = Vec::new();
            body.extend_from_slice(&part.address.to_ne_bytes());
            body.extend_from_slice(&(lines.len() as u64).to_ne_bytes());
            for (address, line, file) in lines {
                body.extend_from_slice(&address.to_ne_bytes());
                body.extend_from_slice(&line.to_ne_bytes());
                body.extend_from_slice(&0u32.to_ne_bytes());
                body.extend_from_slice(file.as_bytes());
                body.push(0);
            }
            self.record(DEBUG_INFO, &body)?;
        }
        let mut body = Vec::new();
        for word in [self.pid, self.pid] {
            body.extend_from_slice(&word.to_ne_bytes());
        }
        self.pieces += 1;
        for word in [part.address, part.address, part.bytes as u64, self.pieces] {
            body.extend_from_slice(&word.to_ne_bytes());
        }
        body.extend_from_slice(symbol(vm, machine).as_bytes());
        body.push(0);
        // SAFETY: machine code that was just finished, which is never freed and is
        // readable.
        let code = unsafe { std::slice::from_raw_parts(part.address as *const u8, part.bytes) };
        body.extend_from_slice(code);
        self.record(CODE_LOAD, &body)?;
        self.out.flush()
    }
}

/// Addresses at which another line begins, with the line and its file.
fn lines(vm: &Vm, machine: &MachineCode) -> Vec<(u64, u32, String)> {
    let mut lines: Vec<(u64, u32, String)> = Vec::new();
    for place in &machine.part.places {
        // `perf` knows no inlined calls here: it gets the line of what runs.
        let Some((code, pc)) = place.stack.first() else { continue };
        let span = vm.span_of(CodeRef::at(*code).0, *pc);
        let Some(source) = vm.sources.get(span.file).filter(|_| !span.is_none()) else { continue };
        let line = source.position(span.start).line;
        if lines.last().is_none_or(|(_, last, file)| (*last, file) != (line, &source.name)) {
            lines.push((machine.part.address + u64::from(place.offset), line, source.name.clone()));
        }
    }
    if let Some((_, line, file)) = lines.last().cloned() {
        // The last entry says where the code ends.
        lines.push((machine.part.address + machine.part.bytes as u64, line, file));
    }
    lines
}

//! What a function's code has met: its counters, its machine code, and what the
//! interpreter noted for the compiled tier.

use std::cell::{Cell, RefCell};

use gene_isa::Insn;
use gene_isa::backend::{Kinds, LoopSeen};

use super::{Function, Kind};
use crate::heap::{Gc, Marker};
use crate::value::Value;

/// How many different things are noted of one instruction.
const MAX_NOTES: usize = 5;

/// The state of a function in the compiled tier.
pub struct Tiering {
    /// Where calls begin: the first instruction, or a stub that counts or enters
    /// machine code.
    pub start: Cell<*const Insn>,
    /// Calls until the function is hot.
    pub calls_left: Cell<u32>,
    /// Machine code for calls: see [`Entrance`](crate::vm::tiering::Entrance).
    pub native: Cell<usize>,
    /// Loops that have been polled in.
    pub loops: RefCell<Vec<HotLoop>>,
    /// What the interpreter noted.
    pub notes: RefCell<Option<Box<Notes>>>,
}

/// A loop that may become hot.
#[derive(Clone, Copy)]
pub struct HotLoop {
    /// Its first instruction.
    pub pc: u32,
    /// Polls until it is hot.
    pub polls_left: u32,
    /// Machine code that goes on there, or 0.
    pub native: usize,
    /// The first instruction of the loop around it.
    pub outer: Option<u32>,
}

impl Tiering {
    /// Of code that begins at `start`.
    pub fn new(start: *const Insn) -> Tiering {
        Tiering {
            start: Cell::new(start),
            calls_left: Cell::new(0),
            native: Cell::new(0),
            loops: RefCell::default(),
            notes: RefCell::default(),
        }
    }

    /// Marks what has been noted.
    pub fn trace(&self, marker: &mut Marker) {
        for note in self.notes.borrow().iter().flat_map(|notes| &notes.insns) {
            for callee in &note.callees {
                marker.value(callee.1);
            }
        }
    }
}

/// What was noted of a function.
pub struct Notes {
    /// By instruction.
    pub insns: Box<[Note]>,
    /// Kinds of arguments.
    pub params: Box<[Kinds]>,
    /// The targets of back edges, whenever these run.
    pub loops: Vec<LoopSeen>,
}

/// What was noted of an instruction.
#[derive(Default)]
pub struct Note {
    /// Kinds of its operands.
    pub kinds: [Kinds; 3],
    /// Whether it has run.
    pub ran: bool,
    /// How often machine code went back to the interpreter here in vain.
    pub trouble: u8,
    /// Shapes of records, by address, and whether all slots lay inside.
    pub shapes: Vec<(usize, bool)>,
    /// Callees, with the identity of the receiver's class for methods; of closures
    /// the code.
    pub callees: Vec<(u32, Value)>,
    /// Of receivers that are other objects than guards tell apart: the kind, and
    /// of hash maps the byte that tells maps and sets apart.
    pub receiver: Option<(u8, Option<u8>)>,
    /// There were more.
    pub many: bool,
}

impl Notes {
    /// Nothing noted yet of the code.
    pub fn new(code: &gene_isa::Code) -> Notes {
        let mut loops: Vec<LoopSeen> = Vec::new();
        let registers = code.nregs as usize;
        for (pc, insn) in code.insns.iter().enumerate().filter(|(_, i)| i.op.is_back_edge()) {
            let pc = insn.jump_target(pc).unwrap_or(0) as u32;
            if !loops.iter().any(|known| known.pc == pc) {
                let kinds = vec![Kinds::NONE; registers].into();
                loops.push(LoopSeen { pc, kinds, negative: vec![false; registers].into() });
            }
        }
        Notes {
            insns: code.insns.iter().map(|_| Note::default()).collect(),
            params: vec![Kinds::NONE; code.params.registers()].into(),
            loops,
        }
    }
}

impl Note {
    /// Notes the kind of an operand.
    pub fn operand(&mut self, index: usize, value: Value) {
        self.kinds[index] = self.kinds[index].with(kinds_of(value));
    }

    /// Notes the shape of a record.
    pub fn shape(&mut self, shape: usize, inline: bool) {
        if let Some(known) = self.shapes.iter_mut().find(|(s, _)| *s == shape) {
            known.1 &= inline;
        } else if self.shapes.len() < MAX_NOTES {
            self.shapes.push((shape, inline));
        } else {
            self.many = true;
        }
    }

    /// Notes who was called; whether that is new.
    pub fn callee(&mut self, class: u32, callee: Value) -> bool {
        // A closure is known by its code: notes must not keep scopes alive.
        let callee = match Gc::<Function>::from_value(callee) {
            Some(f) if f.scope.is_some() => f.code.value(),
            Some(_) => callee,
            None if matches!(super::kind_of(callee), Some(Kind::Native | Kind::Class)) => callee,
            None => {
                self.many = true;
                return false;
            }
        };
        let code = code_of(callee).unwrap_or(callee);
        let known =
            |(at, value): &(u32, Value)| *at == class && (*value == callee || *value == code);
        if self.callees.iter().any(known) {
            return false;
        }
        // Functions of the same code that are made again and again count as one.
        let same = |(at, value): &&mut (u32, Value)| *at == class && code_of(*value) == Some(code);
        if let Some(known) = self.callees.iter_mut().find(same) {
            known.1 = code;
            return true;
        }
        if self.callees.len() >= MAX_NOTES {
            self.many = true;
            return false;
        }
        self.callees.push((class, callee));
        true
    }
}

/// The code of a function.
fn code_of(function: Value) -> Option<Value> {
    Gc::<Function>::from_value(function).map(|f| f.code.value())
}

/// The kind of a value.
pub fn kinds_of(value: Value) -> Kinds {
    use super::Kind;
    if value.is_small_int() {
        return Kinds::INT;
    }
    if value.is_float() {
        return Kinds::FLOAT;
    }
    if value.is_nil() {
        return Kinds::NIL;
    }
    if value.as_bool().is_some() {
        return Kinds::BOOL;
    }
    if value.is_scope() {
        return Kinds::SCOPE;
    }
    match super::kind_of(value) {
        None => Kinds::IMMEDIATE,
        Some(Kind::Array) => Kinds::ARRAY,
        Some(Kind::Map) => Kinds::MAP,
        Some(Kind::Instance) => Kinds::INSTANCE,
        Some(Kind::Str) => Kinds::STRING,
        Some(Kind::Function) => Kinds::FUNCTION,
        Some(_) => Kinds::OBJECT,
    }
}

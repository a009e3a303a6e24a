//! The state of the back half for one function: instructions, labels,
//! registers, constants, places.

use std::sync::Arc;

use gene_isa::datum::Datum;
use gene_isa::{Code, Handler, Insn, Intrinsic, MAX_REGS, Op, Special, Symbol};
use rustc_hash::FxHashMap;

use super::hir::*;

/// A register.
pub(super) type Reg = u16;

/// A place in the code that jumps go to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Label(u32);

/// Where a value is wanted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dst {
    pub reg: Reg,
    /// Whether nothing reads the register before the value is there, so that
    /// it may hold other things on the way.
    pub fresh: bool,
}

/// What has to be done when a jump leaves a region, innermost last.
pub(super) enum Ctl {
    /// A loop: its number, where `break` and `continue` go, where the value of
    /// `break` goes, and how many scopes live there.
    Loop { id: LoopId, exit: Label, next: Label, value: Option<Reg>, scopes: usize },
    /// An iteration that may have to close a generator; `keep` is a register for
    /// the value that leaves.
    Close { state: Reg, keep: Reg },
    /// An asynchronous iteration.
    CloseAsync { iterator: Reg },
    /// A `finally` body, or the end of a task scope.
    Finally { entry: Label, kind: Reg, value: Reg, scopes: usize, exits: Vec<Exit> },
    /// Inside of a `finally` body.
    InFinally { end: Label, scopes: usize },
}

/// A way to leave.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Exit {
    Return,
    Break(LoopId),
    Continue(LoopId),
    EndFinally,
}

/// An exception region whose target is a label.
pub(super) struct Region {
    pub start: u32,
    pub end: u32,
    pub target: Label,
    pub exception: Reg,
    pub scopes: u16,
    /// See `Handler::catches`.
    pub catches: bool,
}

/// One function being emitted.
#[derive(Default)]
pub(super) struct Emit {
    pub code: Code,
    /// Next free register.
    pub next: u32,
    /// Registers below are variables or belong to enclosing forms.
    pub locals: u32,
    most: u32,
    labels: Vec<Option<u32>>,
    jumps: Vec<(u32, Label)>,
    pub regions: Vec<Region>,
    pub ctl: Vec<Ctl>,
    /// Registers of the live scopes, outermost first.
    pub live: Vec<ScopeId>,
    place: Place,
    consts: FxHashMap<ConstKey, u32>,
    /// A limit that the function breaks.
    pub limit: Option<(&'static str, usize, Place)>,
    pub self_reg: Reg,
    /// Label and register of the code that checks postconditions.
    pub epilogue: Option<Label>,
}

#[derive(PartialEq, Eq, Hash)]
enum ConstKey {
    Str(Arc<str>),
    Symbol(Symbol),
    Int(i64),
    Float(u64),
}

impl Emit {
    // ---- places --------------------------------------------------------

    /// The following instructions belong to `place`.
    pub fn at(&mut self, place: Place) {
        self.place = place;
    }

    pub fn here(&self) -> u32 {
        self.code.insns.len() as u32
    }

    // ---- instructions --------------------------------------------------

    pub fn push(&mut self, insn: Insn) -> u32 {
        let pc = self.here();
        let (start, end) = self.place;
        if self.code.spans.last().is_none_or(|s| (s.1, s.2) != (start, end)) {
            self.code.spans.push((pc, start, end));
        }
        self.code.insns.push(insn);
        pc
    }

    pub fn abc(&mut self, op: Op, a: u16, b: u16, c: u16) -> u32 {
        self.push(Insn::abc(op, a, b, c))
    }

    pub fn a_bc(&mut self, op: Op, a: u16, bc: u32) -> u32 {
        self.push(Insn::a_bc(op, a, bc))
    }

    pub fn load(&mut self, dst: Reg, value: Special) {
        self.abc(Op::LoadSpecial, dst, value as u16, 0);
    }

    pub fn mov(&mut self, dst: Reg, src: Reg) {
        if dst != src {
            self.abc(Op::Move, dst, src, 0);
        }
    }

    pub fn load_int(&mut self, dst: Reg, value: i64) {
        match i32::try_from(value) {
            Ok(small) => drop(self.a_bc(Op::LoadInt, dst, small as u32)),
            Err(_) => self.load_const(dst, Datum::Int(value)),
        }
    }

    pub fn load_const(&mut self, dst: Reg, datum: Datum) {
        let konst = self.konst(datum);
        self.a_bc(Op::LoadConst, dst, konst);
    }

    pub fn intrinsic(&mut self, win: Reg, which: Intrinsic, count: u16) {
        self.abc(Op::Intrinsic, win, which as u16, count);
    }

    // ---- labels --------------------------------------------------------

    pub fn label(&mut self) -> Label {
        self.labels.push(None);
        Label(self.labels.len() as u32 - 1)
    }

    pub fn place_label(&mut self, label: Label) {
        self.labels[label.0 as usize] = Some(self.here());
    }

    pub fn label_here(&mut self) -> Label {
        let label = self.label();
        self.place_label(label);
        label
    }

    /// Emits an instruction whose jump operand is `label`.
    pub fn jump_insn(&mut self, insn: Insn, label: Label) {
        let pc = self.push(insn);
        self.jumps.push((pc, label));
    }

    /// Number of the next instruction.
    pub fn pc(&self) -> u32 {
        self.code.insns.len() as u32
    }

    /// The instruction at `pc`, if it is the last one.
    pub fn only_since(&self, pc: u32) -> Option<(u32, Insn)> {
        (self.pc() == pc + 1).then(|| (pc, self.code.insns[pc as usize]))
    }

    pub fn jump(&mut self, label: Label) {
        self.jump_insn(Insn::a_bc(Op::Jump, 0, 0), label);
    }

    pub fn jump_on(&mut self, op: Op, reg: Reg, label: Label) {
        self.jump_insn(Insn::a_bc(op, reg, 0), label);
    }

    // ---- registers -----------------------------------------------------

    /// The next free register.
    pub fn alloc(&mut self) -> Reg {
        let reg = self.next;
        self.next += 1;
        self.reserve(self.next);
        u16::try_from(reg).unwrap_or(u16::MAX)
    }

    /// Makes the window at least so large.
    pub fn reserve(&mut self, top: u32) {
        self.most = self.most.max(top);
        if self.most as usize > MAX_REGS && self.limit.is_none() {
            self.limit = Some(("registers", MAX_REGS, self.place));
        }
    }

    pub fn mark(&self) -> u32 {
        self.next
    }

    /// Gives back the temporaries above `mark`; variables stay.
    pub fn release(&mut self, mark: u32) {
        self.next = mark.max(self.locals);
    }

    /// Everything allocated so far stays until the scope ends.
    pub fn keep(&mut self) {
        self.locals = self.next;
    }

    pub fn is_top(&self, reg: Reg) -> bool {
        u32::from(reg) + 1 == self.next
    }

    // ---- tables --------------------------------------------------------

    fn index(&mut self, len: usize, most: usize, what: &'static str) -> u32 {
        if len >= most && self.limit.is_none() {
            self.limit = Some((what, most, self.place));
        }
        len.min(most) as u32
    }

    pub fn konst(&mut self, datum: Datum) -> u32 {
        let key = match &datum {
            Datum::Str(s) => Some(ConstKey::Str(s.clone())),
            Datum::Symbol(s) => Some(ConstKey::Symbol(*s)),
            Datum::Int(i) => Some(ConstKey::Int(*i)),
            Datum::Float(f) => Some(ConstKey::Float(f.to_bits())),
            _ => None,
        };
        if let Some(key) = &key
            && let Some(index) = self.consts.get(key)
        {
            return *index;
        }
        let index = self.index(self.code.consts.len(), u32::MAX as usize, "constants");
        self.code.consts.push(datum);
        if let Some(key) = key {
            self.consts.insert(key, index);
        }
        index
    }

    pub fn cache(&mut self, name: Symbol) -> u16 {
        let index = self.index(self.code.caches.len(), 65_535, "member accesses");
        self.code.caches.push(name);
        index as u16
    }

    pub fn proto(&mut self, code: Code) -> u16 {
        let index = self.index(self.code.protos.len(), 65_535, "functions");
        self.code.protos.push(Arc::new(code));
        index as u16
    }

    pub fn keys(&mut self, keys: Vec<Symbol>) -> u16 {
        let found = self.code.keysets.iter().position(|k| **k == *keys);
        if let Some(index) = found.filter(|i| *i < 65_535) {
            return index as u16;
        }
        let index = self.index(self.code.keysets.len(), 65_535, "map shapes");
        self.code.keysets.push(keys.into());
        index as u16
    }

    pub fn count(&mut self, count: usize) -> u16 {
        u16::try_from(count).unwrap_or_else(|_| {
            self.limit.get_or_insert(("operands", 65_535, self.place));
            0
        })
    }

    // ---- the end -------------------------------------------------------

    /// Resolves labels; short jumps that do not reach are made long.
    pub fn finish(mut self) -> (Code, Option<(&'static str, usize, Place)>) {
        if self.code.insns.len() > 30_000 {
            self.lengthen();
        }
        for (pc, label) in std::mem::take(&mut self.jumps) {
            let target = self.labels[label.0 as usize].unwrap_or(0);
            let distance = i64::from(target) - i64::from(pc) - 1;
            let insn = self.code.insns[pc as usize];
            let set = insn.jump().and_then(|operand| insn.set(operand, distance));
            match set {
                Some(insn) => self.code.insns[pc as usize] = insn,
                None => drop(self.limit.get_or_insert(("instructions", 32_767, (0, 0)))),
            }
        }
        for region in std::mem::take(&mut self.regions) {
            if region.start < region.end {
                self.code.handlers.push(Handler {
                    start: region.start,
                    end: region.end,
                    target: self.labels[region.target.0 as usize].unwrap_or(0),
                    exception: region.exception,
                    scopes: region.scopes,
                    catches: region.catches,
                });
            }
        }
        self.code.nregs = self.most.max(2).min(MAX_REGS as u32) as u16;
        (self.code, self.limit)
    }

    /// Puts a long jump behind every conditional jump with a short distance:
    /// `if c goto L` becomes `if not c goto +1; goto L`.
    fn lengthen(&mut self) {
        let old = std::mem::take(&mut self.code.insns);
        let mut jump_of: FxHashMap<u32, Label> = self.jumps.drain(..).collect();
        let mut moved = Vec::with_capacity(old.len() + 1);
        let mut jumps = Vec::with_capacity(jump_of.len());
        let mut insns = Vec::with_capacity(old.len() + jump_of.len());
        for (pc, insn) in old.into_iter().enumerate() {
            moved.push(insns.len() as u32);
            let label = jump_of.remove(&(pc as u32));
            match (label, inverse(insn.op)) {
                (Some(label), Some(op)) => {
                    insns.push(Insn { op, c: 1, ..insn });
                    jumps.push((insns.len() as u32, label));
                    insns.push(Insn::a_bc(Op::Jump, 0, 0));
                }
                (label, _) => {
                    if let Some(label) = label {
                        jumps.push((insns.len() as u32, label));
                    }
                    insns.push(insn);
                }
            }
        }
        moved.push(insns.len() as u32);
        self.code.insns = insns;
        self.jumps = jumps;
        for label in self.labels.iter_mut().flatten() {
            *label = moved[*label as usize];
        }
        for region in &mut self.regions {
            region.start = moved[region.start as usize];
            region.end = moved[region.end as usize];
        }
        for span in &mut self.code.spans {
            span.0 = moved[span.0 as usize];
        }
    }
}

/// The conditional jump with a short distance that jumps in the other case.
fn inverse(op: Op) -> Option<Op> {
    Some(match op {
        Op::JumpLt => Op::JumpNotLt,
        Op::JumpLe => Op::JumpNotLe,
        Op::JumpNotLt => Op::JumpLt,
        Op::JumpNotLe => Op::JumpLe,
        Op::JumpEq => Op::JumpNe,
        Op::JumpNe => Op::JumpEq,
        Op::JumpLtI => Op::JumpNotLtI,
        Op::JumpLeI => Op::JumpNotLeI,
        Op::JumpGtI => Op::JumpNotGtI,
        Op::JumpGeI => Op::JumpNotGeI,
        Op::JumpNotLtI => Op::JumpLtI,
        Op::JumpNotLeI => Op::JumpLeI,
        Op::JumpNotGtI => Op::JumpGtI,
        Op::JumpNotGeI => Op::JumpGeI,
        Op::JumpEqI => Op::JumpNeI,
        Op::JumpNeI => Op::JumpEqI,
        _ => return None,
    })
}

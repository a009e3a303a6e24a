//! Control flow: blocks, their order, dominators, loops, and which registers
//! are live.

use gene_isa::backend::Refusal;
use gene_isa::{Insn, Op};

use crate::effects::effects;
use crate::unit::Unit;

/// Larger functions stay interpreted.
const MAX_INSNS: usize = 6000;
const MAX_REGISTERS: usize = 400;

/// A set of registers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Registers(Vec<u64>);

impl Registers {
    /// The empty set, with room for `count` registers.
    pub fn new(count: usize) -> Registers {
        Registers(vec![0; count.div_ceil(64)])
    }

    pub fn insert(&mut self, register: u16) {
        self.0[register as usize / 64] |= 1 << (register % 64);
    }

    pub fn remove(&mut self, register: u16) {
        self.0[register as usize / 64] &= !(1 << (register % 64));
    }

    pub fn contains(&self, register: u16) -> bool {
        self.0[register as usize / 64] >> (register % 64) & 1 == 1
    }

    /// Adds all of `other`; whether that changed anything.
    pub fn union(&mut self, other: &Registers) -> bool {
        let mut changed = false;
        for (word, more) in self.0.iter_mut().zip(&other.0) {
            changed |= *more & !*word != 0;
            *word |= more;
        }
        changed
    }

    pub fn iter(&self) -> impl Iterator<Item = u16> + '_ {
        self.0.iter().enumerate().flat_map(|(i, word)| {
            let mut bits = *word;
            std::iter::from_fn(move || {
                let bit = bits.trailing_zeros();
                (bit < 64).then(|| {
                    bits &= bits - 1;
                    (i * 64) as u16 + bit as u16
                })
            })
        })
    }

    fn truncate(&mut self, from: u16) {
        let doomed: Vec<u16> = self.iter().filter(|r| *r >= from).collect();
        for register in doomed {
            self.remove(register);
        }
    }
}

/// A run of instructions that is entered at its first and left at its last.
#[derive(Debug, Default)]
pub struct Block {
    /// First instruction.
    pub start: usize,
    /// Last instruction.
    pub last: usize,
    /// One past the last.
    pub end: usize,
    /// Where it goes on: first the jump, then what follows.
    pub succs: Vec<usize>,
    pub preds: Vec<usize>,
    /// If a loop begins here: what is in it.
    pub round: Option<Round>,
}

/// What the rounds of a loop do.
#[derive(Debug)]
pub struct Round {
    /// Registers written.
    pub writes: Registers,
    /// Registers read.
    pub reads: Registers,
    /// Whether something is called.
    pub calls: bool,
    /// Registers that elements are read from or written to.
    pub arrays: Vec<u16>,
    /// Registers whose elements or members are written to.
    pub stores: Vec<u16>,
    /// Arrays and the registers they are indexed with.
    pub indices: Vec<(u16, u16)>,
    /// Registers of which members are used, with the first of these instructions.
    pub records: Vec<(u16, usize)>,
    /// Whether records get members.
    pub reshapes: bool,
    /// Calls of functions in variables of the module.
    pub globals: Vec<usize>,
    /// Whether such variables are set.
    pub sets: bool,
    /// What holds at the beginning of each round but the first, if there is one way back.
    pub bound: Option<Bound>,
}

impl Round {
    fn new(registers: usize, bound: Option<Bound>) -> Round {
        Round {
            writes: Registers::new(registers),
            reads: Registers::new(registers),
            calls: false,
            arrays: Vec::new(),
            stores: Vec::new(),
            indices: Vec::new(),
            records: Vec::new(),
            reshapes: false,
            globals: Vec::new(),
            sets: false,
            bound,
        }
    }

    /// Takes an instruction of the loop into account.
    fn add(&mut self, unit: &Unit, pc: usize) {
        let insn = unit.code.insns[pc];
        match insn.op {
            Op::GetIndex | Op::GetIndexI => self.arrays.push(insn.b),
            Op::SetIndex | Op::SetIndexI => {
                self.stores.push(insn.a);
                self.arrays.push(insn.a);
            }
            Op::IterNext => self.arrays.push(insn.a),
            Op::GetProp => self.records.push((insn.b, pc)),
            Op::SetProp => {
                self.stores.push(insn.a);
                self.records.push((insn.a, pc));
                self.reshapes |= unit.seen[pc].shapes.iter().any(|shape| shape.next != 0);
            }
            Op::CallModule => self.globals.push(pc),
            Op::SetModule => self.sets = true,
            _ => {}
        }
        match insn.op {
            Op::GetIndex => self.indices.push((insn.b, insn.c)),
            Op::SetIndex => self.indices.push((insn.a, insn.b)),
            _ => {}
        }
        let e = effects(unit, pc);
        e.uses.iter().for_each(|r| self.reads.insert(*r));
        e.defs.iter().chain(&e.clobbers).for_each(|r| self.writes.insert(*r));
        if let Some(from) = e.kills {
            (from..unit.code.nregs).for_each(|r| self.writes.insert(r));
        }
    }
}

/// A register is less than the limit, or at most the limit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bound {
    pub register: u16,
    pub limit: Limit,
    pub inclusive: bool,
    /// What is added in each round must be positive for that.
    pub step: Option<u16>,
}

/// What a register is compared with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Limit {
    Register(u16),
    Number(i64),
}

/// What holds where the jump at the end of a round leads.
fn bound_of(insn: Insn) -> Option<Bound> {
    if insn.op == Op::RangeLoop {
        let (register, limit) = (insn.a + 3, Limit::Register(insn.a + 1));
        return Some(Bound { register, limit, inclusive: true, step: Some(insn.a + 2) });
    }
    let (limit, inclusive) = match insn.op {
        Op::LoopLt => (Limit::Register(insn.b), false),
        Op::LoopLe => (Limit::Register(insn.b), true),
        Op::LoopLtI => (Limit::Number(insn.sb() as i64), false),
        Op::LoopLeI => (Limit::Number(insn.sb() as i64), true),
        _ => return None,
    };
    Some(Bound { register: insn.a, limit, inclusive, step: None })
}

/// The control flow of a function from one entry on, without handlers of
/// exceptions.
#[derive(Debug)]
pub struct Flow {
    /// In reverse postorder; the first is the entry.
    pub blocks: Vec<Block>,
    /// Registers that are live before each instruction.
    pub live: Vec<Registers>,
    /// Whether there is a loop with a call inside.
    pub calls_in_loops: bool,
    /// Instructions at which something may be called.
    pub calls: Vec<bool>,
    /// Instructions that the interpreter will run though nothing is called there.
    pub stepping: Vec<bool>,
    /// Headers with the blocks of their loops.
    loops: Vec<(usize, Vec<usize>)>,
}

/// Whether compiled code may call at this instruction.
pub fn may_call(op: Op) -> bool {
    use Op::*;
    !matches!(
        op,
        Move | LoadInt
            | LoadSpecial
            | LoadConst
            | GetModule
            | SetModule
            | Add
            | Sub
            | Mul
            | Div
            | Mod
            | AddI
            | SubI
            | MulI
            | DivI
            | ModI
            | Neg
            | Lt
            | Le
            | Eq
            | Ne
            | Jump
            | Loop
            | JumpIf
            | JumpIfNot
            | JumpLt
            | JumpLe
            | JumpNotLt
            | JumpNotLe
            | JumpLtI
            | JumpLeI
            | JumpGtI
            | JumpGeI
            | JumpNotLtI
            | JumpNotLeI
            | JumpNotGtI
            | JumpNotGeI
            | JumpEq
            | JumpNe
            | JumpEqI
            | JumpNeI
            | JumpIfNil
            | JumpIfVoid
            | JumpIfSet
            | LoopLt
            | LoopLe
            | LoopLtI
            | LoopLeI
            | LoopGtI
            | LoopGeI
            | LoopNeI
            | RangePrep
            | RangeLoop
            | IterInit
            | IterClose
            | IterNext
            | GetIndex
            | SetIndex
            | GetIndexI
            | SetIndexI
            | GetProp
            | SetProp
            | GetScope
            | GetUp
            | CheckSet
            | CheckFound
            | CheckMember
            | Return
    )
}

impl Flow {
    /// The flow of `unit` from `entry` on.
    ///
    /// # Errors
    /// What cannot be compiled.
    ///
    /// `is_silent` says of calls that they will change nothing.
    pub fn new(
        unit: &Unit,
        entry: usize,
        is_silent: impl Fn(usize) -> bool,
    ) -> Result<Flow, Refusal> {
        let code = &unit.code;
        if code.insns.len() > MAX_INSNS || code.nregs as usize > MAX_REGISTERS {
            return Err(Refusal::new("the function is too large"));
        }
        let blocks = order(unit, entry);
        let stepping = vec![false; code.insns.len()];
        let calls =
            |pc: usize| may_call(code.insns[pc].op) && !is_silent(pc) && unit.inlined(pc).is_none();
        let calls = (0..code.insns.len()).map(calls).collect();
        let mut flow = Flow {
            calls,
            blocks,
            live: liveness(unit),
            calls_in_loops: false,
            stepping,
            loops: Vec::new(),
        };
        flow.find_loops(unit)?;
        flow.calls_in_loops =
            flow.blocks.iter().any(|b| b.round.as_ref().is_some_and(|round| round.calls));
        Ok(flow)
    }

    /// The instruction at `pc` in this block is left to the interpreter.
    pub fn steps_at(&mut self, block: usize, pc: usize) {
        self.stepping[pc] = true;
        for (header, body) in &self.loops {
            if body.contains(&block) {
                self.blocks[*header].round.as_mut().expect("a loop begins there").calls = true;
                self.calls_in_loops = true;
            }
        }
    }

    fn find_loops(&mut self, unit: &Unit) -> Result<(), Refusal> {
        let dominators = self.dominators();
        let dominates = |over: usize, mut block: usize| loop {
            if over == block {
                return true;
            }
            if block == 0 {
                return false;
            }
            block = dominators[block];
        };
        for block in 0..self.blocks.len() {
            for succ in self.blocks[block].succs.clone() {
                if succ > block {
                    continue;
                }
                if !dominates(succ, block) {
                    return Err(Refusal::new("a loop has two entries"));
                }
                self.add_loop(unit, succ, block);
            }
        }
        Ok(())
    }

    /// Takes the natural loop of a back edge into account.
    fn add_loop(&mut self, unit: &Unit, header: usize, tail: usize) {
        let code = &unit.code;
        let mut body = vec![header];
        let mut todo = vec![tail];
        while let Some(block) = todo.pop() {
            if !body.contains(&block) {
                body.push(block);
                todo.extend(&self.blocks[block].preds);
            }
        }
        let mut round = match self.blocks[header].round.take() {
            // Whether the bound holds on each of several ways back is not asked.
            Some(round) => Round { bound: None, ..round },
            None => {
                let back = code.insns[self.blocks[tail].last];
                Round::new(code.nregs as usize, bound_of(back))
            }
        };
        self.loops.push((header, body.clone()));
        for block in body {
            for pc in self.blocks[block].start..self.blocks[block].end {
                round.calls |= self.calls[pc];
                round.add(unit, pc);
            }
        }
        round.records.sort_unstable();
        round.records.dedup_by_key(|(register, _)| *register);
        for list in [&mut round.arrays, &mut round.stores] {
            list.sort_unstable();
            list.dedup();
        }
        self.blocks[header].round = Some(round);
    }

    /// The immediate dominator of each block, after Cooper, Harvey and Kennedy,
    /// *A Simple, Fast Dominance Algorithm* (2001).
    fn dominators(&self) -> Vec<usize> {
        const NONE: usize = usize::MAX;
        let mut dominator = vec![NONE; self.blocks.len()];
        dominator[0] = 0;
        let mut changed = true;
        while changed {
            changed = false;
            for block in 1..self.blocks.len() {
                let known = self.blocks[block].preds.iter().filter(|p| dominator[**p] != NONE);
                let new = known.copied().reduce(|mut a, mut b| {
                    while a != b {
                        while a > b {
                            a = dominator[a];
                        }
                        while b > a {
                            b = dominator[b];
                        }
                    }
                    a
                });
                let new = new.unwrap_or(0);
                changed |= dominator[block] != new;
                dominator[block] = new;
            }
        }
        dominator
    }
}

/// Blocks that can be reached, in reverse postorder.
fn order(unit: &Unit, entry: usize) -> Vec<Block> {
    let count = unit.code.insns.len();
    let (mut reached, mut leader) = (vec![false; count], vec![false; count]);
    leader[entry] = true;
    let mut todo = vec![entry];
    while let Some(pc) = todo.pop() {
        if std::mem::replace(&mut reached[pc], true) {
            continue;
        }
        let all = unit.targets(pc);
        let jumps = unit.ends_block(pc);
        for target in all {
            leader[target] |= jumps;
            todo.push(target);
        }
    }
    // Postorder of blocks, with a stack of our own.
    let end_of = |start: usize| {
        let mut pc = start;
        loop {
            let after = unit.next(pc);
            if unit.ends_block(pc) || leader[after] {
                return (pc, after);
            }
            pc = after;
        }
    };
    let mut postorder: Vec<usize> = Vec::new();
    let mut seen = vec![false; count];
    seen[entry] = true;
    let mut stack = vec![(entry, unit.targets(end_of(entry).0))];
    while let Some((start, succs)) = stack.last_mut() {
        match succs.pop() {
            Some(succ) if !seen[succ] => {
                seen[succ] = true;
                stack.push((succ, unit.targets(end_of(succ).0)));
            }
            Some(_) => {}
            None => {
                postorder.push(*start);
                stack.pop();
            }
        }
    }
    postorder.reverse();
    let mut number = vec![usize::MAX; count];
    for (i, start) in postorder.iter().enumerate() {
        number[*start] = i;
    }
    let mut blocks: Vec<Block> = postorder
        .iter()
        .map(|start| {
            let (last, end) = end_of(*start);
            let succs = unit.targets(last).into_iter().map(|t| number[t]).collect();
            Block { start: *start, last, end, succs, ..Block::default() }
        })
        .collect();
    for block in 0..blocks.len() {
        for succ in blocks[block].succs.clone() {
            blocks[succ].preds.push(block);
        }
    }
    blocks
}

/// Registers live before each instruction, over all paths: those of handlers
/// and of the interpreter as well.
fn liveness(unit: &Unit) -> Vec<Registers> {
    let code = &unit.code;
    let registers = code.nregs as usize;
    let count = code.insns.len();
    let mut live = vec![Registers::new(registers); count];
    let all: Vec<_> = (0..count).map(|pc| effects(unit, pc)).collect();
    let handlers: Vec<_> = (0..count).map(|pc| unit.handlers(pc)).collect();
    let mut changed = true;
    while changed {
        changed = false;
        for pc in (0..count).rev() {
            let mut set = Registers::new(registers);
            let mut follow = |target: usize| {
                if target < count {
                    set.union(&live[target]);
                }
            };
            match unit.inlined(pc) {
                // The interpreter may make the call as well.
                Some(_) if !code.insns[pc].op.is_tail_call() => follow(unit.next(pc)),
                Some(_) => {
                    unit.part(pc).caller.iter().for_each(|(_, call)| follow(unit.next(*call)))
                }
                None => unit.targets(pc).into_iter().for_each(&mut follow),
            }
            if code.insns[pc].skip().is_some() {
                follow(pc + 1);
            }
            let e = &all[pc];
            if let Some(from) = e.kills {
                set.truncate(from);
            }
            // Where a clobbered register is not written, nobody reads it either.
            e.defs.iter().chain(&e.clobbers).for_each(|r| set.remove(*r));
            for handler in &handlers[pc] {
                let mut caught = live[handler.target as usize].clone();
                caught.remove(handler.exception);
                set.union(&caught);
            }
            e.uses.iter().for_each(|r| set.insert(*r));
            changed |= live[pc].union(&set);
        }
    }
    live
}

#[cfg(test)]
mod tests {
    use gene_isa::assemble;

    use super::*;

    const LOOP: &str = ".function f\n.registers 6\n.param n\nload_int r3 0\nload_int r4 0\n\
        L0:\nadd r3 r3 r4\nadd_i r4 r4 1\nloop_lt r4 r2 L0\nreturn r3\n.end";

    #[test]
    fn loops_know_what_they_write() {
        let unit = Unit::plain(&assemble(LOOP).unwrap());
        let flow = Flow::new(&unit, 0, |_| false).unwrap();
        assert_eq!(flow.blocks.len(), 3);
        let round = flow.blocks[1].round.as_ref().unwrap();
        assert_eq!(round.writes.iter().collect::<Vec<_>>(), [3, 4]);
        assert!(!flow.calls_in_loops);
        assert_eq!(flow.live[2].iter().collect::<Vec<_>>(), [2, 3, 4]);
        assert_eq!(flow.live[5].iter().collect::<Vec<_>>(), [3]);
    }

    #[test]
    fn a_loop_can_be_the_entry() {
        let unit = Unit::plain(&assemble(LOOP).unwrap());
        let flow = Flow::new(&unit, 2, |_| false).unwrap();
        assert_eq!(flow.blocks[0].start, 2);
        assert!(flow.blocks[0].round.is_some());
    }
}

//! The types at the entry of each block.
//!
//! A forward analysis over intervals with widening at loops (Cousot and Cousot,
//! *Abstract Interpretation*, POPL 1977), which asks [`Infer`] what each instruction does.

use gene_isa::backend::Kinds;
use gene_isa::value::{INT_MAX, INT_MIN};

use crate::flow::Flow;
use crate::infer::{ASSUMED, Infer, is_single};
use crate::types::Ty;

/// The types at the entry of each block; `None` if it is never reached.
pub type BlockTypes = Vec<Option<Vec<Ty>>>;

/// Finds the types at the entries of all blocks.
pub fn solve(infer: &Infer, flow: &Flow) -> BlockTypes {
    let mut banned = Vec::new();
    loop {
        match Solver::new(infer, flow, &banned).run() {
            Ok(types) => return types,
            Err(conflict) => banned.push(conflict),
        }
    }
}

/// How often the bounds at a loop may change before they are given up.
const PATIENCE: u32 = 3;

struct Solver<'a, 'b> {
    infer: &'a Infer<'b>,
    flow: &'a Flow,
    types: BlockTypes,
    visits: Vec<u32>,
    /// Registers about which a loop header assumes nothing, by block.
    banned: &'a [(usize, u16)],
}

impl<'a, 'b> Solver<'a, 'b> {
    fn new(infer: &'a Infer<'b>, flow: &'a Flow, banned: &'a [(usize, u16)]) -> Self {
        let count = flow.blocks.len();
        Solver { infer, flow, types: vec![None; count], visits: vec![0; count], banned }
    }

    fn run(mut self) -> Result<BlockTypes, (usize, u16)> {
        let mut dirty = vec![false; self.flow.blocks.len()];
        self.reach(0, self.assumed_entry(), &mut dirty)?;
        while let Some(block) = dirty.iter().position(|d| *d) {
            dirty[block] = false;
            let Some(mut types) = self.types[block].clone() else { continue };
            let Some((last, goes_on)) = self.walk(block, &mut types) else { continue };
            if !goes_on {
                continue;
            }
            for (way, succ) in self.flow.blocks[block].succs.iter().enumerate() {
                if !self.infer.may_go(last, way, &types) {
                    continue;
                }
                let mut out = types.clone();
                if self.infer.code.insns[last].jump().is_some() {
                    self.infer.refine(last, way, &mut out);
                }
                self.reach(*succ, out, &mut dirty)?;
            }
        }
        Ok(self.types)
    }

    /// Types at the entry: in a running loop Ints that have not been negative will not be.
    fn assumed_entry(&self) -> Vec<Ty> {
        let mut types = entry_types(self.infer);
        let start = self.flow.blocks[0].start;
        let seen = self.infer.unit.loop_at(start).filter(|_| self.infer.own.is_none());
        if let Some(seen) = seen {
            for (i, (kinds, negative)) in seen.kinds.iter().zip(&seen.negative).enumerate() {
                let assume = *kinds == Kinds::INT && !negative && types[i] == Ty::ANY;
                if assume && !self.banned.contains(&(0, i as u16)) {
                    types[i] = Ty::int(0, INT_MAX);
                }
            }
        }
        types
    }

    /// Types after the block, its last instruction, and whether it goes on.
    fn walk(&self, block: usize, types: &mut [Ty]) -> Option<(usize, bool)> {
        let block = &self.flow.blocks[block];
        let mut pc = block.start;
        let mut last = None;
        while pc < block.end {
            if !self.infer.transfer(pc, types) {
                return Some((pc, false));
            }
            last = Some(pc);
            pc = self.infer.unit.next(pc);
        }
        last.map(|last| (last, true))
    }

    fn reach(
        &mut self,
        block: usize,
        mut types: Vec<Ty>,
        dirty: &mut [bool],
    ) -> Result<(), (usize, u16)> {
        let start = self.flow.blocks[block].start;
        let header = self.flow.blocks[block].round.is_some();
        if header {
            for register in self.flow.live[start].iter() {
                let assumed = self.infer.unit.loop_kinds(start, register);
                let kinds = assumed.unwrap_or(Kinds::ANY);
                if !is_single(kinds)
                    || !kinds.within(ASSUMED)
                    || self.banned.contains(&(block, register))
                {
                    continue;
                }
                let ty = &mut types[register as usize];
                if ty.kinds.and(kinds).is_empty() {
                    return Err((block, register));
                }
                *ty = ty.narrow(kinds);
            }
        }
        let Some(old) = &mut self.types[block] else {
            self.types[block] = Some(types);
            dirty[block] = true;
            return Ok(());
        };
        self.visits[block] += 1;
        let widen = header && self.visits[block] > PATIENCE;
        for (old, new) in old.iter_mut().zip(types) {
            let mut joined = old.join(new);
            if widen && joined.is_int() {
                // One less first: what is known to be less than another Int.
                if joined.lo < old.lo {
                    joined.lo = INT_MIN + (joined.lo > INT_MIN) as i64;
                }
                if joined.hi > old.hi {
                    joined.hi = INT_MAX - (joined.hi < INT_MAX) as i64;
                }
            }
            dirty[block] |= joined != *old;
            *old = joined;
        }
        Ok(())
    }
}

/// Tells the flow which instructions will be left to the interpreter.
pub fn find_steps(infer: &Infer, flow: &mut Flow, types: &BlockTypes) {
    for block in 0..flow.blocks.len() {
        let Some(mut types) = types[block].clone() else { continue };
        let (mut pc, end) = (flow.blocks[block].start, flow.blocks[block].end);
        while pc < end {
            if infer.steps(pc, &types) {
                flow.steps_at(block, pc);
            }
            if !infer.transfer(pc, &mut types) {
                break;
            }
            pc = infer.unit.next(pc);
        }
    }
}

/// Types of the registers at the entry.
pub fn entry_types(infer: &Infer) -> Vec<Ty> {
    let mut types = vec![Ty::ANY; infer.code.nregs as usize];
    types[0] = Ty::of(Kinds::FUNCTION);
    if let Some(own) = &infer.own {
        for (i, rep) in own.params.iter().enumerate() {
            types[2 + i] = Ty::of_rep(*rep);
        }
    }
    types
}

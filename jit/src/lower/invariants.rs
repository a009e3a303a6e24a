//! What is looked at before a loop, so that the loop need not.
//!
//! A loop that calls nothing changes neither the length of an array nor, if it says so,
//! the shape of a record. For registers that the loop does not write, its only entry checks
//! these once. What is checked there need not hold for the program to be right: the
//! loop may leave before it matters. So where this has failed in vain, the loop looks by
//! itself.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, Value, types};
use gene_isa::backend::Kinds;

use super::{Lower, Shape};
use crate::flow::{Bound, Limit, Round};
use crate::infer::CallPlan;

/// A register that is less than a length in each round of a loop.
pub type Below = (u16, Value);

impl Lower<'_, '_> {
    /// At the only way into a loop: checks and loads what stays as it is. The indices that are
    /// below a length.
    pub(super) fn prepare_loop(&mut self, start: usize, round: &Round) -> Vec<Below> {
        if round.calls || self.unit.loop_at(start).is_none() {
            return Vec::new();
        }
        self.prepare_arrays(start, round);
        self.prepare_records(start, round);
        self.prepare_globals(round);
        self.prepare_indices(start, round)
    }

    /// Whether a register has one value in the loop, which it needs.
    fn stays(&self, start: usize, round: &Round, register: u16) -> bool {
        !round.writes.contains(register) && self.flow.live[start].contains(register)
    }

    fn prepare_arrays(&mut self, start: usize, round: &Round) {
        for register in &round.arrays {
            let array = self.state.types[*register as usize].kinds == Kinds::ARRAY;
            if !array || !self.stays(start, round, *register) {
                continue;
            }
            let word = self.boxed(*register);
            let address = self.address(word);
            let mut parts = self.array_parts(address);
            if round.stores.contains(register) {
                self.guard_mutable(address);
                self.barrier_always(address);
                parts.writable = true;
            }
            self.state.arrays.retain(|(known, _)| *known != word);
            self.state.arrays.push((word, parts));
        }
    }

    fn prepare_records(&mut self, start: usize, round: &Round) {
        if round.reshapes {
            return;
        }
        for (register, user) in &round.records {
            let kinds = self.state.types[*register as usize].kinds;
            let record = kinds.within(Kinds::RECORD) && !kinds.is_empty();
            let shapes = &self.infer.seen(*user).shapes;
            let [only] = &shapes[..] else { continue };
            if !record
                || self.infer.member(*user) != Some(true)
                || !self.stays(start, round, *register)
            {
                continue;
            }
            let word = self.boxed(*register);
            let address = self.address(word);
            let known = self.known_shape(word);
            let shape = self.load(address, self.run.layout.record_shape);
            self.guard_shape(address, shape, only, known);
            let mutable = known.is_some_and(|k| k.mutable && k.address == only.shape);
            let stored = round.stores.contains(register);
            if stored && !mutable {
                self.guard_mutable(address);
            }
            let shape =
                Shape { address: only.shape, inline: only.inline, mutable: mutable || stored };
            self.note_shape(word, shape);
        }
    }

    /// Natives of which a call is a few instructions.
    fn prepare_globals(&mut self, round: &Round) {
        if round.sets {
            return;
        }
        for pc in &round.globals {
            if let CallPlan::Native(value, _) = self.infer.call(*pc)
                && self.infer.is_silent(*pc)
            {
                self.guard_global(*pc, self.unit.code.insns[*pc], value);
            }
        }
    }

    /// A loop whose counter is below a limit that is at most the length of an array.
    fn prepare_indices(&mut self, start: usize, round: &Round) -> Vec<Below> {
        let mut found: Vec<Below> = Vec::new();
        let Some(bound) = round.bound else { return found };
        let Some(limit) = self.limit(start, round, bound) else { return found };
        for (array, index) in &round.indices {
            let Some(slot) = self.state.slots.get(*array as usize) else { continue };
            let parts = self.state.arrays.iter().find(|(word, _)| slot.val == Some(*word));
            let Some((_, parts)) = parts.filter(|_| self.stays(start, round, *array)) else {
                continue;
            };
            let len = parts.len;
            if *index != bound.register || found.iter().any(|(_, known)| *known == len) {
                continue;
            }
            let inside = match bound.inclusive {
                true => IntCC::SignedLessThan,
                false => IntCC::SignedLessThanOrEqual,
            };
            let fits = self.b.ins().icmp(inside, limit, len);
            self.exit_unless(fits, "an index may be out of bounds");
            found.push((*index, len));
        }
        found
    }

    /// The limit of a loop's counter as a number, if the counter is never negative, and
    /// below it when the loop is entered: leaves otherwise.
    fn limit(&mut self, start: usize, round: &Round, bound: Bound) -> Option<Value> {
        let indexed = |(_, index): &(u16, u16)| *index == bound.register;
        if !round.indices.iter().any(indexed) {
            return None;
        }
        let counter = self.state.types[bound.register as usize];
        let rises = bound.step.is_none_or(|step| {
            let step = self.state.types[step as usize];
            step.is_int() && step.lo > 0
        });
        let known = self.block_types[self.block_at(start)].as_ref()?[bound.register as usize];
        if !counter.is_int() || !known.is_int() || known.lo < 0 || !rises {
            return None;
        }
        let limit = match bound.limit {
            Limit::Number(limit) => self.b.ins().iconst(types::I64, limit),
            Limit::Register(limit) => {
                let int = self.state.types[limit as usize].is_int();
                if !int || !self.stays(start, round, limit) {
                    return None;
                }
                self.int(limit)
            }
        };
        let first = self.int(bound.register);
        let inside = match bound.inclusive {
            true => IntCC::SignedLessThanOrEqual,
            false => IntCC::SignedLessThan,
        };
        let fits = self.b.ins().icmp(inside, first, limit);
        self.exit_unless(fits, "an index may be out of bounds");
        Some(limit)
    }
}

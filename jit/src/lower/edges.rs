//! Where paths meet: registers become parameters of blocks where the paths
//! bring different values.

use cranelift_codegen::ir::{self, BlockArg, InstBuilder};
use gene_isa::backend::Rep;

use super::{Lower, Slot, State, machine_type};
use crate::types::Ty;

/// A way into a block, which still has to convert what it brings.
pub struct Edge {
    block: ir::Block,
    state: State,
}

/// A loop header that has been entered.
#[derive(Clone)]
pub struct Header {
    block: ir::Block,
    params: Vec<(u16, Rep)>,
    types: Vec<Ty>,
}

impl Lower<'_, '_> {
    /// A block that leads to the flow block `succ` with the present state.
    pub(super) fn edge(&mut self, succ: usize) -> ir::Block {
        let state = self.state.clone();
        self.edge_with(succ, state)
    }

    /// The same with what is known on the `way`-th way out of a jump.
    pub(super) fn way(&mut self, way: usize) -> ir::Block {
        let mut state = self.state.clone();
        self.infer.refine(self.pc, way, &mut state.types);
        let succ = self.succ(way);
        self.edge_with(succ, state)
    }

    pub(super) fn edge_with(&mut self, succ: usize, state: State) -> ir::Block {
        let block = self.b.create_block();
        let edge = Edge { block, state };
        match self.headers[succ].is_some() {
            true => self.backward.push((succ, edge)),
            false => self.edges[succ].push(edge),
        }
        block
    }

    /// Begins a block; `false` if nothing leads to it.
    pub(super) fn enter_block(&mut self, number: usize) -> bool {
        let mut edges = std::mem::take(&mut self.edges[number]);
        let flow = self.flow;
        let block = &flow.blocks[number];
        if edges.is_empty() {
            return false;
        }
        let round = block.round.as_ref();
        if round.is_none() && edges.len() == 1 {
            let edge = edges.remove(0);
            self.b.switch_to_block(edge.block);
            self.state = edge.state;
            return true;
        }
        let types = match &self.block_types[number] {
            Some(types) => types.clone(),
            // The solver found no way here, so it claims nothing.
            None => vec![Ty::ANY; self.state.types.len()],
        };
        let joined = self.b.create_block();
        let only = edges.len() == 1;
        let mut below = Vec::new();
        // First each edge converts; then it is seen what differs.
        for edge in &mut edges {
            self.b.switch_to_block(edge.block);
            std::mem::swap(&mut self.state, &mut edge.state);
            self.opaque = round.is_some();
            self.convert_all(block.start, &types);
            if let (true, Some(round)) = (only, round) {
                below = self.prepare_loop(block.start, round);
            }
            self.opaque = false;
            if let Some(round) = round {
                // Exits of the loop then need not keep these in registers.
                for register in flow.live[block.start].iter().filter(|r| !round.writes.contains(*r))
                {
                    self.sync(register);
                }
            }
            std::mem::swap(&mut self.state, &mut edge.state);
            let tail = self.b.create_block();
            self.b.ins().jump(tail, &[]);
            edge.block = tail;
        }
        let mut state = edges[0].state.clone();
        state.types = types.clone();
        state.frames = edges.iter().fold(u32::MAX, |all, e| all & e.state.frames);
        state.returns = edges.iter().fold(u32::MAX, |all, e| all & e.state.returns);
        let keeps = round.is_none_or(|round| !round.calls);
        let shapes = keeps && round.is_none_or(|round| !round.reshapes);
        state.shapes.retain(|s| shapes && edges.iter().all(|e| e.state.shapes.contains(s)));
        state.arrays.retain(|a| keeps && edges.iter().all(|e| e.state.arrays.contains(a)));
        let globals = keeps && round.is_none_or(|round| !round.sets);
        state.globals.retain(|g| globals && edges.iter().all(|e| e.state.globals.contains(g)));
        state.falsy.clear();
        state.scopes.retain(|s| edges.iter().all(|e| e.state.scopes.contains(s)));
        state.fresh.clear();
        state.virtuals.clear();
        state.collected = round.is_none() && edges.iter().all(|e| e.state.collected);
        let mut params = Vec::new();
        for register in 0..state.slots.len() as u16 {
            let i = register as usize;
            if !flow.live[block.start].contains(register) {
                state.slots[i] = Slot::MEMORY;
                state.types[i] = Ty::ANY;
                continue;
            }
            let first = edges[0].state.slots[i];
            let same = edges.iter().all(|e| {
                let slot = e.state.slots[i];
                slot.val == first.val && slot.rep == first.rep
            });
            let written = round.is_some_and(|round| round.writes.contains(register));
            let synced = edges.iter().all(|e| e.state.slots[i].synced);
            let read = round.is_none_or(|round| round.reads.contains(register));
            state.slots[i] = if synced && !written && !read {
                // Cranelift would keep it in a machine register through the loop, or move it
                // to and from the stack in each round.
                Slot::MEMORY
            } else if same && !written {
                Slot { synced, ..first }
            } else {
                let rep = types[i].rep();
                let val = self.b.append_block_param(joined, machine_type(rep));
                params.push((register, rep));
                Slot { val: Some(val), rep, synced: synced && !written, virt: None }
            };
        }
        for (register, len) in below {
            let slot = state.slots[register as usize];
            if let (Some(index), Rep::Int) = (slot.val, slot.rep) {
                self.bounded.push((index, len));
            }
        }
        if round.is_some() {
            self.headers[number] =
                Some(Header { block: joined, params: params.clone(), types: types.clone() });
        }
        for edge in edges {
            self.b.switch_to_block(edge.block);
            self.state = edge.state;
            self.jump_with(joined, &params);
        }
        self.b.switch_to_block(joined);
        self.state = state;
        true
    }

    /// Completes the edges back to loop headers.
    pub(super) fn finish_back_edges(&mut self) {
        for (succ, edge) in std::mem::take(&mut self.backward) {
            let Some(header) = self.headers[succ].clone() else { continue };
            self.b.switch_to_block(edge.block);
            self.state = edge.state;
            self.convert_all(self.flow.blocks[succ].start, &header.types);
            self.jump_with(header.block, &header.params);
        }
    }

    fn jump_with(&mut self, block: ir::Block, params: &[(u16, Rep)]) {
        let args: Vec<BlockArg> = params
            .iter()
            .map(|(register, rep)| {
                let value = match rep {
                    Rep::Value => self.boxed(*register),
                    Rep::Int => self.int(*register),
                    Rep::Float => self.float(*register),
                };
                value.into()
            })
            .collect();
        self.b.ins().jump(block, &args);
    }

    /// Brings the registers that are live at `start` to the types of a block;
    /// what cannot be leaves to the interpreter there.
    fn convert_all(&mut self, start: usize, types: &[Ty]) {
        self.exit_here = None;
        self.pc = start;
        self.materialise_live(start);
        let flow = self.flow;
        for register in flow.live[start].iter() {
            let (now, then) = (self.state.types[register as usize], types[register as usize]);
            if !now.kinds.within(then.kinds) {
                self.guard(register, then.kinds);
                self.state.types[register as usize] = now.narrow(then.kinds);
            }
            let now = self.state.types[register as usize];
            let bounded = then.is_int() && now.is_int() && (now.lo < then.lo || now.hi > then.hi);
            if bounded {
                self.guard_bounds(register, then);
            }
            match then.rep() {
                Rep::Int => drop(self.int(register)),
                Rep::Float => drop(self.float(register)),
                Rep::Value => {}
            }
        }
        self.exit_here = None;
    }

    /// Leaves unless the Int is within the bounds. The solver's bounds include
    /// everything that lowering finds; this is for the case that they do not.
    fn guard_bounds(&mut self, register: u16, ty: Ty) {
        use cranelift_codegen::ir::condcodes::IntCC;
        let value = self.int(register);
        let low = self.b.ins().icmp_imm_s(IntCC::SignedLessThan, value, ty.lo);
        let high = self.b.ins().icmp_imm_s(IntCC::SignedGreaterThan, value, ty.hi);
        let bad = self.b.ins().bor(low, high);
        self.exit_if(bad, "an Int is out of the bounds found");
    }
}

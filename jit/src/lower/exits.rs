//! Side exits: back to the interpreter, at an instruction.
//!
//! An exit does not call: a value that is live across a call in a cold block
//! would be spilled where it is defined, in the hot loop. It writes what the
//! window lacks, and the frame, and ends the function with a status; whoever
//! called lets the interpreter go on with the frame.

use cranelift_codegen::ir::{self, InstBuilder, Value, types};
use gene_isa::backend::{Exit, status};

use super::{Lower, Slot, State};

/// An exit whose code is written at the end.
pub struct PendingExit {
    block: ir::Block,
    index: Option<usize>,
    to: Snapshot,
}

/// What an exit writes.
#[derive(Clone)]
pub struct Snapshot {
    /// Where the interpreter goes on.
    pc: usize,
    /// Registers to be written.
    slots: Vec<(u16, Slot)>,
    state: State,
}

impl Snapshot {
    /// Whether the register is written with a value that the window does not have.
    pub(super) fn writes(&self, register: u16) -> bool {
        self.slots.iter().any(|(written, _)| *written == register)
    }
}

impl Lower<'_, '_> {
    /// The exit before the running instruction.
    pub(super) fn exit(&mut self, reason: &'static str) -> ir::Block {
        if let Some(exit) = self.exit_here {
            return exit;
        }
        let exit = self.exit_to(self.pc, reason);
        self.exit_here = Some(exit);
        exit
    }

    /// An exit to the instruction at `pc` with the registers as they are now.
    pub(super) fn exit_to(&mut self, pc: usize, reason: &'static str) -> ir::Block {
        self.exit_blaming(pc, self.pc, reason)
    }

    /// The same with another instruction to blame than the running one.
    pub(super) fn exit_blaming(
        &mut self,
        pc: usize,
        blamed: usize,
        reason: &'static str,
    ) -> ir::Block {
        let index = self.exits.len();
        let to = self.way_out(pc);
        let pc = to.pc;
        let (code, at) = (self.unit.part(pc).id, self.unit.local(pc) as u32);
        // What fails on the way out of a part is the call's fault.
        let blamed = match self.unit.part_at(pc) == self.unit.part_at(blamed) {
            true => self.unit.local(blamed) as u32,
            false => at,
        };
        self.exits.push(Exit { code, pc: at, blamed, reason, ..Exit::default() });
        self.pending_exit(to, Some(index))
    }

    /// The same without a failed assumption.
    pub(super) fn quiet_exit_to(&mut self, pc: usize) -> ir::Block {
        let to = self.way_out(pc);
        let pc = to.pc;
        if to.state.virtuals.is_empty() {
            return self.pending_exit(to, None);
        }
        // What is not made has to be described.
        let index = self.exits.len();
        let (code, at) = (self.unit.part(pc).id, self.unit.local(pc) as u32);
        self.exits.push(Exit { code, pc: at, blamed: at, ..Exit::default() });
        self.pending_exit(to, Some(index))
    }

    fn pending_exit(&mut self, to: Snapshot, index: Option<usize>) -> ir::Block {
        let block = self.b.create_block();
        self.b.set_cold_block(block);
        self.pending.push(PendingExit { block, index, to });
        block
    }

    /// What an exit to `pc` writes, or if floats are not proven, one to before they were
    /// loaded: they may be none.
    fn way_out(&self, pc: usize) -> Snapshot {
        match &self.unproven {
            Some(unproven) => unproven.back.clone(),
            None => self.snapshot(pc),
        }
    }

    /// What an exit to `pc` writes now.
    pub(super) fn snapshot(&self, pc: usize) -> Snapshot {
        let live = self.flow.live[pc].iter();
        let slots = live
            .map(|r| (r, self.state.slots[r as usize]))
            .filter(|(_, slot)| !slot.synced && (slot.val.is_some() || slot.virt.is_some()))
            .collect();
        let state = State {
            slots: Vec::new(),
            types: Vec::new(),
            shapes: Vec::new(),
            arrays: Vec::new(),
            globals: Vec::new(),
            falsy: Vec::new(),
            scopes: Vec::new(),
            fresh: Vec::new(),
            virtuals: self.state.virtuals.clone(),
            ..self.state
        };
        Snapshot { pc, slots, state }
    }

    pub(super) fn exit_if(&mut self, bad: Value, reason: &'static str) {
        let exit = self.exit(reason);
        let good = self.b.create_block();
        self.b.ins().brif(bad, exit, &[], good, &[]);
        self.b.switch_to_block(good);
    }

    pub(super) fn exit_unless(&mut self, good: Value, reason: &'static str) {
        let exit = self.exit(reason);
        let on = self.b.create_block();
        self.b.ins().brif(good, on, &[], exit, &[]);
        self.b.switch_to_block(on);
    }

    /// Writes the code of all exits.
    pub(super) fn finish_exits(&mut self) {
        self.finish_parts();
        let entered = (self.fp, self.base);
        for PendingExit { block, index, to } in std::mem::take(&mut self.pending) {
            self.b.switch_to_block(block);
            if let Some(home) = self.home {
                self.fp = self.b.ins().stack_load(types::I64, types::I64, home, 0);
                self.base = self.b.ins().stack_load(types::I64, types::I64, home, 8);
            }
            for (register, slot) in &to.slots {
                if slot.virt.is_none() {
                    let word = self.box_slot(*slot);
                    self.store_register(*register, word);
                }
            }
            if let Some(index) = index {
                let (rebuilt, held) = self.describe(&to.slots, &to.state);
                (self.exits[index].rebuilt, self.exits[index].held) = (rebuilt, held);
            }
            (self.state.frames, self.state.returns) = (to.state.frames, to.state.returns);
            self.pc = to.pc;
            self.write_frame();
            self.write_pc(to.pc);
            self.write_fp();
            let status =
                self.word(index.map_or(status::INTERPRET, |index| {
                    status::exit(self.request.first_exit + index)
                }));
            self.give_back(status);
        }
        (self.fp, self.base) = entered;
        if let Some(bail) = self.bail {
            self.b.switch_to_block(bail);
            let status = self.b.block_params(bail)[0];
            self.give_back(status);
        }
    }

    // ---- frames ----------------------------------------------------------------

    /// The frame at a level, counted from the function's.
    pub(super) fn frame_at(&mut self, level: u16) -> Value {
        let bytes = level as i64 * self.run.layout.frame_size as i64;
        if bytes == 0 { self.fp } else { self.b.ins().iadd_imm_s(self.fp, bytes) }
    }

    /// The frame of the running instruction.
    pub(super) fn frame(&mut self) -> Value {
        self.frame_at(self.unit.part(self.pc).level)
    }

    /// Writes the frame of the running instruction but for its `pc`, and all of those below
    /// it, unless that has been done.
    pub(super) fn write_frame(&mut self) {
        let unit = self.unit;
        let layout = self.run.layout;
        let mut part = &unit.parts[unit.part_at(self.pc)];
        loop {
            let bit = 1 << part.level;
            if self.state.frames & bit == 0 {
                self.state.frames |= bit;
                let frame = self.frame_at(part.level);
                let base = match part.base {
                    0 => self.base,
                    base => self.b.ins().iadd_imm_s(self.base, base as i64 * 8),
                };
                self.store(base, frame, layout.frame_base);
                let code = self.word(part.id);
                self.store(code, frame, layout.frame_code);
                let null = self.word(0);
                self.store(null, frame, layout.frame_top);
            }
            let Some((caller, call)) = part.caller else { return };
            part = &unit.parts[caller];
            let bit = 1 << part.level;
            if self.state.returns & bit == 0 {
                self.state.returns |= bit;
                self.write_pc(unit.next(call));
            }
        }
    }

    /// Writes the instruction with which the interpreter would go on in its frame.
    pub(super) fn write_pc(&mut self, pc: usize) {
        self.write_address(self.unit.part_at(pc), pc);
    }

    /// The same for the instruction behind the running one, a call.
    pub(super) fn write_next(&mut self) {
        // Behind a tail call there may be none.
        self.write_address(self.unit.part_at(self.pc), self.pc + 1);
    }

    fn write_address(&mut self, part: usize, pc: usize) {
        let part = &self.unit.parts[part];
        let address = self.word(part.insns + (pc - part.start) as u64 * 8);
        let frame = self.frame_at(part.level);
        self.store(address, frame, self.run.layout.frame_pc);
    }

    /// Makes the frame the running one of the vm.
    pub(super) fn write_fp(&mut self) {
        let vm = self.vm();
        let frame = self.frame();
        self.store(frame, vm, self.run.layout.vm_fp);
    }
}

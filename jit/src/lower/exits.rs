//! Side exits: back to the interpreter, at an instruction.
//!
//! An exit does not call: a value that is live across a call in a cold block
//! would be spilled where it is defined, in the hot loop. It writes what the
//! window lacks, and the frame, and ends the function with a status; whoever
//! called lets the interpreter go on with the frame.

use cranelift_codegen::ir::{self, InstBuilder, Value};
use gene_isa::backend::{Exit, status};

use super::{Lower, Slot};

/// An exit whose code is written at the end.
pub struct PendingExit {
    block: ir::Block,
    pc: usize,
    index: Option<usize>,
    /// Registers to be written.
    slots: Vec<(u16, Slot)>,
    frame: bool,
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
        let index = self.exits.len();
        self.exits.push(Exit { pc: pc as u32, blamed: self.pc as u32, reason });
        self.pending_exit(pc, Some(index))
    }

    /// The same without a failed assumption.
    pub(super) fn quiet_exit_to(&mut self, pc: usize) -> ir::Block {
        self.pending_exit(pc, None)
    }

    fn pending_exit(&mut self, pc: usize, index: Option<usize>) -> ir::Block {
        let block = self.b.create_block();
        self.b.set_cold_block(block);
        let live = self.flow.live[pc].iter();
        let slots = live
            .map(|r| (r, self.state.slots[r as usize]))
            .filter(|(_, slot)| !slot.synced && slot.val.is_some())
            .collect();
        let frame = self.state.frame;
        self.pending.push(PendingExit { block, pc, index, slots, frame });
        block
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
        for exit in std::mem::take(&mut self.pending) {
            self.b.switch_to_block(exit.block);
            for (register, slot) in exit.slots {
                let word = self.box_slot(slot);
                self.store_register(register, word);
            }
            self.state.frame = exit.frame;
            self.write_frame();
            self.write_pc(exit.pc);
            self.write_fp();
            let status = self.word(exit.index.map_or(status::INTERPRET, status::exit));
            self.give_back(status);
        }
        if let Some(bail) = self.bail {
            self.b.switch_to_block(bail);
            let status = self.b.block_params(bail)[0];
            self.give_back(status);
        }
    }

    // ---- the frame -----------------------------------------------------------

    /// Writes the frame but for its `pc`, unless that has been done.
    pub(super) fn write_frame(&mut self) {
        if std::mem::replace(&mut self.state.frame, true) {
            return;
        }
        let layout = self.run.layout;
        self.store(self.base, self.fp, layout.frame_base);
        let code = self.word(self.request.id);
        self.store(code, self.fp, layout.frame_code);
        let null = self.word(0);
        self.store(null, self.fp, layout.frame_top);
    }

    /// Writes the instruction with which the interpreter would go on.
    pub(super) fn write_pc(&mut self, pc: usize) {
        let address = self.word(self.request.insns + pc as u64 * 8);
        self.store(address, self.fp, self.run.layout.frame_pc);
    }

    /// Makes the frame the running one of the vm.
    pub(super) fn write_fp(&mut self) {
        let vm = self.vm();
        self.store(self.fp, vm, self.run.layout.vm_fp);
    }
}

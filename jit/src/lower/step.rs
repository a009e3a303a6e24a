//! Instructions that the interpreter runs for compiled code.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, Value, types};
use gene_isa::backend::{Helper, status};

use super::Lower;
use crate::effects::effects;

impl Lower<'_, '_> {
    /// Leaves the instruction to the interpreter; `false` if it ends the path.
    pub(super) fn step(&mut self) -> bool {
        let status = self.run_step();
        let op = self.unit.code.insns[self.pc].op;
        if op.ends_path() {
            // It is not done in any case: an exception, or another frame.
            let bail = self.bail_block();
            self.b.ins().jump(bail, &[status.into()]);
            return false;
        }
        self.bail_unless_done(status);
        self.take_effects();
        true
    }

    /// The same for a jump.
    pub(super) fn step_jump(&mut self) {
        let status = self.run_step();
        self.take_effects();
        self.settle();
        let (go, stay) = (self.way(0), self.way(1));
        let other = self.b.create_block();
        let jumped = self.b.ins().icmp_imm_s(IntCC::Equal, status, status::JUMPED as i64);
        self.b.ins().brif(jumped, go, &[], other, &[]);
        self.b.switch_to_block(other);
        self.bail_unless_done(status);
        self.b.ins().jump(stay, &[]);
    }

    fn run_step(&mut self) -> Value {
        self.leave_if_silent();
        self.prepare_call(None);
        let uses = effects(self.unit, self.pc).uses;
        uses.into_iter().for_each(|register| self.sync(register));
        self.write_pc(self.pc);
        let part = self.unit.part(self.pc);
        self.steps.push((part.id, self.unit.local(self.pc) as u32));
        let frame = self.frame();
        self.helper(Helper::step, &[frame])
    }

    /// Loops rely on that nothing is called where the flow says so: leaves there.
    pub(super) fn leave_if_silent(&mut self) {
        if !self.flow.calls[self.pc] && !self.flow.stepping[self.pc] {
            let never = self.b.ins().iconst(types::I8, 1);
            self.exit_if(never, "values of other kinds occur");
        }
    }

    /// What the interpreter wrote lies in the window now.
    fn take_effects(&mut self) {
        let e = effects(self.unit, self.pc);
        for register in e.defs.into_iter().chain(e.clobbers) {
            if register < self.unit.code.nregs {
                self.define_in_window(register);
            }
        }
        if let Some(from) = e.kills {
            (from..self.unit.code.nregs).for_each(|r| self.define_in_window(r));
        }
        self.state.forget();
    }

    /// Makes the frame fit to be looked at by a helper: objects that live on are
    /// in the window (from `below` on the registers belong to a callee), and what
    /// a handler of exceptions needs, and the frame is the running one.
    pub(super) fn prepare_call(&mut self, below: Option<u16>) {
        let flow = self.flow;
        let caught = self.is_covered();
        for register in flow.live[self.pc].iter() {
            if below.is_some_and(|below| register >= below) {
                continue;
            }
            let object = self.state.types[register as usize].may_be_object();
            if object || caught {
                self.sync(register);
            }
        }
        self.write_frame();
        self.write_fp();
    }

    /// Whether a handler covers the running instruction.
    pub(super) fn is_covered(&self) -> bool {
        self.unit.handlers_in_part(self.pc).next().is_some()
    }
}

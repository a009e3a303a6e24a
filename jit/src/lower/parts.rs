//! Calls that have become parts of the function.

use cranelift_codegen::ir::InstBuilder;
use gene_isa::backend::{Helper, Rep, Target};
use gene_isa::{Insn, Op, Special};

use super::calls::Head;
use super::{Lower, Slot, special_word};
use crate::infer::argument_count;
use crate::types::Ty;

impl Lower<'_, '_> {
    /// A call of a function that goes on in a part.
    pub(super) fn call_part(&mut self, insn: Insn, part: usize) {
        let seen = self.infer.seen(self.pc);
        let head = match (&seen.target, &seen.methods[..]) {
            (_, [(class, Target::Function(callee))]) => {
                if !self.guard_method(insn, *class) {
                    let never = self.b.ins().iconst(cranelift_codegen::ir::types::I8, 1);
                    self.exit_if(never, "values of other kinds occur");
                }
                let this = self.boxed(insn.a + 1);
                Head { callee: self.word(callee.value), this: Some(this) }
            }
            (Target::Class(class), _) => {
                let instance = self.instantiate(insn, class, None);
                let ctor = class.ctor.as_ref().map_or(0, |ctor| ctor.value);
                Head { callee: self.word(ctor), this: Some(instance) }
            }
            (Target::Function(callee), _) => {
                let this = (insn.op == Op::CallWithSelf).then(|| self.boxed(insn.a + 1));
                let value = self.guard_callee(insn, callee);
                let known = self.known_this(callee);
                Head { callee: value, this: this.or(known) }
            }
            _ => return,
        };
        self.enter_part(insn, part, head);
    }

    /// Arguments and receiver become registers of the part.
    fn enter_part(&mut self, insn: Insn, number: usize, head: Head) {
        let part = &self.unit.parts[number];
        let base = part.base;
        let args: Vec<(Slot, Ty)> = (0..argument_count(insn))
            .map(|i| insn.a + 2 + i)
            .map(|register| (self.fetched(register), self.state.types[register as usize]))
            .collect();
        let called = match insn.op.is_tail_call() {
            true => self.called[self.unit.part_at(self.pc)].clone(),
            false => Some(self.state.clone()),
        };
        self.called[number] = called;
        self.end_window(base);
        self.state.drop_frames(part.level);
        self.define(base, head.callee, Rep::Value);
        match head.this {
            Some(this) => self.define(base + 1, this, Rep::Value),
            None => {
                let function = self.address(head.callee);
                let this = self.load(function, self.run.layout.function_this);
                self.define(base + 1, this, Rep::Value);
            }
        }
        for (i, (slot, _)) in args.into_iter().enumerate() {
            self.define_slot(base + 2 + i as u16, slot);
        }
        for register in &part.scope_regs {
            let nil = self.word(special_word(Special::Nil));
            self.define(*register, nil, Rep::Value);
            // Whoever unwinds looks for scopes there.
            self.sync(*register);
        }
    }

    /// Goes on behind the call of the part with the value of a register.
    pub(super) fn leave_part(&mut self, register: u16) {
        let part = self.unit.part(self.pc);
        let slot = self.fetched(register);
        let ty = self.state.types[register as usize];
        self.end_window(part.base);
        self.state.drop_frames(part.level);
        self.define_slot(part.base, slot);
        self.state.types[part.base as usize] = ty;
        let edge = self.edge(self.succ(0));
        self.b.ins().jump(edge, &[]);
    }

    /// What has raised an exception in a part, or is to be interpreted: its frame is
    /// finished on behalf of the caller, and the caller is interpreted from there
    /// on.
    pub(super) fn finish_parts(&mut self) {
        for number in (0..self.unit.parts.len()).rev() {
            let Some(block) = self.part_bails[number] else { continue };
            let part = &self.unit.parts[number];
            let (Some((_, call)), Some(state)) = (part.caller, self.called[number].clone()) else {
                continue;
            };
            self.b.switch_to_block(block);
            let status = self.b.block_params(block)[0];
            self.state = state;
            self.pc = call;
            self.sync_covered(part.base);
            let frame = self.frame();
            let status = self.helper(Helper::after_call, &[frame, status]);
            self.bail_unless_done(status);
            let value = self.load_vm(self.run.layout.vm_result);
            self.end_window(part.base);
            self.store_register(part.base, value);
            let exit = self.quiet_exit_to(self.unit.next(call));
            self.b.ins().jump(exit, &[]);
        }
    }
}

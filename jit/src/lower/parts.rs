//! Calls that have become parts of the function.

use cranelift_codegen::ir::InstBuilder;
use gene_isa::backend::{Callee, Helper, Rep, Target};
use gene_isa::{Insn, Op, Special};

use super::virtuals::Virtual;
use super::{Lower, Slot, special_word};
use crate::infer::argument_count;

/// What a part is called with besides the arguments.
struct PartHead {
    /// The function value.
    callee: Slot,
    /// The receiver; `None`: the one that the function brings.
    this: Option<Slot>,
}

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
                let this = self.peek(insn.a + 1);
                PartHead { callee: self.constant_slot(callee.value), this: Some(this) }
            }
            (Target::Class(class), _) => {
                let instance = self.instantiate(insn, class, None);
                let ctor = class.ctor.as_ref().map_or(0, |ctor| ctor.value);
                let this = Some(self.slot_of(instance));
                PartHead { callee: self.constant_slot(ctor), this }
            }
            (Target::Function(callee), _) => {
                let given = (insn.op == Op::CallWithSelf).then(|| self.peek(insn.a + 1));
                let (callee, this) = self.called_function(insn, callee);
                PartHead { callee, this: given.or(this) }
            }
            _ => return,
        };
        self.enter_part(insn, part, head);
    }

    fn constant_slot(&mut self, word: u64) -> Slot {
        let word = self.word(word);
        self.slot_of(word)
    }

    /// The function that is called, and the receiver that it brings if that is known.
    fn called_function(&mut self, insn: Insn, callee: &Callee) -> (Slot, Option<Slot>) {
        let indirect = !matches!(insn.op, Op::CallModule | Op::TailCallModule);
        if indirect && let Some(id) = self.state.slots[insn.a as usize].virt {
            match self.state.virtual_at(id) {
                Virtual::Function { code, this, .. } if *code == callee.code => {
                    return (self.state.slots[insn.a as usize], Some(*this));
                }
                _ => {}
            }
        }
        let value = self.guard_callee(insn, callee);
        let this = (callee.value != 0).then(|| self.constant_slot(callee.this));
        (self.slot_of(value), this)
    }

    /// Arguments and receiver become registers of the part.
    fn enter_part(&mut self, insn: Insn, number: usize, head: PartHead) {
        let part = &self.unit.parts[number];
        let base = part.base;
        let args: Vec<Slot> =
            (0..argument_count(insn)).map(|i| self.peek(insn.a + 2 + i)).collect();
        let called = match insn.op.is_tail_call() {
            true => self.called[self.unit.part_at(self.pc)].clone(),
            false => Some(self.state.clone()),
        };
        self.called[number] = called;
        self.end_window(base);
        self.state.drop_frames(part.level);
        self.define_slot(base, head.callee);
        match (head.this, head.callee.val) {
            (Some(this), _) => self.define_slot(base + 1, this),
            (None, None) => {}
            (None, Some(callee)) => {
                let function = self.address(callee);
                let this = self.load(function, self.run.layout.function_this);
                self.define(base + 1, this, Rep::Value);
            }
        }
        for (i, slot) in args.into_iter().enumerate() {
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
        let slot = self.peek(register);
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
            // What was not made then has been made before anything was called, and is in
            // the window.
            self.state.virtuals.clear();
            for slot in &mut self.state.slots {
                if slot.virt.is_some() {
                    *slot = Slot::MEMORY;
                }
            }
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

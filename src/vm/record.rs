//! Notes what instructions meet, for the compiled tier.
//!
//! While a function is being watched, the loop runs in a mode in which each
//! instruction is noted before it runs. That costs nothing at other times.

use gene_isa::backend::Kinds;
use gene_isa::{Field, Insn, Op, Role};

use super::{Vm, adapter};
use crate::heap::header::header_of;
use crate::heap::{Gc, Shape};
use crate::object::feedback::{Note, Notes, kinds_of};
use crate::object::record::as_record;
use crate::object::{Code, Kind};
use crate::value::Value;

impl Vm {
    /// Notes the instruction at `pc` of the running frame; `false` when enough
    /// has been noted.
    ///
    /// # Safety
    ///
    /// `pc` is about to run in the window at `base`.
    pub(super) unsafe fn record(
        &mut self,
        code: Gc<Code>,
        pc: *const Insn,
        base: *const Value,
    ) -> bool {
        // SAFETY: stubs lie elsewhere, which the bounds tell.
        let at = unsafe { pc.offset_from(code.insns) };
        let data = &code.data;
        let own = at >= 0 && (at as usize) < data.insns.len() && !data.kind.is_coroutine();
        // SAFETY: the caller says so.
        if own && unsafe { self.note(code, at as usize, base) } {
            self.heap.barrier(code);
        }
        self.watch()
    }

    /// Notes an instruction; whether objects were noted.
    ///
    /// # Safety
    ///
    /// As [`Vm::record`].
    unsafe fn note(&self, code: Gc<Code>, at: usize, base: *const Value) -> bool {
        let data = &code.data;
        // SAFETY: verified code names registers of the window only.
        let register = |i: u16| unsafe { *base.add(i as usize) };
        let insn = data.insns[at];
        let mut new = false;
        let mut notes = code.tiering.notes.borrow_mut();
        let notes = notes.get_or_insert_with(|| Box::new(Notes::new(data)));
        if at == 0 {
            for (i, kinds) in notes.params.iter_mut().enumerate() {
                *kinds = kinds.with(kinds_of(register(2 + i as u16)));
            }
        }
        if let Some(known) = notes.loops.iter_mut().find(|known| known.pc == at as u32) {
            for i in 0..data.nregs {
                let value = register(i);
                let (kinds, negative) =
                    (&mut known.kinds[i as usize], &mut known.negative[i as usize]);
                *kinds = kinds.with(kinds_of(value));
                *negative |= value.as_small_int().is_some_and(|int| int < 0);
            }
        }
        let note = &mut notes.insns[at];
        note.ran = true;
        note_operands(note, insn, register);
        match insn.op {
            Op::GetProp | Op::SetProp | Op::GetPropVar => {
                let object = register(if insn.op == Op::SetProp { insn.a } else { insn.b });
                match as_record(object) {
                    Some(record) if !record.is_dictionary() => {
                        let inline = record.shape().len() <= record.header.small.get() as usize;
                        note.shape(std::ptr::from_ref::<Shape>(record.shape()) as usize, inline);
                    }
                    _ if insn.op == Op::GetPropVar => {}
                    _ => note.many = true,
                }
            }
            Op::Call | Op::CallWithSelf | Op::TailCall | Op::New => {
                new = note.callee(0, register(insn.a));
            }
            Op::CallModule | Op::TailCallModule => {
                // SAFETY: verified code names slots that exist.
                let callee = unsafe { *code.module.vars.get().add(insn.bc() as usize) };
                if !callee.is_unset() {
                    new = note.callee(0, callee);
                }
            }
            Op::CallMethod | Op::TailCallMethod => {
                let receiver = register(insn.a + 1);
                note.operand(1, receiver);
                note_receiver(note, receiver);
                let name = data.caches[insn.b as usize];
                let id = self.class_id(receiver);
                let method = self.class_of(receiver).find_method(name);
                match method.filter(|_| id != 0 && adapter::method(receiver, name).is_none()) {
                    Some(method) => new = note.callee(id, method),
                    None => note.many = true,
                }
            }
            Op::IterNext => note.operand(1, register(insn.a + 1)),
            _ => {}
        }
        new
    }
}

/// Notes an object whose kind guards do not tell apart by name.
fn note_receiver(note: &mut Note, receiver: Value) {
    let Some(header) = header_of(receiver) else { return };
    if kinds_of(receiver) != Kinds::OBJECT {
        return;
    }
    let table = header.kind == Kind::HashObject as u8;
    let seen = (header.kind, table.then(|| header.small.get()));
    note.many |= note.receiver.is_some_and(|known| known != seen);
    note.receiver = Some(seen);
}

fn note_operands(note: &mut Note, insn: Insn, register: impl Fn(u16) -> Value) {
    for operand in insn.op.operands() {
        if !matches!(operand.role, Role::src | Role::var) {
            continue;
        }
        match operand.field {
            Field::a => note.operand(0, register(insn.a)),
            Field::b => note.operand(1, register(insn.b)),
            Field::c => note.operand(2, register(insn.c)),
            Field::x | Field::bc => {}
        }
    }
}

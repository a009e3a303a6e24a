//! Captured variables and functions over them.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, Value, types};
use gene_isa::backend::{Helper, Rep};
use gene_isa::value::TAG_SCOPE;
use gene_isa::{Insn, NO_SCOPE, Op, Special};

use super::{Lower, constant, special_word, trusted};

impl Lower<'_, '_> {
    /// Instructions on scopes; `false` if control does not get behind it.
    pub(super) fn scopes(&mut self, insn: Insn) -> bool {
        match insn.op {
            Op::GetScope => {
                let scope = self.scope_in(insn.b);
                let value = self.load(scope, self.run.layout.scope_slots + insn.c as i32 * 8);
                self.define(insn.a, value, Rep::Value);
            }
            Op::SetScope => {
                let scope = self.scope_in(insn.b);
                self.set_slot(scope, insn.c, insn.a);
            }
            Op::GetUp => {
                let scope = self.scope_up(insn.c);
                let value = self.load(scope, self.run.layout.scope_slots + insn.b as i32 * 8);
                self.define(insn.a, value, Rep::Value);
            }
            Op::SetUp => {
                let scope = self.scope_up(insn.c);
                self.set_slot(scope, insn.b, insn.a);
            }
            Op::CheckSet => {
                let slot = self.fetched(insn.a);
                if slot.rep == Rep::Value {
                    let value = self.boxed(insn.a);
                    let unset = self.word(special_word(Special::Unset));
                    let bad = self.b.ins().icmp(IntCC::Equal, value, unset);
                    self.exit_if(bad, "a variable has no value");
                }
            }
            Op::NewScope => self.new_scope(insn),
            Op::DropScope => {
                let scope = self.scope_in(insn.a);
                self.helper(Helper::drop_scope, &[scope]);
                let nil = self.word(special_word(Special::Nil));
                self.define(insn.a, nil, Rep::Value);
            }
            _ => self.closure(insn),
        }
        true
    }

    /// Address of the scope in a register, 0 if there is none.
    fn scope_in(&mut self, register: u16) -> Value {
        let word = self.boxed(register);
        let tag = self.word(TAG_SCOPE.wrapping_neg());
        let address = self.b.ins().iadd(word, tag);
        if self.state.types[register as usize].kinds == gene_isa::backend::Kinds::SCOPE {
            return address;
        }
        // Whatever is no scope has bits above the address.
        let upper = self.b.ins().ushr_imm_s(address, 48);
        let none = self.word(0);
        self.b.ins().select(upper, none, address)
    }

    /// The scope of the running function, 0 if there is none.
    fn closure_scope(&mut self) -> Value {
        let word = self.boxed(self.unit.part(self.pc).base);
        let function = self.address(word);
        let offset = self.run.layout.function_scope;
        self.b.ins().load(types::I64, constant(), function, offset)
    }

    /// The `depth`-th parent of the scope of the running function.
    fn scope_up(&mut self, depth: u16) -> Value {
        let mut scope = self.closure_scope();
        for _ in 0..depth {
            let offset = self.run.layout.scope_parent;
            scope = self.b.ins().load(types::I64, constant(), scope, offset);
        }
        scope
    }

    /// Stores a register into a slot of a scope.
    fn set_slot(&mut self, scope: Value, slot: u16, source: u16) {
        let layout = self.run.layout;
        let flags = self.b.ins().uload8(types::I32, trusted(), scope, layout.header_flags);
        let frozen = self.b.ins().band_imm_s(flags, layout.frozen_flag as i64);
        self.exit_if(frozen, "a scope is frozen");
        let value = self.boxed(source);
        self.store(value, scope, layout.scope_slots + slot as i32 * 8);
        self.barrier(scope, source);
    }

    fn new_scope(&mut self, insn: Insn) {
        let parent = match insn.b {
            NO_SCOPE => self.closure_scope(),
            register => self.scope_in(register),
        };
        let old = self.scope_in(insn.a);
        self.safepoint();
        let slots = self.word(insn.c as u64);
        let scope = self.helper(Helper::new_scope, &[parent, slots, old]);
        let tag = self.word(TAG_SCOPE);
        let word = self.b.ins().iadd(scope, tag);
        self.define(insn.a, word, Rep::Value);
    }

    fn closure(&mut self, insn: Insn) {
        let scope = match insn.b {
            NO_SCOPE => self.closure_scope(),
            register => self.scope_in(register),
        };
        let base = self.unit.part(self.pc).base;
        let (this, maker) = (self.boxed(base + 1), self.boxed(base));
        self.safepoint();
        let proto = self.word(self.unit.protos[insn.c as usize]);
        let value = self.helper(Helper::new_closure, &[proto, scope, this, maker]);
        self.define(insn.a, value, Rep::Value);
    }

    /// Gives back the scopes of the frame.
    pub(super) fn drop_scopes(&mut self) {
        let registers = self.unit.part(self.pc).scope_regs.clone();
        for register in registers.into_iter().rev() {
            let scope = self.scope_in(register);
            let nil = self.word(special_word(Special::Nil));
            self.store_register(register, nil);
            let (there, on) = (self.b.create_block(), self.b.create_block());
            self.b.ins().brif(scope, there, &[], on, &[]);
            self.b.switch_to_block(there);
            self.helper(Helper::drop_scope, &[scope]);
            self.b.ins().jump(on, &[]);
            self.b.switch_to_block(on);
        }
    }
}

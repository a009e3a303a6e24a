//! Captured variables and functions over them.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Value, types};
use gene_isa::backend::{Helper, Kinds, Rep};
use gene_isa::value::TAG_SCOPE;
use gene_isa::{Insn, NO_SCOPE, Op, Special};

use super::virtuals::Over;
use super::{Lower, Slot, constant, special_word, trusted};

impl Lower<'_, '_> {
    /// Instructions on scopes; `false` if control does not get behind it.
    pub(super) fn scopes(&mut self, insn: Insn) -> bool {
        match insn.op {
            Op::GetScope => {
                let scope = self.peek(insn.b);
                match scope.virt {
                    Some(_) => self.get_virtual(insn.a, scope, 0, insn.c),
                    None => {
                        let scope = self.scope_in(insn.b);
                        let offset = self.run.layout.scope_slots + insn.c as i32 * 8;
                        self.define_loaded(insn.a, scope, offset);
                    }
                }
            }
            Op::SetScope => {
                let scope = self.peek(insn.b);
                match scope.virt {
                    Some(_) => self.set_virtual(insn.a, scope, 0, insn.c),
                    None => {
                        let scope = self.scope_in(insn.b);
                        self.set_slot(scope, insn.c, insn.a);
                    }
                }
            }
            Op::GetUp => {
                if let Over::Virtual(scope) = self.over() {
                    self.get_virtual(insn.a, scope, insn.c, insn.b);
                } else {
                    let scope = self.scope_up(insn.c);
                    let offset = self.run.layout.scope_slots + insn.b as i32 * 8;
                    self.define_loaded(insn.a, scope, offset);
                }
            }
            Op::SetUp => {
                if let Over::Virtual(scope) = self.over() {
                    self.set_virtual(insn.a, scope, insn.c, insn.b);
                } else {
                    let scope = self.scope_up(insn.c);
                    self.set_slot(scope, insn.b, insn.a);
                }
            }
            Op::CheckSet => {
                let slot = self.peek(insn.a);
                if slot.rep == Rep::Value && slot.virt.is_none() {
                    let value = self.boxed(insn.a);
                    let unset = self.word(special_word(Special::Unset));
                    let bad = self.b.ins().icmp(IntCC::Equal, value, unset);
                    self.exit_if(bad, "a variable has no value");
                }
            }
            Op::NewScope => self.new_scope(insn),
            Op::DropScope => {
                if self.state.slots[insn.a as usize].virt.is_none() {
                    let scope = self.scope_in(insn.a);
                    self.drop_scope(scope);
                }
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
        if let Some((_, address)) = self.state.scopes.iter().find(|(known, _)| *known == word) {
            return *address;
        }
        let tag = self.word(TAG_SCOPE.wrapping_neg());
        let address = self.b.ins().iadd(word, tag);
        if self.state.types[register as usize].kinds == Kinds::SCOPE {
            return address;
        }
        // Whatever is no scope has bits above the address.
        let upper = self.b.ins().ushr_imm_s(address, 48);
        let none = self.word(0);
        self.b.ins().select(upper, none, address)
    }

    fn get_virtual(&mut self, register: u16, scope: Slot, depth: u16, slot: u16) {
        match self.virtual_slot(scope, depth, slot) {
            Ok(value) => match (value.val, value.rep, self.infer.float_use(self.pc)) {
                // The types say that it is a Float.
                (Some(value), Rep::Value, Some(_)) => {
                    let float = self.b.ins().bitcast(types::F64, MemFlagsData::new(), value);
                    self.define_raw(register, float);
                }
                (Some(_), Rep::Int, Some(_)) | (None, _, Some(_)) => {
                    self.define_slot(register, value);
                    let word = self.boxed(register);
                    let float = self.b.ins().bitcast(types::F64, MemFlagsData::new(), word);
                    self.define_raw(register, float);
                }
                _ => self.define_slot(register, value),
            },
            Err(scope) => {
                let offset = self.run.layout.scope_slots + slot as i32 * 8;
                self.define_loaded(register, scope, offset);
            }
        }
    }

    fn set_virtual(&mut self, register: u16, scope: Slot, depth: u16, slot: u16) {
        let value = self.peek(register);
        if let Err(scope) = self.set_virtual_slot(scope, depth, slot, value) {
            self.set_slot(scope, slot, register);
        }
    }

    /// The scope of the running function, 0 if there is none.
    pub(super) fn closure_scope(&mut self) -> Value {
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
        self.fetched(source);
        let at = layout.scope_slots + slot as i32 * 8;
        if self.state.fresh.contains(&scope) {
            self.store_boxed(source, scope, at);
            return;
        }
        let flags = self.b.ins().uload8(types::I32, trusted(), scope, layout.header_flags);
        let frozen = self.b.ins().band_imm_s(flags, layout.frozen_flag as i64);
        self.exit_if(frozen, "a scope is frozen");
        self.store_boxed(source, scope, at);
        self.barrier(scope, source);
    }

    fn new_scope(&mut self, insn: Insn) {
        self.collect_once();
        if self.state.types[insn.a as usize].kinds == Kinds::NIL
            && let Some(slot) = self.virtual_scope(insn)
        {
            self.define_slot(insn.a, slot);
            return;
        }
        let parent = match insn.b {
            NO_SCOPE => self.closure_scope(),
            register => self.scope_in(register),
        };
        let old = self.scope_in(insn.a);
        if self.state.types[insn.a as usize].kinds != Kinds::NIL {
            self.drop_scope(old);
        }
        let scope = self.allocate_scope(parent, insn.c);
        let word = self.scope_word(scope);
        self.state.fresh.push(scope);
        self.define(insn.a, word, Rep::Value);
    }

    /// What is not made now may be made later, where nothing can be collected.
    fn collect_once(&mut self) {
        if !self.state.collected {
            self.safepoint();
        }
    }

    /// The word for a scope.
    pub(super) fn scope_word(&mut self, scope: Value) -> Value {
        let tag = self.word(TAG_SCOPE);
        let word = self.b.ins().iadd(scope, tag);
        self.state.scopes.push((word, scope));
        word
    }

    /// A scope with a count of 1 whose slots are unset: one that has been freed, or what
    /// the runtime finds.
    pub(super) fn allocate_scope(&mut self, parent: Value, slots: u16) -> Value {
        let layout = self.run.layout;
        let count = self.word(slots as u64);
        if slots as i32 >= layout.scope_classes {
            return self.helper(Helper::new_scope, &[parent, count]);
        }
        let vm = self.vm();
        let list = layout.vm_free_scopes + slots as i32 * 8;
        let free = self.load(vm, list);
        let (fast, slow, done) =
            (self.b.create_block(), self.b.create_block(), self.b.create_block());
        self.b.set_cold_block(slow);
        let result = self.b.append_block_param(done, types::I64);
        self.b.ins().brif(free, fast, &[], slow, &[]);
        self.b.switch_to_block(slow);
        let found = self.helper(Helper::new_scope, &[parent, count]);
        self.b.ins().jump(done, &[found.into()]);
        self.b.switch_to_block(fast);
        let next = self.load(free, layout.scope_parent);
        self.store(next, vm, list);
        let live = self.load(vm, layout.vm_live_scopes);
        let more = self.b.ins().iadd_imm_s(live, 1);
        self.store(more, vm, layout.vm_live_scopes);
        self.init_header(free, layout.kind_scope, 0, slots as u32);
        // The class is the number of slots.
        let counted = self.word(1 | (slots as u64) << 32);
        self.store(counted, free, layout.scope_count);
        self.store(parent, free, layout.scope_parent);
        self.retain(parent);
        let unset = self.word(special_word(Special::Unset));
        for slot in 0..slots {
            self.store(unset, free, layout.scope_slots + slot as i32 * 8);
        }
        self.b.ins().jump(done, &[free.into()]);
        self.b.switch_to_block(done);
        result
    }

    /// Takes a count of a scope, unless it is 0.
    fn retain(&mut self, scope: Value) {
        let offset = self.run.layout.scope_count;
        let (there, on) = (self.b.create_block(), self.b.create_block());
        self.b.ins().brif(scope, there, &[], on, &[]);
        self.b.switch_to_block(there);
        let count = self.b.ins().load(types::I32, trusted(), scope, offset);
        let more = self.b.ins().iadd_imm_s(count, 1);
        self.store(more, scope, offset);
        self.b.ins().jump(on, &[]);
        self.b.switch_to_block(on);
    }

    /// Gives a count of a scope back, unless it is 0.
    fn drop_scope(&mut self, scope: Value) {
        let offset = self.run.layout.scope_count;
        let (there, on) = (self.b.create_block(), self.b.create_block());
        let (last, shared) = (self.b.create_block(), self.b.create_block());
        self.b.ins().brif(scope, there, &[], on, &[]);
        self.b.switch_to_block(there);
        let count = self.b.ins().load(types::I32, trusted(), scope, offset);
        let one = self.b.ins().icmp_imm_s(IntCC::Equal, count, 1);
        self.b.ins().brif(one, last, &[], shared, &[]);
        self.b.switch_to_block(shared);
        let less = self.b.ins().iadd_imm_s(count, -1);
        self.store(less, scope, offset);
        self.b.ins().jump(on, &[]);
        self.b.switch_to_block(last);
        self.helper(Helper::drop_scope, &[scope]);
        self.b.ins().jump(on, &[]);
        self.b.switch_to_block(on);
    }

    fn closure(&mut self, insn: Insn) {
        self.collect_once();
        if let Some(slot) = self.virtual_function(insn) {
            self.define_slot(insn.a, slot);
            return;
        }
        let scope = match insn.b {
            NO_SCOPE => self.closure_scope(),
            register => self.scope_in(register),
        };
        let base = self.unit.part(self.pc).base;
        let (this, maker) = (self.boxed(base + 1), self.boxed(base));
        let layout = self.run.layout;
        let function = self.allocate_function(self.unit.protos[insn.c as usize], scope);
        self.store(this, function, layout.function_this);
        let home = self.home_of(maker);
        self.store(home, function, layout.function_home);
        let value = self.pointer(function);
        self.define(insn.a, value, Rep::Value);
    }

    /// A function over a scope, or 0, of which it takes a count; receiver and class
    /// are still missing.
    pub(super) fn allocate_function(&mut self, code: u64, scope: Value) -> Value {
        let layout = self.run.layout;
        let function = self.allocate(layout.function_size as usize, true);
        let code = self.word(code);
        self.init_header(function, layout.kind_function, 0, 0);
        let entry = self.b.ins().load(types::I32, constant(), code, layout.code_entry);
        self.store(entry, function, layout.header_extra);
        self.store(code, function, layout.function_code);
        self.store(scope, function, layout.function_scope);
        self.retain(scope);
        function
    }

    /// The class whose method the function in a word is.
    pub(super) fn home_of(&mut self, function: Value) -> Value {
        let address = self.address(function);
        self.load(address, self.run.layout.function_home)
    }

    /// Gives back the scopes of the frame.
    pub(super) fn drop_scopes(&mut self) {
        let registers = self.unit.part(self.pc).scope_regs.clone();
        for register in registers.into_iter().rev() {
            let nil = self.word(special_word(Special::Nil));
            if self.state.slots[register as usize].virt.is_some() {
                self.define(register, nil, Rep::Value);
                continue;
            }
            let scope = self.scope_in(register);
            self.store_register(register, nil);
            self.drop_scope(scope);
        }
    }
}

//! Registers as machine values: boxing, unboxing, guards.

use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::{self, InstBuilder, MemFlagsData, Value, types};
use gene_isa::backend::{Kinds, Rep};
use gene_isa::value::{INT_BIAS, INT_FLOOR, NAN};

use gene_isa::Special;

use super::{Lower, Slot, constant, special_word, trusted};
use crate::types::Ty;

/// Kinds of objects that guards tell apart.
const OBJECTS: Kinds = Kinds::ARRAY.with(Kinds::RECORD).with(Kinds::STRING).with(Kinds::FUNCTION);

impl Lower<'_, '_> {
    // ---- reading -------------------------------------------------------------

    /// Where the register is, loaded from the window if it is there only.
    pub(super) fn fetched(&mut self, register: u16) -> Slot {
        let slot = self.state.slots[register as usize];
        if slot.val.is_some() {
            return slot;
        }
        if let Some(id) = slot.virt {
            self.materialise(id);
            return self.state.slots[register as usize];
        }
        let value = self.b.ins().load(types::I64, trusted(), self.base, register as i32 * 8);
        let slot = Slot { val: Some(value), rep: Rep::Value, synced: true, virt: None };
        self.state.slots[register as usize] = slot;
        slot
    }

    /// The register as a word.
    pub(super) fn boxed(&mut self, register: u16) -> Value {
        let slot = self.fetched(register);
        self.box_slot(slot)
    }

    /// A fetched slot as a word.
    pub(super) fn box_slot(&mut self, slot: Slot) -> Value {
        let value = slot.val.expect("fetched slots have a value");
        match slot.rep {
            Rep::Value => value,
            Rep::Int => self.box_int(value),
            Rep::Float => self.box_float(value),
        }
    }

    /// The register, known to be an Int, as a number.
    pub(super) fn int(&mut self, register: u16) -> Value {
        let slot = self.fetched(register);
        let value = slot.val.expect("fetched slots have a value");
        if slot.rep == Rep::Int {
            return value;
        }
        let number = self.unbox_int(value);
        self.state.slots[register as usize] =
            Slot { val: Some(number), rep: Rep::Int, synced: slot.synced, virt: None };
        number
    }

    /// The register, known to be a Float, as a number.
    pub(super) fn float(&mut self, register: u16) -> Value {
        let slot = self.fetched(register);
        let value = slot.val.expect("fetched slots have a value");
        if slot.rep == Rep::Float {
            return value;
        }
        let number = self.b.ins().bitcast(types::F64, MemFlagsData::new(), value);
        self.state.slots[register as usize] =
            Slot { val: Some(number), rep: Rep::Float, synced: slot.synced, virt: None };
        number
    }

    /// The register, known to be a number, as a float.
    pub(super) fn number(&mut self, register: u16) -> Value {
        let ty = self.state.types[register as usize];
        if ty.is_float() {
            return self.float(register);
        }
        if ty.is_int() {
            let value = self.int(register);
            return self.b.ins().fcvt_from_sint(types::F64, value);
        }
        let word = self.boxed(register);
        let is_int = self.is_int(word);
        let int = self.unbox_int(word);
        let converted = self.b.ins().fcvt_from_sint(types::F64, int);
        let float = self.b.ins().bitcast(types::F64, MemFlagsData::new(), word);
        self.b.ins().select(is_int, converted, float)
    }

    // ---- writing -------------------------------------------------------------

    /// Makes `value` what the register holds.
    pub(super) fn define(&mut self, register: u16, value: Value, rep: Rep) {
        self.define_slot(register, Slot { val: Some(value), rep, synced: false, virt: None });
    }

    pub(super) fn define_slot(&mut self, register: u16, slot: Slot) {
        let slot = Slot { synced: false, ..slot };
        self.state.slots[register as usize] = slot;
        // Scopes are looked for in the window by whoever unwinds.
        if slot.virt.is_none() && self.unit.part(self.pc).scope_regs.contains(&register) {
            let word = self.box_slot(slot);
            self.store_register(register, word);
            self.state.slots[register as usize].synced = true;
        }
    }

    /// The register's value has been put into the window by somebody else.
    pub(super) fn define_in_window(&mut self, register: u16) {
        self.state.slots[register as usize] = Slot::MEMORY;
        self.state.types[register as usize] = Ty::ANY;
    }

    pub(super) fn store_register(&mut self, register: u16, word: Value) {
        self.b.ins().store(trusted(), word, self.base, register as i32 * 8);
    }

    /// Writes the register into the window unless it is there.
    pub(super) fn sync(&mut self, register: u16) {
        let slot = self.state.slots[register as usize];
        if !slot.synced {
            let word = self.boxed(register);
            self.store_register(register, word);
            self.state.slots[register as usize].synced = true;
        }
    }

    // ---- memory --------------------------------------------------------------------

    /// Machine type in which the running instruction loads a value from memory.
    pub(super) fn loaded_type(&self) -> ir::Type {
        if self.infer.float_use(self.pc).is_some() { types::F64 } else { types::I64 }
    }

    /// The register becomes the word at an address.
    pub(super) fn define_loaded(&mut self, register: u16, from: Value, offset: i32) {
        if self.infer.float_use(self.pc).is_some() {
            self.define_unproven(register, (from, offset));
            return;
        }
        let ty = self.loaded_type();
        let value = self.b.ins().load(ty, trusted(), from, offset);
        self.define_raw(register, value);
    }

    /// The register becomes a word that was loaded as [`Lower::loaded_type`] says. If that
    /// is a float, but no Float, the interpreter goes on behind the load.
    pub(super) fn define_raw(&mut self, register: u16, value: Value) {
        let Some(user) = self.infer.float_use(self.pc) else {
            self.define(register, value, Rep::Value);
            return;
        };
        let word = self.b.ins().bitcast(types::I64, MemFlagsData::new(), value);
        let before = self.state.slots[register as usize];
        self.define(register, word, Rep::Value);
        let exit = self.exit_blaming(self.unit.next(self.pc), user, "a Float was expected");
        self.state.slots[register as usize] = before;
        let good = self.b.ins().fcmp(FloatCC::Ordered, value, value);
        let on = self.b.create_block();
        self.b.ins().brif(good, on, &[], exit, &[]);
        self.b.switch_to_block(on);
        self.define(register, value, Rep::Float);
    }

    /// Stores the register's value as a word.
    pub(super) fn store_boxed(&mut self, register: u16, to: Value, offset: i32) {
        let slot = self.fetched(register);
        let (Some(value), Rep::Float) = (slot.val, slot.rep) else {
            let word = self.box_slot(slot);
            self.store(word, to, offset);
            return;
        };
        if self.is_canonical(value) {
            self.store(value, to, offset);
            return;
        }
        let (nan, number, on) =
            (self.b.create_block(), self.b.create_block(), self.b.create_block());
        self.b.set_cold_block(nan);
        let is_nan = self.b.ins().fcmp(FloatCC::Unordered, value, value);
        self.b.ins().brif(is_nan, nan, &[], number, &[]);
        self.b.switch_to_block(nan);
        let word = self.word(NAN);
        self.store(word, to, offset);
        self.b.ins().jump(on, &[]);
        self.b.switch_to_block(number);
        self.store(value, to, offset);
        self.b.ins().jump(on, &[]);
        self.b.switch_to_block(on);
    }

    // ---- boxes ---------------------------------------------------------------

    pub(super) fn box_int(&mut self, number: Value) -> Value {
        let bias = self.word(INT_BIAS);
        self.b.ins().iadd(number, bias)
    }

    pub(super) fn unbox_int(&mut self, word: Value) -> Value {
        if self.opaque {
            let bias = self.load_vm(self.run.layout.vm_int_unbias);
            return self.b.ins().iadd(word, bias);
        }
        // Subtracting the bias is adding its complement.
        let bias = self.word(INT_BIAS.wrapping_neg());
        self.b.ins().iadd(word, bias)
    }

    pub(super) fn box_float(&mut self, number: Value) -> Value {
        let word = self.b.ins().bitcast(types::I64, MemFlagsData::new(), number);
        if self.is_canonical(number) {
            return word;
        }
        let is_nan = self.b.ins().fcmp(FloatCC::Unordered, number, number);
        let nan = self.word(NAN);
        self.b.ins().select(is_nan, nan, word)
    }

    // ---- tests ---------------------------------------------------------------

    pub(super) fn is_int(&mut self, word: Value) -> Value {
        let floor = self.word(INT_FLOOR);
        self.b.ins().icmp(IntCC::UnsignedGreaterThan, word, floor)
    }

    /// Whether a word is a float; NaN counts as none.
    pub(super) fn is_float(&mut self, word: Value) -> Value {
        let float = self.b.ins().bitcast(types::F64, MemFlagsData::new(), word);
        self.b.ins().fcmp(FloatCC::Ordered, float, float)
    }

    /// Whether a register's value is everything but `false`, `nil` and `void`.
    pub(super) fn is_truthy(&mut self, register: u16) -> Value {
        let word = self.boxed(register);
        if self.state.types[register as usize].kinds == Kinds::BOOL {
            let yes = self.word(special_word(Special::True));
            return self.b.ins().icmp(IntCC::Equal, word, yes);
        }
        let first = self.word(gene_isa::value::TAG_SPECIAL.wrapping_neg());
        let offset = self.b.ins().iadd(word, first);
        self.b.ins().icmp_imm_s(IntCC::UnsignedGreaterThan, offset, gene_isa::Special::False as i64)
    }

    /// The address in a word that points to an object; elsewhere its upper bits
    /// are not 0.
    pub(super) fn address(&mut self, word: Value) -> Value {
        self.b.ins().isub(word, self.pointer_tag)
    }

    /// The kind in the header of an object.
    pub(super) fn kind_at(&mut self, address: Value) -> Value {
        let offset = self.run.layout.header_kind;
        self.b.ins().uload8(types::I64, constant(), address, offset)
    }

    /// Leaves unless `address` is one.
    pub(super) fn guard_address(&mut self, address: Value, reason: &'static str) {
        let upper = self.b.ins().ushr_imm_s(address, 48);
        self.exit_if(upper, reason);
    }

    // ---- guards --------------------------------------------------------------

    /// Leaves unless the register's value is of these kinds, of which it is
    /// known to be afterwards.
    pub(super) fn guard(&mut self, register: u16, kinds: Kinds) {
        let mut ty = self.state.types[register as usize];
        // What is held without a box is known better than by the solver.
        let held = match self.state.slots[register as usize].rep {
            Rep::Int => Kinds::INT,
            Rep::Float => Kinds::FLOAT,
            Rep::Value => ty.kinds,
        };
        if ty.kinds != held && ty.kinds.contains(held) {
            ty = ty.narrow(held);
            self.state.types[register as usize] = ty;
        }
        if !ty.kinds.within(kinds) {
            let word = self.boxed(register);
            self.guard_word(word, ty.kinds, kinds);
            self.state.types[register as usize] = ty.narrow(kinds);
        }
        match self.state.types[register as usize].rep() {
            Rep::Int => drop(self.int(register)),
            Rep::Float => drop(self.float(register)),
            Rep::Value => {}
        }
    }

    /// Leaves unless a word that is of the kinds `known` is one of `kinds`.
    fn guard_word(&mut self, word: Value, known: Kinds, kinds: Kinds) {
        match kinds {
            Kinds::INT => {
                let good = self.is_int(word);
                self.exit_unless(good, "an Int was expected");
            }
            Kinds::FLOAT => {
                let good = self.is_float(word);
                self.exit_unless(good, "a Float was expected");
            }
            Kinds::NUMBER => {
                let (int, float) = (self.is_int(word), self.is_float(word));
                let good = self.b.ins().bor(int, float);
                self.exit_unless(good, "a number was expected");
            }
            Kinds::NIL => {
                let nil = self.word(super::special_word(gene_isa::Special::Nil));
                let good = self.b.ins().icmp(IntCC::Equal, word, nil);
                self.exit_unless(good, "nil was expected");
            }
            Kinds::BOOL => {
                let first = self.word(super::special_word(gene_isa::Special::False).wrapping_neg());
                let offset = self.b.ins().iadd(word, first);
                let bad = self.b.ins().icmp_imm_s(IntCC::UnsignedGreaterThan, offset, 1);
                self.exit_if(bad, "a boolean was expected");
            }
            _ if kinds.within(OBJECTS) => self.guard_object(word, known, kinds),
            _ => self.guard_set(word, kinds),
        }
    }

    /// Leaves unless a word is of one of the kinds of a mixed set.
    fn guard_set(&mut self, word: Value, kinds: Kinds) {
        let good = self.b.create_block();
        let plain = [Kinds::NIL, Kinds::INT, Kinds::FLOAT, Kinds::BOOL, Kinds::IMMEDIATE];
        for kind in plain.into_iter().filter(|kind| kinds.contains(*kind)) {
            let fits = match kind {
                Kinds::INT => self.is_int(word),
                Kinds::FLOAT => self.is_float(word),
                Kinds::NIL => {
                    let nil = self.word(special_word(Special::Nil));
                    self.b.ins().icmp(IntCC::Equal, word, nil)
                }
                Kinds::BOOL => {
                    let first = self.word(special_word(Special::False).wrapping_neg());
                    let offset = self.b.ins().iadd(word, first);
                    self.b.ins().icmp_imm_s(IntCC::UnsignedLessThanOrEqual, offset, 1)
                }
                _ => self.is_immediate(word),
            };
            let next = self.b.create_block();
            self.b.ins().brif(fits, good, &[], next, &[]);
            self.b.switch_to_block(next);
        }
        let objects = kinds.and(OBJECTS);
        if kinds.and(Kinds::OBJECT).is_empty() && !objects.is_empty() {
            self.guard_object(word, Kinds::ANY, objects);
            self.b.ins().jump(good, &[]);
        } else {
            let exit = self.exit("a value of another kind was expected");
            self.b.ins().jump(exit, &[]);
        }
        self.b.switch_to_block(good);
    }

    /// Whether a word is a symbol, a character, or a special value that is neither
    /// nil nor a boolean.
    fn is_immediate(&mut self, word: Value) -> Value {
        let upper = self.b.ins().ushr_imm_s(word, 48);
        let symbol = (gene_isa::value::TAG_SYMBOL >> 48) as i64;
        let from = self.b.ins().iadd_imm_s(upper, -symbol);
        let named = self.b.ins().icmp_imm_s(IntCC::UnsignedLessThanOrEqual, from, 1);
        let mut other = named;
        for special in [Special::Void, Special::NotFound, Special::Unset, Special::Placeholder] {
            let wanted = self.word(special_word(special));
            let same = self.b.ins().icmp(IntCC::Equal, word, wanted);
            other = self.b.ins().bor(other, same);
        }
        other
    }

    /// Leaves unless a word is an object of a kind.
    fn guard_object(&mut self, word: Value, known: Kinds, kinds: Kinds) {
        let layout = self.run.layout;
        let numbers: Vec<i32> = [
            (Kinds::ARRAY, layout.kind_array),
            (Kinds::MAP, layout.kind_map),
            (Kinds::INSTANCE, layout.kind_instance),
            (Kinds::STRING, layout.kind_string),
            (Kinds::FUNCTION, layout.kind_function),
        ]
        .into_iter()
        .filter(|(kind, _)| kinds.contains(*kind))
        .map(|(_, number)| number)
        .collect();
        let address = self.address(word);
        if !known.and(Kinds::PLAIN.with(Kinds::SCOPE)).is_empty() {
            self.guard_address(address, "an object was expected");
        }
        let kind = self.kind_at(address);
        let mut good = self.b.ins().icmp_imm_s(IntCC::Equal, kind, numbers[0] as i64);
        for number in &numbers[1..] {
            let other = self.b.ins().icmp_imm_s(IntCC::Equal, kind, *number as i64);
            good = self.b.ins().bor(good, other);
        }
        self.exit_unless(good, "an object of another kind was expected");
    }
}

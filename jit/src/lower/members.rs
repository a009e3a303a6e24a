//! Elements of arrays, members of records, new collections.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, Value, types};
use gene_isa::backend::{Helper, Kinds, Rep, Shaped};
use gene_isa::{Insn, Op, Special};

use super::{ArrayParts, Lower, Shape, special_word, trusted};
use crate::infer::{MAX_SHAPES, Path};

impl Lower<'_, '_> {
    // ---- arrays ----------------------------------------------------------------

    /// Address of the element at `index`, which must exist: leaves otherwise.
    fn element(&mut self, array: ArrayParts, index: Value) -> Value {
        if !self.bounded.contains(&(index, array.len)) {
            // Negative indices are huge as unsigned numbers.
            let inside = self.b.ins().icmp(IntCC::UnsignedLessThan, index, array.len);
            self.exit_unless(inside, "an index is out of bounds");
        }
        let offset = self.b.ins().ishl_imm_s(index, 3);
        self.b.ins().iadd(array.data, offset)
    }

    /// The array in a register: leaves if there is none.
    pub(super) fn array(&mut self, register: u16) -> ArrayParts {
        self.guard(register, Kinds::ARRAY);
        let word = self.boxed(register);
        if let Some((_, parts)) = self.state.arrays.iter().find(|(known, _)| *known == word) {
            return *parts;
        }
        let address = self.address(word);
        let parts = self.array_parts(address);
        self.state.arrays.push((word, parts));
        parts
    }

    pub(super) fn array_parts(&mut self, address: Value) -> ArrayParts {
        let layout = self.run.layout;
        let len = self.b.ins().uload32(trusted(), address, layout.array_len);
        let data = self.load(address, layout.array_data);
        ArrayParts { address, len, data, writable: false }
    }

    pub(super) fn get_index(&mut self, insn: Insn) {
        let (a, b, c) = (insn.a, insn.b, insn.c);
        let types = (self.state.types[b as usize], self.state.types[c as usize]);
        if self.infer.element(self.pc, (1, types.0), Some((2, types.1))) != Some(true) {
            self.step();
            return;
        }
        self.guard(c, Kinds::INT);
        let array = self.array(b);
        let index = self.int(c);
        let at = self.element(array, index);
        self.define_loaded(a, at, 0);
    }

    pub(super) fn get_index_imm(&mut self, insn: Insn) {
        let b = insn.b;
        if self.infer.element(self.pc, (1, self.state.types[b as usize]), None) != Some(true) {
            self.step();
            return;
        }
        let array = self.array(b);
        let index = self.b.ins().iconst(types::I64, insn.sc() as i64);
        let at = self.element(array, index);
        self.define_loaded(insn.a, at, 0);
    }

    pub(super) fn set_index(&mut self, insn: Insn) {
        let (a, b, c) = (insn.a, insn.b, insn.c);
        let imm = insn.op == Op::SetIndexI;
        let index = (!imm).then(|| (1, self.state.types[b as usize]));
        if self.infer.element(self.pc, (0, self.state.types[a as usize]), index) != Some(true) {
            self.step();
            return;
        }
        let (index, source) = if imm {
            (self.b.ins().iconst(types::I64, insn.sc() as i64), b)
        } else {
            self.guard(b, Kinds::INT);
            (self.int(b), c)
        };
        let array = self.array(a);
        if !array.writable {
            self.guard_mutable(array.address);
        }
        let at = self.element(array, index);
        self.store_boxed(source, at, 0);
        if !array.writable {
            self.barrier(array.address, source);
        }
    }

    // ---- barriers ----------------------------------------------------------------

    /// Leaves if the object must not be changed.
    pub(super) fn guard_mutable(&mut self, object: Value) {
        let layout = self.run.layout;
        let flags = self.b.ins().uload8(types::I32, trusted(), object, layout.header_flags);
        let set = self.b.ins().band_imm_s(flags, layout.immutable_flags as i64);
        self.exit_if(set, "an object must not be changed");
    }

    /// After a store of the register's value into the object: an old object
    /// that refers to a new one is remembered. Values that are no objects need
    /// none.
    pub(super) fn barrier(&mut self, object: Value, source: u16) {
        if self.state.types[source as usize].may_be_object() {
            self.barrier_always(object);
        }
    }

    pub(super) fn barrier_always(&mut self, object: Value) {
        let layout = self.run.layout;
        let mark = self.b.ins().sload8(types::I32, trusted(), object, layout.header_mark);
        let old = self.b.ins().icmp_imm_s(IntCC::SignedGreaterThan, mark, 0);
        let (remember, on) = (self.b.create_block(), self.b.create_block());
        self.b.set_cold_block(remember);
        self.b.ins().brif(old, remember, &[], on, &[]);
        self.b.switch_to_block(remember);
        self.helper(Helper::remember, &[object]);
        self.b.ins().jump(on, &[]);
        self.b.switch_to_block(on);
    }

    // ---- records -----------------------------------------------------------------

    /// The record in a register, which is a map or an instance, as a word and its
    /// address: leaves otherwise.
    fn record(&mut self, operand: usize, register: u16) -> (Value, Value) {
        let ty = self.state.types[register as usize];
        let kinds = self.infer.expect(self.pc, operand, ty).and(Kinds::RECORD);
        let kinds = if kinds.is_empty() { Kinds::RECORD } else { kinds };
        self.guard(register, kinds);
        let word = self.boxed(register);
        (word, self.address(word))
    }

    pub(super) fn known_shape(&self, word: Value) -> Option<Shape> {
        self.state.shapes.iter().find(|(value, _)| *value == word).map(|(_, shape)| *shape)
    }

    pub(super) fn note_shape(&mut self, word: Value, shape: Shape) {
        self.state.shapes.retain(|(value, _)| *value != word);
        self.state.shapes.push((word, shape));
    }

    /// Leaves unless all slots of the shape lie in the record, if they did so far.
    pub(super) fn guard_inline(&mut self, record: Value, shaped: &Shaped, known: Option<Shape>) {
        if shaped.inline && !known.is_some_and(|k| k.inline) {
            let layout = self.run.layout;
            let inline = self.b.ins().uload8(types::I32, trusted(), record, layout.header_small);
            let keys = shaped.keys as i64;
            let good = self.b.ins().icmp_imm_s(IntCC::UnsignedGreaterThanOrEqual, inline, keys);
            self.exit_unless(good, "members lie outside of their object");
        }
    }

    /// Address and offset of a slot of a record of a shape that has it.
    fn slot_address(&mut self, record: Value, shaped: &Shaped) -> (Value, i32) {
        let layout = self.run.layout;
        let slot = shaped.slot as i32;
        let here = layout.record_slots + slot * 8;
        if shaped.inline {
            return (record, here);
        }
        let inline = self.b.ins().uload8(types::I64, trusted(), record, layout.header_small);
        let in_object = self.b.ins().icmp_imm_s(IntCC::UnsignedGreaterThan, inline, slot as i64);
        let more = self.load(record, layout.record_more);
        // Slot `n` lies `n - inline` words into `more`.
        let back = self.b.ins().ishl_imm_s(inline, 3);
        let elsewhere = self.b.ins().isub(more, back);
        let elsewhere = self.b.ins().iadd_imm_s(elsewhere, slot as i64 * 8);
        let here = self.b.ins().iadd_imm_s(record, here as i64);
        (self.b.ins().select(in_object, here, elsewhere), 0)
    }

    /// Leaves unless the record, whose shape is `shape`, is as `shaped` says.
    pub(super) fn guard_shape(
        &mut self,
        record: Value,
        shape: Value,
        shaped: &Shaped,
        known: Option<Shape>,
    ) {
        if known.is_none_or(|k| k.address != shaped.shape) {
            let wanted = self.word(shaped.shape);
            let same = self.b.ins().icmp(IntCC::Equal, shape, wanted);
            self.exit_unless(same, "an object has another shape");
        }
        self.guard_inline(record, shaped, known);
    }

    /// For each shape but the last a block that is entered for records of it; the
    /// last one is guarded. `f` is called in each.
    fn by_shape(
        &mut self,
        (word, record): (Value, Value),
        shapes: &[Shaped],
        mut f: impl FnMut(&mut Self, &Shaped),
    ) {
        let known = self.known_shape(word);
        if let Some(shaped) = shapes.iter().find(|s| known.is_some_and(|k| k.address == s.shape)) {
            self.guard_inline(record, shaped, known);
            f(self, shaped);
            return;
        }
        let shape = self.load(record, self.run.layout.record_shape);
        let Some((last, others)) = shapes.split_last() else { return };
        for shaped in others {
            let wanted = self.word(shaped.shape);
            let same = self.b.ins().icmp(IntCC::Equal, shape, wanted);
            let (this, next) = (self.b.create_block(), self.b.create_block());
            self.b.ins().brif(same, this, &[], next, &[]);
            self.b.switch_to_block(this);
            self.guard_inline(record, shaped, None);
            f(self, shaped);
            self.b.switch_to_block(next);
        }
        self.guard_shape(record, shape, last, None);
        f(self, last);
    }

    pub(super) fn get_prop(&mut self, insn: Insn) {
        if self.infer.member(self.pc) != Some(true) {
            self.step();
            return;
        }
        self.get_shaped(insn);
    }

    fn get_shaped(&mut self, insn: Insn) {
        let shapes = &self.infer.seen(self.pc).shapes;
        if shapes.len() > MAX_SHAPES {
            self.step();
            return;
        }
        let record = self.record(1, insn.b);
        if let ([only], true) = (&shapes[..], self.infer.float_use(self.pc).is_some()) {
            let mut at = (record.1, 0);
            self.by_shape(record, shapes, |lower, shaped| {
                at = lower.slot_address(record.1, shaped)
            });
            self.note_read(record.0, only);
            self.define_unproven(insn.a, at);
            return;
        }
        let done = self.b.create_block();
        let ty = self.loaded_type();
        let result = self.b.append_block_param(done, ty);
        self.by_shape(record, shapes, |lower, shaped| {
            let (at, offset) = lower.slot_address(record.1, shaped);
            let value = lower.b.ins().load(ty, trusted(), at, offset);
            lower.b.ins().jump(done, &[value.into()]);
        });
        self.b.switch_to_block(done);
        if let [only] = &shapes[..] {
            self.note_read(record.0, only);
        }
        self.define_raw(insn.a, result);
    }

    /// A record has been found to be of the shape.
    fn note_read(&mut self, word: Value, shaped: &Shaped) {
        let known = self.known_shape(word).filter(|k| k.address == shaped.shape);
        let mutable = known.is_some_and(|k| k.mutable);
        let inline = shaped.inline || known.is_some_and(|k| k.inline);
        self.note_shape(word, Shape { address: shaped.shape, inline, mutable });
    }

    pub(super) fn set_prop(&mut self, insn: Insn) {
        let seen = self.infer.seen(self.pc);
        let shapes = &seen.shapes;
        if self.infer.member(self.pc) != Some(true) || shapes.len() > MAX_SHAPES {
            self.step();
            return;
        }
        let record = self.record(0, insn.a);
        if !self.known_shape(record.0).is_some_and(|k| k.mutable) {
            self.guard_mutable(record.1);
        }
        self.fetched(insn.b);
        let done = self.b.create_block();
        self.by_shape(record, shapes, |lower, shaped| {
            lower.store_slot(record.1, shaped, insn.b);
            lower.b.ins().jump(done, &[]);
        });
        self.b.switch_to_block(done);
        self.barrier(record.1, insn.b);
        // Another register may refer to the same object.
        if shapes.iter().any(|s| s.next != 0) {
            self.state.shapes.clear();
        }
        if let [only] = shapes[..] {
            let address = if only.next == 0 { only.shape } else { only.next };
            let inline = only.inline && only.next == 0;
            self.note_shape(record.0, Shape { address, inline, mutable: true });
        }
    }

    /// Stores a slot, which may be new.
    fn store_slot(&mut self, record: Value, shaped: &Shaped, source: u16) {
        if shaped.next == 0 {
            let (at, offset) = self.slot_address(record, shaped);
            self.store_boxed(source, at, offset);
            return;
        }
        let value = self.boxed(source);
        let layout = self.run.layout;
        let slot = shaped.slot as i32;
        let inline = self.b.ins().uload8(types::I64, trusted(), record, layout.header_small);
        let room = self.b.ins().icmp_imm_s(IntCC::UnsignedGreaterThan, inline, slot as i64);
        let (fast, slow, on) =
            (self.b.create_block(), self.b.create_block(), self.b.create_block());
        self.b.set_cold_block(slow);
        let shape = self.word(shaped.next);
        self.b.ins().brif(room, fast, &[], slow, &[]);
        self.b.switch_to_block(fast);
        self.store(value, record, layout.record_slots + slot * 8);
        self.store(shape, record, layout.record_shape);
        self.b.ins().jump(on, &[]);
        self.b.switch_to_block(slow);
        self.helper(Helper::add_slot, &[record, shape, value]);
        self.b.ins().jump(on, &[]);
        self.b.switch_to_block(on);
    }

    /// A path segment that is a member's name and that of a variable.
    pub(super) fn get_prop_var(&mut self, insn: Insn) {
        let types = (self.state.types[insn.b as usize], self.state.types[insn.c as usize]);
        match self.infer.path(self.pc, types.0, types.1) {
            Path::Member => self.get_shaped(insn),
            Path::Element => {
                self.guard(insn.c, Kinds::INT);
                let array = self.array(insn.b);
                let index = self.int(insn.c);
                let at = self.element(array, index);
                let value = self.load(at, 0);
                self.define(insn.a, value, Rep::Value);
            }
            Path::Generic => drop(self.step()),
        }
    }

    /// A type check: nothing where the kind of the value tells.
    pub(super) fn check_type(&mut self, insn: Insn) {
        match self.infer.checked(self.pc, self.state.types[insn.a as usize]) {
            Some(kinds) => self.guard(insn.a, kinds),
            None => drop(self.step()),
        }
    }

    /// The path segment `!`, and what a member must be that is changed.
    pub(super) fn check_found(&mut self, insn: Insn) {
        if let Some(kinds) = self.infer.found(self.pc, self.state.types[insn.a as usize]) {
            self.guard(insn.a, kinds);
            return;
        }
        let slot = self.fetched(insn.a);
        if slot.rep != Rep::Value {
            return;
        }
        let value = self.boxed(insn.a);
        for special in [Special::Nil, Special::Void] {
            let word = self.word(special_word(special));
            let bad = self.b.ins().icmp(IntCC::Equal, value, word);
            self.exit_if(bad, "a member is not found");
        }
    }

    // ---- new collections ---------------------------------------------------------

    /// Lets the collector run if it wants to. What lives on is in the window then.
    pub(super) fn safepoint(&mut self) {
        let vm = self.vm();
        let offset = self.run.layout.vm_gc_requested;
        let wanted = self.b.ins().uload8(types::I32, trusted(), vm, offset);
        let (collect, on) = (self.b.create_block(), self.b.create_block());
        self.b.set_cold_block(collect);
        self.b.ins().brif(wanted, collect, &[], on, &[]);
        self.b.switch_to_block(collect);
        let before = self.state.clone();
        let exit = self.exit_here;
        self.prepare_call(None);
        let uses = crate::effects::effects(self.unit, self.pc).uses;
        uses.into_iter().for_each(|register| self.sync(register));
        self.write_next();
        let frame = self.frame();
        let status = self.helper(Helper::safepoint, &[frame]);
        self.bail_unless_done(status);
        self.b.ins().jump(on, &[]);
        self.b.switch_to_block(on);
        // Values in registers stay what they were: objects do not move. But what
        // was remembered need not be any more.
        (self.state, self.exit_here) = (before, exit);
        self.state.arrays.iter_mut().for_each(|(_, parts)| parts.writable = false);
        self.state.fresh.clear();
        self.state.collected = true;
    }

    /// Two strings, joined.
    pub(super) fn concat(&mut self, insn: Insn) {
        self.guard(insn.b, Kinds::STRING);
        self.guard(insn.c, Kinds::STRING);
        let (left, right) = (self.boxed(insn.b), self.boxed(insn.c));
        self.safepoint();
        let joined = self.helper(Helper::concat, &[left, right]);
        self.define(insn.a, joined, Rep::Value);
    }

    pub(super) fn new_collection(&mut self, insn: Insn) {
        let (first, count, shape) = match insn.op {
            Op::NewArray => (insn.b, insn.c as usize, 0),
            _ => {
                let shape = self.unit.keysets[insn.c as usize];
                let count = self.unit.code.keysets[insn.c as usize].len();
                if shape == 0 || count > 32 {
                    self.step();
                    return;
                }
                (insn.b, count, shape)
            }
        };
        // Registers that are loaded have to be before paths part.
        for i in 0..count as u16 {
            self.fetched(first + i);
        }
        self.safepoint();
        let layout = self.run.layout;
        let address = if insn.op == Op::NewMap {
            let size = layout.record_slots as usize + count * 8;
            let map = self.allocate(size, false);
            self.init_header(map, layout.kind_map, count as u8, 0);
            let shape = self.word(shape);
            self.store(shape, map, layout.record_shape);
            let null = self.word(0);
            self.store(null, map, layout.record_more);
            for i in 0..count {
                let value = self.boxed(first + i as u16);
                self.store(value, map, layout.record_slots + i as i32 * 8);
            }
            map
        } else {
            let data = if count == 0 {
                self.word(0)
            } else {
                let storage = self.allocate(layout.storage_head as usize + count * 8, false);
                self.init_header(storage, layout.kind_storage, 0, count as u32);
                for i in 0..count {
                    let value = self.boxed(first + i as u16);
                    self.store(value, storage, layout.storage_head + i as i32 * 8);
                }
                self.b.ins().iadd_imm_s(storage, layout.storage_head as i64)
            };
            let array = self.allocate(layout.array_size as usize, false);
            self.init_header(array, layout.kind_array, 0, 0);
            self.store(data, array, layout.array_data);
            let len = self.b.ins().iconst(types::I32, count as i64);
            self.b.ins().store(trusted(), len, array, layout.array_len);
            self.b.ins().store(trusted(), len, array, layout.array_capacity);
            array
        };
        let value = self.pointer(address);
        self.define(insn.a, value, Rep::Value);
        if insn.op == Op::NewMap {
            self.note_shape(value, Shape { address: shape, inline: true, mutable: true });
        }
    }

    /// The word that points to an object.
    pub(super) fn pointer(&mut self, address: Value) -> Value {
        let tag = self.word(gene_isa::value::TAG_POINTER);
        self.b.ins().iadd(address, tag)
    }

    /// Writes the header of a new object.
    pub(super) fn init_header(&mut self, object: Value, kind: i32, small: u8, extra: u32) {
        let layout = self.run.layout;
        // Kind, mark, flags, small and extra are one word, in this order on
        // machines whose least byte comes first.
        let word = kind as u64
            | (small as u64) << (8 * (layout.header_small - layout.header_kind))
            | (extra as u64) << (8 * (layout.header_extra - layout.header_kind));
        let word = self.word(word);
        self.store(word, object, layout.header_kind);
    }

    /// Memory for a new object of `size` bytes: a cell of the current run, or
    /// what the runtime finds.
    pub(super) fn allocate(&mut self, size: usize, finalize: bool) -> Value {
        let layout = self.run.layout;
        let granule = layout.granule as usize;
        let mut index = (size - 1) / granule;
        if size > layout.small_bytes as usize {
            let (size, finalize) = (self.word(size as u64), self.word(finalize as u64));
            return self.helper(Helper::allocate, &[size, finalize]);
        }
        if finalize {
            index += layout.small_bytes as usize / granule;
        }
        let cell = size.next_multiple_of(granule);
        let classes = self.load_vm(layout.vm_classes);
        let at = index as i32 * layout.class_size;
        let cursor = self.load(classes, at + layout.class_cursor);
        let limit = self.load(classes, at + layout.class_limit);
        let next = self.b.ins().iadd_imm_s(cursor, cell as i64);
        let full = self.b.ins().icmp(IntCC::UnsignedGreaterThan, next, limit);
        let (slow, fast, done) =
            (self.b.create_block(), self.b.create_block(), self.b.create_block());
        self.b.set_cold_block(slow);
        let result = self.b.append_block_param(done, types::I64);
        self.b.ins().brif(full, slow, &[], fast, &[]);
        self.b.switch_to_block(fast);
        self.store(next, classes, at + layout.class_cursor);
        self.b.ins().jump(done, &[cursor.into()]);
        self.b.switch_to_block(slow);
        let (size, finalize) = (self.word(size as u64), self.word(finalize as u64));
        let found = self.helper(Helper::allocate, &[size, finalize]);
        self.b.ins().jump(done, &[found.into()]);
        self.b.switch_to_block(done);
        result
    }
}

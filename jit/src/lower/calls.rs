//! Calls: of compiled code, of natives, of constructors.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{self, InstBuilder, Value, types};
use gene_isa::backend::{Callee, ClassTarget, Direct, Helper, Kinds, KnownNative, Rep};
use gene_isa::{Insn, Op, Special};

use super::{Lower, constant, direct_signature, special_word, trusted};
use crate::infer::{CallPlan, argument_count};
use crate::types::Ty;

/// What a call passes besides the arguments.
#[derive(Clone, Copy)]
struct Head {
    /// The function value.
    callee: Value,
    /// The receiver; `None`: the one that the function brings.
    this: Option<Value>,
}

/// What became of a call.
enum Made {
    /// The result is in the register of the window.
    Result,
    /// Control has left the function.
    Left,
    /// Nothing: the interpreter has to do it.
    No,
}

impl Lower<'_, '_> {
    pub(super) fn call(&mut self, insn: Insn) {
        if let Some(part) = self.unit.inlined(self.pc) {
            self.call_part(insn, part);
            return;
        }
        let plan = self.infer.call(self.pc);
        let made = match &plan {
            CallPlan::Methods(plans) => self.method_call(insn, plans),
            CallPlan::Direct(callee, _) | CallPlan::Function(callee) => {
                self.function_call(insn, callee, &plan)
            }
            CallPlan::Native(value, known) => {
                let callee = self.guard_callee_value(insn, *value);
                self.native_call(insn, *value, *known, Head { callee, this: None })
            }
            CallPlan::New(class) if insn.op == Op::New => self.construct(insn, class),
            _ => Made::No,
        };
        match made {
            Made::Result | Made::Left if self.flow.calls[self.pc] => self.state.forget(),
            Made::Result | Made::Left => {}
            Made::No => drop(self.step()),
        }
    }

    /// The function value that the instruction calls, as the interpreter finds
    /// it.
    fn callee_value(&mut self, insn: Insn) -> Value {
        match insn.op {
            Op::CallModule | Op::TailCallModule => {
                let vars = self.vars();
                self.load(vars, insn.bc() as i32 * 8)
            }
            _ => self.boxed(insn.a),
        }
    }

    /// The same; leaves unless it is this one.
    fn guard_callee_value(&mut self, insn: Insn, expected: u64) -> Value {
        if matches!(insn.op, Op::CallModule | Op::TailCallModule) {
            return self.guard_global(self.pc, insn, expected);
        }
        let value = self.callee_value(insn);
        let wanted = self.word(expected);
        let same = self.b.ins().icmp(IntCC::Equal, value, wanted);
        self.exit_unless(same, "another function is called");
        wanted
    }

    /// The function in the module's variable that the call at `pc` names; leaves from the
    /// running instruction unless it is this one.
    pub(super) fn guard_global(&mut self, pc: usize, insn: Insn, expected: u64) -> Value {
        let wanted = self.word(expected);
        let vars = self.unit.part(pc).vars;
        let global = (vars, insn.bc(), expected);
        if !self.state.globals.contains(&global) {
            let cell = self.word(vars);
            let all = self.load(cell, 0);
            let value = self.load(all, insn.bc() as i32 * 8);
            let same = self.b.ins().icmp(IntCC::Equal, value, wanted);
            self.exit_unless(same, "another function is called");
            self.state.globals.push(global);
        }
        wanted
    }

    /// The same; leaves unless it is a function of this code.
    pub(super) fn guard_callee(&mut self, insn: Insn, callee: &Callee) -> Value {
        if callee.value != 0 {
            return self.guard_callee_value(insn, callee.value);
        }
        let value = self.callee_value(insn);
        let address = self.address(value);
        self.guard_address(address, "no function is called");
        let kind = self.kind_at(address);
        let function = self.run.layout.kind_function as i64;
        let good = self.b.ins().icmp_imm_s(IntCC::Equal, kind, function);
        self.exit_unless(good, "no function is called");
        let offset = self.run.layout.function_code;
        let code = self.b.ins().load(types::I64, constant(), address, offset);
        let wanted = self.word(callee.code);
        let same = self.b.ins().icmp(IntCC::Equal, code, wanted);
        self.exit_unless(same, "another function is called");
        value
    }

    /// Leaves if methods have been defined anew since this was compiled.
    pub(super) fn guard_epoch(&mut self) {
        let vm = self.vm();
        let offset = self.run.layout.vm_cache_epoch;
        let epoch = self.b.ins().load(types::I32, trusted(), vm, offset);
        let same = self.b.ins().icmp_imm_s(IntCC::Equal, epoch, self.request.epoch as i64);
        self.exit_unless(same, "methods were defined anew");
    }

    fn function_call(&mut self, insn: Insn, callee: &Callee, plan: &CallPlan) -> Made {
        let CallPlan::Direct(_, direct) = plan else { return Made::No };
        if !self.arguments_fit(insn, direct) {
            return Made::No;
        }
        let this = (insn.op == Op::CallWithSelf).then(|| self.boxed(insn.a + 1));
        let value = self.guard_callee(insn, callee);
        self.direct_call(insn, callee, direct, Head { callee: value, this });
        Made::Result
    }

    /// Whether no argument is certain to be of another representation than the
    /// callee takes.
    fn arguments_fit(&self, insn: Insn, direct: &Direct) -> bool {
        direct.params.iter().enumerate().all(|(i, rep)| {
            let ty = self.state.types[insn.a as usize + 2 + i];
            *rep == Rep::Value || !ty.kinds.and(Ty::of_rep(*rep).kinds).is_empty()
        })
    }

    /// The arguments as the callee takes them; leaves if one is different.
    fn arguments(&mut self, insn: Insn, direct: &Direct) -> Vec<Value> {
        let mut all = Vec::new();
        for (i, rep) in direct.params.iter().enumerate() {
            let register = insn.a + 2 + i as u16;
            all.push(match rep {
                Rep::Value => self.boxed(register),
                Rep::Int => {
                    self.guard(register, Kinds::INT);
                    self.int(register)
                }
                Rep::Float => {
                    self.guard(register, Kinds::FLOAT);
                    self.float(register)
                }
            });
        }
        all
    }

    /// Puts the function and its receiver where the callee finds them.
    fn write_head(&mut self, window: u16, callee: &Callee, uses_self: bool, head: Head) {
        self.store_register(window, head.callee);
        match head.this {
            Some(this) => self.store_register(window + 1, this),
            None if !uses_self => {}
            None if callee.value != 0 => {
                let this = self.word(callee.this);
                self.store_register(window + 1, this);
            }
            None => {
                let address = self.address(head.callee);
                let this = self.load(address, self.run.layout.function_this);
                self.store_register(window + 1, this);
            }
        }
    }

    /// Calls compiled code; the result is what the register of the window holds.
    fn direct_call(&mut self, insn: Insn, callee: &Callee, direct: &Direct, head: Head) {
        let args = self.arguments(insn, direct);
        self.call_with(insn.a, callee, direct, head, &args);
    }

    /// The same with these arguments, on behalf of the call that is the running
    /// instruction.
    fn call_with(
        &mut self,
        window: u16,
        callee: &Callee,
        direct: &Direct,
        head: Head,
        args: &[Value],
    ) {
        self.sync_objects_below(window);
        self.write_frame();
        self.write_head(window, callee, direct.uses_self, head);
        // Objects among the arguments have to be reachable: the callee's window
        // is where they are looked for, and the callee writes it when needed.
        self.write_next();
        let fp = self.frame_at(self.unit.part(self.pc).level + 1);
        let base = self.b.ins().iadd_imm_s(self.base, window as i64 * 8);
        let (result, status) = self.emit_direct(callee, direct, fp, base, args);
        let (cold, done) = (self.b.create_block(), self.b.create_block());
        self.b.set_cold_block(cold);
        let value = self.b.append_block_param(done, super::machine_type(direct.result));
        self.b.ins().brif(status, cold, &[], done, &[result.into()]);
        self.b.switch_to_block(cold);
        let before = self.state.clone();
        self.finish_call(window, direct.result, status, done);
        self.state = before;
        self.b.switch_to_block(done);
        self.end_window(window);
        self.define(window, value, direct.result);
    }

    /// The call itself: result and status.
    fn emit_direct(
        &mut self,
        callee: &Callee,
        direct: &Direct,
        fp: Value,
        base: Value,
        args: &[Value],
    ) -> (Value, Value) {
        let mut all = vec![fp, base];
        all.extend_from_slice(args);
        let call = match self.own {
            Some(own) if callee.is_self => self.b.ins().call(own, &all),
            _ => {
                let sig = self.b.import_signature(direct_signature(direct));
                let cell = self.word(direct.cell);
                let address = self.load(cell, 0);
                self.b.ins().call_indirect(sig, address, &all)
            }
        };
        let results = self.b.inst_results(call);
        (results[0], results[1])
    }

    /// After a call that did not end with `DONE`; goes on at `done` with the
    /// result, or leaves.
    fn finish_call(&mut self, window: u16, rep: Rep, status: Value, done: ir::Block) {
        self.sync_covered(window);
        let status = self.b.ins().uextend(types::I64, status);
        let frame = self.frame();
        let status = self.helper(Helper::after_call, &[frame, status]);
        self.bail_unless_done(status);
        let value = self.load_vm(self.run.layout.vm_result);
        let good = match rep {
            Rep::Value => {
                self.b.ins().jump(done, &[value.into()]);
                return;
            }
            Rep::Int => self.is_int(value),
            Rep::Float => self.is_float(value),
        };
        self.end_window(window);
        self.store_register(window, value);
        let exit = self.exit_to(self.pc + 1, "a call gave something else than before");
        let fits = self.b.create_block();
        self.b.ins().brif(good, fits, &[], exit, &[]);
        self.b.switch_to_block(fits);
        let result = match rep {
            Rep::Int => self.unbox_int(value),
            _ => self.b.ins().bitcast(types::F64, ir::MemFlagsData::new(), value),
        };
        self.b.ins().jump(done, &[result.into()]);
    }

    /// Writes what a handler of exceptions needs of the registers below the window of
    /// a call.
    pub(super) fn sync_covered(&mut self, window: u16) {
        if self.is_covered() {
            let flow = self.flow;
            for register in flow.live[self.pc].iter().filter(|r| *r < window) {
                self.sync(register);
            }
        }
    }

    /// Registers from the window on mean nothing any more.
    pub(super) fn end_window(&mut self, window: u16) {
        (window..self.unit.code.nregs).for_each(|r| self.define_in_window(r));
    }

    /// Writes objects below the window that live on, for the collector.
    fn sync_objects_below(&mut self, window: u16) {
        let flow = self.flow;
        for register in flow.live[self.pc].iter().filter(|r| *r < window) {
            if self.state.types[register as usize].may_be_object() {
                self.sync(register);
            }
        }
    }

    // ---- methods -----------------------------------------------------------------

    fn method_call(&mut self, insn: Insn, plans: &[(u32, CallPlan)]) -> Made {
        let receiver = insn.a + 1;
        let ty = self.state.types[receiver as usize];
        let kinds = self.infer.expect(self.pc, 1, ty);
        let callable = plans.iter().all(|(_, plan)| match plan {
            CallPlan::Direct(_, direct) => self.arguments_fit(insn, direct),
            CallPlan::Native(..) => plans.len() == 1,
            _ => false,
        });
        if !callable || kinds.is_empty() {
            return Made::No;
        }
        match plans {
            [(class, plan)] if self.guard_method(insn, *class) => self.known_method(insn, plan),
            [_] => Made::No,
            _ if kinds == Kinds::INSTANCE => self.instance_call(insn, plans),
            _ => Made::No,
        }
    }

    /// Leaves unless the receiver is of the only class that has been seen; `false` if
    /// there is no guard for it.
    pub(super) fn guard_method(&mut self, insn: Insn, class: u32) -> bool {
        let receiver = insn.a + 1;
        let kinds = self.infer.expect(self.pc, 1, self.state.types[receiver as usize]);
        if kinds == Kinds::INSTANCE {
            self.guard(receiver, Kinds::INSTANCE);
            let id = self.class_of_instance(receiver);
            let same = self.b.ins().icmp_imm_s(IntCC::Equal, id, class as i64);
            self.exit_unless(same, "a method of another class is called");
            return true;
        }
        let guarded = Kinds::NUMBER.with(Kinds::ARRAY).with(Kinds::MAP).with(Kinds::STRING);
        if kinds.0.count_ones() == 1 && kinds.within(guarded) {
            self.guard(receiver, kinds);
        } else {
            match self.infer.seen(self.pc).receiver {
                Some(kind) if kinds == Kinds::OBJECT => self.guard_receiver(receiver, kind),
                _ => return false,
            }
        }
        self.guard_epoch();
        true
    }

    /// Leaves unless the register holds an object of the kind with this number, and
    /// with this byte in its header.
    fn guard_receiver(&mut self, register: u16, (kind, small): (u8, Option<u8>)) {
        let word = self.boxed(register);
        let address = self.address(word);
        self.guard_address(address, "an object was expected");
        let found = self.kind_at(address);
        let same = self.b.ins().icmp_imm_s(IntCC::Equal, found, kind as i64);
        self.exit_unless(same, "an object of another kind was expected");
        if let Some(small) = small {
            let offset = self.run.layout.header_small;
            let found = self.b.ins().uload8(types::I32, constant(), address, offset);
            let same = self.b.ins().icmp_imm_s(IntCC::Equal, found, small as i64);
            self.exit_unless(same, "an object of another class was expected");
        }
    }

    /// A call of a method that has been found.
    fn known_method(&mut self, insn: Insn, plan: &CallPlan) -> Made {
        match plan {
            CallPlan::Direct(callee, direct) => {
                let this = self.boxed(insn.a + 1);
                let value = self.word(callee.value);
                self.direct_call(insn, callee, direct, Head { callee: value, this: Some(this) });
                Made::Result
            }
            CallPlan::Native(value, known) => {
                let callee = self.word(*value);
                let this = self.boxed(insn.a + 1);
                self.native_call(insn, *value, *known, Head { callee, this: Some(this) })
            }
            _ => Made::No,
        }
    }

    /// Identity of the class of a register known to hold an instance.
    fn class_of_instance(&mut self, register: u16) -> Value {
        let word = self.boxed(register);
        let record = self.address(word);
        let shape = self.load(record, self.run.layout.record_shape);
        let offset = self.run.layout.shape_class_id;
        self.b.ins().load(types::I32, trusted(), shape, offset)
    }

    /// A method call on instances of a few classes.
    fn instance_call(&mut self, insn: Insn, plans: &[(u32, CallPlan)]) -> Made {
        let receiver = insn.a + 1;
        self.guard(receiver, Kinds::INSTANCE);
        let id = self.class_of_instance(receiver);
        // Arguments are made ready once, for all of them: in the window's
        // registers they are the same on every path.
        let joined = self.b.create_block();
        let result = self.b.append_block_param(joined, types::I64);
        for i in 0..argument_count(insn) {
            self.fetched(insn.a + 2 + i);
        }
        self.write_frame();
        self.sync_objects_below(insn.a);
        let start = self.state.clone();
        let exit = self.exit("a method of another class is called");
        for (i, (class, plan)) in plans.iter().enumerate() {
            self.state = start.clone();
            let same = self.b.ins().icmp_imm_s(IntCC::Equal, id, *class as i64);
            let this = self.b.create_block();
            let other = if i + 1 == plans.len() { exit } else { self.b.create_block() };
            self.b.ins().brif(same, this, &[], other, &[]);
            self.b.switch_to_block(this);
            self.known_method(insn, plan);
            let value = self.boxed(insn.a);
            self.b.ins().jump(joined, &[value.into()]);
            if i + 1 < plans.len() {
                self.b.switch_to_block(other);
            }
        }
        self.b.switch_to_block(joined);
        self.state = start;
        self.end_window(insn.a);
        self.define_joined(insn.a, result, plans);
        Made::Result
    }

    /// The result of calls of different methods: unboxed if all say so.
    fn define_joined(&mut self, register: u16, word: Value, plans: &[(u32, CallPlan)]) {
        self.define(register, word, Rep::Value);
        let ty = plans.iter().map(|(_, plan)| self.infer.call_type(plan)).reduce(Ty::join);
        self.state.types[register as usize] = ty.unwrap_or(Ty::ANY);
    }

    // ---- natives -----------------------------------------------------------------

    fn native_call(&mut self, insn: Insn, native: u64, known: KnownNative, head: Head) -> Made {
        let window = insn.a;
        let count = argument_count(insn);
        if self.inline_native(insn, known) {
            return Made::Result;
        }
        self.leave_if_silent();
        self.prepare_call(Some(window));
        self.store_register(window, head.callee);
        let this = match head.this {
            Some(this) => this,
            None => self.word(special_word(Special::Nil)),
        };
        self.store_register(window + 1, this);
        (0..count).for_each(|i| self.sync(window + 2 + i));
        self.write_next();
        let at = self.b.ins().iadd_imm_s(self.base, window as i64 * 8);
        let (count, native) = (self.word(count as u64), self.word(native));
        let frame = self.frame();
        let status = self.helper(Helper::call_native, &[frame, at, count, native]);
        self.bail_unless_done(status);
        self.end_window(window);
        Made::Result
    }

    /// Natives that are a few instructions.
    fn inline_native(&mut self, insn: Insn, known: KnownNative) -> bool {
        let window = insn.a;
        let receiver = self.state.types[window as usize + 1];
        let layout = self.run.layout;
        match known {
            KnownNative::ArraySize if receiver.kinds == Kinds::ARRAY => {
                let word = self.boxed(window + 1);
                let array = self.address(word);
                let len = self.b.ins().uload32(trusted(), array, layout.array_len);
                self.end_window(window);
                self.define(window, len, Rep::Int);
            }
            KnownNative::ArrayAdd if receiver.kinds == Kinds::ARRAY => {
                self.array_add(window);
            }
            KnownNative::Callable => {
                // The name is not looked at.
                let callee = self.peek(window + 2);
                if callee.virt.is_none() {
                    self.guard(window + 2, Kinds::FUNCTION);
                }
                let nil = self.word(special_word(Special::Nil));
                self.end_window(window);
                self.define(window, nil, Rep::Value);
            }
            KnownNative::Sqrt => {
                let register = window + 2;
                let ty = self.state.types[register as usize];
                if !ty.is_float() && !ty.is_int() {
                    return false;
                }
                let value = self.number(register);
                let root = self.b.ins().sqrt(value);
                self.computed(root, &[value]);
                self.end_window(window);
                self.define(window, root, Rep::Float);
            }
            _ => return false,
        }
        true
    }

    fn array_add(&mut self, window: u16) {
        let layout = self.run.layout;
        let source = window + 2;
        let word = self.boxed(window + 1);
        let array = self.address(word);
        self.guard_mutable(array);
        let value = self.boxed(source);
        let len = self.b.ins().uload32(trusted(), array, layout.array_len);
        let capacity = self.b.ins().uload32(trusted(), array, layout.array_capacity);
        let room = self.b.ins().icmp(IntCC::UnsignedLessThan, len, capacity);
        let (fast, slow, done) =
            (self.b.create_block(), self.b.create_block(), self.b.create_block());
        self.b.set_cold_block(slow);
        self.b.ins().brif(room, fast, &[], slow, &[]);
        self.b.switch_to_block(fast);
        let data = self.load(array, layout.array_data);
        let offset = self.b.ins().ishl_imm_s(len, 3);
        let at = self.b.ins().iadd(data, offset);
        self.store(value, at, 0);
        let more = self.b.ins().iadd_imm_s(len, 1);
        self.b.ins().istore32(trusted(), more, array, layout.array_len);
        self.barrier(array, source);
        self.b.ins().jump(done, &[]);
        self.b.switch_to_block(slow);
        self.helper(Helper::array_push, &[array, value]);
        self.b.ins().jump(done, &[]);
        self.b.switch_to_block(done);
        // Growing allocates without end in a loop that does nothing else.
        self.safepoint();
        self.end_window(window);
        self.define(window, word, Rep::Value);
        self.state.types[window as usize] = Ty::of(Kinds::ARRAY);
    }

    // ---- construction ------------------------------------------------------------

    /// `new` of a class of the program.
    fn construct(&mut self, insn: Insn, class: &ClassTarget) -> Made {
        let window = insn.a;
        let count = argument_count(insn);
        let direct = match &class.ctor {
            None if count == 0 => None,
            None => return Made::No,
            Some(ctor) => match self.infer.plan_callee(ctor, count) {
                CallPlan::Direct(_, direct) if self.arguments_fit(insn, &direct) => Some(direct),
                _ => return Made::No,
            },
        };
        let word = self.instantiate(insn, class, direct.as_ref());
        match (&class.ctor, direct) {
            (Some(ctor), Some(direct)) => {
                let callee = self.word(ctor.value);
                self.direct_call(insn, ctor, &direct, Head { callee, this: Some(word) });
            }
            _ => {
                self.end_window(window);
                self.define(window, word, Rep::Value);
            }
        }
        Made::Result
    }

    /// A new instance of the class, without fields. Leaves if the instruction is about
    /// another class or the constructor does not take its arguments.
    pub(super) fn instantiate(
        &mut self,
        insn: Insn,
        class: &ClassTarget,
        direct: Option<&Direct>,
    ) -> Value {
        let value = self.boxed(insn.a);
        let wanted = self.word(class.value);
        let same = self.b.ins().icmp(IntCC::Equal, value, wanted);
        self.exit_unless(same, "another class is instantiated");
        self.guard_epoch();
        for i in 0..argument_count(insn) {
            self.fetched(insn.a + 2 + i);
        }
        if let Some(direct) = direct {
            // Guards come before there is something new.
            self.arguments(insn, direct);
        }
        self.safepoint();
        let layout = self.run.layout;
        let size = layout.record_slots as usize + class.room as usize * 8;
        let instance = self.allocate(size, false);
        self.init_header(instance, layout.kind_instance, class.room as u8, 0);
        let shape = self.word(class.shape);
        self.store(shape, instance, layout.record_shape);
        let null = self.word(0);
        self.store(null, instance, layout.record_more);
        self.pointer(instance)
    }

    // ---- tail calls --------------------------------------------------------------

    pub(super) fn tail_call(&mut self, insn: Insn) {
        if let Some(part) = self.unit.inlined(self.pc) {
            let mut after = self.state.types.clone();
            self.infer.transfer(self.pc, &mut after);
            self.call_part(insn, part);
            self.state.types = after;
            let edge = self.edge(self.succ(0));
            self.b.ins().jump(edge, &[]);
            return;
        }
        let plan = self.infer.call(self.pc);
        if let CallPlan::Exit = plan {
            let exit = self.exit("this has not run before");
            self.b.ins().jump(exit, &[]);
            return;
        }
        let made = match &plan {
            CallPlan::Direct(callee, direct) if insn.op != Op::TailCallMethod => {
                self.direct_tail_call(insn, callee, direct)
            }
            CallPlan::Native(value, known) if insn.op != Op::TailCallMethod => {
                let callee = self.guard_callee_value(insn, *value);
                self.native_call(insn, *value, *known, Head { callee, this: None })
            }
            CallPlan::Methods(plans) if matches!(plans[..], [(_, CallPlan::Native(..))]) => {
                self.method_call(insn, plans)
            }
            CallPlan::Methods(plans) => self.tail_methods(insn, plans),
            _ => Made::No,
        };
        match made {
            Made::Left => {}
            Made::Result => {
                let ret = Insn::abc(Op::Return, insn.a, 0, 0);
                self.return_value(ret);
            }
            Made::No => drop(self.step()),
        }
    }

    /// Method calls on instances in place of the running frame.
    fn tail_methods(&mut self, insn: Insn, plans: &[(u32, CallPlan)]) -> Made {
        let receiver = insn.a + 1;
        let kinds = self.infer.expect(self.pc, 1, self.state.types[receiver as usize]);
        let callable = plans.iter().all(|(_, plan)| match plan {
            CallPlan::Direct(_, direct) => self.arguments_fit(insn, direct),
            _ => false,
        });
        if !callable || kinds != Kinds::INSTANCE {
            return Made::No;
        }
        self.guard(receiver, Kinds::INSTANCE);
        let id = self.class_of_instance(receiver);
        for i in 0..argument_count(insn) {
            self.fetched(insn.a + 2 + i);
        }
        let start = self.state.clone();
        let exit = self.exit("a method of another class is called");
        let pc = self.pc;
        for (i, (class, plan)) in plans.iter().enumerate() {
            let CallPlan::Direct(callee, direct) = plan else { return Made::No };
            (self.state, self.pc) = (start.clone(), pc);
            let same = self.b.ins().icmp_imm_s(IntCC::Equal, id, *class as i64);
            let this = self.b.create_block();
            let last = i + 1 == plans.len();
            let other = if last { exit } else { self.b.create_block() };
            self.b.ins().brif(same, this, &[], other, &[]);
            self.b.switch_to_block(this);
            let value = self.word(callee.value);
            let this = self.boxed(receiver);
            let head = Head { callee: value, this: Some(this) };
            if let Made::Result = self.replace_frame(insn, callee, direct, head) {
                self.return_value(Insn::abc(Op::Return, insn.a, 0, 0));
            }
            if !last {
                self.b.switch_to_block(other);
            }
        }
        Made::Left
    }

    /// A call in place of the running frame.
    fn direct_tail_call(&mut self, insn: Insn, callee: &Callee, direct: &Direct) -> Made {
        if !self.arguments_fit(insn, direct) {
            return Made::No;
        }
        let value = self.guard_callee(insn, callee);
        self.replace_frame(insn, callee, direct, Head { callee: value, this: None })
    }

    fn replace_frame(&mut self, insn: Insn, callee: &Callee, direct: &Direct, head: Head) -> Made {
        let args = self.arguments(insn, direct);
        // Endless recursion can be interrupted: the interpreter makes this call.
        self.poll();
        let part = self.unit.part(self.pc);
        if let Some((_, call)) = part.caller {
            // The caller's frame makes this call.
            self.state.drop_frames(part.level);
            self.pc = call;
            self.call_with(part.base, callee, direct, head, &args);
            self.state.types[part.base as usize] = Ty::of_rep(direct.result);
            let edge = self.edge(self.block_at(self.unit.next(call)));
            self.b.ins().jump(edge, &[]);
            return Made::Left;
        }
        self.write_head(0, callee, direct.uses_self, head);
        let own = self.infer.own.as_ref();
        if own.is_some_and(|own| own.result == direct.result) {
            let mut all = vec![self.fp, self.base];
            all.extend_from_slice(&args);
            match self.own {
                Some(own) if callee.is_self => {
                    self.b.ins().return_call(own, &all);
                }
                _ => {
                    let sig = self.b.import_signature(direct_signature(direct));
                    let cell = self.word(direct.cell);
                    let address = self.load(cell, 0);
                    self.b.ins().return_call_indirect(sig, address, &all);
                }
            }
            return Made::Left;
        }
        // The frame is the callee's now: what it does not finish, nobody else
        // has to look at.
        let (result, status) = self.emit_direct(callee, direct, self.fp, self.base, &args);
        let status = self.b.ins().uextend(types::I64, status);
        self.bail_unless_done(status);
        self.end_window(insn.a);
        self.define(insn.a, result, direct.result);
        self.state.types[insn.a as usize] = Ty::of_rep(direct.result);
        Made::Result
    }
}

//! Bytecode to Cranelift's intermediate representation.
//!
//! Registers are SSA values, unboxed where their types allow it. Each also has
//! its place in the window; `Slot::synced` says whether the value there is up
//! to date. Values are written there before anything looks: the collector
//! (objects only), an instruction that the interpreter runs, an exit.
//!
//! The files bear the names of the interpreter's: [`values`] boxes, unboxes and
//! guards, [`edges`] joins the states of paths, [`exits`] goes back to the
//! interpreter, [`arith`], [`jumps`], [`calls`], [`members`], [`loops`] and [`scopes`] have the
//! instructions, [`parts`] the calls that have become parts of the function, [`step`] those that are left to the interpreter.
//! [`invariants`] is about what loops need not look at again; [`virtuals`] and [`unproven`] put off what may turn out not to be needed: objects, and checks of floats.

mod arith;
mod calls;
mod edges;
mod exits;
mod invariants;
mod jumps;
mod loops;
mod members;
mod parts;
mod scopes;
mod step;
mod unproven;
mod values;
mod virtuals;

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{
    self, AbiParam, InstBuilder, MemFlagsData, Signature, Type, Value, types,
};
use cranelift_codegen::isa::CallConv;
use cranelift_frontend::FunctionBuilder;
use gene_isa::backend::{Direct, Entry, Exit, Helper, Layout, Rep, Request, status};
use gene_isa::{Op, Special};

use crate::flow::Flow;
use crate::infer::Infer;
use crate::solve::BlockTypes;
use crate::types::Ty;
use crate::unit::Unit;
use edges::{Edge, Header};
use exits::PendingExit;
use unproven::Unproven;
use virtuals::Virtual;

/// Where a register's value is.
#[derive(Clone, Copy, Debug)]
pub struct Slot {
    /// In a machine value; `None`: in the window only.
    pub val: Option<Value>,
    /// What that is.
    pub rep: Rep,
    /// Whether the window has it as well.
    pub synced: bool,
    /// The number of an object that is not made; `val` is `None` then.
    pub virt: Option<u32>,
}

impl Slot {
    const MEMORY: Slot = Slot { val: None, rep: Rep::Value, synced: true, virt: None };
}

/// What is known at a place in the code.
#[derive(Clone, Debug)]
pub struct State {
    pub slots: Vec<Slot>,
    pub types: Vec<Ty>,
    /// Which frames have been written but for their `pc`s: a bit for each level.
    pub frames: u32,
    /// Which of them have the `pc` behind the call of the frame above.
    pub returns: u32,
    /// Whether the collector could run since the function or a round of a loop began.
    pub collected: bool,
    /// Words that point to records of these shapes.
    pub shapes: Vec<(Value, Shape)>,
    /// Words that point to arrays.
    pub arrays: Vec<(Value, ArrayParts)>,
    /// Objects that are not made, by number.
    pub virtuals: Vec<(u32, Virtual)>,
    /// Variables of modules, by the cell of these and a number, that hold a function.
    pub globals: Vec<(u64, u32, u64)>,
    /// Words that are `false`, `nil` or `void`.
    pub falsy: Vec<Value>,
    /// Words that are scopes, with their addresses.
    pub scopes: Vec<(Value, Value)>,
    /// Addresses of scopes made just before: nothing has been collected since.
    pub fresh: Vec<Value>,
}

impl State {
    /// Forgets what a call may change.
    pub fn forget(&mut self) {
        self.shapes.clear();
        self.arrays.clear();
        self.globals.clear();
        self.fresh.clear();
    }

    /// Frames from this level on are those of others.
    pub fn drop_frames(&mut self, level: u16) {
        self.frames &= (1 << level) - 1;
        self.returns &= (1 << level.saturating_sub(1)) - 1;
    }
}

/// What has been loaded of an array. It stays true until something is called:
/// stores of elements change none of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ArrayParts {
    /// Its address.
    pub address: Value,
    /// Number of elements.
    pub len: Value,
    /// Address of the elements.
    pub data: Value,
    /// Whether it may be written to without a look.
    pub writable: bool,
}

/// What is known of a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shape {
    /// Address of its shape.
    pub address: u64,
    /// Whether all its slots lie in the record itself.
    pub inline: bool,
    /// Whether the record may be changed.
    pub mutable: bool,
}

/// The surroundings of all functions.
pub struct Runtime<'a> {
    pub layout: &'a Layout,
    /// Addresses of helpers, by their numbers.
    pub helpers: &'a [u64],
    /// Address of the word that is not 0 when somebody wants attention.
    pub interrupt: u64,
    /// Address of the limit of the frame stack.
    pub frame_limit: u64,
    /// Convention of calls to helpers.
    pub c_convention: CallConv,
    /// Whether to note which instruction machine code belongs to.
    pub places: bool,
}

/// One function being compiled.
pub struct Lower<'a, 'b> {
    pub b: FunctionBuilder<'b>,
    pub run: &'a Runtime<'a>,
    pub request: &'a Request<'a>,
    pub unit: &'a Unit,
    pub infer: &'a Infer<'a>,
    pub flow: &'a Flow,
    pub block_types: &'a BlockTypes,
    pub state: State,
    /// The instruction that is being compiled.
    pub pc: usize,
    /// What `Return` hands out; `None`: a word into the window.
    pub result: Option<Rep>,
    /// To call the function itself.
    pub own: Option<ir::FuncRef>,
    pub exits: Vec<Exit>,
    /// Instructions that are left to the interpreter.
    pub steps: Vec<(u64, u32)>,
    fp: Value,
    base: Value,
    /// What turns a word into an address when subtracted. Cranelift would add a constant wherever
    /// the address is used, with two machine registers instead of one.
    pointer_tag: Value,
    /// Where exits find the frame and the window.
    home: Option<ir::StackSlot>,
    edges: Vec<Vec<Edge>>,
    headers: Vec<Option<Header>>,
    backward: Vec<(usize, Edge)>,
    pending: Vec<PendingExit>,
    virtuals_made: u32,
    /// The exit of the running instruction, if there is one already.
    exit_here: Option<ir::Block>,
    /// Floats that may be none, in this block.
    unproven: Option<Unproven>,
    /// Indices with lengths that they are below.
    bounded: Vec<(Value, Value)>,
    /// Floats that are words as they are: no NaNs, or the one that words have.
    canonical: Vec<Value>,
    bail: Option<ir::Block>,
    /// What was known where each part was called.
    called: Vec<Option<State>>,
    /// Where what has not ended well inside of a part goes on.
    part_bails: Vec<Option<ir::Block>>,
    /// Whether what is computed shall not be computed again inside the loop that
    /// is being entered, as Cranelift does with sums of a constant.
    opaque: bool,
    helper_sigs: Vec<Option<ir::SigRef>>,
}

/// Machine type of a representation.
pub fn machine_type(rep: Rep) -> Type {
    match rep {
        Rep::Float => types::F64,
        Rep::Int | Rep::Value => types::I64,
    }
}

/// Machine type of the status of direct calls. It is not that of words: Cranelift
/// would keep a zero that is used for both in a register across loops.
pub const STATUS: Type = types::I32;

/// Signature of compiled code that is called directly: frame, window, arguments;
/// result and status.
pub fn direct_signature(direct: &Direct) -> Signature {
    let mut signature = Signature::new(CallConv::Tail);
    signature.params.extend([AbiParam::new(types::I64); 2]);
    signature.params.extend(direct.params.iter().map(|rep| AbiParam::new(machine_type(*rep))));
    signature.returns.push(AbiParam::new(machine_type(direct.result)));
    signature.returns.push(AbiParam::new(STATUS));
    signature
}

/// Signature of loop entries: frame, window; status.
pub fn loop_signature() -> Signature {
    let mut signature = Signature::new(CallConv::Tail);
    signature.params.extend([AbiParam::new(types::I64); 2]);
    signature.returns.push(AbiParam::new(types::I64));
    signature
}

impl<'a, 'b> Lower<'a, 'b> {
    #[allow(clippy::too_many_arguments)]
    pub fn new(
        mut b: FunctionBuilder<'b>,
        run: &'a Runtime<'a>,
        request: &'a Request<'a>,
        unit: &'a Unit,
        infer: &'a Infer<'a>,
        flow: &'a Flow,
        block_types: &'a BlockTypes,
        own: Option<ir::FuncRef>,
    ) -> Lower<'a, 'b> {
        let entry = b.create_block();
        b.append_block_params_for_function_params(entry);
        b.switch_to_block(entry);
        let params = b.block_params(entry).to_vec();
        let vm = b.ins().get_pinned_reg(types::I64);
        let tag = run.layout.vm_pointer_tag;
        let pointer_tag = b.ins().load(types::I64, trusted(), vm, tag);
        let registers = unit.code.nregs as usize;
        let mut slots = vec![Slot::MEMORY; registers];
        let types = crate::solve::entry_types(infer);
        if let Some(own) = &infer.own {
            for (i, rep) in own.params.iter().enumerate() {
                slots[2 + i] =
                    Slot { val: Some(params[2 + i]), rep: *rep, synced: false, virt: None };
            }
        }
        let frames = matches!(request.entry, Entry::Loop(_)) as u32;
        let blocks = flow.blocks.len();
        Lower {
            b,
            run,
            request,
            unit,
            infer,
            flow,
            block_types,
            state: State {
                slots,
                types,
                frames,
                returns: 0,
                collected: false,
                shapes: Vec::new(),
                arrays: Vec::new(),
                virtuals: Vec::new(),
                globals: Vec::new(),
                falsy: Vec::new(),
                scopes: Vec::new(),
                fresh: Vec::new(),
            },
            pc: 0,
            result: infer.own.as_ref().map(|own| own.result),
            own,
            // The first is the wrapper's.
            exits: vec![Exit {
                code: request.body.id,
                pc: 0,
                blamed: 0,
                reason: "arguments of other kinds were given",
                rebuilt: Vec::new(),
                held: Vec::new(),
            }],
            steps: Vec::new(),
            fp: params[0],
            base: params[1],
            pointer_tag,
            home: None,
            edges: (0..blocks).map(|_| Vec::new()).collect(),
            headers: (0..blocks).map(|_| None).collect(),
            backward: Vec::new(),
            pending: Vec::new(),
            virtuals_made: 0,
            exit_here: None,
            unproven: None,
            bounded: Vec::new(),
            canonical: Vec::new(),
            bail: None,
            called: vec![None; unit.parts.len()],
            part_bails: vec![None; unit.parts.len()],
            opaque: false,
            helper_sigs: vec![None; Helper::ALL.len()],
        }
    }

    /// Compiles everything; the exits, and what is left to the interpreter.
    pub fn run(mut self) -> (FunctionBuilder<'b>, Vec<Exit>, Vec<(u64, u32)>) {
        if self.flow.blocks.iter().any(|block| block.round.is_some()) {
            self.keep_home();
        }
        match self.request.entry {
            Entry::Call => self.prologue(),
            Entry::Loop(pc) => self.check_room(pc as usize),
        }
        let first = self.edge(0);
        self.b.ins().jump(first, &[]);
        for block in 0..self.flow.blocks.len() {
            if self.enter_block(block) {
                self.block(block);
                self.finish_back_edges();
            }
        }
        self.b.set_srcloc(ir::SourceLoc::default());
        self.finish_exits();
        self.b.seal_all_blocks();
        (self.b, self.exits, self.steps)
    }

    /// Puts frame and window where exits find them: values that are live in exits only
    /// would be moved about in loops.
    fn keep_home(&mut self) {
        let data = ir::StackSlotData::new(ir::StackSlotKind::ExplicitSlot, 16, 3);
        let home = self.b.create_sized_stack_slot(data);
        self.b.ins().stack_store(types::I64, self.fp, home, 0);
        self.b.ins().stack_store(types::I64, self.base, home, 8);
        self.home = Some(home);
    }

    /// Whether there is room for the frames and windows of all parts.
    fn has_room(&mut self) -> Value {
        let layout = self.run.layout;
        let limit = self.word(self.run.frame_limit);
        let limit = self.load(limit, 0);
        let last = self.frame_at(self.unit.levels());
        let fits = self.b.ins().icmp(IntCC::UnsignedLessThan, last, limit);
        if self.unit.code.nregs as i32 <= layout.small_window {
            return fits;
        }
        let end = self.b.ins().iadd_imm_s(self.base, self.unit.code.nregs as i64 * 8);
        let limit = self.load_vm(layout.vm_stack_limit);
        let inside = self.b.ins().icmp(IntCC::UnsignedLessThanOrEqual, end, limit);
        self.b.ins().band(fits, inside)
    }

    /// Leaves to the instruction at `pc` if parts have no room: the interpreter
    /// then sees how far it gets.
    fn check_room(&mut self, pc: usize) {
        if self.unit.levels() == 0 {
            return;
        }
        self.pc = pc;
        let fits = self.has_room();
        let exit = self.quiet_exit_to(pc);
        let on = self.b.create_block();
        self.b.ins().brif(fits, on, &[], exit, &[]);
        self.b.switch_to_block(on);
    }

    /// Checks limits, and clears scope registers.
    fn prologue(&mut self) {
        let layout = self.run.layout;
        let (good, bad) = (self.b.create_block(), self.b.create_block());
        self.b.set_cold_block(bad);
        let fits = self.has_room();
        self.b.ins().brif(fits, good, &[], bad, &[]);
        self.b.switch_to_block(bad);
        let bytes = self.request.body.code.nregs as i64 * 8;
        let end = self.b.ins().iadd_imm_s(self.base, bytes);
        let status = self.helper(Helper::look_before_call, &[self.fp, end]);
        self.bail_unless_done(status);
        self.check_room(0);
        self.b.ins().jump(good, &[]);
        self.b.switch_to_block(good);
        let calls = (0..self.unit.code.insns.len())
            .any(|pc| crate::flow::may_call(self.unit.code.insns[pc].op));
        if calls {
            // With little stack left the interpreter goes on, which needs none.
            let limit = self.load_vm(layout.vm_native_limit);
            let stack = self.b.ins().get_stack_pointer(types::I64);
            let fits = self.b.ins().icmp(IntCC::UnsignedGreaterThan, stack, limit);
            self.pc = 0;
            let exit = self.exit_to(0, "little native stack is left");
            let good = self.b.create_block();
            self.b.ins().brif(fits, good, &[], exit, &[]);
            self.b.switch_to_block(good);
        }
        for register in &self.unit.parts[0].scope_regs {
            let nil = self.word(special_word(Special::Nil));
            self.store_register(*register, nil);
        }
        if self.flow.calls_in_loops {
            self.write_frame();
        }
    }

    fn block(&mut self, block: usize) {
        let block = &self.flow.blocks[block];
        let code = &self.unit.code;
        let mut pc = block.start;
        self.unproven = None;
        while pc < block.end {
            self.pc = pc;
            if self.run.places {
                self.b.set_srcloc(ir::SourceLoc::new(pc as u32));
            }
            self.exit_here = None;
            self.drop_dead_virtuals();
            if !self.can_wait() {
                self.prove();
            }
            let mut after = self.state.types.clone();
            if !self.infer.transfer(pc, &mut after) && !code.insns[pc].op.ends_path() {
                let exit = self.exit("this has not run before");
                self.b.ins().jump(exit, &[]);
                return;
            }
            let goes_on = self.instruction(pc);
            if !goes_on {
                return;
            }
            if code.insns[pc].jump().is_none() {
                self.state.types = after;
            }
            pc = self.unit.next(pc);
        }
        let succ = block.succs.first().copied();
        let last = code.insns[self.pc];
        if last.jump().is_none()
            && let Some(succ) = succ
        {
            self.prove();
            let edge = self.edge(succ);
            self.b.ins().jump(edge, &[]);
        }
    }

    /// Compiles one instruction; `false` if control does not get behind it.
    fn instruction(&mut self, pc: usize) -> bool {
        use Op::*;
        let insn = self.unit.code.insns[pc];
        let (a, b) = (insn.a, insn.b);
        match insn.op {
            Move => {
                let slot = self.peek(b);
                self.define_slot(a, slot);
            }
            LoadInt => {
                let value = self.b.ins().iconst(types::I64, insn.sbc() as i64);
                self.define(a, value, Rep::Int);
            }
            LoadSpecial => {
                let special = Special::from_u16(b).unwrap_or(Special::Nil);
                let word = self.word(special_word(special));
                self.define(a, word, Rep::Value);
            }
            LoadConst => self.load_const(a, insn.bc() as usize),
            GetModule => self.get_module(a, insn.bc()),
            SetModule => {
                let value = self.boxed(a);
                let vars = self.vars();
                self.b.ins().store(trusted(), value, vars, insn.bc() as i32 * 8);
                self.state.globals.clear();
            }
            GetScope | SetScope | GetUp | SetUp | NewScope | DropScope | Closure | CheckSet => {
                return self.scopes(insn);
            }
            Add | Sub | Mul | AddI | SubI | MulI | Mod | ModI => self.arithmetic(insn),
            Div | DivI => self.division(insn),
            Neg => self.negate(insn),
            And | Or | Xor => self.logic(insn),
            Not => self.not(insn),
            Shl | Shr => self.shift(insn),
            Concat if self.infer.is_concat(pc, &self.state.types) => self.concat(insn),
            Lt | Le => self.ordered(insn),
            Eq | Ne => self.equal(insn),
            Jump => {
                let edge = self.edge(self.succ(0));
                self.b.ins().jump(edge, &[]);
            }
            Loop => {
                self.poll();
                let edge = self.edge(self.succ(0));
                self.b.ins().jump(edge, &[]);
            }
            JumpIf | JumpIfNot | JumpIfOr | JumpIfSet | JumpIfNil | JumpIfVoid => {
                self.jump_on_value(insn);
            }
            JumpLt | JumpLe | JumpNotLt | JumpNotLe | LoopLt | LoopLe => self.jump_compare(insn),
            JumpLtI | JumpLeI | JumpGtI | JumpGeI | JumpNotLtI | JumpNotLeI | JumpNotGtI
            | JumpNotGeI | LoopLtI | LoopLeI | LoopGtI | LoopGeI => self.jump_compare_imm(insn),
            JumpEq | JumpNe => self.jump_equal(insn),
            JumpEqI | JumpNeI | LoopNeI => self.jump_equal_imm(insn),
            RangePrep => self.range_prep(insn),
            RangeLoop => self.range_loop(insn),
            IterNext => self.iter_next(insn),
            IterInit | IterClose if !self.infer.may_go(pc, 1, &self.state.types) => {
                self.array_iteration(insn);
            }
            GetIndex => self.get_index(insn),
            GetIndexI => self.get_index_imm(insn),
            SetIndex | SetIndexI => self.set_index(insn),
            GetProp => self.get_prop(insn),
            SetProp => self.set_prop(insn),
            GetPropVar => self.get_prop_var(insn),
            CheckFound | CheckMember => self.check_found(insn),
            CheckType => self.check_type(insn),
            NewArray | NewMap => self.new_collection(insn),
            Call | CallModule | CallWithSelf | CallMethod | CallSuper | New => self.call(insn),
            TailCall | TailCallModule | TailCallMethod => self.tail_call(insn),
            Return | ReturnScoped => self.return_value(insn),
            _ if insn.jump().is_some() => self.step_jump(),
            _ => return self.step(),
        }
        !insn.op.ends_path()
    }

    /// The block that is the `way`-th successor of the running instruction.
    fn succ(&self, way: usize) -> usize {
        self.block_at(self.unit.targets(self.pc)[way])
    }

    /// The block that begins at an instruction.
    fn block_at(&self, target: usize) -> usize {
        let found = self.flow.blocks.iter().position(|b| b.start == target);
        found.expect("targets of reached jumps begin blocks")
    }

    // ---- small things --------------------------------------------------------

    fn word(&mut self, word: u64) -> Value {
        self.b.ins().iconst(types::I64, word as i64)
    }

    fn vm(&mut self) -> Value {
        self.b.ins().get_pinned_reg(types::I64)
    }

    fn load(&mut self, from: Value, offset: i32) -> Value {
        self.b.ins().load(types::I64, trusted(), from, offset)
    }

    fn store(&mut self, value: Value, to: Value, offset: i32) {
        self.b.ins().store(trusted(), value, to, offset);
    }

    fn load_vm(&mut self, offset: i32) -> Value {
        let vm = self.vm();
        self.load(vm, offset)
    }

    /// The module's variables.
    fn vars(&mut self) -> Value {
        let cell = self.word(self.unit.part(self.pc).vars);
        self.load(cell, 0)
    }

    fn load_const(&mut self, a: u16, index: usize) {
        use gene_isa::datum::Datum;
        let Some(word) = self.unit.consts[index] else {
            self.step();
            return;
        };
        match &self.unit.code.consts[index] {
            Datum::Float(f) => {
                let value = self.b.ins().f64const(*f);
                self.define(a, value, Rep::Float);
            }
            Datum::Int(i) if Ty::int(*i, *i).lo == *i && Ty::int(*i, *i).hi == *i => {
                let value = self.b.ins().iconst(types::I64, *i);
                self.define(a, value, Rep::Int);
            }
            _ => {
                let value = self.word(word);
                self.define(a, value, Rep::Value);
            }
        }
    }

    fn get_module(&mut self, a: u16, slot: u32) {
        let vars = self.vars();
        let value = self.load(vars, slot as i32 * 8);
        let unset = self.word(special_word(Special::Unset));
        let bad = self.b.ins().icmp(IntCC::Equal, value, unset);
        self.exit_if(bad, "a variable has no value");
        self.define(a, value, Rep::Value);
    }

    /// Calls a helper with the vm and these words.
    fn helper(&mut self, helper: Helper, args: &[Value]) -> Value {
        debug_assert_eq!(args.len(), helper.args(), "{}", helper.name());
        let sig = match self.helper_sigs[helper as usize] {
            Some(sig) => sig,
            None => {
                let mut signature = Signature::new(self.run.c_convention);
                signature.params = vec![AbiParam::new(types::I64); 1 + helper.args()];
                signature.returns.push(AbiParam::new(types::I64));
                let sig = self.b.import_signature(signature);
                self.helper_sigs[helper as usize] = Some(sig);
                sig
            }
        };
        let address = self.word(self.run.helpers[helper as usize]);
        let mut all = vec![self.vm()];
        all.extend_from_slice(args);
        let call = self.b.ins().call_indirect(sig, address, &all);
        self.b.inst_results(call)[0]
    }

    /// Ends the function with a status and no result.
    fn give_back(&mut self, status: Value) {
        match self.result {
            None => self.b.ins().return_(&[status]),
            Some(rep) => {
                let nothing = match rep {
                    Rep::Float => self.b.ins().f64const(0.0),
                    _ => self.word(0),
                };
                let status = self.b.ins().ireduce(STATUS, status);
                self.b.ins().return_(&[nothing, status])
            }
        };
    }

    /// Where control goes with a status that is not `DONE`.
    fn bail_block(&mut self) -> ir::Block {
        let part = self.unit.part_at(self.pc);
        let known = match self.unit.parts[part].caller {
            None => &mut self.bail,
            Some(_) => &mut self.part_bails[part],
        };
        *known.get_or_insert_with(|| {
            let bail = self.b.create_block();
            self.b.set_cold_block(bail);
            self.b.append_block_param(bail, types::I64);
            bail
        })
    }

    /// Ends the function with the status unless it is `DONE`; in a part, its frame is
    /// finished first.
    fn bail_unless_done(&mut self, status: Value) {
        let bail = self.bail_block();
        let good = self.b.create_block();
        self.b.ins().brif(status, bail, &[status.into()], good, &[]);
        self.b.switch_to_block(good);
    }

    /// `Return`, `ReturnScoped`.
    fn return_value(&mut self, insn: gene_isa::Insn) {
        if insn.op == Op::ReturnScoped {
            self.drop_scopes();
        }
        let a = insn.a;
        if self.unit.leaves_part(self.pc) {
            self.leave_part(a);
            return;
        }
        let Some(rep) = self.result else {
            let value = self.boxed(a);
            self.store(value, self.base, 0);
            let done = self.word(status::DONE);
            self.b.ins().return_(&[done]);
            return;
        };
        let ty = self.state.types[a as usize];
        let done = self.b.ins().iconst(STATUS, status::DONE as i64);
        match rep {
            Rep::Value => {
                let value = self.boxed(a);
                self.b.ins().return_(&[value, done]);
            }
            Rep::Int if ty.is_int() => {
                let value = self.int(a);
                self.b.ins().return_(&[value, done]);
            }
            Rep::Float if ty.is_float() => {
                let value = self.float(a);
                self.b.ins().return_(&[value, done]);
            }
            _ => self.return_checked(a, rep),
        }
    }

    /// Returns a value that is probably of the representation promised.
    fn return_checked(&mut self, a: u16, rep: Rep) {
        let value = self.boxed(a);
        let fits = match rep {
            Rep::Int => self.is_int(value),
            _ => self.is_float(value),
        };
        let (good, bad) = (self.b.create_block(), self.b.create_block());
        self.b.set_cold_block(bad);
        self.b.ins().brif(fits, good, &[], bad, &[]);
        self.b.switch_to_block(bad);
        let vm = self.vm();
        self.store(value, vm, self.run.layout.vm_result);
        let status = self.word(status::VALUE);
        self.give_back(status);
        self.b.switch_to_block(good);
        let result = match rep {
            Rep::Int => self.unbox_int(value),
            _ => self.b.ins().bitcast(types::F64, MemFlagsData::new(), value),
        };
        let done = self.b.ins().iconst(STATUS, status::DONE as i64);
        self.b.ins().return_(&[result, done]);
    }
}

/// Flags of accesses that neither trap nor are misaligned.
pub fn trusted() -> MemFlagsData {
    MemFlagsData::trusted()
}

/// Flags of loads of what never changes while it can be reached.
pub fn constant() -> MemFlagsData {
    MemFlagsData::trusted().with_readonly()
}

/// The word of a special value.
pub fn special_word(special: Special) -> u64 {
    gene_isa::value::TAG_SPECIAL | special as u64
}

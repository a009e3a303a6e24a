//! The interpreter loop.
//!
//! A handler is decode, fast path, call of a cold slow path. The loop keeps
//! `pc`, `base` (first register of the window) and `code` in locals; `save!`
//! writes `pc` to the frame before anything that may look at frames, and `reload!`
//! reads all three back after anything that may change them.
//!
//! Safety of the whole loop rests on verified bytecode: `isa::verify` has
//! checked that every register, constant, cache and jump target an instruction
//! names exists, and a frame's window was checked to lie on the register stack
//! (or in its coroutine) when it was pushed.

use std::io::Write;
use std::ptr::NonNull;

use gene_isa::backend::Entry;
use gene_isa::value::{INT_BIAS, INT_FLOOR};
use gene_isa::{Insn, Intrinsic, NO_SCOPE, Op, Special, Symbol};

use super::error::Throw;
use super::native::Args;
use super::sampling::publish;
use super::tiering::call_entrance;
use super::{Vm, arith};
use crate::heap::{Gc, Scope};
use crate::object::function::ENTRY_SCOPES;
use crate::object::record::as_record;
use crate::object::{Array, Function, Gene, Kind, Map, Native, kind_of};
use crate::value::Value;

/// What a stub frame below the first frame of a run goes on with.
pub(super) static EXIT: [Insn; 2] = [Insn { op: Op::Exit, x: 0, a: 0, b: 0, c: 0 }; 2];

/// How the loop runs.
pub(super) mod mode {
    /// As fast as it can.
    pub const NORMAL: u8 = 0;
    /// Each instruction is written down before it runs.
    pub const TRACE: u8 = 1;
    /// Each instruction is noted for the compiled tier before it runs.
    pub const RECORD: u8 = 2;
    /// One instruction, for compiled code.
    pub const STEP: u8 = 3;
}

/// Stands in a [`Throw`] for "go on in another mode"; no program sees it.
const OTHER_MODE: Value = Value::from_bits(gene_isa::value::TAG_SPECIAL | 0xFFFD);

/// Where loops go on when somebody asked the interpreter to look up.
static POLL: [Insn; 1] = [Insn { op: Op::Poll, x: 0, a: 0, b: 0, c: 0 }];

/// The instruction before this address, in place: `pc` has moved on already,
/// and no second pointer has to be kept. Operands are read where they are used, by volatile
/// loads: otherwise LLVM hoists and merges them into the shared dispatch block,
/// which then grows too large to be duplicated into the handlers, and all of
/// them share one indirect jump (1.4 to 1.7 times slower).
#[derive(Clone, Copy)]
struct At(*const Insn);

macro_rules! operand {
    ($($name:ident $field:ident $type:ty, $load:ty;)*) => {
        impl At {$(
            #[inline(always)]
            fn $name(self) -> $type {
                // SAFETY: `At` is only made for instructions that are about to
                // run; the two last half words are aligned as one word.
                unsafe {
                    let insn = self.0.sub(1);
                    std::ptr::read_volatile((&raw const (*insn).$field).cast::<$load>()) as $type
                }
            }
        )*}
    };
}

operand! {
    x x u8, u8;
    a a u16, u16;
    b b u16, u16;
    c c u16, u16;
    sb b i16, i16;
    sc c i16, i16;
    bc b u32, u32;
    sbc b i32, i32;
}

/// The scope in a register.
///
/// # Safety
///
/// The register must hold a scope, as the compiler guarantees for `scope`
/// operands.
#[inline(always)]
unsafe fn scope_in(value: Value) -> NonNull<Scope> {
    debug_assert!(value.is_scope());
    // SAFETY: scopes are not at address 0.
    unsafe { NonNull::new_unchecked(value.address_unchecked() as *mut Scope) }
}

impl Vm {
    /// Runs the frame at `fp` until the stub frame below it is reached.
    pub(super) fn run(&mut self) -> Result<Value, Throw> {
        loop {
            let result = match self.mode {
                _ if self.trace_exec => self.run_loop::<{ mode::TRACE }>(),
                mode::RECORD => self.run_loop::<{ mode::RECORD }>(),
                _ => self.run_loop::<{ mode::NORMAL }>(),
            };
            if result != Err(Throw(OTHER_MODE)) {
                return result;
            }
        }
    }

    /// The loop in one of its modes. [`mode::STEP`] returns before the second
    /// instruction, whatever frame that belongs to.
    pub(super) fn run_loop<const MODE: u8>(&mut self) -> Result<Value, Throw> {
        let vm = self;
        let mut stepped = false;
        // SAFETY: (for the whole loop) see the head of the file.
        unsafe {
            let mut code = (*vm.fp).code;
            let mut pc = (*vm.fp).pc;
            let mut base = (*vm.fp).base;

            macro_rules! save {
                () => {
                    (*vm.fp).pc = pc
                };
            }
            macro_rules! reload {
                () => {{
                    let frame = &*vm.fp;
                    (pc, base, code) = (frame.pc, frame.base, frame.code);
                }};
            }
            macro_rules! raise {
                ($throw:expr) => {{
                    let throw = $throw;
                    save!();
                    vm.unwind(throw)?;
                    reload!();
                    continue;
                }};
            }
            macro_rules! check {
                ($result:expr) => {
                    match $result {
                        Ok(value) => value,
                        Err(throw) => raise!(throw),
                    }
                };
            }
            macro_rules! r {
                ($i:expr) => {
                    *base.add($i as usize)
                };
            }
            // Before an instruction that allocates: its operands are in registers.
            macro_rules! safepoint {
                () => {
                    if vm.heap.wants_collection() {
                        save!();
                        check!(vm.collect_here());
                    }
                };
            }
            macro_rules! jump {
                ($distance:expr) => {
                    pc = pc.offset($distance as isize)
                };
            }
            // Goes on at an instruction of ours if somebody asked to look up: no
            // call here, which would cost every loop registers.
            macro_rules! poll {
                () => {
                    if MODE != mode::STEP {
                        vm.budget -= 1;
                        if vm.budget < 0 {
                            save!();
                            pc = POLL.as_ptr();
                        }
                    }
                };
            }
            // Goes on in the mode that was asked for.
            macro_rules! switch {
                () => {
                    if MODE == mode::NORMAL && vm.mode != mode::NORMAL {
                        save!();
                        return Err(Throw(OTHER_MODE));
                    }
                };
            }
            // After machine code.
            macro_rules! native_ended {
                ($code:expr, $entry:expr, $status:expr, $frame:expr, $base:expr) => {{
                    if let Err(throw) = vm.native_ended($code, $entry, $status, $frame, $base) {
                        // The frame is gone: `raise!` must not save `pc`.
                        vm.unwind(throw)?;
                    }
                    reload!();
                    switch!();
                }};
            }
            macro_rules! arith {
                ($i:ident, $int:expr, $float:tt, $slow:ident) => {{
                    let (l, rr) = (r!($i.b()), r!($i.c()));
                    if l.is_small_int() & rr.is_small_int() {
                        if let Some(v) = $int(l, rr) {
                            r!($i.a()) = v;
                            continue;
                        }
                    } else {
                        let f = l.raw_float() $float rr.raw_float();
                        if !f.is_nan() {
                            r!($i.a()) = Value::from_bits(f.to_bits());
                            continue;
                        }
                    }
                    save!();
                    let v = check!(vm.$slow(l, rr));
                    r!($i.a()) = v;
                }};
            }
            macro_rules! arith_imm {
                ($i:ident, $int:expr, $float:tt, $slow:ident) => {{
                    let l = r!($i.b());
                    let imm = $i.sc();
                    if l.is_small_int() {
                        if let Some(v) = $int(l, imm) {
                            r!($i.a()) = v;
                            continue;
                        }
                    } else {
                        let f = l.raw_float() $float (imm as f64);
                        if !f.is_nan() {
                            r!($i.a()) = Value::from_bits(f.to_bits());
                            continue;
                        }
                    }
                    save!();
                    let v = check!(vm.$slow(l, Value::small_int(imm as i64)));
                    r!($i.a()) = v;
                }};
            }
            macro_rules! compare {
                ($l:expr, $r:expr, $op:tt, $slow:ident) => {{
                    let (l, rr) = ($l, $r);
                    if l.is_small_int() & rr.is_small_int() {
                        l.bits() $op rr.bits()
                    } else {
                        let (x, y) = (l.raw_float(), rr.raw_float());
                        if !(x.is_nan() | y.is_nan()) {
                            x $op y
                        } else {
                            save!();
                            check!(vm.$slow(l, rr))
                        }
                    }
                }};
            }
            macro_rules! compare_imm {
                ($i:ident, $op:tt, $slow:ident) => {{
                    let l = r!($i.a());
                    let imm = $i.sb();
                    if l.is_small_int() {
                        (l.small_int_unchecked()) $op (imm as i64)
                    } else {
                        let x = l.raw_float();
                        if !x.is_nan() {
                            x $op (imm as f64)
                        } else {
                            save!();
                            check!(vm.$slow(l, Value::small_int(imm as i64)))
                        }
                    }
                }};
            }
            // Enters a function whose arguments need no binding.
            macro_rules! enter {
                ($win:expr, $f:expr) => {{
                    let (win, f): (*mut Value, Gc<Function>) = ($win, $f);
                    let callee = f.code;
                    let frame = vm.fp.add(1);
                    save!();
                    let end = win.add(callee.nregs as usize);
                    if vm.interrupt.stops(frame) || end > vm.stack_limit {
                        check!(vm.look_before_call(frame, end));
                    }
                    // `pc` is written when the frame calls or something looks.
                    (*frame).base = win;
                    (*frame).code = callee;
                    (*frame).top = std::ptr::null_mut();
                    // For the profiler, which may look at any time.
                    publish();
                    vm.fp = frame;
                    base = win;
                    code = callee;
                    pc = callee.tiering.start.get();
                }};
            }
            // Calls a native that takes this many arguments. Frames stay as they
            // are unless it asks for a call.
            macro_rules! native {
                ($native:expr, $win:expr, $count:expr) => {{
                    let native: Gc<Native> = $native;
                    if native.keywords {
                        vm.kwargs = Value::NIL;
                    }
                    save!();
                    let top = std::mem::replace(&mut vm.top, $win.add(2 + $count as usize));
                    vm.native = native.as_ptr();
                    let result = native.function.to_fn()(vm, Args::new($win, $count));
                    vm.top = top;
                    match result {
                        Ok(value) => *$win = value,
                        Err(throw) => {
                            check!(vm.native_failed(throw, $win));
                            reload!();
                        }
                    }
                    safepoint!();
                    continue;
                }};
            }
            macro_rules! call_value {
                ($win:expr, $count:expr, $unusual:block) => {{
                    let (win, count): (*mut Value, u32) = ($win, $count);
                    let callee = *win;
                    if let Some(f) = Gc::<Function>::from_value(callee) {
                        let entry = f.header.extra.get();
                        if entry == count {
                            *win.add(1) = f.this.get();
                            enter!(win, f);
                            continue;
                        }
                        if entry == count | ENTRY_SCOPES {
                            *win.add(1) = f.this.get();
                            enter!(win, f);
                            for register in &code.data.scope_regs {
                                r!(*register) = Value::NIL;
                            }
                            continue;
                        }
                    } else if let Some(native) = Gc::<Native>::from_value(callee)
                        && count >= native.min as u32
                        && count <= native.max as u32
                    {
                        *win.add(1) = Value::NIL;
                        native!(native, win, count);
                    }
                    $unusual
                    save!();
                    check!(vm.call_slow(win, count, false));
                    reload!();
                    safepoint!();
                }};
            }
            macro_rules! call_with_self {
                ($win:expr, $count:expr) => {{
                    let (win, count): (*mut Value, u32) = ($win, $count);
                    let callee = *win;
                    if let Some(f) = Gc::<Function>::from_value(callee) {
                        let entry = f.header.extra.get();
                        if entry == count {
                            enter!(win, f);
                            continue;
                        }
                        if entry == count | ENTRY_SCOPES {
                            enter!(win, f);
                            for register in &code.data.scope_regs {
                                r!(*register) = Value::NIL;
                            }
                            continue;
                        }
                    } else if let Some(native) = Gc::<Native>::from_value(callee)
                        && count >= native.min as u32
                        && count <= native.max as u32
                    {
                        native!(native, win, count);
                    }
                    save!();
                    check!(vm.call_slow(win, count, true));
                    reload!();
                    safepoint!();
                }};
            }

            loop {
                if MODE == mode::STEP {
                    if stepped {
                        save!();
                        return Ok(Value::NIL);
                    }
                    stepped = true;
                }
                if MODE == mode::TRACE {
                    vm.trace_insn(code, pc);
                }
                // Not between a back edge and its poll: the frame's `pc` is that of the
                // loop then.
                if MODE == mode::RECORD
                    && pc != POLL.as_ptr()
                    && !(vm.mode == mode::RECORD && vm.record(code, pc, base))
                {
                    save!();
                    return Err(Throw(OTHER_MODE));
                }
                let op = (*pc).op;
                pc = pc.add(1);
                let i = At(pc);
                match op {
                    // ---- loads -------------------------------------------
                    Op::Move => r!(i.a()) = r!(i.b()),
                    Op::LoadInt => r!(i.a()) = Value::small_int(i.sbc() as i64),
                    Op::LoadConst => {
                        let value = *code.consts.add(i.bc() as usize);
                        r!(i.a()) = match kind_of(value) {
                            Some(Kind::Array | Kind::Map | Kind::Gene | Kind::HashObject) => {
                                safepoint!();
                                vm.copy_data(value)
                            }
                            _ => value,
                        };
                    }
                    Op::LoadSpecial => {
                        let special = Special::from_u16(i.b());
                        r!(i.a()) = Value::special(special.unwrap_or(Special::Nil));
                    }
                    Op::GetModule => {
                        let value = *code.module.vars.get().add(i.bc() as usize);
                        if value.is_unset() {
                            save!();
                            let found = check!(vm.lookup_builtin(code.module, i.bc()));
                            r!(i.a()) = found;
                        } else {
                            r!(i.a()) = value;
                        }
                    }
                    Op::SetModule => *code.module.vars.get().add(i.bc() as usize) = r!(i.a()),
                    // ---- scopes ------------------------------------------
                    Op::NewScope => {
                        safepoint!();
                        let parent = match i.b() {
                            NO_SCOPE => vm.closure_scope(r!(0)),
                            register => Some(scope_in(r!(register))),
                        };
                        let old = r!(i.a());
                        if old.is_scope() {
                            vm.heap.release_scope(scope_in(old));
                        }
                        let scope = vm.heap.new_scope(parent, i.c());
                        r!(i.a()) = Value::scope(scope.as_ptr() as usize);
                    }
                    Op::DropScope => {
                        let value = r!(i.a());
                        if value.is_scope() {
                            vm.heap.release_scope(scope_in(value));
                        }
                        r!(i.a()) = Value::NIL;
                    }
                    Op::GetScope => {
                        r!(i.a()) = scope_in(r!(i.b())).as_ref().get(i.c() as usize);
                    }
                    Op::SetScope => {
                        let scope = scope_in(r!(i.b()));
                        let stored =
                            vm.heap.set_scope_slot(scope.as_ref(), i.c() as usize, r!(i.a()));
                        if stored.is_err() {
                            save!();
                            raise!(vm.frozen_variable());
                        }
                    }
                    Op::GetUp => {
                        let scope = vm.scope_up(r!(0), i.c());
                        r!(i.a()) = scope.as_ref().get(i.b() as usize);
                    }
                    Op::SetUp => {
                        let scope = vm.scope_up(r!(0), i.c());
                        let stored =
                            vm.heap.set_scope_slot(scope.as_ref(), i.b() as usize, r!(i.a()));
                        if stored.is_err() {
                            save!();
                            raise!(vm.frozen_variable());
                        }
                    }
                    Op::CheckSet => {
                        if r!(i.a()).is_unset() {
                            let name = *code.consts.add(i.bc() as usize);
                            save!();
                            raise!(vm.undefined_value(name));
                        }
                    }
                    Op::Closure => {
                        safepoint!();
                        let scope = match i.b() {
                            NO_SCOPE => vm.closure_scope(r!(0)),
                            register => Some(scope_in(r!(register))),
                        };
                        let proto = code.protos[i.c() as usize];
                        let home = vm.home_of(r!(0));
                        let f = Function::new(&mut vm.heap, proto, scope, r!(1), home);
                        r!(i.a()) = f.value();
                    }
                    Op::SetClosureSelf => {
                        if let Some(f) = Gc::<Function>::from_value(r!(i.a())) {
                            f.this.set(r!(i.b()));
                            vm.heap.barrier(f);
                        }
                    }
                    // ---- arithmetic --------------------------------------
                    Op::Add => arith!(i, arith::add_small, +, add_slow),
                    Op::Sub => arith!(i, arith::sub_small, -, sub_slow),
                    Op::Mul => arith!(i, arith::mul_small, *, mul_slow),
                    Op::Div => {
                        let (l, rr) = (r!(i.b()), r!(i.c()));
                        let f = if l.is_small_int() & rr.is_small_int() {
                            l.small_int_unchecked() as f64 / rr.small_int_unchecked() as f64
                        } else {
                            l.raw_float() / rr.raw_float()
                        };
                        if f.is_nan() {
                            save!();
                            let v = check!(vm.div_slow(l, rr));
                            r!(i.a()) = v;
                        } else {
                            r!(i.a()) = Value::from_bits(f.to_bits());
                        }
                    }
                    Op::Mod => {
                        let (l, rr) = (r!(i.b()), r!(i.c()));
                        if let Some(v) = arith::mod_small(l, rr) {
                            r!(i.a()) = v;
                        } else {
                            save!();
                            let v = check!(vm.mod_slow(l, rr));
                            r!(i.a()) = v;
                        }
                    }
                    Op::AddI => arith_imm!(i, arith::add_small_imm, +, add_slow),
                    Op::SubI => arith_imm!(i, arith::sub_small_imm, -, sub_slow),
                    Op::MulI => arith_imm!(i, arith::mul_small_imm, *, mul_slow),
                    Op::DivI => {
                        let (l, imm) = (r!(i.b()), i.sc() as f64);
                        let l_float = match l.is_small_int() {
                            true => l.small_int_unchecked() as f64,
                            false => l.raw_float(),
                        };
                        let f = l_float / imm;
                        if f.is_nan() {
                            save!();
                            let v = check!(vm.div_slow(l, Value::small_int(i.sc() as i64)));
                            r!(i.a()) = v;
                        } else {
                            r!(i.a()) = Value::from_bits(f.to_bits());
                        }
                    }
                    Op::ModI => {
                        let (l, imm) = (r!(i.b()), i.sc() as i64);
                        if l.is_small_int() & (imm > 0) {
                            r!(i.a()) = Value::small_int(l.small_int_unchecked() % imm);
                        } else {
                            save!();
                            let v = check!(vm.mod_slow(l, Value::small_int(imm)));
                            r!(i.a()) = v;
                        }
                    }
                    Op::Neg => {
                        save!();
                        let v = check!(vm.negate(r!(i.b())));
                        r!(i.a()) = v;
                    }
                    Op::Concat => {
                        safepoint!();
                        save!();
                        let v = check!(vm.concat(r!(i.b()), r!(i.c())));
                        r!(i.a()) = v;
                    }
                    Op::Interpolate => {
                        safepoint!();
                        let parts =
                            std::slice::from_raw_parts(base.add(i.b() as usize), i.c() as usize);
                        save!();
                        let v = check!(vm.interpolate(parts));
                        r!(i.a()) = v;
                    }
                    Op::And => {
                        save!();
                        let v = check!(vm.bit_and(r!(i.b()), r!(i.c())));
                        r!(i.a()) = v;
                    }
                    Op::Or => {
                        save!();
                        let v = check!(vm.bit_or(r!(i.b()), r!(i.c())));
                        r!(i.a()) = v;
                    }
                    Op::Xor => {
                        save!();
                        let v = check!(vm.bit_xor(r!(i.b()), r!(i.c())));
                        r!(i.a()) = v;
                    }
                    Op::Not => r!(i.a()) = vm.not(r!(i.b())),
                    Op::Shl => {
                        save!();
                        let v = check!(vm.shift(r!(i.b()), r!(i.c()), true));
                        r!(i.a()) = v;
                    }
                    Op::Shr => {
                        save!();
                        let v = check!(vm.shift(r!(i.b()), r!(i.c()), false));
                        r!(i.a()) = v;
                    }
                    Op::Lt => {
                        let v = compare!(r!(i.b()), r!(i.c()), <, lt_slow);
                        r!(i.a()) = Value::bool(v);
                    }
                    Op::Le => {
                        let v = compare!(r!(i.b()), r!(i.c()), <=, le_slow);
                        r!(i.a()) = Value::bool(v);
                    }
                    Op::Eq => {
                        save!();
                        let v = check!(vm.equal(r!(i.b()), r!(i.c())));
                        r!(i.a()) = Value::bool(v);
                    }
                    Op::Ne => {
                        save!();
                        let v = check!(vm.equal(r!(i.b()), r!(i.c())));
                        r!(i.a()) = Value::bool(!v);
                    }
                    Op::Is => {
                        save!();
                        let v = check!(vm.is_type(r!(i.b()), r!(i.c())));
                        r!(i.a()) = Value::bool(v);
                    }
                    // ---- jumps -------------------------------------------
                    Op::Jump => jump!(i.sbc()),
                    Op::Loop => {
                        jump!(i.sbc());
                        poll!();
                    }
                    Op::JumpIf => {
                        if r!(i.a()).is_truthy() {
                            jump!(i.sbc());
                        }
                    }
                    Op::JumpIfNot => {
                        if !r!(i.a()).is_truthy() {
                            jump!(i.sbc());
                        }
                    }
                    Op::JumpIfOr => {
                        let v = r!(i.a());
                        if v.is_truthy()
                            && !v.is_small_int()
                            && !matches!(kind_of(v), Some(Kind::BoxedInt | Kind::Bytes))
                        {
                            jump!(i.sbc());
                        }
                    }
                    Op::JumpIfSet => {
                        if !r!(i.a()).is_unset() {
                            jump!(i.sbc());
                        }
                    }
                    Op::JumpIfNil => {
                        if r!(i.a()).is_nil() {
                            jump!(i.sbc());
                        }
                    }
                    Op::JumpIfVoid => {
                        if r!(i.a()).is_void() {
                            jump!(i.sbc());
                        }
                    }
                    Op::JumpIfNotMacro => {
                        if !vm.is_macro(r!(i.a())) {
                            jump!(i.sbc());
                        }
                    }
                    Op::JumpLt => {
                        if compare!(r!(i.a()), r!(i.b()), <, lt_slow) {
                            jump!(i.sc());
                        }
                    }
                    Op::JumpLe => {
                        if compare!(r!(i.a()), r!(i.b()), <=, le_slow) {
                            jump!(i.sc());
                        }
                    }
                    Op::JumpNotLt => {
                        if !compare!(r!(i.a()), r!(i.b()), <, lt_slow) {
                            jump!(i.sc());
                        }
                    }
                    Op::JumpNotLe => {
                        if !compare!(r!(i.a()), r!(i.b()), <=, le_slow) {
                            jump!(i.sc());
                        }
                    }
                    Op::JumpEq => {
                        let (l, rr) = (r!(i.a()), r!(i.b()));
                        let same = match l.is_small_int() & rr.is_small_int() {
                            true => l == rr,
                            false => {
                                save!();
                                check!(vm.equal(l, rr))
                            }
                        };
                        if same {
                            jump!(i.sc());
                        }
                    }
                    Op::JumpNe => {
                        let (l, rr) = (r!(i.a()), r!(i.b()));
                        let same = match l.is_small_int() & rr.is_small_int() {
                            true => l == rr,
                            false => {
                                save!();
                                check!(vm.equal(l, rr))
                            }
                        };
                        if !same {
                            jump!(i.sc());
                        }
                    }
                    Op::JumpLtI => {
                        if compare_imm!(i, <, lt_slow) {
                            jump!(i.sc());
                        }
                    }
                    Op::JumpLeI => {
                        if compare_imm!(i, <=, le_slow) {
                            jump!(i.sc());
                        }
                    }
                    Op::JumpGtI => {
                        if compare_imm!(i, >, gt_slow) {
                            jump!(i.sc());
                        }
                    }
                    Op::JumpGeI => {
                        if compare_imm!(i, >=, ge_slow) {
                            jump!(i.sc());
                        }
                    }
                    Op::JumpNotLtI => {
                        if !compare_imm!(i, <, lt_slow) {
                            jump!(i.sc());
                        }
                    }
                    Op::JumpNotLeI => {
                        if !compare_imm!(i, <=, le_slow) {
                            jump!(i.sc());
                        }
                    }
                    Op::JumpNotGtI => {
                        if !compare_imm!(i, >, gt_slow) {
                            jump!(i.sc());
                        }
                    }
                    Op::JumpNotGeI => {
                        if !compare_imm!(i, >=, ge_slow) {
                            jump!(i.sc());
                        }
                    }
                    Op::JumpEqI => {
                        let l = r!(i.a());
                        let wanted = Value::small_int(i.sb() as i64);
                        let same = match l.is_pointer() {
                            false => l == wanted,
                            true => {
                                save!();
                                check!(vm.equal(l, wanted))
                            }
                        };
                        if same {
                            jump!(i.sc());
                        }
                    }
                    Op::JumpNeI => {
                        let l = r!(i.a());
                        let wanted = Value::small_int(i.sb() as i64);
                        let same = match l.is_pointer() {
                            false => l == wanted,
                            true => {
                                save!();
                                check!(vm.equal(l, wanted))
                            }
                        };
                        if !same {
                            jump!(i.sc());
                        }
                    }
                    Op::LoopLt => {
                        if compare!(r!(i.a()), r!(i.b()), <, lt_slow) {
                            jump!(i.sc());
                            poll!();
                        }
                    }
                    Op::LoopLe => {
                        if compare!(r!(i.a()), r!(i.b()), <=, le_slow) {
                            jump!(i.sc());
                            poll!();
                        }
                    }
                    Op::LoopLtI => {
                        if compare_imm!(i, <, lt_slow) {
                            jump!(i.sc());
                            poll!();
                        }
                    }
                    Op::LoopLeI => {
                        if compare_imm!(i, <=, le_slow) {
                            jump!(i.sc());
                            poll!();
                        }
                    }
                    Op::LoopGtI => {
                        if compare_imm!(i, >, gt_slow) {
                            jump!(i.sc());
                            poll!();
                        }
                    }
                    Op::LoopGeI => {
                        if compare_imm!(i, >=, ge_slow) {
                            jump!(i.sc());
                            poll!();
                        }
                    }
                    Op::LoopNeI => {
                        let l = r!(i.a());
                        let wanted = Value::small_int(i.sb() as i64);
                        let same = match l.is_pointer() {
                            false => l == wanted,
                            true => {
                                save!();
                                check!(vm.equal(l, wanted))
                            }
                        };
                        if !same {
                            jump!(i.sc());
                            poll!();
                        }
                    }
                    // ---- calls -------------------------------------------
                    Op::Call => call_value!(base.add(i.a() as usize), i.c() as u32, {}),
                    Op::CallModule => {
                        let win = base.add(i.a() as usize);
                        *win = *code.module.vars.get().add(i.bc() as usize);
                        call_value!(win, i.x() as u32, {
                            if (*win).is_unset() {
                                save!();
                                *win = check!(vm.lookup_builtin(code.module, i.bc()));
                            }
                        });
                    }
                    Op::CallWithSelf => call_with_self!(base.add(i.a() as usize), i.c() as u32),
                    Op::CallMethod => {
                        let win = base.add(i.a() as usize);
                        let receiver = *win.add(1);
                        let cache = &mut *code.caches.add(i.b() as usize);
                        let id = vm.class_id(receiver);
                        if id != 0 && cache.class_id == id {
                            *win = cache.method;
                        } else {
                            save!();
                            let known = check!(vm.find_method_slow(win, cache, id, i.c() as u32));
                            if !known {
                                reload!();
                                safepoint!();
                                continue;
                            }
                        }
                        call_with_self!(win, i.c() as u32);
                    }
                    Op::CallSuper => {
                        let win = base.add(i.a() as usize);
                        let name = (*code.caches.add(i.b() as usize)).name;
                        save!();
                        check!(vm.find_super(r!(0), win, name));
                        call_with_self!(win, i.c() as u32);
                    }
                    Op::New => {
                        let win = base.add(i.a() as usize);
                        safepoint!();
                        save!();
                        check!(vm.construct(win, i.c() as u32, true));
                        reload!();
                    }
                    Op::CallX => {
                        save!();
                        check!(vm.call_x(base.add(i.a() as usize), i.x(), i.bc()));
                        reload!();
                        safepoint!();
                    }
                    Op::TailCallX => {
                        save!();
                        check!(vm.tail_call_x(base.add(i.a() as usize), i.x(), i.bc()));
                        reload!();
                        poll!();
                    }
                    Op::TailCall => {
                        save!();
                        check!(vm.tail_call(base.add(i.a() as usize), i.c() as u32, false));
                        reload!();
                        poll!();
                    }
                    Op::TailCallModule => {
                        let win = base.add(i.a() as usize);
                        save!();
                        let mut callee = *code.module.vars.get().add(i.bc() as usize);
                        if callee.is_unset() {
                            callee = check!(vm.lookup_builtin(code.module, i.bc()));
                        }
                        *win = callee;
                        check!(vm.tail_call(win, i.x() as u32, false));
                        reload!();
                        poll!();
                    }
                    Op::TailCallMethod => {
                        let win = base.add(i.a() as usize);
                        let receiver = *win.add(1);
                        let cache = &mut *code.caches.add(i.b() as usize);
                        let id = vm.class_id(receiver);
                        save!();
                        if id != 0 && cache.class_id == id {
                            *win = cache.method;
                        } else {
                            let known = check!(vm.find_method_slow(win, cache, id, i.c() as u32));
                            if !known {
                                // Called already: its frame, if any, returns to us.
                                // Only rare calls (missing methods, accessors) come here.
                                check!(vm.finish_odd_tail_call(win));
                                reload!();
                                continue;
                            }
                        }
                        check!(vm.tail_call(win, i.c() as u32, true));
                        reload!();
                        poll!();
                    }
                    Op::Exit => {
                        let window = (*vm.fp).top;
                        vm.fp = vm.fp.sub(1);
                        return Ok(*window);
                    }
                    Op::Poll => {
                        pc = (*vm.fp).pc;
                        if vm.interrupt.is_set()
                            && let Err(throw) = vm.interrupted()
                        {
                            // It stands at the instruction that is about to run:
                            // the one before may be outside of the loop's `try`.
                            pc = pc.add(1);
                            raise!(throw);
                        }
                        // Arithmetic beyond 52 bits allocates, and is no safepoint.
                        if vm.heap.wants_collection() {
                            check!(vm.collect_here());
                        }
                        if let Some((at, native)) = vm.loop_polled() {
                            let frame = vm.fp;
                            vm.machine = frame;
                            let status = native(vm, frame, base);
                            vm.machine = std::ptr::null_mut();
                            native_ended!(code, Entry::Loop(at), status, frame, base);
                        }
                        switch!();
                    }
                    Op::Count => {
                        pc = code.insns;
                        vm.counted(code);
                        // Eager compilation has already made machine code.
                        if code.tiering.native.get() != 0 {
                            pc = code.tiering.start.get();
                        }
                        switch!();
                    }
                    Op::Enter => {
                        pc = code.insns;
                        if vm.may_enter() {
                            let frame = vm.fp;
                            vm.machine = frame;
                            let status = call_entrance(code)(vm, frame, base);
                            vm.machine = std::ptr::null_mut();
                            native_ended!(code, Entry::Call, status, frame, base);
                        }
                    }
                    Op::TakeResult => {
                        let top = (*vm.fp).top;
                        if !top.is_null() {
                            r!(i.a()) = *top;
                        }
                    }
                    Op::Return => {
                        let value = r!(i.a());
                        *base = value;
                        vm.fp = vm.fp.sub(1);
                        reload!();
                    }
                    Op::ReturnScoped => {
                        let value = r!(i.a());
                        vm.drop_scopes(code, base, 0);
                        *base = value;
                        vm.fp = vm.fp.sub(1);
                        reload!();
                    }
                    Op::Finish => {
                        let value = r!(i.a());
                        vm.drop_scopes(code, base, 0);
                        save!();
                        vm.finish_coroutine(value);
                        reload!();
                    }
                    Op::Yield => {
                        let value = r!(i.b());
                        r!(i.a()) = Value::NIL;
                        save!();
                        // Frames have changed: `raise!` must not save `pc`.
                        if let Err(throw) = vm.yield_value(value) {
                            vm.unwind(throw)?;
                        }
                        reload!();
                    }
                    Op::Await => {
                        save!();
                        check!(vm.await_values(i.a(), base.add(i.b() as usize), i.c(), i.x() == 1));
                        reload!();
                    }
                    Op::Intrinsic => {
                        let win = base.add(i.a() as usize);
                        save!();
                        safepoint!();
                        let which = Intrinsic::from_u16(i.b()).unwrap_or(Intrinsic::ToText);
                        let args = std::slice::from_raw_parts(win, i.c() as usize);
                        let value = check!(vm.intrinsic(which, args, code));
                        *win = value;
                    }
                    Op::Eval | Op::Render => {
                        save!();
                        safepoint!();
                        let scope = match i.b() {
                            NO_SCOPE => vm.closure_scope(r!(0)),
                            register => Some(scope_in(r!(register))),
                        };
                        let env = code.data.envs[i.c() as usize].clone();
                        let render = op == Op::Render;
                        let function =
                            vm.eval_function(r!(i.a()), scope, &env, r!(0), r!(1), render);
                        let function = check!(function);
                        r!(i.a()) = function;
                    }
                    Op::MakeEnv => {
                        safepoint!();
                        let scope = match i.b() {
                            NO_SCOPE => vm.closure_scope(r!(0)),
                            register => Some(scope_in(r!(register))),
                        };
                        r!(i.a()) = vm.make_env(scope, i.c(), r!(0), r!(1));
                    }
                    Op::CallerEval => {
                        save!();
                        safepoint!();
                        let function = check!(vm.caller_eval(r!(i.a()), r!(i.b())));
                        r!(i.a()) = function;
                    }
                    // ---- iteration ---------------------------------------
                    Op::RangePrep => {
                        save!();
                        let go = check!(vm.range_prep(base.add(i.a() as usize), i.x() == 1));
                        if !go {
                            jump!(i.sbc());
                        }
                    }
                    Op::RangeLoop => {
                        let at = base.add(i.a() as usize);
                        let step = (*at.add(2)).small_int_unchecked();
                        let next = (*at).small_int_unchecked() + step;
                        let end = (*at.add(1)).small_int_unchecked();
                        if if step > 0 { next <= end } else { next >= end } {
                            let next = Value::small_int(next);
                            *at = next;
                            *at.add(3) = next;
                            jump!(i.sbc());
                            poll!();
                        }
                    }
                    Op::IterInit => {
                        save!();
                        safepoint!();
                        let source = r!(i.b());
                        if check!(vm.iter_init(base.add(i.a() as usize), source, i.x() == 1)) {
                            jump!(i.sc());
                        }
                    }
                    Op::IterWrap => {
                        let at = base.add(i.a() as usize);
                        *at = *at.add(4);
                        *at.add(1) = check!({
                            save!();
                            vm.iter_wrap(*at, i.x() == 1)
                        });
                    }
                    Op::IterNext => {
                        let at = base.add(i.a() as usize);
                        // Arrays here, everything else in the slow path.
                        let index = *at.add(1);
                        if let Some(array) = Gc::<Array>::from_value(*at)
                            && let Some(index) = index.as_small_int()
                            && index >= 0
                        {
                            match array.get(index as usize) {
                                Some(value) => {
                                    *at.add(2) = value;
                                    *at.add(3) = Value::small_int(index);
                                    *at.add(1) = Value::small_int(index + 1);
                                    jump!(i.x());
                                }
                                None => jump!(i.sbc()),
                            }
                            continue;
                        }
                        save!();
                        match check!(vm.iter_next(at)) {
                            super::iterate::Step::Item => jump!(i.x()),
                            super::iterate::Step::End => jump!(i.sbc()),
                            super::iterate::Step::Call => {}
                        }
                    }
                    Op::IterStep => {
                        let at = base.add(i.a() as usize);
                        save!();
                        if !check!(vm.iter_step(at, i.x() == 1)) {
                            jump!(i.sbc());
                        }
                    }
                    Op::IterClose => {
                        let at = base.add(i.a() as usize);
                        if !vm.iter_close(at) {
                            jump!(i.sbc());
                        }
                    }
                    // ---- data --------------------------------------------
                    Op::NewArray => {
                        safepoint!();
                        let values =
                            std::slice::from_raw_parts(base.add(i.b() as usize), i.c() as usize);
                        r!(i.a()) = Array::new(&mut vm.heap, values).value();
                    }
                    Op::ArrayPush => {
                        safepoint!();
                        let values =
                            std::slice::from_raw_parts(base.add(i.b() as usize), i.c() as usize);
                        if let Some(array) = Gc::<Array>::from_value(r!(i.a())) {
                            array.extend(&mut vm.heap, values);
                        }
                    }
                    Op::ArraySpread => {
                        safepoint!();
                        save!();
                        check!(vm.array_spread(r!(i.a()), r!(i.b())));
                    }
                    Op::NewMap => {
                        safepoint!();
                        r!(i.a()) = vm.new_map(code, i.c(), base.add(i.b() as usize));
                    }
                    Op::MapPut => {
                        safepoint!();
                        if let (Some(map), Some(key)) =
                            (as_record(r!(i.a())), r!(i.b()).as_symbol())
                        {
                            map.set(&mut vm.heap, key, r!(i.c()));
                        }
                    }
                    Op::MapSpread => {
                        safepoint!();
                        save!();
                        check!(vm.map_spread(r!(i.a()), r!(i.b())));
                    }
                    Op::NewHashMap => {
                        safepoint!();
                        save!();
                        let v = check!(vm.new_hash_map(base.add(i.b() as usize), i.c() as usize));
                        r!(i.a()) = v;
                    }
                    Op::NewGene => {
                        safepoint!();
                        let first = base.add(i.b() as usize);
                        r!(i.a()) = vm.new_gene(code, i.c(), i.x() as usize, first);
                    }
                    Op::MakeGene => {
                        safepoint!();
                        let first = base.add(i.b() as usize);
                        let props = Gc::<Map>::from_value(*first.add(1));
                        let children = Gc::<Array>::from_value(*first.add(2));
                        let children = match children {
                            Some(children) => children,
                            None => Array::new(&mut vm.heap, &[]),
                        };
                        r!(i.a()) = Gene::new(&mut vm.heap, *first, props, children).value();
                    }
                    Op::Seal => {
                        if let Some(header) = crate::heap::header::header_of(r!(i.a())) {
                            header.set_flag(crate::heap::header::SEALED);
                        }
                    }
                    // ---- members -----------------------------------------
                    Op::GetProp => {
                        let object = r!(i.b());
                        let cache = &mut *code.caches.add(i.c() as usize);
                        if let Some(record) = as_record(object)
                            && std::ptr::eq(record.shape(), cache.shape)
                        {
                            r!(i.a()) = record.slot(cache.slot as usize);
                        } else {
                            save!();
                            let v = check!(vm.get_prop_slow(object, cache));
                            r!(i.a()) = v;
                        }
                    }
                    Op::SetProp => {
                        let object = r!(i.a());
                        let cache = &mut *code.caches.add(i.c() as usize);
                        if let Some(record) = as_record(object)
                            && std::ptr::eq(record.shape(), cache.shape)
                            && !record.header.is_immutable()
                        {
                            if cache.next.is_null() {
                                record.set_slot(&mut vm.heap, cache.slot as usize, r!(i.b()));
                            } else {
                                let next = &*cache.next;
                                record.add_slot(&mut vm.heap, next, r!(i.b()));
                            }
                        } else {
                            save!();
                            check!(vm.set_prop_slow(object, r!(i.b()), cache));
                        }
                    }
                    Op::GetPropVar => {
                        pc = pc.add(1);
                        let ext = At(pc);
                        let name = (*code.caches.add(ext.bc() as usize)).name;
                        save!();
                        let v = check!(vm.get_prop_var(r!(i.b()), r!(i.c()), name));
                        r!(i.a()) = v;
                    }
                    Op::GetIndex => {
                        let (object, index) = (r!(i.b()), r!(i.c()));
                        if let Some(array) = Gc::<Array>::from_value(object)
                            && let Some(n) = index.as_small_int()
                            && let Some(value) = array.get(n as usize)
                        {
                            r!(i.a()) = value;
                        } else {
                            save!();
                            let v = check!(vm.get_index_slow(object, index));
                            r!(i.a()) = v;
                        }
                    }
                    Op::SetIndex => {
                        let (object, index) = (r!(i.a()), r!(i.b()));
                        if let Some(array) = Gc::<Array>::from_value(object)
                            && let Some(n) = index.as_small_int()
                            && !array.header().is_immutable()
                            && array.set(&mut vm.heap, n as usize, r!(i.c()))
                        {
                        } else {
                            save!();
                            check!(vm.set_index_slow(object, index, r!(i.c())));
                        }
                    }
                    Op::GetIndexI => {
                        let object = r!(i.b());
                        if let Some(array) = Gc::<Array>::from_value(object)
                            && let Some(value) = array.get(i.sc() as usize)
                        {
                            r!(i.a()) = value;
                        } else {
                            save!();
                            let index = Value::small_int(i.sc() as i64);
                            let v = check!(vm.get_index_slow(object, index));
                            r!(i.a()) = v;
                        }
                    }
                    Op::SetIndexI => {
                        let object = r!(i.a());
                        if let Some(array) = Gc::<Array>::from_value(object)
                            && !array.header().is_immutable()
                            && array.set(&mut vm.heap, i.sc() as usize, r!(i.b()))
                        {
                        } else {
                            save!();
                            let index = Value::small_int(i.sc() as i64);
                            check!(vm.set_index_slow(object, index, r!(i.b())));
                        }
                    }
                    Op::CheckFound => {
                        let value = r!(i.a());
                        if value.is_nil() || value.is_void() {
                            save!();
                            raise!(vm.not_found_error(value));
                        }
                    }
                    Op::CheckMember => {
                        let value = r!(i.a());
                        if value.is_nil() || value.is_void() {
                            let name = *code.consts.add(i.bc() as usize);
                            save!();
                            raise!(vm.no_member_to_change(value, name));
                        }
                    }
                    // ---- errors and types --------------------------------
                    Op::Throw => {
                        save!();
                        let exception = vm.throw_value(r!(i.a()));
                        match exception {
                            Ok(exception) => raise!(Throw(exception)),
                            Err(throw) => raise!(throw),
                        }
                    }
                    Op::Rethrow => raise!(Throw(r!(i.a()))),
                    Op::CatchMatch => {
                        save!();
                        let v = check!(vm.catch_match(r!(i.b()), r!(i.c())));
                        r!(i.a()) = Value::bool(v);
                    }
                    Op::CheckType => {
                        let check = &code.data.checks[i.bc() as usize];
                        let value = r!(i.a());
                        if !vm.type_fits_fast(value, &check.ty) {
                            save!();
                            let v = check!(vm.check_type_slow(value, check, base, code));
                            r!(i.a()) = v;
                        }
                    }
                    Op::Ext => {}
                }
            }
        }
    }

    /// A line for `--trace=exec`: function, place, instruction.
    #[cold]
    #[inline(never)]
    fn trace_insn(&mut self, code: Gc<crate::object::Code>, pc: *const Insn) {
        // SAFETY: `pc` is about to be run, in the code or one of our own
        // instructions, which are not listed.
        let (at, insn) = unsafe { (pc.offset_from(code.insns), *pc) };
        if at < 0 || at as usize >= code.data.insns.len() {
            return;
        }
        let line = match self.place_of(code, at as u32) {
            Some(place) => format!("{}:{at} ({place}) {insn:?}", code.name()),
            None => format!("{}:{at} {insn:?}", code.name()),
        };
        // A trace that cannot be written is lost.
        let _ = writeln!(self.err, "{line}");
    }

    /// The scope of the running function.
    #[inline(always)]
    fn closure_scope(&self, running: Value) -> Option<NonNull<Scope>> {
        Gc::<Function>::from_value(running).and_then(|f| f.scope)
    }

    /// The home class of the running function.
    pub(super) fn home_of(&self, running: Value) -> Value {
        Gc::<Function>::from_value(running).map_or(Value::NIL, |f| f.home.get())
    }

    /// The `depth`-th parent of the scope of the running function.
    ///
    /// # Safety
    ///
    /// There must be that many, as in code that the compiler made.
    #[inline(always)]
    unsafe fn scope_up(&self, running: Value, depth: u16) -> NonNull<Scope> {
        debug_assert!(Gc::<Function>::from_value(running).is_some());
        let function = running.address_unchecked() as *const Function;
        // SAFETY: register 0 holds the running function; code that names an
        // outer variable is only run by closures over the scope that has it.
        unsafe {
            let mut scope = (*function).scope.unwrap_unchecked();
            for _ in 0..depth {
                scope = scope.as_ref().parent().unwrap_unchecked();
            }
            scope
        }
    }

    /// Gives back the scopes of a frame, the first `keep` excepted.
    pub(super) fn drop_scopes(
        &mut self,
        code: Gc<crate::object::Code>,
        base: *mut Value,
        keep: usize,
    ) {
        for register in code.data.scope_regs.iter().skip(keep).rev() {
            // SAFETY: scope registers lie in the window, and hold nil or a
            // scope whose count is the frame's.
            unsafe {
                let slot = base.add(*register as usize);
                let value = *slot;
                *slot = Value::NIL;
                if value.is_scope() {
                    self.heap.release_scope(scope_in(value));
                }
            }
        }
    }

    /// Collects at a safepoint of the running frame.
    #[cold]
    #[inline(never)]
    pub(super) fn collect_here(&mut self) -> Result<(), Throw> {
        let top = self.frame_top();
        self.collect_above(top)
    }

    /// Collects with all registers below `top` as roots.
    ///
    /// # Errors
    ///
    /// If more is alive than the limit allows.
    pub(super) fn collect_above(&mut self, top: *mut Value) -> Result<(), Throw> {
        self.collect(top, false);
        let limit = self.limits.heap_bytes;
        if self.heap.live_bytes() > limit {
            self.collect(top, true);
            if self.heap.live_bytes() > limit {
                return Err(self.heap_exhausted());
            }
        }
        Ok(())
    }

    /// First register above those of the running frame; `fp` must be one.
    pub(super) fn frame_top(&self) -> *mut Value {
        // SAFETY: `fp` is a frame.
        let frame = unsafe { *self.fp };
        match frame.top.is_null() {
            // SAFETY: the window lies on the register stack.
            true => unsafe { frame.base.add(frame.code.nregs as usize) },
            // SAFETY: callee windows begin here; one result may lie there.
            false => unsafe { frame.top.add(2) },
        }
    }

    /// The exception for more objects than the limit allows.
    #[cold]
    pub fn heap_exhausted(&mut self) -> Throw {
        let message =
            format!("out of memory: more than {} bytes of objects", self.limits.heap_bytes);
        self.error(super::ClassName::RuntimeException, "GENE.VM.OUT_OF_MEMORY", &message)
    }

    #[cold]
    fn undefined_value(&mut self, name: Value) -> Throw {
        let name = match name.as_symbol() {
            Some(name) => name,
            None => Symbol::intern(&self.display(name)),
        };
        self.undefined(name)
    }
}

/// The least Int that is not boxed, as raw word; for the checks in `arith`.
pub(super) const FLOOR: u64 = INT_FLOOR;
/// What Ints are biased by.
pub(super) const BIAS: u64 = INT_BIAS;

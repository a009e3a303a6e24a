//! Instructions that compiled code leaves to the interpreter often and that push no
//! frame: what the loop calls for them is called without the loop.

use gene_isa::backend::status;
use gene_isa::{Intrinsic, Op};

use super::Vm;
use super::error::Throw;
use super::iterate::Step;
use super::stack::Frame;
use crate::value::Value;

impl Vm {
    /// Runs the instruction at the `pc` of the frame, if it is one of these: a
    /// status as of a step.
    ///
    /// # Safety
    ///
    /// `frame` must be the topmost frame, and written.
    pub(super) unsafe fn operate(&mut self, frame: *mut Frame) -> Option<u64> {
        // SAFETY: the caller says so; verified code names registers of the window.
        unsafe {
            let base = (*frame).base;
            let insn = *(*frame).pc;
            let register = |i: u16| *base.add(i as usize);
            // As the loop does before anything that may look.
            let next = (*frame).pc.add(1);
            let allocates = matches!(insn.op, Op::Interpolate | Op::Concat | Op::NewHashMap);
            if allocates && self.heap.wants_collection() {
                (*frame).pc = next;
                if let Err(throw) = self.collect_here() {
                    return Some(self.raise_in(frame, throw));
                }
            }
            let value: Result<Value, Throw> = match insn.op {
                Op::Interpolate => {
                    let first = base.add(insn.b as usize);
                    (*frame).pc = next;
                    self.interpolate(std::slice::from_raw_parts(first, insn.c as usize))
                }
                Op::Concat => {
                    (*frame).pc = next;
                    self.concat(register(insn.b), register(insn.c))
                }
                Op::NewHashMap => {
                    (*frame).pc = next;
                    self.new_hash_map(base.add(insn.b as usize), insn.c as usize)
                }
                Op::GetProp => {
                    (*frame).pc = next;
                    let code = (*frame).code;
                    let name = (*code.caches.add(insn.c as usize)).name;
                    self.get_member(register(insn.b), name)
                }
                Op::GetIndex => {
                    (*frame).pc = next;
                    self.get_index_slow(register(insn.b), register(insn.c))
                }
                Op::Eq | Op::Ne => {
                    (*frame).pc = next;
                    let equal = self.equal(register(insn.b), register(insn.c));
                    equal.map(|equal| Value::bool(equal == (insn.op == Op::Eq)))
                }
                Op::Is => {
                    (*frame).pc = next;
                    self.is_type(register(insn.b), register(insn.c)).map(Value::bool)
                }
                Op::CatchMatch => {
                    (*frame).pc = next;
                    self.catch_match(register(insn.b), register(insn.c)).map(Value::bool)
                }
                Op::Add | Op::Sub | Op::Mul | Op::Div | Op::Mod => {
                    (*frame).pc = next;
                    self.arithmetic_slow(insn.op, register(insn.b), register(insn.c))
                }
                Op::AddI | Op::SubI | Op::MulI | Op::DivI | Op::ModI => {
                    (*frame).pc = next;
                    let imm = Value::small_int(insn.sc() as i64);
                    self.arithmetic_slow(insn.op, register(insn.b), imm)
                }
                Op::Lt | Op::Le => {
                    (*frame).pc = next;
                    let (l, r) = (register(insn.b), register(insn.c));
                    let holds = match insn.op {
                        Op::Lt => self.lt_slow(l, r),
                        _ => self.le_slow(l, r),
                    };
                    holds.map(Value::bool)
                }
                Op::JumpLt
                | Op::JumpNotLt
                | Op::LoopLt
                | Op::JumpLe
                | Op::JumpNotLe
                | Op::LoopLe => {
                    (*frame).pc = next;
                    let (l, r) = (register(insn.a), register(insn.b));
                    let holds = match insn.op {
                        Op::JumpLt | Op::JumpNotLt | Op::LoopLt => self.lt_slow(l, r),
                        _ => self.le_slow(l, r),
                    };
                    let wanted = !matches!(insn.op, Op::JumpNotLt | Op::JumpNotLe);
                    return Some(self.jumped(frame, holds, wanted));
                }
                Op::Intrinsic => {
                    (*frame).pc = next;
                    if self.heap.wants_collection()
                        && let Err(throw) = self.collect_here()
                    {
                        return Some(self.raise_in(frame, throw));
                    }
                    let which = Intrinsic::from_u16(insn.b).unwrap_or(Intrinsic::ToText);
                    let first = base.add(insn.a as usize);
                    let args = std::slice::from_raw_parts(first, insn.c as usize);
                    self.intrinsic(which, args, (*frame).code)
                }
                Op::JumpEq | Op::JumpNe => {
                    (*frame).pc = next;
                    let equal = self.equal(register(insn.a), register(insn.b));
                    return Some(self.jumped(frame, equal, insn.op == Op::JumpEq));
                }
                // The loop itself goes over arrays: their position is not negative.
                Op::IterNext if register(insn.a + 1).as_small_int().is_none_or(|i| i < 0) => {
                    (*frame).pc = next;
                    return match self.iter_next(base.add(insn.a as usize)) {
                        Ok(Step::Item) => Some(status::DONE),
                        Ok(Step::End) => Some(status::JUMPED),
                        Ok(Step::Call) => Some(status::INTERPRET),
                        Err(throw) => Some(self.raise_in(frame, throw)),
                    };
                }
                _ => return None,
            };
            Some(match value {
                Ok(value) => {
                    *base.add(insn.a as usize) = value;
                    // Loops of machine code have no other safepoint.
                    match self.heap.wants_collection() {
                        true => self.collect_for(frame),
                        false => status::DONE,
                    }
                }
                Err(throw) => self.raise_in(frame, throw),
            })
        }
    }

    fn arithmetic_slow(&mut self, op: Op, l: Value, r: Value) -> Result<Value, Throw> {
        match op {
            Op::Add | Op::AddI => self.add_slow(l, r),
            Op::Sub | Op::SubI => self.sub_slow(l, r),
            Op::Mul | Op::MulI => self.mul_slow(l, r),
            Op::Div | Op::DivI => self.div_slow(l, r),
            _ => self.mod_slow(l, r),
        }
    }

    /// # Safety
    ///
    /// As [`Vm::operate`].
    unsafe fn jumped(
        &mut self,
        frame: *mut Frame,
        holds: Result<bool, Throw>,
        wanted: bool,
    ) -> u64 {
        match holds {
            Ok(holds) if holds == wanted => status::JUMPED,
            Ok(_) => status::DONE,
            // SAFETY: the caller says so.
            Err(throw) => unsafe { self.raise_in(frame, throw) },
        }
    }
}

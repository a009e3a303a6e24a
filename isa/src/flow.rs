//! How control passes through instructions: what the verifier, the compiler's
//! peephole pass and a code generator need to know beyond the operands.

use crate::{Insn, Op};

impl Op {
    /// Whether the next instruction is never reached from this one by falling
    /// through.
    pub fn ends_path(self) -> bool {
        use Op::*;
        matches!(
            self,
            Jump | Loop
                | Return
                | ReturnScoped
                | Finish
                | Throw
                | Rethrow
                | TailCall
                | TailCallModule
                | TailCallMethod
        )
    }

    /// Whether it calls and goes on after the call: in a coroutine a
    /// `take_result` follows.
    pub fn is_call(self) -> bool {
        use Op::*;
        matches!(
            self,
            Call | CallModule | CallWithSelf | CallMethod | CallSuper | New | CallX | TailCallX
        )
    }

    /// Whether it calls in place of its own frame.
    pub fn is_tail_call(self) -> bool {
        matches!(self, Op::TailCall | Op::TailCallModule | Op::TailCallMethod)
    }

    /// Whether it may jump backwards: it polls for collection, interruption
    /// and the instruction budget.
    pub fn is_back_edge(self) -> bool {
        use Op::*;
        matches!(
            self,
            Loop | RangeLoop | LoopLt | LoopLe | LoopLtI | LoopLeI | LoopGtI | LoopGeI | LoopNeI
        )
    }

    /// Whether an `ext` follows.
    pub fn takes_ext(self) -> bool {
        self == Op::GetPropVar
    }
}

impl Insn {
    /// Where it jumps to if it stands at `pc`; it may lie outside the code.
    pub fn jump_target(self, pc: usize) -> Option<i64> {
        Some(pc as i64 + 1 + self.get(self.jump()?))
    }

    /// The instructions it may step over, counted from the next one: the call
    /// that `iter_next` needs for iterators that are not built in.
    pub fn skip(self) -> Option<u8> {
        (self.op == Op::IterNext).then_some(self.x)
    }
}

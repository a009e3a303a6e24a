//! Loads of which what is loaded is soon expected to be a Float.

use gene_isa::Op;
use gene_isa::backend::Kinds;

use crate::unit::Unit;

/// The instruction behind a load, in the same block, that expects a Float in what was
/// loaded.
pub fn float_use(unit: &Unit, load: usize) -> Option<usize> {
    use Op::*;
    let insn = unit.code.insns[load];
    if !matches!(insn.op, GetIndex | GetIndexI | GetProp | GetUp | GetScope) {
        return None;
    }
    let mut pc = load;
    for _ in 0..FLOAT_USES {
        if unit.ends_block(pc) {
            return None;
        }
        pc = unit.next(pc);
        let user = unit.code.insns[pc];
        let operands: &[u16] = match user.op {
            Add | Sub | Mul | Div | Lt | Le => &[1, 2],
            AddI | SubI | MulI | DivI | Neg => &[1],
            JumpLt | JumpLe | JumpNotLt | JumpNotLe | LoopLt | LoopLe => &[0, 1],
            JumpLtI | JumpLeI | JumpGtI | JumpGeI | JumpNotLtI | JumpNotLeI | JumpNotGtI
            | JumpNotGeI | LoopLtI | LoopLeI | LoopGtI | LoopGeI | CheckMember | CheckFound => &[0],
            _ => &[],
        };
        let registers = [user.a, user.b, user.c];
        let seen = &unit.seen[pc];
        let used = operands.iter().map(|i| *i as usize).find(|i| registers[*i] == insn.a);
        if let Some(operand) = used {
            let float = seen.kinds[operand] == Kinds::FLOAT && seen.ran && !seen.generic;
            return float.then_some(pc);
        }
        let effects = crate::effects::effects(unit, pc);
        let mut touched = effects.uses.iter().chain(&effects.defs).chain(&effects.clobbers);
        if touched.any(|r| *r == insn.a) || effects.kills.is_some_and(|from| from <= insn.a) {
            return None;
        }
    }
    None
}

/// How far behind a load its use is looked for.
const FLOAT_USES: usize = 12;

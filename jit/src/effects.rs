//! Which registers an instruction reads and writes.

use gene_isa::{Code, Insn, NO_SCOPE, Op, Role, TypeExpr};

use crate::unit::Unit;

/// The registers that an instruction touches.
#[derive(Default, Debug)]
pub struct Effects {
    /// Read, those of call windows included.
    pub uses: Vec<u16>,
    /// Written in any case.
    pub defs: Vec<u16>,
    /// Perhaps written: what was there before is never read afterwards.
    pub clobbers: Vec<u16>,
    /// All registers from here on mean nothing afterwards, but for `defs`: the
    /// window of a callee was there.
    pub kills: Option<u16>,
}

/// The registers that the instruction at `pc` touches.
pub fn effects(unit: &Unit, pc: usize) -> Effects {
    let insn = unit.code.insns[pc];
    let base = unit.part(pc).base;
    let mut e = Effects::default();
    window(&unit.code, insn, base, &mut e);
    special(unit, pc, base, &mut e);
    if base > 0 {
        // Its function is part of the frame, which somebody may look at.
        e.uses.push(base);
    }
    if unit.leaves_part(pc) {
        e.defs.push(base);
        e.kills = Some(base);
    }
    let mut operands = insn.op.operands().iter().peekable();
    while let Some(operand) = operands.next() {
        let number = insn.get(*operand);
        let register = number as u16;
        match operand.role {
            Role::dst => e.defs.push(register),
            Role::src => e.uses.push(register),
            Role::var if !is_run(insn.op) => {
                e.uses.push(register);
                e.defs.push(register);
            }
            Role::scope => e.uses.push(if register == NO_SCOPE { base } else { register }),
            Role::first => {
                if let Some(count) = operands.peek().filter(|o| o.role == Role::count) {
                    let count = insn.get(**count) as u16;
                    e.uses.extend(register..register + count);
                }
            }
            _ => {}
        }
    }
    e
}

/// Whether the operand is the first of several registers, listed by `special`.
fn is_run(op: Op) -> bool {
    use Op::*;
    matches!(op, RangePrep | RangeLoop | IterInit | IterWrap | IterNext | IterStep | IterClose)
}

/// Calls: the window begins at `a`.
fn window(code: &Code, insn: Insn, base: u16, e: &mut Effects) {
    use Op::*;
    let a = insn.a;
    let (head, count): (&[u16], u16) = match insn.op {
        Call | TailCall | New => (&[0], insn.c),
        CallModule | TailCallModule => (&[], insn.x as u16),
        CallWithSelf => (&[0, 1], insn.c),
        CallMethod | TailCallMethod | CallSuper => (&[1], insn.c),
        CallX | TailCallX => (&[0, 1], code.calls[insn.bc() as usize].registers() as u16),
        Intrinsic => {
            e.uses.extend(a..a + insn.c);
            e.defs.push(a);
            return;
        }
        _ => return,
    };
    e.uses.extend(head.iter().map(|i| a + i));
    e.uses.extend(a + 2..a + 2 + count);
    if insn.op == CallSuper {
        e.uses.push(base);
    }
    if !insn.op.is_tail_call() {
        e.defs.push(a);
        e.kills = Some(a);
    }
}

/// What the roles of operands do not tell.
fn special(unit: &Unit, pc: usize, base: u16, e: &mut Effects) {
    use Op::*;
    let code = &unit.code;
    let insn = code.insns[pc];
    let (a, b) = (insn.a, insn.b);
    match insn.op {
        NewScope => e.uses.push(a),
        GetUp | SetUp => e.uses.push(base),
        Closure | Eval | Render | MakeEnv | CallerEval | Intrinsic => {
            e.uses.extend([base, base + 1]);
        }
        NewMap => {
            let count = code.keysets[insn.c as usize].len() as u16;
            e.uses.extend(b..b + count);
        }
        NewGene => {
            let count = code.keysets[insn.c as usize].len() as u16 + 1 + insn.x as u16;
            e.uses.extend(b..b + count);
        }
        Await if insn.x == 1 => e.uses.push(b + insn.c),
        MakeGene => e.uses.extend(b..b + 3),
        RangePrep => {
            e.uses.extend(a..a + 3);
            e.clobbers.push(a + 3);
        }
        RangeLoop => {
            e.uses.extend(a..a + 3);
            e.clobbers.extend([a, a + 3]);
        }
        IterInit => {
            e.defs.extend([a, a + 1]);
            e.clobbers.extend([a + 4, a + 5]);
        }
        IterWrap => {
            e.uses.push(a + 4);
            e.defs.extend([a, a + 1]);
        }
        IterNext => {
            e.uses.extend([a, a + 1]);
            e.clobbers.extend(a + 1..a + 6);
        }
        IterStep => {
            e.uses.push(a + 4);
            e.clobbers.extend([a + 2, a + 3]);
        }
        IterClose => {
            e.uses.extend([a, a + 1]);
            e.clobbers.extend([a + 4, a + 5]);
        }
        CheckType => types(&code.checks[insn.bc() as usize].ty, &mut e.uses),
        ReturnScoped => e.uses.extend(&unit.part(pc).scope_regs),
        _ => {}
    }
}

/// Registers that a type names.
fn types(ty: &TypeExpr, uses: &mut Vec<u16>) {
    match ty {
        TypeExpr::Register(register, _) => uses.push(*register),
        TypeExpr::Name(_) | TypeExpr::Module(..) => {}
        TypeExpr::Union(all) => all.iter().for_each(|t| types(t, uses)),
        TypeExpr::Applied(outer, args) => {
            types(outer, uses);
            args.iter().for_each(|t| types(t, uses));
        }
        TypeExpr::Fn { params, keywords, rest, result } => {
            params.iter().chain(keywords.iter().map(|(_, t)| t)).for_each(|t| types(t, uses));
            rest.iter().chain(result).for_each(|t| types(t, uses));
        }
    }
}

#[cfg(test)]
mod tests {
    use gene_isa::assemble;

    use super::*;

    #[test]
    fn windows_are_read_and_given_up() {
        let text = ".function f\n.registers 8\ncall_with_self r3 2\nreturn r3\n.end";
        let unit = Unit::plain(&assemble(text).unwrap());
        let e = effects(&unit, 0);
        assert_eq!(e.uses, [3, 4, 5, 6]);
        assert_eq!((e.defs, e.kills), (vec![3], Some(3)));
        assert_eq!(effects(&unit, 1).uses, [3]);
    }
}

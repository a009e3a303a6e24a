//! Code for operators and conditions.

use gene_isa::datum::Datum;
use gene_isa::{Insn, Op, Special};

use super::emit::{Dst, Label, Reg};
use super::generate::Gen;
use super::hir::*;

impl Gen<'_> {
    /// Left-associative operators.
    pub(super) fn arith(&mut self, first: &Expr, rest: &[(BinOp, Expr, Place)], dst: Dst) {
        let mut skip = 0;
        let mut acc = match fold(first, rest) {
            Some((value, used)) => {
                skip = used;
                let reg = if used == rest.len() { dst.reg } else { self.e.alloc() };
                self.e.at(first.place);
                self.e.load_int(reg, value);
                reg
            }
            None => self.operand(first, rest[0].1.assigns),
        };
        let mut temp = None;
        let count = rest.len();
        for (index, (op, operand, place)) in rest.iter().enumerate().skip(skip) {
            let out = match () {
                _ if index + 1 == count => dst.reg,
                _ => *temp.get_or_insert_with(|| self.e.alloc()),
            };
            let mark = self.e.mark();
            let small = small_int(operand).filter(|_| immediate(*op).is_some());
            match (small, immediate(*op)) {
                (Some(value), Some(op)) => {
                    self.e.at(*place);
                    self.e.abc(op, out, acc, value as u16);
                }
                _ => {
                    let operand = self.any(operand);
                    self.e.at(*place);
                    self.e.abc(plain(*op), out, acc, operand);
                }
            }
            self.e.release(mark);
            acc = out;
        }
    }

    /// Chained comparison as a value.
    pub(super) fn compare(&mut self, place: Place, first: &Expr, rest: &[(CmpOp, Expr)], dst: Dst) {
        if let [(op, right)] = rest {
            let left = self.operand(first, right.assigns);
            let right = self.any(right);
            self.e.at(place);
            self.comparison(*op, dst.reg, left, right);
            return;
        }
        let no = self.e.label();
        let done = self.e.label();
        self.compare_jump(place, first, rest, no, false);
        self.e.load(dst.reg, Special::True);
        self.e.jump(done);
        self.e.place_label(no);
        self.e.load(dst.reg, Special::False);
        self.e.place_label(done);
    }

    fn comparison(&mut self, op: CmpOp, dst: Reg, left: Reg, right: Reg) {
        let (op, left, right) = match op {
            CmpOp::Lt => (Op::Lt, left, right),
            CmpOp::Le => (Op::Le, left, right),
            CmpOp::Gt => (Op::Lt, right, left),
            CmpOp::Ge => (Op::Le, right, left),
            CmpOp::Eq => (Op::Eq, left, right),
            CmpOp::Ne => (Op::Ne, left, right),
        };
        self.e.abc(op, dst, left, right);
    }

    /// Jumps to `label` if the comparison is `wanted`.
    fn compare_jump(
        &mut self,
        place: Place,
        first: &Expr,
        rest: &[(CmpOp, Expr)],
        label: Label,
        wanted: bool,
    ) {
        let skip = self.e.label();
        let last = rest.len() - 1;
        let constant = small_int(first).filter(|_| rest.len() == 1);
        if let Some(value) = constant
            && small_int(&rest[0].1).is_none()
            && !matches!(rest[0].0, CmpOp::Eq | CmpOp::Ne)
        {
            let right = self.any(&rest[0].1);
            self.e.at(place);
            self.jump_small(mirrored(rest[0].0), right, value, label, wanted);
            return;
        }
        let mut left = self.operand(first, rest[0].1.assigns);
        for (index, (op, operand)) in rest.iter().enumerate() {
            let (target, want) = match index == last {
                true => (label, wanted),
                false => (if wanted { skip } else { label }, false),
            };
            match small_int(operand).filter(|_| index == last) {
                Some(value) => {
                    self.e.at(place);
                    self.jump_small(*op, left, value, target, want);
                }
                None => {
                    let later = rest.get(index + 1).is_some_and(|r| r.1.assigns);
                    let right = self.operand(operand, later);
                    self.e.at(place);
                    self.jump_compare(*op, left, right, target, want);
                    left = right;
                }
            }
        }
        self.e.place_label(skip);
    }

    fn jump_compare(&mut self, op: CmpOp, left: Reg, right: Reg, label: Label, wanted: bool) {
        let (op, left, right) = match (op, wanted) {
            (CmpOp::Lt, true) => (Op::JumpLt, left, right),
            (CmpOp::Le, true) => (Op::JumpLe, left, right),
            (CmpOp::Gt, true) => (Op::JumpLt, right, left),
            (CmpOp::Ge, true) => (Op::JumpLe, right, left),
            (CmpOp::Lt, false) => (Op::JumpNotLt, left, right),
            (CmpOp::Le, false) => (Op::JumpNotLe, left, right),
            (CmpOp::Gt, false) => (Op::JumpNotLt, right, left),
            (CmpOp::Ge, false) => (Op::JumpNotLe, right, left),
            (CmpOp::Eq, true) | (CmpOp::Ne, false) => (Op::JumpEq, left, right),
            (CmpOp::Ne, true) | (CmpOp::Eq, false) => (Op::JumpNe, left, right),
        };
        self.e.jump_insn(Insn::abc(op, left, right, 0), label);
    }

    fn jump_small(&mut self, op: CmpOp, left: Reg, value: i16, label: Label, wanted: bool) {
        let op = match (op, wanted) {
            (CmpOp::Lt, true) => Op::JumpLtI,
            (CmpOp::Le, true) => Op::JumpLeI,
            (CmpOp::Gt, true) => Op::JumpGtI,
            (CmpOp::Ge, true) => Op::JumpGeI,
            (CmpOp::Lt, false) => Op::JumpNotLtI,
            (CmpOp::Le, false) => Op::JumpNotLeI,
            (CmpOp::Gt, false) => Op::JumpNotGtI,
            (CmpOp::Ge, false) => Op::JumpNotGeI,
            (CmpOp::Eq, true) | (CmpOp::Ne, false) => Op::JumpEqI,
            (CmpOp::Ne, true) | (CmpOp::Eq, false) => Op::JumpNeI,
        };
        self.e.jump_insn(Insn::abc(op, left, value as u16, 0), label);
    }

    /// `&&` and `||` as values.
    pub(super) fn logic(&mut self, place: Place, op: LogicOp, items: &[Expr], dst: Dst) {
        let out = if dst.fresh { dst.reg } else { self.e.alloc() };
        let work = Dst { reg: out, fresh: true };
        let done = self.e.label();
        let mut boolean = is_boolean(&items[0]);
        self.to(&items[0], work);
        for item in &items[1..] {
            self.e.at(place);
            match op {
                LogicOp::And => self.e.jump_on(Op::JumpIfNot, out, done),
                LogicOp::Or if boolean => self.e.jump_on(Op::JumpIf, out, done),
                LogicOp::Or => self.e.jump_on(Op::JumpIfOr, out, done),
            }
            if boolean {
                // A boolean never takes part in a bitwise operation.
                self.to(item, work);
                boolean = is_boolean(item);
                continue;
            }
            let mark = self.e.mark();
            let right = self.any(item);
            self.e.at(place);
            let code = if op == LogicOp::And { Op::And } else { Op::Or };
            self.e.abc(code, out, out, right);
            self.e.release(mark);
        }
        self.e.place_label(done);
        self.e.mov(dst.reg, out);
    }

    /// A condition as a boolean.
    pub(super) fn truth(&mut self, e: &Expr, dst: Dst) {
        let yes = self.e.label();
        let done = self.e.label();
        self.cond(e, yes, true);
        self.e.load(dst.reg, Special::False);
        self.e.jump(done);
        self.e.place_label(yes);
        self.e.load(dst.reg, Special::True);
        self.e.place_label(done);
    }

    /// Jumps to `label` if the truth of `e` is `wanted`, else goes on.
    pub(super) fn cond(&mut self, e: &Expr, label: Label, wanted: bool) {
        let mark = self.e.mark();
        match &e.kind {
            Ek::Special(value) => {
                let truth = !matches!(value, Special::Nil | Special::Void | Special::False);
                if truth == wanted {
                    self.e.jump(label);
                }
            }
            Ek::Int(_) => {
                if wanted {
                    self.e.jump(label);
                }
            }
            Ek::Compare(c) => self.compare_jump(e.place, &c.0, &c.1, label, wanted),
            Ek::NotTruth(inner) => self.cond(inner, label, !wanted),
            Ek::Not(inner) if is_boolean(inner) => self.cond(inner, label, !wanted),
            Ek::Logic(op, items) if items[..items.len() - 1].iter().all(is_boolean) => {
                self.logic_cond(*op, items, label, wanted);
            }
            Ek::Do(forms) if !forms.is_empty() => {
                let (last, before) = forms.split_last().expect("not empty");
                before.iter().for_each(|f| self.effect(f));
                self.cond(last, label, wanted);
            }
            _ => {
                let reg = self.any(e);
                self.e.at(e.place);
                self.e.jump_on(if wanted { Op::JumpIf } else { Op::JumpIfNot }, reg, label);
            }
        }
        self.e.release(mark);
    }

    fn logic_cond(&mut self, op: LogicOp, items: &[Expr], label: Label, wanted: bool) {
        // `&&` is decided by the first false operand, `||` by the first true one.
        let decides = op == LogicOp::Or;
        let (last, before) = items.split_last().expect("two operands at least");
        let skip = self.e.label();
        for item in before {
            let target = if decides == wanted { label } else { skip };
            self.cond(item, target, decides);
        }
        self.cond(last, label, wanted);
        self.e.place_label(skip);
    }
}

/// Whether the value is a boolean whatever the operands are.
pub(super) fn is_boolean(e: &Expr) -> bool {
    match &e.kind {
        Ek::Special(value) => matches!(value, Special::True | Special::False),
        Ek::Compare(_) | Ek::NotTruth(_) => true,
        Ek::Not(inner) => is_boolean(inner),
        Ek::Logic(_, items) => items.iter().all(is_boolean),
        Ek::Arith(a) => a.1.last().is_some_and(|r| r.0 == BinOp::Is),
        _ => false,
    }
}

/// The value of a small integer literal.
pub(super) fn small_int(e: &Expr) -> Option<i16> {
    match e.kind {
        Ek::Int(value) => i16::try_from(value).ok(),
        _ => None,
    }
}

/// The value of the literals at the beginning, and how many operators that takes.
fn fold(first: &Expr, rest: &[(BinOp, Expr, Place)]) -> Option<(i64, usize)> {
    let Ek::Int(mut value) = first.kind else { return None };
    let mut used = 0;
    for (op, operand, _) in rest {
        let Ek::Int(right) = operand.kind else { break };
        let result = match op {
            BinOp::Add => value.checked_add(right),
            BinOp::Sub => value.checked_sub(right),
            BinOp::Mul => value.checked_mul(right),
            _ => None,
        };
        let Some(result) = result else { break };
        value = result;
        used += 1;
    }
    (used > 0).then_some((value, used))
}

fn mirrored(op: CmpOp) -> CmpOp {
    match op {
        CmpOp::Lt => CmpOp::Gt,
        CmpOp::Le => CmpOp::Ge,
        CmpOp::Gt => CmpOp::Lt,
        CmpOp::Ge => CmpOp::Le,
        same => same,
    }
}

fn immediate(op: BinOp) -> Option<Op> {
    Some(match op {
        BinOp::Add => Op::AddI,
        BinOp::Sub => Op::SubI,
        BinOp::Mul => Op::MulI,
        BinOp::Div => Op::DivI,
        BinOp::Mod => Op::ModI,
        _ => return None,
    })
}

pub(super) fn plain(op: BinOp) -> Op {
    match op {
        BinOp::Add => Op::Add,
        BinOp::Sub => Op::Sub,
        BinOp::Mul => Op::Mul,
        BinOp::Div => Op::Div,
        BinOp::Mod => Op::Mod,
        BinOp::Concat => Op::Concat,
        BinOp::Shl => Op::Shl,
        BinOp::Shr => Op::Shr,
        BinOp::Xor => Op::Xor,
        BinOp::Is => Op::Is,
    }
}

/// A constant key for an error message.
pub(super) fn member_name(name: &str) -> Datum {
    Datum::Symbol(gene_isa::Symbol::intern(name))
}

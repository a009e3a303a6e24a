//! Code for members, collections, and the rest of the expressions.

use gene_isa::{Insn, Intrinsic, Op, Special, Symbol};

use super::emit::{Dst, Reg};
use super::gen_ops::{member_name, plain};
use super::generate::Gen;
use super::hir::*;

/// Elements of a literal that are put into registers at once.
const CHUNK: usize = 64;

impl Gen<'_> {
    /// Kinds of expressions that are not in `generate`.
    pub(super) fn to_rest(&mut self, e: &Expr, dst: Dst) {
        let (place, reg) = (e.place, dst.reg);
        match &e.kind {
            Ek::Array(items, sealed) => self.array(place, items, *sealed, dst),
            Ek::Map(entries, sealed) => self.map(place, entries, *sealed, dst),
            Ek::HashMap(items, sealed) => {
                let (first, count) = self.run(items);
                self.e.at(place);
                let count = self.e.count(count);
                self.e.abc(Op::NewHashMap, reg, first, count);
                self.seal(reg, *sealed);
            }
            Ek::Gene(gene) => self.gene(place, gene, dst),
            Ek::Interp(parts) => {
                let (first, count) = self.run(parts);
                self.e.at(place);
                let count = self.e.count(count);
                self.e.abc(Op::Interpolate, reg, first, count);
            }
            Ek::Prop(object, name) => {
                let object = self.any(object);
                self.e.at(place);
                let cache = self.e.cache(*name);
                self.e.abc(Op::GetProp, reg, object, cache);
            }
            Ek::IndexI(object, index) => {
                let object = self.any(object);
                self.e.at(place);
                self.e.abc(Op::GetIndexI, reg, object, *index as u16);
            }
            Ek::Index(both) => {
                let object = self.operand(&both.0, both.1.assigns);
                let index = self.any(&both.1);
                self.e.at(place);
                self.e.abc(Op::GetIndex, reg, object, index);
            }
            Ek::PropVar(both, name) => {
                let object = self.any(&both.0);
                let value = self.any(&both.1);
                self.e.at(place);
                let cache = self.e.cache(*name);
                self.e.abc(Op::GetPropVar, reg, object, value);
                self.e.push(Insn::a_bc(Op::Ext, 0, u32::from(cache)));
            }
            Ek::Found(object) => {
                let object = self.any(object);
                self.e.at(place);
                self.e.abc(Op::CheckFound, object, 0, 0);
                self.e.mov(reg, object);
            }
            Ek::SetMember(set) => {
                let value = self.set_member(place, set);
                self.e.mov(reg, value);
            }
            Ek::Await(timeout, items) => self.await_(place, timeout.as_deref(), items, dst),
            Ek::Yield(value) => self.yield_(place, value, dst),
            Ek::Eval(data, site, render) => self.eval(place, data, site, *render, dst),
            Ek::CallerEval(both) => self.caller_eval(place, &both.0, &both.1, dst),
            Ek::MacroCall(call) => self.macro_call(place, call, dst),
            Ek::Try(t) => self.try_(place, t, dst),
            Ek::TaskScope(t) => self.task_scope(place, t, dst),
            Ek::Check(value, check) => {
                let out = if dst.fresh { reg } else { self.e.alloc() };
                self.to(value, Dst { reg: out, fresh: true });
                self.e.at(place);
                self.check(out, check);
                self.e.mov(reg, out);
            }
            Ek::WithSelf(both, tap) => self.with_self(&both.0, &both.1, *tap, dst),
            Ek::Unwrap(value) => self.unwrap(place, value, dst),
            Ek::IfSet(both) => {
                let out = if dst.fresh { reg } else { self.e.alloc() };
                let set = self.e.label();
                self.to(&both.0, Dst { reg: out, fresh: true });
                self.e.jump_on(Op::JumpIfSet, out, set);
                self.to(&both.1, Dst { reg: out, fresh: false });
                self.e.place_label(set);
                self.e.mov(reg, out);
            }
            // Everything else is in `generate`.
            _ => self.e.load(reg, Special::Nil),
        }
    }

    fn seal(&mut self, reg: Reg, sealed: bool) {
        if sealed {
            self.e.abc(Op::Seal, reg, 0, 0);
        }
    }

    /// A register in which a collection grows before anybody sees it.
    fn building(&mut self, dst: Dst) -> Reg {
        if dst.fresh { dst.reg } else { self.e.alloc() }
    }

    fn array(&mut self, place: Place, items: &[(Expr, bool)], sealed: bool, dst: Dst) {
        let out = self.building(dst);
        let simple = items.iter().take_while(|i| !i.1).count().min(CHUNK);
        let mark = self.e.mark();
        let (first, count) = self.run(items[..simple].iter().map(|i| &i.0));
        self.e.at(place);
        self.e.abc(Op::NewArray, out, first, count as u16);
        self.e.release(mark);
        let mut at = simple;
        while at < items.len() {
            if items[at].1 {
                let spread = self.any(&items[at].0);
                self.e.at(items[at].0.place);
                self.e.abc(Op::ArraySpread, out, spread, 0);
                at += 1;
            } else {
                let count = items[at..].iter().take_while(|i| !i.1).count().min(CHUNK);
                let (first, _) = self.run(items[at..at + count].iter().map(|i| &i.0));
                self.e.at(place);
                self.e.abc(Op::ArrayPush, out, first, count as u16);
                at += count;
            }
            self.e.release(mark);
        }
        self.seal(out, sealed);
        self.e.mov(dst.reg, out);
    }

    fn map(&mut self, place: Place, entries: &[(Option<Symbol>, Expr)], sealed: bool, dst: Dst) {
        let out = self.building(dst);
        let simple = entries.iter().take_while(|e| e.0.is_some()).count().min(CHUNK);
        let mark = self.e.mark();
        let (first, _) = self.run(entries[..simple].iter().map(|e| &e.1));
        let keys = self.e.keys(entries[..simple].iter().filter_map(|e| e.0).collect());
        self.e.at(place);
        self.e.abc(Op::NewMap, out, first, keys);
        self.e.release(mark);
        for (key, value) in &entries[simple..] {
            match key {
                Some(key) => {
                    let name = self.e.alloc();
                    self.e.load_const(name, gene_isa::datum::Datum::Symbol(*key));
                    let value = self.any(value);
                    self.e.abc(Op::MapPut, out, name, value);
                }
                None => {
                    let spread = self.any(value);
                    self.e.at(value.place);
                    self.e.abc(Op::MapSpread, out, spread, 0);
                }
            }
            self.e.release(mark);
        }
        self.seal(out, sealed);
        self.e.mov(dst.reg, out);
    }

    fn gene(&mut self, place: Place, gene: &GeneExpr, dst: Dst) {
        let out = self.building(dst);
        let simple = gene.props.len() <= CHUNK
            && gene.children.len() <= CHUNK
            && gene.props.iter().all(|p| p.0.is_some())
            && gene.children.iter().all(|c| !c.1);
        let first = self.e.alloc();
        self.to(&gene.head, Dst { reg: first, fresh: true });
        if simple {
            self.run(gene.props.iter().map(|p| &p.1));
            self.run(gene.children.iter().map(|c| &c.0));
            let keys = self.e.keys(gene.props.iter().filter_map(|p| p.0).collect());
            self.e.at(place);
            let insn = Insn::abc(Op::NewGene, out, first, keys);
            self.e.push(insn.with_x(gene.children.len() as u8));
        } else {
            let props = self.e.alloc();
            self.map(place, &gene.props, false, Dst { reg: props, fresh: true });
            let children = self.e.alloc();
            self.array(place, &gene.children, false, Dst { reg: children, fresh: true });
            self.e.at(place);
            self.e.abc(Op::MakeGene, out, first, 0);
        }
        self.seal(out, gene.sealed);
        self.e.mov(dst.reg, out);
    }

    /// Assigns a member; the register of the value.
    pub(super) fn set_member(&mut self, place: Place, set: &SetMember) -> Reg {
        let later = set.value.assigns || matches!(&set.segment, Segment::Value(e) if e.assigns);
        let object = self.operand(&set.object, later);
        let index = match &set.segment {
            Segment::Value(e) => self.operand(e, set.value.assigns),
            _ => 0,
        };
        let value = match set.op {
            None => self.any(&set.value),
            Some(op) => {
                let current = self.e.alloc();
                self.e.at(place);
                self.current_member(set, object, index, current);
                let operand = self.any(&set.value);
                self.e.at(place);
                self.e.abc(plain(op), current, current, operand);
                current
            }
        };
        self.e.at(place);
        match &set.segment {
            Segment::Name(name) => {
                let cache = self.e.cache(*name);
                self.e.abc(Op::SetProp, object, value, cache);
            }
            Segment::Int(int) => drop(self.e.abc(Op::SetIndexI, object, value, *int as u16)),
            Segment::Value(_) => {
                self.e.abc(Op::SetIndex, object, index, value);
            }
        }
        value
    }

    fn current_member(&mut self, set: &SetMember, object: Reg, index: Reg, out: Reg) {
        let name = match &set.segment {
            Segment::Name(name) => {
                let cache = self.e.cache(*name);
                self.e.abc(Op::GetProp, out, object, cache);
                name.as_str().to_owned()
            }
            Segment::Int(int) => {
                self.e.abc(Op::GetIndexI, out, object, *int as u16);
                int.to_string()
            }
            Segment::Value(_) => {
                self.e.abc(Op::GetIndex, out, object, index);
                let mark = self.e.mark();
                let copy = self.e.alloc();
                self.e.mov(copy, out);
                self.e.intrinsic(copy, Intrinsic::AugmentCheck, 1);
                return self.e.release(mark);
            }
        };
        let konst = self.e.konst(member_name(&name));
        self.e.a_bc(Op::CheckMember, out, konst);
    }

    /// `$with` and the like: the body with another `self`.
    fn with_self(&mut self, value: &Expr, body: &Expr, tap: bool, dst: Dst) {
        let own = self.e.alloc();
        self.to(value, Dst { reg: own, fresh: true });
        let outer = std::mem::replace(&mut self.e.self_reg, own);
        match tap {
            true => self.effect(body),
            false => self.to(body, Dst { reg: dst.reg, fresh: false }),
        }
        self.e.self_reg = outer;
        if tap {
            self.e.mov(dst.reg, own);
        }
    }
}

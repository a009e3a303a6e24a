//! What was noted of a function, in the terms of the code generator.

use gene_isa::backend::{Callee, ClassTarget, Feedback, KnownNative, Seen, Shaped, Target};
use gene_isa::{Op, Symbol};

use crate::heap::{Gc, Shape};
use crate::object::feedback::{Note, Notes};
use crate::object::{Class, Code, Function, Native};
use crate::value::Value;
use crate::vm::Vm;

use super::Compiled;

/// How often machine code may leave in vain at an instruction that is compiled
/// with guards.
const MAX_TROUBLE: u8 = 2;

/// Takes the snapshots of one function.
pub struct Snapshot<'a> {
    pub vm: &'a mut Vm,
    /// The machine code of functions.
    pub compiled: &'a Compiled,
    /// The function that is compiled.
    pub code: Gc<Code>,
    /// Values that the machine code will refer to.
    pub constants: Vec<Value>,
}

impl Snapshot<'_> {
    /// What is known of the function.
    pub fn feedback(&mut self, notes: &Notes) -> Feedback {
        let code = self.code;
        let seen = (0..code.data.insns.len()).map(|pc| self.seen(pc, &notes.insns[pc])).collect();
        let calm = |pc: &u32| notes.insns[*pc as usize].trouble < MAX_TROUBLE;
        let loops = notes.loops.iter().filter(|(pc, _)| calm(pc));
        let loops = loops.map(|(pc, kinds)| (*pc, kinds.to_vec())).collect();
        Feedback { seen, loops, params: notes.params.to_vec() }
    }

    fn seen(&mut self, pc: usize, note: &Note) -> Seen {
        let insn = self.code.data.insns[pc];
        let mut seen = Seen {
            kinds: note.kinds,
            ran: note.ran,
            receiver: note.receiver,
            generic: note.many || note.trouble >= MAX_TROUBLE,
            ..Seen::default()
        };
        if seen.generic {
            return seen;
        }
        match insn.op {
            Op::GetProp | Op::SetProp | Op::GetPropVar => {
                let cache = match insn.op {
                    Op::GetPropVar => self.code.data.insns[pc + 1].bc(),
                    _ => insn.c as u32,
                };
                let name = self.code.data.caches[cache as usize];
                let stores = insn.op == Op::SetProp;
                for (shape, inline) in &note.shapes {
                    // SAFETY: the address of a shape, which live as long as the heap.
                    let shape = unsafe { &*(*shape as *const Shape) };
                    match self.shaped(shape, name, *inline, stores) {
                        Some(shaped) => seen.shapes.push(shaped),
                        None => seen.generic = true,
                    }
                }
            }
            Op::CallMethod | Op::TailCallMethod => {
                for (class, method) in &note.callees {
                    let target = self.target(*method);
                    seen.generic |= matches!(&target, Target::Function(f) if f.value == 0);
                    seen.methods.push((*class, target));
                }
            }
            _ => seen.target = self.single(note),
        }
        seen
    }

    /// The only callee of an instruction, or functions of the same code.
    fn single(&mut self, note: &Note) -> Target {
        let mut targets = note.callees.iter().map(|(_, callee)| *callee);
        let Some(first) = targets.next() else { return Target::None };
        if targets.next().is_some() {
            return Target::Many;
        }
        self.target(first)
    }

    fn shaped(
        &mut self,
        shape: &'static Shape,
        name: Symbol,
        inline: bool,
        stores: bool,
    ) -> Option<Shaped> {
        let (slot, next) = match shape.slot(name) {
            Some(slot) => (slot, 0),
            None if stores => {
                let next = self.vm.heap.shapes.with_key(shape, name)?;
                (shape.len(), std::ptr::from_ref(next) as u64)
            }
            None => return None,
        };
        if stores && !self.vm.is_plain_field_of(shape, name) {
            return None;
        }
        let (address, keys) = (std::ptr::from_ref(shape) as u64, shape.len() as u32);
        Some(Shaped { shape: address, keys, slot: slot as u32, next, inline })
    }

    fn target(&mut self, value: Value) -> Target {
        if let Some(f) = Gc::<Function>::from_value(value) {
            return Target::Function(Box::new(self.callee(f)));
        }
        if let Some(code) = Gc::<Code>::from_value(value) {
            self.constants.push(value);
            return Target::Function(Box::new(self.callee_of(code)));
        }
        if let Some(native) = Gc::<Native>::from_value(value) {
            self.constants.push(value);
            let known = self.vm.known_natives.get(&native.function.0);
            let known = known.copied().unwrap_or(KnownNative::Other);
            return Target::Native { value: value.bits(), known };
        }
        match Gc::<Class>::from_value(value) {
            Some(class) => self.class(class),
            None => Target::Many,
        }
    }

    fn callee(&mut self, f: Gc<Function>) -> Callee {
        self.constants.extend([f.value(), f.code.value()]);
        let of_code = self.callee_of(f.code);
        Callee { value: f.value().bits(), this: f.this.get().bits(), ..of_code }
    }

    /// Any function of this code.
    fn callee_of(&self, code: Gc<Code>) -> Callee {
        let data = &code.data;
        let kind = data.kind;
        use gene_isa::FnKind::{Block, Ctor, Function};
        let plain = matches!(kind, Function | Block | Ctor);
        Callee {
            value: 0,
            code: code.as_ptr() as u64,
            is_self: code == self.code,
            this: 0,
            exact: data.params.exact().filter(|_| plain),
            nregs: data.nregs,
            scopes: !data.scope_regs.is_empty(),
            direct: self.compiled.direct(code),
        }
    }

    fn class(&mut self, class: Gc<Class>) -> Target {
        let Some(ctor) = self.vm.plain_ctor(class) else { return Target::Many };
        self.constants.push(class.value());
        let ctor = Gc::<Function>::from_value(ctor).map(|f| self.callee(f));
        Target::Class(Box::new(ClassTarget {
            value: class.value().bits(),
            shape: std::ptr::from_ref(class.shape) as u64,
            room: class.room.get().min(48),
            ctor,
        }))
    }
}

//! What was noted of a function, in the terms of the code generator.

use gene_isa::backend::{Body, Callee, ClassTarget, Feedback, KnownNative, Seen, Shaped, Target};
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

/// Functions that are offered to become part of another one.
const MAX_INLINABLE: usize = 40;

/// A function as the code generator sees it.
pub struct OwnedBody {
    code: Gc<Code>,
    consts: Vec<Option<u64>>,
    keysets: Vec<u64>,
    protos: Vec<u64>,
    feedback: Feedback,
}

impl OwnedBody {
    /// The same by reference.
    pub fn borrow(&self) -> Body<'_> {
        Body {
            code: &self.code.data,
            id: self.code.as_ptr() as u64,
            insns: self.code.insns as u64,
            consts: &self.consts,
            keysets: &self.keysets,
            vars: self.code.module.vars.as_ptr() as u64,
            protos: &self.protos,
            feedback: &self.feedback,
        }
    }
}

/// Takes the snapshots of one function and those it calls.
pub struct Snapshot<'a> {
    pub vm: &'a mut Vm,
    /// The machine code of functions.
    pub compiled: &'a Compiled,
    /// The function that is compiled.
    pub code: Gc<Code>,
    /// Values that the machine code will refer to.
    pub constants: Vec<Value>,
    /// Small functions that are called.
    pub inlinable: Vec<Gc<Code>>,
}

impl Snapshot<'_> {
    /// A function with what is known of it.
    pub fn body(&mut self, code: Gc<Code>) -> OwnedBody {
        let empty = Notes::new(&code.data);
        let notes = code.tiering.notes.borrow();
        let feedback = self.feedback(code, notes.as_deref().unwrap_or(&empty));
        let shared = |value: &Value| self.vm.is_shared(*value).then(|| value.bits());
        let address = |shape: &Option<&'static Shape>| {
            shape.map_or(0, |shape| std::ptr::from_ref(shape) as u64)
        };
        self.constants.push(code.value());
        OwnedBody {
            code,
            consts: code.const_pool.iter().map(shared).collect(),
            keysets: code.keysets.iter().map(address).collect(),
            protos: code.protos.iter().map(|p| p.as_ptr() as u64).collect(),
            feedback,
        }
    }

    /// The small functions that the function calls, and those that they call.
    pub fn inlinable(&mut self) -> Vec<OwnedBody> {
        let mut bodies = Vec::new();
        while let Some(code) = self.inlinable.get(bodies.len()).copied() {
            let body = self.body(code);
            bodies.push(body);
        }
        bodies
    }

    fn feedback(&mut self, code: Gc<Code>, notes: &Notes) -> Feedback {
        let count = code.data.insns.len();
        let seen = (0..count).map(|pc| self.seen(code, pc, &notes.insns[pc])).collect();
        let calm = |pc: &u32| notes.insns[*pc as usize].trouble < MAX_TROUBLE;
        let loops = notes.loops.iter().filter(|known| calm(&known.pc)).cloned().collect();
        Feedback { seen, loops, params: notes.params.to_vec() }
    }

    fn seen(&mut self, code: Gc<Code>, pc: usize, note: &Note) -> Seen {
        let insn = code.data.insns[pc];
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
                    Op::GetPropVar => code.data.insns[pc + 1].bc(),
                    _ => insn.c as u32,
                };
                let name = code.data.caches[cache as usize];
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
        let (value, this) = (f.value().bits(), f.this.get().bits());
        Callee { value, this, scopeless: f.scope.is_none(), ..of_code }
    }

    /// Any function of this code.
    fn callee_of(&mut self, code: Gc<Code>) -> Callee {
        let data = &code.data;
        let known = code == self.code || self.inlinable.contains(&code);
        if !known
            && self.inlinable.len() < MAX_INLINABLE
            && code.tiering.notes.borrow().is_some()
            && gene_jit::is_inlinable(data)
        {
            self.inlinable.push(code);
        }
        let kind = data.kind;
        use gene_isa::FnKind::{Block, Ctor, Function};
        let plain = matches!(kind, Function | Block | Ctor);
        Callee {
            value: 0,
            code: code.as_ptr() as u64,
            is_self: code == self.code,
            this: 0,
            exact: data.params.exact().filter(|_| plain),
            scopeless: false,
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

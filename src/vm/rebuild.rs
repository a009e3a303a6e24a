//! Objects that machine code has not made so far are made where it goes back to
//! the interpreter.

use std::ptr::NonNull;

use gene_isa::backend::{Exit, Piece, Rebuilt};

use super::Vm;
use super::tiering::code_at;
use crate::heap::{Gc, Scope};
use crate::object::Function;
use crate::value::Value;

/// Nothing is collected meanwhile: allocation never collects.
enum Made {
    Scope(NonNull<Scope>),
    Function(Gc<Function>),
}

impl Made {
    fn value(&self) -> Value {
        match self {
            Made::Scope(scope) => Value::scope(scope.as_ptr() as usize),
            Made::Function(function) => function.value(),
        }
    }
}

impl Vm {
    /// Makes the objects of an exit, and puts them into the registers that hold them.
    ///
    /// # Safety
    ///
    /// The exit must have been taken just now by the compiled function whose window
    /// begins at `base`.
    pub(super) unsafe fn rebuild(&mut self, base: *mut Value, exit: &Exit) {
        if exit.rebuilt.is_empty() {
            return;
        }
        let mut made: Vec<Option<Made>> = exit.rebuilt.iter().map(|_| None).collect();
        // A scope comes after those that enclose it; functions need theirs.
        for (index, object) in exit.rebuilt.iter().enumerate() {
            if let Rebuilt::Scope { parent, slots } = object {
                let parent = self.scope_piece(*parent, &made);
                let scope = self.heap.new_scope(parent, slots.len() as u16);
                made[index] = Some(Made::Scope(scope));
            }
        }
        for (index, object) in exit.rebuilt.iter().enumerate() {
            if let Rebuilt::Function { code, scope, .. } = object {
                let scope = self.scope_piece(*scope, &made);
                let (this, home) = (Value::NIL, Value::NIL);
                let function = Function::new(&mut self.heap, code_at(*code), scope, this, home);
                made[index] = Some(Made::Function(function));
            }
        }
        for (object, new) in exit.rebuilt.iter().zip(&made) {
            match (object, new) {
                (Rebuilt::Scope { slots, .. }, Some(Made::Scope(scope))) => {
                    let values: Vec<Value> =
                        slots.iter().map(|piece| self.piece(*piece, &made)).collect();
                    self.heap.fill_scope(*scope, &values, false);
                }
                (Rebuilt::Function { this, home, .. }, Some(Made::Function(function))) => {
                    function.this.set(self.piece(*this, &made));
                    function.home.set(self.piece(*home, &made));
                }
                _ => {}
            }
        }
        for (register, object) in &exit.held {
            let Some(new) = &made[*object as usize] else { continue };
            // SAFETY: the caller says so; the register is one of the function's or of
            // what is part of it.
            unsafe { *base.add(*register as usize) = new.value() };
            if let Made::Scope(scope) = new {
                self.heap.retain_scope(*scope);
            }
        }
        // The count that each began with was nobody's.
        for new in made.iter().flatten() {
            if let Made::Scope(scope) = new {
                self.heap.release_scope(*scope);
            }
        }
    }

    fn piece(&self, piece: Piece, made: &[Option<Made>]) -> Value {
        match piece {
            Piece::Value(index) => self.exit_values[index as usize],
            Piece::Object(index) => made[index as usize].as_ref().map_or(Value::NIL, Made::value),
        }
    }

    fn scope_piece(&self, piece: Option<Piece>, made: &[Option<Made>]) -> Option<NonNull<Scope>> {
        match piece? {
            Piece::Value(index) => NonNull::new(self.exit_values[index as usize].bits() as *mut _),
            Piece::Object(index) => match made[index as usize] {
                Some(Made::Scope(scope)) => Some(scope),
                _ => None,
            },
        }
    }
}

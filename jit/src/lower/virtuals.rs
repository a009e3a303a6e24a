//! Scopes and functions that are not made until somebody needs them: escape
//! analysis on the fly, after Stadler, Würthinger and Mössenböck, *Partial Escape
//! Analysis and Scalar Replacement for Java* (CGO 2014).
//!
//! `new_scope` and `closure` only note what the object would be. Variables of such
//! a scope are machine values. When an object is stored somewhere, passed to a
//! call, or where paths meet, it is made for real, and with it all that refer to it:
//! a scope is alive as long as something real counts it. An exit leaves
//! a description to the runtime, which makes the objects there.

use cranelift_codegen::ir::{InstBuilder, Value, types};
use gene_isa::backend::{EXIT_VALUES, Piece, Rebuilt, Rep};
use gene_isa::{Insn, NO_SCOPE, Special};

use super::{Lower, Slot, State, constant, special_word};

/// Objects that are not made, at most at a time.
const MAX_VIRTUALS: usize = 12;
/// Variables of a scope that is not made.
const MAX_SLOTS: u16 = 5;

/// An object that is not made.
#[derive(Clone, Debug)]
pub enum Virtual {
    /// A scope.
    Scope {
        /// The enclosing one; `None`: there is none.
        parent: Option<Slot>,
        /// The variables.
        slots: Vec<Slot>,
    },
    /// A function.
    Function {
        /// Address of its code.
        code: u64,
        scope: Option<Slot>,
        this: Slot,
        home: Slot,
    },
}

impl Virtual {
    /// What it refers to.
    fn pieces(&self) -> Vec<Slot> {
        match self {
            Virtual::Scope { parent, slots } => parent.iter().chain(slots).copied().collect(),
            Virtual::Function { scope, this, home, .. } => {
                scope.iter().chain([this, home]).copied().collect()
            }
        }
    }

    fn is_scope(&self) -> bool {
        matches!(self, Virtual::Scope { .. })
    }
}

const _: () = assert!(MAX_VIRTUALS * (MAX_SLOTS as usize + 1) <= EXIT_VALUES);

/// The scope over which a function is.
pub enum Over {
    /// None.
    Nothing,
    /// One that is made, or none, by its address.
    Real(Value),
    /// One that is not made.
    Virtual(Slot),
}

impl State {
    /// The object that is not made, by its number.
    pub fn virtual_at(&self, id: u32) -> &Virtual {
        &self.virtuals.iter().find(|(known, _)| *known == id).expect("it is still known").1
    }

    /// Objects that are not made and can be reached from these slots, by number.
    fn reachable(&self, slots: impl Iterator<Item = Slot>) -> Vec<u32> {
        let mut found: Vec<u32> = Vec::new();
        let mut todo: Vec<Slot> = slots.collect();
        while let Some(slot) = todo.pop() {
            if let Some(id) = slot.virt
                && !found.contains(&id)
            {
                found.push(id);
                todo.extend(self.virtual_at(id).pieces());
            }
        }
        found.sort_unstable();
        found
    }

    /// Forgets those that no register leads to.
    pub fn prune(&mut self) {
        if !self.virtuals.is_empty() {
            let alive = self.reachable(self.slots.iter().copied());
            self.virtuals.retain(|(id, _)| alive.contains(id));
        }
    }
}

impl Lower<'_, '_> {
    /// Where the register is: loaded if it is in the window only, but not made if it
    /// is an object that is not made.
    pub(super) fn peek(&mut self, register: u16) -> Slot {
        let slot = self.state.slots[register as usize];
        if slot.virt.is_some() { slot } else { self.fetched(register) }
    }

    /// A word as a slot.
    pub(super) fn slot_of(&self, word: Value) -> Slot {
        Slot { val: Some(word), rep: Rep::Value, synced: false, virt: None }
    }

    fn new_virtual(&mut self, object: Virtual) -> Option<Slot> {
        self.state.prune();
        if self.state.virtuals.len() >= MAX_VIRTUALS {
            return None;
        }
        self.virtuals_made += 1;
        self.state.virtuals.push((self.virtuals_made, object));
        Some(Slot { val: None, rep: Rep::Value, synced: false, virt: Some(self.virtuals_made) })
    }

    /// Registers that mean nothing any more let go of what is not made.
    pub(super) fn drop_dead_virtuals(&mut self) {
        if self.state.virtuals.is_empty() {
            return;
        }
        let live = &self.flow.live[self.pc];
        for (register, slot) in self.state.slots.iter_mut().enumerate() {
            if slot.virt.is_some() && !live.contains(register as u16) {
                *slot = Slot::MEMORY;
            }
        }
        self.state.prune();
    }

    // ---- making none ---------------------------------------------------------------

    /// The scope over which the running function is.
    pub(super) fn over(&mut self) -> Over {
        let part = self.unit.part(self.pc);
        if let Some(id) = self.state.slots[part.base as usize].virt {
            return match self.state.virtual_at(id) {
                Virtual::Function { scope: Some(scope), .. } => match scope.virt {
                    Some(_) => Over::Virtual(*scope),
                    None => Over::Real(scope.val.expect("real scopes have an address")),
                },
                _ => Over::Nothing,
            };
        }
        if part.scopeless { Over::Nothing } else { Over::Real(self.closure_scope()) }
    }

    /// The scope that an instruction makes something over; `None` if what is made over
    /// it has to be made: the scope may end before it.
    fn over_for(&mut self, register: u16) -> Option<Option<Slot>> {
        let level = self.unit.part(self.pc).level;
        if register != NO_SCOPE {
            let slot = self.state.slots[register as usize];
            return slot.virt.is_some().then_some(Some(slot));
        }
        match self.over() {
            Over::Nothing => Some(None),
            Over::Virtual(slot) => Some(Some(slot)),
            // The function's own scope lives as long as its frame.
            Over::Real(scope) if level == 0 => Some(Some(self.slot_of(scope))),
            Over::Real(_) => None,
        }
    }

    /// A scope that is not made.
    pub(super) fn virtual_scope(&mut self, insn: Insn) -> Option<Slot> {
        if insn.c > MAX_SLOTS {
            return None;
        }
        let parent = self.over_for(insn.b)?;
        let unset = self.word(special_word(Special::Unset));
        let slots = vec![self.slot_of(unset); insn.c as usize];
        self.new_virtual(Virtual::Scope { parent, slots })
    }

    /// A function that is not made.
    pub(super) fn virtual_function(&mut self, insn: Insn) -> Option<Slot> {
        let scope = self.over_for(insn.b)?;
        let base = self.unit.part(self.pc).base;
        let this = self.peek(base + 1);
        let maker = self.state.slots[base as usize];
        let home = match maker.virt.map(|id| self.state.virtual_at(id)) {
            Some(Virtual::Function { home, .. }) => *home,
            _ => {
                let maker = self.boxed(base);
                let home = self.home_of(maker);
                self.slot_of(home)
            }
        };
        let code = self.unit.protos[insn.c as usize];
        self.new_virtual(Virtual::Function { code, scope, this, home })
    }

    /// The value of a variable, `depth` scopes above one that is not made; `Err`: the
    /// address of the scope, which is made.
    pub(super) fn virtual_slot(
        &mut self,
        mut scope: Slot,
        depth: u16,
        slot: u16,
    ) -> Result<Slot, Value> {
        for left in (0..=depth).rev() {
            let Some(id) = scope.virt else {
                let mut address = scope.val.expect("real scopes have an address");
                for _ in 0..left {
                    let offset = self.run.layout.scope_parent;
                    address = self.b.ins().load(types::I64, constant(), address, offset);
                }
                return Err(address);
            };
            let Virtual::Scope { parent, slots } = self.state.virtual_at(id) else { break };
            if left == 0 {
                return Ok(slots[slot as usize]);
            }
            scope = parent.expect("verified code walks to scopes that exist");
        }
        unreachable!("functions are over scopes")
    }

    /// Sets a variable in the same way.
    pub(super) fn set_virtual_slot(
        &mut self,
        mut scope: Slot,
        depth: u16,
        slot: u16,
        value: Slot,
    ) -> Result<(), Value> {
        for left in (0..=depth).rev() {
            let Some(id) = scope.virt else { break };
            let known = self.state.virtuals.iter_mut().find(|(known, _)| *known == id);
            let Some((_, Virtual::Scope { parent, slots })) = known else { break };
            if left == 0 {
                slots[slot as usize] = Slot { synced: false, ..value };
                return Ok(());
            }
            scope = parent.expect("verified code walks to scopes that exist");
        }
        self.virtual_slot(scope, 0, slot).map(drop)
    }

    // ---- making them after all -------------------------------------------------------

    /// Makes the object, and all that refer to it.
    pub(super) fn materialise(&mut self, id: u32) {
        self.state.prune();
        let mut all = vec![id];
        loop {
            let before = all.len();
            for (number, object) in &self.state.virtuals {
                let pieces = object.pieces();
                if all.contains(number) {
                    all.extend(pieces.iter().filter_map(|piece| piece.virt));
                } else {
                    let to_scope =
                        |id: u32| all.contains(&id) && self.state.virtual_at(id).is_scope();
                    if pieces.iter().filter_map(|piece| piece.virt).any(to_scope) {
                        all.push(*number);
                    }
                }
                all.sort_unstable();
                all.dedup();
            }
            if all.len() == before {
                break;
            }
        }
        let objects: Vec<(u32, Virtual)> =
            self.state.virtuals.iter().filter(|(id, _)| all.contains(id)).cloned().collect();
        self.state.virtuals.retain(|(id, _)| !all.contains(id));
        // What encloses a scope is older than it.
        let mut made: Vec<(u32, Value)> = Vec::new();
        for (id, object) in &objects {
            if let Virtual::Scope { parent, slots } = object {
                let parent = self.scope_piece(*parent, &made);
                let address = self.allocate_scope(parent, slots.len() as u16);
                made.push((*id, address));
            }
        }
        let mut functions = Vec::new();
        for (id, object) in &objects {
            if let Virtual::Function { code, scope, .. } = object {
                let scope = self.scope_piece(*scope, &made);
                functions.push((*id, self.allocate_function(*code, scope)));
            }
        }
        let words: Vec<(u32, Value)> = objects
            .iter()
            .map(|(id, object)| match object.is_scope() {
                true => (*id, self.scope_word(address_of(&made, *id))),
                false => (*id, self.pointer(address_of(&functions, *id))),
            })
            .collect();
        let layout = self.run.layout;
        for (id, object) in &objects {
            match object {
                Virtual::Scope { slots, .. } => {
                    let scope = address_of(&made, *id);
                    for (i, piece) in slots.iter().enumerate() {
                        let word = self.piece_word(*piece, &words);
                        self.store(word, scope, layout.scope_slots + i as i32 * 8);
                    }
                    let held = self.state.slots.iter().filter(|s| s.virt == Some(*id)).count();
                    if held != 1 {
                        let count = self.b.ins().load(
                            types::I32,
                            super::trusted(),
                            scope,
                            layout.scope_count,
                        );
                        let count = self.b.ins().iadd_imm_s(count, held as i64 - 1);
                        self.store(count, scope, layout.scope_count);
                    }
                }
                Virtual::Function { this, home, .. } => {
                    let function = address_of(&functions, *id);
                    let this = self.piece_word(*this, &words);
                    let home = self.piece_word(*home, &words);
                    self.store(this, function, layout.function_this);
                    self.store(home, function, layout.function_home);
                }
            }
        }
        for register in 0..self.state.slots.len() as u16 {
            let Some(id) = self.state.slots[register as usize].virt else { continue };
            if let Some((_, word)) = words.iter().find(|(known, _)| *known == id) {
                self.state.slots[register as usize] = self.slot_of(*word);
                if made.iter().any(|(known, _)| *known == id) {
                    // Scopes are looked for in the window by whoever unwinds.
                    self.sync(register);
                }
            }
        }
        self.exit_here = None;
    }

    /// Makes what is live at an instruction.
    pub(super) fn materialise_live(&mut self, pc: usize) {
        let flow = self.flow;
        for register in flow.live[pc].iter() {
            if let Some(id) = self.state.slots[register as usize].virt {
                self.materialise(id);
            }
        }
    }

    /// Address of a scope, 0 if there is none.
    fn scope_piece(&mut self, scope: Option<Slot>, made: &[(u32, Value)]) -> Value {
        match scope {
            None => self.word(0),
            Some(Slot { virt: Some(id), .. }) => address_of(made, id),
            Some(slot) => slot.val.expect("real scopes have an address"),
        }
    }

    fn piece_word(&mut self, piece: Slot, words: &[(u32, Value)]) -> Value {
        match piece.virt {
            Some(id) => address_of(words, id),
            None => self.box_slot(piece),
        }
    }

    // ---- exits -----------------------------------------------------------------------

    /// Leaves the pieces of objects that are not made to the runtime: what it makes of
    /// them, and the registers that hold them.
    pub(super) fn describe(
        &mut self,
        slots: &[(u16, Slot)],
        state: &State,
    ) -> (Vec<Rebuilt>, Vec<(u16, u16)>) {
        let all = state.reachable(slots.iter().map(|(_, slot)| *slot));
        let index = |id: u32| all.iter().position(|known| *known == id).unwrap_or(0) as u16;
        let mut values = 0;
        let mut rebuilt = Vec::new();
        for id in &all {
            let object = state.virtual_at(*id).clone();
            let mut piece = |slot: Slot| match slot.virt {
                Some(id) => Piece::Object(index(id)),
                None => {
                    let word = self.box_slot(slot);
                    let vm = self.vm();
                    self.store(word, vm, self.run.layout.vm_exit_values + values as i32 * 8);
                    values += 1;
                    Piece::Value(values - 1)
                }
            };
            rebuilt.push(match object {
                Virtual::Scope { parent, slots } => Rebuilt::Scope {
                    parent: parent.map(&mut piece),
                    slots: slots.into_iter().map(piece).collect(),
                },
                Virtual::Function { code, scope, this, home } => Rebuilt::Function {
                    code,
                    scope: scope.map(&mut piece),
                    this: piece(this),
                    home: piece(home),
                },
            });
        }
        let held = slots.iter().filter_map(|(r, slot)| Some((*r, index(slot.virt?)))).collect();
        (rebuilt, held)
    }
}

fn address_of(all: &[(u32, Value)], id: u32) -> Value {
    all.iter().find(|(known, _)| *known == id).expect("all are made together").1
}

//! Follows scopes through the code: which register holds one, of which size,
//! over which parents, at each instruction.
//!
//! The verifier settles what can be seen at a single instruction. This pass
//! finds what the compiler could still get wrong: a path on which a scope is
//! never given back, is made over a live one, or is used where it does not
//! exist; and slots and depths that no scope has. It runs over all paths, as
//! an analysis of data flow does, and is meant for tests and debug builds.

use std::collections::HashSet;

use hashbrown::HashMap;

use crate::verify::path;
use crate::{Code, Insn, NO_SCOPE, Op, VerifyError};

/// Number of a shape: a scope with so many slots over such a parent.
type Shape = usize;

/// The scope of code about whose surroundings nothing is known.
const UNKNOWN: Shape = 0;
/// No scope at all.
const NONE: Shape = 1;

/// What is in a scope register.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Held {
    Nothing,
    Scope(Shape),
    /// That depends on the path.
    Varies,
}

impl Held {
    fn merge(&mut self, other: Held) -> bool {
        let merged = if *self == other { other } else { Held::Varies };
        std::mem::replace(self, merged) != merged
    }
}

type State = Vec<Held>;

/// Checks how verified code, and all functions inside, use scopes.
///
/// `outer` are the sizes of the scopes around it, inner ones first; `None` if
/// they are not known. A module has none.
///
/// # Errors
/// The first place where a scope is lost, missing or too small.
///
/// # Panics
/// May panic if the code has not been verified.
pub fn verify_scopes(code: &Code, outer: Option<&[u16]>) -> Result<(), VerifyError> {
    let mut shapes = Shapes::default();
    let around = match outer {
        None => UNKNOWN,
        Some(sizes) => sizes.iter().rev().fold(NONE, |parent, slots| shapes.shape(*slots, parent)),
    };
    let mut done = HashSet::new();
    let mut todo = vec![(path("", code), code, around)];
    while let Some((function, code, around)) = todo.pop() {
        if !done.insert((std::ptr::from_ref(code), around)) {
            continue;
        }
        let mut flow = Flow { code, around, shapes: &mut shapes, closures: Vec::new() };
        if let Err((pc, what)) = flow.run() {
            let what = format!("{}: {what}", code.insns[pc].op.mnemonic());
            return Err(VerifyError { function, pc: Some(pc as u32), what });
        }
        let inside = flow.closures.into_iter();
        todo.extend(inside.map(|(proto, shape)| {
            let proto = &*code.protos[proto];
            (path(&function, proto), proto, shape)
        }));
    }
    Ok(())
}

/// All shapes met, equal ones once.
#[derive(Default)]
struct Shapes {
    numbers: HashMap<(u16, Shape), Shape>,
    list: Vec<(u16, Shape)>,
}

impl Shapes {
    fn shape(&mut self, slots: u16, parent: Shape) -> Shape {
        *self.numbers.entry((slots, parent)).or_insert_with(|| {
            self.list.push((slots, parent));
            self.list.len() - 1 + 2
        })
    }

    /// Whether the scope `depth` parents further out has this slot.
    fn has(&self, mut shape: Shape, depth: u16, slot: u16) -> bool {
        for _ in 0..depth {
            match shape {
                UNKNOWN => return true,
                NONE => return false,
                _ => shape = self.list[shape - 2].1,
            }
        }
        match shape {
            UNKNOWN => true,
            NONE => false,
            _ => slot < self.list[shape - 2].0,
        }
    }
}

struct Flow<'a> {
    code: &'a Code,
    /// The scope of the closure.
    around: Shape,
    shapes: &'a mut Shapes,
    /// Functions made: index, and the scope that they are made over.
    closures: Vec<(usize, Shape)>,
}

impl Flow<'_> {
    fn run(&mut self) -> Result<(), (usize, String)> {
        let code = self.code;
        // The state before each instruction that can be reached.
        let mut states: Vec<Option<State>> = vec![None; code.insns.len()];
        states[0] = Some(vec![Held::Nothing; code.scope_regs.len()]);
        let mut todo = vec![0];
        while let Some(pc) = todo.pop() {
            let Some(mut state) = states[pc].clone() else { continue };
            let mut reach = |target: usize, state: &State| {
                let changed = match &mut states[target] {
                    Some(old) => old.iter_mut().zip(state).fold(false, |c, (o, n)| o.merge(*n) | c),
                    empty => {
                        *empty = Some(state.clone());
                        true
                    }
                };
                if changed {
                    todo.push(target);
                }
            };
            let covered = |h: &&crate::Handler| (h.start..h.end).contains(&(pc as u32));
            if let Some(h) = code.handlers.iter().find(covered) {
                let mut caught = state.clone();
                caught[h.scopes as usize..].fill(Held::Nothing);
                reach(h.target as usize, &caught);
            }
            let insn = code.insns[pc];
            // Errors are for the second pass, when all paths are known.
            let _ = self.step(insn, &mut state);
            if !insn.op.ends_path() {
                reach(pc + 1, &state);
            }
            if let Some(target) = insn.jump_target(pc) {
                reach(target as usize, &state);
            }
            if let Some(skip) = insn.skip() {
                reach(pc + 1 + skip as usize, &state);
            }
        }
        self.closures.clear();
        for (pc, state) in states.iter_mut().enumerate() {
            if let Some(state) = state {
                self.step(code.insns[pc], state).map_err(|what| (pc, what))?;
            }
        }
        Ok(())
    }

    /// What the instruction does to `state`.
    fn step(&mut self, insn: Insn, state: &mut State) -> Result<(), String> {
        match insn.op {
            Op::NewScope => {
                let parent = self.scope(insn.b, state)?;
                let made = Held::Scope(self.shapes.shape(insn.c, parent));
                let before = std::mem::replace(&mut state[self.index(insn.a)], made);
                if before != Held::Nothing {
                    return Err(format!("the scope in r{} is lost", insn.a));
                }
            }
            Op::DropScope => state[self.index(insn.a)] = Held::Nothing,
            Op::GetScope | Op::SetScope => {
                let shape = self.scope(insn.b, state)?;
                self.slot(shape, 0, insn.c)?;
            }
            Op::GetUp | Op::SetUp => self.slot(self.around, insn.c, insn.b)?,
            Op::Closure => {
                let shape = self.scope(insn.b, state)?;
                self.closures.push((insn.c as usize, shape));
            }
            Op::Eval | Op::Render | Op::MakeEnv => {
                let shape = self.scope(insn.b, state)?;
                let env = &self.code.envs[insn.c as usize];
                env.vars.iter().try_for_each(|v| self.slot(shape, v.depth, v.slot))?;
                if let Some((depth, slot)) = env.caller {
                    self.slot(shape, depth, slot)?;
                }
            }
            op if op == Op::Return || op.is_tail_call() => {
                if let Some(i) = state.iter().position(|held| *held != Held::Nothing) {
                    return Err(format!("the scope in r{} is lost", self.code.scope_regs[i]));
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn index(&self, register: u16) -> usize {
        let found = self.code.scope_regs.iter().position(|r| *r == register);
        found.expect("verified code names scope registers only")
    }

    /// The scope that an operand names.
    fn scope(&self, register: u16, state: &State) -> Result<Shape, String> {
        if register == NO_SCOPE {
            return Ok(self.around);
        }
        match state[self.index(register)] {
            Held::Scope(shape) => Ok(shape),
            Held::Nothing => Err(format!("there is no scope in r{register}")),
            Held::Varies => Err(format!("r{register} holds different scopes on different paths")),
        }
    }

    fn slot(&self, shape: Shape, depth: u16, slot: u16) -> Result<(), String> {
        match self.shapes.has(shape, depth, slot) {
            true => Ok(()),
            false => Err(format!("no slot {slot} in the scope {depth} further out")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{assemble, verify};

    #[track_caller]
    fn check(body: &str) -> Result<(), String> {
        let text =
            format!(".function f\n.registers 8\n.scopes r2 r3\n.env e0 (x 1 2)\n{body}\n.end");
        let code = assemble(&text).unwrap_or_else(|e| panic!("{e}"));
        verify(&code).unwrap_or_else(|e| panic!("{e}"));
        verify_scopes(&code, Some(&[])).map_err(|e| e.to_string())
    }

    #[test]
    fn scopes_of_a_loop_are_given_back() {
        let body = "new_scope r2 closure 3\nTop:\njump_if r5 Out\nnew_scope r3 r2 1\n\
             set_scope r5 r3 0\nclosure r5 r3 p0\neval r5 r3 e0\ndrop_scope r3\nloop Top\n\
             Out:\nget_scope r5 r2 2\ndrop_scope r2\nreturn r5\n\
             .function g\n.registers 3\nget_up r2 0 0\nset_up r2 2 1\nreturn r2\n.end";
        assert_eq!(check(body), Ok(()));
        assert_eq!(
            check(&body.replace("drop_scope r3\n", "")),
            Err("f at 2: new_scope: the scope in r3 is lost".into())
        );
        assert_eq!(
            check(&body.replace("drop_scope r2\n", "")),
            Err("f at 9: return: the scope in r2 is lost".into())
        );
        assert_eq!(
            check(&body.replace("get_up r2 0 0", "get_up r2 1 0")),
            Err("f.g at 0: get_up: no slot 1 in the scope 0 further out".into())
        );
        assert_eq!(
            check(&body.replace("set_up r2 2 1", "set_up r2 0 2")),
            Err("f.g at 1: set_up: no slot 0 in the scope 2 further out".into())
        );
        assert_eq!(
            check(&body.replace("eval r5 r3", "eval r5 r2")),
            Err("f at 5: eval: no slot 2 in the scope 1 further out".into())
        );
        assert_eq!(
            check(&body.replace("get_scope r5 r2 2", "get_scope r5 r3 0")),
            Err("f at 8: get_scope: there is no scope in r3".into())
        );
    }

    #[test]
    fn handlers_keep_the_outer_scopes() {
        let body = ".handler A B C r5 1\nnew_scope r2 closure 1\nA:\nnew_scope r3 r2 1\n\
             throw r5\nB:\nC:\nget_scope r5 r2 0\nreturn_scoped r5";
        assert_eq!(check(body), Ok(()));
        assert_eq!(
            check(&body.replace("get_scope r5 r2", "get_scope r5 r3")),
            Err("f at 3: get_scope: there is no scope in r3".into())
        );
        assert_eq!(
            check(&body.replace("r5 1", "r5 0")),
            Err("f at 3: get_scope: there is no scope in r2".into())
        );
    }

    #[test]
    fn paths_have_to_agree_on_a_scope_that_is_used() {
        let body = "jump_if r5 A\nnew_scope r2 closure 1\njump B\nA:\nnew_scope r2 closure 2\nB:\n\
             drop_scope r2\nreturn r5";
        assert_eq!(check(body), Ok(()));
        assert_eq!(
            check(&body.replace("drop_scope r2", "set_scope r5 r2 0")),
            Err("f at 4: set_scope: r2 holds different scopes on different paths".into())
        );
    }

    #[test]
    fn surroundings_can_be_unknown() {
        let code = assemble(".function f\n.registers 3\nget_up r2 5 1\nreturn r2\n.end").unwrap();
        assert!(verify_scopes(&code, None).is_ok());
        assert!(verify_scopes(&code, Some(&[1, 6])).is_ok());
        assert!(verify_scopes(&code, Some(&[6, 1])).is_err());
    }
}

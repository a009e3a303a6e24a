//! What is compiled as one: a function, and the small ones that have become part
//! of it where it calls them.
//!
//! A callee's window begins at a register of its caller, so the registers of a
//! part are the caller's from there on; instructions are copied behind those of
//! the function, with their registers and the indices of their tables moved. A call that has become
//! a part goes to the first instruction of that part, and a return from there to the one
//! after the call. Nothing else differs: the interpreter, which goes on
//! where machine code leaves, finds each register where it expects it.

use gene_isa::backend::{Body, Callee, Kinds, LoopSeen, Request, Seen, Target};
use gene_isa::{Code, Handler, Insn, NO_SCOPE, Op, Role};

use crate::infer::argument_count;

/// Instructions of a function that may become a part.
pub const MAX_INLINED: usize = 32;
/// Instructions of a unit beyond those of the function itself.
const MAX_MORE: usize = 160;
/// The same of the function inside itself: each round of unfolding doubles it and more.
const MAX_UNFOLDED: usize = 120;
/// Parts within parts.
const MAX_LEVEL: u16 = 5;
/// How often a function of so many instructions may be there, one inside the other. Recursion
/// gains by fewer calls, and loses by more code.
fn max_nested(size: usize) -> usize {
    match size {
        0..=16 => 3,
        17..=24 => 2,
        _ => 1,
    }
}

/// Registers of a unit.
const MAX_REGISTERS: usize = 300;

/// A function in a unit.
#[derive(Clone, Debug)]
pub struct Part {
    /// First instruction in the unit.
    pub start: usize,
    /// Register where its window begins.
    pub base: u16,
    /// Frames below its own, counted from that of the function.
    pub level: u16,
    /// The part that calls it, and the instruction that does.
    pub caller: Option<(usize, usize)>,
    /// Address of the code object.
    pub id: u64,
    /// Address of the first instruction, for frames.
    pub insns: u64,
    /// Address of the pointer to the module's variables.
    pub vars: u64,
    /// Registers for scopes.
    pub scope_regs: Vec<u16>,
    /// Whether it is known to be over no scope.
    pub scopeless: bool,
    /// What was noted at loop headers; registers are counted from the window.
    loops: Vec<LoopSeen>,
    /// Part that has made this one by a tail call, and so on: for the limit of nesting.
    from: Option<usize>,
}

/// Where a part goes; see [`Part`].
struct Place {
    base: u16,
    level: u16,
    caller: Option<(usize, usize)>,
    from: Option<usize>,
    scopeless: bool,
}

/// See the module.
#[derive(Debug)]
pub struct Unit {
    /// Instructions and tables of all parts; everything else is the function's.
    pub code: Code,
    /// What each instruction has seen.
    pub seen: Vec<Seen>,
    /// See [`Body::consts`].
    pub consts: Vec<Option<u64>>,
    /// See [`Body::keysets`].
    pub keysets: Vec<u64>,
    /// See [`Body::protos`].
    pub protos: Vec<u64>,
    /// The function first.
    pub parts: Vec<Part>,
    /// The part of each instruction.
    part_at: Vec<u16>,
    /// The part that a call has become.
    inlined: Vec<Option<u16>>,
}

impl Unit {
    /// The function, and what it calls as far as that pays.
    pub fn new(request: &Request) -> Unit {
        let body = &request.body;
        let mut code = body.code.clone();
        let nothing: (Vec<Insn>, Vec<u16>) = Default::default();
        (code.insns, code.scope_regs) = nothing;
        code.handlers = Vec::new();
        (code.consts, code.caches, code.keysets, code.calls, code.checks) = Default::default();
        code.protos = Vec::new();
        let mut unit = Unit {
            code,
            seen: Vec::new(),
            consts: Vec::new(),
            keysets: Vec::new(),
            protos: Vec::new(),
            parts: Vec::new(),
            part_at: Vec::new(),
            inlined: Vec::new(),
        };
        unit.add(body, Place { base: 0, level: 0, caller: None, from: None, scopeless: false });
        let mut part = 0;
        while part < unit.parts.len() {
            unit.inline_calls(request, part);
            part += 1;
        }
        unit
    }

    /// Code of the functions that it calls, which have not become parts.
    fn calls_left(&self) -> Vec<u64> {
        let called = |target: &Target| match target {
            Target::Function(callee) => Some(callee.code),
            Target::Class(class) => class.ctor.as_ref().map(|ctor| ctor.code),
            _ => None,
        };
        let calls = self.seen.iter().zip(&self.inlined).filter(|(_, part)| part.is_none());
        let targets = calls.flat_map(|(seen, _)| {
            std::iter::once(&seen.target).chain(seen.methods.iter().map(|(_, target)| target))
        });
        let mut all: Vec<u64> = targets.filter_map(called).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// A function for tests, of which nothing is known.
    #[cfg(test)]
    pub fn plain(code: &Code) -> Unit {
        let feedback = gene_isa::backend::Feedback {
            seen: vec![Seen::default(); code.insns.len()],
            ..Default::default()
        };
        Unit::new(&Request {
            body: Body {
                code,
                id: 0,
                insns: 0,
                consts: &[],
                keysets: &[],
                vars: 0,
                protos: &[],
                feedback: &feedback,
            },
            inlinable: &[],
            epoch: 0,
            plain_equality: true,
            entry: gene_isa::backend::Entry::Call,
            first_exit: 0,
        })
    }

    /// Makes calls of a part parts of their own.
    fn inline_calls(&mut self, request: &Request, part: usize) {
        let Part { start, level, base, caller, .. } = self.parts[part];
        let end = self.end_of(part);
        for pc in start..end {
            let insn = self.code.insns[pc];
            let Some(callee) = called(insn, &self.seen[pc]) else { continue };
            let scopeless = callee.scopeless;
            let Some(body) = self.find(request, callee.code) else { continue };
            let size = body.code.insns.len();
            let more = self.code.insns.len() - request.body.code.insns.len() + size;
            let tail = insn.op.is_tail_call();
            let (level, base, caller) = match tail {
                true => (level, base, caller),
                false => (level + 1, insn.a, Some((part, pc))),
            };
            let limit = if body.id == request.body.id { MAX_UNFOLDED } else { MAX_MORE };
            let fits = more <= limit
                && level <= MAX_LEVEL
                && base as usize + body.code.nregs as usize <= MAX_REGISTERS
                && self.nested(part, body.id) < max_nested(size)
                && callee.exact == Some(argument_count(insn))
                && (!tail || level > 0);
            if fits {
                self.inlined[pc] = Some(self.parts.len() as u16);
                self.add(body, Place { base, level, caller, from: Some(part), scopeless });
            }
        }
    }

    fn find<'a>(&self, request: &'a Request, code: u64) -> Option<&'a Body<'a>> {
        if code == request.body.id {
            let unfolds = is_inlinable(request.body.code) && calls_only_small(request);
            return unfolds.then_some(&request.body);
        }
        // What calls itself is unfolded in its own machine code.
        request.inlinable.iter().find(|body| body.id == code && !calls_itself(body))
    }

    /// How often the function is already among a part and those around it.
    fn nested(&self, part: usize, id: u64) -> usize {
        let mut found = 0;
        let mut next = Some(part);
        while let Some(part) = next {
            found += (self.parts[part].id == id) as usize;
            next = self.parts[part].from;
        }
        found
    }

    fn add(&mut self, body: &Body, place: Place) {
        let Place { base, level, caller, from, scopeless } = place;
        let start = self.code.insns.len();
        let code = body.code;
        let number = self.parts.len() as u16;
        let scope_regs: Vec<u16> = code.scope_regs.iter().map(|r| base + r).collect();
        for insn in &code.insns {
            let moved = self.moved(*insn, base);
            self.code.insns.push(moved);
            self.part_at.push(number);
            self.inlined.push(None);
        }
        self.seen.extend_from_slice(&body.feedback.seen);
        self.consts.extend_from_slice(body.consts);
        self.keysets.extend_from_slice(body.keysets);
        self.protos.extend_from_slice(body.protos);
        let all = &mut self.code;
        all.consts.extend_from_slice(&code.consts);
        all.caches.extend_from_slice(&code.caches);
        all.keysets.extend_from_slice(&code.keysets);
        all.calls.extend_from_slice(&code.calls);
        all.checks.extend_from_slice(&code.checks);
        all.scope_regs.extend_from_slice(&scope_regs);
        all.handlers.extend(code.handlers.iter().map(|handler| Handler {
            start: handler.start + start as u32,
            end: handler.end + start as u32,
            target: handler.target + start as u32,
            exception: handler.exception + base,
            ..*handler
        }));
        all.nregs = all.nregs.max(base + code.nregs);
        self.parts.push(Part {
            start,
            base,
            level,
            caller,
            id: body.id,
            insns: body.insns,
            vars: body.vars,
            scope_regs,
            scopeless,
            loops: body.feedback.loops.clone(),
            from,
        });
    }

    /// The instruction for the window that begins at `base` and the tables of the
    /// unit as they are now.
    fn moved(&self, insn: Insn, base: u16) -> Insn {
        let code = &self.code;
        let mut moved = insn;
        for operand in insn.op.operands() {
            let more = match operand.role {
                Role::dst | Role::src | Role::var | Role::win | Role::first => base as usize,
                Role::scope if insn.get(*operand) != NO_SCOPE as i64 => base as usize,
                Role::konst => code.consts.len(),
                Role::cache => code.caches.len(),
                Role::keys => code.keysets.len(),
                Role::call => code.calls.len(),
                Role::check => code.checks.len(),
                Role::proto => self.protos.len(),
                _ => 0,
            };
            let value = insn.get(*operand) + more as i64;
            moved = moved.set(*operand, value).expect("units are small");
        }
        moved
    }

    /// One past the last instruction of a part.
    fn end_of(&self, part: usize) -> usize {
        self.parts.get(part + 1).map_or(self.code.insns.len(), |next| next.start)
    }

    /// The number of the part of an instruction.
    pub fn part_at(&self, pc: usize) -> usize {
        self.part_at[pc] as usize
    }

    /// The part of an instruction.
    pub fn part(&self, pc: usize) -> &Part {
        &self.parts[self.part_at(pc)]
    }

    /// The instruction's index in its own function.
    pub fn local(&self, pc: usize) -> usize {
        pc - self.part(pc).start
    }

    /// The part that the call at `pc` has become.
    pub fn inlined(&self, pc: usize) -> Option<usize> {
        self.inlined[pc].map(usize::from)
    }

    /// Whether nothing is left of the part after this instruction, which is not the
    /// function itself.
    pub fn leaves_part(&self, pc: usize) -> bool {
        let op = self.code.insns[pc].op;
        let leaves = matches!(op, Op::Return | Op::ReturnScoped) || op.is_tail_call();
        leaves && self.part(pc).caller.is_some()
    }

    /// Where an instruction that returns from its part goes on.
    pub fn returns_to(&self, pc: usize) -> Option<usize> {
        if !self.leaves_part(pc) || self.inlined(pc).is_some() {
            return None;
        }
        self.part(pc).caller.map(|(_, call)| self.next(call))
    }

    /// Most frames of any part above that of the function.
    pub fn levels(&self) -> u16 {
        self.parts.iter().map(|part| part.level).max().unwrap_or(0)
    }

    /// The instruction that follows the one at `pc`.
    pub fn next(&self, pc: usize) -> usize {
        pc + 1 + self.code.insns[pc].op.takes_ext() as usize
    }

    /// Where the instruction at `pc` may go on: the jump first. Compiled code does
    /// not follow iterators that are not built in.
    pub fn targets(&self, pc: usize) -> Vec<usize> {
        if let Some(part) = self.inlined(pc) {
            return vec![self.parts[part].start];
        }
        if let Some(target) = self.returns_to(pc) {
            return vec![target];
        }
        let insn = self.code.insns[pc];
        let mut all = Vec::new();
        if let Some(target) = insn.jump_target(pc) {
            all.push(target as usize);
        }
        match insn.skip() {
            Some(skip) => all.push(pc + 1 + skip as usize),
            None if !insn.op.ends_path() => all.push(self.next(pc)),
            None => {}
        }
        all
    }

    /// Whether a block ends with this instruction.
    pub fn ends_block(&self, pc: usize) -> bool {
        let insn = self.code.insns[pc];
        insn.op.ends_path() || insn.jump().is_some() || self.inlined(pc).is_some()
    }

    /// The handlers that an exception finds at an instruction or where its part is called,
    /// and so on.
    pub fn handlers(&self, mut pc: usize) -> Vec<&Handler> {
        let mut all = Vec::new();
        loop {
            all.extend(self.handlers_in_part(pc));
            match self.part(pc).caller {
                Some((_, call)) => pc = call,
                None => return all,
            }
        }
    }

    /// Those of them in the instruction's own function.
    pub fn handlers_in_part(&self, pc: usize) -> impl Iterator<Item = &Handler> {
        let covers = move |h: &&Handler| (h.start as usize) <= pc && pc < h.end as usize;
        self.code.handlers.iter().filter(covers)
    }

    /// Kinds of a register at a loop header, if they have been noted there.
    pub fn loop_kinds(&self, pc: usize, register: u16) -> Option<Kinds> {
        let part = self.part(pc);
        let all = self.loop_at(pc)?;
        let index = register.checked_sub(part.base);
        Some(index.and_then(|i| all.kinds.get(i as usize).copied()).unwrap_or(Kinds::ANY))
    }

    /// What was noted at a loop header.
    pub fn loop_at(&self, pc: usize) -> Option<&LoopSeen> {
        let local = self.local(pc) as u32;
        self.part(pc).loops.iter().find(|known| known.pc == local)
    }
}

fn callees<'a>(body: &'a Body) -> impl Iterator<Item = &'a Callee> {
    let calls = body.code.insns.iter().zip(&body.feedback.seen);
    calls.filter_map(|(insn, seen)| called(*insn, seen))
}

fn calls_itself(body: &Body) -> bool {
    callees(body).any(|callee| callee.code == body.id)
}

/// Whether the function calls itself and what can be part of it only: other calls are most of
/// what it takes.
fn calls_only_small(request: &Request) -> bool {
    let small = |callee: &Callee| {
        let part = |body: &Body| body.id == callee.code;
        part(&request.body) || request.inlinable.iter().any(part)
    };
    callees(&request.body).all(small)
}

/// Code of the functions that machine code of this request will call, apart from those that
/// become part of it.
pub fn calls_left(request: &Request) -> Vec<u64> {
    Unit::new(request).calls_left()
}

/// The function that a call has always reached, if it is one that may become a
/// part.
fn called(insn: Insn, seen: &Seen) -> Option<&Callee> {
    if seen.generic || !seen.ran {
        return None;
    }
    match (insn.op, &seen.target) {
        (Op::CallMethod | Op::TailCallMethod, _) => match &seen.methods[..] {
            [(class, Target::Function(callee))] if *class != 0 && callee.value != 0 => Some(callee),
            _ => None,
        },
        (
            Op::Call | Op::CallModule | Op::CallWithSelf | Op::TailCall | Op::TailCallModule,
            Target::Function(callee),
        ) => Some(callee),
        (Op::New, Target::Class(class)) => class.ctor.as_ref(),
        _ => None,
    }
}

/// Whether a function may become part of another one: it is small, and nothing in it needs a frame of its own beyond what parts have.
pub fn is_inlinable(code: &Code) -> bool {
    use Op::*;
    let plain = |insn: &Insn| {
        !matches!(
            insn.op,
            Eval | Render | MakeEnv | CallerEval | Await | Yield | Finish | TailCallX
        )
    };
    // The call is little of what a function with a loop takes, unless the loop calls what the
    // caller passes.
    let any = |f: fn(Op) -> bool| code.insns.iter().any(|insn| f(insn.op));
    let pays = !any(Op::is_back_edge) || any(|op| op == Call);
    code.insns.len() <= MAX_INLINED
        && pays
        && code.name.is_none_or(|name| name.as_str() != gene_isa::BENCH_BODY)
        && code.params.exact().is_some()
        && !code.kind.is_coroutine()
        && code.insns.iter().all(plain)
        && code.checks.iter().all(|check| matches!(check.ty, gene_isa::TypeExpr::Name(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_of_benchmarks_stay_apart() {
        let named =
            |name: &str| Code { name: Some(gene_isa::Symbol::intern(name)), ..Code::default() };
        assert!(is_inlinable(&named("small")));
        assert!(!is_inlinable(&named(gene_isa::BENCH_BODY)));
    }
}

//! The verifier: what has to hold before the interpreter and a code generator
//! decode instructions without checks.
//!
//! Verified code cannot make them read or write outside the register window,
//! a pool or the code, wherever control goes. These hold, too:
//!
//! - control never falls off the end or into an operand word, and every cycle
//!   of jumps passes a `loop` or `range_loop`, which poll;
//! - registers in `Code::scope_regs` hold scopes only, and nothing else does,
//!   so that unwinding gives back each scope once. No call made from the
//!   function overwrites them: they lie below all call windows, after the
//!   parameters (the call that enters the function clears them);
//! - in a coroutine, each call is followed by its `take_result`, and only
//!   `finish` ends it; elsewhere neither occurs;
//! - an intrinsic gets as many arguments as it takes;
//! - fields that an instruction does not use are 0, so that equal
//!   instructions are equal words.
//!
//! It knows nothing about values: handlers check the kind of what they find in
//! a register, also where the effect speaks of "the fresh array R[a]", and
//! slot numbers against the scope found.

use std::fmt;

use crate::datum::{Date, Datum, Time};
use crate::{
    CallKind, Code, FnKind, Insn, Intrinsic, MAX_REGS, Module, NO_SCOPE, Op, Operand, Role,
    Special, TypeExpr,
};

/// Why code is refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VerifyError {
    /// Path of the function, `outer.inner`.
    pub function: String,
    /// The instruction, unless it is about the function as a whole.
    pub pc: Option<u32>,
    /// The rule that it breaks.
    pub what: String,
}

impl fmt::Display for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.function)?;
        if let Some(pc) = self.pc {
            write!(f, " at {pc}")?;
        }
        write!(f, ": {}", self.what)
    }
}

impl std::error::Error for VerifyError {}

/// Checks `code` and all functions inside. The time is linear in the size of
/// the code, but for sorting handlers.
///
/// Slots of module variables are checked by [`verify_module`] only: a function
/// does not know its module.
///
/// # Errors
/// The first rule that is broken.
pub fn verify(code: &Code) -> Result<(), VerifyError> {
    verify_all(code, None)
}

/// Checks a module: its code, and slots of module variables.
///
/// # Errors
/// The first rule that is broken.
pub fn verify_module(module: &Module) -> Result<(), VerifyError> {
    let whole = |what: &str| {
        Err(VerifyError { function: path("", &module.main), pc: None, what: what.into() })
    };
    if module.main.params.registers() != 0 {
        return whole("the code of a module takes no arguments");
    }
    if module.exports.iter().any(|(_, slot)| *slot as usize >= module.slots.len()) {
        return whole("an export without a variable");
    }
    verify_all(&module.main, Some(module.slots.len()))
}

fn verify_all(code: &Code, slots: Option<usize>) -> Result<(), VerifyError> {
    let mut todo = vec![(path("", code), code)];
    while let Some((function, code)) = todo.pop() {
        let mut scopes = code.scope_regs.clone();
        scopes.sort_unstable();
        match (Checker { code, slots, scopes }).check() {
            Ok(()) => todo.extend(code.protos.iter().map(|p| (path(&function, p), &**p))),
            Err(Broken { pc, what }) => return Err(VerifyError { function, pc, what }),
        }
    }
    Ok(())
}

/// How errors name a function.
pub(crate) fn path(outer: &str, code: &Code) -> String {
    let name = code.name.map_or("<unnamed>", |n| n.as_str());
    if outer.is_empty() { name.into() } else { format!("{outer}.{name}") }
}

struct Broken {
    pc: Option<u32>,
    what: String,
}

type Checked = Result<(), String>;

/// `Ok` if `holds`, else what is wrong.
fn rule<S: Into<String>>(holds: bool, what: impl FnOnce() -> S) -> Checked {
    if holds { Ok(()) } else { Err(what().into()) }
}

struct Checker<'a> {
    code: &'a Code,
    slots: Option<usize>,
    /// `scope_regs` in the order of their numbers.
    scopes: Vec<u16>,
}

impl Checker<'_> {
    fn check(&self) -> Result<(), Broken> {
        let whole = |what| Broken { pc: None, what };
        self.frame().map_err(whole)?;
        self.pools().map_err(whole)?;
        self.handlers().map_err(whole)?;
        self.spans().map_err(whole)?;
        for (pc, insn) in self.code.insns.iter().enumerate() {
            self.insn(pc, *insn).map_err(|what| Broken {
                pc: Some(pc as u32),
                what: format!("{}: {what}", insn.op.mnemonic()),
            })?;
        }
        Ok(())
    }

    // ---- the function as a whole -------------------------------------------

    fn frame(&self) -> Checked {
        let code = self.code;
        let nregs = code.nregs as usize;
        let fixed = 2 + (code.kind == FnKind::Macro) as usize;
        rule(nregs <= MAX_REGS, || "too many registers")?;
        rule(
            code.params.registers().saturating_add(fixed) <= nregs,
            || "the parameters do not fit into the registers",
        )?;
        if let Some((before, ..)) = code.params.rest {
            rule(before <= code.params.positional.len(), || "rest parameter out of place")?;
        }
        rule(
            code.kind != FnKind::Module || code.params.registers() == 0,
            || "the code of a module takes no arguments",
        )?;
        rule(code.insns.len() < i32::MAX as usize, || "too many instructions")?;
        match code.insns.last() {
            None => return Err("no instructions".into()),
            Some(last) => rule(last.op.ends_path(), || "control falls off the end")?,
        }
        let values = fixed + code.params.registers();
        for r in &code.scope_regs {
            self.register(*r as usize)?;
            rule(*r as usize >= values, || format!("the scope r{r} is not after the parameters"))?;
        }
        let twice = self.scopes.windows(2).find(|w| w[0] == w[1]);
        twice.map_or(Ok(()), |w| Err(format!("r{} is listed twice as a scope", w[0])))
    }

    fn pools(&self) -> Checked {
        let code = self.code;
        code.consts.iter().chain(&code.examples).try_for_each(datum)?;
        let params = &code.params;
        let positional = params.positional.iter().filter_map(|p| p.ty.as_ref());
        let keywords = params.keywords.iter().filter_map(|k| k.ty.as_ref());
        let rest = params.rest.iter().filter_map(|(.., t)| t.as_ref());
        positional.chain(keywords).chain(rest).try_for_each(|t| self.ty(t, false))?;
        code.checks.iter().map(|c| &c.ty).chain(&code.result).try_for_each(|t| self.ty(t, true))
    }

    fn ty(&self, ty: &TypeExpr, registers: bool) -> Checked {
        let mut todo = vec![ty];
        while let Some(ty) = todo.pop() {
            match ty {
                TypeExpr::Name(_) => {}
                TypeExpr::Module(slot, _) => self.module_slot(*slot as usize)?,
                TypeExpr::Register(r, _) => {
                    rule(registers, || "the type of a parameter is in a register")?;
                    self.value_register(*r as usize)?;
                }
                TypeExpr::Union(types) => todo.extend(types),
                TypeExpr::Applied(outer, args) => {
                    todo.push(outer);
                    todo.extend(args);
                }
                TypeExpr::Fn { params, keywords, rest, result } => {
                    todo.extend(params);
                    todo.extend(keywords.iter().map(|(_, t)| t));
                    todo.extend(rest.iter().chain(result).map(|t| &**t));
                }
            }
        }
        Ok(())
    }

    fn handlers(&self) -> Checked {
        let code = self.code;
        for (i, h) in code.handlers.iter().enumerate() {
            let range = h.start < h.end && h.end as usize <= code.insns.len();
            rule(range, || format!("handler {i} covers no range of the code"))?;
            self.target(h.target as i64).map_err(|what| format!("handler {i}: {what}"))?;
            self.value_register(h.exception as usize)
                .map_err(|what| format!("handler {i}: {what}"))?;
            rule(h.scopes as usize <= code.scope_regs.len(), || {
                format!("handler {i} keeps more scopes than there are")
            })?;
        }
        // Outer ranges first; of equal ones the later entry is the outer one.
        let mut order: Vec<usize> = (0..code.handlers.len()).collect();
        order.sort_by_key(|i| {
            let h = code.handlers[*i];
            (h.start, std::cmp::Reverse(h.end), std::cmp::Reverse(*i))
        });
        let mut around: Vec<usize> = Vec::new();
        for i in order {
            let h = code.handlers[i];
            while around.pop_if(|o| code.handlers[*o].end <= h.start).is_some() {}
            if let Some(&outer) = around.last() {
                let nested = h.end <= code.handlers[outer].end;
                rule(nested, || format!("handlers {i} and {outer} overlap"))?;
                rule(i < outer, || format!("handler {outer} hides handler {i} inside"))?;
            }
            around.push(i);
        }
        Ok(())
    }

    fn spans(&self) -> Checked {
        let rising = self.code.spans.is_sorted_by(|a, b| a.0 < b.0);
        rule(rising, || "places of instructions are not in order")?;
        rule(
            self.code.spans.iter().all(|(_, start, end)| start <= end),
            || "a place ends too early",
        )
    }

    // ---- instructions ------------------------------------------------------

    fn insn(&self, pc: usize, insn: Insn) -> Checked {
        let mut used = Insn::abc(insn.op, 0, 0, 0);
        for operand in insn.op.operands() {
            self.operand(pc, insn, *operand)?;
            used = used.set(*operand, insn.get(*operand)).unwrap_or(used);
        }
        rule(used == insn, || "an unused field is not 0")?;
        self.flags(pc, insn)?;
        self.runs(insn)?;
        self.neighbours(pc, insn)?;
        self.kind(insn)
    }

    fn operand(&self, pc: usize, insn: Insn, operand: Operand) -> Checked {
        let code = self.code;
        let number = insn.get(operand) as usize;
        let index = |len: usize, what: &str| rule(number < len, || format!("no {what} {number}"));
        match operand.role {
            Role::dst | Role::var if matches!(insn.op, Op::NewScope | Op::DropScope) => {
                self.scope_register(number)
            }
            Role::dst | Role::src | Role::var | Role::win => self.value_register(number),
            // A run may be empty; see `runs`.
            Role::first => Ok(()),
            Role::scope if number == NO_SCOPE as usize => {
                let register = matches!(insn.op, Op::GetScope | Op::SetScope);
                rule(!register, || "the scope has to be in a register")
            }
            Role::scope => self.scope_register(number),
            Role::konst => index(code.consts.len(), "constant"),
            Role::module => self.module_slot(number),
            Role::proto => index(code.protos.len(), "function"),
            Role::cache => index(code.caches.len(), "cache"),
            Role::keys => index(code.keysets.len(), "key list"),
            Role::call => index(code.calls.len(), "call"),
            Role::check => index(code.checks.len(), "check"),
            Role::env => index(code.envs.len(), "environment"),
            Role::intrinsic => index(Intrinsic::ALL.len(), "intrinsic"),
            Role::special => {
                rule(Special::from_u16(number as u16).is_some(), || "no such special value")
            }
            Role::jump => self.jump(pc, insn),
            Role::count | Role::flag | Role::imm | Role::slot | Role::depth => Ok(()),
        }
    }

    fn register(&self, number: usize) -> Checked {
        rule(number < self.code.nregs as usize, || format!("no register r{number}"))
    }

    /// A register that holds no scope.
    fn value_register(&self, number: usize) -> Checked {
        self.register(number)?;
        rule(self.scopes_in(number, 1) == 0, || format!("r{number} is for a scope"))
    }

    fn scope_register(&self, number: usize) -> Checked {
        rule(self.scopes_in(number, 1) == 1, || format!("r{number} is not listed as a scope"))
    }

    /// How many of the `len` registers from `first` are for scopes.
    fn scopes_in(&self, first: usize, len: usize) -> usize {
        let below = |end: usize| self.scopes.partition_point(|r| (*r as usize) < end);
        below(first.saturating_add(len)) - below(first)
    }

    fn module_slot(&self, slot: usize) -> Checked {
        rule(self.slots.is_none_or(|len| slot < len), || format!("no module variable {slot}"))
    }

    fn jump(&self, pc: usize, insn: Insn) -> Checked {
        let Some(target) = insn.jump_target(pc) else { return Ok(()) };
        self.target(target)?;
        match insn.op.is_back_edge() {
            true => rule(target <= pc as i64, || "does not go back"),
            false => rule(target > pc as i64, || "goes back, but does not poll"),
        }
    }

    /// A place where execution can go on.
    fn target(&self, pc: i64) -> Checked {
        let insn = usize::try_from(pc).ok().and_then(|pc| self.code.insns.get(pc));
        let insn = insn.ok_or("the target is outside the code")?;
        rule(
            insn.op != Op::Ext && insn.op != Op::TakeResult,
            || "the target belongs to the instruction before",
        )
    }

    /// Registers beyond those that operands name.
    fn runs(&self, insn: Insn) -> Checked {
        let code = self.code;
        let (a, b, c) = (insn.a as usize, insn.b as usize, insn.c as usize);
        let keys = || code.keysets[c].len();
        let (first, len) = match insn.op {
            Op::Call | Op::CallWithSelf | Op::CallMethod | Op::CallSuper | Op::New => (a, 2 + c),
            Op::TailCall | Op::TailCallMethod => (a, 2 + c),
            Op::CallModule | Op::TailCallModule => (a, 2 + insn.x as usize),
            Op::CallX | Op::TailCallX => {
                (a, code.calls[insn.bc() as usize].registers().saturating_add(2))
            }
            Op::Intrinsic => (a, c),
            Op::Interpolate | Op::NewArray | Op::ArrayPush | Op::NewHashMap => (b, c),
            Op::Await => (b, c + insn.x as usize),
            Op::NewMap => (b, keys()),
            Op::NewGene => (b, (1 + insn.x as usize).saturating_add(keys())),
            Op::MakeGene => (b, 3),
            Op::RangePrep | Op::RangeLoop => (a, 4),
            Op::IterInit | Op::IterWrap | Op::IterNext | Op::IterStep | Op::IterClose => (a, 6),
            _ => return Ok(()),
        };
        rule(first.saturating_add(len) <= code.nregs as usize, || {
            format!("needs {len} registers from r{first}")
        })?;
        let end = if insn.op.is_call() { MAX_REGS } else { len };
        rule(self.scopes_in(first, end) == 0, || {
            format!("overwrites a scope: uses registers from r{first}")
        })
    }

    fn flags(&self, pc: usize, insn: Insn) -> Checked {
        let code = self.code;
        match insn.op {
            Op::CallX | Op::TailCallX => {
                let kind = CallKind::from_u8(insn.x).ok_or("no such kind of call")?;
                let named = code.calls[insn.bc() as usize].method.is_some();
                let needed = matches!(kind, CallKind::Method | CallKind::Super);
                rule(named || !needed, || "the call has no method name")
            }
            Op::Await | Op::RangePrep | Op::IterInit | Op::IterWrap | Op::IterStep => {
                rule(insn.x <= 1, || "the flag is neither 0 nor 1")
            }
            Op::IterNext => self.target(pc as i64 + 1 + insn.x as i64),
            Op::Intrinsic => {
                let args = Intrinsic::ALL[insn.b as usize].args();
                let any = args.last().is_some_and(|a| a.ends_with("..."));
                let right = match any {
                    true => insn.c as usize + 1 >= args.len(),
                    false => insn.c as usize == args.len(),
                };
                rule(right, || "wrong number of arguments")
            }
            Op::CheckSet | Op::CheckMember => {
                let name = &code.consts[insn.bc() as usize];
                let named = matches!(name, Datum::Symbol(_) | Datum::Str(_))
                    || insn.op == Op::CheckMember && matches!(name, Datum::Int(_));
                rule(named, || "the constant is no name")
            }
            _ => Ok(()),
        }
    }

    /// What has to stand before and after.
    fn neighbours(&self, pc: usize, insn: Insn) -> Checked {
        let code = self.code;
        let next = code.insns.get(pc + 1).copied();
        let before = pc.checked_sub(1).map(|pc| code.insns[pc]);
        if insn.op.takes_ext() {
            rule(next.is_some_and(|n| n.op == Op::Ext), || "no ext follows")?;
        }
        if insn.op.is_call() && code.kind.is_coroutine() {
            let taken = next.is_some_and(|n| n.op == Op::TakeResult);
            rule(taken, || "no take_result follows in a coroutine")?;
        }
        match insn.op {
            Op::Ext => rule(before.is_some_and(|b| b.op.takes_ext()), || "follows nothing"),
            Op::TakeResult => rule(before.is_some_and(|b| b.op.is_call()), || "follows no call"),
            Op::Exit | Op::Poll | Op::Count | Op::Enter => Err("emitted by the vm alone".into()),
            _ => Ok(()),
        }
    }

    /// What only some kinds of functions contain.
    fn kind(&self, insn: Insn) -> Checked {
        let coroutine = self.code.kind.is_coroutine();
        match insn.op {
            Op::TakeResult | Op::Finish => rule(coroutine, || "only in coroutines"),
            Op::Yield => {
                let generator =
                    matches!(self.code.kind, FnKind::Generator | FnKind::AsyncGenerator);
                rule(generator, || "only in generators")
            }
            Op::Return | Op::ReturnScoped => rule(!coroutine, || "not in coroutines"),
            op if op.is_tail_call() || op == Op::TailCallX => {
                rule(!coroutine, || "not in coroutines")
            }
            _ => Ok(()),
        }
    }
}

/// Whether a constant is one that the reader can make.
fn datum(value: &Datum) -> Checked {
    let mut todo = vec![value];
    while let Some(value) = todo.pop() {
        match value {
            Datum::Array(items, _) | Datum::HashMap(items, _) => todo.extend(items),
            Datum::Map(entries, _) => todo.extend(entries.iter().map(|(_, v)| v)),
            Datum::Gene(gene) => {
                todo.push(&gene.head);
                todo.extend(gene.props.iter().map(|(_, v)| v).chain(&gene.children));
            }
            Datum::Quote(inner) | Datum::Unquote(inner, _) => todo.push(inner),
            Datum::Path(segments) => {
                rule(segments.len() >= 2, || "a path of less than two segments")?;
            }
            Datum::Date(d) => rule(valid_date(d), || "no such date")?,
            Datum::Time(t) => rule(valid_time(t), || "no such time")?,
            Datum::DateTime(d, t) => {
                rule(valid_date(d) && valid_time(t), || "no such time")?;
            }
            _ => {}
        }
    }
    Ok(())
}

fn valid_date(date: &Date) -> bool {
    let leap = date.year.is_multiple_of(4) && !date.year.is_multiple_of(100)
        || date.year.is_multiple_of(400);
    let days = match date.month {
        2 => 28 + leap as u8,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    };
    date.year <= 9999 && (1..=days).contains(&date.day)
}

fn valid_time(time: &Time) -> bool {
    time.hour < 24
        && time.minute < 60
        && time.second < 60
        && time.microsecond < 1_000_000
        && time.offset.is_none_or(|o| o.unsigned_abs() < 24 * 60)
}

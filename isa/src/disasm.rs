//! The disassembler: a [`Code`] as text that people read, snapshots keep and
//! the assembler reads back.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::notation::{datum, name, names, ty};
use crate::{
    CallDesc, CallKind, CheckKind, Code, Env, FnKind, Insn, Intrinsic, NO_SCOPE, Op, Operand, Role,
    Special, Symbol, TypeExpr,
};

/// Finds line, column (both from 1) and text of the line for a place in the
/// source, in bytes.
pub type Source<'a> = dyn Fn(u32) -> Option<(u32, u32, &'a str)> + 'a;

/// What a listing shows beside the code itself; all of it stands in comments.
#[derive(Clone, Copy, Default)]
pub struct Listing<'a> {
    /// Names of the module's variables, see [`Module::slots`](crate::Module::slots).
    pub slots: &'a [Symbol],
    /// Source text for the lines before their instructions.
    pub source: Option<&'a Source<'a>>,
}

/// The text of `code` and the functions inside; `assemble` reads it back, up to spans.
///
/// ```
/// use gene_isa::{assemble, disassemble};
/// let text = "\
/// .function twice
/// .registers 3
/// .param n
/// .code
///    0  add             r2 r2 r2
///    1  return          r2
/// .end
/// ";
/// assert_eq!(disassemble(&assemble(text).unwrap()), text);
/// ```
pub fn disassemble(code: &Code) -> String {
    Listing::default().text(code)
}

pub(crate) const KINDS: [(FnKind, &str); 8] = [
    (FnKind::Module, ".module"),
    (FnKind::Function, ".function"),
    (FnKind::Block, ".block"),
    (FnKind::Ctor, ".constructor"),
    (FnKind::Macro, ".macro"),
    (FnKind::Async, ".async"),
    (FnKind::Generator, ".generator"),
    (FnKind::AsyncGenerator, ".async_generator"),
];

pub(crate) const CHECK_KINDS: [(CheckKind, &str); 5] = [
    (CheckKind::Param, "param"),
    (CheckKind::Return, "return"),
    (CheckKind::Variable, "variable"),
    (CheckKind::Field, "field"),
    (CheckKind::Payload, "payload"),
];

fn word_of<T: PartialEq>(words: &[(T, &'static str)], value: T) -> &'static str {
    words.iter().find(|(v, _)| *v == value).map_or("?", |(_, word)| word)
}

impl Special {
    /// The name in assembly text.
    pub fn name(self) -> &'static str {
        match self {
            Special::Nil => "nil",
            Special::Void => "void",
            Special::False => "false",
            Special::True => "true",
            Special::NotFound => "not_found",
            Special::Unset => "unset",
            Special::Placeholder => "_",
        }
    }
}

impl Listing<'_> {
    /// The text of `code` and the functions inside.
    pub fn text(&self, code: &Code) -> String {
        let mut out = String::new();
        self.put(&mut out, code, "");
        out
    }

    fn put(&self, out: &mut String, code: &Code, indent: &str) {
        let mut lines = Vec::new();
        header(code, &mut lines);
        pools(code, &mut lines);
        let labels = labels(code);
        for h in &code.handlers {
            let [start, end, target] =
                [h.start, h.end, h.target].map(|pc| place(&labels, pc as i64));
            let catches = if h.catches { " catch" } else { "" };
            lines.push(format!(
                ".handler {start} {end} {target} r{} {}{catches}",
                h.exception, h.scopes
            ));
        }
        lines.push(".code".into());
        self.instructions(code, &labels, &mut lines);
        for line in lines {
            let _ = writeln!(out, "{indent}{line}");
        }
        for proto in &code.protos {
            self.put(out, proto, &format!("{indent}  "));
        }
        let _ = writeln!(out, "{indent}.end");
    }

    fn instructions(&self, code: &Code, labels: &Labels, lines: &mut Vec<String>) {
        let mut shown = 0;
        let mut spans = code.spans.iter().peekable();
        for (pc, insn) in code.insns.iter().enumerate() {
            let mut comment = Vec::new();
            while let Some((_, start, end)) = spans.next_if(|(first, ..)| *first as usize <= pc) {
                let found = self.source.filter(|_| *end != 0).and_then(|find| find(*start));
                let Some((line, column, text)) = found else { continue };
                if line != shown {
                    let text: String = text
                        .trim_end()
                        .chars()
                        .map(|c| if c.is_control() { ' ' } else { c })
                        .collect();
                    lines.push(format!("; {line:>4} | {text}"));
                    shown = line;
                }
                comment = vec![format!("{line}:{column}")];
            }
            if let Some(label) = labels.get(&(pc as u32)) {
                lines.push(format!("L{label}:"));
            }
            let operands: Vec<_> =
                insn.op.operands().iter().map(|o| operand(*insn, *o, pc, labels)).collect();
            let notes = insn.op.operands().iter().filter_map(|o| self.note(code, *insn, *o));
            comment.extend(notes.map(|n| shorten(&n)));
            let line = format!("{pc:>4}  {:<15} {}", insn.op.mnemonic(), operands.join(" "));
            lines.push(match comment.is_empty() {
                true => line.trim_end().to_string(),
                false => format!("{line:<44} ; {}", comment.join(", ")),
            });
        }
        if let Some(label) = labels.get(&(code.insns.len() as u32)) {
            lines.push(format!("L{label}:"));
        }
    }

    /// What an operand stands for, if it is a number of something.
    fn note(&self, code: &Code, insn: Insn, operand: Operand) -> Option<String> {
        let number = insn.get(operand) as usize;
        match operand.role {
            Role::konst => code.consts.get(number).map(datum),
            Role::cache => code.caches.get(number).map(|n| name(*n)),
            Role::module => self.slots.get(number).map(|n| name(*n)),
            Role::keys => code.keysets.get(number).map(|k| names(k)),
            Role::proto => code.protos.get(number).and_then(|p| p.name).map(name),
            Role::check => code.checks.get(number).map(|c| ty(&c.ty)),
            Role::call => code.calls.get(number).map(call),
            Role::flag if matches!(insn.op, Op::CallX | Op::TailCallX) => {
                CallKind::from_u8(insn.x).map(|kind| format!("{kind:?}").to_lowercase())
            }
            _ => None,
        }
    }
}

fn shorten(text: &str) -> String {
    match text.char_indices().nth(40) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_string(),
    }
}

fn header(code: &Code, lines: &mut Vec<String>) {
    let kind = word_of(&KINDS, code.kind);
    lines.push(match code.name {
        Some(n) => format!("{kind} {}", name(n)),
        None => kind.to_string(),
    });
    lines.push(format!(".registers {}", code.nregs));
    for p in &code.params.positional {
        let flags = [(p.optional, " optional"), (p.field, " field")];
        let flags: String = flags.iter().filter(|(on, _)| *on).map(|(_, text)| *text).collect();
        lines.push(format!(".param {}{flags}{}", name(p.name), typed(&p.ty)));
    }
    if let Some((before, n, t)) = &code.params.rest {
        lines.push(format!(".rest {before} {}{}", name(*n), typed(t)));
    }
    for k in &code.params.keywords {
        let optional = if k.optional { " optional" } else { "" };
        lines.push(format!(".keyword {}{optional}{}", name(k.name), typed(&k.ty)));
    }
    if let Some(n) = code.params.keyword_rest {
        lines.push(format!(".keywords {}", name(n)));
    }
    if let Some(t) = &code.result {
        lines.push(format!(".result {}", ty(t)));
    }
    if let Some(text) = &code.intent {
        lines.push(format!(".intent {text:?}"));
    }
    if let Some(d) = &code.examples {
        lines.push(format!(".examples {}", datum(d)));
    }
    if code.fields != 0 {
        lines.push(format!(".fields {}", code.fields));
    }
}

fn pools(code: &Code, lines: &mut Vec<String>) {
    for (i, d) in code.consts.iter().enumerate() {
        lines.push(format!(".const k{i} {}", datum(d)));
    }
    for (i, n) in code.caches.iter().enumerate() {
        lines.push(format!(".cache c{i} {}", name(*n)));
    }
    for (i, keys) in code.keysets.iter().enumerate() {
        lines.push(format!(".keys s{i} {}", names(keys)).trim_end().to_string());
    }
    for (i, desc) in code.calls.iter().enumerate() {
        lines.push(format!(".call d{i} {}", call(desc)));
    }
    for (i, check) in code.checks.iter().enumerate() {
        let kind = word_of(&CHECK_KINDS, check.kind);
        lines.push(format!(".check t{i} {kind} {} {}", name(check.name), ty(&check.ty)));
    }
    for (i, e) in code.envs.iter().enumerate() {
        lines.push(format!(".env e{i}{}", env(e)));
    }
    if !code.scope_regs.is_empty() {
        let registers: Vec<_> = code.scope_regs.iter().map(|r| format!("r{r}")).collect();
        lines.push(format!(".scopes {}", registers.join(" ")));
    }
}

fn typed(t: &Option<TypeExpr>) -> String {
    t.as_ref().map_or(String::new(), |t| format!(" : {}", ty(t)))
}

fn call(desc: &CallDesc) -> String {
    let method = desc.method.map_or(String::new(), |m| format!("{} ", name(m)));
    let keywords: Vec<_> = desc.keywords.iter().map(|k| k.map_or("...".into(), name)).collect();
    let positional: Vec<_> =
        desc.positional.iter().map(|spread| if *spread { "..." } else { "_" }).collect();
    format!("{method}{{{}}} [{}]", keywords.join(" "), positional.join(" "))
}

fn env(env: &Env) -> String {
    let mut out = String::new();
    if let Some((depth, slot)) = env.caller {
        let _ = write!(out, " caller {depth} {slot}");
    }
    for v in &env.vars {
        let constant = if v.constant { " let" } else { "" };
        let _ = write!(out, " ({} {} {}{constant}{})", name(v.name), v.depth, v.slot, typed(&v.ty));
    }
    out
}

type Labels = BTreeMap<u32, usize>;

/// Places that something jumps to, numbered from the top.
fn labels(code: &Code) -> Labels {
    let jumps = code.insns.iter().enumerate().filter_map(|(pc, insn)| insn.jump_target(pc));
    let handlers =
        code.handlers.iter().flat_map(|h| [h.start, h.end, h.target]).map(|pc| pc as i64);
    let places: std::collections::BTreeSet<u32> = jumps
        .chain(handlers)
        .filter(|pc| (0..=code.insns.len() as i64).contains(pc))
        .map(|pc| pc as u32)
        .collect();
    places.into_iter().enumerate().map(|(label, pc)| (pc, label)).collect()
}

/// The label of a place; a place outside the code has none, and is shown as
/// its number.
fn place(labels: &Labels, pc: i64) -> String {
    let label = u32::try_from(pc).ok().and_then(|pc| labels.get(&pc));
    label.map_or(pc.to_string(), |label| format!("L{label}"))
}

fn operand(insn: Insn, operand: Operand, pc: usize, labels: &Labels) -> String {
    let number = insn.get(operand);
    let named = |text: Option<&str>| text.map_or(number.to_string(), str::to_string);
    match operand.role {
        Role::scope if number == NO_SCOPE as i64 => "closure".into(),
        Role::intrinsic => named(Intrinsic::from_u16(number as u16).map(Intrinsic::name)),
        Role::special => named(Special::from_u16(number as u16).map(Special::name)),
        Role::jump => match place(labels, pc as i64 + 1 + number) {
            label if label.starts_with('L') => label,
            _ => number.to_string(),
        },
        role => format!("{}{number}", prefix(role)),
    }
}

/// What stands before the number of an operand.
pub(crate) fn prefix(role: Role) -> &'static str {
    match role {
        Role::dst | Role::src | Role::var | Role::win | Role::first | Role::scope => "r",
        Role::konst => "k",
        Role::module => "m",
        Role::proto => "p",
        Role::cache => "c",
        Role::keys => "s",
        Role::call => "d",
        Role::check => "t",
        Role::env => "e",
        Role::count | Role::flag | Role::imm | Role::slot | Role::depth => "",
        Role::intrinsic | Role::special | Role::jump => "",
    }
}

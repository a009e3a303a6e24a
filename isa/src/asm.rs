//! The assembler: the text of the disassembler back to [`Code`].
//!
//! Lines are directives (`.name ...`), labels (`L0:`, any name) and instructions; a number
//! before the mnemonic and everything after `;` is ignored. Written by hand, an
//! operand that is a constant or a cache can be given by value, `=42` or
//! `=name`; it is then entered into the pool.

use std::fmt;
use std::sync::Arc;

use hashbrown::HashMap;

use crate::disasm::{CHECK_KINDS, KINDS, prefix};
use crate::notation::{Parser, Problem, Token};
use crate::{
    CallDesc, Check, Code, Env, EnvVar, Handler, Insn, Intrinsic, KeyParam, NO_SCOPE, Op, Operand,
    Param, Role, Special, TypeExpr,
};

/// Why text is no assembly text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AsmError {
    /// The line, from 1.
    pub line: u32,
    /// The problem in words.
    pub what: String,
}

impl fmt::Display for AsmError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

impl std::error::Error for AsmError {}

/// The function that `text` describes. It is not verified: tests of the
/// verifier need code that is wrong.
///
/// # Errors
/// The first line that cannot be read.
pub fn assemble(text: &str) -> Result<Code, AsmError> {
    let mut open: Vec<Draft> = Vec::new();
    let mut done = None;
    let mut last = 0;
    for (line, text) in (1..).zip(text.lines()) {
        let at = |what| AsmError { line, what };
        last = line;
        let mut p = Parser::new(text).map_err(at)?;
        if p.at_end() {
            continue;
        }
        if done.is_some() {
            return Err(at("text after the end of the function".into()));
        }
        if p.accept(".end") {
            let Some(draft) = open.pop() else { return Err(at(".end of nothing".into())) };
            let code = draft.finish()?;
            match open.last_mut() {
                Some(outer) => outer.code.protos.push(Arc::new(code)),
                None => done = Some(code),
            }
            finish_line(&mut p).map_err(at)?;
            continue;
        }
        if let Some((kind, _)) = KINDS.iter().find(|(_, word)| p.accept(word)) {
            let name = if p.at_end() { None } else { Some(p.name().map_err(at)?) };
            open.push(Draft {
                code: Code { name, kind: *kind, ..Code::default() },
                ..Draft::default()
            });
        } else {
            let Some(draft) = open.last_mut() else {
                return Err(at("expected .function or the like".into()));
            };
            draft.line(line, &mut p).map_err(at)?;
        }
        finish_line(&mut p).map_err(at)?;
    }
    done.ok_or_else(|| AsmError { line: last, what: "missing .end".into() })
}

fn finish_line(p: &mut Parser) -> Result<(), Problem> {
    match p.peek() {
        None => Ok(()),
        Some(token) => Err(format!("unexpected {token:?}")),
    }
}

/// A function that is being read.
#[derive(Default)]
struct Draft {
    code: Code,
    labels: HashMap<String, u32>,
    /// Jumps to labels: line, instruction, operand.
    jumps: Vec<(u32, usize, Operand, String)>,
    /// Handlers: line, start, end and target.
    handlers: Vec<(u32, [String; 3], Handler)>,
}

impl Draft {
    fn line(&mut self, line: u32, p: &mut Parser) -> Result<(), Problem> {
        // The number of the instruction.
        if let Some(Token::Word(w)) = p.peek()
            && w.bytes().all(|b| b.is_ascii_digit())
        {
            p.advance()?;
        }
        let word = p.word()?;
        if word.starts_with('.') {
            return self.directive(&word, line, p);
        }
        if let Some(label) = word.strip_suffix(':') {
            let pc = self.code.insns.len() as u32;
            return match self.labels.insert(label.to_string(), pc) {
                None => Ok(()),
                Some(_) => Err(format!("label {label} is defined twice")),
            };
        }
        let op = Op::ALL.iter().copied().find(|op| op.mnemonic() == word);
        let op = op.ok_or_else(|| format!("unknown instruction `{word}`"))?;
        let mut insn = Insn::abc(op, 0, 0, 0);
        for operand in op.operands() {
            let value = self.operand(*operand, line, p)?;
            insn = insn.set(*operand, value).ok_or_else(|| format!("{value} does not fit"))?;
        }
        self.code.insns.push(insn);
        Ok(())
    }

    fn operand(&mut self, operand: Operand, line: u32, p: &mut Parser) -> Result<i64, Problem> {
        let Some(Token::Word(word)) = p.peek() else { return Err("expected an operand".into()) };
        let word = word.clone();
        match operand.role {
            Role::scope if p.accept("closure") => return Ok(NO_SCOPE as i64),
            Role::intrinsic => {
                if let Some(i) = Intrinsic::ALL.iter().find(|i| i.name() == word) {
                    p.advance()?;
                    return Ok(*i as i64);
                }
            }
            Role::special => {
                let all = (0..).map_while(Special::from_u16);
                if let Some(s) = all.into_iter().find(|s| s.name() == word) {
                    p.advance()?;
                    return Ok(s as i64);
                }
            }
            Role::jump if word.parse::<i64>().is_err() => {
                p.advance()?;
                self.jumps.push((line, self.code.insns.len(), operand, word));
                return Ok(0);
            }
            Role::konst if word.starts_with('=') => {
                p.strip('=');
                let value = p.datum()?;
                return Ok(enter(&mut self.code.consts, value));
            }
            Role::cache if word.starts_with('=') => {
                p.strip('=');
                let name = p.name()?;
                return Ok(enter(&mut self.code.caches, name));
            }
            _ => {}
        }
        p.number(prefix(operand.role))
    }

    fn directive(&mut self, word: &str, line: u32, p: &mut Parser) -> Result<(), Problem> {
        let code = &mut self.code;
        match word {
            ".code" => {}
            ".registers" => code.nregs = p.number("")?,
            ".param" => code.params.positional.push(Param {
                name: p.name()?,
                optional: p.accept("optional"),
                field: p.accept("field"),
                ty: typed(p)?,
            }),
            ".rest" => code.params.rest = Some((p.number("")?, p.name()?, typed(p)?)),
            ".keyword" => code.params.keywords.push(KeyParam {
                name: p.name()?,
                optional: p.accept("optional"),
                ty: typed(p)?,
            }),
            ".keywords" => code.params.keyword_rest = Some(p.name()?),
            ".result" => code.result = Some(p.ty()?),
            ".intent" => match p.advance()? {
                Token::Str(text) => code.intent = Some(text.into()),
                other => return Err(format!("expected a string, not {other:?}")),
            },
            ".examples" => code.examples = Some(p.datum()?),
            ".fields" => code.fields = p.number("")?,
            ".const" => push(&mut code.consts, "k", p, Parser::datum)?,
            ".cache" => push(&mut code.caches, "c", p, Parser::name)?,
            ".keys" => push(&mut code.keysets, "s", p, |p| {
                let mut keys = Vec::new();
                while !p.at_end() {
                    keys.push(p.name()?);
                }
                Ok(keys.into())
            })?,
            ".call" => push(&mut code.calls, "d", p, call)?,
            ".check" => push(&mut code.checks, "t", p, check)?,
            ".env" => push(&mut code.envs, "e", p, |p| Ok(Arc::new(env(p)?)))?,
            ".scopes" => {
                while !p.at_end() {
                    code.scope_regs.push(p.number("r")?);
                }
            }
            ".handler" => {
                let places = [p.word()?, p.word()?, p.word()?];
                let (exception, scopes) = (p.number("r")?, p.number("")?);
                let catches = !p.at_end();
                if catches && p.word()? != "catch" {
                    return Err("expected catch or the end of the line".into());
                }
                let handler = Handler { start: 0, end: 0, target: 0, exception, scopes, catches };
                self.handlers.push((line, places, handler));
            }
            _ => return Err(format!("unknown directive {word}")),
        }
        Ok(())
    }

    /// Replaces labels by places.
    fn finish(mut self) -> Result<Code, AsmError> {
        let find = |line: u32, label: &str| {
            let pc = self.labels.get(label).copied().or_else(|| label.parse().ok());
            pc.ok_or_else(|| AsmError { line, what: format!("label {label} is not defined") })
        };
        for (line, pc, operand, label) in &self.jumps {
            let distance = find(*line, label)? as i64 - (*pc as i64 + 1);
            let what = || format!("{label} is too far away");
            self.code.insns[*pc] = self.code.insns[*pc]
                .set(*operand, distance)
                .ok_or_else(|| AsmError { line: *line, what: what() })?;
        }
        for (line, [start, end, target], handler) in &self.handlers {
            self.code.handlers.push(Handler {
                start: find(*line, start)?,
                end: find(*line, end)?,
                target: find(*line, target)?,
                ..*handler
            });
        }
        Ok(self.code)
    }
}

/// The index of `value` in `pool`, where it is put if new.
fn enter<T: PartialEq>(pool: &mut Vec<T>, value: T) -> i64 {
    let found = pool.iter().position(|v| *v == value);
    found.unwrap_or_else(|| {
        pool.push(value);
        pool.len() - 1
    }) as i64
}

/// An entry of a pool, which has to come in its turn.
fn push<T>(
    pool: &mut Vec<T>,
    prefix: &str,
    p: &mut Parser,
    parse: impl FnOnce(&mut Parser) -> Result<T, Problem>,
) -> Result<(), Problem> {
    let index: usize = p.number(prefix)?;
    if index != pool.len() {
        return Err(format!("expected {prefix}{}", pool.len()));
    }
    pool.push(parse(p)?);
    Ok(())
}

fn typed(p: &mut Parser) -> Result<Option<TypeExpr>, Problem> {
    if p.accept(":") { p.ty().map(Some) } else { Ok(None) }
}

fn call(p: &mut Parser) -> Result<CallDesc, Problem> {
    let method = match p.peek() {
        Some(Token::Mark(_)) => None,
        _ => Some(p.name()?),
    };
    let keywords =
        p.list('{', '}', |p| if p.accept("...") { Ok(None) } else { p.name().map(Some) })?;
    let positional = p.list('[', ']', |p| match p.word()?.as_str() {
        "..." => Ok(true),
        "_" => Ok(false),
        other => Err(format!("expected _ or ..., not {other}")),
    })?;
    Ok(CallDesc { method, keywords, positional })
}

fn check(p: &mut Parser) -> Result<Check, Problem> {
    let word = p.word()?;
    let kind = CHECK_KINDS.iter().find(|(_, w)| *w == word);
    let (kind, _) = kind.ok_or_else(|| format!("unknown kind of check `{word}`"))?;
    Ok(Check { kind: *kind, name: p.name()?, ty: p.ty()? })
}

fn env(p: &mut Parser) -> Result<Env, Problem> {
    let caller = match p.accept("caller") {
        true => Some((p.number("")?, p.number("")?)),
        false => None,
    };
    let mut vars = Vec::new();
    while p.accept_mark('(') {
        vars.push(EnvVar {
            name: p.name()?,
            depth: p.number("")?,
            slot: p.number("")?,
            constant: p.accept("let"),
            ty: typed(p)?,
        });
        p.expect_mark(')')?;
    }
    Ok(Env { vars, caller })
}

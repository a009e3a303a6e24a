//! Compiled functions as plain data.

use std::sync::Arc;

use crate::datum::Datum;
use crate::{Insn, Symbol};

/// Name of the body of a benchmark. It never becomes part of the code that calls it: there,
/// what nobody uses would be left out.
pub const BENCH_BODY: &str = "<bench>";

/// What kind of function a [`Code`] is; decides how a call begins and ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum FnKind {
    /// The top level of a module, or evaluated data.
    Module,
    /// `fn`, methods.
    #[default]
    Function,
    /// `block`, `->`.
    Block,
    /// Constructor: its code returns `self`, whatever the body gives.
    Ctor,
    /// A function whose name ends in `!`: register 2 holds the environment
    /// value of the caller (nil if called by another name), parameters follow.
    Macro,
    /// `^^async` function or `(async ...)` body.
    Async,
    /// Generator function.
    Generator,
    /// Both.
    AsyncGenerator,
}

impl FnKind {
    /// Whether activations suspend, and therefore own a window on the heap.
    pub fn is_coroutine(self) -> bool {
        matches!(self, FnKind::Async | FnKind::Generator | FnKind::AsyncGenerator)
    }
}

/// A parameter that takes positional arguments.
#[derive(Clone, PartialEq, Debug)]
pub struct Param {
    /// Its name; `_` if it has none.
    pub name: Symbol,
    /// Whether a call may leave it out (its register is unset then, and the
    /// code evaluates the default).
    pub optional: bool,
    /// The annotation.
    pub ty: Option<TypeExpr>,
    /// `/x`: also taken as keyword `x`.
    pub field: bool,
}

/// A keyword parameter.
#[derive(Clone, PartialEq, Debug)]
pub struct KeyParam {
    /// Its name.
    pub name: Symbol,
    /// Whether a call may leave it out.
    pub optional: bool,
    /// The annotation.
    pub ty: Option<TypeExpr>,
}

/// The parameters of a function. They occupy registers 2, 3, ... (3, 4, ... of a macro)
/// in this order: positional ones with the rest parameter at its place,
/// keyword ones, keyword rest.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Params {
    /// Positional parameters without the rest parameter.
    pub positional: Vec<Param>,
    /// Index among the positional ones *before which* the rest parameter
    /// stands, with its name and annotation.
    pub rest: Option<(usize, Symbol, Option<TypeExpr>)>,
    /// Keyword parameters.
    pub keywords: Vec<KeyParam>,
    /// Name of the `^rest...` parameter.
    pub keyword_rest: Option<Symbol>,
}

impl Params {
    /// Number of registers that arguments occupy.
    pub fn registers(&self) -> usize {
        self.positional.len()
            + self.rest.is_some() as usize
            + self.keywords.len()
            + self.keyword_rest.is_some() as usize
    }

    /// The number of arguments if nothing needs binding in a call without
    /// keywords: required positional parameters only.
    pub fn exact(&self) -> Option<u16> {
        let plain = self.rest.is_none() && self.keywords.is_empty() && self.keyword_rest.is_none();
        (plain && self.positional.iter().all(|p| !p.optional))
            .then_some(self.positional.len() as u16)
    }

    /// Number of positional arguments that are required.
    pub fn required(&self) -> usize {
        self.positional.iter().filter(|p| !p.optional).count()
    }
}

/// A type as written, with names resolved as far as the compiler can.
#[derive(Clone, PartialEq, Debug)]
pub enum TypeExpr {
    /// A builtin or unknown name: `Int`, `Any`, `Numeric`, type parameters as `Any`.
    Name(Symbol),
    /// A variable of the module (class, enum, interface, alias): slot, name.
    Module(u32, Symbol),
    /// A variable whose value has been put into this register of the frame.
    /// In [`Params`] such types are `Name`.
    Register(u16, Symbol),
    /// `(A | B)`
    Union(Vec<TypeExpr>),
    /// `(Array Int)`: the outer type, arguments as written.
    Applied(Box<TypeExpr>, Vec<TypeExpr>),
    /// `(Fn [A ^k B C ...] R)`
    Fn {
        /// Positional parameter types.
        params: Vec<TypeExpr>,
        /// Keyword parameter types.
        keywords: Vec<(Symbol, TypeExpr)>,
        /// Rest parameter type.
        rest: Option<Box<TypeExpr>>,
        /// Result.
        result: Option<Box<TypeExpr>>,
    },
}

impl TypeExpr {
    /// Adds the variables of the module that it names.
    pub fn module_slots(&self, slots: &mut Vec<u32>) {
        match self {
            TypeExpr::Name(_) | TypeExpr::Register(..) => {}
            TypeExpr::Module(slot, _) => slots.push(*slot),
            TypeExpr::Union(parts) => parts.iter().for_each(|t| t.module_slots(slots)),
            TypeExpr::Applied(outer, args) => {
                outer.module_slots(slots);
                args.iter().for_each(|t| t.module_slots(slots));
            }
            TypeExpr::Fn { params, keywords, rest, result } => {
                let keywords = keywords.iter().map(|(_, t)| t);
                let others = rest.iter().chain(result).map(|t| &**t);
                params.iter().chain(keywords).chain(others).for_each(|t| t.module_slots(slots));
            }
        }
    }
}

impl Code {
    /// The variables of the module that its annotations name.
    pub fn annotated_slots(&self) -> Vec<u32> {
        let mut slots = Vec::new();
        let params = &self.params;
        let positional = params.positional.iter().filter_map(|p| p.ty.as_ref());
        let keywords = params.keywords.iter().filter_map(|p| p.ty.as_ref());
        let rest = params.rest.iter().filter_map(|(_, _, ty)| ty.as_ref());
        let checks = self.checks.iter().map(|check| &check.ty);
        let all = positional.chain(keywords).chain(rest).chain(&self.result).chain(checks);
        all.for_each(|ty| ty.module_slots(&mut slots));
        slots
    }
}

/// Where a type is checked; decides conversion and wording.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CheckKind {
    /// Parameter: converts.
    Param,
    /// Result: converts.
    Return,
    /// Variable: does not convert.
    Variable,
    /// Field of an instance: converts.
    Field,
    /// Payload field of an enum value: does not convert, nil not accepted.
    Payload,
}

/// A type check that an instruction refers to.
#[derive(Clone, PartialEq, Debug)]
pub struct Check {
    /// The type.
    pub ty: TypeExpr,
    /// Where.
    pub kind: CheckKind,
    /// Name of the parameter, function, variable or field.
    pub name: Symbol,
}

/// What `call_x` calls.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum CallKind {
    /// The function `R[win]`.
    Function = 0,
    /// Method [`CallDesc::method`] of `R[win+1]`.
    Method = 1,
    /// The same in the parent of the home class.
    Super = 2,
    /// Method of `R[win+1]` whose name (string or symbol) is `R[win]`.
    Dynamic = 3,
    /// New instance of the class `R[win]`; other values raise.
    New = 4,
    /// The macro `R[win]` with the environment value `R[win+1]`.
    Macro = 5,
    /// The function `R[win]` with self `R[win+1]`.
    WithSelf = 6,
}

impl CallKind {
    /// The kind with this number.
    pub fn from_u8(number: u8) -> Option<CallKind> {
        use CallKind::*;
        [Function, Method, Super, Dynamic, New, Macro, WithSelf].get(number as usize).copied()
    }
}

/// The arguments of a `call_x`, in the order of their registers from `win + 2`:
/// keyword values first, then positional ones (the order of evaluation).
#[derive(Clone, PartialEq, Debug, Default)]
pub struct CallDesc {
    /// Method name of [`CallKind::Method`] and [`CallKind::Super`].
    pub method: Option<Symbol>,
    /// Keywords; `None` is a map whose entries are spread.
    pub keywords: Vec<Option<Symbol>>,
    /// Positional arguments; `true` is an array whose elements are spread.
    pub positional: Vec<bool>,
}

impl CallDesc {
    /// Number of registers.
    pub fn registers(&self) -> usize {
        self.keywords.len() + self.positional.len()
    }
}

/// An entry of the exception table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Handler {
    /// First instruction covered.
    pub start: u32,
    /// One past the last instruction covered.
    pub end: u32,
    /// Where it goes on.
    pub target: u32,
    /// Register that receives the exception.
    pub exception: u16,
    /// How many of `Code::scope_regs` stay; the others are given back.
    pub scopes: u16,
    /// Whether it stands for `catch` clauses, which a generator that is being
    /// closed passes over; others run in any case and raise again.
    pub catches: bool,
}

/// A name that data evaluated at run time can see.
#[derive(Clone, PartialEq, Debug)]
pub struct EnvVar {
    /// The name.
    pub name: Symbol,
    /// Number of parents to walk from the scope given with the environment.
    pub depth: u16,
    /// Slot in that scope.
    pub slot: u16,
    /// Declared by `let`.
    pub constant: bool,
    /// Annotation that assignments are checked against.
    pub ty: Option<TypeExpr>,
}

/// The variables visible at a place where data may be evaluated, innermost
/// first; module variables are not listed.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Env {
    /// The variables.
    pub vars: Vec<EnvVar>,
    /// Whether the place is inside a macro: the variable that holds the
    /// environment value of its caller, as depth and slot.
    pub caller: Option<(u16, u16)>,
}

/// A compiled function.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Code {
    /// The name; `<unnamed>`, `<module>` and the like for those without.
    pub name: Option<Symbol>,
    /// What kind it is.
    pub kind: FnKind,
    /// Parameters.
    pub params: Params,
    /// Size of the register window, at least 2 + parameters.
    pub nregs: u16,
    /// Instructions.
    pub insns: Vec<Insn>,
    /// Constant pool.
    pub consts: Vec<Datum>,
    /// Functions inside.
    pub protos: Vec<Arc<Code>>,
    /// Names with an inline cache each.
    pub caches: Vec<Symbol>,
    /// Key lists of map and Gene literals.
    pub keysets: Vec<Box<[Symbol]>>,
    /// Calls that are not plain.
    pub calls: Vec<CallDesc>,
    /// Type checks.
    pub checks: Vec<Check>,
    /// Environments for evaluated data.
    pub envs: Vec<Arc<Env>>,
    /// Exception table, inner handlers before outer ones; ranges are nested or
    /// apart.
    pub handlers: Vec<Handler>,
    /// Registers that may hold a scope, outer ones first. They are for scopes
    /// only, lie after the parameters and below the windows of all calls (a
    /// callee would leave scopes of its own there, for unwinding to give back
    /// again), and are cleared on entry.
    pub scope_regs: Vec<u16>,
    /// Number of the source.
    pub file: u32,
    /// Place of the whole definition in the source, in bytes.
    pub span: (u32, u32),
    /// Places of the instructions: (first instruction, start, end), rising.
    pub spans: Vec<(u32, u32, u32)>,
    /// Declared result.
    pub result: Option<TypeExpr>,
    /// `^intent`.
    pub intent: Option<Arc<str>>,
    /// `^examples` as written.
    pub examples: Option<Datum>,
    /// Of a constructor: how many distinct fields its text assigns.
    pub fields: u16,
}

impl Code {
    /// Place of the instruction at `pc`, in bytes.
    pub fn span_at(&self, pc: u32) -> Option<(u32, u32)> {
        let after = self.spans.partition_point(|(first, ..)| *first <= pc);
        let (_, start, end) = *self.spans.get(after.checked_sub(1)?)?;
        (end != 0).then_some((start, end))
    }
}

/// A compiled module, or a piece of evaluated text.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Module {
    /// The top level.
    pub main: Arc<Code>,
    /// Names of the module's variables, by slot. A module that is compiled
    /// piece by piece (REPL, evaluated data) only ever appends.
    pub slots: Vec<Symbol>,
    /// What can be imported: name and slot of the variable.
    pub exports: Vec<(Symbol, u32)>,
    /// Whether an `export` form names the exports.
    pub explicit_exports: bool,
}

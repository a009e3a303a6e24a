//! Resolved forms: what the front half of the compiler makes of the syntax
//! tree and the back half turns into instructions. All special forms are taken
//! apart into these, all names are resolved to variables, and by the time code
//! is generated every variable knows whether an inner function captures it.

use std::rc::Rc;

use gene_isa::datum::Datum;
use gene_isa::{CheckKind, FnKind, Intrinsic, Special, Symbol};

/// A range of bytes of the source; `(0, 0)` for none.
pub type Place = (u32, u32);

/// Number of a variable in [`Vars`](super::scope::Vars).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct VarId(pub u32);

/// Number of a lexical scope.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ScopeId(pub u32);

/// Number of a function.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct FuncId(pub u32);

/// Number of a loop.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct LoopId(pub u32);

/// A resolved expression.
#[derive(Debug)]
pub struct Expr {
    /// What it does.
    pub kind: Ek,
    /// Where it was written.
    pub place: Place,
    /// Whether evaluating it assigns a variable of the running function.
    pub assigns: bool,
}

/// Kinds of expressions.
#[derive(Debug)]
pub enum Ek {
    /// `nil`, `true`, ...
    Special(Special),
    /// Integer.
    Int(i64),
    /// Any other constant.
    Const(Datum),
    /// A variable; the flag asks for a check that it is set.
    Var(VarId, bool),
    /// `self`
    SelfRef,
    /// One after the other.
    Do(Vec<Expr>),
    /// A lexical scope.
    Scope(ScopeId, Box<Expr>),
    /// Conditions with their branches, and the last branch.
    If(Vec<(Expr, Expr)>, Option<Box<Expr>>),
    /// Any loop.
    Loop(Box<Loop>),
    /// Leaves a loop.
    Break(LoopId, Option<Box<Expr>>),
    /// Next iteration of a loop.
    Continue(LoopId),
    /// `return` and the like that would leave a `finally` body.
    EndFinally(Option<Box<Expr>>),
    /// `return`
    Return(Box<Expr>),
    /// `var`
    Declare(VarId, Box<Expr>),
    /// `=`
    Assign(VarId, Box<Expr>),
    /// Left-associative arithmetic.
    Arith(Box<(Expr, Vec<(BinOp, Expr, Place)>)>),
    /// Chained comparison.
    Compare(Box<(Expr, Vec<(CmpOp, Expr)>)>),
    /// `&&`, `||` from left to right.
    Logic(LogicOp, Vec<Expr>),
    /// `!`
    Not(Box<Expr>),
    /// `not` of a condition: the opposite of the truth, of Ints too.
    NotTruth(Box<Expr>),
    /// `(- x)`
    Neg(Box<Expr>),
    /// A call.
    Call(Box<Call>),
    /// Call by a name that ends in `!`.
    MacroCall(Box<MacroCall>),
    /// A function.
    Lambda(Box<Func>),
    /// Array literal; the flags mark spreads.
    Array(Vec<(Expr, bool)>, bool),
    /// Map literal; entries without a key are spread.
    Map(Vec<(Option<Symbol>, Expr)>, bool),
    /// Hash map literal.
    HashMap(Vec<Expr>, bool),
    /// Gene constructor.
    Gene(Box<GeneExpr>),
    /// Interpolated string.
    Interp(Vec<Expr>),
    /// `a/name`
    Prop(Box<Expr>, Symbol),
    /// `a/0`
    IndexI(Box<Expr>, i16),
    /// `a/<b>`
    Index(Box<(Expr, Expr)>),
    /// `a/name` where a variable of that name is visible.
    PropVar(Box<(Expr, Expr)>, Symbol),
    /// `a/!`
    Found(Box<Expr>),
    /// `(a/b = v)`
    SetMember(Box<SetMember>),
    /// `await`
    Await(Option<Box<Expr>>, Vec<Expr>),
    /// `yield`
    Yield(Box<Expr>),
    /// `eval` and `$render` of one value.
    Eval(Box<Expr>, Box<EnvSite>, bool),
    /// `$caller_eval`: data, environment value.
    CallerEval(Box<(Expr, Expr)>),
    /// The number of the slot of a variable of the module.
    ModuleSlot(VarId),
    /// An operation of the runtime.
    Intrinsic(Intrinsic, Vec<Expr>),
    /// `try`
    Try(Box<Try>),
    /// `throw`
    Throw(Box<Expr>),
    /// `(throw)` in a catch body.
    Rethrow(Box<Expr>),
    /// `case` with plain values and patterns.
    Case(Box<Case>),
    /// Value with a type check.
    Check(Box<Expr>, Box<TypeCheck>),
    /// `$with` and the like: value, body; the flag keeps the value as result.
    WithSelf(Box<(Expr, Expr)>, bool),
    /// `(expr ?)`
    Unwrap(Box<Expr>),
    /// The first value, or the second if that is unset.
    IfSet(Box<(Expr, Expr)>),
    /// `gene/scope`: timeout, variable of the handle, body.
    TaskScope(Box<(Expr, VarId, Expr)>),
}

/// Arithmetic operators that are left-associative instructions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum BinOp {
    Add,
    Sub,
    Mul,
    Div,
    Mod,
    Concat,
    Shl,
    Shr,
    Xor,
    Is,
}

/// Comparison operators.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum CmpOp {
    Lt,
    Le,
    Gt,
    Ge,
    Eq,
    Ne,
}

/// Operators that may skip their right operand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum LogicOp {
    And,
    Or,
}

/// A loop.
#[derive(Debug)]
pub struct Loop {
    /// Its number.
    pub id: LoopId,
    /// Where it is written.
    pub place: Place,
    /// What it runs over.
    pub kind: LoopKind,
    /// Scope of an iteration, if it has one.
    pub scope: Option<ScopeId>,
    /// The body.
    pub body: Expr,
}

/// Kinds of loops.
#[derive(Debug)]
pub enum LoopKind {
    /// `loop`
    Forever,
    /// `while`
    While(Expr),
    /// `repeat`
    Repeat(Expr),
    /// `for` over a literal range: start, end, step, variable.
    Range(Expr, Expr, Expr, Option<VarId>),
    /// `for`
    Each(Each),
    /// `for ^^await`: source, variable.
    Await(Expr, VarId),
}

/// `for` over any source.
#[derive(Debug)]
pub struct Each {
    /// The source.
    pub source: Expr,
    /// Variable for the key or index, if two are named.
    pub key: Option<VarId>,
    /// Whether two are named.
    pub with_keys: bool,
    /// Variable for the element; patterns take it apart in the body.
    pub item: Option<VarId>,
    /// Whether the source can be a generator.
    pub closes: bool,
}

/// What a call calls.
#[derive(Debug)]
pub enum Target {
    /// A function value.
    Function(Expr),
    /// A method.
    Method(Expr, Symbol),
    /// A method of the parent class.
    Super(Symbol),
    /// A method whose name is computed: receiver, name.
    Dynamic(Expr, Expr),
    /// `new`
    New(Expr),
}

/// A call.
#[derive(Debug)]
pub struct Call {
    /// What.
    pub target: Target,
    /// With what.
    pub args: Args,
}

/// Arguments.
#[derive(Debug, Default)]
pub struct Args {
    /// Keyword arguments; those without a key are spread.
    pub keywords: Vec<(Option<Symbol>, Expr)>,
    /// Positional arguments; the flag marks spreads.
    pub positional: Vec<(Expr, bool)>,
}

/// Call of something that may be a macro.
#[derive(Debug)]
pub struct MacroCall {
    /// The callee.
    pub head: Expr,
    /// The names it may look up.
    pub env: EnvSite,
    /// The arguments as data.
    pub data: Args,
    /// The arguments as code, for callees that are no macros.
    pub code: Args,
}

/// The variables visible at a place.
#[derive(Debug)]
pub struct EnvSite {
    /// Innermost scope there.
    pub scope: ScopeId,
    /// Visible variables, innermost first.
    pub vars: Vec<VarId>,
    /// The environment of the caller of the enclosing macro.
    pub caller: Option<VarId>,
}

/// Gene constructor.
#[derive(Debug)]
pub struct GeneExpr {
    /// The head.
    pub head: Expr,
    /// Properties; those without a key are spread.
    pub props: Vec<(Option<Symbol>, Expr)>,
    /// Children; the flag marks spreads.
    pub children: Vec<(Expr, bool)>,
    /// Whether the value is sealed.
    pub sealed: bool,
}

/// Last segment of an assignment target.
#[derive(Debug)]
pub enum Segment {
    /// A name.
    Name(Symbol),
    /// A small integer.
    Int(i16),
    /// The value of an expression.
    Value(Expr),
}

/// Assignment to a member.
#[derive(Debug)]
pub struct SetMember {
    /// The object.
    pub object: Expr,
    /// Which member.
    pub segment: Segment,
    /// Operator of an augmented assignment.
    pub op: Option<BinOp>,
    /// The value, or right operand.
    pub value: Expr,
}

/// `try`
#[derive(Debug)]
pub struct Try {
    /// The body.
    pub body: Expr,
    /// `catch` clauses.
    pub catches: Vec<Catch>,
    /// `finally` body.
    pub finally: Option<Expr>,
}

/// A `catch` clause.
#[derive(Debug)]
pub struct Catch {
    /// Its scope.
    pub scope: ScopeId,
    /// The class or array of classes; `None` matches everything.
    pub class: Option<Expr>,
    /// Variable that stands for `$ex`.
    pub exception: VarId,
    /// The name bound.
    pub name: Option<VarId>,
    /// The body.
    pub body: Expr,
}

/// `case`
#[derive(Debug)]
pub struct Case {
    /// The value that is matched.
    pub target: Expr,
    /// The arms.
    pub arms: Vec<Arm>,
    /// `else`
    pub otherwise: Option<Expr>,
}

/// An arm of `case`.
#[derive(Debug)]
pub struct Arm {
    /// What it matches.
    pub test: ArmTest,
    /// Its scope.
    pub scope: ScopeId,
    /// Its body.
    pub body: Expr,
}

/// What an arm matches.
#[derive(Debug)]
pub enum ArmTest {
    /// Everything.
    Any,
    /// Equal values.
    Value(Expr),
    /// A variant; variables for its payload.
    Variant(Expr, Vec<Option<VarId>>, bool),
}

/// A type with resolved names.
#[derive(Clone, Debug)]
pub enum Ty {
    /// Builtin, unknown or type parameter.
    Name(Symbol),
    /// The value of a variable.
    Var(VarId, Symbol),
    /// A member of the value of a variable.
    Path(VarId, Vec<Symbol>),
    /// `(A | B)`
    Union(Vec<Ty>),
    /// `(Array Int)`
    Applied(Box<Ty>, Vec<Ty>),
    /// `(Fn [..] R)`
    Fn(Box<FnTy>),
}

/// A function type.
#[derive(Clone, Debug, Default)]
pub struct FnTy {
    /// Positional parameters.
    pub params: Vec<Ty>,
    /// Keyword parameters.
    pub keywords: Vec<(Symbol, Ty)>,
    /// Rest parameter.
    pub rest: Option<Ty>,
    /// Result.
    pub result: Option<Ty>,
}

/// A type check.
#[derive(Clone, Debug)]
pub struct TypeCheck {
    /// The type.
    pub ty: Ty,
    /// Where.
    pub kind: CheckKind,
    /// Name of what is checked.
    pub name: Symbol,
}

/// How a parameter takes its arguments.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ParamKind {
    /// By position.
    Positional,
    /// All remaining ones.
    Rest,
    /// By keyword.
    Keyword,
    /// All remaining keywords.
    KeywordRest,
}

/// A parameter.
#[derive(Debug)]
pub struct ParamDef {
    /// Its name; `_` if it has none.
    pub name: Symbol,
    /// How it takes arguments.
    pub kind: ParamKind,
    /// The variable; none for `_`.
    pub var: Option<VarId>,
    /// Default.
    pub default: Option<Expr>,
    /// Annotation.
    pub ty: Option<Ty>,
    /// `/x`
    pub field: bool,
    /// Its number in the order of declaration.
    pub order: usize,
    /// Where it is written.
    pub place: Place,
}

/// A contract condition.
#[derive(Debug)]
pub struct Contract {
    /// The condition.
    pub condition: Expr,
    /// The message up to the arguments.
    pub text: String,
}

/// A function.
#[derive(Debug)]
pub struct Func {
    /// Number.
    pub id: FuncId,
    /// Name, if it has one.
    pub name: Option<Symbol>,
    /// Kind.
    pub kind: FnKind,
    /// Scope of parameters and body.
    pub scope: ScopeId,
    /// Parameters in the order of their registers.
    pub params: Vec<ParamDef>,
    /// In macros: the environment value of the caller.
    pub caller: Option<VarId>,
    /// Names and variables that messages of contracts show.
    pub shown: Vec<(Symbol, VarId)>,
    /// Preconditions.
    pub pre: Vec<Contract>,
    /// Postconditions with the variable `result`.
    pub post: Vec<Contract>,
    /// Variable `result` of postconditions.
    pub result_var: Option<VarId>,
    /// Body.
    pub body: Expr,
    /// Declared result.
    pub result: Option<Ty>,
    /// `^intent`
    pub intent: Option<Rc<str>>,
    /// `^examples`
    pub examples: Option<Datum>,
    /// Fields that the text assigns (constructors).
    pub fields: u16,
    /// Place of the definition.
    pub place: Place,
}

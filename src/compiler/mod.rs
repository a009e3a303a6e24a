//! From syntax trees to bytecode.
//!
//! The front half resolves names and takes special forms apart; the back half
//! generates instructions:
//!
//! - `hir`: resolved forms, what lies between the halves
//! - `scope`: variables and scopes; which variables inner functions capture
//! - `lower`: state of the front half; then a file a family of forms: `forms`
//!   (dispatch), `infix`, `variables`, `cond`, `loops`, `calls`, `functions`,
//!   `tries`, `paths`, `patterns`, `types`, `case`, `enums`, `classes`,
//!   `interfaces`, `coroutines`, `benches`, `modules`, `comptime`; `check` warns of types
//! - `data`: quoting
//! - `emit`: instructions, labels, registers, tables of one function
//! - `generate`: expressions by what is wanted of their value; then a file a family:
//!   `gen_functions`, `gen_variables`, `gen_cond`, `gen_leave`, `gen_ops`, `gen_calls`,
//!   `gen_members`, `gen_flow`, `gen_types`
//!
//! Nothing here runs code or knows the heap. Input of any kind gives
//! diagnostics, never a panic.
#![forbid(unsafe_code)]

mod benches;
mod calls;
mod case;
mod check;
mod classes;
mod comptime;
mod cond;
mod coroutines;
mod data;
mod emit;
mod enums;
mod forms;
mod functions;
mod gen_calls;
mod gen_cond;
mod gen_flow;
mod gen_functions;
mod gen_leave;
mod gen_members;
mod gen_ops;
mod gen_types;
mod gen_variables;
mod generate;
mod hir;
mod infix;
mod interfaces;
mod loops;
mod lower;
mod modules;
mod paths;
mod patterns;
mod scope;
mod show;
mod tries;
mod types;
mod variables;

#[cfg(test)]
mod tests;

use std::rc::Rc;
use std::sync::Arc;

use gene_isa::{CheckKind, Code, Env, FnKind, Intrinsic, Module, Special, Symbol, TypeExpr};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::diag::Diagnostic;
use crate::source::FileId;
use crate::syntax::{Kind, Node};
use generate::Gen;
use hir::{Ek, Expr, Func, FuncId, ScopeId, Ty, TypeCheck};
use lower::{FuncState, Lower};
use scope::{Known, VarKind};

pub use data::datum;

/// What the command line decides.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Options {
    /// Contracts are checked.
    pub contracts: bool,
    /// Annotations are checked.
    pub type_check: bool,
    /// Every variable of the module gets a slot, so that later pieces see it.
    pub keep_variables: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options { contracts: true, type_check: true, keep_variables: false }
    }
}

/// The variables of a module: their slots, and what is known of each. Grows
/// from piece to piece when a module is compiled in pieces.
#[derive(Clone, Debug, Default)]
pub struct ModuleNames {
    /// Names by slot.
    pub slots: Vec<Symbol>,
    known: FxHashMap<Symbol, ModuleVar>,
}

#[derive(Clone, Debug)]
struct ModuleVar {
    slot: u32,
    constant: bool,
    assigned: bool,
    declared: bool,
    ty: Option<Rc<TypeCheck>>,
    known: Known,
}

impl ModuleNames {
    /// The slot of a name.
    pub fn slot(&self, name: Symbol) -> Option<u32> {
        self.known.get(&name).map(|v| v.slot)
    }
}

/// How data is evaluated.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EvalMode {
    /// As code.
    Eval,
    /// As a template whose holes are code.
    Render,
}

/// A module that has been compiled.
pub struct Compiled {
    /// Its code.
    pub module: Module,
    /// What is doubtful in it, in the order of places.
    pub warnings: Vec<Diagnostic>,
}

/// Compiles a module, or a piece of one.
///
/// # Errors
/// All problems that are found before the program runs.
pub fn compile_module(
    file: FileId,
    nodes: &[Node],
    names: &mut ModuleNames,
    options: &Options,
) -> Result<Compiled, Vec<Diagnostic>> {
    let mut lower = Lower::new(file, names, options);
    let body = lower.module_body(nodes);
    lower.finish_exports();
    if !lower.errors.is_empty() {
        return Err(lower.errors);
    }
    let scope = lower.module_scope;
    let warnings = lower.type_warnings();
    let main = generate(&mut lower, body, scope, "<module>")?;
    let mut seen = FxHashSet::default();
    let exports = std::mem::take(&mut lower.exports).into_iter();
    let exports = exports
        .filter(|name| seen.insert(*name))
        .filter_map(|name| Some((name, lower.names.slot(name)?)))
        .collect();
    let module = Module {
        main: Arc::new(main),
        slots: lower.names.slots.clone(),
        exports,
        explicit_exports: lower.explicit_exports,
    };
    Ok(Compiled { module, warnings })
}

/// Compiles data that is evaluated at a place whose variables `env` lists.
/// The result runs with the scope given there as its closure.
///
/// # Errors
/// All problems that are found before it runs.
pub fn compile_eval(
    nodes: &[Node],
    env: &Env,
    mode: EvalMode,
    names: &mut ModuleNames,
    options: &Options,
) -> Result<Code, Vec<Diagnostic>> {
    let file = nodes.first().map_or(FileId(u32::MAX), |n| n.span.file);
    let mut lower = Lower::new(file, names, options);
    lower.dynamic = true;
    let scope = lower.enter_env(env);
    let body = match mode {
        EvalMode::Eval => lower.body(nodes),
        EvalMode::Render => {
            let mut forms: Vec<Expr> = nodes.iter().map(|n| lower.template(n)).collect();
            match forms.pop() {
                Some(last) if forms.is_empty() => last,
                Some(last) => {
                    forms.push(last);
                    lower.make((0, 0), Ek::Do(forms))
                }
                None => lower.special((0, 0), Special::Nil),
            }
        }
    };
    if !lower.errors.is_empty() {
        return Err(lower.errors);
    }
    generate(&mut lower, body, scope, "<eval>")
}

fn generate(
    lower: &mut Lower,
    body: Expr,
    scope: ScopeId,
    name: &str,
) -> Result<Code, Vec<Diagnostic>> {
    let func = Func {
        id: lower.func_id(),
        name: Some(Symbol::intern(name)),
        kind: FnKind::Module,
        scope,
        params: Vec::new(),
        caller: None,
        shown: Vec::new(),
        pre: Vec::new(),
        post: Vec::new(),
        result_var: None,
        place: body.place,
        body,
        result: None,
        intent: None,
        examples: None,
        fields: 0,
    };
    let mut generator = Gen::new(lower);
    let code = generator.function(&func);
    let errors = std::mem::take(&mut generator.errors);
    if !errors.is_empty() {
        return Err(errors);
    }
    lower.publish();
    Ok(code)
}

impl Lower<'_> {
    /// Definitions first, then the other forms, both in the order written.
    fn module_body(&mut self, nodes: &[Node]) -> Expr {
        let (mut first, mut then) = (Vec::new(), Vec::new());
        let expanded = self.expand_comptime(nodes);
        let nodes = expanded.as_deref().unwrap_or(nodes);
        self.hoist(nodes);
        self.imports |= nodes.iter().any(|node| match &node.kind {
            Kind::Gene(gene) => gene.head.is_symbol("import"),
            _ => false,
        });
        self.turns = nodes.iter().any(may_make_jobs);
        let last_is_definition = nodes.last().is_some_and(is_definition);
        for node in nodes {
            match is_definition(node) {
                true => {
                    self.in_definition = true;
                    let expr = self.stmt(node);
                    self.in_definition = false;
                    first.push(expr);
                }
                false => {
                    if self.turns && !then.is_empty() {
                        let turn = Ek::Intrinsic(Intrinsic::TopLevelTurn, Vec::new());
                        then.push(self.make(lower::place_of(node), turn));
                    }
                    let expr = self.stmt(node);
                    then.push(expr);
                }
            }
        }
        let place = lower::places(nodes);
        // The value of a piece is that of its last form.
        if last_is_definition && !then.is_empty() {
            then.push(self.nil(place));
        }
        first.append(&mut then);
        self.make(place, Ek::Do(first))
    }

    /// Makes the variables of an environment visible; the scope of the code.
    fn enter_env(&mut self, env: &Env) -> ScopeId {
        let module = self.scope;
        let outer = self.vars.new_scope(Some(module), FuncId(u32::MAX));
        self.scope = outer;
        for var in env.vars.iter().rev() {
            let id = self.vars.new_var(var.name, outer, VarKind::Outer(var.depth, var.slot));
            let v = self.vars.get_mut(id);
            v.constant = var.constant;
            v.captured = true;
            v.ty = var.ty.as_ref().map(|ty| {
                let ty = from_isa(ty);
                Rc::new(TypeCheck { ty, kind: CheckKind::Variable, name: var.name })
            });
            self.bind(var.name, id);
        }
        if let Some((depth, slot)) = env.caller {
            let name = Symbol::intern(lower::CALLER);
            let id = self.vars.new_var(name, outer, VarKind::Outer(depth, slot));
            self.vars.get_mut(id).captured = true;
            self.bind(name, id);
        }
        // The code is a function of its own, so that names of the module are
        // always slots.
        let id = FuncId(self.next_func);
        self.next_func += 1;
        self.funcs = vec![FuncState::new(id, FnKind::Module)];
        self.scope = self.vars.new_scope(Some(outer), id);
        self.scope
    }

    /// Records what later pieces of the module need to know.
    fn publish(&mut self) {
        let scope = self.module_scope;
        for (name, entry) in &self.vars.scope(scope).names {
            let scope::Entry::Var(id) = entry else { continue };
            let var = self.vars.get(*id);
            let (Some(slot), true) = (var.slot, var.captured) else { continue };
            let var = ModuleVar {
                slot,
                constant: var.constant,
                assigned: var.assigned,
                declared: var.declared,
                ty: var.ty.clone().filter(|check| is_portable(&check.ty)),
                known: var.known.clone(),
            };
            self.names.known.insert(*name, var);
        }
    }
}

/// Whether a type refers to no variable of this compilation.
fn is_portable(ty: &Ty) -> bool {
    match ty {
        Ty::Name(_) => true,
        Ty::Var(..) | Ty::Path(..) | Ty::Fn(_) => false,
        Ty::Union(parts) => parts.iter().all(is_portable),
        Ty::Applied(outer, args) => is_portable(outer) && args.iter().all(is_portable),
    }
}

fn from_isa(ty: &TypeExpr) -> Ty {
    match ty {
        TypeExpr::Name(name) | TypeExpr::Module(_, name) | TypeExpr::Register(_, name) => {
            Ty::Name(*name)
        }
        TypeExpr::Union(parts) => Ty::Union(parts.iter().map(from_isa).collect()),
        TypeExpr::Applied(outer, args) => {
            Ty::Applied(Box::new(from_isa(outer)), args.iter().map(from_isa).collect())
        }
        TypeExpr::Fn { .. } => Ty::Name(Symbol::intern("Function")),
    }
}

/// Whether a form may lead to jobs for the event loop: it names something
/// asynchronous, a built-in namespace, or code from elsewhere. A module
/// without any need not look at the loop between its forms.
fn may_make_jobs(node: &Node) -> bool {
    let word = |name: Symbol| {
        let name = name.as_str();
        let base = name.split_once(':').map_or(name, |(base, _)| base);
        ["async", "await", "gene", "genex", "import", "eval", "$caller_eval", "on_signal"]
            .contains(&base)
    };
    let props = |props: &[crate::syntax::Prop]| {
        props.iter().any(|p| word(p.key) || may_make_jobs(&p.value))
    };
    match &node.kind {
        Kind::Symbol(name) => word(*name),
        Kind::Path(segments) | Kind::Selector(segments) => segments.iter().any(|s| word(*s)),
        Kind::Array(seq) | Kind::HashMap(seq) => seq.items.iter().any(may_make_jobs),
        Kind::Map(entries, _) => props(entries),
        Kind::Gene(g) => {
            may_make_jobs(&g.head) || props(&g.props) || g.children.iter().any(may_make_jobs)
        }
        Kind::Quote(inner) | Kind::Unquote { form: inner, .. } => may_make_jobs(inner),
        _ => false,
    }
}

/// Whether a form of the module is carried out before the others (3.1).
fn is_definition(node: &Node) -> bool {
    let Kind::Gene(gene) = &node.kind else { return false };
    let Some(head) = gene.head.as_symbol() else { return false };
    match head.as_str() {
        "fn" => gene.children.first().is_some_and(|n| !matches!(n.kind, Kind::Array(_))),
        name => [
            "class",
            "ns",
            "enum",
            "type",
            "object",
            "interface",
            "implement",
            "import",
            "$dep",
            "comptime",
            "export",
        ]
        .contains(&name),
    }
}

//! The state of the front half: scopes, regions, functions around the current
//! place; declaring and resolving names; bodies.

use std::rc::Rc;

use gene_isa::{CheckKind, FnKind, Special, Symbol};
use rustc_hash::FxHashSet;

use super::check::Notes;
use super::hir::*;
use super::scope::{Entry, Known, Var, VarKind, Vars};
use super::{ModuleNames, Options};
use crate::diag::Diagnostic;
use crate::diag::compiler as err;
use crate::source::{FileId, Span};
use crate::syntax::{Kind, Node};

/// Forms nested deeper than this are refused; the reader allows no more either.
const MAX_DEPTH: u32 = 1100;

/// A loop, or something a jump cannot leave, around the current place.
pub(super) enum Around {
    /// A loop with its label.
    Loop(LoopId, Option<Symbol>),
    /// A `finally` body.
    Finally,
}

/// The function that is being lowered.
pub(super) struct FuncState {
    pub id: FuncId,
    pub kind: FnKind,
    pub around: Vec<Around>,
    /// Whether the code belongs to an `(async ...)` body.
    pub async_body: bool,
    /// Inside a class or implementation: `super` and `Self` mean something.
    pub in_class: bool,
    /// Inside the body of `$with` or `$tap`: `self` may be anything.
    pub other_self: bool,
    /// Fields assigned so far.
    pub fields: FxHashSet<Symbol>,
    /// `$ex` of the catch bodies around, innermost last.
    pub exceptions: Vec<VarId>,
    /// Type parameters.
    pub type_params: Vec<Symbol>,
}

/// Lowers syntax to resolved forms.
pub(super) struct Lower<'a> {
    pub vars: Vars,
    pub names: &'a mut ModuleNames,
    pub options: &'a Options,
    pub errors: Vec<Diagnostic>,
    pub scope: ScopeId,
    pub region: u32,
    /// Whether the form stands where a declared variable may take the next register.
    pub direct: bool,
    /// Counts assignments, to know which expressions contain some.
    pub assigns: u32,
    pub funcs: Vec<FuncState>,
    /// Inside a definition of the module, which runs before the other forms.
    pub in_definition: bool,
    /// Evaluated data may look names up at run time.
    pub dynamic: bool,
    /// Names of the classes around, innermost last.
    pub classes: Vec<VarId>,
    pub next_func: u32,
    pub next_loop: u32,
    pub file: FileId,
    pub module_scope: ScopeId,
    /// Whether the top level lets the event loop run between its forms.
    pub turns: bool,
    pub exports: Vec<Symbol>,
    /// Names that `export` forms list.
    pub export_list: Vec<Symbol>,
    pub explicit_exports: bool,
    /// Whether the module may have imported something before this piece, or in it.
    pub imports: bool,
    /// For the warnings about types.
    pub notes: Notes,
    depth: u32,
}

impl<'a> Lower<'a> {
    pub fn new(file: FileId, names: &'a mut ModuleNames, options: &'a Options) -> Lower<'a> {
        let mut vars = Vars::default();
        let main = FuncId(0);
        let scope = vars.new_scope(None, main);
        Lower {
            vars,
            names,
            options,
            errors: Vec::new(),
            scope,
            region: 0,
            direct: true,
            assigns: 0,
            funcs: vec![FuncState::new(main, FnKind::Module)],
            in_definition: false,
            dynamic: false,
            classes: Vec::new(),
            next_func: 1,
            next_loop: 0,
            file,
            module_scope: scope,
            turns: false,
            exports: Vec::new(),
            export_list: Vec::new(),
            explicit_exports: false,
            imports: options.keep_variables,
            notes: Notes::default(),
            depth: 0,
        }
    }

    pub fn func(&mut self) -> &mut FuncState {
        self.funcs.last_mut().expect("the top level is a function")
    }

    pub fn func_id(&self) -> FuncId {
        self.funcs.last().expect("the top level is a function").id
    }

    // ---- results -------------------------------------------------------

    pub fn make(&self, place: Place, kind: Ek) -> Expr {
        Expr { kind, place, assigns: false }
    }

    pub fn nil(&self, place: Place) -> Expr {
        self.make(place, Ek::Special(Special::Nil))
    }

    pub fn special(&self, place: Place, value: Special) -> Expr {
        self.make(place, Ek::Special(value))
    }

    pub fn symbol(&self, place: Place, name: Symbol) -> Expr {
        self.make(place, Ek::Const(gene_isa::datum::Datum::Symbol(name)))
    }

    pub fn string(&self, place: Place, text: &str) -> Expr {
        self.make(place, Ek::Const(gene_isa::datum::Datum::Str(text.into())))
    }

    /// Notes an error; compilation goes on with nil.
    pub fn error(&mut self, place: Place, make: impl FnOnce(Span) -> Diagnostic) -> Expr {
        let span = self.span(place);
        self.errors.push(make(span));
        self.nil(place)
    }

    pub fn span(&self, place: Place) -> Span {
        match place {
            (0, 0) => Span::NONE,
            (start, end) => Span { file: self.file, start, end },
        }
    }

    // ---- walking -------------------------------------------------------

    /// An operand: variables declared in it get registers beforehand.
    pub fn expr(&mut self, node: &Node) -> Expr {
        let direct = std::mem::replace(&mut self.direct, false);
        let expr = self.stmt(node);
        self.direct = direct;
        expr
    }

    /// A form of a body.
    pub fn stmt(&mut self, node: &Node) -> Expr {
        if self.depth >= MAX_DEPTH {
            return self.error(place_of(node), |s| err::too_deep(s, MAX_DEPTH));
        }
        self.depth += 1;
        let before = self.assigns;
        let mut expr = self.form(node);
        expr.assigns = self.assigns != before;
        if expr.place == (0, 0) {
            expr.place = place_of(node);
        }
        self.depth -= 1;
        expr
    }

    /// Forms one after the other, in the current scope.
    pub fn body(&mut self, nodes: &[Node]) -> Expr {
        self.hoist(nodes);
        let before = self.assigns;
        let mut forms: Vec<Expr> = nodes.iter().map(|n| self.stmt(n)).collect();
        let mut expr = match forms.len() {
            1 => forms.pop().expect("one form"),
            _ => self.make(places(nodes), Ek::Do(forms)),
        };
        expr.assigns |= self.assigns != before;
        expr
    }

    /// Forms in a scope of their own.
    pub fn scoped_body(&mut self, nodes: &[Node]) -> Expr {
        self.scoped(|l| l.body(nodes))
    }

    /// What `build` makes in a new scope.
    pub fn scoped(&mut self, build: impl FnOnce(&mut Self) -> Expr) -> Expr {
        let (scope, outer) = self.open_scope();
        let body = build(self);
        self.close_scope(outer);
        if self.vars.scope(scope).vars.is_empty() {
            return body;
        }
        let (place, assigns) = (body.place, body.assigns);
        Expr { kind: Ek::Scope(scope, Box::new(body)), place, assigns }
    }

    /// Enters a new scope; the result goes back to [`Lower::close_scope`].
    pub fn open_scope(&mut self) -> (ScopeId, (ScopeId, bool)) {
        let scope = self.vars.new_scope(Some(self.scope), self.func_id());
        let outer = (std::mem::replace(&mut self.scope, scope), self.direct);
        self.direct = true;
        (scope, outer)
    }

    /// Leaves a scope.
    pub fn close_scope(&mut self, outer: (ScopeId, bool)) {
        (self.scope, self.direct) = outer;
    }

    /// Code that may be skipped while what follows it is not.
    pub fn maybe<T>(&mut self, build: impl FnOnce(&mut Self) -> T) -> T {
        let outer = self.region;
        self.region = self.vars.new_region(outer);
        let result = build(self);
        self.region = outer;
        result
    }

    /// Makes the definitions among `nodes` known to each other: functions by
    /// their names, enums to patterns.
    pub fn hoist(&mut self, nodes: &[Node]) {
        self.hoist_members(nodes, false);
        if self.scope == self.module_scope {
            return;
        }
        for node in nodes {
            if let Some(name) = defined_name(node)
                && !self.vars.scope(self.scope).hoisted.contains_key(&name)
            {
                let var = self.new_var(name);
                self.vars.get_mut(var).declared = false;
                let scope = self.scope;
                self.vars.scope_mut(scope).hoisted.insert(name, var);
            }
        }
    }

    /// Makes the enums among `nodes` known, and in the body of a namespace or
    /// class its members to the functions in it. In a class, functions are
    /// members under any name.
    pub fn hoist_members(&mut self, nodes: &[Node], class: bool) {
        let scope = self.scope;
        let owner = self.vars.scope(scope).names.get(&Symbol::intern("%owner")).copied();
        for node in nodes {
            let Kind::Gene(gene) = &node.kind else { continue };
            let Some(name) = gene.children.first() else { continue };
            let member = match &name.kind {
                Kind::Path(path) if path.len() == 2 && path[0].as_str().is_empty() => Some(path[1]),
                Kind::Symbol(name) if class && gene.head.is_symbol("fn") => Some(*name),
                _ => None,
            };
            if let (Some(member), Some(Entry::Var(owner))) = (member, owner)
                && gene
                    .head
                    .as_symbol()
                    .is_some_and(|head| head.as_str() == "var" || DEFINE.contains(&head.as_str()))
            {
                let text = member.as_str();
                let member = Symbol::intern(base_name(text.strip_suffix(':').unwrap_or(text)));
                self.vars.scope_mut(scope).members.insert(member, owner);
            }
            let named = name.as_symbol().is_some() || (member.is_some() && owner.is_some());
            if gene.head.is_symbol("enum")
                && named
                && let Some(info) = super::enums::declared(gene)
            {
                self.vars.scope_mut(scope).enums.push(Rc::new(info));
            }
        }
    }

    // ---- names ---------------------------------------------------------

    /// A new variable of the current scope, not yet visible.
    pub fn new_var(&mut self, name: Symbol) -> VarId {
        let module = self.scope == self.module_scope;
        let kind = if module { VarKind::Module } else { VarKind::Local };
        let var = self.vars.new_var(name, self.scope, kind);
        let (direct, region) = (self.direct, self.region);
        let keep = module && (self.options.keep_variables || self.in_definition);
        let v = self.vars.get_mut(var);
        (v.direct, v.region) = (direct, region);
        v.captured = keep;
        var
    }

    /// A variable that no name means, for values between steps of a form.
    pub fn hidden_var(&mut self, name: &str) -> VarId {
        let var = self.vars.new_var(Symbol::intern(name), self.scope, VarKind::Local);
        let region = self.region;
        self.vars.get_mut(var).region = region;
        var
    }

    /// Makes `name` mean `var` in the current scope from here on.
    pub fn bind(&mut self, name: Symbol, var: VarId) {
        let scope = self.scope;
        self.vars.scope_mut(scope).names.insert(name, Entry::Var(var));
    }

    /// Declares `name` in the current scope. A name of the module that has
    /// only been used so far is the new variable.
    pub fn declare(&mut self, name: Symbol) -> VarId {
        let scope = self.scope;
        if scope == self.module_scope {
            if let Some(Entry::Var(old)) = self.vars.scope(scope).names.get(&name).copied()
                && !self.vars.get(old).declared
            {
                let v = self.vars.get_mut(old);
                (v.declared, v.region) = (true, 0);
                return old;
            }
        } else if let Some(var) = self.vars.scope_mut(scope).hoisted.remove(&name) {
            let region = self.region;
            let v = self.vars.get_mut(var);
            (v.declared, v.region) = (true, region);
            self.bind(name, var);
            return var;
        }
        let before = match self.vars.scope(scope).names.get(&name) {
            Some(Entry::Var(old)) => Some(*old).filter(|&v| self.vars.get(v).declared),
            _ => None,
        };
        let var = self.new_var(name);
        self.vars.get_mut(var).before =
            before.filter(|&old| self.vars.get(old).region != self.region);
        self.bind(name, var);
        var
    }

    /// Declares a definition of the module or scope; a second one of the same
    /// name replaces the first.
    pub fn declare_definition(&mut self, name: Symbol, known: Known) -> VarId {
        let scope = self.scope;
        let old = match self.vars.scope(scope).names.get(&name) {
            Some(Entry::Var(old)) if self.vars.get(*old).declared => Some(*old),
            _ => None,
        };
        let again = old.filter(|&v| self.vars.get(v).known != Known::Nothing);
        let var = match again {
            Some(var) if scope == self.module_scope => {
                self.vars.get_mut(var).assigned = true;
                var
            }
            _ => self.declare(name),
        };
        let module = scope == self.module_scope;
        let v = self.vars.get_mut(var);
        v.known = known;
        v.captured |= module;
        if module {
            self.exports.push(name);
        }
        var
    }

    /// What a name means here; `None` for names that nothing declares.
    pub fn lookup(&mut self, name: Symbol) -> Option<Entry> {
        let func = self.func_id();
        let mut at = Some(self.scope);
        while let Some(scope) = at {
            let s = self.vars.scope(scope);
            if let Some(entry) = s.names.get(&name) {
                return Some(*entry);
            }
            if s.func != func
                && let Some(var) = s.hoisted.get(&name)
            {
                return Some(Entry::Var(*var));
            }
            if s.func != func
                && let Some(owner) = s.members.get(&name)
            {
                return Some(Entry::Member(*owner));
            }
            at = s.parent;
        }
        self.known_module_name(name).map(Entry::Var)
    }

    /// A name of an earlier piece of the module.
    fn known_module_name(&mut self, name: Symbol) -> Option<VarId> {
        let known = self.names.known.get(&name)?.clone();
        let scope = self.module_scope;
        let var = self.vars.new_var(name, scope, VarKind::Module);
        let v = self.vars.get_mut(var);
        v.captured = true;
        v.slot = Some(known.slot);
        v.constant = known.constant;
        v.known = known.known;
        v.ty = known.ty;
        v.assigned = known.assigned;
        v.declared = known.declared;
        self.vars.scope_mut(scope).names.insert(name, Entry::Var(var));
        Some(var)
    }

    /// The variable of a name; one of the module if nothing declares it.
    pub fn variable(&mut self, name: Symbol) -> Entry {
        if let Some(entry) = self.lookup(name) {
            return entry;
        }
        let scope = self.module_scope;
        let var = self.vars.new_var(name, scope, VarKind::Module);
        let v = self.vars.get_mut(var);
        (v.captured, v.declared) = (true, false);
        self.vars.scope_mut(scope).names.insert(name, Entry::Var(var));
        Entry::Var(var)
    }

    /// Notes that the current function uses `var`; whether the use needs a check.
    pub fn touch(&mut self, var: VarId) -> bool {
        let func = self.func_id();
        let (in_definition, region) = (self.in_definition, self.region);
        let v = self.vars.get(var);
        let foreign = v.func != func || (in_definition && v.kind == VarKind::Module);
        let sure = v.declared && self.vars.region_within(region, v.region);
        let v = self.vars.get_mut(var);
        v.captured |= foreign;
        match v.kind {
            VarKind::Outer(..) => false,
            // Slots of the module are checked when they are read.
            VarKind::Module if v.captured && !v.unsure && sure => false,
            _ if sure => false,
            _ => {
                v.unsure = true;
                true
            }
        }
    }

    /// The value of a variable.
    pub fn read(&mut self, place: Place, var: VarId) -> Expr {
        let check = self.touch(var);
        match self.vars.get(var).before {
            Some(before) if check => {
                let value = self.make(place, Ek::Var(var, false));
                let before = self.read(place, before);
                self.make(place, Ek::IfSet(Box::new((value, before))))
            }
            _ => self.make(place, Ek::Var(var, check)),
        }
    }

    /// The value of a name.
    pub fn name(&mut self, place: Place, name: Symbol) -> Expr {
        match self.variable(name) {
            Entry::Var(var) => self.read(place, var),
            Entry::Member(object) => {
                let object = self.read(place, object);
                self.make(place, Ek::Prop(Box::new(object), name))
            }
        }
    }

    /// The variable that a plain name stands for in a path (7.3), if one is
    /// visible that is no function, class or the like.
    pub fn plain_variable(&mut self, name: Symbol) -> Option<VarId> {
        match self.lookup(name)? {
            Entry::Var(var) => {
                let v: &Var = self.vars.get(var);
                (v.declared && v.known == Known::Nothing).then_some(var)
            }
            Entry::Member(_) => None,
        }
    }

    /// An assignment to a variable, checked against its annotation.
    pub fn assign(&mut self, place: Place, var: VarId, value: Expr) -> Expr {
        self.assigns += 1;
        self.touch_for_write(var);
        let v = self.vars.get_mut(var);
        v.assigned = true;
        let (constant, name, ty) = (v.constant, v.name, v.ty.clone());
        if constant {
            self.error(place, |s| err::reassign_let(s, name));
        }
        let value = match ty {
            Some(check) => self.checked(value, Rc::unwrap_or_clone(check)),
            None => value,
        };
        self.make(place, Ek::Assign(var, Box::new(value)))
    }

    fn touch_for_write(&mut self, var: VarId) {
        let func = self.func_id();
        let in_definition = self.in_definition;
        let v = self.vars.get_mut(var);
        v.captured |= v.func != func || (in_definition && v.kind == VarKind::Module);
    }

    /// A declaration with a value.
    pub fn declaration(&mut self, place: Place, var: VarId, value: Expr) -> Expr {
        self.assigns += 1;
        let ty = self.vars.get(var).ty.clone();
        let value = match ty {
            Some(check) => self.checked(value, Rc::unwrap_or_clone(check)),
            None => value,
        };
        self.make(place, Ek::Declare(var, Box::new(value)))
    }

    /// `value` with a type check, unless types are not checked.
    pub fn checked(&mut self, value: Expr, check: TypeCheck) -> Expr {
        if !self.options.type_check || is_any(&check.ty) {
            return value;
        }
        if check.kind == CheckKind::Variable {
            self.note_meeting(&value, &check.ty, check.kind, format!("variable {}", check.name));
        }
        let (place, assigns) = (value.place, value.assigns);
        Expr { kind: Ek::Check(Box::new(value), Box::new(check)), place, assigns }
    }

    /// All variables visible here, which evaluated data may use: they move to
    /// scopes.
    pub fn env_site(&mut self) -> EnvSite {
        self.dynamic = true;
        let mut seen = FxHashSet::default();
        let mut vars = Vec::new();
        let mut at = Some(self.scope);
        while let Some(scope) = at {
            let s = self.vars.scope(scope);
            let mut found: Vec<(Symbol, VarId)> = s
                .names
                .iter()
                .map(|(name, entry)| match entry {
                    Entry::Var(v) | Entry::Member(v) => (*name, *v),
                })
                .chain(s.hoisted.iter().map(|(name, var)| (*name, *var)))
                .filter(|(_, v)| self.vars.get(*v).kind != VarKind::Module)
                .collect();
            found.sort_by_key(|(_, v)| v.0);
            for (name, var) in found {
                if seen.insert(name) && self.vars.get(var).name == name {
                    vars.push(var);
                }
            }
            at = self.vars.scope(scope).parent;
        }
        for &var in &vars {
            self.vars.get_mut(var).captured = true;
        }
        let caller = match self.lookup(Symbol::intern(CALLER)) {
            Some(Entry::Var(var)) => {
                self.vars.get_mut(var).captured = true;
                Some(var)
            }
            _ => None,
        };
        EnvSite { scope: self.scope, vars, caller }
    }
}

/// Name of the hidden variable with the environment of a macro's caller.
pub(super) const CALLER: &str = "%caller";

impl FuncState {
    pub fn new(id: FuncId, kind: FnKind) -> FuncState {
        FuncState {
            id,
            kind,
            around: Vec::new(),
            async_body: false,
            in_class: false,
            other_self: false,
            fields: FxHashSet::default(),
            exceptions: Vec::new(),
            type_params: Vec::new(),
        }
    }
}

/// Whether a type accepts everything.
pub(super) fn is_any(ty: &Ty) -> bool {
    matches!(ty, Ty::Name(name) if name.as_str() == "Any")
}

/// The place of a node.
pub(super) fn place_of(node: &Node) -> Place {
    if node.span.is_none() { (0, 0) } else { (node.span.start, node.span.end) }
}

/// The place from the first to the last of `nodes`.
pub(super) fn places(nodes: &[Node]) -> Place {
    match (nodes.first(), nodes.last()) {
        (Some(first), Some(last)) => (place_of(first).0, place_of(last).1),
        _ => (0, 0),
    }
}

/// Forms that define a name, or a member if it begins with a slash.
const DEFINE: [&str; 7] = ["fn", "class", "object", "enum", "ns", "interface", "type"];

/// The name of `(fn name ...)` and the like if it is a plain one.
fn defined_name(node: &Node) -> Option<Symbol> {
    let Kind::Gene(gene) = &node.kind else { return None };
    if !DEFINE.contains(&gene.head.as_symbol()?.as_str()) {
        return None;
    }
    let name = match &gene.children.first()?.kind {
        Kind::Symbol(name) => name.as_str(),
        Kind::Str(name) => name,
        _ => return None,
    };
    Some(Symbol::intern(base_name(name)))
}

/// A definition's name without its type parameters.
pub(super) fn base_name(name: &str) -> &str {
    match name.split_once(':') {
        Some((base, rest)) if !base.is_empty() && !rest.is_empty() => base,
        _ => name,
    }
}

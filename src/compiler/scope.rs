//! Names, scopes and variables: which variable a name means at a place, and
//! which variables are captured by inner functions and so live in scopes.

use std::rc::Rc;

use gene_isa::Symbol;
use rustc_hash::FxHashMap;

use super::hir::{FuncId, ScopeId, TypeCheck, VarId};

/// What kind of storage a variable can have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum VarKind {
    /// Of a function: a register, or a slot of a scope if it is captured.
    Local,
    /// Of the module: a register of the top level, or a module slot.
    Module,
    /// Of the environment of evaluated data: parents to walk, slot.
    Outer(u16, u16),
}

/// What is known of an enum from its declaration.
#[derive(Debug, PartialEq)]
pub struct EnumInfo {
    /// Its name.
    pub name: Symbol,
    /// Variants with their fields.
    pub variants: Vec<(Symbol, Vec<Symbol>)>,
}

/// What is known of an interface from its declaration.
#[derive(Debug, PartialEq)]
pub struct InterfaceInfo {
    /// Its name.
    pub name: Symbol,
    /// Names of the required methods.
    pub methods: Vec<Symbol>,
    /// Names of the required fields.
    pub fields: Vec<Symbol>,
}

/// What a class declaration tells about members, for checks against interfaces.
#[derive(Debug, PartialEq)]
pub struct ClassInfo {
    /// Names of the methods, inherited ones included.
    pub methods: Vec<Symbol>,
    /// Declared fields, inherited ones included.
    pub fields: Vec<Symbol>,
    /// Whether an ancestor is unknown, so that more members may exist.
    pub open: bool,
}

/// What a definition tells about the value of a variable.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Known {
    /// Nothing.
    #[default]
    Nothing,
    /// It is a function or another definition that 7.3 does not count.
    Definition,
    /// An enum.
    Enum(Rc<EnumInfo>),
    /// An interface.
    Interface(Rc<InterfaceInfo>),
    /// A class.
    Class(Rc<ClassInfo>),
}

/// A variable.
#[derive(Debug)]
pub struct Var {
    /// Its name.
    pub name: Symbol,
    /// Scope it belongs to.
    pub scope: ScopeId,
    /// Function it belongs to.
    pub func: FuncId,
    /// Kind of storage.
    pub kind: VarKind,
    /// Whether something other than the own frame uses it.
    pub captured: bool,
    /// Declared by `let`.
    pub constant: bool,
    /// Whether a declaration has been seen; module names used before have none.
    pub declared: bool,
    /// Whether it is assigned after its declaration.
    pub assigned: bool,
    /// Annotation of `var` and `let`.
    pub ty: Option<Rc<TypeCheck>>,
    /// What its definition tells.
    pub known: Known,
    /// Whether its register can be taken at its declaration.
    pub direct: bool,
    /// Whether some use may come before its declaration has been executed.
    pub unsure: bool,
    /// Region of the declaration.
    pub region: u32,
    /// What the name meant before in the same scope, if this declaration may
    /// be skipped: then it still means that.
    pub before: Option<VarId>,
    /// Register, scope slot or module slot, once given.
    pub slot: Option<u32>,
}

/// A lexical scope.
#[derive(Debug)]
pub struct Scope {
    /// The scope around it.
    pub parent: Option<ScopeId>,
    /// The function it belongs to.
    pub func: FuncId,
    /// What names mean.
    pub names: FxHashMap<Symbol, Entry>,
    /// Functions that are defined further down.
    pub hoisted: FxHashMap<Symbol, VarId>,
    /// Members of the namespace or class whose body this is that are defined
    /// further down, and the variable of that namespace or class.
    pub members: FxHashMap<Symbol, VarId>,
    /// Enums that its forms declare, further down ones too.
    pub enums: Vec<Rc<EnumInfo>>,
    /// Its variables in the order of declaration.
    pub vars: Vec<VarId>,
}

/// What a name means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Entry {
    /// A variable.
    Var(VarId),
    /// A member of the namespace or class in that variable.
    Member(VarId),
}

/// All variables and scopes of one compilation.
#[derive(Debug, Default)]
pub struct Vars {
    /// The variables.
    pub vars: Vec<Var>,
    /// The scopes.
    pub scopes: Vec<Scope>,
    /// Parent of each region: a stretch of code that may be skipped while what
    /// follows it in the same scope is not.
    regions: Vec<u32>,
}

impl Vars {
    /// The variable.
    pub fn get(&self, id: VarId) -> &Var {
        &self.vars[id.0 as usize]
    }

    /// The variable, to be changed.
    pub fn get_mut(&mut self, id: VarId) -> &mut Var {
        &mut self.vars[id.0 as usize]
    }

    /// The scope.
    pub fn scope(&self, id: ScopeId) -> &Scope {
        &self.scopes[id.0 as usize]
    }

    /// The scope, to be changed.
    pub fn scope_mut(&mut self, id: ScopeId) -> &mut Scope {
        &mut self.scopes[id.0 as usize]
    }

    /// A new scope.
    pub fn new_scope(&mut self, parent: Option<ScopeId>, func: FuncId) -> ScopeId {
        self.scopes.push(Scope {
            parent,
            func,
            names: FxHashMap::default(),
            hoisted: FxHashMap::default(),
            members: FxHashMap::default(),
            enums: Vec::new(),
            vars: Vec::new(),
        });
        ScopeId(self.scopes.len() as u32 - 1)
    }

    /// A new variable of `scope` that no name means yet.
    pub fn new_var(&mut self, name: Symbol, scope: ScopeId, kind: VarKind) -> VarId {
        let func = self.scope(scope).func;
        let id = VarId(self.vars.len() as u32);
        self.vars.push(Var {
            name,
            scope,
            func,
            kind,
            captured: false,
            constant: false,
            declared: true,
            assigned: false,
            ty: None,
            known: Known::Nothing,
            direct: false,
            unsure: false,
            region: 0,
            before: None,
            slot: None,
        });
        self.scope_mut(scope).vars.push(id);
        id
    }

    /// A new region inside `parent`.
    pub fn new_region(&mut self, parent: u32) -> u32 {
        if self.regions.is_empty() {
            self.regions.push(0);
        }
        self.regions.push(parent);
        self.regions.len() as u32 - 1
    }

    /// Whether `inner` lies within `outer`.
    pub fn region_within(&self, mut inner: u32, outer: u32) -> bool {
        // Numbers grow inwards, so the walk ends as soon as it has passed `outer`.
        while inner > outer {
            inner = self.regions[inner as usize];
        }
        inner == outer
    }

    /// Whether the variable is a slot of its scope.
    pub fn lives_in_scope(&self, id: VarId) -> bool {
        let var = self.get(id);
        var.captured && var.kind == VarKind::Local
    }
}

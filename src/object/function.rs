//! Functions, natives, bound methods, code and modules.

use std::cell::{Cell, RefCell};
use std::ptr::NonNull;
use std::sync::Arc;

use gene_isa::{FnKind, Insn, Symbol};

use super::feedback::Tiering;
use super::{Kind, Namespace, Trace};
use crate::heap::scope::Scopes;
use crate::heap::{Gc, Header, Heap, Marker, Scope, Shape};
use crate::value::Value;

/// An inline cache: what an instruction found last time.
#[derive(Clone)]
pub struct Cache {
    /// The name that the instruction looks up.
    pub name: Symbol,
    /// Class for which `method` is right; 0 if none.
    pub class_id: u32,
    /// Slot for objects of `shape`.
    pub slot: u32,
    /// Shape for which `slot` is right, or null.
    pub shape: *const Shape,
    /// Shape after adding the key, for a store that adds; else null.
    pub next: *const Shape,
    /// The method.
    pub method: Value,
}

/// A compiled function made ready to run: constants as values, caches.
#[repr(C)]
pub struct Code {
    header: Header,
    /// First instruction.
    pub insns: *const Insn,
    /// Size of the register window.
    pub nregs: u32,
    /// Value of [`Function`]'s `entry` for functions of this code.
    pub entry: u32,
    /// What the compiled tier knows of it.
    pub tiering: Tiering,
    /// First constant.
    pub consts: *const Value,
    /// First cache.
    pub caches: *mut Cache,
    /// The module whose variables it sees.
    pub module: Gc<Module>,
    /// The plain data that this was made from.
    pub data: Arc<gene_isa::Code>,
    /// Owner of the constants.
    pub const_pool: Box<[Value]>,
    /// Functions inside.
    pub protos: Box<[Gc<Code>]>,
    /// Shapes of the key lists; `None` where a map would need a dictionary.
    pub keysets: Box<[Option<&'static Shape>]>,
}

/// `entry` of functions that need more than a jump to be called.
pub const ENTRY_SLOW: u32 = u32::MAX;
/// Bit of `entry`: scope registers have to be set to nil.
pub const ENTRY_SCOPES: u32 = 1 << 16;

impl Code {
    /// See the fields. `caches` must stay at their place; the code owns them.
    #[allow(clippy::too_many_arguments)]
    pub fn new(
        heap: &mut Heap,
        module: Gc<Module>,
        data: Arc<gene_isa::Code>,
        consts: Box<[Value]>,
        protos: Box<[Gc<Code>]>,
        keysets: Box<[Option<&'static Shape>]>,
    ) -> Gc<Code> {
        let caches = data.caches.iter().map(|name| Cache {
            name: *name,
            class_id: 0,
            slot: 0,
            shape: std::ptr::null(),
            next: std::ptr::null(),
            method: Value::NIL,
        });
        let caches: Box<[Cache]> = caches.collect();
        let entry = match (data.kind, data.params.exact()) {
            (FnKind::Function | FnKind::Block | FnKind::Ctor, Some(exact)) => {
                exact as u32 | if data.scope_regs.is_empty() { 0 } else { ENTRY_SCOPES }
            }
            _ => ENTRY_SLOW,
        };
        heap.count_external(data.insns.len() * 8 + caches.len() * size_of::<Cache>());
        heap.alloc(
            Code {
                header: Header::new(Kind::Code as u8),
                insns: data.insns.as_ptr(),
                nregs: data.nregs as u32,
                entry,
                tiering: Tiering::new(data.insns.as_ptr()),
                consts: consts.as_ptr(),
                caches: Box::leak(caches).as_mut_ptr(),
                module,
                data,
                const_pool: consts,
                protos,
                keysets,
            },
            0,
        )
    }

    /// The name for traces and messages.
    pub fn name(&self) -> &'static str {
        self.data.name.map_or("<unnamed>", Symbol::as_str)
    }
}

impl Drop for Code {
    fn drop(&mut self) {
        let caches = std::ptr::slice_from_raw_parts_mut(self.caches, self.data.caches.len());
        // SAFETY: leaked in `new` with this length, and not used any more.
        drop(unsafe { Box::from_raw(caches) });
    }
}

impl Trace for Code {
    fn trace(&self, marker: &mut Marker) {
        marker.object(self.module);
        marker.values(&self.const_pool);
        for proto in &self.protos {
            marker.object(*proto);
        }
        self.tiering.trace(marker);
        // Cached methods are kept by their classes.
    }
    fn bytes(&self) -> usize {
        size_of::<Code>()
    }
}

/// A function: code over a scope.
#[repr(C)]
pub struct Function {
    /// `extra` is the code's `entry`, where a call looks first.
    pub header: Header,
    /// What it runs.
    pub code: Gc<Code>,
    /// The captured variables; one count.
    pub scope: Option<NonNull<Scope>>,
    /// `self` of calls that do not bring one.
    pub this: Cell<Value>,
    /// The class whose method it is, for `super`; nil otherwise.
    pub home: Cell<Value>,
}

impl Function {
    /// A function over `scope`, which is retained.
    #[inline]
    pub fn new(
        heap: &mut Heap,
        code: Gc<Code>,
        scope: Option<NonNull<Scope>>,
        this: Value,
        home: Value,
    ) -> Gc<Function> {
        if let Some(scope) = scope {
            heap.retain_scope(scope);
        }
        let header = Header::with(Kind::Function as u8, 0, code.entry);
        heap.alloc(
            Function { header, code, scope, this: Cell::new(this), home: Cell::new(home) },
            0,
        )
    }
}

impl Function {
    /// The scopes whose variables it can use, innermost first.
    pub fn scopes(&self) -> impl Iterator<Item = &Scope> {
        // SAFETY: the function holds a count on its scope and each scope one on
        // its parent, so they live as long as the function.
        std::iter::successors(self.scope, |s| unsafe { s.as_ref() }.parent())
            // SAFETY: as above.
            .map(|s| unsafe { s.as_ref() })
    }
}

impl Trace for Function {
    fn trace(&self, marker: &mut Marker) {
        marker.object(self.code);
        if let Some(scope) = self.scope {
            marker.scope(scope);
        }
        marker.value(self.this.get());
        marker.value(self.home.get());
    }
    fn bytes(&self) -> usize {
        size_of::<Function>()
    }
    fn release(&self, scopes: &mut Scopes) {
        if let Some(scope) = self.scope {
            scopes.release(scope);
        }
    }
}

/// The address of a native function; the vm knows its type.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct NativePtr(pub *const ());

/// A function written in Rust.
#[repr(C)]
pub struct Native {
    header: Header,
    /// What it runs.
    pub function: NativePtr,
    /// Its name.
    pub name: Symbol,
    /// Least number of arguments.
    pub min: u16,
    /// Greatest number of arguments; `u16::MAX` for any.
    pub max: u16,
    /// Whether it takes keyword arguments.
    pub keywords: bool,
    /// A value for the function itself, nil for most.
    pub data: Value,
}

impl Native {
    /// A native function.
    pub fn new(
        heap: &mut Heap,
        function: NativePtr,
        name: Symbol,
        arity: (u16, u16),
        keywords: bool,
        data: Value,
    ) -> Gc<Native> {
        let header = Header::new(Kind::Native as u8);
        heap.alloc(Native { header, function, name, min: arity.0, max: arity.1, keywords, data }, 0)
    }
}

impl Trace for Native {
    fn trace(&self, marker: &mut Marker) {
        marker.value(self.data);
    }
    fn bytes(&self) -> usize {
        size_of::<Native>()
    }
}

/// A method with its receiver.
#[repr(C)]
pub struct BoundMethod {
    header: Header,
    /// The receiver.
    pub this: Value,
    /// The method.
    pub method: Value,
}

impl BoundMethod {
    /// `method` with `this` as its receiver.
    pub fn new(heap: &mut Heap, this: Value, method: Value) -> Gc<BoundMethod> {
        heap.alloc(BoundMethod { header: Header::new(Kind::BoundMethod as u8), this, method }, 0)
    }
}

impl Trace for BoundMethod {
    fn trace(&self, marker: &mut Marker) {
        marker.value(self.this);
        marker.value(self.method);
    }
    fn bytes(&self) -> usize {
        size_of::<BoundMethod>()
    }
}

/// The environment of a macro call: where its arguments came from.
#[repr(C)]
pub struct EnvObject {
    /// Header.
    pub header: Header,
    /// The function that called.
    pub function: Value,
    /// Its innermost scope; one count.
    pub scope: Option<NonNull<Scope>>,
    /// Its self.
    pub this: Value,
    /// Index of the names in its code.
    pub env: u16,
}

/// A module: its variables, and its namespace of exported members.
#[repr(C)]
pub struct Module {
    header: Header,
    /// The variables by slot. Stores need no barrier: modules are always
    /// traced, see [`Module::trace`] and the vm's roots.
    pub vars: Cell<*mut Value>,
    /// Owner of the variables.
    pool: RefCell<Vec<Value>>,
    /// Names of the variables by slot.
    pub names: RefCell<Vec<Symbol>>,
    /// Name to slot, and what can be imported.
    pub exports: RefCell<Vec<(Symbol, u32)>>,
    /// Whether an `export` form names the exports.
    pub explicit_exports: Cell<bool>,
    /// Members, `$ns`.
    pub namespace: Gc<Namespace>,
    /// What `import *` made visible: a map, or nil.
    pub imported: Cell<Value>,
    /// Path of the file.
    pub path: String,
    /// See [`origin`](super::origin).
    pub origin: Cell<u64>,
    /// Where its code runs, if that is an actor: what knows the objects that
    /// other heaps have too; else nil.
    pub world: Cell<Value>,
}

impl Module {
    /// A module without variables.
    pub fn new(heap: &mut Heap, path: &str, namespace: Gc<Namespace>) -> Gc<Module> {
        heap.alloc(
            Module {
                header: Header::new(Kind::Module as u8),
                vars: Cell::new(std::ptr::null_mut()),
                pool: RefCell::default(),
                names: RefCell::default(),
                exports: RefCell::default(),
                explicit_exports: Cell::new(false),
                namespace,
                imported: Cell::new(Value::NIL),
                path: path.to_owned(),
                origin: Cell::new(0),
                world: Cell::new(Value::NIL),
            },
            0,
        )
    }

    /// Takes the slots of newly compiled code, which only ever appends.
    pub fn grow(&self, names: &[Symbol]) {
        let mut pool = self.pool.borrow_mut();
        let len = names.len().max(pool.len());
        pool.resize(len, Value::UNSET);
        self.vars.set(pool.as_mut_ptr());
        *self.names.borrow_mut() = names.to_vec();
    }

    /// Value of a variable.
    pub fn var(&self, slot: usize) -> Value {
        self.pool.borrow()[slot]
    }

    /// Values of all variables.
    pub fn values(&self) -> Vec<Value> {
        self.pool.borrow().clone()
    }

    /// Sets a variable.
    pub fn set_var(&self, slot: usize, value: Value) {
        self.pool.borrow_mut()[slot] = value;
    }

    /// Value of the last variable declared with this name.
    pub fn lookup(&self, name: Symbol) -> Option<Value> {
        let slot = self.names.borrow().iter().rposition(|n| *n == name)?;
        Some(self.var(slot)).filter(|v| !v.is_unset())
    }

    /// Marks the variables.
    pub fn trace_vars(&self, marker: &mut Marker) {
        marker.values(&self.pool.borrow());
    }
}

impl Trace for Module {
    fn trace(&self, marker: &mut Marker) {
        self.trace_vars(marker);
        marker.object(self.namespace);
        marker.value(self.imported.get());
        marker.value(self.world.get());
    }
    fn bytes(&self) -> usize {
        size_of::<Module>()
    }
}

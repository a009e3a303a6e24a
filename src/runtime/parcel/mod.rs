//! Values on their way to another heap: messages of actors and their code.
//!
//! [`pack`] turns a value and what it refers to into plain data, [`unpack`]
//! makes objects of that. Code is copied along with the data: a function with
//! the variables it has captured and those of its module that it uses, classes,
//! enums and namespaces as a whole. These have an identity
//! ([`origin`](crate::object::origin)) by which a [`World`] knows its copy, so
//! that the second message with a value of an enum brings no second enum.
#![forbid(unsafe_code)]

mod pack;
mod unpack;

use std::cell::RefCell;
use std::sync::Arc;

use gene_isa::Symbol;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::heap::{Gc, Marker};
use crate::object::Code;
use crate::object::foreign::{Foreign, ForeignData, Portable, foreign};
use crate::object::misc::QuoteMark;
use crate::value::Value;
use crate::vm::Vm;

pub use pack::Packer;

/// Values and what they refer to, without a heap.
pub struct Parcel {
    nodes: Vec<Node>,
    scopes: Vec<ScopeNode>,
    /// Variables of modules: the node of the module, slot, value.
    slots: Vec<(u32, u32, Item)>,
    roots: Vec<Item>,
    /// The code uses data in variables of modules, or assigns to them: it needs
    /// a world of its own.
    is_private: bool,
}

/// A part of a parcel.
#[derive(Clone, Copy)]
enum Item {
    /// The bits of a value that is no object.
    Word(u64),
    Node(u32),
}

/// A captured scope.
struct ScopeNode {
    parent: Option<u32>,
    slots: Vec<Item>,
    frozen: bool,
}

/// An object. `flags` are those of the header that are kept: sealed, frozen.
enum Node {
    /// What code refers to and cannot be copied.
    Missing,
    Text(Box<str>),
    Int(i64),
    Bytes(Box<[u8]>),
    Range(i64, i64, Option<i64>),
    Path(Vec<Symbol>),
    Quoted(QuoteMark, Item),
    Array {
        items: Vec<Item>,
        flags: u8,
    },
    Map {
        entries: Vec<(Symbol, Item)>,
        flags: u8,
    },
    Hash {
        entries: Vec<(Item, Item)>,
        set: bool,
        flags: u8,
    },
    Gene {
        head: Item,
        props: Vec<(Symbol, Item)>,
        children: Vec<Item>,
        flags: u8,
    },
    EnumValue {
        variant: Item,
        payload: Vec<Item>,
    },
    Variant {
        parent: Item,
        ordinal: usize,
    },
    Enum {
        origin: u64,
        name: Symbol,
        variants: Vec<VariantNode>,
    },
    Foreign {
        make: Portable,
        values: Vec<Item>,
    },
    Function(Box<FunctionNode>),
    Native {
        function: usize,
        name: Symbol,
        arity: (u16, u16),
        keywords: bool,
        data: Item,
    },
    BoundMethod {
        this: Item,
        method: Item,
    },
    BuiltinClass(Symbol),
    Class(Box<ClassNode>),
    Namespace {
        origin: u64,
        name: Symbol,
        members: Vec<(Symbol, Item)>,
        missing: Item,
    },
    /// The namespace of a module.
    Exports(Item),
    Module {
        origin: u64,
        path: String,
        names: Vec<Symbol>,
        imported: Item,
    },
    Interface(Box<InterfaceNode>),
    Implementation(Box<ImplementationNode>),
}

struct VariantNode {
    name: Symbol,
    fields: Vec<Symbol>,
    types: Vec<Item>,
}

struct FunctionNode {
    code: Arc<gene_isa::Code>,
    module: Item,
    scope: Option<u32>,
    this: Item,
    home: Item,
    flags: u8,
}

struct ClassNode {
    origin: u64,
    name: Symbol,
    parent: Option<Item>,
    methods: Vec<(Symbol, Item)>,
    ctor: Item,
    missing: Item,
    fields: Option<Vec<(Symbol, Item)>>,
    closed: bool,
    interfaces: Vec<Item>,
    members: Vec<(Symbol, Item)>,
    room: u32,
    module: String,
}

struct InterfaceNode {
    origin: u64,
    name: Symbol,
    methods: Vec<Symbol>,
    fields: Vec<(Symbol, bool)>,
    implementations: Vec<(Item, Item)>,
}

struct ImplementationNode {
    interface: Item,
    class: Item,
    methods: Vec<(Symbol, Item)>,
    ctor: Item,
}

/// Objects of a program or actor that have copies in other heaps, by origin.
#[derive(Default)]
pub struct World {
    objects: RefCell<FxHashMap<u64, Value>>,
    /// Code by the address of its data.
    codes: RefCell<FxHashMap<usize, Gc<Code>>>,
}

impl ForeignData for World {
    fn class(&self) -> &'static str {
        "Object"
    }
    fn trace(&self, marker: &mut Marker) {
        self.objects.borrow().values().for_each(|v| marker.value(*v));
        self.codes.borrow().values().for_each(|c| marker.object(*c));
    }
}

impl World {
    /// An empty one.
    pub fn create(vm: &mut Vm) -> Value {
        Foreign::new(&mut vm.heap, World::default()).value()
    }

    /// Modules and classes that only this world has are garbage with it.
    pub fn forget(vm: &mut Vm, world: Value) {
        let objects: FxHashSet<u64> = match foreign::<World>(world) {
            Some(world) => world.objects.borrow().values().map(|v| v.bits()).collect(),
            None => return,
        };
        vm.forget_code(|object| objects.contains(&object.bits()));
    }
}

/// Makes an object known in a world.
fn register(vm: &mut Vm, world: Value, origin: u64, object: Value) {
    if let (Some(known), Some(cell)) = (foreign::<World>(world), Gc::<Foreign>::from_value(world)) {
        known.objects.borrow_mut().insert(origin, object);
        vm.heap.barrier(cell);
    }
}

fn known(world: Value, origin: u64) -> Option<Value> {
    foreign::<World>(world)?.objects.borrow().get(&origin).copied()
}

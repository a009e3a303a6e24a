//! The built-in classes, and the class of every value.

use gene_isa::Symbol;

use super::Vm;
use crate::heap::Gc;
use crate::object::record::as_record;
use crate::object::{
    Class, Coroutine, EnumValue, Foreign, Function, HashObject, Kind, Variant, kind_of,
};
use crate::value::Value;
use gene_isa::FnKind;

macro_rules! class_names {
    ($($name:ident $(< $parent:ident)?,)*) => {
        /// The built-in classes.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[allow(missing_docs)]
        #[repr(usize)]
        pub enum ClassName { $($name),* }

        impl ClassName {
            /// All of them, parents first, with their names and parents.
            pub const ALL: &'static [(ClassName, &'static str, Option<ClassName>)] = &[
                $((ClassName::$name, stringify!($name), class_names!(@parent $($parent)?))),*
            ];
        }
    };
    (@parent) => { None };
    (@parent $parent:ident) => { Some(ClassName::$parent) };
}

class_names! {
    Object,
    Int < Object, Float < Object, Bool < Object, Nil < Object, Void < Object, NotFound < Object,
    String < Object, Char < Object, Symbol < Object, ComplexSymbol < Object,
    Array < Object, Map < Object, HashMap < Object, HashSet < Object, Gene < Object,
    Range < Object, Selector < Object, Function < Object, Class < Object, Namespace < Object,
    Date < Object, DateTime < Object, Time < Object, Bytes < Object, Regexp < Object,
    RegexpMatch < Object, Future < Object, Generator < Object, AsyncGenerator < Object,
    Interface < Object, Adapter < Object, Interceptor < Object, Interception < Object,
    Type < Object, ArrayIterator < Object, MapIterator < Object, RangeIterator < Object,
    Module < Object, Package < Object, Application < Object,
    Exception < Object,
    RuntimeException < Exception, TypeException < Exception, ArgumentException < Exception,
    IOError < Exception, ParseException < Exception, AssertionException < Exception,
    ConcurrencyException < Exception, TimeoutException < ConcurrencyException,
    CancellationException < ConcurrencyException, ThreadException < ConcurrencyException,
    NetworkException < Exception, ProviderException < Exception,
}

impl Vm {
    /// Makes the built-in classes; part of starting up.
    pub(super) fn make_classes(&mut self) {
        for (_, name, parent) in ClassName::ALL {
            let parent = parent.map(|p| self.class(p));
            let id = self.new_class_id();
            let class = Class::new(&mut self.heap, Symbol::intern(name), parent, id);
            self.classes.push(class);
            self.define_value(name, class.value());
        }
    }

    /// A built-in class.
    #[inline(always)]
    pub fn class(&self, name: ClassName) -> Gc<Class> {
        self.classes[name as usize]
    }

    /// Identity for a new class.
    pub fn new_class_id(&mut self) -> u32 {
        self.next_class_id += 1;
        self.next_class_id
    }

    /// A further built-in class, such as those of handles; a global name if
    /// `global` and a member of `gene` in any case.
    pub fn make_class(&mut self, name: &str, parent: ClassName) -> Gc<Class> {
        let symbol = Symbol::intern(name);
        if let Some(class) = self.other_classes.get(&symbol) {
            return *class;
        }
        let parent = self.class(parent);
        let id = self.new_class_id();
        let class = Class::new(&mut self.heap, symbol, Some(parent), id);
        self.other_classes.insert(symbol, class);
        self.define_in(&format!("gene/{name}"), class.value());
        class
    }

    /// The name of a class that every interpreter has.
    pub fn builtin_class_name(&self, class: Gc<Class>) -> Option<Symbol> {
        let mut all = self.classes.iter().chain(self.other_classes.values());
        all.any(|c| *c == class).then_some(class.name)
    }

    /// The class that [`Vm::builtin_class_name`] named.
    pub fn builtin_class(&self, name: Symbol) -> Option<Gc<Class>> {
        let mut all = self.classes.iter().chain(self.other_classes.values());
        all.find(|c| c.name == name).copied()
    }

    /// Modules and classes are no roots any more.
    pub fn forget_code(&mut self, is_forgotten: impl Fn(Value) -> bool) {
        self.modules.retain(|m| !is_forgotten(m.value()));
        self.user_classes.retain(|c| !is_forgotten(c.value()));
    }

    /// The class of objects with Rust data, by its name. Every method call on a
    /// channel comes here: names are found by their address.
    fn foreign_class(&self, name: &'static str) -> Gc<Class> {
        let key = (name.as_ptr() as usize, name.len());
        if let Some(class) = self.foreign_classes.borrow().get(&key) {
            return *class;
        }
        let class = self.named_class(name);
        if class != self.class(ClassName::Object) {
            self.foreign_classes.borrow_mut().insert(key, class);
        }
        class
    }

    fn named_class(&self, name: &str) -> Gc<Class> {
        let found = ClassName::ALL.iter().find(|(_, n, _)| *n == name);
        match found {
            Some((class, ..)) => self.class(*class),
            None => {
                let symbol = Symbol::get(name);
                let class = symbol.and_then(|s| self.other_classes.get(&s).copied());
                class.unwrap_or(self.class(ClassName::Object))
            }
        }
    }

    /// The class of a value.
    #[inline]
    pub fn class_of(&self, value: Value) -> Gc<Class> {
        let name = match kind_of(value) {
            Some(Kind::Instance) => {
                let class = as_record(value).map(|r| Value::from_bits(r.shape().class.get()));
                if let Some(class) = class.and_then(Gc::<Class>::from_value) {
                    return class;
                }
                ClassName::Object
            }
            Some(kind) => match kind {
                Kind::Str => ClassName::String,
                Kind::BoxedInt => ClassName::Int,
                Kind::Array => ClassName::Array,
                Kind::Map => ClassName::Map,
                Kind::HashObject => match Gc::<HashObject>::from_value(value) {
                    Some(table) if table.is_set() => ClassName::HashSet,
                    _ => ClassName::HashMap,
                },
                Kind::Gene | Kind::Quoted => ClassName::Gene,
                Kind::Function | Kind::Native | Kind::BoundMethod => ClassName::Function,
                Kind::Class => ClassName::Class,
                Kind::Namespace => ClassName::Namespace,
                Kind::Range => ClassName::Range,
                Kind::PathSymbol => ClassName::ComplexSymbol,
                Kind::Bytes => ClassName::Bytes,
                Kind::Module => ClassName::Module,
                Kind::Coroutine => match Gc::<Coroutine>::from_value(value) {
                    Some(c) if c.code.data.kind == FnKind::AsyncGenerator => {
                        ClassName::AsyncGenerator
                    }
                    _ => ClassName::Generator,
                },
                Kind::Future => ClassName::Future,
                Kind::Foreign => {
                    let foreign = Gc::<Foreign>::from_value(value);
                    return foreign.map_or(self.class(ClassName::Object), |f| {
                        self.foreign_class(f.data.class())
                    });
                }
                _ => ClassName::Object,
            },
            None if value.is_small_int() => ClassName::Int,
            None if value.is_float() => ClassName::Float,
            None if value.as_symbol().is_some() => ClassName::Symbol,
            None if value.as_char().is_some() => ClassName::Char,
            None => match value {
                Value::NIL => ClassName::Nil,
                Value::VOID => ClassName::Void,
                Value::NOT_FOUND => ClassName::NotFound,
                Value::TRUE | Value::FALSE => ClassName::Bool,
                _ => ClassName::Object,
            },
        };
        self.class(name)
    }

    /// What `typeof` gives.
    pub fn type_name(&self, value: Value) -> String {
        let name = match kind_of(value) {
            Some(Kind::Instance) => self.class_of(value).name.as_str(),
            Some(Kind::Function) => match Gc::<Function>::from_value(value) {
                Some(f) if f.code.data.kind == FnKind::Block => "Block",
                _ => "Function",
            },
            Some(Kind::Namespace) => "VkNamespace",
            Some(Kind::Range) => "VkRange",
            Some(Kind::Bytes) => "VkBytes",
            Some(Kind::Enum) => "VkEnum",
            Some(Kind::Variant) => {
                Gc::<Variant>::from_value(value).map_or("VkEnum", |v| v.parent.name.as_str())
            }
            Some(Kind::EnumValue) => Gc::<EnumValue>::from_value(value)
                .map_or("VkEnum", |v| v.variant.parent.name.as_str()),
            Some(Kind::Foreign) => {
                let foreign = Gc::<Foreign>::from_value(value);
                foreign.map_or("Object", |f| f.data.type_name())
            }
            Some(Kind::Coroutine) => match Gc::<Coroutine>::from_value(value) {
                Some(co) if co.code.data.kind == FnKind::AsyncGenerator => "AsyncGenerator",
                _ => "Generator",
            },
            Some(_) => self.class_of(value).name.as_str(),
            None if value.is_void() => "VkVoid",
            None if value == Value::NOT_FOUND => "VkNotFound",
            None if value.as_char().is_some() => "VkChar",
            None => self.class_of(value).name.as_str(),
        };
        name.to_owned()
    }
}

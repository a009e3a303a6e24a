//! Members: paths, fields, indices (7.1), reading and writing.

use gene_isa::Symbol;

use super::call::MethodLike;
use super::error::{Throw, is_hidden};
use super::{ClassName, Vm};
use crate::heap::header::{FROZEN, header_of};
use crate::heap::{Gc, Shape};
use crate::object::function::Cache;
use crate::object::misc::int_of;
use crate::object::record::as_record;
use crate::object::*;
use crate::value::Value;

impl Vm {
    // ---- reading -------------------------------------------------------------

    /// `object/name` where the cache was no help; fills it if it can be.
    #[cold]
    #[inline(never)]
    pub(super) fn get_prop_slow(
        &mut self,
        object: Value,
        cache: &mut Cache,
    ) -> Result<Value, Throw> {
        if let Some(record) = as_record(object) {
            let shape = record.shape();
            if !shape.is_dictionary()
                && let Some(slot) = shape.slot(cache.name)
            {
                cache.shape = shape;
                cache.slot = slot as u32;
                cache.next = std::ptr::null();
                return Ok(record.slot(slot));
            }
        }
        self.get_member(object, cache.name)
    }

    /// `object/name`: `void` if there is none.
    ///
    /// # Errors
    ///
    /// What an `on_member_missing` function raises.
    pub fn get_member(&mut self, object: Value, name: Symbol) -> Result<Value, Throw> {
        let Some(kind) = kind_of(object) else {
            return Ok(if object.is_nil() { Value::NIL } else { Value::VOID });
        };
        let found = match kind {
            Kind::Map => as_record(object).and_then(|r| r.get(name)),
            Kind::Instance => match as_record(object) {
                Some(record) => {
                    record.get(name).or_else(|| self.exception_field(record, object, name))
                }
                None => None,
            },
            Kind::Gene => Gc::<Gene>::from_value(object).and_then(|g| g.props()?.get(name)),
            Kind::Class => Gc::<Class>::from_value(object).and_then(|c| c.member(name)),
            Kind::Namespace => return self.namespace_member(object, name),
            Kind::Module => {
                let module = Gc::<Module>::from_value(object);
                module.and_then(|m| m.namespace.members.get(name))
            }
            Kind::Enum => {
                Gc::<Enum>::from_value(object).and_then(|e| Some(e.variant(name)?.value()))
            }
            Kind::Foreign => return self.foreign_member(object, name),
            _ => None,
        };
        Ok(found.unwrap_or(Value::VOID))
    }

    fn foreign_member(&mut self, object: Value, name: Symbol) -> Result<Value, Throw> {
        let foreign = Gc::<Foreign>::from_value(object);
        if let Some(value) = foreign.and_then(|f| as_record(f.props.get())?.get(name)) {
            return Ok(value);
        }
        if let Some(value) = foreign.and_then(|f| f.data.member(&mut self.heap, name)) {
            return Ok(value);
        }
        match super::adapter::member(self, object, name) {
            Some(result) => result,
            None => Ok(Value::VOID),
        }
    }

    fn namespace_member(&mut self, object: Value, name: Symbol) -> Result<Value, Throw> {
        let Some(namespace) = Gc::<Namespace>::from_value(object) else { return Ok(Value::VOID) };
        if let Some(value) = namespace.members.get(name) {
            return Ok(value);
        }
        let handlers = Gc::<Array>::from_value(namespace.missing.get());
        for handler in handlers.map(|h| h.to_vec()).unwrap_or_default() {
            let text = Str::new(&mut self.heap, name.as_str()).value();
            let value = self.call(handler, &[text])?;
            if !value.is_nil() {
                return Ok(value);
            }
        }
        Ok(Value::VOID)
    }

    /// `object/<index>` for a value of any kind as the segment.
    ///
    /// # Errors
    ///
    /// `TypeException` for segments of other kinds than strings, symbols, Ints.
    #[inline(never)]
    pub fn get_index_slow(&mut self, object: Value, index: Value) -> Result<Value, Throw> {
        if let Some(i) = int_of(index) {
            return Ok(self.get_nth(object, i));
        }
        match self.name_of(index) {
            Some(name) => self.get_member(object, name),
            None => Err(self.bad_segment(index)),
        }
    }

    #[cold]
    fn bad_segment(&mut self, index: Value) -> Throw {
        self.type_error(match index.is_nil() || index.is_void() {
            true => "Dynamic selector segment cannot be nil",
            false => "Dynamic selector segment must resolve to string, symbol, or int",
        })
    }

    /// `object/i`: element, child, or value of the key spelled so.
    pub fn get_nth(&mut self, object: Value, index: i64) -> Value {
        let Some(kind) = kind_of(object) else {
            return if object.is_nil() { Value::NIL } else { Value::VOID };
        };
        let found = match kind {
            Kind::Array => {
                Gc::<Array>::from_value(object).and_then(|a| a.get(position(index, a.len())?))
            }
            Kind::Gene => Gc::<Gene>::from_value(object)
                .and_then(|g| g.children.get(position(index, g.children.len())?)),
            Kind::Map => {
                let key = Symbol::get(&index.to_string());
                key.and_then(|key| as_record(object)?.get(key))
            }
            _ => None,
        };
        found.unwrap_or(Value::VOID)
    }

    /// `object/name` where a variable `name` with this value is visible (7.3).
    pub(super) fn get_prop_var(
        &mut self,
        object: Value,
        variable: Value,
        name: Symbol,
    ) -> Result<Value, Throw> {
        match kind_of(object) {
            Some(Kind::Array) => self.get_index_slow(object, variable),
            Some(Kind::Map) => match as_record(object).and_then(|m| m.get(name)) {
                Some(value) => Ok(value),
                None => match self.is_segment(variable) {
                    true => self.get_index_slow(object, variable),
                    false => Ok(Value::VOID),
                },
            },
            _ => self.get_member(object, name),
        }
    }

    fn is_segment(&self, value: Value) -> bool {
        int_of(value).is_some() || self.name_of(value).is_some()
    }

    // ---- writing -------------------------------------------------------------

    /// `object/name = value` where the cache was no help.
    #[cold]
    #[inline(never)]
    pub(super) fn set_prop_slow(
        &mut self,
        object: Value,
        value: Value,
        cache: &mut Cache,
    ) -> Result<(), Throw> {
        let before: Option<&'static Shape> = as_record(object).map(|r| r.shape());
        self.set_member(object, cache.name, value)?;
        let (Some(record), Some(before)) = (as_record(object), before) else { return Ok(()) };
        if before.is_dictionary() || !self.is_plain_field(object, cache.name) {
            return Ok(());
        }
        let after = record.shape();
        if let Some(slot) = after.slot(cache.name).filter(|_| !after.is_dictionary()) {
            cache.shape = before;
            cache.slot = slot as u32;
            cache.next = if std::ptr::eq(before, after) { std::ptr::null() } else { after };
        }
        Ok(())
    }

    /// Whether a store needs no check of the class.
    fn is_plain_field(&self, object: Value, name: Symbol) -> bool {
        if kind_of(object) != Some(Kind::Instance) {
            return true;
        }
        self.is_plain_field_in(self.class_of(object), name)
    }

    fn is_plain_field_in(&self, class: Gc<Class>, name: Symbol) -> bool {
        !class.closed.get() || class.field(name).is_some_and(|f| f.ty.is_nil())
    }

    /// The same for records of a shape.
    pub fn is_plain_field_of(&self, shape: &Shape, name: Symbol) -> bool {
        let class = Gc::<Class>::from_value(Value::from_bits(shape.class.get()));
        class.is_none_or(|class| self.is_plain_field_in(class, name))
    }

    /// `object/name = value`
    ///
    /// # Errors
    ///
    /// `TypeException` for values without such a member, and sealed ones.
    pub fn set_member(&mut self, object: Value, name: Symbol, value: Value) -> Result<(), Throw> {
        self.check_mutable(object)?;
        match kind_of(object) {
            Some(Kind::Map) => {
                if let Some(record) = as_record(object) {
                    record.set(&mut self.heap, name, value);
                }
            }
            Some(Kind::Instance) => self.set_field(object, name, value)?,
            Some(Kind::Gene) => {
                if let Some(gene) = Gc::<Gene>::from_value(object) {
                    let props = gene.props_mut(&mut self.heap);
                    props.set(&mut self.heap, name, value);
                }
            }
            Some(Kind::Class) => {
                if let Some(class) = Gc::<Class>::from_value(object) {
                    class.members.set(&mut self.heap, name, value);
                }
            }
            Some(Kind::Namespace) => {
                if let Some(namespace) = Gc::<Namespace>::from_value(object) {
                    namespace.members.set(&mut self.heap, name, value);
                }
            }
            Some(Kind::Module) => {
                if let Some(module) = Gc::<Module>::from_value(object) {
                    module.namespace.members.set(&mut self.heap, name, value);
                }
            }
            Some(Kind::Foreign) => match super::adapter::set_member(self, object, name, value) {
                Some(result) => return result,
                None => return Err(self.no_member(object, name)),
            },
            _ => return Err(self.no_member(object, name)),
        }
        Ok(())
    }

    fn set_field(&mut self, object: Value, name: Symbol, value: Value) -> Result<(), Throw> {
        let class = self.class_of(object);
        let mut value = value;
        if class.closed.get() {
            match class.field(name) {
                Some(field) if field.ty.is_nil() => {}
                Some(field) => value = self.check_field(value, field.ty, name)?,
                None => {
                    let message = format!("Unknown field: {name} on class {}", class.name);
                    return Err(self.type_error(message));
                }
            }
        }
        if let Some(record) = as_record(object) {
            record.set(&mut self.heap, name, value);
            let fields = record.len() as u32;
            if fields > class.room.get() {
                class.room.set(fields.min(48));
            }
        }
        Ok(())
    }

    #[cold]
    pub(super) fn no_member(&mut self, object: Value, name: Symbol) -> Throw {
        let kind = match kind_of(object) {
            Some(_) => self.type_name(object),
            None if object.is_nil() => "nil".to_owned(),
            None if object.is_void() => "void".to_owned(),
            None => self.type_name(object),
        };
        self.type_error(format!("Cannot set member '{name}' on {kind}"))
    }

    #[cold]
    pub(super) fn no_member_to_change(&mut self, value: Value, name: Value) -> Throw {
        let (what, name) = (self.display(value), self.display(name));
        self.type_error(format!("Cannot change member '{name}': its value is {what}"))
    }

    /// `object/<index> = value`
    ///
    /// # Errors
    ///
    /// As [`Vm::set_member`]; `RuntimeException` for an index out of range.
    #[inline(never)]
    pub fn set_index_slow(
        &mut self,
        object: Value,
        index: Value,
        value: Value,
    ) -> Result<(), Throw> {
        let Some(i) = int_of(index) else {
            return match self.name_of(index) {
                Some(name) => self.set_member(object, name, value),
                None => Err(self.bad_segment(index)),
            };
        };
        self.check_mutable(object)?;
        let (array, what) = match kind_of(object) {
            Some(Kind::Array) => (Gc::<Array>::from_value(object), "Array"),
            Some(Kind::Gene) => (Gc::<Gene>::from_value(object).map(|g| g.children), "Gene child"),
            _ => return self.set_member(object, Symbol::intern(&i.to_string()), value),
        };
        let Some(array) = array else { return Ok(()) };
        if usize::try_from(i).is_ok_and(|i| array.set(&mut self.heap, i, value)) {
            return Ok(());
        }
        let message = format!("{what} index out of bounds: {i} (len={})", array.len());
        Err(self.error(ClassName::RuntimeException, "GENE.INDEX.OUT_OF_BOUNDS", &message))
    }

    /// `Err` if a value is sealed or frozen.
    ///
    /// # Errors
    ///
    /// `TypeException` whose message names the kind: `sealed array`, `frozen map`.
    pub fn check_mutable(&mut self, object: Value) -> Result<(), Throw> {
        match header_of(object) {
            Some(header) if header.is_immutable() && kind_of(object) != Some(Kind::Function) => {
                Err(self.immutable(object, "set item on"))
            }
            _ => Ok(()),
        }
    }

    /// The exception for a change of a sealed or frozen value: `Cannot {verb}
    /// sealed array`.
    #[cold]
    pub fn immutable(&mut self, object: Value, verb: &str) -> Throw {
        let how = match header_of(object) {
            Some(header) if header.has(FROZEN) => "frozen",
            _ => "sealed",
        };
        let kind = match kind_of(object) {
            Some(Kind::Array) => "array",
            Some(Kind::Map) => "map",
            Some(Kind::Gene) => "gene",
            Some(Kind::HashObject) => match Gc::<HashObject>::from_value(object) {
                Some(table) if table.is_set() => "hash set",
                _ => "hash map",
            },
            _ => "value",
        };
        self.immutable_error(format!("Cannot {verb} {how} {kind}"))
    }

    #[cold]
    pub(super) fn frozen_variable(&mut self) -> Throw {
        self.immutable_error("Cannot assign frozen variable")
    }

    #[cold]
    pub(super) fn not_found_error(&mut self, value: Value) -> Throw {
        let message = match value.is_void() {
            true => "Selector did not match",
            false => "Selector matched but value is nil",
        };
        self.error(ClassName::RuntimeException, "GENE.SELECTOR.NO_MATCH", message)
    }

    // ---- names ---------------------------------------------------------------

    /// The value of a free name of a module: a member of its namespace, else a
    /// global name, which is remembered in the slot.
    #[cold]
    #[inline(never)]
    pub(super) fn lookup_builtin(&mut self, module: Gc<Module>, slot: u32) -> Result<Value, Throw> {
        let name = module.names.borrow().get(slot as usize).copied();
        let Some(name) = name else { return Err(self.runtime_error("unknown module slot")) };
        if let Some(value) = module.namespace.members.get(name) {
            return Ok(value);
        }
        let imported = as_record(module.imported.get()).and_then(|all| all.get(name));
        if let Some(value) = imported.or_else(|| self.builtins.get(&name).copied()) {
            module.set_var(slot as usize, value);
            return Ok(value);
        }
        if name.as_str() == "__is_main__" {
            return Ok(Value::bool(self.modules.first() == Some(&module)));
        }
        Err(self.undefined(name))
    }

    /// `x is not defined`
    #[cold]
    pub(super) fn undefined(&mut self, name: Symbol) -> Throw {
        let message = format!("{name} is not defined");
        self.error(ClassName::RuntimeException, "GENE.SCOPE.UNDEFINED_VAR", &message)
    }

    /// What a method call means where the class has no method of the name:
    /// fields of exceptions and enum values, `call` of functions.
    pub(super) fn method_like(
        &mut self,
        receiver: Value,
        name: Symbol,
        count: u32,
    ) -> Result<Option<MethodLike>, Throw> {
        if name == self.names.call && self.is_callable(receiver) {
            return Ok(Some(match Gc::<Function>::from_value(receiver) {
                Some(f) => MethodLike::Call(receiver, f.this.get()),
                None => MethodLike::Call(receiver, Value::NIL),
            }));
        }
        if let Some(found) = super::adapter::method(receiver, name) {
            return Ok(Some(found));
        }
        if count > 0 {
            return Ok(None);
        }
        if let Some(value) = Gc::<EnumValue>::from_value(receiver) {
            let fields = value.variant.fields.to_vec();
            let at = fields.iter().position(|f| f.as_symbol() == Some(name));
            return Ok(at.map(|at| MethodLike::Value(value.payload()[at])));
        }
        let is_adapter = foreign::foreign::<Adapter>(receiver).is_some();
        let foreign = kind_of(receiver) == Some(Kind::Foreign) && !is_adapter;
        let readable = self.is_exception(receiver) || foreign;
        if readable && !is_hidden(name) {
            let value = self.get_member(receiver, name)?;
            return Ok(Some(value).filter(|v| !v.is_void()).map(MethodLike::Value));
        }
        Ok(None)
    }
}

/// A position that counts from the end if it is negative.
pub fn position(index: i64, len: usize) -> Option<usize> {
    let index = if index < 0 { index.checked_add(len as i64)? } else { index };
    usize::try_from(index).ok().filter(|i| *i < len)
}

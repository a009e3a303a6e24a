//! Making collections, classes, enums; taking values apart.

use gene_isa::{CheckKind, Symbol};

use super::error::Throw;
use super::types::{Type, TypeValue};
use super::{ClassName, Vm};
use crate::heap::Gc;
use crate::heap::header::SEALED;
use crate::object::class::FieldInfo;
use crate::object::foreign::foreign;
use crate::object::misc::int_of;
use crate::object::record::as_record;
use crate::object::*;
use crate::value::Value;

impl Vm {
    pub(super) fn new_map(&mut self, code: Gc<Code>, keys: u16, first: *mut Value) -> Value {
        let names = &code.data.keysets[keys as usize];
        // SAFETY: as many registers as there are keys lie in the window.
        let values = unsafe { std::slice::from_raw_parts(first, names.len()) };
        if let Some(shape) = code.keysets[keys as usize]
            && values.len() <= 32
        {
            return Map::with_shape(&mut self.heap, shape, values).value();
        }
        let map = Map::new(&mut self.heap, names.len());
        for (key, value) in names.iter().zip(values) {
            map.set(&mut self.heap, *key, *value);
        }
        map.value()
    }

    pub(super) fn new_hash_map(&mut self, first: *mut Value, count: usize) -> Result<Value, Throw> {
        // SAFETY: the registers lie in the window.
        let items = unsafe { std::slice::from_raw_parts(first, count) }.to_vec();
        if count % 2 == 1 {
            return Err(self.arg_error("HashMap literals expect alternating key/value entries"));
        }
        let table = HashObject::new(&mut self.heap, false);
        let mark = self.root_mark();
        self.root(table.value());
        for pair in items.chunks_exact(2) {
            let set = self.table_set(table, pair[0], pair[1]);
            if set.is_err() {
                self.unroot(mark);
            }
            set?;
        }
        self.unroot(mark);
        Ok(table.value())
    }

    pub(super) fn new_gene(
        &mut self,
        code: Gc<Code>,
        keys: u16,
        children: usize,
        first: *mut Value,
    ) -> Value {
        let names = &code.data.keysets[keys as usize];
        // SAFETY: head, properties and children lie in the window.
        let values = unsafe { std::slice::from_raw_parts(first, 1 + names.len() + children) };
        let (props, children) = values[1..].split_at(names.len());
        let props = (!props.is_empty()).then(|| {
            let entries: Vec<(Symbol, Value)> =
                names.iter().copied().zip(props.iter().copied()).collect();
            Map::from_entries(&mut self.heap, &entries)
        });
        let children = Array::new(&mut self.heap, children);
        Gene::new(&mut self.heap, values[0], props, children).value()
    }

    pub(super) fn array_spread(&mut self, array: Value, value: Value) -> Result<(), Throw> {
        let items = self.spread(value)?;
        if let Some(array) = Gc::<Array>::from_value(array) {
            array.extend(&mut self.heap, &items);
        }
        Ok(())
    }

    pub(super) fn map_spread(&mut self, map: Value, value: Value) -> Result<(), Throw> {
        if value.is_nil() {
            return Ok(());
        }
        let Some(from) = Gc::<Map>::from_value(value) else {
            return Err(self.type_error("... can only spread maps"));
        };
        if let Some(map) = as_record(map) {
            for (key, value) in from.entries() {
                map.set(&mut self.heap, key, value);
            }
        }
        Ok(())
    }

    // ---- classes ---------------------------------------------------------------

    pub(super) fn new_class(
        &mut self,
        name: Value,
        parent: Value,
        module: Gc<Module>,
    ) -> Result<Value, Throw> {
        let parent = match parent.is_unset() {
            true => self.class(ClassName::Object),
            false => match Gc::<Class>::from_value(parent) {
                Some(parent) => parent,
                None => {
                    let got = self.type_name(parent);
                    return Err(self.type_error(format!("parent must be a class, got {got}")));
                }
            },
        };
        let name = self.name_of(name).unwrap_or(self.names.call);
        let class = self.define_class(name, parent);
        *class.module.borrow_mut() = module.path.clone();
        Ok(class.value())
    }

    /// A class of the program.
    pub fn define_class(&mut self, name: Symbol, parent: Gc<Class>) -> Gc<Class> {
        let id = self.new_class_id();
        let class = Class::new(&mut self.heap, name, Some(parent), id);
        self.user_classes.push(class);
        class
    }

    /// Makes a function the method of a class: `super` in it starts there.
    pub fn add_method(&mut self, class: Value, name: Value, function: Value) -> Result<(), Throw> {
        let (Some(class), Some(name)) = (Gc::<Class>::from_value(class), self.name_of(name)) else {
            return Err(self.type_error("methods belong to a class"));
        };
        self.set_home(function, class);
        if class.methods.borrow().contains_key(&name) || class.find_method(name).is_some() {
            self.renew_class_ids();
        }
        // Machine code knows whether there is such a method.
        self.cache_epoch += (name == self.names.equal) as u32;
        class.add_method(&mut self.heap, name, function);
        Ok(())
    }

    /// Whether no class of the program has a method `==`.
    pub fn has_plain_equality(&self) -> bool {
        let defines = |class: &Gc<Class>| class.methods.borrow().contains_key(&self.names.equal);
        !self.user_classes.iter().any(defines)
    }

    fn set_home(&mut self, function: Value, class: Gc<Class>) {
        if let Some(f) = Gc::<Function>::from_value(function) {
            f.home.set(class.value());
            self.heap.barrier(f);
        }
    }

    /// Makes every inline cache forget its methods.
    pub fn renew_class_ids(&mut self) {
        self.cache_epoch += 1;
        let classes: Vec<Gc<Class>> = self.all_classes();
        for class in classes {
            let id = self.new_class_id();
            class.renew_id(id);
        }
        self.refresh_class_ids();
    }

    /// Classes that instances may have: built-in ones and those reachable from
    /// them are enough, since every class has a parent that lists it.
    fn all_classes(&self) -> Vec<Gc<Class>> {
        let mut classes: Vec<Gc<Class>> = self.classes.clone();
        classes.extend(self.other_classes.values());
        classes.extend(self.user_classes.iter());
        classes
    }

    pub(super) fn add_ctor(&mut self, class: Value, function: Value) -> Result<(), Throw> {
        let Some(class) = Gc::<Class>::from_value(class) else { return Ok(()) };
        self.set_home(function, class);
        // Machine code knows the constructors of classes.
        self.cache_epoch += 1;
        class.ctor.set(function);
        if let Some(f) = Gc::<Function>::from_value(function) {
            let fields = f.code.data.fields as u32;
            class.room.set(
                class.room.get().max(fields + class.parent.map_or(0, |p| p.room.get())).min(48),
            );
        }
        self.heap.barrier(class);
        Ok(())
    }

    pub(super) fn add_missing(&mut self, class: Value, function: Value) {
        if let Some(class) = Gc::<Class>::from_value(class) {
            self.set_home(function, class);
            class.missing.set(function);
            self.heap.barrier(class);
        }
    }

    pub(super) fn add_field(&mut self, class: Value, name: Value, ty: Value) {
        let (Some(class), Some(name)) = (Gc::<Class>::from_value(class), self.name_of(name)) else {
            return;
        };
        let info = FieldInfo { ty: ty.or_nil() };
        class.fields.borrow_mut().get_or_insert_default().insert(name, info);
        class.closed.set(true);
        self.heap.barrier(class);
    }

    pub(super) fn declare_fields(&mut self, class: Value, map: Value) {
        for (name, _) in as_record(map).map(|m| m.entries()).unwrap_or_default() {
            self.add_field(class, Value::symbol(name), Value::UNSET);
        }
    }

    // ---- enums -----------------------------------------------------------------

    /// The value of `(Variant args... ^key value...)` (6.2).
    pub fn make_variant(
        &mut self,
        variant: Gc<Variant>,
        args: &[Value],
        keywords: Option<Gc<Map>>,
    ) -> Result<Value, Throw> {
        let full = format!("{}/{}", variant.parent.name, variant.name);
        let fields: Vec<Symbol> =
            variant.fields.to_vec().iter().filter_map(|f| f.as_symbol()).collect();
        let names: Vec<&str> = fields.iter().map(|f| f.as_str()).collect();
        let names = names.join(", ");
        let named = keywords.map(|k| k.entries()).unwrap_or_default();
        if fields.is_empty() {
            let got = args.len() + named.len();
            return match got {
                0 => Ok(variant.value()),
                got => Err(self
                    .args_mismatch(format!("Unit variant {full} expects 0 arguments, got {got}"))),
            };
        }
        let mut payload = args.to_vec();
        if !named.is_empty() {
            if !args.is_empty() {
                let message = format!("Variant {full} cannot mix positional and keyword arguments");
                return Err(self.args_mismatch(message));
            }
            let unknown: Vec<&str> = named
                .iter()
                .filter(|(k, _)| !fields.contains(k))
                .map(|(k, _)| k.as_str())
                .collect();
            if !unknown.is_empty() {
                let unknown = unknown.join(", ");
                return Err(self.args_mismatch(format!(
                    "Variant {full} got unknown keyword argument(s): {unknown}; expected fields: {names}"
                )));
            }
            let missing: Vec<&str> = fields
                .iter()
                .filter(|f| !named.iter().any(|(k, _)| k == *f))
                .map(|f| f.as_str())
                .collect();
            if !missing.is_empty() {
                let missing = missing.join(", ");
                return Err(self.args_mismatch(format!(
                    "Variant {full} missing keyword argument(s): {missing}; expected fields: {names}"
                )));
            }
            let value =
                |f: &Symbol| named.iter().find(|(k, _)| k == f).map_or(Value::NIL, |(_, v)| *v);
            payload = fields.iter().map(value).collect();
        }
        if payload.len() != fields.len() {
            let (wanted, got) = (fields.len(), payload.len());
            let s = if wanted == 1 { "" } else { "s" };
            return Err(self.args_mismatch(format!(
                "Variant {full} expects {wanted} argument{s} ({names}), got {got}"
            )));
        }
        for (i, ty) in variant.types.to_vec().into_iter().enumerate() {
            if ty.is_nil() || self.no_type_check {
                continue;
            }
            if let Some(ty) = self.type_of_value(ty)
                && !self.fits(payload[i], &ty)
            {
                let place = Symbol::intern(&format!("{full}.{}", fields[i]));
                self.check_value(payload[i], &ty, CheckKind::Payload, place)?;
            }
        }
        Ok(EnumValue::new(&mut self.heap, variant, &payload).value())
    }

    /// The variant that a bare name in a pattern means if the module has
    /// imported its enum; unset if it has none.
    pub(super) fn imported_variant(
        &mut self,
        module: Gc<Module>,
        name: Symbol,
    ) -> Result<Value, Throw> {
        let mut values = module.values();
        if let Some(map) = Gc::<Map>::from_value(module.imported.get()) {
            values.extend(map.entries().iter().map(|(_, value)| *value));
        }
        let mut found: Option<Gc<Variant>> = None;
        for owner in values.into_iter().filter_map(Gc::<Enum>::from_value) {
            let Some(variant) = owner.variant(name) else { continue };
            if found.is_some_and(|other| other != variant) {
                return Err(self.type_error(format!("variant {name} is ambiguous")));
            }
            found = Some(variant);
        }
        Ok(found.map_or(Value::UNSET, |variant| variant.value()))
    }

    pub(super) fn add_variant(&mut self, target: Value, name: Value, fields: Value, types: Value) {
        let (Some(target), Some(name)) = (Gc::<Enum>::from_value(target), self.name_of(name))
        else {
            return;
        };
        let empty = Array::new(&mut self.heap, &[]);
        let fields = Gc::<Array>::from_value(fields).unwrap_or(empty);
        let types = Gc::<Array>::from_value(types).unwrap_or(empty);
        target.add_variant(&mut self.heap, name, fields, types);
    }

    /// The enums `Result` and `Option` with their variants as global names.
    pub(super) fn make_builtin_enums(&mut self) {
        let enums: [(&str, [(&str, &[&str]); 2]); 2] = [
            ("Result", [("Ok", &["value"]), ("Err", &["error"])]),
            ("Option", [("Some", &["value"]), ("None", &[])]),
        ];
        for (name, variants) in enums {
            let made = Enum::new(&mut self.heap, Symbol::intern(name));
            self.define_value(name, made.value());
            // Patterns name it in a way that no definition of a program hides.
            self.define_in(&format!("gene/{name}"), made.value());
            for (variant, fields) in variants {
                let fields: Vec<Value> =
                    fields.iter().map(|f| Value::symbol(Symbol::intern(f))).collect();
                let types = vec![Value::NIL; fields.len()];
                let fields = Array::new(&mut self.heap, &fields);
                let types = Array::new(&mut self.heap, &types);
                let v = made.add_variant(&mut self.heap, Symbol::intern(variant), fields, types);
                self.define_value(variant, v.value());
            }
        }
    }

    /// `when` with an enum pattern: whether the target is of the variant.
    pub(super) fn variant_pattern(
        &mut self,
        target: Value,
        variant: Value,
        count: Value,
    ) -> Result<bool, Throw> {
        let Some(variant) = Gc::<Variant>::from_value(variant) else {
            if count.is_nil() {
                return self.equal(target, variant);
            }
            return Err(self.type_error("enum pattern must name a variant"));
        };
        let fields = variant.fields.len();
        if let Some(count) = count.as_small_int()
            && count as usize != fields
        {
            let names: Vec<String> =
                variant.fields.to_vec().iter().map(|f| self.display(*f)).collect();
            let full = format!("{}/{}", variant.parent.name, variant.name);
            return Err(self.type_error(format!(
                "variant {full} pattern expects {fields} binding(s) ({}), got {count}",
                names.join(", ")
            )));
        }
        if target == variant.value() {
            return Ok(true);
        }
        Ok(Gc::<EnumValue>::from_value(target).is_some_and(|v| v.variant == variant))
    }

    /// For `(expr ?)`: the variant of the built-in enums that a value is of.
    pub(super) fn unwrap(&self, value: Value) -> Option<(bool, Value)> {
        let builtin = |name: &str| self.builtins.get(&Symbol::intern(name)).copied();
        if Some(value) == builtin("None") {
            return Some((true, value));
        }
        let payload = Gc::<EnumValue>::from_value(value)?;
        let variant = Some(payload.variant.value());
        if variant == builtin("Ok") || variant == builtin("Some") {
            Some((false, payload.payload()[0]))
        } else if variant == builtin("Err") {
            Some((true, value))
        } else {
            None
        }
    }

    // ---- destructuring ---------------------------------------------------------

    /// The parts that an array pattern takes out of a value; see
    /// `compiler/patterns.rs` for the pattern.
    pub(super) fn destructure(&mut self, value: Value, pattern: Value) -> Result<Value, Throw> {
        let list = |v: Option<Value>| v.and_then(Gc::<Array>::from_value).map(|a| a.to_vec());
        let spec = list(Some(pattern)).unwrap_or_default();
        let positional = list(spec.first().copied()).unwrap_or_default();
        let rest = spec.get(1).and_then(|v| v.as_small_int()).map(|i| i as usize);
        let keywords = list(spec.get(2).copied()).unwrap_or_default();
        let keyword_rest = spec.get(3).is_some_and(|v| v.is_truthy());
        let (mut items, mut props) = match kind_of(value) {
            Some(Kind::Array) => (list(Some(value)).unwrap_or_default(), Vec::new()),
            Some(Kind::Gene) => {
                let gene = Gc::<Gene>::from_value(value);
                let children = gene.map(|g| g.children.to_vec()).unwrap_or_default();
                (children, gene.and_then(|g| g.props()).map(|p| p.entries()).unwrap_or_default())
            }
            Some(Kind::Map) => {
                (Vec::new(), as_record(value).map(|r| r.entries()).unwrap_or_default())
            }
            _ => (vec![value], Vec::new()),
        };
        let required = positional.iter().filter(|p| !p.is_truthy()).count();
        if items.len() < required || (rest.is_none() && items.len() > positional.len()) {
            let wanted = if items.len() < required { required } else { positional.len() };
            let got = items.len();
            let s = if wanted == 1 { "" } else { "s" };
            return Err(self.args_mismatch(format!(
                "Destructuring pattern mismatch: Expected {wanted} argument{s}, got {got}"
            )));
        }
        let mut spare = items.len() - required;
        let extra = items.len().saturating_sub(positional.len());
        items.reverse();
        let mut parts = Vec::new();
        let take_rest = |vm: &mut Vm, items: &mut Vec<Value>| {
            let rest: Vec<Value> = (0..extra).filter_map(|_| items.pop()).collect();
            Array::new(&mut vm.heap, &rest).value()
        };
        for (i, optional) in positional.iter().enumerate() {
            if rest == Some(i) {
                let part = take_rest(self, &mut items);
                parts.push(part);
            }
            if !optional.is_truthy() {
                parts.push(items.pop().unwrap_or(Value::NIL));
            } else if spare > 0 {
                spare -= 1;
                parts.push(items.pop().unwrap_or(Value::NIL));
            } else {
                parts.push(Value::UNSET);
            }
        }
        if rest.is_some_and(|r| r >= positional.len()) {
            let part = take_rest(self, &mut items);
            parts.push(part);
        }
        for keyword in keywords {
            let pair = list(Some(keyword)).unwrap_or_default();
            let name = pair.first().and_then(|n| self.name_of(*n)).unwrap_or(self.names.call);
            match props.iter().position(|(k, _)| *k == name) {
                Some(at) => parts.push(props.remove(at).1),
                None if pair.get(1).is_some_and(|o| o.is_truthy()) => parts.push(Value::UNSET),
                None => {
                    return Err(self.args_mismatch(format!(
                        "Destructuring pattern mismatch: Missing keyword argument: {name}"
                    )));
                }
            }
        }
        if keyword_rest {
            parts.push(Map::from_entries(&mut self.heap, &props).value());
        } else if let Some((name, _)) = props.first() {
            return Err(self.args_mismatch(format!(
                "Destructuring pattern mismatch: Unexpected keyword argument: {name}"
            )));
        }
        Ok(Array::new(&mut self.heap, &parts).value())
    }

    // ---- types -----------------------------------------------------------------

    /// The value of a type: classes and enums are types themselves. The form
    /// is followed by its names, each with the number of the module slot
    /// that holds it, or will, or else with its value.
    pub(super) fn type_value(
        &mut self,
        args: &[Value],
        module: Gc<Module>,
    ) -> Result<Value, Throw> {
        let mut names = Vec::with_capacity(args.len() / 3);
        for entry in args[1..].chunks_exact(3) {
            let (Some(name), slot, value) = (entry[0].as_symbol(), entry[1], entry[2]) else {
                continue;
            };
            let ty = match int_of(slot) {
                Some(slot) => Some(self.type_of_slot(module, slot as u32, name)),
                None => self.type_of_value(value),
            };
            names.push((name, ty));
        }
        match self.type_of_part(args[0], &names) {
            Some(Type::Class(class)) => Ok(class.value()),
            Some(Type::Enum(e)) => Ok(e.value()),
            Some(ty) => Ok(Foreign::new(&mut self.heap, TypeValue(ty)).value()),
            None => Err(self.type_error("invalid type annotation")),
        }
    }

    pub(super) fn type_alias(&mut self, value: Value) -> Value {
        match foreign::<TypeValue>(value) {
            Some(_) => value,
            None => match self.type_of_value(value) {
                Some(ty) => Foreign::new(&mut self.heap, TypeValue(ty)).value(),
                None => value,
            },
        }
    }

    /// Whether literal data is sealed.
    pub fn is_sealed(&self, value: Value) -> bool {
        crate::heap::header::header_of(value).is_some_and(|h| h.has(SEALED))
    }
}

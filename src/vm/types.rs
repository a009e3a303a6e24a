//! Types as values and checks (2.8, 2.9).

use std::io::Write;

use gene_isa::{Check, CheckKind, Symbol, TypeExpr};

use super::Vm;
use super::error::Throw;
use crate::heap::{Gc, Marker};
use crate::object::foreign::{Portable, foreign};
use crate::object::misc::int_of;
use crate::object::*;
use crate::value::Value;

/// A type whose names have been resolved.
#[derive(Clone, PartialEq)]
pub enum Type {
    /// Accepts everything.
    Any,
    /// A name that is neither a type nor a class: accepts nothing but nil.
    Unknown(Symbol),
    /// A name of a module that is not defined yet.
    Late(Gc<Module>, u32, Symbol),
    /// Int and Float.
    Numeric,
    /// Array, Map, HashMap, HashSet.
    Collection,
    /// Instances of a class and its descendants.
    Class(Gc<Class>),
    /// Members and values of an enum.
    Enum(Gc<Enum>),
    /// What an interface accepts.
    Interface(Value),
    /// One of several.
    Union(Vec<Type>),
    /// `(Array Int)`: only the outer type is checked.
    Applied(Box<Type>, Vec<Type>),
    /// `(Fn [A] R)`
    Fn {
        /// Positional parameters.
        params: Vec<Type>,
        /// Keyword parameters.
        keywords: Vec<(Symbol, Type)>,
        /// Rest parameter.
        rest: Option<Box<Type>>,
        /// Result.
        result: Option<Box<Type>>,
    },
}

impl Type {
    /// The type as it is written.
    pub fn text(&self) -> String {
        let list =
            |types: &[Type], sep: &str| types.iter().map(Type::text).collect::<Vec<_>>().join(sep);
        match self {
            Type::Any => "Any".into(),
            Type::Unknown(name) | Type::Late(_, _, name) => name.as_str().into(),
            Type::Numeric => "Numeric".into(),
            Type::Collection => "Collection".into(),
            Type::Class(class) => class.name.as_str().into(),
            Type::Enum(e) => e.name.as_str().into(),
            Type::Interface(value) => {
                foreign::<Interface>(*value).map_or("Interface", |i| i.name.as_str()).into()
            }
            Type::Union(parts) => format!("({})", list(parts, " | ")),
            Type::Applied(outer, args) => format!("({} {})", outer.text(), list(args, " ")),
            Type::Fn { params, keywords, rest, result } => {
                let mut inner: Vec<String> = params.iter().map(Type::text).collect();
                inner.extend(keywords.iter().map(|(k, t)| format!("^{k} {}", t.text())));
                inner.extend(rest.iter().map(|t| format!("{} ...", t.text())));
                let result = result.as_ref().map_or(String::new(), |r| format!(" {}", r.text()));
                format!("(Fn [{}]{result})", inner.join(" "))
            }
        }
    }

    /// Whether both accept the same values; the order of unions does not matter.
    pub fn equivalent(&self, other: &Type) -> bool {
        match (self, other) {
            (Type::Union(a), Type::Union(b)) => {
                let within = |x: &Type, ys: &[Type]| ys.iter().any(|y| x.equivalent(y));
                a.iter().all(|x| within(x, b)) && b.iter().all(|y| within(y, a))
            }
            (Type::Applied(a, x), Type::Applied(b, y)) => {
                a.equivalent(b)
                    && x.len() == y.len()
                    && x.iter().zip(y).all(|(x, y)| x.equivalent(y))
            }
            _ => self == other,
        }
    }

    /// What makes the same type in another heap, see [`ForeignData::portable`].
    fn portable(&self, values: &mut Vec<Value>) -> PortableType {
        let mut keep = |value: Value| {
            values.push(value);
            values.len() - 1
        };
        match self {
            Type::Any => Box::new(|_| Type::Any),
            Type::Numeric => Box::new(|_| Type::Numeric),
            Type::Collection => Box::new(|_| Type::Collection),
            Type::Unknown(name) => {
                let name = *name;
                Box::new(move |_| Type::Unknown(name))
            }
            Type::Late(module, slot, name) => {
                let (at, slot, name) = (keep(module.value()), *slot, *name);
                Box::new(move |v| match Gc::from_value(v[at]) {
                    Some(module) => Type::Late(module, slot, name),
                    None => Type::Unknown(name),
                })
            }
            Type::Class(class) => {
                let at = keep(class.value());
                Box::new(move |v| Gc::from_value(v[at]).map_or(Type::Any, Type::Class))
            }
            Type::Enum(e) => {
                let at = keep(e.value());
                Box::new(move |v| Gc::from_value(v[at]).map_or(Type::Any, Type::Enum))
            }
            Type::Interface(value) => {
                let at = keep(*value);
                Box::new(move |v| Type::Interface(v[at]))
            }
            Type::Union(parts) => {
                let parts = portable_types(parts, values);
                Box::new(move |v| Type::Union(made(parts, v)))
            }
            Type::Applied(outer, args) => {
                let (outer, args) = (outer.portable(values), portable_types(args, values));
                Box::new(move |v| Type::Applied(Box::new(outer(v)), made(args, v)))
            }
            Type::Fn { params, keywords, rest, result } => {
                let params = portable_types(params, values);
                let (names, types): (Vec<Symbol>, Vec<Type>) = keywords.iter().cloned().unzip();
                let types = portable_types(&types, values);
                let rest = rest.as_ref().map(|t| t.portable(values));
                let result = result.as_ref().map(|t| t.portable(values));
                Box::new(move |v| Type::Fn {
                    params: made(params, v),
                    keywords: names.into_iter().zip(made(types, v)).collect(),
                    rest: rest.map(|t| Box::new(t(v))),
                    result: result.map(|t| Box::new(t(v))),
                })
            }
        }
    }

    fn trace(&self, marker: &mut Marker) {
        match self {
            Type::Class(class) => marker.object(*class),
            Type::Enum(e) => marker.object(*e),
            Type::Interface(value) => marker.value(*value),
            Type::Late(module, ..) => marker.object(*module),
            Type::Union(parts) => parts.iter().for_each(|p| p.trace(marker)),
            Type::Applied(outer, args) => {
                outer.trace(marker);
                args.iter().for_each(|a| a.trace(marker));
            }
            Type::Fn { params, keywords, rest, result } => {
                params.iter().for_each(|p| p.trace(marker));
                keywords.iter().for_each(|(_, t)| t.trace(marker));
                rest.iter().chain(result).for_each(|t| t.trace(marker));
            }
            Type::Any | Type::Unknown(_) | Type::Numeric | Type::Collection => {}
        }
    }
}

type PortableType = Box<dyn FnOnce(&[Value]) -> Type + Send>;

fn portable_types(types: &[Type], values: &mut Vec<Value>) -> Vec<PortableType> {
    types.iter().map(|t| t.portable(values)).collect()
}

fn made(types: Vec<PortableType>, values: &[Value]) -> Vec<Type> {
    types.into_iter().map(|t| t(values)).collect()
}

/// A type as a value: `(Int | String)`, aliases.
pub struct TypeValue(pub Type);

impl ForeignData for TypeValue {
    fn class(&self) -> &'static str {
        "Type"
    }
    fn display(&self) -> Option<String> {
        Some(self.0.text())
    }
    fn same(&self, other: &dyn ForeignData) -> bool {
        other.get::<TypeValue>().is_some_and(|o| o.0 == self.0)
    }
    fn is_constant(&self) -> bool {
        true
    }
    fn portable(&self, values: &mut Vec<Value>) -> Option<Portable> {
        let make = self.0.portable(values);
        Some(Box::new(move |values| Box::new(TypeValue(make(values)))))
    }
    fn trace(&self, marker: &mut Marker) {
        self.0.trace(marker);
    }
}

impl Vm {
    /// `Any`, `Numeric` and `Collection` as global names, and what compares
    /// types.
    pub(super) fn make_builtin_types(&mut self) {
        let types =
            [("Any", Type::Any), ("Numeric", Type::Numeric), ("Collection", Type::Collection)];
        for (name, ty) in types {
            let value = Foreign::new(&mut self.heap, TypeValue(ty)).value();
            self.define_value(name, value);
        }
        self.define("types_equivalent", 2, 2, |vm, args| {
            match (vm.type_of_value(args.get(0)), vm.type_of_value(args.get(1))) {
                (Some(a), Some(b)) => Ok(Value::bool(a.equivalent(&b))),
                _ => Err(vm.type_error("types_equivalent requires types")),
            }
        });
    }

    /// The type that a value denotes: a class, enum, interface, type value,
    /// or the name of one.
    pub fn type_of_value(&mut self, value: Value) -> Option<Type> {
        if let Some(class) = Gc::<Class>::from_value(value) {
            return Some(Type::Class(class));
        }
        if let Some(e) = Gc::<Enum>::from_value(value) {
            return Some(Type::Enum(e));
        }
        if let Some(ty) = foreign::<TypeValue>(value) {
            let ty = ty.0.clone();
            return Some(self.resolve_late(ty));
        }
        if self.type_name(value) == "VkInterface" {
            return Some(Type::Interface(value));
        }
        if value.is_nil() {
            return Some(self.builtin_type(Symbol::intern("Nil")));
        }
        if let Some(gene) = Gc::<Gene>::from_value(value) {
            return self.type_of_datum(gene, &[]);
        }
        let name = self.name_of(value)?;
        Some(self.type_of_name(name))
    }

    /// The type that has this name in the calling module.
    fn type_of_name(&mut self, name: Symbol) -> Type {
        if let Some(module) = self.calling_module() {
            let slot = module.names.borrow().iter().position(|n| *n == name);
            if let Some(value) = slot.map(|slot| module.var(slot))
                && !value.is_unset()
            {
                return self.type_named(value, name);
            }
        }
        self.builtin_type(name)
    }

    /// The type of what a slot of a module holds, now or later.
    pub(super) fn type_of_slot(&mut self, module: Gc<Module>, slot: u32, name: Symbol) -> Type {
        let late = Type::Late(module, slot, name);
        match self.resolve_late(late.clone()) {
            Type::Unknown(_) => late,
            ty => ty,
        }
    }

    /// The type with the names that have been defined by now.
    fn resolve_late(&mut self, ty: Type) -> Type {
        let mut boxed = |ty: Box<Type>| Box::new(self.resolve_late(*ty));
        match ty {
            Type::Late(module, slot, name) => {
                let found = module.var(slot as usize);
                match found.is_unset() {
                    true => self.builtin_type(name),
                    false => self.type_named(found, name),
                }
            }
            Type::Applied(outer, args) => {
                let outer = boxed(outer);
                Type::Applied(outer, self.resolve_all(args))
            }
            Type::Union(parts) => Type::Union(self.resolve_all(parts)),
            Type::Fn { params, keywords, rest, result } => {
                let (rest, result) = (rest.map(&mut boxed), result.map(&mut boxed));
                let keywords =
                    keywords.into_iter().map(|(k, ty)| (k, self.resolve_late(ty))).collect();
                Type::Fn { params: self.resolve_all(params), keywords, rest, result }
            }
            ty => ty,
        }
    }

    fn resolve_all(&mut self, types: Vec<Type>) -> Vec<Type> {
        types.into_iter().map(|ty| self.resolve_late(ty)).collect()
    }

    /// The type of a name that is no variable.
    pub(super) fn builtin_type(&mut self, name: Symbol) -> Type {
        match name.as_str() {
            "Any" => Type::Any,
            "Numeric" => Type::Numeric,
            "Collection" => Type::Collection,
            _ => match self.builtins.get(&name).copied() {
                Some(value) if value.as_symbol().is_none() => match kind_of(value) {
                    Some(Kind::Class | Kind::Enum | Kind::Foreign) => {
                        self.type_of_value(value).unwrap_or(Type::Unknown(name))
                    }
                    _ => Type::Unknown(name),
                },
                _ => Type::Unknown(name),
            },
        }
    }

    /// The type of a type expression given as data; `names` are variables.
    pub(super) fn type_of_datum(
        &mut self,
        gene: Gc<Gene>,
        names: &[(Symbol, Option<Type>)],
    ) -> Option<Type> {
        let children = gene.children.to_vec();
        let head = gene.head.get();
        let bar = Symbol::intern("|");
        if children.first().and_then(|c| c.as_symbol()) == Some(bar) {
            let mut parts = vec![self.type_of_part(head, names)?];
            for part in children.iter().skip(1).step_by(2) {
                parts.push(self.type_of_part(*part, names)?);
            }
            return Some(Type::Union(parts));
        }
        if head.as_symbol() == Some(Symbol::intern("Fn")) {
            return self.fn_type_of_datum(&children, names);
        }
        let outer = self.type_of_part(head, names)?;
        let args = children.iter().map(|c| self.type_of_part(*c, names)).collect::<Option<_>>()?;
        Some(Type::Applied(Box::new(outer), args))
    }

    pub(super) fn type_of_part(
        &mut self,
        part: Value,
        names: &[(Symbol, Option<Type>)],
    ) -> Option<Type> {
        if let Some(gene) = Gc::<Gene>::from_value(part) {
            return self.type_of_datum(gene, names);
        }
        if let Some(name) = part.as_symbol()
            && let Some((_, ty)) = names.iter().find(|(n, _)| *n == name)
        {
            return ty.clone();
        }
        self.type_of_value(part)
    }

    fn fn_type_of_datum(
        &mut self,
        children: &[Value],
        names: &[(Symbol, Option<Type>)],
    ) -> Option<Type> {
        let (mut params, mut keywords, mut rest) = (Vec::new(), Vec::new(), None);
        let list = children.first().copied().and_then(Gc::<Array>::from_value)?.to_vec();
        let mut at = 0;
        while at < list.len() {
            let name = list[at].as_symbol();
            let next_rest =
                list.get(at + 1).and_then(|v| v.as_symbol()).is_some_and(|s| s.as_str() == "...");
            if let Some(key) = name.and_then(|n| n.as_str().strip_prefix('^')) {
                keywords.push((Symbol::intern(key), self.type_of_part(*list.get(at + 1)?, names)?));
                at += 2;
            } else if next_rest {
                rest = Some(Box::new(self.type_of_part(list[at], names)?));
                at += 2;
            } else {
                params.push(self.type_of_part(list[at], names)?);
                at += 1;
            }
        }
        let arrow = Symbol::intern("->");
        let mut tail = children[1..].iter().filter(|v| v.as_symbol() != Some(arrow));
        let result = match tail.next() {
            Some(result) => Some(Box::new(self.type_of_part(*result, names)?)),
            None => None,
        };
        Some(Type::Fn { params, keywords, rest, result })
    }

    /// `value is ty`
    ///
    /// # Errors
    ///
    /// `TypeException` if `ty` is no type.
    pub fn is_type(&mut self, value: Value, ty: Value) -> Result<bool, Throw> {
        if let Some(class) = Gc::<Class>::from_value(ty) {
            return Ok(self.class_of(value).is_a(class));
        }
        match self.type_of_value(ty) {
            Some(Type::Unknown(_)) | None => Err(self.type_error("is requires a type")),
            Some(ty) => Ok(self.fits(value, &ty)),
        }
    }

    /// Whether a value is of a type; nil only where the type admits it.
    pub fn fits(&mut self, value: Value, ty: &Type) -> bool {
        match ty {
            Type::Any => true,
            Type::Unknown(_) | Type::Late(..) => false,
            Type::Numeric => int_of(value).is_some() || value.is_float(),
            Type::Collection => {
                matches!(kind_of(value), Some(Kind::Array | Kind::Map | Kind::HashObject))
            }
            Type::Class(class) => self.class_of(value).is_a(*class),
            Type::Enum(e) => match kind_of(value) {
                Some(Kind::Variant) => {
                    Gc::<Variant>::from_value(value).is_some_and(|v| v.parent == *e)
                }
                Some(Kind::EnumValue) => {
                    Gc::<EnumValue>::from_value(value).is_some_and(|v| v.variant.parent == *e)
                }
                _ => false,
            },
            Type::Interface(interface) => super::interfaces::accepts(self, *interface, value),
            Type::Union(parts) => parts.iter().any(|p| self.fits(value, p)),
            Type::Applied(outer, _) => self.fits(value, outer),
            Type::Fn { params, keywords, rest, result } => {
                self.fits_fn(value, params, keywords, rest.as_deref(), result.as_deref())
            }
        }
    }

    fn fits_fn(
        &mut self,
        value: Value,
        params: &[Type],
        keywords: &[(Symbol, Type)],
        rest: Option<&Type>,
        result: Option<&Type>,
    ) -> bool {
        let Some(f) = Gc::<Function>::from_value(value) else { return self.is_callable(value) };
        let data = f.code.data.clone();
        let agrees = |vm: &mut Vm, annotated: Option<&TypeExpr>, wanted: &Type| match annotated {
            None => true,
            Some(expr) => {
                let have = vm.resolve_type(expr, f.code.module, None);
                have == Type::Any || *wanted == Type::Any || have.equivalent(wanted)
            }
        };
        let own = &data.params;
        if own.positional.len() != params.len() || own.rest.is_some() != rest.is_some() {
            return false;
        }
        for (param, wanted) in own.positional.iter().zip(params) {
            if !agrees(self, param.ty.as_ref(), wanted) {
                return false;
            }
        }
        for (name, wanted) in keywords {
            match own.keywords.iter().find(|k| k.name == *name) {
                Some(k) if agrees(self, k.ty.as_ref(), wanted) => {}
                _ => return false,
            }
        }
        let required = own.keywords.iter().filter(|k| !k.optional);
        if required.into_iter().any(|k| !keywords.iter().any(|(n, _)| *n == k.name)) {
            return false;
        }
        match result {
            Some(wanted) => agrees(self, data.result.as_ref(), wanted),
            None => true,
        }
    }

    /// Resolves the names of a type in code of `module`; `window` has the
    /// values of local names.
    pub(super) fn resolve_type(
        &mut self,
        expr: &TypeExpr,
        module: Gc<Module>,
        window: Option<*mut Value>,
    ) -> Type {
        match expr {
            TypeExpr::Name(name) => self.builtin_type(*name),
            TypeExpr::Module(slot, name) => {
                let value = module.var(*slot as usize);
                match value.is_unset() {
                    true => self.builtin_type(*name),
                    false => self.type_named(value, *name),
                }
            }
            TypeExpr::Register(register, name) => match window {
                // SAFETY: verified code names registers of its window.
                Some(base) => self.type_named(unsafe { *base.add(*register as usize) }, *name),
                None => Type::Any,
            },
            TypeExpr::Union(parts) => {
                Type::Union(parts.iter().map(|p| self.resolve_type(p, module, window)).collect())
            }
            TypeExpr::Applied(outer, args) => Type::Applied(
                Box::new(self.resolve_type(outer, module, window)),
                args.iter().map(|a| self.resolve_type(a, module, window)).collect(),
            ),
            TypeExpr::Fn { params, keywords, rest, result } => Type::Fn {
                params: params.iter().map(|p| self.resolve_type(p, module, window)).collect(),
                keywords: keywords
                    .iter()
                    .map(|(n, t)| (*n, self.resolve_type(t, module, window)))
                    .collect(),
                rest: rest.as_ref().map(|r| Box::new(self.resolve_type(r, module, window))),
                result: result.as_ref().map(|r| Box::new(self.resolve_type(r, module, window))),
            },
        }
    }

    fn type_named(&mut self, value: Value, name: Symbol) -> Type {
        let is_type = matches!(kind_of(value), Some(Kind::Class | Kind::Enum | Kind::Foreign));
        match self.type_of_value(value).filter(|_| is_type) {
            Some(ty) => ty,
            None => Type::Unknown(name),
        }
    }

    /// The most frequent checks, without resolving anything.
    #[inline]
    pub(super) fn type_fits_fast(&self, value: Value, ty: &TypeExpr) -> bool {
        match ty {
            TypeExpr::Name(name) => name.as_str() == "Any",
            _ => value.is_nil() && !self.strict_nil,
        }
    }

    /// A check that instruction `check_type` names; the value, converted.
    #[inline(never)]
    pub(super) fn check_type_slow(
        &mut self,
        value: Value,
        check: &Check,
        base: *mut Value,
        code: Gc<Code>,
    ) -> Result<Value, Throw> {
        let ty = self.resolve_type(&check.ty, code.module, Some(base));
        self.check_value(value, &ty, check.kind, check.name)
    }

    /// Checks a field of an instance; the value, converted.
    pub(super) fn check_field(
        &mut self,
        value: Value,
        ty: Value,
        name: Symbol,
    ) -> Result<Value, Throw> {
        match self.type_of_value(ty) {
            Some(ty) => self.check_value(value, &ty, CheckKind::Field, name),
            None => Ok(value),
        }
    }

    /// Checks a value against a type; the value, converted where the place
    /// converts.
    ///
    /// # Errors
    ///
    /// `TypeException`.
    pub fn check_value(
        &mut self,
        value: Value,
        ty: &Type,
        kind: CheckKind,
        name: Symbol,
    ) -> Result<Value, Throw> {
        if self.fits(value, ty) || self.no_type_check {
            return Ok(value);
        }
        let lenient = kind != CheckKind::Payload && !self.strict_nil;
        if value.is_nil() && (lenient || self.admits_nil(ty)) {
            return Ok(value);
        }
        if matches!(kind, CheckKind::Param | CheckKind::Return | CheckKind::Field)
            && let Some(converted) = self.convert(value, ty, kind, name)
        {
            return Ok(converted);
        }
        let (wanted, got) = (ty.text(), self.type_name(value));
        let place = match kind {
            CheckKind::Param => format!("parameter {name}"),
            CheckKind::Return => format!("return value of {name}"),
            CheckKind::Variable => format!("variable {name}"),
            CheckKind::Field => format!("field {name}"),
            CheckKind::Payload => format!("field {name}"),
        };
        Err(self.type_error(format!("expected {wanted}, got {got} in {place}")))
    }

    /// Int to Float where one is wanted, Float to Int with a warning if
    /// something is lost.
    fn convert(&mut self, value: Value, ty: &Type, kind: CheckKind, name: Symbol) -> Option<Value> {
        let float = Type::Class(self.class(super::ClassName::Float));
        let int = Type::Class(self.class(super::ClassName::Int));
        let wants = |wanted: &Type| match ty {
            Type::Union(parts) => parts.contains(wanted),
            ty => ty == wanted,
        };
        if let Some(i) = int_of(value) {
            return wants(&float).then(|| Value::float(i as f64));
        }
        let f = value.as_float().filter(|_| wants(&int))?;
        let whole = f.trunc();
        let fits = (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&whole);
        if !fits {
            return None;
        }
        if whole != f {
            let place = match kind {
                CheckKind::Return => format!("return value of {name}"),
                CheckKind::Field => format!("property {name}"),
                _ => name.to_string(),
            };
            self.warn_lossy(f, whole as i64, &place);
        }
        Some(BoxedInt::int(&mut self.heap, whole as i64))
    }

    /// Whether a type admits nil under strict nil, and as payload.
    fn admits_nil(&mut self, ty: &Type) -> bool {
        match ty {
            Type::Any => true,
            Type::Class(class) => *class == self.class(super::ClassName::Nil),
            Type::Enum(_) => *ty == self.builtin_type(Symbol::intern("Option")),
            Type::Applied(outer, _) => self.admits_nil(outer),
            Type::Union(parts) => parts.iter().any(|part| self.admits_nil(part)),
            _ => false,
        }
    }

    /// The warning of 2.9.
    pub fn warn_lossy(&mut self, from: f64, to: i64, place: &str) {
        self.flush();
        let from = crate::syntax::number::format_float(from);
        // A warning that cannot be written is lost.
        let _ = writeln!(
            self.err,
            "Warning: Lossy conversion Float -> Int for {place}: {from} -> {to}"
        );
    }
}

//! `case` and enum patterns (3.8, 6.3).

use std::rc::Rc;

use gene_isa::{Intrinsic, Symbol};

use super::check::Covers;
use super::hir::*;
use super::lower::{Lower, place_of};
use super::scope::{Entry, EnumInfo, Known};
use crate::diag::compiler as err;
use crate::syntax::{Kind, Node};

/// A variant that a pattern names.
struct Variant {
    info: Rc<EnumInfo>,
    index: usize,
    /// The built-in enum, of which nothing is in a variable.
    built_in: bool,
}

/// What the name of a pattern stands for.
enum Named {
    Variant(Variant),
    /// Something that is settled when the arm is tried.
    Unknown,
    /// A variant of an enum that the module imports, or else an ordinary name.
    Imported(Symbol),
    /// No variant: an ordinary expression.
    Plain,
    /// An error has been reported.
    Bad,
}

impl Lower<'_> {
    /// `(case target when value forms... else forms...)`
    pub(super) fn case_form(&mut self, place: Place, c: &[Node]) -> Expr {
        let Some((target, mut rest)) = c.split_first() else {
            return self.error(place, |s| err::missing(s, "case", "target"));
        };
        let target = self.expr(target);
        let (mut arms, mut covers) = (Vec::new(), Vec::new());
        let mut otherwise = None;
        let outer = self.region;
        while let Some((word, after)) = rest.split_first() {
            let end = after.iter().skip(1).position(|n| n.is_symbol("when") || n.is_symbol("else"));
            if word.is_symbol("else") {
                if let Some(bad) = after.iter().find(|n| n.is_symbol("when") || n.is_symbol("else"))
                {
                    self.error(place_of(bad), err::case_after_else);
                }
                otherwise = Some(self.scoped_body(after));
                break;
            }
            if !word.is_symbol("when") {
                self.error(place_of(word), err::case_words);
                break;
            }
            let Some(value) = after.first() else {
                self.error(place_of(word), err::case_without_value);
                break;
            };
            let end = end.map_or(after.len(), |n| n + 1);
            let (arm, covered) = self.arm(value, &after[1..end]);
            arms.push(arm);
            covers.push(covered);
            self.region = self.vars.new_region(self.region);
            rest = &after[end..];
        }
        self.region = outer;
        if otherwise.is_none() {
            self.check_cover(place, &covers);
        }
        self.make(place, Ek::Case(Box::new(Case { target, arms, otherwise })))
    }

    fn arm(&mut self, pattern: &Node, body: &[Node]) -> (Arm, Covers) {
        let place = place_of(pattern);
        let mut binders: &[Node] = &[];
        let named = match &pattern.kind {
            Kind::Symbol(name) if name.as_str() == "_" => None,
            Kind::Symbol(name) => Some((self.bare_variant(place, *name), &pattern.kind)),
            Kind::Path(segments) => Some((self.qualified_variant(place, segments), &pattern.kind)),
            Kind::Gene(g) if !g.sealed && g.props.is_empty() => {
                let by_name = match &g.head.kind {
                    Kind::Symbol(name) if is_capitalised(*name) => self.bare_variant(place, *name),
                    Kind::Path(segments) if segments.last().is_some_and(|s| is_capitalised(*s)) => {
                        self.qualified_variant(place, segments)
                    }
                    _ => Named::Plain,
                };
                let operator = g.children.first().is_some_and(|n| {
                    super::infix::operator(n).is_some()
                        || n.as_symbol().is_some_and(|s| s.as_str().starts_with('.'))
                });
                let data = g.children.iter().any(|n| n.as_symbol().is_none());
                let plain = match &by_name {
                    Named::Variant(_) => false,
                    Named::Imported(_) => operator || data,
                    _ => operator,
                };
                binders = &g.children;
                Some((if plain { Named::Plain } else { by_name }, &g.head.kind))
            }
            _ => Some((Named::Plain, &pattern.kind)),
        };
        let Some((named, head)) = named else {
            let (scope, body) = self.arm_body(body, &[]);
            return (Arm { test: ArmTest::Any, scope, body: body.1 }, Covers::Other);
        };
        match named {
            Named::Plain => {
                let value = self.expr(pattern);
                let (scope, body) = self.arm_body(body, &[]);
                (Arm { test: ArmTest::Value(value), scope, body: body.1 }, Covers::Other)
            }
            Named::Bad => {
                let (scope, body) = self.arm_body(body, &[]);
                (Arm { test: ArmTest::Any, scope, body: body.1 }, Covers::Other)
            }
            named => {
                let is_form = matches!(pattern.kind, Kind::Gene(_));
                let unit = match &named {
                    Named::Variant(variant) => {
                        self.check_binders(place, variant, binders, is_form);
                        !is_form
                    }
                    _ => {
                        if !is_form {
                            // A path or name of which nothing is known may be any value.
                            let value = self.variant_value(place, &named, head);
                            let (scope, body) = self.arm_body(body, &[]);
                            let arm = Arm { test: ArmTest::Value(value), scope, body: body.1 };
                            return (arm, Covers::Other);
                        }
                        false
                    }
                };
                let variant = self.variant_value(place, &named, head);
                let (scope, (vars, body)) = self.arm_body(body, binders);
                let covers = match named {
                    Named::Variant(v) => Covers::Variant(v.info, v.index),
                    _ => Covers::Other,
                };
                (Arm { test: ArmTest::Variant(variant, vars, unit), scope, body }, covers)
            }
        }
    }

    fn arm_body(
        &mut self,
        body: &[Node],
        binders: &[Node],
    ) -> (ScopeId, (Vec<Option<VarId>>, Expr)) {
        let (scope, outer) = self.open_scope();
        let vars = binders
            .iter()
            .map(|node| {
                let name = node.as_symbol().filter(|n| n.as_str() != "_")?;
                Some(self.declare(name))
            })
            .collect();
        let body = self.body(body);
        self.close_scope(outer);
        (scope, (vars, body))
    }

    fn check_binders(&mut self, place: Place, variant: &Variant, binders: &[Node], is_form: bool) {
        let (name, fields) = &variant.info.variants[variant.index];
        let full = format!("{}/{}", variant.info.name, name);
        let name = if variant.built_in { name.to_string() } else { full.clone() };
        if let Some(bad) = binders.iter().find(|n| n.as_symbol().is_none()) {
            self.error(place_of(bad), |s| err::binder_not_symbol(s, &name));
            return;
        }
        if binders.len() != fields.len() && (is_form || !fields.is_empty()) {
            let list: Vec<&str> = fields.iter().map(|f| f.as_str()).collect();
            let (list, want, got) = (list.join(", "), fields.len(), binders.len());
            self.error(place, |s| err::binder_count(s, &full, want, &list, got));
        }
    }

    /// The variant as a value: `Enum/Variant`.
    fn variant_value(&mut self, place: Place, named: &Named, head: &Kind) -> Expr {
        if let Named::Variant(variant) = named
            && matches!(head, Kind::Symbol(_))
        {
            let info = Rc::clone(&variant.info);
            let name = info.variants[variant.index].0;
            if variant.built_in {
                return self.built_in_variant(place, name);
            }
            let owner = self.name(place, info.name);
            return self.make(place, Ek::Prop(Box::new(owner), name));
        }
        if let Named::Imported(name) = named {
            let args = vec![self.symbol(place, *name)];
            let variant = self.make(place, Ek::Intrinsic(Intrinsic::ImportedVariant, args));
            let other = self.name(place, *name);
            return self.make(place, Ek::IfSet(Box::new((variant, other))));
        }
        let span = self.span(place);
        self.expr(&Node { kind: head.clone(), span })
    }

    /// `Ok` and the like are global names, also where the module uses them
    /// for something else: the path through `gene` always leads there.
    fn built_in_variant(&mut self, place: Place, name: Symbol) -> Expr {
        if self.lookup(name).is_none() {
            return self.name(place, name);
        }
        let gene = self.name(place, Symbol::intern("gene"));
        let owner = match name.as_str() {
            "Ok" | "Err" => "Result",
            _ => "Option",
        };
        let owner = self.make(place, Ek::Prop(Box::new(gene), Symbol::intern(owner)));
        self.make(place, Ek::Prop(Box::new(owner), name))
    }

    /// What a name means here, unless it has only been used so far.
    fn declared(&mut self, name: Symbol) -> Option<Entry> {
        self.lookup(name).filter(|entry| match entry {
            Entry::Var(var) => self.vars.get(*var).declared,
            Entry::Member(_) => true,
        })
    }

    fn bare_variant(&mut self, place: Place, name: Symbol) -> Named {
        if !is_capitalised(name) {
            if self.declared(name).is_some() {
                return Named::Plain;
            }
            return match self.enum_with(name) {
                Ok(Some(variant)) => Named::Variant(variant),
                Ok(None) if self.imports => Named::Imported(name),
                Ok(None) => Named::Plain,
                Err(()) => {
                    self.error(place, |s| err::ambiguous_variant(s, name));
                    Named::Bad
                }
            };
        }
        if let Some(variant) = built_in(name) {
            return Named::Variant(variant);
        }
        match self.enum_with(name) {
            Ok(Some(variant)) => Named::Variant(variant),
            Err(()) => {
                self.error(place, |s| err::ambiguous_variant(s, name));
                Named::Bad
            }
            Ok(None) => match self.declared(name) {
                Some(Entry::Var(var)) if self.vars.get(var).known == Known::Nothing => {
                    Named::Unknown
                }
                Some(Entry::Member(_)) => Named::Unknown,
                None if self.imports => Named::Imported(name),
                _ => Named::Plain,
            },
        }
    }

    /// The visible enum that has a variant of that name; an error if several have.
    fn enum_with(&mut self, name: Symbol) -> Result<Option<Variant>, ()> {
        let mut found: Option<Variant> = None;
        for info in self.visible_enums() {
            let Some(index) = info.variants.iter().position(|v| v.0 == name) else { continue };
            if found.is_some() {
                return Err(());
            }
            found = Some(Variant { info, index, built_in: false });
        }
        Ok(found)
    }

    /// Enums that some name visible here means, also those declared further down.
    fn visible_enums(&mut self) -> Vec<Rc<EnumInfo>> {
        let mut enums: Vec<Rc<EnumInfo>> = Vec::new();
        let mut add = |info: &Rc<EnumInfo>| {
            if !enums.contains(info) {
                enums.push(Rc::clone(info));
            }
        };
        let mut at = Some(self.scope);
        while let Some(scope) = at {
            let scope = self.vars.scope(scope);
            scope.enums.iter().for_each(&mut add);
            for entry in scope.names.values() {
                if let Entry::Var(var) = entry
                    && let Known::Enum(info) = &self.vars.get(*var).known
                {
                    add(info);
                }
            }
            at = scope.parent;
        }
        for known in self.names.known.values() {
            if let Known::Enum(info) = &known.known {
                add(info);
            }
        }
        enums
    }

    /// An enum that the forms of a scope around declare under that name.
    fn declared_enum(&self, name: Symbol) -> Option<Rc<EnumInfo>> {
        let mut at = Some(self.scope);
        while let Some(scope) = at {
            let scope = self.vars.scope(scope);
            if let Some(info) = scope.enums.iter().rev().find(|info| info.name == name) {
                return Some(Rc::clone(info));
            }
            at = scope.parent;
        }
        None
    }

    fn qualified_variant(&mut self, place: Place, segments: &[Symbol]) -> Named {
        let [owner, name] = segments else { return Named::Unknown };
        let known = match self.lookup(*owner) {
            Some(Entry::Var(var)) if self.vars.get(var).declared => {
                self.vars.get(var).known.clone()
            }
            _ if let Some(info) = self.declared_enum(*owner) => Known::Enum(info),
            Some(Entry::Var(_)) => Known::Nothing,
            Some(Entry::Member(_)) => return Named::Unknown,
            None => match built_in(*name).filter(|v| v.info.name == *owner) {
                Some(variant) => return Named::Variant(variant),
                None => return Named::Unknown,
            },
        };
        let Known::Enum(info) = known else {
            return match built_in(*name).filter(|v| v.info.name == *owner) {
                Some(variant) if known == Known::Nothing => Named::Variant(variant),
                _ => Named::Unknown,
            };
        };
        match info.variants.iter().position(|v| v.0 == *name) {
            Some(index) => Named::Variant(Variant { info, index, built_in: false }),
            None => {
                self.error(place, |s| err::no_such_variant(s, *owner, *name));
                Named::Bad
            }
        }
    }
}

fn is_capitalised(name: Symbol) -> bool {
    name.as_str().starts_with(|c: char| c.is_uppercase())
}

/// `Ok`, `Err`, `Some`, `None`
fn built_in(name: Symbol) -> Option<Variant> {
    let s = Symbol::intern;
    let (owner, variants) = match name.as_str() {
        "Ok" | "Err" => ("Result", [("Ok", Some("value")), ("Err", Some("error"))]),
        "Some" | "None" => ("Option", [("Some", Some("value")), ("None", None)]),
        _ => return None,
    };
    let variants: Vec<_> =
        variants.iter().map(|(v, f)| (s(v), f.iter().map(|f| s(f)).collect())).collect();
    let index = variants.iter().position(|v: &(Symbol, Vec<Symbol>)| v.0 == name)?;
    Some(Variant { info: Rc::new(EnumInfo { name: s(owner), variants }), index, built_in: true })
}

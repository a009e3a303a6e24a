//! `enum` (6.2).

use std::rc::Rc;

use gene_isa::{Intrinsic, Symbol};

use super::forms::symbols;
use super::hir::*;
use super::loops::property;
use super::lower::{Lower, base_name, place_of};
use super::scope::{EnumInfo, Known};
use crate::diag::compiler as err;
use crate::syntax::{Gene, Kind, Node};

/// A variant as declared.
struct Variant<'n> {
    name: Symbol,
    fields: Vec<Symbol>,
    types: Vec<Option<&'n Node>>,
    place: Place,
}

impl Lower<'_> {
    /// `(enum Name variant...)`
    pub(super) fn enum_form(&mut self, place: Place, g: &Gene) -> Expr {
        let Some((name, members)) = g.children.split_first() else {
            return self.error(place, |s| err::requires_a_name(s, "enum"));
        };
        let (full, path) = match &name.kind {
            Kind::Symbol(full) => (*full, None),
            Kind::Path(segments) => (segments[segments.len() - 1], Some(segments)),
            _ => return self.error(place_of(name), |s| err::requires_a_name(s, "enum")),
        };
        let (name, type_params) = self.split_type_params(place_of(name), full);
        let mut nodes: Vec<&Node> = members.iter().collect();
        if let Some(values) = property(&g.props, "values") {
            match &values.kind {
                Kind::Array(seq) => nodes.extend(&seq.items),
                _ => drop(self.error(place_of(values), err::enum_member)),
            }
        }
        let mut variants: Vec<Variant> = Vec::new();
        for node in nodes {
            let Some(variant) = self.variant(node) else { continue };
            if variants.iter().any(|v| v.name == variant.name) {
                self.error(variant.place, |s| err::duplicate_variant(s, variant.name));
                continue;
            }
            variants.push(variant);
        }
        let info = EnumInfo {
            name,
            variants: variants.iter().map(|v| (v.name, v.fields.clone())).collect(),
        };
        let outer = self.func().type_params.len();
        self.func().type_params.extend(&type_params);
        let made = match path {
            None => {
                let var = self.declare_definition(name, Known::Enum(Rc::new(info)));
                self.build_enum(place, name, &type_params, &variants, Some(var))
            }
            Some(path) => {
                self.bind_member(path, name);
                let value = self.build_enum(place, name, &type_params, &variants, None);
                self.define_member(place, path, name, value)
            }
        };
        self.func().type_params.truncate(outer);
        made
    }

    fn build_enum(
        &mut self,
        place: Place,
        name: Symbol,
        type_params: &[Symbol],
        variants: &[Variant],
        var: Option<VarId>,
    ) -> Expr {
        let args = vec![self.symbol(place, name), self.constant(place, symbols(type_params))];
        let value = self.make(place, Ek::Intrinsic(Intrinsic::NewEnum, args));
        let var = var.unwrap_or_else(|| self.hidden_var("%enum"));
        let mut forms = vec![self.declaration(place, var, value)];
        for variant in variants {
            let place = variant.place;
            let typed = variant.types.iter().any(Option::is_some);
            let types = match typed {
                false => self.nil(place),
                true => {
                    let mut items = Vec::with_capacity(variant.types.len());
                    for ty in &variant.types {
                        let value = match ty {
                            Some(node) => self.field_type(node),
                            None => self.nil(place),
                        };
                        items.push((value, false));
                    }
                    self.make(place, Ek::Array(items, false))
                }
            };
            let args = vec![
                self.read(place, var),
                self.symbol(place, variant.name),
                self.constant(place, symbols(&variant.fields)),
                types,
            ];
            forms.push(self.make(place, Ek::Intrinsic(Intrinsic::AddVariant, args)));
        }
        forms.push(self.read(place, var));
        self.make(place, Ek::Do(forms))
    }

    /// The type value of a field; nil for type parameters, which accept everything.
    fn field_type(&mut self, node: &Node) -> Expr {
        let place = place_of(node);
        match node.as_symbol() {
            Some(name) if name.as_str() == "Any" || self.func().type_params.contains(&name) => {
                self.nil(place)
            }
            _ => self.kept_type(node),
        }
    }

    fn variant<'n>(&mut self, node: &'n Node) -> Option<Variant<'n>> {
        let place = place_of(node);
        let g = match &node.kind {
            Kind::Symbol(name) => {
                return Some(Variant { name: *name, fields: vec![], types: vec![], place });
            }
            Kind::Gene(g) => g,
            _ => {
                self.error(place, err::enum_member);
                return None;
            }
        };
        let Some(name) = g.head.as_symbol() else {
            self.error(place, err::enum_member);
            return None;
        };
        if !g.props.is_empty() {
            self.error(place, |s| err::variant_properties(s, name));
        }
        let (mut fields, mut types): (Vec<Symbol>, Vec<Option<&Node>>) = (vec![], vec![]);
        let mut at = 0;
        while at < g.children.len() {
            let place = place_of(&g.children[at]);
            let Some(field) = g.children[at].as_symbol() else {
                self.error(place, err::enum_member);
                return None;
            };
            at += 1;
            let text = field.as_str();
            let (field, ty) = match text.strip_suffix(':') {
                Some(base) => {
                    let ty = g.children.get(at);
                    match ty {
                        None => drop(self.error(place, |s| err::missing_type(s, base))),
                        Some(ty)
                            if !matches!(
                                ty.kind,
                                Kind::Symbol(_) | Kind::Path(_) | Kind::Gene(_) | Kind::Nil
                            ) =>
                        {
                            self.error(place_of(ty), err::invalid_type);
                        }
                        _ => {}
                    }
                    at += 1;
                    (Symbol::intern(base), ty)
                }
                None => (field, None),
            };
            if fields.contains(&field) {
                self.error(place, |s| err::duplicate_field(s, field));
                continue;
            }
            fields.push(field);
            types.push(ty);
        }
        Some(Variant { name, fields, types, place })
    }
}

/// What a declaration says, errors aside.
pub(super) fn declared(g: &Gene) -> Option<EnumInfo> {
    let (name, members) = g.children.split_first()?;
    let name = match &name.kind {
        Kind::Symbol(name) => *name,
        Kind::Path(segments) => *segments.last()?,
        _ => return None,
    };
    let listed = match property(&g.props, "values") {
        Some(Node { kind: Kind::Array(seq), .. }) => &seq.items[..],
        _ => &[],
    };
    let variants = members.iter().chain(listed).filter_map(|node| match &node.kind {
        Kind::Symbol(name) => Some((*name, Vec::new())),
        Kind::Gene(variant) => {
            let mut fields = Vec::new();
            let mut items = variant.children.iter();
            while let Some(field) = items.next().and_then(Node::as_symbol) {
                let text = field.as_str();
                fields.push(match text.strip_suffix(':') {
                    Some(base) => {
                        items.next();
                        Symbol::intern(base)
                    }
                    None => field,
                });
            }
            Some((variant.head.as_symbol()?, fields))
        }
        _ => None,
    });
    let variants = variants.collect();
    Some(EnumInfo { name: Symbol::intern(base_name(name.as_str())), variants })
}

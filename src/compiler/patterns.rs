//! Patterns of `var`, `let` and `for` (6.1).
//!
//! The intrinsic `Destructure` takes an array pattern as a constant
//! `[positional rest keywords keyword_rest]`:
//!
//! - `positional`: for each positional item whether it may be missing,
//! - `rest`: index of the item before which the rest stands, or nil,
//! - `keywords`: `[name optional]` for each,
//! - `keyword_rest`: a boolean.
//!
//! The parts come in the order of parameters (`isa::Params`): positional ones
//! with the rest at its place, keywords, keyword rest.

use gene_isa::datum::Datum;
use gene_isa::{Intrinsic, Symbol};

use super::hir::*;
use super::lower::{Lower, place_of};
use crate::diag::compiler as err;
use crate::syntax::{Kind, Node, Prop};

/// An item of an array pattern.
struct Item<'n> {
    kind: ParamKind,
    /// The name; `None` for `_` and nested patterns.
    name: Option<Symbol>,
    key: Symbol,
    nested: Option<&'n Node>,
    default: Option<&'n Node>,
    place: Place,
}

/// A name to bind, once everything has matched.
struct Binding<'n> {
    name: Symbol,
    part: VarId,
    default: Option<&'n Node>,
    place: Place,
}

impl Lower<'_> {
    /// Takes `value` apart and declares the names of the pattern; nil.
    pub(super) fn destructure(&mut self, pattern: &Node, value: Expr, constant: bool) -> Expr {
        let place = place_of(pattern);
        let mut forms = Vec::new();
        let direct = std::mem::replace(&mut self.direct, false);
        match &pattern.kind {
            Kind::Map(props, _) => self.map_pattern(props, value, constant, &mut forms),
            Kind::Array(seq) => {
                let mut bindings = Vec::new();
                self.array_pattern(place, &seq.items, value, &mut forms, &mut bindings);
                for binding in bindings {
                    let form = self.bind_part(binding, constant);
                    forms.push(form);
                }
            }
            _ => drop(self.error(place, err::bad_pattern)),
        }
        self.direct = direct;
        self.assigns += 1;
        forms.push(self.nil(place));
        let mut result = self.make(place, Ek::Do(forms));
        result.assigns = true;
        result
    }

    fn store(&mut self, value: Expr, name: &str, forms: &mut Vec<Expr>) -> VarId {
        let place = value.place;
        let var = self.hidden_var(name);
        forms.push(self.make(place, Ek::Declare(var, Box::new(value))));
        var
    }

    fn map_pattern(&mut self, props: &[Prop], value: Expr, constant: bool, forms: &mut Vec<Expr>) {
        let source = self.store(value, "%source", forms);
        for prop in props {
            let place = place_of(&prop.value);
            let Some(name) = prop.value.as_symbol() else {
                self.error(place, err::bad_pattern);
                continue;
            };
            if name.as_str() == "_" {
                continue;
            }
            let object = self.make(place, Ek::Var(source, false));
            let part = self.make(place, Ek::Prop(Box::new(object), prop.key));
            let var = self.declare(name);
            self.vars.get_mut(var).constant = constant;
            let form = self.declaration(place, var, part);
            forms.push(form);
        }
    }

    fn array_pattern<'n>(
        &mut self,
        place: Place,
        nodes: &'n [Node],
        value: Expr,
        forms: &mut Vec<Expr>,
        bindings: &mut Vec<Binding<'n>>,
    ) {
        let items = self.pattern_items(nodes);
        let shape = self.constant(place, shape(&items));
        let args = vec![value, shape];
        let parts = self.make(place, Ek::Intrinsic(Intrinsic::Destructure, args));
        let parts = self.store(parts, "%parts", forms);
        for (index, item) in items.iter().enumerate() {
            if item.name.is_none() && item.nested.is_none() {
                continue;
            }
            let array = self.make(place, Ek::Var(parts, false));
            let index = self.make(place, Ek::Int(index as i64));
            let part = Ek::Intrinsic(Intrinsic::DestructurePart, vec![array, index]);
            let part = self.make(item.place, part);
            match item.nested {
                Some(Node { kind: Kind::Array(seq), .. }) => {
                    self.array_pattern(item.place, &seq.items, part, forms, bindings);
                }
                _ => {
                    let Some(name) = item.name else { continue };
                    let part = self.store(part, "%part", forms);
                    let (default, place) = (item.default, item.place);
                    bindings.push(Binding { name, part, default, place });
                }
            }
        }
    }

    fn bind_part(&mut self, binding: Binding, constant: bool) -> Expr {
        let place = binding.place;
        let default = binding.default.map(|node| self.maybe(|l| l.expr(node)));
        let part = self.make(place, Ek::Var(binding.part, false));
        let value = match default {
            None => part,
            Some(default) => self.or_default(place, part, default),
        };
        let var = self.declare(binding.name);
        self.vars.get_mut(var).constant = constant;
        self.declaration(place, var, value)
    }

    /// `value`, or `default` if that is unset.
    fn or_default(&mut self, place: Place, value: Expr, default: Expr) -> Expr {
        self.make(place, Ek::IfSet(Box::new((value, default))))
    }

    fn pattern_items<'n>(&mut self, nodes: &'n [Node]) -> Vec<Item<'n>> {
        let mut items = Vec::new();
        let (mut positional_rest, mut keyword_rest) = (false, false);
        let mut at = 0;
        while at < nodes.len() {
            let node = &nodes[at];
            let place = place_of(node);
            at += 1;
            let text = match &node.kind {
                Kind::Symbol(name) => name.as_str(),
                Kind::Array(_) => {
                    let nested = Some(node);
                    let key = Symbol::intern("_");
                    let kind = ParamKind::Positional;
                    items.push(Item { kind, name: None, key, nested, default: None, place });
                    continue;
                }
                _ => {
                    self.error(place, err::bad_pattern);
                    continue;
                }
            };
            let (keyword, text) = match text.strip_prefix('^') {
                Some(rest) => (true, rest),
                None => (false, text),
            };
            let (mut rest, text) = match text.strip_suffix("...") {
                Some(before) => (true, before),
                None => (false, text),
            };
            if !rest && nodes.get(at).is_some_and(|n| n.is_symbol("...")) {
                rest = true;
                at += 1;
            }
            if text.is_empty() {
                self.error(place, err::pattern_rest_without_name);
                continue;
            }
            let mut default = None;
            if nodes.get(at).is_some_and(|n| n.is_symbol("=")) {
                default = nodes.get(at + 1);
                if default.is_none() {
                    self.error(place, |s| err::missing_default(s, text));
                }
                at += 2;
            }
            let kind = match (keyword, rest) {
                (false, false) => ParamKind::Positional,
                (false, true) => ParamKind::Rest,
                (true, false) => ParamKind::Keyword,
                (true, true) => ParamKind::KeywordRest,
            };
            let seen = match kind {
                ParamKind::Rest => &mut positional_rest,
                ParamKind::KeywordRest => &mut keyword_rest,
                _ => &mut false,
            };
            if rest && std::mem::replace(seen, true) {
                let word = if keyword { "keyword" } else { "positional" };
                self.error(place, |s| err::two_pattern_rests(s, word));
                continue;
            }
            let key = Symbol::intern(text);
            let name = (text != "_").then_some(key);
            items.push(Item { kind, name, key, nested: None, default, place });
        }
        items.sort_by_key(|i| match i.kind {
            ParamKind::Positional | ParamKind::Rest => 0,
            ParamKind::Keyword => 1,
            ParamKind::KeywordRest => 2,
        });
        items
    }
}

/// The pattern as the intrinsic takes it.
fn shape(items: &[Item]) -> Datum {
    let mut positional = Vec::new();
    let mut rest = Datum::Nil;
    let mut keywords = Vec::new();
    let mut keyword_rest = false;
    for item in items {
        let optional = Datum::Bool(item.default.is_some());
        match item.kind {
            ParamKind::Positional => positional.push(optional),
            ParamKind::Rest => rest = Datum::Int(positional.len() as i64),
            ParamKind::Keyword => {
                keywords.push(Datum::Array(vec![Datum::Symbol(item.key), optional], false));
            }
            ParamKind::KeywordRest => keyword_rest = true,
        }
    }
    let parts = vec![
        Datum::Array(positional, false),
        rest,
        Datum::Array(keywords, false),
        Datum::Bool(keyword_rest),
    ];
    Datum::Array(parts, false)
}

//! `ns`, `import`, `export`, `$dep` (chapter 12).

use gene_isa::datum::Datum;
use gene_isa::{Intrinsic, Symbol};

use super::data::datum;
use super::forms::symbols;
use super::hir::*;
use super::loops::property;
use super::lower::{Lower, place_of};
use super::scope::Known;
use crate::diag::compiler as err;
use crate::syntax::{Gene, Kind, Node};

/// A name to import: its path among the exports, and what it is called here.
struct Item {
    path: Vec<Symbol>,
    name: Symbol,
    place: Place,
}

impl Lower<'_> {
    /// `(ns name body...)`
    pub(super) fn ns_form(&mut self, place: Place, c: &[Node]) -> Expr {
        let Some((first, body)) = c.split_first() else {
            return self.error(place, |s| err::requires_a_name(s, "ns"));
        };
        let (name, path) = match &first.kind {
            Kind::Symbol(name) => (*name, None),
            Kind::Path(segments) => (segments[segments.len() - 1], Some(segments.clone())),
            _ => return self.error(place_of(first), |s| err::requires_a_name(s, "ns")),
        };
        let parent = match &path {
            Some(path) => self.path_object(place, &path[..path.len() - 1]),
            None => self.make(place, Ek::SelfRef),
        };
        let args = vec![self.symbol(place, name), parent];
        let made = self.make(place, Ek::Intrinsic(Intrinsic::NewNamespace, args));
        let (var, made) = match &path {
            None => {
                let var = self.declare_definition(name, Known::Definition);
                (var, self.declaration(place, var, made))
            }
            Some(path) => {
                self.bind_member(path, name);
                let var = self.hidden_var("%namespace");
                let defined = self.define_member(place, path, name, made);
                (var, self.declaration(place, var, defined))
            }
        };
        let body = self.scoped(|l| {
            l.bind(Symbol::intern("%owner"), var);
            l.body(body)
        });
        self.make(place, Ek::WithSelf(Box::new((made, body)), true))
    }

    /// `(import a b:x from "path")` and the other forms
    pub(super) fn import_form(&mut self, place: Place, g: &Gene) -> Expr {
        if self.scope != self.module_scope {
            return self.error(place, err::import_place);
        }
        let mut items = Vec::new();
        let (mut from, mut package, mut all) = (None, None, false);
        let c = &g.children;
        let mut at = 0;
        while at < c.len() {
            let node = &c[at];
            let here = place_of(node);
            at += 1;
            if node.is_symbol("from") || node.is_symbol("of") {
                let Some(Node { kind: Kind::Str(text), .. }) = c.get(at) else {
                    return self.error(here, err::import_path);
                };
                let text = Datum::Str(text.as_ref().into());
                match node.is_symbol("from") {
                    true => from = Some(text),
                    false => package = Some(text),
                }
                at += 1;
            } else if node.is_symbol("*") {
                all = true;
            } else {
                match &node.kind {
                    Kind::Symbol(name) => items.push(item(&[], *name, here)),
                    Kind::Path(segments) => {
                        let (last, before) =
                            (segments[segments.len() - 1], &segments[..segments.len() - 1]);
                        if !last.as_str().is_empty() {
                            items.push(item(before, last, here));
                            continue;
                        }
                        let Some(Node { kind: Kind::Array(list), .. }) = c.get(at) else {
                            return self.error(here, err::import_name);
                        };
                        at += 1;
                        for member in &list.items {
                            match member.as_symbol() {
                                Some(name) => items.push(item(before, name, place_of(member))),
                                None => drop(self.error(place_of(member), err::import_name)),
                            }
                        }
                    }
                    _ => drop(self.error(here, err::import_name)),
                }
            }
        }
        if package.is_none() {
            package = property(&g.props, "pkg").map(datum);
        }
        if from.is_none() && package.is_none() {
            return self.import_built_in(place, items, all);
        }
        let mut descriptor =
            vec![(Symbol::intern("from"), from.unwrap_or_else(|| Datum::Str("index".into())))];
        if let Some(package) = package {
            descriptor.push((Symbol::intern("pkg"), package));
        }
        if let Some(path) = property(&g.props, "path") {
            descriptor.push((Symbol::intern("path"), datum(path)));
        }
        let descriptor = self.constant(place, Datum::Map(descriptor, false));
        // The module runs as a call from here, so that chains of imports do
        // not nest interpreters.
        let value = self.make(place, Ek::Intrinsic(Intrinsic::Import, vec![descriptor]));
        let body = self.hidden_var("%body");
        let mut forms = vec![self.declaration(place, body, value)];
        let callee = self.read(place, body);
        let ran = self.call_with(place, callee, Vec::new());
        let args = vec![self.read(place, body), ran];
        let value = self.make(place, Ek::Intrinsic(Intrinsic::Imported, args));
        let module = self.hidden_var("%module");
        forms.push(self.declaration(place, module, value));
        if all {
            let args = vec![self.read(place, module)];
            forms.push(self.make(place, Ek::Intrinsic(Intrinsic::ImportAll, args)));
        }
        for item in items {
            let path = self.constant(item.place, symbols(&item.path));
            let args = vec![self.read(item.place, module), path];
            let value = self.make(item.place, Ek::Intrinsic(Intrinsic::ImportName, args));
            forms.push(self.bind_import(&item, value));
        }
        forms.push(self.nil(place));
        self.make(place, Ek::Do(forms))
    }

    /// `(import genex/http)`
    fn import_built_in(&mut self, place: Place, items: Vec<Item>, all: bool) -> Expr {
        if all || items.is_empty() {
            return self.error(place, err::import_path);
        }
        let mut forms = Vec::new();
        for item in items {
            let name = (Symbol::intern("name"), symbols(&item.path));
            let descriptor = self.constant(item.place, Datum::Map(vec![name], false));
            let value =
                self.make(item.place, Ek::Intrinsic(Intrinsic::ImportBuiltin, vec![descriptor]));
            forms.push(self.bind_import(&item, value));
        }
        forms.push(self.nil(place));
        self.make(place, Ek::Do(forms))
    }

    /// Declares an imported name. What it is shows only at run time: names
    /// with a capital may be variants, others are taken for functions.
    fn bind_import(&mut self, item: &Item, value: Expr) -> Expr {
        let capital = item.name.as_str().starts_with(|c: char| c.is_uppercase());
        let var = self.declare_definition(item.name, Known::Definition);
        if capital {
            self.vars.get_mut(var).known = Known::Nothing;
        }
        // Imports are no exports.
        self.exports.pop();
        self.declaration(item.place, var, value)
    }

    /// `(export a b)`, `(export [a b])`
    pub(super) fn export_form(&mut self, place: Place, c: &[Node]) -> Expr {
        self.explicit_exports = true;
        let nodes = match c {
            [Node { kind: Kind::Array(seq), .. }] => &seq.items[..],
            _ => c,
        };
        for node in nodes {
            match node.as_symbol() {
                Some(name) => self.export_list.push(name),
                None => drop(self.error(place_of(node), err::export_name)),
            }
        }
        self.nil(place)
    }

    /// After the whole module: the names that `export` lists.
    pub(super) fn finish_exports(&mut self) {
        if !self.explicit_exports {
            return;
        }
        self.exports = std::mem::take(&mut self.export_list);
        for name in self.exports.clone() {
            if let super::scope::Entry::Var(var) = self.variable(name) {
                self.vars.get_mut(var).captured = true;
            }
        }
    }

    /// `($dep "name" "version" ^path "...")`
    pub(super) fn dep_form(&mut self, place: Place, g: &Gene) -> Expr {
        let Some(Node { kind: Kind::Str(name), .. }) = g.children.first() else {
            return self.error(place, |s| err::missing(s, "$dep", "name of the package"));
        };
        let mut entries = vec![(Symbol::intern("name"), Datum::Str(name.as_ref().into()))];
        if let Some(version) = g.children.get(1) {
            entries.push((Symbol::intern("version"), datum(version)));
        }
        entries.extend(g.props.iter().map(|p| (p.key, datum(&p.value))));
        let descriptor = self.constant(place, Datum::Map(entries, false));
        self.make(place, Ek::Intrinsic(Intrinsic::Dependency, vec![descriptor]))
    }
}

/// `n/f:g` taken apart.
fn item(before: &[Symbol], last: Symbol, place: Place) -> Item {
    let (export, name) = match last.as_str().split_once(':') {
        Some((export, name)) if !export.is_empty() && !name.is_empty() => {
            (Symbol::intern(export), Symbol::intern(name))
        }
        _ => (last, last),
    };
    let path = before.iter().copied().chain([export]).collect();
    Item { path, name, place }
}

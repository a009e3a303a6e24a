//! `class`, `object` and their members (9.1 to 9.5).

use std::rc::Rc;

use gene_isa::{FnKind, Intrinsic, Symbol};

use super::data::datum;
use super::functions::Parts;
use super::hir::*;
use super::loops::property;
use super::lower::{Lower, place_of};
use super::scope::{ClassInfo, Entry, Known};
use crate::diag::compiler as err;
use crate::syntax::{Gene, Kind, Node};

/// The header of a class: everything before the members.
struct Header<'n> {
    name: Symbol,
    path: Option<Rc<[Symbol]>>,
    parent: Option<&'n Node>,
    interfaces: Vec<&'n Node>,
    members: &'n [Node],
}

/// What the members declare.
#[derive(Default)]
pub(super) struct Declared {
    methods: Vec<Symbol>,
    fields: Vec<Symbol>,
    has_ctor: bool,
    /// Interfaces of `implement` members, and where they are named.
    interfaces: Vec<(Symbol, Place)>,
    /// What says that the class implements them, once it is complete.
    promises: Vec<Expr>,
}

impl Lower<'_> {
    /// `(class Name < Parent implements I member...)`, `(object ...)`
    pub(super) fn class_form(&mut self, place: Place, g: &Gene, object: bool) -> Expr {
        let Some(header) = self.class_header(place, g, object) else { return self.nil(place) };
        if object {
            return self.object(place, g, header);
        }
        match header.path.clone() {
            None => {
                let var = self.declare_definition(header.name, Known::Definition);
                self.build_class(place, g, &header, header.name, var)
            }
            Some(path) => {
                self.bind_member(&path, header.name);
                let name = header.name;
                let var = self.hidden_var("%class");
                let class = self.build_class(place, g, &header, name, var);
                self.define_member(place, &path, name, class)
            }
        }
    }

    fn object(&mut self, place: Place, g: &Gene, header: Header) -> Expr {
        let text = header.name.as_str();
        let class_name = match text.ends_with("Class") {
            true => header.name,
            false => Symbol::intern(&format!("{text}Class")),
        };
        let var = match &header.path {
            None => Some(self.declare_definition(header.name, Known::Definition)),
            Some(_) => None,
        };
        if let Some(var) = var {
            self.vars.get_mut(var).known = Known::Nothing;
        }
        let class = self.hidden_var("%class");
        let built = self.build_class(place, g, &header, class_name, class);
        let args = Args::default();
        let made = self.make(place, Ek::Call(Box::new(Call { target: Target::New(built), args })));
        match (var, &header.path) {
            (Some(var), _) => self.declaration(place, var, made),
            (None, Some(path)) => self.define_member(place, path, header.name, made),
            (None, None) => made,
        }
    }

    fn class_header<'n>(&mut self, place: Place, g: &'n Gene, object: bool) -> Option<Header<'n>> {
        let word = if object { "object" } else { "class" };
        let Some((first, mut rest)) = g.children.split_first() else {
            self.error(place, |s| err::requires_a_name(s, word));
            return None;
        };
        let (name, path) = match &first.kind {
            Kind::Symbol(name) => (*name, None),
            Kind::Path(segments) => (segments[segments.len() - 1], Some(segments.clone())),
            _ => {
                self.error(place_of(first), |s| err::requires_a_name(s, word));
                return None;
            }
        };
        let (name, _) = self.split_type_params(place, name);
        let mut parent = None;
        if rest.first().is_some_and(|n| n.is_symbol("<")) {
            parent = rest.get(1);
            if parent.is_none() {
                self.error(place, |s| err::missing(s, word, "parent class after '<'"));
            }
            rest = &rest[rest.len().min(2)..];
        }
        let mut interfaces = Vec::new();
        while rest.first().is_some_and(|n| n.is_symbol("implements")) {
            match rest.get(1).map(|n| (n, &n.kind)) {
                Some((_, Kind::Array(seq))) => interfaces.extend(&seq.items),
                Some((node, _)) => interfaces.push(node),
                None => drop(self.error(place, |s| err::missing(s, word, "interface"))),
            }
            rest = &rest[rest.len().min(2)..];
        }
        Some(Header { name, path, parent, interfaces, members: rest })
    }

    fn build_class(
        &mut self,
        place: Place,
        g: &Gene,
        header: &Header,
        name: Symbol,
        var: VarId,
    ) -> Expr {
        let parent = match header.parent {
            Some(node) => self.expr(node),
            None => self.unset(place),
        };
        let base = header.parent.map(|node| self.known_class(node));
        let args = vec![self.symbol(place, name), parent];
        let class = self.make(place, Ek::Intrinsic(Intrinsic::NewClass, args));
        let made = self.declaration(place, var, class);
        let mut declared = Declared::default();
        let fields = property(&g.props, "fields");
        if let Some(Node { kind: Kind::Map(props, _), .. }) = fields {
            declared.fields.extend(props.iter().map(|p| p.key));
        }
        self.classes.push(var);
        let body = self.scoped(|l| {
            let owner = Symbol::intern("%owner");
            l.bind(owner, var);
            l.hoist_members(header.members, true);
            let mut forms = Vec::new();
            if let Some(fields) = fields {
                let map = l.constant(place_of(fields), datum(fields));
                let args = vec![l.read(place, var), map];
                forms.push(l.make(place, Ek::Intrinsic(Intrinsic::DeclareFields, args)));
            }
            for member in header.members {
                let form = l.member(member, var, &mut declared);
                forms.push(form);
            }
            for node in &header.interfaces {
                let form = l.implements(node, var, name, &declared, base.as_ref());
                forms.push(form);
            }
            forms.append(&mut declared.promises);
            l.make(place, Ek::Do(forms))
        });
        self.classes.pop();
        for (interface, at) in std::mem::take(&mut declared.interfaces) {
            self.check_interface(at, interface, name, &declared, base.as_ref());
        }
        let info = merge(declared, base);
        if self.vars.get(var).known == Known::Definition {
            self.vars.get_mut(var).known = Known::Class(Rc::new(info));
        }
        let value = self.make(place, Ek::WithSelf(Box::new((made, body)), true));
        Expr { assigns: true, ..value }
    }

    /// What is known of a parent class.
    fn known_class(&mut self, node: &Node) -> Option<Rc<ClassInfo>> {
        let name = node.as_symbol()?;
        match self.lookup(name)? {
            Entry::Var(var) => match &self.vars.get(var).known {
                Known::Class(info) => Some(Rc::clone(info)),
                _ => None,
            },
            Entry::Member(_) => None,
        }
    }

    /// `implements I` of the header.
    fn implements(
        &mut self,
        node: &Node,
        class: VarId,
        name: Symbol,
        declared: &Declared,
        base: Option<&Option<Rc<ClassInfo>>>,
    ) -> Expr {
        let place = place_of(node);
        if let Some(interface) = node.as_symbol() {
            self.check_interface(place, interface, name, declared, base);
        }
        let interface = self.expr(node);
        let args = vec![self.read(place, class), interface];
        self.make(place, Ek::Intrinsic(Intrinsic::Implement, args))
    }

    /// Finds out before the program runs what a class lacks.
    fn check_interface(
        &mut self,
        place: Place,
        interface: Symbol,
        class: Symbol,
        declared: &Declared,
        base: Option<&Option<Rc<ClassInfo>>>,
    ) {
        let known = match self.lookup(interface) {
            Some(Entry::Var(var)) if self.vars.get(var).declared => {
                self.vars.get(var).known.clone()
            }
            Some(Entry::Member(_)) => return,
            _ => {
                self.error(place, |s| err::unknown_interface(s, interface));
                return;
            }
        };
        let Known::Interface(info) = known else { return };
        let inherited = match base {
            None => None,
            Some(Some(info)) if !info.open => Some(info),
            // An ancestor that is not known may have anything.
            Some(_) => return,
        };
        let has = |own: &[Symbol], theirs: Option<&[Symbol]>, name: &Symbol| {
            own.contains(name) || theirs.is_some_and(|t| t.contains(name))
        };
        for method in &info.methods {
            if !has(&declared.methods, inherited.map(|i| &i.methods[..]), method) {
                self.error(place, |s| err::lacks_member(s, class, "method", method, interface));
            }
        }
        for field in &info.fields {
            if !has(&declared.fields, inherited.map(|i| &i.fields[..]), field) {
                self.error(place, |s| err::lacks_member(s, class, "field", field, interface));
            }
        }
    }

    fn member(&mut self, node: &Node, class: VarId, declared: &mut Declared) -> Expr {
        let place = place_of(node);
        let Kind::Gene(g) = &node.kind else { return self.stmt(node) };
        let Some(head) = g.head.as_symbol() else { return self.stmt(node) };
        match head.as_str() {
            "method" => {
                let Some((name, function)) = self.method(place, g, "method") else {
                    return self.nil(place);
                };
                declared.methods.push(name);
                let args = vec![self.read(place, class), self.symbol(place, name), function];
                self.make(place, Ek::Intrinsic(Intrinsic::AddMethod, args))
            }
            "ctor" => {
                if std::mem::replace(&mut declared.has_ctor, true) {
                    return self.error(place, err::two_ctors);
                }
                let function = self.ctor(place, g);
                let args = vec![self.read(place, class), function];
                self.make(place, Ek::Intrinsic(Intrinsic::AddCtor, args))
            }
            "on_method_missing" => {
                let name = Symbol::intern("on_method_missing");
                let function = self.member_function(place, g, "on_method_missing", Some(name), 0);
                let args = vec![self.read(place, class), function];
                self.make(place, Ek::Intrinsic(Intrinsic::AddMissing, args))
            }
            "field" | "prop" => {
                let Some((name, ty)) = self.field(place, g) else { return self.nil(place) };
                declared.fields.push(name);
                let ty = match ty {
                    Some(node) => self.kept_type(node),
                    None => self.unset(place),
                };
                let args = vec![self.read(place, class), self.symbol(place, name), ty];
                self.make(place, Ek::Intrinsic(Intrinsic::AddField, args))
            }
            "implement" if !g.children.iter().any(|n| n.is_symbol("for")) => {
                self.implement_member(place, g, class, declared)
            }
            "fn" if g.children.first().is_some_and(|n| n.as_symbol().is_some()) => {
                // A function of the class body is a member.
                let Some(name) = g.children[0].as_symbol() else { return self.nil(place) };
                let (name, _) = self.split_type_params(place, name);
                let own: Rc<[Symbol]> = [Symbol::intern(""), name].into();
                self.bind_member(&own, name);
                let mut member = (**g).clone();
                member.children[0].kind = Kind::Path(
                    [Symbol::intern(""), g.children[0].as_symbol().unwrap_or(name)].into(),
                );
                self.fn_form(place, &member)
            }
            "ctor!" | "new!" => self.error(place, |s| err::macro_like(s, head.as_str())),
            _ => self.stmt(node),
        }
    }

    /// `(implement I member...)` inside a class.
    fn implement_member(
        &mut self,
        place: Place,
        g: &Gene,
        class: VarId,
        declared: &mut Declared,
    ) -> Expr {
        let Some((interface, members)) = g.children.split_first() else {
            return self.error(place, |s| err::missing(s, "implement", "interface"));
        };
        let forms: Vec<Expr> =
            members.iter().map(|member| self.member(member, class, declared)).collect();
        if let Some(name) = interface.as_symbol() {
            declared.interfaces.push((name, place_of(interface)));
        }
        let interface = self.expr(interface);
        let args = vec![self.read(place, class), interface];
        declared.promises.push(self.make(place, Ek::Intrinsic(Intrinsic::Implement, args)));
        self.make(place, Ek::Do(forms))
    }

    /// `(method name [params] body...)`: name and function.
    pub(super) fn method(
        &mut self,
        place: Place,
        g: &Gene,
        word: &'static str,
    ) -> Option<(Symbol, Expr)> {
        let full = match g.children.first().map(|n| &n.kind) {
            Some(Kind::Symbol(name)) => *name,
            Some(Kind::Str(name)) => Symbol::intern(name),
            _ => {
                self.error(place, |s| err::requires_a_name(s, word));
                return None;
            }
        };
        let text = full.as_str();
        if text.len() > 1 && text.ends_with('!') {
            self.error(place, |s| err::macro_like(s, &format!("method {text}")));
            return None;
        }
        let is_string = matches!(g.children[0].kind, Kind::Str(_));
        let (name, _) = match is_string {
            true => (full, Vec::new()),
            false => self.split_type_params(place, full),
        };
        Some((name, self.member_function(place, g, word, Some(full), 1)))
    }

    /// `(ctor [params] body...)`
    pub(super) fn ctor(&mut self, place: Place, g: &Gene) -> Expr {
        if property(&g.props, "async").is_some_and(|n| matches!(n.kind, Kind::Bool(true))) {
            return self.error(place, |s| err::cannot_be_async(s, "a constructor"));
        }
        self.member_function(place, g, "ctor", None, 0)
    }

    /// A function of a class: `at` says where its parameter list stands.
    pub(super) fn member_function(
        &mut self,
        place: Place,
        g: &Gene,
        word: &'static str,
        full: Option<Symbol>,
        at: usize,
    ) -> Expr {
        let Some(params) = g.children.get(at).filter(|n| matches!(n.kind, Kind::Array(_))) else {
            let place = g.children.get(at).map_or(place, place_of);
            return self.error(place, |s| err::requires_array(s, word));
        };
        let (name, type_params) = match full {
            Some(full) if matches!(g.children[0].kind, Kind::Symbol(_)) => {
                let (name, types) = self.split_type_params(place, full);
                (Some(name), types)
            }
            other => (other, Vec::new()),
        };
        let kind = match word {
            "ctor" => FnKind::Ctor,
            _ => self.function_kind(place, name, &g.props),
        };
        let name = name.or_else(|| (word == "ctor").then(|| Symbol::intern("ctor")));
        self.function(Parts {
            word,
            name,
            params,
            rest: &g.children[at + 1..],
            props: &g.props,
            kind,
            in_class: true,
            type_params,
            place,
        })
    }

    /// `(field name Type)`, `(field name: Type)`, `(field name)`
    pub(super) fn field<'n>(
        &mut self,
        place: Place,
        g: &'n Gene,
    ) -> Option<(Symbol, Option<&'n Node>)> {
        let Some(name) = g.children.first().and_then(Node::as_symbol) else {
            self.error(place, |s| err::requires_a_name(s, "field"));
            return None;
        };
        let text = name.as_str();
        let name = Symbol::intern(text.strip_suffix(':').unwrap_or(text));
        if text.ends_with(':') && g.children.len() < 2 {
            self.error(place, |s| err::missing_type(s, name.as_str()));
        }
        Some((name, g.children.get(1)))
    }
}

/// What a class has, its own and what it inherits.
fn merge(declared: Declared, base: Option<Option<Rc<ClassInfo>>>) -> ClassInfo {
    let mut info = ClassInfo { methods: declared.methods, fields: declared.fields, open: false };
    match base {
        None => {}
        Some(None) => info.open = true,
        Some(Some(base)) => {
            info.methods.extend(&base.methods);
            info.fields.extend(&base.fields);
            info.open = base.open;
        }
    }
    info
}

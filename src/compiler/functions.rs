//! `fn`, blocks, bodies of methods: headers, parameters, contracts, metadata.

use std::rc::Rc;

use gene_isa::{CheckKind, FnKind, Intrinsic, Symbol};

use super::data::datum;
use super::hir::*;
use super::loops::property;
use super::lower::{CALLER, FuncState, Lower, base_name, place_of};
use super::scope::Known;
use crate::diag::compiler as err;
use crate::syntax::{Gene, Kind, Node, Prop};

/// What a function is made of, as written.
pub(super) struct Parts<'g> {
    /// The form, for error messages: `fn`, `method`, `ctor`.
    pub word: &'static str,
    pub name: Option<Symbol>,
    pub params: &'g Node,
    /// Everything after the parameter list.
    pub rest: &'g [Node],
    pub props: &'g [Prop],
    pub kind: FnKind,
    pub in_class: bool,
    pub type_params: Vec<Symbol>,
    pub place: Place,
}

impl Lower<'_> {
    /// `(fn name [params] body...)`, `(fn [params] body...)`
    pub(super) fn fn_form(&mut self, place: Place, g: &Gene) -> Expr {
        let c = &g.children;
        let Some(first) = c.first() else {
            return self.error(place, |s| err::missing_params(s, "fn"));
        };
        if matches!(first.kind, Kind::Array(_)) {
            return self.function_parts(place, g, None, 0);
        }
        let Some(params) = c.get(1) else {
            return match first.kind {
                Kind::Symbol(_) | Kind::Str(_) | Kind::Path(_) => {
                    self.error(place, |s| err::missing_params(s, "fn"))
                }
                _ => self.error(place_of(first), |s| err::params_not_array(s, "fn")),
            };
        };
        if !matches!(params.kind, Kind::Array(_)) {
            return self.error(place_of(params), |s| err::params_not_array(s, "fn"));
        }
        match &first.kind {
            Kind::Symbol(name) => self.named_fn(place, g, *name),
            Kind::Str(name) => self.named_fn(place, g, Symbol::intern(name)),
            Kind::Path(segments) => {
                let Some(last) = segments.last().copied() else { return self.nil(place) };
                let (name, _) = self.split_type_params(place, last);
                self.bind_member(segments, name);
                let function = self.function_parts(place, g, Some(last), 1);
                self.define_member(place, segments, name, function)
            }
            _ => self.error(place_of(first), |s| err::params_not_array(s, "fn")),
        }
    }

    fn named_fn(&mut self, place: Place, g: &Gene, full: Symbol) -> Expr {
        let name = Symbol::intern(base_name(full.as_str()));
        let var = self.declare_definition(name, Known::Definition);
        let function = self.function_parts(place, g, Some(full), 1);
        self.note_function(var, &function);
        self.assigns += 1;
        self.make(place, Ek::Declare(var, Box::new(function)))
    }

    fn function_parts(&mut self, place: Place, g: &Gene, full: Option<Symbol>, at: usize) -> Expr {
        let (name, type_params) = match full {
            Some(full) => {
                let (name, types) = self.split_type_params(place, full);
                (Some(name), types)
            }
            None => (None, Vec::new()),
        };
        let kind = self.function_kind(place, name, &g.props);
        self.function(Parts {
            word: "fn",
            name,
            params: &g.children[at],
            rest: &g.children[at + 1..],
            props: &g.props,
            kind,
            in_class: false,
            type_params,
            place,
        })
    }

    /// `name:T:U` taken apart.
    pub(super) fn split_type_params(
        &mut self,
        place: Place,
        full: Symbol,
    ) -> (Symbol, Vec<Symbol>) {
        let text = full.as_str();
        let base = base_name(text);
        if base.len() == text.len() {
            return (full, Vec::new());
        }
        let mut types: Vec<Symbol> = Vec::new();
        for part in text[base.len() + 1..].split(':') {
            let symbol = Symbol::intern(part);
            if !part.starts_with(|c: char| c.is_uppercase()) {
                self.error(place, |s| err::bad_type_param(s, part));
            } else if types.contains(&symbol) {
                self.error(place, |s| err::duplicate_type_param(s, part));
            }
            types.push(symbol);
        }
        (Symbol::intern(base), types)
    }

    /// The kind that name and flags make.
    pub(super) fn function_kind(
        &mut self,
        place: Place,
        name: Option<Symbol>,
        props: &[Prop],
    ) -> FnKind {
        let flag = |key| property(props, key).is_some_and(|n| matches!(n.kind, Kind::Bool(true)));
        let text = name.map_or("", |n| n.as_str());
        let generator = flag("generator") || (text.len() > 1 && text.ends_with('*'));
        if text.len() > 1 && text.ends_with('!') {
            if flag("async") {
                self.error(place, |s| err::cannot_be_async(s, "a macro"));
            }
            return FnKind::Macro;
        }
        match (flag("async"), generator) {
            (true, true) => FnKind::AsyncGenerator,
            (true, false) => FnKind::Async,
            (false, true) => FnKind::Generator,
            (false, false) => FnKind::Function,
        }
    }

    /// `(block [params] body...)`
    pub(super) fn block_form(&mut self, place: Place, g: &Gene) -> Expr {
        let Some((params, rest)) = g.children.split_first() else {
            return self.error(place, |s| err::missing_params(s, "block"));
        };
        self.block(place, params, rest, &g.props)
    }

    /// `([params] -> body...)`
    pub(super) fn arrow(&mut self, place: Place, g: &Gene) -> Expr {
        self.block(place, &g.head, &g.children[1..], &g.props)
    }

    fn block(&mut self, place: Place, params: &Node, rest: &[Node], props: &[Prop]) -> Expr {
        if !matches!(params.kind, Kind::Array(_)) {
            return self.error(place_of(params), |s| err::params_not_array(s, "block"));
        }
        let kind = FnKind::Block;
        self.function(Parts {
            word: "block",
            name: None,
            params,
            rest,
            props,
            kind,
            in_class: false,
            type_params: Vec::new(),
            place,
        })
    }

    /// A function without parameters around `body`.
    pub(super) fn thunk(&mut self, place: Place, body: &[Node], kind: FnKind) -> Expr {
        self.build_function(place, None, kind, |l, func| {
            l.func().async_body = kind == FnKind::Async;
            func.body = l.body(body);
        })
    }

    /// Opens function and scope, lets `fill` lower the inside, closes them.
    pub(super) fn build_function(
        &mut self,
        place: Place,
        name: Option<Symbol>,
        kind: FnKind,
        fill: impl FnOnce(&mut Self, &mut Func),
    ) -> Expr {
        let id = FuncId(self.next_func);
        self.next_func += 1;
        let outer_func = self.funcs.last();
        let in_class = outer_func.is_some_and(|f| f.in_class);
        let other_self = outer_func.is_some_and(|f| f.other_self);
        let type_params = outer_func.map(|f| f.type_params.clone()).unwrap_or_default();
        self.funcs.push(FuncState {
            in_class,
            other_self,
            type_params,
            ..FuncState::new(id, kind)
        });
        // What a function does when it is called is no part of the definition
        // that contains it, and its assignments are not those of the frame.
        let definition = std::mem::replace(&mut self.in_definition, false);
        let assigns = self.assigns;
        let (scope, outer) = self.open_scope();
        let mut func = Func {
            id,
            name,
            kind,
            scope,
            params: Vec::new(),
            caller: None,
            shown: Vec::new(),
            pre: Vec::new(),
            post: Vec::new(),
            result_var: None,
            body: self.nil(place),
            result: None,
            intent: None,
            examples: None,
            fields: 0,
            place,
        };
        if kind == FnKind::Macro {
            let caller = self.new_var(Symbol::intern(CALLER));
            self.bind(Symbol::intern(CALLER), caller);
            func.caller = Some(caller);
        }
        fill(self, &mut func);
        self.close_scope(outer);
        self.assigns = assigns;
        self.in_definition = definition;
        if let Some(state) = self.funcs.pop() {
            func.fields = u16::try_from(state.fields.len()).unwrap_or(u16::MAX);
        }
        self.make(place, Ek::Lambda(Box::new(func)))
    }

    /// A function from its parts.
    ///
    /// A call of a coroutine binds its arguments before anything of the body
    /// runs, and raises what goes wrong in that. If binding needs code, a plain
    /// function does it and then starts the coroutine, which has no parameters.
    pub(super) fn function(&mut self, parts: Parts) -> Expr {
        let binds = parts.kind.is_coroutine() && self.binding_needs_code(parts.params);
        let outer = if binds { FnKind::Function } else { parts.kind };
        self.build_function(parts.place, parts.name, outer, |l, func| {
            let state = l.func();
            state.in_class |= parts.in_class;
            state.other_self &= !parts.in_class;
            state.type_params.extend(parts.type_params.iter().copied());
            let Kind::Array(seq) = &parts.params.kind else { return };
            func.params = l.params(&seq.items, parts.word);
            let mut declared: Vec<&ParamDef> = func.params.iter().collect();
            declared.sort_by_key(|p| p.order);
            func.shown = declared.iter().filter_map(|p| Some((p.name, p.var?))).collect();
            l.metadata(func, parts.props);
            if !binds {
                return l.function_rest(func, &parts);
            }
            let shown = func.shown.clone();
            let inner = l.build_function(parts.place, parts.name, parts.kind, |l, func| {
                let contracts = ["pre", "post"].iter().any(|k| property(parts.props, k).is_some());
                if contracts {
                    for (_, var) in &shown {
                        l.touch(*var);
                    }
                    func.shown = shown;
                }
                l.function_rest(func, &parts);
            });
            func.body = l.call_lambda(parts.place, inner);
        })
    }

    fn binding_needs_code(&self, params: &Node) -> bool {
        let Kind::Array(seq) = &params.kind else { return false };
        seq.items.iter().any(|n| match &n.kind {
            Kind::Symbol(name) => {
                let text = name.as_str();
                text == "=" || (text.ends_with(':') && self.options.type_check)
            }
            Kind::Path(_) => true,
            _ => false,
        })
    }

    /// Result type, contracts and body.
    fn function_rest(&mut self, func: &mut Func, parts: &Parts) {
        let mut body = parts.rest;
        if let [arrow, rest @ ..] = body
            && arrow.is_symbol("->")
        {
            let Some((ty, after)) = rest.split_first() else {
                self.error(place_of(arrow), err::missing_result_type);
                return;
            };
            func.result = self.type_expr(ty);
            body = after;
        }
        let named = parts.name.map_or("<unnamed>", |n| n.as_str());
        if self.options.contracts {
            func.pre = self.contracts(named, "precondition", property(parts.props, "pre"));
        }
        func.body = self.body(body);
        if let Some(ty) = func.result.as_ref().filter(|_| parts.kind == FnKind::Function) {
            let what = format!("return value of {named}");
            self.note_meeting(&func.body, ty, CheckKind::Return, what);
        }
        let generator = matches!(parts.kind, FnKind::Generator | FnKind::AsyncGenerator);
        if let Some(post) = property(parts.props, "post")
            && self.options.contracts
            && !generator
        {
            let result = self.new_var(Symbol::intern("result"));
            self.vars.get_mut(result).direct = false;
            self.bind(Symbol::intern("result"), result);
            func.post = self.contracts(named, "postcondition", Some(post));
            func.result_var = Some(result);
        }
    }

    fn metadata(&mut self, func: &mut Func, props: &[Prop]) {
        if let Some(node) = property(props, "intent")
            && let Kind::Str(text) = &node.kind
        {
            func.intent = Some(Rc::clone(text));
        }
        func.examples = property(props, "examples").map(datum);
    }

    fn contracts(&mut self, name: &str, word: &str, node: Option<&Node>) -> Vec<Contract> {
        let Some(node) = node else { return Vec::new() };
        let conditions = match &node.kind {
            Kind::Array(seq) => &seq.items[..],
            _ => std::slice::from_ref(node),
        };
        let mut contracts = Vec::with_capacity(conditions.len());
        for (index, node) in conditions.iter().enumerate() {
            let shown = super::show::show(node);
            let number = index + 1;
            let text = format!("ContractViolation: {name} {word} #{number} failed: {shown}");
            contracts.push(Contract { condition: self.expr(node), text });
        }
        contracts
    }

    /// `(fn /f ..)`, `(var a/b v)`: a member of the object before the last segment.
    pub(super) fn define_member(
        &mut self,
        place: Place,
        segments: &[Symbol],
        name: Symbol,
        value: Expr,
    ) -> Expr {
        let object = self.path_object(place, &segments[..segments.len() - 1]);
        let args = vec![object, self.symbol(place, name), value];
        self.make(place, Ek::Intrinsic(Intrinsic::DefineMember, args))
    }

    // ---- parameters ----------------------------------------------------

    /// Parameters in the order of their registers.
    fn params(&mut self, items: &[Node], word: &str) -> Vec<ParamDef> {
        let mut list: Vec<(ParamDef, Option<&Node>)> = Vec::new();
        let mut at = 0;
        let mut positional_rest = false;
        let mut keyword_rest = false;
        while at < items.len() {
            let node = &items[at];
            let place = place_of(node);
            at += 1;
            let (text, field) = match &node.kind {
                Kind::Symbol(name) => (name.as_str().to_owned(), false),
                Kind::Path(p) if p.len() == 2 && p[0].as_str().is_empty() => {
                    (p[1].as_str().to_owned(), true)
                }
                _ => {
                    self.error(place, |s| err::unsupported_param(s, word));
                    continue;
                }
            };
            let (keyword, text) = match text.strip_prefix('^') {
                Some(rest) => (true, rest.to_owned()),
                None => (false, text),
            };
            let (typed, text) = match text.strip_suffix(':') {
                Some(rest) if !rest.is_empty() => (true, rest.to_owned()),
                _ => (false, text),
            };
            let (mut rest, text) = match text.strip_suffix("...") {
                Some(before) => (true, before.to_owned()),
                None => (false, text),
            };
            if !rest && items.get(at).is_some_and(|n| n.is_symbol("...") || n.is_symbol("...:")) {
                rest = true;
            }
            let separate =
                rest && items.get(at).is_some_and(|n| n.is_symbol("...") || n.is_symbol("...:"));
            let typed = typed || (separate && items[at].is_symbol("...:"));
            at += usize::from(separate);
            if text.is_empty() {
                self.error(place, err::rest_without_name);
                continue;
            }
            let flag = keyword && text.starts_with(['^', '!']);
            if flag || text.starts_with(['%', '`', '$']) || text == "=" {
                self.error(place, |s| err::unsupported_param(s, word));
                continue;
            }
            let mut ty = None;
            if typed {
                match items.get(at) {
                    Some(node) => ty = self.type_expr(node),
                    None => drop(self.error(place, |s| err::missing_type(s, &text))),
                }
                at += 1;
            }
            let mut default = None;
            if items.get(at).is_some_and(|n| n.is_symbol("=")) {
                default = items.get(at + 1);
                if default.is_none() {
                    self.error(place, |s| err::missing_default(s, &text));
                }
                at += 2;
            }
            let kind = match (keyword, rest) {
                (false, false) => ParamKind::Positional,
                (false, true) => ParamKind::Rest,
                (true, false) => ParamKind::Keyword,
                (true, true) => ParamKind::KeywordRest,
            };
            if kind == ParamKind::Rest && std::mem::replace(&mut positional_rest, true) {
                self.error(place, |s| err::two_rests(s, "positional"));
                continue;
            }
            if kind == ParamKind::KeywordRest && std::mem::replace(&mut keyword_rest, true) {
                self.error(place, |s| err::two_rests(s, "keyword"));
                continue;
            }
            let name = Symbol::intern(&text);
            if field {
                self.func().fields.insert(name);
            }
            let order = list.len();
            let param = ParamDef { name, kind, var: None, default: None, ty, field, order, place };
            list.push((param, default));
        }
        let in_macro = self.func().kind == FnKind::Macro;
        let mut params = Vec::with_capacity(list.len());
        for (mut param, default) in list {
            if let Some(node) = default {
                // Defaults see the parameters before them.
                param.default = Some(match in_macro {
                    true => self.make(place_of(node), Ek::Const(datum(node))),
                    false => self.maybe(|l| l.expr(node)),
                });
            }
            if param.name.as_str() != "_" {
                let var = self.new_var(param.name);
                self.bind(param.name, var);
                param.var = Some(var);
            }
            params.push(param);
        }
        params.sort_by_key(|p| match p.kind {
            ParamKind::Positional | ParamKind::Rest => 0,
            ParamKind::Keyword => 1,
            ParamKind::KeywordRest => 2,
        });
        params
    }

    /// The check of a parameter.
    pub(super) fn param_check(name: Symbol, ty: &Ty) -> TypeCheck {
        TypeCheck { ty: ty.clone(), kind: CheckKind::Param, name }
    }
}

//! Calls of functions, methods, classes, macros.

use gene_isa::{FnKind, Intrinsic, Symbol};

use super::data::datum;
use super::forms::{spread_at, unspread};
use super::hir::*;
use super::lower::{Lower, place_of};
use crate::diag::compiler as err;
use crate::syntax::{Gene, Kind, Node, Prop};

impl Lower<'_> {
    /// Arguments: property values first, then children.
    pub(super) fn args(&mut self, props: &[Prop], children: &[Node]) -> Args {
        Args { keywords: self.entries(props), positional: self.spread_items(children) }
    }

    fn finish_call(&mut self, place: Place, target: Target, g: &Gene, skip: usize) -> Expr {
        let args = self.args(&g.props, &g.children[skip..]);
        self.note_call(&target, &args);
        self.make(place, Ek::Call(Box::new(Call { target, args })))
    }

    /// `(f a b)`
    pub(super) fn call(&mut self, place: Place, g: &Gene) -> Expr {
        let head = self.expr(&g.head);
        self.finish_call(place, Target::Function(head), g, 0)
    }

    /// `(x .m a b)`
    pub(super) fn method_call(&mut self, place: Place, g: &Gene, method: Symbol) -> Expr {
        if g.head.is_symbol("super") {
            return self.super_call(place, g, method);
        }
        let receiver = self.expr(&g.head);
        self.finish_call(place, Target::Method(receiver, method), g, 1)
    }

    /// `(.m a b)`
    pub(super) fn self_call(&mut self, place: Place, g: &Gene, method: &str) -> Expr {
        if let Some(rest) = method.strip_prefix('@') {
            let segments: Vec<Symbol> = rest.split('/').map(Symbol::intern).collect();
            let receiver = self.make(place, Ek::SelfRef);
            return self.selector_call(place, receiver, &segments, &g.children);
        }
        let receiver = self.make(place, Ek::SelfRef);
        self.finish_call(place, Target::Method(receiver, Symbol::intern(method)), g, 0)
    }

    /// `(x . name a b)`
    pub(super) fn dynamic_call(&mut self, place: Place, g: &Gene) -> Expr {
        let receiver = self.expr(&g.head);
        let Some(name) = g.children.get(1) else {
            return self.error(place, err::method_name_missing);
        };
        let name = self.expr(name);
        self.finish_call(place, Target::Dynamic(receiver, name), g, 2)
    }

    /// `(. name a b)`
    pub(super) fn dynamic_self_call(&mut self, place: Place, g: &Gene) -> Expr {
        let receiver = self.make(place, Ek::SelfRef);
        let name = self.expr(&g.children[0]);
        self.finish_call(place, Target::Dynamic(receiver, name), g, 1)
    }

    /// `(super ...)` that is no method call.
    pub(super) fn super_form(&mut self, place: Place, _: &Gene) -> Expr {
        self.error(place, err::super_alone)
    }

    fn super_call(&mut self, place: Place, g: &Gene, method: Symbol) -> Expr {
        if method.as_str().ends_with('!') {
            return self.error(place, |s| err::macro_like(s, &format!("super .{method}")));
        }
        if !self.funcs.iter().any(|f| f.in_class) {
            return self.error(place, err::super_outside);
        }
        self.finish_call(place, Target::Super(method), g, 1)
    }

    /// `(new C args...)`
    pub(super) fn new_form(&mut self, place: Place, g: &Gene) -> Expr {
        let Some(class) = g.children.first() else {
            return self.error(place, |s| err::missing(s, "new", "class"));
        };
        let class = self.expr(class);
        self.finish_call(place, Target::New(class), g, 1)
    }

    /// `(name! args...)`: arguments as data if the callee is a macro.
    pub(super) fn macro_call(&mut self, place: Place, head: &Node, g: &Gene) -> Expr {
        let spreads = g.props.iter().any(|p| p.key.as_str().starts_with("..."))
            || (0..g.children.len())
                .any(|at| unspread(&g.children[at]).is_some() || spread_at(&g.children, at).1);
        let head = match &head.kind {
            Kind::Path(segments) => self.path(place_of(head), segments),
            _ => self.expr(&g.head),
        };
        let env = self.env_site();
        let data = if spreads {
            let message = self.string(
                place,
                "a macro call cannot spread: ... can only spread arrays into functions",
            );
            let raise = self.make(place, Ek::Intrinsic(Intrinsic::RaiseType, vec![message]));
            Args { keywords: Vec::new(), positional: vec![(raise, false)] }
        } else {
            let quoted = |node: &Node| Expr {
                kind: Ek::Const(datum(node)),
                place: place_of(node),
                assigns: false,
            };
            Args {
                keywords: g.props.iter().map(|p| (Some(p.key), quoted(&p.value))).collect(),
                positional: g.children.iter().map(|n| (quoted(n), false)).collect(),
            }
        };
        let code = self.lenient_args(place, g);
        self.make(place, Ek::MacroCall(Box::new(MacroCall { head, env, data, code })))
    }

    /// Arguments as code for a callee that is no macro. What is no code is an
    /// error only when it is evaluated, since a macro may well take it.
    fn lenient_args(&mut self, place: Place, g: &Gene) -> Args {
        let errors = self.errors.len();
        let args = self.maybe(|l| l.args(&g.props, &g.children));
        if self.errors.len() == errors {
            return args;
        }
        let message = self.errors[errors].message.clone();
        self.errors.truncate(errors);
        let message = self.string(place, &message);
        let raise = self.make(place, Ek::Intrinsic(Intrinsic::RaiseRuntime, vec![message]));
        Args { keywords: Vec::new(), positional: vec![(raise, false)] }
    }

    /// `(eval v ...)`, `($render v)`
    pub(super) fn eval_form(&mut self, place: Place, c: &[Node], render: bool) -> Expr {
        let word = if render { "$render" } else { "eval" };
        if c.is_empty() || (render && c.len() > 1) {
            return self.error(place, |s| match render {
                true => err::operands(s, word, 1),
                false => err::operands_at_least(s, word, 1),
            });
        }
        let mut forms = Vec::with_capacity(c.len());
        for node in c {
            let data = self.expr(node);
            let site = Box::new(self.env_site());
            let mut form = self.make(place, Ek::Eval(Box::new(data), site, render));
            form.assigns = true;
            forms.push(form);
        }
        self.assigns += 1;
        match forms.len() {
            1 => forms.pop().expect("one form"),
            _ => self.make(place, Ek::Do(forms)),
        }
    }

    /// `($caller_eval data)`
    pub(super) fn caller_eval_form(&mut self, place: Place, c: &[Node]) -> Expr {
        if c.len() != 1 {
            return self.error(place, |s| err::operands(s, "$caller_eval", 1));
        }
        let data = self.expr(&c[0]);
        let env = match self.lookup(Symbol::intern(super::lower::CALLER)) {
            Some(super::scope::Entry::Var(var)) => self.read(place, var),
            _ => self.nil(place),
        };
        self.make(place, Ek::CallerEval(Box::new((data, env))))
    }

    /// A call of a function without parameters, made on the spot.
    pub(super) fn call_lambda(&mut self, place: Place, function: Expr) -> Expr {
        let target = Target::Function(function);
        self.make(place, Ek::Call(Box::new(Call { target, args: Args::default() })))
    }

    /// `(async body...)`
    pub(super) fn async_form(&mut self, place: Place, g: &Gene) -> Expr {
        if g.children.is_empty() {
            return self.error(place, |s| err::expects_at_least(s, "async"));
        }
        let function = self.thunk(place, &g.children, FnKind::Async);
        self.call_lambda(place, function)
    }
}

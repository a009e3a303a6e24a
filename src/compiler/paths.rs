//! Paths, members, selectors (chapter 07).

use gene_isa::datum::Datum;
use gene_isa::{Intrinsic, Special, Symbol};

use super::hir::*;
use super::lower::{Lower, place_of};
use crate::diag::compiler as err;
use crate::syntax::{Gene, Kind, Node};

impl Lower<'_> {
    /// `a/b/c`, `/b`
    pub(super) fn path(&mut self, place: Place, segments: &[Symbol]) -> Expr {
        self.path_value(place, segments, true)
    }

    /// The object before the last segment of a definition or assignment.
    pub(super) fn path_object(&mut self, place: Place, segments: &[Symbol]) -> Expr {
        self.path_value(place, segments, false)
    }

    fn path_value(&mut self, place: Place, segments: &[Symbol], whole: bool) -> Expr {
        let Some((first, rest)) = segments.split_first() else { return self.nil(place) };
        let mut value = self.path_head(place, *first);
        let mut literal = false;
        for (index, segment) in rest.iter().enumerate() {
            let last = whole && index + 1 == rest.len() && segments.len() >= 3;
            value = self.segment(place, value, *segment, last, literal);
            // Names after the two members of adapters are taken literally.
            literal |= matches!(segment.as_str(), "_genevalue" | "_geneinternal");
        }
        value
    }

    fn path_head(&mut self, place: Place, first: Symbol) -> Expr {
        match first.as_str() {
            "" | "self" => self.make(place, Ek::SelfRef),
            "super" => self.error(place, err::super_alone),
            _ => {
                let node = Node { kind: Kind::Symbol(first), span: self.span(place) };
                self.expr(&node)
            }
        }
    }

    /// One segment of a path that is read.
    fn segment(
        &mut self,
        place: Place,
        object: Expr,
        segment: Symbol,
        last: bool,
        literal: bool,
    ) -> Expr {
        let text = segment.as_str();
        if text == "!" {
            return self.make(place, Ek::Found(Box::new(object)));
        }
        if let Some(int) = index(text) {
            return match i16::try_from(int) {
                Ok(small) => self.make(place, Ek::IndexI(Box::new(object), small)),
                Err(_) => {
                    let index = self.make(place, Ek::Int(int));
                    self.make(place, Ek::Index(Box::new((object, index))))
                }
            };
        }
        if let Some(inner) = dynamic(text) {
            let index = self.dynamic_value(place, inner);
            return self.make(place, Ek::Index(Box::new((object, index))));
        }
        if let Some(method) = text.strip_prefix('.') {
            let args = Args::default();
            let target = match dynamic(method) {
                Some(inner) => {
                    let name = self.dynamic_value(place, inner);
                    Target::Dynamic(object, name)
                }
                None => Target::Method(object, Symbol::intern(method)),
            };
            return self.make(place, Ek::Call(Box::new(Call { target, args })));
        }
        // The `self` of a method is an instance, for which only rule 2 counts.
        let state = self.func();
        let instance = state.in_class && !state.other_self && matches!(object.kind, Ek::SelfRef);
        let literal = literal || (instance && !last);
        let variable = if literal { None } else { self.plain_variable(segment) };
        match variable {
            Some(var) if last => {
                let value = self.read(place, var);
                let args = vec![object, self.symbol(place, segment), value];
                self.make(place, Ek::Intrinsic(Intrinsic::PathLast, args))
            }
            Some(var) => {
                let value = self.read(place, var);
                self.make(place, Ek::PropVar(Box::new((object, value)), segment))
            }
            None => self.make(place, Ek::Prop(Box::new(object), segment)),
        }
    }

    /// The value of what stands between `<` and `>`.
    fn dynamic_value(&mut self, place: Place, inner: &str) -> Expr {
        let span = self.span(place);
        let parts = split_path(inner);
        let kind = match &parts[..] {
            [one] => Kind::Symbol(*one),
            _ => Kind::Path(parts.into()),
        };
        self.expr(&Node { kind, span })
    }

    /// `(a/b = v)`, `(a/b += v)`
    pub(super) fn assign_path(
        &mut self,
        place: Place,
        segments: &[Symbol],
        op: Option<BinOp>,
        node: &Node,
    ) -> Expr {
        let Some((last, before)) = segments.split_last() else { return self.nil(place) };
        if segments.len() == 2 && segments[0].as_str().is_empty() {
            let last = *last;
            self.func().fields.insert(last);
        }
        let object = self.path_object(place, before);
        let text = last.as_str();
        let literal = before.iter().any(|s| matches!(s.as_str(), "_genevalue" | "_geneinternal"));
        let segment = if text == "!" || text.starts_with('.') {
            self.error(place, err::bad_target);
            Segment::Name(*last)
        } else if let Some(int) = index(text) {
            match i16::try_from(int) {
                Ok(small) => Segment::Int(small),
                Err(_) => Segment::Value(self.make(place, Ek::Int(int))),
            }
        } else if let Some(inner) = dynamic(text) {
            Segment::Value(self.dynamic_value(place, inner))
        } else if segments.len() >= 3
            && !literal
            && let Some(var) = self.plain_variable(*last)
        {
            Segment::Value(self.read(place, var))
        } else {
            Segment::Name(*last)
        };
        let value = self.expr(node);
        let set = SetMember { object, segment, op, value };
        self.make(place, Ek::SetMember(Box::new(set)))
    }

    /// `(target ./ segment)`, with a default perhaps.
    pub(super) fn get_member(&mut self, place: Place, operands: &[&Node]) -> Expr {
        let args: Vec<Expr> = operands.iter().map(|n| self.expr(n)).collect();
        let which = match args.len() {
            2 => Intrinsic::GetMember,
            _ => Intrinsic::GetMemberOr,
        };
        self.make(place, Ek::Intrinsic(which, args))
    }

    /// `(target ./a/b default)`
    pub(super) fn member_path(&mut self, place: Place, g: &Gene, segments: &[Symbol]) -> Expr {
        if g.children.len() > 2 {
            return self.error(place, err::invalid_infix);
        }
        let mut value = self.expr(&g.head);
        let default = g.children.get(1);
        let count = segments.len();
        for (at, segment) in segments.iter().enumerate() {
            let text = segment.as_str();
            let name = match (index(text), dynamic(text)) {
                (Some(int), _) => self.make(place, Ek::Int(int)),
                (_, Some(inner)) => self.dynamic_value(place, inner),
                _ => self.symbol(place, *segment),
            };
            let (which, args) = match default {
                Some(node) if at + 1 == count => {
                    let default = self.expr(node);
                    (Intrinsic::GetMemberOr, vec![value, name, default])
                }
                _ => (Intrinsic::GetMember, vec![value, name]),
            };
            value = self.make(place, Ek::Intrinsic(which, args));
        }
        value
    }

    // ---- selectors -----------------------------------------------------

    /// `@a/b`
    pub(super) fn selector_shorthand(&mut self, place: Place, segments: &[Symbol]) -> Expr {
        if segments.is_empty() || segments.iter().all(|s| s.as_str().is_empty()) {
            return self.error(place, |s| err::expects_at_least(s, "@"));
        }
        let mut args = Vec::with_capacity(segments.len());
        for segment in segments {
            let text = segment.as_str();
            args.push(match (index(text), dynamic(text)) {
                (Some(int), _) => self.make(place, Ek::Int(int)),
                (_, Some(inner)) => self.dynamic_value(place, inner),
                _ => self.symbol(place, *segment),
            });
        }
        self.make(place, Ek::Intrinsic(Intrinsic::Selector, args))
    }

    /// `(@ "a" 0 (f x))`
    pub(super) fn selector_form(&mut self, place: Place, c: &[Node]) -> Expr {
        if c.is_empty() {
            return self.error(place, |s| err::expects_at_least(s, "@"));
        }
        let args = c.iter().map(|n| self.selector_segment(n)).collect();
        self.make(place, Ek::Intrinsic(Intrinsic::Selector, args))
    }

    fn selector_segment(&mut self, node: &Node) -> Expr {
        let place = place_of(node);
        match &node.kind {
            Kind::Symbol(name) => self.symbol(place, *name),
            // `@` and `@@` are read as shorthands without a name.
            Kind::Selector(segments) if segments.iter().all(|s| matches!(s.as_str(), "" | "@")) => {
                let text: Vec<&str> = segments.iter().map(|s| s.as_str()).collect();
                self.symbol(place, Symbol::intern(&format!("@{}", text.join("/"))))
            }
            _ => self.expr(node),
        }
    }

    /// `(value .@a/b default)`
    pub(super) fn apply_selector_shorthand(
        &mut self,
        place: Place,
        g: &Gene,
        segments: &[Symbol],
    ) -> Expr {
        let receiver = self.expr(&g.head);
        self.selector_call(place, receiver, segments, &g.children[1..])
    }

    pub(super) fn selector_call(
        &mut self,
        place: Place,
        receiver: Expr,
        segments: &[Symbol],
        rest: &[Node],
    ) -> Expr {
        let selector = self.selector_shorthand(place, segments);
        let mut positional = vec![(receiver, false)];
        positional.extend(self.spread_items(rest));
        self.call_with(place, selector, positional)
    }

    /// `(value .@ "a" 0)`
    pub(super) fn apply_selector(&mut self, place: Place, g: &Gene, segments: &[Node]) -> Expr {
        let receiver = self.expr(&g.head);
        let selector = self.selector_form(place, segments);
        self.call_with(place, selector, vec![(receiver, false)])
    }

    pub(super) fn call_with(
        &mut self,
        place: Place,
        head: Expr,
        positional: Vec<(Expr, bool)>,
    ) -> Expr {
        let args = Args { keywords: Vec::new(), positional };
        let target = Target::Function(head);
        self.make(place, Ek::Call(Box::new(Call { target, args })))
    }

    /// `($set target @segment v)`
    pub(super) fn set_form(&mut self, place: Place, c: &[Node]) -> Expr {
        let [target, selector, value] = c else {
            return self.error(place, |s| err::operands(s, "$set", 3));
        };
        let object = self.expr(target);
        let segment = match &selector.kind {
            Kind::Selector(segments) if segments.len() == 1 => {
                let text = segments[0].as_str();
                match (index(text), dynamic(text)) {
                    (Some(int), _) => Segment::Value(self.make(place, Ek::Int(int))),
                    (_, Some(inner)) => Segment::Value(self.dynamic_value(place, inner)),
                    _ => Segment::Name(segments[0]),
                }
            }
            Kind::Gene(g) if g.head.is_symbol("@") && g.children.len() == 1 => {
                match &g.children[0].kind {
                    Kind::Symbol(name) => Segment::Name(*name),
                    Kind::Str(name) => Segment::Name(Symbol::intern(name)),
                    _ => Segment::Value(self.expr(&g.children[0])),
                }
            }
            Kind::Selector(_) => return self.error(place_of(selector), err::set_one_segment),
            Kind::Gene(g) if g.head.is_symbol("@") => {
                return self.error(place_of(selector), err::set_one_segment);
            }
            _ => return self.error(place_of(selector), err::set_needs_selector),
        };
        let value = self.expr(value);
        let set = SetMember { object, segment, op: None, value };
        self.make(place, Ek::SetMember(Box::new(set)))
    }

    /// A constant.
    pub(super) fn constant(&self, place: Place, datum: Datum) -> Expr {
        match datum {
            Datum::Nil => self.special(place, Special::Nil),
            Datum::Int(i) => self.make(place, Ek::Int(i)),
            _ => self.make(place, Ek::Const(datum)),
        }
    }
}

/// The Int that a segment spells.
fn index(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

/// What stands in `<...>`.
fn dynamic(text: &str) -> Option<&str> {
    text.strip_prefix('<')?.strip_suffix('>').filter(|t| !t.is_empty())
}

/// Segments of the path in a dynamic segment, whose own `<...>` stay whole.
fn split_path(text: &str) -> Vec<Symbol> {
    let mut parts = Vec::new();
    let (mut start, mut depth) = (0, 0usize);
    for (at, c) in text.char_indices() {
        match c {
            '<' => depth += 1,
            '>' => depth = depth.saturating_sub(1),
            '/' if depth == 0 => {
                parts.push(Symbol::intern(&text[start..at]));
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(Symbol::intern(&text[start..]));
    parts
}

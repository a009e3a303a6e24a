//! Warnings about types before a program runs (2.9, 6.3).
//!
//! While forms are lowered, places where a value of a known type meets an
//! annotation are noted. What annotations mean is known only when the whole
//! module has been read, so the notes are judged at the end. Only what is
//! evident counts: a type of which nothing is known fits everything.

use std::rc::Rc;

use gene_isa::datum::Datum;
use gene_isa::{CheckKind, FnKind, Special, Symbol};
use rustc_hash::FxHashMap;

use super::hir::*;
use super::lower::Lower;
use super::scope::{EnumInfo, Known};
use crate::diag::Diagnostic;
use crate::diag::compiler as err;

/// What is noted for the end.
#[derive(Default)]
pub(super) struct Notes {
    meetings: Vec<Meeting>,
    calls: Vec<NotedCall>,
    functions: FxHashMap<VarId, Signature>,
    warnings: Vec<Diagnostic>,
}

/// A value that meets an annotation.
struct Meeting {
    wanted: Ty,
    got: Got,
    converts: bool,
    what: String,
    place: Place,
}

/// A call of a function by its name.
struct NotedCall {
    callee: VarId,
    positional: Vec<(Got, Place)>,
    keywords: Vec<(Symbol, Got, Place)>,
}

/// The annotations of a function.
struct Signature {
    /// Positional parameters, and whether they have a default; none if there
    /// is a rest parameter.
    positional: Option<Vec<(Option<Ty>, bool)>>,
    keywords: Vec<(Symbol, Ty)>,
    result: Option<Ty>,
}

/// What is known of a value.
#[derive(Clone)]
enum Got {
    Unknown,
    /// A built-in type.
    Kind(&'static str),
    /// What fits this type, or nil.
    Of(Ty),
    /// The result of a function.
    ResultOf(VarId),
}

/// What an arm of `case` covers.
pub(super) enum Covers {
    /// A variant: the number among those of its enum.
    Variant(Rc<EnumInfo>, usize),
    /// Everything, or something else.
    Other,
}

impl Lower<'_> {
    /// Notes that `value` meets an annotation.
    pub(super) fn note_meeting(
        &mut self,
        value: &Expr,
        wanted: &Ty,
        kind: CheckKind,
        what: String,
    ) {
        if !self.options.type_check {
            return;
        }
        let got = self.got(value);
        if !matches!(got, Got::Unknown) {
            let converts = kind != CheckKind::Variable;
            let (wanted, place) = (wanted.clone(), value.place);
            self.notes.meetings.push(Meeting { wanted, got, converts, what, place });
        }
    }

    /// Notes the annotations of a function that has been defined as `var`.
    pub(super) fn note_function(&mut self, var: VarId, function: &Expr) {
        let Ek::Lambda(func) = &function.kind else { return };
        let of = |kind| func.params.iter().filter(move |p| p.kind == kind);
        let positional = of(ParamKind::Positional);
        let positional = positional.map(|p| (p.ty.clone(), p.default.is_some())).collect();
        let keywords = of(ParamKind::Keyword);
        let signature = Signature {
            positional: of(ParamKind::Rest).next().is_none().then_some(positional),
            keywords: keywords.filter_map(|p| Some((p.name, p.ty.clone()?))).collect(),
            result: func.result.clone().filter(|_| func.kind == FnKind::Function),
        };
        self.notes.functions.insert(var, signature);
    }

    /// Notes a call.
    pub(super) fn note_call(&mut self, target: &Target, args: &Args) {
        let Target::Function(Expr { kind: Ek::Var(callee, _), .. }) = target else { return };
        let spread = args.positional.iter().any(|(_, spread)| *spread)
            || args.keywords.iter().any(|(key, _)| key.is_none());
        if !self.options.type_check || spread {
            return;
        }
        let positional = args.positional.iter().map(|(arg, _)| (self.got(arg), arg.place));
        let keywords = args.keywords.iter();
        let keywords = keywords.filter_map(|(key, arg)| Some(((*key)?, self.got(arg), arg.place)));
        let call = NotedCall {
            callee: *callee,
            positional: positional.collect(),
            keywords: keywords.collect(),
        };
        self.notes.calls.push(call);
    }

    /// Warns of variants that a `case` without `else` leaves out.
    pub(super) fn check_cover(&mut self, place: Place, covers: &[Covers]) {
        let Some(Covers::Variant(first, _)) = covers.first() else { return };
        let mut missing: Vec<usize> = (0..first.variants.len()).collect();
        for arm in covers {
            match arm {
                Covers::Variant(info, index) if info == first => missing.retain(|at| at != index),
                _ => return,
            }
        }
        if missing.is_empty() || !self.options.type_check {
            return;
        }
        let names: Vec<&str> = missing.iter().map(|at| first.variants[*at].0.as_str()).collect();
        let (span, names) = (self.span(place), names.join(", "));
        self.notes.warnings.push(err::non_exhaustive(span, first.name, &names));
    }

    /// The warnings about the module, in the order of their places.
    pub(super) fn type_warnings(&mut self) -> Vec<Diagnostic> {
        let notes = std::mem::take(&mut self.notes);
        let mut warnings = notes.warnings;
        let mut meetings = notes.meetings;
        for call in notes.calls {
            let Some(signature) = self.signature(&notes.functions, call.callee) else { continue };
            let meet = |wanted: &Ty, got: Got, place| Meeting {
                wanted: wanted.clone(),
                got,
                converts: true,
                what: "call".into(),
                place,
            };
            if let Some(params) = &signature.positional
                && takes_in_order(params, call.positional.len())
            {
                for ((ty, _), (got, place)) in params.iter().zip(call.positional) {
                    meetings.extend(ty.as_ref().map(|ty| meet(ty, got, place)));
                }
            }
            for (key, got, place) in call.keywords {
                let ty = signature.keywords.iter().find(|(name, _)| *name == key);
                meetings.extend(ty.map(|(_, ty)| meet(ty, got, place)));
            }
        }
        for meeting in meetings {
            let got = match &meeting.got {
                Got::ResultOf(var) => match self.signature(&notes.functions, *var) {
                    Some(Signature { result: Some(ty), .. }) => Got::Of(ty.clone()),
                    _ => continue,
                },
                got => got.clone(),
            };
            let got = match got {
                Got::Kind(kind) => Some(kind),
                Got::Of(ty) => self.kind(&ty),
                _ => None,
            };
            if let Some(got) = got
                && self.fits(&meeting.wanted, got, meeting.converts) == Some(false)
            {
                let (wanted, span) = (text(&meeting.wanted), self.span(meeting.place));
                warnings.push(err::evident_mismatch(span, &wanted, got, &meeting.what));
            }
        }
        warnings.sort_by_key(|warning| warning.span.start);
        warnings
    }

    /// The annotations of a variable that is a function for good.
    fn signature<'n>(
        &self,
        functions: &'n FxHashMap<VarId, Signature>,
        var: VarId,
    ) -> Option<&'n Signature> {
        let known = self.vars.get(var);
        let fixed = known.known == Known::Definition && !known.assigned;
        functions.get(&var).filter(|_| fixed)
    }

    /// What is known of the value of an expression.
    fn got(&self, e: &Expr) -> Got {
        Got::Kind(match &e.kind {
            Ek::Int(_) => "Int",
            Ek::Special(Special::True | Special::False) => "Bool",
            Ek::Const(datum) => match datum {
                Datum::Bool(_) => "Bool",
                Datum::Int(_) => "Int",
                Datum::Float(_) => "Float",
                Datum::Char(_) => "VkChar",
                Datum::Str(_) => "String",
                Datum::Array(..) => "Array",
                Datum::Map(..) => "Map",
                _ => return Got::Unknown,
            },
            Ek::Array(..) => "Array",
            Ek::Map(..) => "Map",
            Ek::HashMap(..) => "HashMap",
            Ek::Interp(_) => "String",
            Ek::Compare(_) => "Bool",
            Ek::Var(var, _) => match &self.vars.get(*var).ty {
                Some(check) => return Got::Of(check.ty.clone()),
                None => return Got::Unknown,
            },
            Ek::Call(call) => match &call.target {
                Target::Function(Expr { kind: Ek::Var(var, _), .. }) => {
                    return Got::ResultOf(*var);
                }
                _ => return Got::Unknown,
            },
            Ek::Do(forms) => match forms.last() {
                Some(last) => return self.got(last),
                None => return Got::Unknown,
            },
            Ek::Scope(_, body) => return self.got(body),
            _ => return Got::Unknown,
        })
    }

    /// The built-in type that a name means, unless the module defines it.
    fn built_in(&self, ty: &Ty) -> Option<&'static str> {
        let name = match ty {
            Ty::Name(name) => *name,
            Ty::Var(var, name) if !self.vars.get(*var).declared => *name,
            _ => return None,
        };
        const TYPES: [&str; 17] = [
            "Int",
            "Float",
            "Bool",
            "String",
            "Array",
            "Map",
            "HashMap",
            "Symbol",
            "HashSet",
            "Char",
            "Nil",
            "Option",
            "Result",
            "Any",
            "Numeric",
            "Collection",
            "Object",
        ];
        TYPES.into_iter().find(|known| *known == name.as_str())
    }

    /// The kind of all values of a type, nil aside.
    fn kind(&self, ty: &Ty) -> Option<&'static str> {
        const KINDS: [&str; 9] =
            ["Int", "Float", "Bool", "String", "Array", "Map", "HashMap", "Symbol", "HashSet"];
        self.built_in(ty).filter(|name| KINDS.contains(name))
    }

    /// Whether a value of that kind fits a type, if that is known.
    fn fits(&self, ty: &Ty, got: &str, converts: bool) -> Option<bool> {
        match ty {
            Ty::Union(parts) => {
                let mut all = Some(false);
                for part in parts {
                    match self.fits(part, got, converts) {
                        Some(true) => return Some(true),
                        Some(false) => {}
                        None => all = None,
                    }
                }
                all
            }
            Ty::Applied(outer, _) => self.fits(outer, got, converts),
            Ty::Var(var, _) if self.vars.get(*var).declared => {
                let known = self.vars.get(*var);
                let own = matches!(known.known, Known::Class(_) | Known::Enum(_));
                (own && !known.assigned).then_some(false)
            }
            Ty::Name(_) | Ty::Var(..) => match self.built_in(ty) {
                Some("Any" | "Object") => Some(true),
                Some("Numeric") => Some(matches!(got, "Int" | "Float")),
                Some("Collection") => Some(matches!(got, "Array" | "Map" | "HashMap" | "HashSet")),
                Some("Char") => Some(got == "VkChar"),
                Some(wanted) => {
                    let number = |name| matches!(name, "Int" | "Float");
                    Some(wanted == got || (converts && number(wanted) && number(got)))
                }
                None => None,
            },
            Ty::Path(..) | Ty::Fn(_) => None,
        }
    }
}

/// Whether so many arguments go to the parameters one by one.
fn takes_in_order(params: &[(Option<Ty>, bool)], count: usize) -> bool {
    let required = params.iter().take_while(|(_, optional)| !optional).count();
    let all = params[required..].iter().all(|(_, optional)| *optional);
    count == params.len() || (all && (required..params.len()).contains(&count))
}

/// A type as it is written.
fn text(ty: &Ty) -> String {
    let list = |types: &[Ty], between| types.iter().map(text).collect::<Vec<_>>().join(between);
    match ty {
        Ty::Name(name) | Ty::Var(_, name) => name.to_string(),
        Ty::Path(_, segments) => segments.last().map_or(String::new(), ToString::to_string),
        Ty::Union(parts) => format!("({})", list(parts, " | ")),
        Ty::Applied(outer, args) => format!("({} {})", text(outer), list(args, " ")),
        Ty::Fn(_) => "Fn".into(),
    }
}

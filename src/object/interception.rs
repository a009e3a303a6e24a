//! Interceptors and their applications (9.8).

use std::cell::{Cell, RefCell};

use gene_isa::Symbol;

use super::ForeignData;
use crate::heap::Marker;
use crate::value::Value;

/// When advice runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AdviceKind {
    /// First; a falsy result ends the call.
    BeforeFilter,
    /// Before the call.
    Before,
    /// Before and after the call.
    Invariant,
    /// Instead of the call.
    Around,
    /// After the call.
    After,
}

impl AdviceKind {
    /// The kind with this name.
    pub fn parse(name: &str) -> Option<AdviceKind> {
        Some(match name {
            "before_filter" => AdviceKind::BeforeFilter,
            "before" => AdviceKind::Before,
            "invariant" => AdviceKind::Invariant,
            "around" => AdviceKind::Around,
            "after" => AdviceKind::After,
            _ => return None,
        })
    }
}

/// One piece of advice.
#[derive(Clone, Copy)]
pub struct Advice {
    /// When it runs.
    pub kind: AdviceKind,
    /// Index of the name it is for.
    pub target: usize,
    /// What runs.
    pub function: Value,
    /// Whether the function was named instead of written here: it gets the
    /// receiver as its first argument.
    pub named: bool,
    /// Whether its value replaces the result.
    pub replaces: bool,
}

/// `interceptor`, `fn-interceptor`
pub struct Interceptor {
    /// Its name.
    pub name: Symbol,
    /// Names that advice is for.
    pub targets: Vec<Symbol>,
    /// Whether it is for functions.
    pub is_function: bool,
    /// The advice in order of definition.
    pub advice: RefCell<Vec<Advice>>,
    /// Whether its applications act.
    pub enabled: Cell<bool>,
}

impl ForeignData for Interceptor {
    fn class(&self) -> &'static str {
        "Interceptor"
    }
    fn display(&self) -> Option<String> {
        Some("VkInterceptor".into())
    }
    fn trace(&self, marker: &mut Marker) {
        self.advice.borrow().iter().for_each(|a| marker.value(a.function));
    }
}

/// An interceptor applied to a method or function: what is called instead.
pub struct Interception {
    /// The interceptor.
    pub interceptor: Value,
    /// Index of the name that it was applied for.
    pub target: usize,
    /// What it wraps.
    pub original: Value,
    /// Whether it acts.
    pub enabled: Cell<bool>,
}

impl ForeignData for Interception {
    fn class(&self) -> &'static str {
        "Interception"
    }
    fn display(&self) -> Option<String> {
        Some("VkInterception".into())
    }
    fn trace(&self, marker: &mut Marker) {
        marker.value(self.interceptor);
        marker.value(self.original);
    }
}

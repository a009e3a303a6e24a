//! temp
use super::hir::*;
use super::lower::Lower;
use crate::diag::compiler as err;
use crate::syntax::{Gene, Node};

impl Lower<'_> {
    pub(super) fn interface_form(&mut self, place: Place, _g: &Gene) -> Expr {
        self.error(place, |s| err::removed(s, "interface_form", "soon"))
    }
    pub(super) fn implement_form(&mut self, place: Place, _g: &Gene) -> Expr {
        self.error(place, |s| err::removed(s, "implement_form", "soon"))
    }
    pub(super) fn interceptor_form(&mut self, place: Place, _g: &Gene, _function: bool) -> Expr {
        self.error(place, |s| err::removed(s, "interceptor_form", "soon"))
    }
}

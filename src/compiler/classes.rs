//! temp
use super::hir::*;
use super::lower::Lower;
use crate::diag::compiler as err;
use crate::syntax::{Gene, Node};

impl Lower<'_> {
    pub(super) fn class_form(&mut self, place: Place, _g: &Gene, _object: bool) -> Expr {
        self.error(place, |s| err::removed(s, "class_form", "soon"))
    }
}

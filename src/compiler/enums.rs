//! temp
use super::hir::*;
use super::lower::Lower;
use crate::diag::compiler as err;
use crate::syntax::{Gene, Node};

impl Lower<'_> {
    pub(super) fn enum_form(&mut self, place: Place, _g: &Gene) -> Expr {
        self.error(place, |s| err::removed(s, "enum_form", "soon"))
    }
}

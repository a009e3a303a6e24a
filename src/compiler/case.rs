//! temp
use super::hir::*;
use super::lower::Lower;
use crate::diag::compiler as err;
use crate::syntax::{Gene, Node};

impl Lower<'_> {
    pub(super) fn case_form(&mut self, place: Place, _c: &[Node]) -> Expr {
        self.error(place, |s| err::removed(s, "case_form", "soon"))
    }
}

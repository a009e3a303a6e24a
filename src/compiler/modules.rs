//! temp
use super::hir::*;
use super::lower::Lower;
use crate::diag::compiler as err;
use crate::syntax::{Gene, Node};

impl Lower<'_> {
    pub(super) fn ns_form(&mut self, place: Place, _c: &[Node]) -> Expr {
        self.error(place, |s| err::removed(s, "ns_form", "soon"))
    }
    pub(super) fn import_form(&mut self, place: Place, _g: &Gene) -> Expr {
        self.error(place, |s| err::removed(s, "import_form", "soon"))
    }
    pub(super) fn export_form(&mut self, place: Place, _c: &[Node]) -> Expr {
        self.error(place, |s| err::removed(s, "export_form", "soon"))
    }
    pub(super) fn dep_form(&mut self, place: Place, _g: &Gene) -> Expr {
        self.error(place, |s| err::removed(s, "dep_form", "soon"))
    }
}

//! What is known of a register at a place: the kinds of values it may hold, and
//! of an Int the bounds.

use gene_isa::backend::{Kinds, Rep};
use gene_isa::value::{INT_MAX, INT_MIN};

/// A set of values.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Ty {
    /// Kinds that may occur.
    pub kinds: Kinds,
    /// Bounds if it is an Int; all Ints unless it is nothing else.
    pub lo: i64,
    /// See `lo`.
    pub hi: i64,
}

impl Ty {
    /// Any value.
    pub const ANY: Ty = Ty::of(Kinds::ANY);
    /// Any Int without a box.
    pub const INT: Ty = Ty::of(Kinds::INT);
    /// Floats.
    pub const FLOAT: Ty = Ty::of(Kinds::FLOAT);
    /// Booleans.
    pub const BOOL: Ty = Ty::of(Kinds::BOOL);

    /// All values of these kinds.
    pub const fn of(kinds: Kinds) -> Ty {
        Ty { kinds, lo: INT_MIN, hi: INT_MAX }
    }

    /// Ints between bounds, which are cut to what fits without a box.
    pub fn int(lo: i64, hi: i64) -> Ty {
        Ty { kinds: Kinds::INT, lo: lo.max(INT_MIN), hi: hi.min(INT_MAX) }
    }

    /// The kinds of both and what both bounds include.
    #[must_use]
    pub fn join(self, other: Ty) -> Ty {
        let kinds = self.kinds.with(other.kinds);
        match kinds == Kinds::INT {
            true => Ty { kinds, lo: self.lo.min(other.lo), hi: self.hi.max(other.hi) },
            false => Ty::of(kinds),
        }
    }

    /// Only these kinds.
    #[must_use]
    pub fn narrow(self, kinds: Kinds) -> Ty {
        Ty { kinds: self.kinds.and(kinds), ..self }
    }

    pub fn is_int(self) -> bool {
        self.kinds == Kinds::INT
    }

    pub fn is_float(self) -> bool {
        self.kinds == Kinds::FLOAT
    }

    /// Whether the collector has to know of it.
    pub fn may_be_object(self) -> bool {
        !self.kinds.within(Kinds::PLAIN)
    }

    /// How machine code holds it.
    pub fn rep(self) -> Rep {
        match self.kinds {
            Kinds::INT => Rep::Int,
            Kinds::FLOAT => Rep::Float,
            _ => Rep::Value,
        }
    }

    /// Those of a representation.
    pub fn of_rep(rep: Rep) -> Ty {
        match rep {
            Rep::Int => Ty::INT,
            Rep::Float => Ty::FLOAT,
            Rep::Value => Ty::ANY,
        }
    }
}

//! `gene deps`.

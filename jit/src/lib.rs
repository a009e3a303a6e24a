//! The compiled tier.

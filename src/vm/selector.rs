//! Selector values (7.5, 7.6).

use super::Vm;
use super::error::Throw;
use crate::value::Value;

/// A selector of evaluated segments.
pub(super) fn new(vm: &mut Vm, _segments: &[Value]) -> Result<Value, Throw> {
    Err(vm.runtime_error("selectors are not built in"))
}

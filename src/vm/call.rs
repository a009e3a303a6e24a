//! Calls.
use super::{Throw, Vm};
use crate::value::Value;
impl Vm {
    /// Calls a callable value with positional arguments.
    pub fn call(&mut self, _callee: Value, _args: &[Value]) -> Result<Value, Throw> {
        Ok(Value::NIL)
    }
    /// Calls `method` with `this` as its receiver.
    pub fn call_method_value(
        &mut self,
        _method: Value,
        _this: Value,
        _args: &[Value],
    ) -> Result<Value, Throw> {
        Ok(Value::NIL)
    }
}

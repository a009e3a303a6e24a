//! Arguments to registers of parameters, where the two do not match one by one.

use gene_isa::{FnKind, Symbol};

use crate::heap::Gc;
use crate::object::{Array, Function, Map};
use crate::value::Value;
use crate::vm::Vm;
use crate::vm::error::Throw;

impl Vm {
    /// Puts arguments into the registers of the parameters (4.2).
    pub(super) fn bind(
        &mut self,
        f: Gc<Function>,
        win: *mut Value,
        count: u32,
        keywords: Option<Gc<Map>>,
        env: Option<Value>,
    ) -> Result<(), Throw> {
        let data = f.code.data.clone();
        let params = &data.params;
        let mut given = self.window_args(win, count);
        let mut named: Vec<(Symbol, Value)> = keywords.map(|k| k.entries()).unwrap_or_default();
        // `/x` parameters may come by keyword.
        let mut fields: Vec<Option<Value>> = vec![None; params.positional.len()];
        for (i, param) in params.positional.iter().enumerate() {
            if param.field
                && let Some(at) = named.iter().position(|(k, _)| *k == param.name)
            {
                fields[i] = Some(named.remove(at).1);
            }
        }
        let needed: Vec<bool> = fields.iter().map(|f| f.is_none()).collect();
        let open = needed.iter().filter(|n| **n).count();
        let required =
            params.positional.iter().zip(&needed).filter(|(p, n)| **n && !p.optional).count();
        if given.len() < required || (given.len() > open && params.rest.is_none()) {
            return Err(self.wrong_count(required, open, given.len()));
        }
        let mut spare = given.len() - required;
        let extra = given.len().saturating_sub(open);
        let mut bound = Vec::with_capacity(params.registers() + 1);
        if data.kind == FnKind::Macro {
            bound.push(env.unwrap_or(Value::NIL));
        }
        given.reverse();
        for (i, param) in params.positional.iter().enumerate() {
            if params.rest.as_ref().is_some_and(|(at, ..)| *at == i) {
                bound.push(self.rest_array(&mut given, extra));
            }
            let value = match fields[i] {
                Some(value) => value,
                None if !param.optional => given.pop().unwrap_or(Value::NIL),
                None if spare > 0 => {
                    spare -= 1;
                    given.pop().unwrap_or(Value::NIL)
                }
                None => Value::UNSET,
            };
            bound.push(value);
        }
        if params.rest.as_ref().is_some_and(|(at, ..)| *at >= params.positional.len()) {
            bound.push(self.rest_array(&mut given, extra));
        }
        for param in &params.keywords {
            match named.iter().position(|(k, _)| *k == param.name) {
                Some(at) => bound.push(named.remove(at).1),
                None if param.optional => bound.push(Value::UNSET),
                None => {
                    return Err(
                        self.args_mismatch(format!("Missing keyword argument: {}", param.name))
                    );
                }
            }
        }
        if params.keyword_rest.is_some() {
            bound.push(Map::from_entries(&mut self.heap, &named).value());
        } else if let Some((key, _)) = named.first() {
            return Err(self.args_mismatch(format!("Unexpected keyword argument: {key}")));
        }
        for (i, value) in bound.into_iter().enumerate() {
            // SAFETY: parameters lie in the window, for which there is room.
            unsafe { *win.add(2 + i) = value };
        }
        Ok(())
    }

    fn rest_array(&mut self, given: &mut Vec<Value>, extra: usize) -> Value {
        let rest: Vec<Value> = (0..extra).filter_map(|_| given.pop()).collect();
        Array::new(&mut self.heap, &rest).value()
    }

    pub(super) fn window_args(&self, win: *mut Value, count: u32) -> Vec<Value> {
        // SAFETY: the window has that many arguments.
        unsafe { std::slice::from_raw_parts(win.add(2), count as usize) }.to_vec()
    }
}

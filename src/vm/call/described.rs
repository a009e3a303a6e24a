//! Calls that need a description: keywords, spreads, calls in coroutines.

use gene_isa::{CallDesc, CallKind};

use crate::heap::Gc;
use crate::object::{Array, Class, Function, Map};
use crate::value::Value;
use crate::vm::Vm;
use crate::vm::error::Throw;

impl Vm {
    /// `call_x`: keywords, spreads, calls in coroutines.
    pub(in crate::vm) fn call_x(
        &mut self,
        window: *mut Value,
        kind: u8,
        desc: u32,
    ) -> Result<(), Throw> {
        // SAFETY: `fp` is the running frame.
        let frame = unsafe { *self.fp };
        let code = frame.code;
        let desc: &CallDesc = &code.data.calls[desc as usize];
        // In a coroutine the window of the callee goes to the stack.
        let win = if frame.top.is_null() { window } else { frame.top };
        let (count, keywords) = match desc.keywords.is_empty() && !desc.positional.contains(&true) {
            true => {
                let count = desc.positional.len();
                self.ensure_room(win, count + 4)?;
                // SAFETY: both windows have that many registers.
                unsafe { std::ptr::copy(window, win, count + 2) };
                (count as u32, None)
            }
            false => self.spread_args(window, win, desc)?,
        };
        // SAFETY: the window lies on the stack.
        let (callee, this) = unsafe { (*win, *win.add(1)) };
        match CallKind::from_u8(kind) {
            Some(CallKind::Function) | None => self.enter_call(win, count, false, keywords),
            Some(CallKind::WithSelf) => self.enter_call(win, count, true, keywords),
            Some(CallKind::Method) => {
                let name = desc.method.unwrap_or(self.names.call);
                self.enter_method(win, name, count, keywords)
            }
            Some(CallKind::Dynamic) => match self.name_of(callee) {
                Some(name) => self.enter_method(win, name, count, keywords),
                None => Err(self.type_error("Dynamic method name must be string or symbol")),
            },
            Some(CallKind::Super) => {
                let name = desc.method.unwrap_or(self.names.call);
                // SAFETY: register 0 is the running function.
                let running = unsafe { *frame.base };
                self.find_super(running, win, name)?;
                self.enter_call(win, count, true, keywords)
            }
            Some(CallKind::New) => {
                if Gc::<Class>::from_value(callee).is_none() {
                    let name = self.type_name(callee);
                    return Err(self.type_error(format!("new requires a class, got {name}")));
                }
                self.construct_with(win, count, keywords)
            }
            Some(CallKind::Macro) => match Gc::<Function>::from_value(callee) {
                Some(f) => {
                    // SAFETY: as above.
                    unsafe { *win.add(1) = f.this.get() };
                    self.enter_function(f, win, count, keywords, Some(this))
                }
                None => Err(self.not_callable(callee)),
            },
        }
    }

    /// Puts the arguments of a call with keywords or spreads into the window of
    /// the callee; their number, and the keywords.
    fn spread_args(
        &mut self,
        window: *mut Value,
        win: *mut Value,
        desc: &CallDesc,
    ) -> Result<(u32, Option<Gc<Map>>), Throw> {
        // SAFETY: the window has the registers that the description says.
        let (callee, this, values) = unsafe {
            let values = std::slice::from_raw_parts(window.add(2), desc.registers()).to_vec();
            (*window, *window.add(1), values)
        };
        let (keyword_values, positional_values) = values.split_at(desc.keywords.len());
        let keywords = self.collect_keywords(desc, keyword_values)?;
        let mut args = Vec::with_capacity(positional_values.len());
        for (value, spread) in positional_values.iter().zip(&desc.positional) {
            if *spread {
                args.extend(self.spread(*value)?);
            } else {
                args.push(*value);
            }
        }
        self.ensure_room(win, args.len() + 4)?;
        // SAFETY: there is room, as checked.
        unsafe {
            *win = callee;
            *win.add(1) = this;
            for (i, arg) in args.iter().enumerate() {
                *win.add(2 + i) = *arg;
            }
        }
        Ok((args.len() as u32, keywords))
    }

    fn collect_keywords(
        &mut self,
        desc: &CallDesc,
        values: &[Value],
    ) -> Result<Option<Gc<Map>>, Throw> {
        if desc.keywords.is_empty() {
            return Ok(None);
        }
        let map = Map::new(&mut self.heap, values.len());
        for (key, value) in desc.keywords.iter().zip(values) {
            match key {
                Some(key) => map.set(&mut self.heap, *key, *value),
                None => self.map_spread(map.value(), *value)?,
            }
        }
        Ok(Some(map).filter(|m| !m.is_empty()))
    }

    /// The elements that `value...` stands for.
    pub(in crate::vm) fn spread(&mut self, value: Value) -> Result<Vec<Value>, Throw> {
        match Gc::<Array>::from_value(value) {
            Some(array) => Ok(array.to_vec()),
            None if value.is_nil() => Ok(Vec::new()),
            None => Err(self.type_error("... can only spread arrays")),
        }
    }
}

//! `new`: instances and their constructors.

use crate::heap::Gc;
use crate::object::{Class, Instance, Kind, Map, Native, kind_of};
use crate::value::Value;
use crate::vm::error::Throw;
use crate::vm::{ClassName, Vm};

impl Vm {
    /// `(new C ...)`: the class is in `*win`.
    pub(in crate::vm) fn construct(
        &mut self,
        win: *mut Value,
        count: u32,
        strict: bool,
    ) -> Result<(), Throw> {
        // SAFETY: the window lies on the stack.
        let class = unsafe { *win };
        if strict && Gc::<Class>::from_value(class).is_none() {
            let name = self.type_name(class);
            return Err(self.type_error(format!("new requires a class, got {name}")));
        }
        self.construct_with(win, count, None)
    }

    pub(super) fn construct_with(
        &mut self,
        win: *mut Value,
        count: u32,
        keywords: Option<Gc<Map>>,
    ) -> Result<(), Throw> {
        // SAFETY: the window lies on the stack.
        let callee = unsafe { *win };
        let Some(class) = Gc::<Class>::from_value(callee) else {
            return Err(self.not_callable(callee));
        };
        let ctor = class.find_ctor();
        if Gc::<Native>::from_value(ctor).is_some() {
            // Native constructors get the class as self and give the object.
            // SAFETY: as above.
            unsafe {
                *win = ctor;
                *win.add(1) = callee;
            }
            return self.enter_call(win, count, true, keywords);
        }
        if !self.is_instantiable(class) {
            return Err(self.type_error(format!("{} cannot be constructed with new", class.name)));
        }
        let instance =
            Instance::new(&mut self.heap, class.shape, class.room.get() as usize).value();
        // SAFETY: as above.
        unsafe {
            if ctor.is_nil() {
                *win = instance;
                return Ok(());
            }
            *win = ctor;
            *win.add(1) = instance;
        }
        self.enter_call(win, count, true, keywords)
    }

    /// The constructor of a class of which `new` makes plain instances, nil if it
    /// has none; `None` for other classes.
    pub fn plain_ctor(&self, class: Gc<Class>) -> Option<Value> {
        let ctor = class.find_ctor();
        let plain = Gc::<Native>::from_value(ctor).is_none() && self.is_instantiable(class);
        plain.then_some(ctor)
    }

    /// Whether loading a constant gives the constant itself, and no copy.
    pub fn is_shared(&self, value: Value) -> bool {
        let copied = Some(Kind::Array) == kind_of(value)
            || matches!(kind_of(value), Some(Kind::Map | Kind::Gene | Kind::HashObject));
        !copied
    }

    /// Whether `new` makes plain instances: of user classes and `Object`.
    fn is_instantiable(&self, class: Gc<Class>) -> bool {
        let builtin = self.classes.iter().chain(self.other_classes.values());
        class == self.class(ClassName::Object) || !builtin.into_iter().any(|c| *c == class)
    }
}

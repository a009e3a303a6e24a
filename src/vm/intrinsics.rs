//! What `intrinsic` instructions do.

use gene_isa::{Intrinsic, Symbol};

use super::error::Throw;
use super::{ClassName, Vm, interfaces, selector};
use crate::heap::Gc;
use crate::object::misc::int_of;
use crate::object::*;
use crate::value::Value;

impl Vm {
    /// Carries out an intrinsic; `args` are registers of the running frame.
    pub(super) fn intrinsic(
        &mut self,
        which: Intrinsic,
        args: &[Value],
        code: Gc<Code>,
    ) -> Result<Value, Throw> {
        use Intrinsic::*;
        let a = |i: usize| args.get(i).copied().unwrap_or(Value::UNSET);
        let name = |vm: &Vm, i: usize| vm.name_of(a(i)).unwrap_or(vm.names.call);
        Ok(match which {
            // ---- values ------------------------------------------------------
            Range => return self.make_range(a(0), a(1), a(2)),
            ToText => {
                let text = self.display_text(a(0));
                Str::new(&mut self.heap, &text).value()
            }
            Join => {
                let mut text = String::new();
                for value in args.iter().filter(|v| !v.is_nil()) {
                    self.display_text_to(&mut text, *value);
                }
                Str::new(&mut self.heap, &text).value()
            }
            Selector => return selector::new(self, args),
            GetGlobal => return self.global(name(self, 0), code),
            SetGlobal => {
                let name = name(self, 0);
                self.globals.insert(name, a(1));
                a(1)
            }
            GetMember => return self.get_index_slow(a(0), a(1)),
            GetMemberOr => {
                let found = self.get_index_slow(a(0), a(1))?;
                if found.is_void() { a(2) } else { found }
            }
            PathLast => return self.path_last(a(0), name(self, 1), a(2)),
            CallableCheck => match self.is_callable(a(0)) {
                true => a(0),
                false => {
                    let got = self.type_name(a(0));
                    return Err(
                        self.not_callable_error(format!("value of type {got} is not callable"))
                    );
                }
            },
            TypeValue => return self.type_value(args, code.module),
            ImportedVariant => return self.imported_variant(code.module, name(self, 0)),
            Unwrap => Value::bool(self.unwrap(a(0)).is_some_and(|(leave, _)| leave)),
            UnwrapValue => self.unwrap(a(0)).map_or(a(0), |(_, value)| value),
            AugmentCheck => match a(0).is_nil() || a(0).is_void() {
                true => {
                    return Err(
                        self.no_member_to_change(a(0), Value::symbol(Symbol::intern("target")))
                    );
                }
                false => a(0),
            },
            IsNotFound => Value::bool(a(0) == Value::NOT_FOUND),
            // ---- destructuring -------------------------------------------------
            Destructure => return self.destructure(a(0), a(1)),
            DestructurePart => {
                let parts = Gc::<Array>::from_value(a(0));
                let index = int_of(a(1)).unwrap_or_default() as usize;
                parts.and_then(|p| p.get(index)).unwrap_or(Value::UNSET)
            }
            // ---- namespaces ------------------------------------------------------
            NewNamespace => {
                let name = name(self, 0);
                Namespace::new(&mut self.heap, name).value()
            }
            DefineMember => {
                self.set_member(a(0), name(self, 1), a(2))?;
                a(2)
            }
            ModuleNamespace => code.module.namespace.value(),
            // ---- classes ---------------------------------------------------------
            NewClass => return self.new_class(a(0), a(1), code.module),
            AddMethod => {
                self.add_method(a(0), a(1), a(2))?;
                Value::NIL
            }
            AddCtor => {
                self.add_ctor(a(0), a(1))?;
                Value::NIL
            }
            AddMissing => {
                self.add_missing(a(0), a(1));
                Value::NIL
            }
            AddField => {
                self.add_field(a(0), a(1), a(2));
                Value::NIL
            }
            DeclareFields => {
                self.declare_fields(a(0), a(1));
                Value::NIL
            }
            Implement | NewInterface | InterfaceMethod | InterfaceField | NewImplementation
            | ImplMethod | ImplCtor | RegisterImpl | NewInterceptor | AddAdvice => {
                return interfaces::intrinsic(self, which, args);
            }
            NewEnum => {
                let name = name(self, 0);
                Enum::new(&mut self.heap, name).value()
            }
            AddVariant => {
                self.add_variant(a(0), a(1), a(2), a(3));
                Value::NIL
            }
            VariantPattern => Value::bool(self.variant_pattern(a(0), a(1), a(2))?),
            VariantField => {
                let index = int_of(a(1)).unwrap_or_default() as usize;
                let value = Gc::<EnumValue>::from_value(a(0));
                value.and_then(|v| v.payload().get(index).copied()).unwrap_or(Value::NIL)
            }
            SetTypeAlias => self.type_alias(a(1)),
            // ---- errors ------------------------------------------------------------
            Assert => return self.assert_true(a(0), a(1)),
            ContractFail => return Err(self.contract_failed(args)),
            RaiseRuntime => {
                let message = self.display(a(0));
                return Err(self.runtime_error(message));
            }
            RaiseType => {
                let message = self.display(a(0));
                return Err(self.type_error(message));
            }
            RaiseUndefined => return Err(self.undefined(name(self, 0))),
            // ---- coroutines ----------------------------------------------------------
            AsyncIter | AsyncNext | AsyncClose | ScopeEnter | ScopeExit | Defer | WaitUntil
            | TopLevelTurn | LoopTurn => {
                return self.event_loop()?.intrinsic(self, which, args, code);
            }
            Bench => return super::bench::intrinsic(self, args),
            // ---- modules -------------------------------------------------------------
            Import => return self.import(code, a(0)),
            Imported => return self.imported(a(0)),
            ImportBuiltin => return self.import_builtin(a(0)),
            ImportName => return self.import_name(a(0), a(1)),
            ImportAll => {
                self.import_all(code.module, a(0));
                Value::NIL
            }
            Dependency => return self.dependency(code, a(0)),
        })
    }

    fn make_range(&mut self, start: Value, end: Value, step: Value) -> Result<Value, Throw> {
        let step_given = !step.is_unset();
        let numbers = (int_of(start), int_of(end), if step_given { int_of(step) } else { Some(1) });
        match numbers {
            (Some(start), Some(end), Some(step)) => {
                let step = step_given.then_some(step);
                Ok(crate::object::Range::new(&mut self.heap, start, end, step).value())
            }
            _ => Err(self.type_error("range bounds and step must be Ints")),
        }
    }

    /// 7.3 rule 2: the last of three or more segments names a visible variable.
    fn path_last(&mut self, object: Value, name: Symbol, variable: Value) -> Result<Value, Throw> {
        if int_of(variable).is_some() || self.name_of(variable).is_some() {
            return self.get_index_slow(object, variable);
        }
        self.get_member(object, name)
    }

    /// `$name`
    fn global(&mut self, name: Symbol, code: Gc<Code>) -> Result<Value, Throw> {
        if let Some(value) = self.globals.get(&name) {
            return Ok(*value);
        }
        if let Some(compute) = self.computed_globals.get(&name) {
            return compute(self);
        }
        Ok(match name.as_str() {
            "ns" => code.module.namespace.value(),
            "pkg" => return self.package(code.module),
            _ => Value::VOID,
        })
    }

    fn assert_true(&mut self, condition: Value, message: Value) -> Result<Value, Throw> {
        if condition.is_truthy() {
            return Ok(Value::NIL);
        }
        let message = match message.is_unset() {
            true => "Assertion failed".to_owned(),
            false => self.display_text(message),
        };
        Err(self.error(ClassName::AssertionException, "GENE.RUNTIME.ERROR", &message))
    }

    /// The exception of a violated contract (10.7).
    fn contract_failed(&mut self, args: &[Value]) -> Throw {
        let list = |i: usize| {
            let array = args.get(i).copied().and_then(Gc::<Array>::from_value);
            array.map(|a| a.to_vec()).unwrap_or_default()
        };
        let mut message = args.first().map(|t| self.display(*t)).unwrap_or_default();
        let pairs: Vec<String> = list(1)
            .iter()
            .zip(list(2))
            .map(|(name, value)| format!("{}={}", self.display(*name), self.display_data(value)))
            .collect();
        message.push_str(&format!(" | args=[{}]", pairs.join(", ")));
        if let Some(result) = args.get(3).filter(|r| !r.is_unset()) {
            message.push_str(&format!(" | result={}", self.display_data(*result)));
        }
        self.error(ClassName::AssertionException, "GENE.RUNTIME.ERROR", &message)
    }
}

impl Vm {
    /// Dates and times by `compare`; `None` if the values are none.
    pub(super) fn compare_times(
        &mut self,
        l: Value,
        r: Value,
    ) -> Option<Result<std::cmp::Ordering, Throw>> {
        let result = crate::object::time::compare(l, r)?;
        Some(result.map_err(|message| self.operand_error(message)))
    }
}

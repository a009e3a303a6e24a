use super::{Engine, Failure};
use crate::value::Value;
use crate::vm::interrupt;

/// What an evaluation raises whose function `stop` asks the interpreter to look.
fn interrupted(text: &str) -> String {
    let mut engine = Engine::new(Default::default());
    engine.vm.define("stop", 0, 0, |vm, _| {
        vm.interrupt.set(interrupt::CANCEL);
        Ok(Value::NIL)
    });
    match engine.eval(text) {
        Ok(value) => format!("ended with {}", engine.display(value)),
        Err(Failure::Rejected(diagnostics)) => format!("rejected: {diagnostics:?}"),
        Err(Failure::Raised(throw)) => engine.vm.exception_message(throw.0),
    }
}

#[test]
fn whatever_runs_can_be_interrupted() {
    for text in [
        "(stop) (loop (1 + 1))",
        "(fn f [n] (if (n == 0) 0 else (1 + (f (n - 1))))) (stop) (f 10)",
        "(fn f [n] (if (n == 0) 0 else (f (n - 1)))) (stop) (f 10)",
        "(fn f [n m = 2] (if (n == 0) 0 else (1 + (f (n - 1))))) (stop) (f 10)",
        "(class A (method f [n] (if (n == 0) 0 else (1 + (self .f (n - 1)))))) (stop) ((new A) .f 9)",
        "(class A (ctor [n] (if (n > 0) (new A (n - 1))))) (stop) (new A 9)",
        "(fn f* [n] (if (n > 0) ((f* (n - 1)) .next)) (yield n)) (stop) ((f* 9) .next)",
        "(fn ^^async f [n] (if (n > 0) (f (n - 1))) n) (stop) (await (f 9))",
        "(stop) ([1 2] .map (fn [x] x))",
    ] {
        assert_eq!(interrupted(text), "interrupted", "{text}");
    }
}

#[test]
fn an_interrupt_is_caught_and_the_program_goes_on() {
    let text = "(fn f [n] (if (n == 0) 0 else (1 + (f (n - 1)))))
                (try (stop) (f 10) catch CancellationException ($ex/message .size))
                (f 10)";
    assert_eq!(interrupted(text), "ended with 10");
}

//! Each rule of the verifier, kept once and broken once.

use std::sync::Arc;

use gene_isa::datum::{Date, Datum, Time};
use gene_isa::{
    Code, Handler, Insn, Module, Op, Symbol, TypeExpr, assemble, verify, verify_module,
};

/// A function that keeps all rules and has something in every pool.
const VALID: &str = "
.function valid
.registers 12
.param n : Int
.param rest : Any
.const k0 `name
.const k1 42
.cache c0 name
.keys s0 a b c
.call d0 push {k} [_ ...]
.call d1 {} [_]
.check t0 variable x (register r6 T)
.env e0 (x 0 0)
.scopes r4 r5
.handler L0 L1 L2 r6 1 catch
.handler L0 L2 L2 r6 0
.code
L0:
  new_scope r4 closure 1
  set_scope r2 r4 0
  closure r6 r4 p0
  call_x r6 1 d0
  call_x r6 0 d1
  get_prop_var r6 r2 r3
  ext c0
L1:
  iter_init r6 r2 0 L3
  call_with_self r10 0
  iter_wrap r6 0
L3:
  iter_next r6 2 L4
  call_with_self r10 0
  iter_step r6 0 L4
  loop L3
L4:
  new_map r6 r9 s0
  new_gene r6 r7 1 s0
  check_set r6 k0
  intrinsic r6 Range 3
  load_special r6 unset
  eval r6 r4 e0
  check_type r6 t0
L2:
  await r6 1 r10 1
  drop_scope r4
  tail_call r6 4
  .function inner
  .registers 2
  .code
    return r0
  .end
.end
";

fn code(text: &str) -> Code {
    assemble(text).unwrap_or_else(|e| panic!("{e}\n{text}"))
}

#[track_caller]
fn refused(code: &Code, what: &str) {
    let error = verify(code).expect_err(what);
    assert!(error.what.contains(what), "`{error}` instead of `{what}`");
}

/// `VALID` with one piece of text replaced.
#[track_caller]
fn broken(old: &str, new: &str, what: &str) {
    assert!(VALID.contains(old), "{old}");
    refused(&code(&VALID.replacen(old, new, 1)), what);
}

#[track_caller]
fn refused_body(kind: &str, body: &str, what: &str) {
    refused(&code(&format!(".{kind} f\n.registers 8\n{body}\n.end")), what);
}

#[test]
fn valid_code_passes() {
    verify(&code(VALID)).unwrap();
    let coroutine = ".async f\n.registers 8\ncall r2 1\ntake_result r2\nfinish r2\n.end";
    verify(&code(coroutine)).unwrap();
    verify(&code(".generator f\n.registers 8\nyield r2 r2\nfinish r2\n.end")).unwrap();
}

#[test]
fn frames() {
    broken(".registers 12", ".registers 3", "parameters do not fit");
    broken(".registers 12", ".registers 60001", "too many registers");
    broken(".param rest", ".rest 2 rest", "rest parameter out of place");
    broken("tail_call r6 4", "call r6 4", "falls off the end");
    broken(".scopes r4 r5", ".scopes r4 r12", "no register r12");
    broken(".scopes r4 r5", ".scopes r4 r4", "listed twice");
    broken(".registers 2\n", ".registers 1\n", "parameters do not fit");
    refused(&Code { nregs: 2, ..Code::default() }, "no instructions");
    refused(&code(".macro m\n.registers 3\n.param a\nreturn r0\n.end"), "do not fit");
    refused(&code(".module m\n.registers 3\n.param a\nreturn r0\n.end"), "takes no arguments");
}

#[test]
fn errors_name_function_and_instruction() {
    let error = verify(&code(&VALID.replacen("return r0", "return r7", 1))).unwrap_err();
    assert_eq!(error.to_string(), "valid.inner at 0: return: no register r7");
}

#[test]
fn operands() {
    broken("set_scope r2", "set_scope r12", "no register r12");
    broken("drop_scope r4", "throw r12", "no register r12");
    broken("drop_scope r4", "move r12 r4", "no register r12");
    broken("set_scope r2 r4", "set_scope r2 closure", "has to be in a register");
    broken("closure r6 r4", "closure r6 r7", "not listed as a scope");
    broken("new_scope r4", "new_scope r7", "not listed as a scope");
    broken("closure r6 r4 p0", "closure r6 r4 p1", "no function 1");
    broken("check_set r6 k0", "check_set r6 k2", "no constant 2");
    broken("check_set r6 k0", "check_set r6 k1", "the constant is no name");
    broken("check_set r6 k0", "check_member r6 k2", "no constant 2");
    broken("ext c0", "ext c1", "no cache 1");
    broken("new_map r6 r9 s0", "new_map r6 r9 s1", "no key list 1");
    broken("call_x r6 0 d1", "call_x r6 0 d2", "no call 2");
    broken("check_type r6 t0", "check_type r6 t1", "no check 1");
    broken("eval r6 r4 e0", "eval r6 r4 e1", "no environment 1");
    broken("Range 3", "999 3", "no intrinsic 999");
    broken("unset", "7", "no such special value");
    broken("(register r6 T)", "(register r12 T)", "no register r12");
    broken(": Int", ": (of Array (register r6 T))", "type of a parameter is in a register");
    let mut unused = code(VALID);
    unused.insns[1].x = 1;
    refused(&unused, "an unused field is not 0");
}

#[test]
fn runs_of_registers() {
    broken("tail_call r6 4", "tail_call r6 5", "needs 7 registers from r6");
    broken("call_x r6 1 d0", "call_x r8 1 d0", "needs 5 registers from r8");
    broken("call_x r6 0 d1", "call_module r6 5 m0", "needs 7 registers from r6");
    broken("call_x r6 0 d1", "tail_call_module r6 5 m0", "needs 7 registers from r6");
    broken("new_map r6 r9", "new_map r6 r10", "needs 3 registers from r10");
    broken("new_gene r6 r7 1", "new_gene r6 r7 2", "needs 6 registers from r7");
    broken("intrinsic r6", "intrinsic r10", "needs 3 registers from r10");
    broken("await r6 1 r10", "await r6 1 r11", "needs 2 registers from r11");
    broken("iter_init r6", "iter_init r7", "needs 6 registers from r7");
    broken("iter_wrap r6", "iter_wrap r7", "needs 6 registers from r7");
    broken("iter_next r6", "iter_next r7", "needs 6 registers from r7");
    broken("iter_step r6", "iter_step r7", "needs 6 registers from r7");
    for (line, what) in [
        ("new_array r2 r6 3", "needs 3 registers from r6"),
        ("array_push r2 r6 3", "needs 3"),
        ("new_hash_map r2 r6 3", "needs 3"),
        ("interpolate r2 r6 3", "needs 3"),
        ("make_gene r2 r6", "needs 3"),
        ("L:\nrange_loop r5 L", "needs 4"),
        ("range_prep r5 0 L\nL:", "needs 4"),
        ("iter_close r3 L\nL:", "needs 6"),
        ("new r5 2", "needs 4"),
        ("call_method r5 c0 2", "needs 4"),
        ("call_super r5 c0 2", "needs 4"),
        ("tail_call_method r5 c0 2", "needs 4"),
    ] {
        refused_body("function", &format!(".cache c0 x\n{line}\nreturn r2"), what);
    }
}

#[test]
fn jumps() {
    refused_body("function", "jump 1\nreturn r0", "target is outside the code");
    refused_body("function", "jump -2\nreturn r0", "target is outside the code");
    refused_body("function", "L:\njump_if r0 L\nreturn r0", "goes back, but does not poll");
    refused_body("function", "loop L\nL:\nreturn r0", "does not go back");
}

#[test]
fn jumps_into_operand_words() {
    let body = ".cache c0 x\njump L\nget_prop_var r2 r2 r2\nL:\next c0\nreturn r2";
    refused_body("function", body, "belongs to the instruction before");
    refused_body("async", "jump L\ncall r2 0\nL:\ntake_result r2\nfinish r2", "belongs to");
}

#[test]
fn flags() {
    broken("call_x r6 0 d1", "call_x r6 7 d1", "no such kind of call");
    broken("call_x r6 0 d1", "call_x r6 1 d1", "the call has no method name");
    broken("await r6 1", "await r6 2", "neither 0 nor 1");
    broken("iter_init r6 r2 0", "iter_init r6 r2 2", "neither 0 nor 1");
    broken("iter_wrap r6 0", "iter_wrap r6 2", "neither 0 nor 1");
    broken("iter_step r6 0", "iter_step r6 2", "neither 0 nor 1");
    broken("iter_next r6 2", "iter_next r6 99", "target is outside the code");
    broken("Range 3", "Range 2", "wrong number of arguments");
    refused_body("function", "range_prep r2 2 L\nL:\nreturn r2", "neither 0 nor 1");
}

#[test]
fn neighbours() {
    broken("  ext c0\n", "", "no ext follows");
    broken("drop_scope r4", "ext c0", "follows nothing");
    refused_body("async", "call r2 0\nfinish r2", "no take_result follows");
    refused_body("async", "take_result r2\nfinish r2", "follows no call");
}

#[test]
fn instructions_of_other_kinds_of_functions() {
    refused_body("function", "call r2 0\ntake_result r2\nreturn r2", "only in coroutines");
    refused_body("function", "finish r2", "only in coroutines");
    refused_body("async", "yield r2 r2\nfinish r2", "only in generators");
    refused_body("generator", "return r2", "not in coroutines");
    refused_body("generator", "return_scoped r2", "not in coroutines");
    refused_body("async_generator", "tail_call r2 0", "not in coroutines");
}

#[test]
fn scopes() {
    broken(".scopes r4 r5", ".scopes r4 r3", "the scope r3 is not after the parameters");
    broken("drop_scope r4", "drop_scope r6", "r6 is not listed as a scope");
    broken("check_set r6 k0", "check_set r4 k0", "r4 is for a scope");
    broken("load_special r6", "load_special r5", "r5 is for a scope");
    broken("L0 L1 L2 r6 1", "L0 L1 L2 r5 1", "r5 is for a scope");
    broken("(register r6 T)", "(register r5 T)", "r5 is for a scope");
    broken("new_map r6 r9", "new_map r6 r3", "overwrites a scope: uses registers from r3");
    broken("call_x r6 0 d1", "call_x r2 0 d1", "overwrites a scope: uses registers from r2");
    // The window of the callee reaches beyond the arguments.
    broken(".scopes r4 r5", ".scopes r4 r11", "overwrites a scope");
    let body = ".scopes r7\n.code\ncall r2 0\nreturn r2";
    refused_body("function", body, "overwrites a scope: uses registers from r2");
}

#[test]
fn handlers() {
    broken("L0 L1 L2 r6 1", "L1 L1 L2 r6 1", "covers no range");
    broken("L0 L1 L2 r6 1", "L1 L0 L2 r6 1", "covers no range");
    broken("L0 L1 L2 r6 1", "0 99 L2 r6 1", "covers no range");
    broken("L0 L1 L2 r6 1", "L0 L1 99 r6 1", "target is outside");
    broken("L0 L1 L2 r6 1", "L0 L1 6 r6 1", "belongs to the instruction before");
    broken("L0 L1 L2 r6 1", "L0 L1 L2 r12 1", "no register r12");
    broken("L0 L1 L2 r6 1", "L0 L1 L2 r6 3", "keeps more scopes");
    let handler =
        |start, end| Handler { start, end, target: 0, exception: 6, scopes: 0, catches: false };
    let with = |handlers: Vec<Handler>| Code { handlers, ..code(VALID) };
    refused(&with(vec![handler(0, 4), handler(2, 6)]), "overlap");
    refused(&with(vec![handler(0, 4), handler(1, 3)]), "hides");
    verify(&with(vec![handler(4, 6), handler(1, 3), handler(0, 4), handler(0, 4)])).unwrap();
}

#[test]
fn spans() {
    let with = |spans| Code { spans, ..code(VALID) };
    verify(&with(vec![(0, 5, 9), (3, 1, 2)])).unwrap();
    refused(&with(vec![(3, 1, 2), (0, 5, 9)]), "not in order");
    refused(&with(vec![(0, 5, 4)]), "ends too early");
}

#[test]
fn constants() {
    let with = |datum| Code { consts: vec![datum, Datum::Nil], ..code(VALID) };
    let date = |year, month, day| Datum::Array(vec![Datum::Date(Date { year, month, day })], true);
    refused(&with(date(2025, 2, 29)), "no such date");
    refused(&with(date(2025, 13, 1)), "no such date");
    refused(&with(date(2025, 4, 0)), "no such date");
    assert!(!verify(&with(date(2024, 2, 29))).unwrap_err().what.contains("date"));
    let (offset, zone) = (None, None);
    let time = Time { hour: 24, minute: 0, second: 0, microsecond: 0, offset, zone, utc: false };
    refused(&with(Datum::Time(time)), "no such time");
    let path = Datum::Path([Symbol::intern("a")].as_slice().into());
    refused(&with(Datum::Quote(Box::new(path))), "a path of less than two segments");
}

#[test]
fn modules() {
    let main = ".module m\n.registers 2\nget_module r0 m1\nreturn r0\n.end";
    let slots: Vec<Symbol> = ["a", "b"].map(Symbol::intern).into();
    let module = Module { main: Arc::new(code(main)), slots, ..Module::default() };
    verify_module(&module).unwrap();
    let error = |module: &Module| verify_module(module).unwrap_err().to_string();
    let short = Module { slots: vec![], ..module.clone() };
    assert_eq!(error(&short), "m at 0: get_module: no module variable 1");
    let exports = Module { exports: vec![(Symbol::intern("a"), 2)], ..module.clone() };
    assert_eq!(error(&exports), "m: an export without a variable");
    let mut typed = code(main);
    typed.result = Some(TypeExpr::Union(vec![TypeExpr::Module(5, Symbol::intern("T"))]));
    let typed = Module { main: Arc::new(typed), ..module.clone() };
    assert_eq!(error(&typed), "m: no module variable 5");
    let args = code(".function f\n.registers 3\n.param a\nreturn r0\n.end");
    let args = Module { main: Arc::new(args), ..module };
    assert_eq!(error(&args), "f: the code of a module takes no arguments");
}

#[test]
fn instructions_with_wild_operands_are_refused() {
    for op in Op::ALL {
        let mut code = code(VALID);
        code.handlers.clear();
        code.insns.insert(0, Insn { op: *op, x: 0xff, a: 0xfff0, b: 0xfff0, c: 0xfff0 });
        verify(&code).expect_err(op.mnemonic());
    }
}

//! Small functions with notes made by hand: what becomes of them. `clif/` has
//! Cranelift's representation of a few; `UPDATE=1` rewrites it.
//!
//! The layout is all zeros and the addresses are made up: nothing here runs.

use std::{env, fs, path::Path};

use gene_isa::backend::{
    Backend, Body, Callee, CompiledCode, Entry, Feedback, Helper, Kinds, Layout, LoopSeen, Refusal,
    Request, Seen, Target,
};
use gene_isa::{Code, assemble};
use gene_jit::{Dump, Jit, Wanted};

const SUM: &str = ".function f\n.registers 6\n.param n\nload_int r3 0\nload_int r4 0\n\
    L0:\nadd r3 r3 r4\nadd_i r4 r4 1\nloop_lt r4 r2 L0\nreturn r3\n.end";
const ADD: &str = ".function f\n.registers 6\n.param a\n.param b\nadd r4 r2 r3\nreturn r4\n.end";
const INDEX: &str =
    ".function f\n.registers 6\n.param a\n.param i\nget_index r4 r2 r3\nreturn r4\n.end";
const FIB: &str = ".function fib\n.registers 8\n.param n\njump_not_lt_i r2 2 L0\nreturn r2\n\
    L0:\nsub_i r5 r2 1\ncall_module r3 1 m0\nsub_i r6 r2 2\ncall_module r4 1 m0\nadd r3 r3 r4\n\
    return r3\n.end";
const CALL: &str =
    ".function f\n.registers 8\n.param g\nmove r4 r2\ncall r4 0\nadd_i r3 r4 1\nreturn r3\n.end";

/// What the interpreter has seen if all operands and arguments were of one of these kinds.
fn seen(code: &Code, operands: [Kinds; 3], params: &[Kinds]) -> Feedback {
    let one = Seen { kinds: operands, ran: true, ..Seen::default() };
    Feedback { seen: vec![one; code.insns.len()], loops: Vec::new(), params: params.to_vec() }
}

fn compile(code: &Code, feedback: &Feedback, entry: Entry) -> Result<CompiledCode, Refusal> {
    let helpers = (0..Helper::ALL.len() as u64).map(|i| 0x1000 + i * 16).collect();
    let dump = Dump { clif: true, asm: false };
    let mut jit =
        Jit::new(Layout::default(), helpers, (0x2000, 0x2008), Wanted { dump, places: false })?;
    let body = Body {
        code,
        id: 0x3000,
        insns: 0x4000,
        consts: &vec![None; code.consts.len()],
        keysets: &vec![0; code.keysets.len()],
        vars: 0x5000,
        protos: &[],
        feedback,
    };
    jit.compile(Request {
        body,
        inlinable: &[],
        epoch: 1,
        plain_equality: true,
        entry,
        first_exit: 0,
    })
}

fn compiled(text: &str, operands: [Kinds; 3], params: &[Kinds]) -> CompiledCode {
    let code = assemble(text).unwrap();
    compile(&code, &seen(&code, operands, params), Entry::Call).unwrap()
}

/// Compares with the file, or writes it.
fn snapshot(name: &str, made: &CompiledCode) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/clif/{name}.clif"));
    let text = made.listing.as_deref().unwrap();
    if env::var_os("UPDATE").is_some() {
        fs::write(&file, text).unwrap();
    }
    let expected = fs::read_to_string(&file).expect("UPDATE=1 writes it");
    assert_eq!(text, expected, "{} differs; UPDATE=1 rewrites it", file.display());
}

#[test]
fn loop_over_ints() {
    let made = compiled(SUM, [Kinds::INT; 3], &[Kinds::INT]);
    assert!(made.steps.is_empty());
    assert!(made.bytes > 0 && made.direct.is_some());
    // What leaves the small representation goes to the interpreter at its sum.
    assert!(made.exits.iter().any(|exit| exit.pc == 2 && exit.blamed == 2));
    snapshot("int_loop", &made);
}

#[test]
fn sum_of_floats() {
    let made = compiled(ADD, [Kinds::FLOAT; 3], &[Kinds::FLOAT; 2]);
    assert!(made.steps.is_empty());
    assert!(made.listing.as_deref().unwrap().contains("fadd"));
    snapshot("float_sum", &made);
}

#[test]
fn element_of_an_array() {
    let operands = [Kinds::NONE, Kinds::ARRAY, Kinds::INT];
    let made = compiled(INDEX, operands, &[Kinds::ARRAY, Kinds::INT]);
    assert!(made.steps.is_empty());
    snapshot("array_access", &made);
}

#[test]
fn call_of_anything() {
    let made = compiled(CALL, [Kinds::INT; 3], &[Kinds::FUNCTION]);
    assert_eq!(made.steps, [(0x3000, 1)], "an unknown callee is left to the interpreter");
    snapshot("call", &made);
}

#[test]
fn recursion_becomes_part_of_the_function() {
    let code = assemble(FIB).unwrap();
    let mut feedback = seen(&code, [Kinds::INT; 3], &[Kinds::INT]);
    for pc in [3, 5] {
        feedback.seen[pc].target = Target::Function(Box::new(Callee {
            value: 0x6000,
            code: 0x3000,
            is_self: true,
            this: 0,
            exact: Some(1),
            scopeless: true,
            direct: None,
        }));
    }
    let made = compile(&code, &feedback, Entry::Call).unwrap();
    assert!(made.steps.is_empty());
    snapshot("recursion", &made);
}

#[test]
fn what_has_not_run_leaves() {
    let code = assemble(ADD).unwrap();
    let nothing = Feedback { seen: vec![Seen::default(); 2], ..Feedback::default() };
    let params = Feedback { params: vec![Kinds::NONE; 2], ..nothing };
    let made = compile(&code, &params, Entry::Call).unwrap();
    assert!(made.exits.iter().any(|exit| exit.pc == 0 && exit.reason.contains("not run")));
}

#[test]
fn loops_are_entered_at_their_heads() {
    let code = assemble(SUM).unwrap();
    let mut feedback = seen(&code, [Kinds::INT; 3], &[Kinds::INT]);
    feedback.loops = vec![LoopSeen {
        pc: 2,
        kinds: vec![Kinds::INT; 6].into(),
        negative: vec![false; 6].into(),
    }];
    let made = compile(&code, &feedback, Entry::Loop(2)).unwrap();
    assert!(made.direct.is_none(), "only calls are direct");
}

#[test]
fn frames_that_suspend_stay_interpreted() {
    let code = assemble(&SUM.replace(".function", ".async")).unwrap();
    let refused = compile(&code, &seen(&code, [Kinds::INT; 3], &[Kinds::INT]), Entry::Call);
    assert!(refused.unwrap_err().reason.contains("stay interpreted"));
}

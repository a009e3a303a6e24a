//! Every conformance program compiles to code that the verifier accepts, and
//! the errors of the compiler are the ones expected.

use std::fs;
use std::path::Path;

use gene_isa::{Code, Env, EnvVar, Module, disassemble, verify_module};

use super::{EvalMode, ModuleNames, Options, compile_eval, compile_module};
use crate::diag::Diagnostic;
use crate::reader::read;
use crate::source::FileId;

fn compile(text: &str) -> Result<Module, Vec<Diagnostic>> {
    let (nodes, errors) = read(FileId(0), text);
    if !errors.is_empty() {
        return Err(errors);
    }
    compile_module(FileId(0), &nodes, &mut ModuleNames::default(), &Options::default())
        .map(|compiled| compiled.module)
}

fn programs() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance");
    let mut found = Vec::new();
    for chapter in fs::read_dir(root).expect("tests").flatten().filter(|e| e.path().is_dir()) {
        for file in fs::read_dir(chapter.path()).expect("chapter").flatten() {
            let path = file.path();
            if path.extension().is_some_and(|e| e == "gene") {
                let text = fs::read_to_string(&path).expect("a program");
                found.push((path.display().to_string(), text));
            }
        }
    }
    found.sort();
    found
}

#[test]
fn conformance_programs_compile_to_valid_code() {
    let mut bad = Vec::new();
    for (name, text) in programs() {
        let failing = Path::new(&name).with_extension("err").exists();
        match compile(&text) {
            Ok(module) => {
                let checked = verify_module(&module)
                    .and_then(|()| gene_isa::verify_scopes(&module.main, Some(&[])));
                if let Err(error) = checked {
                    bad.push(format!("{name}: {error}"));
                }
            }
            Err(errors) if failing => {
                let expected = fs::read_to_string(Path::new(&name).with_extension("err"));
                let expected = expected.expect("an expectation");
                let found = errors.iter().any(|e| e.message.contains(expected.trim()));
                if !found {
                    bad.push(format!("{name}: expected {expected}, got {}", errors[0].message));
                }
            }
            Err(errors) => bad.push(format!("{name}: {}", errors[0].message)),
        }
    }
    assert!(bad.is_empty(), "{} programs:\n{}", bad.len(), bad.join("\n"));
}

/// Code of an evaluation with one visible variable, or the first error.
fn eval(text: &str, mode: EvalMode) -> Result<Code, String> {
    let (nodes, errors) = read(FileId(0), text);
    assert!(errors.is_empty(), "{}", errors[0].message);
    let var = EnvVar { name: "x".into(), depth: 1, slot: 2, constant: true, ty: None };
    let env = Env { vars: vec![var], caller: None };
    let mut names = ModuleNames::default();
    let code = compile_eval(&nodes, &env, mode, &mut names, &Options::default());
    code.map_err(|e| e[0].message.clone())
}

#[test]
fn evaluated_data_sees_its_environment() {
    let text = disassemble(&eval("(x + y)", EvalMode::Eval).expect("code"));
    assert!(text.contains("get_up          r3 2 1"), "{text}");
    assert!(text.contains("get_module"), "{text}");
    let nested = disassemble(&eval("(var z 1) (fn [] (x + z))", EvalMode::Eval).expect("code"));
    assert!(nested.contains("get_up          r3 2 2"), "{nested}");
    let error = eval("(x = 1)", EvalMode::Eval).expect_err("a constant");
    assert_eq!(error, "Cannot reassign 'let' binding 'x'");
    let template = disassemble(&eval("(a %x [%_x %(x + 1)])", EvalMode::Render).expect("code"));
    assert!(template.contains("array_spread"), "{template}");
    assert!(template.contains("new_gene"), "{template}");
}

#[test]
fn pieces_of_a_module_share_their_variables() {
    let mut names = ModuleNames::default();
    let options = Options { keep_variables: true, ..Options::default() };
    let mut piece = |text: &str| {
        let (nodes, _) = read(FileId(0), text);
        compile_module(FileId(0), &nodes, &mut names, &options).map(|compiled| compiled.module)
    };
    let first = piece("(let x 1) (var y 2)").expect("a module");
    assert_eq!(first.slots.len(), 2);
    let second = piece("(y = x)").expect("a module");
    assert_eq!(second.slots, first.slots);
    assert!(piece("(x = 2)").is_err());
    let third = piece("(var y 3) y").expect("a module");
    assert_eq!(third.slots.len(), 3);
}

#[test]
fn wrong_forms_are_reported() {
    let cases = [
        ("(if)", "if: missing condition"),
        ("(if true)", "if: missing body after condition"),
        ("(if false 1 elif)", "elif: missing condition"),
        ("(if_not 1 2 else 3)", "if_not"),
        ("(ifel 1)", "ifel: expected"),
        ("(1 + )", "Incomplete infix expression"),
        ("(1 + 2 3)", "Invalid infix expression"),
        ("(< 1)", "< requires exactly 2 arguments"),
        ("(! 1 2)", "! requires exactly 1 argument"),
        ("(var)", "var requires a name"),
        ("(var 1 2)", "var requires a name"),
        ("(let x 1) (fn f [] (x = 2))", "Cannot reassign 'let' binding 'x'"),
        ("(yield 1)", "yield used outside of generator function"),
        ("(fn g* [] (fn [] (yield 1)))", "yield used outside of generator function"),
        ("(loop (break ^from b))", "No loop named 'b'"),
        ("(loop (async (break)))", "break used outside of a loop"),
        ("(async)", "async expects at least 1 argument"),
        ("(await)", "await expects at least 1 argument"),
        ("(fn f 1)", "fn argument list must be an array"),
        ("(fn f)", "argument list"),
        ("(fn f [a... b...])", "Only one positional rest parameter is allowed"),
        ("(fn f [...])", "rest must follow a named parameter"),
        ("(fnx [] 1)", "fnx"),
        ("(match 1)", "match"),
        ("([a b] = [1 2])", "destructuring assignment"),
        ("(var [a... b...] [])", "Only one named positional rest parameter is allowed"),
        ("(for x [1])", "for loop requires 'in' keyword"),
        ("(case)", "case: missing target"),
        ("(case 1 when)", "case: missing value after 'when'"),
        ("(case 1 2)", "case: expected 'when' or 'else'"),
        ("(@)", "@ expects at least 1 argument"),
        ("($set x @a/b 1)", "exactly one"),
        ("(enum E a a)", "duplicate variant a"),
        ("(enum E (A x x))", "duplicate field x"),
        ("(enum E (A x:))", "missing a type after ':'"),
        ("(enum E:t a)", "invalid generic parameter syntax"),
        ("(enum E 1)", "enum member must be a symbol or data variant"),
        ("(enum E (A ^x 1))", "must be positional"),
        ("(case 1 when (Ok) 2)", "variant Result/Ok pattern expects 1 binding(s) (value), got 0"),
        ("(case 1 when (Ok 1) 2)", "enum pattern Ok binding must be a symbol"),
        ("(class A (ctor! [] 1))", "Macro-like"),
        ("(class A (method m! [] 1))", "Macro-like"),
        ("(class A (method m 1))", "requires an array argument list"),
        ("(class A (method m [] (super m)))", "super"),
        ("(class A (ctor ^^async [] 1))", "cannot be async"),
        ("(class A implements Nope)", "Unknown interface: Nope"),
        ("(fn f [x: Self] x)", "Self"),
        ("(fn f [] (import a from \"b\"))", "import is compile-time only"),
        ("(comptime (while true 1))", "comptime: unsupported expression"),
        ("(comptime (var a b))", "comptime: unknown variable b"),
    ];
    for (text, expected) in cases {
        match compile(text) {
            Ok(_) => panic!("{text} compiles"),
            Err(errors) => {
                let all: Vec<&str> = errors.iter().map(|e| e.message.as_str()).collect();
                assert!(all.iter().any(|m| m.contains(expected)), "{text}: {all:?}");
            }
        }
    }
}

#[test]
fn long_chains_and_deep_nesting_are_no_trouble() {
    let chain = format!("(1{})", " + x".repeat(100_000));
    compile(&chain).expect("a chain");
    let mixed = format!("(1{})", " < x is y".repeat(50_000));
    assert!(compile(&mixed).is_err());
    let many = format!("(fn f [x] {})", "(if (x < y) (g x) else (h x))".repeat(20_000));
    let module = compile(&many).expect("a long function");
    verify_module(&module).expect("valid code");
    let long = format!("(fn f [x] (while (x < 1) {}))", "(g x) ".repeat(40_000));
    verify_module(&compile(&long).expect("a long loop")).expect("valid code");
}

#[test]
fn nesting_that_the_reader_allows_fits_a_large_stack() {
    let deep = |open: &str, close: &str| format!("{}1{}", open.repeat(990), close.repeat(990));
    let texts =
        [deep("(f ", ")"), deep("(1 + ", ")"), deep("(if true ", ")"), deep("(fn [] ", ")")];
    let work = move || {
        for text in &texts {
            let module = compile(text).expect("a module");
            verify_module(&module).expect("valid code");
            drop(compile(&text.replace("(f ", "(try (class A (method m [] ")));
        }
    };
    let thread = std::thread::Builder::new().stack_size(64 << 20).spawn(work).expect("a thread");
    thread.join().expect("no panic");
}

/// Prints the code of the file that the environment variable `DUMP` names.
#[test]
fn dump() {
    let Ok(path) = std::env::var("DUMP") else { return };
    let text = fs::read_to_string(path).expect("text");
    match compile(&text) {
        Ok(module) => println!("{}", disassemble(&module.main)),
        Err(errors) => errors.iter().for_each(|e| println!("{}", e.message)),
    }
}

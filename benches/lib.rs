//! What the benchmarks run: the programs of `perf/programs` with small sizes,
//! and cases that stress one part of the runtime.
//!
//! A case is prepared, which is not measured, and then run once.

#![forbid(unsafe_code)]

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use gene::{Engine, Options, reader, source::FileId};

/// Calls a macro with all cases: `group { name(size or text), ... }` each.
///
/// Sizes of programs are such that one run takes about 10 ms, which is half a
/// second when instructions are counted. Texts are what is prepared and what is
/// measured, in one module. Names are Rust's, so `loop` has an underscore.
#[macro_export]
macro_rules! for_each_case {
    ($action:ident) => {
        $action! {
            programs {
                await_chain("100000"),
                binary_trees("11"),
                channel_pingpong("50000"),
                closures("12000"),
                exceptions("200000"),
                fannkuch("8"),
                fib("27"),
                field_access("2000"),
                generators("40000"),
                json("8"),
                list_sort("20000"),
                loop_("500000"),
                mandelbrot("100"),
                map_ops("3000"),
                matmul("60"),
                method_calls("20000"),
                nbody("4000"),
                oop_scheduler("3000"),
                queens("9"),
                sieve("150000"),
                sleepers("2000"),
                spectral_norm("60"),
                string_building("400"),
                string_ops("2000"),
                tak("8"),
                word_count("1"),
            }
            text {
                read(),
                print(),
                compile(),
            }
            start {
                engine(),
            }
            heap {
                short_lived("", "(var last nil) (repeat 100000 (last = [1 2 3]))"),
                kept("", "(var kept []) (repeat 50000 (kept .add [1 2 3]))"),
                scopes("", "(var last nil) (repeat 50000 (do (var n 1) (last = (fn [] n))))"),
                collection(
                    "(var kept []) (repeat 100000 (kept .add [kept])) (gene/vm/gc)",
                    "(kept .add 1) (gene/vm/gc)",
                ),
                strings("", "(var last nil) (for i in (1 .. 20000) (last = #\"n#{i}\"))"),
                maps("", "(var m {{}}) (for i in (1 .. 20000) (m .set i i))"),
            }
            calls {
                function("(fn f [x] x)", "(for i in (1 .. 100000) (f i))"),
                keywords("(fn f [^a ^b = 1] a)", "(for i in (1 .. 20000) (f ^a i))"),
                rest("(fn f [xs...] xs)", "(for i in (1 .. 20000) (f i i))"),
                closure("(var n 1) (fn make [n] (fn [x] (n = x)))",
                    "(var f (make 1)) (for i in (1 .. 100000) (f i))"),
                method("(class A (method m [x] x)) (var a (new A))",
                    "(for i in (1 .. 100000) (a .m i))"),
                constructor("(class A (ctor [/x]))", "(for i in (1 .. 50000) (new A i))"),
                native("", "(for i in (1 .. 100000) (len [])) "),
                callback("(var a []) (repeat 50000 (a .add 1))", "(a .map (fn [x] (x + 1)))"),
                generator("(fn g* [n] (for i in (1 .. n) (yield i)))",
                    "(for x in (g* 50000) x)"),
                exception("(fn f [] (throw \"x\"))",
                    "(for i in (1 .. 10000) (try (f) catch * nil))"),
                task("(fn ^^async f [x] x)", "(for i in (1 .. 20000) (await (f i)))"),
            }
        }
    };
}

/// A case that is ready to be measured.
pub struct Prepared {
    engine: Engine,
    work: Work,
}

enum Work {
    Program { name: String, text: String, size: String },
    Read(Vec<(PathBuf, String)>),
    Print(Vec<gene::syntax::Node>),
    Compile(Vec<(PathBuf, String)>),
    Start,
    Eval(&'static str),
}

/// Prepares a case: its group, its name, and what stands in the parentheses.
///
/// # Panics
///
/// If there is no such case, or a file cannot be read.
pub fn prepare(group: &str, name: &str, of_case: &[&'static str]) -> Prepared {
    let mut engine = Engine::new(Options::default());
    engine.vm.out = Box::new(io::sink());
    let work = match (group, name, of_case) {
        ("programs", _, [size]) => {
            let path =
                root().join("perf/programs").join(name.trim_end_matches('_')).join("main.gene");
            let text = read_file(&path);
            Work::Program { name: format!("<{name}>"), text, size: (*size).to_owned() }
        }
        ("text", "read", _) => Work::Read(book()),
        ("text", "print", _) => {
            let forms = book().into_iter().flat_map(|(_, text)| reader::read(FileId(0), &text).0);
            Work::Print(forms.collect())
        }
        ("text", "compile", _) => Work::Compile(book()),
        ("start", ..) => Work::Start,
        (_, _, [before, text]) => {
            eval(&mut engine, before);
            Work::Eval(text)
        }
        _ => panic!("no case {group}/{name}"),
    };
    Prepared { engine, work }
}

impl Prepared {
    /// Runs what is measured. The result is given back so that dropping it is not.
    ///
    /// # Panics
    ///
    /// If a program fails.
    pub fn run(mut self) -> Prepared {
        match &self.work {
            Work::Program { name, text, size } => {
                let end = self.engine.run(name, text, std::slice::from_ref(size));
                if let Err(failure) = end {
                    panic!("{}", self.engine.render(&failure, gene::diag::Style::Plain));
                }
                self.engine.finish().expect("nobody interrupts");
            }
            Work::Read(texts) => {
                for (_, text) in texts {
                    std::hint::black_box(reader::read(FileId(0), text));
                }
            }
            Work::Print(forms) => {
                for form in forms {
                    std::hint::black_box(form.to_string());
                }
            }
            Work::Compile(texts) => {
                for (path, text) in texts {
                    let code = self.engine.compile(&path.to_string_lossy(), text);
                    assert!(code.is_ok(), "{}", path.display());
                }
            }
            Work::Start => self.engine = Engine::new(Options::default()),
            Work::Eval(text) => eval(&mut self.engine, text),
        }
        self
    }
}

fn eval(engine: &mut Engine, text: &str) {
    if let Err(failure) = engine.eval(text) {
        panic!("{}", engine.render(&failure, gene::diag::Style::Plain));
    }
}

/// What somebody might write in some weeks: the examples and all programs of
/// `perf`.
fn book() -> Vec<(PathBuf, String)> {
    let mut paths: Vec<PathBuf> = Vec::new();
    for folder in ["examples", "perf/programs"] {
        for entry in fs::read_dir(root().join(folder)).expect("a folder of the project") {
            let path = entry.expect("a readable folder").path();
            match path.is_dir() {
                true => paths.push(path.join("main.gene")),
                false => paths.push(path),
            }
        }
    }
    paths.retain(|path| path.extension().is_some_and(|e| e == "gene") && path.is_file());
    paths.sort();
    paths.into_iter().map(|path| (path.clone(), read_file(&path))).collect()
}

fn read_file(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in the project")
}

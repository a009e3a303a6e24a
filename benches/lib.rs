//! What the benchmarks run: the programs of `perf/programs` with small sizes,
//! and cases that stress one part of the runtime.
//!
//! A case is prepared, which is not measured, and then run once.

#![forbid(unsafe_code)]

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use gene::engine::{JitMode, JitOptions};
use gene::{Engine, Options, reader, source::FileId};

/// Calls a macro with all cases: `group { name(size or texts), ... }` each.
///
/// Sizes of programs are such that one run takes about 10 ms, which is half a
/// second when instructions are counted. The texts of a case are how it runs (see
/// [`Mode`]), what is prepared, and what is measured, in one module. Names are Rust's,
/// so `loop` has an underscore.
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
            reader {
                read(),
                print(),
            }
            compiler {
                compile(),
            }
            start {
                engine(),
            }
            dispatch {
                rounds("interpreted", "", "(var i 0) (while (i < 200000) (i += 1))"),
                branches("interpreted", "", "(var n 0) (for i in (1 .. 50000)
                    (if (i < 20000) (n = 1) elif (i == 30000) (n = 2) else (n = 3)))"),
                cases("interpreted", "", "(var n 0) (for i in (1 .. 50000)
                    (case n when 0 (n = 1) when 1 (n = 2) else (n = 0)))"),
            }
            arithmetic {
                ints("interpreted", "", "(var s 0) (for i in (1 .. 50000) (s = (((s * 3) + i) % 1009)))"),
                floats("interpreted", "", "(var s 0.5) (for i in (1 .. 50000) (s = ((s * 0.5) + (i / 2.0))))"),
                boxed("interpreted", "", "(var s 0) (for i in (1 .. 20000) (s = (4503599627370496 + i)))"),
                ints_compiled("compiled",
                    "(fn f [n] (var s 0) (for i in (1 .. n) (s = (((s * 3) + i) % 1009))) s)",
                    "(f 200000)"),
                floats_compiled("compiled",
                    "(fn f [n] (var s 0.5) (for i in (1 .. n) (s = ((s * 0.5) + (i / 2.0)))) s)",
                    "(f 200000)"),
            }
            calls {
                function("interpreted", "(fn f [x] x)", "(for i in (1 .. 50000) (f i))"),
                function_compiled("compiled",
                    "(fn f [x] x) (fn g [n] (for i in (1 .. n) (f i)))", "(g 100000)"),
                recursion_compiled("compiled",
                    "(fn f [n] (if (n < 2) n else ((f (n - 1)) + (f (n - 2)))))", "(f 20)"),
                keywords("interpreted", "(fn f [^a ^b = 1] a)", "(for i in (1 .. 20000) (f ^a i))"),
                rest("interpreted", "(fn f [xs...] xs)", "(for i in (1 .. 20000) (f i i))"),
                closure("interpreted", "(var n 1) (fn make [n] (fn [x] (n = x)))",
                    "(var f (make 1)) (for i in (1 .. 50000) (f i))"),
                native("interpreted", "", "(for i in (1 .. 50000) (len []))"),
                callback("interpreted", "(var a []) (repeat 50000 (a .add 1))",
                    "(a .map (fn [x] (x + 1)))"),
                generator("interpreted", "(fn g* [n] (for i in (1 .. n) (yield i)))",
                    "(for x in (g* 50000) x)"),
                exception("interpreted", "(fn f [] (throw \"x\"))",
                    "(for i in (1 .. 10000) (try (f) catch * nil))"),
            }
            fields {
                read_field("interpreted", "(class A (ctor [/x])) (var a (new A 1))",
                    "(for i in (1 .. 50000) a/x)"),
                write_field("interpreted", "(class A (ctor [/x])) (var a (new A 1))",
                    "(for i in (1 .. 50000) (a/x = i))"),
                read_compiled("compiled",
                    "(class A (ctor [/x])) (fn f [a n] (var s 0) (for i in (1 .. n) (s = (s + a/x))) s)
                     (var a (new A 1))",
                    "(f a 100000)"),
                elements_compiled("compiled",
                    "(var a []) (repeat 1000 (a .add 1))
                     (fn f [a n] (var s 0) (for i in (1 .. n) (var k (i % 1000)) (s = (s + a/<k>))) s)",
                    "(f a 100000)"),
            }
            methods {
                method("interpreted", "(class A (method m [x] x)) (var a (new A))",
                    "(for i in (1 .. 50000) (a .m i))"),
                inherited("interpreted",
                    "(class A (method m [x] x)) (class B < A) (var b (new B))",
                    "(for i in (1 .. 50000) (b .m i))"),
                polymorphic("interpreted",
                    "(class A (method m [x] x)) (class B (method m [x] 1)) (var both [(new A) (new B)])",
                    "(for i in (1 .. 25000) (for o in both (o .m i)))"),
                method_compiled("compiled",
                    "(class A (method m [x] x)) (var a (new A))
                     (fn f [a n] (for i in (1 .. n) (a .m i)))",
                    "(f a 100000)"),
            }
            allocation {
                short_lived("interpreted", "", "(var last nil) (repeat 100000 (last = [1 2 3]))"),
                kept("interpreted", "", "(var kept []) (repeat 50000 (kept .add [1 2 3]))"),
                objects("interpreted", "(class A (ctor [/x]))", "(for i in (1 .. 50000) (new A i))"),
                objects_compiled("compiled",
                    "(class A (ctor [/x])) (fn f [n] (for i in (1 .. n) (new A i)))", "(f 50000)"),
                strings("interpreted", "", "(var last nil) (for i in (1 .. 20000) (last = #\"n#{i}\"))"),
                maps("interpreted", "", "(var m {{}}) (for i in (1 .. 20000) (m .set i i))"),
            }
            collection {
                full("interpreted", "(var kept []) (repeat 100000 (kept .add [kept]))",
                    "(gene/vm/gc)"),
                nothing_alive("interpreted", "(var a nil) (repeat 100000 (a = [a]))",
                    "(a = nil) (gene/vm/gc)"),
                minor("interpreted", "(var kept []) (repeat 100000 (kept .add [kept])) (gene/vm/gc)",
                    "(var last nil) (repeat 20000 (kept/0 = [1 2]))"),
            }
            scopes {
                retain_release("interpreted", "", "(var last nil)
                    (repeat 50000 (do (var n 1) (last = (fn [] n))))"),
                captured_variable("interpreted",
                    "(fn counter [] (var n 0) (fn [] (n += 1))) (var c (counter))",
                    "(repeat 50000 (c))"),
                nested("interpreted",
                    "(fn outer [a] (fn [b] (fn [] (a + b))))", "(repeat 20000 (((outer 1) 2)))"),
            }
            tasks {
                spawn("interpreted", "", "(for i in (1 .. 20000) (async i))"),
                spawn_function("interpreted", "(fn ^^async f [x] x)",
                    "(for i in (1 .. 20000) (await (f i)))"),
                round_trip("interpreted",
                    "(fn ^^async give [c n] (for i in (1 .. n) (await (c .send i))))
                     (fn ^^async take [c n] (repeat n (await (c .recv))))
                     (fn both [n] (var c (new gene/Channel)) [(give c n) (take c n)])",
                    "(await (gene/all (both 10000)))"),
                wake_many("interpreted",
                    "(fn ^^async wait_for [f] (await f))",
                    "(var f (new gene/Future)) (var all [])
                     (repeat 5000 (all .add (wait_for f)))
                     (f .complete 1) (await (gene/all all))"),
            }
            jit {
                compile_loop("compiling",
                    "(fn f [n] (var s 0) (for i in (1 .. n) (s = (((s * 3) + i) % 1009))) s)",
                    "(f 20000)"),
                compile_functions("compiling",
                    "(class P (ctor [/x /y]) (method dot [o] ((/x * o/x) + (/y * o/y))))
                     (fn f [n] (var p (new P 1.5 2.5)) (var s 0.0)
                       (for i in (1 .. n) (s = (s + (p .dot p)))) s)
                     (fn fib [n] (if (n < 2) n else ((fib (n - 1)) + (fib (n - 2)))))",
                    "(f 2000) (fib 15)"),
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

/// How a case runs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// As programs do.
    Usual,
    /// `interpreted`: without machine code.
    Interpreted,
    /// `compiled`: what is measured has run until nothing was compiled any more.
    Compiled,
    /// `compiling`: things are hot at once, so that compiling is what takes the time.
    Compiling,
}

impl Mode {
    fn named(name: &str) -> Option<Mode> {
        match name {
            "interpreted" => Some(Mode::Interpreted),
            "compiled" => Some(Mode::Compiled),
            "compiling" => Some(Mode::Compiling),
            _ => None,
        }
    }

    fn engine(self) -> Engine {
        let jit = match self {
            Mode::Interpreted => JitOptions { mode: JitMode::Off, ..JitOptions::default() },
            Mode::Compiling => {
                JitOptions { calls: Some(50), rounds: Some(500), ..JitOptions::default() }
            }
            // The usual thresholds, without the time in which programs are not compiled at all.
            Mode::Usual | Mode::Compiled => {
                JitOptions { calls: Some(3000), rounds: Some(20_480), ..JitOptions::default() }
            }
        };
        let mut engine = Engine::new(Options { jit, ..Options::default() });
        engine.vm.out = Box::new(io::sink());
        engine
    }
}

/// Prepares a case: its group, its name, and what stands in the parentheses.
///
/// # Panics
///
/// If there is no such case, or a file cannot be read.
pub fn prepare(group: &str, name: &str, of_case: &[&'static str]) -> Prepared {
    if let [mode, before, text] = of_case {
        let mode = Mode::named(mode).unwrap_or_else(|| panic!("{group}/{name}: no mode {mode}"));
        let mut engine = mode.engine();
        eval(&mut engine, before);
        if mode == Mode::Compiled {
            warm_up(&mut engine, text);
        }
        return Prepared { engine, work: Work::Eval(text) };
    }
    let work = match (group, name, of_case) {
        ("programs", _, [size]) => {
            let path =
                root().join("perf/programs").join(name.trim_end_matches('_')).join("main.gene");
            let text = read_file(&path);
            Work::Program { name: format!("<{name}>"), text, size: (*size).to_owned() }
        }
        ("reader", "read", _) => Work::Read(book()),
        ("reader", "print", _) => {
            let forms = book().into_iter().flat_map(|(_, text)| reader::read(FileId(0), &text).0);
            Work::Print(forms.collect())
        }
        ("compiler", "compile", _) => Work::Compile(book()),
        ("start", ..) => Work::Start,
        _ => panic!("no case {group}/{name}"),
    };
    Prepared { engine: Mode::Usual.engine(), work }
}

/// Runs a text until it does not lead to machine code any more.
///
/// # Panics
///
/// If it leads to none: without the feature `jit` a case would measure something else.
fn warm_up(engine: &mut Engine, text: &str) {
    const QUIET: u32 = 3;
    const MOST: u32 = 100;
    let (mut quiet, mut compiled) = (0, engine.jit_totals());
    for _ in 0..MOST {
        eval(engine, text);
        quiet = if engine.jit_totals() == compiled { quiet + 1 } else { 0 };
        compiled = engine.jit_totals();
        // The first runs only make things hot.
        if quiet >= QUIET && compiled.0 > 0 {
            return;
        }
    }
    panic!("nothing has become machine code: {text}");
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

/// Programs that are read and compiled. A fixed choice: a new program or example is not
/// to change what is measured.
const BOOK: &[&str] = &[
    "binary_trees",
    "channel_pingpong",
    "closures",
    "exceptions",
    "fannkuch",
    "generators",
    "json",
    "list_sort",
    "log_scan",
    "map_ops",
    "method_calls",
    "nbody",
    "oop_scheduler",
    "queens",
    "spectral_norm",
    "string_ops",
    "word_count",
];

/// The same programs several times: what somebody might write in some weeks.
fn book() -> Vec<(PathBuf, String)> {
    const COPIES: usize = 3;
    let path = |name: &&str| root().join("perf/programs").join(name).join("main.gene");
    let pages: Vec<_> = BOOK.iter().map(path).map(|p| (p.clone(), read_file(&p))).collect();
    std::iter::repeat_n(pages, COPIES).flatten().collect()
}

fn read_file(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in the project")
}

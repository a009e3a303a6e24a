//! The public Rust API: an interpreter with compiler, standard library and
//! module loader.
//!
//! ```
//! use gene::Engine;
//! let mut engine = Engine::new(Default::default());
//! let value = engine.eval("(1 + 2)").unwrap();
//! assert_eq!(engine.display(value), "3");
//! ```

mod loader;
#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::io::Write;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use gene_isa::{Env, Symbol};
use rustc_hash::FxHashMap;

use crate::compiler::{self, EvalMode, ModuleNames};
use crate::diag::{Diagnostic, Stage, Style};
use crate::heap::Gc;
use crate::module::cache::Cache;
use crate::object::{Array, Future, Map, Module, Str};
use crate::reader;
use crate::runtime::{self, Failures, Runtime};
use crate::source::{FileId, Source};
use crate::stdlib;
use crate::value::Value;
use crate::vm::{Host, Limits, Throw, Vm, Work};

/// How an engine behaves.
#[derive(Clone, Debug)]
pub struct Options {
    /// Contracts are checked (10.7).
    pub contracts: bool,
    /// Annotations are checked (2.9).
    pub type_check: bool,
    /// `nil` passes only annotations that admit it.
    pub strict_nil: bool,
    /// What programs may use.
    pub limits: Limits,
    /// Collect at every safepoint.
    pub gc_stress: bool,
    /// Check the heap at each collection.
    pub verify_heap: bool,
    /// The clock of timers stands still while something is ready, and then
    /// jumps to the next timer.
    pub virtual_time: bool,
    /// Ready jobs run in an order that depends on this number.
    pub seed: Option<u64>,
    /// What becomes machine code.
    pub jit: JitOptions,
}

/// When functions and loops become machine code.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum JitMode {
    /// When they are hot.
    #[default]
    On,
    /// Never.
    Off,
    /// At their first call or round; to find disagreement with the interpreter.
    Eager,
}

/// How the compiled tier behaves. Without the feature `jit` there is none.
#[derive(Clone, Copy, Debug, Default)]
pub struct JitOptions {
    /// When.
    pub mode: JitMode,
    /// Calls after which a function is hot.
    pub calls: Option<u32>,
    /// Rounds after which a loop is hot.
    pub rounds: Option<u32>,
    /// Write Cranelift's representation of what is compiled to standard error.
    pub dump_clif: bool,
    /// Write machine code to standard error.
    pub dump_asm: bool,
    /// Note which instruction machine code belongs to, for profilers.
    pub places: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            contracts: true,
            type_check: true,
            strict_nil: false,
            limits: Limits::default(),
            gc_stress: false,
            verify_heap: false,
            virtual_time: false,
            seed: None,
            jit: JitOptions::default(),
        }
    }
}

/// Why a program did not end well.
#[derive(Debug)]
pub enum Failure {
    /// It was not run: the text cannot be read or compiled.
    Rejected(Vec<Diagnostic>),
    /// It raised this exception, which nobody caught.
    Raised(Throw),
}

/// An interpreter for Gene programs.
pub struct Engine {
    /// The machine; natives and values are its business.
    pub vm: Vm,
    compiler: Rc<Compiler>,
    main: Option<Gc<Module>>,
    #[cfg(feature = "jit")]
    tier: Option<Rc<crate::tier::Cranelift>>,
}

/// Compiles pieces of modules; remembers the names of each module.
struct Compiler {
    options: compiler::Options,
    engine_options: Options,
    /// Name and arguments of the program.
    program: RefCell<(String, Vec<String>)>,
    names: RefCell<FxHashMap<u64, ModuleNames>>,
    loader: loader::Loader,
    cache: Cache,
}

impl Compiler {
    fn with_names<T>(&self, module: Gc<Module>, f: impl FnOnce(&mut ModuleNames) -> T) -> T {
        f(self.names.borrow_mut().entry(loader::key(module)).or_default())
    }

    /// Compiles a text into a module, without running it.
    fn compile(
        &self,
        vm: &mut Vm,
        module: Gc<Module>,
        file: FileId,
        keep_variables: bool,
    ) -> Result<Arc<gene_isa::Code>, Vec<Diagnostic>> {
        let compiled = self.compile_module(vm, module, file, keep_variables)?;
        Ok(compiled.module.main)
    }

    fn compile_module(
        &self,
        vm: &mut Vm,
        module: Gc<Module>,
        file: FileId,
        keep_variables: bool,
    ) -> Result<compiler::Compiled, Vec<Diagnostic>> {
        let Some(source) = vm.sources.get(file).cloned() else { return Err(Vec::new()) };
        let (nodes, diagnostics) = reader::read(file, &source.text);
        if !diagnostics.is_empty() {
            return Err(diagnostics);
        }
        let options = compiler::Options { keep_variables, ..self.options };
        let compiled = self
            .with_names(module, |names| compiler::compile_module(file, &nodes, names, &options))?;
        check_code(file, gene_isa::verify_module(&compiled.module))?;
        vm.extend_module(module, &compiled.module);
        warn(vm, &compiled.warnings);
        Ok(compiled)
    }

    /// Compiles the whole text of the file `path` into a module, or takes the
    /// code that has been kept.
    fn compile_file(
        &self,
        vm: &mut Vm,
        module: Gc<Module>,
        file: FileId,
        path: &Path,
    ) -> Result<Arc<gene_isa::Code>, Vec<Diagnostic>> {
        let Some(source) = vm.sources.get(file).cloned() else { return Err(Vec::new()) };
        if let Some(kept) = self.cache.load(path, &source.text, file.0) {
            vm.extend_module(module, &kept);
            return Ok(kept.main);
        }
        let compiled = self.compile_module(vm, module, file, false)?;
        // Warnings are to come again.
        if compiled.warnings.is_empty() {
            self.cache.store(path, &source.text, &compiled.module);
        }
        Ok(compiled.module.main)
    }
}

/// Writes warnings about a program that is about to run, a line each.
fn warn(vm: &mut Vm, warnings: &[Diagnostic]) {
    if !warnings.is_empty() {
        vm.flush();
    }
    for warning in warnings {
        let place = vm.sources.get(warning.span.file).map_or(String::new(), |source| {
            let at = source.position(warning.span.start);
            format!("{}:{}:{}: ", source.name, at.line, at.column)
        });
        // A warning that cannot be written is lost.
        let _ = writeln!(vm.err, "Warning: {place}{}", warning.message);
    }
}

/// What the verifier says of code that the compiler made.
fn check_code(
    file: FileId,
    verified: Result<(), gene_isa::VerifyError>,
) -> Result<(), Vec<Diagnostic>> {
    verified.map_err(|error| {
        let span = crate::source::Span { file, start: 0, end: 0 };
        let message = format!("internal error, please report: {error}");
        vec![Diagnostic::error(Stage::Compile, crate::diag::COMPILE_ERROR, span, message)]
    })
}

impl Host for Compiler {
    fn compile(
        &self,
        vm: &mut Vm,
        module: Gc<Module>,
        data: Value,
        env: &Env,
        render: bool,
    ) -> Result<Arc<gene_isa::Code>, Throw> {
        let mut embed = |vm: &mut Vm, value: Value| {
            let name = format!("\u{0}{}", vm.globals.len());
            vm.builtins.insert(Symbol::intern(&name), value);
            Symbol::intern(&name)
        };
        let Some(node) = vm.syntax_of(data, &mut embed) else {
            return Err(vm.runtime_error("data is nested too deeply to be code"));
        };
        let mode = if render { EvalMode::Render } else { EvalMode::Eval };
        let compiled = self.with_names(module, |names| {
            let code = compiler::compile_eval(&[node], env, mode, names, &self.options)?;
            check_code(FileId(u32::MAX), gene_isa::verify(&code))?;
            Ok((code, names.slots.clone()))
        });
        match compiled {
            Ok((code, slots)) => {
                module.grow(&slots);
                Ok(Arc::new(code))
            }
            Err(diagnostics) => Err(raise_first(vm, diagnostics)),
        }
    }

    fn read(&self, vm: &mut Vm, text: &str) -> Result<Vec<Value>, Throw> {
        let (nodes, diagnostics) = reader::read(FileId(u32::MAX), text);
        if let Some(first) = diagnostics.first() {
            return Err(vm.parse_error(&first.message));
        }
        Ok(nodes.iter().map(|node| vm.value_of(&compiler::datum(node))).collect())
    }

    fn import(&self, vm: &mut Vm, from: Gc<Module>, descriptor: Value) -> Result<Value, Throw> {
        self.start_import(vm, from, descriptor)
    }

    fn another_machine(&self) -> Box<dyn FnOnce(Work) + Send> {
        let options = self.engine_options.clone();
        let (program, args) = self.program.borrow().clone();
        Box::new(move |work| {
            let mut engine = Engine::new(options);
            engine.set_program(&program, &args);
            work(&mut engine.vm);
        })
    }

    fn imported(&self, module: Gc<Module>) {
        self.loader.finish(module);
    }

    fn module(&self, vm: &mut Vm, path: &str) -> Result<Gc<Module>, Throw> {
        self.run_module(vm, path)
    }

    fn dependency(&self, vm: &mut Vm, from: Gc<Module>, descriptor: Value) -> Result<(), Throw> {
        self.declare(vm, from, descriptor)
    }

    fn package(&self, vm: &mut Vm, module: Gc<Module>) -> Result<Value, Throw> {
        self.package_value(vm, module)
    }
}

fn raise_first(vm: &mut Vm, diagnostics: Vec<Diagnostic>) -> Throw {
    let message = diagnostics.into_iter().next().map(|d| d.message).unwrap_or_default();
    let class = crate::vm::ClassName::RuntimeException;
    vm.error(class, crate::diag::COMPILE_ERROR, &message)
}

/// Gives the vm its compiled tier; without one for this processor everything is
/// interpreted.
#[cfg(feature = "jit")]
fn start_tier(vm: &mut Vm, options: &JitOptions) -> Option<Rc<crate::tier::Cranelift>> {
    use crate::tier::{Cranelift, Dump, Options};
    if options.mode == JitMode::Off {
        return None;
    }
    let default = Options::default();
    let asked = options.calls.is_some() || options.rounds.is_some();
    let options = Options {
        warm_up: if asked { std::time::Duration::ZERO } else { default.warm_up },
        eager: options.mode == JitMode::Eager,
        calls: options.calls.unwrap_or(default.calls),
        rounds: options.rounds.unwrap_or(default.rounds),
        dump: Dump { clif: options.dump_clif, asm: options.dump_asm },
        places: options.places,
    };
    let tier = Cranelift::new(options);
    vm.set_tier(tier.clone());
    Some(tier)
}

impl Engine {
    /// An engine with the whole standard library.
    pub fn new(options: Options) -> Engine {
        let mut vm = Vm::new(options.limits.clone());
        vm.verify_heap = options.verify_heap;
        if options.gc_stress || options.verify_heap {
            vm.heap.poison_dead_objects();
        }
        vm.strict_nil = options.strict_nil;
        vm.no_type_check = !options.type_check;
        let compiling = compiler::Options {
            contracts: options.contracts,
            type_check: options.type_check,
            keep_variables: false,
        };
        let compiler = Rc::new(Compiler {
            options: compiling,
            engine_options: options.clone(),
            program: RefCell::default(),
            names: RefCell::default(),
            loader: loader::Loader::default(),
            cache: Cache::from_env(&compiling),
        });
        vm.host = Some(compiler.clone());
        let options_of_loop =
            runtime::Options { virtual_time: options.virtual_time, seed: options.seed };
        runtime::install(&mut vm, options_of_loop);
        stdlib::install(&mut vm);
        loader::install(&mut vm);
        vm.refresh_class_ids();
        #[cfg(feature = "jit")]
        let tier = start_tier(&mut vm, &options.jit);
        let mut engine = Engine {
            vm,
            compiler,
            main: None,
            #[cfg(feature = "jit")]
            tier,
        };
        engine.load_prelude();
        if options.gc_stress {
            engine.vm.heap.stress = true;
            engine.vm.heap.request_collection();
        }
        engine
    }

    /// What was compiled, what was refused, and where compiled code was left; `None`
    /// if nothing is compiled.
    pub fn jit_report(&self) -> Option<String> {
        #[cfg(feature = "jit")]
        return self.tier.as_ref().map(|tier| tier.report(|report| report.text()));
        #[cfg(not(feature = "jit"))]
        None
    }

    /// Functions and loops compiled, bytes of machine code, nanoseconds of
    /// compiling.
    pub fn jit_totals(&self) -> (usize, usize, u64) {
        #[cfg(feature = "jit")]
        if let Some(tier) = &self.tier {
            return tier.report(|report| report.totals());
        }
        (0, 0, 0)
    }

    fn load_prelude(&mut self) {
        let module = self.vm.new_module("<prelude>");
        if let Err(failure) = self.run_text(module, "<prelude>", stdlib::PRELUDE, false) {
            panic!("the prelude does not run: {}", self.render(&failure, Style::Plain));
        }
        // The prelude is not the main module.
        self.vm.modules.retain(|m| *m != module);
        self.vm.modules.push(module);
    }

    fn run_text(
        &mut self,
        module: Gc<Module>,
        name: &str,
        text: &str,
        keep: bool,
    ) -> Result<Value, Failure> {
        let file = self.vm.sources.add(Source::new(name, text));
        let code =
            self.compiler.compile(&mut self.vm, module, file, keep).map_err(Failure::Rejected)?;
        self.run_code(module, &code)
    }

    fn run_code(
        &mut self,
        module: Gc<Module>,
        code: &Arc<gene_isa::Code>,
    ) -> Result<Value, Failure> {
        let depth = self.compiler.loader.depth();
        let result = self.vm.run_code(module, code);
        if result.is_err() {
            // Modules that failed may be imported again.
            self.compiler.loader.abandon(depth);
        }
        result.map_err(Failure::Raised)
    }

    /// Runs a text as the main program; `name` appears in messages.
    ///
    /// # Errors
    ///
    /// If the text cannot be compiled, or raises an exception.
    pub fn run(&mut self, name: &str, text: &str, args: &[String]) -> Result<Value, Failure> {
        let module = self.vm.new_module(name);
        self.vm.modules.retain(|m| *m != module);
        self.vm.modules.insert(0, module);
        self.main = Some(module);
        self.set_program(name, args);
        let Ok(path) = Path::new(name).canonicalize() else {
            return self.run_text(module, name, text, false);
        };
        let file = self.vm.sources.add(Source::new(name, text));
        let code = self
            .compiler
            .compile_file(&mut self.vm, module, file, &path)
            .map_err(Failure::Rejected)?;
        self.compiler.loader.begin(module, path);
        let result = self.run_code(module, &code);
        self.compiler.loader.finish(module);
        result
    }

    /// The end of a program that ended normally: runs the event loop as long
    /// as something is outstanding, and cancels tasks that cannot go on (8.15).
    ///
    /// # Errors
    ///
    /// If the user interrupts it.
    pub fn finish(&mut self) -> Result<Failures, Failure> {
        let event_loop = Runtime::of(&mut self.vm).map_err(Failure::Raised)?;
        event_loop.finish(&mut self.vm).map_err(Failure::Raised)
    }

    /// Waits for a future of the program in a task of the host's Tokio runtime:
    /// the event loop is driven here, and what the program waits for goes on in
    /// that runtime. A value that is no future is itself.
    ///
    /// # Errors
    ///
    /// The exception of a future that has failed; `GENE.ASYNC.DEADLOCK` if
    /// nothing can settle it.
    ///
    /// # Panics
    ///
    /// Outside of a Tokio runtime with time and I/O.
    pub async fn wait(&mut self, value: Value) -> Result<Value, Failure> {
        let Some(future) = Gc::<Future>::from_value(value) else { return Ok(value) };
        let event_loop = Runtime::of(&mut self.vm).map_err(Failure::Raised)?;
        let mark = self.vm.root_mark();
        self.vm.root(value);
        let vm = &mut self.vm;
        let driven = event_loop.drive_in_host(vm, &mut |_, _| !future.is_pending()).await;
        vm.unroot(mark);
        match driven {
            Ok(true) => vm.settled_value(value),
            Ok(false) => Err(event_loop.deadlock(vm)),
            Err(throw) => Err(throw),
        }
        .map_err(Failure::Raised)
    }

    /// Drives the event loop in a task of the host's Tokio runtime as long as the
    /// program waits for something.
    ///
    /// # Errors
    ///
    /// If it is interrupted.
    ///
    /// # Panics
    ///
    /// As [`Engine::wait`].
    pub async fn wait_for_all(&mut self) -> Result<(), Failure> {
        let event_loop = Runtime::of(&mut self.vm).map_err(Failure::Raised)?;
        let done = &mut |event_loop: &Runtime, vm: &mut Vm| !event_loop.is_outstanding(vm);
        event_loop.drive_in_host(&mut self.vm, done).await.map(drop).map_err(Failure::Raised)
    }

    /// The end of a program that raised an exception: all tasks are cancelled
    /// so that their `finally` blocks run.
    pub fn abandon(&mut self) {
        if let Ok(event_loop) = Runtime::of(&mut self.vm) {
            event_loop.abandon_all(&mut self.vm);
        }
    }

    /// Futures that failed and that nobody has observed until now.
    pub fn failures(&mut self) -> Failures {
        Runtime::of(&mut self.vm).map(|l| l.take_failures()).unwrap_or_default()
    }

    /// The reports of failures that nobody observed, each with its trace.
    pub fn render_failures(&self, failures: &Failures, style: Style) -> String {
        let mut text = String::new();
        for exception in &failures.unobserved {
            let report = runtime::report_of(&self.vm, *exception, Stage::Async);
            text.push_str(&report.render(&self.vm.sources, style));
            for frame in self.trace(*exception) {
                text.push_str(&format!("  at {frame}\n"));
            }
        }
        if failures.more > 0 {
            text.push_str(&format!("and {} more\n", failures.more));
        }
        text
    }

    fn set_program(&mut self, name: &str, args: &[String]) {
        *self.compiler.program.borrow_mut() = (name.to_owned(), args.to_vec());
        let heap = &mut self.vm.heap;
        let program = Str::new(heap, name).value();
        let args: Vec<Value> = args.iter().map(|a| Str::new(heap, a).value()).collect();
        let args = Array::new(heap, &args).value();
        let env: Vec<(String, String)> = std::env::vars_os()
            .map(|(k, v)| (k.to_string_lossy().into_owned(), v.to_string_lossy().into_owned()))
            .collect();
        let map = Map::new(heap, 0);
        for (key, value) in env {
            let value = Str::new(heap, &value).value();
            map.set(heap, Symbol::intern(&key), value);
        }
        let globals = &mut self.vm.globals;
        globals.insert(Symbol::intern("program"), program);
        globals.insert(Symbol::intern("args"), args);
        globals.insert(Symbol::intern("env"), map.value());
    }

    /// Evaluates a text in the module of the engine: what one text defines,
    /// later ones see.
    ///
    /// # Errors
    ///
    /// As [`Engine::run`].
    pub fn eval(&mut self, text: &str) -> Result<Value, Failure> {
        self.eval_named("<eval>", text)
    }

    /// The same with a name for messages.
    ///
    /// # Errors
    ///
    /// As [`Engine::run`].
    pub fn eval_named(&mut self, name: &str, text: &str) -> Result<Value, Failure> {
        let module = match self.main {
            Some(module) => module,
            None => {
                let module = self.vm.new_module(name);
                self.vm.modules.retain(|m| *m != module);
                self.vm.modules.insert(0, module);
                self.set_program(name, &[]);
                self.main = Some(module);
                module
            }
        };
        self.run_text(module, name, text, true)
    }

    /// Compiles a text without running it; the module with its code.
    ///
    /// # Errors
    ///
    /// The diagnostics of a text that cannot be compiled.
    pub fn compile(&mut self, name: &str, text: &str) -> Result<gene_isa::Module, Vec<Diagnostic>> {
        let file = self.vm.sources.add(Source::new(name, text));
        let (nodes, diagnostics) = reader::read(file, text);
        if !diagnostics.is_empty() {
            return Err(diagnostics);
        }
        let mut names = ModuleNames::default();
        compiler::compile_module(file, &nodes, &mut names, &self.compiler.options)
            .map(|compiled| compiled.module)
    }

    /// The display form of a value, as `println` shows it.
    pub fn display(&self, value: Value) -> String {
        self.vm.display(value)
    }

    /// The report of a failure, as the command line shows it (10.5).
    pub fn render(&self, failure: &Failure, style: Style) -> String {
        match failure {
            Failure::Rejected(diagnostics) => {
                diagnostics.iter().map(|d| d.render(&self.vm.sources, style)).collect()
            }
            Failure::Raised(throw) => {
                self.exception_report(throw.0).render(&self.vm.sources, style)
            }
        }
    }

    /// An exception as a diagnostic.
    pub fn exception_report(&self, exception: Value) -> Diagnostic {
        let message = self.vm.exception_message(exception);
        let code = self.vm.exception_code(exception).unwrap_or_else(|| "GENE.RUNTIME.ERROR".into());
        let contract = message.starts_with("ContractViolation: ");
        let span = match contract {
            true => crate::source::Span::NONE,
            false => self.vm.exception_span(exception),
        };
        let mut report = Diagnostic::error(Stage::Runtime, code, span, &message);
        if let Some(name) = message.strip_suffix(" is not defined")
            && let Some(close) =
                crate::diag::suggest(name, self.names_near(span.file).iter().copied())
        {
            report = report.hint(format!("did you mean `{close}`?"));
        }
        report
    }

    /// Names that somebody may have meant in a source: global ones, those of
    /// the main module, and all that the text itself defines.
    fn names_near(&self, file: FileId) -> Vec<&'static str> {
        let mut names: Vec<&'static str> = self.vm.builtins.keys().map(|n| n.as_str()).collect();
        let own = self.main.map(|m| m.names.borrow().clone()).unwrap_or_default();
        names.extend(own.into_iter().map(Symbol::as_str));
        if let Some(source) = self.vm.sources.get(file) {
            let (nodes, _) = reader::read(file, &source.text);
            nodes.iter().for_each(|node| defined_names(node, &mut names));
        }
        names.retain(|n| !n.starts_with(['_', '\0']));
        names
    }

    /// The trace of an exception, a line a frame.
    pub fn trace(&self, exception: Value) -> Vec<String> {
        self.vm.exception_trace(exception)
    }
}

/// The names that `var`, `let`, `fn` and parameter lists in a form introduce.
fn defined_names(node: &crate::syntax::Node, names: &mut Vec<&'static str>) {
    use crate::syntax::Kind;
    let Kind::Gene(gene) = &node.kind else { return };
    let head = gene.head.as_symbol().map_or("", Symbol::as_str);
    if matches!(head, "var" | "let" | "fn" | "method" | "class" | "enum" | "ns" | "for") {
        for child in &gene.children {
            match &child.kind {
                Kind::Symbol(name) => names.push(name.as_str().trim_end_matches(':')),
                Kind::Array(items) => {
                    names.extend(
                        items.items.iter().filter_map(|n| n.as_symbol()).map(Symbol::as_str),
                    );
                }
                _ => {}
            }
        }
    }
    defined_names(&gene.head, names);
    gene.children.iter().for_each(|child| defined_names(child, names));
}

//! Loading modules: what files they are, which have run, and which are
//! being run (12.2, 12.3).

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use gene_isa::Symbol;
use rustc_hash::FxHashMap;

use super::Compiler;
use crate::diag::{Diagnostic, Stage};
use crate::heap::Gc;
use crate::module::{self, Dependency, Error, Finder, Package, Request};
use crate::object::record::as_record;
use crate::object::string::text_of;
use crate::object::{Foreign, ForeignData, Function, Module, Str, foreign};
use crate::source::{self, Source};
use crate::value::Value;
use crate::vm::{Args, ClassName, Throw, Vm};

/// The modules of a process.
#[derive(Default)]
pub(super) struct Loader {
    state: RefCell<State>,
    finder: RefCell<Finder>,
}

#[derive(Default)]
struct State {
    /// By file, without links; whether they are running.
    modules: FxHashMap<PathBuf, (Gc<Module>, bool)>,
    /// Files of modules, by [`key`].
    files: FxHashMap<u64, PathBuf>,
    /// Those that are running their forms for the first time, outermost first.
    loading: Vec<Gc<Module>>,
}

/// A module as a key: modules are never freed.
pub(super) fn key(module: Gc<Module>) -> u64 {
    module.value().bits()
}

impl Loader {
    /// Notes that `module` is the file `path`, and is about to run.
    pub(super) fn begin(&self, module: Gc<Module>, path: PathBuf) {
        let mut state = self.state.borrow_mut();
        state.files.insert(key(module), path.clone());
        state.modules.insert(path, (module, true));
        state.loading.push(module);
    }

    /// Notes that a module has run.
    pub(super) fn finish(&self, module: Gc<Module>) {
        let mut state = self.state.borrow_mut();
        if let Some(at) = state.loading.iter().rposition(|m| *m == module) {
            state.loading.remove(at);
        }
        let State { modules, files, .. } = &mut *state;
        if let Some(entry) = files.get(&key(module)).and_then(|file| modules.get_mut(file)) {
            entry.1 = false;
        }
    }

    /// How many modules are running.
    pub(super) fn depth(&self) -> usize {
        self.state.borrow().loading.len()
    }

    /// Forgets the modules that began to run since the depth was `depth`:
    /// they failed, and count as not loaded.
    pub(super) fn abandon(&self, depth: usize) {
        let State { modules, loading, files } = &mut *self.state.borrow_mut();
        for module in loading.drain(depth.min(loading.len())..) {
            if let Some(path) = files.get(&key(module)) {
                modules.remove(path);
            }
        }
    }

    /// The directory that paths in a module count from.
    fn dir(&self, module: Gc<Module>) -> PathBuf {
        let state = self.state.borrow();
        let dir = state.files.get(&key(module)).and_then(|file| file.parent());
        match dir {
            Some(dir) => dir.to_owned(),
            None => std::env::current_dir().unwrap_or_default(),
        }
    }

    /// The module of a file: with it, whether it is still running.
    fn known(&self, path: &Path) -> Option<(Gc<Module>, bool)> {
        self.state.borrow().modules.get(path).copied()
    }

    /// The module of this name that comes from no file.
    fn without_file(&self, vm: &Vm, path: &str) -> Option<Gc<Module>> {
        let files = &self.state.borrow().files;
        let mut modules = vm.modules.iter().copied();
        modules.find(|m| m.path == path && !files.contains_key(&key(*m)))
    }

    /// The chain of modules that leads back to `module`.
    fn cycle(&self, module: Gc<Module>) -> Error {
        let state = self.state.borrow();
        let first = state.loading.iter().position(|m| *m == module).unwrap_or(0);
        let mut names: Vec<&str> = state.loading[first..].iter().map(|m| m.path.as_str()).collect();
        names.push(&module.path);
        Error::new(module::CYCLE, names.join(" -> "))
    }

    pub(super) fn package(&self, module: Gc<Module>) -> Result<Rc<Package>, Error> {
        self.finder.borrow_mut().package_of(&self.dir(module))
    }
}

impl Compiler {
    /// See [`crate::vm::Host::import`].
    pub(super) fn start_import(
        &self,
        vm: &mut Vm,
        from: Gc<Module>,
        descriptor: Value,
    ) -> Result<Value, Throw> {
        let source = text_field(vm, descriptor, "from")?.unwrap_or_default();
        let package = text_field(vm, descriptor, "pkg")?;
        let path = text_field(vm, descriptor, "path")?;
        let request = Request { from: &source, package: package.as_deref(), path: path.as_deref() };
        let dir = self.loader.dir(from);
        let found = self.loader.finder.borrow_mut().find(&dir, request);
        let file = found.map_err(|e| raise(vm, &e))?;
        self.start(vm, file)
    }

    /// A function that runs the module in a file.
    fn start(&self, vm: &mut Vm, file: PathBuf) -> Result<Value, Throw> {
        match self.loader.known(&file) {
            Some((module, true)) => return Err(raise(vm, &self.loader.cycle(module))),
            Some((module, false)) => return Ok(vm.loaded_module(module)),
            None => {}
        }
        let shown = shown(&file);
        let text = match std::fs::read(&file) {
            Ok(bytes) => source::decode(bytes).map_err(|bad| {
                vm.parse_error(format!("{shown}: not UTF-8 at byte {}", bad.offset))
            })?,
            Err(error) => {
                let error = Error::new(module::NOT_FOUND, format!("{shown}: {error}"));
                return Err(raise(vm, &error));
            }
        };
        let module = vm.new_module(&shown);
        let id = vm.sources.add(Source::new(&shown, text));
        let code = match self.compile_file(vm, module, id, &file) {
            Ok(code) => code,
            Err(diagnostics) => return Err(rejected(vm, &diagnostics)),
        };
        let code = vm.load_code(module, &code);
        self.loader.begin(module, file);
        let this = module.namespace.value();
        Ok(Function::new(&mut vm.heap, code, None, this, Value::NIL).value())
    }

    /// See [`crate::vm::Host::module`].
    pub(super) fn run_module(&self, vm: &mut Vm, path: &str) -> Result<Gc<Module>, Throw> {
        // Modules such as `<eval>` come from no file.
        if let Some(module) = self.loader.without_file(vm, path) {
            return Ok(module);
        }
        let file = std::env::current_dir().unwrap_or_default().join(path);
        let Ok(file) = file.canonicalize() else {
            let error = Error::new(module::NOT_FOUND, format!("no module \"{path}\""));
            return Err(raise(vm, &error));
        };
        if let Some((module, _)) = self.loader.known(&file) {
            return Ok(module);
        }
        let depth = self.loader.depth();
        let function = self.start(vm, file)?;
        let module = Gc::<Function>::from_value(function).map(|f| f.code.module);
        if let Err(throw) = vm.call(function, &[]) {
            self.loader.abandon(depth);
            return Err(throw);
        }
        match module {
            Some(module) => {
                self.loader.finish(module);
                Ok(module)
            }
            None => Err(vm.runtime_error("nothing was loaded")),
        }
    }

    /// See [`crate::vm::Host::dependency`].
    pub(super) fn declare(
        &self,
        vm: &mut Vm,
        from: Gc<Module>,
        descriptor: Value,
    ) -> Result<(), Throw> {
        let name = text_field(vm, descriptor, "name")?.unwrap_or_default();
        let version = text_field(vm, descriptor, "version")?;
        let path = text_field(vm, descriptor, "path")?;
        let declared = Dependency::new(&name, version.as_deref(), path.as_deref());
        let dir = self.loader.dir(from);
        declared
            .and_then(|dependency| self.loader.finder.borrow_mut().declare(&dir, dependency))
            .map_err(|e| raise(vm, &e))
    }

    /// See [`crate::vm::Host::package`].
    pub(super) fn package_value(&self, vm: &mut Vm, module: Gc<Module>) -> Result<Value, Throw> {
        let package = self.loader.package(module).map_err(|e| raise(vm, &e))?;
        Ok(Foreign::new(&mut vm.heap, PackageData(package)).value())
    }
}

/// How a file is called in messages: relative to the working directory if it
/// lies below.
fn shown(file: &Path) -> String {
    let here = std::env::current_dir().and_then(|dir| dir.canonicalize()).unwrap_or_default();
    file.strip_prefix(&here).unwrap_or(file).display().to_string()
}

#[cold]
fn raise(vm: &mut Vm, error: &Error) -> Throw {
    vm.error(ClassName::RuntimeException, error.code, &error.message)
}

/// The exception for a module that cannot be compiled.
#[cold]
fn rejected(vm: &mut Vm, diagnostics: &[Diagnostic]) -> Throw {
    let Some(first) = diagnostics.first() else {
        return vm.runtime_error("the module cannot be compiled");
    };
    let place = vm.sources.get(first.span.file).map(|source| {
        let at = source.position(first.span.start);
        format!("{}:{}:{}: ", source.name, at.line, at.column)
    });
    let message = format!("{}{}", place.unwrap_or_default(), first.message);
    let class = match first.stage {
        Stage::Parse => ClassName::ParseException,
        _ => ClassName::RuntimeException,
    };
    vm.error(class, &first.code, &message)
}

/// A string of a descriptor.
fn text_field(vm: &mut Vm, descriptor: Value, name: &str) -> Result<Option<String>, Throw> {
    let value = as_record(descriptor).and_then(|d| d.get(Symbol::intern(name)));
    match value {
        None => Ok(None),
        Some(value) => match text_of(value) {
            Some(text) => Ok(Some(text.to_owned())),
            None => Err(vm.type_error(format!("{name} of an import must be a string"))),
        },
    }
}

// ---- `$pkg`, `$app` ----------------------------------------------------------

struct PackageData(Rc<Package>);

impl ForeignData for PackageData {
    fn class(&self) -> &'static str {
        "Package"
    }
    fn same(&self, other: &dyn ForeignData) -> bool {
        other.get::<PackageData>().is_some_and(|other| self.0 == other.0)
    }
    fn is_constant(&self) -> bool {
        true
    }
}

struct Application;

impl ForeignData for Application {
    fn class(&self) -> &'static str {
        "Application"
    }
    fn is_constant(&self) -> bool {
        true
    }
}

/// Methods of packages and of the application; `$app`.
pub(super) fn install(vm: &mut Vm) {
    let class = ClassName::Package;
    vm.method(class, &["name"], 0, 0, |vm, args| field(vm, args, |p| Some(&p.name)));
    vm.method(class, &["version"], 0, 0, |vm, args| field(vm, args, |p| p.version.as_ref()));
    vm.method(class, &["license"], 0, 0, |vm, args| field(vm, args, |p| p.license.as_ref()));
    vm.method(class, &["homepage"], 0, 0, |vm, args| field(vm, args, |p| p.homepage.as_ref()));
    vm.method(class, &["source_dir"], 0, 0, |vm, args| field(vm, args, |p| Some(&p.source_dir)));
    vm.method(class, &["main_module"], 0, 0, |vm, args| field(vm, args, |p| Some(&p.main_module)));
    vm.method(class, &["test_dir"], 0, 0, |vm, args| field(vm, args, |p| Some(&p.test_dir)));
    vm.method(class, &["dir"], 0, 0, |vm, args| {
        let dir = foreign::foreign::<PackageData>(args.this()).and_then(|p| p.0.dir.clone());
        Ok(match dir {
            Some(dir) => Str::new(&mut vm.heap, &dir.to_string_lossy()).value(),
            None => Value::NIL,
        })
    });
    vm.method(ClassName::Application, &["pkg"], 0, 0, |vm, _| match vm.modules.first() {
        Some(main) => vm.package(*main),
        None => Ok(Value::NIL),
    });
    let app = Foreign::new(&mut vm.heap, Application).value();
    vm.globals.insert(Symbol::intern("app"), app);
}

fn field(vm: &mut Vm, args: Args, get: fn(&Package) -> Option<&String>) -> Result<Value, Throw> {
    let text = foreign::foreign::<PackageData>(args.this()).and_then(|p| get(&p.0));
    Ok(match text {
        Some(text) => Str::new(&mut vm.heap, text).value(),
        None => Value::NIL,
    })
}

//! Finding files, lock files, the cache of compiled code.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use super::cache::Cache;
use super::*;
use crate::compiler::{ModuleNames, Options, compile_module};
use crate::reader;
use crate::source::FileId;

/// A directory that is removed at the end of a test.
struct Dir(PathBuf);

impl Dir {
    fn new() -> Dir {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("gene-module-{}-{number}", std::process::id());
        let dir = std::env::temp_dir().join(name);
        fs::create_dir_all(&dir).unwrap();
        Dir(dir.canonicalize().unwrap())
    }

    fn write(&self, path: &str, text: &str) -> &Dir {
        let path = self.0.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn from(from: &str) -> Request<'_> {
    Request { from, ..Request::default() }
}

fn of<'a>(from: &'a str, package: &'a str) -> Request<'a> {
    Request { from, package: Some(package), path: None }
}

/// What an import in directory `dir` finds, relative to the test's directory.
fn find(dir: &Dir, at: &str, request: Request) -> Result<String, &'static str> {
    let found = Finder::default().find(&dir.0.join(at), request).map_err(|e| e.code)?;
    Ok(found.strip_prefix(&dir.0).unwrap().display().to_string())
}

#[test]
fn tiers_decide_in_order() {
    let dir = Dir::new();
    dir.write("package.gene", "^name \"a\" ^source-dir \"code\"");
    dir.write("code/x.gene", "").write("app/x.gene", "").write("code/y.gene", "");
    assert_eq!(find(&dir, "app", from("x")), Ok("app/x.gene".into()));
    assert_eq!(find(&dir, "app", from("./x.gene")), Ok("app/x.gene".into()));
    assert_eq!(find(&dir, "app", from("y")), Ok("code/y.gene".into()));
    assert_eq!(find(&dir, "app", from("../code/y")), Ok("code/y.gene".into()));
    assert_eq!(find(&dir, "app", from("z")), Err(NOT_FOUND));
    dir.write("lib/y.gene", "").write("app/x", "");
    assert_eq!(find(&dir, "app", from("y")), Err(AMBIGUOUS));
    assert_eq!(find(&dir, "app", from("x")), Err(AMBIGUOUS));
}

#[test]
fn packages_are_found_by_name() {
    let dir = Dir::new();
    dir.write("app/package.gene", "{^name \"demo/app\"}");
    dir.write("packages/demo/lib/package.gene", "(Package ^name \"demo/lib\" ^main-module \"m\")");
    dir.write("packages/demo/lib/src/m.gene", "").write("packages/demo/lib/t.gene", "");
    assert_eq!(
        find(&dir, "app", of("index", "demo/lib")),
        Ok("packages/demo/lib/src/m.gene".into())
    );
    assert_eq!(find(&dir, "app", of("t", "demo/lib")), Ok("packages/demo/lib/t.gene".into()));
    assert_eq!(find(&dir, "app", of("../t", "demo/lib")), Err(BOUNDARY));
    assert_eq!(find(&dir, "app", of("/etc/hosts", "demo/lib")), Err(BOUNDARY));
    assert_eq!(find(&dir, "app", of("index", "demo/none")), Err(PACKAGE_NOT_FOUND));
    assert_eq!(find(&dir, "app", of("index", "../demo")), Err(PACKAGE_NOT_FOUND));
    let at = Request { from: "t", package: Some("x"), path: Some("../packages/demo/lib") };
    assert_eq!(find(&dir, "app", at), Ok("packages/demo/lib/t.gene".into()));
    for version in ["1", "2"] {
        let base = format!("app/.gene/deps/demo/lib/{version}");
        dir.write(&format!("{base}/package.gene"), "^name \"demo/lib\"");
        dir.write(&format!("{base}/index.gene"), "");
        let expected = match version {
            "1" => Ok(format!("{base}/index.gene")),
            _ => Err(PACKAGE_AMBIGUOUS),
        };
        assert_eq!(find(&dir, "app", of("index", "demo/lib")), expected);
    }
}

#[test]
fn package_files_are_checked() {
    let good = "# a comment\n^name \"a/b-c\" ^dependencies [($dep \"k\" \"*\" ^path \"p\")]";
    let package = Package::parse(good).unwrap();
    assert_eq!((package.name.as_str(), package.version), ("a/b-c", None));
    let path = Some("p".to_owned());
    assert_eq!(package.dependencies, [Dependency { name: "k".into(), version: None, path }]);
    for bad in [
        "",
        "^version \"1\"",
        "^name \"Upper\"",
        "^name \"a//b\"",
        "^name 5",
        "(",
        ")",
        "5",
        "^name \"a\" ^dependencies 5",
        "^name \"a\" ^dependencies [(x)]",
    ] {
        assert!(Package::parse(bad).is_err(), "{bad}");
    }
}

fn demo() -> Dir {
    let dir = Dir::new();
    dir.write("package.gene", "^name \"app\" ^dependencies [($dep \"kit\" ^path \"vendor/kit\")]");
    dir.write(
        "vendor/kit/package.gene",
        "^name \"demo/kit\" ^version \"1.2\" ^dependencies [($dep \"demo/base\" ^path \"../base\")]",
    );
    dir.write("vendor/kit/index.gene", "").write("vendor/base/index.gene", "");
    dir.write("vendor/base/package.gene", "^name \"demo/base\"");
    dir
}

#[test]
fn dependencies_are_installed_and_locked() {
    let dir = demo();
    assert_eq!(deps::verify(&dir.0).map_err(|e| e.code), Err(INVALID_LOCK));
    let lock = deps::install(&dir.0).unwrap();
    assert_eq!(Lock::load(&dir.0).unwrap().as_ref(), Some(&lock));
    assert_eq!(lock.root_dependencies["kit"], "demo/kit@1.2");
    assert_eq!(lock.packages["demo/kit@1.2"].dependencies["demo/base"], "demo/base@0.0.0");
    let kit = ".gene/deps/demo/kit/1.2";
    assert_eq!(find(&dir, "", of("index", "kit")), Ok(format!("{kit}/index.gene")));
    let base = ".gene/deps/demo/base/0.0.0/index.gene";
    assert_eq!(find(&dir, kit, of("index", "demo/base")), Ok(base.into()));
    assert!(deps::verify(&dir.0).is_ok());

    dir.write(base, "(changed)");
    assert_eq!(deps::verify(&dir.0).map_err(|e| e.code), Err(INVALID_LOCK));
    assert!(deps::install(&dir.0).is_ok() && deps::verify(&dir.0).is_ok());
    deps::clean(&dir.0).unwrap();
    assert_eq!(find(&dir, "", of("index", "kit")), Err(INVALID_LOCK));
    assert!(deps::install(&dir.0).is_ok() && deps::verify(&dir.0).is_ok());
}

#[test]
fn lock_files_must_hold_together() {
    let dir = demo();
    let text = deps::install(&dir.0).unwrap().text();
    for (old, new) in [
        ("^lock_version 1", "^lock_version 2"),
        ("{^kit \"demo/kit@1.2\"}", "{^kit \"demo/kit@9\"}"),
        ("^dir \".gene", "^dir 5 ^x \".gene"),
        ("}}", "}"),
    ] {
        assert!(text.contains(old), "{old} in {text}");
        dir.write("package.gene.lock", &text.replace(old, new));
        assert_eq!(find(&dir, "", of("index", "kit")), Err(INVALID_LOCK), "{new}");
    }
}

fn compiled(text: &str) -> gene_isa::Module {
    let (nodes, errors) = reader::read(FileId(0), text);
    assert!(errors.is_empty());
    let mut names = ModuleNames::default();
    compile_module(FileId(0), &nodes, &mut names, &Options::default()).unwrap().module
}

/// A text that is long enough to be kept.
fn long_text() -> String {
    (0..1000).map(|i| format!("(fn f{i} [x] (x + {i}))\n")).collect()
}

#[test]
fn code_is_kept_for_the_same_text_only() {
    let dir = Dir::new();
    let options = Options::default();
    let cache = Cache::new(Some(dir.0.join("deep/cache")), &options);
    let (path, text) = (Path::new("/a.gene"), long_text());
    let module = compiled(&text);
    assert_eq!(cache.load(path, &text, 0), None);
    cache.store(path, &text, &module);
    assert_eq!(cache.load(path, &text, 0), Some(module));
    assert_eq!(cache.load(path, &text, 7).map(|m| m.main.protos[0].file), Some(7));
    assert_eq!(cache.load(Path::new("/b.gene"), &text, 0), None);
    assert_eq!(cache.load(path, &text.replace("+ 1)", "+ 2)"), 0), None);
    let other = Options { contracts: false, ..options };
    assert_eq!(Cache::new(Some(dir.0.join("deep/cache")), &other).load(path, &text, 0), None);

    // Code that needs more than itself is not kept.
    for more in ["(var x `y) (println (eval x))", "(comptime (fn z [] 1))"] {
        let text = text.clone() + more;
        cache.store(path, &text, &compiled(&text));
        assert_eq!(cache.load(path, &text, 0), None, "{more}");
    }
}

#[test]
fn damaged_entries_are_no_entries() {
    let dir = Dir::new();
    let cache = Cache::new(Some(dir.0.clone()), &Options::default());
    let (path, text) = (Path::new("/a.gene"), long_text());
    cache.store(path, &text, &compiled(&text));
    let entries: Vec<PathBuf> = fs::read_dir(&dir.0).unwrap().map(|e| e.unwrap().path()).collect();
    let [entry] = &entries[..] else { panic!("one entry and no drafts: {entries:?}") };
    let bytes = fs::read(entry).unwrap();
    for at in (0..bytes.len()).step_by(bytes.len() / 200) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1 << (at % 8);
        fs::write(entry, &damaged).unwrap();
        assert_eq!(cache.load(path, &text, 0), None, "byte {at}");
        fs::write(entry, &bytes[..at]).unwrap();
        assert_eq!(cache.load(path, &text, 0), None, "length {at}");
    }
    fs::write(entry, &bytes).unwrap();
    assert!(cache.load(path, &text, 0).is_some());
}

#[test]
fn a_cache_that_cannot_be_written_does_no_harm() {
    let dir = Dir::new();
    dir.write("file", "");
    let text = long_text();
    for place in [None, Some(dir.0.join("file/cache"))] {
        let cache = Cache::new(place, &Options::default());
        cache.store(Path::new("/a.gene"), &text, &compiled(&text));
        assert_eq!(cache.load(Path::new("/a.gene"), &text, 0), None);
    }
}

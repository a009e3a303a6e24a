//! Programs of many files: where modules are found, and compiled code that is
//! kept on disk.

use std::{
    fs,
    path::{Path, PathBuf},
    thread,
};

use libtest_mimic::{Failed, Trial};

use super::process::{Outcome, Run};

type Check = fn() -> Result<(), Failed>;

pub fn trials() -> Vec<Trial> {
    const CHECKS: &[(&str, Check)] = &[
        ("long_chains_of_imports", long_chains_of_imports),
        ("eval_imports_from_the_working_directory", eval_imports_from_the_working_directory),
        ("workspace_and_package_paths", workspace_and_package_paths),
        ("dependencies", dependencies),
        ("kept_code_is_never_stale", kept_code_is_never_stale),
        ("warnings_come_again", warnings_come_again),
        ("damaged_code_is_compiled_again", damaged_code_is_compiled_again),
        ("processes_share_the_cache", processes_share_the_cache),
    ];
    CHECKS.iter().map(|(name, check)| Trial::test(format!("modules::{name}"), check)).collect()
}

/// An empty folder for one test.
fn folder(name: &str) -> Result<PathBuf, Failed> {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("modules").join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

fn write(folder: &Path, name: &str, text: &str) -> Result<(), Failed> {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap_or(folder))?;
    Ok(fs::write(path, text)?)
}

fn run(folder: &Path) -> Result<Outcome, Failed> {
    let cache = folder.join("cache").to_string_lossy().into_owned();
    Run::new(["run", "main.gene"]).current_dir(folder).env("GENE_CACHE", &cache).finish()
}

fn long_chains_of_imports() -> Result<(), Failed> {
    const LENGTH: usize = 3000;
    let folder = folder("chain")?;
    for at in 0..LENGTH {
        let next = at + 1;
        let text = format!("(import v{next} from \"m{next}\")\n(var /v{at} (v{next} + 1))\n");
        write(&folder, &format!("m{at}.gene"), &text)?;
    }
    write(&folder, &format!("m{LENGTH}.gene"), &format!("(var /v{LENGTH} 0)"))?;
    write(&folder, "main.gene", "(import v0 from \"m0\") (println v0)")?;
    run(&folder)?.expect_stdout("3000\n")?.expect_code(0)?;
    // A ring of the same length names all its modules.
    write(&folder, &format!("m{LENGTH}.gene"), "(import v0 from \"m0\")")?;
    run(&folder)?
        .survived()?
        .expect_stderr_contains("[GENE.MODULE.CYCLE] m0.gene -> m1.gene -> ")?
        .expect_code(1)?;
    Ok(())
}

fn eval_imports_from_the_working_directory() -> Result<(), Failed> {
    let folder = folder("eval")?;
    write(&folder, "near.gene", "(fn near [] \"here\")")?;
    Run::new(["eval", "(import near from \"near\") (println (near))"])
        .current_dir(&folder)
        .finish()?
        .expect_stdout_contains("here")?
        .expect_code(0)?;
    Ok(())
}

fn workspace_and_package_paths() -> Result<(), Failed> {
    let folder = folder("paths")?;
    write(&folder, "work/src/util.gene", "(fn util [] \"from the workspace\")")?;
    write(&folder, "shared/demo/kit/package.gene", "^name \"demo/kit\"")?;
    write(&folder, "shared/demo/kit/src/index.gene", "(fn kit [] \"from the package\")")?;
    let program = "(import util from \"util\") (import kit from \"index\" ^pkg \"demo/kit\") \
                   (println (util) (kit))";
    write(&folder, "app/main.gene", program)?;
    Run::new(["run", "app/main.gene"])
        .current_dir(&folder)
        .env("GENE_WORKSPACE_PATH", "none:work")
        .env("GENE_PACKAGE_PATH", "shared")
        .finish()?
        .expect_stdout("from the workspace from the package\n")?
        .expect_code(0)?;
    Ok(())
}

fn dependencies() -> Result<(), Failed> {
    let folder = folder("deps")?;
    let package = "^name \"app\" ^dependencies [($dep \"kit\" ^path \"vendor/kit\")]";
    write(&folder, "package.gene", package)?;
    write(&folder, "vendor/kit/package.gene", "^name \"demo/kit\" ^version \"1.0\"")?;
    write(&folder, "vendor/kit/index.gene", "(fn kit [] \"first\")")?;
    write(&folder, "main.gene", "(import kit from \"index\" ^pkg \"kit\") (println (kit))")?;
    let deps = |task: &str| Run::new(["deps", task]).current_dir(&folder).finish();
    run(&folder)?.expect_stdout("first\n")?;
    deps("install")?.expect_stdout("demo/kit@1.0 .gene/deps/demo/kit/1.0\n")?.expect_code(0)?;
    // The lock file decides, until it is updated.
    write(&folder, "vendor/kit/index.gene", "(fn kit [] \"second\")")?;
    run(&folder)?.expect_stdout("first\n")?;
    deps("verify")?.expect_code(0)?;
    deps("update")?.expect_code(0)?;
    run(&folder)?.expect_stdout("second\n")?;
    deps("clean")?.expect_code(0)?;
    deps("verify")?.expect_stderr_contains("[GENE.PACKAGE.INVALID_LOCK]")?.expect_code(1)?;
    run(&folder)?.expect_stderr_contains("[GENE.PACKAGE.INVALID_LOCK]")?.expect_code(1)?;
    deps("nonsense")?.expect_code(2)?;
    Ok(())
}

/// A program that is long enough to be kept, and prints `word`.
fn program(word: &str) -> String {
    let functions: String = (0..500).map(|i| format!("(fn f{i} [x] (x + {i}))\n")).collect();
    format!("{functions}(println \"{word}\" (f1 (f2 1)))\n")
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, Failed> {
    let entries = fs::read_dir(folder.join("cache"))?;
    Ok(entries.map(|entry| entry.map(|e| e.path())).collect::<Result<_, _>>()?)
}

fn kept_code_is_never_stale() -> Result<(), Failed> {
    let folder = folder("stale")?;
    for word in ["one", "two", "six", "six", "two"] {
        write(&folder, "main.gene", &program(word))?;
        run(&folder)?.expect_stdout(&format!("{word} 4\n"))?;
    }
    match entries(&folder)?.len() {
        1 => Ok(()),
        count => Err(format!("{count} entries for one source").into()),
    }
}

fn warnings_come_again() -> Result<(), Failed> {
    let folder = folder("warnings")?;
    let doubtful = "(fn typed [n: Int] n)\n(fn never [] (typed \"text\"))\n";
    write(&folder, "main.gene", &format!("{doubtful}{}", program("run")))?;
    for _ in 0..2 {
        run(&folder)?.expect_stdout("run 4\n")?.expect_code(0)?.expect_stderr_contains(
            "Warning: main.gene:2:21: Type error: expected Int, got String in call\n",
        )?;
    }
    Ok(())
}

fn damaged_code_is_compiled_again() -> Result<(), Failed> {
    let folder = folder("damaged")?;
    write(&folder, "main.gene", &program("right"))?;
    run(&folder)?.expect_stdout("right 4\n")?;
    let entry = entries(&folder)?.pop().ok_or("nothing was kept")?;
    let bytes = fs::read(&entry)?;
    let damages: [&dyn Fn(&mut Vec<u8>); 4] = [
        &|bytes| bytes.clear(),
        &|bytes| bytes.truncate(40),
        &|bytes| bytes[60] ^= 0x10,
        &|bytes| bytes.reverse(),
    ];
    for damage in damages {
        let mut damaged = bytes.clone();
        damage(&mut damaged);
        fs::write(&entry, damaged)?;
        run(&folder)?.survived()?.expect_stdout("right 4\n")?.expect_code(0)?;
    }
    Ok(())
}

fn processes_share_the_cache() -> Result<(), Failed> {
    let folder = folder("shared")?;
    write(&folder, "main.gene", &program("both"))?;
    thread::scope(|scope| {
        let runs: Vec<_> = (0..8).map(|_| scope.spawn(|| run(&folder))).collect();
        for run in runs {
            let outcome = run.join().map_err(|_| "a run panicked")??;
            outcome.expect_stdout("both 4\n")?.expect_code(0)?;
        }
        Ok(())
    })
}

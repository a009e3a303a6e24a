//! `tests/conformance`: the programs that belong to the language reference,
//! run as `tests/conformance/README.md` says.

use std::{
    env, fs,
    path::{Path, PathBuf},
    time::Duration,
};

use libtest_mimic::{Failed, Trial};

use super::{
    files_with_extension, folders, is_left_out,
    modes::{self, GC_STRESS, INTERP, JIT_EAGER, Mode, VERIFY_HEAP},
    process::Run,
    root, stem,
};

/// Chapters that the runtime implements; the others are listed as ignored
/// unless `GENE_TEST_ALL` is set.
const ENABLED: &[&str] = &[
    "01-syntax",
    "02-values-and-types",
    "03-expressions",
    "04-functions-and-macros",
    "05-collections",
    "06-patterns-and-enums",
    "07-selectors",
    "08-async",
    "09-classes-and-interfaces",
    "10-errors-and-contracts",
    "11-generators",
    "12-modules-and-packages",
    "13-stdlib",
];

/// Chapters that also run in the heap's checking modes and as machine code by default.
const CHECKED_BY_DEFAULT: &[&str] = &[
    "01-syntax",
    "02-values-and-types",
    "03-expressions",
    "04-functions-and-macros",
    "05-collections",
    "06-patterns-and-enums",
    "07-selectors",
    "08-async",
    "09-classes-and-interfaces",
    "10-errors-and-contracts",
    "11-generators",
    "12-modules-and-packages",
    "13-stdlib",
];

/// Programs that are too slow for a mode, each with its reason.
const SKIPPED: &[(&str, &str, &str)] = &[];

/// Held by programs that write to fixed places.
static ALONE: std::sync::Mutex<()> = std::sync::Mutex::new(());

const TIME_LIMIT: Duration = Duration::from_secs(30);

pub fn trials() -> Vec<Trial> {
    let all = env::var_os("GENE_TEST_ALL").is_some_and(|value| value != "0");
    let mut trials = Vec::new();
    for folder in folders(&root().join("tests/conformance")) {
        let chapter = stem(&folder);
        let enabled = all || ENABLED.contains(&chapter.as_str());
        let defaults: &[Mode] = if CHECKED_BY_DEFAULT.contains(&chapter.as_str()) {
            &[INTERP, GC_STRESS, VERIFY_HEAP, JIT_EAGER]
        } else {
            &[INTERP, JIT_EAGER]
        };
        for program in programs(&folder) {
            let topic = stem(&program);
            let left_out = is_left_out(&fs::read_to_string(&program).unwrap_or_default());
            for mode in modes::selected(defaults) {
                let name = format!("conformance::{chapter}::{topic} [{}]", mode.name);
                let skipped = SKIPPED.iter().any(|(skipped_topic, skipped_mode, _reason)| {
                    *skipped_topic == topic && *skipped_mode == mode.name
                });
                let program = program.clone();
                trials.push(
                    Trial::test(name, move || check(&program, mode))
                        .with_ignored_flag(!enabled || skipped || left_out),
                );
            }
        }
    }
    trials
}

/// The numbered files of a chapter. Those without a number, and those in
/// folders below it, are modules and packages that the programs import.
fn programs(folder: &Path) -> Vec<PathBuf> {
    files_with_extension(folder, "gene")
        .into_iter()
        .filter(|path| {
            let name = stem(path);
            name.split_once('_').is_some_and(|(number, _)| {
                !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
            })
        })
        .collect()
}

fn check(program: &Path, mode: Mode) -> Result<(), Failed> {
    // Programs that write to fixed places would disturb their other modes.
    let text = fs::read_to_string(program)?;
    let _alone = text.contains("/tmp/").then(|| ALONE.lock().unwrap_or_else(|e| e.into_inner()));
    modes::check(mode, &text, |flags| check_with(program, mode, flags))
}

fn check_with(program: &Path, mode: Mode, flags: &[&str]) -> Result<(), Failed> {
    let file = program.file_name().ok_or("a program has a name")?;
    let folder = program.parent().ok_or("a program lies in a folder")?;
    let outcome = Run::new(
        ["run"].into_iter().chain(flags.iter().copied()).map(Into::into).chain([file.to_owned()]),
    )
    .current_dir(folder)
    .limit(TIME_LIMIT * mode.patience)
    .finish()?;

    let expected = fs::read_to_string(program.with_extension("out")).unwrap_or_default();
    match fs::read_to_string(program.with_extension("err")) {
        Err(_) => outcome.survived()?.expect_stdout(&expected)?.expect_code(0)?,
        Ok(fragment) => outcome
            .survived()?
            .expect_stdout(&expected)?
            .expect_code(1)?
            .expect_stderr_contains(fragment.trim_end())?,
    };
    Ok(())
}

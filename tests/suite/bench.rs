//! `gene bench`: what is measured, kept and compared. Times are too short here to say
//! anything, unless they differ by far.

use std::{
    fs,
    path::{Path, PathBuf},
};

use libtest_mimic::{Failed, Trial};

use super::process::{Outcome, Run};

type Check = fn() -> Result<(), Failed>;

pub fn trials() -> Vec<Trial> {
    const CHECKS: &[(&str, Check)] = &[
        ("a_row_for_each_benchmark", a_row_for_each_benchmark),
        ("all_ways_to_run_a_body", all_ways_to_run_a_body),
        ("work_is_not_optimised_away", work_is_not_optimised_away),
        ("setup_is_not_measured", setup_is_not_measured),
        ("setup_gives_each_run_a_new_value", setup_gives_each_run_a_new_value),
        ("waiting_is_measured", waiting_is_measured),
        ("what_is_alive_survives", what_is_alive_survives),
        ("filter", filter),
        ("filter_without_match", filter_without_match),
        ("no_benchmarks", no_benchmarks),
        ("names_are_used_once", names_are_used_once),
        ("no_benchmark_in_another", no_benchmark_in_another),
        ("failure_ends_the_run", failure_ends_the_run),
        ("saved_runs_are_compared", saved_runs_are_compared),
        ("json_has_the_samples", json_has_the_samples),
        ("compare_without_saved_run", compare_without_saved_run),
        ("wrong_use", wrong_use),
    ];
    CHECKS.iter().map(|(name, check)| Trial::test(format!("bench::{name}"), check)).collect()
}

/// The folder of a test.
fn place(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("bench").join(name)
}

/// The same, emptied.
fn folder(name: &str) -> Result<PathBuf, Failed> {
    let folder = place(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// Measures a program for a short time.
fn bench(name: &str, source: &str, flags: &[&str]) -> Result<Outcome, Failed> {
    let folder = folder(name)?;
    fs::write(folder.join("b.gene"), source)?;
    again(&folder, flags)
}

/// The same for a program that is there.
fn again(folder: &Path, flags: &[&str]) -> Result<Outcome, Failed> {
    let words = ["bench", "--time=0.02", "--warm-up=0.02"].iter().chain(flags).chain(&["b.gene"]);
    Run::new(words.copied()).current_dir(folder).finish()
}

/// Nanoseconds in the row of a benchmark, whose name is one word.
fn median_ns(outcome: &Outcome, name: &str) -> Result<f64, Failed> {
    let text = &outcome.stdout;
    let row = text.lines().map(|l| l.split_whitespace().collect::<Vec<_>>());
    let row = row.into_iter().find(|words| words.first() == Some(&name));
    let Some([_, value, unit, ..]) = row.as_deref() else {
        return outcome.fail(&format!("no row for {name}"));
    };
    let factor = match *unit {
        "ns" => 1.0,
        "µs" => 1e3,
        "ms" => 1e6,
        "s" => 1e9,
        _ => return outcome.fail(&format!("unit {unit}")),
    };
    Ok(value.parse::<f64>()? * factor)
}

fn a_row_for_each_benchmark() -> Result<(), Failed> {
    let program = "(println \"before\") (bench \"a\" 1) (bench \"b\" (+ 1 2)) (println \"after\")";
    let outcome = bench("rows", program, &[])?;
    outcome.expect_code(0)?;
    let firsts: Vec<&str> =
        outcome.stdout.lines().filter_map(|line| line.split_whitespace().next()).collect();
    if firsts[..5.min(firsts.len())] != ["before", "after", "benchmark", "a", "b"] {
        return outcome.fail("rows in the order of the program, below its own output");
    }
    Ok(())
}

fn all_ways_to_run_a_body() -> Result<(), Failed> {
    let program = "
        (fn ^^async twice [x] (x * 2))
        (bench \"future\" (twice 1))
        (bench \"awaits\" (+ 1 (await (twice 1))))
        (bench \"both\" ^setup [1] ^as xs (xs .add (await (twice 1))))
        (fn ^^async task [] (bench \"inside\" (await (gene/sleep_async 0))))
        (await (task))";
    for mode in ["--jit=off", "--jit=on", "--jit=eager", "--gc-stress"] {
        let outcome = bench("ways", program, &[mode])?;
        outcome.expect_code(0)?;
        for name in ["future", "awaits", "both", "inside"] {
            median_ns(&outcome, name)?;
        }
    }
    Ok(())
}

fn work_is_not_optimised_away() -> Result<(), Failed> {
    let program = "
        (fn sum [n] (var s 0) (for i in (1 .. n) (s += (i * i))) s)
        (bench \"long\" (sum 10000))
        (bench \"short\" (sum 100))";
    for mode in [&["--jit=off"][..], &["--jit-calls=20", "--jit-loops=500"]] {
        let outcome = bench("work", program, mode)?;
        outcome.expect_code(0)?;
        let (short, long) = (median_ns(&outcome, "short")?, median_ns(&outcome, "long")?);
        // A hundred times the work.
        if long < 15.0 * short {
            return outcome.fail("the work has been done");
        }
    }
    Ok(())
}

fn setup_is_not_measured() -> Result<(), Failed> {
    let program = "
        (fn slow [n] (var s 0) (for i in (1 .. n) (s += i)) s)
        (bench \"all\" (slow 20000))
        (bench \"rest\" ^setup (slow 20000) ^as n (n + 1))";
    let outcome = bench("setup", program, &["--jit=off"])?;
    outcome.expect_code(0)?;
    if median_ns(&outcome, "rest")? * 10.0 > median_ns(&outcome, "all")? {
        return outcome.fail("only the body is measured");
    }
    Ok(())
}

fn setup_gives_each_run_a_new_value() -> Result<(), Failed> {
    let program = "(bench \"grow\" ^setup [] ^as xs (assert ((len xs) == 0)) (xs .add 1))";
    bench("fresh", program, &[])?.expect_code(0).map(drop)
}

fn waiting_is_measured() -> Result<(), Failed> {
    let outcome = bench("waits", "(bench \"nap\" (await (gene/sleep_async 3)))", &[])?;
    outcome.expect_code(0)?;
    if median_ns(&outcome, "nap")? < 3e6 {
        return outcome.fail("3 ms have passed in each run");
    }
    Ok(())
}

fn what_is_alive_survives() -> Result<(), Failed> {
    let program = "
        (for n in [1 2 3]
          (var kept [#\"a#{n}\"])
          (bench #\"n#{n}\" #\"x#{n}\")
          (println kept))";
    let outcome = bench("alive", program, &["--verify-heap"])?;
    outcome.expect_code(0)?.expect_stdout_contains("[a1]\n[a2]\n[a3]\n").map(drop)
}

const TWO: &str = "(bench \"first\" 1) (bench \"second\" (do (println \"ran\") 2))";

fn filter() -> Result<(), Failed> {
    let outcome = bench("filter", TWO, &["--filter=irs"])?;
    outcome.expect_code(0)?;
    median_ns(&outcome, "first")?;
    if outcome.stdout.contains("second") || outcome.stdout.contains("ran") {
        return outcome.fail("the other one does not run");
    }
    Ok(())
}

fn filter_without_match() -> Result<(), Failed> {
    let outcome = bench("no_match", TWO, &["--filter=third"])?;
    outcome.expect_code(1)?.expect_stderr_contains("`third`")?;
    outcome.expect_stderr_contains("first, second").map(drop)
}

fn no_benchmarks() -> Result<(), Failed> {
    let outcome = bench("none", "(println 1)", &[])?;
    outcome.expect_code(1)?.expect_stderr_contains("b.gene has no benchmarks").map(drop)
}

fn names_are_used_once() -> Result<(), Failed> {
    let outcome = bench("twice", "(bench \"a\" 1)\n(bench \"a\" 2)", &[])?;
    outcome.expect_code(1)?.expect_stderr_contains("there are two named `a`").map(drop)
}

fn no_benchmark_in_another() -> Result<(), Failed> {
    let outcome = bench("nested", "(bench \"a\" (bench \"b\" 2))", &[])?;
    outcome.expect_code(1)?.expect_stderr_contains("`b` stands in the body of another").map(drop)
}

fn failure_ends_the_run() -> Result<(), Failed> {
    let outcome = bench("fails", "(bench \"a\" 1)\n(bench \"b\" (throw \"no\"))", &["--save=x"])?;
    outcome.expect_code(1)?.expect_stderr_contains("no")?;
    median_ns(&outcome, "a")?;
    if place("fails").join(".gene").exists() {
        return outcome.fail("half a run is not kept");
    }
    Ok(())
}

fn saved_runs_are_compared() -> Result<(), Failed> {
    let program = "
        (fn sum [n] (var s 0) (for i in (1 .. n) (s += (i * i))) s)
        (var size (ifel $args/0 100000 1000))
        (bench \"sum\" (sum size))";
    bench("compare", program, &["--save=small"])?.expect_code(0)?;
    let folder = place("compare");
    let words = ["bench", "--time=0.02", "--warm-up=0.02", "--compare=small", "b.gene", "more"];
    let outcome = Run::new(words).current_dir(&folder).finish()?;
    outcome.expect_code(0)?.expect_stdout_contains("before")?;
    outcome.expect_stdout_contains("slower").map(drop)
}

fn json_has_the_samples() -> Result<(), Failed> {
    bench("json", "(bench \"a\" 1)", &["--json=out/run.json"])?.expect_code(0)?;
    let folder = place("json");
    let text = fs::read_to_string(folder.join("out/run.json"))?;
    for key in
        ["\"name\": \"a\"", "\"median_ns\"", "\"mad_ns\"", "\"interval_ns\"", "\"samples_ns\""]
    {
        if !text.contains(key) {
            return Err(format!("no {key} in {text}").into());
        }
    }
    // A file serves as well as a name.
    let outcome = again(&folder, &["--compare=out/run.json"])?;
    outcome.expect_code(0)?.expect_stdout_contains("before").map(drop)
}

fn compare_without_saved_run() -> Result<(), Failed> {
    let outcome = bench("unsaved", "(bench \"a\" 1)", &["--compare=never"])?;
    outcome.expect_code(1)?.expect_stderr_contains("--compare never: ")?;
    outcome.expect_stderr_contains("never.json").map(drop)
}

fn wrong_use() -> Result<(), Failed> {
    for flags in
        [&["--time=0"][..], &["--time=soon"], &["--noise=-1"], &["--save=a/b"], &["--save="]]
    {
        bench("usage", "(bench \"a\" 1)", flags)?.expect_code(2)?;
    }
    let outcome = bench("broken", "(bench \"a\")", &[])?;
    outcome.expect_code(1)?.expect_stderr_contains("bench: missing body").map(drop)
}

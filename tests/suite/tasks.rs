//! Random programs of tasks, channels, cancellations and timeouts, under a
//! virtual clock and with a seeded order of jobs.
//!
//! Each is run twice in the same interpreter. It keeps books itself
//! (`tasks/books.gene`): every value that was sent is received once or still in
//! its channel, nothing goes on twice after an `await`, every `finally` block
//! runs. After the second run all counters of `gene/vm/stats` are where they were
//! after the first.
//!
//! `GENE_TASKS_PROGRAMS=10000 GENE_TASKS_SEED=7 cargo test --release --test gene -- tasks::`
//! runs others than the usual ones.

mod generate;

use std::env;

use gene::{Engine, Options, diag::Style};
use libtest_mimic::{Failed, Trial};

/// What every program uses.
const BOOKS: &str = include_str!("tasks/books.gene");
/// Programs in `cargo test`.
const PROGRAMS: u64 = 240;
/// Programs of one interpreter.
const BATCH: u64 = 40;
/// The parts that run side by side.
const PARTS: u64 = 4;

pub fn trials() -> Vec<Trial> {
    let number = |name: &str, usual| env::var(name).map_or(Some(usual), |n| n.parse().ok());
    let (programs, first) =
        match (number("GENE_TASKS_PROGRAMS", PROGRAMS), number("GENE_TASKS_SEED", 1)) {
            (Some(programs), Some(first)) => (programs, first),
            _ => {
                let failed = || Err("GENE_TASKS_PROGRAMS and GENE_TASKS_SEED are numbers".into());
                return vec![Trial::test("tasks::settings", failed)];
            }
        };
    let mut trials: Vec<Trial> = (0..PARTS)
        .map(|part| {
            let name = format!("tasks::random_programs_{part}");
            Trial::test(name, move || {
                let mut seed = first + part * 1_000_000;
                let end = seed + programs.div_ceil(PARTS);
                while seed < end {
                    batch(seed, end.min(seed + BATCH))?;
                    seed += BATCH;
                }
                Ok(())
            })
        })
        .collect();
    trials.push(Trial::test("tasks::runs_are_repeated_exactly", move || {
        (first..first + 10).try_for_each(|seed| match (story(seed, seed)?, story(seed, seed)?) {
            (a, b) if a == b => Ok(()),
            (a, b) => Err(format!("seed {seed}: two stories\n{a}\n{b}").into()),
        })
    }));
    trials
}

fn engine(seed: u64) -> Result<Engine, Failed> {
    let mut engine =
        Engine::new(Options { virtual_time: true, seed: Some(seed), ..Options::default() });
    run(&mut engine, BOOKS)?;
    Ok(engine)
}

/// Runs the programs of these seeds in one interpreter.
fn batch(first: u64, end: u64) -> Result<(), Failed> {
    let mut engine = engine(first)?;
    for seed in first..end {
        let program = generate::program(seed);
        run(&mut engine, &program)?;
        let first = once(&mut engine)?;
        let second = once(&mut engine)?;
        if first.0 != "fine" || first != second {
            let found = format!(
                "seed {seed}: {} with {}; then {} with {}",
                first.0, first.1, second.0, second.1
            );
            return Err(format!("{found}\n{BOOKS}\n{program}\n(println (once scenario))").into());
        }
    }
    Ok(())
}

/// What the books say of a run, and the counters after it.
fn once(engine: &mut Engine) -> Result<(String, String), Failed> {
    let verdict = run(engine, "(once scenario)")?;
    // Failures that nobody observed are kept until they are reported.
    engine.failures();
    Ok((verdict, run(engine, "(counters)")?))
}

/// What happens in a program, in order.
fn story(program: u64, order: u64) -> Result<String, Failed> {
    let mut engine = engine(order)?;
    let program = generate::program(program);
    run(&mut engine, &format!("{program}\n(story_of scenario)"))
}

fn run(engine: &mut Engine, text: &str) -> Result<String, Failed> {
    match engine.eval(text) {
        Ok(value) => Ok(engine.display(value)),
        Err(failure) => Err(format!("{}\n{text}", engine.render(&failure, Style::Plain)).into()),
    }
}

//! Everything that is tested from outside, through the built `gene` binary.
//!
//! Each data file is a test of its own, so `cargo test --test gene -- 11_for`
//! runs one program in every mode. Environment variables:
//!
//! | Variable | Effect |
//! |---|---|
//! | `GENE_TEST_MODES=gc-stress,virtual-time` | runs every program in these modes too |
//! | `GENE_TEST_PATIENCE=8` | multiplies the time limits |
//! | `GENE_TEST_COMMAND="qemu-aarch64 target/.../gene"` | runs this instead of the built binary |
//! | `GENE_TEST_ALL=1` | runs chapters whose implementation is not finished |
//! | `GENE_TASKS_PROGRAMS=10000`, `GENE_TASKS_SEED=7` | other random programs of tasks |
//! | `UPDATE=1` | rewrites the snapshots in `tests/errors` |

mod suite;

use std::{process::ExitCode, time::Instant};

use libtest_mimic::{Arguments, Trial};

/// Every test starts processes of its own, so more threads than this only
/// make the time limits fail on a small machine.
const THREADS: usize = 2;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(THREADS);

    let suites: [(&str, Vec<Trial>); 13] = [
        ("format", suite::format::trials()),
        ("layering", suite::layering::trials()),
        ("cli", suite::cli::trials()),
        ("bench", suite::bench::trials()),
        ("errors", suite::errors::trials()),
        ("lang", suite::lang::trials()),
        ("examples", suite::examples::trials()),
        ("documents", suite::documents::trials()),
        ("conformance", suite::conformance::trials()),
        ("modules", suite::modules::trials()),
        ("hostile", suite::hostile::trials()),
        ("profile", suite::profile::trials()),
        ("tasks", suite::tasks::trials()),
    ];
    let sizes: Vec<String> =
        suites.iter().map(|(name, trials)| format!("{name} {}", trials.len())).collect();
    let trials = suites.into_iter().flat_map(|(_, trials)| trials).collect();

    let started = Instant::now();
    let conclusion = libtest_mimic::run(&arguments, trials);
    if !arguments.list {
        println!(
            "gene: {} passed, {} failed, {} ignored in {:.1} s ({})",
            conclusion.num_passed,
            conclusion.num_failed,
            conclusion.num_ignored,
            started.elapsed().as_secs_f64(),
            sizes.join(", "),
        );
    }
    conclusion.exit_code()
}

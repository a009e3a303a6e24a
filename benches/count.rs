//! Instruction counts, with callgrind: `cargo bench --bench count -- fib`.
//!
//! They do not depend on what else the machine does, and show a change of a
//! percent that times hide. Needs valgrind, and the runner of iai-callgrind in the
//! version of `Cargo.lock`. `cargo perf counts` compares the counts with `baseline.txt`.

use std::{env, process::Command};

mod counted {
    use gene_benches::{Prepared, for_each_case, prepare};
    use iai_callgrind::{library_benchmark, library_benchmark_group};
    use std::hint::black_box;

    macro_rules! counted {
        ($($group:ident { $($name:ident($($part:literal),* $(,)?),)* })*) => {
            mod cases {
                use super::*;
                $(
                    #[library_benchmark(setup = prepared)]
                    $(#[bench::$name(stringify!($group), stringify!($name), &[$($part),*])])*
                    fn $group(case: Prepared) -> Prepared {
                        black_box(case.run())
                    }
                )*
            }
            $(
                use cases::$group;
            )*
            library_benchmark_group!(name = all; benchmarks = $($group),*);
        };
    }

    fn prepared(group: &str, name: &str, of_case: &[&'static str]) -> Prepared {
        prepare(group, name, of_case)
    }

    for_each_case!(counted);

    iai_callgrind::main!(library_benchmark_groups = all);

    pub fn run() {
        main();
    }
}

/// Whether a program is there and answers.
fn answers(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok()
}

fn main() {
    // The runner calls this program again with arguments of its own.
    let runner = env::var("IAI_CALLGRIND_RUNNER");
    let runner = runner.as_deref().unwrap_or("iai-callgrind-runner");
    let called_back = env::args().any(|argument| argument == "--iai-run");
    if !called_back && !answers("valgrind") {
        println!("count: skipped, valgrind is not installed");
    } else if !called_back && !answers(runner) {
        println!("count: skipped, the runner is not installed:");
        println!("    cargo install iai-callgrind-runner --version 0.16.1");
    } else {
        counted::run();
    }
}

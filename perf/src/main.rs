//! `cargo perf`: runs the programs under `perf/programs` in Gene and in other
//! languages, in interleaved rounds, and reports how the CPU times compare.
//!
//! Modules in reading order: [`cli`] names the commands; [`program`], [`peer`] and
//! [`build`] say what is run by whom; [`measure`] runs one child process;
//! [`compare`] schedules the rounds; [`agreement`] checks the outputs;
//! [`record`], [`machine`] and [`stats`] hold the results; [`table`],
//! [`report`] with [`chart`], and [`gate`] read them. [`pairs`] holds two ways of running
//! Gene against each other. [`http`] loads a service
//! instead, [`flame`] draws what Linux's `perf` sees of one program, and [`counts`]
//! counts instructions.

#![forbid(unsafe_code)]

mod agreement;
mod build;
mod chart;
mod cli;
mod compare;
mod counts;
mod flame;
mod gate;
mod http;
mod machine;
mod measure;
mod pairs;
mod peer;
mod program;
mod record;
mod report;
mod stats;
mod table;

use std::process::ExitCode;

fn main() -> ExitCode {
    match cli::run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

//! `gene bench`: the benchmarks of a program, as a table, and beside a run before.

use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::error::ErrorKind;

use super::flags::{BenchArgs, Color};
use super::terminal::{self, Stdout};
use super::{FAILED, run, usage};
use crate::bench::record::{Change, Measured, Record, Verdict, compare};
use crate::bench::{Progress, Session, Settings};
use crate::diag::Style;

/// Measures, prints, keeps.
///
/// # Errors
/// Those of writing to standard output.
pub fn run(args: &BenchArgs, color: Color) -> io::Result<ExitCode> {
    let Some((file, rest)) = args.program.split_first() else {
        return usage(ErrorKind::MissingRequiredArgument, "FILE is missing");
    };
    let names = [&args.save, &args.compare].into_iter().flatten();
    if let Some(bad) = names.into_iter().find(|name| name.is_empty() || name.starts_with('.')) {
        return usage(ErrorKind::InvalidValue, &format!("`{bad}` is no name for a run"));
    }
    if let Some(bad) = args.save.as_ref().filter(|name| is_path(name)) {
        let message = format!("--save takes a name, not `{bad}`: use --json for a file");
        return usage(ErrorKind::InvalidValue, &message);
    }
    let before = match args.compare.as_ref().map(|name| (name, load(file, name))) {
        None => None,
        Some((_, Ok(record))) => Some(record),
        Some((name, Err(reason))) => return failed(&format!("--compare {name}: {reason}")),
    };
    let settings = Settings {
        filter: args.filter.clone(),
        time: Duration::from_secs_f64(args.time),
        warm_up: Duration::from_secs_f64(args.warm_up),
    };
    let session = Session::new(settings, progress(io::stderr().is_terminal()));
    let bencher = session.clone();
    let code = run::file_with(&args.flags, Path::new(file), rest, color, |engine| {
        engine.vm.bencher = Some(bencher);
    })?;
    let style = terminal::style(color, &io::stdout());
    let measured = session.measured();
    if !measured.is_empty() {
        let noise = args.noise / 100.0;
        Stdout.write_all(table(&measured, before.as_ref(), noise, style).as_bytes())?;
    }
    if code != ExitCode::SUCCESS {
        // What was measured until then is no whole run.
        return Ok(code);
    }
    if measured.is_empty() {
        return failed(&nothing(file, &session.names(), args.filter.as_deref()));
    }
    let record = Record::new(&file.to_string_lossy(), measured);
    let saved = args.save.as_ref().map(|name| path_of(file, name));
    for path in saved.iter().chain(&args.json) {
        if let Err(error) = record.save(path) {
            return failed(&format!("cannot write {}: {error}", path.display()));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn failed(message: &str) -> io::Result<ExitCode> {
    writeln!(io::stderr(), "gene bench: {message}")?;
    Ok(ExitCode::from(FAILED))
}

/// Why there is no result.
fn nothing(file: &OsString, names: &[String], filter: Option<&str>) -> String {
    let file = file.to_string_lossy();
    match filter {
        Some(word) if !names.is_empty() => {
            format!("no benchmark has `{word}` in its name; there are: {}", names.join(", "))
        }
        _ => format!("{file} has no benchmarks: write them as (bench \"name\" body...)"),
    }
}

/// Shows on a terminal what is being measured.
fn progress(on_terminal: bool) -> impl Fn(Progress<'_>) {
    move |progress| {
        if on_terminal {
            let line = match progress {
                Progress::Begins(name) => format!("\r\x1b[Kmeasuring {name} ..."),
                Progress::Ends => "\r\x1b[K".to_owned(),
            };
            // Nothing is lost if it cannot be shown.
            let _ = io::stderr().write_all(line.as_bytes());
        }
    }
}

// ---- saved runs --------------------------------------------------------

/// Whether a name of a saved run is the path of a file instead.
fn is_path(name: &str) -> bool {
    name.contains(['/', '\\']) || name.ends_with(".json")
}

/// Where a run of that name is kept: beside the program.
fn path_of(file: &OsString, name: &str) -> PathBuf {
    let file = Path::new(file);
    let stem = match file.file_stem() {
        Some(stem) if file != "-" => stem.to_owned(),
        _ => "stdin".into(),
    };
    let folder = file.parent().unwrap_or(Path::new(""));
    folder.join(".gene").join("bench").join(stem).join(format!("{name}.json"))
}

fn load(file: &OsString, name: &str) -> Result<Record, String> {
    let path = if is_path(name) { PathBuf::from(name) } else { path_of(file, name) };
    Record::load(&path).map_err(|reason| format!("{}: {reason}", path.display()))
}

// ---- the table ---------------------------------------------------------

const BOLD: &str = "\x1b[1m";
const DIM: &str = "\x1b[2m";
const GREEN: &str = "\x1b[32m";
const RED: &str = "\x1b[31m";

/// A cell: its text and how it is coloured.
struct Cell(String, &'static str);

fn plain(text: impl Into<String>) -> Cell {
    Cell(text.into(), "")
}

/// Renders measurements, beside those of a run before.
fn table(measured: &[Measured], before: Option<&Record>, noise: f64, style: Style) -> String {
    let mut header = vec!["benchmark", "median", "± MAD", "95 % interval", "samples"];
    if before.is_some() {
        header.extend(["before", "change", ""]);
    }
    let mut rows = vec![header.into_iter().map(|text| Cell(text.to_owned(), BOLD)).collect()];
    for now in measured {
        let mut row = vec![
            plain(now.name.escape_debug().to_string()),
            plain(time(now.median_ns)),
            Cell(format!("{:.1} %", 100.0 * now.mad_ns / now.median_ns.max(1e-9)), DIM),
            plain(range(now.interval_ns.low, now.interval_ns.high)),
            Cell(format!("{} × {}", now.samples_ns.len(), now.runs), DIM),
        ];
        match before.map(|record| record.of(&now.name)) {
            None => {}
            Some(None) => row.extend([plain("-"), plain("-"), plain("new")]),
            Some(Some(then)) => row.extend(change_cells(then, &compare(then, now, noise))),
        }
        rows.push(row);
    }
    let mut text = align(&rows, style);
    for now in measured {
        let name = now.name.escape_debug();
        if !now.settled {
            text += &format!("{name}: the compiled tier had not settled when it was measured\n");
        }
        // A few happen on every machine.
        if now.outliers * 10 > now.samples_ns.len() {
            let all = now.samples_ns.len();
            text += &format!("{name}: {} of {all} samples lie far from the others\n", now.outliers);
        }
    }
    text
}

fn change_cells(then: &Measured, change: &Change) -> [Cell; 3] {
    let percent = |quotient: f64| format!("{:+.1}", 100.0 * (quotient - 1.0));
    let (word, color) = match change.verdict {
        Verdict::Faster => ("faster", GREEN),
        Verdict::Slower => ("slower", RED),
        Verdict::WithinNoise => ("within noise", DIM),
    };
    let range = format!("{} .. {}", percent(change.interval.low), percent(change.interval.high));
    let text = format!("{} % ({range})", percent(change.quotient));
    [plain(time(then.median_ns)), plain(text), Cell(word.to_owned(), color)]
}

/// Nanoseconds in a unit that fits, with three digits.
fn time(ns: f64) -> String {
    let (unit, name) = unit_of(ns);
    format!("{} {name}", number(ns / unit))
}

/// A range of nanoseconds in the unit of its end.
fn range(low: f64, high: f64) -> String {
    let (unit, name) = unit_of(high);
    format!("{} .. {} {name}", number(low / unit), number(high / unit))
}

fn unit_of(ns: f64) -> (f64, &'static str) {
    match ns {
        ..1e3 => (1.0, "ns"),
        ..1e6 => (1e3, "µs"),
        ..1e9 => (1e6, "ms"),
        _ => (1e9, "s"),
    }
}

fn number(value: f64) -> String {
    let digits = match value {
        ..10.0 => 2,
        ..100.0 => 1,
        _ => 0,
    };
    format!("{value:.digits$}")
}

/// Pads the cells: the first and the last column to the left, the others to the right.
fn align(rows: &[Vec<Cell>], style: Style) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let width_of = |text: &str| text.chars().count();
    let widths: Vec<usize> = (0..columns)
        .map(|c| rows.iter().filter_map(|r| r.get(c)).map(|x| width_of(&x.0)).max().unwrap_or(0))
        .collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (column, Cell(cell, color)) in row.iter().enumerate() {
            let padding = " ".repeat(widths[column] - width_of(cell));
            let to_left = column == 0 || column == 7;
            let shown = match style {
                Style::Coloured if !color.is_empty() => format!("{color}{cell}\x1b[0m"),
                _ => cell.clone(),
            };
            line += if column == 0 { "" } else { "  " };
            line += &if to_left { shown + &padding } else { padding + &shown };
        }
        text += line.trim_end();
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_three_digits() {
        assert_eq!(time(1.234), "1.23 ns");
        assert_eq!(time(98_765.0), "98.8 µs");
        assert_eq!(time(123_456_789.0), "123 ms");
        assert_eq!(time(2.5e9), "2.50 s");
        assert_eq!(range(998.0, 1234.0), "1.00 .. 1.23 µs");
    }

    #[test]
    fn saved_runs_lie_beside_the_program() {
        let path = |file: &str| path_of(&OsString::from(file), "main");
        assert_eq!(path("a/sort.gene"), Path::new("a/.gene/bench/sort/main.json"));
        assert_eq!(path("-"), Path::new(".gene/bench/stdin/main.json"));
        assert!(is_path("x/y") && is_path("y.json") && !is_path("y"));
    }

    #[test]
    fn a_table_says_what_changed() {
        let measured = |name: &str, ns: f64| {
            Measured::new(name, 5, (0..40).map(|i| ns + f64::from(i % 3)).collect(), true)
        };
        let then = Record::new("f", vec![measured("a", 200.0), measured("b", 100.0)]);
        let now = [measured("a", 100.0), measured("b", 100.0), measured("c", 5e6)];
        let text = table(&now, Some(&then), 0.03, Style::Plain);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[1].starts_with("a ") && lines[1].contains(" 101 ns "), "{text}");
        assert!(lines[1].contains("201 ns  -49.8 %") && lines[1].ends_with("faster"), "{text}");
        assert!(lines[2].ends_with("within noise"), "{text}");
        assert!(lines[3].contains("5.00 ms") && lines[3].ends_with("new"), "{text}");
    }
}

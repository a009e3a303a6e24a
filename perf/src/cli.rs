//! Command line: `compare`, `report`, `gate`, `short`, `overhead`, `http`, `flame` and
//! `counts`.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Error, Result, ensure};
use clap::{Args, Parser, Subcommand};

use crate::build;
use crate::compare::{self, Plan};
use crate::counts;
use crate::flame::{self, Recording};
use crate::gate::{self, Bars, Verdict};
use crate::http::{self, Load};
use crate::peer::{self, PeerKind, Request};
use crate::program::Program;
use crate::record::Record;
use crate::{pairs, program, report, table};

/// Compares Gene with other script runtimes.
#[derive(Parser)]
#[command(name = "cargo perf", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the programs in interleaved rounds and compare the CPU times.
    Compare(CompareArgs),
    /// Print a record again, or turn it into an HTML page.
    Report(ReportArgs),
    /// Exit with 1 if a record misses a bar.
    Gate(GateArgs),
    /// Run programs that end within about 10 ms with the compiled tier and without, in
    /// interleaved pairs; exit with 1 if the tier costs one of them more than the bar.
    Short(PairArgs),
    /// Run programs under `gene profile` and plainly, in interleaved pairs; exit with 1 if
    /// the profile costs one of them more than the bar.
    Overhead(PairArgs),
    /// Load an HTTP echo service in Gene and in Node with wrk, in interleaved
    /// rounds; exit with 1 if Gene is slower or fails requests.
    Http(HttpArgs),
    /// Draw a flame graph with the frames of a Gene program, of the runtime and of
    /// the kernel, as Linux's perf sees them.
    Flame(FlameArgs),
    /// Count instructions of Gene's parts with callgrind; exit with 1 if a count
    /// has grown by more than 3 % since the baseline in benches/baseline.txt.
    Counts(CountsArgs),
}

#[derive(Args)]
struct FlameArgs {
    /// Where the picture goes.
    #[arg(short, long, default_value = "flame.svg", value_name = "FILE")]
    output: PathBuf,
    /// Samples a second.
    #[arg(long, default_value_t = 997, value_name = "HZ")]
    rate: u32,
    /// What perf counts, such as cycles [default: cpu-clock, which works everywhere].
    #[arg(long, default_value = "cpu-clock", value_name = "EVENT")]
    event: String,
    /// A gene built with frame pointers [default: built into target/flame].
    #[arg(long, value_name = "PATH")]
    gene: Option<PathBuf>,
    /// Options for `gene run`, separated by blanks, such as "--jit=off".
    #[arg(long, default_value = "", allow_hyphen_values = true, value_name = "ARGS")]
    gene_args: String,
    /// The program and its arguments.
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    program: Vec<String>,
}

#[derive(Args)]
struct CountsArgs {
    /// Only cases with this in their names.
    filter: Option<String>,
    /// Move the baseline.
    #[arg(long)]
    update: bool,
}

#[derive(Args)]
struct HttpArgs {
    /// How often each service is loaded.
    #[arg(long, default_value_t = 3, value_name = "N")]
    rounds: usize,
    /// Seconds of each load.
    #[arg(long, default_value_t = 4, value_name = "SECONDS")]
    seconds: u64,
    /// Connections at a time.
    #[arg(long, default_value_t = 32, value_name = "N")]
    connections: u64,
    /// The gene to measure [default: target/release/gene of this repository].
    #[arg(long, value_name = "PATH")]
    gene: Option<PathBuf>,
}

#[derive(Args)]
struct CompareArgs {
    /// Programs to run, separated by commas [default: all].
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    programs: Vec<String>,
    /// Run those programs for about a second that have a size for that: to compare
    /// compilers.
    #[arg(long)]
    long: bool,
    /// Peers to run, separated by commas.
    #[arg(
        long,
        value_delimiter = ',',
        value_name = "NAMES",
        default_value = "gene,lua,luajit,node,python,ruby"
    )]
    peers: Vec<PeerKind>,
    /// How often every peer runs every program.
    #[arg(long, default_value_t = 5, value_name = "N")]
    rounds: usize,
    /// The gene to measure: a binary, or a commit to build [default: the sources as
    /// they are].
    #[arg(long, value_name = "PATH|COMMIT")]
    gene: Option<String>,
    /// Options for `gene run`, separated by blanks, such as "--jit=off".
    #[arg(long, default_value = "", allow_hyphen_values = true, value_name = "ARGS")]
    gene_args: String,
    /// Another gene to measure beside it, as the peer `baseline`.
    #[arg(long, value_name = "PATH|COMMIT")]
    baseline: Option<String>,
    /// Seconds after which a run is stopped and counts as failed.
    #[arg(long, default_value_t = 120, value_name = "SECONDS")]
    timeout: u64,
    /// Directory with the programs [default: perf/programs of this repository].
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Keep the record in this file [default: target/perf/record.json].
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the HTML page to this file [default: target/perf/report.html].
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

#[derive(Args)]
struct PairArgs {
    /// Programs to run, separated by commas [default: all that have the size; for overhead
    /// a choice].
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    programs: Vec<String>,
    /// How many pairs of each program are run [default: 31; for overhead 9].
    #[arg(long, value_name = "N")]
    rounds: Option<usize>,
    /// The gene to measure: a binary, or a commit to build [default: the sources as
    /// they are].
    #[arg(long, value_name = "PATH|COMMIT")]
    gene: Option<String>,
    /// The bar: the largest ratio of CPU times for any program.
    #[arg(long, default_value_t = 1.03, value_name = "RATIO")]
    max: f64,
    /// Seconds after which a run is stopped and counts as failed.
    #[arg(long, default_value_t = 120, value_name = "SECONDS")]
    timeout: u64,
    /// Keep the record in this file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[derive(Args)]
struct ReportArgs {
    /// A record written by `compare --json`.
    record: PathBuf,
    /// Write an HTML page to this file instead of a table to the terminal.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

#[derive(Args)]
struct GateArgs {
    /// A record written by `compare --json`.
    record: PathBuf,
    /// The peer Gene is held against.
    #[arg(long, value_name = "PEER")]
    against: String,
    /// Largest geometric mean of Gene's CPU time divided by the peer's.
    #[arg(long, value_name = "RATIO")]
    geomean: Option<f64>,
    /// Largest ratio for any single program.
    #[arg(long, value_name = "RATIO")]
    max: Option<f64>,
}

/// Parses the command line and carries the command out.
///
/// # Errors
///
/// Unreadable files, unknown programs, or nothing to run. Failures of single
/// runs are part of the record and give exit code 1.
pub fn run() -> Result<ExitCode> {
    match Cli::parse().command {
        Command::Compare(args) => compare(args),
        Command::Report(args) => report(&args),
        Command::Gate(args) => gate(&args),
        Command::Short(args) => short(args),
        Command::Overhead(args) => overhead(args),
        Command::Http(args) => http(&args),
        Command::Flame(args) => flame(args),
        Command::Counts(args) => counts(&args),
    }
}

fn flame(args: FlameArgs) -> Result<ExitCode> {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let repository = package.parent().unwrap_or(package);
    let gene = match args.gene {
        Some(gene) => gene,
        None => flame::build(repository)?,
    };
    let recording = Recording {
        gene,
        flags: args.gene_args.split_whitespace().map(str::to_owned).collect(),
        program: args.program,
        rate: args.rate,
        event: args.event,
    };
    flame::draw(&recording, &args.output)?;
    eprintln!("written to {}", args.output.display());
    Ok(ExitCode::SUCCESS)
}

fn compare(args: CompareArgs) -> Result<ExitCode> {
    ensure!(args.rounds > 0, "--rounds must be at least 1");
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let repository = package.parent().unwrap_or(package);
    let dir = args.dir.unwrap_or_else(|| repository.join("perf/programs"));
    // Looked up first: a wrong name is not to cost a build.
    let mut programs = program::select(program::discover(&dir)?, &args.programs)?;
    let gene = match &args.gene {
        _ if !args.peers.contains(&PeerKind::Gene) => None,
        Some(name) => Some(build::named(repository, name)?),
        None => Some(build::of_sources(repository)?),
    };
    let baseline = args.baseline.as_ref().map(|name| build::named(repository, name)).transpose()?;
    let request = Request {
        kinds: args.peers,
        gene,
        gene_args: args.gene_args.split_whitespace().map(str::to_owned).collect(),
        baseline,
    };
    let (peers, missing) = peer::find(&request);
    for name in missing {
        eprintln!("skipping {name}");
    }
    ensure!(!peers.is_empty(), "none of the peers is installed");
    if args.long {
        programs = programs.into_iter().filter_map(|program| program.in_size("long")).collect();
    }
    let record = compare::run(&Plan {
        programs,
        peers,
        rounds: args.rounds,
        timeout: Duration::from_secs(args.timeout),
    });
    // Saved first: a closed pipe behind the table must not cost the record.
    let kept = repository.join("target/perf");
    fs::create_dir_all(&kept).with_context(|| format!("cannot make {}", kept.display()))?;
    let json = args.json.unwrap_or_else(|| kept.join("record.json"));
    record.save(&json)?;
    let html = args.html.unwrap_or_else(|| kept.join("report.html"));
    write_html(&record, &html)?;
    show(&table::render(&record));
    show(&format!("charts: {}\nrecord: {}\n", shown(&html), shown(&json)));
    let failures = record.failures();
    for failure in &failures {
        eprintln!("ERROR {failure}");
    }
    Ok(if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn report(args: &ReportArgs) -> Result<ExitCode> {
    let record = Record::load(&args.record)?;
    match &args.html {
        Some(path) => write_html(&record, path)?,
        None => show(&table::render(&record)),
    }
    Ok(ExitCode::SUCCESS)
}

fn gate(args: &GateArgs) -> Result<ExitCode> {
    ensure!(args.geomean.is_some() || args.max.is_some(), "give --geomean, --max or both");
    let record = Record::load(&args.record)?;
    let bars = Bars { against: args.against.clone(), geomean: args.geomean, max: args.max };
    let verdict = gate::judge(&record, &bars)?;
    Ok(told(&verdict))
}

/// Prints a verdict; the exit code that goes with it.
fn told(verdict: &Verdict) -> ExitCode {
    let misses: String = verdict.misses.iter().map(|miss| format!("MISSED {miss}\n")).collect();
    show(&format!("{}\n{misses}", verdict.summary));
    if verdict.misses.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What `overhead` runs unless told otherwise: for about a second, and for 0.1 to 0.4 s.
const OVERHEAD_LONG: [&str; 6] =
    ["fib", "list_sort", "nbody", "sieve", "string_building", "word_count"];
const OVERHEAD_OWN: [&str; 6] =
    ["exceptions", "generators", "json_large", "list_sort", "map_ops", "word_count"];

fn short(args: PairArgs) -> Result<ExitCode> {
    let programs = pairs::in_size(&programs(&args.programs)?, "short");
    let ways = [Way::new("jit=on", "run", "--jit=on"), Way::new("jit=off", "run", "--jit=off")];
    pairs(args, programs, ways, 31)
}

fn overhead(args: PairArgs) -> Result<ExitCode> {
    let names = |fixed: &[&str]| match args.programs.as_slice() {
        [] => fixed.iter().map(|name| (*name).to_owned()).collect(),
        given => given.to_vec(),
    };
    let mut list = pairs::in_size(&programs(&names(&OVERHEAD_LONG))?, "long");
    list.extend(programs(&names(&OVERHEAD_OWN))?);
    let profile = Way::new("profile", "profile", "--output=/dev/null");
    pairs(args, list, [profile, Way::new("run", "run", "--jit=on")], 9)
}

/// The programs of this repository with these names, or all.
fn programs(names: &[String]) -> Result<Vec<Program>> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("programs");
    program::select(program::discover(&dir)?, names)
}

/// A command of gene, with an option, and what it is called in the table.
struct Way {
    name: &'static str,
    command: &'static str,
    option: &'static str,
}

impl Way {
    fn new(name: &'static str, command: &'static str, option: &'static str) -> Way {
        Way { name, command, option }
    }
}

fn pairs(
    args: PairArgs,
    programs: Vec<Program>,
    ways: [Way; 2],
    rounds: usize,
) -> Result<ExitCode> {
    let rounds = args.rounds.unwrap_or(rounds);
    ensure!(rounds > 0, "--rounds must be at least 1");
    ensure!(!programs.is_empty(), "none of these programs has such a size");
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let repository = package.parent().unwrap_or(package);
    let gene = match &args.gene {
        Some(name) => build::named(repository, name)?,
        None => build::of_sources(repository)?,
    };
    let peer = |way: &Way| peer::gene(way.name, &gene, way.command, &[way.option.to_owned()]);
    let peers = ways.iter().map(peer).collect::<Result<_, _>>().map_err(Error::msg)?;
    let timeout = Duration::from_secs(args.timeout);
    let record = compare::run(&Plan { programs, peers, rounds, timeout });
    if let Some(json) = &args.json {
        record.save(json)?;
    }
    let (table, verdict) = pairs::judge(&record, args.max);
    show(&table);
    Ok(told(&verdict))
}

fn http(args: &HttpArgs) -> Result<ExitCode> {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let repository = package.parent().unwrap_or(package);
    let gene = args.gene.clone().unwrap_or_else(|| repository.join("target/release/gene"));
    let load = Load { rounds: args.rounds, seconds: args.seconds, connections: args.connections };
    let (table, missed) = http::run(&gene, &package.join("http"), &load)?;
    show(&table);
    Ok(if missed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn counts(args: &CountsArgs) -> Result<ExitCode> {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let repository = package.parent().unwrap_or(package);
    let passed = counts::run(repository, args.filter.as_deref(), args.update)?;
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A path as short as it can be said from here.
fn shown(path: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(here).unwrap_or(path).display().to_string()
}

fn write_html(record: &Record, path: &Path) -> Result<()> {
    fs::write(path, report::render(record))
        .with_context(|| format!("cannot write {}", path.display()))
}

/// Writes to standard output. A reader that has had enough, such as `head`, is
/// no error.
fn show(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}

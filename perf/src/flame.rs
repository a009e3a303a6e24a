//! `cargo perf flame`: what Linux's `perf` sees of a Gene program, as a picture.
//!
//! `perf` follows frame pointers. Machine code of the compiled tier has them; the runtime
//! is built once more with them. `gene run --perf=map` tells the names of machine code.
//! The interpreter is one function of the runtime, whatever it runs: `gene profile` shows
//! what that is.

use std::collections::BTreeMap;
use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use inferno::collapse::Collapse;
use inferno::collapse::perf::{self, Folder};
use inferno::flamegraph::color::{BackgroundColor, Color, PaletteMap};
use inferno::flamegraph::{self, Options};

/// What is recorded.
pub struct Recording {
    pub gene: PathBuf,
    pub flags: Vec<String>,
    pub program: Vec<String>,
    pub rate: u32,
    pub event: String,
}

const WIDTH: usize = 1200;
const FONT: usize = 12;

/// Whose code a frame is: words for the legend, and the colour.
const KINDS: [(&str, [u8; 3]); 4] = [
    ("Gene, machine code", [120, 200, 150]),
    ("runtime (Rust)", [130, 185, 230]),
    ("kernel", [225, 130, 90]),
    ("C library and others", [205, 205, 205]),
];

/// Builds gene with frame pointers; where it is.
///
/// # Errors
///
/// If it cannot be built.
pub fn build(repository: &Path) -> Result<PathBuf> {
    eprintln!("building gene with frame pointers into target/flame");
    let target = repository.join("target/flame");
    let status = Command::new("cargo")
        .current_dir(repository)
        .args(["build", "--release", "--quiet", "--package", "gene", "--bin", "gene"])
        // Added to the flags of .cargo/config.toml.
        .args(["--config", "build.rustflags=[\"-C\", \"force-frame-pointers=yes\"]"])
        .arg("--target-dir")
        .arg(&target)
        .status()
        .context("cannot run cargo")?;
    ensure!(status.success(), "gene cannot be built");
    Ok(target.join("release/gene"))
}

/// Records the program and draws the picture.
///
/// # Errors
///
/// If there is no `perf`, or it sees nothing.
pub fn draw(recording: &Recording, output: &Path) -> Result<()> {
    let data = std::env::temp_dir().join(format!("gene-flame-{}.data", std::process::id()));
    let recorded = record(recording, &data);
    let script = recorded.and_then(|()| script(&data));
    // The next recording has another name.
    let _ = fs::remove_file(&data);
    let mut folded = Vec::new();
    let mut options = perf::Options::default();
    options.annotate_kernel = true;
    Folder::from(options).collapse(Cursor::new(script?), &mut folded)?;
    let folded = String::from_utf8_lossy(&folded).into_owned();
    let stacks = program_only(&folded);
    ensure!(!stacks.is_empty(), "perf has taken no samples: the program ended too soon");
    let program = recording.program.first().map_or("", String::as_str);
    let name = program.rsplit('/').next().unwrap_or(program);
    let title = format!("{name}: {} at {} Hz", recording.event, recording.rate);
    fs::write(output, picture(&title, &stacks)?)
        .with_context(|| format!("cannot write {}", output.display()))
}

fn record(recording: &Recording, data: &Path) -> Result<()> {
    let status = Command::new("perf")
        .args(["record", "--quiet", "--call-graph", "fp", "-e", &recording.event])
        .args(["-F", &recording.rate.to_string(), "-o"])
        .arg(data)
        .arg("--")
        .arg(&recording.gene)
        .args(["run", "--perf=map"])
        .args(&recording.flags)
        .args(&recording.program)
        .stdin(Stdio::null())
        .status()
        .context("cannot run perf: it is part of the package linux-perf or linux-tools")?;
    match data.exists() {
        true => Ok(()),
        false => bail!("perf has recorded nothing ({status})"),
    }
}

fn script(data: &Path) -> Result<Vec<u8>> {
    let output = Command::new("perf").arg("script").arg("-i").arg(data).output()?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "perf script: {}", complaint.trim());
    Ok(output.stdout)
}

/// Stacks of the thread that runs the program, without the frames that all share.
fn program_only(folded: &str) -> BTreeMap<String, u64> {
    let mut stacks = BTreeMap::new();
    for line in folded.lines() {
        let Some((stack, count)) = line.rsplit_once(' ') else { continue };
        let mut frames: Vec<&str> = stack.split(';').collect();
        // The first is the name of the thread; those of start and loading have another.
        if frames.first() != Some(&"gene") {
            continue;
        }
        frames.remove(0);
        let start = frames.iter().rposition(|f| f.contains("__rust_begin_short_backtrace"));
        let frames = &frames[start.map_or(0, |at| at + 1)..];
        if let Ok(count) = count.parse::<u64>() {
            *stacks.entry(frames.join(";")).or_default() += count;
        }
    }
    stacks.remove("");
    stacks
}

/// Index into [`KINDS`].
fn kind(frame: &str) -> usize {
    match frame {
        f if f.starts_with("gene:") && !f.starts_with("gene::") => 0,
        f if f.ends_with("_[k]") => 2,
        f if f.contains("::") || f.starts_with('<') => 1,
        _ => 3,
    }
}

fn picture(title: &str, stacks: &BTreeMap<String, u64>) -> Result<String> {
    let mut palette = PaletteMap::default();
    palette.insert("", Color { r: 240, g: 240, b: 240 });
    for frame in stacks.keys().flat_map(|stack| stack.split(';')) {
        let seed = frame.bytes().fold(7u32, |h, b| h.wrapping_mul(31) ^ u32::from(b));
        let shift = (seed % 25) as i16 - 12;
        let [r, g, b] = KINDS[kind(frame)].1.map(|c| (i16::from(c) + shift).clamp(0, 255) as u8);
        palette.insert(frame, Color { r, g, b });
    }
    let mut options = Options::default();
    options.title = title.into();
    options.subtitle = Some(" ".into());
    options.image_width = Some(WIDTH);
    options.font_size = FONT;
    options.font_width = 0.61;
    options.min_width = 0.1;
    // Of the event: nanoseconds of a clock.
    options.count_name = "counted".into();
    options.palette_map = Some(&mut palette);
    options.bgcolors = Some(BackgroundColor::Flat(Color { r: 250, g: 250, b: 250 }));
    let lines: Vec<String> =
        stacks.iter().map(|(stack, count)| format!("{stack} {count}")).collect();
    let mut out = Vec::new();
    flamegraph::from_lines(&mut options, lines.iter().map(String::as_str), &mut out)?;
    let mut svg = String::from_utf8(out)?;
    let frames = svg.find("<svg id=\"frames\"").context("inferno has drawn no frames")?;
    svg.insert_str(frames, &legend());
    Ok(svg)
}

fn legend() -> String {
    let width = |words: &str| 18 + 7 * words.len() + 22;
    let all: usize = KINDS.iter().map(|(words, _)| width(words)).sum();
    let (mut x, y) = (WIDTH.saturating_sub(all) / 2, FONT * 4);
    let mut out = String::from("<g id=\"legend\" text-anchor=\"start\">");
    for (words, [r, g, b]) in KINDS {
        let (top, text) = (y - 10, x + 18);
        out += &format!(
            "<rect x=\"{x}\" y=\"{top}\" width=\"12\" height=\"12\" rx=\"2\" fill=\"rgb({r},{g},{b})\"/>\
             <text x=\"{text}\" y=\"{y}\" font-size=\"{FONT}px\">{words}</text>"
        );
        x += width(words);
    }
    out + "</g>"
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOLDED: &str = "\
gene;clone3;start_thread;std::sys::backtrace::__rust_begin_short_backtrace;gene::cli::execute;gene:f a.gene:1 7
gene;clone3;start_thread;std::sys::backtrace::__rust_begin_short_backtrace;gene::cli::execute;read_[k] 2
ctrl-c;clone3;futex_[k] 9
gene-flame;_dl_start 1
";

    #[test]
    fn only_the_thread_of_the_program_counts() {
        let stacks = program_only(FOLDED);
        let lines: Vec<(&str, u64)> = stacks.iter().map(|(s, n)| (s.as_str(), *n)).collect();
        assert_eq!(
            lines,
            [("gene::cli::execute;gene:f a.gene:1", 7), ("gene::cli::execute;read_[k]", 2)]
        );
    }

    #[test]
    fn frames_are_of_gene_of_the_runtime_of_the_kernel_or_of_others() {
        let frames = ["gene:f a.gene:1", "gene::vm::Vm::run", "read_[k]", "memcpy"];
        assert_eq!(frames.map(kind), [0, 1, 2, 3]);
    }

    #[test]
    fn the_picture_explains_its_colours() {
        let svg = picture("a.gene", &program_only(FOLDED)).unwrap();
        for (words, _) in KINDS {
            assert!(svg.contains(words), "{words}");
        }
        assert!(svg.contains("gene:f a.gene:1"));
    }
}

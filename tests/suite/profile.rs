//! `gene profile`: programs whose time is known by construction, and what is written.
//!
//! The programs spin until so much time has passed, and measure themselves how much it
//! was: however busy the machine is, the profile has to agree with that.

use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
};

use flate2::read::GzDecoder;
use libtest_mimic::{Failed, Trial};

use super::process::{Outcome, Run};

type Check = fn() -> Result<(), Failed>;

pub fn trials() -> Vec<Trial> {
    const CHECKS: &[(&str, Check)] = &[
        ("time_in_the_interpreter", || known_time("interpreted", PLAIN, &["--jit=off"])),
        ("time_in_tasks", || known_time("tasks", TASKS, &["--jit=off"])),
        ("tasks_stand_on_those_who_await_them", tasks_stand_on_those_who_await_them),
        ("natives_and_collections_have_their_own_time", natives_and_collections),
        ("allocations_belong_to_who_allocates", allocations),
        ("formats_by_name_and_by_ending", formats),
        ("the_exit_code_is_the_program_s", exit_codes),
        ("many_samples_of_deep_stacks", many_samples_of_deep_stacks),
        ("nothing_to_show_is_no_failure", nothing_to_show),
        ("a_profile_that_cannot_be_written_is_a_failure", unwritable),
    ];
    const MACHINE_CODE: &[(&str, Check)] = &[
        ("time_in_machine_code", || known_time("compiled", PLAIN, &["--jit=on"])),
        ("time_in_tasks_that_call_machine_code", || known_time("both", TASKS, &["--jit=on"])),
        ("frames_of_machine_code", frames_of_machine_code),
        ("runtime_that_machine_code_calls", runtime_that_machine_code_calls),
        ("perf_map_names_machine_code", perf_map),
        ("jitdump_has_code_and_lines", jitdump),
    ];
    let built_in = if cfg!(feature = "jit") { MACHINE_CODE } else { &[] };
    let system = cfg!(target_os = "linux");
    CHECKS
        .iter()
        .chain(built_in)
        .map(|(name, check)| {
            Trial::test(format!("profile::{name}"), check).with_ignored_flag(!system)
        })
        .collect()
}

/// Two functions that spin, and how long each did, in microseconds.
const SPIN: &str = "
(var spent_a 0)
(var spent_b 0)
(var waited 0)
(fn a [us]
  (var start (time/now_us))
  (var x 0)
  (while ((time/now_us) < (start + us))
    (for i in (range 0 200) (x = ((x * 31 + i) % 1000003))))
  (spent_a = (spent_a + ((time/now_us) - start)))
  x)
(fn b [us]
  (var start (time/now_us))
  (var x 0)
  (while ((time/now_us) < (start + us))
    (for i in (range 0 200) (x = ((x * 31 + i) % 1000003))))
  (spent_b = (spent_b + ((time/now_us) - start)))
  x)
";

/// 70 % in `a`, 20 % in `b`, 10 % waiting.
const PLAIN: &str = "
(fn main []
  (for i in (range 0 16)
    (a 35000)
    (b 10000)
    (var start (time/now_us))
    (sleep 5)
    (waited = (waited + ((time/now_us) - start)))))
(main)
(println spent_a spent_b waited)
";

/// The same, from tasks that wait in the event loop.
const TASKS: &str = "
(fn ^^async task_a [] (await (gene/sleep_async 0)) (a 35000))
(fn ^^async task_b [] (await (gene/sleep_async 0)) (b 10000))
(fn ^^async round []
  (await (task_a))
  (await (task_b))
  (var start (time/now_us))
  (await (gene/sleep_async 5))
  (waited = (waited + ((time/now_us) - start))))
(fn ^^async rounds []
  (for i in (range 0 16) (await (round))))
(await (rounds))
(println spent_a spent_b waited)
";

/// Percentage points that a share may be off.
const POINTS: f64 = 3.0;

fn folder() -> Result<PathBuf, Failed> {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("profile");
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// Runs a program under `gene profile`: how it ended, and the file written.
fn profiled(
    name: &str,
    source: &str,
    output: &str,
    flags: &[&str],
) -> Result<(Outcome, PathBuf), Failed> {
    let program = folder()?.join(format!("{name}.gene"));
    fs::write(&program, source)?;
    let output = folder()?.join(output);
    let _ = fs::remove_file(&output);
    let (program, file) =
        (program.to_string_lossy().into_owned(), output.to_string_lossy().into_owned());
    let words = ["profile", "-o", &file].into_iter().chain(flags.iter().copied());
    Ok((Run::new(words.chain([program.as_str()])).finish()?, output))
}

/// Stacks with their weights, frames without place and kind, outermost first; and the
/// kinds.
struct Folded(Vec<(Vec<(String, String)>, f64)>);

impl Folded {
    fn read(text: &str) -> Result<Folded, Failed> {
        let mut stacks = Vec::new();
        for line in text.lines() {
            let (stack, weight) = line.rsplit_once(' ').ok_or("a line without weight")?;
            let frames = stack.split(';').map(|label| {
                let (name, kind) = label.rsplit_once(" [").unwrap_or((label, ""));
                let name = name.split_once(" (").map_or(name, |(name, _)| name);
                (name.to_owned(), kind.trim_end_matches(']').to_owned())
            });
            stacks.push((frames.collect(), weight.parse()?));
        }
        Ok(Folded(stacks))
    }

    fn total(&self) -> f64 {
        self.0.iter().map(|(_, weight)| weight).sum()
    }

    /// The share, in percent, of stacks with a frame that is so.
    fn share(&self, mut is: impl FnMut(&str, &str) -> bool) -> f64 {
        let with = self.0.iter().filter(|(stack, _)| stack.iter().any(|(n, k)| is(n, k)));
        with.map(|(_, weight)| weight).sum::<f64>() * 100.0 / self.total()
    }

    fn expect(&self, what: &str, share: f64, expected: f64) -> Result<(), Failed> {
        match (share - expected).abs() <= POINTS {
            true => Ok(()),
            false => Err(format!(
                "{what}: {share:.1} % in the profile, {expected:.1} % by the program\n{:#?}",
                self.0
            )
            .into()),
        }
    }
}

fn known_time(name: &str, rest: &str, flags: &[&str]) -> Result<(), Failed> {
    let source = format!("{SPIN}{rest}");
    let (outcome, file) = profiled(name, &source, &format!("{name}.folded"), flags)?;
    outcome.expect_code(0)?;
    let folded = Folded::read(&fs::read_to_string(file)?)?;
    let spent: Vec<f64> =
        outcome.stdout.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
    let [a, b, waited] = spent[..] else { return outcome.fail("it should print three numbers") };
    let percent = |us: f64| us * 100.0 / folded.total();
    folded.expect("a", folded.share(|name, _| name == "a"), percent(a))?;
    folded.expect("b", folded.share(|name, _| name == "b"), percent(b))?;
    folded.expect("waiting", folded.share(|_, kind| kind == "waiting"), percent(waited))?;
    let compiled = folded.share(|name, kind| name == "a" && kind == "compiled");
    match flags.contains(&"--jit=on") {
        true if compiled < 30.0 => Err(format!("only {compiled:.1} % compiled").into()),
        false if compiled > 0.0 => Err(format!("{compiled:.1} % compiled").into()),
        _ => Ok(()),
    }
}

fn tasks_stand_on_those_who_await_them() -> Result<(), Failed> {
    let source = format!("{SPIN}{TASKS}").replace("(range 0 16)", "(range 0 3)");
    let (outcome, file) = profiled("await", &source, "await.folded", &["--jit=off"])?;
    outcome.expect_code(0)?;
    let folded = Folded::read(&fs::read_to_string(file)?)?;
    let path = ["<module>", "rounds", "round", "task_a", "a"];
    let joined: f64 = folded
        .0
        .iter()
        .filter(|(stack, _)| {
            stack.len() >= path.len() && stack.iter().zip(path).all(|((name, _), p)| name == p)
        })
        .map(|(_, weight)| weight)
        .sum();
    let all = folded.share(|name, _| name == "a");
    folded.expect("a below its tasks", joined * 100.0 / folded.total(), all)
}

/// Half of the time in a native that takes long, and some in the collector.
fn natives_and_collections() -> Result<(), Failed> {
    let source = "
(var text \"ab\")
(for i in (range 0 18) (text = #\"#{text}#{text}\"))
(var end ((time/now_us) + 400000))
(var n 0)
(while ((time/now_us) < end)
  (n = (n + ((text .split \"a\") .size))))
(println (n > 0))
";
    let (outcome, file) = profiled("natives", source, "natives.folded", &[])?;
    outcome.expect_code(0)?.expect_stdout("true\n")?;
    let folded = Folded::read(&fs::read_to_string(file)?)?;
    let native = folded.share(|name, kind| name == "split" && kind == "native");
    let collector = folded.share(|name, kind| name == "garbage collection" && kind == "GC");
    let module = 100.0 - native - collector;
    match native > 20.0 && collector > 1.0 && module < 20.0 {
        true => Ok(()),
        false => Err(format!("{native:.1} % split, {collector:.1} % collector").into()),
    }
}

/// `small` makes a quarter of what `large` makes.
fn allocations() -> Result<(), Failed> {
    let source = "
(fn small [] (var all []) (for i in (range 0 1000) (all .add [i i i i])) all)
(fn large []
  (var all []) (for i in (range 0 4000) (all .add [i i i i])) all)
(for i in (range 0 200) (small) (large))
";
    for flags in [&["--alloc", "--jit=off"][..], &["--alloc=16k", "--jit=on"]] {
        let (outcome, file) = profiled("alloc", source, "alloc.folded", flags)?;
        outcome.expect_code(0)?.expect_stderr_contains("allocated")?;
        let folded = Folded::read(&fs::read_to_string(file)?)?;
        let (small, large) = (folded.share(|n, _| n == "small"), folded.share(|n, _| n == "large"));
        let ratio = small / large;
        if !(0.2..0.3).contains(&ratio) || folded.total() < 20e6 {
            return Err(format!("{small:.1} % small, {large:.1} % large: {flags:?}").into());
        }
    }
    Ok(())
}

fn formats() -> Result<(), Failed> {
    let source = "
(fn spin [n] (var x 0) (for i in (range 0 n) (x = ((x * 31 + i) % 1000003))) x)
(println (spin 400000))
";
    let (outcome, file) = profiled("formats", source, "formats.svg", &["--jit=off"])?;
    outcome.expect_code(0)?.expect_stderr_contains("spin")?.expect_stderr_contains("written to")?;
    let svg = fs::read_to_string(file)?;
    let known = ["<svg", "spin (formats.gene:2) [interpreted]", "Gene, interpreted"];
    if let Some(missing) = known.iter().find(|words| !svg.contains(**words)) {
        return Err(format!("the picture lacks {missing}").into());
    }
    let (_, file) = profiled("formats", source, "formats.json", &["--jit=off"])?;
    let json: serde_json::Value = serde_json::from_str(&fs::read_to_string(file)?)?;
    let frames = json["shared"]["frames"].as_array().ok_or("no frames")?;
    let spin = frames.iter().find(|f| f["name"] == "spin [interpreted]").ok_or("no spin")?;
    if spin["line"] != 2 {
        return Err(format!("spin begins in line 2, not in {}", spin["line"]).into());
    }
    let flags = ["--jit=off", "--format=pprof"];
    let (_, file) = profiled("formats", source, "formats.whatever", &flags)?;
    let (packed, mut bytes) = (fs::read(file)?, Vec::new());
    GzDecoder::new(&packed[..]).read_to_end(&mut bytes)?;
    let decoded = String::from_utf8_lossy(&bytes);
    match decoded.contains("spin [interpreted]") {
        true => Ok(()),
        false => Err("no spin in the file for pprof".into()),
    }
}

fn exit_codes() -> Result<(), Failed> {
    let spin = "(var x 0) (for i in (range 0 200000) (x = ((x * 31 + i) % 1000003)))";
    let signal = "(system/Process/start \"sh\" \"-c\" \"sleep 0.1; kill -INT $PPID\")";
    let endings = [
        ("(exit 7)", 7),
        ("(throw \"no\")", 1),
        ("(nonsense)", 1),
        (&format!("{signal} (loop 1)"), 130),
    ];
    for (ending, code) in endings {
        let source = format!("{spin}\n{ending}\n");
        let (outcome, file) = profiled("ending", &source, "ending.folded", &["--jit=off"])?;
        outcome.expect_code(code)?;
        if !fs::read_to_string(file).is_ok_and(|text| text.contains("<module>")) {
            return outcome.fail(&format!("no profile after {ending}"));
        }
    }
    Ok(())
}

/// Ticks at every point of calls that nest through natives; each takes as long to note as
/// the next is away.
fn many_samples_of_deep_stacks() -> Result<(), Failed> {
    let source = "
(class Link
  (ctor [/n])
  (method \"==\" [o] (if (/n == 0) true else ((new Link (/n - 1)) == (new Link (/n - 1))))))
(var equal 0)
(for i in (range 1 40)
  (if ((new Link 900) == (new Link 900)) (equal = (equal + 1))))
(println equal)
";
    let (outcome, _) = profiled("deep", source, "deep.folded", &["--rate=20000", "--jit=off"])?;
    outcome.expect_code(0)?.expect_stdout("40\n").map(drop)
}

fn nothing_to_show() -> Result<(), Failed> {
    let (outcome, file) = profiled("short", "1", "short.svg", &["--rate=1"])?;
    outcome.expect_code(0)?.expect_stderr_contains("nothing was sampled")?;
    match file.exists() {
        true => Err("a picture of nothing".into()),
        false => Ok(()),
    }
}

fn unwritable() -> Result<(), Failed> {
    let source = "(var x 0) (for i in (range 0 200000) (x = ((x * 31 + i) % 1000003)))";
    let (outcome, _) = profiled("unwritable", source, "no/such/folder.svg", &["--jit=off"])?;
    outcome.expect_code(1)?.expect_stderr_contains("cannot write").map(drop)
}

/// Microseconds of machine code that a test wants to see: a debug build takes long to
/// make it.
const ENOUGH: f64 = 30_000.0;

/// Calls three deep in machine code, one of them recursive.
fn frames_of_machine_code() -> Result<(), Failed> {
    let source = "
(fn fib [n] (if (n < 2) n else ((fib (n - 1)) + (fib (n - 2)))))
(fn middle [n] (var sum 0) (for i in (range 0 n) (sum = (sum + (fib 12)))) sum)
(fn outer [n] (+ 1 (middle n)))
(for i in (range 0 3000) (outer 20))
";
    let flags = ["--jit-calls=50", "--jit-loops=200"];
    let (outcome, file) = profiled("frames", source, "frames.folded", &flags)?;
    outcome.expect_code(0)?;
    let folded = Folded::read(&fs::read_to_string(file)?)?;
    let (mut all, mut right, mut deep) = (0.0, 0.0, 0);
    for (stack, weight) in &folded.0 {
        let names: Vec<&str> = stack.iter().map(|(name, _)| name.as_str()).collect();
        let fibs = names.iter().filter(|name| **name == "fib").count();
        if fibs > 0 && stack.iter().all(|(name, kind)| name != "fib" || kind == "compiled") {
            all += weight;
            deep = deep.max(fibs);
            let path = &names[..names.len() - fibs];
            if path.ends_with(&["<module>", "outer", "middle"]) {
                right += weight;
            }
        }
    }
    match all > ENOUGH && right > 0.97 * all && (5..=12).contains(&deep) {
        true => Ok(()),
        false => Err(format!(
            "{all} us in machine code of fib, {:.1} % of that with the right callers, {deep} deep\n{:#?}",
            right * 100.0 / all,
            folded.0
        )
        .into()),
    }
}

/// Machine code that spends its time in functions of the runtime: comparisons of strings.
fn runtime_that_machine_code_calls() -> Result<(), Failed> {
    let source = "
(var names [])
(for i in (range 0 400) (names .add #\"name number #{i} of some length\"))
(fn find [name]
  (var at -1)
  (for other in names
    (at = (at + 1))
    (if (other == name) (return at)))
  -1)
(fn search [rounds]
  (var sum 0)
  (for i in (range 0 rounds) (sum = (sum + (find names/399))))
  sum)
(for i in (range 0 300) (search 20))
";
    let flags = ["--jit-calls=50", "--jit-loops=500"];
    let (outcome, file) = profiled("helpers", source, "helpers.folded", &flags)?;
    outcome.expect_code(0)?;
    let folded = Folded::read(&fs::read_to_string(file)?)?;
    let own = |wanted: &str| -> f64 {
        let stacks = folded.0.iter().filter(|(stack, _)| {
            stack.last().is_some_and(|(name, kind)| name == wanted && kind == "compiled")
        });
        stacks.map(|(_, weight)| weight).sum()
    };
    match own("find") > ENOUGH && own("search") < 0.1 * own("find") {
        true => Ok(()),
        false => {
            Err(format!("find {} us, search {} us\n{:#?}", own("find"), own("search"), folded.0)
                .into())
        }
    }
}

/// A program that compiles `hot`.
const HOT: &str = "
(fn hot [n] (var x 0) (for i in (range 0 n) (x = ((x * 31 + i) % 1000003))) x)
(for i in (range 0 2000) (hot 20))
";

fn hot(style: &str) -> Result<(Outcome, PathBuf), Failed> {
    let folder = folder()?;
    let program = folder.join("hot.gene");
    fs::write(&program, HOT)?;
    let program = program.to_string_lossy().into_owned();
    let words = ["run", style, "--jit-calls=50", program.as_str()];
    Ok((Run::new(words).current_dir(&folder).finish()?, folder))
}

/// The file in `folder` with this ending and these words in it.
fn written(folder: &Path, ending: &str, words: &str) -> Result<(PathBuf, String), Failed> {
    let files = fs::read_dir(folder)?.filter_map(|entry| Some(entry.ok()?.path()));
    let mut files = files.filter(|path| path.to_string_lossy().ends_with(ending));
    let found = files.find_map(|path| {
        let text = String::from_utf8_lossy(&fs::read(&path).ok()?).into_owned();
        text.contains(words).then_some((path, text))
    });
    found.ok_or_else(|| format!("no *{ending} with {words}").into())
}

fn perf_map() -> Result<(), Failed> {
    let (outcome, _) = hot("--perf=map")?;
    outcome.expect_code(0)?;
    let (file, text) = written("/tmp".as_ref(), ".map", "gene:hot hot.gene:2")?;
    fs::remove_file(&file)?;
    let line = text.lines().find(|line| line.contains("gene:hot hot.gene:2"));
    let line = line.ok_or("no line for hot")?;
    let numbers: Vec<u64> = line
        .split(' ')
        .take(2)
        .map(|word| u64::from_str_radix(word, 16))
        .collect::<Result<_, _>>()?;
    match numbers[..] {
        [address, bytes] if address > 0 && bytes > 0 => Ok(()),
        _ => Err(format!("a strange line: {line}").into()),
    }
}

fn jitdump() -> Result<(), Failed> {
    let (outcome, folder) = hot("--perf=jitdump")?;
    outcome.expect_code(0)?;
    let (file, _) = written(&folder, ".dump", "gene:hot hot.gene:2")?;
    let bytes = fs::read(&file)?;
    fs::remove_file(&file)?;
    let word = |at: usize| u32::from_ne_bytes(bytes[at..at + 4].try_into().unwrap_or_default());
    if word(0) != 0x4A69_5444 || word(8) != 40 {
        return Err("not a jitdump".into());
    }
    // Records: kind, length, time, content.
    let (mut at, mut kinds) = (40, Vec::new());
    while at + 16 <= bytes.len() {
        kinds.push(word(at));
        let length = word(at + 4) as usize;
        if length < 16 || at + length > bytes.len() {
            return Err("a record is cut".into());
        }
        at += length;
    }
    match kinds.contains(&0) && kinds.contains(&2) {
        true => Ok(()),
        false => Err(format!("records {kinds:?}").into()),
    }
}

//! The command line: what the options do, and which exit code means what.

use std::process::Command;
use std::{fs, path::PathBuf};

use libtest_mimic::{Failed, Trial};

use super::process::{Outcome, Run, gene};

type Check = fn() -> Result<(), Failed>;

pub fn trials() -> Vec<Trial> {
    const CHECKS: &[(&str, Check)] = &[
        ("help_lists_the_commands", help_lists_the_commands),
        ("help_of_run_lists_the_flags", help_of_run_lists_the_flags),
        ("version", version),
        ("unknown_flag", unknown_flag),
        ("unknown_command", unknown_command),
        ("missing_file", missing_file),
        ("a_directory_is_no_program", a_directory_is_no_program),
        ("program_from_stdin_by_dash", program_from_stdin_by_dash),
        ("program_from_stdin_by_pipe", program_from_stdin_by_pipe),
        ("empty_program", empty_program),
        ("eval_runs_a_text", eval_runs_a_text),
        ("eval_reports_errors", eval_reports_errors),
        ("arguments_reach_the_program", arguments_reach_the_program),
        ("flags_after_the_file_belong_to_it", flags_after_the_file_belong_to_it),
        ("environment_reaches_the_program", environment_reaches_the_program),
        ("stdin_reaches_the_program", stdin_reaches_the_program),
        ("exit_code_of_the_program", exit_code_of_the_program),
        ("uncaught_exception_is_exit_code_1", uncaught_exception_is_exit_code_1),
        ("output_comes_before_the_report", output_comes_before_the_report),
        ("backtrace", backtrace),
        ("ctrl_c_cancels_what_waits", ctrl_c_cancels_what_waits),
        ("ctrl_c_cancels_what_computes", ctrl_c_cancels_what_computes),
        ("ctrl_c_is_for_those_who_handle_it", ctrl_c_is_for_those_who_handle_it),
        ("shebang", shebang),
        ("parse_prints_the_forms", parse_prints_the_forms),
        ("parse_reports_errors", parse_reports_errors),
        ("compile_prints_instructions", compile_prints_instructions),
        ("stats_go_to_stderr", stats_go_to_stderr),
        ("contracts_off", contracts_off),
        ("strict_nil", strict_nil),
        ("no_type_check", no_type_check),
        ("max_depth", max_depth),
        ("little_address_space", little_address_space),
        ("closed_stdout_is_no_panic", closed_stdout_is_no_panic),
    ];
    const MACHINE_CODE: &[(&str, Check)] = &[
        ("jit_report", jit_report),
        ("jit_thresholds", jit_thresholds),
        ("jit_off_and_eager", jit_off_and_eager),
        ("jit_dumps", jit_dumps),
        ("async_functions_are_never_compiled", async_functions_are_never_compiled),
    ];
    let built_in = if cfg!(feature = "jit") { MACHINE_CODE } else { &[] };
    CHECKS
        .iter()
        .chain(built_in)
        .map(|(name, check)| Trial::test(format!("cli::{name}"), check))
        .collect()
}

/// Writes a program into the tests' own folder.
fn program(name: &str, source: &str) -> Result<PathBuf, Failed> {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("cli");
    fs::create_dir_all(&folder)?;
    let file = folder.join(format!("{name}.gene"));
    fs::write(&file, source)?;
    Ok(file)
}

/// Runs a program with flags before its file and arguments after it.
fn run(name: &str, source: &str, flags: &[&str], arguments: &[&str]) -> Result<Outcome, Failed> {
    let file = program(name, source)?.to_string_lossy().into_owned();
    let words = ["run"].iter().chain(flags).copied().chain([file.as_str()]);
    Run::new(words.chain(arguments.iter().copied())).finish()
}

fn help_lists_the_commands() -> Result<(), Failed> {
    let outcome = Run::new(["--help"]).finish()?;
    outcome.expect_code(0)?;
    for command in ["run", "eval", "parse", "compile"] {
        outcome.expect_stdout_contains(command)?;
    }
    Ok(())
}

fn help_of_run_lists_the_flags() -> Result<(), Failed> {
    let outcome = Run::new(["run", "--help"]).finish()?;
    outcome.expect_code(0)?;
    for flag in ["--jit", "--backtrace", "--stats", "--contracts", "--strict-nil"] {
        outcome.expect_stdout_contains(flag)?;
    }
    Ok(())
}

fn version() -> Result<(), Failed> {
    let outcome = Run::new(["--version"]).finish()?;
    outcome.expect_code(0)?.expect_stdout_contains(env!("CARGO_PKG_VERSION"))?;
    Ok(())
}

fn unknown_flag() -> Result<(), Failed> {
    let outcome = run("unknown_flag", "(println 1)", &["--no-such-flag"], &[])?;
    outcome.survived()?.expect_stdout("")?.expect_stderr_contains("--no-such-flag")?;
    fails(&outcome)
}

fn unknown_command() -> Result<(), Failed> {
    let outcome = Run::new(["no-such-command"]).finish()?;
    outcome.survived()?.expect_stderr_contains("no-such-command")?;
    fails(&outcome)
}

fn missing_file() -> Result<(), Failed> {
    let outcome = Run::new(["run", "no/such/file.gene"]).finish()?;
    outcome.survived()?.expect_stderr_contains("no/such/file.gene")?;
    fails(&outcome)
}

fn a_directory_is_no_program() -> Result<(), Failed> {
    let outcome = Run::new(["run", "tests"]).finish()?;
    outcome.survived()?.expect_stderr_contains("tests")?;
    fails(&outcome)
}

fn program_from_stdin_by_dash() -> Result<(), Failed> {
    let outcome = Run::new(["run", "-"]).stdin("(println (1 + 2))").finish()?;
    outcome.expect_code(0)?.expect_stdout("3\n")?;
    Ok(())
}

fn program_from_stdin_by_pipe() -> Result<(), Failed> {
    let outcome = Run::new([] as [&str; 0]).stdin("(println (1 + 2))\n").finish()?;
    outcome.expect_code(0)?.expect_stdout("3\n")?;
    Ok(())
}

fn empty_program() -> Result<(), Failed> {
    run("empty", "", &[], &[])?.expect_code(0)?.expect_stdout("")?;
    Ok(())
}

fn eval_runs_a_text() -> Result<(), Failed> {
    let outcome = Run::new(["eval", "(println (1 + 2))"]).finish()?;
    outcome.expect_code(0)?.expect_stdout_contains("3\n")?;
    Ok(())
}

fn eval_reports_errors() -> Result<(), Failed> {
    let outcome = Run::new(["eval", "(nowhere)"]).finish()?;
    outcome.expect_code(1)?.expect_diagnostic()?.expect_stderr_contains("nowhere")?;
    Ok(())
}

fn arguments_reach_the_program() -> Result<(), Failed> {
    let outcome = run("arguments", "(println $args/0 (len $args))", &[], &["one", "two words"])?;
    outcome.expect_code(0)?.expect_stdout("one 2\n")?;
    Ok(())
}

fn flags_after_the_file_belong_to_it() -> Result<(), Failed> {
    let outcome = run("own_flags", "(println $args)", &[], &["--stats", "-x"])?;
    outcome.expect_code(0)?.expect_stdout("[--stats -x]\n")?;
    Ok(())
}

fn environment_reaches_the_program() -> Result<(), Failed> {
    let file = program("environment", "(println $env/GENE_TEST_COLOUR)")?;
    let outcome = Run::new(["run".into(), file]).env("GENE_TEST_COLOUR", "teal").finish()?;
    outcome.expect_code(0)?.expect_stdout("teal\n")?;
    Ok(())
}

fn stdin_reaches_the_program() -> Result<(), Failed> {
    let source = "(println (readline)) (println (readline)) (println (readline))";
    let file = program("input", source)?;
    let outcome = Run::new(["run".into(), file]).stdin("first\nsecond").finish()?;
    outcome.expect_code(0)?.expect_stdout("first\nsecond\nnil\n")?;
    Ok(())
}

fn exit_code_of_the_program() -> Result<(), Failed> {
    let outcome = run("exit", "(print \"bye\") (exit 7) (println 1)", &[], &[])?;
    outcome.expect_code(7)?.expect_stdout("bye")?;
    Ok(())
}

fn uncaught_exception_is_exit_code_1() -> Result<(), Failed> {
    let outcome = run("uncaught", "(throw \"too late\")", &[], &[])?;
    outcome.expect_code(1)?.expect_diagnostic()?.expect_stderr_contains("too late")?;
    Ok(())
}

fn output_comes_before_the_report() -> Result<(), Failed> {
    let file = program("merged", "(print \"before\") (throw \"after\")")?;
    let merged = format!("{} run {} 2>&1", gene(), file.display());
    let output = std::process::Command::new("sh").args(["-c", &merged]).output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    match (text.find("before"), text.find("Error: ")) {
        (Some(printed), Some(reported)) if printed < reported => Ok(()),
        _ => Err(format!("the report should follow the output:\n{text}").into()),
    }
}

/// Sends itself the signal of Ctrl-C a little later.
const INTERRUPT_ITSELF: &str =
    "(system/Process/start \"sh\" \"-c\" \"sleep 0.1; kill -INT $PPID\")";

fn ctrl_c_cancels_what_waits() -> Result<(), Failed> {
    let program = format!(
        "(fn ^^async work []
           (try (await (new gene/Future)) finally (println \"task\")))
         (work)
         (gene/actor/enable)
         (var a (gene/actor/spawn (fn ^^async [c m s]
           (try
             (c .reply 1)
             (await (gene/sleep_async 60000))
           finally
             (println \"actor\")))))
         (await (a .send_expect_reply 1))
         {INTERRUPT_ITSELF}
         (try (await (gene/sleep_async 60000)) finally (println \"main\"))"
    );
    let outcome = Run::new(["run", "-"]).stdin(program).finish()?;
    outcome.expect_code(130)?.expect_stdout("main\ntask\nactor\n")?;
    outcome.expect_stderr_contains("GENE.ASYNC.CANCELLED").map(drop)
}

fn ctrl_c_cancels_what_computes() -> Result<(), Failed> {
    let program = format!("{INTERRUPT_ITSELF} (try (loop 1) finally (println \"main\"))");
    let outcome = Run::new(["run", "-"]).stdin(program).finish()?;
    outcome.expect_code(130)?.expect_stdout("main\n").map(drop)
}

fn ctrl_c_is_for_those_who_handle_it() -> Result<(), Failed> {
    let program = format!(
        "(var done (new gene/Future))
         (on_signal \"INT\" (fn [] (done .complete 1)))
         {INTERRUPT_ITSELF}
         (println (await done))
         (exit 0)"
    );
    Run::new(["run", "-"]).stdin(program).finish()?.expect_code(0)?.expect_stdout("1\n").map(drop)
}

fn backtrace() -> Result<(), Failed> {
    let source = "(fn inner [] (throw \"x\"))\n(fn outer [] [(inner)])\n(outer)\n";
    let outcome = run("backtrace", source, &["--backtrace"], &[])?;
    outcome.expect_code(1)?.expect_stderr_contains("inner")?.expect_stderr_contains("outer")?;
    Ok(())
}

fn shebang() -> Result<(), Failed> {
    let outcome = run("shebang", "#!/usr/bin/env gene\n(println \"ran\")\n", &[], &[])?;
    outcome.expect_code(0)?.expect_stdout("ran\n")?;
    Ok(())
}

/// Fewer calls can be nested then, and that is all.
fn little_address_space() -> Result<(), Failed> {
    let unlimited = ["GENE_TEST_NO_LIMIT", "GENE_TEST_COMMAND"];
    if !cfg!(target_os = "linux") || unlimited.iter().any(|name| std::env::var_os(name).is_some()) {
        return Ok(());
    }
    let text = "(fn deep [n] (+ 1 (deep n))) (try (deep 0) catch * (println $ex/message))";
    let file = program("little_address_space", text)?;
    let command = format!("ulimit -v 1000000; exec {} \"$0\"", gene());
    let output = Command::new("sh").args(["-c", &command]).arg(file).output()?;
    let printed = String::from_utf8_lossy(&output.stdout);
    match printed.starts_with("stack overflow: more than ") && !printed.contains(" 1100000 ") {
        true => Ok(()),
        false => Err(format!("{output:?}").into()),
    }
}

fn parse_prints_the_forms() -> Result<(), Failed> {
    let file = program("parse", "(f 1 ^k [a  b]) # comment\n")?;
    let outcome = Run::new(["parse".into(), file]).finish()?;
    outcome.expect_code(0)?.expect_stdout_contains("[a b]")?;
    Ok(())
}

fn parse_reports_errors() -> Result<(), Failed> {
    let file = program("parse_error", "(f 1")?;
    let outcome = Run::new(["parse".into(), file]).finish()?;
    outcome.expect_code(1)?.expect_diagnostic()?.expect_stderr_contains("EOF")?;
    Ok(())
}

fn compile_prints_instructions() -> Result<(), Failed> {
    let file = program("compile", "(fn twice [n] (n * 2)) (println (twice 4))")?;
    let outcome = Run::new(["compile".into(), file]).finish()?;
    outcome.expect_code(0)?.expect_stdout_contains("twice")?;
    Ok(())
}

fn stats_go_to_stderr() -> Result<(), Failed> {
    let outcome = run("stats", "(println 1)", &["--stats"], &[])?;
    outcome.expect_code(0)?.expect_stdout("1\n")?;
    if outcome.stderr.is_empty() { outcome.fail("stderr should hold the counters") } else { Ok(()) }
}

fn contracts_off() -> Result<(), Failed> {
    let source = "(fn f [n] ^pre [(n > 0)] n) (println (f -1))";
    run("contracts_off", source, &["--contracts=off"], &[])?
        .expect_code(0)?
        .expect_stdout("-1\n")?;
    let checked = run("contracts_on", source, &["--contracts=on"], &[])?;
    checked.expect_code(1)?.expect_stderr_contains("ContractViolation: f precondition #1")?;
    Ok(())
}

fn strict_nil() -> Result<(), Failed> {
    let source = "(fn f [n: Int] n) (println (f nil))";
    run("lenient_nil", source, &[], &[])?.expect_code(0)?.expect_stdout("nil\n")?;
    let strict = run("strict_nil", source, &["--strict-nil"], &[])?;
    strict.expect_code(1)?.expect_stderr_contains("expected Int, got Nil")?;
    Ok(())
}

fn no_type_check() -> Result<(), Failed> {
    let source = "(fn f [n: Int] n) (println (f \"text\"))";
    let outcome = run("no_type_check", source, &["--no-type-check"], &[])?;
    outcome.expect_code(0)?.expect_stdout("text\n")?;
    if outcome.stderr.contains("Type error") {
        return outcome.fail("the checker should be silent");
    }
    Ok(())
}

fn max_depth() -> Result<(), Failed> {
    let source = "(fn down [n] (if (n == 0) 0 else (1 + (down (n - 1)))))\n(println (down 50))\n(println (down 5000))\n";
    let outcome = run("max_depth", source, &["--max-depth=1000"], &[])?;
    outcome.expect_code(1)?.expect_stdout("50\n")?.expect_stderr_contains("stack overflow")?;
    Ok(())
}

/// `gene run endless.gene | head -1` must end when the reader goes away.
fn closed_stdout_is_no_panic() -> Result<(), Failed> {
    let file = program("closed", "(repeat 200000 (println \"line after line\"))")?;
    let piped = format!("{} run {} | head -1", gene(), file.display());
    let output = std::process::Command::new("sh").args(["-c", &piped]).output()?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    if output.stdout == b"line after line\n" && !stderr.contains("panicked") {
        return Ok(());
    }
    Err(format!("stdout {:?}\nstderr {stderr}", String::from_utf8_lossy(&output.stdout)).into())
}

/// A function that is called and a loop, both 30 000 times.
const HOT: &str = "(fn twice [n] (n * 2))\n\
    (fn sum [n] (var s 0) (repeat n (s += (twice 1))) s)\n\
    (println (sum 500000))\n";

/// Lines of a report about something that was compiled.
fn compiled(outcome: &Outcome) -> Vec<&str> {
    outcome.stderr.lines().filter(|line| line.starts_with("compiled")).collect()
}

fn jit_report() -> Result<(), Failed> {
    let outcome = run("jit_report", HOT, &["--jit-report", "--stats"], &[])?;
    outcome.expect_code(0)?.expect_stdout("1000000\n")?.expect_stderr_contains("machine code")?;
    if !compiled(&outcome).iter().any(|line| line.contains("loop in sum")) {
        return outcome.fail("the loop should be compiled");
    }
    outcome.expect_stderr_contains("includes twice")?;
    Ok(())
}

fn jit_thresholds() -> Result<(), Failed> {
    let never = ["--jit-calls=1000000", "--jit-loops=1000000", "--jit-report"];
    let outcome = run("jit_thresholds", HOT, &never, &[])?;
    outcome.expect_code(0)?.expect_stdout("1000000\n")?;
    if !compiled(&outcome).is_empty() {
        return outcome.fail("nothing should be hot");
    }
    outcome.expect_stderr_contains("nothing was hot")?;
    let source = HOT.replace("500000", "2500");
    let soon = ["--jit-calls=20", "--jit-loops=200", "--jit-report"];
    let outcome = run("jit_soon", &source, &soon, &[])?;
    outcome.expect_code(0)?.expect_stdout("5000\n")?.expect_stderr_contains("compiled")?;
    Ok(())
}

fn jit_off_and_eager() -> Result<(), Failed> {
    let outcome = run("jit_off", HOT, &["--jit=off", "--jit-report"], &[])?;
    outcome
        .expect_code(0)?
        .expect_stdout("1000000\n")?
        .expect_stderr_contains("nothing is compiled")?;
    let source = HOT.replace("500000", "3");
    let outcome = run("jit_eager", &source, &["--jit=eager", "--jit-report"], &[])?;
    outcome.expect_code(0)?.expect_stdout("6\n")?.expect_stderr_contains("compiled  twice")?;
    let outcome = run("jit_native_code", HOT, &["--native-code", "--jit-report"], &[])?;
    outcome.expect_code(0)?.expect_stdout("1000000\n")?.expect_stderr_contains("compiled")?;
    Ok(())
}

fn jit_dumps() -> Result<(), Failed> {
    let outcome = run("jit_dumps", HOT, &["--dump=clif,asm"], &[])?;
    outcome.expect_code(0)?.expect_stdout("1000000\n")?;
    // The name above its listing, a block of Cranelift, a return of the processor.
    for part in ["; sum (Loop(", "block0(", "ret"] {
        outcome.expect_stderr_contains(part)?;
    }
    Ok(())
}

fn async_functions_are_never_compiled() -> Result<(), Failed> {
    let example = "examples/tile_renderer.gene";
    // The thresholds are the usual ones, but hold from the start.
    for mode in ["--jit-calls=3000", "--jit=eager"] {
        let outcome = Run::new(["run", mode, "--jit-report", example])
            .limit(std::time::Duration::from_secs(60))
            .finish()?;
        outcome.expect_code(0)?;
        let names = |name: &str| {
            let lines = outcome.stderr.lines();
            let about = |line: &&str| line.starts_with("compiled") || line.starts_with("refused");
            lines.filter(about).any(|line| line.contains(name))
        };
        if !names("escape_time (") {
            return outcome.fail("what is called for each point should be compiled");
        }
        for name in ["render_strip (", "render (", "clock ("] {
            if names(name) {
                return outcome.fail(&format!("{name}..) should stay interpreted"));
            }
        }
    }
    Ok(())
}

/// A misuse of the command line has an exit code of its own choosing, but not 0.
fn fails(outcome: &Outcome) -> Result<(), Failed> {
    if outcome.code == Some(0) { outcome.fail("the exit code should not be 0") } else { Ok(()) }
}

//! The environment, and other programs (13.6).
//!
//! The environment of the program is the map `$env`; that of the process is
//! never changed, since other threads may be reading it. Programs that are
//! started get the map.

use std::process::{Command, Output, Stdio};

use super::files::io_error;
use super::*;
use crate::object::{Map, string};

pub(super) fn install(vm: &mut Vm) {
    let env = Map::new(&mut vm.heap, 0);
    for (name, value) in std::env::vars_os() {
        let (Ok(name), Ok(value)) = (name.into_string(), value.into_string()) else { continue };
        let value = text(vm, &value);
        env.set(&mut vm.heap, Symbol::intern(&name), value);
    }
    vm.globals.insert(Symbol::intern("env"), env.value());
    if let Ok(path) = std::env::current_dir() {
        let path = text(vm, &path.to_string_lossy());
        vm.globals.insert(Symbol::intern("cwd"), path);
    }
    functions(vm, FUNCTIONS);
    for (names, min, max, function) in SYSTEM {
        for name in *names {
            vm.define_fn_in(name, *min, *max, *function);
        }
    }
}

const FUNCTIONS: &Natives = &[
    (&["get_env"], 1, 2, get_env),
    (&["set_env"], 2, 2, set_env),
    (&["has_env"], 1, 1, has_env),
    (&["cwd"], 0, 0, cwd),
];

const SYSTEM: &Natives = &[
    (&["system/cwd"], 0, 0, cwd),
    (&["system/cd"], 1, 1, cd),
    (&["system/os"], 0, 0, |vm, _| Ok(text(vm, std::env::consts::OS))),
    (&["system/arch"], 0, 0, |vm, _| Ok(text(vm, arch()))),
    (&["system/args"], 0, 0, arguments),
    (&["system/exec"], 1, ANY, exec),
    (&["system/shell"], 1, 1, shell),
    (&["gene/os/exec"], 1, 1, os_exec),
];

// ---- environment ---------------------------------------------------------

fn env(vm: &Vm) -> Option<Gc<Map>> {
    Gc::from_value(*vm.globals.get(&Symbol::intern("env"))?)
}

/// A variable that is not empty.
fn variable(vm: &mut Vm, args: Args) -> Result<Option<Value>, Throw> {
    let name = vm.name_arg(args, 0)?;
    let value = env(vm).and_then(|e| e.get(name));
    Ok(value.filter(|v| string::text_of(*v) != Some("")))
}

fn get_env(vm: &mut Vm, args: Args) -> Outcome {
    Ok(variable(vm, args)?.unwrap_or(args.get(1)))
}

fn has_env(vm: &mut Vm, args: Args) -> Outcome {
    Ok(Value::bool(variable(vm, args)?.is_some()))
}

fn set_env(vm: &mut Vm, args: Args) -> Outcome {
    let name = vm.name_arg(args, 0)?;
    if name.as_str().is_empty() || name.as_str().contains(['=', '\0']) {
        return Err(vm.arg_error(format!("set_env: {:?} is not a name", name.as_str())));
    }
    let value = match args.get(1) {
        Value::NIL => String::new(),
        value => vm.display_text(value),
    };
    let value = text(vm, &value);
    if let Some(env) = env(vm) {
        env.set(&mut vm.heap, name, value);
    }
    Ok(Value::NIL)
}

fn cwd(vm: &mut Vm, _: Args) -> Outcome {
    match std::env::current_dir() {
        Ok(path) => Ok(text(vm, &path.to_string_lossy())),
        Err(error) => Err(io_error(vm, "find the working directory", ".", &error)),
    }
}

fn cd(vm: &mut Vm, args: Args) -> Outcome {
    let path = vm.str_arg(args, 0)?.to_owned();
    if let Err(error) = std::env::set_current_dir(&path) {
        return Err(io_error(vm, "change to directory", &path, &error));
    }
    let new = cwd(vm, args)?;
    vm.globals.insert(Symbol::intern("cwd"), new);
    Ok(Value::NIL)
}

/// The name that package systems use.
fn arch() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "x86" => "i386",
        other => other,
    }
}

fn arguments(vm: &mut Vm, _: Args) -> Outcome {
    if let Some(args) = vm.globals.get(&Symbol::intern("args")).copied()
        && let Some(args) = Gc::<Array>::from_value(args)
    {
        return Ok(array(vm, args.elements()));
    }
    Ok(array(vm, &[]))
}

// ---- programs ------------------------------------------------------------

/// A program with the environment of ours.
pub(super) fn command(vm: &Vm, program: &str) -> Command {
    let mut command = Command::new(program);
    if let Some(env) = env(vm) {
        command.env_clear();
        command.envs(env.entries().into_iter().map(|(k, v)| (k.as_str(), vm.display_text(v))));
    }
    command
}

/// Runs a program to its end.
fn run(vm: &mut Vm, mut command: Command, name: &str) -> Result<Output, Throw> {
    vm.flush();
    command.stdin(Stdio::inherit()).stderr(Stdio::inherit());
    command.output().map_err(|error| io_error(vm, "start process", name, &error))
}

fn exec(vm: &mut Vm, args: Args) -> Outcome {
    let program = vm.str_arg(args, 0)?.to_owned();
    let mut command = command(vm, &program);
    command.args(args.iter().skip(1).map(|a| vm.display_text(a)));
    let output = run(vm, command, &program)?;
    Ok(text(vm, &String::from_utf8_lossy(&output.stdout)))
}

fn shell(vm: &mut Vm, args: Args) -> Outcome {
    let line = vm.str_arg(args, 0)?;
    let mut command = command(vm, "sh");
    // A line of its own: the shell redirects before it reads what follows.
    command.arg("-c").arg(format!("exec 2>&1\n{line}"));
    let output = run(vm, command, "sh")?;
    let shown = text(vm, &String::from_utf8_lossy(&output.stdout));
    let code = Value::small_int(exit_code(output.status));
    let entries = [("output".into(), shown), ("exit_code".into(), code)];
    Ok(Map::from_entries(&mut vm.heap, &entries).value())
}

fn os_exec(vm: &mut Vm, args: Args) -> Outcome {
    let line = vm.str_arg(args, 0)?;
    let mut command = command(vm, "sh");
    command.arg("-c").arg(line);
    let output = run(vm, command, "sh")?;
    Ok(text(vm, &String::from_utf8_lossy(&output.stdout)))
}

/// The exit code; 128 + signal of a program that was killed.
pub(super) fn exit_code(status: std::process::ExitStatus) -> i64 {
    use std::os::unix::process::ExitStatusExt;
    let killed = || 128 + i64::from(status.signal().unwrap_or(0));
    status.code().map_or_else(killed, i64::from)
}

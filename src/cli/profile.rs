//! `gene profile`: samples a program while it runs, and writes what was seen.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::flags::{ProfileArgs, ProfileFormat};
use crate::engine::Engine;
use crate::profile::Profile;
use crate::vm::Vm;
use crate::vm::sampling::Sampling;

/// Bytes between two samples of allocations.
pub const ALLOC_BYTES: &str = "64k";

impl ProfileArgs {
    fn sampling(&self) -> Sampling {
        match self.alloc {
            Some(every) => Sampling::Bytes { every },
            None => Sampling::Time { hertz: self.rate },
        }
    }

    /// The format that was asked for, by name or by the end of the file's name.
    fn format(&self) -> ProfileFormat {
        self.format.unwrap_or_else(|| {
            let name = self.output.as_deref().map(Path::to_string_lossy).unwrap_or_default();
            match name.as_ref() {
                n if n.ends_with(".folded") || n.ends_with(".txt") => ProfileFormat::Folded,
                n if n.ends_with(".json") => ProfileFormat::Speedscope,
                n if n.ends_with(".pb.gz") || n.ends_with(".pprof") => ProfileFormat::Pprof,
                _ => ProfileFormat::Svg,
            }
        })
    }

    fn output(&self) -> PathBuf {
        self.output.clone().unwrap_or_else(|| {
            PathBuf::from(match self.format() {
                ProfileFormat::Svg => "profile.svg",
                ProfileFormat::Folded => "profile.folded",
                ProfileFormat::Speedscope => "profile.speedscope.json",
                ProfileFormat::Pprof => "profile.pb.gz",
            })
        })
    }
}

/// Begins to sample. [`finish`] ends it, or the program does when it exits.
///
/// # Errors
///
/// If the system does not allow it.
pub fn begin(engine: &mut Engine, args: &ProfileArgs, program: &str) -> Result<(), String> {
    let start = Instant::now();
    engine.vm.start_sampling(args.sampling())?;
    let (format, output, program) = (args.format(), args.output(), program.to_owned());
    engine.vm.before_exit = Some(Box::new(move |vm| {
        let Some(sampling) = vm.sampling() else { return true };
        let samples = vm.stop_sampling().unwrap_or_default();
        let profile = Profile::new(vm, &program, sampling, samples, start.elapsed());
        match write(vm, &profile, format, &output) {
            Ok(()) => true,
            Err(error) => {
                let _ = writeln!(io::stderr(), "gene: cannot write {}: {error}", output.display());
                false
            }
        }
    }));
    Ok(())
}

/// Writes the profile, unless that has been done; whether that went well.
pub fn finish(vm: &mut Vm) -> bool {
    vm.before_exit.take().is_none_or(|write| write(vm))
}

fn write(vm: &mut Vm, profile: &Profile, format: ProfileFormat, output: &Path) -> io::Result<()> {
    vm.flush();
    let mut err = io::stderr();
    err.write_all(profile.summary().as_bytes())?;
    if profile.stacks.is_empty() {
        let advice = "nothing was sampled: the program ended too soon, see --rate and --alloc";
        return writeln!(err, "{advice}");
    }
    let bytes = match format {
        ProfileFormat::Svg => profile.svg()?.into_bytes(),
        ProfileFormat::Folded => (profile.folded().join("\n") + "\n").into_bytes(),
        ProfileFormat::Speedscope => serde_json::to_vec(&profile.speedscope())?,
        ProfileFormat::Pprof => profile.pprof()?,
    };
    fs::write(output, bytes)?;
    writeln!(err, "written to {}", output.display())
}

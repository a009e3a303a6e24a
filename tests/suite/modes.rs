//! The ways a program is run: what it prints must not depend on any of them.

use std::env;

use libtest_mimic::Failed;

/// A way to run a program, as flags of `gene run`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Mode {
    pub name: &'static str,
    pub flags: &'static [&'static str],
    /// How much longer a program may take than in the interpreter.
    pub patience: u32,
}

/// The plain interpreter, which defines what is right.
pub const INTERP: Mode = Mode { name: "interp", flags: &["--jit=off"], patience: 1 };
/// A collection at every safepoint finds what is not rooted.
pub const GC_STRESS: Mode =
    Mode { name: "gc-stress", flags: &["--jit=off", "--gc-stress"], patience: 6 };
/// The invariants of the heap are checked at every collection.
pub const VERIFY_HEAP: Mode =
    Mode { name: "verify-heap", flags: &["--jit=off", "--verify-heap"], patience: 3 };
/// Machine code from the first call on.
pub const JIT_EAGER: Mode = Mode { name: "jit-eager", flags: &["--jit=eager"], patience: 3 };
/// Machine code soon, from what the interpreter has noted.
pub const JIT_SOON: Mode = Mode {
    name: "jit-soon",
    flags: &["--jit=on", "--jit-calls=20", "--jit-loops=200"],
    patience: 3,
};
/// A simulated clock.
pub const VIRTUAL_TIME: Mode =
    Mode { name: "virtual-time", flags: &["--jit=off", "--virtual-time"], patience: 1 };

const ALL: [Mode; 6] = [INTERP, GC_STRESS, VERIFY_HEAP, JIT_EAGER, JIT_SOON, VIRTUAL_TIME];

/// The default modes of a suite and those that `GENE_TEST_MODES` adds. A build
/// without compiled tier interprets in all of them: it has fewer.
pub fn selected(defaults: &[Mode]) -> Vec<Mode> {
    let added = env::var("GENE_TEST_MODES").unwrap_or_default();
    for name in added.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        assert!(
            ALL.iter().any(|mode| mode.name == name),
            "GENE_TEST_MODES names the unknown mode {name:?}"
        );
    }
    ALL.into_iter()
        .filter(|mode| cfg!(feature = "jit") || !mode.name.starts_with("jit-"))
        .filter(|mode| {
            defaults.contains(mode) || added.split(',').any(|name| name.trim() == mode.name)
        })
        .collect()
}

/// Checks a program in a mode; `check` gets the flags.
///
/// On a busy machine a process can stand still for so long that timers which lie
/// milliseconds apart are due together. Programs with timers therefore have a
/// simulated clock in all modes but the plain one, where they get another chance.
pub fn check(
    mode: Mode,
    source: &str,
    check: impl Fn(&[&'static str]) -> Result<(), Failed>,
) -> Result<(), Failed> {
    let timers = ["sleep", "timeout", "interval"].iter().any(|word| source.contains(word));
    let looks_at_clock = ["now", "$duration"].iter().any(|word| source.contains(word));
    let mut flags = mode.flags.to_vec();
    if timers && !looks_at_clock && mode != INTERP && mode != VIRTUAL_TIME {
        flags.push("--virtual-time");
    }
    let attempts = if timers && !flags.contains(&"--virtual-time") { 3 } else { 1 };
    let mut result = check(&flags);
    for _ in 1..attempts {
        if result.is_err() {
            result = check(&flags);
        }
    }
    result
}

//! Compiled modules on disk, so that large programs start quickly.
//!
//! An entry is a file named after the path of the source. It begins with a
//! hash of everything that its code depends on: the text, the options, this
//! very build. Anything else, damage included, counts as no entry, and the
//! source is compiled again. Entries are written beside and renamed, so that
//! processes may share a directory.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::UNIX_EPOCH;

use gene_isa::{Code, Module};
use sha2::{Digest, Sha256};

use crate::compiler::Options;

/// Shorter texts compile faster than an entry is found and checked.
const LEAST_TEXT: usize = 2 << 10;

/// Length of the hash at the beginning of an entry.
const HASH: usize = 32;

/// A directory of compiled modules.
#[derive(Clone, Debug, Default)]
pub struct Cache {
    /// `None` if nothing is kept.
    dir: Option<PathBuf>,
    /// What all code of this process depends on.
    stamp: Vec<u8>,
}

impl Cache {
    /// The cache that `GENE_CACHE` names (`off`, or a directory), else `gene`
    /// in the user's cache directory.
    pub fn from_env(options: &Options) -> Cache {
        let variable = |name| std::env::var_os(name).filter(|v| !v.is_empty());
        let dir = match variable("GENE_CACHE") {
            Some(off) if off == "off" => None,
            Some(dir) => Some(PathBuf::from(dir)),
            None => {
                let home = || Some(Path::new(&variable("HOME")?).join(".cache"));
                let base = variable("XDG_CACHE_HOME").map(PathBuf::from).or_else(home);
                base.map(|base| base.join("gene"))
            }
        };
        Cache::new(dir, options)
    }

    /// A cache in this directory.
    pub fn new(dir: Option<PathBuf>, options: &Options) -> Cache {
        let mut stamp = gene_isa::table_hash().to_le_bytes().to_vec();
        stamp.extend([options.contracts, options.type_check, options.keep_variables].map(u8::from));
        // Another build may compile the same text differently.
        let build = std::env::current_exe().and_then(fs::metadata);
        let time = build.as_ref().ok().and_then(|b| b.modified().ok());
        let time = time.and_then(|t| t.duration_since(UNIX_EPOCH).ok()).map(|t| t.as_nanos());
        stamp.extend(time.unwrap_or_default().to_le_bytes());
        stamp.extend(build.map_or(0, |b| b.len()).to_le_bytes());
        stamp.extend(env!("CARGO_PKG_VERSION").bytes());
        Cache { dir: dir.filter(|_| time.is_some()), stamp }
    }

    /// Where the entry for a source is; `None` if it is not kept.
    fn entry(&self, source: &Path, text: &str) -> Option<PathBuf> {
        // What `comptime` gives may depend on the environment.
        if text.len() < LEAST_TEXT || text.contains("comptime") {
            return None;
        }
        let name = hex(&Sha256::digest(source.as_os_str().as_encoded_bytes())[..16]);
        Some(self.dir.as_ref()?.join(format!("{name}.code")))
    }

    fn hash(&self, text: &str) -> [u8; HASH] {
        let mut hasher = Sha256::new();
        hasher.update((self.stamp.len() as u64).to_le_bytes());
        hasher.update(&self.stamp);
        hasher.update(text);
        hasher.finalize().into()
    }

    /// The code of a source, if it has been kept. `file` is the number of the
    /// source in this process.
    pub fn load(&self, source: &Path, text: &str, file: u32) -> Option<Module> {
        let bytes = fs::read(self.entry(source, text)?).ok()?;
        let (hash, code) = bytes.split_at_checked(HASH)?;
        if hash != self.hash(text) {
            return None;
        }
        let mut module = gene_isa::decode(code).ok()?;
        set_file(&mut module.main, file);
        Some(module)
    }

    /// Keeps the code of a source. Failures leave things as they were.
    pub fn store(&self, source: &Path, text: &str, module: &Module) {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let Some(entry) = self.entry(source, text).filter(|_| !evaluates(&module.main)) else {
            return;
        };
        let Some(dir) = entry.parent() else { return };
        let mut bytes = self.hash(text).to_vec();
        bytes.extend(gene_isa::encode(module));
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let draft = entry.with_extension(format!("{}-{number}", std::process::id()));
        let written = fs::create_dir_all(dir)
            .and_then(|()| fs::write(&draft, bytes))
            .and_then(|()| fs::rename(&draft, &entry));
        if written.is_err() {
            // The draft, if there is one, is of no use.
            let _ = fs::remove_file(&draft);
        }
    }
}

/// Whether code evaluates data at run time: then the compiler has to know the
/// variables of the module, which code alone does not tell.
fn evaluates(code: &Code) -> bool {
    let mut open = vec![code];
    while let Some(code) = open.pop() {
        if !code.envs.is_empty() {
            return true;
        }
        open.extend(code.protos.iter().map(|proto| &**proto));
    }
    false
}

/// Gives code that has just been read its source. The decoder limits how deep
/// it is.
fn set_file(code: &mut Arc<Code>, file: u32) {
    let code = Arc::make_mut(code);
    code.file = file;
    for proto in &mut code.protos {
        set_file(proto, file);
    }
}

/// Bytes as hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

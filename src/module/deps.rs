//! `gene deps`: copies of dependencies in `.gene/deps`, and the lock file
//! that says which (12.5).

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::cache::hex;
use super::find::{at_path, search};
use super::lock::{self, Lock, Locked};
use super::package::{Dependency, Package};
use super::{Error, INVALID_LOCK, PACKAGE_AMBIGUOUS, PACKAGE_NOT_FOUND};

/// Directories that are no part of a package.
const LEFT_OUT: [&str; 2] = [".gene", ".git"];

/// The package at `dir` or upwards.
///
/// # Errors
/// If there is none.
pub fn root(dir: &Path) -> Result<PathBuf, Error> {
    let dir = dir.canonicalize().map_err(|e| failed(dir, &e))?;
    for above in dir.ancestors() {
        if Package::load(above)?.is_some() {
            return Ok(above.to_owned());
        }
    }
    let message = format!("no package.gene in {} or upwards", dir.display());
    Err(Error::new(PACKAGE_NOT_FOUND, message))
}

/// Makes the copies that the lock file lists, or finds the dependencies and
/// writes it if there is none, or one that does not fit.
///
/// # Errors
/// If a dependency cannot be found or copied.
pub fn install(root: &Path) -> Result<Lock, Error> {
    let package = load(root)?;
    if let Some(lock) = Lock::load(root)? {
        let listed = lock.root_dependencies.keys().map(String::as_str);
        let mut wanted: Vec<&str> = package.dependencies.iter().map(|d| d.name.as_str()).collect();
        wanted.sort_unstable();
        wanted.dedup();
        if listed.eq(wanted) && problems(&lock).is_empty() {
            return Ok(lock);
        }
    }
    update(root)
}

/// Finds all dependencies anew, copies them, and writes the lock file.
///
/// # Errors
/// If a dependency cannot be found or copied.
pub fn update(root: &Path) -> Result<Lock, Error> {
    let mut lock = Lock { root: root.to_owned(), ..Lock::default() };
    let mut sources: BTreeMap<String, PathBuf> = BTreeMap::new();
    let package = load(root)?;
    // Where dependencies are wanted: node id (none for the root) and directory.
    let mut open = vec![(None, root.to_owned(), package.dependencies)];
    while let Some((of, dir, dependencies)) = open.pop() {
        for wanted in dependencies {
            let (source, found) = resolve(&dir, &wanted)?;
            let version = found.version.clone().unwrap_or_else(|| "0.0.0".into());
            let id = format!("{}@{version}", found.name);
            let list = match &of {
                None => Some(&mut lock.root_dependencies),
                Some(of) => lock.packages.get_mut(of).map(|p| &mut p.dependencies),
            };
            if let Some(list) = list {
                list.insert(wanted.name, id.clone());
            }
            match sources.get(&id) {
                Some(other) if *other == source => continue,
                Some(other) => {
                    let (a, b) = (other.display(), source.display());
                    let message = format!("{id} is both {a} and {b}");
                    return Err(Error::new(PACKAGE_AMBIGUOUS, message));
                }
                None => {}
            }
            let relative = format!(".gene/deps/{}/{version}", found.name);
            if !is_version(&version) {
                let message = format!("{version:?} of {} is no version", found.name);
                return Err(Error::new(PACKAGE_NOT_FOUND, message));
            }
            let sha256 = copy(&source, &root.join(&relative)).map_err(|e| failed(&source, &e))?;
            let locked = Locked {
                name: found.name,
                resolved: version,
                dir: relative,
                source: source.strip_prefix(root).unwrap_or(&source).display().to_string(),
                sha256,
                dependencies: BTreeMap::new(),
            };
            lock.packages.insert(id.clone(), locked);
            sources.insert(id.clone(), source.clone());
            open.push((Some(id), source, found.dependencies));
        }
    }
    remove_others(&lock);
    let (file, draft) = (root.join(lock::FILE), root.join(format!("{}.new", lock::FILE)));
    fs::write(&draft, lock.text())
        .and_then(|()| fs::rename(&draft, &file))
        .map_err(|e| failed(&file, &e))?;
    Ok(lock)
}

/// Compares the copies with the hashes in the lock file.
///
/// # Errors
/// `GENE.PACKAGE.INVALID_LOCK` if there is no lock file, or a copy is missing
/// or has been changed.
pub fn verify(root: &Path) -> Result<Lock, Error> {
    let Some(lock) = Lock::load(root)? else {
        let message = format!("no {} in {}", lock::FILE, root.display());
        return Err(Error::new(INVALID_LOCK, message));
    };
    let problems = problems(&lock);
    match problems.is_empty() {
        true => Ok(lock),
        false => Err(Error::new(INVALID_LOCK, problems.join("; "))),
    }
}

/// Removes the copies.
///
/// # Errors
/// If that is not possible.
pub fn clean(root: &Path) -> Result<(), Error> {
    let dir = root.join(".gene/deps");
    match fs::remove_dir_all(&dir) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(&dir, &error)),
        _ => Ok(()),
    }
}

fn load(root: &Path) -> Result<Package, Error> {
    Package::load(root)?.ok_or_else(|| {
        Error::new(PACKAGE_NOT_FOUND, format!("no package.gene in {}", root.display()))
    })
}

/// Removes copies of versions that are not used any more.
fn remove_others(lock: &Lock) {
    let kept: Vec<PathBuf> = lock.packages.values().map(|p| lock.root.join(&p.dir)).collect();
    for versions in kept.iter().filter_map(|dir| dir.parent()?.read_dir().ok()) {
        for dir in versions.flatten().map(|entry| entry.path()) {
            // Packages whose names have more parts lie below, too.
            let used = kept.iter().any(|kept| kept.starts_with(&dir));
            if !used && dir.join(super::package::FILE).is_file() {
                // What cannot be removed does no harm: the lock file decides.
                let _ = fs::remove_dir_all(dir);
            }
        }
    }
}

/// Where a dependency comes from.
fn resolve(dir: &Path, wanted: &Dependency) -> Result<(PathBuf, Package), Error> {
    let source = match &wanted.path {
        Some(path) => at_path(dir, &wanted.name, path)?,
        None => search(dir, &wanted.name)?,
    };
    let package = load(&source)?;
    if wanted.version.is_some() && wanted.version != package.version {
        let (is, has) = (wanted.version.as_deref(), package.version.as_deref());
        let message = format!(
            "\"{}\" {} is wanted, {} has {}",
            wanted.name,
            is.unwrap_or("*"),
            source.display(),
            has.unwrap_or("none")
        );
        return Err(Error::new(PACKAGE_NOT_FOUND, message));
    }
    Ok((source, package))
}

/// Whether a version can be the name of a directory.
fn is_version(version: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b".-_+".contains(&b);
    version.bytes().all(plain) && !version.starts_with('.')
}

fn problems(lock: &Lock) -> Vec<String> {
    let check = |(id, locked): (&String, &Locked)| match hash(&lock.root.join(&locked.dir)) {
        Ok(sha256) if sha256 == locked.sha256 => None,
        Ok(_) => Some(format!("{id} has been changed")),
        Err(error) => Some(format!("{id} cannot be read: {error}")),
    };
    lock.packages.iter().filter_map(check).collect()
}

/// The files of a package, relative to it and in order.
fn files(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let (mut found, mut open) = (Vec::new(), vec![PathBuf::new()]);
    while let Some(relative) = open.pop() {
        for entry in fs::read_dir(dir.join(&relative))? {
            let entry = entry?;
            let (name, kind) = (entry.file_name(), entry.file_type()?);
            let path = relative.join(&name);
            // Links to directories might lead in circles.
            if kind.is_dir() && !LEFT_OUT.iter().any(|out| name == *out) {
                open.push(path);
            } else if kind.is_file() || (kind.is_symlink() && dir.join(&path).is_file()) {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Hash of the names and contents of the files of a package.
fn hash(dir: &Path) -> io::Result<String> {
    let mut hasher = Sha256::new();
    for file in files(dir)? {
        let bytes = fs::read(dir.join(&file))?;
        let name = file.to_string_lossy().into_owned();
        hasher.update((name.len() as u64).to_le_bytes());
        hasher.update(name);
        hasher.update((bytes.len() as u64).to_le_bytes());
        hasher.update(bytes);
    }
    Ok(hex(&hasher.finalize()))
}

/// Copies a package, replacing what is there; the hash of the copy.
fn copy(source: &Path, to: &Path) -> io::Result<String> {
    let all = files(source)?;
    let mut draft = to.as_os_str().to_owned();
    draft.push(".new");
    let draft = PathBuf::from(draft);
    for dir in [&draft, to] {
        if dir.exists() {
            fs::remove_dir_all(dir)?;
        }
    }
    for file in all {
        let target = draft.join(&file);
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::copy(source.join(&file), target)?;
    }
    fs::rename(&draft, to)?;
    hash(to)
}

fn failed(path: &Path, error: &io::Error) -> Error {
    Error::new(PACKAGE_NOT_FOUND, format!("{}: {error}", path.display()))
}

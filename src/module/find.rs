//! From the text of an import to a file (12.3, 12.5).

use std::path::{Component, Path, PathBuf};
use std::rc::Rc;

use rustc_hash::FxHashMap;

use super::lock::Lock;
use super::package::{self, Dependency, Package, bad_name, is_package_name};
use super::{AMBIGUOUS, BOUNDARY, Error, NOT_FOUND, PACKAGE_AMBIGUOUS, PACKAGE_NOT_FOUND};

/// What an import asks for.
#[derive(Clone, Copy, Default, Debug)]
pub struct Request<'a> {
    /// `from "..."`
    pub from: &'a str,
    /// `^pkg "..."`
    pub package: Option<&'a str>,
    /// `^path "..."`
    pub path: Option<&'a str>,
}

/// Finds modules and packages; remembers what it has read.
#[derive(Default)]
pub struct Finder {
    /// The package that each directory belongs to.
    packages: FxHashMap<PathBuf, Rc<Package>>,
    /// `$dep` forms that have been carried out, by the directory they count from.
    declared: FxHashMap<PathBuf, Vec<Dependency>>,
    locks: FxHashMap<PathBuf, Option<Rc<Lock>>>,
}

impl Finder {
    /// The file that an import in a file of directory `dir` means. Both paths
    /// are absolute, the result is without links.
    ///
    /// # Errors
    /// Those of chapter 12.
    pub fn find(&mut self, dir: &Path, request: Request) -> Result<PathBuf, Error> {
        let Some(name) = request.package else { return self.find_plain(dir, request.from) };
        let root = self.locate(dir, name, request.path)?;
        let package = self.package_of(&root)?;
        let path = match request.from {
            "index" => package.main_module.as_str(),
            path => path,
        };
        if leaves(path) {
            let message = format!("\"{path}\" leaves the package \"{name}\"");
            return Err(Error::new(BOUNDARY, message));
        }
        let bases = package.directories();
        match in_tier(&bases, path)? {
            Some(file) => Ok(file),
            None => Err(not_found(path, &bases)),
        }
    }

    fn find_plain(&mut self, dir: &Path, path: &str) -> Result<PathBuf, Error> {
        let mut tried = vec![dir.to_owned()];
        if let Some(file) = in_tier(&tried, path)? {
            return Ok(file);
        }
        let workspace = directories("GENE_WORKSPACE_PATH");
        let workspace = workspace.into_iter().map(|dir| dir.join("src")).collect();
        for tier in [self.package_of(dir)?.directories(), workspace] {
            if let Some(file) = in_tier(&tier, path)? {
                return Ok(file);
            }
            tried.extend(tier);
        }
        Err(not_found(path, &tried))
    }

    /// The package of the modules in a directory.
    ///
    /// # Errors
    /// If its `package.gene` is not usable.
    pub fn package_of(&mut self, dir: &Path) -> Result<Rc<Package>, Error> {
        if let Some(package) = self.packages.get(dir) {
            return Ok(package.clone());
        }
        let mut found = None;
        for above in dir.ancestors() {
            if let Some(package) = Package::load(above)? {
                found = Some(package);
                break;
            }
        }
        let package = Rc::new(found.unwrap_or_else(Package::anonymous));
        self.packages.insert(dir.to_owned(), package.clone());
        Ok(package)
    }

    /// Carries out a `$dep` in a file of directory `dir`.
    ///
    /// # Errors
    /// If the package of the directory is not usable.
    pub fn declare(&mut self, dir: &Path, dependency: Dependency) -> Result<(), Error> {
        let base = self.base(dir)?;
        let list = self.declared.entry(base).or_default();
        list.retain(|d| d.name != dependency.name);
        list.push(dependency);
        Ok(())
    }

    /// The directory from which paths of a package count.
    fn base(&mut self, dir: &Path) -> Result<PathBuf, Error> {
        Ok(self.package_of(dir)?.dir.clone().unwrap_or_else(|| dir.to_owned()))
    }

    /// The directory of a package.
    pub(super) fn locate(
        &mut self,
        dir: &Path,
        name: &str,
        path: Option<&str>,
    ) -> Result<PathBuf, Error> {
        if !is_package_name(name) {
            return Err(bad_name(name));
        }
        let base = self.base(dir)?;
        if let Some(path) = path {
            return at_path(&base, name, path);
        }
        if let Some(found) = self.locked(&base, name)? {
            return Ok(found);
        }
        let written = self.package_of(dir)?;
        let declared = self.declared.get(&base).into_iter().flatten();
        let mut both = declared.chain(&written.dependencies).filter(|d| d.name == name);
        let dependency = both.next().cloned();
        if let Some(path) = dependency.as_ref().and_then(|d| d.path.as_deref()) {
            return at_path(&base, name, path);
        }
        let version = dependency.and_then(|d| d.version);
        if let Some(found) = installed(&base, name, version.as_deref())? {
            return Ok(found);
        }
        search(&base, name)
    }

    /// What the lock file says of a dependency of the package at `base`.
    fn locked(&mut self, base: &Path, name: &str) -> Result<Option<PathBuf>, Error> {
        for above in base.ancestors() {
            let lock = match self.locks.get(above) {
                Some(lock) => lock.clone(),
                None => {
                    let lock = Lock::load(above)?.map(Rc::new);
                    self.locks.insert(above.to_owned(), lock.clone());
                    lock
                }
            };
            if let Some(lock) = lock {
                return lock.directory(base, name);
            }
        }
        Ok(None)
    }
}

/// Whether a path goes out of the directory that it counts from.
fn leaves(path: &str) -> bool {
    let mut depth = 0i32;
    for part in Path::new(path).components() {
        match part {
            Component::CurDir => {}
            Component::Normal(_) => depth += 1,
            Component::ParentDir => depth -= 1,
            Component::RootDir | Component::Prefix(_) => return true,
        }
        if depth < 0 {
            return true;
        }
    }
    false
}

/// The one file that `path` names below one of the directories.
fn in_tier(bases: &[PathBuf], path: &str) -> Result<Option<PathBuf>, Error> {
    let mut found: Vec<PathBuf> = Vec::new();
    for base in bases {
        for name in [format!("{path}.gene"), path.to_owned()] {
            let candidate = base.join(name);
            if let Some(file) = candidate.is_file().then(|| candidate.canonicalize().ok()).flatten()
                && !found.contains(&file)
            {
                found.push(file);
            }
        }
    }
    match found.len() {
        0 | 1 => Ok(found.pop()),
        _ => {
            let files: Vec<String> = found.iter().map(|f| f.display().to_string()).collect();
            let message = format!("\"{path}\" may be {}", files.join(" or "));
            Err(Error::new(AMBIGUOUS, message))
        }
    }
}

fn not_found(path: &str, bases: &[PathBuf]) -> Error {
    let bases: Vec<String> = bases.iter().map(|b| b.display().to_string()).collect();
    Error::new(NOT_FOUND, format!("no module \"{path}\" in {}", bases.join(", ")))
}

pub(super) fn at_path(base: &Path, name: &str, path: &str) -> Result<PathBuf, Error> {
    let dir = base.join(path);
    match dir.join(package::FILE).is_file().then(|| dir.canonicalize().ok()).flatten() {
        Some(dir) => Ok(dir),
        None => {
            let message = format!("no package.gene for \"{name}\" in {}", dir.display());
            Err(Error::new(PACKAGE_NOT_FOUND, message))
        }
    }
}

/// `.gene/deps`, upwards.
fn installed(base: &Path, name: &str, version: Option<&str>) -> Result<Option<PathBuf>, Error> {
    for above in base.ancestors() {
        let dir = above.join(".gene/deps").join(name);
        let Ok(entries) = dir.read_dir() else { continue };
        let mut found: Vec<PathBuf> = entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|dir| version.is_none_or(|v| dir.file_name().is_some_and(|n| n == v)))
            .filter(|dir| dir.join(package::FILE).is_file())
            .collect();
        if found.len() > 1 {
            found.sort();
            let all: Vec<String> = found.iter().map(|f| f.display().to_string()).collect();
            let message = format!("\"{name}\" may be {}", all.join(" or "));
            return Err(Error::new(PACKAGE_AMBIGUOUS, message));
        }
        if let Some(dir) = found.pop() {
            return Ok(Some(dir.canonicalize().unwrap_or(dir)));
        }
    }
    Ok(None)
}

/// `GENE_PACKAGE_PATH`; `packages` and siblings, upwards.
pub(super) fn search(base: &Path, name: &str) -> Result<PathBuf, Error> {
    let last = name.rsplit('/').next().unwrap_or(name);
    let mut places = Vec::new();
    for dir in directories("GENE_PACKAGE_PATH") {
        places.extend([dir.join(name), dir.join(last), dir]);
    }
    for above in base.ancestors() {
        let packages = above.join("packages");
        places.extend([packages.join(name), packages.join(last)]);
        places.extend([above.join(name), above.join(last)]);
    }
    for place in places {
        // Another package may happen to have the directory's name.
        if let Ok(Some(package)) = Package::load(&place)
            && package.name == name
        {
            return Ok(place.canonicalize().unwrap_or(place));
        }
    }
    let message = format!("no package \"{name}\" for {}", base.display());
    Err(Error::new(PACKAGE_NOT_FOUND, message))
}

/// The directories that an environment variable lists.
fn directories(variable: &str) -> Vec<PathBuf> {
    let list = std::env::var_os(variable).unwrap_or_default();
    let here = std::env::current_dir().unwrap_or_default();
    std::env::split_paths(&list)
        .filter(|dir| !dir.as_os_str().is_empty())
        .map(|dir| here.join(dir))
        .collect()
}

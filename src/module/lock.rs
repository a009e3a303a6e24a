//! The lock file of a package: which directory each dependency is (12.5).

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use gene_isa::Symbol;

use super::package;
use super::{Error, INVALID_LOCK};
use crate::reader;
use crate::source::{FileId, Span};
use crate::syntax::{Kind, Node, Prop};

/// Name of the file.
pub const FILE: &str = "package.gene.lock";

/// What a lock file says.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Lock {
    /// The directory in which it lies.
    pub root: PathBuf,
    /// Dependencies of the root package: names and node ids.
    pub root_dependencies: BTreeMap<String, String>,
    /// All packages by node id, `name@version`.
    pub packages: BTreeMap<String, Locked>,
}

/// One package of a lock file.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Locked {
    /// Its name.
    pub name: String,
    /// The version that was taken.
    pub resolved: String,
    /// Where its copy is, relative to the lock file.
    pub dir: String,
    /// Where it came from.
    pub source: String,
    /// Hash of its files.
    pub sha256: String,
    /// Names and node ids.
    pub dependencies: BTreeMap<String, String>,
}

impl Lock {
    /// The lock file in a directory, if there is one.
    ///
    /// # Errors
    /// `GENE.PACKAGE.INVALID_LOCK`
    pub fn load(root: &Path) -> Result<Option<Lock>, Error> {
        let file = root.join(FILE);
        if !file.is_file() {
            return Ok(None);
        }
        let wrong = |what: String| Error::new(INVALID_LOCK, format!("{}: {what}", file.display()));
        let text = fs::read_to_string(&file).map_err(|e| wrong(e.to_string()))?;
        let mut lock = Lock::parse(&text).map_err(wrong)?;
        lock.root = root.to_owned();
        Ok(Some(lock))
    }

    /// Reads the text of a lock file.
    ///
    /// # Errors
    /// The problem in words.
    pub fn parse(text: &str) -> Result<Lock, String> {
        let node = reader::read_first(FileId(u32::MAX), text).map_err(|e| e.message)?;
        let mut lock = Lock::default();
        let mut version = None;
        for (key, value) in entries(&node, "it")? {
            match key {
                "lock_version" => version = Some(value),
                "root_dependencies" => lock.root_dependencies = strings(value, key)?,
                "packages" => {
                    for (id, value) in entries(value, key)? {
                        lock.packages.insert(id.to_owned(), locked(id, value)?);
                    }
                }
                _ => {}
            }
        }
        if !matches!(version.map(|v| &v.kind), Some(Kind::Int(1))) {
            return Err("^lock_version is not 1".into());
        }
        let nodes = lock.packages.values().map(|p| &p.dependencies);
        for id in nodes.chain([&lock.root_dependencies]).flat_map(|d| d.values()) {
            if !lock.packages.contains_key(id) {
                return Err(format!("\"{id}\" is no package of it"));
            }
        }
        Ok(lock)
    }

    /// The text of the file.
    pub fn text(&self) -> String {
        let text = |text: &str| Node::new(Kind::Str(text.into()));
        let names = |map: &BTreeMap<String, String>| {
            record(map.iter().map(|(name, id)| (name.as_str(), text(id))))
        };
        let packages = self.packages.iter().map(|(id, p)| {
            let fields = [
                ("name", text(&p.name)),
                ("resolved", text(&p.resolved)),
                ("dir", text(&p.dir)),
                ("source", text(&p.source)),
                ("sha256", text(&p.sha256)),
                ("dependencies", names(&p.dependencies)),
            ];
            (id.as_str(), record(fields))
        });
        // A line for each package, so that changes are easy to see.
        let mut out = String::from("{^lock_version 1\n ^root_dependencies ");
        out.push_str(&names(&self.root_dependencies).to_string());
        out.push_str("\n ^packages {");
        for (id, package) in packages {
            let line = record([(id, package)]).to_string();
            out.push_str("\n  ");
            out.push_str(line.strip_prefix('{').and_then(|l| l.strip_suffix('}')).unwrap_or(&line));
        }
        out.push_str("}}\n");
        out
    }

    /// The directory of a dependency of the package at `base`; `None` if the
    /// lock file does not list it.
    ///
    /// # Errors
    /// `GENE.PACKAGE.INVALID_LOCK` if there is no package where it says.
    pub fn directory(&self, base: &Path, name: &str) -> Result<Option<PathBuf>, Error> {
        let dependencies = match base == self.root {
            true => Some(&self.root_dependencies),
            false => {
                let nodes = self.packages.values();
                let mut own = nodes
                    .filter(|p| self.root.join(&p.dir).canonicalize().is_ok_and(|dir| dir == base));
                own.next().map(|p| &p.dependencies)
            }
        };
        let Some(id) = dependencies.and_then(|d| d.get(name)) else { return Ok(None) };
        let Some(locked) = self.packages.get(id) else { return Ok(None) };
        let dir = self.root.join(&locked.dir);
        match dir.join(package::FILE).is_file().then(|| dir.canonicalize().ok()).flatten() {
            Some(dir) => Ok(Some(dir)),
            None => {
                let message = format!("{FILE} has {id} in {}, where no package is", dir.display());
                Err(Error::new(INVALID_LOCK, message))
            }
        }
    }
}

fn record<'a>(fields: impl IntoIterator<Item = (&'a str, Node)>) -> Node {
    let props = fields.into_iter().map(|(key, value)| Prop {
        key: Symbol::intern(key),
        key_span: Span::NONE,
        value,
    });
    Node::new(Kind::Map(props.collect(), false))
}

fn entries<'a>(node: &'a Node, what: &str) -> Result<Vec<(&'static str, &'a Node)>, String> {
    match &node.kind {
        Kind::Map(props, _) => Ok(props.iter().map(|p| (p.key.as_str(), &p.value)).collect()),
        _ => Err(format!("{what} is no map")),
    }
}

fn string(node: &Node, what: &str) -> Result<String, String> {
    match &node.kind {
        Kind::Str(text) => Ok(text.to_string()),
        _ => Err(format!("^{what} is no string")),
    }
}

fn strings(node: &Node, what: &str) -> Result<BTreeMap<String, String>, String> {
    let all = entries(node, what)?.into_iter();
    all.map(|(key, value)| Ok((key.to_owned(), string(value, key)?))).collect()
}

fn locked(id: &str, node: &Node) -> Result<Locked, String> {
    let mut locked = Locked::default();
    for (key, value) in entries(node, id)? {
        match key {
            "name" => locked.name = string(value, key)?,
            "resolved" => locked.resolved = string(value, key)?,
            "dir" => locked.dir = string(value, key)?,
            "source" => locked.source = string(value, key)?,
            "sha256" => locked.sha256 = string(value, key)?,
            "dependencies" => locked.dependencies = strings(value, key)?,
            _ => {}
        }
    }
    if locked.name.is_empty() || locked.dir.is_empty() {
        return Err(format!("\"{id}\" has no ^name or ^dir"));
    }
    Ok(locked)
}

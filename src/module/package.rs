//! Packages: what `package.gene` says.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Error, PACKAGE_NOT_FOUND};
use crate::reader;
use crate::source::FileId;
use crate::syntax::{Gene, Kind, Node, Prop};

/// Name of the file that makes a directory a package.
pub const FILE: &str = "package.gene";

/// A package.
#[derive(Clone, PartialEq, Debug)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// `^version`
    pub version: Option<String>,
    /// `^license`
    pub license: Option<String>,
    /// `^homepage`
    pub homepage: Option<String>,
    /// `^source-dir`
    pub source_dir: String,
    /// `^main-module`
    pub main_module: String,
    /// `^test-dir`
    pub test_dir: String,
    /// `^dependencies`
    pub dependencies: Vec<Dependency>,
    /// Its directory; `None` for modules without a package.
    pub dir: Option<PathBuf>,
}

/// `($dep "name" "version" ^path "...")`
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Dependency {
    /// The name by which it is imported.
    pub name: String,
    /// The version that is wanted; `None` for any.
    pub version: Option<String>,
    /// Where it is, relative to the package.
    pub path: Option<String>,
}

impl Dependency {
    /// A dependency; `*` is any version.
    ///
    /// # Errors
    /// If the name is none for a package.
    pub fn new(name: &str, version: Option<&str>, path: Option<&str>) -> Result<Dependency, Error> {
        if !is_package_name(name) {
            return Err(bad_name(name));
        }
        Ok(Dependency {
            name: name.into(),
            version: version.filter(|v| *v != "*" && !v.is_empty()).map(Into::into),
            path: path.map(Into::into),
        })
    }
}

/// Whether a text is the name of a package: parts of lower-case letters,
/// digits and some signs, each beginning with a letter.
pub fn is_package_name(name: &str) -> bool {
    let part = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_lowercase())
            && part
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_+&".contains(&b))
    };
    name.split('/').all(part)
}

pub(super) fn bad_name(name: &str) -> Error {
    Error::new(PACKAGE_NOT_FOUND, format!("\"{name}\" is not a name of a package"))
}

impl Package {
    /// The package of modules that belong to none.
    pub fn anonymous() -> Package {
        Package {
            name: "gene".into(),
            version: None,
            license: None,
            homepage: None,
            source_dir: "src".into(),
            main_module: "index".into(),
            test_dir: "tests".into(),
            dependencies: Vec::new(),
            dir: None,
        }
    }

    /// The package in a directory; `None` if there is no `package.gene`.
    ///
    /// # Errors
    /// If that file cannot be read, or says nothing sensible.
    pub fn load(dir: &Path) -> Result<Option<Package>, Error> {
        let file = dir.join(FILE);
        if !file.is_file() {
            return Ok(None);
        }
        let wrong = |what: String| {
            Error::new(PACKAGE_NOT_FOUND, format!("{} is not usable: {what}", file.display()))
        };
        let text = fs::read_to_string(&file).map_err(|e| wrong(e.to_string()))?;
        let mut package = Package::parse(&text).map_err(wrong)?;
        package.dir = Some(dir.to_owned());
        Ok(Some(package))
    }

    /// What the text of a `package.gene` says.
    ///
    /// # Errors
    /// The problem in words.
    pub fn parse(text: &str) -> Result<Package, String> {
        let mut package = Package { name: String::new(), ..Package::anonymous() };
        for Prop { key, value, .. } in properties(text)? {
            let text = match &value.kind {
                Kind::Str(text) => Some(text.to_string()),
                _ => None,
            };
            let wanted = || text.clone().ok_or_else(|| format!("^{key} must be a string"));
            match key.as_str() {
                "name" => package.name = wanted()?,
                "version" => package.version = Some(wanted()?),
                "license" => package.license = Some(wanted()?),
                "homepage" => package.homepage = Some(wanted()?),
                "source-dir" => package.source_dir = wanted()?,
                "main-module" => package.main_module = wanted()?,
                "test-dir" => package.test_dir = wanted()?,
                "dependencies" => package.dependencies = dependencies(&value)?,
                _ => {}
            }
        }
        match is_package_name(&package.name) {
            true => Ok(package),
            false if package.name.is_empty() => Err("^name is missing".into()),
            false => Err(format!("\"{}\" is not a name of a package", package.name)),
        }
    }

    /// The directories in which its modules are looked for.
    pub fn directories(&self) -> Vec<PathBuf> {
        let Some(dir) = &self.dir else { return Vec::new() };
        let mut all = vec![dir.clone()];
        for name in [&self.source_dir, "src", "lib", "build"] {
            let next = dir.join(name);
            if !all.contains(&next) {
                all.push(next);
            }
        }
        all
    }
}

/// The properties of a text: written plainly, as a map, or in a Gene form.
fn properties(text: &str) -> Result<Vec<Prop>, String> {
    // A form around the text makes plain properties those of a form, too.
    let (mut nodes, errors) = reader::read(FileId(u32::MAX), &format!("(Package {text}\n)"));
    if let Some(error) = errors.first() {
        return Err(error.message.clone());
    }
    let (Some(node), true) = (nodes.pop(), nodes.is_empty()) else {
        return Err("it is not one form".into());
    };
    let Kind::Gene(outer) = node.kind else { return Err("it is no form".into()) };
    let Gene { props, mut children, .. } = *outer;
    match (props.is_empty(), children.len()) {
        (false, 0) => Ok(props.into_iter().collect()),
        (true, 1) => match children.remove(0).kind {
            Kind::Map(props, _) => Ok(props.into_iter().collect()),
            Kind::Gene(g) => Ok(g.props.into_iter().collect()),
            _ => Err("it is no map".into()),
        },
        _ => Err("properties are expected, or one map".into()),
    }
}

fn dependencies(value: &Node) -> Result<Vec<Dependency>, String> {
    let Kind::Array(list) = &value.kind else {
        return Err("^dependencies must be an array".into());
    };
    list.items.iter().map(dependency).collect()
}

fn dependency(node: &Node) -> Result<Dependency, String> {
    let wrong = || "a dependency is ($dep \"name\" \"version\" ^path \"path\")".to_owned();
    let Kind::Gene(g) = &node.kind else { return Err(wrong()) };
    let string = |node: &Node| match &node.kind {
        Kind::Str(text) => Ok(text.to_string()),
        _ => Err(wrong()),
    };
    if !g.head.is_symbol("$dep") {
        return Err(wrong());
    }
    let name = string(g.children.first().ok_or_else(wrong)?)?;
    let version = g.children.get(1).map(string).transpose()?;
    let path = g.props.iter().find(|p| p.key.as_str() == "path");
    let path = path.map(|p| string(&p.value)).transpose()?;
    Dependency::new(&name, version.as_deref(), path.as_deref()).map_err(|e| e.message)
}

//! Trees of files: nodes of a value in files of their own.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use gene_isa::Symbol;

use super::super::Outcome;
use super::super::files::io_error;
use super::{MAX_DEPTH, read, write};
use crate::heap::Gc;
use crate::object::record::as_record;
use crate::object::string::text_of;
use crate::object::{Array, Gene, Kind, Map, PathSymbol, kind_of};
use crate::value::Value;
use crate::vm::{Args, Throw, Vm};

const TYPE: &str = "_genetype";
const PROPS: &str = "_geneprops";
const CHILDREN: &str = "_genechildren";
const ARRAY: &str = "_genearray";

pub(super) fn install(vm: &mut Vm) {
    let function = vm.native_kw("write_tree", 2, 2, write_tree);
    vm.define_in("gene/serdes/write_tree", function);
    vm.define_fn_in("gene/serdes/read_tree", 1, 1, read_tree);
}

// ---- writing -----------------------------------------------------------------

/// `(write_tree path value ^separate [patterns])`
fn write_tree(vm: &mut Vm, args: Args) -> Outcome {
    let separate = vm.keyword("separate")?.unwrap_or(Value::NIL);
    let path = vm.str_arg(args, 0)?.to_owned();
    let patterns = patterns(vm, separate)?;
    let target = PathBuf::from(&path);
    if target.file_name().is_none() {
        return Err(vm.arg_error(format!("write_tree cannot write to '{path}'")));
    }
    let mut plan = Plan { patterns, directories: Vec::new(), files: Vec::new() };
    // Everything is made before anything is replaced.
    plan.node(vm, args.get(1), PathBuf::new(), &mut Vec::new())?;
    match plan.carry_out(&target) {
        Ok(()) => Ok(Value::NIL),
        Err(error) => Err(io_error(vm, "write tree", &path, &error)),
    }
}

/// The nodes whose children are kept apart: `/a/*` is `[a]`.
fn patterns(vm: &mut Vm, separate: Value) -> Result<Vec<Vec<String>>, Throw> {
    let list = match kind_of(separate) {
        None if separate.is_nil() => Vec::new(),
        Some(Kind::Array) => {
            Gc::<Array>::from_value(separate).map(|a| a.to_vec()).unwrap_or_default()
        }
        _ => return Err(vm.arg_error("^separate must be an array of patterns")),
    };
    let mut all = Vec::with_capacity(list.len());
    for pattern in list {
        let parts: Vec<String> = match Gc::<PathSymbol>::from_value(pattern) {
            Some(path) => path.symbols().iter().map(|s| s.as_str().to_owned()).collect(),
            None => text_of(pattern).unwrap_or_default().split('/').map(str::to_owned).collect(),
        };
        match &parts[..] {
            [first, nodes @ .., last] if first.is_empty() && last == "*" => {
                all.push(nodes.to_vec());
            }
            _ => {
                let shown = vm.display(pattern);
                return Err(vm.arg_error(format!("'{shown}' is no pattern such as /a/*")));
            }
        }
    }
    Ok(all)
}

/// Directories and files to make, relative to the place of the root; the root
/// itself is the empty path.
struct Plan {
    patterns: Vec<Vec<String>>,
    directories: Vec<PathBuf>,
    files: Vec<(PathBuf, String)>,
}

impl Plan {
    /// Whether the node at `place` is a directory.
    fn is_directory(&self, place: &[String]) -> bool {
        self.patterns.iter().any(|pattern| {
            place.len() <= pattern.len()
                && place.iter().zip(pattern).all(|(name, wanted)| name == wanted || wanted == "*")
        })
    }

    fn node(
        &mut self,
        vm: &mut Vm,
        value: Value,
        at: PathBuf,
        place: &mut Vec<String>,
    ) -> Result<(), Throw> {
        if place.len() > MAX_DEPTH {
            return Err(vm.arg_error("data nested too deeply is not serializable"));
        }
        if !self.is_directory(place) {
            let text = write::text_of(vm, value)?;
            self.files.push((at, text + "\n"));
            return Ok(());
        }
        match kind_of(value) {
            Some(Kind::Map) => {
                let entries = as_record(value).map(|m| m.entries()).unwrap_or_default();
                self.map(vm, &entries, at, place)
            }
            Some(Kind::Array) => {
                let items = Gc::<Array>::from_value(value).map(|a| a.to_vec()).unwrap_or_default();
                self.array(vm, &items, at, place)
            }
            Some(Kind::Gene) => {
                let Some(gene) = Gc::<Gene>::from_value(value) else { return Ok(()) };
                self.directories.push(at.clone());
                self.child(vm, gene.head.get(), &at, TYPE, TYPE, place)?;
                let props = gene.props().map(|p| p.entries()).unwrap_or_default();
                if !props.is_empty() {
                    place.push(PROPS.into());
                    self.map(vm, &props, at.join(PROPS), place)?;
                    place.pop();
                }
                let children = gene.children.to_vec();
                if !children.is_empty() {
                    place.push(CHILDREN.into());
                    self.array(vm, &children, at.join(CHILDREN), place)?;
                    place.pop();
                }
                Ok(())
            }
            _ => {
                let name = vm.type_name(value);
                let message = format!("/{}/* is a pattern for a {name}", place.join("/"));
                Err(vm.arg_error(message))
            }
        }
    }

    /// A child `name` of the node at `at`, in a file `file`.
    fn child(
        &mut self,
        vm: &mut Vm,
        value: Value,
        at: &Path,
        name: &str,
        file: &str,
        place: &mut Vec<String>,
    ) -> Result<(), Throw> {
        // Methods `serialize` may change the collection around.
        let mark = vm.root_mark();
        vm.root(value);
        place.push(name.to_owned());
        let result = self.node(vm, value, at.join(file), place);
        place.pop();
        vm.unroot(mark);
        result
    }

    fn map(
        &mut self,
        vm: &mut Vm,
        entries: &[(Symbol, Value)],
        at: PathBuf,
        place: &mut Vec<String>,
    ) -> Result<(), Throw> {
        let mut others: Vec<&str> = entries.iter().map(|(key, _)| key.as_str()).collect();
        others.retain(|key| *key != ARRAY);
        let list = entries.iter().find(|(key, _)| key.as_str() == ARRAY).map(|(_, list)| *list);
        let like_array = list.is_some_and(|list| is_list_of(list, &others));
        if others.contains(&TYPE) || like_array {
            let message = "a map with this key cannot be a directory: ";
            let key = if like_array { ARRAY } else { TYPE };
            return Err(vm.arg_error(format!("{message}{key}")));
        }
        self.directories.push(at.clone());
        for (key, value) in entries {
            self.child(vm, *value, &at, key.as_str(), &encode(key.as_str()), place)?;
        }
        Ok(())
    }

    fn array(
        &mut self,
        vm: &mut Vm,
        items: &[Value],
        at: PathBuf,
        place: &mut Vec<String>,
    ) -> Result<(), Throw> {
        self.directories.push(at.clone());
        let ids: Vec<String> = (0..items.len()).map(|index| index.to_string()).collect();
        let list: Vec<String> = ids.iter().map(|id| format!("{id:?}")).collect();
        self.files.push((at.join(ARRAY), format!("[{}]\n", list.join(" "))));
        for (id, item) in ids.iter().zip(items) {
            self.child(vm, *item, &at, id, id, place)?;
        }
        Ok(())
    }

    /// Makes everything beside the target, then replaces what is there.
    fn carry_out(&self, target: &Path) -> io::Result<()> {
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent)?;
        }
        let draft = beside(target, &format!(".draft-{}", std::process::id()));
        let _ = fs::remove_dir_all(&draft);
        let file = beside(target, ".gene");
        let made = self.make(&draft).and_then(|()| {
            remove(&file, fs::remove_file(&file))?;
            remove(target, fs::remove_dir_all(target))?;
            match self.directories.is_empty() {
                true => fs::rename(beside(&draft, ".gene"), &file),
                false => fs::rename(&draft, target),
            }
        });
        if made.is_err() {
            let _ = fs::remove_dir_all(&draft);
            let _ = fs::remove_file(beside(&draft, ".gene"));
        }
        made
    }

    fn make(&self, root: &Path) -> io::Result<()> {
        let place = |path: &Path| match path.as_os_str().is_empty() {
            true => root.to_owned(),
            false => root.join(path),
        };
        for directory in &self.directories {
            fs::create_dir(place(directory))?;
        }
        for (path, text) in &self.files {
            fs::write(beside(&place(path), ".gene"), text)?;
        }
        Ok(())
    }
}

/// A path with something behind its last name.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// The result of removing `path`, which need not exist.
fn remove(path: &Path, result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        // A file where a directory would be is none of ours.
        Err(error) if error.kind() == ErrorKind::NotADirectory && path.is_file() => Ok(()),
        result => result,
    }
}

/// Whether a value is an array of distinct strings that are exactly `names`.
fn is_list_of(list: Value, names: &[&str]) -> bool {
    let Some(list) = Gc::<Array>::from_value(list) else { return false };
    let mut texts: Vec<&str> = list.to_vec().into_iter().filter_map(text_of).collect();
    if texts.len() != list.len() {
        return false;
    }
    let mut names = names.to_vec();
    texts.sort_unstable();
    names.sort_unstable();
    texts == names && texts.windows(2).all(|pair| pair[0] != pair[1])
}

/// A key as the name of a file.
fn encode(key: &str) -> String {
    if key.is_empty() {
        return "%".into();
    }
    let mut name = String::new();
    for byte in key.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-' => name.push(byte as char),
            _ => name.push_str(&format!("%{byte:02X}")),
        }
    }
    name
}

/// The key of a file's name.
fn decode(name: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = name.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let code = after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        let code = code.filter(|_| first == b'%').and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match code {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None if name == "%" => break,
            None => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

// ---- reading -----------------------------------------------------------------

/// `(read_tree path)`
fn read_tree(vm: &mut Vm, args: Args) -> Outcome {
    let path = vm.str_arg(args, 0)?.to_owned();
    let mark = vm.root_mark();
    let value = read_node(vm, Path::new(&path));
    vm.unroot(mark);
    value
}

fn failed(vm: &mut Vm, path: &Path, error: &io::Error) -> Throw {
    io_error(vm, "read tree", &path.to_string_lossy(), error)
}

/// The node whose file or directory is `path`; it stays rooted.
fn read_node(vm: &mut Vm, path: &Path) -> Outcome {
    let file = beside(path, ".gene");
    let value = match (file.is_file(), path.is_dir()) {
        (true, true) => {
            let error = io::Error::other("there are a file and a directory for it");
            return Err(failed(vm, path, &error));
        }
        (false, true) => read_directory(vm, path)?,
        (..) => match fs::read_to_string(&file) {
            Ok(text) => read::value_of(vm, &text)?,
            Err(error) => return Err(failed(vm, &file, &error)),
        },
    };
    Ok(vm.root(value))
}

/// The names of the nodes in a directory, in order.
fn names(vm: &mut Vm, dir: &Path) -> Result<Vec<String>, Throw> {
    let entries = fs::read_dir(dir).and_then(|entries| entries.collect::<io::Result<Vec<_>>>());
    let entries = match entries {
        Ok(entries) => entries,
        Err(error) => return Err(failed(vm, dir, &error)),
    };
    let mut names = Vec::with_capacity(entries.len());
    for entry in entries {
        let name = entry.file_name().to_string_lossy().into_owned();
        match (entry.path().is_dir(), name.strip_suffix(".gene")) {
            (true, _) => names.push(name),
            (false, Some(name)) => names.push(name.to_owned()),
            (false, None) => {}
        }
    }
    names.sort_unstable();
    names.dedup();
    Ok(names)
}

fn read_directory(vm: &mut Vm, dir: &Path) -> Outcome {
    let mut names = names(vm, dir)?;
    if names.iter().any(|name| name == TYPE) {
        let head = read_node(vm, &dir.join(TYPE))?;
        let props = match names.iter().any(|name| name == PROPS) {
            true => Gc::<Map>::from_value(read_node(vm, &dir.join(PROPS))?),
            false => None,
        };
        let children = match names.iter().any(|name| name == CHILDREN) {
            true => Gc::<Array>::from_value(read_node(vm, &dir.join(CHILDREN))?),
            false => None,
        };
        let children = children.unwrap_or_else(|| Array::new(&mut vm.heap, &[]));
        return Ok(Gene::new(&mut vm.heap, head, props, children).value());
    }
    if beside(&dir.join(ARRAY), ".gene").is_file() {
        let list = read_node(vm, &dir.join(ARRAY))?;
        let others: Vec<&str> = names.iter().map(String::as_str).filter(|n| *n != ARRAY).collect();
        if is_list_of(list, &others) {
            let ids = Gc::<Array>::from_value(list).map(|l| l.to_vec()).unwrap_or_default();
            let mut items = Vec::with_capacity(ids.len());
            for id in ids.into_iter().filter_map(text_of) {
                items.push(read_node(vm, &dir.join(id))?);
            }
            return Ok(Array::new(&mut vm.heap, &items).value());
        }
    }
    let map = Map::new(&mut vm.heap, names.len()).value();
    vm.root(map);
    for name in names.drain(..) {
        let value = read_node(vm, &dir.join(&name))?;
        if let Some(map) = as_record(map) {
            map.set(&mut vm.heap, Symbol::intern(&decode(&name)), value);
        }
    }
    Ok(map)
}

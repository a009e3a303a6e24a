//! The table of ARCHITECTURE.md and the sources agree on which module may
//! import which.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use libtest_mimic::{Failed, Trial};

use super::{folders, root, stem};

/// For every module of `src` the names it may import.
type Table = BTreeMap<String, BTreeSet<String>>;

/// Crates whose use the table also restricts, with their names in it.
const CRATES: [(&str, &str); 2] = [("gene_isa", "isa"), ("gene_jit", "gene_jit")];

pub fn trials() -> Vec<Trial> {
    let page = fs::read_to_string(root().join("ARCHITECTURE.md"));
    let missing = page.is_err();
    let page = page.unwrap_or_default();
    vec![
        Trial::test("layering::imports", move || check(&page)).with_ignored_flag(missing),
        Trial::test("layering::the_scan_itself", the_scan_itself),
    ]
}

fn check(page: &str) -> Result<(), Failed> {
    let table = read_table(page);
    if table.is_empty() {
        return Err("ARCHITECTURE.md has no table `| module | may import |`".into());
    }
    let mut complaints = Vec::new();
    for file in rust_files(&root().join("src")) {
        let Some(module) = module_of(&file) else { continue };
        let Some(allowed) = table.get(&module) else {
            complaints.push(format!("the table has no row for {module} ({})", file.display()));
            continue;
        };
        let path = file.strip_prefix(root().join("src")).unwrap_or(&file);
        let depth = depth_of(path);
        for (line, import) in imports(&fs::read_to_string(&file)?, depth) {
            let known =
                table.contains_key(&import) || CRATES.iter().any(|(_, name)| *name == import);
            if known && import != module && !allowed.contains(&import) {
                complaints.push(format!(
                    "src/{}:{line}: {module} must not import {import}",
                    path.display()
                ));
            }
        }
    }
    if complaints.is_empty() { Ok(()) } else { Err(complaints.join("\n").into()) }
}

/// Reads the rows below the header `| module | may import |`. A row may speak
/// of several modules: `a / b | x / y` gives each its own list, `a / b | x`
/// and `a, b | x` give all the same. `-` is nothing, `all above` everything
/// that has a row before.
fn read_table(page: &str) -> Table {
    let mut table = Table::new();
    let rows = page
        .lines()
        .skip_while(|line| {
            cells(line).is_none_or(|(left, right)| left != "module" || right != "may import")
        })
        .skip(2)
        .map_while(cells);
    for (left, right) in rows {
        let modules: Vec<&str> = left.split(['/', ',']).map(str::trim).collect();
        let mut lists: Vec<BTreeSet<String>> = right.split('/').map(words).collect();
        if right == "all above" {
            let above = table.keys().cloned().chain(CRATES.map(|(_, name)| name.to_owned()));
            lists = vec![above.chain(modules.iter().map(|name| (*name).to_owned())).collect()];
        }
        for (index, module) in modules.iter().enumerate() {
            let list = lists.get(index).or(lists.last()).cloned().unwrap_or_default();
            table.insert((*module).to_owned(), list);
        }
    }
    table
}

fn cells(line: &str) -> Option<(&str, &str)> {
    let (left, right) = line.trim().strip_prefix('|')?.strip_suffix('|')?.split_once('|')?;
    Some((left.trim(), right.trim()))
}

fn words(list: &str) -> BTreeSet<String> {
    list.split(|separator: char| !(separator.is_alphanumeric() || separator == '_'))
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Names that a source imports from the root of the crate, and restricted
/// crates, each with its line. `depth` is how many modules lie above the file.
fn imports(source: &str, depth: usize) -> Vec<(usize, String)> {
    let code = without_comments_and_tests(source);
    let mut found = Vec::new();
    let mut add = |offset: usize, name: &str| {
        let line = code[..offset].matches('\n').count() + 1;
        found.push((line, name.to_owned()));
    };
    for (offset, _) in code.match_indices("crate::") {
        if !code[..offset].ends_with(is_word) && !code[..offset].ends_with('$') {
            for name in first_segments(&code[offset + "crate::".len()..]) {
                add(offset, name);
            }
        }
    }
    let climb = "super::".repeat(depth);
    if depth > 0 {
        for (offset, _) in code.match_indices(&climb) {
            let outermost = !code[..offset].ends_with(':') && !code[..offset].ends_with(is_word);
            if outermost {
                for name in first_segments(&code[offset + climb.len()..]) {
                    add(offset, name);
                }
            }
        }
    }
    for (name, row) in CRATES {
        for (offset, _) in code.match_indices(name) {
            let after = &code[offset + name.len()..];
            if !code[..offset].ends_with(is_word) && !after.starts_with(is_word) {
                add(offset, row);
            }
        }
    }
    found
}

/// The names with which a path continues: one, or those of a `{...}` group.
fn first_segments(path: &str) -> Vec<&str> {
    let Some(group) = path.strip_prefix('{') else {
        return vec![leading_word(path)];
    };
    let mut level = 0_usize;
    let mut names = Vec::new();
    let mut expecting = true;
    for (offset, character) in group.char_indices() {
        match character {
            '}' if level == 0 => break,
            '{' => level += 1,
            '}' => level -= 1,
            ',' if level == 0 => expecting = true,
            _ if expecting && is_word(character) => {
                names.push(leading_word(&group[offset..]));
                expecting = false;
            }
            _ => {}
        }
    }
    names
}

fn leading_word(text: &str) -> &str {
    &text[..text.find(|character| !is_word(character)).unwrap_or(text.len())]
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// Unit tests may use whatever they like; they are at the end of a file.
fn without_comments_and_tests(source: &str) -> String {
    let end = source.find("#[cfg(test)]\nmod ").unwrap_or(source.len());
    source[..end]
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default())
        .collect::<Vec<_>>()
        .join("\n")
}

/// The module of `src/vm.rs`, `src/vm/mod.rs` and `src/vm/ops/add.rs` is `vm`.
/// The roots of the crates and test modules belong to none.
fn module_of(file: &Path) -> Option<String> {
    let path = file.strip_prefix(root().join("src")).ok()?;
    let is_test = path.iter().any(|part| part == "tests" || part == "tests.rs");
    let first = path.iter().next()?;
    let name = stem(Path::new(first));
    (!is_test && !["lib", "main", "bin"].contains(&name.as_str())).then_some(name)
}

/// How many `super::` lead from a file below `src` to the root of the crate.
fn depth_of(path: &Path) -> usize {
    let parts = path.iter().count();
    if path.file_name().is_some_and(|name| name == "mod.rs") { parts - 1 } else { parts }
}

fn rust_files(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut files = super::files_with_extension(folder, "rs");
    files.extend(folders(folder).iter().flat_map(|inner| rust_files(inner)));
    files
}

/// A check that finds nothing would also pass if it looked at nothing.
fn the_scan_itself() -> Result<(), Failed> {
    let page = "\
| module | may import |
|---|---|
| source / diag / syntax | - / source / source |
| vm | source diag + isa |
| tier | vm + isa, gene_jit |
| engine, cli | all above |
";
    let table = read_table(page);
    let row = |module: &str| table[module].iter().cloned().collect::<Vec<_>>().join(" ");
    assert_eq!(row("source"), "");
    assert_eq!(row("syntax"), "source");
    assert_eq!(row("vm"), "diag isa source");
    assert_eq!(row("tier"), "gene_jit isa vm");
    assert_eq!(row("cli"), "cli diag engine gene_jit isa source syntax tier vm");

    let source = "\
use crate::{source::{Span, vm}, diag, tier::x};
// crate::cli is only mentioned
use super::super::heap::Heap;
fn f() { gene_isa::decode(); crate::value::Value::NIL; super::near::call(); }
#[cfg(test)]
mod tests { use crate::stdlib; }
";
    let names: Vec<String> = imports(source, 2).into_iter().map(|(_, name)| name).collect();
    assert_eq!(names, ["source", "diag", "tier", "value", "heap", "isa"]);
    Ok(())
}

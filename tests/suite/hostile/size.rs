//! Legal programs beyond every size that an encoding might have assumed:
//! registers, constants, arguments, literals, lines.

use super::{Case, Verdict, generated, prints};

/// More than fits 16 bits.
const WIDE: usize = 70_000;
const VERY_WIDE: usize = 100_000;

/// `(open item(0) item(1) ... )`.
fn list(open: &str, count: usize, item: impl Fn(usize) -> String, close: &str) -> String {
    let mut text = String::from(open);
    for index in 0..count {
        text.push(' ');
        text.push_str(&item(index));
    }
    text.push_str(close);
    text
}

fn ones(open: &str, close: &str) -> String {
    list(open, VERY_WIDE, |_| "1".into(), close)
}

pub fn cases() -> Vec<Case> {
    let mut cases = literals();
    cases.extend(programs());
    cases
}

fn literals() -> Vec<Case> {
    vec![
        generated(
            "string_10_mb",
            || format!("(println (\"{}\" .size))", "x".repeat(10 << 20)),
            prints("10485760"),
        ),
        generated("line_10_mb", || "(var x 1)".repeat((10 << 20) / 9), Verdict::Survives),
        generated(
            "comment_10_mb",
            || format!("# {}\n(println 1)", "x".repeat(10 << 20)),
            prints("1"),
        ),
        generated("blanks_10_mb", || format!("{}(println 1)", " ".repeat(10 << 20)), prints("1")),
        generated(
            "lines_1_million",
            || format!("{}(println 1)", "\n".repeat(1_000_000)),
            prints("1"),
        ),
        generated(
            "error_on_last_line",
            || format!("{}(nowhere)", "\n".repeat(1_000_000)),
            Verdict::Fails,
        ),
        generated(
            "error_at_end_of_long_line",
            || format!("{}(nowhere)", " ".repeat(10 << 20)),
            Verdict::Fails,
        ),
        generated("symbol_1_mb", || "x".repeat(1 << 20), Verdict::Fails),
        generated("integer_1_mb", || "9".repeat(1 << 20), Verdict::Malformed),
        generated(
            "integer_1_mb_of_zeros",
            || format!("(println {}7)", "0".repeat(1 << 20)),
            prints("7"),
        ),
        generated("hexadecimal_1_mb", || format!("0x{}", "f".repeat(1 << 20)), Verdict::Malformed),
        generated(
            "float_1_mb",
            || format!("(println (0 < 0.{}))", "1".repeat(1 << 20)),
            prints("true"),
        ),
        generated(
            "float_exponent_huge",
            || "(println 1e999999999 1e-999999999)".into(),
            Verdict::Survives,
        ),
        generated(
            "bytes_1_mb",
            || format!("(println (0#{} .size))", "ab".repeat(1 << 20)),
            prints("1048576"),
        ),
        generated("regex_1_mb", || format!("#/{}/", "a".repeat(1 << 20)), Verdict::Survives),
        generated(
            "regex_nested_groups",
            || format!("(\"x\" .match #/{}{}/)", "(".repeat(10_000), ")".repeat(10_000)),
            Verdict::Survives,
        ),
        generated(
            "regex_nested_repeats",
            || "(\"x\" .match #/((a{100}){100}){100}/)".into(),
            Verdict::Survives,
        ),
        generated(
            "regex_backtracking",
            || format!("(println (\"{}!\" .contain #/(a*)*b/))", "a".repeat(5_000)),
            Verdict::Survives,
        ),
        generated(
            "interpolation_with_many_holes",
            || format!("(println (#\"{}\" .size))", "#{1}".repeat(VERY_WIDE)),
            prints("100000"),
        ),
        generated(
            "array_of_many",
            || format!("(println ({} .size))", ones("[", "]")),
            prints("100000"),
        ),
        generated(
            "array_of_many_strings",
            || format!("(println ({} .size))", list("[", WIDE, |i| format!("\"s{i}\""), "]")),
            prints("70000"),
        ),
        generated(
            "map_of_many",
            || format!("(println ({} .size))", list("{", WIDE, |i| format!("^k{i} {i}"), "}")),
            prints("70000"),
        ),
        generated(
            "hash_map_of_many",
            || format!("(println ({} .size))", list("{{", 25_000, |i| format!("{i} {i}"), "}}")),
            prints("25000"),
        ),
        generated(
            "gene_of_many",
            || format!("(println (({}) .children .size))", ones("`(g", ")")),
            Verdict::Survives,
        ),
        generated(
            "quoted_array_of_many",
            || format!("(println ({} .size))", ones("`[", "]")),
            prints("100000"),
        ),
    ]
}

fn programs() -> Vec<Case> {
    let numbered = |prefix: &'static str| move |index: usize| format!("{prefix}{index}");
    vec![
        generated(
            "parameters_100_000",
            move || {
                format!("{}\n(println \"ran\")", list("(fn f [", VERY_WIDE, numbered("p"), "] 1)"))
            },
            Verdict::Survives,
        ),
        generated(
            "arguments_100_000",
            || format!("(fn f [xs...] (xs .size))\n(println {})", ones("(f", ")")),
            Verdict::Survives,
        ),
        generated(
            "arguments_spread_100_000",
            || {
                "(fn f [xs...] (xs .size))\n(var a []) (repeat 100000 (a .add 1))\n(println (f a...))".into()
            },
            Verdict::Survives,
        ),
        generated(
            "keyword_arguments_70_000",
            || {
                format!(
                    "(fn f [^k...] (k .size))\n(println {})",
                    list("(f", WIDE, |i| format!("^k{i} 1"), ")")
                )
            },
            Verdict::Survives,
        ),
        generated(
            "local_variables_70_000",
            || {
                format!(
                    "(fn f []{}\n v0)\n(println (f))",
                    list("", WIDE, |i| format!("(var v{i} {i})\n"), "")
                )
            },
            Verdict::Survives,
        ),
        generated(
            "module_variables_70_000",
            || format!("{}(println v69999)", list("", WIDE, |i| format!("(var v{i} {i})\n"), "")),
            Verdict::Survives,
        ),
        generated(
            "captured_variables_70_000",
            || {
                format!(
                    "(fn f []{}(fn [] {}))\n(f)",
                    list("", WIDE, |i| format!("(var v{i} {i})\n"), ""),
                    list("[", WIDE, |i| format!("v{i}"), "]")
                )
            },
            Verdict::Survives,
        ),
        generated(
            "same_variable_70_000_times",
            || {
                format!(
                    "(fn f []{} x)\n(println (f))",
                    list("", WIDE, |i| format!("(var x {i})\n"), "")
                )
            },
            Verdict::Survives,
        ),
        generated(
            "constants_70_000",
            || {
                format!(
                    "(fn f []{} 1)\n(f)\n(println \"ran\")",
                    list("", WIDE, |i| format!("\"constant {i}\"\n"), "")
                )
            },
            Verdict::Survives,
        ),
        generated(
            "float_constants_70_000",
            || format!("(println {})", list("(+", WIDE, |i| format!("{i}.5"), ")")),
            prints("2450000000.0"),
        ),
        generated(
            "functions_60_000",
            || {
                format!(
                    "{}(println (f59999))",
                    list("", 60_000, |i| format!("(fn f{i} [] {i})\n"), "")
                )
            },
            prints("59999"),
        ),
        generated(
            "statements_100_000",
            || format!("(var x 0)\n{}(println x)", "(x += 1)\n".repeat(VERY_WIDE)),
            prints("100000"),
        ),
        generated("sum_of_100_000", || format!("(println {})", ones("(+", ")")), prints("100000")),
        generated(
            "infix_of_100_000",
            || format!("(println (1{}))", " + 1".repeat(VERY_WIDE)),
            prints("100001"),
        ),
        generated(
            "chained_comparisons_20_000",
            || format!("(println (0{}))", list("", 20_000, |i| format!("< {}", i + 1), "")),
            prints("true"),
        ),
        generated(
            "and_of_70_000",
            || format!("(println {})", list("(&&", WIDE, |_| "true".into(), ")")),
            prints("true"),
        ),
        generated(
            "elif_20_000",
            || {
                format!(
                    "(var x 19999)\n(println (if (x == -1) 0{}))",
                    list("", 20_000, |i| format!("elif (x == {i}) {i}"), "")
                )
            },
            prints("19999"),
        ),
        generated(
            "when_20_000",
            || {
                format!(
                    "(println (case 19999{}))",
                    list("", 20_000, |i| format!("when {i} {i}"), "")
                )
            },
            prints("19999"),
        ),
        generated(
            "catch_clauses_20_000",
            || {
                format!(
                    "(println (try (throw \"x\"){} catch * \"last\"))",
                    " catch IOError 1".repeat(20_000)
                )
            },
            prints("last"),
        ),
        generated(
            "methods_20_000",
            || {
                format!(
                    "(class C{})\n(println ((new C) .m19999))",
                    list("", 20_000, |i| format!("(method m{i} [] {i})"), "")
                )
            },
            prints("19999"),
        ),
        generated(
            "fields_20_000",
            || {
                format!(
                    "(var m {{}})\n{}(println (m .size))",
                    list("", 20_000, |i| format!("(m/k{i} = {i})\n"), "")
                )
            },
            prints("20000"),
        ),
        generated(
            "loop_body_too_far_to_jump",
            || {
                format!(
                    "(var x 0)\n(for i in (1 .. 2){})\n(println x)",
                    "(x += 1)\n".repeat(VERY_WIDE)
                )
            },
            prints("200000"),
        ),
        generated("reader_errors_10_000", || "2026-13-01\n".repeat(10_000), Verdict::Malformed),
        generated("misused_forms_10_000", || "(ifel 1)\n".repeat(10_000), Verdict::Malformed),
        generated(
            "undefined_names_10_000",
            || list("[", 10_000, |i| format!("undefined{i}"), "]"),
            Verdict::Fails,
        ),
    ]
}

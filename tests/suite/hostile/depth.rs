//! Nesting a hundred thousand deep: of text, of data, and of calls. Where the
//! runtime recurses, it must know when to stop.

use super::{Case, Verdict, generated, prints, text};

const DEEP: usize = 100_000;

/// `open` and `close` around `core`, nested.
fn nested(open: &str, core: &str, close: &str) -> String {
    format!("{}{core}{}", open.repeat(DEEP), close.repeat(DEEP))
}

/// Programs that build data as deep as the name says, then use it.
fn with_deep_data(name: &str, data: &str, usage: &str, verdict: Verdict) -> Case {
    let build = match data {
        "array" => "(var d []) (repeat 100000 (d = [d]))",
        "map" => "(var d {}) (repeat 100000 (d = {^k d}))",
        "gene" => "(var d `(g)) (repeat 100000 (d = (`g d)))",
        "hash_map" => "(var d {{}}) (repeat 100000 (d = {{1 d}}))",
        _ => "(var d nil) (repeat 100000 (d = (fn [] d)))",
    };
    text(format!("data_{data}_{name}"), format!("{build}\n{usage}\n"), verdict)
}

pub fn cases() -> Vec<Case> {
    let mut cases = texts();
    cases.extend(data());
    cases.extend(calls());
    cases
}

fn texts() -> Vec<Case> {
    const NESTED: &[(&str, &str, &str, &str)] = &[
        ("parens", "(", "", ")"),
        ("calls", "(f ", "1", ")"),
        ("arrays", "[", "", "]"),
        ("maps", "{^k ", "1", "}"),
        ("hash_maps", "{{1 ", "1", "}}"),
        ("sealed_arrays", "#[", "", "]"),
        ("sealed_genes", "#(`f ", "", ")"),
        ("quotes", "`", "x", ""),
        ("quoted_lists", "`(a ", "b", ")"),
        ("unquotes", "`(%", "x", ")"),
        ("decorators", "#@f ", "x", ""),
        ("infix_left", "(", "1", " + 1)"),
        ("infix_right", "(1 + ", "1", ")"),
        ("prefix", "(+ 1 ", "1", ")"),
        ("ifs", "(if true ", "1", ")"),
        ("ifels", "(ifel true ", "1", " 2)"),
        ("elses", "(if false 1 else ", "2", ")"),
        ("dos", "(do ", "1", ")"),
        ("functions", "(fn [] ", "1", ")"),
        ("named_functions", "(fn f [] ", "1", ")"),
        ("blocks", "([] -> ", "1", ")"),
        ("whiles", "(while false ", "1", ")"),
        ("fors", "(for x in [] ", "1", ")"),
        ("cases", "(case 1 when 1 ", "1", ")"),
        ("tries", "(try ", "1", " catch * 2)"),
        ("classes", "(class A ", "", ")"),
        ("namespaces", "(ns a ", "", ")"),
        ("variables", "(var x ", "1", ")"),
        ("assignments", "(x = ", "1", ")"),
        ("method_calls", "(", "1", " .to_s)"),
        ("patterns", "(var ", "x", " 1)"),
        ("interpolations", "#\"#{", "1", "}\""),
        ("block_comments", "#< ", "", " >#"),
        ("evals", "(eval `", "1", ")"),
        ("macros", "($render `", "1", ")"),
        ("negations", "(! ", "true", ")"),
        ("types", "(Array ", "Int", ")"),
    ];
    let mut cases: Vec<Case> = NESTED
        .iter()
        .map(|&(name, open, core, close)| {
            generated(format!("text_{name}"), move || nested(open, core, close), Verdict::Survives)
        })
        .collect();
    for (name, open) in
        [("parens", "("), ("brackets", "["), ("braces", "{^k "), ("strings", "#\"#{")]
    {
        cases.push(generated(
            format!("text_unclosed_{name}"),
            move || open.repeat(DEEP),
            Verdict::Malformed,
        ));
    }
    for (name, close) in [("parens", ")"), ("brackets", "]"), ("braces", "}")] {
        cases.push(generated(
            format!("text_unopened_{name}"),
            move || close.repeat(DEEP),
            Verdict::Malformed,
        ));
    }
    cases.push(generated(
        "text_property_chain",
        || format!("(f {} 1)", "^k".repeat(DEEP)),
        Verdict::Survives,
    ));
    cases.push(generated("text_path", || format!("x{}", "/y".repeat(DEEP)), Verdict::Survives));
    cases.push(generated(
        "text_semicolons",
        || format!("(f{})", " a;".repeat(DEEP)),
        Verdict::Survives,
    ));
    cases.push(generated(
        "text_array_pattern",
        || format!("(var {}x{} 1)", "[".repeat(DEEP), "]".repeat(DEEP)),
        Verdict::Survives,
    ));
    cases.push(generated(
        "text_long_comment_fence",
        || format!("#{} x {}#(println 1)", "<".repeat(DEEP), ">".repeat(DEEP)),
        prints("1"),
    ));
    cases
}

fn data() -> Vec<Case> {
    let mut cases = Vec::new();
    for kind in ["array", "map", "gene", "hash_map"] {
        let mut with =
            |name, usage, verdict| cases.push(with_deep_data(name, kind, usage, verdict));
        with("left_alone", "(println \"made\")", prints("made"));
        with("printed", "(println d)", Verdict::Survives);
        with("to_s", "(println ((d .to_s) .size))", Verdict::Survives);
        with("equal_to_itself", "(println (d == d))", Verdict::Survives);
        with("hashed", "(var h {{}}) (h .set d 1) (println (h .size))", Verdict::Survives);
        with("frozen", "(freeze d) (println \"frozen\")", Verdict::Survives);
    }
    cases.push(with_deep_data(
        "to_json",
        "array",
        "(println ((d .to_json) .size))",
        Verdict::Survives,
    ));
    cases.push(with_deep_data(
        "to_json",
        "map",
        "(println ((d .to_json) .size))",
        Verdict::Survives,
    ));
    cases.push(with_deep_data("left_alone", "closure", "(println \"made\")", prints("made")));
    cases.push(with_deep_data(
        "evaluated",
        "gene",
        "(try (eval d) catch * (println \"caught\"))",
        Verdict::Survives,
    ));
    cases.push(with_deep_data("rendered", "gene", "($render d) (println 1)", Verdict::Survives));
    cases.push(text(
        "data_two_deep_arrays_compared",
        "(var a []) (var b []) (repeat 100000 (a = [a]) (b = [b])) (println (a == b))",
        Verdict::Survives,
    ));
    cases.push(text(
        "data_deep_text_parsed",
        "(var s \"[\") (repeat 17 (s = (s ++ s)))\n\
         (try ($parse s) catch ParseException (println \"caught\"))",
        prints("caught"),
    ));
    cases
}

fn calls() -> Vec<Case> {
    let caught = |name: &str, program: &str| {
        text(
            format!("calls_{name}"),
            format!("{program}\n(println \"alive\")\n"),
            prints("stack overflow\nalive"),
        )
    };
    let attempt = |call: &str| {
        format!(
            "(try {call} catch RuntimeException (println (ifel ($ex/message .contain \"stack overflow\") \"stack overflow\" $ex/message)))"
        )
    };
    vec![
        caught("endless", &format!("(fn f [] (1 + (f)))\n{}", attempt("(f)"))),
        caught("endless_mutual", &format!("(fn f [] [(g)])\n(fn g [] [(f)])\n{}", attempt("(f)"))),
        caught(
            "endless_method",
            &format!("(class C (method m [] (1 + (.m))))\n{}", attempt("((new C) .m)")),
        ),
        caught(
            "endless_constructor",
            &format!("(class C (ctor [] (/x = (new C))))\n{}", attempt("(new C)")),
        ),
        caught("endless_through_map", &format!("(fn f [x] ([x] .map f))\n{}", attempt("(f 1)"))),
        caught(
            "endless_through_sort",
            &format!("(fn f [a b] ([2 1] .sort f) 1)\n{}", attempt("(f 1 2)")),
        ),
        caught(
            "endless_through_missing_method",
            &format!(
                "(class C (on_method_missing [m] [((new C) .again)]))\n{}",
                attempt("((new C) .x)")
            ),
        ),
        caught(
            "endless_equality",
            &format!(
                "(class C (method \"==\" [o] ((self == o) && true)))\n{}",
                attempt("((new C) == 1)")
            ),
        ),
        caught(
            "endless_hash",
            &format!(
                "(class C (method hash [] (var h {{{{}}}}) (h .set self 1) 1))\n{}",
                attempt("(do (var h {{}}) (h .set (new C) 1))")
            ),
        ),
        caught(
            "endless_iterator",
            &format!(
                "(class C (method iter [] (for x in self x) self))\n{}",
                attempt("(for x in (new C) x)")
            ),
        ),
        caught("endless_macro", &format!("(fn m! [x] [(m! x)])\n{}", attempt("(m! 1)"))),
        caught("endless_default", &format!("(fn f [a = [(f)]] a)\n{}", attempt("(f)"))),
        // Each level compiles anew, hence fewer of them.
        caught("endless_eval", &format!("(fn f [] [(eval `(f))])\n{}", attempt("(f)")))
            .with_flags(&["--max-depth=20000"]),
        text("calls_endless_uncaught", "(fn f [n] (1 + (f (n + 1))))\n(f 0)\n", Verdict::Fails),
        text(
            "calls_endless_with_backtrace",
            "(fn f [n] (1 + (f (n + 1))))\n(f 0)\n",
            Verdict::Fails,
        )
        .with_flags(&["--backtrace"]),
        text(
            "calls_endless_with_finally",
            "(fn f [] (try [(f)] finally 1))\n(f)\n",
            Verdict::Fails,
        ),
        text(
            "calls_tail_calls_use_no_stack",
            "(fn f [n] (if (n == 0) \"done\" else (f (n - 1))))\n(println (f 1000000))\n",
            prints("done"),
        ),
    ]
}

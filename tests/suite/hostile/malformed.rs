//! Text that cannot be read, and forms that are misused. Nothing of such a
//! program runs, so the `(println "ran")` before each must not print.

use super::{Case, Verdict, bytes, text};

/// Text that the reader must refuse.
const UNREADABLE: &[(&str, &str)] = &[
    ("open_paren", "("),
    ("open_bracket", "["),
    ("open_brace", "{"),
    ("open_double_brace", "{{"),
    ("open_sealed_paren", "#("),
    ("open_sealed_bracket", "#["),
    ("open_sealed_brace", "#{"),
    ("open_sealed_double_brace", "#{{"),
    ("close_paren", ")"),
    ("close_bracket", "]"),
    ("close_brace", "}"),
    ("close_double_brace", "}}"),
    ("paren_closed_by_bracket", "(f 1]"),
    ("paren_closed_by_brace", "(f 1}"),
    ("bracket_closed_by_paren", "[1 2)"),
    ("bracket_closed_by_brace", "[1 2}"),
    ("brace_closed_by_paren", "{^a 1)"),
    ("brace_closed_by_bracket", "{^a 1]"),
    ("double_brace_closed_once", "{{1 2}"),
    ("double_brace_closed_apart", "{{1 2} x }"),
    ("brackets_crossed", "([1)]"),
    ("one_paren_too_many", "(f 1))"),
    ("open_string", "\"abc"),
    ("open_string_after_escape", "\"abc\\\""),
    ("open_string_at_backslash", "\"abc\\"),
    ("open_triple_string", "\"\"\"abc\"\""),
    ("open_interpolation", "#\"abc"),
    ("open_hole", "#\"abc #{x"),
    ("open_hole_call", "#\"abc #(f x\""),
    ("empty_hole", "#\"a#{}b\""),
    ("two_forms_in_hole", "#\"a#{1 2}b\""),
    ("mismatched_hole", "#\"a#{1)b\""),
    ("open_triple_interpolation", "#\"\"\"a #{1}"),
    ("short_unicode_escape", r#""\u12""#),
    ("bad_unicode_escape", r#""\uzzzz""#),
    ("open_char", "'"),
    ("open_char_letter", "'a"),
    ("open_char_escape", "'\\"),
    ("empty_char", "''"),
    ("two_chars", "'ab'"),
    ("open_block_comment", "#< abc"),
    ("open_long_block_comment", "#<<< abc >>#"),
    ("open_regex", "#/abc"),
    ("open_regex_at_backslash", "#/abc\\"),
    ("unknown_regex_flag", "#/a/z"),
    ("lone_quote", "`"),
    ("quote_before_close", "(f `)"),
    ("property_without_value", "(f ^k)"),
    ("map_without_value", "{^k}"),
    ("map_of_values", "{1 2}"),
    ("map_key_then_two_values", "{^a 1 2}"),
    ("duplicate_property", "(f ^a 1 ^a 2)"),
    ("duplicate_map_key", "{^a 1 ^a 2}"),
    ("key_and_shortcut_through_it", "(f ^a 1 ^a^b 2)"),
    ("shortcut_and_key_through_it", "(f ^a^b 2 ^a 1)"),
    ("properties_apart", "(f ^k 1 2 ^z 3)"),
    ("decorator_without_form", "#@f"),
    ("decorator_without_anything", "#@"),
    ("decorator_before_close", "[#@f]"),
    ("integer_too_large", "9223372036854775808"),
    ("integer_too_small", "-9223372036854775809"),
    ("integer_far_too_large", "99999999999999999999999999999999"),
    ("hexadecimal_too_large", "0x1ffffffffffffffff"),
    ("hexadecimal_without_digits", "0x"),
    ("hexadecimal_with_letters", "0xfg"),
    ("number_and_letters", "12abc"),
    ("number_with_underscore", "1_000"),
    ("ratio", "1/2"),
    ("exponent_without_digits", "1e"),
    ("exponent_with_sign_only", "1e+"),
    ("two_points", "1.2.3"),
    ("month_13", "2026-13-01"),
    ("month_0", "2026-00-01"),
    ("day_32", "2026-01-32"),
    ("day_0", "2026-01-00"),
    ("february_30", "2026-02-30"),
    ("february_29_common_year", "2025-02-29"),
    ("hour_24", "24:00"),
    ("minute_60", "10:60"),
    ("second_61", "10:00:61"),
    ("zone_without_slash", "10:00[Paris]"),
    ("zone_without_offset", "2026-03-09T10:00[Europe/Paris]"),
    ("hexadecimal_bytes_without_digits", "0#"),
    ("binary_bytes_without_digits", "0!"),
    ("base64_bytes_without_digits", "0*"),
    ("binary_bytes_with_2", "0!102"),
    ("semicolon_only", "(;)"),
    ("semicolon_first", "(; f)"),
];

/// Special forms and operators with the wrong shape.
const MISUSED: &[(&str, &str)] = &[
    ("var_alone", "(var)"),
    ("var_of_number", "(var 1 2)"),
    ("var_of_string", "(var \"x\" 2)"),
    ("let_alone", "(let)"),
    ("let_assigned", "(let x 1) (x = 2)"),
    ("let_assigned_by_function", "(let x 1) (fn f [] (x += 1))"),
    ("if_alone", "(if)"),
    ("if_without_body", "(if true)"),
    ("if_elif_alone", "(if true 1 elif)"),
    ("if_elif_without_body", "(if true 1 elif false)"),
    ("ifel_of_one", "(ifel true)"),
    ("ifel_of_four", "(ifel true 1 2 3)"),
    ("if_not_with_else", "(if_not true 1 else 2)"),
    ("if_not_with_elif", "(if_not true 1 elif true 2)"),
    ("while_alone", "(while)"),
    ("repeat_alone", "(repeat)"),
    ("for_alone", "(for)"),
    ("for_without_in", "(for x [1 2] x)"),
    ("for_without_source", "(for x in)"),
    ("for_three_names", "(for a b c in [1] a)"),
    ("break_unknown_label", "(loop ^name a (break ^from b))"),
    ("continue_unknown_label", "(while false (continue ^from b))"),
    ("case_alone", "(case)"),
    ("case_without_when_value", "(case 1 when)"),
    ("case_with_other_word", "(case 1 of 2)"),
    ("match_removed", "(match 1)"),
    ("fn_alone", "(fn)"),
    ("fn_without_parameters", "(fn f)"),
    ("fn_parameters_not_an_array", "(fn f x x)"),
    ("fn_parameter_number", "(fn f [1] 1)"),
    ("fn_parameter_string", "(fn f [\"a\"] 1)"),
    ("fn_two_rests", "(fn f [a... b...] 1)"),
    ("fn_two_keyword_rests", "(fn f [^a... ^b...] 1)"),
    ("fn_rest_without_name", "(fn f [...] 1)"),
    ("fnx_removed", "(fnx f [] 1)"),
    ("infix_without_right", "(1 + )"),
    ("infix_without_operator", "(1 + 2 3)"),
    ("infix_two_operators", "(1 + * 2)"),
    ("infix_ends_with_operator", "(1 + 2 *)"),
    ("comparison_of_one", "(< 1)"),
    ("comparison_of_three", "(< 1 2 3)"),
    ("not_of_none", "(!)"),
    ("not_of_two", "(! 1 2)"),
    ("shift_of_one", "(<< 1)"),
    ("is_of_one", "(is 1)"),
    ("assignment_without_value", "(var x 1) (x =)"),
    ("assignment_of_two_values", "(var x 1) (x = 1 2)"),
    ("assignment_to_number", "(1 = 2)"),
    ("assignment_to_pattern", "(var a 1) ([a] = [2])"),
    ("range_of_one", "(range 1)"),
    ("class_without_name", "(class)"),
    ("class_parent_missing", "(class A <)"),
    ("method_without_parameters", "(class A (method m 1))"),
    ("macro_like_constructor", "(class A (ctor! [x] x))"),
    ("two_constructors", "(class A (ctor [] 1) (ctor [] 2))"),
    ("super_alone", "(class A (method m [] (super)))"),
    ("try_catch_without_pattern", "(try 1 catch)"),
    ("import_alone", "(import)"),
    ("self_type_outside_class", "(fn f [x: Self] x)"),
];

pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, source) in UNREADABLE {
        let program = format!("(println \"ran\")\n{source}\n");
        cases.push(text(format!("reader_{name}"), program, Verdict::Malformed));
    }
    for (name, source) in MISUSED {
        let program = format!("(println \"ran\")\n{source}\n");
        cases.push(text(format!("form_{name}"), program, Verdict::Malformed));
    }
    // The same misuse out of sight: in a function that nobody calls.
    for (name, source) in MISUSED {
        if ["ifel_of_one", "for_without_in", "infix_without_right", "case_alone"].contains(name) {
            let program = format!("(println \"ran\")\n(fn never [] (if true [{source}]))\n");
            cases.push(text(format!("nested_{name}"), program, Verdict::Malformed));
        }
    }
    cases.extend(not_text());
    cases.extend(truncated());
    cases
}

/// Bytes that are not UTF-8, or are but have no place in a program.
fn not_text() -> Vec<Case> {
    let raw = |name: &str, source: &'static [u8], verdict| {
        bytes(name.to_owned(), move || source.to_vec(), verdict)
    };
    vec![
        raw("bytes_ff", b"\xff", Verdict::Malformed),
        raw("bytes_in_string", b"(println \"a\xc3\x28\")", Verdict::Malformed),
        raw("bytes_cut_character", b"(println \"\xe2\x82", Verdict::Malformed),
        raw("bytes_overlong_slash", b"(println \"\xc0\xaf\")", Verdict::Malformed),
        raw("bytes_surrogate", b"(println \"\xed\xa0\x80\")", Verdict::Malformed),
        raw("bytes_above_unicode", b"(println \"\xf5\x80\x80\x80\")", Verdict::Malformed),
        raw("bytes_utf_16", b"\xff\xfe(\0p\0)\0", Verdict::Malformed),
        raw("bytes_in_comment", b"# \xfe\n(println 1)", Verdict::Malformed),
        raw("nul_alone", b"\0", Verdict::Fails),
        raw("nul_in_string", b"(println (\"a\0b\" .size))", Verdict::Prints("3\n".into())),
        raw("nul_between_forms", b"(println 1)\0(println 2)", Verdict::Survives),
        raw("control_characters", b"\x01\x02\x03\x7f", Verdict::Survives),
        raw("byte_order_mark", b"\xef\xbb\xbf(println 1)", Verdict::Survives),
        raw("carriage_returns", b"(println 1)\r(println 2)\r\n", Verdict::Prints("1\n2\n".into())),
        raw("only_blanks", b" \t\n,,, \r\n", Verdict::Prints(String::new())),
        raw("right_to_left", "(println \"\u{202e}abc\")".as_bytes(), Verdict::Survives),
        raw("an_executable", b"\x7fELF\x02\x01\x01\0\0\0", Verdict::Malformed),
    ]
}

/// A program that uses every kind of token, cut at each of its brackets.
fn truncated() -> Vec<Case> {
    const WHOLE: &str = "(fn f [a ^k = {^m #[1 2]}] (if (a < 1) \"x\" else #\"y#{(a + 1)}\")) \
        (case (f 2) when {{'c' 2026-03-09}} `(q %a) else (for i x in [1 2] (x .m ^p #/r/i)))";
    (1..WHOLE.len())
        .filter(|&end| matches!(WHOLE.as_bytes()[end - 1], b'(' | b'[' | b'{' | b'"'))
        .map(|end| text(format!("truncated_at_{end:03}"), &WHOLE[..end], Verdict::Malformed))
        .collect()
}

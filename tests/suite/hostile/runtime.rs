//! Programs that read well and behave badly: data that contains itself,
//! growth without end, rubbish handed to what reads or evaluates text.

use super::{Case, Verdict, prints, text};

/// Programs that may print something or fail, but end.
const SURVIVE: &[(&str, &str)] = &[
    ("array_in_itself_printed", "(var a []) (a .add a) (println a)"),
    ("array_in_itself_to_s", "(var a [1]) (a .add a) (println (a .to_s))"),
    ("array_in_itself_interpolated", "(var a [1]) (a .add a) (println #\"#{a}\")"),
    ("array_in_itself_joined", "(var a [1]) (a .add a) (println (a .join \",\"))"),
    ("array_in_itself_equal", "(var a []) (a .add a) (println (a == a))"),
    ("two_cyclic_arrays_equal", "(var a []) (a .add a) (var b []) (b .add b) (println (a == b))"),
    ("array_in_itself_hashed", "(var a []) (a .add a) (var h {{}}) (h .set a 1) (println 1)"),
    ("array_in_itself_to_json", "(var a []) (a .add a) (println (a .to_json))"),
    ("array_in_itself_sorted", "(var a [1]) (a .add a) (println ((a .sort) .size))"),
    ("array_in_itself_contains", "(var a []) (a .add a) (println (a .contains [1]))"),
    ("map_in_itself_printed", "(var m {}) (m/self = m) (println m)"),
    ("map_in_itself_to_s", "(var m {}) (m/self = m) (println (m .to_s))"),
    ("map_in_itself_equal", "(var m {}) (m/k = m) (var n {}) (n/k = n) (println (m == n))"),
    ("map_in_itself_to_json", "(var m {}) (m/k = m) (println (m .to_json))"),
    ("map_in_itself_merged", "(var m {}) (m/k = m) (m .merge m) (println (m .size))"),
    ("hash_map_key_is_itself", "(var h {{}}) (h .set h 1) (println (h .size))"),
    ("hash_map_value_is_itself", "(var h {{}}) (h .set 1 h) (println h)"),
    ("hash_set_in_itself", "(var s (new HashSet)) (s .add s) (println (s .size))"),
    ("gene_in_itself_printed", "(var g `(g)) (g .add_child g) (println g)"),
    (
        "gene_in_itself_equal",
        "(var g `(g)) (g .add_child g) (var h `(g)) (h .add_child h) (println (g == h))",
    ),
    ("gene_type_is_itself", "(var g `(g)) (g .set_genetype g) (println g)"),
    ("gene_in_itself_evaluated", "(var g `(do)) (g .add_child g) (eval g)"),
    ("gene_in_itself_rendered", "(var g `(do)) (g .add_child g) ($render g)"),
    (
        "cycle_through_map_and_array",
        "(var a []) (var m {^a a}) (a .add m) (println a m (a == [m]))",
    ),
    ("cycle_thrown", "(var a []) (a .add a) (throw a)"),
    ("cycle_spread", "(var a [1]) (a .add a) (println ([a... a...] .size))"),
    (
        "array_grows_while_visited",
        "(var a [1]) (for x in a (if ((a .size) < 100000) (a .add x))) (println (a .size))",
    ),
    ("array_cleared_while_visited", "(var a [1 2 3]) (for x in a (a .clear)) (println (a .size))"),
    (
        "array_cleared_while_mapped",
        "(var a [1 2 3]) (println ((a .map (fn [x] (a .clear) x)) .size))",
    ),
    (
        "array_cleared_while_sorted",
        "(var a [3 2 1]) (println ((a .sort (fn [x y] (a .clear) (x - y))) .size))",
    ),
    (
        "array_cleared_while_reduced",
        "(var a [3 2 1]) (println (a .reduce 0 (fn [s x] (a .clear) (s + x))))",
    ),
    ("array_cleared_while_spread", "(var a [1 2]) (println [a... (do (a .clear) 1) a...])"),
    ("map_cleared_while_each", "(var m {^a 1 ^b 2}) (m .each (fn [k v] (m .clear))) (println m)"),
    (
        "map_grows_while_mapped",
        "(var m {^a 1}) (println (m .map (fn [k v] (m .set #\"#{k}x\" 1) v)))",
    ),
    (
        "inconsistent_comparator",
        "(var a []) (repeat 1000 (a .add (a .size))) (println ((a .sort (fn [x y] true)) .size))",
    ),
    (
        "random_comparator",
        "(var a []) (repeat 1000 (a .add (a .size))) (println ((a .sort (fn [x y] ((random_int 2) - 1))) .size))",
    ),
    ("comparator_gives_a_string", "(println ([2 1] .sort (fn [x y] \"z\")))"),
    (
        "inconsistent_hash",
        "(class K (ctor [] (/n = 0)) (method hash [] (/n += 1))) (var h {{}}) (var k (new K)) (repeat 100 (h .set k 1)) (println (h .get k))",
    ),
    ("hash_is_no_integer", "(class K (method hash [] \"x\")) (var h {{}}) (h .set (new K) 1)"),
    (
        "equality_throws",
        "(class K (method \"==\" [o] (throw \"no\"))) (println ([(new K)] .contains 1))",
    ),
    ("iterator_is_no_iterator", "(class K (method iter [] 1)) (for x in (new K) x)"),
    (
        "key_changed_in_map",
        "(var k [1]) (var h {{}}) (h .set k 1) (k .add 2) (println (h .get k) (h .get [1]) (h .size))",
    ),
    ("least_integer_divided", "(var m -9223372036854775808) (println (m / -1) (m % -1))"),
    ("least_integer_negated", "(println (- -9223372036854775808))"),
    ("least_integer_shifted", "(println (-9223372036854775808 >> 63) (1 << 63) (1 << 64))"),
    (
        "range_to_the_end",
        "(var n 0) (for i in (9223372036854775800 .. 9223372036854775807) (n += 1)) (println n)",
    ),
    (
        "range_step_overflows",
        "(for i in (range 9223372036854775800 9223372036854775807 100) (print i))",
    ),
    (
        "range_down_to_the_end",
        "(for i in (range -9223372036854775800 -9223372036854775808 -5) (print i))",
    ),
    ("repeat_negative", "(repeat -9223372036854775808 (println 1))"),
    (
        "index_least_integer",
        "(var a [1]) (println (a .get -9223372036854775808) (a .slice -9223372036854775808 9223372036854775807))",
    ),
    (
        "index_take_huge",
        "(println ([1 2] .take 9223372036854775807) ([1 2] .skip 9223372036854775807))",
    ),
    ("substring_extremes", "(println (\"abc\" .substr -9223372036854775808 9223372036854775807))"),
    ("split_empty", "(println (\"\" .split \"\") (\"abc\" .split \"\") (\"abc\" .split \"\" -1))"),
    ("replace_empty", "(println (\"abc\" .replace_all \"\" \"-\"))"),
    ("find_all_empty_pattern", "(println (\"abc\" .find_all #/x*/))"),
    ("not_found_in_array", "(for x in [1 not_found 2] (println x))"),
    (
        "parse_rubbish",
        "(for s in [\"(\" \")\" \"\" \"{^a}\" \"'ab'\" \"9999999999999999999\" \"`\" \"#@\" \"\\u0000\"] (try ($parse s) catch * (print 1)))",
    ),
    ("parse_not_a_string", "(for v in [nil 1 [] `x] (try ($parse v) catch * (print 1)))"),
    (
        "eval_rubbish",
        "(for g in [`(if) `(fn) `(1 +) `(var) `(for) `(class) `(break) `(return) `(undefined_thing)] (try (eval g) catch * (print 1)))",
    ),
    ("eval_return", "(eval `(return 1)) (println 1)"),
    ("eval_break_in_loop", "(loop (try (eval `(break)) catch * nil) (break))"),
    (
        "eval_redefines_everything",
        "(eval `(var println 1)) (eval `(fn eval [x] x)) (println (eval 1))",
    ),
    (
        "call_everything",
        "(for v in [nil 1 1.5 true \"s\" 'c' [] {} `x `(g) (1 .. 2) #/r/ 2026-03-09] (try (v) catch * (print 1)))",
    ),
    (
        "method_of_everything",
        "(for v in [void nil 1 1.5 true \"s\" 'c' [] {} `x `(g) (1 .. 2) #/r/ 2026-03-09 println Int] (try (v .no_such_method 1 2) catch * (print 1)))",
    ),
    (
        "member_of_everything",
        "(for v in [void nil 1 1.5 true \"s\" 'c' [] {} `x `(g) (1 .. 2) #/r/ 2026-03-09 println Int] (try (print v/x v/0 v/-1) catch * (print 1)))",
    ),
    (
        "assign_member_of_everything",
        "(for v in [void nil 1 1.5 true \"s\" 'c' [] {} `x `(g) (1 .. 2) #/r/ 2026-03-09 println Int] (try (v/x = 1) catch * (print 1)) (try (v/0 = 1) catch * (print 1)))",
    ),
    (
        "operate_on_everything",
        "(var vs [void nil 1 1.5 true \"s\" 'c' [] {} `x `(g) (1 .. 2) #/r/ 2026-03-09 println Int]) (for a in vs (for b in vs (try (a + b) catch * nil) (try (a < b) catch * nil) (try (a << b) catch * nil) (try (a % b) catch * nil) (a == b) (a && b) (a || b) (a &|& b)))",
    ),
    (
        "new_of_everything",
        "(for v in [nil 1 \"s\" [] println Int String Array Object Exception Future Class] (try (new v 1 2 3) catch * (print 1)))",
    ),
    (
        "natives_without_arguments",
        "(for f in [println print len range freeze typeof abs min max floor sqrt pow random_int eval assert] (try (f) catch * (print 1)))",
    ),
    (
        "natives_with_wrong_arguments",
        "(for f in [len range freeze typeof abs min max floor sqrt pow random_int] (for v in [nil \"s\" [] {} println] (try (f v v v) catch * nil)))",
    ),
    ("throw_in_finally", "(try (throw \"a\") finally (throw \"b\"))"),
    ("return_at_module_level", "(println 1) (return) (println 2)"),
    ("break_in_function_in_loop", "(loop ((fn [] (break))))"),
    ("self_referencing_cause", "(var e (new Exception \"x\")) (e/cause = e) (throw e)"),
    ("throw_class_that_throws", "(class E < Exception (ctor [] (throw \"inner\"))) (throw E)"),
    (
        "exception_message_is_no_string",
        "(class E < Exception (ctor [] (/message = [1]))) (throw (new E))",
    ),
    ("bad_escape_in_message", "(throw \"line\\nquote\\\" tab\\t nul\\u0000 end\")"),
    ("string_with_escapes_printed", "(println \"\\u001b[31mred\")"),
    ("caller_eval_outside_macro", "($caller_eval `x)"),
    ("lone_caret", "(f ^)"),
    ("lone_caret_in_array", "[1 ^ ^^ ^! ^...]"),
    ("decorated_rubbish", "#@println #@println (1 2)"),
    ("redefine_globals", "(var nil2 nil) (fn println [x] x) (println 1)"),
    (
        "closed_over_in_many_scopes",
        "(var fs []) (for i in (1 .. 10000) (fs .add (fn [] i))) (println ((fs/9999)))",
    ),
    ("import_of_itself", "(import x from \"./import_of_itself\")"),
    ("import_of_directory", "(import x from \"/\")"),
    ("read_of_directory", "(gene/io/read \"/\")"),
    ("write_to_nowhere", "(gene/io/write \"/no/such/dir/file\" \"x\")"),
];

/// Programs whose answer is known.
const ANSWERED: &[(&str, &str, &str)] = &[
    ("garbage_10_million", "(var n 0) (repeat 300000 (n = (len [1 2 3]))) (println n)", "3"),
    ("garbage_strings", "(var s \"\") (repeat 100000 (s = #\"#{1}x\")) (println s)", "1x"),
    ("cyclic_garbage", "(repeat 100000 (do (var a []) (a .add a))) (println \"done\")", "done"),
    (
        "closure_cycles",
        "(repeat 50000 (do (var f nil) (f = (fn [] f)))) (println \"done\")",
        "done",
    ),
    (
        "exceptions_100_000",
        "(var n 0) (repeat 100000 (try (throw \"x\") catch * (n += 1))) (println n)",
        "100000",
    ),
    (
        "chain_of_futures",
        "(var first (new gene/Future)) (var last first) (repeat 1500000 (var next (new gene/Future)) (last .complete next) (last = next)) (last .complete \"end\") (println (await first))",
        "end",
    ),
    (
        "nested_finally",
        "(fn f [n] (try (if (n == 0) (throw \"x\") else (f (n - 1)) 1) finally n)) (println (try (f 1000) catch * $ex/message))",
        "x",
    ),
];

/// Growth without end, with a limit on memory.
const GROWING: &[(&str, &str)] = &[
    ("string", "(var s \"x\") (loop (s = (s ++ s)))"),
    ("array", "(var a []) (loop (a .add 1))"),
    ("array_of_arrays", "(var a []) (loop (a = [a a a a]))"),
    ("map", "(var h {{}}) (var i 0) (loop (h .set i i) (i += 1))"),
    ("closures", "(fn chain [g] (fn [] g)) (var f nil) (loop (f = (chain f)))"),
    ("interpolation", "(var s \"ab\") (loop (s = #\"#{s}#{s}\"))"),
    ("joined", "(var a [\"abcdefgh\"]) (loop (a = [(a .join) (a .join)]))"),
    ("array_visited_while_growing", "(var a [1]) (for x in a (a .add x))"),
    ("exception_causes", "(var e nil) (loop (e = (new Exception \"m\" ^cause e)))"),
];

pub fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = SURVIVE
        .iter()
        .map(|(name, source)| text(*name, format!("{source}\n"), Verdict::Survives))
        .collect();
    for (name, source, answer) in ANSWERED {
        cases.push(text(*name, format!("{source}\n"), prints(answer)));
    }
    for (name, source) in GROWING {
        let name = format!("growing_{name}");
        cases.push(text(name, *source, Verdict::Fails).with_flags(&["--max-heap=64m"]));
    }
    cases
}

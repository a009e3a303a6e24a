//! Natives called without an interpreter.

use super::install;
use crate::heap::Gc;
use crate::object::misc::QuoteMark;
use crate::object::{Array, BoxedInt, Gene, Map, Native, PathSymbol, Quoted, Str};
use crate::object::{regex, string};
use crate::value::Value;
use crate::vm::{Limits, Vm};
use gene_isa::{Symbol, datum};

/// Calls a built-in method; the display of its value, or of what it raised.
fn call(vm: &mut Vm, this: Value, name: &str, args: &[Value]) -> String {
    let method = vm.class_of(this).find_method(Symbol::intern(name)).expect(name);
    let native = Gc::<Native>::from_value(method).expect(name);
    match vm.call_native_test(native, this, args) {
        Ok(value) => vm.display_data(value),
        Err(thrown) => format!("! {}", vm.exception_message(thrown.0)),
    }
}

#[test]
fn methods_of_strings() {
    let vm = &mut Vm::new(Limits::default());
    install(vm);
    let regex = |vm: &mut Vm, pattern: &str, replacement: Option<&str>| {
        let source = datum::Regex {
            pattern: pattern.into(),
            ignore_case: false,
            multiline: false,
            replacement: replacement.map(Into::into),
        };
        regex::new(&mut vm.heap, &source)
    };
    let digits = regex(vm, r"\d+", None);
    let wrapped = regex(vm, r"(\d)", Some(r"<\1>"));
    let empty = regex(vm, "", None);
    let broken = regex(vm, "(", None);
    let int = Value::small_int;
    let mut text = |text: &str| Str::new(&mut vm.heap, text).value();
    let (a, x, e, comma) = (text("a"), text("X"), text("é"), text(","));
    let cases: Vec<(Value, &str, Vec<Value>, &str)> = vec![
        (text("héllo"), "length", vec![], "5"),
        (text("öLAF"), "capitalize", vec![], "\"Ölaf\""),
        (text("k水m"), "reverse", vec![], "\"m水k\""),
        (text("k水m"), "substr", vec![int(1)], "\"水m\""),
        (text("k水m"), "substr", vec![int(-2), int(-2)], "\"水\""),
        (a, "append", vec![int(1), Value::NIL, Value::TRUE], "\"a1true\""),
        (text("héé"), "index", vec![e], "1"),
        (text("héé"), "rindex", vec![e], "2"),
        (text("héé"), "rindex", vec![e, int(1)], "1"),
        (text("x7y8"), "index", vec![digits, int(2)], "3"),
        (text("x7y88"), "rindex", vec![digits], "4"),
        (text("a,b,c"), "split", vec![comma, int(2)], "[\"a\" \"b,c\"]"),
        (text(""), "split", vec![comma], "[\"\"]"),
        (text("ab"), "split", vec![empty], "[\"a\" \"b\"]"),
        (text("x7y88z"), "split", vec![digits], "[\"x\" \"y\" \"z\"]"),
        (text("aXbXc"), "replace", vec![x, a], "\"aabXc\""),
        (text("aXbXc"), "replace_all", vec![x, comma], "\"a,b,c\""),
        (text("x7y8"), "replace_all", vec![wrapped], "\"x<7>y<8>\""),
        (text("x7y8"), "replace", vec![digits], "! Replacement string is required"),
        (text("x7"), "match", vec![broken], "! Invalid regex: unclosed group"),
        (text("x7y88"), "scan", vec![digits], "[\"7\" \"88\"]"),
        (text("ab"), "match", vec![a], "! match expects a regex as argument 1, got String"),
        (text("4x"), "to_i", vec![], "! to_i requires a numeric string"),
        (text(" -7 "), "to_i", vec![], "-7"),
        (text("inf"), "to_f", vec![], "! to_f requires a numeric string"),
    ];
    for (this, name, args, expected) in cases {
        assert_eq!(call(vm, this, name, &args), expected, "{name}");
    }
}

/// A native function of a built-in namespace.
fn function(vm: &mut Vm, path: &str) -> Gc<Native> {
    let (namespace, name) = path.rsplit_once('/').expect("a path");
    let found = vm.builtin_namespace(namespace).members.get(Symbol::intern(name));
    found.and_then(Gc::from_value).expect(path)
}

#[test]
fn json_is_read_and_written() {
    let vm = &mut Vm::new(Limits::default());
    install(vm);
    let (parse, stringify) = (function(vm, "gene/json/parse"), function(vm, "gene/json/stringify"));
    let read = |vm: &mut Vm, json: &str| {
        let text = Str::new(&mut vm.heap, json).value();
        vm.call_native_test(parse, Value::NIL, &[text])
    };
    for json in [
        r#"{"a":1,"b":[true,null,2.5,"x"],"c":{"d":1.0}}"#,
        r#"[{"x":1,"y":2},{"x":3,"y":4},{"y":5,"x":6},{"x":7},{}]"#,
        r#"["\"\\\n\u0001é/",-9223372036854775808,1e+16,0.1]"#,
        "[[[]],[],{}]",
    ] {
        let value = read(vm, json).expect(json);
        let back = vm.call_native_test(stringify, Value::NIL, &[value]).expect(json);
        assert_eq!(string::text_of(back), Some(json));
    }
    let cases = [
        (r#" {"k": 1, "k": 2, "l": 18446744073709551615} "#, "{^k 2 ^l 1.8446744073709552e+19}"),
        (r#""\u00e9\ud83d\ude00""#, "\"é😀\""),
        ("[1e3, 1E-7, 0.1]", "[1000.0 1e-07 0.1]"),
    ];
    for (json, expected) in cases {
        let value = read(vm, json).expect(json);
        assert_eq!(vm.display_data(value), expected);
    }
    let deep = |n| format!("{}{}", "[".repeat(n), "]".repeat(n));
    assert!(read(vm, &deep(1000)).is_ok());
    for json in ["[1,", "", "1 2", "{1:2}", "nul", "\u{feff}1", &deep(1001), &"[".repeat(100_000)] {
        let thrown = read(vm, json).expect_err(json);
        assert!(vm.exception_message(thrown.0).starts_with("Invalid JSON: "));
    }
}

#[test]
fn tagged_json_is_written() {
    let vm = &mut Vm::new(Limits::default());
    install(vm);
    let serialize = function(vm, "gene/json/serialize");
    let name = Symbol::intern;
    let heap = &mut vm.heap;
    let row = {
        let z = Quoted::new(heap, QuoteMark::Quote, Value::symbol(name("z"))).value();
        let pair = Array::new(heap, &[Value::small_int(5), z]).value();
        let text = Str::new(heap, "s").value();
        let children = Array::new(heap, &[pair, text]);
        let props = Map::from_entries(heap, &[(name("n"), Value::small_int(4))]);
        Gene::new(heap, Value::symbol(name("row")), Some(props), children).value()
    };
    let tag = Str::new(heap, "#GENE#x").value();
    let path = PathSymbol::new(heap, &[name("a"), name("b")]).value();
    let map = Map::from_entries(heap, &[(name("b"), path), (name("a"), tag)]).value();
    let reserved = Map::from_entries(heap, &[(name("genetype"), tag)]).value();
    let ring = Array::new(heap, &[]);
    ring.push(heap, ring.value());
    let big = BoxedInt::int(heap, 9007199255000001);
    let exact = BoxedInt::int(heap, 9007199254740991);
    let cases = [
        (row, r##"{"genetype":"#GENE#row","n":4,"children":[[5,"#GENE#z"],"s"]}"##),
        (map, r##"{"a":"#GENE#\"#GENE#x\"","b":"#GENE#a/b"}"##),
        (big, r##""#GENE#9007199255000001""##),
        (exact, "9007199254740991"),
    ];
    for (value, expected) in cases {
        let json = vm.call_native_test(serialize, Value::NIL, &[value]).expect(expected);
        assert_eq!(string::text_of(json), Some(expected));
    }
    for value in [reserved, ring.value(), Value::float(f64::NAN), Value::char('x'), Value::VOID] {
        let thrown = vm.call_native_test(serialize, Value::NIL, &[value]).expect_err("an error");
        assert!(vm.exception_message(thrown.0).ends_with("is not serializable to JSON"));
    }
}

//! Every function and method of the standard library is called with rubbish:
//! values of every kind, extreme numbers, too few and too many of them, and
//! receivers of a foreign class. Whatever they do, they return or raise an
//! exception of a built-in class, and wrong numbers of arguments are always the
//! same exception.
//!
//! The natives are found in a machine at run time, so that new ones are tested
//! too. Each namespace and class becomes one program.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use gene::Engine;
use gene::heap::Gc;
use gene::object::{Class, Function, Namespace, Native};
use gene::value::Value;

use super::{Case, Verdict, generated};

/// Natives that end the program or wait for ever when used as documented.
const SKIPPED: &[&str] = &["exit", "run_forever", "sleep", "gene/sleep", "stop_scheduler"];

/// Names whose calls are special forms.
const FORMS: &[&str] = &["interceptor", "fn-interceptor"];

/// An expression that makes a receiver, by class.
const RECEIVERS: &[(&str, &str)] = &[
    ("Object", "5"),
    ("Int", "5"),
    ("Float", "1.5"),
    ("Bool", "true"),
    ("Nil", "nil"),
    ("String", "\"a水c\""),
    ("Char", "'c'"),
    ("Symbol", "`s"),
    ("ComplexSymbol", "`a/b"),
    ("Array", "[3 1 2]"),
    ("Map", "{^a 1}"),
    ("HashMap", "{{1 2}}"),
    ("HashSet", "(new HashSet 1 2)"),
    ("Gene", "`(f ^a 1 2)"),
    ("Range", "(0 .. 3)"),
    ("Function", "(fn [a] a)"),
    ("Class", "Int"),
    ("Namespace", "gene"),
    ("Date", "2024-01-02"),
    ("DateTime", "2024-01-02T10:00:00Z"),
    ("Time", "10:00:00"),
    ("Bytes", "0#ff00"),
    ("Regexp", "#/(a)|b/"),
    ("RegexpMatch", "(#/a/ .match \"a\")"),
    ("Future", "(async 1)"),
    ("Generator", "(count*)"),
    ("ArrayIterator", "([1 2] .iter)"),
    ("MapIterator", "({^a 1} .iter)"),
    ("RangeIterator", "((0 .. 3) .iter)"),
    ("File", "(new File \"none\")"),
    ("FileReader", "(File/reader $program)"),
    ("Process", "(system/Process/start \"true\")"),
    ("Void", "void"),
    ("Application", "$app"),
    ("Package", "$pkg"),
    ("AsyncGenerator", "(ticks*)"),
    ("Channel", "(new gene/Channel 9)"),
    ("Interceptor", "Loud"),
    ("Interception", "(LoudFn (fn [a] a))"),
    ("Selector", "@a"),
    ("Stream", "stderr"),
    ("Subscription", "(genex/sub `nothing (fn [] nil))"),
    ("TaskScope", "(gene/scope [s] s)"),
    ("Actor", "actor"),
    ("ActorContext", "context"),
    ("SqliteConnection", "(genex/sqlite/open \":memory:\")"),
    ("Request", "(new gene/Request \"no url\")"),
    ("Server", "(start_server 0 (fn [q] \"\"))"),
    (
        "Response",
        "(do (var s (start_server 0 (fn [q] \"[]\"))) \
         (await (http_get #\"http://127.0.0.1:#{(s .port)}/\")))",
    ),
    (
        "ServerStream",
        "(do (var h []) (var s (start_server 0 (fn [q] (var e (respond_sse q)) (h .add e) (e .close)))) \
         (await (http_get #\"http://127.0.0.1:#{(s .port)}/\")) h/0)",
    ),
];

/// The part of the program that does not depend on what is tested.
const PRELUDE: &str = r##"
(fn count* [] (yield 1) (yield 2))
(fn ticks* ^^async [] (yield 1))
(interceptor Loud [f] (before f [] nil))
(fn-interceptor LoudFn [f] (before f [a] nil))
(gene/actor/enable)
(var actor (gene/actor/spawn (fn [ctx msg state] nil)))
(var found [])
(fn wrong [what] (if_not (found .contains what) (found .add what)))

(fn values []
  [nil true 0 -1 3 9223372036854775807 -9223372036854775808 1.5 (0.0 / 0.0) 1e300 -1e300
   "" "abc" "水" "a\u0000b" "(*" "{[" "%%" 'c' `sym `a/b [] [1 "a" nil] {} {^a 1} {{1 [2]}} (new HashSet 1) `(f ^a 1 2)
   (fn [] 1) (fn [a b] a) Int gene 0#ff #/(a)/ (0 .. 3) 2024-01-02 (async 1) (count*)])

(fn few [] [nil -1 2 9223372036854775807 -9223372036854775808 1.5 "abc" [2 1] {^a 1} `(g) (fn [a] a) Int])

(fn lists [max]
  (var all [[]])
  (for v in (values) (all .add [v]))
  (if (max > 1)
    (for v in (few) (for w in (few) (all .add [v w]))))
  (if (max > 2)
    (for v in (few) (for w in (few) (all .add [v w v]) (all .add [v w w]))))
  all)

(var kinds ["ArgumentException" "TypeException" "ParseException" "IOError" "RuntimeException"
            "AssertionException" "ConcurrencyException" "TimeoutException" "CancellationException"
            "ProviderException" "NetworkException"])

# Calls with every list; `exact`: the numbers of arguments are known.
(fn try_all [name exact min max make f]
  (for args in (lists max)
    (var fits (&& (args/.size >= min) (args/.size <= max)))
    (var told
      (try
        (f (make) args)
        "nothing"
      catch e
        (var kind ((e .class) .name))
        (if_not (kinds .contains kind)
          (wrong #"#{name} raises #{kind} (#{e/message})"))
        (if_not (e/code is String)
          (wrong #"#{name} raises #{kind} without a code (#{e/message})"))
        e/code))
    (if (&& exact (not fits) (told != "GENE.ARGS.MISMATCH"))
      (wrong #"#{name} with #{args/.size} arguments gives #{told}"))
    (if (&& exact fits (told == "GENE.ARGS.MISMATCH"))
      (wrong #"#{name} with #{args/.size} arguments is a mismatch")))
  (if (&& exact (max < 9))
    (try
      (f (make) [0 1 2 3 4 5 6 7 8 9])
      (wrong #"#{name} takes ten arguments")
    catch e
      (if (e/code != "GENE.ARGS.MISMATCH")
        (wrong #"#{name} with ten arguments gives #{e/code}")))))
"##;

/// One function: its name, and how many arguments it takes if that is known.
struct Found {
    name: String,
    arity: Option<(u16, u16)>,
}

#[derive(Default)]
struct Natives {
    /// By the namespace they are members of, or `global`.
    functions: BTreeMap<String, Vec<Found>>,
    /// By class.
    methods: BTreeMap<String, Vec<Found>>,
}

impl Natives {
    fn of(engine: &Engine) -> Natives {
        let mut natives = Natives::default();
        let builtins = engine.vm.builtins.iter().map(|(name, value)| (name.as_str(), *value));
        for (name, value) in builtins {
            natives.member("", name, value);
        }
        for found in natives.functions.values_mut().chain(natives.methods.values_mut()) {
            found.sort_by(|a, b| a.name.cmp(&b.name));
            found.dedup_by(|a, b| a.name == b.name);
        }
        natives
    }

    fn member(&mut self, owner: &str, name: &str, value: Value) {
        let path = if owner.is_empty() { name.to_owned() } else { format!("{owner}/{name}") };
        if SKIPPED.contains(&path.as_str()) || FORMS.contains(&path.as_str()) || !is_plain(name) {
            return;
        }
        if let Some(arity) = arity_of(value) {
            let owner = if owner.is_empty() { "global" } else { owner };
            let found = Found { name: path, arity };
            self.functions.entry(owner.replace('/', "_")).or_default().push(found);
        } else if let Some(namespace) = Gc::<Namespace>::from_value(value) {
            for (name, value) in namespace.members.entries() {
                self.member(&path, name.as_str(), value);
            }
        } else if let Some(class) = Gc::<Class>::from_value(value) {
            self.class(&path, class);
        }
    }

    fn class(&mut self, path: &str, class: Gc<Class>) {
        // Many classes have several paths.
        let Entry::Vacant(methods) = self.methods.entry(class.name.as_str().to_owned()) else {
            return;
        };
        let methods = methods.insert(Vec::new());
        for (name, method) in class.methods.borrow().iter() {
            if let Some(arity) = arity_of(*method) {
                methods.push(Found { name: name.as_str().to_owned(), arity });
            }
        }
        for (name, value) in class.members.entries() {
            self.member(path, name.as_str(), value);
        }
    }
}

/// Least and greatest number of arguments of a function, if they are known;
/// `None` for what is no function.
fn arity_of(value: Value) -> Option<Option<(u16, u16)>> {
    match Gc::<Native>::from_value(value) {
        Some(native) => Some(Some((native.min, native.max))),
        None => Gc::<Function>::from_value(value).map(|_| None),
    }
}

/// Whether a name can be written as it is; others are internal.
fn is_plain(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "_?!".contains(c))
}

impl Found {
    /// A call of `try_all`.
    fn tried(&self, make: &str, call: &str) -> String {
        let (exact, (min, max)) = match self.arity {
            Some(arity) => (true, arity),
            None => (false, (0, 3)),
        };
        format!("(try_all {:?} {exact} {min} {max} (fn [] {make}) (fn [r a] {call}))\n", self.name)
    }
}

/// The class of objects that only the handler of an actor can get.
const HANDLER_ONLY: &str = "ActorContext";

/// The same where the calls are in the handler, which binds `context`.
fn in_handler(definitions: &str, calls: impl Iterator<Item = String>) -> String {
    let calls: String = calls.collect();
    format!(
        "{PRELUDE}\n{definitions}(var tried (gene/actor/spawn (fn [context msg state]\n\
         (found = [])\n{calls}\
         (println (if found/0 (found .join \" | \") else \"fine\")))))\n\
         (tried .send 1)\n(try (await (tried .send_expect_reply 2)) catch * nil)\n"
    )
}

fn program(calls: impl Iterator<Item = String>) -> String {
    let calls: String = calls.collect();
    let end = "(println)\n(println (if found/0 (found .join \" | \") else \"fine\"))\n";
    format!("{PRELUDE}\n{calls}{end}")
}

pub fn cases() -> Vec<Case> {
    let natives = Natives::of(&Engine::new(Default::default()));
    let mut cases = Vec::new();
    for (owner, functions) in natives.functions {
        let calls = move || {
            let calls =
                functions.iter().map(|f| f.tried("nil", &format!("((do {}) a...)", f.name)));
            program(calls)
        };
        cases.push(generated(format!("functions_{owner}"), calls, Verdict::LastLine("fine")));
    }
    for (class, methods) in natives.methods {
        if methods.is_empty() {
            continue;
        }
        let receiver = RECEIVERS.iter().find(|(name, _)| *name == class).map(|(_, made)| *made);
        let name = format!("methods_{class}");
        let calls = move || {
            let receiver = receiver.unwrap_or("(throw \"no receiver is known\")");
            // An instance of a class that a program derives has other contents.
            let path = format!("gene/{class}");
            let derived = format!("(class Derived < {path} (ctor [] nil))\n");
            let calls = methods.iter().flat_map(|method| {
                let call = format!("(r .{} a...)", method.name);
                [method.tried(receiver, &call), method.tried("(new Derived)", &call)]
            });
            match class == HANDLER_ONLY {
                true => in_handler(&derived, calls),
                false => program([derived].into_iter().chain(calls)),
            }
        };
        cases.push(generated(name, calls, Verdict::LastLine("fine")));
    }
    cases
}

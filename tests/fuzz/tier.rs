//! Programs made for the compiled tier: hot functions and loops over numbers at
//! the edges of their representations, arrays of mixed kinds, records whose
//! shapes change, methods of several classes, closures, exceptions, and names
//! that get another meaning while they are hot.
//!
//! Every loop ends, and functions call only themselves, with a number that
//! falls, and those made before. What goes wrong is caught and printed.

use fastrand::Rng;

const SMALL: &[&str] = &["0", "1", "2", "3", "5", "7", "-3", "10"];
/// Numbers at which something changes: representation, sign, overflow.
const INTS: &[&str] = &[
    "-1",
    "63",
    "64",
    "1000",
    "-17",
    "2147483647",
    "-2147483648",
    "2251799813685247",
    "2251799813685248",
    "-2251799813685248",
    "-2251799813685249",
    "4611686018427387904",
    "9223372036854775807",
    "-9223372036854775808",
];
const FLOATS: &[&str] = &[
    "0.0",
    "-0.0",
    "0.5",
    "1.5",
    "-2.25",
    "3.0",
    "1e15",
    "1e300",
    "(0.0 / 0.0)",
    "-1e-310",
    "4.5e15",
];
const OTHERS: &[&str] =
    &["nil", "true", "false", "\"text\"", "`sym", "void", "[1 2.5 \"x\"]", "{^a 1}", "'c'"];
const FIELDS: [(&str, Want); 4] =
    [("x", Want::Int), ("y", Want::Float), ("z", Want::Any), ("w", Want::Record)];
const METHODS: [(&str, Want); 3] = [("area", Want::Float), ("grow", Want::Int), ("mix", Want::Any)];

/// What an expression should give; most do.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Want {
    Int,
    Float,
    Bool,
    Array,
    Record,
    Any,
}

const WANTS: [Want; 6] = [Want::Int, Want::Float, Want::Bool, Want::Array, Want::Record, Want::Any];

/// A function that may be called: what it takes and gives, and whether it takes
/// long by itself and thus is not called in loops.
#[derive(Clone)]
struct Callable {
    name: String,
    params: Vec<Want>,
    result: Want,
    recursive: bool,
}

struct Maker<'a> {
    rng: &'a mut Rng,
    /// Variables in scope, with what they hold at first; `true` if they may be assigned.
    variables: Vec<(String, Want, bool)>,
    functions: Vec<Callable>,
    fresh: usize,
    /// Whether fields of `self` can be named.
    in_method: bool,
    in_loop: bool,
    in_function: bool,
    /// Rounds of the loops around multiply: how many are open.
    loops: usize,
}

/// The program of a sequence of random numbers.
pub fn program(rng: &mut Rng) -> String {
    let mut maker = Maker {
        rng,
        variables: Vec::new(),
        functions: Vec::new(),
        fresh: 0,
        in_method: false,
        in_loop: false,
        in_function: false,
        loops: 0,
    };
    maker.whole()
}

impl Maker<'_> {
    fn below(&mut self, n: usize) -> usize {
        self.rng.usize(..n)
    }

    fn chance(&mut self, percent: u8) -> bool {
        self.rng.u8(..100) < percent
    }

    fn one(&mut self, of: &[&str]) -> String {
        of[self.below(of.len())].to_owned()
    }

    fn name(&mut self, prefix: &str) -> String {
        self.fresh += 1;
        format!("{prefix}{}", self.fresh)
    }

    fn want(&mut self) -> Want {
        WANTS[self.below(WANTS.len())]
    }

    // ---- the whole ----------------------------------------------------------------

    fn whole(&mut self) -> String {
        let mut text = String::new();
        for want in WANTS {
            let name = self.name("g");
            text += &format!("(var {name} {})\n", self.literal(want));
            self.variables.push((name, want, true));
        }
        for i in 0..3 {
            text += &self.class(i);
        }
        for _ in 0..2 + self.below(4) {
            text += &self.function();
        }
        for _ in 0..2 + self.below(3) {
            text += &self.driver();
        }
        if self.chance(30) {
            text += &self.suspended();
        }
        text
    }

    fn class(&mut self, number: usize) -> String {
        let parent = if number > 0 && self.chance(50) { " < C0" } else { "" };
        let declared = if self.chance(15) { "(field x)(field y)(field z)(field w)" } else { "" };
        let ctor = match self.below(3) {
            0 if number > 0 => String::new(),
            1 => "(ctor [a b] (/y = b) (/x = a))".into(),
            _ => "(ctor [/x /y])".into(),
        };
        let mut text = format!("(class C{number}{parent} {declared} {ctor}\n");
        for (method, result) in METHODS {
            if number > 0 && self.chance(25) {
                continue;
            }
            text += &format!("  (method {method} [p]\n");
            let before = self.variables.len();
            self.variables.push(("p".into(), Want::Int, true));
            (self.in_method, self.in_function) = (true, true);
            text += &self.body(2, result);
            (self.in_method, self.in_function) = (false, false);
            self.variables.truncate(before);
            text += ")\n";
        }
        text += ")\n";
        text
    }

    fn function(&mut self) -> String {
        let takes: Vec<Want> = (0..self.below(4)).map(|_| self.want()).collect();
        let (name, mut result) = (self.name("f"), self.want());
        let before = self.variables.len();
        let mut params = String::new();
        for want in takes.iter().copied() {
            let param = self.name("p");
            let annotation = match want {
                Want::Int if self.chance(10) => ": Int",
                Want::Float if self.chance(10) => ": Float",
                _ => "",
            };
            params += &format!("{param}{annotation} ");
            self.variables.push((param, want, true));
        }
        let recursive = self.chance(35);
        self.in_function = true;
        let text = if recursive {
            result = Want::Int;
            let (inner, falls) = (self.name("r"), self.name("n"));
            self.variables.push((falls.clone(), Want::Int, false));
            let end = self.expression(2, Want::Int);
            let again = format!("({inner} ({falls} - 1))");
            let other = self.expression(2, Want::Int);
            let rest = match self.below(5) {
                0 => again.clone(),
                1 => format!("(1 + {again})"),
                2 => format!("({again} + ({inner} ({falls} - 2)))"),
                3 => format!("(try (({again}) + {other}) catch * {other} finally nil)"),
                _ => format!("({other} + {again})"),
            };
            let limit = if rest.matches(&inner).count() > 1 { 9 } else { self.below(60) };
            format!(
                "(fn {name} [{params}]\n  (var {inner} (fn [{falls}] (if ({falls} <= 0) {end} else {rest})))\n  ({inner} {limit}))\n"
            )
        } else {
            format!("(fn {name} [{params}]\n{})\n", self.body(3, result))
        };
        self.in_function = false;
        self.variables.truncate(before);
        self.functions.push(Callable { name, params: takes, result, recursive });
        text
    }

    /// A hot loop of the module, or in a function of its own, that catches what
    /// happens inside.
    fn driver(&mut self) -> String {
        let before = self.variables.len();
        let functions = self.functions.clone();
        let (acc, errors, i) = (self.name("acc"), self.name("e"), self.name("i"));
        let want = self.want();
        let rounds = [30, 400, 900, 2500][self.below(4)];
        let start = self.literal(want);
        let inside = self.chance(50);
        self.variables.push((acc.clone(), want, true));
        self.variables.push((i.clone(), Want::Int, false));
        (self.in_loop, self.in_function) = (true, inside);
        self.loops = 1;
        let mut body = String::new();
        for _ in 0..1 + self.below(3) {
            body += &self.statement(2);
        }
        if let Some(f) = self.callable(Want::Any) {
            let call = self.call(&f, 2);
            body += &match want {
                _ if f.result != want => format!("{call}\n"),
                Want::Int | Want::Float => format!("({acc} += {call})\n"),
                _ => format!("({acc} = {call})\n"),
            };
        }
        if self.chance(35) {
            body += &self.change_meaning(&functions, &i, rounds);
        }
        (self.in_loop, self.in_function) = (false, false);
        self.loops = 0;
        self.variables.truncate(before);
        let head = match self.below(4) {
            0 => format!("for {i} in (0 .. {rounds})"),
            1 => format!("for {i} in (range 0 {rounds})"),
            2 => format!("while ({i} < {rounds}) ({i} += 1)"),
            _ => format!("repeat {rounds} ({i} += 1)"),
        };
        let text = format!(
            "(var {acc} {start}) (var {errors} 0) (var {i} 0)\n({head}\n  (try\n{body}\n  catch * ({errors} += 1) (if ({errors} < 4) (println (($ex .class) .name) $ex/message))))\n(println {acc} {errors})\n"
        );
        match inside {
            true => {
                let name = self.name("main");
                let again = if self.chance(30) { format!("({name})") } else { String::new() };
                format!("(fn {name} [] {text})\n({name}) {again}\n")
            }
            false => text,
        }
    }

    /// In some round a function, global or class member becomes something else.
    fn change_meaning(&mut self, functions: &[Callable], i: &str, rounds: usize) -> String {
        let round = rounds * (1 + self.below(4)) / 6;
        let change = match (functions.is_empty(), self.below(3)) {
            (false, 0 | 1) => {
                let which = self.below(functions.len());
                let f = functions[which].clone();
                let params: Vec<String> = (0..f.params.len()).map(|k| format!("q{k}")).collect();
                let before = self.variables.len();
                for (param, want) in params.iter().zip(&f.params) {
                    self.variables.push((param.clone(), *want, false));
                }
                let result = if self.chance(70) { f.result } else { self.want() };
                let value = self.expression(2, result);
                self.variables.truncate(before);
                format!("({} = (fn [{}] {value}))", f.name, params.join(" "))
            }
            _ => {
                let which = self.below(WANTS.len());
                let (global, held, _) = self.variables[which].clone();
                let want = if self.chance(60) { held } else { self.want() };
                format!("({global} = {})", self.literal(want))
            }
        };
        format!("(if ({i} == {round}) {change})\n")
    }

    /// A generator and an async function that call what is hot.
    fn suspended(&mut self) -> String {
        let n = 20 + self.below(300);
        let before = self.variables.len();
        self.variables.push(("i".into(), Want::Int, false));
        let value = match self.callable(Want::Any) {
            Some(f) => self.call(&f, 1),
            None => self.expression(2, Want::Int),
        };
        let other = self.expression(2, Want::Any);
        self.variables.truncate(before);
        format!(
            "(fn gen* [n] (for i in (0 .. n) (yield (try {value} catch * $ex/message))))\n\
             (var kept [])\n(for v in (gen* {n}) (kept .add v))\n\
             (println (kept .size) (kept .get 0) (kept .get -1))\n\
             (fn ^^async work [n] (var last nil) (for i in (0 .. n) (last = (try {other} catch * $ex/message)) \
             (if ((i % 64) == 0) (await (gene/sleep_async 1)))) last)\n\
             (println (await (work {n}) (work 5)))\n"
        )
    }

    // ---- statements -----------------------------------------------------------------

    fn body(&mut self, depth: usize, want: Want) -> String {
        let before = self.variables.len();
        let mut text = String::new();
        for _ in 0..1 + self.below(4) {
            text += &self.statement(depth);
        }
        text += &self.expression(depth, want);
        self.variables.truncate(before);
        text
    }

    fn block(&mut self, depth: usize) -> String {
        let before = self.variables.len();
        let mut text = String::new();
        for _ in 0..1 + self.below(2) {
            text += &self.statement(depth);
        }
        self.variables.truncate(before);
        text
    }

    fn statement(&mut self, depth: usize) -> String {
        let simple = depth == 0;
        let text = match self.below(if simple { 7 } else { 16 }) {
            0 | 1 => {
                let want = self.want();
                let name = self.name("v");
                let value = self.expression(depth, want);
                self.variables.push((name.clone(), want, true));
                format!("(var {name} {value})")
            }
            2 | 3 => match self.assignable() {
                Some((name, want)) => {
                    let all = match want {
                        Want::Int | Want::Float => 7,
                        _ => 3,
                    };
                    let operator = ["=", "=", "=", "+=", "-=", "*=", "%="][self.below(all)];
                    format!("({name} {operator} {})", self.expression(depth, want))
                }
                None => self.expression(depth, Want::Any),
            },
            4 => {
                let record = self.operand(Want::Record);
                let (field, want) = FIELDS[self.below(FIELDS.len())];
                let all = if matches!(want, Want::Int | Want::Float) { 3 } else { 2 };
                let operator = ["=", "=", "+="][self.below(all)];
                format!("({record}/{field} {operator} {})", self.expression(depth, want))
            }
            5 => {
                let array = self.operand(Want::Array);
                let (index, value) = (self.index(), self.expression(depth, Want::Any));
                match self.below(4) {
                    0 => format!("(if (({array} .size) < 40) ({array} .add {value}))"),
                    1 => format!("({array} .pop)"),
                    _ => format!("({array}/<{index}> = {value})"),
                }
            }
            6 => self.leave(),
            7 | 8 => {
                let condition = self.expression(depth - 1, Want::Bool);
                let (yes, no) = (self.block(depth - 1), self.block(depth - 1));
                match self.chance(60) {
                    true => format!("(if {condition} {yes} else {no})"),
                    false => format!("(if {condition} {yes})"),
                }
            }
            9..=11 if self.loops < 2 => self.inner_loop(depth),
            12 => {
                let body = self.block(depth - 1);
                let last = match self.below(3) {
                    0 => "catch TypeException nil finally nil".to_owned(),
                    1 => format!("catch e {} finally {}", self.block(0), self.block(0)),
                    _ => format!("catch * {}", self.block(0)),
                };
                format!("(try {body} {last})")
            }
            13 => {
                let before = self.variables.len();
                let (closure, param) = (self.name("c"), self.name("p"));
                self.variables.push((param.clone(), Want::Int, true));
                let captured = self.assignable().map_or("nil".into(), |(name, _)| name);
                let value = self.expression(depth - 1, Want::Int);
                self.variables.truncate(before);
                let given = self.expression(0, Want::Int);
                let text = format!(
                    "(var {closure} (fn [{param}] ({captured} = {value}) {captured})) ({closure} {given}) ({closure} {given})"
                );
                if captured == "nil" || captured == param { String::new() } else { text }
            }
            14 => {
                let exception = ["\"boom\"", "(new TypeException \"t\")"][self.below(2)];
                let condition = self.expression(depth - 1, Want::Bool);
                format!("(if {condition} (throw {exception}))")
            }
            _ => self.expression(depth, Want::Any),
        };
        format!("    {text}\n")
    }

    /// The end of a round, of a loop or of a function, under a condition.
    fn leave(&mut self) -> String {
        let condition = self.expression(1, Want::Bool);
        let what = match self.below(3) {
            0 if self.in_loop => "(break)".to_owned(),
            1 if self.in_loop => "(continue)".to_owned(),
            _ if self.in_function && self.loops != 1 => {
                format!("(return {})", self.expression(0, Want::Any))
            }
            _ => return condition,
        };
        format!("(if {condition} {what})")
    }

    fn inner_loop(&mut self, depth: usize) -> String {
        let before = self.variables.len();
        let was = std::mem::replace(&mut self.in_loop, true);
        self.loops += 1;
        let (i, n) = (self.name("k"), 2 + self.below(8));
        let (from, step) = (self.below(3), ["", " step 2", " step -1"][self.below(3)]);
        let text = match self.below(5) {
            0 => {
                self.variables.push((i.clone(), Want::Int, false));
                format!("(var {i} 0) (while ({i} < {n}) ({i} += 1) {})", self.block(depth - 1))
            }
            1 => format!("(repeat {n} {})", self.block(depth - 1)),
            2 => {
                let array = self.operand(Want::Array);
                self.variables.push((i.clone(), Want::Any, true));
                // What is added on the way would be visited, too.
                format!("(for {i} in ({array} .take 9) {})", self.block(depth - 1))
            }
            3 => {
                self.variables.push((i.clone(), Want::Int, false));
                format!(
                    "(var {i} {n}) (loop (if ({i} <= 0) (break)) ({i} -= 1) {})",
                    self.block(depth - 1)
                )
            }
            _ => {
                self.variables.push((i.clone(), Want::Int, false));
                format!("(for {i} in ({from} .. {n}{step}) {})", self.block(depth - 1))
            }
        };
        self.loops -= 1;
        self.in_loop = was;
        self.variables.truncate(before);
        text
    }

    // ---- expressions -----------------------------------------------------------------

    fn literal(&mut self, want: Want) -> String {
        match want {
            Want::Int if self.chance(75) => self.one(SMALL),
            Want::Int => self.one(INTS),
            Want::Float => self.one(FLOATS),
            Want::Bool => ["true", "false"][self.below(2)].into(),
            Want::Array => match self.below(4) {
                0 => "[]".into(),
                1 => "[1 2 3 4 5 6 7 8]".into(),
                2 => "[0.5 1.5 -2.5]".into(),
                _ => "[1 \"a\" nil 2.5 [3] 2251799813685248]".into(),
            },
            Want::Record => {
                let (a, b) = (self.literal(Want::Int), self.one(FLOATS));
                match self.below(5) {
                    0 => format!("{{^x {a} ^y {b}}}"),
                    1 => format!("{{^y {b} ^x {a} ^z 3}}"),
                    kind => format!("(new C{} {a} {b})", kind - 2),
                }
            }
            Want::Any => match self.below(3) {
                0 => self.one(INTS),
                1 => self.one(FLOATS),
                _ => self.one(OTHERS),
            },
        }
    }

    fn assignable(&mut self) -> Option<(String, Want)> {
        let all: Vec<_> = self.variables.iter().filter(|v| v.2).collect();
        let picked = all.get(self.rng.usize(..all.len().max(1)))?;
        Some((picked.0.clone(), picked.1))
    }

    /// A variable that probably holds this, or something new.
    fn operand(&mut self, want: Want) -> String {
        let fits: Vec<String> = self
            .variables
            .iter()
            .filter(|v| v.1 == want || want == Want::Any)
            .map(|v| v.0.clone())
            .collect();
        let any = self.chance(2) && !self.variables.is_empty();
        if any {
            let which = self.below(self.variables.len());
            return self.variables[which].0.clone();
        }
        match fits.is_empty() || self.chance(15) {
            // Members of literals are named by parts of a variable's path only.
            true if matches!(want, Want::Array | Want::Record) && !fits.is_empty() => {
                fits[0].clone()
            }
            true if matches!(want, Want::Array | Want::Record) => self.variables[0].0.clone(),
            true => self.literal(want),
            false => fits[self.below(fits.len())].clone(),
        }
    }

    fn index(&mut self) -> String {
        match self.below(6) {
            0 => ["0", "(- 1)", "1000", "1.5", "nil"][self.below(5)].into(),
            1 => "(- 2)".into(),
            2 => format!("({} % 5)", self.operand(Want::Int)),
            _ => self.operand(Want::Int),
        }
    }

    fn expression(&mut self, depth: usize, want: Want) -> String {
        let want = if self.chance(3) { self.want() } else { want };
        if depth == 0 || self.chance(15) {
            return self.operand(want);
        }
        let d = depth - 1;
        match self.below(12) {
            0 => {
                if let Some(f) = self.callable(want).filter(|f| self.loops == 0 || !f.recursive) {
                    return self.call(&f, d);
                }
            }
            1 => {
                let record = self.operand(Want::Record);
                let (method, result) = METHODS[self.below(METHODS.len())];
                if !self.in_method && fits(result, want) {
                    return format!("({record} .{method} {})", self.expression(d, Want::Int));
                }
            }
            2 => {
                let (field, held) = FIELDS[self.below(FIELDS.len())];
                if fits(held, want) {
                    return match self.in_method && self.chance(70) {
                        true => format!("/{field}"),
                        false => format!("{}/{field}", self.operand(Want::Record)),
                    };
                }
            }
            3 => {
                let (array, index) = (self.operand(Want::Array), self.index());
                return match self.below(4) {
                    0 => format!("({array} .get {index})"),
                    1 => format!("({array} .size)"),
                    _ => format!("{array}/<{index}>"),
                };
            }
            _ => {}
        }
        match want {
            Want::Int | Want::Float => {
                let (a, b) = (self.expression(d, want), self.expression(d, want));
                match self.below(12) {
                    0 => format!("(- {a})"),
                    1 => format!("({a} / {b})"),
                    2 => format!("({a} % {b})"),
                    3 if want == Want::Int => {
                        let operator = ["<<", ">>", "&&", "||", "&|&"][self.below(5)];
                        format!("({a} {operator} {b})")
                    }
                    3 => format!("(math/sqrt {a})"),
                    4 => format!("(math/abs {a})"),
                    5 => format!("({a} .to_f)"),
                    6 => format!("({a} .to_i)"),
                    7 => format!("(math/floor {a})"),
                    8 => {
                        let condition = self.expression(d, Want::Bool);
                        format!("(if {condition} {a} else {b})")
                    }
                    n => format!("({a} {} {b})", ["+", "-", "*"][n % 3]),
                }
            }
            Want::Bool => {
                let kind = [Want::Int, Want::Float, Want::Any][self.below(3)];
                let (a, b) = (self.expression(d, kind), self.expression(d, kind));
                match self.below(10) {
                    0 => format!("(! {a})"),
                    1 => format!("(not {a})"),
                    2 => format!("({a} is {})", ["Int", "Float", "C0", "Array"][self.below(4)]),
                    3 => format!("({a} && {b})"),
                    n => format!("({a} {} {b})", ["<", "<=", ">", ">=", "==", "!="][n % 6]),
                }
            }
            Want::Array => {
                let (array, value) = (self.operand(Want::Array), self.expression(d, Want::Any));
                let before = self.variables.len();
                self.variables.push(("x".into(), Want::Int, false));
                let of_x = self.expression(d, Want::Int);
                self.variables.truncate(before);
                match self.below(6) {
                    0 => format!("[{value} {of_y}]", of_y = self.expression(d, Want::Int)),
                    1 => format!("({array} .map (fn [x] {of_x}))"),
                    2 => format!("({array} .filter (fn [x] {of_x}))"),
                    3 => format!("({array} .slice {})", self.index()),
                    _ => self.literal(Want::Array),
                }
            }
            Want::Record => {
                let (a, b) = (self.expression(d, Want::Int), self.expression(d, Want::Any));
                match self.below(4) {
                    0 => format!("{{^x {a} ^y {b}}}"),
                    n => format!("(new C{} {a} {b})", n - 1),
                }
            }
            Want::Any => {
                let a = self.expression(d, Want::Any);
                match self.below(6) {
                    // Text of what holds itself many times has no end.
                    0 => format!("#\"<#{{{}}}>\"", self.operand(Want::Int)),
                    1 => format!("(case {a} when 1 2 when \"text\" 3 else {a})"),
                    2 => format!("(try {a} catch * 0)"),
                    3 => format!("({} .reduce 0 (fn [s t] (s + t)))", self.operand(Want::Array)),
                    _ => {
                        let want = self.want();
                        self.expression(d, want)
                    }
                }
            }
        }
    }

    /// A function that gives what is wanted.
    fn callable(&mut self, want: Want) -> Option<Callable> {
        let functions = self.functions.iter().filter(|f| fits(f.result, want));
        let all: Vec<_> = functions.filter(|_| !self.in_method).cloned().collect();
        let which = self.below(all.len().max(1));
        all.into_iter().nth(which)
    }

    fn call(&mut self, f: &Callable, depth: usize) -> String {
        let wants = f.params.iter();
        let arguments: Vec<String> =
            wants.map(|want| self.expression(depth.min(1), *want)).collect();
        let many = if self.chance(2) { " 1 2" } else { "" };
        format!("({} {}{many})", f.name, arguments.join(" "))
    }
}

fn fits(given: Want, want: Want) -> bool {
    given == want || want == Want::Any
}

//! Changes to programs, by tokens and by whole forms: most of what comes out
//! reads well and means something else.

use fastrand::Rng;

/// What stands in for a literal.
const LITERALS: &[&str] = &[
    "nil",
    "void",
    "true",
    "false",
    "0",
    "-1",
    "1",
    "2",
    "255",
    "9223372036854775807",
    "-9223372036854775808",
    "2251799813685247",
    "2251799813685248",
    "-2251799813685249",
    "0.0",
    "-0.0",
    "1e308",
    "1e-320",
    "NaN",
    "\"\"",
    "\"a\"",
    "\"\u{e9}\u{1f600}\"",
    "'c'",
    "[]",
    "[1]",
    "{}",
    "{^a 1}",
    "{{}}",
    "#[]",
    "#{^a 1}",
    "`(a ^b 1 c)",
    "`a",
    "_",
    "self",
    "(0 .. 3)",
    "(0 .. -1)",
    "#\"a#{1}\"",
    "(fn [] 1)",
    "(fn [x...] x)",
    "String",
    "Int",
    "Array",
    "$ns",
    "(new Exception \"e\")",
    "(new HashSet)",
    "not_found",
];

/// What a form is put into; `@` is the form.
const FRAMES: &[&str] = &[
    "(fn [] @)",
    "((fn [] @))",
    "(do @ @)",
    "(try @ catch * $ex)",
    "(try @ finally nil)",
    "(try (throw @) catch * $ex)",
    "(if @ @ else 1)",
    "[@ @]",
    "{^a @}",
    "{{@ @}}",
    "(@ ...)",
    "(async @)",
    "(await (async @))",
    "(spawn @)",
    "(await @)",
    "(yield @)",
    "(eval `@)",
    "`@",
    "%@",
    "(freeze @)",
    "(for x in @ x)",
    "(var zz @)",
    "(fn* [] (yield @))",
    "(println @)",
    "#\"#{@}\"",
    "(@ .to_s)",
    "(@ .map (fn [x] @))",
    "(repeat 3 @)",
    "(loop @ (break))",
    "(@ == @)",
    "(case @ when 1 2 else @)",
    "(eval (quote @))",
    "($render `@)",
    "(macro-form @)",
    "(class Q (method m [] @))",
    "(match [a b] @)",
    "(x = @)",
    "(return @)",
    "(throw @)",
    "[@...]",
    "(@ ./ a)",
    "(gene/json/stringify @)",
    "(gene/serdes/serialize @)",
    "(scope @)",
    "(comptime @)",
    "(@)",
    "(super @)",
    "(@ .size)",
    "(@ .add @)",
    "(@ .sort)",
];

/// A program made from a few of the corpus.
pub fn program(corpus: &[String], rng: &mut Rng) -> String {
    let mut pick = || corpus[rng.usize(..corpus.len())].as_str();
    let (base, donor) = (pick(), pick());
    let mut tokens = tokens(base);
    let donor = self::tokens(donor);
    if rng.u8(..8) == 0 {
        splice(&mut tokens, &donor, rng);
    }
    // Each one makes it likelier that the compiler rejects the whole.
    for _ in 0..1 + rng.usize(..4).min(rng.usize(..4)) {
        if tokens.is_empty() {
            break;
        }
        step(&mut tokens, &donor, rng);
    }
    let mut text = tokens.join(" ");
    if rng.u8(..40) == 0 {
        break_bytes(&mut text, rng);
    }
    text
}

type Tokens<'a> = Vec<&'a str>;

fn step<'a>(tokens: &mut Tokens<'a>, donor: &[&'a str], rng: &mut Rng) {
    let at = rng.usize(..tokens.len());
    // Brackets change as parts of forms; alone, they seldom give a program.
    let alone = !is_bracket(tokens[at]) || rng.u8(..16) == 0;
    match rng.u8(if alone { 0 } else { 4 }..16) {
        0 => {
            tokens.remove(at);
        }
        1 => tokens.insert(at, tokens[at]),
        2 => {
            let other = rng.usize(..tokens.len());
            if !is_bracket(tokens[other]) {
                tokens.swap(at, other);
            }
        }
        3 => {
            let other = one_of(donor, rng).unwrap_or("nil");
            tokens[at] = if is_bracket(other) { "nil" } else { other };
        }
        4..=6 => {
            let range = form(tokens, at);
            tokens.splice(range, [LITERALS[rng.usize(..LITERALS.len())]]);
        }
        7 => {
            tokens.drain(form(tokens, at));
        }
        8 => {
            let copy = tokens[form(tokens, at)].to_vec();
            let to = rng.usize(..=tokens.len());
            tokens.splice(to..to, copy);
        }
        9 | 10 => {
            let copy = tokens[form(tokens, rng.usize(..tokens.len()))].to_vec();
            tokens.splice(form(tokens, at), copy);
        }
        11 | 12 => {
            if !donor.is_empty() {
                let copy = donor[form(donor, rng.usize(..donor.len()))].to_vec();
                tokens.splice(form(tokens, at), copy);
            }
        }
        _ => {
            let range = form(tokens, at);
            let inner = tokens[range.clone()].to_vec();
            if inner.len() > 400 {
                return;
            }
            let frame = FRAMES[rng.usize(..FRAMES.len())];
            let mut framed = Vec::new();
            for (i, part) in frame.split('@').enumerate() {
                if i > 0 {
                    framed.extend_from_slice(&inner);
                }
                framed.push(part);
            }
            tokens.splice(range, framed);
        }
    }
}

/// Puts the end of one program behind the beginning of another.
fn splice<'a>(tokens: &mut Tokens<'a>, donor: &[&'a str], rng: &mut Rng) {
    tokens.truncate(rng.usize(..=tokens.len()));
    tokens.extend_from_slice(&donor[rng.usize(..=donor.len())..]);
}

/// Removes or changes a character anywhere.
fn break_bytes(text: &mut String, rng: &mut Rng) {
    let mut at = rng.usize(..=text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    let rest = text.split_off(at);
    let strange = ["\0", "\"", "#", "\\", "^", "/", "\u{feff}", "...", "'", "`", "%", ""];
    *text += strange[rng.usize(..strange.len())];
    let mut rest = rest.chars();
    rest.next();
    *text += rest.as_str();
}

fn is_bracket(token: &str) -> bool {
    matches!(token, "(" | ")" | "[" | "]" | "{" | "}")
}

fn one_of<'a>(tokens: &[&'a str], rng: &mut Rng) -> Option<&'a str> {
    (!tokens.is_empty()).then(|| tokens[rng.usize(..tokens.len())])
}

/// The form that begins at `at`: up to the bracket that closes it.
fn form(tokens: &[&str], at: usize) -> std::ops::Range<usize> {
    let mut depth = 0i32;
    for (i, token) in tokens.iter().enumerate().skip(at) {
        depth += token.matches(['(', '[', '{']).count() as i32 * i32::from(token.len() < 4);
        depth -= token.matches([')', ']', '}']).count() as i32 * i32::from(token.len() < 4);
        if depth <= 0 {
            return at..i + 1;
        }
    }
    at..at + 1
}

/// Words, brackets and strings; comments are left out.
fn tokens(text: &str) -> Tokens<'_> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let comment = first == '#' && !rest[1..].starts_with(['"', '[', '{', '(', '/', '<']);
        let length = match first {
            '#' if comment => rest.find('\n').unwrap_or(rest.len()),
            '(' | ')' | '[' | ']' | '{' | '}' => 1,
            '"' => string_length(rest),
            '#' if rest[1..].starts_with('"') => 1 + string_length(&rest[1..]),
            '#' => 2,
            _ => rest[first.len_utf8()..]
                .find(|c: char| c.is_whitespace() || "()[]{}\"".contains(c))
                .map_or(rest.len(), |end| end + first.len_utf8()),
        };
        if !comment {
            tokens.push(&rest[..length]);
        }
        rest = rest[length..].trim_start();
    }
    tokens
}

/// Bytes of the string that `text` begins with.
fn string_length(text: &str) -> usize {
    let mut escaped = false;
    for (i, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return i + 1,
            _ => {}
        }
    }
    text.len()
}

//! Every error of the compiler.

use std::fmt::Display;

use super::{COMPILE_ERROR, Diagnostic, Severity, Stage};
use crate::source::Span;

fn error(span: Span, message: impl Into<String>) -> Diagnostic {
    Diagnostic::error(Stage::Compile, COMPILE_ERROR, span, message)
}

fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}

// Any form.

/// Forms are nested too deeply.
pub fn too_deep(span: Span, most: u32) -> Diagnostic {
    error(span, format!("forms are nested more than {most} deep"))
}

/// A function is larger than its code can be.
pub fn limit(span: Span, what: &str, most: usize) -> Diagnostic {
    error(span, format!("too many {what} in one function: at most {most} are possible"))
        .hint("split the function")
}

/// Part of a form is missing.
pub fn missing(span: Span, form: &str, what: &str) -> Diagnostic {
    error(span, format!("{form}: missing {what}"))
}

/// A wrong number of operands.
pub fn operands(span: Span, form: &str, count: usize) -> Diagnostic {
    error(span, format!("{form} requires exactly {count} argument{}", plural(count)))
}

/// Too few operands.
pub fn operands_at_least(span: Span, form: &str, count: usize) -> Diagnostic {
    error(span, format!("{form} requires at least {count} argument{}", plural(count)))
}

/// No operand at all.
pub fn expects_at_least(span: Span, form: &str) -> Diagnostic {
    error(span, format!("{form} expects at least 1 argument"))
}

/// Too many operands.
pub fn too_many_operands(span: Span, form: &str, most: usize) -> Diagnostic {
    error(span, format!("{form} takes at most {most} argument{}", plural(most)))
}

/// A form of other dialects.
pub fn removed(span: Span, form: &str, instead: &str) -> Diagnostic {
    error(span, format!("`{form}` is not part of the language")).hint(format!("use `{instead}`"))
}

// Operators.

/// An operand is missing.
pub fn incomplete_infix(span: Span) -> Diagnostic {
    error(span, "Incomplete infix expression: an operand is missing")
}

/// Two operands without an operator between.
pub fn invalid_infix(span: Span) -> Diagnostic {
    error(span, "Invalid infix expression: expected an operator here")
        .hint("put a call inside an infix expression into its own brackets")
}

// Conditionals and loops.

/// More after `else`.
pub fn after_else(span: Span, word: &str) -> Diagnostic {
    error(span, format!("if: unexpected '{word}' after 'else'"))
}

/// `ifel` with a wrong number of operands.
pub fn ifel_operands(span: Span) -> Diagnostic {
    error(span, "ifel: expected a condition and one or two expressions")
        .hint("use `if` for branches with several forms")
}

/// `if_not` with other branches.
pub fn if_not_else(span: Span) -> Diagnostic {
    error(span, "if_not takes no elif and no else").hint("use `(if not c ... else ...)`")
}

/// `for` without `in`.
pub fn for_without_in(span: Span) -> Diagnostic {
    error(span, "for loop requires 'in' keyword").hint("write `(for x in source ...)`")
}

/// `for` with something else than one or two names.
pub fn for_names(span: Span) -> Diagnostic {
    error(span, "for takes a name or pattern, or two of them, before 'in'")
}

/// `break` or `continue` that cannot leave an async body.
pub fn outside_of_loop(span: Span, word: &str) -> Diagnostic {
    error(span, format!("{word} used outside of a loop"))
}

/// Unknown label.
pub fn no_loop_named(span: Span, name: impl Display) -> Diagnostic {
    error(span, format!("No loop named '{name}'"))
        .hint(format!("name the loop with `^name {name}`"))
}

/// `^from` with something else than a name.
pub fn label_not_a_name(span: Span) -> Diagnostic {
    error(span, "^from requires the name of a loop")
}

/// `range` with a wrong number of operands.
pub fn range_operands(span: Span) -> Diagnostic {
    error(span, "range requires a start, an end, and perhaps a step")
}

/// `yield` in a function that is no generator.
pub fn yield_outside(span: Span) -> Diagnostic {
    error(span, "yield used outside of generator function")
        .hint("end the name of the function in `*`, or mark it `^^generator`")
}

// Variables.

/// No name to declare.
pub fn requires_a_name(span: Span, form: &str) -> Diagnostic {
    error(span, format!("{form} requires a name"))
}

/// Pattern without a value.
pub fn pattern_needs_value(span: Span, form: &str) -> Diagnostic {
    error(span, format!("{form} with a pattern requires exactly one value"))
}

/// More than one value.
pub fn too_many_values(span: Span, form: &str) -> Diagnostic {
    error(span, format!("{form} takes only one value"))
}

/// Assignment to a constant.
pub fn reassign_let(span: Span, name: impl Display) -> Diagnostic {
    error(span, format!("Cannot reassign 'let' binding '{name}'"))
        .hint(format!("declare it with `(var {name} ...)`"))
}

/// Assignment with a wrong number of operands.
pub fn one_operand(span: Span, word: &str) -> Diagnostic {
    error(span, format!("{word} requires exactly 1 value to assign"))
}

/// Something that cannot be assigned.
pub fn bad_target(span: Span) -> Diagnostic {
    error(span, "this cannot be assigned: expected a name or a path")
}

/// Assignment to a pattern.
pub fn destructuring_assignment(span: Span) -> Diagnostic {
    error(span, "destructuring assignment is not supported")
        .hint("declare new variables with `(var [a b] value)`")
}

// Functions.

/// No parameter list.
pub fn missing_params(span: Span, form: &str) -> Diagnostic {
    error(span, format!("{form} requires an argument list")).hint("use `[]` for no arguments")
}

/// A parameter list that is no array.
pub fn params_not_array(span: Span, form: &str) -> Diagnostic {
    error(span, format!("{form} argument list must be an array")).hint("use `[]` for no arguments")
}

/// Something that is no parameter.
pub fn unsupported_param(span: Span, form: &str) -> Diagnostic {
    error(span, format!("{form}: unsupported parameter"))
}

/// `...` without a name.
pub fn rest_without_name(span: Span) -> Diagnostic {
    error(span, "rest must follow a named parameter")
}

/// Two rest parameters of a kind.
pub fn two_rests(span: Span, kind: &str) -> Diagnostic {
    error(span, format!("Only one {kind} rest parameter is allowed"))
}

/// `a =` without a default.
pub fn missing_default(span: Span, name: &str) -> Diagnostic {
    error(span, format!("parameter {name}: missing default after '='"))
}

/// `->` without a type.
pub fn missing_result_type(span: Span) -> Diagnostic {
    error(span, "missing a type after '->'")
}

/// An async constructor or macro.
pub fn cannot_be_async(span: Span, what: &str) -> Diagnostic {
    error(span, format!("{what} cannot be async"))
}

/// `xs...` where nothing is spread.
pub fn lone_spread(span: Span) -> Diagnostic {
    error(span, "... must follow the expression to spread")
}

// Types.

/// A warning.
fn warning(span: Span, message: String) -> Diagnostic {
    Diagnostic { severity: Severity::Warning, ..error(span, message) }
}

/// A value that cannot fit an annotation.
pub fn evident_mismatch(span: Span, wanted: &str, got: &str, place: &str) -> Diagnostic {
    warning(span, format!("Type error: expected {wanted}, got {got} in {place}"))
}

/// A `case` that leaves out variants of an enum.
pub fn non_exhaustive(span: Span, name: impl Display, missing: &str) -> Diagnostic {
    let message =
        format!("Type error: non-exhaustive case over {name}; missing variants: {missing}");
    warning(span, message)
}

/// `name:` without a type.
pub fn missing_type(span: Span, name: &str) -> Diagnostic {
    error(span, format!("{name}: missing a type after ':'"))
}

/// Something that is no type.
pub fn invalid_type(span: Span) -> Diagnostic {
    error(span, "invalid type annotation")
}

/// `Self` outside of a class.
pub fn self_outside(span: Span) -> Diagnostic {
    error(span, "Self is a type only inside a class")
}

/// A type parameter that is not capitalised.
pub fn bad_type_param(span: Span, name: &str) -> Diagnostic {
    error(span, format!("invalid generic parameter syntax: '{name}' must be capitalised"))
}

/// A type parameter given twice.
pub fn duplicate_type_param(span: Span, name: &str) -> Diagnostic {
    error(span, format!("duplicate generic parameter {name}"))
}

// Patterns.

/// Something that is no pattern.
pub fn bad_pattern(span: Span) -> Diagnostic {
    error(span, "unsupported pattern: expected a name, `_`, or an array of patterns")
}

/// `...` without a name in a pattern.
pub fn pattern_rest_without_name(span: Span) -> Diagnostic {
    error(span, "Positional rest must follow a named parameter")
}

/// Two rests in a pattern.
pub fn two_pattern_rests(span: Span, kind: &str) -> Diagnostic {
    error(span, format!("Only one named {kind} rest parameter is allowed"))
}

// Errors.

/// More after `finally`.
pub fn after_finally(span: Span) -> Diagnostic {
    error(span, "try: finally must come last, and only once")
}

// Paths and selectors.

/// `$set` with several segments.
pub fn set_one_segment(span: Span) -> Diagnostic {
    error(span, "$set requires a selector of exactly one segment")
}

/// `$set` without a selector.
pub fn set_needs_selector(span: Span) -> Diagnostic {
    error(span, "$set requires a selector as second operand")
}

/// `(x .)`
pub fn method_name_missing(span: Span) -> Diagnostic {
    error(span, "missing the name of the method after '.'")
}

// Classes.

/// Members with `!`.
pub fn macro_like(span: Span, name: &str) -> Diagnostic {
    error(span, format!("Macro-like member `{name}` is not supported"))
}

/// `super` that is no method call.
pub fn super_alone(span: Span) -> Diagnostic {
    error(span, "super can only call a method").hint("write `(super .method args...)`")
}

/// `super` outside of a class.
pub fn super_outside(span: Span) -> Diagnostic {
    error(span, "super used outside of a class")
}

// Tasks.

/// `gene/scope` without `[s]`.
pub fn scope_handle(span: Span) -> Diagnostic {
    error(span, "gene/scope requires a list with one name or none: `(gene/scope [s] ...)`")
}

// Benchmarks.

/// A name that is no string.
pub fn bench_name(span: Span) -> Diagnostic {
    error(span, "bench: a name is a string: `(bench \"name\" body...)`")
}

/// A property that means nothing.
pub fn bench_property(span: Span, name: &str) -> Diagnostic {
    error(span, format!("bench has no property ^{name}: there are ^setup and ^as"))
}

/// `^as` that is no name.
pub fn bench_as(span: Span) -> Diagnostic {
    error(span, "bench: ^as takes the name for what ^setup gives")
}

/// `^setup` or `^as` alone.
pub fn bench_setup(span: Span) -> Diagnostic {
    error(span, "bench: ^setup and ^as go together")
        .hint("`(bench \"name\" ^setup (make) ^as x body...)` gives each run a new x")
}

// Enums and `case`.

/// `when` without a value.
pub fn case_without_value(span: Span) -> Diagnostic {
    error(span, "case: missing value after 'when'")
}

/// Something else than `when` or `else`.
pub fn case_words(span: Span) -> Diagnostic {
    error(span, "case: expected 'when' or 'else'")
}

/// More after `else`.
pub fn case_after_else(span: Span) -> Diagnostic {
    error(span, "case: 'else' must come last")
}

/// Payload bound to something else than a name.
pub fn binder_not_symbol(span: Span, variant: &str) -> Diagnostic {
    error(span, format!("enum pattern {variant} binding must be a symbol"))
}

/// A wrong number of binders.
pub fn binder_count(span: Span, variant: &str, want: usize, list: &str, got: usize) -> Diagnostic {
    let list = if list.is_empty() { String::new() } else { format!(" ({list})") };
    error(span, format!("variant {variant} pattern expects {want} binding(s){list}, got {got}"))
}

/// A bare name of several variants.
pub fn ambiguous_variant(span: Span, name: impl Display) -> Diagnostic {
    error(span, format!("variant {name} is ambiguous")).hint(format!("write `Enum/{name}`"))
}

/// A qualified name of no variant.
pub fn no_such_variant(span: Span, owner: impl Display, name: impl Display) -> Diagnostic {
    error(span, format!("enum {owner} has no variant {name}"))
}

/// Two variants of a name.
pub fn duplicate_variant(span: Span, name: impl Display) -> Diagnostic {
    error(span, format!("duplicate variant {name}"))
}

/// Two fields of a name.
pub fn duplicate_field(span: Span, name: impl Display) -> Diagnostic {
    error(span, format!("duplicate field {name}"))
}

/// Something that is no variant.
pub fn enum_member(span: Span) -> Diagnostic {
    error(span, "enum member must be a symbol or data variant")
}

/// Properties in a variant.
pub fn variant_properties(span: Span, name: impl Display) -> Diagnostic {
    error(span, format!("fields of variant {name} must be positional"))
}

// Classes and interfaces.

/// A member whose parameter list is no array.
pub fn requires_array(span: Span, form: &str) -> Diagnostic {
    error(span, format!("{form} requires an array argument list; use [] for no arguments"))
}

/// A second constructor.
pub fn two_ctors(span: Span) -> Diagnostic {
    error(span, "a class has one constructor at most")
}

/// An interface that is not defined.
pub fn unknown_interface(span: Span, name: impl Display) -> Diagnostic {
    error(span, format!("Unknown interface: {name}"))
}

/// A class without a member that an interface requires.
pub fn lacks_member(
    span: Span,
    class: impl Display,
    kind: &str,
    member: impl Display,
    interface: impl Display,
) -> Diagnostic {
    let message = format!(
        "class {class} does not implement {kind} {member} required by interface {interface}"
    );
    error(span, message)
}

/// Something that is no member of an interface.
pub fn interface_member(span: Span) -> Diagnostic {
    error(span, "interface members are `(method name [params])` and `(field name Type)`")
}

/// A method of an interface with a body.
pub fn interface_body(span: Span, name: impl Display) -> Diagnostic {
    error(span, format!("method {name} of an interface cannot have a body"))
}

/// `implement` without `for`.
pub fn implement_header(span: Span) -> Diagnostic {
    error(span, "implement requires an interface, 'for', and a class")
}

/// Something that is no member of an implementation.
pub fn implementation_member(span: Span) -> Diagnostic {
    error(span, "implement: expected `(method ...)` or `(ctor ...)`")
}

/// Something that is no advice.
pub fn advice(span: Span) -> Diagnostic {
    error(span, "expected advice: `(before name [params] body...)` or `(before name function)`")
}

// Modules.

/// `import` inside something.
pub fn import_place(span: Span) -> Diagnostic {
    error(span, "import is compile-time only").hint("move it to the top level of the module")
}

/// `import` without a path.
pub fn import_path(span: Span) -> Diagnostic {
    error(span, "import requires a path: `(import name from \"path\")`")
}

/// Something that is no name to import.
pub fn import_name(span: Span) -> Diagnostic {
    error(span, "import: expected a name, `name:other` or a path")
}

/// Something that is no name to export.
pub fn export_name(span: Span) -> Diagnostic {
    error(span, "export: expected a simple name")
}

/// A form that cannot be evaluated at compile time.
pub fn comptime_unsupported(span: Span) -> Diagnostic {
    error(span, "comptime: unsupported expression")
}

/// An operation that would raise at run time.
pub fn comptime_failed(span: Span, problem: &str) -> Diagnostic {
    error(span, format!("comptime: {problem}"))
}

/// A variable that the block does not have.
pub fn comptime_unknown(span: Span, name: impl Display) -> Diagnostic {
    error(span, format!("comptime: unknown variable {name}"))
}

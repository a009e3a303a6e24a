//! Operations without an instruction of their own, called by number.

macro_rules! intrinsics {
    ($($name:ident ($($arg:literal),*) $effect:literal)*) => {
        /// An operation of the runtime that code calls with `intrinsic`.
        /// Arguments are `R[win]`, `R[win+1]`, ...; the result is `R[win]`.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        #[repr(u16)]
        pub enum Intrinsic {
            $(#[doc = $effect] $name),*
        }

        impl Intrinsic {
            /// All of them in the order of their numbers.
            pub const ALL: &'static [Intrinsic] = &[$(Intrinsic::$name),*];

            /// The name in assembly text.
            pub fn name(self) -> &'static str {
                match self { $(Intrinsic::$name => stringify!($name)),* }
            }

            /// Names of the arguments, for the reference; a name ending in
            /// `...` stands for any number.
            pub fn args(self) -> &'static [&'static str] {
                match self { $(Intrinsic::$name => &[$($arg),*]),* }
            }

            /// What it does, for the reference.
            pub fn effect(self) -> &'static str {
                match self { $(Intrinsic::$name => $effect),* }
            }
        }
    };
}

intrinsics! {
// ---- values ------------------------------------------------------------
Range("start", "end", "step") "range value; step unset if not given"
ToText("value") "the display form as a string, as `$` shows it"
Join("value...") "`($ a b ...)`"
Selector("segment...") "selector value of evaluated segments; plain names are symbols, `*` `**` `@` `@@` `!` the symbols of that name"
GetGlobal("name") "value of the global `$name` (a symbol without `$`), void if not set"
SetGlobal("name", "value") "sets a global; the value"
GetMember("object", "segment") "`object ./ segment`"
GetMemberOr("object", "segment", "default") "`object ./ segment default`"
PathLast("object", "name", "value") "7.3 rule 2: the member `<value>` of the object"
CallableCheck("value") "the value if it is callable, else raises"
TypeValue("datum", "name slot value...") "type value of a type expression given as data, with the names in it: each with its value, or the number of the module slot that holds it or will"
ImportedVariant("name") "the variant of that name of an enum that the module has imported; unset if there is none, an error if several have one"
Unwrap("value") "for `(expr ?)`: true if the value must be returned at once, else false"
UnwrapValue("value") "payload of Ok and Some, else the value itself"
AugmentCheck("value") "raises TypeException if the current value of an augmented assignment is void or nil"
IsNotFound("value") "whether the value is not_found"
// ---- destructuring -----------------------------------------------------
Destructure("value", "pattern") "array of the parts that the pattern (a datum, see compiler/patterns.rs) takes out of the value, unset where a default applies; raises ArgumentException on a mismatch"
DestructurePart("parts", "index") "element of the array that Destructure gave, unset included"
// ---- namespaces --------------------------------------------------------
NewNamespace("name", "parent") "namespace value"
DefineMember("target", "name", "value") "`(var a/b v)`, `(fn /f ..)`: defines a member of a namespace, class, module or instance; the value"
ModuleNamespace() "the namespace of the running module"
// ---- classes -----------------------------------------------------------
NewClass("name", "parent") "class; parent unset for Object; raises if it is no class"
AddMethod("class", "name", "function") "adds a method; its home class is set"
AddCtor("class", "function") "sets the constructor"
AddMissing("class", "function") "sets on_method_missing"
AddField("class", "name", "type") "declares a field; type is a type value or unset"
DeclareFields("class", "map") "`^fields {...}`: declares the keys of the map, whose values are type data"
Implement("class", "interface") "`implements I`: checks that the class has what the interface requires"
NewInterface("name") "interface"
InterfaceMethod("interface", "name") "requires a method"
InterfaceField("interface", "name", "readonly") "requires a field"
NewImplementation("interface", "class") "implementation object for `(implement I for C ...)`"
ImplMethod("implementation", "name", "function") "adds a method"
ImplCtor("implementation", "function") "sets the constructor"
RegisterImpl("implementation") "makes the implementation known"
NewInterceptor("name", "targets", "is_function") "interceptor for the array of target names"
AddAdvice("interceptor", "kind", "target", "function", "replace_result", "named") "adds advice; named: the function is the value of an expression, not written here"
NewEnum("name", "type_params") "enum"
AddVariant("enum", "name", "fields", "types") "adds a variant: arrays of field names and type values (nil without)"
VariantPattern("target", "variant", "count") "enum pattern: true if the target is a value of the variant; raises if the pattern does not fit it"
VariantField("target", "index") "payload field"
SetTypeAlias("name", "type") "alias value for `(type Name T)`"
// ---- errors ------------------------------------------------------------
Assert("condition", "message") "`assert`; message unset if not given"
ContractFail("text", "names", "values", "result") "raises the contract violation; text is everything before ` | args=`, result unset for preconditions"
RaiseRuntime("message") "raises RuntimeException with the message (a string)"
RaiseType("message") "raises TypeException with the message"
RaiseUndefined("name") "raises `name is not defined`"
// ---- coroutines --------------------------------------------------------
AsyncIter("source") "iterator for `for ^^await`"
AsyncNext("iterator") "future of the next item"
AsyncClose("iterator") "future of closing; nil if there is nothing to close"
ScopeEnter("timeout") "task scope handle for `gene/scope`"
ScopeExit("scope", "kind") "future that settles when the children have ended"
Defer("function", "duration") "`gene/defer`: future"
WaitUntil("function", "timeout", "interval") "`gene/wait_until`: future"
TopLevelTurn() "after a form of the top level: runs the ready queue (8.7) if the module is the main program; nil"
LoopTurn() "after each 100 iterations of a loop of the top level: one turn without sleeping (8.7) if the module is the main program; nil"
// ---- benchmarks --------------------------------------------------------
Bench("name", "body", "setup", "calls", "awaits", "inputs") "`bench`: functions that run the body once, make an input or nil, run it often, await it often, make inputs; nil"
// ---- modules -----------------------------------------------------------
Import("descriptor") "finds and compiles the module that the descriptor (a map datum) names; a function that runs it, or does nothing if it has run"
Imported("function", "result") "after the call of what `Import` gave: the module counts as loaded; the module"
ImportBuiltin("descriptor") "the value of the built-in path `^name [a b]`"
ImportName("module", "path") "the export with that path (array of symbols)"
ImportAll("module") "makes all exports visible to the running module; nil"
Dependency("descriptor") "`$dep`: registers a package location"
}

impl Intrinsic {
    /// The intrinsic with this number.
    pub fn from_u16(number: u16) -> Option<Intrinsic> {
        Intrinsic::ALL.get(number as usize).copied()
    }
}

/// Values that `load_special` loads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u16)]
pub enum Special {
    /// `nil`
    Nil = 0,
    /// `void`
    Void = 1,
    /// `false`
    False = 2,
    /// `true`
    True = 3,
    /// `not_found`
    NotFound = 4,
    /// No value: an argument that was not given, a variable not yet defined.
    /// Never visible to a program.
    Unset = 5,
    /// `_`
    Placeholder = 6,
}

impl Special {
    /// The special value with this number.
    pub fn from_u16(number: u16) -> Option<Special> {
        use Special::*;
        [Nil, Void, False, True, NotFound, Unset, Placeholder].get(number as usize).copied()
    }
}

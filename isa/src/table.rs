//! The instruction set: one table from which opcodes, encoder, decoder,
//! disassembler, verifier, reference and dispatch derive.
//!
//! A row is `Name "mnemonic" (operands) "effect"`. An operand is
//! `field: role`, where the field is one of those of [`Insn`](crate::Insn)
//! (`x` 8 bits; `a`, `b`, `c` 16 bits; `bc` the two last as one 32-bit number) and the
//! role says what the number means:
//!
//! | role | meaning |
//! |---|---|
//! | `dst` | register that is written |
//! | `src` | register that is read |
//! | `var` | register that is read and written |
//! | `win` | first register of a call window: callee, self, arguments... |
//! | `first` | first of a run of registers whose length is the next operand |
//! | `count` | a number of registers, arguments or slots |
//! | `flag` | a small number whose meaning the effect tells |
//! | `imm` | signed number |
//! | `konst` | index into `Code::consts` |
//! | `module` | slot of a module variable |
//! | `slot` | slot of a scope |
//! | `scope` | register that holds a scope, or `NO_SCOPE` for the scope of the running closure |
//! | `depth` | number of parents to walk |
//! | `proto` | index into `Code::protos` |
//! | `cache` | index into `Code::caches`: a name with its inline cache |
//! | `keys` | index into `Code::keysets` |
//! | `call` | index into `Code::calls` |
//! | `check` | index into `Code::checks` |
//! | `env` | index into `Code::envs` |
//! | `intrinsic` | number of an [`Intrinsic`](crate::Intrinsic) |
//! | `special` | number of a [`Special`](crate::Special) |
//! | `jump` | distance to the target, counted from the next instruction |

/// Calls the macro `$row` with the whole table.
#[macro_export]
macro_rules! for_each_op {
    ($row:ident) => {
        $row! {
// ---- loads -------------------------------------------------------------
Move "move" (a: dst, b: src) "R[a] := R[b]"
LoadInt "load_int" (a: dst, bc: imm) "R[a] := bc"
LoadConst "load_const" (a: dst, bc: konst) "R[a] := K[bc]"
LoadSpecial "load_special" (a: dst, b: special) "R[a] := nil, void, true, false, not_found, unset or _"
GetModule "get_module" (a: dst, bc: module) "R[a] := M[bc]; looks the name up in the builtin names if unset, else raises `x is not defined`"
SetModule "set_module" (a: src, bc: module) "M[bc] := R[a]"
// ---- scopes ------------------------------------------------------------
NewScope "new_scope" (a: dst, b: scope, c: count) "R[a] := new scope with count 1, parent b (retained), c slots set to unset"
DropScope "drop_scope" (a: var) "if R[a] is a scope: gives its count back; R[a] := nil"
GetScope "get_scope" (a: dst, b: scope, c: slot) "R[a] := R[b].slots[c]; b must be a register"
SetScope "set_scope" (a: src, b: scope, c: slot) "R[b].slots[c] := R[a]; b must be a register"
GetUp "get_up" (a: dst, b: slot, c: depth) "R[a] := slot b of the closure's scope, or of its c-th parent"
SetUp "set_up" (a: src, b: slot, c: depth) "slot b of the closure's scope, or of its c-th parent, := R[a]"
CheckSet "check_set" (a: src, bc: konst) "raises `K[bc] is not defined` if R[a] is unset"
Closure "closure" (a: dst, b: scope, c: proto) "R[a] := function P[c] over scope b (retained), self R[1], home class of the running function"
SetClosureSelf "set_closure_self" (a: src, b: src) "the self of the function R[a] := R[b]"
// ---- arithmetic --------------------------------------------------------
Add "add" (a: dst, b: src, c: src) "R[a] := R[b] + R[c]"
Sub "sub" (a: dst, b: src, c: src) "R[a] := R[b] - R[c]"
Mul "mul" (a: dst, b: src, c: src) "R[a] := R[b] * R[c]"
Div "div" (a: dst, b: src, c: src) "R[a] := R[b] / R[c], a Float"
Mod "mod" (a: dst, b: src, c: src) "R[a] := R[b] % R[c]"
AddI "add_i" (a: dst, b: src, c: imm) "R[a] := R[b] + c"
SubI "sub_i" (a: dst, b: src, c: imm) "R[a] := R[b] - c"
MulI "mul_i" (a: dst, b: src, c: imm) "R[a] := R[b] * c"
DivI "div_i" (a: dst, b: src, c: imm) "R[a] := R[b] / c"
ModI "mod_i" (a: dst, b: src, c: imm) "R[a] := R[b] % c"
Neg "neg" (a: dst, b: src) "R[a] := - R[b]"
Concat "concat" (a: dst, b: src, c: src) "R[a] := R[b] ++ R[c]"
Interpolate "interpolate" (a: dst, b: first, c: count) "R[a] := display forms of R[b..b+c] joined, as in #\"...\""
And "and" (a: dst, b: src, c: src) "R[a] := R[b] && R[c] where R[b] is truthy: bitwise for two Ints or Bytes, else R[c]"
Or "or" (a: dst, b: src, c: src) "R[a] := R[b] || R[c]: bitwise for two Ints or Bytes, else the first truthy one or R[c]"
Xor "xor" (a: dst, b: src, c: src) "R[a] := R[b] &|& R[c]"
Not "not" (a: dst, b: src) "R[a] := ! R[b]: complement of Int and Bytes, else the opposite boolean"
Shl "shl" (a: dst, b: src, c: src) "R[a] := R[b] << R[c]"
Shr "shr" (a: dst, b: src, c: src) "R[a] := R[b] >> R[c]"
Lt "lt" (a: dst, b: src, c: src) "R[a] := R[b] < R[c]"
Le "le" (a: dst, b: src, c: src) "R[a] := R[b] <= R[c]"
Eq "eq" (a: dst, b: src, c: src) "R[a] := R[b] == R[c]; a method \"==\" of R[b] is called"
Ne "ne" (a: dst, b: src, c: src) "R[a] := R[b] != R[c]; a method \"==\" of R[b] is called"
Is "is" (a: dst, b: src, c: src) "R[a] := R[b] is R[c]"
// ---- jumps -------------------------------------------------------------
Jump "jump" (bc: jump) "goes to the target"
Loop "loop" (bc: jump) "goes back to the target; safepoint"
JumpIf "jump_if" (a: src, bc: jump) "if R[a] is truthy"
JumpIfNot "jump_if_not" (a: src, bc: jump) "if R[a] is falsy"
JumpIfOr "jump_if_or" (a: src, bc: jump) "if R[a] decides an `||`: truthy, and neither Int nor Bytes"
JumpIfSet "jump_if_set" (a: src, bc: jump) "if R[a] is not unset: the argument was given"
JumpIfNil "jump_if_nil" (a: src, bc: jump) "if R[a] is nil"
JumpIfVoid "jump_if_void" (a: src, bc: jump) "if R[a] is void"
JumpIfNotMacro "jump_if_not_macro" (a: src, bc: jump) "if R[a] is not a macro"
JumpLt "jump_lt" (a: src, b: src, c: jump) "if R[a] < R[b]"
JumpLe "jump_le" (a: src, b: src, c: jump) "if R[a] <= R[b]"
JumpNotLt "jump_not_lt" (a: src, b: src, c: jump) "if not R[a] < R[b]"
JumpNotLe "jump_not_le" (a: src, b: src, c: jump) "if not R[a] <= R[b]"
JumpEq "jump_eq" (a: src, b: src, c: jump) "if R[a] == R[b]; only where neither can be an instance with a method \"==\", or nested evaluation is acceptable"
JumpNe "jump_ne" (a: src, b: src, c: jump) "if R[a] != R[b]"
JumpLtI "jump_lt_i" (a: src, b: imm, c: jump) "if R[a] < b"
JumpLeI "jump_le_i" (a: src, b: imm, c: jump) "if R[a] <= b"
JumpGtI "jump_gt_i" (a: src, b: imm, c: jump) "if R[a] > b"
JumpGeI "jump_ge_i" (a: src, b: imm, c: jump) "if R[a] >= b"
JumpNotLtI "jump_not_lt_i" (a: src, b: imm, c: jump) "if not R[a] < b"
JumpNotLeI "jump_not_le_i" (a: src, b: imm, c: jump) "if not R[a] <= b"
JumpNotGtI "jump_not_gt_i" (a: src, b: imm, c: jump) "if not R[a] > b"
JumpNotGeI "jump_not_ge_i" (a: src, b: imm, c: jump) "if not R[a] >= b"
JumpEqI "jump_eq_i" (a: src, b: imm, c: jump) "if R[a] == b"
JumpNeI "jump_ne_i" (a: src, b: imm, c: jump) "if R[a] != b"
LoopLt "loop_lt" (a: src, b: src, c: jump) "if R[a] < R[b] goes back; safepoint"
LoopLe "loop_le" (a: src, b: src, c: jump) "if R[a] <= R[b] goes back; safepoint"
LoopLtI "loop_lt_i" (a: src, b: imm, c: jump) "if R[a] < b goes back; safepoint"
LoopLeI "loop_le_i" (a: src, b: imm, c: jump) "if R[a] <= b goes back; safepoint"
LoopGtI "loop_gt_i" (a: src, b: imm, c: jump) "if R[a] > b goes back; safepoint"
LoopGeI "loop_ge_i" (a: src, b: imm, c: jump) "if R[a] >= b goes back; safepoint"
LoopNeI "loop_ne_i" (a: src, b: imm, c: jump) "if not R[a] == b goes back; safepoint"
// ---- calls -------------------------------------------------------------
Call "call" (a: win, c: count) "R[a] := R[a](R[a+2], ... c arguments); R[a+1] is overwritten"
CallModule "call_module" (a: win, x: count, bc: module) "R[a] := M[bc](R[a+2], ... x arguments)"
CallWithSelf "call_with_self" (a: win, c: count) "R[a] := R[a](...) with self R[a+1], given by the caller"
CallMethod "call_method" (a: win, b: cache, c: count) "R[a] := method b of R[a+1] called with R[a+2], ..."
CallSuper "call_super" (a: win, b: cache, c: count) "R[a] := method b of the parent of the home class, self R[a+1]"
New "new" (a: win, c: count) "R[a] := new instance of class R[a], constructed with R[a+2], ..."
CallX "call_x" (a: win, x: flag, bc: call) "any other call, described by Code::calls[bc]; x is a CallKind"
TailCallX "tail_call_x" (a: win, x: flag, bc: call) "call_x in tail position: a plain function whose result needs no other check than that of the frame takes its place, and what follows is not reached"
TailCall "tail_call" (a: win, c: count) "returns R[a](...), reusing the frame"
TailCallModule "tail_call_module" (a: win, x: count, bc: module) "returns M[bc](...), reusing the frame"
TailCallMethod "tail_call_method" (a: win, b: cache, c: count) "returns a method call, reusing the frame"
Exit "exit" () "leaves the interpreter loop with R[0] of the frame above; emitted by the VM alone, below the frame it was asked to run"
Poll "poll" () "looks why the interpreter was asked to look up, then goes on where the frame stands; emitted by the VM alone"
Count "count" () "counts a call of the function, which begins with its first instruction then; emitted by the VM alone"
Enter "enter" () "runs the function as machine code; emitted by the VM alone"
TakeResult "take_result" (a: dst) "R[a] := result of the call just before; follows every call in a coroutine, whose window is not on the stack"
Return "return" (a: src) "leaves the function with R[a]"
ReturnScoped "return_scoped" (a: src) "gives back the scopes in Code::scope_regs, then leaves with R[a]"
Finish "finish" (a: src) "ends a coroutine: a generator is exhausted, a task completes its future with R[a]; gives back scopes"
Yield "yield" (a: dst, b: src) "suspends a generator and hands out R[b]; R[a] := nil on resumption"
Await "await" (a: dst, x: flag, b: first, c: count) "R[a] := results of the c futures from R[b]; with x = 1 R[b+c] is the timeout. Suspends a task, drives the loop elsewhere"
Intrinsic "intrinsic" (a: win, b: intrinsic, c: count) "R[a] := intrinsic b of R[a], R[a+1], ... c arguments"
Eval "eval" (a: var, b: scope, c: env) "R[a] := function without parameters that evaluates the data R[a] in environment c over scope b"
Render "render" (a: var, b: scope, c: env) "R[a] := function without parameters that renders the template R[a] in environment c over scope b"
MakeEnv "make_env" (a: dst, b: scope, c: env) "R[a] := environment value for a macro: scope b (retained), names of env c, self"
CallerEval "caller_eval" (a: var, b: src) "R[a] := function without parameters that evaluates the data R[a] in the environment value R[b]; raises if that is nil"
// ---- iteration ---------------------------------------------------------
RangePrep "range_prep" (a: var, x: flag, bc: jump) "R[a], R[a+1], R[a+2] are start, end, step (must be Ints; x = 1: the end is the operand of repeat). Jumps if empty; else R[a+3] := R[a]"
RangeLoop "range_loop" (a: var, bc: jump) "R[a] += R[a+2]; if still within R[a+1]: R[a+3] := R[a] and jumps back; safepoint"
IterInit "iter_init" (a: dst, b: src, x: flag, c: jump) "starts iterating R[b] with state in R[a], R[a+1]; x = 1: with keys. Built-in sources jump; for others R[a+4] := method iter, R[a+5] := R[b], and a CallWithSelf on R[a+4] and IterWrap follow"
IterWrap "iter_wrap" (a: var, x: flag) "state := user iterator R[a+4]; x as in IterInit"
IterNext "iter_next" (a: var, x: flag, bc: jump) "if exhausted: jumps. If the state is built in: R[a+2] := element, R[a+3] := key (with keys only) and skips x instructions; else R[a+4] := method next or next_pair, R[a+5] := iterator, and a CallWithSelf on R[a+4] and IterStep follow"
IterStep "iter_step" (a: var, x: flag, bc: jump) "takes R[a+4], the result of next: not_found jumps; else R[a+2] := element, x = 1: R[a+3] := key"
IterClose "iter_close" (a: var, bc: jump) "if the state is no unfinished generator: jumps; else R[a+4] := its method close, R[a+5] := it, and a CallWithSelf on R[a+4] follows"
// ---- data --------------------------------------------------------------
NewArray "new_array" (a: dst, b: first, c: count) "R[a] := [R[b] ...]"
ArrayPush "array_push" (a: src, b: first, c: count) "appends R[b], ... to the array R[a], which nobody else has seen"
ArraySpread "array_spread" (a: src, b: src) "appends the elements of the array R[b] (nil: none) to R[a]; raises `... can only spread arrays`"
NewMap "new_map" (a: dst, b: first, c: keys) "R[a] := map with the keys c and the values R[b], ..."
MapPut "map_put" (a: src, b: src, c: src) "sets key R[b] (a symbol) of the map R[a], which nobody else has seen, to R[c]"
MapSpread "map_spread" (a: src, b: src) "sets all entries of the map R[b] (nil: none) in R[a]; raises `... can only spread maps`"
NewHashMap "new_hash_map" (a: dst, b: first, c: count) "R[a] := hash map of R[b] (key), R[b+1] (value), ...; an odd count raises"
NewGene "new_gene" (a: dst, b: first, x: count, c: keys) "R[a] := Gene value: head R[b], values of the properties c, then x children"
MakeGene "make_gene" (a: dst, b: first) "R[a] := Gene value: head R[b], properties of the fresh map R[b+1], children of the fresh array R[b+2]"
Seal "seal" (a: src) "seals the fresh collection R[a]"
// ---- members -----------------------------------------------------------
GetProp "get_prop" (a: dst, b: src, c: cache) "R[a] := R[b]/name"
SetProp "set_prop" (a: src, b: src, c: cache) "R[a]/name := R[b]"
GetPropVar "get_prop_var" (a: dst, b: src, c: src) "R[a] := R[b]/name where a variable of that name, R[c], is visible (7.3, rules 1 and 3); an `ext` with the cache follows"
GetIndex "get_index" (a: dst, b: src, c: src) "R[a] := R[b]/<R[c]>"
SetIndex "set_index" (a: src, b: src, c: src) "R[a]/<R[b]> := R[c]"
GetIndexI "get_index_i" (a: dst, b: src, c: imm) "R[a] := R[b]/c"
SetIndexI "set_index_i" (a: src, b: src, c: imm) "R[a]/c := R[b]"
CheckFound "check_found" (a: src) "the path segment `!`: raises if R[a] is void or nil"
CheckMember "check_member" (a: src, bc: konst) "before an augmented assignment: raises TypeException if R[a], the value of member K[bc], is void or nil"
// ---- errors and types --------------------------------------------------
Throw "throw" (a: src) "raises R[a], made an exception as `throw` does"
Rethrow "rethrow" (a: src) "raises the exception R[a] again"
CatchMatch "catch_match" (a: dst, b: src, c: src) "R[a] := whether the exception R[b] is an instance of the class, or of one of the array of classes, R[c]"
CheckType "check_type" (a: var, bc: check) "R[a] := R[a] checked, and converted if the check says so, against Code::checks[bc]"
Ext "ext" (bc: cache) "operand word of the instruction before; never executed by itself"
        }
    };
}

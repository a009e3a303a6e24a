//! The seam between the interpreter and a code generator.
//!
//! A [`Backend`] is a function from code and a snapshot of what the interpreter
//! has seen to machine code. It never touches the heap: whoever drives it takes
//! the snapshot before and enters the code after. What machine code must know
//! of the runtime's structs comes as a [`Layout`], what it calls as the
//! addresses of [`Helper`]s.
//!
//! How compiled code and the runtime meet:
//! - Compiled code is called with its frame and its window. Frames of compiled
//!   code are written when something may look at them: before calls and exits.
//! - It ends with a [`status`]. What is not [`status::DONE`] was prepared by
//!   whoever gives it: the frame stands in the frame stack, ready to be
//!   interpreted, or an exception has left it.

use std::borrow::Cow;
use std::fmt;

use crate::Code;

/// How compiled code ends, and how helpers answer.
pub mod status {
    /// The result is there.
    pub const DONE: u64 = 0;
    /// The running frame is to be interpreted from its `pc` on.
    pub const INTERPRET: u64 = 1;
    /// The frame is gone; an exception is on its way.
    pub const RAISED: u64 = 2;
    /// The frame is gone; its result is a value of another representation than
    /// promised, in the vm.
    pub const VALUE: u64 = 3;
    /// Of a single instruction: it has jumped.
    pub const JUMPED: u64 = 4;

    /// `INTERPRET` because of an exit, by its index.
    pub const fn exit(index: usize) -> u64 {
        INTERPRET | (index as u64 + 1) << 8
    }

    /// The status without the exit, and the exit.
    pub const fn split(status: u64) -> (u64, Option<usize>) {
        let exit = status >> 8;
        (status & 0xFF, if exit == 0 { None } else { Some(exit as usize - 1) })
    }
}

/// Where compiled code is entered.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Entry {
    /// By a call.
    Call,
    /// From the interpreter, at the target of this back edge.
    Loop(u32),
}

/// The kinds of values that a register has held, as a set.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Kinds(pub u16);

impl Kinds {
    /// Nothing: the instruction has not run.
    pub const NONE: Kinds = Kinds(0);
    /// Ints without a box.
    pub const INT: Kinds = Kinds(1);
    /// Floats.
    pub const FLOAT: Kinds = Kinds(2);
    /// `nil`
    pub const NIL: Kinds = Kinds(4);
    /// Booleans.
    pub const BOOL: Kinds = Kinds(8);
    /// Symbols, characters, other special values.
    pub const IMMEDIATE: Kinds = Kinds(16);
    /// Arrays.
    pub const ARRAY: Kinds = Kinds(32);
    /// Maps.
    pub const MAP: Kinds = Kinds(64);
    /// Instances.
    pub const INSTANCE: Kinds = Kinds(128);
    /// Strings.
    pub const STRING: Kinds = Kinds(256);
    /// Functions of the program.
    pub const FUNCTION: Kinds = Kinds(512);
    /// Any other object.
    pub const OBJECT: Kinds = Kinds(1024);
    /// Scopes, in registers of the compiler's choosing.
    pub const SCOPE: Kinds = Kinds(2048);
    /// Everything.
    pub const ANY: Kinds = Kinds(4095);
    /// Int and Float.
    pub const NUMBER: Kinds = Kinds(3);
    /// Values that the collector does not follow.
    pub const PLAIN: Kinds = Kinds(31);
    /// Maps and instances.
    pub const RECORD: Kinds = Kinds(64 | 128);

    /// Those of both sets.
    #[must_use]
    pub const fn with(self, other: Kinds) -> Kinds {
        Kinds(self.0 | other.0)
    }

    /// Those that are in both sets.
    #[must_use]
    pub const fn and(self, other: Kinds) -> Kinds {
        Kinds(self.0 & other.0)
    }

    /// Whether all of `other` are among these.
    pub const fn contains(self, other: Kinds) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether all of these are among `other`.
    pub const fn within(self, other: Kinds) -> bool {
        other.contains(self)
    }

    /// Whether there are none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// How a value is passed between compiled functions.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Rep {
    /// A word.
    Value,
    /// A number that fits an Int without a box.
    Int,
    /// A float.
    Float,
}

/// Compiled code that can be called with arguments in machine registers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Direct {
    /// Address of a word that holds where it begins.
    pub cell: u64,
    /// Of the parameters, in their order.
    pub params: Vec<Rep>,
    /// Of the result.
    pub result: Rep,
    /// Whether it looks at its receiver.
    pub uses_self: bool,
}

/// A function that a call has reached.
#[derive(Clone, PartialEq, Debug)]
pub struct Callee {
    /// The function value; 0 if calls have reached several of the same code.
    pub value: u64,
    /// Address of the code object.
    pub code: u64,
    /// Whether it is the function that is being compiled.
    pub is_self: bool,
    /// Its receiver when called without one.
    pub this: u64,
    /// Number of arguments it takes; `None` if they need binding.
    pub exact: Option<u16>,
    /// Whether it is known to be over no scope.
    pub scopeless: bool,
    /// Compiled code.
    pub direct: Option<Direct>,
}

/// What a call instruction has called.
#[derive(Clone, PartialEq, Debug, Default)]
pub enum Target {
    /// Nothing yet.
    #[default]
    None,
    /// One function of the program.
    Function(Box<Callee>),
    /// One function written in Rust, by its value.
    Native {
        /// The function value.
        value: u64,
        /// What the compiled tier knows of it.
        known: KnownNative,
    },
    /// A class without constructor of its own, or with one.
    Class(Box<ClassTarget>),
    /// Different ones.
    Many,
}

/// A class whose instances compiled code makes itself.
#[derive(Clone, PartialEq, Debug)]
pub struct ClassTarget {
    /// The class value.
    pub value: u64,
    /// Address of the shape of new instances.
    pub shape: u64,
    /// Slots in the object itself.
    pub room: u32,
    /// The constructor, if there is one.
    pub ctor: Option<Callee>,
}

/// Functions written in Rust that compiled code replaces by instructions.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum KnownNative {
    /// Called as it is.
    #[default]
    Other,
    /// `(array .add v)`
    ArrayAdd,
    /// `(array .size)` and its other names.
    ArraySize,
    /// `(math/sqrt x)`
    Sqrt,
    /// `(__callable f "name")`: raises unless `f` can be called.
    Callable,
}

/// A shape of records whose member was accessed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shaped {
    /// Address of the shape.
    pub shape: u64,
    /// Number of its keys.
    pub keys: u32,
    /// Slot of the member.
    pub slot: u32,
    /// Address of the shape after adding the member; 0 if it was there.
    pub next: u64,
    /// Whether all slots lay in the record itself.
    pub inline: bool,
}

/// What one instruction has seen.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Seen {
    /// Kinds of `R[a]`, `R[b]`, `R[c]` where these are registers that are read;
    /// of a call the kinds of the receiver in the second place.
    pub kinds: [Kinds; 3],
    /// Whether it has run while somebody watched.
    pub ran: bool,
    /// Who was called.
    pub target: Target,
    /// Of a method call: who was called for receivers of each class identity.
    pub methods: Vec<(u32, Target)>,
    /// Of a method call on other objects than [`Kinds`] tells apart: the number of
    /// the kind, and the byte of the header that tells its classes apart.
    pub receiver: Option<(u8, Option<u8>)>,
    /// Of member access: the shapes of the records.
    pub shapes: Vec<Shaped>,
    /// Code runs into trouble with guards here: leave it to the helper.
    pub generic: bool,
}

/// What the interpreter has seen, copied when compilation is asked for.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Feedback {
    /// By instruction.
    pub seen: Vec<Seen>,
    /// The targets of back edges.
    pub loops: Vec<LoopSeen>,
    /// Kinds of the arguments.
    pub params: Vec<Kinds>,
}

/// What was noted at the target of a back edge, by register.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct LoopSeen {
    /// The instruction.
    pub pc: u32,
    /// Kinds of the values.
    pub kinds: Box<[Kinds]>,
    /// Whether one was an Int below 0.
    pub negative: Box<[bool]>,
}

/// A function with what is known of it.
#[derive(Clone, Copy, Debug)]
pub struct Body<'a> {
    /// The function, verified.
    pub code: &'a Code,
    /// Address of the code object.
    pub id: u64,
    /// Address of the first instruction, for frames.
    pub insns: u64,
    /// Constants as words; `None` where loading one makes a copy.
    pub consts: &'a [Option<u64>],
    /// Addresses of the shapes of key lists; 0 where there is none.
    pub keysets: &'a [u64],
    /// Address of the pointer to the module's variables.
    pub vars: u64,
    /// Addresses of the code objects of the functions inside.
    pub protos: &'a [u64],
    /// What the interpreter has seen of it.
    pub feedback: &'a Feedback,
}

/// What is to be compiled.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The function.
    pub body: Body<'a>,
    /// Functions that may be made part of it where they are called.
    pub inlinable: &'a [Body<'a>],
    /// How often inline caches had been invalidated.
    pub epoch: u32,
    /// Whether no class has a method `==`, in this epoch.
    pub plain_equality: bool,
    /// Where it will be entered.
    pub entry: Entry,
    /// Number of its first exit: they are numbered through all compiled code.
    pub first_exit: usize,
}

/// Words that an exit hands over, at most.
pub const EXIT_VALUES: usize = 96;

/// What an object that is made at an exit refers to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Piece {
    /// A word among the vm's exit values; of scopes the address, or 0.
    Value(u16),
    /// Another such object.
    Object(u16),
}

/// An object that machine code has not made so far.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Rebuilt {
    /// A scope.
    Scope {
        /// The enclosing one, which comes before it.
        parent: Option<Piece>,
        /// The variables.
        slots: Vec<Piece>,
    },
    /// A function.
    Function {
        /// Address of its code object.
        code: u64,
        /// Its scope.
        scope: Option<Piece>,
        /// Its receiver when called without one.
        this: Piece,
        /// The class whose method it is, or nil.
        home: Piece,
    },
}

/// Why compiled code goes back to the interpreter at a place.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Exit {
    /// Address of the code object of the function that it lies in: the one compiled, or
    /// one that has become part of it.
    pub code: u64,
    /// Instruction with which the interpreter goes on.
    pub pc: u32,
    /// Instruction whose assumption has failed: that one, or the call before it.
    pub blamed: u32,
    /// In words; empty if no assumption has failed.
    pub reason: &'static str,
    /// Objects that have to be made.
    pub rebuilt: Vec<Rebuilt>,
    /// Registers of the function's window that hold them, with their numbers.
    pub held: Vec<(u16, u16)>,
}

/// Machine code in executable memory.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct CompiledCode {
    /// Called by the interpreter with vm, frame and window.
    pub entry: u64,
    /// Called by compiled code; not for loop entries.
    pub direct: Option<Direct>,
    /// Bytes of machine code.
    pub bytes: usize,
    /// The places where it may go back; [`status::INTERPRET`] says which, counted from
    /// [`Request::first_exit`], see [`status::exit`].
    pub exits: Vec<Exit>,
    /// Addresses of the code objects that have become part of it, once for each place.
    pub inlined: Vec<u64>,
    /// Instructions that the interpreter runs for it, with the addresses of their code objects.
    pub steps: Vec<(u64, u32)>,
    /// Text of a stage, where asked for.
    pub listing: Option<String>,
    /// What it consists of, for profilers.
    pub parts: Vec<Part>,
}

/// A piece of machine code in one go.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Part {
    /// Its first byte.
    pub address: u64,
    /// Bytes.
    pub bytes: usize,
    /// Whether it is what the interpreter calls, which is no function of the
    /// program.
    pub is_wrapper: bool,
    /// What the code is that of, in ascending order; empty unless asked for.
    pub places: Vec<Place>,
}

/// What machine code from some byte on does.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Place {
    /// The byte, from the start of its part.
    pub offset: u32,
    /// Addresses of code objects with their instructions: first the function that
    /// runs, then those it has become part of, each where it calls. Empty: nothing of
    /// the program's, such as the way out.
    pub stack: Vec<(u64, u32)>,
}

/// Why a function stays interpreted; kept for `--jit-report`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refusal {
    /// In words.
    pub reason: Cow<'static, str>,
}

impl Refusal {
    /// A refusal for this reason.
    pub fn new(reason: impl Into<Cow<'static, str>>) -> Refusal {
        Refusal { reason: reason.into() }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for Refusal {}

/// A code generator.
pub trait Backend {
    /// Compiles a function. What it does stays what the interpreter does.
    ///
    /// # Errors
    /// The reason why the function stays interpreted; the same request would
    /// be refused again.
    fn compile(&mut self, request: Request) -> Result<CompiledCode, Refusal>;
}

macro_rules! layout {
    ($($(#[$doc:meta])* $field:ident)*) => {
        /// Offsets and numbers of the runtime's structs, all in bytes, filled by the runtime
        /// from `offset_of!`.
        #[derive(Clone, Copy, Debug, Default)]
        #[allow(missing_docs)]
        pub struct Layout { $($(#[$doc])* pub $field: i32),* }
    };
}

layout! {
    // The vm.
    vm_fp
    vm_native_limit
    vm_stack_limit
    /// Registers of windows that need not be checked against the limit.
    small_window
    vm_result
    /// A word that turns a value into an Int when added to it.
    vm_int_unbias
    /// One that turns a value into an address when subtracted.
    vm_pointer_tag
    vm_gc_requested
    /// Words that exits hand over.
    vm_exit_values
    vm_cache_epoch
    /// First of the lists of free scopes, by number of slots, and how many there are.
    vm_free_scopes
    scope_classes
    vm_live_scopes
    // Pointer to the allocation classes, and one class.
    vm_classes
    class_size
    class_cursor
    class_limit
    // Frames.
    frame_pc
    frame_base
    frame_code
    frame_top
    frame_size
    // Headers.
    header_kind
    header_mark
    header_flags
    header_small
    header_extra
    /// Flags of an object that must not be changed.
    immutable_flags
    frozen_flag
    // Numbers of kinds.
    kind_string
    kind_array
    kind_storage
    kind_map
    kind_instance
    kind_function
    // Arrays.
    array_data
    array_len
    array_capacity
    array_size
    // Records.
    record_shape
    record_more
    record_slots
    // Shapes.
    shape_class_id
    // Functions and scopes.
    function_code
    function_scope
    function_this
    function_home
    function_size
    /// First half word of the header of functions of this code.
    code_entry
    kind_scope
    /// Count and class, half a word each.
    scope_count
    scope_parent
    scope_slots
    // Bytes of the head of storage.
    storage_head
    // Size of a granule, and of the largest small object.
    granule
    small_bytes
}

/// A function of the runtime that compiled code calls.
macro_rules! helpers {
    ($($(#[$doc:meta])* $name:ident ($($arg:ident),*);)*) => {
        /// A function of the runtime that compiled code calls, with the C calling
        /// convention: the vm first, then these words; gives one word.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[allow(non_camel_case_types)]
        pub enum Helper { $($(#[$doc])* $name),* }

        impl Helper {
            /// All of them.
            pub const ALL: &'static [Helper] = &[$(Helper::$name),*];

            /// The name.
            pub fn name(self) -> &'static str {
                match self { $(Helper::$name => stringify!($name)),* }
            }

            /// Number of words after the vm.
            pub fn args(self) -> usize {
                match self { $(Helper::$name => [$(stringify!($arg)),*].len()),* }
            }
        }
    };
}

helpers! {
    /// Runs the one instruction at the `pc` of the frame; a status.
    step(frame);
    /// After a call of compiled code that did not end with `DONE`: finishes the
    /// callee's frame, or finds a handler in the calling one; a status, the
    /// result in the vm.
    after_call(frame, status);
    /// Before this frame is pushed, which does not lie below the limit, or its
    /// window, which ends at `end`; a status.
    look_before_call(frame, end);
    /// Calls a native with that many arguments in the window; a status, the result in the window.
    call_native(frame, window, count, native);
    /// Collects garbage if it is time; a status.
    safepoint(frame);
    /// Remembers an old object that was written to.
    remember(header);
    /// Memory for a new object of so many bytes, with a finalizer or without.
    allocate(size, finalize);
    /// Appends to an array.
    array_push(array, value);
    /// Two strings joined, as words.
    concat(left, right);
    /// Adds a slot to a record: moves it to the next shape.
    add_slot(record, shape, value);
    /// A new scope with so many slots over the parent, which may be 0.
    new_scope(parent, slots);
    /// Gives a count of a scope back, if it is not 0.
    drop_scope(scope);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_sets() {
        let both = Kinds::INT.with(Kinds::FLOAT);
        assert_eq!(both, Kinds::NUMBER);
        assert!(both.contains(Kinds::FLOAT) && Kinds::INT.within(both));
        assert!(!both.contains(Kinds::NIL) && both.and(Kinds::NIL).is_empty());
        assert!(Kinds::PLAIN.within(Kinds::ANY) && Kinds::RECORD.within(Kinds::ANY));
    }
}

//! From a request to machine code in executable memory.

use cranelift_codegen::ir::{AbiParam, InstBuilder, MemFlagsData, Signature, UserFuncName, types};
use cranelift_codegen::isa::OwnedTargetIsa;
use cranelift_codegen::settings::{self, Configurable};
use cranelift_codegen::{Context, ir};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use cranelift_jit::{JITBuilder, JITModule};
use cranelift_module::{FuncId, Module, default_libcall_names};
use gene_isa::backend::{
    Backend, CompiledCode, Direct, Entry, Exit, Layout, Part, Place, Refusal, Rep, Request, status,
};
use gene_isa::value::{INT_BIAS, INT_FLOOR, NAN};

use crate::flow::Flow;
use crate::infer::Infer;
use crate::lower::{Lower, Runtime, direct_signature, loop_signature};
use crate::memory::CodeMemory;
use crate::solve::{find_steps, solve};
use crate::unit::Unit;

/// Which stages are written down.
#[derive(Clone, Copy, Default, Debug)]
pub struct Dump {
    /// Cranelift's representation.
    pub clif: bool,
    /// Machine code.
    pub asm: bool,
}

/// What a code generator tells besides the code.
#[derive(Clone, Copy, Default, Debug)]
pub struct Wanted {
    /// Which stages are written down.
    pub dump: Dump,
    /// Which instruction each piece of machine code belongs to, for profilers.
    pub places: bool,
}

/// The backend of this build.
pub struct Jit {
    module: JITModule,
    context: Context,
    builder: FunctionBuilderContext,
    layout: Layout,
    helpers: Vec<u64>,
    interrupts: (u64, u64),
    wanted: Wanted,
}

/// A function that has been defined, with its size, and the instructions its bytes
/// belong to.
struct Defined {
    id: FuncId,
    bytes: usize,
    places: Vec<Place>,
}

fn failed(error: impl std::fmt::Display) -> Refusal {
    Refusal::new(format!("Cranelift: {error}"))
}

/// Whether what is made works here. Cranelift knows more processors, but `memory` and
/// the runtime's profiler do not.
const SUPPORTED: bool = cfg!(any(target_arch = "x86_64", target_arch = "aarch64"));

fn target() -> Result<OwnedTargetIsa, Refusal> {
    if !SUPPORTED {
        return Err(Refusal::new("there is no machine code for this processor"));
    }
    let mut flags = settings::builder();
    for (name, value) in [
        ("opt_level", "speed"),
        ("enable_pinned_reg", "true"),
        ("preserve_frame_pointers", "true"),
        ("is_pic", "false"),
        ("use_colocated_libcalls", "false"),
        ("enable_probestack", "false"),
        ("enable_verifier", if cfg!(debug_assertions) { "true" } else { "false" }),
    ] {
        flags.set(name, value).map_err(failed)?;
    }
    let native = cranelift_native::builder().map_err(failed)?;
    native.finish(settings::Flags::new(flags)).map_err(failed)
}

impl Jit {
    /// A code generator for this machine. `helpers` are the addresses of
    /// [`Helper`](gene_isa::backend::Helper)s by their numbers, `interrupts` those of a
    /// 32-bit word which is not 0 when compiled loops should end, and of the address of the
    /// first frame that may not be pushed.
    ///
    /// # Errors
    /// If there is none for this machine.
    pub fn new(
        layout: Layout,
        helpers: Vec<u64>,
        interrupts: (u64, u64),
        wanted: Wanted,
    ) -> Result<Jit, Refusal> {
        let mut builder = JITBuilder::with_isa(target()?, default_libcall_names());
        let refused = |error| Refusal::new(format!("there is no memory for machine code: {error}"));
        builder.memory_provider(Box::new(CodeMemory::new().map_err(refused)?));
        let module = JITModule::new(builder);
        let context = module.make_context();
        let builder = FunctionBuilderContext::new();
        Ok(Jit { module, context, builder, layout, helpers, interrupts, wanted })
    }

    /// Makes machine code of what is in the context.
    fn define(
        &mut self,
        id: FuncId,
        unit: Option<&Unit>,
        listing: &mut String,
    ) -> Result<Defined, Refusal> {
        if self.wanted.dump.clif {
            listing.push_str(&self.context.func.display().to_string());
        }
        self.context.set_disasm(self.wanted.dump.asm);
        let defined = self.module.define_function(id, &mut self.context);
        if let Err(error) = defined {
            self.context.clear();
            return Err(failed(format!("{error:?}")));
        }
        let code = self.context.compiled_code();
        let bytes = code.map_or(0, |code| code.code_info().total_size as usize);
        if let Some(text) =
            code.and_then(|code| code.vcode.as_ref()).filter(|_| self.wanted.dump.asm)
        {
            listing.push_str(text);
        }
        let places = match (code, unit) {
            (Some(code), Some(unit)) if self.wanted.places => places_of(code, unit),
            _ => Vec::new(),
        };
        self.module.clear_context(&mut self.context);
        Ok(Defined { id, bytes, places })
    }

    fn declare(&mut self, signature: &Signature) -> Result<FuncId, Refusal> {
        self.module.declare_anonymous_function(signature).map_err(failed)
    }

    /// The function itself.
    fn body(
        &mut self,
        request: &Request,
        unit: &Unit,
        infer: &Infer,
        listing: &mut String,
    ) -> Result<(Defined, Vec<Exit>, Vec<(u64, u32)>), Refusal> {
        let start = match request.entry {
            Entry::Call => 0,
            Entry::Loop(pc) => pc as usize,
        };
        let mut flow = Flow::new(unit, start, |pc| infer.is_silent(pc))?;
        let types = solve(infer, &flow);
        find_steps(infer, &mut flow, &types);
        let signature = match &infer.own {
            Some(own) => direct_signature(own),
            None => loop_signature(),
        };
        let id = self.declare(&signature)?;
        self.context.func.signature = signature;
        self.context.func.name = UserFuncName::user(0, id.as_u32());
        let own = infer
            .own
            .is_some()
            .then(|| self.module.declare_func_in_func(id, &mut self.context.func));
        let run = Runtime {
            layout: &self.layout,
            helpers: &self.helpers,
            interrupt: self.interrupts.0,
            frame_limit: self.interrupts.1,
            c_convention: self.module.isa().default_call_conv(),
            places: self.wanted.places,
        };
        let builder = FunctionBuilder::new(&mut self.context.func, &mut self.builder);
        let lower = Lower::new(builder, &run, request, unit, infer, &flow, &types, own);
        let (builder, exits, steps) = lower.run();
        builder.finalize(self.module.isa().frontend_config());
        Ok((self.define(id, Some(unit), listing)?, exits, steps))
    }

    /// What the interpreter calls: takes arguments from the window, puts the
    /// result there. C calling convention: vm, frame, window; a status.
    fn wrapper(
        &mut self,
        request: &Request,
        own: Option<&Direct>,
        body: FuncId,
        listing: &mut String,
    ) -> Result<Defined, Refusal> {
        let mut signature = Signature::new(self.module.isa().default_call_conv());
        signature.params.extend([AbiParam::new(types::I64); 3]);
        signature.returns.push(AbiParam::new(types::I64));
        let id = self.declare(&signature)?;
        self.context.func.signature = signature;
        self.context.func.name = UserFuncName::user(0, id.as_u32());
        let callee = self.module.declare_func_in_func(body, &mut self.context.func);
        let mut b = FunctionBuilder::new(&mut self.context.func, &mut self.builder);
        write_wrapper(&mut b, &self.layout, request, own, callee);
        b.seal_all_blocks();
        b.finalize(self.module.isa().frontend_config());
        self.define(id, None, listing)
    }
}

fn write_wrapper(
    b: &mut FunctionBuilder,
    layout: &Layout,
    request: &Request,
    own: Option<&Direct>,
    callee: ir::FuncRef,
) {
    let entry = b.create_block();
    b.append_block_params_for_function_params(entry);
    b.switch_to_block(entry);
    let [vm, fp, base] = b.block_params(entry)[..] else { return };
    let trusted = MemFlagsData::trusted();
    let refuse = b.create_block();
    b.set_cold_block(refuse);
    let mut args = vec![fp, base];
    for (i, rep) in own.iter().flat_map(|own| own.params.iter().enumerate()) {
        let word = b.ins().load(types::I64, trusted, base, (i as i32 + 2) * 8);
        let float = b.ins().bitcast(types::F64, MemFlagsData::new(), word);
        let fits = match rep {
            Rep::Value => {
                args.push(word);
                continue;
            }
            Rep::Int => {
                let floor = b.ins().iconst(types::I64, INT_FLOOR as i64);
                b.ins().icmp(ir::condcodes::IntCC::UnsignedGreaterThan, word, floor)
            }
            Rep::Float => b.ins().fcmp(ir::condcodes::FloatCC::Ordered, float, float),
        };
        let good = b.create_block();
        b.ins().brif(fits, good, &[], refuse, &[]);
        b.switch_to_block(good);
        args.push(match rep {
            Rep::Int => {
                let bias = b.ins().iconst(types::I64, INT_BIAS.wrapping_neg() as i64);
                b.ins().iadd(word, bias)
            }
            _ => float,
        });
    }
    let saved = b.ins().get_pinned_reg(types::I64);
    b.ins().set_pinned_reg(vm);
    let call = b.ins().call(callee, &args);
    let results = b.inst_results(call).to_vec();
    b.ins().set_pinned_reg(saved);
    let (Some(own), [result, status]) = (own, &results[..]) else {
        b.ins().return_(&[results[0]]);
        b.switch_to_block(refuse);
        let status = b.ins().iconst(types::I64, status::INTERPRET as i64);
        b.ins().return_(&[status]);
        return;
    };
    let (good, bad) = (b.create_block(), b.create_block());
    b.ins().brif(*status, bad, &[], good, &[]);
    b.switch_to_block(good);
    let word = match own.result {
        Rep::Value => *result,
        Rep::Int => {
            let bias = b.ins().iconst(types::I64, INT_BIAS as i64);
            b.ins().iadd(*result, bias)
        }
        Rep::Float => {
            let word = b.ins().bitcast(types::I64, MemFlagsData::new(), *result);
            let cc = ir::condcodes::FloatCC::Unordered;
            let is_nan = b.ins().fcmp(cc, *result, *result);
            let nan = b.ins().iconst(types::I64, NAN as i64);
            b.ins().select(is_nan, nan, word)
        }
    };
    b.ins().store(trusted, word, base, 0);
    let done = b.ins().iconst(types::I64, status::DONE as i64);
    b.ins().return_(&[done]);
    b.switch_to_block(bad);
    let ended = b.ins().uextend(types::I64, *status);
    b.ins().return_(&[ended]);
    // Arguments of other kinds: the frame is there, and is interpreted.
    b.switch_to_block(refuse);
    let first = b.ins().iconst(types::I64, request.body.insns as i64);
    b.ins().store(trusted, first, fp, layout.frame_pc);
    b.ins().store(trusted, fp, vm, layout.vm_fp);
    let status = b.ins().iconst(types::I64, status::exit(request.first_exit + ARGUMENTS) as i64);
    b.ins().return_(&[status]);
}

/// The function of an instruction and those it has become part of, each with the
/// instruction that runs in it or calls.
fn stack_at(unit: &Unit, pc: usize) -> Vec<(u64, u32)> {
    let mut stack = Vec::new();
    let mut next = Some(pc);
    while let Some(pc) = next {
        let part = unit.part(pc);
        stack.push((part.id, unit.local(pc) as u32));
        next = part.caller.map(|(_, call)| call);
    }
    stack
}

/// The instructions of machine code by offset; [`Lower`] has noted them as source
/// locations.
fn places_of(code: &cranelift_codegen::CompiledCode, unit: &Unit) -> Vec<Place> {
    let known = code.buffer.get_srclocs_sorted().iter();
    let mut places: Vec<Place> = Vec::new();
    let (mut last, mut end) = (None, 0);
    // What lies between, such as moves of registers, is counted to what stands before.
    for place in known.filter(|place| !place.loc.is_default()) {
        let pc = place.loc.bits() as usize;
        if last.replace(pc) != Some(pc) {
            places.push(Place { offset: place.start, stack: stack_at(unit, pc) });
        }
        end = place.end;
    }
    places.push(Place { offset: end, stack: Vec::new() });
    places
}

/// Index of the exit of a wrapper whose arguments are of other kinds.
const ARGUMENTS: usize = 0;

impl Backend for Jit {
    fn compile(&mut self, request: Request) -> Result<CompiledCode, Refusal> {
        // A suspended frame is on the heap, where machine code cannot go on.
        if request.body.code.kind.is_coroutine() {
            return Err(Refusal::new("async functions and generators stay interpreted"));
        }
        if request.body.code.params.exact().is_none() && request.entry == Entry::Call {
            return Err(Refusal::new("its arguments need binding"));
        }
        let unit = Unit::new(&request);
        let infer = Infer::new(&request, &unit);
        let mut listing = String::new();
        self.module.clear_context(&mut self.context);
        let made = self.body(&request, &unit, &infer, &mut listing).and_then(|made| {
            let wrapper = self.wrapper(&request, infer.own.as_ref(), made.0.id, &mut listing)?;
            Ok((made, wrapper))
        });
        // In any case: what is compiled already cannot run before.
        self.module.finalize_definitions().map_err(failed)?;
        let ((body, exits, steps), wrapper) = made?;
        let address = |id| self.module.get_finalized_function(id) as u64;
        let direct = infer.own.clone().map(|own| Direct { cell: address(body.id), ..own });
        let wanted = self.wanted.dump.clif || self.wanted.dump.asm;
        let bytes = body.bytes + wrapper.bytes;
        let part = |of: Defined, is_wrapper| {
            let address = address(of.id);
            Part { address, bytes: of.bytes, is_wrapper, places: of.places }
        };
        Ok(CompiledCode {
            entry: address(wrapper.id),
            direct,
            bytes,
            exits,
            inlined: unit.parts[1..].iter().map(|part| part.id).collect(),
            steps,
            listing: wanted.then_some(listing),
            parts: vec![part(body, false), part(wrapper, true)],
        })
    }
}

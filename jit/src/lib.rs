//! The compiled tier: [`Code`](gene_isa::Code) and feedback to machine code.
//!
//! This crate knows `gene-isa` only; the runtime reaches it through
//! [`Backend`]. No code generator is part of it yet: every request is refused
//! with that reason, and functions stay interpreted.

#![forbid(unsafe_code)]

use gene_isa::backend::{Backend, CompiledCode, Refusal, Request};

/// The backend of this build.
#[derive(Clone, Copy, Debug, Default)]
pub struct Jit;

impl Backend for Jit {
    fn compile(&self, request: Request) -> Result<CompiledCode, Refusal> {
        // A suspended frame is on the heap, where machine code cannot go on.
        if request.code.kind.is_coroutine() {
            return Err(Refusal::new("async functions and generators stay interpreted"));
        }
        Err(Refusal::new("no code generator is built in"))
    }
}

#[cfg(test)]
mod tests {
    use gene_isa::assemble;
    use gene_isa::backend::{Entry, Feedback};

    use super::*;

    fn reason(kind: &str) -> String {
        let text = format!(".{kind} f\n.registers 2\nfinish r0\n.end");
        let code = assemble(&text).unwrap();
        let feedback = Feedback::default();
        let request = Request { code: &code, feedback: &feedback, entry: Entry::Call };
        Jit.compile(request).unwrap_err().to_string()
    }

    #[test]
    fn refusals_have_a_reason() {
        assert_eq!(reason("function"), "no code generator is built in");
        assert_eq!(reason("async"), "async functions and generators stay interpreted");
    }
}

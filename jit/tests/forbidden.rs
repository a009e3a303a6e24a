//! A system that lets no memory become executable. The process stays so: this test is
//! the only one of its program.

#![cfg(target_os = "linux")]

use gene_isa::backend::{Helper, Layout};
use gene_jit::{Jit, Wanted};

/// `PR_SET_MDWE` of Linux 6.3 with `PR_MDWE_REFUSE_EXEC_GAIN`.
fn forbid_machine_code() -> bool {
    // SAFETY: the request has numbers for arguments.
    unsafe { libc::prctl(65, 1, 0, 0, 0) == 0 }
}

#[test]
fn without_executable_memory_nothing_is_compiled() {
    let make = || {
        let helpers = vec![0x1000; Helper::ALL.len()];
        Jit::new(Layout::default(), helpers, (0x2000, 0x2008), Wanted::default())
    };
    assert!(make().is_ok());
    if !forbid_machine_code() {
        println!("this kernel cannot forbid it");
        return;
    }
    let refused = make().err().expect("there is no memory for it");
    assert!(refused.reason.starts_with("there is no memory for machine code"));
}

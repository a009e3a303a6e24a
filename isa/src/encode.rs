//! Modules as bytes, for a cache of compiled code.
//!
//! ```text
//! "GENEcode" version:u16 table:u64 checksum:u64 | symbols: list of strings | module
//! ```
//!
//! Numbers of the header are little endian; within the rest they are LEB128,
//! signed ones zigzag. Lists have their length first. `table` is a hash of the
//! instruction set: bytes of another build are refused, and the caller
//! compiles the source again.
//!
//! The decoder takes any bytes: it allocates in proportion to their number,
//! does not recurse deeper than [`MAX_DEPTH`](crate::MAX_DEPTH), and what it returns is verified.

use std::fmt;
use std::hash::Hasher;

use rustc_hash::FxHasher;

use crate::wire::{Read, Reader, Wire, Writer, take};
use crate::{Intrinsic, Module, Op, Symbol, VerifyError, verify_module};

const MAGIC: &[u8; 8] = b"GENEcode";

/// Raised when the layout changes in a way that the instruction table does not show.
const VERSION: u16 = 1;

const HEADER: usize = 8 + 2 + 8 + 8;

/// Why bytes are not taken.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum DecodeError {
    /// They are not encoded code at all.
    NotCode,
    /// They come from a build with another instruction set or format.
    OtherBuild,
    /// They are damaged; the problem in words.
    Damaged(&'static str),
    /// They say something that does not hold together.
    Invalid(VerifyError),
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DecodeError::NotCode => f.write_str("not compiled code"),
            DecodeError::OtherBuild => f.write_str("compiled by another version"),
            DecodeError::Damaged(what) => write!(f, "damaged: {what}"),
            DecodeError::Invalid(error) => write!(f, "invalid code: {error}"),
        }
    }
}

impl std::error::Error for DecodeError {}

/// Hash of everything that gives numbers in code their meaning: operations
/// with their operands, and intrinsics with their arguments.
pub fn table_hash() -> u64 {
    let mut hasher = FxHasher::default();
    for op in Op::ALL {
        hasher.write(op.mnemonic().as_bytes());
        for operand in op.operands() {
            hasher.write(&[operand.field as u8, operand.role as u8]);
        }
        hasher.write(op.effect().as_bytes());
    }
    for intrinsic in Intrinsic::ALL {
        hasher.write(intrinsic.name().as_bytes());
        intrinsic.args().iter().for_each(|arg| hasher.write(arg.as_bytes()));
        hasher.write(intrinsic.effect().as_bytes());
    }
    hasher.finish()
}

fn checksum(bytes: &[u8]) -> u64 {
    let mut hasher = FxHasher::default();
    hasher.write(bytes);
    hasher.finish()
}

/// The bytes of a module.
pub fn encode(module: &Module) -> Vec<u8> {
    let mut body = Writer::default();
    module.put(&mut body);
    let mut rest = Writer::default();
    rest.list(&body.symbols, |w, symbol| w.bytes(symbol.as_str().as_bytes()));
    rest.out.extend(body.out);
    let mut out = Vec::with_capacity(HEADER + rest.out.len());
    out.extend(MAGIC);
    out.extend(VERSION.to_le_bytes());
    out.extend(table_hash().to_le_bytes());
    out.extend(checksum(&rest.out).to_le_bytes());
    out.extend(rest.out);
    out
}

/// The module that `bytes` hold, verified.
///
/// # Errors
/// If this build did not write them, or they were changed since.
pub fn decode(bytes: &[u8]) -> Result<Module, DecodeError> {
    let mut header = bytes;
    if take(&mut header) != Some(*MAGIC) {
        return Err(DecodeError::NotCode);
    }
    let version = take(&mut header).map(u16::from_le_bytes);
    let table = take(&mut header).map(u64::from_le_bytes);
    if version != Some(VERSION) || table != Some(table_hash()) {
        return Err(DecodeError::OtherBuild);
    }
    if take(&mut header).map(u64::from_le_bytes) != Some(checksum(header)) {
        return Err(DecodeError::Damaged("the checksum is wrong"));
    }
    let mut r = Reader::new(header);
    let module = module(&mut r).map_err(DecodeError::Damaged)?;
    verify_module(&module).map_err(DecodeError::Invalid)?;
    Ok(module)
}

fn module(r: &mut Reader) -> Read<Module> {
    let names: Vec<String> = Wire::get(r)?;
    r.symbols = names.iter().map(|n| Symbol::intern(n)).collect();
    let module = Module::get(r)?;
    match r.bytes.is_empty() {
        true => Ok(module),
        false => Err("bytes are left over"),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::MAX_DEPTH;
    use crate::datum::Datum;

    /// Bytes with the checksum put right, so that the decoder gets to see them.
    fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
        if bytes.len() >= HEADER {
            let sum = checksum(&bytes[HEADER..]);
            bytes[HEADER - 8..HEADER].copy_from_slice(&sum.to_le_bytes());
        }
        bytes
    }

    fn sample() -> Module {
        let text = include_str!("../tests/sample.asm");
        let mut main = crate::assemble(text).unwrap();
        main.spans = vec![(0, 3, 9), (2, 10, 4000)];
        main.span = (0, 4000);
        Module {
            main: Arc::new(main),
            slots: vec![Symbol::intern("first"), Symbol::intern("second")],
            exports: vec![(Symbol::intern("first"), 0)],
            explicit_exports: true,
        }
    }

    #[test]
    fn modules_come_back() {
        let module = sample();
        assert_eq!(decode(&encode(&module)), Ok(module));
    }

    #[test]
    fn other_files_are_refused() {
        assert_eq!(decode(b""), Err(DecodeError::NotCode));
        assert_eq!(decode(b"(print 1) # a long line of source text"), Err(DecodeError::NotCode));
        assert_eq!(decode(MAGIC), Err(DecodeError::OtherBuild));
        for at in 8..18 {
            let mut bytes = encode(&sample());
            bytes[at] ^= 1;
            assert_eq!(decode(&bytes), Err(DecodeError::OtherBuild));
        }
        let mut bytes = encode(&sample());
        *bytes.last_mut().unwrap() ^= 1;
        assert!(matches!(decode(&bytes), Err(DecodeError::Damaged(_))));
    }

    #[test]
    fn shortened_bytes_are_refused() {
        let bytes = encode(&sample());
        for len in 0..bytes.len() {
            assert!(decode(&sealed(bytes[..len].to_vec())).is_err());
        }
        assert!(decode(&sealed([bytes, vec![0]].concat())).is_err());
    }

    #[test]
    fn changed_bytes_give_an_error_or_verified_code() {
        let bytes = encode(&sample());
        let mut taken = 0;
        for at in HEADER..bytes.len() {
            for change in [0x01, 0x80, 0xff, bytes[at], bytes[at] ^ 0x7f] {
                let mut bytes = bytes.clone();
                bytes[at] ^= change;
                if let Ok(module) = decode(&sealed(bytes)) {
                    verify_module(&module).unwrap();
                    // Not the modules: one with a NaN is not equal to itself.
                    let again = encode(&module);
                    assert_eq!(decode(&again).map(|m| encode(&m)), Ok(again));
                    taken += 1;
                }
            }
        }
        assert!(taken > 0, "the checksum is put right");
    }

    #[test]
    fn deep_nesting_is_refused() {
        let nest = |depth| {
            let mut module = sample();
            let main = Arc::make_mut(&mut module.main);
            main.consts.push((0..depth).fold(Datum::Nil, |d, _| Datum::Array(vec![d], false)));
            module
        };
        assert!(decode(&encode(&nest(MAX_DEPTH - 10))).is_ok());
        let error = decode(&encode(&nest(MAX_DEPTH + 10)));
        assert_eq!(error, Err(DecodeError::Damaged("nested too deeply")));
    }
}

//! Character classes of the source text.

/// Ends a token.
pub const END: u8 = 1;
/// A separator: blank, line break, comma.
pub const SEPARATOR: u8 = 2;
/// A backslash.
pub const ESCAPE: u8 = 4;
/// A slash.
pub const SLASH: u8 = 8;
/// A control character that is no separator.
pub const CONTROL: u8 = 16;

/// The class of each byte, a union of the flags above.
pub static CLASS: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 0x80 {
        table[byte] = match byte as u8 {
            b' ' | b'\t' | b'\n' | b'\r' | b',' => END | SEPARATOR,
            b'(' | b')' | b'[' | b']' | b'{' | b'}' | b'"' | b'`' | b'%' | b';' => END,
            b'\\' => ESCAPE,
            b'/' => SLASH,
            0..0x20 | 0x7f => CONTROL,
            _ => 0,
        };
        byte += 1;
    }
    table
}

/// Whether a byte is a separator.
pub fn is_separator(byte: u8) -> bool {
    CLASS[byte as usize] & SEPARATOR != 0
}

/// Whether a token, or a prefix such as `%`, has nothing after it: the end, a
/// separator, a closing bracket or `;`.
pub fn nothing_follows(next: Option<u8>) -> bool {
    next.is_none_or(|b| is_separator(b) || matches!(b, b')' | b']' | b'}' | b';'))
}

/// Number of bytes of the UTF-8 character that starts with `byte`.
pub fn width(byte: u8) -> usize {
    match byte {
        0..0x80 => 1,
        0x80..0xe0 => 2,
        0xe0..0xf0 => 3,
        _ => 4,
    }
}

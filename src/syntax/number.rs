//! How floats are written.

use std::fmt;

/// Displays a float in Gene's form: the fewest digits that read back as the
/// same value, always with a point or an exponent; the exponent form below
/// 1e-4 and from 1e16 on. `inf`, `-inf`, `nan` are not literals.
///
/// ```
/// use gene::syntax::number::format_float;
/// assert_eq!(format_float(2.0).to_string(), "2.0");
/// assert_eq!(format_float(1.5e-7).to_string(), "1.5e-07");
/// ```
pub fn format_float(value: f64) -> impl fmt::Display {
    FloatDisplay(value)
}

struct FloatDisplay(f64);

impl fmt::Display for FloatDisplay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.0;
        let size = value.abs();
        if value.is_nan() {
            return f.write_str("nan");
        }
        if value.is_infinite() {
            return f.write_str(if value > 0.0 { "inf" } else { "-inf" });
        }
        if size == 0.0 || (1e-4..1e16).contains(&size) {
            // `{:?}` is shortest and has a point in this range.
            return write!(f, "{value:?}");
        }
        let text = format!("{value:e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let (sign, exponent) = match exponent.strip_prefix('-') {
            Some(exponent) => ('-', exponent),
            None => ('+', exponent),
        };
        write!(f, "{digits}e{sign}{exponent:0>2}")
    }
}

#[cfg(test)]
mod tests {
    use super::format_float;

    #[test]
    fn floats_are_short_and_have_a_point_or_exponent() {
        for (value, text) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (2.0, "2.0"),
            (-0.25, "-0.25"),
            (0.1 + 0.2, "0.30000000000000004"),
            (10.0 / 3.0, "3.3333333333333335"),
            (1e-4, "0.0001"),
            (9.9e-5, "9.9e-05"),
            (1.5e-7, "1.5e-07"),
            (9999999999999998.0, "9999999999999998.0"),
            (1e16, "1e+16"),
            (-1.25e300, "-1.25e+300"),
            (5e-324, "5e-324"),
            (f64::MAX, "1.7976931348623157e+308"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
            (f64::NAN, "nan"),
        ] {
            assert_eq!(format_float(value).to_string(), text);
        }
    }
}

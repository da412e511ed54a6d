//! Numbers with a fixed point, as `ap_fixed` of high-level synthesis for FPGAs has them.

use std::fmt;
use std::str::FromStr;

use crate::{Error, quoted};

/// How a number becomes a multiple of the step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rounding {
    /// Down, `AP_TRN`: lower bits are cut off.
    #[default]
    Down,
    /// Towards zero, `AP_TRN_ZERO`.
    ToZero,
    /// To the nearest, ties up, `AP_RND`.
    HalfUp,
    /// To the nearest, ties down, `AP_RND_MIN_INF`.
    HalfDown,
    /// To the nearest, ties towards zero, `AP_RND_ZERO`.
    HalfToZero,
    /// To the nearest, ties away from zero, `AP_RND_INF`.
    HalfFromZero,
    /// To the nearest, ties to the even multiple, `AP_RND_CONV`.
    HalfEven,
}

/// What becomes of a number beyond the greatest or the least.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overflow {
    /// Its higher bits are cut off, `AP_WRAP`.
    #[default]
    Wrap,
    /// `AP_WRAP_SM`: the sign becomes the lowest bit cut off, and the other bits are inverted if the highest of those that stay differs
    /// from it. Without a sign this is [`Wrap`](Self::Wrap).
    WrapSignMagnitude,
    /// The greatest or the least number, `AP_SAT`.
    Saturate,
    /// Zero, `AP_SAT_ZERO`.
    SaturateToZero,
    /// The greatest number or its negative, `AP_SAT_SYM`: the least number is not used.
    SaturateSymmetric,
}

impl Rounding {
    const ALL: [(&'static str, Self); 7] = [
        ("AP_TRN", Self::Down),
        ("AP_TRN_ZERO", Self::ToZero),
        ("AP_RND", Self::HalfUp),
        ("AP_RND_MIN_INF", Self::HalfDown),
        ("AP_RND_ZERO", Self::HalfToZero),
        ("AP_RND_INF", Self::HalfFromZero),
        ("AP_RND_CONV", Self::HalfEven),
    ];

    /// The integer for `x`.
    fn apply(self, x: f64) -> f64 {
        match self {
            Self::Down => x.floor(),
            Self::ToZero => x.trunc(),
            // What has 24 bits, plus a half, is exact in `f64` wherever the half matters.
            Self::HalfUp => (x + 0.5).floor(),
            Self::HalfDown => (x - 0.5).ceil(),
            Self::HalfToZero => (x.abs() - 0.5).ceil().copysign(x),
            Self::HalfFromZero => (x.abs() + 0.5).floor().copysign(x),
            Self::HalfEven => x.round_ties_even(),
        }
    }
}

impl Overflow {
    const ALL: [(&'static str, Self); 5] = [
        ("AP_WRAP", Self::Wrap),
        ("AP_WRAP_SM", Self::WrapSignMagnitude),
        ("AP_SAT", Self::Saturate),
        ("AP_SAT_ZERO", Self::SaturateToZero),
        ("AP_SAT_SYM", Self::SaturateSymmetric),
    ];
}

/// The name of `value` among `all`.
fn name<T: PartialEq>(all: &[(&'static str, T)], value: &T) -> &'static str {
    all.iter().find(|(_, other)| other == value).map_or("", |(name, _)| name)
}

/// The value that `text` names among `all`, in any case, with `AP_` or without.
fn by_name<T: Copy>(what: &str, all: &[(&'static str, T)], text: &str) -> Result<T, Error> {
    let upper = text.trim().to_ascii_uppercase();
    let is = |name: &str| name == upper || name.strip_prefix("AP_") == Some(&upper);
    all.iter().find(|(name, _)| is(name)).map(|(_, value)| *value).ok_or_else(|| {
        let known: Vec<&str> = all.iter().map(|(name, _)| *name).collect();
        Error::argument(what, format!("{}: there are {}", quoted(text), known.join(", ")))
    })
}

/// A format of numbers with a fixed point: `ap_fixed<W,I,rounding,overflow>`, or `ap_ufixed` without a sign.
///
/// Its numbers are the integers of `W` bits (in two's complement, if it has a sign) in steps of 2^(I − W). `I` counts the bits before the
/// point, the sign among them; as in `ap_fixed` it may be negative, and greater than `W`: the step is then less than 2^−W, or more than 1.
/// The modes of rounding and overflow are those of `ap_fixed`, and so are the defaults, `AP_TRN` and `AP_WRAP`; no bits are kept from
/// wrapping (its fifth parameter is 0).
///
/// ```
/// use eightbit_graph::precision::{FixedPoint, Overflow, Rounding};
/// let format: FixedPoint = "ap_fixed<4,2>".parse()?;
/// assert_eq!([0.3, -0.3, 1.75, 2.0].map(|x| format.apply(x)), [0.25, -0.5, 1.75, -2.0]);
/// let format = FixedPoint::new(4, 2)?.with_rounding(Rounding::HalfEven).with_overflow(Overflow::Saturate);
/// assert_eq!([0.3, -0.3, 1.75, 2.0].map(|x| format.apply(x)), [0.25, -0.25, 1.75, 1.75]);
/// assert_eq!(format, "4,2,rnd_conv,sat".parse()?);
/// # Ok::<(), eightbit_graph::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FixedPoint {
    width: u8,
    integer: i8,
    signed: bool,
    rounding: Rounding,
    overflow: Overflow,
}

impl FixedPoint {
    /// The most bits of a number: as many are exact in `f32`.
    pub const MAX_WIDTH: u8 = 24;
    /// The greatest distance of the point from the highest bit, in bits, on either side.
    pub const MAX_INTEGER: i8 = 64;

    /// Numbers of `width` bits, `integer` of them before the point, with a sign, in the default modes.
    ///
    /// # Errors
    ///
    /// No bit at all or more than 24; more than 64 bits before the point, or less than −64.
    pub fn new(width: u8, integer: i8) -> Result<Self, Error> {
        if !(1..=Self::MAX_WIDTH).contains(&width) {
            let reason = format!("{width} bits: a number with a fixed point has 1 to 24");
            return Err(Error::argument("fixed point", reason));
        }
        if !(-Self::MAX_INTEGER..=Self::MAX_INTEGER).contains(&integer) {
            let reason = format!("{integer} bits before the point: −64 to 64 are possible");
            return Err(Error::argument("fixed point", reason));
        }
        let (rounding, overflow) = (Rounding::default(), Overflow::default());
        Ok(Self { width, integer, signed: true, rounding, overflow })
    }

    /// The format without a sign.
    #[must_use]
    pub fn unsigned(self) -> Self {
        Self { signed: false, ..self }
    }

    /// The format with another rounding.
    #[must_use]
    pub fn with_rounding(self, rounding: Rounding) -> Self {
        Self { rounding, ..self }
    }

    /// The format with another overflow.
    #[must_use]
    pub fn with_overflow(self, overflow: Overflow) -> Self {
        Self { overflow, ..self }
    }

    /// The bits of a number.
    pub fn width(&self) -> u8 {
        self.width
    }

    /// The bits before the point, the sign among them.
    pub fn integer(&self) -> i8 {
        self.integer
    }

    /// Whether numbers have a sign.
    pub fn is_signed(&self) -> bool {
        self.signed
    }

    /// The rounding.
    pub fn rounding(&self) -> Rounding {
        self.rounding
    }

    /// The overflow.
    pub fn overflow(&self) -> Overflow {
        self.overflow
    }

    /// The distance of neighbouring numbers, 2^(I − W).
    pub fn step(&self) -> f32 {
        // A normal number: between 2⁻⁸⁸ and 2⁶³.
        let exponent = 127 + i32::from(self.integer) - i32::from(self.width);
        f32::from_bits((exponent as u32) << 23)
    }

    /// The number of the format for `x`. NaN stays, zero has no sign; of infinities, nothing is left by wrapping.
    pub fn apply(&self, x: f32) -> f32 {
        if x.is_nan() {
            return x;
        }
        // Steps are powers of two: scaling changes no digit, and the result has no more digits than an `f32`.
        let step = f64::from(self.step());
        let integer = self.fitting(self.rounding.apply(f64::from(x) / step));
        (integer * step) as f32 + 0.0
    }

    /// The least and the greatest integer.
    fn ends(&self) -> (f64, f64) {
        let count = f64::from(1u32 << self.width);
        if self.signed { (-count / 2.0, count / 2.0 - 1.0) } else { (0.0, count - 1.0) }
    }

    /// The integer of the format for any integer.
    fn fitting(&self, integer: f64) -> f64 {
        let (least, greatest) = self.ends();
        let symmetric = if self.signed { -greatest } else { 0.0 };
        match self.overflow {
            Overflow::SaturateSymmetric => integer.clamp(symmetric, greatest),
            _ if (least..=greatest).contains(&integer) => integer,
            Overflow::Saturate => integer.clamp(least, greatest),
            Overflow::SaturateToZero => 0.0,
            _ if integer.is_infinite() => 0.0,
            Overflow::WrapSignMagnitude if self.signed => self.wrapped_by_sign(integer),
            Overflow::Wrap | Overflow::WrapSignMagnitude => {
                let count = greatest - least + 1.0;
                let low = integer.rem_euclid(count);
                if low > greatest { low - count } else { low }
            }
        }
    }

    /// See [`Overflow::WrapSignMagnitude`].
    fn wrapped_by_sign(&self, integer: f64) -> f64 {
        let bits = integer.rem_euclid(f64::from(1u32 << (self.width + 1))) as u32;
        let highest = self.width - 1;
        let (sign, kept) = (bits >> self.width & 1, bits >> highest & 1);
        let mask = (1 << highest) - 1;
        let low = if sign == kept { bits & mask } else { !bits & mask };
        f64::from(low) - f64::from(sign << highest)
    }
}

impl fmt::Display for FixedPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.signed { "" } else { "u" };
        write!(f, "ap_{sign}fixed<{},{}", self.width, self.integer)?;
        if (self.rounding, self.overflow) != Default::default() {
            write!(f, ",{}", name(&Rounding::ALL, &self.rounding))?;
        }
        if self.overflow != Overflow::default() {
            write!(f, ",{}", name(&Overflow::ALL, &self.overflow))?;
        }
        f.write_str(">")
    }
}

/// From `W,I`, `W,I,rounding` or `W,I,rounding,overflow`, in `ap_fixed<…>` or `ap_ufixed<…>` or without. Names of modes may leave out `AP_`.
impl FromStr for FixedPoint {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let shape = "W,I[,rounding[,overflow]] is needed, for example 16,6 or ap_fixed<16,6,AP_RND,AP_SAT>";
        let wrong = || Error::argument("fixed point", format!("{}: {shape}", quoted(text)));
        let inside = |prefix: &str| text.trim().strip_prefix(prefix)?.strip_suffix('>');
        let (list, signed) = match (inside("ap_fixed<"), inside("ap_ufixed<")) {
            (Some(list), _) => (list, true),
            (None, Some(list)) => (list, false),
            (None, None) => (text, true),
        };
        let parts: Vec<&str> = list.split(',').map(str::trim).collect();
        let (width, integer, modes) = match parts.as_slice() {
            [width, integer, modes @ ..] if modes.len() <= 2 => (width, integer, modes),
            _ => return Err(wrong()),
        };
        let integers: (i64, i64) =
            (width.parse().map_err(|_| wrong())?, integer.parse().map_err(|_| wrong())?);
        // What no byte holds is beyond the limits, too.
        let width = u8::try_from(integers.0).unwrap_or(u8::MAX);
        let integer = i8::try_from(integers.1).unwrap_or(i8::MAX);
        let mut format = Self { signed, ..Self::new(width, integer)? };
        if let Some(rounding) = modes.first() {
            format.rounding = by_name("rounding", &Rounding::ALL, rounding)?;
        }
        if let Some(overflow) = modes.get(1) {
            format.overflow = by_name("overflow", &Overflow::ALL, overflow)?;
        }
        Ok(format)
    }
}

#[cfg(test)]
mod tests {
    use eightbit_testing::Random;

    use super::*;

    /// `ap_fixed` by integers: a value of 24 bits with 20 of them behind the point loses bits, as in the definition of the type.
    fn by_integers(format: &FixedPoint, value: i64) -> f32 {
        const FRACTION: i32 = 20;
        let cut = FRACTION - (i32::from(format.width) - i32::from(format.integer));
        assert!(cut > 0);
        let (whole, part) = (value >> cut, value & ((1 << cut) - 1));
        let half = 1 << (cut - 1);
        let up = match format.rounding {
            Rounding::Down => false,
            Rounding::ToZero => value < 0 && part != 0,
            Rounding::HalfUp => part >= half,
            Rounding::HalfDown => part > half,
            Rounding::HalfToZero => part > half || part == half && value < 0,
            Rounding::HalfFromZero => part > half || part == half && value >= 0,
            Rounding::HalfEven => part > half || part == half && whole & 1 == 1,
        };
        let rounded = whole + i64::from(up);
        let width = u32::from(format.width);
        let (least, greatest) = if format.signed {
            (-(1i64 << (width - 1)), (1i64 << (width - 1)) - 1)
        } else {
            (0, (1i64 << width) - 1)
        };
        let fits = (least..=greatest).contains(&rounded);
        let wrapped = {
            let low = rounded & ((1 << width) - 1);
            if format.signed && low > greatest { low - (1 << width) } else { low }
        };
        let result = match format.overflow {
            Overflow::Saturate => rounded.max(least).min(greatest),
            Overflow::SaturateSymmetric if format.signed => rounded.max(-greatest).min(greatest),
            Overflow::SaturateSymmetric => rounded.max(0).min(greatest),
            _ if fits => rounded,
            Overflow::SaturateToZero => 0,
            Overflow::WrapSignMagnitude if format.signed => {
                let sign = rounded >> width & 1;
                let kept = rounded >> (width - 1) & 1;
                let others = (1 << (width - 1)) - 1;
                let low = if kept == sign { rounded & others } else { !rounded & others };
                low - (sign << (width - 1))
            }
            Overflow::Wrap | Overflow::WrapSignMagnitude => wrapped,
        };
        result as f32 * 2f32.powi(i32::from(format.integer) - i32::from(format.width))
    }

    #[test]
    fn every_mode_equals_the_arithmetic_of_integers() {
        let mut random = Random(5);
        for (_, rounding) in Rounding::ALL {
            for (_, overflow) in Overflow::ALL {
                for (width, integer) in [(1, 1), (1, 0), (2, 4), (4, 2), (8, 3), (6, -2), (16, 3), (5, 9)] {
                    let format = FixedPoint::new(width, integer).expect("in range");
                    let format = format.with_rounding(rounding).with_overflow(overflow);
                    for format in [format, format.unsigned()] {
                        let ends = [0, 1, -1, 1 << 19, -(1 << 19), (1 << 23) - 1, -(1 << 23)];
                        // Multiples of 2¹⁰ meet ties.
                        let some = (0..200).map(|at| {
                            let value = (f64::from(random.float()) * f64::from(1 << 23)) as i64;
                            if at % 2 == 0 { value } else { value & !((1 << 10) - 1) }
                        });
                        for value in ends.into_iter().chain(some.collect::<Vec<_>>()) {
                            let x = value as f32 / (1 << 20) as f32;
                            let expected = by_integers(&format, value);
                            assert_eq!(
                                format.apply(x).to_bits(),
                                (expected + 0.0).to_bits(),
                                "{format} of {x}"
                            );
                        }
                    }
                }
            }
        }
    }

    /// Examples of the definition of `ap_fixed`: AMD, Vitis High-Level Synthesis User Guide (UG1399), "Quantization Modes" and "Overflow
    /// Modes".
    #[test]
    fn known_values() {
        for (format, x, expected) in [
            ("ap_fixed<3,2,AP_RND,AP_SAT>", 1.25, 1.5),
            ("ap_fixed<3,2,AP_RND,AP_SAT>", -1.25, -1.0),
            ("ap_fixed<3,2,AP_RND_ZERO,AP_SAT>", 1.25, 1.0),
            ("ap_fixed<3,2,AP_RND_ZERO,AP_SAT>", -1.25, -1.0),
            ("ap_fixed<3,2,AP_RND_MIN_INF,AP_SAT>", 1.25, 1.0),
            ("ap_fixed<3,2,AP_RND_MIN_INF,AP_SAT>", -1.25, -1.5),
            ("ap_fixed<3,2,AP_RND_INF,AP_SAT>", 1.25, 1.5),
            ("ap_fixed<3,2,AP_RND_INF,AP_SAT>", -1.25, -1.5),
            ("ap_fixed<3,2,AP_RND_CONV,AP_SAT>", 0.75, 1.0),
            ("ap_fixed<3,2,AP_RND_CONV,AP_SAT>", -1.25, -1.0),
            ("ap_fixed<3,2,AP_TRN,AP_SAT>", 1.25, 1.0),
            ("ap_fixed<3,2,AP_TRN,AP_SAT>", -1.25, -1.5),
            ("ap_fixed<3,2,AP_TRN_ZERO,AP_SAT>", -1.25, -1.0),
            ("ap_fixed<4,4,AP_RND,AP_SAT>", 19.0, 7.0),
            ("ap_fixed<4,4,AP_RND,AP_SAT>", -19.0, -8.0),
            ("ap_ufixed<4,4,AP_RND,AP_SAT>", 19.0, 15.0),
            ("ap_fixed<4,4,AP_RND,AP_SAT_ZERO>", 19.0, 0.0),
            ("ap_fixed<4,4,AP_RND,AP_SAT_SYM>", -19.0, -7.0),
            ("ap_fixed<4,4,AP_RND,AP_WRAP>", 31.0, -1.0),
            ("ap_fixed<4,4,AP_RND,AP_WRAP>", -19.0, -3.0),
            ("ap_ufixed<4,4,AP_RND,AP_WRAP>", 19.0, 3.0),
            ("ap_ufixed<4,4,AP_RND,AP_WRAP>", -19.0, 13.0),
            ("ap_fixed<4,4,AP_RND,AP_WRAP_SM>", 19.0, -4.0),
            ("ap_fixed<4,4,AP_RND,AP_WRAP_SM>", -19.0, 2.0),
        ] {
            let found = format.parse::<FixedPoint>().expect("a format").apply(x);
            assert_eq!(found, expected, "{format} of {x}");
        }
    }

    #[test]
    fn what_is_not_finite() {
        for (overflow, expected) in [("WRAP", 0.0), ("WRAP_SM", 0.0), ("SAT", 1.75), ("SAT_ZERO", 0.0)] {
            let format: FixedPoint = format!("4,2,TRN,{overflow}").parse().expect("a format");
            assert_eq!(format.apply(f32::INFINITY), expected, "{overflow}");
            assert!(format.apply(f32::NAN).is_nan());
            assert_eq!(format.apply(f32::MAX).abs(), expected, "{overflow}");
        }
        assert!(FixedPoint::new(8, 2).expect("in range").apply(-0.0).is_sign_positive());
    }

    #[test]
    fn formats_are_read_as_they_are_written() {
        for text in [
            "ap_fixed<16,6>",
            "ap_ufixed<8,-3>",
            "ap_fixed<8,12,AP_RND>",
            "ap_fixed<24,1,AP_TRN,AP_SAT>",
            "ap_fixed<4,2,AP_RND_CONV,AP_WRAP_SM>",
        ] {
            assert_eq!(text.parse::<FixedPoint>().expect(text).to_string(), text);
        }
        assert_eq!(
            "16, 6 ,rnd , sat_sym".parse::<FixedPoint>().expect("a format").to_string(),
            "ap_fixed<16,6,AP_RND,AP_SAT_SYM>"
        );
        for (text, part) in [
            ("", "W,I"),
            ("16", "W,I"),
            ("16,6,AP_RND,AP_SAT,0", "W,I"),
            ("a,b", "W,I"),
            ("0,0", "1 to 24"),
            ("25,6", "1 to 24"),
            ("-1,6", "1 to 24"),
            ("16,65", "−64 to 64"),
            ("16,6,AP_SAT", "AP_RND_CONV"),
            ("16,6,AP_RND,AP_TRN", "AP_SAT_SYM"),
        ] {
            let error = text.parse::<FixedPoint>().expect_err(text).to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}

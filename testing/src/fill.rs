//! Patterns that fill buffers, mostly with extreme values.

use proptest::prelude::*;

/// How a buffer is filled. Values are drawn from the case's seed when it runs, so that cases shrink by shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fill {
    /// Every value the same extreme.
    Constant(u8),
    /// Two alternating extremes.
    Alternating(u8, u8),
    /// Random extremes.
    Extremes,
    /// Signed values from −64 to 64: sums of two products with a `u8` fit an `i16`, so kernels for pair-safe weights run.
    Small,
    /// Random bytes.
    Random,
}

/// −128, −127, −1 or 255, 0, 1, 127, −2 or 254, as bytes.
pub const EXTREMES: [u8; 7] = [0x80, 0x81, 0xff, 0, 1, 0x7f, 0xfe];

/// Every [`Fill`] except [`Fill::Small`], which is for weights.
pub fn fill() -> impl Strategy<Value = Fill> {
    let extreme = || prop::sample::select(EXTREMES.to_vec());
    prop_oneof![
        2 => extreme().prop_map(Fill::Constant),
        2 => (extreme(), extreme()).prop_map(|(a, b)| Fill::Alternating(a, b)),
        2 => Just(Fill::Extremes),
        4 => Just(Fill::Random),
    ]
}

//! Dynamic quantization.

use crate::dynamic::Spread;
#[cfg(not(any(feature = "std", test)))]
use crate::float::F32 as _;
use crate::{ElementType, QuantizedType};

/// The type, of `element` (`U8` or `I8`), to which numbers are quantized over their own range; `None` if one of them, or the width
/// of the range, is not finite. The codes are those of [`quantize_element`](super::quantize_element), clamped to all codes but the lowest for
/// [`Spread::Magnitude`].
///
/// ```
/// use eightbit::{ElementType, dynamic::Spread, reference};
/// let found = reference::range_type(&[-1.0, 4.1], Spread::Range, ElementType::U8).expect("finite");
/// assert_eq!((found.scale(), found.zero_point()), (5.1 / 255.0, 50));
/// ```
#[must_use]
pub fn range_type(x: &[f32], spread: Spread, element: ElementType) -> Option<QuantizedType> {
    if !x.iter().all(|x| x.is_finite()) {
        return None;
    }
    let (low, high) = x.iter().fold((0.0f32, 0.0f32), |(low, high), &x| (low.min(x), high.max(x)));
    let (lowest, _) = element.integer_range();
    let scale = match spread {
        Spread::Range => (high - low) / 255.0,
        Spread::Magnitude => high.max(-low) / 127.0,
    };
    let scale = if scale == 0.0 { 1.0 } else { scale };
    let above = match spread {
        Spread::Range => (0.0 - low / scale).clamp(0.0, 255.0).round_ties_even() as i32,
        Spread::Magnitude => 128,
    };
    QuantizedType::new(element, scale, lowest + above).ok()
}

//! Scales with few significant digits, which keep float sums exact.
//!
//! A product of integers `v · u` times steps `a · c` is a float without rounding if `a · c` is an odd integer `o` times a power of two and
//! `o · |v · u|` is at most 2²⁴; so is a sum of such products, in whatever order, if that holds for the sum of their magnitudes. Integers
//! below 2ᵈ are what steps of d digits have in them, so the digits of both together may be as many as the sum of products leaves of 24.

/// The most digits of both steps together: of sums of `depth` products of integers up to `reaches`.
pub(crate) fn most_digits(depth: usize, reaches: [u32; 2]) -> u32 {
    let largest = depth as u128 * u128::from(reaches[0]) * u128::from(reaches[1]);
    // The smallest power of two that is no less.
    let taken = u128::BITS - largest.max(1).saturating_sub(1).leading_zeros();
    24u32.saturating_sub(taken)
}

/// The nearest float of at most `digits` significant binary digits, at least one; steps are no less than 2⁻³⁰ and no more than 2³⁰.
pub(crate) fn shorten(step: f32, digits: u32) -> f32 {
    const LEAST: f32 = 1.0 / (1 << 30) as f32;
    // NaN becomes the least, too: what a diverging training makes of its steps must stay a step.
    let step = if step > LEAST { step.min(1.0 / LEAST) } else { LEAST };
    let dropped = 24 - digits.clamp(1, 24);
    if dropped == 0 {
        return step;
    }
    // Rounding a significand up to the next power of two carries into the exponent.
    let bits = step.to_bits() + (1 << (dropped - 1));
    f32::from_bits(bits >> dropped << dropped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_have_few_digits() {
        assert_eq!([1, 2, 3].map(|digits| shorten(0.7, digits)), [0.5, 0.75, 0.75]);
        assert_eq!([shorten(0.8, 1), shorten(0.99, 4), shorten(3.0, 24)], [1.0, 1.0, 3.0]);
        assert_eq!(shorten(-1.0, 4), shorten(f32::NAN, 4));
        for step in [1e-20, 0.3, 1e20] {
            let short = shorten(step, 5);
            assert_eq!(short.to_bits() & ((1 << 19) - 1), 0);
            assert_eq!(shorten(short, 5), short);
        }
    }

    #[test]
    fn digits_are_what_sums_leave() {
        // 144 · 15 · 7 = 15,120 < 2¹⁴.
        assert_eq!(most_digits(144, [15, 7]), 10);
        assert_eq!(most_digits(1 << 10, [1, 1]), 14);
        assert_eq!(most_digits((1 << 10) + 1, [1, 1]), 13);
        assert_eq!(most_digits(1568, [255, 127]), 0);
        assert_eq!(most_digits(1, [1, 1]), 24);
    }
}

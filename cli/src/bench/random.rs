//! Random elements that are the same in every run.

use eightbit::Element;

/// Elements over the whole range of the type (xorshift).
pub(crate) fn elements<T: Element>(len: usize) -> Vec<T> {
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        T::from_low_bits((state >> 32) as i32)
    })
    .take(len)
    .collect()
}

/// Biases of all sizes and both signs.
pub(crate) fn biases(len: usize) -> Vec<i32> {
    elements::<i8>(len).into_iter().map(|bias| i32::from(bias) * 37).collect()
}

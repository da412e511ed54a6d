//! Cubic interpolation.

/// The weight of an element at a distance, with the coefficient `a`. Source: R. G. Keys, Cubic convolution interpolation for digital
/// image processing, 1981.
pub(crate) fn cubic(distance: f64, a: f64) -> f64 {
    let x = distance.abs();
    if x <= 1.0 {
        ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        (((x - 5.0) * x + 8.0) * x - 4.0) * a
    } else {
        0.0
    }
}

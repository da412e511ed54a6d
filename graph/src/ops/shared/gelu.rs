//! The Gaussian error linear unit, `x · Φ(x)`, exactly and by its usual approximation (Hendrycks and Gimpel, arXiv 1606.08415).

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI};

/// `x/2 · (1 + erf(x / √2))`.
pub(crate) fn exact(x: f64) -> f64 {
    0.5 * x * (1.0 + libm::erf(x * FRAC_1_SQRT_2))
}

/// `x/2 · (1 + tanh(√(2/π) · (x + 0.044715 x³)))`.
pub(crate) fn by_tanh(x: f64) -> f64 {
    0.5 * x * (1.0 + (FRAC_2_SQRT_PI * FRAC_1_SQRT_2 * (x + 0.044_715 * x * x * x)).tanh())
}

//! Near points of a lattice: integers `q` for weights `w` with a small `(w − q)ᵀ·C·(w − q)`.
//!
//! With `C = RᵀR` that is the squared distance of a lattice's point from another point, and one that is near is found coordinate by coordinate
//! (Babai, "On Lovász' lattice reduction and the nearest lattice point problem", 1986), which is what GPTQ (Frantar et al., 2022) computes
//! by updates of an inverse.

use crate::quantize::WeightPrecision;

/// What is added to every variance, as a part of their mean: a guard against what few examples say by chance.
const DAMPING: f64 = 0.002;
/// Rows that are rounded at the same time.
pub(super) const LANES: usize = 16;

/// The factor `R` of a covariance, its coordinates in the order of their variances.
pub(super) struct Lattice {
    /// For each place the coordinate there.
    order: Vec<usize>,
    /// Row after row, each divided by its diagonal element; nothing left of it.
    r: Vec<f32>,
    /// The squares of the diagonal elements.
    squares: Vec<f32>,
}

impl Lattice {
    /// `None` if nothing varies.
    pub(super) fn new(covariance: impl Fn(usize, usize) -> f64, depth: usize) -> Option<Self> {
        let variance = |at: usize| covariance(at, at);
        let mean = (0..depth).map(variance).sum::<f64>() / depth as f64;
        if mean <= 0.0 || !mean.is_finite() {
            return None;
        }
        // The last is rounded first, and the others make up for its error.
        let mut order: Vec<usize> = (0..depth).collect();
        order.sort_by(|&a, &b| variance(a).total_cmp(&variance(b)));
        let mut r = vec![0.0f64; depth * depth];
        for (row, &a) in order.iter().enumerate() {
            for (column, &b) in order.iter().enumerate().skip(row) {
                r[row * depth + column] = covariance(a, b);
            }
            r[row * depth + row] += DAMPING * mean;
        }
        for row in 0..depth {
            let (done, left) = r.split_at_mut((row + 1) * depth);
            let own = &mut done[row * depth..];
            own[row] = own[row].max(1e-3 * DAMPING * mean);
            let root = own[row].sqrt();
            own[row..].iter_mut().for_each(|value| *value /= root);
            for (below, line) in left.chunks_exact_mut(depth).enumerate() {
                let column = row + 1 + below;
                let factor = own[column];
                if factor != 0.0 {
                    line[column..]
                        .iter_mut()
                        .zip(&own[column..])
                        .for_each(|(value, own)| *value -= factor * own);
                }
            }
        }
        let squares = r.iter().step_by(depth + 1).map(|value| (value * value) as f32).collect();
        let scaled = |(at, value): (usize, &f64)| (value / r[at / depth * depth + at / depth]) as f32;
        let r = r.iter().enumerate().map(scaled).collect();
        Some(Self { order, r, squares })
    }

    /// Rounds rows of weights, [`LANES`] at most, to integers of `precision` in steps of `scales`, and returns for each row
    /// `(w − q)ᵀ·C·(w − q)`.
    pub(super) fn round(
        &self,
        precision: WeightPrecision,
        weights: &[f32],
        scales: &[f32],
        rounded: &mut [i8],
    ) -> [f32; LANES] {
        let depth = self.order.len();
        let rows = scales.len();
        // Of the places from the last on, what each row's rounding left, in its steps.
        let mut errors = vec![[0.0f32; LANES]; depth];
        let mut squared = [0.0f32; LANES];
        for place in (0..depth).rev() {
            let mut moved = [0.0f32; LANES];
            let line = &self.r[place * depth..][..depth];
            for (&r, errors) in line[place + 1..].iter().zip(&errors[place + 1..]) {
                moved.iter_mut().zip(errors).for_each(|(moved, error)| *moved += r * error);
            }
            let at = self.order[place];
            for row in 0..rows {
                let exact = weights[row * depth + at] / scales[row];
                let nearest = precision.nearest(exact + moved[row]);
                errors[place][row] = exact - nearest;
                let apart = (exact + moved[row] - nearest) * scales[row];
                squared[row] += self.squares[place] * apart * apart;
                rounded[row * depth + at] = nearest as i8;
            }
        }
        squared
    }
}

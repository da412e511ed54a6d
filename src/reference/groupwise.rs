//! Products with weights that have scales by group.

use alloc::vec::Vec;

use crate::dynamic::{Rows, WeightGroups};
#[cfg(not(any(feature = "std", test)))]
use crate::float::F32 as _;
use crate::{Element, MatRef};

/// What a [`GroupwiseLinear`](crate::dynamic::GroupwiseLinear) computes of quantized rows: row-major `[rows][weights.columns()]`.
///
/// The products of a group are added in ℤ and reduced mod 2³², the groups by `fma`, in their order, beginning with +0; the sum is
/// multiplied by the row's scale, the bias added, and the result clamped, each rounded on its own.
///
/// # Panics
///
/// If the rows are in several blocks or not as long as the weights are deep, groups have no depths, scales or biases are missing, or the
/// clamp is empty or not a number.
///
/// ```
/// use eightbit::{MatRef, dynamic::{Rows, WeightGroups}, reference};
/// let (weights, scales) = ([1i8; 64], [0.5, 1.0]);
/// let groups = WeightGroups { depths: 32, scales: &scales, zero_points: &[0] };
/// let rows = Rows::new(&[11u8; 64], 1, 64, 64, &[2.0], &[10])?;
/// let out = reference::groupwise(&rows, &MatRef::new(&weights, 64, 1)?, &groups, Some(&[1.0]), (-100.0, 90.0));
/// assert_eq!(out, [90.0]); // (32 · 0.5 + 32 · 1) · 2 + 1 = 97
/// # Ok::<(), eightbit::Error>(())
/// ```
#[must_use]
pub fn groupwise<W: Element>(
    rows: &Rows<'_, u8>,
    weights: &MatRef<'_, W>,
    groups: &WeightGroups<'_>,
    bias: Option<&[f32]>,
    (low, high): (f32, f32),
) -> Vec<f32> {
    assert_eq!((rows.blocks(), rows.columns()), (1, weights.rows()), "depths differ");
    assert!(groups.depths > 0, "groups have depths");
    let (depth, count) = (weights.rows(), groups.count(weights.rows()));
    let mut out = Vec::with_capacity(rows.scales().len() * weights.columns());
    for (m, (&row_scale, &row_zero)) in rows.scales().iter().zip(rows.zero_points()).enumerate() {
        for n in 0..weights.columns() {
            let mut acc = 0.0f32;
            for g in 0..count {
                let zero = groups.zero_point(count, n, g);
                let mut dot = 0i64;
                for k in g * groups.depths..depth.min((g + 1) * groups.depths) {
                    let w: i32 = (*weights.at(k, n)).into();
                    dot += i64::from(i32::from(rows.code(m, k)) - row_zero) * i64::from(w - zero);
                }
                acc = (dot as i32 as f32).mul_add(groups.scale(count, n, g), acc);
            }
            let mut y = acc * row_scale;
            if let Some(bias) = bias {
                y += bias[n];
            }
            out.push(y.clamp(low, high));
        }
    }
    out
}

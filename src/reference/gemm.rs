//! Matrix multiplication.

use crate::{Element, MatRef, Per};
use alloc::vec::Vec;

/// The accumulators of `lhs · weights`: row-major `[lhs.rows()][weights.columns()]`,
///
/// `acc[m][n] = Σ_k (lhs[m][k] − lhs_zero) · (weights[k][n] − weight_zero[n]) + bias[n]`, computed in ℤ and reduced
/// mod 2³² at the end.
///
/// # Panics
///
/// If `lhs` has another number of columns than `weights` has rows, or a vector by channel is too short.
///
/// ```
/// use eightbit::{MatRef, Per, reference};
/// let lhs = MatRef::new(&[1u8, 2, 3, 4], 2, 2)?;
/// let weights = MatRef::new(&[1i8, -1, 0, 2], 2, 2)?;
/// assert_eq!(reference::gemm(&lhs, 0, &weights, &Per::Tensor(0), None), [1, 3, 3, 5]);
/// # Ok::<(), eightbit::Error>(())
/// ```
pub fn gemm<A: Element, W: Element>(
    lhs: &MatRef<'_, A>,
    lhs_zero: i32,
    weights: &MatRef<'_, W>,
    weight_zero: &Per<i32>,
    bias: Option<&[i32]>,
) -> Vec<i32> {
    assert_eq!(lhs.columns(), weights.rows(), "depths differ");
    let mut out = Vec::with_capacity(lhs.rows() * weights.columns());
    for m in 0..lhs.rows() {
        for n in 0..weights.columns() {
            let mut sum: i64 = bias.map_or(0, |bias| bias[n].into());
            for k in 0..lhs.columns() {
                let a: i32 = (*lhs.at(m, k)).into();
                let w: i32 = (*weights.at(k, n)).into();
                sum += i64::from(a - lhs_zero) * i64::from(w - weight_zero.of(n));
            }
            out.push(sum as i32);
        }
    }
    out
}

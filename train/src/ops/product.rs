//! Products of matrices, by the float kernels of this project: their sums do not depend on the number of threads.

use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor};
use eightbit_kernels::Backend;
use eightbit_kernels::float::{Bounds, FloatWeights, ProductCall, multiply};

use super::{read2, result, slice, tensor};

/// `x · wᵀ` of `[rows, depth]` and `[columns, depth]`.
pub(crate) fn product(backend: Backend, x: &Tensor, w: &Tensor) -> Result<Tensor> {
    let ((rows, depth), (columns, other)) = (x.dims2()?, w.dims2()?);
    if depth != other {
        candle_core::bail!("a product of depths {depth} and {other}");
    }
    x.contiguous()?.apply_op2(&w.contiguous()?, Product { backend, rows, depth, columns })
}

struct Product {
    backend: Backend,
    rows: usize,
    depth: usize,
    columns: usize,
}

/// `a` of `rows` rows times the matrix that `weight` gives by row and column.
fn times(
    backend: Backend,
    a: &[f32],
    [rows, depth, columns]: [usize; 3],
    weight: impl Fn(usize, usize) -> f32,
) -> Vec<f32> {
    let mut out = vec![0.0; rows * columns];
    let weights = FloatWeights::pack(backend, [depth, columns], weight, &[]);
    multiply(&ProductCall::new(a, &weights, Bounds::NONE), rows, &mut out, columns);
    out
}

impl CustomOp2 for Product {
    fn name(&self) -> &'static str {
        "product"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        lx: &Layout,
        w: &CpuStorage,
        lw: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let Self { backend, rows, depth, columns } = *self;
        let (x, w) = (slice(x, lx)?, slice(w, lw)?);
        result(times(backend, x, [rows, depth, columns], |k, n| w[n * depth + k]), (rows, columns))
    }

    fn bwd(
        &self,
        x: &Tensor,
        w: &Tensor,
        _: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let Self { backend, rows, depth, columns } = *self;
        let of_x = if x.track_op() {
            let of_x = read2(gradient, w, |g, w| {
                times(backend, g, [rows, columns, depth], |n, k| w[n * depth + k])
            })?;
            Some(tensor(of_x, (rows, depth))?)
        } else {
            None
        };
        let of_w = read2(gradient, x, |g, x| {
            let transposed: Vec<f32> =
                (0..columns).flat_map(|n| g.iter().skip(n).step_by(columns)).copied().collect();
            times(backend, &transposed, [columns, rows, depth], |row, k| x[row * depth + k])
        })?;
        Ok((of_x, Some(tensor(of_w, (columns, depth))?)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check_gradients, numbers};
    use super::*;

    #[test]
    fn gradients() {
        let (x, w) = (numbers(1, &[7, 5]), numbers(2, &[3, 5]));
        let backend = Backend::best().unwrap();
        check_gradients(&[&x, &w], |x| product(backend, x[0], x[1]).unwrap(), 1e-2);
    }
}

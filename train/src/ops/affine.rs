//! A factor and an addend for each channel, as `Mul` and `Add` of ONNX round them.

use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor};

use super::{read, read2, result, slice, tensor};

/// `x · factor + addend`, two roundings; the last axis of `x` is that of channels.
pub(crate) fn affine(x: &Tensor, factor: &Tensor, addend: &Tensor) -> Result<Tensor> {
    x.contiguous()?.apply_op3(&factor.contiguous()?, &addend.contiguous()?, Affine)
}

struct Affine;

impl CustomOp3 for Affine {
    fn name(&self) -> &'static str {
        "affine"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        lx: &Layout,
        factor: &CpuStorage,
        lf: &Layout,
        addend: &CpuStorage,
        la: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (x, factor, addend) = (slice(x, lx)?, slice(factor, lf)?, slice(addend, la)?);
        let mut out = Vec::with_capacity(x.len());
        for pixel in x.chunks_exact(factor.len()) {
            out.extend(pixel.iter().zip(factor).zip(addend).map(|((x, factor), addend)| x * factor + addend));
        }
        result(out, lx.shape().clone())
    }

    fn bwd(
        &self,
        x: &Tensor,
        factor: &Tensor,
        addend: &Tensor,
        _: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let channels = factor.elem_count();
        let mut of_x = Vec::with_capacity(x.elem_count());
        let (mut of_factor, mut of_addend) = (vec![0.0; channels], vec![0.0; channels]);
        let factors = read(factor, <[f32]>::to_vec)?;
        read2(x, gradient, |x, gradient| {
            for (x, gradient) in x.chunks_exact(channels).zip(gradient.chunks_exact(channels)) {
                for c in 0..channels {
                    of_x.push(gradient[c] * factors[c]);
                    of_factor[c] += gradient[c] * x[c];
                    of_addend[c] += gradient[c];
                }
            }
        })?;
        let of_factor = tensor(of_factor, factor.shape())?;
        Ok((Some(tensor(of_x, x.shape())?), Some(of_factor), Some(tensor(of_addend, addend.shape())?)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check_gradients, numbers};
    use super::*;

    #[test]
    fn gradients() {
        let (x, factor, addend) = (numbers(1, &[6, 3]), numbers(2, &[3]), numbers(3, &[3]));
        check_gradients(&[&x, &factor, &addend], |x| affine(x[0], x[1], x[2]).unwrap(), 1e-2);
    }
}

//! To the numbers of a grid, and the gradients that are taken for those of this step function.

use candle_core::{CpuStorage, CustomOp1, CustomOp2, Layout, Result, Shape, Tensor};

use super::{read, read2, result, slice, tensor};

/// The integers of a grid.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Bounds {
    pub(crate) low: f32,
    pub(crate) high: f32,
}

/// To the nearest integer, ties to even, for magnitudes below 2²²: vectors compute this, and not `round_ties_even` of a CPU without the
/// instruction.
#[inline]
fn round(x: f32) -> f32 {
    const MAGIC: f32 = 12_582_912.0;
    ((x.abs() + MAGIC) - MAGIC).copysign(x)
}

/// The integer of `x / step`: clamped, then rounded, ties to even, as QONNX's `Quant` does.
#[inline]
fn integer(x: f32, step: f32, Bounds { low, high }: Bounds) -> f32 {
    round((x / step).clamp(low, high))
}

/// `x` on the grid, without a gradient. There is one step, or one for each row of the first axis.
pub(crate) fn rounded(x: &Tensor, steps: &[f32], bounds: Bounds) -> Result<Tensor> {
    let row = (x.elem_count() / steps.len()).max(1);
    let elements = read(x, |x| {
        let mut out = Vec::with_capacity(x.len());
        for (x, &step) in x.chunks(row).zip(steps) {
            out.extend(x.iter().map(|&x| integer(x, step, bounds) * step));
        }
        out
    })?;
    tensor(elements, x.shape())
}

/// `x` on the grid of learned steps: Learned Step Size Quantization (Esser and others 2020). `shorten` is applied to the steps first, as if
/// it had the gradient 1.
pub(crate) fn learned(
    x: &Tensor,
    steps: &Tensor,
    bounds: Bounds,
    shorten: fn(f32, u32) -> f32,
    digits: u32,
) -> Result<Tensor> {
    let count = steps.elem_count();
    // 1 / √(elements that share a step · greatest integer): of an image, not of a batch, for activations.
    let shared = if count == 1 && x.rank() > 2 { x.elem_count() / x.dim(0)? } else { x.elem_count() / count };
    let scale = 1.0 / (shared as f32 * bounds.high).sqrt();
    let op = Learned { bounds, count, scale, shorten, digits };
    x.contiguous()?.apply_op2(&steps.contiguous()?, op)
}

struct Learned {
    bounds: Bounds,
    count: usize,
    scale: f32,
    shorten: fn(f32, u32) -> f32,
    digits: u32,
}

impl CustomOp2 for Learned {
    fn name(&self) -> &'static str {
        "learned_step"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        lx: &Layout,
        steps: &CpuStorage,
        ls: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (x, steps) = (slice(x, lx)?, slice(steps, ls)?);
        let row = (x.len() / self.count).max(1);
        let mut out = Vec::with_capacity(x.len());
        for (x, &step) in x.chunks(row).zip(steps) {
            let step = (self.shorten)(step, self.digits);
            out.extend(x.iter().map(|&x| integer(x, step, self.bounds) * step));
        }
        result(out, lx.shape().clone())
    }

    fn bwd(
        &self,
        x: &Tensor,
        steps: &Tensor,
        _: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let Bounds { low, high } = self.bounds;
        let row = (x.elem_count() / self.count).max(1);
        let (mut of_x, mut of_steps) = (Vec::with_capacity(x.elem_count()), Vec::with_capacity(self.count));
        let own = read(steps, <[f32]>::to_vec)?;
        read2(x, gradient, |x, gradient| {
            for ((x, gradient), &step) in x.chunks(row).zip(gradient.chunks(row)).zip(&own) {
                let step = (self.shorten)(step, self.digits);
                let mut of_step = 0.0;
                for (x, gradient) in x.iter().zip(gradient) {
                    let v = x / step;
                    let clamped = v.clamp(low, high);
                    let is_inside = clamped == v;
                    let slope = if is_inside { round(v) - v } else { clamped };
                    of_step += gradient * slope;
                    of_x.push(if is_inside { *gradient } else { 0.0 });
                }
                of_steps.push(of_step * self.scale);
            }
        })?;
        Ok((Some(tensor(of_x, x.shape())?), Some(tensor(of_steps, steps.shape())?)))
    }
}

/// 1 where `x` is not negative, else −1; the gradient passes where |x| ≤ 1 (Hubara and others 2016).
pub(crate) fn signs(x: &Tensor) -> Result<Tensor> {
    x.contiguous()?.apply_op1(Signs)
}

struct Signs;

impl CustomOp1 for Signs {
    fn name(&self) -> &'static str {
        "signs"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let x = slice(x, layout)?;
        result(x.iter().map(|&x| if x >= 0.0 { 1.0 } else { -1.0 }).collect(), layout.shape().clone())
    }

    fn bwd(&self, x: &Tensor, _: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        let passed = |(x, gradient): (&f32, &f32)| if x.abs() <= 1.0 { *gradient } else { 0.0 };
        let elements = read2(x, gradient, |x, gradient| x.iter().zip(gradient).map(passed).collect())?;
        Ok(Some(tensor(elements, x.shape())?))
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Var;

    use super::*;

    fn var(elements: &[f32]) -> Var {
        Var::from_tensor(&tensor(elements.to_vec(), elements.len()).unwrap()).unwrap()
    }

    /// The formulas of the paper, at points where each of its cases holds.
    #[test]
    fn learned_steps() {
        let (x, step) = (var(&[-9.0, 0.6, 1.0, 2.9, 9.0]), var(&[0.5]));
        let bounds = Bounds { low: -2.0, high: 3.0 };
        let y = learned(&x, &step, bounds, |step, _| step, 0).unwrap();
        assert_eq!(y.to_vec1::<f32>().unwrap(), [-1.0, 0.5, 1.0, 1.5, 1.5]);
        let gradients = y.sum_all().unwrap().backward().unwrap();
        let of = |var: &Var| gradients.get(var.as_tensor()).unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(of(&x), [0.0, 1.0, 1.0, 0.0, 0.0]);
        let expected = (-2.0 + (1.0 - 1.2) + 0.0 + 3.0 + 3.0) / 15f32.sqrt();
        assert!((of(&step)[0] - expected).abs() < 1e-6);
    }

    #[test]
    fn rounding() {
        for half in -2000..2000 {
            for x in [half as f32 / 2.0, half as f32 / 3.0, (half as f32 / 2.0).next_up()] {
                assert_eq!(round(x).to_bits(), x.round_ties_even().to_bits(), "{x}");
            }
        }
    }

    #[test]
    fn ties_go_to_even_and_rows_have_their_steps() {
        let x = tensor(vec![0.5, 1.5, 0.5, 1.5], (2, 2)).unwrap();
        let bounds = Bounds { low: -8.0, high: 7.0 };
        let y = rounded(&x, &[1.0, 0.5], bounds).unwrap().to_vec2::<f32>().unwrap();
        assert_eq!(y, [[0.0, 2.0], [0.5, 1.5]]);
    }

    #[test]
    fn signs_pass_small_gradients() {
        let x = var(&[-2.0, -1.0, -0.0, 0.5, 1.5]);
        let y = signs(&x).unwrap();
        assert_eq!(y.to_vec1::<f32>().unwrap(), [-1.0, -1.0, 1.0, 1.0, 1.0]);
        let gradients = y.sum_all().unwrap().backward().unwrap();
        assert_eq!(
            gradients.get(x.as_tensor()).unwrap().to_vec1::<f32>().unwrap(),
            [0.0, 1.0, 1.0, 1.0, 0.0]
        );
    }
}

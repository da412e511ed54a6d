//! Differentiable operations on images whose channels are within pixels, each with the gradient that training needs.
//!
//! candle keeps the tape. Where its own operations would take many passes over memory, or give other sums than the executor's, an operation
//! is one of ours: a function of slices, and the function of its gradient.

mod affine;
mod average;
mod depthwise;
mod grid;
mod max_pool;
mod normalize;
mod product;
mod softmax;
mod unfold;
mod window;

pub(crate) use affine::affine;
pub(crate) use average::average_pool;
pub(crate) use depthwise::depthwise;
pub(crate) use grid::{Bounds, learned, rounded, signs};
pub(crate) use max_pool::max_pool;
pub(crate) use normalize::{Moments, normalize};
pub(crate) use product::product;
pub(crate) use softmax::cross_entropy;
pub(crate) use unfold::unfold;
pub use window::Window;

use candle_core::{CpuStorage, Device, Error, Layout, Result, Shape, Storage, Tensor};

/// The elements of an operand of an operation.
pub(crate) fn slice<'s>(storage: &'s CpuStorage, layout: &Layout) -> Result<&'s [f32]> {
    let (from, to) = layout.contiguous_offsets().ok_or(Error::RequiresContiguous { op: "eightbit" })?;
    Ok(&storage.as_slice::<f32>()?[from..to])
}

/// Calls `f` with the elements of a tensor.
pub(crate) fn read<R>(tensor: &Tensor, f: impl FnOnce(&[f32]) -> R) -> Result<R> {
    let tensor = tensor.contiguous()?;
    let (storage, layout) = tensor.storage_and_layout();
    let Storage::Cpu(storage) = &*storage else { return Err(Error::Msg("not in the CPU's memory".into())) };
    Ok(f(slice(storage, layout)?))
}

/// Calls `f` with the elements of two tensors.
pub(crate) fn read2<R>(a: &Tensor, b: &Tensor, f: impl FnOnce(&[f32], &[f32]) -> R) -> Result<R> {
    read(a, |a| read(b, |b| f(a, b)))?
}

/// A tensor of these elements.
pub(crate) fn tensor(elements: Vec<f32>, shape: impl Into<Shape>) -> Result<Tensor> {
    Tensor::from_vec(elements, shape.into(), &Device::Cpu)
}

/// What an operation gives.
pub(crate) fn result(elements: Vec<f32>, shape: impl Into<Shape>) -> Result<(CpuStorage, Shape)> {
    Ok((CpuStorage::F32(elements), shape.into()))
}

/// The value of `y` with the gradient of `x`: the straight-through estimator (Bengio, Léonard, Courville 2013).
///
/// `x + (y − x)` with a detached difference, as it is mostly written, rounds; `y + (x − x)` is `y`, bit for bit.
pub fn straight_through(x: &Tensor, y: &Tensor) -> Result<Tensor> {
    y.detach() + (x - x.detach())?
}

#[cfg(test)]
pub(crate) mod testing {
    use super::*;
    use crate::random::Random;

    /// Normal numbers.
    pub(crate) fn numbers(seed: u64, shape: &[usize]) -> candle_core::Var {
        let mut random = Random::new(seed, 9);
        let elements = (0..shape.iter().product()).map(|_| random.normal()).collect();
        candle_core::Var::from_tensor(&tensor(elements, shape).unwrap()).unwrap()
    }

    /// Compares the gradients of `f`, summed with random weights, with differences.
    pub(crate) fn check_gradients(
        vars: &[&candle_core::Var],
        f: impl Fn(&[&Tensor]) -> Tensor,
        tolerance: f32,
    ) {
        let tensors: Vec<&Tensor> = vars.iter().map(|var| var.as_tensor()).collect();
        let y = f(&tensors);
        let weights = numbers(77, y.dims());
        let sum = |y: &Tensor| (y * weights.as_tensor()).unwrap().sum_all().unwrap();
        let gradients = sum(&y).backward().unwrap();
        for (which, var) in vars.iter().enumerate() {
            let gradient = gradients.get(var.as_tensor()).expect("a gradient");
            let gradient = read(gradient, <[f32]>::to_vec).unwrap();
            let values = read(var.as_tensor(), <[f32]>::to_vec).unwrap();
            for at in (0..values.len()).step_by(1 + values.len() / 23) {
                let moved = |by: f32| -> f32 {
                    let mut values = values.clone();
                    values[at] += by;
                    let moved = tensor(values, var.dims()).unwrap();
                    let mut tensors = tensors.clone();
                    tensors[which] = &moved;
                    sum(&f(&tensors)).to_scalar().unwrap()
                };
                let difference = (moved(1e-2) - moved(-1e-2)) / 2e-2;
                let error = (difference - gradient[at]).abs();
                assert!(
                    error <= tolerance * (1.0 + difference.abs()),
                    "{which}[{at}]: {difference} {}",
                    gradient[at]
                );
            }
        }
    }
}

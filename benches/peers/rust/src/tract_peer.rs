//! tract-linalg: `i8 · i8 → i32`. The weights are its left operand, packed once; activations are packed in each call, as it does
//! in a network.

use std::error::Error;

use tract_data::internal::{DatumType, Tensor, tract_ndarray::Array2};
use tract_linalg::mmm::{AsInputValue, FusedSpec};

use crate::Case;
use crate::problem::Problem;

pub fn prepare(problem: &Problem) -> Result<Case, Box<dyn Error>> {
    let &Problem { m, k, n, .. } = problem;
    let kernel = tract_linalg::MmmDispatch::native()
        .preferred_kernel(DatumType::I32, Some(n), Some(k), Some(m))
        .ok_or("tract-linalg has no kernel for this shape")?;
    let bytes = |packing: &dyn std::fmt::Debug| format!("{packing:?}").to_lowercase().contains("i8");
    let packing = kernel
        .packings()
        .iter()
        .position(|(weights, activations)| bytes(weights) && bytes(activations))
        .ok_or("tract-linalg's kernel for this shape takes no bytes")?;
    let (weights_packing, activations_packing) = kernel.packings()[packing].clone();
    let lhs = problem.signed();
    let activations: Tensor = Array2::from_shape_fn((m, k), |(row, depth)| lhs[row * k + depth]).into();
    let weights: Tensor =
        Array2::from_shape_fn((n, k), |(column, depth)| problem.weights[depth * n + column]).into();
    let packed = weights_packing.prepare_one(&weights, 1, 0)?;
    let mut out = Tensor::zero::<i32>(&[m, n])?;
    // SAFETY: the scratch space is used with the kernel that it was made by.
    let mut scratch = unsafe { kernel.allocate_scratch_space() };
    let name = kernel.name().to_owned();
    let mut multiply = move |out: &mut Tensor| -> Result<(), Box<dyn Error>> {
        let activations = activations_packing.prepare_one(&activations, 1, 0)?;
        let product = FusedSpec::AddMatMul {
            a: AsInputValue::Borrowed(&*packed),
            b: AsInputValue::Borrowed(&*activations),
            packing,
        };
        // SAFETY: operands are packed as the kernel wants them for n × k and k × m, and the output is a tensor of m × n, seen
        // with rows and columns exchanged.
        unsafe {
            let store = FusedSpec::Store(kernel.c_view(Some(1), Some(0)).wrap(&out.view_mut()));
            kernel.run_with_scratch_space(n, m, &mut *scratch, &[product, store])?;
        }
        Ok(())
    };
    multiply(&mut out)?;
    let sums: Vec<i32> = out.to_plain_array_view::<i32>()?.iter().copied().collect();
    let note = name + &problem.verdict(&lhs, |row, column| sums[row * n + column]);
    // What can fail, failed at the first call: the ones that are measured are the same.
    Ok(Case { types: "s8s8s32", note, call: Box::new(move || drop(multiply(&mut out))) })
}

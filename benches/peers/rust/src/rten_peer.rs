//! rten-gemm: `u8 · i8 → i32`.

use std::error::Error;

use rten_gemm::{GemmExecutor, GemmInputA, GemmInputB, GemmOptions};
use rten_tensor::NdTensor;
use rten_tensor::prelude::*;

use crate::Case;
use crate::problem::Problem;

pub fn prepare(problem: &Problem) -> Result<Vec<Case>, Box<dyn Error>> {
    let &Problem { m, k, n, .. } = problem;
    let executor = GemmExecutor::<u8, i8, i32>::default();
    let lhs = NdTensor::from_data([m, k], problem.unsigned.clone());
    let weights = NdTensor::from_data([k, n], problem.weights.clone());
    let packed = executor.prepack_b(weights.view());
    let kernel = executor.kernel_name().to_owned();
    let mut out = vec![0i32; m * n];
    let multiply = move |out: &mut [i32]| {
        let (lhs, weights) = (GemmInputA::Unpacked(lhs.view()), GemmInputB::Packed(&packed));
        executor.gemm(out, lhs, weights, GemmOptions::default())
    };
    multiply(&mut out).map_err(|error| format!("rten-gemm: {error:?}"))?;
    let note = kernel + &problem.verdict(&problem.unsigned, |row, column| out[row * n + column]);
    // Errors occurred at the first call; the measured calls are identical.
    Ok(vec![Case { op: "matmul", types: "u8s8s32", note, call: Box::new(move || drop(multiply(&mut out))) }])
}

//! gemmkit: `i8 · i8 → i32`. Its packed weights need a column-major output.

use std::error::Error;

use gemmkit::{MatMut, MatRef, Parallelism, gemm_i8_packed_b, prepack_rhs_i8};

use crate::Case;
use crate::problem::Problem;

pub fn prepare(problem: &Problem) -> Result<Vec<Case>, Box<dyn Error>> {
    let &Problem { m, k, n, .. } = problem;
    let lhs = problem.signed();
    let packed = prepack_rhs_i8(MatRef::from_row_major(&problem.weights, k, n));
    let mut out = vec![0i32; m * n];
    let multiply = move |lhs: &[i8], out: &mut [i32]| {
        let (lhs, out) = (MatRef::from_row_major(lhs, m, k), MatMut::from_col_major(out, m, n));
        gemm_i8_packed_b(1, lhs, &packed, 0, out, Parallelism::Serial);
    };
    multiply(&lhs, &mut out);
    let note = format!("column-major output{}", problem.verdict(&lhs, |row, column| out[column * m + row]));
    Ok(vec![Case { op: "matmul", types: "s8s8s32", note, call: Box::new(move || multiply(&lhs, &mut out)) }])
}

//! tract-linalg: `i8 · i8 → i32`, through tract-core, its safe interface: a model of one product, whose weights are packed
//! when it is optimized; activations are packed in each call, as in a network.

use std::error::Error;

use tract_core::internal::{
    DatumType, IntoRunnable, SpecialOps, Tensor, TypedFact, TypedModel, tract_ndarray::Array2, tvec,
};
use tract_core::ops::einsum::EinSum;

use crate::Case;
use crate::problem::Problem;

pub fn prepare(problem: &Problem) -> Result<Vec<Case>, Box<dyn Error>> {
    let &Problem { m, k, n, .. } = problem;
    let lhs = problem.signed();
    let activations: Tensor = Array2::from_shape_fn((m, k), |(row, depth)| lhs[row * k + depth]).into();
    let weights: Tensor =
        Array2::from_shape_fn((k, n), |(depth, column)| problem.weights[depth * n + column]).into();

    let mut model = TypedModel::default();
    let source = model.add_source("activations", TypedFact::dt_shape(DatumType::I8, [m, k]))?;
    let constant = model.add_const("weights", weights)?;
    let product = EinSum::new("mk,kn->mn".parse()?, DatumType::I32);
    let outputs = model.wire_node("product", product, &[source, constant])?;
    model.select_output_outlets(&outputs)?;
    let plan = model.into_optimized()?.into_runnable()?;

    let multiply = move || plan.run(tvec!(activations.clone().into()));
    let out = multiply()?;
    let sums: Vec<i32> = out[0].to_plain_array_view::<i32>()?.iter().copied().collect();
    let note = "by tract-core".to_owned() + &problem.verdict(&lhs, |row, column| sums[row * n + column]);
    // Errors occurred at the first call; the measured calls are identical.
    Ok(vec![Case { op: "matmul", types: "s8s8s32", note, call: Box::new(move || drop(multiply())) }])
}

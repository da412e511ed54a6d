//! Measures matrix multiplications.

use std::time::Duration;

use eightbit::{
    Backend, Element, ElementType, Error, Gemm, MatMut, MatRef, OutputElement, PackedWeights, Per,
    Requantize, Stage, Workspace,
};

use crate::bench::shapes::GemmShape;
use crate::bench::{Line, bytes, signed_bytes, timing};

/// Measures `shape` with raw `i32` results and with results requantized per channel, as the peers' drivers do.
pub(crate) fn lines(backend: Backend, shape: &GemmShape, budget: Duration) -> Result<Vec<Line>, Error> {
    let weights = signed_bytes(shape.k * shape.n);
    let pack = || PackedWeights::pack(backend, &MatRef::new(&weights, shape.k, shape.n)?, 0);
    let (unsigned, signed) = (bytes(shape.m * shape.k), signed_bytes(shape.m * shape.k));
    let raw = Stage::ACCUMULATORS;
    // The scales and the zero point of the peers' drivers.
    let scales = Per::Channel(vec![0.02 * 0.01 / 2.0; shape.n]);
    let bias = vec![100i32; shape.n];
    let requantize = Stage::Requantize(Requantize::new(scales, 128, ElementType::U8));
    let u8s32 = Gemm::new(pack()?, ElementType::U8, 0, None, &raw)?;
    let i8s32 = Gemm::new(pack()?, ElementType::I8, 0, None, &raw)?;
    let u8u8 = Gemm::new(pack()?, ElementType::U8, 128, Some(&bias), &requantize)?;
    Ok(vec![
        line::<u8, i32>(&u8s32, shape, &unsigned, "u8s8s32", budget)?,
        line::<i8, i32>(&i8s32, shape, &signed, "s8s8s32", budget)?,
        line::<u8, u8>(&u8u8, shape, &unsigned, "u8s8u8_perchan_zp", budget)?,
    ])
}

fn line<A: Element, T: OutputElement>(
    gemm: &Gemm,
    shape: &GemmShape,
    lhs: &[A],
    types: &'static str,
    budget: Duration,
) -> Result<Line, Error> {
    let mut out = vec![T::default(); shape.m * shape.n];
    let mut workspace = Workspace::with_capacity(gemm.workspace_bytes());
    let mut call = || {
        let lhs = MatRef::new(lhs, shape.m, shape.k)?;
        gemm.run(lhs, MatMut::new(&mut out, shape.m, shape.n)?, &mut workspace)
    };
    // What can fail, fails at the first call: the ones that are measured are the same.
    call()?;
    let operations = 2.0 * shape.m as f64 * shape.k as f64 * shape.n as f64;
    let rates = timing::measure(operations, budget, || drop(call()));
    std::hint::black_box(&out);
    Ok(Line { shape: shape.name.clone(), types, rates, path: gemm.explain(shape.m) })
}

//! candle: layers from `f32` to `f32` whose weights are q8_0, with a scale for each group of 32 depths. It quantizes activations likewise.

use std::error::Error;

use candle_core::quantized::{GgmlDType, QMatMul, QTensor};
use candle_core::{Device, Module, Tensor};

use crate::Case;
use crate::problem::{Floats, Problem};

pub fn prepare(problem: &Problem) -> Result<Vec<Case>, Box<dyn Error>> {
    let &Problem { m, k, n, .. } = problem;
    let floats = Floats::of(problem);
    let x = Tensor::from_slice(&floats.activations, (m, k), &Device::Cpu)?;
    let weights = Tensor::from_slice(&floats.weights, (n, k), &Device::Cpu)?;
    let layer = QMatMul::from_qtensor(QTensor::quantize(&weights, GgmlDType::Q8_0)?)?;
    let out = layer.forward(&x)?.flatten_all()?.to_vec1::<f32>()?;
    let note = format!("q8_0{}", floats.verdict(problem, &out));
    // Errors occurred at the first call; the measured calls are identical.
    Ok(vec![Case { op: "linear", types: "f32s8f32", note, call: Box::new(move || drop(layer.forward(&x))) }])
}

//! This project's layers from `f32` to `f32`: weights with a scale for each column, and with one for each group of 32 depths of it.

use std::error::Error;

use eightbit::dynamic::{GroupwiseLinear, GroupwiseWeights, Linear, QuantizedRows, Spread, WeightGroups};
use eightbit::{Backend, Dequantize, MatMut, MatRef, PackedWeights, Per, Workspace};

use crate::Case;
use crate::problem::{Floats, Problem};

/// Depths of a group, as in q8_0.
const GROUP: usize = 32;

/// Codes of some weights, the greatest of which is 127 in magnitude, and their scale.
fn quantize(weights: &[f32]) -> (f32, impl Iterator<Item = i8>) {
    let most = weights.iter().fold(0f32, |most, weight| most.max(weight.abs()));
    let scale = if most == 0.0 { 1.0 } else { most / 127.0 };
    (scale, weights.iter().map(move |weight| (weight / scale).round_ties_even() as i8))
}

/// Codes of weights `[n][k]`, and the scales of groups of `len` depths, `[n][group]`.
fn quantized(weights: &[f32], k: usize, len: usize) -> (Vec<i8>, Vec<f32>) {
    let (mut codes, mut scales) = (Vec::with_capacity(weights.len()), Vec::new());
    for group in weights.chunks(k).flat_map(|column| column.chunks(len)) {
        let (scale, of_group) = quantize(group);
        scales.push(scale);
        codes.extend(of_group);
    }
    (codes, scales)
}

pub fn prepare(problem: &Problem) -> Result<Vec<Case>, Box<dyn Error>> {
    Ok(vec![by_column(problem)?, by_group(problem)?])
}

fn by_column(problem: &Problem) -> Result<Case, Box<dyn Error>> {
    let &Problem { m, k, n, .. } = problem;
    let floats = Floats::of(problem);
    let (codes, scales) = quantized(&floats.weights, k, k);
    let packed = PackedWeights::pack(Backend::best()?, &MatRef::new(&codes, n, k)?.transposed(), 0)?;
    let layer = Linear::new(packed, &Dequantize::new(Per::Channel(scales)), Spread::Range)?;
    let (mut rows, mut workspace) = (QuantizedRows::new(), Workspace::new());
    let mut out = vec![0f32; m * n];
    let mut run = move |x: &[f32], out: &mut [f32]| {
        layer.run(MatRef::new(x, m, k)?, MatMut::new(out, m, n)?, &mut rows, &mut workspace)
    };
    run(&floats.activations, &mut out)?;
    let note = format!("a scale for each column{}", floats.verdict(problem, &out));
    let call = Box::new(move || run(&floats.activations, &mut out).expect("as the first call"));
    Ok(Case { op: "linear", types: "f32s8f32", note, call })
}

fn by_group(problem: &Problem) -> Result<Case, Box<dyn Error>> {
    let &Problem { m, k, n, .. } = problem;
    let floats = Floats::of(problem);
    let (codes, scales) = quantized(&floats.weights, k, GROUP);
    let groups = WeightGroups { depths: GROUP, scales: &scales, zero_points: &[0] };
    let weights = MatRef::new(&codes, n, k)?.transposed();
    let packed = GroupwiseWeights::pack(Backend::best()?, &weights, &groups)?;
    let layer = GroupwiseLinear::new(packed, Spread::Range);
    let (mut rows, mut workspace) = (QuantizedRows::new(), Workspace::new());
    let mut out = vec![0f32; m * n];
    let mut run = move |x: &[f32], out: &mut [f32]| {
        layer.run(MatRef::new(x, m, k)?, MatMut::new(out, m, n)?, &mut rows, &mut workspace)
    };
    run(&floats.activations, &mut out)?;
    let note = format!("a scale for each group of {GROUP}{}", floats.verdict(problem, &out));
    let call = Box::new(move || run(&floats.activations, &mut out).expect("as the first call"));
    Ok(Case { op: "linear", types: "f32s8f32_groups", note, call })
}

//! A layer of a language model, one token at a time: float weights become eight-bit ones with a scale for each group of 32 depths, and one loud
//! weight costs its group accuracy, not its column.
//!
//! `cargo run --release --example groupwise`

use eightbit::dynamic::{GroupwiseLinear, GroupwiseWeights, QuantizedRows, Spread, WeightGroups};
use eightbit::{Backend, Error, MatMut, MatRef, Workspace};

/// Inputs and outputs of the layer.
const DEPTH: usize = 1024;
const COLUMNS: usize = 256;

/// Codes, `[n][k]`, and scales, `[n][group]`, of weights that are `[n][k]`: evenly around 0.
fn quantize(weights: &[f32], depths: usize) -> (Vec<i8>, Vec<f32>) {
    let (mut codes, mut scales) = (Vec::with_capacity(weights.len()), Vec::new());
    for group in weights.chunks(DEPTH).flat_map(|column| column.chunks(depths)) {
        let scale = group.iter().fold(0.0f32, |most, w| most.max(w.abs())) / 127.0;
        let scale = if scale == 0.0 { 1.0 } else { scale };
        codes.extend(group.iter().map(|w| (w / scale).round_ties_even() as i8));
        scales.push(scale);
    }
    (codes, scales)
}

fn main() -> Result<(), Error> {
    let mut state = 1u32;
    let mut random = |len: usize| -> Vec<f32> {
        let next = |_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1u32 << 23) as f32 - 1.0
        };
        (0..len).map(next).collect()
    };
    let mut weights = random(COLUMNS * DEPTH);
    weights.iter_mut().step_by(DEPTH).for_each(|loud| *loud *= 50.0);
    let x = random(DEPTH);
    let exact: Vec<f32> =
        weights.chunks(DEPTH).map(|column| column.iter().zip(&x).map(|(w, x)| w * x).sum()).collect();

    let backend = Backend::best()?;
    let (mut rows, mut out) = (QuantizedRows::with_capacity(1, DEPTH), vec![0.0; COLUMNS]);
    for depths in [DEPTH, 128, 32] {
        let (codes, scales) = quantize(&weights, depths);
        let groups = WeightGroups { depths, scales: &scales, zero_points: &[0] };
        let codes = MatRef::new(&codes, COLUMNS, DEPTH)?.transposed();
        let linear =
            GroupwiseLinear::new(GroupwiseWeights::pack(backend, &codes, &groups)?, Spread::Magnitude);
        let mut workspace = Workspace::with_capacity(linear.workspace_bytes());
        // What every token takes; it allocates nothing.
        linear.run(
            MatRef::new(&x, 1, DEPTH)?,
            MatMut::new(&mut out, 1, COLUMNS)?,
            &mut rows,
            &mut workspace,
        )?;
        let error: f32 = out.iter().zip(&exact).map(|(found, exact)| (found - exact).powi(2)).sum();
        println!("{}\n    mean error {:.4}", linear.explain(1), (error / COLUMNS as f32).sqrt());
    }
    Ok(())
}

//! A fully connected layer in eight bits: quantize real numbers, multiply, get real numbers back.
//!
//! `cargo run --release --example gemm`

use eightbit::{
    Backend, Dequantize, ElementType, Gemm, MatMut, MatRef, PackedWeights, Per, Stage, Workspace,
};

fn main() -> Result<(), eightbit::Error> {
    // A layer of 4 inputs and 3 outputs. Weights are symmetric: one scale per output, zero point 0.
    let weights = [[0.5f32, -1.0, 0.25], [1.5, 0.75, -0.5], [-0.25, 0.1, 1.0], [2.0, -0.3, 0.9]];
    let scales: Vec<f32> =
        (0..3).map(|n| weights.iter().map(|row| row[n].abs()).fold(0.0, f32::max) / 127.0).collect();
    let quantized: Vec<i8> =
        weights.iter().flat_map(|row| (0..3).map(|n| (row[n] / scales[n]).round_ties_even() as i8)).collect();

    // Activations between −2 and 3 as u8: the range has 255 steps, and 0 is exactly one of them.
    let (scale, zero_point) = (5.0f32 / 255.0, 102);
    let activations = [0.3f32, -1.2, 2.5, 0.8];
    let steps =
        activations.map(|x| ((x / scale).round_ties_even() + zero_point as f32).clamp(0.0, 255.0) as u8);

    let packed = PackedWeights::pack(Backend::best()?, &MatRef::new(&quantized, 4, 3)?, 0)?;
    let real = Per::Channel(scales.iter().map(|weight_scale| scale * weight_scale).collect());
    let gemm =
        Gemm::new(packed, ElementType::U8, zero_point, None, &Stage::Dequantize(Dequantize::new(real)))?;
    let mut out = [0f32; 3];
    gemm.call(MatRef::new(&steps, 1, 4)?, MatMut::new(&mut out, 1, 3)?)?.run(&mut Workspace::new());

    println!("{}", gemm.explain(1));
    for n in 0..3 {
        let exact: f32 = activations.iter().zip(&weights).map(|(x, row)| x * row[n]).sum();
        println!("output {n}: float {exact:8.4}, eight bits {:8.4}", out[n]);
    }
    Ok(())
}

//! Products of signs: every backend against the oracle.

use eightbit::binary::{BinaryConv2d, BinaryGemm, BinaryWeights, Outside, Thresholds, row_bytes};
use eightbit::{Backend, Conv2dShape, MatMut, Padding, Stage, Workspace, reference};

use crate::input::Input;

/// A matrix multiplication or a convolution, to sums and to bits.
pub fn binary(data: &[u8]) {
    let mut input = Input::new(data);
    if input.bool() { matrix(input) } else { convolution(input) }
}

/// `rows` rows of `columns` bits, filled with zeros.
fn bits(input: &Input<'_>, rows: usize, columns: usize) -> Vec<u8> {
    let mut bits: Vec<u8> = input.elements(rows * row_bytes(columns));
    for row in bits.chunks_exact_mut(row_bytes(columns).max(1)) {
        for i in columns..8 * row.len() {
            row[i / 8] &= !(1 << (i % 8));
        }
    }
    bits
}

/// A threshold for each channel.
fn thresholds(input: &mut Input<'_>, channels: usize) -> Thresholds {
    let at = (0..channels).map(|_| 8 * input.between(-100, 100)).collect();
    Thresholds::new(at, (0..channels).map(|_| input.bool()).collect()).expect("in range")
}

/// The bits that thresholds make of sums.
fn expected(thresholds: &Thresholds, sums: &[i32], channels: usize) -> Vec<u8> {
    let mut bits = vec![0; sums.len() / channels * row_bytes(channels)];
    for (sums, bits) in sums.chunks_exact(channels).zip(bits.chunks_exact_mut(row_bytes(channels))) {
        for (n, &sum) in sums.iter().enumerate() {
            bits[n / 8] |= u8::from(thresholds.bit(n, sum)) << (n % 8);
        }
    }
    bits
}

fn matrix(mut input: Input<'_>) {
    let [m, k, n] = [input.size(1, 20), 4 * input.size(0, 255) + input.size(0, 3), input.size(1, 150)];
    let tasks = input.size(1, 4);
    let thresholds = thresholds(&mut input, n);
    let (lhs, weights) = (bits(&input, m, k), bits(&input, n, k));
    let sums = reference::binary_gemm(&lhs, &weights, [m, k, n]);
    let signs = expected(&thresholds, &sums, n);
    for backend in Backend::available() {
        let packed = BinaryWeights::pack(backend, &weights, n, k).expect("whole rows");
        let plan = BinaryGemm::new(packed.clone(), None, Stage::ACCUMULATORS).expect("a plan");
        let mut out = vec![0i32; m * n];
        let call = plan.call(&lhs, MatMut::new(&mut out, m, n).expect("a matrix")).expect("it fits");
        call.tasks(tasks).for_each(|task| task.run(&mut Workspace::new()));
        assert_eq!(out, sums, "{}", plan.explain());
        let plan = BinaryGemm::new(packed, None, thresholds.clone()).expect("a plan");
        let mut out = vec![0u8; signs.len()];
        let call =
            plan.call(&lhs, MatMut::new(&mut out, m, row_bytes(n)).expect("a matrix")).expect("it fits");
        call.tasks(tasks).for_each(|task| task.run(&mut Workspace::new()));
        assert_eq!(out, signs, "{}", plan.explain());
    }
}

fn convolution(mut input: Input<'_>) {
    let mut pair = |high| [input.size(1, high), input.size(1, high)];
    let (size, kernel, stride, dilation) = (pair(9), pair(3), pair(3), pair(2));
    let mut side = || input.size(0, 3);
    let pad = Padding { top: side(), left: side(), bottom: side(), right: side() };
    let (in_channels, out_channels) = (input.size(1, 150), input.size(1, 80));
    let outside = if input.bool() { Outside::Ones } else { Outside::Nothing };
    let tasks = input.size(1, 4);
    let shape = Conv2dShape::new(size, in_channels, out_channels, kernel)
        .with_batch(input.size(1, 2))
        .with_stride(stride)
        .with_dilation(dilation)
        .with_pad(pad);
    if shape.check().is_err() {
        return;
    }
    let thresholds = thresholds(&mut input, out_channels);
    let image = bits(&input, shape.batch * size[0] * size[1], in_channels);
    let weights = bits(&input, out_channels * kernel[0] * kernel[1], in_channels);
    let sums = reference::binary_conv2d(&shape, &image, &weights, outside);
    let signs = expected(&thresholds, &sums, out_channels);
    for backend in Backend::available() {
        let packed = BinaryWeights::pack_convolution(backend, &shape, &weights).expect("whole rows");
        let plan =
            BinaryConv2d::new(shape, packed.clone(), outside, None, Stage::ACCUMULATORS).expect("a plan");
        let mut out = vec![0i32; sums.len()];
        let call = plan.call(&image, &mut out).expect("it fits");
        call.tasks(tasks).for_each(|task| task.run(&mut Workspace::new()));
        assert_eq!(out, sums, "{}", plan.explain());
        let plan = BinaryConv2d::new(shape, packed, outside, None, thresholds.clone()).expect("a plan");
        let mut out = vec![0u8; signs.len()];
        let call = plan.call(&image, &mut out).expect("it fits");
        call.tasks(tasks).for_each(|task| task.run(&mut Workspace::new()));
        assert_eq!(out, signs, "{}", plan.explain());
    }
}

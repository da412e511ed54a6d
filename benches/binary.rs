//! Products of signs beside those of eight bits: `cargo bench --bench binary [FILTER]`. Throughput is 2·M·N·K operations per call.

mod support;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion};
use eightbit::binary::{
    BinaryConv2d, BinaryGemm, BinaryStage, BinaryWeights, Outside, Thresholds, pack_signs, row_bytes,
};
use eightbit::{
    Backend, Conv2d, Conv2dShape, ElementType, Error, Gemm, MatMut, MatRef, PackedWeights, Padding, Stage,
    Workspace,
};

/// M, K, N.
const PRODUCTS: [[usize; 3]; 6] =
    [[256, 256, 256], [512, 512, 512], [1, 4096, 4096], [16, 4096, 4096], [64, 4096, 4096], [3136, 576, 64]];

/// Height and width, and channels of input and output, of 3×3 convolutions.
const IMAGES: [[usize; 2]; 4] = [[56, 64], [28, 128], [14, 256], [7, 512]];

/// `rows` rows of `columns` random bits.
fn signs(rows: usize, columns: usize) -> Result<Vec<u8>, Error> {
    let numbers: Vec<f32> =
        support::bytes(rows * columns).iter().map(|&byte| f32::from(byte) - 127.5).collect();
    let mut bits = vec![0; rows * row_bytes(columns)];
    pack_signs(Backend::best()?, &numbers, columns, &mut bits)?;
    Ok(bits)
}

/// Measures what runs without an error.
fn measure(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    mut run: impl FnMut() -> Result<(), Error>,
) -> Result<(), Error> {
    run()?;
    group.bench_function(name, |bencher| bencher.iter(&mut run));
    Ok(())
}

/// A threshold for each channel.
fn thresholds(depth: usize, channels: usize) -> Result<BinaryStage, Error> {
    Ok(Thresholds::of_chain(depth, channels, |n, sum| sum as f32 - n as f32 % 7.0)?.into())
}

fn products(criterion: &mut Criterion) -> Result<(), Error> {
    for [m, k, n] in PRODUCTS {
        let (lhs, weights) = (signs(m, k)?, signs(n, k)?);
        let (bytes, [(.., wide), ..]) = (support::bytes(m * k), support::weights(k * n));
        let mut sums = vec![0i32; m * n];
        let mut bits = vec![0u8; m * row_bytes(n)];
        for backend in Backend::available() {
            let shape = format!("{m}x{k}x{n}");
            let mut group =
                support::group(criterion, "binary_gemm", &shape, backend, support::operations(m * k * n));
            let workspace = &mut Workspace::new();
            let packed = BinaryWeights::pack(backend, &weights, n, k)?;
            let plan = BinaryGemm::new(packed.clone(), None, Stage::ACCUMULATORS)?;
            measure(&mut group, "sums", || {
                plan.call(&lhs, MatMut::new(&mut sums, m, n)?).map(|call| call.run(workspace))
            })?;
            let plan = BinaryGemm::new(packed, None, thresholds(k, n)?)?;
            measure(&mut group, "bits", || {
                let out = MatMut::new(&mut bits, m, row_bytes(n))?;
                plan.call(&lhs, out).map(|call| call.run(workspace))
            })?;
            let packed = PackedWeights::pack(backend, &MatRef::new(&wide, k, n)?, 0)?;
            let plan = Gemm::new(packed, ElementType::U8, 0, None, &Stage::ACCUMULATORS)?;
            let workspace = &mut Workspace::with_capacity(plan.workspace_bytes());
            measure(&mut group, "eight_bits", || {
                let (lhs, out) = (MatRef::new(&bytes, m, k)?, MatMut::new(&mut sums, m, n)?);
                plan.call(lhs, out).map(|call| call.run(workspace))
            })?;
            group.finish();
        }
    }
    Ok(())
}

fn images(criterion: &mut Criterion) -> Result<(), Error> {
    for [size, channels] in IMAGES {
        let shape = Conv2dShape::new([size; 2], channels, channels, [3, 3]).with_pad(Padding::same(1));
        let (pixels, depth) = (size * size, 9 * channels);
        let (input, weights) = (signs(pixels, channels)?, signs(9 * channels, channels)?);
        let (bytes, [(.., wide), ..]) =
            (support::bytes(pixels * channels), support::weights(depth * channels));
        let mut sums = vec![0i32; pixels * channels];
        let mut bits = vec![0u8; pixels * row_bytes(channels)];
        for backend in Backend::available() {
            let name = format!("3x3_{size}x{size}x{channels}");
            let operations = support::operations(pixels * depth * channels);
            let mut group = support::group(criterion, "binary_conv", &name, backend, operations);
            let packed = BinaryWeights::pack_convolution(backend, &shape, &weights)?;
            for (name, outside) in [("ones_outside", Outside::Ones), ("nothing_outside", Outside::Nothing)] {
                let plan = BinaryConv2d::new(shape, packed.clone(), outside, None, Stage::ACCUMULATORS)?;
                let workspace = &mut Workspace::with_capacity(plan.workspace_bytes());
                measure(&mut group, &format!("sums_{name}"), || {
                    plan.call(&input, &mut sums).map(|call| call.run(workspace))
                })?;
                let plan =
                    BinaryConv2d::new(shape, packed.clone(), outside, None, thresholds(depth, channels)?)?;
                measure(&mut group, &format!("bits_{name}"), || {
                    plan.call(&input, &mut bits).map(|call| call.run(workspace))
                })?;
            }
            let packed = Conv2d::pack(backend, &shape, &wide, 0)?;
            let plan = Conv2d::new(shape, packed, ElementType::U8, 0, None, &Stage::ACCUMULATORS)?;
            let workspace = &mut Workspace::with_capacity(plan.workspace_bytes());
            measure(&mut group, "eight_bits", || {
                plan.call(&bytes, &mut sums).map(|call| call.run(workspace))
            })?;
            group.finish();
        }
    }
    Ok(())
}

fn main() -> Result<(), Error> {
    support::run(|criterion| {
        products(criterion)?;
        images(criterion)
    })
}

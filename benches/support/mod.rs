//! Shared code of the benchmarks: groups named `op/shape/backend`, and input data.
#![allow(dead_code, reason = "each benchmark uses a part")]

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput};
use eightbit::{
    Backend, Conv2d, Conv2dShape, ElementType, Error, Per, Precision, Requantize, Stage, Workspace,
};
use eightbit_testing::{Fill, Random};

/// Runs a file of benchmarks with cargo's command line: `cargo bench --bench NAME [FILTER]`.
pub(crate) fn run(benches: impl FnOnce(&mut Criterion) -> Result<(), Error>) -> Result<(), Error> {
    let mut criterion = Criterion::default().configure_from_args();
    benches(&mut criterion)?;
    criterion.final_summary();
    Ok(())
}

/// The group `op/shape/backend`, with its throughput.
pub(crate) fn group<'a>(
    criterion: &'a mut Criterion,
    op: &str,
    shape: &str,
    backend: Backend,
    throughput: Throughput,
) -> BenchmarkGroup<'a, WallTime> {
    let mut group = criterion.benchmark_group(format!("{op}/{shape}/{backend}"));
    group.throughput(throughput);
    group
}

/// The throughput of `products` products: two operations each.
pub(crate) fn operations(products: usize) -> Throughput {
    Throughput::Elements(2 * products as u64)
}

/// Reproducible bytes.
pub(crate) fn bytes(len: usize) -> Vec<u8> {
    Random(1).bytes(Fill::Random, len)
}

/// Weights over the full range of `i8`; seven-bit weights, for which some backends have faster kernels; weights that are packed in four and
/// two bits.
pub(crate) fn weights(len: usize) -> [(&'static str, Precision, Vec<i8>); 4] {
    let of_bits = |bits: u8| bytes(len).into_iter().map(|w| w.cast_signed() >> (8 - bits)).collect();
    [
        ("full_range", Precision::EIGHT, of_bits(8)),
        ("seven_bit", Precision::EIGHT, of_bits(7)),
        ("four_bit", Precision::Bits(4), of_bits(4)),
        ("two_bit", Precision::Bits(2), of_bits(2)),
    ]
}

/// Back to `u8`, with a scale for each channel.
pub(crate) fn requantize(channels: usize) -> Stage {
    Stage::Requantize(Requantize::new(Per::Channel(vec![0.001; channels]), 3, ElementType::U8))
}

/// Benchmarks convolutions on every backend: `u8` activations with a zero point, requantized.
pub(crate) fn convolutions(
    criterion: &mut Criterion,
    op: &str,
    shapes: &[(&str, Conv2dShape)],
) -> Result<(), Error> {
    for &(name, shape) in shapes {
        let [height, width] = shape.output();
        let taps = shape.kernel[0] * shape.kernel[1] * (shape.in_channels / shape.groups);
        let input = bytes(shape.input[0] * shape.input[1] * shape.in_channels);
        let mut out = vec![0u8; height * width * shape.out_channels];
        let stage = requantize(shape.out_channels);
        for backend in Backend::available() {
            let mut group = group(criterion, op, name, backend, operations(out.len() * taps));
            for (kind, precision, weights) in weights(shape.out_channels * taps) {
                let packed = Conv2d::pack_as(backend, &shape, &weights, precision, 0)?;
                let plan = Conv2d::new(shape, packed, ElementType::U8, 5, None, &stage)?;
                let mut workspace = Workspace::with_capacity(plan.workspace_bytes());
                group.bench_function(kind, |bencher| {
                    bencher.iter(|| plan.call(&input, &mut out).map(|call| call.run(&mut workspace)));
                });
            }
            group.finish();
        }
    }
    Ok(())
}

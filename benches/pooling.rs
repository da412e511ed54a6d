//! Pooling: `cargo bench --bench pooling [FILTER]`. Throughput counts the elements of all windows.

mod support;

use criterion::{Criterion, Throughput};
use eightbit::pool::{AveragePool2d, MaxPool2d, Pool2dShape};
use eightbit::{Backend, Error, Padding, QuantizedType, Workspace};

const fn shape(side: usize, channels: usize, kernel: usize, stride: usize, pad: usize) -> Pool2dShape {
    Pool2dShape::new([side; 2], channels, [kernel; 2]).with_stride([stride; 2]).with_pad(Padding::same(pad))
}

const SHAPES: [(&str, Pool2dShape); 4] = [
    ("3x3s2_112_64", shape(112, 64, 3, 2, 1)),
    ("3x3_35_192", shape(35, 192, 3, 1, 1)),
    ("2x2s2_28_37", shape(28, 37, 2, 2, 0)),
    ("7x7_7_2048", shape(7, 2048, 7, 1, 0)),
];

fn windows(criterion: &mut Criterion) -> Result<(), Error> {
    let (from, to) = (QuantizedType::u8(0.02, 3)?, QuantizedType::u8(0.015, 10)?);
    for (name, shape) in SHAPES {
        let [height, width] = shape.output();
        let input = support::bytes(shape.input[0] * shape.input[1] * shape.channels);
        let mut out = vec![0u8; height * width * shape.channels];
        let seen = Throughput::Elements((out.len() * shape.kernel[0] * shape.kernel[1]) as u64);
        for backend in Backend::available() {
            let max = MaxPool2d::new(backend, shape)?;
            let average = AveragePool2d::new(backend, shape, from, to)?;
            let mut workspace =
                Workspace::with_capacity(max.workspace_bytes().max(average.workspace_bytes()));
            let mut group = support::group(criterion, "max_pool", name, backend, seen.clone());
            group.bench_function("u8", |bencher| {
                bencher.iter(|| max.call(&input, &mut out).map(|call| call.run(&mut workspace)));
            });
            group.finish();
            let mut group = support::group(criterion, "average_pool", name, backend, seen.clone());
            group.bench_function("u8", |bencher| {
                bencher.iter(|| average.call(&input, &mut out).map(|call| call.run(&mut workspace)));
            });
            group.finish();
        }
    }
    Ok(())
}

fn main() -> Result<(), Error> {
    support::run(windows)
}

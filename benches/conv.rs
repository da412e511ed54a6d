//! Convolution: `cargo bench --bench conv [FILTER]`. Throughput counts two operations per product, including those with padding.

mod support;

use eightbit::{Conv2dShape, Error, Padding};

const fn shape(side: usize, inputs: usize, outputs: usize, kernel: usize, stride: usize) -> Conv2dShape {
    Conv2dShape::new([side; 2], inputs, outputs, [kernel; 2])
        .with_stride([stride; 2])
        .with_pad(Padding::same(kernel / 2))
}

const SHAPES: [(&str, Conv2dShape); 7] = [
    ("stem_7x7s2_224_3_64", shape(224, 3, 64, 7, 2)),
    ("stem_3x3s2_224_3_32", shape(224, 3, 32, 3, 2)),
    ("1x1_56_64_256", shape(56, 64, 256, 1, 1)),
    ("1x1_112_16_96", shape(112, 16, 96, 1, 1)),
    ("3x3_56_64_64", shape(56, 64, 64, 3, 1)),
    ("3x3s2_28_256_256", shape(28, 256, 256, 3, 2)),
    ("3x3_7_512_512", shape(7, 512, 512, 3, 1)),
];

fn main() -> Result<(), Error> {
    support::run(|criterion| support::convolutions(criterion, "conv", &SHAPES))
}

//! Depthwise convolution: `cargo bench --bench depthwise [FILTER]`. Throughput counts two operations per product, including
//! those with padding.

mod support;

use eightbit::{Conv2dShape, Error, Padding};

const fn shape(side: usize, channels: usize, kernel: usize, stride: usize) -> Conv2dShape {
    Conv2dShape::new([side; 2], channels, channels, [kernel; 2])
        .with_stride([stride; 2])
        .with_pad(Padding::same(kernel / 2))
        .with_groups(channels)
}

const SHAPES: [(&str, Conv2dShape); 7] = [
    ("3x3_112_32", shape(112, 32, 3, 1)),
    ("3x3s2_112_96", shape(112, 96, 3, 2)),
    ("3x3_28_192", shape(28, 192, 3, 1)),
    ("3x3_14_577", shape(14, 577, 3, 1)),
    ("5x5_28_240", shape(28, 240, 5, 1)),
    ("5x5s2_28_240", shape(28, 240, 5, 2)),
    ("5x5_28_41", shape(28, 41, 5, 1)),
];

fn main() -> Result<(), Error> {
    support::run(|criterion| support::convolutions(criterion, "depthwise", &SHAPES))
}

//! Matrix multiplication: `cargo bench --bench gemm [FILTER]`. Throughput counts 2·M·N·K operations per call.
//!
//! Activations are `u8` with a zero point, the output is requantized to `u8`; weights have full range (`full_range`), seven bits
//! (`seven_bit`), for which some backends have faster kernels, or are packed in four or two (`four_bit`, `two_bit`).

mod support;

use criterion::Criterion;
use eightbit::{Backend, ElementType, Error, Gemm, MatMut, MatRef, PackedWeights, Workspace};

/// M, K, N.
const SHAPES: [[usize; 3]; 11] = [
    [37, 61, 53],
    [64, 64, 64],
    [256, 256, 256],
    [512, 512, 512],
    [1, 1024, 1024],
    [3136, 64, 64],
    [12_544, 32, 16],
    [196, 256, 1024],
    [49, 512, 2048],
    [1, 4096, 4096],
    [64, 4096, 4096],
];

fn shapes(criterion: &mut Criterion) -> Result<(), Error> {
    for [m, k, n] in SHAPES {
        let lhs = support::bytes(m * k);
        let mut out = vec![0u8; m * n];
        for backend in Backend::available() {
            let name = format!("{m}x{k}x{n}");
            let mut group = support::group(criterion, "gemm", &name, backend, support::operations(m * k * n));
            for (kind, precision, weights) in support::weights(k * n) {
                let packed = PackedWeights::pack_as(backend, &MatRef::new(&weights, k, n)?, precision, 0)?;
                let gemm = Gemm::new(packed, ElementType::U8, 5, None, &support::requantize(n))?;
                let mut workspace = Workspace::with_capacity(gemm.workspace_bytes());
                group.bench_function(kind, |bencher| {
                    bencher.iter(|| {
                        gemm.call(MatRef::new(&lhs, m, k)?, MatMut::new(&mut out, m, n)?)
                            .map(|call| call.run(&mut workspace))
                    });
                });
            }
            group.finish();
        }
    }
    Ok(())
}

fn main() -> Result<(), Error> {
    support::run(shapes)
}

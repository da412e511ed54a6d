//! GEMM by shape and backend: `cargo bench --bench gemm [filter]`. Throughput counts 2·M·N·K operations per call.
//!
//! Weights are full-range bytes, activations `u8`, the output is requantized to `u8`; `…/narrow` has weights of seven bits,
//! for which some backends have faster kernels.

use criterion::{BenchmarkId, Criterion, Throughput};
use eightbit::{
    Backend, ElementType, Error, Gemm, MatMut, MatRef, PackedWeights, Per, Requantize, Stage, Workspace,
};

/// M, K, N.
const SHAPES: [[usize; 3]; 8] = [
    [64, 64, 64],
    [256, 256, 256],
    [512, 512, 512],
    [1, 1024, 1024],
    [3136, 64, 64],
    [12_544, 32, 16],
    [196, 256, 1024],
    [49, 512, 2048],
];

/// Reproducible bytes (Knuth's MMIX generator).
fn bytes(len: usize) -> Vec<u8> {
    let mut state = 1u64;
    (0..len)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        })
        .collect()
}

fn shapes(criterion: &mut Criterion) -> Result<(), Error> {
    for [m, k, n] in SHAPES {
        let lhs = bytes(m * k);
        let wide: Vec<i8> = bytes(k * n).into_iter().map(u8::cast_signed).collect();
        let narrow: Vec<i8> = wide.iter().map(|w| w >> 1).collect();
        let mut out = vec![0u8; m * n];
        let mut group = criterion.benchmark_group(format!("gemm/{m}x{k}x{n}"));
        group.throughput(Throughput::Elements(2 * (m * k * n) as u64));
        for backend in Backend::available() {
            for (kind, weights) in [("wide", &wide), ("narrow", &narrow)] {
                let packed = PackedWeights::pack(backend, &MatRef::new(weights, k, n)?, 0)?;
                let stage = Stage::Requantize(Requantize::new(Per::Tensor(0.001), 3, ElementType::U8));
                let gemm = Gemm::new(packed, ElementType::U8, 5, None, &stage)?;
                let mut workspace = Workspace::with_capacity(gemm.workspace_bytes());
                let call = |bencher: &mut criterion::Bencher<'_>| {
                    bencher.iter(|| {
                        gemm.run(MatRef::new(&lhs, m, k)?, MatMut::new(&mut out, m, n)?, &mut workspace)
                    });
                };
                group.bench_function(BenchmarkId::new(backend.name(), kind), call);
            }
        }
        group.finish();
    }
    Ok(())
}

fn main() -> Result<(), Error> {
    let mut criterion = Criterion::default().configure_from_args();
    shapes(&mut criterion)?;
    criterion.final_summary();
    Ok(())
}

//! Dynamic quantization: `cargo bench --bench dynamic [FILTER]`. Throughput of `quantize_rows` and `dequantize_rows` is the bytes read and
//! written, beside `copy`, of `linear` and `keys` 2·M·N·K operations per call.

mod support;

use criterion::{Criterion, Throughput};
use eightbit::dynamic::{GrowingColumns, Linear, QuantizeRows, QuantizedRows, Spread};
use eightbit::{Backend, Dequantize, Error, MatMut, MatRef, PackedWeights, Per, Workspace};

/// Rows and columns: in the second-level cache, and beyond the caches.
const ROWS: [[usize; 2]; 2] = [[64, 1024], [8192, 2048]];

/// M, K, N of layers.
const LAYERS: [[usize; 3]; 3] = [[1, 1024, 1024], [64, 1024, 1024], [128, 768, 3072]];

/// Queries, their length, and keys, of how many heads.
const HEADS: [([usize; 3], usize); 2] = [([128, 64, 128], 12), ([1, 64, 2048], 1)];

fn floats(len: usize) -> Vec<f32> {
    support::bytes(len).into_iter().map(|byte| f32::from(byte) * 0.02 - 1.0).collect()
}

fn rows(criterion: &mut Criterion) -> Result<(), Error> {
    for [rows, columns] in ROWS {
        let (x, mut out) = (floats(rows * columns), vec![0f32; rows * columns]);
        let shape = format!("{rows}x{columns}");
        let matrix = MatRef::new(&x, rows, columns)?;
        for backend in Backend::available() {
            let mut bench =
                |op: &str, name: &str, bytes: usize, call: &mut dyn FnMut() -> Result<(), Error>| {
                    let throughput = Throughput::Bytes((bytes * rows * columns) as u64);
                    let mut group = support::group(criterion, op, &shape, backend, throughput);
                    group.bench_function(name, |bencher| bencher.iter(&mut *call));
                    group.finish();
                };
            bench("copy", "f32", 8, &mut || {
                out.copy_from_slice(&x);
                Ok(())
            });
            let mut codes = QuantizedRows::<u8>::new();
            for (name, spread) in [("range", Spread::Range), ("magnitude", Spread::Magnitude)] {
                let plan = QuantizeRows::new(backend, spread);
                bench("quantize_rows", name, 5, &mut || codes.quantize(&plan, matrix));
                let blocks = plan.in_blocks(128)?;
                bench("quantize_rows", &format!("{name}_128"), 5, &mut || codes.quantize(&blocks, matrix));
            }
            bench("dequantize_rows", "blocks_of_128", 5, &mut || {
                let out = MatMut::new(&mut out, rows, columns)?;
                codes.rows().dequantize(backend, out).map(|call| call.run(&mut Workspace::new()))
            });
        }
    }
    Ok(())
}

fn layers(criterion: &mut Criterion) -> Result<(), Error> {
    for [m, k, n] in LAYERS {
        let (x, mut out) = (floats(m * k), vec![0f32; m * n]);
        let [(_, weights), _] = support::weights(k * n);
        for backend in Backend::available() {
            let packed = PackedWeights::pack(backend, &MatRef::new(&weights, k, n)?, 0)?;
            let linear = Linear::new(packed, &Dequantize::new(Per::Tensor(0.01)), Spread::Range)?;
            let mut codes = QuantizedRows::with_capacity(m, k);
            let mut workspace = Workspace::with_capacity(linear.workspace_bytes());
            let shape = format!("{m}x{k}x{n}");
            let mut group =
                support::group(criterion, "linear", &shape, backend, support::operations(m * k * n));
            group.bench_function("range", |bencher| {
                bencher.iter(|| {
                    let (x, out) = (MatRef::new(&x, m, k)?, MatMut::new(&mut out, m, n)?);
                    linear.run(x, out, &mut codes, &mut workspace)
                });
            });
            group.bench_function("product_alone", |bencher| {
                bencher.iter(|| {
                    let out = MatMut::new(&mut out, m, n)?;
                    linear.call(codes.rows(), out).map(|call| call.run(&mut workspace))
                });
            });
            group.finish();
        }
    }
    Ok(())
}

fn heads(criterion: &mut Criterion) -> Result<(), Error> {
    for ([queries, depth, count], heads) in HEADS {
        let (q, k) = (floats(queries * depth), floats(count * depth));
        let mut out = vec![0f32; queries * count];
        for backend in Backend::available() {
            let plan = QuantizeRows::new(backend, Spread::Magnitude);
            let (mut rows, mut columns) = (QuantizedRows::new(), QuantizedRows::<i8>::new());
            rows.quantize(&plan, MatRef::new(&q, queries, depth)?)?;
            columns.quantize(&plan, MatRef::new(&k, count, depth)?)?;
            let mut keys = GrowingColumns::new::<i8>(backend, depth, count).expect("they fit");
            let mut workspace = Workspace::new();
            let shape = format!("{heads}x{queries}x{depth}x{count}");
            let operations = support::operations(heads * queries * depth * count);
            let mut group = support::group(criterion, "keys", &shape, backend, operations);
            group.bench_function("packed_in_each_call", |bencher| {
                bencher.iter(|| {
                    for _ in 0..heads {
                        keys.truncate(0);
                        keys.push(columns.rows())?;
                        let out = MatMut::new(&mut out, queries, count)?;
                        keys.call(rows.rows(), out)?.run(&mut workspace);
                    }
                    Ok::<(), Error>(())
                });
            });
            group.bench_function("kept", |bencher| {
                bencher.iter(|| {
                    for _ in 0..heads {
                        let out = MatMut::new(&mut out, queries, count)?;
                        keys.call(rows.rows(), out)?.run(&mut workspace);
                    }
                    Ok::<(), Error>(())
                });
            });
            group.finish();
        }
    }
    Ok(())
}

fn main() -> Result<(), Error> {
    support::run(|criterion| {
        rows(criterion)?;
        layers(criterion)?;
        heads(criterion)
    })
}

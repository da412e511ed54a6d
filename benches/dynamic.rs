//! Dynamic quantization: `cargo bench --bench dynamic [FILTER]`. Throughput of `quantize_rows`, `dequantize_rows` and `pack_into` is the
//! bytes read and written, beside `copy`, of the others 2·M·N·K operations per call.

mod support;

use criterion::{Criterion, Throughput};
use eightbit::dynamic::{
    BatchMut, BatchRef, BatchedGemm, GroupwiseLinear, GroupwiseWeights, GrowingColumns, GrowingRows, Linear,
    PackedMatrix, QuantizeRows, QuantizedBatch, QuantizedRows, Spread, WeightGroups,
};
use eightbit::{Backend, Dequantize, Error, MatMut, MatRef, PackedWeights, Per, Workspace};

/// Rows and columns: in the second-level cache, and beyond the caches.
const ROWS: [[usize; 2]; 2] = [[64, 1024], [8192, 2048]];

/// M, K, N of layers.
const LAYERS: [[usize; 3]; 3] = [[1, 1024, 1024], [64, 1024, 1024], [128, 768, 3072]];

/// M, K, N of layers whose weights have scales by group, and the depths of a group.
const GROUPWISE: [[usize; 3]; 4] = [[1, 4096, 4096], [64, 4096, 4096], [64, 1024, 1024], [128, 768, 3072]];
const GROUPS: [usize; 3] = [32, 64, 128];

/// Rows and columns of factors: of a head, and beyond the caches.
const FACTORS: [[usize; 2]; 3] = [[64, 128], [128, 64], [4096, 4096]];

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
        let [(.., weights), ..] = support::weights(k * n);
        for backend in Backend::available() {
            let packed = PackedWeights::pack(backend, &MatRef::new(&weights, k, n)?, 0)?;
            let linear = Linear::new(packed, &Dequantize::new(Per::Tensor(0.01)), Spread::Range)?;
            let mut codes = QuantizedRows::with_capacity(m, k);
            codes.quantize(linear.quantize(), MatRef::new(&x, m, k)?)?;
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

/// Products alone, beside those with a scale for each column.
fn groupwise(criterion: &mut Criterion) -> Result<(), Error> {
    for [m, k, n] in GROUPWISE {
        let (x, mut out) = (floats(m * k), vec![0f32; m * n]);
        let [full_range, _, four_bit, two_bit] = &support::weights(k * n);
        let matrix = |codes| MatRef::new(codes, n, k).map(MatRef::transposed);
        for backend in Backend::available() {
            let mut codes = QuantizedRows::with_capacity(m, k);
            codes.quantize(&QuantizeRows::new(backend, Spread::Range), MatRef::new(&x, m, k)?)?;
            let shape = format!("{m}x{k}x{n}");
            let mut group =
                support::group(criterion, "groupwise", &shape, backend, support::operations(m * k * n));
            let packed = PackedWeights::pack(backend, &matrix(&full_range.2)?, 0)?;
            let linear = Linear::new(packed, &Dequantize::new(Per::Tensor(0.01)), Spread::Range)?;
            let mut workspace = Workspace::with_capacity(linear.workspace_bytes());
            group.bench_function("per_channel", |bencher| {
                bencher.iter(|| {
                    let out = MatMut::new(&mut out, m, n)?;
                    linear.call(codes.rows(), out).map(|call| call.run(&mut workspace))
                });
            });
            let kinds = [full_range, four_bit, two_bit].into_iter();
            for ((kind, precision, weights), depths) in
                kinds.flat_map(|kind| GROUPS.map(|depths| (kind, depths)))
            {
                let scales = vec![0.01; k.div_ceil(depths) * n];
                let groups = WeightGroups { depths, scales: &scales, zero_points: &[0] };
                let packed = GroupwiseWeights::pack_as(backend, &matrix(weights)?, *precision, &groups)?;
                let linear = GroupwiseLinear::new(packed, Spread::Range);
                let mut workspace = Workspace::with_capacity(linear.workspace_bytes());
                group.bench_function(format!("groups_of_{depths}_{kind}"), |bencher| {
                    bencher.iter(|| {
                        let out = MatMut::new(&mut out, m, n)?;
                        linear.call(codes.rows(), out).map(|call| call.run(&mut workspace))
                    });
                });
            }
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

/// The values half: as many weights as keys for each query, by which values of the queries' length are weighted.
fn values(criterion: &mut Criterion) -> Result<(), Error> {
    for ([queries, columns, count], heads) in HEADS {
        let (p, v) = (floats(queries * count), floats(count * columns));
        let (mut weights, mut out) = (p.clone(), vec![0f32; queries * columns]);
        for backend in Backend::available() {
            let plan = QuantizeRows::new(backend, Spread::Magnitude);
            let (mut rows, mut added) = (QuantizedRows::new(), QuantizedRows::<i8>::new());
            rows.quantize(&plan, MatRef::new(&p, queries, count)?)?;
            added.quantize(&plan, MatRef::new(&v, count, columns)?)?;
            let mut values = GrowingRows::new::<i8>(backend, columns, count)?;
            let mut workspace = Workspace::new();
            let shape = format!("{heads}x{queries}x{count}x{columns}");
            let operations = support::operations(heads * queries * columns * count);
            let mut group = support::group(criterion, "values", &shape, backend, operations);
            group.bench_function("packed_in_each_call", |bencher| {
                bencher.iter(|| {
                    for _ in 0..heads {
                        values.truncate(0);
                        values.push(added.rows())?;
                        let out = MatMut::new(&mut out, queries, columns)?;
                        values.call(rows.rows(), out)?.run(&mut workspace);
                    }
                    Ok::<(), Error>(())
                });
            });
            group.bench_function("kept", |bencher| {
                bencher.iter(|| {
                    for _ in 0..heads {
                        let out = MatMut::new(&mut out, queries, columns)?;
                        values.call(rows.rows(), out)?.run(&mut workspace);
                    }
                    Ok::<(), Error>(())
                });
            });
            group.bench_function("kept_from_floats", |bencher| {
                bencher.iter(|| {
                    for _ in 0..heads {
                        weights.copy_from_slice(&p);
                        values.fold_scales(MatMut::new(&mut weights, queries, count)?)?;
                        rows.quantize(&plan, MatRef::new(&weights, queries, count)?)?;
                        let out = MatMut::new(&mut out, queries, columns)?;
                        values.call(rows.rows(), out)?.run(&mut workspace);
                    }
                    Ok::<(), Error>(())
                });
            });
            added.quantize(&plan, MatRef::new(&v[..columns], 1, columns)?)?;
            group.bench_function("one_more", |bencher| {
                bencher.iter(|| {
                    values.truncate(count - 1);
                    values.push(added.rows())
                });
            });
            group.finish();
        }
    }
    Ok(())
}

/// Both halves of an attention for all heads in one call, from `[token][head][channel]`.
fn batches(criterion: &mut Criterion) -> Result<(), Error> {
    for ([queries, depth, count], heads) in HEADS {
        let (q, k) = (support::bytes(queries * heads * depth), support::weights(count * heads * depth));
        let (p, keys) = (support::bytes(heads * queries * count), &k[0].2);
        let mut out = vec![0f32; heads * queries * count.max(depth)];
        let scales = MatRef::with_strides(&[0.01], heads, queries, 0, 0)?;
        let zeros = MatRef::with_strides(&[0], heads, queries, 0, 0)?;
        let of = |lines| {
            Ok::<_, Error>((
                MatRef::with_strides(&[0.01], heads, lines, 0, 0)?,
                MatRef::with_strides(&[0], heads, lines, 0, 0)?,
            ))
        };
        let beside = BatchRef::with_strides(keys, heads, [count, depth], depth, [heads * depth, 1])?;
        let queries_of = BatchRef::with_strides(&q, heads, [queries, depth], depth, [heads * depth, 1])?;
        let lhs = QuantizedBatch { codes: queries_of, scales, zero_points: zeros };
        let weights =
            QuantizedBatch { codes: BatchRef::new(&p, heads, [queries, count])?, scales, zero_points: zeros };
        let (scales, zero_points) = of(count)?;
        let keys = QuantizedBatch { codes: beside.transposed(), scales, zero_points };
        let (scales, zero_points) = of(depth)?;
        let values = QuantizedBatch { codes: beside, scales, zero_points };
        let shape = format!("{heads}x{queries}x{depth}x{count}");
        for backend in Backend::available() {
            let (plan, mut workspace) = (BatchedGemm::new(backend), Workspace::new());
            let operations = support::operations(heads * queries * depth * count);
            let mut group = support::group(criterion, "batched_gemm", &shape, backend, operations);
            group.bench_function("keys", |bencher| {
                bencher.iter(|| {
                    let out = BatchMut::new(&mut out, heads, [queries, count])?;
                    plan.call(lhs, keys, out).map(|call| call.run(&mut workspace))
                });
            });
            group.bench_function("values", |bencher| {
                bencher.iter(|| {
                    let out =
                        BatchMut::with_strides(&mut out, heads, [queries, depth], depth, heads * depth)?;
                    plan.call(weights, values, out).map(|call| call.run(&mut workspace))
                });
            });
            group.finish();
        }
    }
    Ok(())
}

/// Packing into memory that there is, from `[k][n]` and from `[n][k]`.
fn packing(criterion: &mut Criterion) -> Result<(), Error> {
    for [k, n] in FACTORS {
        let codes = support::bytes(k * n);
        let shape = format!("{k}x{n}");
        let mut memory = vec![0; k * n];
        for backend in Backend::available() {
            let bytes = PackedMatrix::bytes(backend, k, n)?;
            memory.resize(bytes.max(k * n), 0);
            let throughput = Throughput::Bytes((2 * k * n) as u64);
            let mut group = support::group(criterion, "pack_into", &shape, backend, throughput);
            group.bench_function("copy", |bencher| {
                bencher.iter(|| memory[..k * n].copy_from_slice(&codes));
            });
            for (name, codes) in
                [("k_n", MatRef::new(&codes, k, n)?), ("n_k", MatRef::new(&codes, n, k)?.transposed())]
            {
                group.bench_function(name, |bencher| {
                    bencher.iter(|| {
                        PackedMatrix::pack_into(backend, &codes, &[0.01], &[0], &mut memory)
                            .map(|packed| packed.depth())
                    });
                });
            }
            group.finish();
        }
    }
    Ok(())
}

fn main() -> Result<(), Error> {
    support::run(|criterion| {
        rows(criterion)?;
        layers(criterion)?;
        groupwise(criterion)?;
        heads(criterion)?;
        values(criterion)?;
        batches(criterion)?;
        packing(criterion)
    })
}

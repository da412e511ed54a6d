//! Activations quantized when they come: shapes that fit into no memory, and what is left after an error.

use eightbit::dynamic::{
    BatchMut, BatchRef, BatchedGemm, GroupwiseLinear, GroupwiseWeights, GrowingColumns, GrowingRows, Linear,
    PackedMatrix, QuantizeRows, QuantizedBatch, QuantizedRows, Rows, Spread, StagedGemm, UniformBatch,
    WeightGroups,
};
use eightbit::{
    Backend, Conv2d, Conv2dShape, Dequantize, Error, MatMut, MatRef, PackedWeights, Per, Stage, Workspace,
};

fn backend() -> Backend {
    Backend::best().expect("a backend")
}

fn plan() -> QuantizeRows {
    QuantizeRows::new(backend(), Spread::Range)
}

#[test]
fn rows_that_fit_into_no_memory() {
    let one = [1.0f32];
    let mut rows = QuantizedRows::<u8>::new();
    let many = [
        MatRef::new(&[], usize::MAX, 0),
        MatRef::with_strides(&one, usize::MAX / 2, 1, 0, 1),
        MatRef::with_strides(&one, (1 << 24) + 1, 1, 0, 1),
    ];
    for x in many {
        let error = rows.quantize(&plan(), x.expect("a view")).expect_err("too many");
        assert!(matches!(error, Error::Shape { what: "rows to quantize", .. }), "{error}");
    }
    // Few elements may be repeated.
    let x = MatRef::with_strides(&one, 1000, 1, 0, 1).expect("a view");
    rows.quantize(&plan(), x).expect("enough memory");
    assert_eq!(rows.rows().scales().len(), 1000);
}

#[test]
fn a_layer_compares_shapes_before_it_quantizes() {
    let weights = MatRef::new(&[1i8, 2], 2, 1).expect("a matrix");
    let packed = PackedWeights::pack(backend(), &weights, 0).expect("packs");
    let stage = Dequantize::new(Per::Tensor(1.0));
    let linear = Linear::new(packed, &stage, Spread::Range).expect("a layer");
    let x = MatRef::with_strides(&[1.0f32], usize::MAX / 2, 1, 0, 1).expect("a view");
    let mut out = [0.0f32; 1];
    let out = MatMut::new(&mut out, 1, 1).expect("a view");
    let error = linear.run(x, out, &mut QuantizedRows::new(), &mut Workspace::new()).expect_err("one column");
    assert!(matches!(error, Error::Mismatch { .. }), "{error}");
}

#[test]
fn after_an_error_there_are_no_rows() {
    let mut rows = QuantizedRows::<u8>::new();
    let good = MatRef::new(&[1.0f32, 2.0, 3.0, 4.0], 2, 2).expect("a matrix");
    let bad = MatRef::new(&[1.0f32, 2.0, f32::NAN, 0.0], 2, 2).expect("a matrix");
    for bad in [bad, good.transposed()] {
        rows.quantize(&plan(), good).expect("finite");
        assert_eq!(rows.rows().scales().len(), 2);
        rows.quantize(&plan(), bad).expect_err("not a number, or rows that are apart");
        assert!(rows.rows().scales().is_empty());
    }
}

#[test]
fn columns_that_fit_into_no_memory() {
    for (depth, capacity) in
        [(0, usize::MAX), (usize::MAX, 1), (usize::MAX / 2, usize::MAX / 2), (1, usize::MAX)]
    {
        let error = GrowingColumns::new::<i8>(backend(), depth, capacity).expect_err("too many");
        assert!(matches!(error, Error::Shape { what: "columns", .. }), "{error}");
    }
}

#[test]
fn no_columns_may_have_any_depth() {
    // Depths whose panels, and strips of panels, have more bytes than can be counted, or 0 of them mod 2³² and 2⁶⁴.
    for depth in (1..8).map(|bits| 1 << (usize::BITS - bits)).chain([usize::MAX / 64]) {
        let mut columns = match GrowingColumns::new::<i8>(backend(), depth, 0) {
            Ok(columns) => columns,
            Err(error) => panic!("{depth}: {error}"),
        };
        let none = Rows::new(&[], 0, depth, depth, &[], &[]).expect("no rows");
        columns.push::<i8>(none).expect("none are added");
        columns.truncate(0);
        assert_eq!((columns.len(), columns.depth()), (0, depth));
        let codes = MatRef::<i8>::new(&[], depth, 0).expect("a view");
        let packed = PackedMatrix::pack_into(backend(), &codes, &[1.0], &[0], &mut []);
        assert!(matches!(packed, Err(Error::Shape { .. })));
    }
}

#[test]
fn rows_that_fit_into_no_cache() {
    for (columns, capacity) in [
        (0, usize::MAX),
        (usize::MAX, 1),
        (usize::MAX / 2, usize::MAX / 2),
        ((1 << 24) + 1, 0),
        (1, usize::MAX),
    ] {
        let error = GrowingRows::new::<i8>(backend(), columns, capacity).expect_err("too many");
        assert!(matches!(error, Error::Shape { what: "rows", .. }), "{error}");
    }
    let mut none = GrowingRows::new::<u8>(backend(), 0, 0).expect("no columns");
    let mut rows = QuantizedRows::<u8>::new();
    rows.quantize(&plan(), MatRef::new(&[], 1000, 0).expect("a view")).expect("no columns");
    none.push(rows.rows()).expect("no columns");
    none.truncate(usize::MAX);
    assert_eq!((none.len(), none.columns()), (1000, 0));
    none.truncate(1);
    assert_eq!(none.scales(), [1.0]);
}

#[test]
fn matrices_that_no_memory_is_enough_for() {
    let sizes = [0, 1, 1 << 24, 1 << 30, usize::MAX / 2, usize::MAX];
    for (k, n) in sizes.into_iter().flat_map(|k| sizes.map(|n| (k, n))) {
        let bytes = PackedMatrix::bytes(backend(), k, n);
        let too_many =
            k.max(n) > 1 << 24 || k.checked_mul(n).is_none_or(|elements| elements > isize::MAX as usize);
        assert!(bytes.map_or(too_many, |bytes| bytes >= k.saturating_mul(n)), "{k} × {n}");
        // A few elements that are repeated.
        let Ok(codes) = MatRef::with_strides(&[1u8], k, n, 0, 0) else { continue };
        let mut memory = [0; 10];
        let packed = PackedMatrix::pack_into(backend(), &codes, &[1.0], &[0], &mut memory);
        assert!(matches!(packed, Err(Error::TooShort { .. } | Error::Shape { .. })));
    }
    let codes = MatRef::new(&[1i8, 2], 1, 2).expect("a matrix");
    let mut memory = [0; 4096];
    let mut pack = |scales: &[f32], zeros: &[i32]| {
        PackedMatrix::pack_into(backend(), &codes, scales, zeros, &mut memory).map(|packed| packed.columns())
    };
    assert_eq!(pack(&[1.0, 2.0], &[0, 1]), Ok(2));
    assert_eq!(pack(&[1.0], &[-128]), Ok(2));
    for (scales, zeros) in [
        (&[][..], &[0][..]),
        (&[1.0; 3], &[0]),
        (&[1.0], &[]),
        (&[1.0], &[0; 3]),
        (&[0.0], &[0]),
        (&[f32::INFINITY, 1.0], &[0]),
        (&[1.0], &[128]),
    ] {
        pack(scales, zeros).expect_err("scales and zero points that do not fit");
    }
}

#[test]
fn batches_that_do_not_fit() {
    let sizes = [0, 1, 2, 3, 1 << 30, usize::MAX];
    let data = [7u8; 12];
    for (count, rows) in sizes.into_iter().flat_map(|count| sizes.map(|rows| (count, rows))) {
        for (columns, stride) in sizes.into_iter().flat_map(|columns| sizes.map(|stride| (columns, stride))) {
            for row_stride in sizes {
                let inputs = BatchRef::with_strides(&data, count, [rows, columns], stride, [row_stride, 1]);
                if let Ok(inputs) = inputs {
                    let last = count.checked_sub(1).and_then(|last| inputs.matrix(last).ok());
                    assert_eq!(last.is_some(), count > 0);
                    let element = |matrix: MatRef<'_, u8>| matrix.get(rows - 1, columns - 1).copied();
                    if count > 0 && rows > 0 && columns > 0 {
                        assert_eq!(last.and_then(element), Some(7));
                    }
                }
                let mut out = [0f32; 12];
                let outputs = BatchMut::with_strides(&mut out, count, [rows, columns], stride, row_stride);
                let Ok(outputs) = outputs else { continue };
                if count.max(rows).max(columns) > 12 {
                    continue;
                }
                // Of every product of ones one row: each element of the output is written once.
                let ones = QuantizedBatch {
                    codes: BatchRef::with_strides(&data, count, [rows, 1], 0, [0, 0]).expect("a batch"),
                    scales: MatRef::with_strides(&[1.0], count, rows, 0, 0).expect("scales"),
                    zero_points: MatRef::with_strides(&[6], count, rows, 0, 0).expect("zero points"),
                };
                let others = QuantizedBatch {
                    codes: BatchRef::with_strides(&data, count, [1, columns], 0, [0, 0]).expect("a batch"),
                    scales: MatRef::with_strides(&[1.0], count, columns, 0, 0).expect("scales"),
                    zero_points: MatRef::with_strides(&[6], count, columns, 0, 0).expect("zero points"),
                };
                let call = BatchedGemm::new(backend()).call(ones, others, outputs).expect("they fit");
                call.tasks(3).for_each(|task| task.run(&mut Workspace::new()));
                assert_eq!(out.iter().sum::<f32>(), (count * rows * columns) as f32);
            }
        }
    }
}

#[test]
fn factors_of_a_batch_are_compared() {
    let batched = BatchedGemm::new(backend());
    let codes = [1u8; 64];
    let batch = |count, shape| BatchRef::with_strides(&codes, count, shape, 4, [2, 1]).expect("a batch");
    let scales = |scale: &'static [f32], count, lines| {
        MatRef::with_strides(scale, count, lines, 0, 0).expect("scales")
    };
    let zeros =
        |zero: &'static [i32], count, lines| MatRef::with_strides(zero, count, lines, 0, 0).expect("zeros");
    let factor = |count, shape, lines, scale, zero| QuantizedBatch {
        codes: batch(count, shape),
        scales: scales(scale, count, lines),
        zero_points: zeros(zero, count, lines),
    };
    let mut out = [0f32; 8];
    let mut call = |lhs, rhs| {
        let out = BatchMut::new(&mut out, 2, [2, 2]).expect("a batch");
        batched.call::<u8>(lhs, rhs, out).map(|_| ())
    };
    let good = factor(2, [2, 2], 2, &[1.0], &[0]);
    assert_eq!(call(good, good), Ok(()));
    let one_bad = QuantizedBatch {
        scales: MatRef::new(&[1.0, 2.0, 3.0, -4.0], 2, 2).expect("scales"),
        zero_points: MatRef::new(&[0, 0, 0, 0], 2, 2).expect("zeros"),
        ..good
    };
    let error = call(one_bad, good).expect_err("the last scale");
    assert!(matches!(error, Error::OfMatrix { matrix: 1, .. }), "{error}");
    let one_bad = QuantizedBatch {
        scales: good.scales,
        zero_points: MatRef::new(&[0, 0, 255, 256], 2, 2).expect("zeros"),
        ..good
    };
    let error = call(good, one_bad).expect_err("the last zero point").to_string();
    assert_eq!(error, "matrix 1 of the batch: zero point must be in 0..=255, found 256");
    for bad in [
        factor(1, [2, 2], 2, &[1.0], &[0]),
        factor(2, [2, 2], 1, &[1.0], &[0]),
        factor(2, [1, 2], 2, &[1.0], &[0]),
        factor(2, [2, 1], 2, &[1.0], &[0]),
        factor(2, [2, 2], 2, &[0.0], &[0]),
        factor(2, [2, 2], 2, &[f32::NAN], &[0]),
        factor(2, [2, 2], 2, &[1.0], &[256]),
    ] {
        assert!(call(bad, good).is_err() && call(good, bad).is_err(), "{bad:?}");
    }
}

#[test]
fn factors_of_a_staged_product_are_compared() {
    let dequantize = Stage::Dequantize(Dequantize::new(Per::Tensor(1.0)));
    for shape in [[0, usize::MAX], [usize::MAX, 1], [1, (1 << 24) + 1], [1 << 20, 1 << 30]] {
        assert!(StagedGemm::new(backend(), shape, &Stage::ACCUMULATORS).is_err(), "{shape:?}");
    }
    let plan = StagedGemm::new(backend(), [2, 2], &dequantize).expect("a plan");
    let codes = [1u8; 64];
    let factor = |count, shape, zero_point| UniformBatch {
        codes: BatchRef::with_strides(&codes, count, shape, 4, [2, 1]).expect("a batch"),
        zero_point,
    };
    let mut out = [0f32; 8];
    let mut call = |lhs, rhs, scales: &[f32]| {
        let out = BatchMut::new(&mut out, 2, [2, 2]).expect("a batch");
        plan.call_scaled(lhs, rhs, scales, out).map(|_| ())
    };
    let good = factor(2, [2, 2], 0);
    assert_eq!(call(good, good, &[0.0]), Ok(()));
    assert_eq!(call(good, good, &[-1.0, 2.0]), Ok(()));
    for scales in [&[][..], &[1.0; 3], &[f32::NAN]] {
        assert!(call(good, good, scales).is_err(), "{scales:?}");
    }
    for bad in [factor(1, [2, 2], 0), factor(2, [1, 2], 0), factor(2, [2, 1], 0), factor(2, [2, 2], 256)] {
        assert!(call(bad, good, &[1.0]).is_err() && call(good, bad, &[1.0]).is_err(), "{bad:?}");
    }
    let mut sums = [0i32; 8];
    let out = BatchMut::new(&mut sums, 2, [2, 2]).expect("a batch");
    assert!(plan.call(good, good, out).is_err(), "another output");
    let plan = StagedGemm::new(backend(), [2, 2], &Stage::ACCUMULATORS).expect("a plan");
    let out = BatchMut::new(&mut sums, 2, [2, 2]).expect("a batch");
    assert!(plan.call_scaled(good, good, &[1.0], out).is_err(), "no scales to replace");
}

#[test]
fn groups_that_do_not_fit_the_weights() {
    let codes = [1i8; 100 * 3];
    let weights = MatRef::new(&codes, 100, 3).expect("a matrix");
    let pack = |depths: usize, scales: &[f32], zero_points: &[i32]| {
        let groups = WeightGroups { depths, scales, zero_points };
        GroupwiseWeights::pack(backend(), &weights, &groups).map(|packed| packed.columns())
    };
    // Scales may be negative, and 0.
    let scales = [1.0, -1.0, 0.0, f32::MAX, 1e-45, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0];
    assert_eq!(pack(32, &scales, &[0]), Ok(3));
    assert_eq!(pack(32, &scales, &[-128; 12]), Ok(3));
    assert_eq!(pack(96, &scales[..6], &[0]), Ok(3));
    for depths in [0, 1, 31, 33, 100, 128, usize::MAX - 31, usize::MAX] {
        let error = pack(depths, &scales, &[0]).expect_err("not the depths of a group");
        assert!(matches!(error, Error::Shape { what: "groups of weights", .. }), "{depths}: {error}");
    }
    for (scales, zeros) in [
        (&scales[..11], &[0][..]),
        (&[], &[0]),
        (&[1.0; 13], &[0]),
        (&scales, &[]),
        (&scales, &[0; 11]),
        (&scales, &[128]),
        (&scales, &[-129; 12]),
    ] {
        let error = pack(32, scales, zeros).expect_err("another number, or out of range");
        assert!(matches!(error, Error::Mismatch { .. } | Error::OutOfRange { .. }), "{error}");
    }
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut scales = scales;
        scales[9] = bad;
        let error = pack(32, &scales, &[0]).expect_err("not finite");
        assert!(
            matches!(error, Error::NotFinite { what: "group scale", index: Some(2), .. }),
            "column 2: {error}"
        );
    }
    let shape = Conv2dShape::new([4, 4], 4, 4, [3, 3]).with_groups(4);
    let taps = Conv2d::pack(backend(), &shape, &[1i8; 36], 0).expect("packs");
    let groups = WeightGroups { depths: 32, scales: &scales, zero_points: &[0] };
    assert!(matches!(GroupwiseWeights::new(taps, &groups), Err(Error::Shape { .. })));
}

#[test]
fn layers_with_groups_of_any_shape() {
    // Without columns any depth is possible, and takes no time.
    for depth in [32, 1 << (usize::BITS / 2 + 8), isize::MAX as usize] {
        let none = MatRef::<u8>::new(&[], depth, 0).expect("a view");
        let groups = WeightGroups { depths: 32, scales: &[], zero_points: &[0] };
        for backend in Backend::available() {
            let packed = GroupwiseWeights::pack(backend, &none, &groups).expect("packs");
            let linear = GroupwiseLinear::new(packed, Spread::Range);
            assert_eq!(linear.workspace_bytes(), 0, "{backend} {depth}");
            assert!(linear.explain(usize::MAX).contains("groups of 32"));
            let rows = Rows::new(&[], 0, depth, depth, &[], &[]).expect("no rows");
            let out = MatMut::new(&mut [], 0, 0).expect("a view");
            linear.call(rows, out).expect("a call").run(&mut Workspace::new());
        }
    }
    let codes = [1i8; 64 * 2];
    let groups = WeightGroups { depths: 64, scales: &[1.0, 2.0], zero_points: &[0] };
    let packed = GroupwiseWeights::pack(backend(), &MatRef::new(&codes, 64, 2).expect("a matrix"), &groups);
    let linear = GroupwiseLinear::new(packed.expect("packs"), Spread::Range);
    assert!(matches!(linear.clone().with_bias(vec![1.0]), Err(Error::Mismatch { .. })));
    assert!(matches!(
        linear.clone().with_bias(vec![1.0, f32::NAN]),
        Err(Error::NotFinite { index: Some(1), .. })
    ));
    for (low, high) in [(1.0, 0.0), (f32::NAN, 0.0), (0.0, f32::NAN)] {
        assert!(matches!(linear.clone().clamped(low, high), Err(Error::Shape { .. })));
    }
    let (codes, mut out) = ([1u8; 128], [0.0; 4]);
    for (rows, columns, block, shape) in
        [(1, 128, 128, [1, 2]), (2, 64, 32, [2, 2]), (2, 64, 64, [1, 2]), (2, 64, 64, [2, 1])]
    {
        let blocks = rows * columns / block;
        let (scales, zeros) = (vec![1.0; blocks], vec![0; blocks]);
        let rows = Rows::new(&codes, rows, columns, block, &scales, &zeros).expect("rows");
        let out = MatMut::new(&mut out, shape[0], shape[1]).expect("a view");
        assert!(matches!(linear.call(rows, out), Err(Error::Mismatch { .. })));
    }
    let x = MatRef::with_strides(&[1.0f32], usize::MAX / 2, 1, 0, 1).expect("a view");
    let out = MatMut::new(&mut out, 1, 2).expect("a view");
    let error = linear.run(x, out, &mut QuantizedRows::new(), &mut Workspace::new()).expect_err("one column");
    assert!(matches!(error, Error::Mismatch { .. }), "{error}");
}

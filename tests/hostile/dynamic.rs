//! Activations quantized when they come: shapes that fit into no memory, and what is left after an error.

use eightbit::dynamic::{GrowingColumns, Linear, QuantizeRows, QuantizedRows, Spread};
use eightbit::{Backend, Dequantize, Error, MatMut, MatRef, PackedWeights, Per, Workspace};

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

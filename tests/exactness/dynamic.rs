//! Rows quantized over their own ranges, and products of them, through the public API.

use eightbit::dynamic::{Linear, QuantizeRows, QuantizedRows, Rows, RowsMut, Spread};
use eightbit::{
    Backend, Dequantize, Element, ElementType, Error, MatMut, MatRef, PackedWeights, Per, QuantizedType,
    Workspace, reference,
};
use eightbit_kernels::testing::{Guard, Guarded};
use eightbit_testing::suite::property_suite;
use eightbit_testing::{Random, guard};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) signed: bool,
    pub(crate) magnitude: bool,
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    pub(crate) gap: usize,
    pub(crate) block: usize,
    pub(crate) tasks: usize,
    pub(crate) guard: Guard,
    pub(crate) seed: u64,
}

pub(crate) fn cases() -> impl Strategy<Value = Case> {
    let columns = prop_oneof![3 => 0usize..70, 1 => 0usize..600];
    let block = prop_oneof![Just(usize::MAX), 1usize..70];
    let flags = (any::<bool>(), any::<bool>());
    (flags, 0usize..9, columns, 0usize..3, block, 1usize..5, guard(), any::<u64>()).prop_map(
        |((signed, magnitude), rows, columns, gap, block, tasks, guard, seed)| Case {
            signed,
            magnitude,
            rows,
            columns,
            gap,
            block,
            tasks,
            guard,
            seed,
        },
    )
}

pub(crate) fn spread(magnitude: bool) -> Spread {
    if magnitude { Spread::Magnitude } else { Spread::Range }
}

/// Numbers of a size that differs from row to row; some rows are all zeros, or have one sign.
pub(crate) fn draw(random: &mut Random, rows: usize, stride: usize) -> Vec<f32> {
    let mut x = Vec::new();
    for _ in 0..rows {
        let size = [1.0, 1e-3, 3e38, 1e-42, 0.0, 1e-20][random.below(6)];
        let shift = [0.5, 0.0, 1.0][random.below(3)];
        x.extend((0..stride).map(|_| (random.below(1 << 20) as f32 / (1u32 << 20) as f32 - shift) * size));
    }
    x
}

pub(crate) fn fail(error: Error) -> TestCaseError {
    TestCaseError::fail(error.to_string())
}

fn check<T: Element>(backend: Backend, case: &Case) -> Result<(), TestCaseError> {
    let &Case { rows, columns, block, .. } = case;
    let mut random = Random(case.seed);
    let stride = columns + case.gap;
    let mut x = draw(&mut random, rows, stride);
    x.truncate((rows * stride).saturating_sub(case.gap));
    let x = Guarded::new(&x, case.guard);
    let matrix = MatRef::with_strides(&x, rows, columns, stride, 1).map_err(fail)?;
    let plan = QuantizeRows::new(backend, spread(case.magnitude));
    let plan = if block == usize::MAX { plan } else { plan.in_blocks(block).map_err(fail)? };
    let block = block.min(columns.max(1));
    let blocks = columns.div_ceil(block).max(1);
    let mut codes = Guarded::new(&vec![T::default(); rows * columns], case.guard);
    let mut scales = Guarded::new(&vec![0f32; rows * blocks], case.guard);
    let mut zero_points = Guarded::new(&vec![7i32; rows * blocks], case.guard);
    let out = RowsMut { codes: &mut codes, scales: &mut scales, zero_points: &mut zero_points };
    let tasks: Vec<_> = plan.call(matrix, out).map_err(fail)?.tasks(case.tasks).collect();
    for task in tasks.into_iter().rev() {
        task.run().map_err(fail)?;
    }
    let (low, high) = T::TYPE.integer_range();
    let clamp = (low + i32::from(case.magnitude), high);
    let mut real = Guarded::new(&vec![0f32; rows * columns], case.guard);
    if columns > 0 {
        let found = Rows::new(&codes, rows, columns, block, &scales, &zero_points).map_err(fail)?;
        let out = MatMut::new(&mut real, rows, columns).map_err(fail)?;
        for task in found.dequantize(backend, out).map_err(fail)?.tasks(case.tasks) {
            task.run(&mut Workspace::new());
        }
    }
    for row in 0..rows {
        for (index, start) in (0..columns).step_by(block).enumerate() {
            let end = columns.min(start + block);
            let x = &x[row * stride..][start..end];
            let of = reference::range_type(x, spread(case.magnitude), T::TYPE).expect("finite numbers");
            prop_assert_eq!(scales[row * blocks + index].to_bits(), of.scale().to_bits());
            prop_assert_eq!(zero_points[row * blocks + index], of.zero_point());
            for (column, &x) in (start..end).zip(x) {
                let code = codes[row * columns + column].into();
                prop_assert_eq!(code, reference::quantize_element(x, &of, clamp), "{} {:?}", x, of);
                let expected = reference::dequantize_element(code, &of);
                prop_assert_eq!(real[row * columns + column].to_bits(), expected.to_bits());
            }
        }
    }
    Ok(())
}

#[test]
fn rows_are_quantized_over_their_own_ranges() {
    property_suite("quantize_rows", 0.5, cases(), |backend, case| {
        if case.signed { check::<i8>(backend, case) } else { check::<u8>(backend, case) }
    });
}

fn check_linear<W: Element>(backend: Backend, case: &Case) -> Result<(), TestCaseError> {
    let &Case { rows, columns: depth, .. } = case;
    let mut random = Random(case.seed);
    let columns = 1 + random.below(70);
    let x = draw(&mut random, rows, depth);
    let weights = random.elements::<W>(eightbit_testing::Fill::Random, depth * columns);
    let weights = MatRef::new(&weights, depth, columns).map_err(fail)?;
    let (low, high) = W::TYPE.integer_range();
    let zero = match random.below(3) {
        // That of weights that have none in the form that kernels read.
        0 => Per::Tensor(low + 128),
        1 => Per::Tensor(random.between(low, high)),
        _ => Per::Channel((0..columns).map(|_| random.between(low, high)).collect()),
    };
    let scales: Vec<f32> = (0..columns).map(|n| 0.001 * (n + 1) as f32).collect();
    let bias: Vec<f32> = (0..columns).map(|n| n as f32 - 20.0).collect();
    let stage = Dequantize::new(Per::Channel(scales)).with_bias(bias).clamped(-1e6, 1e30);
    let packed = PackedWeights::pack(backend, &weights, zero.clone()).map_err(fail)?;
    let linear = Linear::new(packed, &stage, spread(case.magnitude)).map_err(fail)?;
    let matrix = MatRef::new(&x, rows, depth).map_err(fail)?;
    let mut quantized = QuantizedRows::new();
    quantized.quantize(linear.quantize(), matrix).map_err(fail)?;
    let mut out = Guarded::new(&vec![0f32; rows * columns], case.guard);
    let out_matrix = MatMut::new(&mut out, rows, columns).map_err(fail)?;
    let call = linear.call(quantized.rows(), out_matrix).map_err(fail)?;
    let tasks: Vec<_> = call.tasks(case.tasks).collect();
    let mut workspace = Workspace::new();
    tasks.into_iter().rev().for_each(|task| task.run(&mut workspace));
    for row in 0..rows {
        let x = &x[row * depth..][..depth];
        let of = reference::range_type(x, spread(case.magnitude), ElementType::U8).expect("finite numbers");
        let clamp = (i32::from(case.magnitude), 255);
        let codes: Vec<u8> = x.iter().map(|&x| reference::quantize_element(x, &of, clamp) as u8).collect();
        let codes = MatRef::new(&codes, 1, depth).map_err(fail)?;
        let sums = reference::gemm(&codes, of.zero_point(), &weights, &zero, None);
        for (n, &sum) in sums.iter().enumerate() {
            let expected = reference::dequantize(sum, &stage, Some(of.scale()), n);
            prop_assert_eq!(out[row * columns + n].to_bits(), expected.to_bits(), "row {} column {}", row, n);
        }
    }
    Ok(())
}

#[test]
fn layers_of_floats() {
    let cases = cases().prop_flat_map(|case| {
        // Few rows of any depth, many rows of a small one.
        prop_oneof![
            Just(case.clone()),
            (0usize..150).prop_map(move |rows| Case { rows, columns: case.columns % 40, ..case.clone() })
        ]
    });
    property_suite("linear", 0.3, cases, |backend, case| {
        if case.signed { check_linear::<i8>(backend, case) } else { check_linear::<u8>(backend, case) }
    });
}

#[test]
fn what_is_not_finite_names_its_row() {
    for backend in Backend::available() {
        for (spread, found) in [
            (Spread::Range, f32::NAN),
            (Spread::Magnitude, f32::NEG_INFINITY),
            (Spread::Magnitude, f32::INFINITY),
        ] {
            for column in [0, 31, 69] {
                let mut x = vec![1f32; 5 * 70];
                x[3 * 70 + column] = found;
                let plan = QuantizeRows::new(backend, spread);
                let mut rows = QuantizedRows::<u8>::new();
                let x = MatRef::new(&x, 5, 70).expect("a matrix");
                let error = rows.quantize(&plan, x).expect_err("not finite");
                let Error::NotQuantizable { row: 3, found: named } = error else { panic!("{error}") };
                assert_eq!(named.to_bits(), found.to_bits());
                assert!(error.to_string().starts_with("row 3 "), "{error}");
                let call = rows.call(&plan, x).expect("a call");
                assert_eq!(call.tasks(3).filter_map(|task| task.run().err()).count(), 1);
            }
        }
        let wide = [f32::MAX, -f32::MAX];
        let wide = MatRef::new(&wide, 1, 2).expect("a matrix");
        let mut rows = QuantizedRows::<i8>::new();
        let error = rows.quantize(&QuantizeRows::new(backend, Spread::Range), wide).expect_err("too wide");
        assert_eq!(error, Error::NotQuantizable { row: 0, found: f32::INFINITY });
        rows.quantize(&QuantizeRows::new(backend, Spread::Magnitude), wide).expect("a magnitude");
        assert_eq!(rows.rows().codes().expect("codes").get(0, 1), Some(&-127));
    }
}

#[test]
fn rows_that_do_not_fit_are_refused() {
    let backend = Backend::detected();
    let plan = QuantizeRows::new(backend, Spread::Range);
    let x = [0f32; 12];
    let matrix = MatRef::new(&x, 3, 4).expect("a matrix");
    let (mut codes, mut scales, mut zero_points) = ([0u8; 12], [0f32; 3], [0i32; 2]);
    let out = RowsMut { codes: &mut codes, scales: &mut scales, zero_points: &mut zero_points };
    assert!(matches!(plan.call(matrix, out), Err(Error::Mismatch { .. })));
    assert!(matches!(plan.in_blocks(0), Err(Error::Shape { .. })));
    let mut rows = QuantizedRows::<u8>::new();
    assert!(matches!(rows.quantize(&plan, matrix.transposed()), Err(Error::Shape { .. })));
    for (scale, zero) in [(0.0, 0), (f32::NAN, 0), (1.0, 256), (1.0, -1)] {
        assert!(Rows::new(&[1u8], 1, 1, 1, &[scale], &[zero]).is_err());
    }
    assert!(Rows::new(&[1u8], 1, 1, 0, &[1.0], &[0]).is_err());
    assert!(Rows::new(&[1u8; 2], 1, 1, 1, &[1.0], &[0]).is_err());

    let packed = PackedWeights::pack(backend, &MatRef::new(&[1i8; 8], 4, 2).expect("weights"), 1);
    let stage = Dequantize::new(Per::Tensor(1.0));
    let linear = Linear::new(packed.expect("packed"), &stage, Spread::Range).expect("a plan");
    let mut out = [0f32; 6];
    rows.quantize(&plan.in_blocks(2).expect("blocks"), matrix).expect("zeros");
    let error = linear.call(rows.rows(), MatMut::new(&mut out, 3, 2).expect("out")).err();
    assert!(matches!(error, Some(Error::Mismatch { .. })));
    rows.quantize(&plan, MatRef::new(&x, 4, 3).expect("a matrix")).expect("zeros");
    let error = linear.call(rows.rows(), MatMut::new(&mut out, 3, 2).expect("out")).err();
    assert!(matches!(error, Some(Error::Mismatch { .. })));
}

#[test]
fn a_range_is_that_of_dynamic_quantize_linear() {
    // The examples of ONNX's DynamicQuantizeLinear.
    let of = |x: &[f32]| reference::range_type(x, Spread::Range, ElementType::U8).expect("finite");
    let expected = |scale: f32, zero| QuantizedType::u8(scale, zero).expect("a type");
    assert_eq!(of(&[0.0, 2.0, -3.0, -2.5, 1.34, 0.5]), expected(5.0 / 255.0, 153));
    assert_eq!(of(&[-1.0, -2.1, -1.3, -2.5, -3.34, -4.0]), expected(4.0 / 255.0, 255));
    assert_eq!(of(&[1.0, 2.1, 1.3, 2.5, 3.34, 4.0]), expected(4.0 / 255.0, 0));
}

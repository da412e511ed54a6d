//! Products of two activations: factors that grow, factors in lent memory, and batches.

use eightbit::dynamic::{
    BatchCall, BatchMut, BatchRef, BatchedGemm, FillBatch, GrowingColumns, GrowingRows, PackedMatrix,
    QuantizeRows, QuantizedBatch, QuantizedRows, Rows, StagedGemm, UniformBatch,
};
use eightbit::{
    Backend, Dequantize, Element, ElementType, Error, MatMut, MatRef, OutputElement, Per, Stage, Workspace,
    reference,
};
use eightbit_kernels::testing::Guarded;
use eightbit_testing::stage::StageKind;
use eightbit_testing::suite::property_suite;
use eightbit_testing::{Fill, Random};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use crate::dynamic::{Case, cases, draw, fail, spread};
use crate::gemm::Drawn as DrawnOutput;

/// Codes of some lines, and their scales and zero points.
struct Drawn<T> {
    codes: Vec<T>,
    scales: Vec<f32>,
    zeros: Vec<i32>,
}

fn drawn<T: Element>(random: &mut Random, lines: usize, len: usize) -> Drawn<T> {
    let codes = random.elements::<T>(Fill::Random, lines * len);
    let scales = (0..lines).map(|_| 0.001 * (1 + random.below(9)) as f32).collect();
    let (low, high) = T::TYPE.integer_range();
    // Often the zero point of codes that have none in the form that kernels read.
    let plain = random.flip();
    let zeros = (0..lines).map(|_| if plain { low + 128 } else { random.between(low, high) }).collect();
    Drawn { codes, scales, zeros }
}

/// Compares products of rows with those of the oracle, of the factor's codes, scales and zero points by column.
fn compare<T: Element>(
    out: &[f32],
    rows: Rows<'_, u8>,
    columns: &MatRef<'_, T>,
    scales: Vec<f32>,
    zeros: Vec<i32>,
) -> Result<(), TestCaseError> {
    let (depth, count) = (columns.rows(), columns.columns());
    let (stage, zeros) = (Dequantize::new(Per::Channel(scales)), Per::Channel(zeros));
    for (row, (&scale, &zero)) in rows.scales().iter().zip(rows.zero_points()).enumerate() {
        let codes: Vec<u8> = (0..depth).filter_map(|k| rows.codes().ok()?.get(row, k).copied()).collect();
        let codes = MatRef::new(&codes, 1, depth).map_err(fail)?;
        let sums = reference::gemm(&codes, zero, columns, &zeros, None);
        for (n, &sum) in sums.iter().enumerate() {
            let expected = reference::dequantize(sum, &stage, Some(scale), n);
            prop_assert_eq!(out[row * count + n].to_bits(), expected.to_bits(), "row {} column {}", row, n);
        }
    }
    Ok(())
}

fn quantized(backend: Backend, case: &Case, depth: usize) -> Result<QuantizedRows<u8>, TestCaseError> {
    let x = draw(&mut Random(case.seed ^ 1), case.rows, depth);
    let mut rows = QuantizedRows::new();
    let plan = QuantizeRows::new(backend, spread(case.magnitude));
    rows.quantize(&plan, MatRef::new(&x, case.rows, depth).map_err(fail)?).map_err(fail)?;
    Ok(rows)
}

fn check_growing<T: Element>(backend: Backend, case: &Case) -> Result<(), TestCaseError> {
    let &Case { rows, columns: depth, .. } = case;
    let mut random = Random(case.seed);
    let mut keys = GrowingColumns::new::<T>(backend, depth, case.gap * 20).expect("they fit");
    let (mut codes, mut scales, mut zeros) = (Vec::new(), Vec::new(), Vec::new());
    for step in 0..case.tasks {
        let count = [1, 17, 40, 0][step % 4];
        let more = drawn::<T>(&mut random, count, depth);
        let added =
            Rows::new(&more.codes, count, depth, depth.max(1), &more.scales, &more.zeros).map_err(fail)?;
        // A copy shares the memory until one of them grows.
        let copy = keys.clone();
        keys.push(added).map_err(fail)?;
        prop_assert_eq!(copy.len() + count, keys.len());
        codes.extend(more.codes);
        scales.extend(more.scales);
        zeros.extend(more.zeros);
        if step == 1 {
            keys.truncate(9);
            codes.truncate(9 * depth);
            scales.truncate(9);
            zeros.truncate(9);
        }
    }
    let quantized = quantized(backend, case, depth)?;
    let queries = quantized.rows();
    let count = keys.len();
    let mut out = Guarded::new(&vec![0f32; rows * count], case.guard);
    let call = keys.call(queries, MatMut::new(&mut out, rows, count).map_err(fail)?).map_err(fail)?;
    call.tasks(case.tasks).for_each(|task| task.run(&mut Workspace::new()));
    let columns = MatRef::new(&codes, count, depth).map_err(fail)?.transposed();
    compare(&out, queries, &columns, scales, zeros)
}

#[test]
fn columns_that_grow() {
    property_suite("growing_columns", 0.1, cases(), |backend, case| {
        if case.signed { check_growing::<i8>(backend, case) } else { check_growing::<u8>(backend, case) }
    });
}

fn check_values<T: Element>(backend: Backend, case: &Case) -> Result<(), TestCaseError> {
    let &Case { rows, columns, .. } = case;
    let mut random = Random(case.seed);
    let mut values = GrowingRows::new::<T>(backend, columns, case.gap * 20).map_err(fail)?;
    let (low, high) = T::TYPE.integer_range();
    let zero = if random.flip() { low + 128 } else { random.between(low, high) };
    let (mut codes, mut scales) = (Vec::new(), Vec::new());
    for step in 0..2 * case.tasks {
        let count = [1, 1 + random.below(3), 0, random.below(40)][step % 4];
        let more = drawn::<T>(&mut random, count, columns);
        let zeros = vec![zero; count];
        let added = Rows::new(&more.codes, count, columns, columns.max(1), &more.scales, &zeros);
        // A copy shares the memory until one of them grows.
        let copy = values.clone();
        values.push(added.map_err(fail)?).map_err(fail)?;
        prop_assert_eq!(copy.len() + count, values.len());
        codes.extend(more.codes);
        scales.extend(more.scales);
        if random.below(4) == 0 {
            let left = random.below(values.len() + 2);
            values.truncate(left);
            codes.truncate(left * columns);
            scales.truncate(left);
        }
    }
    prop_assert_eq!(values.scales(), &scales);
    let depth = values.len();
    let mut weights = draw(&mut Random(case.seed ^ 2), rows, depth);
    let folded: Vec<f32> =
        weights.iter().zip(scales.iter().cycle()).map(|(weight, scale)| weight * scale).collect();
    values.fold_scales(MatMut::new(&mut weights, rows, depth).map_err(fail)?).map_err(fail)?;
    prop_assert_eq!(weights, folded);
    let quantized = quantized(backend, case, depth)?;
    let mut out = Guarded::new(&vec![0f32; rows * columns], case.guard);
    let out_matrix = MatMut::new(&mut out, rows, columns).map_err(fail)?;
    let call = values.call(quantized.rows(), out_matrix).map_err(fail)?;
    call.tasks(case.tasks).for_each(|task| task.run(&mut Workspace::new()));
    let matrix = MatRef::new(&codes, depth, columns).map_err(fail)?;
    compare(&out, quantized.rows(), &matrix, vec![1.0; columns], vec![zero; columns])
}

#[test]
fn rows_that_grow() {
    property_suite("growing_rows", 0.1, cases(), |backend, case| {
        if case.signed { check_values::<i8>(backend, case) } else { check_values::<u8>(backend, case) }
    });
}

#[test]
fn rows_of_several_zero_points_are_refused() {
    for backend in Backend::available() {
        let mut values = GrowingRows::new::<i8>(backend, 1, 0).expect("they fit");
        let add = |values: &mut GrowingRows, zeros: [i32; 2]| {
            values.push(Rows::new(&[1i8, 2], 2, 1, 1, &[1.0; 2], &zeros).expect("rows"))
        };
        assert!(matches!(add(&mut values, [3, 4]), Err(Error::Shape { what: "rows to add", .. })));
        assert_eq!(values.len(), 0);
        add(&mut values, [3, 3]).expect("one zero point");
        let error = add(&mut values, [3, 4]).expect_err("another zero point");
        assert!(error.to_string().contains("row 1 has the zero point 4 and those before it 3"), "{error}");
        values.truncate(0);
        add(&mut values, [-5, -5]).expect("no rows, no zero point");
        let bytes = Rows::new(&[1u8], 1, 1, 1, &[1.0], &[0]).expect("a row");
        assert!(matches!(values.push(bytes), Err(Error::ElementType { .. })));
    }
}

fn check_lent<T: Element>(backend: Backend, case: &Case) -> Result<(), TestCaseError> {
    let &Case { rows, columns: depth, .. } = case;
    let mut random = Random(case.seed);
    let columns = random.below(150);
    let Drawn { codes, scales, zeros } = drawn::<T>(&mut random, columns, depth);
    let matrix = if random.flip() {
        MatRef::new(&codes, columns, depth).map_err(fail)?.transposed()
    } else {
        MatRef::new(&codes, depth, columns).map_err(fail)?
    };
    let bytes = PackedMatrix::bytes(backend, depth, columns).map_err(fail)?;
    // Memory that begins anywhere, and is not 0.
    let start = random.below(70);
    let memory = vec![0x5a; start + bytes];
    let mut memory = Guarded::new(&memory, case.guard);
    let short = PackedMatrix::pack_into(backend, &matrix, &scales, &zeros, &mut memory[start + 1..]);
    prop_assert_eq!(
        short.map(|_| ()),
        Err(Error::TooShort { what: "memory for a packed matrix", needed: bytes, found: bytes - 1 })
    );
    let packed =
        PackedMatrix::pack_into(backend, &matrix, &scales, &zeros, &mut memory[start..]).map_err(fail)?;
    prop_assert_eq!((packed.depth(), packed.columns()), (depth, columns));
    let quantized = quantized(backend, case, depth)?;
    let mut out = Guarded::new(&vec![0f32; rows * columns], case.guard);
    let out_matrix = MatMut::new(&mut out, rows, columns).map_err(fail)?;
    let call = packed.call(quantized.rows(), out_matrix).map_err(fail)?;
    call.tasks(case.tasks).for_each(|task| task.run(&mut Workspace::new()));
    compare(&out, quantized.rows(), &matrix, scales, zeros)
}

#[test]
fn factors_in_lent_memory() {
    property_suite("lent_factors", 0.1, cases(), |backend, case| {
        if case.signed { check_lent::<i8>(backend, case) } else { check_lent::<u8>(backend, case) }
    });
}

/// Rows of a first factor, and columns of a second one. Now and then many rows and few columns, whose tasks are parts of the rows.
fn sides(random: &mut Random, case: &Case) -> [usize; 2] {
    if random.below(8) == 0 { [case.rows + 400, 1 + random.below(20)] } else { [case.rows, random.below(90)] }
}

/// The distances of matrices and of rows without gaps, one matrix after the other or side by side.
fn strides(count: usize, [rows, columns]: [usize; 2], beside: bool) -> (usize, usize) {
    if beside { (columns, count * columns) } else { (rows * columns, columns) }
}

fn check_batch<T: Element>(backend: Backend, case: &Case) -> Result<(), TestCaseError> {
    let &Case { columns: depth, gap, .. } = case;
    let mut random = Random(case.seed);
    let count = 1 + random.below(4);
    let [rows, columns] = sides(&mut random, case);
    let a = drawn::<u8>(&mut random, count * rows, depth + gap);
    let b = drawn::<T>(&mut random, count * columns, depth + gap);
    // One after the other, or side by side: for the factors the same as for the output, and exchanged.
    let beside = random.flip();
    let (stride, row_stride) = strides(count, [rows, depth + gap], beside);
    let lhs =
        BatchRef::with_strides(&a.codes, count, [rows, depth], stride, [row_stride, 1]).map_err(fail)?;
    let (stride, row_stride) = strides(count, [columns, depth + gap], !beside);
    // Often one second factor is that of all, perhaps with other scales or zero points for each.
    let mut perhaps = |stride: usize| if random.flip() { stride } else { 0 };
    let (stride, scale_stride, zero_stride) = (perhaps(stride), perhaps(columns), perhaps(columns));
    let rhs = BatchRef::with_strides(&b.codes, count, [columns, depth], stride, [row_stride, 1]);
    let rhs = rhs.map_err(fail)?.transposed();
    let lines = |lines: usize| if beside { [1, count] } else { [lines, 1] };
    let lhs = QuantizedBatch {
        codes: lhs,
        scales: MatRef::with_strides(&a.scales, count, rows, lines(rows)[0], lines(rows)[1]).map_err(fail)?,
        zero_points: MatRef::with_strides(&a.zeros, count, rows, lines(rows)[0], lines(rows)[1])
            .map_err(fail)?,
    };
    let rhs = QuantizedBatch {
        codes: rhs,
        scales: MatRef::with_strides(&b.scales, count, columns, scale_stride, 1).map_err(fail)?,
        zero_points: MatRef::with_strides(&b.zeros, count, columns, zero_stride, 1).map_err(fail)?,
    };
    let (stride, row_stride) = strides(count, [rows, columns + gap], beside);
    let len = (count * rows * (columns + gap)).saturating_sub(gap);
    let untouched = 12345.5f32;
    let mut out = Guarded::new(&vec![untouched; len], case.guard);
    let out_batch =
        BatchMut::with_strides(&mut out, count, [rows, columns], stride, row_stride).map_err(fail)?;
    let call = BatchedGemm::new(backend).call(lhs, rhs, out_batch).map_err(fail)?;
    in_tasks(call, case);
    let mut seen = 0;
    for number in 0..count {
        let (a, b) = (lhs.codes.matrix(number).map_err(fail)?, rhs.codes.matrix(number).map_err(fail)?);
        let lines = |lines: &MatRef<'_, f32>, count: usize| {
            (0..count).filter_map(|line| lines.get(number, line).copied()).collect::<Vec<f32>>()
        };
        let zeros = |lines: &MatRef<'_, i32>, count: usize| {
            (0..count).filter_map(|line| lines.get(number, line).copied()).collect::<Vec<i32>>()
        };
        let codes: Vec<u8> =
            (0..rows * depth).filter_map(|at| a.get(at / depth, at % depth).copied()).collect();
        let (row_scales, row_zeros) = (lines(&lhs.scales, rows), zeros(&lhs.zero_points, rows));
        let a = Rows::new(&codes, rows, depth, depth.max(1), &row_scales, &row_zeros).map_err(fail)?;
        let found: Vec<f32> =
            (0..rows).flat_map(|row| out[number * stride + row * row_stride..][..columns].to_vec()).collect();
        seen += found.len();
        compare(&found, a, &b, lines(&rhs.scales, columns), zeros(&rhs.zero_points, columns))?;
    }
    prop_assert_eq!(out.iter().filter(|&&x| x == untouched).count(), len - seen, "nothing else is written");
    Ok(())
}

#[test]
fn batches_of_products() {
    property_suite("batched_gemm", 0.1, cases(), |backend, case| {
        if case.signed { check_batch::<i8>(backend, case) } else { check_batch::<u8>(backend, case) }
    });
}

/// Batches of both factors, with one zero point each, whose second ones are perhaps one for all.
struct Uniform<A, B> {
    codes: (Vec<A>, Vec<B>),
    zeros: [i32; 2],
    strides: [usize; 2],
    count: usize,
    shape: [usize; 3],
}

impl<A: Element, B: Element> Uniform<A, B> {
    fn new(case: &Case) -> Uniform<A, B> {
        let mut random = Random(case.seed);
        let count = 1 + random.below(4);
        let [rows, columns] = sides(&mut random, case);
        let shape = [rows, case.columns, columns];
        let strides = [rows * case.columns, if random.flip() { case.columns * columns } else { 0 }];
        let mut zero = |element: ElementType| {
            let (low, high) = element.integer_range();
            if random.flip() { low + 128 } else { random.between(low, high) }
        };
        let zeros = [zero(A::TYPE), zero(B::TYPE)];
        let a = random.elements(Fill::Random, count * strides[0]);
        let b = random.elements(Fill::Random, count * case.columns * columns);
        Uniform { codes: (a, b), zeros, strides, count, shape }
    }

    /// Compares the outputs of a stage with what `expected` makes of the sum of a column, and of the output before.
    fn check<T: OutputElement + DrawnOutput>(
        &self,
        backend: Backend,
        case: &Case,
        (stage, scales): (&Stage, Option<&[f32]>),
        expected: impl Fn(i32, T, usize) -> T,
    ) -> Result<(), TestCaseError> {
        let &Uniform { codes: (ref a, ref b), zeros, strides: steps, count, shape } = self;
        let [rows, depth, columns] = shape;
        let lhs = UniformBatch {
            codes: BatchRef::with_strides(a, count, [rows, depth], steps[0], [depth, 1]).map_err(fail)?,
            zero_point: zeros[0],
        };
        let rhs = UniformBatch {
            codes: BatchRef::with_strides(b, count, [depth, columns], steps[1], [columns, 1])
                .map_err(fail)?,
            zero_point: zeros[1],
        };
        let plan = StagedGemm::new(backend, [depth, columns], stage).map_err(fail)?;
        let mut random = Random(case.seed ^ 2);
        let (stride, row_stride) = strides(count, [rows, columns + case.gap], random.flip());
        let len = (count * rows * (columns + case.gap)).saturating_sub(case.gap);
        let mut right: Vec<T> = (0..len).map(|_| T::draw(&mut random)).collect();
        let mut out = Guarded::new(&right, case.guard);
        let batch =
            BatchMut::with_strides(&mut out, count, [rows, columns], stride, row_stride).map_err(fail)?;
        match scales {
            None => in_tasks(plan.call(lhs, rhs, batch).map_err(fail)?, case),
            Some(scales) => in_tasks(plan.call_scaled(lhs, rhs, scales, batch).map_err(fail)?, case),
        }
        for number in 0..count {
            let (a, b) = (lhs.codes.matrix(number).map_err(fail)?, rhs.codes.matrix(number).map_err(fail)?);
            let sums = reference::gemm(&a, zeros[0], &b, &Per::Tensor(zeros[1]), None);
            for (at, sum) in sums.into_iter().enumerate() {
                let (row, column) = (at / columns, at % columns);
                let right = &mut right[number * stride + row * row_stride + column];
                *right = expected(sum, *right, column);
            }
        }
        for (at, (&found, right)) in out.iter().zip(right).enumerate() {
            prop_assert!(T::same_bits(found, right), "element {}: {:?}, not {:?}", at, found, right);
        }
        Ok(())
    }
}

/// Runs the tasks of a call, the last one first.
fn in_tasks<T: OutputElement>(call: BatchCall<'_, T, impl FillBatch<T>>, case: &Case) {
    let tasks: Vec<_> = call.tasks(case.tasks + 2).collect();
    let mut workspace = Workspace::new();
    tasks.into_iter().rev().for_each(|task| task.run(&mut workspace));
}

fn check_staged<A: Element, B: Element>(backend: Backend, case: &Case) -> Result<(), TestCaseError> {
    let batch = Uniform::<A, B>::new(case);
    let [_, depth, columns] = batch.shape;
    let mut random = Random(case.seed ^ 1);
    let kind = StageKind {
        kind: random.below(5) as u8,
        per_channel: random.flip(),
        signed: random.flip(),
        clamped: random.flip(),
    };
    let stage = kind.draw(&mut random, columns, 3000.0 * (depth as f64).sqrt());
    match &stage {
        Stage::Requantize(requantize) if stage.output() == ElementType::U8 => {
            let as_u8 = |sum: i32, _, n: usize| reference::requantize(sum, requantize, n) as u8;
            batch.check(backend, case, (&stage, None), as_u8)
        }
        Stage::Requantize(requantize) => {
            let as_i8 = |sum: i32, _, n: usize| reference::requantize(sum, requantize, n) as i8;
            batch.check(backend, case, (&stage, None), as_i8)
        }
        Stage::Dequantize(dequantize) => {
            let as_f32 = |sum: i32, _, n: usize| reference::dequantize(sum, dequantize, None, n);
            batch.check(backend, case, (&stage, None), as_f32)?;
            check_scaled(backend, case, &batch)
        }
        Stage::Accumulators { accumulate: true } => {
            batch.check(backend, case, (&stage, None), |sum, before, _| i32::wrapping_add(before, sum))
        }
        _ => batch.check(backend, case, (&stage, None), |sum, _, _| sum),
    }
}

/// Factors of calls in the place of the plan's.
fn check_scaled<A: Element, B: Element>(
    backend: Backend,
    case: &Case,
    batch: &Uniform<A, B>,
) -> Result<(), TestCaseError> {
    let [_, _, columns] = batch.shape;
    let bias: Vec<f32> = (0..columns).map(|n| n as f32 - 7.0).collect();
    let dequantize = |scale| Dequantize::new(scale).with_bias(Some(bias.clone()));
    let plan = Stage::Dequantize(dequantize(Per::Tensor(1.0)));
    for scales in [vec![-0.25], (0..columns).map(|n| 0.001 * (1 + n % 9) as f32).collect()] {
        let expected =
            dequantize(if scales.len() == 1 { Per::Tensor(scales[0]) } else { Per::Channel(scales.clone()) });
        let as_f32 = |sum: i32, _, n: usize| reference::dequantize(sum, &expected, None, n);
        batch.check(backend, case, (&plan, Some(&scales)), as_f32)?;
    }
    Ok(())
}

#[test]
fn batches_with_a_stage() {
    property_suite("staged_gemm", 0.2, cases(), |backend, case| match (case.signed, case.magnitude) {
        (false, false) => check_staged::<u8, u8>(backend, case),
        (false, true) => check_staged::<u8, i8>(backend, case),
        (true, false) => check_staged::<i8, u8>(backend, case),
        (true, true) => check_staged::<i8, i8>(backend, case),
    });
}

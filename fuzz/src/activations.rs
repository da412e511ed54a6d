//! Activations quantized when they come, and products of two of them: every backend against the oracle.

use eightbit::dynamic::{
    BatchMut, BatchRef, BatchedGemm, GroupwiseLinear, GroupwiseWeights, GrowingColumns, GrowingRows,
    PackedMatrix, QuantizeRows, QuantizedBatch, QuantizedRows, Rows, Spread, StagedGemm, UniformBatch,
    WeightGroups,
};
use eightbit::{
    Backend, Dequantize, Element, Error, MatMut, MatRef, Per, QuantizedType, Stage, Workspace, reference,
};

use eightbit_testing::precision::{narrow, number};

use crate::input::Input;

/// Rows of any floats, factors that grow and shrink in any order or lie in lent memory, a batch of products with any strides, or weights in
/// groups with any scales.
pub fn activations(data: &[u8]) {
    let mut input = Input::new(data);
    match input.byte() % 12 {
        0 => quantized::<u8>(input),
        1 => quantized::<i8>(input),
        2 => columns::<u8>(input),
        3 => columns::<i8>(input),
        4 => rows::<u8>(input),
        5 => rows::<i8>(input),
        6 => batch::<u8>(input),
        7 => batch::<i8>(input),
        8 => lent::<u8>(input),
        9 => lent::<i8>(input),
        10 => groupwise::<u8>(input),
        _ => groupwise::<i8>(input),
    }
}

/// Codes, scales and zero points of rows, or an error that names the first row without a range.
fn quantized<T: Element>(mut input: Input<'_>) {
    let (count, len, block) = (input.size(0, 5), input.size(0, 80), input.size(1, 90));
    let (spread, tasks) = (if input.bool() { Spread::Range } else { Spread::Magnitude }, input.size(1, 3));
    let x: Vec<f32> = (0..count * len).map(|_| f32::from_bits(input.word() as u32)).collect();
    let matrix = MatRef::new(&x, count, len).expect("the rows fit");
    let lines: Vec<&[f32]> = x.chunks(len.max(1)).flat_map(|row| row.chunks(block)).collect();
    let types: Vec<Option<QuantizedType>> =
        lines.iter().map(|x| reference::range_type(x, spread, T::TYPE)).collect();
    let (low, high) = T::TYPE.integer_range();
    let clamp = (low + i32::from(spread == Spread::Magnitude), high);
    for backend in Backend::available() {
        let plan = QuantizeRows::new(backend, spread).in_blocks(block).expect("a block has columns");
        let mut rows = QuantizedRows::<T>::new();
        let found = rows.quantize(&plan, matrix);
        if let Some(bad) = types.iter().position(Option::is_none) {
            let row = bad / len.div_ceil(block);
            assert!(
                matches!(found, Err(Error::NotQuantizable { row: named, .. }) if named == row),
                "{backend}: {found:?}"
            );
            continue;
        }
        found.expect("finite numbers");
        let alone = rows.rows().codes().expect("codes");
        let codes = (0..count * len).filter_map(|at| alone.get(at / len, at % len).copied());
        let expected = lines.iter().zip(&types).flat_map(|(x, of)| {
            let of = of.expect("a range");
            x.iter().map(move |&x| reference::quantize_element(x, &of, clamp))
        });
        assert!(codes.map(Into::into).eq(expected), "{backend}");
        if len > 0 {
            let scales = types.iter().flatten().map(|of| of.scale().to_bits());
            assert!(rows.rows().scales().iter().map(|scale| scale.to_bits()).eq(scales), "{backend}");
            assert!(
                rows.rows()
                    .zero_points()
                    .iter()
                    .copied()
                    .eq(types.iter().flatten().map(|of| of.zero_point()))
            );
        }
        let mut split = QuantizedRows::<T>::new();
        let tasks = split.call(&plan, matrix).expect("a call").tasks(tasks);
        tasks.for_each(|task| task.run().expect("finite numbers"));
        assert_eq!(format!("{:?}", split.rows()), format!("{:?}", rows.rows()), "{backend}");
    }
}

/// Lines of a factor, as they are drawn.
struct Lines<T> {
    codes: Vec<T>,
    zeros: Vec<i32>,
}

/// Draws lines to add and how many to leave, until there are enough; `one_zero` says that all have one zero point.
fn grow<T: Element>(
    input: &mut Input<'_>,
    len: usize,
    one_zero: bool,
    mut push: impl FnMut(Rows<'_, T>),
    mut truncate: impl FnMut(usize),
) -> Lines<T> {
    let mut all = Lines { codes: Vec::new(), zeros: Vec::new() };
    let zero = input.zero_point(T::TYPE);
    for _ in 0..input.size(1, 6) {
        let (count, left) = (input.size(0, 20), input.size(0, 255));
        let zeros: Vec<i32> =
            (0..count).map(|_| if one_zero { zero } else { input.zero_point(T::TYPE) }).collect();
        let codes = input.elements::<T>(count * len);
        let scales = vec![0.5; count];
        push(Rows::new(&codes, count, len, len.max(1), &scales, &zeros).expect("the lines fit"));
        all.codes.extend(codes);
        all.zeros.extend(zeros);
        if left < all.zeros.len() && left % 4 == 0 {
            truncate(left);
            all.codes.truncate(left * len);
            all.zeros.truncate(left);
        }
    }
    all
}

/// Compares products of `rows` with the oracle's, of the zero points and scales of columns.
fn compare<T: Element>(
    backend: Backend,
    out: &[f32],
    rows: &Drawn,
    matrix: &MatRef<'_, T>,
    zeros: &[i32],
    scales: &[f32],
) {
    let (depth, columns) = (matrix.rows(), matrix.columns());
    let stage = Dequantize::new(Per::Channel(scales.to_vec()));
    for (row, (&scale, &zero)) in rows.scales.iter().zip(&rows.zeros).enumerate() {
        let codes = MatRef::new(&rows.codes[row * depth..][..depth], 1, depth).expect("a row");
        let sums = reference::gemm(&codes, zero, matrix, &Per::Channel(zeros.to_vec()), None);
        let found = &out[row * columns..][..columns];
        let expected =
            sums.iter().enumerate().map(|(n, &sum)| reference::dequantize(sum, &stage, Some(scale), n));
        assert!(found.iter().copied().eq(expected), "{backend}: row {row}");
    }
}

/// Rows of a first factor.
struct Drawn {
    codes: Vec<u8>,
    scales: Vec<f32>,
    zeros: Vec<i32>,
}

impl Drawn {
    fn new(input: &mut Input<'_>, count: usize, len: usize) -> Drawn {
        let zeros = (0..count).map(|_| input.between(0, 255)).collect();
        let scales = (0..count).map(|_| 0.25 + f32::from(input.byte())).collect();
        Drawn { codes: input.elements(count * len), scales, zeros }
    }

    fn rows(&self, len: usize) -> Rows<'_, u8> {
        Rows::new(&self.codes, self.zeros.len(), len, len.max(1), &self.scales, &self.zeros)
            .expect("they fit")
    }
}

fn columns<T: Element>(mut input: Input<'_>) {
    let (depth, capacity, count) = (input.size(0, 70), input.size(0, 40), input.size(1, 20));
    for backend in Backend::available() {
        let mut input = input.clone();
        let factor =
            std::cell::RefCell::new(GrowingColumns::new::<T>(backend, depth, capacity).expect("it fits"));
        let all = grow::<T>(
            &mut input,
            depth,
            false,
            |rows| factor.borrow_mut().push(rows).expect("they fit"),
            |left| factor.borrow_mut().truncate(left),
        );
        let (factor, lines) = (factor.into_inner(), all.zeros.len());
        let rows = Drawn::new(&mut input, count, depth);
        let mut out = vec![0f32; count * lines];
        let call = factor.call(rows.rows(depth), MatMut::new(&mut out, count, lines).expect("they fit"));
        call.expect("the shapes agree").run(&mut Workspace::new());
        let matrix = MatRef::new(&all.codes, lines, depth).expect("they fit").transposed();
        compare(backend, &out, &rows, &matrix, &all.zeros, &vec![0.5; lines]);
    }
}

fn rows<T: Element>(mut input: Input<'_>) {
    let (columns, capacity, count) = (input.size(0, 70), input.size(0, 40), input.size(1, 20));
    for backend in Backend::available() {
        let mut input = input.clone();
        let factor =
            std::cell::RefCell::new(GrowingRows::new::<T>(backend, columns, capacity).expect("it fits"));
        let all = grow::<T>(
            &mut input,
            columns,
            true,
            |rows| factor.borrow_mut().push(rows).expect("they fit"),
            |left| factor.borrow_mut().truncate(left),
        );
        let (factor, depth) = (factor.into_inner(), all.zeros.len());
        let rows = Drawn::new(&mut input, count, depth);
        let mut out = vec![0f32; count * columns];
        let call = factor.call(rows.rows(depth), MatMut::new(&mut out, count, columns).expect("they fit"));
        call.expect("the shapes agree").run(&mut Workspace::new());
        let matrix = MatRef::new(&all.codes, depth, columns).expect("they fit");
        let zeros = vec![all.zeros.first().copied().unwrap_or(0); columns];
        compare(backend, &out, &rows, &matrix, &zeros, &vec![1.0; columns]);
    }
}

/// Packs a matrix into memory that begins anywhere, and that other matrices were packed into.
fn lent<T: Element>(mut input: Input<'_>) {
    let [depth, columns, count] = [input.size(0, 70), input.size(0, 90), input.size(1, 20)];
    let (start, transposed) = (input.size(0, 70), input.bool());
    let rows = Drawn::new(&mut input, count, depth);
    let one = if input.bool() { Some(1) } else { None };
    let zeros: Vec<i32> = (0..one.unwrap_or(columns)).map(|_| input.zero_point(T::TYPE)).collect();
    let scales: Vec<f32> = (0..one.unwrap_or(columns)).map(|_| 0.25 + f32::from(input.byte())).collect();
    let codes = input.elements::<T>(depth * columns);
    let matrix = if transposed {
        MatRef::new(&codes, columns, depth).expect("they fit").transposed()
    } else {
        MatRef::new(&codes, depth, columns).expect("they fit")
    };
    let of_all = |at: usize| if one.is_some() { 0 } else { at };
    let (all_scales, all_zeros): (Vec<f32>, Vec<i32>) =
        (0..columns).map(|column| (scales[of_all(column)], zeros[of_all(column)])).unzip();
    for backend in Backend::available() {
        let bytes = PackedMatrix::bytes(backend, depth, columns).expect("they fit");
        let mut memory = input.elements::<u8>(start + bytes);
        let packed = PackedMatrix::pack_into(backend, &matrix, &scales, &zeros, &mut memory[start..]);
        let mut out = vec![0f32; count * columns];
        let outputs = MatMut::new(&mut out, count, columns).expect("they fit");
        let packed = packed.expect("there is enough memory");
        packed.call(rows.rows(depth), outputs).expect("the shapes agree").run(&mut Workspace::new());
        compare(backend, &out, &rows, &matrix, &all_zeros, &all_scales);
    }
}

/// Products with weights in groups, or an error if there is no such group or a scale is not finite.
fn groupwise<T: Element>(mut input: Input<'_>) {
    let [count, depth, columns] = [input.size(0, 16), input.size(0, 255), input.size(0, 90)];
    let (depths, tasks) = (32 * input.size(0, 9) + input.size(0, 40) / 40, input.size(1, 4));
    let groups = depth.div_ceil(depths.max(1)) * columns;
    let any = input.bool();
    let scales: Vec<f32> = (0..groups)
        .map(|_| if any { f32::from_bits(input.word() as u32) } else { 0.25 + f32::from(input.byte()) })
        .collect();
    let one = if input.bool() { 1 } else { groups };
    let precision = input.precision();
    let zero_points: Vec<i32> =
        (0..one).map(|_| number(precision, T::TYPE, input.zero_point(T::TYPE))).collect();
    let drawn = Drawn::new(&mut input, count, depth);
    let codes = narrow(precision, input.elements::<T>(depth * columns));
    let matrix = MatRef::new(&codes, columns, depth).expect("they fit").transposed();
    let groups = WeightGroups { depths, scales: &scales, zero_points: &zero_points };
    let fits = depths > 0 && depths % 32 == 0 && depths <= depth && scales.iter().all(|x| x.is_finite());
    for backend in Backend::available() {
        let packed = GroupwiseWeights::pack_as(backend, &matrix, precision, &groups);
        assert_eq!(packed.is_ok(), fits, "{backend}: {:?}", packed.err());
        let Ok(packed) = packed else { return };
        let linear = GroupwiseLinear::new(packed, Spread::Range);
        let mut out = vec![0f32; count * columns];
        let (rows, outputs) = (drawn.rows(depth), MatMut::new(&mut out, count, columns).expect("they fit"));
        let call = linear.call(rows, outputs).expect("the shapes agree");
        call.tasks(tasks).for_each(|task| task.run(&mut Workspace::new()));
        let expected =
            reference::groupwise(&rows, &matrix, &groups, None, (f32::NEG_INFINITY, f32::INFINITY));
        let bits = |x: &[f32]| x.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&out), bits(&expected), "{backend}");
    }
}

/// Strides of a batch of matrices: one after the other or side by side, or any.
fn strides(input: &mut Input<'_>, count: usize, [rows, columns]: [usize; 2]) -> (usize, [usize; 2]) {
    let columns = columns + input.size(0, 3);
    match input.byte() % 4 {
        0 => (rows * columns, [columns, 1]),
        1 => (columns, [count * columns, 1]),
        2 => (0, [columns, 1]),
        _ => (input.size(0, 200), [input.size(0, 60), input.size(0, 60)]),
    }
}

/// Codes of a batch, perhaps of exchanged rows and columns; `None` if an element is not in `codes`.
fn drawn_batch<'a, T: Element>(
    input: &mut Input<'_>,
    codes: &'a [T],
    count: usize,
    [rows, columns]: [usize; 2],
) -> Option<BatchRef<'a, T>> {
    let transposed = input.bool();
    let shape = if transposed { [columns, rows] } else { [rows, columns] };
    let (stride, own) = strides(input, count, shape);
    let batch = BatchRef::with_strides(codes, count, shape, stride, own).ok()?;
    Some(if transposed { batch.transposed() } else { batch })
}

/// Scales and zero points of a batch: one for each line of each matrix, with any strides.
struct Meaning {
    scales: Vec<f32>,
    zeros: Vec<i32>,
    strides: [[usize; 2]; 2],
}

impl Meaning {
    fn new<T: Element>(input: &mut Input<'_>, count: usize, lines: usize) -> Meaning {
        let mut strides = || match input.byte() % 4 {
            0 => [0, 0],
            1 => [0, 1],
            2 => [1, count],
            _ => [lines, 1],
        };
        let strides = [strides(), strides()];
        let scales = (0..count * lines).map(|_| 0.25 + f32::from(input.byte())).collect();
        let zeros = (0..count * lines).map(|_| input.zero_point(T::TYPE)).collect();
        Meaning { scales, zeros, strides }
    }

    fn of<'a, T>(&'a self, codes: BatchRef<'a, T>, lines: usize) -> QuantizedBatch<'a, T> {
        let (count, [of_scales, of_zeros]) = (codes.count(), self.strides);
        QuantizedBatch {
            codes,
            scales: MatRef::with_strides(&self.scales, count, lines, of_scales[0], of_scales[1])
                .expect("they fit"),
            zero_points: MatRef::with_strides(&self.zeros, count, lines, of_zeros[0], of_zeros[1])
                .expect("they fit"),
        }
    }
}

/// The elements of a row.
fn row<T: Copy>(matrix: &MatRef<'_, T>, row: usize) -> Vec<T> {
    (0..matrix.columns()).filter_map(|column| matrix.get(row, column).copied()).collect()
}

fn batch<T: Element>(mut input: Input<'_>) {
    let [count, m, k, n] = [input.size(1, 3), input.size(0, 20), input.size(0, 40), input.size(0, 90)];
    let tasks = input.size(1, 9);
    let (a, b) = (input.elements::<u8>(count * m * (k + 3)), input.elements::<T>(count * k * (n + 3)));
    let Some(lhs) = drawn_batch(&mut input, &a, count, [m, k]) else { return };
    let Some(rhs) = drawn_batch(&mut input, &b, count, [k, n]) else { return };
    let (stride, [row_stride, _]) = strides(&mut input, count, [m, n]);
    let [of_lhs, of_rhs] =
        [Meaning::new::<u8>(&mut input, count, m), Meaning::new::<T>(&mut input, count, n)];
    let (lhs, rhs) = (of_lhs.of(lhs, m), of_rhs.of(rhs, n));
    for backend in Backend::available() {
        const UNTOUCHED: f32 = -0.0;
        let mut out = vec![UNTOUCHED; count * (m + 3) * (n + 3)];
        // Rows that overlap, or lie outside, are refused.
        let Ok(outputs) = BatchMut::with_strides(&mut out, count, [m, n], stride, row_stride) else { return };
        let call = BatchedGemm::new(backend).call(lhs, rhs, outputs).expect("the shapes agree");
        let mut workspace = Workspace::new();
        call.tasks(tasks).for_each(|task| task.run(&mut workspace));
        for number in 0..count {
            let a = lhs.codes.matrix(number).expect("a matrix");
            let codes = (0..m).flat_map(|at| row(&a, at)).collect();
            let rows =
                Drawn { codes, scales: row(&lhs.scales, number), zeros: row(&lhs.zero_points, number) };
            let found: Vec<f32> = (0..m)
                .flat_map(|row| {
                    out.get(number * stride + row * row_stride..).unwrap_or_default().iter().take(n)
                })
                .copied()
                .collect();
            let matrix = rhs.codes.matrix(number).expect("a matrix");
            let (zeros, scales) = (row(&rhs.zero_points, number), row(&rhs.scales, number));
            compare(backend, &found, &rows, &matrix, &zeros, &scales);
        }
        // No product is −0.0: scales are positive, and a sum of 0 is 0.0.
        let written = out.iter().filter(|x| x.to_bits() != UNTOUCHED.to_bits()).count();
        assert_eq!(written, count * m * n, "{backend}: other elements are written");
        staged(backend, [zero_of(&lhs), zero_of(&rhs)], (lhs.codes, rhs.codes), tasks);
    }
}

/// A zero point of a factor, 0 if it has none.
fn zero_of<T>(factor: &QuantizedBatch<'_, T>) -> i32 {
    factor.zero_points.get(0, 0).copied().unwrap_or(0)
}

/// The sums of the products of a batch with one zero point for each factor.
fn staged<T: Element>(
    backend: Backend,
    zeros: [i32; 2],
    (a, b): (BatchRef<'_, u8>, BatchRef<'_, T>),
    tasks: usize,
) {
    let (count, m, n) = (a.count(), a.rows(), b.columns());
    let plan = StagedGemm::new(backend, [b.rows(), n], &Stage::ACCUMULATORS).expect("a small plan");
    let (lhs, rhs) =
        (UniformBatch { codes: a, zero_point: zeros[0] }, UniformBatch { codes: b, zero_point: zeros[1] });
    let mut out = vec![0i32; count * m * n];
    let call = plan.call(lhs, rhs, BatchMut::new(&mut out, count, [m, n]).expect("they fit"));
    let mut workspace = Workspace::new();
    call.expect("the shapes agree").tasks(tasks).for_each(|task| task.run(&mut workspace));
    for (number, found) in out.chunks((m * n).max(1)).enumerate() {
        let (a, b) = (a.matrix(number).expect("a matrix"), b.matrix(number).expect("a matrix"));
        assert_eq!(found, reference::gemm(&a, zeros[0], &b, &Per::Tensor(zeros[1]), None), "{backend}");
    }
}

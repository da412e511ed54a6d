//! Activations quantized when they come, and products of two of them: every backend against the oracle.

use eightbit::dynamic::{
    BatchMut, BatchRef, BatchedGemm, GrowingColumns, GrowingRows, QuantizeRows, QuantizedBatch,
    QuantizedRows, Rows, Spread,
};
use eightbit::{
    Backend, Dequantize, Element, Error, MatMut, MatRef, Per, QuantizedType, Workspace, reference,
};

use crate::input::Input;

/// Rows of any floats, factors that grow and shrink in any order, or a batch of products with any strides.
pub fn activations(data: &[u8]) {
    let mut input = Input::new(data);
    match input.byte() % 8 {
        0 => quantized::<u8>(input),
        1 => quantized::<i8>(input),
        2 => columns::<u8>(input),
        3 => columns::<i8>(input),
        4 => rows::<u8>(input),
        5 => rows::<i8>(input),
        6 => batch::<u8>(input),
        _ => batch::<i8>(input),
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

/// Compares products of `rows` with the oracle's: `scale` is that of all columns.
fn compare<T: Element>(
    backend: Backend,
    out: &[f32],
    rows: &Drawn,
    matrix: &MatRef<'_, T>,
    zeros: &[i32],
    scale: f32,
) {
    let (depth, columns) = (matrix.rows(), matrix.columns());
    let stage = Dequantize::new(Per::Tensor(scale));
    for (row, (&scale, &zero)) in rows.scales.iter().zip(&rows.zeros).enumerate() {
        let codes = MatRef::new(&rows.codes[row * depth..][..depth], 1, depth).expect("a row");
        let sums = reference::gemm(&codes, zero, matrix, &Per::Channel(zeros.to_vec()), None);
        let found = &out[row * columns..][..columns];
        let expected = sums.iter().map(|&sum| reference::dequantize(sum, &stage, Some(scale), 0));
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
        compare(backend, &out, &rows, &matrix, &all.zeros, 0.5);
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
        compare(backend, &out, &rows, &matrix, &zeros, 1.0);
    }
}

fn batch<T: Element>(mut input: Input<'_>) {
    let [count, m, k, n] = [input.size(1, 3), input.size(0, 20), input.size(0, 40), input.size(0, 40)];
    let (gap, tasks) = (input.size(0, 3), input.size(1, 5));
    // One after the other, or side by side.
    let beside = input.bool();
    let strides = |rows: usize, columns: usize| {
        if beside {
            (columns + gap, count * (columns + gap))
        } else {
            (rows * (columns + gap), columns + gap)
        }
    };
    let rows: Vec<Drawn> = (0..count).map(|_| Drawn::new(&mut input, m, 0)).collect();
    let zero = input.zero_point(T::TYPE);
    let (scales, zeros): (Vec<f32>, Vec<i32>) =
        rows.iter().flat_map(|rows| rows.scales.iter().copied().zip(rows.zeros.iter().copied())).unzip();
    let (a, b) = (input.elements::<u8>(count * m * (k + gap)), input.elements::<T>(count * k * (n + gap)));
    let (stride, row_stride) = strides(m, k);
    let lhs = QuantizedBatch {
        codes: BatchRef::with_strides(&a, count, [m, k], stride, [row_stride, 1]).expect("they fit"),
        scales: MatRef::new(&scales, count, m).expect("they fit"),
        zero_points: MatRef::new(&zeros, count, m).expect("they fit"),
    };
    let (stride, row_stride) = strides(k, n);
    let zeros = [zero];
    let rhs = QuantizedBatch {
        codes: BatchRef::with_strides(&b, count, [k, n], stride, [row_stride, 1]).expect("they fit"),
        scales: MatRef::with_strides(&[0.5], count, n, 0, 0).expect("they fit"),
        zero_points: MatRef::with_strides(&zeros, count, n, 0, 0).expect("they fit"),
    };
    for backend in Backend::available() {
        let (stride, row_stride) = strides(m, n);
        let mut out = vec![0f32; count * m * (n + gap)];
        let outputs = BatchMut::with_strides(&mut out, count, [m, n], stride, row_stride).expect("they fit");
        let call = BatchedGemm::new(backend).call(lhs, rhs, outputs).expect("the shapes agree");
        let mut workspace = Workspace::new();
        call.tasks(tasks).for_each(|task| task.run(&mut workspace));
        for (number, rows) in rows.iter().enumerate() {
            let lhs = lhs.codes.matrix(number).expect("a matrix");
            let codes = (0..m * k).filter_map(|at| lhs.get(at / k, at % k).copied()).collect();
            let rows = Drawn { codes, scales: rows.scales.clone(), zeros: rows.zeros.clone() };
            let found: Vec<f32> =
                (0..m).flat_map(|row| out[number * stride + row * row_stride..][..n].to_vec()).collect();
            let matrix = rhs.codes.matrix(number).expect("a matrix");
            compare(backend, &found, &rows, &matrix, &vec![zero; n], 0.5);
        }
    }
}

//! Hostile structs and owners: impossible sizes and strides, empty slices, buffers whose bytes change between reads, wrong
//! headers. Whatever is not refused must run, and stay inside its slices.

use eightbit::pool::{AveragePool2d, MaxPool2d, Pool2dShape};
use eightbit::{
    Backend, Conv2d, Conv2dShape, ElementType, Error, Gemm, MatMut, MatRef, PackedError, PackedWeights,
    Padding, QuantizedType, Stage, Workspace,
};
use eightbit_kernels::gemm::{MatrixRows, OutputBlock, Patches};
use eightbit_kernels::{PatchGeometry, Window2d};
use eightbit_testing::hostile::{ChangingBuffer, few};

use crate::input::Input;
use crate::packed::crc32;

/// The most elements of an operand.
const LARGEST: usize = 1 << 12;
/// The most products of a call.
const MOST: usize = 1 << 18;

/// Structs and owners of every kind.
pub fn hostile(data: &[u8]) {
    let mut input = Input::new(data);
    match input.byte() % 7 {
        0 => convolution(input),
        1 => pool(input),
        2 => matrices(input),
        3 => output(input),
        4 => window(input),
        5 => owner(input),
        _ => header(input),
    }
}

/// Mostly a small number, sometimes one that exceeds any memory.
fn size(input: &mut Input<'_>) -> usize {
    let small = usize::from(input.byte());
    match small {
        0..216 => small % 9,
        216..226 => 1 << (small % 20),
        226..236 => 1 << (usize::BITS as usize * 5 / 8),
        236..246 => 1 << (usize::BITS as usize - 2 + small % 2),
        _ => usize::MAX - small % 3,
    }
}

fn sizes<const N: usize>(input: &mut Input<'_>) -> [usize; N] {
    std::array::from_fn(|_| size(input))
}

fn backend(input: &mut Input<'_>) -> Backend {
    let backends: Vec<Backend> = Backend::available().collect();
    backends[usize::from(input.byte()) % backends.len()]
}

fn padding(input: &mut Input<'_>) -> Padding {
    let [top, left, bottom, right] = sizes(input);
    Padding { top, left, bottom, right }
}

fn convolution(mut input: Input<'_>) {
    let backend = backend(&mut input);
    let [batch, in_channels, out_channels] = sizes(&mut input);
    let groups = [1, 1, in_channels, size(&mut input)][usize::from(input.byte()) % 4];
    let shape = Conv2dShape::new(sizes(&mut input), in_channels, out_channels, sizes(&mut input))
        .with_batch(batch)
        .with_stride(sizes(&mut input))
        .with_dilation(sizes(&mut input))
        .with_pad(padding(&mut input))
        .with_groups(groups);
    if shape.check().is_err() {
        return;
    }
    let ([height, width], [kernel_h, kernel_w]) = (shape.output(), shape.kernel);
    let Some(weights) = few(LARGEST, &[out_channels, kernel_h, kernel_w, in_channels / groups]) else {
        return;
    };
    let weights = input.elements::<i8>(weights);
    let packed = Conv2d::pack(backend, &shape, &weights, 1).expect("the shape was checked");
    let conv = Conv2d::new(shape, packed, ElementType::U8, 3, None, &Stage::ACCUMULATORS).expect("a plan");
    let _ = conv.explain();
    let pixels = few(LARGEST, &[batch, shape.input[0], shape.input[1], in_channels]);
    let outputs = few(LARGEST, &[batch, height, width, out_channels]);
    let (Some(pixels), Some(outputs)) = (pixels, outputs) else { return };
    if few(MOST, &[outputs, weights.len() / out_channels]).is_none() {
        return;
    }
    let (pixels, mut out) = (input.elements::<u8>(pixels), vec![0i32; outputs]);
    conv.call(&pixels, &mut out).expect("operands of the plan's sizes").run(&mut Workspace::new());
}

fn pool(mut input: Input<'_>) {
    let backend = backend(&mut input);
    let shape = Pool2dShape::new(sizes(&mut input), size(&mut input), sizes(&mut input))
        .with_batch(size(&mut input))
        .with_stride(sizes(&mut input))
        .with_dilation(sizes(&mut input))
        .with_pad(padding(&mut input))
        .with_round_up(input.bool());
    let of = QuantizedType::u8(0.5, 3).expect("a type");
    let Ok(greatest) = MaxPool2d::new(backend, shape) else { return };
    let average = AveragePool2d::new(backend, shape, of, of).expect("a plan").count_padding(input.bool());
    let [height, width] = shape.output();
    let pixels = few(LARGEST, &[shape.batch, shape.input[0], shape.input[1], shape.channels]);
    let outputs = few(LARGEST, &[shape.batch, height, width, shape.channels]);
    let (Some(pixels), Some(outputs)) = (pixels, outputs) else { return };
    let (pixels, mut out) = (input.elements::<u8>(pixels), vec![0u8; outputs]);
    let mut workspace = Workspace::new();
    greatest.call(&pixels, &mut out).expect("operands of the plan's sizes").run(&mut workspace);
    average.call(&pixels, &mut out).expect("operands of the plan's sizes").run(&mut workspace);
}

/// A product of views of any strides into slices of any length.
fn matrices(mut input: Input<'_>) {
    let backend = backend(&mut input);
    let ([m, k, n], [down, across], stride) = (sizes(&mut input), sizes(&mut input), size(&mut input));
    let [weights_down, weights_across] = sizes(&mut input);
    let lens = [input.size(0, 200), input.size(0, 200), input.size(0, 200)];
    let (lhs, weights) = (input.elements::<u8>(lens[0]), input.elements::<i8>(lens[1]));
    let mut out = vec![0i32; lens[2]];
    let Ok(weights) = MatRef::with_strides(&weights, k, n, weights_down, weights_across) else { return };
    if k.saturating_mul(n) > MOST {
        return;
    }
    let Ok(packed) = PackedWeights::pack(backend, &weights, 1) else { return };
    let plan = Gemm::new(packed, ElementType::U8, 3, None, &Stage::ACCUMULATORS).expect("a plan");
    let _ = plan.explain(m);
    let Ok(lhs) = MatRef::with_strides(&lhs, m, k, down, across) else { return };
    let Ok(out) = MatMut::with_row_stride(&mut out, m, n, stride) else { return };
    plan.call(lhs, out).expect("views of the plan's sizes").run(&mut Workspace::new());
}

/// Blocks of an output: every row of every part lies in the slice.
fn output(mut input: Input<'_>) {
    let ([rows, columns], stride) = (sizes(&mut input), size(&mut input));
    let mut data = vec![0u8; input.size(0, 200)];
    if MatMut::with_row_stride(&mut data, rows, columns, stride).is_err() {
        return;
    }
    let range = data.as_ptr_range();
    let block = OutputBlock::new(&mut data, rows, columns, stride);
    let (upper, lower) = block.split_rows(rows.min(usize::from(input.byte())));
    let (left, right) = lower.split_columns(columns.min(usize::from(input.byte())));
    for mut part in [upper, left, right] {
        for row in [0, part.rows() / 2, part.rows().saturating_sub(1)] {
            if row < part.rows() {
                let row = part.row_mut(row);
                row.fill(1);
                assert!(row.is_empty() || range.contains(&row.as_ptr()), "a row outside its slice");
            }
        }
    }
}

/// Sizes that were checked do not overflow.
fn window(mut input: Input<'_>) {
    let geometry = PatchGeometry {
        batch: size(&mut input),
        input: sizes(&mut input),
        channels: size(&mut input),
        kernel: sizes(&mut input),
        stride: sizes(&mut input),
        dilation: sizes(&mut input),
        pad: sizes(&mut input),
        output: sizes(&mut input),
    };
    let [first, channels, rows, columns, row_stride] = sizes(&mut input);
    let _ = MatrixRows::new(&[0; 64], rows, columns, row_stride, 1);
    let Some(window) = Window2d::new(geometry) else { return };
    let exact = |sizes: &[usize]| sizes.iter().map(|&size| size as u128).product::<u128>();
    assert_eq!(window.taps() as u128, exact(&geometry.kernel));
    let [height, width] = geometry.input;
    assert_eq!(window.input_len() as u128, exact(&[geometry.batch, height, width, geometry.channels]));
    if let Some(patches) = Patches::new(window, first, channels) {
        assert!(first as u128 + channels as u128 <= geometry.channels as u128);
        assert_eq!(*patches.window(), window);
    }
}

fn owner(mut input: Input<'_>) {
    let backend = backend(&mut input);
    let depthwise = input.bool();
    let (channels, kernel) = (input.size(1, 70), [input.size(1, 6), input.size(1, 3)]);
    let mut shape = Conv2dShape::new([7, 4], channels, input.size(1, 40), kernel);
    shape.pad = Padding::same(input.size(0, 2));
    if depthwise {
        (shape.groups, shape.out_channels) = (channels, channels);
    }
    let [faithful, tasks] = [input.size(0, 8), input.size(1, 3)];
    let kept = usize::from(input.byte()) << 8 | usize::from(input.byte());
    if shape.check().is_err() {
        return;
    }
    let weights = shape.out_channels * kernel[0] * kernel[1] * (channels / shape.groups);
    let whole = Conv2d::pack(backend, &shape, &input.elements::<i8>(weights), 0).expect("pack").to_bytes();
    let mut later = whole.clone();
    later.truncate(kept);
    later.reverse();
    let owner = ChangingBuffer::new(whole, later, faithful);
    let Ok(packed) = PackedWeights::from_shared(backend, owner) else { return };
    let conv = match Conv2d::new(shape, packed, ElementType::U8, 3, None, &Stage::ACCUMULATORS) {
        Ok(conv) => conv,
        Err(error) => return assert_eq!(error, Error::Packed(PackedError::Shrunk)),
    };
    let pixels = input.elements::<u8>(7 * 4 * channels);
    let mut out = vec![0i32; shape.output().iter().product::<usize>() * shape.out_channels];
    match conv.call(&pixels, &mut out).map(|call| call.tasks(tasks)) {
        Ok(tasks) => tasks.for_each(|task| task.run(&mut Workspace::new())),
        Err(error) => assert_eq!(error, Error::Packed(PackedError::Shrunk)),
    }
}

/// Saved weights with two changed sizes and the matching checksum.
fn header(mut input: Input<'_>) {
    let backend = backend(&mut input);
    let (k, n) = (input.size(0, 9), input.size(0, 20));
    let weights = input.elements::<i8>(k * n);
    let weights = MatRef::new(&weights, k, n).expect("the weights fit");
    let mut file = PackedWeights::pack(backend, &weights, 0).expect("pack").to_bytes();
    let name = u32::from_le_bytes(file[12..16].try_into().expect("four bytes")) as usize;
    for _ in 0..2 {
        let at = 16 + name + 2 + 8 * input.size(0, 4);
        let value = size(&mut input) as u64;
        file[at..at + 8].copy_from_slice(&value.to_le_bytes());
    }
    let body = file.len() - 4;
    let checksum = crc32(&file[..body]);
    file[body..].copy_from_slice(&checksum.to_le_bytes());
    let Ok(packed) = PackedWeights::from_bytes(backend, &file) else { return };
    let (k, n) = (packed.depth(), packed.columns());
    let plan = Gemm::new(packed, ElementType::U8, 3, None, &Stage::ACCUMULATORS);
    let (Ok(plan), Some(elements), Some(outputs)) = (plan, few(LARGEST, &[3, k]), few(MOST, &[3, n])) else {
        return;
    };
    let (lhs, mut out) = (input.elements::<u8>(elements), vec![0i32; outputs]);
    let lhs = MatRef::new(&lhs, 3, k).expect("the rows fit");
    let out = MatMut::new(&mut out, 3, n).expect("the rows fit");
    plan.call(lhs, out)
        .expect("views of the plan's sizes")
        .run(&mut Workspace::with_capacity(plan.workspace_bytes()));
}

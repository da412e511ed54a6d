//! What safe code may hand to the kernels: descriptions of impossible sizes, strides that leave the data, outputs without
//! elements. Each is refused or computed correctly.
#![cfg(unix)]

use eightbit_kernels::depthwise::{self, PackedTaps, TapsView};
use eightbit_kernels::gemm::{
    self, Activations, Border, Lhs, MatrixRows, OutputBlock, PackedPanels, PaddingElision, PatchRows,
    Patches, Stage, WeightView, best_elision,
};
use eightbit_kernels::pooling::{self, MaxCall};
use eightbit_kernels::{Backend, PatchGeometry, Scratch, Window2d};
use eightbit_testing::backends;
use eightbit_testing::hostile::{few, pairs};
use eightbit_testing::suite::is_thorough;

/// Elements that a case may have.
const LARGEST: usize = 1 << 14;

const FIELDS: usize = 14;

fn set(geometry: &mut PatchGeometry, (field, value): (usize, usize)) {
    let PatchGeometry { batch, input, channels, kernel, stride, dilation, pad, output } = geometry;
    let pairs = [input, kernel, stride, dilation, pad, output];
    let fields = [batch, channels].into_iter().chain(pairs.into_iter().flatten());
    *fields.into_iter().nth(field).unwrap() = value;
}

fn small(sizes: &[usize]) -> Option<usize> {
    few(LARGEST, sizes)
}

/// Runs what can be run of a window: a convolution, a depthwise convolution and a pool. Returns how many ran.
fn run_window(backend: Backend, window: Window2d, scratch: &mut Scratch) -> usize {
    let mut ran = 0;
    let Some(depth) = small(&[window.kernel[0], window.kernel[1], window.channels]) else { return 0 };
    let weights = vec![1u8; depth * 3];
    let contiguous = window.dilation[1] == 1;
    let (segments, segment_len) =
        PackedPanels::convolution_segments(backend, window.kernel, window.channels, contiguous);
    let view = WeightView {
        data: &weights,
        signed: true,
        bits: 8,
        columns: 3,
        segments,
        segment_len,
        taps: 1,
        depth_stride: 3,
        column_stride: 1,
    };
    let packed = PackedPanels::pack(backend, &view);
    let patches = Patches::new(window, 0, window.channels).expect("all channels");
    let elision = best_elision(backend, &patches, &packed);
    let input = small(&[window.batch, window.input[0], window.input[1], window.channels]);
    let rows = small(&[window.batch, window.output[0], window.output[1]]);
    let (Some(input), Some(rows)) = (input, rows) else { return 0 };
    if small(&[rows, depth]).is_none() {
        return 0;
    }
    let (input, padding) = (vec![2u8; input], vec![0u8; window.kernel[1] * window.channels]);
    let panels = packed.get().unwrap();
    let tap_sums = panels.tap_sums(window.taps());
    let (mut init, mut zeros) = ([0; 16], [0; 16]);
    let activations = Activations { signed: false, zero_point: 0 };
    packed.initial_accumulators(backend, None, activations, |_| 0, &mut init, &mut zeros);
    let stage = Stage::Accumulators { accumulate: false };
    let call = |elision| gemm::Call {
        backend,
        lhs: Lhs::Patches(PatchRows::new(patches, &input, &padding).expect("an image")),
        lhs_signed: false,
        panels,
        init: &init,
        weight_zeros: None,
        row_zeros: None,
        border: Border { elision, tap_sums: &tap_sums, lhs_zero: 0 },
        stage,
        memo: None,
    };
    let (mut all, mut best) = (vec![9i32; rows * 3], vec![9i32; rows * 3]);
    gemm::run(&call(PaddingElision::Nothing), OutputBlock::new(&mut all, rows, 3, 3), scratch);
    gemm::run(&call(elision), OutputBlock::new(&mut best, rows, 3, 3), scratch);
    assert!(all == best, "{backend} {window:?}");
    ran += 1;

    let channels = window.channels;
    let (kernel, data) = (window.kernel, &weights[..depth]);
    let view = TapsView { data, signed: true, channels, kernel, tap_stride: channels, channel_stride: 1 };
    let taps = PackedTaps::pack(backend, &view, |_| 0);
    let mut init = vec![0; taps.padded_channels()];
    taps.initial_accumulators(None, 0, false, &mut init);
    if let Some(outputs) = small(&[rows, channels]) {
        let mut out = vec![9i32; outputs];
        let (input, padding, weights) = (&input, &padding, taps.get().unwrap());
        let call =
            depthwise::Call { backend, window, input, padding, signed: false, weights, init: &init, stage };
        depthwise::run(&call, OutputBlock::new(&mut out, rows, channels, channels), scratch);
        // All weights are 1 and all pixels 2: the columns of a product are sums over the channels of this one.
        for (pixel, sums) in out.chunks_exact(channels).enumerate() {
            assert_eq!(sums.iter().sum::<i32>(), all[3 * pixel], "{backend} {window:?}");
        }
        ran += 1;
        if rows == 0 || sees_the_image(&window) {
            let mut out = vec![9u8; outputs];
            let block = OutputBlock::new(&mut out, rows, channels, channels);
            pooling::maximum(&MaxCall { backend, input, window }, block, scratch);
            assert!(out.iter().all(|&x| x == 2), "{backend} {window:?}");
        }
        ran += 1;
    }
    ran
}

/// Whether every window has a tap on the image, without which there is no maximum.
fn sees_the_image(window: &Window2d) -> bool {
    (0..2).all(|axis| {
        (0..window.output[axis]).all(|output| {
            (0..window.kernel[axis]).any(|tap| {
                let at = output as i128 * window.stride[axis] as i128 - window.pad[axis] as i128;
                (0..window.input[axis] as i128).contains(&(at + tap as i128 * window.dilation[axis] as i128))
            })
        })
    })
}

#[test]
fn every_pair_of_sizes_of_a_window_is_refused_or_runs() {
    for backend in backends() {
        let mut scratch = Scratch::new();
        let (mut ran, mut refused) = (0, 0);
        for channels in [3, 20] {
            let base = PatchGeometry {
                batch: 1,
                input: [4, 5],
                channels,
                kernel: [3, 2],
                stride: [1, 2],
                dilation: [1, 1],
                pad: [1, 1],
                output: [3, 2],
            };
            pairs(FIELDS, |fields| {
                let mut geometry = base;
                fields.into_iter().for_each(|field| set(&mut geometry, field));
                match Window2d::new(geometry) {
                    Some(window) => ran += run_window(backend, window, &mut scratch),
                    None => refused += 1,
                }
            });
        }
        assert!(
            !is_thorough() || (ran > 500 && refused > 500),
            "{backend}: {ran} ran, {refused} were refused"
        );
    }
}

#[test]
fn taps_that_wrap_are_refused() {
    let geometry = PatchGeometry {
        batch: 1,
        input: [1, 1],
        channels: 16,
        kernel: [(1 << (usize::BITS - 1)) + 1, 2],
        stride: [1, 1],
        dilation: [1, 1],
        pad: [0, 0],
        output: [1, 1],
    };
    assert_eq!(Window2d::new(geometry), None);
}

#[test]
fn rows_without_columns_are_empty_slices() {
    for (rows, stride) in [(2, usize::MAX), (usize::MAX, usize::MAX), (1, 0), (usize::MAX, 3)] {
        let mut block = OutputBlock::<u8>::new(&mut [], rows, 0, stride);
        assert!(block.row_mut(rows - 1).is_empty());
        let (upper, mut lower) = block.split_rows(rows / 2);
        assert_eq!(upper.rows() + lower.rows(), rows);
        assert!(lower.row_mut(0).is_empty());
    }
    let mut data = [1u8, 2, 3, 4];
    let (_, mut right) = OutputBlock::new(&mut data, 2, 2, 2).split_columns(2);
    assert!(right.row_mut(1).is_empty());
}

#[test]
fn the_stride_of_one_row_means_nothing() {
    let mut data = [1i32, 2, 3];
    let mut block = OutputBlock::new(&mut data, 1, 3, usize::MAX);
    assert_eq!(block.row_mut(0), [1, 2, 3]);
    let (mut upper, lower) = block.split_rows(1);
    assert_eq!((upper.row_mut(0).len(), lower.rows()), (3, 0));
}

/// Whether `rows × columns` elements with these strides lie in a slice of `len`.
fn fits([rows, columns, down, across]: [usize; 4], len: usize) -> bool {
    let last = |count: usize, stride: usize| (count as u128).saturating_sub(1) * stride as u128;
    rows == 0 || columns == 0 || last(rows, down) + last(columns, across) < len as u128
}

#[test]
fn every_pair_of_sizes_of_an_output_that_fits_has_its_rows() {
    let mut made = 0;
    for len in [0, 1, 12] {
        pairs(3, |fields| {
            let mut sizes = [3, 2, 4];
            fields.into_iter().for_each(|(field, value)| sizes[field] = value);
            let [rows, columns, stride] = sizes;
            let overlap = rows > 1 && stride < columns;
            if overlap || !fits([rows, columns, stride, 1], len) {
                return;
            }
            let mut data = vec![7u8; len];
            let range = data.as_ptr_range();
            let mut block = OutputBlock::new(&mut data, rows, columns, stride);
            for row in [0, rows / 2, rows.saturating_sub(1)].into_iter().filter(|&row| row < rows) {
                let row = block.row_mut(row);
                assert_eq!(row.len(), columns);
                assert!(row.is_empty() || range.contains(&row.as_ptr()));
            }
            made += 1;
        });
    }
    assert!(!is_thorough() || made > 20, "{made}");
}

#[test]
#[should_panic = "output too short"]
fn an_output_past_its_slice_is_refused() {
    let _ = OutputBlock::new(&mut [0u8; 12], 1 << (usize::BITS - 2), 1, 5);
}

#[test]
fn every_pair_of_sizes_of_a_matrix_is_refused_or_has_its_elements() {
    let data = [1u8; 64];
    for len in [0, 1, 64] {
        let mut made = 0;
        pairs(4, |fields| {
            let mut sizes = [3, 2, 4, 1];
            fields.into_iter().for_each(|(field, value)| sizes[field] = value);
            let [rows, columns, down, across] = sizes;
            let matrix = MatrixRows::new(&data[..len], rows, columns, down, across);
            assert_eq!(matrix.is_some(), fits(sizes, len), "{sizes:?} in {len}");
            if let Some(matrix) = matrix {
                assert_eq!((matrix.rows(), matrix.columns()), (rows, columns));
                made += 1;
            }
        });
        assert!(!is_thorough() || made > 20, "{made} in {len}");
    }
}

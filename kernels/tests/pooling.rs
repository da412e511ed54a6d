//! Pooling of every available backend against plain loops.

use eightbit_kernels::elementwise::Target;
use eightbit_kernels::gemm::OutputBlock;
use eightbit_kernels::pooling::{AverageCall, MaxCall, average, maximum};
use eightbit_kernels::{Backend, Element, PatchGeometry, Scratch, Window2d};
use eightbit_testing::suite::{chosen, random_suite};
use eightbit_testing::{Random, stage};

/// A geometry all of whose windows touch the image, and its padding at the end.
fn draw(random: &mut Random, channels: usize, kernel: [usize; 2]) -> (Window2d, [usize; 2]) {
    let (stride, dilation) = ([1 + random.below(3), 1 + random.below(3)], [1, 1 + random.below(2)]);
    let (mut input, mut pad, mut end, mut output) = ([0; 2], [0; 2], [0; 2], [0; 2]);
    for axis in 0..2 {
        let extent = (kernel[axis] - 1) * dilation[axis] + 1;
        pad[axis] = random.below(kernel[axis]);
        end[axis] = random.below(kernel[axis]);
        input[axis] = extent + random.below(6);
        output[axis] = (pad[axis] + input[axis] + end[axis] - extent) / stride[axis] + 1;
    }
    let batch = 1 + random.below(2);
    let geometry = PatchGeometry { batch, input, channels, kernel, stride, dilation, pad, output };
    (Window2d::new(geometry).unwrap(), end)
}

/// The elements of a window, and how many of its taps lie on the padded image.
fn window<T: Element>(
    g: &Window2d,
    end: [usize; 2],
    input: &[T],
    pixel: usize,
    channel: usize,
) -> (Vec<i32>, usize) {
    let (x, y) = (pixel % g.output[1], pixel / g.output[1] % g.output[0]);
    let image = pixel / g.output[1] / g.output[0];
    let (mut values, mut padded) = (Vec::new(), 0);
    for ky in 0..g.kernel[0] {
        for kx in 0..g.kernel[1] {
            let iy = (y * g.stride[0] + ky * g.dilation[0]) as i64 - g.pad[0] as i64;
            let ix = (x * g.stride[1] + kx * g.dilation[1]) as i64 - g.pad[1] as i64;
            let (height, width) = (g.input[0] as i64, g.input[1] as i64);
            padded += usize::from(iy < height + end[0] as i64 && ix < width + end[1] as i64);
            if iy >= 0 && ix >= 0 && iy < height && ix < width {
                let at = (image * g.input[0] + iy as usize) * g.input[1] + ix as usize;
                values.push(input[at * g.channels + channel].into());
            }
        }
    }
    (values, padded)
}

/// What lies between rows.
const GAP: i32 = 0x55;

fn check<I: Element, O: Element>(
    backend: Backend,
    random: &mut Random,
    g: Window2d,
    end: [usize; 2],
) -> usize {
    let input = random.any_elements::<I>(g.input_len());
    let (rows, channels) = (g.rows(), g.channels);
    let mut scratch = Scratch::new();
    // Rows with gaps, which must not be written.
    let stride = channels + random.pick(&[0, 0, 1, 40]);
    let mut greatest = vec![I::from_low_bits(GAP); rows * stride];
    let split = random.below(rows + 1);
    let (upper, lower) = OutputBlock::new(&mut greatest, rows, channels, stride).split_rows(split);
    let call = MaxCall { backend, input: &input, window: g };
    maximum(&call, lower, &mut scratch);
    maximum(&call, upper, &mut scratch);

    let (min, max) = O::TYPE.integer_range();
    let low = random.between(min, 20);
    let high = if random.below(2) == 0 { max } else { random.between(low, max) };
    let target = Target { zero_point: random.zero_point::<O>(), low, high };
    let zero = random.zero_point::<I>();
    let (input_scale, output_scale) = (random.pick(&[0.02, 1.0, 0.77]), random.pick(&[0.02, 1.0, 0.013]));
    let count_padding = (random.below(2) == 0).then_some(end);
    let mut mean = vec![O::from_low_bits(GAP); rows * stride];
    average(
        &AverageCall {
            backend,
            input: &input,
            window: g,
            count_padding,
            zero,
            input_scale,
            output_scale,
            target,
        },
        OutputBlock::new(&mut mean, rows, channels, stride),
        &mut scratch,
    );
    for pixel in 0..rows {
        for at in (pixel * stride..(pixel + 1) * stride).skip(channels) {
            assert_eq!(greatest[at], I::from_low_bits(GAP), "{backend} maximum, gap after {pixel} {g:?}");
            assert_eq!(mean[at], O::from_low_bits(GAP), "{backend} average, gap after {pixel} {g:?}");
        }
        for channel in 0..channels {
            let at = pixel * stride + channel;
            let (values, padded) = window(&g, end, &input, pixel, channel);
            let found: i32 = greatest[at].into();
            assert_eq!(Some(&found), values.iter().max(), "{backend} maximum {pixel} {channel} {g:?}");
            let count = if count_padding.is_some() { padded } else { values.len() };
            let sum: i32 = values.iter().map(|value| value - zero).sum();
            let steps = sum as f32 * (input_scale / (output_scale * count as f32));
            let expected = stage::target(steps, target.zero_point, target.low, target.high);
            assert_eq!(mean[at], O::from_low_bits(expected), "{backend} average {pixel} {channel} {g:?}");
        }
    }
    2
}

#[test]
fn pooling() {
    random_suite("pooling", 5, |backend, random, count| {
        for channels in [1, 2, 3, 4, 8, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100, 129] {
            // Of few rows and many, one column and many, and more taps than sums of 16 bits take.
            for kernel in [[1, 1], [2, 2], [3, 3], [1, 3], [4, 1], [5, 5], [7, 7], [9, 4], [8, 17], [17, 2]] {
                for _ in 0..3 {
                    if !chosen(random, 16 * 10 * 3) {
                        continue;
                    }
                    let (g, end) = draw(random, channels, kernel);
                    *count += check::<u8, u8>(backend, random, g, end);
                    *count += check::<i8, i8>(backend, random, g, end);
                    *count += check::<u8, i8>(backend, random, g, end);
                }
            }
        }
    });
}

/// Images of more than eight megabytes, whose tiles are pooled in parts. Few windows see them, and of the cases
/// emulators get the first.
#[test]
fn images_in_memory() {
    random_suite("pooling_in_memory", 6, |backend, random, count| {
        let shapes = [
            (64, [2100, 64], [64, 1], [3, 3], [1, 1]),
            (24, [1900, 190], [90, 2], [2, 2], [1, 1]),
            (3, [1000, 3000], [90, 3], [5, 5], [1, 1]),
            (40, [1200, 190], [90, 1], [2, 3], [1, 20]),
            (17, [900, 600], [90, 7], [3, 2], [2, 1]),
        ];
        for (index, (channels, input, stride, kernel, dilation)) in shapes.into_iter().enumerate() {
            if index > 0 && !chosen(random, 80_000) {
                continue;
            }
            let (pad, end) = (kernel.map(|taps| taps / 2), [0; 2]);
            let output = core::array::from_fn(|axis| {
                (input[axis] + pad[axis] - (kernel[axis] - 1) * dilation[axis] - 1) / stride[axis] + 1
            });
            let batch = 1 + index % 2;
            let g = PatchGeometry { batch, input, channels, kernel, stride, dilation, pad, output };
            let g = Window2d::new(g).unwrap();
            *count += check::<u8, i8>(backend, random, g, end);
            *count += check::<i8, u8>(backend, random, g, end);
        }
    });
}

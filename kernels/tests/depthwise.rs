//! Depthwise kernels of every available backend against plain loops.

use eightbit_kernels::depthwise::{
    Call, PackedTaps, TapsError, TapsView, run, scratch_bytes, uses_line_buffer,
};
use eightbit_kernels::gemm::{OutputBlock, StageRef};
use eightbit_kernels::{Backend, Bytes, ElementType, OutputElement, PatchGeometry, Scratch, Window2d};
use eightbit_testing::suite::{chosen, random_suite};
use eightbit_testing::{Random, stage};

struct Case {
    window: Window2d,
    input: Vec<u8>,
    signed: bool,
    input_zero: i32,
    weights: Vec<u8>,
    weights_signed: bool,
    weight_zeros: Vec<i32>,
    bias: Option<Vec<i32>>,
}

impl Case {
    fn draw(random: &mut Random, channels: usize, kernel: [usize; 2], stride: [usize; 2]) -> Case {
        Case::draw_up_to([4, 9], random, channels, kernel, stride)
    }

    /// Draws a case with about `largest` output pixels or less.
    fn draw_up_to(
        largest: [usize; 2],
        random: &mut Random,
        channels: usize,
        kernel: [usize; 2],
        stride: [usize; 2],
    ) -> Case {
        let dilation = random.pick(&[[1, 1], [1, 1], [1, 1], [2, 1], [1, 3]]);
        let mut output = largest.map(|largest| random.below(largest) + 1);
        let mut input = [0; 2];
        let mut pad = [0; 2];
        for axis in 0..2 {
            pad[axis] = random.below(kernel[axis] * dilation[axis]);
            let end = random.below(kernel[axis] * dilation[axis]);
            let extent = (output[axis] - 1) * stride[axis] + (kernel[axis] - 1) * dilation[axis] + 1;
            input[axis] = extent.saturating_sub(pad[axis] + end).max(1);
            let padded = input[axis] + pad[axis] + end;
            output[axis] = (padded - (kernel[axis] - 1) * dilation[axis] - 1) / stride[axis] + 1;
        }
        let batch = 1 + random.below(2);
        let geometry = PatchGeometry { batch, input, channels, kernel, stride, dilation, pad, output };
        let window = Window2d::new(geometry).unwrap();
        let (signed, weights_signed) = (random.below(2) == 1, random.below(2) == 1);
        let zero = |random: &mut Random, signed: bool| {
            if signed { random.zero_point::<i8>() } else { random.zero_point::<u8>() }
        };
        let symmetric = random.below(2) == 0;
        let weight_zeros = (0..channels)
            .map(|_| match (symmetric, weights_signed) {
                (true, true) => 0,
                (true, false) => 128,
                (false, signed) => zero(random, signed),
            })
            .collect();
        Case {
            window,
            input: random.any_bytes(window.input_len()),
            signed,
            input_zero: zero(random, signed),
            weights: random.any_bytes(channels * kernel[0] * kernel[1]),
            weights_signed,
            weight_zeros,
            bias: (random.below(3) > 0).then(|| {
                let shift = random.pick(&[0, 8]);
                (0..channels).map(|_| random.next() as i32 >> shift).collect()
            }),
        }
    }

    /// Element `index` of the weights `[ky][kx][c]`, or of the input.
    fn value(bytes: &[u8], signed: bool, index: usize) -> i32 {
        if signed { bytes[index].cast_signed().into() } else { bytes[index].into() }
    }

    /// `[pixel][channel]`.
    fn accumulators(&self) -> Vec<i32> {
        let pixels = 0..self.window.rows();
        let channels = self.window.channels;
        pixels.flat_map(|pixel| (0..channels).map(move |channel| self.accumulator(pixel, channel))).collect()
    }

    fn accumulator(&self, pixel: usize, channel: usize) -> i32 {
        let g = &self.window;
        let (x, y) = (pixel % g.output[1], pixel / g.output[1] % g.output[0]);
        let image = pixel / g.output[1] / g.output[0];
        let mut acc = self.bias.as_ref().map_or(0, |bias| i64::from(bias[channel]));
        for ky in 0..g.kernel[0] {
            for kx in 0..g.kernel[1] {
                let iy = (y * g.stride[0] + ky * g.dilation[0]) as i64 - g.pad[0] as i64;
                let ix = (x * g.stride[1] + kx * g.dilation[1]) as i64 - g.pad[1] as i64;
                if iy < 0 || ix < 0 || iy >= g.input[0] as i64 || ix >= g.input[1] as i64 {
                    continue;
                }
                let at = (image * g.input[0] + iy as usize) * g.input[1] + ix as usize;
                let a = Case::value(&self.input, self.signed, at * g.channels + channel) - self.input_zero;
                let tap = (ky * g.kernel[1] + kx) * g.channels + channel;
                let w = Case::value(&self.weights, self.weights_signed, tap) - self.weight_zeros[channel];
                acc += i64::from(a) * i64::from(w);
            }
        }
        acc as i32
    }

    fn view(&self) -> TapsView<'_> {
        TapsView {
            data: &self.weights,
            signed: self.weights_signed,
            channels: self.window.channels,
            kernel: self.window.kernel,
            tap_stride: self.window.channels,
            channel_stride: 1,
        }
    }

    fn check<T: OutputElement>(
        &self,
        backend: Backend,
        packed: &PackedTaps,
        accumulators: &[i32],
        stage: StageRef<'_>,
        bits: fn(T) -> i32,
        random: &mut Random,
    ) {
        let g = self.window;
        let (rows, channels) = (g.rows(), g.channels);
        let stride = channels + random.below(3);
        let mut out = vec![T::default(); (rows - 1) * stride + channels];
        let mut init = vec![0; packed.padded_channels()];
        packed.initial_accumulators(self.bias.as_deref(), self.input_zero, self.signed, &mut init);
        let padding = vec![self.input_zero as u8; channels];
        let call = Call {
            backend,
            window: g,
            input: &self.input,
            padding: &padding,
            signed: self.signed,
            weights: packed.get().unwrap(),
            init: &init,
            stage,
        };
        let mut scratch = Scratch::new();
        let runs = 1 + usize::from(matches!(stage, StageRef::Accumulators { accumulate: true }));
        for _ in 0..runs {
            let (upper, lower) =
                OutputBlock::new(&mut out, rows, channels, stride).split_rows(random.below(rows + 1));
            run(&call, lower, &mut scratch);
            run(&call, upper, &mut scratch);
        }
        for pixel in 0..rows {
            for channel in 0..channels {
                let acc = accumulators[pixel * channels + channel];
                let before = if runs == 2 { acc } else { 0 };
                let expected = stage::expected(&stage, acc, before, pixel, channel);
                let found = bits(out[pixel * stride + channel]);
                assert_eq!(
                    found,
                    expected,
                    "{backend} {} pixel {pixel} channel {channel} {g:?} {stage:?}",
                    packed.layout()
                );
            }
        }
    }

    /// Compares all stages; returns how many there were.
    fn check_all(&self, backend: Backend, random: &mut Random) -> usize {
        let channels = self.window.channels;
        let accumulators = self.accumulators();
        let packed = PackedTaps::pack(backend, &self.view(), |channel| self.weight_zeros[channel]);
        let saved = PackedTaps::from_bytes(
            backend,
            packed.layout(),
            Bytes::copy_from(packed.get().unwrap().bytes()),
            channels,
            self.window.kernel,
        )
        .unwrap();
        let n = packed.padded_channels();
        // In half of the cases all scales are below 1, which some kernels have code for.
        let below_one = [0.5, 1e-3, 0.0123, 3.7e-4, f32::MIN_POSITIVE, 1.0f32.next_down()];
        let some_above = random.below(2) == 0;
        let scale: Vec<f32> = (0..n)
            .map(|_| {
                if some_above && random.below(4) == 0 {
                    random.pick(&[1.0, 1e30])
                } else {
                    random.pick(&below_one)
                }
            })
            .collect();
        let bias: Vec<f32> = (0..n).map(|_| random.between(-9999, 9999) as f32 * 0.37).collect();
        let multiplier: Vec<i32> = (0..n).map(|_| random.between(1 << 30, i32::MAX)).collect();
        let shift: Vec<i32> = (0..n).map(|_| random.pick(&[-31, -12, -9, -7, -3, 0, 2, 30])).collect();
        let (low, high) = (random.between(0, 100), random.between(100, 127));
        let mut count = 0;
        for packed in [&packed, &saved] {
            for accumulate in [false, true] {
                let stage = StageRef::Accumulators { accumulate };
                self.check::<i32>(backend, packed, &accumulators, stage, |x| x, random);
                count += 1;
            }
            for clamped in [false, true] {
                let range = |full: (i32, i32)| if clamped { (low, high) } else { full };
                let (low, high) = range((0, 255));
                let (zero_point, output) = (random.zero_point::<u8>(), ElementType::U8);
                let stage = StageRef::Requantize { scale: &scale, zero_point, low, high, output };
                self.check::<u8>(backend, packed, &accumulators, stage, i32::from, random);
                let stage = StageRef::RequantizeFixed {
                    multiplier: &multiplier,
                    shift: &shift,
                    zero_point,
                    low,
                    high,
                    output,
                };
                self.check::<u8>(backend, packed, &accumulators, stage, i32::from, random);
                let (low, high) = range((-128, 127));
                let (zero_point, output) = (random.zero_point::<i8>(), ElementType::I8);
                let stage = StageRef::Requantize { scale: &scale, zero_point, low, high, output };
                self.check::<i8>(backend, packed, &accumulators, stage, i32::from, random);
                let bias = clamped.then_some(&bias[..]);
                let (low, high) = if clamped { (-6.5, 60.0) } else { (f32::NEG_INFINITY, f32::INFINITY) };
                let stage = StageRef::Dequantize { scale: &scale, row_scale: None, bias, low, high };
                self.check::<f32>(
                    backend,
                    packed,
                    &accumulators,
                    stage,
                    |x| x.to_bits().cast_signed(),
                    random,
                );
                count += 4;
            }
        }
        count
    }
}

#[test]
fn depthwise() {
    random_suite("depthwise", 7, |backend, random, count| {
        let kernels = [[3, 3], [3, 3], [5, 5], [1, 1], [1, 4], [2, 3], [7, 1], [4, 4]];
        for channels in
            [1, 2, 3, 7, 8, 15, 16, 17, 24, 31, 32, 33, 40, 48, 63, 64, 65, 79, 96, 100, 128, 144, 200]
        {
            for kernel in kernels {
                for stride in [[1, 1], [2, 2], [1, 3]] {
                    if !chosen(random, 23 * 8 * 3) {
                        continue;
                    }
                    *count += Case::draw(random, channels, kernel, stride).check_all(backend, random);
                }
            }
        }
    });
}

/// Kernels of more rows than a column holds at once: every size with equal strides, whatever `EIGHTBIT_CASES` says, and more
/// of them natively. Weights fit into eight bits or into nine but for one value, which the kernels with the most taps at once
/// require; or those of some channels into eight, so that blocks differ.
#[test]
fn depthwise_tall_kernels() {
    random_suite("depthwise_tall_kernels", 11, |backend, random, count| {
        let mut channels = [1, 64, 33, 100, 15, 65, 32, 63, 129, 17, 40].into_iter().cycle();
        for (height, width) in (5..=9).flat_map(|height| [1, 3, 5, 7].map(|width| (height, width))) {
            for stride in [[1, 1], [2, 2], [3, 3], [1, 2], [2, 1]] {
                for round in 0..3 {
                    let channels = channels.next().unwrap();
                    if (round > 0 || stride[0] != stride[1]) && !chosen(random, 20 * (2 * 3 + 3 * 2)) {
                        continue;
                    }
                    let largest = random.pick(&[[5, 14], [7, 5], [2, 60]]);
                    let mut case = Case::draw_up_to(largest, random, channels, [height, width], stride);
                    let (middle, kind) = (if case.weights_signed { 0 } else { 128 }, random.below(3));
                    for (channel, zero) in case.weight_zeros.iter_mut().enumerate() {
                        let centred = kind == 1 || kind == 2 && channel / 32 % 3 == 1;
                        *zero = middle + if centred { random.between(-127, 127) } else { 0 };
                    }
                    *count += case.check_all(backend, random);
                }
            }
        }
    });
}

/// Which convolutions x86 computes with a line buffer: with kernels on pairs of taps all, with kernels on groups of four taps
/// those that need more than one group for a column.
#[test]
fn kernels_with_a_line_buffer() {
    let mut random = Random(12);
    for backend in Backend::available() {
        let sizes = [(1, 1), (3, 1), (4, 1), (5, 1), (7, 1), (3, 2), (5, 2)];
        for ((height, dilation), zero) in sizes.into_iter().flat_map(|size| [(size, 0), (size, 9)]) {
            let mut case = Case::draw(&mut random, 64, [height, 5], [1, 1]);
            case.window = Window2d::new(PatchGeometry { dilation: [dilation, 1], ..*case.window }).unwrap();
            case.weights_signed = true;
            case.weight_zeros.fill(zero);
            // A difference that needs nine bits, if there is a zero point.
            case.weights[0] = 0x80;
            let packed = PackedTaps::pack(backend, &case.view(), |channel| case.weight_zeros[channel]);
            let layout = packed.layout();
            assert!(!layout.contains("i8x4") || layout.contains("centred") == (zero != 0), "{layout}");
            assert!(
                !layout.starts_with("taps-i16") || !backend.name().contains("vnni"),
                "{backend}: {layout}"
            );
            let expected = match layout {
                "taps-i8x4-block32"
                | "taps-i8x4-block64"
                | "taps-centred-i8x4-block32"
                | "taps-centred-i8x4-block64" => height > 4 && dilation == 1,
                "taps-i16x2-block8" => cfg!(target_arch = "x86_64") && dilation == 1,
                _ => false,
            };
            assert_eq!(
                uses_line_buffer(&packed, &case.window),
                expected,
                "{backend}: {height} rows, {dilation} apart"
            );
        }
    }
}

/// Images of several blocks of rows and tiles of columns, for kernels with a line buffer.
#[test]
fn depthwise_large_images() {
    random_suite("depthwise_large_images", 9, |backend, random, count| {
        for (largest, channels) in [([3, 300], 8), ([40, 70], 36), ([20, 20], 200), ([60, 3], 129)] {
            for (kernel, stride) in [
                ([3, 3], [1, 1]),
                ([5, 5], [1, 1]),
                ([5, 5], [2, 2]),
                ([6, 3], [3, 1]),
                ([2, 9], [1, 2]),
                ([7, 7], [1, 1]),
            ] {
                if !chosen(random, 4 * 6) {
                    continue;
                }
                let case = Case::draw_up_to(largest, random, channels, kernel, stride);
                *count += case.check_all(backend, random);
            }
        }
    });
}

/// Taps and outputs that lie far apart, in huge padding: the workspace must not grow with it.
#[test]
fn depthwise_far_taps() {
    random_suite("depthwise_far_taps", 10, |backend, random, count| {
        for (far, stride, output) in [(1 << (usize::BITS - 8), 1, 1), (1000, 5, 3), (1, 1 << 20, 9)] {
            if !chosen(random, 3) {
                continue;
            }
            let mut case = Case::draw(random, 40, [3, 3], [1, 1]);
            let geometry = PatchGeometry {
                input: [2, 3],
                stride: [1, stride],
                dilation: [1, far],
                pad: [1, far],
                output: [2, output],
                ..*case.window
            };
            case.window = Window2d::new(geometry).unwrap();
            case.input = random.any_bytes(case.window.input_len());
            *count += case.check_all(backend, random);
            let packed = PackedTaps::pack(backend, &case.view(), |channel| case.weight_zeros[channel]);
            assert!(scratch_bytes(&packed, &case.window).unwrap() <= 1 << 20);
        }
    });
}

/// Every product at its extreme, where a saturating instruction would show.
#[test]
fn depthwise_extremes() {
    random_suite("depthwise_extremes", 8, |backend, random, count| {
        for channels in [16, 32, 64, 70] {
            for (activation, weight) in [(255, 127), (255, 128), (128, 128), (127, 128), (255, 255), (0, 255)]
            {
                for stride in [1, 2] {
                    if !chosen(random, 4 * 6 * 2) {
                        continue;
                    }
                    let mut case = Case::draw(random, channels, [3, 3], [stride; 2]);
                    case.input.fill(activation);
                    case.weights.fill(weight);
                    *count += case.check_all(backend, random);
                }
            }
        }
    });
}

#[test]
fn saved_taps_that_do_not_fit_are_refused() {
    let backend = Backend::detected();
    let bytes = Bytes::copy_from(&[0; 64]);
    let load = |layout: &str, bytes: &Bytes, channels, size| {
        PackedTaps::from_bytes(backend, layout, bytes.clone(), channels, size).map(|_| ()).unwrap_err()
    };
    assert!(matches!(load("elsewhere", &bytes, 16, [1, 1]), TapsError::Layout { .. }));
    let layout = "taps-i32-block16";
    let expected = 2 * 3 * 64;
    assert_eq!(load(layout, &bytes, 16, [2, 3]), TapsError::Length { expected, found: 64 });
    assert_eq!(load(layout, &bytes, usize::MAX, [2, 3]), TapsError::TooLarge);
    assert_eq!(load(layout, &bytes, 16, [usize::MAX, 3]), TapsError::TooLarge);
    assert_eq!(load(layout, &bytes, 16, [0, 3]), TapsError::TooLarge);
}

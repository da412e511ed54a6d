//! One multiplication: its operands, and what it must give.

use eightbit_kernels::gemm::{
    Activations, Border, Call, Lhs, MatrixRows, OutputBlock, PackedPanels, PaddingElision, PatchRows,
    Patches, Stage, StageRef, TilingMemo, WeightView, best_elision, run,
};
use eightbit_kernels::{Backend, Element, ElementType, OutputElement, PatchGeometry, Scratch, Window2d};
use eightbit_testing::{Guard, Guarded, Random, stage};

#[derive(Clone)]
enum Rows {
    Matrix { row_stride: usize, column_stride: usize },
    Patches(Window2d),
}

#[derive(Clone)]
enum StageKind {
    Accumulators { accumulate: bool },
    Requantize { zero_point: i32, low: i32, high: i32, output: ElementType },
    RequantizeFixed { zero_point: i32, low: i32, high: i32, output: ElementType },
    Dequantize { row_scale: bool, bias: bool, low: f32, high: f32 },
}

/// How the depth of a convolution is cut into segments.
#[derive(Clone, Copy)]
enum Segmentation {
    Chosen,
    Rows,
    Taps,
}

/// The layout of kernels that want rows of `i16`, in one segment.
const I16_PAIRS: &str = "i8-group2";

#[derive(Clone)]
pub(crate) struct Case {
    rows: usize,
    columns: usize,
    segments: usize,
    segment_len: usize,
    lhs: Vec<u8>,
    lhs_rows: Rows,
    lhs_signed: bool,
    lhs_zero: i32,
    weights: Vec<u8>,
    weights_signed: bool,
    weight_bits: u32,
    weights_transposed: bool,
    weight_zeros: Vec<i32>,
    bias: Vec<i32>,
    stage: StageKind,
    scale: Vec<f32>,
    row_scale: Vec<f32>,
    float_bias: Vec<f32>,
    multiplier: Vec<i32>,
    shift: Vec<i32>,
    out_stride: usize,
    before: i32,
    split: Option<(usize, usize)>,
    /// Padding elision of a convolution; the backend's own choice if `None`.
    elision: Option<PaddingElision>,
    segmentation: Segmentation,
    /// Whether the choice of tile is remembered from part to part.
    memo: bool,
    guard: Guard,
}

fn value(byte: u8, signed: bool) -> i32 {
    if signed { i32::from(byte.cast_signed()) } else { i32::from(byte) }
}

fn zero_point(rng: &mut Random, signed: bool) -> i32 {
    let byte = if rng.flip() { rng.below(256) as u8 } else { [0x80, 0xff, 0x7f, 0][rng.below(4)] };
    value(byte, signed)
}

impl Case {
    pub(crate) fn random(rng: &mut Random, rows: usize, depth: usize, columns: usize) -> Case {
        let column_stride = if rng.below(8) == 0 { 2 + rng.below(2) } else { 1 };
        let row_stride = depth * column_stride + if rng.flip() { rng.below(5) } else { 0 };
        let len = if depth == 0 { 0 } else { (rows - 1) * row_stride + (depth - 1) * column_stride + 1 };
        Case::new(rng, [rows, 1, depth, columns], Rows::Matrix { row_stride, column_stride }, len)
    }

    /// As [`random`](Self::random), with weights of `bits` bits.
    pub(crate) fn of_bits(rng: &mut Random, bits: u32, [rows, depth, columns]: [usize; 3]) -> Case {
        let mut case = Case::random(rng, rows, depth, columns);
        case.narrow(bits);
        case
    }

    pub(crate) fn patches(rng: &mut Random) -> Case {
        let kernel = [1 + rng.below(4), 1 + rng.below(4)];
        let channels = [1, 2, 3, 4, 5, 8, 15, 16, 17, 19, 24, 32, 35][rng.below(13)];
        let geometry = PatchGeometry {
            batch: 1 + rng.below(2),
            input: [kernel[0] + rng.below(4), kernel[1] + rng.below(4)],
            channels,
            kernel,
            stride: [1 + rng.below(2), 1 + rng.below(2)],
            dilation: [1 + rng.below(2), 1 + rng.below(2)],
            pad: [rng.below(4), rng.below(4)],
            output: [1 + rng.below(4), 1 + rng.below(4)],
        };
        let window = Window2d::new(geometry).expect("a small image");
        let shape = [window.rows(), window.taps(), channels, 1 + rng.below(40)];
        let mut case = Case::new(rng, shape, Rows::Patches(window), window.input_len());
        match rng.below(4) {
            0 => case.halve_weights(),
            1 => case.narrow(2 + rng.below(6) as u32),
            _ => {}
        }
        case
    }

    /// An image with lines of many tiles, in which a tile finds its rows from the tile above.
    pub(crate) fn long_lines(rng: &mut Random) -> Case {
        let kernel = [1 + rng.below(5), 1 + rng.below(7)];
        let (channels, stride) = (1 + rng.below(8), 1 + rng.below(2));
        let (width, pad) = (20 + rng.below(150), rng.below(kernel[1] + 1));
        let geometry = PatchGeometry {
            batch: 1 + rng.below(2),
            input: [1 + rng.below(6), width],
            channels,
            kernel,
            stride: [1, stride],
            dilation: [1, 1],
            pad: [rng.below(kernel[0]), pad],
            // Lines end inside the image, at its border, or in the padding.
            output: [1 + rng.below(4), (width + pad) / stride - rng.below(10)],
        };
        let window = Window2d::new(geometry).expect("a small image");
        let shape = [window.rows(), window.taps(), channels, 1 + rng.below(70)];
        Case::new(rng, shape, Rows::Patches(window), window.input_len())
    }

    /// Patches with more weights than a second-level cache keeps, so that border regions share blocks of columns.
    pub(crate) fn heavy_patches(rng: &mut Random) -> Case {
        let geometry = PatchGeometry {
            batch: 1,
            input: [3, 2 + rng.below(3)],
            channels: 300 + 4 * rng.below(30),
            kernel: [3, 3],
            stride: [1, 1],
            dilation: [1, 1],
            pad: [1, 1],
            output: [3, 2 + rng.below(2)],
        };
        let window = Window2d::new(geometry).expect("a small image");
        let shape = [window.rows(), window.taps(), geometry.channels, 100 + rng.below(100)];
        Case::new(rng, shape, Rows::Patches(window), window.input_len())
    }

    /// Patches of pixels that fill cache lines, whose lines a matrix unit copies with their padding: lines that high tiles divide, and others;
    /// images of more than a copy's lines.
    pub(crate) fn whole_pixels(rng: &mut Random) -> Case {
        let kernel = [[3, 3], [1, 3], [5, 2], [2, 1]][rng.below(4)];
        let (channels, stride) = (64 << rng.below(2), [1 + rng.below(2), 1 + rng.below(2)]);
        let lines = if rng.below(8) == 0 { 40 } else { 6 };
        let output = [1 + rng.below(lines), [5, 7, 12, 14, 28, 30, 48][rng.below(7)]];
        let geometry = PatchGeometry {
            batch: 1 + rng.below(2),
            input: [output[0] * stride[0], (output[1] * stride[1]).saturating_sub(rng.below(3)).max(1)],
            channels,
            kernel,
            stride,
            dilation: [1 + rng.below(2), 1 + usize::from(rng.below(4) == 0)],
            pad: [rng.below(3), rng.below(3)],
            output,
        };
        let window = Window2d::new(geometry).expect("a small image");
        let shape = [window.rows(), window.taps(), channels, 1 + rng.below(70)];
        Case::new(rng, shape, Rows::Patches(window), window.input_len())
    }

    /// An image whose lines are too long for such copies: tiles are read in place in the image itself, region by region.
    pub(crate) fn long_whole_pixels(rng: &mut Random, elision: PaddingElision) -> Case {
        let geometry = PatchGeometry {
            batch: 1,
            input: [1, 1400],
            channels: 64,
            kernel: [3, 3],
            stride: [1, 1],
            dilation: [1, 1],
            pad: [1, 1],
            output: [1, 1400],
        };
        let window = Window2d::new(geometry).expect("a small image");
        let shape = [window.rows(), window.taps(), geometry.channels, 18];
        let case = Case::new(rng, shape, Rows::Patches(window), window.input_len());
        Case { elision: Some(elision), segmentation: Segmentation::Rows, split: None, ..case }
    }

    /// A matrix of rows side by side, with activations of the given sign, and weights of seven bits if `pair_safe`.
    pub(crate) fn plain(
        rng: &mut Random,
        [rows, depth, columns]: [usize; 3],
        signed: bool,
        pair_safe: bool,
    ) -> Case {
        let lhs_rows = Rows::Matrix { row_stride: depth, column_stride: 1 };
        let mut case = Case::new(rng, [rows, 1, depth, columns], lhs_rows, rows * depth);
        case.lhs_signed = signed;
        case.lhs_zero = value(rng.below(256) as u8, signed);
        case.split = None;
        if pair_safe {
            case.halve_weights();
        }
        case
    }

    /// Requantization to all bytes of the type, of accumulators at the ends of `i32`, by scales on either side of 1: where all of a block's
    /// are below 1, a kernel may saturate in the place of a minimum. 32 columns have such scales alone, the next ones also 1, the others
    /// all. The upper half of the rows are the zero point, so that their accumulators are the initial ones.
    pub(crate) fn extremes(rng: &mut Random, output: ElementType, zero_point: i32) -> Case {
        const BIAS: [i32; 5] = [i32::MIN, i32::MAX, i32::MIN + 1, i32::MAX - 63, i32::MAX - 65];
        const SCALES: [f32; 3] = [1.0f32.next_down(), 1.0, 3.0];
        let (rows, depth, columns) = (42, 70, 128);
        let signed = rng.flip();
        let mut case = Case::plain(rng, [rows, depth, columns], signed, false);
        case.lhs[..rows / 2 * depth].fill(u8::from_low_bits(case.lhs_zero));
        case.bias = (0..columns).map(|n| BIAS[n % BIAS.len()]).collect();
        case.scale = (0..columns).map(|n| SCALES[n % (n / 32 + 1).min(SCALES.len())]).collect();
        let (low, high) = output.integer_range();
        case.stage = StageKind::Requantize { zero_point, low, high, output };
        case
    }

    /// Leaves weights `bits` bits, and zero points that are such weights.
    pub(crate) fn narrow(&mut self, bits: u32) {
        self.weight_bits = bits;
        let signed = self.weights_signed;
        let narrow = |byte: u8| {
            let above = 8 - bits;
            if signed {
                (byte.cast_signed() << above >> above).cast_unsigned()
            } else {
                byte << above >> above
            }
        };
        self.weights.iter_mut().for_each(|weight| *weight = narrow(*weight));
        self.weight_zeros.iter_mut().for_each(|zero| *zero = value(narrow(*zero as u8), signed));
        // Zero points that need no sums of rows.
        if !signed && self.bias[0] % 2 == 0 {
            self.weight_zeros.fill(1 << (bits - 1));
        }
    }

    /// Leaves weights seven bits, which some backends have other kernels for.
    fn halve_weights(&mut self) {
        let flip = if self.weights_signed { 0 } else { 0x80 };
        let halve = |weight: u8| ((weight ^ flip).cast_signed() >> 1).cast_unsigned() ^ flip;
        self.weights.iter_mut().for_each(|weight| *weight = halve(*weight));
    }

    /// Weights whose pairs of depths add up to the limit of an `i16` when they are multiplied by activations of 255; with `over`, one
    /// pair of one column adds up to 1 more.
    pub(crate) fn pair_safe(rng: &mut Random, over: bool) -> Case {
        const WITHIN: [[i8; 2]; 10] = [
            [127, 1],
            [1, 127],
            [64, 64],
            [-128, 0],
            [0, -128],
            [-127, -1],
            [-64, -64],
            [127, -128],
            [-128, 127],
            [0, 0],
        ];
        const OVER: [[i8; 2]; 6] = [[127, 2], [2, 127], [65, 64], [-128, -1], [-1, -128], [-65, -64]];
        let (rows, depth, columns) = (1 + rng.below(13), 2 + rng.below(70), 1 + rng.below(70));
        let mut case = Case::random(rng, rows, depth, columns);
        for n in 0..columns {
            for k in (0..depth).step_by(2) {
                case.set_pair(k, n, WITHIN[rng.below(WITHIN.len())]);
            }
        }
        if over {
            let (k, n) = (rng.below(depth / 2) * 2, rng.below(columns));
            case.set_pair(k, n, OVER[rng.below(OVER.len())]);
        }
        if rng.flip() {
            case.lhs.fill(if case.lhs_signed { 0x7f } else { 0xff });
        }
        case
    }

    /// Sets the weights at depths `k` and `k + 1` of column `n`, so that a kernel sees these signed bytes.
    fn set_pair(&mut self, k: usize, n: usize, pair: [i8; 2]) {
        let (down, across) = self.weight_strides();
        let flip = if self.weights_signed { 0 } else { 0x80 };
        for (k, weight) in (k..self.depth()).zip(pair) {
            self.weights[k * down + n * across] = weight.cast_unsigned() ^ flip;
        }
    }

    fn new(rng: &mut Random, shape: [usize; 4], lhs_rows: Rows, lhs_len: usize) -> Case {
        let [rows, segments, segment_len, columns] = shape;
        let (lhs_signed, weights_signed) = (rng.flip(), rng.flip());
        let depth = segments * segment_len;
        let weight_zeros = match rng.below(3) {
            0 => vec![0; columns],
            1 => vec![zero_point(rng, weights_signed); columns],
            _ => (0..columns).map(|_| zero_point(rng, weights_signed)).collect(),
        };
        let stage = random_stage(rng);
        let magnitude = 1.0 / (1.0 + depth as f32 * 50.0);
        let scales = |rng: &mut Random, len: usize| -> Vec<f32> {
            (0..len).map(|_| magnitude * (1.0 + rng.below(4000) as f32) / 300.0).collect()
        };
        let padded = columns.next_multiple_of(16);
        Case {
            rows,
            columns,
            segments,
            segment_len,
            lhs: rng.any_bytes(lhs_len),
            lhs_rows,
            lhs_signed,
            lhs_zero: if rng.flip() { 0 } else { zero_point(rng, lhs_signed) },
            weights: rng.any_bytes(depth * columns),
            weights_signed,
            weight_bits: 8,
            weights_transposed: rng.flip(),
            weight_zeros,
            bias: (0..columns).map(|_| rng.next() as i32 >> rng.below(32)).collect(),
            stage,
            scale: scales(rng, padded),
            row_scale: scales(rng, rows),
            float_bias: (0..padded).map(|_| rng.below(2000) as f32 / 7.0 - 140.0).collect(),
            multiplier: (0..padded).map(|_| (1 << 30) + rng.below(1 << 30) as i32).collect(),
            shift: (0..padded).map(|_| rng.below(34) as i32 - 31).collect(),
            out_stride: columns + if rng.flip() { 0 } else { rng.below(20) },
            before: rng.next() as i32,
            split: rng.flip().then(|| (rng.below(rows + 1), rng.below(columns.div_ceil(16) + 1) * 16)),
            elision: [
                None,
                Some(PaddingElision::Nothing),
                Some(PaddingElision::Rows),
                Some(PaddingElision::All),
            ][rng.below(4)],
            segmentation: [Segmentation::Chosen, Segmentation::Rows, Segmentation::Taps][rng.below(3)],
            memo: rng.flip(),
            guard: if rng.flip() { Guard::After } else { Guard::Before },
        }
    }

    fn depth(&self) -> usize {
        self.segments * self.segment_len
    }

    fn stage(&self) -> StageRef<'_> {
        match self.stage {
            StageKind::Accumulators { accumulate } => Stage::Accumulators { accumulate },
            StageKind::Requantize { zero_point, low, high, output } => {
                Stage::Requantize { scale: &self.scale, zero_point, low, high, output }
            }
            StageKind::RequantizeFixed { zero_point, low, high, output } => Stage::RequantizeFixed {
                multiplier: &self.multiplier,
                shift: &self.shift,
                zero_point,
                low,
                high,
                output,
            },
            StageKind::Dequantize { row_scale, bias, low, high } => Stage::Dequantize {
                scale: &self.scale,
                row_scale: row_scale.then_some(&self.row_scale),
                bias: bias.then_some(&self.float_bias),
                low,
                high,
            },
        }
    }

    /// The activation at row `m`, depth `k`.
    fn activation(&self, m: usize, k: usize) -> i32 {
        match &self.lhs_rows {
            Rows::Matrix { row_stride, column_stride } => {
                value(self.lhs[m * row_stride + k * column_stride], self.lhs_signed)
            }
            Rows::Patches(g) => {
                let (channel, tap) = (k % self.segment_len, k / self.segment_len);
                let (ky, kx) = (tap / g.kernel[1], tap % g.kernel[1]);
                let (y, x) = (m / g.output[1] % g.output[0], m % g.output[1]);
                let image = m / g.output[1] / g.output[0];
                let iy = (y * g.stride[0] + ky * g.dilation[0]) as isize - g.pad[0] as isize;
                let ix = (x * g.stride[1] + kx * g.dilation[1]) as isize - g.pad[1] as isize;
                let [height, width] = g.input;
                if iy < 0 || ix < 0 || iy >= height as isize || ix >= width as isize {
                    return self.lhs_zero;
                }
                let pixel = (image * height + iy as usize) * width + ix as usize;
                value(self.lhs[pixel * g.channels + channel], self.lhs_signed)
            }
        }
    }

    fn weight_strides(&self) -> (usize, usize) {
        if self.weights_transposed { (1, self.depth()) } else { (self.columns, 1) }
    }

    /// The whole output, row-major without gaps: the bits of every element.
    pub(crate) fn expected(&self) -> Vec<i32> {
        let (down, across) = self.weight_strides();
        let stage = self.stage();
        let mut expected = Vec::with_capacity(self.rows * self.columns);
        for m in 0..self.rows {
            let row: Vec<i64> =
                (0..self.depth()).map(|k| i64::from(self.activation(m, k) - self.lhs_zero)).collect();
            for n in 0..self.columns {
                let mut acc = i64::from(self.bias[n]);
                for (k, a) in row.iter().enumerate() {
                    let weight = value(self.weights[k * down + n * across], self.weights_signed);
                    acc += a * i64::from(weight - self.weight_zeros[n]);
                }
                expected.push(stage::expected(&stage, acc as i32, self.before, m, n));
            }
        }
        expected
    }

    /// Asserts that the backend gives what was expected, and touches nothing else.
    pub(crate) fn check(&self, backend: Backend, expected: &[i32], scratch: &mut Scratch) {
        self.check_panels(backend, &self.pack(backend), expected, scratch);
    }

    /// The same with weights that were packed before.
    pub(crate) fn check_panels(
        &self,
        backend: Backend,
        panels: &PackedPanels,
        expected: &[i32],
        scratch: &mut Scratch,
    ) {
        let call = (backend, panels, expected);
        match self.stage().output() {
            ElementType::U8 => self.check_as::<u8>(call, scratch, |x| x as u8, i32::from),
            ElementType::I8 => self.check_as::<i8>(call, scratch, |x| x as i8, i32::from),
            ElementType::I32 => self.check_as::<i32>(call, scratch, |x| x, |x| x),
            ElementType::F32 => self.check_as::<f32>(
                call,
                scratch,
                |x| f32::from_bits(x.cast_unsigned()),
                |x| x.to_bits().cast_signed(),
            ),
            other => panic!("an output of {other} has no test"),
        }
    }

    /// The weights in the backend's layout.
    pub(crate) fn pack(&self, backend: Backend) -> PackedPanels {
        let (depth_stride, column_stride) = self.weight_strides();
        // Sums that the pack keeps, and sums that are added up when they are asked for.
        let taps = match &self.lhs_rows {
            Rows::Patches(window) if self.columns.is_multiple_of(2) => window.taps(),
            _ => 1,
        };
        let pack = |(segments, segment_len): (usize, usize)| {
            PackedPanels::pack(
                backend,
                &WeightView {
                    data: &self.weights,
                    signed: self.weights_signed,
                    bits: self.weight_bits,
                    columns: self.columns,
                    segments,
                    segment_len,
                    taps,
                    depth_stride,
                    column_stride,
                },
            )
        };
        let Rows::Patches(geometry) = &self.lhs_rows else { return pack((self.segments, self.segment_len)) };
        let ([height, width], channels) = (geometry.kernel, self.segment_len);
        let contiguous = geometry.dilation[1] == 1 && geometry.channels == channels;
        let chosen = pack(PackedPanels::convolution_segments(backend, geometry.kernel, channels, contiguous));
        // Kernels that read bytes in place take every kind of segment, whatever a backend prefers.
        match self.segmentation {
            Segmentation::Rows if chosen.layout() != I16_PAIRS => pack((height, width * channels)),
            Segmentation::Taps if chosen.layout() != I16_PAIRS => pack((height * width, channels)),
            _ => chosen,
        }
    }

    fn check_as<T: OutputElement>(
        &self,
        (backend, panels, expected): (Backend, &PackedPanels, &[i32]),
        scratch: &mut Scratch,
        from_bits: impl Fn(i32) -> T,
        bits: impl Fn(T) -> i32,
    ) {
        let mut init = vec![-1; panels.padded_columns()];
        let mut zeros = vec![-1; panels.padded_columns()];
        let any = panels.initial_accumulators(
            backend,
            Some(&self.bias),
            Activations { signed: self.lhs_signed, zero_point: self.lhs_zero },
            |n| self.weight_zeros[n],
            &mut init,
            &mut zeros,
        );
        let lhs = Guarded::new(&self.lhs, self.guard);
        let panels = panels.get().expect("bytes that are owned");
        let padding = Guarded::new(&vec![u8::from_low_bits(self.lhs_zero); self.depth()], self.guard);
        let tap_sums = match &self.lhs_rows {
            Rows::Patches(window) => panels.tap_sums(window.taps()).into_owned(),
            Rows::Matrix { .. } => Vec::new(),
        };
        let memo = TilingMemo::default();
        let mut call = Call {
            backend,
            lhs: match self.lhs_rows {
                Rows::Matrix { row_stride, column_stride } => {
                    let columns = self.segment_len;
                    MatrixRows::new(&lhs, self.rows, columns, row_stride, column_stride).map(Lhs::Matrix)
                }
                Rows::Patches(window) => Patches::new(window, 0, self.segment_len)
                    .and_then(|patches| PatchRows::new(patches, &lhs, &padding))
                    .map(Lhs::Patches),
            }
            .expect("rows inside their slice"),
            lhs_signed: self.lhs_signed,
            panels,
            init: &init,
            weight_zeros: any.then_some(zeros.as_slice()),
            row_zeros: None,
            border: Border { elision: PaddingElision::Nothing, tap_sums: &tap_sums, lhs_zero: self.lhs_zero },
            stage: self.stage(),
            memo: self.memo.then_some(&memo),
        };
        call.border.elision = match self.lhs_rows {
            Rows::Matrix { .. } => PaddingElision::Nothing,
            Rows::Patches(window) => self.elision.unwrap_or_else(|| {
                let patches = Patches::new(window, 0, self.segment_len).expect("a group of all channels");
                best_elision(backend, &patches, &panels)
            }),
        };
        let before = from_bits(self.before);
        let len = (self.rows - 1) * self.out_stride + self.columns;
        let mut out = Guarded::new(&vec![before; len], self.guard);
        let block = OutputBlock::new(&mut out, self.rows, self.columns, self.out_stride);
        match self.split {
            None => run(&call, block, scratch),
            Some((row, column)) => {
                let (upper, lower) = block.split_rows(row);
                let (left, right) = lower.split_columns(column.min(self.columns));
                for part in [upper, left] {
                    run(&call, part, scratch);
                }
                // A part without columns begins anywhere; the others on a panel's border.
                if right.columns() > 0 {
                    run(&call, right, scratch);
                }
            }
        }
        for (index, &found) in out.iter().enumerate() {
            let (m, n) = (index / self.out_stride, index % self.out_stride);
            let wanted = if n < self.columns { expected[m * self.columns + n] } else { bits(before) };
            assert_eq!(
                bits(found),
                wanted,
                "{backend}: row {m}, column {n} of {}×{}×{}, lhs {}, weights {}{}, {:?}",
                self.rows,
                self.depth(),
                self.columns,
                if self.lhs_signed { "i8" } else { "u8" },
                if self.weights_signed { "i" } else { "u" },
                self.weight_bits,
                self.stage().output(),
            );
        }
    }
}

/// For tests of tiles.
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
impl Case {
    /// The patches of a 3 × 3 kernel whose taps are segments of `channels` bytes without a sign. All zero points are 0: sums of weights
    /// have no part in the products.
    pub(crate) fn taps(rng: &mut Random, channels: usize) -> Case {
        let geometry = PatchGeometry {
            batch: 1,
            input: [6, 7],
            channels,
            kernel: [3, 3],
            stride: [1, 1],
            dilation: [1, 1],
            pad: [1, 1],
            output: [6, 7],
        };
        let window = Window2d::new(geometry).expect("a small image");
        let shape = [window.rows(), window.taps(), channels, 20];
        let case = Case::new(rng, shape, Rows::Patches(window), window.input_len());
        Case {
            lhs_signed: false,
            lhs_zero: 0,
            weights_signed: true,
            weight_zeros: vec![0; case.columns],
            split: None,
            elision: Some(PaddingElision::Nothing),
            segmentation: Segmentation::Taps,
            ..case
        }
    }

    /// The weights as they are loaded from bytes whose padding of the depth, in groups of four, was damaged.
    pub(crate) fn damaged(&self, backend: Backend) -> PackedPanels {
        use eightbit_kernels::Bytes;
        use eightbit_kernels::gemm::{PANEL, SavedShape};

        let panels = self.pack(backend);
        let (segments, segment_len) = (panels.segments(), panels.segment_len());
        let groups = segment_len.div_ceil(4);
        let mut bytes = panels.get().expect("bytes that are owned").bytes().to_vec();
        for (number, group) in bytes.as_chunks_mut::<{ 4 * PANEL }>().0.iter_mut().enumerate() {
            let depths = segment_len - number % groups * 4;
            for column in group.as_chunks_mut::<4>().0 {
                column.iter_mut().skip(depths).for_each(|padding| *padding = 0x55);
            }
        }
        let bytes = Bytes::copy_from(&bytes);
        let (layout, signed) = (panels.layout(), panels.signed());
        let shape = SavedShape { layout, signed, bits: 8, columns: self.columns, segments, segment_len };
        PackedPanels::from_bytes(backend, bytes, &shape).expect("bytes of the same length")
    }
}

fn random_stage(rng: &mut Random) -> StageKind {
    let output = if rng.flip() { ElementType::U8 } else { ElementType::I8 };
    let (min, max) = output.integer_range();
    let zero_point = zero_point(rng, output == ElementType::I8);
    let (mut low, mut high) = (min, max);
    if rng.flip() {
        low += rng.below(100) as i32;
        high -= rng.below(100) as i32;
    }
    match rng.below(5) {
        0 => StageKind::Accumulators { accumulate: false },
        1 => StageKind::Accumulators { accumulate: true },
        2 => StageKind::Requantize { zero_point, low, high, output },
        3 => StageKind::RequantizeFixed { zero_point, low, high, output },
        _ => {
            let (low, high) = if rng.flip() { (f32::NEG_INFINITY, f32::INFINITY) } else { (0.0, 6.0) };
            StageKind::Dequantize { row_scale: rng.flip(), bias: rng.flip(), low, high }
        }
    }
}

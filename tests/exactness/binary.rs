//! Products of signs through the public API.

use eightbit::binary::{
    BinaryConv2d, BinaryGemm, BinaryMaxPool2d, BinaryStage, BinaryWeights, Outside, Thresholds, pack_signs,
    row_bytes, sign, unpack_signs,
};
use eightbit::pool::Pool2dShape;
use eightbit::{Backend, Conv2dShape, Error, MatMut, OutputElement, Padding, Stage, Workspace, reference};
use eightbit_kernels::testing::{Guard, Guarded};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use eightbit_testing::stage::{StageKind, stage_kind};
use eightbit_testing::suite::{property_suite, random_suite};
use eightbit_testing::{Random, guard};

/// How the bits of a case are drawn.
#[derive(Clone, Copy, Debug)]
enum Bits {
    Random,
    Ones,
    MinusOnes,
}

fn bits() -> impl Strategy<Value = Bits> {
    prop_oneof![6 => Just(Bits::Random), 1 => Just(Bits::Ones), 1 => Just(Bits::MinusOnes)]
}

/// `rows` rows of `columns` bits, filled with zeros.
fn draw_bits(random: &mut Random, kind: Bits, rows: usize, columns: usize) -> Vec<u8> {
    let mut bits = vec![0; rows * row_bytes(columns)];
    for row in bits.chunks_exact_mut(row_bytes(columns).max(1)) {
        for i in 0..columns {
            let bit = match kind {
                Bits::Random => random.flip(),
                Bits::Ones => false,
                Bits::MinusOnes => true,
            };
            row[i / 8] |= u8::from(bit) << (i % 8);
        }
    }
    bits
}

/// Parameters that products of matrices and convolutions share.
#[derive(Clone, Debug)]
struct Common {
    /// `None`: bits.
    stage: Option<StageKind>,
    bias: bool,
    tasks: usize,
    bits: [Bits; 2],
    guard: Guard,
    seed: u64,
}

fn common() -> impl Strategy<Value = Common> {
    let stage = prop_oneof![3 => stage_kind().prop_map(Some), 2 => Just(None)];
    let tasks = prop_oneof![Just(1usize), 2usize..7];
    (stage, any::<bool>(), tasks, (bits(), bits()), guard(), any::<u64>()).prop_map(
        |(stage, bias, tasks, (a, w), guard, seed)| Common { stage, bias, tasks, bits: [a, w], guard, seed },
    )
}

fn fail(error: Error) -> TestCaseError {
    TestCaseError::fail(error.to_string())
}

/// A random chain in floats, rising or falling, and its thresholds.
fn draw_thresholds(random: &mut Random, depth: usize, channels: usize) -> (Thresholds, Vec<[f32; 3]>) {
    let magnitude = depth as f32;
    let chains: Vec<[f32; 3]> = (0..channels)
        .map(|_| {
            let factor = [0.0, 1.0, -1.0, 0.37, -1e-30, 1e30][random.below(6)];
            let shift = (random.between(-1000, 1000) as f32) / 900.0 * magnitude * f32::abs(factor);
            [factor, shift, [0.0, -0.0, 0.25][random.below(3)]]
        })
        .collect();
    let found = Thresholds::of_chain(depth, channels, |n, sum| chain(chains[n], sum)).expect("no NaN");
    (found, chains)
}

/// `sum · factor + shift`, moved a little.
fn chain([factor, shift, more]: [f32; 3], sum: i32) -> f32 {
    sum as f32 * factor + shift + more
}

/// What a plan is asked for.
struct Asked {
    stage: BinaryStage,
    bias: Option<Vec<i32>>,
    chains: Vec<[f32; 3]>,
}

impl Common {
    fn draw(&self, random: &mut Random, depth: usize, channels: usize) -> Asked {
        match self.stage {
            Some(kind) => {
                let stage = kind.draw(random, channels, depth as f64).into();
                let bias = self.bias.then(|| (0..channels).map(|_| random.between(-3000, 3000)).collect());
                Asked { stage, bias, chains: Vec::new() }
            }
            None => {
                let (found, chains) = draw_thresholds(random, depth, channels);
                Asked { stage: found.into(), bias: None, chains }
            }
        }
    }
}

/// Compares an output of rows of `stride` elements, of which `columns` are written, with the sums.
fn compare<T: OutputElement>(
    asked: &Asked,
    sums: &[i32],
    channels: usize,
    before: &[T],
    found: &[T],
    stride: usize,
    bits: impl Fn(T) -> u32,
) -> Result<(), TestCaseError> {
    for (m, sums) in sums.chunks_exact(channels.max(1)).enumerate() {
        let (row, old) = (&found[m * stride..][..stride], &before[m * stride..][..stride]);
        let mut written = channels;
        match &asked.stage {
            BinaryStage::Sums(stage) => {
                for (n, sum) in sums.iter().enumerate() {
                    let sum = sum.wrapping_add(asked.bias.as_ref().map_or(0, |bias| bias[n]));
                    let expected = match stage {
                        Stage::Accumulators { accumulate: false } => sum.cast_unsigned(),
                        Stage::Accumulators { .. } => sum.cast_unsigned().wrapping_add(bits(old[n])),
                        Stage::Requantize(requantize) => {
                            reference::requantize(sum, requantize, n).cast_unsigned()
                        }
                        Stage::Dequantize(dequantize) => {
                            reference::dequantize(sum, dequantize, None, n).to_bits()
                        }
                        _ => unreachable!("a new stage"),
                    };
                    prop_assert_eq!(bits(row[n]), expected, "row {} column {}", m, n);
                }
            }
            _ => {
                written = row_bytes(channels);
                for i in 0..8 * written {
                    let expected = i < channels && chain(asked.chains[i], sums[i]) < 0.0;
                    let found = bits(row[i / 8]) >> (i % 8) & 1 == 1;
                    prop_assert_eq!(found, expected, "row {} bit {}", m, i);
                }
            }
        }
        for i in written..stride {
            prop_assert_eq!(bits(row[i]), bits(old[i]), "row {} behind its columns", m);
        }
    }
    Ok(())
}

#[derive(Clone, Debug)]
struct Matrix {
    sizes: [usize; 3],
    common: Common,
}

fn matrices() -> impl Strategy<Value = Matrix> {
    let rows = prop_oneof![3 => 0usize..12, 1 => 0usize..70];
    let depth =
        prop_oneof![3 => 0usize..200, 2 => 0usize..1200, 1 => (0usize..20).prop_map(|words| 64 * words)];
    let columns = prop_oneof![3 => 0usize..100, 1 => 100usize..300];
    (rows, depth, columns, common())
        .prop_map(|(rows, depth, columns, common)| Matrix { sizes: [rows, depth, columns], common })
}

fn check_matrix(backend: Backend, case: &Matrix) -> Result<(), TestCaseError> {
    let mut random = Random(case.common.seed);
    let [rows, depth, columns] = case.sizes;
    let [a, w] = case.common.bits;
    let lhs = Guarded::new(&draw_bits(&mut random, a, rows, depth), case.common.guard);
    let mut bits = draw_bits(&mut random, w, columns, depth);
    let sums = reference::binary_gemm(&lhs, &bits, case.sizes);
    // Filling bits of weights are ignored.
    if depth % 64 != 0 {
        bits.chunks_exact_mut(row_bytes(depth)).for_each(|row| *row.last_mut().expect("a byte") |= 0x80);
    }
    let weights = BinaryWeights::pack(backend, &bits, columns, depth).map_err(fail)?;
    let asked = case.common.draw(&mut random, depth, columns);
    let gemm = BinaryGemm::new(weights, asked.bias.as_deref(), asked.stage.clone()).map_err(fail)?;
    let width = gemm.output_columns();
    let stride = width + random.below(3);
    macro_rules! run {
        ($type:ty, $fill:expr, $bits:expr) => {{
            let before = vec![$fill; rows * stride];
            let mut out = Guarded::new(&before, case.common.guard);
            let matrix = MatMut::with_row_stride(&mut out, rows, width, stride).map_err(fail)?;
            let call = gemm.call(&lhs, matrix).map_err(fail)?;
            call.tasks(case.common.tasks).for_each(|task| task.run(&mut Workspace::new()));
            compare::<$type>(&asked, &sums, columns, &before, &out, stride, $bits)
        }};
    }
    match gemm.output() {
        eightbit::ElementType::I32 => run!(i32, 77i32, i32::cast_unsigned),
        eightbit::ElementType::F32 => run!(f32, 0.5f32, f32::to_bits),
        eightbit::ElementType::I8 => run!(i8, 7i8, |x| i32::from(x).cast_unsigned()),
        _ => run!(u8, 7u8, u32::from),
    }
}

#[test]
fn binary_gemm() {
    property_suite("binary_gemm", 0.3, matrices(), check_matrix);
}

#[derive(Clone, Debug)]
struct Image {
    shape: Conv2dShape,
    outside: Outside,
    common: Common,
}

fn images() -> impl Strategy<Value = Image> {
    let channels = prop_oneof![2 => 1usize..70, 1 => Just(64), 1 => 1usize..200];
    let kernel = prop_oneof![
        3 => Just([3usize, 3]),
        2 => (1usize..5, 1usize..5).prop_map(|(h, w)| [h, w]),
        1 => (1usize..10, 1usize..10).prop_map(|(h, w)| [h, w]),
    ];
    let sizes = (1usize..3, (1usize..12, 1usize..12), channels, 1usize..100, kernel);
    let steps = ((1usize..4, 1usize..4), (1usize..3, 1usize..3));
    let pads = (0usize..4, 0usize..4, 0usize..4, 0usize..4);
    let outside = prop_oneof![Just(Outside::Ones), Just(Outside::Nothing)];
    (sizes, steps, pads, outside, common()).prop_filter_map(
        "a kernel larger than the image",
        |(sizes, (stride, dilation), (top, left, bottom, right), outside, common)| {
            let (batch, input, in_channels, out_channels, kernel) = sizes;
            let shape = Conv2dShape::new(input.into(), in_channels, out_channels, kernel)
                .with_batch(batch)
                .with_stride(stride.into())
                .with_dilation(dilation.into())
                .with_pad(Padding { top, left, bottom, right });
            shape.check().ok()?;
            Some(Image { shape, outside, common })
        },
    )
}

fn check_image(backend: Backend, case: &Image) -> Result<(), TestCaseError> {
    let mut random = Random(case.common.seed);
    let shape = case.shape;
    let [a, w] = case.common.bits;
    let pixels = shape.batch * shape.input[0] * shape.input[1];
    let taps = shape.kernel[0] * shape.kernel[1];
    let input = Guarded::new(&draw_bits(&mut random, a, pixels, shape.in_channels), case.common.guard);
    let bits = draw_bits(&mut random, w, shape.out_channels * taps, shape.in_channels);
    let sums = reference::binary_conv2d(&shape, &input, &bits, case.outside);
    let weights = BinaryWeights::pack_convolution(backend, &shape, &bits).map_err(fail)?;
    let asked = case.common.draw(&mut random, taps * shape.in_channels, shape.out_channels);
    let bias = asked.bias.as_deref();
    let conv = BinaryConv2d::new(shape, weights, case.outside, bias, asked.stage.clone()).map_err(fail)?;
    let [height, width] = shape.output();
    let (rows, columns) = (shape.batch * height * width, conv.output_columns());
    let stride = columns + random.below(3);
    let middle = random.below(rows + 1);
    macro_rules! run {
        ($type:ty, $fill:expr, $bits:expr) => {{
            let before = vec![$fill; rows * stride];
            let mut out = Guarded::new(&before, case.common.guard);
            // In two parts, each of which is split into tasks.
            for part in [0..middle, middle..rows] {
                let matrix = MatMut::with_row_stride(&mut out, rows, columns, stride).map_err(fail)?;
                let call = conv.call_rows(&input, matrix).map_err(fail)?.part(part).map_err(fail)?;
                let mut workspace = Workspace::with_capacity(conv.workspace_bytes());
                let capacity = workspace.capacity();
                call.tasks(case.common.tasks).for_each(|task| task.run(&mut workspace));
                prop_assert_eq!(workspace.capacity(), capacity, "a workspace that has to grow");
            }
            compare::<$type>(&asked, &sums, shape.out_channels, &before, &out, stride, $bits)
        }};
    }
    match conv.output() {
        eightbit::ElementType::I32 => run!(i32, 77i32, i32::cast_unsigned),
        eightbit::ElementType::F32 => run!(f32, 0.5f32, f32::to_bits),
        eightbit::ElementType::I8 => run!(i8, 7i8, |x| i32::from(x).cast_unsigned()),
        _ => run!(u8, 7u8, u32::from),
    }
}

#[test]
fn binary_conv() {
    property_suite("binary_conv", 0.3, images(), check_image);
}

/// Long images are computed in several strips.
#[test]
fn strips_of_long_images_join() {
    let mut random = Random(5);
    for (size, channels, outside) in [([90, 70], 130, Outside::Nothing), ([300, 40], 64, Outside::Ones)] {
        let shape = Conv2dShape::new(size, channels, 40, [3, 3]).with_pad(Padding::same(1)).with_batch(2);
        let input = draw_bits(&mut random, Bits::Random, 2 * size[0] * size[1], channels);
        let bits = draw_bits(&mut random, Bits::Random, 9 * 40, channels);
        let sums = reference::binary_conv2d(&shape, &input, &bits, outside);
        for backend in Backend::available() {
            let weights = BinaryWeights::pack_convolution(backend, &shape, &bits).unwrap();
            let conv = BinaryConv2d::new(shape, weights, outside, None, Stage::ACCUMULATORS).unwrap();
            let mut out = vec![0i32; sums.len()];
            conv.call(&input, &mut out).unwrap().run(&mut Workspace::new());
            assert!(out == sums, "{backend}");
        }
    }
}

#[test]
fn maxima_of_signs_are_those_of_numbers() {
    let mut random = Random(9);
    for _ in 0..300 {
        let input = [1 + random.below(8), 1 + random.below(8)];
        let shape =
            Pool2dShape::new(input, 1 + random.below(130), [1 + random.below(3), 1 + random.below(3)])
                .with_batch(1 + random.below(2))
                .with_stride([1 + random.below(3), 1 + random.below(3)])
                .with_pad(Padding::same(random.below(2)));
        let Ok(pool) = BinaryMaxPool2d::new(shape) else { continue };
        let pixels = shape.batch * input[0] * input[1];
        let bits = draw_bits(&mut random, Bits::Random, pixels, shape.channels);
        let bytes = row_bytes(shape.channels);
        let numbers: Vec<i8> = bits
            .chunks_exact(bytes)
            .flat_map(|row| (0..shape.channels).map(|c| sign(row, c) as i8))
            .collect();
        let expected = reference::max_pool2d(&shape, &numbers);
        let [height, width] = shape.output();
        let mut out = vec![0; shape.batch * height * width * bytes];
        pool.call(&bits, &mut out).unwrap().run(&mut Workspace::new());
        let found: Vec<i32> =
            out.chunks_exact(bytes).flat_map(|row| (0..shape.channels).map(|c| sign(row, c))).collect();
        assert_eq!(found, expected, "{shape:?}");
    }
}

#[test]
fn signs_of_floats() {
    let special = [0.0, -0.0, f32::MIN_POSITIVE, -1e-45, f32::INFINITY, f32::NEG_INFINITY, 1.0, -1.0];
    random_suite("signs", 3, |backend, random, count| {
        for _ in 0..200 {
            let (rows, columns) = (random.below(4), 1 + random.below(200));
            let draw = |random: &mut Random| {
                if random.flip() { special[random.below(special.len())] } else { random.float() }
            };
            let numbers: Vec<f32> = (0..rows * columns).map(|_| draw(random)).collect();
            let mut bits = Guarded::new(&vec![0xff; rows * row_bytes(columns)], Guard::After);
            pack_signs(backend, &numbers, columns, &mut bits).unwrap();
            for (numbers, bits) in numbers.chunks_exact(columns).zip(bits.chunks_exact(row_bytes(columns))) {
                for i in 0..8 * bits.len() {
                    let expected = numbers.get(i).is_some_and(|number| *number < 0.0);
                    assert_eq!(bits[i / 8] >> (i % 8) & 1 == 1, expected, "{backend} {i} of {columns}");
                }
            }
            let mut again = vec![0.0; numbers.len()];
            unpack_signs(&bits, columns, &mut again).unwrap();
            assert!(again.iter().zip(&numbers).all(|(sign, x)| *sign == if *x < 0.0 { -1.0 } else { 1.0 }));
            *count += 1;
        }
    });
    // The kernel itself takes NaN of either sign for −1.
    for backend in Backend::available() {
        let mut numbers = [1.0; 70];
        (numbers[3], numbers[64], numbers[66]) = (f32::NAN, -f32::NAN, f32::NAN);
        let mut bits = [0; 16];
        assert!(pack_signs(backend, &numbers, 70, &mut bits).is_err());
        eightbit_kernels::binary::pack_signs(backend, &numbers, 70, &mut bits);
        assert_eq!(bits, [8, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0], "{backend}");
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let backend = Backend::detected();
    let weights = BinaryWeights::pack(backend, &[0; 16], 2, 3).unwrap();
    let gemm = BinaryGemm::new(weights.clone(), None, Stage::ACCUMULATORS).unwrap();
    let mut out = [0i32; 2];
    let error = gemm.call(&[8, 0, 0, 0, 0, 0, 0, 0], MatMut::new(&mut out, 1, 2).unwrap()).err().unwrap();
    assert!(error.to_string().contains("row 0 has bits behind its 3"), "{error}");
    assert!(gemm.call(&[0; 9], MatMut::new(&mut out, 1, 2).unwrap()).is_err());
    let thresholds = Thresholds::new(vec![0, 1], vec![false, true]).unwrap();
    assert!(BinaryGemm::new(weights.clone(), Some(&[1, 2]), thresholds).is_err());
    assert!(BinaryGemm::new(weights, Some(&[1]), Stage::ACCUMULATORS).is_err());
    assert!(BinaryWeights::pack(backend, &[0; 15], 2, 3).is_err());
    assert!(BinaryWeights::pack(backend, &[], usize::MAX, 0).is_err());
    assert!(BinaryWeights::pack(backend, &[], 1 << 20, 0).is_err());
    let shape = Conv2dShape::new([3, 3], 1, 1, [3, 3]);
    let of_taps = BinaryWeights::pack_convolution(backend, &shape, &[0; 72]).unwrap();
    let error = BinaryGemm::new(of_taps, None, Stage::ACCUMULATORS).err().unwrap().to_string();
    assert!(error.contains("taps of the weights"), "{error}");
    assert!(BinaryWeights::pack(backend, &[], 0, usize::MAX).is_err());
    assert!(Thresholds::of_chain(usize::MAX, 1, |_, _| 0.0).is_err());
    assert!(Thresholds::of_chain(3, 1, |_, _| f32::NAN).is_err());
    assert!(Thresholds::new(vec![i32::MIN], vec![false]).is_err());
    // Lines that would take more memory than there is.
    let wide = Conv2dShape::new([1, 1], 64, 1, [1, 2]).with_dilation([1, 1 << 27]).with_pad(Padding {
        top: 0,
        left: 1 << 27,
        bottom: 0,
        right: 0,
    });
    let weights = BinaryWeights::pack_convolution(backend, &wide, &[0; 16]).unwrap();
    let error = BinaryConv2d::new(wide, weights, Outside::Ones, None, Stage::ACCUMULATORS).unwrap_err();
    assert!(error.to_string().contains("too large"), "{error}");
}

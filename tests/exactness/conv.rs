//! Convolution: kernels, strides, dilations, asymmetric padding, groups; inputs and outputs against protected pages.

use eightbit::{
    Backend, Conv2d, Conv2dShape, Dequantize, Element, ElementType, MatMut, OutputElement, PackedWeights,
    Padding, Per, Precision, QuantizedType, Stage, Workspace, reference,
};
use eightbit_kernels::testing::{Guard, Guarded};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use crate::gemm::Drawn;
use eightbit_testing::precision::{narrow, narrow_zeros, precision};
use eightbit_testing::stage::{StageKind, biases, stage_kind, weight_zeros};
use eightbit_testing::suite::property_suite;
use eightbit_testing::{Fill, Random, by_signs, fill, guard};

#[derive(Clone, Debug)]
struct Case {
    shape: Conv2dShape,
    input_signed: bool,
    weights_signed: bool,
    tasks: usize,
    input_fill: Fill,
    weights_fill: Fill,
    precision: Precision,
    stage: StageKind,
    guard: Guard,
    seed: u64,
}

fn cases(depthwise: bool) -> impl Strategy<Value = Case> {
    let channels = if depthwise {
        prop_oneof![2 => 2usize..20, 1 => 2usize..150].prop_map(|c| (c, 1, 1)).boxed()
    } else {
        let group = || prop_oneof![3 => 1usize..6, 2 => 1usize..40];
        (prop_oneof![3 => Just(1usize), 1 => 2usize..4], group(), group()).boxed()
    };
    let kernel = if depthwise {
        prop_oneof![4 => Just([3usize, 3]), 1 => Just([5, 5]), 2 => (1usize..10, 1usize..8).prop_map(|(h, w)| [h, w])].boxed()
    } else {
        prop_oneof![2 => Just([1usize, 1]), 3 => Just([3, 3]), 2 => (1usize..5, 1usize..5).prop_map(|(h, w)| [h, w])].boxed()
    };
    let geometry =
        (1usize..3, (1usize..9, 1usize..12), kernel, (1usize..4, 1usize..4), (1usize..3, 1usize..3));
    let pads = (0usize..3, 0usize..3, 0usize..3, 0usize..3);
    let weights = (fill(), precision());
    let rest =
        (any::<bool>(), any::<bool>(), 1usize..4, fill(), weights, stage_kind(), guard(), any::<u64>());
    (geometry, pads, channels, prop::bool::weighted(0.3), rest).prop_filter_map(
        "the kernel does not fit",
        |(geometry, pads, (groups, group_in, group_out), plain, rest)| {
            let (batch, input, kernel, stride, dilation) = geometry;
            let (top, left, bottom, right) = pads;
            let (input_signed, weights_signed, tasks, input_fill, weights, stage, guard, seed) = rest;
            let (weights_fill, precision) = weights;
            let shape = Conv2dShape::new(input.into(), groups * group_in, groups * group_out, kernel)
                .with_batch(batch)
                .with_stride(if plain { [1, 1] } else { stride.into() })
                .with_dilation(if plain { [1, 1] } else { dilation.into() })
                .with_pad(if plain { Padding::default() } else { Padding { top, left, bottom, right } })
                .with_groups(groups);
            shape.check().ok()?;
            Some(Case {
                shape,
                input_signed,
                weights_signed,
                tasks,
                input_fill,
                weights_fill,
                precision,
                stage,
                guard,
                seed,
            })
        },
    )
}

#[test]
fn conv() {
    property_suite("conv", 1.0, cases(false), check);
}

#[test]
fn depthwise() {
    property_suite("depthwise", 1.0, cases(true), check);
}

fn check(backend: Backend, case: &Case) -> Result<(), TestCaseError> {
    by_signs!((case.input_signed, case.weights_signed), check_types(backend, case))
}

fn check_types<A: Element, W: Element>(backend: Backend, case: &Case) -> Result<(), TestCaseError> {
    let shape = case.shape;
    let mut random = Random(case.seed);
    let group_in = shape.in_channels / shape.groups;
    let depth = shape.kernel[0] * shape.kernel[1] * group_in;
    let input: Vec<A> = random
        .bytes(case.input_fill, shape.batch * shape.input[0] * shape.input[1] * shape.in_channels)
        .into_iter()
        .map(|byte| A::from_low_bits(byte.into()))
        .collect();
    let input = Guarded::new(&input, case.guard);
    let weights: Vec<W> = random
        .bytes(case.weights_fill, shape.out_channels * depth)
        .into_iter()
        .map(|byte| W::from_low_bits(byte.into()))
        .collect();
    let weights = narrow(case.precision, weights);
    let (low, high) = A::TYPE.integer_range();
    let input_zero = [low, high, 0, random.between(low, high)][random.below(4)];
    let zeros = weight_zeros(&mut random, case.weights_signed, shape.out_channels);
    let zeros = narrow_zeros(case.precision, W::TYPE, zeros);
    let bias = biases(&mut random, shape.out_channels);
    let stage = case.stage.draw(&mut random, shape.out_channels, 3000.0 * (depth as f64).sqrt());

    let acc = reference::conv2d(&shape, &input, input_zero, &weights, &zeros, bias.as_deref());
    // Weights are packed for channels, kernel and groups; the rest of the shape must not matter.
    let packed_for = match random.below(8) {
        dilation @ 1..=2 => {
            let mut other = shape.with_dilation([dilation; 2]);
            other.input = [99, 99];
            other
        }
        _ => shape,
    };
    let packed = Conv2d::pack_as(backend, &packed_for, &weights, case.precision, zeros).expect("pack");
    // Saved weights have sums by tap no more.
    let saved = random.below(4) == 0;
    let packed = if saved {
        PackedWeights::from_bytes(backend, &packed.to_bytes()).expect("what was saved loads")
    } else {
        packed
    };
    let packed = std::sync::Arc::new(packed);
    if let Stage::Dequantize(dequantize) = &stage {
        // The plan of another zero point, which a call replaces.
        let conv = Conv2d::new(shape, packed.clone(), A::TYPE, high, bias.as_deref(), &stage).expect("plan");
        let range = QuantizedType::new(A::TYPE, 0.37, input_zero).expect("a range");
        check_ranged(&conv, &input, range, dequantize, &acc, case)?;
    }
    let conv = Conv2d::new(shape, packed, A::TYPE, input_zero, bias.as_deref(), &stage).expect("plan");
    let run = Run { conv: &conv, input: &input, case, stage: &stage, acc: &acc };
    match conv.output() {
        ElementType::U8 => run.check::<u8>(&mut random, |acc, n| run.requantized(acc, n) as u8),
        ElementType::I8 => run.check::<i8>(&mut random, |acc, n| run.requantized(acc, n) as i8),
        ElementType::I32 => run.check::<i32>(&mut random, |acc, _| acc),
        ElementType::F32 => run.check::<f32>(&mut random, |acc, n| {
            let Stage::Dequantize(dequantize) = run.stage else { unreachable!("the stage dequantizes") };
            reference::dequantize(acc, dequantize, None, n)
        }),
        other => panic!("an output of {other} has no test"),
    }
}

/// The convolution of an input whose scale and zero point come with the call.
fn check_ranged<A: Element>(
    conv: &Conv2d,
    input: &[A],
    range: QuantizedType,
    dequantize: &Dequantize,
    acc: &[i32],
    case: &Case,
) -> Result<(), TestCaseError> {
    let channels = case.shape.out_channels;
    let factors = (0..channels).map(|n| match &dequantize.scale {
        Per::Channel(scales) => scales[n] * range.scale(),
        Per::Tensor(scale) => scale * range.scale(),
        other => panic!("scales {other:?} have no test"),
    });
    let mut scaled = dequantize.clone();
    scaled.scale = Per::Channel(factors.collect());
    let mut out = Guarded::new(&vec![0f32; acc.len()], case.guard);
    let mut workspace = Workspace::new();
    for task in conv.call_ranged(input, range, &mut out).expect("call").tasks(case.tasks) {
        task.run(&mut workspace);
    }
    for (index, (&found, &acc)) in out.iter().zip(acc).enumerate() {
        let expected = reference::dequantize(acc, &scaled, None, index % channels);
        prop_assert_eq!(found.to_bits(), expected.to_bits(), "element {}", index);
    }
    Ok(())
}

struct Run<'a, A> {
    conv: &'a Conv2d,
    input: &'a [A],
    case: &'a Case,
    stage: &'a Stage,
    acc: &'a [i32],
}

impl<A: Element> Run<'_, A> {
    fn requantized(&self, acc: i32, n: usize) -> i32 {
        let Stage::Requantize(requantize) = self.stage else { unreachable!("the stage requantizes") };
        reference::requantize(acc, requantize, n)
    }

    fn check<T: OutputElement + Drawn>(
        &self,
        random: &mut Random,
        expected: impl Fn(i32, usize) -> T,
    ) -> Result<(), TestCaseError> {
        let channels = self.case.shape.out_channels;
        let rows = self.acc.len() / channels;
        // Whole, in tasks, or in parts of a matrix with a row stride.
        let in_parts = random.below(3) == 0;
        let stride = channels + if in_parts { random.below(4) } else { 0 };
        let before: Vec<T> = (0..rows * stride).map(|_| T::draw(random)).collect();
        let mut out = Guarded::new(&before, self.case.guard);
        let mut workspace = Workspace::with_capacity(self.conv.workspace_bytes());
        let capacity = workspace.capacity();
        if in_parts {
            let middle = random.below(rows + 1);
            for part in [0..middle, middle..rows] {
                let matrix = MatMut::with_row_stride(&mut out, rows, channels, stride).expect("matrix");
                self.conv
                    .call_rows(self.input, matrix)
                    .expect("run")
                    .part(part)
                    .expect("run")
                    .run(&mut workspace);
            }
        } else if self.case.tasks == 1 {
            self.conv.call(self.input, &mut out).expect("run").run(&mut workspace);
        } else {
            for task in self.conv.call(self.input, &mut out).expect("tasks").tasks(self.case.tasks) {
                task.run(&mut workspace);
            }
        }
        prop_assert_eq!(capacity, workspace.capacity(), "the workspace grew past its plan");
        let accumulate = matches!(self.stage, Stage::Accumulators { accumulate: true });
        for (index, (&found, &before)) in out.iter().zip(&before).enumerate() {
            let (pixel, channel) = (index / stride, index % stride);
            let expected = match self.acc.get(pixel * channels + channel) {
                Some(&acc) if channel < channels => {
                    let result = expected(acc, channel);
                    if accumulate { T::wrapping_sum(result, before) } else { result }
                }
                _ => before,
            };
            prop_assert!(
                T::same_bits(found, expected),
                "pixel {pixel}, channel {channel}: found {found:?}, expected {expected:?}"
            );
        }
        Ok(())
    }
}

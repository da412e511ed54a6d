//! Three-dimensional convolution: kernels, strides, dilations, padding and groups along three axes.

use eightbit::{
    Backend, Conv3d, Conv3dShape, Element, ElementType, OutputElement, Precision, Stage, Workspace, reference,
};
use eightbit_kernels::testing::{Guard, Guarded};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use crate::gemm::Drawn;
use eightbit_testing::precision::{narrow, narrow_zeros};
use eightbit_testing::stage::{StageKind, biases, stage_kind, weight_zeros};
use eightbit_testing::suite::property_suite;
use eightbit_testing::{Fill, Random, by_signs, fill, guard};

#[derive(Clone, Debug)]
struct Case {
    shape: Conv3dShape,
    /// Elements of the input and of the weights.
    lens: [usize; 2],
    channels: usize,
    input_signed: bool,
    weights_signed: bool,
    tasks: usize,
    fills: [Fill; 2],
    stage: StageKind,
    guard: Guard,
    seed: u64,
}

fn cases() -> impl Strategy<Value = Case> {
    let three = |most: usize| [1..most, 1..most, 1..most];
    let kernel =
        prop_oneof![2 => Just([3usize; 3]), 1 => Just([1, 3, 3]), 1 => Just([1, 1, 1]), 3 => three(4)];
    let geometry = (
        1usize..3,
        [1usize..6, 1..7, 1..9],
        kernel,
        three(4),
        three(3),
        prop::array::uniform3([0usize..3, 0..3]),
    );
    // Groups, and the channels of each; depthwise ones have a path of their own if the kernel has depth 1.
    let grouped = (prop_oneof![3 => Just(1usize), 1 => 2usize..4], 1usize..7, 1usize..20);
    let depthwise = (2usize..40).prop_map(|channels| (channels, 1, 1));
    let channels = prop_oneof![4 => grouped, 1 => depthwise];
    let rest =
        (any::<bool>(), any::<bool>(), 1usize..5, [fill(), fill()], stage_kind(), guard(), any::<u64>());
    (geometry, channels, any::<bool>(), rest).prop_filter_map(
        "the kernel does not fit",
        |(geometry, channels, plain, rest)| {
            let ((batch, input, kernel, stride, dilation, pad), (groups, group_in, group_out)) =
                (geometry, channels);
            let shape = Conv3dShape::new(input, groups * group_in, groups * group_out, kernel)
                .with_batch(batch)
                .with_stride(if plain { [1; 3] } else { stride })
                .with_dilation(if plain { [1; 3] } else { dilation })
                .with_pad(pad)
                .with_groups(groups);
            shape.check().ok()?;
            let size = |sizes: [usize; 3]| sizes.iter().product::<usize>();
            let lens =
                [batch * size(input) * groups * group_in, groups * group_out * size(kernel) * group_in];
            let (input_signed, weights_signed, tasks, fills, stage, guard, seed) = rest;
            let channels = groups * group_out;
            Some(Case {
                shape,
                lens,
                channels,
                input_signed,
                weights_signed,
                tasks,
                fills,
                stage,
                guard,
                seed,
            })
        },
    )
}

#[test]
fn conv3d() {
    property_suite("conv3d", 0.3, cases(), |backend, case| {
        by_signs!((case.input_signed, case.weights_signed), check(backend, case))
    });
}

fn check<A: Element, W: Element>(backend: Backend, case: &Case) -> Result<(), TestCaseError> {
    let &Case { shape, lens, channels, fills, .. } = case;
    let mut random = Random(case.seed);
    let input = Guarded::new(&random.elements::<A>(fills[0], lens[0]), case.guard);
    let precision = [Precision::EIGHT, Precision::Bits(4), Precision::Ternary][random.below(3)];
    let weights = narrow(precision, random.elements::<W>(fills[1], lens[1]));
    let (low, high) = A::TYPE.integer_range();
    let zero = [low, high, 0, random.between(low, high)][random.below(4)];
    let zeros = weight_zeros(&mut random, case.weights_signed, channels);
    let zeros = narrow_zeros(precision, W::TYPE, zeros);
    let bias = biases(&mut random, channels);
    let depth = lens[1] / channels;
    let stage = case.stage.draw(&mut random, channels, 3000.0 * (depth as f64).sqrt());
    let sums = reference::conv3d(&shape, &input, zero, &weights, &zeros, bias.as_deref());
    let packed = Conv3d::pack_as(backend, &shape, &weights, precision, zeros).expect("pack");
    let conv = Conv3d::new(shape, packed, A::TYPE, zero, bias.as_deref(), &stage).expect("plan");
    match &stage {
        Stage::Requantize(requantize) if conv.output() == ElementType::U8 => {
            compare(&conv, &input, case, &sums, |sum, n| reference::requantize(sum, requantize, n) as u8)
        }
        Stage::Requantize(requantize) => {
            compare(&conv, &input, case, &sums, |sum, n| reference::requantize(sum, requantize, n) as i8)
        }
        Stage::Dequantize(dequantize) => {
            compare(&conv, &input, case, &sums, |sum, n| reference::dequantize(sum, dequantize, None, n))
        }
        // Outputs are 0 before: sums that are added to them are these sums.
        _ => compare(&conv, &input, case, &sums, |sum, _| sum),
    }
}

fn compare<A: Element, T: OutputElement + Drawn>(
    conv: &Conv3d,
    input: &[A],
    case: &Case,
    sums: &[i32],
    expected: impl Fn(i32, usize) -> T,
) -> Result<(), TestCaseError> {
    let mut out = Guarded::new(&vec![T::default(); sums.len()], case.guard);
    let tasks: Vec<_> = conv.call(input, &mut out).expect("call").tasks(case.tasks).collect();
    // One workspace, whose image still has the slices of other tasks.
    let mut workspace = Workspace::new();
    tasks.into_iter().rev().for_each(|task| task.run(&mut workspace));
    for (at, (found, &sum)) in out.iter().zip(sums).enumerate() {
        let expected = expected(sum, at % case.channels);
        prop_assert!(T::same_bits(*found, expected), "element {}: {:?}, not {:?}", at, found, expected);
    }
    Ok(())
}

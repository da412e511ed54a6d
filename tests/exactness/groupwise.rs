//! Layers whose weights have scales by group, through the public API.

use eightbit::dynamic::{GroupwiseLinear, GroupwiseWeights, Rows, Spread, WeightGroups};
use eightbit::{Backend, Element, MatMut, MatRef, PackedWeights, Precision, Workspace, reference};
use eightbit_kernels::testing::{Guard, Guarded};
use eightbit_testing::precision::{narrow, precision};
use eightbit_testing::suite::{is_thorough, property_suite, suite};
use eightbit_testing::{Fill, Random, fill, guard};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use crate::dynamic::fail;

#[derive(Clone, Debug)]
struct Case {
    signed: bool,
    rows: usize,
    depth: usize,
    columns: usize,
    /// In steps of 32 depths; limited to the depth.
    group: usize,
    /// Whether weights have zero points: one for all, or one for each group.
    zeros: [bool; 2],
    transposed: bool,
    saved: bool,
    fills: [Fill; 2],
    precision: Precision,
    bias: bool,
    tasks: usize,
    guard: Guard,
    seed: u64,
}

fn cases() -> impl Strategy<Value = Case> {
    let sizes = prop_oneof![
        // Every tile and tail of columns; every tail of the depth.
        4 => (1usize..16, 32usize..200, 0usize..80),
        2 => (1usize..5, 32usize..1100, 0usize..40),
        1 => (0usize..150, 32usize..100, 0usize..40),
    ];
    let fills = (fill(), prop_oneof![3 => fill(), 1 => Just(Fill::Small)]);
    let flags = (any::<bool>(), any::<[bool; 2]>(), any::<bool>(), any::<bool>(), any::<bool>());
    (flags, sizes, 1usize..12, (fills, precision()), 1usize..5, guard(), any::<u64>()).prop_map(
        |(
            (signed, zeros, transposed, saved, bias),
            (rows, depth, columns),
            group,
            (fills, precision),
            tasks,
            guard,
            seed,
        )| {
            let (group, fills) = (group.min(depth / 32), fills.into());
            Case {
                signed,
                rows,
                depth,
                columns,
                group,
                zeros,
                transposed,
                saved,
                fills,
                precision,
                bias,
                tasks,
                guard,
                seed,
            }
        },
    )
}

/// A scale of any size and sign, 0 among them.
fn scale(random: &mut Random) -> f32 {
    let size = [1.0f32, 0.01, -0.3, 1e-42, 3e38, -3e38, 0.0, 1e-38][random.below(8)];
    size * (1.0 - random.below(1 << 20) as f32 / (1u32 << 21) as f32)
}

fn check<W: Element>(backend: Backend, case: &Case) -> Result<(), TestCaseError> {
    let &Case { rows, depth, columns, .. } = case;
    let mut random = Random(case.seed);
    let codes = Guarded::new(&random.elements::<u8>(case.fills[0], rows * depth), case.guard);
    let row_scales: Vec<f32> = (0..rows).map(|_| scale(&mut random).abs().max(1e-42)).collect();
    let constant = random.below(256) as i32;
    let row_zeros: Vec<i32> =
        (0..rows).map(|m| if m % 8 < 4 { constant } else { random.below(256) as i32 }).collect();
    let (row_scales, row_zeros) =
        (Guarded::new(&row_scales, case.guard), Guarded::new(&row_zeros, case.guard));
    let lhs = Rows::new(&codes, rows, depth, depth, &row_scales, &row_zeros).map_err(fail)?;
    let precision = case.precision;
    let weights = narrow(precision, random.elements::<W>(case.fills[1], depth * columns));
    let weights = if case.transposed {
        MatRef::new(&weights, columns, depth).map_err(fail)?.transposed()
    } else {
        MatRef::new(&weights, depth, columns).map_err(fail)?
    };
    let depths = 32 * case.group;
    let count = depth.div_ceil(depths) * columns;
    let any_size = random.below(2) == 0;
    let scales: Vec<f32> = (0..count)
        .map(|_| if any_size { scale(&mut random) } else { 0.001 * (1 + random.below(1000)) as f32 })
        .collect();
    let (low, high) = precision.range(W::TYPE).map_err(fail)?;
    let zeros = match case.zeros {
        [false, _] => vec![(low + high + 1) / 2],
        [true, false] => vec![random.between(low, high)],
        [true, true] => (0..count).map(|_| random.between(low, high)).collect(),
    };
    let groups = WeightGroups { depths, scales: &scales, zero_points: &zeros };
    let bias: Option<Vec<f32>> = case.bias.then(|| (0..columns).map(|n| n as f32 - 20.0).collect());
    let infinite = (f32::NEG_INFINITY, f32::INFINITY);
    let clamp = [infinite, (0.0, f32::INFINITY), (f32::NEG_INFINITY, -0.0), (-1e6, 1e30)][random.below(4)];
    let packed = if case.saved {
        let any = PackedWeights::pack_as(backend, &weights, precision, low).map_err(fail)?;
        let loaded = PackedWeights::from_bytes(backend, &any.to_bytes()).map_err(fail)?;
        GroupwiseWeights::new(loaded, &groups).map_err(fail)?
    } else {
        GroupwiseWeights::pack_as(backend, &weights, precision, &groups).map_err(fail)?
    };
    let linear = GroupwiseLinear::new(packed, Spread::Range).clamped(clamp.0, clamp.1).map_err(fail)?;
    let linear = match &bias {
        Some(bias) => linear.with_bias(bias.clone()).map_err(fail)?,
        None => linear,
    };
    let mut out = Guarded::new(&vec![0f32; rows * columns], case.guard);
    let call = linear.call(lhs, MatMut::new(&mut out, rows, columns).map_err(fail)?).map_err(fail)?;
    let mut workspace = Workspace::with_capacity(linear.workspace_bytes());
    let tasks: Vec<_> = call.tasks(case.tasks).collect();
    tasks.into_iter().rev().for_each(|task| task.run(&mut workspace));
    let expected = reference::groupwise(&lhs, &weights, &groups, bias.as_deref(), clamp);
    for (at, (found, expected)) in out.iter().zip(&expected).enumerate() {
        let (m, n) = (at / columns, at % columns);
        prop_assert_eq!(
            found.to_bits(),
            expected.to_bits(),
            "{} {}: row {} column {}",
            found,
            expected,
            m,
            n
        );
    }
    Ok(())
}

#[test]
fn layers_with_scales_by_group() {
    property_suite("groupwise", 0.5, cases(), |backend, case| {
        if case.signed { check::<i8>(backend, case) } else { check::<u8>(backend, case) }
    });
}

/// What random cases are too small for: rows that are prepared in several passes, sums that wrap, and weights that are multiplied block by
/// block and read ahead, which take minutes under emulators of whole machines.
#[test]
fn great_layers_with_scales_by_group() {
    let sizes = [(1100, 64, 20, 32), (50, 11_000, 5, 1024), (3, 33_056, 5, 33_056), (9, 4129, 1700, 64)];
    let sizes = &sizes[..if is_thorough() { sizes.len() } else { 3 }];
    suite("groupwise/great", |backend| {
        for (seed, &(rows, depth, columns, depths)) in (0..).zip(sizes) {
            let wraps = depth == depths;
            let fills = if wraps { [0xff, 0x80].map(Fill::Constant) } else { [Fill::Random; 2] };
            let case = Case {
                signed: seed % 2 == 0,
                rows,
                depth,
                columns,
                group: depths / 32,
                zeros: [!wraps, true],
                transposed: false,
                saved: false,
                fills,
                precision: if seed % 2 == 0 { Precision::EIGHT } else { Precision::Bits(4) },
                bias: seed % 2 == 1,
                tasks: 3,
                guard: Guard::After,
                seed,
            };
            let checked = if case.signed { check::<i8>(backend, &case) } else { check::<u8>(backend, &case) };
            checked.unwrap_or_else(|error| panic!("{case:?}: {error}"));
        }
        sizes.len()
    });
}

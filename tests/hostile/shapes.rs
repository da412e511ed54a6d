//! Shapes with impossible sizes, or with sizes much larger than the work.

use eightbit::pool::{AveragePool2d, MaxPool2d, Pool2dShape};
use eightbit::{
    Backend, Conv2d, Conv2dShape, Conv3d, Conv3dShape, ElementType, Error, Padding, QuantizedType, Stage,
    Workspace, reference,
};
use eightbit_testing::backends;
use eightbit_testing::hostile::{SIZES, pairs};
use eightbit_testing::suite::is_thorough;

use crate::bytes;

/// The most elements of an operand.
const LARGEST: usize = 1 << 16;
/// The most products of a call.
const MOST: usize = 1 << 20;

fn product(sizes: &[usize]) -> usize {
    sizes.iter().fold(1, |product, &size| product.saturating_mul(size))
}

/// Runs `run` on every shape of `bases` with every pair of sizes in its fields, which `set` sets. Of all cases, more than `least`
/// run, are planned but too large to run, and are refused.
fn every_pair<S: Copy + std::fmt::Debug>(
    backend: Backend,
    bases: &[S],
    fields: usize,
    set: impl Fn(&mut S, (usize, usize)),
    run: impl Fn(Backend, S) -> Result<bool, Error>,
    least: [usize; 3],
) {
    let mut found = [0; 3];
    for &base in bases {
        pairs(fields, |fields| {
            let mut shape = base;
            fields.into_iter().for_each(|field| set(&mut shape, field));
            found[match run(backend, shape) {
                Ok(true) => 0,
                Ok(false) => 1,
                Err(Error::Shape { .. }) => 2,
                Err(error) => panic!("{backend} {shape:?}: {error}"),
            }] += 1;
        });
    }
    let enough = found.iter().zip(least).all(|(&found, least)| found > least);
    assert!(!is_thorough() || enough, "{backend}: {found:?} ran, were planned, were refused");
}

/// The sizes of a shape: those of their own, those along two axes, and the padding.
fn sizes<'a, const N: usize>(
    own: [&'a mut usize; N],
    axes: [&'a mut [usize; 2]; 4],
    Padding { top, left, bottom, right }: &'a mut Padding,
) -> impl Iterator<Item = &'a mut usize> {
    own.into_iter().chain(axes.into_iter().flatten()).chain([top, left, bottom, right])
}

fn set(shape: &mut Conv2dShape, (field, value): (usize, usize)) {
    let Conv2dShape {
        batch, input, in_channels, out_channels, kernel, stride, dilation, pad, groups, ..
    } = shape;
    let own = [batch, in_channels, out_channels, groups];
    *sizes(own, [input, kernel, stride, dilation], pad).nth(field).unwrap() = value;
}

const CONV_FIELDS: usize = 16;

/// Plans and runs a convolution if its operands are small; returns whether it ran.
fn convolve(backend: Backend, shape: Conv2dShape) -> Result<bool, Error> {
    shape.check()?;
    let [height, width] = shape.output();
    let taps = product(&[shape.kernel[0], shape.kernel[1], shape.in_channels / shape.groups]);
    let weights = product(&[shape.out_channels, taps]);
    if weights > LARGEST {
        return Ok(false);
    }
    let weights: Vec<i8> = bytes(weights).iter().map(|&byte| byte.cast_signed()).collect();
    let packed = Conv2d::pack(backend, &shape, &weights, 0)?;
    let conv = Conv2d::new(shape, packed, ElementType::U8, 3, None, &Stage::ACCUMULATORS)?;
    assert!(!conv.explain().is_empty());
    let input = product(&[shape.batch, shape.input[0], shape.input[1], shape.in_channels]);
    let pixels = product(&[shape.batch, height, width]);
    let outputs = product(&[pixels, shape.out_channels]);
    if input > LARGEST || outputs > LARGEST || product(&[outputs, taps]) > MOST {
        return Ok(false);
    }
    let (input, mut out) = (bytes(input), vec![0; outputs]);
    conv.call(&input, &mut out)?.run(&mut Workspace::with_capacity(conv.workspace_bytes()));
    assert!(out == reference::conv2d(&shape, &input, 3, &weights, &0.into(), None), "{backend} {shape:?}");
    Ok(true)
}

#[test]
fn every_pair_of_sizes_of_a_convolution_is_refused_or_runs() {
    let dense = Conv2dShape::new([5, 4], 4, 6, [3, 2]).with_pad(Padding::same(1));
    let depthwise = Conv2dShape::new([7, 6], 40, 40, [5, 2]).with_groups(40);
    let point = Conv2dShape::new([3, 4], 20, 18, [1, 1]);
    for backend in backends() {
        every_pair(backend, &[dense, depthwise, point], CONV_FIELDS, set, convolve, [100, 100, 1000]);
    }
}

const VOLUME_FIELDS: usize = 22;

/// A shape of its sizes: those of their own, and those along each axis, of which the paddings are the last.
fn volume(sizes: [usize; VOLUME_FIELDS]) -> Conv3dShape {
    let [batch, in_channels, out_channels, groups, axes @ ..] = sizes;
    let three = |at: usize| [axes[at], axes[at + 1], axes[at + 2]];
    let pad = [[axes[12], axes[13]], [axes[14], axes[15]], [axes[16], axes[17]]];
    Conv3dShape::new(three(0), in_channels, out_channels, three(3))
        .with_batch(batch)
        .with_groups(groups)
        .with_stride(three(6))
        .with_dilation(three(9))
        .with_pad(pad)
}

/// As [`convolve`], in three dimensions.
fn convolve_volume(backend: Backend, sizes: [usize; VOLUME_FIELDS]) -> Result<bool, Error> {
    let shape = volume(sizes);
    shape.check()?;
    let taps = product(&[product(&shape.kernel()), shape.in_channels() / shape.groups()]);
    let weights = product(&[shape.out_channels(), taps]);
    if weights > LARGEST {
        return Ok(false);
    }
    let weights: Vec<i8> = bytes(weights).iter().map(|&byte| byte.cast_signed()).collect();
    let packed = Conv3d::pack(backend, &shape, &weights, 0)?;
    let conv = Conv3d::new(shape, packed, ElementType::U8, 3, None, &Stage::ACCUMULATORS)?;
    assert!(!conv.explain().is_empty());
    let input = product(&[shape.batch(), product(&shape.input()), shape.in_channels()]);
    let outputs = product(&[shape.batch(), product(&shape.output()), shape.out_channels()]);
    if input > LARGEST || outputs > LARGEST || product(&[outputs, taps]) > MOST {
        return Ok(false);
    }
    let (input, mut out) = (bytes(input), vec![0; outputs]);
    conv.call(&input, &mut out)?.run(&mut Workspace::with_capacity(conv.workspace_bytes()));
    assert!(out == reference::conv3d(&shape, &input, 3, &weights, &0.into(), None), "{backend} {shape:?}");
    Ok(true)
}

#[test]
fn every_pair_of_sizes_of_a_volume_is_refused_or_runs() {
    let dense = [1, 4, 6, 1, 3, 5, 4, 2, 3, 2, 1, 1, 1, 1, 1, 1, 1, 0, 1, 1, 1, 1];
    let depthwise = [2, 20, 20, 20, 2, 4, 3, 1, 3, 2, 1, 2, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0];
    let point = [1, 20, 18, 1, 3, 3, 4, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0];
    for backend in backends() {
        let bases = [dense, depthwise, point];
        let set = |sizes: &mut [usize; VOLUME_FIELDS], (field, value): (usize, usize)| sizes[field] = value;
        every_pair(backend, &bases, VOLUME_FIELDS, set, convolve_volume, [100, 100, 1000]);
    }
}

/// Slices are copied side by side, those of the padding, too: not more than there are, or than memory surely holds.
#[test]
fn slices_of_nothing_but_padding_are_refused() {
    let side = 1 << 20;
    let deep = Conv3dShape::new([1, 1024, 1024], 1, 1, [side, 1, 1])
        .with_pad([[side - 1, 0], [0, 0], [0, 0]])
        .with_stride([1, 1024, 1024]);
    let flat = Conv3dShape::new([0, side, side], 1, 1, [1, 1, 1])
        .with_pad([[1, 0], [0, 0], [0, 0]])
        .with_stride([1, side, side]);
    for backend in backends() {
        for (shape, weights) in [(deep, side), (flat, 1)] {
            let packed = Conv3d::pack(backend, &shape, &vec![1i8; weights], 0);
            assert!(matches!(packed, Err(Error::Shape { .. })), "{shape:?}");
        }
    }
    // An input that has as many elements is read, if they can be counted.
    let large = |depth, pad| {
        Conv3dShape::new([depth, 4096, 4096], 1, 1, [17, 1, 1]).with_pad([[pad, 0], [0, 0], [0, 0]]).check()
    };
    assert_eq!(large(17, 0).is_ok(), usize::BITS == 64);
    assert!(matches!(large(16, 1), Err(Error::Shape { .. })));
}

#[test]
fn padding_and_strides_that_overflow_are_typed_errors() {
    let huge = SIZES[4];
    for backend in backends() {
        for groups in [16, 1] {
            let shape = Conv2dShape::new([4, 4], 16, 16, [3, 3])
                .with_stride([1, huge])
                .with_pad(Padding { top: 1, left: huge, bottom: 1, right: 0 })
                .with_groups(groups);
            assert!(matches!(convolve(backend, shape), Err(Error::Shape { .. })));
        }
    }
}

/// No image, and more padding than a loop could visit.
#[test]
fn an_empty_batch_returns_at_once() {
    for backend in backends() {
        for (channels, groups) in [(64, 1), (64, 64), (3, 1)] {
            // What 32 bits count ends before.
            let tops = if usize::BITS == 64 { [1 << 28, SIZES[3]] } else { [1 << 12, 1 << 16] };
            for top in tops {
                let shape = Conv2dShape::new([4, 4], channels, channels, [3, 3])
                    .with_batch(0)
                    .with_pad(Padding { top, left: 1, bottom: 1, right: 0 })
                    .with_groups(groups);
                assert_eq!(convolve(backend, shape), Ok(true));
            }
        }
    }
}

/// Only the plan for one image can be made: its number of regions is that of taps, not of rows.
#[test]
fn planning_does_not_visit_the_padding() {
    for backend in backends() {
        let shape = Conv2dShape::new([4, 4], 64, 64, [3, 3]).with_pad(Padding {
            top: SIZES[3],
            left: 1,
            bottom: 1,
            right: 0,
        });
        assert_eq!(convolve(backend, shape), Ok(false));
    }
}

#[test]
fn depthwise_weights_of_another_shape_are_refused() {
    let depthwise = Conv2dShape::new([8, 8], 2, 2, [3, 3]).with_groups(2);
    let others = [
        // The same depth, groups and output channels, but not one input channel for each.
        Conv2dShape::new([8, 8], 6, 2, [3, 1]).with_groups(2),
        Conv2dShape::new([8, 8], 2, 2, [9, 1]).with_groups(2),
        Conv2dShape::new([9, 9], 2, 2, [1, 9]).with_groups(2),
        Conv2dShape::new([8, 8], 1, 2, [3, 3]).with_groups(1),
        Conv2dShape::new([8, 8], 3, 3, [3, 3]).with_groups(3),
    ];
    for backend in backends() {
        let packed = std::sync::Arc::new(Conv2d::pack(backend, &depthwise, &[1i8; 18], 0).unwrap());
        let plan = |shape| Conv2d::new(shape, packed.clone(), ElementType::U8, 0, None, &Stage::ACCUMULATORS);
        assert!(plan(Conv2dShape::new([20, 20], 2, 2, [3, 3]).with_groups(2)).is_ok());
        for other in others.into_iter().filter(|other| other.check().is_ok()) {
            assert!(
                matches!(plan(other), Err(Error::Shape { .. } | Error::Mismatch { .. })),
                "{backend} {other:?}"
            );
        }
    }
}

/// Weights of a convolution for another one of the same depth, groups and output channels: an answer or a typed error.
#[test]
fn weights_of_another_kernel_are_refused_or_run() {
    let shapes: Vec<Conv2dShape> =
        [[1, 1, 36], [2, 2, 9], [3, 2, 6], [2, 3, 6], [6, 1, 6], [1, 6, 6], [3, 3, 4], [6, 6, 1], [36, 1, 1]]
            .into_iter()
            .flat_map(|[height, width, channels]| {
                [1, 2, 3].map(|groups| {
                    Conv2dShape::new([6, 7], groups * channels, groups * 4, [height, width])
                        .with_pad(Padding {
                            top: height / 2,
                            left: width / 2,
                            bottom: height / 2,
                            right: width / 2,
                        })
                        .with_groups(groups)
                })
            })
            .collect();
    for backend in backends() {
        for packed_for in &shapes {
            let weights = vec![1i8; packed_for.out_channels * 36];
            let packed = std::sync::Arc::new(Conv2d::pack(backend, packed_for, &weights, 0).unwrap());
            for shape in &shapes {
                let stage = &Stage::ACCUMULATORS;
                let Ok(conv) = Conv2d::new(*shape, packed.clone(), ElementType::U8, 0, None, stage) else {
                    assert_ne!(shape, packed_for);
                    continue;
                };
                let input = bytes(shape.input[0] * shape.input[1] * shape.in_channels);
                let mut out = vec![0; shape.output().iter().product::<usize>() * shape.out_channels];
                conv.call(&input, &mut out).unwrap().run(&mut Workspace::new());
                let expected = reference::conv2d(shape, &input, 0, &weights, &0.into(), None);
                assert!(out == expected, "{backend} {packed_for:?} {shape:?}");
            }
        }
    }
}

fn set_pool(shape: &mut Pool2dShape, (field, value): (usize, usize)) {
    let Pool2dShape { batch, input, channels, kernel, stride, dilation, pad, .. } = shape;
    *sizes([batch, channels], [input, kernel, stride, dilation], pad).nth(field).unwrap() = value;
}

const POOL_FIELDS: usize = 14;

/// Plans and runs both pools if their operands are small; returns whether they ran.
fn pool(backend: Backend, shape: Pool2dShape) -> Result<bool, Error> {
    let of = QuantizedType::u8(0.5, 3)?;
    let greatest = MaxPool2d::new(backend, shape)?;
    let average = AveragePool2d::new(backend, shape, of, of)?.count_padding(true);
    let [height, width] = shape.output();
    let input = product(&[shape.batch, shape.input[0], shape.input[1], shape.channels]);
    let outputs = product(&[shape.batch, height, width, shape.channels]);
    if input > LARGEST || outputs > LARGEST {
        return Ok(false);
    }
    let (input, mut out) = (bytes(input), vec![0u8; outputs]);
    let mut workspace = Workspace::with_capacity(greatest.workspace_bytes().max(average.workspace_bytes()));
    greatest.call(&input, &mut out)?.run(&mut workspace);
    // The reference visits all taps, the pools only those on the image.
    let expected = if product(&[outputs, shape.kernel[0], shape.kernel[1]]) <= MOST {
        reference::max_pool2d(&shape, &input)
    } else {
        out.iter().map(|&x| x.into()).collect()
    };
    assert!(out.iter().map(|&x| i32::from(x)).eq(expected), "{backend} {shape:?}");
    average.call(&input, &mut out)?.run(&mut workspace);
    Ok(true)
}

#[test]
fn every_pair_of_sizes_of_a_pool_is_refused_or_runs() {
    for backend in backends() {
        let bases = [false, true].map(|round_up| {
            Pool2dShape::new([5, 6], 3, [2, 3])
                .with_pad(Padding { top: 1, left: 1, bottom: 0, right: 1 })
                .with_stride([1, 2])
                .with_round_up(round_up)
        });
        every_pair(backend, &bases, POOL_FIELDS, set_pool, pool, [100, 50, 1000]);
    }
}

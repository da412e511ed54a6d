//! Convolution: every backend against the oracle.

use std::sync::Arc;

use eightbit::{
    Backend, Conv2d, Conv2dShape, Dequantize, Element, ElementType, OutputElement, PackedWeights, Padding,
    Per, QuantizedType, Stage, Workspace, reference,
};

use eightbit_testing::precision::{narrow, narrow_zeros};

use crate::input::Input;

/// A convolution of any kernel, stride, dilation, padding and number of groups.
pub fn conv(data: &[u8]) {
    run(data, false);
}

/// A convolution with one input channel for each output channel.
pub fn depthwise(data: &[u8]) {
    run(data, true);
}

fn run(data: &[u8], depthwise: bool) {
    let mut input = Input::new(data);
    let types = input.byte() % 4;
    let shape = shape(&mut input, depthwise);
    if shape.check().is_err() {
        return;
    }
    match types {
        0 => typed::<u8, i8>(input, shape),
        1 => typed::<i8, i8>(input, shape),
        2 => typed::<u8, u8>(input, shape),
        _ => typed::<i8, u8>(input, shape),
    }
}

fn shape(input: &mut Input<'_>, depthwise: bool) -> Conv2dShape {
    let size = [input.size(1, 12), input.size(1, 12)];
    let kernel = [input.size(1, 5), input.size(1, 5)];
    let (groups, group_in, group_out) = if depthwise {
        (input.size(1, 100), 1, 1)
    } else {
        (input.size(1, 3), input.size(1, 20), input.size(1, 20))
    };
    Conv2dShape::new(size, groups * group_in, groups * group_out, kernel)
        .with_batch(input.size(1, 2))
        .with_stride([input.size(1, 3), input.size(1, 3)])
        .with_dilation([input.size(1, 2), input.size(1, 2)])
        .with_pad(Padding {
            top: input.size(0, 3),
            left: input.size(0, 3),
            bottom: input.size(0, 3),
            right: input.size(0, 3),
        })
        .with_groups(groups)
}

fn typed<A: Element, W: Element>(mut input: Input<'_>, shape: Conv2dShape) {
    let channels = shape.out_channels;
    let input_zero = input.zero_point(A::TYPE);
    let precision = input.precision();
    let zeros = narrow_zeros(precision, W::TYPE, input.zero_points(W::TYPE, channels));
    let bias = input.bias(channels);
    let stage = input.stage(channels);
    let tasks = input.size(1, 4);
    let range = QuantizedType::new(A::TYPE, 0.25, input.zero_point(A::TYPE)).expect("a type");
    let pixels = input.elements::<A>(shape.batch * shape.input[0] * shape.input[1] * shape.in_channels);
    let taps = shape.kernel[0] * shape.kernel[1] * (shape.in_channels / shape.groups);
    let weights = narrow(precision, input.elements::<W>(channels * taps));
    let acc = reference::conv2d(&shape, &pixels, input_zero, &weights, &zeros, bias.as_deref());
    for backend in Backend::available() {
        let packed = Conv2d::pack_as(backend, &shape, &weights, precision, zeros.clone())
            .expect("the numbers are in range");
        let packed = Arc::new(packed);
        ranged(&shape, &packed, &pixels, range, &weights, &zeros);
        let conv = Conv2d::new(shape, packed, A::TYPE, input_zero, bias.as_deref(), &stage)
            .expect("the stage is valid");
        match &stage {
            Stage::Requantize(requantize) => {
                let expected = |index: usize| reference::requantize(acc[index], requantize, index % channels);
                match requantize.output {
                    ElementType::I8 => {
                        check(&conv, &pixels, acc.len(), tasks, backend, |index| expected(index) as i8)
                    }
                    _ => check(&conv, &pixels, acc.len(), tasks, backend, |index| expected(index) as u8),
                }
            }
            _ => check(&conv, &pixels, acc.len(), tasks, backend, |index| acc[index]),
        }
    }
}

/// The same convolution with a scale and a zero point of the call.
fn ranged<A: Element, W: Element>(
    shape: &Conv2dShape,
    packed: &Arc<PackedWeights>,
    pixels: &[A],
    range: QuantizedType,
    weights: &[W],
    zeros: &Per<i32>,
) {
    let stage = Stage::Dequantize(Dequantize::new(Per::Tensor(2.0)));
    let (low, _) = A::TYPE.integer_range();
    let conv = Conv2d::new(*shape, packed.clone(), A::TYPE, low, None, &stage).expect("the stage is valid");
    let acc = reference::conv2d(shape, pixels, range.zero_point(), weights, zeros, None);
    let mut out = vec![0f32; acc.len()];
    let call = conv.call_ranged(pixels, range, &mut out).expect("the shapes agree");
    call.run(&mut Workspace::new());
    assert!(out.into_iter().eq(acc.into_iter().map(|acc| acc as f32 * 0.5)), "{}", packed.backend());
}

fn check<A: Element, T: OutputElement + PartialEq + std::fmt::Debug>(
    conv: &Conv2d,
    pixels: &[A],
    len: usize,
    tasks: usize,
    backend: Backend,
    expected: impl Fn(usize) -> T,
) {
    let mut out = vec![T::default(); len];
    let mut workspace = Workspace::with_capacity(conv.workspace_bytes());
    for task in conv.call(pixels, &mut out).expect("the shapes agree").tasks(tasks) {
        task.run(&mut workspace);
    }
    for (index, found) in out.iter().enumerate() {
        assert_eq!(*found, expected(index), "{backend} at element {index}");
    }
}

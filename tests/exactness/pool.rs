//! Pooling through the public API.

use eightbit::pool::{AveragePool2d, MaxPool2d, Pool2dShape};
use eightbit::{Backend, Element, Error, MatMut, Padding, QuantizedType, Workspace, reference};
use eightbit_kernels::testing::{Guard, Guarded};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use crate::elementwise::{draw_clamp, draw_type};
use eightbit_testing::suite::property_suite;
use eightbit_testing::{Fill, Random, by_signs, fill, guard};

#[derive(Clone, Debug)]
struct Case {
    shape: Pool2dShape,
    signed: [bool; 2],
    tasks: usize,
    count_padding: bool,
    clamped: bool,
    fill: Fill,
    guard: Guard,
    seed: u64,
}

fn cases() -> impl Strategy<Value = Case> {
    let channels = prop_oneof![2 => 1usize..20, 1 => 1usize..150];
    let kernel = prop_oneof![
        2 => Just([3usize, 3]),
        2 => (1usize..5, 1usize..5).prop_map(|(h, w)| [h, w]),
        1 => Just([7, 7]),
        1 => (1usize..20, 1usize..20).prop_map(|(h, w)| [h, w]),
    ];
    let sizes = (
        1usize..3,
        prop_oneof![3 => (1usize..10, 1usize..10), 1 => (1usize..24, 1usize..24)],
        channels,
        kernel,
    );
    let steps = ((1usize..4, 1usize..4), (1usize..3, 1usize..3), any::<bool>());
    let pads = (0usize..3, 0usize..3, 0usize..3, 0usize..3);
    let flags = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    let tasks = prop_oneof![Just(1usize), 2usize..7];
    (sizes, steps, pads, flags, (tasks, fill()), guard(), any::<u64>()).prop_filter_map(
        "a window outside the image",
        |(sizes, steps, (top, left, bottom, right), flags, (tasks, fill), guard, seed)| {
            let (batch, input, channels, kernel) = sizes;
            let (stride, dilation, round_up) = steps;
            let shape = Pool2dShape::new(input.into(), channels, kernel)
                .with_batch(batch)
                .with_stride(stride.into())
                .with_dilation(dilation.into())
                .with_pad(Padding { top, left, bottom, right })
                .with_round_up(round_up);
            shape.check().ok()?;
            let (a, b, count_padding, clamped) = flags;
            Some(Case { shape, signed: [a, b], tasks, count_padding, clamped, fill, guard, seed })
        },
    )
}

fn check<I: Element, O: Element>(backend: Backend, case: &Case) -> Result<(), TestCaseError> {
    let mut random = Random(case.seed);
    let shape = case.shape;
    let fail = |error: Error| TestCaseError::fail(error.to_string());
    let [height, width] = shape.output();
    let inputs = shape.batch * shape.input[0] * shape.input[1] * shape.channels;
    let outputs = shape.batch * height * width * shape.channels;
    let input = Guarded::new(&random.elements::<I>(case.fill, inputs), case.guard);
    let mut workspace = Workspace::new();

    // In two parts of a matrix with a row stride.
    let (pixels, channels) = (outputs / shape.channels, shape.channels);
    let (middle, stride) = (random.below(pixels + 1), channels + random.below(3));
    let parts = [0..middle, middle..pixels];

    let mut greatest = Guarded::new(&vec![I::default(); pixels * stride], case.guard);
    let pool = MaxPool2d::new(backend, shape).map_err(fail)?;
    if case.tasks > 1 && stride == channels {
        let tasks = pool.call(&input, &mut greatest).map_err(fail)?.tasks(case.tasks);
        tasks.for_each(|task| task.run(&mut workspace));
    } else {
        for part in parts.clone() {
            let out = MatMut::with_row_stride(&mut greatest, pixels, channels, stride).map_err(fail)?;
            pool.call_rows(&input, out).map_err(fail)?.part(part).map_err(fail)?.run(&mut workspace);
        }
    }
    prop_assert!(greatest.chunks(stride).all(|row| row[channels..].iter().all(|&gap| gap == I::default())));
    let found: Vec<i32> =
        greatest.chunks(stride).flat_map(|row| &row[..channels]).map(|&x| x.into()).collect();
    prop_assert_eq!(found, reference::max_pool2d(&shape, &input));

    let (input_type, output) = (draw_type(&mut random, I::SIGNED), draw_type(&mut random, O::SIGNED));
    let clamp = draw_clamp(&mut random, &output, case.clamped);
    let pool = match AveragePool2d::new(backend, shape, input_type, output) {
        Err(Error::Factor { .. }) => return Ok(()),
        pool => {
            pool.map_err(fail)?.count_padding(case.count_padding).clamped(clamp.0, clamp.1).map_err(fail)?
        }
    };
    let mut mean = Guarded::new(&vec![O::default(); outputs], case.guard);
    if case.tasks == 1 {
        pool.call(&input, &mut mean).map_err(fail)?.run(&mut workspace);
    } else {
        pool.call(&input, &mut mean)
            .map_err(fail)?
            .tasks(case.tasks)
            .for_each(|task| task.run(&mut workspace));
    }
    let whole = mean.to_vec();
    for part in parts {
        let out = MatMut::new(&mut mean, pixels, channels).map_err(fail)?;
        pool.call_rows(&input, out).map_err(fail)?.part(part).map_err(fail)?.run(&mut workspace);
    }
    prop_assert_eq!(&whole[..], &mean[..]);
    let found: Vec<i32> = mean.iter().map(|&x| x.into()).collect();
    let expected = reference::average_pool2d(&shape, &input, &input_type, &output, case.count_padding, clamp);
    prop_assert_eq!(found, expected);
    Ok(())
}

#[test]
fn pool() {
    property_suite("pool", 1.0, cases(), |backend, case| {
        let [input, output] = case.signed;
        by_signs!((input, output), check(backend, case))
    });
}

#[test]
fn global_average() {
    let backend = Backend::detected();
    let (input, output) = (QuantizedType::u8(0.5, 3).unwrap(), QuantizedType::i8(0.25, -5).unwrap());
    let pool = AveragePool2d::global(backend, 2, [7, 5], 3, input, output).unwrap();
    let image: Vec<u8> = (0..2 * 7 * 5 * 3).map(|i| (i * 37 % 256) as u8).collect();
    let mut out = [0i8; 6];
    pool.call(&image, &mut out).unwrap().run(&mut Workspace::new());
    for (index, &found) in out.iter().enumerate() {
        let (channel, batch) = (index % 3, index / 3);
        let sum: i32 = (0..35).map(|pixel| i32::from(image[(batch * 35 + pixel) * 3 + channel]) - 3).sum();
        assert_eq!(i32::from(found), reference::average_elements(sum, 35, &input, &output, (-128, 127)));
    }
}

#[test]
fn invalid_shapes_are_refused() {
    let good = Pool2dShape::new([8, 8], 4, [3, 3]);
    let wrong = [
        Pool2dShape::new([0, 8], 4, [3, 3]),
        Pool2dShape::new([usize::MAX, 8], 4, [3, 3]),
        Pool2dShape::new([8, 8], 0, [3, 3]),
        Pool2dShape::new([8, 8], 4, [0, 1]).with_stride([3, 3]),
        Pool2dShape::new([8, 8], 4, [9, 1]),
        Pool2dShape::new([8, 8], 4, [usize::MAX, 2]),
        good.with_stride([0, 1]),
        good.with_dilation([usize::MAX, 1]),
        good.with_pad(Padding::same(3)),
        good.with_pad(Padding::same(usize::MAX)),
        good.with_batch(usize::MAX),
        good.with_stride([usize::MAX, usize::MAX]).with_round_up(true),
    ];
    good.check().unwrap();
    for shape in wrong {
        assert!(matches!(shape.check(), Err(Error::Shape { .. })), "{shape:?}");
    }
    let pool = MaxPool2d::new(Backend::detected(), good).unwrap();
    assert!(matches!(pool.call(&[0u8; 8], &mut [0u8; 16]), Err(Error::Mismatch { .. })));
}

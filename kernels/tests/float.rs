//! Float products and depthwise convolutions of every available backend against plain loops, bit for bit.

use eightbit_kernels::Backend;
use eightbit_kernels::float::{
    Bounds, Curve, DepthwiseCall, FloatWeights, ProductCall, Rounding, Rows, apply_curve, curve_of,
    depthwise, multiply, softmax, squares, sum,
};
use eightbit_testing::Random;
use eightbit_testing::suite::random_suite;

const OPEN: Bounds = Bounds::NONE;

/// NaN stays NaN.
fn bounded(x: f32, bounds: Bounds) -> f32 {
    x.clamp(bounds.low, bounds.high)
}

fn floats(random: &mut Random, count: usize) -> Vec<f32> {
    (0..count).map(|_| random.float()).collect()
}

fn draw_bounds(random: &mut Random) -> Bounds {
    random.pick(&[OPEN, Bounds { low: 0.0, ..OPEN }, Bounds { low: -0.25, high: 0.5 }])
}

fn assert_bits(found: &[f32], expected: &[f32], what: &str) {
    let bits = |all: &[f32]| all.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(found), bits(expected), "{what}");
}

#[test]
fn products() {
    random_suite("float products", 0xf10a, |backend, random, count| {
        for rows in [0, 1, 2, 5, 6, 7, 11, 12, 13, 25, 61] {
            let [depth, columns] = [random.below(70), random.below(75)];
            let (a, b) = (floats(random, rows * depth), floats(random, depth * columns));
            let bias = if random.below(3) == 0 { Vec::new() } else { floats(random, columns) };
            let (bounds, stride) = (draw_bounds(random), columns + random.below(4));
            let weights = FloatWeights::pack(backend, [depth, columns], |k, n| b[k * columns + n], &bias);
            let mut expected = vec![7.0f32; rows * stride];
            for row in 0..rows {
                for column in 0..columns {
                    let first = bias.get(column).copied().unwrap_or(0.0);
                    let sum = (0..depth)
                        .fold(first, |sum, k| a[row * depth + k].mul_add(b[k * columns + column], sum));
                    expected[row * stride + column] = bounded(sum, bounds);
                }
            }
            let mut out = vec![7.0f32; rows * stride];
            multiply(&ProductCall::new(&a, &weights, bounds), rows, &mut out, stride);
            assert_bits(&out, &expected, &format!("{backend} {rows}×{depth}×{columns}"));
            *count += 1;
        }
    });
}

#[test]
fn deep_products_in_several_blocks() {
    random_suite("deep float products", 0xdee9, |backend, random, count| {
        let [rows, depth, columns] = [40, 3000, 35];
        let (a, b) = (floats(random, rows * depth), floats(random, depth * columns));
        let weights = FloatWeights::pack(backend, [depth, columns], |k, n| b[k * columns + n], &[]);
        let mut out = vec![0.0f32; rows * columns];
        multiply(&ProductCall::new(&a, &weights, OPEN), rows, &mut out, columns);
        let at = |row: usize, column: usize| {
            (0..depth).fold(0.0, |sum, k| a[row * depth + k].mul_add(b[k * columns + column], sum))
        };
        let all = (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column)));
        let expected: Vec<f32> = all.map(|(row, column)| at(row, column)).collect();
        assert_bits(&out, &expected, backend.name());
        *count += 1;
    });
}

#[test]
fn nan_passes_bounds() {
    for backend in Backend::available() {
        let bounds = Bounds { low: 0.0, high: 6.0 };
        let weights = FloatWeights::pack(backend, [1, 40], |_, column| column as f32, &[]);
        let mut out = vec![0.0f32; 80];
        multiply(&ProductCall::new(&[f32::NAN, 1.0], &weights, bounds), 2, &mut out, 40);
        assert!(out[..40].iter().all(|x| x.is_nan()), "{backend}: {out:?}");
        assert_eq!((out[40], out[43], out[79]), (0.0, 3.0, 6.0), "{backend}");
    }
}

#[test]
fn infinities_are_numbers() {
    for backend in Backend::available() {
        let factors = [f32::INFINITY, f32::NEG_INFINITY, f32::MAX, -1.5, 0.0];
        let biases = [0.5, f32::INFINITY, f32::NEG_INFINITY];
        for (x, bias) in factors.into_iter().flat_map(|x| biases.map(|bias| (x, bias))) {
            let weights =
                FloatWeights::pack(backend, [1, 5], |_, n| [2.5, -1.0, 0.0, 1e30, 0.1][n], &[bias; 5]);
            let mut out = [0.0f32; 5];
            multiply(&ProductCall::new(&[x], &weights, OPEN), 1, &mut out, 5);
            for (y, w) in out.into_iter().zip([2.5, -1.0, 0.0, 1e30, 0.1]) {
                let expected = x.mul_add(w, bias);
                let same = y == expected || y.is_nan() && expected.is_nan();
                assert!(same, "{backend}: {x} · {w} + {bias} = {y}");
            }
        }
    }
}

#[test]
fn depthwise_runs() {
    random_suite("float depthwise", 0xd3e9, |backend, random, count| {
        for channels in [1, 3, 4, 7, 8, 9, 15, 16, 17, 31, 32, 33, 40, 48, 65, 96] {
            let taps = [random.below(4), random.below(4)];
            let (pixels, stride) = (random.below(11), 1 + random.below(2));
            let (dilation, slack) = (1 + random.below(2), random.below(3));
            // The image's rows are wider than the taps reach, and weights lie between others.
            let width = pixels * stride + 4 * dilation + slack;
            let tap_steps = [width * channels, dilation * channels];
            let weights_step = (taps[1] + slack) * channels;
            let image = floats(random, 4 * tap_steps[0] + slack);
            let weights = floats(random, taps[0] * weights_step + slack);
            let (bias, bounds) = (floats(random, channels), draw_bounds(random));
            let rounding = random.pick(&[Rounding::Once, Rounding::Twice]);
            let call = DepthwiseCall {
                backend,
                channels,
                image: &image,
                first: slack,
                pixel_step: stride * channels,
                taps,
                tap_steps,
                weights: &weights,
                weights_step,
                bias: &bias,
                rounding,
                bounds,
            };
            let mut out = vec![7.0f32; pixels * channels];
            depthwise(&call, &mut out);
            let mut expected = vec![7.0f32; pixels * channels];
            for (index, y) in expected.iter_mut().enumerate() {
                let (pixel, channel) = (index / channels, index % channels);
                let mut sum = bias[channel];
                for row in 0..taps[0] {
                    for column in 0..taps[1] {
                        let at =
                            slack + pixel * stride * channels + row * tap_steps[0] + column * tap_steps[1];
                        let w = weights[row * weights_step + column * channels + channel];
                        let x = image[at + channel];
                        sum = match rounding {
                            Rounding::Once => x.mul_add(w, sum),
                            Rounding::Twice => x * w + sum,
                        };
                    }
                }
                *y = bounded(sum, bounds);
            }
            assert_bits(&out, &expected, &format!("{backend} {channels} channels, taps {taps:?}"));
            *count += 1;
        }
    });
}

#[test]
#[should_panic(expected = "taps within the image")]
fn taps_beyond_the_image_are_refused() {
    let backend = Backend::detected();
    let call = DepthwiseCall {
        backend,
        channels: 2,
        image: &[0.0; 7],
        first: 0,
        pixel_step: 2,
        taps: [1, 2],
        tap_steps: [8, 2],
        weights: &[0.0; 4],
        weights_step: 4,
        bias: &[0.0; 2],
        rounding: Rounding::Once,
        bounds: OPEN,
    };
    depthwise(&call, &mut [0.0; 6]);
}

#[test]
#[should_panic(expected = "room for all rows")]
fn an_output_without_room_is_refused() {
    let weights = FloatWeights::pack(Backend::detected(), [1, 3], |_, _| 1.0, &[]);
    multiply(&ProductCall::new(&[1.0, 1.0], &weights, OPEN), 2, &mut [0.0; 6], 4);
}

const CURVES: [Curve; 8] = [
    Curve::Sigmoid,
    Curve::Tanh,
    Curve::Exp,
    Curve::Gelu,
    Curve::GeluByTanh,
    Curve::Swish,
    Curve::Mish,
    Curve::HardSwish,
];

fn exact(curve: Curve, x: f64) -> f64 {
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    // −∞ times what is 0 there is NaN.
    let weighted = |part: f64| x * part;
    match curve {
        Curve::Sigmoid => sigmoid(x),
        Curve::Tanh => x.tanh(),
        Curve::Exp => x.exp(),
        Curve::Gelu => weighted(0.5 + 0.5 * erf(x / 2f64.sqrt())),
        Curve::GeluByTanh => {
            let u = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x.powi(3));
            weighted(0.5 + 0.5 * u.tanh())
        }
        Curve::Swish => weighted(sigmoid(x)),
        Curve::Mish => weighted(if x > 20.0 { 1.0 } else { x.exp().ln_1p().tanh() }),
        Curve::HardSwish => weighted((x / 6.0 + 0.5).clamp(0.0, 1.0)),
    }
}

/// The error function by Simpson's rule.
fn erf(x: f64) -> f64 {
    if x.abs() >= 6.0 {
        return x.signum();
    }
    let (end, steps) = (x, 400);
    let at = |step: usize| (-(end * step as f64 / steps as f64).powi(2)).exp();
    let weight = |step: usize| [2.0, 4.0][step % 2];
    let inner: f64 = (1..steps).map(|step| weight(step) * at(step)).sum();
    (at(0) + inner + at(steps)) * end / (3.0 * steps as f64) * std::f64::consts::FRAC_2_SQRT_PI
}

#[test]
fn curves_are_near_the_exact_ones_and_the_same_everywhere() {
    let special =
        [f32::INFINITY, f32::NEG_INFINITY, f32::NAN, f32::MAX, f32::MIN, 0.0, -0.0, 1e-30, 88.5, -103.0];
    let all: Vec<f32> = (-4000..4000).map(|at| at as f32 / 97.0).chain(special).collect();
    for curve in CURVES {
        let exact: Vec<f64> = all.iter().map(|&x| exact(curve, f64::from(x))).collect();
        let mut first: Option<Vec<u32>> = None;
        for backend in Backend::available() {
            for count in [0, 1, 3, 4, 7, 8, 15, 16, 17, all.len()] {
                let mut found = all[all.len() - count..].to_vec();
                apply_curve(backend, curve, &mut found);
                let mut apart = vec![7.0; count];
                curve_of(backend, curve, &all[all.len() - count..], &mut apart);
                assert_bits(&apart, &found, &format!("{backend} {curve:?}"));
                for ((&x, &exact), &y) in all.iter().zip(&exact).skip(all.len() - count).zip(&found) {
                    let error = (f64::from(y) - exact).abs() / exact.abs().max(f64::from(x).abs()).max(1.0);
                    let near = error < 3e-7 || exact.is_nan() && y.is_nan() || y == exact as f32;
                    assert!(near, "{backend}: {curve:?} of {x} is {y}, not {exact}");
                }
                if count == all.len() {
                    let bits = found.iter().map(|y| if y.is_nan() { 0 } else { y.to_bits() }).collect();
                    assert_eq!(*first.get_or_insert_with(|| Vec::clone(&bits)), bits, "{backend} {curve:?}");
                }
            }
        }
    }
}

#[test]
fn softmax_of_rows() {
    let mut random = Random(0x50f7);
    for length in [1, 2, 7, 15, 16, 17, 31, 32, 33, 48, 100, 1001] {
        let x: Vec<f32> = (0..3 * length).map(|_| 40.0 * random.float()).collect();
        let exact: Vec<f64> = x
            .chunks(length)
            .flat_map(|row| {
                let greatest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                let powers: Vec<f64> = row.iter().map(|&x| f64::from(x - greatest).exp()).collect();
                let sum: f64 = powers.iter().sum();
                powers.into_iter().map(move |power| power / sum)
            })
            .collect();
        let mut first: Option<Vec<f32>> = None;
        for backend in Backend::available() {
            let mut found = vec![0.0; x.len()];
            softmax(backend, &x, length, &mut found);
            let near = |(y, exact): (&f32, &f64)| (f64::from(*y) - exact).abs() <= 1e-6 * exact + 1e-37;
            assert!(found.iter().zip(&exact).all(near), "{backend}, {length} elements");
            let first = first.get_or_insert_with(|| found.clone());
            assert_bits(&found, first, &format!("{backend}, {length} elements"));
        }
    }
}

#[test]
fn softmax_of_infinities() {
    const INF: f32 = f32::INFINITY;
    for backend in Backend::available() {
        let row = |x: &[f32]| {
            let mut found = vec![0.0; x.len()];
            softmax(backend, x, x.len(), &mut found);
            found
        };
        assert_eq!(row(&[-INF, 3.0, -INF, 3.0]), [0.0, 0.5, 0.0, 0.5], "{backend}");
        for lost in [&[-INF, -INF][..], &[INF, 1.0], &[1.0, f32::NAN, 2.0], &[f32::NAN; 20]] {
            assert!(row(lost).iter().all(|y| y.is_nan()), "{backend} {lost:?}");
        }
        let masked = [&[0.0f32; 17][..], &[-INF; 17]].concat();
        assert!(row(&masked)[17..].iter().all(|&y| y == 0.0), "{backend}");
    }
}

/// A product in parts of its depth has the bits of the whole, whatever lies between the rows of the first factor.
#[test]
fn parts_of_the_depth_are_the_whole() {
    random_suite("parts of float products", 0x9a27, |backend, random, count| {
        for rows in [1, 5, 13, 40] {
            let [depth, columns] = [2 + random.below(900), 1 + random.below(70)];
            let gap = random.below(5);
            let a = floats(random, rows * (depth + gap));
            let (b, bias) = (floats(random, depth * columns), floats(random, columns));
            let bounds = draw_bounds(random);
            let weights = FloatWeights::pack(backend, [depth, columns], |k, n| b[k * columns + n], &bias);
            let whole =
                ProductCall { rows: Rows::apart(depth + gap), ..ProductCall::new(&a, &weights, bounds) };
            let mut expected = vec![0.0f32; rows * columns];
            multiply(&whole, rows, &mut expected, columns);
            let middle = 1 + random.below(depth - 1);
            let mut out = vec![7.0f32; rows * columns];
            for part in [0..middle, middle..depth] {
                multiply(
                    &ProductCall { a: &a[part.start..], depth: part, ..whole.clone() },
                    rows,
                    &mut out,
                    columns,
                );
            }
            assert_bits(&out, &expected, &format!("{backend} {rows}×{depth}×{columns}"));
            *count += 1;
        }
    });
}

/// Rows that are windows of an image, in lines and of several runs, to which something is added before the bounds.
#[test]
fn windows_are_rows() {
    random_suite("float products of windows", 0x714d, |backend, random, count| {
        for per_line in [1, 3, 7, 12, 14, 29] {
            let (run, runs) = (1 + random.below(300), 1 + random.below(4));
            let (columns, stride) = (1 + random.below(70), random.below(2 * run));
            let (lines, skipped) = (1 + random.below(40), random.below(per_line));
            let rows = (lines * per_line - skipped - random.below(per_line - skipped)).max(1);
            let runs: Vec<usize> = (0..runs).map(|_| random.below(500)).collect();
            let places: Vec<usize> = (0..lines).map(|_| random.below(500)).collect();
            let a = floats(random, 1000 + per_line * stride + run);
            let depth = run * runs.len();
            let b = floats(random, depth * columns);
            let (addend, bounds) = (floats(random, rows * columns), draw_bounds(random));
            let is_added = random.below(3) > 0;
            let weights = FloatWeights::pack(backend, [depth, columns], |k, n| b[k * columns + n], &[]);
            let mut expected = Vec::new();
            for (row, column) in (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column))) {
                let (line, at) = ((skipped + row) / per_line, (skipped + row) % per_line);
                let sum = (0..depth).fold(0.0f32, |sum, k| {
                    let element = a[places[line] + at * stride + runs[k / run] + k % run];
                    element.mul_add(b[k * columns + column], sum)
                });
                let sum = if is_added { sum + addend[row * columns + column] } else { sum };
                expected.push(bounded(sum, bounds));
            }
            let call = ProductCall {
                rows: Rows { lines: &places, per_line, skipped, stride, runs: &runs },
                addend: is_added.then_some(&addend),
                ..ProductCall::new(&a, &weights, bounds)
            };
            let mut out = vec![7.0; rows * columns];
            multiply(&call, rows, &mut out, columns);
            assert_bits(&out, &expected, &format!("{backend} {rows} rows of {per_line}, {runs:?} of {run}"));
            *count += 1;
        }
    });
}

#[test]
#[should_panic(expected = "rows of the depth")]
fn a_line_beyond_the_elements_is_refused() {
    let weights = FloatWeights::pack(Backend::detected(), [2, 1], |_, _| 1.0, &[]);
    let rows = Rows { lines: &[0, 2], per_line: 2, skipped: 1, stride: 1, runs: &[0, 3] };
    let call = ProductCall { rows, ..ProductCall::new(&[0.0; 6], &weights, OPEN) };
    multiply(&call, 2, &mut [0.0; 2], 1);
}

#[test]
fn sums_are_near_the_exact_ones_and_the_same_everywhere() {
    let mut random = Random(0x5035);
    for count in [0, 1, 3, 15, 16, 17, 100, 1023, 1024, 1025, 5000] {
        let x: Vec<f32> = (0..count).map(|_| 3.0 + random.float()).collect();
        let exact: f64 = x.iter().copied().map(f64::from).sum();
        let mean = if count == 0 { 0.0 } else { (exact / count as f64) as f32 };
        let exact_squares: f64 = x.iter().map(|&x| (f64::from(x) - f64::from(mean)).powi(2)).sum();
        let mut first = None;
        for backend in Backend::available() {
            let found = [sum(backend, &x), squares(backend, &x, mean)];
            for (found, exact) in found.into_iter().zip([exact, exact_squares]) {
                assert!(
                    (found - exact).abs() <= 2e-6 * exact.abs(),
                    "{backend}, {count}: {found}, not {exact}"
                );
            }
            assert_eq!(*first.get_or_insert(found), found, "{backend}, {count} elements");
        }
    }
}

//! Element-by-element operators of every available backend against plain loops.

use eightbit_kernels::elementwise::{
    AddCall, MAX_FACTOR, MulCall, RequantizeCall, Target, add, dequantize, lookup, mul, quantize, requantize,
};
use eightbit_kernels::gemm::OutputBlock;
use eightbit_kernels::{Backend, Element};
use eightbit_testing::suite::{chosen, random_suite, suite};
use eightbit_testing::{Random, SIGNS, by_signs, stage};

/// Every tail of every block, and lengths of many blocks.
fn lengths() -> impl Iterator<Item = usize> {
    (0..=140).chain([191, 255, 256, 257, 1000])
}

/// Those to run in a suite that goes through all of them `times` times.
fn chosen_lengths(random: &mut Random, times: usize) -> Vec<usize> {
    lengths().filter(|_| chosen(random, times * 145)).collect()
}

const FACTORS: [f32; 8] = [0.5, 1.0, 0.0, 1e-6, 0.731, 3.3, MAX_FACTOR, f32::MIN_POSITIVE];

fn draw_target<O: Element>(random: &mut Random) -> Target {
    let (min, max) = O::TYPE.integer_range();
    let zero_point = random.zero_point::<O>();
    if random.below(2) == 0 {
        return Target { zero_point, low: min, high: max };
    }
    let low = random.between(min, max);
    Target { zero_point, low, high: random.between(low, max) }
}

fn expect<O: Element>(x: f32, target: Target) -> O {
    O::from_low_bits(stage::target(x, target.zero_point, target.low, target.high))
}

/// Checks every pair of element types in as many rounds.
fn rounds(name: &str, seed: u64, rounds: usize, check: impl Fn(Backend, &mut Random, (bool, bool)) -> usize) {
    random_suite(name, seed, |backend, random, count| {
        for _ in 0..rounds {
            *count += SIGNS.map(|signs| check(backend, random, signs)).iter().sum::<usize>();
        }
    });
}

/// Operands of any types; the result has the type of the first.
fn binary<O: Element, B: Element>(backend: Backend, random: &mut Random) -> usize {
    let lengths = chosen_lengths(random, 4 * 20);
    for &len in &lengths {
        let (a, b) = (random.any_elements::<O>(len), random.any_elements::<B>(len));
        let zeros = [random.zero_point::<O>(), random.zero_point::<B>()];
        let factors = [random.pick(&FACTORS), random.pick(&FACTORS)];
        let target = draw_target::<O>(random);
        let mut out = vec![O::default(); len];
        let offset = target.zero_point as f32 - factors[0] * zeros[0] as f32;
        let Target { low, high, .. } = target;
        add(&AddCall { backend, a: &a, b: &b, factors, offset, low, high }, &mut out);
        for index in 0..len {
            let (a, b): (i32, i32) = (a[index].into(), b[index].into());
            let sum = (a as f32).mul_add(factors[0], (b as f32).mul_add(factors[1], offset));
            assert_eq!(
                out[index],
                expect(sum, Target { zero_point: 0, low, high }),
                "{backend} {a} + {b}, {factors:?} {offset} {target:?}"
            );
        }
        let factor = factors[0];
        mul(&MulCall { backend, a: &a, b: &b, zeros, factor, target }, &mut out);
        for index in 0..len {
            let (a, b): (i32, i32) = (a[index].into(), b[index].into());
            let product = ((a - zeros[0]) * (b - zeros[1])) as f32 * factor;
            assert_eq!(
                out[index],
                expect(product, target),
                "{backend} {a} · {b}, {zeros:?} {factor} {target:?}"
            );
        }
    }
    2 * lengths.len()
}

#[test]
fn add_and_mul() {
    rounds("add_and_mul", 1, 20, |backend, random, signs| by_signs!(signs, binary(backend, random)));
}

fn rescale<I: Element, O: Element>(backend: Backend, random: &mut Random) -> usize {
    let lengths = chosen_lengths(random, 4 * 20);
    for &len in &lengths {
        let input = random.any_elements::<I>(len);
        let (zero, factor) = (random.zero_point::<I>(), random.pick(&FACTORS));
        let target = draw_target::<O>(random);
        let mut out = vec![O::default(); len];
        let call = RequantizeCall { backend, input: &input, columns: len, zero, factor, target };
        requantize(&call, OutputBlock::new(&mut out, 1, len, len));
        for (&x, &found) in input.iter().zip(&out) {
            let x: i32 = x.into();
            assert_eq!(
                found,
                expect((x - zero) as f32 * factor, target),
                "{backend} {x} {zero} {factor} {target:?}"
            );
        }
        let mut real = vec![0f32; len];
        dequantize(backend, &input, zero, factor, &mut real);
        for (&x, &found) in input.iter().zip(&real) {
            let x: i32 = x.into();
            assert_eq!(
                found.to_bits(),
                ((x - zero) as f32 * factor).to_bits(),
                "{backend} {x} {zero} {factor}"
            );
        }
    }
    2 * lengths.len()
}

/// Rows of any length to rows further apart, in one call and in parts; some of them copies.
fn rows<I: Element, O: Element>(backend: Backend, random: &mut Random) -> usize {
    let mut count = 0;
    for columns in (1..=70).chain([96, 130, 255, 256, 300]) {
        if !chosen(random, 4 * 10 * 75) {
            continue;
        }
        count += 1;
        let rows = [0, 1, 2, 3, 2050 / columns, 2049 / columns + 3][random.below(6)];
        let stride = columns + random.pick(&[0, 0, 1, 13]);
        let input = random.any_elements::<I>(rows * columns);
        let (min, max) = O::TYPE.integer_range();
        let (zero, factor, target) = if I::TYPE == O::TYPE && random.below(2) == 0 {
            let zero_point = random.zero_point::<O>();
            (zero_point, 1.0, Target { zero_point, low: min, high: max })
        } else {
            (random.zero_point::<I>(), random.pick(&FACTORS), draw_target::<O>(random))
        };
        let call = RequantizeCall { backend, input: &input, columns, zero, factor, target };
        let untouched = O::from_low_bits(77);
        let mut out = vec![untouched; rows * stride];
        let (left, right) =
            OutputBlock::new(&mut out, rows, columns, stride).split_columns(random.below(columns + 1));
        let (upper, lower) = left.split_rows(random.below(rows + 1));
        for part in [lower, right, upper] {
            requantize(&call, part);
        }
        for (row, found) in out.chunks(stride).enumerate() {
            for (column, &found) in found.iter().enumerate() {
                let expected = if column < columns {
                    let x: i32 = input[row * columns + column].into();
                    expect((x - zero) as f32 * factor, target)
                } else {
                    untouched
                };
                assert_eq!(
                    found, expected,
                    "{backend} {row} {column} of {columns} {zero} {factor} {target:?}"
                );
            }
        }
    }
    count
}

#[test]
fn rows_with_gaps() {
    rounds("requantize_rows", 4, 10, |backend, random, signs| by_signs!(signs, rows(backend, random)));
}

#[test]
fn tables() {
    random_suite("lookup", 6, |backend, random, count| {
        for len in lengths() {
            let table: [u8; 256] = random.any_bytes(256).try_into().unwrap();
            let input = random.any_elements::<i8>(len);
            let mut out = vec![0u8; len];
            lookup(backend, &table, &input, &mut out);
            for (&x, &found) in input.iter().zip(&out) {
                assert_eq!(found, table[usize::from(x as u8)], "{backend} {x} of {len}");
            }
            *count += 1;
        }
    });
}

#[test]
fn requantize_and_dequantize() {
    rounds("requantize_and_dequantize", 2, 20, |backend, random, signs| {
        by_signs!(signs, rescale(backend, random))
    });
}

fn quantized<O: Element>(backend: Backend, random: &mut Random) -> usize {
    let edges = [
        0.0,
        -0.0,
        0.5,
        1.5,
        2.5,
        -0.5,
        -1.5,
        127.5,
        255.5,
        1e10,
        -3e9,
        f32::NAN,
        -f32::NAN,
        f32::INFINITY,
        f32::NEG_INFINITY,
        f32::MAX,
        f32::MIN,
        f32::MIN_POSITIVE,
        1e-45,
    ];
    let lengths = chosen_lengths(random, 2 * 60);
    for &len in &lengths {
        let any = f32::from_bits(random.between(1, 0x7f7f_ffff) as u32);
        let ordinary = (1 + random.below(1 << 24)) as f32 * 1e-8;
        let edge = random.pick(&[1.0, 0.1, 3.0, 0.0078125, 1e-45, f32::MAX, f32::MIN_POSITIVE]);
        let power = 2f32.powi(random.pick(&[-61, -60, -59, 59, 60, 61]));
        let scale = random.pick(&[edge, any, ordinary, ordinary, ordinary, power, power * 1.999_999_9]);
        let input: Vec<f32> = (0..len)
            .map(|_| match random.below(4) {
                0 => random.pick(&edges),
                1 => (f64::from(random.between(-600, 600)) * 0.5 * f64::from(scale)) as f32,
                // Beside a tie, where the last bit of the quotient decides.
                2 => {
                    let tie = (f64::from(random.between(-600, 600)) * 0.5 * f64::from(scale)) as f32;
                    f32::from_bits(tie.to_bits().wrapping_add_signed(random.between(-3, 3)))
                }
                _ => f32::from_bits(random.next() as u32),
            })
            .collect();
        let target = draw_target::<O>(random);
        let mut out = vec![O::default(); len];
        quantize(backend, &input, scale, target, &mut out);
        for (&x, &found) in input.iter().zip(&out) {
            let steps = x / scale;
            let steps = if steps.is_nan() { 0.0 } else { steps };
            assert_eq!(found, expect(steps, target), "{backend} {x} / {scale} {target:?}");
        }
    }
    lengths.len()
}

#[test]
fn quantize_everything() {
    suite("quantize", |backend| {
        let mut random = Random(3);
        (0..60).map(|_| quantized::<u8>(backend, &mut random) + quantized::<i8>(backend, &mut random)).sum()
    });
}

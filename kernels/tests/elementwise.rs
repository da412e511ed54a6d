//! Element-by-element operators of every available backend against plain loops.

mod support;

use eightbit_kernels::elementwise::{
    AddCall, MAX_FACTOR, MulCall, Target, add, dequantize, mul, quantize, requantize,
};
use eightbit_kernels::{Backend, Element};
use support::{Random, suite};

const LENGTHS: [usize; 14] = [0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 63, 1000];
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
    O::from_low_bits(support::target(x, target.zero_point, target.low, target.high))
}

fn binary<A: Element, B: Element, O: Element>(backend: Backend, random: &mut Random) -> usize {
    for len in LENGTHS {
        let (a, b) = (random.elements::<A>(len), random.elements::<B>(len));
        let zeros = [random.zero_point::<A>(), random.zero_point::<B>()];
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
    2 * LENGTHS.len()
}

#[test]
fn add_and_mul() {
    suite("add_and_mul", |backend| {
        let mut random = Random(1);
        let mut count = 0;
        for _ in 0..40 {
            count += binary::<u8, u8, u8>(backend, &mut random);
            count += binary::<u8, i8, u8>(backend, &mut random);
            count += binary::<i8, u8, i8>(backend, &mut random);
            count += binary::<i8, i8, i8>(backend, &mut random);
        }
        count
    });
}

fn rescale<I: Element, O: Element>(backend: Backend, random: &mut Random) -> usize {
    for len in LENGTHS {
        let input = random.elements::<I>(len);
        let (zero, factor) = (random.zero_point::<I>(), random.pick(&FACTORS));
        let target = draw_target::<O>(random);
        let mut out = vec![O::default(); len];
        requantize(backend, &input, zero, factor, target, &mut out);
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
    2 * LENGTHS.len()
}

#[test]
fn requantize_and_dequantize() {
    suite("requantize_and_dequantize", |backend| {
        let mut random = Random(2);
        let mut count = 0;
        for _ in 0..40 {
            count += rescale::<u8, u8>(backend, &mut random);
            count += rescale::<u8, i8>(backend, &mut random);
            count += rescale::<i8, u8>(backend, &mut random);
            count += rescale::<i8, i8>(backend, &mut random);
        }
        count
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
    for len in LENGTHS {
        let scale = random.pick(&[1.0, 0.1, 3.0, 0.0078125, 1e-45, f32::MAX, f32::MIN_POSITIVE]);
        let input: Vec<f32> = (0..len)
            .map(|_| match random.below(3) {
                0 => random.pick(&edges),
                1 => (f64::from(random.between(-600, 600)) * 0.5 * f64::from(scale)) as f32,
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
    LENGTHS.len()
}

#[test]
fn quantize_everything() {
    suite("quantize", |backend| {
        let mut random = Random(3);
        (0..60).map(|_| quantized::<u8>(backend, &mut random) + quantized::<i8>(backend, &mut random)).sum()
    });
}

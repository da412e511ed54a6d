//! Codes with ranges of run time, of every available backend against plain loops, bit for bit.

use eightbit_kernels::elementwise::{
    CodesOfBytes, FixedPoint, MAX_OFFSET, decode, encode, extremes, requantize_bytes, requantize_codes,
};
use eightbit_testing::Random;
use eightbit_testing::suite::random_suite;

/// Every tail of every block, and many blocks.
fn lengths() -> impl Iterator<Item = usize> {
    (0..140).step_by(3).chain([63, 64, 65, 127, 128, 1000])
}

/// The formula, with nothing shared.
fn byte(code: i32, by: FixedPoint) -> u8 {
    let code = if (-(1 << 24) + 1..1 << 24).contains(&code) { i64::from(code) } else { code as f32 as i64 };
    let of_product = code.wrapping_mul(by.scale).div_euclid(1 << 32);
    of_product.wrapping_add(by.offset).div_euclid(1 << 16).clamp(0, 255) as u8
}

/// Codes of some bits, for which `by` has all bytes, or on borders between two bytes, or anything.
fn draw(random: &mut Random, len: usize) -> (Vec<i32>, FixedPoint) {
    let bits = 2 + random.below(29);
    let codes: Vec<i32> = (0..len).map(|_| (random.next() as i32) >> (31 - bits)).collect();
    let by = match random.below(4) {
        // A byte for 2^n codes, exactly: every border is met.
        0 => FixedPoint { scale: 1 << (55 - bits), offset: i64::from(random.between(0, 255)) << 16 },
        1 => FixedPoint {
            scale: (1 << (55 - bits)) + i64::from(random.between(-5, 5)),
            offset: (i64::from(random.between(0, 255)) << 16) + i64::from(random.between(-3, 3)),
        },
        2 => FixedPoint {
            scale: i64::from(random.next() as i32) << (bits % 32),
            offset: i64::from(random.next() as i32) << (bits % 20),
        },
        _ => FixedPoint {
            scale: (255i64 << 48) / (1 << bits) + i64::from(random.between(0, 1 << 16)),
            offset: i64::from(random.between(0, 256 << 16)),
        },
    };
    (codes, by)
}

fn bounds(random: &mut Random) -> [u8; 2] {
    if random.flip() { [0, 255] } else { [random.below(256) as u8, random.below(256) as u8] }
}

#[test]
fn codes_to_bytes() {
    random_suite("requantized codes", 0xf1de, |backend, random, count| {
        for len in lengths() {
            let (codes, by) = draw(random, len);
            let mut found = vec![7; len];
            let bounds = bounds(random);
            requantize_codes(backend, &codes, by, bounds, &mut found);
            let expected: Vec<u8> =
                codes.iter().map(|&code| byte(code, by).max(bounds[0]).min(bounds[1])).collect();
            assert_eq!(found, expected, "{backend} {len} {by:?}");
            let found = extremes(backend, &codes);
            let ends = (codes.iter().min().copied(), codes.iter().max().copied());
            assert_eq!(found, (ends.0.unwrap_or(i32::MAX), ends.1.unwrap_or(i32::MIN)), "{backend} {len}");
            *count += 1;
        }
    });
}

#[test]
fn bytes_that_stand_for_codes() {
    random_suite("requantized bytes", 0xf1db, |backend, random, count| {
        for len in lengths() {
            let more = random.below(3);
            let (mut addends, by) = draw(random, len + more);
            let factor = (random.next() as i32) >> random.below(32);
            if random.below(4) > 0 {
                addends.iter_mut().for_each(|addend| *addend >>= 8);
            }
            let x = random.any_elements::<u8>(len);
            let bounds = bounds(random);
            let mut found = vec![7; len];
            requantize_bytes(
                backend,
                CodesOfBytes { x: &x, factor, addends: &addends },
                by,
                bounds,
                &mut found,
            );
            for index in 0..len {
                let code = i32::from(x[index]).wrapping_mul(factor).wrapping_add(addends[index]);
                let expected = byte(code, by).max(bounds[0]).min(bounds[1]);
                assert_eq!(found[index], expected, "{backend} {len} {code} {by:?} {bounds:?}");
            }
            *count += 1;
        }
    });
}

#[test]
fn floats_to_bytes_and_back() {
    random_suite("encoded floats", 0xe4c0, |backend, random, count| {
        for len in lengths() {
            let offset = match random.below(3) {
                0 => -random.between(0, 255),
                1 => random.pick(&[-MAX_OFFSET, MAX_OFFSET, 0]),
                _ => random.between(-1000, 1000),
            };
            let scale = random.pick(&[1.0, 0.25, 127.5, 1e-3, 3e30, 0.0, -1.0]);
            // Halves, and what is next to them; anything.
            let x: Vec<f32> = (0..len)
                .map(|_| {
                    let half = (offset + random.between(-10, 270)) as f32 / 2.0 / scale;
                    match random.below(6) {
                        0 | 1 => half,
                        2 => half.next_up(),
                        3 => half.next_down(),
                        4 => random.float() * 300.0,
                        _ => random.pick(&[f32::NAN, f32::INFINITY, f32::MIN, 0.499_999_97, -0.0, 1e-40]),
                    }
                })
                .collect();
            let mut codes = vec![7; len];
            encode(backend, &x, scale, offset, &mut codes);
            for (&x, &code) in x.iter().zip(&codes) {
                let (low, high) = (offset as f32, (offset + 255) as f32);
                let expected = ((x * scale).max(low).min(high).round() - low) as u8;
                assert_eq!(code, expected, "{backend} {len} {x} · {scale}, {offset}");
            }
            let mut floats = vec![7.0; len];
            decode(backend, &codes, scale, 0.37, &mut floats);
            for (&code, float) in codes.iter().zip(floats) {
                let expected = 0.37 + f32::from(code) * scale;
                assert_eq!(float.to_bits(), expected.to_bits(), "{backend} {len} {code}");
            }
            *count += 1;
        }
    });
}

//! [`Simd`] on `wide` vectors of four lanes.

use wide::{f32x4, i32x4, u16x8};

use crate::byte_range::ByteRange;
use crate::simd::{ByteLimits, Simd, array_of, store_first_of};

/// The token.
#[derive(Clone, Copy)]
pub(crate) struct Portable;

// SAFETY: lane by lane the scalar definitions; no CPU feature beyond the compilation target's.
unsafe impl Simd for Portable {
    type I = i32x4;
    type F = f32x4;
    type B = [u8; 16];
    type W = u16x8;
    const LANES: usize = 4;
    const FUSED: bool = false;

    #[inline(always)]
    unsafe fn splat(x: i32) -> i32x4 {
        i32x4::splat(x)
    }

    #[inline(always)]
    unsafe fn splat_f(x: f32) -> f32x4 {
        f32x4::splat(x)
    }

    #[inline(always)]
    unsafe fn load(p: *const i32) -> i32x4 {
        // SAFETY: four readable integers, as the caller promises.
        i32x4::new(unsafe { p.cast::<[i32; 4]>().read_unaligned() })
    }

    #[inline(always)]
    unsafe fn store(p: *mut i32, x: i32x4) {
        // SAFETY: four writable integers, as the caller promises.
        unsafe { p.cast::<[i32; 4]>().write_unaligned(x.to_array()) }
    }

    #[inline(always)]
    unsafe fn load_f(p: *const f32) -> f32x4 {
        // SAFETY: four readable floats, as the caller promises.
        f32x4::new(unsafe { p.cast::<[f32; 4]>().read_unaligned() })
    }

    #[inline(always)]
    unsafe fn store_f(p: *mut f32, x: f32x4) {
        // SAFETY: four writable floats, as the caller promises.
        unsafe { p.cast::<[f32; 4]>().write_unaligned(x.to_array()) }
    }

    #[inline(always)]
    unsafe fn load_u8(p: *const u8) -> i32x4 {
        // SAFETY: four readable bytes, as the caller promises.
        i32x4::new(unsafe { p.cast::<[u8; 4]>().read_unaligned() }.map(i32::from))
    }

    #[inline(always)]
    unsafe fn load_i8(p: *const i8) -> i32x4 {
        // SAFETY: four readable bytes, as the caller promises.
        i32x4::new(unsafe { p.cast::<[i8; 4]>().read_unaligned() }.map(i32::from))
    }

    #[inline(always)]
    unsafe fn byte_limits(range: ByteRange) -> ByteLimits<Portable> {
        ByteLimits {
            // Lanes are narrowed one by one here, so that one zero point per lane is enough.
            zero_point: i32x4::splat(i32::from(range.zero_point)),
            low: [range.low; 16],
            flip: [range.flip; 16],
        }
    }

    #[inline(always)]
    unsafe fn narrow(vectors: [i32x4; 4], limits: &ByteLimits<Portable>) -> [u8; 16] {
        let [zero_point, ..] = limits.zero_point.to_array();
        let lanes = vectors.map(i32x4::to_array);
        core::array::from_fn(|i| {
            let byte = lanes[i / 4][i % 4].saturating_add(zero_point).clamp(0, 255) as u8;
            byte.max(limits.low[i]) ^ limits.flip[i]
        })
    }

    #[inline(always)]
    unsafe fn narrow_floats(vectors: [i32x4; 4], limits: &ByteLimits<Portable>) -> [u8; 16] {
        // SAFETY: as the caller promises.
        unsafe { Portable::narrow(vectors, limits) }
    }

    #[inline(always)]
    unsafe fn saturate_floats<const SIGNED: bool>(vectors: [i32x4; 4]) -> [u8; 16] {
        let (low, high) = if SIGNED { (-128, 127) } else { (0, 255) };
        let lanes = vectors.map(i32x4::to_array);
        core::array::from_fn(|i| lanes[i / 4][i % 4].clamp(low, high) as u8)
    }

    #[inline(always)]
    unsafe fn floats<const SIGNED: bool>(bytes: [u8; 16]) -> [f32x4; 4] {
        core::array::from_fn(|vector| {
            f32x4::new(core::array::from_fn(|lane| {
                let byte = bytes[4 * vector + lane];
                if SIGNED { f32::from(byte.cast_signed()) } else { f32::from(byte) }
            }))
        })
    }

    #[inline(always)]
    unsafe fn origin<const SIGNED: bool>(zero: i32) -> f32x4 {
        f32x4::splat(zero as f32)
    }

    #[inline(always)]
    unsafe fn distances<const SIGNED: bool>(bytes: [u8; 16], origin: f32x4) -> [f32x4; 4] {
        // SAFETY: as the caller promises.
        unsafe {
            let x = Portable::floats::<SIGNED>(bytes);
            array_of!(4, v => x[v] - origin)
        }
    }

    #[inline(always)]
    unsafe fn read_bytes(p: *const u8) -> [u8; 16] {
        // SAFETY: sixteen readable bytes, as the caller promises.
        unsafe { p.cast::<[u8; 16]>().read_unaligned() }
    }

    #[inline(always)]
    unsafe fn max_bytes<const SIGNED: bool>(a: [u8; 16], b: [u8; 16]) -> [u8; 16] {
        let signed = |a: u8, b: u8| a.cast_signed().max(b.cast_signed()).cast_unsigned();
        core::array::from_fn(|i| if SIGNED { signed(a[i], b[i]) } else { a[i].max(b[i]) })
    }

    #[inline(always)]
    unsafe fn store_bytes(p: *mut u8, bytes: [u8; 16]) {
        // SAFETY: sixteen writable bytes, as the caller promises.
        unsafe { p.cast::<[u8; 16]>().write_unaligned(bytes) }
    }

    #[inline(always)]
    unsafe fn store_half<const HALF: usize>(p: *mut u8, bytes: [u8; 16]) {
        let half: [u8; 8] = core::array::from_fn(|i| bytes[8 * HALF + i]);
        // SAFETY: eight writable bytes, as the caller promises.
        unsafe { p.cast::<[u8; 8]>().write_unaligned(half) }
    }

    #[inline(always)]
    unsafe fn store_quarter<const QUARTER: usize>(p: *mut u8, bytes: [u8; 16]) {
        let quarter: [u8; 4] = core::array::from_fn(|i| bytes[4 * QUARTER + i]);
        // SAFETY: four writable bytes, as the caller promises.
        unsafe { p.cast::<[u8; 4]>().write_unaligned(quarter) }
    }

    #[inline(always)]
    unsafe fn store_first(p: *mut u8, bytes: [u8; 16], count: usize) {
        // SAFETY: `count` writable bytes, as the caller promises.
        unsafe { store_first_of(p, bytes, count) }
    }

    #[inline(always)]
    unsafe fn to_u16x<const SIGNED: bool>(bytes: [u8; 16]) -> [u16x8; 2] {
        let flip = if SIGNED { 0x80 } else { 0 };
        array_of!(2, half => u16x8::new(core::array::from_fn(|i| u16::from(bytes[8 * half + i] ^ flip))))
    }

    #[inline(always)]
    unsafe fn load_u16x(p: *const u16) -> [u16x8; 2] {
        // SAFETY: sixteen readable words, as the caller promises.
        array_of!(2, half => u16x8::new(unsafe { p.add(8 * half).cast::<[u16; 8]>().read_unaligned() }))
    }

    #[inline(always)]
    unsafe fn store_u16x(p: *mut u16, x: [u16x8; 2]) {
        for (half, x) in x.into_iter().enumerate() {
            // SAFETY: sixteen writable words, as the caller promises.
            unsafe { p.add(8 * half).cast::<[u16; 8]>().write_unaligned(x.to_array()) };
        }
    }

    #[inline(always)]
    unsafe fn load_u16x_in_order(p: *const u16) -> [u16x8; 2] {
        // SAFETY: as the caller promises.
        unsafe { Portable::load_u16x(p) }
    }

    #[inline(always)]
    unsafe fn add_u16x(a: u16x8, b: u16x8) -> u16x8 {
        a + b
    }

    #[inline(always)]
    unsafe fn u16x_distances(x: [u16x8; 2], origin: f32x4) -> [f32x4; 4] {
        let x = x.map(u16x8::to_array);
        array_of!(4, v => {
            f32x4::new(core::array::from_fn(|i| f32::from(x[v / 2][v % 2 * 4 + i]))) - origin
        })
    }

    #[inline(always)]
    unsafe fn narrow_u16x(vectors: [i32x4; 4], limits: &ByteLimits<Portable>) -> [u8; 16] {
        // SAFETY: as the caller promises.
        unsafe { Portable::narrow(vectors, limits) }
    }

    #[inline(always)]
    unsafe fn add(a: i32x4, b: i32x4) -> i32x4 {
        a + b
    }

    #[inline(always)]
    unsafe fn sub(a: i32x4, b: i32x4) -> i32x4 {
        a - b
    }

    #[inline(always)]
    unsafe fn mul(a: i32x4, b: i32x4) -> i32x4 {
        a * b
    }

    #[inline(always)]
    unsafe fn min(a: i32x4, b: i32x4) -> i32x4 {
        a.min(b)
    }

    #[inline(always)]
    unsafe fn max(a: i32x4, b: i32x4) -> i32x4 {
        a.max(b)
    }

    #[inline(always)]
    unsafe fn shift_left(a: i32x4, n: i32x4) -> i32x4 {
        zip(a, n, |a, n| a << n)
    }

    #[inline(always)]
    unsafe fn rounding_shift_right(a: i32x4, n: i32x4) -> i32x4 {
        zip(a, n, |a, n| {
            let mask = (1i64 << n) as i32;
            let mask = mask.wrapping_sub(1);
            let threshold = (mask >> 1) + i32::from(a < 0);
            (a >> n) + i32::from(a & mask > threshold)
        })
    }

    #[inline(always)]
    unsafe fn rounding_doubling_high_mul(a: i32x4, b: i32x4) -> i32x4 {
        zip(a, b, |a, b| {
            let rounded = (i64::from(a) * i64::from(b) + (1 << 30)) >> 31;
            rounded.min(i64::from(i32::MAX)) as i32
        })
    }

    #[inline(always)]
    unsafe fn to_bits(x: f32x4) -> i32x4 {
        i32x4::new(x.to_array().map(|lane| lane.to_bits().cast_signed()))
    }

    #[inline(always)]
    unsafe fn to_f32(a: i32x4) -> f32x4 {
        f32x4::new(a.to_array().map(|lane| lane as f32))
    }

    #[inline(always)]
    unsafe fn round(x: f32x4) -> i32x4 {
        // Adding 1.5·2²³ leaves the integer, rounded as the sum was (to nearest, ties to even), in the low mantissa bits.
        const MAGIC: f32 = 12_582_912.0;
        let sum = (x.max(f32x4::splat(-4_194_304.0)) + f32x4::splat(MAGIC)).to_array();
        i32x4::new(sum.map(|lane| lane.to_bits().wrapping_sub(MAGIC.to_bits()) as i32))
    }

    #[inline(always)]
    unsafe fn add_f(a: f32x4, b: f32x4) -> f32x4 {
        a + b
    }

    #[inline(always)]
    unsafe fn mul_f(a: f32x4, b: f32x4) -> f32x4 {
        a * b
    }

    #[inline(always)]
    unsafe fn mul_add_f(a: f32x4, b: f32x4, c: f32x4) -> f32x4 {
        let (a, b, c) = (a.to_array(), b.to_array(), c.to_array());
        f32x4::new(core::array::from_fn(|lane| mul_add(a[lane], b[lane], c[lane])))
    }

    #[inline(always)]
    unsafe fn div_f(a: f32x4, b: f32x4) -> f32x4 {
        a / b
    }

    #[inline(always)]
    unsafe fn min_f(a: f32x4, b: f32x4) -> f32x4 {
        b.simd_lt(a).select(b, a)
    }

    #[inline(always)]
    unsafe fn max_f(a: f32x4, b: f32x4) -> f32x4 {
        b.simd_gt(a).select(b, a)
    }

    #[inline(always)]
    unsafe fn nan_to_zero(x: f32x4) -> f32x4 {
        x & x.simd_eq(x)
    }
}

/// `a · b + c` for finite numbers, rounded once, without the instruction: the product is exact in `f64`, the sum is rounded
/// to odd there, and that makes the second rounding right (Boldo and Melquiond, Emulation of a FMA and correctly rounded
/// sums: proved algorithms using rounding to odd, 2008).
#[inline(always)]
fn mul_add(a: f32, b: f32, c: f32) -> f32 {
    let (product, c) = (f64::from(a) * f64::from(b), f64::from(c));
    let sum = product + c;
    // What the sum lost, exactly (Knuth's TwoSum).
    let of_c = sum - product;
    let lost = (product - (sum - of_c)) + (c - of_c);
    let bits = sum.to_bits();
    if lost == 0.0 || bits & 1 == 1 {
        return sum as f32;
    }
    let away = (lost > 0.0) == (sum > 0.0);
    f64::from_bits(if away { bits + 1 } else { bits - 1 }) as f32
}

#[inline(always)]
fn zip(a: i32x4, b: i32x4, f: impl Fn(i32, i32) -> i32) -> i32x4 {
    let (a, b) = (a.to_array(), b.to_array());
    i32x4::new([f(a[0], b[0]), f(a[1], b[1]), f(a[2], b[2]), f(a[3], b[3])])
}

//! The vector primitives that epilogues and element-by-element operators are written in, once, for every ISA.
//!
//! An implementation is a zero-sized token. Its functions are `#[inline(always)]` and call the ISA's intrinsics, so
//! they must be inlined into a function that carries the matching `#[target_feature]`: that function is the kernel's
//! entry, and the reason why nothing here is called through a pointer.

use crate::byte_range::ByteRange;
use crate::gemm::Finish;

/// The most lanes of any vector.
const MAX_LANES: usize = 16;

/// Vectors of `LANES` 32-bit integers or floats.
///
/// # Safety
///
/// Every function requires that the CPU has the ISA's features, and that a pointer is valid for the `LANES` elements
/// that it addresses (no alignment is required). Implementations must give exactly the result that the scalar
/// description says, for every input that it allows: the promise of equal bits rests here.
pub(crate) unsafe trait Simd: Finish + Copy + 'static {
    /// `LANES` lanes of `i32`.
    type I: Copy;
    /// `LANES` lanes of `f32`.
    type F: Copy;
    /// `4 · LANES` bytes.
    type B: Copy;
    /// `2 · LANES` lanes of `u16`.
    type W: Copy;
    /// Lanes of a vector; divides 16.
    const LANES: usize;
    /// Whether [`mul_add_f`](Self::mul_add_f) is an instruction.
    const FUSED: bool;

    /// Every lane `x`.
    unsafe fn splat(x: i32) -> Self::I;
    /// Every lane `x`.
    unsafe fn splat_f(x: f32) -> Self::F;
    /// Loads `LANES` integers.
    unsafe fn load(p: *const i32) -> Self::I;
    /// Stores `LANES` integers.
    unsafe fn store(p: *mut i32, x: Self::I);
    /// Loads the first `count ≤ LANES` integers, which are all that is read; the others 0.
    #[inline(always)]
    unsafe fn load_some(p: *const i32, count: usize) -> Self::I {
        let mut lanes = [0i32; MAX_LANES];
        // SAFETY: `count` readable integers, as the caller promises; a vector has at most MAX_LANES.
        unsafe {
            for (i, lane) in lanes.iter_mut().enumerate().take(count) {
                *lane = p.add(i).read_unaligned();
            }
            Self::load(lanes.as_ptr())
        }
    }
    /// Stores the first `count ≤ LANES` integers; nothing else is touched.
    #[inline(always)]
    unsafe fn store_some(p: *mut i32, x: Self::I, count: usize) {
        let mut lanes = [0i32; MAX_LANES];
        // SAFETY: `count` writable integers, as the caller promises; a vector has at most MAX_LANES.
        unsafe {
            Self::store(lanes.as_mut_ptr(), x);
            for (i, &lane) in lanes.iter().enumerate().take(count) {
                p.add(i).write_unaligned(lane);
            }
        }
    }
    /// Loads `LANES` floats.
    unsafe fn load_f(p: *const f32) -> Self::F;
    /// Stores `LANES` floats.
    unsafe fn store_f(p: *mut f32, x: Self::F);
    /// Loads `LANES` unsigned bytes, zero-extended.
    unsafe fn load_u8(p: *const u8) -> Self::I;
    /// Loads `LANES` signed bytes, sign-extended.
    unsafe fn load_i8(p: *const i8) -> Self::I;

    /// Every lane `range`'s.
    unsafe fn byte_limits(range: ByteRange) -> ByteLimits<Self>;
    /// The lanes of four vectors, in order, as bytes: saturated to `i16`, the zero point added with saturation, saturated to
    /// `u8`, raised to the lowest byte, and bits flipped.
    unsafe fn narrow(vectors: [Self::I; 4], limits: &ByteLimits<Self>) -> Self::B;
    /// [`narrow`](Self::narrow), with the lanes in the order of [`floats`](Self::floats).
    unsafe fn narrow_floats(vectors: [Self::I; 4], limits: &ByteLimits<Self>) -> Self::B;
    /// The lanes of four vectors, in the order of [`floats`](Self::floats), saturated to `i16` and then to bytes, `i8` if
    /// `SIGNED`.
    unsafe fn saturate_floats<const SIGNED: bool>(vectors: [Self::I; 4]) -> Self::B;
    /// The bytes, `i8` if `SIGNED`, as floats, in an order of the implementation's choice.
    unsafe fn floats<const SIGNED: bool>(bytes: Self::B) -> [Self::F; 4];
    /// Every lane what [`distances`](Self::distances) takes as the zero point, less than 2¹⁶ either way.
    unsafe fn origin<const SIGNED: bool>(zero: i32) -> Self::F;
    /// The bytes less a zero point, exactly, in the order of [`floats`](Self::floats).
    unsafe fn distances<const SIGNED: bool>(bytes: Self::B, origin: Self::F) -> [Self::F; 4];
    /// Loads `4 · LANES` bytes.
    unsafe fn read_bytes(p: *const u8) -> Self::B;
    /// Greater of two bytes, `i8` if `SIGNED`.
    unsafe fn max_bytes<const SIGNED: bool>(a: Self::B, b: Self::B) -> Self::B;
    /// Stores all bytes.
    unsafe fn store_bytes(p: *mut u8, bytes: Self::B);
    /// Stores half `HALF` (0 or 1) of the bytes.
    unsafe fn store_half<const HALF: usize>(p: *mut u8, bytes: Self::B);
    /// Stores quarter `QUARTER` (0 … 3) of the bytes.
    unsafe fn store_quarter<const QUARTER: usize>(p: *mut u8, bytes: Self::B);
    /// Stores the first `count` bytes, `1..=4·LANES`; no others are touched.
    unsafe fn store_first(p: *mut u8, bytes: Self::B, count: usize);

    /// The bytes as 16-bit integers, an `i8` (if `SIGNED`) greater by 128, in an order of the implementation's choice.
    unsafe fn to_u16x<const SIGNED: bool>(bytes: Self::B) -> [Self::W; 2];
    /// Loads `4 · LANES` words into the order of [`to_u16x`](Self::to_u16x).
    unsafe fn load_u16x(p: *const u16) -> [Self::W; 2];
    /// Stores `4 · LANES` words, which are in the order of [`to_u16x`](Self::to_u16x).
    unsafe fn store_u16x(p: *mut u16, x: [Self::W; 2]);
    /// Loads `4 · LANES` words.
    unsafe fn load_u16x_in_order(p: *const u16) -> [Self::W; 2];
    /// Wrapping sum.
    unsafe fn add_u16x(a: Self::W, b: Self::W) -> Self::W;
    /// Unsigned words in order less an integer below 2¹⁶, given as [`origin`](Self::origin), exactly, in another order of the
    /// implementation's choice.
    unsafe fn u16x_distances(x: [Self::W; 2], origin: Self::F) -> [Self::F; 4];
    /// [`narrow`](Self::narrow), with the lanes in the order of [`u16x_distances`](Self::u16x_distances).
    unsafe fn narrow_u16x(vectors: [Self::I; 4], limits: &ByteLimits<Self>) -> Self::B;

    /// Wrapping sum.
    unsafe fn add(a: Self::I, b: Self::I) -> Self::I;
    /// Wrapping difference.
    unsafe fn sub(a: Self::I, b: Self::I) -> Self::I;
    /// Wrapping product (low 32 bits).
    unsafe fn mul(a: Self::I, b: Self::I) -> Self::I;
    /// Lesser of two signed integers.
    unsafe fn min(a: Self::I, b: Self::I) -> Self::I;
    /// Greater of two signed integers.
    unsafe fn max(a: Self::I, b: Self::I) -> Self::I;
    /// `a << n` by lane, wrapping, for `0 ≤ n ≤ 31`.
    unsafe fn shift_left(a: Self::I, n: Self::I) -> Self::I;
    /// `a / 2ⁿ` by lane rounded to nearest, ties away from zero, for `0 ≤ n ≤ 31`
    /// (gemmlowp's `RoundingDivideByPOT`).
    unsafe fn rounding_shift_right(a: Self::I, n: Self::I) -> Self::I;
    /// `⌊(2·a·b + 2³¹) / 2³²⌋`, and `i32::MAX` for `MIN·MIN` (gemmlowp's `SaturatingRoundingDoublingHighMul`, Arm's
    /// `SQRDMULH`).
    unsafe fn rounding_doubling_high_mul(a: Self::I, b: Self::I) -> Self::I;

    /// The same bits.
    unsafe fn to_bits(x: Self::F) -> Self::I;
    /// Nearest float, ties to even.
    unsafe fn to_f32(a: Self::I) -> Self::F;
    /// Nearest integer, ties to even, for `|x| ≤ 2²²`; some integer below −2²¹ for lesser `x`, −∞ included.
    unsafe fn round(x: Self::F) -> Self::I;
    /// Sum, rounded once.
    unsafe fn add_f(a: Self::F, b: Self::F) -> Self::F;
    /// Product, rounded once.
    unsafe fn mul_f(a: Self::F, b: Self::F) -> Self::F;
    /// `a · b + c`, rounded once.
    unsafe fn mul_add_f(a: Self::F, b: Self::F, c: Self::F) -> Self::F;
    /// Quotient, rounded once.
    unsafe fn div_f(a: Self::F, b: Self::F) -> Self::F;
    /// Lesser of two floats that are not NaN; `a` where they are equal, so that clamping keeps the sign of a zero.
    unsafe fn min_f(a: Self::F, b: Self::F) -> Self::F;
    /// Greater of two floats that are not NaN; `a` where they are equal.
    unsafe fn max_f(a: Self::F, b: Self::F) -> Self::F;
    /// `+0` where `x` is NaN, else `x`.
    unsafe fn nan_to_zero(x: Self::F) -> Self::F;
}

/// An array of an expression's values for every index: `array::map` for vectors, whose code must be inlined, so that it is
/// compiled for its caller's CPU features. That is not certain of closures.
macro_rules! array_of {
    (2, $index:ident => $value:expr) => {
        array_of!(@ $index, $value, 0 1)
    };
    (4, $index:ident => $value:expr) => {
        array_of!(@ $index, $value, 0 1 2 3)
    };
    (@ $index:ident, $value:expr, $($n:literal)+) => {
        [$({ let $index: usize = $n; $value }),+]
    };
}
pub(crate) use array_of;

/// A [`ByteRange`] in vectors: the zero point in every 16-bit lane.
#[derive(Clone, Copy)]
pub(crate) struct ByteLimits<S: Simd> {
    pub(crate) zero_point: S::I,
    pub(crate) low: S::B,
    pub(crate) flip: S::B,
}

/// Stores the first `count` of a vector's bytes, for instruction sets without masks.
///
/// # Safety
///
/// `p` is valid for `count` writes, of which there is one at least; `count ≤ N ≤ 32`.
#[inline(always)]
pub(crate) unsafe fn store_first_of<const N: usize>(p: *mut u8, bytes: [u8; N], count: usize) {
    // SAFETY: as the caller promises; of more than sixteen bytes the last sixteen end with the last one.
    unsafe {
        let from = bytes.as_ptr();
        if count <= 16 {
            return copy_short(from, p, count);
        }
        copy::<16>(from, p);
        copy::<16>(from.add(count - 16), p.add(count - 16));
    }
}

/// Copies one to sixteen bytes, in two or three pieces that may overlap instead of a loop.
///
/// # Safety
///
/// `from` is valid for `count` reads and `to` for as many writes; they do not overlap.
#[inline(always)]
pub(crate) unsafe fn copy_short(from: *const u8, to: *mut u8, count: usize) {
    // SAFETY: pieces begin and end with the bytes.
    unsafe {
        if count >= 8 {
            copy::<8>(from, to);
            copy::<8>(from.add(count - 8), to.add(count - 8));
        } else if count >= 4 {
            copy::<4>(from, to);
            copy::<4>(from.add(count - 4), to.add(count - 4));
        } else {
            copy::<1>(from, to);
            copy::<1>(from.add(count / 2), to.add(count / 2));
            copy::<1>(from.add(count - 1), to.add(count - 1));
        }
    }
}

/// # Safety
///
/// `from` is valid for `N` reads and `to` for as many writes.
#[inline(always)]
unsafe fn copy<const N: usize>(from: *const u8, to: *mut u8) {
    // SAFETY: as the caller promises.
    unsafe { to.cast::<[u8; N]>().write_unaligned(from.cast::<[u8; N]>().read_unaligned()) }
}

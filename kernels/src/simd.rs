//! The vector primitives that epilogues and element-by-element operators are written in, once, for every ISA.
//!
//! An implementation is a zero-sized token. Its functions are `#[inline(always)]` and call the ISA's intrinsics, so
//! they must be inlined into a function that carries the matching `#[target_feature]`: that function is the kernel's
//! entry, and the reason why nothing here is called through a pointer.

/// Vectors of `LANES` 32-bit integers or floats.
///
/// # Safety
///
/// Every function requires that the CPU has the ISA's features, and that a pointer is valid for the `LANES` elements
/// that it addresses (no alignment is required). Implementations must give exactly the result that the scalar
/// description says, for every input that it allows: the promise of equal bits rests here.
pub(crate) unsafe trait Simd: Copy + 'static {
    /// `LANES` lanes of `i32`.
    type I: Copy;
    /// `LANES` lanes of `f32`.
    type F: Copy;
    /// Lanes of a vector; divides 16.
    const LANES: usize;

    /// Every lane `x`.
    unsafe fn splat(x: i32) -> Self::I;
    /// Every lane `x`.
    unsafe fn splat_f(x: f32) -> Self::F;
    /// Loads `LANES` integers.
    unsafe fn load(p: *const i32) -> Self::I;
    /// Stores `LANES` integers.
    unsafe fn store(p: *mut i32, x: Self::I);
    /// Loads `LANES` floats.
    unsafe fn load_f(p: *const f32) -> Self::F;
    /// Stores `LANES` floats.
    unsafe fn store_f(p: *mut f32, x: Self::F);
    /// Loads `LANES` unsigned bytes, zero-extended.
    unsafe fn load_u8(p: *const u8) -> Self::I;
    /// Loads `LANES` signed bytes, sign-extended.
    unsafe fn load_i8(p: *const i8) -> Self::I;
    /// Stores the low byte of every lane: right for `u8` and `i8` alike once the value is in range.
    unsafe fn store_low_bytes(p: *mut u8, x: Self::I);

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

    /// Nearest float, ties to even.
    unsafe fn to_f32(a: Self::I) -> Self::F;
    /// Nearest integer, ties to even, for `|x| ≤ 2²²`.
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

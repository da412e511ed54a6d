//! The vector operations that epilogues, pooling and element-by-element operators are written in, once, for every ISA.
//!
//! An ISA is a zero-sized token. A value of it proves that the CPU has the ISA's features, so operations on registers
//! are safe; those with pointers are not. The token is made in the function that carries the matching
//! `#[target_feature]`, the kernel's entry, which is called only after detection of all features of the backend, or in a function
//! that is inlined into it. Everything here is `#[inline(always)]`, so that it becomes part of that
//! function, and is compiled for its features.
//!
//! An ISA must give sixteen operations. The others have bodies that go through the lanes one by one, and an ISA replaces
//! those for which it has a better sequence.

use core::marker::PhantomData;
use core::mem::MaybeUninit;
use core::ptr;

use crate::byte_range::ByteRange;
use crate::gemm::Finish;

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

/// A vector that consists of elements of type `T` in memory.
#[derive(Clone, Copy)]
pub(crate) struct Elements<V, T>(V, PhantomData<T>);

impl<V: Copy, T: Copy> Elements<V, T> {
    const LEN: usize = size_of::<V>() / size_of::<T>();

    #[inline(always)]
    pub(crate) fn at(&self, index: usize) -> T {
        assert!(index < Self::LEN);
        // SAFETY: the element exists, and all of its bits mean something in a number.
        unsafe { (&raw const self.0).cast::<T>().add(index).read() }
    }
}

/// Declares, for vectors of some type of elements, how they are loaded and stored, and how they are read and made element by
/// element.
macro_rules! elements {
    ($($what:literal: $element:ty, $vector:ty, $load:ident, $store:ident, $elements:ident, $from_each:ident;)+) => {$(
        #[doc = concat!("Loads ", $what, " from `p`.")]
        ///
        /// # Safety
        ///
        /// `p` is valid for the reads.
        #[inline(always)]
        unsafe fn $load(self, p: *const $element) -> $vector {
            // SAFETY: the caller's promise; in memory a vector is its elements.
            unsafe { p.cast::<$vector>().read_unaligned() }
        }

        #[doc = concat!("Stores ", $what, " to `p`.")]
        ///
        /// # Safety
        ///
        /// `p` is valid for the writes.
        #[inline(always)]
        unsafe fn $store(self, p: *mut $element, x: $vector) {
            // SAFETY: the caller's promise; in memory a vector is its elements.
            unsafe { p.cast::<$vector>().write_unaligned(x) }
        }

        #[doc = concat!("The vector as ", $what, ".")]
        #[inline(always)]
        fn $elements(self, x: $vector) -> Elements<$vector, $element> {
            Elements(x, PhantomData)
        }

        #[doc = concat!("A vector of ", $what, ", each of which `f` gives for its index.")]
        #[inline(always)]
        fn $from_each(self, f: impl Fn(usize) -> $element) -> $vector {
            // In arrays of 16 bytes, which the compiler makes registers of.
            const UNIT: usize = 16 / size_of::<$element>();
            const { assert!(size_of::<$vector>().is_multiple_of(16), "a vector is whole units") };
            let mut x = MaybeUninit::<$vector>::uninit();
            for unit in 0..size_of::<$vector>() / 16 {
                let elements: [$element; UNIT] = core::array::from_fn(|i| f(unit * UNIT + i));
                // SAFETY: in memory a vector is its elements, in units of 16 bytes.
                unsafe { x.as_mut_ptr().cast::<[$element; UNIT]>().add(unit).write_unaligned(elements) };
            }
            // SAFETY: all elements are written.
            unsafe { x.assume_init() }
        }
    )+};
}

/// Vectors of `LANES` 32-bit integers or floats.
///
/// # Safety
///
/// A value of the type exists only if the CPU has the ISA's features. In memory a vector is its lanes, in order and
/// without gaps. An operation with a pointer touches what its description says, and nothing else. Every operation gives
/// exactly the result that its description says, for every input that it allows: the promise of equal bits rests here.
pub(crate) unsafe trait Simd: Finish + Copy + 'static {
    /// `LANES` lanes of `i32`.
    type I: Copy;
    /// `LANES` lanes of `f32`.
    type F: Copy;
    /// `4 · LANES` bytes.
    type B: Copy;
    /// `2 · LANES` lanes of `u16`.
    type W: Copy;
    /// Lanes of a vector: 4, 8 or 16.
    const LANES: usize = size_of::<Self::I>() / size_of::<i32>();
    /// Whether [`mul_add_f`](Self::mul_add_f) is an instruction.
    const FUSED: bool = false;

    // Every ISA gives these.

    /// Broadcasts `x`.
    fn splat(self, x: i32) -> Self::I;
    /// Broadcasts `x`.
    fn splat_f(self, x: f32) -> Self::F;
    /// Wrapping sum.
    fn add(self, a: Self::I, b: Self::I) -> Self::I;
    /// Wrapping difference.
    fn sub(self, a: Self::I, b: Self::I) -> Self::I;
    /// Wrapping product (low 32 bits).
    fn mul(self, a: Self::I, b: Self::I) -> Self::I;
    /// `acc − zeros · sum`, wrapping: zero points and the sum of a row are in the form of the backend's
    /// [`RowSums`](crate::gemm::RowSums).
    #[inline(always)]
    fn subtract_zeros(self, acc: Self::I, zeros: Self::I, sum: i32) -> Self::I {
        self.sub(acc, self.mul(zeros, self.splat(sum)))
    }
    /// `acc + a₀·b₀ + a₁·b₁`, wrapping, where each lane of `a` and `b` is a pair of `i16`s.
    #[inline(always)]
    fn dot_pairs(self, acc: Self::I, a: Self::I, b: Self::I) -> Self::I {
        let products = self.zip(a, b, |a, b| {
            let (first, second) = (i32::from(a as i16) * i32::from(b as i16), (a >> 16) * (b >> 16));
            first.wrapping_add(second)
        });
        self.add(acc, products)
    }
    /// Lesser of two signed integers.
    fn min(self, a: Self::I, b: Self::I) -> Self::I;
    /// Greater of two signed integers.
    fn max(self, a: Self::I, b: Self::I) -> Self::I;
    /// Nearest float, ties to even.
    fn to_f32(self, a: Self::I) -> Self::F;
    /// Nearest integer, ties to even, for `|x| ≤ 2²²`; some integer below −2²¹ for lesser `x`, −∞ included.
    fn round(self, x: Self::F) -> Self::I;
    /// Sum, rounded once.
    fn add_f(self, a: Self::F, b: Self::F) -> Self::F;
    /// Difference, rounded once.
    fn sub_f(self, a: Self::F, b: Self::F) -> Self::F;
    /// Product, rounded once.
    fn mul_f(self, a: Self::F, b: Self::F) -> Self::F;
    /// Quotient, rounded once.
    fn div_f(self, a: Self::F, b: Self::F) -> Self::F;
    /// Lesser of two floats that are not NaN; `a` where they are equal, so that clamping keeps the sign of a zero.
    fn min_f(self, a: Self::F, b: Self::F) -> Self::F;
    /// Greater of two floats that are not NaN; `a` where they are equal.
    fn max_f(self, a: Self::F, b: Self::F) -> Self::F;
    /// Wrapping sum.
    fn add_u16x(self, a: Self::W, b: Self::W) -> Self::W;

    // Memory. No alignment is required.

    elements! {
        "`LANES` integers": i32, Self::I, load, store, lanes, each_lane;
        "`LANES` floats": f32, Self::F, load_f, store_f, lanes_f, each_lane_f;
        "`4 · LANES` bytes": u8, Self::B, read_bytes, store_bytes, bytes, each_byte;
        "`4 · LANES` `u16`s, in order,": u16, [Self::W; 2], load_u16x_in_order, store_u16x_in_order, u16s, each_u16;
    }

    /// Loads the first `count ≤ LANES` integers and reads no others; the other lanes are 0.
    ///
    /// # Safety
    ///
    /// `p` is valid for `count` reads.
    #[inline(always)]
    unsafe fn load_some(self, p: *const i32, count: usize) -> Self::I {
        let mut x = self.splat(0);
        let lanes = (&raw mut x).cast::<i32>();
        for i in 0..count {
            // SAFETY: the caller's promise; a vector is its lanes.
            unsafe { lanes.add(i).write(p.add(i).read_unaligned()) };
        }
        x
    }

    /// Stores the first `count ≤ LANES` integers; nothing else is touched.
    ///
    /// # Safety
    ///
    /// `p` is valid for `count` writes.
    #[inline(always)]
    unsafe fn store_some(self, p: *mut i32, x: Self::I, count: usize) {
        let lanes = (&raw const x).cast::<i32>();
        for i in 0..count {
            // SAFETY: the caller's promise; a vector is its lanes.
            unsafe { p.add(i).write_unaligned(lanes.add(i).read()) };
        }
    }

    /// Loads `LANES` bytes, `i8` if `SIGNED`, extended.
    ///
    /// # Safety
    ///
    /// `p` is valid for the reads.
    #[inline(always)]
    unsafe fn load_extended<const SIGNED: bool>(self, p: *const u8) -> Self::I {
        // SAFETY: the caller's promise.
        self.each_lane(|i| extended::<SIGNED>(unsafe { p.add(i).read() }))
    }

    /// Loads `LANES` integers of 16 bits, extended.
    ///
    /// # Safety
    ///
    /// `p` is valid for the reads.
    #[inline(always)]
    unsafe fn load_i16(self, p: *const i16) -> Self::I {
        // SAFETY: the caller's promise.
        self.each_lane(|i| i32::from(unsafe { p.add(i).read_unaligned() }))
    }

    /// Stores half `HALF` (0 or 1) of the bytes.
    ///
    /// # Safety
    ///
    /// `p` is valid for `2 · LANES` writes.
    #[inline(always)]
    unsafe fn store_half<const HALF: usize>(self, p: *mut u8, bytes: Self::B) {
        let (bytes, len) = ((&raw const bytes).cast::<u8>(), 2 * Self::LANES);
        // SAFETY: the caller's promise; the half is one of the bytes.
        unsafe { ptr::copy_nonoverlapping(bytes.add(HALF * len), p, len) };
    }

    /// Stores quarter `QUARTER` (0 … 3) of the bytes.
    ///
    /// # Safety
    ///
    /// `p` is valid for `LANES` writes.
    #[inline(always)]
    unsafe fn store_quarter<const QUARTER: usize>(self, p: *mut u8, bytes: Self::B) {
        let bytes = (&raw const bytes).cast::<u8>();
        // SAFETY: the caller's promise; the quarter is one of the bytes.
        unsafe { ptr::copy_nonoverlapping(bytes.add(QUARTER * Self::LANES), p, Self::LANES) };
    }

    /// Stores the first `count` bytes, `1..=4·LANES`; no others are touched.
    ///
    /// # Safety
    ///
    /// `p` is valid for `count` writes.
    #[inline(always)]
    unsafe fn store_first(self, p: *mut u8, bytes: Self::B, count: usize) {
        // SAFETY: the caller's promise.
        unsafe { copy_first((&raw const bytes).cast(), p, count, 4 * Self::LANES) };
    }

    /// Loads `4 · LANES` `u16`s into the order of [`to_u16x`](Self::to_u16x).
    ///
    /// # Safety
    ///
    /// `p` is valid for the reads.
    #[inline(always)]
    unsafe fn load_u16x(self, p: *const u16) -> [Self::W; 2] {
        // SAFETY: the caller's promise.
        unsafe { self.load_u16x_in_order(p) }
    }

    /// Stores `4 · LANES` `u16`s, which are in the order of [`to_u16x`](Self::to_u16x).
    ///
    /// # Safety
    ///
    /// `p` is valid for the writes.
    #[inline(always)]
    unsafe fn store_u16x(self, p: *mut u16, x: [Self::W; 2]) {
        // SAFETY: the caller's promise.
        unsafe { self.store_u16x_in_order(p, x) }
    }

    // Bytes.

    /// Broadcasts `range`.
    #[inline(always)]
    fn byte_limits(self, range: ByteRange) -> ByteLimits<Self> {
        let zero_point = i32::from(range.zero_point.cast_unsigned());
        ByteLimits {
            zero_point: self.splat(zero_point << 16 | zero_point),
            low: self.each_byte(|_| range.low),
            flip: self.each_byte(|_| range.flip),
        }
    }

    /// The lanes of four vectors, in order, as bytes: saturated to `i16`, the zero point added with saturation, saturated to
    /// `u8`, raised to the lowest byte, and bits flipped.
    #[inline(always)]
    fn narrow(self, vectors: [Self::I; 4], limits: &ByteLimits<Self>) -> Self::B {
        let lanes = array_of!(4, v => self.lanes(vectors[v]));
        let (low, flip) = (self.bytes(limits.low), self.bytes(limits.flip));
        let zero_point = i32::from(self.lanes(limits.zero_point).at(0) as i16);
        self.each_byte(|i| {
            let lane = lanes[i / Self::LANES].at(i % Self::LANES);
            (lane.saturating_add(zero_point).clamp(0, 255) as u8).max(low.at(i)) ^ flip.at(i)
        })
    }

    /// [`narrow`](Self::narrow), with the lanes in the order of [`floats`](Self::floats).
    #[inline(always)]
    fn narrow_floats(self, vectors: [Self::I; 4], limits: &ByteLimits<Self>) -> Self::B {
        self.narrow(vectors, limits)
    }

    /// The lanes of four vectors, in the order of [`floats`](Self::floats), saturated to `i16` and then to bytes, `i8` if
    /// `SIGNED`.
    #[inline(always)]
    fn saturate_floats<const SIGNED: bool>(self, vectors: [Self::I; 4]) -> Self::B {
        let (low, high) = if SIGNED { (-128, 127) } else { (0, 255) };
        let lanes = array_of!(4, v => self.lanes(vectors[v]));
        self.each_byte(|i| lanes[i / Self::LANES].at(i % Self::LANES).clamp(low, high) as u8)
    }

    /// The bytes, `i8` if `SIGNED`, as floats, in an order of the implementation's choice.
    #[inline(always)]
    fn floats<const SIGNED: bool>(self, bytes: Self::B) -> [Self::F; 4] {
        let bytes = self.bytes(bytes);
        array_of!(4, v => self.each_lane_f(|i| extended::<SIGNED>(bytes.at(v * Self::LANES + i)) as f32))
    }

    /// Broadcasts the zero point, less than 2¹⁶ either way, in the form that [`distances`](Self::distances) takes.
    #[inline(always)]
    fn origin<const SIGNED: bool>(self, zero: i32) -> Self::F {
        self.splat_f(-zero as f32)
    }

    /// The bytes less a zero point, exactly, in the order of [`floats`](Self::floats).
    #[inline(always)]
    fn distances<const SIGNED: bool>(self, bytes: Self::B, origin: Self::F) -> [Self::F; 4] {
        let x = self.floats::<SIGNED>(bytes);
        array_of!(4, v => self.add_f(x[v], origin))
    }

    /// Greater of two bytes, `i8` if `SIGNED`.
    #[inline(always)]
    fn max_bytes<const SIGNED: bool>(self, a: Self::B, b: Self::B) -> Self::B {
        let (a, b, flip) = (self.bytes(a), self.bytes(b), if SIGNED { 0x80 } else { 0 });
        self.each_byte(|i| (a.at(i) ^ flip).max(b.at(i) ^ flip) ^ flip)
    }

    // Sums of 16 bits.

    /// The bytes as 16-bit integers, an `i8` (if `SIGNED`) greater by 128, in an order of the implementation's choice.
    #[inline(always)]
    fn to_u16x<const SIGNED: bool>(self, bytes: Self::B) -> [Self::W; 2] {
        let (bytes, flip) = (self.bytes(bytes), if SIGNED { 0x80 } else { 0 });
        self.each_u16(|i| u16::from(bytes.at(i) ^ flip))
    }

    /// `u16`s in order less an integer below 2¹⁶, given as [`origin`](Self::origin), exactly, in another order of the
    /// implementation's choice.
    #[inline(always)]
    fn u16x_distances(self, x: [Self::W; 2], origin: Self::F) -> [Self::F; 4] {
        let wide = self.u16s(x);
        array_of!(4, v => self.add_f(self.each_lane_f(|i| f32::from(wide.at(v * Self::LANES + i))), origin))
    }

    /// [`narrow`](Self::narrow), with the lanes in the order of [`u16x_distances`](Self::u16x_distances).
    #[inline(always)]
    fn narrow_u16x(self, vectors: [Self::I; 4], limits: &ByteLimits<Self>) -> Self::B {
        self.narrow(vectors, limits)
    }

    // Lanes.

    /// Bits that differ.
    #[cfg_attr(
        not(target_arch = "x86_64"),
        allow(dead_code, reason = "only x86 kernels flip signs in lanes")
    )]
    #[inline(always)]
    fn xor(self, a: Self::I, b: Self::I) -> Self::I {
        self.zip(a, b, |a, b| a ^ b)
    }

    /// A bit for each lane, the first in the lowest: whether it is less than 0.
    #[inline(always)]
    fn negative(self, x: Self::I) -> u32 {
        let x = self.lanes(x);
        (0..Self::LANES).fold(0, |bits, i| bits | u32::from(x.at(i) < 0) << i)
    }

    /// Bits that both have.
    #[cfg_attr(
        not(target_arch = "x86_64"),
        allow(dead_code, reason = "only x86 kernels take the fields of bytes in lanes")
    )]
    #[inline(always)]
    fn and(self, a: Self::I, b: Self::I) -> Self::I {
        self.zip(a, b, |a, b| a & b)
    }

    /// `a >> n` by lane, rounded down, for `0 ≤ n ≤ 31`.
    #[cfg_attr(
        not(target_arch = "x86_64"),
        allow(dead_code, reason = "only x86 kernels take the fields of bytes in lanes")
    )]
    #[inline(always)]
    fn shift_right(self, a: Self::I, n: Self::I) -> Self::I {
        self.zip(a, n, |a, n| a >> n)
    }

    /// `a << n` by lane, wrapping, for `0 ≤ n ≤ 31`.
    #[inline(always)]
    fn shift_left(self, a: Self::I, n: Self::I) -> Self::I {
        self.zip(a, n, |a, n| a << n)
    }

    /// `a / 2ⁿ` by lane rounded to nearest, ties away from zero, for `0 ≤ n ≤ 31`
    /// (gemmlowp's `RoundingDivideByPOT`).
    #[inline(always)]
    fn rounding_shift_right(self, a: Self::I, n: Self::I) -> Self::I {
        self.zip(a, n, |a, n| {
            let mask = ((1i64 << n) as i32).wrapping_sub(1);
            let threshold = (mask >> 1) + i32::from(a < 0);
            (a >> n) + i32::from(a & mask > threshold)
        })
    }

    /// `⌊(2·a·b + 2³¹) / 2³²⌋`, and `i32::MAX` for `MIN·MIN` (gemmlowp's `SaturatingRoundingDoublingHighMul`, Arm's
    /// `SQRDMULH`).
    #[inline(always)]
    fn rounding_doubling_high_mul(self, a: Self::I, b: Self::I) -> Self::I {
        self.zip(a, b, |a, b| {
            let rounded = (i64::from(a) * i64::from(b) + (1 << 30)) >> 31;
            rounded.min(i64::from(i32::MAX)) as i32
        })
    }

    /// The same bits.
    #[inline(always)]
    fn to_bits(self, x: Self::F) -> Self::I {
        // SAFETY: `x` is `LANES` lanes of 32 bits.
        unsafe { self.load((&raw const x).cast()) }
    }

    /// The float of these bits.
    #[cfg_attr(not(target_arch = "x86_64"), allow(dead_code, reason = "only x86 reorders factors"))]
    #[inline(always)]
    fn float_of_bits(self, x: Self::I) -> Self::F {
        // SAFETY: `x` is `LANES` lanes of 32 bits.
        unsafe { self.load_f((&raw const x).cast()) }
    }

    /// `a · b + c`, rounded once.
    #[inline(always)]
    fn mul_add_f(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F {
        let (a, b, c) = (self.lanes_f(a), self.lanes_f(b), self.lanes_f(c));
        self.each_lane_f(|i| mul_add(a.at(i), b.at(i), c.at(i)))
    }

    /// `+0` where `x` is NaN, else `x`.
    #[inline(always)]
    fn nan_to_zero(self, x: Self::F) -> Self::F {
        let x = self.lanes_f(x);
        self.each_lane_f(|i| if x.at(i).is_nan() { 0.0 } else { x.at(i) })
    }

    /// Whether in any lane `a` is greater than `b`.
    #[inline(always)]
    fn any_greater(self, a: Self::F, b: Self::F) -> bool {
        let (a, b) = (self.lanes_f(a), self.lanes_f(b));
        (0..Self::LANES).any(|i| a.at(i) > b.at(i))
    }

    /// `f` of every two lanes.
    #[inline(always)]
    fn zip(self, a: Self::I, b: Self::I, f: impl Fn(i32, i32) -> i32) -> Self::I {
        let (a, b) = (self.lanes(a), self.lanes(b));
        self.each_lane(|i| f(a.at(i), b.at(i)))
    }
}

/// Defines tokens, whose values prove that the CPU has some features.
macro_rules! token {
    ($($(#[$attribute:meta])* $visibility:vis $name:ident: $features:literal;)+) => {$(
        $(#[$attribute])*
        #[derive(Clone, Copy)]
        $visibility struct $name(());

        impl $name {
            /// The proof.
            ///
            /// # Safety
            ///
            #[doc = concat!("The CPU has ", $features, ".")]
            #[inline(always)]
            $visibility unsafe fn new() -> $name {
                $name(())
            }
        }
    )+};
}
pub(crate) use token;

/// Defines operations of a token that are one instruction, as `name = intrinsic`, for each list of types that the
/// intrinsic takes and gives. The token must prove the features of each of them.
macro_rules! instructions {
    ($($types:tt -> $result:ty { $($name:ident = $intrinsic:path),+ $(,)? })+) => {
        $($($crate::simd::instructions!(@ $name, $types, $result, $intrinsic);)+)+
    };
    (@ $name:ident, ($a:ty), $result:ty, $intrinsic:path) => {
        #[inline(always)]
        fn $name(self, a: $a) -> $result {
            // SAFETY: the token proves that the CPU has the instruction, which touches registers only.
            unsafe { $intrinsic(a) }
        }
    };
    (@ $name:ident, ($a:ty, $b:ty), $result:ty, $intrinsic:path) => {
        #[inline(always)]
        fn $name(self, a: $a, b: $b) -> $result {
            // SAFETY: the token proves that the CPU has the instruction, which touches registers only.
            unsafe { $intrinsic(a, b) }
        }
    };
    (@ $name:ident, ($a:ty, $b:ty, $c:ty), $result:ty, $intrinsic:path) => {
        #[inline(always)]
        fn $name(self, a: $a, b: $b, c: $c) -> $result {
            // SAFETY: the token proves that the CPU has the instruction, which touches registers only.
            unsafe { $intrinsic(a, b, c) }
        }
    };
}
#[cfg(any(target_arch = "x86_64", all(target_arch = "aarch64", target_endian = "little")))]
pub(crate) use instructions;

/// A byte, `i8` if `SIGNED`, as `i32`.
#[inline(always)]
fn extended<const SIGNED: bool>(byte: u8) -> i32 {
    if SIGNED { i32::from(byte.cast_signed()) } else { i32::from(byte) }
}

/// A [`ByteRange`] in vectors: the zero point in every 16-bit lane.
#[derive(Clone, Copy)]
pub(crate) struct ByteLimits<S: Simd> {
    pub(crate) zero_point: S::I,
    pub(crate) low: S::B,
    pub(crate) flip: S::B,
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
    // Of infinities nothing is lost; the differences above are NaN then.
    if lost == 0.0 || lost.is_nan() || bits & 1 == 1 {
        return sum as f32;
    }
    let away = (lost > 0.0) == (sum > 0.0);
    f64::from_bits(if away { bits + 1 } else { bits - 1 }) as f32
}

/// Copies the first `count` of a vector's `all ≤ 64` bytes, one at least, in pieces that may overlap instead of a loop.
///
/// # Safety
///
/// `from` is valid for `count` reads and `to` for `count` writes; they do not overlap.
#[inline(always)]
unsafe fn copy_first(from: *const u8, to: *mut u8, count: usize, all: usize) {
    // SAFETY: pieces begin and end with the bytes.
    unsafe {
        if all <= 16 || count <= 16 {
            copy_short(from, to, count);
        } else if all <= 32 || count <= 32 {
            copy::<16>(from, to);
            copy::<16>(from.add(count - 16), to.add(count - 16));
        } else {
            copy::<32>(from, to);
            copy::<32>(from.add(count - 32), to.add(count - 32));
        }
    }
}

/// Copies one to sixteen bytes, in two or three pieces that may overlap instead of a loop.
///
/// # Safety
///
/// `from` is valid for `count` reads and `to` for `count` writes; they do not overlap.
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
/// `from` is valid for `N` reads and `to` for `N` writes.
#[inline(always)]
unsafe fn copy<const N: usize>(from: *const u8, to: *mut u8) {
    // SAFETY: as the caller promises.
    unsafe { to.cast::<[u8; N]>().write_unaligned(from.cast::<[u8; N]>().read_unaligned()) }
}

#[cfg(test)]
mod tests;

//! The element-by-element operators that backends implement, and the target of their results.

use crate::byte_range::ByteRange;
use crate::{Element, ElementType, OutputElement};

/// The range that results are clamped to, and the output's zero point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// The output's zero point, within its type's range.
    pub zero_point: i32,
    /// Least output value.
    pub low: i32,
    /// Greatest output value.
    pub high: i32,
}

impl Target {
    /// The form that kernels take, for an output of type `T`.
    pub(crate) fn to_bytes<T: OutputElement>(self) -> ByteTarget {
        self.to_bytes_of(T::TYPE)
    }

    /// The form that kernels take, for an output of bytes of this type.
    pub(crate) fn to_bytes_of(self, output: ElementType) -> ByteTarget {
        let (_, max) = output.integer_range();
        ByteTarget {
            high: (self.high - self.zero_point) as f32,
            is_highest: self.high == max,
            range: ByteRange::new(self.zero_point, self.low, output),
        }
    }

    pub(crate) fn check<T: OutputElement>(&self) {
        check_bytes::<T>();
        let (min, max) = T::TYPE.integer_range();
        assert!((min..=max).contains(&self.zero_point), "zero point within the output's range");
        assert!(
            min <= self.low && self.low <= self.high && self.high <= max,
            "clamp within the output's range"
        );
    }
}

/// The greatest factor that the operators take: with it no product or sum overflows, so none is infinite or NaN.
pub const MAX_FACTOR: f32 = (1u128 << 100) as f32;

/// Outputs are bytes. Their type is any that kernels can write, because output blocks are generic over those.
pub(super) fn check_bytes<T: OutputElement>() {
    assert!(matches!(T::TYPE, ElementType::U8 | ElementType::I8), "an output of bytes");
}

pub(super) fn check_zero<T: Element>(zero: i32) {
    let (min, max) = T::TYPE.integer_range();
    assert!((min..=max).contains(&zero), "zero point within the operand's range");
}

pub(super) fn check_factor(factor: f32) {
    assert!((0.0..=MAX_FACTOR).contains(&factor), "factor within its range");
}

/// [`Target`] for bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ByteTarget {
    /// Greatest output value, less the zero point.
    pub(super) high: f32,
    /// Whether that is the greatest byte.
    is_highest: bool,
    pub(super) range: ByteRange,
}

impl ByteTarget {
    /// Whether its range is all bytes, `i8` if `signed`, with zero point 0.
    pub(crate) fn is_whole(&self, signed: bool) -> bool {
        let offset = if signed { 128 } else { 0 };
        let ByteRange { zero_point, low, flip } = self.range;
        self.is_highest && low == 0 && i32::from(zero_point) == offset && i32::from(flip) == offset
    }

    /// Whether values of magnitude `reach` and less need no upper limit, because packing them saturates. Both it and
    /// [`Simd::round`](crate::simd::Simd::round) take up to 2²².
    pub(crate) fn saturates(&self, reach: f32) -> bool {
        self.is_highest && reach <= (1u32 << 22) as f32
    }
}

/// Two operands of `len` bytes and an output of `len` bytes.
pub(crate) struct Binary {
    pub(crate) a: *const u8,
    pub(crate) b: *const u8,
    pub(crate) out: *mut u8,
    pub(crate) len: usize,
}

/// An addition.
pub(crate) struct Add {
    pub(crate) bytes: Binary,
    pub(crate) factors: [f32; 2],
    pub(crate) offset: f32,
    /// Its zero point is 0: the zero point is part of the offset.
    pub(crate) target: ByteTarget,
}

/// A multiplication.
pub(crate) struct Mul {
    pub(crate) bytes: Binary,
    pub(crate) zeros: [i32; 2],
    pub(crate) factor: f32,
    pub(crate) target: ByteTarget,
}

/// `len` elements to `len` elements.
#[derive(Clone, Copy)]
pub(crate) struct Map<I, O> {
    pub(crate) input: *const I,
    pub(crate) out: *mut O,
    pub(crate) len: usize,
}

/// From bytes to bytes of another scale and zero point.
pub(crate) struct Requantize {
    pub(crate) tensors: Map<u8, u8>,
    pub(crate) zero: i32,
    pub(crate) scale: f32,
    pub(crate) target: ByteTarget,
}

/// From floats to bytes.
pub(crate) struct Quantize {
    pub(crate) tensors: Map<f32, u8>,
    pub(crate) scale: f32,
    pub(crate) target: ByteTarget,
}

/// From bytes to floats.
pub(crate) struct Dequantize {
    pub(crate) tensors: Map<u8, f32>,
    pub(crate) zero: i32,
    pub(crate) scale: f32,
}

/// The code of an operation: one of the structs above.
///
/// # Safety
///
/// The CPU has the backend's features; pointers are valid for `len` elements; the output overlaps no operand.
pub(crate) type Code<T> = unsafe fn(&T);

/// `len` bytes to `len` bytes.
pub(crate) struct Lookup<'a> {
    pub(crate) table: &'a [u8; 256],
    pub(crate) input: *const u8,
    pub(crate) out: *mut u8,
    pub(crate) len: usize,
}

/// Looks bytes up.
///
/// # Safety
///
/// The CPU has the kernel's features; pointers are valid for `len` bytes; the output does not overlap the input.
pub(crate) type LookupFn = unsafe fn(&Lookup<'_>);

/// A way to look bytes up. A backend has a list of them, best first, of which the last needs no more than the backend's
/// features.
#[derive(Debug)]
pub(crate) struct LookupKernel {
    /// Whether the CPU has the features that this way needs beyond the backend's features.
    pub(crate) detect: fn() -> bool,
    pub(crate) code: LookupFn,
    /// Whether it takes less time than rescaling does.
    pub(crate) beats_rescaling: bool,
}

#[cfg(any(target_arch = "x86_64", all(target_arch = "aarch64", target_endian = "little")))]
impl LookupKernel {
    /// A way that needs the backend's features only.
    pub(crate) const fn of_backend(code: LookupFn, beats_rescaling: bool) -> LookupKernel {
        LookupKernel { detect: || true, code, beats_rescaling }
    }
}

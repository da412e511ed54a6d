//! Arithmetic on numbers of any type.

use crate::Element;

/// A number: floats round, integers wrap.
pub(crate) trait Number: Element + PartialOrd {
    /// Whether a division by zero is undefined.
    const IS_INTEGER: bool;
    /// A count as a number of this type, of which large ones wrap or are rounded.
    fn of_count(count: usize) -> Self;
    fn add(self, other: Self) -> Self;
    fn sub(self, other: Self) -> Self;
    fn mul(self, other: Self) -> Self;
    /// Integers are not divided by zero: see [`Operation::is_defined`](super::binary::Operation::is_defined).
    fn div(self, other: Self) -> Self;
    /// The remainder of the division rounded towards zero, with the sign of `self`. Integers are not divided by zero.
    fn rem(self, other: Self) -> Self;
    fn pow(self, other: Self) -> Self;
    /// The number of steps of `delta` from `start` until `limit` is reached or passed; `None` if it never is.
    fn steps(start: Self, limit: Self, delta: Self) -> Option<usize>;
    /// The smaller one; NaN if one is NaN.
    fn min(self, other: Self) -> Self;
    /// The greater one; NaN if one is NaN.
    fn max(self, other: Self) -> Self;
}

macro_rules! float {
    ($type:ty) => {
        impl Number for $type {
            const IS_INTEGER: bool = false;

            fn of_count(count: usize) -> Self {
                count as $type
            }

            fn add(self, other: Self) -> Self {
                self + other
            }

            fn sub(self, other: Self) -> Self {
                self - other
            }

            fn mul(self, other: Self) -> Self {
                self * other
            }

            fn div(self, other: Self) -> Self {
                self / other
            }

            fn rem(self, other: Self) -> Self {
                self % other
            }

            fn pow(self, other: Self) -> Self {
                self.powf(other)
            }

            fn steps(start: Self, limit: Self, delta: Self) -> Option<usize> {
                let steps = (f64::from(limit - start) / f64::from(delta)).ceil();
                steps.is_finite().then(|| steps.max(0.0) as usize)
            }

            fn min(self, other: Self) -> Self {
                if self.is_nan() || self < other { self } else { other }
            }

            fn max(self, other: Self) -> Self {
                if self.is_nan() || self > other { self } else { other }
            }
        }
    };
}

/// Integers wrap; division rounds towards zero.
macro_rules! integer {
    ($type:ty) => {
        impl Number for $type {
            const IS_INTEGER: bool = true;

            fn of_count(count: usize) -> Self {
                count as $type
            }

            fn add(self, other: Self) -> Self {
                self.wrapping_add(other)
            }

            fn sub(self, other: Self) -> Self {
                self.wrapping_sub(other)
            }

            fn mul(self, other: Self) -> Self {
                self.wrapping_mul(other)
            }

            fn div(self, other: Self) -> Self {
                self.wrapping_div(other)
            }

            fn rem(self, other: Self) -> Self {
                self.wrapping_rem(other)
            }

            fn pow(self, other: Self) -> Self {
                (self as f64).powf(other as f64) as $type
            }

            fn steps(start: Self, limit: Self, delta: Self) -> Option<usize> {
                let (distance, delta) = (limit as i128 - start as i128, delta as i128);
                let whole = distance.checked_div(delta)?;
                let rest = distance % delta != 0 && (distance < 0) == (delta < 0);
                usize::try_from((whole + i128::from(rest)).max(0)).ok()
            }

            fn min(self, other: Self) -> Self {
                Ord::min(self, other)
            }

            fn max(self, other: Self) -> Self {
                Ord::max(self, other)
            }
        }
    };
}

float!(f32);
float!(f64);
integer!(u8);
integer!(i8);
integer!(u16);
integer!(i16);
integer!(u32);
integer!(i32);
integer!(u64);
integer!(i64);

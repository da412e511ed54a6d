//! The order of numbers for sorting.

use std::cmp::Ordering;

/// Orders numbers; NaN is greater than all others, and all NaN are equal.
pub(crate) fn compare<T: PartialOrd>(a: &T, b: &T) -> Ordering {
    let is_nan = |x: &T| x.partial_cmp(x).is_none();
    a.partial_cmp(b).unwrap_or_else(|| is_nan(a).cmp(&is_nan(b)))
}

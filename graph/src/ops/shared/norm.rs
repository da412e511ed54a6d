//! Norms of sets of numbers.

use crate::{Error, Node};

/// The attribute `p`, the order of a norm: 1 or more.
pub(crate) fn power(node: &Node) -> Result<i32, Error> {
    let power = node.int("p", 2)?;
    let power = i32::try_from(power).ok().filter(|&power| power > 0);
    power.ok_or_else(|| Error::attribute(node, "p", "is not the order of a norm"))
}

/// `(Σ |x|ᵖ)^(1/p)`.
pub(crate) fn of(x: impl Iterator<Item = f64>, power: i32) -> f64 {
    match power {
        1 => x.map(f64::abs).sum(),
        2 => x.map(|x| x * x).sum::<f64>().sqrt(),
        _ => x.map(|x| x.abs().powi(power)).sum::<f64>().powf(1.0 / f64::from(power)),
    }
}

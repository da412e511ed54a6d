//! `GlobalLpPool`.

use super::operator::Operator;
use super::shared::{norm, pool};

pub(crate) static OP: Operator =
    pool::global_operator("GlobalLpPool", "(Σ |x|ᵖ)^(1/p) of each channel", |args| {
        let power = norm::power(args.node())?;
        pool::global(args, |plane| norm::of(plane.iter().map(|&x| x.into()), power) as f32)
    });

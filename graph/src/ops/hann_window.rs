//! `HannWindow`.

use super::operator::Operator;
use super::shared::window_function;

pub(crate) static OP: Operator =
    window_function::operator("HannWindow", "the Hann window of a length", |args| {
        window_function::samples(args, [0.5, -0.5, 0.0])
    });

//! `HammingWindow`.

use super::operator::Operator;
use super::shared::window_function;

pub(crate) static OP: Operator =
    window_function::operator("HammingWindow", "the Hamming window of a length", |args| {
        window_function::samples(args, [25.0 / 46.0, -21.0 / 46.0, 0.0])
    });

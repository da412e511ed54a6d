//! `BlackmanWindow`.

use super::operator::Operator;
use super::shared::window_function;

pub(crate) static OP: Operator =
    window_function::operator("BlackmanWindow", "the Blackman window of a length", |args| {
        window_function::samples(args, [0.42, -0.5, 0.08])
    });

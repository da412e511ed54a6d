//! `QLinearLeakyRelu`.

use super::operator::Operator;
use super::shared::qlinear_unary;

pub(crate) static OP: Operator =
    qlinear_unary::operator("QLinearLeakyRelu", "LeakyRelu on bytes", |node, constants| {
        qlinear_unary::expand(node, constants, "LeakyRelu", &["alpha"])
    });

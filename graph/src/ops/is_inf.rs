//! `IsInf`.

use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::float_test;
use crate::{Error, Tensor};

pub(crate) static OP: Operator = Operator {
    since: 10,
    ..float_test::operator("IsInf", "whether it is infinite, of the signs that the attributes name", evaluate)
};

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    let positive = args.node().flag("detect_positive", true)?;
    let negative = args.node().flag("detect_negative", true)?;
    float_test::test(args, |x| x.is_infinite() && if x > 0.0 { positive } else { negative })
}

//! Weights of few bits.

use eightbit::{Element, ElementType, Per, Precision};
use proptest::prelude::*;

/// Precisions: eight bits in half of the cases.
pub fn precision() -> impl Strategy<Value = Precision> {
    prop_oneof![
        4 => Just(Precision::EIGHT),
        1 => Just(Precision::Ternary),
        3 => prop_oneof![2 => Just(4u8), 1 => Just(2u8), 1 => 2u8..8].prop_map(Precision::Bits),
    ]
}

/// Makes weights numbers of a precision; the least and the greatest ones stay that.
pub fn narrow<W: Element>(precision: Precision, mut weights: Vec<W>) -> Vec<W> {
    weights
        .iter_mut()
        .for_each(|weight| *weight = W::from_low_bits(number(precision, W::TYPE, (*weight).into())));
    weights
}

/// The same of zero points.
pub fn narrow_zeros(precision: Precision, element: ElementType, zeros: Per<i32>) -> Per<i32> {
    match zeros {
        Per::Tensor(zero) => Per::Tensor(number(precision, element, zero)),
        Per::Channel(zeros) => {
            Per::Channel(zeros.into_iter().map(|zero| number(precision, element, zero)).collect())
        }
        other => panic!("zero points {other:?} have no test"),
    }
}

/// The number of a precision for a number of eight bits.
pub fn number(precision: Precision, element: ElementType, x: i32) -> i32 {
    let (least, _) = element.integer_range();
    let (low, high) = precision.range(element).expect("a precision");
    low + (x - least) % (high - low + 1)
}

//! A node and the values of its inputs, as the functions of operators see them.

use std::rc::Rc;

use super::value::{Value, element_count};
use super::{Data, NoValue};
use crate::node;
use crate::proto::{NodeDef, Value as Attribute};

/// The most elements of a result: 8 million, more than the largest constant that is folded has by default.
const MAX_ELEMENTS: usize = 1 << 23;

/// See the module.
pub(crate) struct Arguments<'a> {
    pub(crate) node: &'a NodeDef,
    pub(crate) inputs: &'a [Rc<Value>],
}

impl<'a> Arguments<'a> {
    pub(crate) fn input(&self, index: usize) -> Result<&'a Value, NoValue> {
        self.inputs.get(index).map(Rc::as_ref).ok_or(NoValue::Unsupported)
    }

    /// An input of integers.
    pub(crate) fn integers(&self, index: usize) -> Result<Vec<i64>, NoValue> {
        self.input(index)?.integers().ok_or(NoValue::Unsupported)
    }

    /// An input that is one integer.
    pub(crate) fn integer(&self, index: usize) -> Result<i64, NoValue> {
        match self.integers(index)?.as_slice() {
            &[integer] => Ok(integer),
            _ => Err(NoValue::Unsupported),
        }
    }

    pub(crate) fn integer_attribute(&self, name: &str, default: i64) -> i64 {
        match node::value(self.node, name) {
            Some(&Attribute::I(integer)) => integer,
            _ => default,
        }
    }

    pub(crate) fn flag(&self, name: &str) -> bool {
        node::value(self.node, name) == Some(&Attribute::B(true))
    }

    pub(crate) fn type_attribute(&self, name: &str) -> Option<i32> {
        node::type_of(self.node, name)
    }
}

/// A dimension, which counts from the end if it is negative.
pub(crate) fn axis(axis: i64, rank: usize) -> Result<usize, NoValue> {
    let rank = i64::try_from(rank).unwrap_or(i64::MAX);
    let positive = if axis < 0 { axis.saturating_add(rank) } else { axis };
    usize::try_from(positive).ok().filter(|_| positive < rank).ok_or(NoValue::Unsupported)
}

/// One value of a shape, if it is not too large.
pub(crate) fn one(shape: Vec<usize>, data: impl Into<Data>) -> Result<Vec<Value>, NoValue> {
    Value::new(shape, data).map(|value| vec![value]).ok_or(NoValue::Unsupported)
}

/// The number of elements of a result, if it is not too large to be computed.
pub(crate) fn bounded(shape: &[usize]) -> Result<usize, NoValue> {
    element_count(shape).filter(|&count| count <= MAX_ELEMENTS).ok_or(NoValue::Unsupported)
}

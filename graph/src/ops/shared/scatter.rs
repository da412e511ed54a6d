//! Shared by operators that write elements into a copy of a tensor.

use super::arguments::Arguments;
use super::by_element::{by_element, by_number};
use super::number::Number;
use crate::{Element, Error, Tensor, quoted};

/// The runs of elements that the updates, input 2, replace in the first input.
pub(crate) struct Runs<'a> {
    pub(crate) args: &'a Arguments<'a>,
    /// The first element of each run; they may overlap, and are written in order.
    pub(crate) offsets: Vec<usize>,
    /// The elements of a run.
    pub(crate) length: usize,
}

impl Runs<'_> {
    /// The first input with the updates, which the attribute `reduction` combines with the elements in their places.
    pub(crate) fn write(&self) -> Result<Vec<Tensor>, Error> {
        fn replaced<T: Element>(runs: &Runs<'_>, x: &[T]) -> Result<Vec<Tensor>, Error> {
            runs.combined(x, |_, new| new)
        }
        fn reduced<T: Number>(runs: &Runs<'_>, x: &[T]) -> Result<Vec<Tensor>, Error> {
            match runs.args.node().string("reduction", "none")? {
                "add" => runs.combined(x, T::add),
                "mul" => runs.combined(x, T::mul),
                "max" => runs.combined(x, T::max),
                "min" => runs.combined(x, T::min),
                other => {
                    let reason = format!("{} is not none, add, mul, max or min", quoted(other));
                    Err(Error::attribute(runs.args.node(), "reduction", reason))
                }
            }
        }
        let x = self.args.tensor(0)?;
        match self.args.node().string("reduction", "none")? {
            "none" => by_element!(self, x, replaced),
            _ => by_number!(self, x, reduced),
        }
    }

    fn combined<T: Element>(&self, x: &[T], combine: impl Fn(T, T) -> T) -> Result<Vec<Tensor>, Error> {
        let (mut y, updates) = (x.to_vec(), self.args.values::<T>(2)?);
        if self.offsets.len().checked_mul(self.length) != Some(updates.len()) {
            let shape = self.args.tensor(2)?.shape();
            return Err(self.args.error(format!("updates of shape {shape:?} do not fit the indices")));
        }
        for (&first, updates) in self.offsets.iter().zip(updates.chunks_exact(self.length.max(1))) {
            for (y, &update) in y[first..].iter_mut().zip(updates) {
                *y = combine(*y, update);
            }
        }
        Ok(vec![Tensor::new(self.args.tensor(0)?.shape(), T::wrap(y))?])
    }

    /// An error that the elements of the first input have a type that cannot be combined.
    fn wrong_type(&self, data_type: crate::DataType) -> Error {
        self.args.wrong_type(data_type)
    }
}

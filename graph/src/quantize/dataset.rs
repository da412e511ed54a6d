//! Examples of a network's inputs that can be read again.

use std::marker::PhantomData;

use crate::{Error, Tensor};

/// Examples of a network's inputs: those that it is calibrated with, and on which its eight-bit form is judged.
///
/// Each is read whenever it is needed, several times, so that a set of any size takes the memory of a few: a dataset that decodes photos
/// needs to keep none of them. Examples in memory are a dataset, too, as a slice or a vector; [`FromFn`] makes one of a function.
///
/// ```
/// use eightbit_graph::quantize::Dataset;
/// use eightbit_graph::{Error, Tensor};
///
/// /// Tones of rising frequency.
/// struct Tones;
///
/// impl Dataset for Tones {
///     type Error = Error;
///
///     fn len(&self) -> usize {
///         100
///     }
///
///     fn example(&self, index: usize) -> Result<Vec<Tensor>, Error> {
///         let samples: Vec<f32> = (0..400).map(|at| (at as f32 * index as f32 * 0.001).sin()).collect();
///         Ok(vec![Tensor::new([1, 400], samples)?])
///     }
/// }
///
/// assert_eq!(Tones.example(7)?[0].shape(), [1, 400]);
/// # Ok::<(), Error>(())
/// ```
pub trait Dataset {
    /// Why an example cannot be read. Errors of the quantization are converted to it.
    type Error: From<Error>;

    /// The number of examples.
    fn len(&self) -> usize;

    /// Whether there is no example.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Example number `index`, less than [`len`](Self::len): a tensor for every input of the network, in the network's order.
    ///
    /// # Errors
    ///
    /// An example that cannot be read.
    fn example(&self, index: usize) -> Result<Vec<Tensor>, Self::Error>;
}

impl Dataset for [Vec<Tensor>] {
    type Error = Error;

    fn len(&self) -> usize {
        self.len()
    }

    fn example(&self, index: usize) -> Result<Vec<Tensor>, Error> {
        let missing = || Error::argument("example", format!("there is no example {index}"));
        self.get(index).cloned().ok_or_else(missing)
    }
}

impl<const N: usize> Dataset for [Vec<Tensor>; N] {
    type Error = Error;

    fn len(&self) -> usize {
        N
    }

    fn example(&self, index: usize) -> Result<Vec<Tensor>, Error> {
        self[..].example(index)
    }
}

impl Dataset for Vec<Vec<Tensor>> {
    type Error = Error;

    fn len(&self) -> usize {
        self.len()
    }

    fn example(&self, index: usize) -> Result<Vec<Tensor>, Error> {
        self[..].example(index)
    }
}

/// Examples that a function computes or reads.
///
/// ```
/// use eightbit_graph::quantize::{Dataset, FromFn};
/// use eightbit_graph::{Error, Tensor};
///
/// let ramps = FromFn::new(16, |index| Ok::<_, Error>(vec![Tensor::vector(vec![index as f32; 4])]));
/// assert_eq!(ramps.example(3)?[0].as_f32()?, [3.0; 4]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct FromFn<F, E> {
    len: usize,
    read: F,
    error: PhantomData<fn() -> E>,
}

impl<F: Fn(usize) -> Result<Vec<Tensor>, E>, E: From<Error>> FromFn<F, E> {
    /// `len` examples; `read` returns the one of a number less than that.
    pub fn new(len: usize, read: F) -> Self {
        Self { len, read, error: PhantomData }
    }
}

impl<F: Fn(usize) -> Result<Vec<Tensor>, E>, E: From<Error>> Dataset for FromFn<F, E> {
    type Error = E;

    fn len(&self) -> usize {
        self.len
    }

    fn example(&self, index: usize) -> Result<Vec<Tensor>, E> {
        (self.read)(index)
    }
}

//! What `eightbit train` reads and writes beside networks.

mod csv;
mod data;
mod json;
mod plot;

pub(crate) use csv::csv;
pub(crate) use data::{Source, read};
pub(crate) use json::json;
pub(crate) use plot::svg;

use eightbit_train::Epoch;

/// What a training gave.
pub(crate) struct Trained<'a> {
    pub(crate) name: String,
    pub(crate) weights: usize,
    pub(crate) images: [usize; 2],
    pub(crate) curve: &'a [Epoch],
    /// CPU seconds of this process, where the system tells them.
    pub(crate) seconds: Option<f64>,
    pub(crate) executed: Option<Executed>,
}

/// What the written graph gave on the test images.
pub(crate) struct Executed {
    /// Right answers.
    pub(crate) right: usize,
    /// Answers that are those of the training.
    pub(crate) same: usize,
    /// Images all of whose scores have the bits of the training.
    pub(crate) equal: usize,
    /// Products, and those whose sums are exact.
    pub(crate) products: [usize; 2],
    /// Of the file.
    pub(crate) bytes: usize,
}

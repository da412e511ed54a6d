//! How many answers of a classifier may change.

use crate::Error;

/// The most accuracy that a network may lose: nodes go back to float until it loses no more.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AccuracyDrop {
    /// In percentage points.
    pub most: f64,
    /// The class of each example of the dataset. Without them, an answer is right if it is the float network's.
    pub classes: Option<Vec<usize>>,
}

impl AccuracyDrop {
    /// An error unless the limit is a number of percentage points, and the classes are as many as the examples.
    pub(super) fn validate(&self, examples: usize) -> Result<(), Error> {
        if !(self.most >= 0.0 && self.most <= 100.0) {
            return Err(Error::argument("accuracy drop", format!("{} is not between 0 and 100", self.most)));
        }
        match &self.classes {
            Some(classes) if classes.len() != examples => Err(Error::argument(
                "accuracy drop",
                format!("{} classes are given for {examples} examples", classes.len()),
            )),
            _ => Ok(()),
        }
    }
}

/// A node that went back to float for the sake of accuracy.
#[derive(Clone, Debug, PartialEq)]
pub struct FloatAgain {
    /// The node.
    pub node: String,
    /// By how much the noise in the answers, as a part of the signal, was less with this node alone in float.
    pub gain: f64,
    /// By how much a run was longer, in milliseconds.
    pub milliseconds: f64,
    /// The accuracy lost after it went back, in percentage points.
    pub drop: f64,
}

//! Errors. Each says what is wrong; the caller knows which file or network it is about.

use eightbit_graph::{DataType, Error};

/// Why a file is not taken as a photo.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PhotoError {
    /// The file could not be read: the error names it.
    #[error(transparent)]
    File(#[from] Error),
    /// It is not a photo, or too damaged to show any of it.
    #[error("not a PNG or JPEG photo, or a damaged one: {0}")]
    Damaged(String),
    /// A part of it is missing or damaged; [`PhotoOptions::lenient`](crate::PhotoOptions::lenient) accepts the rest.
    #[error("not a whole photo: {0}: the option lenient accepts the rest")]
    Incomplete(String),
    /// Decoding it would take more memory than is allowed.
    #[error("the photo is too large: {0}")]
    Large(String),
}

/// Why an input of a network takes no photo.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InputError {
    /// It takes another type than `f32`.
    #[error("it takes {0}, not f32")]
    NotFloat(DataType),
    /// It has not four dimensions.
    #[error("it has another rank than 4")]
    Rank,
    /// No dimension has 3 channels, or 1, and the options name no layout.
    #[error("it does not have 3 channels, unless the option layout says where")]
    NoChannels,
    /// The dimension of the channels is neither 3 nor 1.
    #[error("it does not have 3 channels in this order")]
    OtherChannels,
    /// It takes several photos at once.
    #[error("it takes several photos at once")]
    Batch,
    /// It has a height or width of 0.
    #[error("it has no pixels")]
    NoPixels,
    /// It has a single channel, and the options give one number for each of three.
    #[error("it has one channel: give one number as mean and std")]
    OneChannel,
    /// It has a fixed height that is not the requested one.
    #[error("its height is fixed: {0} does not fit")]
    Height(usize),
    /// It has a fixed width that is not the requested one.
    #[error("its width is fixed: {0} does not fit")]
    Width(usize),
}

/// Why scores give no answer.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ScoreError {
    /// There are none.
    #[error("the network's output is empty: there is no class to select")]
    Empty,
    /// One is infinite or not a number.
    #[error("the network's output for class {class} is {value}: it is not finite, so there is no answer")]
    NotFinite {
        /// The class.
        class: usize,
        /// Its score.
        value: f32,
    },
}

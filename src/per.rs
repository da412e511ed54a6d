//! Parameters per tensor or per channel.

use crate::Error;
use alloc::vec::Vec;

/// One value for the whole tensor, or one for each output channel.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Per<T> {
    /// One value.
    Tensor(T),
    /// One value for each output channel, in their order.
    Channel(Vec<T>),
}

impl<T: Copy> Per<T> {
    /// The value of channel `n`.
    ///
    /// # Panics
    ///
    /// If there are fewer channels; [`expect_channels`](Self::expect_channels) checks this.
    pub(crate) fn of(&self, n: usize) -> T {
        match self {
            Per::Tensor(value) => *value,
            Per::Channel(values) => values[n],
        }
    }

    /// The values, each with its channel if they are per channel.
    pub(crate) fn values(&self) -> impl Iterator<Item = (Option<usize>, T)> {
        let (one, many) = match self {
            Per::Tensor(value) => (Some((None, *value)), [].as_slice()),
            Per::Channel(values) => (None, values.as_slice()),
        };
        one.into_iter().chain(many.iter().enumerate().map(|(index, &value)| (Some(index), value)))
    }

    /// Checks that there is one value for the tensor or one per channel.
    pub(crate) fn expect_channels(&self, what: &'static str, channels: usize) -> Result<(), Error> {
        match self {
            Per::Channel(values) if values.len() != channels => {
                Err(Error::Mismatch { what, expected: channels, found: values.len() })
            }
            _ => Ok(()),
        }
    }
}

impl<T> From<T> for Per<T> {
    fn from(value: T) -> Per<T> {
        Per::Tensor(value)
    }
}

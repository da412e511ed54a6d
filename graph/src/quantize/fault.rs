//! Errors of the search for accuracy, before they are the caller's.

use crate::Error;

/// Why something could not be tried.
#[derive(Debug)]
pub(super) enum Fault<E> {
    /// An example could not be read.
    Example(E),
    /// Something else, which is converted to the caller's errors at the end: until then it can be told whether memory is short.
    Graph(Error),
}

impl<E> From<Error> for Fault<E> {
    fn from(error: Error) -> Self {
        Self::Graph(error)
    }
}

impl<E: From<Error>> Fault<E> {
    /// The caller's error.
    pub(super) fn into_error(self) -> E {
        match self {
            Self::Example(error) => error,
            Self::Graph(error) => error.into(),
        }
    }
}

impl<E> Fault<E> {
    /// The reason if it is that memory is short; the same fault if not.
    pub(super) fn over_limit(self) -> Result<String, Self> {
        match self {
            Self::Graph(error @ Error::OverLimit { .. }) => Ok(error.to_string()),
            other => Err(other),
        }
    }
}

//! Why the moments of a value are not known.

use crate::Error;

/// Why a rule gave nothing, for users.
#[derive(Clone, Debug)]
pub(super) struct Reason(pub(super) String);

impl Reason {
    pub(super) fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}

/// Nodes that are wrong are reported by what runs them.
impl From<Error> for Reason {
    fn from(error: Error) -> Self {
        Self(error.to_string())
    }
}

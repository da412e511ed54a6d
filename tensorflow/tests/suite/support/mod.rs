//! What the tests share.

pub(crate) mod nodes;
pub(crate) mod transform_cases;

//! What the tests share.

pub(crate) mod transform_cases;

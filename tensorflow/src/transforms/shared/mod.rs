//! What transforms share.

pub(crate) mod batch_norm;
pub(crate) mod fusion;
pub(crate) mod graph;
pub(crate) mod hash;
pub(crate) mod order;
pub(crate) mod pattern;
pub(crate) mod ranges;
pub(crate) mod rename;
pub(crate) mod replace;
pub(crate) mod turns;

//! What makes an eight-bit graph more accurate, mostly without making it slower.

pub(super) mod bias;
mod changed;
mod classes;
pub(super) mod copies;
mod covariance;
pub(super) mod equalize;
pub(super) mod finer_inputs;
mod lattice;
mod patches;
pub(super) mod rounded;
pub(super) mod rounding;
pub(super) mod shift;
pub(super) mod silent;
#[cfg(test)]
mod tests;

//! Benchmarks: weights packed and plans made beforehand, rates as a fraction of this machine's peak.
//!
//! A [`case::Case`] holds everything that one measurement needs; [`gemm`], [`conv`], [`signs`] and [`model`] make them.

mod aligned;
pub(crate) mod asked;
pub(crate) mod case;
pub(crate) mod check;
pub(crate) mod clock;
pub(crate) mod conv;
pub(crate) mod gemm;
pub(crate) mod model;
pub(crate) mod peak;
pub(crate) mod random;
pub(crate) mod rates;
pub(crate) mod setup;
pub(crate) mod shapes;
pub(crate) mod signs;
pub(crate) mod timing;
pub(crate) mod types;

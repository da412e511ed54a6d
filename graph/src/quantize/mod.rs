//! Quantizes a float graph to an eight-bit one.
//!
//! [`quantize`] runs all of it. Its parts can be used alone: [`Roles`] decides which nodes become eight-bit, a
//! [`Calibrator`] observes the values of their activations, a [`Plan`] combines both, and the passes
//! [`quantize_weights`](crate::passes::quantize_weights) and [`quantize_nodes`](crate::passes::quantize_nodes) carry
//! it out.

mod accuracy;
mod affine;
mod aid;
mod aids;
mod calibrate;
mod channels;
mod cut;
pub mod data_free;
mod dataset;
mod effort;
mod entropy;
mod fault;
mod few_levels;
mod flat;
mod form;
mod granularity;
mod histogram;
mod layer;
mod measure;
mod mse;
mod observations;
mod output_ranges;
mod pipeline;
mod plan;
mod report;
mod roles;
mod runner;
mod support;
mod timing;
mod tune;
mod warnings;
mod weight_precision;
mod weights;
mod without_examples;
mod worth;

pub use accuracy::{AccuracyDrop, FloatAgain};
pub use affine::{Affine, MAX_SCALE, MIN_SCALE, Range};
pub use aid::{Aid, Subject};
pub use calibrate::{Calibration, CalibrationMethod, Calibrator};
pub use channels::{ChannelAxis, ChannelStatistics};
pub use dataset::{Dataset, FromFn};
pub use effort::Effort;
pub use entropy::entropy_range;
use fault::Fault;
pub use form::Form;
pub use granularity::Granularity;
pub use histogram::{BINS, Histogram};
pub use measure::LayerError;
pub use mse::mse_range;
use observations::Observations;
pub use output_ranges::OutputRanges;
pub use pipeline::{Progress, QuantizeOptions, quantize, quantize_with};
pub(crate) use pipeline::{named, simplified};
pub use plan::{NodeChoice, Plan};
pub use report::{ActivationReport, AidReport, LayerPrecision, NodeReport, QuantizeReport, WeightReport};
pub use roles::{Role, Roles};
pub(crate) use support::bounds;
pub use warnings::Warning;
pub use weight_precision::WeightPrecision;
pub use weights::{QuantizedBias, QuantizedWeights, WeightRange, quantize_bias, quantize_per_channel};
pub(crate) use weights::{ScaleLimits, WeightForm, quantize_within};
pub use without_examples::quantize_without_examples;

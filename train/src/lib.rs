//! Trains networks whose weights and activations have one to eight bits, and writes them as ONNX.
//!
//! Data flow: [`Dataset`] and [`LayerSpec`]s → [`Network`] → [`Trainer`] → [`Network::export`] → a graph that `eightbit-graph` runs in
//! integers.
//!
//! ```
//! use std::ops::ControlFlow;
//! use eightbit_train::{Dataset, Format, LayerSpec, Network, TrainOptions, Trainer};
//! # // Bright images and dark ones.
//! # let labels: Vec<u32> = (0..400).map(|image| image % 2).collect();
//! # let pixels = labels.iter().flat_map(|&label| vec![label as f32 * 0.5 + 0.25; 16]).collect();
//! # let size = [4, 4, 1];
//! // Pixels of images of `size`, and a class for each image.
//! let images = Dataset::new(size, pixels, labels, 2)?;
//! let (train, test) = images.split(0.2, 1)?;
//! let layers = [
//!     LayerSpec::conv(8, 3, 1), LayerSpec::norm(), LayerSpec::Relu,
//!     LayerSpec::conv(8, 3, 2), LayerSpec::norm(), LayerSpec::Relu,
//!     LayerSpec::Flatten, LayerSpec::linear(2),
//! ];
//! let network = Network::new(size, images.is_signed(), &layers, "w2a2".parse()?, 1)?;
//! let mut trainer = Trainer::new(network, TrainOptions::default(), &train, &test)?;
//! while !trainer.is_finished() {
//!     trainer.epoch(|_| ControlFlow::Continue(()))?;
//! }
//! let exported = trainer.network().export(Format::Qonnx)?;
//! assert_eq!(exported.exact, exported.products);
//! // exported.graph.to_onnx_file("model.onnx")? writes it.
//! # assert!(trainer.curve().last().is_some_and(|epoch| epoch.test_accuracy > 0.9));
//! # Ok::<(), eightbit_train::Error>(())
//! ```
//!
//! # What is trained is what is executed
//!
//! The forward pass computes in floats that lie on grids: integers times a step ([`Quantizer`]). The file has the same grids, and the
//! executor of `eightbit-graph` multiplies the integers. Both give the same scores, **bit for bit**, if all sums of products are exact in
//! floats, which [`Exported::exact`] tells, layer by layer, from the trained weights:
//!
//! * Steps have short significands. If a product of two steps is an odd integer `o` times a power of two, its sums are exact where `o ·
//!   max|v| · Σ|u|` is at most 2²⁴, `u` being the integer weights of a channel and `v` the integer activations. So both steps together get
//!   as many digits as the largest possible sum leaves of 24. They are rounded to that in every forward pass, with the gradient of a
//!   straight line.
//! * Rounding is to even, after clamping; a sign is 1 for what is not negative; division, not multiplication by a reciprocal: as QONNX
//!   defines `Quant` and `BipolarQuant`.
//! * Normalizations are frozen to a factor and an addend for each channel, two roundings, which the file has as `Mul` and `Add`. Averages
//!   are added in the executor's order.
//!
//! Where a layer has no exact sums (eight bits on both sides and a depth of more than 518 may have none), the executor adds floats, in
//! another order: the last bits of its sums may differ, and with them, rarely, a rounded activation. Files in QDQ form have the same
//! meaning, but executors may fuse what they say with other roundings: their bits are not promised.
//!
//! # Gradients
//!
//! Rounding has none, so each rule says what is taken for it ([`Quantizer`]); [`straight_through`] is the usual way to write another one
//! with candle's tensors. [`Network::layers`] gives [`QConv2d`] and [`QLinear`], whose `forward` takes and gives candle tensors with a
//! gradient.
//!
//! Everything depends on the seed alone: the same one gives the same bits on the same machine.
#![forbid(unsafe_code)]

mod arch;
mod dataset;
mod error;
mod layers;
mod network;
mod onnx;
mod ops;
mod quantizer;
mod random;
mod trainer;

pub use arch::Architecture;
pub use dataset::Dataset;
pub use error::Error;
pub use layers::{BatchNorm, Layer, QConv2d, QLinear};
pub use network::{LayerSpec, Network};
pub use onnx::{Exported, Format, Imported, import};
pub use ops::{Window, straight_through};
pub use quantizer::{Precision, Quantizer};
pub use trainer::{Epoch, Stage, TrainOptions, Trainer, class_of};

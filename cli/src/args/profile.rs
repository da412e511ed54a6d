//! Arguments of `eightbit profile`.

use std::path::PathBuf;

use clap::Args;

use super::backend::BackendArgs;
use super::examples::ExampleArgs;
use super::photos::InputArgs;

/// Show where a network's time goes: each step with its kernel, its rate, and its part of this machine's peak.
#[derive(Args)]
#[command(after_help = "Examples:
  eightbit profile model.int8.onnx
  eightbit profile model.int8.onnx --images photo.jpg --in-order
  eightbit profile text.onnx --inputs ids=ids.npy mask=mask.npy
  eightbit profile detector.onnx --shape images=1,3,320,320 --threads 2
  eightbit profile model.onnx --compare model.int8.onnx
  eightbit profile model.onnx --quantized --json

Without photos or arrays the network runs on random numbers, which takes as long.
With --compare or --quantized, values that take longer in eight bits than as floats are named.")]
pub(crate) struct ProfileArgs {
    /// The network: an ONNX file or a frozen graph of TensorFlow, float or eight-bit.
    pub(crate) model: PathBuf,

    /// Another form of the network, for example its eight-bit one: the times of both, value by value.
    #[arg(long, value_name = "MODEL", conflicts_with = "quantized")]
    pub(crate) compare: Option<PathBuf>,

    /// Compare the float network with its eight-bit form, quantized in memory.
    #[arg(long)]
    pub(crate) quantized: bool,

    /// List steps in execution order. By default those that take longest come first.
    #[arg(long)]
    pub(crate) in_order: bool,

    /// How long to measure each network, in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..=60_000))]
    pub(crate) budget: u64,

    #[command(flatten)]
    pub(crate) backend: BackendArgs,

    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) examples: ExampleArgs,

    #[command(flatten)]
    pub(crate) input: InputArgs,
}

//! The network of a command, and how photos become its inputs.

use std::path::PathBuf;

use clap::Args;

use super::photos::InputArgs;
use super::ranges::RangeArgs;

/// The network, float or eight-bit, and how a float one is quantized in memory.
#[derive(Args)]
pub(crate) struct NetworkArgs {
    /// The network: an ONNX file or a frozen graph of TensorFlow, float or eight-bit. Default: EfficientNet-Lite0, built in.
    #[arg(long, value_name = "MODEL")]
    pub(crate) graph: Option<PathBuf>,

    /// Photos (files or folders) to calibrate a float network with. Default: seven photos, built in.
    #[arg(long, value_name = "PHOTOS|DIR", num_args = 1..)]
    pub(crate) calibrate: Vec<PathBuf>,

    #[command(flatten)]
    pub(crate) input: InputArgs,

    #[command(flatten)]
    pub(crate) range: RangeArgs,
}

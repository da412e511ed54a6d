//! Arguments of `eightbit inspect`.

use std::path::PathBuf;

use clap::Args;

use super::fixing::FixArgs;

/// Show what is in a network: inputs, outputs, nodes, costs, what would be eight-bit, how it would run, and what stops it.
#[derive(Args)]
#[command(after_help = "Examples:
  eightbit inspect model.onnx
  eightbit inspect model.onnx --shape input=1,3,320,320 --nodes
  eightbit inspect vad.onnx --fix sr=16000 --json
  eightbit inspect model.int8.onnx --plan

A network that cannot run is inspected, too: the list of what stops it is complete.
An open first dimension counts as 1; other open dimensions need --shape.")]
pub(crate) struct InspectArgs {
    /// The network: an ONNX file, float or eight-bit.
    pub(crate) model: PathBuf,

    /// List every node, with its kernel or the reason why it has none.
    #[arg(long)]
    pub(crate) nodes: bool,

    /// Show how the network would run: its steps and their kernels.
    #[arg(long, conflicts_with = "json")]
    pub(crate) plan: bool,

    #[command(flatten)]
    pub(crate) fix: FixArgs,

    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

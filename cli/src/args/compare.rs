//! Arguments of `eightbit compare`.

use std::path::PathBuf;

use clap::Args;

use super::examples::ExampleArgs;
use super::photos::InputArgs;

/// Compare two forms of one network, layer by layer: where the error is made, worst first.
#[derive(Args)]
#[command(after_help = "Examples:
  eightbit compare model.onnx model.int8.onnx --images photos/
  eightbit compare mobilenet_v1.pb mobilenet.int8.onnx --images photos/ --limit 8 --input-mean 127.5 --input-std 127.5
  eightbit compare model.onnx other-tool.qdq.onnx --inputs examples/*.npz --top 40
  eightbit compare model.pb model.onnx --random 4
  eightbit compare model.onnx model.int8.onnx --images photos/ --in-order --json

Values are matched by the names of what nodes write, and by the order of operators and shapes where names differ.
`before` is the worst signal-to-noise ratio among the values that a value is computed from: where it is much greater than that of the
value itself, the error is made.")]
pub(crate) struct CompareArgs {
    /// The network that counts as exact: an ONNX file or a frozen graph of TensorFlow.
    #[arg(value_name = "A")]
    pub(crate) a: PathBuf,

    /// The other form.
    #[arg(value_name = "B")]
    pub(crate) b: PathBuf,

    /// How many values to print.
    #[arg(long, value_name = "N", default_value_t = 16, conflicts_with = "in_order")]
    pub(crate) top: usize,

    /// Print every value in execution order.
    #[arg(long)]
    pub(crate) in_order: bool,

    /// Print JSON, with every value.
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) examples: ExampleArgs,

    #[command(flatten)]
    pub(crate) input: InputArgs,
}

//! Arguments of `eightbit run`.

use std::path::PathBuf;

use clap::Args;

use super::backend::BackendArgs;
use super::fixing::FixArgs;

/// Run a network on arrays: NumPy files in, NumPy files out.
#[derive(Args)]
#[command(after_help = "Examples:
  eightbit run model.onnx --input x=x.npy --output-dir out
  eightbit run model.onnx --input ids=ids.npy mask=mask.npy --output-dir out --json
  eightbit run model.int8.onnx --input photo.npy
  eightbit run model.onnx --input x=x.npy --output-dir out --reference
  eightbit run model.int8.onnx --input x=x.npy --output-dir out --backend portable
  eightbit run vad.onnx --fix sr=16000 --input input=speech.npy state=state.npy --output-dir out
  eightbit run graph.pb --input-layer Mul:0 --output-layer softmax:0 --input Mul=x.npy
  eightbit run model.onnx --output-layer relu1 relu2 --input x=x.npy --output-dir out

Dimensions that the network leaves open take the sizes of the arrays.
An output becomes NAME.npy; characters that do not belong in a file name are written as %XX, as in URLs.")]
pub(crate) struct RunArgs {
    /// The network: an ONNX file or a frozen graph of TensorFlow, float or eight-bit.
    pub(crate) model: PathBuf,

    /// An array for each input: the input's name, =, and a NumPy file. The name may be left out if there is one input.
    #[arg(short, long = "input", value_name = "NAME=FILE.npy", num_args = 1..)]
    pub(crate) inputs: Vec<String>,

    /// The folder for the outputs, created if needed. Without it the outputs are only summarized.
    #[arg(short, long, value_name = "DIR")]
    pub(crate) output_dir: Option<PathBuf>,

    /// Evaluate node by node with the plain interpreter, the reference of all tests.
    #[arg(long, conflicts_with = "backend")]
    pub(crate) reference: bool,

    /// Cut off what comes before these values, such as `Mul:0`: they become the inputs. Repeatable.
    #[arg(long = "input-layer", alias = "input_layer", value_name = "NAME", num_args = 1..)]
    pub(crate) input_layers: Vec<String>,

    /// The values to compute instead of the network's outputs: any of its inner values. Repeatable.
    #[arg(long = "output-layer", alias = "output_layer", value_name = "NAME", num_args = 1..)]
    pub(crate) output_layers: Vec<String>,

    #[command(flatten)]
    pub(crate) fix: FixArgs,

    #[command(flatten)]
    pub(crate) backend: BackendArgs,

    /// Run this many times, and report the milliseconds of the fastest.
    #[arg(long, value_name = "N", conflicts_with = "reference", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) repeat: Option<u16>,

    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

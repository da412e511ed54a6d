//! Arguments of `eightbit label-image`.

use std::path::PathBuf;

use clap::Args;

use super::network::NetworkArgs;

/// Label a photo with the float network and with the eight-bit one, side by side.
///
/// Without options, everything is built in: EfficientNet-Lite0, its labels, and the photo. The float network is
/// quantized in memory.
#[derive(Args)]
#[command(after_help = "Examples:
  eightbit label-image
  eightbit label-image --image cat.jpg --top 3
  eightbit label-image --image cat.jpg --graph mobilenet.onnx --labels labels.txt --input-mean 127.5 --input-std 127.5
  eightbit label-image --image cat.jpg --graph model.int8.onnx --json
  eightbit label-image --image cat.jpg --resize crop
  eightbit label-image --image=cat.jpg --graph=inception_v3.pb --labels=labels.txt --input_width=299 --input_height=299 \\
      --input_mean=128 --input_std=128 --input_layer=\"Mul:0\" --output_layer=\"softmax:0\"

Answers have the form `label (index): score`. If the network ends in logits, their softmax is the score.
Spellings with underscores (--input_mean) are accepted, too.")]
pub(crate) struct LabelImageArgs {
    /// The photo: PNG or JPEG, up to 178 megapixels in colour (512 MiB when decoded). Default: the built-in photo of Grace Hopper.
    #[arg(long, value_name = "PHOTO")]
    pub(crate) image: Option<PathBuf>,

    /// The names of the classes, one per line. Default: ImageNet's, if the network has 1000 classes, or 1001 with the
    /// background first.
    #[arg(long, value_name = "FILE")]
    pub(crate) labels: Option<PathBuf>,

    /// How many answers to print.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) top: u16,

    /// Check that the first answer is "military uniform", which the default photo shows, and fail if it is not.
    #[arg(long, alias = "self_test")]
    pub(crate) self_test: bool,

    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) network: NetworkArgs,
}

//! Arguments of `eightbit precision`.

use std::path::PathBuf;

use clap::Args;

use super::bits::{Bits, FixedPoints};
use super::photos::InputArgs;
use super::quantize::points;
use super::ranges::RuleArgs;

/// How few bits will do: the accuracy of a float network whose inputs, weights or activations have fewer and fewer bits.
#[derive(Args)]
#[command(after_help = "Examples:
  eightbit precision model.onnx --images photos/ --labels labels.tsv --calibrate other-photos/
  eightbit precision model.onnx --images photos/ --weights 2..8 --activations 4,6,8 --svg bits.svg
  eightbit precision model.onnx --images photos/ --all 2..8 --per-layer=16 --report bits.html --csv bits.csv
  eightbit precision jets.onnx --examples jets/*.npz --fixed-point 8..16,6 --fixed-point 16,6,AP_RND_CONV,AP_SAT
  eightbit precision mobilenet_v1.pb --images photos/ --labels labels.tsv --label-offset 1 --input-mean 127.5 --input-std 127.5

A list of bits is numbers and ranges with both ends: 2..8 or 4,6,8 or 1..4,8. Without one, inputs, weights and activations are reduced
to 2 to 8 bits, each alone. Weights are symmetric with a scale for each channel, activations have one scale for the range that
calibration showed; at 1 bit, weights and balanced activations are signs. The rest of the network computes in floats.

A fixed point is that of ap_fixed<W,I,rounding,overflow>: W bits, I of them before the point with the sign; I may be negative or more than
W. Roundings: AP_TRN (the default), AP_TRN_ZERO, AP_RND, AP_RND_ZERO, AP_RND_INF, AP_RND_MIN_INF, AP_RND_CONV. Overflows: AP_WRAP (the
default), AP_WRAP_SM, AP_SAT, AP_SAT_ZERO, AP_SAT_SYM. Sums are floats: the width of an accumulator is not part of it.

The columns of --csv: reduced,layer,bits,format,examples,top1,same_answer,score_error,sqnr_db,weight_bytes")]
pub(crate) struct PrecisionArgs {
    /// The float network: an ONNX file or a frozen graph of TensorFlow.
    pub(crate) model: PathBuf,

    /// The bits of the network's inputs, everything else in floats.
    #[arg(long, value_name = "BITS")]
    pub(crate) inputs: Option<Bits>,

    /// The bits of the weights of all layers.
    #[arg(long, value_name = "BITS")]
    pub(crate) weights: Option<Bits>,

    /// The bits of the activations, the inputs not among them.
    #[arg(long, value_name = "BITS")]
    pub(crate) activations: Option<Bits>,

    /// The bits of inputs, weights and activations together.
    #[arg(long, value_name = "BITS")]
    pub(crate) all: Option<Bits>,

    /// A fixed point for inputs, weights, biases and activations together. Repeatable.
    #[arg(long, value_name = "W,I[,ROUNDING[,OVERFLOW]]", allow_hyphen_values = true)]
    pub(crate) fixed_point: Vec<FixedPoints>,

    /// Also reduce the weights and the activations of each layer alone, and run that on the first N examples, 16 without a number.
    #[arg(long, value_name = "N", num_args = 0..=1, require_equals = true, default_missing_value = "16",
          value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) per_layer: Option<u32>,

    /// The photos that are answered: files or folders; with --labels, the folder of the photos.
    #[arg(long, value_name = "PHOTOS|DIR", num_args = 1.., required_unless_present = "examples", conflicts_with = "examples")]
    pub(crate) images: Vec<PathBuf>,

    /// Examples that are no photos: NumPy files or folders of them. An `.npz` file has an array for each input; `.npy` files are for the
    /// only input, or for the one that `NAME=` before the file or folder names.
    #[arg(long, value_name = "FILE|DIR|NAME=DIR", num_args = 1..)]
    pub(crate) examples: Vec<PathBuf>,

    /// The class of each photo: on each line a file name, a tab or a comma, and the class, counted from 0. Without it, an answer is right if
    /// it is the float network's.
    #[arg(long, value_name = "TSV", requires = "images")]
    pub(crate) labels: Option<PathBuf>,

    /// Added to each class of --labels: 1 for networks with a background class before the others.
    #[arg(long, value_name = "N", default_value_t = 0, requires = "labels")]
    pub(crate) label_offset: usize,

    /// The first N examples only.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) limit: Option<u32>,

    /// What to calibrate with, as --images or --examples. Default: these.
    #[arg(long, value_name = "FILE|DIR|NAME=DIR", num_args = 1..)]
    pub(crate) calibrate: Vec<PathBuf>,

    /// The accuracy that may be lost, in percentage points, for the fewest bits that will do.
    #[arg(long, value_name = "POINTS", default_value_t = 1.0, value_parser = points)]
    pub(crate) accuracy_drop: f64,

    /// How many examples run at the same time. Default: as many as there are CPUs. The results do not depend on it.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) jobs: Option<u16>,

    /// Write every row as comma-separated values.
    #[arg(long, value_name = "FILE.csv")]
    pub(crate) csv: Option<PathBuf>,

    /// Write the plot.
    #[arg(long, value_name = "FILE.svg")]
    pub(crate) svg: Option<PathBuf>,

    /// Write a page with the plot and the tables.
    #[arg(long, value_name = "FILE.html")]
    pub(crate) report: Option<PathBuf>,

    /// Print JSON, with every row.
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) input: InputArgs,

    #[command(flatten)]
    pub(crate) range: PrecisionRangeArgs,
}

/// The ranges that the bits cover.
#[derive(Args)]
#[command(next_help_heading = "Which values the bits cover")]
pub(crate) struct PrecisionRangeArgs {
    #[command(flatten)]
    pub(crate) rule: RuleArgs,

    /// Give the weights of a layer one scale for all channels instead of one for each.
    #[arg(long, alias = "per_tensor")]
    pub(crate) per_tensor: bool,
}

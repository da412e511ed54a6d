//! Arguments of `eightbit evaluate`.

use std::path::PathBuf;

use clap::Args;

use super::network::NetworkArgs;

/// Count how often the float network and the eight-bit one are right, and how often they agree.
#[derive(Args)]
#[command(after_help = "Examples:
  eightbit evaluate --images photos/ --labels labels.tsv
  eightbit evaluate --images photos/ --labels labels.tsv --graph model.onnx --quantized model.int8.onnx
  eightbit evaluate --images photos/ --labels labels.tsv --limit 50 --json
  eightbit evaluate --images photos/ --labels labels.tsv --disagreements changed.html

The file of labels has one photo per line: its file name in the folder, a tab or a comma, and its class, counted from 0.
A header line, empty lines, lines that begin with # and further columns are skipped.")]
pub(crate) struct EvaluateArgs {
    /// The folder with the photos.
    #[arg(long, value_name = "DIR")]
    pub(crate) images: PathBuf,

    /// The class of each photo.
    #[arg(long, value_name = "TSV")]
    pub(crate) labels: PathBuf,

    /// The eight-bit network: an ONNX file. Default: the float one, quantized in memory.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["calibrate", "percentile", "min_max", "pair_safe_weights", "per_tensor"])]
    pub(crate) quantized: Option<PathBuf>,

    /// Evaluate the first N photos only.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) limit: Option<u32>,

    /// Added to each class of the file: 1 for networks with a background class before the others.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) label_offset: usize,

    /// Show the photos whose answer differs in eight bits: a page with small pictures, if the name ends in `.html`, else a folder with
    /// copies of the photos and a table.
    #[arg(long, value_name = "FILE.html|DIR")]
    pub(crate) disagreements: Option<PathBuf>,

    /// The names of the classes, for --disagreements, one per line. Default: ImageNet's, if the network has as many classes.
    #[arg(long, value_name = "FILE", requires = "disagreements")]
    pub(crate) names: Option<PathBuf>,

    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) network: NetworkArgs,
}

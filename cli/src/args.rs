//! Command-line arguments.

mod bench;
mod run;

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Parser, Subcommand};

use crate::photo::PhotoOptions;
pub(crate) use bench::{BenchArgs, BenchCommand, KernelArgs, MeasureArgs, ModelArgs};
pub(crate) use run::RunArgs;

/// Eight-bit neural networks: quantize them, run them, measure them, with the same bits on every CPU.
#[derive(Parser)]
#[command(name = "eightbit", version, arg_required_else_help = true, max_term_width = 110)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,

    /// Run networks on this many threads. The answers do not depend on it.
    #[arg(long, global = true, value_name = "N", default_value_t = 1,
          value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) threads: u16,
}

/// The commands.
#[derive(Subcommand)]
pub(crate) enum Command {
    LabelImage(LabelImageArgs),
    Quantize(QuantizeArgs),
    Evaluate(EvaluateArgs),
    Run(RunArgs),
    Cpu(CpuArgs),
    Bench(BenchArgs),
    Operators(OperatorsArgs),
}

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

Answers have the form `label (index): score`. If the network ends in logits, their softmax is the score.
Spellings with underscores (--input_mean) are accepted, too.")]
pub(crate) struct LabelImageArgs {
    /// The photo: PNG or JPEG, up to 178 megapixels in colour (512 MiB when decoded). Default: the built-in photo of Grace Hopper.
    #[arg(long, value_name = "PHOTO")]
    pub(crate) image: Option<PathBuf>,

    /// The network: an ONNX file, float or eight-bit. Default: EfficientNet-Lite0, built in.
    #[arg(long, value_name = "MODEL")]
    pub(crate) graph: Option<PathBuf>,

    /// The names of the classes, one per line. Default: ImageNet's, if the network has 1000 classes, or 1001 with the
    /// background first.
    #[arg(long, value_name = "FILE")]
    pub(crate) labels: Option<PathBuf>,

    /// How many answers to print.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) top: u16,

    #[command(flatten)]
    pub(crate) input: InputArgs,

    /// Photos (files or folders) to calibrate a float network with. Default: seven photos, built in.
    #[arg(long, value_name = "PHOTOS|DIR", num_args = 1..)]
    pub(crate) calibrate: Vec<PathBuf>,

    #[command(flatten)]
    pub(crate) range: RangeArgs,

    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Turn a float network into an eight-bit one: the same inputs and outputs, a quarter of the size.
#[derive(Args)]
#[command(after_help = "Examples:
  eightbit quantize model.onnx -o model.int8.onnx --calibrate photos/
  eightbit quantize model.onnx -o model.int8.onnx --calibrate photos/ --pair-safe-weights
  eightbit quantize model.onnx -o model.int8.onnx --calibrate a.jpg b.jpg c.png --min-max
  eightbit quantize resnet50.onnx -o resnet50.int8.onnx --calibrate photos/ \\
      --input-mean 123.675,116.28,103.53 --input-std 58.395,57.12,57.375

The file written is ONNX with QuantizeLinear and DequantizeLinear nodes, which every ONNX runtime reads.
A few dozen photos like those that the network will see calibrate well.")]
pub(crate) struct QuantizeArgs {
    /// The float network: an ONNX file.
    pub(crate) model: PathBuf,

    /// The file to write.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,

    /// Photos (files or folders) to calibrate with.
    #[arg(long, value_name = "PHOTOS|DIR", num_args = 1.., required = true)]
    pub(crate) calibrate: Vec<PathBuf>,

    #[command(flatten)]
    pub(crate) input: InputArgs,

    #[command(flatten)]
    pub(crate) range: RangeArgs,

    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// List the supported operators, and how each is quantized.
#[derive(Args)]
pub(crate) struct OperatorsArgs {
    /// Print JSON.
    #[arg(long, conflicts_with = "markdown")]
    pub(crate) json: bool,

    /// Print the page docs/operators.md.
    #[arg(long)]
    pub(crate) markdown: bool,
}

/// Count how often the float network and the eight-bit one are right, and how often they agree.
#[derive(Args)]
#[command(after_help = "Examples:
  eightbit evaluate --images photos/ --labels labels.tsv
  eightbit evaluate --images photos/ --labels labels.tsv --graph model.onnx --quantized model.int8.onnx
  eightbit evaluate --images photos/ --labels labels.tsv --limit 50 --json

The file of labels has one photo per line: its file name in the folder, a tab or a comma, and its class, counted from 0.
A header line, empty lines, lines that begin with # and further columns are skipped.")]
pub(crate) struct EvaluateArgs {
    /// The folder with the photos.
    #[arg(long, value_name = "DIR")]
    pub(crate) images: PathBuf,

    /// The class of each photo.
    #[arg(long, value_name = "TSV")]
    pub(crate) labels: PathBuf,

    /// The network: an ONNX file. Default: EfficientNet-Lite0, built in.
    #[arg(long, value_name = "MODEL")]
    pub(crate) graph: Option<PathBuf>,

    /// The eight-bit network: an ONNX file. Default: the float one, quantized in memory.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["calibrate", "percentile", "min_max", "pair_safe_weights"])]
    pub(crate) quantized: Option<PathBuf>,

    /// Evaluate the first N photos only.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) limit: Option<u32>,

    /// Added to each class of the file: 1 for networks with a background class before the others.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) label_offset: usize,

    #[command(flatten)]
    pub(crate) input: InputArgs,

    /// Photos (files or folders) to calibrate with. Default: seven photos, built in.
    #[arg(long, value_name = "PHOTOS|DIR", num_args = 1..)]
    pub(crate) calibrate: Vec<PathBuf>,

    #[command(flatten)]
    pub(crate) range: RangeArgs,

    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// How a photo becomes the network's input: resized as a whole, then (pixel − mean) / std.
#[derive(Args)]
#[command(next_help_heading = "How a photo becomes the network's input")]
pub(crate) struct InputArgs {
    /// Width that a photo is resized to. Default: the network's, or 224.
    #[arg(long, alias = "input_width", value_name = "PIXELS", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) input_width: Option<u16>,

    /// Height that a photo is resized to. Default: the network's, or 224.
    #[arg(long, alias = "input_height", value_name = "PIXELS", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) input_height: Option<u16>,

    /// Subtracted from a pixel (0 to 255): one number, or three for red, green, blue.
    #[arg(
        long,
        alias = "input_mean",
        value_name = "MEAN",
        default_value = "127",
        allow_hyphen_values = true
    )]
    pub(crate) input_mean: Channels,

    /// The divisor of a pixel after that: one number, or three.
    #[arg(long, alias = "input_std", value_name = "STD", default_value = "128", value_parser = divisor)]
    pub(crate) input_std: Channels,

    /// The input for the photo. Default: the network's only input.
    #[arg(long, alias = "input_layer", value_name = "NAME")]
    pub(crate) input_layer: Option<String>,

    /// The value that holds the scores. Default: the network's only output; for `quantize`, all of them.
    #[arg(long, alias = "output_layer", value_name = "NAME")]
    pub(crate) output_layer: Option<String>,

    /// Ignore the EXIF orientation of photos, as TensorFlow does. By default a photo is rotated as viewers rotate it.
    #[arg(long, alias = "ignore_orientation")]
    pub(crate) ignore_orientation: bool,

    /// Accept truncated or damaged JPEG photos with a warning; missing parts are grey.
    #[arg(long)]
    pub(crate) lenient: bool,
}

impl InputArgs {
    pub(crate) fn photo_options(&self) -> PhotoOptions {
        PhotoOptions { lenient: self.lenient, ignore_orientation: self.ignore_orientation }
    }
}

/// The ranges of values that the eight bits of activations and weights cover.
#[derive(Args)]
#[command(next_help_heading = "Which values eight bits cover")]
pub(crate) struct RangeArgs {
    /// Cover this percentage of the values seen; values beyond are clamped.
    #[arg(long, value_name = "PERCENT", conflicts_with = "min_max", value_parser = percentile)]
    pub(crate) percentile: Option<f64>,

    /// Cover every value seen.
    #[arg(long, alias = "min_max")]
    pub(crate) min_max: bool,

    /// Keep the sums of neighbouring weights within 128 steps, so that AVX2's saturating products stay exact: weights lose
    /// about a third of a bit, and CPUs with AVX2 but without VNNI run networks a tenth to a quarter faster.
    #[arg(long, aliases = ["pair_safe_weights", "narrow-weights", "narrow_weights"])]
    pub(crate) pair_safe_weights: bool,
}

/// A number for each channel: red, green, blue.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Channels(pub(crate) [f32; 3]);

impl FromStr for Channels {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is neither one number nor three, separated by commas");
        let numbers: Result<Vec<f32>, _> = text.split(',').map(|word| word.trim().parse()).collect();
        match numbers.map_err(|_| wrong())?[..] {
            [one] if one.is_finite() => Ok(Self([one; 3])),
            [red, green, blue] if (red + green + blue).is_finite() => Ok(Self([red, green, blue])),
            _ => Err(wrong()),
        }
    }
}

fn divisor(text: &str) -> Result<Channels, String> {
    let channels: Channels = text.parse()?;
    if channels.0.contains(&0.0) { Err("a pixel cannot be divided by 0".to_owned()) } else { Ok(channels) }
}

fn percentile(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(percent) if 50.0 < percent && percent <= 100.0 => Ok(percent),
        _ => Err("a percentage above 50, up to 100, is needed, for example 99.99".to_owned()),
    }
}

/// Show the CPU features found, the backends of this build, the one chosen and why.
#[derive(Args)]
#[command(after_help = "Examples:
  eightbit cpu
  EIGHTBIT_BACKEND=portable eightbit cpu
  eightbit cpu --json")]
pub(crate) struct CpuArgs {
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }

    #[test]
    fn channels() {
        assert_eq!("127".parse(), Ok(Channels([127.0; 3])));
        assert_eq!("-1, 2,.5".parse(), Ok(Channels([-1.0, 2.0, 0.5])));
        for wrong in ["", "1,2", "1,2,3,4", "x", "inf", "NaN", "1,NaN,2"] {
            assert!(wrong.parse::<Channels>().is_err(), "{wrong}");
        }
        assert!(divisor("1,0,1").is_err());
        assert!(percentile("99.99").is_ok() && percentile("101").is_err() && percentile("NaN").is_err());
    }

    #[test]
    fn the_former_name_of_pair_safe_weights_is_accepted() {
        let line = "eightbit quantize m.onnx -o q.onnx --calibrate photos --narrow-weights";
        let cli = Cli::try_parse_from(line.split_whitespace()).expect("valid");
        let Command::Quantize(args) = cli.command else { panic!("another command") };
        assert!(args.range.pair_safe_weights);
    }

    #[test]
    fn spellings_of_tensorflow_are_accepted() {
        let line = "eightbit label-image --image=a.png --graph=m.onnx --labels=l.txt --input_width=299 \
            --input_height=299 --input_mean=-1 --input_std=255 --input_layer=x --output_layer=y";
        let cli = Cli::try_parse_from(line.split_whitespace()).expect("valid");
        let Command::LabelImage(args) = cli.command else { panic!("another command") };
        assert_eq!((args.input.input_width, args.input.input_mean), (Some(299), Channels([-1.0; 3])));
        assert_eq!(args.input.output_layer.as_deref(), Some("y"));
    }
}

//! What the user can say.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Parser, Subcommand};

use crate::bench::timing::Clock;
use crate::bench::types::Types;

/// Eight-bit neural networks: quantize them, run them, measure them, with the same bits on every CPU.
#[derive(Parser)]
#[command(name = "eightbit", version, arg_required_else_help = true, max_term_width = 110)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,

    /// Run eight-bit networks on this many threads. The answers do not depend on it.
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
    Cpu(CpuArgs),
    Bench(BenchArgs),
}

/// Say what a photo shows: by the float network and by the eight-bit one, side by side.
///
/// Without options, everything is built in: EfficientNet-Lite0, its labels, and the photo. The float network is turned
/// into eight bits in memory.
#[derive(Args)]
#[command(after_help = "Examples:
  eightbit label-image
  eightbit label-image --image cat.jpg --top 3
  eightbit label-image --image cat.jpg --graph mobilenet.onnx --labels labels.txt --input-mean 127.5 --input-std 127.5
  eightbit label-image --image cat.jpg --graph model.int8.onnx --json

Answers have the form `label (index): score`. If the network ends in logits, their softmax is the score.
Spellings with underscores (--input_mean) are understood, too.")]
pub(crate) struct LabelImageArgs {
    /// The photo: PNG or JPEG. Default: Grace Hopper, built in.
    #[arg(long, value_name = "PHOTO")]
    pub(crate) image: Option<PathBuf>,

    /// The network: an ONNX file, float or eight-bit. Default: EfficientNet-Lite0, built in.
    #[arg(long, value_name = "MODEL")]
    pub(crate) graph: Option<PathBuf>,

    /// The names of the classes, one a line. Default: ImageNet's, if the network has 1000 classes, or 1001 with the
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
  eightbit quantize model.onnx -o model.int8.onnx --calibrate a.jpg b.jpg c.png --min-max
  eightbit quantize resnet50.onnx -o resnet50.int8.onnx --calibrate photos/ \\
      --input-mean 123.675,116.28,103.53 --input-std 58.395,57.12,57.375

The file written is ONNX with QuantizeLinear and DequantizeLinear nodes, which every ONNX runtime reads.
Some dozens of photos of the kind that the network will see calibrate well.")]
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

/// Count how often the float network and the eight-bit one are right, and how often they agree.
#[derive(Args)]
#[command(after_help = "Examples:
  eightbit evaluate --images photos/ --labels labels.tsv
  eightbit evaluate --images photos/ --labels labels.tsv --graph model.onnx --quantized model.int8.onnx
  eightbit evaluate --images photos/ --labels labels.tsv --limit 50 --json

The file of labels has a photo a line: its file name in the folder, a tab or a comma, and its class, counted from 0.
A head line, empty lines, lines that begin with # and further columns are skipped.")]
pub(crate) struct EvaluateArgs {
    /// The folder with the photos.
    #[arg(long, value_name = "DIR")]
    pub(crate) images: PathBuf,

    /// Which photo shows which class.
    #[arg(long, value_name = "TSV")]
    pub(crate) labels: PathBuf,

    /// The network: an ONNX file. Default: EfficientNet-Lite0, built in.
    #[arg(long, value_name = "MODEL")]
    pub(crate) graph: Option<PathBuf>,

    /// The eight-bit network: an ONNX file. Default: the float one, quantized in memory.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["calibrate", "percentile", "min_max"])]
    pub(crate) quantized: Option<PathBuf>,

    /// Look at the first N photos only.
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
    /// Width that a photo is resized to. Default: what the network says, or 224.
    #[arg(long, alias = "input_width", value_name = "PIXELS", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) input_width: Option<u16>,

    /// Height that a photo is resized to. Default: what the network says, or 224.
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

    /// What a pixel is divided by thereafter: one number, or three.
    #[arg(long, alias = "input_std", value_name = "STD", default_value = "128", value_parser = divisor)]
    pub(crate) input_std: Channels,

    /// The value that takes the photo. Default: the network's only input.
    #[arg(long, alias = "input_layer", value_name = "NAME")]
    pub(crate) input_layer: Option<String>,

    /// The value that holds the scores. Default: the network's only output.
    #[arg(long, alias = "output_layer", value_name = "NAME")]
    pub(crate) output_layer: Option<String>,
}

/// Which values of the calibration an activation's eight bits cover.
#[derive(Args)]
#[command(next_help_heading = "Which values eight bits cover")]
pub(crate) struct RangeArgs {
    /// Cover this percentage of the values seen; what lies beyond is clamped.
    #[arg(long, value_name = "PERCENT", conflicts_with = "min_max", value_parser = percentile)]
    pub(crate) percentile: Option<f64>,

    /// Cover every value seen.
    #[arg(long, alias = "min_max")]
    pub(crate) min_max: bool,
}

/// A number for each channel: red, green, blue.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Channels(pub(crate) [f32; 3]);

impl FromStr for Channels {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is not one number, nor three with commas between them");
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
        _ => Err("a percentage above 50, up to 100, is needed: 99.99, say".to_owned()),
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

/// Measure kernels, shape by shape, or whole networks: as fractions of this machine's measured peak, or in milliseconds.
#[derive(Args)]
#[command(
    arg_required_else_help = true,
    after_help = "Examples:
  eightbit bench gemm
  eightbit bench gemm --types u8s8s32,u8s8s32_narrow --backend avx2 512
  eightbit bench conv dw_3x3
  eightbit bench conv --shapes SHAPES.txt --csv
  eightbit bench gemm 1024 --threads 2 --clock cpu
  eightbit bench model resnet50.int8.onnx
  eightbit bench peak

The columns of --csv: peer,op,shape,types,prepacked,median,max,min,samples,note (Gop/s; for models, runs per second)."
)]
pub(crate) struct BenchArgs {
    #[command(subcommand)]
    pub(crate) what: BenchCommand,
}

/// What `bench` can measure.
#[derive(Subcommand)]
pub(crate) enum BenchCommand {
    /// Matrix multiplications.
    #[command(after_help = "Examples:
  eightbit bench gemm
  eightbit bench gemm tiny
  eightbit bench gemm --types u8u8u8_zeros,s8s8s8 --check 3136x64x64
  eightbit bench gemm --shapes SHAPES.txt --csv

A shape file has a shape a line: `name M K N`, M rows of activations, N output channels; a word after them is its class.")]
    Gemm(KernelArgs),
    /// Convolutions.
    #[command(after_help = "Examples:
  eightbit bench conv
  eightbit bench conv depthwise
  eightbit bench conv --types u8s8u8,u8s8s32 --check 3x3
  eightbit bench conv --shapes SHAPES.txt --csv

A shape file has a shape a line: `name H(=W) Cin Cout R stride pad groups`; a word after them is its class.")]
    Conv(KernelArgs),
    /// Whole networks: milliseconds for a run.
    #[command(after_help = "Examples:
  eightbit bench model resnet50.int8.onnx
  eightbit bench model resnet50.onnx resnet50.int8.onnx --budget 2000 --json
  eightbit bench model mobilenet.int8.onnx --threads 2")]
    Model(ModelArgs),
    /// What the CPU's multipliers can do at best, on registers only.
    #[command(after_help = "Examples:
  eightbit bench peak
  eightbit bench peak --backend avx2 --csv")]
    Peak(MeasureArgs),
}

/// Which calls of kernels to measure.
#[derive(Args)]
pub(crate) struct KernelArgs {
    /// Measure only the shapes with this in their name, or of the class with this name.
    pub(crate) filter: Option<String>,

    /// A file of shapes, instead of the embedded ones.
    #[arg(long, value_name = "FILE", conflicts_with = "stdin")]
    pub(crate) shapes: Option<PathBuf>,

    /// Types of activations (u8, s8), weights (u8, s8) and output (u8, s8: requantized; s32: raw), such as u8s8s32.
    /// Weights are full-range and have no zero point, unless one of these follows: _narrow (seven bits), _zero (a zero
    /// point), _zeros (one for each channel). Default: u8s8s32,s8s8s32,u8s8u8 for gemm, u8s8u8 for conv.
    #[arg(long, value_name = "TYPES", value_delimiter = ',')]
    pub(crate) types: Vec<Types>,

    /// Compare results with the reference before measuring; all of them, or evenly spread rows where they are many.
    #[arg(long)]
    pub(crate) check: bool,

    /// Make each call once, after a first that warms up, without a clock, and say which path it takes: for profilers and
    /// counters of instructions, which find it inside the function `profiled_call`.
    #[arg(long, conflicts_with_all = ["csv", "json", "stdin"])]
    pub(crate) once: bool,

    #[command(flatten)]
    pub(crate) measure: MeasureArgs,
}

/// Which networks to measure.
#[derive(Args)]
pub(crate) struct ModelArgs {
    /// Networks: ONNX files, float or eight-bit.
    #[arg(value_name = "MODEL", required_unless_present = "stdin")]
    pub(crate) files: Vec<PathBuf>,

    #[command(flatten)]
    pub(crate) measure: MeasureArgs,
}

/// How to measure, and how to tell.
#[derive(Args)]
pub(crate) struct MeasureArgs {
    /// The backend to measure, instead of the best one: see `eightbit cpu`.
    #[arg(long, value_name = "NAME")]
    pub(crate) backend: Option<String>,

    /// How long to measure each case, in milliseconds.
    #[arg(long, env = "BENCH_MS", value_name = "MS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    pub(crate) budget: u64,

    /// The clock: CPU time of all threads, divided by their number, or the time that a user waits.
    /// Default: CPU time for one thread, wall-clock time for more.
    #[arg(long, value_name = "CLOCK")]
    pub(crate) clock: Option<Clock>,

    /// Print lines of comma-separated values, in the columns that the drivers of the peers print.
    #[arg(long, conflicts_with = "json")]
    pub(crate) csv: bool,

    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,

    /// Read what to measure from standard input, a shape or file a line, and answer each line when it is read, with an
    /// empty line at the end: for programs that let several libraries take turns.
    #[arg(long, requires = "csv", conflicts_with = "filter")]
    pub(crate) stdin: bool,
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
    fn tensorflows_spellings_are_understood() {
        let line = "eightbit label-image --image=a.png --graph=m.onnx --labels=l.txt --input_width=299 \
            --input_height=299 --input_mean=-1 --input_std=255 --input_layer=x --output_layer=y";
        let cli = Cli::try_parse_from(line.split_whitespace()).expect("valid");
        let Command::LabelImage(args) = cli.command else { panic!("another command") };
        assert_eq!((args.input.input_width, args.input.input_mean), (Some(299), Channels([-1.0; 3])));
        assert_eq!(args.input.output_layer.as_deref(), Some("y"));
    }
}

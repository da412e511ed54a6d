//! Arguments of `eightbit quantize`.

use std::path::PathBuf;

use clap::Args;

use super::photos::InputArgs;
use super::ranges::RangeArgs;

/// Turn a float network into an eight-bit one: the same inputs and outputs, a quarter of the size.
#[derive(Args)]
#[command(after_help = "Examples:
  eightbit quantize model.onnx -o model.int8.onnx --calibrate photos/
  eightbit quantize model.onnx -o model.int8.onnx --calibrate photos/ --pair-safe-weights
  eightbit quantize model.onnx -o model.int8.onnx --calibrate a.jpg b.jpg c.png --min-max
  eightbit quantize mobilenet_v1.pb -o mobilenet.int8.onnx --calibrate photos/ --input-mean 127.5 --input-std 127.5
  eightbit quantize digits.onnx -o digits.int8.onnx --calibrate scans/ --resize fit --layout nhwc
  eightbit quantize text.onnx -o text.int8.onnx --calibrate ids=ids/ mask=masks/
  eightbit quantize text.onnx -o text.int8.onnx --calibrate examples/*.npz
  eightbit quantize vad.onnx -o vad.int8.onnx --fix sr=16000 --shape input=1,576 --random 4
  eightbit quantize model.onnx -o model.int8.onnx --calibrate photos/ --report report.html
  eightbit quantize speech.onnx -o speech.int8.onnx --calibrate examples/ --measure-speed
  eightbit quantize resnet50.onnx -o resnet50.int8.onnx --calibrate photos/ \\
      --input-mean 123.675,116.28,103.53 --input-std 58.395,57.12,57.375

The file written is ONNX with QuantizeLinear and DequantizeLinear nodes, which every ONNX runtime reads.
A few dozen photos like those that the network will see calibrate well.")]
pub(crate) struct QuantizeArgs {
    /// The float network: an ONNX file or a frozen graph of TensorFlow.
    pub(crate) model: PathBuf,

    /// The file to write.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,

    /// What to calibrate with: photos, NumPy files or folders of either. An `.npz` file has an array for each input; `.npy` files
    /// are for the only input, or for the one that `NAME=` before the file or folder names.
    #[arg(long, value_name = "FILE|DIR|NAME=DIR", num_args = 1.., required_unless_present = "random")]
    pub(crate) calibrate: Vec<PathBuf>,

    /// Calibrate with this many random inputs, to try whether a network can be quantized. Its answers may be wrong.
    #[arg(long, value_name = "N", conflicts_with = "calibrate", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) random: Option<u16>,

    /// Time every node on this machine and leave float what eight bits make slower, conversions included. The file then depends
    /// on the machine; run it where nothing else does.
    #[arg(long)]
    pub(crate) measure_speed: bool,

    /// Write a page that shows the result: warnings, sizes, and for each node how it runs, its ranges, its error and its time in both
    /// forms, which is measured on the first example.
    #[arg(long, value_name = "FILE.html")]
    pub(crate) report: Option<PathBuf>,

    /// Print JSON, with every node.
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) input: InputArgs,

    #[command(flatten)]
    pub(crate) range: RangeArgs,
}

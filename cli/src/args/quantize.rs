//! Arguments of `eightbit quantize`.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, ValueEnum};
use eightbit_graph::precision::BitWidth;
use eightbit_graph::quantize::Form;

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
  eightbit quantize model.onnx -o model.int8.onnx --calibrate photos/ --effort 3 --resume model.resume
  eightbit quantize model.onnx -o model.int8.onnx --data-free
  eightbit quantize model.onnx -o model.int8.onnx --calibrate photos/ --accuracy-drop 0.5 --labels classes.tsv
  eightbit quantize model.onnx -o model.input4.onnx --inputs-only 4 --calibrate photos/
  eightbit quantize model.onnx -o model.int4.onnx --calibrate photos/ --weights int4 --effort 2
  eightbit quantize model.onnx -o model.int4.onnx --calibrate photos/ --weights int4 --size 18%
  eightbit quantize model.onnx -o model.int4.onnx --calibrate photos/ --weights int4 --accuracy-drop 1
  eightbit quantize model.onnx -o model.w2a4.onnx --calibrate photos/ --weights int2 --activations 4 --format qonnx
  eightbit quantize resnet50.onnx -o resnet50.int8.onnx --calibrate photos/ \\
      --input-mean 123.675,116.28,103.53 --input-std 58.395,57.12,57.375

The file written is ONNX with QuantizeLinear and DequantizeLinear nodes, which every ONNX runtime reads; with weights of
fewer bits than eight it needs one that has ONNX's int4 (operator set 21) or int2 (25), or --format qcdq.
A few dozen photos like those that the network will see calibrate well.")]
pub(crate) struct QuantizeArgs {
    /// The float network: an ONNX file or a frozen graph of TensorFlow.
    pub(crate) model: PathBuf,

    /// The file to write.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,

    /// What to calibrate with: photos, NumPy files or folders of either. An `.npz` file has an array for each input; `.npy` files
    /// are for the only input, or for the one that `NAME=` before the file or folder names.
    #[arg(long, value_name = "FILE|DIR|NAME=DIR", num_args = 1.., required_unless_present_any = ["random", "data_free"])]
    pub(crate) calibrate: Vec<PathBuf>,

    /// Calibrate with this many random inputs, to try whether a network can be quantized. Its answers may be wrong.
    #[arg(long, value_name = "N", conflicts_with = "calibrate", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) random: Option<u16>,

    /// Quantize without examples, by what the batch normalizations of the network say of its activations. Photos are expected, from
    /// black to white by --input-mean and --input-std.
    #[arg(long, conflicts_with_all = ["calibrate", "random", "measure_speed", "accuracy_drop", "percentile", "min_max", "ranges"])]
    pub(crate) data_free: bool,

    /// The most accuracy that a classifier may lose, in percentage points, on the examples of --calibrate: nodes go back to float, those
    /// first whose error is greatest for their time, until it loses no more. Give hundreds of photos. Without --labels, an answer is right
    /// if it is the float network's. With --weights, layers get these weights as long as no more is lost, and keep eight bits else.
    #[arg(long, value_name = "POINTS", conflicts_with = "random", value_parser = points)]
    pub(crate) accuracy_drop: Option<f64>,

    /// The most that the file may take, in bytes (KB and MB are allowed) or in percent of the float one. Of the layers, those get the weights
    /// of --weights that add least noise for the bytes that they save, as few as needed; the others keep eight bits.
    #[arg(long, value_name = "SIZE|PERCENT%", requires = "weights", conflicts_with_all = ["accuracy_drop", "random", "data_free"])]
    pub(crate) size: Option<FileSize>,

    /// The form of the network in the file.
    #[arg(long, value_enum, default_value_t = FileFormat::Qdq)]
    pub(crate) format: FileFormat,

    /// The class of each photo of --calibrate: on each line a file name, a tab or a comma, and the class, counted from 0.
    #[arg(long, value_name = "TSV")]
    pub(crate) labels: Option<PathBuf>,

    /// Added to each class of --labels: 1 for networks with a background class before the others.
    #[arg(long, value_name = "N", default_value_t = 0, requires = "labels")]
    pub(crate) label_offset: usize,

    /// Give the network's inputs this many bits, 1 to 16, and leave everything else float: QuantizeLinear and DequantizeLinear for 8
    /// bits, QONNX's Quant for others. Reported are the answers on the examples of --calibrate, which are right by --labels.
    #[arg(long, value_name = "BITS", value_parser = bits, conflicts_with_all = ["data_free", "accuracy_drop", "measure_speed", "resume",
          "report", "effort", "pair_safe_weights", "per_tensor", "weights", "activations", "size", "format"])]
    pub(crate) inputs_only: Option<BitWidth>,

    /// Time every node on this machine and leave float what eight bits make slower, conversions included. The file then depends
    /// on the machine; run it where nothing else does.
    #[arg(long)]
    pub(crate) measure_speed: bool,

    /// Keep in this file what is found on the way. Where that was interrupted, the same command goes on from there. The file is removed when
    /// the network is written.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["data_free", "measure_speed"])]
    pub(crate) resume: Option<PathBuf>,

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

/// The form of an eight-bit network in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FileFormat {
    /// QuantizeLinear and DequantizeLinear; weights of few bits are of ONNX's types int4 and int2.
    Qdq,
    /// The same with weights of few bits in bytes, as older runtimes need them.
    Qcdq,
    /// QONNX's Quant and BipolarQuant, for FINN, hls4ml and their like; all constants are floats.
    Qonnx,
}

impl FileFormat {
    pub(crate) fn form(self) -> Form {
        match self {
            Self::Qdq => Form::Qdq,
            Self::Qcdq => Form::Qcdq,
            Self::Qonnx => Form::Qonnx,
        }
    }
}

/// The most that a file may take.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum FileSize {
    Bytes(u64),
    /// Of the float file.
    Percent(f64),
}

impl FileSize {
    /// The bytes, if the float file has `of`.
    pub(crate) fn bytes(self, of: usize) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Percent(percent) => (of as f64 * percent / 100.0) as u64,
        }
    }
}

impl FromStr for FileSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "a size is needed, for example 3500000, 3.5MB or 18%".to_owned();
        let number = |text: &str| {
            let number: f64 = text.trim().parse().map_err(|_| wrong())?;
            if number.is_finite() && number > 0.0 { Ok(number) } else { Err(wrong()) }
        };
        if let Some(percent) = text.strip_suffix('%') {
            return number(percent).map(Self::Percent);
        }
        let (digits, unit) = [("KB", 1e3), ("MB", 1e6), ("GB", 1e9)]
            .into_iter()
            .find_map(|(suffix, unit)| Some((text.strip_suffix(suffix)?, unit)))
            .unwrap_or((text, 1.0));
        Ok(Self::Bytes((number(digits)? * unit) as u64))
    }
}

pub(super) fn points(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(points) if (0.0..=100.0).contains(&points) => Ok(points),
        _ => Err("percentage points from 0 to 100 are needed, for example 0.5".to_owned()),
    }
}

fn bits(text: &str) -> Result<BitWidth, String> {
    let wrong = || "a number of bits from 1 to 16 is needed".to_owned();
    BitWidth::new(text.parse().map_err(|_| wrong())?).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        let read = |text: &str| text.parse::<FileSize>().map(|size| size.bytes(2000));
        assert_eq!(["100", "3.5KB", "2MB", "25%"].map(read), [Ok(100), Ok(3500), Ok(2_000_000), Ok(500)]);
        for text in ["", "%", "-1", "0", "NaN", "inf", "3 apples", "MB"] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}

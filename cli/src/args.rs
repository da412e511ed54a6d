//! Command-line arguments.

mod backend;
mod bench;
mod bits;
mod compare;
mod cpu;
mod evaluate;
mod examples;
mod fixing;
mod graph;
mod inspect;
mod label_image;
mod network;
mod operators;
mod photos;
mod precision;
mod profile;
mod quantize;
mod ranges;
mod run;
#[cfg(feature = "train")]
mod train;

use clap::{Parser, Subcommand};

pub(crate) use bench::{BenchArgs, BenchCommand, KernelArgs, MeasureArgs, ModelArgs};
pub(crate) use bits::Bits;
pub(crate) use compare::CompareArgs;
pub(crate) use cpu::CpuArgs;
pub(crate) use evaluate::EvaluateArgs;
pub(crate) use examples::ExampleArgs;
pub(crate) use fixing::FixArgs;
pub(crate) use graph::{CompareGraphsArgs, SummarizeGraphArgs, TransformGraphArgs};
pub(crate) use inspect::InspectArgs;
pub(crate) use label_image::LabelImageArgs;
pub(crate) use network::NetworkArgs;
pub(crate) use operators::OperatorsArgs;
pub(crate) use photos::InputArgs;
pub(crate) use precision::PrecisionArgs;
pub(crate) use profile::ProfileArgs;
pub(crate) use quantize::QuantizeArgs;
pub(crate) use ranges::RangeArgs;
pub(crate) use run::RunArgs;
#[cfg(feature = "train")]
pub(crate) use train::{OutputFormat, Rule, TrainArgs};

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
    Compare(CompareArgs),
    Precision(PrecisionArgs),
    #[cfg(feature = "train")]
    Train(TrainArgs),
    /// Train a network; this program was built without it.
    #[cfg(not(feature = "train"))]
    #[command(hide = true, disable_help_flag = true)]
    Train {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<std::ffi::OsString>,
    },
    Run(RunArgs),
    Profile(ProfileArgs),
    Inspect(InspectArgs),
    Cpu(CpuArgs),
    Bench(BenchArgs),
    Operators(OperatorsArgs),
    TransformGraph(TransformGraphArgs),
    SummarizeGraph(SummarizeGraphArgs),
    CompareGraphs(CompareGraphsArgs),
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
        let Command::LabelImage(LabelImageArgs { network: NetworkArgs { input, .. }, .. }) = cli.command
        else {
            panic!("another command")
        };
        assert_eq!((input.input_width, input.input_mean.0), (Some(299), [-1.0; 3]));
        assert_eq!(input.output_layer.as_deref(), Some("y"));
    }
}

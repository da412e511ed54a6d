//! One file per command.

mod bench;
mod compare;
mod cpu;
mod evaluate;
mod graph;
mod inputs_only;
mod inspect;
mod label_image;
mod operators;
mod precision;
mod profile;
mod quantize;
mod run;
#[cfg(feature = "train")]
mod train;

use std::io::Write;

use crate::args::{Cli, Command};
use crate::engine::Settings;
use crate::error::CliError;

pub(crate) fn dispatch(cli: &Cli, out: &mut dyn Write) -> Result<(), CliError> {
    match &cli.command {
        Command::LabelImage(args) => label_image::run(args, &Settings::new(cli.threads, None)?, out),
        Command::Quantize(args) => quantize::run(args, &Settings::new(cli.threads, None)?, out),
        Command::Evaluate(args) => evaluate::run(args, &Settings::new(cli.threads, None)?, out),
        Command::Run(args) => run::run(args, &Settings::new(cli.threads, args.backend.name.as_deref())?, out),
        Command::Compare(args) => compare::run(args, out),
        Command::Precision(args) => precision::run(args, &Settings::new(cli.threads, None)?, out),
        #[cfg(feature = "train")]
        Command::Train(args) => train::run(args, &Settings::new(cli.threads, None)?, out),
        #[cfg(not(feature = "train"))]
        Command::Train { .. } => {
            let reason = "train: this program was built without the feature train: cargo install --path cli --features train";
            Err(CliError::Usage(reason.to_owned()))
        }
        Command::Profile(args) => {
            profile::run(args, &Settings::new(cli.threads, args.backend.name.as_deref())?, out)
        }
        Command::Inspect(args) => inspect::run(args, out),
        Command::Cpu(args) => cpu::run(args, out),
        Command::Operators(args) => operators::run(args, out),
        Command::TransformGraph(args) => graph::transform_graph(args, out),
        Command::SummarizeGraph(args) => graph::summarize_graph(args, out),
        Command::CompareGraphs(args) => graph::compare_graphs(args, out),
        Command::Bench(args) => bench::run(args, &Settings::new(cli.threads, None)?, out),
    }
}

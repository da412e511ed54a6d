//! The program `eightbit`: quantize, evaluate and run neural networks in eight bits.
//!
//! Where to start reading: [`args`] defines the command line, [`commands`] has one file per command.
#![forbid(unsafe_code)]

mod args;
mod array;
mod bench;
mod builtin;
mod candidate;
mod commands;
mod comparison;
mod disagreements;
mod engine;
mod error;
mod examples;
mod fixing;
mod html;
mod labels;
mod layers;
mod model;
mod network;
mod npy;
mod observed;
mod output;
mod photo;
mod picture;
mod profiled;
mod quantized;
mod report;
mod source;
mod sweep;
#[cfg(feature = "train")]
mod training;
mod usage;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

use crate::args::Cli;
use crate::error::CliError;
use crate::usage::Refused;

fn main() -> ExitCode {
    let result = match Cli::try_parse().map_err(Refused::new) {
        Ok(cli) => {
            let mut out = anstream::stdout().lock();
            commands::dispatch(&cli, &mut out).and_then(|()| Ok(out.flush()?))
        }
        Err(Refused::ByGraphTool(error)) => Err(error),
        // Help and the version go to stdout; clap reports a usage error on stderr, with exit code 2.
        Err(Refused::ByClap(error)) => match error.print().and_then(|()| std::io::stdout().flush()) {
            Ok(()) => return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2)),
            Err(_) if error.use_stderr() => return ExitCode::from(2),
            Err(error) => Err(CliError::Output(error)),
        },
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        // The reader closed the pipe (`eightbit … | head`): that is not a failure.
        Err(CliError::Output(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            report::error(&error);
            ExitCode::from(error.exit_code())
        }
    }
}

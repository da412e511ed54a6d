//! The program `eightbit`: quantize, evaluate and run neural networks in eight bits.
//!
//! Where to start reading: [`args`] is what the user can say, [`commands`] has one file per command.
#![forbid(unsafe_code)]

mod args;
mod bench;
mod builtin;
mod commands;
mod contest;
mod engine;
mod error;
mod labels;
mod network;
mod photo;
mod report;
mod scores;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

use crate::args::Cli;
use crate::error::CliError;

fn main() -> ExitCode {
    // A usage error is told by clap, with exit code 2.
    let cli = Cli::parse();
    let mut out = anstream::stdout().lock();
    let result = commands::run(&cli, &mut out).and_then(|()| Ok(out.flush()?));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        // Who reads the output has seen enough (`eightbit … | head`): that is no failure of ours.
        Err(CliError::Output(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            report::error(&error);
            ExitCode::from(error.exit_code())
        }
    }
}

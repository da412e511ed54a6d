//! `eightbit bench`: the speed of kernels, shape by shape, and of whole networks.

mod csv;
mod kernels;
mod models;
mod peaks;
mod print;
mod session;
mod stdin;

use std::io::Write;

use crate::args::{BenchArgs, BenchCommand};
use crate::engine::Settings;
use crate::error::CliError;

pub(crate) fn run(args: &BenchArgs, settings: &Settings, out: &mut dyn Write) -> Result<(), CliError> {
    match &args.what {
        BenchCommand::Gemm(args) => kernels::run(&kernels::GEMM, args, settings, out),
        BenchCommand::Conv(args) => kernels::run(&kernels::CONV, args, settings, out),
        BenchCommand::Model(args) => models::run(args, settings, out),
        BenchCommand::Peak(args) => peaks::run(args, settings, out),
    }
}

//! Arguments of `eightbit cpu`.

use clap::Args;

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

//! What a network leaves open.

use clap::Args;

/// What the network leaves open, and a user decides.
#[derive(Args, Default)]
#[command(next_help_heading = "What the network leaves open")]
pub(crate) struct FixArgs {
    /// The shape of an input, for open dimensions: `x=1,3,320,320`. The name may be left out if there is one input. Repeatable.
    #[arg(long = "shape", value_name = "NAME=1,3,320,320")]
    pub(crate) shapes: Vec<String>,

    /// Turn an input into a constant: numbers or a NumPy file, such as `sr=16000`. Branches that depend on it are chosen.
    /// Repeatable.
    #[arg(long = "fix", value_name = "NAME=VALUE")]
    pub(crate) values: Vec<String>,
}

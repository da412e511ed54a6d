//! What a network leaves open.

use clap::Args;

/// Of these arguments alone, unlike a heading for all that follow.
const HEADING: &str = "What the network leaves open";

/// What the network leaves open, and a user decides.
#[derive(Args, Default)]
pub(crate) struct FixArgs {
    /// The shape of an input, for open dimensions: `x=1,3,320,320`. The name may be left out if there is one input. Repeatable.
    #[arg(long = "shape", help_heading = HEADING, value_name = "NAME=1,3,320,320")]
    pub(crate) shapes: Vec<String>,

    /// Turn an input into a constant: numbers or a NumPy file, such as `sr=16000`. Branches that depend on it are chosen.
    /// Repeatable.
    #[arg(long = "fix", help_heading = HEADING, value_name = "NAME=VALUE")]
    pub(crate) values: Vec<String>,
}

//! Arguments of `eightbit operators`.

use clap::Args;

/// List the supported operators, and how each is quantized.
#[derive(Args)]
pub(crate) struct OperatorsArgs {
    /// Print JSON.
    #[arg(long, conflicts_with = "markdown")]
    pub(crate) json: bool,

    /// Print the page docs/operators.md.
    #[arg(long)]
    pub(crate) markdown: bool,
}

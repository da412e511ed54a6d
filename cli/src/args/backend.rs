//! The choice of a backend.

use clap::Args;

/// The backend to use.
#[derive(Args)]
pub(crate) struct BackendArgs {
    /// The backend, instead of the best one: see `eightbit cpu`.
    #[arg(id = "backend", long = "backend", value_name = "NAME")]
    pub(crate) name: Option<String>,
}

//! What a network runs on.

use std::path::PathBuf;

use clap::Args;

/// Examples: photos, arrays, or random numbers.
#[derive(Args)]
#[command(next_help_heading = "What the network runs on")]
pub(crate) struct ExampleArgs {
    /// Photos: files or folders.
    #[arg(long, value_name = "PHOTOS|DIR", num_args = 1.., conflicts_with_all = ["inputs", "random"])]
    pub(crate) images: Vec<PathBuf>,

    /// NumPy files or folders of them. An `.npz` file has an array for each input; `.npy` files are for the only input, or for the one
    /// that `NAME=` before the file or folder names.
    #[arg(long, alias = "input", value_name = "FILE|DIR|NAME=FILE", num_args = 1.., conflicts_with = "random")]
    pub(crate) inputs: Vec<PathBuf>,

    /// This many random inputs.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) random: Option<u16>,

    /// The first N examples only.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) limit: Option<u32>,
}

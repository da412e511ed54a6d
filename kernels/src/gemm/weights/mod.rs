//! Weights, packed once into panels.

mod arrange;
mod error;
mod grow;
mod layout;
mod pack;
mod panels;
mod saved;
mod sums;
#[cfg(test)]
mod tests;

pub use error::{MAX_EMPTY_COLUMNS, PanelError};
pub use layout::{Layout, PANEL};
pub use pack::WeightView;
pub use panels::{Activations, ColumnTerms, PackedPanels, Panels};

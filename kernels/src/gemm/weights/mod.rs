//! Weights, packed once into panels.

mod arrange;
mod error;
mod grow;
mod grow_depth;
mod layout;
mod lent;
mod narrow;
mod pack;
mod panels;
mod saved;
mod sums;
#[cfg(test)]
mod tests;

pub use error::{MAX_EMPTY_COLUMNS, PanelError};
pub use layout::{Layout, PANEL};
pub use lent::{LentColumns, LentPanels};
pub(in crate::gemm) use narrow::Width;
pub(crate) use narrow::{Unfold, unfold};
pub use pack::WeightView;
pub use panels::{Activations, ColumnTerms, PackedPanels, PanelShape, Panels};
pub use saved::SavedShape;

//! Weights, packed once into panels.

mod layout;
mod pack;
mod panels;
mod saved;

pub use layout::{Layout, PANEL};
pub use pack::WeightView;
pub use panels::{Activations, PackedPanels, Panels};
pub use saved::{MAX_EMPTY_COLUMNS, PanelError};

//! Weights, packed once into panels.

mod layout;
mod panels;

pub use layout::{Layout, PANEL};
pub use panels::{Activations, MAX_EMPTY_COLUMNS, PackedPanels, PanelError, Panels, WeightView};

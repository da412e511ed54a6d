//! Weights, packed once into panels.

mod error;
mod layout;
mod pack;
mod panels;
mod saved;

pub use error::{MAX_EMPTY_COLUMNS, PanelError};
pub use layout::{Layout, PANEL};
pub use pack::WeightView;
pub use panels::{Activations, PackedPanels, Panels};

//! What the plans of one executor share: weights are packed once for all input shapes.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use eightbit::PackedWeights;
use eightbit_kernels::float::FloatWeights;

/// Packed weights by node. Only weights that are the graph's own constants are shared: what is computed from constants and
/// shapes may differ between plans.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    pub(crate) bytes: RefCell<HashMap<String, Arc<PackedWeights>>>,
    /// A matrix for each group.
    pub(crate) floats: RefCell<HashMap<String, Arc<Vec<FloatWeights>>>>,
    /// Of depthwise convolutions.
    pub(crate) taps: RefCell<HashMap<String, Arc<Vec<f32>>>>,
}

impl Shared {
    /// Drops all weights that no plan has.
    pub(crate) fn clear(&self) {
        self.bytes.borrow_mut().clear();
        self.floats.borrow_mut().clear();
        self.taps.borrow_mut().clear();
    }
}

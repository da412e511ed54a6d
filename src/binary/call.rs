//! Calls of binary products.

use eightbit_kernels::binary::{self, BitCall, BitRows};
use eightbit_kernels::gemm::OutputBlock;

use super::BinaryWeights;
use super::stage::Prepared;
use crate::fill::{Fill, Grain, TILE_ROWS};
use crate::{OutputElement, Workspace};

/// A plan's weights and stage with its activations.
#[derive(Clone, Copy, Debug)]
pub(super) struct Product<'a> {
    pub(super) weights: &'a BinaryWeights,
    pub(super) stage: &'a Prepared,
    pub(super) rows: BitRows<'a>,
}

impl<T: OutputElement> Fill<T> for Product<'_> {
    fn grain(&self) -> Grain {
        // Bits of one row are bytes of all columns together.
        let columns = (!self.stage.has_bits()).then(|| self.weights.panels().panel_columns());
        Grain { rows: TILE_ROWS, columns }
    }

    fn fill(&self, out: OutputBlock<'_, T>, workspace: &mut Workspace) {
        let call = BitCall {
            backend: self.weights.backend(),
            rows: self.rows,
            panels: self.weights.panels(),
            init: self.stage.init(),
            stage: self.stage.stage(),
        };
        binary::run(&call, out, &mut workspace.0);
    }
}

//! A fully connected layer of floats, whose weights have scales by group.

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use eightbit_kernels::gemm::{
    self, GROUPWISE_COLUMNS, GroupwiseCall, MatrixRows, OutputBlock, PANEL, Panels,
};

use super::GroupwiseWeights;
use crate::check::{check_clamp, check_finite, check_size};
use crate::dynamic::{QuantizeRows, QuantizedRows, Rows, Spread};
use crate::fill::{Fill, Grain, TILE_ROWS};
use crate::gemm::explain_weights;
use crate::{Call, Error, MatMut, MatRef, Workspace};

/// A fully connected layer from `f32` to `f32` whose weights have a scale for each group of depths: each row of activations is quantized
/// to `u8` over its own range, multiplied with each group exactly, and the groups are added up in floats.
///
/// With `dot[m][n][g] = Σ_k (q[m][k] − zero[m]) · (w[k][n] − w_zero[n][g])` over the depths of group `g`, a number of 32 bits, and
/// `fma(a, b, c)` = `a · b + c`, rounded once:
///
/// `acc = +0; for g ascending: acc = fma(f32(dot[m][n][g]), scale[n][g], acc)`, then `out[m][n] = clamp(acc · row_scale[m] + bias[n])`.
///
/// Every step is rounded on its own, as those of a [`Dequantize`](crate::Dequantize) are. `f32(dot)` is exact for groups of up to 256 depths.
/// These are the bits on every backend: there is no other order of groups, and where the hardware has no `fma` it is computed.
///
/// ```
/// use eightbit::{Backend, MatMut, MatRef, Workspace};
/// use eightbit::dynamic::{GroupwiseLinear, GroupwiseWeights, QuantizedRows, Spread, WeightGroups};
/// // Two columns of 64 depths, `[n][k]`, with a scale for each half.
/// let (codes, scales) = ([1i8; 2 * 64], [0.5, 1.0, 2.0, -1.0]);
/// let groups = WeightGroups { depths: 32, scales: &scales, zero_points: &[0] };
/// let weights = MatRef::new(&codes, 2, 64)?.transposed();
/// let weights = GroupwiseWeights::pack(Backend::best()?, &weights, &groups)?;
/// let linear = GroupwiseLinear::new(weights, Spread::Range).with_bias(vec![0.0, 1.0])?;
/// let (x, mut out) = ([255.0f32; 64], [0.0; 2]);
/// let (mut rows, mut workspace) = (QuantizedRows::new(), Workspace::new()); // made once
/// linear.run(MatRef::new(&x, 1, 64)?, MatMut::new(&mut out, 1, 2)?, &mut rows, &mut workspace)?;
/// assert_eq!(out, [255.0 * (16.0 + 32.0), 255.0 * (64.0 - 32.0) + 1.0]);
/// # Ok::<(), eightbit::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct GroupwiseLinear {
    weights: Arc<GroupwiseWeights>,
    quantize: QuantizeRows,
    /// By column, padded to whole panels.
    bias: Option<Vec<f32>>,
    clamp: (f32, f32),
}

impl GroupwiseLinear {
    /// The plan of a layer with these weights, without bias and clamp, and activations quantized as `spread` says.
    #[must_use]
    pub fn new(weights: impl Into<Arc<GroupwiseWeights>>, spread: Spread) -> GroupwiseLinear {
        let weights = weights.into();
        let quantize = QuantizeRows::new(weights.backend(), spread);
        GroupwiseLinear { weights, quantize, bias: None, clamp: (f32::NEG_INFINITY, f32::INFINITY) }
    }

    /// The same, with a bias for each column.
    ///
    /// # Errors
    ///
    /// If there is another number of biases than columns, or one is not finite.
    pub fn with_bias(self, mut bias: Vec<f32>) -> Result<GroupwiseLinear, Error> {
        check_size("number of biases", self.weights.columns(), bias.len())?;
        check_finite("bias", &bias)?;
        bias.resize(self.weights.matrix().padded_columns(), 0.0);
        Ok(GroupwiseLinear { bias: Some(bias), ..self })
    }

    /// The same, with outputs clamped to `low..=high`.
    ///
    /// # Errors
    ///
    /// If one of them is NaN, or `low` is greater than `high`.
    pub fn clamped(self, low: f32, high: f32) -> Result<GroupwiseLinear, Error> {
        check_clamp("layer", low, high)?;
        Ok(GroupwiseLinear { clamp: (low, high), ..self })
    }

    /// The quantization of activations that [`call`](Self::call) takes.
    #[must_use]
    pub fn quantize(&self) -> &QuantizeRows {
        &self.quantize
    }

    /// The weights.
    #[must_use]
    pub fn weights(&self) -> &GroupwiseWeights {
        &self.weights
    }

    /// Bytes of workspace that a call needs to allocate nothing.
    #[must_use]
    pub fn workspace_bytes(&self) -> usize {
        let weights = &*self.weights;
        gemm::groupwise_scratch_bytes(weights.backend(), weights.matrix(), weights.terms())
            .unwrap_or(usize::MAX)
    }

    /// A human-readable account of the kernels, tile and blocking that `rows` rows take, and why.
    #[must_use]
    pub fn explain(&self, rows: usize) -> String {
        let weights = &*self.weights;
        let (backend, matrix, terms) = (weights.backend(), weights.matrix(), weights.terms());
        let tiling = gemm::groupwise_tiling(backend, rows, matrix, terms)
            .expect("weights are packed for their backend");
        format!(
            "{rows}×{}×{} in groups of {} → f32: backend {backend}, layout {}{}, tiles of {}×{}, blocks of {} columns{}",
            weights.depth(),
            weights.columns(),
            weights.group_depths(),
            matrix.layout(),
            explain_weights(tiling.weights),
            tiling.tile_rows,
            tiling.tile_panels * PANEL,
            tiling.block_panels * PANEL,
            if terms.has_zero_points() { ", sums of rows by group for the weights' zero points" } else { "" },
        )
    }

    /// The layer of activations that are quantized already, by [`quantize`](Self::quantize) or a plan that is its equal: layers
    /// with the same input share them. Tasks and rayon run it on several threads.
    ///
    /// # Errors
    ///
    /// If shapes are not those of the plan, rows are in more than one block, or the weights are
    /// [shared](crate::PackedWeights::from_shared) with a buffer that has become shorter.
    pub fn call<'a>(
        &'a self,
        rows: Rows<'a, u8>,
        out: MatMut<'a, f32>,
    ) -> Result<Call<'a, f32, impl Fill<f32>>, Error> {
        check_size("blocks of a row", 1, rows.blocks())?;
        check_size("columns of the activations", self.weights.depth(), rows.columns())?;
        let lhs = rows.codes()?;
        check_size("rows of the output", lhs.rows(), out.rows())?;
        check_size("columns of the output", self.weights.columns(), out.columns())?;
        let product = Product {
            plan: self,
            panels: self.weights.panels()?,
            lhs: lhs.lhs()?,
            row_scales: rows.scales(),
            row_zeros: rows.zero_points(),
        };
        Ok(Call::new(product, out.block()))
    }

    /// Quantizes `x` and computes the layer, on this thread.
    ///
    /// # Errors
    ///
    /// As [`QuantizedRows::quantize`] and [`call`](Self::call).
    pub fn run(
        &self,
        x: MatRef<'_, f32>,
        out: MatMut<'_, f32>,
        rows: &mut QuantizedRows<u8>,
        workspace: &mut Workspace,
    ) -> Result<(), Error> {
        // Before there is memory for the rows.
        check_size("columns of the activations", self.weights.depth(), x.columns())?;
        check_size("rows of the output", x.rows(), out.rows())?;
        check_size("columns of the output", self.weights.columns(), out.columns())?;
        rows.quantize(&self.quantize, x)?;
        self.call(rows.rows(), out)?.run(workspace);
        Ok(())
    }
}

/// A layer with its activations.
#[derive(Clone, Copy, Debug)]
struct Product<'a> {
    plan: &'a GroupwiseLinear,
    panels: Panels<'a>,
    lhs: MatrixRows<'a>,
    row_scales: &'a [f32],
    row_zeros: &'a [i32],
}

impl Fill<f32> for Product<'_> {
    fn grain(&self) -> Grain {
        Grain { rows: TILE_ROWS, columns: Some(GROUPWISE_COLUMNS) }
    }

    fn fill(&self, out: OutputBlock<'_, f32>, workspace: &mut Workspace) {
        let Product { plan, panels, lhs, row_scales, row_zeros } = *self;
        let call = GroupwiseCall {
            backend: plan.weights.backend(),
            lhs,
            row_zeros,
            row_scales,
            panels,
            terms: plan.weights.terms(),
            bias: plan.bias.as_deref(),
            low: plan.clamp.0,
            high: plan.clamp.1,
        };
        gemm::run_groupwise(&call, out, &mut workspace.0);
    }
}

//! A fully connected layer of floats, computed in eight bits.

use alloc::sync::Arc;

use super::{QuantizeRows, QuantizedRows, Rows, Spread};
use crate::check::check_size;
use crate::{
    Call, Dequantize, ElementType, Error, Fill, Gemm, MatMut, MatRef, PackedWeights, Stage, Workspace,
};

/// A fully connected layer from `f32` to `f32`: each row of activations is quantized to `u8` over its own range, multiplied with the
/// weights exactly, and dequantized.
///
/// `out[m][n] = clamp((f32(Σ_k (q[m][k] − zero[m]) · (w[k][n] − w_zero[n])) · scale[n]) · row_scale[m] + bias[n])`,
/// where `scale`, `bias` and the clamp are those of a [`Dequantize`] with the scales of the weights.
///
/// ```
/// use eightbit::{Backend, Dequantize, MatMut, MatRef, PackedWeights, Per, Workspace};
/// use eightbit::dynamic::{Linear, QuantizedRows, Spread};
/// // Weights in steps of 0.5: 1, −1, 0, 2.
/// let weights = PackedWeights::pack(Backend::best()?, &MatRef::new(&[2i8, -2, 0, 4], 2, 2)?, 0)?;
/// let linear = Linear::new(weights, &Dequantize::new(Per::Tensor(0.5)), Spread::Range)?;
/// let (x, mut out) = ([1.0f32, 2.0, -3.0, 0.5], [0.0; 4]);
/// let (mut rows, mut workspace) = (QuantizedRows::new(), Workspace::new()); // made once
/// linear.run(MatRef::new(&x, 2, 2)?, MatMut::new(&mut out, 2, 2)?, &mut rows, &mut workspace)?;
/// for (found, exact) in out.iter().zip([1.0, 3.0, -3.0, 4.0]) {
///     assert!((found - exact).abs() < 0.02);
/// }
/// # Ok::<(), eightbit::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Linear {
    gemm: Gemm,
    quantize: QuantizeRows,
}

impl Linear {
    /// The plan of a layer with these weights, their scales, a bias and a clamp in `dequantize`, and activations quantized as `spread`
    /// says.
    ///
    /// # Errors
    ///
    /// As [`Gemm::new`].
    pub fn new(
        weights: impl Into<Arc<PackedWeights>>,
        dequantize: &Dequantize,
        spread: Spread,
    ) -> Result<Linear, Error> {
        let weights = weights.into();
        let quantize = QuantizeRows::new(weights.backend(), spread);
        // Without a range of its own every row has this zero point.
        let stage = Stage::Dequantize(dequantize.clone());
        let gemm = Gemm::new(weights, ElementType::U8, 128, None, &stage)?;
        Ok(Linear { gemm, quantize })
    }

    /// The quantization of activations that [`call`](Self::call) takes.
    #[must_use]
    pub fn quantize(&self) -> &QuantizeRows {
        &self.quantize
    }

    /// The product that it computes.
    #[must_use]
    pub fn gemm(&self) -> &Gemm {
        &self.gemm
    }

    /// Bytes of workspace that a call needs to allocate nothing.
    #[must_use]
    pub fn workspace_bytes(&self) -> usize {
        self.gemm.workspace_bytes()
    }

    /// The layer of activations that are quantized already, by [`quantize`](Self::quantize) or a plan that is its equal: layers
    /// with the same input share them. Tasks and rayon run it on several threads.
    ///
    /// # Errors
    ///
    /// As [`Gemm::call_rows`].
    pub fn call<'a>(
        &'a self,
        rows: Rows<'a, u8>,
        out: MatMut<'a, f32>,
    ) -> Result<Call<'a, f32, impl Fill<f32>>, Error> {
        self.gemm.call_rows(rows, out)
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
        check_size("columns of the activations", self.gemm.weights().depth(), x.columns())?;
        check_size("rows of the output", x.rows(), out.rows())?;
        check_size("columns of the output", self.gemm.weights().columns(), out.columns())?;
        rows.quantize(&self.quantize, x)?;
        self.call(rows.rows(), out)?.run(workspace);
        Ok(())
    }
}

//! Binary matrix multiplication.

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;

use eightbit_kernels::binary::{BitMatrix, BitRows};

use super::call::Product;
use super::signs::check_filling;
use super::stage::Prepared;
use super::{BinaryStage, BinaryWeights, row_bytes};
use crate::check::{check_size, check_type};
use crate::fill::Fill;
use crate::{Call, ElementType, Error, MatMut, OutputElement};

/// A matrix multiplication of signs with everything that is known before the activations arrive.
///
/// ```
/// use eightbit::binary::{BinaryGemm, BinaryWeights, pack_signs, row_bytes};
/// use eightbit::{Backend, MatMut, Stage, Workspace};
/// let (mut weights, mut lhs) = ([0; 2 * row_bytes(3)], [0; row_bytes(3)]);
/// let backend = Backend::best()?;
/// pack_signs(backend, &[1.0, -1.0, 1.0, -1.0, -1.0, -1.0], 3, &mut weights)?; // two output channels
/// pack_signs(backend, &[1.0, 1.0, 1.0], 3, &mut lhs)?;
/// let weights = BinaryWeights::pack(backend, &weights, 2, 3)?;
/// let gemm = BinaryGemm::new(weights, None, Stage::ACCUMULATORS)?;
/// let mut out = [0i32; 2];
/// gemm.call(&lhs, MatMut::new(&mut out, 1, 2)?)?.run(&mut Workspace::new());
/// assert_eq!(out, [1, -3]);
/// # Ok::<(), eightbit::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct BinaryGemm {
    weights: Arc<BinaryWeights>,
    stage: Prepared,
}

impl BinaryGemm {
    /// Plans the product with `weights`. `bias` is one `i32` for each output channel, added mod 2³².
    ///
    /// # Errors
    ///
    /// If what the stage has by channel is not there for each channel or out of its range, there is a bias beside thresholds, or the weights
    /// are those of a convolution.
    pub fn new(
        weights: impl Into<Arc<BinaryWeights>>,
        bias: Option<&[i32]>,
        stage: impl Into<BinaryStage>,
    ) -> Result<BinaryGemm, Error> {
        let weights = weights.into();
        check_size("taps of the weights", 1, weights.panels().taps())?;
        let stage = Prepared::new(weights.panels(), bias, &stage.into())?;
        Ok(BinaryGemm { weights, stage })
    }

    /// The weights.
    #[must_use]
    pub fn weights(&self) -> &BinaryWeights {
        &self.weights
    }

    /// The output type: `u8` of bits.
    #[must_use]
    pub fn output(&self) -> ElementType {
        self.stage.output()
    }

    /// Elements of a row of the output: the output channels, or the bytes of as many bits.
    #[must_use]
    pub fn output_columns(&self) -> usize {
        self.stage.output_columns(self.weights.panels())
    }

    /// A human-readable account of the kernel that runs.
    #[must_use]
    pub fn explain(&self) -> String {
        explain(&self.weights, &self.stage)
    }

    /// The product of `lhs`, as many rows of [`row_bytes`]`(depth)` bytes as the output has. Needs no workspace.
    ///
    /// # Errors
    ///
    /// If lengths or the element type are not those of the plan, or a row has bits behind its last one.
    pub fn call<'a, T: OutputElement>(
        &'a self,
        lhs: &'a [u8],
        out: MatMut<'a, T>,
    ) -> Result<Call<'a, T, impl Fill<T>>, Error> {
        check_type("the output", self.output(), T::TYPE)?;
        check_size("columns of the output", self.output_columns(), out.columns())?;
        let depth = self.weights.depth();
        let Some(len) = row_bytes(depth).checked_mul(out.rows()) else {
            let why = format!("{} rows of {depth} bits have more bytes than can be counted", out.rows());
            return Err(Error::Shape { what: "activations", why });
        };
        check_size("bytes of the activations", len, lhs.len())?;
        check_filling("activations", lhs, depth)?;
        let rows = BitRows::Matrix(BitMatrix { data: lhs, rows: out.rows() });
        Ok(Call::new(Product { weights: &self.weights, stage: &self.stage, rows }, out.block()))
    }
}

pub(super) fn explain(weights: &BinaryWeights, stage: &Prepared) -> String {
    let panels = weights.panels();
    let output = if stage.has_bits() { "bits".into() } else { format!("{}", stage.output()) };
    format!(
        "{} bits × {} → {output}: backend {}, layout {}, {}",
        weights.depth(),
        weights.columns(),
        weights.backend(),
        panels.layout().name,
        panels.kernel_name()
    )
}

//! Binary convolution.

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use eightbit_kernels::binary::{self, BitGeometry, BitPatches, BitRows};
use eightbit_kernels::{PatchGeometry, Window2d};

use super::call::Product;
use super::gemm::explain;
use super::signs::check_filling;
use super::stage::Prepared;
use super::{BinaryStage, BinaryWeights, row_bytes};
use crate::check::{check_size, check_type};
use crate::fill::Fill;
use crate::{Call, Conv2dShape, ElementType, Error, MatMut, OutputElement};

/// What elements outside of an image are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outside {
    /// +1, as Larq's `pad_values = 1`.
    Ones,
    /// Nothing: they add nothing to a sum, as the zeros that most networks pad with.
    Nothing,
}

/// A convolution of signs with everything that is known before the activations arrive: NHWC, weights OHWI, one channel group.
///
/// ```
/// use eightbit::binary::{BinaryConv2d, BinaryWeights, Outside, row_bytes};
/// use eightbit::{Backend, Conv2dShape, Padding, Stage, Workspace};
/// let shape = Conv2dShape::new([2, 2], 1, 1, [3, 3]).with_pad(Padding::same(1));
/// let weights = BinaryWeights::pack_convolution(Backend::best()?, &shape, &[0; 9 * row_bytes(1)])?; // all +1
/// let conv = BinaryConv2d::new(shape, weights, Outside::Nothing, None, Stage::ACCUMULATORS)?;
/// let mut image = [0; 4 * row_bytes(1)];
/// image[0] = 1; // −1, 1, 1, 1
/// let mut out = [0i32; 4];
/// conv.call(&image, &mut out)?.run(&mut Workspace::new());
/// assert_eq!(out, [2; 4]);
/// # Ok::<(), eightbit::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct BinaryConv2d {
    shape: Conv2dShape,
    geometry: BitGeometry,
    weights: Arc<BinaryWeights>,
    /// Empty if elements outside are ones, or there are none.
    tap_sums: Vec<i32>,
    stage: Prepared,
}

impl BinaryConv2d {
    /// Plans the convolution with `weights`, which were packed for the same kernel and channels. `bias` is one `i32` for each output
    /// channel, added mod 2³².
    ///
    /// # Errors
    ///
    /// As [`BinaryGemm::new`](super::BinaryGemm::new), and if the shape is invalid, has channel groups, or the weights were packed for
    /// another.
    pub fn new(
        shape: Conv2dShape,
        weights: impl Into<Arc<BinaryWeights>>,
        outside: Outside,
        bias: Option<&[i32]>,
        stage: impl Into<BinaryStage>,
    ) -> Result<BinaryConv2d, Error> {
        let weights = weights.into();
        let wrong = |why: String| Error::Shape { what: "binary convolution", why };
        shape.check()?;
        if shape.groups != 1 {
            return Err(wrong(format!("{} channel groups: there must be one", shape.groups)));
        }
        let panels = weights.panels();
        check_size("output channels of the weights", shape.out_channels, panels.columns())?;
        check_size("taps of the weights", shape.kernel[0] * shape.kernel[1], panels.taps())?;
        check_size("channels of the weights", shape.in_channels, panels.tap_bits())?;
        let window = Window2d::new(PatchGeometry {
            batch: shape.batch,
            input: shape.input,
            channels: row_bytes(shape.in_channels),
            kernel: shape.kernel,
            stride: shape.stride,
            dilation: shape.dilation,
            pad: [shape.pad.top, shape.pad.left],
            output: shape.output(),
        });
        let geometry = window.and_then(BitGeometry::new).ok_or_else(|| {
            wrong(
                "the image with its padding, or the lines that one line of output sees, are too large".into(),
            )
        })?;
        let stage = Prepared::new(panels, bias, &stage.into())?;
        let is_corrected = outside == Outside::Nothing && geometry.is_copied();
        let tap_sums = if is_corrected { panels.tap_sums(shape.kernel) } else { Vec::new() };
        Ok(BinaryConv2d { shape, geometry, weights, tap_sums, stage })
    }

    /// The shape.
    #[must_use]
    pub fn shape(&self) -> &Conv2dShape {
        &self.shape
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

    /// Elements of a pixel of the output: the output channels, or the bytes of as many bits.
    #[must_use]
    pub fn output_columns(&self) -> usize {
        self.stage.output_columns(self.weights.panels())
    }

    /// Bytes of workspace that a call needs to allocate nothing.
    #[must_use]
    pub fn workspace_bytes(&self) -> usize {
        self.geometry.scratch_bytes()
    }

    /// A human-readable account of the path and the kernel that run.
    #[must_use]
    pub fn explain(&self) -> String {
        let lines =
            if self.geometry.is_copied() { "lines copied with their padding" } else { "the image in place" };
        let border = if self.tap_sums.is_empty() { "" } else { ", taps outside taken back" };
        format!("{lines}{border}; {}", explain(&self.weights, &self.stage))
    }

    /// The convolution of `input`, NHWC `[batch][h][w][`[`row_bytes`]`(in_channels)]`, into `out`, NHWC
    /// `[batch][out_h][out_w][`[`output_columns`](Self::output_columns)`]`.
    ///
    /// # Errors
    ///
    /// If lengths or the element type are not those of the plan, or a pixel has bits behind its last channel.
    pub fn call<'a, T: OutputElement>(
        &'a self,
        input: &'a [u8],
        out: &'a mut [T],
    ) -> Result<Call<'a, T, impl Fill<T>>, Error> {
        let (rows, columns) = (self.shape.output_rows(), self.output_columns());
        let Some(len) = rows.checked_mul(columns) else {
            let why = format!("{rows} pixels of {columns} elements cannot be counted");
            return Err(Error::Shape { what: "binary convolution", why });
        };
        check_size("number of outputs", len, out.len())?;
        self.call_rows(input, MatMut::new(out, rows, columns)?)
    }

    /// As [`call`](Self::call), into a matrix with a row for each pixel of the output; rows may have a stride.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call).
    pub fn call_rows<'a, T: OutputElement>(
        &'a self,
        input: &'a [u8],
        out: MatMut<'a, T>,
    ) -> Result<Call<'a, T, impl Fill<T>>, Error> {
        check_type("the output", self.output(), T::TYPE)?;
        check_size("rows of the output", self.shape.output_rows(), out.rows())?;
        check_size("columns of the output", self.output_columns(), out.columns())?;
        check_size("bytes of the input", self.geometry.window().input_len(), input.len())?;
        check_filling("input", input, self.shape.in_channels)?;
        let outside = match &self.tap_sums[..] {
            [] => binary::Outside::Ones,
            tap_sums => binary::Outside::Nothing { tap_sums },
        };
        let rows = BitRows::Patches(BitPatches { geometry: &self.geometry, input, outside });
        Ok(Call::new(Product { weights: &self.weights, stage: &self.stage, rows }, out.block()))
    }
}

//! Convolution plans: made once, run often.

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

use eightbit_kernels::gemm::{
    self, Border, Lhs, MatrixRows, OutputBlock, PaddingElision, PatchRows, Patches, TilingMemo,
};
use eightbit_kernels::{Window2d, depthwise};

use crate::check::{check_size, check_type};
use crate::epilogue::{Columns, Epilogue};
use crate::fill::{Fill, Grain, TILE_ROWS};
use crate::gemm::{ColumnTerms, check_activations, check_bias, explain_gemm};
use crate::late::{Late, Terms};
use crate::packed::{Fetched, Packed};
use crate::{
    Backend, Call, Conv2dShape, Element, ElementType, Error, MatMut, OutputElement, PackedError,
    PackedWeights, Per, Precision, QuantizedType, Stage, Workspace,
};

/// A two-dimensional convolution with everything that is known before the activations arrive.
///
/// Activations are NHWC, weights OHWI; elements outside the image are the input's zero point. A 1×1 convolution reads
/// the image in place as a matrix; a k×k convolution addresses its patches row by row, without an im2col
/// matrix. A convolution of signals, `[batch][length][channels]` with weights `[out_channels][k][in_channels / groups]`, is that of images of
/// one row: `Conv2dShape::new([1, length], in_channels, out_channels, [1, k])`.
///
/// ```
/// use eightbit::{Backend, Conv2d, Conv2dShape, ElementType, Padding, Stage, Workspace};
/// let shape = Conv2dShape::new([4, 4], 1, 1, [3, 3]).with_pad(Padding::same(1));
/// let weights = Conv2d::pack(Backend::best()?, &shape, &[1i8; 9], 0)?;
/// let conv = Conv2d::new(shape, weights, ElementType::U8, 0, None, &Stage::ACCUMULATORS)?;
/// let mut out = [0i32; 16];
/// conv.call(&[1u8; 16], &mut out)?.run(&mut Workspace::new());
/// assert_eq!(out[..4], [4, 6, 6, 4]);
/// # Ok::<(), eightbit::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Conv2d {
    shape: Conv2dShape,
    window: Window2d,
    weights: Arc<PackedWeights>,
    input: ElementType,
    bias: Option<Vec<i32>>,
    columns: ColumnTerms,
    epilogue: Epilogue,
    /// Zero points that replace a row of taps outside the image, for a group's channels; for depthwise, those of one tap.
    padding: Vec<u8>,
    /// What is left out of the products with the padding, and sums of weights for it: `[group][tap][padded column]`.
    elision: PaddingElision,
    tap_sums: Vec<i32>,
    input_zero: i32,
    memo: TilingMemo,
}

impl Conv2d {
    /// Packs weights, OHWI `[out_channels][kh][kw][in_channels / groups]`, for a backend.
    ///
    /// # Errors
    ///
    /// If the shape is invalid, `weights` has another length, or there is not one zero point per output channel (or
    /// one for all) within the weights' type.
    pub fn pack<W: Element>(
        backend: Backend,
        shape: &Conv2dShape,
        weights: &[W],
        zero_points: impl Into<Per<i32>>,
    ) -> Result<PackedWeights, Error> {
        Self::pack_as(backend, shape, weights, Precision::EIGHT, zero_points)
    }

    /// As [`pack`](Self::pack), weights of a precision, which take as many bits as it needs, of two, four and eight: calls unfold them to bytes,
    /// a block of output channels at a time. Those of a depthwise convolution, which are few, are packed as bytes.
    ///
    /// # Errors
    ///
    /// As [`pack`](Self::pack), and if there is no such precision, or a weight or zero point is not one of its numbers.
    pub fn pack_as<W: Element>(
        backend: Backend,
        shape: &Conv2dShape,
        weights: &[W],
        precision: Precision,
        zero_points: impl Into<Per<i32>>,
    ) -> Result<PackedWeights, Error> {
        shape.check()?;
        check_size("number of weights", shape.weights_len(), weights.len())?;
        PackedWeights::pack_convolution(backend, shape, weights, precision, zero_points.into())
    }

    /// Plans the convolution of activations of type `input` (`U8` or `I8`) and zero point `input_zero` with `weights`,
    /// which [`pack`](Self::pack) made for the same channels, kernel and groups.
    ///
    /// `bias` is one `i32` per output channel, in units of `input_scale · weight_scale[n]`, added mod 2³².
    ///
    /// # Errors
    ///
    /// As [`Gemm::new`](crate::Gemm::new), and if the shape is invalid or the weights were packed for another.
    pub fn new(
        shape: Conv2dShape,
        weights: impl Into<Arc<PackedWeights>>,
        input: ElementType,
        input_zero: i32,
        bias: Option<&[i32]>,
        stage: &Stage,
    ) -> Result<Conv2d, Error> {
        let weights = weights.into();
        let window = shape.window()?;
        check_activations(input, input_zero)?;
        let group_channels = shape.in_channels / shape.groups;
        let taps = shape.kernel[0] * shape.kernel[1];
        check_size("output channels of the weights", shape.out_channels, weights.columns())?;
        check_size("depth of the weights", taps * group_channels, weights.depth())?;
        match weights.packed() {
            Packed::Panels(groups) => {
                check_size("channel groups of the weights", shape.groups, groups.len())?;
                let segments = groups.first().map_or(1, |panels| panels.segments());
                // The whole kernel, its rows, or its taps.
                if ![1, shape.kernel[0]].contains(&segments) {
                    check_size("taps of the weights", taps, segments)?;
                }
            }
            // The layout of these weights depends on the kernel's sizes and the number of channels.
            Packed::Taps(packed) => {
                let [height, width] = packed.kernel_size();
                if !shape.is_depthwise() || shape.kernel != [height, width] {
                    let why = format!(
                        "the weights were packed for a depthwise kernel of {height}×{width}: pack them for this shape"
                    );
                    return Err(Error::Shape { what: "convolution", why });
                }
                check_size("channel groups of the weights", shape.groups, packed.channels())?;
            }
        }
        check_bias(bias, shape.out_channels)?;
        let layout = Columns::of(&weights);
        let epilogue = Epilogue::new(stage, layout)?;
        let mut terms = ColumnTerms::new(layout);
        terms.update(&weights, bias, input, input_zero);
        let padding = match weights.packed() {
            Packed::Panels(_) => vec![input_zero as u8; shape.kernel[1] * group_channels],
            Packed::Taps(_) => vec![input_zero as u8; shape.in_channels],
        };
        let mut conv = Conv2d {
            shape,
            window,
            weights,
            input,
            bias: bias.map(<[i32]>::to_vec),
            columns: terms,
            epilogue,
            padding,
            elision: PaddingElision::Nothing,
            tap_sums: Vec::new(),
            input_zero,
            memo: TilingMemo::default(),
        };
        conv.plan_border()?;
        Ok(conv)
    }

    /// Decides which products with the padding are elided.
    fn plan_border(&mut self) -> Result<(), Error> {
        let Fetched::Panels { groups, owner } = self.weights.fetch()? else { return Ok(()) };
        if self.is_matrix() {
            return Ok(());
        }
        let patches = self.patches(0).ok_or_else(uncountable)?;
        self.elision = gemm::best_elision(self.weights.backend(), &patches, &groups[0]);
        if self.elision != PaddingElision::Nothing {
            let taps = self.window.taps();
            for panels in groups {
                let panels = panels.within(owner).map_err(|_| PackedError::Shrunk)?;
                self.tap_sums.extend_from_slice(&panels.tap_sums(taps));
            }
        }
        Ok(())
    }

    /// Changes the activations' zero point, which dynamic quantization learns only at run time. Allocates nothing.
    ///
    /// # Errors
    ///
    /// If the zero point lies outside the activations' type.
    pub fn set_input_zero_point(&mut self, input_zero: i32) -> Result<(), Error> {
        check_activations(self.input, input_zero)?;
        self.columns.update(&self.weights, self.bias.as_deref(), self.input, input_zero);
        self.padding.fill(input_zero as u8);
        self.input_zero = input_zero;
        Ok(())
    }

    /// Changes the factors of a [`Stage::Dequantize`]: see [`Gemm::set_scales`](crate::Gemm::set_scales).
    ///
    /// # Errors
    ///
    /// If the plan does not dequantize, there is another number of factors, or one is not finite.
    pub fn set_scales(&mut self, scales: &[f32]) -> Result<(), Error> {
        self.epilogue.set_scales(scales, Columns::of(&self.weights))
    }

    /// The shape.
    #[must_use]
    pub fn shape(&self) -> &Conv2dShape {
        &self.shape
    }

    /// The type of the activations.
    pub(crate) fn input(&self) -> ElementType {
        self.input
    }

    /// The weights.
    pub(crate) fn weights(&self) -> &PackedWeights {
        &self.weights
    }

    /// The output type.
    #[must_use]
    pub fn output(&self) -> ElementType {
        self.epilogue.output()
    }

    /// Bytes of workspace that a call needs to allocate nothing.
    #[must_use]
    pub fn workspace_bytes(&self) -> usize {
        let scratch = match self.weights.packed() {
            Packed::Panels(groups) => gemm::scratch_bytes(self.weights.backend(), &groups[0]),
            Packed::Taps(taps) => depthwise::scratch_bytes(taps, &self.window),
        };
        scratch.unwrap_or(usize::MAX)
    }

    /// A human-readable account of the path, kernels, tile and blocking that the convolution takes, and why.
    #[must_use]
    pub fn explain(&self) -> String {
        let backend = self.weights.backend();
        let groups = match self.weights.packed() {
            Packed::Panels(groups) => groups,
            Packed::Taps(taps) => {
                let [height, width] = self.shape.kernel;
                let (channels, layout) = (taps.channels(), taps.layout());
                let line_buffer = depthwise::uses_line_buffer(taps, &self.window);
                let rows = if line_buffer { "interleaved once, into line buffers" } else { "read in place" };
                return format!(
                    "depthwise {height}×{width} over {channels} channels → {}: backend {backend}, layout {layout}, rows {rows}",
                    self.output()
                );
            }
        };
        let segments = groups[0].segments();
        let path = if self.is_matrix() {
            "1×1, the image in place as a matrix"
        } else if segments > 1 && segments == self.shape.kernel[0] {
            "patches by pointers to the rows of the kernel"
        } else if segments > 1 {
            "patches by pointers to their taps"
        } else {
            "patches copied tile by tile"
        };
        let border = match self.elision {
            PaddingElision::Nothing => "",
            PaddingElision::Rows => ", without rows of taps outside the image",
            PaddingElision::All => ", without taps outside the image",
        };
        let zeros = self.columns.weight_zeros(0).is_some();
        let (rows, matrix) = (self.shape.output_rows(), self.is_matrix());
        let one = explain_gemm(backend, &groups[0], rows, matrix, self.output(), zeros);
        match groups.len() {
            1 => format!("{path}{border}; {one}"),
            groups => format!("{path}{border}; {groups} groups of {one}"),
        }
    }

    /// The convolution of `input`, NHWC `[batch][h][w][in_channels]`, into `out`, NHWC `[batch][out_h][out_w][out_channels]`.
    ///
    /// # Errors
    ///
    /// If lengths or element types are not those of the plan, or the weights are [shared](PackedWeights::from_shared) with a
    /// buffer that has become shorter.
    #[inline]
    pub fn call<'a, A: Element, T: OutputElement>(
        &'a self,
        input: &'a [A],
        out: &'a mut [T],
    ) -> Result<Call<'a, T, impl Fill<T>>, Error> {
        let (rows, channels) = (self.shape.output_rows(), self.shape.out_channels);
        check_size("number of outputs", rows * channels, out.len())?;
        self.call_rows(input, MatMut::new(out, rows, channels)?)
    }

    /// As [`call`](Self::call), into a matrix with a row for each pixel of the output; rows may have a stride, as in the
    /// channels of a larger image.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call).
    #[inline]
    pub fn call_rows<'a, A: Element, T: OutputElement>(
        &'a self,
        input: &'a [A],
        out: MatMut<'a, T>,
    ) -> Result<Call<'a, T, impl Fill<T>>, Error> {
        self.checked(input, None, out)
    }

    /// As [`call`](Self::call), for an input that was quantized as `range` says, to `f32`: its zero point is in the place of the plan's, and
    /// its scale is a factor of those of the plan's [`Stage::Dequantize`], which are the weights' then:
    /// `clamp(f32(acc) · (scale[n] · range.scale()) + bias[n])`. The plan does not change, so that threads can share it.
    ///
    /// The terms of the zero point are computed in the workspace, which takes time in proportion to the channels. The first such call with a
    /// workspace allocates the memory for them, beside [`workspace_bytes`](Self::workspace_bytes); later ones allocate nothing.
    ///
    /// ```
    /// use eightbit::{Backend, Conv2d, Conv2dShape, Dequantize, ElementType, Per, QuantizedType, Stage, Workspace};
    /// let shape = Conv2dShape::new([1, 2], 1, 1, [1, 1]);
    /// let weights = Conv2d::pack(Backend::best()?, &shape, &[3i8], 0)?;
    /// let stage = Stage::Dequantize(Dequantize::new(Per::Tensor(0.5)));
    /// let conv = Conv2d::new(shape, weights, ElementType::U8, 0, None, &stage)?;
    /// let mut out = [0.0; 2];
    /// conv.call_ranged(&[10u8, 12], QuantizedType::u8(0.25, 10)?, &mut out)?.run(&mut Workspace::new());
    /// assert_eq!(out, [0.0, 0.75]);
    /// # Ok::<(), eightbit::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call), and if the plan does not dequantize, `range` is of another type than the plan's input, or a product of
    /// scales is not finite.
    pub fn call_ranged<'a, A: Element>(
        &'a self,
        input: &'a [A],
        range: QuantizedType,
        out: &'a mut [f32],
    ) -> Result<Call<'a, f32, impl Fill<f32>>, Error> {
        check_type("the range of the activations", self.input, range.element())?;
        let mut scaled = self.epilogue.dequantization_scales()?.iter().map(|scale| scale * range.scale());
        if let Some(found) = scaled.find(|scale| !scale.is_finite()) {
            return Err(Error::NotFinite { what: "dequantization scale", found, index: None });
        }
        let (rows, channels) = (self.shape.output_rows(), self.shape.out_channels);
        check_size("number of outputs", rows * channels, out.len())?;
        self.checked(input, Some(range), MatMut::new(out, rows, channels)?)
    }

    #[inline]
    fn checked<'a, A: Element, T: OutputElement>(
        &'a self,
        input: &'a [A],
        range: Option<QuantizedType>,
        out: MatMut<'a, T>,
    ) -> Result<Call<'a, T, Convolution<'a>>, Error> {
        check_type("the activations", self.input, A::TYPE)?;
        check_type("the output", self.epilogue.output(), T::TYPE)?;
        check_size("number of activations", self.shape.input_len(), input.len())?;
        check_size("rows of the output", self.shape.output_rows(), out.rows())?;
        check_size("columns of the output", self.shape.out_channels, out.columns())?;
        let fill =
            Convolution { conv: self, weights: self.weights.fetch()?, input: A::as_bytes(input), range };
        Ok(Call::new(fill, out.block()))
    }

    /// Computes a block of the convolution of an input, of the plan's length, with its fetched weights.
    pub(crate) fn fill_image<T: OutputElement>(
        &self,
        weights: Fetched<'_>,
        input: &[u8],
        out: OutputBlock<'_, T>,
        workspace: &mut Workspace,
    ) {
        Convolution { conv: self, weights, input, range: None }.fill(out, workspace);
    }

    /// What a call takes of the plan, or computes in a workspace if the input has a range of its own.
    #[inline]
    fn terms<'a>(&'a self, range: Option<QuantizedType>, late: &'a mut Late) -> Terms<'a> {
        match range.map(|range| (range, self.epilogue.dequantization_scales())) {
            Some((range, Ok(scales))) => {
                let input = (self.input, range.zero_point(), range.scale());
                late.terms(&self.weights, self.bias.as_deref(), input, scales, self.padding.len())
            }
            _ => Terms {
                columns: &self.columns,
                padding: &self.padding,
                zero_point: self.input_zero,
                scales: None,
            },
        }
    }

    /// Whether output pixel `m` reads input pixel `m` alone.
    fn is_matrix(&self) -> bool {
        let shape = &self.shape;
        shape.kernel == [1, 1]
            && shape.stride == [1, 1]
            && shape.pad == crate::Padding::default()
            && shape.groups == 1
    }

    /// The left-hand rows of a channel group; `None` if the input is shorter than the shape says.
    fn lhs<'a>(&'a self, input: &'a [u8], padding: &'a [u8], group: usize) -> Option<Lhs<'a>> {
        if self.is_matrix() {
            let (rows, channels) = (self.shape.output_rows(), self.shape.in_channels);
            return MatrixRows::new(input, rows, channels, channels, 1).map(Lhs::Matrix);
        }
        PatchRows::new(self.patches(group)?, input, padding).map(Lhs::Patches)
    }

    /// The patches of a channel group; `None` if the group does not exist.
    fn patches(&self, group: usize) -> Option<Patches> {
        let channels = self.shape.in_channels / self.shape.groups;
        Patches::new(self.window, group.checked_mul(channels)?, channels)
    }
}

/// A plan with its weights and its input.
#[derive(Clone, Copy, Debug)]
struct Convolution<'a> {
    conv: &'a Conv2d,
    weights: Fetched<'a>,
    /// Its length is that of the shape.
    input: &'a [u8],
    /// What the input's elements mean, if the plan does not know it.
    range: Option<QuantizedType>,
}

impl<T: OutputElement> Fill<T> for Convolution<'_> {
    fn grain(&self) -> Grain {
        Grain { rows: TILE_ROWS, columns: None }
    }

    /// Computes one channel group after the other.
    #[inline]
    fn fill(&self, out: OutputBlock<'_, T>, workspace: &mut Workspace) {
        let conv = self.conv;
        let Workspace(scratch, late, ..) = workspace;
        let Terms { columns, padding, zero_point, scales } = conv.terms(self.range, late);
        let stage = |first| match scales {
            Some(scales) => conv.epilogue.stage_with_scales(first, &scales[first..]),
            None => conv.epilogue.stage(first, None),
        };
        let (backend, signed) = (conv.weights.backend(), conv.input == ElementType::I8);
        let (groups, owner) = match self.weights {
            Fetched::Panels { groups, owner } => (groups, owner),
            Fetched::Taps(weights) => {
                let (init, stage) = (columns.init(0), stage(0));
                let (window, input) = (conv.window, self.input);
                let call = depthwise::Call { backend, window, input, padding, signed, weights, init, stage };
                depthwise::run(&call, out, scratch);
                return;
            }
        };
        let mut rest = out;
        for (group, panels) in groups.iter().enumerate() {
            let (block, others) = rest.split_columns(panels.columns());
            rest = others;
            let first = group * panels.padded_columns();
            let tap_sums = conv.tap_sums.len() / groups.len() * group;
            let border =
                Border { elision: conv.elision, tap_sums: &conv.tap_sums[tap_sums..], lhs_zero: zero_point };
            let call = gemm::Call {
                backend,
                lhs: conv.lhs(self.input, padding, group).expect("the length was checked"),
                lhs_signed: signed,
                panels: panels.within(owner).expect("the weights were fetched"),
                init: columns.init(first),
                weight_zeros: columns.weight_zeros(first),
                row_zeros: None,
                border,
                stage: stage(first),
                memo: Some(&conv.memo),
            };
            gemm::run(&call, block.from_first_column(), scratch);
        }
    }
}

fn uncountable() -> Error {
    Error::Shape { what: "convolution", why: "the elements of a patch cannot be counted".into() }
}

//! Three-dimensional convolution plans.

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::mem;
use core::ops::Range;

use eightbit_kernels::gemm::OutputBlock;

use crate::check::{check_size, check_type};
use crate::fill::{Fill, Grain, TILE_ROWS};
use crate::packed::Fetched;
use crate::{
    Backend, Call, Conv2d, Conv3dShape, Element, ElementType, Error, MatMut, MatRef, OutputElement,
    PackedWeights, Per, Precision, Stage, Workspace,
};

/// A three-dimensional convolution with everything that is known before the activations arrive.
///
/// Activations are NDHWC, weights ODHWI; elements outside the volume are the input's zero point. Each slice of the output is a [`Conv2d`]
/// of an image whose pixels have the channels of all slices that it depends on: these are copied side by side, as far as a task reads them.
/// A kernel of depth 1 reads them in place, except those of the padding.
///
/// Depthwise convolutions have kernels of their own only if their depth is 1. With more depth each channel is a product with a single column,
/// which is padded to 16: slow.
///
/// ```
/// use eightbit::{Backend, Conv3d, Conv3dShape, ElementType, Stage, Workspace};
/// let shape = Conv3dShape::new([2, 4, 4], 1, 1, [3, 3, 3]).with_pad([[1, 1]; 3]);
/// let weights = Conv3d::pack(Backend::best()?, &shape, &[1i8; 27], 0)?;
/// let conv = Conv3d::new(shape, weights, ElementType::U8, 0, None, &Stage::ACCUMULATORS)?;
/// let mut out = [0i32; 32];
/// conv.call(&[1u8; 32], &mut out)?.run(&mut Workspace::new());
/// assert_eq!(out[..4], [8, 12, 12, 8]);
/// # Ok::<(), eightbit::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Conv3d {
    shape: Conv3dShape,
    stacked: Conv2d,
    /// As a byte, in the place of slices outside the volume.
    input_zero: u8,
}

impl Conv3d {
    /// Packs weights, ODHWI `[out_channels][kd][kh][kw][in_channels / groups]`, for a backend.
    ///
    /// # Errors
    ///
    /// As [`Conv2d::pack`].
    pub fn pack<W: Element>(
        backend: Backend,
        shape: &Conv3dShape,
        weights: &[W],
        zero_points: impl Into<Per<i32>>,
    ) -> Result<PackedWeights, Error> {
        Self::pack_as(backend, shape, weights, Precision::EIGHT, zero_points)
    }

    /// As [`pack`](Self::pack), weights of a precision: see [`Conv2d::pack_as`].
    ///
    /// # Errors
    ///
    /// As [`Conv2d::pack_as`].
    pub fn pack_as<W: Element>(
        backend: Backend,
        shape: &Conv3dShape,
        weights: &[W],
        precision: Precision,
        zero_points: impl Into<Per<i32>>,
    ) -> Result<PackedWeights, Error> {
        shape.check()?;
        check_size("number of weights", shape.weights_len(), weights.len())?;
        let (stacked, [depth, height, width]) = (shape.stacked(), shape.kernel());
        let (taps, channels) = (height * width, shape.in_channels() / shape.groups());
        // In the caller's order, so that the error names its place there.
        let by_output = MatRef::new(weights, shape.out_channels(), depth * taps * channels)?;
        precision.check_weights(&by_output.transposed())?;
        let mut ordered = Vec::with_capacity(weights.len());
        for of_output in weights.chunks_exact(depth * taps * channels) {
            for tap in 0..taps {
                for slice in of_output.chunks_exact(taps * channels) {
                    ordered.extend_from_slice(&slice[tap * channels..][..channels]);
                }
            }
        }
        Conv2d::pack_as(backend, &stacked, &ordered, precision, zero_points)
    }

    /// Plans the convolution of activations of type `input` (`U8` or `I8`) and zero point `input_zero` with `weights`,
    /// which [`pack`](Self::pack) made for the same channels, kernel and groups.
    ///
    /// `bias` is one `i32` per output channel, in units of `input_scale · weight_scale[n]`, added mod 2³².
    ///
    /// # Errors
    ///
    /// As [`Conv2d::new`].
    pub fn new(
        shape: Conv3dShape,
        weights: impl Into<Arc<PackedWeights>>,
        input: ElementType,
        input_zero: i32,
        bias: Option<&[i32]>,
        stage: &Stage,
    ) -> Result<Conv3d, Error> {
        shape.check()?;
        let stacked = Conv2d::new(shape.stacked(), weights, input, input_zero, bias, stage)?;
        Ok(Conv3d { shape, stacked, input_zero: input_zero as u8 })
    }

    /// The shape.
    #[must_use]
    pub fn shape(&self) -> &Conv3dShape {
        &self.shape
    }

    /// The output type.
    #[must_use]
    pub fn output(&self) -> ElementType {
        self.stacked.output()
    }

    /// Bytes of workspace that a call takes, beside those of an image: `kd · h · w · in_channels`, unless the kernel has depth 1 and there is
    /// no padding before or behind. The first call with a workspace allocates the memory for it.
    #[must_use]
    pub fn workspace_bytes(&self) -> usize {
        self.stacked.workspace_bytes()
    }

    /// A human-readable account of the path, kernels, tile and blocking that a slice of the output takes, and why.
    #[must_use]
    pub fn explain(&self) -> String {
        let [depth, ..] = self.shape.kernel();
        let slices = if depth == 1 {
            "a slice in place".into()
        } else {
            format!("{depth} slices copied side by side")
        };
        format!("{slices}; {}", self.stacked.explain())
    }

    /// The convolution of `input`, NDHWC `[batch][d][h][w][in_channels]`, into `out`, NDHWC `[batch][out_d][out_h][out_w][out_channels]`.
    ///
    /// # Errors
    ///
    /// As [`Conv2d::call`].
    pub fn call<'a, A: Element, T: OutputElement>(
        &'a self,
        input: &'a [A],
        out: &'a mut [T],
    ) -> Result<Call<'a, T, impl Fill<T>>, Error> {
        let stacked = self.stacked.shape();
        let (rows, channels) = (self.shape.output_slices() * stacked.output_rows(), stacked.out_channels);
        check_type("the activations", self.stacked.input(), A::TYPE)?;
        check_type("the output", self.output(), T::TYPE)?;
        check_size("number of activations", self.shape.input_len(), input.len())?;
        check_size("number of outputs", rows * channels, out.len())?;
        let weights = self.stacked.weights().fetch()?;
        let fill = Convolution { conv: self, weights, input: A::as_bytes(input) };
        Ok(Call::new(fill, MatMut::new(out, rows, channels)?.block()))
    }
}

/// A plan with its weights and its input.
#[derive(Clone, Copy, Debug)]
struct Convolution<'a> {
    conv: &'a Conv3d,
    weights: Fetched<'a>,
    /// Its length is that of the shape.
    input: &'a [u8],
}

impl<T: OutputElement> Fill<T> for Convolution<'_> {
    fn grain(&self) -> Grain {
        Grain { rows: TILE_ROWS, columns: None }
    }

    /// Computes one slice of the output after the other.
    fn fill(&self, out: OutputBlock<'_, T>, workspace: &mut Workspace) {
        let stacked = &self.conv.stacked;
        let pixels = stacked.shape().output_rows();
        // The convolution of a slice uses the workspace meanwhile.
        let mut image = mem::take(&mut workspace.3);
        let mut rest = out;
        while rest.rows() > 0 {
            let (slice, pixel) = (rest.first_row() / pixels, rest.first_row() % pixels);
            let count = rest.rows().min(pixels - pixel);
            let (block, others) = rest.split_rows(count);
            rest = others;
            let input = self.stack(slice, pixel..pixel + count, &mut image);
            stacked.fill_image(self.weights, input, block.from_row(pixel), workspace);
        }
        workspace.3 = image;
    }
}

impl Convolution<'_> {
    /// The image that a slice of the output is the convolution of, as far as some of its pixels depend on it.
    fn stack<'m>(&'m self, slice: usize, pixels: Range<usize>, image: &'m mut Vec<u8>) -> &'m [u8] {
        let shape = &self.conv.shape;
        let ([depth, ..], [_, height, width]) = (shape.kernel(), shape.input());
        let (line, group) = (width * shape.in_channels(), shape.in_channels() / shape.groups());
        let len = height * line;
        if let (1, Some(from)) = (depth, shape.slice_of(slice, 0)) {
            return &self.input[from * len..][..len];
        }
        image.resize(image.len().max(depth * len), 0);
        let lines = lines_of(&self.conv.stacked, pixels);
        let image_lines = &mut image[depth * line * lines.start..depth * line * lines.end];
        for tap in 0..depth {
            let into =
                image_lines.chunks_exact_mut(depth * group).map(|pixel| &mut pixel[tap * group..][..group]);
            match shape.slice_of(slice, tap) {
                None => into.for_each(|codes| codes.fill(self.conv.input_zero)),
                Some(from) => {
                    let from = &self.input[from * len..][line * lines.start..line * lines.end];
                    into.zip(from.chunks_exact(group)).for_each(|(codes, from)| codes.copy_from_slice(from));
                }
            }
        }
        &image[..depth * len]
    }
}

/// The lines of an image that some pixels of its convolution depend on.
fn lines_of(conv: &Conv2d, pixels: Range<usize>) -> Range<usize> {
    let shape = conv.shape();
    let [_, width] = shape.output();
    let (first, last) = (pixels.start / width, (pixels.end - 1) / width);
    let begin = (first * shape.stride[0]).saturating_sub(shape.pad.top);
    let reach = (shape.kernel[0] - 1) * shape.dilation[0] + 1;
    let end = (last * shape.stride[0] + reach).saturating_sub(shape.pad.top).min(shape.input[0]);
    begin.min(end)..end
}

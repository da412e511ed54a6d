//! Packed weights of a depthwise convolution.

use alloc::vec;
use alloc::vec::Vec;

use core::ops::{Deref, Range};

use super::kernel::DepthwiseKernel;
use crate::{Backend, Bytes};

/// Weights before packing.
#[derive(Clone, Copy, Debug)]
pub struct TapsView<'a> {
    /// The elements' bytes.
    pub data: &'a [u8],
    /// Whether they are `i8`.
    pub signed: bool,
    /// Channels.
    pub channels: usize,
    /// Kernel height and width.
    pub kernel: [usize; 2],
    /// Elements from one tap to the next (in a row of taps, and from the last of a row to the first of the next).
    pub tap_stride: usize,
    /// Elements from one channel to the next.
    pub channel_stride: usize,
}

/// Why saved taps cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TapsError {
    /// The backend has no kernel that reads this layout.
    Layout {
        /// The layout that the backend prefers.
        best: &'static str,
    },
    /// The number of bytes does not fit the shape.
    Length {
        /// Bytes that the shape needs.
        expected: usize,
        /// Bytes found.
        found: usize,
    },
    /// The layout needs more channels.
    Channels {
        /// The least number that it can hold.
        least: usize,
    },
    /// The shape's size overflows, or there are no taps.
    TooLarge,
    /// The buffer that the weights are shared with has become shorter.
    Shrunk,
}

impl core::fmt::Display for TapsError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            TapsError::Layout { best } => {
                write!(f, "the backend reads other layouts of depthwise weights, such as `{best}`")
            }
            TapsError::Length { expected, found } => {
                write!(f, "the shape needs {expected} bytes of depthwise weights, found {found}")
            }
            TapsError::Channels { least } => write!(f, "the layout needs at least {least} channels"),
            TapsError::TooLarge => f.write_str("the shape's size overflows, or it has no taps"),
            TapsError::Shrunk => {
                f.write_str("the buffer that the weights are shared with has become shorter")
            }
        }
    }
}

impl core::error::Error for TapsError {}

/// Weights minus their zero points, in the order that a kernel reads them:
/// `[block][kx][⌈height/group⌉][channel in block][group]`, zero-padded. Of a kernel that takes bytes around a centre, `kx` has a
/// further value: there the centre is, in the place of every tap of a column.
#[derive(Clone)]
pub struct PackedTaps {
    bytes: Bytes,
    kernel: &'static DepthwiseKernel,
    channels: usize,
    size: [usize; 2],
    /// Sum of each channel's differences.
    sums: Vec<i32>,
    /// The packed bytes with their rows moved down by one, two … within the groups; empty unless the kernel works with a line
    /// buffer.
    shifted: Vec<Bytes>,
    /// Whether any centre of each block differs from 0; empty unless the kernel takes centres.
    centred: Vec<bool>,
}

impl PackedTaps {
    /// Packs weights for a backend: in the layout of the best of its kernels that can hold them.
    ///
    /// `zero(c)` is the zero point of channel `c`, within the weights' own type.
    ///
    /// # Panics
    ///
    /// If the view reaches past its data, the kernel has no taps, or a zero point is outside the weights' type.
    #[must_use]
    pub fn pack(backend: Backend, weights: &TapsView<'_>, zero: impl Fn(usize) -> i32) -> PackedTaps {
        let (channels, [height, width]) = (weights.channels, weights.kernel);
        let taps = height.checked_mul(width).expect("number of taps overflows");
        assert!(taps > 0, "a kernel has taps");
        if channels > 0 {
            let last = (taps - 1).checked_mul(weights.tap_stride).and_then(|down| {
                (channels - 1).checked_mul(weights.channel_stride).and_then(|across| down.checked_add(across))
            });
            assert!(last.is_some_and(|last| last < weights.data.len()), "weights too short");
        }
        let zeros: Vec<i32> = (0..channels).map(zero).collect();
        let range = if weights.signed { -128..=127 } else { 0..=255 };
        assert!(zeros.iter().all(|zero| range.contains(zero)), "a zero point is outside the weights' type");
        let difference = |channel: usize, tap: usize| {
            let byte = weights.data[tap * weights.tap_stride + channel * weights.channel_stride];
            let weight = if weights.signed { i32::from(byte.cast_signed()) } else { i32::from(byte) };
            weight - zeros[channel]
        };
        let wider = |[least, most]: [i32; 2], value: i32| [value.min(least), value.max(most)];
        let range_of = |c: usize| (0..taps).map(|tap| difference(c, tap)).fold([0, 0], wider);
        let range = (0..channels).flat_map(range_of).fold([0, 0], wider);
        let kernels = backend.entry().depthwise;
        let mut chosen =
            kernels.iter().filter(|kernel| kernel.accepts(channels, range) && kernel.suits(channels));
        let kernel = *chosen.next().expect("the last accepts all");

        let shape = Shape::new(kernel, channels, weights.kernel).expect("packed size overflows");
        let mut bytes = vec![0u8; shape.bytes];
        let mut sums = vec![0i32; channels];
        for block in 0..kernel.blocks(channels) {
            let (first, count) = kernel.block_channels(block, channels);
            for channel in 0..count {
                let centre = kernel.centre(range_of(first + channel));
                let mut sum = 0i32;
                for ky in 0..height {
                    for kx in 0..kernel.columns(width) {
                        let value = if kx == width {
                            centre
                        } else {
                            let value = difference(first + channel, ky * width + kx);
                            sum = sum.wrapping_add(value);
                            value - centre
                        };
                        put(&mut bytes[shape.tap(kernel, block, channel, ky, kx)], value);
                    }
                }
                sums[first + channel] = sum;
            }
        }
        let shifted = shift(kernel, channels, weights.kernel, &bytes).expect("packed size overflows");
        let centred = shape.centred(kernel, &bytes);
        let bytes = Bytes::copy_from(&bytes);
        PackedTaps { bytes, kernel, channels, size: weights.kernel, sums, shifted, centred }
    }

    /// Taps that were saved: the bytes that [`Taps::bytes`] returned, for the same shape and layout.
    ///
    /// # Errors
    ///
    /// If the backend does not read the layout, or the length does not fit the shape. Wrong bytes of the right length
    /// give wrong results, nothing worse: a checksum is the caller's business.
    pub fn from_bytes(
        backend: Backend,
        layout: &str,
        bytes: Bytes,
        channels: usize,
        size: [usize; 2],
    ) -> Result<PackedTaps, TapsError> {
        let kernels = backend.entry().depthwise;
        let Some(&kernel) = kernels.iter().find(|kernel| kernel.layout == layout) else {
            return Err(TapsError::Layout { best: kernels[0].layout });
        };
        // Without channels there are no bytes to check the kernel's size against.
        if channels == 0 {
            return Err(TapsError::Channels { least: 1 });
        }
        if !kernel.accepts(channels, [0, 0]) {
            return Err(TapsError::Channels { least: kernel.block });
        }
        let shape = Shape::new(kernel, channels, size).ok_or(TapsError::TooLarge)?;
        // The buffer is asked once: the bytes that are checked are the bytes that are summed.
        let saved = bytes.get().ok_or(TapsError::Shrunk)?;
        if saved.len() != shape.bytes {
            return Err(TapsError::Length { expected: shape.bytes, found: saved.len() });
        }
        let mut sums = vec![0i32; channels];
        for block in 0..kernel.blocks(channels) {
            let (first, count) = kernel.block_channels(block, channels);
            for channel in 0..count {
                let mut sum = 0i32;
                for ky in 0..size[0] {
                    for kx in 0..kernel.columns(size[1]) {
                        let value = get(&saved[shape.tap(kernel, block, channel, ky, kx)]);
                        // A centre counts for every tap of its row.
                        let taps = if kx == size[1] { size[1] as i32 } else { 1 };
                        sum = sum.wrapping_add(value.wrapping_mul(taps));
                    }
                }
                sums[first + channel] = sum;
            }
        }
        let shifted = shift(kernel, channels, size, saved).ok_or(TapsError::TooLarge)?;
        let centred = shape.centred(kernel, saved);
        Ok(PackedTaps { bytes, kernel, channels, size, sums, shifted, centred })
    }

    /// The initial accumulators: `bias[c] − za·Σ(w − zw)`, with the offset that the kernel adds to activations, mod 2³².
    ///
    /// # Panics
    ///
    /// If `init` or `bias` is shorter than the channels.
    pub fn initial_accumulators(
        &self,
        bias: Option<&[i32]>,
        activation_zero: i32,
        activation_signed: bool,
        init: &mut [i32],
    ) {
        let za = activation_zero.wrapping_add(self.kernel.offsets[usize::from(activation_signed)]);
        for (channel, (init, sum)) in init[..self.channels].iter_mut().zip(&self.sums).enumerate() {
            *init = bias.map_or(0, |bias| bias[channel]).wrapping_sub(za.wrapping_mul(*sum));
        }
    }

    /// The weights with their bytes, for a call.
    ///
    /// # Errors
    ///
    /// [`TapsError::Shrunk`] if the buffer that they are shared with has become too short. It is asked once.
    pub fn get(&self) -> Result<Taps<'_>, TapsError> {
        let bytes = self.bytes.get().ok_or(TapsError::Shrunk)?;
        Ok(Taps { packed: self, bytes })
    }

    /// The layout's name, which depends on the backend, the number of channels and the weights' range.
    #[must_use]
    pub fn layout(&self) -> &'static str {
        self.kernel.layout
    }

    /// Channels.
    #[must_use]
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// Kernel height and width.
    #[must_use]
    pub fn kernel_size(&self) -> [usize; 2] {
        self.size
    }

    pub(super) fn kernel(&self) -> &'static DepthwiseKernel {
        self.kernel
    }

    /// Bytes of a block of channels.
    pub(super) fn block_bytes(&self) -> usize {
        self.shifted_block_bytes(0)
    }

    /// Whether a block has a centre that is not 0: else its kernel may leave the centres out.
    pub(super) fn is_centred(&self, block: usize) -> bool {
        self.centred.get(block).is_some_and(|&centred| centred)
    }

    fn shifted_block_bytes(&self, shift: usize) -> usize {
        self.kernel.columns(self.size[1])
            * self.kernel.groups(self.size[0] + shift)
            * self.kernel.lane_bytes()
    }
}

/// Packed taps with the bytes of all of their blocks: what a call takes. It dereferences to its taps.
#[derive(Clone, Copy, Debug)]
pub struct Taps<'a> {
    packed: &'a PackedTaps,
    bytes: &'a [u8],
}

impl<'a> Taps<'a> {
    /// The packed bytes.
    #[must_use]
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The weights with their rows moved down by `shift`, which is less than the kernel's group and, unless the kernel works
    /// with a line buffer, 0; and the bytes of a block.
    ///
    /// # Panics
    ///
    /// If there are no such weights.
    pub(super) fn shifted(&self, shift: usize) -> (&'a [u8], usize) {
        let bytes = match shift {
            0 => self.bytes,
            _ => self.packed.shifted[shift - 1].get().expect("bytes that are owned"),
        };
        (bytes, self.packed.shifted_block_bytes(shift))
    }
}

impl Deref for Taps<'_> {
    type Target = PackedTaps;

    fn deref(&self) -> &PackedTaps {
        self.packed
    }
}

/// See [`Taps::shifted`]: one, two … up to the kernel's group; none unless the kernel works with a line buffer at this height.
fn shift(kernel: &DepthwiseKernel, channels: usize, size: [usize; 2], bytes: &[u8]) -> Option<Vec<Bytes>> {
    if kernel.line_buffer(size[0]).is_none() {
        return Some(Vec::new());
    }
    let from = Shape::new(kernel, channels, size)?;
    let columns = kernel.columns(size[1]);
    let shifted = |shift: usize| {
        let to = Shape::new(kernel, channels, [size[0].checked_add(shift)?, size[1]])?;
        let mut moved = vec![0u8; to.bytes];
        for block in 0..kernel.blocks(channels) {
            for channel in 0..kernel.block_channels(block, channels).1 {
                for (ky, kx) in (0..size[0]).flat_map(|ky| (0..columns).map(move |kx| (ky, kx))) {
                    let source = from.tap(kernel, block, channel, ky, kx);
                    let target = to.tap(kernel, block, channel, ky + shift, kx);
                    moved[target].copy_from_slice(&bytes[source]);
                }
            }
        }
        Some(Bytes::copy_from(&moved))
    };
    (1..kernel.group).map(shifted).collect()
}

impl core::fmt::Debug for PackedTaps {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("PackedTaps")
            .field("layout", &self.layout())
            .field("channels", &self.channels)
            .field("kernel_size", &self.size)
            .finish_non_exhaustive()
    }
}

/// The sizes of a packed array, checked once.
struct Shape {
    groups: usize,
    columns: usize,
    bytes: usize,
}

impl Shape {
    fn new(kernel: &DepthwiseKernel, channels: usize, [height, width]: [usize; 2]) -> Option<Shape> {
        width.checked_add(1)?.checked_mul(height)?;
        let (groups, columns) = (kernel.groups(height), kernel.columns(width));
        let bytes = kernel.blocks(channels).checked_mul(kernel.lane_bytes())?;
        let bytes = bytes.checked_mul(groups.checked_mul(columns)?)?;
        (height > 0 && width > 0 && isize::try_from(bytes).is_ok()).then_some(Shape {
            groups,
            columns,
            bytes,
        })
    }

    /// See [`PackedTaps::is_centred`], for each block.
    fn centred(&self, kernel: &DepthwiseKernel, bytes: &[u8]) -> Vec<bool> {
        if !kernel.centred {
            return Vec::new();
        }
        let column = self.groups * kernel.lane_bytes();
        let blocks = bytes.chunks_exact(self.columns * column);
        blocks.map(|block| block[(self.columns - 1) * column..].iter().any(|&byte| byte != 0)).collect()
    }

    /// The bytes of a tap, or of a centre.
    fn tap(
        &self,
        kernel: &DepthwiseKernel,
        block: usize,
        channel: usize,
        ky: usize,
        kx: usize,
    ) -> Range<usize> {
        let group = (block * self.columns + kx) * self.groups + ky / kernel.group;
        let lane = group * kernel.block + kernel.position(channel);
        let size = 4 / kernel.group;
        let at = lane * 4 + ky % kernel.group * size;
        at..at + size
    }
}

/// Stores `value` in one, two or four bytes, little-endian: the bytes are saved as they are.
fn put(bytes: &mut [u8], value: i32) {
    match bytes.len() {
        1 => bytes[0] = value as u8,
        2 => bytes.copy_from_slice(&(value as i16).to_le_bytes()),
        _ => bytes.copy_from_slice(&value.to_le_bytes()),
    }
}

fn get(bytes: &[u8]) -> i32 {
    match *bytes {
        [a] => i32::from(a.cast_signed()),
        [a, b] => i32::from(i16::from_le_bytes([a, b])),
        [a, b, c, d] => i32::from_le_bytes([a, b, c, d]),
        _ => 0,
    }
}

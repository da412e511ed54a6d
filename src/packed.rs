//! Packed weights: made once, self-describing, saved and loaded.

use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

mod format;

use alloc::sync::Arc;

use eightbit_kernels::depthwise::{PackedTaps, Taps, TapsView};
use eightbit_kernels::gemm::{self, MAX_EMPTY_COLUMNS, PackedPanels, WeightsPath};
use eightbit_kernels::{Bytes, Owner};

use crate::check::in_range;
use crate::{Backend, Conv2dShape, Element, ElementType, Error, MatRef, PackedError, Per, Precision};

/// Weights in the order that a backend's kernels read them, with their zero points.
///
/// They are made once, when a model is loaded. They can be saved ([`to_bytes`](Self::to_bytes)) and loaded
/// ([`from_bytes`](Self::from_bytes), or [`from_shared`](Self::from_shared) to use a mapped file in place). Saved weights
/// describe themselves: a damaged file, or one packed for a layout that the backend does not read, is a typed error.
#[derive(Clone, Debug)]
pub struct PackedWeights {
    backend: Backend,
    element: ElementType,
    precision: Precision,
    zero_points: Per<i32>,
    packed: Packed,
}

/// Weights packed for one of the two kinds of kernels.
#[derive(Clone, Debug)]
pub(crate) enum Packed {
    /// For matrix multiplication: one for each channel group, at least one, all of the same shape.
    Panels(Vec<PackedPanels>),
    /// For depthwise convolution.
    Taps(PackedTaps),
}

/// Packed weights with the bytes of their buffer, fetched once per call for all of its tasks.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fetched<'a> {
    /// The groups, all of which are [within](PackedPanels::within) these bytes.
    Panels {
        groups: &'a [PackedPanels],
        owner: Owner<'a>,
    },
    Taps(Taps<'a>),
}

/// The largest depth of weights without columns: padded to whole groups, it does not overflow.
const MAX_EMPTY_DEPTH: usize = isize::MAX as usize;

/// The most elements of a matrix that repeats elements.
pub(crate) const MAX_REPEATED: usize = 1 << 24;

impl PackedWeights {
    /// Packs a `k × n` matrix for a backend. A matrix kept as `n × k` is packed as its
    /// [`transposed`](MatRef::transposed) view, without copying.
    ///
    /// # Errors
    ///
    /// If there is not one zero point per column (or one for all), one is outside the weights' type, or the matrix is
    /// large without the elements to match: more than 2¹⁶ columns of depth 0, or more than 2²⁴ elements of which some are
    /// repeated.
    ///
    /// ```
    /// use eightbit::{Backend, MatRef, PackedWeights};
    /// let weights = MatRef::new(&[1i8, 2, 3, 4, 5, 6], 3, 2)?;
    /// let packed = PackedWeights::pack(Backend::best()?, &weights, 0)?;
    /// assert_eq!((packed.depth(), packed.columns()), (3, 2));
    /// # Ok::<(), eightbit::Error>(())
    /// ```
    pub fn pack<W: Element>(
        backend: Backend,
        weights: &MatRef<'_, W>,
        zero_points: impl Into<Per<i32>>,
    ) -> Result<PackedWeights, Error> {
        Self::pack_as(backend, weights, Precision::EIGHT, zero_points)
    }

    /// As [`pack`](Self::pack), weights of a precision: they take as many bits as it needs, of two, four and eight.
    ///
    /// Products of many rows unfold them to bytes, a block of columns at a time; those of few rows read them as they are, where the backend has
    /// kernels for that ([`Gemm::explain`](crate::Gemm::explain) tells).
    ///
    /// # Errors
    ///
    /// As [`pack`](Self::pack), and if there is no such precision, or a weight or zero point is not one of its numbers.
    ///
    /// ```
    /// use eightbit::{Backend, MatRef, PackedWeights, Precision};
    /// // As a file has them: `[n][k]`, two weights in a byte.
    /// let weights: Vec<u8> = Precision::Bits(4).unpack(&[0x21, 0x43, 0x65], 6)?;
    /// let weights = MatRef::new(&weights, 2, 3)?.transposed();
    /// let packed = PackedWeights::pack_as(Backend::best()?, &weights, Precision::Bits(4), 8)?;
    /// assert_eq!((packed.depth(), packed.columns()), (3, 2));
    /// # Ok::<(), eightbit::Error>(())
    /// ```
    pub fn pack_as<W: Element>(
        backend: Backend,
        weights: &MatRef<'_, W>,
        precision: Precision,
        zero_points: impl Into<Per<i32>>,
    ) -> Result<PackedWeights, Error> {
        let zero_points = zero_points.into();
        check_zero_points(&zero_points, weights.columns(), precision.range(W::TYPE)?)?;
        let (k, n) = (weights.rows(), weights.columns());
        let empty = (k == 0 && n > MAX_EMPTY_COLUMNS) || (n == 0 && k > MAX_EMPTY_DEPTH);
        if empty || (weights.repeats() && k * n > MAX_REPEATED) {
            let why = format!("{k} × {n} weights are too many for a slice with fewer elements");
            return Err(Error::Shape { what: "weights", why });
        }
        precision.check_weights(weights)?;
        let view = weights.weights([1, weights.rows()], 1, precision.bits());
        let packed = Packed::Panels(vec![PackedPanels::pack(backend, &view)]);
        Ok(PackedWeights { backend, element: W::TYPE, precision, zero_points, packed })
    }

    /// Packs the OHWI weights of a convolution, for a checked shape and of its length.
    pub(crate) fn pack_convolution<W: Element>(
        backend: Backend,
        shape: &Conv2dShape,
        weights: &[W],
        precision: Precision,
        zero_points: Per<i32>,
    ) -> Result<PackedWeights, Error> {
        check_zero_points(&zero_points, shape.out_channels, precision.range(W::TYPE)?)?;
        let taps = shape.kernel[0] * shape.kernel[1];
        let of_channel = taps * (shape.in_channels / shape.groups);
        precision.check_weights(&MatRef::new(weights, shape.out_channels, of_channel)?.transposed())?;
        if shape.is_depthwise() {
            let view = TapsView {
                data: W::as_bytes(weights),
                signed: W::SIGNED,
                channels: shape.out_channels,
                kernel: shape.kernel,
                tap_stride: 1,
                channel_stride: taps,
            };
            let packed = Packed::Taps(PackedTaps::pack(backend, &view, |channel| zero_points.of(channel)));
            return Ok(PackedWeights { backend, element: W::TYPE, precision, zero_points, packed });
        }
        let group_channels = shape.in_channels / shape.groups;
        let depth = of_channel;
        let contiguous = shape.groups == 1 && shape.dilation[1] == 1;
        let (segments, segment_len) =
            PackedPanels::convolution_segments(backend, shape.kernel, group_channels, contiguous);
        // A patch that is copied whole has no taps that could be left out.
        let sums = if segments == 1 && shape.kernel[0] > 1 { 1 } else { taps };
        let columns = shape.out_channels / shape.groups;
        let views = (0..shape.groups)
            .map(|group| {
                let rows = &weights[group * columns * depth..(group + 1) * columns * depth];
                let matrix = MatRef::new(rows, columns, depth)?.transposed();
                Ok(matrix.weights([segments, segment_len], sums, precision.bits()))
            })
            .collect::<Result<Vec<_>, Error>>()?;
        let groups = PackedPanels::pack_groups(backend, &views);
        Ok(PackedWeights {
            backend,
            element: W::TYPE,
            precision,
            zero_points,
            packed: Packed::Panels(groups),
        })
    }

    /// The backend for which the weights were packed.
    #[must_use]
    pub fn backend(&self) -> Backend {
        self.backend
    }

    /// The weights' type before packing: `U8` or `I8`.
    #[must_use]
    pub fn element(&self) -> ElementType {
        self.element
    }

    /// How many numbers a weight may be. Those of a depthwise convolution are packed as bytes, whatever it is.
    #[must_use]
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// Whether matrix products of so many rows read weights of fewer bits than eight as they are, which takes less time than bytes of the same
    /// weights do where rows are few. `false` where calls unfold them to bytes, and for weights of eight bits.
    ///
    /// ```
    /// use eightbit::{Backend, MatRef, PackedWeights, Precision};
    /// let backend = Backend::best()?;
    /// let weights = MatRef::new(&[1i8; 64 * 16], 64, 16)?;
    /// let bytes = PackedWeights::pack(backend, &weights, 0)?;
    /// assert!(!bytes.are_read_folded(1));
    /// let four = PackedWeights::pack_as(backend, &weights, Precision::Bits(4), 0)?;
    /// assert!(!four.are_read_folded(1_000_000), "unfolding them once pays");
    /// # Ok::<(), eightbit::Error>(())
    /// ```
    #[must_use]
    pub fn are_read_folded(&self, rows: usize) -> bool {
        let Packed::Panels(groups) = &self.packed else { return false };
        groups.first().is_some_and(|panels| {
            let tiling = gemm::tiling(self.backend, rows, true, panels);
            tiling.is_some_and(|tiling| tiling.weights == WeightsPath::Folded)
        })
    }

    /// The depth `k` (of one channel group; of a depthwise convolution, its taps).
    #[must_use]
    #[inline]
    pub fn depth(&self) -> usize {
        match &self.packed {
            Packed::Panels(groups) => groups.first().map_or(0, |panels| panels.depth()),
            Packed::Taps(taps) => taps.kernel_size()[0] * taps.kernel_size()[1],
        }
    }

    /// The columns `n`, of all groups together: the output channels.
    #[must_use]
    #[inline]
    pub fn columns(&self) -> usize {
        match &self.packed {
            Packed::Panels(groups) => groups.iter().map(|panels| panels.columns()).sum(),
            Packed::Taps(taps) => taps.channels(),
        }
    }

    /// The name of the layout: backends with the same layout read each other's weights.
    #[must_use]
    pub fn layout(&self) -> &'static str {
        match &self.packed {
            Packed::Panels(groups) => groups.first().map_or("", |panels| panels.layout()),
            Packed::Taps(taps) => taps.layout(),
        }
    }

    /// The zero points, in the weights' own type.
    #[must_use]
    pub fn zero_points(&self) -> &Per<i32> {
        &self.zero_points
    }

    /// The packed weights as bytes that [`from_bytes`](Self::from_bytes) reads: a header, the panels (64-byte aligned
    /// from the start), a CRC-32 of everything before it. The bytes do not depend on the machine's byte order.
    ///
    /// The result is empty for [shared](Self::from_shared) weights whose buffer has become shorter.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.fetch().map(|fetched| format::write(self, fetched)).unwrap_or_default()
    }

    /// Loads saved weights by copying them.
    ///
    /// # Errors
    ///
    /// [`Error::Packed`] if the bytes are damaged, truncated, of another version, or in a layout that `backend` does
    /// not read.
    pub fn from_bytes(backend: Backend, bytes: &[u8]) -> Result<PackedWeights, Error> {
        format::read(backend, bytes, |range| Some(Bytes::copy_from(bytes.get(range)?)))
    }

    /// Loads saved weights and uses the panels in place, for instance in a file that is mapped into memory. The whole buffer
    /// is read once, for its checksum.
    ///
    /// Every call fetches the bytes of the buffer once, and all tasks of the call read these bytes. The bytes should not change
    /// while the weights exist; nothing checks them after loading. If they change, results are those of other weights. If the
    /// buffer returns fewer bytes, calls return [`PackedError::Shrunk`]. Neither case reads memory outside the buffer. But a
    /// mapped file that is truncated keeps its length in memory, and reading its lost pages ends the program (`SIGBUS`): map
    /// only files that do not change, or use [`from_bytes`](Self::from_bytes).
    ///
    /// # Errors
    ///
    /// As [`from_bytes`](Self::from_bytes).
    pub fn from_shared(
        backend: Backend,
        buffer: Arc<dyn AsRef<[u8]> + Send + Sync>,
    ) -> Result<PackedWeights, Error> {
        let bytes = (*buffer).as_ref();
        format::read(backend, bytes, |range| Bytes::shared(Arc::clone(&buffer), range.start, range.len()))
    }

    /// Fetches the bytes: once for all groups, which lie in one buffer.
    pub(crate) fn fetch(&self) -> Result<Fetched<'_>, Error> {
        let fetched = match &self.packed {
            Packed::Panels(groups) => {
                let owner = groups[0].owner();
                let all = groups.iter().all(|panels| panels.within(owner).is_ok());
                all.then_some(Fetched::Panels { groups, owner })
            }
            Packed::Taps(taps) => taps.get().ok().map(Fetched::Taps),
        };
        Ok(fetched.ok_or(PackedError::Shrunk)?)
    }

    #[inline]
    pub(crate) fn packed(&self) -> &Packed {
        &self.packed
    }
}

fn check_zero_points(zero_points: &Per<i32>, columns: usize, (low, high): (i32, i32)) -> Result<(), Error> {
    zero_points.expect_channels("number of weight zero points", columns)?;
    let mut values = zero_points.values();
    values.try_for_each(|(_, zero_point)| in_range("weight zero point", zero_point, low, high))
}

//! What a backend gives to the GEMM driver: a list of variants, best first.

use super::weights::Width;
use super::{GroupTileRows, Layout, MatrixUnit, ProductSize, RowSums, Tile};

/// One way of a backend to multiply matrices. Its list of variants ends with one that takes all weights.
pub(crate) struct Variant {
    /// The human-readable name.
    pub(crate) name: &'static str,
    /// The order of the packed weights: variants of equal layout, of any backend, read each other's panels.
    pub(crate) layout: Layout,
    /// How rows of activations reach the kernels.
    pub(crate) lhs: LhsForm,
    /// How the kernels take what weights with zero points need.
    pub(crate) row_sums: &'static RowSums,
    /// What must be proved of the weights for the sums to be exact; `None` if the sums are exact for all weights.
    pub(crate) proves: Option<&'static Property>,
    /// The tiles, by ascending number of rows.
    pub(crate) tiles: &'static [TileRows],
    /// The tiles of products with weights in groups, by ascending number of rows.
    pub(crate) groupwise: &'static [GroupTileRows],
    /// Their cost, by which the driver chooses among them.
    pub(crate) cost: TileCost,
    /// The kernels that read folded panels of its layout, if it has some.
    pub(crate) folded: Option<&'static Folded>,
    /// What computes large products instead of the tiles, with the same panels, row sums and offsets.
    pub(crate) unit: Option<&'static MatrixUnit>,
}

/// Kernels that read folded panels: variants that differ from the one that has them in their tiles.
pub(crate) struct Folded {
    pub(crate) four: Variant,
    pub(crate) two: Variant,
    /// The most rows of a matrix that they multiply faster than the other kernels do with unfolded panels.
    pub(crate) most_rows: usize,
    /// The same for weights with scales by group.
    pub(crate) most_groupwise_rows: usize,
}

/// The deepest panels that kernels read folded: products of `u8` and a signed byte add up to no more than an `i32`.
pub(crate) const MAX_DEPTH: usize = i32::MAX as usize / (255 * 128);

/// The deepest groups that they read so, with zero points of both operands in the sums: three times as much.
pub(crate) const MAX_GROUP: usize = 1 << 14;

impl Variant {
    /// The kernels that read folded panels.
    #[inline]
    pub(crate) fn of_width(&self, width: Width) -> Option<&'static Variant> {
        match width {
            Width::Four => self.folded.map(|folded| &folded.four),
            Width::Two => self.folded.map(|folded| &folded.two),
            Width::Eight => None,
        }
    }

    /// The matrix unit, if it computes products of this size: it pays, and the system permits it.
    #[inline]
    pub(crate) fn unit_for(&self, size: ProductSize) -> Option<&'static MatrixUnit> {
        self.unit.filter(|unit| (unit.pays)(size) && (unit.is_permitted)())
    }
}

/// A property that some weights have. Packing proves it, and loading proves it again, both from the packed bytes, so that saved
/// panels need not be trusted.
#[derive(Debug)]
pub(crate) struct Property {
    /// The human-readable name.
    pub(crate) name: &'static str,
    /// Whether packed weights have the property: groups of depths of a layout, of which a segment's last ones are padded with
    /// zeros.
    pub(crate) holds: fn(&[u8]) -> bool,
}

/// How rows of activations reach a kernel.
#[derive(Clone, Copy, Debug)]
pub(crate) enum LhsForm {
    /// Bytes, read in place: a pointer per row and k-segment. A kernel may read the segment's bytes and no others. Its
    /// instructions want activations plus an offset: `flip_signed` (128 for signed input), `flip_unsigned` (−128).
    /// `flip` copies signed ones and flips their top bits, which is that offset: kernels for unsigned ones take the copies.
    Bytes { flip_signed: i32, flip_unsigned: i32, flip: Option<CopyRows> },
    /// Rows widened to `i16` by the driver. A segment of odd length is followed by one more `i16`, of any value.
    I16 { widen: CopyRows },
}

impl LhsForm {
    /// The offset that the kernel adds to every activation, mod 2³².
    pub(crate) fn offset(self, signed: bool) -> i32 {
        match self {
            LhsForm::Bytes { flip_signed, .. } if signed => flip_signed,
            LhsForm::Bytes { flip_unsigned, .. } => flip_unsigned,
            LhsForm::I16 { .. } => 0,
        }
    }

    /// A human-readable description.
    pub(crate) fn description(self) -> &'static str {
        match self {
            LhsForm::Bytes { .. } => "bytes in place",
            LhsForm::I16 { .. } => "widened to i16",
        }
    }
}

/// Copies rows of bytes to elements of another form.
///
/// # Safety
///
/// The CPU has the backend's features, the bytes are readable and the elements writable.
pub(crate) type CopyRows = unsafe fn(&ByteRows);

/// Rows of bytes, and where the copies go.
pub(crate) struct ByteRows {
    /// Whether they are `i8`.
    pub(crate) signed: bool,
    pub(crate) rows: usize,
    /// Bytes of a row.
    pub(crate) len: usize,
    pub(crate) bytes: *const u8,
    /// From a row to the next one.
    pub(crate) stride: usize,
    /// The first copy; `i16`s are aligned.
    pub(crate) copies: *mut u8,
    /// Bytes from a copy to the next one.
    pub(crate) copies_stride: usize,
}

/// The kernels for tiles of one number of rows: index `p − 1` computes `p` panels at a time.
pub(crate) struct TileRows {
    pub(crate) rows: usize,
    /// For `u8` activations (for `I16`: for both).
    pub(crate) unsigned: &'static [TileFn],
    /// For `i8` activations.
    pub(crate) signed: &'static [TileFn],
}

/// The most rows of a tile.
pub(crate) const MAX_ROWS: usize = 16;

/// By its name.
impl core::fmt::Debug for Variant {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.name)
    }
}

impl TileRows {
    /// The most panels that a tile of this height computes at once.
    pub(crate) fn max_panels(&self) -> usize {
        self.unsigned.len()
    }
}

/// A kernel: computes a [`Tile`] and those below it, and may move the tile to the last of them.
///
/// # Safety
///
/// The CPU has the backend's features, and every pointer of the tile is valid as its description says.
pub(crate) type TileFn = unsafe fn(&mut Tile);

/// Cost of the inner loop of a variant's tiles for one k-group, in eighths of a cycle.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TileCost {
    /// The arithmetic of one row by one panel.
    pub(crate) dot: usize,
    /// Loading the activations of a row.
    pub(crate) row: usize,
    /// Loading the weights of a panel.
    pub(crate) panel: usize,
}

impl TileCost {
    /// One dot product or one load in a cycle.
    pub(crate) const EVEN: TileCost = TileCost { dot: 8, row: 8, panel: 8 };
}

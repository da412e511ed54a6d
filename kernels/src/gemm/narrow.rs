//! Products with weights of four bits or fewer: panels are unfolded to bytes, a block at a time, and the tiles of eight-bit weights multiply all
//! rows with it. A matrix is multiplied with panels as they are, by tiles that unfold them in registers, where a variant has some that are faster.
//!
//! A block stays in the second-level cache from when it is unfolded until the last row was multiplied with it, so that folded weights are read
//! once, and each is unfolded once in a call.

use super::driver;
use super::tiling::BLOCK_BYTES;
use super::variant::Folded;
use super::weights::Width;
use super::{Call, Lhs, OutputBlock, PANEL, PanelShape, ProductSize, TileRows, Variant};
use crate::memory::{LINE, Room};
use crate::{Backend, OutputElement, Scratch};

/// Bytes of scratch that [`run`] needs for these weights, whatever the activations; `None` if that overflows or
/// the backend does not read them.
#[must_use]
pub fn scratch_bytes(backend: Backend, panels: &PanelShape) -> Option<usize> {
    let shape = panels.unfolded();
    let rest = driver::scratch_bytes(backend, &shape)?;
    if panels.width() == Width::Eight || panels.columns() == 0 {
        return Some(rest);
    }
    let block = block_panels(panels.variant(backend)?, &shape).checked_mul(shape.panel_stride())?;
    block.checked_next_multiple_of(LINE)?.checked_add(rest)
}

/// Computes the block of the output that `out` covers.
///
/// # Panics
///
/// If the operands' shapes do not fit each other, the panels are not in the backend's layout, `T` is not what the stage
/// writes, or the block's first column is not on a panel's border.
pub fn run<T: OutputElement>(call: &Call<'_>, out: OutputBlock<'_, T>, scratch: &mut Scratch) {
    if call.panels.width() == Width::Eight || reads_folded(call, &out) {
        driver::run(call, out, &mut Room::All(scratch));
    } else {
        run_unfolded(call, out, scratch);
    }
}

/// Whether kernels read the folded panels of a call.
fn reads_folded<T: OutputElement>(call: &Call<'_>, out: &OutputBlock<'_, T>) -> bool {
    let size = ProductSize::new(out.rows(), &call.panels, out.columns());
    matches!(call.lhs, Lhs::Matrix(_)) && folded_kernels(call.backend, &call.panels, size).is_some()
}

/// The kernels that multiply a matrix with folded panels, if they are faster than others with unfolded ones.
pub(super) fn folded_kernels(
    backend: Backend,
    panels: &PanelShape,
    size: ProductSize,
) -> Option<&'static Variant> {
    let variant = panels.variant(backend)?;
    let pays = |folded: &Folded| size.rows <= folded.most_rows && variant.unit_for(size).is_none();
    panels.folded_kernels(variant, panels.width()).filter(|_| variant.folded.is_some_and(pays))
}

/// Computes the block with panels that are not bytes.
fn run_unfolded<T: OutputElement>(call: &Call<'_>, mut out: OutputBlock<'_, T>, scratch: &mut Scratch) {
    let (panels, shape) = (&call.panels, call.panels.unfolded());
    let variant = panels.variant(call.backend).expect("panels of a layout that the backend reads");
    let rest = driver::scratch_bytes(call.backend, &shape).expect("scratch size overflows");
    let block = block_panels(variant, &shape);
    assert_eq!(out.first_column() % PANEL, 0, "a block begins on a panel's border");
    while out.rows() > 0 && out.columns() > 0 {
        let first = out.first_column() / PANEL;
        let count = block.min(out.columns().div_ceil(PANEL));
        let columns = (count * PANEL).min(out.columns());
        let (part, others) = out.split_columns(columns);
        out = others;
        let (bytes, mut room) = scratch.split(count * shape.panel_stride(), rest);
        let folded = panels.folded(first..first + count);
        // SAFETY: a backend exists only if the CPU has its features.
        unsafe { call.backend.entry().ops.unfold.lines(panels.width(), folded, bytes) };
        let call = Call { panels: panels.unfolded_as(&shape, first, bytes), ..*call };
        driver::run(&call, part, &mut room);
    }
}

/// Panels that are unfolded at once, of an unfolded shape.
pub(super) fn block_panels(variant: &Variant, shape: &PanelShape) -> usize {
    let widest = variant.tiles.iter().map(TileRows::max_panels).max().unwrap_or(1);
    let fitting = (BLOCK_BYTES / shape.panel_stride().max(1)).max(1);
    fitting.next_multiple_of(widest).min(shape.panels().max(1))
}

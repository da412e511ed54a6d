//! An m-block by a block of panels: up to four tiles of accumulators at a time, two by two where both have two.

use core::mem::MaybeUninit;
use core::ptr;

use super::activations::Activations;
use super::epilogue::{Requantization, requantizes};
use super::strips;
use super::tiles::{self, Operands, ROW};
use crate::backend::x86::Avx512;
use crate::gemm::{Layout, MAX_TILES, PANEL, RawStage, TILE, Tile, UnitBlock, UnitDepth, finish_sums};
use crate::prefetch::prefetch_to_write;

/// Tiles below each other and panels that are multiplied at once.
#[cfg(feature = "testing")]
pub(super) const BLOCKS: &[[usize; 2]] = &[[1, 1], [1, 2], [1, 4], [2, 1], [2, 2], [4, 1]];

/// Rows of the tiles that are multiplied at once, at most.
const MAX_ROWS: usize = MAX_TILES * TILE;

/// Accumulators of four tiles.
#[repr(align(64))]
struct Accumulators([MaybeUninit<i32>; 4 * TILE * PANEL]);

impl Accumulators {
    const NONE: Accumulators = Accumulators([const { MaybeUninit::uninit() }; 4 * TILE * PANEL]);
}

/// A block whose accumulators were stored and wait for the epilogue.
///
/// It stays where it was written, and is written and read field by field: a copy by vectors would wait until what was stored before has
/// reached the cache, the tiles of the block among it (a fifth of the time of 512³). So neighbours here are not neighbours in [`Strip`].
#[repr(C)]
pub(super) struct Sums {
    /// `panels` vectors a row.
    pub(super) accumulators: *mut i32,
    /// Its rows.
    pub(super) rows: usize,
    /// The first tile in the m-block, and its first row.
    first_tile: usize,
    pub(super) first_row: usize,
    /// Where each row begins in the output, at the first column of the m-block.
    pub(super) out: *const *mut u8,
    /// Its first column in the m-block, and its panels.
    pub(super) column: usize,
    pub(super) panels: usize,
}

impl Sums {
    const NONE: Sums = Sums {
        accumulators: ptr::null_mut(),
        rows: 0,
        out: ptr::null(),
        first_tile: 0,
        first_row: 0,
        column: 0,
        panels: 0,
    };
}

/// Tiles below each other: their rows in the order of steps, and in the output.
struct Strip {
    first_tile: usize,
    /// All rows, of which those of the last tile may be fewer than its height.
    rows: usize,
    activations: Activations,
    out: *const *mut u8,
    /// Bytes from a row of the output to the next, if tiles of raw sums can be stored there: all rows exist and lie so.
    out_stride: Option<usize>,
}

/// Computes an m-block by a block of panels.
///
/// # Safety
///
/// As [`MatrixUnit::m_block`](crate::gemm::MatrixUnit): the backend's features are here, tiles have the block's shape, and the block
/// is valid as its description says.
pub(super) unsafe fn m_block(block: &UnitBlock) {
    let mut accumulators = [Accumulators::NONE; 2];
    let mut rows = [[ptr::null_mut(); MAX_ROWS]; 2];
    let mut sums = [Sums::NONE, Sums::NONE];
    let panels = block.tile.columns.div_ceil(PANEL);
    let mut waits = false;
    let (mut tile, mut strip_number, mut block_number) = (0, 0, 0);
    while tile < block.tile.count {
        let tiles = match (block.tile.count - tile, panels) {
            (MAX_TILES.., 1) => MAX_TILES,
            (2.., _) => 2,
            _ => 1,
        };
        // A block that waits has the addresses of the strip before.
        let addresses = &mut rows[strip_number % 2];
        // SAFETY: the caller's promises; the tiles are the block's.
        let strip = unsafe { strip(block, tile, tiles, addresses) };
        let mut panel = 0;
        while panel < panels {
            let width = match (tiles, panels - panel) {
                (1, 4..) => 4,
                (1 | 2, 2..) => 2,
                _ => 1,
            };
            let into = accumulators[block_number % 2].0.as_mut_ptr().cast::<i32>();
            let [even, odd] = &mut sums;
            let (own, other) = if block_number % 2 == 0 { (even, &*odd) } else { (odd, &*even) };
            // SAFETY: the caller's promises; the panels are the block's, and nothing waits in these accumulators.
            waits = unsafe {
                let multiply = match (block.signed, tiles, width) {
                    (false, 1, 1) => multiply::<1, 1, false>,
                    (false, 1, 2) => multiply::<1, 2, false>,
                    (false, 1, _) => multiply::<1, 4, false>,
                    (false, 2, 1) => multiply::<2, 1, false>,
                    (false, 2, _) => multiply::<2, 2, false>,
                    (false, ..) => multiply::<4, 1, false>,
                    (true, 1, 1) => multiply::<1, 1, true>,
                    (true, 1, 2) => multiply::<1, 2, true>,
                    (true, 1, _) => multiply::<1, 4, true>,
                    (true, 2, 1) => multiply::<2, 1, true>,
                    (true, 2, _) => multiply::<2, 2, true>,
                    (true, ..) => multiply::<4, 1, true>,
                };
                multiply(block, &strip, panel, into, waits.then_some(other), own)
            };
            block_number += 1;
            panel += width;
        }
        strip_number += 1;
        tile += tiles;
    }
    if waits {
        // SAFETY: the caller's promises, and the accumulators of the last block were stored.
        unsafe { finish_alone(block, &sums[(block_number - 1) % 2]) };
    }
}

/// The rows of `tiles` tiles, from tile `first` of the block on: read in place where they lie as steps want them, else copied.
///
/// # Safety
///
/// As [`m_block`]; the tiles are the block's.
unsafe fn strip(block: &UnitBlock, first: usize, tiles: usize, addresses: &mut [*mut u8; MAX_ROWS]) -> Strip {
    let (shape, height) = (&block.shape, block.shape.height);
    let last = if first + tiles == block.tile.count { block.tile.rows } else { height };
    let rows = (tiles - 1) * height + last;
    // SAFETY: the caller's promises.
    unsafe {
        let mut tile = block.tile;
        down(&mut tile, first, height);
        let activations = if last == height { Activations::in_place(&tile, block, tiles) } else { None };
        for number in 0..tiles {
            let rows = if number + 1 < tiles { height } else { last };
            for row in 0..rows {
                addresses[number * height + row] = tile.out_row(row);
            }
            if activations.is_none() {
                strips::copy(&tile, shape, rows, Activations::of_tile(block, number));
            }
            tile.move_down_by(height);
        }
        let activations = activations.unwrap_or_else(|| Activations::copied(block));
        let stride = |row: usize| (addresses[row] as usize).wrapping_sub(addresses[row - 1] as usize);
        let first_stride = if rows > 1 { stride(1) } else { 0 };
        let raw = matches!(block.tile.stage, RawStage::Accumulators { accumulate: false });
        let equal = raw && last == height && (2..rows).all(|row| stride(row) == first_stride);
        let out_stride = equal.then_some(first_stride);
        Strip { first_tile: first, rows, activations, out: addresses.as_ptr(), out_stride }
    }
}

/// Multiplies `R` tiles, whose activations are `SIGNED` or not, with `P` panels from `panel` on, and meanwhile stores what waits.
/// Returns whether the block waits then, which `own` describes.
///
/// # Safety
///
/// As [`m_block`]; the strip is of `R` tiles, the panels are the block's, and `into` has room for their accumulators.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn multiply<const R: usize, const P: usize, const SIGNED: bool>(
    block: &UnitBlock,
    strip: &Strip,
    panel: usize,
    into: *mut i32,
    waiting: Option<&Sums>,
    own: &mut Sums,
) -> bool {
    // SAFETY: the caller's promises.
    unsafe {
        let isa = Avx512::new();
        let (tile, height) = (&block.tile, block.shape.height);
        let column = panel * PANEL;
        let activations = &strip.activations;
        let weights = tile.panels.add(panel * tile.panel_stride);
        let whole = column + P * PANEL <= tile.columns;
        let corrected = !tile.weight_zeros.is_null() || !tile.zeros.of_rows.is_null();
        // Whole blocks of sums go from the tiles to the output, whose lines are prefetched.
        let direct = match strip.out_stride {
            Some(stride) if whole && !corrected => {
                Some(((*strip.out).add(column * size_of::<i32>()), stride))
            }
            _ => None,
        };
        if let Some((out, stride)) = direct {
            for row in 0..strip.rows {
                for line in 0..P {
                    prefetch_to_write(out.wrapping_add(row * stride + line * ROW));
                }
            }
        }
        tiles::start::<R, P>(tile.init.add(column));
        match waiting {
            None => all_steps::<R, P, SIGNED>(tile, activations, weights),
            Some(sums) if requantizes::<P>(tile, sums) => {
                let epilogue = Requantization::<P>::new(isa, tile, sums);
                steps_beside::<R, P, SIGNED>(tile, activations, weights, &epilogue, sums);
            }
            Some(sums) => {
                all_steps::<R, P, SIGNED>(tile, activations, weights);
                finish_alone(block, sums);
            }
        }
        #[cfg(feature = "testing")]
        crate::gemm::coverage::record(crate::gemm::coverage::TileUse {
            unit: crate::gemm::coverage::Unit::Matrix { in_place: activations.are_in_place() },
            layout: Layout::GROUPS_OF_4.name,
            rows: R * TILE,
            panels: P,
            signed: block.signed,
            half_width: false,
            whole: whole && strip.rows == R * height,
        });
        if let Some((out, stride)) = direct {
            tiles::store::<R, P>(out, stride, height * stride);
            return false;
        }
        let row = P * ROW;
        tiles::store::<R, P>(into.cast(), row, height * row);
        *own = Sums {
            accumulators: into,
            rows: strip.rows,
            out: strip.out,
            first_tile: strip.first_tile,
            first_row: strip.first_tile * height,
            column,
            panels: P,
        };
        if requantizes::<P>(tile, own) {
            return true;
        }
        finish(block, own);
        false
    }
}

/// Adds the products of all steps.
///
/// # Safety
///
/// As [`multiply`], for weights of its panels.
#[inline(always)]
unsafe fn all_steps<const R: usize, const P: usize, const SIGNED: bool>(
    tile: &Tile,
    activations: &Activations,
    mut weights: *const u8,
) {
    let depth = &activations.depth;
    let overlap = depth.overlap();
    let whole = depth.steps - usize::from(overlap > 0);
    for run in 0..depth.runs {
        // SAFETY: the caller's promises: steps of the run, of which the last one ends with it.
        unsafe {
            let operands = activations.operands(run, weights, tile.panel_stride);
            if whole > 0 {
                tiles::add_products::<R, P, SIGNED>(&operands, whole);
            }
            if overlap > 0 {
                tiles::add_products::<R, P, SIGNED>(&step(&operands, depth, whole), 1);
            }
        }
        weights = next_run(weights, tile, depth);
    }
}

/// Adds the products of all steps, and after each of them stores a share of what waits.
///
/// # Safety
///
/// As [`all_steps`] and [`Requantization::store`].
#[inline(always)]
unsafe fn steps_beside<const R: usize, const P: usize, const SIGNED: bool>(
    tile: &Tile,
    activations: &Activations,
    mut weights: *const u8,
    epilogue: &Requantization<P>,
    sums: &Sums,
) {
    let depth = &activations.depth;
    let group = const { Requantization::<P>::ROWS };
    let share = sums.rows.div_ceil(group).div_ceil((depth.runs * depth.steps).max(1)) * group;
    let mut rows = 0;
    for run in 0..depth.runs {
        // SAFETY: the caller's promises: a run of the depth.
        let operands = unsafe { activations.operands(run, weights, tile.panel_stride) };
        for number in 0..depth.steps {
            // SAFETY: the caller's promises: a step of the run, and rows that were not stored.
            unsafe {
                tiles::add_products::<R, P, SIGNED>(&step(&operands, depth, number), 1);
                rows = epilogue.store(sums, rows, rows + share);
            }
        }
        weights = next_run(weights, tile, depth);
    }
    // SAFETY: the caller's promises.
    unsafe { epilogue.store(sums, rows, sums.rows) };
}

/// The operands from a step of a run on. The last one's weights end with the run.
#[inline(always)]
fn step(operands: &Operands, depth: &UnitDepth, number: usize) -> Operands {
    let overlap = if number + 1 == depth.steps { depth.overlap() } else { 0 };
    let group = Layout::GROUPS_OF_4.group_bytes();
    Operands {
        activations: operands.activations.wrapping_add(number * operands.step),
        weights: operands.weights.wrapping_add((number * depth.step_groups - overlap) * group),
        ..*operands
    }
}

/// The weights of the next run, if there is one.
#[inline(always)]
fn next_run(weights: *const u8, tile: &Tile, depth: &UnitDepth) -> *const u8 {
    weights.wrapping_add(depth.run_groups * Layout::GROUPS_OF_4.group_bytes() + tile.panel_skip)
}

/// Takes a block that waits through its stage, with no products beside it.
///
/// # Safety
///
/// As [`finish`].
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
#[inline(never)]
unsafe fn finish_alone(block: &UnitBlock, sums: &Sums) {
    /// As [`finish_alone`], of `P` panels.
    #[inline(always)]
    unsafe fn requantize<const P: usize>(block: &UnitBlock, sums: &Sums) {
        // SAFETY: the caller's promises; the features are enabled in the only function that inlines this one, and only sums that
        // requantize wait.
        unsafe { Requantization::<P>::new(Avx512::new(), &block.tile, sums).store(sums, 0, sums.rows) };
    }
    // SAFETY: the caller's promises.
    unsafe {
        match sums.panels {
            1 => requantize::<1>(block, sums),
            2 => requantize::<2>(block, sums),
            _ => requantize::<4>(block, sums),
        }
    }
}

/// Takes a block's accumulators through any stage and stores them.
///
/// # Safety
///
/// As [`m_block`]; the accumulators are those of the block.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
#[inline(never)]
unsafe fn finish(block: &UnitBlock, sums: &Sums) {
    // SAFETY: the caller's promises; tiles of the block, with the columns of the sums.
    unsafe {
        let isa = Avx512::new();
        let height = block.shape.height;
        let mut tile = block.tile.right(sums.column);
        tile.columns = tile.columns.min(sums.panels * PANEL);
        down(&mut tile, sums.first_tile, height);
        for first in (0..sums.rows).step_by(height) {
            tile.rows = height.min(sums.rows - first);
            let accumulators = sums.accumulators.add(first * sums.panels * PANEL);
            finish_sums(isa, accumulators, sums.panels, &tile);
            tile.move_down_by(height);
        }
    }
}

/// Moves down by `tiles` tiles.
#[inline(always)]
fn down(tile: &mut Tile, tiles: usize, height: usize) {
    for _ in 0..tiles {
        tile.move_down_by(height);
    }
}

//! The instructions on tiles, and their configuration. The compiler knows no values in tile registers, and keeps none there: what one
//! block of assembly leaves in them, the next one finds.
//!
//! `tmm0` to `tmm3` hold accumulators, `tmm4` and `tmm5` activations, `tmm6` and `tmm7` weights.

use core::arch::asm;

use crate::gemm::Layout;

/// Bytes of a row of a tile.
pub(super) const ROW: usize = 64;

/// Bytes of a whole tile.
pub(super) const TILE_BYTES: usize = ROW * crate::gemm::TILE;

/// What `ldtilecfg` reads.
#[repr(C, align(64))]
struct Configuration {
    /// 1, or 0 for tiles that are not in use.
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    row_bytes: [u16; 16],
    rows: [u8; 16],
}

impl Configuration {
    const NONE: Configuration =
        Configuration { palette: 0, start_row: 0, reserved: [0; 14], row_bytes: [0; 16], rows: [0; 16] };

    fn new([height, groups]: [usize; 2]) -> Configuration {
        let mut configuration = Configuration { palette: 1, ..Configuration::NONE };
        for tile in 0..8 {
            let (rows, row_bytes) = match tile {
                0..4 => (height, ROW),
                4..6 => (height, groups * Layout::GROUPS_OF_4.k_group),
                _ => (groups, ROW),
            };
            // Neither is more than 64.
            (configuration.rows[tile], configuration.row_bytes[tile]) = (rows as u8, row_bytes as u16);
        }
        configuration
    }
}

/// Runs `work` with configured tiles. A configuration that the thread had before is there again afterwards, of other code that
/// configures tiles once; what its tiles held is not, which no code relies on across a call.
///
/// # Safety
///
/// As [`WithTiles`](crate::gemm::MatrixUnit::with_tiles).
pub(super) unsafe fn with_tiles(extent: [usize; 2], work: &mut dyn FnMut()) {
    /// Restores the configuration, also if `work` panics.
    struct Restore(Configuration);

    impl Drop for Restore {
        fn drop(&mut self) {
            if self.0.palette == 0 {
                // SAFETY: `with_tiles` was called, whose caller promises the instruction; registers only.
                unsafe { release() };
            } else {
                // SAFETY: as above; the configuration was stored by the CPU.
                unsafe { configure(&self.0) };
            }
        }
    }

    let mut before = Configuration::NONE;
    // SAFETY: the caller's promise; there is room for what the instruction stores.
    unsafe { asm!("sttilecfg [{}]", in(reg) &raw mut before, options(nostack, preserves_flags)) };
    let _restore = Restore(before);
    // SAFETY: the caller's promise; the extents are those of tiles.
    unsafe { configure(&Configuration::new(extent)) };
    work();
}

/// A block of assembly that may change every tile register. Takes its options first.
macro_rules! on_tiles {
    ([$($option:ident),+], $($argument:tt)*) => {
        asm!(
            $($argument)*
            out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
            out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
            options($($option),+),
        )
    };
}
pub(super) use on_tiles;

/// # Safety
///
/// The CPU has tiles, and the process may use them.
#[inline(always)]
unsafe fn configure(configuration: &Configuration) {
    // SAFETY: the caller's promise; the configuration is valid, and readable.
    unsafe {
        on_tiles!([nostack, preserves_flags, readonly], "ldtilecfg [{}]", in(reg) configuration,);
    }
}

/// # Safety
///
/// As [`configure`].
#[inline(always)]
unsafe fn release() {
    // SAFETY: the caller's promise.
    unsafe { on_tiles!([nostack, preserves_flags, nomem], "tilerelease",) };
}

/// What steps read. Rows of activations are `row` bytes apart, tiles `tile`, and steps `step`; panels `panel`, and their steps follow
/// each other.
#[derive(Clone, Copy)]
pub(super) struct Operands {
    pub(super) activations: *const u8,
    pub(super) row: usize,
    pub(super) tile: usize,
    pub(super) step: usize,
    pub(super) weights: *const u8,
    pub(super) panel: usize,
}

/// The loop over steps: a shape's lines, and then to the next step.
macro_rules! steps {
    ($operands:ident, $steps:ident, [$($line:expr),+ $(,)?], $($operand:tt)*) => {
        on_tiles!(
            [nostack, readonly],
            "2:",
            $($line,)+
            "add {a}, {step}",
            "add {b}, {weights_step}",
            "dec {steps}",
            "jnz 2b",
            a = inout(reg) $operands.activations => _,
            b = inout(reg) $operands.weights => _,
            steps = inout(reg) $steps => _,
            step = in(reg) $operands.step,
            row = in(reg) $operands.row,
            line = in(reg) ROW,
            weights_step = const TILE_BYTES,
            $($operand)*
        )
    };
}

/// Adds the products of `steps` steps, at least one, of `R` tiles of rows and `P` panels. Weights are signed; activations are if `SIGNED`
/// says so.
///
/// Panels of pairs of tiles are loaded with a hint: kept in the first-level cache, they would drive out the rows.
///
/// # Safety
///
/// The CPU has tiles, they are configured, and what the operands describe is readable.
#[inline(always)]
pub(super) unsafe fn add_products<const R: usize, const P: usize, const SIGNED: bool>(
    operands: &Operands,
    steps: usize,
) {
    debug_assert!(steps > 0, "a loop of steps has one");
    macro_rules! products {
        ($product:literal) => {
            match (R, P) {
            (1, 1) => steps!(
                operands,
                steps,
                [
                    "tileloadd tmm4, [{a} + {row}*1]",
                    "tileloadd tmm6, [{b} + {line}*1]",
                    concat!($product, " tmm0, tmm4, tmm6"),
                ],
            ),
            (1, 2) => steps!(operands, steps, [
                "tileloadd tmm4, [{a} + {row}*1]",
                "tileloadd tmm6, [{b} + {line}*1]",
                "lea {x}, [{b} + {panel}]",
                concat!($product, " tmm0, tmm4, tmm6"),
                "tileloadd tmm7, [{x} + {line}*1]",
                concat!($product, " tmm1, tmm4, tmm7"),
            ], panel = in(reg) operands.panel, x = out(reg) _,),
            (1, 4) => steps!(operands, steps, [
                "tileloadd tmm4, [{a} + {row}*1]",
                "tileloadd tmm6, [{b} + {line}*1]",
                "lea {x}, [{b} + {panel}]",
                concat!($product, " tmm0, tmm4, tmm6"),
                "tileloadd tmm7, [{x} + {line}*1]",
                "add {x}, {panel}",
                concat!($product, " tmm1, tmm4, tmm7"),
                "tileloadd tmm6, [{x} + {line}*1]",
                "add {x}, {panel}",
                concat!($product, " tmm2, tmm4, tmm6"),
                "tileloadd tmm7, [{x} + {line}*1]",
                concat!($product, " tmm3, tmm4, tmm7"),
            ], panel = in(reg) operands.panel, x = out(reg) _,),
            (2, 1) => steps!(operands, steps, [
                "tileloadd tmm6, [{b} + {line}*1]",
                "tileloadd tmm4, [{a} + {row}*1]",
                "lea {x}, [{a} + {tile}]",
                concat!($product, " tmm0, tmm4, tmm6"),
                "tileloadd tmm5, [{x} + {row}*1]",
                concat!($product, " tmm1, tmm5, tmm6"),
            ], tile = in(reg) operands.tile, x = out(reg) _,),
            (2, 2) => steps!(operands, steps, [
                "tileloaddt1 tmm6, [{b} + {line}*1]",
                "tileloadd tmm4, [{a} + {row}*1]",
                "lea {x}, [{b} + {panel}]",
                concat!($product, " tmm0, tmm4, tmm6"),
                "tileloaddt1 tmm7, [{x} + {line}*1]",
                "lea {x}, [{a} + {tile}]",
                concat!($product, " tmm1, tmm4, tmm7"),
                "tileloadd tmm5, [{x} + {row}*1]",
                concat!($product, " tmm2, tmm5, tmm6"),
                concat!($product, " tmm3, tmm5, tmm7"),
            ], tile = in(reg) operands.tile, panel = in(reg) operands.panel, x = out(reg) _,),
            (4, 1) => steps!(operands, steps, [
                "tileloadd tmm6, [{b} + {line}*1]",
                "tileloadd tmm4, [{a} + {row}*1]",
                "lea {x}, [{a} + {tile}]",
                concat!($product, " tmm0, tmm4, tmm6"),
                "tileloadd tmm5, [{x} + {row}*1]",
                "add {x}, {tile}",
                concat!($product, " tmm1, tmm5, tmm6"),
                "tileloadd tmm4, [{x} + {row}*1]",
                "add {x}, {tile}",
                concat!($product, " tmm2, tmm4, tmm6"),
                "tileloadd tmm5, [{x} + {row}*1]",
                concat!($product, " tmm3, tmm5, tmm6"),
            ], tile = in(reg) operands.tile, x = out(reg) _,),
            _ => unreachable!("blocks have one of these shapes"),
            }
        };
    }
    // SAFETY: the caller's promises.
    unsafe {
        if SIGNED {
            products!("tdpbssd");
        } else {
            products!("tdpbusd");
        }
    }
}

/// Sets the accumulators of `R` tiles of rows and `P` panels to the initial ones of their columns: all rows to the same, by a stride of
/// 0.
///
/// # Safety
///
/// As [`add_products`]; `init` is valid for the columns of `P` panels.
#[inline(always)]
pub(super) unsafe fn start<const R: usize, const P: usize>(init: *const i32) {
    const { assert!(R * P <= 4, "four tiles of accumulators") };
    // Accumulator `t · P + p` is that of tile `t` and panel `p`. Those past the last one are not read.
    let at = |accumulator: usize| init.wrapping_add(accumulator % P * (ROW / size_of::<i32>()));
    // SAFETY: the caller's promises.
    unsafe {
        on_tiles!(
            [nostack, preserves_flags, readonly],
            "tileloadd tmm0, [{0} + {same}*1]",
            "tileloadd tmm1, [{1} + {same}*1]",
            "tileloadd tmm2, [{2} + {same}*1]",
            "tileloadd tmm3, [{3} + {same}*1]",
            in(reg) at(0),
            in(reg) at(1),
            in(reg) at(2),
            in(reg) at(3),
            same = in(reg) 0usize,
        );
    }
}

/// Stores the accumulators of `R` tiles of rows and `P` panels: rows `row` bytes apart, tiles `tile`.
///
/// # Safety
///
/// As [`add_products`]; the addresses are writable.
#[inline(always)]
pub(super) unsafe fn store<const R: usize, const P: usize>(to: *mut u8, row: usize, tile: usize) {
    macro_rules! store {
        ($accumulator:literal, $name:literal) => {
            if $accumulator < R * P {
                let at = to.wrapping_add($accumulator / P * tile + $accumulator % P * ROW);
                // SAFETY: the caller's promises.
                unsafe {
                    asm!(
                        concat!("tilestored [{0} + {1}*1], ", $name),
                        in(reg) at,
                        in(reg) row,
                        options(nostack, preserves_flags),
                    );
                }
            }
        };
    }
    store!(0, "tmm0");
    store!(1, "tmm1");
    store!(2, "tmm2");
    store!(3, "tmm3");
}

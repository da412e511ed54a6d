//! What the tests, benches and fuzz targets of eightbit's crates share.
//!
//! * [`Random`] and [`Fill`]: reproducible numbers, and bytes that break wrong kernels.
//! * [`suite`](mod@suite): runs cases on every backend under test and reports them, so that a suite that compared nothing fails.
//! * [`stage`]: random stages for plans, and the [oracle](stage::expected) of what a kernel's stage makes of an accumulator.
//! * [`hostile`]: sizes that cannot be, and owners that answer differently.
//! * [`Guarded`]: buffers that end at a protected page.

mod fill;
pub mod hostile;
mod random;
pub mod stage;
pub mod suite;

pub use eightbit_kernels::testing::{Guard, Guarded, backends};
pub use fill::{EXTREMES, Fill, fill};
pub use random::Random;

use proptest::prelude::*;

/// Either end of a [`Guarded`] buffer.
pub fn guard() -> impl Strategy<Value = Guard> {
    prop_oneof![Just(Guard::Before), Just(Guard::After)]
}

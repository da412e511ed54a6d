//! Shared code of the tests, benchmarks and fuzz targets of eightbit's crates.
//!
//! * [`Random`] and [`Fill`]: reproducible numbers, and bytes that break wrong kernels.
//! * [`suite`](mod@suite): runs cases on every backend under test and reports them, and fails a suite that compared nothing.
//! * [`stage`]: random stages for plans, and the [oracle](stage::expected) of a kernel's stage.
//! * [`precision`](mod@precision): weights of few bits.
//! * [`hostile`]: impossible sizes, and owners whose bytes change.
//! * [`assert_linear`]: fails where time grows as a square.
//! * [`Guarded`]: buffers that end at a protected page.

mod fill;
mod growth;
pub mod hostile;
pub mod precision;
mod random;
pub mod stage;
pub mod suite;

pub use eightbit_kernels::testing::{Guard, Guarded, backends};
pub use fill::{EXTREMES, Fill, fill};
pub use growth::assert_linear;
pub use random::Random;

use proptest::prelude::*;

/// Whether the elements of two tensors are signed: all cases.
pub const SIGNS: [(bool, bool); 4] = [(false, false), (false, true), (true, false), (true, true)];

/// Calls a function with the element types of two signs: `by_signs!((true, false), check(x))` is `check::<i8, u8>(x)`.
#[macro_export]
macro_rules! by_signs {
    ($signs:expr, $function:ident($($argument:expr),* $(,)?)) => {
        match $signs {
            (false, false) => $function::<u8, u8>($($argument),*),
            (false, true) => $function::<u8, i8>($($argument),*),
            (true, false) => $function::<i8, u8>($($argument),*),
            (true, true) => $function::<i8, i8>($($argument),*),
        }
    };
}

/// Either end of a [`Guarded`] buffer.
pub fn guard() -> impl Strategy<Value = Guard> {
    prop_oneof![Just(Guard::Before), Just(Guard::After)]
}

//! Benchmarks: weights packed and plans made beforehand, rates as a fraction of this machine's peak.
//!
//! A [`Case`] holds everything that one measurement needs; [`gemm`], [`conv`] and [`model`] make them.

pub(crate) mod check;
pub(crate) mod conv;
pub(crate) mod gemm;
pub(crate) mod model;
pub(crate) mod peak;
pub(crate) mod shapes;
pub(crate) mod timing;
pub(crate) mod types;

use eightbit::{Backend, Call, Element, Error, Fill, OutputElement, Workspace};

use crate::bench::check::Verdict;
use crate::bench::timing::{Rates, Stopwatch};

/// The settings that all cases of a run share.
#[derive(Clone, Copy)]
pub(crate) struct Setup {
    pub(crate) backend: Backend,
    pub(crate) threads: usize,
    /// Whether results are compared with the reference before they are timed.
    pub(crate) check: bool,
}

impl Setup {
    /// One workspace for each thread.
    fn workspaces(&self, bytes: usize) -> Vec<Workspace> {
        (0..self.threads).map(|_| Workspace::with_capacity(bytes)).collect()
    }
}

/// Runs a call on a thread for each workspace.
fn on_threads<T: OutputElement, F: Fill<T>>(
    call: Call<'_, T, F>,
    workspaces: &mut [Workspace],
) -> Result<(), Error> {
    match workspaces {
        [workspace] => {
            call.run(workspace);
            Ok(())
        }
        #[cfg(feature = "rayon")]
        _ => call.run_rayon(workspaces),
        #[cfg(not(feature = "rayon"))]
        _ => unreachable!("without the feature rayon there is one thread"),
    }
}

/// One kind of call on one shape, ready to be measured.
pub(crate) struct Case {
    pub(crate) shape: String,
    /// Types of activations, weights and output as the peers' drivers write them.
    pub(crate) types: String,
    /// The path that the call takes.
    pub(crate) path: String,
    /// How its results compare with the reference, if requested.
    pub(crate) verdict: Option<Verdict>,
    measure: Box<dyn FnMut(&Stopwatch) -> Rates + Send>,
}

impl Case {
    pub(crate) fn measure(&mut self, stopwatch: &Stopwatch) -> Rates {
        stopwatch.on_its_threads(|| (self.measure)(stopwatch))
    }
}

/// Random elements that are the same in every run (xorshift), over the whole range of the type.
pub(crate) fn random<T: Element>(len: usize) -> Vec<T> {
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        T::from_low_bits((state >> 32) as i32)
    })
    .take(len)
    .collect()
}

/// Biases of all sizes and both signs, the same in every run.
fn biases(len: usize) -> Vec<i32> {
    random::<i8>(len).into_iter().map(|bias| i32::from(bias) * 37).collect()
}

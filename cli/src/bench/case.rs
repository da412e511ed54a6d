//! One kind of call on one shape, ready to be measured.

use eightbit::{Call, Element, Error, Fill, OutputElement, Workspace};

use crate::bench::aligned::Aligned;
use crate::bench::check::Verdict;
use crate::bench::rates::Rates;
use crate::bench::setup::Setup;
use crate::bench::timing::Stopwatch;

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

/// A call and what is known about it.
pub(crate) struct Work<A, C> {
    pub(crate) path: String,
    pub(crate) workspace_bytes: usize,
    /// The number of results, and of the products in each.
    pub(crate) outputs: usize,
    pub(crate) depth: usize,
    pub(crate) input: Vec<A>,
    /// Computes the results from the input, with a thread for each workspace.
    pub(crate) call: C,
}

impl Case {
    /// The case of the call of `work`. `check` compares its results with the reference.
    pub(crate) fn new<A: Element, T: OutputElement>(
        setup: &Setup,
        [shape, types]: [String; 2],
        work: Work<A, impl Fn(&[A], &mut [T], &mut [Workspace]) -> Result<(), Error> + Send + 'static>,
        check: impl FnOnce(&[A], &[T]) -> Verdict,
    ) -> Result<Self, Error> {
        let Work { path, workspace_bytes, outputs, depth, input, call } = work;
        let (input, mut out) = (Aligned::copy_of(&input), Aligned::<T>::new(outputs));
        let mut workspaces: Vec<_> =
            (0..setup.threads).map(|_| Workspace::with_capacity(workspace_bytes)).collect();
        // Errors occur at the first call; the measured calls are identical.
        call(&input, &mut out, &mut workspaces)?;
        let verdict = setup.check.then(|| check(&input, &out));
        let operations = 2.0 * outputs as f64 * depth as f64;
        Ok(Self::of(shape, types, path, verdict, move |stopwatch| {
            let rates = stopwatch.measure(operations, || drop(call(&input, &mut out, &mut workspaces)));
            std::hint::black_box(&out);
            rates
        }))
    }

    /// A case that `measure` measures.
    pub(crate) fn of(
        shape: String,
        types: String,
        path: String,
        verdict: Option<Verdict>,
        measure: impl FnMut(&Stopwatch) -> Rates + Send + 'static,
    ) -> Self {
        Self { shape, types, path, verdict, measure: Box::new(measure) }
    }

    pub(crate) fn measure(&mut self, stopwatch: &Stopwatch) -> Rates {
        stopwatch.on_its_threads(|| (self.measure)(stopwatch))
    }
}

/// Runs a call on a thread for each workspace.
pub(crate) fn on_threads<T: OutputElement, F: Fill<T>>(
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

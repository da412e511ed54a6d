//! Suites: cases that run on every backend under test. Each prints what it ran as lines that begin with `SUITE`, which
//! `tests/emulation/run.sh` turns into a table.
//!
//! `EIGHTBIT_CASES` is the number of cases (by default 10 000), `EIGHTBIT_REQUIRE_BACKENDS` names backends that must have run, with the
//! system's permission for their matrix unit.

use eightbit_kernels::Backend;
use eightbit_kernels::gemm::Permission;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};

use crate::{Random, backends};

/// The default number of cases of a suite.
const CASES: u32 = 10_000;

/// Runs `cases` on every backend under test and reports the number of compared cases that it returns.
///
/// # Panics
///
/// If it compared none, or a required backend did not run.
pub fn suite(name: &str, mut cases: impl FnMut(Backend) -> usize) {
    let mut executed = Vec::new();
    for backend in backends() {
        let count = cases(backend);
        assert!(count > 0, "SUITE {name} backend {backend} compared nothing");
        println!("SUITE {name} backend {backend} cases {count} bit-equal");
        executed.push(backend.name());
    }
    let required = std::env::var("EIGHTBIT_REQUIRE_BACKENDS").unwrap_or_default();
    for required in required.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        assert!(executed.contains(&required), "backend {required} was required, but only {executed:?} ran");
        let permission = Backend::registered()
            .find(|registered| registered.name == required)
            .and_then(|registered| registered.permission());
        if let Some(refused @ Permission::Refused { .. }) = permission {
            panic!("backend {required} was required, but ran without its matrix unit: {refused}");
        }
    }
}

/// As [`suite`], of `cases` that add what they compared to a count and draw from a generator that begins at `seed` on every
/// backend.
pub fn random_suite(name: &str, seed: u64, mut cases: impl FnMut(Backend, &mut Random, &mut usize)) {
    suite(name, |backend| {
        let mut count = 0;
        cases(backend, &mut Random(seed), &mut count);
        count
    });
}

/// Runs `check` on every backend under test with cases of `strategy`: `scale` times [the number of cases](self), at least one.
///
/// # Panics
///
/// If a case fails, with the smallest failing case; otherwise as [`suite`].
pub fn property_suite<S: Strategy>(
    name: &str,
    scale: f64,
    strategy: S,
    check: impl Fn(Backend, &S::Value) -> Result<(), TestCaseError>,
) where
    S::Value: Clone,
{
    let count = ((f64::from(cases()) * scale) as u32).max(1);
    suite(name, |backend| {
        let config = Config { cases: count, failure_persistence: None, ..Config::default() };
        let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
        if let Err(error) = runner.run(&strategy, |case| check(backend, &case)) {
            panic!("SUITE {name} backend {backend}: {error}");
        }
        count as usize
    });
}

/// Whether to run a case of a suite that enumerates `of` of them: always, unless fewer than 10 000 are requested (by
/// emulators); then a random share in that proportion, of eight cases on average at least.
pub fn chosen(random: &mut Random, of: usize) -> bool {
    random.below(CASES as usize) < (cases() as usize).max(8 * CASES as usize / of)
}

/// Whether at least 100 cases are requested: emulators of whole machines, where seconds become minutes, request fewer.
#[must_use]
pub fn is_thorough() -> bool {
    cases() >= 100
}

fn cases() -> u32 {
    match std::env::var("EIGHTBIT_CASES") {
        Ok(cases) => cases.parse().expect("EIGHTBIT_CASES is a number"),
        Err(_) => CASES,
    }
}

//! Every available GEMM backend against plain loops in wide integers: adversarial values, every tail, every mix of
//! types, zero points, stages, strides, patches and splits; inputs and outputs lie against protected pages.
//!
//! Deterministic and light on purpose: it also runs as a static binary on emulated CPUs. `EIGHTBIT_REQUIRE_BACKENDS=a,b`
//! makes it fail if one of those did not run.
#![cfg(unix)]

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod amx;
mod case;

use case::Case;
use eightbit_kernels::gemm::coverage::{self, TileUse, Unit};
use eightbit_kernels::gemm::{PackedPanels, PaddingElision, PanelError, SavedShape};
use eightbit_kernels::{Backend, Bytes, ElementType, Scratch};
use eightbit_testing::{Random, backends, suite};

/// Runs `cases` on every backend under test.
fn suite(name: &str, cases: &[Case]) {
    let expected: Vec<_> = cases.iter().map(|case| case.expected()).collect();
    suite::suite(name, |backend| {
        check(backend, cases, &expected);
        cases.len()
    });
}

/// Compares the results of all cases.
fn check(backend: Backend, cases: &[Case], expected: &[Vec<i32>]) {
    let mut scratch = Scratch::new();
    for (case, expected) in cases.iter().zip(expected) {
        case.check(backend, expected, &mut scratch);
    }
}

/// The tiles that ran meanwhile.
fn tiles_used_by(backend: Backend, cases: &[Case], expected: &[Vec<i32>]) -> Vec<TileUse> {
    coverage::tiles_used_by(|| check(backend, cases, expected))
}

/// Every number of rows up to more than the tallest tile, every tail of depth and columns.
#[test]
fn tails() {
    let mut rng = Random(1);
    let mut cases = Vec::new();
    for rows in 1..=17 {
        for depth in [0, 1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 31, 33, 64, 67] {
            let columns = [1, 7, 15, 16, 17, 31, 32, 33, 48, 50, 64, 70, 96, 130, 160];
            let columns = columns[rng.below(columns.len())];
            cases.push(Case::random(&mut rng, rows, depth, columns));
        }
    }
    for columns in 1..=145 {
        let (rows, depth) = (1 + rng.below(15), 1 + rng.below(40));
        cases.push(Case::random(&mut rng, rows, depth, columns));
    }
    suite("gemm/tails", &cases);
}

/// Every tile of every backend runs, whole and with tails: the choices of plans are enumerated until each was made.
#[test]
fn every_tile() {
    let mut rng = Random(6);
    let mut cases = Vec::new();
    for rows in (1..=17).chain([24, 36, 52, 63]) {
        for columns in [1, 8, 11, 13, 15, 16, 17, 24, 32, 33, 48, 49, 64, 65, 72, 128, 129] {
            for (signed, pair_safe) in [(false, false), (false, true), (true, false), (true, true)] {
                // The deepest is too large for the path of small matrices.
                let depth = [3, 8, 17, 64, 600][rng.below(5)];
                let mut case = Case::plain(&mut rng, [rows, depth, columns], signed, pair_safe);
                cases.push(case.clone());
                // Zero points that narrower weights have in place of the old ones need sums of rows, or none.
                case.narrow(if pair_safe { 4 } else { 2 });
                cases.push(case);
            }
        }
    }
    let expected: Vec<_> = cases.iter().map(|case| case.expected()).collect();
    for backend in backends() {
        let used = tiles_used_by(backend, &cases, &expected);
        let mut missing = coverage::all_tiles(backend);
        missing.retain(|tile| !used.contains(tile));
        assert!(missing.is_empty(), "{backend}: tiles that no plan takes: {missing:?}");
        if coverage::has_permitted_unit(backend) {
            let on_unit = used.iter().any(|tile| tile.unit != Unit::Vectors);
            assert!(on_unit, "{backend}: no product ran on the matrix unit that the system permits");
        }
        println!("SUITE gemm/every-tile backend {} cases {} bit-equal", backend.name(), cases.len());
    }
}

/// Rows of whole cache lines, on their borders, which tiles of a matrix unit read in place.
#[test]
fn whole_lines() {
    let mut rng = Random(7);
    let mut cases = Vec::new();
    for rows in [1, 15, 16, 17, 33, 48, 50, 64, 131, 145] {
        for depth in [64, 192, 576] {
            let columns = [16, 31, 40, 64, 83][rng.below(5)];
            let (signed, pair_safe) = (rng.below(4) == 0, rng.flip());
            cases.push(Case::plain(&mut rng, [rows, depth, columns], signed, pair_safe));
        }
    }
    let expected: Vec<_> = cases.iter().map(|case| case.expected()).collect();
    suite::suite("gemm/whole-lines", |backend| {
        let used = tiles_used_by(backend, &cases, &expected);
        for in_place in [false, true] {
            let ran = used.iter().any(|tile| tile.unit == Unit::Matrix { in_place });
            assert_eq!(ran, coverage::has_permitted_unit(backend), "{backend}: rows in place: {in_place}");
        }
        cases.len()
    });
}

/// Patches of pixels that fill cache lines, most of which tiles of a matrix unit read in place from copies of lines.
#[test]
fn whole_pixels() {
    let mut rng = Random(8);
    let mut cases: Vec<_> = (0..60).map(|_| Case::whole_pixels(&mut rng)).collect();
    for (number, case) in cases.iter_mut().step_by(4).enumerate() {
        case.narrow([4, 2][number % 2]);
    }
    let elisions = [PaddingElision::Nothing, PaddingElision::Rows, PaddingElision::All];
    cases.extend(elisions.map(|elision| Case::long_whole_pixels(&mut rng, elision)));
    let expected: Vec<_> = cases.iter().map(|case| case.expected()).collect();
    suite::suite("gemm/whole-pixels", |backend| {
        let used = tiles_used_by(backend, &cases, &expected);
        let in_place = used.iter().any(|tile| tile.unit == Unit::Matrix { in_place: true });
        assert_eq!(in_place, coverage::has_permitted_unit(backend), "{backend}: patches in place");
        cases.len()
    });
}

/// Accumulators at the ends of `i32`, and scales that take them to the ends of the integers that floats become, or past them.
#[test]
fn extreme_accumulators() {
    let mut rng = Random(11);
    let mut cases = Vec::new();
    for (output, zero_points) in [(ElementType::U8, [0, 128, 255]), (ElementType::I8, [-128, 0, 127])] {
        for zero_point in zero_points {
            cases.extend((0..4).map(|_| Case::extremes(&mut rng, output, zero_point)));
        }
    }
    suite("gemm/extreme-accumulators", &cases);
}

/// Shapes, values, zero points, stages, strides and splits at random.
#[test]
fn gemm() {
    let mut rng = Random(2);
    let mut cases = Vec::new();
    for _ in 0..3000 {
        let (rows, depth, columns) = (1 + rng.below(30), rng.below(90), 1 + rng.below(90));
        cases.push(Case::random(&mut rng, rows, depth, columns));
    }
    suite("gemm", &cases);
}

/// Weights of two to seven bits: every tail of depth and columns, few rows and many, several blocks of columns, depths whose sums wrap.
#[test]
fn few_bits() {
    let mut rng = Random(14);
    let mut cases = Vec::new();
    for bits in 2..=7 {
        for depth in (0..=70).chain([127, 128, 129, 255, 300]) {
            let most_rows = if rng.flip() { 4 } else { 20 };
            let (rows, columns) = (1 + rng.below(most_rows), 1 + rng.below(140));
            cases.push(Case::of_bits(&mut rng, bits, [rows, depth, columns]));
        }
    }
    for bits in [2, 3, 4] {
        for rows in 1..=17 {
            let (depth, columns) = (1 + rng.below(700), 1 + rng.below(100));
            cases.push(Case::of_bits(&mut rng, bits, [rows, depth, columns]));
        }
        for shape in [[1, 70_001, 17], [7, 5_003, 100], [13, 1_024, 300], [2, 32_769, 33], [3, 65_900, 5]] {
            cases.push(Case::of_bits(&mut rng, bits, shape));
        }
    }
    suite("gemm/few-bits", &cases);
}

/// The patches of a convolution: taps are read where they lie, or copied; those outside the image are left out, or not.
#[test]
fn patches() {
    let mut rng = Random(3);
    let cases: Vec<Case> = (0..900).map(|_| Case::patches(&mut rng)).collect();
    suite("gemm/patches", &cases);
}

#[test]
fn long_lines() {
    let mut rng = Random(12);
    let mut cases: Vec<Case> = (0..120).map(|_| Case::long_lines(&mut rng)).collect();
    for (number, case) in cases.iter_mut().step_by(3).enumerate() {
        case.narrow([2, 4][number % 2]);
    }
    suite("gemm/long-lines", &cases);
}

#[test]
fn heavy_patches() {
    let mut rng = Random(13);
    let mut cases: Vec<Case> = (0..12).map(|_| Case::heavy_patches(&mut rng)).collect();
    for (case, bits) in cases.iter_mut().zip([2, 3, 4, 6]) {
        case.narrow(bits);
    }
    suite("gemm/heavy-patches", &cases);
}

/// Weights at the border up to which `vpmaddubsw` cannot saturate, and one past it: where packing must tell them apart.
#[test]
fn pair_safe_weights() {
    let mut rng = Random(5);
    let within: Vec<Case> = (0..300).map(|_| Case::pair_safe(&mut rng, false)).collect();
    let over: Vec<Case> = (0..300).map(|_| Case::pair_safe(&mut rng, true)).collect();
    suite("gemm/pair-safe", &within);
    suite("gemm/one-over", &over);
    let Ok(avx2) = Backend::by_name("avx2") else { return };
    for case in &within {
        let panels = case.pack(avx2);
        assert_eq!(panels.layout(), "i8-group4", "pair-safe weights take the fast kernels");
        assert!(reload(&panels, avx2).is_ok(), "pair-safe weights prove themselves when they are loaded");
    }
    for case in &over {
        let panels = case.pack(avx2);
        assert_eq!(panels.layout(), "i8-group2", "weights that are not pair-safe take the exact kernels");
        assert!(reload(&panels, avx2).is_ok());
        // What another backend keeps in the layout of the fast kernels is refused, not trusted.
        for backend in Backend::available() {
            let panels = case.pack(backend);
            if panels.layout() == "i8-group4" {
                assert_eq!(
                    reload(&panels, avx2).map(|_| ()),
                    Err(PanelError::Layout { expected: "i8-group2" })
                );
            }
        }
    }
}

/// The panels as `backend` loads them from their bytes.
fn reload(panels: &PackedPanels, backend: Backend) -> Result<PackedPanels, PanelError> {
    let shape = SavedShape {
        layout: panels.layout(),
        signed: panels.signed(),
        bits: panels.bits(),
        columns: panels.columns(),
        segments: panels.segments(),
        segment_len: panels.segment_len(),
    };
    PackedPanels::from_bytes(backend, Bytes::copy_from(panels.get()?.bytes()), &shape)
}

/// Weights without depth in every layout that a backend reads: where there is nothing to read of rows that may begin anywhere.
#[test]
fn no_depth() {
    let mut rng = Random(8);
    let mut cases: Vec<Case> = (0..40).map(|n| Case::random(&mut rng, 1 + n % 20, 0, 1 + n % 33)).collect();
    cases
        .extend((0..20).map(|n| Case::of_bits(&mut rng, 2 + n % 4, [1 + n as usize, 0, 1 + n as usize * 3])));
    let backends: Vec<Backend> = Backend::available().collect();
    for backend in &backends {
        let mut count = 0;
        for case in &cases {
            for packer in &backends {
                let Ok(panels) = reload(&case.pack(*packer), *backend) else { continue };
                case.check_panels(*backend, &panels, &case.expected(), &mut Scratch::new());
                count += 1;
            }
        }
        println!("SUITE gemm/no-depth backend {} cases {count} bit-equal", backend.name());
    }
}

/// Depths at which sums wrap, blocks of columns that outgrow the cache's share, and an output whose lines are prefetched.
#[test]
fn deep() {
    let mut rng = Random(4);
    let cases: Vec<Case> = [
        (1, 70_001, 17),
        (7, 5_003, 100),
        (2, 33_026, 16),
        (3, 32_768, 17),
        (13, 1_024, 300),
        (1, 2_050, 530),
    ]
    .into_iter()
    .flat_map(|(rows, depth, columns)| [(); 4].map(|()| (rows, depth, columns)))
    .map(|(rows, depth, columns)| Case::random(&mut rng, rows, depth, columns))
    .collect();
    suite("gemm/deep", &cases);
}

/// Weights of more than six megabytes, which kernels prefetch: in tiles of six rows, which have loops of their own, and in wide
/// ones of fewer rows. Emulators get the first case only: packing all of them takes minutes there.
#[test]
fn weights_from_memory() {
    let mut rng = Random(9);
    let cases = std::env::var("EIGHTBIT_CASES").ok().and_then(|cases| cases.parse::<usize>().ok());
    let emulated = cases.is_some_and(|cases| cases < 10_000);
    let sizes = [(6, true, true), (6, false, true), (1, false, true), (6, false, false), (2, true, false)];
    let cases: Vec<Case> = sizes[..if emulated { 1 } else { sizes.len() }]
        .iter()
        .map(|&(rows, signed, pair_safe)| Case::plain(&mut rng, [rows, 4_100, 1_600], signed, pair_safe))
        .collect();
    suite("gemm/from-memory", &cases);
}

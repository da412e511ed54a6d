//! What tiles have besides their sums: a configuration that belongs to the thread.

use eightbit_kernels::gemm::coverage::{Unit, has_permitted_unit, tiles_used_by};
use eightbit_kernels::testing::amx::{completes_in_child, configuration, configure};
use eightbit_kernels::{Backend, Scratch};
use eightbit_testing::{Random, backends};

use crate::case::Case;

/// The backend with tiles, if it is under test.
fn backend() -> Option<Backend> {
    backends().into_iter().find(|backend| backend.name() == "avx512_amx")
}

/// Products whose tiles are of all heights.
fn cases(rng: &mut Random) -> Vec<Case> {
    (1..=34).map(|rows| Case::plain(rng, [rows, 100 + rows, 70], rows % 2 == 0, false)).collect()
}

/// Children inherit the permission, but no tiles.
#[test]
fn a_child_process_has_tiles_of_its_own() {
    let Some(backend) = backend() else { return };
    let case = Case::plain(&mut Random(40), [34, 576, 70], false, false);
    let expected = case.expected();
    let mut scratch = Scratch::new();
    case.check(backend, &expected, &mut scratch);
    let permitted = has_permitted_unit(backend);
    let completed = completes_in_child(|| {
        let used = tiles_used_by(|| case.check(backend, &expected, &mut scratch));
        assert_eq!(used.iter().any(|tile| tile.unit != Unit::Vectors), permitted);
    });
    assert!(completed, "the child failed");
    case.check(backend, &expected, &mut scratch);
}

/// Weights whose padding was damaged where they were saved have the products of others: a segment's last group of activations ends with
/// zeros, whatever calls before left in the scratch.
#[test]
fn damaged_padding_is_multiplied_by_zeros() {
    let Some(backend) = backend() else { return };
    let mut rng = Random(30);
    let mut scratch = Scratch::new();
    for channels in (1..=35).filter(|channels| channels % 4 != 0) {
        let other = Case::plain(&mut rng, [64, 16 * 40, 17], false, false);
        other.check(backend, &other.expected(), &mut scratch);
        let case = Case::taps(&mut rng, channels);
        case.check_panels(backend, &case.damaged(backend), &case.expected(), &mut scratch);
    }
}

fn check(backend: Backend, cases: &[Case]) {
    let mut scratch = Scratch::new();
    for case in cases {
        case.check(backend, &case.expected(), &mut scratch);
    }
}

#[test]
fn the_configuration_of_other_code_is_there_afterwards() {
    let Some(backend) = backend() else { return };
    let cases = cases(&mut Random(10));
    check(backend, &cases);
    assert_eq!(configuration(), [0; 64], "tiles are released");
    configure(5, 24);
    let other = configuration();
    assert_ne!(other, [0; 64]);
    check(backend, &cases);
    assert_eq!(configuration(), other, "the thread's configuration is restored");
}

#[test]
fn threads_have_tiles_of_their_own() {
    let Some(backend) = backend() else { return };
    // Threads that are older than the permission, and younger ones.
    std::thread::scope(|scope| {
        for seed in 0..4 {
            scope.spawn(move || {
                for turn in 0..3 {
                    check(backend, &cases(&mut Random(20 + 3 * seed + turn)));
                }
            });
        }
    });
}

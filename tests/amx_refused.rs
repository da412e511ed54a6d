//! Without the permission to use tiles, products run on vectors, with the same bits.
#![cfg(all(target_arch = "x86_64", target_os = "linux"))]

use eightbit::{
    Backend, ElementType, Gemm, MatMut, MatRef, PackedWeights, Per, Permission, Stage, Workspace, reference,
};
use eightbit_kernels::gemm::coverage::{Unit, tiles_used_by};
use eightbit_kernels::testing::amx::refuse_permission;
use eightbit_kernels::testing::backends;

/// Linux: an alternate signal stack of a thread is too small for the state of tiles.
const ENOSPC: i32 = 28;

/// Alone in its program: the answer is for the whole process.
#[test]
fn products_run_on_vectors() {
    let Some(backend) = backends().into_iter().find(|backend| backend.name() == "avx512_amx") else { return };
    refuse_permission(ENOSPC);
    let (rows, depth, columns) = (70, 130, 90);
    let bytes = |len: usize, step: usize| (0..len).map(|i| (i * step % 251) as u8).collect::<Vec<u8>>();
    let (lhs, weights) = (bytes(rows * depth, 7), bytes(depth * columns, 11));
    let (lhs, weights) =
        (MatRef::new(&lhs, rows, depth).unwrap(), MatRef::new(&weights, depth, columns).unwrap());
    let packed = PackedWeights::pack(backend, &weights, 9).unwrap();
    let gemm = Gemm::new(packed, ElementType::U8, 3, None, &Stage::ACCUMULATORS).unwrap();
    assert!(!gemm.explain(rows).contains("matrix unit"), "{}", gemm.explain(rows));
    let mut out = vec![0; rows * columns];
    let call = gemm.call(lhs, MatMut::new(&mut out, rows, columns).unwrap()).unwrap();
    let used = tiles_used_by(|| call.run(&mut Workspace::new()));
    assert_eq!(out, reference::gemm(&lhs, 3, &weights, &Per::Tensor(9), None));
    assert!(!used.is_empty() && used.iter().all(|tile| tile.unit == Unit::Vectors), "{used:?}");
    let peak: Vec<_> = backend.peak().map(|sequence| sequence.instructions().mnemonics[0]).collect();
    assert_eq!(peak, ["vpdpbusd"], "what may not run is not measured");
    let permission = Backend::registered().find_map(|registered| registered.permission());
    assert_eq!(
        permission.map(|permission| matches!(permission, Permission::Refused { error: ENOSPC, .. })),
        Some(true)
    );
}

//! Without the permission to use tiles, products run on vectors, with the same bits.
#![cfg(all(target_arch = "x86_64", target_os = "linux"))]

use eightbit::{
    Backend, ElementType, Gemm, MatMut, MatRef, PackedWeights, Per, Permission, Stage, Workspace, reference,
};
use eightbit_kernels::testing::amx::{configuration, refuse_permission};
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
    call.run(&mut Workspace::new());
    assert_eq!(out, reference::gemm(&lhs, 3, &weights, &Per::Tensor(9), None));
    assert_eq!(configuration(), [0; 64], "no tiles were configured");
    let permission = Backend::registered().find_map(|registered| registered.permission());
    assert_eq!(
        permission.map(|permission| matches!(permission, Permission::Refused { error: ENOSPC, .. })),
        Some(true)
    );
}

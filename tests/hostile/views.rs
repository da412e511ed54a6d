//! Matrices with impossible or meaningless sizes and strides.

use eightbit::{
    Backend, ElementType, Error, Gemm, MatMut, MatRef, PackedWeights, Stage, Workspace, reference,
};
use eightbit_testing::backends;
use eightbit_testing::hostile::{SIZES, pairs};
use eightbit_testing::suite::is_thorough;

use crate::bytes;

/// The most rows and columns of a product.
const LARGEST: usize = 64;

fn plan(backend: Backend, weights: &MatRef<'_, i8>) -> Result<Gemm, Error> {
    Gemm::new(PackedWeights::pack(backend, weights, 3)?, ElementType::U8, 1, None, &Stage::ACCUMULATORS)
}

/// Multiplies the matrix with weights of 5 columns if it has few rows; returns whether it did.
fn multiply(backend: Backend, lhs: MatRef<'_, u8>) -> bool {
    let (rows, depth) = (lhs.rows(), lhs.columns());
    if rows > LARGEST || depth > LARGEST {
        return false;
    }
    let weights = vec![-2i8; depth * 5];
    let weights = MatRef::new(&weights, depth, 5).unwrap();
    let mut out = vec![0; rows * 5];
    let view = MatMut::new(&mut out, rows, 5).unwrap();
    plan(backend, &weights).unwrap().call(lhs, view).unwrap().run(&mut Workspace::new());
    assert!(out == reference::gemm(&lhs, 1, &weights, &3.into(), None), "{backend} {lhs:?}");
    true
}

#[test]
fn every_pair_of_sizes_of_a_matrix_is_refused_or_multiplies() {
    let data = bytes(64);
    for backend in backends() {
        let mut ran = 0;
        for len in [0, 1, 64] {
            for base in [[2, 3, 3, 1], [1, 5, usize::MAX, 1], [3, 1, 2, usize::MAX], [2, 0, usize::MAX, 1]] {
                pairs(4, |fields| {
                    let mut sizes = base;
                    fields.into_iter().for_each(|(field, value)| sizes[field] = value);
                    let [rows, columns, down, across] = sizes;
                    let Ok(matrix) = MatRef::with_strides(&data[..len], rows, columns, down, across) else {
                        return;
                    };
                    ran += usize::from(multiply(backend, matrix));
                    ran += usize::from(multiply(backend, matrix.transposed()));
                });
            }
        }
        assert!(!is_thorough() || ran > 100, "{backend}: {ran}");
    }
}

/// Weights larger than their slice: by a stride of 0, a depth of 0, or no columns.
#[test]
fn every_pair_of_sizes_of_weights_is_refused_or_packed() {
    let data = [7i8; 64];
    for backend in backends() {
        for len in [0, 1, 64] {
            pairs(4, |fields| {
                let mut sizes = [2, 3, 3, 1];
                fields.into_iter().for_each(|(field, value)| sizes[field] = value);
                let [rows, columns, down, across] = sizes;
                let Ok(weights) = MatRef::with_strides(&data[..len], rows, columns, down, across) else {
                    return;
                };
                match plan(backend, &weights) {
                    Ok(gemm) => {
                        assert!(gemm.workspace_bytes() < 1 << 28, "{weights:?}");
                        assert!(!gemm.explain(2).is_empty() && !gemm.explain(usize::MAX).is_empty());
                    }
                    Err(error) => assert!(matches!(error, Error::Shape { .. }), "{error}"),
                }
            });
        }
    }
}

#[test]
fn every_pair_of_sizes_of_an_output_is_refused_or_written() {
    for backend in backends() {
        let mut ran = 0;
        for len in [0, 1, 64] {
            for base in [[2, 3, 5], [1, 4, usize::MAX], [2, 0, usize::MAX]] {
                pairs(3, |fields| {
                    let mut sizes = base;
                    fields.into_iter().for_each(|(field, value)| sizes[field] = value);
                    let [rows, columns, stride] = sizes;
                    let mut out = vec![9i32; len];
                    let Ok(view) = MatMut::with_row_stride(&mut out, rows, columns, stride) else { return };
                    if columns > LARGEST {
                        return;
                    }
                    let weights = vec![1i8; columns];
                    let gemm = plan(backend, &MatRef::new(&weights, 1, columns).unwrap()).unwrap();
                    // Any number of rows of the same element.
                    let lhs = MatRef::with_strides(&[5u8], rows, 1, 0, 1).unwrap();
                    gemm.call(lhs, view).unwrap().run(&mut Workspace::new());
                    let written = out.iter().filter(|&&x| x != 9).count();
                    assert_eq!(written, rows.saturating_mul(columns).min(len));
                    ran += 1;
                });
            }
        }
        assert!(!is_thorough() || ran > 20, "{backend}: {ran}");
    }
}

/// A stride that is never used.
#[test]
fn a_single_row_may_have_any_stride() {
    for backend in backends() {
        let weights = MatRef::new(&[1i8; 16], 4, 4).unwrap();
        let gemm = plan(backend, &weights).unwrap();
        for stride in SIZES.into_iter().chain([usize::MAX]) {
            let lhs = MatRef::with_strides(&[1u8, 2, 3, 4], 1, 4, stride, 1).unwrap();
            let mut out = [0; 4];
            let view = MatMut::with_row_stride(&mut out, 1, 4, stride).unwrap();
            gemm.call(lhs, view).unwrap().run(&mut Workspace::new());
            let mut in_tasks = [0; 4];
            let view = MatMut::with_row_stride(&mut in_tasks, 1, 4, stride).unwrap();
            gemm.call(lhs, view).unwrap().tasks(3).for_each(|task| task.run(&mut Workspace::new()));
            let expected = reference::gemm(&lhs, 1, &weights, &3.into(), None);
            assert_eq!((&out[..], &in_tasks[..]), (&expected[..], &expected[..]), "{backend}");
        }
    }
}

#[test]
fn empty_rows_may_have_any_stride() {
    for backend in backends() {
        let gemm = plan(backend, &MatRef::new(&[] as &[i8], 0, 4).unwrap()).unwrap();
        let lhs = MatRef::with_strides(&[] as &[u8], 2, 0, usize::MAX, 1).unwrap();
        let mut out = [9; 8];
        gemm.call(lhs, MatMut::new(&mut out, 2, 4).unwrap()).unwrap().run(&mut Workspace::new());
        assert_eq!(out, [0; 8], "{backend}");
        let gemm = plan(backend, &MatRef::new(&[] as &[i8], 4, 0).unwrap()).unwrap();
        let bottomless = MatRef::new(&[] as &[i8], usize::MAX, 0).unwrap();
        assert!(matches!(plan(backend, &bottomless), Err(Error::Shape { .. })));
        let lhs = MatRef::new(&[1u8; 8], 2, 4).unwrap();
        let view = MatMut::with_row_stride(&mut [] as &mut [i32], 2, 0, usize::MAX).unwrap();
        gemm.call(lhs, view).unwrap().run(&mut Workspace::new());
    }
}

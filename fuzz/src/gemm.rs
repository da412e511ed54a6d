//! Matrix multiplication: every backend against the oracle.

use std::sync::Arc;

use eightbit::dynamic::Rows;
use eightbit::{
    Backend, Dequantize, Element, ElementType, Gemm, MatMut, MatRef, OutputElement, PackedWeights, Per,
    Stage, Workspace, reference,
};

use eightbit_testing::precision::{narrow, narrow_zeros};

use crate::input::Input;

/// A multiplication of any operand types, strides and stage, and one of rows with zero points of their own.
pub fn gemm(data: &[u8]) {
    let mut input = Input::new(data);
    match input.byte() % 4 {
        0 => typed::<u8, i8>(input),
        1 => typed::<i8, i8>(input),
        2 => typed::<u8, u8>(input),
        _ => typed::<i8, u8>(input),
    }
}

fn typed<A: Element, W: Element>(mut input: Input<'_>) {
    let (m, n, k) = (input.size(1, 40), input.size(1, 80), input.size(0, 255));
    let (gap, out_gap, tasks) = (input.size(0, 3), input.size(0, 3), input.size(1, 4));
    let lhs_zero = input.zero_point(A::TYPE);
    let precision = input.precision();
    let zeros = narrow_zeros(precision, W::TYPE, input.zero_points(W::TYPE, n));
    let bias = input.bias(n);
    let stage = input.stage(n);
    let row_zeros: Vec<i32> = (0..m).map(|_| input.zero_point(A::TYPE)).collect();
    let lhs = input.elements::<A>(m * (k + gap));
    let weights = narrow(precision, input.elements::<W>(k * n));
    let lhs = MatRef::with_strides(&lhs, m, k, k + gap, 1).expect("the rows fit");
    let weights = MatRef::new(&weights, k, n).expect("the weights fit");
    let acc = reference::gemm(&lhs, lhs_zero, &weights, &zeros, bias.as_deref());
    for backend in Backend::available() {
        let packed = PackedWeights::pack_as(backend, &weights, precision, zeros.clone())
            .expect("the numbers are in range");
        let packed = Arc::new(packed);
        by_rows(&packed, &lhs, lhs_zero, &row_zeros, &weights, &zeros);
        let gemm = Gemm::new(packed, A::TYPE, lhs_zero, bias.as_deref(), &stage).expect("the stage is valid");
        let run = Run { gemm: &gemm, lhs, m, n, stride: n + out_gap, tasks, backend };
        match &stage {
            Stage::Requantize(requantize) => {
                let expected = |n| move |acc| reference::requantize(acc, requantize, n);
                match requantize.output {
                    ElementType::I8 => run.check(|index| expected(index % n)(acc[index]) as i8),
                    _ => run.check(|index| expected(index % n)(acc[index]) as u8),
                }
            }
            _ => run.check(|index| acc[index]),
        }
    }
}

/// The same product with a zero point for each row.
fn by_rows<A: Element, W: Element>(
    packed: &Arc<PackedWeights>,
    lhs: &MatRef<'_, A>,
    lhs_zero: i32,
    row_zeros: &[i32],
    weights: &MatRef<'_, W>,
    zeros: &Per<i32>,
) {
    let (m, k, n) = (lhs.rows(), lhs.columns(), weights.columns());
    let codes: Vec<A> = (0..m * k).filter_map(|at| lhs.get(at / k, at % k).copied()).collect();
    let scales = vec![0.5; m];
    let rows = Rows::new(&codes, m, k, k.max(1), &scales, row_zeros).expect("the rows fit");
    let stage = Stage::Dequantize(Dequantize::new(Per::Tensor(1.0)));
    let gemm = Gemm::new(packed.clone(), A::TYPE, lhs_zero, None, &stage).expect("the stage is valid");
    let mut out = vec![0f32; m * n];
    let call = gemm.call_rows(rows, MatMut::new(&mut out, m, n).expect("the rows fit"));
    call.expect("the shapes agree").run(&mut Workspace::new());
    for (row, (&zero, found)) in row_zeros.iter().zip(out.chunks(n)).enumerate() {
        let row = MatRef::new(&codes[row * k..][..k], 1, k).expect("a row");
        let expected = reference::gemm(&row, zero, weights, zeros, None);
        assert!(
            found.iter().zip(expected).all(|(&found, sum)| found == sum as f32 * 0.5),
            "{}",
            packed.backend()
        );
    }
}

struct Run<'a, A> {
    gemm: &'a Gemm,
    lhs: MatRef<'a, A>,
    m: usize,
    n: usize,
    stride: usize,
    tasks: usize,
    backend: Backend,
}

impl<A: Element> Run<'_, A> {
    fn check<T: OutputElement + PartialEq + std::fmt::Debug>(&self, expected: impl Fn(usize) -> T) {
        let mut out = vec![T::default(); (self.m - 1) * self.stride + self.n];
        let mut workspace = Workspace::with_capacity(self.gemm.workspace_bytes());
        let view = MatMut::with_row_stride(&mut out, self.m, self.n, self.stride).expect("the rows fit");
        for task in self.gemm.call(self.lhs, view).expect("the shapes agree").tasks(self.tasks) {
            task.run(&mut workspace);
        }
        for (row, found) in out.chunks(self.stride).enumerate() {
            for (column, found) in found.iter().take(self.n).enumerate() {
                let expected = expected(row * self.n + column);
                assert_eq!(*found, expected, "{} at ({row}, {column})", self.backend);
            }
        }
    }
}

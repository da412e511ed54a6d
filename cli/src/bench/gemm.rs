//! Measures matrix multiplications.

use eightbit::{Element, Error, Gemm, MatMut, MatRef, PackedWeights, Workspace, reference};

use crate::bench::case::{Case, Work, on_threads};
use crate::bench::check::{Verdict, sample};
use crate::bench::setup::Setup;
use crate::bench::shapes::GemmShape;
use crate::bench::types::{Operands, Operator, Output, Types};

/// The number of products that the reference computes, at about a nanosecond each.
const CHECKED_PRODUCTS: usize = 1 << 25;

/// Weights are packed; the activations have a zero point, the columns a bias.
impl Operator for GemmShape {
    fn typed<A: Element, W: Element, T: Output>(&self, setup: &Setup, types: Types) -> Result<Case, Error> {
        let [m, k, n] = self.sizes;
        let Operands { input, weights, bias, stage, input_zero, weight_zeros } =
            types.operands::<A, W>(m * k, k, n);
        let matrix = MatRef::new(&weights, k, n)?;
        let packed = PackedWeights::pack_as(setup.backend, &matrix, types.precision(), weight_zeros.clone())?;
        let gemm = Gemm::new(packed, A::TYPE, input_zero, Some(&bias), &stage)?;
        let work = Work {
            path: gemm.explain(m),
            workspace_bytes: gemm.workspace_bytes(),
            outputs: m * n,
            depth: k,
            input,
            call: move |input: &[A], out: &mut [T], workspaces: &mut [Workspace]| {
                on_threads(gemm.call(MatRef::new(input, m, k)?, MatMut::new(out, m, n)?)?, workspaces)
            },
        };
        Case::new(setup, [self.name.clone(), types.to_string()], work, |input, out| {
            let mut verdict = Verdict::default();
            for row in sample(m, CHECKED_PRODUCTS / (k * n)) {
                let Ok(one) = MatRef::new(&input[row * k..][..k], 1, k) else { continue };
                let sums = reference::gemm(&one, input_zero, &matrix, &weight_zeros, Some(&bias));
                verdict.add(out[row * n..][..n].iter().copied(), &sums, &stage, |column| column);
            }
            verdict
        })
    }
}

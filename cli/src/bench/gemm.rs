//! Measures matrix multiplications.

use eightbit::{Element, Error, Gemm, MatMut, MatRef, OutputElement, PackedWeights, Workspace, reference};

use crate::bench::check::{Verdict, sample};
use crate::bench::shapes::GemmShape;
use crate::bench::types::{Build, Types};
use crate::bench::{Case, Setup, biases, on_threads, random};

/// The number of products that the reference computes, at about a nanosecond each.
const CHECKED_PRODUCTS: usize = 1 << 25;

/// The multiplication of `shape` with these types: weights packed, a zero point of the activations, a bias.
pub(crate) fn case(setup: &Setup, shape: &GemmShape, types: Types) -> Result<Case, Error> {
    types.build(GemmCase { setup, shape, types })
}

struct GemmCase<'a> {
    setup: &'a Setup,
    shape: &'a GemmShape,
    types: Types,
}

impl Build for GemmCase<'_> {
    fn build<A: Element, W: Element, T: OutputElement + Into<i32>>(self) -> Result<Case, Error> {
        let GemmCase { setup, shape, types } = self;
        let &GemmShape { m, k, n, .. } = shape;
        let lhs = random::<A>(m * k);
        let weights = types.random_weights::<W>(k * n);
        let (bias, stage) = (biases(n), types.stage(n));
        let (lhs_zero, weight_zeros) = (types.activation_zero(), types.weight_zeros(n));
        let matrix = MatRef::new(&weights, k, n)?;
        let packed = PackedWeights::pack(setup.backend, &matrix, weight_zeros.clone())?;
        let gemm = Gemm::new(packed, A::TYPE, lhs_zero, Some(&bias), &stage)?;
        let path = gemm.explain(m);
        let mut out = vec![T::default(); m * n];
        let mut workspaces = setup.workspaces(gemm.workspace_bytes());
        // Errors occur at the first call; the measured calls are identical.
        multiply(&gemm, &lhs, &mut out, [m, k, n], &mut workspaces)?;
        let verdict = setup.check.then(|| {
            let mut verdict = Verdict::default();
            for row in sample(m, CHECKED_PRODUCTS / (k * n)) {
                let Ok(one) = MatRef::new(&lhs[row * k..][..k], 1, k) else { continue };
                let sums = reference::gemm(&one, lhs_zero, &matrix, &weight_zeros, Some(&bias));
                verdict.add(out[row * n..][..n].iter().copied(), &sums, &stage, |column| column);
            }
            verdict
        });
        let operations = 2.0 * m as f64 * k as f64 * n as f64;
        Ok(Case {
            shape: shape.name.clone(),
            types: types.to_string(),
            path,
            verdict,
            measure: Box::new(move |stopwatch| {
                let rates = stopwatch.measure(operations, || {
                    drop(multiply(&gemm, &lhs, &mut out, [m, k, n], &mut workspaces));
                });
                std::hint::black_box(&out);
                rates
            }),
        })
    }
}

/// One call, with one thread per workspace.
fn multiply<A: Element, T: OutputElement>(
    gemm: &Gemm,
    lhs: &[A],
    out: &mut [T],
    [m, k, n]: [usize; 3],
    workspaces: &mut [Workspace],
) -> Result<(), Error> {
    on_threads(gemm.call(MatRef::new(lhs, m, k)?, MatMut::new(out, m, n)?)?, workspaces)
}

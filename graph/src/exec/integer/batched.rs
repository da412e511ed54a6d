//! Products of two activations: matrices or stacks of them, of which the second is packed when it is multiplied.

use eightbit::dynamic::{BatchMut, BatchRef, PackedMatrix, StagedGemm, UniformBatch};
use eightbit::{ElementType, Stage};

use super::dynamic::Late;
use super::planned::{Failure, by_byte, planned, with_type};
use super::product::describe_product;
use super::{element_type, failed};
use crate::exec::builder::Builder;
use crate::exec::step::StepKernel;
use crate::exec::workers::{Threads, Workers};
use crate::ops::shared::product::Product;
use crate::{Error, Node};

/// A product of the bytes in input 0 and in input `second` of a node.
pub(super) struct Batched {
    product: Product,
    types: [ElementType; 2],
    zeros: [i32; 2],
    gemm: StagedGemm,
}

impl Batched {
    /// `None` if the inputs are not bytes, or a second factor is larger than plans of the library take. Zero points may be any where a run has
    /// others.
    pub(super) fn new(
        builder: &mut Builder<'_>,
        node: &Node,
        second: usize,
        zeros: [i32; 2],
        stage: &Stage,
    ) -> Result<Option<Self>, Error> {
        let [a, b] =
            [builder.type_of(node.required_input(0)?)?, builder.type_of(node.required_input(second)?)?];
        let (Some(lhs), Some(rhs)) = (element_type(a.data_type), element_type(b.data_type)) else {
            return Ok(None);
        };
        let Some(count) = Product::count(&a.shape, &b.shape) else { return Ok(None) };
        builder.count_constants((count as u64).saturating_mul(size_of::<(usize, usize)>() as u64))?;
        let Some(product) = Product::new(&a.shape, &b.shape) else { return Ok(None) };
        let product = product.joined(&b.shape);
        let Product { k, n, .. } = product;
        let gemm = match StagedGemm::new(builder.backend, [k, n], stage) {
            Err(eightbit::Error::Shape { .. }) => return Ok(None),
            planned => planned.map_err(|error| failed(node, &error))?,
        };
        let packed = PackedMatrix::bytes(builder.backend, k, n).map_err(|error| failed(node, &error))?;
        // Every thread packs what it multiplies.
        builder.take_scratch((packed as u64).saturating_mul(builder.workers.parts() as u64))?;
        Ok(Some(Self { product, types: [lhs, rhs], zeros, gemm }))
    }

    /// The kernel of a step whose inputs are both factors, and what is `late`.
    pub(super) fn kernel(self, workers: &Workers, late: Late) -> Box<dyn StepKernel> {
        let Self { product: Product { m, k, n, pairs, .. }, types: [lhs, rhs], zeros, gemm } = self;
        let what = format!(
            "{} products of two activations, each an {}",
            pairs.len(),
            describe_product(&gemm.explain(m))
        );
        let threads = Threads::new(workers, gemm.workspace_bytes());
        let runs = runs(&pairs);
        by_byte!(A, lhs, {
            by_byte!(B, rhs, {
                with_type!(
                    O,
                    gemm.output(),
                    [ElementType::F32 => f32, ElementType::I32 => i32, ElementType::I8 => i8, _ => u8],
                    {
                        planned(what, threads, move |context, threads| {
                            let lhs_zero = late.zero::<A>(context, 0)?.unwrap_or(zeros[0]);
                            let rhs_zero = late.zero::<B>(context, 1)?.unwrap_or(zeros[1]);
                            let scales = late.scales(context)?;
                            let (a, b) = (context.input::<A>(0)?, context.input::<B>(1)?);
                            let mut rest = context.output::<O>(0)?;
                            for &Run { first, strides, count } in &runs {
                                let (out, others) = rest.split_at_mut((count * m * n).min(rest.len()));
                                rest = others;
                                let a = a.get(first[0]..).unwrap_or_default();
                                let b = b.get(first[1]..).unwrap_or_default();
                                let lhs = UniformBatch {
                                    codes: BatchRef::with_strides(a, count, [m, k], strides[0], [k, 1])?,
                                    zero_point: lhs_zero,
                                };
                                let rhs = UniformBatch {
                                    codes: BatchRef::with_strides(b, count, [k, n], strides[1], [n, 1])?,
                                    zero_point: rhs_zero,
                                };
                                let out = BatchMut::new(out, count, [m, n])?;
                                match scales {
                                    None => threads.run_batch(gemm.call(lhs, rhs, out)?),
                                    Some(scales) => {
                                        threads.run_batch(gemm.call_scaled(lhs, rhs, scales, out)?);
                                    }
                                }
                            }
                            Ok::<(), Failure>(())
                        })
                    }
                )
            })
        })
    }
}

/// Products whose factors lie as far from one to the next.
#[derive(Debug, PartialEq)]
struct Run {
    first: [usize; 2],
    strides: [usize; 2],
    count: usize,
}

/// The products of factors at these offsets, in as long runs as they have in this order.
fn runs(pairs: &[(usize, usize)]) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let mut last = [0; 2];
    for &(a, b) in pairs {
        let step = |factor: usize, at: usize| at.checked_sub(last[factor]);
        let strides = step(0, a).zip(step(1, b)).map(|(a, b)| [a, b]);
        match (runs.last_mut(), strides) {
            (Some(run), Some(strides)) if run.count == 1 || run.strides == strides => {
                run.strides = strides;
                run.count += 1;
            }
            _ => runs.push(Run { first: [a, b], strides: [0; 2], count: 1 }),
        }
        last = [a, b];
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DataType, Executor, ExecutorOptions, Graph, ValueInfo};

    #[test]
    fn more_columns_than_a_plan_takes_have_another_step() {
        let value = |name: &str, data_type, columns| ValueInfo {
            name: name.to_owned(),
            data_type,
            shape: vec![Some(1), Some(columns)],
        };
        for (columns, is_planned) in [(1 << 24, true), ((1 << 24) + 1, false)] {
            let graph = Graph {
                opset: 13,
                inputs: vec![value("a", DataType::U8, 1), value("b", DataType::U8, columns)],
                outputs: vec![value("y", DataType::I32, columns)],
                nodes: vec![Node::new("product", "MatMulInteger", &["a", "b"], &["y"])],
                ..Graph::default()
            };
            let executor = Executor::new(&graph, &ExecutorOptions::default()).expect("a graph that runs");
            assert_eq!(executor.explain().contains("products of two activations"), is_planned, "{columns}");
        }
    }

    #[test]
    fn stacks_are_few_runs() {
        let of = |a: &[usize], b: &[usize]| {
            let product = Product::new(a, b).expect("they fit");
            let found = runs(&product.pairs);
            let pairs: Vec<_> = found
                .iter()
                .flat_map(|run| {
                    let at = |factor: usize, index: usize| run.first[factor] + index * run.strides[factor];
                    (0..run.count).map(move |index| (at(0, index), at(1, index)))
                })
                .collect();
            assert_eq!(pairs, product.pairs, "{a:?} {b:?}");
            found.into_iter().map(|run| (run.strides, run.count)).collect::<Vec<_>>()
        };
        assert_eq!(of(&[2, 6, 4, 3], &[2, 6, 3, 5]), [([12, 15], 12)]);
        assert_eq!(of(&[4, 3], &[3, 5]), [([0, 0], 1)]);
        assert_eq!(of(&[4, 3], &[7, 3, 5]), [([0, 15], 7)]);
        // A key for some of the heads.
        assert_eq!(of(&[2, 4, 4, 3], &[2, 1, 3, 5]), [([12, 0], 4); 2]);
        assert_eq!(of(&[2, 1, 4, 3], &[3, 3, 5]), [([0, 15], 3); 2]);
    }
}

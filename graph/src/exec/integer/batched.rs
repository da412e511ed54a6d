//! Products of two activations: matrices or stacks of them, of which the second is packed when it is multiplied.

use eightbit::{Element, ElementType, Gemm, MatMut, MatRef, PackedWeights, Stage};

use super::dynamic::Late;
use super::planned::{Failure, by_byte, planned, with_type};
use super::product::{describe_product, packed_size};
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
    gemm: Gemm,
}

impl Batched {
    /// `None` if the inputs are not bytes. Zero points may be any where a run has others.
    pub(super) fn new(
        builder: &Builder<'_>,
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
        builder.count_constants(packed_size(1, k, n))?;
        let packed = by_byte!(W, rhs, pack(builder, &vec![W::default(); k * n], [k, n], zeros[1]));
        let gemm = packed.and_then(|packed| Gemm::new(packed, lhs, zeros[0], None, stage));
        let gemm = gemm.map_err(|error| failed(node, &error))?;
        Ok(Some(Self { product, types: [lhs, rhs], zeros, gemm }))
    }

    /// The kernel of a step whose inputs are both factors, and what is `late`.
    pub(super) fn kernel(self, workers: &Workers, late: Late) -> Box<dyn StepKernel> {
        let Self { product: Product { m, k, n, pairs, .. }, types: [lhs, rhs], zeros, gemm } = self;
        let what =
            format!("{} products of two activations, each an {}", pairs.len(), describe_product(&gemm, m));
        let threads = Threads::new(workers, gemm.workspace_bytes());
        by_byte!(A, lhs, {
            by_byte!(B, rhs, {
                with_type!(
                    O,
                    gemm.output(),
                    [ElementType::F32 => f32, ElementType::I32 => i32, ElementType::I8 => i8, _ => u8],
                    {
                        planned(what, (threads, gemm), move |context, (threads, gemm)| {
                            late.zero::<A>(context, 0)?.map_or(Ok(()), |zero| gemm.set_lhs_zero_point(zero))?;
                            let zero = late.zero::<B>(context, 1)?.unwrap_or(zeros[1]);
                            late.scales(context)?.map_or(Ok(()), |scales| gemm.set_scales(scales))?;
                            let (a, b) = (context.input::<A>(0)?, context.input::<B>(1)?);
                            let products = context.output::<O>(0)?.chunks_exact_mut((m * n).max(1));
                            let mut packed = None;
                            for (&(first, second), out) in pairs.iter().zip(products) {
                                if packed != Some(second) {
                                    gemm.set_weights(&MatRef::new(&b[second..], k, n)?, zero)?;
                                    packed = Some(second);
                                }
                                let a = MatRef::new(&a[first..], m, k)?;
                                threads.run(gemm.call(a, MatMut::new(out, m, n)?)?);
                            }
                            Ok::<(), Failure>(())
                        })
                    }
                )
            })
        })
    }
}

fn pack<W: Element>(
    builder: &Builder<'_>,
    matrix: &[W],
    [rows, columns]: [usize; 2],
    zero: i32,
) -> Result<PackedWeights, eightbit::Error> {
    PackedWeights::pack(builder.backend, &MatRef::new(matrix, rows, columns)?, zero)
}

//! Products of two activations: matrices or stacks of them, of which the second is packed when it is multiplied.

use eightbit::Backend;
use eightbit_kernels::float::{FloatWeights, ProductCall, multiply};

use super::elementwise::Clamp;
use super::lower::fuse_activation;
use crate::exec::builder::Builder;
use crate::exec::scratch::Scratch;
use crate::exec::step::{StepContext, StepKernel, StepKind};
use crate::exec::value::Layout;
use crate::exec::workers::Workers;
use crate::ops::shared::product::Product;
use crate::{DataType, Error, Node};

/// `MatMul` of two values that no constant is.
pub(crate) fn matmul(builder: &mut Builder<'_>, node: &Node) -> Result<bool, Error> {
    lower(builder, node, 1.0, false)
}

/// Products of the first two inputs, times `factor`. If `is_transposed`, the second matrices lie there transposed.
pub(crate) fn lower(
    builder: &mut Builder<'_>,
    node: &Node,
    factor: f32,
    is_transposed: bool,
) -> Result<bool, Error> {
    let names = [node.required_input(0)?, node.required_input(1)?];
    let [a, mut b] = [builder.type_of(names[0])?.clone(), builder.type_of(names[1])?.clone()];
    if let (true, [.., rows, columns]) = (is_transposed, &mut b.shape[..]) {
        std::mem::swap(rows, columns);
    }
    let are_floats = a.data_type == DataType::F32 && b.data_type == DataType::F32;
    let Some(count) = Product::count(&a.shape, &b.shape).filter(|_| are_floats) else { return Ok(false) };
    builder.count_constants((count as u64).saturating_mul(size_of::<(usize, usize)>() as u64))?;
    let Some(product) = Product::new(&a.shape, &b.shape) else { return Ok(false) };
    let product = product.joined(&b.shape);
    builder.count_passing(FloatWeights::size(builder.backend, [product.k, product.n]));
    let inputs =
        vec![Some(builder.read(names[0], Layout::Plain)?), Some(builder.read(names[1], Layout::Plain)?)];
    let (clamp, result) = fuse_activation(builder, node)?;
    let output = builder.define(&result, Layout::Plain)?;
    let (backend, workers) = (builder.backend, builder.workers.clone());
    let kernel = Batched { product, factor, is_transposed, backend, clamp, workers };
    builder.push(node, inputs, vec![output], Box::new(kernel));
    Ok(true)
}

/// `out = clamp(a · (factor · b))` for each pair of matrices.
#[derive(Debug)]
struct Batched {
    product: Product,
    factor: f32,
    is_transposed: bool,
    backend: Backend,
    clamp: Clamp,
    workers: Workers,
}

impl StepKernel for Batched {
    fn run(&self, context: &mut StepContext<'_>, _: &mut Scratch) -> Result<(), Error> {
        let &Self {
            product: Product { m, k, n, ref pairs, .. }, factor, backend, clamp, ref workers, ..
        } = self;
        let [to_row, to_column] = if self.is_transposed { [1, k] } else { [n, 1] };
        let (a, b) = (context.input::<f32>(0)?, context.input::<f32>(1)?);
        let products = context.output::<f32>(0)?.chunks_exact_mut(m * n);
        let mut packed: Option<(usize, FloatWeights)> = None;
        for (&(first, second), out) in pairs.iter().zip(products) {
            let weights = match packed.take().filter(|(at, _)| *at == second) {
                Some((_, weights)) => weights,
                None => {
                    let b = &b[second..][..k * n];
                    FloatWeights::pack(
                        backend,
                        [k, n],
                        |row, column| factor * b[row * to_row + column * to_column],
                        &[],
                    )
                }
            };
            let a = &a[first..][..m * k];
            workers.by_rows(out, n, |row, out| {
                let rows = out.len() / n;
                let a = &a[row * k..][..rows * k];
                multiply(&ProductCall::new(a, &weights, clamp.bounds()), rows, out, n);
            });
            packed = Some((second, weights));
        }
        Ok(())
    }

    fn kind(&self) -> StepKind {
        StepKind::Float
    }

    fn describe(&self) -> String {
        let Product { m, k, n, pairs, .. } = &self.product;
        let count = pairs.len();
        format!("f32 products of two activations, {count} of {m}×{k}×{n}{}", self.clamp.describe())
    }
}

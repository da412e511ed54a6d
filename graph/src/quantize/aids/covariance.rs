//! Means and covariances of what a layer's weights are multiplied by.

use eightbit::Backend;
use eightbit_kernels::float::{Bounds, FloatWeights, ProductCall, multiply};

use super::patches;
use crate::Error;
use crate::quantize::layer::Layer;

/// Sums of the products of every two elements of a patch, for each group of a layer.
#[derive(Debug)]
pub(super) struct Covariance {
    depth: usize,
    /// For each group `depth × depth` sums.
    products: Vec<f32>,
    /// For each group `depth` sums.
    sums: Vec<f64>,
    /// Patches seen of each group.
    count: usize,
}

/// Patches that are multiplied at once.
const BLOCK: usize = 512;

impl Covariance {
    pub(super) fn new(layer: &Layer<'_>) -> Self {
        let (depth, groups) = (layer.depth(), layer.groups);
        Self { depth, products: vec![0.0; groups * depth * depth], sums: vec![0.0; groups * depth], count: 0 }
    }

    /// The bytes of the products.
    pub(super) fn bytes(layer: &Layer<'_>) -> u64 {
        let (depth, groups) = (layer.depth() as u64, layer.groups as u64);
        groups.saturating_mul(depth).saturating_mul(depth).saturating_mul(4)
    }

    /// The bytes that one takes, and those that [`add`](Self::add) takes beside it for `count` patches: a block of them, transposed and
    /// packed, and their products.
    pub(super) fn work_bytes(layer: &Layer<'_>, count: usize) -> (u64, u64) {
        let (depth, groups) = (layer.depth() as u64, layer.groups as u64);
        let own = Self::bytes(layer).saturating_add(groups.saturating_mul(depth) * 8);
        let block = 3 * BLOCK.min(count) as u64;
        let beside = if layer.groups == 1 { depth.saturating_mul(4 * (block + depth)) } else { 0 };
        (own, beside)
    }

    /// Adds `count` patches at most of the layer's input.
    pub(super) fn add(
        &mut self,
        layer: &Layer<'_>,
        shape: &[usize],
        values: &[f32],
        count: usize,
        turn: usize,
    ) -> Result<(), Error> {
        let depth = self.depth;
        let backend = Backend::best().map_err(|error| Error::argument("backend", error.to_string()))?;
        let mut rows: Vec<f32> =
            Vec::with_capacity(if layer.groups == 1 { BLOCK.min(count) * depth } else { 0 });
        let mut seen = 0;
        let (products, sums) = (&mut self.products, &mut self.sums);
        patches::for_each(layer, shape, values, (count, turn), |group, patch| {
            seen += usize::from(group == 0);
            sums[group * depth..][..depth]
                .iter_mut()
                .zip(patch)
                .for_each(|(sum, &value)| *sum += f64::from(value));
            if layer.groups == 1 {
                rows.extend_from_slice(patch);
                if rows.len() >= BLOCK * depth {
                    add_block(backend, products, &rows, depth);
                    rows.clear();
                }
                return;
            }
            let products = &mut products[group * depth * depth..][..depth * depth];
            for (row, &a) in products.chunks_exact_mut(depth).zip(patch) {
                row.iter_mut().zip(patch).for_each(|(sum, &b)| *sum += a * b);
            }
        })?;
        if !rows.is_empty() {
            add_block(backend, products, &rows, depth);
        }
        self.count += seen;
        Ok(())
    }

    /// The element of the covariance matrix of a group, or, not `centred`, of its mean products.
    pub(super) fn element(&self, group: usize, centred: bool, (row, column): (usize, usize)) -> f64 {
        let (depth, count) = (self.depth, self.count.max(1) as f64);
        let sums = &self.sums[group * depth..][..depth];
        let mean = |at: usize| if centred { sums[at] / count } else { 0.0 };
        let product = self.products[(group * depth + row) * depth + column];
        let found = f64::from(product) / count - mean(row) * mean(column);
        // How much so few patches say of so many numbers; for the rest, they are taken to vary independently.
        if row == column { found } else { count / (count + depth as f64) * found }
    }
}

/// Adds `rowsᵀ · rows`.
fn add_block(backend: Backend, products: &mut [f32], rows: &[f32], depth: usize) {
    let count = rows.len() / depth;
    let transposed: Vec<f32> = (0..rows.len()).map(|at| rows[at % count * depth + at / count]).collect();
    let packed = FloatWeights::pack(backend, [count, depth], |row, column| rows[row * depth + column], &[]);
    let mut out = vec![0.0f32; depth * depth];
    multiply(&ProductCall::new(&transposed, &packed, Bounds::NONE), depth, &mut out, depth);
    products.iter_mut().zip(out).for_each(|(sum, new)| *sum += new);
}

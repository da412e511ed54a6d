//! Rounds the weights of a layer for what they are multiplied by: the error of one weight is made up for by the others.
//!
//! The rounded weights `q` of an output channel shall have the least `(w − q)ᵀ·C·(w − q)`, where `C` is the covariance of their factors.
//! With `C = RᵀR` that is the distance of a lattice's point from another point, and one that is near is found coordinate by coordinate
//! (Babai, "On Lovász' lattice reduction and the nearest lattice point problem", 1986), which is what GPTQ (Frantar et al., 2022) computes
//! by updates of an inverse.

use std::collections::BTreeMap;

use super::covariance::Covariance;
use super::rounded::Rounded;
use crate::ops::matmul;
use crate::quantize::layer::Layer;
use crate::quantize::runner::{Runner, observed};
use crate::quantize::tune::Journal;
use crate::quantize::weights::is_pair_safe;
use crate::quantize::{Dataset, Fault, Plan, QuantizedWeights, WeightRange};
use crate::{DataType, Error, Graph, Limits, Tensor};

/// The most bytes of covariances that are kept at a time: 8192 weights of an output channel, if there are no groups.
const KEPT: u64 = 256 << 20;
/// The part of the memory allowed that they may take.
const PART: u64 = 16;
/// What is added to every variance, as a part of their mean: a guard against what few examples say by chance.
const DAMPING: f64 = 0.01;
/// Rows that are rounded at the same time.
const LANES: usize = 16;

/// The weights of the eight-bit layers of `float`, rounded for the examples of these numbers, by node; without layers whose covariances
/// would take too much memory. `held` bytes are taken, the constants of `float` among them. Each layer is kept in `journal`.
pub(in crate::quantize) fn rounded<D: Dataset + ?Sized>(
    float: &Graph,
    plan: &Plan,
    (dataset, numbers): (&D, &[usize]),
    (held, limits): (u64, &Limits),
    journal: &Journal,
) -> Result<BTreeMap<String, QuantizedWeights>, Fault<D::Error>> {
    let nearest = Rounded::of(float, plan)?;
    let most = KEPT.min(limits.max_bytes / PART);
    let layers = Layer::all(float, plan.roles())?;
    let layers: Vec<_> = layers.into_iter().filter(|layer| Covariance::bytes(layer) <= most).collect();
    let mut layers = &layers[..];
    let mut held = held.saturating_add(nearest.bytes_beside(float));
    let mut result = BTreeMap::new();
    while !layers.is_empty() {
        let mut bytes = 0u64;
        let fits = layers.iter().take_while(|layer| {
            bytes = bytes.saturating_add(Covariance::bytes(layer));
            bytes <= most
        });
        let (now, later) = layers.split_at(fits.count().max(1));
        // Those that an interrupted run has rounded. The groups stay what they are: what is observed together may differ in last bits.
        let (mut known, mut added) = (0, 0u64);
        for layer in now {
            if let Some((bytes, scales)) = nearest.layer(layer.node)? {
                let Some(rounded) = journal.weights(bytes.len())? else { break };
                let bytes = Tensor::new(bytes.shape(), rounded)?;
                added = added.saturating_add(layer.weights.len() as u64);
                result.insert(layer.node.name.clone(), QuantizedWeights { bytes, scales: scales.to_vec() });
            }
            known += 1;
        }
        let covariances = match now.len() - known {
            0 => Vec::new(),
            _ => covariances(float, now, (dataset, numbers), (held, limits))?,
        };
        for (layer, covariance) in now.iter().zip(covariances).skip(known) {
            if let Some((bytes, scales)) = nearest.layer(layer.node)? {
                let safe =
                    plan.weight_range(layer.node, layer.has_depthwise_kernel()) == WeightRange::PairSafe;
                let rounded = of_layer(layer, &covariance, bytes, scales, safe)?;
                journal.keep_weights(rounded.bytes.as_i8()?)?;
                added = added.saturating_add(layer.weights.len() as u64);
                result.insert(layer.node.name.clone(), rounded);
            }
        }
        held = held.saturating_add(added);
        layers = later;
    }
    Ok(result)
}

/// The covariances of the inputs of `layers`, if they and what is computed from them fit beside `held` bytes, the constants of `float` among
/// them.
fn covariances<D: Dataset + ?Sized>(
    float: &Graph,
    layers: &[Layer<'_>],
    (dataset, numbers): (&D, &[usize]),
    (held, limits): (u64, &Limits),
) -> Result<Vec<Covariance>, Fault<D::Error>> {
    let mut values: Vec<&str> = layers.iter().map(|layer| layer.input).collect();
    values.sort_unstable();
    values.dedup();
    let outputs = values.iter().map(|value| ((*value).to_owned(), DataType::F32));
    let graph = crate::passes::strip_unused_nodes(observed(float.clone(), outputs))?;
    // Enough patches of each example.
    let count = |layer: &Layer<'_>| (4 * layer.depth() / numbers.len().max(1)).max(128);
    let (mut own, mut beside) = (0u64, 0u64);
    for layer in layers {
        let (of_layer, while_adding) = Covariance::work_bytes(layer, count(layer));
        own = own.saturating_add(of_layer);
        beside = beside.max(while_adding);
    }
    let held = held.saturating_add(own);
    let later = layers.iter().map(rounding_bytes).max().unwrap_or(0);
    limits.check_bytes(held.saturating_add(later), || "rounding of the weights".to_owned())?;
    let mut runner = Runner::new(graph, 0, held.saturating_add(beside), limits)?;
    let mut covariances: Vec<Covariance> = layers.iter().map(Covariance::new).collect();
    for (turn, &number) in numbers.iter().enumerate() {
        let example = dataset.example(number).map_err(Fault::Example)?;
        let inputs = crate::quantize::pipeline::named(float, &example)?;
        runner.run(&inputs, |at, shape, seen| {
            let floats = seen.floats()?;
            for (layer, covariance) in layers.iter().zip(&mut covariances) {
                if layer.input == values[at] {
                    covariance.add(layer, shape, floats, count(layer), turn)?;
                }
            }
            Ok(())
        })?;
    }
    Ok(covariances)
}

/// The bytes that [`of_layer`] takes beside covariances: the factor of a group's in doubles and in floats; then weights in the order of rows
/// as floats, and bytes rounded both ways and laid out anew.
fn rounding_bytes(layer: &Layer<'_>) -> u64 {
    let (depth, weights) = (layer.depth() as u64, layer.weights.len() as u64);
    depth.saturating_mul(depth).saturating_mul(8 + 4).saturating_add(weights.saturating_mul(4 + 3))
}

/// `safe` rows whose neighbours would exceed what [`WeightRange::PairSafe`] allows stay rounded to the nearest.
fn of_layer(
    layer: &Layer<'_>,
    covariance: &Covariance,
    bytes: &Tensor,
    scales: &[f32],
    safe: bool,
) -> Result<QuantizedWeights, Error> {
    let depth = layer.depth();
    let weights = layer.as_rows(layer.weights.as_f32()?);
    let nearest = layer.as_rows(bytes.as_i8()?);
    let mut rounded = nearest.clone();
    let rows_of_group = layer.rows() / layer.groups;
    // A bias takes back the mean of what rounding adds.
    let centred = !layer.node.is(&matmul::OP);
    for group in 0..layer.groups {
        let element = |row, column| covariance.element(group, centred, (row, column));
        let Some(lattice) = Lattice::new(element, depth) else { continue };
        let first = group * rows_of_group;
        for start in (first..first + rows_of_group).step_by(LANES) {
            let rows = start..(start + LANES).min(first + rows_of_group);
            let part = rows.start * depth..rows.end * depth;
            let scales: Vec<f32> = rows.map(|row| scales[row % scales.len()]).collect();
            lattice.round(&weights[part.clone()], &scales, &mut rounded[part]);
        }
    }
    let shape = layer.weights.shape();
    if safe {
        let floats: Vec<f32> = layer.of_rows(&rounded).into_iter().map(f32::from).collect();
        for row in 0..layer.rows() {
            if !is_pair_safe(&floats, shape, layer.axis, row) {
                let row = row * depth..(row + 1) * depth;
                rounded[row.clone()].copy_from_slice(&nearest[row]);
            }
        }
    }
    let bytes = Tensor::new(shape, layer.of_rows(&rounded))?;
    Ok(QuantizedWeights { bytes, scales: scales.to_vec() })
}

/// The factor `R` of a covariance, its coordinates in the order of their variances.
struct Lattice {
    /// For each place the coordinate there.
    order: Vec<usize>,
    /// Row after row, each divided by its diagonal element; nothing left of it.
    r: Vec<f32>,
}

impl Lattice {
    /// `None` if nothing varies.
    fn new(covariance: impl Fn(usize, usize) -> f64, depth: usize) -> Option<Self> {
        let variance = |at: usize| covariance(at, at);
        let mean = (0..depth).map(variance).sum::<f64>() / depth as f64;
        if mean <= 0.0 || !mean.is_finite() {
            return None;
        }
        // The last is rounded first, and the others make up for its error.
        let mut order: Vec<usize> = (0..depth).collect();
        order.sort_by(|&a, &b| variance(a).total_cmp(&variance(b)));
        let mut r = vec![0.0f64; depth * depth];
        for (row, &a) in order.iter().enumerate() {
            for (column, &b) in order.iter().enumerate().skip(row) {
                r[row * depth + column] = covariance(a, b);
            }
            r[row * depth + row] += DAMPING * mean;
        }
        for row in 0..depth {
            let (done, left) = r.split_at_mut((row + 1) * depth);
            let own = &mut done[row * depth..];
            let root = own[row].max(1e-3 * DAMPING * mean).sqrt();
            own[row..].iter_mut().for_each(|value| *value /= root);
            for (below, line) in left.chunks_exact_mut(depth).enumerate() {
                let column = row + 1 + below;
                let factor = own[column];
                if factor != 0.0 {
                    line[column..]
                        .iter_mut()
                        .zip(&own[column..])
                        .for_each(|(value, own)| *value -= factor * own);
                }
            }
        }
        let scaled = |(at, value): (usize, &f64)| (value / r[at / depth * depth + at / depth]) as f32;
        let r = r.iter().enumerate().map(scaled).collect();
        Some(Self { order, r })
    }

    /// Rounds rows of weights in steps of `scales`.
    fn round(&self, weights: &[f32], scales: &[f32], rounded: &mut [i8]) {
        let depth = self.order.len();
        let rows = scales.len();
        // Of the places from the last on, what each row's rounding left, in its steps.
        let mut errors = vec![[0.0f32; LANES]; depth];
        for place in (0..depth).rev() {
            let mut moved = [0.0f32; LANES];
            let line = &self.r[place * depth..][..depth];
            for (&r, errors) in line[place + 1..].iter().zip(&errors[place + 1..]) {
                moved.iter_mut().zip(errors).for_each(|(moved, error)| *moved += r * error);
            }
            let at = self.order[place];
            for row in 0..rows {
                let exact = weights[row * depth + at] / scales[row];
                let nearest = (exact + moved[row]).round_ties_even().clamp(-127.0, 127.0);
                errors[place][row] = exact - nearest;
                rounded[row * depth + at] = nearest as i8;
            }
        }
    }
}

//! Rounds the weights of a layer for what they are multiplied by: the error of one weight is made up for by the others.
//!
//! The rounded weights `q` of an output channel shall have the least `(w − q)ᵀ·C·(w − q)`, where `C` is the covariance of their factors.
//! [`Lattice`] finds such weights. How near it comes is chance where there are few of them, as in a filter of nine: there, other scales than
//! that of the largest weight are tried, too, and the best is taken.

use std::collections::BTreeMap;

use super::covariance::Covariance;
use super::lattice::{LANES, Lattice};
use super::rounded::Rounded;
use crate::ops::matmul;
use crate::quantize::few_levels::scale_of_least_noise;
use crate::quantize::layer::Layer;
use crate::quantize::runner::{Runner, observed};
use crate::quantize::tune::Journal;
use crate::quantize::weights::is_pair_safe;
use crate::quantize::{Dataset, Fault, Plan, QuantizedWeights, WeightPrecision, WeightRange};
use crate::{DataType, Error, Graph, Limits, Tensor};

/// The most bytes of covariances that are kept at a time: 8192 weights of an output channel, if there are no groups.
const KEPT: u64 = 256 << 20;
/// The part of the memory allowed that they may take.
const PART: u64 = 16;
/// Patches of each example that are taken at least.
const PATCHES: usize = 512;
/// The scales that are tried for each row of [`FEW`] weights at most that has the scale of its largest weight: so many, from the first to the
/// last of these parts of that one. Below 1 the largest weights are cut off.
const SCALES: usize = 31;
const PARTS: [f32; 2] = [0.95, 1.15];
/// The scales that are tried where one is that of all weights of a layer: so many, each this part of the one before it, the first that of the
/// largest weight. Cutting off the largest of a million weights is worth finer steps for all others.
const SHARED_SCALES: i32 = 40;
const SHARED_STEP: f32 = 0.96;
/// Scales of few levels are between these parts of those that leave least noise without regard to the inputs: limits of scales have that much
/// room until numbers are subnormal.
const NEAR: std::ops::RangeInclusive<f64> = 1.0 / 32.0..=32.0;
/// With more weights, the errors of all scales are nearly the same.
const FEW: usize = 128;

/// The weights of these eight-bit layers of `float`, rounded for the examples of these numbers, by node; without layers whose covariances
/// would take too much memory. `held` bytes are taken, the constants of `float` among them. Each layer is kept in `journal`.
pub(in crate::quantize) fn rounded<D: Dataset + ?Sized>(
    float: &Graph,
    layers: Vec<Layer<'_>>,
    plan: &Plan,
    (dataset, numbers): (&D, &[usize]),
    (held, limits): (u64, &Limits),
    journal: &Journal,
) -> Result<BTreeMap<String, QuantizedWeights>, Fault<D::Error>> {
    let nearest = Rounded::of(float, plan)?;
    let most = KEPT.min(limits.max_bytes / PART);
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
                let Some((rounded, scales)) = journal.weights([bytes.len(), scales.len()])? else { break };
                let bytes = Tensor::new(bytes.shape(), rounded)?;
                added = added.saturating_add(layer.weights.len() as u64);
                result.insert(layer.node.name.clone(), QuantizedWeights { bytes, scales });
            }
            known += 1;
        }
        let covariances = match now.len() - known {
            0 => Vec::new(),
            _ => covariances(float, now, (dataset, numbers), (held, limits))?,
        };
        for (layer, covariance) in now.iter().zip(covariances).skip(known) {
            if let Some((bytes, scales)) = nearest.layer(layer.node)? {
                let form = plan.weight_form(layer.node, layer.has_depthwise_kernel());
                let safe = form.range == WeightRange::PairSafe && form.precision == WeightPrecision::EIGHT;
                let room = if safe { 1.0 } else { nearest.room(layer.node, layer.depth())? };
                let rounded = of_layer(layer, &covariance, bytes, scales, (form.precision, safe, room))?;
                journal.keep_weights(rounded.bytes.as_i8()?, &rounded.scales)?;
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
    let count = |layer: &Layer<'_>| (4 * layer.depth() / numbers.len().max(1)).max(PATCHES);
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

/// Scales may become `room` times smaller. `safe` rows whose neighbours would exceed what [`WeightRange::PairSafe`] allows stay rounded to the
/// nearest.
fn of_layer(
    layer: &Layer<'_>,
    covariance: &Covariance,
    bytes: &Tensor,
    scales: &[f32],
    (precision, safe, room): (WeightPrecision, bool, f64),
) -> Result<QuantizedWeights, Error> {
    let depth = layer.depth();
    let weights = layer.as_rows(layer.weights.as_f32()?);
    let given = layer.as_rows(bytes.as_i8()?);
    // A bias takes back the mean of what rounding adds.
    let centred = !layer.node.is(&matmul::OP);
    let variance = |group, at| covariance.element(group, centred, (at, at));
    let better = if precision != WeightPrecision::EIGHT {
        Some(few_levels(layer, &weights, scales, (precision, room), variance))
    } else {
        match scales {
            &[scale] if layer.rows() > 1 && is_own(&given) => {
                shared_scale(layer, &weights, (scale, room), variance).map(|scale| vec![scale])
            }
            _ => None,
        }
    };
    let scales = better.as_deref().unwrap_or(scales);
    let (mut rounded, mut found) = (given.clone(), scales.to_vec());
    let few = scales.len() == layer.rows() && depth <= FEW;
    let rows_of_group = layer.rows() / layer.groups;
    for group in 0..layer.groups {
        let element = |row, column| covariance.element(group, centred, (row, column));
        let first = group * rows_of_group;
        let Some(lattice) = Lattice::new(element, depth) else {
            if better.is_some() {
                for at in first * depth..(first + rows_of_group) * depth {
                    rounded[at] = precision.nearest(weights[at] / scales[at / depth % scales.len()]) as i8;
                }
            }
            continue;
        };
        for start in (first..first + rows_of_group).step_by(LANES) {
            let rows = start..(start + LANES).min(first + rows_of_group);
            let part = rows.start * depth..rows.end * depth;
            let mut of_rows: Vec<f32> = rows.clone().map(|row| scales[row % scales.len()]).collect();
            round(&lattice, precision, &weights[part.clone()], &mut of_rows, few, &mut rounded[part]);
            if scales.len() == layer.rows() {
                found[rows].copy_from_slice(&of_rows);
            }
        }
    }
    let shape = layer.weights.shape();
    if safe {
        let floats: Vec<f32> = layer.of_rows(&rounded).into_iter().map(f32::from).collect();
        for row in 0..layer.rows() {
            if !is_pair_safe(&floats, shape, layer.axis, row) {
                let weights = row * depth..(row + 1) * depth;
                rounded[weights.clone()].copy_from_slice(&given[weights]);
                let of_row = row % scales.len();
                found[of_row] = scales[of_row];
            }
        }
    }
    let bytes = Tensor::new(shape, layer.of_rows(&rounded))?;
    Ok(QuantizedWeights { bytes, scales: found })
}

/// Whether the scale of these bytes is that of the largest weight.
fn is_own(bytes: &[i8]) -> bool {
    bytes.iter().any(|byte| byte.unsigned_abs() == 127)
}

/// The scale of all weights of a layer that leaves the least noise where they are rounded to the nearest; `None` if it is that of the largest.
/// It may become `room` times smaller until the bias does not fit any more, half of which is left to corrections.
fn shared_scale(
    layer: &Layer<'_>,
    weights: &[f32],
    (largest, room): (f32, f64),
    variance: impl Fn(usize, usize) -> f64,
) -> Option<f32> {
    let depth = layer.depth();
    let variances = variances(layer, variance);
    let noise = |scale: f32| -> f64 {
        let of_row = |(row, weights): (usize, &[f32])| {
            let of_weight = |(&weight, variance): (&f32, &f32)| {
                let left = weight - WeightPrecision::EIGHT.nearest(weight / scale) * scale;
                left * left * variance
            };
            let variances = &variances[row / (layer.rows() / layer.groups) * depth..][..depth];
            f64::from(weights.iter().zip(variances).map(of_weight).sum::<f32>())
        };
        weights.chunks_exact(depth).enumerate().map(of_row).sum()
    };
    let parts = (1..=SHARED_SCALES).map(|at| SHARED_STEP.powi(at));
    let scales = parts.take_while(|&part| f64::from(part) * room >= 2.0).map(|part| largest * part);
    let mut least = (noise(largest), None);
    for scale in scales {
        let noise = noise(scale);
        if noise < least.0 {
            least = (noise, Some(scale));
        }
    }
    least.1
}

/// The variances of the factors of each group's weights.
fn variances(layer: &Layer<'_>, variance: impl Fn(usize, usize) -> f64) -> Vec<f32> {
    let depth = layer.depth();
    (0..layer.groups * depth).map(|at| variance(at / depth, at % depth).max(0.0) as f32).collect()
}

/// The scales of rows of few levels, or the one of all, that leave the least noise where weights are rounded to the nearest; `given` where a
/// bias leaves no room for a smaller one, half of which is left to corrections, and where another one is so far from it that limits of
/// scales are why.
fn few_levels(
    layer: &Layer<'_>,
    weights: &[f32],
    given: &[f32],
    (precision, room): (WeightPrecision, f64),
    variance: impl Fn(usize, usize) -> f64,
) -> Vec<f32> {
    let depth = layer.depth();
    let variances = variances(layer, variance);
    let importance = |row: usize| &variances[row / (layer.rows() / layer.groups) * depth..][..depth];
    let of_row =
        |row: usize| weights[row * depth..][..depth].iter().copied().zip(importance(row).iter().copied());
    let fitting = |found: Option<f64>, given: f32| {
        let part = |found: f64| found / f64::from(given);
        let fits = |&found: &f64| part(found) * room >= 2.0 && NEAR.contains(&part(found));
        found.filter(fits).map_or(given, |found| found as f32)
    };
    match given {
        &[scale] if layer.rows() > 1 => {
            let all = (0..layer.rows()).flat_map(of_row);
            vec![fitting(scale_of_least_noise(all, precision), scale)]
        }
        _ => {
            let row = |(row, &given)| fitting(scale_of_least_noise(of_row(row), precision), given);
            given.iter().enumerate().map(row).collect()
        }
    }
}

/// Rounds rows of weights, which are rounded to the nearest, in steps of `scales`, or, if there are `few`, of other ones that leave less. A row
/// whose scale is not that of its largest weight keeps it: its bias, or its neighbours, need that.
fn round(
    lattice: &Lattice,
    precision: WeightPrecision,
    weights: &[f32],
    scales: &mut [f32],
    few: bool,
    rounded: &mut [i8],
) {
    let depth = weights.len() / scales.len();
    let given = scales.to_vec();
    let is_free = |row: &[i8]| few && (precision != WeightPrecision::EIGHT || is_own(row));
    let free: Vec<bool> = rounded.chunks_exact(depth).map(is_free).collect();
    let mut least = lattice.round(precision, weights, scales, rounded);
    if !free.contains(&true) {
        return;
    }
    let mut other = vec![0; rounded.len()];
    for at in 0..SCALES {
        let part = PARTS[0] + (PARTS[1] - PARTS[0]) * at as f32 / (SCALES - 1) as f32;
        let tried: Vec<f32> = given.iter().map(|scale| scale * part).collect();
        let left = lattice.round(precision, weights, &tried, &mut other);
        for row in (0..given.len()).filter(|&row| free[row]) {
            if left[row] < least[row] {
                (least[row], scales[row]) = (left[row], tried[row]);
                rounded[row * depth..][..depth].copy_from_slice(&other[row * depth..][..depth]);
            }
        }
    }
}

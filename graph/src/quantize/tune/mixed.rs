//! Which layers have weights of few bits: those first that add least noise for the bytes that they save.

use std::collections::BTreeMap;

use super::drop::{Accuracy, answers};
use super::{Recipe, Search};
use crate::quantize::aids::rounding;
use crate::quantize::layer::Layer;
use crate::quantize::pipeline::to_eight_bits;
use crate::quantize::{Dataset, Effort, Fault, LayerPrecision, Progress, WeightPrecision};
use crate::{Error, Graph, passes};

/// Layers with the same weights.
struct Candidate {
    nodes: Vec<String>,
    noise: f64,
    saved: u64,
}

/// Gives layers the precision of the options: as few as make the file small enough, or as many as the accuracy allows. The others keep eight
/// bits.
pub(super) fn choose<D: Dataset + ?Sized>(
    search: &mut Search<'_, D>,
    progress: &mut impl FnMut(Progress),
) -> Result<Vec<LayerPrecision>, Fault<D::Error>> {
    progress(Progress::Pass("precision of layers"));
    let precision = search.options.weight_precision;
    let low = search.lowered(precision)?;
    let before = search.error(&search.best)?;
    let mut candidates = candidates(search, precision)?;
    let of = candidates.len();
    for (done, candidate) in candidates.iter_mut().enumerate() {
        let with = search.error(&search.best.with_layers_of(&low, &candidate.nodes))?;
        candidate.noise = (with - before).max(0.0);
        progress(Progress::Searched { done: done + 1, of });
    }
    let price = |candidate: &Candidate| candidate.noise / candidate.saved.max(1) as f64;
    candidates.sort_by(|a, b| price(a).total_cmp(&price(b)));
    let recipe = |count: usize| {
        let nodes: Vec<String> =
            candidates[..count].iter().flat_map(|one| one.nodes.iter().cloned()).collect();
        search.best.with_layers_of(&low, &nodes)
    };
    let count = match search.options.file_bytes {
        Some(most) => count_for_size(most, &eight_bit(search, &search.best)?, &candidates)?,
        None => count_for_accuracy(search, candidates.len(), &recipe)?,
    };
    let mut best = recipe(count);
    let mut error = search.error(&best)?;
    if !best.bias && count > 0 {
        let corrected = Recipe { bias: true, ..best.clone() };
        let with = search.error(&corrected)?;
        if with < error {
            (best, error) = (corrected, with);
        }
    }
    (search.best, search.error) = (best, error);
    let reports = candidates.into_iter().enumerate().flat_map(|(at, Candidate { nodes, noise, saved })| {
        let precision = if at < count { precision } else { WeightPrecision::EIGHT };
        nodes.into_iter().map(move |node| LayerPrecision { node, precision, noise, saved })
    });
    Ok(reports.collect())
}

/// The layers, with the bytes that they save in a file.
fn candidates<D: Dataset + ?Sized>(
    search: &Search<'_, D>,
    precision: WeightPrecision,
) -> Result<Vec<Candidate>, Error> {
    let layers = Layer::all(&search.observation.graph, &search.roles)?;
    let mut by_weights: BTreeMap<&str, Candidate> = BTreeMap::new();
    let mut order = Vec::new();
    for layer in &layers {
        let Some(name) = layer.node.input(1) else { continue };
        let candidate = by_weights.entry(name).or_insert_with(|| {
            order.push(name);
            let len = layer.weights.len() as u64;
            let saved = len - (len * u64::from(precision.stored_bits())).div_ceil(8);
            Candidate { nodes: Vec::new(), noise: 0.0, saved }
        });
        candidate.nodes.push(layer.node.name.clone());
    }
    Ok(order.into_iter().filter_map(|name| by_weights.remove(name)).collect())
}

/// The fewest candidates that make the file of `eight_bit` as small as `most` bytes.
fn count_for_size(most: u64, eight_bit: &Graph, candidates: &[Candidate]) -> Result<usize, Error> {
    let mut bytes = eight_bit.to_onnx_bytes()?.len() as u64;
    let whole = bytes;
    for (count, candidate) in candidates.iter().enumerate() {
        if bytes <= most {
            return Ok(count);
        }
        bytes = bytes.saturating_sub(candidate.saved);
    }
    if bytes > most {
        let reason = format!(
            "{most} bytes: the file takes {whole} with weights of eight bits, {bytes} with fewer in all layers"
        );
        return Err(Error::argument("file size", reason));
    }
    Ok(candidates.len())
}

/// The most candidates with which no more accuracy is lost than is allowed, if more of them lose more.
fn count_for_accuracy<D: Dataset + ?Sized>(
    search: &Search<'_, D>,
    all: usize,
    recipe: &impl Fn(usize) -> Recipe,
) -> Result<usize, Fault<D::Error>> {
    let Some(allowed) = &search.options.accuracy_drop else { return Ok(all) };
    let accuracy = Accuracy::of(search, allowed)?;
    let is_allowed = |count: usize| -> Result<bool, Fault<D::Error>> {
        let graph = eight_bit(search, &recipe(count))?;
        Ok(accuracy.lost(&answers(search, &graph)?) <= allowed.most)
    };
    if is_allowed(all)? {
        return Ok(all);
    }
    // With `least` it is allowed, or with none; with `most` it is not.
    let (mut least, mut most) = (0, all);
    while most - least > 1 {
        let middle = least.midpoint(most);
        *(if is_allowed(middle)? { &mut least } else { &mut most }) = middle;
    }
    Ok(least)
}

/// The eight-bit network of a recipe, as it is written.
fn eight_bit<D: Dataset + ?Sized>(search: &Search<'_, D>, recipe: &Recipe) -> Result<Graph, Error> {
    let (plan, _) = search.plan(recipe, &search.observation, &search.roles)?;
    let (graph, _) = to_eight_bits(search.observation.graph.clone(), &plan, |_| {})?;
    passes::narrow_constants(graph, search.options.weight_precision.stored_bits())
}

impl<D: Dataset + ?Sized> Search<'_, D> {
    /// The best recipe with all layers in another precision, their weights rounded for their inputs.
    fn lowered(&mut self, precision: WeightPrecision) -> Result<Recipe, Fault<D::Error>> {
        let layers = Layer::all(&self.observation.graph, &self.roles)?;
        let precisions = layers.iter().map(|layer| (layer.node.name.clone(), precision)).collect();
        let mut recipe = Recipe { precisions, weights: BTreeMap::new(), ..self.best.clone() };
        if self.options.effort > Effort::None {
            let (plan, _) = self.plan(&recipe, &self.observation, &self.roles)?;
            let all: Vec<usize> = (0..self.dataset.len()).collect();
            let limits = (self.held([]), &self.options.limits);
            let graph = &self.observation.graph;
            let rounded = rounding::rounded(graph, layers, &plan, (self.dataset, &all), limits, self.journal);
            recipe.weights = rounded.or_else(|fault| {
                self.note_skipped("weights of fewer bits rounded for their inputs", fault)
                    .map(|()| BTreeMap::new())
            })?;
        }
        Ok(recipe)
    }
}

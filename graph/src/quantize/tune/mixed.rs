//! Which layers have weights of few bits: those first that add least noise for the bytes that they save.

use std::collections::BTreeMap;

use super::drop::{Accuracy, answers};
use super::{Recipe, Search};
use crate::ops::eight_bit::weight_axis;
use crate::quantize::aids::rounding;
use crate::quantize::layer::Layer;
use crate::quantize::pipeline::to_eight_bits;
use crate::quantize::{Dataset, Effort, Fault, LayerPrecision, Progress, WeightPrecision};
use crate::{Error, Graph, passes};

/// Whether biases take back what rounding adds.
const BIASES: [bool; 2] = [true, false];

/// Layers with the same weights.
#[derive(Default)]
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
    // Between the weights that were rounded before and those that are now, so that a run that is resumed tells them apart.
    let before = search.error(&search.best)?;
    let mut candidates = candidates(search, precision)?;
    let low = search.lowered(&candidates, precision)?;
    // A copy of them is made for each network that is tried.
    let held = low.bytes().saturating_add(search.best.bytes()).saturating_mul(2);
    search.beside = search.beside.saturating_add(held);
    let of = candidates.len();
    for (done, candidate) in candidates.iter_mut().enumerate() {
        let more = search.error(&search.best.with_layers_of(&low, &candidate.nodes))? - before;
        candidate.noise = if more.is_nan() { f64::INFINITY } else { more.max(0.0) };
        progress(Progress::Searched { done: done + 1, of });
    }
    let price = |candidate: &Candidate| candidate.noise / candidate.saved.max(1) as f64;
    candidates.sort_by(|a, b| price(a).total_cmp(&price(b)));
    let choice = Choice { candidates: &candidates, eight: &search.best, low: &low };
    let (chosen, bias) = match search.options.file_bytes {
        Some(most) => choice.for_size(search, most)?,
        None => choice.for_accuracy(search)?,
    };
    let best = choice.recipe(&chosen, bias);
    search.error = search.error(&best)?;
    search.best = best;
    search.beside = search.beside.saturating_sub(held);
    let reports = candidates.into_iter().zip(chosen).flat_map(|(candidate, is_low)| {
        let Candidate { nodes, noise, saved } = candidate;
        let precision = if is_low { precision } else { WeightPrecision::EIGHT };
        nodes.into_iter().map(move |node| LayerPrecision { node, precision, noise, saved })
    });
    Ok(reports.collect())
}

/// The nodes with constant weights that become bytes, in the graph's order, with the bytes that they save in a file.
fn candidates<D: Dataset + ?Sized>(
    search: &Search<'_, D>,
    precision: WeightPrecision,
) -> Result<Vec<Candidate>, Error> {
    let graph = &search.observation.graph;
    let mut by_weights: BTreeMap<&str, Candidate> = BTreeMap::new();
    let mut order = Vec::new();
    for node in graph.nodes.iter().filter(|node| search.roles.is_quantized(&node.name)) {
        let weights = node.input(1).and_then(|name| Some((name, graph.constants.get(name)?)));
        let Some((name, weights)) = weights.filter(|_| matches!(weight_axis(node), Ok(Some(_)))) else {
            continue;
        };
        let candidate = by_weights.entry(name).or_insert_with(|| {
            order.push(name);
            let len = weights.len() as u64;
            let saved = len - (len * u64::from(precision.stored_bits())).div_ceil(8);
            Candidate { saved, ..Candidate::default() }
        });
        candidate.nodes.push(node.name.clone());
    }
    Ok(order.into_iter().filter_map(|name| by_weights.remove(name)).collect())
}

/// The networks among which one is chosen: candidates in the order of their price, in eight bits or in few.
struct Choice<'c> {
    candidates: &'c [Candidate],
    eight: &'c Recipe,
    low: &'c Recipe,
}

impl Choice<'_> {
    fn recipe(&self, chosen: &[bool], bias: bool) -> Recipe {
        let low = self.candidates.iter().zip(chosen).filter(|(_, is_low)| **is_low);
        let nodes: Vec<String> = low.flat_map(|(candidate, _)| candidate.nodes.iter().cloned()).collect();
        Recipe { bias, ..self.eight.with_layers_of(self.low, &nodes) }
    }

    /// The first `count` candidates.
    fn first(&self, count: usize) -> Vec<bool> {
        (0..self.candidates.len()).map(|at| at < count).collect()
    }

    /// The fewest candidates that make the file as small as `most` bytes, with or without biases, which take bytes, whichever is better.
    fn for_size<D: Dataset + ?Sized>(
        &self,
        search: &Search<'_, D>,
        most: u64,
    ) -> Result<(Vec<bool>, bool), Fault<D::Error>> {
        let size = |count: usize, bias: bool| -> Result<u64, Fault<D::Error>> {
            let graph = eight_bit(search, &self.recipe(&self.first(count), bias))?;
            let graph = passes::narrow_constants(graph, search.options.weight_precision.stored_bits())?;
            Ok(graph.to_onnx_bytes()?.len() as u64)
        };
        let all = self.candidates.len();
        let mut best: Option<(f64, usize, bool)> = None;
        for bias in BIASES {
            if size(all, bias)? > most {
                continue;
            }
            // With `fits` candidates the file is small enough; with fewer than `too_few` of them it is not known to be.
            let (mut too_few, mut fits) = (0, all);
            while too_few < fits {
                let middle = too_few.midpoint(fits);
                if size(middle, bias)? <= most { fits = middle } else { too_few = middle + 1 }
            }
            let error = search.error(&self.recipe(&self.first(fits), bias))?;
            if best.is_none_or(|(least, ..)| error < least) {
                best = Some((error, fits, bias));
            }
        }
        let Some((_, count, bias)) = best else {
            let [whole, least] = [size(0, false)?, size(all, false)?];
            let reason = format!(
                "{most} bytes: it takes {whole} with weights of eight bits, {least} with fewer in all layers"
            );
            return Err(Error::argument("file size", reason).into());
        };
        Ok((self.first(count), bias))
    }

    /// As many candidates as lose no more accuracy than is allowed: as many of the first as there can be, and then each of the others that
    /// can be added.
    fn for_accuracy<D: Dataset + ?Sized>(
        &self,
        search: &Search<'_, D>,
    ) -> Result<(Vec<bool>, bool), Fault<D::Error>> {
        let all = self.candidates.len();
        let mut best: Option<(f64, bool)> = None;
        for bias in BIASES {
            let error = search.error(&self.recipe(&self.first(all), bias))?;
            if best.is_none_or(|(least, _)| error < least) {
                best = Some((error, bias));
            }
        }
        let bias = best.is_some_and(|(_, bias)| bias);
        let Some(allowed) = &search.options.accuracy_drop else { return Ok((self.first(all), bias)) };
        let accuracy = Accuracy::of(search, allowed)?;
        let is_allowed = |chosen: &[bool]| -> Result<bool, Fault<D::Error>> {
            let graph = eight_bit(search, &self.recipe(chosen, bias))?;
            Ok(accuracy.lost(&answers(search, &graph)?) <= allowed.most)
        };
        if is_allowed(&self.first(all))? {
            return Ok((self.first(all), bias));
        }
        // With `least` it is allowed, or with none; with `most` it is not.
        let (mut least, mut most) = (0, all);
        while most - least > 1 {
            let middle = least.midpoint(most);
            *(if is_allowed(&self.first(middle))? { &mut least } else { &mut most }) = middle;
        }
        let mut chosen = self.first(least);
        for at in most..all {
            chosen[at] = true;
            chosen[at] = is_allowed(&chosen)?;
        }
        let has_any = chosen.contains(&true);
        Ok((chosen, if has_any { bias } else { self.eight.bias }))
    }
}

/// The network of a recipe.
fn eight_bit<D: Dataset + ?Sized>(search: &Search<'_, D>, recipe: &Recipe) -> Result<Graph, Error> {
    let (plan, _) = search.plan(recipe, &search.observation, &search.roles)?;
    Ok(to_eight_bits(search.observation.graph.clone(), &plan, |_| {})?.0)
}

impl<D: Dataset + ?Sized> Search<'_, D> {
    /// The best recipe with all candidates in another precision, their weights rounded for their inputs.
    fn lowered(
        &mut self,
        candidates: &[Candidate],
        precision: WeightPrecision,
    ) -> Result<Recipe, Fault<D::Error>> {
        let nodes = candidates.iter().flat_map(|candidate| &candidate.nodes);
        let precisions = nodes.map(|node| (node.clone(), precision)).collect();
        let mut recipe = Recipe { precisions, weights: BTreeMap::new(), ..self.best.clone() };
        if self.options.effort > Effort::None {
            let layers = Layer::all(&self.observation.graph, &self.roles)?;
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

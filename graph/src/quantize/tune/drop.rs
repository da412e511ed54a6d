//! Nodes go back to float until no more accuracy is lost than is allowed.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::time::Instant;

use super::{Observation, Search};
use crate::exec::{Executor, ExecutorOptions};
use crate::quantize::pipeline::{named, to_eight_bits};
use crate::quantize::{AccuracyDrop, Calibration, Dataset, Fault, FloatAgain, Plan, Progress, Role, Roles};
use crate::{DataType, Error, Graph, Node, Tensor};

/// Runs whose shortest counts.
const RUNS: usize = 7;

/// Why such a node is float.
const REASON: &str = "in eight bits it changes too many answers";

/// A form of the network in which some nodes are float.
struct Form {
    roles: Roles,
    observation: Observation,
    plan: Plan,
    calibration: Calibration,
    eight_bit: Graph,
    error: f64,
    milliseconds: f64,
}

/// The network that loses no more than is allowed.
pub(super) struct Within {
    pub(super) plan: Plan,
    pub(super) calibration: Calibration,
    /// The nodes that went back to float, in this order.
    pub(super) again: Vec<FloatAgain>,
    /// What it loses, in percentage points.
    pub(super) drop: f64,
}

/// The accuracy of the float network.
pub(super) struct Accuracy<'c> {
    /// Its answers.
    right: Vec<usize>,
    /// Those that are right, if they are not its own.
    classes: Option<&'c [usize]>,
}

impl<'c> Accuracy<'c> {
    pub(super) fn of<D: Dataset + ?Sized>(
        search: &Search<'_, D>,
        allowed: &'c AccuracyDrop,
    ) -> Result<Self, Fault<D::Error>> {
        let right = answers(search, &search.observation.graph)?;
        Ok(Self { right, classes: allowed.classes.as_deref() })
    }

    /// What answers lose, in percentage points.
    pub(super) fn lost(&self, answers: &[usize]) -> f64 {
        let classes = self.classes.unwrap_or(&self.right);
        let part = |answers: &[usize]| {
            let hits = answers.iter().zip(classes).filter(|(answer, class)| answer == class).count();
            100.0 * hits as f64 / classes.len().max(1) as f64
        };
        (part(&self.right) - part(answers)).max(0.0)
    }
}

/// Keeps nodes float, the most sensitive ones for their time first, until the network loses no more than `allowed`. The order depends on the
/// machine, which takes the times.
pub(super) fn within<D: Dataset + ?Sized>(
    search: &mut Search<'_, D>,
    allowed: &AccuracyDrop,
    progress: &mut impl FnMut(Progress),
) -> Result<Within, Fault<D::Error>> {
    progress(Progress::Pass("accuracy"));
    let graph = search.observation.graph.clone();
    let accuracy = Accuracy::of(search, allowed)?;
    let float = search.float.clone();
    let mut form = search.form(&float, &graph)?;
    let (error, milliseconds) = search.measured(&float, &graph, Some(&form))?;
    let mut drop = accuracy.lost(&answers(search, &form.eight_bit)?);
    let mut again = Vec::new();
    if drop > allowed.most {
        let mut candidates = Vec::new();
        let nodes = computing(&graph, &form.roles);
        for (done, node) in nodes.iter().enumerate() {
            let mut with = float.clone();
            with.insert(node.clone(), REASON.to_owned());
            let other = search.measured(&with, &graph, None)?;
            candidates.push((node.clone(), error - other.0, (other.1 - milliseconds).max(1e-3)));
            progress(Progress::Searched { done: done + 1, of: nodes.len() });
        }
        candidates.sort_by(|a, b| (b.1 / b.2).total_cmp(&(a.1 / a.2)));
        let mut kept = float.clone();
        for (node, gain, milliseconds) in candidates {
            if drop <= allowed.most {
                break;
            }
            kept.insert(node.clone(), REASON.to_owned());
            form = search.form(&kept, &graph)?;
            drop = accuracy.lost(&answers(search, &form.eight_bit)?);
            again.push(FloatAgain { node, gain, milliseconds, drop });
        }
    }
    search.roles = form.roles;
    search.observation = form.observation;
    search.error = form.error;
    Ok(Within { plan: form.plan, calibration: form.calibration, again, drop })
}

/// The nodes that compute in eight bits. With all of them in float, the network is.
fn computing(graph: &Graph, roles: &Roles) -> Vec<String> {
    let is_computing = |node: &&Node| {
        let moves = node.output(0).is_some_and(|output| roles.is_moved(output));
        roles.node(&node.name) == Some(&Role::Quantized) && !moves
    };
    graph.nodes.iter().filter(is_computing).map(|node| node.name.clone()).collect()
}

impl<D: Dataset + ?Sized> Search<'_, D> {
    /// The error and the milliseconds of a form, which is made if it is needed: an interrupted run may have measured it.
    fn measured(
        &self,
        float: &BTreeMap<String, String>,
        graph: &Graph,
        form: Option<&Form>,
    ) -> Result<(f64, f64), Fault<D::Error>> {
        let made = OnceCell::new();
        let form = || match (form, made.get()) {
            (Some(form), _) | (None, Some(form)) => Ok(form),
            (None, None) => self.form(float, graph).map(|form| made.get_or_init(|| form)),
        };
        let error = self.journal.number(|| form().map(|form| form.error))?;
        let milliseconds = self.journal.number(|| form().map(|form| form.milliseconds))?;
        Ok((error, milliseconds))
    }

    /// The network with the nodes `float` in float.
    fn form(&self, float: &BTreeMap<String, String>, graph: &Graph) -> Result<Form, Fault<D::Error>> {
        let roles = Roles::keeping_float(graph, float)?;
        let all: Vec<usize> = (0..self.dataset.len()).collect();
        let observation = self.observe(graph.clone(), &roles, &all)?;
        let (plan, calibration) = self.plan(&self.best, &observation, &roles)?;
        let (eight_bit, _) = to_eight_bits(graph.clone(), &plan, |_| {})?;
        let error = self.judge.error(&eight_bit, self.dataset, self.held([graph, &eight_bit]))?;
        let example = self.dataset.example(self.split.judging[0]).map_err(Fault::Example)?;
        let milliseconds = milliseconds(&executor(&eight_bit, self)?, &named(&eight_bit, &example)?)?;
        Ok(Form { roles, observation, plan, calibration, eight_bit, error, milliseconds })
    }
}

fn executor<D: Dataset + ?Sized>(graph: &Graph, search: &Search<'_, D>) -> Result<Executor, Error> {
    let mut options = ExecutorOptions::default();
    options.shapes.limits = search.options.limits.clone();
    Executor::new(graph, &options)
}

/// The shortest of some runs.
fn milliseconds(executor: &Executor, inputs: &[(&str, &Tensor)]) -> Result<f64, Error> {
    let mut least = f64::INFINITY;
    for _ in 0..RUNS {
        let start = Instant::now();
        executor.run(inputs)?;
        least = least.min(start.elapsed().as_secs_f64() * 1e3);
    }
    Ok(least)
}

/// The class of the largest element of the first float output, for each example of the dataset.
pub(super) fn answers<D: Dataset + ?Sized>(
    search: &Search<'_, D>,
    graph: &Graph,
) -> Result<Vec<usize>, Fault<D::Error>> {
    let Some(output) = graph.outputs.iter().position(|output| output.data_type == DataType::F32) else {
        return Err(Error::argument("accuracy drop", "the network has no output of scores").into());
    };
    let executor = executor(graph, search)?;
    let mut answers = Vec::with_capacity(search.dataset.len());
    for number in 0..search.dataset.len() {
        let example = search.dataset.example(number).map_err(Fault::Example)?;
        let outputs = executor.run(&named(graph, &example)?)?;
        let scores = outputs[output].as_f32()?;
        // The first of equal ones.
        let best = (0..scores.len()).rev().max_by(|&a, &b| scores[a].total_cmp(&scores[b]));
        answers.push(best.unwrap_or(0));
    }
    Ok(answers)
}

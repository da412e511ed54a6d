//! What the clones of an executor share, and how a call finds its plan.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::lower;
use super::options::{ExecutorOptions, RunOptions};
use super::plan::Lowered;
use super::plans::Plans;
use super::run::{Results, Run, check_type, has_shape};
use super::shared::Shared;
use super::source::{Observer, Source};
use super::stash::Stash;
use super::state::Plan;
use super::step::Given;
use super::tail::{self, Tail};
use crate::limits::constants_of;
use crate::shapes::ShapeOptions;
use crate::{Error, Graph, Tensor, ValueInfo};

/// What the clones of an executor share.
#[derive(Debug)]
pub(super) struct Prepared {
    /// As the graph declares them; dimensions may be open.
    inputs: Vec<ValueInfo>,
    /// The inputs and the outputs for the sizes of the options.
    pub(super) first: [Vec<ValueInfo>; 2],
    /// What plans are made from, one at a time; `None` if the graph has no open dimensions and its only plan exists.
    source: Option<Mutex<Source>>,
    pub(super) plans: Plans,
    /// What follows the plans, if there are sizes that are known only when the graph runs.
    pub(super) tail: Option<Tail>,
    /// The position of each input of the graph, by its name.
    positions: HashMap<String, usize>,
    /// Memory for the order of a call's arguments.
    pub(super) orders: Stash<Vec<usize>>,
}

impl Source {
    /// The plan for `shapes` beside `held` bytes.
    fn lowered(&self, shapes: &ShapeOptions, held: u64) -> Result<Lowered, Error> {
        let inferred = lower::infer(self, shapes)?;
        lower::lower(self, Cow::Borrowed(&self.graph.constants), inferred, &shapes.limits, held)
    }

    /// The only plan, for the shapes of the options. What it does not need is dropped.
    fn only_lowered(mut self, held: u64) -> Result<Lowered, Error> {
        let inferred = lower::infer(&self, &self.shapes)?;
        let constants = Cow::Owned(std::mem::take(&mut self.graph.constants));
        lower::lower(&self, constants, inferred, &self.shapes.limits, held)
    }
}

impl Prepared {
    /// See [`Executor::new`](super::Executor::new), while `held` bytes of the limits are taken by others. The constants of a graph that is owned are dropped as soon as nothing needs them.
    pub(super) fn new(
        graph: Cow<'_, Graph>,
        options: &ExecutorOptions,
        held: u64,
        observer: Option<Observer>,
    ) -> Result<Self, Error> {
        graph.validate()?;
        let (backend, workers) = (options.backend()?, options.workers()?);
        let callers = if let Cow::Borrowed(graph) = graph { Some(graph) } else { None };
        let fused = lower::simplified(graph.into_owned())?;
        // What is observed has a place in the plan.
        let (fused, tail) = if observer.is_some() {
            (tail::without(fused)?, None)
        } else {
            Tail::split(fused, &options.shapes.limits)?
        };
        let constant_bytes = constants_of(callers.into_iter().chain([&fused]));
        let is_open = fused.inputs.iter().any(|input| input.shape.contains(&None));
        let (inputs, outputs) = (fused.inputs.clone(), fused.outputs.clone());
        let source = Source {
            graph: fused,
            backend,
            workers,
            shapes: options.shapes.clone(),
            shared: Shared::default(),
            constant_bytes,
            observer,
            has_tail: tail.is_some(),
        };
        let is_guess = is_open && source.shapes.inputs.is_empty();
        let plans = Plans::new(options.shapes.limits.clone(), held);
        let (lowered, source) = if is_open {
            (source.lowered(&source.shapes, held), Some(Mutex::new(source)))
        } else {
            (source.only_lowered(held), None)
        };
        let first = match lowered.and_then(|lowered| plans.add(lowered)) {
            Ok(plan) => [plan.lowered.inputs.clone(), plan.lowered.outputs.clone()],
            Err(Error::UnknownDimension { .. }) => [inputs.clone(), outputs],
            // The default batch of 1 is a guess: a node or an output may need another.
            Err(Error::InvalidNode { .. } | Error::InvalidValue { .. }) if is_guess => {
                [inputs.clone(), outputs]
            }
            Err(error) => return Err(error),
        };
        let positions = inputs.iter().enumerate().map(|(at, info)| (info.name.clone(), at)).collect();
        let orders = Stash::default();
        Ok(Self { inputs, first, source, plans, tail, positions, orders })
    }

    /// See [`Executor::run`](super::Executor::run).
    pub(super) fn run(&self, given: &dyn Given, options: &RunOptions<'_>) -> Result<Vec<Tensor>, Error> {
        let mut run = Run::new(self, given)?;
        run.walk(options, |_| ())?;
        let outputs = run.outputs()?;
        drop(run);
        match &self.tail {
            None => Ok(outputs),
            Some(tail) => tail.run(&outputs, |_| options.check()),
        }
    }

    /// See [`Executor::run_into`](super::Executor::run_into).
    pub(super) fn run_into(
        &self,
        given: &dyn Given,
        outputs: &mut dyn Results,
        options: &RunOptions<'_>,
    ) -> Result<(), Error> {
        let mut run = Run::new(self, given)?;
        if self.tail.is_some() {
            return Err(Error::argument(
                "outputs",
                "have sizes that are known only when the graph runs: call run",
            ));
        }
        run.check_outputs(outputs)?;
        run.walk(options, |_| ())?;
        run.copy_outputs(outputs)
    }

    /// For each input of the graph its position among the arguments of a call, and a plan for their shapes.
    pub(super) fn plan(&self, given: &dyn Given) -> Result<(Vec<usize>, Arc<Plan>), Error> {
        let order = self.find(given, self.orders.take().unwrap_or_default())?;
        let fits = |plan: &Plan| {
            let mut each = plan.lowered.inputs.iter().zip(&order);
            each.all(|(info, &at)| has_shape(info, given.tensor(at).shape()))
        };
        if let Some(plan) = self.plans.find(fits) {
            return Ok((order, plan));
        }
        // A graph without open dimensions has one plan, which all accepted inputs fit.
        let Some(source) = &self.source else { return Err(Error::argument("inputs", "fit no plan")) };
        let source = source.lock().unwrap_or_else(PoisonError::into_inner);
        // Another run may have made it meanwhile.
        if let Some(plan) = self.plans.find(fits) {
            return Ok((order, plan));
        }
        let shape =
            |(info, &at): (&ValueInfo, &usize)| (info.name.clone(), given.tensor(at).shape().to_vec());
        let shapes = ShapeOptions {
            batch: None,
            inputs: self.inputs.iter().zip(&order).map(shape).collect(),
            limits: source.shapes.limits.clone(),
        };
        self.plans.make_room();
        let plan = self.plans.add(source.lowered(&shapes, self.plans.held())?)?;
        Ok((order, plan))
    }

    /// Finds the graph's inputs among the arguments of a call.
    fn find(&self, given: &dyn Given, mut order: Vec<usize>) -> Result<Vec<usize>, Error> {
        order.clear();
        order.resize(self.inputs.len(), usize::MAX);
        // Of several with one name the first counts.
        for at in (0..given.count()).rev() {
            let name = given.name(at);
            let position = self.positions.get(name).and_then(|&position| order.get_mut(position));
            *position.ok_or_else(|| Error::value(name, "is not an input of the graph"))? = at;
        }
        for (info, &at) in self.inputs.iter().zip(&order) {
            if at >= given.count() {
                return Err(Error::value(&info.name, "is an input, but the call does not pass it"));
            }
            let tensor = given.tensor(at);
            check_type(info, tensor.data_type(), tensor.shape())?;
        }
        Ok(order)
    }
}

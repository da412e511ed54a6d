//! Observes the ranges of a graph's outputs.

use std::collections::BTreeMap;

use super::Range;
use super::runner::{Runner, observed};
use crate::exec::tail;
use crate::limits::constants_of;
use crate::{DataType, Error, Executor, ExecutorOptions, Graph, Limits, Tensor};

/// The least and greatest element of each output of a graph over any number of examples: for a calibration of another kind than
/// [`Calibrator`](super::Calibrator)'s, whose outputs are the values to be observed.
///
/// An output's memory is free again as soon as its elements were seen, however many outputs there are.
#[derive(Debug)]
pub struct OutputRanges {
    how: How,
    ranges: Vec<(String, Option<Range>)>,
}

#[derive(Debug)]
enum How {
    Observed(Box<Runner>),
    /// What has a size only when the graph runs has no place in a plan, in which it could be observed.
    Whole(Box<Executor>),
}

impl OutputRanges {
    /// Prepares to run `graph`, whose outputs are floats.
    ///
    /// # Errors
    ///
    /// Every error of [`Executor::new`].
    pub fn new(graph: Graph) -> Result<Self, Error> {
        let names: Vec<String> = graph.outputs.iter().map(|output| output.name.clone()).collect();
        let ranges = names.iter().map(|name| (name.clone(), None)).collect();
        let limits = Limits::for_model(&graph);
        let how = if tail::parts(&graph)?.1.is_empty() {
            let held = constants_of([&graph]);
            let values = names.into_iter().map(|name| (name, DataType::F32));
            How::Observed(Box::new(Runner::new(observed(graph, values), 0, held, &limits)?))
        } else {
            let mut options = ExecutorOptions::default();
            options.shapes.limits = limits;
            How::Whole(Box::new(Executor::new(&graph, &options)?))
        };
        Ok(Self { how, ranges })
    }

    /// Runs the graph on one example, a tensor for each input of the graph by name.
    ///
    /// # Errors
    ///
    /// Inputs that do not fit the graph; an output that is no float or not finite, with its name.
    pub fn observe(&mut self, inputs: &[(&str, &Tensor)]) -> Result<(), Error> {
        let ranges = &mut self.ranges;
        let mut see = |at: usize, values: Result<&[f32], Error>| {
            let (name, range) = &mut ranges[at];
            let new = Range::of(name, values.map_err(|error| error.in_value(name))?)?;
            *range = Some(range.map_or(new, |old| old.union(new)));
            Ok(())
        };
        match &mut self.how {
            How::Observed(runner) => runner.run(inputs, |at, _, seen| see(at, seen.floats())),
            How::Whole(executor) => {
                let values = executor.run(inputs)?;
                values.iter().enumerate().try_for_each(|(at, value)| see(at, value.as_f32()))
            }
        }
    }

    /// The ranges that were observed, by output.
    #[must_use]
    pub fn into_ranges(self) -> BTreeMap<String, Range> {
        self.ranges.into_iter().filter_map(|(name, range)| Some((name, range?))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Node, ValueInfo};

    fn graph(nodes: Vec<Node>, outputs: &[&str]) -> Graph {
        let value =
            |name: &str| ValueInfo { name: name.to_owned(), data_type: DataType::F32, shape: vec![Some(3)] };
        Graph {
            opset: 13,
            inputs: vec![value("x")],
            outputs: outputs.iter().map(|name| value(name)).collect(),
            nodes,
            ..Graph::default()
        }
    }

    fn ranges(graph: Graph) -> BTreeMap<String, Range> {
        let mut observed = OutputRanges::new(graph).expect("a graph that runs");
        for values in [[-1.0f32, 0.0, 2.0], [-3.0, 0.0, 1.0]] {
            observed.observe(&[("x", &Tensor::vector(values))]).expect("finite");
        }
        observed.into_ranges()
    }

    #[test]
    fn ranges_join_over_examples() {
        let nodes = vec![Node::new("r", "Relu", &["x"], &["r"]), Node::new("n", "Neg", &["x"], &["n"])];
        let found = ranges(graph(nodes, &["n", "r", "x"]));
        let expected = [("n", -2.0, 3.0), ("r", 0.0, 2.0), ("x", -3.0, 2.0)];
        assert_eq!(found, expected.map(|(name, min, max)| (name.to_owned(), Range { min, max })).into());
    }

    #[test]
    fn sizes_that_are_known_in_a_run_alone() {
        let nodes = vec![
            Node::new("k", "NonZero", &["x"], &["k"]),
            Node::new("t", "Transpose", &["k"], &["t"]),
            Node::new("g", "GatherND", &["x", "t"], &["g"]),
        ];
        let found = ranges(graph(nodes, &["g"]));
        assert_eq!(found["g"], Range { min: -3.0, max: 2.0 });
    }

    #[test]
    fn what_is_not_finite_is_named() {
        let nodes = vec![Node::new("l", "Log", &["x"], &["l"])];
        let mut observed = OutputRanges::new(graph(nodes, &["l"])).expect("a graph that runs");
        let error = observed.observe(&[("x", &Tensor::vector([1.0f32, 2.0, -1.0]))]).expect_err("NaN");
        assert!(error.to_string().contains("\"l\""), "{error}");
    }
}

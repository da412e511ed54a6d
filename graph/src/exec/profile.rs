//! The time of each step of a run.

use std::time::{Duration, Instant};

use super::run::Run;
use super::step::{Step, StepKind};
use super::tail::{DESCRIPTION, Tail};
use super::{Executor, RunOptions};
use crate::{AsTensor, Error, Node};

/// A step of an [`Executor`] and its time.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct StepTime {
    /// The node's name, and those of the nodes fused with it.
    pub name: String,
    /// The node's operator.
    pub op: String,
    /// What kind of computation the kernel is.
    pub kind: StepKind,
    /// A human-readable description of the kernel.
    pub description: String,
    /// The first value that the step writes, after the activations fused into it; empty if the graph has no name for it.
    pub value: String,
    /// The products that the step adds up: 0 for operators that multiply nothing, and where sizes are known only in a run.
    pub macs: u64,
    /// The median time over the runs.
    pub time: Duration,
}

impl Executor {
    /// Runs `runs` times and returns the time of every step, in execution order. The small overhead between two steps counts
    /// towards the later one; copying the outputs does not count.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    pub fn profile<V: AsTensor>(&self, inputs: &[(&str, V)], runs: usize) -> Result<Vec<StepTime>, Error> {
        let mut run = Run::new(&self.0, &inputs)?;
        let tail = self.0.tail.as_ref();
        let mut watch = Stopwatch::new(run.plan().lowered.steps.len());
        let mut of_tail = Stopwatch::new(tail.map_or(0, |tail| tail.nodes().len()));
        for _ in 0..runs.max(1) {
            watch.start();
            run.walk(&RunOptions::default(), |step| watch.lap(step))?;
            if let Some(tail) = tail {
                let outputs = run.outputs()?;
                of_tail.start();
                tail.run(&outputs, |at| {
                    of_tail.lap(at);
                    Ok(())
                })?;
            }
        }
        let steps = run.plan().lowered.steps.iter().zip(watch.medians());
        let of_step = |(step, time): (&Step, Duration)| StepTime {
            name: step.links.name.clone(),
            op: step.links.op.clone(),
            kind: step.kernel.kind(),
            description: step.kernel.describe(),
            value: step.links.written.clone(),
            macs: step.links.macs,
            time,
        };
        let nodes = tail.into_iter().flat_map(Tail::nodes).zip(of_tail.medians());
        let of_node = |(node, time): (&Node, Duration)| StepTime {
            name: node.name.clone(),
            op: node.op.to_string(),
            kind: StepKind::Plain,
            description: DESCRIPTION.to_owned(),
            value: node.output(0).unwrap_or_default().to_owned(),
            macs: 0,
            time,
        };
        Ok(steps.map(of_step).chain(nodes.map(of_node)).collect())
    }
}

/// The times of steps in several runs.
struct Stopwatch {
    times: Vec<Vec<Duration>>,
    last: Instant,
}

impl Stopwatch {
    fn new(steps: usize) -> Self {
        Self { times: vec![Vec::new(); steps], last: Instant::now() }
    }

    fn start(&mut self) {
        self.last = Instant::now();
    }

    /// Counts the time since the last call for a step.
    fn lap(&mut self, step: usize) {
        let now = Instant::now();
        self.times[step].push(now - self.last);
        self.last = now;
    }

    /// The median time of each step; none of a step that did not run.
    fn medians(self) -> impl Iterator<Item = Duration> {
        self.times.into_iter().map(|mut times| {
            times.sort_unstable();
            times.get(times.len() / 2).copied().unwrap_or_default()
        })
    }
}

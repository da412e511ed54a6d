//! The time of each step of a run.

use std::time::{Duration, Instant};

use super::Executor;
use crate::{Error, Tensor};

/// A step of an [`Executor`] and its time.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct StepTime {
    /// The node's name, and those of the nodes fused with it.
    pub name: String,
    /// The node's operator.
    pub op: String,
    /// A human-readable description of the kernel.
    pub description: String,
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
    pub fn profile(&mut self, inputs: &[(&str, &Tensor)], runs: usize) -> Result<Vec<StepTime>, Error> {
        let runs = runs.max(1);
        self.prepare(inputs)?;
        let mut times = vec![Vec::with_capacity(runs); self.plans[0].lowered.steps.len()];
        for _ in 0..runs {
            let mut last = Instant::now();
            self.walk(inputs, |step| {
                let now = Instant::now();
                times[step].push(now - last);
                last = now;
            })?;
        }
        let steps = self.plans[0].lowered.steps.iter().zip(times);
        let time = |(step, mut times): (&super::step::Step, Vec<Duration>)| {
            times.sort_unstable();
            StepTime {
                name: step.links.name.clone(),
                op: step.links.op.clone(),
                description: step.kernel.describe(),
                time: times[times.len() / 2],
            }
        };
        Ok(steps.map(time).collect())
    }
}

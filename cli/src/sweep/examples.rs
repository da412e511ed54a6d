//! Examples that many networks answer, with the answers of the float one.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use eightbit_graph::{Executor, Graph, Tensor};
use eightbit_vision::check;

use super::score::{Outcome, Score};
use crate::engine::{Settings, executor_options};
use crate::error::CliError;
use crate::source::Source;

/// The bytes of examples that are kept in memory; the others are read again for each network.
const KEPT: usize = 1 << 29;

/// Examples, and the float network's answers to them.
pub(crate) struct Reference<'a> {
    source: &'a Source,
    settings: &'a Settings,
    jobs: usize,
    /// The first examples.
    kept: Vec<Vec<Tensor>>,
    /// The class of each example, if they are known.
    classes: Option<Vec<usize>>,
    answers: Vec<Vec<f32>>,
    /// The number of scores in the first output.
    first: usize,
}

impl<'a> Reference<'a> {
    /// Runs the float network of `source` on its examples, up to `jobs` at the same time; `done` is called after each.
    pub(crate) fn new(
        source: &'a Source,
        classes: Option<Vec<usize>>,
        settings: &'a Settings,
        jobs: usize,
        done: &(dyn Fn() + Sync),
    ) -> Result<Self, CliError> {
        let mut kept = Vec::new();
        let mut bytes = 0;
        for index in 0..source.len() {
            let example = source.read(index)?;
            bytes += example.iter().map(|tensor| tensor.len() * size_of::<f32>()).sum::<usize>();
            if bytes > KEPT {
                break;
            }
            kept.push(example);
        }
        let mut reference = Self { source, settings, jobs, kept, classes, answers: Vec::new(), first: 0 };
        let graph = &source.graph;
        let answers = reference.run(graph, source.len(), done, |_, outputs| {
            let first = outputs.first().map_or(0, Tensor::len);
            Ok((first, joined(outputs)?))
        })?;
        for (_, answer) in &answers {
            check(answer)?;
        }
        reference.first = answers.first().map_or(0, |(first, _)| *first);
        reference.answers = answers.into_iter().map(|(_, answer)| answer).collect();
        reference.check_classes()?;
        Ok(reference)
    }

    /// The score of the float network itself.
    pub(crate) fn float(&self) -> Score {
        let outcomes: Vec<Outcome> =
            self.answers.iter().enumerate().map(|(index, answer)| self.outcome(index, answer)).collect();
        Score::of(&outcomes)
    }

    /// The score of `graph`, another form of the network, on the first `count` examples; `done` is called after each.
    pub(crate) fn score(
        &self,
        graph: &Graph,
        count: usize,
        done: &(dyn Fn() + Sync),
    ) -> Result<Score, CliError> {
        let count = count.min(self.source.len());
        let outcomes =
            self.run(graph, count, done, |index, outputs| Ok(self.outcome(index, &joined(outputs)?)))?;
        Ok(Score::of(&outcomes))
    }

    fn outcome(&self, index: usize, found: &[f32]) -> Outcome {
        let class = self.classes.as_ref().and_then(|classes| classes.get(index).copied());
        Outcome::of(&self.answers[index], found, self.first, class)
    }

    fn check_classes(&self) -> Result<(), CliError> {
        let wrong = self.classes.iter().flatten().find(|&&class| class >= self.first);
        wrong.map_or(Ok(()), |class| {
            Err(CliError::Invalid(format!(
                "class {class} of --labels (with --label-offset) does not exist: the network has {} classes, counted from 0",
                self.first
            )))
        })
    }

    /// What `see` makes of the outputs of `graph` for the first `count` examples, in their order.
    fn run<T: Send>(
        &self,
        graph: &Graph,
        count: usize,
        done: &(dyn Fn() + Sync),
        see: impl Fn(usize, &[Tensor]) -> Result<T, CliError> + Sync,
    ) -> Result<Vec<T>, CliError> {
        let name = &self.source.file.name;
        let options = executor_options(graph, self.settings.backend, self.settings.threads);
        let executor = Executor::new(graph, &options).map_err(|error| CliError::model(name, error))?;
        let one = |index: usize| {
            let read;
            let example = match self.kept.get(index) {
                Some(example) => example,
                None => {
                    read = self.source.read(index)?;
                    &read
                }
            };
            let outputs = executor.run(&self.source.named(example));
            let seen = see(index, &outputs.map_err(|error| CliError::model(name, error))?);
            done();
            seen
        };
        in_parallel(count, self.jobs, one)
    }
}

/// The scores of all float outputs, one after the other.
fn joined(outputs: &[Tensor]) -> Result<Vec<f32>, CliError> {
    let mut joined = Vec::new();
    for output in outputs {
        joined.extend_from_slice(output.as_f32().map_err(|error| {
            CliError::Invalid(format!("an output has no scores: choose one with --output-layer: {error}"))
        })?);
    }
    Ok(joined)
}

/// The results of `one` for 0 to `count`, in this order, of which up to `jobs` are computed at the same time; the first error.
fn in_parallel<T: Send>(
    count: usize,
    jobs: usize,
    one: impl Fn(usize) -> Result<T, CliError> + Sync,
) -> Result<Vec<T>, CliError> {
    let next = AtomicUsize::new(0);
    let results = Mutex::new(Vec::with_capacity(count));
    std::thread::scope(|scope| {
        for _ in 0..jobs.min(count) {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if index >= count {
                        return;
                    }
                    let result = one(index);
                    if result.is_err() {
                        // Nothing else is begun.
                        next.store(count, Ordering::Relaxed);
                    }
                    results.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push((index, result));
                }
            });
        }
    });
    let mut results = results.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    results.sort_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_in_order_whatever_the_jobs() {
        for jobs in [1, 2, 7] {
            assert_eq!(
                in_parallel(20, jobs, |index| Ok(index * 3)).expect("no error"),
                (0..20).map(|at| at * 3).collect::<Vec<_>>()
            );
            let failing = |index: usize| {
                if index == 5 { Err(CliError::Invalid("five".to_owned())) } else { Ok(index) }
            };
            assert!(in_parallel(20, jobs, failing).expect_err("an error").to_string().contains("five"));
        }
        assert_eq!(in_parallel(0, 4, Ok).expect("nothing"), [0usize; 0]);
    }
}

//! Measures how far the answers of an eight-bit graph are from those of the float graph.

use crate::ops::{flatten, identity, log_softmax, reshape, sigmoid, softmax, squeeze, unsqueeze};
use crate::quantize::pipeline::named;
use crate::quantize::runner::{Runner, observed};
use crate::quantize::{Dataset, Fault};
use crate::{DataType, Error, Graph, Limits, Node, Tensor};

/// The most bytes of float answers that are kept.
const KEPT: u64 = 256 << 20;
/// The part of the memory allowed that they may take.
const PART: u64 = 16;

/// The answers of the float graph to examples, with which those of eight-bit graphs are compared.
#[derive(Debug)]
pub(super) struct Judge {
    /// The values compared: the outputs, or what the functions that make probabilities of them read.
    values: Vec<String>,
    /// For each example its number and its answers.
    examples: Vec<(usize, Vec<Vec<f32>>)>,
    limits: Limits,
}

impl Judge {
    /// Runs `float` on the examples of these numbers; on fewer of them if the answers would fill the memory. `held` bytes are taken, the
    /// graph's constants among them.
    ///
    /// # Errors
    ///
    /// [`Error::OverLimit`] if the graph, or the answers to the first example, do not fit.
    pub(super) fn new<D: Dataset + ?Sized>(
        float: &Graph,
        dataset: &D,
        numbers: &[usize],
        (held, limits): (u64, &Limits),
    ) -> Result<Self, Fault<D::Error>> {
        let mut judge = Self { values: judged(float)?, examples: Vec::new(), limits: limits.clone() };
        let mut runner = judge.runner(float, held)?;
        let most = KEPT.min(limits.max_bytes / PART);
        for &number in numbers {
            let example = dataset.example(number).map_err(Fault::Example)?;
            let inputs = named(float, &example)?;
            let mut bytes = judge.bytes();
            runner.run(&inputs, |_, shape, _| {
                bytes += shape.iter().map(|&size| size as u64).product::<u64>() * 4;
                Ok(())
            })?;
            if bytes > most {
                if judge.examples.is_empty() {
                    let what = "a sixteenth of the memory, for the answers to an example,".to_owned();
                    return Err(Error::OverLimit { what, needs: bytes, limit: most, unit: "bytes" }.into());
                }
                break;
            }
            let answers = judge.answers(&mut runner, float, &example)?;
            judge.examples.push((number, answers));
        }
        Ok(judge)
    }

    /// The noise in the answers of `eight_bit` as a part of the signal: `Σ (float − eight-bit)² / Σ float²`, the mean of it over the
    /// examples and answers.
    ///
    /// `held` bytes are taken, the constants of `eight_bit` and the float answers among them.
    pub(super) fn error<D: Dataset + ?Sized>(
        &self,
        eight_bit: &Graph,
        dataset: &D,
        held: u64,
    ) -> Result<f64, Fault<D::Error>> {
        let mut runner = self.runner(eight_bit, held)?;
        let (mut sum, mut count) = (0.0, 0);
        for (number, float) in &self.examples {
            let example = dataset.example(*number).map_err(Fault::Example)?;
            let answers = self.answers(&mut runner, eight_bit, &example)?;
            for (float, eight_bit) in float.iter().zip(&answers) {
                let (mut signal, mut noise) = (0.0, 0.0);
                // What is not finite in float, such as the logarithm of 0, has no error.
                for (&float, &eight_bit) in float.iter().zip(eight_bit).filter(|(float, _)| float.is_finite())
                {
                    signal += f64::from(float) * f64::from(float);
                    noise += f64::from(float - eight_bit) * f64::from(float - eight_bit);
                }
                // Of answers that are all zeros, the noise itself.
                sum += if signal > 0.0 { noise / signal } else { noise };
                count += 1;
            }
        }
        Ok(sum / f64::from(count.max(1)))
    }

    /// The bytes of the float answers.
    pub(super) fn bytes(&self) -> u64 {
        self.examples.iter().flat_map(|(_, answers)| answers).map(|answer| answer.len() as u64 * 4).sum()
    }

    fn runner(&self, graph: &Graph, held: u64) -> Result<Runner, Error> {
        let values = self.values.iter().map(|value| (value.clone(), DataType::F32));
        Runner::new(observed(graph.clone(), values), 0, held, &self.limits)
    }

    fn answers(
        &self,
        runner: &mut Runner,
        graph: &Graph,
        example: &[Tensor],
    ) -> Result<Vec<Vec<f32>>, Error> {
        let mut answers = vec![Vec::new(); self.values.len()];
        let inputs = named(graph, example)?;
        runner.run(&inputs, |at, _, seen| {
            answers[at] = seen.floats()?.to_vec();
            Ok(())
        })?;
        Ok(answers)
    }
}

/// The values of `graph` whose errors count: its float outputs. Of probabilities, the scores from which they are computed, because a
/// certain answer hides what is wrong with the others.
fn judged(graph: &Graph) -> Result<Vec<String>, Error> {
    let producers = graph.producers()?;
    let mut values: Vec<String> = Vec::new();
    for output in graph.outputs.iter().filter(|output| output.data_type == DataType::F32) {
        let (mut value, mut scores) = (output.name.as_str(), None);
        while let Some(&node) = producers.get(value) {
            let node: &Node = &graph.nodes[node];
            let probabilities = [&softmax::OP, &log_softmax::OP, &sigmoid::OP].iter().any(|op| node.is(op));
            let moves = [&reshape::OP, &flatten::OP, &squeeze::OP, &unsqueeze::OP, &identity::OP]
                .iter()
                .any(|op| node.is(op));
            let Some(input) = node.input(0).filter(|_| probabilities || moves) else { break };
            if probabilities {
                scores = Some(input);
            }
            value = input;
        }
        let value = scores.unwrap_or(&output.name).to_owned();
        if !values.contains(&value) {
            values.push(value);
        }
    }
    Ok(values)
}

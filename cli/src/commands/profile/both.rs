//! Two forms of a network, and what is slower in one of them.

use std::io::Write;
use std::time::Duration;

use eightbit_graph::compare::{TimePair, compare_times};
use eightbit_graph::{Graph, Tensor, escaped};
use serde_json::json;

use crate::engine::Settings;
use crate::error::CliError;
use crate::fixing;
use crate::network::is_eight_bit;
use crate::profiled::Profiled;
use crate::report::{self, BOLD, GOOD, Table};
use crate::source::Source;

/// The most characters of names and kernels in a table.
const NAME: usize = 40;
const KERNEL: usize = 60;
/// A difference below this share of the faster one's time, or below this time, is none: measurements differ by as much.
const NOTABLE: f64 = 0.05;
const NOTABLE_TIME: Duration = Duration::from_micros(1);

/// Another form of the network.
pub(super) struct Other {
    name: String,
    graph: Graph,
    profiled: Profiled,
}

impl Other {
    pub(super) fn new(name: String, graph: Graph, settings: &Settings) -> Result<Self, CliError> {
        let profiled = Profiled::new(&name, &graph, settings)?;
        Ok(Self { name, graph, profiled })
    }

    /// Measures on the example of the network, whose inputs must be the same.
    pub(super) fn measure(&mut self, example: &[Tensor], budget: Duration) -> Result<(), CliError> {
        for (input, tensor) in self.graph.inputs.iter().zip(example) {
            fixing::bind(&mut input.clone(), tensor)
                .map_err(|reason| CliError::Invalid(format!("{}: {reason}", self.name)))?;
        }
        let inputs: Vec<(&str, &Tensor)> =
            self.graph.inputs.iter().map(|input| input.name.as_str()).zip(example).collect();
        self.profiled.measure(&inputs, budget)
    }

    /// The times of both, value by value.
    pub(super) fn compare(
        self,
        source: &Source,
        own: &Profiled,
        example: &[Tensor],
    ) -> Result<Compared, CliError> {
        let pairs = compare_times(
            (&source.graph, &own.steps),
            (&self.graph, &self.profiled.steps),
            &source.shapes(example),
        );
        let pairs = pairs
            .map_err(|error| CliError::model(&format!("{} and {}", source.file.name, self.name), error))?;
        // The eight-bit form is the one that should be faster.
        let is_slow_own = is_eight_bit(&source.graph) && !is_eight_bit(&self.graph);
        let line = |pair: TimePair| {
            let describe = |profiled: &Profiled, steps: &[usize]| {
                let longest = steps.iter().max_by_key(|&&at| profiled.steps[at].time);
                longest.map_or_else(String::new, |&at| profiled.steps[at].description.clone())
            };
            let [own, other] = [
                Side { time: pair.time, kernel: describe(own, &pair.steps) },
                Side { time: pair.other_time, kernel: describe(&self.profiled, &pair.other_steps) },
            ];
            let (base, new) = if is_slow_own { (other, own) } else { (own, other) };
            Line { value: pair.value, base, new }
        };
        let [own_name, other_name] = [source.file.name.clone(), self.name];
        let [own_total, other_total] = [own.total(), self.profiled.total()];
        let mut both = [(own_name, own_total), (other_name, other_total)];
        if is_slow_own {
            both.reverse();
        }
        let mut lines: Vec<Line> = pairs.into_iter().map(line).collect();
        lines.sort_by(|a, b| b.loss().total_cmp(&a.loss()));
        Ok(Compared { both, lines })
    }
}

/// What one form takes for a value.
struct Side {
    time: Duration,
    /// The kernel of its longest step.
    kernel: String,
}

/// What both take for a value: the form that is compared with, usually float, and the one that should be faster.
struct Line {
    value: String,
    base: Side,
    new: Side,
}

impl Line {
    /// The seconds that are lost.
    fn loss(&self) -> f64 {
        self.new.time.as_secs_f64() - self.base.time.as_secs_f64()
    }

    fn is_slower(&self) -> bool {
        self.new.time > self.base.time.mul_f64(1.0 + NOTABLE) + NOTABLE_TIME
    }
}

/// The names and times of both forms, and the values, those first for which most is lost.
pub(super) struct Compared {
    both: [(String, Duration); 2],
    lines: Vec<Line>,
}

impl Compared {
    pub(super) fn write(&self, out: &mut dyn Write) -> Result<(), CliError> {
        let [(base, base_time), (new, new_time)] = &self.both;
        writeln!(out, "\n{BOLD}Compared{BOLD:#}")?;
        for (name, time) in &self.both {
            writeln!(out, "{:>9.3} ms  {name}", milliseconds(*time))?;
        }
        let gain = base_time.as_secs_f64() / new_time.as_secs_f64().max(f64::MIN_POSITIVE);
        writeln!(out, "{new} is {gain:.2} times as fast as {base}")?;
        let slower: Vec<&Line> = self.lines.iter().filter(|line| line.is_slower()).collect();
        if slower.is_empty() {
            writeln!(
                out,
                "{GOOD}no value takes longer{GOOD:#} of the {} that both compute",
                self.lines.len()
            )?;
            return Ok(());
        }
        let count = report::count_as(slower.len(), "value takes", "values take");
        writeln!(
            out,
            "{BOLD}{count} longer{BOLD:#} in the second, of {} that both compute:\n",
            self.lines.len()
        )?;
        let mut table = Table::new(&["value", "ms", "ms", "ratio", "first's kernel", "second's kernel"], 1)
            .with_text_last(2);
        for line in slower {
            table.row([
                report::fit_end(&escaped(&line.value).to_string(), NAME),
                format!("{:.4}", milliseconds(line.base.time)),
                format!("{:.4}", milliseconds(line.new.time)),
                format!("{:.2}", line.new.time.as_secs_f64() / line.base.time.as_secs_f64().max(1e-9)),
                report::fit(&escaped(&line.base.kernel).to_string(), KERNEL),
                report::fit(&escaped(&line.new.kernel).to_string(), KERNEL),
            ]);
        }
        Ok(table.write(out)?)
    }

    pub(super) fn json(&self) -> serde_json::Value {
        let line = |line: &Line| {
            json!({
                "value": line.value,
                "first_milliseconds": milliseconds(line.base.time),
                "second_milliseconds": milliseconds(line.new.time),
                "slower": line.is_slower(),
                "first_kernel": line.base.kernel,
                "second_kernel": line.new.kernel,
            })
        };
        let form =
            |(name, time): &(String, Duration)| json!({ "model": name, "milliseconds": milliseconds(*time) });
        json!({
            "first": form(&self.both[0]),
            "second": form(&self.both[1]),
            "values": self.lines.iter().map(line).collect::<Vec<_>>(),
        })
    }
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

//! The steps of a network, and their totals by operator.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use eightbit_graph::{StepTime, escaped};
use serde_json::json;

use crate::error::CliError;
use crate::report::{self, Table};

/// The most characters of a step's name and of its kernel.
const NAME: usize = 40;
const KERNEL: usize = 90;

/// Time and products together.
#[derive(Clone, Copy, Default)]
struct Cost {
    steps: usize,
    time: Duration,
    macs: u64,
}

impl Cost {
    fn of(step: &StepTime) -> Self {
        Self { steps: 1, time: step.time, macs: step.macs }
    }

    fn add(&mut self, other: Self) {
        self.steps += other.steps;
        self.time += other.time;
        self.macs += other.macs;
    }

    fn milliseconds(self) -> f64 {
        self.time.as_secs_f64() * 1e3
    }

    fn share(self, all: Self) -> f64 {
        self.time.as_secs_f64() / all.time.as_secs_f64().max(f64::MIN_POSITIVE)
    }

    /// Multiplications and additions in Gop/s, for what multiplies.
    fn rate(self) -> Option<f64> {
        (self.macs > 0 && !self.time.is_zero()).then(|| 2e-9 * self.macs as f64 / self.time.as_secs_f64())
    }

    fn cells(self, all: Self, peak: f64) -> [String; 4] {
        let rate = self.rate();
        [
            format!("{:.3}", self.milliseconds()),
            format!("{:.1} %", 100.0 * self.share(all)),
            rate.map_or_else(String::new, |rate| format!("{rate:.1}")),
            rate.map_or_else(String::new, |rate| format!("{:.0} %", 100.0 * rate / peak)),
        ]
    }

    fn json(self, all: Self, peak: f64) -> serde_json::Value {
        json!({
            "milliseconds": self.milliseconds(),
            "share": self.share(all),
            "macs": self.macs,
            "gops": self.rate(),
            "of_peak": self.rate().map(|rate| rate / peak),
        })
    }
}

fn total(steps: &[StepTime]) -> Cost {
    let mut total = Cost::default();
    steps.iter().for_each(|step| total.add(Cost::of(step)));
    total
}

/// The steps in execution order, or those first that take longest.
fn ordered(steps: &[StepTime], in_order: bool) -> Vec<&StepTime> {
    let mut steps: Vec<&StepTime> = steps.iter().collect();
    if !in_order {
        steps.sort_by_key(|step| Reverse(step.time));
    }
    steps
}

/// The costs of each operator, those first that take longest.
fn by_operator(steps: &[StepTime]) -> Vec<(&str, Cost)> {
    let mut costs: BTreeMap<&str, Cost> = BTreeMap::new();
    for step in steps {
        costs.entry(&step.op).or_default().add(Cost::of(step));
    }
    let mut costs: Vec<_> = costs.into_iter().collect();
    costs.sort_by_key(|(_, cost)| Reverse(cost.time));
    costs
}

pub(super) fn table(
    out: &mut dyn Write,
    steps: &[StepTime],
    peak: f64,
    in_order: bool,
) -> Result<(), CliError> {
    let all = total(steps);
    // Numbers first: names and kernels differ in length.
    let mut table =
        Table::new(&["ms", "share", "Gop/s", "peak", "step", "operator", "kernel"], 0).with_text_last(3);
    for step in ordered(steps, in_order) {
        let [ms, share, rate, of_peak] = Cost::of(step).cells(all, peak);
        table.row([
            ms,
            share,
            rate,
            of_peak,
            report::fit_end(&escaped(&step.name).to_string(), NAME),
            escaped(&step.op).to_string(),
            report::fit(&escaped(&step.description).to_string(), KERNEL),
        ]);
    }
    Ok(table.write(out)?)
}

pub(super) fn totals(out: &mut dyn Write, steps: &[StepTime], peak: f64) -> Result<(), CliError> {
    let all = total(steps);
    let mut table = Table::new(&["operator", "steps", "ms", "share", "Gop/s", "peak"], 1);
    for (op, cost) in by_operator(steps).into_iter().chain([("total", all)]) {
        let [ms, share, rate, of_peak] = cost.cells(all, peak);
        table.row([escaped(op).to_string(), cost.steps.to_string(), ms, share, rate, of_peak]);
    }
    Ok(table.write(out)?)
}

pub(super) fn json(steps: &[StepTime], peak: f64, in_order: bool) -> Vec<serde_json::Value> {
    let all = total(steps);
    let line = |step: &StepTime| {
        let mut line = json!({
            "step": step.name,
            "operator": step.op,
            "value": step.value,
            "kernel": step.description,
        });
        merge(&mut line, Cost::of(step).json(all, peak));
        line
    };
    ordered(steps, in_order).into_iter().map(line).collect()
}

pub(super) fn totals_json(steps: &[StepTime], peak: f64) -> Vec<serde_json::Value> {
    let all = total(steps);
    let line = |(op, cost): (&str, Cost)| {
        let mut line = json!({ "operator": op, "steps": cost.steps });
        merge(&mut line, cost.json(all, peak));
        line
    };
    by_operator(steps).into_iter().map(line).collect()
}

/// Adds the fields of another object.
fn merge(to: &mut serde_json::Value, from: serde_json::Value) {
    if let (Some(to), serde_json::Value::Object(from)) = (to.as_object_mut(), from) {
        to.extend(from);
    }
}

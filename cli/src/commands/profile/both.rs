//! Two forms of a network, and what is slower in the second one.

use std::io::Write;
use std::time::Duration;

use eightbit_graph::escaped;
use eightbit_graph::shapes::ShapeOptions;
use serde_json::json;

use crate::error::CliError;
use crate::profiled::{Form, ValueTimes, by_value, milliseconds};
use crate::report::{self, BOLD, GOOD, Table};

/// The most characters of names and kernels in a table.
const NAME: usize = 40;
const KERNEL: usize = 60;
/// A difference below this share of the first one's time, or below this time, is none: measurements differ by as much.
const NOTABLE: f64 = 0.05;
const NOTABLE_TIME: Duration = Duration::from_micros(1);

/// The names and times of two forms, of which the second should be faster, and their values, those first for which most is lost.
pub(super) struct Compared {
    forms: [(String, Duration); 2],
    values: Vec<ValueTimes>,
}

impl Compared {
    /// Compares what was measured; `reversed` if the first form is the one that should be faster.
    pub(super) fn new(
        forms: &[Form<'_>; 2],
        shapes: &ShapeOptions,
        reversed: bool,
    ) -> Result<Self, CliError> {
        let mut values = by_value(forms, shapes)?;
        let mut forms = forms.each_ref().map(|form| (form.name.clone(), form.total()));
        if reversed {
            forms.reverse();
            values.iter_mut().for_each(|value| value.sides.reverse());
        }
        values.sort_by(|a, b| loss(b).total_cmp(&loss(a)));
        Ok(Self { forms, values })
    }

    pub(super) fn write(&self, out: &mut dyn Write) -> Result<(), CliError> {
        let [(first, first_time), (second, second_time)] = &self.forms;
        writeln!(out, "\n{BOLD}Compared{BOLD:#}")?;
        for (name, time) in &self.forms {
            writeln!(out, "{:>9.3} ms  {name}", milliseconds(*time))?;
        }
        writeln!(out, "{second} is {:.2} times as fast as {first}", ratio(*first_time, *second_time))?;
        let slower: Vec<&ValueTimes> = self.values.iter().filter(|value| is_slower(value)).collect();
        let all = self.values.len();
        if slower.is_empty() {
            writeln!(out, "{GOOD}no value takes longer{GOOD:#} of the {all} that both compute")?;
            return Ok(());
        }
        let count = report::count_as(slower.len(), "value takes", "values take");
        writeln!(out, "{BOLD}{count} longer{BOLD:#} in the second, of {all} that both compute:\n")?;
        let head = ["value", "first ms", "second ms", "ratio", "first's kernel", "second's kernel"];
        let mut table = Table::new(&head, 1).with_text_last(2);
        for value in slower {
            let [first, second] = &value.sides;
            table.row([
                report::fit_end(&escaped(&value.value).to_string(), NAME),
                format!("{:.4}", milliseconds(first.time)),
                format!("{:.4}", milliseconds(second.time)),
                format!("{:.2}", ratio(second.time, first.time)),
                report::fit(&escaped(&first.kernel).to_string(), KERNEL),
                report::fit(&escaped(&second.kernel).to_string(), KERNEL),
            ]);
        }
        Ok(table.write(out)?)
    }

    pub(super) fn json(&self) -> serde_json::Value {
        let value = |value: &ValueTimes| {
            let [first, second] = &value.sides;
            json!({
                "value": value.value,
                "first_milliseconds": milliseconds(first.time),
                "second_milliseconds": milliseconds(second.time),
                "slower": is_slower(value),
                "first_kernel": first.kernel,
                "second_kernel": second.kernel,
            })
        };
        let form =
            |(name, time): &(String, Duration)| json!({ "model": name, "milliseconds": milliseconds(*time) });
        json!({
            "first": form(&self.forms[0]),
            "second": form(&self.forms[1]),
            "values": self.values.iter().map(value).collect::<Vec<_>>(),
        })
    }
}

fn ratio(time: Duration, of: Duration) -> f64 {
    time.as_secs_f64() / of.as_secs_f64().max(1e-9)
}

/// The seconds that the second form loses.
fn loss(value: &ValueTimes) -> f64 {
    value.sides[1].time.as_secs_f64() - value.sides[0].time.as_secs_f64()
}

fn is_slower(value: &ValueTimes) -> bool {
    let [first, second] = &value.sides;
    second.time > first.time.mul_f64(1.0 + NOTABLE) + NOTABLE_TIME
}

//! The times of both forms of a quantized network.

use std::time::Duration;

use eightbit_graph::Graph;

use crate::args::{ExampleArgs, QuantizeArgs};
use crate::engine::Settings;
use crate::error::CliError;
use crate::profiled::{Form, ValueTimes, by_value};
use crate::source::Source;

/// How long each form is measured in a turn, and how often.
const BUDGET: Duration = Duration::from_millis(200);
const TURNS: usize = 3;

/// What the float network and the eight-bit one take on the first example.
pub(crate) struct Times {
    /// What ran them.
    pub(crate) run_by: String,
    /// Of all steps: float, eight-bit.
    pub(crate) totals: [Duration; 2],
    /// By value.
    pub(crate) values: Vec<ValueTimes>,
}

impl Times {
    /// Reads the float network of `args` again, and measures it beside `eight_bit`.
    pub(crate) fn measure(
        args: &QuantizeArgs,
        eight_bit: &Graph,
        has_photos: bool,
        settings: &Settings,
    ) -> Result<Self, CliError> {
        let (images, inputs) = if has_photos {
            (args.calibrate.clone(), Vec::new())
        } else {
            (Vec::new(), args.calibrate.clone())
        };
        let examples = ExampleArgs { images, inputs, random: args.random, limit: Some(1) };
        let source = Source::open(&args.model, &examples, &args.input, None)?;
        let example = source.read(0)?;
        let name = format!("{} in eight bits", source.file.name);
        let mut forms =
            [Form::new(&source.file.name, &source.graph, settings)?, Form::new(&name, eight_bit, settings)?];
        for _ in 0..TURNS {
            forms.iter_mut().try_for_each(|form| form.measure(&source.named(&example), BUDGET))?;
        }
        let values = by_value(&forms, &source.shapes(&example))?;
        Ok(Self { run_by: settings.describe(), totals: forms.each_ref().map(Form::total), values })
    }
}

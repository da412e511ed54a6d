//! `eightbit profile`: where a network's time goes.

mod both;
mod steps;

use std::io::Write;
use std::time::Duration;

use eightbit_graph::quantize::{QuantizeOptions, quantize};
use eightbit_graph::{Graph, Tensor};
use serde_json::json;

use crate::args::ProfileArgs;
use crate::bench::clock::Clock;
use crate::bench::peak::{self, Peak};
use crate::bench::timing::Stopwatch;
use crate::engine::Settings;
use crate::error::CliError;
use crate::network::{Network, is_eight_bit};
use crate::profiled::{Form, milliseconds};
use crate::report::{self, DIM};
use crate::source::Source;

use both::Compared;

/// Measurements of each network, which take turns if there are two.
const TURNS: u32 = 3;
/// How long the peak is measured.
const PEAK: Duration = Duration::from_millis(60);

pub(crate) fn run(args: &ProfileArgs, settings: &Settings, out: &mut dyn Write) -> Result<(), CliError> {
    let source = Source::open(&args.model, &args.examples, &args.input, Some(1))?;
    let example = source.read(0)?;
    let other = other(args, &source, &example)?;
    let mut own = Form::new(&source.file.name, &source.graph, settings)?;
    let mut second = other.as_ref().map(|(name, graph)| Form::new(name, graph, settings)).transpose()?;
    let peak = peak(settings)?;
    for _ in 0..TURNS {
        let budget = Duration::from_millis(args.budget) / TURNS;
        own.measure(&source.named(&example), budget)?;
        second.iter_mut().try_for_each(|form| form.measure(&source.named(&example), budget))?;
    }
    let (steps, total) = (own.steps.clone(), own.total());
    let compared = match (second, &other) {
        (Some(second), Some((_, graph))) => {
            // The eight-bit form is the one that should be faster.
            let reversed = is_eight_bit(&source.graph) && !is_eight_bit(graph);
            Some(Compared::new(&[own, second], &source.shapes(&example), reversed)?)
        }
        _ => None,
    };
    let all_peak = peak.rate() * settings.threads as f64;
    if args.json {
        let mut value = json!({
            "model": args.model.to_string_lossy(),
            "backend": settings.backend.name(),
            "threads": settings.threads,
            "peak_gops": all_peak,
            "milliseconds": milliseconds(total),
            "steps": steps::json(&steps, all_peak, args.in_order),
            "operators": steps::totals_json(&steps, all_peak),
        });
        if let Some(compared) = &compared {
            value["compared"] = compared.json();
        }
        return Ok(report::json(out, &value)?);
    }
    writeln!(out, "{DIM}network{DIM:#}  {}", source.file.name)?;
    writeln!(out, "{DIM}run by{DIM:#}   {}, on {}", settings.describe(), an(source.noun()))?;
    writeln!(out, "{DIM}peak{DIM:#}     {all_peak:.0} Gop/s ({})", peak.what)?;
    writeln!(out)?;
    steps::table(out, &steps, all_peak, args.in_order)?;
    writeln!(out)?;
    steps::totals(out, &steps, all_peak)?;
    compared.iter().try_for_each(|compared| compared.write(out))
}

fn an(noun: &str) -> String {
    if noun.starts_with('e') { format!("an {noun}") } else { format!("a {noun}") }
}

/// The peak of eight-bit multiplications on one thread.
fn peak(settings: &Settings) -> Result<Peak, CliError> {
    let stopwatch = Stopwatch { budget: PEAK, threads: 1, clock: Clock::for_threads(1) };
    Ok(peak::measure(settings.backend, &stopwatch)?)
}

/// The name and the graph of the other form of the network that `args` ask for.
fn other(
    args: &ProfileArgs,
    source: &Source,
    example: &[Tensor],
) -> Result<Option<(String, Graph)>, CliError> {
    if let Some(path) = &args.compare {
        let (file, graph) = Network::read(path, &args.input)?;
        return Ok(Some((file.name, graph)));
    }
    if !args.quantized {
        return Ok(None);
    }
    if is_eight_bit(&source.graph) {
        let reason = "--quantized: the network is eight-bit already: give the float one";
        return Err(CliError::Usage(reason.to_owned()));
    }
    let options =
        QuantizeOptions { limits: source.shapes(example).limits, measured: 0, ..QuantizeOptions::default() };
    let examples = [example.to_vec()];
    let quantized = quantize(&source.graph, &examples, &options, |_| {});
    let (graph, _) = quantized.map_err(|error| CliError::model(&source.file.name, error))?;
    Ok(Some((format!("{} in eight bits", source.file.name), graph)))
}

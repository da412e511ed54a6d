//! `eightbit compare`: where two forms of a network differ.

use std::io::Write;

use eightbit_graph::compare::{Comparer, Comparison, MatchedBy, ValueDifference};
use eightbit_graph::{Limits, escaped};
use serde_json::json;

use crate::args::CompareArgs;
use crate::error::CliError;
use crate::network::Network;
use crate::report::{self, BOLD, DIM, Table};
use crate::source::Source;

/// The most characters of a name in the table.
const NAME: usize = 44;
/// The most values listed that were not compared.
const SHOWN: usize = 3;

pub(crate) fn run(args: &CompareArgs, out: &mut dyn Write) -> Result<(), CliError> {
    let source = Source::open(&args.a, &args.examples, &args.input, None)?;
    let (other, graph) = Network::read(&args.b, &args.input)?;
    let both = format!("{} and {}", source.file.name, other.name);
    let of_both = |error| CliError::model(&both, error);
    let example = source.read(0)?;
    let mut options = source.shapes(&example);
    let limits = &mut options.limits;
    limits.max_bytes = limits.max_bytes.saturating_add(Limits::for_model(&graph).max_bytes);
    let mut comparer = Comparer::new(&source.graph, &graph, &options).map_err(of_both)?;
    drop(graph);
    let bar = report::progress(source.len(), "comparing");
    for index in 0..source.len() {
        let example = source.read(index)?;
        comparer.observe(&source.named(&example)).map_err(of_both)?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    let found = comparer.finish();
    if args.json {
        return Ok(report::json(out, &json(args, &found))?);
    }
    writeln!(out, "{DIM}A{DIM:#}         {}", source.file.name)?;
    writeln!(out, "{DIM}B{DIM:#}         {}", other.name)?;
    let by_position = found.values.iter().filter(|value| value.matched_by == MatchedBy::Position).count();
    writeln!(
        out,
        "{DIM}compared{DIM:#}  {} on {}, {by_position} of them matched by position",
        report::count(found.values.len(), "value"),
        report::count(found.examples, source.noun())
    )?;
    values(out, args, &found)?;
    outputs(out, &found)?;
    changed(out, &found)?;
    for (graph, names) in [("A", &found.unmatched), ("B", &found.other_unmatched)] {
        if !names.is_empty() {
            let shown: Vec<String> = names.iter().take(SHOWN).map(|name| fitted(name)).collect();
            let more = if names.len() > SHOWN { ", …: see --json" } else { "" };
            let (count, shown) = (report::count(names.len(), "value"), shown.join(", "));
            writeln!(out, "{DIM}not compared{DIM:#}  {count} of {graph}: {shown}{more}")?;
        }
    }
    Ok(())
}

fn values(out: &mut dyn Write, args: &CompareArgs, found: &Comparison) -> Result<(), CliError> {
    let values: Vec<&ValueDifference> = if args.in_order {
        found.values.iter().collect()
    } else {
        found.worst_first().into_iter().take(args.top).collect()
    };
    let order = if args.in_order { "in execution order" } else { "where most error is made first" };
    writeln!(
        out,
        "\nSignal-to-noise ratios in dB, {order} (20 dB: the error is a tenth; 40 dB: a hundredth)"
    )?;
    let mut table =
        Table::new(&["value", "node of B", "operator", "before", "here", "greatest difference"], 3);
    for value in values {
        table.row([
            fitted(&value.value),
            fitted(&value.other_node),
            escaped(&value.other_op).to_string(),
            decibels(value.before_db),
            decibels(value.sqnr_db),
            difference(value),
        ]);
    }
    Ok(table.write(out)?)
}

fn outputs(out: &mut dyn Write, found: &Comparison) -> Result<(), CliError> {
    writeln!(out)?;
    let head = ["output", "dB", "mean difference", "greatest difference", "same largest element"];
    let mut table = Table::new(&head, 1);
    let mut missing = Vec::new();
    for output in &found.outputs {
        let Some(value) = output.value.and_then(|value| found.values.get(value)) else {
            missing.push(output.output.as_str());
            continue;
        };
        table.row([
            fitted(&output.output),
            decibels(value.sqnr_db),
            format!("{:.4}", output.mean_difference),
            difference(value),
            format!("{} of {}", output.same_largest, found.examples),
        ]);
    }
    table.write(out)?;
    if !missing.is_empty() {
        writeln!(out, "{BOLD}not found in B{BOLD:#}: {}", report::names(missing))?;
    }
    Ok(writeln!(out)?)
}

/// The values of which channels are left out.
fn changed(out: &mut dyn Write, found: &Comparison) -> std::io::Result<()> {
    let changed: Vec<&ValueDifference> =
        found.values.iter().filter(|value| value.changed_channels > 0).collect();
    if changed.is_empty() {
        return Ok(());
    }
    let shown: Vec<String> = changed
        .iter()
        .take(SHOWN)
        .map(|value| format!("{} of {}", value.changed_channels, fitted(&value.value)))
        .collect();
    let more = if changed.len() > SHOWN { ", …: see --json" } else { "" };
    let channels: usize = changed.iter().map(|value| value.changed_channels).sum();
    writeln!(
        out,
        "{DIM}not compared{DIM:#}  {} that B rescales or copies, and takes back: {}{more}",
        report::count(channels, "channel"),
        shown.join(", ")
    )
}

fn fitted(name: &str) -> String {
    report::fit_end(&escaped(name).to_string(), NAME)
}

fn decibels(ratio: f64) -> String {
    match ratio {
        f64::INFINITY => "equal".to_owned(),
        ratio if ratio.is_finite() => format!("{ratio:.1}"),
        _ => "none".to_owned(),
    }
}

fn difference(value: &ValueDifference) -> String {
    match value.not_finite {
        0 => format!("{:.4}", value.max_difference),
        count => format!("{} not finite", report::count_as(count as usize, "element", "elements")),
    }
}

fn json(args: &CompareArgs, found: &Comparison) -> serde_json::Value {
    let value = |value: &ValueDifference| {
        json!({
            "value": value.value,
            "other_value": value.other_value,
            "node": value.node,
            "operator": value.op,
            "other_node": value.other_node,
            "other_operator": value.other_op,
            "matched_by": value.matched_by.word(),
            "shape": value.shape,
            // JSON has no infinity: the ratio of equal values is null.
            "sqnr_db": value.sqnr_db,
            "before_db": value.before_db,
            "made_here": value.made_here,
            "max_difference": value.max_difference,
            "not_finite": value.not_finite,
            "changed_channels": value.changed_channels,
        })
    };
    let values: Vec<_> = match args.in_order {
        true => found.values.iter().map(value).collect(),
        false => found.worst_first().into_iter().map(value).collect(),
    };
    let outputs = found.outputs.iter().map(|output| {
        let value = output.value.and_then(|value| found.values.get(value));
        json!({
            "output": output.output,
            "compared": value.is_some(),
            "sqnr_db": value.map(|value| value.sqnr_db),
            "mean_difference": value.map(|_| output.mean_difference),
            "max_difference": value.map(|value| value.max_difference),
            "same_largest": value.map(|_| output.same_largest),
        })
    });
    json!({
        "a": args.a.to_string_lossy(),
        "b": args.b.to_string_lossy(),
        "examples": found.examples,
        "values": values,
        "outputs": outputs.collect::<Vec<_>>(),
        "not_compared_of_a": found.unmatched,
        "not_compared_of_b": found.other_unmatched,
    })
}

//! The sweep as tables in a terminal.

use std::io::{self, Write};

use eightbit_graph::escaped;
use eightbit_graph::precision::Format;

use super::{LayerRow, Part, Row, Score, Sweep, decibels};
use crate::report::{self, BOLD, DIM, GOOD, Table};

/// The most characters of a layer's name.
const NAME: usize = 44;
/// The number of layers shown that lose most.
const WORST: usize = 16;

pub(crate) fn text(out: &mut dyn Write, sweep: &Sweep) -> io::Result<()> {
    writeln!(out, "{DIM}network{DIM:#}     {}", sweep.name)?;
    writeln!(out, "{DIM}calibrated{DIM:#}  with {}", report::count(sweep.calibrated, sweep.noun))?;
    writeln!(out, "{DIM}answered{DIM:#}    {}\n", report::count(sweep.float.examples, sweep.noun))?;
    let classes = sweep.float.right.is_some();
    let mut head = vec!["reduced", "to bits"];
    head.extend(classes.then_some("top-1"));
    head.extend(["same answer", "score error", "dB", "weights"]);
    let mut table = Table::new(&head, 1);
    table.row(cells("nothing", "float", &sweep.float, sweep.float_bytes));
    for row in &sweep.rows {
        table.row(cells(row.part.name(), &row.format.to_string(), &row.score, row.bytes));
    }
    table.write(out)?;
    enough(out, sweep)?;
    for part in [Part::Weights, Part::Activations] {
        layers(out, sweep, part)?;
    }
    Ok(())
}

fn cells(part: &str, format: &str, score: &Score, bytes: u64) -> Vec<String> {
    let mut cells = vec![part.to_owned(), format.to_owned()];
    cells.extend(score.right.map(|right| report::percent(right, score.examples)));
    cells.extend([
        report::percent(score.same, score.examples),
        format!("{:.4}", score.mean_difference()),
        decibels(score.sqnr_db()),
        report::bytes(usize::try_from(bytes).unwrap_or(usize::MAX)),
    ]);
    cells
}

/// The fewest bits that will do.
fn enough(out: &mut dyn Write, sweep: &Sweep) -> io::Result<()> {
    let what = if sweep.float.right.is_some() { "top-1" } else { "same answers" };
    writeln!(out, "\n{BOLD}Enough{BOLD:#}, if {:.2} points of {what} may be lost", sweep.accuracy_drop)?;
    for series in sweep.series() {
        let part = series.first().map_or("", |row| row.part.name());
        match sweep.enough(series) {
            Some(Row { format, score, .. }) => {
                let accuracy = score.accuracy();
                writeln!(out, "  {part:<11}  {GOOD}{}{GOOD:#}  {DIM}{accuracy:.1} %{DIM:#}", bits(format))?;
            }
            None => writeln!(out, "  {part:<11}  none of those tried")?,
        }
    }
    Ok(())
}

fn bits(format: &Format) -> String {
    match format {
        Format::Bits(bits) => report::count(bits.get().into(), "bit"),
        Format::Fixed(format) => format.to_string(),
    }
}

/// The layers that lose most, with a column for each precision.
fn layers(out: &mut dyn Write, sweep: &Sweep, part: Part) -> io::Result<()> {
    let rows: Vec<&LayerRow> = sweep.layers.iter().filter(|layer| layer.row.part == part).collect();
    let Some(first) = rows.first() else { return Ok(()) };
    let formats: Vec<String> = rows
        .iter()
        .take_while(|row| row.layer == first.layer)
        .map(|row| row.row.format.to_string())
        .collect();
    let mut layers: Vec<&[&LayerRow]> = rows.chunks(formats.len().max(1)).collect();
    let worst =
        |layer: &[&LayerRow]| layer.iter().map(|row| row.row.score.sqnr_db()).fold(f64::INFINITY, f64::min);
    layers.sort_by(|a, b| worst(a).total_cmp(&worst(b)));
    let count = report::count(first.row.score.examples, sweep.noun);
    let shown = if layers.len() > WORST {
        format!("the worst {WORST} of {}", layers.len())
    } else {
        "worst first".to_owned()
    };
    writeln!(
        out,
        "\n{BOLD}{} of one layer{BOLD:#}, by bits: dB at the outputs on {count}, {shown}",
        title(part)
    )?;
    let mut head = vec!["layer", "operator"];
    head.extend(formats.iter().map(String::as_str));
    let mut table = Table::new(&head, 2);
    for layer in layers.into_iter().take(WORST) {
        let (name, op) = layer.first().map_or(("", ""), |row| (&row.layer, &row.op));
        let names = [report::fit_end(&escaped(name).to_string(), NAME), escaped(op).to_string()];
        table.row(names.into_iter().chain(layer.iter().map(|row| decibels(row.row.score.sqnr_db()))));
    }
    table.write(out)
}

fn title(part: Part) -> &'static str {
    if part == Part::Weights { "Weights" } else { "Activations" }
}
